//! What became of a request, for the log and the journal: names, codes and causes, and never a key or a ticket.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use icsf_core::codes::ReasonCodes;
use icsf_core::journal::{Event, Outcome as Ended, What};
use icsf_core::{Cause, Icsf};

use crate::codes::ErrorCode;
use crate::crypto::CryptoError;
use crate::flags::TicketFlags;
use crate::lifetime::Times;
use crate::messages::{Exchange, Malformed, NotDer};

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    code: ErrorCode,
    reason: Cow<'static, str>,
    cause: Option<Box<Cause>>,
    pub(crate) data: Option<Vec<u8>>,
}

impl Refusal {
    pub(crate) const fn new(code: ErrorCode, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason), cause: None, data: None }
    }

    /// What ICSF said. The client gets the code pair of the service, as a session manager shows it; the rest is for those
    /// who run the KDC.
    pub(crate) fn icsf(error: &icsf_core::Error, numbering: ReasonCodes) -> Self {
        let cause = error.cause();
        let (service, rc, reason) = (cause.service(), error.return_code(), error.reason_code(numbering));
        let reason = service.map_or_else(
            || format!("ICSF services failed {rc}/{reason}"),
            |service| format!("ICSF {service} services failed {rc}/{reason}"),
        );
        Self {
            code: ErrorCode::ServiceUnavailable,
            reason: Cow::Owned(reason),
            cause: Some(Box::new(cause.clone())),
            data: None,
        }
    }

    /// What was wrong with something encrypted: the sender's fault, or the engine's.
    pub(crate) fn crypto(error: &CryptoError, numbering: ReasonCodes, otherwise: Self) -> Self {
        match error {
            CryptoError::Engine(error) => Self::icsf(error, numbering),
            _ => otherwise,
        }
    }

    /// With the cause that the client is not told.
    pub(crate) fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    pub(crate) fn with_data(self, data: Vec<u8>) -> Self {
        Self { data: Some(data), ..self }
    }

    /// The code in the KRB-ERROR.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The same when the failures of engines have a code of their own.
    pub(crate) fn code_with(&self, engine: ErrorCode) -> ErrorCode {
        if self.code == ErrorCode::ServiceUnavailable { engine } else { self.code }
    }

    /// Why, in a few words: the text in the KRB-ERROR.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What is behind it, which the client is not told.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_deref()
    }
}

impl From<NotDer> for Refusal {
    fn from(_: NotDer) -> Self {
        Self::new(ErrorCode::Generic, "a part of the request is not DER")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.code, self.reason)?;
        self.cause.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

/// A ticket that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issued {
    /// What it is.
    pub flags: TicketFlags,
    /// When the client was authenticated.
    pub auth_time: u64,
    /// When it is valid.
    pub times: Times,
    /// Numbers of the encryption types: of the reply, the ticket, the session key.
    pub etypes: [i32; 3],
}

/// What became of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Result {
    /// A ticket was issued.
    Issued(Issued),
    /// It was refused.
    Refused(Refusal),
    /// The request was seen just before: the same reply was given.
    Repeated,
    /// It is no request; nothing was answered.
    Malformed(Malformed),
}

/// What became of a request, and whose it was.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// Which exchange; none of what is no request, and of one that was seen before.
    pub exchange: Option<Exchange>,
    /// From where it came.
    pub peer: IpAddr,
    /// The client, with its realm; as far as it is known.
    pub client: Option<String>,
    /// The server the ticket is for, with its realm.
    pub server: Option<String>,
    /// What became of it.
    pub result: Result,
}

impl Outcome {
    /// Tells the journal of ICSF. That pre-authentication is needed is part of every logon and not told.
    pub fn tell(&self, icsf: &Icsf) {
        let what = match self.exchange {
            Some(Exchange::As) => What::As,
            Some(Exchange::Tgs) => What::Tgs,
            None => return,
        };
        if matches!(&self.result, Result::Refused(refusal) if refusal.code == ErrorCode::PreauthRequired) {
            return;
        }
        icsf.tell(what, |event| {
            let known = Event { user: self.client.clone(), application: self.server.clone(), ..event };
            match &self.result {
                Result::Issued(issued) => known.action(issued.flags.to_string()),
                Result::Refused(refusal) => {
                    let event = match refusal.cause() {
                        Some(cause) => known.because(cause),
                        None => {
                            Event { outcome: Ended::Failed, cause: Some(refusal.reason.clone().into_owned()), ..known }
                        }
                    };
                    Event { situation: Some(refusal.code.to_string()), ..event }
                }
                Result::Repeated | Result::Malformed(_) => known,
            }
        });
    }
}

/// A line of a log: exchange, peer, what, whose.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchange = match self.exchange {
            Some(Exchange::As) => "AS ",
            Some(Exchange::Tgs) => "TGS ",
            None => "",
        };
        write!(f, "{exchange}{}: ", self.peer)?;
        match &self.result {
            Result::Issued(_) => f.write_str("issued")?,
            Result::Refused(_) => f.write_str("refused")?,
            Result::Repeated => f.write_str("repeated")?,
            Result::Malformed(why) => write!(f, "not answered, {why}")?,
        }
        let unknown = "(unknown)";
        if self.exchange.is_some() {
            let [client, server] = [&self.client, &self.server].map(|name| name.as_deref().unwrap_or(unknown));
            write!(f, " {client} for {server}")?;
        }
        match &self.result {
            Result::Issued(issued) => {
                let [reply, ticket, session] = issued.etypes;
                let Issued { flags, times, auth_time, .. } = issued;
                write!(f, ", flags {flags}, authtime {auth_time}, start {}, end {}", times.start, times.end)?;
                times.renew_till.iter().try_for_each(|till| write!(f, ", renew till {till}"))?;
                write!(f, ", etypes reply {reply} ticket {ticket} session {session}")
            }
            Result::Refused(refusal) => write!(f, ", {refusal}"),
            Result::Repeated | Result::Malformed(_) => Ok(()),
        }
    }
}
