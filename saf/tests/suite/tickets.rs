//! Tickets: which profile, which key, which answer when the key cannot be used.

use icsf_core::ClearKey;
use icsf_core::codes::Code as IcsfCode;
use icsf_saf::codes::Code;
use icsf_saf::{Caller, KeySource, Request};
use ptkt::software::DesKey;
use ptkt::{Ticket, TicketKind, Timestamp, legacy};

use crate::support::{Change, DES_KEY, NOW, Site, admin, evaluate, generate, refused, request, run};

/// Puts a DES key into the CKDS.
fn add_des(site: &Site, label: &str, key: &str) {
    let token = site.icsf().csnbcki(&ClearKey::from_hex(key).unwrap()).unwrap().value;
    site.icsf().csnbkrc2(&label.parse().unwrap(), token).unwrap();
}

/// The ticket that an independent program makes with this key.
fn right(key: &str, request: &Request) -> Ticket {
    let key = DesKey::new(ClearKey::from_hex(key).unwrap().expose()).unwrap();
    let Ok(session) = legacy::Session::prepare(&key, &request.user, &request.application);
    session.generate(&key, Timestamp::from_secs(NOW)).unwrap()
}

#[test]
fn a_known_answer() {
    // Made by three programs of other authors: see ptkt/vectors.
    let site = Site::new();
    site.clock.set(1_700_000_000);
    site.run(&[&format!("RDEFINE PTKTDATA TSOR001 SSIGNON(KEYMASKED({DES_KEY}))")]);
    let who = request("IBMUSER", "TSOR001");
    assert_eq!(generate(&site.saf, &who).unwrap().expose(), "ZVQLMCAN");
    let accepted = evaluate(&site.saf, &who, &"ZVQLMCAN".parse().unwrap()).unwrap();
    assert_eq!((accepted.kind, accepted.age), (TicketKind::Legacy, 0));
    let earlier = who.at(1_700_000_000 - 60);
    let ticket = generate(&site.saf, &earlier).unwrap();
    assert_eq!(evaluate(&site.saf, &who, &ticket).unwrap().age, 60);
    assert_eq!(
        evaluate(&site.saf, &earlier, &generate(&site.saf, &who.at(1_700_000_000 - 1)).unwrap()).unwrap().age,
        -59
    );
}

#[test]
fn a_masked_key_and_the_same_key_in_the_ckds_make_the_same_tickets() {
    let site = Site::new();
    add_des(&site, "LEGACY.KEY", DES_KEY);
    site.run(&[
        &format!("RDEFINE PTKTDATA MASKED SSIGNON(KEYMASKED({DES_KEY}))"),
        "RDEFINE PTKTDATA LABELLED SSIGNON(KEYLABEL(LEGACY.KEY))",
        &format!("RDEFINE PTKTDATA ENCRYPTD SSIGNON(KEYENCRYPTED({DES_KEY}))"),
    ]);
    for application in ["MASKED", "LABELLED", "ENCRYPTD"] {
        let who = request("IBMUSER", application);
        let ticket = generate(&site.saf, &who).unwrap();
        assert_eq!(ticket, right(DES_KEY, &who), "{application}");
        assert_eq!(generate(&site.another(), &who).unwrap(), ticket);
        evaluate(&site.saf, &who, &ticket).unwrap();
    }
}

#[test]
fn the_window_of_a_legacy_ticket_is_ten_minutes_to_both_sides() {
    let site = Site::new();
    site.run(&[&format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({DES_KEY}))")]);
    let who = request("IBMUSER", "A");
    for (age, accepted) in [(600, true), (-600, true), (601, false), (-601, false)] {
        let ticket = generate(&site.saf, &who.at(NOW.checked_add_signed(-age).unwrap())).unwrap();
        let evaluated = evaluate(&site.saf, &who, &ticket);
        if accepted {
            assert_eq!(evaluated.unwrap().age, age);
        } else {
            let error = refused(evaluated, Code::EvaluationNotValid, "8/16/32");
            assert!(error.cause().remedies().iter().any(|r| r.contains("clocks")), "{error:?}");
        }
    }
}

/// The four names under which the key of an application may stand, the most special first, each with a key of its own.
const NAMES: [(&str, &str); 4] = [
    ("APPL.GRP.IBMUSER", "1111111111111111"),
    ("APPL.IBMUSER", "2222222222222222"),
    ("APPL.GRP", "3333333333333333"),
    ("APPL", "4444444444444444"),
];

fn define(site: &Site, names: &[usize]) {
    for n in names {
        let (name, key) = NAMES[*n];
        run(&site.saf, &format!("RDEFINE PTKTDATA {name} APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED({key}))"));
    }
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
}

#[test]
fn evaluation_tries_the_first_qualified_profile_there_is_and_then_the_plain_one() {
    // Every subset of the four.
    for subset in 0..16_u8 {
        let site = Site::new();
        let there: Vec<usize> = (0..4).filter(|n| subset & (1 << n) != 0).collect();
        define(&site, &there);
        let who = request("IBMUSER", "APPL").with_group("GRP".parse().unwrap());
        let first = there.iter().copied().find(|n| *n < 3);
        for (n, (name, key)) in NAMES.iter().enumerate() {
            let evaluated = evaluate(&site.saf, &who, &right(key, &who));
            if there.contains(&n) && (first == Some(n) || n == 3) {
                evaluated.unwrap_or_else(|e| panic!("{name} of {there:?}: {e:?}"));
            } else {
                let code = if there.is_empty() { Code::EvaluationNoProfile } else { Code::EvaluationNotValid };
                refused(evaluated, code, "8/16/32");
            }
        }
    }
}

#[test]
fn evaluation_takes_the_default_group_of_the_user_when_none_is_given() {
    let site = Site::new();
    define(&site, &[2]);
    let who = request("IBMUSER", "APPL");
    refused(evaluate(&site.saf, &who, &right(NAMES[2].1, &who)), Code::EvaluationNoProfile, "8/16/32");
    run(&site.saf, "ADDUSER IBMUSER DFLTGRP(GRP)");
    evaluate(&site.saf, &who, &right(NAMES[2].1, &who)).unwrap();
}

#[test]
fn generation_uses_the_plain_profile_and_the_qualified_ones_only_with_a_group() {
    let site = Site::new();
    let who = request("IBMUSER", "APPL");
    let qualified = who.with_group("GRP".parse().unwrap());
    refused(generate(&site.saf, &qualified), Code::GenerationNoProfile, "8/16/28");
    define(&site, &[3]);
    for n in (0..4).rev() {
        if n < 3 {
            define(&site, &[n]);
        }
        assert_eq!(generate(&site.saf, &who).unwrap(), right(NAMES[3].1, &who));
        assert_eq!(generate(&site.saf, &qualified).unwrap(), right(NAMES[n].1, &who), "{n}");
    }
    run(&site.saf, "RDELETE PTKTDATA APPL");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    refused(generate(&site.saf, &who), Code::GenerationNoProfile, "8/16/28");
    generate(&site.saf, &qualified).unwrap();
}

#[test]
fn a_ticket_of_another_key_is_not_taken_for_a_wrong_clock() {
    let site = Site::new();
    site.run(&[&format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({DES_KEY}))")]);
    let who = request("IBMUSER", "A");
    for key in ["0123456789ABCDEF", "1111111111111111", "FEDCBA9876543210"] {
        let error = refused(evaluate(&site.saf, &who, &right(key, &who)), Code::EvaluationNotValid, "8/16/32");
        assert!(error.cause().why().starts_with("it is no ticket made with this key"), "{error:?}");
        assert!(error.cause().remedies()[0].starts_with("compare the keys"), "{error:?}");
    }
    let late = generate(&site.saf, &who.at(NOW - 3600)).unwrap();
    let error = refused(evaluate(&site.saf, &who, &late), Code::EvaluationNotValid, "8/16/32");
    assert_eq!(error.cause().why(), "the ticket was made 3600 seconds ago, too long");
}

#[test]
fn a_generic_profile_holds_no_key() {
    let site = Site::new();
    site.run(&[&format!("RDEFINE PTKTDATA TSO* SSIGNON(KEYMASKED({DES_KEY}))")]);
    let who = request("IBMUSER", "TSOPRD1");
    refused(generate(&site.saf, &who), Code::GenerationNoProfile, "8/16/28");
    refused(evaluate(&site.saf, &who, &right(DES_KEY, &who)), Code::EvaluationNoProfile, "8/16/32");
    let explained = site.saf.explain(&admin(), &request("IBMUSER", "TSOPRD1")).unwrap();
    assert!(explained.outcome.is_err());
}

#[test]
fn a_profile_without_key_is_told_from_no_profile_by_its_cause_alone() {
    let site = Site::new();
    site.run(&["RDEFINE PTKTDATA BARE", "RDEFINE PTKTDATA EMPTY SSIGNON(TIMEOUT(5))"]);
    for application in ["BARE", "EMPTY"] {
        let who = request("IBMUSER", application);
        let generated = refused(generate(&site.saf, &who), Code::GenerationNoKey, "8/16/28");
        let evaluated = refused(evaluate(&site.saf, &who, &right(DES_KEY, &who)), Code::EvaluationNoKey, "8/16/32");
        for error in [generated, evaluated] {
            assert_eq!(error.cause().why(), "the profile has no key in its SSIGNON segment");
            assert!(error.cause().remedies()[0].starts_with(&format!("RALTER PTKTDATA {application} SSIGNON(")));
        }
    }
}

#[test]
fn masked_keys_survive_what_keys_in_the_ckds_do_not_and_the_cause_is_whole() {
    let lost: [(&str, Change, &str); 4] = [
        ("no card", |site| drop(site.slot.remove()), "CSNBENC 12/0: engine is deconfigured"),
        ("offline", |site| site.icsf().engine_offline().unwrap(), "CSNBENC 12/0: engine is offline"),
        ("stopped", |site| site.icsf().stop().unwrap(), "CSNBENC 12/0: ICSF is not started"),
        (
            "no record",
            |site| {
                site.icsf().csnbkrd(&["LABEL-DL"], &"LEGACY.KEY".parse().unwrap()).unwrap();
            },
            "CSNBENC 8/10012: there is no key LEGACY.KEY in the CKDS",
        ),
    ];
    for (what, lose, cause) in lost {
        let site = Site::new();
        add_des(&site, "LEGACY.KEY", DES_KEY);
        site.run(&[
            &format!("RDEFINE PTKTDATA MASKED SSIGNON(KEYMASKED({DES_KEY}))"),
            "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYLABEL(LEGACY.KEY))",
        ]);
        let (masked, who) = (request("IBMUSER", "MASKED"), request("IBMUSER", "TSOPRD1"));
        let ticket = generate(&site.saf, &who).unwrap();
        let other = site.another();
        generate(&other, &who).unwrap();
        lose(&site);
        let masked_ticket = generate(&site.saf, &masked).unwrap();
        evaluate(&site.saf, &masked, &masked_ticket).unwrap();
        for saf in [&site.saf, &other] {
            let generated = refused(generate(saf, &who), Code::GenerationKey, "8/16/28");
            let evaluated = refused(evaluate(saf, &who, &ticket), Code::EvaluationKey, "8/16/32");
            for error in [generated, evaluated] {
                assert!(!error.to_string().contains("CSNBENC"), "what the caller sees does not name ICSF: {error}");
                let whole = error.cause();
                assert!(whole.to_string().starts_with(cause), "{what}: {whole}");
                assert_eq!(
                    (whole.user(), whole.application(), whole.profile()),
                    (Some("IBMUSER"), Some("TSOPRD1"), Some("TSOPRD1"))
                );
                assert_eq!(whole.key_source(), Some("legacy, in the CKDS under LEGACY.KEY"));
                assert_eq!(whole.label().map(ToString::to_string).as_deref(), Some("LEGACY.KEY"));
                let icsf = std::error::Error::source(&error).unwrap().downcast_ref::<icsf_core::Error>().unwrap();
                assert_eq!(whole.code(), Some(icsf.code()));
                assert!(!whole.remedies().is_empty() || what == "no record", "{what}");
            }
        }
    }
}

#[test]
fn a_key_of_another_type_behind_a_label_is_refused_by_icsf_and_told_so() {
    let site = Site::new();
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    let clear = site.icsf().csnbktb2(&rules, Some(&ClearKey::new(vec![1; 64])), None).unwrap().value;
    site.icsf().csnbkrc2(&"A.MAC".parse().unwrap(), clear).unwrap();
    site.run(&["RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYLABEL(A.MAC))"]);
    let error = refused(generate(&site.saf, &request("U1", "TSOPRD1")), Code::GenerationKey, "8/16/28");
    assert_eq!(error.cause().code(), Some(IcsfCode::WrongKeyType));
}

#[test]
fn the_engine_may_fail_at_any_call_of_a_ticket_and_the_next_ticket_is_right() {
    let site = Site::new();
    add_des(&site, "LEGACY.KEY", DES_KEY);
    site.run(&["RDEFINE PTKTDATA TSOPRD1 APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYLABEL(LEGACY.KEY))"]);
    let who = request("IBMUSER", "TSOPRD1");
    let expected = right(DES_KEY, &who);
    use icsf_backends::faulty::Plan;
    use icsf_core::backend::EngineErrorKind;
    let mut failed = 0;
    for call in 1..30 {
        let saf = site.another();
        site.faulty.set_plan(Plan::new().fail_call(call, EngineErrorKind::Fault));
        let generated = generate(&saf, &who);
        let reached = site.faulty.calls() >= call;
        site.faulty.set_plan(Plan::new());
        if reached {
            refused(generated, Code::GenerationKey, "8/16/28");
            failed += 1;
        } else {
            assert_eq!(generated.unwrap(), expected);
        }
        assert_eq!(generate(&saf, &who).unwrap(), expected, "after call {call} failed");
        evaluate(&saf, &who, &expected).unwrap();
    }
    // Look at the engine (2), open the key of the MACs and use it, open the key, prepare (2), six rounds.
    assert_eq!(failed, 13);
}

#[test]
fn explain_tells_the_whole_chain() {
    let site = Site::new();
    add_des(&site, "LEGACY.KEY", DES_KEY);
    site.run(&["RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYLABEL(LEGACY.KEY))"]);
    let who = request("IBMUSER", "TSOPRD1");
    let steps = |who: &Request| site.saf.explain(&admin(), who).unwrap();
    let good = steps(&who);
    good.outcome.unwrap();
    assert!(good.steps.iter().all(|step| step.good), "{:?}", good.steps);
    let chain: Vec<&str> = good.steps.iter().map(|step| step.what).collect();
    assert_eq!(chain, ["class", "permission", "key profile", "key", "ICSF", "record", "engine", "key use"]);
    site.slot.remove();
    let lost = steps(&who);
    refused(lost.outcome, Code::GenerationKey, "8/16/28");
    let bad: Vec<&str> = lost.steps.iter().filter(|step| !step.good).map(|step| step.what).collect();
    assert_eq!(bad, ["engine"]);
    let nobody = site.saf.explain(&Caller::user("NOBODY".parse().unwrap()), &request("U", "NONE")).unwrap();
    assert!(
        nobody.steps.iter().any(|step| step.what == "key profile" && step.found == "NONE: not defined" && !step.good)
    );
    // Stale profiles are told.
    run(&site.saf, "RALTER PTKTDATA TSOPRD1 UACC(READ)");
    assert!(steps(&who).steps.iter().any(|step| step.found.contains("changed since the last REFRESH")));
}

#[test]
fn a_probe_opens_the_key_and_makes_nothing() {
    let site = Site::new();
    add_des(&site, "LEGACY.KEY", DES_KEY);
    site.run(&[
        "RDEFINE PTKTDATA A SSIGNON(KEYLABEL(LEGACY.KEY))",
        &format!("RDEFINE PTKTDATA B SSIGNON(KEYMASKED({DES_KEY}))"),
        "RDEFINE PTKTDATA C",
    ]);
    let probe = |name: &str| {
        let view = site.saf.database().view().unwrap();
        site.saf.probe(view.profile(icsf_saf::model::Class::Ptktdata, &name.parse().unwrap()).unwrap())
    };
    assert_eq!(probe("A").unwrap(), KeySource::Legacy("LEGACY.KEY".parse().unwrap()));
    assert_eq!(probe("B").unwrap(), KeySource::Masked);
    refused(probe("C"), Code::GenerationNoKey, "8/16/28");
    site.slot.remove();
    refused(probe("A"), Code::GenerationKey, "8/16/28");
    probe("B").unwrap();
}

#[test]
fn explain_tells_a_key_that_cannot_be_used_at_the_step_where_it_lies() {
    let site = Site::new();
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    let clear = site.icsf().csnbktb2(&rules, Some(&ClearKey::new(vec![1; 64])), None).unwrap().value;
    site.icsf().csnbkrc2(&"A.MAC".parse().unwrap(), clear).unwrap();
    add_des(&site, "LEGACY.KEY", DES_KEY);
    let des = site.icsf().csnbcki(&ClearKey::from_hex(DES_KEY).unwrap()).unwrap().value;
    site.icsf().kgup_add(&"ON.DISK".parse().unwrap(), des).unwrap();
    site.run(&[
        "RDEFINE PTKTDATA TYPE SSIGNON(KEYLABEL(A.MAC))",
        "RDEFINE PTKTDATA WAITING SSIGNON(KEYLABEL(ON.DISK))",
        "RDEFINE PTKTDATA MISSING SSIGNON(KEYLABEL(NO.KEY))",
        "RDEFINE PTKTDATA LOST SSIGNON(KEYLABEL(LEGACY.KEY))",
    ]);
    for (application, at) in [("TYPE", "key use"), ("WAITING", "record"), ("MISSING", "record")] {
        let explained = site.saf.explain(&admin(), &request("U1", application)).unwrap();
        let error = refused(explained.outcome, Code::GenerationKey, "8/16/28");
        let bad: Vec<_> = explained.steps.iter().filter(|step| !step.good).collect();
        let [bad] = bad.as_slice() else { panic!("{application}: {:?}", explained.steps) };
        assert_eq!(bad.what, at);
        assert!(bad.found.contains(error.cause().why()), "{bad:?}");
        assert!(error.cause().remedies().iter().all(|remedy| bad.found.contains(remedy)), "{bad:?}");
    }
    // An engine that says it is there, and fails as soon as it is used.
    let who = request("U1", "LOST");
    generate(&site.saf, &who).unwrap();
    site.faulty.set_plan(icsf_backends::faulty::Plan::new().fail_all(icsf_core::backend::EngineErrorKind::Fault));
    let explained = site.saf.explain(&admin(), &who).unwrap();
    refused(explained.outcome, Code::GenerationKey, "8/16/28");
    assert!(explained.steps.iter().any(|step| step.what == "key use" && !step.good), "{:?}", explained.steps);
    let view = site.saf.database().view().unwrap();
    let profile = view.profile(icsf_saf::model::Class::Ptktdata, &"LOST".parse().unwrap()).unwrap();
    refused(site.saf.probe(profile), Code::GenerationKey, "8/16/28");
}

#[test]
fn the_profile_that_lacks_a_key_is_the_one_named() {
    let site = Site::new();
    site.run(&["RDEFINE PTKTDATA APPL", "RDEFINE PTKTDATA APPL.U1"]);
    let who = request("U1", "APPL");
    let with_group = who.with_group("G1".parse().unwrap());
    let generated = refused(generate(&site.saf, &with_group), Code::GenerationNoKey, "8/16/28");
    let evaluated = refused(evaluate(&site.saf, &who, &right(DES_KEY, &who)), Code::EvaluationNoKey, "8/16/32");
    for error in [generated, evaluated] {
        assert!(error.cause().remedies()[0].starts_with("RALTER PTKTDATA APPL.U1 SSIGNON("), "{error:?}");
        assert_eq!(error.cause().profile(), Some("APPL.U1"));
    }
}
