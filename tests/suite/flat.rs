//! A million evaluations leave memory as it was.

use std::fs;
use std::sync::Arc;

use icsf_core::clock::ManualClock;
use icsf_core::journal::{MemoryJournal, What};
use softicsf::{Credential, MasterKeyKind, System};

use crate::support::{TicketCall, admin, alone, define, racf, request};

const SECONDS: u64 = 50_000;
const A_SECOND: u64 = 20;
/// Some 20 bytes for each ticket of the second half: what is kept of one that is still good comes and goes.
const ALLOWED_KIB: u64 = 512;

/// Memory of this process that is in use, in KiB, without what is read from files and may come and go.
pub(crate) fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_million_evaluations_leave_memory_flat() {
    alone("flat::million");
}

#[test]
fn sign_ons_leave_memory_flat() {
    alone("flat::sign_ons");
}

/// Each tries what was typed as the password, and what else is kept of it must not be scattered by what that takes.
#[test]
#[ignore = "run as a process of its own by another test"]
fn sign_ons() {
    const START: u64 = 1_700_000_000;
    let (clock, journal) = (Arc::new(ManualClock::at(START)), Arc::new(MemoryJournal::default()));
    let system = System::in_memory().clock(Arc::clone(&clock) as Arc<_>).journal(Arc::clone(&journal) as Arc<_>);
    let system = system.build().unwrap();
    system.icsf().generate_master_key(MasterKeyKind::Des).unwrap();
    system.icsf().set_master_key(MasterKeyKind::Des).unwrap();
    define(&system);
    racf(&system, "ADDUSER U1 PASSWORD(SESAME)");
    let mut settled = 0;
    for second in 0..120 {
        clock.set(START + second);
        let who = request("U1", "MASKED");
        let ticket = system.generate(&admin(), &who).unwrap();
        system.sign_on(&who, &Credential::from(&ticket)).unwrap();
        if second == 20 {
            settled = resident();
        }
    }
    assert_eq!(journal.events().iter().filter(|event| event.event == What::SignOn).count(), 120);
    let grown = resident().saturating_sub(settled);
    assert!(grown < 4 * 1024, "{grown} KiB more than after twenty, when it was {settled} KiB");
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn million() {
    const START: u64 = 1_700_000_000;
    let clock = Arc::new(ManualClock::at(START));
    let system = System::in_memory().clock(Arc::clone(&clock) as Arc<_>).build().unwrap();
    for kind in MasterKeyKind::ALL {
        system.icsf().generate_master_key(kind).unwrap();
        system.icsf().set_master_key(kind).unwrap();
    }
    define(&system);
    let (mut settled, mut accepted, mut refused) = (0, 0_u64, 0_u64);
    for second in 0..SECONDS {
        clock.set(START + second);
        // More users than any cache here holds, over time; half of them with a key in the CKDS.
        let who = request(&format!("U{}", second % 9000), if second % 2 == 0 { "MASKED" } else { "TSOPRD1" });
        let ticket = system.generate(&admin(), &who).unwrap();
        // Half of them as programs call: the services with the parameters of the real ones.
        let mut call = TicketCall::new(&system, &who);
        for n in 0..A_SECOND {
            let answer = match n % 4 {
                0 => call.r_ticketserv(&system),
                1 => call.r_gensec(&system),
                _ => system.evaluate(&admin(), &who, &ticket).map(drop),
            };
            match answer {
                Ok(()) => accepted += 1,
                Err(_) => refused += 1,
            }
        }
        if second == SECONDS / 2 {
            settled = resident();
        }
    }
    assert_eq!((accepted, accepted + refused), (SECONDS, SECONDS * A_SECOND), "each ticket once");
    let grown = resident().saturating_sub(settled);
    println!("\n{grown} KiB more than at half time");
    assert!(grown < ALLOWED_KIB, "{grown} KiB more than at half time, when it was {settled} KiB");
}
