//! The variable-length token of an HMAC key, and of the key of a Kerberos principal.
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | X'01' internal token |
//! | 2 | 2 | length of the token |
//! | 4 | 1 | version X'05' |
//! | 8 | 1 | key material: 00 none, 01 clear, 03 under the master key |
//! | 9 | 1 | pattern: 00 none, 01 AES MKVP |
//! | 10 | 16 | MKVP, left-justified |
//! | 26 | 1 | wrapping: 00 none, X'F1' ours |
//! | 27 | 1 | hash of a CCA wrapping: 00 |
//! | 28 | 1 | payload version 00 |
//! | 30 | 1 | associated data version 01 |
//! | 32 | 2 | length of the associated data, from offset 30 |
//! | 34, 35, 36 | 1 each | length of key name (0 or 64), IBM data, user data |
//! | 38 | 2 | length of the payload in bits |
//! | 41 | 1 | algorithm: 02 AES (Kerberos), 03 HMAC |
//! | 42 | 2 | key type: 0002 MAC (HMAC), 0009 DKYGENKY (Kerberos) |
//! | 44 | 1 | number of usage fields: 2 |
//! | 45 | 4 | HMAC: X'80' generate, X'40' verify, 2 bytes; then the hashes allowed, 2 bytes |
//! | 45 | 4 | Kerberos: X'F1' (ours), the number of the encryption type; then 2 bytes X'00' |
//! | 49 | 1 | number of management fields: 2 or 3 |
//! | 50 | 4 or 6 | export control; completeness (upper two bits) and history; pedigree |
//! | .. | .. | key name, IBM data, user data, payload |
//!
//! Payload: nothing; the clear key (HMAC); or two bytes with the length of the key in bits and then the wrapped key.
//! Source: ICSF System Programmer's Guide and CCA, variable-length symmetric tokens; usage and management bits are
//! reported by third-party readers of the manual, and so is the number of DKYGENKY; that a Kerberos key is kept as one is
//! assumed, and its usage field is ours.

use zeroize::Zeroizing;

use super::TokenError;
use super::fields::Fields;
use super::usage::{HashSet, Usage};
use crate::backend::{Etype, KeyAlgorithm, Mkvp, WrappedKey};
use crate::label::{KeyLabel, KeyType};
use crate::secret::ClearKey;

pub(super) const VERSION: u8 = 5;
/// The longest variable-length token there is.
pub const MAX_LENGTH: usize = 725;
const WRAPPED_BY_US: u8 = 0xf1;
const EXPORT_ALLOWED: u16 = 0xf000;
const EXPORT_FORBIDDEN: u16 = 0;

/// An HMAC key of type MAC, the key of a Kerberos principal, or the skeleton of one.
#[derive(Debug)]
pub struct VariableToken {
    material: Material,
    usage: Usage,
    export: u16,
    completeness: Completeness,
    history: u8,
    pedigree: Option<u16>,
    name: Option<KeyLabel>,
    user_data: Box<[u8]>,
}

/// What a token has of the key itself.
#[derive(Debug)]
pub enum Material {
    /// Nothing: a skeleton.
    None,
    /// The clear key.
    Clear(ClearKey),
    /// The key, wrapped under the AES-MK.
    Wrapped(WrappedKey),
}

/// Whether key parts are still missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All there.
    Complete,
    /// More may be added, or the key be completed.
    MayBeCompleted,
    /// One more at least.
    OneMissing,
    /// Two more at least.
    TwoMissing,
}

impl Completeness {
    const ALL: [Self; 4] = [Self::Complete, Self::MayBeCompleted, Self::OneMissing, Self::TwoMissing];

    const fn bits(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::MayBeCompleted => 0b01,
            Self::OneMissing => 0b10,
            Self::TwoMissing => 0b11,
        }
    }

    /// One part later.
    #[must_use]
    pub const fn one_less(self) -> Self {
        match self {
            Self::TwoMissing => Self::OneMissing,
            Self::OneMissing | Self::MayBeCompleted => Self::MayBeCompleted,
            Self::Complete => Self::Complete,
        }
    }
}

impl VariableToken {
    /// The skeleton of an HMAC key: no key yet.
    #[must_use]
    pub fn skeleton(generate: bool, verify: bool, hashes: HashSet) -> Self {
        Self::of(Usage::Mac { generate, verify, hashes }, EXPORT_ALLOWED)
    }

    /// The key of a Kerberos principal, which is not to be exported; `None` when `wrapped` is another key.
    #[must_use]
    pub fn kerberos(wrapped: WrappedKey) -> Option<Self> {
        let KeyAlgorithm::Kerberos(etype) = wrapped.spec().algorithm() else { return None };
        Some(Self::of(Usage::Kerberos(etype), EXPORT_FORBIDDEN).with_material(Material::Wrapped(wrapped)))
    }

    fn of(usage: Usage, export: u16) -> Self {
        Self {
            material: Material::None,
            usage,
            export,
            completeness: Completeness::Complete,
            history: 0,
            pedigree: Some(0),
            name: None,
            user_data: Box::default(),
        }
    }

    /// With this key.
    #[must_use]
    pub fn with_material(self, material: Material) -> Self {
        Self { material, ..self }
    }

    /// With a key name in it, 64 bytes.
    #[must_use]
    pub fn with_name(self, name: KeyLabel) -> Self {
        Self { name: Some(name), ..self }
    }

    /// With parts still missing, or none.
    #[must_use]
    pub fn with_completeness(self, completeness: Completeness) -> Self {
        Self { completeness, ..self }
    }

    /// With these export controls: bits of the first key-management field.
    #[must_use]
    pub fn with_export_control(self, export: u16) -> Self {
        Self { export, ..self }
    }

    /// The key in it.
    #[must_use]
    pub const fn material(&self) -> &Material {
        &self.material
    }

    /// The wrapped key, when it holds one.
    #[must_use]
    pub const fn wrapped(&self) -> Option<&WrappedKey> {
        match &self.material {
            Material::Wrapped(wrapped) => Some(wrapped),
            _ => None,
        }
    }

    /// Whether it may make an HMAC.
    #[must_use]
    pub const fn may_generate(&self) -> bool {
        matches!(self.usage, Usage::Mac { generate: true, .. })
    }

    /// Whether it may verify an HMAC; a key that may generate may also verify.
    #[must_use]
    pub const fn may_verify(&self) -> bool {
        self.may_generate() || matches!(self.usage, Usage::Mac { verify: true, .. })
    }

    /// The hashes it may be used with.
    #[must_use]
    pub const fn hashes(&self) -> HashSet {
        match self.usage {
            Usage::Mac { hashes, .. } => hashes,
            Usage::Kerberos(_) => HashSet::NONE,
        }
    }

    /// The encryption type of a Kerberos key.
    #[must_use]
    pub const fn etype(&self) -> Option<Etype> {
        match self.usage {
            Usage::Kerberos(etype) => Some(etype),
            Usage::Mac { .. } => None,
        }
    }

    /// The type under which the CKDS files it.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.usage.key_type()
    }

    /// Whether parts are missing.
    #[must_use]
    pub const fn completeness(&self) -> Completeness {
        self.completeness
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let (state, pattern, wrapping) = match &self.material {
            Material::None => (0, None, 0),
            Material::Clear(_) => (1, None, 0),
            Material::Wrapped(wrapped) => (3, Some(wrapped.mkvp()), WRAPPED_BY_US),
        };
        let (bits, payload) = self.payload();
        let management = 2 * if self.pedigree.is_some() { 3_u8 } else { 2 };
        let name_length = if self.name.is_some() { 64_u8 } else { 0 };
        let user_length = u8::try_from(self.user_data.len()).unwrap_or(u8::MAX);
        let associated = 20 + u16::from(management) + u16::from(name_length) + u16::from(user_length);
        let total = usize::from(associated) + 30 + payload.len();

        let mut bytes = Zeroizing::new(Vec::with_capacity(total));
        bytes.extend_from_slice(&[1, 0]);
        bytes.extend_from_slice(&u16::try_from(total).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(&[VERSION, 0, 0, 0, state, u8::from(pattern.is_some())]);
        bytes.extend_from_slice(pattern.map_or([0; 8], |mkvp| *mkvp.bytes()).as_slice());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&[wrapping, 0, 0, 0, 1, 0]);
        bytes.extend_from_slice(&associated.to_be_bytes());
        bytes.extend_from_slice(&[name_length, 0, user_length, 0]);
        bytes.extend_from_slice(&bits.to_be_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&self.usage.encode());
        bytes.push(management / 2);
        bytes.extend_from_slice(&self.export.to_be_bytes());
        bytes.extend_from_slice(&[self.completeness.bits() << 6, self.history]);
        bytes.extend(self.pedigree.into_iter().flat_map(u16::to_be_bytes));
        bytes.extend(self.name.iter().flat_map(KeyLabel::ebcdic));
        bytes.extend_from_slice(&self.user_data);
        bytes.extend_from_slice(&payload);
        bytes
    }

    fn payload(&self) -> (u16, Zeroizing<Vec<u8>>) {
        let bits = |bytes: usize| u16::try_from(bytes * 8).unwrap_or(u16::MAX);
        let payload = match &self.material {
            Material::None => Vec::new(),
            Material::Clear(key) => key.expose().to_vec(),
            Material::Wrapped(wrapped) => {
                let length = bits(wrapped.spec().length()).to_be_bytes();
                [length.as_slice(), wrapped.blob()].concat()
            }
        };
        (bits(payload.len()), Zeroizing::new(payload))
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let mut fields = Fields { bytes, at: 2 };
        let total = usize::from(fields.u16()?);
        fields.bytes = bytes.get(..total).ok_or(TokenError::Short(bytes.len()))?;
        fields.at = 8;
        let state = fields.u8()?;
        let pattern = fields.u8()?;
        let mkvp = Mkvp::new(fields.array()?);
        fields.at = 26;
        let wrapping = fields.u8()?;
        fields.at = 30;
        fields.expect(1, "the version of the associated data is not 1")?;
        fields.at = 32;
        let associated = usize::from(fields.u16()?);
        let name_length = fields.u8()?;
        fields.expect(0, "such a key has no IBM data")?;
        let user_length = fields.u8()?;
        fields.at = 38;
        let payload_bits = usize::from(fields.u16()?);
        fields.at = 41;
        let usage = Usage::parse(&mut fields)?;
        let management = fields.u8()?;
        let export = fields.u16()?;
        let completeness = fields.u8()? >> 6;
        let history = fields.u8()?;
        let pedigree = match management {
            2 => None,
            3 => Some(fields.u16()?),
            _ => return Err(fields.wrong("such a key has two or three management fields")),
        };
        let name = match name_length {
            0 => None,
            64 => Some(
                KeyLabel::from_ebcdic(fields.array()?)
                    .ok()
                    .ok_or_else(|| fields.wrong("the key name is no key label"))?,
            ),
            _ => return Err(fields.wrong("a key name has 64 bytes")),
        };
        let user_data = fields.take(usize::from(user_length))?.into();
        if fields.at != 30 + associated {
            return Err(fields.wrong("the lengths of the associated data do not agree"));
        }
        let payload = fields.take(payload_bits.div_ceil(8))?;
        if fields.at != total {
            return Err(fields.wrong("there are bytes after the payload"));
        }
        let spec = |length| usage.spec(length).ok_or_else(|| fields.wrong("no key for this has such a length"));
        let material = match (state, pattern, wrapping) {
            (0, 0, 0) if payload.is_empty() => Material::None,
            (1, 0, 0) if usage.key_type() == KeyType::MAC => {
                spec(payload.len())?;
                Material::Clear(ClearKey::from_slice(payload))
            }
            (3, 1, WRAPPED_BY_US) => {
                let (bits, blob) = payload.split_at_checked(2).ok_or(TokenError::Short(bytes.len()))?;
                let bits = bits.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
                Material::Wrapped(WrappedKey::new(spec(bits / 8)?, mkvp, blob))
            }
            _ => return Err(TokenError::Field { offset: 8, what: "key material, pattern and wrapping do not agree" }),
        };
        let completeness = Completeness::ALL.into_iter().find(|c| c.bits() == completeness);
        Ok(Self {
            material,
            usage,
            export,
            completeness: completeness.unwrap_or(Completeness::TwoMissing),
            history,
            pedigree,
            name,
            user_data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{HashAlgorithm, KeySpec};
    use crate::token::KeyToken;

    fn wrapped(length: usize) -> VariableToken {
        let spec = KeySpec::hmac(length).unwrap();
        VariableToken::skeleton(true, false, HashSet::ALL).with_material(Material::Wrapped(WrappedKey::new(
            spec,
            Mkvp::new([9; 8]),
            vec![0x5a; 72],
        )))
    }

    #[test]
    fn a_skeleton_has_the_length_and_the_fields_of_the_manual() {
        let bytes = VariableToken::skeleton(true, false, HashSet::ALL).encode();
        assert_eq!(bytes.len(), 56);
        assert_eq!(bytes[..4], [1, 0, 0, 56]);
        assert_eq!(bytes[30..34], [1, 0, 0, 26]);
        assert_eq!(bytes[41..49], [3, 0, 2, 2, 0x80, 0, 0xf8, 0]);
        assert_eq!(bytes[49..], [3, 0xf0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn tokens_come_back() {
        let name = "MY.KEY".parse().unwrap();
        let clear = || Material::Clear(ClearKey::new(vec![3; 33]));
        for token in [
            VariableToken::skeleton(false, true, HashSet::NONE.with(HashAlgorithm::Sha512)),
            VariableToken::skeleton(true, false, HashSet::ALL).with_material(clear()).with_name(name),
            wrapped(33),
            wrapped(64).with_completeness(Completeness::OneMissing).with_export_control(0x08c8),
        ] {
            let bytes = token.encode();
            let KeyToken::Variable(back) = KeyToken::parse(&bytes).unwrap() else { panic!("not variable") };
            assert_eq!(back.encode(), bytes);
            assert_eq!(back.completeness(), token.completeness());
            assert_eq!(back.may_generate(), token.may_generate());
        }
    }

    #[test]
    fn every_cut_and_every_wrong_field_is_an_error_and_never_a_panic() {
        let bytes = wrapped(64).encode();
        for cut in 0..bytes.len() {
            assert!(KeyToken::parse(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in [0, 2, 3, 8, 9, 26, 30, 32, 33, 34, 35, 36, 39, 41, 42, 43, 44, 49] {
            let mut changed = bytes.to_vec();
            changed[at] ^= 0x10;
            assert!(KeyToken::parse(&changed).is_err(), "offset {at}");
        }
        let mut clear = wrapped(64);
        clear.material = Material::Clear(ClearKey::new(vec![1; 10]));
        assert!(KeyToken::parse(&clear.encode()).is_err(), "a key of 10 bytes");
    }
}
