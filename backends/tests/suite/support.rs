//! What several tests need.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use icsf_backends::software::{Cost, Software, Unlock};
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, BackendState, MasterKeyKind, Part, RegisterChange};
use icsf_core::random::SystemRandom;
use tempfile::TempDir;

/// A pass phrase that costs a guesser nothing and a test no time.
pub(crate) const CHEAP: (u32, u32, u32) = (8, 1, 1);

pub(crate) fn cheap() -> Cost {
    let (memory, passes, lanes) = CHEAP;
    Cost::new(memory, passes, lanes).unwrap()
}

pub(crate) fn phrase(text: &str) -> Unlock {
    Unlock::PassPhrase(ClearKey::from_slice(text.as_bytes()))
}

/// A directory with an engine file `engine` in it, opened with "correct horse".
pub(crate) fn engine_file() -> (TempDir, PathBuf, Software) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("engine");
    let engine = Software::create(&path, &phrase("correct horse"), cheap()).unwrap();
    (directory, path, engine)
}

/// One ignored test, to be run in a process of its own.
pub(crate) fn process(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", test]);
    command
}

pub(crate) fn open(path: &std::path::Path) -> Software {
    Software::open(path, Some(phrase("correct horse"))).unwrap()
}

pub(crate) fn in_memory() -> Arc<Software> {
    Arc::new(Software::in_memory(Arc::new(SystemRandom)))
}

/// Both master keys random.
pub(crate) fn set_master_keys(engine: &dyn Backend) {
    for kind in MasterKeyKind::ALL {
        engine.change_register(kind, RegisterChange::Generate).unwrap();
        set(engine, kind);
    }
}

/// Sets the key in the new register.
pub(crate) fn set(engine: &dyn Backend, kind: MasterKeyKind) {
    let waiting = engine.master_keys().unwrap().of(kind).new.pattern().unwrap();
    engine.change_register(kind, RegisterChange::Set(waiting)).unwrap();
}

/// Enters a master key of equal bytes in two parts, and sets it.
pub(crate) fn enter(engine: &dyn Backend, kind: MasterKeyKind, byte: u8) {
    load(engine, kind, Part::First, 0xf0);
    load(engine, kind, Part::Final, byte ^ 0xf0);
    set(engine, kind);
}

pub(crate) fn load(engine: &dyn Backend, kind: MasterKeyKind, part: Part, byte: u8) {
    engine.change_register(kind, RegisterChange::Load(part, &ClearKey::new(vec![byte; 32]))).unwrap();
}

pub(crate) fn generation(engine: &dyn Backend) -> u64 {
    match engine.state() {
        BackendState::Online { generation } => generation,
        other => panic!("not online: {other:?}"),
    }
}
