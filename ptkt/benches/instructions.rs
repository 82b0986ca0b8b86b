//! Instructions per operation, counted by callgrind: figures that hold on a busy machine.
//!
//! ```text
//! cargo install gungraun-runner --version 0.20.0
//! cargo bench -p ptkt --bench instructions
//! ```
//!
//! The bars below fail the run. DES is plain code, so its counts hold on any x86-64; SHA-512 is
//! chosen by CPU at run time, so the bar of the enhanced tickets is relative: at most 1.10 times
//! `twelve_compressions` of the same run.

#![expect(
    missing_docs,
    unused_qualifications,
    clippy::unwrap_used,
    reason = "the macros write the functions; a bench stops at the first surprise"
)]

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use ptkt::legacy::{self, Session};
use ptkt::software::DesKey;
use ptkt::{Ticket, Timestamp, Verdict, Window};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

type Legacy = (DesKey, Session, Ticket);

/// Everything is done once before it is counted, so that nothing is counted that happens once
/// per process.
fn legacy_warm(text: &str) -> &'static Legacy {
    let key = DesKey::new(&[0xE0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77]).unwrap();
    let Ok(session) = Session::prepare(&key, &"IBMUSER".parse().unwrap(), &"TSOR001".parse().unwrap());
    assert_eq!(session.generate(&key, NOW).unwrap().expose(), "ZVQLMCAN");
    Box::leak(Box::new((key, session, text.parse().unwrap())))
}

#[library_benchmark(config = at_most(16_000))]
#[bench::warm(legacy_warm("ZVQLMCAN"))]
fn legacy_generate((key, session, _): &Legacy) -> Ticket {
    black_box(session).generate(black_box(key), black_box(NOW)).unwrap()
}

#[library_benchmark(config = at_most(16_000))]
#[bench::warm(legacy_warm("ZVQLMCAN"))]
fn legacy_evaluate((key, session, ticket): &Legacy) -> Verdict {
    let Ok(verdict) = black_box(session).evaluate(black_box(key), black_box(ticket), NOW, Window::legacy());
    verdict
}

#[library_benchmark(config = at_most(500))]
#[bench::last_character(legacy_warm("ZVQLMCAA"))]
#[bench::first_character(legacy_warm("9VQLMCAN"))]
#[bench::not_in_alphabet(legacy_warm("zvqlmcan"))]
fn legacy_refuse((key, session, ticket): &Legacy) -> Verdict {
    let Ok(verdict) = black_box(session).evaluate(black_box(key), black_box(ticket), NOW, Window::legacy());
    verdict
}

#[library_benchmark]
#[bench::new_key_and_session()]
fn legacy_cold() -> Ticket {
    let key = DesKey::new(&[0xE0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77]).unwrap();
    let Ok(session) = Session::prepare(&key, &"IBMUSER".parse().unwrap(), &"TSOR001".parse().unwrap());
    session.generate(&key, NOW).unwrap()
}

#[library_benchmark]
#[bench::of_100(legacy_warm("ZVQLMCAN"))]
fn legacy_batch((key, session, _): &Legacy) -> Vec<Ticket> {
    legacy::generate_batch(key, &[(session, NOW); 100]).unwrap()
}

library_benchmark_group!(
    name = legacy_tickets,
    benchmarks = [legacy_generate, legacy_evaluate, legacy_refuse, legacy_cold, legacy_batch]
);

#[cfg(feature = "enhanced")]
mod enhanced {
    use std::hint::black_box;

    use gungraun::prelude::*;
    use ptkt::enhanced::{Session, TicketType, generate_batch};
    use ptkt::software::HmacKey;
    use ptkt::{Ticket, Verdict, Window};

    use super::NOW;

    type Enhanced = (HmacKey, Session, Ticket);

    fn warm(ticket_type: TicketType) -> &'static Enhanced {
        let key = HmacKey::new(&[0x5A; 64]).unwrap();
        let (user, appl) = ("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap());
        let Ok(session) = Session::prepare(&key, &user, &appl, ticket_type);
        let ticket = session.generate(&key, NOW).unwrap();
        Box::leak(Box::new((key, session, ticket)))
    }

    #[library_benchmark]
    #[bench::upper(warm(TicketType::Upper))]
    #[bench::mixed(warm(TicketType::Mixed))]
    fn generate((key, session, _): &Enhanced) -> Ticket {
        black_box(session).generate(black_box(key), black_box(NOW)).unwrap()
    }

    #[library_benchmark]
    #[bench::upper(warm(TicketType::Upper))]
    #[bench::mixed(warm(TicketType::Mixed))]
    fn evaluate((key, session, ticket): &Enhanced) -> Verdict {
        let window = Window::enhanced(600).unwrap();
        let Ok(verdict) = black_box(session).evaluate(black_box(key), black_box(ticket), NOW, window);
        verdict
    }

    #[library_benchmark]
    #[bench::of_100(warm(TicketType::Upper))]
    fn batch((key, session, _): &Enhanced) -> Vec<Ticket> {
        generate_batch(key, &[(session, NOW); 100]).unwrap()
    }

    // What a warm ticket cannot do without: inner and outer hash of six HMACs.
    #[library_benchmark]
    #[bench::of_one_block(warm(TicketType::Upper))]
    fn twelve_compressions(_warm: &Enhanced) -> [u64; 8] {
        let mut state = black_box([0x5A5A_5A5A_5A5A_5A5A; 8]);
        let block = black_box([[0xA5; 128]]);
        for _ in 0..12 {
            sha2::block_api::compress512(&mut state, &block);
        }
        state
    }

    library_benchmark_group!(name = enhanced_tickets, benchmarks = [generate, evaluate, batch, twelve_compressions]);
}

#[cfg(feature = "enhanced")]
use enhanced::enhanced_tickets;

#[cfg(feature = "enhanced")]
main!(library_benchmark_groups = [legacy_tickets, enhanced_tickets]);

#[cfg(not(feature = "enhanced"))]
main!(library_benchmark_groups = legacy_tickets);
