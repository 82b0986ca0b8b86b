//! Four threads on one system do everything at once while the engine comes and goes: no ticket is ever wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use icsf_core::ClearKey;
use icsf_saf::codes::Code;
use ptkt::software::DesKey;
use ptkt::{Ticket, Timestamp, legacy};
use softicsf::{MasterKeyKind, Request, System};

use crate::support::{Random, admin, define, racf, request};

const STEPS: u64 = 1500;
const TIME: u64 = 1_700_000_000;

/// The ticket of the key that the profile of the application has: CICSP1 one of its own, the others the same.
fn right(who: &Request) -> Ticket {
    let key = if who.application.to_string() == "CICSP1" {
        [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]
    } else {
        [0xe0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77]
    };
    let key = DesKey::new(&key).unwrap();
    let Ok(session) = legacy::Session::prepare(&key, &who.user, &who.application);
    session.generate(&key, Timestamp::from_secs(TIME)).unwrap()
}

/// One thing that a user of the system does; what is answered is right, or is refused for want of the key.
fn step(system: &System, random: &mut Random, seen: &mut BTreeMap<&'static str, u64>) {
    let (user, application) = (random.below(3) as usize, random.below(3) as usize);
    let who = request(["U1", "U2", "U3"][user], ["TSOPRD1", "CICSP1", "MASKED"][application]).at(TIME);
    let lost = |error: icsf_saf::Error| {
        let expected = [Code::GenerationKey, Code::EvaluationKey].contains(&error.code());
        assert!(expected && who.application.to_string() != "MASKED", "{error:?}");
    };
    let what = match random.below(9) {
        0..3 => match system.generate(&admin(), &who) {
            Ok(ticket) => {
                assert_eq!(ticket, right(&who), "a wrong ticket");
                "generated"
            }
            Err(error) => {
                lost(error);
                "not generated"
            }
        },
        3..5 => match system.evaluate(&admin(), &who, &right(&who)) {
            Ok(accepted) => {
                assert_eq!(accepted.age, 0);
                "evaluated"
            }
            Err(error) => {
                lost(error);
                "not evaluated"
            }
        },
        5 => {
            let label = format!("T{}.K{}", random.below(4), random.below(8)).parse().unwrap();
            let token = system.icsf().csnbcki(&ClearKey::from_slice(&[1; 8]));
            match token.and_then(|token| system.icsf().csnbkrc2(&label, token.value)) {
                Ok(_) => "written",
                Err(_) => {
                    let _ = system.icsf().csnbkrd(&["LABEL-DL"], &label);
                    "deleted"
                }
            }
        }
        7 => match crate::support::made_and_checked(system, &who) {
            Ok(()) => "served",
            Err(error) => {
                lost(error);
                "not served"
            }
        },
        6 => {
            racf(system, &format!("RALTER PTKTDATA MASKED DATA('{}')", random.below(1000)));
            racf(system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
            "altered"
        }
        _ => {
            assert!(system.explain(&admin(), &who).unwrap().steps.len() >= 4);
            let status = system.status().unwrap();
            assert!(status.icsf.unwrap().ckds.damaged.is_empty() && status.damaged_rows.is_empty());
            "explained"
        }
    };
    *seen.entry(what).or_default() += 1;
}

#[test]
fn four_threads_do_everything_at_once_and_no_ticket_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let system = crate::support::create(&directory.path().join("sy1"));
    define(&system);
    racf(&system, "RDEFINE PTKTDATA CICSP1 SSIGNON(KEYENCRYPTED(0123456789ABCDEF))");
    racf(&system, "RALTER PTKTDATA (TSOPRD1 CICSP1 MASKED) APPLDATA('NO REPLAY PROTECTION')");
    racf(&system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let (working, changes) = (AtomicBool::new(true), AtomicU64::new(0));
    let seen: Vec<BTreeMap<&str, u64>> = std::thread::scope(|scope| {
        let users: Vec<_> = (0..3)
            .map(|n| {
                let system = &system;
                scope.spawn(move || {
                    let (mut random, mut seen) = (Random::new(n + 1), BTreeMap::new());
                    (0..STEPS).for_each(|_| step(system, &mut random, &mut seen));
                    seen
                })
            })
            .collect();
        // The operator, on the same system: the engine off and on, its master key changed, ICSF stopped and started.
        scope.spawn(|| {
            let icsf = system.icsf();
            while working.load(Ordering::Relaxed) {
                let n = changes.fetch_add(1, Ordering::Relaxed);
                icsf.engine_offline().unwrap();
                icsf.engine_online().unwrap();
                if n.is_multiple_of(4) {
                    icsf.stop().unwrap();
                    icsf.start().unwrap();
                }
                if n.is_multiple_of(8) {
                    icsf.generate_master_key(MasterKeyKind::Des).unwrap();
                    icsf.change_master_key(MasterKeyKind::Des, &mut |_| {}).unwrap();
                }
            }
        });
        let seen: Vec<_> = users.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        working.store(false, Ordering::Relaxed);
        seen.into_iter().map(Result::unwrap).collect()
    });
    let mut all = BTreeMap::new();
    for (what, count) in seen.into_iter().flatten() {
        *all.entry(what).or_insert(0) += count;
    }
    println!("{all:?}, {} changes", changes.load(Ordering::Relaxed));
    for what in [
        "generated",
        "not generated",
        "evaluated",
        "not evaluated",
        "written",
        "altered",
        "explained",
        "served",
        "not served",
    ] {
        assert!(all.get(what).is_some_and(|count| *count > 0), "{what}: {all:?}");
    }
    // Afterwards everything works as it did.
    for application in ["TSOPRD1", "CICSP1", "MASKED"] {
        let who = request("U1", application).at(TIME);
        assert_eq!(system.generate(&admin(), &who).unwrap(), right(&who));
    }
    assert_eq!(system.icsf().verify_ckds().unwrap().bad, []);
}
