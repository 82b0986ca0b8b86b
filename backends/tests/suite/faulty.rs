use std::sync::Arc;
use std::time::{Duration, Instant};

use icsf_backends::Faulty;
use icsf_backends::faulty::Plan;
use icsf_core::backend::{
    Backend, BackendState, EngineErrorKind, HashAlgorithm, KeySpec, MasterKeyKind, NewRegister, Register,
    RegisterChange,
};

use crate::support::{generation, in_memory, set_master_keys};

fn working() -> Faulty {
    let engine = in_memory();
    set_master_keys(engine.as_ref());
    Faulty::new(engine, Plan::new())
}

fn outcomes(engine: &Faulty, calls: usize) -> String {
    let outcome = |_| if engine.random(&mut [0; 8]).is_ok() { '.' } else { 'x' };
    (0..calls).map(outcome).collect()
}

#[test]
fn the_planned_calls_fail_and_no_others() {
    let engine = working();
    for (plan, expected) in [
        (Plan::new(), "............"),
        (Plan::new().fail_call(3, EngineErrorKind::Fault), "..x........."),
        (Plan::new().fail_of_every(1, 5, EngineErrorKind::Fault), "x....x....x."),
        (Plan::new().fail_of_every(2, 3, EngineErrorKind::Fault), "xx.xx.xx.xx."),
        (Plan::new().fail_all(EngineErrorKind::Fault), "xxxxxxxxxxxx"),
        (Plan::new().fail_of_every(1, 0, EngineErrorKind::Fault), "............"),
        (
            Plan::new().fail_call(2, EngineErrorKind::Fault).fail_of_every(1, 6, EngineErrorKind::Unavailable),
            "xx....x.....",
        ),
    ] {
        for _ in 0..2 {
            engine.set_plan(plan.clone());
            assert_eq!(outcomes(&engine, 12), expected);
            assert_eq!(engine.calls(), 12);
        }
    }
}

#[test]
fn the_failure_is_of_the_planned_kind() {
    let engine = working();
    let spec = KeySpec::hmac(64).unwrap();
    for kind in [EngineErrorKind::Unavailable, EngineErrorKind::Damaged, EngineErrorKind::Unsupported(spec)] {
        engine.set_plan(Plan::new().fail_call(2, kind.clone()));
        engine.generate(spec).unwrap();
        let error = engine.generate(spec).unwrap_err();
        assert_eq!(*error.kind(), kind);
        assert!(error.to_string().ends_with("call 2 fails as planned"), "{error}");
    }
}

#[test]
fn calls_on_keys_count_and_looking_does_not() {
    let engine = working();
    let des = engine.generate(KeySpec::DES).unwrap();
    let hmac = engine.generate(KeySpec::hmac(64).unwrap()).unwrap();
    engine.set_plan(Plan::new());
    let des = engine.open(&des).unwrap();
    let hmac = engine.open(&hmac).unwrap();
    des.encipher_blocks(&mut [[0; 8]; 50]).unwrap();
    des.decipher_blocks(&mut [[0; 8]]).unwrap();
    hmac.hmac(HashAlgorithm::Sha512, &[b"", b""], &mut [[0; 64]; 2]).unwrap();
    hmac.key_check().unwrap();
    engine.attach().unwrap();
    assert_eq!(engine.calls(), 7);
    let _ = (engine.state(), engine.info());
    assert_eq!(engine.calls(), 7);

    engine.set_plan(Plan::new().fail_call(1, EngineErrorKind::Fault));
    let mut blocks = [[1; 8]];
    assert_eq!(*des.encipher_blocks(&mut blocks).unwrap_err().kind(), EngineErrorKind::Fault);
    assert_eq!(blocks, [[1; 8]]);
    des.encipher_blocks(&mut blocks).unwrap();
}

#[test]
fn a_failed_change_changes_nothing() {
    let engine = Faulty::new(in_memory(), Plan::new().fail_call(1, EngineErrorKind::Fault));
    engine.change_register(MasterKeyKind::Des, RegisterChange::Generate).unwrap_err();
    assert_eq!(engine.master_keys().unwrap().des.new, NewRegister::Empty);
}

#[test]
fn a_failed_attach_is_a_loss_until_one_succeeds() {
    let engine = working();
    let wrapped = engine.generate(KeySpec::DES).unwrap();
    let key = engine.open(&wrapped).unwrap();
    let before = generation(&engine);
    engine.set_plan(Plan::new().fail_of_every(2, 5, EngineErrorKind::Unavailable));
    engine.attach().unwrap_err();
    engine.attach().unwrap_err();
    assert_eq!(engine.state(), BackendState::Offline { reason: "call 2 fails as planned".to_owned() });
    assert_eq!(*engine.open(&wrapped).unwrap_err().kind(), EngineErrorKind::Unavailable);
    assert_eq!(*key.encipher_blocks(&mut []).unwrap_err().kind(), EngineErrorKind::Unavailable);
    engine.attach().unwrap();
    assert_ne!(generation(&engine), before);
    engine.open(&wrapped).unwrap_err();
    engine.open(&wrapped).unwrap_err();
    engine.open(&wrapped).unwrap();
    let now = generation(&engine);
    engine.attach().unwrap();
    assert_eq!(generation(&engine), now);
}

#[test]
fn wrong_patterns_are_those_of_another_master_key() {
    let engine = working();
    let spec = KeySpec::hmac(32).unwrap();
    let (before, keys) = (generation(&engine), engine.master_keys().unwrap());
    let wrapped = engine.generate(spec).unwrap();
    engine.set_plan(Plan::new().wrong_patterns());
    assert_ne!(generation(&engine), before);
    assert_ne!(engine.master_keys().unwrap().aes.current, keys.aes.current);
    let mismatch = EngineErrorKind::MasterKeyMismatch(MasterKeyKind::Aes, wrapped.mkvp());
    assert_eq!(*engine.open(&wrapped).unwrap_err().kind(), mismatch);
    assert_eq!(*engine.rewrap(&wrapped, Register::Current).unwrap_err().kind(), mismatch);
    let other = engine.generate(spec).unwrap();
    assert_eq!(Some(other.mkvp()), engine.master_keys().unwrap().aes.current);
    engine.open(&other).unwrap();
    engine.set_plan(Plan::new());
    engine.open(&wrapped).unwrap();
    engine.open(&other).unwrap_err();
}

#[test]
fn latency_is_added_to_every_call() {
    let engine = Arc::new(working());
    engine.set_plan(Plan::new().latency(Duration::from_millis(20)));
    let began = Instant::now();
    assert_eq!(outcomes(&engine, 3), "...");
    assert!(began.elapsed() >= Duration::from_millis(60));
}
