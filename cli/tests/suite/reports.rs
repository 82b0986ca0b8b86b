//! `drill run --report` and `--compare`: all files or none, and the exit status is that of the run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{Place, Ran};

const FILES: [&str; 4] = ["junit.xml", "report.html", "report.json", "report.txt"];

/// What is in a directory.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.filter(|path| path.is_file()).map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

fn run(place: &Place, drill: &str, options: &[&str]) -> Ran {
    place.run(&[&["drill", "run", drill], options].concat())
}

#[test]
fn four_files_are_written_and_older_ones_replaced() {
    let place = Place::new();
    let ran = run(&place, "no-crypto-card", &["--report", "deep/reports"]).ok();
    let written = files(&place.join("deep/reports"));
    assert_eq!(written.keys().collect::<Vec<_>>(), FILES);
    assert_eq!(written["report.txt"], ran.stdout);
    for name in FILES {
        assert!(ran.stderr.contains(&format!("deep/reports/{name} is written")), "{ran:?}");
        fs::write(place.join("deep/reports").join(name), "old").unwrap();
    }
    fs::write(place.join("deep/reports/other"), "stays").unwrap();
    run(&place, "no-crypto-card", &["--report", "deep/reports"]).ok();
    let mut again = files(&place.join("deep/reports"));
    assert_eq!(again.remove("other").as_deref(), Some("stays"));
    assert_eq!(again, written);
}

#[test]
fn what_cannot_be_written_is_named_and_nothing_is_half_there() {
    let place = Place::new();
    fs::write(place.join("file"), "a file").unwrap();
    fs::create_dir_all(place.join("taken/report.html")).unwrap();
    fs::write(place.join("taken/report.json"), "old").unwrap();
    for (directory, named) in [
        ("file", "--report file: "),
        ("file/below", "--report file/below: "),
        ("taken", "--report taken/report.html: "),
    ] {
        let ran = run(&place, "no-crypto-card", &["--report", directory]);
        assert_eq!((ran.status, ran.stdout.as_str()), (4, ""), "{ran:?}");
        assert!(ran.stderr.contains(named), "{ran:?}");
    }
    let left = files(&place.join("taken"));
    assert_eq!(left, BTreeMap::from([("report.json".to_owned(), "old".to_owned())]));
}

#[test]
fn a_report_is_compared_with_one_of_the_same_drill() {
    let place = Place::new();
    let text = run_show(&place);
    run(&place, "no-crypto-card", &["--report", "old"]).ok();
    let same = run(&place, "no-crypto-card", &["--compare", "old/report.json", "--report", "new"]).ok();
    for what in ["better", "WORSE", "other"] {
        assert!(same.stdout.contains(&format!("  {what:<8} nothing\n")), "{same:?}");
    }
    // Worse, and as its own file expects: that is exit status 0.
    fs::write(place.join("late.toml"), text.replace("\"+32m\"", "\"+52m\"")).unwrap();
    let late = run(&place, "late.toml", &["--compare", "old/report.json"]).ok();
    assert!(late.stdout.contains("  WORSE    TSO is restored after 47 min, before after 27 min\n"), "{late:?}");
    // Deviated, and in nothing else worse: 1.
    fs::write(place.join("wrong.toml"), text.replace("saf = \"8/16/28\"", "saf = \"8/16/32\"")).unwrap();
    let wrong = run(&place, "wrong.toml", &["--compare", "new/report.json"]);
    assert_eq!(wrong.status, 1, "{wrong:?}");
    assert!(wrong.stdout.contains("  WORSE    step tso-without-card deviates"), "{wrong:?}");
}

fn run_show(place: &Place) -> String {
    place.run(&["drill", "show", "no-crypto-card"]).ok().stdout
}

#[test]
fn what_cannot_be_compared_with_is_refused_before_anything_is_run() {
    let place = Place::new();
    run(&place, "no-crypto-card", &["--report", "old"]).ok();
    let report = fs::read_to_string(place.join("old/report.json")).unwrap();
    fs::write(place.join("ancient.json"), report.replacen("\"schema\": 2", "\"schema\": 1", 1)).unwrap();
    fs::write(place.join("other.json"), report.replacen("NO-CRYPTO-CARD", "OTHER", 1)).unwrap();
    fs::write(place.join("none.json"), "{}").unwrap();
    for (old, why) in [
        ("ancient.json", "a report of schema 1, written by an older release"),
        ("other.json", "a report of drill OTHER, and this is drill NO-CRYPTO-CARD"),
        ("none.json", "no report of a drill: it has no field schema"),
        ("old/junit.xml", "no report of a drill: expected value"),
        ("nowhere.json", "No such file or directory"),
    ] {
        let ran = run(&place, "no-crypto-card", &["--compare", old, "--report", "new"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        let words = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!("drill run: --compare {old}: {why}")), "{ran:?}");
        assert!(!place.join("new").exists(), "{old}");
    }
}
