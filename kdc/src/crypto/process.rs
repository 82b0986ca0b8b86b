//! Keys that are used in this process: session keys, and what is derived from them.

use std::fmt;

use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit, consts::U16};
use aes::{Aes128, Aes256};
use hmac::{EagerHash, Hmac, Mac};
use icsf_core::backend::{Derivation, HashAlgorithm};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// The longest key of any encryption type here, in bytes.
const LONGEST: usize = 32;

/// A clear key of 16 to 32 bytes, wiped when dropped.
pub(super) struct ProcessKey {
    bytes: Box<Zeroizing<[u8; LONGEST]>>,
    length: usize,
}

impl ProcessKey {
    /// A key of `length` bytes, which `fill` writes in their place, so that no other copy is made.
    pub(super) fn filled(length: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut key = Self { bytes: Box::default(), length: length.min(LONGEST) };
        fill(key.bytes.get_mut(..key.length).unwrap_or_default());
        key
    }

    /// The clear key.
    pub(super) fn expose(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The leftmost `length` bytes of what `how` makes with this key.
    pub(super) fn derive(&self, how: &Derivation<'_>, length: usize) -> Self {
        Self::filled(length, |derived| match how {
            Derivation::AesCbc(blocks) => {
                let mut blocks = Zeroizing::new(blocks.to_vec());
                self.encipher_cbc(&mut blocks);
                copy(&blocks, derived);
            }
            Derivation::Hmac(hash, message) => {
                let mut mac = Zeroizing::new([0; 64]);
                self.hmac(*hash, message, &mut mac);
                copy(&*mac, derived);
            }
        })
    }

    /// AES-CBC of whole blocks, with an initial vector of zeros.
    pub(super) fn encipher_cbc(&self, blocks: &mut [u8]) {
        let blocks = Array::slice_as_chunks_mut(blocks).0;
        match self.length {
            LONGEST => cbc::Encryptor::<Aes256>::new(self.long(), &Array::default()).encrypt_blocks(blocks),
            _ => cbc::Encryptor::<Aes128>::new(self.short(), &Array::default()).encrypt_blocks(blocks),
        }
    }

    /// The inverse of [`encipher_cbc`](Self::encipher_cbc).
    pub(super) fn decipher_cbc(&self, blocks: &mut [u8]) {
        let blocks = Array::slice_as_chunks_mut(blocks).0;
        match self.length {
            LONGEST => cbc::Decryptor::<Aes256>::new(self.long(), &Array::default()).decrypt_blocks(blocks),
            _ => cbc::Decryptor::<Aes128>::new(self.short(), &Array::default()).decrypt_blocks(blocks),
        }
    }

    /// The HMAC of `message`, in the leftmost bytes of `mac`.
    pub(super) fn hmac(&self, hash: HashAlgorithm, message: &[u8], mac: &mut [u8; 64]) {
        match hash {
            HashAlgorithm::Sha1 => self.hmac_with::<Sha1>(message, mac),
            HashAlgorithm::Sha224 => self.hmac_with::<Sha224>(message, mac),
            HashAlgorithm::Sha256 => self.hmac_with::<Sha256>(message, mac),
            HashAlgorithm::Sha384 => self.hmac_with::<Sha384>(message, mac),
            _ => self.hmac_with::<Sha512>(message, mac),
        }
    }

    fn hmac_with<H: EagerHash>(&self, message: &[u8], mac: &mut [u8; 64]) {
        // HMAC pads a key that is shorter than a block with zeros.
        let mut key = hmac::digest::Key::<Hmac<H>>::default();
        copy(self.expose(), &mut key);
        let mut result = Hmac::<H>::new(&key).chain_update(message).finalize().into_bytes();
        copy(&result, mac);
        key.zeroize();
        result.zeroize();
    }

    fn long(&self) -> &Array<u8, aes::cipher::consts::U32> {
        (&**self.bytes).into()
    }

    fn short(&self) -> &Array<u8, U16> {
        self.long().split_ref::<U16>().0
    }
}

impl fmt::Debug for ProcessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessKey({} bytes)", self.length)
    }
}

/// Copies as many bytes as both have.
fn copy(from: &[u8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}
