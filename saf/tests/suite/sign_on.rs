//! Signing on: the password first, then the ticket.

use std::sync::Arc;

use icsf_core::epoch::Epoch;
use icsf_core::store::Area;
use icsf_saf::codes::Code;
use icsf_saf::model::{Credential, PasswordCost};
use icsf_saf::{Database, Error, Saf, SignedOnBy};
use ptkt::{MemoryRegister, TicketKind};
use secrecy::SecretString;

use crate::support::{DES_KEY, Site, generate, refused, request, run};

fn site() -> Site {
    let site = Site::new();
    site.run(&[&format!("RDEFINE PTKTDATA APPL SSIGNON(KEYMASKED({DES_KEY}))"), "ADDUSER U1 PASSWORD(Secret1)"]);
    site
}

fn typed(text: &str) -> Credential {
    Credential::new(SecretString::from(text)).unwrap()
}

fn sign_on(site: &Site, user: &str, application: &str, typed: &Credential) -> Result<SignedOnBy, Error> {
    site.saf.sign_on(&request(user, application), typed)
}

#[test]
fn the_password_signs_on_and_then_the_ticket_is_tried() {
    let site = site();
    assert_eq!(sign_on(&site, "U1", "APPL", &typed("Secret1")).unwrap(), SignedOnBy::Password);
    // Where there is no ticket to be had the password still does.
    assert_eq!(sign_on(&site, "U1", "NOAPPL", &typed("secret1")).unwrap(), SignedOnBy::Password);
    let ticket = Credential::from(&generate(&site.saf, &request("U1", "APPL")).unwrap());
    assert_eq!(sign_on(&site, "U1", "APPL", &ticket).unwrap(), SignedOnBy::Ticket(TicketKind::Legacy));
    let error = refused(sign_on(&site, "U1", "APPL", &ticket), Code::SignOnNotValid, "8/8/20");
    assert_eq!(error.cause().why(), "the ticket was used before on this system");
    assert_eq!((error.cause().user(), error.cause().application()), (Some("U1"), Some("APPL")));
}

#[test]
fn who_cannot_sign_on_is_told_little_and_the_cause_tells_all() {
    let site = site();
    for (user, application, text, code, triple, why) in [
        ("NOBODY", "APPL", "SECRET1", Code::SignOnUnknownUser, "8/8/16", "user NOBODY is not defined"),
        (
            "U1",
            "APPL",
            "WRONG",
            Code::SignOnNotValid,
            "8/8/20",
            "it is not the password, and has not the 8 characters of a ticket",
        ),
        (
            "U1",
            "NOAPPL",
            "AAAAAAAA",
            Code::SignOnNotValid,
            "8/8/20",
            "it is not the password, and there is no profile NOAPPL in class PTKTDATA",
        ),
        (
            "U1",
            "APPL",
            "ZZZZZZZZ",
            Code::SignOnNotValid,
            "8/8/20",
            "it is no ticket made with this key for this user and application",
        ),
    ] {
        let error = refused(sign_on(&site, user, application, &typed(text)), code, triple);
        assert!(error.cause().why().starts_with(why), "{user} at {application}: {}", error.cause().why());
        assert!(!format!("{error} {error:?}").contains(text), "what was typed is not repeated");
    }
    run(&site.saf, "SETROPTS NOCLASSACT(PTKTDATA)");
    refused(sign_on(&site, "U1", "APPL", &typed("AAAAAAAA")), Code::SignOnNotValid, "8/8/20");
    assert_eq!(sign_on(&site, "U1", "APPL", &typed("SECRET1")).unwrap(), SignedOnBy::Password);
}

#[test]
fn revoked_and_protected_users_do_not_sign_on() {
    let site = site();
    let ticket = || Credential::from(&generate(&site.saf, &request("U1", "APPL")).unwrap());
    run(&site.saf, "ALTUSER U1 REVOKE");
    for typed in [typed("SECRET1"), ticket()] {
        let error = refused(sign_on(&site, "U1", "APPL", &typed), Code::SignOnRevoked, "8/8/28");
        assert_eq!(error.cause().remedies(), ["ALTUSER U1 RESUME"]);
    }
    run(&site.saf, "ALTUSER U1 RESUME");
    sign_on(&site, "U1", "APPL", &typed("SECRET1")).unwrap();
    run(&site.saf, "ALTUSER U1 NOPASSWORD");
    for typed in [typed("SECRET1"), ticket()] {
        let error = refused(sign_on(&site, "U1", "APPL", &typed), Code::SignOnNotValid, "8/8/20");
        assert!(error.cause().why().contains("protected"), "{error:?}");
    }
    // A user added without password is protected; a password ends that.
    run(&site.saf, "ADDUSER U2");
    let two = Credential::from(&generate(&site.saf, &request("U2", "APPL")).unwrap());
    refused(sign_on(&site, "U2", "APPL", &two), Code::SignOnNotValid, "8/8/20");
    run(&site.saf, "ALTUSER U2 PASSWORD(NEW)");
    sign_on(&site, "U2", "APPL", &two).unwrap();
    sign_on(&site, "U2", "APPL", &typed("new")).unwrap();
}

#[test]
fn case_counts_in_passwords_only_when_it_is_said_to() {
    let site = site();
    run(&site.saf, "SETROPTS PASSWORD(MIXEDCASE)");
    refused(sign_on(&site, "U1", "APPL", &typed("Secret1")), Code::SignOnNotValid, "8/8/20");
    assert_eq!(sign_on(&site, "U1", "APPL", &typed("SECRET1")).unwrap(), SignedOnBy::Password, "it was set folded");
    run(&site.saf, "ALTUSER U1 PASSWORD(Secret2)");
    sign_on(&site, "U1", "APPL", &typed("Secret2")).unwrap();
    refused(sign_on(&site, "U1", "APPL", &typed("SECRET2")), Code::SignOnNotValid, "8/8/20");
    // A legacy ticket has capital letters only; typed in small ones it is one when case does not count.
    let ticket = generate(&site.saf, &request("U1", "APPL")).unwrap();
    let small = typed(&ticket.expose().to_ascii_lowercase());
    refused(sign_on(&site, "U1", "APPL", &small), Code::SignOnNotValid, "8/8/20");
    run(&site.saf, "SETROPTS PASSWORD(NOMIXEDCASE)");
    sign_on(&site, "U1", "APPL", &small).unwrap();
}

#[test]
fn what_is_typed_has_1_to_8_printable_characters() {
    for (text, fits) in
        [("", false), ("A", true), ("12345678", true), ("123456789", false), ("a b", false), ("Ä", false)]
    {
        let credential = Credential::new(SecretString::from(text));
        assert_eq!(credential.is_ok(), fits, "{text:?}");
        if let (Err(why), true) = (credential, text.len() > 1) {
            assert!(!why.contains(text), "{why}");
        }
    }
}

#[test]
fn the_group_of_the_sign_on_chooses_the_key() {
    let site = site();
    site.run(&["RDEFINE PTKTDATA APPL.GRP SSIGNON(KEYMASKED(1111111111111111))"]);
    let with_group = request("U1", "APPL").with_group("GRP".parse().unwrap());
    let ticket = Credential::from(&generate(&site.saf, &with_group).unwrap());
    refused(site.saf.sign_on(&request("U1", "APPL"), &ticket), Code::SignOnNotValid, "8/8/20");
    site.saf.sign_on(&with_group, &ticket).unwrap();
}

/// Nothing is in storage either then; but that is not what somebody has to mend.
#[test]
fn a_class_that_is_off_is_the_cause_and_not_the_profile() {
    let site = site();
    let ticket = Credential::from(&generate(&site.saf, &request("U1", "APPL")).unwrap());
    for (command, missing, remedy) in [
        ("SETROPTS NOCLASSACT(PTKTDATA)", "not active", "SETROPTS CLASSACT(PTKTDATA)"),
        ("SETROPTS CLASSACT(PTKTDATA) NORACLIST(PTKTDATA)", "not RACLISTed", "SETROPTS RACLIST(PTKTDATA)"),
    ] {
        run(&site.saf, command);
        let error = refused(sign_on(&site, "U1", "APPL", &ticket), Code::SignOnNotValid, "8/8/20");
        let why = format!("it is not the password, and class PTKTDATA is {missing}");
        assert_eq!((error.cause().why(), error.cause().remedies()), (why.as_str(), &[remedy.to_owned()][..]));
    }
    run(&site.saf, "SETROPTS RACLIST(PTKTDATA)");
    sign_on(&site, "U1", "APPL", &ticket).unwrap();
    let error = refused(sign_on(&site, "U1", "NOAPPL", &typed("AAAAAAAA")), Code::SignOnNotValid, "8/8/20");
    assert!(error.cause().remedies()[0].starts_with("RDEFINE PTKTDATA NOAPPL SSIGNON("), "{error:?}");
}

/// TYPE(MIXED) is the default, and folding is too.
#[cfg(feature = "enhanced")]
#[test]
fn a_ticket_with_small_letters_that_were_folded_is_told_from_one_of_another_key() {
    let site = site();
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    let clear = icsf_core::ClearKey::new(vec![3; 64]);
    let token = site.icsf().csnbktb2(&rules, Some(&clear), None).unwrap().value;
    site.icsf().csnbkrc2(&"H.ONE".parse().unwrap(), token).unwrap();
    site.run(&["RDEFINE PTKTDATA MIXED SSIGNON(EPTKEYLABEL(H.ONE))"]);
    let ticket = Credential::from(&generate(&site.saf, &request("U1", "MIXED")).unwrap());
    let error = refused(sign_on(&site, "U1", "MIXED", &ticket), Code::SignOnNotValid, "8/8/20");
    assert!(error.cause().why().contains("folded to upper case"), "{error:?}");
    let remedies = error.cause().remedies();
    assert!(remedies[0].contains("SETROPTS PASSWORD(MIXEDCASE)"), "{remedies:?}");
    assert!(remedies[1].contains("RALTER PTKTDATA MIXED SSIGNON(TYPE(UPPER))"), "{remedies:?}");
    run(&site.saf, "SETROPTS PASSWORD(MIXEDCASE)");
    sign_on(&site, "U1", "MIXED", &ticket).unwrap();
}

/// What a hash costs stands in itself: a database goes on with the hashes it has, whatever new ones cost.
#[test]
fn a_database_in_memory_may_hash_passwords_cheaply() {
    let site = site();
    let cost = |site: &Site| {
        let mut costs = Vec::new();
        let mut look = |_: &[u8], _: u64, bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            costs.extend(text.split("$m=").nth(1).map(|rest| rest.split(',').next().unwrap().to_owned()));
            std::ops::ControlFlow::Continue(())
        };
        site.racf.scan(Area::Disk, None, &mut look).unwrap();
        costs
    };
    assert_eq!(cost(&site), ["8192"]);
    let database = Database::new(Arc::clone(&site.racf), Arc::new(Epoch::in_memory()));
    let database = database.with_password_cost(PasswordCost::Least);
    let clock = Arc::clone(&site.clock) as Arc<_>;
    let cheap = Saf::new(Arc::clone(site.saf.icsf()), database, clock, Arc::new(MemoryRegister::new()), "PRD1");
    run(&cheap, "ADDUSER U2 PASSWORD(Secret2)");
    assert_eq!(cost(&site), ["8192", "8"]);
    for (user, password) in [("U1", "Secret1"), ("U2", "Secret2")] {
        assert!(cheap.sign_on(&request(user, "APPL"), &typed(password)).is_ok(), "{user}");
        assert!(cheap.sign_on(&request(user, "APPL"), &typed("Secret3")).is_err(), "{user}");
    }
}
