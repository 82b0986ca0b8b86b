//! A PKCS#11 token as the engine of a system: its PIN is tried with care, and the process does not end within a call.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use icsf_backends::Pkcs11;
use icsf_backends::pkcs11::{Options, TokenError, TokenErrorKind};
use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Derivation, DerivedUse, EngineError, EngineInfo, HashAlgorithm, KeyHandle, KeySpec,
    MasterKeyKind, MasterKeys, Register, RegisterChange, WrappedKey,
};

use crate::quiesce::{self, hold};
use crate::refusals::{Refusals, Stamp};

/// See the module.
#[derive(Debug)]
pub(crate) struct TokenEngine {
    inner: Pkcs11,
    pin: Option<ClearKey>,
    refusals: Refusals,
    connecting: Mutex<()>,
    /// The PIN is one that was refused, by what was noted then.
    refused: Mutex<Option<Refused>>,
}

#[derive(Debug)]
struct Refused {
    stamp: Stamp,
    reason: String,
}

impl TokenEngine {
    /// Makes empty registers on a token. The PIN is one that somebody has just given, so it is tried.
    pub(crate) fn create(registers: &Path, options: Options, pin: ClearKey) -> Result<Self, TokenError> {
        let _hold = hold();
        Ok(Self::of(Pkcs11::create(registers, options, pin)?, registers, None))
    }

    /// Opens registers. The token is looked for when the engine is attached.
    pub(crate) fn open(registers: &Path, options: Options, pin: Option<ClearKey>) -> Result<Self, TokenError> {
        let _hold = hold();
        Ok(Self::of(Pkcs11::open(registers, options, None)?, registers, pin))
    }

    fn of(inner: Pkcs11, registers: &Path, pin: Option<ClearKey>) -> Self {
        Self { inner, pin, refusals: Refusals::of(registers), connecting: Mutex::new(()), refused: Mutex::default() }
    }

    /// Tries a PIN, and remembers what comes of it.
    pub(crate) fn unlock(&self, pin: &ClearKey) -> Result<(), TokenError> {
        let _hold = hold();
        let unlocked = self.inner.unlock(ClearKey::from_slice(pin.expose()));
        // What cannot be noted or forgotten costs another try, or a command of the operator, and no more.
        match &unlocked {
            Ok(()) => drop(self.refusals.forget()),
            Err(error) if matches!(error.kind(), TokenErrorKind::PinRefused(_)) => drop(self.refusals.note(pin)),
            Err(_) => {}
        }
        unlocked
    }

    /// Logs in, unless the PIN is known to be refused. One thread after the other, as one process after the other.
    fn connect(&self, pin: &ClearKey) -> Result<(), EngineError> {
        let _one = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.inner.state(), BackendState::Online { .. }) {
            return Ok(());
        }
        let noted = self.refused().as_ref().map(|refused| (refused.stamp, refused.reason.clone()));
        match noted {
            Some((stamp, reason)) if stamp == self.refusals.stamp() => return Err(EngineError::unavailable(reason)),
            _ => self.note_late(),
        }
        let Some(_turn) = self.refusals.turn() else {
            return Err(EngineError::unavailable(
                "another process logs in to the token, and that does not end; see who has its register file open",
            ));
        };
        let what = if self.refusals.know(pin) {
            "the token has refused this PIN before"
        } else {
            match self.unlock(pin) {
                Err(error) if matches!(error.kind(), TokenErrorKind::PinRefused(_)) => {
                    "the token does not take the PIN"
                }
                other => {
                    *self.refused() = None;
                    return Ok(other?);
                }
            }
        };
        let reason = format!(
            "{:?}: {what}; it is not tried again, as tokens lock after a few wrong ones: give the right one, or if this is \
             right now, have it tried once more: softicsf engine online",
            self.inner.options().label()
        );
        *self.refused() = Some(Refused { stamp: self.refusals.stamp(), reason: reason.clone() });
        Err(EngineError::unavailable(reason))
    }

    /// Notes that the PIN was right, and is refused since: the engine logs in anew by itself after a loss.
    fn note_late(&self) {
        if let Some(pin) = self.pin.as_ref().filter(|_| self.refused().is_none() && self.inner.pin_is_refused()) {
            // What cannot be noted costs another try.
            let _ = self.refusals.note(pin);
        }
    }

    fn refused(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TokenEngine {
    fn drop(&mut self) {
        self.note_late();
    }
}

impl Backend for TokenEngine {
    fn info(&self) -> EngineInfo {
        self.inner.info()
    }

    fn state(&self) -> BackendState {
        match &*self.refused() {
            Some(refused) => BackendState::Locked { reason: refused.reason.clone() },
            None => self.inner.state(),
        }
    }

    fn attach(&self) -> Result<(), EngineError> {
        let _hold = hold();
        match &self.pin {
            Some(pin) if !matches!(self.inner.state(), BackendState::Online { .. }) => self.connect(pin),
            _ => self.inner.attach(),
        }
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        let _hold = hold();
        self.inner.random(bytes)
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        let _hold = hold();
        self.inner.master_keys()
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        let _hold = hold();
        self.inner.change_register(kind, change)
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        let _hold = hold();
        self.inner.generate(spec)
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        let _hold = hold();
        self.inner.wrap(spec, key)
    }

    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError> {
        let _hold = hold();
        self.inner.add_part(key, part)
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        let _hold = hold();
        self.inner.rewrap(key, to)
    }

    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        let _hold = hold();
        Ok(Box::new(Key(self.inner.open(key)?)))
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Result<(), EngineError> {
        let _hold = hold();
        self.inner.run(quiesce::on_behalf(work))
    }
}

/// A key open in the token: its use may lead to another login.
#[derive(Debug)]
struct Key(Box<dyn KeyHandle>);

impl KeyHandle for Key {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        let _hold = hold();
        self.0.encipher_blocks(blocks)
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        let _hold = hold();
        self.0.decipher_blocks(blocks)
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        let _hold = hold();
        self.0.hmac(hash, messages, macs)
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError> {
        let _hold = hold();
        Ok(Box::new(Self(self.0.derive(how, into)?)))
    }

    fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        let _hold = hold();
        self.0.encipher_cbc(iv, data)
    }

    fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        let _hold = hold();
        self.0.decipher_cbc(iv, data)
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        let _hold = hold();
        self.0.key_check()
    }
}
