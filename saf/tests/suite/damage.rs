//! A row of the security database that cannot be read: it is named, lets nobody in, can be got rid of, and all others work.

use icsf_core::store::{Area, Expect, Op, RowStore};
use icsf_saf::codes::Code;
use icsf_saf::model::Credential;
use icsf_saf::{Saf, SignedOnBy};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::support::{DES_KEY, Site, caller, evaluate, fails, generate, refused, request, run};

fn profile_row(name: &str) -> Vec<u8> {
    format!("PPTKTDATA{name}").into_bytes()
}

fn user_row(name: &str) -> Vec<u8> {
    [b"U".as_slice(), name.parse::<ptkt::UserId>().unwrap().ebcdic()].concat()
}

/// Changes one byte of a row behind everybody's back, in both copies of it.
fn damage(site: &Site, row: &[u8]) {
    site.tamper(|store: &dyn RowStore| {
        let mut found = false;
        for area in [Area::Disk, Area::Stale] {
            if let Some(there) = store.get(area, row).unwrap().filter(|there| !there.bytes.is_empty()) {
                let mut bytes = there.bytes.to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                store.apply(&[Op::Put(area, row.into(), Zeroizing::new(bytes), Expect::Anything)]).unwrap();
                found = true;
            }
        }
        assert!(found, "there is no row {}", String::from_utf8_lossy(row));
    });
}

fn damaged(saf: &Saf) -> Vec<String> {
    saf.database().view().unwrap().damaged().map(|(name, _)| name).collect()
}

fn site() -> Site {
    let site = Site::new();
    site.run(&[
        &format!("RDEFINE PTKTDATA (APPL OTHER) APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED({DES_KEY}))"),
        "ADDUSER (U1 U2) PASSWORD(SECRET)",
    ]);
    site
}

#[test]
fn a_damaged_profile_is_named_by_all_who_meet_it_and_the_others_work() {
    let site = site();
    let (who, other) = (request("U1", "APPL"), request("U1", "OTHER"));
    let ticket = generate(&site.saf, &who).unwrap();
    let late = site.another();
    damage(&site, &profile_row("APPL"));
    for saf in [&site.saf, &late, &site.another()] {
        assert_eq!(damaged(saf), ["profile APPL of class PTKTDATA"]);
        let generated = refused(generate(saf, &who), Code::GenerationNoProfile, "8/16/28");
        let evaluated = refused(evaluate(saf, &who, &ticket), Code::EvaluationNoProfile, "8/16/32");
        let typed = Credential::from(&ticket);
        let signed_on = refused(saf.sign_on(&who, &typed), Code::SignOnNotValid, "8/8/20");
        for error in [generated, evaluated, signed_on] {
            let why = error.cause().why();
            assert!(why.contains("profile APPL is damaged: its checksum does not fit"), "{why}");
        }
        generate(saf, &other).unwrap();
        let explained = saf.explain(&crate::support::admin(), &who).unwrap();
        assert!(explained.steps.iter().any(|step| step.found.starts_with("APPL: damaged")), "{:?}", explained.steps);
        for command in [
            "RLIST PTKTDATA APPL",
            "RALTER PTKTDATA APPL UACC(READ)",
            "PERMIT APPL CLASS(PTKTDATA) ID(X)",
            "RDEFINE PTKTDATA APPL",
        ] {
            let error = fails(saf, command);
            assert!(error.what().contains("profile APPL of class PTKTDATA is damaged"), "{command}: {}", error.what());
        }
    }
    // Deleted and defined anew it is a profile like any other.
    run(&late, "RDELETE PTKTDATA APPL");
    run(&late, &format!("RDEFINE PTKTDATA APPL APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED({DES_KEY}))"));
    run(&late, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    for saf in [&site.saf, &late] {
        assert!(damaged(saf).is_empty());
        evaluate(saf, &who, &ticket).unwrap();
    }
}

#[test]
fn who_was_kept_out_by_a_profile_does_not_come_in_because_it_is_damaged() {
    for (name, keeps_out) in [
        ("IRRPTAUTH.APPL.U1", true),
        ("IRRPTAUTH.APPL.*", true),
        ("IRRPTAUTH.OTHER.*", false),
        // Less specific than the one that lets in.
        ("**", false),
    ] {
        let site = site();
        let who = request("U1", "APPL");
        site.run(&[&format!("RDEFINE PTKTDATA {name} UACC(NONE)")]);
        let before = site.saf.generate(&caller("STRANGER"), &who);
        assert_eq!(before.is_err(), keeps_out, "{name}");
        damage(&site, &profile_row(name));
        for saf in [&site.saf, &site.another()] {
            match saf.generate(&caller("STRANGER"), &who) {
                Ok(_) => assert!(!keeps_out, "{name} is damaged, and lets in"),
                Err(error) => {
                    assert!(keeps_out, "{name}: {error:?}");
                    assert_eq!(error.code(), Code::NotAuthorized);
                    assert!(error.cause().why().contains(&format!("profile {name} is damaged")), "{error:?}");
                }
            }
        }
    }
}

#[test]
fn a_damaged_qualified_profile_is_still_the_first_there_is() {
    let site = site();
    let who = request("U1", "APPL").with_group("GRP".parse().unwrap());
    site.run(&[
        "RDEFINE PTKTDATA APPL.GRP.U1 SSIGNON(KEYMASKED(1111111111111111))",
        "RDEFINE PTKTDATA APPL.U1 APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED(2222222222222222))",
    ]);
    let of_group = generate(&site.saf, &who).unwrap();
    run(&site.saf, "RDELETE PTKTDATA APPL.GRP.U1");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let of_user = generate(&site.saf, &who).unwrap();
    let plain = generate(&site.saf, &request("U1", "APPL")).unwrap();
    site.run(&["RDEFINE PTKTDATA APPL.GRP.U1 SSIGNON(KEYMASKED(1111111111111111))"]);
    damage(&site, &profile_row("APPL.GRP.U1"));
    // The next qualified one is not tried in its place; the plain one is, as always.
    let error = refused(evaluate(&site.saf, &who, &of_user), Code::EvaluationNotValid, "8/16/32");
    assert!(error.cause().why().contains("profile APPL.GRP.U1 is damaged"), "{error:?}");
    refused(evaluate(&site.saf, &who, &of_group), Code::EvaluationNotValid, "8/16/32");
    evaluate(&site.saf, &who, &plain).unwrap();
    refused(generate(&site.saf, &who), Code::GenerationNoProfile, "8/16/28");
}

#[test]
fn a_damaged_user_does_not_sign_on_and_can_be_deleted() {
    let site = site();
    let typed = Credential::new(SecretString::from("SECRET")).unwrap();
    damage(&site, &user_row("U1"));
    for saf in [&site.saf, &site.another()] {
        assert_eq!(damaged(saf), ["user U1"]);
        let error = refused(saf.sign_on(&request("U1", "APPL"), &typed), Code::SignOnUnknownUser, "8/8/16");
        assert!(error.cause().why().contains("user U1 is damaged"), "{error:?}");
        assert_eq!(saf.sign_on(&request("U2", "APPL"), &typed).unwrap(), SignedOnBy::Password);
        for command in ["ALTUSER U1 RESUME", "ADDUSER U1"] {
            assert!(fails(saf, command).what().contains("user U1 is damaged"));
        }
    }
    run(&site.saf, "DELUSER U1");
    run(&site.saf, "ADDUSER U1 PASSWORD(SECRET)");
    site.saf.sign_on(&request("U1", "APPL"), &typed).unwrap();
}

#[test]
fn a_damaged_group_is_named_and_can_be_deleted() {
    let site = site();
    run(&site.saf, "ADDGROUP (GRP OTHER)");
    let name: ptkt::GroupId = "GRP".parse().unwrap();
    damage(&site, &[b"G".as_slice(), name.ebcdic()].concat());
    for saf in [&site.saf, &site.another()] {
        assert_eq!(damaged(saf), ["group GRP"]);
        for command in ["ADDGROUP GRP", "LISTGRP GRP", "CONNECT U1 GROUP(GRP)"] {
            let error = fails(saf, command);
            assert!(error.what().contains("group GRP is damaged"), "{command}: {error}");
        }
        run(saf, "CONNECT U1 GROUP(OTHER)");
    }
    run(&site.saf, "DELGROUP GRP");
    run(&site.saf, "ADDGROUP GRP");
    run(&site.saf, "CONNECT U1 GROUP(GRP)");
    assert!(damaged(&site.saf).is_empty());
}

#[test]
fn with_damaged_options_no_class_is_active_and_setropts_sets_them_anew() {
    let site = site();
    let who = request("U1", "APPL");
    generate(&site.saf, &who).unwrap();
    damage(&site, b"S");
    for saf in [&site.saf, &site.another()] {
        assert_eq!(damaged(saf), ["the options"]);
        let error = refused(generate(saf, &who), Code::ClassInactive, "8/8/16");
        assert!(error.cause().why().contains("the options of the security database are damaged"), "{error:?}");
    }
    run(&site.saf, &site_remedy(&site));
    generate(&site.saf, &who).unwrap();
    generate(&site.another(), &who).unwrap();
}

/// What the error says is to be done.
fn site_remedy(site: &Site) -> String {
    let error = generate(&site.saf, &request("U1", "APPL")).unwrap_err();
    error.cause().remedies()[0].split(" sets ").next().unwrap().to_owned()
}

#[test]
fn a_row_that_nobody_knows_is_named_by_its_bytes_and_disturbs_nothing() {
    let site = site();
    site.tamper(|store| {
        let row = Op::Put(Area::Disk, b"WHAT".as_slice().into(), Zeroizing::new(vec![1]), Expect::Absent);
        store.apply(&[row]).unwrap();
    });
    for saf in [&site.saf, &site.another()] {
        assert_eq!(damaged(saf), ["row WHAT"]);
        generate(saf, &request("U1", "APPL")).unwrap();
    }
}
