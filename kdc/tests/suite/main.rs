//! What the KDC answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod acceptor;
mod client;
mod crypto;
mod engine;
mod etypes;
mod exchanges;
mod gss;
mod hostile;
mod keytab;
mod kpasswd;
mod lifetime;
mod nonce;
mod policy;
#[path = "../../../tests/suite/public_types.rs"]
mod public_types;
mod raw_cases;
mod secrets;
mod server;
mod stock_clients;
mod support;
