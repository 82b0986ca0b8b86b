//! The engine on a PKCS#11 token: SoftHSM, or a card.
//!
//! The idea: the token holds the master keys and nothing else, as keys that can wrap and never leave; all other keys are
//! wrapped under them in the one stored form, and are open in the token only while they are used. So the same CKDS works
//! with the software engine, if that has the same master keys.
//!
//! Which key in the token is which register stands in a *register file*, replaced whole, so that a change of registers
//! is one step. It holds no secret.
//!
//! What a token can do, and how well it guards its keys, is found by trying, whenever it is attached. What its answers
//! mean is one table; where they are ambiguous a call whose answer is known decides whether a record is damaged or the
//! token is gone. After a loss (the token was pulled, somebody logged it out, the module was finalized) the engine
//! connects anew by itself, once for each request. A PIN that is refused is not tried again.
//!
//! A call that hangs is given up: see [`Options::with_wait`] and [`Backend::run`].
//! In a forked child every call is refused: open another engine there.

mod alert;
mod codes;
mod connect;
mod engine;
mod error;
mod held;
mod host;
mod kerberos;
mod key;
mod lane;
mod lanes;
mod link;
mod module;
mod options;
mod pins;
mod probe;
mod refused;
mod register_file;
mod registers;
#[cfg(test)]
mod rows;
mod template;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, EngineError, EngineErrorKind, EngineInfo, KeyHandle, KeySpec, MasterKeyKind, MasterKeys,
    Register, RegisterChange, StoredForm, WrappedKey,
};
use zeroize::Zeroizing;

pub use error::{TokenError, TokenErrorKind};
pub use options::{HostKeys, Options};

use crate::place::Place;
use crate::scrub::scrubbed;
use engine::Engine;
use host::HostKey;
use key::{TokenKey, is_used_here, supported, unwrapped};
use register_file::RegisterFile;
use registers::Change;

/// How long dropping an engine waits for the module to close its sessions.
const FAREWELL: Duration = Duration::from_secs(1);

/// A crypto engine on a PKCS#11 token. See the [module](self).
///
/// It keeps the PIN in memory, to log in again after a loss.
///
/// ```no_run
/// # use icsf_backends::pkcs11::{Options, Pkcs11};
/// # use icsf_core::ClearKey;
/// # use icsf_core::backend::{Backend, MasterKeyKind, RegisterChange};
/// let options = Options::new("/usr/lib/softhsm/libsofthsm2.so", "card one");
/// let engine = Pkcs11::create("engine.token", options, ClearKey::from_slice(b"123456"))?;
/// engine.change_register(MasterKeyKind::Des, RegisterChange::Generate)?;
/// let made = engine.master_keys()?.des.new.pattern().ok_or("no key")?;
/// engine.change_register(MasterKeyKind::Des, RegisterChange::Set(made))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pkcs11(Arc<Engine>);

impl Pkcs11 {
    /// Makes empty registers on a token: a register file at `path`, mode 0600. What else is in the token is left alone.
    ///
    /// # Errors
    /// Why the token, its module, the PIN or the file cannot be used. No file is made then.
    pub fn create(path: impl Into<PathBuf>, options: Options, pin: ClearKey) -> Result<Self, TokenError> {
        let path = path.into();
        let place = Place::new(path.clone());
        let _lock = place.lock()?;
        if place.is_taken() {
            return Err(TokenError::of_file(&path, TokenErrorKind::Exists));
        }
        let engine = Self(Arc::new(Engine::new(place, options, Some(pin))));
        engine.0.begin()?;
        Ok(engine)
    }

    /// Opens the registers at `path`. The token need not be there: it is looked for at once, and again by
    /// [`attach`](Backend::attach), which says why it cannot be used. Without `pin` the engine is
    /// [`Locked`](BackendState::Locked) until [`unlock`](Self::unlock).
    ///
    /// # Errors
    /// When the register file cannot be used; it is not touched.
    pub fn open(path: impl Into<PathBuf>, options: Options, pin: Option<ClearKey>) -> Result<Self, TokenError> {
        let engine = Self(Arc::new(Engine::new(Place::new(path.into()), options, pin)));
        engine.0.read()?;
        // What keeps the token from being used is shown by the state.
        let _ = engine.0.attach();
        Ok(engine)
    }

    /// Gives the PIN, or another one, and connects.
    ///
    /// # Errors
    /// Why the token cannot be used.
    pub fn unlock(&self, pin: ClearKey) -> Result<(), TokenError> {
        self.0.unlock(pin)
    }

    /// The register file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.place.path()
    }

    /// Which token, and how.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }
}

impl Drop for Pkcs11 {
    fn drop(&mut self) {
        self.0.close(FAREWELL);
    }
}

impl fmt::Debug for Pkcs11 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11").field("token", &self.0.info()).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Backend for Pkcs11 {
    fn info(&self) -> EngineInfo {
        self.0.info()
    }

    fn state(&self) -> BackendState {
        self.0.state()
    }

    fn attach(&self) -> Result<(), EngineError> {
        Ok(self.0.attach()?)
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        let length = bytes.len();
        let made = self.0.on_lane(move |engine| engine.random(length))?;
        bytes.copy_from_slice(&made);
        Ok(())
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        Ok(self.0.online()?.1.patterns())
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        self.0.online()?;
        let change = Change::of(change)?;
        // Taken here and not on the lane: waiting for another process is not the token's fault.
        let lock = self.0.place.lock().map_err(TokenError::from)?;
        self.0.on_lane(move |engine| engine.change(kind, &change, &lock))
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        self.0.on_lane(move |engine| engine.generate(spec))
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        let stored = scrubbed(|| StoredForm::of(spec, key));
        let length = key.len();
        self.0.on_lane(move |engine| match &stored {
            Some(stored) => engine.wrap(spec, stored),
            None => {
                Err(EngineError::new(EngineErrorKind::Unsupported(spec))
                    .with_detail(format!("{length} bytes were given")))
            }
        })
    }

    /// Always [`Unsupported`](EngineErrorKind::Unsupported): a token adds nothing to a key that it does not let go.
    fn add_part(&self, key: &WrappedKey, _part: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.0.online()?;
        Err(EngineError::new(EngineErrorKind::Unsupported(key.spec()))
            .with_detail("a token does not combine key parts"))
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        let key = key.clone();
        self.0.on_lane(move |engine| engine.rewrap(&key, to))
    }

    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        let key = key.clone();
        self.0.on_lane(move |engine| engine.open(key))
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Result<(), EngineError> {
        if self.0.generation().is_none() {
            // There is nothing to wait for.
            work();
            return Ok(());
        }
        self.0.waited(self.0.lanes.run(self.0.options.wait, work))
    }
}

/// What callers ask for, done on a lane.
impl Engine {
    /// Connects for the first time, and writes the register file. The caller holds its lock.
    fn begin(self: &Arc<Self>) -> Result<(), TokenError> {
        let engine = Arc::clone(self);
        let begun = self.lanes.call(self.options.wait, move || {
            let mut connecting = engine.connecting();
            let (link, mut held) = engine.connected(&mut connecting, &RegisterFile::default())?;
            if let Some(found) = &link.seat().description {
                held.file.label.clone_from(&found.label);
                held.file.serial.clone_from(&found.serial);
            }
            engine.write(&held.file)?;
            engine.show_online(&link, held);
            Ok(())
        });
        begun.unwrap_or_else(|overdue| Err(TokenError::overdue(self.options.label(), &overdue)))
    }

    fn random(&self, length: usize) -> Result<Zeroizing<Vec<u8>>, EngineError> {
        self.trying(None, |link, _| {
            let mut bytes = Zeroizing::new(vec![0; length]);
            if length > 0 {
                link.random(&mut bytes)?;
            }
            Ok(bytes)
        })
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        let born = self.trying(Some(spec), |link, held| {
            let master_key = held.wrapping(spec.master_key(), Register::Current)?;
            supported(link, spec)?;
            Ok(link.generate(master_key.object, spec)?.map(|blob| WrappedKey::new(spec, master_key.mkvp, blob)))
        })?;
        match born {
            Some(key) => Ok(key),
            None => {
                let bytes = self.random(spec.length())?;
                let stored = scrubbed(|| StoredForm::of(spec, &ClearKey::from_slice(&bytes)))
                    .ok_or_else(|| EngineError::fault(format!("a {spec} of another length")))?;
                self.wrap(spec, &stored)
            }
        }
    }

    fn wrap(&self, spec: KeySpec, stored: &StoredForm) -> Result<WrappedKey, EngineError> {
        self.trying(Some(spec), |link, held| {
            let master_key = held.wrapping(spec.master_key(), Register::Current)?;
            supported(link, spec)?;
            Ok(WrappedKey::new(spec, master_key.mkvp, link.wrap(master_key.object, spec, stored)?))
        })
    }

    fn open(self: &Arc<Self>, key: WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        if is_used_here(&self.online()?.0, key.spec()) {
            return Ok(Box::new(HostKey::open(self, &key)?));
        }
        Ok(Box::new(TokenKey::open(self, key)?))
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        let spec = key.spec();
        self.trying(Some(spec), |link, held| {
            let object = unwrapped(link, held, key, |from, blob| link.unwrap_to_wrap(from, blob))?;
            let target = match held.wrapping(key.master_key(), to) {
                Ok(target) => target,
                Err(error) => {
                    link.destroy_unwrapped(object)?;
                    return Err(error.into());
                }
            };
            Ok(WrappedKey::new(spec, target.mkvp, link.wrap_unwrapped(target.object, object, spec)?))
        })
    }
}
