//! Several processes on one system: what one changes, the others see on their next call.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStderr, ChildStdin, Stdio};

use crate::support::{KEY, Place, softicsf};

/// A process that goes on: RACF commands, one after the other.
struct Racf {
    child: Child,
    commands: ChildStdin,
    messages: BufReader<ChildStderr>,
}

impl Racf {
    fn start(place: &Place) -> Self {
        let mut command = softicsf(place.path());
        command.args(["-C", "prd1", "racf", "--keep-going"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (commands, messages) = (child.stdin.take().unwrap(), BufReader::new(child.stderr.take().unwrap()));
        Self { child, commands, messages }
    }

    /// Issues a command; answers the first line it says.
    fn issue(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").unwrap();
        let mut line = String::new();
        self.messages.read_line(&mut line).unwrap();
        line
    }

    fn end(mut self) {
        drop(self.commands);
        self.child.wait().unwrap();
    }
}

#[test]
fn an_engine_that_one_process_takes_offline_is_offline_for_the_others() {
    let place = Place::with_system();
    let mut racf = Racf::start(&place);
    let mut number = 0;
    let mut encrypt = || {
        number += 1;
        racf.issue(&format!("RDEFINE PTKTDATA A{number} SSIGNON(KEYENCRYPTED({KEY}))"))
    };
    assert!(encrypt().starts_with("ICH10006I"));
    place.prd1(&["engine", "offline"]).ok();
    let answer = encrypt();
    assert!(answer.contains("CSNBCKI 12/0: engine is offline: the operator took it offline"), "{answer}");
    place.prd1(&["engine", "online"]).ok();
    // The rest of the report comes first; what matters is that the profile is there then.
    encrypt();
    racf.end();
    assert_eq!(place.prd1(&["racf", "RLIST PTKTDATA A2"]).status, 8);
    place.prd1(&["racf", "RLIST PTKTDATA A3 SSIGNON"]).ok();
}

#[test]
fn a_profile_that_one_process_defines_is_used_by_another() {
    let place = Place::with_system();
    let mut racf = Racf::start(&place);
    let generate = |place: &Place| place.prd1(&["ptkt", "generate", "--user", "IBMUSER", "--appl", "LATER"]);
    racf.issue("RDEFINE PTKTDATA LATER SSIGNON(KEYLABEL(PTKT.LATER.DES))");
    let before = generate(&place);
    assert_eq!(before.status, 8);
    assert!(before.stderr.contains("defined, and not in storage yet"), "{before:?}");
    racf.issue("SETROPTS RACLIST(PTKTDATA) REFRESH");
    assert!(generate(&place).stderr.contains("there is no key PTKT.LATER.DES in the CKDS"));

    // On disk alone it is not used; after REFRESH it is.
    let add = ["ckds", "add", "PTKT.LATER.DES", "--type", "DES-DATA", "--generate", "--disk-only"];
    place.prd1(&add).ok();
    let told = generate(&place).stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("key PTKT.LATER.DES is in the CKDS on disk and not in storage yet"), "{told}");
    place.prd1(&["ckds", "refresh"]).ok();
    assert_eq!(generate(&place).ok().stdout.trim_end().len(), 8);

    // Dynamically deleted, it is gone at once.
    place.prd1(&["ckds", "delete", "PTKT.LATER.DES"]).ok();
    assert_eq!(generate(&place).status, 8);
    racf.end();
}

#[test]
fn a_ticket_that_one_process_accepted_is_refused_by_another() {
    let place = Place::with_system();
    let who = ["--user", "IBMUSER", "--appl", "TSOPRD1"];
    let made = place.prd1(&[["ptkt", "generate"].as_slice(), &who].concat()).ok();
    let evaluate = [["ptkt", "evaluate", "--ticket", "-"].as_slice(), &who].concat();
    let first = place.prd1_reading(&evaluate, &made.stdout).ok();
    assert!(first.stdout.starts_with("valid: legacy ticket, made "), "{first:?}");
    let second = place.prd1_reading(&evaluate, &made.stdout);
    assert_eq!(second.status, 1);
    assert!(second.stderr.contains("the ticket was used before on this system"), "{second:?}");
}

#[test]
fn the_exit_status_tells_apart_not_valid_and_not_checked() {
    let place = Place::with_system();
    let evaluate = |appl: &str, ticket: &str| {
        place.prd1_reading(&["ptkt", "evaluate", "--ticket", "-", "--user", "IBMUSER", "--appl", appl], ticket).status
    };
    assert_eq!(evaluate("TSOPRD1", "AAAAAAAA"), 1, "another ticket");
    assert_eq!(evaluate("TSOPRD1", "AAA"), 1, "no ticket at all");
    assert_eq!(evaluate("NOSUCH", "AAAAAAAA"), 8, "no profile");
    place.prd1(&["engine", "offline"]).ok();
    assert_eq!(evaluate("TSOPRD1", "AAAAAAAA"), 8, "no engine");
    assert_eq!(place.run(&["-C", "nowhere", "status"]).status, 12, "no system");
}

/// `SOFTICSF_SYSTEM` is for a whole shell, `-C` for one command, and the current directory for neither.
#[test]
fn the_system_is_found_by_option_then_environment_then_directory() {
    let place = Place::with_system();
    place.run(&["init", "other", "--sysname", "OTHER"]).ok();
    let name = |directory: &str, option: &[&str], variable: Option<&str>| {
        let mut command = softicsf(&place.join(directory));
        command.args(option).args(["status", "--json"]);
        command.envs(variable.map(|value| ("SOFTICSF_SYSTEM", value)));
        let ran = crate::support::Ran::from(command.output().unwrap()).ok();
        ran.json()["sysname"].as_str().unwrap().to_owned()
    };
    assert_eq!(name("prd1", &[], None), "PRD1");
    assert_eq!(name("prd1", &[], Some("../other")), "OTHER");
    assert_eq!(name("prd1", &["-C", "."], Some("../other")), "PRD1");
}
