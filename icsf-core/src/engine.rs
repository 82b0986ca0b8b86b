//! The state of the engine as ICSF sees it, and the cache of opened keys behind that gate.
//!
//! A handle that was opened once may go on working inside a device that is gone (a PKCS#11 session object does). So the
//! state is looked at first, on every request, and each change of it voids every handle.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use zeroize::Zeroizing;

use crate::backend::{
    Backend, BackendState, Derivation, DerivedUse, EngineError, EngineErrorKind, EngineInfo, HashAlgorithm, KeyHandle,
    MasterKeyKind, MasterKeys, Mkvp,
};
use crate::codes::Code;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::kds::Header;
use crate::label::KeyLabel;
use crate::services::OpenKey;
use crate::store::Generation;

/// The state of the engine as ICSF sees it: what the backend says, what the operator allows, and whether its master
/// keys are those of the CKDS.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineState {
    /// There is none.
    Deconfigured,
    /// It cannot be used.
    Offline {
        /// Why.
        reason: String,
    },
    /// It waits for a PIN or pass phrase.
    Locked {
        /// What it waits for.
        reason: String,
    },
    /// It holds a master key that is not the one the CKDS was made under, so ICSF does not use it at all. An engine that
    /// holds none is used for what needs none: see [`EngineView::require_master_key`].
    ///
    /// Source: ICSF System Programmer's Guide: a coprocessor whose patterns do not match those in the CKDS header does
    /// not become active.
    WrongMasterKey {
        /// Which.
        kind: MasterKeyKind,
        /// The pattern in the CKDS header.
        needed: Mkvp,
        /// The pattern in the engine.
        held: Mkvp,
    },
    /// It works.
    Online,
}

/// Why an engine is offline that the operator took offline.
const BY_OPERATOR: &str = "the operator took it offline";

impl EngineState {
    pub(crate) fn judge(backend: &BackendState, control: &Control, master_keys: &MasterKeys, header: &Header) -> Self {
        match backend {
            BackendState::Deconfigured => Self::Deconfigured,
            _ if !control.engine_online => Self::Offline { reason: BY_OPERATOR.to_owned() },
            BackendState::Offline { reason } => Self::Offline { reason: reason.clone() },
            BackendState::Locked { reason } => Self::Locked { reason: reason.clone() },
            BackendState::Online { .. } => {
                let wrong = MasterKeyKind::ALL.into_iter().find_map(|kind| {
                    let needed = header.of(kind)?.mkvp();
                    let registers = master_keys.of(kind);
                    registers.current.filter(|_| registers.holding(needed).is_none()).map(|held| (kind, needed, held))
                });
                wrong.map_or(Self::Online, |(kind, needed, held)| Self::WrongMasterKey { kind, needed, held })
            }
        }
    }

    /// One word, as displays show it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Deconfigured => "deconfigured",
            Self::Offline { .. } => "offline",
            Self::Locked { .. } => "locked",
            Self::WrongMasterKey { .. } => "wrong master key",
            Self::Online => "online",
        }
    }

    /// What to do about it.
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Deconfigured => {
                Some("install an engine that holds the same master keys: softicsf engine configure".to_owned())
            }
            Self::Offline { reason } if reason == BY_OPERATOR => Some("softicsf engine online".to_owned()),
            Self::Offline { .. } => Some("bring it back, or install another one: softicsf engine configure".to_owned()),
            Self::Locked { .. } => Some("give the pass phrase or PIN: see softicsf engine --help".to_owned()),
            Self::WrongMasterKey { kind, needed, .. } => Some(load(*kind, *needed)),
            Self::Online => None,
        }
    }
}

/// What to do about a master key that was set and cannot be found.
pub(crate) const FIND: &str = "see that the files of the token are all in their place, and if they were away, restart what has the token \
                    open; if the master key was deleted for good, enter it again: softicsf mk load, mk set";

fn load(kind: MasterKeyKind, needed: Mkvp) -> String {
    format!("load the {kind} with pattern {needed}: softicsf mk load, mk set")
}

impl fmt::Display for EngineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deconfigured => f.write_str("deconfigured: no crypto engine is installed"),
            Self::Offline { reason } => write!(f, "offline: {reason}"),
            Self::Locked { reason } => write!(f, "locked: {reason}"),
            Self::WrongMasterKey { kind, needed, held } => {
                write!(f, "wrong master key: the CKDS needs {kind} {needed}, the engine holds {held}")
            }
            Self::Online => f.write_str("online"),
        }
    }
}

/// What ICSF knows of the engine at one instant.
#[derive(Debug, Clone)]
pub struct EngineView {
    /// Who it is.
    pub info: EngineInfo,
    /// Whether it can be used.
    pub state: EngineState,
    /// Counts the changes of that.
    pub generation: u64,
    /// What its registers hold; nothing while it cannot be asked.
    pub master_keys: MasterKeys,
    /// The master keys the CKDS is under.
    pub(crate) needed: BTreeMap<MasterKeyKind, Mkvp>,
    pub(crate) backend: BackendState,
    pub(crate) engine: Arc<dyn Backend>,
}

impl EngineView {
    /// That the engine can be used.
    ///
    /// # Errors
    /// [`Code::EngineUnavailable`], with the state it is in and what to do.
    pub fn require(&self) -> Result<()> {
        if self.state == EngineState::Online {
            return Ok(());
        }
        let wrong_key = matches!(self.state, EngineState::WrongMasterKey { .. });
        let state = if wrong_key { "engine has the" } else { "engine is" };
        let error = Error::new(Code::EngineUnavailable, format!("{state} {}", self.state));
        let error = self.state.remedy().into_iter().fold(error, Error::with_remedy);
        Err(self.named(error))
    }

    /// That the engine can be used and this master key is set.
    ///
    /// # Errors
    /// [`Code::EngineUnavailable`], [`Code::MasterKeyNotSet`].
    pub fn require_master_key(&self, kind: MasterKeyKind) -> Result<Mkvp> {
        self.require()?;
        self.master_keys.of(kind).current.ok_or_else(|| {
            let missing = self.info.missing.iter().find(|(missing, _)| *missing == kind);
            let (why, remedy) = match self.needed.get(&kind) {
                _ if let Some((_, why)) = missing => (why.clone(), FIND.to_owned()),
                Some(needed) => (format!("the {kind} is not set: the CKDS needs {needed}"), load(kind, *needed)),
                None => (format!("the {kind} is not set"), "softicsf mk load, mk set".to_owned()),
            };
            self.named(Error::new(Code::MasterKeyNotSet, why).with_remedy(remedy))
        })
    }

    /// The master keys that the CKDS is under and the engine, which can be asked, does not hold at all.
    #[must_use]
    pub fn missing(&self) -> Vec<(MasterKeyKind, Mkvp)> {
        let asked = matches!(self.state, EngineState::Online | EngineState::WrongMasterKey { .. });
        let missing = self.needed.iter().filter(|(kind, _)| asked && self.master_keys.of(**kind).current.is_none());
        missing.map(|(kind, needed)| (*kind, *needed)).collect()
    }

    /// Adds which engine it was, and its state, to an error. The state is the one of this view, but for an engine that
    /// was lost since: then it is that of now, with what to do about it.
    pub(crate) fn named(&self, error: Error) -> Error {
        if error.cause().engine().is_some() {
            return error;
        }
        let lost = self.lost(&error);
        let state = lost.as_ref().unwrap_or(&self.state).word();
        // As every later request will be told.
        let error = if lost.is_some() { error.because_engine_is(state) } else { error };
        let error = lost.as_ref().and_then(EngineState::remedy).into_iter().fold(error, Error::with_remedy);
        error.at_engine(self.info.to_string(), state)
    }

    /// The state of an engine that could be used when this view was made, and by this error cannot.
    fn lost(&self, error: &Error) -> Option<EngineState> {
        let failed = std::error::Error::source(error)?.downcast_ref::<EngineError>()?;
        if !matches!(failed.kind(), EngineErrorKind::Unavailable | EngineErrorKind::Fault) {
            return None;
        }
        Some(match self.engine.state() {
            // It has not noticed yet itself.
            BackendState::Online { .. } => EngineState::Offline { reason: failed.to_string() },
            BackendState::Offline { reason } => EngineState::Offline { reason },
            BackendState::Locked { reason } => EngineState::Locked { reason },
            BackendState::Deconfigured => EngineState::Deconfigured,
        })
    }
}

/// Keys open inside the engine, by label: the one place where handles are kept.
pub(crate) struct Handles {
    kept: Mutex<Kept>,
}

struct Kept {
    generation: u64,
    keys: LruCache<KeyLabel, Opened>,
    derived: LruCache<Derived, Arc<dyn KeyHandle>>,
    record_mac: [Option<Arc<dyn KeyHandle>>; 2],
}

/// A key derived from an open one: of which, how and for what.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Derived {
    of: u64,
    hash: Option<HashAlgorithm>,
    from: Box<[u8]>,
    into: DerivedUse,
}

impl Derived {
    fn new(of: u64, how: &Derivation<'_>, into: DerivedUse) -> Self {
        let (hash, from) = match how {
            Derivation::AesCbc(blocks) => (None, *blocks),
            Derivation::Hmac(hash, message) => (Some(*hash), *message),
        };
        Self { of, hash, from: from.into(), into }
    }
}

/// An open key, and what must still hold for it to be used.
pub(crate) struct Opened {
    pub(crate) key: Arc<OpenKey>,
    pub(crate) record: Zeroizing<Vec<u8>>,
    pub(crate) kds: Generation,
}

impl Handles {
    /// At most `most` keys stay open, and `derived` that were derived from them.
    pub(crate) fn new(most: NonZeroUsize, derived: NonZeroUsize) -> Self {
        let (keys, derived) = (LruCache::new(most), LruCache::new(derived));
        Self { kept: Mutex::new(Kept { generation: 0, keys, derived, record_mac: [None, None] }) }
    }

    /// What is kept, if this is the newest generation there was. What a call of an older one still opens is not kept, or
    /// it would stay open in an engine that is not used any more.
    fn kept(&self, generation: u64) -> Option<MutexGuard<'_, Kept>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.generation < generation {
            kept.generation = generation;
            kept.keys.clear();
            kept.derived.clear();
            kept.record_mac = [None, None];
        }
        (kept.generation == generation).then_some(kept)
    }

    /// Drops all that was opened before this generation of the engine.
    pub(crate) fn drop_before(&self, generation: u64) {
        drop(self.kept(generation));
    }

    /// The open key of a label, if the record is still the one it was opened from: `same` compares it, and is asked only
    /// when the data set has changed since.
    pub(crate) fn get(
        &self,
        generation: u64,
        label: &KeyLabel,
        kds: Generation,
        same: impl FnOnce(&[u8]) -> bool,
    ) -> Option<Arc<OpenKey>> {
        let mut kept = self.kept(generation)?;
        let opened = kept.keys.get_mut(label)?;
        if opened.kds != kds {
            if !same(&opened.record) {
                kept.keys.pop(label);
                return None;
            }
            opened.kds = kds;
        }
        Some(Arc::clone(&opened.key))
    }

    pub(crate) fn put(&self, generation: u64, label: KeyLabel, opened: Opened) {
        if let Some(mut kept) = self.kept(generation) {
            kept.keys.put(label, opened);
        }
    }

    /// A key derived from the open key of this number, by `derive` if it is not kept. It goes with that key when the engine
    /// changes; when that key alone is closed, this one is asked for no more, and soon makes room for another.
    pub(crate) fn derived(
        &self,
        generation: u64,
        of: u64,
        how: &Derivation<'_>,
        into: DerivedUse,
        derive: impl FnOnce() -> Result<Box<dyn KeyHandle>>,
    ) -> Result<Arc<dyn KeyHandle>> {
        let name = Derived::new(of, how, into);
        if let Some(handle) = self.kept(generation).and_then(|mut kept| kept.derived.get(&name).cloned()) {
            return Ok(handle);
        }
        let handle: Arc<dyn KeyHandle> = derive()?.into();
        if let Some(mut kept) = self.kept(generation) {
            kept.derived.put(name, Arc::clone(&handle));
        }
        Ok(handle)
    }

    /// The key that authenticates the records under this master key, opened by `open` if it is not yet.
    pub(crate) fn record_mac(
        &self,
        generation: u64,
        kind: MasterKeyKind,
        open: impl FnOnce() -> Result<Box<dyn KeyHandle>>,
    ) -> Result<Arc<dyn KeyHandle>> {
        let at = usize::from(kind == MasterKeyKind::Aes);
        if let Some(handle) = self.kept(generation).and_then(|kept| kept.record_mac.get(at)?.clone()) {
            return Ok(handle);
        }
        let handle: Arc<dyn KeyHandle> = open()?.into();
        if let Some(mut kept) = self.kept(generation)
            && let Some(place) = kept.record_mac.get_mut(at)
        {
            *place = Some(Arc::clone(&handle));
        }
        Ok(handle)
    }
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Handles({} open, generation {})", kept.keys.len(), kept.generation)
    }
}

/// Asks the backend for all of it, attaching it first.
pub(crate) fn look(backend: &dyn Backend) -> (EngineInfo, BackendState, MasterKeys) {
    let looked = backend.attach().and_then(|()| backend.master_keys());
    match (backend.state(), looked) {
        // That it did not answer says nothing of its registers: it counts as gone until it is looked at again.
        (BackendState::Online { .. }, Err(error)) => {
            (backend.info(), BackendState::Offline { reason: error.to_string() }, MasterKeys::default())
        }
        (state, looked) => (backend.info(), state, looked.unwrap_or_default()),
    }
}
