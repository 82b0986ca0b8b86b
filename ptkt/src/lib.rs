#![doc = include_str!("../README.md")]

mod assumptions;
#[cfg(feature = "enhanced")]
pub mod enhanced;
mod error;
mod id;
mod key;
pub mod legacy;
mod replay;
pub mod software;
mod ticket;
mod time;
mod window;

pub use assumptions::{ASSUMPTIONS, Assumption};
pub use error::{Error, ErrorKind};
pub use id::{Applid, GroupId, UserId};
#[cfg(feature = "enhanced")]
pub use key::HmacSha512;
pub use key::{DesEncipher, GenerateError};
pub use replay::{Footprint, MemoryRegister, ReplayRegister, TicketKind, TicketUse, Usage};
pub use ticket::Ticket;
pub use time::Timestamp;
pub use window::{Verdict, Window};
