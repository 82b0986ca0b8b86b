//! Commands that are told to end while they are inside a token: SoftHSM writes the file of its token anew at each login, in
//! place, and a process that ended then left it empty, without the master keys.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use softhsm_fixtures::{Fault, Function};

use crate::support::softicsf;
use crate::token::Setting;

/// How many commands are interrupted.
const ROUNDS: u32 = 150;
const LONG: Duration = Duration::from_secs(60);
/// What a command says that cannot end yet.
const WAITS: &str = "waiting for the token";

fn start(setting: &Setting, arguments: &[&str]) -> Child {
    let mut command = softicsf(setting.place.path());
    command.args(["-C", "prd1"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn tell(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// What the process still said, if it came to an end soon.
fn ended(child: Child) -> Output {
    let began = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed() < LONG, "{output:?}");
    output
}

/// Until it has a handler for Ctrl-C: what came before that would say nothing.
fn until_it_takes_signals(child: &Child) {
    let began = Instant::now();
    let takes = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (Signal::INT.as_raw() - 1)) != 0
    };
    while !takes() {
        assert!(began.elapsed() < LONG);
        thread::sleep(Duration::from_millis(5));
    }
}

fn until_it_hangs(setting: &Setting) {
    assert!(setting.card.wait_for_hanging(1, LONG));
}

#[test]
fn at_any_moment_and_the_token_is_as_usable_as_before() {
    let setting = Setting::with_pin_file();
    setting.application();
    let commands: [&[&str]; 3] =
        [&["status"], &["ptkt", "generate", "--user", "IBMUSER", "--appl", "TSOPRD1"], &["engine", "status"]];
    // How long one takes, and with that when it may be interrupted.
    let once = || {
        let began = Instant::now();
        setting.place.prd1(commands[0]).ok();
        began.elapsed()
    };
    let whole = (0..5).map(|_| once()).min().unwrap();
    let mut killed = 0;
    for round in 0..ROUNDS {
        let command = commands[round as usize % commands.len()];
        let child = start(&setting, command);
        // Every moment between begin and end comes up, in an order that mixes them.
        thread::sleep(whole * ((round * 67) % ROUNDS) / ROUNDS);
        tell(&child, [Signal::TERM, Signal::INT, Signal::HUP][round as usize / 3 % 3]);
        let output = ended(child);
        killed += u32::from(output.status.signal().is_some());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || output.status.signal().is_some(), "round {round}: {output:?}");
        // On a busy machine a login may take as long as that.
        assert!(stderr.is_empty() || stderr.contains(WAITS), "round {round}: {stderr}");
        setting.ticket("TSOPRD1").ok();
    }
    println!("{killed} of {ROUNDS} ended by the signal");
    assert!(killed > ROUNDS / 10, "{killed}");
}

#[test]
fn within_a_login_it_ends_after_that_by_the_signal_it_was_sent() {
    let setting = Setting::with_pin_file();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        setting.card.inject(Fault::hang().on(Function::Login).times(1));
        let mut child = start(&setting, &["engine", "status"]);
        until_it_hangs(&setting);
        // As `timeout` does: twice in one moment is once.
        tell(&child, signal);
        tell(&child, signal);
        thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "it ended within the login");
        setting.card.release();
        let output = ended(child);
        assert_eq!(output.status.signal(), Some(signal.as_raw()), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        setting.card.heal();
        setting.place.prd1(&["mk", "show"]).ok();
    }
}

#[test]
fn a_token_that_hangs_is_left_when_asked_once_more() {
    let setting = Setting::with_pin_file();
    setting.card.inject(Fault::hang().on(Function::Login).times(1));
    let mut child = start(&setting, &["engine", "status"]);
    until_it_hangs(&setting);
    tell(&child, Signal::INT);
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = talk.next().unwrap().unwrap();
    assert!(said.contains(WAITS), "{said}");
    tell(&child, Signal::INT);
    assert_eq!(ended(child).status.signal(), Some(Signal::INT.as_raw()));
    let said = talk.next().unwrap().unwrap();
    assert!(said.contains("may be damaged"), "{said}");
    setting.card.heal();
    setting.place.prd1(&["mk", "show"]).ok();
}

#[test]
fn outside_a_token_it_ends_at_once_and_what_is_ignored_stays_so() {
    let setting = Setting::with_pin_file();
    // It waits for commands that do not come.
    let mut command = softicsf(setting.place.path());
    command.args(["-C", "prd1", "racf"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    until_it_takes_signals(&child);
    tell(&child, Signal::TERM);
    // Its input stays open meanwhile.
    assert_eq!(ended_reading(child).status.signal(), Some(Signal::TERM.as_raw()));

    let mut command = std::process::Command::new("nohup");
    command.arg(crate::support::program()).args(["-C", "prd1", "racf"]).current_dir(setting.place.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    until_it_takes_signals(&child);
    tell(&child, Signal::HUP);
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "nohup says that it is to stay");
    drop(child.stdin.take());
    assert!(ended(child).status.success());
}

fn ended_reading(mut child: Child) -> Output {
    let open = child.stdin.take();
    let output = ended(child);
    drop(open);
    output
}

/// A drill by the clock of the machine lasts; who ends it early gets the report of what was done by then.
#[test]
fn a_drill_that_is_interrupted_tells_what_came_before() {
    let place = tempfile::tempdir().unwrap();
    let text = icsf_drill::gallery::GALLERY.iter().find(|drill| drill.name == "class-inactive").unwrap().text;
    fs::write(place.path().join("drill.toml"), text).unwrap();
    let mut command = softicsf(place.path());
    let command = command.args(["drill", "run", "drill.toml", "--wall-clock", "--report", "out"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_it_takes_signals(&child);
    tell(&child, Signal::INT);
    let output = ended(child);
    assert_eq!(output.status.signal(), Some(Signal::INT.as_raw()), "{output:?}");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("INTERRUPTED: no later step was tried."), "{output:?}");
    let json = fs::read_to_string(place.path().join("out/report.json")).unwrap();
    assert!(json.contains("\"status\": \"interrupted\""), "{json}");
}
