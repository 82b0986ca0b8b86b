//! What the key of a variable-length token is for: algorithm, key type and usage fields.

use super::TokenError;
use super::fields::Fields;
use crate::backend::{Etype, HashAlgorithm, KeySpec};
use crate::label::KeyType;

const HMAC: u8 = 3;
const AES: u8 = 2;
const MAC: u16 = 2;
const DKYGENKY: u16 = 9;
/// A kind of key to be derived that no CCA token has.
const KERBEROS: u8 = 0xf1;

/// The hashes a key may be used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashSet(u8);

impl HashSet {
    /// All five.
    pub const ALL: Self = Self(0xf8);
    /// None.
    pub const NONE: Self = Self(0);

    const fn bit(hash: HashAlgorithm) -> u8 {
        match hash {
            HashAlgorithm::Sha1 => 0x80,
            HashAlgorithm::Sha224 => 0x40,
            HashAlgorithm::Sha256 => 0x20,
            HashAlgorithm::Sha384 => 0x10,
            HashAlgorithm::Sha512 => 0x08,
        }
    }

    /// With this one too.
    #[must_use]
    pub const fn with(self, hash: HashAlgorithm) -> Self {
        Self(self.0 | Self::bit(hash))
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, hash: HashAlgorithm) -> bool {
        self.0 & Self::bit(hash) != 0
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// HMAC, type MAC.
    Mac { generate: bool, verify: bool, hashes: HashSet },
    /// AES, type DKYGENKY, of a Kerberos principal.
    Kerberos(Etype),
}

impl Usage {
    pub(super) const fn key_type(self) -> KeyType {
        match self {
            Self::Mac { .. } => KeyType::MAC,
            Self::Kerberos(_) => KeyType::DKYGENKY,
        }
    }

    /// The key of this many bytes; `None` when no key for this has that length.
    pub(super) fn spec(self, length: usize) -> Option<KeySpec> {
        match self {
            Self::Mac { .. } => KeySpec::hmac(length),
            Self::Kerberos(etype) => Some(KeySpec::kerberos(etype)).filter(|spec| spec.length() == length),
        }
    }

    /// Algorithm, key type, number of usage fields and the fields: 8 bytes.
    pub(super) fn encode(self) -> [u8; 8] {
        let (algorithm, key_type, fields) = match self {
            Self::Mac { generate, verify, hashes } => {
                (HMAC, MAC, [u8::from(generate) << 7 | u8::from(verify) << 6, 0, hashes.0, 0])
            }
            Self::Kerberos(etype) => (AES, DKYGENKY, [KERBEROS, u8::try_from(etype.number()).unwrap_or(0), 0, 0]),
        };
        let [high, low] = key_type.to_be_bytes();
        let [one, two, three, four] = fields;
        [algorithm, high, low, 2, one, two, three, four]
    }

    pub(super) fn parse(fields: &mut Fields<'_>) -> Result<Self, TokenError> {
        let at = fields.at;
        let (algorithm, key_type) = (fields.u8()?, fields.u16()?);
        let wrong = |offset, what| Err(TokenError::Field { offset, what });
        match (algorithm, key_type) {
            (HMAC, MAC) | (AES, DKYGENKY) => {}
            (HMAC, _) => return wrong(at + 1, "the type of an HMAC key is not MAC"),
            (AES, _) => return wrong(at + 1, "the type of an AES key is not DKYGENKY"),
            _ => return wrong(at, "the algorithm is neither HMAC nor AES"),
        }
        fields.expect(2, "such a key has two usage fields")?;
        let at = fields.at;
        let [one, two, three, _] = fields.array()?;
        if algorithm == HMAC {
            let hashes = HashSet(three & HashSet::ALL.0);
            return Ok(Self::Mac { generate: one & 0x80 != 0, verify: one & 0x40 != 0, hashes });
        }
        match Etype::from_number(i32::from(two)) {
            Some(etype) if one == KERBEROS => Ok(Self::Kerberos(etype)),
            Some(_) | None => wrong(at, "the key is not of an encryption type of Kerberos"),
        }
    }
}
