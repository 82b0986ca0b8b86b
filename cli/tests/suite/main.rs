//! What the command line promises, tried on the program itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

// Most of it uses both sorts of PassTickets.
mod about;
mod ci_page;
#[cfg(feature = "enhanced")]
mod damage;
mod help;
#[cfg(feature = "enhanced")]
mod interrupted;
#[cfg(feature = "enhanced")]
mod json;
mod kat;
#[cfg(feature = "enhanced")]
mod kerberos;
#[cfg(feature = "enhanced")]
mod pipes;
#[cfg(feature = "enhanced")]
mod processes;
#[cfg(feature = "enhanced")]
mod prompts;
mod reports;
#[cfg(feature = "enhanced")]
mod secrets;
mod support;
#[cfg(feature = "enhanced")]
mod terminal;
#[cfg(feature = "enhanced")]
mod token;
#[cfg(feature = "enhanced")]
mod transcripts;
#[cfg(not(feature = "enhanced"))]
mod without_enhanced;
