//! Every mistake of a drill file is told at once, and nothing that is wrong only because something else is.

use icsf_drill::{Drill, Error};

use crate::support::{SMALL, with_steps};

/// What is wrong with a drill, by reading and checking it: what, what was meant, and the rest of the line.
fn mistakes(text: &str) -> Vec<(String, String)> {
    let Err(error) = Drill::read("test.toml", text).and_then(|drill| icsf_drill::check(&drill)) else {
        panic!("nothing is wrong:\n{text}")
    };
    let Error::File(all) = error else { panic!("{error}") };
    let at = |mistake: &icsf_drill::Mistake| {
        let (line, column) = mistake.position().unwrap_or_else(|| panic!("{mistake}"));
        text.lines().nth(line - 1).unwrap().chars().skip(column - 1).collect()
    };
    all.iter().map(|mistake| (mistake.to_string(), at(mistake))).collect()
}

fn replaced(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(SMALL.to_owned(), |text, (was, is)| {
        assert!(text.contains(was), "{was}");
        text.replacen(was, is, 1)
    })
}

fn told(text: &str, expected: &[(&str, &str)]) {
    let found = mistakes(text);
    for (what, place) in expected {
        let fits = |(text, at): &&(String, String)| text.contains(what) && at.starts_with(place);
        assert_eq!(found.iter().filter(fits).count(), 1, "{what} at {place}: {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

/// What RACF refuses: within one profile, in several, and where they are permitted and brought into storage.
const REFUSED: [(&str, &str); 5] = [
    ("\"KEYMASKED(@secret:ims)\"", "\"KEYMASKD(@secret:ims)\", \"TIMEOUT(601)\", \"TYPE(UPER)\""),
    ("\"UPDATE\"", "\"UPDAT\""),
    ("raclist  = [\"PTKTDATA\"]", "raclist  = [\"PTKTDAT\"]"),
    ("[[permit]]", "[[profile]]\nclass = \"PTKTDATA\"\nname = \"TSOPRD1\"\n\n[[permit]]"),
    ("id       = \"U1\"", "id       = \"U1\"\nname     = \"A name of more than twenty characters\""),
];

const TOLD: [(&str, &str); 7] = [
    ("KEYMASKED?", "KEYMASKD("),
    ("1 to 600", "601)"),
    ("UPPER or MIXED", "UPER)"),
    ("UPDATE?", "UPDAT\""),
    ("PTKTDATA?", "PTKTDAT\""),
    ("profile TSOPRD1 of class PTKTDATA is defined already", "TSOPRD1\""),
    ("NAME has at most 20 characters", "\"A name"),
];

#[test]
fn all_that_racf_refuses_is_told_with_what_was_meant() {
    told(&replaced(&REFUSED), &TOLD);
}

#[test]
fn an_offset_that_is_none_hides_nothing() {
    let text = replaced(&REFUSED).replacen("at     = \"+0m\"", "at     = \"+5x\"", 1);
    let mut expected = TOLD.to_vec();
    expected.push(("\"+5x\" is no offset", "\"+5x\""));
    told(&text, &expected);
}

/// A name that is not there, an SMF ID that is none and a key that is unknown hide none of it.
#[test]
fn other_mistakes_hide_none_of_it() {
    let mut changes = REFUSED.to_vec();
    changes.extend([
        ("smfid  = \"PRD1\"", "smfid  = \"PRD1X\""),
        ("users = [\"U1\"]", "users = [\"U9\"]"),
        ("title = ", "titel = "),
    ]);
    let mut expected = TOLD.to_vec();
    expected.extend([
        ("PRD1X", "\"PRD1X\""),
        ("there is no user \"U9\"", "\"U9\"]"),
        ("unknown field `titel`", "titel"),
    ]);
    told(&replaced(&changes), &expected);
}

/// Several primary sites are set up alike: what is refused at all of them is told once.
#[test]
fn what_several_sites_refuse_is_told_once() {
    let text = replaced(&[
        ("ckds   = { copy_of = \"A\" }\nengine = { kind = \"none\" }", "engine = { kind = \"software\" }"),
        ("\"UPDATE\"", "\"UPDAT\""),
    ]);
    told(&text, &[("UPDATE?", "UPDAT\"")]);
}

/// What is refused only because something else is.
#[test]
fn what_follows_is_no_mistake_of_its_own() {
    // The profile cannot be defined at all, so nothing can be permitted by it either.
    let class = "[[profile]]\nclass = \"PTKTDATE\"\nname = \"IRRPTAUTH.*.*\"\n\n[[permit]]";
    told(&replaced(&[("[[permit]]", class)]), &[("PTKTDATA?", "PTKTDATE\"")]);
    // A user whose name is too long is there all the same.
    let user = [("id       = \"U1\"", "id       = \"U0000012345\""), ("users = [\"U1\"]", "users = [\"U0000012345\"]")];
    told(&replaced(&user), &[("U0000012345", "U0000012345\"")]);
    // Sessions of a consumer of an unknown kind are there.
    let mut kind = replaced(&[("\"tpx\"", "\"tpxx\"")]);
    kind += "\n[[step]]\nid = \"x\"\nat = \"+1m\"\ndo = \"consumer.set\"\n\
             with = { consumer = \"TPX\", generate_passticket = false }\n\n\
             [[step]]\nid = \"y\"\nat = \"+2m\"\nsite = \"A\"\ndo = \"logon\"\n\
             with = { users = [\"U1\"], sessions = [\"TSO\"] }\n";
    told(&kind, &[("there is no kind of consumer \"tpxx\"", "\"tpxx\"")]);
}

/// A step that is wrong is there: later ones may go back to it, and what it would have done is not missed.
#[test]
fn a_wrong_step_is_a_step() {
    let later = "[[step]]\nid = \"restore\"\nat = \"+5m\"\nsite = \"B\"\ndo = \"ckds.restore\"\n\
                 with = { from = \"A\", as_of = \"baseline\" }\n";
    let wrong_session = with_steps(later).replace("sessions = \"all\"", "sessions = [\"TS0\"]");
    told(&wrong_session, &[("there is no session \"TS0\"", "\"TS0\"]")]);
    let wrong_action = with_steps(later).replace("\"logon\"", "\"login\"");
    told(&wrong_action, &[("\"login\" is no action", "\"login\"")]);
    let step = |n: u32, action: &str, rest: &str| {
        format!("[[step]]\nid = \"s{n}\"\nat = \"+{n}m\"\ndo = \"{action}\"\n{rest}\n\n")
    };
    let moved = step(1, "failovr", "with = { from = \"A\", to = \"B\" }")
        + &step(2, "failback", "")
        + &step(3, "failover", "with = { from = \"A\", to = \"B\" }");
    told(&with_steps(&moved), &[("failover?", "\"failovr\"")]);
    let pulled = step(1, "engine.detatch", "site = \"A\"")
        + &step(2, "engine.attach", "site = \"A\"")
        + "[rollback]\ndo = [\"failback\"]\n";
    told(&with_steps(&pulled), &[("engine.detach?", "\"engine.detatch\"")]);
    let ticket = step(
        1,
        "ptkt.generate",
        "site = \"A\"\nwith = { user = \"U9\", application = \"IMSP1\", runs_as = \"TPXSTC\", ticket = \"t\" }",
    ) + &step(2, "ptkt.evaluate", "site = \"A\"\nwith = { ticket = \"t\" }");
    told(&with_steps(&ticket), &[("there is no user \"U9\"", "\"U9\"")]);
}
