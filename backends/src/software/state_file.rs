//! The engine file: the registers, sealed.
//!
//! Version 1, 302 bytes, numbers big-endian:
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 8 | `SICSFENG` |
//! | 8 | 2 | version: 1 |
//! | 10 | 1 | opened with: 1 pass phrase, 2 key file |
//! | 11 | 1 | zero |
//! | 12 | 4 | Argon2id memory in KiB, 8 for each lane to 262144; zero with a key file |
//! | 16 | 4 | Argon2id passes, 1 to 16; zero with a key file |
//! | 20 | 4 | Argon2id lanes, 1 to 16; zero with a key file |
//! | 24 | 16 | salt |
//! | 40 | 16 | key check |
//! | 56 | 24 | nonce |
//! | 80 | 198 | the registers, sealed |
//! | 278 | 16 | tag of the seal |
//! | 294 | 8 | checksum: leftmost bytes of SHA-256 over all before |
//!
//! Pass phrase or key file make 48 bytes: 32 that seal, then 16 that are the key check. With a pass phrase they are
//! Argon2id (version X'13') of it with the salt; with a key file the leftmost bytes of HMAC-SHA-512, the file as key,
//! over `softicsf engine file` and the salt. The seal is XChaCha20-Poly1305 with bytes 0 to 79 as associated data; each
//! writing has a new nonce.
//!
//! The checksum finds accidents before a pass phrase is asked for; the key check tells a wrong pass phrase from
//! tampering; the seal finds tampering.
//!
//! The registers, DES-MK first, then AES-MK, 99 bytes each:
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | new register: 0 empty, 1 partial, 2 full |
//! | 1 | 32 | its value, or the exclusive OR of the parts so far, or zero |
//! | 33 | 1 | current register: 0 empty, 2 full |
//! | 34 | 32 | its value, or zero |
//! | 66 | 1 | old register: 0 empty, 2 full |
//! | 67 | 32 | its value, or zero |

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::{StateError, StateErrorKind};
use super::registers::{ENCODED, KeyRegisters};
use super::unlock::{CHECK, Cost, Derivation, Method, SALT, SealKey, fill};
use crate::place::Place;

const MAGIC: &[u8; 8] = b"SICSFENG";
const VERSION: u16 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const CHECKSUM: usize = 8;
const HEADER: usize = 24 + SALT + CHECK + NONCE;
/// Bytes of an engine file.
const LENGTH: usize = HEADER + ENCODED + TAG + CHECKSUM;
/// One more shows that it is too long.
pub(super) const READ_LIMIT: u64 = LENGTH as u64 + 1;

const PASS_PHRASE: u8 = 1;
const KEY_FILE: u8 = 2;

/// A file whose form is right; what is in it is still sealed.
#[derive(Debug)]
pub(super) struct Sealed<'a> {
    pub(super) derivation: Derivation,
    header: &'a [u8; HEADER],
    nonce: &'a [u8; NONCE],
    body: &'a [u8; ENCODED],
    tag: &'a [u8; TAG],
}

impl<'a> Sealed<'a> {
    /// Looks at everything that needs no key.
    pub(super) fn parse(place: &Place, bytes: &'a [u8]) -> Result<Self, StateError> {
        check_form(bytes)
            .and_then(|()| Self::split(bytes).ok_or_else(|| damaged("its header asks for what is not allowed")))
            .map_err(|kind| StateError::at(place, kind))
    }

    fn split(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.first_chunk()?;
        let mut fields = Fields(bytes);
        fields.array::<10>()?;
        let [opened_with, zero] = *fields.array()?;
        let mut number = || Some(u32::from_be_bytes(*fields.array()?));
        let method = match (opened_with, zero, (number()?, number()?, number()?)) {
            (PASS_PHRASE, 0, (memory, passes, lanes)) => Method::PassPhrase(Cost::new(memory, passes, lanes)?),
            (KEY_FILE, 0, (0, 0, 0)) => Method::KeyFile,
            _ => return None,
        };
        let derivation = Derivation { method, salt: *fields.array()?, check: *fields.array()? };
        Some(Self { derivation, header, nonce: fields.array()?, body: fields.array()?, tag: fields.array()? })
    }

    /// Breaks the seal. Runs in a scrubbed frame only.
    pub(super) fn open(&self, place: &Place, key: &SealKey) -> Result<KeyRegisters, StateError> {
        let mut registers = Zeroizing::new(self.body.to_vec());
        cipher(place, key)?
            .decrypt_inout_detached(
                self.nonce.into(),
                self.header,
                InOutBuf::from(registers.as_mut_slice()),
                self.tag.into(),
            )
            .map_err(|_tells_nothing| StateError::at(place, damaged("its seal is broken")))?;
        KeyRegisters::decode(&registers)
            .ok_or_else(|| StateError::at(place, damaged("its registers hold what they cannot")))
    }
}

fn check_form(bytes: &[u8]) -> Result<(), StateErrorKind> {
    if !bytes.starts_with(MAGIC) && !MAGIC.starts_with(bytes) {
        return Err(StateErrorKind::Foreign);
    }
    let cut_off = || damaged(format!("it is cut off after {} of {LENGTH} bytes", bytes.len()));
    let (_, after_magic) = bytes.split_first_chunk::<8>().ok_or_else(cut_off)?;
    let version = u16::from_be_bytes(*after_magic.first_chunk().ok_or_else(cut_off)?);
    if version != VERSION {
        return Err(StateErrorKind::Version(version));
    }
    if bytes.len() > LENGTH {
        return Err(damaged("something was added at its end"));
    }
    let (summed, checksum) = bytes.split_at_checked(LENGTH - CHECKSUM).ok_or_else(cut_off)?;
    if checksum.len() < CHECKSUM {
        return Err(cut_off());
    }
    if !Sha256::digest(summed).starts_with(checksum) {
        return Err(damaged("its checksum does not fit"));
    }
    Ok(())
}

fn damaged(what: impl Into<String>) -> StateErrorKind {
    StateErrorKind::Damaged(what.into())
}

/// The file of these registers. Runs in a scrubbed frame only.
pub(super) fn seal(place: &Place, key: &SealKey, registers: &KeyRegisters) -> Result<Vec<u8>, StateError> {
    let mut bytes = Vec::with_capacity(LENGTH);
    let (opened_with, (memory, passes, lanes)) = match key.derivation.method {
        Method::PassPhrase(cost) => (PASS_PHRASE, cost.parameters()),
        Method::KeyFile => (KEY_FILE, (0, 0, 0)),
    };
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[opened_with, 0]);
    for number in [memory, passes, lanes] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&key.derivation.salt);
    bytes.extend_from_slice(&key.derivation.check);
    let mut nonce = [0; NONCE];
    fill(place.path(), &mut nonce)?;
    bytes.extend_from_slice(&nonce);
    let mut body = registers.encode();
    let tag = cipher(place, key)?
        .encrypt_inout_detached(&nonce.into(), &bytes, InOutBuf::from(body.as_mut_slice()))
        .map_err(|_tells_nothing| StateError::at(place, StateErrorKind::Io("sealing it")))?;
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(&tag);
    let checksum = Sha256::digest(&bytes);
    bytes.extend(checksum.iter().take(CHECKSUM));
    Ok(bytes)
}

fn cipher(place: &Place, key: &SealKey) -> Result<XChaCha20Poly1305, StateError> {
    XChaCha20Poly1305::new_from_slice(key.key.expose())
        .map_err(|_tells_nothing| StateError::at(place, StateErrorKind::Io("setting up its seal")))
}

/// Takes fields from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(field)
    }
}
