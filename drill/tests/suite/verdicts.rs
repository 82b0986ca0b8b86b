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
expect = { outcome = "ok", icsf = "08/2714" }
"#;
    let (run, text) = ran(&with_steps(steps));
    assert_eq!(run.exit_status(), 1);
    assert!(text.contains("DEVIATED: 1 of 2 expectations did not hold."), "{text}");
    assert!(text.contains("U1 to TSO: outcome ok was expected, fail came"), "{text}");
    assert!(text.contains("U1 to TSO: ICSF 08/2714 was expected, 0C/0000 came"), "{text}");
}

#[test]
fn a_baseline_that_fails_stops_the_drill() {
    let broken = SMALL.replace("id      = \"TPXSTC\"", "id      = \"OTHER\"");
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
