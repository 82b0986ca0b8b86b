//! Clear key bytes, in the one type that may hold them outside an engine.

use std::fmt;

use data_encoding::{DecodeKind, HEXUPPER_PERMISSIVE};
use secrecy::{ExposeSecret, SecretSlice};
use zeroize::{Zeroize, Zeroizing};

/// A clear key value: wiped when dropped, never printed, never copied by accident.
///
/// Shape: any number of bytes; what length a key must have is the business of whoever uses it.
///
/// ```
/// # use icsf_core::ClearKey;
/// let key = ClearKey::from_hex("E001193519561977")?;
/// assert_eq!(key.len(), 8);
/// assert_eq!(format!("{key:?}"), "ClearKey(8 bytes)");
/// # Ok::<(), icsf_core::secret::NotHex>(())
/// ```
pub struct ClearKey(SecretSlice<u8>);

/// The text offered as a key is not hexadecimal; the text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotHex {
    /// A character other than 0-9, A-F, a-f, counted from 1 without white space.
    #[error("digit {0} of the key is not hexadecimal")]
    Digit(usize),
    /// A digit is left over.
    #[error("the key has {0} hexadecimal digits, an odd number")]
    Odd(usize),
}

impl ClearKey {
    /// Takes over `bytes`; the allocation is wiped with the key.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(SecretSlice::from(bytes));
        }
        // Making a boxed slice would move the bytes and leave the old ones behind, so they are moved here and wiped.
        let key = Self::from_slice(&bytes);
        bytes.zeroize();
        key
    }

    /// Copies `bytes`; wiping the original is the caller's part.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self(SecretSlice::from(Box::<[u8]>::from(bytes)))
    }

    /// Reads hexadecimal digits, white space between them ignored.
    ///
    /// # Errors
    /// [`NotHex`] names the position and never the text.
    pub fn from_hex(text: &str) -> Result<Self, NotHex> {
        let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
        digits.extend(text.bytes().filter(|b| !b.is_ascii_whitespace()));
        let mut bytes = Zeroizing::new(vec![0; digits.len() / 2]);
        if digits.len() % 2 != 0 {
            return Err(NotHex::Odd(digits.len()));
        }
        HEXUPPER_PERMISSIVE.decode_mut(&digits, &mut bytes).map_err(|partial| match partial.error.kind {
            DecodeKind::Length => NotHex::Odd(digits.len()),
            _ => NotHex::Digit(partial.error.position + 1),
        })?;
        Ok(Self::from_slice(&bytes))
    }

    /// The key itself. The only way to it: grep for `expose`.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Whether there is no byte in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// The bytewise exclusive OR of two keys, as key parts are combined; `None` when their lengths differ.
    #[must_use]
    pub fn xor(&self, other: &Self) -> Option<Self> {
        let sum = || self.expose().iter().zip(other.expose()).map(|(a, b)| a ^ b).collect();
        (self.len() == other.len()).then(|| Self::new(sum()))
    }
}

impl fmt::Debug for ClearKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClearKey({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_errors_name_the_place_and_not_the_key() {
        assert_eq!(ClearKey::from_hex("E0 01xA").unwrap_err(), NotHex::Digit(5));
        assert_eq!(ClearKey::from_hex("E00").unwrap_err(), NotHex::Odd(3));
        assert_eq!(ClearKey::from_hex("e0 01").unwrap().expose(), [0xe0, 0x01]);
    }

    #[test]
    fn parts_combine_by_exclusive_or() {
        let a = ClearKey::from_slice(&[0xf0, 0x0f]);
        let b = ClearKey::from_slice(&[0xff, 0xff]);
        assert_eq!(a.xor(&b).unwrap().expose(), [0x0f, 0xf0]);
        assert!(a.xor(&ClearKey::from_slice(&[1])).is_none());
    }
}
