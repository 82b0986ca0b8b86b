//! Commands at a prompt and on standard input: history, completion, and what is kept of neither.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{KEY, Place};
use crate::terminal::Terminal;

const UP: &str = "\u{1b}[A";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// A session of a verb, at its first prompt.
fn session(place: &Place, verb: &str, ready: &str) -> Terminal {
    let mut terminal = Terminal::run(place, &["-C", "prd1", verb]);
    terminal.wait_for_prompt(ready);
    terminal
}

fn history(place: &Place, verb: &str) -> Vec<String> {
    let path = place.join(&format!("prd1/{verb}.history"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // The first line says in which form it is.
    fs::read_to_string(path).unwrap().lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn racf_commands_are_completed_and_remembered() {
    let place = Place::with_system();
    let mut terminal = session(&place, "racf", "READY");
    // A verb, a class, a keyword.
    terminal.type_line("rdef\t ptk\t NEWAPP app\t('one')");
    terminal.wait_for_prompt("READY");
    // The name of a profile; of two that begin alike, both are shown.
    terminal.type_line("RLIST PTKTDATA TSO\t");
    terminal.wait_for("PTKTDATA   TSOPRD1");
    terminal.wait_for_prompt("READY");
    terminal.type_keys("RD\t\t");
    terminal.wait_for("RDEFINE");
    terminal.wait_for("RDELETE");
    // What was begun is given up.
    terminal.type_keys(CTRL_C);
    terminal.wait_for_prompt("READY");
    terminal.type_line(UP);
    terminal.wait_for("PTKTDATA   TSOPRD1");
    terminal.wait_for_prompt("READY");
    terminal.type_line("SETROPTS -");
    terminal.type_line("CLASSACT(APPL)");
    terminal.wait_for("ICH14063I");
    terminal.wait_for_prompt("READY");
    terminal.type_keys(CTRL_D);
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert_eq!(
        history(&place, "racf"),
        ["RDEFINE PTKTDATA NEWAPP APPLDATA('one')", "RLIST PTKTDATA TSOPRD1", "SETROPTS CLASSACT(APPL)"]
    );

    // Who comes later goes on with them, and what comes on standard input is not remembered.
    place.prd1_reading(&["racf"], "RLIST PTKTDATA CICSP1\n").ok();
    let mut terminal = session(&place, "racf", "READY");
    terminal.type_line(&format!("{UP}{UP}"));
    terminal.wait_for("PTKTDATA   TSOPRD1");
    terminal.wait_for_prompt("READY");
    terminal.type_line("logoff");
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert_eq!(history(&place, "racf").len(), 4);
}

#[test]
fn a_key_or_password_that_was_typed_is_in_no_history() {
    let place = Place::with_system();
    let mut terminal = session(&place, "racf", "READY");
    let (first, last) = KEY.split_at(8);
    for secret in [
        format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({KEY}))"),
        format!("RDEFINE PTKTDATA B SSIGNON(KEYMASKED( -\n{KEY}))"),
        format!("RDEFINE PTKTDATA C SSIGNON(KEYMASKED({first}+\n{last}))"),
        format!("RDEFINE PTKTDATA D SSIGNON({KEY})"),
        format!("RDEFINE PTKTDATA {KEY}"),
        format!("RDEFINE PTKTDATA E SSIGNON(KEYMASKED({KEY})"),
        format!("RDEFINE PTKTDATA F SSIGNON (KEYMASKED ({KEY}"),
        format!("/* RALT PTKTDATA FEK SSIGNON(KEYMASKED({KEY})) */ RL PTKTDATA FEK NORACF SSIGNON"),
        "RLIST PTKTDATA A /* PASSWORD TOPSECRT */".to_owned(),
        "ADDUSER U1 PASSWORD(TOPSECRT)".to_owned(),
        "ALTUSER U1 PASSWORD TOPSECRT".to_owned(),
        "ALTUSER U1 PASWORT(TOPSECRT)".to_owned(),
        "ALTUSER U1 PW(TOPSECRT)".to_owned(),
        "ALTUSER U1 PW(TOPSECRT".to_owned(),
        "RLIST PTKTDATA A".to_owned(),
    ] {
        terminal.type_line(&secret);
        terminal.wait_for_prompt("READY");
    }
    terminal.type_keys(CTRL_D);
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert_eq!(history(&place, "racf"), ["RLIST PTKTDATA A"]);

    // A typed key does not come back by the arrow either; a mistyped command that shows none does.
    let mut terminal = session(&place, "racf", "READY");
    terminal.type_line("RLISTT PTKTDATA C");
    terminal.wait_for("is no command of this shell");
    terminal.wait_for_prompt("READY");
    terminal.type_line(&format!("RALTER PTKTDATA A SSIGNON(KEYMASKED({KEY}))"));
    terminal.wait_for_prompt("READY");
    terminal.type_line(UP);
    terminal.wait_for("is no command of this shell");
    terminal.wait_for_prompt("READY");
    terminal.type_line("END");
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
}

#[test]
fn operator_commands_are_completed_and_remembered() {
    let place = Place::with_system();
    let mut terminal = session(&place, "console", "CONSOLE");
    terminal.type_line("seticsf dis\t");
    terminal.wait_for("SIC3012I DYNAMIC CKDS UPDATES ARE DISABLED");
    terminal.wait_for_prompt("CONSOLE");
    terminal.type_line("D ICSF,CARD");
    terminal.wait_for("not \"CARD\"");
    terminal.wait_for_prompt("CONSOLE");
    terminal.type_line(&format!("RDEFINE PTKTDATA A SSIGNON(KEYMASKED({KEY}))"));
    terminal.wait_for("is no command of this console");
    terminal.wait_for_prompt("CONSOLE");
    terminal.type_line(&format!("{UP}S"));
    terminal.wait_for("STATUS=Active");
    terminal.wait_for_prompt("CONSOLE");
    terminal.type_keys(CTRL_D);
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "an error at the prompt is not one of the session: {shown}");
    assert_eq!(history(&place, "console"), ["SETICSF DISABLE,CKDS", "D ICSF,CARD", "D ICSF,CARDS"]);
    let status = place.prd1(&["status"]).ok().stdout;
    assert!(status.contains("services cannot update it: SETICSF DISABLE,CKDS"), "{status}");
}

#[test]
fn a_session_outlives_what_cannot_be_read() {
    let place = Place::with_system();
    let mut terminal = session(&place, "console", "CONSOLE");
    terminal.type_keys(b"D \xff");
    terminal.wait_for("softicsf: console: what was typed is no UTF-8, and is given up");
    terminal.wait_for_prompt("CONSOLE");
    // A paste of several lines is several commands.
    terminal.type_keys("\u{1b}[200~D SMF,O\n\n D ICSF\n\u{1b}[201~\n");
    terminal.wait_for("SID(PRD1)");
    terminal.wait_for("SYSNAME");
    terminal.wait_for_prompt("CONSOLE");
    terminal.type_keys(CTRL_D);
    assert_eq!(terminal.end().1, 0);
    assert_eq!(history(&place, "console"), ["D SMF,O", "D ICSF"]);
}

#[test]
fn a_history_that_cannot_be_kept_is_told_once_and_hinders_nobody() {
    let place = Place::with_system();
    fs::create_dir(place.join("prd1/console.history")).unwrap();
    let mut terminal = session(&place, "console", "CONSOLE");
    for _ in 0..2 {
        terminal.type_line("D SMF,O");
        terminal.wait_for("SID(PRD1)");
        terminal.wait_for_prompt("CONSOLE");
    }
    terminal.type_line("end");
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert_eq!(shown.matches("softicsf: console: the history is not kept: ").count(), 1, "{shown}");
}

#[test]
fn a_history_is_bounded() {
    let place = Place::with_system();
    let old: String = (0..1000).map(|number| format!("RLIST PTKTDATA A{number}\n")).collect();
    place.secret("prd1/racf.history", &format!("#V2\n{old}"));
    let mut terminal = session(&place, "racf", "READY");
    terminal.type_line("RLIST PTKTDATA CICSP1");
    terminal.wait_for_prompt("READY");
    terminal.type_line("END");
    terminal.end();
    let kept = history(&place, "racf");
    assert_eq!((kept.len(), kept[0].as_str()), (1000, "RLIST PTKTDATA A1"));
    assert_eq!(kept[999], "RLIST PTKTDATA CICSP1");
}

#[test]
fn operator_commands_come_from_standard_input() {
    let place = Place::with_system();
    let ran = place.prd1_reading(&["console"], "D SMF,O\n\n  d icsf,opt\nSTOP CSF\nD ICSF\nSTART CSF").ok();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((lines[0], lines[5]), ("SID(PRD1)", "  SIC3012I DYNAMIC CKDS UPDATES ARE ENABLED"), "{ran:?}");
    assert_eq!(lines[7..], ["IEE341I CSF NOT ACTIVE", "SIC3003I ICSF IS STARTED"]);
    assert_eq!(ran.stderr, "", "no prompt where nobody types");
    assert!(!place.join("prd1/console.history").exists());

    // One that changes nothing is none that was carried out.
    let ran = place.prd1_reading(&["console"], "STOP CSF\nSETICSF DEACT\nSTART CSF\n");
    assert_eq!((ran.status, ran.stdout.lines().count()), (8, 1), "{ran:?}");
    assert!(ran.stderr.contains("IEE341I CSF NOT ACTIVE"), "{ran:?}");
    let ran = place.prd1(&["console", "STOP", "CSF"]);
    assert_eq!(ran.status, 4, "{ran:?}");
    place.prd1(&["console", "START", "CSF"]).ok();

    // The first that fails ends it.
    let ran = place.prd1_reading(&["console"], "D SMF,O\nD T\nSTOP CSF\n");
    assert_eq!((ran.status, ran.stdout.as_str()), (8, "SID(PRD1)\n"));
    assert!(ran.stderr.contains("ICSF or SMF was expected, not \"T\""), "{ran:?}");
    assert_eq!(place.prd1(&["status", "--json"]).ok().json()["icsf_started"], true);
    let ran = place.prd1_reading(&["console", "--json"], "D SMF,O\nD T\nSTOP CSF\n");
    assert_eq!(ran.status, 8);
    let commands = ran.json()["commands"].clone();
    assert_eq!(commands[0]["lines"][0], "SID(PRD1)");
    assert_eq!((&commands[1]["error"]["status"], commands.as_array().unwrap().len()), (&8.into(), 2));
}
