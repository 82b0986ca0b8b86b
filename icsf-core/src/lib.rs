//! A software ICSF: labels, key tokens, key data sets, master-key registers, callable services, their codes, and the
//! trait an engine implements.
//!
//! The idea: sign-on keys lie in a key data set, wrapped under master keys that only an engine holds. Every service is a
//! method of [`Icsf`], named after the real one; each looks at the state of ICSF and of the engine first, so that a
//! lost engine is seen by the very next call.

pub mod backend;
pub mod clock;
pub mod codes;
pub mod control;
pub mod engine;
pub mod epoch;
mod error;
pub mod fidelity;
mod icsf;
pub mod journal;
pub mod kds;
pub mod label;
pub mod master_key;
pub mod random;
pub mod scrub;
pub mod secret;
pub mod services;
pub mod store;
pub mod token;
pub mod utility;
mod zeroized;

pub use error::{Cause, Error, Result};
pub use icsf::{Icsf, Parts, View};
pub use label::{KeyLabel, KeyType, RecordKey};
pub use secret::ClearKey;
pub use token::{KeyIdentifier, KeyToken};
