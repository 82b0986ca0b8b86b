//! The security server of one system: database, ICSF, clock and replay register, put together.

use std::sync::Arc;

use icsf_core::Icsf;
use icsf_core::clock::Clock;
use icsf_core::journal::{Event, What};
use ptkt::ReplayRegister;

use crate::access::Caller;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::kerberos::Kerberos;
use crate::passticket::Request;
use crate::planned::Plans;

/// The security server of one system. Its methods are PassTicket services, sign-on, and RACF commands; calls may
/// overlap.
#[derive(Debug)]
pub struct Saf {
    icsf: Arc<Icsf>,
    database: Database,
    clock: Arc<dyn Clock>,
    register: Arc<dyn ReplayRegister>,
    sysname: String,
    checkauth: bool,
    kerberos: Option<Arc<dyn Kerberos>>,
    plans: Plans,
}

impl Saf {
    /// Puts the parts together. `sysname` goes into the labels of keys made by KEYENCRYPTED.
    #[must_use]
    pub fn new(
        icsf: Arc<Icsf>,
        database: Database,
        clock: Arc<dyn Clock>,
        register: Arc<dyn ReplayRegister>,
        sysname: impl Into<String>,
    ) -> Self {
        let (sysname, plans) = (sysname.into(), Plans::default());
        Self { icsf, database, clock, register, sysname, checkauth: false, kerberos: None, plans }
    }

    /// With Kerberos. Without it, no keys are made from passwords, and no tokens are accepted.
    #[must_use]
    pub fn with_kerberos(self, kerberos: Arc<dyn Kerberos>) -> Self {
        Self { kerberos: Some(kerberos), ..self }
    }

    /// CHECKAUTH of the ICSF options: whether ICSF looks at classes CSFSERV and CSFKEYS also for callers that are authorized
    /// programs. The PassTicket services are: with `true` whoever asks them for a ticket needs READ to the service and the
    /// label of the key, with `false`, as ICSF has it, only to what the security database asks itself.
    #[must_use]
    pub fn with_checkauth(self, checkauth: bool) -> Self {
        Self { checkauth, plans: Plans::default(), ..self }
    }

    /// ICSF, where the keys lie.
    #[must_use]
    pub const fn icsf(&self) -> &Arc<Icsf> {
        &self.icsf
    }

    /// The security database.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The name of the system.
    #[must_use]
    pub fn sysname(&self) -> &str {
        &self.sysname
    }

    pub(crate) fn register(&self) -> &dyn ReplayRegister {
        &*self.register
    }

    pub(crate) const fn checkauth(&self) -> bool {
        self.checkauth
    }

    pub(crate) fn kerberos(&self) -> Option<&dyn Kerberos> {
        self.kerberos.as_deref()
    }

    pub(crate) const fn plans(&self) -> &Plans {
        &self.plans
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Tells the journal how a request ended; `add` what is known of one that ended well. A refused access is an event of
    /// its own, as on z/OS.
    pub(crate) fn told<T>(
        &self,
        what: What,
        caller: Option<&Caller>,
        request: &Request,
        done: &Result<T>,
        add: impl Fn(&T, Event) -> Event,
    ) {
        let who = |event: Event| Event {
            caller: caller.map(|caller| caller.id().to_string()),
            user: Some(request.user.to_string()),
            application: Some(request.application.to_string()),
            ..event
        };
        self.told_of(what, done, |event| match done {
            Ok(good) => add(good, who(event)),
            Err(_) => who(event),
        });
    }

    /// The same of what is known by `who`.
    pub(crate) fn told_of<T>(&self, what: What, done: &Result<T>, who: impl Fn(Event) -> Event) {
        let failed = |event: Event, error: &Error| {
            let (saf, situation) = (error.triple().to_string(), format!("{:?}", error.root()));
            Event { saf: Some(saf), situation: Some(situation), ..who(event) }.because(error.cause())
        };
        if let Some(error) = done.as_ref().err().filter(|error| error.is_refused_access()) {
            self.icsf.tell(What::Access, |event| failed(event, error));
        }
        self.icsf.tell(what, |event| match done {
            Ok(_) => who(event),
            Err(error) => failed(event, error),
        });
    }

    /// The time a request is about.
    pub(crate) fn time(&self, request: &Request) -> u64 {
        request.at.unwrap_or_else(|| self.now())
    }
}
