//! At a terminal: prompts without echo, READY, colour.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::{KEY, Place, clean, program};

/// The program at a terminal of its own.
pub(crate) struct Terminal {
    master: File,
    slave: File,
    child: Child,
    /// What was shown, and how far it has been waited for.
    shown: String,
    waited: usize,
}

impl Terminal {
    pub(crate) fn run(place: &Place, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        // It makes the terminal the controlling one, where the program asks for secrets.
        let mut command = Command::new("setsid");
        clean(&mut command);
        command
            .args(["--ctty", "--wait"])
            .arg(program())
            .args(arguments)
            .current_dir(place.path())
            .env("TERM", "xterm");
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { master: File::from(master), slave, child, shown: String::new(), waited: 0 }
    }

    /// Reads until `text` was shown, after what was waited for before.
    pub(crate) fn wait_for(&mut self, text: &str) {
        loop {
            if let Some(at) = self.shown[self.waited..].find(text) {
                self.waited += at + text.len();
                return;
            }
            let mut bytes = [0; 1024];
            let count = self.master.read(&mut bytes).unwrap();
            self.shown += std::str::from_utf8(&bytes[..count]).unwrap();
        }
    }

    /// Waits for a prompt, and until each key that is typed is seen at once.
    pub(crate) fn wait_for_prompt(&mut self, text: &str) {
        self.wait_for(text);
        while tcgetattr(self.slave.as_fd()).unwrap().local_modes.contains(LocalModes::ICANON) {
            std::thread::yield_now();
        }
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        self.type_keys(format!("{line}\n"));
    }

    pub(crate) fn type_keys(&mut self, keys: impl AsRef<[u8]>) {
        self.master.write_all(keys.as_ref()).unwrap();
    }

    /// Types a secret after `prompt`, once the terminal does not echo.
    fn type_secret(&mut self, prompt: &str, secret: &str) {
        self.wait_for(prompt);
        while tcgetattr(self.slave.as_fd()).unwrap().local_modes.contains(LocalModes::ECHO) {
            std::thread::yield_now();
        }
        self.type_line(secret);
    }

    /// Waits for the end; what was shown, and the exit status.
    pub(crate) fn end(mut self) -> (String, i32) {
        let status = self.child.wait().unwrap().code().unwrap();
        drop(self.slave);
        let mut rest = Vec::new();
        // At its end a terminal gives an error.
        let _ = self.master.read_to_end(&mut rest);
        self.shown += &String::from_utf8(rest).unwrap();
        (self.shown.replace("\r\n", "\n"), status)
    }
}

#[test]
fn a_locked_engine_asks_for_its_pass_phrase() {
    let place = Place::new();
    let phrase = place.secret("phrase", "three blind mice");
    place.run(&["init", "prd1", "--passphrase-file", &phrase, "--generate-master-keys"]).ok();
    let add = ["-C", "prd1", "ckds", "add", "A", "--type", "DES-DATA", "--generate"];

    let mut terminal = Terminal::run(&place, &add);
    terminal.type_secret("pass phrase of the engine: ", "three blind rats");
    let (shown, status) = terminal.end();
    assert_eq!(status, 12, "{shown}");
    assert!(shown.contains("engine is locked") && !shown.contains("rats"), "{shown}");

    let mut terminal = Terminal::run(&place, &add);
    terminal.type_secret("pass phrase of the engine: ", "three blind mice");
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains("A added: DES 8, DES-MK ") && !shown.contains("mice"), "{shown}");

    // At the prompt of RACF it is asked for until it is right, and then no more.
    let mut terminal = Terminal::run(&place, &["-C", "prd1", "racf"]);
    for (number, phrase) in ["three blind rats", "three blind mice"].into_iter().enumerate() {
        terminal.wait_for_prompt("READY");
        terminal.type_line(&format!("RDEFINE PTKTDATA A{number} SSIGNON(KEYENCRYPTED({KEY}))"));
        terminal.type_secret("pass phrase of the engine: ", phrase);
    }
    terminal.wait_for_prompt("READY");
    terminal.type_line(&format!("RDEFINE PTKTDATA A3 SSIGNON(KEYENCRYPTED({KEY}))"));
    terminal.wait_for_prompt("READY");
    terminal.type_line("END");
    let (shown, _) = terminal.end();
    assert!(shown.contains("engine is locked") && !shown.contains("blind"), "{shown}");
    assert_eq!(place.prd1(&["racf", "RLIST PTKTDATA (A1 A3)"]).ok().stdout.matches("PTKTDATA").count(), 2);

    // What does not need the engine does not ask.
    let (shown, status) = Terminal::run(&place, &["-C", "prd1", "ckds", "list"]).end();
    assert_eq!(status, 0);
    assert!(shown.contains("PROTECTION") && !shown.contains("pass phrase"), "{shown}");
}

/// Nobody can open an engine again whose pass phrase was mistyped when it was made.
#[test]
fn a_new_pass_phrase_is_typed_twice() {
    let place = Place::new();
    for (again, status) in [("three blind rats", 8), ("three blind mice", 0)] {
        let mut terminal = Terminal::run(&place, &["init", "prd1", "--passphrase-file", "prompt"]);
        terminal.type_secret("pass phrase of the engine: ", "three blind mice");
        terminal.type_secret("the same once more: ", again);
        let (shown, got) = terminal.end();
        assert_eq!(got, status, "{shown}");
        assert!(!shown.contains("blind"), "{shown}");
        assert_eq!(place.join("prd1").exists(), status == 0);
    }
}

#[test]
fn keys_and_tickets_are_asked_for_without_echo() {
    let place = Place::with_system();
    let part = "11".repeat(32);
    let mut terminal = Terminal::run(&place, &["-C", "prd1", "mk", "load", "--kind", "des", "--part", "first"]);
    terminal.type_secret("first part of the DES-MK: ", &part);
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains("DES-MK new register: partial") && !shown.contains("1111"), "{shown}");

    let add = ["-C", "prd1", "ckds", "add", "A", "--type", "DES-DATA", "--from", "-"];
    let mut terminal = Terminal::run(&place, &add);
    terminal.type_secret("key: ", KEY);
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(!shown.contains(KEY), "{shown}");

    let who = ["--user", "IBMUSER", "--appl", "CICSP1"];
    let made = place.prd1(&[["ptkt", "generate"].as_slice(), &who].concat()).ok();
    let ticket = made.stdout.trim_end();
    let mut terminal = Terminal::run(&place, &[["-C", "prd1", "ptkt", "evaluate"].as_slice(), &who].concat());
    terminal.type_secret("ticket: ", ticket);
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains("valid: enhanced ticket") && !shown.contains(ticket), "{shown}");
}

#[test]
fn racf_commands_are_taken_at_a_ready_prompt() {
    let place = Place::with_system();
    let mut terminal = Terminal::run(&place, &["-C", "prd1", "racf"]);
    terminal.wait_for_prompt("READY");
    terminal.type_line("SETROPTS -");
    terminal.type_line("CLASSACT(APPL)");
    terminal.wait_for("ICH14063I");
    terminal.wait_for_prompt("READY");
    terminal.type_line("SETROPTZ");
    terminal.wait_for("is no command of this shell");
    terminal.wait_for_prompt("READY");
    terminal.type_line("end");
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "an error at the prompt is not one of the session: {shown}");
    assert!(place.prd1(&["status"]).ok().stdout.contains("APPL      active"));
}

#[test]
fn colour_is_for_terminals() {
    let place = Place::with_system();
    let (shown, _) = Terminal::run(&place, &["-C", "prd1", "status"]).end();
    assert!(shown.contains("\u{1b}["), "{shown}");
    let plain = place.prd1(&["status"]).ok().stdout;
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let without = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&shown, "").into_owned();
    assert_eq!(without, plain, "the same page");
}

#[test]
fn a_change_of_the_master_key_shows_how_far_it_is() {
    let place = Place::with_system();
    place.prd1(&["mk", "generate", "--kind", "both"]).ok();
    let (shown, status) = Terminal::run(&place, &["-C", "prd1", "mk", "change", "--kind", "both"]).end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains("1 of 1 records"), "{shown}");
    let quiet = place.prd1(&["ckds", "reencipher"]).ok();
    assert_eq!(quiet.stderr, "", "no progress where there is no terminal");
}

#[test]
fn an_export_is_not_thrown_at_a_terminal() {
    let place = Place::with_system();
    let (shown, status) = Terminal::run(&place, &["-C", "prd1", "ckds", "export", "-"]).end();
    assert_eq!(status, 2);
    assert!(shown.contains("an export is no text for a terminal"), "{shown}");
}

#[test]
fn master_keys_go_only_when_the_answer_is_yes() {
    let place = Place::with_system();
    let zeroize = ["-C", "prd1", "mk", "zeroize", "--kind", "both"];
    for (answer, expected) in [("y", 1), ("no", 1), ("", 1), ("yes", 0)] {
        let mut terminal = Terminal::run(&place, &zeroize);
        terminal.wait_for("zeroize it? yes or no: ");
        terminal.type_line(answer);
        let (shown, status) = terminal.end();
        assert_eq!(status, expected, "{shown}");
        let asked = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let says = "software engine loses the DES-MK, which 1 key of the CKDS is under, and the AES-MK, which 1 key of the \
                    CKDS is under";
        assert!(asked.contains(says), "{shown}");
        let held = place.prd1(&["mk", "show", "--json"]).ok().json();
        assert_eq!(held["des"]["current"].is_null() && held["aes"]["current"].is_null(), expected == 0, "{shown}");
    }
}
