//! Replay: a ticket is good once.
//!
//! Evaluation recovers the exact second a ticket was made in, and with one key a user has one
//! ticket per application and second. So a register need not keep tickets: algorithm, user,
//! application, second, and 16 bits that tell tickets of different keys apart *are* the ticket,
//! without being worth anything to a thief.

mod applications;
mod memory;
mod users;

use std::fmt;

pub use self::memory::{Footprint, MemoryRegister};
use crate::error::Error;
use crate::id::{Applid, UserId};
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Where the uses of tickets are remembered.
///
/// # Contract
///
/// - Of all calls with equal uses, by whatever thread, **one** answers [`Usage::First`]; every
///   later one answers [`Usage::Replay`], for as long as `now` is at most
///   [`Window::MAX_SECONDS`](crate::Window::MAX_SECONDS) after the ticket's time. After that
///   the register may forget.
/// - Calls may overlap. Looking up and remembering are one step, not two.
/// - An error means that the register does not know. The caller **must refuse** the ticket;
///   whether the use was remembered is open.
/// - The clock is the `now` of the calls, and it may go backwards: nothing that is still within
///   reach at the earlier time is answered `First` a second time. A register that has forgotten
///   it answers with an error.
/// - Only tickets that an evaluation accepted at `now` belong in here.
///
/// How far memory reaches (one process, one system, several) is for each register to say. RACF
/// remembers per system: z/OS 2.1, "How RACF processes the password or PassTicket".
pub trait ReplayRegister: fmt::Debug + Send + Sync {
    /// Remembers a use, and says whether it is the first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Register`](crate::ErrorKind::Register) if the register cannot tell.
    fn first_use(&self, used: &TicketUse, now: Timestamp) -> Result<Usage, Error>;
}

/// The answer of a [`ReplayRegister`]. There will not be a third one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Usage {
    /// The ticket was not used before.
    First,
    /// The ticket was used before; refuse it, unless the profile allows replays.
    Replay,
}

/// The algorithm of a ticket, as part of its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TicketKind {
    /// DES.
    Legacy,
    /// HMAC-SHA-512, of either type.
    Enhanced,
}

impl fmt::Display for TicketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Legacy => "legacy",
            Self::Enhanced => "enhanced",
        })
    }
}

/// What makes a ticket the same ticket: algorithm, user, application, second, and a mark of its text.
///
/// One that is presented again always has the same use. Two of one second that were made with
/// different keys are different tickets, and have different uses but for one pair in 65,536.
///
/// Assumed, as no published text defines it; see [`ASSUMPTIONS`](crate::ASSUMPTIONS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketUse {
    session: Identity,
    time: Timestamp,
    mark: u16,
}

impl TicketUse {
    /// The use of a ticket made at `time`: what
    /// [`Verdict::ticket_time`](crate::Verdict::ticket_time) gives, **not** the time `decode`
    /// gives, which is cut to the bits of the ticket.
    #[must_use]
    pub fn new(kind: TicketKind, user: UserId, application: Applid, time: Timestamp, ticket: &Ticket) -> Self {
        Self::marked(kind, user, application, time, mark(ticket))
    }

    /// A use as a register has kept it.
    #[must_use]
    pub const fn marked(kind: TicketKind, user: UserId, application: Applid, time: Timestamp, mark: u16) -> Self {
        Self { session: Identity { kind, user, application }, time, mark }
    }

    /// The algorithm.
    #[must_use]
    pub const fn kind(&self) -> TicketKind {
        self.session.kind
    }

    /// The user.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.session.user
    }

    /// The application.
    #[must_use]
    pub const fn application(&self) -> Applid {
        self.session.application
    }

    /// The second the ticket was made in.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// 16 bits of the ticket's text, of at least 32: too few to find it by.
    #[must_use]
    pub const fn mark(&self) -> u16 {
        self.mark
    }
}

/// FNV-1a, folded. Nothing is to be hidden by it: that so few bits are kept does that.
fn mark(ticket: &Ticket) -> u16 {
    let hash = ticket
        .characters()
        .iter()
        .fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_be_bytes();
    u16::from_be_bytes([a ^ c, b ^ d])
}

/// A [`TicketUse`] without its second and mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Identity {
    kind: TicketKind,
    user: UserId,
    application: Applid,
}
