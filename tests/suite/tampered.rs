//! Records that somebody changed in the file of the CKDS, under a system that is in use: never used, told by name, and the
//! others go on.

use std::path::Path;

use icsf_core::codes::Code;
use icsf_core::epoch::Epoch;
use icsf_core::store::{Area, Expect, Op, RowStore, SqliteStore, Volume};
use icsf_core::{ClearKey, KeyType, RecordKey};
use icsf_saf::codes::Code as SafCode;
use softicsf::System;

use crate::support::{admin, computed, create, define, des_key, expected, racf, request};

const LABELS: u64 = 8;

fn label(seed: u64) -> String {
    format!("TAMPERED.K{seed}")
}

fn row(label: &str) -> RecordKey {
    RecordKey::new(&label.parse().unwrap(), KeyType::DATA)
}

fn ckds(place: &Path) -> SqliteStore {
    SqliteStore::open(&place.join("ckds.db"), Volume::KeyDataSet).unwrap()
}

fn read(place: &Path, key: RecordKey) -> Vec<u8> {
    ckds(place).get(Area::Disk, key.bytes()).unwrap().unwrap().bytes.to_vec()
}

/// Writes past the services, and lets the systems that are open look at the file again.
fn write(place: &Path, key: RecordKey, bytes: &[u8]) {
    let put = Op::Put(Area::Disk, key.bytes().as_slice().into(), bytes.to_vec().into(), Expect::Anything);
    Epoch::open(&place.join("epoch")).unwrap().change(|| ckds(place).apply(&[put])).unwrap().unwrap();
}

/// With the checksum that fits, as somebody makes it who knows the format but not the keys.
fn with_checksum(key: RecordKey, bytes: &[u8]) -> Vec<u8> {
    let (body, _) = bytes.split_last_chunk::<4>().unwrap();
    let mut crc = crc32fast::Hasher::new();
    crc.update(key.bytes());
    crc.update(body);
    [body, &crc.finalize().to_be_bytes()].concat()
}

/// Only the records of these keys cannot be used, which is said by their names; so many of them are found by their
/// checksum alone, which takes no engine.
fn unusable(system: &System, those: &[u64], without_engine: usize) {
    let damaged = system.icsf().view().unwrap().kds.damaged();
    let names: Vec<_> = those.iter().take(without_engine).map(|seed| format!("{} DATA", label(*seed))).collect();
    assert_eq!(damaged.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
    for seed in 0..LABELS {
        match computed(system, &label(seed)) {
            Ok(block) => {
                assert!(!those.contains(&seed), "{}", label(seed));
                assert_eq!(block, expected(seed));
            }
            Err(error) => {
                assert!(those.contains(&seed), "{error}");
                assert_eq!((error.code(), error.return_code()), (Code::RecordDamaged, 8));
                assert!(error.to_string().contains(&label(seed)), "{error}");
                assert_eq!(error.cause().label().unwrap().to_string(), label(seed));
            }
        }
    }
    let verified = system.icsf().verify_ckds().unwrap();
    let bad: Vec<_> = verified.bad.into_iter().map(|(name, _)| name).collect();
    assert_eq!(bad, those.iter().map(|seed| format!("{} DATA", label(*seed))).collect::<Vec<_>>());
}

#[test]
fn a_record_corrupted_or_moved_under_another_label_is_named_and_all_others_work() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("sy1");
    let system = create(&place);
    for seed in 0..LABELS {
        let token = system.icsf().csnbcki(&ClearKey::from_slice(&des_key(seed))).unwrap().value;
        system.icsf().csnbkrc2(&label(seed).parse().unwrap(), token).unwrap();
    }
    let check = |those: &[u64], without_engine| {
        unusable(&system, those, without_engine);
        unusable(&System::open(&place).unwrap(), those, without_engine);
    };
    check(&[], 0);
    let keys: Vec<RecordKey> = (0..LABELS).map(|seed| row(&label(seed))).collect();
    let whole: Vec<Vec<u8>> = keys.iter().map(|key| read(&place, *key)).collect();
    // One bit; cut short; under another label as it is, and with a checksum made for it; two that changed places.
    let mut bit = whole[2].clone();
    bit[40] ^= 1;
    write(&place, keys[2], &bit);
    check(&[2], 1);
    write(&place, keys[3], &whole[3][..30]);
    check(&[2, 3], 2);
    write(&place, keys[4], &whole[0]);
    check(&[2, 3, 4], 3);
    write(&place, keys[5], &with_checksum(keys[5], &whole[1]));
    check(&[2, 3, 4, 5], 3);
    write(&place, keys[6], &with_checksum(keys[6], &whole[7]));
    write(&place, keys[7], &with_checksum(keys[7], &whole[6]));
    check(&[2, 3, 4, 5, 6, 7], 3);
    for (key, bytes) in keys.iter().zip(&whole) {
        write(&place, *key, bytes);
    }
    check(&[], 0);
}

#[test]
fn no_ticket_is_made_with_the_key_of_another_application() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("sy1");
    let system = create(&place);
    define(&system);
    for (application, seed) in [("LESSER", 1), ("GREATER", 2)] {
        let token = system.icsf().csnbcki(&ClearKey::from_slice(&des_key(seed))).unwrap().value;
        let label = format!("{application}.DES");
        system.icsf().csnbkrc2(&label.parse().unwrap(), token).unwrap();
        racf(&system, &format!("RDEFINE PTKTDATA {application} SSIGNON(KEYLABEL({label}))"));
    }
    racf(&system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let who = |application| request("IBMUSER", application);
    let tickets = |system: &System| {
        system.generate(&admin(), &who("LESSER")).unwrap();
        system.generate(&admin(), &who("MASKED")).unwrap();
        system.generate(&admin(), &who("GREATER"))
    };
    tickets(&system).unwrap();
    let (lesser, greater) = (row("LESSER.DES"), row("GREATER.DES"));
    write(&place, greater, &with_checksum(greater, &read(&place, lesser)));
    for system in [&system, &System::open(&place).unwrap()] {
        let error = tickets(system).unwrap_err();
        assert_eq!(error.code(), SafCode::GenerationKey, "{error:?}");
        let cause = format!("{}", error.cause());
        assert!(cause.contains("GREATER.DES"), "{cause}");
    }
}
