//! Keys that the token wraps and cannot use: it gives them out, and they are used in this process.

use std::fmt;
use std::sync::Arc;

use icsf_core::backend::{
    Derivation, DerivedUse, EngineError, EngineErrorKind, HashAlgorithm, KeyHandle, StoredForm, WrappedKey,
};

use super::engine::Engine;
use super::key::unwrapped;
use crate::scrub::scrubbed;
use crate::software::handle;

/// Such a key. The token is asked for a proof of life before each use, as for a key that is open in it: or a key would work
/// on when the token is gone.
pub(super) struct HostKey {
    engine: Arc<Engine>,
    inner: Box<dyn KeyHandle>,
}

impl HostKey {
    /// Opens a key. On a lane only.
    pub(super) fn open(engine: &Arc<Engine>, wrapped: &WrappedKey) -> Result<Self, EngineError> {
        let spec = wrapped.spec();
        let inner = engine.trying(Some(spec), |link, held| {
            let object = unwrapped(link, held, wrapped, |from, blob| link.unwrap_to_wrap(from, blob))?;
            let value = link.value(object, StoredForm::length(spec));
            link.destroy_unwrapped(object)?;
            let value = value?.ok_or_else(|| EngineError::fault("a key that was let out cannot be read"))?;
            let stored = StoredForm::from_unwrapped(spec, value);
            let stored = stored.ok_or_else(|| EngineError::new(EngineErrorKind::Damaged))?;
            Ok(scrubbed(|| handle::open(spec, &stored))?)
        })?;
        Ok(Self { engine: Arc::clone(engine), inner })
    }

    /// The key, if the token still is there.
    fn key(&self) -> Result<&dyn KeyHandle, EngineError> {
        let proved =
            |engine: &Arc<Engine>| engine.trying(None, |link, held| Ok(link.prove(held, engine.options.proof)?));
        if self.engine.lanes.is_here() {
            proved(&self.engine)?
        } else {
            self.engine.on_lane(proved)?
        }
        Ok(&*self.inner)
    }
}

impl KeyHandle for HostKey {
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
        Ok(Box::new(Self { engine: Arc::clone(&self.engine), inner }))
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

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "let out by a token: {:?}", self.inner)
    }
}
