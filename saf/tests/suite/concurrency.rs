//! Several at once: threads, and processes with the same files.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use icsf_saf::Saf;
use icsf_saf::model::Class;

use crate::support::{DES_KEY, Site, generate, request, run};

const EACH: usize = 25;

#[test]
fn changes_of_one_profile_by_several_processes_lose_nothing() {
    for site in [Site::new(), Site::on_files()] {
        run(&site.saf, "RDEFINE PTKTDATA APPL");
        let processes: Vec<Saf> = (0..4).map(|_| site.another()).collect();
        std::thread::scope(|scope| {
            for (p, saf) in processes.iter().enumerate() {
                scope.spawn(move || {
                    for n in 0..EACH {
                        run(saf, &format!("PERMIT APPL CLASS(PTKTDATA) ID(P{p}N{n}) ACCESS(READ)"));
                    }
                });
            }
        });
        let view = site.saf.database().view().unwrap();
        let profile = view.profile(Class::Ptktdata, &"APPL".parse().unwrap()).unwrap();
        let ids: BTreeSet<String> = profile.access.keys().map(ToString::to_string).collect();
        assert_eq!(ids.len(), 4 * EACH);
    }
}

#[test]
fn who_defines_a_profile_at_the_same_moment_as_another_is_told() {
    let site = Site::new();
    let processes: Vec<Saf> = (0..4).map(|_| site.another()).collect();
    for round in 0..EACH {
        let command = format!("RDEFINE PTKTDATA RACE{round}");
        let firsts: usize = std::thread::scope(|scope| {
            let define = |saf: &Saf| {
                let defined = saf.command(&crate::support::admin(), &command, &icsf_saf::command::NoSecrets);
                defined
                    .map_err(|error| assert!(error.what().contains("is defined already"), "{}", error.what()))
                    .is_ok()
            };
            let threads: Vec<_> = processes.iter().map(|saf| scope.spawn(move || usize::from(define(saf)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(firsts, 1, "round {round}");
    }
}

#[test]
fn tickets_are_right_while_profiles_change() {
    let site = Site::on_files();
    let keys = [DES_KEY, "0123456789ABCDEF", "1111111111111111"];
    let set = |saf: &Saf, key: &str| {
        run(saf, &format!("RALTER PTKTDATA APPL SSIGNON(KEYMASKED({key}))"));
        run(saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    };
    site.run(&["RDEFINE PTKTDATA APPL"]);
    let who = request("U1", "APPL");
    let right: Vec<String> = keys
        .iter()
        .map(|key| {
            set(&site.saf, key);
            generate(&site.saf, &who).unwrap().expose().to_owned()
        })
        .collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (saf, done, right) = (site.another(), &done, &right);
            scope.spawn(move || {
                let mut seen = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    let ticket = generate(&saf, &who).unwrap();
                    assert!(right.iter().any(|right| right == ticket.expose()), "a ticket of no key there ever was");
                    seen += 1;
                }
                assert!(seen > 0);
            });
        }
        for round in 0..30 {
            set(&site.saf, keys[round % 3]);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(generate(&site.another(), &who).unwrap().expose(), right[2]);
}
