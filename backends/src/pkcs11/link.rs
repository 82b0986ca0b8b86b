//! One connection to a token, from login to loss.
//!
//! A *keeper* session owns all opened keys, as they die with the session that made them; each lane has a session of its
//! own in which keys are used, since a session serves one caller at a time. What a lost connection left behind is not
//! touched again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use aes_kw::{KeyInit, KwAes256};
use icsf_core::ClearKey;
use icsf_core::backend::{
    DerivedUse, KeyAlgorithm, KeySpec, MASTER_KEY_LENGTH, MasterKeyKind, Mkvp, StoredForm, mkvp_constant,
};
use zeroize::Zeroizing;

use super::codes::Failure;
use super::held::Held;
use super::lane::queueing;
use super::module::{Life, Module, Object, Seat, Session};
use super::options::HostKeys;
use super::probe::{Findings, enciphers_on};
use super::register_file::Identity;
use super::template::Kind;
use crate::scrub::scrubbed;

type Result<T> = std::result::Result<T, Failure>;

thread_local! {
    /// The session of this lane, and the connection it belongs to.
    static SESSION: RefCell<Option<(Weak<Link>, Session)>> = const { RefCell::new(None) };
    /// The connection that was looked at in this work: one look is enough for all calls of a request.
    static PROVED: Cell<Option<u64>> = const { Cell::new(None) };
}

pub(super) fn begin_work_on_this_thread() {
    PROVED.set(None);
}

/// Ends what the session of this lane is in the middle of: what goes on would not be stopped by what stops a call.
pub(super) fn end_work_on_this_thread() {
    let link = SESSION.with_borrow(|kept| kept.as_ref().map(|(link, _)| Weak::clone(link)));
    if let Some(link) = link.and_then(|link| link.upgrade()) {
        // A session that fails is closed, and what was asked has been done.
        let _ = link.with_session(Session::end_operation);
    }
}

pub(super) fn close_session_of_this_thread() {
    drop(SESSION.take());
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    number: u64,
    this: Weak<Self>,
    module: Module,
    seat: Seat,
    life: Life,
    keeper: Mutex<Option<Keeper>>,
    findings: Findings,
    /// Keys that nobody uses any more, to be destroyed.
    discarded: Mutex<Vec<Object>>,
    proved: Mutex<Instant>,
    /// The PIN, if the token took it for this connection.
    pin: Option<Arc<ClearKey>>,
}

#[derive(Debug)]
struct Keeper {
    session: Session,
    constants: [Object; 2],
    /// What the constants are named.
    name: Vec<u8>,
}

impl Link {
    /// Logs in and tries what the token can do.
    pub(super) fn new(
        module: &Module,
        seat: &Seat,
        life: &Life,
        pin: &Arc<ClearKey>,
        host_keys: HostKeys,
    ) -> Result<Arc<Self>> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let session = module.session(seat, false, life)?;
        let pin = session.login(pin)?.then(|| Arc::clone(pin));
        let mut findings = Findings::of(&session)?;
        findings.let_out(host_keys);
        findings.enciphers_on = findings.capabilities.des && enciphers_on(&module.session(seat, false, life)?);
        let mut name = [0; 8];
        session.random(&mut name)?;
        // A label is text: Kryoptic takes no other.
        let name = data_encoding::HEXLOWER.encode(&name).into_bytes();
        let constant = |kind| session.constant(mkvp_constant(kind), &name);
        let constants = [constant(MasterKeyKind::Des)?, constant(MasterKeyKind::Aes)?];
        Ok(Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            module: module.clone(),
            seat: seat.clone(),
            life: life.clone(),
            keeper: Mutex::new(Some(Keeper { session, constants, name })),
            findings,
            discarded: Mutex::default(),
            proved: Mutex::new(Instant::now()),
            pin,
        }))
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn findings(&self) -> &Findings {
        &self.findings
    }

    pub(super) const fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Whether the token took the PIN; if not, somebody was logged in already.
    pub(super) const fn took_pin(&self) -> bool {
        self.pin.is_some()
    }

    /// Gives it up; its sessions are closed if they are still ours.
    pub(super) fn retire(&self, why: Option<&Failure>) {
        self.noted(why);
        self.look_whose_sessions();
        drop(self.keeper().take());
    }

    fn noted(&self, failure: Option<&Failure>) {
        if failure.is_some_and(Failure::ends_sessions) {
            self.life.end();
        }
    }

    /// Finds out whether a stranger has finalized the module meanwhile: session numbers are given anew then, and ours may
    /// be his.
    fn look_whose_sessions(&self) {
        let keeper = self.keeper();
        if let Some(Keeper { session, constants: [constant, _], name }) = keeper.as_ref()
            && self.life.lasts()
            && !session.is_named(*constant, name).unwrap_or(false)
        {
            self.life.end();
        }
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Keeper>> {
        queueing();
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` in the keeper's session.
    fn kept<T>(&self, work: impl FnOnce(&Keeper) -> Result<T>) -> Result<T> {
        let keeper = self.keeper();
        let keeper = keeper.as_ref().ok_or(Failure::Retired)?;
        // Taken out first: whoever drops a key must not wait for a call that hangs.
        let discarded = std::mem::take(&mut *lock(&self.discarded));
        for object in discarded {
            // What cannot be destroyed goes with the session.
            let _ = keeper.session.destroy(object);
        }
        work(keeper).inspect_err(|failure| self.noted(Some(failure)))
    }

    /// Does `work` in this lane's session.
    pub(super) fn with_session<T>(&self, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        let (link, session) = match SESSION.take() {
            Some((link, session)) if ptr::eq(link.as_ptr(), self) => (link, session),
            other => {
                drop(other);
                (Weak::clone(&self.this), self.module.session(&self.seat, false, &self.life)?)
            }
        };
        let done = work(&session);
        match &done {
            Ok(_) => SESSION.set(Some((link, session))),
            // It may be in the middle of an operation, so it is closed, if it is ours: by being dropped.
            Err(failure) => {
                self.noted(Some(failure));
                self.look_whose_sessions();
            }
        }
        done
    }

    /// Does `work` in a session that may make objects that stay.
    pub(super) fn writing<T>(&self, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        let session = self.module.session(&self.seat, true, &self.life)?;
        work(&session).inspect_err(|failure| {
            self.noted(Some(failure));
            self.look_whose_sessions();
        })
    }

    /// The pattern of a master key, and that it still is there.
    pub(super) fn pattern(&self, kind: MasterKeyKind, key: Object) -> Result<Mkvp> {
        let wrapped = self.kept(|keeper| {
            let [des, aes] = keeper.constants;
            let constant = if kind == MasterKeyKind::Des { des } else { aes };
            keeper.session.wrap(key, constant, mkvp_constant(kind).len())
        })?;
        wrapped.first_chunk().copied().map(Mkvp::new).ok_or(Failure::Nonsense("C_WrapKey"))
    }

    /// Wraps what is known with a master key: if that comes out right, the engine works.
    pub(super) fn known_answer(&self, held: &Held) -> Result<()> {
        let Some((kind, key)) = held.any() else {
            return self.kept(|keeper| keeper.session.random(&mut [0; 8]));
        };
        let right = self.pattern(kind, key.object)? == key.mkvp;
        if right { Ok(()) } else { Err(Failure::Changed) }
    }

    /// That the master keys are still there, unless that was seen a moment ago. A key that is open goes on working in
    /// some tokens when the token itself is gone, and nobody would notice.
    pub(super) fn prove(&self, held: &Held, every: Duration) -> Result<()> {
        if self.is_proved() {
            return Ok(());
        }
        let now = Instant::now();
        let proved = *lock(&self.proved);
        if now.duration_since(proved) >= every {
            self.known_answer(held)?;
            *lock(&self.proved) = now;
        }
        PROVED.set(Some(self.number));
        Ok(())
    }

    /// Whether that was seen in this work.
    pub(super) fn is_proved(&self) -> bool {
        PROVED.get() == Some(self.number)
    }

    pub(super) fn find(&self, identity: &Identity) -> Result<Vec<Object>> {
        self.kept(|keeper| keeper.session.find(identity))
    }

    /// What a key is let do that a master key must not.
    pub(super) fn laxities(&self, object: Object) -> Result<BTreeSet<&'static str>> {
        self.kept(|keeper| keeper.session.laxities(object))
    }

    /// What the token did not let us forbid a master key.
    pub(super) fn allowed(&self, object: Object) -> Result<BTreeSet<&'static str>> {
        self.kept(|keeper| keeper.session.allowed(object))
    }

    /// The value of a key of this length that may leave the token. It is wrapped under a key of this
    /// moment, as NSS lets no key be read that stays in it.
    pub(super) fn value(&self, object: Object, length: usize) -> Result<Option<ClearKey>> {
        self.kept(|keeper| {
            let mut moment = Zeroizing::new(vec![0; MASTER_KEY_LENGTH]);
            keeper.session.random(&mut moment)?;
            let wrapping = keeper.session.import(Kind::Wrapping, &moment, false)?;
            let wrapped = keeper.session.wrap(wrapping, object, length);
            let destroyed = keeper.session.destroy(wrapping);
            let wrapped = wrapped?;
            destroyed?;
            Ok(scrubbed(|| {
                let mut value = Zeroizing::new(vec![0; length]);
                KwAes256::new_from_slice(&moment).ok()?.unwrap_key(&wrapped, &mut value).ok()?;
                Some(ClearKey::from_slice(&value))
            }))
        })
    }

    pub(super) fn random(&self, bytes: &mut [u8]) -> Result<()> {
        self.with_session(|session| session.random(bytes))
    }

    /// Makes a master key.
    pub(super) fn make_master_key(
        &self,
        kind: MasterKeyKind,
        identity: &Identity,
        value: Option<&ClearKey>,
    ) -> Result<Object> {
        self.writing(|session| session.master_key(&format!("softicsf {kind}"), identity, value))
    }

    /// Opens a wrapped key for use.
    pub(super) fn open(&self, master_key: Object, spec: KeySpec, blob: &[u8]) -> Result<Object> {
        self.kept(|keeper| {
            let object = keeper.session.unwrap(master_key, kind_of(spec), blob, false)?;
            self.guarded(keeper, object)
        })
    }

    /// Derives a key from one that is open: see [`Session::derive`].
    pub(super) fn derive(&self, base: Object, blocks: &[u8], into: DerivedUse) -> Result<Object> {
        self.kept(|keeper| {
            let object = keeper.session.derive(base, blocks, Kind::of(into), into.length())?;
            self.guarded(keeper, object)
        })
    }

    /// A key that was opened, made unreadable where the token left it readable.
    fn guarded(&self, keeper: &Keeper, object: Object) -> Result<Object> {
        if self.findings.makes_sensitive
            && let Err(failure) = keeper.session.make_sensitive(object)
        {
            // Or it would stay readable as long as the session lasts.
            let _ = keeper.session.destroy(object);
            return Err(failure);
        }
        Ok(object)
    }

    /// Wraps a key given in its stored form.
    pub(super) fn wrap(&self, master_key: Object, spec: KeySpec, stored: &StoredForm) -> Result<Vec<u8>> {
        self.with_session(|session| {
            let key = session.import(kind_of(spec), stored.expose(), true)?;
            wrap_and_destroy(session, master_key, key, spec)
        })
    }

    /// Wraps a key born in the token, where the token can make one in its stored form; a token cannot make three equal
    /// parts, nor zeros at the end.
    pub(super) fn generate(&self, master_key: Object, spec: KeySpec) -> Result<Option<Vec<u8>>> {
        let born_inside = spec.algorithm() != KeyAlgorithm::Des
            && StoredForm::length(spec) == spec.length()
            && self.findings.generates_hmac_keys;
        if !born_inside {
            return Ok(None);
        }
        self.with_session(|session| {
            let key = session.generate(spec.length())?;
            wrap_and_destroy(session, master_key, key, spec).map(Some)
        })
    }

    /// Unwraps a key, to be wrapped under another master key at once: as a secret of any sort, since only its stored form
    /// moves, and what the token cannot use can be moved too. It belongs to the session of this lane and not to the
    /// keeper's, so that lanes need not wait for each other.
    pub(super) fn unwrap_to_wrap(&self, from: Object, blob: &[u8]) -> Result<Object> {
        self.with_session(|session| session.unwrap(from, Kind::Hmac, blob, true))
    }

    pub(super) fn wrap_unwrapped(&self, to: Object, key: Object, spec: KeySpec) -> Result<Vec<u8>> {
        self.with_session(|session| wrap_and_destroy(session, to, key, spec))
    }

    pub(super) fn destroy_unwrapped(&self, key: Object) -> Result<()> {
        self.with_session(|session| session.destroy(key))
    }

    /// Marks an opened key as used no more; says whether it is the first, so that somebody has to tidy up.
    pub(super) fn discard(&self, object: Object) -> bool {
        let mut discarded = lock(&self.discarded);
        discarded.push(object);
        discarded.len() == 1
    }

    /// Destroys what was marked.
    pub(super) fn tidy_up(&self) {
        let _ = self.kept(|_| Ok(()));
    }
}

fn wrap_and_destroy(session: &Session, master_key: Object, key: Object, spec: KeySpec) -> Result<Vec<u8>> {
    let wrapped = session.wrap(master_key, key, StoredForm::length(spec));
    let destroyed = session.destroy(key);
    let wrapped = wrapped?;
    destroyed.map(|()| wrapped)
}

const fn kind_of(spec: KeySpec) -> Kind {
    match spec.algorithm() {
        KeyAlgorithm::Des => Kind::Des,
        KeyAlgorithm::Kerberos(_) => Kind::Kerberos,
        _ => Kind::Hmac,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
