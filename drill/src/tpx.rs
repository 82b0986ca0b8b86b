//! TPX: a session manager that signs its users on with PassTickets it makes.
//!
//! Source: Broadcom article 415349 for what the user sees and what the log shows when a ticket cannot be made.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Observed};
use icsf_core::{Cause, codes};
use icsf_saf::codes::{Code as Situation, Triple};
use icsf_saf::model::Credential;
use icsf_saf::{Caller, Request, SignedOnBy};
use softicsf::{System, UserId};
use zeroize::Zeroizing;

use crate::plan::{Consumer, Session};

/// The messages of this consumer, and where their form comes from.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "TPX",
        what: "==> Session ... ended - Pass Ticket gen failed <==",
        provenance: Observed("Broadcom article 415349"),
    },
    Fact {
        topic: "TPXL0921",
        what: "four lines: event, user and session, reason code with additional information, its meaning",
        provenance: Observed("Broadcom article 415349"),
    },
    Fact {
        topic: "TPXL0921",
        what: "REASON CODE is the ICSF return code, the additional information return code and reason in hexadecimal",
        provenance: Assumed("SIC4001", "one sample, 0C and 0C0000, fits ICSF 12/0; nothing else was seen"),
    },
    Fact {
        topic: "SIC4002",
        what: "a ticket that could not be made for another reason than CSNBENC",
        provenance: Assumed("SIC4002", "what TPX prints then was not seen"),
    },
    Fact {
        topic: "SIC4003",
        what: "the application refused the sign-on",
        provenance: Assumed("SIC4003", "what is printed then depends on the application"),
    },
];

/// A session manager as it stands during a drill.
#[derive(Debug, Clone)]
pub(crate) struct Tpx {
    pub(crate) consumer: Consumer,
    /// The ACT field: whether it makes tickets.
    pub(crate) generate: bool,
}

/// What became of one sign-on.
#[derive(Debug)]
pub(crate) struct Logon {
    pub(crate) user: UserId,
    pub(crate) session: String,
    /// Whether a ticket was to be made, and no password typed.
    pub(crate) with_ticket: bool,
    pub(crate) result: Result<SignedOnBy, Failure>,
    /// What user and log see.
    pub(crate) lines: Vec<String>,
    /// The ticket, for making sure that it does not come out.
    pub(crate) ticket: Option<Zeroizing<String>>,
}

/// Why a sign-on failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) saf: Triple,
    /// What it was that failed: of a sign-on, what was wrong with the ticket.
    pub(crate) situation: Situation,
    pub(crate) cause: Cause,
}

impl Failure {
    pub(crate) fn of(error: &icsf_saf::Error) -> Self {
        let mut root = error;
        while let Some(below) = std::error::Error::source(root).and_then(|source| source.downcast_ref()) {
            root = below;
        }
        Self { saf: error.triple(), situation: root.code(), cause: error.cause().clone() }
    }

    /// Whether the other one differs in nothing but who signed on.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.situation == other.situation && self.cause.to_string() == other.cause.to_string()
    }
}

impl Tpx {
    /// Starts a session for a user: with a ticket if TPX makes them, else with the password typed, if there is one.
    pub(crate) fn logon(&self, system: &System, user: UserId, session: &Session, typed: Option<&Credential>) -> Logon {
        let request = Request::new(user, session.application);
        let mut logon = Logon {
            user,
            session: session.name.clone(),
            with_ticket: typed.is_none(),
            result: Ok(SignedOnBy::Password),
            lines: Vec::new(),
            ticket: None,
        };
        let ticket = match typed {
            Some(_) => None,
            None => match system.generate(&Caller::user(self.consumer.runs_as), &request) {
                Ok(ticket) => {
                    logon.ticket = Some(Zeroizing::new(ticket.expose().to_owned()));
                    Some(Credential::from(&ticket))
                }
                Err(error) => {
                    logon.lines = generation_failed(system.now(), user, session, &error);
                    logon.result = Err(Failure::of(&error));
                    return logon;
                }
            },
        };
        let Some(credential) = typed.or(ticket.as_ref()) else { return logon };
        logon.result = system.sign_on(&request, credential).map_err(|error| {
            let code = error.triple();
            logon.lines =
                vec![format!("SIC4003 {user} at {}: the application refused the sign-on, SAF {code}", session.applid)];
            Failure::of(&error)
        });
        logon
    }
}

fn generation_failed(now: u64, user: UserId, session: &Session, error: &icsf_saf::Error) -> Vec<String> {
    let mut lines = vec![format!("==> Session {} ended - Pass Ticket gen failed <==", session.name)];
    let cause = error.cause();
    match (cause.service(), cause.code()) {
        (Some(service @ "CSNBENC"), Some(code)) => {
            let at = i64::try_from(now).ok().and_then(|s| jiff::Timestamp::from_second(s).ok()).unwrap_or_default();
            let (rc, reason) = (code.rc(), code.reason(codes::ReasonCodes::Icsf));
            lines.push(format!(
                "TPXL0921 {} SESSION START PASS TICKET GENERATION FAILED",
                at.strftime("%m/%d/%y.%j %H:%M:%S.00")
            ));
            lines.push(format!(
                "        FOR USERID: {:<8} SESSION:  {:<8} APPL PROFILE: {}",
                user.to_string(),
                session.name,
                session.application
            ));
            lines.push(format!("        REASON CODE:{rc:02X} Additional HEX INFO:{rc:02X}{reason:04X}"));
            lines.push(format!("        Reason Meaning: ICSF {service} services Failed"));
        }
        _ => lines.push(format!(
            "SIC4002 {user} at {}: PassTicket generation failed, SAF {}",
            session.application,
            error.triple()
        )),
    }
    lines
}
