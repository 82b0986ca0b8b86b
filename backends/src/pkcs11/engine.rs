//! The engine behind the public type: what state it is in, and the way back from a loss.
//!
//! All that enters the module runs on a lane. A failure that means a loss leads to one attempt to connect anew, and then
//! to one more attempt at what was asked; what fails again is told. A PIN that was refused is forgotten, so it is not
//! tried again by itself: tokens count wrong PINs and lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::{Duration, Instant};

use cryptoki::error::RvError;
use icsf_core::ClearKey;
use icsf_core::backend::{BackendState, Capabilities, EngineError, EngineErrorKind, EngineInfo, KeySpec, Quirk};

use super::codes::{Class, Failure};
use super::error::{TokenError, TokenErrorKind};
use super::held::{Held, NotHeld};
use super::lanes::{Lanes, Overdue};
use super::link::Link;
use super::module::{Life, Module, Seat, Strictness};
use super::options::Options;
use super::register_file::{READ_LIMIT, RegisterFile};
use crate::place::Place;

/// So many calls may hang at once; then nothing more is tried until one returns.
const MOST_STUCK: usize = 8;

/// The engine.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) options: Options,
    pub(super) place: Place,
    pub(super) lanes: Lanes,
    pin: Mutex<Pin>,
    connecting: Mutex<Connecting>,
    shown: RwLock<Shown>,
    /// When something was last tried while calls hang.
    tried: Mutex<Option<Instant>>,
    closed: AtomicBool,
    strictness: Mutex<Strictness>,
}

/// The PIN, as long as it is worth trying.
#[derive(Debug)]
enum Pin {
    None,
    Given(Arc<ClearKey>),
    Refused(TokenErrorKind),
}

/// What is needed to connect, and held by whoever does.
#[derive(Debug)]
pub(super) struct Connecting {
    module: Option<Module>,
    life: Life,
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
            pin: Mutex::new(pin.map_or(Pin::None, |pin| Pin::Given(Arc::new(pin)))),
            connecting: Mutex::new(Connecting { module: None, life: Life::new() }),
            shown: RwLock::new(shown),
            tried: Mutex::default(),
            closed: AtomicBool::new(false),
            strictness: Mutex::new(Strictness::Full),
        }
    }

    pub(super) fn info(&self) -> EngineInfo {
        let shown = self.shown();
        let mut info = EngineInfo::new("pkcs11", &self.options.label, shown.capabilities);
        info.serial.clone_from(&shown.serial);
        info.quirks.clone_from(&shown.quirks);
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
        self.online()?;
        let engine = Arc::clone(self);
        self.waited(self.lanes.call(self.options.wait, move || work(&engine)))?
    }

    /// Takes the engine offline if the module hangs.
    pub(super) fn waited<T>(&self, answer: Result<T, Overdue>) -> Result<T, EngineError> {
        answer.map_err(|overdue| match overdue {
            Overdue::Panicked => EngineError::fault(overdue.to_string()),
            Overdue::Hung(..) | Overdue::Busy(_) => {
                let error = TokenError::new(&self.options.label, TokenErrorKind::Hangs(overdue.to_string()));
                *lock(&self.tried) = Some(Instant::now());
                self.show_error(&error);
                error.into()
            }
        })
    }

    /// Connects, or looks again at what may have changed.
    pub(super) fn attach(self: &Arc<Self>) -> Result<(), TokenError> {
        self.refuse_while_hanging()?;
        let engine = Arc::clone(self);
        match self.lanes.call(self.options.wait, move || engine.attach_here()) {
            Ok(attached) => attached,
            Err(overdue) => {
                let error = TokenError::new(&self.options.label, TokenErrorKind::Hangs(overdue.to_string()));
                *lock(&self.tried) = Some(Instant::now());
                self.show_error(&error);
                Err(error)
            }
        }
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
        lock(&self.connecting)
    }

    pub(super) fn attached(&self, connecting: &mut Connecting) -> Result<(), TokenError> {
        let file = self.read()?;
        let Ok((link, held)) = self.online() else { return self.connect(connecting, file) };
        match Held::look(&link, file.clone()) {
            // SoftHSM does not see a token directory that comes back.
            Ok(now) if self.options.own_module && !now.missing.is_empty() => {
                link.retire(None);
                self.started_anew(connecting)?;
                self.connect(connecting, file)
            }
            Ok(now) if now.same(&held) => Ok(()),
            Ok(now) => {
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

    fn give_up(&self, connecting: &mut Connecting, link: &Arc<Link>, failure: &Failure) {
        link.retire(Some(failure));
        if !connecting.life.lasts() {
            connecting.life = Life::new();
        }
    }

    fn connect(&self, connecting: &mut Connecting, file: RegisterFile) -> Result<(), TokenError> {
        let (link, held) = self.connected(connecting, file)?;
        self.show_online(&link, held);
        Ok(())
    }

    /// Connects; nothing is shown yet.
    pub(super) fn connected(
        &self,
        connecting: &mut Connecting,
        file: RegisterFile,
    ) -> Result<(Arc<Link>, Held), TokenError> {
        let wanted = || self.options.wanted();
        if self.closed.load(Ordering::SeqCst) {
            return Err(TokenError::new(wanted(), TokenErrorKind::Fails("the engine was dropped".to_owned())));
        }
        let pin = match &*lock(&self.pin) {
            Pin::Given(pin) => Arc::clone(pin),
            Pin::None => return Err(TokenError::new(wanted(), TokenErrorKind::NeedsPin)),
            Pin::Refused(kind) => return Err(TokenError::new(wanted(), kind.clone())),
        };
        let module = self.module(connecting)?;
        let seat = self.seat(connecting, &module, &file)?;
        if seat.description.as_ref().is_some_and(|description| description.pin_locked) {
            *lock(&self.pin) = Pin::Refused(TokenErrorKind::PinLocked);
            return Err(TokenError::new(wanted(), TokenErrorKind::PinLocked));
        }
        let link = Link::new(&module, &seat, &connecting.life, &pin).map_err(|failure| {
            if failure.ends_sessions() {
                connecting.life.end();
                connecting.life = Life::new();
            }
            self.not_connected(failure)
        })?;
        self.judge(&link)?;
        let held = match Held::look(&link, file) {
            Ok(held) => held,
            Err(NotHeld::Error(error)) => return Err(error),
            Err(NotHeld::Failure(failure)) => {
                self.give_up(connecting, &link, &failure);
                return Err(TokenError::failed(wanted(), failure));
            }
        };
        Ok((link, held))
    }

    fn not_connected(&self, failure: Failure) -> TokenError {
        let kind = match failure.class() {
            Class::Pin => {
                let kind = match &failure {
                    failure if failure.is(RvError::PinLocked) => TokenErrorKind::PinLocked,
                    failure if failure.is(RvError::UserPinNotInitialized) => TokenErrorKind::NoPinSet,
                    failure => TokenErrorKind::PinRefused(failure.to_string()),
                };
                *lock(&self.pin) = Pin::Refused(kind.clone());
                kind
            }
            Class::Absent if failure.is(RvError::TokenNotRecognized) => TokenErrorKind::NotInitialized,
            _ => return TokenError::failed(self.options.wanted(), failure),
        };
        TokenError::new(self.options.wanted(), kind)
    }

    fn judge(&self, link: &Link) -> Result<(), TokenError> {
        let findings = link.findings();
        if let Some(why) = &findings.incapable {
            return Err(TokenError::new(self.options.wanted(), TokenErrorKind::Incapable(why.clone())));
        }
        let weak: Vec<_> = findings.quirks.iter().filter(|quirk| quirk.weak).map(|quirk| quirk.text.as_str()).collect();
        if weak.is_empty() || self.options.accept_weak_token {
            return Ok(());
        }
        let why = weak.join(", and ");
        self.show_quirks(link);
        Err(TokenError::new(self.options.wanted(), TokenErrorKind::Weak(why)))
    }

    /// The module, loaded and initialized.
    fn module(&self, connecting: &mut Connecting) -> Result<Module, TokenError> {
        let path = &self.options.module;
        let failed = |failure: Failure| {
            let kind = match &failure {
                Failure::Load(why) => TokenErrorKind::NoLibrary(why.clone()),
                Failure::NoModule(symbol) => TokenErrorKind::NoModule((*symbol).to_owned()),
                failure => TokenErrorKind::NotStarted(failure.to_string()),
            };
            TokenError::of_file(path, kind)
        };
        let module = match connecting.module.take() {
            // Also after a stranger's C_Finalize: initialized already is as good.
            Some(module) => module.initialize().map(|()| module),
            None => Module::load(path),
        };
        let module = module.map_err(failed)?;
        connecting.module = Some(module.clone());
        Ok(module)
    }

    /// Finalizes and initializes the module: nobody else has anything with it.
    fn started_anew(&self, connecting: &mut Connecting) -> Result<(), TokenError> {
        connecting.life.end();
        connecting.life = Life::new();
        let module = self.module(connecting)?;
        let started = module.finalize().and_then(|()| module.initialize());
        started.map_err(|failure| {
            TokenError::of_file(&self.options.module, TokenErrorKind::NotStarted(failure.to_string()))
        })
    }

    /// The slot with our token.
    fn seat(&self, connecting: &mut Connecting, module: &Module, file: &RegisterFile) -> Result<Seat, TokenError> {
        let failed = |failure| TokenError::failed(self.options.wanted(), failure);
        match self.find(module.seats().map_err(failed)?, file) {
            Err(error) if self.options.own_module && !matches!(error.kind(), TokenErrorKind::Ambiguous(_)) => {
                self.started_anew(connecting)?;
                self.find(module.seats().map_err(failed)?, file)
            }
            found => found,
        }
    }

    fn find(&self, seats: Vec<Seat>, file: &RegisterFile) -> Result<Seat, TokenError> {
        let wanted = self.options.wanted();
        let error = |kind| Err(TokenError::new(wanted.clone(), kind));
        let initialized = |seat: &&Seat| seat.description.as_ref().is_none_or(|found| found.initialized);
        let (mut ours, others): (Vec<_>, Vec<_>) = seats.iter().filter(initialized).partition(|seat| {
            seat.description.as_ref().is_some_and(|found| {
                found.label == self.options.label && self.options.serial.as_ref().is_none_or(|s| *s == found.serial)
            })
        });
        // One of several of the same label may be the one with our registers.
        if ours.len() > 1 && !file.serial.is_empty() {
            ours.retain(|seat| seat.description.as_ref().is_some_and(|found| found.serial == file.serial));
        }
        let named = |seats: &[&Seat]| {
            let name = |seat: &&Seat| match &seat.description {
                Some(found) => format!("{:?} ({})", found.label, found.serial),
                None => "one that cannot be described".to_owned(),
            };
            seats.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        match (ours.as_slice(), others.as_slice()) {
            ([seat], _) => {
                let found = seat.description.as_ref();
                let same = found.is_none_or(|found| file.serial.is_empty() || found.serial == file.serial);
                if !same {
                    return error(TokenErrorKind::OtherRegisters(
                        format!("{:?} ({})", file.label, file.serial),
                        named(&[*seat]),
                    ));
                }
                Ok((*seat).clone())
            }
            // It cannot say who it is, and there is no other: which keys are in it will show whether it is the one.
            ([], [seat]) if seat.description.is_none() => Ok((*seat).clone()),
            ([], []) if seats.is_empty() => error(TokenErrorKind::NoToken(wanted.clone())),
            ([], []) => error(TokenErrorKind::NotInitialized),
            ([], others) => error(TokenErrorKind::OtherTokens(wanted.clone(), named(others))),
            (several, _) => error(TokenErrorKind::Ambiguous(named(several))),
        }
    }

    pub(super) fn show_online(&self, link: &Arc<Link>, held: Held) {
        self.show_quirks(link);
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.generation += 1;
        for (_, _, name) in &held.missing {
            shown.quirks.push(Quirk::odd(format!("{name} is not in the token any more")));
        }
        shown.condition = Condition::Online(Arc::clone(link), Arc::new(held));
    }

    fn show_quirks(&self, link: &Link) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let findings = link.findings();
        shown.capabilities = findings.capabilities;
        shown.quirks.clone_from(&findings.quirks);
        shown.quirks.extend(lock(&self.strictness).quirk().map(Quirk::odd));
        match &link.seat().description {
            Some(found) => shown.serial = Some(found.serial.clone()),
            None => shown.quirks.push(Quirk::odd("it cannot be asked for its label and serial number")),
        }
    }

    /// What the token had to be let off when a master key was made.
    pub(super) fn note_strictness(&self, strictness: Strictness) {
        let mut noted = lock(&self.strictness);
        *noted = (*noted).max(strictness);
    }

    pub(super) fn show_error(&self, error: &TokenError) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.condition = if error.kind().wants_pin() {
            Condition::Locked(error.reason())
        } else {
            Condition::Offline(error.reason())
        };
    }

    /// Takes a PIN, and tries it.
    pub(super) fn unlock(self: &Arc<Self>, pin: ClearKey) -> Result<(), TokenError> {
        *lock(&self.pin) = Pin::Given(Arc::new(pin));
        self.attach()
    }

    fn shown(&self) -> RwLockReadGuard<'_, Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` with the token, once more after a failure that can be mended. On a lane only.
    pub(super) fn trying<T>(
        &self,
        spec: Option<KeySpec>,
        work: impl Fn(&Arc<Link>, &Arc<Held>) -> Result<T, Trouble>,
    ) -> Result<T, EngineError> {
        let mut first = true;
        loop {
            let (link, held) = self.online()?;
            let failure = match work(&link, &held) {
                Ok(done) => return Ok(done),
                Err(Trouble::Engine(error)) => return Err(error),
                Err(Trouble::Token(failure)) => failure,
            };
            match failure.class() {
                Class::Absent | Class::Lost | Class::Pin => {
                    self.reconnect(&link, &failure)?;
                    if !first {
                        return Err(EngineError::unavailable(failure.to_string()).with_source(failure));
                    }
                }
                Class::Ambiguous => match link.known_answer(&held) {
                    Ok(()) if first => {}
                    Ok(()) => return Err(EngineError::fault(failure.to_string()).with_source(failure)),
                    Err(second) => {
                        self.reconnect(&link, &second)?;
                        if !first {
                            return Err(EngineError::unavailable(failure.to_string()).with_source(failure));
                        }
                    }
                },
                Class::Damaged => {
                    return Err(EngineError::new(EngineErrorKind::Damaged).with_source(failure));
                }
                Class::Unsupported => {
                    let kind = spec.map_or(EngineErrorKind::Fault, EngineErrorKind::Unsupported);
                    return Err(EngineError::new(kind).with_detail(failure.to_string()).with_source(failure));
                }
                Class::Full | Class::Mistake => {
                    return Err(EngineError::fault(failure.to_string()).with_source(failure));
                }
            }
            first = false;
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
