//! SSIGNON: what each operand does, which exclude each other, and the way from a legacy key to an enhanced one.

use icsf_core::codes::Code as IcsfCode;
use icsf_saf::model::{Class, LegacyKey, Ssignon, TicketType};

use crate::support::{Change, DES_KEY, Site, evaluate, fails, generate, listed, request, run};

fn with_segment<T>(site: &Site, name: &str, look: impl FnOnce(&Ssignon) -> T) -> T {
    let view = site.saf.database().view().unwrap();
    look(view.profile(Class::Ptktdata, &name.parse().unwrap()).unwrap().ssignon.as_ref().unwrap())
}

fn label(site: &Site, name: &str) -> Option<String> {
    with_segment(site, name, |segment| match &segment.legacy {
        Some(LegacyKey::Label(label)) => Some(label.to_string()),
        _ => None,
    })
}

#[test]
fn at_most_one_operand_says_what_becomes_of_the_legacy_key() {
    let site = Site::new();
    run(&site.saf, &format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({DES_KEY}))"));
    let operands = [
        format!("KEYMASKED({DES_KEY})"),
        format!("KEYENCRYPTED({DES_KEY})"),
        "KEYLABEL(A.KEY)".to_owned(),
        "ENCRYPTKEY".to_owned(),
        "NOLEGACYKEY".to_owned(),
    ];
    let mut pairs = 0;
    for first in &operands {
        for second in operands.iter().filter(|second| *second != first) {
            let error = fails(&site.saf, &format!("RALTER PTKTDATA A SSIGNON({first} {second})"));
            assert!(error.what().ends_with("exclude each other"), "{first} {second}: {}", error.what());
            pairs += 1;
        }
        // The others go with each.
        run(&site.saf, &format!("RALTER PTKTDATA A SSIGNON({first} TYPE(UPPER) TIMEOUT(600) REPLAY(YES))"));
        run(&site.saf, &format!("RALTER PTKTDATA A SSIGNON(KEYMASKED({DES_KEY}))"));
    }
    assert_eq!(pairs, 20);
    // What takes something away belongs to RALTER.
    for operand in ["ENCRYPTKEY", "NOTYPE", "NOTIMEOUT", "NOREPLAY", "NOEPTKEYLABEL"] {
        let error = fails(&site.saf, &format!("RDEFINE PTKTDATA NEW SSIGNON({operand})"));
        assert!(error.what().ends_with("is no operand of this command"), "{operand}: {}", error.what());
    }
    for (operands, what) in [
        ("TYPE(UPPER) NOTYPE", "TYPE and NOTYPE exclude each other"),
        ("REPLAY(YES) NOREPLAY", "REPLAY and NOREPLAY exclude each other"),
        ("ENCRYPTKEY(A.LABEL)", "ENCRYPTKEY takes no value"),
        ("NOLEGACYKEY(X)", "NOLEGACYKEY takes no value"),
        ("TIMEOUT(0000000601)", "is no TIMEOUT"),
        ("TIMEOUT(99999999999999999999)", "is no TIMEOUT"),
    ] {
        let error = fails(&site.saf, &format!("RALTER PTKTDATA A SSIGNON({operands})"));
        assert!(error.what().contains(what), "{operands}: {}", error.what());
    }
    for seconds in ["1", "600", "007"] {
        run(&site.saf, &format!("RALTER PTKTDATA A SSIGNON(TIMEOUT({seconds}))"));
    }
}

#[test]
fn what_was_set_can_be_taken_back() {
    let site = Site::new();
    run(&site.saf, "RDEFINE PTKTDATA A SSIGNON(KEYLABEL(A.KEY) TYPE(UPPER) TIMEOUT(5) REPLAY(YES))");
    run(&site.saf, "RALTER PTKTDATA A SSIGNON(NOTYPE NOTIMEOUT NOREPLAY NOLEGACYKEY)");
    with_segment(&site, "A", |segment| {
        assert!(segment.legacy.is_none());
        assert_eq!((segment.ticket_type, segment.timeout, segment.replay), (None, None, None));
        assert_eq!((segment.ticket_type(), segment.timeout(), segment.replay()), (TicketType::Mixed, 60, false));
    });
    run(&site.saf, "RALTER PTKTDATA A NOSSIGNON");
    assert_eq!(listed(&site.saf, "RLIST PTKTDATA A NORACF SSIGNON"), ["NO SSIGNON INFORMATION"]);
    // Keys of LDAP and DCE lie in a segment of the same form.
    run(&site.saf, &format!("RDEFINE KEYSMSTR LDAP.BINDPW.KEY SSIGNON(KEYMASKED({DES_KEY}))"));
}

#[test]
fn encryptkey_moves_the_masked_key_into_the_ckds_and_the_tickets_stay_the_same() {
    let site = Site::new();
    site.run(&[
        &format!("RDEFINE PTKTDATA A APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYMASKED({DES_KEY}))"),
        "RDEFINE PTKTDATA B SSIGNON(KEYMASKED(0123456789ABCDEF))",
    ]);
    let before = ["A", "B"].map(|name| generate(&site.saf, &request("U1", name)).unwrap());
    site.run(&["RALTER PTKTDATA (A B) SSIGNON(ENCRYPTKEY)"]);
    let labels = ["A", "B"].map(|name| label(&site, name).unwrap());
    assert_eq!(labels, ["000001", "000002"].map(|number| format!("IRR.SSIGNON.PRD1.11142025.090000.{number}")));
    for (name, before) in ["A", "B"].into_iter().zip(&before) {
        assert_eq!(generate(&site.saf, &request("U1", name)).unwrap(), *before, "the same key");
        evaluate(&site.saf, &request("U1", name), before).unwrap();
    }
    // Once more is refused in RACF's words.
    let error = fails(&site.saf, "RALTER PTKTDATA A SSIGNON(ENCRYPTKEY)");
    assert_eq!(
        error.what(),
        "IRR52254I The encrypted key found in the A profile in the PTKTDATA class cannot be further encrypted using \
         ENCRYPTKEY. Command processing is terminated."
    );
    // From now on the engine is needed.
    drop(site.slot.remove());
    let error = generate(&site.saf, &request("U1", "A")).unwrap_err();
    assert_eq!(error.cause().code(), Some(IcsfCode::EngineUnavailable));
}

#[test]
fn encryptkey_fails_whole() {
    let lose: [(Change, IcsfCode); 2] = [
        (|site| drop(site.slot.remove()), IcsfCode::EngineUnavailable),
        (|site| site.icsf().stop().unwrap(), IcsfCode::IcsfStopped),
    ];
    for (lose, code) in lose {
        let site = Site::new();
        run(&site.saf, &format!("RDEFINE PTKTDATA (A B) SSIGNON(KEYMASKED({DES_KEY}))"));
        lose(&site);
        let error = fails(&site.saf, "RALTER PTKTDATA (A B) UACC(READ) SSIGNON(ENCRYPTKEY)");
        assert_eq!(error.cause().unwrap().code(), Some(code));
        assert!(!format!("{error} {error:?} {}", error.report()).contains(DES_KEY));
        assert!(label(&site, "A").is_none() && label(&site, "B").is_none());
    }
    // One of the profiles has nothing to be encrypted: none is changed, and no record is left.
    let site = Site::new();
    run(&site.saf, &format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({DES_KEY}))"));
    run(&site.saf, "RDEFINE PTKTDATA Z SSIGNON(TYPE(UPPER))");
    let error = fails(&site.saf, "RALTER PTKTDATA (A Z) SSIGNON(ENCRYPTKEY)");
    assert_eq!(error.what(), "profile Z has no legacy key to be encrypted");
    assert!(label(&site, "A").is_none() && site.icsf().view().unwrap().kds.is_empty());
}

/// Generation turns enhanced with the new label, evaluation takes both kinds while both keys are there, and only the new
/// kind after NOLEGACYKEY.
#[cfg(feature = "enhanced")]
#[test]
fn a_migration_has_both_keys_for_a_while() {
    use icsf_saf::codes::Code;
    use ptkt::TicketKind;

    use crate::support::refused;

    let site = Site::new();
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    let clear = icsf_core::ClearKey::new(vec![3; 64]);
    let token = site.icsf().csnbktb2(&rules, Some(&clear), None).unwrap().value;
    site.icsf().csnbkrc2(&"PTKT.A.HMAC".parse().unwrap(), token).unwrap();
    site.run(&[&format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({DES_KEY}))")]);
    let who = request("U1", "A");
    let legacy = || -> ptkt::Ticket {
        // One of a site that has not migrated.
        let other = Site::new();
        other.run(&[&format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({DES_KEY}))")]);
        other.clock.set(icsf_core::clock::Clock::now(&*site.clock));
        generate(&other.saf, &who).unwrap()
    };
    assert_eq!(evaluate(&site.saf, &who, &legacy()).unwrap().kind, TicketKind::Legacy);
    site.run(&["RALTER PTKTDATA A SSIGNON(EPTKEYLABEL(PTKT.A.HMAC))"]);
    site.clock.advance(1);
    let ticket = generate(&site.saf, &who).unwrap();
    assert_eq!(evaluate(&site.saf, &who, &ticket).unwrap().kind, TicketKind::Enhanced);
    assert_eq!(evaluate(&site.saf, &who, &legacy()).unwrap().kind, TicketKind::Legacy);
    site.run(&["RALTER PTKTDATA A SSIGNON(NOLEGACYKEY)"]);
    site.clock.advance(1);
    refused(evaluate(&site.saf, &who, &legacy()), Code::EvaluationNotValid, "8/16/32");
    let ticket = generate(&site.saf, &who).unwrap();
    assert_eq!(evaluate(&site.saf, &who, &ticket).unwrap().kind, TicketKind::Enhanced);
    // And back: no enhanced key, no key at all.
    site.run(&["RALTER PTKTDATA A SSIGNON(NOEPTKEYLABEL)"]);
    refused(generate(&site.saf, &who), Code::GenerationNoKey, "8/16/28");
}
