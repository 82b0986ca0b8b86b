//! The store that is an SQLite file: who may read it, what is refused, and what is set in it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use icsf_core::codes::Code;
use icsf_core::store::{Area, Expect, OLDEST_SQLITE, Op, RowStore, SqliteStore, StoreError, Volume};
use rusqlite::Connection;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::support::rows;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ckds.db");
    (directory, path)
}

fn put(name: &str) -> Op {
    Op::Put(Area::Disk, name.as_bytes().into(), Zeroizing::new(name.as_bytes().to_vec()), Expect::Anything)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

/// What is wrong with the file, as it is told.
fn invalid(result: Result<SqliteStore, StoreError>) -> String {
    match result.unwrap_err() {
        error @ StoreError::Invalid { .. } => {
            let text = error.to_string();
            assert_eq!(icsf_core::Error::from(error).code(), Code::KdsNotValid);
            text
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_is_its_owners_alone_from_the_first_moment_and_so_is_what_lies_beside_it() {
    let (directory, path) = place();
    let store = SqliteStore::create(&path, Volume::KeyDataSet).unwrap();
    store.apply(&[put("A")]).unwrap();
    let all: Vec<PathBuf> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(all.len(), 3, "the file, its log, and the index of the log: {all:?}");
    for path in all {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_and_left_alone() {
    let (_directory, path) = place();
    drop(SqliteStore::create(&path, Volume::KeyDataSet).unwrap());
    for lax in [0o640, 0o604, 0o660, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(lax)).unwrap();
        let why = invalid(SqliteStore::open(&path, Volume::KeyDataSet));
        assert!(why.contains(&format!("its mode is {lax:o}")) && why.contains("chmod 600"), "{why}");
        assert_eq!(mode(&path), lax);
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    SqliteStore::open(&path, Volume::KeyDataSet).unwrap();
}

#[test]
fn create_takes_the_place_of_nothing() {
    let (directory, path) = place();
    fs::write(&path, b"somebody's notes").unwrap();
    let error = SqliteStore::create(&path, Volume::KeyDataSet).unwrap_err();
    assert!(error.to_string().contains("exists"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"somebody's notes");

    let gone = directory.path().join("missing").join("ckds.db");
    SqliteStore::create(&gone, Volume::KeyDataSet).unwrap_err();
    // A link to nowhere is something, too.
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(directory.path().join("nowhere"), &link).unwrap();
    SqliteStore::create(&link, Volume::KeyDataSet).unwrap_err();
    assert!(!directory.path().join("nowhere").exists());
}

#[test]
fn what_is_no_store_of_ours_is_refused_and_named() {
    let (directory, path) = place();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let missing = SqliteStore::open(&path, Volume::KeyDataSet).unwrap_err();
    assert!(matches!(missing, StoreError::Io { .. }), "{missing}");
    assert!(!path.exists(), "a file that has gone does not come back empty");

    let notes = b"these are notes, and they go on for longer than a header does. ".repeat(100);
    let why = invalid(SqliteStore::open(&file("notes", &notes), Volume::KeyDataSet));
    assert!(why.contains("damaged") && why.contains("notes"), "{why}");
    assert_eq!(fs::read(directory.path().join("notes")).unwrap(), notes);
    let why = invalid(SqliteStore::open(&file("empty", b""), Volume::KeyDataSet));
    assert!(why.contains("it is no key data set"), "{why}");

    let foreign = file("foreign", b"");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").unwrap();
    assert!(invalid(SqliteStore::open(&foreign, Volume::KeyDataSet)).contains("it is no key data set"));

    drop(SqliteStore::create(&path, Volume::SecurityDatabase).unwrap());
    assert!(invalid(SqliteStore::open(&path, Volume::KeyDataSet)).contains("it is no key data set"));
    SqliteStore::open(&path, Volume::SecurityDatabase).unwrap();

    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let why = invalid(SqliteStore::open(&path, Volume::SecurityDatabase));
    assert!(why.contains("it has format 2, this release knows 1"), "{why}");
}

#[test]
fn a_file_cut_short_or_overwritten_is_refused_or_its_errors_say_so_and_never_a_wrong_row() {
    let (directory, path) = place();
    let store = SqliteStore::create(&path, Volume::KeyDataSet).unwrap();
    let names: Vec<String> = (0..300).map(|n| format!("LABEL.{n:04}")).collect();
    store.apply(&names.iter().map(|name| put(name)).collect::<Vec<_>>()).unwrap();
    drop(store); // the log is written back into the file
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for (cut, length) in (1..12).map(|n| (n, whole.len() * n / 12)) {
        let path = directory.path().join(format!("cut.{cut}"));
        fs::write(&path, &whole[..length]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let Ok(store) = SqliteStore::open(&path, Volume::KeyDataSet) else {
            refused += 1;
            continue;
        };
        for name in &names {
            match store.get(Area::Disk, name.as_bytes()) {
                Ok(Some(row)) => assert_eq!(row.bytes.as_slice(), name.as_bytes()),
                Ok(None) => panic!("{name} is gone from a file cut at {length}, and nothing is said"),
                Err(error) => {
                    assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
                    refused += 1;
                    break;
                }
            }
        }
    }
    assert_eq!(refused, 11);
}

#[test]
fn the_linked_sqlite_does_not_lose_what_two_processes_write() {
    // Below this version a write and a checkpoint at the same time can lose the log; the file is then refused.
    assert_eq!(OLDEST_SQLITE, 3_051_003);
    assert!(rusqlite::version_number() >= OLDEST_SQLITE, "SQLite {}", rusqlite::version());
}

#[test]
fn a_file_opened_again_has_the_same_rows_and_still_knows_what_changed() {
    let (_directory, path) = place();
    let store = SqliteStore::create(&path, Volume::KeyDataSet).unwrap();
    let first = store.apply(&[put("A"), put("B")]).unwrap();
    store.apply(&[put("C"), Op::Delete(Area::Disk, b"A".as_slice().into(), Expect::Anything)]).unwrap();
    let before = rows(&store);
    let beside = SqliteStore::open(&path, Volume::KeyDataSet).unwrap();
    assert_eq!(rows(&beside), before, "also while somebody else has it open");
    drop(store);
    drop(beside);
    let store = SqliteStore::open(&path, Volume::KeyDataSet).unwrap();
    assert_eq!((rows(&store), store.generation().unwrap()), (before, first + 1));
    let mut changed = store.changed_since(first).unwrap().unwrap();
    changed.sort();
    assert_eq!(changed, [b"A".as_slice().into(), b"C".as_slice().into()]);
}
