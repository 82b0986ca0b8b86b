//! AES in CBC mode with ciphertext stealing, the initial vector zero (RFC 3962 section 5; RFC 8009 section 5).
//!
//! The last two blocks always change places, also when both are whole, and the one that is then last is cut to the length
//! of the text. A text of a single block is CBC alone.

use zeroize::Zeroizing;

use super::{CryptoError, Derived};

/// Bytes of a block.
pub(super) const BLOCK: usize = 16;

/// Enciphers what follows the first `from` bytes of `text`: at least one block. Up to a block is added meanwhile, for
/// which there should be room.
pub(super) fn encipher(key: &Derived, text: &mut Vec<u8>, from: usize) -> Result<(), CryptoError> {
    let length = text.len();
    text.resize(from + (length - from).next_multiple_of(BLOCK), 0);
    let blocks = text.get_mut(from..).unwrap_or_default();
    key.encipher_cbc(blocks)?;
    swap_last(blocks);
    text.truncate(length);
    Ok(())
}

/// Deciphers what follows the first `from` bytes of `text`: the inverse of [`encipher`].
pub(super) fn decipher(key: &Derived, text: &mut Vec<u8>, from: usize) -> Result<(), CryptoError> {
    let length = text.len();
    let padded = from + (length - from).next_multiple_of(BLOCK);
    if padded != length {
        // The last whole block is the last one of CBC: what it deciphers to ends, where the text was padded with zeros, in
        // the bytes that were cut from the block before.
        let last = text.get(padded - 2 * BLOCK..).and_then(|last| last.first_chunk::<BLOCK>());
        let mut last = Zeroizing::new(*last.ok_or(CryptoError::Integrity)?);
        key.decipher_cbc(&mut *last)?;
        text.extend(last.iter().skip(BLOCK - (padded - length)));
    }
    let blocks = text.get_mut(from..).unwrap_or_default();
    swap_last(blocks);
    key.decipher_cbc(blocks)?;
    text.truncate(length);
    Ok(())
}

fn swap_last(blocks: &mut [u8]) {
    if let Some(last) = blocks.last_chunk_mut::<{ 2 * BLOCK }>() {
        last.rotate_left(BLOCK);
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::super::process::ProcessKey;
    use super::super::{Derived, InProcess};
    use super::{decipher, encipher};

    /// RFC 3962 appendix B.
    #[test]
    fn steals_as_the_rfc_shows() {
        let key = ProcessKey::filled(16, |key| key.copy_from_slice(b"chicken teriyaki"));
        let key = Derived::InProcess(InProcess(key));
        let plain = b"I would like the General Gau's Chicken, please, and wonton soup.";
        for (length, cipher) in [
            (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
            (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
            (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
            (47, "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5"),
            (48, "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8"),
            (
                64,
                "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8\
                 4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
            ),
        ] {
            let mut text = plain[..length].to_vec();
            encipher(&key, &mut text, 0).unwrap();
            assert_eq!(HEXLOWER.encode(&text), cipher, "{length} bytes");
            decipher(&key, &mut text, 0).unwrap();
            assert_eq!(text, plain[..length], "{length} bytes");
        }
    }
}
