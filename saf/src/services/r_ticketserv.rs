//! R_ticketserv (IRRSPK00): PassTickets, and the Kerberos principal of a token.
//!
//! Source: RACF Callable Services, R_ticketserv; the order of the parameters and the halfword before each string from
//! IBM's COBOL sample ATSPTKTC. That ticket option 2 evaluates: SIC2026; areas of function 1: SIC2051.

use std::fmt;

use super::{application, from_ebcdic, function, parameter, principal, to_ebcdic, user};
use crate::access::Caller;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::passticket::Request;
use crate::server::Saf;

/// Parses a Kerberos token.
const PARSE: u16 = 1;
/// Makes or checks a PassTicket.
const PASSTICKET: u16 = 3;
const GENERATE: u32 = 1;
const EVALUATE: u32 = 2;

/// The parameters of a call that matter: not the work area, nor the ALETs. Each string has its length in a halfword before
/// it.
pub struct Ticketserv<'a> {
    /// The function: 1 parses a Kerberos token, 3 is for PassTickets.
    pub function_code: u16,
    /// The option word: 0.
    pub option_word: u32,
    /// The ticket: a halfword 8, and 8 bytes, which generation fills and evaluation reads. Of function 1 the token of a
    /// Kerberos client behind a halfword with its length.
    pub ticket: &'a mut [u8],
    /// What is to be done: 1 generates, 2 evaluates.
    pub ticket_options: u32,
    /// The user ID. Function 1 puts the principal here, as `/.../REALM/principal`.
    pub identity: &'a mut [u8],
    /// The application name.
    pub application: &'a [u8],
    /// Whether the last address of the parameter list has its high-order bit.
    pub high_order_bit: bool,
}

/// Shows no ticket.
impl fmt::Debug for Ticketserv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticketserv")
            .field("function_code", &self.function_code)
            .field("option_word", &self.option_word)
            .field("ticket_options", &self.ticket_options)
            .field("high_order_bit", &self.high_order_bit)
            .finish_non_exhaustive()
    }
}

impl Saf {
    /// R_ticketserv. On success of generation the ticket is in its area, and nothing else has been changed.
    ///
    /// # Errors
    /// [`Code::HighOrderBit`], [`Code::BadFunction`], [`Code::ParameterList`]; of function 1 what
    /// [`parse_token`](Self::parse_token) answers, and [`Code::KerberosArea`]; of function 3 what [`generate`](Self::generate) and
    /// [`evaluate`](Self::evaluate) answer.
    pub fn r_ticketserv(&self, caller: &Caller, call: &mut Ticketserv<'_>) -> Result<()> {
        if !call.high_order_bit {
            let cause = icsf_core::Cause::new("the last address of the parameter list lacks the high-order bit");
            return Err(Error::new(Code::HighOrderBit, cause));
        }
        if call.option_word != 0 {
            return Err(function(format!("option word {} is not zero", call.option_word)));
        }
        match call.function_code {
            PARSE => self.ticketserv_parse(caller, call),
            PASSTICKET => self.ticketserv_passticket(caller, call),
            other => Err(function(format!("R_ticketserv has no function {other}: 1 Kerberos, 3 PassTicket"))),
        }
    }

    fn ticketserv_parse(&self, caller: &Caller, call: &mut Ticketserv<'_>) -> Result<()> {
        let client = self.parse_token(caller, prefixed("token", call.ticket)?)?;
        let name = principal(&client, call.identity.len().saturating_sub(2))?;
        let length = u16::try_from(name.len()).map_err(|_long| parameter("the principal is longer than a halfword"))?;
        let area = call.identity.iter_mut();
        area.zip(length.to_be_bytes().iter().chain(&name)).for_each(|(place, byte)| *place = *byte);
        Ok(())
    }

    fn ticketserv_passticket(&self, caller: &Caller, call: &mut Ticketserv<'_>) -> Result<()> {
        let request = Request::new(
            user(prefixed("identity", call.identity)?)?,
            application(prefixed("application", call.application)?)?,
        );
        let area = match call.ticket.split_first_chunk_mut::<2>() {
            Some((length, area)) if u16::from_be_bytes(*length) == 8 => area.first_chunk_mut::<8>(),
            _ => None,
        };
        let area = area.ok_or_else(|| parameter("the ticket area is a halfword 8 and 8 bytes"))?;
        match call.ticket_options {
            GENERATE => {
                let ticket = self.generate(caller, &request)?;
                area.copy_from_slice(&*to_ebcdic(&ticket));
                Ok(())
            }
            EVALUATE => {
                let ticket = from_ebcdic(area).ok_or_else(|| parameter("a ticket has 8 bytes"))?;
                self.evaluate(caller, &request, &ticket).map(drop)
            }
            other => Err(parameter(format!("ticket option {other} is neither 1, generate, nor 2, evaluate"))),
        }
    }
}

/// A string behind a halfword with its length.
fn prefixed<'a>(what: &str, area: &'a [u8]) -> Result<&'a [u8]> {
    let string = area.split_first_chunk::<2>().and_then(|(length, rest)| {
        let length = usize::from(u16::from_be_bytes(*length));
        rest.get(..length)
    });
    string.ok_or_else(|| parameter(format!("the {what} is shorter than the halfword before it says")))
}
