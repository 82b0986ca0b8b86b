//! One engine on trial, and how its answers are held against what they must be.

use std::fmt::{Debug, Display};
use std::sync::Arc;

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Capabilities, Derivation, DerivedUse, EngineError, EngineErrorKind, Etype, HashAlgorithm,
    KeyAlgorithm, KeyHandle, KeyPlace, KeySpec, MasterKeyKind, MasterKeys, Mkvp, Part, RegisterChange, WrappedKey,
};

use super::answers;

/// How a case ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The engine need not do this.
    Skipped(String),
    /// The engine does not do what it must.
    Failed(String),
}

/// What came of a case.
pub(super) type Verdict = Result<(), Stop>;

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Failed(format!("an error where none is expected: {:?}: {error}", error.kind()))
    }
}

/// Ends the case as failed unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::conformance::bench::Stop::Failed(format!($($why)+)));
        }
    };
}
pub(super) use ensure;

/// One engine on trial.
#[derive(Debug)]
pub(super) struct Bench {
    engine: Arc<dyn Backend>,
}

impl Bench {
    pub(super) const fn new(engine: Arc<dyn Backend>) -> Self {
        Self { engine }
    }

    pub(super) fn engine(&self) -> &dyn Backend {
        self.engine.as_ref()
    }

    /// Wants adding a part to `key` refused with this kind, or declined.
    pub(super) fn adding_refused(&self, what: impl Display, key: &WrappedKey, kind: &EngineErrorKind) -> Verdict {
        let added = self.engine.add_part(key, &answers::key(key.spec()));
        if added.as_ref().is_err_and(declines) { Ok(()) } else { refused(what, added, kind) }
    }

    /// What the engine says it can do.
    pub(super) fn can(&self) -> Capabilities {
        self.engine.info().capabilities
    }

    /// Skips a case for which the engine has no use of such keys.
    pub(super) fn needs(&self, algorithm: KeyAlgorithm) -> Verdict {
        if self.can_use(algorithm) { Ok(()) } else { Err(Stop::Skipped(format!("the engine has no {algorithm}"))) }
    }

    fn can_use(&self, algorithm: KeyAlgorithm) -> bool {
        let can = self.can();
        match algorithm {
            KeyAlgorithm::Des => can.des,
            KeyAlgorithm::Hmac => can.hmac_sha512,
            KeyAlgorithm::Kerberos(etype) => can.kerberos(etype) != KeyPlace::None,
            _ => false,
        }
    }

    /// Sorts of keys that the engine can use and must not decline; a case without any is skipped.
    pub(super) fn specs(&self) -> Result<Vec<KeySpec>, Stop> {
        let record_mac = Some(KeySpec::record_mac(MasterKeyKind::Des));
        let all = [Some(KeySpec::DES), KeySpec::hmac(32), KeySpec::hmac(64), KeySpec::hmac(256), record_mac];
        let all = all.into_iter().flatten().chain(Etype::ALL.map(KeySpec::kerberos));
        let specs: Vec<_> = all.filter(|spec| self.can_use(spec.algorithm())).collect();
        if specs.is_empty() {
            Err(Stop::Skipped("the engine has neither DES nor HMAC nor Kerberos".to_owned()))
        } else {
            Ok(specs)
        }
    }

    pub(super) fn registers(&self) -> Result<MasterKeys, Stop> {
        Ok(self.engine.master_keys()?)
    }

    pub(super) fn generation(&self) -> Result<u64, Stop> {
        match self.engine.state() {
            BackendState::Online { generation } => Ok(generation),
            other => Err(Stop::Failed(format!("the engine is not online: {other:?}"))),
        }
    }

    pub(super) fn load(&self, kind: MasterKeyKind, part: Part, value: &ClearKey) -> Verdict {
        Ok(self.engine.change_register(kind, RegisterChange::Load(part, value))?)
    }

    pub(super) fn set(&self, kind: MasterKeyKind) -> Verdict {
        let Some(waiting) = self.registers()?.of(kind).new.pattern() else {
            return Err(Stop::Failed(format!("the new {kind} register is not full")));
        };
        Ok(self.engine.change_register(kind, RegisterChange::Set(waiting))?)
    }

    /// Enters the parts of a master key that has answers.
    pub(super) fn enter(&self, kind: MasterKeyKind, number: u8) -> Verdict {
        self.load(kind, Part::First, &answers::part(kind, number, "first"))?;
        self.load(kind, Part::Middle, &answers::part(kind, number, "middle"))?;
        self.load(kind, Part::Final, &answers::part(kind, number, "final"))
    }

    /// Enters and sets both master keys.
    pub(super) fn set_both(&self, number: u8) -> Verdict {
        for kind in MasterKeyKind::ALL {
            self.enter(kind, number)?;
            self.set(kind)?;
        }
        Ok(())
    }

    /// The key that has answers, wrapped.
    pub(super) fn wrap(&self, spec: KeySpec) -> Result<WrappedKey, Stop> {
        Ok(self.engine.wrap(spec, &answers::key(spec))?)
    }

    /// What tells one key from another: a block enciphered, or a MAC.
    pub(super) fn fingerprint(&self, key: &WrappedKey) -> Result<Vec<u8>, Stop> {
        Ok(fingerprint(key.spec(), self.engine.open(key)?.as_ref())?)
    }
}

/// Wants these bytes.
pub(super) fn known(what: impl Display, got: impl AsRef<[u8]>, known: &[u8]) -> Verdict {
    let hex = |bytes| data_encoding::HEXUPPER.encode(bytes);
    ensure!(got.as_ref() == known, "{what}: {} and not {}", hex(got.as_ref()), hex(known));
    Ok(())
}

/// Wants an error of this kind.
pub(super) fn refused<T: Debug>(what: impl Display, result: Result<T, EngineError>, kind: &EngineErrorKind) -> Verdict {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => {
            Err(Stop::Failed(format!("{what}: an error of kind {:?} and not {kind:?}: {error}", error.kind())))
        }
        Ok(answer) => Err(Stop::Failed(format!("{what}: {answer:?} and not an error of kind {kind:?}"))),
    }
}

/// Wants an answer, or where the engine `may` that it declines.
pub(super) fn unless_declined<T>(
    what: impl Display,
    may: bool,
    result: Result<T, EngineError>,
) -> Result<Option<T>, Stop> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if may && declines(&error) => Ok(None),
        Err(error) => Err(Stop::Failed(format!("{what}: {:?}: {error}", error.kind()))),
    }
}

const fn declines(error: &EngineError) -> bool {
    matches!(error.kind(), EngineErrorKind::Unsupported(_))
}

pub(super) fn fingerprint(spec: KeySpec, key: &dyn KeyHandle) -> Result<Vec<u8>, EngineError> {
    match spec.algorithm() {
        KeyAlgorithm::Des => {
            let mut blocks = [*b"a block "; 3];
            key.encipher_blocks(&mut blocks)?;
            Ok(blocks.concat())
        }
        KeyAlgorithm::Kerberos(etype) => {
            let mut blocks = *b"a text of three blocks of 16 bytes, all of which";
            derived(etype, key, DerivedUse::Cipher(etype.key_length()))?.encipher_cbc(&[1; 16], &mut blocks)?;
            let mac_key = derived(etype, key, DerivedUse::Mac(etype.mac_key_length()))?;
            Ok([blocks.to_vec(), mac(&*mac_key, etype.hash(), b"a message")?].concat())
        }
        _ => mac(key, HashAlgorithm::Sha512, b"a message"),
    }
}

/// A key derived from a Kerberos key.
pub(super) fn derived(etype: Etype, key: &dyn KeyHandle, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError> {
    let from = *b"what is derived from, two blocks";
    let (block, _) = from.split_at(etype.key_length());
    let how = match etype {
        Etype::Aes128Sha1 | Etype::Aes256Sha1 => Derivation::AesCbc(block),
        Etype::Aes128Sha2 | Etype::Aes256Sha2 => Derivation::Hmac(etype.hash(), &from),
    };
    key.derive(&how, into)
}

/// One MAC, not cut.
pub(super) fn mac(key: &dyn KeyHandle, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, EngineError> {
    let mut macs = [[0; 64]];
    key.hmac(hash, &[message], &mut macs)?;
    Ok(macs.concat().into_iter().take(hash.size()).collect())
}

/// Whether an engine may decline HMAC keys of this length: see the module.
pub(super) const fn may_decline(length: usize) -> bool {
    length > HashAlgorithm::Sha512.block() && !length.is_multiple_of(8)
}

/// A pattern that no master key of the suite has.
pub(super) const FOREIGN: Mkvp = Mkvp::new(*b"\xF0\xE1foreig");

/// An HMAC key of `length` bytes.
pub(super) fn hmac_spec(length: usize) -> Result<KeySpec, Stop> {
    KeySpec::hmac(length).ok_or_else(|| answers::broken(&format!("no HMAC key has {length} bytes")))
}
