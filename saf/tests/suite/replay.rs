//! A ticket is good once: here, in another process, after a restart, and with several trying at once.

use std::fs;
use std::io::Write;
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

/// The one file of the register that holds uses.
fn entries(site: &Site) -> std::path::PathBuf {
    let files = fs::read_dir(site.directory.path().join("replay")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.file_name().unwrap() != "lock").max().unwrap()
}

/// A writer that was killed, or a full disk, leaves the beginning of an entry. Its ticket was not accepted, and nobody
/// has to wait for anything.
#[test]
fn half_an_entry_at_the_end_blocks_nobody() {
    let site = site("");
    let accepted = generate(&site.saf, &request("U1", "APPL")).unwrap();
    evaluate(&site.saf, &request("U1", "APPL"), &accepted).unwrap();
    let whole = fs::read(entries(&site)).unwrap();
    for stray in [1, 20, whole.len() - 1] {
        fs::File::options().append(true).open(entries(&site)).unwrap().write_all(&whole[..stray]).unwrap();
        let late = site.another();
        let who = request("U2", "APPL").at(NOW + stray as u64);
        let ticket = generate(&late, &who).unwrap();
        evaluate(&late, &who, &ticket).unwrap();
        for saf in [&late, &site.saf, &site.another()] {
            refused(evaluate(saf, &who, &ticket), Code::EvaluationReplayed, "8/16/32");
            refused(evaluate(saf, &request("U1", "APPL"), &accepted), Code::EvaluationReplayed, "8/16/32");
        }
    }
}

/// What a damaged entry was is not known: it may have been any ticket of its file. So these are refused, each time with
/// the same reason, and no others are.
#[test]
fn a_damaged_entry_blocks_the_tickets_of_its_minute_and_no_others() {
    let site = site("");
    evaluate(&site.saf, &request("U1", "APPL"), &generate(&site.saf, &request("U1", "APPL")).unwrap()).unwrap();
    let path = entries(&site);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut bytes = fs::read(&path).unwrap();
    bytes[5] ^= 1;
    fs::write(&path, bytes).unwrap();
    let saf = site.another();
    let who = request("U2", "APPL");
    let ticket = generate(&saf, &who).unwrap();
    for _ in 0..2 {
        let error = refused(evaluate(&saf, &who, &ticket), Code::EvaluationRegister, "8/16/32");
        let cause = error.cause();
        assert!(cause.why().contains("is damaged") && cause.why().contains(path.to_str().unwrap()), "{cause}");
        assert!(cause.remedies()[0].contains("a new ticket"), "{error:?}");
    }
    site.clock.advance(64);
    let later = request("U2", "APPL");
    evaluate(&saf, &later, &generate(&saf, &later).unwrap()).unwrap();
}

/// The clock of the host was wrong for a while, or somebody touched the files.
#[test]
fn a_file_of_the_register_that_looks_old_is_not_forgotten_while_its_tickets_live() {
    let site = site("");
    let who = request("U1", "APPL");
    let ticket = generate(&site.saf, &who).unwrap();
    evaluate(&site.saf, &who, &ticket).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    fs::File::options().append(true).open(entries(&site)).unwrap().set_modified(long_ago).unwrap();
    // Opens another file, and clears up.
    site.clock.advance(300);
    for n in 0..3 {
        let other = request(&format!("O{n}"), "APPL").at(NOW + 300 + 100 * n);
        let saf = site.another();
        evaluate(&saf, &other, &generate(&saf, &other).unwrap()).unwrap();
    }
    refused(evaluate(&site.another(), &who, &ticket), Code::EvaluationReplayed, "8/16/32");
}

/// The clock of everything jumps two hours ahead for a while: what was removed then is not taken for unused.
#[test]
fn what_was_removed_because_of_a_wrong_clock_is_refused_when_the_clock_is_right_again() {
    let site = site("");
    let who = request("U1", "APPL");
    let ticket = generate(&site.saf, &who).unwrap();
    evaluate(&site.saf, &who, &ticket).unwrap();
    let used = entries(&site);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    fs::File::options().append(true).open(&used).unwrap().set_modified(long_ago).unwrap();
    site.clock.advance(7200);
    for n in 0..2 {
        let other = request("U2", "APPL").at(NOW + 7200 + 100 * n);
        evaluate(&site.saf, &other, &generate(&site.saf, &other).unwrap()).unwrap();
    }
    assert!(!used.exists(), "it was removed");
    site.clock.set(NOW + 70);
    let late = site.another();
    let error = refused(evaluate(&late, &who, &ticket), Code::EvaluationRegister, "8/16/32");
    assert!(error.cause().why().contains("was removed"), "{error:?}");
    // A ticket of now is as good as ever.
    let fresh = request("U1", "APPL");
    evaluate(&late, &fresh, &generate(&late, &fresh).unwrap()).unwrap();
}

/// As the CICS manual has it: a second sign-on in the same second takes a qualified profile with another key.
#[test]
fn two_tickets_of_one_second_made_with_different_keys_are_two_tickets() {
    let site = site("");
    site.run(&["RDEFINE PTKTDATA APPL.U1 SSIGNON(KEYMASKED(0123456789ABCDEF))", "ADDUSER U1"]);
    let (plain, qualified) = (request("U1", "APPL"), request("U1", "APPL").with_group("G1".parse().unwrap()));
    for who in [plain, qualified] {
        let ticket = generate(&site.saf, &who).unwrap();
        evaluate(&site.saf, &who, &ticket).unwrap();
        for saf in [&site.saf, &site.another()] {
            refused(evaluate(saf, &plain, &ticket), Code::EvaluationReplayed, "8/16/32");
            refused(evaluate(saf, &qualified, &ticket), Code::EvaluationReplayed, "8/16/32");
        }
    }
}

/// The same key in two profiles makes the same ticket, which is good once whatever profile it came by.
#[test]
fn a_ticket_that_two_profiles_accept_is_good_once() {
    let site = site("");
    site.run(&[&format!("RDEFINE PTKTDATA APPL.G1 SSIGNON(KEYMASKED({DES_KEY}))")]);
    let (plain, qualified) = (request("U1", "APPL"), request("U1", "APPL").with_group("G1".parse().unwrap()));
    let ticket = generate(&site.saf, &plain).unwrap();
    assert_eq!(generate(&site.saf, &qualified).unwrap(), ticket);
    evaluate(&site.saf, &qualified, &ticket).unwrap();
    refused(evaluate(&site.another(), &plain, &ticket), Code::EvaluationReplayed, "8/16/32");
}
