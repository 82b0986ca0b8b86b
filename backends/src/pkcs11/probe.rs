//! What a token can do and how well it guards its keys, found by trying: calls with known answers, in a session of its
//! own keys that are gone afterwards. What a token says of itself is not asked.

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use icsf_core::backend::{Capabilities, HashAlgorithm, Quirk};
use sha2::Sha512;

use super::codes::{Class, Failure};
use super::module::{Kind, Object, Opening, Session};

type Result<T> = std::result::Result<T, Failure>;

/// What was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    pub(super) capabilities: Capabilities,
    pub(super) quirks: Vec<Quirk>,
    /// What makes the token of no use at all.
    pub(super) incapable: Option<String>,
    /// An opened key has to be made unreadable by a call of its own.
    pub(super) makes_sensitive: bool,
    /// HMAC keys can be born inside.
    pub(super) generates_hmac_keys: bool,
    /// Blocks can be enciphered one after the other in one operation.
    pub(super) enciphers_on: bool,
}

/// RFC 3394, 4.6: 256 bits of key data with a 256-bit key.
const KEK: [u8; 32] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12,
    0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F,
];
const DATA: [u8; 32] = [
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0x00, 0x01, 0x02,
    0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F,
];
const WRAPPED: [u8; 40] = [
    0x28, 0xC9, 0xF4, 0x04, 0xC4, 0xB8, 0x10, 0xF4, 0xCB, 0xCC, 0xB3, 0x5C, 0xFB, 0x87, 0xF8, 0x26, 0x3F, 0x57, 0x86,
    0xE2, 0xD8, 0x0E, 0xD3, 0x26, 0xCB, 0xC7, 0xF0, 0xE7, 0x1A, 0x99, 0xF4, 0x3B, 0xFB, 0x98, 0x8B, 0x9B, 0x7A, 0x02,
    0xDD, 0x21,
];
const DES_KEY: [u8; 8] = [0x13, 0x34, 0x57, 0x79, 0x9B, 0xBC, 0xDF, 0xF1];
const DES_BLOCKS: [u8; 16] =
    [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10];
const MESSAGE: &[u8] = b"softicsf tries this token";

impl Findings {
    /// Tries a token. An error means that it did not come to an end.
    pub(super) fn of(session: &Session) -> Result<Self> {
        let mut findings = Self::default();
        let Some(kek) = can(session.import(Kind::Wrapping, &KEK, false))? else {
            return Ok(findings.useless("it takes no AES-256 key"));
        };
        let data = session.import(Kind::Hmac, &DATA, true)?;
        let wrapped = can(session.wrap(kek, data, DATA.len()))?;
        session.destroy(data)?;
        if wrapped.as_deref() != Some(WRAPPED.as_slice()) {
            return Ok(findings.useless("it does not wrap keys by RFC 3394 (CKM_AES_KEY_WRAP)"));
        }
        findings.guards(session, kek)?;
        findings.capabilities.hmac_sha512 = findings.hmac(session, kek)?;
        findings.capabilities.des = des(session, kek)?;
        if !findings.capabilities.des {
            findings.odd("no DES: keys of legacy PassTickets cannot be used");
        }
        findings.generates_hmac_keys = match can(session.generate(64))? {
            Some(key) => session.destroy(key).is_ok(),
            None => false,
        };
        session.destroy(kek)?;
        Ok(findings)
    }

    fn useless(mut self, why: &str) -> Self {
        self.incapable = Some(why.to_owned());
        self
    }

    fn odd(&mut self, text: &str) {
        self.quirks.push(Quirk::odd(text));
    }

    fn weak(&mut self, text: &str) {
        self.quirks.push(Quirk::weak(text));
    }

    /// Whether keys stay inside.
    fn guards(&mut self, session: &Session, kek: Object) -> Result<()> {
        let mut flipped = WRAPPED;
        if let Some(byte) = flipped.first_mut() {
            *byte ^= 1;
        }
        if let Some(key) = refused(session.unwrap(kek, Kind::Hmac, &flipped, false))? {
            session.destroy(key)?;
            self.incapable = Some("it unwraps keys that were changed".to_owned());
        }
        let Some(key) = can(session.unwrap(kek, Kind::Hmac, &WRAPPED, false))? else {
            self.incapable = Some("it does not unwrap what it wrapped".to_owned());
            return Ok(());
        };
        let readable = |key| Ok::<_, Failure>(refused(session.value(key))?.flatten().is_some());
        if readable(key)? {
            self.makes_sensitive = true;
            if session.make_sensitive(key).is_err() || readable(key)? {
                self.makes_sensitive = false;
                self.weak("the value of an opened key can be read");
            } else {
                self.odd("an opened key can be read until it is made sensitive, which is done at once");
            }
        }
        // An answer that makes no sense is no refusal.
        let left = match session.wrap(kek, key, DATA.len()) {
            Err(Failure::Nonsense(_)) => true,
            answer => refused(answer)?.is_some(),
        };
        if left {
            self.weak("a key that must not leave it can be wrapped by another");
        }
        if refused(session.aes_block(kek, &[0; 16]))?.is_some() {
            self.weak("a key that may only wrap enciphers too");
        }
        session.destroy(key)
    }

    /// HMAC with SHA-512 and a key of 64 bytes that went through wrapping.
    fn hmac(&mut self, session: &Session, kek: Object) -> Result<bool> {
        let (short, _) = DATA.split_at(32);
        let mut filled = short.to_vec();
        filled.resize(64, 0);
        let Some(right) = Hmac::<Sha512>::new_from_slice(short).ok().map(|mac| mac.chain_update(MESSAGE).finalize())
        else {
            return Ok(false);
        };
        let right = right.into_bytes();
        let key = session.import(Kind::Hmac, short, false)?;
        if can(session.hmac(HashAlgorithm::Sha512, key, MESSAGE))?.is_none() {
            self.odd("no HMAC key shorter than its hash: keys are filled with zeros, which changes no MAC");
        }
        session.destroy(key)?;
        let Some(key) = through(session, kek, Kind::Hmac, &filled)? else { return Ok(false) };
        let mac = can(session.hmac(HashAlgorithm::Sha512, key, MESSAGE))?;
        session.destroy(key)?;
        Ok(mac.is_some_and(|mac| mac == right.as_slice()))
    }
}

/// Whether blocks come out of an operation that goes on one by one, and right. In a session that is not used any more
/// afterwards: a token that does not do this may be left in the middle of it.
pub(super) fn enciphers_on(session: &Session) -> bool {
    let Ok(des) = Des::new_from_slice(&DES_KEY) else { return false };
    let mut right = DES_BLOCKS;
    des.encrypt_blocks(Array::cast_slice_from_core_mut(right.as_chunks_mut().0));
    let ((first, second), opening) = (DES_BLOCKS.split_at(8), Opening::new());
    let tried = || {
        let key = session.import(Kind::Des, &DES_KEY.repeat(3), false)?;
        let mut made = session.encipher_on(key, opening, first)?;
        made.extend(session.encipher_on(key, opening, second)?);
        session.end_operation()?;
        Ok::<_, Failure>(made == right)
    };
    tried().unwrap_or(false)
}

/// Single DES by a triple-length key of three equal parts that went through wrapping.
fn des(session: &Session, kek: Object) -> Result<bool> {
    let Ok(des) = Des::new_from_slice(&DES_KEY) else { return Ok(false) };
    let mut right = DES_BLOCKS;
    des.encrypt_blocks(Array::cast_slice_from_core_mut(right.as_chunks_mut().0));
    let Some(key) = through(session, kek, Kind::Des, &DES_KEY.repeat(3))? else { return Ok(false) };
    let there = can(session.encipher(key, &DES_BLOCKS))?;
    let back = can(session.decipher(key, &right))?;
    session.destroy(key)?;
    Ok(there.is_some_and(|blocks| blocks == right) && back.is_some_and(|blocks| blocks == DES_BLOCKS))
}

/// Imports a key, wraps it, and unwraps it again.
fn through(session: &Session, kek: Object, kind: Kind, value: &[u8]) -> Result<Option<Object>> {
    let Some(key) = can(session.import(kind, value, true))? else { return Ok(None) };
    let wrapped = can(session.wrap(kek, key, value.len()))?;
    session.destroy(key)?;
    match wrapped {
        Some(wrapped) => can(session.unwrap(kek, kind, &wrapped, false)),
        None => Ok(None),
    }
}

/// An answer, or that the token does not do this.
fn can<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if matches!(failure.class(), Class::Unsupported | Class::Damaged) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// An answer to what must be refused; how it is refused, each token has its own way.
fn refused<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if matches!(failure.class(), Class::Absent | Class::Lost | Class::Full) => Err(failure),
        Err(_) => Ok(None),
    }
}
