//! Session keys: random, short-lived, used in this process.

use std::fmt;

use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_core::random::{NoRandom, RandomSource};

use super::CryptoError;
use super::process::ProcessKey;

/// A clear key of one encryption type: a session key, a subkey, or a key out of a keytab. Wiped when dropped.
pub struct SessionKey {
    etype: Etype,
    key: ProcessKey,
}

impl SessionKey {
    /// A random one.
    ///
    /// # Errors
    /// [`NoRandom`] when the source has none to give.
    pub fn random(etype: Etype, random: &dyn RandomSource) -> Result<Self, NoRandom> {
        let mut filled = Ok(());
        let key = ProcessKey::filled(etype.key_length(), |key| filled = random.fill(key));
        filled.map(|()| Self { etype, key })
    }

    /// The one with these bytes.
    ///
    /// # Errors
    /// [`CryptoError::KeyLength`] when they are not as many as the encryption type takes.
    pub fn new(etype: Etype, key: &ClearKey) -> Result<Self, CryptoError> {
        if key.len() != etype.key_length() {
            return Err(CryptoError::KeyLength { etype, length: key.len() });
        }
        Ok(Self { etype, key: ProcessKey::filled(key.len(), |place| place.copy_from_slice(key.expose())) })
    }

    /// Its encryption type.
    #[must_use]
    pub const fn etype(&self) -> Etype {
        self.etype
    }

    pub(super) const fn key(&self) -> &ProcessKey {
        &self.key
    }

    /// The clear key, to be written into a message that is then encrypted.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.key.expose()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({})", self.etype.name())
    }
}
