//! The replay register under load: time per use and memory per remembered ticket.
//!
//! ```text
//! cargo bench -p ptkt --bench replay
//! ```
//!
//! One thread, a simulated clock. Each second so many sign-ons arrive that the given number of
//! tickets is live at a time; their tickets were made in the last 6 seconds, by sessions picked
//! at random. The register is filled for 600 seconds, then measured over the next 600 seconds in
//! 25 parts, expiry included; given are the fastest part and the median. The names of a ticket
//! are at hand, as they are for who has just evaluated it.
//!
//! Times depend on the machine and on what else it does; the fastest part is the steadier one.

#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that reports, and stops at the first surprise"
)]

use std::time::Instant;

use ptkt::{Applid, MemoryRegister, ReplayRegister as _, TicketKind, TicketUse, Timestamp, Usage, UserId};

const REACH: u64 = 600;
const PARTS: u64 = 25;

fn main() {
    println!("    live  sessions  ns/use (fastest)  ns/use (median)  M uses/s  bytes/ticket");
    for (live, sessions) in
        [(120_000, 2_000), (1_200_000, 20_000), (1_200_000, 100_000), (1_200_000, 1_000_000), (12_000_000, 200_000)]
    {
        run(live, sessions);
    }
}

fn run(live: u64, count: u32) {
    let sessions: Vec<(UserId, Applid)> =
        (0..count).map(|n| (format!("U{n:07}").parse().unwrap(), format!("APPL{}", n % 4).parse().unwrap())).collect();
    let ticket = "ZVQLMCAN".parse().unwrap();
    let register = MemoryRegister::new();
    let per_second = live / REACH;
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let mut first = 0;
    let mut second = |now: u64| {
        let uses: Vec<TicketUse> = (0..per_second)
            .map(|_| {
                let (user, application) = sessions[random.below(sessions.len())];
                let made = Timestamp::from_secs(now - random.below(6) as u64);
                TicketUse::new(TicketKind::Legacy, user, application, made, &ticket)
            })
            .collect();
        let timer = Instant::now();
        for used in &uses {
            let usage = register.first_use(used, Timestamp::from_secs(now)).unwrap();
            first += u64::from(usage == Usage::First);
        }
        timer.elapsed().as_nanos()
    };

    let start = 1_700_000_000;
    (start..start + REACH).for_each(|now| {
        second(now);
    });
    let mut nanoseconds: Vec<f64> = (0..PARTS)
        .map(|part| {
            let seconds = REACH / PARTS;
            let from = start + REACH + part * seconds;
            (from..from + seconds).map(&mut second).sum::<u128>() as f64 / (seconds * per_second) as f64
        })
        .collect();
    nanoseconds.sort_by(f64::total_cmp);
    let (fastest, median) = (nanoseconds[0], nanoseconds[nanoseconds.len() / 2]);
    let held = register.footprint();
    println!(
        "{:8}  {count:8}  {fastest:16.1}  {median:15.1}  {:8.1}  {:12.1}",
        held.tickets,
        1e3 / fastest,
        held.bytes as f64 / held.tickets as f64,
    );
    assert!(first >= held.tickets as u64);
}

/// A xorshift generator: repeatable, and cheap beside what is measured.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }
}
