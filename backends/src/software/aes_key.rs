//! AES keys derived from those of Kerberos principals.

use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aes::{Aes128, Aes256};
use icsf_core::ClearKey;
use icsf_core::backend::{EngineError, KeySpec};

use super::handle::keying_failed;

/// A key schedule, boxed, and wiped when it is dropped.
pub(super) enum AesKey {
    Of128(Box<Aes128>),
    Of256(Box<Aes256>),
}

impl AesKey {
    /// Makes it ready. Runs in a scrubbed frame only.
    pub(super) fn new(spec: KeySpec, key: &ClearKey) -> Result<Self, EngineError> {
        let failed = |e| keying_failed(spec, e);
        Ok(match key.len() {
            16 => Self::Of128(Box::new(Aes128::new_from_slice(key.expose()).map_err(failed)?)),
            _ => Self::Of256(Box::new(Aes256::new_from_slice(key.expose()).map_err(failed)?)),
        })
    }

    /// Enciphers whole blocks; `false` when they are broken.
    pub(super) fn encipher(&self, iv: &[u8; 16], data: &mut [u8]) -> bool {
        let (blocks, rest) = Array::slice_as_chunks_mut(data);
        if !rest.is_empty() {
            return false;
        }
        match self {
            Self::Of128(key) => cbc::Encryptor::inner_iv_init(&**key, iv.into()).encrypt_blocks(blocks),
            Self::Of256(key) => cbc::Encryptor::inner_iv_init(&**key, iv.into()).encrypt_blocks(blocks),
        }
        true
    }

    /// Deciphers whole blocks; `false` when they are broken.
    pub(super) fn decipher(&self, iv: &[u8; 16], data: &mut [u8]) -> bool {
        let (blocks, rest) = Array::slice_as_chunks_mut(data);
        if !rest.is_empty() {
            return false;
        }
        match self {
            Self::Of128(key) => cbc::Decryptor::inner_iv_init(&**key, iv.into()).decrypt_blocks(blocks),
            Self::Of256(key) => cbc::Decryptor::inner_iv_init(&**key, iv.into()).decrypt_blocks(blocks),
        }
        true
    }
}
