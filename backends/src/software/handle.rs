//! Open keys: key schedules and keyed hash states, boxed and wiped.

use std::fmt;

use des::Des;
use des::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use hmac::{EagerHash, Hmac, Mac};
use icsf_core::ClearKey;
use icsf_core::backend::{
    Derivation, DerivedUse, EngineError, EngineErrorKind, HashAlgorithm, KeyAlgorithm, KeyHandle, KeySpec, StoredForm,
};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::aes_key::AesKey;
use crate::scrub::{scrubbed, wipe_stack};

/// Makes a key ready for use. Runs in a scrubbed frame only.
pub(crate) fn open(spec: KeySpec, stored: &StoredForm) -> Result<Box<dyn KeyHandle>, EngineError> {
    let key = stored.key(spec);
    let shape = match spec.algorithm() {
        KeyAlgorithm::Des => {
            Shape::Des(Box::new(Des::new_from_slice(key.expose()).map_err(|e| keying_failed(spec, e))?))
        }
        KeyAlgorithm::Hmac => Shape::Hmac { sha512: keyed(spec, &key)?, key },
        KeyAlgorithm::Kerberos(_) => Shape::Kerberos(key),
        _ => return Err(unsupported(spec)),
    };
    Ok(Box::new(SoftwareKey { spec, shape }))
}

/// An open key, or one derived from an open key, whose `spec` it has then.
struct SoftwareKey {
    spec: KeySpec,
    shape: Shape,
}

enum Shape {
    /// Single DES.
    Des(Box<Des>),
    /// HMAC; keyed for SHA-512, which the enhanced PassTicket uses, and keyed at use for the other hashes.
    Hmac { key: ClearKey, sha512: Box<Hmac<Sha512>> },
    /// The key of a Kerberos principal: what is derived from it stays open, so it is needed seldom.
    Kerberos(ClearKey),
    /// Derived, to encipher.
    Cipher(AesKey),
    /// Derived, for MACs with one hash.
    Mac(HashAlgorithm, Keyed),
}

/// A keyed hash state of an encryption type.
enum Keyed {
    Sha1(Box<Hmac<Sha1>>),
    Sha256(Box<Hmac<Sha256>>),
    Sha384(Box<Hmac<Sha384>>),
}

impl Keyed {
    fn new(spec: KeySpec, hash: HashAlgorithm, key: &ClearKey) -> Result<Self, EngineError> {
        match hash {
            HashAlgorithm::Sha1 => keyed(spec, key).map(Self::Sha1),
            HashAlgorithm::Sha256 => keyed(spec, key).map(Self::Sha256),
            HashAlgorithm::Sha384 => keyed(spec, key).map(Self::Sha384),
            _ => Err(unsupported(spec)),
        }
    }

    fn compute(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) {
        match self {
            Self::Sha1(keyed) => compute(keyed, messages, macs),
            Self::Sha256(keyed) => compute(keyed, messages, macs),
            Self::Sha384(keyed) => compute(keyed, messages, macs),
        }
    }
}

impl SoftwareKey {
    fn unsupported(&self) -> EngineError {
        unsupported(self.spec)
    }

    fn other<H: EagerHash>(
        &self,
        key: &ClearKey,
        messages: &[&[u8]],
        macs: &mut [[u8; 64]],
    ) -> Result<(), EngineError> {
        scrubbed(|| {
            let keyed = keyed::<H>(self.spec, key)?;
            compute(&keyed, messages, macs);
            Ok(())
        })
    }

    /// The bytes of a derived key.
    fn derived(&self, key: &ClearKey, how: &Derivation<'_>, into: DerivedUse) -> Result<ClearKey, EngineError> {
        let bytes = match how {
            Derivation::AesCbc(blocks) => {
                let mut bytes = Zeroizing::new(blocks.to_vec());
                if !AesKey::new(self.spec, key)?.encipher(&[0; 16], &mut bytes) {
                    return Err(self.unsupported());
                }
                bytes
            }
            Derivation::Hmac(hash, message) => {
                let mut mac = Zeroizing::new([0; 64]);
                Keyed::new(self.spec, *hash, key)?.compute(&[message], std::slice::from_mut(&mut *mac));
                Zeroizing::new(mac.to_vec())
            }
        };
        bytes.get(..into.length()).map(ClearKey::from_slice).ok_or_else(|| self.unsupported())
    }
}

impl KeyHandle for SoftwareKey {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        let Shape::Des(key) = &self.shape else { return Err(self.unsupported()) };
        key.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
        Ok(())
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        let Shape::Des(key) = &self.shape else { return Err(self.unsupported()) };
        key.decrypt_blocks(Array::cast_slice_from_core_mut(blocks));
        Ok(())
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        if messages.len() != macs.len() {
            let places = format!("{} messages and places for {} MACs", messages.len(), macs.len());
            return Err(self.unsupported().with_detail(places));
        }
        let (key, sha512) = match &self.shape {
            Shape::Hmac { key, sha512 } => (key, sha512),
            Shape::Mac(made_for, keyed) if *made_for == hash => {
                keyed.compute(messages, macs);
                return Ok(());
            }
            _ => return Err(self.unsupported()),
        };
        match hash {
            HashAlgorithm::Sha1 => self.other::<Sha1>(key, messages, macs),
            HashAlgorithm::Sha224 => self.other::<Sha224>(key, messages, macs),
            HashAlgorithm::Sha256 => self.other::<Sha256>(key, messages, macs),
            HashAlgorithm::Sha384 => self.other::<Sha384>(key, messages, macs),
            HashAlgorithm::Sha512 => {
                compute(sha512, messages, macs);
                Ok(())
            }
            _ => Err(self.unsupported()),
        }
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError> {
        let Shape::Kerberos(key) = &self.shape else { return Err(self.unsupported()) };
        let etype = how.check(self.spec, into)?;
        scrubbed(|| {
            let key = self.derived(key, how, into)?;
            let shape = match into {
                DerivedUse::Cipher(_) => Shape::Cipher(AesKey::new(self.spec, &key)?),
                DerivedUse::Mac(_) => Shape::Mac(etype.hash(), Keyed::new(self.spec, etype.hash(), &key)?),
            };
            Ok(Box::new(Self { spec: self.spec, shape }) as Box<dyn KeyHandle>)
        })
    }

    fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        match &self.shape {
            Shape::Cipher(key) if key.encipher(iv, data) => Ok(()),
            _ => Err(self.unsupported()),
        }
    }

    fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        match &self.shape {
            Shape::Cipher(key) if key.decipher(iv, data) => Ok(()),
            _ => Err(self.unsupported()),
        }
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        let Shape::Hmac { key, .. } = &self.shape else { return Err(self.unsupported()) };
        scrubbed(|| {
            let digest = Sha256::new().chain_update([1]).chain_update(key.expose()).finalize();
            let mut check = [0; 8];
            check.iter_mut().zip(digest.iter()).for_each(|(place, byte)| *place = *byte);
            Ok(check)
        })
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let derived = if matches!(self.shape, Shape::Cipher(_) | Shape::Mac(..)) { "a key derived from " } else { "" };
        write!(f, "software handle of {derived}a {}", self.spec)
    }
}

impl Drop for SoftwareKey {
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

pub(super) fn keying_failed(spec: KeySpec, source: impl std::error::Error + Send + Sync + 'static) -> EngineError {
    EngineError::fault(format!("setting up a {spec}")).with_source(source)
}
