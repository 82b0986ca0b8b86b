//! What the fixtures promise, tested through their public surface and with the module they hand out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod card;
mod faults;
mod fork;
mod hang;
mod isolated;
mod leftovers;
mod shared;
mod support;
