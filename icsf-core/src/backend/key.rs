//! Keys as they are given to an engine: what they are for, and wrapped.

use std::fmt;

use super::{Etype, MasterKeyKind, Mkvp};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// Single DES, 8 bytes; parity bits do not count.
    Des,
    /// HMAC, 32 to 256 bytes.
    Hmac,
    /// The key of a Kerberos principal, of which the AES and HMAC keys of each use are derived; as long as the encryption
    /// type has it.
    Kerberos(Etype),
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Des => "DES",
            Self::Hmac => "HMAC",
            Self::Kerberos(_) => "AES",
        })
    }
}

/// Algorithm and true length of a key, and which master key wraps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeySpec {
    algorithm: KeyAlgorithm,
    length: u16,
    master_key: MasterKeyKind,
}

impl KeySpec {
    /// A single-length DES key.
    pub const DES: Self = Self { algorithm: KeyAlgorithm::Des, length: 8, master_key: MasterKeyKind::Des };

    /// An HMAC key of `length` bytes, 32 to 256, under the AES-MK; `None` for any other length.
    ///
    /// Source: RACF Security Administrator's Guide, storing PassTicket keys in ICSF; 32 bytes is also the least CCA takes
    /// for SHA-512.
    #[must_use]
    pub fn hmac(length: usize) -> Option<Self> {
        let length = u16::try_from(length).ok().filter(|n| (32..=256).contains(n))?;
        Some(Self { algorithm: KeyAlgorithm::Hmac, length, master_key: MasterKeyKind::Aes })
    }

    /// The key of a Kerberos principal, under the AES-MK.
    #[must_use]
    pub const fn kerberos(etype: Etype) -> Self {
        let length = match etype.key_length() {
            16 => 16,
            _ => 32,
        };
        Self { algorithm: KeyAlgorithm::Kerberos(etype), length, master_key: MasterKeyKind::Aes }
    }

    /// The HMAC key of 64 bytes that authenticates the CKDS records whose keys `master_key` wraps, itself wrapped under
    /// it: so a system with one of the two master keys can check all it can use.
    #[must_use]
    pub const fn record_mac(master_key: MasterKeyKind) -> Self {
        Self { algorithm: KeyAlgorithm::Hmac, length: 64, master_key }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The true length in bytes.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length as usize
    }

    /// The master key that wraps it.
    #[must_use]
    pub const fn master_key(&self) -> MasterKeyKind {
        self.master_key
    }
}

impl KeySpec {
    /// The article before its name.
    pub(crate) const fn article(self) -> &'static str {
        match self.algorithm {
            KeyAlgorithm::Des | KeyAlgorithm::Kerberos(_) => "a",
            KeyAlgorithm::Hmac => "an",
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            KeyAlgorithm::Kerberos(etype) => write!(f, "Kerberos key of {etype}"),
            algorithm => write!(f, "{algorithm} key of {} bytes", self.length),
        }
    }
}

/// A key wrapped under a master key. Nothing in it is secret: it may be stored, shown and logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WrappedKey {
    spec: KeySpec,
    mkvp: Mkvp,
    blob: Box<[u8]>,
}

impl WrappedKey {
    /// Puts the parts together; whether `blob` unwraps is found out by [`Backend::open`](super::Backend::open).
    #[must_use]
    pub fn new(spec: KeySpec, mkvp: Mkvp, blob: impl Into<Box<[u8]>>) -> Self {
        Self { spec, mkvp, blob: blob.into() }
    }

    /// Algorithm and true length.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The pattern of the master key it is wrapped under.
    #[must_use]
    pub const fn mkvp(&self) -> Mkvp {
        self.mkvp
    }

    /// The master key it is wrapped under.
    #[must_use]
    pub const fn master_key(&self) -> MasterKeyKind {
        self.spec.master_key
    }

    /// The wrapped bytes: 8 more than the stored form has.
    #[must_use]
    pub const fn blob(&self) -> &[u8] {
        &self.blob
    }
}

/// The hashes HMAC is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the algorithms")]
pub enum HashAlgorithm {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl HashAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Bytes of a hash, and of an HMAC that is not cut.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Bytes the hash takes at a time.
    #[must_use]
    pub const fn block(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha224 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
        }
    }
}
