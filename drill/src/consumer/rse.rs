//! RSE: the daemon that a developer's workbench connects to, and its servers, one thread for each client.
//!
//! One connection takes several PassTickets, most of them in the same second: with replay protection the second one is
//! refused. Why a ticket fails shows in the log as the three codes of R_ticketserv.
//!
//! The tickets are checked by two programs: the server itself, and JES Job Monitor, which the actions go to. Both have to
//! go by one application name, FEKAPPL unless it is configured otherwise.
//!
//! Source: IBM z/OS Explorer host configuration, using PassTickets: the seven steps, FEKAPPL, and the flag that lets tickets
//! be used again; IBM Developer for z/OS messages for the lines of the log.

use std::collections::BTreeMap;

use icsf_core::Cause;
use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented};
use icsf_saf::model::Credential;
use icsf_saf::{Caller, Request, SignedOnBy};
use softicsf::UserId;

use super::{Asked, By, Consumer, Failure, Logon, Place, Session, Settings};

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
        topic: "RSE",
        what: "RSE makes the tickets that JES Job Monitor checks: both have one APPLID, FEKAPPL by default",
        provenance: Documented("IBM z/OS Explorer host configuration, using PassTickets"),
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

/// Where the daemon and JES Job Monitor listen.
const DAEMON: u16 = 4035;
const JOB_MONITOR: u16 = 6715;

/// What the daemon tells a client it let in, so that it can come back: who it is, and to which port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ClientId(u64);

/// The thread of a server that works for one client.
#[derive(Debug)]
struct Thread {
    user: UserId,
    /// Whether the client has come back.
    connected: bool,
}

/// The daemon and its server.
#[derive(Debug)]
pub(super) struct Rse {
    settings: Settings,
    /// The threads of clients that were let in.
    threads: BTreeMap<ClientId, Thread>,
}

/// Who checks a ticket that the server made.
#[derive(Debug, Clone, Copy)]
enum CheckedBy {
    /// The server itself, by its own application name.
    Rse,
    /// JES Job Monitor, by the application name it is configured with: FEJJCNFG has to say the same as rse.env.
    JobMonitor,
}

impl Rse {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), threads: BTreeMap::new() }
    }

    /// Makes a ticket and has it checked as a password: what a thread does whenever a password is required.
    fn act(
        &self,
        place: &Place<'_>,
        asked: &Asked<'_>,
        (step, checked_by): (&str, CheckedBy),
        sign_on: &mut Logon,
    ) -> Result<SignedOnBy, Failure> {
        let name = &self.settings.name;
        let ticket = place.generate(self.settings.runs_as, asked).inspect_err(|failure| {
            if let Some(saf) = failure.saf {
                sign_on.lines.push("ERROR class com.ibm.etools.zos.server.ZosClient: (R_ticketserv)".to_owned());
                sign_on.lines.push(format!("SafRc={}, racfRc={} racfRsn={}", saf.saf, saf.racf, saf.reason));
            }
            sign_on.lines.push(format!("SIC4006 {name}: {step} failed"));
        })?;
        sign_on.keep(&ticket);
        let typed = Credential::from(&ticket);
        let (by, whom) = match checked_by {
            CheckedBy::Rse => {
                let own = Session { evaluated_as: asked.session.application.clone(), ..asked.session.clone() };
                (place.present(&Asked { session: &own, ..*asked }, &typed), "RSE".to_owned())
            }
            CheckedBy::JobMonitor => {
                (place.present(asked, &typed), format!("JES Job Monitor, APPLID {},", asked.session.evaluated_as))
            }
        };
        by.inspect_err(|failure| {
            let saf = failure.saf();
            sign_on.lines.push(format!("SIC4006 {name}: {step} failed: {whom} refused the PassTicket, SAF {saf}"));
        })
    }

    /// Steps 1 to 3: the client connects to the daemon, which authenticates it with what it presents, the password, a
    /// Kerberos ticket or a certificate, of which nothing more is asked here; and gets a client ID, and a thread of the server.
    fn admit(&mut self, place: &Place<'_>, asked: &Asked<'_>, sign_on: &mut Logon) -> Result<ClientId, Failure> {
        if self.settings.credential == By::Kerberos && asked.tickets {
            place.by_kerberos(asked).inspect_err(|failure| {
                let (name, codes) = (&self.settings.name, failure.codes());
                sign_on.lines.push(format!("SIC4006 {name}: the client was refused at port {DAEMON}, {codes}"));
            })?;
        } else if let Some(password) = asked.password {
            place.present(asked, password).inspect_err(|failure| {
                let name = &self.settings.name;
                let saf = failure.saf();
                sign_on.lines.push(format!("SIC4006 {name}: the client was refused at port {DAEMON}, SAF {saf}"));
            })?;
        }
        let last = self.threads.last_key_value().map_or(0, |(ClientId(last), _)| *last);
        let id = ClientId(last + 1);
        self.threads.insert(id, Thread { user: asked.user, connected: false });
        Ok(id)
    }

    /// Steps 5 and 6: the client comes back with its ID, by which the server knows it.
    fn return_with(&mut self, id: ClientId, user: UserId) -> Result<(), Failure> {
        match self.threads.get_mut(&id) {
            Some(thread) if thread.user == user && !thread.connected => {
                thread.connected = true;
                Ok(())
            }
            _ => Err(Failure::because(Cause::new(format!("the server has no thread for client {}", id.0)))),
        }
    }

    fn connect(&mut self, place: &Place<'_>, asked: &Asked<'_>, sign_on: &mut Logon) -> Result<SignedOnBy, Failure> {
        let id = self.admit(place, asked, sign_on)?;
        // 4: the thread makes a security environment for the client, with a ticket.
        let environment = ("the security environment of the client", CheckedBy::Rse);
        let mut by = self.act(place, asked, environment, sign_on)?;
        self.return_with(id, asked.user)?;
        sign_on.lines.push(format!("{}: client {} connected", self.settings.name, id.0));
        // 7: a new ticket for each action, here at JES Job Monitor: the list of jobs, a job.
        for action in 1..=self.settings.actions {
            by = self.act(place, asked, (&format!("action {action}"), CheckedBy::JobMonitor), sign_on)?;
        }
        Ok(by)
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
            Ok(by) => sign_on.signed_on(by),
            Err(failure) => sign_on.failed(failure),
        }
    }

    fn command(&mut self, place: &Place<'_>, command: &str) -> Option<Vec<String>> {
        let words = command.trim().to_ascii_uppercase();
        let verb = words.strip_prefix("APPL=IVP ")?;
        match verb.split_once(',') {
            Some(("PASSTICKET", user)) => Some(self.verify(place, user.trim())),
            None if verb == "DAEMON" => {
                let (name, clients) = (&self.settings.name, self.threads.len());
                let ports = format!("port {DAEMON}, JES Job Monitor at port {JOB_MONITOR}");
                Some(vec![format!("SIC4005 {name} IVP DAEMON: {ports}, {clients} clients so far")])
            }
            _ => None,
        }
    }

    fn restart(&mut self) {
        self.threads.clear();
    }
}
