//! Time as the tickets carry it.

use std::fmt;

/// Seconds since 1970-01-01 00:00:00 UTC, without leap seconds.
///
/// The crate has no clock: every time is passed in. Legacy tickets carry the low 32 bits (they
/// wrap at 2106-02-07 06:28:16 UTC), MIXED enhanced ones 48 bits, UPPER ones 41 bits.
///
/// Source: z/OS 2.1, "Incorporating the PassTicket generator algorithm", item 4 (legacy).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A time from its seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// `self - ticket` on a clock of `bits` bits, read as a signed number.
    pub(crate) const fn delta(self, ticket: Self, bits: u32) -> i64 {
        let unused = 64 - bits;
        (self.0.wrapping_sub(ticket.0) << unused).cast_signed() >> unused
    }
}

impl From<u64> for Timestamp {
    fn from(seconds: u64) -> Self {
        Self(seconds)
    }
}

/// The seconds, in decimal.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
