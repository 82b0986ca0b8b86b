//! Kerberos keys: encryption types, and how the keys of each use are derived from the key of a principal.

use std::fmt;

use super::{EngineError, EngineErrorKind, HashAlgorithm, KeyAlgorithm, KeySpec};

/// The encryption types of Kerberos with AES.
///
/// Source: RFC 3962 (17, 18) and RFC 8009 (19, 20); numbers and names as IANA lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Etype {
    /// 17, aes128-cts-hmac-sha1-96.
    Aes128Sha1,
    /// 18, aes256-cts-hmac-sha1-96.
    Aes256Sha1,
    /// 19, aes128-cts-hmac-sha256-128.
    Aes128Sha2,
    /// 20, aes256-cts-hmac-sha384-192.
    Aes256Sha2,
}

impl Etype {
    /// All of them, by number.
    pub const ALL: [Self; 4] = [Self::Aes128Sha1, Self::Aes256Sha1, Self::Aes128Sha2, Self::Aes256Sha2];

    /// Its number in messages and keytabs.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Aes128Sha1 => 17,
            Self::Aes256Sha1 => 18,
            Self::Aes128Sha2 => 19,
            Self::Aes256Sha2 => 20,
        }
    }

    /// The one of this number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|etype| etype.number() == number)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Sha1 => "aes128-cts-hmac-sha1-96",
            Self::Aes256Sha1 => "aes256-cts-hmac-sha1-96",
            Self::Aes128Sha2 => "aes128-cts-hmac-sha256-128",
            Self::Aes256Sha2 => "aes256-cts-hmac-sha384-192",
        }
    }

    /// Bytes of a key, and of the keys derived from it to encipher.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes128Sha2 => 16,
            Self::Aes256Sha1 | Self::Aes256Sha2 => 32,
        }
    }

    /// Bytes of the keys derived from it for integrity and checksums.
    #[must_use]
    pub const fn mac_key_length(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes128Sha2 => 16,
            Self::Aes256Sha1 => 32,
            Self::Aes256Sha2 => 24,
        }
    }

    /// The hash its MACs are made with.
    #[must_use]
    pub const fn hash(self) -> HashAlgorithm {
        match self {
            Self::Aes128Sha1 | Self::Aes256Sha1 => HashAlgorithm::Sha1,
            Self::Aes128Sha2 => HashAlgorithm::Sha256,
            Self::Aes256Sha2 => HashAlgorithm::Sha384,
        }
    }
}

impl fmt::Display for Etype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a key is derived from the key of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Derivation<'a> {
    /// The leftmost bytes of AES-CBC of these whole blocks, with an initialization vector of zeros. DK of RFC 3961 is that
    /// of the folded constant and, for a key of two blocks, a block of zeros after it, as CBC enciphers that to the
    /// encipherment of the first result.
    AesCbc(&'a [u8]),
    /// The leftmost bytes of the HMAC of this: KDF-HMAC-SHA2 of RFC 8009.
    Hmac(HashAlgorithm, &'a [u8]),
}

/// What a derived key is for, and its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DerivedUse {
    /// To encipher and decipher with AES-CBC: [`Etype::key_length`].
    Cipher(usize),
    /// To make HMACs with [`Etype::hash`]: [`Etype::mac_key_length`].
    Mac(usize),
}

impl DerivedUse {
    /// Its length in bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Cipher(length) | Self::Mac(length) => length,
        }
    }
}

impl Derivation<'_> {
    /// That a key of this `spec` gives such a key in this way, and whose etype it is: the one rule for all engines.
    ///
    /// # Errors
    /// [`EngineErrorKind::Unsupported`]: for a key that is none of Kerberos, the way or hash of another etype, another
    /// length than the etype wants, broken blocks, or fewer bytes than that length.
    pub fn check(&self, spec: KeySpec, into: DerivedUse) -> Result<Etype, EngineError> {
        let no = |why: String| EngineError::new(EngineErrorKind::Unsupported(spec)).with_detail(why);
        let KeyAlgorithm::Kerberos(etype) = spec.algorithm() else {
            return Err(no("keys are derived from those of Kerberos alone".to_owned()));
        };
        let given = match (etype, self) {
            (Etype::Aes128Sha1 | Etype::Aes256Sha1, Self::AesCbc(blocks)) if blocks.len().is_multiple_of(16) => {
                blocks.len()
            }
            (Etype::Aes128Sha2 | Etype::Aes256Sha2, Self::Hmac(hash, _)) if *hash == etype.hash() => hash.size(),
            (_, Self::AesCbc(blocks)) => return Err(no(format!("no derivation by AES-CBC of {} bytes", blocks.len()))),
            (_, Self::Hmac(hash, _)) => return Err(no(format!("no derivation by HMAC with {hash:?}"))),
        };
        let wanted = match into {
            DerivedUse::Cipher(_) => etype.key_length(),
            DerivedUse::Mac(_) => etype.mac_key_length(),
        };
        if into.length() != wanted || given < wanted {
            let length = into.length();
            return Err(no(format!("a derived key has {wanted} bytes, {length} are wanted of {given}")));
        }
        Ok(etype)
    }
}
