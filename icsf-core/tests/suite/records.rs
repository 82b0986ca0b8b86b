//! The key-record services, the list of records, and the small services beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use icsf_core::codes::{Code, ReasonCodes, TABLE, rows_for};
use icsf_core::kds::KdsFormat;
use icsf_core::label::LabelPattern;
use icsf_core::services::{ListEntry, Protection};
use icsf_core::store::{Area, Expect, Generation, MemoryStore, Op, Row, RowKey, RowStore, StoreError, Visit};
use icsf_core::{Icsf, KeyToken, KeyType};
use proptest::prelude::*;

use crate::support::{
    NOW, Rig, add_one_of_each, clear_hmac_token, compute, copy, des_token, encipher, hmac_token, label, on_each_store,
    refused, skeleton,
};

const NOT_FOUND: (Code, (u8, u32, u32)) = (Code::LabelNotFound, (8, 10012, 30));
const EXISTS: (Code, (u8, u32, u32)) = (Code::LabelExists, (8, 16036, 44));
const CLASS: (Code, (u8, u32, u32)) = (Code::WrongTokenClass, (8, 2040, 2040));

#[test]
fn a_record_is_created_written_read_emptied_and_deleted() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        let icsf = &rig.icsf;
        let name = label("LIFE.DES");
        refused(icsf.csnbkrr(&name), NOT_FOUND.0, NOT_FOUND.1);
        refused(icsf.csnbkrw(des_token(icsf, 1), &name), NOT_FOUND.0, NOT_FOUND.1);
        refused(icsf.csnbkrw2(&name, des_token(icsf, 1)), NOT_FOUND.0, NOT_FOUND.1);
        for rule in ["LABEL-DL", "TOKEN-DL"] {
            refused(icsf.csnbkrd(&[rule], &name), NOT_FOUND.0, NOT_FOUND.1);
        }
        icsf.csnbkrc(&name).unwrap();
        refused(icsf.csnbkrc(&name), EXISTS.0, EXISTS.1);
        refused(icsf.csnbkrc2(&name, des_token(icsf, 1)), EXISTS.0, EXISTS.1);
        let empty = icsf.csnbkrr(&name).unwrap();
        assert_eq!((empty.value, empty.code), ([0; 64], Code::NullRecordRead));
        assert_eq!((empty.code.rc(), empty.code.row().icsf), (0, Some(8)));

        let token = des_token(icsf, 1);
        icsf.csnbkrw(copy(&token), &name).unwrap();
        let read = icsf.csnbkrr(&name).unwrap();
        assert_eq!((read.value.as_slice(), read.code), (token.encode().as_slice(), Code::Success));
        icsf.csnbkrd(&["TOKEN-DL"], &name).unwrap();
        assert_eq!(icsf.csnbkrr2(&name).unwrap().code, Code::NullRecordRead);
        icsf.csnbkrd(&["LABEL-DL"], &name).unwrap();
        refused(icsf.csnbkrr2(&name), NOT_FOUND.0, NOT_FOUND.1);
    });
}

#[test]
fn variable_length_tokens_are_read_and_written_by_the_second_services() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    add_one_of_each(icsf);
    let name = label("B.HMAC");
    refused(icsf.csnbkrr(&name), CLASS.0, CLASS.1);
    refused(icsf.csnbkrw(hmac_token(icsf, 5), &name), CLASS.0, CLASS.1);
    let token = hmac_token(icsf, 5);
    icsf.csnbkrw2(&name, copy(&token)).unwrap();
    let read = icsf.csnbkrr2(&name).unwrap();
    assert_eq!((read.value.encode(), read.code), (token.encode(), Code::Success));
    let clear = icsf.csnbkrr2(&label("C.CLEAR")).unwrap();
    assert_eq!((clear.code, clear.code.rc(), clear.code.row().icsf), (Code::ClearKeyReturned, 4, Some(2078)));
    assert_eq!(clear.value.encode(), clear_hmac_token(icsf, 3).encode());
    icsf.csnbkrc2(&label("S"), skeleton(icsf)).unwrap();
    assert_eq!(icsf.csnbkrr2(&label("S")).unwrap().code, Code::Success);
}

#[test]
fn des_and_hmac_keys_do_not_take_each_others_place() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    add_one_of_each(icsf);
    let before = rig.rows();
    let refusal = (Code::TokenNotForKds, (8, 16024, 16024));
    refused(icsf.csnbkrw2(&label("A.DES"), hmac_token(icsf, 1)), refusal.0, refusal.1);
    refused(icsf.csnbkrw2(&label("A.DES"), clear_hmac_token(icsf, 1)), refusal.0, refusal.1);
    refused(icsf.csnbkrw(des_token(icsf, 1), &label("B.HMAC")), refusal.0, refusal.1);
    refused(icsf.csnbkrw(KeyToken::Null, &label("A.DES")), refusal.0, refusal.1);
    assert_eq!(rig.rows(), before);
    icsf.csnbkrw(des_token(icsf, 1), &label("D.NULL")).unwrap();
    icsf.csnbkrw2(&label("C.CLEAR"), hmac_token(icsf, 1)).unwrap();
}

#[test]
fn records_tell_when_they_were_made_and_changed() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let times = |icsf: &Icsf| {
        let content = list(icsf, "T").remove(0).content.unwrap();
        (content.created, content.updated)
    };
    icsf.csnbkrc(&label("T")).unwrap();
    assert_eq!(times(icsf), (NOW, 0));
    rig.clock.advance(60);
    icsf.csnbkrw(des_token(icsf, 1), &label("T")).unwrap();
    assert_eq!(times(icsf), (NOW, NOW + 60));
    rig.clock.advance(60);
    crate::support::change_master_key(icsf, icsf_core::backend::MasterKeyKind::Des, 0x22);
    assert_eq!(times(icsf), (NOW, NOW + 60), "under another master key it is the same key");
    icsf.csnbkrd(&["TOKEN-DL"], &label("T")).unwrap();
    assert_eq!(times(icsf), (NOW, NOW + 120));
}

fn list(icsf: &Icsf, filter: &str) -> Vec<ListEntry> {
    icsf.csfkdsl(&["CKDS", "DETAILED", "ALL"], &filter.parse().unwrap(), 100, None).unwrap().value.1
}

#[test]
fn the_list_says_how_each_key_is_held_with_an_engine_or_without() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    rig.slot.remove();
    let protections: Vec<(String, Protection)> =
        list(&rig.icsf, "*").into_iter().map(|e| (e.key.to_string(), e.content.unwrap().protection)).collect();
    let header = rig.icsf.key_data_set().header().unwrap().0;
    let under = |kind| Protection::Wrapped(kind, header.of(kind).unwrap().mkvp());
    assert_eq!(
        protections,
        [
            ("A.DES DATA".to_owned(), under(icsf_core::backend::MasterKeyKind::Des)),
            ("B.HMAC MAC".to_owned(), under(icsf_core::backend::MasterKeyKind::Aes)),
            ("C.CLEAR MAC".to_owned(), Protection::Clear),
            ("D.NULL NULL".to_owned(), Protection::None),
        ]
    );
}

#[test]
fn a_long_list_comes_in_pieces() {
    on_each_store(|store| {
        let rig = Rig::bare(store, KdsFormat::Kdsr);
        let icsf = &rig.icsf;
        let names: Vec<String> = (0..25).map(|n| format!("L{}.K{n:02}", n % 2)).collect();
        for name in &names {
            icsf.csnbkrc(&label(name)).unwrap();
        }
        for (filter, total) in [("*", 25), ("L0.*", 13), ("*.K0*", 10), ("NONE*", 0)] {
            let pattern: LabelPattern = filter.parse().unwrap();
            let count = icsf.csfkdsl(&["CKDS", "COUNT", "ALL"], &pattern, 0, None).unwrap();
            assert_eq!((count.value.0, count.value.1.len(), count.code), (total, 0, Code::Success));
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let piece = icsf.csfkdsl(&["CKDS", "LABELS", "ALL"], &pattern, 4, after.as_ref()).unwrap();
                seen.extend(piece.value.1.iter().map(|entry| entry.key.label().to_string()));
                after = piece.value.1.last().map(|entry| entry.key);
                if piece.code == Code::Success {
                    break;
                }
                assert_eq!((piece.code, piece.code.rc(), piece.code.row().icsf), (Code::MoreEntries, 4, Some(3303)));
                assert_eq!(piece.value.0, 4);
            }
            let mut right: Vec<String> = names.iter().filter(|name| pattern.matches(&label(name))).cloned().collect();
            right.sort_by_key(|name| label(name));
            assert_eq!(seen, right, "{filter}");
        }
    });
}

#[test]
fn random_bytes_have_the_length_and_the_parity_asked_for() {
    let rig = Rig::new();
    for (icsf, engine) in [(&rig.icsf, true), (&rig.icsf, false)] {
        if !engine {
            rig.slot.remove();
        }
        let rngl = |rule, length| icsf.csnbrngl(&[rule], length);
        for length in [1, 8, 8192] {
            assert_eq!(rngl("RANDOM", length).unwrap().value.len(), length);
        }
        assert!(rngl("ODD", 500).unwrap().value.iter().all(|byte| byte.count_ones() % 2 == 1));
        assert!(rngl("EVEN", 500).unwrap().value.iter().all(|byte| byte.count_ones() % 2 == 0));
        assert_ne!(rngl("RANDOM", 16).unwrap().value, rngl("RANDOM", 16).unwrap().value);
        for length in [0, 8193] {
            refused(rngl("RANDOM", length), Code::LengthNotValid, (8, 72, 72));
        }
    }
}

#[test]
fn the_query_service_tells_the_state_of_icsf_engine_and_registers() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let values = |query| {
        let done = icsf.csfiqf(&[query]).unwrap();
        assert!(done.value.iter().all(|element| element.value.len() <= 8));
        done.value.into_iter().map(|element| element.value).collect::<Vec<_>>()
    };
    assert_eq!(values("ICSFSTAT"), ["2", "2", "KDSR", "2", "2"]);
    assert_eq!(
        (values("STATCCAE"), values("STATAES")),
        (vec!["1".to_owned(), "2".into(), "1".into()], vec!["1".to_owned(), "2".into(), "1".into()])
    );
    crate::support::load_master_key(icsf, icsf_core::backend::MasterKeyKind::Aes, 0x22);
    assert_eq!(values("STATAES"), ["3", "2", "1"]);
    icsf.change_master_key(icsf_core::backend::MasterKeyKind::Aes, &mut |_| {}).unwrap();
    assert_eq!(values("STATAES"), ["1", "2", "2"]);
    rig.slot.remove();
    assert_eq!(values("ICSFSTAT"), ["2", "1", "KDSR", "1", "1"]);
    refused(icsf.csfiqf(&["STATCCAE"]), Code::EngineUnavailable, (12, 0, 338));
}

#[test]
fn the_numbers_of_the_sources_in_both_numberings() {
    // Return code, ICSF reason, TSS reason, as the manuals have them; one that is missing gives way to the other.
    for (code, rc, icsf, tss) in [
        (Code::KeyParityNotOdd, 0, 4, 2),
        (Code::NullRecordRead, 0, 8, 8),
        (Code::TokenUnderOldMasterKey, 0, 10000, 10001),
        (Code::ClearKeyReturned, 4, 2078, 2078),
        (Code::MacNotVerified, 4, 8004, 429),
        (Code::VerificationFailed, 4, 1, 1),
        (Code::MasterKeyMismatch, 8, 10004, 24),
        (Code::LabelNotFound, 8, 10012, 30),
        (Code::LabelNotValid, 8, 16032, 32),
        (Code::LabelExists, 8, 16036, 44),
        (Code::RuleKeywordNotValid, 8, 2016, 33),
        (Code::RuleCountNotValid, 8, 2012, 35),
        (Code::TokenDamaged, 8, 12, 29),
        (Code::ServiceNotAuthorized, 8, 16000, 16000),
        (Code::LabelNotAuthorized, 8, 16004, 16004),
        (Code::IcsfStopped, 12, 0, 338),
        (Code::EngineUnavailable, 12, 0, 338),
        (Code::MasterKeyNotSet, 12, 0, 764),
        (Code::VariableTokenRefused, 12, 0, 0),
        (Code::NotOnThisEngine, 12, 8, 8),
        (Code::KdsIoError, 12, 197, 197),
        (Code::KdsNotValid, 12, 206, 206),
    ] {
        let numbers = (code.rc(), code.reason(ReasonCodes::Icsf), code.reason(ReasonCodes::Tss));
        assert_eq!(numbers, (rc, icsf, tss), "{code:?}");
        assert!(rows_for(rc, icsf).any(|row| row.code == code), "{code:?} is found by its number");
    }
    // Three causes that no caller can tell apart, and we can.
    let same: Vec<Code> = TABLE.iter().filter(|row| (row.rc, row.icsf) == (12, Some(0))).map(|row| row.code).collect();
    assert_eq!(same, [Code::IcsfStopped, Code::EngineUnavailable, Code::MasterKeyNotSet, Code::VariableTokenRefused]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_label_read_is_the_label_written_and_sorts_as_ebcdic(a in "[A-Z@#$][A-Z0-9@#$.]{0,63}", b in "[a-z@#$][a-z0-9@#$.]{0,63}") {
        let (a_label, b_label) = (label(&a), label(&b));
        prop_assert_eq!(&a_label.to_string(), &a);
        prop_assert_eq!(b_label.to_string(), b.to_ascii_uppercase());
        prop_assert_eq!(a_label.cmp(&b_label), a_label.ebcdic().cmp(b_label.ebcdic()));
        prop_assert!(LabelPattern::any().matches(&a_label));
        let prefix: LabelPattern = format!("{}*", &a[..1]).parse().unwrap();
        prop_assert!(prefix.matches(&a_label));
    }
}

#[test]
fn a_record_is_found_by_the_type_of_its_token() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    add_one_of_each(icsf);
    let types: Vec<KeyType> = list(icsf, "*").into_iter().map(|entry| entry.key.key_type()).collect();
    assert_eq!(types, [KeyType::DATA, KeyType::MAC, KeyType::MAC, KeyType::NULL]);
    assert_eq!(encipher(icsf, &mut label("A.DES").into()).unwrap().0, compute(icsf, "A.DES").unwrap());
}

/// Every text of an error gives its codes as its caller gets them; the facts give both.
#[test]
fn the_texts_of_an_error_give_its_codes_in_the_numbering_of_its_caller() {
    let rig = Rig::new();
    for (numbering, codes) in [(ReasonCodes::Icsf, "CSNBENC 8/10012: "), (ReasonCodes::Tss, "CSNBENC 8/30: ")] {
        let icsf = rig.another_for(numbering);
        let opened = icsf.csnbenc_key(&label("NO.SUCH.DES")).map(drop);
        for result in [opened, encipher(&icsf, &mut crate::support::id("NO.SUCH.DES")).map(drop)] {
            let error = result.unwrap_err();
            assert!(error.to_string().starts_with(codes), "{error}");
            assert!(error.cause().to_string().starts_with(codes), "{}", error.cause());
            assert!(error.cause().facts().contains(&("codes", "8/10012 (TSS 8/30)".to_owned())));
        }
    }
}

/// A store in which somebody else writes a record, the same bytes again, just before each of the next changes of it.
#[derive(Debug, Default)]
struct Overtaken {
    store: MemoryStore,
    times: AtomicU64,
}

impl RowStore for Overtaken {
    fn generation(&self) -> Result<Generation, StoreError> {
        self.store.generation()
    }

    fn get(&self, area: Area, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.store.get(area, key)
    }

    fn scan(&self, area: Area, after: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(area, after, visit)
    }

    fn changed_since(&self, generation: Generation) -> Result<Option<Vec<RowKey>>, StoreError> {
        self.store.changed_since(generation)
    }

    fn apply(&self, ops: &[Op]) -> Result<Generation, StoreError> {
        let row = ops.iter().find_map(|op| match op {
            Op::Put(Area::Disk, key, _, Expect::Generation(_)) | Op::Delete(Area::Disk, key, _) => Some(key),
            _ => None,
        });
        let overtakes =
            row.filter(|_| self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok());
        if let Some(key) = overtakes {
            let row = self.store.get(Area::Disk, key)?.unwrap();
            self.store.apply(&[Op::Put(Area::Disk, key.clone(), row.bytes, Expect::Anything)])?;
        }
        self.store.apply(ops)
    }
}

/// Four processes that wrote one record on a busy machine gave up after being overtaken twenty times, each time by a
/// change that was made.
#[test]
fn a_change_that_others_overtake_is_tried_for_as_long_as_they_make_progress() {
    let store = Arc::new(Overtaken::default());
    let rig = Rig::on(Arc::clone(&store) as Arc<dyn RowStore>);
    let (icsf, name) = (&rig.icsf, label("A.DES"));
    add_one_of_each(icsf);
    store.times.store(500, Ordering::Relaxed);
    icsf.csnbkrw(des_token(icsf, 9), &name).unwrap();
    assert_eq!(store.times.swap(500, Ordering::Relaxed), 0);
    icsf.csnbkrd(&["LABEL-DL"], &name).unwrap();
    assert_eq!(store.times.load(Ordering::Relaxed), 0);
    refused(icsf.csnbkrr(&name), NOT_FOUND.0, NOT_FOUND.1);
}
