//! What this crate had to decide because no published text does.

/// One decision that no published text covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assumption {
    /// Our id for it.
    pub id: &'static str,
    /// The question, in a few words.
    pub topic: &'static str,
    /// What this crate does.
    pub what: &'static str,
    /// What is known, and why this answer was taken.
    pub why: &'static str,
}

const fn assumed(id: &'static str, topic: &'static str, what: &'static str, why: &'static str) -> Assumption {
    Assumption { id, topic, what, why }
}

/// Everything in this crate that is assumed rather than documented.
///
/// No ticket of this crate has been held against a running RACF. The algorithms themselves are
/// confirmed by independent programs; these are the rules around them.
pub const ASSUMPTIONS: &[Assumption] = &[
    assumed(
        "SIC1001",
        "window boundary",
        "a ticket exactly 600 (legacy) or TIMEOUT (enhanced) seconds off is accepted",
        "the manual says plus or minus 10 minutes and leaves the edge open",
    ),
    assumed(
        "SIC1002",
        "symmetric TIMEOUT",
        "TIMEOUT reaches as far into the future as into the past",
        "the education material speaks of validity in seconds and of clock skew; the original \
         patent (US 5592553) describes a two-sided test",
    ),
    assumed(
        "SIC1003",
        "replay identity",
        "a use is known by algorithm, user, application, the second in the ticket and 16 bits of \
         its text, so tickets of one second made with different keys are different tickets",
        "the manual says user, application and time range; the CICS manual has two sign-ons in one \
         second use qualified profiles with different keys, which it could not if the second alone \
         counted",
    ),
    assumed(
        "SIC1004",
        "legacy wrap at 2^32",
        "generation refuses times from 2^32 on; evaluation takes the difference modulo 2^32 as \
         signed",
        "the time field has 4 unsigned bytes and ends on 2106-02-07; what follows is not \
         described",
    ),
    assumed(
        "SIC1005",
        "enhanced wrap",
        "UPPER differences are taken modulo 2^41, MIXED ones modulo 2^48, as signed",
        "an UPPER ticket loses the top 7 of 48 bits of its time; it matters from the year \
         71000 on",
    ),
    assumed(
        "SIC1006",
        "legal characters",
        "user IDs and application names are 1 to 8 of A-Z, 0-9, @, #, $; other EBCDIC bytes \
         only through from_ebcdic",
        "it is the rule for user IDs; for application names the algorithm would take any byte",
    ),
    assumed(
        "SIC1007",
        "case of legacy and UPPER tickets",
        "a lower-case letter is not part of a legacy or UPPER ticket",
        "their alphabets are upper case; a sign-on path may fold before it evaluates",
    ),
];
