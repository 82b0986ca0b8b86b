//! What this crate promises, tested through its public surface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod availability;
mod caller_storage;
mod ceremony;
mod change;
mod copies;
mod damage;
mod every_service;
mod interrupted_store;
mod sqlite;
mod store_contract;
mod support;
