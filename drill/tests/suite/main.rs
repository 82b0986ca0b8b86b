//! Drills as their users meet them: the gallery, deviations, and mistakes in files.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[cfg(feature = "enhanced")]
mod gallery;
mod mistakes;
mod support;
mod verdicts;
