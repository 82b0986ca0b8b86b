//! The engine in this process.
//!
//! The idea: it does what a crypto card does, by the same rules, and says plainly what it is not: who can read the
//! memory of this process can read its master keys. It keeps them in memory only.

mod handle;
mod master_key;
mod registers;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Capabilities, EngineError, EngineErrorKind, EngineInfo, KeyHandle, KeySpec, MasterKeyKind,
    MasterKeys, Register, RegisterChange, StoredForm, WrappedKey,
};
use icsf_core::random::RandomSource;
use zeroize::Zeroizing;

use crate::scrub::scrubbed;
use registers::KeyRegisters;

/// A crypto engine in this process. See the [module](self).
pub struct Software {
    name: String,
    random: Arc<dyn RandomSource>,
    // Held while registers are changed; what others see meanwhile is in `shown`, which is held for moments only.
    changing: Mutex<()>,
    shown: RwLock<Shown>,
}

/// What callers see of the engine.
struct Shown {
    generation: u64,
    registers: KeyRegisters,
}

impl Software {
    /// An engine whose master keys are gone with it; all registers are empty.
    #[must_use]
    pub fn in_memory(random: Arc<dyn RandomSource>) -> Self {
        let shown = Shown { generation: 1, registers: KeyRegisters::default() };
        Self { name: "memory".to_owned(), random, changing: Mutex::new(()), shown: RwLock::new(shown) }
    }

    fn registers(&self) -> Result<KeyRegisters, EngineError> {
        Ok(self.shown.read().unwrap_or_else(PoisonError::into_inner).registers.clone())
    }

    fn show(&self, registers: KeyRegisters) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        if !shown.registers.same(&registers) {
            shown.generation += 1;
            shown.registers = registers;
        }
    }

    fn begin_change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Software")
            .field("name", &self.name)
            .field("generation", &shown.generation)
            .field("master_keys", &shown.registers.patterns())
            .finish_non_exhaustive()
    }
}

impl Backend for Software {
    fn info(&self) -> EngineInfo {
        EngineInfo::new("software", &self.name, Capabilities::ALL)
    }

    fn state(&self) -> BackendState {
        BackendState::Online { generation: self.shown.read().unwrap_or_else(PoisonError::into_inner).generation }
    }

    fn attach(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.registers()?;
        self.random.fill(bytes).map_err(|e| EngineError::unavailable(e.to_string()).with_source(e))
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        Ok(self.registers()?.patterns())
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        scrubbed(|| {
            let _changing = self.begin_change();
            self.show(self.registers()?.changed(kind, change, self.random.as_ref())?);
            Ok(())
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
            let master_key = registers.wrapping(spec.algorithm().master_key(), Register::Current)?;
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

fn other_length(spec: KeySpec, key: &ClearKey) -> EngineError {
    EngineError::new(EngineErrorKind::Unsupported(spec)).with_detail(format!("{} bytes were given", key.len()))
}
