//! The suite: one binary, one module per subject.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod engine;
mod legacy;
mod values;
mod vectors;
