//! The types of Kerberos keys.

use std::fmt;
use std::str::FromStr;

/// The type of a Kerberos key.
///
/// Source: RFC 3962 (17, 18) and RFC 8009 (19, 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Etype {
    /// AES of 128 bits with HMAC-SHA-1.
    Aes128Sha1,
    /// AES of 256 bits with HMAC-SHA-1.
    Aes256Sha1,
    /// AES of 128 bits with HMAC-SHA-256.
    Aes128Sha2,
    /// AES of 256 bits with HMAC-SHA-384.
    Aes256Sha2,
}

impl Etype {
    /// All, by number.
    pub const ALL: [Self; 4] = [Self::Aes128Sha1, Self::Aes256Sha1, Self::Aes128Sha2, Self::Aes256Sha2];

    /// Its number in messages.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Aes128Sha1 => 17,
            Self::Aes256Sha1 => 18,
            Self::Aes128Sha2 => 19,
            Self::Aes256Sha2 => 20,
        }
    }

    /// The type of this number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|etype| etype.number() == number)
    }

    /// Its name in the registry of encryption types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Sha1 => "aes128-cts-hmac-sha1-96",
            Self::Aes256Sha1 => "aes256-cts-hmac-sha1-96",
            Self::Aes128Sha2 => "aes128-cts-hmac-sha256-128",
            Self::Aes256Sha2 => "aes256-cts-hmac-sha384-192",
        }
    }

    /// How many bytes its keys have.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes128Sha2 => 16,
            Self::Aes256Sha1 | Self::Aes256Sha2 => 32,
        }
    }
}

impl fmt::Display for Etype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Etype {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|etype| etype.name().eq_ignore_ascii_case(text) || etype.number().to_string() == text)
            .ok_or_else(|| format!("a type of Kerberos key is {}", Self::ALL.map(Self::name).join(", ")))
    }
}
