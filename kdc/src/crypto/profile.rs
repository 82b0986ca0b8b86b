//! Encryption and checksums, the same for every kind of key: derive, encipher, authenticate.

use std::sync::LazyLock;

use icsf_core::backend::{Derivation, DerivedUse, Etype};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cts::{self, BLOCK};
use super::n_fold::n_fold;
use super::process::ProcessKey;
use super::{BaseKey, CryptoError, Derived};

/// In what the encryption types differ, but for the hash and the lengths of keys.
pub(super) struct Profile {
    etype: Etype,
    rfc: Rfc,
    /// Bytes that remain of an HMAC.
    mac: usize,
    checksum_type: i32,
    /// PBKDF2 iterations where nothing else is said.
    pub(super) iterations: u32,
}

/// Which of the two families.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rfc {
    /// RFC 3962, on the simplified profile of RFC 3961: keys by DK, the HMAC is one of the text.
    Rfc3962,
    /// RFC 8009: keys by KDF-HMAC-SHA2, the HMAC is one of the ciphertext after the initial vector.
    Rfc8009,
}

/// What a derived key is for: the byte after the usage number (RFC 3961 section 5.3, RFC 8009 section 5).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Checksum = 0x99,
    Encryption = 0xaa,
    Integrity = 0x55,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Checksum, Self::Encryption, Self::Integrity];

    /// What a key for this is derived with.
    const fn constant(self, usage: u32) -> [u8; 5] {
        let [a, b, c, d] = usage.to_be_bytes();
        [a, b, c, d, self as u8]
    }

    /// The same, folded. For the usages of RFC 4120 that is done once.
    fn folded(self, usage: u32) -> [u8; BLOCK] {
        const KNOWN: u32 = 32;
        static FOLDED: LazyLock<Vec<[[u8; BLOCK]; 3]>> = LazyLock::new(|| {
            let of_usage = |usage| Purpose::ALL.map(|purpose| n_fold(&purpose.constant(usage)));
            (0..KNOWN).map(of_usage).collect()
        });
        let known = usize::try_from(usage).ok().and_then(|usage| FOLDED.get(usage));
        let known = known.and_then(|all| Self::ALL.iter().zip(all).find(|(purpose, _)| **purpose == self));
        known.map_or_else(|| n_fold(&self.constant(usage)), |(_, folded)| *folded)
    }
}

impl Profile {
    pub(super) const fn of(etype: Etype) -> Self {
        let (rfc, mac, checksum_type, iterations) = match etype {
            Etype::Aes128Sha1 => (Rfc::Rfc3962, 12, 15, 4096),
            Etype::Aes256Sha1 => (Rfc::Rfc3962, 12, 16, 4096),
            Etype::Aes128Sha2 => (Rfc::Rfc8009, 16, 19, 32_768),
            Etype::Aes256Sha2 => (Rfc::Rfc8009, 24, 20, 32_768),
        };
        Self { etype, rfc, mac, checksum_type, iterations }
    }

    /// Bytes of initial vector that the HMAC covers before the ciphertext.
    const fn vector(&self) -> usize {
        match self.rfc {
            Rfc::Rfc3962 => 0,
            Rfc::Rfc8009 => BLOCK,
        }
    }

    /// What remains of an HMAC.
    fn cut<'a>(&self, mac: &'a [u8; 64]) -> &'a [u8] {
        mac.get(..self.mac).unwrap_or(mac)
    }

    /// The key that string-to-key ends with, derived from what PBKDF2 made.
    pub(super) fn long_term(&self, key: &ProcessKey) -> ProcessKey {
        let length = self.etype.key_length();
        let constant = b"kerberos";
        self.with_derivation(constant, || n_fold(constant), length, |how| key.derive(how, length))
    }

    /// What a key of `length` bytes is derived with: DK's blocks, or the message of KDF-HMAC-SHA2.
    fn with_derivation<T>(
        &self,
        constant: &[u8],
        folded: impl FnOnce() -> [u8; BLOCK],
        length: usize,
        derive: impl FnOnce(&Derivation<'_>) -> T,
    ) -> T {
        match self.rfc {
            // DR chains E(constant), E(E(constant)): that is CBC over the constant and a block of zeros.
            Rfc::Rfc3962 => {
                let blocks = [folded(), [0; BLOCK]];
                derive(&Derivation::AesCbc(blocks.as_flattened().get(..length).unwrap_or_default()))
            }
            Rfc::Rfc8009 => {
                let bits = u32::try_from(length * 8).unwrap_or_default();
                let message = [&1_u32.to_be_bytes(), constant, &[0], &bits.to_be_bytes()].concat();
                derive(&Derivation::Hmac(self.etype.hash(), &message))
            }
        }
    }

    fn derive<K: BaseKey + ?Sized>(&self, key: &K, usage: u32, purpose: Purpose) -> Result<Derived, CryptoError> {
        let into = match purpose {
            Purpose::Encryption => DerivedUse::Cipher(self.etype.key_length()),
            Purpose::Checksum | Purpose::Integrity => DerivedUse::Mac(self.etype.mac_key_length()),
        };
        let folded = || purpose.folded(usage);
        self.with_derivation(&purpose.constant(usage), folded, into.length(), |how| key.derive(how, into))
    }
}

/// The checksum type that goes with an encryption type (RFC 3962 section 7, RFC 8009 section 6).
#[must_use]
pub const fn checksum_type(etype: Etype) -> i32 {
    Profile::of(etype).checksum_type
}

/// Encrypts `plain` for key usage `usage` (RFC 4120 section 7.5.1). The confounder is random and used once.
///
/// # Errors
/// [`CryptoError::Engine`] when the key is in an engine and that fails.
pub fn encrypt<K: BaseKey + ?Sized>(
    key: &K,
    usage: u32,
    confounder: &[u8; BLOCK],
    plain: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let profile = Profile::of(key.etype());
    let cipher_key = profile.derive(key, usage, Purpose::Encryption)?;
    let mac_key = profile.derive(key, usage, Purpose::Integrity)?;
    let vector = profile.vector();
    let mut text = Zeroizing::new(Vec::with_capacity(vector + 2 * BLOCK + plain.len() + profile.mac));
    text.resize(vector, 0);
    text.extend_from_slice(confounder);
    text.extend_from_slice(plain);
    let mut mac = [0; 64];
    if profile.rfc == Rfc::Rfc3962 {
        mac_key.hmac(profile.etype.hash(), &text, &mut mac)?;
    }
    cts::encipher(&cipher_key, &mut text, vector)?;
    if profile.rfc == Rfc::Rfc8009 {
        mac_key.hmac(profile.etype.hash(), &text, &mut mac)?;
    }
    text.extend_from_slice(profile.cut(&mac));
    text.drain(..vector);
    Ok(std::mem::take(&mut *text))
}

/// Decrypts what [`encrypt`] made.
///
/// # Errors
/// [`CryptoError::Integrity`] when it was not made with this key and this usage, or was altered or cut since;
/// [`CryptoError::Engine`] when the key is in an engine and that fails.
pub fn decrypt<K: BaseKey + ?Sized>(key: &K, usage: u32, cipher: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let profile = Profile::of(key.etype());
    let whole = cipher.len().checked_sub(profile.mac).filter(|length| *length >= BLOCK);
    let (cipher, given) = whole.and_then(|length| cipher.split_at_checked(length)).ok_or(CryptoError::Integrity)?;
    let cipher_key = profile.derive(key, usage, Purpose::Encryption)?;
    let mac_key = profile.derive(key, usage, Purpose::Integrity)?;
    let vector = profile.vector();
    let mut text = Zeroizing::new(Vec::with_capacity(vector + cipher.len() + BLOCK));
    text.resize(vector, 0);
    text.extend_from_slice(cipher);
    let mut mac = [0; 64];
    if profile.rfc == Rfc::Rfc8009 {
        mac_key.hmac(profile.etype.hash(), &text, &mut mac)?;
        compare(profile.cut(&mac), given)?;
    }
    cts::decipher(&cipher_key, &mut text, vector)?;
    if profile.rfc == Rfc::Rfc3962 {
        mac_key.hmac(profile.etype.hash(), &text, &mut mac)?;
        compare(profile.cut(&mac), given)?;
    }
    text.drain(..vector + BLOCK);
    Ok(text)
}

/// The checksum of `data` for key usage `usage`, of the [type](checksum_type) that goes with the key.
///
/// # Errors
/// [`CryptoError::Engine`] when the key is in an engine and that fails.
pub fn checksum<K: BaseKey + ?Sized>(key: &K, usage: u32, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let profile = Profile::of(key.etype());
    let mut mac = [0; 64];
    profile.derive(key, usage, Purpose::Checksum)?.hmac(profile.etype.hash(), data, &mut mac)?;
    Ok(profile.cut(&mac).to_vec())
}

/// Checks what [`checksum`] made; that its type is [the key's](checksum_type) is for the caller to see.
///
/// # Errors
/// [`CryptoError::Integrity`] when it is not the checksum of `data`; as [`checksum`].
pub fn verify_checksum<K: BaseKey + ?Sized>(key: &K, usage: u32, data: &[u8], sum: &[u8]) -> Result<(), CryptoError> {
    compare(&checksum(key, usage, data)?, sum)
}

/// Compares without a hint where they differ; other lengths are a difference.
fn compare(made: &[u8], given: &[u8]) -> Result<(), CryptoError> {
    if made.ct_eq(given).into() { Ok(()) } else { Err(CryptoError::Integrity) }
}
