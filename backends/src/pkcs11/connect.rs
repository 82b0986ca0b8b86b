//! Connecting: from a path and a label to a connection, and for whatever is in the way an error that says what to do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use cryptoki::error::RvError;
use icsf_core::ClearKey;

use super::codes::{Class, Failure, TOKEN_NOT_INITIALIZED};
use super::engine::{Connecting, Engine, Pin, lock};
use super::error::{TokenError, TokenErrorKind};
use super::held::{Held, NotHeld};
use super::lane::queueing;
use super::link::Link;
use super::module::{Life, Module, Seat};
use super::pins;
use super::register_file::RegisterFile;

/// How long to wait before the token is looked for again, where another process may be writing its files: SoftHSM does so
/// at each login, in place, and whoever starts in these milliseconds finds a token that is not initialized, or none.
const PAUSES: [Duration; 3] = [Duration::from_millis(15), Duration::from_millis(30), Duration::from_millis(60)];

impl Engine {
    /// Connects; nothing is shown yet. What may pass is tried again, with the module started anew where it is ours.
    pub(super) fn connected(
        &self,
        connecting: &mut Connecting,
        file: &RegisterFile,
    ) -> Result<(Arc<Link>, Held), TokenError> {
        let mut pauses = PAUSES.into_iter();
        let mut started = false;
        loop {
            let error = match self.connected_once(connecting, file.clone()) {
                Ok(connected) => return Ok(connected),
                Err(error) => error,
            };
            match passing(error.kind()) {
                Passing::Soon if let Some(pause) = pauses.next() => {
                    queueing();
                    thread::sleep(pause);
                }
                Passing::WithModule if self.may_start_module() && !started => {}
                _ => return Err(error),
            }
            if self.may_start_module() {
                self.started_anew(connecting)?;
                started = true;
            }
        }
    }

    fn connected_once(&self, connecting: &mut Connecting, file: RegisterFile) -> Result<(Arc<Link>, Held), TokenError> {
        let wanted = || self.options.wanted();
        if self.closed.load(Ordering::SeqCst) {
            return Err(TokenError::new(wanted(), TokenErrorKind::Fails("the engine was dropped".to_owned())));
        }
        let pin = match &*lock(&self.pin) {
            Pin::Given(pin, _) => Arc::clone(pin),
            Pin::None => return Err(TokenError::new(wanted(), TokenErrorKind::NeedsPin)),
            Pin::Refused(kind) => return Err(TokenError::new(wanted(), kind.clone())),
        };
        let module = self.module(connecting)?;
        let seat = self.seat(&module, &file)?;
        if seat.description.as_ref().is_some_and(|description| description.pin_locked) {
            *lock(&self.pin) = Pin::Refused(TokenErrorKind::PinLocked);
            return Err(TokenError::new(wanted(), TokenErrorKind::PinLocked));
        }
        let link = Link::new(&module, &seat, &connecting.life, &pin, self.options.host_keys).map_err(|failure| {
            if failure.ends_sessions() {
                connecting.life.end();
                connecting.life = Life::new();
            }
            self.not_connected(failure, &file)
        })?;
        if let Pin::Given(given, known) = &mut *lock(&self.pin)
            && Arc::ptr_eq(given, &pin)
        {
            *known = self.is_known(&link, &pin, link.took_pin());
        }
        self.judge(&link)?;
        let held = match Held::look(&link, file) {
            Ok(held) => held,
            Err(NotHeld::Error(error)) => return Err(error),
            Err(NotHeld::Failure(failure)) => {
                self.give_up(connecting, &link, &failure);
                return Err(TokenError::failed(wanted(), failure));
            }
        };
        self.judge_held(&held)?;
        Ok((link, held))
    }

    /// Whether a PIN is known to be right; `now` tells that the token took it just now.
    pub(super) fn is_known(&self, link: &Link, pin: &Arc<ClearKey>, now: bool) -> bool {
        let serial = link.seat().description.as_ref().map_or("", |found| &found.serial);
        pins::is_known(&self.options.module, serial, pin, now)
    }

    /// That the master keys are guarded as ours are, unless a weak token is accepted.
    pub(super) fn judge_held(&self, held: &Held) -> Result<(), TokenError> {
        if held.lax.is_empty() || self.options.accept_weak_token {
            return Ok(());
        }
        Err(TokenError::new(self.options.wanted(), TokenErrorKind::Weak(held.lax.join(", and "))))
    }

    fn not_connected(&self, failure: Failure, file: &RegisterFile) -> TokenError {
        if let Failure::Undecided(whether, answer) = &failure {
            let kind = TokenErrorKind::Undecided(whether, answer.to_string());
            return TokenError::new(self.options.wanted(), kind);
        }
        let kind = match failure.class() {
            Class::Pin => {
                let kind = match &failure {
                    failure if failure.is(RvError::PinLocked) => TokenErrorKind::PinLocked,
                    failure if failure.is(RvError::UserPinNotInitialized) => TokenErrorKind::NoPinSet,
                    failure => TokenErrorKind::PinRefused(failure.to_string()),
                };
                // Where there is none, none was wrong.
                if kind != TokenErrorKind::NoPinSet {
                    *lock(&self.pin) = Pin::Refused(kind.clone());
                }
                kind
            }
            _ if failure.is(RvError::SessionReadWriteSoExists) || failure.is(RvError::UserAnotherAlreadyLoggedIn) => {
                TokenErrorKind::OfficerLoggedIn
            }
            Class::Absent if failure.is(RvError::TokenNotRecognized) || failure.is(TOKEN_NOT_INITIALIZED) => {
                blank(file)
            }
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

    /// Whether the module is ours to be started anew. To end it while a call is in it may end the process.
    pub(super) fn may_start_module(&self) -> bool {
        self.options.own_module && self.lanes.stuck() == 0
    }

    /// Finalizes and initializes the module: nobody else has anything with it.
    pub(super) fn started_anew(&self, connecting: &mut Connecting) -> Result<(), TokenError> {
        connecting.life.end();
        connecting.life = Life::new();
        let module = self.module(connecting)?;
        let started = module.finalize().and_then(|()| module.initialize());
        started.map_err(|failure| {
            TokenError::of_file(&self.options.module, TokenErrorKind::NotStarted(failure.to_string()))
        })
    }

    /// The slot with our token.
    fn seat(&self, module: &Module, file: &RegisterFile) -> Result<Seat, TokenError> {
        let seats = module.seats().map_err(|failure| TokenError::failed(self.options.wanted(), failure))?;
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
            ([], []) => error(blank(file)),
            ([], others) => error(TokenErrorKind::OtherTokens(wanted.clone(), named(others))),
            (several, _) => error(TokenErrorKind::Ambiguous(named(several))),
        }
    }
}

/// What may help against an error.
enum Passing {
    /// A moment.
    Soon,
    /// To start the module anew: SoftHSM does not see a token directory that comes back.
    WithModule,
    Nothing,
}

const fn passing(kind: &TokenErrorKind) -> Passing {
    match kind {
        TokenErrorKind::NotInitialized
        | TokenErrorKind::NoPinSet
        | TokenErrorKind::Gone(_)
        | TokenErrorKind::OtherTokens(..)
        | TokenErrorKind::OtherRegisters(..) => Passing::Soon,
        TokenErrorKind::NoToken(_) | TokenErrorKind::Fails(_) | TokenErrorKind::Undecided(..) => Passing::WithModule,
        _ => Passing::Nothing,
    }
}

/// Whoever has registers on a token must not be told to initialize one.
fn blank(file: &RegisterFile) -> TokenErrorKind {
    if file.serial.is_empty() {
        return TokenErrorKind::NotInitialized;
    }
    TokenErrorKind::Gone(format!("{:?} ({})", file.label, file.serial))
}
