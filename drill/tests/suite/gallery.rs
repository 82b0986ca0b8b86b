//! The story of Broadcom article 415349, from its baseline to the card that arrives.

use icsf_drill::gallery::{GALLERY, find};
use icsf_drill::{Drill, report, run};

use crate::support::cells;

fn no_crypto_card() -> String {
    let run = run(&find("no-crypto-card").unwrap()).unwrap();
    assert_eq!(run.exit_status(), 0, "{}", report::text(&run));
    report::text(&run)
}

#[test]
fn every_drill_of_the_gallery_goes_as_expected() {
    for exhibit in GALLERY {
        let run = run(&find(exhibit.name).unwrap()).unwrap();
        assert_eq!(run.exit_status(), 0, "{}", report::text(&run));
    }
}

/// The drill of programs that are built without enhanced PassTickets goes everywhere, and differs in nothing else.
#[test]
fn the_drill_without_enhanced_tickets_is_the_same_otherwise() {
    let text = include_str!("../../gallery/no-crypto-card-legacy.toml");
    let run = run(&Drill::read("legacy", text).unwrap()).unwrap();
    assert_eq!(run.exit_status(), 0, "{}", report::text(&run));
    let whole: Vec<&str> = include_str!("../../gallery/no-crypto-card.toml").lines().collect();
    let own: Vec<&str> = text.lines().filter(|line| !whole.contains(line)).collect();
    assert_eq!(
        own,
        [
            "# A recovery site without crypto card: Broadcom article 415349, as a drill. All tickets are legacy ones, for programs",
            "# built without the others.",
            "cics-key = { generate = \"des\" }",
            "ssignon = [\"KEYENCRYPTED(@secret:cics-key)\"]",
            "expect = { outcome = \"fail\", icsf = \"0C/0000\", service = \"CSNBENC\", saf = \"8/16/28\" }",
        ]
    );
}

/// A profile with an enhanced key is told apart where it stands.
#[cfg(not(feature = "enhanced"))]
#[test]
fn an_enhanced_key_is_refused_with_the_reason() {
    let text = include_str!("../../gallery/no-crypto-card.toml");
    let error = icsf_drill::check(&Drill::read("whole.toml", text).unwrap()).unwrap_err().to_string();
    assert!(error.contains("whole.toml:57:25") && error.contains("enhanced"), "{error}");
}

#[test]
fn the_log_shows_what_the_article_shows_and_the_cause_beside_it() {
    let text = no_crypto_card();
    for line in [
        " | ==> Session TSO ended - Pass Ticket gen failed <==",
        " | TPXL0921 11/14/25.318 09:08:00.00 SESSION START PASS TICKET GENERATION FAILED",
        " |         FOR USERID: U000001  SESSION:  TSO      APPL PROFILE: TSOPRD1",
        " |         REASON CODE:0C Additional HEX INFO:0C0000",
        " |         Reason Meaning: ICSF CSNBENC services Failed",
        "   cause: CSNBENC 12/0: engine is deconfigured: no crypto engine is installed;",
        "   codes: SAF 8/16/28, ICSF 0C/0000, profile TSOPRD1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn masked_survives_and_the_card_brings_all_back() {
    let text = no_crypto_card();
    assert_eq!(cells(&text, "IMS"), ["yes", "yes", "yes"]);
    assert_eq!(cells(&text, "TSO"), ["yes", "NO", "yes"]);
    assert_eq!(cells(&text, "CICS"), ["yes", "NO", "yes"]);
    assert!(text.contains("U000001 signed on to TSO with the password"));
}

#[test]
fn the_same_drill_gives_the_same_report_and_it_fits_80_columns() {
    let text = no_crypto_card();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for _ in 0..5 {
        assert_eq!(no_crypto_card(), text);
    }
}

/// Each tells at its head what it teaches, passes its own check, and has a sentence of its own.
#[test]
fn every_drill_of_the_gallery_teaches_something() {
    for exhibit in GALLERY {
        let comment = exhibit.text.lines().take_while(|line| line.starts_with('#')).count();
        assert!(comment >= 2 || exhibit.name.starts_with("no-crypto-card"), "{}", exhibit.name);
        let same =
            GALLERY.iter().filter(|other| other.teaches == exhibit.teaches || other.name == exhibit.name).count();
        assert_eq!(same, 1, "{}", exhibit.name);
        icsf_drill::check(&find(exhibit.name).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", exhibit.name));
    }
}
