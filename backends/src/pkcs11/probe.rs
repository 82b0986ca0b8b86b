//! What a token can do and how well it guards its keys, found by trying: calls with known answers, in a session of its
//! own keys that are gone afterwards. What a token says of itself is not asked.
//!
//! Each question has answers that say no. Any other failure says nothing: a token that breaks at this moment guards no
//! key and lacks no algorithm. Then the connection is not made, and the question is asked again with the next.

use cryptoki::error::RvError;
use des::Des;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use icsf_core::backend::{Capabilities, HashAlgorithm, Quirk};
use sha2::Sha512;

use super::codes::{Class, Failure};
use super::module::{Object, Opening, Session};
use super::template::Kind;

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

/// How a token says that a key which must not leave it cannot be wrapped. SoftHSM and Kryoptic answer the first.
const STAYS: &[RvError] = &[
    RvError::KeyUnextractable,
    RvError::KeyNotWrappable,
    // The wrapping key has wrapped another key just before, so this is about the key.
    RvError::KeyFunctionNotPermitted,
    RvError::ActionProhibited,
];

/// How a token says that a key which may only wrap does not encipher. SoftHSM and Kryoptic answer the first, NSS the
/// second; a token without `CKM_AES_ECB`, or one that it lets no key use, answers the third.
const WRAPS_ONLY: &[RvError] = &[
    RvError::KeyFunctionNotPermitted,
    RvError::KeyTypeInconsistent,
    RvError::MechanismInvalid,
    RvError::FunctionNotSupported,
    RvError::ActionProhibited,
];

/// How a token says that a value is not shown, where that is not said beside the value: see
/// [`Session::value`].
const NOT_SHOWN: &[RvError] = &[RvError::AttributeSensitive, RvError::AttributeTypeInvalid];

impl Findings {
    /// Tries a token. An error means that it did not come to an end.
    pub(super) fn of(session: &Session) -> Result<Self> {
        let mut findings = Self::default();
        let Ok(kek) = able("whether it takes an AES-256 key", session.import(Kind::Wrapping, &KEK, false))? else {
            return Ok(findings.useless("it takes no AES-256 key"));
        };
        let Ok(data) = able("whether it takes a secret key", session.import(Kind::Hmac, &DATA, true))? else {
            return Ok(findings.useless("it takes no secret key of any length (CKK_GENERIC_SECRET)"));
        };
        let wrapped = able("whether it wraps keys by RFC 3394", session.wrap(kek, data, DATA.len()))?;
        session.destroy(data)?;
        if !wrapped.is_ok_and(|wrapped| wrapped == WRAPPED) {
            return Ok(findings.useless("it does not wrap keys by RFC 3394 (CKM_AES_KEY_WRAP)"));
        }
        findings.guards(session, kek)?;
        if findings.incapable.is_some() {
            return Ok(findings);
        }
        match able("whether it computes HMAC", hmac(session, kek))? {
            Ok(()) => {
                findings.capabilities.hmac_sha512 = true;
                findings.short_keys(session)?;
            }
            Err(no) => findings.odd(format!("no HMAC: keys of enhanced PassTickets cannot be used ({no})")),
        }
        match able("whether it computes DES", des(session, kek))? {
            Ok(()) => findings.capabilities.des = true,
            Err(no) => findings.odd(format!("no DES: keys of legacy PassTickets cannot be used ({no})")),
        }
        if let Ok(key) = able("whether it makes secret keys", session.generate(64))? {
            findings.generates_hmac_keys = true;
            session.destroy(key)?;
        }
        findings.kerberos(session, kek)?;
        session.destroy(kek)?;
        Ok(findings)
    }

    fn useless(mut self, why: &str) -> Self {
        self.incapable = Some(why.to_owned());
        self
    }

    fn odd(&mut self, text: impl Into<String>) {
        self.quirks.push(Quirk::odd(text));
    }

    fn weak(&mut self, text: &str) {
        self.quirks.push(Quirk::weak(text));
    }

    /// Whether keys stay inside.
    fn guards(&mut self, session: &Session, kek: Object) -> Result<()> {
        let Ok(key) = able("whether it unwraps keys", session.unwrap(kek, Kind::Hmac, &WRAPPED, false))? else {
            self.incapable = Some("it does not unwrap what it wrapped".to_owned());
            return Ok(());
        };
        if unwraps_what_was_changed(session, kek)? {
            self.incapable = Some("it unwraps keys that were changed".to_owned());
        }
        self.can_be_read(session, key)?;
        // An answer that makes no sense is no refusal.
        let left = match session.wrap(kek, key, DATA.len()) {
            Err(Failure::Nonsense(_)) => true,
            answer => asked("whether a key that must not leave it can be wrapped by another", answer, STAYS)?.is_ok(),
        };
        if left {
            self.weak("a key that must not leave it can be wrapped by another");
        }
        let answer = session.aes_block(kek, &[0; 16]);
        if asked("whether a key that may only wrap enciphers too", answer, WRAPS_ONLY)?.is_ok() {
            self.weak("a key that may only wrap enciphers too");
        }
        session.destroy(key)
    }

    /// Whether the value of an opened key can be read, at once or after that was forbidden.
    pub(super) fn can_be_read(&mut self, session: &Session, key: Object) -> Result<()> {
        const READABLE: &str = "the value of an opened key can be read";
        let readable = |key| {
            let value = asked("whether the value of an opened key can be read", session.value(key), NOT_SHOWN)?;
            Ok::<_, Failure>(value.is_ok_and(|value| value.is_some()))
        };
        if self.quirks.iter().any(|quirk| quirk.text == READABLE) || !readable(key)? {
            return Ok(());
        }
        let made = able("whether an opened key can be made sensitive", session.make_sensitive(key))?;
        if made.is_err() || readable(key)? {
            self.weak(READABLE);
        } else if !self.makes_sensitive {
            self.makes_sensitive = true;
            self.odd("an opened key can be read until it is made sensitive, which is done at once");
        }
        Ok(())
    }

    /// Whether there are HMAC keys that only work when they are filled with zeros.
    fn short_keys(&mut self, session: &Session) -> Result<()> {
        let key = session.import(Kind::Hmac, &DATA, false)?;
        let mac = able("whether it takes short HMAC keys", session.hmac(HashAlgorithm::Sha512, key, MESSAGE))?;
        session.destroy(key)?;
        if mac.is_err() {
            self.odd("no HMAC key shorter than its hash: keys are filled with zeros, which changes no MAC");
        }
        Ok(())
    }
}

/// Whether it unwraps a key of which a bit was flipped. How that is refused, each token has its own way, and some have no
/// other than for what is broken: SoftHSM answers `CKR_GENERAL_ERROR`, Kryoptic `CKR_DEVICE_ERROR`. So such a refusal
/// counts when the token unwraps what was not changed right after it, and refuses again.
fn unwraps_what_was_changed(session: &Session, kek: Object) -> Result<bool> {
    const WHETHER: &str = "whether it unwraps keys that were changed";
    let mut flipped = WRAPPED;
    if let Some(byte) = flipped.first_mut() {
        *byte ^= 1;
    }
    for _ in 0..2 {
        match session.unwrap(kek, Kind::Hmac, &flipped, false) {
            Ok(key) => return session.destroy(key).map(|()| true),
            Err(failure) if failure.class() == Class::Damaged => return Ok(false),
            Err(failure) if failure.class() == Class::Ambiguous => {}
            Err(failure) => return Err(undecided(WHETHER, failure)),
        }
        let intact = session.unwrap(kek, Kind::Hmac, &WRAPPED, false).map_err(|failure| undecided(WHETHER, failure))?;
        session.destroy(intact)?;
    }
    Ok(false)
}

/// HMAC with SHA-512 and a key of 64 bytes that went through wrapping.
fn hmac(session: &Session, kek: Object) -> Result<()> {
    let mut filled = DATA.to_vec();
    filled.resize(64, 0);
    let right = Hmac::<Sha512>::new_from_slice(&DATA).map(|mac| mac.chain_update(MESSAGE).finalize().into_bytes());
    let key = through(session, kek, Kind::Hmac, &filled)?;
    let mac = session.hmac(HashAlgorithm::Sha512, key, MESSAGE);
    session.destroy(key)?;
    let mac = mac?;
    if right.is_ok_and(|right| mac == right.as_slice()) { Ok(()) } else { Err(Failure::Nonsense("C_Sign")) }
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
fn des(session: &Session, kek: Object) -> Result<()> {
    let mut right = DES_BLOCKS;
    let computed = Des::new_from_slice(&DES_KEY)
        .map(|des| des.encrypt_blocks(Array::cast_slice_from_core_mut(right.as_chunks_mut().0)));
    let key = through(session, kek, Kind::Des, &DES_KEY.repeat(3))?;
    let there = session.encipher(key, &DES_BLOCKS);
    let back = session.decipher(key, &right);
    session.destroy(key)?;
    match (there? == right && computed.is_ok(), back? == DES_BLOCKS) {
        (false, _) => Err(Failure::Nonsense("C_Encrypt")),
        (_, false) => Err(Failure::Nonsense("C_Decrypt")),
        _ => Ok(()),
    }
}

/// Imports a key, wraps it, and unwraps it again.
pub(super) fn through(session: &Session, kek: Object, kind: Kind, value: &[u8]) -> Result<Object> {
    let key = session.import(kind, value, true)?;
    let wrapped = session.wrap(kek, key, value.len());
    session.destroy(key)?;
    session.unwrap(kek, kind, &wrapped?, false)
}

/// The answer to a question, or how the token said no.
pub(super) type Answer<T> = std::result::Result<T, Failure>;

/// An answer to what a token need not do: that it does not is said by its class, or seen.
pub(super) fn able<T>(whether: &'static str, answer: Result<T>) -> Result<Answer<T>> {
    match answer {
        Err(no @ Failure::Nonsense(_)) => Ok(Err(no)),
        Err(no) if matches!(no.class(), Class::Unsupported | Class::Damaged) => Ok(Err(no)),
        answer => answer.map(Ok).map_err(|failure| undecided(whether, failure)),
    }
}

/// An answer to what must be refused, by one of these.
fn asked<T>(whether: &'static str, answer: Result<T>, no: &[RvError]) -> Result<Answer<T>> {
    match answer {
        Err(failure) if no.iter().any(|value| failure.is(*value)) => Ok(Err(failure)),
        answer => answer.map(Ok).map_err(|failure| undecided(whether, failure)),
    }
}

/// A token that is gone is told so.
fn undecided(whether: &'static str, failure: Failure) -> Failure {
    if matches!(failure.class(), Class::Absent | Class::Lost) {
        return failure;
    }
    Failure::Undecided(whether, Box::new(failure))
}
