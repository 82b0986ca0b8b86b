//! The one form in which every engine wraps a key, so that a key data set moves between engines.
//!
//! Tokens do not wrap what they cannot unwrap again: RFC 3394 wants at least 16 bytes, many tokens have no single DES,
//! and SoftHSM takes no HMAC key shorter than its hash. So a DES key is carried as a triple-length key with three equal
//! parts, which computes single DES, and an HMAC key is filled with zero bytes up to 64. The true length travels beside
//! the wrapped key. Zero bytes at the end do not change the HMAC of a key that is no longer than a block of the hash (64
//! bytes up to SHA-256, 128 for SHA-384 and SHA-512); beyond that the key is hashed first, so an engine that cannot cut
//! an unwrapped key back to its true length must refuse, as unsupported, the lengths for which it would answer wrongly.

use zeroize::Zeroizing;

use super::{KeyAlgorithm, KeySpec, MasterKeyKind};
use crate::secret::ClearKey;

/// The bytes that are wrapped for a key.
///
/// | key | stored form |
/// |---|---|
/// | DES, 8 bytes | the key three times, each byte with odd parity: 24 bytes |
/// | HMAC, 32 to 256 bytes | the key, zero bytes up to 64 and to a multiple of 8 |
/// | Kerberos, 16 or 32 bytes | the key |
#[derive(Debug)]
pub struct StoredForm(ClearKey);

impl StoredForm {
    /// The stored form of `key`; `None` when it has not the length `spec` says.
    #[must_use]
    pub fn of(spec: KeySpec, key: &ClearKey) -> Option<Self> {
        if key.len() != spec.length() {
            return None;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::length(spec)));
        match spec.algorithm() {
            KeyAlgorithm::Des => {
                for _ in 0..3 {
                    bytes.extend(key.expose().iter().map(|byte| odd_parity(*byte)));
                }
            }
            KeyAlgorithm::Hmac | KeyAlgorithm::Kerberos(_) => {
                bytes.extend_from_slice(key.expose());
                bytes.resize(Self::length(spec), 0);
            }
        }
        Some(Self(ClearKey::from_slice(&bytes)))
    }

    /// Takes unwrapped bytes back; `None` when they cannot be the stored form of a key of this `spec`.
    #[must_use]
    pub fn from_unwrapped(spec: KeySpec, bytes: ClearKey) -> Option<Self> {
        let whole = bytes.expose();
        let fits = whole.len() == Self::length(spec)
            && match spec.algorithm() {
                KeyAlgorithm::Des => whole.chunks(8).all(|part| part == whole.split_at(8).0),
                KeyAlgorithm::Hmac | KeyAlgorithm::Kerberos(_) => {
                    whole.iter().skip(spec.length()).all(|byte| *byte == 0)
                }
            };
        fits.then_some(Self(bytes))
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn length(spec: KeySpec) -> usize {
        match spec.algorithm() {
            KeyAlgorithm::Des => 24,
            KeyAlgorithm::Hmac => {
                let rounded = spec.length().next_multiple_of(8);
                if rounded < 64 { 64 } else { rounded }
            }
            KeyAlgorithm::Kerberos(_) => spec.length(),
        }
    }

    /// The bytes to wrap.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The key itself, in its true length.
    #[must_use]
    pub fn key(&self, spec: KeySpec) -> ClearKey {
        ClearKey::from_slice(self.expose().split_at(spec.length().min(self.0.len())).0)
    }
}

/// Whether each byte of a DES key has odd parity, as [`StoredForm`] makes it.
pub(crate) fn has_odd_parity(key: &ClearKey) -> bool {
    key.expose().iter().all(|byte| *byte == odd_parity(*byte))
}

const fn odd_parity(byte: u8) -> u8 {
    if byte.count_ones().is_multiple_of(2) { byte ^ 1 } else { byte }
}

/// The public constant whose wrap tells which master key it is: see [`Mkvp`](super::Mkvp). It differs between the two
/// kinds, so that one value entered as both master keys has two patterns.
#[must_use]
pub const fn mkvp_constant(kind: MasterKeyKind) -> &'static [u8; 16] {
    match kind {
        MasterKeyKind::Des => b"softicsf  DES-MK",
        MasterKeyKind::Aes => b"softicsf  AES-MK",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_des_key_is_stored_three_times_with_odd_parity() {
        let key = ClearKey::from_hex("0001020304050607").unwrap();
        let stored = StoredForm::of(KeySpec::DES, &key).unwrap();
        assert_eq!(stored.expose(), [1, 1, 2, 2, 4, 4, 7, 7].repeat(3));
        assert!(StoredForm::from_unwrapped(KeySpec::DES, ClearKey::from_slice(stored.expose())).is_some());
        assert!(StoredForm::from_unwrapped(KeySpec::DES, ClearKey::new((0..24).collect())).is_none());
        assert!(StoredForm::of(KeySpec::DES, &ClearKey::new(vec![1; 16])).is_none());
    }

    #[test]
    fn an_hmac_key_is_filled_to_64_and_to_a_multiple_of_8() {
        for (length, stored) in [(32, 64), (63, 64), (64, 64), (65, 72), (131, 136), (256, 256)] {
            let spec = KeySpec::hmac(length).unwrap();
            let key = ClearKey::new(vec![0xa5; length]);
            let form = StoredForm::of(spec, &key).unwrap();
            assert_eq!(form.expose().len(), stored);
            assert_eq!(form.key(spec).expose(), key.expose());
            let mut bytes = form.expose().to_vec();
            assert!(StoredForm::from_unwrapped(spec, ClearKey::new(bytes.clone())).is_some());
            if stored > length {
                bytes[stored - 1] = 1;
                assert!(StoredForm::from_unwrapped(spec, ClearKey::new(bytes)).is_none());
            }
        }
        assert!(KeySpec::hmac(31).is_none() && KeySpec::hmac(257).is_none());
    }
}
