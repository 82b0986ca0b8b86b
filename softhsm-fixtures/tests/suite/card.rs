//! A card that is pulled and put back.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::slot::Slot;
use softhsm_fixtures::{Card, Configuration, ErrorKind, Token};

use crate::support::{application, find_key, hmac_key, log_in, process, refusal, said, sign, slot, slots, wait_until};

#[test]
fn pulled_and_put_back_a_thousand_times() {
    let card = Card::new();
    let context = application(card.module());
    let slot = slot(&card);
    let mut session = log_in(&context, slot, card.user_pin()).unwrap();
    let mut key = hmac_key(&session, "key", true).unwrap();
    let mac = sign(&session, key).unwrap();
    for _ in 0..1000 {
        card.pull();
        assert!(card.is_pulled());
        assert!(matches!(refusal(sign(&session, key)), Some((RvError::DeviceRemoved, Function::SignInit))));
        assert!(matches!(refusal(context.open_ro_session(slot)), Some((RvError::TokenNotPresent, _))));
        assert!(matches!(refusal(context.get_token_info(slot)), Some((RvError::TokenNotPresent, _))));
        assert!(context.get_slots_with_token().unwrap().is_empty());

        card.put_back();
        assert!(!card.is_pulled());
        assert_eq!(slots(&context, card.label(), card.serial()), [slot]);
        let dead = refusal(sign(&session, key));
        assert!(matches!(dead, Some((RvError::SessionHandleInvalid, _))), "the session outlived the card: {dead:?}");

        session = log_in(&context, slot, card.user_pin()).expect("the login ended with the session");
        key = find_key(&session, "key").unwrap();
        assert_eq!(sign(&session, key).unwrap(), mac);
    }
}

#[test]
fn a_slot_without_its_card() {
    let card = Card::new();
    let context = application(card.module());
    let all = context.get_all_slots().unwrap();
    assert!(context.get_slot_info(slot(&card)).unwrap().token_present());
    card.pull();
    assert_eq!(context.get_all_slots().unwrap(), all);
    assert!(!context.get_slot_info(slot(&card)).unwrap().token_present());
    assert!(context.get_slot_info(slot(&card)).unwrap().removable_device());
    assert!(context.get_library_info().is_ok());
    card.put_back();
    assert!(context.get_slot_info(slot(&card)).unwrap().token_present());
}

#[test]
fn what_was_in_a_session_is_gone_even_if_nobody_called_meanwhile() {
    let card = Card::new();
    let context = application(card.module());
    let session = log_in(&context, slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", false).unwrap();
    card.pull();
    card.put_back();
    assert!(matches!(refusal(sign(&session, key)), Some((RvError::SessionHandleInvalid, _))));
    let session = log_in(&context, slot(&card), card.user_pin()).unwrap();
    assert!(session.find_objects(&[]).unwrap().is_empty());
}

#[test]
fn pulling_twice_is_pulling_once() {
    let card = Card::new();
    card.put_back();
    card.pull();
    card.pull();
    card.put_back();
    let context = application(card.module());
    assert!(log_in(&context, slot(&card), card.user_pin()).is_ok());
}

#[test]
fn a_module_is_initialized_while_the_card_is_away() {
    let card = Card::new();
    card.pull();
    let context = Pkcs11::new(card.module()).unwrap();
    assert!(matches!(refusal(context.get_slots_with_token()), Some((RvError::CryptokiNotInitialized, _))));
    let any = Slot::try_from(0u64).unwrap();
    assert!(matches!(refusal(context.open_ro_session(any)), Some((RvError::CryptokiNotInitialized, _))));
    let context = application(card.module());
    assert!(context.get_slots_with_token().unwrap().is_empty());
    card.put_back();
    assert!(log_in(&context, slot(&card), card.user_pin()).is_ok());
}

#[test]
fn three_cards_know_nothing_of_each_other() {
    let cards = [Card::new(), Card::new(), Card::new()];
    let contexts = cards.each_ref().map(|card| application(card.module()));
    let sessions = [0, 1, 2].map(|at| log_in(&contexts[at], slot(&cards[at]), cards[at].user_pin()).unwrap());
    let keys = [0, 1, 2].map(|at| hmac_key(&sessions[at], "key", true).unwrap());
    for (mine, context) in contexts.iter().enumerate() {
        for (theirs, card) in cards.iter().enumerate() {
            assert_eq!(slots(context, card.label(), card.serial()).len(), usize::from(mine == theirs));
        }
    }
    let before = [0, 1, 2].map(|at| cards[at].calls());
    cards[0].pull();
    contexts[1].clone().finalize().unwrap();
    assert!(matches!(refusal(sign(&sessions[0], keys[0])), Some((RvError::DeviceRemoved, _))));
    assert!(matches!(refusal(sign(&sessions[1], keys[1])), Some((RvError::CryptokiNotInitialized, _))));
    assert!(sign(&sessions[2], keys[2]).is_ok());
    assert_eq!(cards[0].calls().since(&before[0]).to_string(), "C_SignInit 1");
    assert_eq!(cards[1].calls().since(&before[1]).to_string(), "C_Finalize 1, C_SignInit 1");
    assert_eq!(cards[2].calls().since(&before[2]).to_string(), "C_SignInit 1, C_Sign 2");
}

#[test]
fn an_application_initializes_and_finalizes_a_card_as_it_likes() {
    let card = Card::new();
    let other = Card::new();
    let context = Pkcs11::new(card.module()).unwrap();
    assert_eq!(card.slot().unwrap_err().kind(), ErrorKind::Module);
    let arguments = || CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    let mut numbers = BTreeSet::new();
    for _ in 0..50 {
        context.initialize(arguments()).unwrap();
        assert!(matches!(refusal(context.initialize(arguments())), Some((RvError::CryptokiAlreadyInitialized, _))));
        // It changes the environment in between.
        application(other.module()).finalize().unwrap();
        assert_eq!(slots(&context, card.label(), card.serial()), [slot(&card)]);
        numbers.insert(card.slot().unwrap());
        context.clone().finalize().unwrap();
    }
    assert_eq!(numbers.len(), 1, "the slot keeps its number");
}

/// `SOFTHSM2_CONF` is one for all of them, so this is a test of the lock around it.
#[test]
fn modules_initialized_by_many_threads_at_once_each_have_their_own_tokens() {
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let card = Card::new();
                let context = Pkcs11::new(card.module()).unwrap();
                for _ in 0..50 {
                    context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
                    assert_eq!(context.get_slots_with_initialized_token().unwrap(), [slot(&card)]);
                    context.clone().finalize().unwrap();
                }
            });
            scope.spawn(|| {
                let token = Token::isolated();
                for _ in 0..50 {
                    token.library().finalize().unwrap();
                    token.library().initialize().unwrap();
                    token.slot().unwrap();
                }
            });
            scope.spawn(|| assert!(Token::shared().slot().is_ok()));
        }
    });
}

#[test]
fn a_card_can_lack_a_mechanism() {
    let card = Card::try_new(&Configuration::new().set("slots.mechanisms", "CKM_SHA512_HMAC")).unwrap();
    let offered = application(card.module()).get_mechanism_list(slot(&card)).unwrap();
    assert_eq!(offered, [MechanismType::SHA512_HMAC]);
}

#[test]
fn a_card_with_a_garbled_configuration_does_not_turn_to_the_tokens_of_the_system() {
    let card = Card::new();
    fs::write(card.module().with_file_name("softhsm2.conf"), "}{").unwrap();
    let context = Pkcs11::new(card.module()).unwrap();
    let refused = refusal(context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)));
    assert!(matches!(refused, Some((RvError::GeneralError, Function::Initialize))), "{refused:?}");
    assert!(matches!(refusal(context.get_all_slots()), Some((RvError::CryptokiNotInitialized, _))));
}

/// Ends the threads that work with a card, also if the test fails.
struct Last<'a>(&'a AtomicBool, &'a Card);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.pull();
    }
}

#[test]
fn nothing_crashes_when_cards_are_pulled_under_eight_busy_threads() {
    let card = Card::new();
    let context = application(card.module());
    let slot = slot(&card);
    hmac_key(&log_in(&context, slot, card.user_pin()).unwrap(), "key", true).unwrap();
    let (stop, made) = (AtomicBool::new(false), AtomicU64::new(0));
    let work = || -> Result<(), Error> {
        let session = context.open_rw_session(slot)?;
        match session.login(cryptoki::session::UserType::User, Some(&card.user_pin().expose().to_owned().into())) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(error),
        }
        let Some(key) = session.find_objects(&[])?.first().copied() else { return Ok(()) };
        loop {
            sign(&session, key)?;
            made.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let _last = Last(&stop, &card);
        for _ in 0..8 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let Some((answer, _)) = refusal(work()) else { continue };
                    let expected = matches!(
                        answer,
                        RvError::DeviceRemoved
                            | RvError::TokenNotPresent
                            | RvError::SessionHandleInvalid
                            // Another thread's login ended between this one's login and its use.
                            | RvError::UserNotLoggedIn
                            | RvError::KeyHandleInvalid
                            | RvError::ObjectHandleInvalid
                    );
                    assert!(expected, "{answer:?}");
                }
            });
        }
        for _ in 0..200 {
            let before = made.load(Ordering::Relaxed);
            wait_until("signatures are made", || made.load(Ordering::Relaxed) >= before + 5);
            card.pull();
            thread::yield_now();
            card.put_back();
        }
    });
    card.put_back();
    assert!(log_in(&context, slot, card.user_pin()).is_ok());
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_uses_a_card() {
    let [module, label, serial, pin] = ["MODULE", "LABEL", "SERIAL", "PIN"].map(|name| std::env::var(name).unwrap());
    let context = application(module);
    let slot = slots(&context, &label, &serial)[0];
    let session = context.open_rw_session(slot).unwrap();
    session.login(cryptoki::session::UserType::User, Some(&pin.into())).unwrap();
    let key = hmac_key(&session, "key", true).unwrap();
    let answer = loop {
        if let Some((answer, _)) = refusal(sign(&session, key)) {
            break answer;
        }
    };
    assert!(matches!(answer, RvError::DeviceRemoved), "{answer:?}");
    wait_until("the card is put back", || !context.get_slots_with_token().unwrap().is_empty());
    assert!(matches!(refusal(sign(&session, key)), Some((RvError::SessionHandleInvalid, _))));
}

#[test]
fn a_card_is_pulled_from_a_child_process() {
    let card = Card::new();
    let scratch = tempfile::tempdir().unwrap();
    let child = process("card::child_that_uses_a_card", scratch.path())
        .env("MODULE", card.module())
        .env("LABEL", card.label())
        .env("SERIAL", card.serial())
        .env("PIN", card.user_pin().expose())
        .env_remove("SOFTHSM2_CONF")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let wait_for = |function, more| {
        let before = card.calls().of(function);
        wait_until("the child calls the card", || card.calls().of(function) >= before + more);
    };
    wait_for(softhsm_fixtures::Function::Sign, 10);
    card.pull();
    wait_for(softhsm_fixtures::Function::GetSlotList, 2);
    card.put_back();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_dropped_card_answers_that_it_is_gone() {
    let card = Card::new();
    let context = application(card.module());
    let session = log_in(&context, slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", false).unwrap();
    drop(card);
    assert!(matches!(refusal(sign(&session, key)), Some((RvError::DeviceRemoved, _))));
    assert!(matches!(refusal(context.get_all_slots()), Some((RvError::DeviceRemoved, _))));
    assert!(context.clone().finalize().is_ok());
    let again = refusal(context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)));
    assert!(matches!(again, Some((RvError::DeviceRemoved, _))), "{again:?}");
}

#[test]
fn a_card_can_be_dropped_under_busy_threads() {
    for _ in 0..10 {
        let card = Card::new();
        let context = application(card.module());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let session = context.open_ro_session(slot(&card)).unwrap();
                thread::spawn(move || {
                    loop {
                        if let Some((answer, _)) = refusal(session.generate_random_vec(32)) {
                            return answer;
                        }
                    }
                })
            })
            .collect();
        wait_until("the card is busy", || card.calls().of(softhsm_fixtures::Function::GenerateRandom) > 100);
        drop(card);
        for thread in threads {
            assert!(matches!(thread.join().unwrap(), RvError::DeviceRemoved));
        }
    }
}

#[test]
fn the_shim_exports_two_names() {
    let card = Card::new();
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(card.module()).output().unwrap();
    assert!(output.status.success());
    let names: BTreeSet<_> =
        said(&output).lines().filter_map(|line| line.split(' ').next_back().map(str::to_owned)).collect();
    assert_eq!(names, BTreeSet::from(["C_GetFunctionList".to_owned(), "softhsm_shim_retire".to_owned()]));
}

#[test]
fn a_shim_that_lost_its_card_says_so() {
    let card = Card::new();
    let lonely = tempfile::tempdir().unwrap();
    let file = lonely.path().join("libcard.so");
    fs::copy(card.module(), &file).unwrap();
    assert!(matches!(refusal(Pkcs11::new(&file)), Some((RvError::GeneralError, Function::GetFunctionList))));
}

#[test]
fn a_card_can_be_initialized_anew() {
    let card = Card::new();
    let context = application(card.module());
    let so_pin = card.so_pin().expose().to_owned().into();
    context.init_token(slot(&card), &so_pin, card.label()).unwrap();
    let slot = slots(&context, card.label(), card.serial())[0];
    assert!(!context.get_token_info(slot).unwrap().user_pin_initialized());
}

#[test]
fn pins_of_a_card_do_not_show() {
    let card = Card::new();
    let shown = format!("{card:?}");
    assert!(!shown.contains(card.user_pin().expose()) && !shown.contains(card.so_pin().expose()), "{shown}");
}

#[cfg(feature = "sessions")]
#[test]
fn a_session_with_a_card_without_ceremony() {
    let card = Card::new();
    let session = card.session();
    let key = hmac_key(&session, "key", true).unwrap();
    card.pull();
    assert!(sign(&session, key).is_err());
    card.put_back();
    let session = card.session();
    assert!(sign(&session, find_key(&session, "key").unwrap()).is_ok());
    card.context().finalize().unwrap();
}

#[test]
fn all_sessions_can_be_closed_by_somebody_else() {
    let card = Card::new();
    assert!(card.close_all_sessions().is_err(), "before C_Initialize");
    let context = application(card.module());
    let session = log_in(&context, slot(&card), card.user_pin()).unwrap();
    let before = card.calls();
    card.close_all_sessions().unwrap();
    assert_eq!(card.calls().since(&before).of(softhsm_fixtures::Function::CloseAllSessions), 1);
    let closed = refusal(session.generate_random_vec(8)).map(|(value, _)| value);
    assert!(matches!(closed, Some(RvError::SessionHandleInvalid)), "{closed:?}");
    assert!(log_in(&context, slot(&card), card.user_pin()).is_ok(), "and the login is over");
}
