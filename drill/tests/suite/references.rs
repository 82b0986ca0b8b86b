//! What a drill names and nobody defines, what is there twice, and what is named from elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use icsf_drill::{Drill, Error, report, run};

use crate::support::{SMALL, drill, ran, with_nix, with_steps};

/// The mistakes of a drill: what, and the rest of the line.
fn mistakes(text: &str) -> Vec<(String, String)> {
    let Err(Error::File(all)) = Drill::read("test.toml", text) else { panic!("it was read:\n{text}") };
    let at = |mistake: &icsf_drill::Mistake| {
        let (line, column) = mistake.position().unwrap();
        text.lines().nth(line - 1).unwrap().chars().skip(column - 1).collect()
    };
    all.iter().map(|mistake| (mistake.to_string(), at(mistake))).collect()
}

fn small(was: &str, is: &str) -> String {
    assert!(SMALL.contains(was), "{was}");
    SMALL.replacen(was, is, 1)
}

#[test]
fn who_is_nowhere_else_and_what_has_no_profile_is_a_mistake() {
    for (text, place, whats) in [
        (
            small("runs_as = \"TPXSTC\"", "runs_as = \"TPXSTD\""),
            "\"TPXST",
            vec!["\"TPXSTC\" is no user or group", "\"TPXSTD\" is no user, and nothing is permitted to it", "TPXSTC?"],
        ),
        (small("\"TSOPRD1\" }", "\"TSOPRDX\" }"), "\"TSOPRDX\"", vec!["no key profile \"TSOPRDX\"", "TSOPRD1?"]),
        (small("\"IMSP1\" }", "\"IMSP\" }"), "\"IMSP\"", vec!["no key profile \"IMSP\"", "IMSP1?"]),
        (
            small("\"IMSP1\" }", "\"IMSP1\", evaluated_as = \"IMSPP\" }"),
            "\"IMSPP\"",
            vec!["no key profile \"IMSPP\"", "IMSP1?"],
        ),
        (
            small("\"TSOPRD1\" }", "\"CICS&SMFID\" }"),
            "\"CICS&SMFID\"",
            vec!["no key profile \"CICS&SMFID\"", "class = \"APPL\" where it is to have none"],
        ),
    ] {
        let found = mistakes(&text);
        let all = found.iter().map(|(what, _)| what.as_str()).collect::<String>();
        assert!(whats.iter().all(|what| all.contains(what)), "{found:#?}");
        assert!(found.iter().all(|(_, at)| at.starts_with(place)), "{found:#?}");
    }
}

/// A name may be defined by a command, permitted by UACC, or stand for a user group; and an application may have no key.
#[test]
fn names_that_are_defined_otherwise_are_none() {
    let commands = |commands: &str| format!("generic  = [\"PTKTDATA\"]\ncommands = [{commands}]");
    let generic = "generic  = [\"PTKTDATA\"]";
    for text in [
        with_nix(),
        small("\"TSOPRD1\" }", "\"TSO&SMFID\" }"),
        small("id      = \"TPXSTC\"", "id      = \"*\"").replace("runs_as = \"TPXSTC\"", "runs_as = \"OTHER\""),
        small(generic, &commands("\"ADDGROUP GRP\", \"CONNECT U1 GROUP(GRP)\""))
            .replace("id      = \"TPXSTC\"", "id      = \"GRP\"")
            .replace("runs_as = \"TPXSTC\"", "runs_as = \"U1\""),
        small(generic, &commands("\"RDEFINE PTKTDATA IMSP2 SSIGNON(KEYMASKED(@secret:ims))\""))
            .replace("\"IMSP1\" }", "\"IMSP2\" }"),
    ] {
        Drill::read("test.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn sites_and_sessions_there_twice_are_refused() {
    let sites = small("name   = \"B\"", "name   = \"A\"").replace("copy_of = \"A\"", "format = \"kdsr\"");
    let found = mistakes(&sites);
    assert!(found[0].0.contains("site \"A\" is there twice") && found[0].1 == "\"A\"", "{found:?}");
    let found = mistakes(&small("{ name = \"IMS\"", "{ name = \"TSO\""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].0.contains("session \"TSO\" is there twice") && found[0].1.starts_with("\"TSO\", applid = \"IMSP1\"")
    );
}

/// A command that none of its shell knows is found by reading, with what was probably meant.
#[test]
fn commands_are_read_before_anything_runs() {
    let racf = |command: &str| {
        format!(
            "[[step]]\nid = \"x\"\nat = \"+1m\"\nsite = \"A\"\ndo = \"racf\"\nwith = {{ commands = [\"{command}\"] }}\n"
        )
    };
    let display = |command: &str| {
        format!(
            "[[step]]\nid = \"x\"\nat = \"+1m\"\ndo = \"display\"\nwith = {{ command = \"{command}\", sites = [\"A\"] }}\n"
        )
    };
    let stale = "[[step]]\nid = \"x\"\nat = \"+1m\"\nsite = \"A\"\ndo = \"profile.stale\"\n\
                 with = { profile = \"IMSP1\", ssignon = [\"TIMEOUTT(60)\"] }\n";
    for (step, what, place) in [
        (racf("RALTR PTKTDATA X"), "RALTER?", "RALTR PTKTDATA"),
        (racf("RALTER PTKTDATA IMSP1 SSIGNON(KEYMASKD(@secret:ims))"), "KEYMASKED?", "KEYMASKD("),
        (racf("RALTER PTKTDATA IMSP1 SSIGNON(TIMEOUT)"), "TIMEOUT needs a value", "TIMEOUT)"),
        (
            racf("RALTER PTKTDATA IMSP1 SSIGNON(KEYMASKED(@secret:imz))"),
            "there is no secret \"@secret:imz\"",
            "\"RALTER",
        ),
        (display("D ICSF,CRDS"), "CARDS, KDS, LIST, MKS, MKVPS or OPTIONS was expected", "\"D ICSF"),
        (display("RLIST PTKTDATA IMSP1 SSIGNN"), "SSIGNON?", "SSIGNN"),
        (display("F TPY,APPL=X"), "TPX?", "\"F TPY"),
        (stale.to_owned(), "TIMEOUT?", "TIMEOUTT(60)"),
    ] {
        let found = mistakes(&with_steps(&step));
        assert_eq!(found.len(), 1, "{step}: {found:#?}");
        assert!(found[0].0.contains(what) && found[0].1.starts_with(place), "{step}: {found:#?}");
    }
}

/// A display that is refused deviates, whether something was expected of it or not.
#[test]
fn a_display_that_is_refused_is_no_display() {
    let step = "[[step]]\nid = \"x\"\nat = \"+1m\"\ndo = \"display\"\n\
                with = { command = \"RLIST PTKTDATA ABSENT\", sites = [\"A\"] }\n";
    let (run, text) = ran(&with_steps(step));
    assert_eq!(run.exit_status(), 1, "{text}");
    assert!(text.contains("A refused it: "), "{text}");
}

/// An unload of a site has its permission profiles, which a drill may permit something by.
#[test]
fn a_permit_may_name_a_profile_of_the_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let record = |fields: &[(usize, &str)]| {
        let put = |line: String, (column, text): &(usize, &str)| format!("{line:<width$}{text}", width = column - 1);
        fields.iter().fold(String::new(), put) + "\n"
    };
    let unload = [("IRRPTAUTH.**", "YES"), ("IMSP1", "NO")].map(|(name, generic)| {
        record(&[(1, "0500"), (6, name), (253, "PTKTDATA"), (262, generic), (282, "IBMUSER"), (337, "NONE")])
    });
    let appl = record(&[(1, "0500"), (6, "IMSP1"), (253, "APPL"), (262, "NO"), (282, "IBMUSER"), (337, "NONE")]);
    let permitted = record(&[(1, "0505"), (6, "IRRPTAUTH.**"), (253, "PTKTDATA"), (262, "OTHERSTC"), (271, "READ")]);
    fs::write(folder.path().join("u.txt"), unload.concat() + &appl + &permitted).unwrap();
    let text = small("[[site]]", "[inputs]\nracf_unload = \"u.txt\"\n\n[[site]]")
        .replace("IRRPTAUTH.*.*", "IRRPTAUTH.**")
        .replace(
            "[[user]]",
            "[[permit]]\nclass = \"APPL\"\nprofile = \"IMSP1\"\nid = \"U1\"\naccess = \"READ\"\n\n[[user]]",
        );
    let path = folder.path().join("drill.toml");
    let drill = Drill::read(path.to_str().unwrap(), &text).unwrap_or_else(|error| panic!("{error}"));
    icsf_drill::check(&drill).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&drill).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(run.exit_status(), 0, "{}", report::text(&run));
    // Who is permitted something in the unload is somebody.
    let other = text
        .replace("runs_as = \"TPXSTC\"", "runs_as = \"OTHERSTC\"")
        .replace("id      = \"TPXSTC\"", "id      = \"U1\"");
    Drill::read(path.to_str().unwrap(), &other).unwrap_or_else(|error| panic!("{error}"));
}

/// The file of a secret is looked for beside the drill file, as inputs are.
#[test]
fn the_file_of_a_secret_lies_beside_the_drill() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("ims.key");
    fs::write(&key, "E001193519561977\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let text = small("ims = { generate = \"des\" }", "ims = { file = \"ims.key\" }");
    let path = folder.path().join("drill.toml");
    let found = run(&Drill::read(path.to_str().unwrap(), &text).unwrap()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.exit_status(), 0);
    let Err(Error::File(all)) = run(&drill(&text)) else { panic!("no such file lies here") };
    assert!(all[0].what().contains("ims.key"), "{all:?}");
    let whole = text.replace("ims.key", key.to_str().unwrap());
    assert_eq!(run(&drill(&whole)).unwrap_or_else(|error| panic!("{error}")).exit_status(), 0);
}

/// Cards have names, which the report shows; a CKDS of a real system is none of a drill.
#[test]
fn cards_have_names_and_key_stores_are_made() {
    let named = small("{ kind = \"software\" }", "{ kind = \"software\", token = \"card-A\" }");
    let attach = "[[step]]\nid = \"x\"\nat = \"+1m\"\nsite = \"B\"\ndo = \"engine.attach\"\n\
                  with = { kind = \"software\", token = \"card-B\", master_key = \"same-as:A\" }\n";
    let (_, text) = ran(&format!("{named}\n{attach}"));
    assert!(text.contains("software engine card-A") && text.contains("attach an engine card-B"), "{text}");
    for (text, what, place) in [
        (small("\"none\" }", "\"none\", token = \"card-B\" }"), "no card here that could have a name", "\"card-B\""),
        (format!("{named}\n{}", attach.replace("\"software\"", "\"none\"")), "no card here", "\"card-B\""),
        (
            small("smfid  = \"PRD1\"", "smfid  = \"PRD1\"\nckds   = { store = \"stores/prod.ckds\" }"),
            "a drill makes its CKDS itself",
            "\"stores/prod.ckds\"",
        ),
    ] {
        let found = mistakes(&text);
        assert!(found.len() == 1 && found[0].0.contains(what) && found[0].1.starts_with(place), "{found:#?}");
    }
}
