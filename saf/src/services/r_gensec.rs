//! R_GenSec (IRRSGS00, IRRSGS64): PassTickets, Kerberos, GSS-API.
//!
//! Source: RACF Callable Services, R_GenSec; the parameters of function 3 from Zowe's ZSS and a public C sample, which agree.
//! Subfunctions 2, 3 and 4: SIC2026; the parameters of functions 1 and 2: SIC2051.

use std::fmt;

use icsf_core::Cause;

use super::{application, from_ebcdic, function, parameter, principal, to_ebcdic, user};
use crate::access::Caller;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::passticket::Request;
use crate::server::Saf;

const KERBEROS: u16 = 1;
const GSSAPI: u16 = 2;
const PASSTICKET: u16 = 3;

/// Accepts a context of GSS-API.
const ACCEPT: u32 = 1;

/// What function 3 does.
#[derive(Clone, Copy)]
enum Subfunction {
    Generate { extended: bool },
    Evaluate { extended: bool },
}

impl Subfunction {
    const fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Generate { extended: false },
            2 => Self::Evaluate { extended: false },
            3 => Self::Evaluate { extended: true },
            4 => Self::Generate { extended: true },
            _ => return None,
        })
    }
}

/// The parameters of a call that matter: not the work area, nor the ALETs, nor how many there are.
pub struct Gensec<'a> {
    /// The option word: 0.
    pub option_word: u32,
    /// The function: 1 Kerberos, 2 GSS-API, 3 PassTickets.
    pub function_code: u16,
    /// How many parameters of the function follow: 4.
    pub parameter_count: u32,
    /// Of function 3: 1 generates, 2 evaluates, 3 and 4 do the same, evaluate and generate, and answer a detailed reason.
    /// Of function 2: 1 accepts a context.
    pub subfunction: u32,
    /// The ticket: 8 bytes, which generation fills and evaluation reads. Of functions 1 and 2 the token of a Kerberos client;
    /// function 2 puts the token for the client in its place, none where it waits for none.
    pub ticket: StringBlock<'a>,
    /// The user ID. Functions 1 and 2 put the principal here, as `/.../REALM/principal`.
    pub user: StringBlock<'a>,
    /// The application name.
    pub application: StringBlock<'a>,
}

/// A string as R_GenSec takes it: a word with its length, and where it is.
pub struct StringBlock<'a> {
    /// The length; a generated ticket sets it.
    pub length: u32,
    /// The storage it is in.
    pub bytes: &'a mut [u8],
}

impl StringBlock<'_> {
    /// Fills it with what there is room for.
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        self.length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    }

    fn get(&self, what: &str) -> Result<&[u8]> {
        let length = usize::try_from(self.length).ok();
        let bytes = length.and_then(|length| self.bytes.get(..length));
        bytes.ok_or_else(|| parameter(format!("the {what} is shorter than its length says")))
    }
}

/// Shows no ticket.
impl fmt::Debug for StringBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StringBlock").field("length", &self.length).finish_non_exhaustive()
    }
}

impl fmt::Debug for Gensec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gensec")
            .field("option_word", &self.option_word)
            .field("function_code", &self.function_code)
            .field("parameter_count", &self.parameter_count)
            .field("subfunction", &self.subfunction)
            .finish_non_exhaustive()
    }
}

impl Saf {
    /// R_GenSec. On success of generation the ticket is in its block, and nothing else has been changed.
    ///
    /// # Errors
    /// [`BadFunction`](crate::codes::Code::BadFunction), [`ParameterList`](crate::codes::Code::ParameterList); of functions 1
    /// and 2 what [`parse_token`](Self::parse_token) and [`accept_context`](Self::accept_context) answer, and
    /// [`KerberosArea`](crate::codes::Code::KerberosArea); of function 3 what [`generate`](Self::generate) and
    /// [`evaluate`](Self::evaluate) answer, of its extended subfunctions with [`Error::detail`] in the place of 28 and 32.
    pub fn r_gensec(&self, caller: &Caller, call: &mut Gensec<'_>) -> Result<()> {
        if call.option_word != 0 {
            return Err(function(format!("option word {} is not zero", call.option_word)));
        }
        match call.function_code {
            KERBEROS => {
                let client = self.parse_token(caller, call.ticket.get("token")?)?;
                call.user.put(&principal(&client, call.user.bytes.len())?);
                Ok(())
            }
            GSSAPI => self.gensec_accept(caller, call),
            PASSTICKET => self.gensec_passticket(caller, call),
            other => Err(function(format!("R_GenSec has no function {other}: 1 Kerberos, 2 GSS-API, 3 PassTicket"))),
        }
    }

    fn gensec_accept(&self, caller: &Caller, call: &mut Gensec<'_>) -> Result<()> {
        if call.subfunction != ACCEPT {
            return Err(function(format!(
                "function 2 has no subfunction {} here: 1 accepts a context",
                call.subfunction
            )));
        }
        let client = self.accept_context(caller, call.ticket.get("token")?)?;
        let name = principal(&client, call.user.bytes.len())?;
        let reply = client.reply.unwrap_or_default();
        if reply.len() > call.ticket.bytes.len() {
            let (length, room) = (reply.len(), call.ticket.bytes.len());
            let cause = Cause::new(format!("the reply has {length} bytes, and the block of the token {room}"));
            return Err(Error::new(Code::KerberosArea, cause));
        }
        call.user.put(&name);
        call.ticket.put(&reply);
        Ok(())
    }

    fn gensec_passticket(&self, caller: &Caller, call: &mut Gensec<'_>) -> Result<()> {
        if call.parameter_count != 4 {
            return Err(parameter(format!("function 3 has 4 parameters, not {}", call.parameter_count)));
        }
        let what = Subfunction::of(call.subfunction)
            .ok_or_else(|| function(format!("function 3 has no subfunction {}", call.subfunction)))?;
        let request =
            Request::new(user(call.user.get("user ID")?)?, application(call.application.get("application name")?)?);
        let detailed = |error: Error, extended: bool| if extended { error.extended() } else { error };
        match what {
            Subfunction::Generate { extended } => {
                let area = call.ticket.bytes.first_chunk_mut::<8>();
                let area = area.ok_or_else(|| parameter("the block of the ticket has no room for 8 bytes"))?;
                let ticket = self.generate(caller, &request).map_err(|error| detailed(error, extended))?;
                area.copy_from_slice(&*to_ebcdic(&ticket));
                call.ticket.length = 8;
                Ok(())
            }
            Subfunction::Evaluate { extended } => {
                let ticket =
                    from_ebcdic(call.ticket.get("ticket")?).ok_or_else(|| parameter("a ticket has 8 bytes"))?;
                self.evaluate(caller, &request, &ticket).map(drop).map_err(|error| detailed(error, extended))
            }
        }
    }
}
