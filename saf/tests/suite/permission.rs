//! Who may generate and evaluate: the state of the class, IRRPTAUTH profiles, and what waits for a REFRESH.

use icsf_saf::codes::Code;

use crate::support::{DES_KEY, Site, caller, copy, evaluate, generate, refused, request, run};

const INACTIVE: (Code, &str) = (Code::ClassInactive, "8/8/16");
const NOT_AUTHORIZED: (Code, &str) = (Code::NotAuthorized, "8/8/16");

#[test]
fn a_class_that_is_inactive_or_not_raclisted_refuses_everything_with_8_8_16() {
    let site = Site::bare();
    let who = request("IBMUSER", "TSOPRD1");
    let both = |command: &str, missing: &str, remedy: &str| {
        if !command.is_empty() {
            run(&site.saf, command);
        }
        let generated = refused(generate(&site.saf, &who), INACTIVE.0, INACTIVE.1);
        let evaluated = refused(evaluate(&site.saf, &who, &"AAAAAAAA".parse().unwrap()), INACTIVE.0, INACTIVE.1);
        for error in [generated, evaluated] {
            assert_eq!(error.cause().why(), format!("class PTKTDATA is {missing}"));
            assert_eq!(error.cause().remedies(), [remedy]);
        }
    };
    both("", "not active", "SETROPTS CLASSACT(PTKTDATA)");
    both("SETROPTS CLASSACT(PTKTDATA)", "not RACLISTed", "SETROPTS RACLIST(PTKTDATA)");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA)");
    refused(generate(&site.saf, &who), NOT_AUTHORIZED.0, NOT_AUTHORIZED.1);
    both("SETROPTS NOCLASSACT(PTKTDATA)", "not active", "SETROPTS CLASSACT(PTKTDATA)");
    both("SETROPTS CLASSACT(PTKTDATA) NORACLIST(PTKTDATA)", "not RACLISTed", "SETROPTS RACLIST(PTKTDATA)");
}

#[test]
fn read_evaluates_and_update_generates_whoever_gives_it() {
    let site = Site::bare();
    site.run(&[
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
        &format!("RDEFINE PTKTDATA TSOPRD1 APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED({DES_KEY}))"),
        "ADDUSER (READER GENER GROUPED ANYBODY)",
        "ALTUSER GROUPED DFLTGRP(TPXGRP)",
    ]);
    let who = request("IBMUSER", "TSOPRD1");
    // Each way in which access may be granted: to whom, and the commands that do.
    for (granted, level, commands) in [
        (
            "READER",
            "READ",
            &[
                "RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.IBMUSER",
                "PERMIT IRRPTAUTH.TSOPRD1.IBMUSER CLASS(PTKTDATA) ID(READER) ACCESS(READ)",
            ][..],
        ),
        (
            "GENER",
            "UPDATE",
            &["RDEFINE PTKTDATA IRRPTAUTH.TSO*.*", "PERMIT IRRPTAUTH.TSO*.* CLASS(PTKTDATA) ID(GENER) ACCESS(UPDATE)"],
        ),
        (
            "GENER",
            "ALTER",
            &[
                "RDEFINE PTKTDATA IRRPTAUTH.** UACC(ALTER)",
                "PERMIT IRRPTAUTH.** CLASS(PTKTDATA) ID(READER) ACCESS(NONE)",
            ],
        ),
        (
            "GROUPED",
            "UPDATE",
            &[
                "RDEFINE PTKTDATA IRRPTAUTH.*.IBMUSER",
                "PERMIT IRRPTAUTH.*.IBMUSER CLASS(PTKTDATA) ID(TPXGRP) ACCESS(UPDATE)",
            ],
        ),
        (
            "ANYBODY",
            "READ",
            &["RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.*", "PERMIT IRRPTAUTH.TSOPRD1.* CLASS(PTKTDATA) ID(*) ACCESS(READ)"],
        ),
        ("NOBODYS", "READ", &["RDEFINE PTKTDATA IRRPTAUTH.** UACC(READ)"]),
    ] {
        let granted = caller(granted);
        refused(site.saf.generate(&granted, &who), NOT_AUTHORIZED.0, NOT_AUTHORIZED.1);
        site.run(commands);
        let ticket: ptkt::Ticket = "AAAAAAAA".parse().unwrap();
        let generated = site.saf.generate(&granted, &who);
        if level == "READ" {
            let error = refused(generated, NOT_AUTHORIZED.0, NOT_AUTHORIZED.1);
            assert!(error.cause().why().ends_with("gives it READ"), "{}", error.cause().why());
            assert!(error.cause().remedies().iter().any(|remedy| remedy.contains("ACCESS(UPDATE)")));
        } else {
            generated.unwrap();
        }
        // No ticket, and that is found out: so it was looked at.
        refused(site.saf.evaluate(&granted, &who, &ticket), Code::EvaluationNotValid, "8/16/32");
        let name = commands[0].split(' ').nth(2).unwrap();
        site.run(&[&format!("RDELETE PTKTDATA {name}")]);
        refused(site.saf.evaluate(&granted, &who, &ticket), NOT_AUTHORIZED.0, NOT_AUTHORIZED.1);
    }
}

#[test]
fn the_most_specific_profile_decides_and_within_it_user_before_group_before_all() {
    let site = Site::bare();
    site.run(&[
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
        &format!("RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYMASKED({DES_KEY}))"),
        "ADDUSER MEMBER DFLTGRP(GRP)",
        "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
        "RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.** UACC(NONE)",
        "PERMIT IRRPTAUTH.TSOPRD1.** CLASS(PTKTDATA) ID(GRP) ACCESS(UPDATE)",
    ]);
    let who = request("IBMUSER", "TSOPRD1");
    let may = |user: &str| site.saf.generate(&caller(user), &who).is_ok();
    assert!(may("MEMBER") && !may("STRANGER"));
    site.run(&["PERMIT IRRPTAUTH.TSOPRD1.** CLASS(PTKTDATA) ID(MEMBER) ACCESS(NONE)"]);
    assert!(!may("MEMBER"), "what is said of the user counts, and not what is said of the group");
    site.run(&[
        "PERMIT IRRPTAUTH.TSOPRD1.** CLASS(PTKTDATA) ID(MEMBER GRP) DELETE",
        "PERMIT IRRPTAUTH.TSOPRD1.** CLASS(PTKTDATA) ID(*) ACCESS(UPDATE)",
    ]);
    assert!(may("MEMBER") && !may("STRANGER"), "the asterisk is every defined user");
    site.run(&["RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.IBMUSER UACC(NONE)"]);
    assert!(!may("MEMBER"), "the discrete profile decides");
    // With generic profiles off only discrete ones count.
    site.run(&["RDELETE PTKTDATA IRRPTAUTH.TSOPRD1.IBMUSER", "SETROPTS NOGENERIC(PTKTDATA)"]);
    assert!(!may("MEMBER"));
    site.run(&["SETROPTS GENERIC(PTKTDATA)"]);
    assert!(may("MEMBER"));
}

#[test]
fn who_is_refused_learns_what_is_missing() {
    let site = Site::bare();
    site.run(&["SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA)"]);
    let error = refused(generate(&site.saf, &request("U1", "CICSP1")), NOT_AUTHORIZED.0, NOT_AUTHORIZED.1);
    assert_eq!(error.to_string(), "U1 at CICSP1: the caller may not do this (SAF 8/8/16)");
    assert_eq!(
        error.cause().why(),
        "caller IBMUSER needs UPDATE to IRRPTAUTH.CICSP1.U1: no profile covers IRRPTAUTH.CICSP1.U1"
    );
    let commands = error.cause().remedies().join("\n");
    assert!(commands.contains("RDEFINE PTKTDATA IRRPTAUTH.CICSP1.U1"), "{commands}");
    assert!(commands.contains("PERMIT IRRPTAUTH.CICSP1.U1 CLASS(PTKTDATA) ID(IBMUSER) ACCESS(UPDATE)"), "{commands}");
}

#[test]
fn a_changed_profile_counts_from_refresh_on_here_and_in_every_other_process() {
    let site = Site::on_files();
    let other = site.another();
    site.run(&[&format!("RDEFINE PTKTDATA TSOPRD1 APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED({DES_KEY}))")]);
    let who = request("IBMUSER", "TSOPRD1");
    let ticket = generate(&site.saf, &who).unwrap();
    evaluate(&other, &who, &ticket).unwrap();

    // The key is changed: nobody notices, not even who comes later. RLIST shows what is on disk.
    run(&other, "RALTER PTKTDATA TSOPRD1 SSIGNON(KEYMASKED(0123456789ABCDEF))");
    for saf in [&site.saf, &other, &site.another()] {
        assert_eq!(generate(saf, &who).unwrap(), ticket);
        evaluate(saf, &who, &ticket).unwrap();
        assert_eq!(saf.database().view().unwrap().stale(icsf_saf::model::Class::Ptktdata), 1);
    }
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    for saf in [&site.saf, &other, &site.another()] {
        assert_ne!(generate(saf, &who).unwrap(), ticket);
        refused(evaluate(saf, &who, &ticket), Code::EvaluationNotValid, "8/16/32");
    }
    // A profile that was added, and one that was deleted.
    run(&site.saf, "RDEFINE PTKTDATA CICSP1 SSIGNON(KEYMASKED(0123456789ABCDEF))");
    run(&site.saf, "RDELETE PTKTDATA TSOPRD1");
    let new = request("IBMUSER", "CICSP1");
    for saf in [&site.saf, &other] {
        generate(saf, &who).unwrap();
        let error = refused(generate(saf, &new), Code::GenerationNoProfile, "8/16/28");
        assert_eq!(error.cause().why(), "profile CICSP1 is defined, and not in storage yet");
    }
    run(&other, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    for saf in [&site.saf, &other] {
        generate(saf, &new).unwrap();
        let error = refused(generate(saf, &who), Code::GenerationNoProfile, "8/16/28");
        assert!(error.cause().remedies().iter().any(|remedy| remedy.contains("SMF ID")), "{error:?}");
    }
    // RACLIST without REFRESH reads the database the first time only.
    run(&site.saf, "RALTER PTKTDATA CICSP1 NOSSIGNON");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA)");
    generate(&other, &new).unwrap();
    run(&site.saf, "SETROPTS NORACLIST(PTKTDATA)");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA)");
    refused(generate(&other, &new), Code::GenerationNoKey, "8/16/28");
    drop(copy(&ticket));
}

/// What somebody can do about it is done, and then it works.
#[test]
fn the_remedy_for_a_profile_that_gives_too_little_is_to_permit_that_profile() {
    for (profile, uacc, given) in [("IRRPTAUTH.APPL.*", "NONE", "NONE"), ("IRRPTAUTH.APPL.U1", "READ", "READ")] {
        let site = Site::bare();
        site.run(&[
            "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            &format!("RDEFINE PTKTDATA APPL SSIGNON(KEYMASKED({DES_KEY}))"),
            &format!("RDEFINE PTKTDATA {profile} UACC({uacc})"),
        ]);
        let who = request("U1", "APPL");
        let error = refused(generate(&site.saf, &who), NOT_AUTHORIZED.0, NOT_AUTHORIZED.1);
        assert_eq!(
            error.cause().why(),
            format!("caller IBMUSER needs UPDATE to IRRPTAUTH.APPL.U1: profile {profile} gives it {given}")
        );
        let [remedy] = error.cause().remedies() else { panic!("{error:?}") };
        remedy.split(", then ").for_each(|command| drop(run(&site.saf, command)));
        generate(&site.saf, &who).unwrap();
    }
}

#[test]
fn a_profile_that_would_cover_and_does_not_is_named_with_what_makes_it_cover() {
    let site = Site::bare();
    site.run(&[
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA)",
        &format!("RDEFINE PTKTDATA APPL SSIGNON(KEYMASKED({DES_KEY}))"),
        "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
    ]);
    let who = request("U1", "APPL");
    let follow = |why: &str| {
        let error = refused(generate(&site.saf, &who), NOT_AUTHORIZED.0, NOT_AUTHORIZED.1);
        assert!(error.cause().why().contains(why), "{error:?}");
        let commands = error.cause().remedies()[0].replace("...", "UACC(UPDATE)");
        commands.split(", then ").for_each(|command| drop(run(&site.saf, command)));
    };
    // Defined while GENERIC was off it is a discrete profile of an odd name, for good.
    follow("IRRPTAUTH.** was defined without SETROPTS GENERIC(PTKTDATA)");
    generate(&site.saf, &who).unwrap();
    site.run(&["RDELETE PTKTDATA IRRPTAUTH.**"]);
    run(&site.saf, "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)");
    follow("IRRPTAUTH.** is defined, and not in storage yet");
    generate(&site.saf, &who).unwrap();
    run(&site.saf, "SETROPTS NOGENERIC(PTKTDATA)");
    follow("IRRPTAUTH.** is generic, and generic profiles of PTKTDATA are off");
    generate(&site.saf, &who).unwrap();
}

/// A site whose code page has other national characters: X'4A' is in no profile name.
#[test]
fn a_user_of_other_national_characters_is_authorized_by_generic_profiles() {
    let user = ptkt::UserId::from_ebcdic(&[0xC1, 0x4A, 0xC2]).unwrap();
    for (profile, covers) in [("IRRPTAUTH.**", true), ("IRRPTAUTH.APPL.A%B", true), ("IRRPTAUTH.APPL.A%", false)] {
        let site = Site::bare();
        site.run(&[
            "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            &format!("RDEFINE PTKTDATA APPL SSIGNON(KEYMASKED({DES_KEY}))"),
            &format!("RDEFINE PTKTDATA {profile} UACC(UPDATE)"),
        ]);
        let generated = generate(&site.saf, &icsf_saf::Request::new(user, "APPL".parse().unwrap()));
        assert_eq!(generated.is_ok(), covers, "{profile}");
    }
}
