//! The worked examples with every intermediate value.

use std::cell::RefCell;
use std::convert::Infallible;

use super::*;
use crate::software::HmacKey;

/// Writes down the messages and the MACs.
struct Recording(HmacKey, RefCell<Vec<(Vec<u8>, [u8; 64])>>);

impl HmacSha512 for Recording {
    type Error = Infallible;

    fn hmac(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), Infallible> {
        self.0.hmac(messages, macs)?;
        self.1.borrow_mut().push((messages[0].to_vec(), macs[0]));
        Ok(())
    }
}

const IDS: [u8; 16] = *b"\xC9\xC2\xD4\xE4\xE2\xC5\xD9\x40\xE3\xE2\xD6\xD9\xF0\xF0\xF1\x40";

/// IBMUSER at TSOR001, 1700000000, key 00 01 .. 3F: x, L, R of each round.
fn worked_example(ticket_type: TicketType, rounds: [(u32, u32, u32); 6], result5: u64, ticket: &str) {
    let key = HmacKey::new(&std::array::from_fn::<u8, 64, _>(|i| i.try_into().unwrap())).unwrap();
    let key = Recording(key, RefCell::default());
    let (user, appl) = ("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap());

    let Ok(session) = Session::prepare(&key, &user, &appl, ticket_type);
    let (message, h) = key.1.take().pop().unwrap();
    assert_eq!(message, IDS, "ids");
    assert_eq!(h[..16], *b"\xE2\x8C\x09\xA5\xEA\xC6\xAB\x0F\x90\x25\x19\x68\xFA\x12\x14\x17", "h");
    assert_eq!((session.ids, session.h), (IDS, 0xE28C_09A5_EAC6));

    let result4 = session.lane_for(Timestamp::from_secs(1_700_000_000)).unwrap().bits();
    assert_eq!(result4, 0xE28C_6CF6_1BC6);
    let mut lane = [Lane::new(&session, result4)];
    let mut macs = [[0; 64]];
    let Ok(()) = encode(&key, &mut lane, &mut macs);
    let mut half = 0x00F6_1BC6_u32;
    for (round, (expected, (message, mac))) in (1..).zip(rounds.iter().zip(key.1.take())) {
        let (x, l, r) = *expected;
        let hashed = [&half.to_be_bytes()[1..], &[round], &IDS].concat();
        assert_eq!(message, hashed, "round {round}: R || i || ids");
        assert_eq!(mac[..3], x.to_be_bytes()[1..], "round {round}: x");
        assert_eq!(half, l, "round {round}: L");
        half = r;
    }
    assert_eq!((lane[0].left, lane[0].right), (rounds[5].1, rounds[5].2), "L and R");
    assert_eq!(lane[0].bits(), result5, "result5");
    assert_eq!(to_text(ticket_type, result5).expose(), ticket);
    assert_eq!(from_text(ticket_type, &ticket.parse().unwrap()), Some(result5));
}

#[test]
fn worked_example_upper() {
    let rounds = [
        (0x57_5F73, 0xF6_1BC6, 0x01_D31F),
        (0x93_6CF3, 0x01_D31F, 0x65_7735),
        (0x6A_C834, 0x65_7735, 0x01_1B2B),
        (0x14_2E52, 0x01_1B2B, 0x71_5967),
        (0xB1_3A33, 0x71_5967, 0x00_2118),
        (0x35_BE5A, 0x00_2118, 0x44_E73D),
    ];
    worked_example(TicketType::Upper, rounds, 0x0021_1844_E73D, "1TAR4UNX");
}

#[test]
fn worked_example_mixed() {
    let rounds = [
        (0x57_5F73, 0xF6_1BC6, 0xB5_D31F),
        (0xB2_5BD3, 0xB5_D31F, 0x44_4015),
        (0x6B_EAC3, 0x44_4015, 0xDE_39DC),
        (0x3C_2094, 0xDE_39DC, 0x78_6081),
        (0x11_76B0, 0x78_6081, 0xCF_4F6C),
        (0xA3_065F, 0xCF_4F6C, 0xDB_66DE),
    ];
    worked_example(TicketType::Mixed, rounds, 0xCF4F_6CDB_66DE, "pqzissRU");
}

#[test]
fn digits_are_characters_one_to_one() {
    let alphabet: Vec<u8> = (0..64).map(to_character).collect();
    assert_eq!(alphabet, *b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_");
    for byte in 0..=u8::MAX {
        let digit = alphabet.iter().position(|character| *character == byte);
        assert_eq!(to_digit(byte).map(usize::from), digit);
    }
}
