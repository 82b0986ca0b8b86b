//! Each row of the table of codes, seen from a caller: a card gives that answer, once and for good.

use cryptoki::error::{Rv, RvError};
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, BackendState, EngineError, EngineErrorKind, KeySpec, MasterKeyKind, RegisterChange};
use softhsm_fixtures::{Card, Ckr, Fault, Function};
use tempfile::TempDir;

use super::codes::{Class, Step, TABLE};
use super::{Options, Pkcs11};

struct Rig {
    card: Card,
    engine: Pkcs11,
    key: icsf_core::backend::WrappedKey,
    _directory: TempDir,
}

fn rig() -> Rig {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let pin = ClearKey::from_slice(card.user_pin().expose().as_bytes());
    let options = Options::new(card.module(), card.label());
    let engine = Pkcs11::create(directory.path().join("registers"), options, pin).unwrap();
    engine.change_register(MasterKeyKind::Des, RegisterChange::Generate).unwrap();
    let made = engine.master_keys().unwrap().des.new.pattern().unwrap();
    engine.change_register(MasterKeyKind::Des, RegisterChange::Set(made)).unwrap();
    let key = engine.generate(KeySpec::DES).unwrap();
    Rig { card, engine, key, _directory: directory }
}

fn number(value: RvError) -> Ckr {
    (0..0x300).find(|number| Rv::from(*number) == Rv::Error(value)).map(Ckr::new).unwrap()
}

impl Rig {
    fn request(&self) -> Result<(), EngineError> {
        self.engine.open(&self.key)?.encipher_blocks(&mut [[0; 8]])
    }

    fn is_online(&self) -> bool {
        matches!(self.engine.state(), BackendState::Online { .. })
    }

    /// As good as new.
    fn heal(&self) {
        self.card.heal();
        self.engine.unlock(ClearKey::from_slice(self.card.user_pin().expose().as_bytes())).unwrap();
        self.request().unwrap();
    }
}

const fn function(step: Step) -> Function {
    match step {
        Step::Any | Step::Use => Function::EncryptInit,
        Step::Initialize => Function::Initialize,
        Step::Login => Function::Login,
        Step::Unwrap => Function::UnwrapKey,
        Step::Wrap => Function::WrapKey,
    }
}

/// What comes of the answer for good, and of the same once.
fn expected(step: Step, class: Class, spec: KeySpec) -> (EngineErrorKind, Option<EngineErrorKind>) {
    use EngineErrorKind::{Damaged, Fault, Unavailable, Unsupported};
    match class {
        Class::Absent | Class::Lost if step == Step::Any => (Unavailable, None),
        Class::Absent | Class::Pin | Class::Lost => (Unavailable, Some(Unavailable)),
        Class::Ambiguous if step == Step::Unwrap => (Damaged, None),
        Class::Ambiguous => (Fault, None),
        Class::Damaged => (Damaged, Some(Damaged)),
        Class::Unsupported => (Unsupported(spec), Some(Unsupported(spec))),
        Class::Full | Class::Mistake => (Fault, Some(Fault)),
    }
}

#[test]
fn each_row_is_what_a_caller_gets() {
    let rig = rig();
    for (step, value, class) in TABLE {
        let fault = Fault::answer(number(*value)).on(function(*step));
        let (lasting, once) = expected(*step, *class, KeySpec::DES);
        // A token that another process is writing has no PIN for a moment, and is asked again.
        let once = once.filter(|_| *value != RvError::UserPinNotInitialized);
        for (fault, kind) in [(fault, Some(lasting)), (fault.times(1), once)] {
            if matches!(step, Step::Initialize | Step::Login) {
                // Only when connecting anew.
                rig.card.context().finalize().unwrap();
            }
            rig.card.inject(fault);
            let got = rig.request().map_err(|error| error.kind().clone()).err();
            assert_eq!(got, kind, "{step:?} {value:?} {class:?}: {fault:?}");
            let locked = matches!(rig.engine.state(), BackendState::Locked { .. });
            assert_eq!(locked, *class == Class::Pin && got.is_some(), "{step:?} {value:?}");
            assert!(rig.is_online() || got == Some(EngineErrorKind::Unavailable), "{step:?} {value:?}");
            rig.heal();
        }
    }
}
