//! Consumers: programs that make PassTickets for their users, or have them made, and sign on with them.
//!
//! The idea: a consumer knows what its own users and operators see, and nothing else. It asks the systems it works with as
//! the real one would, and meets there whatever the drill has done to them.

mod cics;
mod dcas;
mod generic;
mod manager;
mod rse;
mod tpx;
mod zowe;

use std::fmt;
use std::sync::Arc;

use icsf_core::Cause;
use icsf_core::fidelity::Fact;
use icsf_saf::codes::{Code as Situation, Triple};
use icsf_saf::model::{Credential, PrincipalName};
use icsf_saf::{Caller, Request, SignedOnBy};
use softicsf::{Applid, System, Ticket, UserId};
use zeroize::Zeroizing;

use crate::world::Kerberos;
pub use generic::{Evaluates, Reuse};
pub(crate) use manager::Managed;

/// What the consumers show, and where its form comes from.
#[must_use]
pub fn facts() -> Vec<&'static Fact> {
    [tpx::FACTS, rse::FACTS, zowe::FACTS, dcas::FACTS, cics::FACTS, generic::FACTS, manager::FACTS]
        .into_iter()
        .flatten()
        .collect()
}

/// A program that signs users on.
///
/// A drill asks for one sign-on after the other; those of one step come in the same second of the virtual clock.
///
/// # Contract
/// Calls do not overlap. [`sign_on`](Self::sign_on) asks `place` only, never waits, and never panics; what it keeps from one
/// sign-on to the next is its own affair, and [`restart`](Self::restart) forgets it. It hands out every ticket it got in
/// [`Logon::tickets`], so that the drill can make sure that none comes out, and writes none into
/// [`Logon::lines`]. It asks for tickets with [`Place::generate`] and presents what was typed with [`Place::present`]. A
/// sign-on that succeeds says by what ([`Logon::signed_on`]); one that fails says why ([`Logon::failed`]), with the error of
/// the service that failed: the first one, where several did. One that says neither has failed.
pub trait Consumer: fmt::Debug {
    /// Signs a user on to a session.
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon;

    /// Carries out an operator command that is for this consumer; nothing where it knows no such command. The command has
    /// no secret in it, and the answer must have none.
    fn command(&mut self, _place: &Place<'_>, _command: &str) -> Option<Vec<String>> {
        None
    }

    /// Ends and starts again.
    fn restart(&mut self) {}
}

/// Makes a consumer of what the drill file says of it.
pub type Factory = Arc<dyn Fn(&Settings) -> Box<dyn Consumer> + Send + Sync>;

/// Where a sign-on happens.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Place<'a> {
    /// The system the consumer runs on.
    pub here: &'a System,
    /// The system of the application; the same one, unless the drill says otherwise.
    pub there: &'a System,
    kerberos: Option<Kerberos<'a>>,
}

impl<'a> Place<'a> {
    pub(crate) const fn new(here: &'a System, there: &'a System, kerberos: Option<Kerberos<'a>>) -> Self {
        Self { here, there, kerberos }
    }

    /// Has `runs_as` ask the system of the consumer for a ticket as the session wants it: its application name, with or
    /// without qualifier.
    ///
    /// # Errors
    /// Why there is none.
    pub fn generate(&self, runs_as: UserId, asked: &Asked<'_>) -> Result<Ticket, Failure> {
        let request = request(self, asked).map_err(|why| Failure::because(Cause::new(why)))?;
        let made = self.here.generate(&Caller::user(runs_as), &request);
        made.map_err(|error| Failure::of(&error))
    }

    /// Signs the user on to the application itself, with what was typed in the place of a password: a password, or a ticket.
    ///
    /// # Errors
    /// Why the application refused it.
    pub fn present(&self, asked: &Asked<'_>, typed: &Credential) -> Result<SignedOnBy, Failure> {
        let application = asked.session.evaluated_as.on(self.there);
        let application = application.map_err(|why| Failure::because(Cause::new(why)))?;
        let request = Request::new(asked.user, application);
        self.there.sign_on(&request, typed).map_err(|error| Failure::of(&error))
    }
}

impl Place<'_> {
    /// Signs the user on to the server of the session by Kerberos: with a ticket that the user holds while it lives, else
    /// with one that the KDC of the server's system makes now.
    ///
    /// # Errors
    /// Why the KDC made none, or the server refused it.
    pub fn by_kerberos(&self, asked: &Asked<'_>) -> Result<SignedOnBy, Failure> {
        let no = |why: &str| Failure::because(Cause::new(format!("session {}: {why}", asked.session.name)));
        let kerberos = self.kerberos.ok_or_else(|| no("the drill has no realm"))?;
        let server = asked.session.service.as_ref().ok_or_else(|| no("it names no service"))?;
        kerberos.sign_on(asked.user, server)
    }
}

/// What is asked of a consumer.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// Who wants to sign on.
    pub user: UserId,
    /// To which session.
    pub session: &'a Session,
    /// The password, for a consumer that asks for it.
    pub password: Option<&'a Credential>,
    /// Whether tickets are switched on: else the password is used.
    pub tickets: bool,
}

/// What a drill file says of a consumer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// The user it runs as.
    pub runs_as: UserId,
    /// Its sessions.
    pub sessions: Vec<Session>,
    /// Whether the password is tried when there is no ticket.
    pub password_fallback: bool,
    /// How many actions that need a password follow a connection (`rse`).
    pub actions: u32,
    /// How many sign-ons one user starts in a second (`generic`).
    pub rate: u32,
    /// Whether one ticket serves for all of them (`generic`).
    pub reuse: Reuse,
    /// Who checks tickets (`generic`).
    pub evaluates: Evaluates,
    /// What users show (`rse`, `generic`).
    pub credential: By,
}

/// A session of a consumer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Session {
    /// Its name.
    pub name: String,
    /// The VTAM name of the application.
    pub applid: String,
    /// The application name tickets are made for.
    pub application: AppName,
    /// The application name the application itself checks them for.
    pub evaluated_as: AppName,
    /// Whether tickets are made without qualifier, with one, or first with one.
    pub qualifier: Qualifier,
    /// The ACL user of the session, where it is not the user who signs on (`tpx`).
    pub acl_user: Option<UserId>,
    /// The principal of its server, where users show Kerberos tickets.
    pub service: Option<PrincipalName>,
}

/// What users of a consumer show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// What it has a PassTicket made for, or a password.
    #[default]
    Ticket,
    /// A Kerberos ticket.
    Kerberos,
}

/// Whether the key is looked for under application, group and user, or under the application alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Qualifier {
    /// The application alone.
    #[default]
    None,
    /// With group and user, and if there is no such profile the application alone.
    Preferred,
    /// With group and user, or no ticket.
    Required,
}

/// An application name, which may end in the SMF ID of the system it is on: `TSO&SMFID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppName {
    prefix: String,
    by_smfid: bool,
}

/// Stands for the SMF ID in an application name.
pub(crate) const SMFID: &str = "&SMFID";

impl AppName {
    /// The name on this system.
    ///
    /// # Errors
    /// When it is too long there.
    pub fn on(&self, system: &System) -> Result<Applid, String> {
        let smfid = if self.by_smfid { system.names().smfid.as_str() } else { "" };
        let name = format!("{}{smfid}", self.prefix);
        name.parse::<Applid>().map_err(|error| error.to_string())
    }
}

impl std::str::FromStr for AppName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (prefix, by_smfid) = text.strip_suffix(SMFID).map_or((text, false), |prefix| (prefix, true));
        // An SMF ID has four characters at most.
        let whole = if by_smfid { format!("{prefix}XXXX") } else { prefix.to_owned() };
        let name = whole.parse::<Applid>().map_err(|error| error.to_string())?.to_string();
        let prefix = name.get(..prefix.len()).unwrap_or_default().to_owned();
        Ok(Self { prefix, by_smfid })
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.prefix, if self.by_smfid { SMFID } else { "" }))
    }
}

/// What became of one sign-on.
pub struct Logon {
    /// Who signed on.
    pub user: UserId,
    /// The name of the session.
    pub session: String,
    /// Whether a ticket was to be made, and no password typed.
    pub with_ticket: bool,
    /// How, or why not.
    pub result: Result<SignedOnBy, Failure>,
    /// What user, log and console see.
    pub lines: Vec<String>,
    /// Every ticket there was.
    pub tickets: Vec<Zeroizing<String>>,
}

/// Shows no ticket.
impl fmt::Debug for Logon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logon")
            .field("user", &self.user)
            .field("session", &self.session)
            .field("with_ticket", &self.with_ticket)
            .field("result", &self.result)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

impl Logon {
    /// One of which nothing has come: it has failed, unless [`signed_on`](Self::signed_on) is said of it.
    #[must_use]
    pub fn begun(asked: &Asked<'_>) -> Self {
        let why = "the consumer signed nobody on, and did not say why";
        Self {
            user: asked.user,
            session: asked.session.name.clone(),
            with_ticket: asked.tickets || asked.password.is_none(),
            result: Err(Failure::because(
                Cause::new(why).with_remedy("a consumer ends a sign-on with Logon::signed_on or Logon::failed"),
            )),
            lines: Vec::new(),
            tickets: Vec::new(),
        }
    }

    /// Keeps a ticket, so that it can be searched for.
    pub fn keep(&mut self, ticket: &Ticket) {
        self.tickets.push(Zeroizing::new(ticket.expose().to_owned()));
    }

    /// The same, succeeded: by this.
    #[must_use]
    pub fn signed_on(self, by: SignedOnBy) -> Self {
        Self { result: Ok(by), ..self }
    }

    /// The same, failed.
    #[must_use]
    pub fn failed(mut self, failure: Failure) -> Self {
        self.result = Err(failure);
        self
    }
}

/// Why a sign-on failed, or a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// What a caller of SAF sees, where it was SAF.
    pub saf: Option<Triple>,
    /// What it was that failed: of a sign-on, what was wrong with the ticket.
    pub situation: Option<Situation>,
    /// The error code of Kerberos, where the KDC or a server refused: RFC 4120, section 7.5.9.
    pub kerberos: Option<i32>,
    /// The whole cause.
    pub cause: Box<Cause>,
}

impl Failure {
    /// The failure of a service.
    #[must_use]
    pub fn of(error: &icsf_saf::Error) -> Self {
        let mut root = error;
        while let Some(below) = std::error::Error::source(root).and_then(|source| source.downcast_ref()) {
            root = below;
        }
        Self {
            saf: Some(error.triple()),
            situation: Some(root.code()),
            kerberos: None,
            cause: Box::new(error.cause().clone()),
        }
    }

    /// Whether the other one differs in nothing but who signed on.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.situation, self.kerberos) == (other.situation, other.kerberos)
            && self.cause.to_string() == other.cause.to_string()
    }

    /// A failure before any service was asked.
    #[must_use]
    pub fn because(cause: Cause) -> Self {
        Self { saf: None, situation: None, kerberos: None, cause: Box::new(cause) }
    }

    /// What callers saw, in words.
    #[must_use]
    pub fn saf(&self) -> String {
        self.saf.map_or_else(|| "none".to_owned(), |saf| saf.to_string())
    }

    /// The same with the code of Kerberos, where there is one.
    #[must_use]
    pub fn codes(&self) -> String {
        match self.kerberos {
            Some(code) => format!("SAF {}, Kerberos {code}", self.saf()),
            None => format!("SAF {}", self.saf()),
        }
    }
}

/// What a ticket is asked for: with the group of the user where the session wants qualified tickets, and there is a profile.
fn request(place: &Place<'_>, asked: &Asked<'_>) -> Result<Request, String> {
    let application = asked.session.application.on(place.here)?;
    let request = Request::new(asked.user, application);
    if asked.session.qualifier == Qualifier::None {
        return Ok(request);
    }
    let view = place.here.saf().database().view().map_err(|error| error.to_string())?;
    let Some(user) = view.user(&asked.user) else { return Ok(request) };
    let names = icsf_saf::key_profile_names(&application, Some(&user.group), &asked.user);
    let qualified = names.iter().filter(|name| **name != application.to_string());
    let there =
        |name: &String| name.parse().is_ok_and(|name| view.discrete(icsf_saf::model::Class::Ptktdata, &name).is_some());
    match (qualified.clone().any(there), asked.session.qualifier) {
        (true, _) => Ok(request.with_group(user.group)),
        (false, Qualifier::Required) => {
            let names: Vec<&str> = qualified.map(String::as_str).collect();
            Err(format!("a qualified ticket is asked for, and there is no profile {}", names.join(", ")))
        }
        (false, _) => Ok(request),
    }
}

/// The consumers that come with the program.
pub(crate) fn kinds() -> Vec<(&'static str, Factory)> {
    vec![
        ("tpx", Arc::new(|settings| Box::new(tpx::Tpx::new(settings)))),
        ("rse", Arc::new(|settings| Box::new(rse::Rse::new(settings)))),
        ("zowe", Arc::new(|settings| Box::new(zowe::Zowe::new(settings)))),
        ("dcas", Arc::new(|settings| Box::new(dcas::Dcas::new(settings)))),
        ("cics", Arc::new(|settings| Box::new(cics::Cics::new(settings)))),
        ("generic", Arc::new(|settings| Box::new(generic::Generic::new(settings)))),
    ]
}

/// The time as logs write it.
pub(crate) fn clock(now: u64, format: &str) -> String {
    let at = i64::try_from(now).ok().and_then(|s| jiff::Timestamp::from_second(s).ok()).unwrap_or_default();
    at.strftime(format).to_string()
}
