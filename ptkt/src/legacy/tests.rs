//! The worked example with every intermediate value, and the published fragments.

use std::cell::RefCell;
use std::convert::Infallible;

use super::*;
use crate::software::DesKey;

const KEY: [u8; 8] = [0xE0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77];

/// Writes down what goes into the cipher and what comes out.
struct Recording(DesKey, RefCell<Vec<(u64, u64)>>);

impl DesEncipher for Recording {
    type Error = Infallible;

    fn encipher(&self, blocks: &mut [[u8; 8]]) -> Result<(), Infallible> {
        let input = u64::from_be_bytes(blocks[0]);
        self.0.encipher(blocks)?;
        self.1.borrow_mut().push((input, u64::from_be_bytes(blocks[0])));
        Ok(())
    }
}

/// Round, d, e, L, R of IBMUSER at TSOR001, 1700000000.
const ROUNDS: [(u64, u16, u16, u16); 6] = [
    (0x0DA4, 0x79BB, 0x1811, 0x73BE),
    (0x857B, 0x9D6A, 0x73BE, 0xC93B),
    (0xFC38, 0x8F86, 0xC93B, 0x23AB),
    (0xA285, 0x6BBE, 0x23AB, 0x3CBF),
    (0xBF88, 0x9C23, 0x3CBF, 0x950B),
    (0x659F, 0x5920, 0x950B, 0x024D),
];

#[test]
fn worked_example() {
    let key = Recording(DesKey::new(&KEY).unwrap(), RefCell::default());
    let user = "IBMUSER".parse().unwrap();
    let Ok(session) = Session::prepare(&key, &user, &"TSOR001".parse().unwrap());
    assert_eq!(
        key.1.take(),
        [(0xC9C2_D4E4_E2C5_D940, 0x499C_25CE_3FF0_B53B), (0xAA7E_F317_CF00_447B, 0x114C_E911_7C14_5316),],
        "user8 to result1, result1 XOR appl8 to result2"
    );
    assert_eq!(session.result3, 0x114C_E911);
    assert_eq!(session.pads, [[0xC9, 0xC2, 0xD4, 0xE4, 0xE2, 0xC5], [0xD9, 0x55, 0x55, 0x55, 0x55, 0x55]]);

    let result4 = session.lane_for(Timestamp::from_secs(1_700_000_000)).unwrap().bits();
    assert_eq!(result4, 0x741F_1811);
    let (mut left, mut right) = (0x741F, 0x1811);
    let mut blocks = [[0; 8]];
    let mut lane = [Lane::new(&session, result4)];
    let Ok(()) = encode(&key, &mut lane, &mut blocks);
    for (round, (expected, (input, output))) in ROUNDS.iter().zip(key.1.take()).enumerate() {
        let (d, e, l, r) = *expected;
        let pad = session.pads[round % 2];
        let block = [&u16::to_be_bytes(right)[..], &pad[..]].concat();
        assert_eq!(input.to_be_bytes(), block[..], "round {}: R and pad", round + 1);
        assert_eq!(output >> 48, d, "round {}: d", round + 1);
        assert_eq!(left ^ u16::try_from(d).unwrap(), e, "round {}: e", round + 1);
        (left, right) = (right, permute(&MOVES[round], e));
        assert_eq!((left, right), (l, r), "round {}: L and R", round + 1);
    }
    assert_eq!(lane[0].bits(), 0x950B_024D, "result5");
    assert_eq!(translate(lane[0].bits()).expose(), "ZVQLMCAN");

    let Ok(()) = decode(&key, &mut lane, &mut blocks);
    assert_eq!(lane[0].bits(), result4);
    let backwards = key.1.take().into_iter().map(|(_, output)| output >> 48).rev();
    assert!(backwards.eq(ROUNDS.iter().map(|round| round.0)), "the same d in the other order");
}

/// z/VM 7.2 gives these pads; of IBMUSER it prints D2 for the S, which is E2.
#[test]
fn published_pads() {
    assert_eq!(pads(&"TOM".parse().unwrap()), [[0xE3, 0xD6, 0xD4, 0x55, 0x55, 0x55], [0x55; 6]]);
    assert_eq!(
        pads(&"IBMUSER".parse().unwrap()),
        [[0xC9, 0xC2, 0xD4, 0xE4, 0xE2, 0xC5], [0xD9, 0x55, 0x55, 0x55, 0x55, 0x55]]
    );
    assert_eq!(
        pads(&"ABCDEFGH".parse().unwrap()),
        [[0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6], [0xC7, 0xC8, 0x55, 0x55, 0x55, 0x55]]
    );
}

#[test]
fn published_permutation() {
    assert_eq!(permute(&MOVES[0], 0b0000_0001_0111_1011), 0b1010_0011_0010_1010);
}

#[test]
fn permutations_move_bits_as_the_tables_say() {
    for (table, moves) in PERMUTATIONS.iter().zip(&MOVES) {
        for bits in 0..=u16::MAX {
            let bit = |number: u8| bits >> (16 - number) & 1;
            let slowly = table.iter().fold(0, |out, from| out << 1 | bit(*from));
            assert_eq!(permute(moves, bits), slowly);
            assert_eq!(permute(moves, slowly), bits, "each is its own inverse");
        }
    }
}

#[test]
fn published_des_block() {
    let key = DesKey::new(&[0x09, 0x8D, 0x61, 0xA8, 0x55, 0x85, 0xD2, 0xAB]).unwrap();
    let mut blocks = [*b"TestByte"];
    let Ok(()) = key.encipher(&mut blocks);
    assert_eq!(blocks, [[0x1E, 0xC3, 0x75, 0x3D, 0x7A, 0x79, 0xE3, 0xCE]]);
}
