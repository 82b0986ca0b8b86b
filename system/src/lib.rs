//! One simulated z/OS image opened: a software ICSF, a security database and a crypto engine, wired together.
//!
//! This is the crate to embed: a session manager opens a [`System`], makes and checks tickets, and asks why when that
//! fails. What it needs of the crates below is re-exported, and so are they.
//!
//! A system is a directory ([`System::create`], [`System::open`]), which any number of processes share: what one changes
//! the others see on their next call. Or it lives in memory ([`System::in_memory`]), for tests.
//!
//! # A session manager in a few lines
//!
//! ```no_run
//! use softicsf::{Caller, Request, System};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = System::open("/var/lib/softicsf/prd1".as_ref())?;
//! let me = Caller::user("TPXSTC".parse()?);
//! let request = Request::new("IBMUSER".parse()?, "TSOPRD1".parse()?);
//! match system.generate(&me, &request) {
//!     Ok(ticket) => log_on_with(ticket.expose()),
//!     Err(error) => {
//!         eprintln!("{error}"); // what a caller on z/OS sees: IBMUSER at TSOPRD1: ... (SAF 8/16/28)
//!         eprintln!("cause: {}", error.cause()); // what it does not see
//!         for remedy in error.cause().remedies() {
//!             eprintln!("next: {remedy}");
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! # fn log_on_with(_: &str) {}
//! ```
//!
//! See [`InMemory`] for the same with everything set up, evaluation, and an engine that goes away.

mod card;
mod complete;
mod console;
mod control;
mod directory;
mod engine;
mod error;
mod journal;
mod kerberos;
mod modules;
mod options;
pub mod quiesce;
mod refusals;
mod secrets;
mod skrbkdc;
mod status;
mod system;
mod token_engine;
mod unusable;

pub use card::{Card, CardSlot};
pub use console::{ConsoleError, FACTS as CONSOLE_FACTS};
pub use directory::Setup;
pub use error::{Error, Result};
pub use icsf_core::backend::MasterKeyKind;
pub use icsf_core::clock::{Clock, ManualClock, SystemClock};
pub use icsf_core::engine::{EngineState, EngineView};
pub use icsf_core::journal::{Event, Journal, MemoryJournal};
pub use icsf_core::kds::KdsFormat;
pub use icsf_core::{Cause, ClearKey};
pub use icsf_saf::codes::{Code, Triple};
pub use icsf_saf::command::{NoSecrets, SecretSource};
pub use icsf_saf::explain::Explanation;
pub use icsf_saf::kerberos::KerberosClient;
pub use icsf_saf::model::{Credential, PrincipalName};
pub use icsf_saf::principals::{NewKeys, PrincipalError, PrincipalErrorKind, PrincipalSettings, RealmSettings};
pub use icsf_saf::{Accepted, Caller, Error as SafError, Request, SignedOnBy};
pub use journal::{Entry, FileJournal, Lost, Unreadable};
pub use modules::own_modules;
pub use options::{Engine, EngineSecrets, HostKeys, Names, Pkcs11Token, UnlockBy};
pub use ptkt::{Applid, GroupId, Ticket, TicketKind, UserId};
pub use secrecy::SecretString;
pub use secrets::{HostSecrets, read_secret};
pub use skrbkdc::{KerberosOptions, KerberosTask, Log};
pub use status::{Application, Ckds, ClassStatus, IcsfStatus, Status};
pub use system::{InMemory, System};
pub use unusable::UnusableKey;
/// Everything below, in the versions this crate works with.
pub use {icsf_backends, icsf_core, icsf_kdc, icsf_saf, ptkt};
