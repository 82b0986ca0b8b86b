//! The encryption types of the KDC: 17 and 18 (RFC 3962 on RFC 3961), 19 and 20 (RFC 8009).
//!
//! The idea: a key of a principal is never used itself, keys are derived from it for each usage, and only these encipher
//! and authenticate. So all that is asked of a key is [`BaseKey::derive`], which an engine does inside, and this module
//! does with a [`SessionKey`] in the process; what is derived, and how texts are built, is written once for both.
//!
//! ```
//! use icsf_core::backend::Etype;
//! use icsf_core::random::SystemRandom;
//! use icsf_kdc::crypto::{CryptoError, SessionKey, decrypt, encrypt};
//!
//! let key = SessionKey::random(Etype::Aes256Sha1, &SystemRandom)?;
//! let mut cipher = encrypt(&key, 7, &[0x3a; 16], b"authenticator")?; // the confounder: random, here for show
//! assert_eq!(*decrypt(&key, 7, &cipher)?, b"authenticator");
//! cipher[3] ^= 1;
//! assert!(matches!(decrypt(&key, 7, &cipher), Err(CryptoError::Integrity)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cts;
mod n_fold;
mod process;
mod profile;
mod session;
mod string_to_key;

use icsf_core::backend::{Derivation, DerivedUse, Etype, HashAlgorithm};
use icsf_core::services::{DerivedKey, KerberosKey};
pub use profile::{checksum, checksum_type, decrypt, encrypt, verify_checksum};
pub use session::SessionKey;
pub use string_to_key::string_to_key;

use process::ProcessKey;

/// A key from which others are derived: of a principal (in an engine), or of a session (in this process).
pub trait BaseKey {
    /// Its encryption type.
    fn etype(&self) -> Etype;

    /// Derives the key `into` says from this one. `how` makes at least as many bytes as `into` asks for.
    ///
    /// # Errors
    /// [`CryptoError::Engine`] when the key is in an engine and that fails.
    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Derived, CryptoError>;
}

impl BaseKey for KerberosKey {
    fn etype(&self) -> Etype {
        self.etype()
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Derived, CryptoError> {
        Ok(Derived::InEngine(self.derive(how, into)?))
    }
}

impl BaseKey for SessionKey {
    fn etype(&self) -> Etype {
        self.etype()
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Derived, CryptoError> {
        Ok(Derived::InProcess(InProcess(self.key().derive(how, into.length()))))
    }
}

/// A derived key, where its base key is: it enciphers or it authenticates.
#[derive(Debug)]
pub enum Derived {
    /// In this process.
    InProcess(InProcess),
    /// In the engine.
    InEngine(DerivedKey),
}

/// A key derived from a [`SessionKey`]. Wiped when dropped.
#[derive(Debug)]
pub struct InProcess(ProcessKey);

impl Derived {
    /// Enciphers whole blocks with AES-CBC and an initial vector of zeros.
    fn encipher_cbc(&self, blocks: &mut [u8]) -> Result<(), CryptoError> {
        match self {
            Self::InProcess(key) => key.0.encipher_cbc(blocks),
            Self::InEngine(key) => key.encipher_cbc(&[0; 16], blocks)?,
        }
        Ok(())
    }

    fn decipher_cbc(&self, blocks: &mut [u8]) -> Result<(), CryptoError> {
        match self {
            Self::InProcess(key) => key.0.decipher_cbc(blocks),
            Self::InEngine(key) => key.decipher_cbc(&[0; 16], blocks)?,
        }
        Ok(())
    }

    fn hmac(&self, hash: HashAlgorithm, message: &[u8], mac: &mut [u8; 64]) -> Result<(), CryptoError> {
        match self {
            Self::InProcess(key) => key.0.hmac(hash, message, mac),
            Self::InEngine(key) => key.hmac(hash, message, mac)?,
        }
        Ok(())
    }
}

/// Why nothing was encrypted, decrypted or verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// Another key, another usage, or bytes that were altered or cut: which of them cannot be told.
    #[error("the integrity check failed: another key or key usage made it, or it was altered")]
    Integrity,
    /// A key that its encryption type does not take.
    #[error("a key of {length} bytes, and {} takes {}", etype.name(), etype.key_length())]
    KeyLength {
        /// The encryption type.
        etype: Etype,
        /// Bytes of the key.
        length: usize,
    },
    /// The engine that holds the key failed, or the key cannot be used in it.
    #[error("the key cannot be used in its engine")]
    Engine(#[from] icsf_core::Error),
}
