//! What is there before and after: nothing may be left behind.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use softhsm_fixtures::{Card, Library, Token};

use crate::support::{application, hmac_key, log_in, process, said, slot, slots};

/// All files below, with their sizes.
fn listing(directory: &Path) -> BTreeSet<(PathBuf, u64)> {
    let mut found = BTreeSet::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let metadata = fs::symlink_metadata(entry.path()).unwrap();
            if metadata.is_dir() {
                open.push(entry.path());
            }
            found.insert((entry.path(), if metadata.is_file() { metadata.len() } else { 0 }));
        }
    }
    found
}

/// Uses one of everything, and leaves what is left open.
fn use_all() -> (Vec<Token>, Card) {
    let tokens = vec![Token::shared(), Token::isolated(), Library::isolated().token().unwrap()];
    for token in &tokens {
        let context = application(token.module());
        let session = log_in(&context, slots(&context, token.label(), token.serial())[0], token.user_pin()).unwrap();
        hmac_key(&session, "key", true).unwrap();
    }
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    hmac_key(&session, "key", true).unwrap();
    std::mem::forget(session);
    (tokens, card)
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_drops() {
    drop(use_all());
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_keeps() {
    std::mem::forget(use_all());
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_panics() {
    let _tokens = use_all();
    panic!("in the middle of it");
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_is_killed() {
    let _tokens = use_all();
    // Not `abort`, which leaves a core file where the tests run.
    let killed = Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
    panic!("still there: {killed:?}");
}

#[test]
fn nothing_is_left_behind_when_a_process_ends() {
    let system = [Path::new("/var/lib/softhsm"), Path::new("/etc/softhsm")];
    let before = system.map(listing);
    for (child, succeeds) in [("child_that_drops", true), ("child_that_keeps", true), ("child_that_panics", false)] {
        let scratch = tempfile::tempdir().unwrap();
        let output = process(&format!("leftovers::{child}"), scratch.path()).output().unwrap();
        assert_eq!(output.status.success(), succeeds, "{child}: {}", said(&output));
        assert!(said(&output).contains("1 failed") != succeeds, "{child}: {}", said(&output));
        assert_eq!(listing(scratch.path()), BTreeSet::new(), "{child}");
    }
    assert_eq!(system.map(listing), before);
}

#[test]
fn what_a_killed_process_left_goes_with_the_next() {
    let scratch = tempfile::tempdir().unwrap();
    let killed = process("leftovers::child_that_is_killed", scratch.path()).output().unwrap();
    assert!(!killed.status.success());
    assert_ne!(listing(scratch.path()), BTreeSet::new(), "{}", said(&killed));
    let next = process("leftovers::child_that_drops", scratch.path()).output().unwrap();
    assert!(next.status.success(), "{}", said(&next));
    assert_eq!(listing(scratch.path()), BTreeSet::new());
}

#[test]
fn what_a_living_process_has_stays() {
    let token = Token::isolated();
    let scratch = token.module().ancestors().nth(3).unwrap().to_owned();
    let other = process("leftovers::child_that_drops", &scratch).output().unwrap();
    assert!(other.status.success(), "{}", said(&other));
    assert!(token.module().exists());
    assert!(token.slot().is_ok());
}

#[test]
fn the_directory_is_for_its_user_only_and_goes_with_the_last_token() {
    let library = Library::isolated();
    let directory = library.module().parent().unwrap().to_owned();
    let base = directory.parent().unwrap();
    assert_eq!(base.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let tokens = [library.token().unwrap(), library.token().unwrap()];
    drop(library);
    assert!(directory.exists());
    drop(tokens);
    assert!(!directory.exists());
}

#[test]
fn a_dropped_card_leaves_neither_files_nor_mapped_libraries() {
    let mut directories = Vec::new();
    for _ in 0..10 {
        let card = Card::new();
        let context = application(card.module());
        let session = log_in(&context, slot(&card), card.user_pin()).unwrap();
        directories.push(card.module().parent().unwrap().to_owned());
        // In both orders: the application's handles before the card, and after.
        if directories.len() % 2 == 0 {
            drop((session, context));
        }
    }
    let mapped = fs::read_to_string("/proc/self/maps").unwrap();
    for directory in directories {
        assert!(!directory.exists());
        // The control block stays, as a call may hang in it.
        let libraries: Vec<_> =
            mapped.lines().filter(|line| line.contains(directory.to_str().unwrap()) && line.contains(".so")).collect();
        assert_eq!(libraries, Vec::<&str>::new());
    }
}

#[test]
fn a_panicking_test_leaves_no_isolated_token() {
    let (send, receive) = std::sync::mpsc::channel();
    let failed = std::thread::spawn(move || {
        let token = Token::isolated();
        send.send(token.module()).unwrap();
        panic!("on purpose");
    });
    assert!(failed.join().is_err());
    assert!(!receive.recv().unwrap().exists());
}

#[test]
#[ignore = "run in a process of its own"]
fn child_without_a_module() {
    let _token = Token::shared();
}

#[test]
fn without_softhsm_a_test_fails_and_says_what_to_type() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |module: &str| -> String {
        let mut child: Command = process("leftovers::child_without_a_module", scratch.path());
        let output = child.env("TEST_PKCS11_MODULE", module).output().unwrap();
        assert!(!output.status.success());
        said(&output)
    };
    let missing = run("/nowhere/libsofthsm2.so");
    assert!(missing.contains("apt-get install softhsm2"), "{missing}");
    assert!(missing.contains("/nowhere/libsofthsm2.so"), "{missing}");
    let no_library = scratch.path().join("text.so");
    fs::write(&no_library, "not a library").unwrap();
    let unusable = run(no_library.to_str().unwrap());
    assert!(unusable.contains("does not load as a PKCS#11 module"), "{unusable}");
}
