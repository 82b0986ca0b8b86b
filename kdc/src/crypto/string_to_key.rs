//! From a password to a long-term key.

use std::num::NonZeroU32;

use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_core::scrub::scrubbed;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::process::ProcessKey;
use super::profile::Profile;

/// The key that a password stands for. Without `iterations`, as many as the RFC says: 4096 for encryption types 17 and 18,
/// 32768 for 19 and 20, whose salt is also preceded by the name of the type.
///
/// It runs in this process, which leaves nothing of it on the stack; the caller has the key wrapped at once.
///
/// Source: RFC 3962 section 4, RFC 8009 section 4.
#[must_use]
pub fn string_to_key(etype: Etype, password: &[u8], salt: &[u8], iterations: Option<NonZeroU32>) -> ClearKey {
    let profile = Profile::of(etype);
    let rounds = iterations.map_or(profile.iterations, NonZeroU32::get);
    let named = || [etype.name().as_bytes(), &[0], salt].concat();
    scrubbed(|| {
        let key = ProcessKey::filled(etype.key_length(), |key| match etype {
            Etype::Aes128Sha1 | Etype::Aes256Sha1 => pbkdf2_hmac::<Sha1>(password, salt, rounds, key),
            Etype::Aes128Sha2 => pbkdf2_hmac::<Sha256>(password, &named(), rounds, key),
            Etype::Aes256Sha2 => pbkdf2_hmac::<Sha384>(password, &named(), rounds, key),
        });
        ClearKey::from_slice(profile.long_term(&key).expose())
    })
}
