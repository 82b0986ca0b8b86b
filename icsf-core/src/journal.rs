//! What happened, told to whoever keeps a journal: the events that z/OS writes to SMF.
//!
//! An [`Event`] holds names, codes and causes, and never a key, a password or a ticket. Nobody has to listen; then
//! events are not even made.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::codes::ReasonCodes;
use crate::error::{Cause, Error};

/// Where events go. Whoever keeps them must not fail the request that they tell of: on z/OS a lost SMF record stops
/// nobody either.
pub trait Journal: Send + Sync + fmt::Debug {
    /// Keeps an event. Calls may overlap; the order of events of one thread stays.
    fn record(&self, event: &Event);
}

/// What an event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum What {
    /// A PassTicket was asked for.
    Generate,
    /// A PassTicket was checked, and nobody signed on.
    Evaluate,
    /// Somebody signed on.
    SignOn,
    /// An initial Kerberos ticket was asked for: the AS exchange.
    As,
    /// A Kerberos ticket was asked for with another: the TGS exchange.
    Tgs,
    /// A password was to be changed by the Kerberos password service.
    Kpasswd,
    /// The Kerberos task was started or stopped.
    Kerberos,
    /// Access to a resource was refused.
    Access,
    /// A RACF command that changes the security database.
    Command,
    /// The registers of a master key.
    MasterKey,
    /// The engine: the operator's switch, or a state it came into by itself.
    Engine,
    /// ICSF was started or stopped.
    Icsf,
    /// The key data set as a whole: refreshed, re-enciphered, updates of it switched.
    Ckds,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Generate,
        Self::Evaluate,
        Self::SignOn,
        Self::As,
        Self::Tgs,
        Self::Kpasswd,
        Self::Kerberos,
        Self::Access,
        Self::Command,
        Self::MasterKey,
        Self::Engine,
        Self::Icsf,
        Self::Ckds,
    ];
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As asked for.
    Ok,
    /// It was refused, or could not be done; codes and cause say why.
    Failed,
}

/// One event. What does not apply, or is not known, is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it tells of.
    pub event: What,
    /// How it ended.
    pub outcome: Outcome,
    /// When, in seconds since 1970 UTC: the clock of the system, also where a request was about another time.
    #[serde(skip)]
    pub at: u64,
    /// What was done, where [`What`] leaves it open: `offline`, `load-first`, `change` and so on; of a Kerberos ticket its
    /// flags, as klist has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The user who is to sign on, or the Kerberos principal who gets a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The application signed on to, or the Kerberos principal the ticket is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The key profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The label of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// By what: `legacy`, `enhanced`, `password`, or `kerberos`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How many seconds old an accepted ticket was; negative when the clock of its maker is ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<i64>,
    /// The master key and its verification pattern, as `DES-MK 0123456789ABCDEF`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_key: Option<String>,
    /// The engine, and the state it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The command, with what may be secret in it covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// How many records were changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<usize>,
    /// Which of the situations behind the codes of the security server it was, by the name it has there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub situation: Option<String>,
    /// SAF and RACF return code and reason, as `8/16/28`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saf: Option<String>,
    /// The callable service that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// ICSF return and reason code, as `12/0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icsf: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Event {
    /// Something that ended as asked for.
    #[must_use]
    pub const fn new(event: What, at: u64) -> Self {
        Self {
            event,
            outcome: Outcome::Ok,
            at,
            action: None,
            caller: None,
            user: None,
            application: None,
            profile: None,
            label: None,
            by: None,
            age: None,
            master_key: None,
            engine: None,
            command: None,
            records: None,
            situation: None,
            saf: None,
            service: None,
            icsf: None,
            cause: None,
        }
    }

    /// Says what was done.
    #[must_use]
    pub fn action(self, action: impl Into<String>) -> Self {
        Self { action: Some(action.into()), ..self }
    }

    /// That it failed, and why. What is known already stays.
    #[must_use]
    pub fn because(mut self, cause: &Cause) -> Self {
        let own = str::to_owned;
        self.outcome = Outcome::Failed;
        self.user = self.user.or_else(|| cause.user().map(own));
        self.application = self.application.or_else(|| cause.application().map(own));
        self.profile = self.profile.or_else(|| cause.profile().map(own));
        self.label = self.label.or_else(|| cause.label().map(ToString::to_string));
        self.master_key = self.master_key.or_else(|| cause.master_key().map(|(kind, mkvp)| format!("{kind} {mkvp}")));
        self.engine = self.engine.or_else(|| cause.engine().map(|(name, state)| format!("{name}: {state}")));
        self.service = cause.service().map(own);
        self.icsf = cause.code().map(|code| format!("{}/{}", code.rc(), code.reason(ReasonCodes::Icsf)));
        self.cause = Some(cause.to_string());
        self
    }

    /// The same for a result of this crate; nothing is added to one that is good.
    #[must_use]
    pub(crate) fn ended<T>(self, result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => self,
            Err(error) => self.because(error.cause()),
        }
    }
}

/// A journal in memory, for tests and drills.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Vec<Event>>);

impl MemoryJournal {
    /// What was told so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Journal for MemoryJournal {
    fn record(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}
