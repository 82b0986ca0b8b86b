use icsf_backends::Absent;
use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Capabilities, EngineErrorKind, EngineInfo, KeySpec, MasterKeyKind, Mkvp, Register,
    RegisterChange, WrappedKey,
};

#[test]
fn every_call_tells_that_there_is_no_engine_and_why() {
    let engine = Absent::new("the card was moved to the other machine");
    let key = WrappedKey::new(KeySpec::DES, Mkvp::new([0; 8]), [0; 32]);
    let clear = ClearKey::new(vec![0; 8]);
    let errors = [
        engine.attach().unwrap_err(),
        engine.random(&mut [0; 8]).unwrap_err(),
        engine.master_keys().unwrap_err(),
        engine.change_register(MasterKeyKind::Des, RegisterChange::ClearNew).unwrap_err(),
        engine.generate(KeySpec::DES).unwrap_err(),
        engine.wrap(KeySpec::DES, &clear).unwrap_err(),
        engine.add_part(&key, &clear).unwrap_err(),
        engine.rewrap(&key, Register::Current).unwrap_err(),
        engine.open(&key).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(*error.kind(), EngineErrorKind::Unavailable);
        assert_eq!(error.to_string(), "the card was moved to the other machine");
    }
    assert_eq!(engine.state(), BackendState::Deconfigured);
    assert_eq!(engine.info().capabilities, Capabilities::NONE);
}

/// An engine whose file was damaged was shown as "no crypto engine is installed", and the damage nowhere.
#[test]
fn an_engine_that_cannot_be_used_is_offline_and_says_why() {
    let engine = Absent::unusable(
        EngineInfo::new("software", "A", Capabilities::NONE),
        BackendState::Offline { reason: "the file is cut off".to_owned() },
    );
    assert_eq!(engine.state(), BackendState::Offline { reason: "the file is cut off".to_owned() });
    assert_eq!(engine.attach().unwrap_err().to_string(), "the file is cut off");
    assert_eq!(engine.info().to_string(), "software A");
}
