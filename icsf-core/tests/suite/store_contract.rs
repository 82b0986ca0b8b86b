//! What `RowStore` promises, held against each store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use icsf_core::store::{self, Area, Expect, Generation, MemoryStore, Op, RowKey, RowStore, StoreError};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::support::{on_each_store, rows};

fn key(text: &str) -> RowKey {
    text.as_bytes().into()
}

fn put(area: Area, name: &str, bytes: &[u8], expect: Expect) -> Op {
    Op::Put(area, key(name), Zeroizing::new(bytes.to_vec()), expect)
}

fn disk(name: &str, bytes: &[u8]) -> Op {
    put(Area::Disk, name, bytes, Expect::Anything)
}

fn names(store: &dyn RowStore, area: Area, after: Option<&str>) -> Vec<String> {
    let mut names = Vec::new();
    let visit = &mut |key: &[u8], _: Generation, _: &[u8]| {
        names.push(String::from_utf8(key.to_vec()).unwrap());
        ControlFlow::Continue(())
    };
    store.scan(area, after.map(str::as_bytes), visit).unwrap();
    names
}

fn changed(store: &dyn RowStore, since: Generation) -> Option<BTreeSet<String>> {
    let text = |key: &RowKey| String::from_utf8(key.to_vec()).unwrap();
    Some(store.changed_since(since).unwrap()?.iter().map(text).collect())
}

fn conflict(result: Result<Generation, StoreError>, name: &str) {
    match result {
        Err(StoreError::Conflict(at)) => assert_eq!(at, key(name)),
        other => panic!("{other:?}, and no conflict at {name}"),
    }
}

#[test]
fn rows_come_back_as_they_were_written_by_the_change_that_wrote_them() {
    on_each_store(|store| {
        assert_eq!(store.generation().unwrap(), 0);
        let any: Vec<u8> = (0..=255).collect();
        let long = vec![0xa5; 1 << 20];
        let first = store.apply(&[disk("A", &any), disk("", b"no key"), disk("LONG", &long)]).unwrap();
        let second = store.apply(&[disk("B", b"")]).unwrap();
        assert_eq!((first, second, store.generation().unwrap()), (1, 2, 2));
        for (name, generation, bytes) in [("A", 1, &any[..]), ("", 1, b"no key"), ("LONG", 1, &long), ("B", 2, b"")] {
            let row = store.get(Area::Disk, name.as_bytes()).unwrap().unwrap();
            assert_eq!((row.generation, row.bytes.as_slice()), (generation, bytes), "{name}");
        }
        assert!(store.get(Area::Disk, b"C").unwrap().is_none());
        let third = store.apply(&[disk("A", b"again")]).unwrap();
        assert_eq!(store.get(Area::Disk, b"A").unwrap().unwrap().generation, third);
        assert_eq!(store.get(Area::Disk, b"LONG").unwrap().unwrap().generation, first);
    });
}

#[test]
fn what_is_expected_of_a_row_decides_whether_any_of_a_change_is_made() {
    on_each_store(|store| {
        let made = store.apply(&[disk("THERE", b"1")]).unwrap();
        let before = rows(&*store);
        let unmet = [
            (Expect::Absent, "THERE"),
            (Expect::Generation(made), "NOT.THERE"),
            (Expect::Generation(made + 1), "THERE"),
        ];
        for (expect, name) in unmet {
            for at_fault in [
                put(Area::Disk, name, b"2", expect),
                Op::Delete(Area::Disk, key(name), expect),
                Op::Check(Area::Disk, key(name), expect),
            ] {
                // Whether it stands before the others, between them or after them.
                for at in 0..3 {
                    let mut ops = vec![disk("OTHER", b"x"), Op::Clear(Area::Disk)];
                    ops.insert(if at < 2 { 0 } else { at - 1 }, at_fault.clone());
                    if at == 1 {
                        ops.swap(0, 1);
                    }
                    conflict(store.apply(&ops), name);
                    assert_eq!(rows(&*store), before);
                    assert_eq!(store.generation().unwrap(), made);
                }
            }
        }
        assert_eq!(changed(&*store, made).unwrap(), BTreeSet::new(), "a change that was not made changed nothing");

        let checks = [
            Op::Check(Area::Disk, key("THERE"), Expect::Generation(made)),
            Op::Check(Area::Stale, key("THERE"), Expect::Absent),
            Op::Check(Area::Disk, key("NOT.THERE"), Expect::Anything),
        ];
        let next = store.apply(&checks).unwrap();
        assert_eq!((next, rows(&*store)), (made + 1, before));
        assert_eq!(changed(&*store, made).unwrap(), BTreeSet::new(), "to look is not to change");
        store.apply(&[Op::Delete(Area::Disk, key("NOT.THERE"), Expect::Anything)]).unwrap();
        store.apply(&[put(Area::Disk, "THERE", b"2", Expect::Generation(made))]).unwrap();
        conflict(store.apply(&[put(Area::Disk, "THERE", b"3", Expect::Generation(made))]), "THERE");
    });
}

#[test]
fn operations_are_carried_out_in_order_each_seeing_the_ones_before() {
    on_each_store(|store| {
        let next = store.generation().unwrap() + 1;
        store
            .apply(&[
                put(Area::Disk, "A", b"1", Expect::Absent),
                put(Area::Disk, "A", b"2", Expect::Generation(next)),
                Op::Delete(Area::Disk, key("A"), Expect::Generation(next)),
                put(Area::Disk, "A", b"3", Expect::Absent),
                put(Area::Disk, "B", b"1", Expect::Absent),
                Op::Clear(Area::Disk),
                Op::Check(Area::Disk, key("B"), Expect::Absent),
                put(Area::Disk, "A", b"4", Expect::Absent),
            ])
            .unwrap();
        assert_eq!(rows(&*store), BTreeMap::from([((Area::Disk, key("A")), (next, b"4".to_vec()))]));
    });
}

#[test]
fn areas_are_apart() {
    on_each_store(|store| {
        for area in Area::ALL {
            store.apply(&[put(area, "A", format!("{area:?}").as_bytes(), Expect::Absent)]).unwrap();
        }
        for area in Area::ALL {
            assert_eq!(store.get(area, b"A").unwrap().unwrap().bytes.as_slice(), format!("{area:?}").as_bytes());
        }
        store.apply(&[Op::Clear(Area::Stale), Op::Delete(Area::Staged, key("A"), Expect::Anything)]).unwrap();
        assert_eq!(rows(&*store).keys().map(|(area, _)| *area).collect::<Vec<_>>(), [Area::Disk]);
    });
}

#[test]
fn a_scan_goes_in_order_of_the_keys_from_where_it_is_told_as_of_one_instant() {
    on_each_store(|store| {
        let unordered = ["B", "", "A.B", "C", "A"];
        store.apply(&unordered.map(|name| disk(name, name.as_bytes()))).unwrap();
        store.apply(&[disk("\u{1f511}", b""), put(Area::Stale, "X", b"", Expect::Absent)]).unwrap();
        assert_eq!(names(&*store, Area::Disk, None), ["", "A", "A.B", "B", "C", "\u{1f511}"]);
        assert_eq!(names(&*store, Area::Disk, Some("")), ["A", "A.B", "B", "C", "\u{1f511}"]);
        assert_eq!(names(&*store, Area::Disk, Some("A.A")), ["A.B", "B", "C", "\u{1f511}"]);
        assert_eq!(names(&*store, Area::Disk, Some("\u{1f511}")), [""; 0]);

        // Whoever visits may use the store meanwhile, and sees none of what it does there.
        let mut seen = Vec::new();
        let visit = &mut |key: &[u8], _: Generation, _: &[u8]| {
            seen.push(key.to_vec());
            store.apply(&[disk("D", b""), Op::Delete(Area::Disk, b"B".as_slice().into(), Expect::Anything)]).unwrap();
            if seen.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.scan(Area::Disk, None, visit).unwrap();
        assert_eq!(seen, [&b""[..], b"A", b"A.B", b"B"]);
        assert_eq!(names(&*store, Area::Disk, Some("A.B")), ["C", "D", "\u{1f511}"]);
    });
}

#[test]
fn what_changed_since_is_told_until_it_is_too_long_ago() {
    on_each_store(|store| {
        let start = store.generation().unwrap();
        assert_eq!(changed(&*store, start).unwrap(), BTreeSet::new());
        store.apply(&[disk("A", b"1"), put(Area::Stale, "B", b"", Expect::Absent)]).unwrap();
        let middle = store.apply(&[put(Area::Staged, "C", b"", Expect::Absent)]).unwrap();
        store.apply(&[Op::Delete(Area::Disk, key("A"), Expect::Anything), disk("D", b"")]).unwrap();
        store.apply(&[Op::Clear(Area::Stale), Op::Clear(Area::Staged)]).unwrap();
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(changed(&*store, start).unwrap(), names(&["A", "B", "D"]));
        assert_eq!(changed(&*store, middle).unwrap(), names(&["A", "B", "D"]), "what is cleared was changed");
        assert_eq!(changed(&*store, store.generation().unwrap()).unwrap(), names(&[]));

        let many: Vec<Op> = (0..5000).map(|n| disk(&format!("MANY.{n}"), b"")).collect();
        let large = store.apply(&many).unwrap();
        assert_eq!(changed(&*store, large - 1), None, "more than is worth remembering row by row");
        assert_eq!(changed(&*store, large).unwrap(), names(&[]));
        let mut last = large;
        for n in 0..1100 {
            // A few rows each: stores that count rows and stores that count changes both have enough.
            let row = |part: u8| disk(&format!("ONE.{}{part}", n % 10), b"");
            last = store.apply(&[row(0), row(1), row(2), row(3)]).unwrap();
        }
        assert_eq!(changed(&*store, large), None, "too many changes ago");
        assert_eq!(
            changed(&*store, last - 2).unwrap(),
            names(&["ONE.80", "ONE.81", "ONE.82", "ONE.83", "ONE.90", "ONE.91", "ONE.92", "ONE.93"])
        );
    });
}

#[test]
fn of_many_who_write_one_row_at_once_one_is_first_and_none_is_lost() {
    const EACH: u64 = 50;
    on_each_store(|store| {
        let firsts = AtomicU64::new(0);
        let (store, firsts) = (&store, &firsts);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for n in 0..EACH {
                        let race = store.apply(&[put(Area::Disk, &format!("RACE.{n}"), b"", Expect::Absent)]);
                        firsts.fetch_add(u64::from(race.is_ok()), Ordering::Relaxed);
                        store.apply(&[disk(&format!("OWN.{thread}.{n}"), b"")]).unwrap();
                    }
                });
            }
        });
        assert_eq!(firsts.load(Ordering::Relaxed), EACH);
        assert_eq!(names(&**store, Area::Disk, None).len() as u64, EACH + 4 * EACH);
        assert_eq!(store.generation().unwrap(), EACH + 4 * EACH, "a change that was not made does not count");
    });
}

#[test]
fn a_copy_has_what_is_on_disk_and_what_is_stale() {
    on_each_store(|from| {
        from.apply(&[disk("A", b"1")]).unwrap();
        from.apply(&Area::ALL.map(|area| put(area, "B", b"2", Expect::Absent))).unwrap();
        let to = MemoryStore::default();
        store::copy(&*from, &to).unwrap();
        let copied: Vec<(Area, RowKey)> = rows(&to).into_keys().collect();
        assert_eq!(copied, [(Area::Disk, key("A")), (Area::Disk, key("B")), (Area::Stale, key("B"))]);
        conflict(store::copy(&*from, &to).map(|()| 0), "A");
    });
}

/// The plainest store there can be.
#[derive(Debug, Default, Clone)]
struct Model {
    generation: Generation,
    rows: BTreeMap<(Area, RowKey), (Generation, Vec<u8>)>,
}

impl Model {
    fn apply(&mut self, ops: &[Op]) -> Option<BTreeSet<RowKey>> {
        let mut next = Self { generation: self.generation + 1, rows: self.rows.clone() };
        let mut changed = BTreeSet::new();
        for op in ops {
            match op {
                Op::Put(area, key, _, expect) | Op::Delete(area, key, expect) | Op::Check(area, key, expect) => {
                    let there = next.rows.get(&(*area, key.clone())).map(|(generation, _)| *generation);
                    let met = match expect {
                        Expect::Anything => true,
                        Expect::Absent => there.is_none(),
                        Expect::Generation(generation) => there == Some(*generation),
                    };
                    if !met {
                        return None;
                    }
                }
                Op::Clear(_) => {}
            }
            match op {
                Op::Put(area, key, bytes, _) => {
                    next.rows.insert((*area, key.clone()), (next.generation, bytes.to_vec()));
                    changed.insert((*area, key.clone()));
                }
                Op::Delete(area, key, _) => {
                    next.rows.remove(&(*area, key.clone()));
                    changed.insert((*area, key.clone()));
                }
                Op::Clear(area) => {
                    let gone: Vec<_> = next.rows.keys().filter(|(a, _)| a == area).cloned().collect();
                    gone.into_iter().for_each(|place| {
                        next.rows.remove(&place);
                        changed.insert(place);
                    });
                }
                Op::Check(..) => {}
            }
        }
        *self = next;
        Some(changed.into_iter().filter(|(area, _)| *area != Area::Staged).map(|(_, key)| key).collect())
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let area = prop::sample::select(Area::ALL.to_vec());
    let key = prop::sample::select(["A", "B", "C"].map(key).to_vec());
    let expect = prop_oneof![
        3 => Just(Expect::Anything),
        1 => Just(Expect::Absent),
        1 => (1..12_u64).prop_map(Expect::Generation),
    ];
    let row = (area.clone(), key, expect, any::<u8>());
    let op = prop_oneof![
        4 => row.clone().prop_map(|(area, key, expect, byte)| Op::Put(area, key, Zeroizing::new(vec![byte]), expect)),
        2 => row.clone().prop_map(|(area, key, expect, _)| Op::Delete(area, key, expect)),
        1 => row.prop_map(|(area, key, expect, _)| Op::Check(area, key, expect)),
        1 => area.prop_map(Op::Clear),
    ];
    prop::collection::vec(op, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changes_leave_what_the_plainest_store_has(changes in prop::collection::vec(ops(), 1..20)) {
        on_each_store(|store: Arc<dyn RowStore>| {
            let mut model = Model::default();
            for ops in &changes {
                let before = model.generation;
                match (store.apply(ops), model.apply(ops)) {
                    (Ok(generation), Some(expected)) => {
                        assert_eq!(generation, model.generation);
                        let told = store.changed_since(before).unwrap().unwrap();
                        // A row that was deleted and was not there may be told or not.
                        let told: BTreeSet<RowKey> = told.into_iter().collect();
                        assert!(told.is_subset(&expected), "{told:?} {expected:?}");
                    }
                    (Err(StoreError::Conflict(_)), None) => {}
                    (stored, expected) => panic!("{ops:?}: {stored:?}, and it should be {expected:?}"),
                }
                assert_eq!(rows(&*store), model.rows);
                assert_eq!(store.generation().unwrap(), model.generation);
            }
        });
    }
}
