//! The engine behind the public type: what state it is in, and the way back from a loss.
//!
//! All that enters the module runs on a lane. A failure that means a loss leads to one attempt to connect anew, and then
//! to one more attempt at what was asked; what fails again is told. A PIN that was refused is forgotten, so it is not
//! tried again by itself: tokens count wrong PINs and lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::{Duration, Instant};

use icsf_core::ClearKey;
use icsf_core::backend::{
    BackendState, Capabilities, EngineError, EngineErrorKind, EngineInfo, KeySpec, Quirk, Register,
};

use super::codes::{Class, Failure};
use super::error::{TokenError, TokenErrorKind};
use super::held::{Held, Missing, NotHeld, not_shown};
use super::kerberos;
use super::lane::queueing;
use super::lanes::{Lanes, Overdue};
use super::link::Link;
use super::module::{Life, Module};
use super::options::Options;
use super::register_file::{READ_LIMIT, RegisterFile};
use crate::place::Place;

/// So many calls may hang at once; then nothing more is tried until one returns.
const MOST_STUCK: usize = 8;

/// What is said of a PIN that the token did not look at.
const UNCHECKED: &str = "the PIN was not checked, as somebody in this process is logged in already: a wrong one is noticed \
                         at the next login";

/// The engine.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) options: Options,
    pub(super) place: Place,
    pub(super) lanes: Lanes,
    pub(super) pin: Mutex<Pin>,
    connecting: Mutex<Connecting>,
    shown: RwLock<Shown>,
    /// The generation that is online, or 0.
    generation: AtomicU64,
    /// When something was last tried while calls hang.
    tried: Mutex<Option<Instant>>,
    pub(super) closed: AtomicBool,
}

/// The PIN, as long as it is worth trying.
#[derive(Debug)]
pub(super) enum Pin {
    None,
    /// With whether it is known to be right.
    Given(Arc<ClearKey>, bool),
    Refused(TokenErrorKind),
}

/// What is needed to connect, and held by whoever does.
#[derive(Debug)]
pub(super) struct Connecting {
    pub(super) module: Option<Module>,
    pub(super) life: Life,
    /// What was missing when the module was started last to bring it back: it is not in the token.
    missing: Missing,
}

/// What callers see.
#[derive(Debug)]
struct Shown {
    generation: u64,
    condition: Condition,
    serial: Option<String>,
    capabilities: Capabilities,
    quirks: Vec<Quirk>,
}

#[derive(Debug)]
enum Condition {
    Online(Arc<Link>, Arc<Held>),
    Offline(String),
    Locked(String),
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The token failed.
    Token(Failure),
    /// The token is all right.
    Engine(EngineError),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Token(failure)
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// What is online, to work with.
pub(super) type Online = (Arc<Link>, Arc<Held>);

impl Engine {
    pub(super) fn new(place: Place, options: Options, pin: Option<ClearKey>) -> Self {
        let shown = Shown {
            generation: 0,
            condition: Condition::Offline("the token was not looked for yet".to_owned()),
            serial: options.serial.clone(),
            capabilities: Capabilities::NONE,
            quirks: Vec::new(),
        };
        Self {
            options,
            place,
            lanes: Lanes::new(),
            pin: Mutex::new(pin.map_or(Pin::None, |pin| Pin::Given(Arc::new(pin), false))),
            connecting: Mutex::new(Connecting { module: None, life: Life::new(), missing: Missing::new() }),
            shown: RwLock::new(shown),
            generation: AtomicU64::new(0),
            tried: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn info(&self) -> EngineInfo {
        let shown = self.shown();
        let mut info = EngineInfo::new("pkcs11", &self.options.label, shown.capabilities);
        info.serial.clone_from(&shown.serial);
        info.quirks.clone_from(&shown.quirks);
        if let Condition::Online(_, held) = &shown.condition {
            let current = held.missing.iter().filter(|(_, register, _)| *register == Register::Current);
            info.missing = current.map(|(kind, _, name)| (*kind, not_shown(name))).collect();
        }
        if matches!((&shown.condition, &*lock(&self.pin)), (Condition::Online(..), Pin::Given(_, false))) {
            info.quirks.push(Quirk::odd(UNCHECKED));
        }
        info
    }

    pub(super) fn state(&self) -> BackendState {
        let shown = self.shown();
        match &shown.condition {
            Condition::Online(..) => BackendState::Online { generation: shown.generation },
            Condition::Offline(reason) => BackendState::Offline { reason: reason.clone() },
            Condition::Locked(reason) => BackendState::Locked { reason: reason.clone() },
        }
    }

    /// The generation that is online.
    pub(super) fn generation(&self) -> Option<u64> {
        Some(self.generation.load(Ordering::SeqCst)).filter(|generation| *generation != 0)
    }

    pub(super) fn online(&self) -> Result<Online, EngineError> {
        match &self.shown().condition {
            Condition::Online(link, held) => Ok((Arc::clone(link), Arc::clone(held))),
            Condition::Offline(reason) | Condition::Locked(reason) => Err(EngineError::unavailable(reason)),
        }
    }

    /// Does `work` on a lane.
    pub(super) fn on_lane<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        if self.generation().is_none() {
            self.online()?;
        }
        if self.lanes.is_here() {
            return work(self);
        }
        let engine = Arc::clone(self);
        self.waited(self.lanes.call(self.options.wait, move || work(&engine)))?
    }

    /// Takes the engine offline if the work did not end in time.
    pub(super) fn waited<T>(&self, answer: Result<T, Overdue>) -> Result<T, EngineError> {
        answer.map_err(|overdue| match overdue {
            Overdue::Panicked => EngineError::fault(overdue.to_string()),
            overdue => self.left(&overdue).into(),
        })
    }

    /// What a call was left behind with is shown.
    fn left(&self, overdue: &Overdue) -> TokenError {
        let error = TokenError::overdue(&self.options.label, overdue);
        // What another thread held when the process forked is held for ever.
        if matches!(overdue, Overdue::Forked(_)) && self.shown.try_write().is_err() {
            return error;
        }
        *lock(&self.tried) = Some(Instant::now());
        self.show_error(&error);
        error
    }

    /// Connects, or looks again at what may have changed.
    pub(super) fn attach(self: &Arc<Self>) -> Result<(), TokenError> {
        self.refuse_while_hanging()?;
        let engine = Arc::clone(self);
        let attached = self.lanes.call(self.options.wait, move || engine.attach_here());
        attached.unwrap_or_else(|overdue| Err(self.left(&overdue)))
    }

    /// While calls hang, a new one most likely hangs as well, so one is risked only now and then.
    fn refuse_while_hanging(&self) -> Result<(), TokenError> {
        let stuck = self.lanes.stuck();
        if stuck == 0 {
            return Ok(());
        }
        let rested = lock(&self.tried).is_none_or(|tried| tried.elapsed() > self.options.wait);
        let locked = matches!(self.connecting.try_lock(), Err(TryLockError::WouldBlock));
        if rested && !locked && stuck < MOST_STUCK {
            return Ok(());
        }
        let why = format!("{stuck} of the calls into it have not returned yet");
        Err(TokenError::new(&self.options.label, TokenErrorKind::Hangs(why)))
    }

    pub(super) fn attach_here(&self) -> Result<(), TokenError> {
        let mut connecting = self.connecting();
        self.attached(&mut connecting).inspect_err(|error| self.show_error(error))
    }

    pub(super) fn connecting(&self) -> MutexGuard<'_, Connecting> {
        queueing();
        lock(&self.connecting)
    }

    pub(super) fn attached(&self, connecting: &mut Connecting) -> Result<(), TokenError> {
        let file = self.read()?;
        let Ok((link, held)) = self.online() else { return self.connect(connecting, file) };
        match Held::look(&link, file.clone()) {
            Ok(now) if now.same(&held) => Ok(()),
            // When a stranger has logged us out nothing is found, and no call fails.
            Ok(now) if now.missing != held.missing && !now.missing.is_empty() => {
                self.give_up(connecting, &link, &Failure::Retired);
                self.connect(connecting, file)
            }
            Ok(now) => {
                self.judge_held(&now)?;
                self.show_online(&link, now);
                Ok(())
            }
            Err(NotHeld::Error(error)) => Err(error),
            Err(NotHeld::Failure(failure)) => {
                self.give_up(connecting, &link, &failure);
                self.connect(connecting, file)
            }
        }
    }

    /// Reads the register file.
    pub(super) fn read(&self) -> Result<RegisterFile, TokenError> {
        let bytes = self.place.read(READ_LIMIT)?;
        RegisterFile::decode(&bytes).map_err(|kind| TokenError::of_file(self.place.path(), kind))
    }

    /// The way back after a failure of this connection, unless somebody else has gone it already.
    fn reconnect(&self, link: &Arc<Link>, failure: &Failure) -> Result<(), EngineError> {
        let mut connecting = self.connecting();
        if self.online().is_ok_and(|(now, _)| now.number() != link.number()) {
            return Ok(());
        }
        self.give_up(&mut connecting, link, failure);
        let connected = self.read().and_then(|file| self.connect(&mut connecting, file));
        connected.map_err(|error| {
            self.show_error(&error);
            EngineError::unavailable(format!("{} (after {failure})", error.reason()))
        })
    }

    pub(super) fn give_up(&self, connecting: &mut Connecting, link: &Arc<Link>, failure: &Failure) {
        link.retire(Some(failure));
        if !connecting.life.lasts() {
            connecting.life = Life::new();
        }
    }

    fn connect(&self, connecting: &mut Connecting, file: RegisterFile) -> Result<(), TokenError> {
        let (mut link, mut held) = self.connected(connecting, &file)?;
        // SoftHSM does not see a token directory that comes back.
        if self.may_start_module() && !held.missing.is_empty() && held.missing != connecting.missing {
            link.retire(None);
            self.started_anew(connecting)?;
            (link, held) = self.connected(connecting, &file)?;
            connecting.missing.clone_from(&held.missing);
        }
        self.show_online(&link, held);
        Ok(())
    }

    pub(super) fn show_online(&self, link: &Arc<Link>, held: Held) {
        self.show_quirks(link);
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.generation += 1;
        for (_, _, name) in &held.missing {
            shown.quirks.push(Quirk::odd(not_shown(name)));
        }
        shown.quirks.extend(held.lax.iter().map(Quirk::weak));
        shown.quirks.extend(held.allowed.iter().map(|(what, keys)| Quirk::odd(format!("{what}: {}", keys.join(", ")))));
        shown.condition = Condition::Online(Arc::clone(link), Arc::new(held));
        self.generation.store(shown.generation, Ordering::SeqCst);
    }

    pub(super) fn show_quirks(&self, link: &Link) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let findings = link.findings();
        shown.capabilities = findings.capabilities;
        shown.quirks.clone_from(&findings.quirks);
        shown.quirks.extend(kerberos::let_out(|etype| findings.capabilities.kerberos(etype)));
        match &link.seat().description {
            Some(found) => shown.serial = Some(found.serial.clone()),
            None => shown.quirks.push(Quirk::odd("it cannot be asked for its label and serial number")),
        }
    }

    pub(super) fn show_error(&self, error: &TokenError) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        self.generation.store(0, Ordering::SeqCst);
        shown.condition = if error.kind().wants_pin() {
            Condition::Locked(error.reason())
        } else {
            Condition::Offline(error.reason())
        };
    }

    /// Takes a PIN, and tries it.
    pub(super) fn unlock(self: &Arc<Self>, pin: ClearKey) -> Result<(), TokenError> {
        let pin = Arc::new(pin);
        let known = self.online().is_ok_and(|(link, _)| self.is_known(&link, &pin, false));
        *lock(&self.pin) = Pin::Given(pin, known);
        self.attach()
    }

    fn shown(&self) -> RwLockReadGuard<'_, Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` with the token, once more after a failure that can be mended. On a lane only.
    pub(super) fn trying<T>(
        &self,
        spec: Option<KeySpec>,
        mut work: impl FnMut(&Arc<Link>, &Arc<Held>) -> Result<T, Trouble>,
    ) -> Result<T, EngineError> {
        let mut first = true;
        loop {
            let (link, held) = self.online()?;
            match work(&link, &held) {
                Ok(done) => return Ok(done),
                Err(Trouble::Engine(error)) => return Err(error),
                Err(Trouble::Token(failure)) => self.mend(&link, &held, spec, failure, first)?,
            }
            first = false;
        }
    }

    /// Does what can be done about a failure, so that it is worth trying again; a second time it is told.
    pub(super) fn mend(
        &self,
        link: &Arc<Link>,
        held: &Held,
        spec: Option<KeySpec>,
        failure: Failure,
        first: bool,
    ) -> Result<(), EngineError> {
        let told =
            |kind, failure: Failure| Err(EngineError::new(kind).with_detail(failure.to_string()).with_source(failure));
        let mended = match failure.class() {
            Class::Absent | Class::Lost | Class::Pin => self.reconnect(link, &failure).map(|()| false)?,
            Class::Ambiguous => match link.known_answer(held) {
                Ok(()) => true,
                Err(second) => self.reconnect(link, &second).map(|()| false)?,
            },
            Class::Damaged => return Err(EngineError::new(EngineErrorKind::Damaged).with_source(failure)),
            Class::Unsupported => {
                return told(spec.map_or(EngineErrorKind::Fault, EngineErrorKind::Unsupported), failure);
            }
            Class::Full | Class::Mistake => return told(EngineErrorKind::Fault, failure),
        };
        match (first, mended) {
            (true, _) => Ok(()),
            (false, true) => told(EngineErrorKind::Fault, failure),
            (false, false) => told(EngineErrorKind::Unavailable, failure),
        }
    }

    /// Closes all there is, if the module lets us, and waits no longer than `at_most`.
    pub(super) fn close(self: &Arc<Self>, at_most: Duration) {
        self.closed.store(true, Ordering::SeqCst);
        let Ok((link, _)) = self.online() else { return };
        let error = TokenError::new(&self.options.label, TokenErrorKind::Fails("the engine was dropped".to_owned()));
        self.show_error(&error);
        let _ = self.lanes.call(at_most.min(self.options.wait), move || link.retire(None));
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
