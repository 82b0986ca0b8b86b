//! Drills as their users meet them: the gallery, deviations, and mistakes in files.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod all_at_once;
mod cards;
mod consumers;
mod files;
mod gallery;
mod kerberos;
mod key_token;
#[cfg(feature = "enhanced")]
mod matrix;
mod mistakes;
mod redaction;
mod references;
mod remedies;
mod reports;
mod scan;
mod schema;
// Real tokens come from above, as a program has them; these tests want the same ones.
#[path = "../../../cli/src/softhsm.rs"]
mod softhsm;
mod support;
mod verdicts;
