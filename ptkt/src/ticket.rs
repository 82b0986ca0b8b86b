//! The ticket as a value: eight characters that are a password while they live.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{Error, Reason};

/// Eight printable ASCII characters: a PassTicket, or a candidate for one.
///
/// Made by a `generate` function it is a ticket. Parsed from outside it is only a candidate;
/// whether it is well formed for one of the algorithms is for the decoders to say. Case is
/// never folded: MIXED tickets live by it.
///
/// A ticket is a password. It is wiped on drop, compared in constant time, hidden in `Debug`,
/// and has no `Display`: [`expose`](Self::expose) is the one way to the text.
///
/// ```
/// use ptkt::Ticket;
///
/// let ticket: Ticket = "ZVQLMCAN".parse()?;
/// assert_eq!(ticket.expose(), "ZVQLMCAN");
/// assert_eq!(format!("{ticket:?}"), "Ticket(..)");
/// # Ok::<(), ptkt::Error>(())
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Ticket([u8; 8]);

impl Ticket {
    /// `characters` must be printable ASCII.
    pub(crate) fn from_characters(characters: [u8; 8]) -> Self {
        debug_assert!(characters.iter().all(|byte| is_printable(*byte)));
        Self(characters)
    }

    /// The secret text, 8 characters.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Every way to make a ticket admits ASCII only, so the default is never taken.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn characters(&self) -> &[u8; 8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Ticket {
    type Error = Error;

    /// Takes 8 bytes of printable ASCII (X'20' to X'7E') as a candidate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ticket`](crate::ErrorKind::Ticket) for any other length or byte. The message
    /// gives the length or the position, never the text.
    fn try_from(text: &[u8]) -> Result<Self, Error> {
        let Ok(characters) = <[u8; 8]>::try_from(text) else {
            return Err(Reason::TicketLength { count: text.len() }.into());
        };
        match characters.iter().position(|byte| !is_printable(*byte)) {
            None => Ok(Self(characters)),
            Some(index) => Err(Reason::TicketCharacter { position: index + 1 }.into()),
        }
    }
}

impl FromStr for Ticket {
    type Err = Error;

    /// As the conversion from bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ticket`](crate::ErrorKind::Ticket).
    fn from_str(text: &str) -> Result<Self, Error> {
        text.as_bytes().try_into()
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Takes the same time whatever the two hold.
impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Ticket {}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}
