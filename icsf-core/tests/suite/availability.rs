//! What works without an engine, without a master key, with the wrong one, and with ICSF stopped; and that the very next
//! call sees each of them come and go.

use std::sync::Arc;

use icsf_backends::faulty::Plan;
use icsf_backends::{Absent, Faulty, Software};
use icsf_core::backend::{Backend, EngineErrorKind, MasterKeyKind, Part, RegisterChange};
use icsf_core::codes::Code;
use icsf_core::engine::EngineState;
use icsf_core::{ClearKey, Icsf};

use crate::every_service::{ALL, Needs, Ready};
use crate::support::{
    Meanwhile, Rig, add_one_of_each, compute, id, label, load_master_key, refused, skeleton, software,
};

const STOPPED: (u8, u32, u32) = (12, 0, 338);
const NO_ENGINE: (u8, u32, u32) = (12, 0, 338);
const NO_MASTER_KEY: (u8, u32, u32) = (12, 0, 764);

type Expected = Option<(Code, (u8, u32, u32))>;

/// Each service on a system of its own, prepared while everything was well and then brought into this state.
fn each_service(state: impl Fn(&Rig), expected: impl Fn(Needs) -> Expected) {
    for (name, needs, call) in ALL {
        let ready = Ready::new();
        call(&ready.rig.icsf, &ready).unwrap_or_else(|e| panic!("{name}, with everything there: {e}"));
        let ready = Ready::new();
        state(&ready.rig);
        let before = ready.rig.rows();
        let result = call(&ready.rig.icsf, &ready);
        match expected(*needs) {
            None => result.unwrap_or_else(|e| panic!("{name} needs {needs:?}: {e}")),
            Some((code, numbers)) => {
                let error = refused(result, code, numbers);
                assert!(name.starts_with(error.cause().service().unwrap_or("REENCIPHER")), "{name}: {error}");
                assert_eq!(ready.rig.rows(), before, "{name} failed, and something was written");
            }
        }
    }
}

fn unavailable(needs: Needs) -> Expected {
    (needs != Needs::Nothing).then_some((Code::EngineUnavailable, NO_ENGINE))
}

#[test]
fn with_icsf_stopped_every_service_answers_12_0() {
    each_service(|rig| rig.icsf.stop().unwrap(), |_| Some((Code::IcsfStopped, STOPPED)));
}

/// SETICSF DISABLE,CKDS: services that write the CKDS answer 12/4, everything else works; stopping ICSF ends it.
#[test]
fn with_updates_disabled_what_writes_the_key_data_set_answers_12_4_and_the_rest_works() {
    const WRITERS: [&str; 5] = ["CSNBKRC", "CSNBKRC2", "CSNBKRW", "CSNBKRW2", "CSNBKRD"];
    let mut refusals = 0;
    for (name, _, call) in ALL {
        let ready = Ready::new();
        ready.rig.icsf.allow_ckds_updates(false).unwrap();
        let (before, result) = (ready.rig.rows(), call(&ready.rig.icsf, &ready));
        if !WRITERS.contains(&name.split(' ').next().unwrap()) {
            result.unwrap_or_else(|e| panic!("{name}: {e}"));
            continue;
        }
        refusals += 1;
        let error = refused(result, Code::UpdatesDisallowed, (12, 4, 4));
        assert!(error.cause().remedies().iter().any(|remedy| remedy.contains("SETICSF ENABLE,CKDS")), "{error:?}");
        assert_eq!(ready.rig.rows(), before, "{name} was refused, and something was written");
        ready.rig.icsf.stop().unwrap();
        ready.rig.icsf.start().unwrap();
        call(&ready.rig.icsf, &ready).unwrap_or_else(|e| panic!("{name} after ICSF was started again: {e}"));
    }
    assert!(refusals > 8, "{refusals}");

    // A key part that goes into a record is an update too.
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    rig.icsf.csnbkrc2(&label("PARTS"), skeleton(&rig.icsf)).unwrap();
    rig.icsf.allow_ckds_updates(false).unwrap();
    let part = ClearKey::new(vec![1; 64]);
    let first = || rig.icsf.csnbkpi2(&["HMAC", "FIRST"], Some(&part), &mut id("PARTS"));
    refused(first(), Code::UpdatesDisallowed, (12, 4, 4));
    rig.icsf.allow_ckds_updates(true).unwrap();
    first().unwrap();
}

#[test]
fn without_an_engine_what_needs_no_hardware_works_and_the_rest_answers_12_0() {
    each_service(|rig| drop(rig.slot.remove()), unavailable);
    each_service(|rig| drop(rig.slot.insert(Arc::new(Absent::default()))), unavailable);
    each_service(|rig| rig.icsf.engine_offline().unwrap(), unavailable);
}

/// A card with these master keys, each of equal bytes.
fn card(master_keys: &[(MasterKeyKind, u8)]) -> Arc<Software> {
    let card = software();
    for (kind, byte) in master_keys {
        for (part, byte) in [(Part::First, *byte), (Part::Final, 0)] {
            card.change_register(*kind, RegisterChange::Load(part, &ClearKey::new(vec![byte; 32]))).unwrap();
        }
        let entered = card.master_keys().unwrap().of(*kind).new.pattern().unwrap();
        card.change_register(*kind, RegisterChange::Set(entered)).unwrap();
    }
    Arc::new(card)
}

#[test]
fn exactly_the_keys_under_the_master_key_that_is_missing_fail() {
    for (missing, there, needed_by) in [
        (MasterKeyKind::Des, MasterKeyKind::Aes, Needs::DesMasterKey),
        (MasterKeyKind::Aes, MasterKeyKind::Des, Needs::AesMasterKey),
    ] {
        let state = |rig: &Rig| {
            // As on a system where that master key was never set; its records came with a copy of another CKDS.
            let (mut header, generation) = rig.icsf.key_data_set().header().unwrap();
            match missing {
                MasterKeyKind::Des => header.des = None,
                MasterKeyKind::Aes => header.aes = None,
            }
            rig.icsf.key_data_set().put_header(&header, generation).unwrap();
            rig.slot.insert(card(&[(there, 0x11)]));
        };
        let without = |needs| (needs == needed_by).then_some((Code::MasterKeyNotSet, NO_MASTER_KEY));
        each_service(state, without);
        // As at a recovery site where one of two master keys has been entered so far.
        let entered = |rig: &Rig| drop(rig.slot.insert(card(&[(there, 0x11)])));
        each_service(entered, without);

        let rig = Rig::new();
        add_one_of_each(&rig.icsf);
        entered(&rig);
        let (lost, works) = if missing == MasterKeyKind::Des { ("A.DES", "B.HMAC") } else { ("B.HMAC", "A.DES") };
        compute(&rig.icsf, works).unwrap();
        let error = compute(&rig.icsf, lost).unwrap_err();
        let needed = rig.icsf.key_data_set().header().unwrap().0.of(missing).unwrap().mkvp().to_string();
        assert!(error.cause().why().contains(&needed), "{error}");
        assert!(error.cause().remedies().iter().any(|remedy| remedy.contains(&needed)), "{error:?}");
        assert_eq!(rig.icsf.view().unwrap().engine.state, EngineState::Online);
    }
}

#[test]
fn an_engine_with_another_master_key_is_not_used_at_all() {
    for (wrong, keys) in [
        (MasterKeyKind::Des, [(MasterKeyKind::Des, 0x77), (MasterKeyKind::Aes, 0x11)]),
        (MasterKeyKind::Aes, [(MasterKeyKind::Des, 0x11), (MasterKeyKind::Aes, 0x77)]),
    ] {
        let insert = |rig: &Rig| drop(rig.slot.insert(card(&keys)));
        each_service(insert, |needs| if needs == Needs::Registers { None } else { unavailable(needs) });

        let rig = Rig::new();
        add_one_of_each(&rig.icsf);
        insert(&rig);
        let error = compute(&rig.icsf, "A.DES").unwrap_err();
        let needed = rig.icsf.key_data_set().header().unwrap().0.of(wrong).unwrap().mkvp();
        let text = error.cause().to_string();
        assert!(text.contains("wrong master key") && text.contains(&needed.to_string()), "{text}");
        assert_eq!(error.cause().engine().unwrap().1, "wrong master key");
        assert!(error.cause().remedies().iter().any(|remedy| remedy.contains(&needed.to_string())));
        // To load the right one mends it, on the next call.
        load_master_key(&rig.icsf, wrong, 0x11);
        rig.icsf.set_master_key(wrong).unwrap();
        compute(&rig.icsf, "A.DES").unwrap();
        compute(&rig.icsf, "B.HMAC").unwrap();
    }
}

/// Computes with a key in the engine, twice, so that it is used as it was opened.
fn both(icsf: &Icsf) -> (Vec<u8>, Vec<u8>) {
    let once = || (compute(icsf, "A.DES").unwrap(), compute(icsf, "B.HMAC").unwrap());
    let first = once();
    assert_eq!(once(), first);
    first
}

#[test]
fn offline_is_seen_by_the_next_call_of_everybody_stays_so_and_passes_without_restart() {
    let rig = Rig::new();
    let other = rig.another();
    add_one_of_each(&rig.icsf);
    let right = both(&rig.icsf);
    assert_eq!(both(&other), right);
    assert!(rig.meter.counts().handles_open >= 4, "keys stay open between calls");

    rig.icsf.engine_offline().unwrap();
    for icsf in [&rig.icsf, &other] {
        for name in ["A.DES", "B.HMAC"] {
            refused(compute(icsf, name), Code::EngineUnavailable, NO_ENGINE);
        }
        compute(icsf, "C.CLEAR").unwrap();
    }
    assert_eq!(rig.meter.counts().handles_open, 0, "no key stays open in an engine that is not used");
    // The engine itself is fine, and would come back by itself if that were allowed.
    rig.card.attach().unwrap();
    rig.icsf.stop().unwrap();
    rig.icsf.start().unwrap();
    refused(compute(&other, "A.DES"), Code::EngineUnavailable, NO_ENGINE);
    assert_eq!(other.view().unwrap().engine.state.word(), "offline");

    other.engine_online().unwrap();
    assert_eq!((both(&rig.icsf), both(&other)), (right.clone(), right));
}

#[test]
fn the_keys_of_a_card_that_was_pulled_do_not_work_and_those_of_the_card_put_back_do() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    let right = both(&rig.icsf);
    let opened = rig.icsf.csnbenc_key(&label("A.DES")).unwrap();
    let generation = rig.icsf.view().unwrap().engine.generation;

    let pulled = rig.slot.remove().unwrap();
    refused(opened.encipher(&mut [[0; 8]]), Code::EngineUnavailable, NO_ENGINE);
    refused(compute(&rig.icsf, "A.DES"), Code::EngineUnavailable, NO_ENGINE);
    assert_eq!(rig.icsf.view().unwrap().engine.state, EngineState::Deconfigured);
    drop(opened);
    assert_eq!(rig.meter.counts().handles_open, 0);

    rig.slot.insert(pulled);
    assert_eq!(both(&rig.icsf), right);
    assert_ne!(rig.icsf.view().unwrap().engine.generation, generation);
    // Pulled and put back between two calls: what was opened before is not used.
    let opens = rig.meter.take().opens;
    let card = rig.slot.remove().unwrap();
    rig.slot.insert(card);
    assert_eq!(both(&rig.icsf), right);
    assert!(rig.meter.counts().opens > 0, "opened anew; before it were {opens}");
}

#[test]
fn an_engine_that_fails_once_is_used_again_by_the_next_call() {
    // Call by call, through all that is asked of an engine when it is looked at and used.
    for kind in [EngineErrorKind::Unavailable, EngineErrorKind::Fault] {
        for call in 1..=6 {
            let rig = Rig::new();
            add_one_of_each(&rig.icsf);
            let right = compute(&rig.icsf, "A.DES").unwrap();
            rig.icsf.engine_offline().unwrap();
            compute(&rig.icsf, "A.DES").unwrap_err();
            rig.icsf.engine_online().unwrap();
            rig.faulty.set_plan(Plan::new().fail_call(call, kind.clone()));
            // Attached, asked for its registers; the key of the MACs opened and used; the key opened and used.
            let error = compute(&rig.icsf, "A.DES").unwrap_err();
            assert_eq!((error.code(), rig.faulty.calls()), (Code::EngineUnavailable, call), "{error}");
            assert_eq!(compute(&rig.icsf, "A.DES").unwrap(), right, "call {call}");
        }
    }
}

#[test]
fn an_engine_that_is_away_for_a_while_is_told_by_its_own_reason() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    let faulty = Arc::new(Faulty::new(rig.slot.remove().unwrap(), Plan::new()));
    rig.slot.insert(Arc::clone(&faulty) as Arc<dyn Backend>);
    faulty.set_plan(Plan::new().fail_all(EngineErrorKind::Unavailable));
    for _ in 0..3 {
        let error = refused(compute(&rig.icsf, "A.DES"), Code::EngineUnavailable, NO_ENGINE);
        assert!(error.cause().why().contains("fails as planned"), "{error}");
        assert_eq!(error.cause().engine().unwrap().1, "offline");
    }
    faulty.set_plan(Plan::new());
    compute(&rig.icsf, "A.DES").unwrap();
}

#[test]
fn a_key_that_was_being_opened_while_the_engine_went_offline_does_not_stay_open() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    let rig = Arc::new(rig);
    let meanwhile = {
        let rig = Arc::clone(&rig);
        Meanwhile::new(rig.slot.remove().unwrap(), move || {
            rig.icsf.engine_offline().unwrap();
            assert_eq!(rig.icsf.view().unwrap().engine.state.word(), "offline");
        })
    };
    rig.slot.insert(Arc::new(meanwhile));
    compute(&rig.icsf, "A.DES").unwrap();
    assert_eq!(rig.meter.counts().handles_open, 0);
    drop(rig.slot.remove());
}

/// An engine that goes between the opening of a key and its use: told by what it is now, with what to do, and not as the
/// engine that was online when the key was opened.
#[test]
fn an_engine_lost_while_a_key_is_used_is_told_by_the_state_it_is_in() {
    type Lose = fn(&Rig);
    let lose: [(Lose, &str, &str); 2] = [
        (|rig| drop(rig.slot.remove()), "deconfigured", "softicsf engine configure"),
        (|rig| rig.faulty.set_plan(Plan::new().fail_all(EngineErrorKind::Unavailable)), "offline", "bring it back"),
    ];
    for (lose, state, remedy) in lose {
        let rig = Rig::new();
        add_one_of_each(&rig.icsf);
        let enciphers = rig.icsf.csnbenc_key(&label("A.DES")).unwrap();
        let hash = icsf_core::backend::HashAlgorithm::Sha512;
        let authenticates = rig.icsf.csnbhmg_key(&label("B.HMAC"), hash).unwrap();
        lose(&rig);
        let uses = [
            (enciphers.encipher(&mut [[0; 8]]), "CSNBENC", "A.DES", MasterKeyKind::Des),
            (authenticates.hmac(&[b"x"], &mut [[0; 64]]), "CSNBHMG", "B.HMAC", MasterKeyKind::Aes),
        ];
        for (result, service, name, kind) in uses {
            let error = refused(result, Code::EngineUnavailable, NO_ENGINE);
            assert_eq!(error.cause().engine().unwrap().1, state, "{error:?}");
            assert!(error.cause().remedies().concat().contains(remedy), "{error:?}");
            // All that the cause of every later failure says is in that of the first.
            let cause = error.cause().to_string();
            assert!(cause.starts_with(&format!("{service} 12/0: engine is {state}: ")), "{cause}");
            assert!(cause.contains(&format!("; key {name} is wrapped under {kind} ")), "{cause}");
        }
        let whole = compute(&rig.icsf, "A.DES").unwrap_err();
        assert_eq!(whole.cause().label(), Some(&label("A.DES")), "{whole:?}");
    }
}
