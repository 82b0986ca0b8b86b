//! Faults that are injected at a call.

use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, Rv, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::UserType;
use softhsm_fixtures::{Card, Ckr, Fault, Function};

use crate::support::{application, find_key, hmac_key, log_in, refusal, sign, slot, wrapping_key};

/// A card with a wrapping key, and a key wrapped under it.
struct Prepared {
    card: Card,
    context: Pkcs11,
    wrapped: Vec<u8>,
    mac: Vec<u8>,
}

fn prepared() -> Prepared {
    let card = Card::new();
    let context = application(card.module());
    let session = log_in(&context, slot(&card), card.user_pin()).unwrap();
    let wrapping = wrapping_key(&session, "wrapping").unwrap();
    let template =
        [Attribute::Sign(true), Attribute::Extractable(true), Attribute::ValueLen(64.into()), Attribute::Token(false)];
    let key = session.generate_key(&Mechanism::GenericSecretKeyGen, &template).unwrap();
    let mut wrapped = session.wrap_key(&Mechanism::AesKeyWrap, wrapping, key).unwrap();
    wrapped.truncate(72);
    let mac = sign(&session, key).unwrap();
    Prepared { card, context, wrapped, mac }
}

impl Prepared {
    /// Open a session, log in, find, unwrap, sign, destroy.
    fn use_once(&self) -> Result<Vec<u8>, Error> {
        let session = self.context.open_rw_session(slot(&self.card))?;
        match session.login(UserType::User, Some(&self.card.user_pin().expose().to_owned().into())) {
            // A fault may have kept an earlier session from being closed.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(error),
        }
        let wrapping =
            *session.find_objects(&[Attribute::Label("wrapping".into())])?.first().ok_or(Error::InvalidValue)?;
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(false),
            Attribute::Sign(true),
        ];
        let key = session.unwrap_key(&Mechanism::AesKeyWrap, wrapping, &self.wrapped, &template)?;
        let mac = sign(&session, key)?;
        session.destroy_object(key)?;
        Ok(mac)
    }

    /// The number of calls in it, and the number of those whose failure its caller hears of.
    fn calls(&self) -> (u64, u64) {
        let before = self.card.calls();
        assert_eq!(self.use_once().unwrap(), self.mac);
        let calls = self.card.calls().since(&before);
        // The session is closed when it is dropped, and nobody looks at that answer.
        assert_eq!(calls.of(Function::CloseSession), 1);
        (calls.total(), calls.total() - 1)
    }
}

fn raw(error: RvError) -> u64 {
    match error {
        RvError::GeneralError => 0x05,
        RvError::DeviceRemoved => 0x32,
        RvError::TokenNotPresent => 0xe0,
        RvError::VendorDefined(_) => 0x8000_0000,
        error => panic!("unexpected answer {error:?}"),
    }
}

#[test]
fn a_failure_at_each_of_the_first_twenty_calls_is_heard_and_healed() {
    let it = prepared();
    let (all, heard) = it.calls();
    assert!((10..20).contains(&all), "{all} calls");
    for ckr in [Ckr::DEVICE_REMOVED, Ckr::TOKEN_NOT_PRESENT, Ckr::GENERAL_ERROR, Ckr::new(0x8000_0000)] {
        for call in 1..=20 {
            it.card.fail_from(call, ckr);
            let result = it.use_once();
            if call <= heard {
                let (answer, function) = refusal(result).unwrap_or_else(|| panic!("{ckr} at call {call} unheard"));
                assert_eq!(Ckr::new(raw(answer)), ckr, "call {call}, {function}");
            } else {
                assert_eq!(result.unwrap(), it.mac);
            }
            it.card.heal();
            assert_eq!(it.use_once().unwrap(), it.mac, "after {ckr} at call {call}");
        }
    }
}

#[test]
fn a_card_pulled_at_each_of_the_first_twenty_calls_works_again_when_it_is_back() {
    let it = prepared();
    let (all, heard) = it.calls();
    for call in 1..=20 {
        it.card.pull_at(call);
        let result = it.use_once();
        assert_eq!(it.card.is_pulled(), call <= all, "call {call}");
        match call <= heard {
            true => {
                let (answer, _) = refusal(result).unwrap_or_else(|| panic!("removal at call {call} unheard"));
                assert!(matches!(answer, RvError::DeviceRemoved | RvError::TokenNotPresent), "{answer:?}");
            }
            false => assert_eq!(result.unwrap(), it.mac),
        }
        it.card.put_back();
        it.card.heal();
        assert_eq!(it.use_once().unwrap(), it.mac, "after a removal at call {call}");
    }
}

#[test]
fn faults_are_for_so_many_calls() {
    let it = prepared();
    let session = log_in(&it.context, slot(&it.card), it.card.user_pin()).unwrap();
    let probe = || session.generate_random_vec(1).map(drop);
    it.card.fail_next(3, Ckr::DEVICE_ERROR);
    for _ in 0..3 {
        assert!(matches!(refusal(probe()), Some((RvError::DeviceError, _))));
    }
    for _ in 0..10 {
        probe().unwrap();
    }
    it.card.inject(Fault::answer(Ckr::DEVICE_MEMORY).from(2).times(2));
    let answers: Vec<_> = (0..4).map(|_| probe().is_ok()).collect();
    assert_eq!(answers, [true, false, false, true]);
}

#[test]
fn faults_can_be_for_one_function_and_do_not_count_others() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", false).unwrap();
    card.inject(Fault::answer(Ckr::DEVICE_ERROR).on(Function::SignInit).from(2));
    card.inject(Fault::answer(Ckr::DEVICE_MEMORY).on(Function::GenerateRandom));
    assert!(matches!(refusal(session.generate_random_vec(1)), Some((RvError::DeviceMemory, _))));
    assert!(sign(&session, key).is_ok());
    assert!(matches!(refusal(sign(&session, key)), Some((RvError::DeviceError, _))));
    assert!(find_key(&session, "key").is_ok());
    card.heal();
    assert!(sign(&session, key).is_ok());
    assert!(session.generate_random_vec(1).is_ok());
}

#[test]
fn a_late_failure_comes_after_the_work() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    card.inject(Fault::answer(Ckr::GENERAL_ERROR).on(Function::GenerateKey).times(1).late());
    assert!(matches!(refusal(hmac_key(&session, "key", true)), Some((RvError::GeneralError, _))));
    assert!(find_key(&session, "key").is_ok(), "the key was made");
    card.inject(Fault::answer(Ckr::GENERAL_ERROR).on(Function::GenerateKey).times(1));
    assert!(hmac_key(&session, "other", true).is_err());
    assert!(session.find_objects(&[Attribute::Label("other".into())]).unwrap().is_empty());
}

#[test]
fn a_failure_alone_ends_no_session() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", false).unwrap();
    card.fail_next(1, Ckr::DEVICE_REMOVED);
    assert!(sign(&session, key).is_err());
    assert!(sign(&session, key).is_ok());
}

#[test]
fn faults_that_are_used_up_make_room_and_a_seventeenth_is_refused() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    for _ in 0..100 {
        card.fail_next(1, Ckr::DEVICE_ERROR);
        assert!(session.generate_random_vec(1).is_err());
    }
    for _ in 0..16 {
        card.inject(Fault::answer(Ckr::DEVICE_ERROR).on(Function::Logout));
    }
    let one_more = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| card.fail_from(1, Ckr::DEVICE_ERROR)));
    assert!(one_more.is_err());
    assert!(session.generate_random_vec(1).is_ok());
}

#[test]
fn calls_take_longer() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    let timed = || {
        let begin = Instant::now();
        session.generate_random_vec(1).unwrap();
        begin.elapsed()
    };
    let by = Duration::from_millis(20);
    card.delay(by);
    assert!(timed() >= by);
    card.delay(Duration::ZERO);
    card.inject(Fault::delay(by).on(Function::GenerateRandom).from(2).times(1));
    timed();
    assert!(timed() >= by);
    card.delay(Duration::from_secs(3600));
    card.heal();
    assert!(timed() < Duration::from_secs(3600));
}

#[test]
fn what_a_signature_costs_is_counted() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", false).unwrap();
    let before = card.calls();
    assert_eq!(before.of(Function::Initialize), 1);
    for _ in 0..5 {
        sign(&session, key).unwrap();
    }
    let cost = card.calls().since(&before);
    assert_eq!((cost.of(Function::SignInit), cost.of(Function::Sign), cost.total()), (5, 10, 15));
    assert_eq!(cost.iter().collect::<Vec<_>>(), [(Function::SignInit, 5), (Function::Sign, 10)]);
    assert_eq!(cost.to_string(), "C_SignInit 5, C_Sign 10");
    card.pull();
    assert!(sign(&session, key).is_err());
    assert_eq!(card.calls().since(&before).of(Function::SignInit), 6, "calls that fail count too");
    let quiet = card.calls();
    card.slot().unwrap();
    assert_eq!(card.calls(), quiet, "the fixture's own calls do not count");
}

#[test]
fn answers_have_the_names_of_the_standard() {
    assert_eq!(Ckr::DEVICE_REMOVED.to_string(), "CKR_DEVICE_REMOVED");
    assert_eq!(Ckr::from(0x1234).to_string(), "CKR 0x1234");
    assert_eq!(Function::InitPin.name(), "C_InitPIN");
    assert!(matches!(Rv::from(Ckr::PIN_LOCKED.value()), Rv::Error(RvError::PinLocked)));
}
