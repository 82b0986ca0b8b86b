//! Earlier passwords, known again without being kept.
//!
//! What is kept of one is the authentication code of the key made from it, under the key of kadmin/history, which only an
//! engine holds. Whoever reads the database cannot try passwords against it.

use icsf_core::backend::{Derivation, DerivedUse, HashAlgorithm};
use icsf_core::{ClearKey, Icsf, KeyLabel};
use subtle::ConstantTimeEq;

use crate::model::{PrincipalKey, UsedPassword};

/// What the key of kadmin/history is made into one for authentication codes with.
const CONSTANT: &[u8; 32] = b"softicsf: passwords used before.";

/// The authentication code of a key, under the key of this label.
fn mac(icsf: &Icsf, history: &KeyLabel, clear: &ClearKey) -> icsf_core::Result<[u8; 16]> {
    let key = icsf.kerberos_key(history)?;
    let etype = key.etype();
    let whole = CONSTANT.split_at(etype.key_length()).0;
    let how = match etype.hash() {
        HashAlgorithm::Sha1 => Derivation::AesCbc(whole),
        hash => Derivation::Hmac(hash, CONSTANT),
    };
    let mut mac = [0; 64];
    key.derive(&how, DerivedUse::Mac(etype.mac_key_length()))?.hmac(etype.hash(), clear.expose(), &mut mac)?;
    Ok(mac.first_chunk().copied().unwrap_or_default())
}

/// What a password is known again by: `key` is the one made from it.
pub(super) fn remembered(
    icsf: &Icsf,
    history: &PrincipalKey,
    key: &PrincipalKey,
    clear: &ClearKey,
) -> icsf_core::Result<UsedPassword> {
    let mac = mac(icsf, &history.label, clear)?;
    Ok(UsedPassword { etype: key.etype, version: history.version, salt: key.salt.clone(), mac })
}

/// Whether a password is the one that is remembered: `clear` is the key made from it as from that one.
pub(super) fn is_remembered(
    icsf: &Icsf,
    history: &[PrincipalKey],
    used: &UsedPassword,
    clear: &ClearKey,
) -> icsf_core::Result<bool> {
    let Some(key) = history.iter().find(|key| key.version == used.version) else { return Ok(false) };
    Ok(mac(icsf, &key.label, clear)?.ct_eq(&used.mac).into())
}
