//! Engine files of each version are opened for ever. What is in them is told in `tests/golden/README.md`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use icsf_backends::Software;
use icsf_backends::software::{Cost, Unlock};
use icsf_core::backend::{Backend, MasterKeyKind, NewRegister, Part};
use tempfile::TempDir;

use crate::support::{enter, in_memory, load, phrase, set};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Copies, because a key file must be its owner's alone and version control does not keep that.
fn copied<const N: usize>(names: [&str; N]) -> (TempDir, [PathBuf; N]) {
    let directory = tempfile::tempdir().unwrap();
    let paths = names.map(|name| {
        let path = directory.path().join(name);
        fs::write(&path, fs::read(golden(name)).unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    });
    (directory, paths)
}

/// The registers that the golden files hold.
fn fill(engine: &dyn Backend) {
    enter(engine, MasterKeyKind::Des, 0x11);
    enter(engine, MasterKeyKind::Des, 0x22);
    load(engine, MasterKeyKind::Des, Part::First, 0x33);
    enter(engine, MasterKeyKind::Aes, 0x44);
    load(engine, MasterKeyKind::Aes, Part::First, 0x05);
    load(engine, MasterKeyKind::Aes, Part::Final, 0x50);
}

fn assert_golden(engine: &dyn Backend) {
    let expected = in_memory();
    fill(expected.as_ref());
    let expected: &dyn Backend = expected.as_ref();
    assert_eq!(engine.master_keys().unwrap(), expected.master_keys().unwrap());
    let shown = engine.master_keys().unwrap();
    assert_eq!(shown.des.new, NewRegister::Partial);
    assert_eq!(shown.aes.old, None);
    // Whatever is still to come rests on the values and not on the patterns.
    for engine in [engine, expected] {
        load(engine, MasterKeyKind::Des, Part::Final, 0xff);
        set(engine, MasterKeyKind::Aes);
    }
    assert_eq!(engine.master_keys().unwrap(), expected.master_keys().unwrap());
}

#[test]
fn version_1_with_a_pass_phrase_opens() {
    let (_directory, [path]) = copied(["engine-v1-pass-phrase"]);
    assert_golden(&Software::open(&path, Some(phrase("golden pass phrase"))).unwrap());
    Software::open(&path, Some(phrase("golden pass phrase"))).unwrap();
}

#[test]
fn version_1_with_a_key_file_opens() {
    let (_directory, [path, key]) = copied(["engine-v1-key-file", "engine-v1.key"]);
    assert_golden(&Software::open(&path, Some(Unlock::KeyFile(key.clone()))).unwrap());
    Software::open(&path, Some(Unlock::KeyFile(key))).unwrap();
}

#[test]
#[ignore = "makes the golden files of a new version, into the directory for temporary files"]
fn make() {
    let directory = std::env::temp_dir();
    let path = |name: &str| directory.join(name);
    fill(&Software::create(path("engine-v1-pass-phrase"), &phrase("golden pass phrase"), Cost::DEFAULT).unwrap());
    fill(
        &Software::create(path("engine-v1-key-file"), &Unlock::KeyFile(path("engine-v1.key")), Cost::DEFAULT).unwrap(),
    );
}
