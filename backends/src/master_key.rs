//! A master key and the one thing it does: wrapping and unwrapping keys.

use std::fmt;

use aes_kw::{KeyInit, KwAes256};
use icsf_core::ClearKey;
use icsf_core::backend::{
    EngineError, EngineErrorKind, KeySpec, MASTER_KEY_LENGTH, MasterKeyKind, Mkvp, StoredForm, WrappedKey,
    mkvp_constant,
};
use zeroize::Zeroizing;

/// RFC 3394 adds this many bytes.
const OVERHEAD: usize = 8;

/// A whole master key, its key schedule ready.
pub(crate) struct MasterKey {
    clear: ClearKey,
    // Boxed, so that moving the master key leaves no copy of the schedule behind.
    kek: Box<KwAes256>,
    mkvp: Mkvp,
}

impl MasterKey {
    /// Computes schedule and pattern; `None` when `clear` is not 32 bytes. Runs in a scrubbed frame only.
    pub(crate) fn new(kind: MasterKeyKind, clear: ClearKey) -> Option<Self> {
        debug_assert_eq!(MASTER_KEY_LENGTH, 32);
        let kek = Box::new(KwAes256::new_from_slice(clear.expose()).ok()?);
        let mut wrapped = [0; 16 + OVERHEAD];
        kek.wrap_key(mkvp_constant(kind), &mut wrapped).ok()?;
        let mkvp = Mkvp::new(*wrapped.first_chunk()?);
        Some(Self { clear, kek, mkvp })
    }

    /// Its pattern.
    pub(crate) const fn mkvp(&self) -> Mkvp {
        self.mkvp
    }

    /// The key itself, for the state file.
    pub(crate) const fn clear(&self) -> &ClearKey {
        &self.clear
    }

    /// Wraps the stored form of a key.
    pub(crate) fn wrap(&self, spec: KeySpec, stored: &StoredForm) -> Result<WrappedKey, EngineError> {
        let mut blob = vec![0; stored.expose().len() + OVERHEAD];
        self.kek.wrap_key(stored.expose(), &mut blob).map_err(|e| EngineError::fault("AES key wrap").with_source(e))?;
        Ok(WrappedKey::new(spec, self.mkvp, blob))
    }

    /// Unwraps a key that says it is wrapped under this master key.
    pub(crate) fn unwrap(&self, key: &WrappedKey) -> Result<StoredForm, EngineError> {
        let damaged = || EngineError::new(EngineErrorKind::Damaged);
        let length = StoredForm::length(key.spec());
        if key.blob().len() != length + OVERHEAD {
            return Err(damaged());
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        self.kek.unwrap_key(key.blob(), &mut bytes).map_err(|e| damaged().with_source(e))?;
        StoredForm::from_unwrapped(key.spec(), ClearKey::from_slice(&bytes)).ok_or_else(damaged)
    }
}

/// Refuses a master key of zeros only, which everybody knows.
pub(crate) fn refuse_zeros(kind: MasterKeyKind, clear: &ClearKey) -> Result<(), EngineError> {
    if clear.expose().iter().any(|byte| *byte != 0) {
        return Ok(());
    }
    Err(EngineError::refused(format!(
        "the parts make a {kind} of zeros only, as when one part is entered twice: enter another final part, or clear the \
         register and begin again"
    )))
}

/// The refusal to set a key that is not the one the caller has seen.
pub(crate) fn another_key(kind: MasterKeyKind, waiting: Mkvp, expected: Mkvp) -> EngineError {
    EngineError::refused(format!(
        "the new {kind} register holds the key {waiting} and not {expected}: it was entered meanwhile"
    ))
}

/// The pattern of a master key; `None` when it is not 32 bytes. Runs in a scrubbed frame only.
#[cfg(feature = "pkcs11")]
pub(crate) fn pattern_of(kind: MasterKeyKind, clear: ClearKey) -> Option<Mkvp> {
    MasterKey::new(kind, clear).map(|key| key.mkvp())
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.mkvp)
    }
}
