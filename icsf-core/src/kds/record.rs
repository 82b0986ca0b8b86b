//! A record of the CKDS, and its header, as bytes.
//!
//! Record (integers big-endian; the 72-byte record key is stored beside it and bound in by checksum and MAC):
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | version X'01' |
//! | 1 | 1 | X'80': the record has a MAC |
//! | 2 | 2 | length t of the key token |
//! | 4 | 8 | created: seconds since 1970 UTC |
//! | 12 | 8 | updated: the same, 0 when never |
//! | 20 | t | key token |
//! | 20+t | 16 | MAC, or zeros |
//! | 36+t | 4 | CRC-32 of record key and all before |
//!
//! MAC: leftmost 16 bytes of HMAC-SHA-512 over record key and bytes 0 to 20+t, under the MAC key of the master key that
//! wraps the token's key. A record without a wrapped key (null, skeleton, clear key) has none.
//!
//! Header, under the record key of 72 bytes X'00':
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | version X'01' |
//! | 1 | 1 | format: 1 fixed, 2 variable, 3 KDSR |
//! | 2 | 8 | created |
//! | 10 | 8 | updated |
//! | 18 | 2 | length d: 0 or 80, of what is kept for the DES-MK |
//! | 20 | d | MKVP; then the MAC key, wrapped under that master key |
//! | 20+d | 2 | length a: 0 or 80, of what is kept for the AES-MK |
//! | 22+d | a | the same |
//! | 22+d+a | 4 | CRC-32 of all before |

use std::fmt;
use std::str::FromStr;

use crate::backend::{KeySpec, MasterKeyKind, Mkvp, WrappedKey};
use crate::label::RecordKey;
use crate::token::{KeyToken, TokenError};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const HAS_MAC: u8 = 0x80;
const FIXED_PART: usize = 20;
const MAC: usize = 16;
const CRC: usize = 4;
const KEPT: usize = 80;

/// The MAC of a record.
pub type RecordMac = [u8; MAC];

/// Why bytes are no record or no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Cut off, or with a length that does not fit.
    #[error("it is cut off")]
    Short,
    /// Written by a later release.
    #[error("it has version {0}, which this release does not know")]
    Version(u8),
    /// Changed, or moved under another label.
    #[error("its checksum does not fit: it was changed, or moved under another label")]
    Checksum,
    /// A format, or a field, that cannot be.
    #[error("a field of it is not valid")]
    Field,
    /// The token in it.
    #[error("{0}")]
    Token(#[from] TokenError),
}

/// A record, read.
#[derive(Debug)]
pub struct Record {
    /// Label and type.
    pub key: RecordKey,
    /// The key.
    pub token: KeyToken,
    /// Seconds since 1970 UTC.
    pub created: u64,
    /// Seconds since 1970 UTC; 0 when never.
    pub updated: u64,
    /// What binds label, type and token together, when the record has it.
    pub mac: Option<RecordMac>,
}

impl Record {
    /// What the MAC is made over.
    #[must_use]
    pub fn authenticated(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(self.key.bytes().to_vec());
        bytes.extend_from_slice(&self.body(true));
        bytes
    }

    /// The same record around the same key wrapped otherwise; its MAC is to be made anew.
    pub(crate) fn rewrapped(&self, wrapped: WrappedKey) -> Self {
        let token = KeyToken::parse(&self.token.encode()).unwrap_or(KeyToken::Null).rewrapped(wrapped);
        Self { key: self.key, token, created: self.created, updated: self.updated, mac: None }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = self.body(self.mac.is_some());
        bytes.extend_from_slice(&self.mac.unwrap_or_default());
        let crc = checksum(self.key.bytes(), &bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    fn body(&self, has_mac: bool) -> Zeroizing<Vec<u8>> {
        let token = self.token.encode();
        let mut bytes = Zeroizing::new(Vec::with_capacity(FIXED_PART + token.len() + MAC + CRC));
        bytes.extend_from_slice(&[VERSION, if has_mac { HAS_MAC } else { 0 }]);
        bytes.extend_from_slice(&u16::try_from(token.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(&self.created.to_be_bytes());
        bytes.extend_from_slice(&self.updated.to_be_bytes());
        bytes.extend_from_slice(&token);
        bytes
    }

    /// Reads a record; its MAC is not checked, for that takes an engine.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn parse(key: RecordKey, bytes: &[u8]) -> Result<Self, RecordError> {
        check(key.bytes(), bytes)?;
        let (fixed, rest) = bytes.split_at_checked(FIXED_PART).ok_or(RecordError::Short)?;
        let token = rest.get(..rest.len() - MAC - CRC).ok_or(RecordError::Short)?;
        let mac = rest.get(token.len()..).and_then(<[u8]>::first_chunk).ok_or(RecordError::Short)?;
        let [_, flags, _, _, times @ ..] = fixed else { return Err(RecordError::Short) };
        let (created, updated) = times.split_at_checked(8).ok_or(RecordError::Short)?;
        Ok(Self {
            key,
            token: KeyToken::parse(token)?,
            created: seconds(created),
            updated: seconds(updated),
            mac: (flags & HAS_MAC != 0).then_some(*mac),
        })
    }
}

/// How long the record is that begins here; `None` when it is cut off before it says so.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let token = bytes.get(2..)?.first_chunk().map(|length| u16::from_be_bytes(*length))?;
    Some(FIXED_PART + usize::from(token) + MAC + CRC)
}

/// Checks version, length and checksum: all that is checked when a record is loaded.
pub(super) fn check(key: &[u8; 72], bytes: &[u8]) -> Result<(), RecordError> {
    let version = *bytes.first().ok_or(RecordError::Short)?;
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    if length(bytes) != Some(bytes.len()) {
        return Err(RecordError::Short);
    }
    check_sum(key, bytes)
}

fn check_sum(key: &[u8], bytes: &[u8]) -> Result<(), RecordError> {
    let (body, crc) = bytes.split_last_chunk::<CRC>().ok_or(RecordError::Short)?;
    if checksum(key, body) == u32::from_be_bytes(*crc) { Ok(()) } else { Err(RecordError::Checksum) }
}

fn checksum(key: &[u8], bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(bytes);
    crc.finalize()
}

fn seconds(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// The record format of a CKDS: what its records may hold.
///
/// Source: ICSF System Programmer's Guide, CKDS formats. Here it decides what is accepted; the bytes are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KdsFormat {
    /// Fixed-length records: no variable-length tokens, so no HMAC keys.
    Fixed,
    /// Variable-length records.
    Variable,
    /// Common record format.
    Kdsr,
}

impl KdsFormat {
    const ALL: [Self; 3] = [Self::Fixed, Self::Variable, Self::Kdsr];

    const fn byte(self) -> u8 {
        match self {
            Self::Fixed => 1,
            Self::Variable => 2,
            Self::Kdsr => 3,
        }
    }
}

impl fmt::Display for KdsFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fixed => "fixed",
            Self::Variable => "variable",
            Self::Kdsr => "kdsr",
        })
    }
}

impl FromStr for KdsFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.to_string().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("a CKDS is fixed, variable or kdsr, not {text:?}"))
    }
}

/// What a CKDS knows of one master key: which it is, and the MAC key of the records under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The MAC key, wrapped under the master key; its pattern is the master key's.
    pub mac_key: WrappedKey,
}

impl Authority {
    /// The pattern of the master key.
    #[must_use]
    pub const fn mkvp(&self) -> Mkvp {
        self.mac_key.mkvp()
    }
}

/// The header of a CKDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The record format.
    pub format: KdsFormat,
    /// Seconds since 1970 UTC.
    pub created: u64,
    /// Seconds since 1970 UTC.
    pub updated: u64,
    /// What is known of the DES-MK.
    pub des: Option<Authority>,
    /// What is known of the AES-MK.
    pub aes: Option<Authority>,
}

impl Header {
    /// The header of an empty CKDS that no master key has touched.
    #[must_use]
    pub const fn new(format: KdsFormat, now: u64) -> Self {
        Self { format, created: now, updated: now, des: None, aes: None }
    }

    /// What is known of this master key.
    #[must_use]
    pub const fn of(&self, kind: MasterKeyKind) -> Option<&Authority> {
        match kind {
            MasterKeyKind::Des => self.des.as_ref(),
            MasterKeyKind::Aes => self.aes.as_ref(),
        }
    }

    /// With this known of the master key.
    #[must_use]
    pub fn with(mut self, kind: MasterKeyKind, authority: Authority, now: u64) -> Self {
        match kind {
            MasterKeyKind::Des => self.des = Some(authority),
            MasterKeyKind::Aes => self.aes = Some(authority),
        }
        self.updated = now;
        self
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.format.byte()];
        bytes.extend_from_slice(&self.created.to_be_bytes());
        bytes.extend_from_slice(&self.updated.to_be_bytes());
        for authority in [&self.des, &self.aes] {
            let kept =
                authority.as_ref().map_or_else(Vec::new, |a| [a.mkvp().bytes().as_slice(), a.mac_key.blob()].concat());
            bytes.extend_from_slice(&u16::try_from(kept.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(&kept);
        }
        let crc = checksum(&[], &bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let [version, format, rest @ ..] = bytes else { return Err(RecordError::Short) };
        if *version != VERSION {
            return Err(RecordError::Version(*version));
        }
        check_sum(&[], bytes)?;
        let (created, rest) = rest.split_at_checked(8).ok_or(RecordError::Short)?;
        let (updated, rest) = rest.split_at_checked(8).ok_or(RecordError::Short)?;
        let (des, rest) = authority(MasterKeyKind::Des, rest)?;
        let (aes, rest) = authority(MasterKeyKind::Aes, rest)?;
        if rest.len() != CRC {
            return Err(RecordError::Field);
        }
        let format = KdsFormat::ALL.into_iter().find(|f| f.byte() == *format).ok_or(RecordError::Field)?;
        Ok(Self { format, created: seconds(created), updated: seconds(updated), des, aes })
    }
}

fn authority(kind: MasterKeyKind, bytes: &[u8]) -> Result<(Option<Authority>, &[u8]), RecordError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(RecordError::Short)?;
    match usize::from(u16::from_be_bytes(*length)) {
        0 => Ok((None, rest)),
        KEPT => {
            let (kept, rest) = rest.split_at_checked(KEPT).ok_or(RecordError::Short)?;
            let (mkvp, blob) = kept.split_first_chunk().ok_or(RecordError::Short)?;
            let mac_key = WrappedKey::new(KeySpec::record_mac(kind), Mkvp::new(*mkvp), blob);
            Ok((Some(Authority { mac_key }), rest))
        }
        _ => Err(RecordError::Field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::DesToken;
    use crate::{KeyLabel, KeyType};

    fn record() -> Record {
        let label: KeyLabel = "IRR.SSIGNON.PRD1.11142025.090000.000001".parse().unwrap();
        let wrapped = WrappedKey::new(KeySpec::DES, Mkvp::new([7; 8]), (0..32).collect::<Vec<u8>>());
        Record {
            key: RecordKey::new(&label, KeyType::DATA),
            token: KeyToken::Des(DesToken::new(wrapped).unwrap()),
            created: 1_763_110_800,
            updated: 0,
            mac: Some(*b"sixteen bytes..."),
        }
    }

    #[test]
    fn a_record_comes_back_and_no_change_goes_unnoticed() {
        let record = record();
        let bytes = record.encode();
        assert_eq!(length(&bytes), Some(bytes.len()));
        let back = Record::parse(record.key, &bytes).unwrap();
        assert_eq!((back.encode(), back.mac, back.created), (bytes.clone(), record.mac, record.created));
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            assert!(Record::parse(record.key, &changed).is_err(), "byte {at}");
            assert!(Record::parse(record.key, &bytes[..at]).is_err(), "cut at {at}");
        }
        let moved = RecordKey::new(&"ANOTHER.LABEL".parse().unwrap(), KeyType::DATA);
        assert_eq!(Record::parse(moved, &bytes).unwrap_err(), RecordError::Checksum);
    }

    #[test]
    fn a_header_comes_back_and_no_change_goes_unnoticed() {
        let authority = |kind, byte| Authority {
            mac_key: WrappedKey::new(KeySpec::record_mac(kind), Mkvp::new([byte; 8]), vec![byte; 72]),
        };
        let empty = Header::new(KdsFormat::Kdsr, 5);
        let des = empty.clone().with(MasterKeyKind::Des, authority(MasterKeyKind::Des, 1), 6);
        let both = des.clone().with(MasterKeyKind::Aes, authority(MasterKeyKind::Aes, 2), 7);
        for header in [empty, des, both] {
            let bytes = header.encode();
            assert_eq!(Header::parse(&bytes).unwrap(), header);
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                assert!(Header::parse(&changed).is_err(), "byte {at}");
                assert!(Header::parse(&bytes[..at]).is_err(), "cut at {at}");
            }
        }
    }
}
