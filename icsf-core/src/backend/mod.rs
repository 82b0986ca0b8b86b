//! What an engine must offer: the [`Backend`] trait and its contract.
//!
//! The idea: a caller may ask an engine to *use* a wrapped key and can never ask for the clear one. Master keys stay
//! inside the engine; everything else it is given or gives back is wrapped under one of them. An engine keeps no
//! records: the key data set does.

mod engine_error;
mod stored_form;

use std::fmt;

pub use engine_error::{EngineError, EngineErrorKind};
pub(crate) use stored_form::has_odd_parity;
pub use stored_form::{StoredForm, mkvp_constant};

use crate::secret::ClearKey;

/// A crypto engine: the card of a real machine, or what stands in for it.
///
/// # Contract
///
/// *Calls may overlap.* Every method takes `&self` and may be called from several threads at once.
///
/// *No call blocks for ever.* An engine whose device hangs gives up and answers
/// [`Unavailable`](EngineErrorKind::Unavailable).
///
/// *Errors.* The kind says whether it lasts: see [`EngineErrorKind::lasts`]. After an error nothing was changed in any
/// register and no output is to be used.
///
/// *Generations.* [`state`](Self::state) answers `Online { generation }`; the number changes whenever handles opened
/// before may no longer be used: the device was lost or came back, a register changed, keys inside were dropped. A
/// handle of an older generation answers an error of kind [`Unavailable`](EngineErrorKind::Unavailable) or goes on
/// working; the caller must not rely on either, and drops it.
///
/// *One stored form.* Keys are wrapped as [`StoredForm`] says, with AES key wrap (RFC 3394) under a 256-bit master key,
/// so that two engines with the same master key make the same bytes.
///
/// *Which register.* Keys are wrapped under the register asked for (current, but for [`rewrap`](Self::rewrap)); a
/// wrapped key is opened under whichever of current and old has its [`Mkvp`].
///
/// The suite in `icsf_backends::conformance` holds an engine against all this.
pub trait Backend: Send + Sync + fmt::Debug {
    /// Who this engine is and what it can do. Cheap; may change after [`attach`](Self::attach).
    fn info(&self) -> EngineInfo;

    /// Whether it can be used now. Cheap enough to be asked before each operation: no I/O, no waiting.
    fn state(&self) -> BackendState;

    /// Connects, or looks again at what may have changed outside this process (registers, the device itself).
    /// Repeating it when nothing changed changes nothing, and leaves the generation as it is.
    ///
    /// # Errors
    /// Why the engine cannot be used; [`state`](Self::state) then says the same.
    fn attach(&self) -> Result<(), EngineError>;

    /// Fills `bytes` from the engine's own generator.
    ///
    /// # Errors
    /// [`Unavailable`](EngineErrorKind::Unavailable) without a working engine.
    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError>;

    /// What the master-key registers hold.
    ///
    /// # Errors
    /// [`Unavailable`](EngineErrorKind::Unavailable) without a working engine.
    fn master_keys(&self) -> Result<MasterKeys, EngineError>;

    /// Changes a register of `kind`, wholly or not at all, also when the process is killed meanwhile.
    ///
    /// # Errors
    /// [`Refused`](EngineErrorKind::Refused) when the registers do not allow it: a first part with the new register
    /// not empty, a further part with it empty or full, a part that is not 32 bytes, a key equal to the current or
    /// the old one, a set without a full new register or of another key than the one in it.
    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError>;

    /// Makes a random key and wraps it under the current master key.
    ///
    /// # Errors
    /// [`MasterKeyNotSet`](EngineErrorKind::MasterKeyNotSet), [`Unsupported`](EngineErrorKind::Unsupported).
    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError>;

    /// Wraps `key`, whose length is `spec`'s, under the current master key.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError>;

    /// Wraps the exclusive OR of a wrapped key and `part` under the current master key.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError>;

    /// Wraps the same key under the master key in register `to`, [`Current`](Register::Current) or
    /// [`New`](Register::New).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`MasterKeyNotSet`](EngineErrorKind::MasterKeyNotSet) when `to` is not full.
    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError>;

    /// Unwraps `key` once, inside the engine, for any number of uses.
    ///
    /// # Errors
    /// [`MasterKeyNotSet`](EngineErrorKind::MasterKeyNotSet) when there is no current master key,
    /// [`MasterKeyMismatch`](EngineErrorKind::MasterKeyMismatch) when neither current nor old register has its
    /// pattern, [`Damaged`](EngineErrorKind::Damaged) when it does not unwrap, [`Unsupported`](EngineErrorKind::Unsupported)
    /// when the engine cannot use such a key.
    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError>;

    /// Does `work`, which asks this engine several times, and comes back when it is done or the engine hangs.
    ///
    /// An engine whose calls may hang has to make each of them where it can be given up, in another thread; within
    /// `work` it need not, as all of it is done there. So the price of not hanging is paid once for a request and not
    /// once for each call in it. Other engines do `work` here.
    ///
    /// # Errors
    /// [`Unavailable`](EngineErrorKind::Unavailable) when it was given up: `work` may still end at any later time, so
    /// what it shares with the caller must bear that.
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Result<(), EngineError> {
        work();
        Ok(())
    }
}

/// A key open inside an engine. Dropping it drops the engine's copy.
///
/// # Contract
/// Calls may overlap. After an error the output buffers hold nothing to be used. A use the key is not made for is
/// [`Unsupported`](EngineErrorKind::Unsupported).
pub trait KeyHandle: Send + Sync + fmt::Debug {
    /// Enciphers each block by itself with a DES key (ECB), all of them in one call to the engine.
    ///
    /// # Errors
    /// See the contract.
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError>;

    /// Deciphers each block by itself with a DES key (ECB), all of them in one call to the engine.
    ///
    /// # Errors
    /// See the contract.
    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError>;

    /// Computes the HMAC of each message with an HMAC key; `macs` has as many places as there are messages, and each
    /// is filled from the left with the [`size`](HashAlgorithm::size) bytes of the hash.
    ///
    /// # Errors
    /// See the contract.
    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError>;

    /// The leftmost 8 bytes of SHA-256 over X'01' and the clear key: what tells two HMAC keys apart without showing them.
    ///
    /// # Errors
    /// [`Unsupported`](EngineErrorKind::Unsupported) by engines that cannot hash a key, tokens among them.
    fn key_check(&self) -> Result<[u8; 8], EngineError>;
}

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
/// The leftmost 8 bytes of the AES key wrap (RFC 3394), under the master key, of [`mkvp_constant`]: every engine that
/// can wrap can compute it, also one that will do nothing else with a master key. It is public: displays, records and
/// reports show it. IBM computes its patterns otherwise (SHA-256 over X'01' and the key); ours are not comparable.
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

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// Single DES, 8 bytes; parity bits do not count.
    Des,
    /// HMAC, 32 to 256 bytes.
    Hmac,
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Des => "DES",
            Self::Hmac => "HMAC",
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

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key of {} bytes", self.algorithm, self.length)
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
    /// Puts the parts together; whether `blob` unwraps is found out by [`Backend::open`].
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
}

impl EngineInfo {
    /// An engine of this kind and name.
    #[must_use]
    pub fn new(kind: &'static str, name: impl Into<String>, capabilities: Capabilities) -> Self {
        Self { kind, name: name.into(), serial: None, capabilities, quirks: Vec::new() }
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
    /// The engine can hash a key, so that HMAC keys can be compared by their check value.
    pub key_check: bool,
}

impl Capabilities {
    /// Nothing.
    pub const NONE: Self = Self { des: false, hmac_sha512: false, key_check: false };
    /// Everything there is.
    pub const ALL: Self = Self { des: true, hmac_sha512: true, key_check: true };
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
