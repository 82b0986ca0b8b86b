//! A RACF-like security server: profiles and users in a database, the commands that change them, access checks, and the
//! PassTicket services with their SAF codes.
//!
//! The idea: a caller gets the codes the real services give, opaque as they are, and beside them the whole cause.

mod access;
mod codec;
pub mod codes;
pub mod command;
mod database;
mod ebcdic;
mod error;
pub mod explain;
pub mod fidelity;
pub mod foreign;
mod icsf_access;
pub mod judgement;
pub mod kerberos;
mod key_token;
pub mod model;
mod passticket;
pub mod pasted;
mod planned;
pub mod principals;
pub mod replay;
mod server;
pub mod services;
mod sign_on;
pub mod smf;
pub mod unload;

pub use access::{Caller, key_profile_names};
pub use codec::RowError;
pub use database::{Counts, Database, Existing, Imported, Snapshot};
pub use error::{Error, Result};
pub use passticket::{Accepted, Request};
pub use planned::KeySource;
pub use server::Saf;
pub use sign_on::SignedOnBy;
