//! The suite: one binary, one module per subject.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod engine;
#[cfg(feature = "enhanced")]
mod enhanced;
mod legacy;
mod replay;
mod secrets;
mod values;
mod vectors;
