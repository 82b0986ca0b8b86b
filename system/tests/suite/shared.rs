//! Two processes on one directory: what one does the other sees on its very next call.

use icsf_core::ClearKey;
use icsf_core::backend::Part;
use softicsf::{MasterKeyKind, System};

use crate::support::{Home, lost, racf, ticket};

/// Two systems opened on one directory, both of which have been used.
fn two() -> (Home, System, String) {
    let home = Home::ready();
    let other = home.another();
    let right = ticket(&home.system, "TSOPRD1").unwrap();
    assert_eq!(ticket(&other, "TSOPRD1").unwrap(), right);
    let right = right.expose().to_owned();
    (home, other, right)
}

fn works(system: &System, right: &str) {
    assert_eq!(ticket(system, "TSOPRD1").unwrap().expose(), right);
}

#[test]
fn the_engine_is_taken_offline_and_brought_back() {
    let (home, other, right) = two();
    home.system.icsf().engine_offline().unwrap();
    assert!(lost(&other).starts_with("CSNBENC 12/0: engine is offline: the operator took it offline"));
    assert_eq!(other.engine().unwrap().state.word(), "offline");
    assert!(lost(&home.another()).contains("offline"), "it stays so for who comes later");
    other.icsf().engine_online().unwrap();
    works(&home.system, &right);
}

#[test]
fn icsf_is_stopped_and_started() {
    let (home, other, right) = two();
    assert_eq!(home.system.console("p csf").unwrap(), ["CSFM401I CRYPTOGRAPHY - SERVICES ARE NO LONGER AVAILABLE."]);
    assert!(lost(&other).starts_with("CSNBENC 12/0: ICSF is not started"));
    assert_eq!(other.console("D ICSF,CARDS").unwrap(), ["IEE341I CSF NOT ACTIVE"]);
    assert!(!other.status().unwrap().icsf.unwrap().started);
    other.console("START CSF").unwrap();
    works(&home.system, &right);
    assert_eq!(home.system.console("D SMF,O").unwrap(), ["SID(SY1)"]);
}

#[test]
fn records_are_added_by_services_and_by_utilities() {
    let (home, other, _) = two();
    let icsf = home.system.icsf();
    let token = || icsf.csnbcki(&ClearKey::from_hex("0123456789ABCDEF").unwrap()).unwrap().value;
    let reads = |label: &str| other.icsf().csnbkrr(&label.parse().unwrap()).is_ok();
    assert!(!reads("DYNAMIC") && !reads("BATCH"));
    icsf.csnbkrc2(&"DYNAMIC".parse().unwrap(), token()).unwrap();
    assert!(reads("DYNAMIC"));
    icsf.kgup_add(&"BATCH".parse().unwrap(), token()).unwrap();
    icsf.kgup_delete(&"DYNAMIC".parse().unwrap()).unwrap();
    assert!(reads("DYNAMIC") && !reads("BATCH"));
    assert_eq!(other.status().unwrap().icsf.unwrap().ckds.awaiting_refresh, 2);
    icsf.refresh_ckds().unwrap();
    assert!(!reads("DYNAMIC") && reads("BATCH"));
    assert_eq!(other.status().unwrap().icsf.unwrap().ckds.awaiting_refresh, 0);
}

#[test]
fn profiles_change_at_refresh() {
    let (home, other, right) = two();
    racf(&home.system, "RALTER PTKTDATA TSOPRD1 SSIGNON(KEYMASKED(1111111111111111))");
    works(&other, &right);
    racf(&home.system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    assert_ne!(ticket(&other, "TSOPRD1").unwrap().expose(), right);
    racf(&other, "SETROPTS NOCLASSACT(PTKTDATA)");
    assert_eq!(ticket(&home.system, "TSOPRD1").unwrap_err().triple().to_string(), "8/8/16");
    assert!(!home.system.status().unwrap().classes.iter().any(|class| class.active));
}

#[test]
fn master_keys_are_loaded_set_and_changed() {
    let (home, other, right) = two();
    let icsf = home.system.icsf();
    let kind = MasterKeyKind::Des;
    let before = *other.icsf().master_keys().unwrap().of(kind);
    for (part, byte) in [(Part::First, 1), (Part::Final, 2)] {
        icsf.load_master_key_part(kind, part, &ClearKey::new(vec![byte; 32])).unwrap();
        assert_eq!(other.icsf().master_keys().unwrap().of(kind).new, icsf.master_keys().unwrap().of(kind).new);
        works(&other, &right);
    }
    icsf.change_master_key(kind, &mut |_| {}).unwrap();
    works(&other, &right);
    let after = *other.icsf().master_keys().unwrap().of(kind);
    assert_eq!(after.old, before.current);
    assert_ne!(after.current, before.current);
    works(&home.another(), &right);
    // The one who looked on makes the next change.
    other.icsf().generate_master_key(kind).unwrap();
    other.icsf().change_master_key(kind, &mut |_| {}).unwrap();
    works(&home.system, &right);
    let status = home.system.status().unwrap();
    assert_eq!(status.icsf.unwrap().engine.master_keys.of(kind).old, after.current);
    assert!(status.applications.iter().all(|application| application.usable.is_ok()));
}

#[test]
fn a_ticket_is_good_once_for_both() {
    let (home, other, _) = two();
    racf(&home.system, "RALTER PTKTDATA TSOPRD1 NOAPPLDATA");
    racf(&home.system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let request = crate::support::request("TSOPRD1");
    let ticket = ticket(&home.system, "TSOPRD1").unwrap();
    let evaluate = |system: &System| system.evaluate(&crate::support::admin(), &request, &ticket);
    evaluate(&home.system).unwrap();
    for system in [&other, &home.system, &home.another()] {
        assert_eq!(evaluate(system).unwrap_err().code(), icsf_saf::codes::Code::EvaluationReplayed);
    }
}
