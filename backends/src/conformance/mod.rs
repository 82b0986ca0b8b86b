//! Holds an engine against the contract of [`Backend`], for authors of engines.
//!
//! ```
//! # use std::sync::Arc;
//! # use icsf_backends::{Software, conformance};
//! # use icsf_core::random::SystemRandom;
//! conformance::run(&|| Arc::new(Software::in_memory(Arc::new(SystemRandom)))).assert();
//! ```
//!
//! [`run`] makes a fresh engine for each case, tries it, and reports all that is wrong at once; nothing stops at the
//! first failure, and a case in which the engine panics has failed. Bytes are held against known answers and errors
//! against the one kind that fits, so two engines that pass answer alike; [`compare`] besides lets two engines make and
//! use each other's keys, of every length.
//!
//! # What an engine may leave out
//!
//! A real token cannot do everything. What it says in its [`Capabilities`](icsf_core::backend::Capabilities) it must
//! do; what it says it cannot do must be [`Unsupported`], and the cases that need it are reported as skipped. Besides,
//! it may answer [`Unsupported`], and must not answer wrongly, for
//!
//! - HMAC with another hash than SHA-512;
//! - HMAC keys over 128 bytes whose length is no multiple of 8, as the zero bytes of their stored form would be
//!   hashed with them;
//! - [`add_part`](Backend::add_part), which takes more of a token than wrapping.
//!
//! # What the contract leaves to the suite
//!
//! Where the kinds of two errors fit, the suite wants the one that tells more: a master key that was never set is
//! [`MasterKeyNotSet`], also for a key wrapped under another; a pattern that no register holds is a
//! [`MasterKeyMismatch`], also when the blob is damaged besides. A use that a key is not made for is [`Unsupported`],
//! and a DES key has no check value.
//!
//! [`Unsupported`]: icsf_core::backend::EngineErrorKind::Unsupported
//! [`MasterKeyNotSet`]: icsf_core::backend::EngineErrorKind::MasterKeyNotSet
//! [`MasterKeyMismatch`]: icsf_core::backend::EngineErrorKind::MasterKeyMismatch

mod answers;
mod bench;
mod damage;
mod des;
mod engine;
mod exchange;
mod hmac;
mod kerberos;
mod keys;
mod registers;
mod report;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use icsf_core::backend::Backend;

use bench::{Bench, Stop, Verdict};
pub use report::{Outcome, Report};

/// One thing an engine must do.
struct Case {
    /// A sentence, as it is reported.
    name: &'static str,
    run: fn(&Bench) -> Verdict,
}

/// One thing two engines must do together.
struct PairCase {
    name: &'static str,
    run: fn(&Bench, &Bench) -> Verdict,
}

fn cases() -> impl Iterator<Item = &'static Case> {
    [registers::CASES, keys::CASES, damage::CASES, des::CASES, hmac::CASES, kerberos::CASES, engine::CASES]
        .into_iter()
        .flatten()
}

/// Tries every case on a fresh engine.
///
/// `fresh` makes an engine that is online, with all master-key registers empty, and independent of those it made before.
pub fn run(fresh: &dyn Fn() -> Arc<dyn Backend>) -> Report {
    let mut report = Report::default();
    for case in cases() {
        report.add(case.name, tried(case, fresh));
    }
    report
}

/// Tries every case on a fresh engine of each sort, and then cases for the two together: equal bytes from both, and
/// each using the keys of the other. What only one of them can do is skipped.
pub fn compare(first: &dyn Fn() -> Arc<dyn Backend>, second: &dyn Fn() -> Arc<dyn Backend>) -> Report {
    let mut report = Report::default();
    for case in cases() {
        report.add(
            case.name,
            match (tried(case, first), tried(case, second)) {
                (Outcome::Failed(why), _) => Outcome::Failed(format!("the first engine: {why}")),
                (_, Outcome::Failed(why)) => Outcome::Failed(format!("the second engine: {why}")),
                (Outcome::Passed, outcome) | (outcome, _) => outcome,
            },
        );
    }
    for case in exchange::CASES {
        report.add(case.name, outcome(|| (case.run)(&Bench::new(first()), &Bench::new(second()))));
    }
    report
}

fn tried(case: &Case, fresh: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    outcome(|| (case.run)(&Bench::new(fresh())))
}

fn outcome(run: impl FnOnce() -> Verdict) -> Outcome {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(Stop::Skipped(why))) => Outcome::Skipped(why),
        Ok(Err(Stop::Failed(why))) => Outcome::Failed(why),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text");
            Outcome::Failed(format!("panicked: {text}"))
        }
    }
}
