//! A change of the master key: what is re-enciphered, what goes on meanwhile, and what an interruption leaves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use icsf_backends::faulty;
use icsf_core::backend::{EngineErrorKind, Etype, MasterKeyKind, NewRegister};
use icsf_core::codes::Code;
use icsf_core::store::{Area, Expect, Generation, MemoryStore, Op, Row, RowKey, RowStore, StoreError, Visit};
use icsf_core::{ClearKey, Icsf, KeyIdentifier, KeyToken, KeyType, RecordKey};
use zeroize::Zeroizing;

use crate::interrupted_store::{InterruptedStore, Plan};
use crate::support::{
    Rig, add_one_of_each, authenticate, change_master_key, clear_hmac_token, compute, copy, des_token, encipher,
    hmac_key, hmac_token, label, load_master_key, on_each_store, refused, set_master_key, skeleton, token_of,
};

const DES: MasterKeyKind = MasterKeyKind::Des;
const AES: MasterKeyKind = MasterKeyKind::Aes;

/// What every key of the CKDS computes, by label.
type Answers = BTreeMap<String, Vec<u8>>;

fn names(icsf: &Icsf) -> Vec<String> {
    let view = icsf.csfkdsl(&["CKDS", "LABELS", "ALL"], &"*".parse().unwrap(), 1000, None).unwrap().value.1;
    view.into_iter().filter(|e| e.key.key_type() != KeyType::NULL).map(|e| e.key.label().to_string()).collect()
}

fn answers(icsf: &Icsf) -> Answers {
    names(icsf)
        .into_iter()
        .map(|name| (name.clone(), compute(icsf, &name).unwrap_or_else(|e| panic!("{name}: {e}"))))
        .collect()
}

/// A few keys of each kind, some of them changed on disk alone.
fn fill(icsf: &Icsf) {
    add_one_of_each(icsf);
    for n in 0..3 {
        icsf.csnbkrc2(&label(&format!("E{n}.DES")), des_token(icsf, 10 + n)).unwrap();
        icsf.csnbkrc2(&label(&format!("E{n}.HMAC")), hmac_token(icsf, 20 + n)).unwrap();
    }
    for etype in Etype::ALL {
        icsf.add_kerberos_key(&label(&format!("E{}.KRB", etype.number())), etype, None).unwrap();
    }
}

/// That all keys are under the current master keys, and nothing is left over.
fn all_is_under_the_current_master_key(rig: &Rig) {
    let icsf = rig.another();
    let view = icsf.view().unwrap();
    for kind in MasterKeyKind::ALL {
        let current = view.engine.master_keys.of(kind).current.unwrap();
        assert_eq!(view.kds.header().of(kind).unwrap().mkvp(), current, "{kind}");
    }
    icsf.key_data_set()
        .scan(None, &mut |key, record| {
            if let Some(wrapped) = record.unwrap().token.wrapped() {
                let current = view.engine.master_keys.of(wrapped.master_key()).current;
                assert_eq!(Some(wrapped.mkvp()), current, "{key}");
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    let verified = icsf.verify_ckds().unwrap();
    assert_eq!((verified.unchecked, verified.bad), (0, Vec::new()));
}

/// An engine in another thread or farther away is asked by pieces of many keys: each piece has a price.
#[test]
fn many_keys_go_to_the_engine_at_once_each_by_the_same_calls() {
    const KEYS: u8 = 120;
    let rig = Rig::new();
    let icsf = &rig.icsf;
    for n in 0..KEYS {
        icsf.csnbkrc2(&label(&format!("K{n}.DES")), des_token(icsf, n)).unwrap();
    }
    let before = answers(icsf);
    load_master_key(icsf, DES, 7);
    rig.meter.take();
    let done = icsf.change_master_key(DES, &mut |_| {}).unwrap();
    let counts = rig.meter.take();
    assert_eq!((done.done, done.unusable.len()), (usize::from(KEYS), 0));
    let keys = u64::from(KEYS);
    // The key that authenticates them is one more.
    assert_eq!((counts.rewraps, counts.hmac_calls, counts.runs), (keys + 1, 2 * keys, keys.div_ceil(50)));
    all_is_under_the_current_master_key(&rig);
    assert_eq!(answers(icsf), before);
}

#[test]
fn every_key_computes_the_same_under_the_new_master_key() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        let (icsf, other) = (&rig.icsf, rig.another());
        fill(icsf);
        let right = answers(icsf);
        assert_eq!((right.len(), answers(&other)), (13, right.clone()));
        let null = rig.store.get(Area::Disk, RecordKey::new(&label("D.NULL"), KeyType::NULL).bytes()).unwrap();
        for (kind, count, byte) in [(DES, 4, 0x22), (AES, 8, 0x22), (DES, 4, 0x33)] {
            load_master_key(icsf, kind, byte);
            let mut seen = Vec::new();
            let done = icsf.change_master_key(kind, &mut |progress| seen.push((progress.done, progress.of))).unwrap();
            assert_eq!((done.done, done.unusable.len()), (count, 0));
            assert_eq!(seen.last(), Some(&(count, count)), "{seen:?}");
            for icsf in [icsf, &other, &rig.another()] {
                assert_eq!(answers(icsf), right);
            }
            all_is_under_the_current_master_key(&rig);
            assert!(rig.rows().keys().all(|(area, _)| *area == Area::Disk), "nothing staged or stale is left");
        }
        let after = rig.store.get(Area::Disk, RecordKey::new(&label("D.NULL"), KeyType::NULL).bytes()).unwrap();
        assert_eq!(null, after, "a record without key is not touched");
        assert_eq!(icsf.reencipher(&mut |_| {}).unwrap().done, 0);
    });
}

#[test]
fn what_waits_for_refresh_is_brought_along() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    fill(icsf);
    icsf.kgup_add(&label("LATER.DES"), des_token(icsf, 30)).unwrap();
    icsf.kgup_delete(&label("E0.DES")).unwrap();
    icsf.kgup_add(&label("E0.DES"), des_token(icsf, 31)).unwrap();
    change_master_key(icsf, DES, 0x22);
    let expected = |seed| encipher(icsf, &mut KeyIdentifier::Token(des_token(icsf, seed))).unwrap().0;
    assert_eq!(compute(icsf, "LATER.DES").unwrap(), expected(30));
    assert_eq!(compute(icsf, "E0.DES").unwrap(), expected(31));
    all_is_under_the_current_master_key(&rig);
}

#[test]
fn a_token_outside_the_ckds_lives_through_one_change_and_dies_of_the_second() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let (des, hmac) = (des_token(icsf, 1), hmac_token(icsf, 2));
    let mut keys = [KeyIdentifier::Token(copy(&des)), KeyIdentifier::Token(copy(&hmac))];
    let both = |keys: &mut [KeyIdentifier; 2]| (encipher(icsf, &mut keys[0]), authenticate(icsf, &mut keys[1]));
    let right = match both(&mut keys) {
        (Ok((e, Code::Success)), Ok((h, Code::Success))) => (e, h),
        other => panic!("{other:?}"),
    };
    let changed = |byte| MasterKeyKind::ALL.into_iter().for_each(|kind| change_master_key(icsf, kind, byte));
    changed(0x22);
    let (enciphered, authenticated) = both(&mut keys);
    assert_eq!(enciphered.unwrap(), (right.0.clone(), Code::TokenUnderOldMasterKey));
    assert_eq!(authenticated.unwrap(), (right.1.clone(), Code::TokenUnderOldMasterKey));
    assert_eq!((Code::TokenUnderOldMasterKey.rc(), Code::TokenUnderOldMasterKey.pair()), (0, "0/10000".to_owned()));
    // The tokens were replaced where they lie, so a second change does them no harm; it does the originals.
    changed(0x33);
    let (enciphered, authenticated) = both(&mut keys);
    assert_eq!(enciphered.unwrap(), (right.0, Code::TokenUnderOldMasterKey));
    assert_eq!(authenticated.unwrap(), (right.1, Code::TokenUnderOldMasterKey));
    let dead = (8, 10004, 24);
    let error = refused(encipher(icsf, &mut KeyIdentifier::Token(copy(&des))), Code::MasterKeyMismatch, dead);
    assert_eq!(error.cause().master_key().map(|(kind, _)| kind), Some(DES));
    refused(authenticate(icsf, &mut KeyIdentifier::Token(copy(&hmac))), Code::MasterKeyMismatch, dead);
    refused(icsf.csnbkrc2(&label("DEAD"), copy(&des)), Code::MasterKeyMismatch, dead);
    refused(icsf.csnbktc2(&["RTCMK", "DES"], copy(&des)), Code::MasterKeyMismatch, dead);
}

#[test]
fn a_token_under_the_old_master_key_is_written_under_the_current_one() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let old = des_token(icsf, 1);
    change_master_key(icsf, DES, 0x22);
    assert_eq!(icsf.csnbkrc2(&label("K.DES"), copy(&old)).unwrap().code, Code::TokenUnderOldMasterKey);
    all_is_under_the_current_master_key(&rig);
    let renewed = icsf.csnbktc2(&["RTCMK", "DES"], old).unwrap().value;
    assert_eq!(encipher(icsf, &mut KeyIdentifier::Token(renewed)).unwrap().1, Code::Success);
}

#[test]
fn records_that_cannot_be_used_keep_a_change_from_being_made_and_are_named() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    fill(icsf);
    let key = |name: &str| RecordKey::new(&label(name), KeyType::DATA);
    let row = |name: &str| rig.store.get(Area::Disk, key(name).bytes()).unwrap().unwrap().bytes;
    let put = |name: &str, bytes: &[u8]| {
        rig.tamper(Op::Put(Area::Disk, Box::new(*key(name).bytes()), Zeroizing::new(bytes.to_vec()), Expect::Anything));
    };
    let whole = row("E1.DES");
    // Cut off; and whole, but another key's under a checksum that fits: only the MAC tells.
    let mut forged = row("E2.DES").to_vec();
    forged.truncate(forged.len() - 4);
    let crc = crc32fast::hash(&[key("E1.DES").bytes(), forged.as_slice()].concat());
    forged.extend_from_slice(&crc.to_be_bytes());
    for damaged in [&whole[..30], &forged] {
        put("E1.DES", damaged);
        load_master_key(icsf, DES, 0x22);
        let before = (rig.rows(), icsf.master_keys().unwrap());
        let error = refused(icsf.change_master_key(DES, &mut |_| {}), Code::RecordDamaged, (8, 12, 29));
        assert!(error.to_string().contains("E1.DES"), "{error}");
        assert_eq!((rig.rows(), icsf.master_keys().unwrap()), before, "nothing was changed");
        assert!(matches!(before.1.des.new, NewRegister::Full(_)), "the new master key still waits");
        compute(icsf, "E2.DES").unwrap();
        icsf.clear_new_master_key(DES).unwrap();
    }
    put("E1.DES", b"\x01");
    put("E2.DES", b"\x01");
    load_master_key(icsf, DES, 0x22);
    let error = icsf.change_master_key(DES, &mut |_| {}).unwrap_err();
    assert!(error.cause().remedies().iter().any(|all| all.contains("E1.DES") && all.contains("E2.DES")), "{error:?}");
    // Deleted or restored, they are in nobody's way.
    icsf.csnbkrd(&["LABEL-DL"], &label("E2.DES")).unwrap();
    put("E1.DES", &whole);
    icsf.change_master_key(DES, &mut |_| {}).unwrap();
    all_is_under_the_current_master_key(&rig);
}

#[test]
fn the_operator_stops_a_change_between_two_batches() {
    type Switch = fn(&Icsf);
    let stops: [(Switch, Switch, Code); 2] = [
        (|icsf| icsf.engine_offline().unwrap(), |icsf| icsf.engine_online().unwrap(), Code::EngineUnavailable),
        (|icsf| icsf.stop().unwrap(), |icsf| icsf.start().unwrap(), Code::IcsfStopped),
    ];
    for (stop, start, code) in stops {
        let rig = Rig::new();
        let icsf = &rig.icsf;
        fill(icsf);
        for n in 0..600 {
            icsf.csnbkrc2(&label(&format!("K{n}.DES")), des_token(icsf, 1)).unwrap();
        }
        let right = answers(icsf);
        let before = icsf.master_keys().unwrap();
        load_master_key(icsf, DES, 0x22);
        let mut batches = 0;
        let result = icsf.change_master_key(DES, &mut |_| {
            batches += 1;
            stop(icsf);
        });
        assert_eq!((result.unwrap_err().code(), batches), (code, 1));
        start(icsf);
        assert_eq!(icsf.master_keys().unwrap().des.current, before.des.current);
        assert_eq!(answers(icsf), right);
        assert!(rig.rows().keys().all(|(area, _)| *area == Area::Disk), "nothing staged is left");
        assert_eq!(icsf.change_master_key(DES, &mut |_| {}).unwrap().done, 604);
        assert_eq!(answers(&rig.another()), right);
    }
}

/// After an interruption: every key is usable, for who looked on and for who comes; then the change is finished, one way or
/// the other.
fn nothing_is_lost(rig: &Rig, right: &Answers, interrupted: &str, by_next_change: bool) {
    let fresh = rig.another();
    for icsf in [&rig.icsf, &fresh] {
        assert_eq!(&answers(icsf), right, "{interrupted}");
    }
    if by_next_change {
        fresh.clear_new_master_key(DES).unwrap();
        change_master_key(&fresh, DES, 0x44);
    } else {
        fresh.reencipher(&mut |_| {}).unwrap();
    }
    all_is_under_the_current_master_key(rig);
    assert_eq!((&answers(&rig.icsf), &answers(&rig.another())), (right, right), "{interrupted}, and finished");
}

#[test]
fn a_change_interrupted_at_any_engine_call_loses_nothing_and_is_finished_later() {
    // The engine fails for one call, or is away from that call on until somebody sees to it.
    for away_for in [1, 1000] {
        for by_next_change in [false, true] {
            for call in 1.. {
                assert!(call < 500, "the change never ends well");
                let rig = Rig::new();
                fill(&rig.icsf);
                let right = answers(&rig.icsf);
                load_master_key(&rig.icsf, DES, 0x22);
                let plan = (call..call + away_for)
                    .fold(faulty::Plan::new(), |plan, call| plan.fail_call(call, EngineErrorKind::Unavailable));
                rig.faulty.set_plan(plan);
                let result = rig.icsf.change_master_key(DES, &mut |_| {});
                let calls = rig.faulty.calls();
                rig.faulty.set_plan(faulty::Plan::new());
                if let Ok(done) = result {
                    assert_eq!((done.done, done.unusable.len()), (4, 0));
                    all_is_under_the_current_master_key(&rig);
                }
                nothing_is_lost(&rig, &right, &format!("call {call}, away for {away_for}"), by_next_change);
                if calls < call {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_change_interrupted_at_any_store_operation_loses_nothing_and_is_finished_later() {
    let interruptions: [fn(u64) -> Plan; 2] = [Plan::Fail, Plan::Crash];
    for interrupt in interruptions {
        for by_next_change in [false, true] {
            for at in 1.. {
                assert!(at < 500, "the change never ends well");
                let store = Arc::new(InterruptedStore::new(Arc::new(MemoryStore::default())));
                let rig = Rig::on(Arc::clone(&store) as Arc<_>);
                fill(&rig.icsf);
                let right = answers(&rig.icsf);
                load_master_key(&rig.icsf, DES, 0x22);
                store.plan(Some(interrupt(at)));
                let result = rig.icsf.change_master_key(DES, &mut |_| {});
                let operations = store.plan(None);
                nothing_is_lost(&rig, &right, &format!("operation {at}, {result:?}"), by_next_change);
                if operations < at {
                    assert_eq!(result.unwrap().done, 4);
                    break;
                }
            }
        }
    }
}

#[test]
fn what_services_write_while_a_change_goes_on_is_neither_lost_nor_undone() {
    let mut times = 0;
    for at in 1.. {
        assert!(at < 500, "the change never ends");
        let store = Arc::new(InterruptedStore::new(Arc::new(MemoryStore::default())));
        let rig = Rig::on(Arc::clone(&store) as Arc<_>);
        fill(&rig.icsf);
        let mut right = answers(&rig.icsf);
        load_master_key(&rig.icsf, DES, 0x22);
        // Another process: it writes a new key into a record, adds one, deletes one.
        let other = rig.another();
        let value = |seed| encipher(&other, &mut KeyIdentifier::Token(des_token(&other, seed))).unwrap().0;
        right.insert("E0.DES".to_owned(), value(50));
        right.insert("NEW.DES".to_owned(), value(51));
        right.remove("E1.DES");
        let written = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&written);
        let write = move || {
            done.store(true, Ordering::Relaxed);
            other.csnbkrw(des_token(&other, 50), &label("E0.DES")).unwrap();
            other.csnbkrc2(&label("NEW.DES"), des_token(&other, 51)).unwrap();
            other.csnbkrd(&["LABEL-DL"], &label("E1.DES")).unwrap();
            other.csnbkrw2(&label("C.CLEAR"), clear_hmac_token(&other, 3)).unwrap();
        };
        store.plan(Some(Plan::Before(at, Arc::new(write))));
        rig.icsf.change_master_key(DES, &mut |_| {}).unwrap();
        if store.plan(None) < at {
            assert!(times > 20, "only {times} places to get in between");
            break;
        }
        if !written.load(Ordering::Relaxed) {
            continue; // a writing operation
        }
        times += 1;
        assert_eq!(answers(&rig.icsf), right, "written at operation {at}");
        assert_eq!(answers(&rig.another()), right);
        all_is_under_the_current_master_key(&rig);
    }
}

#[test]
fn the_first_change_of_a_ckds_without_that_master_key_sets_it() {
    let rig = Rig::bare(Arc::new(MemoryStore::default()), icsf_core::kds::KdsFormat::Kdsr);
    set_master_key(&rig.icsf, AES, 0x11);
    change_master_key(&rig.icsf, DES, 0x11);
    add_one_of_each(&rig.icsf);
    all_is_under_the_current_master_key(&rig);
}

/// A store in which something happens once, when a row of this area other than the header is read.
struct Meanwhile {
    store: MemoryStore,
    happens: Mutex<Option<(Area, Event)>>,
}

type Event = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl RowStore for Meanwhile {
    fn generation(&self) -> Result<Generation, StoreError> {
        self.store.generation()
    }

    fn get(&self, area: Area, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let now = |&mut (when, _): &mut _| when == area && key != RecordKey::HEADER.bytes();
        let happens = self.happens.lock().unwrap().take_if(now);
        if let Some((_, happens)) = happens {
            happens();
        }
        self.store.get(area, key)
    }

    fn scan(&self, area: Area, after: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(area, after, visit)
    }

    fn changed_since(&self, generation: Generation) -> Result<Option<Vec<RowKey>>, StoreError> {
        self.store.changed_since(generation)
    }

    fn apply(&self, ops: &[Op]) -> Result<Generation, StoreError> {
        self.store.apply(ops)
    }
}

/// A key was wrapped and its record about to be written when the master key was changed; when it was changed once more, the
/// record was written under a master key that no register held any more. Four threads on a busy machine got there.
#[test]
fn a_record_that_is_overtaken_by_changes_of_the_master_key_is_made_anew_or_refused() {
    type Write = fn(&Icsf, KeyToken) -> Result<(), icsf_core::Error>;
    let writes: [Write; 4] = [
        |icsf, token| icsf.csnbkrc2(&label("LATE.DES"), token).map(drop),
        |icsf, token| icsf.csnbkrw(token, &label("A.DES")).map(drop),
        |icsf, token| icsf.csnbkrw(token, &label("EMPTY.DES")).map(drop),
        |icsf, token| icsf.kgup_add(&label("LATE.DES"), token),
    ];
    for write in writes {
        // Before the header is looked at, and after that.
        for area in [Area::Disk, Area::Stale] {
            for changes in 1..=3 {
                let store = Arc::new(Meanwhile { store: MemoryStore::default(), happens: Mutex::default() });
                let rig = Rig::on(Arc::clone(&store) as Arc<_>);
                let icsf = &rig.icsf;
                add_one_of_each(icsf);
                icsf.csnbkrc(&label("EMPTY.DES")).unwrap();
                let right = answers(icsf);
                let token = des_token(icsf, 1);
                let other = rig.another();
                let happened = Arc::new(AtomicBool::new(false));
                let happens = {
                    let happened = Arc::clone(&happened);
                    move || {
                        (0..changes).for_each(|n| change_master_key(&other, DES, 0x22 + n));
                        happened.store(true, Ordering::Relaxed);
                    }
                };
                *store.happens.lock().unwrap() = Some((area, Box::new(happens)));
                let written = write(icsf, token);
                assert!(happened.load(Ordering::Relaxed));
                match written {
                    Ok(()) => icsf.refresh_ckds().unwrap(),
                    Err(error) => {
                        refused::<()>(Err(error), Code::MasterKeyMismatch, (8, 10004, 24));
                        assert!(changes > 1, "the old master key is there yet");
                    }
                }
                assert_eq!(names(icsf).len(), answers(icsf).len());
                assert!(right.keys().all(|name| answers(icsf).contains_key(name)));
                all_is_under_the_current_master_key(&rig);
            }
        }
    }
}

/// While records are re-enciphered, somebody else clears the new register and enters another key. What was made is under
/// a key that no register holds any more, so the change is refused and everything is as before.
#[test]
fn a_new_register_that_is_entered_anew_during_a_change_refuses_it() {
    for at in 0..2 {
        let rig = Rig::new();
        let icsf = &rig.icsf;
        fill(icsf);
        for n in 0..600 {
            icsf.csnbkrc2(&label(&format!("K{n}.DES")), des_token(icsf, 1)).unwrap();
        }
        let right = answers(icsf);
        let before = (rig.rows(), icsf.master_keys().unwrap().des.current);
        load_master_key(icsf, DES, 0x22);
        let other = rig.another();
        let mut batch = 0;
        let result = icsf.change_master_key(DES, &mut |_| {
            if batch == at {
                other.clear_new_master_key(DES).unwrap();
                load_master_key(&other, DES, 0x33);
            }
            batch += 1;
        });
        let error = refused(result, Code::RegisterRefused, (8, 39, 39));
        assert!(error.to_string().contains("meanwhile"), "{error}");
        assert_eq!((rig.rows(), other.master_keys().unwrap().des.current), before);
        assert_eq!(answers(&rig.another()), right);
        // The key that was entered meanwhile waits, and a change to it ends well.
        icsf.change_master_key(DES, &mut |_| {}).unwrap();
        all_is_under_the_current_master_key(&rig);
    }
}

/// Two changes at once: the second starts when the first has set its master key, and is killed when it has staged records
/// under one that is not set. The first does not put them in use.
#[test]
fn what_another_change_has_staged_is_not_put_in_use() {
    let mut times = 0;
    for at in 1.. {
        assert!(at < 500, "the change never ends");
        let store = Arc::new(InterruptedStore::new(Arc::new(MemoryStore::default())));
        let rig = Rig::on(Arc::clone(&store) as Arc<_>);
        fill(&rig.icsf);
        let right = answers(&rig.icsf);
        load_master_key(&rig.icsf, DES, 0x22);
        let other = rig.another();
        let staged = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&staged);
        let second = move || {
            if other.generate_master_key(DES).is_err() {
                return; // the first has not set its own
            }
            let change = || other.change_master_key(DES, &mut |_| panic!("killed"));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(change)).unwrap_err();
            done.store(true, Ordering::Relaxed);
        };
        store.plan(Some(Plan::Before(at, Arc::new(second))));
        rig.icsf.change_master_key(DES, &mut |_| {}).unwrap();
        let operations = store.plan(None);
        times += usize::from(staged.load(Ordering::Relaxed));
        assert_eq!(answers(&rig.another()), right, "the second change at operation {at}");
        if operations < at {
            break;
        }
        all_is_under_the_current_master_key(&rig);
    }
    assert!(times > 3, "only {times} places to get in between");
}

/// A partial key outside the CKDS is a token like any other: one change of the master key renews it, a second ends it.
#[test]
fn a_partial_key_is_not_completed_under_a_master_key_that_is_gone() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let mut partial = KeyIdentifier::Token(skeleton(icsf));
    let part = ClearKey::new(hmac_key(1));
    icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&part), &mut partial).unwrap();
    let partial = token_of(partial);
    let complete = || {
        let mut key = KeyIdentifier::Token(copy(&partial));
        icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut key).map(|done| (done.code, key))
    };
    change_master_key(icsf, AES, 0x22);
    let (news, mut key) = complete().unwrap();
    assert_eq!(news, Code::TokenUnderOldMasterKey);
    assert_eq!(authenticate(icsf, &mut key).unwrap().1, Code::Success, "the token was renewed");
    change_master_key(icsf, AES, 0x33);
    refused(complete().map(drop), Code::MasterKeyMismatch, (8, 10004, 24));
}

/// A key that was deleted on disk only is in use until REFRESH. It outlives a change that is killed at any point, and
/// another one killed after it.
#[test]
fn what_services_still_see_of_a_record_changed_on_disk_outlives_changes_that_are_killed() {
    let killed = |at: Option<u64>, second: Option<u64>| {
        let store = Arc::new(InterruptedStore::new(Arc::new(MemoryStore::default())));
        let rig = Rig::on(Arc::clone(&store) as Arc<_>);
        add_one_of_each(&rig.icsf);
        let right = compute(&rig.icsf, "A.DES").unwrap();
        rig.icsf.kgup_delete(&label("A.DES")).unwrap();
        let mut operations = 0;
        for (byte, at) in [(0x22, at), (0x33, second)] {
            let icsf = rig.another();
            if matches!(icsf.master_keys().unwrap().des.new, NewRegister::Empty) {
                load_master_key(&icsf, DES, byte);
            }
            store.plan(at.map(Plan::Crash));
            let result = icsf.change_master_key(DES, &mut |_| {});
            operations = store.plan(None);
            if result.is_ok() {
                // The change has refreshed, and the key is gone as was asked for.
                refused(compute(&rig.another(), "A.DES"), Code::LabelNotFound, (8, 10012, 30));
                return operations;
            }
            assert_eq!(compute(&rig.another(), "A.DES").unwrap(), right, "killed at {at:?}, of {second:?}");
        }
        operations
    };
    let operations = killed(None, None);
    assert!(operations > 20);
    for first in 1..operations {
        for second in 1..60 {
            killed(Some(first), Some(second));
        }
    }
}
