//! The fixed-length token of a DES key: 64 bytes.
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | X'01' internal token |
//! | 1 | 3 | zero |
//! | 4 | 1 | version X'F1': ours |
//! | 5 | 1 | zero |
//! | 6 | 1 | X'80': key and pattern present |
//! | 7 | 1 | zero |
//! | 8 | 8 | MKVP of the DES-MK |
//! | 16 | 32 | the key, wrapped |
//! | 48 | 8 | control vector: zero, DATA |
//! | 56 | 2 | length of the key in bits: 64 |
//! | 58 | 2 | length of the wrapped key in bytes: 32 |
//! | 60 | 4 | token validation value: the sum of the words before it, modulo 2^32 |
//!
//! Source of the positions: CCA, fixed-length symmetric internal tokens; of the validation value: an IBM sample exec.

use super::{FIXED_LENGTH, TokenError};
use crate::backend::{KeySpec, Mkvp, WrappedKey};

pub(super) const VERSION: u8 = 0xf1;
const WRAPPED: usize = 32;

/// A single-length DES key of type DATA, wrapped under the DES-MK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesToken(WrappedKey);

impl DesToken {
    /// The token of a wrapped single-length DES key; `None` when it is another key.
    #[must_use]
    pub fn new(wrapped: WrappedKey) -> Option<Self> {
        (wrapped.spec() == KeySpec::DES && wrapped.blob().len() == WRAPPED).then_some(Self(wrapped))
    }

    /// The wrapped key.
    #[must_use]
    pub const fn wrapped(&self) -> &WrappedKey {
        &self.0
    }

    /// The 64 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; FIXED_LENGTH] {
        let mut bytes = Vec::with_capacity(FIXED_LENGTH);
        bytes.extend_from_slice(&[1, 0, 0, 0, VERSION, 0, 0x80, 0]);
        bytes.extend_from_slice(self.0.mkvp().bytes());
        bytes.extend_from_slice(self.0.blob());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&[0, 64, 0, 32]);
        bytes.extend_from_slice(&validation_value(&bytes).to_be_bytes());
        let mut token = [0; FIXED_LENGTH];
        token.copy_from_slice(&bytes);
        token
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let (token, _) = bytes.split_at_checked(FIXED_LENGTH).ok_or(TokenError::Short(bytes.len()))?;
        let (body, sum) = token.split_at(60);
        if validation_value(body).to_be_bytes() != sum {
            return Err(TokenError::ValidationValue);
        }
        let mut mkvp = [0; 8];
        mkvp.copy_from_slice(body.split_at(8).1.split_at(8).0);
        let blob = body.split_at(16).1.split_at(WRAPPED).0;
        let read = Self(WrappedKey::new(KeySpec::DES, Mkvp::new(mkvp), blob));
        // Every byte has one right value, so what does not come back the same is not a token of this version.
        match read.encode().iter().zip(token).position(|(ours, theirs)| ours != theirs) {
            None => Ok(read),
            Some(offset) => Err(TokenError::Field { offset, what: "not a single-length DATA key" }),
        }
    }
}

fn validation_value(body: &[u8]) -> u32 {
    body.chunks_exact(4).fold(0, |sum, word| match <[u8; 4]>::try_from(word) {
        Ok(word) => sum.wrapping_add(u32::from_be_bytes(word)),
        Err(_) => sum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::KeyToken;

    #[test]
    fn the_validation_value_is_the_sum_of_the_words() {
        // The derived example of a CCA token under DES-MK 0123456789ABCDEF FEDCBA9876543210.
        let token = data_encoding::HEXUPPER
            .decode(
                concat!(
                    "010000000000C000BA0D133880AE14EC1A4D672DCA6CB335",
                    "000000000000000000000000000000000000000000000000000000000000000000000000"
                )
                .as_bytes(),
            )
            .unwrap();
        assert_eq!(validation_value(&token), 0x2076_0286);
    }

    #[test]
    fn a_token_comes_back_and_each_changed_byte_is_noticed() {
        let wrapped = WrappedKey::new(KeySpec::DES, Mkvp::new([7; 8]), (0..32).collect::<Vec<u8>>());
        let token = DesToken::new(wrapped).unwrap();
        let bytes = token.encode();
        assert!(matches!(KeyToken::parse(&bytes), Ok(KeyToken::Des(back)) if back == token));
        for at in 0..FIXED_LENGTH {
            let mut changed = bytes;
            changed[at] ^= 0x04;
            let kept = matches!(KeyToken::parse(&changed), Ok(KeyToken::Des(_)));
            assert!(!kept, "byte {at}");
        }
        assert_eq!(KeyToken::parse(&bytes[..63]).unwrap_err(), TokenError::Short(63));
    }
}
