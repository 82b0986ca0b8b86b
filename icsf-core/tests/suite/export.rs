//! A CKDS carried to another site: exported, brought there, damaged on the way.

use std::io::{self, Read, Write};

use icsf_core::backend::MasterKeyKind;
use icsf_core::codes::Code;
use icsf_core::kds::KdsFormat;
use icsf_core::store::{Area, Expect, Op};
use icsf_core::{Icsf, KeyType, RecordKey};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

use crate::support::{
    Rig, add_one_of_each, clear_hmac_token, compute, des_token, label, load_master_key, on_each_store, refused,
    set_master_key, software,
};
use icsf_core::store::MemoryStore;

const NOT_VALID: (Code, (u8, u32, u32)) = (Code::KdsNotValid, (12, 206, 206));

fn exported(icsf: &Icsf) -> Vec<u8> {
    let mut bytes = Vec::new();
    icsf.export_ckds(&mut bytes).unwrap();
    bytes
}

fn answers(icsf: &Icsf) -> [Vec<u8>; 3] {
    ["A.DES", "B.HMAC", "C.CLEAR"].map(|name| compute(icsf, name).unwrap())
}

#[test]
fn an_empty_ckds_takes_over_everything_without_an_engine() {
    on_each_store(|store| {
        let source = Rig::new();
        add_one_of_each(&source.icsf);
        let right = answers(&source.icsf);
        source.slot.remove();
        let mut export = Vec::new();
        assert_eq!(source.icsf.export_ckds(&mut export).unwrap(), 4);

        let site = Rig::bare(store, KdsFormat::Kdsr);
        site.slot.remove();
        assert_eq!(site.icsf.import_ckds(&mut export.as_slice()).unwrap(), 4);
        assert_eq!(site.icsf.key_data_set().header().unwrap().0, source.icsf.key_data_set().header().unwrap().0);
        refused(compute(&site.icsf, "A.DES"), Code::EngineUnavailable, (12, 0, 338));
        assert_eq!(compute(&site.icsf, "C.CLEAR").unwrap(), right[2]);
        // The master keys are brought by their parts.
        site.slot.insert(Arc::new(software()));
        MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&site.icsf, kind, 0x11));
        assert_eq!(answers(&site.icsf), right);
        assert_eq!(answers(&site.another()), right);
        let verified = site.icsf.verify_ckds().unwrap();
        assert_eq!((verified.good, verified.unchecked, verified.bad.len()), (4, 0, 0));
        assert_eq!(exported(&site.icsf), export, "what came is what goes");
    });
}

/// An import does not turn a CKDS into one of another format: what it cannot hold keeps all of it out.
#[test]
fn an_empty_ckds_keeps_its_format() {
    let source = Rig::new();
    add_one_of_each(&source.icsf);
    let site = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Fixed);
    let before = site.rows();
    let error = site.icsf.import_ckds(&mut exported(&source.icsf).as_slice());
    let error = refused(error, Code::VariableTokenRefused, (12, 0, 0));
    assert!(error.cause().remedies().concat().contains("--ckds-format kdsr"), "{error:?}");
    assert_eq!(site.rows(), before);

    for name in ["B.HMAC", "C.CLEAR"] {
        source.icsf.csnbkrd(&["LABEL-DL"], &label(name)).unwrap();
    }
    assert_eq!(site.icsf.import_ckds(&mut exported(&source.icsf).as_slice()).unwrap(), 2);
    assert_eq!(site.icsf.view().unwrap().kds.header().format, KdsFormat::Fixed);
    set_master_key(&site.icsf, MasterKeyKind::Des, 0x11);
    assert_eq!(compute(&site.icsf, "A.DES").unwrap(), compute(&source.icsf, "A.DES").unwrap());
}

/// Another system with the same master keys, whose records have MACs under keys of its own.
fn other_site() -> Rig {
    let rig = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr);
    // A random number more than at home, so all that is drawn later differs.
    rig.icsf.csnbrngl(&["RANDOM"], 1).unwrap();
    MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&rig.icsf, kind, 0x11));
    rig
}

#[test]
fn records_of_a_ckds_with_other_mac_keys_are_checked_and_authenticated_anew() {
    let source = Rig::new();
    add_one_of_each(&source.icsf);
    let (right, export) = (answers(&source.icsf), exported(&source.icsf));
    let site = other_site();
    assert_ne!(site.icsf.key_data_set().header().unwrap().0, source.icsf.key_data_set().header().unwrap().0);
    site.icsf.csnbkrc(&label("ITS.OWN")).unwrap();
    let before = site.rows();
    site.icsf.engine_offline().unwrap();
    let without = site.icsf.import_ckds(&mut export.as_slice());
    refused(without, Code::EngineUnavailable, (12, 0, 338));
    assert_eq!(site.rows(), before);
    site.icsf.engine_online().unwrap();
    assert_eq!(site.icsf.import_ckds(&mut export.as_slice()).unwrap(), 4);
    assert_eq!(answers(&site.icsf), right);
    assert_eq!((site.icsf.verify_ckds().unwrap().good, site.icsf.verify_ckds().unwrap().bad.len()), (5, 0));
    // Once more: they are there already, and none is written.
    let before = site.rows();
    let error = refused(site.icsf.import_ckds(&mut export.as_slice()), Code::LabelExists, (8, 16036, 44));
    assert!(error.to_string().contains("A.DES"), "{error}");
    assert_eq!(site.rows(), before);
}

#[test]
fn one_record_that_cannot_be_taken_keeps_all_of_them_out() {
    let source = Rig::new();
    add_one_of_each(&source.icsf);
    let export = exported(&source.icsf);
    // The label is taken, by a key of the same type and by one of another.
    for (name, token) in [("B.HMAC", 0), ("B.HMAC", 1), ("A.DES", 1), ("D.NULL", 1)] {
        let site = other_site();
        let token = if token == 0 { clear_hmac_token(&site.icsf, 1) } else { des_token(&site.icsf, 1) };
        site.icsf.csnbkrc2(&label(name), token).unwrap();
        let before = site.rows();
        let error = refused(site.icsf.import_ckds(&mut export.as_slice()), Code::LabelExists, (8, 16036, 44));
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(site.rows(), before);
    }
    // The CKDS there cannot hold variable-length tokens.
    let site = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Fixed);
    MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&site.icsf, kind, 0x11));
    refused(site.icsf.import_ckds(&mut export.as_slice()), Code::VariableTokenRefused, (12, 0, 0));
    assert_eq!(site.rows().len(), 1, "the header");
    // It is under other master keys.
    let site = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr);
    MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&site.icsf, kind, 0x77));
    refused(site.icsf.import_ckds(&mut export.as_slice()), Code::MasterKeyMismatch, (8, 10004, 24));
    assert_eq!(site.rows().len(), 1);
}

#[test]
fn a_record_that_is_not_authentic_is_not_made_so_by_an_import() {
    let source = Rig::new();
    add_one_of_each(&source.icsf);
    let key = |name: &str| RecordKey::new(&label(name), KeyType::DATA);
    source.icsf.csnbkrc2(&label("LESSER"), des_token(&source.icsf, 9)).unwrap();
    let mut forged = source.store.get(Area::Disk, key("LESSER").bytes()).unwrap().unwrap().bytes.to_vec();
    forged.truncate(forged.len() - 4);
    let crc = crc32fast::hash(&[key("A.DES").bytes(), forged.as_slice()].concat());
    forged.extend_from_slice(&crc.to_be_bytes());
    let put = Op::Put(Area::Disk, Box::new(*key("A.DES").bytes()), Zeroizing::new(forged), Expect::Anything);
    source.tamper(put);
    let export = exported(&source.icsf);
    let site = other_site();
    let error = refused(site.icsf.import_ckds(&mut export.as_slice()), Code::RecordDamaged, (8, 12, 29));
    assert!(error.to_string().contains("A.DES"), "{error}");
    assert_eq!(site.rows().len(), 1);
    // An empty CKDS takes it as it is, and still knows it for what it is.
    let site = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr);
    site.icsf.import_ckds(&mut export.as_slice()).unwrap();
    MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&site.icsf, kind, 0x11));
    refused(compute(&site.icsf, "A.DES"), Code::RecordDamaged, (8, 12, 29));
}

#[test]
fn an_export_cut_off_or_changed_at_any_byte_is_refused_whole() {
    let source = Rig::new();
    add_one_of_each(&source.icsf);
    let export = exported(&source.icsf);
    let site = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr);
    let before = site.rows();
    for at in 0..export.len() {
        let cut = refused(site.icsf.import_ckds(&mut &export[..at]), NOT_VALID.0, NOT_VALID.1);
        assert!(cut.to_string().contains("the export cannot be used"), "{cut}");
        let mut changed = export.clone();
        changed[at] ^= 1;
        refused(site.icsf.import_ckds(&mut changed.as_slice()), NOT_VALID.0, NOT_VALID.1);
    }
    refused(site.icsf.import_ckds(&mut [&export[..], b"more"].concat().as_slice()), NOT_VALID.0, NOT_VALID.1);
    assert_eq!(site.rows(), before);
    site.icsf.import_ckds(&mut export.as_slice()).unwrap();
}

/// With the hash that fits, as somebody makes it who knows the format.
fn with_hash(body: &[u8]) -> Vec<u8> {
    [body, &Sha256::digest(body)].concat()
}

#[test]
fn an_export_made_up_by_somebody_who_knows_the_format_is_refused_where_it_is_wrong() {
    let source = Rig::new();
    add_one_of_each(&source.icsf);
    let export = exported(&source.icsf);
    let body = &export[..export.len() - 32];
    assert_eq!(with_hash(body), export);
    let header = 8 + 4 + usize::try_from(u32::from_be_bytes(body[8..12].try_into().unwrap())).unwrap();
    let rows = &body[header..body.len() - 1];
    let row =
        |row: &[u8]| 1 + 4 + 72 + 4 + usize::try_from(u32::from_be_bytes(row[77..81].try_into().unwrap())).unwrap();
    let (first, rest) = rows.split_at(row(rows));
    let (second, rest) = rest.split_at(row(rest));
    let file = |rows: &[&[u8]]| with_hash(&[&body[..header], &rows.concat(), &[0]].concat());
    let no_label = [&first[..5], &[0xff; 72], &first[77..]].concat();
    let header_again = [&first[..5], &[0; 72], &first[77..]].concat();
    let mut long = first.to_vec();
    long[77..81].copy_from_slice(&u32::MAX.to_be_bytes());
    for (what, file, says) in [
        ("twice", file(&[first, first]), "there twice"),
        ("out of order", file(&[second, first]), "out of order"),
        ("no label", file(&[&no_label]), "no record key"),
        ("a second header", file(&[&header_again]), "no record key"),
        ("a length beyond all", file(&[&long]), "cut off"),
        ("without end", with_hash(&body[..body.len() - 1]), "no end"),
        ("beyond the end", with_hash(&[body, b"x"].concat()), "after its end"),
        ("without header", with_hash(&body[..8]), "cut off"),
        ("another mark", with_hash(b"SICKEXP\x02"), "no CKDS export"),
        ("nothing", with_hash(b""), "no CKDS export"),
    ] {
        let site = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr);
        let before = site.rows();
        let error = site.icsf.import_ckds(&mut file.as_slice()).unwrap_err();
        assert!(error.to_string().contains(says), "{what}: {error}");
        assert_eq!(site.rows(), before, "{what}");
    }
    let site = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr);
    assert_eq!(site.icsf.import_ckds(&mut file(&[first, second, rest]).as_slice()).unwrap(), 4);
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the line is down"))
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("the line is down"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_that_breaks_is_told() {
    let rig = Rig::new();
    for result in [rig.icsf.export_ckds(&mut Broken), rig.icsf.import_ckds(&mut Broken)] {
        let error = refused(result, Code::KdsIoError, (12, 197, 197));
        assert!(error.to_string().contains("the line is down"), "{error}");
    }
}

#[test]
fn what_waits_for_refresh_is_exported_and_an_import_refreshes() {
    let source = Rig::new();
    source.icsf.kgup_add(&label("A.DES"), des_token(&source.icsf, 1)).unwrap();
    let export = exported(&source.icsf);
    let site = other_site();
    site.icsf.kgup_add(&label("WAITS"), clear_hmac_token(&site.icsf, 1)).unwrap();
    load_master_key(&site.icsf, MasterKeyKind::Des, 0x22);
    site.icsf.import_ckds(&mut export.as_slice()).unwrap();
    site.icsf.csnbkrr2(&label("WAITS")).unwrap();
    compute(&site.icsf, "A.DES").unwrap();
}
