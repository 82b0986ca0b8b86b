//! What a drill says when things come otherwise than expected.

use crate::support::{SMALL, ran, with_steps};

#[test]
fn a_deviation_says_what_was_expected_and_what_came() {
    let steps = r#"
[[step]]
id   = "pull"
at   = "+1m"
site = "A"
do   = "engine.detach"

[[step]]
id     = "wrong"
at     = "+2m"
site   = "A"
do     = "logon"
with   = { users = ["U1"], sessions = ["TSO"] }
expect = { saf = "8/16/32", icsf = "08/2714" }
"#;
    let (run, text) = ran(&with_steps(steps));
    assert_eq!(run.exit_status(), 1);
    assert!(text.contains("DEVIATED: 1 of 2 expectations did not hold."), "{text}");
    assert!(text.contains("U1 to TSO: SAF 8/16/32 was expected, 8/16/28 came"), "{text}");
    assert!(text.contains("U1 to TSO: ICSF 08/2714 was expected, 0C/0000 came"), "{text}");
}

#[test]
fn a_baseline_that_fails_stops_the_drill() {
    let broken = SMALL.replace("\"UPDATE\"", "\"READ\"");
    let (run, text) = ran(&with_steps("").replace(SMALL, &broken));
    assert_eq!(run.exit_status(), 3);
    assert!(text.contains("NOT STARTED"), "{text}");
    assert!(text.contains("caller TPXSTC needs UPDATE to IRRPTAUTH.TSOPRD1.U1"), "{text}");
}

#[test]
fn a_card_pulled_and_put_back_a_hundred_times() {
    let mut steps = String::new();
    for n in 1..=100 {
        steps += &format!(
            r#"
[[step]]
id = "pull-{n}"
at = "+{n}m"
site = "A"
do = "engine.detach"

[[step]]
id = "gone-{n}"
at = "+{n}m10s"
site = "A"
do = "logon"
with = {{ users = ["U1"], sessions = ["TSO"] }}
expect = {{ outcome = "fail", saf = "8/16/28", icsf = "0C/0000", service = "CSNBENC" }}

[[step]]
id = "back-{n}"
at = "+{n}m20s"
site = "A"
do = "engine.attach"
with = {{ kind = "software" }}

[[step]]
id = "again-{n}"
at = "+{n}m30s"
site = "A"
do = "logon"
with = {{ users = ["U1"], sessions = "all" }}
expect = {{ outcome = "ok" }}
"#
        );
    }
    let (run, text) = ran(&with_steps(&steps));
    assert_eq!(run.exit_status(), 0, "{text}");
}

#[test]
fn a_card_with_other_master_keys_is_no_remedy() {
    let steps = r#"
[[step]]
id   = "move"
at   = "+1m"
do   = "failover"
with = { from = "A", to = "B" }

[[step]]
id   = "wrong-card"
at   = "+2m"
site = "B"
do   = "engine.attach"
with = { kind = "software" }

[[step]]
id     = "still-dead"
at     = "+3m"
site   = "B"
do     = "logon"
with   = { users = ["U1"], sessions = ["TSO"] }
expect = { outcome = "fail", saf = "8/16/28", icsf = "0C/0000" }

[[step]]
id     = "cards"
at     = "+3m"
do     = "display"
with   = { command = "D ICSF,CARDS", sites = ["B"] }
expect = { matches = "STATUS=Master key incorrect" }

[[step]]
id   = "right-card"
at   = "+4m"
site = "B"
do   = "engine.attach"
with = { kind = "software", master_key = "same-as:A" }

[[step]]
id     = "all-again"
at     = "+5m"
site   = "B"
do     = "logon"
with   = { users = ["U1"], sessions = "all" }
expect = { outcome = "ok" }
"#;
    let (run, text) = ran(&with_steps(steps));
    assert_eq!(run.exit_status(), 0, "{text}");
    assert!(text.contains("wrong master key: the CKDS needs DES-MK"), "{text}");
}

#[test]
fn another_smf_id_shows_in_the_comparison() {
    let other = SMALL.replacen("smfid  = \"PRD1\"\nckds", "smfid  = \"DR01\"\nckds", 1);
    let steps = r#"
[[step]]
id     = "compare"
at     = "+1m"
do     = "display"
with   = { command = "D SMF,O", sites = ["A", "B"] }
expect = { same = "SID" }
"#;
    let (run, text) = ran(&format!("{other}\n{steps}"));
    assert_eq!(run.exit_status(), 3, "it comes before any action");
    assert!(text.contains("SID differs: A shows SID(PRD1), B shows SID(DR01)"), "{text}");
}

/// Each key of an expectation, with a value that does not come: it alone makes the step deviate.
#[test]
fn each_expectation_of_a_sign_on_can_deviate() {
    let dead = |expect: &str| {
        format!(
            "[[step]]\nid = \"pull\"\nat = \"+1m\"\nsite = \"A\"\ndo = \"engine.detach\"\n\n[[step]]\nid = \"dead\"\n\
             at = \"+2m\"\nsite = \"A\"\ndo = \"logon\"\nwith = {{ users = [\"U1\"], sessions = [\"TSO\"] }}\n\
             expect = {{ {expect} }}\n"
        )
    };
    for (holds, not, deviation) in [
        ("outcome = \"fail\"", "outcome = \"ok\"", "outcome ok was expected, fail came"),
        ("saf = \"8/16/28\"", "saf = \"8/16/32\"", "SAF 8/16/32 was expected, 8/16/28 came"),
        ("icsf = \"0C/0000\"", "icsf = \"08/2714\"", "ICSF 08/2714 was expected, 0C/0000 came"),
        ("service = \"CSNBENC\"", "service = \"CSNBHMG\"", "service CSNBHMG was expected, CSNBENC came"),
        ("message = \"TPXL0921\"", "message = \"TPXL0922\"", "message TPXL0922 was expected, and did not come"),
    ] {
        let (run, text) = ran(&with_steps(&dead(holds)));
        assert_eq!(run.exit_status(), 0, "{holds}\n{text}");
        let (run, text) = ran(&with_steps(&dead(not)));
        assert_eq!(run.exit_status(), 1, "{not}\n{text}");
        assert_eq!(text.matches("DEVIATED: U1").count(), 1, "{not}\n{text}");
        assert!(text.contains(deviation), "{deviation}\n{text}");
    }
    let alive = dead("icsf = \"0C/0000\"")
        .replace("engine.detach\"", "consumer.set\"\nwith = { consumer = \"TPX\", generate_passticket = true }");
    let (run, text) = ran(&with_steps(&alive));
    assert_eq!(run.exit_status(), 1, "{text}");
    assert!(text.contains("ICSF 0C/0000 was expected, none came"), "{text}");
}

#[test]
fn each_expectation_of_a_display_can_deviate() {
    for (command, expect, deviation) in [
        ("D SMF,O", "matches = \"SID.DR01\"", "A: a line like SID.DR01 was expected, and none of 1 is"),
        ("D SMF,O", "same = \"SYSNAME\"", "SYSNAME differs: A shows nothing, B shows nothing"),
        ("D ICSF,CARDS", "same = \"SIC300\"", "SIC300 differs"),
        // What a refusal says is no display.
        ("RLIST PTKTDATA NONE", "matches = \"NONE\"", "A refused it: "),
        ("RLIST PTKTDATA NONE", "same = \"NONE\"", "B refused it: "),
    ] {
        let steps = format!(
            "[[step]]\nid = \"show\"\nat = \"+1m\"\ndo = \"display\"\n\
             with = {{ command = \"{command}\", sites = [\"A\", \"B\"] }}\nexpect = {{ {expect} }}\n"
        );
        let (run, text) = ran(&with_steps(&steps));
        assert_eq!(run.exit_status(), 3, "{command} {expect}\n{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!("DEVIATED: {deviation}")), "{deviation}\n{text}");
    }
}
