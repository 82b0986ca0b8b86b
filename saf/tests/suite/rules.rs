//! Rules of access: classes CSFSERV and CSFKEYS, class APPL, groups, and what failed sign-ons do.

use icsf_core::codes::Code as IcsfCode;
use icsf_saf::codes::Code;
use icsf_saf::model::Credential;
use icsf_saf::{Error, SignedOnBy};
use secrecy::SecretString;

use crate::support::{DES_KEY, Site, caller, evaluate, fails, generate, refused, request, run};

fn typed(text: &str) -> Credential {
    Credential::new(SecretString::from(text)).unwrap()
}

/// A system with CHECKAUTH whose application has its key in the CKDS, and another a masked one.
fn with_checkauth() -> Site {
    let mut site = Site::new();
    site.saf = site.saf.with_checkauth(true);
    site.run(&[
        "RDEFINE PTKTDATA CICSP1 SSIGNON(KEYENCRYPTED(0123456789ABCDEF))",
        &format!("RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYMASKED({DES_KEY}))"),
    ]);
    site
}

fn icsf_code<T>(answer: Result<T, Error>, code: Code, triple: &str) -> (Option<IcsfCode>, Vec<String>) {
    let error = refused(answer, code, triple);
    (error.cause().code(), error.cause().remedies().to_vec())
}

#[test]
fn with_checkauth_icsf_asks_for_the_service_and_the_label_by_who_wants_the_ticket() {
    let site = with_checkauth();
    let who = request("U1", "CICSP1");
    let tpx = caller("TPXSTC");
    let generated = || site.saf.generate(&tpx, &who);
    let evaluated = || site.saf.evaluate(&tpx, &who, &"AAAAAAAA".parse().unwrap());
    // A class that is not active, and what no profile covers, is not protected.
    generated().unwrap();
    run(&site.saf, "SETROPTS CLASSACT(CSFSERV CSFKEYS) GENERIC(CSFKEYS)");
    generated().unwrap();
    for (class, profile, code) in [
        ("CSFSERV", "CSFENC", IcsfCode::ServiceNotAuthorized),
        ("CSFKEYS", "IRR.SSIGNON.**", IcsfCode::LabelNotAuthorized),
    ] {
        run(&site.saf, &format!("RDEFINE {class} {profile} UACC(NONE)"));
        let permit = format!("PERMIT {profile} CLASS({class}) ID(TPXSTC) ACCESS(READ)");
        for (seen, remedies) in [
            icsf_code(generated(), Code::GenerationKey, "8/16/28"),
            icsf_code(evaluated(), Code::EvaluationKey, "8/16/32"),
        ] {
            assert_eq!((seen, remedies), (Some(code), vec![permit.clone()]));
        }
        let explained = site.saf.explain(&tpx, &who).unwrap();
        let step = explained.steps.iter().find(|step| step.what == "CSFSERV, CSFKEYS").unwrap();
        assert!(!step.good && step.found.ends_with(&permit), "{}", step.found);
        // A key that is masked goes on, and ICSF that is stopped says so to everybody.
        site.saf.generate(&tpx, &request("U1", "TSOPRD1")).unwrap();
        site.icsf().stop().unwrap();
        assert_eq!(icsf_code(generated(), Code::GenerationKey, "8/16/28").0, Some(IcsfCode::IcsfStopped));
        site.icsf().start().unwrap();
        run(&site.saf, &permit);
        generated().unwrap();
        refused(evaluated(), Code::EvaluationNotValid, "8/16/32");
    }
    // The pairs that ICSF gives.
    let pairs = [IcsfCode::ServiceNotAuthorized, IcsfCode::LabelNotAuthorized].map(|code| (code.rc(), code.row().icsf));
    assert_eq!(pairs, [(8, Some(16_000)), (8, Some(16_004))]);
}

#[test]
fn without_checkauth_nobody_is_asked_and_a_raclisted_class_is_stale_until_refresh() {
    let mut site = with_checkauth();
    let who = request("U1", "CICSP1");
    run(&site.saf, "SETROPTS CLASSACT(CSFSERV) RACLIST(CSFSERV)");
    run(&site.saf, "RDEFINE CSFSERV CSFENC UACC(NONE)");
    generate(&site.saf, &who).unwrap();
    run(&site.saf, "SETROPTS RACLIST(CSFSERV) REFRESH");
    let (code, remedies) = icsf_code(generate(&site.saf, &who), Code::GenerationKey, "8/16/28");
    assert_eq!(code, Some(IcsfCode::ServiceNotAuthorized));
    assert!(remedies[0].ends_with(", then SETROPTS RACLIST(CSFSERV) REFRESH"), "{remedies:?}");
    site.saf = site.saf.with_checkauth(false);
    generate(&site.saf, &who).unwrap();
}

#[test]
fn a_key_that_icsf_refuses_does_not_keep_another_from_being_tried() {
    let site = with_checkauth();
    run(&site.saf, "RDEFINE PTKTDATA CICSP1.U1 SSIGNON(KEYLABEL(OTHER.KEY))");
    site.run(&[&format!("RALTER PTKTDATA CICSP1 SSIGNON(KEYMASKED({DES_KEY}))"), "SETROPTS CLASSACT(CSFKEYS)"]);
    run(&site.saf, "RDEFINE CSFKEYS OTHER.KEY UACC(NONE)");
    let who = request("U1", "CICSP1");
    let ticket = generate(&site.saf, &who).unwrap();
    evaluate(&site.saf, &who, &ticket).unwrap();
}

#[test]
fn keyencrypted_needs_the_services_and_the_label_by_who_issues_it() {
    for (class, profile, code) in [
        ("CSFSERV", "CSFCKI", IcsfCode::ServiceNotAuthorized),
        ("CSFSERV", "CSFKRC", IcsfCode::ServiceNotAuthorized),
        ("CSFSERV", "CSFKRW", IcsfCode::ServiceNotAuthorized),
        ("CSFSERV", "CSFKRD", IcsfCode::ServiceNotAuthorized),
        ("CSFKEYS", "IRR.**", IcsfCode::LabelNotAuthorized),
    ] {
        let site = Site::new();
        run(&site.saf, &format!("SETROPTS CLASSACT({class}) GENERIC({class})"));
        run(&site.saf, &format!("RDEFINE {class} {profile} UACC(NONE)"));
        let command = format!("RDEFINE PTKTDATA A SSIGNON(KEYENCRYPTED({DES_KEY}))");
        let error = fails(&site.saf, &command);
        assert_eq!(error.cause().unwrap().code(), Some(code), "{profile}: {}", error.report());
        assert_eq!(error.remedies(), [format!("PERMIT {profile} CLASS({class}) ID(IBMUSER) ACCESS(READ)")]);
        assert!(site.icsf().view().unwrap().kds.is_empty(), "{profile}");
        run(&site.saf, &format!("PERMIT {profile} CLASS({class}) ID(IBMUSER)"));
        run(&site.saf, &command);
    }
}

#[test]
fn a_user_may_what_any_group_may_while_the_connection_is_not_revoked() {
    let site = Site::new();
    site.run(&[
        &format!("RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYMASKED({DES_KEY}))"),
        "ADDGROUP (READERS MAKERS)",
        "ADDUSER STC",
        "CONNECT STC GROUP(READERS)",
        "RDEFINE PTKTDATA IRRPTAUTH.TSOPRD1.**",
        "PERMIT IRRPTAUTH.TSOPRD1.** CLASS(PTKTDATA) ID(READERS) ACCESS(READ)",
        "PERMIT IRRPTAUTH.TSOPRD1.** CLASS(PTKTDATA) ID(MAKERS) ACCESS(UPDATE)",
    ]);
    let may = || site.saf.generate(&caller("STC"), &request("U1", "TSOPRD1")).is_ok();
    assert!(!may());
    run(&site.saf, "CONNECT STC GROUP(MAKERS)");
    assert!(may());
    run(&site.saf, "CONNECT STC GROUP(MAKERS) REVOKE");
    assert!(!may());
    run(&site.saf, "CONNECT STC GROUP(MAKERS) RESUME");
    assert!(may());
    run(&site.saf, "REMOVE STC GROUP(MAKERS)");
    assert!(!may());
    // A profile in warning mode lets through what it would refuse.
    site.run(&["RALTER PTKTDATA IRRPTAUTH.TSOPRD1.** WARNING"]);
    assert!(may());
}

fn sign_on(site: &Site, application: &str, text: &str) -> Result<SignedOnBy, Error> {
    site.saf.sign_on(&request("U1", application), &typed(text))
}

#[test]
fn failed_sign_ons_revoke_and_evaluations_do_not() {
    let site = Site::new();
    site.run(&[
        &format!("RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYMASKED({DES_KEY}))"),
        "ADDUSER U1 PASSWORD(SECRET1)",
        "ADDUSER U2",
        "SETROPTS PASSWORD(REVOKE(3))",
    ]);
    let user = || site.saf.database().view().unwrap().user(&"U1".parse().unwrap()).unwrap().clone();
    for _ in 0..10 {
        let answer = evaluate(&site.saf, &request("U1", "TSOPRD1"), &"AAAAAAAA".parse().unwrap());
        refused(answer, Code::EvaluationNotValid, "8/16/32");
    }
    assert_eq!((user().failed_attempts, user().revoked), (0, false));
    // Two failures, and what is right makes them forgotten; a ticket that is not valid counts as a password does.
    for text in ["WRONG", "AAAAAAAA"] {
        refused(sign_on(&site, "TSOPRD1", text), Code::SignOnNotValid, "8/8/20");
    }
    assert_eq!(user().failed_attempts, 2);
    sign_on(&site, "TSOPRD1", "SECRET1").unwrap();
    assert_eq!(user().failed_attempts, 0);
    for text in ["WRONG", "AAAAAAAA"] {
        refused(sign_on(&site, "TSOPRD1", text), Code::SignOnNotValid, "8/8/20");
    }
    let last = refused(sign_on(&site, "TSOPRD1", "WRONG"), Code::SignOnNotValid, "8/8/20");
    let remedy = "after 3 failures the user is revoked: ALTUSER U1 RESUME";
    assert_eq!(last.cause().remedies().last().unwrap(), remedy);
    refused(sign_on(&site, "TSOPRD1", "SECRET1"), Code::SignOnRevoked, "8/8/28");
    run(&site.saf, "ALTUSER U1 RESUME");
    assert_eq!((user().failed_attempts, user().revoked), (0, false));
    sign_on(&site, "TSOPRD1", "SECRET1").unwrap();
    // A protected user is never revoked by failures, and without the option nobody is.
    for _ in 0..5 {
        refused(site.saf.sign_on(&request("U2", "TSOPRD1"), &typed("WRONG")), Code::SignOnNotValid, "8/8/20");
    }
    run(&site.saf, "SETROPTS PASSWORD(NOREVOKE)");
    for _ in 0..5 {
        refused(sign_on(&site, "TSOPRD1", "WRONG"), Code::SignOnNotValid, "8/8/20");
    }
    sign_on(&site, "TSOPRD1", "SECRET1").unwrap();
    assert!(!site.saf.database().view().unwrap().users().any(|user| user.revoked));
}

/// The engine is away: every ticket is refused, and the users who try are revoked. It is a second outage.
#[test]
fn tickets_that_icsf_cannot_check_count_as_failures_too() {
    let site = Site::new();
    site.run(&[
        "RDEFINE PTKTDATA CICSP1 SSIGNON(KEYENCRYPTED(0123456789ABCDEF))",
        "ADDUSER U1 PASSWORD(SECRET1)",
        "SETROPTS PASSWORD(REVOKE(2))",
    ]);
    let ticket = generate(&site.saf, &request("U1", "CICSP1")).unwrap();
    drop(site.slot.remove());
    let offered = || site.saf.sign_on(&request("U1", "CICSP1"), &Credential::from(&ticket));
    for _ in 0..2 {
        let error = refused(offered(), Code::SignOnNotValid, "8/8/20");
        assert_eq!(error.cause().code(), Some(IcsfCode::EngineUnavailable));
    }
    refused(offered(), Code::SignOnRevoked, "8/8/28");
}

#[test]
fn class_appl_says_who_may_use_an_application() {
    let site = Site::new();
    site.run(&["ADDUSER U1 PASSWORD(SECRET1)", "RDEFINE APPL TSO* UACC(NONE)", "RDEFINE APPL CICSP1 UACC(NONE)"]);
    sign_on(&site, "CICSP1", "SECRET1").unwrap();
    run(&site.saf, "SETROPTS CLASSACT(APPL)");
    let error = refused(sign_on(&site, "CICSP1", "SECRET1"), Code::SignOnApplication, "8/8/32");
    assert_eq!(error.cause().remedies(), ["PERMIT CICSP1 CLASS(APPL) ID(U1) ACCESS(READ)"]);
    run(&site.saf, "PERMIT CICSP1 CLASS(APPL) ID(U1) ACCESS(READ)");
    sign_on(&site, "CICSP1", "SECRET1").unwrap();
    // TSO* was defined without SETROPTS GENERIC(APPL), and covers nothing.
    sign_on(&site, "TSOPRD1", "SECRET1").unwrap();
}
