//! The keys of Kerberos principals: made, opened, and the keys derived from them used inside the engine.
//!
//! z/OS keeps such keys in its security database and says only that ICSF makes them, so which services it uses is not
//! known. Errors name the callable service that does the same: see [`FACTS`](crate::fidelity::FACTS).

use std::sync::Arc;

use super::used::Used;
use super::{Done, OpenKey};
use crate::backend::{Derivation, DerivedUse, Etype, HashAlgorithm, KeyHandle, KeySpec};
use crate::codes::Code;
use crate::engine::Handles;
use crate::error::{Error, Result};
use crate::icsf::{Icsf, View};
use crate::label::KeyLabel;
use crate::secret::ClearKey;
use crate::token::{KeyToken, VariableToken};

const GENERATE: &str = "CSNBKGN2";
const IMPORT: &str = "CSNBKPI2";
const DERIVE: &str = "CSNBDKG2";
const ENCIPHER: &str = "CSNBSYE";
const DECIPHER: &str = "CSNBSYD";
const AUTHENTICATE: &str = "CSNBHMG";

/// The key of a Kerberos principal, opened and checked, for one request. It is never used itself: see
/// [`derive`](Self::derive).
///
/// Good for the request it was opened in; it does not look at the state of the engine again.
#[derive(Debug)]
pub struct KerberosKey {
    key: Arc<OpenKey>,
    etype: Etype,
    view: Arc<View>,
    handles: Arc<Handles>,
}

impl KerberosKey {
    /// Its encryption type.
    #[must_use]
    pub const fn etype(&self) -> Etype {
        self.etype
    }

    /// The number of this open key, as [`Encipherer::id`](super::Encipherer::id).
    #[must_use]
    pub fn id(&self) -> u64 {
        self.key.id
    }

    /// The key of one use, derived inside the engine. Those used last stay open with the key, and are dropped with it when
    /// the engine is lost or a master key is changed.
    ///
    /// # Errors
    /// [`Code::KeyUsageViolation`] for a derivation the encryption type does not know; [`Code::EngineUnavailable`] when
    /// the engine fails meanwhile; [`Code::NotOnThisEngine`] when it cannot derive such a key.
    pub fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<DerivedKey> {
        let used = Used { service: DERIVE, key: self.key.origin };
        used.note();
        let derive = || {
            how.check(KeySpec::kerberos(self.etype), into)
                .map_err(|e| Error::new(Code::KeyUsageViolation, e.to_string()).with_source(e))?;
            Ok(self.key.kerberos()?.derive(how, into)?)
        };
        let handle = self.handles.derived(self.view.engine.generation, self.key.id, how, into, derive);
        let handle = handle.map_err(|e| used.failed(&self.view, e))?;
        Ok(DerivedKey { handle, key: Arc::clone(&self.key), view: Arc::clone(&self.view) })
    }
}

/// A key derived from that of a principal, for one request, as [`KerberosKey`].
#[derive(Debug)]
pub struct DerivedKey {
    handle: Arc<dyn KeyHandle>,
    key: Arc<OpenKey>,
    view: Arc<View>,
}

impl DerivedKey {
    /// Enciphers whole blocks with AES-CBC, in place.
    ///
    /// # Errors
    /// [`Code::EngineUnavailable`] when the engine fails meanwhile; [`Code::NotOnThisEngine`] for a key that was derived
    /// for MACs, and for broken blocks.
    pub fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<()> {
        let used = self.used(ENCIPHER);
        self.handle.encipher_cbc(iv, data).map_err(|e| used.failed(&self.view, e.into()))
    }

    /// Deciphers whole blocks with AES-CBC, in place.
    ///
    /// # Errors
    /// As [`encipher_cbc`](Self::encipher_cbc).
    pub fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<()> {
        let used = self.used(DECIPHER);
        self.handle.decipher_cbc(iv, data).map_err(|e| used.failed(&self.view, e.into()))
    }

    /// Makes the HMAC of `message`: `mac` is filled from the left.
    ///
    /// # Errors
    /// [`Code::EngineUnavailable`] when the engine fails meanwhile; [`Code::NotOnThisEngine`] for a key that was derived to
    /// encipher, and for another hash than that of the encryption type.
    pub fn hmac(&self, hash: HashAlgorithm, message: &[u8], mac: &mut [u8; 64]) -> Result<()> {
        let used = self.used(AUTHENTICATE);
        let made = self.handle.hmac(hash, &[message], std::slice::from_mut(mac));
        made.map_err(|e| used.failed(&self.view, e.into()))
    }

    fn used(&self, service: &'static str) -> Used {
        let used = Used { service, key: self.key.origin };
        used.note();
        used
    }
}

impl Icsf {
    /// Opens the key of a Kerberos principal: see [`KerberosKey`].
    ///
    /// # Errors
    /// [`Code::LabelNotFound`], [`Code::WrongKeyType`] for a key of another sort, [`Code::MasterKeyMismatch`],
    /// [`Code::RecordDamaged`]; [`Code::NotOnThisEngine`] when the engine cannot use such keys; [`Code::IcsfStopped`],
    /// [`Code::EngineUnavailable`], [`Code::MasterKeyNotSet`].
    pub fn kerberos_key(&self, label: &KeyLabel) -> Result<KerberosKey> {
        let view = self.view().map_err(|e| e.in_service(DERIVE, self.reason_codes))?;
        let open = || {
            view.require_started()?;
            let key = self.open_label(&view, label)?;
            let etype = key.etype()?;
            Ok((key, etype))
        };
        let (key, etype) = open().map_err(|e: Error| e.for_label(label).in_service(DERIVE, self.reason_codes))?;
        Ok(KerberosKey { key, etype, view, handles: Arc::clone(&self.handles) })
    }

    /// Makes a record with a new key of a Kerberos principal, wholly or not at all: `clear`, or a random one made inside
    /// the engine.
    ///
    /// # Errors
    /// [`Code::LengthNotValid`] for a clear key of another length than the encryption type has; [`Code::LabelExists`];
    /// [`Code::VariableTokenRefused`] in a fixed-length CKDS; [`Code::NotOnThisEngine`] when the engine cannot use such
    /// keys; [`Code::IcsfStopped`], [`Code::UpdatesDisallowed`], [`Code::EngineUnavailable`], [`Code::MasterKeyNotSet`];
    /// [`Code::KdsFull`], [`Code::KdsIoError`].
    pub fn add_kerberos_key(&self, label: &KeyLabel, etype: Etype, clear: Option<&ClearKey>) -> Result<Done<()>> {
        let token = self.service(if clear.is_some() { IMPORT } else { GENERATE }, |view| {
            if let Some(clear) = clear.filter(|clear| clear.len() != etype.key_length()) {
                let why = format!("a key of {etype} has {} bytes, not {}", etype.key_length(), clear.len());
                return Err(Error::new(Code::LengthNotValid, why).for_label(label));
            }
            let wrapped = self.new_wrapped(view, KeySpec::kerberos(etype), clear).map_err(|e| e.for_label(label))?;
            VariableToken::kerberos(wrapped).map(KeyToken::Variable).ok_or_else(|| {
                Error::new(Code::InternalFailure, "the engine wrapped another key than it was asked for")
            })
        })?;
        self.csnbkrc2(label, token)
    }
}
