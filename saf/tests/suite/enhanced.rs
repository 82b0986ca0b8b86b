//! Enhanced tickets: made when there is a key for them, beside legacy ones that go on being accepted.

use icsf_core::codes::Code as IcsfCode;
use icsf_core::{ClearKey, KeyIdentifier};
use icsf_saf::Request;
use icsf_saf::codes::Code;
use ptkt::enhanced::{Session, TicketType};
use ptkt::software::HmacKey;
use ptkt::{Ticket, TicketKind, Timestamp};

use crate::support::{DES_KEY, NOW, Site, evaluate, generate, refused, request, run};

fn key() -> Vec<u8> {
    (0..64).collect()
}

/// An HMAC key under the AES-MK, and the same clear.
fn add_keys(site: &Site) {
    let icsf = site.icsf();
    let build = |rules: &[&str], clear: Option<&ClearKey>| icsf.csnbktb2(rules, clear, None).unwrap().value;
    let mut secure = KeyIdentifier::Token(build(&["INTERNAL", "HMAC", "MAC", "GENERATE"], None));
    icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&ClearKey::new(key())), &mut secure).unwrap();
    icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut secure).unwrap();
    let KeyIdentifier::Token(secure) = secure else { panic!("a label") };
    icsf.csnbkrc2(&"SECURE.KEY".parse().unwrap(), secure).unwrap();
    let clear = build(&["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"], Some(&ClearKey::new(key())));
    icsf.csnbkrc2(&"CLEAR.KEY".parse().unwrap(), clear).unwrap();
}

/// The ticket that the algorithm alone makes with this key.
fn right(request: &Request, ticket_type: TicketType, time: u64) -> Ticket {
    let key = HmacKey::new(&key()).unwrap();
    let Ok(session) = Session::prepare(&key, &request.user, &request.application, ticket_type);
    session.generate(&key, Timestamp::from_secs(time)).unwrap()
}

fn site(operands: &str) -> Site {
    let site = Site::new();
    add_keys(&site);
    site.run(&[&format!("RDEFINE PTKTDATA APPL SSIGNON({operands})")]);
    site
}

#[test]
fn a_profile_with_an_enhanced_key_makes_enhanced_tickets_of_its_type() {
    for (operands, ticket_type) in [
        ("EPTKEYLABEL(SECURE.KEY)", TicketType::Mixed),
        ("EPTKEYLABEL(SECURE.KEY) TYPE(MIXED)", TicketType::Mixed),
        ("EPTKEYLABEL(SECURE.KEY) TYPE(UPPER)", TicketType::Upper),
        ("EPTKEYLABEL(CLEAR.KEY) TYPE(UPPER)", TicketType::Upper),
    ] {
        let site = site(operands);
        let who = request("IBMUSER", "APPL");
        let ticket = generate(&site.saf, &who).unwrap();
        assert_eq!(ticket, right(&who, ticket_type, NOW), "{operands}");
        let accepted = evaluate(&site.saf, &who, &ticket).unwrap();
        assert_eq!((accepted.kind, accepted.age), (TicketKind::Enhanced, 0));
    }
}

#[test]
fn with_both_keys_enhanced_is_made_and_both_are_accepted() {
    let site = site(&format!("KEYMASKED({DES_KEY})"));
    let who = request("IBMUSER", "APPL");
    let legacy = generate(&site.saf, &who).unwrap();
    run(&site.saf, "RALTER PTKTDATA APPL SSIGNON(EPTKEYLABEL(SECURE.KEY))");
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let enhanced = generate(&site.saf, &who).unwrap();
    assert_ne!(enhanced, legacy);
    assert_eq!(evaluate(&site.saf, &who, &enhanced).unwrap().kind, TicketKind::Enhanced);
    assert_eq!(evaluate(&site.saf, &who, &legacy).unwrap().kind, TicketKind::Legacy);
    // What nobody expects: the masked key that needed nothing does not make tickets any more, and ICSF is needed.
    site.slot.remove();
    refused(generate(&site.saf, &who), Code::GenerationKey, "8/16/28");
    let later = who.at(NOW + 1);
    let legacy = {
        use ptkt::legacy;
        let key = ptkt::software::DesKey::new(ClearKey::from_hex(DES_KEY).unwrap().expose()).unwrap();
        let Ok(session) = legacy::Session::prepare(&key, &who.user, &who.application);
        session.generate(&key, Timestamp::from_secs(NOW + 1)).unwrap()
    };
    assert_eq!(evaluate(&site.saf, &later, &legacy).unwrap().kind, TicketKind::Legacy, "made elsewhere, it still does");
    let error =
        refused(evaluate(&site.saf, &who, &right(&who, TicketType::Mixed, NOW)), Code::EvaluationKey, "8/16/32");
    assert_eq!(error.cause().code(), Some(IcsfCode::EngineUnavailable), "{error:?}");
}

#[test]
fn timeout_is_the_window_to_both_sides() {
    for (operands, timeout) in [("", 60_i64), ("TIMEOUT(1)", 1), ("TIMEOUT(600)", 600)] {
        let site = site(&format!("EPTKEYLABEL(SECURE.KEY) {operands}"));
        let who = request("IBMUSER", "APPL");
        for (age, accepted) in [(timeout, true), (-timeout, true), (timeout + 1, false), (-timeout - 1, false)] {
            let ticket = right(&who, TicketType::Mixed, NOW.checked_add_signed(-age).unwrap());
            let evaluated = evaluate(&site.saf, &who, &ticket);
            assert_eq!(evaluated.is_ok(), accepted, "{age} seconds with {timeout}");
        }
    }
}

#[test]
fn without_an_engine_a_secure_key_fails_and_a_clear_one_works_and_neither_does_with_icsf_stopped() {
    let site = Site::new();
    add_keys(&site);
    site.run(&[
        "RDEFINE PTKTDATA SECURE SSIGNON(EPTKEYLABEL(SECURE.KEY) REPLAY(YES))",
        "RDEFINE PTKTDATA CLEAR SSIGNON(EPTKEYLABEL(CLEAR.KEY) REPLAY(YES))",
    ]);
    let (secure, clear) = (request("IBMUSER", "SECURE"), request("IBMUSER", "CLEAR"));
    let tickets = [&secure, &clear].map(|who| generate(&site.saf, who).unwrap());
    site.slot.remove();
    let generated = refused(generate(&site.saf, &secure), Code::GenerationKey, "8/16/28");
    let evaluated = refused(evaluate(&site.saf, &secure, &tickets[0]), Code::EvaluationKey, "8/16/32");
    for error in [generated, evaluated] {
        let cause = error.cause();
        assert!(cause.to_string().starts_with("CSNBHMG 12/0: engine is deconfigured"), "{cause}");
        assert_eq!(cause.key_source(), Some("enhanced, in the CKDS under SECURE.KEY"));
        assert_eq!(cause.facts().iter().find(|(name, _)| *name == "codes").unwrap().1, "12/0 (TSS 12/338)");
    }
    assert_eq!(generate(&site.saf, &clear).unwrap(), tickets[1]);
    evaluate(&site.saf, &clear, &tickets[1]).unwrap();
    let explained = site.saf.explain(&crate::support::admin(), &clear).unwrap();
    assert!(explained.outcome.is_ok() && explained.steps.iter().any(|step| step.found.contains("needs no engine")));

    site.icsf().stop().unwrap();
    for who in [&secure, &clear] {
        let error = refused(generate(&site.saf, who), Code::GenerationKey, "8/16/28");
        assert_eq!(error.cause().why(), "ICSF is not started");
    }
}

#[test]
fn keys_that_do_not_fit_are_refused_by_icsf_and_told_so() {
    let site = Site::new();
    let icsf = site.icsf();
    let clear = ClearKey::new(key());
    let token = |usage, hash| {
        icsf.csnbktb2(&["INTERNAL", "HMAC", "KEY-CLR", "MAC", usage, hash], Some(&clear), None).unwrap().value
    };
    icsf.csnbkrc2(&"VERIFY.ONLY".parse().unwrap(), token("VERIFY", "SHA-512")).unwrap();
    icsf.csnbkrc2(&"SHA1.ONLY".parse().unwrap(), token("GENERATE", "SHA-1")).unwrap();
    let des = icsf.csnbcki(&ClearKey::from_hex(DES_KEY).unwrap()).unwrap().value;
    icsf.csnbkrc2(&"A.DES".parse().unwrap(), des).unwrap();
    icsf.csnbkrc(&"EMPTY".parse().unwrap()).unwrap();
    for (label, code) in [
        ("VERIFY.ONLY", IcsfCode::KeyUsageViolation),
        ("SHA1.ONLY", IcsfCode::KeyUsageViolation),
        ("A.DES", IcsfCode::KeyUsageViolation),
        ("EMPTY", IcsfCode::WrongTokenClass),
        ("NONE", IcsfCode::LabelNotFound),
    ] {
        site.run(&[&format!("RDEFINE PTKTDATA APPL SSIGNON(EPTKEYLABEL({label}))")]);
        let error = refused(generate(&site.saf, &request("U1", "APPL")), Code::GenerationKey, "8/16/28");
        assert_eq!(error.cause().code(), Some(code), "{label}");
        assert_eq!(error.cause().service(), Some("CSNBHMG"));
        run(&site.saf, "RDELETE PTKTDATA APPL");
    }
}

#[test]
fn an_enhanced_ticket_is_used_once_unless_the_profile_says_otherwise_and_appldata_says_nothing() {
    let site = site("EPTKEYLABEL(SECURE.KEY)");
    let who = request("IBMUSER", "APPL");
    site.run(&["RALTER PTKTDATA APPL APPLDATA('NO REPLAY PROTECTION')"]);
    let ticket = generate(&site.saf, &who).unwrap();
    evaluate(&site.saf, &who, &ticket).unwrap();
    let error = refused(evaluate(&site.saf, &who, &ticket), Code::EvaluationReplayed, "8/16/32");
    assert!(error.cause().remedies()[0].contains("REPLAY(YES)"));
    site.run(&["RALTER PTKTDATA APPL SSIGNON(REPLAY(YES))"]);
    for _ in 0..3 {
        evaluate(&site.saf, &who, &ticket).unwrap();
    }
    site.run(&["RALTER PTKTDATA APPL SSIGNON(REPLAY(NO))"]);
    refused(evaluate(&site.saf, &who, &ticket), Code::EvaluationReplayed, "8/16/32");
}

/// Evaluation finds such a ticket good, and no user gets in with it.
#[test]
fn a_profile_of_which_sign_on_folds_the_tickets_is_told_wherever_it_is_looked_at() {
    use icsf_saf::judgement::Remark;
    let site = Site::new();
    add_keys(&site);
    let who = request("IBMUSER", "APPL");
    let told = |command: &str| {
        let mut messages = run(&site.saf, command).messages;
        messages.retain(|message| message.starts_with("SIC2205I profile APPL: its tickets are not good for sign-on"));
        messages.len()
    };
    assert_eq!(told("RDEFINE PTKTDATA APPL SSIGNON(EPTKEYLABEL(CLEAR.KEY) REPLAY(YES))"), 1);
    let remarks = |mixed: usize| {
        run(&site.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
        let judged = site.saf.key_profiles().unwrap().pop().unwrap();
        judged.usable.unwrap();
        assert_eq!(judged.remarks, [Remark::NotBySignOn][..mixed]);
        let explained = site.saf.explain(&crate::support::admin(), &who).unwrap();
        let step = explained.steps.iter().find(|step| step.what == "sign-on");
        assert_eq!(step.map(|step| step.good), (mixed == 1).then_some(false));
        explained.outcome.unwrap();
    };
    remarks(1);
    assert_eq!(told("RALTER PTKTDATA APPL SSIGNON(TYPE(UPPER))"), 0);
    remarks(0);
    assert_eq!(told("RALTER PTKTDATA APPL SSIGNON(NOTYPE)"), 1);
    assert_eq!(told("SETROPTS PASSWORD(MIXEDCASE)"), 0);
    remarks(0);
    assert_eq!(told("RALTER PTKTDATA APPL SSIGNON(TYPE(MIXED))"), 0);
    assert_eq!(told("SETROPTS PASSWORD(NOMIXEDCASE)"), 1);
    remarks(1);
}

#[test]
fn sign_on_folds_a_mixed_ticket_unless_passwords_keep_their_case() {
    use icsf_saf::SignedOnBy;
    use icsf_saf::model::Credential;
    let site = site("EPTKEYLABEL(SECURE.KEY) REPLAY(YES)");
    run(&site.saf, "ADDUSER IBMUSER PASSWORD(SECRET)");
    let who = request("IBMUSER", "APPL");
    // A second in which the ticket has a small letter.
    let time =
        (NOW..).find(|time| right(&who, TicketType::Mixed, *time).expose().chars().any(|c| c.is_ascii_lowercase()));
    let who = who.at(time.unwrap());
    let ticket = generate(&site.saf, &who).unwrap();
    let typed = Credential::from(&ticket);
    refused(site.saf.sign_on(&who, &typed), Code::SignOnNotValid, "8/8/20");
    run(&site.saf, "SETROPTS PASSWORD(MIXEDCASE)");
    assert_eq!(site.saf.sign_on(&who, &typed).unwrap(), SignedOnBy::Ticket(TicketKind::Enhanced));
    run(&site.saf, "SETROPTS PASSWORD(NOMIXEDCASE)");
    refused(site.saf.sign_on(&who, &typed), Code::SignOnNotValid, "8/8/20");
    site.run(&["RALTER PTKTDATA APPL SSIGNON(TYPE(UPPER))"]);
    let upper = Credential::from(&generate(&site.saf, &who).unwrap());
    site.saf.sign_on(&who, &upper).unwrap();
}
