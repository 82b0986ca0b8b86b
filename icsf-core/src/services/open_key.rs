//! From a label or token to a key that can be used: record, checks, master key, engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::backend::{
    EngineError, EngineErrorKind, Etype, HashAlgorithm, KeyHandle, KeySpec, MasterKeyKind, Mkvp, Register, WrappedKey,
};
use crate::codes::Code;
use crate::engine::Opened;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::kds::{self, Found, Record, RecordMac};
use crate::label::KeyLabel;
use crate::secret::ClearKey;
use crate::token::{Completeness, HashSet, KeyIdentifier, KeyToken, Material, VariableToken};

/// A key ready for use, with all that the services check of it.
#[derive(Debug)]
pub(crate) struct OpenKey {
    /// Unlike that of any other open key of this process: what was computed with one holds while the number does.
    pub(crate) id: u64,
    use_: KeyUse,
    /// News that every use of the key carries.
    pub(crate) code: Code,
    pub(crate) origin: Origin,
}

/// Which key it is, for errors.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin {
    label: Option<KeyLabel>,
    master_key: Option<(MasterKeyKind, Mkvp)>,
}

impl Origin {
    fn of(token: &KeyToken) -> Self {
        let wrapped = token.wrapped();
        Self { label: None, master_key: wrapped.map(|wrapped| (wrapped.master_key(), wrapped.mkvp())) }
    }

    /// Names the key and what it is wrapped under.
    pub(crate) fn named(&self, error: Error) -> Error {
        let error = self.label.iter().fold(error, Error::for_label);
        self.master_key.iter().fold(error, |error, (kind, mkvp)| error.under(*kind, *mkvp))
    }
}

#[derive(Debug)]
enum KeyUse {
    /// A DES DATA key, in the engine.
    Des(Box<dyn KeyHandle>),
    /// An HMAC key.
    Hmac(HmacKey),
    /// The key of a Kerberos principal, in the engine.
    Kerberos(Etype, Box<dyn KeyHandle>),
}

/// An HMAC key and what it may be used for.
#[derive(Debug)]
pub(crate) struct HmacKey {
    holder: Holder,
    generate: bool,
    verify: bool,
    hashes: HashSet,
}

#[derive(Debug)]
enum Holder {
    /// In the engine.
    Engine(Box<dyn KeyHandle>),
    /// In the record, clear: no engine is needed.
    Clear(ClearKey),
}

impl OpenKey {
    fn new(use_: KeyUse, code: Code, origin: Origin) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self { id: LAST.fetch_add(1, Ordering::Relaxed) + 1, use_, code, origin }
    }

    pub(crate) fn des(&self) -> Result<&dyn KeyHandle> {
        match &self.use_ {
            KeyUse::Des(handle) => Ok(&**handle),
            other => {
                let why = format!("the key is {}, a DES key of type DATA is needed", other.name());
                Err(Error::new(Code::WrongKeyType, why)
                    .with_remedy("name the label of a DES key; softicsf ckds add LABEL --type DES-DATA makes one"))
            }
        }
    }

    /// The HMAC key, if it may be used with `hash` to make, or else to verify, an HMAC.
    pub(crate) fn hmac(&self, hash: HashAlgorithm, generate: bool) -> Result<&HmacKey> {
        let key = match &self.use_ {
            KeyUse::Hmac(key) => key,
            other => {
                let why = format!("the key is {}, an HMAC key is needed", other.name());
                return Err(Error::new(Code::KeyUsageViolation, why)
                    .with_remedy("name the label of an HMAC key; softicsf ckds add LABEL --type HMAC-MAC makes one"));
            }
        };
        let allowed = if generate { key.generate } else { key.verify };
        if !allowed || !key.hashes.contains(hash) {
            return Err(Error::new(
                Code::KeyUsageViolation,
                format!("the usage fields of the key do not allow this with {hash:?}"),
            )
            .with_remedy(
                "name the label of an HMAC key for GENERATE; softicsf ckds add LABEL --type HMAC-MAC makes one",
            ));
        }
        Ok(key)
    }

    /// The handle of the key of a Kerberos principal.
    pub(crate) fn kerberos(&self) -> Result<&dyn KeyHandle> {
        self.principal().map(|(_, handle)| handle)
    }

    /// The encryption type of the key of a Kerberos principal.
    pub(crate) fn etype(&self) -> Result<Etype> {
        self.principal().map(|(etype, _)| etype)
    }

    fn principal(&self) -> Result<(Etype, &dyn KeyHandle)> {
        match &self.use_ {
            KeyUse::Kerberos(etype, handle) => Ok((*etype, &**handle)),
            other => {
                let why = format!("the key is {}, the key of a Kerberos principal is needed", other.name());
                Err(Error::new(Code::WrongKeyType, why))
            }
        }
    }

    /// The leftmost 8 bytes of SHA-256 over X'01' and an HMAC key.
    pub(crate) fn key_check(&self) -> Result<[u8; 8]> {
        match &self.use_ {
            KeyUse::Des(_) | KeyUse::Kerberos(..) => {
                Err(Error::new(Code::RuleCombinationNotValid, "SHA-256 is for HMAC keys"))
            }
            KeyUse::Hmac(HmacKey { holder: Holder::Engine(handle), .. }) => Ok(handle.key_check()?),
            KeyUse::Hmac(HmacKey { holder: Holder::Clear(key), .. }) => {
                let hash = Sha256::new_with_prefix([1]).chain_update(key.expose()).finalize();
                Ok(hash.first_chunk().copied().unwrap_or_default())
            }
        }
    }
}

impl KeyUse {
    /// As errors name it.
    const fn name(&self) -> &'static str {
        match self {
            Self::Des(_) => "a DES key",
            Self::Hmac(_) => "an HMAC key",
            Self::Kerberos(..) => "the key of a Kerberos principal",
        }
    }
}

impl HmacKey {
    pub(crate) fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<()> {
        match &self.holder {
            Holder::Engine(handle) => Ok(handle.hmac(hash, messages, macs)?),
            Holder::Clear(key) => {
                for (message, mac) in messages.iter().zip(macs) {
                    clear_hmac(hash, key, message, mac);
                }
                Ok(())
            }
        }
    }
}

/// An HMAC in the processor, as CPACF makes it with a clear key.
fn clear_hmac(hash: HashAlgorithm, key: &ClearKey, message: &[u8], mac: &mut [u8; 64]) {
    fn run<M: Mac + KeyInit>(key: &ClearKey, message: &[u8], mac: &mut [u8; 64]) {
        if let Ok(mut state) = <M as KeyInit>::new_from_slice(key.expose()) {
            state.update(message);
            mac.iter_mut().zip(state.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        }
    }
    match hash {
        HashAlgorithm::Sha1 => run::<Hmac<sha1::Sha1>>(key, message, mac),
        HashAlgorithm::Sha224 => run::<Hmac<sha2::Sha224>>(key, message, mac),
        HashAlgorithm::Sha256 => run::<Hmac<Sha256>>(key, message, mac),
        HashAlgorithm::Sha384 => run::<Hmac<sha2::Sha384>>(key, message, mac),
        HashAlgorithm::Sha512 => run::<Hmac<sha2::Sha512>>(key, message, mac),
    }
}

impl Icsf {
    /// Runs a service with the key of a label, or of a token. A token under the old master key is replaced by one under
    /// the current when the service has ended well.
    pub(crate) fn with_key<T>(
        &self,
        view: &View,
        identifier: &mut KeyIdentifier,
        run: impl FnOnce(&OpenKey) -> Result<T>,
    ) -> Result<T> {
        let token = match identifier {
            KeyIdentifier::Label(label) => {
                let key = self.open_label(view, label)?;
                return run(&key).map_err(|e| key.origin.named(e));
            }
            KeyIdentifier::Token(token) => token,
        };
        let key = self.open_token(view, token)?;
        let renewed = token.wrapped().map(|wrapped| self.rewrapped_if_old(view, wrapped)).transpose()?.flatten();
        let done = run(&key).map_err(|e| key.origin.named(e))?;
        if let Some(wrapped) = renewed {
            *token = std::mem::replace(token, KeyToken::Null).rewrapped(wrapped);
        }
        Ok(done)
    }

    /// Opens the key of a label, from the cache when record and engine are still those it was opened with.
    pub(crate) fn open_label(&self, view: &View, label: &KeyLabel) -> Result<Arc<OpenKey>> {
        let (engine, copy) = (view.engine.generation, view.kds.generation());
        let same = |was: &[u8]| matches!(view.kds.find(label), Found::Here(record) if record.bytes() == was);
        if let Some(key) = self.handles.get(engine, label, copy, same) {
            return Ok(key);
        }
        let found = match view.kds.find(label) {
            Found::Here(found) => found,
            Found::Damaged(error) => return Err(kds::damaged(label, &error)),
            Found::Nothing => return Err(self.kds.not_found(label)),
        };
        let record = found.parse().map_err(|e| kds::damaged(label, &e))?;
        let origin = Origin { label: Some(*label), ..Origin::of(&record.token) };
        let key = self.open_record(view, &record).map_err(|e| origin.named(e))?;
        let key = Arc::new(OpenKey { origin, ..key });
        let opened = Opened { key: Arc::clone(&key), record: found.bytes().to_vec().into(), kds: copy };
        self.handles.put(engine, *label, opened);
        Ok(key)
    }

    fn open_record(&self, view: &View, record: &Record) -> Result<OpenKey> {
        self.authentic(view, record)?;
        self.open_token(view, &record.token)
    }

    /// That a record with a wrapped key is as it was written, under a master key the engine holds. To be asked before
    /// anything is made of the key in it, or what somebody else put there would be authenticated anew.
    pub(crate) fn authentic(&self, view: &View, record: &Record) -> Result<()> {
        let Some(wrapped) = record.token.wrapped() else { return Ok(()) };
        view.engine.require_master_key(wrapped.master_key())?;
        self.check_master_key(view, wrapped)?;
        self.check_mac(view, record, wrapped)
    }

    fn open_token(&self, view: &View, token: &KeyToken) -> Result<OpenKey> {
        let origin = Origin::of(token);
        let secure = |wrapped: &WrappedKey| -> Result<(Box<dyn KeyHandle>, Code)> {
            view.engine.require_master_key(wrapped.master_key())?;
            let register = self.check_master_key(view, wrapped)?;
            let handle = self.backend.open(wrapped).map_err(|e| view.engine.named(e.into()))?;
            let code = if register == Register::Old { Code::TokenUnderOldMasterKey } else { Code::Success };
            Ok((handle, code))
        };
        let hmac = |token: &VariableToken, holder| {
            KeyUse::Hmac(HmacKey {
                holder,
                generate: token.may_generate(),
                verify: token.may_verify(),
                hashes: token.hashes(),
            })
        };
        match token {
            KeyToken::Null => Err(Error::new(Code::WrongTokenClass, "the record or token holds no key")),
            KeyToken::Des(token) => {
                let (handle, code) = secure(token.wrapped())?;
                Ok(OpenKey::new(KeyUse::Des(handle), code, origin))
            }
            KeyToken::Variable(token) => {
                if token.completeness() != Completeness::Complete {
                    return Err(Error::new(
                        Code::KeyNotComplete,
                        "the key is not complete: CSNBKPI2 COMPLETE is missing",
                    )
                    .with_remedy("enter what is missing, then CSNBKPI2 COMPLETE; or delete the key and add it whole"));
                }
                match token.material() {
                    Material::None => Err(Error::new(Code::WrongTokenClass, "the token is a skeleton, without key")),
                    Material::Clear(key) => {
                        let holder = Holder::Clear(ClearKey::from_slice(key.expose()));
                        Ok(OpenKey::new(hmac(token, holder), Code::Success, origin))
                    }
                    Material::Wrapped(wrapped) => {
                        let (handle, code) = secure(wrapped)?;
                        let use_ = match token.etype() {
                            Some(etype) => KeyUse::Kerberos(etype, handle),
                            None => hmac(token, Holder::Engine(handle)),
                        };
                        Ok(OpenKey::new(use_, code, origin))
                    }
                }
            }
        }
    }

    /// Which register can open the key.
    pub(crate) fn check_master_key(&self, view: &View, wrapped: &WrappedKey) -> Result<Register> {
        let (kind, mkvp) = (wrapped.master_key(), wrapped.mkvp());
        let registers = view.engine.master_keys.of(kind);
        registers.holding(mkvp).ok_or_else(|| {
            let held = registers.current.map_or_else(|| "none".to_owned(), |held| held.to_string());
            let why = format!("the key is wrapped under {kind} {mkvp}, the engine holds {held}");
            let remedy = format!("load the {kind} with pattern {mkvp}, or restore the key under the present one");
            view.engine.named(Error::new(Code::MasterKeyMismatch, why).under(kind, mkvp).with_remedy(remedy))
        })
    }

    /// Checks what binds label, type, usage and wrapped key together.
    fn check_mac(&self, view: &View, record: &Record, wrapped: &WrappedKey) -> Result<()> {
        check_mac(record, || self.record_mac(view, record, wrapped))
    }

    /// The MAC of a record whose key is `wrapped`.
    pub(crate) fn record_mac(&self, view: &View, record: &Record, wrapped: &WrappedKey) -> Result<RecordMac> {
        record_mac(view, &*self.record_mac_key(view, wrapped.master_key())?, record)
    }

    /// The key that authenticates the records under this master key.
    pub(crate) fn record_mac_key(&self, view: &View, kind: MasterKeyKind) -> Result<Arc<dyn KeyHandle>> {
        self.handles.record_mac(view.engine.generation, kind, || {
            let authority = view.kds.header().of(kind).ok_or_else(|| {
                Error::new(Code::MasterKeyNotSet, format!("the CKDS has not been initialized for the {kind}"))
                    .with_remedy("softicsf mk set")
            })?;
            self.backend.open(&authority.mac_key).map_err(|e| not_checked(view, kind, e))
        })
    }

    /// The same key under the current master key, when it is under the old one.
    pub(crate) fn rewrapped_if_old(&self, view: &View, wrapped: &WrappedKey) -> Result<Option<WrappedKey>> {
        if self.check_master_key(view, wrapped)? != Register::Old {
            return Ok(None);
        }
        self.backend.rewrap(wrapped, Register::Current).map(Some).map_err(|e| view.engine.named(e.into()))
    }

    /// Asks the engine for a new key, or to wrap one, with the master key it takes set.
    pub(crate) fn new_wrapped(&self, view: &View, spec: KeySpec, clear: Option<&ClearKey>) -> Result<WrappedKey> {
        view.engine.require_master_key(spec.master_key())?;
        let wrapped = match clear {
            Some(clear) => self.backend.wrap(spec, clear),
            None => self.backend.generate(spec),
        };
        wrapped.map_err(|e| view.engine.named(e.into()))
    }
}

/// The failure of the key that authenticates records: it is not the one that was asked for.
fn not_checked(view: &View, kind: MasterKeyKind, error: EngineError) -> Error {
    let what = format!("the key that authenticates the records under the {kind} cannot be used");
    let error = match error.kind() {
        // That is about the engine, and said of it.
        EngineErrorKind::Unavailable | EngineErrorKind::Fault => error.into(),
        _ => Error::from(error).because(&what),
    };
    view.engine.named(error)
}

/// The MAC of a record, by the key that authenticates it.
pub(crate) fn record_mac(view: &View, key: &dyn KeyHandle, record: &Record) -> Result<RecordMac> {
    let mut mac = [[0; 64]];
    let text = record.authenticated();
    let kind = record.token.wrapped().map_or(MasterKeyKind::Aes, WrappedKey::master_key);
    key.hmac(HashAlgorithm::Sha512, &[&text], &mut mac).map_err(|e| not_checked(view, kind, e))?;
    let [mac] = mac;
    mac.first_chunk().copied().ok_or_else(|| Error::new(Code::InternalFailure, "a MAC is too short"))
}

/// That the MAC of a record is the one it should have.
pub(crate) fn check_mac(record: &Record, right: impl FnOnce() -> Result<RecordMac>) -> Result<()> {
    let damaged = |why: &str| {
        let label = record.key.label();
        Error::new(Code::RecordDamaged, format!("the record of key {label} is not authentic: {why}"))
            .for_label(&label)
            .with_remedy("restore the record from a copy of the CKDS, or delete it and add the key again")
    };
    let mac = record.mac.ok_or_else(|| damaged("its MAC is missing"))?;
    if bool::from(right()?.ct_eq(&mac)) { Ok(()) } else { Err(damaged("its MAC does not fit")) }
}
