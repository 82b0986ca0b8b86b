//! What the security server promises, tested through its public surface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod administration;
mod commands;
mod concurrency;
mod damage;
mod encrypted;
#[cfg(feature = "enhanced")]
mod enhanced;
mod foreign;
mod golden;
mod judged;
mod key_token;
mod malformed;
mod pasted;
mod permission;
mod principals;
mod replay;
mod rules;
mod secrets;
mod services;
mod sign_on;
mod ssignon;
mod support;
mod synthetic;
mod tickets;
mod unload;
