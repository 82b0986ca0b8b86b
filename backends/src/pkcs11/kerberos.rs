//! What a token does with the keys of Kerberos principals, found by trying, and what is done where it cannot.
//!
//! Of the etypes of RFC 3962 everything is done inside: `CKM_AES_CBC_ENCRYPT_DATA` of the folded constant is DK. What a token
//! lacks is mostly HMAC with a key shorter than the hash, which 17 takes. Those of RFC 8009 derive by HMAC with the key of
//! the principal, and PKCS#11 makes no key of an HMAC.

use icsf_core::ClearKey;
use icsf_core::backend::{
    Derivation, DerivedUse, EngineError, EngineErrorKind, Etype, HashAlgorithm, KeyPlace, KeySpec, Quirk, StoredForm,
};

use super::codes::Failure;
use super::module::{Object, Session};
use super::options::HostKeys;
use super::probe::{Findings, able, through};
use super::template::Kind;
use crate::software::handle;

type Result<T> = std::result::Result<T, Failure>;

/// The key of the probe; its first half is that of the shorter etypes.
const KEY: [u8; 32] = *b"softicsf tries this Kerberos key";
/// As folded constants are: a block, and for a key of two blocks a block of zeros after it.
const BLOCKS: [u8; 32] = *b"kerberos{\x9b[+\x93\x13+\x93\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const IV: [u8; 16] = [0x5c; 16];
const TEXT: [u8; 48] = *b"a text of three blocks, as tickets are no less..";

impl Findings {
    /// Tries which etypes the token does wholly inside.
    pub(super) fn kerberos(&mut self, session: &Session, kek: Object) -> Result<()> {
        for etype in [Etype::Aes128Sha1, Etype::Aes256Sha1] {
            match able("whether it derives Kerberos keys", self.works_inside(session, kek, etype))? {
                Ok(()) => self.capabilities = self.capabilities.with_kerberos(etype, KeyPlace::Inside),
                Err(no) if etype == Etype::Aes256Sha1 => {
                    self.quirks.push(Quirk::odd(format!("Kerberos keys of {etype} cannot be used in it ({no})")));
                }
                // Few tokens do.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Unwraps, derives, enciphers, deciphers and makes a MAC inside, and compares it with what is right.
    fn works_inside(&mut self, session: &Session, kek: Object, etype: Etype) -> Result<()> {
        let value = KEY.get(..etype.key_length()).unwrap_or_default();
        let blocks = BLOCKS.get(..etype.key_length()).unwrap_or_default();
        let known = known(etype, value, blocks).ok_or(Failure::Nonsense("this process"))?;
        let base = through(session, kek, Kind::Kerberos, value)?;
        let derived = |into: DerivedUse| session.derive(base, blocks, Kind::of(into), into.length());
        let tried = derived(DerivedUse::Cipher(etype.key_length())).and_then(|cipher| {
            let there = session.encipher_cbc(cipher, &IV, &TEXT);
            let back = session.decipher_cbc(cipher, &IV, &known.cipher);
            self.can_be_read(session, cipher)?;
            session.destroy(cipher)?;
            match (there? == known.cipher, back? == TEXT) {
                (false, _) => Err(Failure::Nonsense("C_Encrypt")),
                (_, false) => Err(Failure::Nonsense("C_Decrypt")),
                _ => Ok(()),
            }
        });
        let tried = tried.and_then(|()| derived(DerivedUse::Mac(etype.mac_key_length()))).and_then(|mac_key| {
            let mac = session.hmac(etype.hash(), mac_key, &TEXT);
            self.can_be_read(session, mac_key)?;
            session.destroy(mac_key)?;
            if mac? == known.mac { Ok(()) } else { Err(Failure::Nonsense("C_Sign")) }
        });
        self.can_be_read(session, base)?;
        session.destroy(base)?;
        tried
    }

    /// What the policy adds: what the token can wrap and not use is used here.
    pub(super) fn let_out(&mut self, host_keys: HostKeys) {
        if host_keys == HostKeys::Forbid || self.incapable.is_some() {
            return;
        }
        for etype in Etype::ALL {
            if self.capabilities.kerberos(etype) == KeyPlace::None {
                self.capabilities = self.capabilities.with_kerberos(etype, KeyPlace::Host);
            }
        }
    }
}

struct Known {
    cipher: Vec<u8>,
    mac: Vec<u8>,
}

/// What comes out of this process.
fn known(etype: Etype, key: &[u8], blocks: &[u8]) -> Option<Known> {
    let spec = KeySpec::kerberos(etype);
    let right = handle::open(spec, &StoredForm::of(spec, &ClearKey::from_slice(key))?).ok()?;
    let how = Derivation::AesCbc(blocks);
    let (mut cipher, mut macs) = (TEXT.to_vec(), [[0; 64]]);
    right.derive(&how, DerivedUse::Cipher(etype.key_length())).ok()?.encipher_cbc(&IV, &mut cipher).ok()?;
    let mac_key = right.derive(&how, DerivedUse::Mac(etype.mac_key_length())).ok()?;
    mac_key.hmac(etype.hash(), &[&TEXT], &mut macs).ok()?;
    Some(Known { cipher, mac: macs.concat().get(..HashAlgorithm::size(etype.hash()))?.to_vec() })
}

/// The error for keys of an etype that is used neither in the token nor here.
pub(super) fn forbidden(spec: KeySpec) -> EngineError {
    EngineError::new(EngineErrorKind::Unsupported(spec))
        .with_detail("the token has no use of it, and the policy host_keys = forbid keeps it out of this process")
        .with_remedy(
            "use etype 18, aes256-cts-hmac-sha1-96; or let the token give such keys out to this process: softicsf engine \
             configure --host-keys allow",
        )
}

/// What every display says of a token that gives keys out.
pub(super) fn let_out(capable: impl Fn(Etype) -> KeyPlace) -> Option<Quirk> {
    let out: Vec<&str> =
        Etype::ALL.into_iter().filter(|etype| capable(*etype) == KeyPlace::Host).map(Etype::name).collect();
    let what = format!("Kerberos keys of {} are used in this process (host_keys = allow)", out.join(", "));
    (!out.is_empty()).then(|| Quirk::weak(what))
}
