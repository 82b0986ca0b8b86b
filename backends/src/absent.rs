//! No engine: the machine without a crypto card.

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Capabilities, EngineError, EngineInfo, KeyHandle, KeySpec, MasterKeyKind, MasterKeys,
    Register, RegisterChange, WrappedKey,
};

/// Answers every call with [`Unavailable`](icsf_core::backend::EngineErrorKind::Unavailable) and its reason, for ever.
/// Its state is [`Deconfigured`](BackendState::Deconfigured), or, in the place of an engine that is there and cannot be
/// used ([`unusable`](Self::unusable)), offline or locked.
///
/// ```
/// # use icsf_backends::Absent;
/// # use icsf_core::backend::Backend;
/// let engine = Absent::new("this machine was ordered without a crypto card");
/// assert_eq!(engine.master_keys().unwrap_err().to_string(), "this machine was ordered without a crypto card");
/// ```
#[derive(Debug, Clone)]
pub struct Absent {
    reason: String,
    /// The engine in whose place this one stands, and its state.
    unusable: Option<(EngineInfo, BackendState)>,
}

impl Absent {
    /// No engine, and why there is none.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), unusable: None }
    }

    /// In the place of the engine `info`, which is there and cannot be used: offline, or locked; and why.
    #[must_use]
    pub fn unusable(info: EngineInfo, state: BackendState) -> Self {
        let reason = match &state {
            BackendState::Offline { reason } | BackendState::Locked { reason } => reason.clone(),
            _ => "the engine cannot be used".to_owned(),
        };
        Self { reason, unusable: Some((info, state)) }
    }

    fn unavailable<T>(&self) -> Result<T, EngineError> {
        Err(EngineError::unavailable(&self.reason))
    }
}

impl Default for Absent {
    fn default() -> Self {
        Self::new("there is no crypto engine")
    }
}

impl Backend for Absent {
    fn info(&self) -> EngineInfo {
        let none = || EngineInfo::new("none", "absent", Capabilities::NONE);
        self.unusable.as_ref().map_or_else(none, |(info, _)| info.clone())
    }

    fn state(&self) -> BackendState {
        match &self.unusable {
            Some((_, state)) => state.clone(),
            None => BackendState::Deconfigured,
        }
    }

    fn attach(&self) -> Result<(), EngineError> {
        self.unavailable()
    }

    fn random(&self, _bytes: &mut [u8]) -> Result<(), EngineError> {
        self.unavailable()
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        self.unavailable()
    }

    fn change_register(&self, _kind: MasterKeyKind, _change: RegisterChange<'_>) -> Result<(), EngineError> {
        self.unavailable()
    }

    fn generate(&self, _spec: KeySpec) -> Result<WrappedKey, EngineError> {
        self.unavailable()
    }

    fn wrap(&self, _spec: KeySpec, _key: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.unavailable()
    }

    fn add_part(&self, _key: &WrappedKey, _part: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.unavailable()
    }

    fn rewrap(&self, _key: &WrappedKey, _to: Register) -> Result<WrappedKey, EngineError> {
        self.unavailable()
    }

    fn open(&self, _key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        self.unavailable()
    }
}
