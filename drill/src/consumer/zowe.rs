//! Zowe API Mediation Layer: asks for a ticket for each call it passes on.
//!
//! Its users see an HTTP status, and a message that hides the cause. Which status belongs to which codes has been argued
//! about (zowe/api-layer issues 2512 and 1149), so it is a table here.
//!
//! Source: zowe/api-layer, class IRRPassTicket and its exceptions, messages ZWEAG140 and ZWEAG141.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Reported};
use icsf_saf::codes::Triple;
use icsf_saf::model::Credential;
use softicsf::UserId;

use super::{Asked, Consumer, Failure, Logon, Place, Settings};

pub(super) const FACTS: &[Fact] = &[
    Fact {
        topic: "ZWEAG140",
        what: "a request that names no application: HTTP 400",
        provenance: Reported("zowe/api-layer, messages of the gateway"),
    },
    Fact {
        topic: "ZWEAG141",
        what: "the generation of the PassTicket failed, and the reason in words: 8/16/28 is HTTP 400, others are 500",
        provenance: Reported("zowe/api-layer, as of October 2024"),
    },
    Fact {
        topic: "SIC4007",
        what: "the service behind the gateway refused the ticket: HTTP 401",
        provenance: Assumed("SIC4007", "what comes then is the answer of the service"),
    },
];

#[derive(Debug)]
pub(super) struct Zowe {
    runs_as: UserId,
}

/// The HTTP status of a ticket that could not be made.
const fn status(saf: Option<Triple>) -> u16 {
    match saf {
        Some(Triple { saf: 8, racf: 16, reason: 28 }) => 400,
        _ => 500,
    }
}

impl Zowe {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self { runs_as: settings.runs_as }
    }
}

impl Consumer for Zowe {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        let mut sign_on = Logon::begun(asked);
        if !sign_on.with_ticket {
            // The service gets what the user typed, as basic authentication.
            if let Some(password) = asked.password {
                sign_on.result = place.present(asked, password);
            }
            return sign_on;
        }
        let ticket = match place.generate(self.runs_as, asked) {
            Ok(ticket) => ticket,
            Err(failure) => {
                let (http, why) = (status(failure.saf), reason(&failure));
                sign_on.lines.push(format!("HTTP {http} POST /gateway/api/v1/auth/ticket"));
                sign_on.lines.push(format!("ZWEAG141E The generation of the PassTicket failed. Reason: {why}"));
                return sign_on.failed(failure);
            }
        };
        sign_on.keep(&ticket);
        sign_on.result = place.present(asked, &Credential::from(&ticket)).inspect_err(|failure| {
            let applid = &asked.session.applid;
            sign_on.lines.push(format!("HTTP 401 SIC4007 {applid} refused the PassTicket, SAF {}", failure.saf()));
        });
        sign_on
    }

    /// `POST APPLICATION-NAME`, with nothing after it: what a client gets that names none.
    fn command(&mut self, _: &Place<'_>, command: &str) -> Option<Vec<String>> {
        (command.trim().eq_ignore_ascii_case("POST")).then(|| {
            let what = "ZWEAG140E The 'applicationName' parameter name is missing.";
            vec![format!("HTTP 400 {what}")]
        })
    }
}

/// The reason as the gateway words it: the codes, and no cause.
fn reason(failure: &Failure) -> String {
    failure.saf.map_or_else(
        || failure.cause.why().to_owned(),
        |saf| format!("SAF rc: {}, RACF rc: {}, RACF rsn: {}", saf.saf, saf.racf, saf.reason),
    )
}
