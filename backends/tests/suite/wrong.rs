//! Engines that do not conform, each in its own way, and one that does as little as it may.

use std::sync::{Arc, Mutex};

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Capabilities, Derivation, DerivedUse, EngineError, EngineErrorKind, EngineInfo,
    HashAlgorithm, KeyAlgorithm, KeyHandle, KeySpec, MasterKeyKind, MasterKeys, Register, RegisterChange, StoredForm,
    WrappedKey,
};

use crate::support::in_memory;

/// What is wrong with an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// A damaged key opens as the last whole one did.
    OpensDamaged,
    /// The zero bytes of the stored form are taken for key.
    KeysZeros,
    /// The generation never changes.
    OneGeneration,
    /// It says it cannot do what it can.
    HidesDes,
    /// It says it can do what it cannot.
    BoastsKeyCheck,
    /// It generates one key for all.
    OneKey,
    /// Keys under the old master key do not open.
    ForgetsOld,
    /// Only the first block of a call is enciphered.
    OneBlock,
    /// A refused register change clears the register.
    ClearsOnRefusal,
    /// It has no random bytes and does not say so.
    NotRandom,
    /// It panics.
    Panics,
    /// It is right, and declines all that may be declined: no DES, no check value, no parts, one hash.
    Modest,
}

#[derive(Debug)]
pub(crate) struct Wrong {
    inner: Arc<dyn Backend>,
    how: How,
    kept: Mutex<Option<WrappedKey>>,
}

impl Wrong {
    pub(crate) fn engine(how: How) -> Arc<dyn Backend> {
        Arc::new(Self { inner: in_memory(), how, kept: Mutex::default() })
    }

    fn declined(&self, spec: KeySpec) -> Result<(), EngineError> {
        let declined = spec == KeySpec::DES || spec.length() > 128 && !spec.length().is_multiple_of(8);
        if self.how == How::Modest && declined { Err(unsupported(spec)) } else { Ok(()) }
    }
}

fn unsupported(spec: KeySpec) -> EngineError {
    EngineError::new(EngineErrorKind::Unsupported(spec))
}

impl Backend for Wrong {
    fn info(&self) -> EngineInfo {
        let mut capabilities = Capabilities::ALL;
        capabilities.des = !matches!(self.how, How::HidesDes | How::Modest);
        capabilities.any_hmac_length = self.how != How::Modest;
        capabilities.key_check = self.how != How::Modest;
        EngineInfo::new("wrong", format!("{:?}", self.how), capabilities)
    }

    fn state(&self) -> BackendState {
        if self.how == How::OneGeneration { BackendState::Online { generation: 1 } } else { self.inner.state() }
    }

    fn attach(&self) -> Result<(), EngineError> {
        self.inner.attach()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        if self.how == How::NotRandom { Ok(()) } else { self.inner.random(bytes) }
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        self.inner.master_keys()
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        self.inner.change_register(kind, change).inspect_err(|_| {
            if self.how == How::ClearsOnRefusal {
                self.inner.change_register(kind, RegisterChange::ClearNew).unwrap();
            }
        })
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        self.declined(spec)?;
        if self.how == How::OneKey {
            return self.inner.wrap(spec, &ClearKey::new(vec![1; spec.length()]));
        }
        self.inner.generate(spec)
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.declined(spec)?;
        self.inner.wrap(spec, key)
    }

    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError> {
        if self.how == How::Modest { Err(unsupported(key.spec())) } else { self.inner.add_part(key, part) }
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        self.inner.rewrap(key, to)
    }

    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        self.declined(key.spec())?;
        let old = self.inner.master_keys()?.of(key.master_key()).old;
        let opened = match self.how {
            How::Panics => panic!("the driver has a bug"),
            How::ForgetsOld if old == Some(key.mkvp()) => {
                Err(EngineError::new(EngineErrorKind::MasterKeyMismatch(key.master_key(), key.mkvp())))
            }
            How::KeysZeros if key.spec().algorithm() == KeyAlgorithm::Hmac => {
                let spec = KeySpec::hmac(StoredForm::length(key.spec())).unwrap();
                self.inner.open(&WrappedKey::new(spec, key.mkvp(), key.blob()))
            }
            _ => self.inner.open(key),
        };
        let opened = match (self.how, opened) {
            (How::OpensDamaged, Ok(opened)) => {
                *self.kept.lock().unwrap() = Some(key.clone());
                Ok(opened)
            }
            (How::OpensDamaged, Err(error)) if *error.kind() == EngineErrorKind::Damaged => {
                match self.kept.lock().unwrap().clone() {
                    Some(kept) => self.inner.open(&kept),
                    None => self.inner.open(&self.inner.generate(key.spec())?),
                }
            }
            (_, opened) => opened,
        };
        Ok(Box::new(WrongKey { inner: opened?, spec: key.spec(), how: self.how }))
    }
}

#[derive(Debug)]
struct WrongKey {
    inner: Box<dyn KeyHandle>,
    spec: KeySpec,
    how: How,
}

impl KeyHandle for WrongKey {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        let last = if self.how == How::OneBlock { blocks.len().min(1) } else { blocks.len() };
        self.inner.encipher_blocks(&mut blocks[..last])
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.inner.decipher_blocks(blocks)
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        if self.how == How::Modest && hash != HashAlgorithm::Sha512 {
            return Err(unsupported(self.spec));
        }
        self.inner.hmac(hash, messages, macs)
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError> {
        self.inner.derive(how, into)
    }

    fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.inner.encipher_cbc(iv, data)
    }

    fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.inner.decipher_cbc(iv, data)
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        if matches!(self.how, How::BoastsKeyCheck | How::Modest) {
            return Err(unsupported(self.spec));
        }
        self.inner.key_check()
    }
}
