//! The engine file: what opens it, what is said when it does not open, and that it is always whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use icsf_backends::software::{Cost, Software, StateErrorKind, Unlock};
use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, EngineErrorKind, KeySpec, MasterKeyKind, NewRegister, Part, RegisterChange,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::support::{cheap, engine_file, enter, generation, load, open, phrase, set_master_keys};

const LENGTH: usize = 302;

fn failure(path: &Path, unlock: Option<Unlock>) -> StateErrorKind {
    let error = Software::open(path, unlock).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}: ", path.display())), "{error}");
    error.kind().clone()
}

fn right() -> Option<Unlock> {
    Some(phrase("correct horse"))
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Alters the content and lets the checksum fit again, as somebody with intent does.
fn tampered(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    let checksum = Sha256::digest(&bytes[..LENGTH - 8]);
    bytes[LENGTH - 8..].copy_from_slice(&checksum[..8]);
    bytes
}

#[test]
fn registers_and_keys_come_back() {
    let (_directory, path, engine) = engine_file();
    enter(&engine, MasterKeyKind::Des, 1);
    enter(&engine, MasterKeyKind::Des, 2);
    enter(&engine, MasterKeyKind::Aes, 3);
    load(&engine, MasterKeyKind::Aes, Part::First, 4);
    let key = engine.generate(KeySpec::DES).unwrap();
    let again = open(&path);
    assert_eq!(again.master_keys().unwrap(), engine.master_keys().unwrap());
    assert_eq!(again.master_keys().unwrap().aes.new, NewRegister::Partial);
    let mut blocks = [[[7; 8]]; 2];
    for (engine, block) in [&engine, &again].into_iter().zip(&mut blocks) {
        engine.open(&key).unwrap().encipher_blocks(block).unwrap();
    }
    assert_eq!(blocks[0], blocks[1]);
    assert_eq!(again.path(), Some(path.as_path()));
    assert_eq!(again.info().to_string(), "software engine");
}

#[test]
fn all_files_belong_to_their_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let [path, key] = ["engine", "key"].map(|name| directory.path().join(name));
    let engine = Software::create(&path, &Unlock::KeyFile(key.clone()), Cost::DEFAULT).unwrap();
    set_master_keys(&engine);
    assert_eq!(names(directory.path()), ["engine", "engine.lock", "key"]);
    for name in names(directory.path()) {
        assert_eq!(mode(&directory.path().join(&name)), 0o600, "{name}");
    }
    assert_eq!(fs::read(&key).unwrap().len(), 32);
    assert_eq!(fs::read(&path).unwrap().len(), LENGTH);
}

#[test]
fn a_wrong_pass_phrase_is_told_from_a_damaged_file() {
    let (_directory, path, _engine) = engine_file();
    assert_eq!(failure(&path, Some(phrase("wrong horse"))), StateErrorKind::WrongPassPhrase);
    assert_eq!(failure(&path, Some(phrase(""))), StateErrorKind::WrongPassPhrase);
    assert_eq!(failure(&path, Some(Unlock::KeyFile(path.clone()))), StateErrorKind::NeedsPassPhrase);
}

#[test]
fn a_key_file_must_be_the_right_one_and_nobody_elses_to_read() {
    let directory = tempfile::tempdir().unwrap();
    let [path, other, key, other_key] = ["engine", "other", "key", "other-key"].map(|name| directory.path().join(name));
    Software::create(&path, &Unlock::KeyFile(key.clone()), Cost::DEFAULT).unwrap();
    Software::create(&other, &Unlock::KeyFile(other_key.clone()), Cost::DEFAULT).unwrap();
    let open = |key: &Path| Software::open(&path, Some(Unlock::KeyFile(key.to_owned())));
    open(&key).unwrap();
    assert_eq!(*open(&other_key).unwrap_err().kind(), StateErrorKind::WrongKeyFile);
    assert_eq!(failure(&path, Some(phrase("anything"))), StateErrorKind::NeedsKeyFile);

    fs::write(&other_key, [1; 31]).unwrap();
    assert_eq!(
        open(&other_key).unwrap_err().to_string(),
        format!(
            "{}: the key file cannot be used: it has 31 bytes and not 32; restore it from a backup",
            other_key.display()
        )
    );
    fs::write(&other_key, [1; 33]).unwrap();
    assert!(open(&other_key).unwrap_err().to_string().contains("it has more than 32 bytes"));
    for readable in [0o640, 0o604, 0o660] {
        fs::set_permissions(&key, fs::Permissions::from_mode(readable)).unwrap();
        let error = open(&key).unwrap_err();
        assert_eq!(error.path(), key);
        assert!(error.to_string().contains(&format!("(mode {readable:o}); set its mode to 600")), "{error}");
    }
    fs::remove_file(&key).unwrap();
    assert!(matches!(open(&key).unwrap_err().kind(), StateErrorKind::Io(_)));
}

#[test]
fn a_key_file_that_is_there_is_used_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second, key] = ["first", "second", "key"].map(|name| directory.path().join(name));
    Software::create(&first, &Unlock::KeyFile(key.clone()), Cost::DEFAULT).unwrap();
    let bytes = fs::read(&key).unwrap();
    Software::create(&second, &Unlock::KeyFile(key.clone()), Cost::DEFAULT).unwrap();
    assert_eq!(fs::read(&key).unwrap(), bytes);
    // Two files with one key file have two salts, so they look unlike.
    assert_ne!(fs::read(&first).unwrap()[24..56], fs::read(&second).unwrap()[24..56]);
}

#[test]
fn nothing_is_created_over_something_or_from_nothing() {
    let (directory, path, _engine) = engine_file();
    let before = fs::read(&path).unwrap();
    let key = directory.path().join("key");
    for unlock in [phrase("x"), Unlock::KeyFile(key)] {
        let error = Software::create(&path, &unlock, cheap()).unwrap_err();
        assert_eq!(*error.kind(), StateErrorKind::Exists);
    }
    let empty = directory.path().join("empty");
    let error = Software::create(&empty, &phrase(""), cheap()).unwrap_err();
    assert_eq!(*error.kind(), StateErrorKind::EmptyPassPhrase);
    // One path for both is noticed before the one is written over the other.
    let error = Software::create(&empty, &Unlock::KeyFile(empty.clone()), cheap()).unwrap_err();
    assert_eq!(*error.kind(), StateErrorKind::Exists);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(directory.path()), ["empty.lock", "engine", "engine.lock"]);
    let nowhere = directory.path().join("no").join("where");
    assert!(matches!(
        Software::create(&nowhere, &phrase("x"), cheap()).unwrap_err().kind(),
        StateErrorKind::Io("locking it")
    ));
}

#[test]
fn a_file_cut_off_anywhere_is_damaged() {
    let (directory, path, _engine) = engine_file();
    let whole = fs::read(&path).unwrap();
    for length in 0..LENGTH {
        fs::write(&path, &whole[..length]).unwrap();
        let expected = StateErrorKind::Damaged(format!("it is cut off after {length} of {LENGTH} bytes"));
        assert_eq!(failure(&path, right()), expected);
        assert_eq!(failure(&path, None), expected);
        assert_eq!(fs::read(&path).unwrap(), &whole[..length]);
    }
    fs::write(&path, [whole.as_slice(), b"\n"].concat()).unwrap();
    assert_eq!(failure(&path, right()), StateErrorKind::Damaged("something was added at its end".to_owned()));
    assert_eq!(names(directory.path()), ["engine", "engine.lock"]);
}

#[test]
fn each_altered_byte_is_noticed() {
    let (_directory, path, _engine) = engine_file();
    let whole = fs::read(&path).unwrap();
    for at in 0..LENGTH {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        match (at, failure(&path, right())) {
            (0..8, StateErrorKind::Foreign) | (8..10, StateErrorKind::Version(_)) => {}
            (10.., StateErrorKind::Damaged(how)) if how == "its checksum does not fit" => {}
            (_, other) => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn each_altered_byte_is_noticed_though_the_checksum_fits() {
    let (_directory, path, _engine) = engine_file();
    let whole = fs::read(&path).unwrap();
    for at in 10..LENGTH - 8 {
        fs::write(&path, tampered(&whole, at)).unwrap();
        match (at, failure(&path, right())) {
            // What the key is made of was altered, so another key comes out of the right pass phrase.
            (12..56, StateErrorKind::WrongPassPhrase) => {}
            (10..24, StateErrorKind::Damaged(how)) if how == "its header asks for what is not allowed" => {}
            (56.., StateErrorKind::Damaged(how)) if how == "its seal is broken" => {}
            (_, other) => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_hostile_header_gets_no_memory() {
    let (_directory, path, _engine) = engine_file();
    let whole = fs::read(&path).unwrap();
    for (at, value) in [(12, u32::MAX), (12, 256 * 1024 + 1), (12, 7), (16, 17), (16, 0), (20, 0), (20, 17)] {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        // Any byte, altered twice, so that the checksum fits.
        fs::write(&path, tampered(&tampered(&bytes, 100), 100)).unwrap();
        let expected = StateErrorKind::Damaged("its header asks for what is not allowed".to_owned());
        assert_eq!(failure(&path, right()), expected, "{value} at {at}");
    }
    assert!(Cost::new(256 * 1024, 16, 16).is_some());
    assert!(Cost::new(8 * 16 - 1, 1, 16).is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_no_engine_file(mut bytes in prop::collection::vec(any::<u8>(), 0..400), begin in any::<bool>()) {
        if begin {
            bytes.splice(0..0, *b"SICSFENG\0\x01\x01\0");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("engine");
        fs::write(&path, &bytes).unwrap();
        prop_assert!(Software::open(&path, right()).is_err());
    }
}

#[test]
fn a_locked_engine_is_unlocked_later() {
    let (_directory, path, engine) = engine_file();
    enter(&engine, MasterKeyKind::Des, 1);
    let locked = Software::open(&path, None).unwrap();
    let BackendState::Locked { reason } = locked.state() else { panic!("{:?}", locked.state()) };
    assert_eq!(reason, format!("{}: the engine file is locked; unlock it with its pass phrase", path.display()));
    assert_eq!(locked.attach().unwrap_err().to_string(), reason);
    assert_eq!(locked.master_keys().unwrap_err().to_string(), reason);
    let change = locked.change_register(MasterKeyKind::Des, RegisterChange::ClearNew).unwrap_err();
    assert_eq!(*change.kind(), EngineErrorKind::Unavailable);

    let refused = locked.unlock(phrase("wrong")).unwrap_err();
    assert_eq!(*refused.kind(), StateErrorKind::WrongPassPhrase);
    assert!(matches!(locked.state(), BackendState::Locked { .. }));
    locked.unlock(phrase("correct horse")).unwrap();
    assert_eq!(locked.master_keys().unwrap(), engine.master_keys().unwrap());
    let before = generation(&locked);
    locked.unlock(phrase("correct horse")).unwrap();
    locked.unlock(phrase("wrong")).unwrap_err();
    locked.attach().unwrap();
    assert_eq!(generation(&locked), before);
}

#[test]
fn two_handles_on_one_file_see_each_others_changes_through_attach() {
    let (_directory, path, first) = engine_file();
    let second = open(&path);
    enter(&first, MasterKeyKind::Des, 1);
    let before = generation(&second);
    assert_eq!(second.master_keys().unwrap().des.current, None);
    second.attach().unwrap();
    assert_eq!(second.master_keys().unwrap(), first.master_keys().unwrap());
    assert_ne!(generation(&second), before);

    // Each attach without a change leaves everything as it is.
    let (before, mine) = (generation(&second), generation(&first));
    second.attach().unwrap();
    first.attach().unwrap();
    assert_eq!((generation(&second), generation(&first)), (before, mine));

    // A middle part changes no pattern, and is a change all the same.
    load(&second, MasterKeyKind::Aes, Part::First, 1);
    first.attach().unwrap();
    let before = generation(&first);
    load(&second, MasterKeyKind::Aes, Part::Middle, 2);
    first.attach().unwrap();
    assert_ne!(generation(&first), before);
    load(&first, MasterKeyKind::Aes, Part::Final, 4);
    let whole = Software::in_memory(std::sync::Arc::new(icsf_core::random::SystemRandom));
    load(&whole, MasterKeyKind::Aes, Part::First, 0);
    load(&whole, MasterKeyKind::Aes, Part::Final, 1 ^ 2 ^ 4);
    assert_eq!(first.master_keys().unwrap().aes, whole.master_keys().unwrap().aes);
}

#[test]
fn a_change_is_made_on_what_the_file_holds_now() {
    let (_directory, path, first) = engine_file();
    let second = open(&path);
    load(&first, MasterKeyKind::Des, Part::First, 1);
    // `second` has not looked since, and must not enter a first part over the other one.
    let part = ClearKey::new(vec![2; 32]);
    let error = second.change_register(MasterKeyKind::Des, RegisterChange::Load(Part::First, &part)).unwrap_err();
    assert_eq!(*error.kind(), EngineErrorKind::Refused);
    assert_eq!(second.master_keys().unwrap().des.new, NewRegister::Partial);
}

#[test]
fn an_engine_whose_file_is_gone_is_offline_until_it_is_back() {
    let (directory, path, engine) = engine_file();
    enter(&engine, MasterKeyKind::Des, 1);
    let before = (generation(&engine), engine.master_keys().unwrap());
    let away = directory.path().join("away");
    fs::rename(&path, &away).unwrap();
    // The state is what was last seen.
    assert_eq!(generation(&engine), before.0);
    let gone = engine.attach().unwrap_err();
    assert_eq!(*gone.kind(), EngineErrorKind::Unavailable);
    assert_eq!(engine.state(), BackendState::Offline { reason: gone.to_string() });
    assert!(gone.to_string().contains("there is no engine file here"), "{gone}");
    assert_eq!(*engine.generate(KeySpec::DES).unwrap_err().kind(), EngineErrorKind::Unavailable);
    assert_eq!(*engine.random(&mut [0; 8]).unwrap_err().kind(), EngineErrorKind::Unavailable);

    fs::rename(&away, &path).unwrap();
    engine.attach().unwrap();
    assert_eq!(engine.master_keys().unwrap(), before.1);
    assert_ne!(generation(&engine), before.0);
}

#[test]
fn a_change_notices_that_the_file_is_gone_and_does_not_write_another() {
    let (directory, path, engine) = engine_file();
    fs::remove_file(&path).unwrap();
    let error = engine.change_register(MasterKeyKind::Des, RegisterChange::Generate).unwrap_err();
    assert!(error.to_string().contains("there is no engine file here"), "{error}");
    assert!(matches!(engine.state(), BackendState::Offline { .. }));
    assert_eq!(names(directory.path()), ["engine.lock"]);
    // The directory gone as well says the same.
    drop(directory);
    let error = engine.change_register(MasterKeyKind::Des, RegisterChange::Generate).unwrap_err();
    assert!(error.to_string().contains("there is no engine file here"), "{error}");
}

#[test]
fn a_damaged_file_is_offline_and_comes_back_restored() {
    let (_directory, path, engine) = engine_file();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..200]).unwrap();
    let error = engine.attach().unwrap_err();
    assert!(error.to_string().contains("cut off after 200 of 302 bytes; restore it from a backup"), "{error}");
    fs::write(&path, &whole).unwrap();
    engine.attach().unwrap();
    assert!(matches!(engine.state(), BackendState::Online { .. }));
}

#[test]
fn a_file_made_anew_must_be_unlocked_again() {
    let (_directory, path, engine) = engine_file();
    let before = generation(&engine);
    fs::remove_file(&path).unwrap();
    let other = Software::create(&path, &phrase("battery staple"), cheap()).unwrap();
    enter(&other, MasterKeyKind::Aes, 9);
    let error = engine.attach().unwrap_err();
    assert!(error.to_string().contains("made anew"), "{error}");
    for _ in 0..2 {
        assert!(matches!(engine.state(), BackendState::Locked { .. }));
        assert!(engine.attach().is_err());
    }
    assert_eq!(*engine.unlock(phrase("correct horse")).unwrap_err().kind(), StateErrorKind::WrongPassPhrase);
    engine.unlock(phrase("battery staple")).unwrap();
    assert_eq!(engine.master_keys().unwrap(), other.master_keys().unwrap());
    assert_ne!(generation(&engine), before);
}

#[test]
fn what_a_killed_process_left_is_no_harm() {
    let (directory, path, engine) = engine_file();
    enter(&engine, MasterKeyKind::Des, 1);
    let before = engine.master_keys().unwrap();
    let whole = fs::read(&path).unwrap();
    let left = directory.path().join("engine.new");
    fs::write(&left, &whole[..150]).unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
    let again = open(&path);
    assert_eq!(again.master_keys().unwrap(), before);
    enter(&again, MasterKeyKind::Des, 2);
    assert_eq!(names(directory.path()), ["engine", "engine.lock"]);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(open(&path).master_keys().unwrap().des.old, before.des.current);
}

#[test]
fn a_change_that_cannot_be_written_changes_nothing() {
    let (directory, path, engine) = engine_file();
    enter(&engine, MasterKeyKind::Des, 1);
    let before = (generation(&engine), engine.master_keys().unwrap(), fs::read(&path).unwrap());
    // A directory in the place of the next file cannot be removed as a file is, not even by a privileged user.
    fs::create_dir(directory.path().join("engine.new")).unwrap();
    let error = engine.change_register(MasterKeyKind::Des, RegisterChange::Generate).unwrap_err();
    assert_eq!(*error.kind(), EngineErrorKind::Unavailable);
    assert!(error.to_string().contains("the engine file cannot be used: writing it"), "{error}");
    assert_eq!(before.1, engine.master_keys().unwrap());
    assert_eq!(before.2, fs::read(&path).unwrap());
    fs::remove_dir(directory.path().join("engine.new")).unwrap();
    engine.change_register(MasterKeyKind::Des, RegisterChange::Generate).unwrap();
}
