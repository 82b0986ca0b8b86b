//! The in-storage copy against the disk copy: which updates services see, and when, on one system and on all that share it.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};

use icsf_core::backend::MasterKeyKind;
use icsf_core::clock::{Clock, ManualClock};
use icsf_core::codes::{Code, ReasonCodes};
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::kds::KdsFormat;
use icsf_core::label::LabelPattern;
use icsf_core::store::{MemoryStore, SqliteStore, Volume};
use icsf_core::{Icsf, KeyToken, KeyType, Parts};
use proptest::prelude::*;

use crate::interrupted_store::{InterruptedStore, Plan};
use crate::support::{
    NOW, Rig, add_one_of_each, clear_hmac_token, compute, des_token, encipher, id, label, on_each_store, random,
    refused, software,
};

/// What services see under a label: its type, or nothing.
fn seen(icsf: &Icsf, name: &str) -> Option<KeyType> {
    match icsf.csnbkrr2(&label(name)) {
        Ok(done) => Some(done.value.key_type()),
        Err(error) => {
            assert_eq!(error.code(), Code::LabelNotFound, "{error}");
            None
        }
    }
}

/// What the disk copy holds under a label.
fn on_disk(icsf: &Icsf, name: &str) -> Option<KeyType> {
    let list = icsf.csfkdsl(&["CKDS", "LABELS", "ALL"], &name.parse().unwrap(), 9, None).unwrap().value.1;
    assert!(list.len() <= 1, "one label, one record: {list:?}");
    list.first().map(|entry| entry.key.key_type())
}

#[test]
fn what_a_utility_writes_waits_for_refresh_and_what_a_service_writes_does_not() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        let (icsf, other) = (&rig.icsf, rig.another());
        let all = |name: &str| [seen(icsf, name), seen(&other, name), seen(&rig.another(), name)];
        icsf.csnbkrc(&label("KEPT")).unwrap();
        icsf.csnbkrc(&label("GONE")).unwrap();
        assert_eq!(all("KEPT"), [Some(KeyType::NULL); 3]);

        icsf.kgup_add(&label("NEW"), des_token(icsf, 1)).unwrap();
        other.kgup_delete(&label("GONE")).unwrap();
        assert_eq!((all("NEW"), all("GONE")), ([None; 3], [Some(KeyType::NULL); 3]));
        assert_eq!((on_disk(icsf, "NEW"), on_disk(icsf, "GONE")), (Some(KeyType::DATA), None));
        assert_eq!(icsf.key_data_set().awaiting_refresh().unwrap(), 2);
        refused(compute(icsf, "NEW"), Code::LabelNotFound, (8, 10012, 30));

        other.refresh_ckds().unwrap();
        assert_eq!((all("NEW"), all("GONE")), ([Some(KeyType::DATA); 3], [None; 3]));
        assert_eq!(icsf.key_data_set().awaiting_refresh().unwrap(), 0);
        assert_eq!(encipher(icsf, &mut id("NEW")).unwrap(), encipher(&other, &mut id("NEW")).unwrap());
    });
}

#[test]
fn a_key_replaced_on_disk_alone_computes_what_it_did_until_refresh() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        let (icsf, other) = (&rig.icsf, rig.another());
        icsf.csnbkrc2(&label("K.DES"), des_token(icsf, 1)).unwrap();
        let first = compute(icsf, "K.DES").unwrap();
        icsf.kgup_delete(&label("K.DES")).unwrap();
        icsf.kgup_add(&label("K.DES"), des_token(icsf, 2)).unwrap();
        for icsf in [icsf, &other, &rig.another()] {
            assert_eq!(compute(icsf, "K.DES").unwrap(), first);
        }
        other.refresh_ckds().unwrap();
        let second = compute(icsf, "K.DES").unwrap();
        assert_ne!(first, second);
        // The services replace it under both at once.
        other.csnbkrw(des_token(icsf, 1), &label("K.DES")).unwrap();
        assert_eq!((compute(icsf, "K.DES").unwrap(), compute(&other, "K.DES").unwrap()), (first.clone(), first));
    });
}

#[test]
fn a_service_that_writes_a_label_ends_what_the_in_storage_copy_kept_of_it() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        let (icsf, other) = (&rig.icsf, rig.another());
        let all = || [seen(icsf, "K"), seen(&other, "K"), seen(&rig.another(), "K")];
        // Deleted on disk alone, made anew by a service, of another type.
        icsf.csnbkrc2(&label("K"), des_token(icsf, 1)).unwrap();
        icsf.kgup_delete(&label("K")).unwrap();
        assert_eq!(all(), [Some(KeyType::DATA); 3]);
        icsf.csnbkrc(&label("K")).unwrap();
        assert_eq!(all(), [Some(KeyType::NULL); 3]);
        icsf.refresh_ckds().unwrap();
        assert_eq!(all(), [Some(KeyType::NULL); 3]);

        // Another type on disk alone, then deleted by a service.
        icsf.kgup_delete(&label("K")).unwrap();
        icsf.kgup_add(&label("K"), clear_hmac_token(icsf, 1)).unwrap();
        assert_eq!((all(), on_disk(icsf, "K")), ([Some(KeyType::NULL); 3], Some(KeyType::MAC)));
        icsf.csnbkrd(&["LABEL-DL"], &label("K")).unwrap();
        assert_eq!((all(), on_disk(icsf, "K")), ([None; 3], None));
        assert_eq!(icsf.key_data_set().awaiting_refresh().unwrap(), 0);
    });
}

#[test]
fn a_record_that_gets_its_key_later_is_one_record_throughout() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        let (icsf, other) = (&rig.icsf, rig.another());
        icsf.csnbkrc(&label("K.DES")).unwrap();
        assert_eq!(seen(&other, "K.DES"), Some(KeyType::NULL));
        icsf.csnbkrw(des_token(icsf, 1), &label("K.DES")).unwrap();
        assert_eq!(compute(&other, "K.DES").unwrap(), compute(icsf, "K.DES").unwrap());
        assert_eq!((other.view().unwrap().kds.len(), on_disk(icsf, "K.DES")), (1, Some(KeyType::DATA)));
        other.csnbkrd(&["TOKEN-DL"], &label("K.DES")).unwrap();
        assert_eq!((seen(icsf, "K.DES"), icsf.view().unwrap().kds.len()), (Some(KeyType::NULL), 1));
        // While one instance looks on, and while it does not.
        other.csnbkrw2(&label("K.DES"), clear_hmac_token(icsf, 1)).unwrap();
        other.csnbkrd(&["LABEL-DL"], &label("K.DES")).unwrap();
        other.csnbkrc(&label("K.DES")).unwrap();
        assert_eq!((seen(icsf, "K.DES"), rig.another().view().unwrap().kds.len()), (Some(KeyType::NULL), 1));
    });
}

#[test]
fn of_two_who_create_one_label_with_keys_of_two_types_one_is_told_that_it_exists() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        let (icsf, other) = (&rig.icsf, rig.another());
        for round in 0..50 {
            let name = label(&format!("RACE.{round}"));
            let start = Barrier::new(2);
            let (des, mac) = (des_token(icsf, 1), clear_hmac_token(icsf, 1));
            let create = |icsf: &Icsf, token| {
                start.wait();
                icsf.csnbkrc2(&name, token).map(drop)
            };
            let results = std::thread::scope(|scope| {
                let first = scope.spawn(|| create(icsf, des));
                [create(&other, mac), first.join().unwrap()]
            });
            let lost: Vec<_> = results.into_iter().filter_map(Result::err).collect();
            assert_eq!(lost.iter().map(icsf_core::Error::code).collect::<Vec<_>>(), [Code::LabelExists]);
            on_disk(icsf, &name.to_string()).unwrap();
        }
    });
}

#[test]
fn of_many_who_write_one_record_at_once_none_is_turned_away_and_the_last_stays() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        rig.icsf.csnbkrc(&label("BUSY.DES")).unwrap();
        let right: Vec<Vec<u8>> = (0..4)
            .map(|seed| {
                rig.icsf.csnbkrw(des_token(&rig.icsf, seed), &label("BUSY.DES")).unwrap();
                compute(&rig.icsf, "BUSY.DES").unwrap()
            })
            .collect();
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let icsf = rig.another();
                scope.spawn(move || {
                    for _ in 0..20 {
                        icsf.csnbkrw(des_token(&icsf, seed), &label("BUSY.DES")).unwrap();
                    }
                });
            }
        });
        assert!(right.contains(&compute(&rig.icsf, "BUSY.DES").unwrap()));
    });
}

#[test]
fn thousands_of_changes_are_all_seen_whether_an_instance_looks_on_or_comes_late() {
    const MANY: usize = 3300;
    on_each_store(|store| {
        let rig = Rig::on(store);
        let (icsf, late) = (&rig.icsf, rig.another());
        late.view().unwrap();
        let name = |n: usize| label(&format!("MANY.K{n:05}"));
        // One change that is too large to be remembered row by row ...
        let source = Rig::new();
        for n in 0..MANY {
            source.icsf.csnbkrc(&name(n)).unwrap();
        }
        let mut export = Vec::new();
        source.icsf.export_ckds(&mut export).unwrap();
        assert_eq!(icsf.import_ckds(&mut export.as_slice()).unwrap(), MANY);
        // ... and more small ones than are kept apart from the block of all records.
        let removed = |n: usize| n.is_multiple_of(3);
        for n in (0..MANY).filter(|n| removed(*n)) {
            icsf.csnbkrd(&["LABEL-DL"], &name(n)).unwrap();
        }
        icsf.csnbkrw2(&name(1), clear_hmac_token(icsf, 1)).unwrap();
        let there = MANY - MANY.div_ceil(3);
        for icsf in [icsf, &late, &rig.another()] {
            let view = icsf.view().unwrap();
            assert_eq!(view.kds.len(), there);
            assert!(!view.kds.is_empty() && view.kds.damaged().is_empty());
            for n in 0..MANY {
                let expected = match n {
                    1 => Some(KeyType::MAC),
                    n => (!removed(n)).then_some(KeyType::NULL),
                };
                assert_eq!(seen(icsf, &name(n).to_string()), expected);
            }
            let count = icsf.csfkdsl(&["CKDS", "COUNT", "ALL"], &LabelPattern::any(), 0, None).unwrap().value.0;
            assert_eq!(count, there);
        }
    });
}

/// Another process of the same system: everything opened anew from the same files.
fn process(ckds: &std::path::Path, epoch: &std::path::Path) -> Icsf {
    Icsf::new(Parts {
        backend: Arc::new(software()),
        store: Arc::new(SqliteStore::open(ckds, Volume::KeyDataSet).unwrap()),
        control: Arc::new(MemoryControl::default()),
        epoch: Arc::new(Epoch::open(epoch).unwrap()),
        clock: Arc::new(ManualClock::at(NOW)) as Arc<dyn Clock>,
        random: random(),
        reason_codes: ReasonCodes::Icsf,
    })
}

#[test]
fn two_who_opened_the_same_files_see_each_others_changes_on_the_next_call() {
    let directory = tempfile::tempdir().unwrap();
    let (ckds, epoch) = (directory.path().join("ckds.db"), directory.path().join("epoch"));
    SqliteStore::create(&ckds, Volume::KeyDataSet).unwrap();
    Epoch::create(&epoch).unwrap();
    let one = process(&ckds, &epoch);
    one.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
    let two = process(&ckds, &epoch);
    assert_eq!(seen(&two, "A"), None);
    one.csnbkrc2(&label("A"), clear_hmac_token(&one, 1)).unwrap();
    assert_eq!(seen(&two, "A"), Some(KeyType::MAC));
    two.kgup_add(&label("B"), clear_hmac_token(&one, 1)).unwrap();
    assert_eq!((seen(&one, "B"), seen(&two, "B")), (None, None));
    one.refresh_ckds().unwrap();
    assert_eq!((seen(&one, "B"), seen(&two, "B")), (Some(KeyType::MAC), Some(KeyType::MAC)));
    two.kgup_delete(&label("A")).unwrap();
    // Who comes after a change on disk alone sees what the others see.
    assert_eq!(seen(&process(&ckds, &epoch), "A"), Some(KeyType::MAC));
    two.refresh_ckds().unwrap();
    assert_eq!(seen(&one, "A"), None);
}

#[test]
fn a_ckds_of_fixed_length_records_takes_no_variable_length_token() {
    on_each_store(|store| {
        let rig = Rig::bare(store, KdsFormat::Fixed);
        let icsf = &rig.icsf;
        crate::support::set_master_key(icsf, MasterKeyKind::Des, 1);
        let variable = || clear_hmac_token(icsf, 1);
        icsf.csnbkrc2(&label("K"), KeyToken::Null).unwrap();
        let before = rig.rows();
        refused(icsf.csnbkrc2(&label("L"), variable()), Code::VariableTokenRefused, (12, 0, 0));
        refused(icsf.csnbkrw2(&label("K"), variable()), Code::VariableTokenRefused, (12, 0, 0));
        let error = refused(icsf.kgup_add(&label("L"), variable()), Code::VariableTokenRefused, (12, 0, 0));
        assert!(error.cause().to_string().contains("key L"), "{error:?}");
        assert_eq!(rig.rows(), before);
        icsf.csnbkrw(des_token(icsf, 1), &label("K")).unwrap();
    });
}

/// A step of a random story.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put { by: usize, name: usize, kind: u8, disk_only: bool },
    Delete { by: usize, name: usize, disk_only: bool },
    Empty { by: usize, name: usize },
    Refresh { by: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..2_usize, 0..4_usize, 0..3_u8, any::<bool>())
            .prop_map(|(by, name, kind, disk_only)| Step::Put { by, name, kind, disk_only }),
        3 => (0..2_usize, 0..4_usize, any::<bool>()).prop_map(|(by, name, disk_only)| Step::Delete { by, name, disk_only }),
        1 => (0..2_usize, 0..4_usize).prop_map(|(by, name)| Step::Empty { by, name }),
        1 => (0..2_usize).prop_map(|by| Step::Refresh { by }),
    ];
    prop::collection::vec(step, 1..40)
}

/// The plainest CKDS: the same labels twice.
#[derive(Debug, Default)]
struct Model {
    disk: BTreeMap<usize, KeyType>,
    in_storage: BTreeMap<usize, KeyType>,
}

impl Model {
    fn set(&mut self, name: usize, to: Option<KeyType>, disk_only: bool) {
        let copies = [Some(&mut self.disk), Some(&mut self.in_storage).filter(|_| !disk_only)];
        for copy in copies.into_iter().flatten() {
            match to {
                Some(key_type) => drop(copy.insert(name, key_type)),
                None => drop(copy.remove(&name)),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_story_of_updates_is_seen_as_the_plainest_ckds_would_show_it(steps in steps()) {
        on_each_store(|store| {
            let rig = Rig::on(store);
            let both = [&rig.icsf, &rig.another()];
            let token = |kind| match kind {
                0 => KeyToken::Null,
                1 => des_token(both[0], 1),
                _ => clear_hmac_token(both[0], 1),
            };
            let mut model = Model::default();
            for step in &steps {
                let names = |n: usize| label(["A", "B", "C", "D"][n]);
                let there = |model: &Model, n: usize| model.disk.get(&n).copied();
                match *step {
                    Step::Put { by, name, kind, disk_only } => {
                        let key_type = token(kind).key_type();
                        let put = if disk_only {
                            both[by].kgup_add(&names(name), token(kind))
                        } else {
                            both[by].csnbkrc2(&names(name), token(kind)).map(drop)
                        };
                        match there(&model, name) {
                            None => {
                                put.unwrap();
                                model.set(name, Some(key_type), disk_only);
                            }
                            Some(_) => drop(refused(put, Code::LabelExists, (8, 16036, 44))),
                        }
                    }
                    Step::Delete { by, name, disk_only } => {
                        let deleted = if disk_only {
                            both[by].kgup_delete(&names(name))
                        } else {
                            both[by].csnbkrd(&["LABEL-DL"], &names(name)).map(drop)
                        };
                        match there(&model, name) {
                            Some(_) => {
                                deleted.unwrap();
                                model.set(name, None, disk_only);
                            }
                            None => drop(refused(deleted, Code::LabelNotFound, (8, 10012, 30))),
                        }
                    }
                    Step::Empty { by, name } => {
                        let emptied = both[by].csnbkrd(&["TOKEN-DL"], &names(name));
                        match there(&model, name) {
                            Some(_) => {
                                emptied.unwrap();
                                model.set(name, Some(KeyType::NULL), false);
                            }
                            None => drop(refused(emptied, Code::LabelNotFound, (8, 10012, 30))),
                        }
                    }
                    Step::Refresh { by } => {
                        both[by].refresh_ckds().unwrap();
                        model.in_storage = model.disk.clone();
                    }
                }
                for icsf in both.into_iter().chain([&rig.another()]) {
                    for (n, name) in ["A", "B", "C", "D"].into_iter().enumerate() {
                        assert_eq!(seen(icsf, name), model.in_storage.get(&n).copied(), "{name} after {step:?}");
                        assert_eq!(on_disk(icsf, name), model.disk.get(&n).copied(), "{name} after {step:?}");
                    }
                    assert_eq!(icsf.view().unwrap().kds.len(), model.in_storage.len());
                }
            }
        });
    }
}

#[test]
fn a_key_that_was_replaced_is_opened_anew_and_no_other() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    icsf.csnbkrc2(&label("K.DES"), des_token(icsf, 1)).unwrap();
    compute(icsf, "K.DES").unwrap();
    let opens = |rig: &Rig| rig.meter.take().opens;
    opens(&rig);
    icsf.csnbkrc2(&label("OTHER"), clear_hmac_token(icsf, 1)).unwrap();
    compute(icsf, "K.DES").unwrap();
    assert_eq!(opens(&rig), 0, "another record is no reason to open a key again");
    icsf.csnbkrw(des_token(icsf, 2), &label("K.DES")).unwrap();
    opens(&rig);
    compute(icsf, "K.DES").unwrap();
    assert_eq!(opens(&rig), 1);
}

/// A read that fails once leaves a process on the copy it has, for as long as the disk cannot be read, and not longer.
#[test]
fn a_change_that_could_not_be_read_is_seen_as_soon_as_it_can_be() {
    for at in 1..=3 {
        let store = Arc::new(InterruptedStore::new(Arc::new(MemoryStore::default())));
        let rig = Rig::on(Arc::clone(&store) as Arc<_>);
        let other = rig.another();
        add_one_of_each(&rig.icsf);
        compute(&other, "A.DES").unwrap();
        rig.icsf.csnbkrd(&["LABEL-DL"], &label("A.DES")).unwrap();
        store.plan(Some(Plan::Fail(at)));
        let trouble = other.view().unwrap().kds_trouble.clone();
        assert!(trouble.is_some(), "operation {at}");
        refused(compute(&other, "A.DES"), Code::LabelNotFound, (8, 10012, 30));
        assert_eq!(other.view().unwrap().kds_trouble, None);
    }
}

/// The trap of a recovery site: the label a profile names is not in the CKDS, or is there and the services do not see it.
#[test]
fn a_key_that_is_not_found_is_told_by_where_it_is_and_what_to_do() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let lost = |name: &str| {
        let by_label = compute(icsf, name);
        let opened = icsf.csnbenc_key(&label(name)).map(drop);
        let read = icsf.csnbkrr(&label(name)).map(drop);
        [by_label.map(drop), opened, read].map(|result| {
            let error = refused(result, Code::LabelNotFound, (8, 10012, 30));
            (error.cause().why().to_owned(), error.cause().remedies().concat())
        })
    };
    for (why, remedy) in lost("NO.SUCH.DES") {
        assert_eq!(why, "there is no key NO.SUCH.DES in the CKDS");
        assert!(remedy.contains("softicsf ckds add NO.SUCH.DES") && remedy.contains("import"), "{remedy}");
    }
    icsf.kgup_add(&label("LATER.DES"), des_token(icsf, 1)).unwrap();
    for told in lost("LATER.DES") {
        let expected = ("key LATER.DES is in the CKDS on disk and not in storage yet", "softicsf ckds refresh");
        assert_eq!((told.0.as_str(), told.1.as_str()), expected);
    }
    icsf.refresh_ckds().unwrap();
    compute(icsf, "LATER.DES").unwrap();
    // Deleted on disk: gone for whoever writes there.
    icsf.kgup_delete(&label("LATER.DES")).unwrap();
    let error = icsf.csnbkrw(des_token(icsf, 1), &label("LATER.DES")).unwrap_err();
    assert!(error.to_string().contains("there is no key"), "{error}");
}

/// A process whose change counter was taken away would go on with what it holds, whatever others change: it stops, and says
/// why. Nobody makes a new counter beside those who hold the old one.
#[test]
fn a_change_counter_that_was_deleted_or_replaced_is_noticed_by_the_next_call() {
    let gone: [fn(&std::path::Path); 2] = [
        |epoch| std::fs::remove_file(epoch).unwrap(),
        |epoch| {
            let other = epoch.with_extension("other");
            Epoch::create(&other).unwrap();
            std::fs::rename(other, epoch).unwrap();
        },
    ];
    for take_away in gone {
        let directory = tempfile::tempdir().unwrap();
        let (ckds, epoch) = (directory.path().join("ckds.db"), directory.path().join("epoch"));
        SqliteStore::create(&ckds, Volume::KeyDataSet).unwrap();
        assert_eq!(Epoch::open(&epoch).unwrap_err().kind(), std::io::ErrorKind::NotFound);
        Epoch::create(&epoch).unwrap();
        let icsf = process(&ckds, &epoch);
        icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
        icsf.csnbkrc2(&label("A"), clear_hmac_token(&icsf, 1)).unwrap();
        compute(&icsf, "A").unwrap();
        take_away(&epoch);
        for result in [compute(&icsf, "A").map(drop), icsf.engine_offline(), icsf.kgup_delete(&label("A"))] {
            let error = result.unwrap_err();
            assert!(error.to_string().contains("it was deleted or replaced"), "{error}");
        }
    }
}
