//! Instructions per PassTicket service, counted by callgrind, beside the bare algorithm.
//!
//! ```text
//! cargo install gungraun-runner --version 0.20.0
//! cargo bench -p icsf-saf --bench instructions
//! ```
//!
//! `saf_generate` is a whole request for a user and an application that had one before: permission, profile, label of a
//! key in the CKDS, engine in this process. Bar: at most 1.5 times `bare_generate`, which has key and session at hand.
//! The ratio is given under each count that has a bare one of the same name before it.
//!
//! The system is in memory. In a system directory each request also reads the change counter twice from a file: about
//! 0.4 microseconds each time, in the kernel, which callgrind does not count. By the clock a legacy ticket then takes 1.9
//! times the bare one instead of 1.15 (AMD EPYC, median of 101 paired rounds).
//!
//! DES is plain code, so its counts hold on any x86-64 and the hard limits fail the run; SHA-512 is chosen by CPU at run
//! time, so for enhanced tickets only the ratio counts.

#![expect(
    missing_docs,
    unused_qualifications,
    clippy::unwrap_used,
    reason = "the macros write the functions; a bench stops at the first surprise"
)]

use std::hint::black_box;
use std::sync::Arc;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use icsf_backends::Software;
use icsf_core::backend::MasterKeyKind;
use icsf_core::clock::ManualClock;
use icsf_core::codes::ReasonCodes;
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::kds::KdsFormat;
use icsf_core::random::SeededRandom;
use icsf_core::store::MemoryStore;
use icsf_core::{Icsf, Parts};
use icsf_saf::command::NoSecrets;
use icsf_saf::{Accepted, Caller, Database, Request, Saf};
use ptkt::legacy::Session;
use ptkt::software::DesKey;
use ptkt::{MemoryRegister, Ticket, Timestamp, Verdict, Window};

const NOW: u64 = 1_700_000_000;
const TIME: Timestamp = Timestamp::from_secs(NOW);

fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

fn request() -> Request {
    Request::new("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap())
}

fn command(saf: &Saf, command: &str) {
    saf.command(&Caller::user("IBMUSER".parse().unwrap()), command, &NoSecrets).unwrap();
}

/// A system whose server `TSOSERV` makes and checks tickets for the application `TSOR001`, which has no key yet.
fn system() -> Saf {
    let epoch = Arc::new(Epoch::in_memory());
    let clock = Arc::new(ManualClock::at(NOW));
    let icsf = Icsf::new(Parts {
        backend: Arc::new(Software::in_memory(Arc::new(SeededRandom::new(1)))),
        store: Arc::new(MemoryStore::default()),
        control: Arc::new(MemoryControl::default()),
        epoch: Arc::clone(&epoch),
        clock: Arc::clone(&clock) as Arc<_>,
        random: Arc::new(SeededRandom::new(2)),
        reason_codes: ReasonCodes::Icsf,
    });
    icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
    for kind in MasterKeyKind::ALL {
        icsf.generate_master_key(kind).unwrap();
        icsf.set_master_key(kind).unwrap();
    }
    let database = Database::new(Arc::new(MemoryStore::default()), epoch);
    let saf = Saf::new(Arc::new(icsf), database, clock, Arc::new(MemoryRegister::new()), "PRD1");
    command(&saf, "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)");
    command(&saf, "RDEFINE PTKTDATA IRRPTAUTH.TSOR001.* UACC(NONE)");
    command(&saf, "PERMIT IRRPTAUTH.TSOR001.* CLASS(PTKTDATA) ID(TSOSERV) ACCESS(UPDATE)");
    saf
}

/// A system in use, who asks it for what, and a ticket it has not seen. All of it is made before anything is counted,
/// and kept, so that nothing is counted that happens once.
struct Warm {
    saf: Saf,
    caller: Caller,
    request: Request,
    ticket: Ticket,
}

impl Warm {
    fn up(saf: Saf) -> &'static Self {
        command(&saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
        let (caller, request) = (Caller::user("TSOSERV".parse().unwrap()), request());
        let generate = |time| saf.generate(&caller, &request.at(time)).unwrap();
        saf.evaluate(&caller, &request, &generate(NOW - 1)).unwrap();
        let ticket = generate(NOW);
        Box::leak(Box::new(Self { saf, caller, request, ticket }))
    }

    fn generate(&self) -> Ticket {
        black_box(&self.saf).generate(black_box(&self.caller), black_box(&self.request)).unwrap()
    }

    fn evaluate(&self) -> Accepted {
        black_box(&self.saf).evaluate(&self.caller, black_box(&self.request), black_box(&self.ticket)).unwrap()
    }
}

type Bare = (DesKey, Session, Ticket);

fn bare() -> &'static Bare {
    let key = DesKey::new(&[0xE0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77]).unwrap();
    let Ok(session) = Session::prepare(&key, &request().user, &request().application);
    let ticket = session.generate(&key, TIME).unwrap();
    Box::leak(Box::new((key, session, ticket)))
}

fn warm() -> &'static Warm {
    let saf = system();
    command(&saf, "RDEFINE PTKTDATA TSOR001 SSIGNON(KEYENCRYPTED(E001193519561977))");
    let warm = Warm::up(saf);
    assert_eq!(warm.ticket.expose(), "ZVQLMCAN");
    warm
}

#[library_benchmark]
#[bench::generate(bare())]
fn bare_generate((key, session, _): &Bare) -> Ticket {
    black_box(session).generate(black_box(key), black_box(TIME)).unwrap()
}

#[library_benchmark(config = at_most(23_000))]
#[bench::generate(warm())]
fn saf_generate(warm: &Warm) -> Ticket {
    warm.generate()
}

#[library_benchmark]
#[bench::evaluate(bare())]
fn bare_evaluate((key, session, ticket): &Bare) -> Verdict {
    let Ok(verdict) = black_box(session).evaluate(black_box(key), black_box(ticket), TIME, Window::legacy());
    verdict
}

#[library_benchmark(config = at_most(23_000))]
#[bench::evaluate(warm())]
fn saf_evaluate(warm: &Warm) -> Accepted {
    warm.evaluate()
}

library_benchmark_group!(
    name = legacy,
    compare_by_id = true,
    benchmarks = [bare_generate, saf_generate, bare_evaluate, saf_evaluate]
);

#[cfg(feature = "enhanced")]
mod enhanced {
    use std::hint::black_box;

    use gungraun::prelude::*;
    use icsf_core::{ClearKey, KeyIdentifier};
    use icsf_saf::Accepted;
    use ptkt::enhanced::{Session, TicketType};
    use ptkt::software::HmacKey;
    use ptkt::{Ticket, Verdict, Window};

    use super::{TIME, Warm, command, request, system};

    type Bare = (HmacKey, Session, Ticket);

    fn bare() -> &'static Bare {
        let key = HmacKey::new(&[0x5A; 64]).unwrap();
        let Ok(session) = Session::prepare(&key, &request().user, &request().application, TicketType::Mixed);
        let ticket = session.generate(&key, TIME).unwrap();
        Box::leak(Box::new((key, session, ticket)))
    }

    fn warm() -> &'static Warm {
        let saf = system();
        let icsf = saf.icsf();
        let skeleton = icsf.csnbktb2(&["INTERNAL", "HMAC", "NO-KEY", "MAC", "GENERATE"], None, None).unwrap().value;
        let mut key = KeyIdentifier::Token(skeleton);
        let clear = ClearKey::new(vec![0x5A; 64]);
        icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&clear), &mut key).unwrap();
        icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut key).unwrap();
        if let KeyIdentifier::Token(token) = key {
            icsf.csnbkrc2(&"EPTKT.TSOR001".parse().unwrap(), token).unwrap();
        }
        command(&saf, "RDEFINE PTKTDATA TSOR001 SSIGNON(EPTKEYLABEL(EPTKT.TSOR001) TYPE(MIXED))");
        let warm = Warm::up(saf);
        assert_eq!(warm.ticket, bare().2);
        warm
    }

    #[library_benchmark]
    #[bench::generate(bare())]
    fn bare_generate((key, session, _): &Bare) -> Ticket {
        black_box(session).generate(black_box(key), black_box(TIME)).unwrap()
    }

    #[library_benchmark]
    #[bench::generate(warm())]
    fn saf_generate(warm: &Warm) -> Ticket {
        warm.generate()
    }

    #[library_benchmark]
    #[bench::evaluate(bare())]
    fn bare_evaluate((key, session, ticket): &Bare) -> Verdict {
        let window = Window::enhanced(600).unwrap();
        let Ok(verdict) = black_box(session).evaluate(black_box(key), black_box(ticket), TIME, window);
        verdict
    }

    #[library_benchmark]
    #[bench::evaluate(warm())]
    fn saf_evaluate(warm: &Warm) -> Accepted {
        warm.evaluate()
    }

    library_benchmark_group!(
        name = enhanced_tickets,
        compare_by_id = true,
        benchmarks = [bare_generate, saf_generate, bare_evaluate, saf_evaluate]
    );
}

#[cfg(feature = "enhanced")]
use enhanced::enhanced_tickets;

#[cfg(feature = "enhanced")]
main!(library_benchmark_groups = [legacy, enhanced_tickets]);

#[cfg(not(feature = "enhanced"))]
main!(library_benchmark_groups = legacy);
