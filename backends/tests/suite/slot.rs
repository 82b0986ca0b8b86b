use std::sync::Arc;

use icsf_backends::Slot;
use icsf_core::backend::{Backend, BackendState, EngineErrorKind, KeySpec, MasterKeyKind, Register, RegisterChange};

use crate::support::{generation, in_memory, set_master_keys};

#[test]
fn an_empty_slot_is_deconfigured_and_says_so() {
    let slot = Slot::empty();
    assert_eq!(slot.state(), BackendState::Deconfigured);
    assert_eq!(slot.attach().unwrap_err().to_string(), "there is no card in the slot");
    let errors = [
        slot.random(&mut [0; 8]).unwrap_err(),
        slot.master_keys().unwrap_err(),
        slot.generate(KeySpec::DES).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(*error.kind(), EngineErrorKind::Unavailable);
    }
    assert_eq!(slot.info().kind, "none");
    assert!(slot.remove().is_none());
}

#[test]
fn a_key_dies_with_its_card_though_the_card_goes_on_working() {
    let card = in_memory();
    set_master_keys(card.as_ref());
    let slot = Slot::with(card.clone());
    let wrapped = slot.generate(KeySpec::DES).unwrap();
    let key = slot.open(&wrapped).unwrap();
    let own = card.open(&wrapped).unwrap();
    key.encipher_blocks(&mut [[0; 8]]).unwrap();

    let pulled = slot.remove().unwrap();
    let error = key.encipher_blocks(&mut [[0; 8]]).unwrap_err();
    assert_eq!(*error.kind(), EngineErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the card that held the key was pulled");
    assert_eq!(*slot.open(&wrapped).unwrap_err().kind(), EngineErrorKind::Unavailable);
    own.encipher_blocks(&mut [[0; 8]]).unwrap();

    // The same card again is still a change.
    slot.insert(pulled);
    assert_eq!(*key.decipher_blocks(&mut [[0; 8]]).unwrap_err().kind(), EngineErrorKind::Unavailable);
    slot.open(&wrapped).unwrap().encipher_blocks(&mut [[0; 8]]).unwrap();
}

#[test]
fn each_change_has_a_generation_of_its_own() {
    let (first, second) = (in_memory(), in_memory());
    let slot = Slot::with(first.clone());
    let mut seen = vec![generation(&slot)];
    let mut expect_another = |slot: &Slot| {
        let now = generation(slot);
        assert!(!seen.contains(&now), "{now} again");
        seen.push(now);
        assert_eq!(generation(slot), now);
    };
    slot.insert(second.clone());
    expect_another(&slot);
    // The two cards have the same generation, which must not show.
    assert_eq!(generation(first.as_ref()), generation(second.as_ref()));
    slot.remove();
    slot.insert(first.clone());
    expect_another(&slot);
    first.change_register(MasterKeyKind::Des, RegisterChange::Generate).unwrap();
    expect_another(&slot);
    slot.insert(second);
    slot.insert(first);
    expect_another(&slot);
}

#[test]
fn another_card_has_other_master_keys() {
    let cards = [in_memory(), in_memory()];
    let [first, second] = &cards;
    set_master_keys(first.as_ref());
    set_master_keys(second.as_ref());
    let slot = Slot::with(first.clone());
    let wrapped = slot.generate(KeySpec::DES).unwrap();
    let pulled = slot.insert(second.clone()).unwrap();
    assert_eq!(pulled.master_keys().unwrap(), first.master_keys().unwrap());
    let error = slot.rewrap(&wrapped, Register::Current).unwrap_err();
    assert_eq!(*error.kind(), EngineErrorKind::MasterKeyMismatch(MasterKeyKind::Des, wrapped.mkvp()));
}

#[test]
fn cards_change_while_calls_go_on() {
    let card = in_memory();
    set_master_keys(card.as_ref());
    let slot = Arc::new(Slot::with(card.clone()));
    let wrapped = slot.generate(KeySpec::DES).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    match slot.open(&wrapped).and_then(|key| key.encipher_blocks(&mut [[0; 8]])) {
                        Ok(()) => {}
                        Err(error) => assert_eq!(*error.kind(), EngineErrorKind::Unavailable),
                    }
                }
            });
        }
        for _ in 0..100 {
            slot.remove();
            slot.insert(card.clone());
        }
    });
    slot.open(&wrapped).unwrap();
}
