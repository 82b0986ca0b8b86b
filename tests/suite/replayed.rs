//! A ticket is good once, whichever process it is shown to.

use std::process::Stdio;

use icsf_saf::codes::Code;
use softicsf::{Request, System};

use crate::support::{admin, create, define, process, request, told};

const TICKETS: u64 = 60;
const PROCESSES: u64 = 3;

fn who(n: u64) -> Request {
    let application = if n.is_multiple_of(2) { "TSOPRD1" } else { "MASKED" };
    request(&format!("U{n}"), application).at(1_700_000_000)
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn evaluator() {
    let (place, _) = told();
    let system = System::open(&place).unwrap();
    for n in 0..TICKETS {
        let ticket = system.generate(&admin(), &who(n)).unwrap();
        match system.evaluate(&admin(), &who(n), &ticket) {
            Ok(_) => println!("\naccepted {n}"),
            Err(error) => assert_eq!(error.code(), Code::EvaluationReplayed, "{error:?}"),
        }
    }
}

/// Which tickets were accepted by processes that run at the same time, in all.
fn accepted(place: &std::path::Path, processes: u64) -> Vec<u64> {
    let start = |n| process("replayed::evaluator", place, n).stdout(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..processes).map(start).collect();
    let mut accepted = Vec::new();
    for child in children {
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", ended.status);
        let out = String::from_utf8(ended.stdout).unwrap();
        accepted.extend(out.lines().filter_map(|line| line.strip_prefix("accepted ")?.parse::<u64>().ok()));
    }
    accepted.sort_unstable();
    accepted
}

#[test]
fn of_processes_that_are_shown_one_ticket_one_takes_it_and_no_later_one_does() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("sy1");
    let system = create(&place);
    define(&system);
    assert_eq!(accepted(&place, PROCESSES), (0..TICKETS).collect::<Vec<_>>(), "each by one of them");
    assert!(accepted(&place, 1).is_empty(), "all were used");
    for n in 0..TICKETS {
        let ticket = system.generate(&admin(), &who(n)).unwrap();
        let error = system.evaluate(&admin(), &who(n), &ticket).unwrap_err();
        assert_eq!(error.code(), Code::EvaluationReplayed, "{error:?}");
    }
}
