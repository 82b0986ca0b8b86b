//! What the fixtures cost, as medians of many: `cargo run --release -p softhsm-fixtures --example speed`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people, which may give up")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use softhsm_fixtures::{Card, Token};

fn main() {
    println!("temporary files in {}", std::env::temp_dir().display());
    let first = Instant::now();
    drop(Token::shared());
    println!("first shared token of the process {:>10.1?}", first.elapsed());

    let mut kept = Vec::new();
    measure("shared token, 32 kept", 32, || kept.push(Token::shared()));
    kept.clear();
    measure("shared token, made and dropped", 50, || drop(Token::shared()));
    measure("isolated token, made and dropped", 50, || drop(Token::isolated()));
    measure("card, made and dropped", 50, || drop(Card::new()));

    let card = Card::new();
    let context = load(card.module());
    let slot = Slot::try_from(card.slot().unwrap()).unwrap();
    measure("card pulled, missed, put back, login", 500, || {
        card.pull();
        assert!(context.open_ro_session(slot).is_err());
        card.put_back();
        drop(log_in(&context, slot, card.user_pin().expose()));
    });

    let token = Token::isolated();
    let direct = load(token.module()).open_ro_session(Slot::try_from(token.slot().unwrap()).unwrap()).unwrap();
    let shimmed = context.open_ro_session(slot).unwrap();
    measure("C_GetSessionInfo, direct", 100_000, || drop(black_box(direct.get_session_info())));
    measure("C_GetSessionInfo, through the shim", 100_000, || drop(black_box(shimmed.get_session_info())));
}

fn load(module: std::path::PathBuf) -> Pkcs11 {
    let context = Pkcs11::new(module).unwrap();
    // A token's module is initialized already, a card's is not.
    let _ = context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    context
}

fn log_in(context: &Pkcs11, slot: Slot, pin: &str) -> Session {
    let session = context.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&pin.into())).unwrap();
    session
}

fn measure(what: &str, times: usize, mut work: impl FnMut()) {
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed()
        })
        .collect();
    taken.sort();
    println!("{what:<38} {:>10.1?}", taken.get(times / 2).unwrap());
}
