//! A system opened: the parts wired together, and what an embedder asks of them.

use std::path::Path;
use std::sync::Arc;

use icsf_backends::Software;
use icsf_core::backend::Backend;
use icsf_core::clock::{Clock, SystemClock};
use icsf_core::control::{ControlStore, MemoryControl};
use icsf_core::engine::EngineView;
use icsf_core::epoch::Epoch;
use icsf_core::journal::Journal;
use icsf_core::kds::{KdsFormat, KeyDataSet};
use icsf_core::random::{RandomSource, SystemRandom};
use icsf_core::store::{self, MemoryStore, RowStore};
use icsf_core::{Icsf, Parts};
use icsf_saf::command::{CommandError, Output, SecretSource};
use icsf_saf::explain::Explanation;
use icsf_saf::kerberos::KerberosClient;
use icsf_saf::model::{Credential, PasswordCost, PrincipalName};
use icsf_saf::{Accepted, Caller, Database, Request, Saf, SignedOnBy};
use ptkt::{Applid, MemoryRegister, ReplayRegister, Ticket, UserId};

use crate::card::CardSlot;
use crate::directory::Layout;
use crate::error::{Error, Result};
use crate::journal::FileJournal;
use crate::options::Names;

/// One simulated z/OS image: its ICSF, its security server and its engine.
///
/// Calls may overlap, from threads and, for a system in a directory, from processes.
#[derive(Debug)]
pub struct System {
    names: Names,
    icsf: Arc<Icsf>,
    saf: Saf,
    clock: Arc<dyn Clock>,
    epoch: Arc<Epoch>,
    ckds: Arc<dyn RowStore>,
    racf: Arc<dyn RowStore>,
    layout: Option<Layout>,
    journal: Option<Arc<FileJournal>>,
}

/// What a system is put together from.
pub(crate) struct Assembly {
    pub(crate) names: Names,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) ckds: Arc<dyn RowStore>,
    pub(crate) racf: Arc<dyn RowStore>,
    pub(crate) control: Arc<dyn ControlStore>,
    pub(crate) epoch: Arc<Epoch>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn RandomSource>,
    pub(crate) register: Arc<dyn ReplayRegister>,
    pub(crate) journal: Option<Arc<dyn Journal>>,
    pub(crate) layout: Option<Layout>,
}

impl Assembly {
    pub(crate) fn build(self) -> System {
        let icsf = Icsf::new(Parts {
            backend: self.backend,
            store: Arc::clone(&self.ckds),
            control: self.control,
            epoch: Arc::clone(&self.epoch),
            clock: Arc::clone(&self.clock),
            random: self.random,
            reason_codes: self.names.reason_codes,
        });
        let icsf = Arc::new(match self.journal {
            Some(journal) => icsf.with_journal(journal),
            None => icsf,
        });
        // What lives in memory only is carried away by nobody who has not the whole process.
        let cost = if self.layout.is_some() { PasswordCost::Full } else { PasswordCost::Least };
        let database = Database::new(Arc::clone(&self.racf), Arc::clone(&self.epoch)).with_password_cost(cost);
        let sysname = self.names.sysname.clone();
        let saf = Saf::new(Arc::clone(&icsf), database, Arc::clone(&self.clock), self.register, sysname)
            .with_checkauth(self.names.checkauth)
            .with_kerberos(Arc::new(crate::kerberos::OwnKerberos::default()));
        System {
            names: self.names,
            icsf,
            saf,
            clock: self.clock,
            epoch: self.epoch,
            ckds: self.ckds,
            racf: self.racf,
            layout: self.layout,
            journal: None,
        }
    }
}

impl System {
    /// A system in memory, for tests and drills: see [`InMemory`].
    #[must_use]
    pub fn in_memory() -> InMemory {
        InMemory::default()
    }

    pub(crate) fn keeping(self, journal: Arc<FileJournal>) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Its journal, when it has a directory: what happened, and what of that could not be written.
    #[must_use]
    pub fn journal(&self) -> Option<&FileJournal> {
        self.journal.as_deref()
    }

    /// What the system is called.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// Its directory, when it has one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.layout.as_ref().map(Layout::root)
    }

    /// Its ICSF: the callable services, the CKDS, the master keys.
    #[must_use]
    pub fn icsf(&self) -> &Icsf {
        &self.icsf
    }

    /// Its security server.
    #[must_use]
    pub const fn saf(&self) -> &Saf {
        &self.saf
    }

    /// Makes a PassTicket. See [`Saf::generate`].
    ///
    /// # Errors
    /// The triple a caller on z/OS sees, with the cause: [`icsf_saf::Error`].
    pub fn generate(&self, caller: &Caller, request: &Request) -> icsf_saf::Result<Ticket> {
        self.saf.generate(caller, request)
    }

    /// Checks a PassTicket and remembers its use. See [`Saf::evaluate`].
    ///
    /// # Errors
    /// The triple a caller on z/OS sees, with the cause: [`icsf_saf::Error`].
    pub fn evaluate(&self, caller: &Caller, request: &Request, ticket: &Ticket) -> icsf_saf::Result<Accepted> {
        self.saf.evaluate(caller, request, ticket)
    }

    /// Signs a user on by password or PassTicket. See [`Saf::sign_on`].
    ///
    /// # Errors
    /// The triple a caller on z/OS sees, with the cause: [`icsf_saf::Error`].
    pub fn sign_on(&self, request: &Request, typed: &Credential) -> icsf_saf::Result<SignedOnBy> {
        self.saf.sign_on(request, typed)
    }

    /// Signs on whom a Kerberos token is of, to an application whose server is the principal `server`; answers the user ID,
    /// and the token for the client. See [`Saf::sign_on_kerberos`].
    ///
    /// That a token comes again is noticed by the system that accepted it, while it is open: give each server a principal of
    /// its own, and one [`System`].
    ///
    /// # Errors
    /// The triple a caller on z/OS sees, with the cause: [`icsf_saf::Error`].
    pub fn sign_on_kerberos(
        &self,
        server: &PrincipalName,
        application: Applid,
        token: &[u8],
    ) -> icsf_saf::Result<(UserId, KerberosClient)> {
        self.saf.sign_on_kerberos(server, application, token)
    }

    /// Says why a ticket would be made or not, step by step. See [`Saf::explain`].
    ///
    /// # Errors
    /// When the security database cannot be read.
    pub fn explain(&self, caller: &Caller, request: &Request) -> icsf_saf::Result<Explanation> {
        // What keeps ICSF from being looked at is one of the steps.
        let _ = self.icsf.look();
        self.saf.explain(caller, request)
    }

    /// Carries out a RACF command. See [`Saf::command`].
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn racf(
        &self,
        issuer: &Caller,
        command: &str,
        secrets: &dyn SecretSource,
    ) -> std::result::Result<Output, CommandError> {
        self.saf.command(issuer, command, secrets)
    }

    /// The engine as it is now: who it is, whether it can be used, what its registers hold. It is looked at for this, and
    /// a token that hangs is waited for as by any request. Its [`generation`](EngineView::generation) differs after each
    /// change, so a server that asks now and then, and keeps the last one, notices that the engine went away, or came back,
    /// also when nothing else uses it.
    ///
    /// # Errors
    /// When the files of the system cannot be read.
    pub fn engine(&self) -> icsf_core::Result<EngineView> {
        self.icsf.look().map(|view| view.engine.clone())
    }

    /// The time here, in seconds since 1970 UTC.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    pub(crate) const fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    pub(crate) fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}

/// Builds a system in memory.
///
/// ```
/// use softicsf::{Caller, MasterKeyKind, NoSecrets, Request, System};
///
/// let system = System::in_memory().names("PRD1", "PRD1").build()?;
/// system.icsf().generate_master_key(MasterKeyKind::Des)?;
/// system.icsf().set_master_key(MasterKeyKind::Des)?;
///
/// let admin = Caller::user("IBMUSER".parse()?);
/// for command in [
///     "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
///     "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYENCRYPTED(0123456789ABCDEF))",
///     "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
///     "SETROPTS RACLIST(PTKTDATA) REFRESH",
/// ] {
///     system.racf(&admin, command, &NoSecrets)?;
/// }
///
/// let request = Request::new("IBMUSER".parse()?, "TSOPRD1".parse()?);
/// let ticket = system.generate(&admin, &request)?;
/// assert!(system.evaluate(&admin, &request, &ticket).is_ok(), "good once");
/// assert!(system.evaluate(&admin, &request, &ticket).is_err(), "and not twice");
///
/// let before = system.engine()?.generation;
/// system.icsf().engine_offline()?;
/// assert_ne!(system.engine()?.generation, before, "the engine went away");
/// let error = system.generate(&admin, &request).unwrap_err();
/// assert_eq!(error.triple().to_string(), "8/16/28");
/// assert!(error.cause().to_string().starts_with("CSNBENC 12/0: engine is offline"));
///
/// let explanation = system.explain(&admin, &request)?;
/// assert!(explanation.steps.iter().any(|step| step.what == "engine" && !step.good));
/// println!("{explanation}"); // ok class: PTKTDATA is active ... NO engine: software engine: offline ...
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct InMemory {
    names: std::result::Result<Names, String>,
    format: KdsFormat,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    backend: Option<Arc<dyn Backend>>,
    copied: Option<(Arc<dyn RowStore>, Arc<dyn RowStore>)>,
    register: Option<Arc<dyn ReplayRegister>>,
    checkauth: bool,
    journal: Option<Arc<dyn Journal>>,
}

impl Default for InMemory {
    fn default() -> Self {
        Self {
            names: Ok(Names::default()),
            format: KdsFormat::Kdsr,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            backend: None,
            copied: None,
            register: None,
            checkauth: false,
            journal: None,
        }
    }
}

impl InMemory {
    /// With this system name and SMF ID.
    #[must_use]
    pub fn names(self, sysname: &str, smfid: &str) -> Self {
        Self { names: Names::new(sysname, smfid, icsf_core::codes::ReasonCodes::Icsf), ..self }
    }

    /// With a CKDS of this format.
    #[must_use]
    pub fn format(self, format: KdsFormat) -> Self {
        Self { format, ..self }
    }

    /// With this clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// With random bytes from here.
    #[must_use]
    pub fn random(self, random: Arc<dyn RandomSource>) -> Self {
        Self { random, ..self }
    }

    /// With this engine, instead of a software engine of its own.
    #[must_use]
    pub fn engine(self, backend: Arc<dyn Backend>) -> Self {
        Self { backend: Some(backend), ..self }
    }

    /// With this slot, whose card can be changed while the system runs.
    #[must_use]
    pub fn slot(self, slot: &CardSlot) -> Self {
        self.engine(slot.backend())
    }

    /// With copies of the CKDS and the security database of another system, as a recovery site has them.
    #[must_use]
    pub fn copy_of(self, other: &System) -> Self {
        Self { copied: Some((Arc::clone(&other.ckds), Arc::clone(&other.racf))), ..self }
    }

    /// With this register of used tickets, which other systems may share, instead of one of its own.
    #[must_use]
    pub fn register(self, register: Arc<dyn ReplayRegister>) -> Self {
        Self { register: Some(register), ..self }
    }

    /// With CHECKAUTH of the ICSF options: see [`Names::checkauth`].
    #[must_use]
    pub fn checkauth(self, checkauth: bool) -> Self {
        Self { checkauth, ..self }
    }

    /// With a journal that is told what happens.
    #[must_use]
    pub fn journal(self, journal: Arc<dyn Journal>) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Builds it.
    ///
    /// # Errors
    /// [`Error`] for a name that is none.
    pub fn build(self) -> Result<System> {
        let place = Path::new("system in memory");
        let names = self.names.map_err(|why| Error::new(place, why))?;
        let names = Names { checkauth: self.checkauth, ..names };
        let (ckds, racf) = (Arc::new(MemoryStore::default()), Arc::new(MemoryStore::default()));
        let epoch = Arc::new(Epoch::in_memory());
        match &self.copied {
            Some((other_ckds, other_racf)) => {
                store::copy(&**other_ckds, &*ckds).map_err(Error::of(place))?;
                store::copy(&**other_racf, &*racf).map_err(Error::of(place))?;
            }
            None => KeyDataSet::new(Arc::clone(&ckds) as Arc<dyn RowStore>, Arc::clone(&epoch))
                .initialize(self.format, self.clock.now())
                .map_err(Error::of(place))?,
        }
        let backend = self.backend.unwrap_or_else(|| Arc::new(Software::in_memory(Arc::clone(&self.random))));
        Ok(Assembly {
            names,
            backend,
            ckds,
            racf,
            control: Arc::new(MemoryControl::default()),
            epoch,
            clock: self.clock,
            random: self.random,
            register: self.register.unwrap_or_else(|| Arc::new(MemoryRegister::new())),
            journal: self.journal,
            layout: None,
        }
        .build())
    }
}
