//! Master keys, their registers, and what tells one from another.

use std::fmt;

use crate::secret::ClearKey;

/// The two master keys of symmetric keys.
///
/// Source: ICSF Administrator's Guide: the DES-MK protects DES keys, the AES-MK protects AES and HMAC keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MasterKeyKind {
    /// Wraps DES keys.
    Des,
    /// Wraps AES and HMAC keys.
    Aes,
}

impl MasterKeyKind {
    /// Both, DES first.
    pub const ALL: [Self; 2] = [Self::Des, Self::Aes];
}

impl fmt::Display for MasterKeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Des => "DES-MK",
            Self::Aes => "AES-MK",
        })
    }
}

/// The registers of a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// Being entered.
    New,
    /// In use.
    Current,
    /// In use before; keys still wrapped under it can be used until the next change.
    Old,
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::New => "new",
            Self::Current => "current",
            Self::Old => "old",
        })
    }
}

/// A change of the registers of one master key.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum RegisterChange<'a> {
    /// Enters a part of 32 bytes into the new register; parts are combined by exclusive OR.
    Load(Part, &'a ClearKey),
    /// Fills the empty new register with a random key that nobody has seen.
    Generate,
    /// Empties the new register.
    ClearNew,
    /// Current becomes old, new becomes current, new is empty; refused when the new register holds a key of another
    /// pattern: somebody may have entered one since the caller looked.
    Set(Mkvp),
    /// Empties all three: what is wrapped under them can be used by another engine that holds the same master keys, or by
    /// none.
    Zeroize,
}

/// Which part of a master key is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first, into an empty register.
    First,
    /// One between.
    Middle,
    /// The last; the register is then full.
    Final,
}

/// Length of a master key, and of each of its parts, in bytes.
pub const MASTER_KEY_LENGTH: usize = 32;

/// What the registers of both master keys hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MasterKeys {
    /// The DES-MK.
    pub des: Registers,
    /// The AES-MK.
    pub aes: Registers,
}

impl MasterKeys {
    /// The registers of `kind`.
    #[must_use]
    pub const fn of(&self, kind: MasterKeyKind) -> &Registers {
        match kind {
            MasterKeyKind::Des => &self.des,
            MasterKeyKind::Aes => &self.aes,
        }
    }

    /// The registers of `kind`, to be changed.
    pub const fn of_mut(&mut self, kind: MasterKeyKind) -> &mut Registers {
        match kind {
            MasterKeyKind::Des => &mut self.des,
            MasterKeyKind::Aes => &mut self.aes,
        }
    }
}

/// What the registers of one master key hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Registers {
    /// The new register.
    pub new: NewRegister,
    /// The pattern of the current key, when there is one.
    pub current: Option<Mkvp>,
    /// The pattern of the old key, when there is one.
    pub old: Option<Mkvp>,
}

impl Registers {
    /// Which register can open a key with this pattern.
    #[must_use]
    pub fn holding(&self, mkvp: Mkvp) -> Option<Register> {
        [(self.current, Register::Current), (self.old, Register::Old)]
            .into_iter()
            .find_map(|(held, register)| (held == Some(mkvp)).then_some(register))
    }
}

/// What the new register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NewRegister {
    /// Nothing.
    #[default]
    Empty,
    /// A first part, and perhaps middle ones.
    Partial,
    /// A whole key.
    Full(Mkvp),
}

impl NewRegister {
    /// The pattern of the key that waits to be set, when it is whole.
    #[must_use]
    pub const fn pattern(self) -> Option<Mkvp> {
        match self {
            Self::Full(mkvp) => Some(mkvp),
            Self::Empty | Self::Partial => None,
        }
    }
}

/// A key verification pattern of a master key: 8 bytes that tell which key it is and nothing more.
///
/// The leftmost 8 bytes of the AES key wrap (RFC 3394), under the master key, of
/// [`mkvp_constant`](super::mkvp_constant): every engine that can wrap can compute it, also one that will do nothing else
/// with a master key. It is public: displays, records and reports show it. IBM computes its patterns otherwise (SHA-256
/// over X'01' and the key); ours are not comparable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mkvp([u8; 8]);

impl Mkvp {
    /// From its 8 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Its 8 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for Mkvp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&data_encoding::HEXUPPER.encode(&self.0))
    }
}

impl fmt::Debug for Mkvp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mkvp({self})")
    }
}
