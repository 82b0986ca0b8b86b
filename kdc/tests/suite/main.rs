//! What the KDC answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod client;
mod crypto;
mod keytab;
mod raw_cases;
mod server;
mod support;
