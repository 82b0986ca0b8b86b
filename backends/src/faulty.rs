//! An engine that fails by a plan, and for the same plan and the same calls always in the same way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Derivation, DerivedUse, EngineError, EngineErrorKind, EngineInfo, HashAlgorithm, KeyHandle,
    KeySpec, MasterKeyKind, MasterKeys, Mkvp, NewRegister, Register, RegisterChange, WrappedKey,
};

use crate::generations::Generations;

/// When an engine fails, and how. The empty plan changes nothing.
///
/// Calls are counted from 1, from the moment the plan is put in force. Every call counts that a real engine would work on:
/// all of [`Backend`] and [`KeyHandle`] but [`info`](Backend::info) and [`state`](Backend::state).
///
/// ```
/// # use std::time::Duration;
/// # use icsf_backends::faulty::Plan;
/// # use icsf_core::backend::EngineErrorKind;
/// // The seventh call breaks; besides, the first two of every hundred find no engine.
/// let plan = Plan::new()
///     .fail_call(7, EngineErrorKind::Fault)
///     .fail_of_every(2, 100, EngineErrorKind::Unavailable)
///     .latency(Duration::from_micros(50));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Plan {
    faults: Vec<(When, EngineErrorKind)>,
    latency: Duration,
    wrong_patterns: bool,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Call(u64),
    OfEvery { first: u64, of: u64 },
}

impl When {
    const fn is(self, call: u64) -> bool {
        match self {
            Self::Call(planned) => call == planned,
            Self::OfEvery { first, of } => match (call - 1).checked_rem(of) {
                Some(at) => at < first,
                None => false,
            },
        }
    }
}

impl Plan {
    /// Nothing fails.
    pub const fn new() -> Self {
        Self { faults: Vec::new(), latency: Duration::ZERO, wrong_patterns: false }
    }

    /// Call number `call` fails.
    pub fn fail_call(self, call: u64, kind: EngineErrorKind) -> Self {
        self.fault(When::Call(call), kind)
    }

    /// The first `calls` of every `of` calls fail.
    pub fn fail_of_every(self, calls: u64, of: u64, kind: EngineErrorKind) -> Self {
        self.fault(When::OfEvery { first: calls, of }, kind)
    }

    /// Every call fails.
    pub fn fail_all(self, kind: EngineErrorKind) -> Self {
        self.fail_of_every(1, 1, kind)
    }

    /// Every call takes this much longer, also one that fails.
    pub const fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// The engine gives other patterns for its master keys and for what it wraps, as one does that holds other master
    /// keys: keys wrapped before do not open, keys wrapped now do.
    pub const fn wrong_patterns(mut self) -> Self {
        self.wrong_patterns = true;
        self
    }

    fn fault(mut self, when: When, kind: EngineErrorKind) -> Self {
        self.faults.push((when, kind));
        self
    }
}

/// An engine that fails by a [`Plan`].
///
/// A failed [`attach`](Backend::attach) takes it [`Offline`](BackendState::Offline) until one succeeds, as with any
/// engine; every other failure passes with the call.
#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn Backend>,
    control: Arc<Control>,
    generations: Generations,
}

#[derive(Debug, Default)]
struct Control(Mutex<InForce>);

#[derive(Debug, Default)]
struct InForce {
    plan: Plan,
    calls: u64,
    /// Why the last attach failed.
    offline: Option<String>,
    /// Counts what makes handles void beyond the engine's own generations.
    epoch: u64,
}

impl Faulty {
    /// `inner`, failing by `plan`.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, plan: Plan) -> Self {
        let faulty = Self { inner, control: Arc::default(), generations: Generations::default() };
        faulty.set_plan(plan);
        faulty
    }

    /// Puts another plan in force and counts calls from 1 again.
    pub fn set_plan(&self, plan: Plan) {
        let mut now = self.control.lock();
        if now.plan.wrong_patterns != plan.wrong_patterns {
            now.epoch += 1;
        }
        now.plan = plan;
        now.calls = 0;
    }

    /// Calls counted since the plan was put in force.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.control.lock().calls
    }

    fn call<T>(&self, call: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.control.count()?;
        self.control.refuse_offline()?;
        call().map_err(|error| self.mismatch_seen(error))
    }

    /// The key as the engine below knows it.
    fn below(&self, key: &WrappedKey) -> WrappedKey {
        self.relabelled(key.clone())
    }

    /// A key of the engine below as it is shown.
    fn relabelled(&self, key: WrappedKey) -> WrappedKey {
        if self.control.lock().plan.wrong_patterns {
            WrappedKey::new(key.spec(), other(key.mkvp()), key.blob())
        } else {
            key
        }
    }

    fn mismatch_seen(&self, error: EngineError) -> EngineError {
        match error.kind() {
            EngineErrorKind::MasterKeyMismatch(kind, mkvp) if self.control.lock().plan.wrong_patterns => {
                EngineError::new(EngineErrorKind::MasterKeyMismatch(*kind, other(*mkvp)))
            }
            _ => error,
        }
    }
}

/// Another pattern, and from that one the first again.
fn other(mkvp: Mkvp) -> Mkvp {
    Mkvp::new(mkvp.bytes().map(|byte| !byte))
}

impl Control {
    fn lock(&self) -> MutexGuard<'_, InForce> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and fails it if that is planned.
    fn count(&self) -> Result<(), EngineError> {
        let (call, latency, fault) = {
            let mut now = self.lock();
            now.calls += 1;
            let fault = now.plan.faults.iter().find(|(when, _)| when.is(now.calls)).map(|(_, kind)| kind.clone());
            (now.calls, now.plan.latency, fault)
        };
        if !latency.is_zero() {
            thread::sleep(latency);
        }
        match fault {
            Some(kind) => Err(EngineError::new(kind).with_detail(format!("call {call} fails as planned"))),
            None => Ok(()),
        }
    }

    fn refuse_offline(&self) -> Result<(), EngineError> {
        self.lock().offline.as_ref().map_or(Ok(()), |reason| Err(EngineError::unavailable(reason)))
    }
}

impl Backend for Faulty {
    fn info(&self) -> EngineInfo {
        self.inner.info()
    }

    fn state(&self) -> BackendState {
        let (epoch, offline) = {
            let now = self.control.lock();
            (now.epoch, now.offline.clone())
        };
        match offline {
            Some(reason) => BackendState::Offline { reason },
            None => self.generations.shown(epoch, self.inner.state()),
        }
    }

    fn attach(&self) -> Result<(), EngineError> {
        let planned = self.control.count();
        {
            let mut now = self.control.lock();
            now.epoch += u64::from(now.offline.is_some() != planned.is_err());
            now.offline = planned.as_ref().err().map(ToString::to_string);
        }
        planned?;
        self.inner.attach()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.call(|| self.inner.random(bytes))
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        let mut keys = self.call(|| self.inner.master_keys())?;
        if self.control.lock().plan.wrong_patterns {
            for kind in MasterKeyKind::ALL {
                let registers = keys.of_mut(kind);
                registers.current = registers.current.map(other);
                registers.old = registers.old.map(other);
                if let NewRegister::Full(mkvp) = &mut registers.new {
                    *mkvp = other(*mkvp);
                }
            }
        }
        Ok(keys)
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        let change = match change {
            RegisterChange::Set(shown) if self.control.lock().plan.wrong_patterns => RegisterChange::Set(other(shown)),
            change => change,
        };
        self.call(|| self.inner.change_register(kind, change))
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        self.call(|| self.inner.generate(spec)).map(|key| self.relabelled(key))
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.call(|| self.inner.wrap(spec, key)).map(|key| self.relabelled(key))
    }

    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.call(|| self.inner.add_part(&self.below(key), part)).map(|key| self.relabelled(key))
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        self.call(|| self.inner.rewrap(&self.below(key), to)).map(|key| self.relabelled(key))
    }

    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        let inner = self.call(|| self.inner.open(&self.below(key)))?;
        Ok(Box::new(FaultyKey { inner, control: Arc::clone(&self.control) }))
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Result<(), EngineError> {
        self.inner.run(work)
    }
}

/// A key whose uses fail by the plan of its engine.
#[derive(Debug)]
struct FaultyKey {
    inner: Box<dyn KeyHandle>,
    control: Arc<Control>,
}

impl FaultyKey {
    fn key(&self) -> Result<&dyn KeyHandle, EngineError> {
        self.control.count()?;
        self.control.refuse_offline()?;
        Ok(self.inner.as_ref())
    }
}

impl KeyHandle for FaultyKey {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.key()?.encipher_blocks(blocks)
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.key()?.decipher_blocks(blocks)
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        self.key()?.hmac(hash, messages, macs)
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError> {
        let inner = self.key()?.derive(how, into)?;
        Ok(Box::new(Self { inner, control: Arc::clone(&self.control) }))
    }

    fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.key()?.encipher_cbc(iv, data)
    }

    fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.key()?.decipher_cbc(iv, data)
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        self.key()?.key_check()
    }
}
