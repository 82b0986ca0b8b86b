//! What this crate promises, tested through its public surface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod availability;
mod backup;
mod caller_storage;
mod ceremony;
mod change;
mod copies;
mod damage;
mod encipher;
mod every_service;
mod export;
mod golden;
mod hmac;
mod interrupted_store;
mod kerberos;
mod keys;
mod records;
mod rules;
mod sqlite;
mod store_contract;
mod support;
