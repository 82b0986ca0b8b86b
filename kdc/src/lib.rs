//! A Kerberos V5 KDC whose principal keys are records of the CKDS, wrapped under the master key of the engine.
//!
//! The idea: [`Kdc::handle`] is a function of the request, the time, the sender, and what the security database holds. The
//! long-term keys are used inside the engine and nowhere else, so a KDC without engine answers nobody, and one whose engine
//! came back goes on.
//!
//! Where MIT, Heimdal and RFC 4120 differ, the RFC is followed; exceptions say so where they are made.

mod ap_req;
mod as_exchange;
mod cache;
pub mod client;
pub mod codes;
pub mod crypto;
mod der;
mod failures;
pub mod flags;
pub mod gss;
mod issue;
mod kdc;
mod keys;
pub mod keytab;
pub mod kpasswd;
pub mod lifetime;
mod messages;
mod nonce;
pub mod outcome;
mod policy;
pub mod server;
mod tgs_exchange;

pub use ap_req::{Accepted, Acceptor};
pub use cache::Replays;
pub use failures::Lockout;
pub use kdc::{Answer, EngineError, Kdc, Remembered, Settings};
pub use keys::{CkdsKeys, KeytabKeys, ServerKeys};
pub use messages::{Exchange, Malformed};
pub use outcome::{Outcome, Refusal};
