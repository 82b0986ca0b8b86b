//! Instructions per request, counted by callgrind.
//!
//! ```text
//! cargo install gungraun-runner --version 0.20.0
//! cargo bench -p icsf-kdc --bench instructions
//! ```
//!
//! A request is all that [`Kdc::handle`] does for one that it has not seen before, with the event for the journal; the
//! engine is the one in this process, and its keys are open. The bars fail the run. SHA-1 and AES are chosen by CPU at run
//! time, so counts differ between machines by a tenth.

#![expect(
    missing_docs,
    unused_qualifications,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the macros write the functions; a bench stops at the first surprise"
)]
#![allow(dead_code, reason = "the client of the tests can do more")]

#[path = "../tests/suite/client.rs"]
mod client;
#[path = "../tests/suite/support.rs"]
mod support;

use std::hint::black_box;
use std::sync::Arc;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use icsf_kdc::outcome::Result as Became;
use icsf_saf::Snapshot;

use client::{Ask, ask, tgs};
use support::{HERE, NOW, Site};

fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

type Asked = (Site, Arc<Snapshot>, Vec<u8>);

/// A KDC that has answered such requests before.
fn warm(request: impl Fn(&Site) -> Vec<u8>) -> &'static Asked {
    let site = Site::new();
    for _ in 0..4 {
        assert!(site.handle(&request(&site)).reply.is_some());
    }
    let view = site.saf.database().view().unwrap();
    let request = request(&site);
    Box::leak(Box::new((site, view, request)))
}

fn initial(preauth: bool) -> &'static Asked {
    warm(|_| Ask { preauth, ..ask() }.as_req(NOW))
}

fn further() -> &'static Asked {
    warm(|site| tgs().tgs_req(NOW, &ask().initial(site).unwrap(), None).0)
}

fn handle((site, view, request): &Asked) -> bool {
    let answer = site.kdc.handle(black_box(request), HERE, NOW, view);
    answer.outcome.tell(&site.icsf);
    matches!(answer.outcome.result, Became::Issued(_))
}

#[library_benchmark(config = at_most(60_000))]
#[bench::warm(initial(false))]
fn preauthentication_required(asked: &Asked) -> bool {
    handle(asked)
}

#[library_benchmark(config = at_most(350_000))]
#[bench::warm(initial(true))]
fn initial_ticket(asked: &Asked) -> bool {
    handle(asked)
}

#[library_benchmark(config = at_most(520_000))]
#[bench::warm(further())]
fn further_ticket(asked: &Asked) -> bool {
    handle(asked)
}

library_benchmark_group!(name = requests, benchmarks = [preauthentication_required, initial_ticket, further_ticket]);
main!(library_benchmark_groups = requests);
