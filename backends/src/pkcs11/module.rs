//! The only place that calls a PKCS#11 module, through the cryptoki crate, and works round what that lacks.
//!
//! - `wrap_key` gives back the length it asked for and not the one it got: NSS says too much, so a wrapped key is cut to
//!   the length RFC 3394 gives it.
//! - `get_token_info` fails as a whole when a token writes its clock in its own way; such a token has no description.
//! - A session closes itself when dropped. After a stranger's `C_Finalize` its number may be a stranger's session, so
//!   sessions here are closed only as long as they are known to be ours: see [`Life`].
//! - Vectors with clear keys in an attribute are not wiped: they are here.
//! - Values it does not know: see the table of codes.
//!
//! Every call says first which function it is about to enter, for whoever waits for it: see
//! [`entering`](super::lane::entering).

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::RvError;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::UserType;
use cryptoki::slot::Slot;
use cryptoki::types::RawAuthPin;
use icsf_core::ClearKey;
use icsf_core::backend::{HashAlgorithm, MASTER_KEY_LENGTH};
use zeroize::Zeroize;

use super::codes::{Class, Failure};
use super::lane::{entering, is_on_a_lane};
use super::template::{Kind, Strictness};

/// RFC 3394 adds this many bytes.
pub(super) const OVERHEAD: usize = 8;

type Result<T> = std::result::Result<T, Failure>;

/// A loaded module. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Module(Pkcs11);

/// A token in a slot.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    slot: Slot,
    /// What it says of itself; nothing when that cannot be read.
    pub(super) description: Option<Description>,
}

/// What a token says of itself.
#[derive(Debug, Clone)]
pub(super) struct Description {
    pub(super) label: String,
    pub(super) serial: String,
    pub(super) initialized: bool,
    pub(super) pin_locked: bool,
}

/// An object in the token: good in all sessions of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object(ObjectHandle);

/// Whether the sessions of a connection are still ours to be closed.
#[derive(Debug, Clone)]
pub(super) struct Life(Arc<AtomicBool>);

impl Life {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// The sessions are gone; their numbers may be given to others.
    pub(super) fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    pub(super) fn lasts(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Module {
    /// Loads the file and initializes the module, unless somebody else in the process has.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let module = Self(Pkcs11::new(path)?);
        module.initialize()?;
        Ok(module)
    }

    pub(super) fn initialize(&self) -> Result<()> {
        entering(Function::Initialize);
        match self.0.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(Failure::from) {
            Err(failure) if failure.is(RvError::CryptokiAlreadyInitialized) => Ok(()),
            done => done,
        }
    }

    /// Ends all that anybody in the process has with the module.
    pub(super) fn finalize(&self) -> Result<()> {
        entering(Function::Finalize);
        Ok(self.0.clone().finalize()?)
    }

    /// The tokens that are there.
    pub(super) fn seats(&self) -> Result<Vec<Seat>> {
        entering(Function::GetSlotList);
        let slots = self.0.get_slots_with_token()?;
        Ok(slots.into_iter().map(|slot| Seat { slot, description: self.describe(slot) }).collect())
    }

    fn describe(&self, slot: Slot) -> Option<Description> {
        entering(Function::GetTokenInfo);
        let info = self.0.get_token_info(slot).ok()?;
        Some(Description {
            label: info.label().to_owned(),
            serial: info.serial_number().to_owned(),
            initialized: info.token_initialized(),
            pin_locked: info.user_pin_locked(),
        })
    }

    /// Opens a session; one that writes is needed for objects that stay.
    pub(super) fn session(&self, seat: &Seat, writes: bool, life: &Life) -> Result<Session> {
        entering(Function::OpenSession);
        let inner = if writes {
            self.0.open_rw_session_no_drop(seat.slot)?
        } else {
            self.0.open_ro_session_no_drop(seat.slot)?
        };
        Ok(Session { inner: Some(inner), life: life.clone(), enciphers: Cell::new(None) })
    }
}

/// A session, closed when dropped.
#[derive(Debug)]
pub(super) struct Session {
    inner: Option<cryptoki::session::Session>,
    life: Life,
    /// The opening of the key that an operation is going on with.
    enciphers: Cell<Option<Opening>>,
}

/// Which opening of a key it is. The number of an object that is gone may be given to another one, and this is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening(u64);

impl Opening {
    pub(super) fn new() -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self(NUMBERS.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Where nobody could give up a call that hangs, none is made: the session stays until the module ends it.
        if let Some(inner) = self.inner.take().filter(|_| self.life.lasts() && is_on_a_lane()) {
            entering(Function::CloseSession);
            let _ = inner.close();
        }
    }
}

impl Session {
    /// An operation that goes on would be in the way of any other.
    fn inner(&self, function: Function) -> Result<&cryptoki::session::Session> {
        self.end_operation()?;
        self.going_on(function)
    }

    fn going_on(&self, function: Function) -> Result<&cryptoki::session::Session> {
        entering(function);
        self.inner.as_ref().ok_or(Failure::Nonsense("a closed session"))
    }

    /// Logs in, unless somebody else in the process has: then the token does not look at the PIN. Whether it took it.
    pub(super) fn login(&self, pin: &ClearKey) -> Result<bool> {
        let pin = RawAuthPin::new(Box::new(pin.expose().to_vec()));
        let done = self.inner(Function::Login)?.login_with_raw(UserType::User, &pin).map_err(Failure::from);
        match done {
            Err(failure) if failure.is(RvError::UserAlreadyLoggedIn) => Ok(false),
            done => done.map(|()| true),
        }
    }

    pub(super) fn random(&self, bytes: &mut [u8]) -> Result<()> {
        Ok(self.inner(Function::GenerateRandom)?.generate_random_slice(bytes)?)
    }

    /// All keys with this identity that stay in the token.
    pub(super) fn find(&self, id: &[u8]) -> Result<Vec<Object>> {
        let template = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true), Attribute::Id(id.to_vec())];
        let found = self.inner(Function::FindObjects)?.find_objects(&template)?;
        Ok(found.into_iter().map(Object).collect())
    }

    pub(super) fn destroy(&self, object: Object) -> Result<()> {
        Ok(self.inner(Function::DestroyObject)?.destroy_object(object.0)?)
    }

    /// Makes a master key that stays: from `value`, or a random one nobody has seen. What the token does not let us forbid
    /// it [can be asked](Self::allowed).
    pub(super) fn master_key(&self, label: &str, id: &[u8], value: Option<&ClearKey>) -> Result<Object> {
        let mut last = None;
        for strictness in Strictness::ALL {
            let mut made = self.master_key_of(strictness, label, id, value);
            // So vague an answer is no refusal before it is repeated: one accident must not make a weaker key for good.
            if made.as_ref().is_err_and(|failure| failure.class() == Class::Ambiguous && strictness.refused(failure)) {
                self.find(id)?.into_iter().try_for_each(|object| self.destroy(object))?;
                made = self.master_key_of(strictness, label, id, value);
            }
            match made {
                Ok(object) => return Ok(object),
                Err(failure) if strictness.refused(&failure) => {
                    // It may also come when the key was made.
                    self.find(id)?.into_iter().try_for_each(|object| self.destroy(object))?;
                    last = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or(Failure::Nonsense("C_CreateObject")))
    }

    fn master_key_of(
        &self,
        strictness: Strictness,
        label: &str,
        id: &[u8],
        value: Option<&ClearKey>,
    ) -> Result<Object> {
        let mut template = strictness.master_key(label, id);
        let Some(value) = value else {
            template.push(Attribute::ValueLen((MASTER_KEY_LENGTH as u64).into()));
            let made = self.inner(Function::GenerateKey)?.generate_key(&Mechanism::AesKeyGen, &template)?;
            return Ok(Object(made));
        };
        template.push(Attribute::Value(value.expose().to_vec()));
        self.create(template)
    }

    /// Makes the sum of the parts of a master key so far. It can be wrapped by any key, to add the next part.
    pub(super) fn part(&self, label: &str, id: &[u8], value: &ClearKey) -> Result<Object> {
        self.create(vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(true),
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
            Attribute::Sign(false),
            Attribute::Verify(false),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
            Attribute::Derive(false),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id.to_vec()),
            Attribute::Value(value.expose().to_vec()),
        ])
    }

    /// What a key is let do, or was, that a master key must not.
    ///
    /// A key that was entered by parts has been outside the token, and the token says so; one that was born in it
    /// (`CKA_LOCAL`) must never have been.
    pub(super) fn laxities(&self, object: Object) -> Result<BTreeSet<&'static str>> {
        use AttributeType as Asked;
        let asked = [
            Asked::Sensitive,
            Asked::Extractable,
            Asked::Encrypt,
            Asked::Decrypt,
            Asked::Sign,
            Asked::Derive,
            Asked::Private,
            Asked::Modifiable,
            Asked::Local,
            Asked::NeverExtractable,
            Asked::AlwaysSensitive,
        ];
        let found = self.inner(Function::GetAttributeValue)?.get_attributes(object.0, &asked)?;
        let born_inside = found.contains(&Attribute::Local(true));
        Ok(found
            .iter()
            .filter_map(|attribute| match attribute {
                Attribute::Sensitive(false) => Some("can be read"),
                Attribute::Extractable(true) => Some("can leave the token"),
                Attribute::Encrypt(true) | Attribute::Decrypt(true) => Some("enciphers"),
                Attribute::Sign(true) | Attribute::Derive(true) => Some("makes MACs or keys"),
                Attribute::Private(false) => Some("can be used without the PIN"),
                Attribute::Modifiable(true) => Some("can be changed"),
                Attribute::NeverExtractable(false) if born_inside => Some("could leave the token once"),
                Attribute::AlwaysSensitive(false) if born_inside => Some("could be read once"),
                _ => None,
            })
            .collect())
    }

    /// What a master key may do because the token does not know how to forbid it. Asked apart from what a token must know,
    /// as one that does not know these may leave the rest unanswered.
    pub(super) fn allowed(&self, object: Object) -> Result<BTreeSet<&'static str>> {
        let asked = [AttributeType::AllowedMechanisms, AttributeType::Copyable];
        let found = self.inner(Function::GetAttributeValue)?.get_attributes(object.0, &asked)?;
        let mut allowed = BTreeSet::new();
        if !found.contains(&Attribute::AllowedMechanisms(vec![MechanismType::AES_KEY_WRAP])) {
            allowed.insert("it does not restrict a master key to one mechanism");
        }
        if !found.contains(&Attribute::Copyable(false)) {
            allowed.insert("it does not forbid copies of a master key");
        }
        Ok(allowed)
    }

    /// The value of an object that may be read.
    pub(super) fn value(&self, object: Object) -> Result<Option<ClearKey>> {
        let found = self.inner(Function::GetAttributeValue)?.get_attributes(object.0, &[AttributeType::Value])?;
        Ok(found.into_iter().find_map(|attribute| match attribute {
            Attribute::Value(value) if !value.is_empty() => Some(ClearKey::new(value)),
            _ => None,
        }))
    }

    /// A key for this session only, so that it can be wrapped.
    pub(super) fn import(&self, key_type: Kind, value: &[u8], extractable: bool) -> Result<Object> {
        let mut template = key_type.template(extractable);
        template.push(Attribute::Value(value.to_vec()));
        self.create(template)
    }

    /// The constant of a pattern, under a name by which it can be told from a stranger's object. It is no secret, and so
    /// stays when somebody logs out.
    pub(super) fn constant(&self, value: &[u8], name: &[u8]) -> Result<Object> {
        self.create(vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
            Attribute::Private(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::Label(name.to_vec()),
            Attribute::Value(value.to_vec()),
        ])
    }

    /// Whether the object has this name.
    pub(super) fn is_named(&self, object: Object, name: &[u8]) -> Result<bool> {
        let found = self.inner(Function::GetAttributeValue)?.get_attributes(object.0, &[AttributeType::Label])?;
        Ok(found.iter().any(|attribute| matches!(attribute, Attribute::Label(label) if label == name)))
    }

    fn create(&self, mut template: Vec<Attribute>) -> Result<Object> {
        let made = self.inner(Function::CreateObject)?.create_object(&template);
        for attribute in &mut template {
            if let Attribute::Value(value) = attribute {
                value.zeroize();
            }
        }
        Ok(Object(made?))
    }

    /// A random HMAC key for this session only, born inside.
    pub(super) fn generate(&self, length: usize) -> Result<Object> {
        let mut template = Kind::Hmac.template(true);
        template.push(Attribute::ValueLen((length as u64).into()));
        let made = self.inner(Function::GenerateKey)?.generate_key(&Mechanism::GenericSecretKeyGen, &template)?;
        Ok(Object(made))
    }

    /// Wraps a key of `length` bytes by RFC 3394.
    pub(super) fn wrap(&self, wrapping: Object, key: Object, length: usize) -> Result<Vec<u8>> {
        let mut blob = self.inner(Function::WrapKey)?.wrap_key(&Mechanism::AesKeyWrap, wrapping.0, key.0)?;
        let whole = length.next_multiple_of(8) + OVERHEAD;
        if blob.len() < whole {
            return Err(Failure::Nonsense("C_WrapKey"));
        }
        blob.truncate(whole);
        Ok(blob)
    }

    /// Unwraps a key by RFC 3394 into an object of this session.
    pub(super) fn unwrap(&self, wrapping: Object, kind: Kind, blob: &[u8], extractable: bool) -> Result<Object> {
        let template = kind.template(extractable);
        let session = self.inner(Function::UnwrapKey)?;
        Ok(Object(session.unwrap_key(&Mechanism::AesKeyWrap, wrapping.0, blob, &template)?))
    }

    /// Makes a key unreadable that a token left readable.
    pub(super) fn make_sensitive(&self, object: Object) -> Result<()> {
        let session = self.inner(Function::SetAttributeValue)?;
        session.update_attributes(object.0, &[Attribute::Sensitive(true)])?;
        Ok(session.update_attributes(object.0, &[Attribute::Extractable(false)])?)
    }

    /// Enciphers blocks of 8 bytes each by itself with a key of three equal parts, which is single DES.
    pub(super) fn encipher(&self, key: Object, blocks: &[u8]) -> Result<Vec<u8>> {
        Ok(self.inner(Function::Encrypt)?.encrypt(&Mechanism::Des3Ecb, key.0, blocks)?)
    }

    /// Enciphers blocks of 8 bytes each by itself, in an operation that goes on for the next ones with the same key. Some
    /// tokens go on with it when the key, or the login, is gone: who begins it has to see to its end.
    pub(super) fn encipher_on(&self, key: Object, opening: Opening, blocks: &[u8]) -> Result<Vec<u8>> {
        if self.enciphers.get() != Some(opening) {
            self.inner(Function::EncryptInit)?.encrypt_init(&Mechanism::Des3Ecb, key.0)?;
            self.enciphers.set(Some(opening));
        }
        Ok(self.going_on(Function::EncryptUpdate)?.encrypt_update(blocks)?)
    }

    /// Ends the operation that goes on, if one does. When this fails the session is of no more use.
    pub(super) fn end_operation(&self) -> Result<()> {
        if self.enciphers.take().is_none() {
            return Ok(());
        }
        match self.going_on(Function::EncryptFinal)?.encrypt_final().map_err(Failure::from) {
            Ok(rest) if rest.is_empty() => Ok(()),
            Ok(_) => Err(Failure::Nonsense("C_EncryptFinal")),
            // For NSS it ends when the length of what is left is asked for, as nothing is.
            Err(failure) if failure.is(RvError::OperationNotInitialized) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    pub(super) fn decipher(&self, key: Object, blocks: &[u8]) -> Result<Vec<u8>> {
        Ok(self.inner(Function::Decrypt)?.decrypt(&Mechanism::Des3Ecb, key.0, blocks)?)
    }

    pub(super) fn hmac(&self, hash: HashAlgorithm, key: Object, message: &[u8]) -> Result<Vec<u8>> {
        let mechanism = match hash {
            HashAlgorithm::Sha1 => Mechanism::Sha1Hmac,
            HashAlgorithm::Sha224 => Mechanism::Sha224Hmac,
            HashAlgorithm::Sha256 => Mechanism::Sha256Hmac,
            HashAlgorithm::Sha384 => Mechanism::Sha384Hmac,
            HashAlgorithm::Sha512 => Mechanism::Sha512Hmac,
            _ => return Err(Failure::Answer(Function::SignInit, RvError::MechanismInvalid)),
        };
        Ok(self.inner(Function::Sign)?.sign(&mechanism, key.0, message)?)
    }

    /// Enciphers one block with an AES key: only to see that a master key refuses to.
    pub(super) fn aes_block(&self, key: Object, block: &[u8; 16]) -> Result<Vec<u8>> {
        Ok(self.inner(Function::Encrypt)?.encrypt(&Mechanism::AesEcb, key.0, block)?)
    }

    /// Derives a key of `length` bytes: the leftmost of AES-CBC of `blocks`.
    pub(super) fn derive(&self, base: Object, blocks: &[u8], kind: Kind, length: usize) -> Result<Object> {
        let mut template = kind.template(false);
        template.push(Attribute::ValueLen((length as u64).into()));
        let mechanism = Mechanism::AesCbcEncryptData(AesCbcDeriveParams::new([0; 16], blocks));
        Ok(Object(self.inner(Function::DeriveKey)?.derive_key(&mechanism, base.0, &template)?))
    }

    /// Enciphers whole blocks of 16 bytes with an AES key.
    pub(super) fn encipher_cbc(&self, key: Object, iv: &[u8; 16], data: &[u8]) -> Result<Vec<u8>> {
        Ok(self.inner(Function::Encrypt)?.encrypt(&Mechanism::AesCbc(*iv), key.0, data)?)
    }

    pub(super) fn decipher_cbc(&self, key: Object, iv: &[u8; 16], data: &[u8]) -> Result<Vec<u8>> {
        Ok(self.inner(Function::Decrypt)?.decrypt(&Mechanism::AesCbc(*iv), key.0, data)?)
    }
}
