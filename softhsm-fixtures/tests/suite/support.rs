//! What several tests need.

use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use softhsm_fixtures::{Card, Pin};

/// Loads a module as an application does, which initializes it unless that is done.
pub(crate) fn application(module: impl AsRef<Path>) -> Pkcs11 {
    let context = Pkcs11::new(module.as_ref()).unwrap();
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => context,
        Err(error) => panic!("{error}"),
    }
}

/// The slots an application sees with this token in them.
pub(crate) fn slots(context: &Pkcs11, label: &str, serial: &str) -> Vec<Slot> {
    let mut slots = context.get_slots_with_initialized_token().unwrap();
    slots.retain(|slot| {
        let info = context.get_token_info(*slot).unwrap();
        info.label() == label && info.serial_number() == serial
    });
    slots
}

/// A card's slot, seen past the shim.
pub(crate) fn slot(card: &Card) -> Slot {
    Slot::try_from(card.slot().unwrap()).unwrap()
}

/// Logs in as an application does.
pub(crate) fn log_in(context: &Pkcs11, slot: Slot, pin: &Pin) -> Result<Session, Error> {
    let session = context.open_rw_session(slot)?;
    session.login(UserType::User, Some(&pin.expose().to_owned().into()))?;
    Ok(session)
}

/// A 64-byte key for HMAC, on the token or in the session.
pub(crate) fn hmac_key(session: &Session, label: &str, on_token: bool) -> Result<ObjectHandle, Error> {
    session.generate_key(
        &Mechanism::GenericSecretKeyGen,
        &[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Token(on_token),
            Attribute::Sign(true),
            Attribute::ValueLen(64.into()),
            Attribute::Label(label.into()),
        ],
    )
}

/// A key on the token that wraps others.
pub(crate) fn wrapping_key(session: &Session, label: &str) -> Result<ObjectHandle, Error> {
    session.generate_key(
        &Mechanism::AesKeyGen,
        &[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Token(true),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
            Attribute::ValueLen(32.into()),
            Attribute::Label(label.into()),
        ],
    )
}

/// The one key with this label.
pub(crate) fn find_key(session: &Session, label: &str) -> Result<ObjectHandle, Error> {
    let found = session.find_objects(&[Attribute::Label(label.into())])?;
    assert_eq!(found.len(), 1, "keys named {label}");
    Ok(found[0])
}

pub(crate) fn sign(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Error> {
    session.sign(&Mechanism::Sha512Hmac, key, b"a message")
}

/// What the module answered, if it refused.
pub(crate) fn refusal<T>(result: Result<T, Error>) -> Option<(RvError, Function)> {
    match result {
        Ok(_) => None,
        Err(Error::Pkcs11(value, function)) => Some((value, function)),
        Err(error) => panic!("not an answer of the module: {error}"),
    }
}

/// Lets other threads and processes run until it is so; fails if it never is.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "still waiting: {what}");
        thread::yield_now();
    }
}

/// One ignored test, to be run in a process of its own, with its temporary files in `scratch`.
pub(crate) fn process(test: &str, scratch: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", test]).env("TMPDIR", scratch).env("HOME", scratch);
    command
}

/// What it said, on both streams.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}
