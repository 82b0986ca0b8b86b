//! The crate's one error type.
//!
//! The idea: a caller branches on [`Error::kind`], a person reads the message, and
//! neither ever learns the content of a ticket or a key from it.

use std::error::Error as StdError;

/// Why a value was refused, or why a replay register could not answer.
///
/// One machine word; the message names what was refused and where.
///
/// ```
/// use ptkt::{ErrorKind, UserId};
///
/// let error = "TOOLONG99".parse::<UserId>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Identifier);
/// assert_eq!(error.to_string(), r#"user id "TOOLONG99" has 9 characters, at most 8 are allowed"#);
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Reason>);

impl Error {
    /// What sort of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Reason::IdEmpty { .. }
            | Reason::IdLong { .. }
            | Reason::IdCharacter { .. }
            | Reason::IdBytes { .. }
            | Reason::IdBlank { .. } => ErrorKind::Identifier,
            Reason::TicketLength { .. } | Reason::TicketCharacter { .. } => ErrorKind::Ticket,
            Reason::Time { .. } => ErrorKind::Time,
            Reason::Timeout { .. } => ErrorKind::Timeout,
            Reason::DesKeyLength { .. } => ErrorKind::KeyLength,
            #[cfg(feature = "enhanced")]
            Reason::HmacKeyLength { .. } => ErrorKind::KeyLength,
            #[cfg(feature = "enhanced")]
            Reason::TicketType { .. } => ErrorKind::TicketType,
            Reason::Register { .. } | Reason::Forgotten { .. } => ErrorKind::Register,
        }
    }

    /// The error of a [`ReplayRegister`](crate::ReplayRegister) that could not tell whether
    /// a ticket was used before. `cause` becomes the [source](StdError::source).
    #[must_use]
    pub fn register(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Reason::Register { cause: cause.into() }.into()
    }
}

/// The sorts of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A user ID, application name or group name breaks the naming rule.
    Identifier,
    /// A text cannot even be a candidate for a ticket.
    Ticket,
    /// A time does not fit the field of the algorithm.
    Time,
    /// A TIMEOUT outside 1 to 600 seconds.
    Timeout,
    /// A key of a length the algorithm does not take.
    KeyLength,
    /// A TYPE other than UPPER and MIXED.
    TicketType,
    /// A replay register could not answer; the ticket must be refused.
    Register,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("{what} is empty, 1 to 8 characters are needed")]
    IdEmpty { what: &'static str },
    #[error("{what} {text} has {count} characters, at most 8 are allowed")]
    IdLong { what: &'static str, text: String, count: usize },
    #[error("{what} {text} has {found:?} as character {position}, allowed are A-Z, 0-9, @, # and $")]
    IdCharacter { what: &'static str, text: String, found: char, position: usize },
    #[error("{what} has {count} EBCDIC bytes, 1 to 8 are needed")]
    IdBytes { what: &'static str, count: usize },
    #[error("{what} has a blank (X'40') as EBCDIC byte {position}, blanks are padding only")]
    IdBlank { what: &'static str, position: usize },
    #[error("a ticket has 8 characters, this text has {count} bytes")]
    TicketLength { count: usize },
    #[error("byte {position} of the text is not printable ASCII, a ticket is")]
    TicketCharacter { position: usize },
    #[error("time {seconds} does not fit the {bits} bits of {field}")]
    Time { seconds: u64, bits: u32, field: &'static str },
    #[error("timeout {seconds} is outside of 1 to 600 seconds")]
    Timeout { seconds: u32 },
    #[error("a legacy key has 8 bytes, this one has {count}")]
    DesKeyLength { count: usize },
    #[cfg(feature = "enhanced")]
    #[error("an enhanced key has 32 to 256 bytes, this one has {count}")]
    HmacKeyLength { count: usize },
    #[cfg(feature = "enhanced")]
    #[error("ticket type {text} is neither UPPER nor MIXED")]
    TicketType { text: String },
    #[error("the replay register gave no answer")]
    Register {
        #[source]
        cause: Box<dyn StdError + Send + Sync>,
    },
    #[error("the replay register does not cover ticket second {second}, only {first} to {last}")]
    Forgotten { second: u64, first: u64, last: u64 },
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self(Box::new(reason))
    }
}

/// Refused text as a message shows it: in quotes, escaped, and cut, because it comes from outside
/// and may be of any length.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 32;
    let mut quoted = String::from('"');
    let mut rest = text.chars();
    quoted.extend(rest.by_ref().take(SHOWN).flat_map(char::escape_debug));
    quoted.push('"');
    if rest.next().is_some() {
        quoted.push_str("...");
    }
    quoted
}
