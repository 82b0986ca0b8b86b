//! Two who change one engine file at once, threads and processes, and one who is killed while doing so.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;

use icsf_backends::Software;
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, EngineErrorKind, MasterKeyKind, Part, RegisterChange};

use crate::support::{engine_file, in_memory, load, open, process, set};

const PARTS: u8 = 8;

/// Tells a test that is run as a process of its own which file it works on, and as whom.
const FILE: &str = "SOFTICSF_TEST_ENGINE_FILE";
const NUMBER: &str = "SOFTICSF_TEST_NUMBER";

fn child(test: &str, path: &Path, number: u8) -> Child {
    process(test).env(FILE, path).env(NUMBER, number.to_string()).stdout(Stdio::piped()).spawn().unwrap()
}

fn told() -> (PathBuf, u8) {
    let file = std::env::var_os(FILE).expect("this is no test of its own: another one starts it");
    (file.into(), std::env::var(NUMBER).unwrap().parse().unwrap())
}

/// Enters middle parts; in the end their exclusive OR shows whether one was lost.
fn enter_parts(engine: &Software, number: u8) {
    for round in 0..PARTS {
        load(engine, MasterKeyKind::Des, Part::Middle, number.wrapping_mul(31) ^ round.wrapping_mul(7));
    }
}

fn assert_none_is_lost(path: &Path, numbers: std::ops::Range<u8>) {
    let engine = open(path);
    load(&engine, MasterKeyKind::Des, Part::Final, 0);
    let expected = in_memory();
    load(expected.as_ref(), MasterKeyKind::Des, Part::First, 0x55);
    for number in numbers {
        enter_parts(&expected, number);
    }
    load(expected.as_ref(), MasterKeyKind::Des, Part::Final, 0);
    assert_eq!(engine.master_keys().unwrap(), expected.master_keys().unwrap());
}

#[test]
fn threads_that_change_one_file_lose_nothing() {
    let (_directory, path, engine) = engine_file();
    load(&engine, MasterKeyKind::Des, Part::First, 0x55);
    thread::scope(|scope| {
        for number in 0..4 {
            let path = &path;
            scope.spawn(move || enter_parts(&open(path), number));
        }
    });
    assert_none_is_lost(&path, 0..4);
}

#[test]
fn threads_that_share_one_engine_lose_nothing() {
    let (_directory, path, engine) = engine_file();
    load(&engine, MasterKeyKind::Des, Part::First, 0x55);
    thread::scope(|scope| {
        for number in 0..4 {
            let engine = &engine;
            scope.spawn(move || enter_parts(engine, number));
        }
    });
    assert_none_is_lost(&path, 0..4);
}

#[test]
fn processes_that_change_one_file_lose_nothing() {
    let (_directory, path, engine) = engine_file();
    load(&engine, MasterKeyKind::Des, Part::First, 0x55);
    let children: Vec<_> = (0..3).map(|number| child("concurrency::enters_parts", &path, number)).collect();
    for child in children {
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    }
    assert_none_is_lost(&path, 0..3);
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn enters_parts() {
    let (path, number) = told();
    enter_parts(&open(&path), number);
}

#[test]
fn a_process_killed_at_any_moment_leaves_a_whole_file() {
    let (_directory, path, _engine) = engine_file();
    for kill in 0..8 {
        let mut child = child("concurrency::changes_for_ever", &path, 0);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().unwrap().unwrap().contains("changing") {}
        // Each round a few changes further on.
        let mut last = fs::read(&path).unwrap();
        for _ in 0..kill {
            while fs::read(&path).unwrap() == last {
                assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
                thread::yield_now();
            }
            last = fs::read(&path).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let engine = open(&path);
        engine.change_register(MasterKeyKind::Des, RegisterChange::ClearNew).unwrap();
        engine.change_register(MasterKeyKind::Aes, RegisterChange::ClearNew).unwrap();
    }
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn changes_for_ever() {
    let (path, _) = told();
    let engine = open(&path);
    println!("changing");
    loop {
        for kind in MasterKeyKind::ALL {
            engine.change_register(kind, RegisterChange::Generate).unwrap();
            set(&engine, kind);
        }
    }
}

#[test]
fn a_lock_that_is_never_given_back_does_not_block_for_ever() {
    let (directory, _path, engine) = engine_file();
    let held = fs::File::open(directory.path().join("engine.lock")).unwrap();
    held.lock().unwrap();
    let part = ClearKey::new(vec![1; 32]);
    let change = || engine.change_register(MasterKeyKind::Aes, RegisterChange::Load(Part::First, &part));
    let error = change().unwrap_err();
    assert_eq!(*error.kind(), EngineErrorKind::Unavailable);
    assert!(error.to_string().contains("see who holds its lock file"), "{error}");
    // Reading needs no lock.
    engine.attach().unwrap();
    held.unlock().unwrap();
    change().unwrap();
}
