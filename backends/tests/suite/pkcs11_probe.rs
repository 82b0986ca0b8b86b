//! What a token is asked when it is attached: what its answers make of it, and that an accident is no answer.

use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use icsf_backends::pkcs11::{Pkcs11, TokenErrorKind};
use icsf_core::backend::{Backend, EngineErrorKind, KeySpec, MasterKeyKind, NewRegister, Part, Quirk, RegisterChange};
use softhsm_fixtures::{Card, Ckr, Configuration, Fault, Function, Library};
use tempfile::TempDir;

use crate::pkcs11_setup::{refused, says};
use crate::pkcs11_support::{NO_ENGINE, Rig, card_options, options, pin};
use crate::support::set_master_keys;

/// What breaks answers so, whatever it was asked.
const VAGUE: [Ckr; 6] = [
    Ckr::GENERAL_ERROR,
    Ckr::DEVICE_ERROR,
    Ckr::FUNCTION_FAILED,
    Ckr::HOST_MEMORY,
    Ckr::DEVICE_MEMORY,
    Ckr::ARGUMENTS_BAD,
];

/// An engine on a card that answers one question of the probe so.
fn attached(card: &Card, fault: Fault) -> (TempDir, Pkcs11) {
    let directory = TempDir::new().unwrap();
    card.inject(fault);
    let engine = Pkcs11::create(directory.path().join("registers"), card_options(card), pin(card.user_pin())).unwrap();
    card.heal();
    (directory, engine)
}

/// A card that would let keys out, and breaks when it is asked whether it does, must not pass for one that keeps them.
#[test]
fn an_accident_is_no_refusal() {
    let card = Card::new();
    for (whether, function, call) in [
        ("the value of an opened key can be read", Function::GetAttributeValue, 1),
        // Two calls for what is known come before.
        ("a key that must not leave it can be wrapped by another", Function::WrapKey, 3),
        ("a key that may only wrap enciphers too", Function::EncryptInit, 1),
    ] {
        for ckr in VAGUE {
            card.inject(Fault::answer(ckr).on(function).from(call).times(1));
            let error = refused(card_options(&card), pin(card.user_pin()));
            assert!(matches!(error.kind(), TokenErrorKind::Undecided(..)), "{error}");
            says(&error, &[card.label(), whether, &format!("answered {ckr}"), "tried again"]);
            card.heal();
        }
    }
    let (_directory, engine) = attached(&card, Fault::answer(Ckr::GENERAL_ERROR).times(0));
    assert_eq!((engine.info().is_weak(), engine.info().capabilities.des), (false, true));
}

#[test]
fn each_way_to_refuse_is_a_refusal() {
    const ACTION_PROHIBITED: Ckr = Ckr::new(0x1b);
    const KEY_TYPE_INCONSISTENT: Ckr = Ckr::new(0x63);
    const KEY_FUNCTION_NOT_PERMITTED: Ckr = Ckr::new(0x68);
    const KEY_NOT_WRAPPABLE: Ckr = Ckr::new(0x69);
    const KEY_UNEXTRACTABLE: Ckr = Ckr::new(0x6a);
    const ATTRIBUTE_SENSITIVE: Ckr = Ckr::new(0x11);
    const ATTRIBUTE_TYPE_INVALID: Ckr = Ckr::new(0x12);
    let card = Card::new();
    for (function, call, ways) in [
        (Function::GetAttributeValue, 1, &[ATTRIBUTE_SENSITIVE, ATTRIBUTE_TYPE_INVALID][..]),
        (Function::WrapKey, 3, &[KEY_UNEXTRACTABLE, KEY_NOT_WRAPPABLE, KEY_FUNCTION_NOT_PERMITTED, ACTION_PROHIBITED]),
        (
            Function::EncryptInit,
            1,
            &[
                KEY_FUNCTION_NOT_PERMITTED,
                KEY_TYPE_INCONSISTENT,
                Ckr::MECHANISM_INVALID,
                Ckr::FUNCTION_NOT_SUPPORTED,
                ACTION_PROHIBITED,
            ],
        ),
    ] {
        for ckr in ways {
            let (_directory, engine) = attached(&card, Fault::answer(*ckr).on(function).from(call).times(1));
            assert!(!engine.info().is_weak(), "{function:?} {ckr}: {:?}", engine.info().quirks);
            assert!(engine.info().capabilities.des);
        }
    }
}

/// SoftHSM has no better word than `CKR_GENERAL_ERROR` for a key that was changed, so that counts if it says so again.
#[test]
fn a_vague_refusal_of_a_changed_key_counts_when_it_is_repeated() {
    let card = Card::new();
    let before = card.calls();
    let unwrap = |ckr| Fault::answer(ckr).on(Function::UnwrapKey);
    let (_directory, engine) = attached(&card, unwrap(Ckr::DEVICE_ERROR).from(2).times(1));
    assert!(engine.info().capabilities.des);
    drop(engine);
    let asked = card.calls().since(&before).of(Function::UnwrapKey);
    // Intact, changed, intact, changed, intact; then a key for HMAC, one for DES, and two of Kerberos.
    assert_eq!(asked, 9);
    for ckr in VAGUE {
        // Nothing is unwrapped, so nothing is said of what was changed.
        card.inject(unwrap(ckr).from(3).times(1));
        let error = refused(card_options(&card), pin(card.user_pin()));
        assert!(matches!(error.kind(), TokenErrorKind::Undecided(..)), "{error}");
        says(&error, &["whether it unwraps keys that were changed"]);
        card.heal();
    }
}

#[test]
fn an_algorithm_that_is_lost_is_told_with_the_answer() {
    let card = Card::new();
    let lost = |function| Fault::answer(Ckr::MECHANISM_INVALID).on(function);
    for (fault, can, quirk) in [
        // The first is the question whether a key that wraps enciphers.
        (
            lost(Function::EncryptInit).from(2).times(1),
            (false, true),
            "no DES: keys of legacy PassTickets cannot be used (C_EncryptInit answered CKR_MECHANISM_INVALID)",
        ),
        (
            lost(Function::SignInit).times(1),
            (true, false),
            "no HMAC: keys of enhanced PassTickets cannot be used (C_SignInit answered CKR_MECHANISM_INVALID)",
        ),
    ] {
        let (_directory, engine) = attached(&card, fault);
        let info = engine.info();
        assert_eq!((info.capabilities.des, info.capabilities.hmac_sha512), can);
        assert!(info.quirks.contains(&Quirk::odd(quirk)), "{:?}", info.quirks);
    }
}

/// What a card can do is not lost for the whole connection because it broke at the wrong moment.
#[test]
fn an_algorithm_is_not_lost_by_an_accident() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let (block, info) = (rig.works(), rig.engine.info());
    for (whether, function, call) in [
        ("whether it computes DES", Function::EncryptInit, 2),
        ("whether it computes HMAC", Function::SignInit, 1),
        ("whether it wraps keys by RFC 3394", Function::WrapKey, 1),
        ("whether it takes an AES-256 key", Function::CreateObject, 1),
    ] {
        for ckr in [Ckr::GENERAL_ERROR, Ckr::DEVICE_ERROR, Ckr::HOST_MEMORY] {
            card.context().finalize().unwrap();
            // The proof that the master keys are there meets the end of its session first.
            let met = u64::from(function == Function::WrapKey);
            card.inject(Fault::answer(ckr).on(function).from(call + met).times(1));
            rig.fails_with(NO_ENGINE, &[whether, &ckr.to_string()]);
            // It was over by the time the status was asked for, which connects.
            assert_eq!(rig.works(), block);
            assert_eq!(rig.engine.info(), info);
        }
    }
}

#[test]
fn a_token_without_des_serves_hmac_keys_only() {
    let mechanisms = "CKM_AES_KEY_GEN,CKM_AES_KEY_WRAP,CKM_SHA512_HMAC,CKM_GENERIC_SECRET_KEY_GEN";
    let library = Library::try_isolated(&Configuration::new().set("slots.mechanisms", mechanisms)).unwrap();
    let (token, directory) = (library.token().unwrap(), TempDir::new().unwrap());
    let engine = Pkcs11::create(directory.path().join("registers"), options(&token), pin(token.user_pin())).unwrap();
    set_master_keys(&engine);
    let can = engine.info().capabilities;
    assert!(!can.des && can.hmac_sha512);
    let quirk = "no DES: keys of legacy PassTickets cannot be used (C_EncryptInit answered CKR_MECHANISM_INVALID)";
    assert!(engine.info().quirks.contains(&Quirk::odd(quirk)), "{:?}", engine.info().quirks);
    let refused = engine.generate(KeySpec::DES).unwrap_err();
    assert_eq!(*refused.kind(), EngineErrorKind::Unsupported(KeySpec::DES));
    engine.open(&engine.generate(KeySpec::hmac(64).unwrap()).unwrap()).unwrap();
}

#[test]
fn a_token_that_cannot_wrap_is_of_no_use() {
    let library =
        Library::try_isolated(&Configuration::new().set("slots.mechanisms", "CKM_AES_KEY_GEN,CKM_DES3_ECB")).unwrap();
    let token = library.token().unwrap();
    let error = refused(options(&token), pin(token.user_pin()));
    assert!(matches!(error.kind(), TokenErrorKind::Incapable(_)), "{error}");
}

#[test]
fn a_token_that_does_not_guard_its_keys_is_refused_unless_accepted() {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    // It says that it has wrapped what must not leave: both calls of the probe, after those for the known answer.
    let weak = || card.inject(Fault::answer(Ckr::new(0)).on(Function::WrapKey).from(3).times(2));
    let path = directory.path().join("registers");
    weak();
    let error = Pkcs11::create(&path, card_options(&card), pin(card.user_pin())).unwrap_err();
    assert!(matches!(error.kind(), TokenErrorKind::Weak(_)), "{error}");
    says(&error, &["can be wrapped by another", "accept_weak_token = true"]);
    card.heal();
    weak();
    let engine = Pkcs11::create(&path, card_options(&card).accept_weak_token(true), pin(card.user_pin())).unwrap();
    assert!(engine.info().is_weak());
    assert!(engine.info().quirks.iter().any(|quirk| quirk.to_string().starts_with("WEAK: a key that must not leave")));
    card.heal();
    let sound = Card::new();
    let engine = Pkcs11::create(directory.path().join("sound"), card_options(&sound), pin(sound.user_pin())).unwrap();
    assert!(!engine.info().is_weak(), "{:?}", engine.info().quirks);
}

/// The values of all keys of a session that can be read.
fn readable(card: &Card) -> Vec<Vec<u8>> {
    let session = card.session();
    let asked = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(false), Attribute::Private(true)];
    let keys = session.find_objects(&asked).unwrap();
    let values = keys.into_iter().flat_map(|key| session.get_attributes(key, &[AttributeType::Value]).unwrap());
    values.filter_map(|value| if let Attribute::Value(value) = value { Some(value) } else { None }).collect()
}

#[test]
fn an_opened_key_that_a_token_leaves_readable_is_made_sensitive_or_destroyed() {
    const READABLE: &str = "the value of an opened key can be read";
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let create = |name: &str, weak| {
        let options = card_options(&card).accept_weak_token(weak);
        Pkcs11::create(directory.path().join(name), options, pin(card.user_pin()))
    };
    // One that cannot be made sensitive is a weak one's.
    card.leave_keys_readable();
    card.inject(Fault::answer(Ckr::new(0x10)).on(Function::SetAttributeValue));
    says(&create("refused", false).unwrap_err(), &[READABLE, "accept_weak_token = true"]);
    let engine = create("accepted", true).unwrap();
    assert!(engine.info().quirks.contains(&Quirk::weak(READABLE)), "{:?}", engine.info().quirks);
    drop(engine);

    card.heal();
    card.leave_keys_readable();
    let engine = create("registers", false).unwrap();
    let quirks = engine.info().quirks;
    assert!(quirks.iter().any(|quirk| quirk.text.contains("until it is made sensitive")), "{quirks:?}");
    set_master_keys(&engine);
    for spec in [KeySpec::DES, KeySpec::hmac(64).unwrap()] {
        let wrapped = engine.generate(spec).unwrap();
        let opened = engine.open(&wrapped).unwrap();
        assert_eq!(readable(&card), Vec::<Vec<u8>>::new(), "{spec}");
        drop(opened);
        card.inject(Fault::answer(Ckr::new(0x10)).on(Function::SetAttributeValue));
        engine.open(&wrapped).unwrap_err();
        assert_eq!(readable(&card), Vec::<Vec<u8>>::new(), "{spec}");
        card.heal();
        card.leave_keys_readable();
    }
}

/// It is seen by the pattern, before the parts are forgotten.
#[test]
fn a_token_that_makes_another_master_key_than_it_was_given_is_found_out() {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let engine = Pkcs11::create(directory.path().join("registers"), card_options(&card), pin(card.user_pin())).unwrap();
    let load = |part, byte| {
        let value = icsf_core::ClearKey::new(vec![byte; 32]);
        engine.change_register(MasterKeyKind::Des, RegisterChange::Load(part, &value))
    };
    load(Part::First, 7).unwrap();
    // The sum so far is wrapped, and then the constant of the pattern; for each its length is asked for first. An answer
    // without output leaves zeros.
    card.inject(Fault::answer(Ckr::new(0)).on(Function::WrapKey).from(4).times(1));
    let error = load(Part::Final, 1).unwrap_err();
    assert!(error.to_string().contains("another master key than it was given"), "{error}");
    card.heal();
    assert_eq!(engine.master_keys().unwrap().des.new, NewRegister::Partial);
    load(Part::Final, 1).unwrap();
}

/// A token that is out of order for a moment gets no weaker master key for it.
#[test]
fn one_vague_answer_is_no_refusal_of_what_a_master_key_is_forbidden() {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let engine = Pkcs11::create(directory.path().join("registers"), card_options(&card), pin(card.user_pin())).unwrap();
    let value = icsf_core::ClearKey::new(vec![7; 32]);
    let load = |part| RegisterChange::Load(part, &value);
    engine.change_register(MasterKeyKind::Des, load(Part::First)).unwrap();
    let last = icsf_core::ClearKey::new(vec![1; 32]);
    let before = engine.info().quirks;
    for late in [false, true] {
        let fault = |function| {
            let fault = Fault::answer(Ckr::GENERAL_ERROR).on(function).times(1);
            if late { fault.late() } else { fault }
        };
        card.inject(fault(Function::GenerateKey));
        engine.change_register(MasterKeyKind::Aes, RegisterChange::Generate).unwrap();
        assert_eq!(engine.info().quirks, before, "late: {late}");
        engine.change_register(MasterKeyKind::Aes, RegisterChange::ClearNew).unwrap();
        card.heal();
        // After a key of the moment, by which the sum so far is taken out, the final part makes the master key.
        card.inject(fault(Function::CreateObject).from(2));
        engine.change_register(MasterKeyKind::Des, RegisterChange::Load(Part::Final, &last)).unwrap();
        assert_eq!(engine.info().quirks, before, "late: {late}");
        card.heal();
        engine.change_register(MasterKeyKind::Des, RegisterChange::ClearNew).unwrap();
        engine.change_register(MasterKeyKind::Des, load(Part::First)).unwrap();
    }
}

/// What a token did not take when a master key was made is seen in the key, so whoever comes later is told it too.
#[test]
fn what_a_master_key_is_not_forbidden_is_told_by_every_engine() {
    const ATTRIBUTE_TYPE_INVALID: Ckr = Ckr::new(0x12);
    const ANY_MECHANISM: &str = "it does not restrict a master key to one mechanism: new AES-MK";
    const COPIES: &str = "it does not forbid copies of a master key: new AES-MK";
    let card = Card::new();
    for (refusals, told) in [(0, &[][..]), (1, &[ANY_MECHANISM]), (2, &[COPIES, ANY_MECHANISM])] {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("registers");
        let engine = Pkcs11::create(&path, card_options(&card), pin(card.user_pin())).unwrap();
        let before = engine.info().quirks;
        card.inject(Fault::answer(ATTRIBUTE_TYPE_INVALID).on(Function::GenerateKey).times(refusals));
        engine.change_register(MasterKeyKind::Aes, RegisterChange::Generate).unwrap();
        card.heal();
        let mut expected = before.clone();
        expected.extend(told.iter().copied().map(Quirk::odd));
        assert_eq!(engine.info().quirks, expected);
        let later = Pkcs11::open(&path, card_options(&card), Some(pin(card.user_pin()))).unwrap();
        assert_eq!(later.info().quirks, expected);
        // It is about the keys there are.
        later.change_register(MasterKeyKind::Aes, RegisterChange::Zeroize).unwrap();
        assert_eq!(later.info().quirks, before);
    }
}
