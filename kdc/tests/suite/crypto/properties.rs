//! What holds for every key, usage and text.

use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_core::random::SeededRandom;
use icsf_kdc::crypto::{CryptoError, SessionKey, checksum, decrypt, encrypt, verify_checksum};
use proptest::prelude::*;

use super::session_key;

/// Bytes beyond the plaintext: a confounder and the HMAC.
fn added(etype: Etype) -> usize {
    16 + match etype {
        Etype::Aes128Sha1 | Etype::Aes256Sha1 => 12,
        Etype::Aes128Sha2 => 16,
        Etype::Aes256Sha2 => 24,
    }
}

#[test]
fn texts_of_every_length_come_back() {
    for etype in Etype::ALL {
        let key = SessionKey::random(etype, &SeededRandom::new(17)).unwrap();
        for length in 0..200 {
            let plain: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37)).collect();
            let cipher = encrypt(&key, 11, &[length; 16], &plain).unwrap();
            assert_eq!(cipher.len(), plain.len() + added(etype), "{etype}, {length} bytes");
            assert_eq!(*decrypt(&key, 11, &cipher).unwrap(), plain, "{etype}, {length} bytes");
        }
    }
}

#[test]
fn a_text_with_any_bit_changed_or_any_byte_missing_is_refused() {
    for etype in Etype::ALL {
        let key = SessionKey::random(etype, &SeededRandom::new(18)).unwrap();
        for length in [0_u8, 1, 15, 16, 17, 40] {
            let plain: Vec<u8> = (0..length).collect();
            let cipher = encrypt(&key, 3, &[9; 16], &plain).unwrap();
            for bit in 0..cipher.len() * 8 {
                let mut changed = cipher.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let answer = decrypt(&key, 3, &changed);
                assert!(matches!(answer, Err(CryptoError::Integrity)), "{etype}, {length} bytes, bit {bit}");
            }
            for cut in 0..cipher.len() {
                assert!(
                    matches!(decrypt(&key, 3, &cipher[..cut]), Err(CryptoError::Integrity)),
                    "{etype}: {cut} bytes"
                );
                assert!(matches!(decrypt(&key, 3, &cipher[cut + 1..]), Err(CryptoError::Integrity)));
            }
        }
    }
}

#[test]
fn a_key_of_another_length_is_refused_with_both_lengths() {
    for etype in Etype::ALL {
        for length in (0..70).filter(|length| *length != etype.key_length()) {
            let error = SessionKey::new(etype, &ClearKey::new(vec![0; length])).unwrap_err();
            let text = format!("a key of {length} bytes, and {etype} takes {}", etype.key_length());
            assert_eq!(error.to_string(), text);
        }
    }
}

fn etypes() -> impl Strategy<Value = Etype> {
    prop::sample::select(Etype::ALL.to_vec())
}

proptest! {
    #[test]
    fn what_one_key_and_usage_made_no_other_reads(
        etype in etypes(), key in any::<[u8; 32]>(), other in any::<[u8; 32]>(), usage in any::<u32>(),
        another in any::<u32>(), confounder in any::<[u8; 16]>(), plain in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let length = etype.key_length();
        prop_assume!(usage != another && key[..length] != other[..length]);
        let (key, other) = (session_key(etype, &key[..length]), session_key(etype, &other[..length]));
        let cipher = encrypt(&key, usage, &confounder, &plain).unwrap();
        prop_assert_eq!(&*decrypt(&key, usage, &cipher).unwrap(), &plain);
        prop_assert!(matches!(decrypt(&key, another, &cipher), Err(CryptoError::Integrity)));
        prop_assert!(matches!(decrypt(&other, usage, &cipher), Err(CryptoError::Integrity)));
        let sum = checksum(&key, usage, &plain).unwrap();
        prop_assert!(verify_checksum(&key, usage, &plain, &sum).is_ok());
        prop_assert!(matches!(verify_checksum(&key, another, &plain, &sum), Err(CryptoError::Integrity)));
        prop_assert!(matches!(verify_checksum(&other, usage, &plain, &sum), Err(CryptoError::Integrity)));
    }

    #[test]
    fn no_bytes_make_it_panic(etype in etypes(), cipher in prop::collection::vec(any::<u8>(), 0..100)) {
        let key = session_key(etype, &vec![7; etype.key_length()]);
        prop_assert!(matches!(decrypt(&key, 1, &cipher), Err(CryptoError::Integrity)));
        prop_assert!(matches!(verify_checksum(&key, 1, b"data", &cipher), Err(CryptoError::Integrity)));
    }
}
