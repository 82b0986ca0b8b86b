//! What only the software engine does; what every engine does is in the conformance suite.

use std::sync::Arc;

use icsf_backends::Software;
use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, EngineErrorKind, HashAlgorithm, KeySpec, MasterKeyKind, Part, Register, RegisterChange, WrappedKey,
};
use icsf_core::random::{SeededRandom, SystemRandom};

use crate::support::set;

fn with_master_keys() -> Software {
    let engine = Software::in_memory(Arc::new(SystemRandom));
    for kind in MasterKeyKind::ALL {
        engine.change_register(kind, RegisterChange::Generate).unwrap();
        set(&engine, kind);
    }
    engine
}

#[test]
fn a_seeded_engine_makes_the_same_keys_again() {
    let blob = |seed| {
        let engine = Software::in_memory(Arc::new(SeededRandom::new(seed)));
        engine.change_register(MasterKeyKind::Des, RegisterChange::Generate).unwrap();
        set(&engine, MasterKeyKind::Des);
        engine.generate(KeySpec::DES).unwrap()
    };
    assert_eq!(blob(1), blob(1));
    assert_ne!(blob(1), blob(2));
}

#[test]
fn a_key_offered_in_a_shorter_length_than_it_has_is_damaged() {
    let engine = with_master_keys();
    let long = KeySpec::hmac(64).unwrap();
    let wrapped = engine.wrap(long, &ClearKey::new(vec![7; 64])).unwrap();
    let offered = WrappedKey::new(KeySpec::hmac(32).unwrap(), wrapped.mkvp(), wrapped.blob());
    assert_eq!(*engine.open(&offered).unwrap_err().kind(), EngineErrorKind::Damaged);
}

#[test]
fn nothing_is_wrapped_under_the_old_master_key() {
    let engine = with_master_keys();
    let wrapped = engine.generate(KeySpec::DES).unwrap();
    assert_eq!(*engine.rewrap(&wrapped, Register::Old).unwrap_err().kind(), EngineErrorKind::Refused);
}

#[test]
fn a_missing_place_for_a_mac_is_noticed() {
    let engine = with_master_keys();
    let handle = engine.open(&engine.generate(KeySpec::hmac(64).unwrap()).unwrap()).unwrap();
    let error = handle.hmac(HashAlgorithm::Sha512, &[b"one", b"two"], &mut [[0; 64]; 1]).unwrap_err();
    assert!(error.to_string().ends_with("2 messages and places for 1 MACs"), "{error}");
}

#[test]
fn refusals_say_what_to_do() {
    let engine = with_master_keys();
    let part = ClearKey::new(vec![1; 32]);
    let change = |change| engine.change_register(MasterKeyKind::Aes, change).unwrap_err().to_string();
    assert_eq!(
        change(RegisterChange::Load(Part::Middle, &part)),
        "the new AES-MK register is empty: enter the first part first"
    );
    let current = engine.master_keys().unwrap().aes.current.unwrap();
    assert_eq!(change(RegisterChange::Set(current)), "the new AES-MK register is not full: enter the final part first");
    let short = ClearKey::new(vec![1; 16]);
    assert_eq!(change(RegisterChange::Load(Part::First, &short)), "a part of the AES-MK has 32 bytes, and this one 16");
}
