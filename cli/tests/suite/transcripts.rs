//! Sessions at a shell, as a user has them: `tests/transcripts/*.txt`.
//!
//! A line that begins with `$ ` is typed into a shell that lives as long as the file; what follows is what it says, both
//! streams together, and at the end the exit status in brackets when it is not 0. Lines that begin with `#` are remarks.
//! What differs from run to run (patterns of master keys, tickets, times) is replaced by something of the same length.
//!
//! `SOFTICSF_TRANSCRIPTS=write cargo test` writes the files anew, to be read before they are committed.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::{Captures, Regex};

use crate::support::{Place, clean, program};

#[test]
fn tour() {
    check("tour.txt");
}

#[test]
fn keys() {
    check("keys.txt");
}

#[test]
fn master_keys() {
    check("master-keys.txt");
}

#[test]
fn pass_phrase() {
    check("pass-phrase.txt");
}

#[test]
fn errors() {
    check("errors.txt");
}

#[test]
fn operator() {
    check("operator.txt");
}

#[test]
fn kerberos() {
    check("kerberos.txt");
}

#[test]
fn console() {
    check("console.txt");
}

#[test]
fn journal() {
    check("journal.txt");
}

#[test]
fn administrators_day() {
    check("administrators-day.txt");
}

#[test]
fn recovery_site() {
    check("recovery-site.txt");
}

#[test]
fn unloads() {
    check("unloads.txt");
}

#[test]
fn scan() {
    check("scan.txt");
}

#[test]
fn drills() {
    check("drills.txt");
}

/// What the README shows in its `console` blocks: the drill, then the tour. A line `[...]` stands for any number of lines.
#[test]
fn readme() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let readme = readme.replace("cargo run --release -- ", "softicsf ");
    let mut blocks = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    shows(blocks.next().unwrap());
    shows(&blocks.collect::<String>());
}

fn shows(transcript: &str) {
    let got = replay(transcript);
    // The patterns of its master keys are others than ours.
    let shown = Steady::new(&Place::new()).text(transcript);
    for (shown, got) in shown.split("$ ").zip(got.split("$ ")) {
        let mut rest = got;
        for (n, part) in shown.split("[...]\n").enumerate() {
            let part = part.trim_end_matches('\n');
            let at = rest.find(part).filter(|at| n > 0 || *at == 0);
            let at = at.unwrap_or_else(|| panic!("the README shows\n\n{part}\n\nwhich is not in\n\n{rest}"));
            rest = &rest[at + part.len()..];
        }
        assert!(rest.trim().is_empty() || shown.trim_end().ends_with("[...]"), "the README lacks\n\n{rest}");
    }
}

const MARK: char = '\u{1e}';

fn check(name: &str) {
    check_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name), replay);
}

/// That `replay` answers the transcript in a file as it is.
pub(crate) fn check_file(path: &Path, replay: impl Fn(&str) -> String) {
    let name = path.display();
    let expected = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let got = replay(&expected);
    if std::env::var_os("SOFTICSF_TRANSCRIPTS").is_some_and(|how| how == "write") {
        fs::write(path, &got).unwrap();
        return;
    }
    let differs = expected.lines().zip(got.lines()).position(|(one, other)| one != other);
    if let Some(line) =
        differs.or_else(|| (expected != got).then_some(expected.lines().count().min(got.lines().count())))
    {
        let part = |text: &str| text.lines().skip(line.saturating_sub(3)).take(12).collect::<Vec<_>>().join("\n");
        panic!("{name}, line {}: expected\n\n{}\n\ngot\n\n{}\n", line + 1, part(&expected), part(&got));
    }
}

/// Types the commands of a transcript, and answers it as it is now.
fn replay(transcript: &str) -> String {
    let place = Place::new();
    let mut steady = Steady::new(&place);
    replay_in(&place, &[], transcript, |line, answer| {
        let answer = steady.text(answer);
        fits(line, &answer);
        answer
    })
}

/// The same in a place, with variables of the environment; what differs from run to run is replaced by `steady`.
pub(crate) fn replay_in(
    place: &Place,
    environment: &[(&str, String)],
    transcript: &str,
    mut steady: impl FnMut(&str, &str) -> String,
) -> String {
    let commands: Vec<&str> = transcript.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    let mut answers = run(place, environment, &commands).into_iter();
    let mut out = String::new();
    for line in transcript.lines() {
        if line.starts_with("$ ") {
            let (answer, status) = answers.next().unwrap();
            let answer = steady(line, &answer);
            out += &format!("{line}\n{answer}");
            if !answer.is_empty() && !answer.ends_with('\n') {
                out.push('\n');
            }
            if status != "0" {
                out += &format!("[{status}]\n");
            }
        } else if line.starts_with('#')
            || (line.is_empty() && (out.is_empty() || out.lines().last().is_some_and(|l| l.starts_with('#'))))
        {
            out += &format!("{line}\n");
        }
    }
    out
}

/// What a shell says to each of the commands, and the exit status of each.
pub(crate) fn run(place: &Place, environment: &[(&str, String)], commands: &[&str]) -> Vec<(String, String)> {
    let mut script = String::from("exec 2>&1\n");
    for command in commands {
        script += &format!("{command}\nprintf '{MARK}%d{MARK}' $?\n");
    }
    let script_file = place.join(".script");
    fs::File::create(&script_file).unwrap().write_all(script.as_bytes()).unwrap();
    let directory: PathBuf = program().parent().unwrap().to_owned();
    let mut shell = Command::new("sh");
    clean(&mut shell);
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let output = shell
        .arg(&script_file)
        .current_dir(place.path())
        .stdin(Stdio::null())
        .env("PATH", path)
        .env("LC_ALL", "C")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut parts = text.split(MARK).map(str::to_owned);
    let mut answers = Vec::new();
    while let (Some(answer), Some(status)) = (parts.next(), parts.next()) {
        answers.push((answer, status));
    }
    assert_eq!(answers.len(), commands.len(), "the shell ended early:\n{text}");
    answers
}

/// That lines fit a terminal of 80 columns, but for what others have written: RACF's messages and the marks in commands.
fn fits(command: &str, answer: &str) {
    let others = |line: &str| {
        line.starts_with("ICH") || line.contains(" | ") || line.contains(" --> ") || line.starts_with("error: ")
    };
    let wide = answer.lines().find(|line| line.chars().count() > 80 && !others(line));
    assert_eq!(wide, None, "{command}: more than 80 columns");
}

/// Replaces what differs from run to run.
pub(crate) struct Steady {
    place: String,
    patterns: HashMap<String, String>,
    rules: Vec<(Regex, &'static str)>,
    ticket: Regex,
    pattern: Regex,
}

impl Steady {
    pub(crate) fn new(place: &Place) -> Self {
        let rule = |regex: &str, steady| (Regex::new(regex).unwrap(), steady);
        Self {
            place: place.path().to_str().unwrap().to_owned(),
            patterns: HashMap::new(),
            rules: vec![
                rule(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2025-11-14T09:00:00Z"),
                rule(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2025-11-14 09:00:00"),
                rule(r"\d\d:\d\d:\d\d \d{4}-\d\d-\d\d", "09:00:00 2025-11-14"),
                rule(r"\d{4}-\d\d-\d\d\.jsonl", "2025-11-14.jsonl"),
                rule(r"\b\d s old", "0 s old"),
                rule(r"(IRR\.SSIGNON\.\w+)\.\d{8}\.\d{6}\.", "$1.11142025.090000."),
                rule(r"(CSFM668I|SIC300[89]I) \d\d\.\d\d\.\d\d", "$1 09.00.00"),
                rule(r"made \d s ago", "made 0 s ago"),
                rule(r"(CREATED|CONNECT-DATE)=\d\d\.\d{3}", "$1=25.318"),
            ],
            ticket: Regex::new(r"(?m)^[0-9A-Za-z_-]{8}$").unwrap(),
            pattern: Regex::new(r"\b[0-9A-F]{16}\b").unwrap(),
        }
    }

    /// The first pattern of a master key becomes sixteen As, the second sixteen Bs, and so on.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let text = text.replace(&self.place, "/tmp/sicABCDEF");
        let text = self.rules.iter().fold(text, |text, (regex, steady)| regex.replace_all(&text, *steady).into_owned());
        // A heading of RLIST has eight letters too.
        let headings = ["AUDITING", "--------"];
        let text = self.ticket.replace_all(&text, |found: &Captures<'_>| {
            if headings.contains(&&found[0]) { found[0].to_owned() } else { "TICKET..".to_owned() }
        });
        let patterns = &mut self.patterns;
        let replaced = self.pattern.replace_all(&text, |found: &Captures<'_>| {
            let next = u8::try_from(patterns.len()).unwrap();
            let letter = char::from(b'A' + next).to_string().repeat(16);
            patterns.entry(found[0].to_owned()).or_insert(letter).clone()
        });
        // A display that shows the beginning of a pattern comes after one that shows all of it.
        let begins = |text: String, (pattern, letter): (&String, &String)| text.replace(&pattern[..6], &letter[..6]);
        patterns.iter().fold(replaced.into_owned(), begins)
    }
}
