//! Open keys: key schedules and keyed hash states, boxed and wiped.

use std::fmt;

use des::Des;
use des::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use hmac::{EagerHash, Hmac, Mac};
use icsf_core::ClearKey;
use icsf_core::backend::{EngineError, EngineErrorKind, HashAlgorithm, KeyAlgorithm, KeyHandle, KeySpec, StoredForm};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::scrub::{scrubbed, wipe_stack};

/// Makes a key ready for use. Runs in a scrubbed frame only.
pub(super) fn open(spec: KeySpec, stored: &StoredForm) -> Result<Box<dyn KeyHandle>, EngineError> {
    let key = stored.key(spec);
    match spec.algorithm() {
        KeyAlgorithm::Des => {
            let schedule = Des::new_from_slice(key.expose()).map_err(|e| keying_failed(spec, e))?;
            Ok(Box::new(DesKey(Box::new(schedule))))
        }
        KeyAlgorithm::Hmac => {
            let sha512 = keyed(spec, &key)?;
            Ok(Box::new(HmacKey { spec, key, sha512 }))
        }
        _ => Err(unsupported(spec)),
    }
}

/// A single DES key.
struct DesKey(Box<Des>);

impl KeyHandle for DesKey {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.0.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
        Ok(())
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.0.decrypt_blocks(Array::cast_slice_from_core_mut(blocks));
        Ok(())
    }

    fn hmac(&self, _hash: HashAlgorithm, _messages: &[&[u8]], _macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        Err(unsupported(KeySpec::DES))
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        Err(unsupported(KeySpec::DES))
    }
}

impl fmt::Debug for DesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "software handle of a {}", KeySpec::DES)
    }
}

impl Drop for DesKey {
    fn drop(&mut self) {
        wipe_stack();
    }
}

/// An HMAC key; keyed for SHA-512, which the enhanced PassTicket uses, and keyed at use for the other hashes.
struct HmacKey {
    spec: KeySpec,
    key: ClearKey,
    sha512: Box<Hmac<Sha512>>,
}

impl HmacKey {
    fn other<H: EagerHash>(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        scrubbed(|| {
            let keyed = keyed::<H>(self.spec, &self.key)?;
            compute(&keyed, messages, macs);
            Ok(())
        })
    }
}

impl KeyHandle for HmacKey {
    fn encipher_blocks(&self, _blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        Err(unsupported(self.spec))
    }

    fn decipher_blocks(&self, _blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        Err(unsupported(self.spec))
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        if messages.len() != macs.len() {
            let places = format!("{} messages and places for {} MACs", messages.len(), macs.len());
            return Err(unsupported(self.spec).with_detail(places));
        }
        match hash {
            HashAlgorithm::Sha1 => self.other::<Sha1>(messages, macs),
            HashAlgorithm::Sha224 => self.other::<Sha224>(messages, macs),
            HashAlgorithm::Sha256 => self.other::<Sha256>(messages, macs),
            HashAlgorithm::Sha384 => self.other::<Sha384>(messages, macs),
            HashAlgorithm::Sha512 => {
                compute(&self.sha512, messages, macs);
                Ok(())
            }
            _ => Err(unsupported(self.spec)),
        }
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        scrubbed(|| {
            let digest = Sha256::new().chain_update([1]).chain_update(self.key.expose()).finalize();
            let mut check = [0; 8];
            check.iter_mut().zip(digest.iter()).for_each(|(place, byte)| *place = *byte);
            Ok(check)
        })
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "software handle of a {}", self.spec)
    }
}

impl Drop for HmacKey {
    fn drop(&mut self) {
        // Each use works on a copy of the keyed state on the stack.
        wipe_stack();
    }
}

fn keyed<H: EagerHash>(spec: KeySpec, key: &ClearKey) -> Result<Box<Hmac<H>>, EngineError> {
    Ok(Box::new(Hmac::new_from_slice(key.expose()).map_err(|e| keying_failed(spec, e))?))
}

fn compute<H: EagerHash>(keyed: &Hmac<H>, messages: &[&[u8]], macs: &mut [[u8; 64]]) {
    for (message, place) in messages.iter().zip(macs) {
        let mac = keyed.clone().chain_update(message).finalize().into_bytes();
        place.iter_mut().zip(mac.iter()).for_each(|(place, byte)| *place = *byte);
    }
}

fn unsupported(spec: KeySpec) -> EngineError {
    EngineError::new(EngineErrorKind::Unsupported(spec))
}

fn keying_failed(spec: KeySpec, source: impl std::error::Error + Send + Sync + 'static) -> EngineError {
    EngineError::fault(format!("setting up a {spec}")).with_source(source)
}
