//! Keys open in a token.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use icsf_core::backend::{
    Derivation, DerivedUse, EngineError, EngineErrorKind, HashAlgorithm, KeyAlgorithm, KeyHandle, KeyPlace, KeySpec,
    StoredForm, WrappedKey,
};

use zeroize::Zeroizing;

use super::codes::{Class, Failure};
use super::engine::{Engine, Trouble};
use super::held::{Held, HeldKey};
use super::kerberos::forbidden;
use super::link::Link;
use super::module::{OVERHEAD, Object, Opening, Session};

/// An open key. It knows what it was opened from, so that it can be opened again after a loss.
pub(super) struct TokenKey(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    source: Source,
    /// Read at each use, and written when the key is opened.
    opened: ArcSwapOption<Opened>,
    opening: Mutex<()>,
}

/// What a key is opened from.
enum Source {
    Wrapped(WrappedKey),
    /// A Kerberos key: the leftmost bytes of AES-CBC of these blocks with it.
    Derived {
        base: Arc<Inner>,
        blocks: Box<[u8]>,
        into: DerivedUse,
    },
}

struct Opened {
    link: Arc<Link>,
    object: Object,
    opening: Opening,
    held: Arc<Held>,
    /// The generation of the engine it was last seen to be good in.
    generation: Option<u64>,
}

impl TokenKey {
    /// Opens a key. On a lane only.
    pub(super) fn open(engine: &Arc<Engine>, wrapped: WrappedKey) -> Result<Self, EngineError> {
        Self::of(engine, Source::Wrapped(wrapped))
    }

    fn of(engine: &Arc<Engine>, source: Source) -> Result<Self, EngineError> {
        let opened = ArcSwapOption::empty();
        let inner = Inner { engine: Arc::clone(engine), source, opened, opening: Mutex::default() };
        engine.trying(Some(inner.spec()), |link, held| inner.opened(link, held).map(drop))?;
        Ok(Self(Arc::new(inner)))
    }

    fn spec(&self) -> KeySpec {
        self.0.spec()
    }

    /// That it is a key of DES.
    fn des(&self) -> Result<(), EngineError> {
        if self.spec().algorithm() == KeyAlgorithm::Des { Ok(()) } else { Err(self.unsupported()) }
    }

    /// That it was derived to encipher, and that these are whole blocks.
    fn cbc(&self, data: &[u8]) -> Result<(), EngineError> {
        let cipher = matches!(&self.0.source, Source::Derived { into: DerivedUse::Cipher(_), .. });
        if cipher && data.len().is_multiple_of(16) { Ok(()) } else { Err(self.unsupported()) }
    }

    /// Whether it makes right MACs with this hash.
    fn authenticates(&self, hash: HashAlgorithm) -> bool {
        let spec = self.spec();
        match (spec.algorithm(), &self.0.source) {
            (KeyAlgorithm::Hmac, _) => computes(spec, hash),
            (KeyAlgorithm::Kerberos(etype), Source::Derived { into: DerivedUse::Mac(_), .. }) => etype.hash() == hash,
            _ => false,
        }
    }

    fn unsupported(&self) -> EngineError {
        EngineError::new(EngineErrorKind::Unsupported(self.spec()))
    }

    /// Puts in the place of `data` what `work` makes of it.
    fn made(
        &self,
        data: &mut [u8],
        work: impl Fn(&Session, &Opened, &[u8]) -> Result<Vec<u8>, Failure> + Copy + Send + 'static,
    ) -> Result<(), EngineError> {
        if data.is_empty() {
            return Ok(());
        }
        let work = move |session: &Session, opened: &Opened, given: &[u8]| match work(session, opened, given)? {
            made if made.len() == given.len() => Ok(made),
            _ => Err(Failure::Nonsense("C_Encrypt")),
        };
        let made = if self.0.engine.lanes.is_here() {
            self.0.used(|session, opened| work(session, opened, data))?
        } else {
            // Whoever waits may have to leave it behind, so it is not borrowed.
            let (inner, given) = (Arc::clone(&self.0), Zeroizing::new(data.to_vec()));
            self.0.engine.on_lane(move |_| inner.used(|session, opened| work(session, opened, &given)))?
        };
        data.copy_from_slice(&Zeroizing::new(made));
        Ok(())
    }
}

impl KeyHandle for TokenKey {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        // Where more is likely to come, the operation is left open for it; the lane ends it with the work.
        self.des()?;
        let on = self.0.engine.lanes.is_here();
        self.made(blocks.as_flattened_mut(), move |session, opened, given| {
            if on && opened.link.findings().enciphers_on {
                session.encipher_on(opened.object, opened.opening, given)
            } else {
                session.encipher(opened.object, given)
            }
        })
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.des()?;
        self.made(blocks.as_flattened_mut(), |session, opened, given| session.decipher(opened.object, given))
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        if !self.authenticates(hash) {
            return Err(self.unsupported());
        }
        if messages.len() != macs.len() {
            let places = format!("{} messages and places for {} MACs", messages.len(), macs.len());
            return Err(self.unsupported().with_detail(places));
        }
        if self.0.engine.lanes.is_here() {
            return self.0.used(|session, opened| macs_of(session, opened.object, hash, messages, macs));
        }
        let given: Vec<_> = messages.iter().map(|message| Zeroizing::new(message.to_vec())).collect();
        let inner = Arc::clone(&self.0);
        let made = self.0.engine.on_lane(move |_| {
            let given: Vec<&[u8]> = given.iter().map(|message| message.as_slice()).collect();
            let mut made = vec![[0; 64]; given.len()];
            inner.used(|session, opened| macs_of(session, opened.object, hash, &given, &mut made))?;
            Ok(made)
        })?;
        macs.copy_from_slice(&made);
        Ok(())
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError> {
        how.check(self.spec(), into)?;
        let (Source::Wrapped(_), Derivation::AesCbc(blocks)) = (&self.0.source, how) else {
            return Err(self.unsupported());
        };
        let source = Source::Derived { base: Arc::clone(&self.0), blocks: (*blocks).into(), into };
        Ok(Box::new(self.0.engine.on_lane(move |engine| Self::of(engine, source))?))
    }

    fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.cbc(data)?;
        let iv = *iv;
        self.made(data, move |session, opened, given| session.encipher_cbc(opened.object, &iv, given))
    }

    fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.cbc(data)?;
        let iv = *iv;
        self.made(data, move |session, opened, given| session.decipher_cbc(opened.object, &iv, given))
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        Err(self.unsupported())
    }
}

fn macs_of(
    session: &Session,
    key: Object,
    hash: HashAlgorithm,
    messages: &[&[u8]],
    macs: &mut [[u8; 64]],
) -> Result<(), Failure> {
    for (message, place) in messages.iter().zip(macs) {
        let mac = session.hmac(hash, key, message)?;
        if mac.len() != hash.size() {
            return Err(Failure::Nonsense("C_Sign"));
        }
        place.iter_mut().zip(mac).for_each(|(place, byte)| *place = byte);
    }
    Ok(())
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let derived = if matches!(self.0.source, Source::Derived { .. }) { "a key derived from " } else { "" };
        write!(f, "token handle of {derived}a {}", self.spec())
    }
}

impl Inner {
    /// Of a derived key, that of the key it was derived from.
    fn spec(&self) -> KeySpec {
        match &self.source {
            Source::Wrapped(wrapped) => wrapped.spec(),
            Source::Derived { base, .. } => base.spec(),
        }
    }

    /// Uses the key. On a lane only.
    fn used<T>(&self, mut work: impl FnMut(&Session, &Opened) -> Result<T, Failure>) -> Result<T, EngineError> {
        let (engine, spec) = (&self.engine, Some(self.spec()));
        // The usual way: nothing has changed since the last use, and that takes no look at anything shared.
        if let Some(opened) = &*self.opened.load()
            && opened.generation.is_some()
            && opened.generation == engine.generation()
            && opened.link.is_proved()
        {
            match opened.link.with_session(|session| work(session, opened)) {
                Ok(done) => return Ok(done),
                Err(failure) => engine.mend(&opened.link, &opened.held, spec, failure, true)?,
            }
        }
        engine.trying(spec, |link, held| {
            link.prove(held, engine.options.proof)?;
            let opened = self.opened(link, held)?;
            Ok(link.with_session(|session| work(session, &opened))?)
        })
    }

    /// This key in this connection; opened anew where that is another one than before.
    fn opened(&self, link: &Arc<Link>, held: &Arc<Held>) -> Result<Arc<Opened>, Trouble> {
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.engine.generation();
        let before = self.opened.load_full().filter(|opened| opened.link.number() == link.number());
        let object = match before {
            Some(opened) if opened.generation == generation => return Ok(opened),
            Some(opened) => opened.object,
            None => match &self.source {
                Source::Wrapped(wrapped) => {
                    // That it is under another master key is said first.
                    held.unwrapping(wrapped)?;
                    let spec = wrapped.spec();
                    supported(link, spec)?;
                    unwrapped(link, held, wrapped, |master_key, blob| link.open(master_key, spec, blob))?
                }
                Source::Derived { base, blocks, into } => {
                    link.derive(base.opened(link, held)?.object, blocks, *into)?
                }
            },
        };
        let (link, held, opening) = (Arc::clone(link), Arc::clone(held), Opening::new());
        let opened = Arc::new(Opened { link, object, opening, held, generation });
        self.opened.store(Some(Arc::clone(&opened)));
        Ok(opened)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some(opened) = self.opened.swap(None) else { return };
        let current = self.engine.online().ok().map(|(link, _)| link.number());
        // What another connection opened is gone, or goes with its session.
        if Some(opened.link.number()) == current && opened.link.discard(opened.object) {
            let link = Arc::clone(&opened.link);
            self.engine.lanes.post(move || link.tidy_up());
        }
    }
}

/// Unwraps a key, by `unwrap`, and finds out whether it is the key or the token that fails.
pub(super) fn unwrapped(
    link: &Link,
    held: &Held,
    key: &WrappedKey,
    unwrap: impl Fn(Object, &[u8]) -> Result<Object, Failure>,
) -> Result<Object, Trouble> {
    let HeldKey { object: master_key, .. } = held.unwrapping(key)?;
    // Tokens see neither the true length nor the algorithm in a wrapped key; the length of its stored form tells both.
    if key.blob().len() != StoredForm::length(key.spec()) + OVERHEAD {
        return Err(EngineError::new(EngineErrorKind::Damaged).into());
    }
    match unwrap(master_key, key.blob()) {
        Err(failure) if failure.class() == Class::Ambiguous => {
            link.known_answer(held)?;
            // The token works. If it fails again with this key, it is the key.
            match unwrap(master_key, key.blob()) {
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
        KeyAlgorithm::Kerberos(etype) if can.kerberos(etype) == KeyPlace::None => return Err(forbidden(spec)),
        KeyAlgorithm::Kerberos(_) => true,
        _ => false,
    };
    if usable { Ok(()) } else { Err(EngineError::new(EngineErrorKind::Unsupported(spec))) }
}

/// Whether the token gives such keys out, to be used in this process.
pub(super) fn is_used_here(link: &Link, spec: KeySpec) -> bool {
    let KeyAlgorithm::Kerberos(etype) = spec.algorithm() else { return false };
    link.findings().capabilities.kerberos(etype) == KeyPlace::Host
}

/// Whether zeros at the end of the stored form leave the HMAC as it is: a key longer than a block of the hash is hashed
/// first, with its zeros.
fn computes(spec: KeySpec, hash: HashAlgorithm) -> bool {
    let stored = StoredForm::length(spec);
    stored == spec.length() || stored <= hash.block()
}
