//! What must never be seen: keys, pass phrases, and tickets but where one was asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{KEY, Place, Ran, softicsf};

const HMAC: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
const PHRASE: &str = "three blind mice";

#[track_caller]
fn silent(ran: &Ran, secret: &str) {
    let text = ran.all().replace(['\n', ' '], "");
    assert!(!text.contains(&secret.replace(' ', "")), "{ran:?}");
}

#[test]
fn keys_are_not_repeated_whether_they_are_taken_or_refused() {
    let place = Place::with_system();
    let key = place.secret("key", KEY);
    let hmac = place.secret("hmac", HMAC);
    let too_long = place.secret("long", &format!("{KEY}{KEY}"));
    let no_hex = place.secret("nohex", &format!("{KEY}XY"));
    for (status, arguments) in [
        (0, vec!["ckds", "add", "A", "--type", "DES-DATA", "--from", &key]),
        (0, vec!["ckds", "add", "B", "--type", "HMAC-MAC", "--from", &hmac, "--clear"]),
        (0, vec!["ckds", "show", "B"]),
        (0, vec!["ckds", "list"]),
        (8, vec!["ckds", "add", "A", "--type", "DES-DATA", "--from", &key]),
        (8, vec!["ckds", "add", "C", "--type", "DES-DATA", "--from", &too_long]),
        (2, vec!["ckds", "add", "C", "--type", "DES-DATA", "--from", &no_hex]),
        (8, vec!["ckds", "add", "C", "--type", "HMAC-MAC", "--from", &key]),
        (8, vec!["mk", "load", "--kind", "des", "--part", "first", "--from", &key]),
        (2, vec!["mk", "load", "--kind", "des", "--part", "first", "--from", &no_hex]),
        (0, vec!["mk", "load", "--kind", "des", "--part", "first", "--from", &hmac]),
    ] {
        for more in [vec!["-v"], vec!["-v", "--json"]] {
            let ran = place.prd1(&[arguments.as_slice(), &more].concat());
            if more.len() == 1 {
                assert_eq!(ran.status, status, "{arguments:?}: {ran:?}");
            }
            silent(&ran, KEY);
            silent(&ran, HMAC);
        }
    }
}

#[test]
fn keys_in_commands_are_covered() {
    let place = Place::with_system();
    for (status, command) in [
        (0, format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({KEY}))")),
        (0, format!("RDEFINE PTKTDATA B SSIGNON(KEYENCRYPTED({KEY}))")),
        (8, format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({KEY}))")),
        (8, format!("RDEFINE PTKTDATA C SSIGNON(KEYMASKED({KEY}0))")),
        (8, format!("RDEFINE PTKTDATA C SSIGNON(KEYM({KEY}) NOTHING)")),
        (8, format!("RDEFINE PTKTDATA C SSIGNON(KEYENCRYPTED({KEY}) NOTHING(")),
        (0, "RLIST PTKTDATA A SSIGNON ALL".to_owned()),
        (0, "ADDUSER U1 PASSWORD(SECRET99)".to_owned()),
        (8, "ADDUSER U2 PASSWORD(SECRET99) NOTHING".to_owned()),
    ] {
        for more in ["-v", "--json"] {
            let ran = place.prd1_reading(&["racf", more], &command);
            if more == "-v" {
                assert_eq!(ran.status, status, "{command}: {ran:?}");
            }
            silent(&ran, KEY);
            silent(&ran, "SECRET99");
        }
    }
    // By name they come from the environment, or from a file.
    let mut command = softicsf(place.path());
    command.env("SOFTICSF_SECRET_TSO", KEY);
    let ran: Ran = command
        .args(["-C", "prd1", "racf", "RDEFINE PTKTDATA D SSIGNON(KEYMASKED(@secret:tso))"])
        .output()
        .unwrap()
        .into();
    silent(&ran.ok(), KEY);
}

/// The list of processes shows the command line to everybody.
#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let place = Place::with_system();
    for command in [
        format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({KEY}))"),
        format!("RALT PTKTDATA TSOPRD1 SSIGNON(KEYE({KEY}))"),
        "ALTUSER IBMUSER PASSWORD(SECRET99)".to_owned(),
        format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({KEY}"),
    ] {
        let ran = place.prd1(&["racf", "SETROPTS CLASSACT(APPL)", &command]);
        assert_eq!(ran.status, 2, "{command}: {ran:?}");
        assert!(ran.stderr.contains("a key or password was typed on the command line"), "{ran:?}");
        silent(&ran, KEY);
        silent(&ran, "SECRET99");
    }
    assert!(place.prd1(&["status"]).ok().stdout.contains("APPL      not active"), "nothing of it was done");
    // These name none.
    place.prd1(&["racf", "SETROPTS PASSWORD(MIXEDCASE)"]).ok();
}

#[test]
fn a_ticket_is_shown_by_generate_alone() {
    let place = Place::with_system();
    let who = ["--user", "IBMUSER", "--appl", "CICSP1"];
    let made = place.prd1(&[["ptkt", "generate"].as_slice(), &who].concat()).ok();
    assert_eq!(made.stderr, "");
    let ticket = made.stdout.strip_suffix('\n').unwrap();
    assert_eq!(ticket.len(), 8);
    let evaluate = [["ptkt", "evaluate", "--ticket", "-", "-v"].as_slice(), &who].concat();
    for status in [0, 1] {
        let ran = place.prd1_reading(&evaluate, &made.stdout);
        assert_eq!(ran.status, status, "{ran:?}");
        silent(&ran, ticket);
    }
    let wrong_user = ["ptkt", "evaluate", "--ticket", "-", "--json", "--user", "OTHER", "--appl", "CICSP1"];
    silent(&place.prd1_reading(&wrong_user, &made.stdout), ticket);
    silent(&place.prd1_reading(&evaluate, &format!("{ticket}{ticket}")), ticket);
    let explained = place.prd1(&[["ptkt", "explain"].as_slice(), &who].concat()).ok();
    assert!(!explained.stdout.lines().any(|line| line.len() == 8), "{explained:?}");
}

#[test]
fn a_file_that_others_can_read_is_no_place_for_a_secret() {
    let place = Place::with_system();
    let ticket = place.prd1(&["ptkt", "generate", "--user", "IBMUSER", "--appl", "CICSP1"]).ok().stdout;
    for (text, arguments) in [
        (KEY, ["ckds", "add", "X", "--type", "DES-DATA", "--from", "../open"].as_slice()),
        (HMAC, ["mk", "load", "--kind", "des", "--part", "first", "--from", "../open"].as_slice()),
        (&ticket, ["ptkt", "evaluate", "--user", "IBMUSER", "--appl", "CICSP1", "--ticket", "../open"].as_slice()),
        (PHRASE, ["mk", "show", "--passphrase-file", "../open"].as_slice()),
    ] {
        place.secret("open", text);
        fs::set_permissions(place.join("open"), fs::Permissions::from_mode(0o640)).unwrap();
        let mut command = softicsf(&place.join("prd1"));
        let ran: Ran = command.args(arguments).output().unwrap().into();
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains("its mode is 640, others can read it: chmod 600"), "{ran:?}");
        silent(&ran, text.trim_end());
    }
}

#[test]
fn what_is_made_is_for_its_owner_alone() {
    let place = Place::with_system();
    place.prd1(&["ckds", "export", "x.ckds"]).ok();
    let mut files = vec![place.join("prd1"), place.join("x.ckds")];
    while let Some(path) = files.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

#[test]
fn a_ticket_typed_in_the_place_of_a_file_is_not_repeated() {
    let place = Place::with_system();
    let ticket = place.prd1(&["ptkt", "generate", "--user", "IBMUSER", "--appl", "TSOPRD1"]).ok().stdout;
    let typed = ["ptkt", "evaluate", "--user", "IBMUSER", "--appl", "TSOPRD1", "--ticket", ticket.trim()];
    let ran = place.prd1(&typed);
    assert_eq!(ran.status, 2);
    assert!(!ran.all().contains(ticket.trim()) && ran.stderr.contains("--ticket -"), "{ran:?}");
}

#[test]
fn a_pass_phrase_is_not_repeated() {
    let place = Place::new();
    let phrase = place.secret("phrase", PHRASE);
    place.run(&["init", "prd1", "--passphrase-file", &phrase, "--generate-master-keys"]).ok();
    let other = place.secret("other", "three blind rats");
    for (file, status) in [(&phrase, 0), (&other, 12)] {
        let ran = place.prd1(&["mk", "show", "-v", "--passphrase-file", file]);
        assert_eq!(ran.status, status, "{ran:?}");
        silent(&ran, "three blind");
    }
    let locked = place.prd1(&["mk", "show", "--json"]);
    assert_eq!((locked.status, &locked.json()["error"]["icsf"]["name"]), (12, &"EngineUnavailable".into()));
    let empty = place.secret("empty", "");
    let ran = place.run(&["init", "prd2", "--passphrase-file", &empty]);
    assert_eq!(ran.status, 12, "{ran:?}");
    assert!(!place.join("prd2").exists());
}
