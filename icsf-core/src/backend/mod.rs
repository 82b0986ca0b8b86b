//! What an engine must offer: the [`Backend`] trait and its contract.
//!
//! The idea: a caller may ask an engine to *use* a wrapped key and can never ask for the clear one. Master keys stay
//! inside the engine; everything else it is given or gives back is wrapped under one of them. An engine keeps no
//! records: the key data set does.

mod engine_error;
mod info;
mod kerberos;
mod key;
mod master_keys;
mod stored_form;

use std::fmt;

pub use engine_error::{EngineError, EngineErrorKind};
pub use info::{BackendState, Capabilities, EngineInfo, KeyPlace, Quirk};
pub use kerberos::{Derivation, DerivedUse, Etype};
pub use key::{HashAlgorithm, KeyAlgorithm, KeySpec, WrappedKey};
pub use master_keys::{
    MASTER_KEY_LENGTH, MasterKeyKind, MasterKeys, Mkvp, NewRegister, Part, Register, RegisterChange, Registers,
};
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

    /// Computes the HMAC of each message with an HMAC key, or with a key derived for [`DerivedUse::Mac`] and the hash of its
    /// [`Etype`]; `macs` has as many places as there are messages, and each
    /// is filled from the left with the [`size`](HashAlgorithm::size) bytes of the hash.
    ///
    /// # Errors
    /// See the contract.
    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError>;

    /// Derives a key inside the engine from a Kerberos key, for any number of uses. What is derived stays good without
    /// this handle, and derives nothing further.
    ///
    /// # Errors
    /// [`Unsupported`](EngineErrorKind::Unsupported) for what [`Derivation::check`] refuses; see the contract.
    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError>;

    /// Enciphers whole blocks of 16 bytes with AES-CBC, in place, with a key derived for [`DerivedUse::Cipher`].
    ///
    /// # Errors
    /// [`Unsupported`](EngineErrorKind::Unsupported) also for broken blocks; see the contract.
    fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError>;

    /// Deciphers whole blocks of 16 bytes with AES-CBC; the inverse of [`encipher_cbc`](Self::encipher_cbc).
    ///
    /// # Errors
    /// As there.
    fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError>;

    /// The leftmost 8 bytes of SHA-256 over X'01' and the clear key: what tells two HMAC keys apart without showing them.
    ///
    /// # Errors
    /// [`Unsupported`](EngineErrorKind::Unsupported) by engines that cannot hash a key, tokens among them.
    fn key_check(&self) -> Result<[u8; 8], EngineError>;
}
