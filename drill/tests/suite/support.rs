//! A small drill to be varied.

use icsf_drill::{CardKind, Cards, Drill, Run, report, run, run_on};

use crate::softhsm::SoftHsm;

/// One site with an engine, one without; a masked and an encrypted key; two steps.
pub(crate) const SMALL: &str = r#"
format = 1

[drill]
id    = "SMALL"
title = "a small drill"
clock = 2025-11-14T09:00:00Z

[secrets]
tso = { generate = "des" }
ims = { generate = "des" }
pw  = { generate = "password" }

[[site]]
name   = "A"
smfid  = "PRD1"
engine = { kind = "software" }

[[site]]
name   = "B"
role   = "recovery"
smfid  = "PRD1"
ckds   = { copy_of = "A" }
engine = { kind = "none" }

[racf]
classact = ["PTKTDATA"]
raclist  = ["PTKTDATA"]
generic  = ["PTKTDATA"]

[[profile]]
class   = "PTKTDATA"
name    = "TSOPRD1"
ssignon = ["KEYENCRYPTED(@secret:tso)"]

[[profile]]
class   = "PTKTDATA"
name    = "IMSP1"
ssignon = ["KEYMASKED(@secret:ims)"]

[[permit]]
profile = "IRRPTAUTH.*.*"
id      = "TPXSTC"
access  = "UPDATE"

[[user]]
id       = "U1"
password = "@secret:pw"

[[consumer]]
name    = "TPX"
kind    = "tpx"
runs_as = "TPXSTC"
session = [{ name = "TSO", applid = "A01TSO", ptkt_profile = "TSOPRD1" }, { name = "IMS", applid = "IMSP1" }]

[[step]]
id     = "baseline"
at     = "+0m"
site   = "A"
do     = "logon"
with   = { users = ["U1"], sessions = "all" }
expect = { outcome = "ok" }
"#;

/// [`SMALL`] with these steps after its own.
pub(crate) fn with_steps(steps: &str) -> String {
    format!("{SMALL}\n{steps}")
}

/// [`SMALL`] with a session whose application has no key profile, which is said by a profile of another class.
pub(crate) fn with_nix() -> String {
    SMALL
        .replace("[[permit]]", "[[profile]]\nclass = \"APPL\"\nname = \"NIX\"\n\n[[permit]]")
        .replace("[{ name = \"TSO\",", "[{ name = \"NIX\", applid = \"NIX\" }, { name = \"TSO\",")
}

pub(crate) fn drill(text: &str) -> Drill {
    Drill::read("test.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn ran(text: &str) -> (Run, String) {
    let run = run(&drill(text)).unwrap_or_else(|error| panic!("{error}"));
    let text = report::text(&run);
    (run, text)
}

/// The same with cards of this kind; tokens come from SoftHSM.
pub(crate) fn ran_on(kind: CardKind, text: &str) -> (Run, String) {
    let cards = Cards::default().tokens(&SoftHsm).all(kind);
    let run = run_on(&drill(text), &cards).unwrap_or_else(|error| panic!("{kind}: {error}"));
    let text = report::text(&run);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    (run, text)
}

/// What the fault matrix says of an application, state after state.
pub(crate) fn cells(text: &str, application: &str) -> Vec<String> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("  site  at"));
    let heading: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let from_the_right = heading.iter().rev().position(|cell| *cell == application).unwrap();
    let rows = lines.take_while(|line| line.get(3..8) == Some("     "));
    rows.map(|row| row.split_whitespace().rev().nth(from_the_right).unwrap().to_owned()).collect()
}
