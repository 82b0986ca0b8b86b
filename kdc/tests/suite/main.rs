//! What the KDC answers.

mod client;
mod raw_cases;
mod support;
