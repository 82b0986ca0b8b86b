//! The attributes of the keys we make inside a token.

use cryptoki::error::RvError;
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use icsf_core::backend::DerivedUse;

use super::codes::Failure;

/// The keys we have inside a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A DES key as a triple-length key of three equal parts.
    Des,
    /// An HMAC key, filled up to 64 bytes, or one derived from a Kerberos key.
    Hmac,
    /// The key of a Kerberos principal, of which others are derived.
    Kerberos,
    /// An AES key derived from it.
    Aes,
    /// A throw-away key that wraps, for the probe.
    Wrapping,
}

impl Kind {
    /// Of a key derived from that of a Kerberos principal.
    pub(super) const fn of(into: DerivedUse) -> Self {
        match into {
            DerivedUse::Cipher(_) => Self::Aes,
            DerivedUse::Mac(_) => Self::Hmac,
        }
    }

    pub(super) fn template(self, extractable: bool) -> Vec<Attribute> {
        let key_type = match self {
            Self::Des => KeyType::DES3,
            Self::Hmac => KeyType::GENERIC_SECRET,
            Self::Kerberos | Self::Aes | Self::Wrapping => KeyType::AES,
        };
        let blocks = matches!(self, Self::Des | Self::Aes);
        let (signs, wraps, derives) = (self == Self::Hmac, self == Self::Wrapping, self == Self::Kerberos);
        vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(key_type),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(extractable),
            Attribute::Encrypt(blocks),
            Attribute::Decrypt(blocks),
            Attribute::Sign(signs),
            Attribute::Verify(signs),
            Attribute::Wrap(wraps),
            Attribute::Unwrap(wraps),
            Attribute::Derive(derives),
        ]
    }
}

/// How much of what a master key should forbid a token lets us ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// Everything.
    Full,
    /// Without the list of allowed mechanisms.
    AnyMechanism,
    /// Without that and without forbidding copies.
    Copyable,
}

impl Strictness {
    pub(super) const ALL: [Self; 3] = [Self::Full, Self::AnyMechanism, Self::Copyable];

    pub(super) fn master_key(self, label: &str, id: &[u8]) -> Vec<Attribute> {
        let mut template = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Modifiable(false),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
            // A right that is not denied is granted by some tokens.
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
            Attribute::Sign(false),
            Attribute::Verify(false),
            Attribute::Derive(false),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id.to_vec()),
        ];
        if self != Self::Copyable {
            template.push(Attribute::Copyable(false));
        }
        if self == Self::Full {
            template.push(Attribute::AllowedMechanisms(vec![MechanismType::AES_KEY_WRAP]));
        }
        template
    }

    /// Whether less may be taken: NSS answers `CKR_GENERAL_ERROR` to what it does not know.
    pub(super) fn refused(self, failure: &Failure) -> bool {
        self != Self::Copyable
            && [
                RvError::AttributeTypeInvalid,
                RvError::AttributeValueInvalid,
                RvError::TemplateInconsistent,
                RvError::GeneralError,
            ]
            .into_iter()
            .any(|value| failure.is(value))
    }
}
