//! How many calls of the module a ticket takes, and the operation that goes on within one. What they take in time is
//! measured by the bench `token`.

use std::sync::{Arc, mpsc};

use icsf_backends::pkcs11::Pkcs11;
use icsf_core::backend::{
    Backend, EngineError, HashAlgorithm, KeyHandle, KeySpec, MasterKeyKind, RegisterChange, WrappedKey,
};
use softhsm_fixtures::{Card, Ckr, Fault, Function};
use tempfile::TempDir;

use crate::pkcs11_support::{card_options, pin};

/// Dependent calls of a ticket.
const ROUNDS: usize = 6;

struct Rig {
    engine: Arc<Pkcs11>,
    des: Arc<dyn KeyHandle>,
    hmac: Arc<dyn KeyHandle>,
    card: Card,
    _directory: TempDir,
}

fn rig() -> Rig {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let (registers, pin) = (directory.path().join("registers"), pin(card.user_pin()));
    let engine = Arc::new(Pkcs11::create(registers, card_options(&card), pin).unwrap());
    for kind in MasterKeyKind::ALL {
        engine.change_register(kind, RegisterChange::Generate).unwrap();
        let made = engine.master_keys().unwrap().of(kind).new.pattern().unwrap();
        engine.change_register(kind, RegisterChange::Set(made)).unwrap();
    }
    let open = |spec| Arc::from(engine.open(&engine.generate(spec).unwrap()).unwrap());
    let (des, hmac) = (open(KeySpec::DES), open(KeySpec::hmac(64).unwrap()));
    Rig { des, hmac, engine, card, _directory: directory }
}

fn legacy(key: &dyn KeyHandle) {
    let mut blocks = [[7; 8]];
    (0..ROUNDS).for_each(|_| key.encipher_blocks(&mut blocks).unwrap());
}

fn enhanced(key: &dyn KeyHandle) {
    let mut macs = [[0; 64]];
    (0..ROUNDS).for_each(|_| key.hmac(HashAlgorithm::Sha512, &[&[7; 24]], &mut macs).unwrap());
}

#[test]
fn a_warm_ticket_takes_six_calls_and_nothing_else() {
    let rig = rig();
    // The cryptoki crate asks for the length of each answer first.
    let one_operation = &[(Function::EncryptInit, 1), (Function::EncryptUpdate, 12), (Function::EncryptFinal, 2)][..];
    for (key, ticket, expected) in [
        (&rig.des, legacy as fn(&dyn KeyHandle), one_operation),
        (&rig.hmac, enhanced, &[(Function::SignInit, 6), (Function::Sign, 12)]),
    ] {
        ticket(key.as_ref());
        let before = rig.card.calls();
        let (work, key) = (ticket, Arc::clone(key));
        rig.engine.run(Box::new(move || work(key.as_ref()))).unwrap();
        let calls = rig.card.calls().since(&before);
        let seen: Vec<_> = calls.iter().filter(|(function, _)| !is_proof(*function)).collect();
        assert_eq!(seen, expected);
    }
}

/// On a slow machine the proof that the master keys are still there may fall due meanwhile.
const fn is_proof(function: Function) -> bool {
    matches!(function, Function::WrapKey | Function::OpenSession)
}

#[test]
fn many_blocks_travel_in_one_call() {
    let rig = rig();
    let mut blocks = vec![[7; 8]; 256];
    rig.des.encipher_blocks(&mut blocks).unwrap();
    let before = rig.card.calls();
    rig.des.encipher_blocks(&mut blocks).unwrap();
    assert_eq!(rig.card.calls().since(&before).of(Function::EncryptInit), 1);
}

impl Rig {
    /// Six rounds with each key by turns, all in one piece of work, or each call by itself.
    fn mixed(&self, at_once: bool) -> ([[u8; 8]; 1], [[u8; 64]; 1]) {
        let (des, hmac) = (Arc::clone(&self.des), Arc::clone(&self.hmac));
        let (tell, told) = mpsc::channel();
        let work = move || {
            let (mut blocks, mut macs) = ([[7; 8]], [[0; 64]]);
            for _ in 0..ROUNDS {
                des.encipher_blocks(&mut blocks)?;
                hmac.hmac(HashAlgorithm::Sha512, &[blocks.as_flattened()], &mut macs)?;
                des.encipher_blocks(&mut blocks)?;
                des.decipher_blocks(&mut blocks)?;
            }
            Ok::<_, EngineError>((blocks, macs))
        };
        if !at_once {
            return work().unwrap();
        }
        self.engine.run(Box::new(move || tell.send(work()).unwrap())).unwrap();
        told.recv().unwrap().unwrap()
    }

    fn calls_of(&self, function: Function, work: impl FnOnce()) -> u64 {
        let before = self.card.calls();
        work();
        self.card.calls().since(&before).of(function)
    }
}

#[test]
fn an_operation_that_goes_on_is_in_nobodys_way() {
    let rig = rig();
    assert_eq!(rig.mixed(true), rig.mixed(false));
}

#[test]
fn an_operation_that_fails_at_any_call_is_begun_anew() {
    let rig = rig();
    let right = rig.mixed(false);
    for (function, calls) in [(Function::EncryptInit, 12), (Function::EncryptUpdate, 24), (Function::EncryptFinal, 24)]
    {
        for call in 1..=calls {
            for ckr in [Ckr::DEVICE_ERROR, Ckr::SESSION_HANDLE_INVALID, Ckr::OPERATION_ACTIVE] {
                rig.card.inject(Fault::answer(ckr).on(function).from(call).times(1));
                assert_eq!(rig.mixed(true), right, "{ckr:?} of call {call} of {function:?}");
                rig.card.heal();
            }
        }
    }
}

#[test]
fn an_operation_does_not_outlast_the_work_it_is_for() {
    let rig = rig();
    let work = || {
        let des = Arc::clone(&rig.des);
        rig.engine.run(Box::new(move || legacy(des.as_ref()))).unwrap();
    };
    assert_eq!(rig.calls_of(Function::EncryptFinal, work), 2);
    // Not even when its end fails: what is asked next begins a new one, and has to ask the token for that.
    rig.card.inject(Fault::answer(Ckr::GENERAL_ERROR).on(Function::EncryptFinal).times(1));
    work();
    assert_eq!(rig.calls_of(Function::EncryptInit, work), 1);
}

#[test]
fn an_operation_goes_on_for_the_same_key_only() {
    let rig = rig();
    let keys: Vec<_> = (0..8).map(|_| rig.engine.generate(KeySpec::DES).unwrap()).collect();
    let enciphered = |engine: &Pkcs11, keys: &[WrappedKey]| -> Vec<_> {
        let one = |key| {
            let mut blocks = [[7; 8]];
            engine.open(key).unwrap().encipher_blocks(&mut blocks).unwrap();
            blocks
        };
        keys.iter().map(one).collect()
    };
    let each = enciphered(&rig.engine, &keys);
    let ((tell, told), engine) = (mpsc::channel(), Arc::clone(&rig.engine));
    let work = move || {
        // Each is destroyed before the next is opened, and its number may be given to that.
        tell.send(enciphered(&engine, &keys)).unwrap();
    };
    rig.engine.run(Box::new(work)).unwrap();
    assert_eq!(told.recv().unwrap(), each);
}

#[test]
fn a_token_that_does_not_go_on_is_asked_anew_for_each_block() {
    let rig = rig();
    let right = rig.mixed(false);
    // It says that all went well and gives nothing, while it is tried.
    rig.card.inject(Fault::answer(Ckr::new(0)).on(Function::EncryptUpdate));
    rig.card.context().finalize().unwrap();
    rig.des.encipher_blocks(&mut [[0; 8]]).unwrap();
    rig.card.heal();
    assert_eq!(rig.calls_of(Function::EncryptUpdate, || assert_eq!(rig.mixed(true), right)), 0);
}
