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
        ("sessions = \"all\" }", "sessions = [\"TS0\"] }", Some((61, 40)), "TPX/TSO"),
        ("users = [\"U1\"]", "users = [\"U2\"]", Some((61, 21)), "there is no user \"U2\""),
        ("\"@secret:pw\"", "\"@secret:pww\"", Some((48, 12)), "there is no secret"),
        ("\"@secret:pw\"", "\"HUNTER2\"", Some((48, 12)), "a secret is not written in a drill file"),
        ("kind = \"none\"", "kind = \"nonne\"", Some((24, 19)), "unknown variant `nonne`"),
        ("at     = \"+0m\"", "at     = \"soon\"", Some((58, 10)), "is no offset"),
        ("2025-11-14T09:00:00Z", "2025-11-14", Some((7, 9)), "is no instant"),
        ("role   = \"recovery\"", "role   = \"primary\"", Some((20, 10)), "site \"A\" is primary already"),
        ("name   = \"A\"", "name   = \"A\"\nrole   = \"recovery\"", Some((15, 10)), "no site is primary"),
        ("copy_of = \"A\"", "copy_of = \"A\", format = \"kdsr\"", Some((23, 22)), "the format of its original"),
        ("\"software\" }", "\"software\", master_key = \"same-as:B\" }", Some((17, 44)), "of its own"),
        ("\"A01TSO\"", "\"A01TSO***LONG\"", Some((54, 37)), "A01TSO***LONG"),
        ("\"TSOPRD1\" }", "\"TSO PRD1\" }", Some((54, 62)), "TSO PRD1"),
        ("\"a small drill\"", "\"a \\u001b[2Jdrill\"", Some((6, 9)), "control characters"),
        ("2025-11-14T09:00:00Z", "9999-12-31T23:50:00Z", Some((7, 9)), "lies beyond"),
        ("format = 1", "format = 2", Some((2, 10)), "format 2 is not known"),
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
    assert_eq!(told(steps), [("unknown field `mk`".to_owned(), "mk = 1 }".to_owned())]);
    let table = "[[step]]\nid = \"x\"\nat = \"+1m\"\nsite = \"A\"\ndo = \"logon\"\n[step.with]\nusers = [\"U1\"]\n";
    for (line, what, place) in [
        ("sesions = \"all\"", "unknown field `sesions`", "sesions = \"all\""),
        ("sessions = \"al\"", "there is no session \"al\"", "\"al\""),
        ("sessions = 1", "a list of sessions, or \"all\"", "1"),
        ("sessions = [\"TSO\", \"TS0\"]", "there is no session \"TS0\"", "\"TS0\"]"),
        ("", "missing field `sessions`", "[step.with]"),
    ] {
        let found = told(&format!("{table}{line}\n"));
        assert!(found.len() == 1 && found[0].0.contains(what) && found[0].1 == place, "{line}: {found:?}");
    }
    let unknown = table.replace("U1", "U9") + "sessions = \"all\"\n";
    assert_eq!(told(&unknown), [("there is no user \"U9\"".to_owned(), "\"U9\"]".to_owned())]);
}

/// The mistakes of [`SMALL`] with these steps after it: what, and the rest of the line they are at.
fn told(steps: &str) -> Vec<(String, String)> {
    let text = with_steps(steps);
    let Err(Error::File(all)) = Drill::read("test.toml", &text) else { panic!("read: {steps}") };
    let at = |mistake: &icsf_drill::Mistake| {
        let (line, column) = mistake.position().unwrap();
        text.lines().nth(line - 1).unwrap().chars().skip(column - 1).collect()
    };
    let what = |mistake: &icsf_drill::Mistake| {
        let what = mistake.what();
        what.split_once(": unknown")
            .map_or(what, |_| what.split_once(": ").unwrap().1.split(',').next().unwrap())
            .to_owned()
    };
    all.iter().map(|mistake| (what(mistake), at(mistake))).collect()
}

/// An expectation that holds whatever comes, or never, is no expectation.
#[test]
fn what_always_holds_or_never_is_refused_where_it_stands() {
    let logon = |with: &str, expect: &str| {
        format!("do = \"logon\"\nsite = \"A\"\nwith = {{ {with} }}\nexpect = {{ {expect} }}")
    };
    let display = |sites: &str, expect: &str| {
        format!("do = \"display\"\nwith = {{ command = \"D SMF,O\", sites = {sites} }}\nexpect = {{ {expect} }}")
    };
    let one = "users = [\"U1\"], sessions = \"all\"";
    let two = "[\"A\", \"B\"]";
    for (step, what, place) in [
        (logon("users = [], sessions = \"all\"", "outcome = \"ok\""), "nothing in this list", "[], "),
        (logon("users = [\"U1\"], sessions = []", "outcome = \"ok\""), "nothing in this list", "[] "),
        (logon(one, "message = \"\""), "is in every line", "\"\" }"),
        (logon(one, "saf = \"8/16\""), "is never answered by SAF", "\"8/16\""),
        (logon(one, "saf = \"8/16/2800\""), "is never answered by SAF", "\"8/16/2800\""),
        (logon(one, "icsf = \"12/0\""), "is never answered by ICSF", "\"12/0\""),
        (logon(one, "icsf = \"0c/0000\""), "is never answered by ICSF", "\"0c/0000\""),
        (logon(one, "service = \"CSNBFOO\""), "is no service", "\"CSNBFOO\""),
        (logon(one, "service = \"csnbenc\""), "is no service", "\"csnbenc\""),
        (logon(one, "outcome = \"ok\", saf = \"8/16/28\""), "saf cannot come with it", "{ outcome"),
        (logon(one, "outcome = \"ok\", message = \"X\""), "message cannot come with it", "{ outcome"),
        (display("[]", "matches = \"SID\""), "nothing in this list", "[] "),
        (display("[]", "same = \"SID\""), "nothing in this list", "[] "),
        (display("[\"A\"]", "same = \"SID\""), "the same as itself", "\"A\"]"),
        (display("[\"A\", \"A\"]", "same = \"SID\""), "is there twice", "\"A\"] }"),
        (display(two, "same = \"\""), "is in every line", "\"\" }"),
        (display(two, "matches = \"\""), "a line with nothing in it", "\"\" }"),
        (display(two, "matches = \"S*\""), "a line with nothing in it", "\"S*\""),
        (display(two, "matches = \"(\""), "no regular expression", "\"(\""),
    ] {
        let found = told(&format!("[[step]]\nid = \"x\"\nat = \"+1m\"\n{step}\n"));
        assert!(found.len() == 1 && found[0].0.contains(what) && found[0].1.starts_with(place), "{step}\n{found:?}");
    }
    let found = mistakes(
        "session = [{ name = \"TSO\", applid = \"A01TSO\", ptkt_profile = \"TSOPRD1\" }, { name = \"IMS\", applid = \"IMSP1\" }]",
        "session = []",
    );
    assert!(found[0].0.contains("there is no session \"all\""), "all of none: {found:?}");
}

#[test]
fn a_profile_racf_does_not_take_says_which() {
    let text = SMALL.replace("KEYMASKED(@secret:ims)", "KEYMASKD(@secret:ims)");
    let error = icsf_drill::run(&Drill::read("test.toml", &text).unwrap()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("KEYMASKD") && text.contains("test.toml:39"), "{text}");
}

#[test]
fn no_such_drill_names_the_gallery() {
    let error = icsf_drill::gallery::find("no-such-drill").unwrap_err().to_string();
    assert!(error.contains("no-crypto-card"), "{error}");
}

/// A key has no place in the file, however it is dressed, and is not printed either.
#[test]
fn a_key_that_is_written_down_is_refused_where_it_stands() {
    for operands in [
        "\"KEYMASKED(0123456789ABCDEF)\"",
        "\"keym(0123456789ABCDEF)\"",
        "\"TYPE(UPPER) KEYENCRYPTED(0123456789ABCDEF)\"",
        "\"TYPE(UPPER)) APPLDATA(KEYMASKED(0123456789ABCDEF)\"",
    ] {
        let found = mistakes("\"KEYMASKED(@secret:ims)\"", operands);
        let (text, at) = &found[0];
        assert_eq!((found.len(), *at), (1, Some((39, 12))), "{operands}: {found:?}");
        assert!(text.contains("a key is not written in a drill file") && text.contains("@secret:NAME"), "{text}");
        assert!(!text.contains("0123456789ABCDEF"), "{text}");
    }
    for (operands, part, place) in [
        ("\"TYPE(UPPER)\", \"KEYMASKED(@secret:imz)\"", "there is no secret \"@secret:imz\"", (39, 27)),
        ("\"KEYMASKED(@env:IMS)\"", "a key is not written", (39, 12)),
        ("\"TYPE(UPPER)) UACC(ALTER\"", "is no operand of SSIGNON", (39, 12)),
        ("\"TYPE(UPPER) TIMEOUT(60)\"", "is no operand of SSIGNON", (39, 12)),
    ] {
        let found = mistakes("\"KEYMASKED(@secret:ims)\"", operands);
        assert!(found.len() == 1 && found[0].0.contains(part) && found[0].1 == Some(place), "{operands}: {found:?}");
    }
}

/// What goes into a command stays the one word it is.
#[test]
fn a_value_that_is_more_than_a_word_is_refused_where_it_stands() {
    for (was, is, place) in [
        ("classact = [\"PTKTDATA\"]", "classact = [\"PTKTDATA) RACLIST(APPL\"]", (27, 13)),
        ("raclist  = [\"PTKTDATA\"]", "raclist  = [\"APPL\", \"\"]", (28, 21)),
        ("\"TPXSTC\"\naccess", "\"TPXSTC) ACCESS(ALTER\"\naccess", (43, 11)),
        ("\"IRRPTAUTH.*.*\"", "\"IRRPTAUTH.*.* X\"", (42, 11)),
        ("id       = \"U1\"", "id       = \"U1 SPECIAL\"", (47, 12)),
    ] {
        let found = mistakes(was, is);
        assert!(found.len() == 1 && found[0].0.contains("is no word of a command"), "{is}: {found:?}");
        assert_eq!(found[0].1, Some(place), "{is}: {found:?}");
    }
}

#[test]
fn a_display_that_is_none_is_refused_where_it_stands() {
    for command in ["STOP CSF", "P CSF", "", "RLISTX A B", "RDELETE PTKTDATA TSOPRD1"] {
        let step = format!(
            "[[step]]\nid = \"x\"\nat = \"+1m\"\ndo = \"display\"\nwith = {{ command = \"{command}\", sites = [\"A\"] }}\n"
        );
        let found = told(&step);
        assert!(found.len() == 1 && found[0].0.contains("is no display"), "{found:?}");
        assert!(found[0].1.starts_with(&format!("\"{command}\"")), "{found:?}");
    }
}

/// Checking a drill sets its sites up, so that what RACF or ICSF refuses is found before anything is run.
#[test]
fn what_cannot_be_set_up_is_found_by_checking_where_it_stands() {
    let key = |rest: &str| format!("[[key]]\nlabel = {rest}\n\n[[profile]]");
    let refused = |was: &str, is: &str| {
        let text = SMALL.replacen(was, is, 1);
        assert_ne!(text, SMALL, "{was}");
        let checked = Drill::read("test.toml", &text).and_then(|drill| icsf_drill::check(&drill));
        let Err(Error::File(all)) = checked else { panic!("{is}: no mistake was found") };
        let [mistake] = all.as_slice() else { panic!("{is}: {all:?}") };
        let (line, column) = mistake.position().unwrap_or_else(|| panic!("{is}: {mistake}"));
        text.lines().nth(line - 1).unwrap().chars().skip(column - 1).collect::<String>()
    };
    for (was, is, place) in [
        ("\"KEYMASKED(@secret:ims)\"", "\"KEYMASKED(@secret:ims)\", \"TYPE(UPER)\"".to_owned(), "UPER)\"]"),
        ("\"KEYMASKED(@secret:ims)\"", "\"TYPE(UPPER)\", \"TIMEOUT(9999)\"".to_owned(), "9999)\"]"),
        ("\"KEYMASKED(@secret:ims)\"", "\"TYPE(UPPER)\", \"TIMEOUTT(60)\"".to_owned(), "TIMEOUTT(60)\"]"),
        ("\"UPDATE\"", "\"UPDAT\"".to_owned(), "UPDAT\""),
        ("class   = \"PTKTDATA\"", "class   = \"PTKTDAT\"".to_owned(), "PTKTDAT\""),
        ("classact = [\"PTKTDATA\"]", "classact = [\"PTKTDATA\", \"APPLE\"]".to_owned(), "APPLE\"]"),
        ("smfid  = \"PRD1\"", "smfid  = \"PRD1X\"".to_owned(), "\"PRD1X\""),
        ("smfid  = \"PRD1\"\nckds", "smfid  = \"\"\nckds".to_owned(), "\"\""),
        ("[[profile]]", key("\"A B\"\ntype = \"HMAC-MAC\""), "\"A B\""),
        ("[[profile]]", key("\"A\"\ntype = \"HMAC-MAC\"\nvalue = \"@secret:pw\""), "\"@secret:pw\""),
        ("ims = { generate = \"des\" }", "ims = { generate = \"hmac\" }".to_owned(), "@secret:ims)\"]"),
        ("pw  = { generate = \"password\" }", "pw  = { generate = \"hmac\" }".to_owned(), "@secret:pw\""),
    ] {
        assert_eq!(refused(was, &is), place, "{is}");
    }
    let fixed = SMALL.replacen("smfid  = \"PRD1\"", "smfid  = \"PRD1\"\nckds   = { format = \"fixed\" }", 1);
    let fixed = fixed.replacen("[[profile]]", &key("\"A\"\ntype = \"HMAC-MAC\""), 1);
    assert!(icsf_drill::check(&Drill::read("test.toml", &fixed).unwrap()).is_err());
}

/// A check wants no secret of the world outside; a run that lacks one says which.
#[test]
fn a_check_needs_no_secrets_from_elsewhere() {
    for (name, kind) in [("ims", "des"), ("pw ", "password")] {
        for from in ["env = \"SOFTICSF_NO_SUCH_VARIABLE\"", "file = \"/no/such/file\""] {
            let text =
                SMALL.replace(&format!("{name} = {{ generate = \"{kind}\" }}"), &format!("{name} = {{ {from} }}"));
            assert_ne!(text, SMALL);
            let drill = Drill::read("test.toml", &text).unwrap();
            icsf_drill::check(&drill).unwrap_or_else(|error| panic!("{error}"));
            let Err(Error::File(all)) = icsf_drill::run(&drill) else { panic!("ran") };
            let [mistake] = all.as_slice() else { panic!("{all:?}") };
            assert!(mistake.position().is_some_and(|(_, column)| column == 7), "{mistake}");
        }
    }
}

#[test]
fn work_moves_from_where_it_is_to_another_site() {
    let step = |n: u32, from: &str, to: &str| {
        format!(
            "[[step]]\nid = \"m{n}\"\nat = \"+{n}m\"\ndo = \"failover\"\nwith = {{ from = \"{from}\", to = \"{to}\" }}\n\n"
        )
    };
    for (steps, what, place) in [
        (step(1, "B", "A"), "the work is not at site \"B\"", "\"B\", to"),
        (step(1, "A", "A"), "the work stays where it is", "\"A\" }"),
        (step(1, "A", "B") + &step(2, "A", "B"), "the work is not at site \"A\"", "\"A\", to"),
    ] {
        let found = told(&steps);
        assert!(found.iter().any(|(text, at)| text.contains(what) && at.starts_with(place)), "{steps}: {found:?}");
    }
    Drill::read("test.toml", &with_steps(&(step(1, "A", "B") + &step(2, "B", "A")))).unwrap();
}
