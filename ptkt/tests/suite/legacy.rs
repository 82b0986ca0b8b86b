//! The legacy algorithm: properties, calls to the key, failures of the key.

use proptest::prelude::*;
use ptkt::legacy::{Session, generate_batch, translate, untranslate};
use ptkt::software::DesKey;
use ptkt::{Applid, ErrorKind, GenerateError, Ticket, Timestamp, UserId, Verdict, Window};

use crate::engine::{Engine, Pulled};

const KEY: [u8; 8] = [0xE0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77];

fn ibmuser() -> (UserId, Applid) {
    ("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap())
}

fn names() -> impl Strategy<Value = (UserId, Applid)> {
    ("[A-Z0-9@#$]{1,8}", "[A-Z0-9@#$]{1,8}").prop_map(|(user, appl)| (user.parse().unwrap(), appl.parse().unwrap()))
}

fn session(key: &DesKey, (user, appl): (UserId, Applid)) -> Session {
    let Ok(session) = Session::prepare(key, &user, &appl);
    session
}

/// Times over the whole field, with its edges more often than chance would have them.
fn times() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), 0..3_u32, (u32::MAX - 2)..=u32::MAX, (1 << 31) - 2..(1 << 31) + 2_u32]
}

proptest! {
    #[test]
    fn decoding_gives_the_second(key: [u8; 8], names in names(), time in times()) {
        let key = DesKey::new(&key).unwrap();
        let session = session(&key, names);
        let time = Timestamp::from_secs(time.into());
        let ticket = session.generate(&key, time).unwrap();
        prop_assert_eq!(session.decode(&key, &ticket).unwrap(), Some(time));
    }

    #[test]
    fn parity_does_not_matter(key: [u8; 8], flips: [bool; 8], names in names(), time in times()) {
        let mut other = key;
        for (byte, flip) in other.iter_mut().zip(flips) {
            *byte ^= u8::from(flip);
        }
        let time = Timestamp::from_secs(time.into());
        let [a, b] = [key, other].map(|key| {
            let key = DesKey::new(&key).unwrap();
            session(&key, names).generate(&key, time).unwrap()
        });
        prop_assert_eq!(a, b);
    }

    #[test]
    fn translation_is_one_to_one(result5: u32) {
        prop_assert_eq!(untranslate(&translate(result5)), Some(result5));
    }

    /// Of two texts that differ in one character at most one is the text of a given number.
    #[test]
    fn no_two_texts_share_a_number(result5: u32, position in 0..8_usize, character in "[A-Z0-9]") {
        let mut text = translate(result5).expose().to_owned();
        text.replace_range(position..=position, &character);
        let ticket: Ticket = text.parse().unwrap();
        if let Some(other) = untranslate(&ticket) {
            prop_assert_eq!(translate(other), ticket);
        }
    }

    /// The clock is a ring: a ticket judged across the wrap in 2106 keeps its distance.
    #[test]
    fn the_clock_wraps(time in times(), delta in -700_i64..=700, turns in 0_u64..4) {
        let key = DesKey::new(&KEY).unwrap();
        let session = session(&key, ibmuser());
        let ticket = session.generate(&key, Timestamp::from_secs(time.into())).unwrap();
        let now = (turns << 32).wrapping_add(u64::from(time)).wrapping_add_signed(delta);
        let verdict = session.evaluate(&key, &ticket, now.into(), Window::legacy()).unwrap();
        prop_assert_eq!(verdict, Window::legacy().judge(delta));
    }

    #[test]
    fn a_batch_is_its_tickets(key: [u8; 8], requests in prop::collection::vec((names(), times()), 0..40)) {
        let key = DesKey::new(&key).unwrap();
        let sessions: Vec<_> = requests.iter().map(|(names, _)| session(&key, *names)).collect();
        let requests: Vec<_> = sessions
            .iter()
            .zip(&requests)
            .map(|(session, (_, time))| (session, Timestamp::from_secs((*time).into())))
            .collect();
        let batch = generate_batch(&key, &requests).unwrap();
        let single: Vec<_> =
            requests.iter().map(|(session, time)| session.generate(&key, *time).unwrap()).collect();
        prop_assert_eq!(batch, single);
    }

    /// The oracle is the way without inversion: make every ticket of the window and look.
    #[test]
    fn evaluation_agrees_with_a_scan(
        names in names(), now in 10_u32.., made in -5_i64..=5, changed in prop::option::of((0..8_usize, "[A-Z0-9]")),
    ) {
        let key = DesKey::new(&KEY).unwrap();
        let session = session(&key, names);
        let window = Window::enhanced(3).unwrap();
        let at = |delta: i64| Timestamp::from_secs(u64::from(now).wrapping_add_signed(-delta) % (1 << 32));
        let mut text = session.generate(&key, at(made)).unwrap().expose().to_owned();
        if let Some((position, character)) = changed {
            text.replace_range(position..=position, &character);
        }
        let ticket: Ticket = text.parse().unwrap();
        let found = (-3..=3).find(|&delta| session.generate(&key, at(delta)).unwrap() == ticket);
        let verdict =
            session.evaluate(&key, &ticket, Timestamp::from_secs(now.into()), window).unwrap();
        prop_assert_eq!(verdict.is_accepted().then(|| verdict.delta().unwrap()), found);
    }
}

#[test]
fn two_calls_to_prepare_and_six_for_a_ticket() {
    let key = Engine::counting(DesKey::new(&KEY).unwrap());
    let (user, appl) = ibmuser();
    let now = Timestamp::from_secs(1_700_000_000);

    let session = Session::prepare(&key, &user, &appl).unwrap();
    assert_eq!((key.inputs(), key.calls()), (2, 2));
    let ticket = session.generate(&key, now).unwrap();
    assert_eq!((key.inputs(), key.calls()), (6, 6));
    session.decode(&key, &ticket).unwrap();
    assert_eq!((key.inputs(), key.calls()), (6, 6));
    let verdict = session.evaluate(&key, &ticket, now, Window::legacy()).unwrap();
    assert_eq!(verdict, Verdict::Accepted { delta: 0 });
    assert_eq!((key.inputs(), key.calls()), (6, 6));
}

#[test]
fn a_batch_makes_one_call_per_round() {
    let key = Engine::counting(DesKey::new(&KEY).unwrap());
    let (user, appl) = ibmuser();
    let session = Session::prepare(&key, &user, &appl).unwrap();
    key.calls();

    let requests: Vec<_> = (0..100).map(|time| (&session, Timestamp::from_secs(time))).collect();
    assert_eq!(generate_batch(&key, &requests).unwrap().len(), 100);
    assert_eq!((key.inputs(), key.calls()), (600, 6));

    assert!(generate_batch(&key, &[]).unwrap().is_empty());
    assert_eq!(key.calls(), 0);
}

#[test]
fn what_cannot_be_a_ticket_costs_no_call() {
    let key = Engine::counting(DesKey::new(&KEY).unwrap());
    let (user, appl) = ibmuser();
    let session = Session::prepare(&key, &user, &appl).unwrap();
    key.calls();

    for text in ["PASSWORD", "ZVQLMCAA", "zvqlmcan", "@VQLMCAN", "ZVQLMCA ", "99999999"] {
        let ticket = text.parse().unwrap();
        assert_eq!(session.decode(&key, &ticket).unwrap(), None, "{text}");
        let verdict = session.evaluate(&key, &ticket, 0.into(), Window::legacy()).unwrap();
        assert_eq!(verdict, Verdict::NotATicket, "{text}");
    }
    let late = Timestamp::from_secs(1 << 32);
    assert!(matches!(session.generate(&key, late), Err(GenerateError::Time(_))));
    let batch = [(&session, Timestamp::from_secs(0)), (&session, late)];
    let Err(GenerateError::Time(error)) = generate_batch(&key, &batch) else {
        panic!("the second time does not fit");
    };
    assert_eq!(error.kind(), ErrorKind::Time);
    assert_eq!(error.to_string(), "time 4294967296 does not fit the 32 bits of a legacy ticket");
    assert_eq!(key.calls(), 0);
}

/// The engine goes away at every call there is, one after the other.
#[test]
fn a_pulled_engine_gives_an_error_and_no_ticket() {
    let (user, appl) = ibmuser();
    let sound = DesKey::new(&KEY).unwrap();
    let session = session(&sound, (user, appl));
    let now = Timestamp::from_secs(1_700_000_000);
    let ticket = session.generate(&sound, now).unwrap();
    let pulled = |call| Engine::failing_at(DesKey::new(&KEY).unwrap(), call);

    for call in 1..=2 {
        let error = Session::prepare(&pulled(call), &user, &appl).unwrap_err();
        assert_eq!(error, Pulled { call });
    }
    for call in 1..=6 {
        let expected = Pulled { call };
        let Err(GenerateError::Key(error)) = session.generate(&pulled(call), now) else {
            panic!("a ticket without engine, call {call}");
        };
        assert_eq!(error, expected);
        let Err(GenerateError::Key(error)) = generate_batch(&pulled(call), &[(&session, now), (&session, now)]) else {
            panic!("a batch without engine, call {call}");
        };
        assert_eq!(error, expected);
        assert_eq!(session.decode(&pulled(call), &ticket).unwrap_err(), expected);
        let verdict = session.evaluate(&pulled(call), &ticket, now, Window::legacy());
        assert_eq!(verdict.unwrap_err(), expected);
    }
    assert_eq!(session.generate(&pulled(7), now).unwrap(), ticket);
}

#[test]
fn des_keys_have_eight_bytes() {
    for length in [0, 7, 9, 16] {
        let error = DesKey::new(&vec![0; length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyLength);
        assert_eq!(error.to_string(), format!("a legacy key has 8 bytes, this one has {length}"));
    }
}
