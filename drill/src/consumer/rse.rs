//! RSE: the daemon that a developer's workbench connects to, and its servers, one thread for each client.
//!
//! One connection takes several PassTickets, most of them in the same second: with replay protection the second one is
//! refused. Why a ticket fails shows in the log as the three codes of R_ticketserv.
//!
//! Source: IBM z/OS Explorer host configuration, using PassTickets: the seven steps, FEKAPPL, and the flag that lets tickets
//! be used again; IBM Developer for z/OS messages for the lines of the log.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented};
use icsf_saf::model::Credential;
use icsf_saf::{Caller, Request};
use softicsf::UserId;

use super::{Asked, Consumer, Failure, Logon, Place, Settings, generate, present};

pub(super) const FACTS: &[Fact] = &[
    Fact {
        topic: "RSE",
        what: "the log of a ticket that was not made: (R_ticketserv), and SafRc, racfRc, racfRsn",
        provenance: Documented("IBM Developer for z/OS, messages: two lines that show the triple"),
    },
    Fact {
        topic: "RSE",
        what: "F RSED,APPL=IVP PASSTICKET,userid and DAEMON",
        provenance: Documented("IBM z/OS Explorer, operator commands; the answers are SIC4005 and SIC4006"),
    },
    Fact {
        topic: "SIC4005",
        what: "the installation verification: what it found",
        provenance: Assumed("SIC4005", "the output of the IVP was not seen"),
    },
    Fact {
        topic: "SIC4006",
        what: "the step of a connection that failed",
        provenance: Assumed("SIC4006", "the client shows a window, whose text was not seen"),
    },
];

/// The daemon.
#[derive(Debug)]
pub(super) struct Rse {
    settings: Settings,
    /// Numbers the clients.
    clients: u64,
}

impl Rse {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), clients: 0 }
    }

    /// Makes a ticket and has a security environment made with it: what a server thread does for every action.
    fn act(&self, place: &Place<'_>, asked: &Asked<'_>, step: &str, sign_on: &mut Logon) -> Result<(), Failure> {
        let told = |failure: &Failure, lines: &mut Vec<String>| {
            if let Some(saf) = failure.saf {
                lines.push("ERROR class com.ibm.etools.zos.server.ZosClient: (R_ticketserv)".to_owned());
                lines.push(format!("SafRc={}, racfRc={} racfRsn={}", saf.saf, saf.racf, saf.reason));
            }
            lines.push(format!("SIC4006 {}: {step} failed", self.settings.name));
        };
        let ticket = generate(place, self.settings.runs_as, asked).inspect_err(|e| told(e, &mut sign_on.lines))?;
        sign_on.keep(&ticket);
        let by = present(place, asked, &Credential::from(&ticket)).inspect_err(|failure| {
            sign_on.lines.push(format!(
                "SIC4006 {}: {step} failed: the PassTicket was refused, SAF {}",
                self.settings.name,
                failure.saf()
            ));
        })?;
        sign_on.result = Ok(by);
        Ok(())
    }

    fn connect(&mut self, place: &Place<'_>, asked: &Asked<'_>, sign_on: &mut Logon) -> Result<(), Failure> {
        // 1 and 2: the client connects to the daemon, which authenticates it with what it presents: the password, or a
        // certificate, of which nothing more is asked here.
        if let Some(password) = asked.password {
            sign_on.result = Ok(present(place, asked, password).inspect_err(|failure| {
                sign_on.lines.push(format!(
                    "SIC4006 {}: the client was refused, SAF {}",
                    self.settings.name,
                    failure.saf()
                ));
            })?);
        }
        // 3: a client ID, and a server thread for it.
        self.clients += 1;
        // 4: the thread makes a security environment for the client, with a ticket.
        self.act(place, asked, "the security environment of the client", sign_on)?;
        // 5 and 6: the client comes back with its ID, which the server knows. 7: a new ticket for each action.
        for action in 1..=self.settings.actions {
            self.act(place, asked, &format!("action {action}"), sign_on)?;
        }
        Ok(())
    }

    /// Makes a ticket for a user and checks it.
    fn verify(&self, place: &Place<'_>, user: &str) -> Vec<String> {
        let name = &self.settings.name;
        let wrong = |what: String| vec![format!("SIC4005 {name} IVP PASSTICKET {user}: {what}")];
        let (Ok(user), Some(session)) = (user.parse::<UserId>(), self.settings.sessions.first()) else {
            return wrong("no user ID, or no session".to_owned());
        };
        let application = match session.application.on(place.here) {
            Ok(application) => application,
            Err(why) => return wrong(why),
        };
        let (caller, request) = (Caller::user(self.settings.runs_as), Request::new(user, application));
        let checked =
            place.here.generate(&caller, &request).and_then(|ticket| place.here.evaluate(&caller, &request, &ticket));
        match checked {
            Ok(accepted) => wrong(format!("success: {} PassTicket for {application}", accepted.kind)),
            Err(error) => wrong(format!("FAILED for {application}, SAF {}: {}", error.triple(), error.cause().why())),
        }
    }
}

impl Consumer for Rse {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        let mut sign_on = Logon::begun(asked);
        // The feature cannot be disabled: a server needs tickets also for a client that typed a password.
        sign_on.with_ticket = true;
        match self.connect(place, asked, &mut sign_on) {
            Ok(()) => {
                sign_on.lines.push(format!("{}: client {} connected", self.settings.name, self.clients));
                sign_on
            }
            Err(failure) => sign_on.failed(failure),
        }
    }

    fn command(&mut self, place: &Place<'_>, command: &str) -> Option<Vec<String>> {
        let words = command.trim().to_ascii_uppercase();
        let verb = words.strip_prefix("APPL=IVP ")?;
        match verb.split_once(',') {
            Some(("PASSTICKET", user)) => Some(self.verify(place, user.trim())),
            None if verb == "DAEMON" => {
                Some(vec![format!("SIC4005 {} IVP DAEMON: {} clients so far", self.settings.name, self.clients)])
            }
            _ => None,
        }
    }

    fn restart(&mut self) {
        self.clients = 0;
    }
}
