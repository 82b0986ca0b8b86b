//! The PassTicket and Kerberos services with the parameters of the real ones: function codes, option words, string areas in EBCDIC. A
//! layer for another language hands its parameter list on as it is.
//!
//! What they answer is what [`Saf::generate`](crate::Saf::generate) and [`Saf::evaluate`](crate::Saf::evaluate) answer, and
//! of Kerberos [`Saf::parse_token`](crate::Saf::parse_token) and [`Saf::accept_context`](crate::Saf::accept_context), with
//! the whole cause; `docs/saf.md` says when each triple comes.

mod r_gensec;
mod r_ticketserv;
mod rcvtptgn;

use icsf_core::Cause;
use ptkt::{Applid, Ticket, UserId};
pub use r_gensec::{Gensec, StringBlock};
pub use r_ticketserv::Ticketserv;
pub use rcvtptgn::Registers;
use zeroize::Zeroizing;

use crate::codes::Code;
use crate::ebcdic;
use crate::error::{Error, Result};
use crate::kerberos::KerberosClient;

/// A parameter that is not right.
fn parameter(what: impl Into<String>) -> Error {
    Error::new(Code::ParameterList, Cause::new(what))
}

/// A function code or option word that is not right.
fn function(what: impl Into<String>) -> Error {
    Error::new(Code::BadFunction, Cause::new(what))
}

/// The text of a string area, without blanks at its end.
fn text(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0x40).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

fn user(bytes: &[u8]) -> Result<UserId> {
    UserId::from_ebcdic(text(bytes)).map_err(|error| parameter(error.to_string()))
}

fn application(bytes: &[u8]) -> Result<Applid> {
    Applid::from_ebcdic(text(bytes)).map_err(|error| parameter(error.to_string()))
}

/// A ticket in EBCDIC.
#[must_use]
pub fn to_ebcdic(ticket: &Ticket) -> Zeroizing<[u8; 8]> {
    let mut bytes = Zeroizing::new([0; 8]);
    bytes.iter_mut().zip(ticket.expose().bytes()).for_each(|(byte, ascii)| *byte = ascii);
    ebcdic::from_latin_1(&mut *bytes);
    bytes
}

/// A ticket from EBCDIC; a byte that is in no ticket stays one that is in none. Nothing where there are not 8 bytes.
#[must_use]
pub fn from_ebcdic(bytes: &[u8]) -> Option<Ticket> {
    let mut text = Zeroizing::new(bytes.to_vec());
    ebcdic::to_latin_1(&mut text);
    let in_tickets = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    text.iter_mut().filter(|byte| !in_tickets(**byte)).for_each(|byte| *byte = b'?');
    Ticket::try_from(text.as_slice()).ok()
}

/// The name of a Kerberos client for an area with room for `room` bytes, in EBCDIC.
fn principal(client: &KerberosClient, room: usize) -> Result<Vec<u8>> {
    let latin = |c: char| u8::try_from(c).unwrap_or(b'?');
    let mut name: Vec<u8> = client.global_name().chars().map(latin).collect();
    if name.len() > room {
        let cause = Cause::new(format!("the principal has {} bytes, and its area {room}", name.len()));
        return Err(Error::new(Code::KerberosArea, cause.with_remedy("240 bytes are enough for most")));
    }
    ebcdic::from_latin_1(&mut name);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_ticket_comes_back() {
        let all: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*b"-_").collect();
        for eight in all.chunks(8) {
            let ticket = Ticket::try_from(eight).unwrap();
            assert_eq!(from_ebcdic(&*to_ebcdic(&ticket)).unwrap(), ticket);
        }
        assert_eq!(*to_ebcdic(&"AJSajs0-".parse().unwrap()), [0xc1, 0xd1, 0xe2, 0x81, 0x91, 0xa2, 0xf0, 0x60]);
        assert_eq!(from_ebcdic(&[0x40; 8]).unwrap().expose(), "????????");
        assert!(from_ebcdic(&[0xc1; 7]).is_none());
    }
}
