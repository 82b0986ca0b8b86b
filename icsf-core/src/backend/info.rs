//! What an engine is, what it can do, and what state it is in.

use std::fmt;

use super::{Etype, MasterKeyKind};

/// Who an engine is and what it can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineInfo {
    /// What sort of engine: `software`, `pkcs11`, `none`.
    pub kind: &'static str,
    /// Which one: a token's label, a name given at set-up.
    pub name: String,
    /// Its serial number, where it has one.
    pub serial: Option<String>,
    /// What it can do, found by trying.
    pub capabilities: Capabilities,
    /// What whoever runs it should know besides, found by trying.
    pub quirks: Vec<Quirk>,
    /// The master keys that should be in a current register and cannot be found, and what is known of that: a register that
    /// was never set is not among them.
    pub missing: Vec<(MasterKeyKind, String)>,
}

impl EngineInfo {
    /// An engine of this kind and name.
    #[must_use]
    pub fn new(kind: &'static str, name: impl Into<String>, capabilities: Capabilities) -> Self {
        Self { kind, name: name.into(), serial: None, capabilities, quirks: Vec::new(), missing: Vec::new() }
    }

    /// Whether the engine protects its keys less than an engine must, and is used all the same.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.quirks.iter().any(|quirk| quirk.weak)
    }
}

/// Something an engine does otherwise than it should.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirk {
    /// What, in a few words, as displays show it.
    pub text: String,
    /// Whether keys are protected less for it: every display of the engine's status says so.
    pub weak: bool,
}

impl Quirk {
    /// Something odd.
    #[must_use]
    pub fn odd(text: impl Into<String>) -> Self {
        Self { text: text.into(), weak: false }
    }

    /// Something that protects keys less.
    #[must_use]
    pub fn weak(text: impl Into<String>) -> Self {
        Self { text: text.into(), weak: true }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.weak { "WEAK: " } else { "" })?;
        f.write_str(&self.text)
    }
}

impl fmt::Display for EngineInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == "none" {
            return f.write_str("no engine");
        }
        write!(f, "{} {}", self.kind, self.name)?;
        self.serial.as_ref().map_or(Ok(()), |serial| write!(f, " ({serial})"))
    }
}

/// What an engine can do, found by calls with known answers and never taken from what it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// Keys can be used for DES: legacy PassTickets.
    pub des: bool,
    /// Keys can be used for HMAC with SHA-512: enhanced PassTickets.
    pub hmac_sha512: bool,
    /// HMAC keys longer than a block of SHA-512, 128 bytes, can be used whatever their length; without this, only those of
    /// a multiple of 8 bytes: see [`StoredForm`](super::StoredForm).
    pub any_hmac_length: bool,
    /// The engine can hash a key, so that HMAC keys can be compared by their check value.
    pub key_check: bool,
    /// Where the keys of Kerberos principals are used, in the order of [`Etype::ALL`].
    kerberos: [KeyPlace; Etype::ALL.len()],
}

/// Where keys are clear while they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyPlace {
    /// Nowhere: such keys cannot be used.
    #[default]
    None,
    /// Inside the engine, as they should be.
    Inside,
    /// In this process: the engine cannot use them itself, and was told to let them out.
    Host,
}

impl KeyPlace {
    /// One word, as displays show it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Inside => "engine",
            Self::Host => "host",
        }
    }
}

impl Capabilities {
    /// Nothing.
    pub const NONE: Self = Self {
        des: false,
        hmac_sha512: false,
        any_hmac_length: false,
        key_check: false,
        kerberos: [KeyPlace::None; Etype::ALL.len()],
    };
    /// Everything there is.
    pub const ALL: Self = Self {
        des: true,
        hmac_sha512: true,
        any_hmac_length: true,
        key_check: true,
        kerberos: [KeyPlace::Inside; Etype::ALL.len()],
    };

    /// Where keys of this encryption type are used.
    #[must_use]
    pub fn kerberos(&self, etype: Etype) -> KeyPlace {
        let place = Etype::ALL.into_iter().zip(self.kerberos).find(|(known, _)| *known == etype);
        place.map_or(KeyPlace::None, |(_, place)| place)
    }

    /// With keys of this encryption type used there.
    #[must_use]
    pub fn with_kerberos(mut self, etype: Etype, place: KeyPlace) -> Self {
        for (_, kept) in Etype::ALL.into_iter().zip(&mut self.kerberos).filter(|(known, _)| *known == etype) {
            *kept = place;
        }
        self
    }
}

/// Whether an engine can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendState {
    /// It works. The number changes whenever handles opened before are void.
    Online {
        /// Counts the changes.
        generation: u64,
    },
    /// It does not, and may again.
    Offline {
        /// Why.
        reason: String,
    },
    /// It waits for a PIN or pass phrase.
    Locked {
        /// What it waits for.
        reason: String,
    },
    /// There is none.
    Deconfigured,
}
