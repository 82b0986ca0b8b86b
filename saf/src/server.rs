//! The security server of one system: database, ICSF, clock and replay register, put together.

use std::sync::Arc;

use icsf_core::Icsf;
use icsf_core::clock::Clock;
use ptkt::ReplayRegister;

use crate::database::Database;
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
        Self { icsf, database, clock, register, sysname: sysname.into(), checkauth: false, plans: Plans::default() }
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

    pub(crate) const fn plans(&self) -> &Plans {
        &self.plans
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// The time a request is about.
    pub(crate) fn time(&self, request: &Request) -> u64 {
        request.at.unwrap_or_else(|| self.now())
    }
}
