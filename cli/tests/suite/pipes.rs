//! Readers that go away, and places that are full.

use std::fs::File;
use std::io::{Write, pipe};
use std::process::Stdio;

use crate::support::{Place, softicsf};

/// `softicsf ... | head -0`, without the race between the two.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::with_system();
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../ptkt/vectors/passticket-legacy.json");
    let lines: [&[&str]; 11] = [
        &["--help"],
        &["about", "codes"],
        &["about", "licences", "--json"],
        &["completions", "bash"],
        &["kat", vectors],
        &["-C", "prd1", "status"],
        &["-C", "prd1", "ckds", "list", "--json"],
        &["-C", "prd1", "ckds", "export", "-"],
        &["-C", "prd1", "racf", "RLIST PTKTDATA *"],
        &["-C", "prd1", "ptkt", "explain", "--user", "IBMUSER", "--appl", "CICSP1"],
        &["-C", "prd1", "ptkt", "generate", "--user", "IBMUSER", "--appl", "CICSP1"],
    ];
    for arguments in lines {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = softicsf(place.path()).args(arguments).stdout(writer).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(!String::from_utf8(output.stderr).unwrap().contains("softicsf:"), "{arguments:?}");
    }
}

/// What was asked for is done all the same: somebody who does not read the listing still wants the profile.
#[test]
fn work_goes_on_when_nobody_reads() {
    let place = Place::with_system();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let commands = ["RLIST PTKTDATA *", "RDEFINE PTKTDATA LATER"];
    let output = softicsf(place.path()).args(["-C", "prd1", "racf"]).args(commands).stdout(writer).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    place.prd1(&["racf", "RLIST PTKTDATA LATER"]).ok();
}

/// The exit status stays what it is: a verb that fails does so whoever reads.
#[test]
fn a_failure_stays_one() {
    let place = Place::with_system();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = softicsf(place.path());
    command.args(["-C", "prd1", "ckds", "show", "NO.SUCH", "--json"]).stdout(writer);
    assert_eq!(command.output().unwrap().status.code(), Some(8));
}

#[test]
fn talk_that_nobody_reads_is_no_error() {
    let place = Place::new();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let ran = softicsf(place.path()).args(["init", "prd1"]).stdout(Stdio::null()).stderr(writer).status().unwrap();
    assert!(ran.success());
}

/// A ticket that could not be written was not given to anybody.
#[test]
fn a_full_disk_is_an_error() {
    let place = Place::with_system();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = softicsf(place.path());
    command.args(["-C", "prd1", "ptkt", "generate", "--user", "IBMUSER", "--appl", "CICSP1"]).stdout(full);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(12));
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard output cannot be written"));
}

/// A drill has exit statuses of its own, and one of them is for this.
#[test]
fn a_drill_whose_report_cannot_be_written_could_not_be_run() {
    let place = Place::with_system();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for arguments in
        [&["drill", "run", "class-inactive"][..], &["drill", "list"], &["drill", "run", "class-inactive", "--json"]]
    {
        let output = softicsf(place.path()).args(arguments).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("standard output cannot be written"));
    }
}

/// An export is there whole, or not at all; what was there before stays.
#[test]
fn an_export_that_fails_leaves_nothing_behind() {
    let place = Place::with_system();
    File::create(place.join("old.ckds")).unwrap().write_all(b"old").unwrap();
    std::fs::remove_file(place.join("prd1/ckds.db")).unwrap();
    assert_eq!(place.prd1(&["ckds", "export", "--force", "old.ckds"]).status, 12);
    assert_eq!(std::fs::read(place.join("old.ckds")).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2, "the system and the old export");
}
