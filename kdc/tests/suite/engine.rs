//! A KDC without engine answers nobody, and goes on when the engine is back.

use icsf_core::codes::Code;
use icsf_core::journal::{Outcome, What};
use icsf_kdc::outcome::Result as Became;
use icsf_kdc::{EngineError, Settings};

use crate::client::{Ask, ask, replied, tgs};
use crate::support::{NOW, Site};

fn off_and_on(off: impl Fn(&Site), on: impl Fn(&Site), text: &str) {
    let site = Site::new();
    let tgt = ask().initial(&site).unwrap();
    let repeated = ask().as_req(NOW);
    replied(site.handle(&repeated)).unwrap();
    off(&site);
    let unproven = Ask { preauth: false, ..ask() };
    for refused in [
        ask().initial(&site).unwrap_err(),
        unproven.initial(&site).unwrap_err(),
        tgs().with(&site, &tgt).unwrap_err(),
        replied(site.handle(&repeated)).unwrap_err(),
    ] {
        assert_eq!((refused.code, refused.text.as_str()), (29, text));
    }
    on(&site);
    tgs().with(&site, &tgt).unwrap();
    ask().initial(&site).unwrap();
    assert_eq!(unproven.initial(&site).unwrap_err().code, 25);
    replied(site.handle(&repeated)).unwrap();
}

#[test]
fn the_very_next_request_without_engine_is_refused() {
    off_and_on(Site::pull, Site::insert, "ICSF CSNBDKG2 services failed 12/0");
}

#[test]
fn the_operators_switch_counts_as_well() {
    let switch = |online: bool| {
        move |site: &Site| if online { site.icsf.engine_online().unwrap() } else { site.icsf.engine_offline().unwrap() }
    };
    off_and_on(switch(false), switch(true), "ICSF CSNBDKG2 services failed 12/0");
}

#[test]
fn so_does_a_stopped_icsf() {
    off_and_on(
        |site| site.icsf.stop().unwrap(),
        |site| site.icsf.start().unwrap(),
        "ICSF CSNBDKG2 services failed 12/0",
    );
}

/// With code 60 clients show the text.
#[test]
fn the_code_for_a_lost_engine_can_be_set() {
    let mut settings = Settings::default();
    settings.engine_error = EngineError::Generic;
    let site = Site::with(settings);
    site.pull();
    let refused = ask().initial(&site).unwrap_err();
    assert_eq!((refused.code, refused.text.as_str()), (60, "ICSF CSNBDKG2 services failed 12/0"));
    site.insert();
    assert_eq!(ask().client("nobody").initial(&site).unwrap_err().code, 6, "others stay");
}

#[test]
fn the_cause_is_in_the_outcome_and_the_journal() {
    let site = Site::new();
    site.pull();
    let answer = site.handle(&ask().as_req(NOW));
    let Became::Refused(refusal) = &answer.outcome.result else { panic!("{answer:?}") };
    let cause = refusal.cause().unwrap();
    assert_eq!(cause.code(), Some(Code::EngineUnavailable));
    assert!(cause.label().is_some_and(|label| label.to_string().starts_with("TEST.KEY")), "{cause}");
    let line = answer.outcome.to_string();
    let begin = "AS 127.0.0.1: refused alice@EXAMPLE.COM for krbtgt/EXAMPLE.COM@EXAMPLE.COM, \
                 29 KDC_ERR_SVC_UNAVAILABLE, ICSF CSNBDKG2 services failed 12/0: ";
    assert!(line.starts_with(begin), "{line}");

    let events = site.journal.events();
    let event = events.iter().rfind(|event| event.event == What::As).unwrap();
    assert_eq!(event.outcome, Outcome::Failed);
    assert_eq!(event.situation.as_deref(), Some("29 KDC_ERR_SVC_UNAVAILABLE"));
    assert_eq!((event.service.as_deref(), event.icsf.as_deref()), (Some("CSNBDKG2"), Some("12/0")));
    assert_eq!(event.user.as_deref(), Some("alice@EXAMPLE.COM"));
}

/// The master key is changed under a KDC that serves: tickets under keys that were enciphered anew stay good.
#[test]
fn a_change_of_the_master_key_is_not_noticed() {
    let site = Site::new();
    let tgt = ask().initial(&site).unwrap();
    let kind = icsf_core::backend::MasterKeyKind::Aes;
    site.icsf.generate_master_key(kind).unwrap();
    site.icsf.change_master_key(kind, &mut |_| ()).unwrap();
    tgs().with(&site, &tgt).unwrap();
    ask().initial(&site).unwrap();
}

#[test]
fn a_key_that_is_gone_is_told_of() {
    let site = Site::new();
    site.change("host/boston.example.com", |host| host.keys[0].label = "NOT.THERE".parse().unwrap());
    let tgt = ask().initial(&site).unwrap();
    let refused = tgs().with(&site, &tgt).unwrap_err();
    assert_eq!(refused.code, 29);
    assert!(refused.text.starts_with("ICSF CSNBDKG2 services failed 8/"), "{}", refused.text);
    site.change("host/boston.example.com", |host| host.keys.clear());
    assert_eq!(tgs().with(&site, &tgt).unwrap_err().code, 9);
}
