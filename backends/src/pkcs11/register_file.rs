//! The register file: which object in the token is which register.
//!
//! A token cannot rename two of its objects in one step, and a master key that may not be modified cannot be renamed at
//! all. So each master key has an identity that never changes (its `CKA_ID`), and the file says which identity is new,
//! current and old; it is replaced whole. It also notes the objects of a change that is under way, so that what a killed
//! process leaves in the token is removed by the next change, and nothing else ever is. It holds no secret.
//!
//! Version 1, numbers big-endian:
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 8 | `SICSFTOK` |
//! | 8 | 2 | version: 1 |
//! | 10 | 32 | label of the token, filled with blanks |
//! | 42 | 16 | serial number of the token, filled with blanks |
//! | 58 | 17 | DES-MK, new register: 0 empty, 1 partial, 2 full; identity, or zero |
//! | 75 | 17 | DES-MK, current register: 0 empty, 2 full; identity, or zero |
//! | 92 | 17 | DES-MK, old register: the same |
//! | 109 | 51 | AES-MK: the same three |
//! | 160 | 1 | n: objects to be removed by the next change |
//! | 161 | 16n | their identities |
//! | 161+16n | 8 | checksum: leftmost bytes of SHA-256 over all before |

use icsf_core::backend::MasterKeyKind;
use sha2::{Digest, Sha256};

use super::error::TokenErrorKind;

const MAGIC: &[u8; 8] = b"SICSFTOK";
const VERSION: u16 = 1;
const CHECKSUM: usize = 8;
const LABEL: usize = 32;
const SERIAL: usize = 16;
/// The longest file there can be, and one byte that shows that it is longer.
pub(super) const READ_LIMIT: u64 = 161 + 255 * 16 + 8 + 1;

const EMPTY: u8 = 0;
const PARTIAL: u8 = 1;
const FULL: u8 = 2;

/// What tells an object in the token from all others, for ever.
pub(super) type Identity = [u8; 16];

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RegisterFile {
    pub(super) label: String,
    pub(super) serial: String,
    des: KindMap,
    aes: KindMap,
    /// Objects of changes that may not have come to their end.
    pub(super) leftovers: Vec<Identity>,
}

/// The registers of one master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct KindMap {
    pub(super) new: NewMap,
    pub(super) current: Option<Identity>,
    pub(super) old: Option<Identity>,
}

/// What the new register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum NewMap {
    #[default]
    Empty,
    Partial(Identity),
    Full(Identity),
}

impl NewMap {
    pub(super) const fn identity(self) -> Option<Identity> {
        match self {
            Self::Empty => None,
            Self::Partial(identity) | Self::Full(identity) => Some(identity),
        }
    }
}

impl KindMap {
    /// All identities in it.
    pub(super) fn identities(&self) -> impl Iterator<Item = Identity> {
        [self.new.identity(), self.current, self.old].into_iter().flatten()
    }
}

impl RegisterFile {
    pub(super) const fn of(&self, kind: MasterKeyKind) -> &KindMap {
        match kind {
            MasterKeyKind::Des => &self.des,
            MasterKeyKind::Aes => &self.aes,
        }
    }

    pub(super) const fn of_mut(&mut self, kind: MasterKeyKind) -> &mut KindMap {
        match kind {
            MasterKeyKind::Des => &mut self.des,
            MasterKeyKind::Aes => &mut self.aes,
        }
    }

    /// Whether a register holds the object.
    pub(super) fn holds(&self, identity: &Identity) -> bool {
        MasterKeyKind::ALL.into_iter().any(|kind| self.of(kind).identities().any(|held| held == *identity))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        for (text, length) in [(&self.label, LABEL), (&self.serial, SERIAL)] {
            bytes.extend(text.bytes().chain(std::iter::repeat(b' ')).take(length));
        }
        for kind in MasterKeyKind::ALL {
            let map = self.of(kind);
            let (state, new) = match map.new {
                NewMap::Empty => (EMPTY, None),
                NewMap::Partial(identity) => (PARTIAL, Some(identity)),
                NewMap::Full(identity) => (FULL, Some(identity)),
            };
            bytes.push(state);
            bytes.extend(new.unwrap_or_default());
            for held in [map.current, map.old] {
                bytes.push(if held.is_some() { FULL } else { EMPTY });
                bytes.extend(held.unwrap_or_default());
            }
        }
        let leftovers = self.leftovers.iter().take(usize::from(u8::MAX));
        bytes.push(u8::try_from(leftovers.len()).unwrap_or(u8::MAX));
        bytes.extend(leftovers.flatten());
        let checksum = Sha256::digest(&bytes);
        bytes.extend(checksum.iter().take(CHECKSUM));
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, TokenErrorKind> {
        if !bytes.starts_with(MAGIC) && !MAGIC.starts_with(bytes) {
            return Err(TokenErrorKind::Foreign);
        }
        let damaged = || TokenErrorKind::Damaged;
        let mut fields = Fields(bytes);
        fields.array::<8>().ok_or_else(damaged)?;
        let version = u16::from_be_bytes(fields.array().ok_or_else(damaged)?);
        if version != VERSION {
            return Err(TokenErrorKind::Version(version));
        }
        let (summed, checksum) =
            bytes.len().checked_sub(CHECKSUM).and_then(|at| bytes.split_at_checked(at)).ok_or_else(damaged)?;
        if !Sha256::digest(summed).starts_with(checksum) {
            return Err(damaged());
        }
        Self::decode_fields(fields).ok_or_else(damaged)
    }

    fn decode_fields(mut fields: Fields<'_>) -> Option<Self> {
        let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.trim_end_matches(' ').to_owned());
        let mut file = Self {
            label: text(&fields.array::<LABEL>()?)?,
            serial: text(&fields.array::<SERIAL>()?)?,
            ..Self::default()
        };
        for kind in MasterKeyKind::ALL {
            let [new] = fields.array()?;
            let identity = fields.array()?;
            let new = match new {
                EMPTY => NewMap::Empty,
                PARTIAL => NewMap::Partial(identity),
                FULL => NewMap::Full(identity),
                _ => return None,
            };
            let mut held = || match (fields.array()?, fields.array()?) {
                ([EMPTY], _) => Some(None),
                ([FULL], identity) => Some(Some(identity)),
                _ => None,
            };
            *file.of_mut(kind) = KindMap { new, current: held()?, old: held()? };
        }
        let [leftovers] = fields.array()?;
        for _ in 0..leftovers {
            file.leftovers.push(fields.array()?);
        }
        (fields.0.len() == CHECKSUM).then_some(file)
    }
}

/// Takes fields from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> RegisterFile {
        RegisterFile {
            label: "a token".to_owned(),
            serial: "0123456789abcdef".to_owned(),
            des: KindMap { new: NewMap::Partial([1; 16]), current: Some([2; 16]), old: None },
            aes: KindMap { new: NewMap::Full([3; 16]), current: None, old: Some([4; 16]) },
            leftovers: vec![[5; 16], [6; 16]],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for file in [RegisterFile::default(), example()] {
            assert_eq!(RegisterFile::decode(&file.encode()), Ok(file));
        }
    }

    #[test]
    fn version_1_is_read_for_ever() {
        let golden = include_bytes!("../../tests/golden/registers-v1");
        assert_eq!(RegisterFile::decode(golden), Ok(example()));
        assert_eq!(example().encode(), golden);
    }

    #[test]
    fn each_altered_byte_and_each_cut_is_noticed() {
        let whole = example().encode();
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 0x10;
            assert!(RegisterFile::decode(&altered).is_err(), "byte {at}");
            assert!(RegisterFile::decode(&whole[..at]).is_err(), "cut off after {at}");
        }
        assert!(RegisterFile::decode(&[whole.as_slice(), &[0]].concat()).is_err());
        assert_eq!(RegisterFile::decode(b"something else"), Err(TokenErrorKind::Foreign));
    }
}
