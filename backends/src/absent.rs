//! No engine: the machine without a crypto card.

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Capabilities, EngineError, EngineInfo, KeyHandle, KeySpec, MasterKeyKind, MasterKeys,
    Register, RegisterChange, WrappedKey,
};

/// Answers every call with [`Unavailable`](icsf_core::backend::EngineErrorKind::Unavailable) and its reason; its state
/// is [`Deconfigured`](BackendState::Deconfigured) for ever, or [`Offline`](BackendState::Offline) when it stands for an
/// engine that there should be.
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
    configured: bool,
}

impl Absent {
    /// No engine, and why there is none.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), configured: false }
    }

    /// An engine that there should be and that cannot be used, and why.
    #[must_use]
    pub fn unusable(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), configured: true }
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
        EngineInfo::new("none", if self.configured { "unusable" } else { "absent" }, Capabilities::NONE)
    }

    fn state(&self) -> BackendState {
        if self.configured { BackendState::Offline { reason: self.reason.clone() } } else { BackendState::Deconfigured }
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
