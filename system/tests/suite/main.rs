//! What a system in a directory promises, tested through its public surface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod console;
mod create;
mod daemon;
mod engine;
mod files;
mod journal;
mod shared;
mod support;
mod token;
#[cfg(feature = "enhanced")]
mod tokens;
