//! Mistakes in drill files: named with line, column and what was meant.

use icsf_drill::{Drill, Error};

use crate::support::{SMALL, with_steps};

/// The mistakes of [`SMALL`] with one text replaced: what, and where.
fn mistakes(was: &str, is: &str) -> Vec<(String, Option<(usize, usize)>)> {
    assert!(SMALL.contains(was), "{was}");
    match Drill::read("test.toml", &SMALL.replacen(was, is, 1)) {
        Err(Error::File(all)) => all.iter().map(|m| (m.to_string(), m.position())).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_and_misspelt_names_are_refused_where_they_stand() {
    for (was, is, place, part) in [
        ("role   = \"recovery\"", "rol = \"recovery\"", Some((21, 1)), "unknown field `rol`"),
        ("copy_of = \"A\"", "copy_of = \"AA\"", Some((23, 22)), "there is no site \"AA\""),
        ("copy_of = \"A\"", "copy_of = \"B\"", Some((23, 22)), "site \"B\" comes from itself"),
        ("kind = \"none\" }", "kind = \"software\", master_key = \"same-as:B\" }", Some((24, 44)), "comes from itself"),
        ("do     = \"logon\"", "do     = \"login\"", Some((60, 10)), "logon?"),
        ("sessions = \"all\" }", "sessions = [\"TS0\"] }", Some((61, 10)), "TPX/TSO"),
        ("users = [\"U1\"]", "users = [\"U2\"]", Some((61, 10)), "there is no user \"U2\""),
        ("\"@secret:pw\"", "\"@secret:pww\"", Some((48, 12)), "there is no secret"),
        ("\"@secret:pw\"", "\"HUNTER2\"", Some((48, 12)), "a secret is not written in a drill file"),
        ("kind = \"none\"", "kind = \"nonne\"", Some((24, 19)), "unknown variant `nonne`"),
        ("at     = \"+0m\"", "at     = \"soon\"", Some((58, 10)), "is no offset"),
        ("2025-11-14T09:00:00Z", "2025-11-14", Some((7, 9)), "is no instant"),
        ("format = 1", "format = 2", None, "format 2 is not known"),
    ] {
        let found = mistakes(was, is);
        assert!(found.iter().any(|(text, at)| text.contains(part) && (*at == place)), "{is}: {found:#?}");
    }
}

#[test]
fn all_wrong_names_are_told_at_once() {
    let text = SMALL.replace("copy_of = \"A\"", "copy_of = \"X\"").replace("users = [\"U1\"]", "users = [\"U2\"]");
    let Err(Error::File(all)) = Drill::read("test.toml", &text) else { panic!("read") };
    assert_eq!(all.len(), 2, "{all:?}");
}

#[test]
fn steps_out_of_order_and_twice_the_same_are_refused() {
    let again = r#"
[[step]]
id = "later"
at = "+5m"
site = "A"
do = "engine.detach"

[[step]]
id = "baseline"
at = "+1m"
site = "A"
do = "engine.detach"
"#;
    let Err(Error::File(all)) = Drill::read("test.toml", &with_steps(again)) else { panic!("read") };
    let text = all.iter().map(ToString::to_string).collect::<String>();
    assert!(text.contains("is there twice") && text.contains("lies before the one above it"), "{text}");
}

#[test]
fn a_value_of_a_step_that_is_not_known_is_refused() {
    let steps = "[[step]]\nid = \"x\"\nat = \"+1m\"\nsite = \"A\"\ndo = \"engine.attach\"\nwith = { kind = \"software\", mk = 1 }\n";
    let Err(Error::File(all)) = Drill::read("test.toml", &with_steps(steps)) else { panic!("read") };
    assert!(all[0].what().contains("unknown field `mk`"), "{all:?}");
}

#[test]
fn a_profile_racf_does_not_take_says_which() {
    let text = SMALL.replace("KEYMASKED(@secret:ims)", "KEYMASKD(@secret:ims)");
    let error = icsf_drill::run(&Drill::read("test.toml", &text).unwrap()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("KEYMASKD") && text.contains("test.toml:38"), "{text}");
}

#[test]
fn no_such_drill_names_the_gallery() {
    let error = icsf_drill::gallery::find("no-such-drill").unwrap_err().to_string();
    assert!(error.contains("no-crypto-card"), "{error}");
}
