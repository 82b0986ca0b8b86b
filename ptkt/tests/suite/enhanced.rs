//! The enhanced algorithm: properties, calls to the key, failures of the key.

use proptest::prelude::*;
use ptkt::enhanced::{KEY_BYTES, Session, TicketType, check_key_length, generate_batch};
use ptkt::software::HmacKey;
use ptkt::{Applid, ErrorKind, GenerateError, Ticket, Timestamp, UserId, Verdict, Window};

use crate::engine::{Engine, Pulled};

const KEY: [u8; 64] = [0x5A; 64];
const UPPER: u64 = 1 << 41;
const MIXED: u64 = 1 << 48;

fn ibmuser() -> (UserId, Applid) {
    ("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap())
}

fn names() -> impl Strategy<Value = (UserId, Applid)> {
    ("[A-Z0-9@#$]{1,8}", "[A-Z0-9@#$]{1,8}").prop_map(|(user, appl)| (user.parse().unwrap(), appl.parse().unwrap()))
}

fn types() -> impl Strategy<Value = TicketType> {
    prop_oneof![Just(TicketType::Upper), Just(TicketType::Mixed)]
}

/// Times over all 48 bits, with the edges of both types more often than chance would have them.
fn times() -> impl Strategy<Value = u64> {
    prop_oneof![0..MIXED, 0..UPPER, 0..3_u64, UPPER - 2..UPPER + 2, MIXED - 3..MIXED]
}

fn period(ticket_type: TicketType) -> u64 {
    if ticket_type == TicketType::Upper { UPPER } else { MIXED }
}

fn session(key: &HmacKey, (user, appl): (UserId, Applid), ticket_type: TicketType) -> Session {
    let Ok(session) = Session::prepare(key, &user, &appl, ticket_type);
    session
}

proptest! {
    #[test]
    fn decoding_gives_the_second(
        key in prop::collection::vec(any::<u8>(), KEY_BYTES), names in names(), ticket_type in types(), time in times(),
    ) {
        let key = HmacKey::new(&key).unwrap();
        let session = session(&key, names, ticket_type);
        let ticket = session.generate(&key, time.into()).unwrap();
        let decoded = session.decode(&key, &ticket).unwrap().unwrap();
        prop_assert_eq!(decoded.as_secs(), time % period(ticket_type));
    }

    #[test]
    fn upper_tickets_repeat_after_2_to_the_41(names in names(), time in 0..UPPER, turns in 0..128_u64) {
        let key = HmacKey::new(&KEY).unwrap();
        let session = session(&key, names, TicketType::Upper);
        let [first, later] =
            [time, time + turns * UPPER].map(|time| session.generate(&key, time.into()).unwrap());
        prop_assert_eq!(first, later);
    }

    /// HMAC fills a short key up with zero bytes, so bytes of zero at its end change nothing.
    #[test]
    fn zero_bytes_at_the_end_of_a_key_do_not_matter(
        mut key in prop::collection::vec(any::<u8>(), 32..=128), time in times(),
    ) {
        let short = HmacKey::new(&key).unwrap();
        key.resize(128, 0);
        let long = HmacKey::new(&key).unwrap();
        let [a, b] = [short, long].map(|key| {
            session(&key, ibmuser(), TicketType::Mixed).generate(&key, time.into()).unwrap()
        });
        prop_assert_eq!(a, b);
    }

    #[test]
    fn the_clock_wraps(ticket_type in types(), time in times(), delta in -700_i64..=700, turns in 0..4_u64) {
        let key = HmacKey::new(&KEY).unwrap();
        let session = session(&key, ibmuser(), ticket_type);
        let window = Window::enhanced(600).unwrap();
        let ticket = session.generate(&key, time.into()).unwrap();
        let now = (turns * period(ticket_type)).wrapping_add(time).wrapping_add_signed(delta);
        let verdict = session.evaluate(&key, &ticket, now.into(), window).unwrap();
        prop_assert_eq!(verdict, window.judge(delta));
    }

    #[test]
    fn a_batch_is_its_tickets(
        requests in prop::collection::vec((names(), types(), times()), 0..40),
    ) {
        let key = HmacKey::new(&KEY).unwrap();
        let sessions: Vec<_> =
            requests.iter().map(|(names, ticket_type, _)| session(&key, *names, *ticket_type)).collect();
        let requests: Vec<_> = sessions
            .iter()
            .zip(&requests)
            .map(|(session, (_, _, time))| (session, Timestamp::from_secs(*time)))
            .collect();
        let batch = generate_batch(&key, &requests).unwrap();
        let single: Vec<_> =
            requests.iter().map(|(session, time)| session.generate(&key, *time).unwrap()).collect();
        prop_assert_eq!(batch, single);
    }

    /// The oracle is the way without inversion: make every ticket of the window and look.
    #[test]
    fn evaluation_agrees_with_a_scan(
        names in names(), ticket_type in types(), now in 10..UPPER - 10, made in -5_i64..=5,
        changed in prop::option::of((0..8_usize, "[A-Z0-9]")),
    ) {
        let key = HmacKey::new(&KEY).unwrap();
        let session = session(&key, names, ticket_type);
        let at = |delta: i64| Timestamp::from_secs(now.wrapping_add_signed(-delta));
        let mut text = session.generate(&key, at(made)).unwrap().expose().to_owned();
        if let Some((position, character)) = changed {
            text.replace_range(position..=position, &character);
        }
        let ticket: Ticket = text.parse().unwrap();
        let found = (-3..=3).find(|&delta| session.generate(&key, at(delta)).unwrap() == ticket);
        let window = Window::enhanced(3).unwrap();
        let verdict = session.evaluate(&key, &ticket, now.into(), window).unwrap();
        prop_assert_eq!(verdict.is_accepted().then(|| verdict.delta().unwrap()), found);
    }
}

#[test]
fn one_call_to_prepare_and_six_for_a_ticket() {
    let key = Engine::counting(HmacKey::new(&KEY).unwrap());
    let (user, appl) = ibmuser();
    let now = Timestamp::from_secs(1_700_000_000);
    for ticket_type in [TicketType::Upper, TicketType::Mixed] {
        let session = Session::prepare(&key, &user, &appl, ticket_type).unwrap();
        assert_eq!((key.inputs(), key.calls()), (1, 1));
        let ticket = session.generate(&key, now).unwrap();
        assert_eq!((key.inputs(), key.calls()), (6, 6));
        session.decode(&key, &ticket).unwrap();
        assert_eq!((key.inputs(), key.calls()), (6, 6));
        let verdict = session.evaluate(&key, &ticket, now, Window::legacy()).unwrap();
        assert_eq!(verdict, Verdict::Accepted { delta: 0 });
        assert_eq!((key.inputs(), key.calls()), (6, 6));
    }
}

#[test]
fn a_batch_makes_one_call_per_round() {
    let key = Engine::counting(HmacKey::new(&KEY).unwrap());
    let (user, appl) = ibmuser();
    let session = Session::prepare(&key, &user, &appl, TicketType::Mixed).unwrap();
    key.calls();

    let requests: Vec<_> = (0..100).map(|time| (&session, Timestamp::from_secs(time))).collect();
    assert_eq!(generate_batch(&key, &requests).unwrap().len(), 100);
    assert_eq!((key.inputs(), key.calls()), (600, 6));

    assert!(generate_batch(&key, &[]).unwrap().is_empty());
    assert_eq!(key.calls(), 0);
}

#[test]
fn what_cannot_be_a_ticket_costs_no_call() {
    let key = Engine::counting(HmacKey::new(&KEY).unwrap());
    let (user, appl) = ibmuser();
    for (ticket_type, texts) in [
        (TicketType::Upper, &["pqzissRU", "1TAR4UN ", "@TAR4UNX", "ZZZZZZZZ", "S27TO3CW"][..]),
        (TicketType::Mixed, &["pqzissR ", "@qzissRU", "pqzi.sRU"][..]),
    ] {
        let session = Session::prepare(&key, &user, &appl, ticket_type).unwrap();
        key.calls();
        for text in texts {
            let ticket = text.parse().unwrap();
            assert_eq!(session.decode(&key, &ticket).unwrap(), None, "{text}");
            let verdict = session.evaluate(&key, &ticket, 0.into(), Window::legacy()).unwrap();
            assert_eq!(verdict, Verdict::NotATicket, "{text}");
        }
        let late = Timestamp::from_secs(1 << 48);
        assert!(matches!(session.generate(&key, late), Err(GenerateError::Time(_))));
        let batch = [(&session, Timestamp::from_secs(0)), (&session, late)];
        let Err(GenerateError::Time(error)) = generate_batch(&key, &batch) else {
            panic!("the second time does not fit");
        };
        assert_eq!(error.kind(), ErrorKind::Time);
        assert_eq!(error.to_string(), "time 281474976710656 does not fit the 48 bits of an enhanced ticket");
        assert_eq!(key.calls(), 0);
    }
}

/// The engine goes away at every call there is, one after the other.
#[test]
fn a_pulled_engine_gives_an_error_and_no_ticket() {
    let (user, appl) = ibmuser();
    let sound = HmacKey::new(&KEY).unwrap();
    let session = session(&sound, (user, appl), TicketType::Upper);
    let now = Timestamp::from_secs(1_700_000_000);
    let ticket = session.generate(&sound, now).unwrap();
    let pulled = |call| Engine::failing_at(HmacKey::new(&KEY).unwrap(), call);

    let error = Session::prepare(&pulled(1), &user, &appl, TicketType::Upper).unwrap_err();
    assert_eq!(error, Pulled { call: 1 });
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
fn hmac_keys_have_32_to_256_bytes() {
    for length in [32, 256] {
        assert!(check_key_length(length).is_ok() && HmacKey::new(&vec![0; length]).is_ok());
    }
    for length in [0, 31, 257] {
        let error = HmacKey::new(&vec![0; length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyLength);
        assert_eq!(error.to_string(), format!("an enhanced key has 32 to 256 bytes, this one has {length}"));
        assert_eq!(check_key_length(length).unwrap_err().to_string(), error.to_string());
    }
}

#[test]
fn types_are_upper_and_mixed() {
    assert_eq!(TicketType::default(), TicketType::Mixed);
    for ticket_type in [TicketType::Upper, TicketType::Mixed] {
        assert_eq!(ticket_type.to_string().parse::<TicketType>().unwrap(), ticket_type);
    }
    let error = "LOWER".parse::<TicketType>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TicketType);
    assert_eq!(error.to_string(), r#"ticket type "LOWER" is neither UPPER nor MIXED"#);
}
