//! Keys open in a token.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use icsf_core::backend::{
    EngineError, EngineErrorKind, HashAlgorithm, KeyAlgorithm, KeyHandle, KeySpec, StoredForm, WrappedKey,
};

use super::codes::{Class, Failure};
use super::engine::{Engine, Trouble};
use super::held::{Held, HeldKey};
use super::link::Link;
use super::module::{OVERHEAD, Object, Session};

/// An open key. It knows what it was opened from, so that it can be opened again after a loss.
pub(super) struct TokenKey(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    wrapped: WrappedKey,
    opened: Mutex<Option<Opened>>,
}

#[derive(Clone)]
struct Opened {
    link: Arc<Link>,
    object: Object,
}

impl TokenKey {
    /// Opens a key. On a lane only.
    pub(super) fn open(engine: &Arc<Engine>, wrapped: WrappedKey) -> Result<Self, EngineError> {
        let inner = Inner { engine: Arc::clone(engine), wrapped, opened: Mutex::default() };
        engine.trying(Some(inner.wrapped.spec()), |link, held| inner.object(link, held).map(drop))?;
        Ok(Self(Arc::new(inner)))
    }

    fn used<T: Send + 'static>(
        &self,
        work: impl Fn(&Session, Object) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, EngineError> {
        let inner = Arc::clone(&self.0);
        self.0.engine.on_lane(move |engine| {
            engine.trying(Some(inner.wrapped.spec()), |link, held| {
                link.prove(held, engine.options.proof)?;
                let object = inner.object(link, held)?;
                Ok(link.with_session(|session| work(session, object))?)
            })
        })
    }

    fn spec(&self) -> KeySpec {
        self.0.wrapped.spec()
    }

    fn unsupported(&self) -> EngineError {
        EngineError::new(EngineErrorKind::Unsupported(self.spec()))
    }

    fn blocks(
        &self,
        blocks: &mut [[u8; 8]],
        work: impl Fn(&Session, Object, &[u8]) -> Result<Vec<u8>, Failure> + Send + 'static,
    ) -> Result<(), EngineError> {
        if self.spec().algorithm() != KeyAlgorithm::Des {
            return Err(self.unsupported());
        }
        if blocks.is_empty() {
            return Ok(());
        }
        let given = zeroize::Zeroizing::new(blocks.as_flattened().to_vec());
        let length = given.len();
        let made = self.used(move |session, object| {
            let made = work(session, object, &given)?;
            if made.len() == length { Ok(made) } else { Err(Failure::Nonsense("C_Encrypt")) }
        })?;
        blocks.as_flattened_mut().copy_from_slice(&made);
        Ok(())
    }
}

impl KeyHandle for TokenKey {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.blocks(blocks, Session::encipher)
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.blocks(blocks, Session::decipher)
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        if self.spec().algorithm() != KeyAlgorithm::Hmac || !computes(self.spec(), hash) {
            return Err(self.unsupported());
        }
        if messages.len() != macs.len() {
            let places = format!("{} messages and places for {} MACs", messages.len(), macs.len());
            return Err(self.unsupported().with_detail(places));
        }
        let given: Vec<Vec<u8>> = messages.iter().map(|message| message.to_vec()).collect();
        let made = self.used(move |session, object| {
            let mac = |message: &Vec<u8>| match session.hmac(hash, object, message)? {
                mac if mac.len() == hash.size() => Ok(mac),
                _ => Err(Failure::Nonsense("C_Sign")),
            };
            given.iter().map(mac).collect::<Result<Vec<_>, _>>()
        })?;
        for (place, mac) in macs.iter_mut().zip(made) {
            place.iter_mut().zip(mac).for_each(|(place, byte)| *place = byte);
        }
        Ok(())
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        Err(self.unsupported())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token handle of a {}", self.spec())
    }
}

impl Inner {
    /// The object of this key in this connection; opened anew where that is another one than before.
    fn object(&self, link: &Arc<Link>, held: &Held) -> Result<Object, Trouble> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = opened.as_ref().filter(|opened| opened.link.number() == link.number()) {
            return Ok(opened.object);
        }
        let object = unwrapped(link, held, &self.wrapped, |master_key, spec, blob| link.open(master_key, spec, blob))?;
        *opened = Some(Opened { link: Arc::clone(link), object });
        Ok(object)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let opened = self.opened.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let current = self.engine.online().ok().map(|(link, _)| link.number());
        // What another connection opened is gone, or goes with its session.
        if let Some(Opened { link, object }) = opened.filter(|opened| Some(opened.link.number()) == current) {
            link.discard(object);
            self.engine.lanes.post(move || link.tidy_up());
        }
    }
}

/// Unwraps a key, by `unwrap`, and finds out whether it is the key or the token that fails.
pub(super) fn unwrapped(
    link: &Link,
    held: &Held,
    key: &WrappedKey,
    unwrap: impl Fn(Object, KeySpec, &[u8]) -> Result<Object, Failure>,
) -> Result<Object, Trouble> {
    let HeldKey { object: master_key, .. } = held.unwrapping(key)?;
    let spec = key.spec();
    supported(link, spec)?;
    // Tokens see neither the true length nor the algorithm in a wrapped key; the length of its stored form tells both.
    if key.blob().len() != StoredForm::length(spec) + OVERHEAD {
        return Err(EngineError::new(EngineErrorKind::Damaged).into());
    }
    match unwrap(master_key, spec, key.blob()) {
        Err(failure) if failure.class() == Class::Ambiguous => {
            link.known_answer(held)?;
            // The token works. If it fails again with this key, it is the key.
            match unwrap(master_key, spec, key.blob()) {
                Err(failure) if failure.class() == Class::Ambiguous => {
                    Err(EngineError::new(EngineErrorKind::Damaged).with_source(failure).into())
                }
                again => Ok(again?),
            }
        }
        unwrapped => Ok(unwrapped?),
    }
}

/// That the token can use such keys, and we with it.
pub(super) fn supported(link: &Link, spec: KeySpec) -> Result<(), EngineError> {
    let can = link.findings().capabilities;
    let usable = match spec.algorithm() {
        KeyAlgorithm::Des => can.des,
        KeyAlgorithm::Hmac => can.hmac_sha512 && computes(spec, HashAlgorithm::Sha512),
        _ => false,
    };
    if usable { Ok(()) } else { Err(EngineError::new(EngineErrorKind::Unsupported(spec))) }
}

/// Whether zeros at the end of the stored form leave the HMAC as it is: a key longer than a block of the hash is hashed
/// first, with its zeros.
fn computes(spec: KeySpec, hash: HashAlgorithm) -> bool {
    let stored = StoredForm::length(spec);
    stored == spec.length() || stored <= hash.block()
}
