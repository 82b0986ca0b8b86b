//! A token as the engine, from one process after the other.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use icsf_core::backend::Etype;
use rustix::process::{Pid, Signal, kill_process};
use softhsm_fixtures::{Card, Ckr, Fault, Function, Token};

use crate::support::{Place, Ran, softicsf};

/// A place, a card, and the file with its PIN.
pub(crate) struct Setting {
    pub(crate) place: Place,
    pub(crate) card: Card,
    pub(crate) pin: String,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let (place, card) = (Place::new(), Card::new());
        let pin = place.secret("pin", card.user_pin().expose());
        Self { place, card, pin }
    }

    pub(crate) fn init(&self, pin: &[&str]) -> Ran {
        let module = self.card.module();
        let arguments = ["init", "prd1", "--backend", "pkcs11", "--generate-master-keys", "--sysname", "PRD1"];
        let token = ["--module", module.to_str().unwrap(), "--token", self.card.label()];
        self.place.run(&[&arguments[..], &token, pin].concat())
    }

    pub(crate) fn with_pin_file() -> Self {
        let setting = Self::new();
        setting.init(&["--pin-file", &setting.pin]).ok();
        setting
    }

    pub(crate) fn application(&self) {
        self.place.prd1(&["ckds", "add", "PTKT.TSOPRD1", "--type", "DES-DATA", "--generate"]).ok();
        self.place.prd1(&["ckds", "add", "PTKT.CICSP1", "--type", "HMAC-MAC", "--generate"]).ok();
        let commands = [
            "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
            "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYLABEL(PTKT.TSOPRD1))",
            "RDEFINE PTKTDATA CICSP1 SSIGNON(EPTKEYLABEL(PTKT.CICSP1))",
            "SETROPTS RACLIST(PTKTDATA) REFRESH",
        ];
        self.place.prd1(&[&["racf"], &commands[..]].concat()).ok();
    }

    pub(crate) fn ticket(&self, application: &str) -> Ran {
        self.place.prd1(&["ptkt", "generate", "--user", "IBMUSER", "--appl", application])
    }
}

fn unfolded(ran: &Ran) -> String {
    ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_card_is_pulled_and_put_back_between_commands() {
    let setting = Setting::with_pin_file();
    setting.application();
    let (card, place) = (&setting.card, &setting.place);
    for application in ["TSOPRD1", "CICSP1"] {
        setting.ticket(application).ok();
    }
    let status = place.prd1(&["engine", "status"]).ok().stdout;
    assert!(status.contains(&format!("pkcs11 {} ({}): online", card.label(), card.serial())), "{status}");
    let cards = place.prd1(&["console", "D ICSF,CARDS"]).ok().stdout;
    assert!(cards.contains("STATUS=Active") && cards.contains(card.serial()), "{cards}");

    card.pull();
    for (application, service) in [("TSOPRD1", "CSNBENC 12/0: "), ("CICSP1", "CSNBHMG 12/0: ")] {
        let ran = setting.ticket(application);
        assert_eq!(ran.status, 8, "{ran:?}");
        assert!(ran.stderr.contains("SAF 8/16/28") && ran.stderr.contains(service), "{ran:?}");
        assert!(unfolded(&ran).contains("no token is there"), "{ran:?}");
    }
    let json = place.prd1(&["engine", "status", "--json"]).ok().json();
    assert_eq!((&json["state"], &json["usable"]), (&"offline".into(), &false.into()));

    card.put_back();
    for application in ["TSOPRD1", "CICSP1"] {
        setting.ticket(application).ok();
    }
}

#[test]
fn known_answers_run_through_a_token_and_leave_nothing_in_it() {
    let setting = Setting::with_pin_file();
    let before = setting.place.prd1(&["mk", "show", "--json"]).ok().json();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let file = |name: &str| root.join("ptkt/vectors").join(name).to_str().unwrap().to_owned();
    let module = setting.card.module();
    let through = |files: &[&str]| {
        let token = ["--module", module.to_str().unwrap(), "--token", setting.card.label(), "--pin-file", &setting.pin];
        setting.place.run(&[&["kat", "--backend", "pkcs11"], &token[..], files].concat())
    };
    let ran = through(&[&file("passticket-legacy.json")]).ok();
    assert_eq!(ran.stdout.trim_end(), "374 passed, 0 failed");
    assert!(setting.card.calls().of(Function::EncryptUpdate) > 374, "by the calls that tickets take");
    // Keys longer than a block, of no whole number of 8 bytes, are not what a token is given: see docs/formats.md.
    let ran = through(&[&file("passticket-enhanced.json")]);
    assert_eq!((ran.status, ran.stdout.trim_end()), (1, "303 passed, 0 failed, 57 skipped"));
    assert_eq!(setting.place.prd1(&["mk", "show", "--json"]).ok().json(), before);
    setting.application();
    setting.ticket("TSOPRD1").ok();
}

/// What was tried before is told, and that the token could not be tidied up.
#[test]
fn known_answers_are_told_as_far_as_they_came_when_the_card_is_pulled() {
    let setting = Setting::with_pin_file();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let vectors = root.join("ptkt/vectors/passticket-legacy.json");
    let module = setting.card.module();
    let token = ["--module", module.to_str().unwrap(), "--token", setting.card.label(), "--pin-file", &setting.pin];
    for json in [false, true] {
        setting.card.inject(Fault::removal().on(Function::EncryptUpdate).from(500));
        let more: &[&str] = if json { &["--json"] } else { &[] };
        let kat = [&["kat", "--backend", "pkcs11", vectors.to_str().unwrap()], &token[..], more].concat();
        let ran = setting.place.run(&kat);
        assert_eq!(ran.status, 12, "{ran:?}");
        if json {
            let (passed, failed) = (ran.json()["passed"].as_u64().unwrap(), ran.json()["failed"].as_u64().unwrap());
            assert!(passed > 0 && failed > 0 && passed + failed == 374, "{passed} {failed}");
        } else {
            assert!(ran.stdout.contains("FAILED ") && ran.stdout.contains(" passed, "), "{ran:?}");
        }
        assert!(unfolded(&ran).contains("its master keys may still be in the token"), "{ran:?}");
        setting.card.heal();
        setting.card.put_back();
    }
}

#[test]
fn a_master_key_that_was_set_and_not_made_known_to_the_ckds_is_so_by_setting_it_again() {
    let setting = Setting::with_pin_file();
    let place = &setting.place;
    place.run(&["init", "two", "--backend", "none"]).ok();
    let on_two = |arguments: &[&str]| place.run(&[&["-C", "two"], arguments].concat());
    let module = setting.card.module();
    let token = ["--module", module.to_str().unwrap(), "--token", setting.card.label(), "--pin-file", &setting.pin];
    on_two(&[&["engine", "configure", "--backend", "pkcs11"], &token[..]].concat()).ok();
    on_two(&["mk", "generate", "--kind", "des"]).ok();
    // The first key that is made is one to see that it can be; the next is the one that authenticates the records.
    setting.card.inject(Fault::answer(Ckr::new(0x31)).on(Function::GenerateKey).from(2));
    assert_eq!(on_two(&["mk", "set", "--kind", "des"]).status, 12);
    setting.card.heal();
    let before = on_two(&["mk", "show", "--json"]).ok().json();
    assert!(before["des"]["current"].is_string(), "{before}");
    assert!(on_two(&["status", "--json"]).ok().json()["ckds"]["master_keys"]["des"].is_null());
    on_two(&["mk", "set", "--kind", "des"]).ok();
    assert_eq!(on_two(&["status", "--json"]).ok().json()["ckds"]["master_keys"]["des"], before["des"]["current"]);
    assert_eq!(on_two(&["mk", "set", "--kind", "des"]).status, 8, "there is no other");
}

#[test]
fn init_says_what_to_do_about_a_token_and_that_one_is_weak() {
    let setting = Setting::new();
    setting.card.pull();
    let ran = setting.init(&["--pin-file", &setting.pin, "--json"]);
    let error = &ran.json()["error"];
    assert!(error["message"].as_str().unwrap().ends_with("no token is there"), "{error}");
    assert!(error["next"][0].as_str().unwrap().contains("put it in, or check"), "{error}");
    setting.card.put_back();
    setting.card.leave_keys_readable();
    setting.card.inject(Fault::answer(Ckr::new(0x10)).on(Function::SetAttributeValue));
    let ran = setting.init(&["--pin-file", &setting.pin]);
    assert!(unfolded(&ran).contains("next: accept_weak_token = true"), "{ran:?}");
    let ran = setting.init(&["--pin-file", &setting.pin, "--accept-weak-token"]).ok();
    assert!(unfolded(&ran).contains("WEAK: the value of an opened key can be read"), "{ran:?}");
}

#[test]
fn the_pin_comes_from_where_it_is_named_and_is_never_shown() {
    let setting = Setting::new();
    let (place, card) = (&setting.place, &setting.card);
    let pin = card.user_pin().expose();
    // Nothing is recorded of a PIN from the environment.
    let module = card.module();
    let arguments =
        ["init", "prd1", "--backend", "pkcs11", "--module", module.to_str().unwrap(), "--token", card.label()];
    let made = Ran::from(softicsf(place.path()).args(arguments).env("SOFTICSF_PIN", pin).output().unwrap());
    let options = fs::read_to_string(place.join("prd1/softicsf.toml")).unwrap();
    assert!(!options.contains("pin") && !options.contains(pin), "{options}");
    let locked = place.prd1(&["mk", "generate", "--kind", "both"]);
    assert_eq!(locked.status, 12);
    assert!(locked.stderr.contains("engine is locked") && locked.stderr.contains("PIN"), "{locked:?}");
    let by_file = place.prd1(&["--pin-file", &setting.pin, "mk", "generate", "--kind", "both"]).ok();

    // A wrong PIN is told.
    let wrong = place.secret("wrong", "0000");
    let refused = place.prd1(&["--pin-file", &wrong, "mk", "set", "--kind", "both"]);
    assert_eq!(refused.status, 12);
    assert!(unfolded(&refused).contains("does not take the PIN"), "{refused:?}");
    let open = place.join("open");
    fs::write(&open, pin).unwrap();
    let readable = place.prd1(&["--pin-file", open.to_str().unwrap(), "mk", "set", "--kind", "both"]);
    assert_eq!(readable.status, 2);
    assert!(readable.stderr.contains("chmod 600"), "{readable:?}");
    place.prd1(&["--pin-file", &setting.pin, "mk", "set", "--kind", "both"]).ok();
    for ran in [made.ok(), locked, by_file, refused, readable] {
        assert!(!ran.all().contains(pin) && !ran.all().contains("0000\n"), "{ran:?}");
    }
}

#[test]
fn what_is_wrong_with_a_token_is_told_and_nothing_is_made() {
    let setting = Setting::new();
    let module = setting.card.module();
    let module = module.to_str().unwrap();
    let init = |arguments: &[&str]| {
        let ran = setting.place.run(&[&["init", "prd1", "--backend"], arguments].concat());
        assert!(!setting.place.join("prd1").exists());
        (ran.status, unfolded(&ran))
    };
    let pin = ["--pin-file", &setting.pin];
    let label = setting.card.label();
    let cases: [(&[&str], u8, &str); 6] = [
        (&["pkcs11", "--token", label], 2, "named by --module PATH and --token LABEL"),
        (&["software", "--token", label], 2, "go with --backend pkcs11"),
        (&["pkcs11", "--module", module, "--token", "no such"], 8, label),
        (&["pkcs11", "--module", "/etc/hosts", "--token", label], 8, "the module cannot be loaded"),
        (&["pkcs11", "--module", module, "--token", label, "--serial", "00"], 8, setting.card.serial()),
        (&["pkcs11", "--module", &setting.pin, "--token", label], 8, "the module cannot be loaded"),
    ];
    for (arguments, status, says) in cases {
        let (got, text) = init(&[arguments, &pin].concat());
        assert_eq!(got, i32::from(status), "{text}");
        assert!(text.contains(says), "{text}");
    }
    let (status, text) = init(&["pkcs11", "--module", module, "--token", label]);
    assert_eq!(status, 8, "{text}");
    assert!(text.contains("the PIN of the token is needed"), "{text}");
}

impl Setting {
    fn logins(&self) -> u64 {
        self.card.calls().of(Function::Login)
    }

    /// The arguments that name the token.
    fn kat(&self, files: &[&str]) -> Vec<String> {
        let module = self.card.module().to_str().unwrap().to_owned();
        let token = ["--module", &module, "--token", self.card.label(), "--pin-file", &self.pin];
        ["kat", "--backend", "pkcs11"].iter().chain(&token).chain(files).map(|word| (*word).to_owned()).collect()
    }

    fn vectors(&self) -> String {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        root.join("ptkt/vectors/passticket-legacy.json").to_str().unwrap().to_owned()
    }

    /// How many files the token has for its objects.
    fn objects(&self) -> usize {
        fn under(directory: &std::path::Path) -> usize {
            let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { under(&path) } else { usize::from(is_object(&path)) }).sum()
        }
        fn is_object(path: &std::path::Path) -> bool {
            path.extension().is_some_and(|end| end == "object") && path.file_stem().is_some_and(|stem| stem != "token")
        }
        under(self.card.module().parent().unwrap())
    }

    /// Starts a run of known answers, and waits until its master keys are in the token and it hangs in the use of a key.
    fn kat_that_hangs(&self) -> std::process::Child {
        // Not yet in what is tried of each token at first.
        self.card.inject(Fault::hang().on(Function::EncryptUpdate).from(200).times(1));
        let mut command = softicsf(self.place.path());
        command.args(self.kat(&[&self.vectors()])).stdout(Stdio::piped()).stderr(Stdio::piped());
        // One that is killed hangs for ever.
        let hang = self.card.hanging();
        let child = command.spawn().unwrap();
        assert!(self.card.wait_for_hanging(hang + 1, Duration::from_secs(60)));
        child
    }
}

/// Three commands with a wrong PIN file would lock many a token.
#[test]
fn a_wrong_pin_is_tried_once_by_all_commands_together_until_it_changes_or_the_operator_says_so() {
    let setting = Setting::with_pin_file();
    let right = fs::read_to_string(&setting.pin).unwrap();
    setting.place.secret("pin", "000000");
    let before = setting.logins();
    for number in 0..4 {
        let ran = setting.place.prd1(&["mk", "generate", "--kind", "both"]);
        assert_eq!((ran.status, setting.logins() - before), (12, 1), "{ran:?}");
        let says = if number == 0 { "does not take the PIN" } else { "has refused this PIN before" };
        assert!(unfolded(&ran).contains(says) && unfolded(&ran).contains("softicsf engine online"), "{ran:?}");
    }
    // Wherever it comes from: a file that is written anew, another file, the environment.
    setting.place.secret("pin", "000000\n");
    let other = setting.place.secret("other", "000000");
    for file in [&setting.pin, &other] {
        assert_eq!(setting.place.prd1(&["mk", "show", "--pin-file", file]).status, 12);
    }
    let by_environment = |pin: &str| {
        let mut command = softicsf(setting.place.path());
        Ran::from(command.args(["-C", "prd1", "mk", "show"]).env("SOFTICSF_PIN", pin).output().unwrap())
    };
    assert_eq!(by_environment("000000").status, 12);
    // An empty one is none at all.
    let empty = by_environment("");
    assert!(empty.status == 12 && unfolded(&empty).contains("the PIN of the token is empty"), "{empty:?}");
    assert_eq!(setting.logins() - before, 1);
    let noted = fs::read_to_string(setting.place.join("prd1/engine.token.refused")).unwrap();
    assert!(!noted.contains("000000"), "{noted}");

    // The operator has it tried once more, and no more often.
    assert_eq!(setting.place.prd1(&["engine", "online"]).status, 4);
    assert_eq!(setting.place.prd1(&["engine", "status"]).status, 0);
    assert_eq!(setting.logins() - before, 2);
    // Another PIN is tried; the right one ends it.
    setting.place.secret("pin", "111111");
    assert_eq!(setting.place.prd1(&["mk", "show"]).status, 12);
    assert_eq!(setting.logins() - before, 3);
    setting.place.secret("pin", &right);
    setting.place.prd1(&["mk", "show"]).ok();
    assert!(!setting.place.join("prd1/engine.token.refused").exists());
    // Whoever chooses the token once more gives its PIN anew.
    let module = setting.card.module();
    let token = ["--module", module.to_str().unwrap(), "--token", setting.card.label(), "--pin-file", &other];
    let before = setting.logins();
    for _ in 0..2 {
        let again = setting.place.prd1(&[&["engine", "configure", "--backend", "pkcs11"], &token[..]].concat());
        assert_eq!(again.status, 8, "{again:?}");
    }
    assert_eq!(setting.logins() - before, 2);
    setting.place.prd1(&["mk", "show"]).ok();
}

#[test]
fn of_commands_that_begin_at_once_one_tries_a_wrong_pin() {
    let setting = Setting::with_pin_file();
    setting.place.secret("pin", "000000");
    let before = setting.logins();
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command = softicsf(setting.place.path());
            command.args(["-C", "prd1", "mk", "show"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(12));
    }
    assert_eq!(setting.logins() - before, 1);
}

/// SoftHSM reads the file of a token while another process writes it at a login, and finds a token that is not initialized:
/// of commands that did not wait for each other three in a hundred did.
#[test]
fn of_commands_that_begin_at_once_all_find_the_token() {
    let setting = Setting::with_pin_file();
    for _ in 0..8 {
        let start = || {
            let mut command = softicsf(setting.place.path());
            command.args(["-C", "prd1", "mk", "show"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = (0..8).map(|_| start()).collect();
        for child in children {
            Ran::from(child.wait_with_output().unwrap()).ok();
        }
    }
}

/// SoftHSM alone does not see a token directory that comes back: the program starts the module again, as it is its own.
#[test]
fn a_running_command_sees_a_token_directory_go_and_come_back() {
    let (place, token) = (Place::new(), Token::isolated());
    let pin = place.secret("pin", token.user_pin().expose());
    let (name, conf) = token.library().environment();
    let softhsm = || {
        let mut command = softicsf(place.path());
        command.env(name, &conf);
        command
    };
    let mut init = softhsm();
    init.args(["init", "prd1", "--backend", "pkcs11", "--generate-master-keys", "--token", token.label()]);
    Ran::from(init.arg("--module").arg(token.module()).args(["--pin-file", &pin]).output().unwrap()).ok();

    let mut console = softhsm();
    console.args(["-C", "prd1", "console", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut console = console.spawn().unwrap();
    let mut commands = console.stdin.take().unwrap();
    // It is read one line after the other: what was done before a command is written is done before it is carried out.
    let mut ask = |command: &str, done: &str| {
        writeln!(commands, "{command}").unwrap();
        let began = Instant::now();
        let journal = || place.prd1(&["journal", "--json"]).stdout;
        while !journal().contains(done) {
            assert!(began.elapsed() < Duration::from_secs(20), "{command}: {}", journal());
            thread::sleep(Duration::from_millis(20));
        }
    };
    let directory = token.module().with_file_name("tokens");
    let away = directory.with_extension("away");
    ask("SETICSF DISABLE,CKDS", "disable-updates");
    fs::rename(&directory, &away).unwrap();
    ask("D ICSF,CARDS", "lost");
    fs::rename(&away, &directory).unwrap();
    ask("D ICSF,CARDS", "back");
    drop(commands);
    let ran = Ran::from(console.wait_with_output().unwrap()).ok();
    let answers = ran.json()["commands"].to_string();
    let (gone, back) = (answers.find("STATUS=Offline").unwrap(), answers.find("STATUS=Active").unwrap());
    assert!(gone < back, "{answers}");
}

/// The PIN is right when the system is opened, and another one is set by the time the session is lost.
#[test]
fn a_pin_that_is_refused_later_is_remembered_too() {
    let setting = Setting::with_pin_file();
    let mut command = softicsf(setting.place.path());
    command.args(["-C", "prd1", "racf"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut commands = child.stdin.take().unwrap();
    let define = |commands: &mut std::process::ChildStdin, name: &str| {
        writeln!(commands, "RDEFINE PTKTDATA {name} SSIGNON(KEYENCRYPTED(E001193519561977))").unwrap();
    };
    define(&mut commands, "A1");
    while !setting.place.join("prd1/racf.db").exists()
        || !setting.place.prd1(&["racf", "RLIST PTKTDATA A1"]).stdout.contains("A1")
    {
        thread::sleep(Duration::from_millis(20));
    }
    let fault = Fault::answer(Ckr::PIN_INCORRECT).on(Function::Login);
    setting.card.inject(fault);
    setting.card.pull();
    setting.card.put_back();
    let before = setting.logins();
    define(&mut commands, "A2");
    drop(commands);
    assert!(!child.wait_with_output().unwrap().status.success());
    assert_eq!(setting.place.prd1(&["mk", "show"]).status, 12);
    assert_eq!(setting.logins() - before, 1);
    setting.card.heal();
    setting.place.prd1(&["engine", "online"]).ok();
}

#[test]
fn known_answers_that_are_interrupted_leave_nothing_in_the_token() {
    let setting = Setting::with_pin_file();
    let before = setting.objects();
    let child = setting.kat_that_hangs();
    assert_eq!(setting.objects(), before + 2, "its master keys");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    thread::sleep(Duration::from_millis(100));
    setting.card.release();
    let output = child.wait_with_output().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(setting.objects(), before);
}

#[test]
fn what_killed_runs_of_known_answers_leave_is_removed_by_the_next_and_nothing_else() {
    let setting = Setting::with_pin_file();
    let masters = setting.place.prd1(&["mk", "show", "--json"]).ok().json();
    let before = setting.objects();
    for _ in 0..2 {
        let mut killed = setting.kat_that_hangs();
        killed.kill().unwrap();
        killed.wait().unwrap();
        setting.card.heal();
    }
    // The first left them, and the second removed those and left its own.
    assert_eq!(setting.objects(), before + 2);
    // Another token is not touched, nor is what it would find there.
    let other = Setting::new();
    let state = |command: &mut std::process::Command| {
        Ran::from(command.env("XDG_STATE_HOME", setting.place.join(".state")).output().unwrap())
    };
    let ran = state(softicsf(other.place.path()).args(other.kat(&[&other.vectors()]))).ok();
    assert!(!ran.stderr.contains("removed"), "{ran:?}");
    assert_eq!((setting.objects(), other.objects()), (before + 2, 0));
    // One that is alive is not touched either, while another runs from beginning to end: not as far as to hang as well.
    let alive = setting.kat_that_hangs();
    assert_eq!(setting.objects(), before + 2, "those of the living one");
    let mut few: serde_json::Value = serde_json::from_str(&fs::read_to_string(setting.vectors()).unwrap()).unwrap();
    few["cases"].as_array_mut().unwrap().truncate(5);
    let file = setting.place.secret("few.json", &few.to_string());
    let ran = setting.place.run(&setting.kat(&[&file]).iter().map(String::as_str).collect::<Vec<_>>()).ok();
    assert_eq!((ran.stdout.trim_end(), ran.stderr.as_str()), ("5 passed, 0 failed", ""));
    assert_eq!(setting.objects(), before + 2);
    setting.card.release();
    let alive = alive.wait_with_output().unwrap();
    assert!(alive.status.success(), "{alive:?}");
    assert!(String::from_utf8_lossy(&alive.stderr).contains("the master keys of 1 run that was killed"), "{alive:?}");
    assert_eq!(setting.objects(), before);
    assert_eq!(setting.place.prd1(&["mk", "show", "--json"]).ok().json(), masters);
    assert_eq!(fs::read_dir(setting.place.join(".state/softicsf")).unwrap().count(), 0);
}

#[test]
fn master_keys_are_removed_from_a_token_on_purpose() {
    let setting = Setting::with_pin_file();
    setting.application();
    let before = setting.objects();
    let asked = setting.place.prd1(&["mk", "zeroize", "--kind", "both"]);
    assert_eq!((asked.status, setting.objects()), (2, before), "{asked:?}");
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    setting.ticket("TSOPRD1").ok();
    let zeroized = setting.place.prd1(&["mk", "zeroize", "--kind", "des", "--yes"]).ok();
    assert!(unfolded(&zeroized).contains("has lost the DES-MK, which 1 key of the CKDS is under"), "{zeroized:?}");
    assert_eq!(setting.objects(), before - 1);
    assert_eq!(setting.ticket("TSOPRD1").status, 8);
    setting.ticket("CICSP1").ok();
    setting.place.prd1(&["mk", "zeroize", "--kind", "both", "--yes"]).ok();
    assert_eq!((setting.objects(), setting.ticket("CICSP1").status), (0, 8));
}

#[test]
fn about_backends_tells_of_the_token_of_the_system_or_what_it_takes_to_try_one() {
    let setting = Setting::with_pin_file();
    let page = |ran: Ran| ran.ok().stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let none = page(setting.place.run(&["about", "backends"]));
    assert!(none.contains("pkcs11 a PKCS#11 token") && none.contains("apt-get install softhsm2"), "{none}");
    let its_own = page(setting.place.prd1(&["about", "backends"]));
    let token = format!("the token pkcs11 {} ({}) of the system: online", setting.card.label(), setting.card.serial());
    assert!(its_own.contains(&format!("{token} yes DES")), "{its_own}");
    setting.card.pull();
    let away = page(setting.place.prd1(&["about", "backends"]));
    assert!(away.contains("of the system: offline: ") && away.contains("no token is there"), "{away}");
    setting.card.put_back();
    let module = setting.card.module();
    let named = ["--module", module.to_str().unwrap(), "--token", setting.card.label(), "--pin-file", &setting.pin];
    let named = page(setting.place.run(&[&["about", "backends"], &named[..]].concat()));
    assert!(named.contains(&format!("in {} yes DES", module.display())), "{named}");
    let elsewhere = setting.place.run(&["-C", "nowhere", "about", "backends"]);
    assert_eq!(elsewhere.status, 12, "{elsewhere:?}");
    assert_eq!(setting.place.run(&["about", "licences", "-C", "prd1"]).status, 2);
}

/// The ceremony of three officers, each with a part that nobody else knows, in a process of his own.
#[test]
fn the_same_parts_give_the_same_master_keys_in_software_and_on_a_token() {
    let setting = Setting::new();
    let (place, module) = (&setting.place, setting.card.module());
    place.run(&["init", "soft", "--sysname", "SOFT"]).ok();
    let token = ["--module", module.to_str().unwrap(), "--token", setting.card.label(), "--pin-file", &setting.pin];
    place.run(&[&["init", "card", "--sysname", "CARD", "--backend", "pkcs11"], &token[..]].concat()).ok();
    let parts = [("first", "11"), ("middle", "a7"), ("middle", "0f"), ("final", "c4")];
    let files = parts.map(|(part, byte)| (part, place.secret(&format!("{part}-{byte}"), &byte.repeat(32))));
    for kind in ["des", "aes"] {
        for system in ["soft", "card"] {
            let mk = |arguments: &[&str]| place.run(&[&["-C", system, "mk"], arguments].concat());
            for (number, (part, file)) in files.iter().enumerate() {
                let ran = mk(&["load", "--kind", kind, "--part", part, "--from", file]).ok();
                let says = if number == 3 { "full, pattern" } else { "partial" };
                assert!(ran.stdout.contains(says), "{ran:?}");
                // Out of turn, a part is refused and changes nothing.
                let again = mk(&["load", "--kind", kind, "--part", "first", "--from", file]);
                assert_eq!(again.status, 8, "{again:?}");
            }
            mk(&["set", "--kind", kind]).ok();
        }
    }
    let shown = ["soft", "card"].map(|system| place.run(&["-C", system, "mk", "show", "--json"]).ok().json());
    assert_eq!(shown[0], shown[1]);
    assert!(shown[0].to_string().contains("current"), "{}", shown[0]);
}

#[test]
fn what_a_token_does_not_forbid_a_master_key_is_told_by_who_tries_it() {
    const ATTRIBUTE_TYPE_INVALID: Ckr = Ckr::new(0x12);
    let setting = Setting::new();
    let (place, card, module) = (&setting.place, &setting.card, setting.card.module());
    let token = ["--module", module.to_str().unwrap(), "--token", card.label(), "--pin-file", &setting.pin];
    let about =
        || place.run(&[&["about", "backends", "--json"], &token[..]].concat()).ok().json()["backends"][2].clone();
    let quirks = |about: &serde_json::Value| about["quirks"].as_array().unwrap().len();
    let before = about();
    // The first key that is made is one for HMAC, to see that it can be; the next is the master key, tried again with less.
    card.inject(Fault::answer(ATTRIBUTE_TYPE_INVALID).on(Function::GenerateKey).from(2).times(1));
    let after = about();
    assert_eq!(quirks(&after), quirks(&before) + 1);
    assert!(after.to_string().contains("it does not restrict a master key to one mechanism"), "{after}");
    assert_eq!(about(), before);
    // And by who makes one of a system.
    card.heal();
    setting.init(&["--pin-file", &setting.pin]).ok();
    for (refusals, told) in [(0, false), (1, true)] {
        card.inject(Fault::answer(ATTRIBUTE_TYPE_INVALID).on(Function::GenerateKey).from(2).times(refusals));
        let made = place.prd1(&["mk", "generate", "--kind", "aes"]).ok();
        let says = "it does not restrict a master key to one mechanism: new AES-MK";
        assert_eq!(unfolded(&made).contains(says), told, "{made:?}");
        card.heal();
        place.prd1(&["mk", "clear", "--kind", "aes"]).ok();
    }
}

/// Adds the keys of two principals, and opens the system as an embedder does for that.
fn principals(setting: &Setting) {
    let system = softicsf::System::open(&setting.place.join("prd1")).unwrap();
    for (label, etype) in [("SICKRB.ONE.E18.V1", Etype::Aes256Sha1), ("SICKRB.TWO.E20.V1", Etype::Aes256Sha2)] {
        system.icsf().add_kerberos_key(&label.parse().unwrap(), etype, None).unwrap();
    }
}

#[test]
fn the_policy_of_keys_in_the_process_is_set_shown_and_kept() {
    let setting = Setting::with_pin_file();
    let place = &setting.place;
    let places = || {
        let json = place.prd1(&["engine", "status", "--json"]).ok().json();
        let kerberos = json["capabilities"]["kerberos"].as_array().unwrap().clone();
        kerberos.iter().map(|one| format!("{} {}", one["etype"], one["place"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(places(), ["17 none", "18 engine", "19 none", "20 none"]);
    let words = |arguments: &[&str]| {
        let ran = place.prd1(arguments).ok();
        ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(words(&["engine", "status"]).contains("Kerberos 18 in the engine"));
    let told = words(&["engine", "configure", "--host-keys", "allow"]);
    assert!(told.contains("Kerberos 17 19 20 in this process"), "{told}");
    assert_eq!(places(), ["17 host", "18 engine", "19 host", "20 host"]);
    principals(&setting);
    for verb in [&["status"][..], &["engine", "status"], &["console", "D ICSF,CARDS"]] {
        let shown = words(verb);
        assert!(shown.contains("WEAK") && shown.to_lowercase().contains("host_keys = allow"), "{verb:?}: {shown}");
    }
    let listed = place.prd1(&["ckds", "list"]).ok().stdout;
    assert!(listed.contains("SICKRB.ONE.E18.V1  DKYGENKY  AES 32    AES-MK "), "{listed}");
    let shown = place.prd1(&["ckds", "show", "SICKRB.TWO.E20.V1"]).ok().stdout;
    assert!(shown.contains("key          AES, 32 bytes, of Kerberos: aes256-cts-hmac-sha384-192\n"), "{shown}");
    assert!(!shown.contains("check value"), "{shown}");
    let json = place.prd1(&["ckds", "show", "SICKRB.TWO.E20.V1", "--json"]).ok().json();
    assert_eq!((&json["etype"], &json["algorithm"], &json["check_value"]), (&20.into(), &"AES".into(), &().into()));
    place.prd1(&["ckds", "verify"]).ok();

    // What is there already cannot be used any more, and is named; what there would be is refused.
    let told = words(&["engine", "configure", "--host-keys", "forbid"]);
    assert!(told.contains("host_keys = forbid, and cannot use 1 key: SICKRB.TWO.E20.V1"), "{told}");
    let json = place.prd1(&["engine", "status", "--json"]).ok().json();
    assert_eq!(json["unusable_keys"][0]["name"], "SICKRB.TWO.E20.V1");
    let system = softicsf::System::open(&place.join("prd1")).unwrap();
    let error = system.icsf().kerberos_key(&"SICKRB.TWO.E20.V1".parse().unwrap()).map(drop).unwrap_err();
    assert!(error.cause().why().contains("host_keys = forbid"), "{error}");
    system.icsf().kerberos_key(&"SICKRB.ONE.E18.V1".parse().unwrap()).unwrap();
    // The next process goes by it, and so does one that is open meanwhile.
    place.prd1(&["engine", "configure", "--host-keys", "allow"]).ok();
    system.icsf().kerberos_key(&"SICKRB.TWO.E20.V1".parse().unwrap()).unwrap();

    for (arguments, says) in [
        (&["engine", "configure"][..], "--backend"),
        (
            &["engine", "configure", "--token", "x", "--host-keys", "allow"],
            "another token is chosen by --backend pkcs11",
        ),
        (&["engine", "configure", "--backend", "software", "--host-keys", "allow"], "go with --backend pkcs11"),
    ] {
        let ran = place.prd1(arguments);
        assert!(ran.status == 2 && unfolded(&ran).contains(says), "{ran:?}");
    }
    place.prd1(&["engine", "configure", "--backend", "software"]).ok();
    let ran = place.prd1(&["engine", "configure", "--host-keys", "allow"]);
    assert!(ran.status != 0 && unfolded(&ran).contains("the engine of the system is no token"), "{ran:?}");
}
