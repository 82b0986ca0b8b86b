//! How many calls of the module a ticket takes. What they take in time is measured by the bench `token`.

use std::sync::Arc;

use icsf_backends::pkcs11::Pkcs11;
use icsf_core::backend::{Backend, HashAlgorithm, KeyHandle, KeySpec, MasterKeyKind, RegisterChange};
use softhsm_fixtures::{Card, Function};
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
    for (key, ticket, init, call) in [
        (&rig.des, legacy as fn(&dyn KeyHandle), Function::EncryptInit, Function::Encrypt),
        (&rig.hmac, enhanced, Function::SignInit, Function::Sign),
    ] {
        ticket(key.as_ref());
        let before = rig.card.calls();
        let (work, key) = (ticket, Arc::clone(key));
        rig.engine.run(Box::new(move || work(key.as_ref()))).unwrap();
        let calls = rig.card.calls().since(&before);
        // The cryptoki crate asks for the length of each answer first.
        let expected = [(init, 6), (call, 12)];
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
