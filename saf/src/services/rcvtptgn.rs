//! The PassTicket generator that authorized programs branch to by RCVTPTGN.
//!
//! Source: RACF Macros and Interfaces, calling the PassTicket generator service: key 0, only the profile of the application
//! itself, the ticket in registers 0 and 1, register 15 zero or 8, and since z/OS 2.4 a reason in register 0. That it asks
//! for no permission: SIC2027.

use std::fmt;

use ptkt::{Applid, UserId};
use zeroize::Zeroizing;

use super::to_ebcdic;
use crate::error::Error;
use crate::passticket::Request;
use crate::server::Saf;

/// The registers when the generator returns.
pub struct Registers {
    /// Register 15: 0 with a ticket, 8 without.
    pub r15: u32,
    r0: Zeroizing<u32>,
    r1: Zeroizing<u32>,
    error: Option<Error>,
}

impl Registers {
    /// Register 0: the left half of the ticket in EBCDIC, or the reason why there is none.
    #[must_use]
    pub fn r0(&self) -> u32 {
        *self.r0
    }

    /// Register 1: the right half of the ticket, or zero.
    #[must_use]
    pub fn r1(&self) -> u32 {
        *self.r1
    }

    /// Why there is no ticket, which no register tells.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

/// Shows no ticket.
impl fmt::Debug for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registers").field("r15", &self.r15).field("error", &self.error).finish_non_exhaustive()
    }
}

impl Saf {
    /// Makes a PassTicket for an authorized program.
    pub fn rcvtptgn(&self, user: &UserId, application: &Applid) -> Registers {
        let word = |half: Option<&[u8; 4]>| Zeroizing::new(half.map_or(0, |half| u32::from_be_bytes(*half)));
        match self.make(None, &Request::new(*user, *application)) {
            Ok(ticket) => {
                let ticket = to_ebcdic(&ticket);
                let (r0, r1) = (word(ticket.first_chunk()), word(ticket.last_chunk()));
                Registers { r15: 0, r0, r1, error: None }
            }
            Err(error) => {
                let r0 = error.detail().unwrap_or_else(|| error.triple().reason);
                Registers { r15: 8, r0: Zeroizing::new(r0), r1: Zeroizing::new(0), error: Some(error) }
            }
        }
    }
}
