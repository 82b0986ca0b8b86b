//! The engine in this process.
//!
//! The idea: it does what a crypto card does, by the same rules, and says plainly what it is not: who can read the
//! memory of this process can read its master keys. They live in memory only, or in an *engine file*, sealed with a pass
//! phrase or a key file.
//!
//! Several processes may use one engine file. Each has the registers in memory and looks at the file again when it is
//! told to [`attach`](Backend::attach); a change of a register is made under a lock on the newest content, so none is
//! lost. The file is replaced whole: a process killed at any moment leaves the old content or the new.

mod aes_key;
mod error;
pub(crate) mod handle;
mod home;
mod registers;
mod state_file;
mod unlock;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Capabilities, EngineError, EngineErrorKind, EngineInfo, KeyHandle, KeySpec, MasterKeyKind,
    MasterKeys, Register, RegisterChange, StoredForm, WrappedKey,
};
use icsf_core::random::{NoRandom, RandomSource, SystemRandom};
use zeroize::Zeroizing;

pub use error::{StateError, StateErrorKind};
pub use unlock::{Cost, Unlock};

use crate::scrub::scrubbed;
use home::Home;
use registers::KeyRegisters;

/// A crypto engine in this process. See the [module](self).
///
/// ```
/// # use icsf_backends::software::{Cost, Software, Unlock};
/// # use icsf_core::ClearKey;
/// # use icsf_core::backend::{Backend, MasterKeyKind, RegisterChange};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("engine");
/// let phrase = || Unlock::PassPhrase(ClearKey::from_slice(b"three blind mice"));
/// let engine = Software::create(&path, &phrase(), Cost::DEFAULT)?;
/// engine.change_register(MasterKeyKind::Des, RegisterChange::Generate)?;
/// let made = engine.master_keys()?.des.new.pattern().ok_or("no key")?;
/// engine.change_register(MasterKeyKind::Des, RegisterChange::Set(made))?;
///
/// let again = Software::open(&path, Some(phrase()))?;
/// assert_eq!(again.master_keys()?, engine.master_keys()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Software {
    name: String,
    path: Option<PathBuf>,
    random: Arc<dyn RandomSource>,
    // Held while registers are changed or the file is read, which may take time; what callers see meanwhile is in
    // `shown`, which is held for moments only.
    home: Mutex<Option<Home>>,
    shown: RwLock<Shown>,
}

/// What callers see of the engine.
struct Shown {
    generation: u64,
    condition: Condition,
}

enum Condition {
    Online(KeyRegisters),
    Offline(String),
    Locked(String),
}

impl Software {
    /// An engine whose master keys are gone with it; all registers are empty.
    #[must_use]
    pub fn in_memory(random: Arc<dyn RandomSource>) -> Self {
        Self { random, ..Self::new("engine".to_owned(), None, None, Condition::Online(KeyRegisters::default())) }
    }

    /// Makes an engine file with empty registers at `path`, mode 0600; with [`Unlock::KeyFile`] also the key file, if
    /// there is none. `cost` counts for pass phrases only. Random bytes are the system's: see
    /// [`with_random`](Self::with_random).
    ///
    /// # Errors
    /// [`Exists`](StateErrorKind::Exists), [`EmptyPassPhrase`](StateErrorKind::EmptyPassPhrase),
    /// [`KeyFile`](StateErrorKind::KeyFile), [`Io`](StateErrorKind::Io). Nothing but the lock file is made then.
    pub fn create(path: impl Into<PathBuf>, unlock: &Unlock, cost: Cost) -> Result<Self, StateError> {
        let path = path.into();
        let home = scrubbed(|| Home::create(path.clone(), unlock, cost))?;
        Ok(Self::at(path, home, Condition::Online(KeyRegisters::default())))
    }

    /// Opens the engine file at `path`. Without `unlock` it is [`Locked`](BackendState::Locked) until
    /// [`unlock`](Self::unlock).
    ///
    /// # Errors
    /// [`StateErrorKind`] says why the file cannot be used. It is not touched.
    pub fn open(path: impl Into<PathBuf>, unlock: Option<Unlock>) -> Result<Self, StateError> {
        let path = path.into();
        scrubbed(|| {
            let (mut home, needs) = Home::find(path.clone())?;
            let condition = match &unlock {
                Some(unlock) => Condition::Online(home.unlock(unlock)?),
                None => Condition::Locked(StateError::at(home.place(), needs).reason()),
            };
            Ok(Self::at(path, home, condition))
        })
    }

    /// Takes random bytes for keys and callers from `random` instead of the system. What seals an engine file always
    /// comes from the system, because a seeded source repeats itself and a seal must not.
    #[must_use]
    pub fn with_random(self, random: Arc<dyn RandomSource>) -> Self {
        Self { random, ..self }
    }

    /// Opens a locked engine file; one that is open is read again. An engine in memory has nothing to unlock.
    ///
    /// # Errors
    /// As [`open`](Self::open); the engine is then as it was.
    pub fn unlock(&self, unlock: Unlock) -> Result<(), StateError> {
        scrubbed(|| {
            if let Some(home) = self.home().as_mut() {
                self.show(Condition::Online(home.unlock(&unlock)?));
            }
            Ok(())
        })
    }

    /// The engine file, when there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    fn at(path: PathBuf, home: Home, condition: Condition) -> Self {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self::new(name, Some(path), Some(home), condition)
    }

    fn new(name: String, path: Option<PathBuf>, home: Option<Home>, condition: Condition) -> Self {
        let shown = Shown { generation: 1, condition };
        Self { name, path, random: Arc::new(SystemRandom), home: Mutex::new(home), shown: RwLock::new(shown) }
    }

    fn home(&self) -> MutexGuard<'_, Option<Home>> {
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> RwLockReadGuard<'_, Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The registers, when the engine can be used. Cheap: the keys are shared.
    fn registers(&self) -> Result<KeyRegisters, EngineError> {
        match &self.shown().condition {
            Condition::Online(registers) => Ok(registers.clone()),
            Condition::Offline(reason) | Condition::Locked(reason) => Err(EngineError::unavailable(reason)),
        }
    }

    fn show(&self, condition: Condition) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        if let Condition::Online(registers) = &condition {
            let same = matches!(&shown.condition, Condition::Online(before) if before.same(registers));
            if !same {
                shown.generation += 1;
            }
        }
        shown.condition = condition;
    }

    /// Brings what is shown in line with the engine file.
    fn refresh(&self, home: &mut Home) -> Result<(), EngineError> {
        match home.look() {
            Ok(None) => Ok(()),
            Ok(Some(registers)) => {
                self.show(Condition::Online(registers));
                Ok(())
            }
            Err(error) => {
                self.show(match error.kind() {
                    StateErrorKind::NeedsPassPhrase | StateErrorKind::NeedsKeyFile | StateErrorKind::MadeAnew => {
                        Condition::Locked(error.reason())
                    }
                    _ => Condition::Offline(error.reason()),
                });
                Err(error.into())
            }
        }
    }

    fn change_in_file(
        &self,
        home: &mut Home,
        kind: MasterKeyKind,
        change: RegisterChange<'_>,
    ) -> Result<(), EngineError> {
        let lock = home.place().lock().map_err(StateError::from);
        // Looked at first: that the file is gone says more than that it cannot be locked.
        self.refresh(home)?;
        let _lock = lock?;
        let next = self.registers()?.changed(kind, change, self.random.as_ref())?;
        if let Err(error) = home.write(&next) {
            // Shows what is in the file now, whichever of the two it is.
            let _ = self.refresh(home);
            return Err(error.into());
        }
        self.show(Condition::Online(next));
        Ok(())
    }
}

impl fmt::Debug for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Software").field("name", &self.name).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Backend for Software {
    fn info(&self) -> EngineInfo {
        EngineInfo::new("software", &self.name, Capabilities::ALL)
    }

    fn state(&self) -> BackendState {
        let shown = self.shown();
        match &shown.condition {
            Condition::Online(_) => BackendState::Online { generation: shown.generation },
            Condition::Offline(reason) => BackendState::Offline { reason: reason.clone() },
            Condition::Locked(reason) => BackendState::Locked { reason: reason.clone() },
        }
    }

    fn attach(&self) -> Result<(), EngineError> {
        scrubbed(|| self.home().as_mut().map_or(Ok(()), |home| self.refresh(home)))
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.registers()?;
        self.random.fill(bytes).map_err(no_random)
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        Ok(self.registers()?.patterns())
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        // The guard is held to the end of the match: changes in memory, too, are made one after the other.
        scrubbed(|| match self.home().as_mut() {
            Some(home) => self.change_in_file(home, kind, change),
            None => {
                self.show(Condition::Online(self.registers()?.changed(kind, change, self.random.as_ref())?));
                Ok(())
            }
        })
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        let mut bytes = Zeroizing::new(vec![0; spec.length()]);
        self.random(&mut bytes)?;
        self.wrap(spec, &ClearKey::from_slice(&bytes))
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        scrubbed(|| {
            let registers = self.registers()?;
            let master_key = registers.wrapping(spec.master_key(), Register::Current)?;
            let stored = StoredForm::of(spec, key).ok_or_else(|| other_length(spec, key))?;
            master_key.wrap(spec, &stored)
        })
    }

    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError> {
        let spec = key.spec();
        scrubbed(|| {
            let registers = self.registers()?;
            let first = registers.unwrapping(key)?.unwrap(key)?.key(spec);
            let sum = first.xor(part).ok_or_else(|| other_length(spec, part))?;
            let stored = StoredForm::of(spec, &sum).ok_or_else(|| other_length(spec, &sum))?;
            registers.wrapping(key.master_key(), Register::Current)?.wrap(spec, &stored)
        })
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        scrubbed(|| {
            let registers = self.registers()?;
            let stored = registers.unwrapping(key)?.unwrap(key)?;
            registers.wrapping(key.master_key(), to)?.wrap(key.spec(), &stored)
        })
    }

    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        scrubbed(|| {
            let registers = self.registers()?;
            let stored = registers.unwrapping(key)?.unwrap(key)?;
            handle::open(key.spec(), &stored)
        })
    }
}

fn no_random(source: NoRandom) -> EngineError {
    EngineError::unavailable("the engine's source of random bytes has none").with_source(source)
}

fn other_length(spec: KeySpec, key: &ClearKey) -> EngineError {
    EngineError::new(EngineErrorKind::Unsupported(spec)).with_detail(format!("{} bytes were given", key.len()))
}
