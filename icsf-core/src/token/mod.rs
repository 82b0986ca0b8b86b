//! Key tokens: a key, wrapped or clear or still missing, with what it is for.
//!
//! The layouts keep the positions of CCA's tokens, so that a reader of the manual finds the fields. What is ours is the
//! wrapping: a secure key is wrapped by AES key wrap over [`StoredForm`](crate::backend::StoredForm), which says so in
//! the version byte (fixed-length tokens) or in the wrapping-method byte (variable-length tokens) with a value no CCA
//! token has. Skeletons and clear keys in variable-length tokens are CCA's to the byte.

mod fields;
mod fixed;
mod usage;
mod variable;

use std::fmt;

pub use fixed::DesToken;
pub use usage::HashSet;
pub use variable::{Completeness, MAX_LENGTH as MAX_VARIABLE_LENGTH, Material, VariableToken};
use zeroize::Zeroizing;

use crate::codes::Code;
use crate::error::Error;
use crate::label::{KeyLabel, KeyType};

/// Length in bytes of every fixed-length token, and of the null token where 64 bytes are expected.
pub const FIXED_LENGTH: usize = 64;

/// A key token.
#[derive(Debug)]
pub enum KeyToken {
    /// No key: first byte X'00'.
    Null,
    /// A DES key in the fixed-length layout.
    Des(DesToken),
    /// An HMAC key, or the key of a Kerberos principal, in the variable-length layout.
    Variable(VariableToken),
}

impl KeyToken {
    /// Reads an internal token; a fixed-length one may be followed by anything.
    ///
    /// # Errors
    /// [`TokenError`]: not a token we know, or damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        match (bytes.first(), bytes.get(4)) {
            (Some(0), _) => Ok(Self::Null),
            (Some(1), Some(&fixed::VERSION)) => DesToken::parse(bytes).map(Self::Des),
            (Some(1), Some(&variable::VERSION)) => VariableToken::parse(bytes).map(Self::Variable),
            (Some(1), Some(version)) => Err(TokenError::Version(*version)),
            (Some(2), _) => Err(TokenError::External),
            (Some(first), Some(_)) => Err(TokenError::Flag(*first)),
            (_, None) => Err(TokenError::Short(bytes.len())),
            (None, _) => Err(TokenError::Short(0)),
        }
    }

    /// Its bytes; wiped when dropped, for a token may hold a clear key.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Null => Zeroizing::new(vec![0; FIXED_LENGTH]),
            Self::Des(token) => Zeroizing::new(token.encode().to_vec()),
            Self::Variable(token) => token.encode(),
        }
    }

    /// The type under which the CKDS files it.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        match self {
            Self::Null => KeyType::NULL,
            Self::Des(_) => KeyType::DATA,
            Self::Variable(token) => token.key_type(),
        }
    }

    /// The wrapped key in it, when it holds one.
    #[must_use]
    pub const fn wrapped(&self) -> Option<&crate::backend::WrappedKey> {
        match self {
            Self::Null => None,
            Self::Des(token) => Some(token.wrapped()),
            Self::Variable(token) => token.wrapped(),
        }
    }

    /// The same token around the same key wrapped otherwise.
    #[must_use]
    pub fn rewrapped(self, wrapped: crate::backend::WrappedKey) -> Self {
        match self {
            Self::Des(_) => DesToken::new(wrapped).map_or(Self::Null, Self::Des),
            Self::Variable(token) => Self::Variable(token.with_material(Material::Wrapped(wrapped))),
            Self::Null => Self::Null,
        }
    }
}

impl TryFrom<KeyToken> for VariableToken {
    type Error = Error;

    fn try_from(token: KeyToken) -> Result<Self, Error> {
        match token {
            KeyToken::Variable(token) => Ok(token),
            _ => Err(Error::new(Code::WrongTokenClass, "a variable-length token is needed")),
        }
    }
}

/// Why bytes are no key token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// Not as many bytes as the token says or needs.
    Short(usize),
    /// The first byte is no token flag.
    Flag(u8),
    /// An external token; there are no transport keys here.
    External,
    /// A version that is neither ours nor a variable-length token's.
    Version(u8),
    /// The token validation value does not fit the bytes.
    ValidationValue,
    /// A field of a variable-length token.
    Field {
        /// Offset of the field.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(length) => write!(f, "the key token is cut off: {length} bytes"),
            Self::Flag(flag) => write!(f, "the key token begins with X'{flag:02X}', which is no token flag"),
            Self::External => f.write_str("an external key token, which needs a transport key"),
            Self::Version(version) => write!(f, "the key token has version X'{version:02X}', which is not supported"),
            Self::ValidationValue => f.write_str("the key token is damaged: its validation value does not fit"),
            Self::Field { offset, what } => write!(f, "the key token is not valid at offset {offset}: {what}"),
        }
    }
}

impl std::error::Error for TokenError {}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        let code = match &error {
            TokenError::Short(_) | TokenError::ValidationValue => Code::TokenDamaged,
            TokenError::Flag(_) | TokenError::External => Code::WrongTokenClass,
            TokenError::Version(_) => Code::TokenVersionNotValid,
            TokenError::Field { .. } => Code::TokenSectionNotValid,
        };
        Self::new(code, error.to_string()).with_source(error)
    }
}

/// What a service is given to find a key: a label, or a token in the caller's own storage.
#[derive(Debug)]
pub enum KeyIdentifier {
    /// The label of a record in the CKDS.
    Label(KeyLabel),
    /// A token.
    Token(KeyToken),
}

impl KeyIdentifier {
    /// Tells the two apart by the first byte, as ICSF does: X'00' to X'02' begin a token, anything else a label of 64
    /// EBCDIC bytes.
    ///
    /// Source: ICSF Application Programmer's Guide, key tokens and key labels.
    ///
    /// # Errors
    /// [`Code::LabelNotValid`], or what [`KeyToken::parse`] says.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.first() {
            None | Some(0..=2) => Ok(Self::Token(KeyToken::parse(bytes)?)),
            Some(_) => {
                let label = <[u8; 64]>::try_from(bytes)
                    .map_err(|e| Error::new(Code::LabelNotValid, "a key label has 64 bytes").with_source(e))?;
                let label = KeyLabel::from_ebcdic(label)
                    .map_err(|e| Error::new(Code::LabelNotValid, e.to_string()).with_source(e))?;
                Ok(Self::Label(label))
            }
        }
    }
}

impl From<KeyLabel> for KeyIdentifier {
    fn from(label: KeyLabel) -> Self {
        Self::Label(label)
    }
}

impl From<KeyToken> for KeyIdentifier {
    fn from(token: KeyToken) -> Self {
        Self::Token(token)
    }
}
