//! What is done to cards, on cards in software and on real tokens alike.

use icsf_core::random::SystemRandom;
use icsf_drill::{CardKind, CardSource, Cards, Drill, Error, NoCard, PullableCard, run, run_on};
use secrecy::SecretString;
use softicsf::{Card, CardSlot};

use crate::softhsm::SoftHsm;
use crate::support::{SMALL, cells, drill, ran, ran_on, with_steps};

const KINDS: [CardKind; 2] = [CardKind::Software, CardKind::Pkcs11];

/// A sign-on that dies for want of the engine, and one that needs none.
const DEAD: &str = r#"
do = "logon"
with = { users = ["U1"], sessions = ["TSO"] }
expect = { outcome = "fail", saf = "8/16/28", icsf = "0C/0000", service = "CSNBENC", message = "TPXL0921" }
"#;
const MASKED: &str = r#"
do = "logon"
with = { users = ["U1"], sessions = ["IMS"] }
expect = { outcome = "ok" }
"#;
const ALIVE: &str = r#"
do = "logon"
with = { users = ["U1"], sessions = "all" }
expect = { outcome = "ok" }
"#;

/// Steps at a site, a minute apart.
fn at(site: &str, steps: &[&str]) -> String {
    let step = |(n, step): (usize, &&str)| {
        format!("[[step]]\nid = \"step-{n}\"\nat = \"+{}m\"\nsite = \"{site}\"\n{}\n", n + 1, step.trim())
    };
    steps.iter().enumerate().map(step).collect()
}

fn shows(what: &str) -> String {
    format!(
        "do = \"display\"\nwith = {{ command = \"D ICSF,CARDS\", sites = [\"A\"] }}\nexpect = {{ matches = '{what}' }}"
    )
}

/// That these steps at site A come as expected on both kinds of card; the reports.
fn as_expected(steps: &[&str]) -> [String; 2] {
    KINDS.map(|kind| {
        let (run, text) = ran_on(kind, &with_steps(&at("A", steps)));
        assert_eq!(run.exit_status(), 0, "{kind}\n{text}");
        assert_eq!(run.engines().collect::<Vec<_>>(), [kind]);
        assert!(text.contains(&format!("A: primary, SMF ID PRD1, {kind} engine")), "{text}");
        text
    })
}

/// The text without its folding.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The whole story of the article on two tokens, each of which knows nothing of the other.
#[test]
#[cfg(feature = "enhanced")]
fn no_crypto_card_goes_on_tokens_as_it_goes_in_software() {
    let text = icsf_drill::gallery::GALLERY.iter().find(|drill| drill.name == "no-crypto-card").unwrap().text;
    let [software, token] = KINDS.map(|kind| ran_on(kind, text));
    assert_eq!(token.0.exit_status(), 0, "{}", token.1);
    assert!(token.1.contains("AS EXPECTED: 9 of 9 expectations held."), "{}", token.1);
    let plain = |text: &str| {
        // Tokens have PINs, and their journals tell of them.
        let (before, after) = text.split_once("\nEvidence\n").unwrap();
        let text = format!("{before}{}", after.split_once("\nLimits\n").unwrap().1);
        let lines = text.lines().filter(|line| !line.starts_with("  engine     pkcs11, in the place of"));
        lines.map(|line| line.replace("a pkcs11 engine", "an engine").replace("pkcs11", "software") + "\n").collect()
    };
    let plain: [String; 2] = [plain(&token.1), plain(&software.1)];
    assert_eq!(plain[0], plain[1]);
}

/// The engine holds open keys when the card goes; nobody tells it, and what it says then comes from the token.
#[test]
fn a_card_that_is_pulled_and_put_back() {
    let [software, token] = as_expected(&[
        ALIVE,
        "do = \"engine.detach\"",
        DEAD,
        MASKED,
        &shows("STATUS=Offline|NO CRYPTO ENGINE"),
        "do = \"engine.attach\"",
        ALIVE,
    ]);
    assert!(
        software.contains("cause: CSNBENC 12/0: engine is deconfigured: no crypto engine is installed;"),
        "{software}"
    );
    assert!(token.contains("cause: CSNBENC 12/0: engine is offline: "), "{token}");
    assert!(words(&token).contains(": no token is there; "), "{token}");
    for text in [software, token] {
        assert_eq!(cells(&text, "TSO"), ["yes", "NO", "yes"], "{text}");
        assert_eq!(cells(&text, "IMS"), ["yes", "yes", "yes"], "{text}");
        assert!(text.contains("put the engine back that was pulled"), "{text}");
    }
}

#[test]
fn a_fresh_card_takes_the_place_of_one_that_was_pulled() {
    as_expected(&["do = \"engine.detach\"", DEAD, "do = \"engine.attach\"\nwith = { kind = \"software\" }", ALIVE]);
}

/// What was zeroised stays so in the drawer, and only a card with the master keys mends it.
#[test]
fn a_zeroised_card() {
    let [software, token] = as_expected(&[
        ALIVE,
        "do = \"engine.zeroise\"",
        DEAD,
        MASKED,
        &shows("DES-MK MKVP=NONE"),
        "do = \"engine.detach\"",
        "do = \"engine.attach\"",
        DEAD,
        "do = \"engine.attach\"\nwith = { kind = \"pkcs11\" }",
        ALIVE,
    ]);
    for text in [software, token] {
        assert_eq!(cells(&text, "TSO"), ["yes", "NO", "NO", "NO", "yes"], "{text}");
        assert!(text.contains("zeroise the engine: its master-key registers are empty"), "{text}");
        assert!(words(&text).contains("cause: CSNBENC 12/0: the DES-MK is not set: the CKDS needs "), "{text}");
    }
}

/// The right master key is not left in the old register, where ICSF would go on using it.
#[test]
fn a_card_with_the_wrong_master_keys() {
    let steps = [
        ALIVE,
        "do = \"engine.wrong_mk\"",
        DEAD,
        MASKED,
        &shows("STATUS=Master key incorrect"),
        &shows("DES-MK MKVP=[0-9A-F]{16}"),
        // The officers kept the parts.
        "do = \"engine.attach\"\nwith = { kind = \"software\", master_key = \"same-as:A\" }",
        ALIVE,
    ];
    for text in as_expected(&steps) {
        assert_eq!(cells(&text, "TSO"), ["yes", "NO", "yes"], "{text}");
        let words = words(&text);
        assert!(words.contains("wrong master key: the CKDS needs DES-MK"), "{text}");
        assert!(!words.contains("the engine holds none"), "{text}");
    }
}

const FLAP: &str = r#"
do = "engine.flap"
with = { count = 4, every = "5s", users = ["U1"], sessions = "all" }
expect = { failed_out = 4, failed_back = 0, saf = "8/16/28", icsf = "0C/0000", service = "CSNBENC" }
"#;

/// Each return is followed by a sign-on at once: the engine has to find its way back by itself, every time.
#[test]
fn a_card_that_flaps() {
    for text in as_expected(&[ALIVE, FLAP, ALIVE]) {
        for line in [" | while out: 4 of 8 sign-ons failed", " | when back: 0 of 8 sign-ons failed"] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(cells(&text, "TSO"), ["yes", "SOME"], "{text}");
        assert!(text.contains("A +2m40s: TSO sometimes fails"), "it is looked at when it is over\n{text}");
    }
}

/// Nothing was asked of the engine while the card was out, and its sessions are gone all the same.
#[test]
fn a_flap_that_nobody_noticed() {
    let unnoticed = FLAP.replace("\"all\"", "[\"IMS\"]").replace("failed_out = 4", "failed_out = 0");
    let quiet = unnoticed.split(", saf").next().unwrap().to_owned() + " }";
    as_expected(&[ALIVE, &quiet, ALIVE]);
    let (run, text) = ran(&with_steps(&at("A", &[&unnoticed])));
    assert_eq!(run.exit_status(), 3, "{text}");
    assert!(words(&text).contains("saf, icsf, service was expected of a failure, and no sign-on failed"), "{text}");
}

#[test]
fn what_is_wrongly_expected_of_a_flap_deviates() {
    let wrong = FLAP.replace("failed_out = 4", "failed_out = 3").replace("0C/0000", "08/2714");
    for kind in KINDS {
        let (run, text) = ran_on(kind, &with_steps(&at("A", &["do = \"engine.zeroise\"", &wrong])));
        assert_eq!(run.exit_status(), 1, "{text}");
        let words = words(&text);
        for deviation in [
            "DEVIATED: while out: 3 failures were expected, 4 came",
            "DEVIATED: when back: 0 failures were expected, 4 came",
            "DEVIATED: U1 to TSO: ICSF 08/2714 was expected, 0C/0000 came",
        ] {
            assert_eq!(words.matches(deviation).count(), 1, "{deviation}\n{text}");
        }
    }
}

/// Expectations that do not hold are told on tokens as well as in software.
#[test]
fn a_drill_that_expects_a_pulled_card_to_work_deviates() {
    for kind in KINDS {
        let (run, text) = ran_on(kind, &with_steps(&at("A", &["do = \"engine.detach\"", ALIVE])));
        assert_eq!(run.exit_status(), 1, "{text}");
        assert!(text.contains("U1 to TSO: outcome ok was expected, fail came"), "{text}");
    }
}

/// What is done to the card of one site is not done to that of the other.
#[test]
fn two_sites_have_a_token_each() {
    let two =
        SMALL.replace("engine = { kind = \"none\" }", "engine = { kind = \"pkcs11\", master_key = \"same-as:A\" }");
    let steps = r#"
[[step]]
id = "pull"
at = "+1m"
site = "A"
do = "engine.detach"

[[step]]
id = "other"
at = "+2m"
site = "B"
do = "logon"
with = { users = ["U1"], sessions = "all" }
expect = { outcome = "ok" }

[[step]]
id = "back"
at = "+3m"
site = "A"
do = "engine.attach"

[[step]]
id = "serial"
at = "+4m"
do = "display"
with = { command = "D ICSF,CARDS", sites = ["A", "B"] }
expect = { same = "MKVP", matches = "STATUS=Active +SERIAL#=[0-9a-f]{16}" }

[[step]]
id = "differ"
at = "+5m"
do = "display"
with = { command = "D ICSF,CARDS", sites = ["A", "B"] }
expect = { same = "SERIAL#" }
"#;
    let (run, text) = ran_on(CardKind::Pkcs11, &format!("{two}\n{steps}"));
    assert_eq!(run.exit_status(), 1, "{text}");
    assert!(text.contains("DEVIATED: 1 of 4 expectations did not hold."), "{text}");
    assert!(text.contains("SERIAL# differs"), "{text}");
}

/// What the file says counts where nothing else was asked for.
#[test]
fn a_drill_may_want_tokens_by_itself() {
    let text = SMALL.replace("kind = \"software\"", "kind = \"pkcs11\"");
    let run_of = |cards: &Cards<'_>| run_on(&drill(&text), cards);
    let on_tokens = run_of(&Cards::default().tokens(&SoftHsm)).unwrap();
    assert_eq!((on_tokens.exit_status(), on_tokens.engines().collect::<Vec<_>>()), (0, vec![CardKind::Pkcs11]));
    let in_software = run_of(&Cards::default().all(CardKind::Software)).unwrap();
    assert_eq!((in_software.exit_status(), in_software.engines().collect::<Vec<_>>()), (0, vec![CardKind::Software]));
    let Err(Error::Engine(why)) = run(&drill(&text)) else { panic!("ran without tokens") };
    assert!(why.contains("site A has no engine: the drill wants PKCS#11 tokens"), "{why}");
}

/// A source of cards that has none, and one whose PIN is a word that stands in every report.
#[derive(Debug)]
struct Nobody;
#[derive(Debug)]
struct Careless;
#[derive(Debug)]
struct CarelessCard(Card);

impl CardSource for Nobody {
    fn card(&self) -> Result<Box<dyn PullableCard>, NoCard> {
        Err(NoCard::because("the drawer is empty"))
    }
}

impl CardSource for Careless {
    fn card(&self) -> Result<Box<dyn PullableCard>, NoCard> {
        Ok(Box::new(CarelessCard(Card::software(std::sync::Arc::new(SystemRandom)))))
    }
}

impl PullableCard for CarelessCard {
    fn card(&self) -> &Card {
        &self.0
    }
    fn pull(&self, slot: &CardSlot) {
        slot.remove();
    }
    fn put_back(&self, slot: &CardSlot) {
        slot.insert(&self.0);
    }
    fn secrets(&self) -> Vec<SecretString> {
        vec![SecretString::from("primary")]
    }
}

#[test]
fn no_card_is_an_error_and_no_report() {
    let cards = Cards::default().tokens(&Nobody).all(CardKind::Pkcs11);
    let Err(Error::Engine(why)) = run_on(&drill(SMALL), &cards) else { panic!("ran without card") };
    assert_eq!(why, "site A has no engine: the drawer is empty");
}

/// A card that cannot be had in the middle ends the run there: what was seen before is told, and CI sees an error.
#[test]
fn a_card_that_cannot_be_had_later_aborts_the_run() {
    let steps = "[[step]]\nid = \"attach\"\nat = \"+1m\"\nsite = \"B\"\ndo = \"engine.attach\"\n\
                 with = { kind = \"pkcs11\", master_key = \"same-as:A\" }\n\n\
                 [[step]]\nid = \"not-tried\"\nat = \"+2m\"\nsite = \"B\"\ndo = \"icsf.stop\"\n";
    let run = run_on(&drill(&with_steps(steps)), &Cards::default().tokens(&Nobody)).unwrap();
    assert_eq!(run.exit_status(), 4);
    let report = icsf_drill::Report::of(&run);
    let text = report.text();
    assert!(text.contains("ABORTED: a step could not be carried out"), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the drawer is empty") && !words.contains("not-tried"), "{text}");
    let value = report.value();
    assert_eq!((&value["verdict"]["status"], &value["verdict"]["verdict"]), (&"aborted".into(), &"deviated".into()));
    let junit = report.junit();
    assert!(junit.contains("errors=\"1\"") && junit.contains("failures=\"0\""), "{junit}");
    assert!(report.html().contains("Aborted"));
}

#[test]
fn a_report_with_a_pin_in_it_is_withheld() {
    let cards = Cards::default().tokens(&Careless).all(CardKind::Pkcs11);
    let withheld = run_on(&drill(SMALL), &cards);
    assert!(matches!(&withheld, Err(Error::Leak)));
    assert!(withheld.unwrap_err().to_string().contains("a short one that is there by chance"));
    // Also that of a card which has been replaced since.
    let steps = at("A", &["do = \"engine.attach\"\nwith = { kind = \"software\" }"]);
    let text = with_steps(&steps).replacen("kind = \"software\"", "kind = \"pkcs11\"", 1);
    assert!(matches!(run_on(&drill(&text), &Cards::default().tokens(&Careless)), Err(Error::Leak)));
}

/// The mistakes of steps at site A after the others: what, with the text that the mark is under.
fn mistakes(site: &str, steps: &[&str]) -> Vec<(String, String)> {
    let text = with_steps(&at(site, steps));
    let Err(Error::File(all)) = Drill::read("test.toml", &text) else { panic!("read: {steps:?}") };
    let marked = |mistake: &icsf_drill::Mistake| {
        let (line, column) = mistake.position().unwrap();
        text.lines().nth(line - 1).unwrap()[column - 1..].to_owned()
    };
    all.iter().map(|mistake| (mistake.to_string(), marked(mistake))).collect()
}

#[test]
fn what_cannot_be_done_to_a_card_is_refused_before_anything_is_done() {
    let flap = |with: &str| format!("do = \"engine.flap\"\nwith = {{ users = [\"U1\"], sessions = \"all\", {with} }}");
    let detach = "do = \"engine.detach\"";
    let attach = "do = \"engine.attach\"";
    for (site, steps, what, place) in [
        ("A", vec!["do = \"engine.zeroize\""], "zeroise?", "\"engine.zeroize\""),
        ("A", vec!["do = \"engine.zeroise\"\nwith = { kind = \"software\" }"], "unknown field `kind`", "kind"),
        ("A", vec!["do = \"engine.wrong_mk\"\nwith = { count = 1 }"], "unknown field `count`", "count"),
        ("B", vec!["do = \"engine.zeroise\""], "needs a card at site \"B\", and it has none", "\"engine.zeroise\""),
        ("B", vec!["do = \"engine.wrong_mk\""], "needs a card at site \"B\", and it has none", "\"engine.wrong_mk\""),
        ("A", vec![detach, "do = \"engine.wrong_mk\""], "and it was pulled", "\"engine.wrong_mk\""),
        ("A", vec![detach, &flap("count = 1")], "and it was pulled", "\"engine.flap\""),
        ("A", vec![attach], "no card was pulled at site \"A\"", "\"engine.attach\""),
        ("B", vec![attach], "no card was pulled at site \"B\"", "\"engine.attach\""),
        ("B", vec![detach, attach], "no card was pulled at site \"B\"", "\"engine.attach\""),
        ("A", vec![detach, attach, attach], "no card was pulled at site \"A\"", "\"engine.attach\""),
        (
            "A",
            vec![detach, "do = \"engine.attach\"\nwith = { master_key = \"same-as:A\" }"],
            "has the master keys it had",
            "\"same-as:A\"",
        ),
        (
            "A",
            vec!["do = \"engine.attach\"\nwith = { kind = \"pkcs-11\" }"],
            "unknown variant `pkcs-11`",
            "\"pkcs-11\"",
        ),
        ("A", vec![&flap("every = \"1s\"")], "missing field `count`", "{ users"),
        ("A", vec![&flap("count = 0")], "count = 0", "0"),
        ("A", vec![&flap("count = 1001")], "from 1 to 1000", "1001"),
        ("A", vec![&flap("count = -1")], "invalid value: integer `-1`", "-1"),
        ("A", vec![&flap("count = 1, every = \"0s\"")], "at least", "\"0s\""),
        ("A", vec![&flap("count = 1, every = \"often\"")], "is no offset", "\"often\""),
        ("A", vec![&flap("count = 1").replace("U1", "U9")], "there is no user \"U9\"", "\"U9\""),
        ("A", vec![&flap("count = 31"), detach], "it ends at +2m02s", "\"+2m\""),
        (
            "A",
            vec!["do = \"engine.detach\"\nexpect = { outcome = \"ok\" }"],
            "outcome cannot be expected of engine.detach",
            "{ outcome",
        ),
        ("A", vec!["do = \"engine.detach\"\nexpect = {}"], "this expects nothing", "{}"),
        ("A", vec![&(flap("count = 1") + "\nexpect = { outcome = \"ok\" }")], "failed_out, failed_back", "{ outcome"),
        (
            "A",
            vec![&ALIVE.replace("outcome = \"ok\"", "failed_back = 0")],
            "failed_back cannot be expected of logon",
            "{ failed",
        ),
    ] {
        let found = mistakes(site, &steps);
        assert!(
            found.iter().any(|(text, at)| text.contains(what) && at.starts_with(place)),
            "{site} {steps:?}: {what}\n{found:#?}"
        );
        assert_eq!(found.len(), 1, "{found:#?}");
    }
}
