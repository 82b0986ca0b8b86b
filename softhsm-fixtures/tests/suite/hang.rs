//! Calls that do not return.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cryptoki::error::RvError;
use softhsm_fixtures::{Card, Fault, Function};

use crate::support::{application, hmac_key, log_in, process, refusal, said, sign, slot};

/// Long enough on any machine, and never waited for.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_call_hangs_until_it_is_released_and_then_goes_on() {
    let card = Card::new();
    let context = application(card.module());
    let keeper = log_in(&context, slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&keeper, "key", true).unwrap();
    for _ in 0..20 {
        card.hang();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let session = context.open_ro_session(slot(&card)).unwrap();
                        sign(&session, key).unwrap()
                    })
                })
                .collect();
            assert!(card.wait_for_hanging(4, LONG));
            assert!(threads.iter().all(|thread| !thread.is_finished()));
            card.release();
            for thread in threads {
                assert_eq!(thread.join().unwrap().len(), 64);
            }
        });
        assert_eq!(card.hanging(), 0);
    }
}

#[test]
fn one_function_hangs_and_the_others_go_on() {
    let card = Card::new();
    let context = application(card.module());
    let session = log_in(&context, slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", true).unwrap();
    card.inject(Fault::hang().on(Function::Sign).from(2).times(1));
    thread::scope(|scope| {
        let signing = scope.spawn(move || sign(&session, key));
        assert!(card.wait_for_hanging(1, LONG));
        let other = context.open_ro_session(slot(&card)).unwrap();
        other.generate_random_vec(8).unwrap();
        card.release();
        assert!(signing.join().unwrap().is_ok());
    });
}

#[test]
fn a_card_pulled_while_a_call_hangs_is_found_gone_when_the_call_goes_on() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", true).unwrap();
    card.hang();
    thread::scope(|scope| {
        let signing = scope.spawn(move || refusal(sign(&session, key)));
        assert!(card.wait_for_hanging(1, LONG));
        card.pull();
        card.release();
        assert!(matches!(signing.join().unwrap(), Some((RvError::DeviceRemoved, _))));
    });
}

#[test]
fn dropping_the_card_lets_the_call_go() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", true).unwrap();
    card.hang();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(refusal(sign(&session, key))).unwrap());
    assert!(card.wait_for_hanging(1, LONG));
    drop(card);
    assert!(matches!(receive.recv_timeout(LONG).unwrap(), Some((RvError::DeviceRemoved, _))));
}

#[test]
fn waiting_for_a_call_that_does_not_come_ends() {
    let card = Card::new();
    card.hang();
    assert!(!card.wait_for_hanging(1, Duration::ZERO));
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_ends_while_a_call_hangs() {
    let card = Card::new();
    let session = log_in(&application(card.module()), slot(&card), card.user_pin()).unwrap();
    let key = hmac_key(&session, "key", true).unwrap();
    card.hang();
    thread::spawn(move || sign(&session, key));
    assert!(card.wait_for_hanging(1, LONG));
    std::mem::forget(card);
}

#[test]
fn a_process_ends_though_a_call_hangs() {
    let scratch = tempfile::tempdir().unwrap();
    let output = process("hang::child_that_ends_while_a_call_hangs", scratch.path()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}
