//! Writes a synthetic unload to standard output: `synthetic_unload PROFILES [SEED]`.
//!
//! ```text
//! cargo run --release -p icsf-saf --example synthetic_unload -- 100000 > unload.txt
//! ```

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a program for tests and figures, and part of what it shares with them"
)]

use std::io::{self, BufWriter};

#[path = "../tests/suite/synthetic.rs"]
mod synthetic;

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u32>().unwrap());
    let profiles = numbers.next().unwrap_or(synthetic::Size::LARGE.profiles);
    let users = (profiles / 10).max(4);
    let groups = (profiles / 200).max(1);
    let seed = numbers.next().unwrap_or(1).into();
    synthetic::write(synthetic::Size { profiles, users, groups, seed }, &mut BufWriter::new(io::stdout().lock()))
}
