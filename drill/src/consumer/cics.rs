//! CICS: a program asks for a ticket with EXEC CICS REQUEST PASSTICKET, and signs on somewhere else with it.
//!
//! Source: CICS Application Programming Reference, REQUEST PASSTICKET: NOTAUTH with RESP2 250 when the PassTicket was not
//! built, INVREQ with RESP2 247 for a name that is none, 251, 252, 254 and 256.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented};
use icsf_saf::codes::Triple;
use icsf_saf::model::Credential;
use softicsf::UserId;

use super::{Asked, Consumer, Failure, Logon, Place, Settings};

pub(super) const FACTS: &[Fact] = &[
    Fact {
        topic: "EXEC CICS REQUEST PASSTICKET",
        what: "NOTAUTH with RESP2 250: the PassTicket was not built; INVREQ with RESP2 247: a bad name",
        provenance: Documented("CICS Application Programming Reference, REQUEST PASSTICKET"),
    },
    Fact {
        topic: "SIC4008",
        what: "RESP2 250 for 8/8/16 and 8/16/28, 252 for any other answer, with ESMRESP and ESMREASON beside it",
        provenance: Assumed("SIC4008", "which answer of the security manager gives which RESP2 was not found"),
    },
];

#[derive(Debug)]
pub(super) struct Cics {
    runs_as: UserId,
}

impl Cics {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self { runs_as: settings.runs_as }
    }
}

/// RESP and RESP2.
fn answer(failure: &Failure) -> (&'static str, u16) {
    match failure.saf {
        None => ("INVREQ", 247),
        Some(Triple { saf: 8, racf: 8, reason: 16 } | Triple { saf: 8, racf: 16, reason: 28 }) => ("NOTAUTH", 250),
        Some(_) => ("INVREQ", 252),
    }
}

impl Consumer for Cics {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        let mut sign_on = Logon::begun(asked);
        let ticket = match (sign_on.with_ticket, asked.password) {
            (false, Some(password)) => {
                sign_on.result = place.present(asked, password);
                return sign_on;
            }
            _ => place.generate(self.runs_as, asked),
        };
        match ticket {
            Ok(ticket) => {
                sign_on.keep(&ticket);
                sign_on.result = place.present(asked, &Credential::from(&ticket));
                sign_on
            }
            Err(failure) => {
                let (resp, resp2) = answer(&failure);
                let esm = failure
                    .saf
                    .map_or_else(String::new, |saf| format!(" ESMRESP={} ESMREASON={}", saf.racf, saf.reason));
                sign_on.lines.push(format!("SIC4008 REQUEST PASSTICKET: {resp} RESP2={resp2}{esm}"));
                sign_on.failed(failure)
            }
        }
    }
}
