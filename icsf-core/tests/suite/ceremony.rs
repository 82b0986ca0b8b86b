//! The ceremony of the master keys: parts, setting, what is refused, and what the CKDS learns of it.

use std::sync::Arc;

use icsf_core::backend::{MasterKeyKind, NewRegister, Part, Registers};
use icsf_core::codes::Code;
use icsf_core::kds::KdsFormat;
use icsf_core::store::MemoryStore;
use icsf_core::{ClearKey, Error, Icsf};

use crate::support::{
    NOW, Rig, add_one_of_each, change_master_key, compute, load_master_key, refused, set_master_key, software,
};

const KIND: MasterKeyKind = MasterKeyKind::Des;
const NOT_ALLOWED: (u8, u32, u32) = (8, 39, 39);

fn bare() -> Rig {
    Rig::bare(Arc::new(MemoryStore::default()), KdsFormat::Kdsr)
}

fn load(icsf: &Icsf, part: Part, byte: u8) -> Result<(), Error> {
    icsf.load_master_key_part(KIND, part, &ClearKey::new(vec![byte; 32]))
}

fn registers(icsf: &Icsf) -> Registers {
    *icsf.master_keys().unwrap().of(KIND)
}

#[test]
fn parts_are_combined_by_exclusive_or_and_every_instance_sees_each_step() {
    let rig = bare();
    let (icsf, other) = (&rig.icsf, rig.another());
    assert_eq!(registers(&other), Registers::default());
    load(icsf, Part::First, 0x0f).unwrap();
    assert_eq!(registers(&other).new, NewRegister::Partial);
    load(&other, Part::Middle, 0xf0).unwrap();
    load(icsf, Part::Final, 0x11).unwrap();
    let NewRegister::Full(pattern) = registers(&other).new else { panic!("not full") };
    other.set_master_key(KIND).unwrap();
    assert_eq!(registers(icsf), Registers { new: NewRegister::Empty, current: Some(pattern), old: None });

    // The same key in two parts is the same key, and the other kind's pattern of it is another.
    let again = bare();
    set_master_key(&again.icsf, KIND, 0x0f ^ 0xf0 ^ 0x11);
    set_master_key(&again.icsf, MasterKeyKind::Aes, 0x0f ^ 0xf0 ^ 0x11);
    let keys = again.icsf.master_keys().unwrap();
    assert_eq!(keys.des.current, Some(pattern));
    assert_ne!(keys.aes.current, Some(pattern));
}

#[test]
fn what_the_registers_do_not_allow_is_refused_and_changes_nothing() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    change_master_key(icsf, KIND, 0x22);
    let (current, old) = (registers(icsf).current, registers(icsf).old);
    let refuse = |result: Result<(), Error>| {
        let before = registers(&rig.another());
        let error = refused(result, Code::RegisterRefused, NOT_ALLOWED);
        assert_eq!(registers(icsf), before, "{error}");
        error
    };
    refuse(load(icsf, Part::Middle, 1));
    refuse(load(icsf, Part::Final, 1));
    refuse(icsf.load_master_key_part(KIND, Part::First, &ClearKey::new(vec![1; 31])));
    refuse(icsf.set_master_key(KIND));
    refuse(icsf.change_master_key(KIND, &mut |_| {}).map(drop));
    load(icsf, Part::First, 1).unwrap();
    refuse(load(icsf, Part::First, 1));
    refuse(icsf.generate_master_key(KIND));
    let error = refuse(icsf.set_master_key(KIND));
    assert!(error.to_string().contains("lacks its final part"), "{error}");
    // The current key again, and the old one.
    refuse(load(icsf, Part::Final, 1 ^ 0x22));
    refuse(load(icsf, Part::Final, 1 ^ 0x11));
    load(icsf, Part::Final, 2).unwrap();
    refuse(load(icsf, Part::Middle, 1));
    icsf.clear_new_master_key(KIND).unwrap();
    assert_eq!(registers(icsf), Registers { new: NewRegister::Empty, current, old });
    icsf.generate_master_key(KIND).unwrap();
    assert!(matches!(registers(icsf).new, NewRegister::Full(_)));
}

#[test]
fn the_first_master_key_that_is_set_makes_the_header() {
    let rig = bare();
    rig.clock.advance(60);
    for kind in MasterKeyKind::ALL {
        let header = rig.icsf.key_data_set().header().unwrap().0;
        assert!(header.of(kind).is_none());
        set_master_key(&rig.icsf, kind, 0x11);
        let header = rig.icsf.key_data_set().header().unwrap().0;
        let current = rig.icsf.master_keys().unwrap().of(kind).current.unwrap();
        assert_eq!(header.of(kind).unwrap().mkvp(), current);
        assert_eq!((header.created, header.updated), (NOW, NOW + 60));
    }
    add_one_of_each(&rig.icsf);
    assert_eq!(rig.icsf.verify_ckds().unwrap().good, 4);
}

#[test]
fn a_ckds_under_another_master_key_is_changed_and_not_merely_set() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    let right = compute(&rig.icsf, "A.DES").unwrap();
    let before = (registers(&rig.icsf).current, rig.rows());
    load_master_key(&rig.icsf, KIND, 0x22);
    let error = refused(rig.icsf.set_master_key(KIND), Code::MasterKeyMismatch, (8, 10004, 24));
    assert!(error.cause().remedies().iter().any(|remedy| remedy.contains("change")), "{error:?}");
    assert_eq!((registers(&rig.icsf).current, rig.rows()), before);
    assert_eq!(compute(&rig.icsf, "A.DES").unwrap(), right);
    rig.icsf.change_master_key(KIND, &mut |_| {}).unwrap();
    assert_eq!(compute(&rig.icsf, "A.DES").unwrap(), right);
}

#[test]
fn a_spare_engine_is_given_the_master_keys_of_the_ckds() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    let right = (compute(&rig.icsf, "A.DES").unwrap(), compute(&rig.icsf, "B.HMAC").unwrap());
    let rows = rig.rows();
    rig.slot.insert(Arc::new(software()));
    refused(compute(&rig.icsf, "A.DES"), Code::MasterKeyNotSet, (12, 0, 764));
    set_master_key(&rig.icsf, MasterKeyKind::Aes, 0x11);
    assert_eq!(compute(&rig.icsf, "B.HMAC").unwrap(), right.1);
    refused(compute(&rig.icsf, "A.DES"), Code::MasterKeyNotSet, (12, 0, 764));
    set_master_key(&rig.icsf, MasterKeyKind::Des, 0x11);
    assert_eq!((compute(&rig.icsf, "A.DES").unwrap(), compute(&rig.icsf, "B.HMAC").unwrap()), right);
    assert_eq!(rig.rows(), rows, "the CKDS is as it was");
}

#[test]
fn the_ceremony_needs_icsf_and_an_engine() {
    let stop: fn(&Rig) = |rig| rig.icsf.stop().unwrap();
    let offline: fn(&Rig) = |rig| rig.icsf.engine_offline().unwrap();
    let pulled: fn(&Rig) = |rig| drop(rig.slot.remove());
    for (code, state) in
        [(Code::IcsfStopped, stop), (Code::EngineUnavailable, offline), (Code::EngineUnavailable, pulled)]
    {
        let rig = Rig::new();
        load_master_key(&rig.icsf, KIND, 0x22);
        state(&rig);
        let icsf = &rig.icsf;
        let steps: [(&str, Result<(), Error>); 7] = [
            ("load", load(icsf, Part::First, 1)),
            ("generate", icsf.generate_master_key(KIND)),
            ("clear", icsf.clear_new_master_key(KIND)),
            ("set", icsf.set_master_key(KIND)),
            ("change", icsf.change_master_key(KIND, &mut |_| {}).map(drop)),
            ("reencipher", icsf.reencipher(&mut |_| {}).map(drop)),
            ("show", icsf.master_keys().map(drop)),
        ];
        for (step, result) in steps {
            assert_eq!(result.map_err(|e| e.code()), Err(code), "{step}");
        }
    }
}

#[test]
fn zeroizing_empties_all_registers_of_one_kind_and_tells_beforehand_what_that_costs() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    add_one_of_each(icsf);
    let right = (compute(icsf, "A.DES").unwrap(), compute(icsf, "B.HMAC").unwrap());
    assert_eq!([MasterKeyKind::Des, MasterKeyKind::Aes].map(|kind| icsf.keys_under(kind).unwrap()), [1, 1]);
    load_master_key(icsf, KIND, 0x22);
    icsf.zeroize_master_key(KIND).unwrap();
    assert_eq!(registers(icsf), Registers::default());
    assert_eq!(icsf.keys_under(KIND).unwrap(), 0, "what cannot be used is not lost once more");
    refused(compute(icsf, "A.DES"), Code::MasterKeyNotSet, (12, 0, 764));
    assert_eq!(compute(icsf, "B.HMAC").unwrap(), right.1);
    set_master_key(icsf, KIND, 0x11);
    assert_eq!(compute(icsf, "A.DES").unwrap(), right.0);
    icsf.engine_offline().unwrap();
    refused(icsf.zeroize_master_key(KIND), Code::EngineUnavailable, (12, 0, 338));
    refused(icsf.keys_under(KIND), Code::EngineUnavailable, (12, 0, 338));
}
