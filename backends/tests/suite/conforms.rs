//! Every engine here conforms, and the suite finds those that do not.

use std::cell::Cell;
use std::sync::Arc;

use icsf_backends::conformance::{self, Outcome, Report};
use icsf_backends::faulty::Plan;
use icsf_backends::software::{Software, Unlock};
use icsf_backends::{Absent, Faulty, Metered, Slot};
use icsf_core::backend::{Backend, EngineErrorKind};

use crate::support::{cheap, in_memory};
use crate::wrong::{How, Wrong};

const CASES: usize = 57;
const PAIR_CASES: usize = 6;

fn assert_all(fresh: &dyn Fn() -> Arc<dyn Backend>) {
    let report = conformance::run(fresh);
    report.assert();
    assert_eq!(report.tally(), (CASES, 0, 0), "{report}");
}

fn memory() -> Arc<dyn Backend> {
    in_memory()
}

/// Runs `test` with a maker of engines that live in files.
fn with_files(test: impl FnOnce(&dyn Fn() -> Arc<dyn Backend>)) {
    let directory = tempfile::tempdir().unwrap();
    let unlock = Unlock::KeyFile(directory.path().join("key"));
    let number = Cell::new(0);
    test(&|| {
        number.set(number.get() + 1);
        Arc::new(Software::create(directory.path().join(number.get().to_string()), &unlock, cheap()).unwrap())
    });
}

#[test]
fn software_in_memory() {
    assert_all(&memory);
}

#[test]
fn software_in_a_file() {
    with_files(|fresh| assert_all(fresh));
}

#[test]
fn software_in_a_slot() {
    assert_all(&|| Arc::new(Slot::with(memory())));
}

#[test]
fn software_with_an_empty_plan_of_faults() {
    assert_all(&|| Arc::new(Faulty::new(memory(), Plan::new())));
}

#[test]
fn software_metered() {
    assert_all(&|| Arc::new(Metered::new(memory())));
}

#[test]
fn software_in_memory_and_in_a_file_do_the_same() {
    with_files(|fresh| {
        let report = conformance::compare(&memory, fresh);
        report.assert();
        assert_eq!(report.tally(), (CASES + PAIR_CASES, 0, 0), "{report}");
    });
}

#[test]
fn an_engine_may_do_as_little_as_the_suite_says() {
    let modest = || Wrong::engine(How::Modest);
    let report = conformance::run(&modest);
    report.assert();
    let skipped = |report: &Report| -> Vec<_> {
        report.cases().filter(|(_, outcome)| matches!(outcome, Outcome::Skipped(_))).map(|(case, _)| case).collect()
    };
    let des = [
        "a DES key is wrapped as known",
        "the parity of a DES key does not count",
        "a wrapped key of one algorithm is not opened as the other",
        "DES enciphers as known, with weak keys too",
        "DES ignores the parity of the key",
        "many blocks in one call come out as one by one",
        "blocks that depend on each other come out of one piece of work as one by one",
        "a DES key computes no HMAC and has no check value",
        "the check value of an HMAC key is as known or declined",
    ];
    assert_eq!(skipped(&report), des);
    for report in [conformance::compare(&memory, &modest), conformance::compare(&modest, &memory)] {
        report.assert();
        assert_eq!(skipped(&report).len(), des.len() + 1, "{report}");
    }
}

/// Wants the suite to find this engine out, among others in these cases.
fn assert_found_out(fresh: &dyn Fn() -> Arc<dyn Backend>, cases: &[&str]) {
    let report = conformance::run(fresh);
    for case in cases {
        assert!(report.failures().any(|(failed, _)| failed == *case), "not found: {case}\n{report}");
    }
}

#[test]
fn wrong_engines_are_found_out() {
    let wrong: [(How, &[&str]); 11] = [
        (
            How::OpensDamaged,
            &[
                "each flipped bit of a wrapped key is noticed",
                "a wrapped key cut off anywhere is noticed",
                "a wrapped key of one algorithm is not opened as the other",
            ],
        ),
        (How::KeysZeros, &["HMAC with SHA-512 is as known", "the check value of an HMAC key is as known or declined"]),
        (How::OneGeneration, &["each change has a generation of its own"]),
        (How::HidesDes, &["the capabilities are true"]),
        (How::BoastsKeyCheck, &["the capabilities are true"]),
        (How::OneKey, &["generated keys have their length and differ"]),
        (How::ForgetsOld, &["a wrapped key can be used through one change of the master key and not two"]),
        (How::OneBlock, &["many blocks in one call come out as one by one"]),
        (How::ClearsOnRefusal, &["what is out of turn is refused and changes nothing"]),
        (How::NotRandom, &["random bytes fill the buffer and differ"]),
        (How::Panics, &["DES enciphers as known, with weak keys too"]),
    ];
    for (how, cases) in wrong {
        assert_found_out(&|| Wrong::engine(how), cases);
    }
}

#[test]
fn an_engine_with_other_patterns_is_found_out() {
    assert_found_out(
        &|| Arc::new(Faulty::new(memory(), Plan::new().wrong_patterns())),
        &["three parts make the known master key, and setting it makes it current", "a DES key is wrapped as known"],
    );
}

#[test]
fn an_engine_that_fails_now_and_then_is_found_out() {
    let plan = || Plan::new().fail_of_every(1, 50, EngineErrorKind::Fault);
    let report = conformance::run(&|| Arc::new(Faulty::new(memory(), plan())));
    assert!(report.tally().2 > CASES / 2, "{report}");
    let report = conformance::run(&|| Arc::new(Absent::default()));
    assert_eq!(report.tally().0, 0, "{report}");
}

#[test]
fn it_is_told_which_of_two_engines_is_wrong_and_where_they_differ() {
    let one_block = || Wrong::engine(How::OneBlock);
    for (report, which) in [
        (conformance::compare(&memory, &one_block), "the second engine"),
        (conformance::compare(&one_block, &memory), "the first engine"),
    ] {
        let text = report.to_string();
        for line in [
            format!("FAILED   many blocks in one call come out as one by one: {which}: 2 blocks are not"),
            "FAILED   both wrap DES keys to the same bytes, and use them alike: a DES key of 8 bytes enciphers in two ways"
                .to_owned(),
        ] {
            assert!(text.contains(&line), "{line}\n{text}");
        }
        assert!(text.ends_with(" failed"), "{text}");
    }
}

#[test]
#[should_panic(expected = "panicked: the driver has a bug")]
fn a_failed_report_ends_a_test_with_its_text() {
    conformance::run(&|| Wrong::engine(How::Panics)).assert();
}
