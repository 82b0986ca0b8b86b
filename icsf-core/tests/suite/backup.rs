//! A CKDS copied and restored below ICSF, whole and record by record.

use icsf_core::backend::MasterKeyKind;
use icsf_core::codes::Code;
use icsf_core::kds::KdsFormat;
use icsf_core::store::MemoryStore;
use std::sync::Arc;

use crate::support::{NOW, Rig, add_one_of_each, compute, des_token, label, on_each_store, refused, set_master_key};

const NAMES: [&str; 3] = ["A.DES", "B.HMAC", "C.CLEAR"];
const NOT_FOUND: (u8, u32, u32) = (8, 10012, 30);

/// Everything is as it was, for whoever has the CKDS open and for whoever opens it.
#[test]
fn what_is_restored_is_what_was_copied() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        add_one_of_each(&rig.icsf);
        let (right, rows) = (NAMES.map(|name| compute(&rig.icsf, name).unwrap()), rig.rows());
        let ckds = rig.icsf.key_data_set();
        let backup = ckds.backup().unwrap();
        assert!(format!("{backup:?}").starts_with("Backup("));

        // Changed since: one key gone, one new, and one changed that waits for REFRESH.
        rig.icsf.csnbkrd(&["LABEL-DL"], &label("A.DES")).unwrap();
        rig.icsf.csnbkrc2(&label("NEW.DES"), des_token(&rig.icsf, 9)).unwrap();
        rig.icsf.kgup_delete(&label("B.HMAC")).unwrap();
        ckds.restore(&backup).unwrap();
        for icsf in [&rig.icsf, &rig.another()] {
            assert_eq!(NAMES.map(|name| compute(icsf, name).unwrap()), right);
            refused(compute(icsf, "NEW.DES"), Code::LabelNotFound, NOT_FOUND);
        }
        let keys = |rows: &crate::support::Rows| rows.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&rig.rows()), keys(&rows));
    });
}

/// A record of a CKDS under other master keys comes as it lies there: it is refused where it is used, and no other is.
#[test]
fn one_record_comes_alone_and_under_its_own_master_key() {
    on_each_store(|store| {
        let (here, elsewhere) = (Rig::on(store), Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr));
        MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&elsewhere.icsf, kind, 0x77));
        for rig in [&here, &elsewhere] {
            add_one_of_each(&rig.icsf);
        }
        let right = NAMES.map(|name| compute(&here.icsf, name).unwrap());
        let (ckds, own) = (here.icsf.key_data_set(), here.icsf.key_data_set().backup().unwrap());
        let foreign = elsewhere.icsf.key_data_set().backup().unwrap();
        assert_eq!(ckds.restore_label(&foreign, &label("A.DES")).unwrap(), 1);
        assert_eq!(ckds.restore_label(&foreign, &label("NO.SUCH")).unwrap(), 0);
        refused(compute(&here.icsf, "A.DES"), Code::MasterKeyMismatch, (8, 10004, 24));
        assert_eq!(compute(&here.icsf, "B.HMAC").unwrap(), right[1]);
        assert_eq!(ckds.restore_label(&own, &label("A.DES")).unwrap(), 1);
        assert_eq!(NAMES.map(|name| compute(&here.icsf, name).unwrap()), right);
    });
}

#[test]
fn a_ckds_that_is_allocated_anew_is_empty_and_of_its_format() {
    on_each_store(|store| {
        let rig = Rig::on(store);
        add_one_of_each(&rig.icsf);
        let ckds = rig.icsf.key_data_set();
        ckds.allocate(KdsFormat::Fixed, NOW).unwrap();
        let header = ckds.header().unwrap().0;
        assert_eq!((header.format, header.of(MasterKeyKind::Des).is_none()), (KdsFormat::Fixed, true));
        for name in NAMES {
            refused(compute(&rig.icsf, name), Code::LabelNotFound, NOT_FOUND);
        }
    });
}
