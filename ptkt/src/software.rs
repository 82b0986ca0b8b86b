//! Keys held in this process: for masked keys, which are clear keys in all but name, and for
//! known-answer runs.
//!
//! A key keeps what its algorithm derives from it (key schedule, keyed hash states), because
//! setting that up costs as much as a good part of a ticket. That is worth as much as the key
//! and is wiped on drop.

use std::convert::Infallible;
use std::fmt;

use des::Des;
use des::cipher::array::Array;
use des::cipher::{BlockCipherEncrypt as _, KeyInit as _};
#[cfg(feature = "enhanced")]
use {
    hmac::{Hmac, Mac as _},
    sha2::Sha512,
};

use crate::error::{Error, Reason};
use crate::key::DesEncipher;
#[cfg(feature = "enhanced")]
use crate::{enhanced, key::HmacSha512};

/// A DES key in memory.
///
/// Parity is ignored and weak keys are accepted: RACF does both, and keys of that kind exist.
/// The cipher works from tables, so its timing depends on the key through the data cache.
pub struct DesKey(Des);

impl DesKey {
    /// A key from its [8 bytes](crate::legacy::KEY_BYTES). Wiping `key` is left to the caller.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::KeyLength`](crate::ErrorKind::KeyLength) for any other number of bytes.
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        match Des::new_from_slice(key) {
            Ok(cipher) => Ok(Self(cipher)),
            Err(_) => Err(Reason::DesKeyLength { count: key.len() }.into()),
        }
    }
}

impl DesEncipher for DesKey {
    type Error = Infallible;

    fn encipher(&self, blocks: &mut [[u8; 8]]) -> Result<(), Infallible> {
        self.0.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
        Ok(())
    }
}

impl fmt::Debug for DesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DesKey(..)")
    }
}

/// An HMAC-SHA-512 key in memory.
#[cfg(feature = "enhanced")]
pub struct HmacKey(Hmac<Sha512>);

#[cfg(feature = "enhanced")]
impl HmacKey {
    /// A key from its [32 to 256 bytes](crate::enhanced::KEY_BYTES). Wiping `key` is left to the
    /// caller.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::KeyLength`](crate::ErrorKind::KeyLength) for any other number of bytes.
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        enhanced::check_key_length(key.len())?;
        match Hmac::new_from_slice(key) {
            Ok(keyed) => Ok(Self(keyed)),
            Err(_) => Err(Reason::HmacKeyLength { count: key.len() }.into()),
        }
    }
}

#[cfg(feature = "enhanced")]
impl HmacSha512 for HmacKey {
    type Error = Infallible;

    fn hmac(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), Infallible> {
        for (message, mac) in messages.iter().zip(macs) {
            *mac = self.0.clone().chain_update(message).finalize().into_bytes().into();
        }
        Ok(())
    }
}

#[cfg(feature = "enhanced")]
impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(..)")
    }
}
