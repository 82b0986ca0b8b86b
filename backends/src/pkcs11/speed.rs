//! What the engine adds to the calls of the module, and how many of them a ticket takes.
//!
//! `cargo test --release -p icsf-backends speed -- --ignored --nocapture` measures; the counts are tested always.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, HashAlgorithm, KeyHandle, KeySpec, MasterKeyKind, RegisterChange};
use softhsm_fixtures::{Card, Function};
use tempfile::TempDir;

use super::{Options, Pkcs11};

/// Dependent calls of a ticket.
const ROUNDS: usize = 6;

struct Rig {
    engine: Arc<Pkcs11>,
    des: Arc<dyn KeyHandle>,
    hmac: Arc<dyn KeyHandle>,
    card: Card,
    _directory: TempDir,
}

fn rig() -> Rig {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let options = Options::new(card.module(), card.label());
    let pin = ClearKey::from_slice(card.user_pin().expose().as_bytes());
    let engine = Arc::new(Pkcs11::create(directory.path().join("registers"), options, pin).unwrap());
    for kind in MasterKeyKind::ALL {
        engine.change_register(kind, RegisterChange::Generate).unwrap();
        let made = engine.master_keys().unwrap().of(kind).new.pattern().unwrap();
        engine.change_register(kind, RegisterChange::Set(made)).unwrap();
    }
    let open = |spec| Arc::from(engine.open(&engine.generate(spec).unwrap()).unwrap());
    let (des, hmac) = (open(KeySpec::DES), open(KeySpec::hmac(64).unwrap()));
    Rig { des, hmac, engine, card, _directory: directory }
}

fn legacy(key: &dyn KeyHandle) {
    let mut blocks = [[7; 8]];
    (0..ROUNDS).for_each(|_| key.encipher_blocks(&mut blocks).unwrap());
}

fn enhanced(key: &dyn KeyHandle) {
    let mut macs = [[0; 64]];
    (0..ROUNDS).for_each(|_| key.hmac(HashAlgorithm::Sha512, &[&[7; 24]], &mut macs).unwrap());
}

#[test]
fn a_warm_ticket_takes_six_calls_and_nothing_else() {
    let rig = rig();
    for (key, ticket, init, call) in [
        (&rig.des, legacy as fn(&dyn KeyHandle), Function::EncryptInit, Function::Encrypt),
        (&rig.hmac, enhanced, Function::SignInit, Function::Sign),
    ] {
        ticket(key.as_ref());
        let before = rig.card.calls();
        let (work, key) = (ticket, Arc::clone(key));
        rig.engine.run(Box::new(move || work(key.as_ref()))).unwrap();
        let calls = rig.card.calls().since(&before);
        // The cryptoki crate asks for the length of each answer first.
        let expected = [(init, 6), (call, 12)];
        let seen: Vec<_> = calls.iter().filter(|(function, _)| !is_proof(*function)).collect();
        assert_eq!(seen, expected);
    }
}

/// On a slow machine the proof that the master keys are still there may fall due meanwhile.
const fn is_proof(function: Function) -> bool {
    matches!(function, Function::WrapKey | Function::OpenSession)
}

#[test]
fn many_blocks_travel_in_one_call() {
    let rig = rig();
    let mut blocks = vec![[7; 8]; 256];
    rig.des.encipher_blocks(&mut blocks).unwrap();
    let before = rig.card.calls();
    rig.des.encipher_blocks(&mut blocks).unwrap();
    assert_eq!(rig.card.calls().since(&before).of(Function::EncryptInit), 1);
}

fn median(times: u32, mut work: impl FnMut()) -> Duration {
    let mut taken: Vec<_> = (0..times)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    taken.sort();
    taken[taken.len() / 2]
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let rig = rig();
    let session = rig.card.session();
    let key = |key_type, use_, length| {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(key_type),
            Attribute::Token(false),
            Attribute::Value(vec![0x5d; length]),
            use_,
        ];
        session.create_object(&template).unwrap()
    };
    let (des, hmac) =
        (key(KeyType::DES3, Attribute::Encrypt(true), 24), key(KeyType::GENERIC_SECRET, Attribute::Sign(true), 64));
    let bare_legacy = || {
        (0..ROUNDS).for_each(|_| drop(session.encrypt(&Mechanism::Des3Ecb, des, &[7; 8]).unwrap()));
    };
    let bare_enhanced = || {
        (0..ROUNDS).for_each(|_| drop(session.sign(&Mechanism::Sha512Hmac, hmac, &[7; 24]).unwrap()));
    };
    let run = |work: fn(&dyn KeyHandle), key: &Arc<dyn KeyHandle>| {
        let key = Arc::clone(key);
        rig.engine.run(Box::new(move || work(key.as_ref()))).unwrap();
    };
    let times = 3000;
    for _ in 0..3 {
        let bare = median(times, bare_legacy);
        let one = median(times, || run(legacy, &rig.des));
        let each = median(times, || legacy(rig.des.as_ref()));
        println!("legacy: bare {bare:?}, in one run {one:?} ({:.2}), each by itself {each:?}", ratio(one, bare));
        let bare = median(times, bare_enhanced);
        let one = median(times, || run(enhanced, &rig.hmac));
        let each = median(times, || enhanced(rig.hmac.as_ref()));
        println!("enhanced: bare {bare:?}, in one run {one:?} ({:.2}), each by itself {each:?}", ratio(one, bare));
        let mut blocks = vec![[7; 8]; 256];
        let bare = median(times / 6, || {
            (0..ROUNDS).for_each(|_| drop(session.encrypt(&Mechanism::Des3Ecb, des, blocks.as_flattened()).unwrap()));
        });
        let batch = median(times / 6, || (0..ROUNDS).for_each(|_| rig.des.encipher_blocks(&mut blocks).unwrap()));
        println!("256 legacy tickets: bare {bare:?}, {batch:?} ({:.2})", ratio(batch, bare));
    }
}

fn ratio(ours: Duration, bare: Duration) -> f64 {
    ours.as_secs_f64() / bare.as_secs_f64()
}
