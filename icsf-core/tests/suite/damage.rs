//! Records that were changed behind ICSF's back: each is found, named, and leaves all others usable.

use icsf_core::codes::Code;
use icsf_core::kds::Header;
use icsf_core::label::LabelPattern;
use icsf_core::store::{Area, Expect, Op};
use icsf_core::{ClearKey, Icsf, KeyLabel, KeyToken, KeyType, RecordKey};
use zeroize::Zeroizing;

use crate::support::{
    Rig, add_one_of_each, clear_hmac_token, compute, des_token, hmac_key, id, label, refused, skeleton,
};

const DAMAGED: (u8, u32, u32) = (8, 12, 29);

fn row_key(name: &str, key_type: KeyType) -> RecordKey {
    RecordKey::new(&label(name), key_type)
}

/// The record of a label as it is stored.
fn stored(rig: &Rig, key: RecordKey) -> Vec<u8> {
    rig.store.get(Area::Disk, key.bytes()).unwrap().unwrap().bytes.to_vec()
}

fn store(rig: &Rig, key: &[u8], bytes: &[u8]) {
    rig.tamper(Op::Put(Area::Disk, key.into(), Zeroizing::new(bytes.to_vec()), Expect::Anything));
}

/// With the checksum that fits this key and these bytes, as somebody makes it who knows the format and no key.
fn with_checksum(key: RecordKey, bytes: &[u8]) -> Vec<u8> {
    let (body, _) = bytes.split_at(bytes.len() - 4);
    let mut crc = crc32fast::Hasher::new();
    crc.update(key.bytes());
    crc.update(body);
    [body, &crc.finalize().to_be_bytes()].concat()
}

fn names(found: Vec<(String, impl ToString)>) -> Vec<String> {
    found.into_iter().map(|(name, _)| name).collect()
}

/// That one record of `add_one_of_each` cannot be used, that this is said wherever it is met, and that the others can.
fn only_this_one_is_unusable(icsf: &Icsf, name: &str, found_without_engine: bool) {
    let key_type = if name == "A.DES" { "DATA" } else { "MAC" };
    let full = format!("{name} {key_type}");
    let error = refused(compute(icsf, name), Code::RecordDamaged, DAMAGED);
    assert!(error.to_string().contains(name), "{error}");
    assert_eq!(error.cause().label(), Some(&label(name)));
    assert!(!error.cause().remedies().is_empty());
    let verified = icsf.verify_ckds().unwrap();
    assert_eq!((names(verified.bad), verified.good, verified.unchecked), (vec![full.clone()], 3, 0));
    let damaged = names(icsf.view().unwrap().kds.damaged());
    let list = icsf.csfkdsl(&["CKDS", "LABELS", "ALL"], &LabelPattern::any(), 9, None).unwrap().value.1;
    assert_eq!(list.len(), 4, "a record that cannot be read is listed");
    for entry in list {
        assert_eq!(entry.content.is_err(), found_without_engine && entry.key.label() == label(name));
    }
    let read = icsf.csnbkrr2(&label(name));
    if found_without_engine {
        assert_eq!(damaged, [full]);
        refused(read, Code::RecordDamaged, DAMAGED);
    } else {
        assert_eq!(damaged, [""; 0]);
        read.unwrap();
    }
    for other in ["A.DES", "B.HMAC", "C.CLEAR"].into_iter().filter(|other| *other != name) {
        compute(icsf, other).unwrap();
    }
    icsf.csnbkrr(&label("D.NULL")).unwrap();
}

/// The same for an instance that had used the record before, and for one that comes later.
fn everybody_finds(rig: &Rig, name: &str, found_without_engine: bool) {
    for icsf in [&rig.icsf, &rig.another()] {
        only_this_one_is_unusable(icsf, name, found_without_engine);
    }
}

fn rig() -> Rig {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    for name in ["A.DES", "B.HMAC", "C.CLEAR"] {
        compute(&rig.icsf, name).unwrap();
    }
    rig
}

#[test]
fn a_changed_byte_anywhere_in_a_record_is_found() {
    let rig = rig();
    for (name, key_type) in [("A.DES", KeyType::DATA), ("B.HMAC", KeyType::MAC), ("C.CLEAR", KeyType::MAC)] {
        let key = row_key(name, key_type);
        let whole = stored(&rig, key);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            store(&rig, key.bytes(), &changed);
            refused(compute(&rig.icsf, name), Code::RecordDamaged, DAMAGED);
            if at.is_multiple_of(16) {
                everybody_finds(&rig, name, true);
            }
        }
        store(&rig, key.bytes(), &whole);
        compute(&rig.icsf, name).unwrap();
    }
}

#[test]
fn a_record_cut_off_anywhere_is_found() {
    let rig = rig();
    let key = row_key("A.DES", KeyType::DATA);
    let whole = stored(&rig, key);
    // A row without any bytes is none.
    for length in 1..whole.len() {
        store(&rig, key.bytes(), &whole[..length]);
        refused(compute(&rig.icsf, "A.DES"), Code::RecordDamaged, DAMAGED);
        if length.is_multiple_of(16) {
            everybody_finds(&rig, "A.DES", true);
        }
    }
    store(&rig, key.bytes(), &[&whole[..], &[0]].concat());
    everybody_finds(&rig, "A.DES", true);
}

#[test]
fn a_record_of_a_later_release_is_refused_by_its_version() {
    let rig = rig();
    let key = row_key("A.DES", KeyType::DATA);
    let mut later = stored(&rig, key);
    later[0] = 2;
    store(&rig, key.bytes(), &with_checksum(key, &later));
    everybody_finds(&rig, "A.DES", true);
    assert!(compute(&rig.icsf, "A.DES").unwrap_err().to_string().contains("version 2"));
}

#[test]
fn a_key_under_another_label_is_found_by_the_mac_alone() {
    let rig = rig();
    let icsf = &rig.icsf;
    // The key of a lesser application in the place of a greater one's: what an intruder with the file would do.
    icsf.csnbkrc2(&label("LESSER.DES"), des_token(icsf, 9)).unwrap();
    let lesser = stored(&rig, row_key("LESSER.DES", KeyType::DATA));
    icsf.csnbkrd(&["LABEL-DL"], &label("LESSER.DES")).unwrap();
    let key = row_key("A.DES", KeyType::DATA);
    store(&rig, key.bytes(), &with_checksum(key, &lesser));
    everybody_finds(&rig, "A.DES", false);
    let error = compute(icsf, "A.DES").unwrap_err();
    assert!(error.to_string().contains("not authentic"), "{error}");
}

#[test]
fn uses_that_were_added_to_a_key_are_found_by_the_mac_alone() {
    let rig = rig();
    let key = row_key("B.HMAC", KeyType::MAC);
    let whole = stored(&rig, key);
    // The usage bits (generate, verify), the hashes allowed, export control; offset 20 is where the token begins.
    for (offset, bit) in [(45, 0x40), (45, 0x80), (47, 0x80), (47, 0x08), (50, 0x80)] {
        let mut changed = whole.clone();
        changed[20 + offset] ^= bit;
        assert!(matches!(KeyToken::parse(&changed[20..]), Ok(KeyToken::Variable(_))), "still a good token");
        store(&rig, key.bytes(), &with_checksum(key, &changed));
        everybody_finds(&rig, "B.HMAC", false);
    }
    // Without its MAC a record is no better than one with a wrong one.
    let mut bare = whole;
    bare[1] = 0;
    store(&rig, key.bytes(), &with_checksum(key, &bare));
    everybody_finds(&rig, "B.HMAC", false);
    assert!(compute(&rig.icsf, "B.HMAC").unwrap_err().to_string().contains("its MAC is missing"));
}

/// The record of a partial key under another label: to go on with it would make it authentic there.
#[test]
fn a_key_part_is_not_entered_into_a_record_that_is_not_authentic() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    icsf.csnbkrc2(&label("ONE.HMAC"), skeleton(icsf)).unwrap();
    let part = || Some(ClearKey::new(hmac_key(1)));
    icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], part().as_ref(), &mut id("ONE.HMAC")).unwrap();
    let (from, to) = (row_key("ONE.HMAC", KeyType::MAC), row_key("TWO.HMAC", KeyType::MAC));
    store(&rig, to.bytes(), &with_checksum(to, &stored(&rig, from)));
    let before = rig.rows();
    for (step, part) in [("COMPLETE", None), ("ADD-PART", part())] {
        let error =
            refused(icsf.csnbkpi2(&["HMAC", step], part.as_ref(), &mut id("TWO.HMAC")), Code::RecordDamaged, DAMAGED);
        assert_eq!(error.cause().label(), Some(&label("TWO.HMAC")));
    }
    assert_eq!(rig.rows(), before);
    assert_eq!(names(icsf.verify_ckds().unwrap().bad), ["TWO.HMAC MAC"]);
}

#[test]
fn without_an_engine_what_only_the_mac_tells_is_counted_as_unchecked() {
    let rig = rig();
    let key = row_key("B.HMAC", KeyType::MAC);
    let mut changed = stored(&rig, key);
    changed[20 + 45] ^= 0x40;
    store(&rig, key.bytes(), &with_checksum(key, &changed));
    rig.icsf.engine_offline().unwrap();
    let verified = rig.icsf.verify_ckds().unwrap();
    assert_eq!((verified.good, verified.unchecked, verified.bad.len()), (4, 2, 0));
    rig.icsf.engine_online().unwrap();
    assert_eq!(rig.icsf.verify_ckds().unwrap().bad.len(), 1);
}

#[test]
fn a_row_that_is_no_record_at_all_disturbs_nothing() {
    let rig = rig();
    store(&rig, b"X", b"who put this here?");
    let fresh = rig.another();
    for icsf in [&rig.icsf, &fresh] {
        for name in ["A.DES", "B.HMAC", "C.CLEAR"] {
            compute(icsf, name).unwrap();
        }
        assert_eq!(names(icsf.view().unwrap().kds.damaged()), ["58"], "named by its bytes");
    }
}

#[test]
fn a_damaged_record_is_named_alike_however_long_ago_it_was_found() {
    let rig = rig();
    let key = row_key("A.DES", KeyType::DATA);
    let whole = stored(&rig, key);
    store(&rig, key.bytes(), &whole[..30]);
    let name = |n: usize| -> KeyLabel { label(&format!("MANY.K{n:05}")) };
    for n in 0..1100 {
        rig.icsf.csnbkrc(&name(n)).unwrap();
    }
    for n in 0..1100 {
        rig.icsf.csnbkrd(&["LABEL-DL"], &name(n)).unwrap();
    }
    everybody_finds(&rig, "A.DES", true);
    store(&rig, key.bytes(), &whole);
    assert!(rig.icsf.view().unwrap().kds.damaged().is_empty());
    compute(&rig.icsf, "A.DES").unwrap();
}

#[test]
fn a_damaged_record_can_be_deleted_and_made_anew() {
    let rig = rig();
    let icsf = &rig.icsf;
    let right = compute(icsf, "A.DES").unwrap();
    let key = row_key("A.DES", KeyType::DATA);
    store(&rig, key.bytes(), b"\x01damaged");
    let taken = icsf.csnbkrc2(&label("A.DES"), des_token(icsf, 1));
    refused(taken, Code::LabelExists, (8, 16036, 44));
    refused(icsf.csnbkrw(des_token(icsf, 1), &label("A.DES")), Code::RecordDamaged, DAMAGED);
    refused(icsf.csnbkrd(&["TOKEN-DL"], &label("A.DES")), Code::RecordDamaged, DAMAGED);
    icsf.csnbkrd(&["LABEL-DL"], &label("A.DES")).unwrap();
    assert!(icsf.view().unwrap().kds.damaged().is_empty());
    icsf.csnbkrc2(&label("A.DES"), des_token(icsf, 1)).unwrap();
    assert_eq!((compute(icsf, "A.DES").unwrap(), icsf.verify_ckds().unwrap().good), (right, 4));
    // The same for what waits for a REFRESH.
    store(&rig, key.bytes(), b"\x01damaged");
    icsf.kgup_delete(&label("A.DES")).unwrap();
    refused(compute(icsf, "A.DES"), Code::RecordDamaged, DAMAGED);
    icsf.refresh_ckds().unwrap();
    refused(compute(icsf, "A.DES"), Code::LabelNotFound, (8, 10012, 30));
}

#[test]
fn a_ckds_whose_header_was_changed_is_refused_and_whoever_had_read_it_goes_on() {
    let rig = rig();
    let header = rig.store.get(Area::Disk, RecordKey::HEADER.bytes()).unwrap().unwrap().bytes;
    Header::parse(&header).unwrap();
    for at in 0..header.len() {
        let mut changed = header.to_vec();
        changed[at] ^= 1;
        assert!(Header::parse(&changed).is_err());
    }
    let mut changed = header.to_vec();
    changed[20] ^= 1;
    store(&rig, RecordKey::HEADER.bytes(), &changed);
    let error = refused(rig.another().csnbkrr(&label("A.DES")), Code::KdsNotValid, (12, 206, 206));
    assert!(error.to_string().contains("header"), "{error}");
    compute(&rig.icsf, "A.DES").unwrap();
    let view = rig.icsf.view().unwrap();
    assert!(view.kds_trouble.as_ref().is_some_and(|why| why.contains("header")), "{:?}", view.kds_trouble);
    store(&rig, RecordKey::HEADER.bytes(), &header);
    assert_eq!(rig.icsf.view().unwrap().kds_trouble, None);
    rig.tamper(Op::Delete(Area::Disk, Box::new(*RecordKey::HEADER.bytes()), Expect::Anything));
    refused(rig.another().csnbkrr(&label("A.DES")), Code::KdsNotValid, (12, 206, 206));
    // A clear key in the CKDS serves as well as ever.
    assert!(compute(&rig.icsf, "C.CLEAR").is_ok() && clear_hmac_token(&rig.icsf, 1).wrapped().is_none());
}
