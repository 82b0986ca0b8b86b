//! Counts what an engine is asked: what a ticket costs in engine calls, and whether handles are given back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Derivation, DerivedUse, EngineError, EngineInfo, HashAlgorithm, KeyHandle, KeySpec,
    MasterKeyKind, MasterKeys, Register, RegisterChange, WrappedKey,
};

/// How often each thing was asked; a call that failed counts as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// [`Backend::attach`].
    pub attaches: u64,
    /// [`Backend::random`].
    pub randoms: u64,
    /// Bytes asked of it.
    pub random_bytes: u64,
    /// [`Backend::change_register`].
    pub register_changes: u64,
    /// [`Backend::master_keys`].
    pub master_keys: u64,
    /// [`Backend::generate`].
    pub generates: u64,
    /// [`Backend::wrap`].
    pub wraps: u64,
    /// [`Backend::add_part`].
    pub add_parts: u64,
    /// [`Backend::rewrap`].
    pub rewraps: u64,
    /// [`Backend::open`].
    pub opens: u64,
    /// [`KeyHandle::encipher_blocks`] and [`KeyHandle::decipher_blocks`].
    pub block_calls: u64,
    /// Blocks given to them.
    pub blocks: u64,
    /// [`KeyHandle::hmac`].
    pub hmac_calls: u64,
    /// Messages given to it.
    pub messages: u64,
    /// [`KeyHandle::derive`].
    pub derivations: u64,
    /// [`KeyHandle::encipher_cbc`] and [`KeyHandle::decipher_cbc`].
    pub cbc_calls: u64,
    /// [`KeyHandle::key_check`].
    pub key_checks: u64,
    /// [`Backend::run`]; what is done there counts by itself.
    pub runs: u64,
    /// How many of all these calls failed.
    pub errors: u64,
    /// Handles opened and not dropped yet.
    pub handles_open: u64,
}

/// The counters of a [`Metered`] engine; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Counts>>);

impl Meter {
    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.lock()
    }

    /// The counts now, and begins again from zero; handles that are open stay counted.
    pub fn take(&self) -> Counts {
        let mut counts = self.lock();
        let fresh = Counts { handles_open: counts.handles_open, ..Counts::default() };
        std::mem::replace(&mut counts, fresh)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and makes it.
    fn call<T>(
        &self,
        count: impl FnOnce(&mut Counts),
        call: impl FnOnce() -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        count(&mut self.lock());
        call().inspect_err(|_| self.lock().errors += 1)
    }
}

/// An engine whose calls are counted. [`info`](Backend::info) and [`state`](Backend::state) are not, as they cost nothing.
///
/// ```
/// # use std::sync::Arc;
/// # use icsf_backends::{Metered, Software};
/// # use icsf_core::backend::Backend;
/// # use icsf_core::random::SystemRandom;
/// let engine = Metered::new(Arc::new(Software::in_memory(Arc::new(SystemRandom))));
/// engine.random(&mut [0; 16])?;
/// assert_eq!(engine.meter().counts().random_bytes, 16);
/// # Ok::<(), icsf_core::backend::EngineError>(())
/// ```
#[derive(Debug)]
pub struct Metered {
    inner: Arc<dyn Backend>,
    meter: Meter,
}

impl Metered {
    /// Counts the calls to `inner` that go through here.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        Self { inner, meter: Meter::default() }
    }

    /// The counters, to be kept and read at any time.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

impl Backend for Metered {
    fn info(&self) -> EngineInfo {
        self.inner.info()
    }

    fn state(&self) -> BackendState {
        self.inner.state()
    }

    fn attach(&self) -> Result<(), EngineError> {
        self.meter.call(|counts| counts.attaches += 1, || self.inner.attach())
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        let length = bytes.len() as u64;
        let count = |counts: &mut Counts| {
            counts.randoms += 1;
            counts.random_bytes += length;
        };
        self.meter.call(count, || self.inner.random(bytes))
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        self.meter.call(|counts| counts.master_keys += 1, || self.inner.master_keys())
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        self.meter.call(|counts| counts.register_changes += 1, || self.inner.change_register(kind, change))
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        self.meter.call(|counts| counts.generates += 1, || self.inner.generate(spec))
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.meter.call(|counts| counts.wraps += 1, || self.inner.wrap(spec, key))
    }

    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.meter.call(|counts| counts.add_parts += 1, || self.inner.add_part(key, part))
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        self.meter.call(|counts| counts.rewraps += 1, || self.inner.rewrap(key, to))
    }

    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        let inner = self.meter.call(|counts| counts.opens += 1, || self.inner.open(key))?;
        self.meter.lock().handles_open += 1;
        Ok(Box::new(MeteredKey { inner, meter: self.meter() }))
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Result<(), EngineError> {
        self.meter.call(|counts| counts.runs += 1, || self.inner.run(work))
    }
}

/// A key whose uses are counted.
#[derive(Debug)]
struct MeteredKey {
    inner: Box<dyn KeyHandle>,
    meter: Meter,
}

impl KeyHandle for MeteredKey {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.meter.call(count_blocks(blocks), || self.inner.encipher_blocks(blocks))
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.meter.call(count_blocks(blocks), || self.inner.decipher_blocks(blocks))
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        let count = |counts: &mut Counts| {
            counts.hmac_calls += 1;
            counts.messages += messages.len() as u64;
        };
        self.meter.call(count, || self.inner.hmac(hash, messages, macs))
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError> {
        let inner = self.meter.call(|counts| counts.derivations += 1, || self.inner.derive(how, into))?;
        self.meter.lock().handles_open += 1;
        Ok(Box::new(Self { inner, meter: self.meter.clone() }))
    }

    fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.meter.call(|counts| counts.cbc_calls += 1, || self.inner.encipher_cbc(iv, data))
    }

    fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.meter.call(|counts| counts.cbc_calls += 1, || self.inner.decipher_cbc(iv, data))
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        self.meter.call(|counts| counts.key_checks += 1, || self.inner.key_check())
    }
}

impl Drop for MeteredKey {
    fn drop(&mut self) {
        self.meter.lock().handles_open -= 1;
    }
}

fn count_blocks(blocks: &[[u8; 8]]) -> impl FnOnce(&mut Counts) + use<> {
    let number = blocks.len() as u64;
    move |counts| {
        counts.block_calls += 1;
        counts.blocks += number;
    }
}
