//! ICSF itself: the parts put together, and the view every service starts from.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use zeroize::Zeroizing;

use crate::backend::{Backend, BackendState, MasterKeyKind};
use crate::clock::Clock;
use crate::codes::{Code, ReasonCodes};
use crate::control::{Control, ControlStore};
use crate::engine::{EngineState, EngineView, Handles, look};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::journal::{Event, Journal, Outcome, What};
use crate::kds::{InStorage, KeyDataSet};
use crate::random::RandomSource;
use crate::services::{Hasher, MultiPart, Note};
use crate::store::RowStore;

/// How many keys stay open inside the engine.
const OPEN_KEYS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// How many keys derived from those of Kerberos principals stay open: of each service that is asked for, and of the clients
/// that come again soon.
const DERIVED_KEYS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// What an [`Icsf`] is put together from.
#[derive(Debug)]
pub struct Parts {
    /// The engine.
    pub backend: Arc<dyn Backend>,
    /// Where the CKDS is kept.
    pub store: Arc<dyn RowStore>,
    /// Where the operator's switches are kept.
    pub control: Arc<dyn ControlStore>,
    /// What tells the processes of the system that something changed.
    pub epoch: Arc<Epoch>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes where no engine is asked.
    pub random: Arc<dyn RandomSource>,
    /// The numbering of reason codes that callers get.
    pub reason_codes: ReasonCodes,
}

/// A software ICSF: its methods are the callable services (`csnbenc`, `csnbkrc2`, ...), the ceremony of the master keys,
/// and what an operator does.
///
/// Services look at the state of ICSF and the engine first, on every call; calls may overlap.
pub struct Icsf {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) kds: KeyDataSet,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn RandomSource>,
    pub(crate) handles: Arc<Handles>,
    pub(crate) texts: MultiPart<Zeroizing<Vec<u8>>>,
    pub(crate) hashes: MultiPart<Hasher>,
    control: Arc<dyn ControlStore>,
    epoch: Arc<Epoch>,
    pub(crate) reason_codes: ReasonCodes,
    journal: Option<Arc<dyn Journal>>,
    view: ArcSwapOption<View>,
    renewing: Mutex<()>,
}

/// What ICSF sees at one instant. Every service starts from one and stays with it.
#[derive(Debug, Clone)]
pub struct View {
    epoch: u64,
    pub(crate) reason_codes: ReasonCodes,
    /// The operator's switches.
    pub control: Control,
    /// The engine.
    pub engine: EngineView,
    /// The in-storage copy of the CKDS.
    pub kds: InStorage,
    /// Why the in-storage copy is older than the CKDS on disk, when the disk could not be read.
    pub kds_trouble: Option<String>,
}

impl View {
    /// That ICSF is started.
    ///
    /// # Errors
    /// [`Code::IcsfStopped`].
    pub fn require_started(&self) -> Result<()> {
        if self.control.started {
            return Ok(());
        }
        Err(Error::new(Code::IcsfStopped, "ICSF is not started").with_remedy("start ICSF: softicsf console START CSF"))
    }

    /// That services may update the CKDS.
    ///
    /// # Errors
    /// [`Code::UpdatesDisallowed`].
    pub(crate) fn require_updates(&self) -> Result<()> {
        if self.control.ckds_updates {
            return Ok(());
        }
        let why = "the operator disabled dynamic updates of the CKDS";
        Err(Error::new(Code::UpdatesDisallowed, why).with_remedy("enable them: softicsf console SETICSF ENABLE,CKDS"))
    }
}

impl Icsf {
    /// Puts the parts together. Nothing is read until the first call.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            backend: parts.backend,
            kds: KeyDataSet::new(parts.store, Arc::clone(&parts.epoch)),
            control: parts.control,
            epoch: parts.epoch,
            clock: parts.clock,
            random: parts.random,
            reason_codes: parts.reason_codes,
            handles: Arc::new(Handles::new(OPEN_KEYS, DERIVED_KEYS)),
            texts: MultiPart::default(),
            hashes: MultiPart::default(),
            journal: None,
            view: ArcSwapOption::empty(),
            renewing: Mutex::new(()),
        }
    }

    /// With a journal that is told what happens.
    #[must_use]
    pub fn with_journal(self, journal: Arc<dyn Journal>) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Tells the journal what happened just now. Without one, the event is not even made.
    pub fn tell(&self, what: What, tell: impl FnOnce(Event) -> Event) {
        if let Some(journal) = &self.journal {
            journal.record(&tell(Event::new(what, self.clock.now())));
        }
    }

    /// Does `work`, which uses open keys several times. Where calls of the engine may hang, this is cheaper than to let it
    /// guard each of them: see [`Backend::run`].
    ///
    /// # Errors
    /// [`Code::EngineUnavailable`] when the engine hangs; `work` is then left to itself.
    pub fn in_engine<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let answer = Arc::new(Mutex::new(None));
        let place = Arc::clone(&answer);
        let note = Note::default();
        let lent = note.clone();
        let work = move || *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(lent.during(work));
        let named = |error: Error| match (self.view.load().as_deref(), note.read()) {
            (Some(view), Some(used)) => used.failed(view, error),
            (Some(view), None) => view.engine.named(error),
            (None, _) => error,
        };
        self.backend.run(Box::new(work)).map_err(|error| named(error.into()))?;
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.ok_or_else(|| named(Error::new(Code::EngineUnavailable, "the engine came back without an answer")))
    }

    /// The numbering of reason codes that callers get.
    #[must_use]
    pub const fn reason_codes(&self) -> ReasonCodes {
        self.reason_codes
    }

    /// The CKDS, for those who administer it.
    #[must_use]
    pub const fn key_data_set(&self) -> &KeyDataSet {
        &self.kds
    }

    /// The engine, for those who run a master-key ceremony.
    #[must_use]
    pub const fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// What ICSF sees now. In the usual case, nothing changed, this reads one number.
    ///
    /// # Errors
    /// When the switches or, at first, the CKDS cannot be read.
    pub fn view(&self) -> Result<Arc<View>> {
        let seen = self.view.load();
        match &*seen {
            Some(view) if self.is_current(view) => Ok(Arc::clone(view)),
            _ => self.renew(false),
        }
    }

    /// What ICSF sees when it looks at the engine now, for those who show its state: a device can be gone long before a
    /// request meets its loss. The engine is asked, so this waits as long as an engine may take; requests start from
    /// [`view`](Self::view), which asks it only when something has changed.
    ///
    /// # Errors
    /// As [`view`](Self::view). An engine that cannot be used is none: it is what is seen.
    pub fn look(&self) -> Result<Arc<View>> {
        self.renew(true)
    }

    fn is_current(&self, view: &View) -> bool {
        // An odd number is a change under way; an engine that is not there, or has lost its master keys, may have come back.
        let settled = self.epoch.now().is_ok_and(|now| now == view.epoch && now.is_multiple_of(2));
        // A copy that could not be brought up to date shows an older state than its number says.
        settled
            && view.kds_trouble.is_none()
            && match &view.engine.backend {
                BackendState::Online { .. }
                    if view.engine.state == EngineState::Online && view.engine.missing().is_empty() =>
                {
                    self.backend.state() == view.engine.backend
                }
                _ => !view.control.engine_online && self.backend.state() == view.engine.backend,
            }
    }

    /// Makes a new view; unless `always`, only if there is none that is current.
    fn renew(&self, always: bool) -> Result<Arc<View>> {
        let _one = self.renewing();
        let seen = self.view.load_full();
        if let Some(view) = seen.as_ref().filter(|view| !always && self.is_current(view)) {
            return Ok(Arc::clone(view));
        }
        // Read before all else: what changes from here on is seen by the next call.
        let epoch = self.epoch.now().map_err(|e| unreadable("the change counter", e))?;
        let control = self.control.load().map_err(|e| unreadable("the switches of the system", e))?;
        let (kds, kds_trouble) = self.look_at_kds(seen.as_deref().map(|view| &view.kds))?;
        let (info, backend, master_keys) = look(&*self.backend);
        let state = EngineState::judge(&backend, &control, &master_keys, kds.header());
        let before = seen.as_deref().map(|view| &view.engine);
        let same = before.is_some_and(|b| b.backend == backend && b.state == state && b.master_keys == master_keys);
        let generation = before.map_or(1, |b| if same { b.generation } else { b.generation + 1 });
        self.handles.drop_before(generation);
        let needed = MasterKeyKind::ALL.into_iter().filter_map(|kind| Some((kind, kds.header().of(kind)?.mkvp())));
        let engine = EngineView {
            info,
            state,
            generation,
            master_keys,
            needed: needed.collect(),
            backend,
            engine: Arc::clone(&self.backend),
        };
        if let Some(before) = before {
            self.tell_engine(before, &engine);
        }
        let view = Arc::new(View { epoch, reason_codes: self.reason_codes, control, engine, kds, kds_trouble });
        self.view.store(Some(Arc::clone(&view)));
        Ok(view)
    }

    /// That the engine went away or came back by itself; the operator's switch is told of where it is used.
    fn tell_engine(&self, before: &EngineView, now: &EngineView) {
        let [was, is] = [before, now].map(|engine| matches!(engine.backend, BackendState::Online { .. }));
        if was == is {
            return;
        }
        self.tell(What::Engine, |event| {
            let event = Event { engine: Some(format!("{}: {}", now.info, now.state)), ..event };
            if is { event.action("back") } else { Event { outcome: Outcome::Failed, ..event.action("lost") } }
        });
    }

    fn look_at_kds(&self, seen: Option<&InStorage>) -> Result<(InStorage, Option<String>)> {
        match seen {
            None => Ok((self.kds.load()?, None)),
            Some(seen) => match self.kds.catch_up(seen) {
                Ok(newer) => Ok((newer.unwrap_or_else(|| seen.clone()), None)),
                // The copy in storage outlives the disk, as on z/OS.
                Err(error) => Ok((seen.clone(), Some(error.to_string()))),
            },
        }
    }

    fn renewing(&self) -> MutexGuard<'_, ()> {
        self.renewing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a service: from a view of now, with ICSF started, its name on every error.
    pub(crate) fn service<T>(&self, name: &'static str, run: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        let named = |error: Error| error.in_service(name, self.reason_codes);
        let view = self.view().map_err(named)?;
        view.require_started().and_then(|()| run(&view)).map_err(named)
    }

    /// Starts ICSF: the in-storage copy is read from disk.
    ///
    /// # Errors
    /// When switches or CKDS cannot be written.
    pub fn start(&self) -> Result<()> {
        let done = self.kds.refresh().and_then(|()| self.switch(|control| control.started = true));
        self.tell(What::Icsf, |event| event.action("start").ended(&done));
        done
    }

    /// Stops ICSF: every service answers 12/0 until it is started. Updates of the CKDS are allowed again then.
    ///
    /// Source: ICSF System Programmer's Guide, SETICSF: what it sets lasts until ICSF is stopped.
    ///
    /// # Errors
    /// When the switches cannot be written.
    pub fn stop(&self) -> Result<()> {
        let done = self.switch(|control| (control.started, control.ckds_updates) = (false, true));
        self.tell(What::Icsf, |event| event.action("stop").ended(&done));
        done
    }

    /// Keeps services from updating the CKDS, or lets them again. Until then the key-record services that write answer
    /// [`Code::UpdatesDisallowed`]; utilities go on.
    ///
    /// Source: ICSF System Programmer's Guide, SETICSF ENABLE and DISABLE.
    ///
    /// # Errors
    /// When the switches cannot be written.
    pub fn allow_ckds_updates(&self, allowed: bool) -> Result<()> {
        let done = self.switch(|control| control.ckds_updates = allowed);
        let action = if allowed { "enable-updates" } else { "disable-updates" };
        self.tell(What::Ckds, |event| event.action(action).ended(&done));
        done
    }

    /// Starts the Kerberos task, or stops it: ICSF goes on, and nobody gets a Kerberos ticket. It is not ICSF's task; this is
    /// where the switches of the system are.
    ///
    /// # Errors
    /// When the switches cannot be written.
    pub fn run_kerberos(&self, started: bool) -> Result<()> {
        let done = self.switch(|control| control.kerberos_started = started);
        self.tell(What::Kerberos, |event| event.action(if started { "start" } else { "stop" }).ended(&done));
        done
    }

    /// Takes the engine offline. It stays so until [`engine_online`](Self::engine_online).
    ///
    /// # Errors
    /// When the switches cannot be written.
    pub fn engine_offline(&self) -> Result<()> {
        let done = self.switch(|control| control.engine_online = false);
        self.tell(What::Engine, |event| event.action("offline").ended(&done));
        done
    }

    /// Lets the engine be used again. Whether it can is in [`view`](Self::view).
    ///
    /// # Errors
    /// When the switches cannot be written.
    pub fn engine_online(&self) -> Result<()> {
        let done = self.switch(|control| control.engine_online = true);
        self.tell(What::Engine, |event| event.action("online").ended(&done));
        done
    }

    fn switch(&self, change: impl FnOnce(&mut Control)) -> Result<()> {
        self.changing(|| {
            let mut control = self.control.load()?;
            change(&mut control);
            self.control.save(&control)
        })?
        .map_err(|e| unreadable("the switches of the system", e))
    }

    /// Runs a change that every process must learn of.
    pub(crate) fn changing<T>(&self, change: impl FnOnce() -> T) -> Result<T> {
        self.epoch.change(change).map_err(|e| unreadable("the change counter", e))
    }
}

impl fmt::Debug for Icsf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Icsf")
            .field("backend", &self.backend)
            .field("kds", &self.kds)
            .field("handles", &self.handles)
            .finish_non_exhaustive()
    }
}

fn unreadable(what: &str, error: io::Error) -> Error {
    Error::new(Code::InternalFailure, format!("{what} could not be read or written: {error}"))
        .with_remedy("check the system directory and its permissions")
        .with_source(error)
}
