//! Data sets of each format are read for ever, and format 1 is written as it always was. What is in the files is told in
//! `tests/golden/README.md`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXUPPER;
use icsf_core::backend::MasterKeyKind;
use icsf_core::kds::{Header, KdsFormat, Record};
use icsf_core::store::{Area, MemoryStore, RowStore, SqliteStore, Volume};
use icsf_core::{Icsf, KeyType, RecordKey};

use crate::support::{NOW, Rig, add_one_of_each, compute, label, set_master_key};

const RECORDS: [(&str, KeyType); 4] =
    [("A.DES", KeyType::DATA), ("B.HMAC", KeyType::MAC), ("C.CLEAR", KeyType::MAC), ("D.NULL", KeyType::NULL)];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(golden(name)).unwrap()
}

/// The CKDS that the files show, made now.
fn made_now(store: Arc<dyn RowStore>) -> Rig {
    let rig = Rig::on(store);
    add_one_of_each(&rig.icsf);
    rig
}

/// Key and record, one after the other.
fn row(rig: &Rig, key: RecordKey) -> Vec<u8> {
    let row = rig.store.get(Area::Disk, key.bytes()).unwrap().unwrap();
    [key.bytes().as_slice(), &row.bytes].concat()
}

fn export(icsf: &Icsf) -> Vec<u8> {
    let mut bytes = Vec::new();
    icsf.export_ckds(&mut bytes).unwrap();
    bytes
}

fn name(label: &str) -> String {
    format!("record-v1-{label}")
}

/// That the keys are those that were put in: the answers are OpenSSL's and Python's.
fn computes(icsf: &Icsf) {
    for (label, answer) in
        [("A.DES", "0F68B00F52DBCB74"), ("B.HMAC", "148AC4A082186A2C"), ("C.CLEAR", "F85779B1DF908628")]
    {
        assert_eq!(HEXUPPER.encode(&compute(icsf, label).unwrap()[..8]), answer, "{label}");
    }
    let verified = icsf.verify_ckds().unwrap();
    assert_eq!((verified.good, verified.unchecked, verified.bad.len()), (4, 0, 0));
}

#[test]
fn format_1_is_written_as_it_always_was() {
    let rig = made_now(Arc::new(MemoryStore::default()));
    for (label_text, key_type) in RECORDS {
        let key = RecordKey::new(&label(label_text), key_type);
        assert_eq!(HEXUPPER.encode(&row(&rig, key)), HEXUPPER.encode(&read(&name(label_text))), "{label_text}");
    }
    assert_eq!(row(&rig, RecordKey::HEADER)[72..], read("header-v1"));
    assert_eq!(export(&rig.icsf), read("export-v1"));
    computes(&rig.icsf);
}

#[test]
fn records_and_header_of_format_1_are_read() {
    let header = Header::parse(&read("header-v1")).unwrap();
    assert_eq!((header.format, header.created, header.updated), (KdsFormat::Kdsr, NOW, NOW));
    assert!(header.des.is_some() && header.aes.is_some());
    for (label_text, key_type) in RECORDS {
        let bytes = read(&name(label_text));
        let (key, record) = bytes.split_first_chunk::<72>().unwrap();
        let record = Record::parse(RecordKey::from_bytes(*key).unwrap(), record).unwrap();
        assert_eq!(record.key, RecordKey::new(&label(label_text), key_type));
        assert_eq!((record.created, record.updated, record.token.key_type()), (NOW, 0, key_type));
        assert_eq!(record.mac.is_some(), record.token.wrapped().is_some());
    }
}

#[test]
fn an_export_of_format_1_is_imported() {
    let rig = Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr);
    assert_eq!(rig.icsf.import_ckds(&mut read("export-v1").as_slice()).unwrap(), 4);
    MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&rig.icsf, kind, 0x11));
    computes(&rig.icsf);
    assert_eq!(export(&rig.icsf), read("export-v1"));
}

#[test]
fn a_file_of_format_1_is_opened_and_written_on() {
    let directory = tempfile::tempdir().unwrap();
    // A copy, because the file must be its owner's alone and version control does not keep that.
    let path = directory.path().join("ckds.db");
    fs::write(&path, read("ckds-v1.db")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let rig = Rig::opened(Arc::new(SqliteStore::open(&path, Volume::KeyDataSet).unwrap()));
    MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&rig.icsf, kind, 0x11));
    computes(&rig.icsf);
    assert_eq!(export(&rig.icsf), read("export-v1"));
    rig.icsf.csnbkrd(&["LABEL-DL"], &label("D.NULL")).unwrap();
    rig.icsf.csnbkrc(&label("NEW")).unwrap();
    computes(&rig.another());
}

#[test]
#[ignore = "makes the golden files of a new version, into the directory for temporary files"]
fn make() {
    let path = |name: &str| std::env::temp_dir().join(name);
    let _ = fs::remove_file(path("ckds-v1.db"));
    let rig = made_now(Arc::new(SqliteStore::create(&path("ckds-v1.db"), Volume::KeyDataSet).unwrap()));
    for (label_text, key_type) in RECORDS {
        fs::write(path(&name(label_text)), row(&rig, RecordKey::new(&label(label_text), key_type))).unwrap();
    }
    fs::write(path("header-v1"), &row(&rig, RecordKey::HEADER)[72..]).unwrap();
    fs::write(path("export-v1"), export(&rig.icsf)).unwrap();
}
