//! How far a ticket's time may be from now: the one place where that is decided.
//!
//! An evaluator recovers the exact second of a ticket, so a window costs nothing and is a
//! comparison of one number: the *delta*, now minus the ticket's time, in seconds.

use crate::error::{Error, Reason};
use crate::time::Timestamp;

/// The deltas at which a ticket is accepted.
///
/// The edges are ours: both windows are taken as **inclusive** (a ticket exactly 600 seconds
/// off is accepted, 601 is not) and as **symmetric** (a ticket from the future is as good as
/// one from the past). The published texts say neither; see [`ASSUMPTIONS`](crate::ASSUMPTIONS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    past: u32,
    future: u32,
}

impl Window {
    /// TIMEOUT of an enhanced profile that does not name one, in seconds.
    ///
    /// Source: RACF education material for z/OS 2.5, enhanced PassTickets, SSIGNON operands.
    pub const DEFAULT_TIMEOUT: u32 = 60;

    /// The widest window there is, in seconds to each side.
    pub const MAX_SECONDS: u32 = 600;

    /// The fixed window of legacy tickets: 600 seconds before and after.
    ///
    /// Source: z/OS 2.1, "How RACF processes the password or PassTicket": plus or minus 10
    /// minutes, both clocks on GMT.
    #[must_use]
    pub const fn legacy() -> Self {
        Self { past: Self::MAX_SECONDS, future: Self::MAX_SECONDS }
    }

    /// The window of an enhanced profile: TIMEOUT seconds before and after.
    ///
    /// Source of the range: as [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) unless `timeout` is 1 to 600.
    pub fn enhanced(timeout: u32) -> Result<Self, Error> {
        match timeout {
            1..=Self::MAX_SECONDS => Ok(Self { past: timeout, future: timeout }),
            _ => Err(Reason::Timeout { seconds: timeout }.into()),
        }
    }

    /// The same window without its future half: the other reading of TIMEOUT, for a site that
    /// has seen its system refuse tickets of a clock that runs ahead.
    #[must_use]
    pub const fn past_only(self) -> Self {
        Self { future: 0, ..self }
    }

    /// Judges a ticket that was made `delta` seconds before now (negative: after now).
    ///
    /// ```
    /// use ptkt::{Verdict, Window};
    ///
    /// assert_eq!(Window::legacy().judge(600), Verdict::Accepted { delta: 600 });
    /// assert_eq!(Window::legacy().judge(601), Verdict::Expired { delta: 601 });
    /// assert_eq!(Window::legacy().judge(-601), Verdict::Future { delta: -601 });
    /// ```
    pub const fn judge(self, delta: i64) -> Verdict {
        if delta > self.past as i64 {
            Verdict::Expired { delta }
        } else if delta < -(self.future as i64) {
            Verdict::Future { delta }
        } else {
            Verdict::Accepted { delta }
        }
    }
}

/// What an evaluation found. `delta` is now minus the ticket's time, in seconds, taken on the
/// ticket's own clock: modulo 2^32 for legacy, 2^41 for UPPER, 2^48 for MIXED, as signed.
///
/// A verdict is about the text and the time alone. Whether the ticket was used before is for a
/// [`ReplayRegister`](crate::ReplayRegister).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
#[non_exhaustive]
pub enum Verdict {
    /// A ticket of this session, within the window.
    Accepted {
        /// Now minus the ticket's time, in seconds.
        delta: i64,
    },
    /// Too old: made `delta` seconds ago.
    ///
    /// A ticket of another key, user or application ends here or at
    /// [`Future`](Self::Future), at a random distance: nothing in a ticket tells them apart.
    Expired {
        /// Now minus the ticket's time, in seconds; positive.
        delta: i64,
    },
    /// Too new: will be made in `-delta` seconds.
    Future {
        /// Now minus the ticket's time, in seconds; negative.
        delta: i64,
    },
    /// The text is not well formed: no key, user or application makes it a ticket.
    NotATicket,
}

impl Verdict {
    /// Whether the ticket is within the window.
    #[must_use]
    pub const fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// Now minus the ticket's time, in seconds; `None` for a text that is no ticket.
    #[must_use]
    pub const fn delta(self) -> Option<i64> {
        match self {
            Self::Accepted { delta } | Self::Expired { delta } | Self::Future { delta } => Some(delta),
            Self::NotATicket => None,
        }
    }

    /// The second the ticket was made, `now - delta`, for the `now` it was evaluated at.
    ///
    /// Unlike what `decode` gives, this is not reduced to the bits of the ticket: it is the
    /// time to hand to a [`ReplayRegister`](crate::ReplayRegister). Seconds before 1970 wrap
    /// around at 2^64.
    #[must_use]
    pub const fn ticket_time(self, now: Timestamp) -> Option<Timestamp> {
        match self.delta() {
            Some(delta) => Some(Timestamp::from_secs(now.as_secs().wrapping_sub(delta.cast_unsigned()))),
            None => None,
        }
    }
}
