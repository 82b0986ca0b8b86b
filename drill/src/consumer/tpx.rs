//! TPX: a session manager that signs its users on with PassTickets it makes.
//!
//! Source: Broadcom article 415349 for what the user sees and what the log shows when a ticket cannot be made; article 4776
//! for TPXL0926; TPX 5.3 documentation for the fields of the ACT: whether tickets are made, whether qualified ones, and the
//! profile name, for which the applid stands where it is blank.

use icsf_core::Cause;
use icsf_core::codes;
use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Observed, Reported};
use icsf_saf::model::Credential;
use softicsf::UserId;

use super::{Asked, Consumer, Failure, Logon, Place, Settings, clock};

/// The messages of this consumer, and where their form comes from.
pub(super) const FACTS: &[Fact] = &[
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
        topic: "TPXL0926",
        what: "the session has an ACL user ID that is not the user who signs on",
        provenance: Reported("Broadcom articles 4776 and 12063"),
    },
    Fact {
        topic: "TPXL0926",
        what: "its words, and that it has two lines like those of TPXL0921",
        provenance: Assumed("SIC4011", "the articles tell what it names, and not how it is written"),
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
#[derive(Debug)]
pub(super) struct Tpx {
    runs_as: UserId,
    password_fallback: bool,
}

impl Tpx {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self { runs_as: settings.runs_as, password_fallback: settings.password_fallback }
    }
}

impl Consumer for Tpx {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        let mut sign_on = Logon::begun(asked);
        let ticket = if sign_on.with_ticket { self.ticket(place, asked, &mut sign_on) } else { Ok(None) };
        let ticket = match ticket {
            Ok(ticket) => ticket,
            Err(failure) => match asked.password.filter(|_| self.password_fallback) {
                // &PSWD then holds what the user typed.
                Some(_) => None,
                None => return sign_on.failed(failure),
            },
        };
        let Some(credential) = ticket.as_ref().or(asked.password) else { return sign_on };
        sign_on.result = place.present(asked, credential).inspect_err(|failure| {
            let (user, applid) = (asked.user, &asked.session.applid);
            sign_on.lines.push(format!(
                "SIC4003 {user} at {applid}: the application refused the sign-on, SAF {}",
                failure.saf()
            ));
        });
        sign_on
    }
}

impl Tpx {
    fn ticket(&self, place: &Place<'_>, asked: &Asked<'_>, sign_on: &mut Logon) -> Result<Option<Credential>, Failure> {
        let (user, session) = (asked.user, asked.session);
        if let Some(acl) = session.acl_user.filter(|acl| *acl != user) {
            let (at, name) = (clock(place.here.now(), "%m/%d/%y.%j %H:%M:%S.00"), &session.name);
            sign_on.lines.push(format!("==> Session {name} ended - Pass Ticket gen failed <=="));
            sign_on.lines.push(format!("TPXL0926 {at} ACLUSER INVALID FOR PASS TICKET, GENERATION FAILED"));
            sign_on.lines.push(format!("        USER: {user}  SESSION: {name}  ACLUSER: {acl}"));
            let why = format!("the session has ACL user {acl}, and {user} signs on");
            let remedy = "take the user ID out of the ACL of the session, or switch PassTickets off for it";
            return Err(Failure::because(Cause::new(why).with_remedy(remedy)));
        }
        let ticket = place.generate(self.runs_as, asked).inspect_err(|failure| {
            sign_on.lines.extend(generation_failed(place, asked, failure));
        })?;
        sign_on.keep(&ticket);
        Ok(Some(Credential::from(&ticket)))
    }
}

fn generation_failed(place: &Place<'_>, asked: &Asked<'_>, failure: &Failure) -> Vec<String> {
    let (user, session) = (asked.user, asked.session);
    let profile =
        session.application.on(place.here).map_or_else(|_| session.application.to_string(), |a| a.to_string());
    let mut lines = vec![format!("==> Session {} ended - Pass Ticket gen failed <==", session.name)];
    match (failure.cause.service(), failure.cause.code()) {
        (Some(service @ "CSNBENC"), Some(code)) => {
            let (rc, reason) = (code.rc(), code.reason(codes::ReasonCodes::Icsf));
            lines.push(format!(
                "TPXL0921 {} SESSION START PASS TICKET GENERATION FAILED",
                clock(place.here.now(), "%m/%d/%y.%j %H:%M:%S.00")
            ));
            lines.push(format!(
                "        FOR USERID: {:<8} SESSION:  {:<8} APPL PROFILE: {profile}",
                user.to_string(),
                session.name,
            ));
            lines.push(format!("        REASON CODE:{rc:02X} Additional HEX INFO:{rc:02X}{reason:04X}"));
            lines.push(format!("        Reason Meaning: ICSF {service} services Failed"));
        }
        _ => lines.push(format!("SIC4002 {user} at {profile}: PassTicket generation failed, SAF {}", failure.saf())),
    }
    lines
}
