//! A ticket is good once: here, in another process, after a restart, and with several trying at once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use icsf_saf::codes::Code;

use crate::support::{DES_KEY, NOW, Site, copy, evaluate, generate, refused, request, run};

fn site(appldata: &str) -> Site {
    let site = Site::new();
    site.run(&[&format!("RDEFINE PTKTDATA APPL {appldata} SSIGNON(KEYMASKED({DES_KEY}))")]);
    site
}

#[test]
fn a_second_use_is_refused_by_whoever_is_asked() {
    let site = site("");
    let other = site.another();
    let who = request("IBMUSER", "APPL");
    let ticket = generate(&site.saf, &who).unwrap();
    evaluate(&site.saf, &who, &ticket).unwrap();
    // The same process, one that was there, one that comes later.
    for saf in [&site.saf, &other, &site.another(), &site.saf] {
        let error = refused(evaluate(saf, &who, &ticket), Code::EvaluationReplayed, "8/16/32");
        assert_eq!(error.cause().why(), "the ticket was used before on this system");
        assert!(error.cause().remedies()[0].contains("NO REPLAY PROTECTION"));
    }
    site.clock.advance(500);
    refused(evaluate(&other, &who, &ticket), Code::EvaluationReplayed, "8/16/32");
    // Another user's, another second's and another application's ticket is another ticket.
    for who in [request("USER2", "APPL"), who.at(NOW + 501)] {
        evaluate(&other, &who, &generate(&site.saf, &who).unwrap()).unwrap();
    }
}

#[test]
fn a_ticket_that_was_refused_was_not_used() {
    let site = site("");
    let who = request("IBMUSER", "APPL");
    let ticket = generate(&site.saf, &who).unwrap();
    refused(evaluate(&site.saf, &request("OTHER", "APPL"), &ticket), Code::EvaluationNotValid, "8/16/32");
    site.clock.advance(601);
    refused(evaluate(&site.saf, &who, &ticket), Code::EvaluationNotValid, "8/16/32");
    site.clock.set(NOW + 600);
    evaluate(&site.saf, &who, &ticket).unwrap();
}

#[test]
fn no_replay_protection_is_a_prefix_and_nothing_else() {
    for (appldata, again) in [
        ("APPLDATA('NO REPLAY PROTECTION')", true),
        // As in IBM's own sample profiles.
        ("APPLDATA('NO REPLAY PROTECTION - DO NOT CHANGE')", true),
        ("APPLDATA('no replay protection')", true),
        ("APPLDATA('NO REPLAY')", false),
        ("APPLDATA(' NO REPLAY PROTECTION')", false),
        ("DATA('NO REPLAY PROTECTION')", false),
    ] {
        let site = site(appldata);
        let who = request("IBMUSER", "APPL");
        let ticket = generate(&site.saf, &who).unwrap();
        evaluate(&site.saf, &who, &ticket).unwrap();
        assert_eq!(evaluate(&site.another(), &who, &ticket).is_ok(), again, "{appldata}");
        assert_eq!(evaluate(&site.saf, &who, &ticket).is_ok(), again, "{appldata}");
    }
}

#[test]
fn of_four_who_try_one_ticket_at_once_one_gets_in() {
    let site = site("");
    let processes: Vec<_> = (0..4).map(|_| site.another()).collect();
    for round in 0..50 {
        let who = request("IBMUSER", "APPL").at(NOW + round);
        let ticket = generate(&site.saf, &who).unwrap();
        let (start, accepted) = (Barrier::new(8), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            // Two threads of each process.
            for saf in processes.iter().chain(&processes) {
                let (start, accepted, ticket) = (&start, &accepted, copy(&ticket));
                scope.spawn(move || {
                    start.wait();
                    match evaluate(saf, &who, &ticket) {
                        Ok(_) => drop(accepted.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => assert_eq!(error.code(), Code::EvaluationReplayed, "{error:?}"),
                    }
                });
            }
        });
        assert_eq!(accepted.load(Ordering::Relaxed), 1, "round {round}");
    }
}

#[test]
fn when_the_register_cannot_be_used_tickets_are_refused_and_good_ones_are_good_afterwards() {
    let site = site("");
    let who = request("IBMUSER", "APPL");
    let ticket = generate(&site.saf, &who).unwrap();
    let register = site.directory.path().join("replay");
    fs::remove_dir(&register).unwrap();
    for _ in 0..2 {
        let error = refused(evaluate(&site.saf, &who, &ticket), Code::EvaluationRegister, "8/16/32");
        assert!(error.cause().why().contains("whether the ticket was used before is not known"), "{error:?}");
    }
    fs::create_dir(&register).unwrap();
    fs::set_permissions(&register, fs::Permissions::from_mode(0o700)).unwrap();
    evaluate(&site.saf, &who, &ticket).unwrap();
    refused(evaluate(&site.saf, &who, &ticket), Code::EvaluationReplayed, "8/16/32");
    refused(evaluate(&site.another(), &who, &ticket), Code::EvaluationReplayed, "8/16/32");
}

#[test]
fn a_register_whose_entries_were_changed_refuses_and_says_so() {
    let site = site("");
    let who = request("IBMUSER", "APPL");
    evaluate(&site.saf, &who, &generate(&site.saf, &who).unwrap()).unwrap();
    let entry = fs::read_dir(site.directory.path().join("replay")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::metadata(&entry).unwrap().permissions().mode() & 0o777, 0o600);
    let mut bytes = fs::read(&entry).unwrap();
    bytes[5] ^= 1;
    fs::write(&entry, bytes).unwrap();
    let later = who.at(NOW + 1);
    let ticket = generate(&site.saf, &later).unwrap();
    let error = refused(evaluate(&site.another(), &later, &ticket), Code::EvaluationRegister, "8/16/32");
    assert!(format!("{error:?}").contains("damaged"), "{error:?}");
}

#[test]
fn processes_that_clear_up_old_files_at_once_do_not_stumble_over_each_other() {
    let site = site("APPLDATA('')");
    let register = site.directory.path().join("replay");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    for round in 0..20 {
        for n in 0..50 {
            let file = fs::File::create(register.join(format!("{n:010}"))).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (saf, start) = (site.another(), &start);
                // Each in a file of its own, so that each opens one and clears up.
                let who = request(&format!("U{n}"), "APPL").at(NOW + 10_000 * (round * 4 + n));
                scope.spawn(move || {
                    let ticket = generate(&saf, &who).unwrap();
                    start.wait();
                    evaluate(&saf, &who, &ticket).unwrap();
                });
            }
        });
    }
    run(&site.saf, "RLIST PTKTDATA APPL");
}
