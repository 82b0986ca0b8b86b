//! What others in the process do to a token that an engine uses, and what becomes of an engine in a forked child.

use std::time::{Duration, Instant};

use cryptoki::error::{Error, RvError};
use cryptoki::session::UserType;
use icsf_backends::pkcs11::{Pkcs11, TokenErrorKind};
use icsf_core::backend::{Backend, BackendState, MasterKeyKind};
use softhsm_fixtures::{Card, Configuration, Function, forked};

use crate::pkcs11_support::{NO_ENGINE, Rig, card_options, pin};
use crate::support::process;

#[test]
fn a_stranger_who_logs_out_is_not_noticed() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    card.session().logout().unwrap();
    assert_eq!(rig.works(), block);
}

#[test]
fn a_stranger_who_finalizes_is_not_noticed() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    card.context().finalize().unwrap();
    assert_eq!(rig.works(), block);
    card.context().finalize().unwrap();
    // And initializes: our numbers may be a stranger's now, who must not lose what they stand for.
    let session = card.session();
    assert_eq!(rig.works(), block);
    session.generate_random_vec(8).unwrap();
}

#[test]
fn the_sessions_of_a_stranger_outlive_ours() {
    let card = Card::new();
    let rig = Rig::on(&card);
    rig.works();
    card.context().finalize().unwrap();
    let sessions: Vec<_> = (0..20).map(|_| card.session()).collect();
    drop(rig);
    assert!(sessions.iter().all(|session| session.generate_random_vec(8).is_ok()));
}

#[test]
fn somebody_who_has_initialized_and_logged_in_before_is_no_hindrance() {
    let card = Card::new();
    let _session = card.session();
    Rig::on(&card).works();
}

#[test]
fn a_stranger_who_closes_all_sessions_is_not_noticed() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    for _ in 0..3 {
        card.close_all_sessions().unwrap();
        assert_eq!(rig.works(), block);
        // Also where it is a change of the registers that comes upon it.
        card.close_all_sessions().unwrap();
        rig.icsf.generate_master_key(MasterKeyKind::Aes).unwrap();
        rig.icsf.clear_new_master_key(MasterKeyKind::Aes).unwrap();
    }
    // The numbers of ours are given to him next, and are his.
    card.close_all_sessions().unwrap();
    let sessions: Vec<_> = (0..20).map(|_| card.session()).collect();
    assert_eq!(rig.works(), block);
    drop(rig);
    assert!(sessions.iter().all(|session| session.generate_random_vec(8).is_ok()));
}

#[test]
fn the_security_officer_in_our_place_keeps_the_engine_out_until_he_is_gone() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    let officer = || {
        card.context().finalize().unwrap();
        let context = card.context();
        let session = context.open_rw_session(card.slot().unwrap().try_into().unwrap()).unwrap();
        session.login(UserType::So, Some(&card.so_pin().expose().to_owned().into())).unwrap();
        session
    };
    let session = officer();
    rig.fails_with(NO_ENGINE, &["offline", "the security officer is logged in"]);
    rig.fails_with(NO_ENGINE, &["offline", "the security officer is logged in"]);
    session.logout().unwrap();
    assert_eq!(rig.works(), block);
}

#[test]
fn a_token_that_is_in_use_is_not_initialized_anew_by_a_stranger() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    let slot = card.slot().unwrap().try_into().unwrap();
    let refused = card.context().init_token(slot, &card.so_pin().expose().to_owned().into(), card.label());
    assert!(matches!(refused, Err(Error::Pkcs11(RvError::SessionExists, _))), "{refused:?}");
    assert_eq!(rig.works(), block);
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_forks() {
    for reset_on_fork in ["false", "true"] {
        let card = Card::try_new(&Configuration::new().set("library.reset_on_fork", reset_on_fork)).unwrap();
        let rig = Rig::on(&card);
        let block = rig.works();
        let parent = std::process::id();
        let before = card.calls();
        let mut rig = Some(rig);
        let said = forked(|| {
            let rig = rig.take().unwrap();
            let began = Instant::now();
            rig.fails_with(NO_ENGINE, &["offline", &format!("in process {parent}, from which this one was forked")]);
            let error = rig.engine.unlock(pin(card.user_pin())).unwrap_err();
            assert!(matches!(error.kind(), TokenErrorKind::Forked(_)), "{error}");
            let registers = rig.registers.clone();
            std::mem::forget(rig.closed());
            assert_eq!(card.calls().since(&before).of(Function::CloseSession), 0, "the parent's sessions");
            let waited = began.elapsed();
            assert!(waited < Duration::from_millis(900), "{waited:?}");
            // What is opened here is this process's own.
            let engine = Pkcs11::open(registers, card_options(&card), Some(pin(card.user_pin()))).unwrap();
            let key = engine.generate(icsf_core::backend::KeySpec::DES).unwrap();
            engine.open(&key).unwrap().encipher_blocks(&mut [[0; 8]]).unwrap();
            matches!(engine.state(), BackendState::Online { .. }).to_string()
        });
        assert_eq!(said.unwrap(), "true", "reset_on_fork = {reset_on_fork}");
        assert_eq!(rig.unwrap().works(), block);
    }
}

#[test]
fn an_engine_stays_behind_in_the_process_it_was_opened_in() {
    let done = process("pkcs11_strangers::child_that_forks").output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}
