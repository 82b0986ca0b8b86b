//! Behaviour across crates and processes: killed, crowded, out of space, searched for secrets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on panics"
)]

mod corpus;
#[cfg(feature = "mounts")]
mod disk_full;
mod flat;
mod flat_kerberos;
mod hung;
mod killed;
mod memory;
#[cfg(feature = "mounts")]
mod noexec;
mod public_types;
#[cfg(feature = "enhanced")]
mod pulled;
mod replayed;
mod secrets;
mod support;
mod tampered;
mod threads;
mod truncated;
mod writers;
