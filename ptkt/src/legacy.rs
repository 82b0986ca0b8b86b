//! The legacy PassTicket: single DES, 32 bits of time, 8 of 36 characters.
//!
//! The algorithm is a six-round Feistel network over the time, keyed by DES. That is why there
//! is no search here: an evaluator runs the rounds backwards and has the one second the ticket
//! can have been made in, at the price of generating it.
//!
//! ```text
//! result3 = leftmost 4 bytes of E(E(user) XOR application)
//! result4 = result3 XOR time
//! result5 = six rounds of result4
//! ticket  = translate(result5)
//! ```
//!
//! Sources: inputs, z/OS 2.1, "Incorporating the PassTicket generator algorithm"; rounds, pads
//! and permutations, z/VM 7.2, "How the Time-Coder Algorithm Works" and "The Permutation
//! Tables". The steps around the rounds are as two independent open implementations have them.

#[cfg(test)]
mod tests;
mod translate;

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use self::translate::{translate, untranslate};
use crate::error::Reason;
use crate::id::{Applid, UserId};
use crate::key::{DesEncipher, GenerateError};
use crate::ticket::Ticket;
use crate::time::Timestamp;
use crate::window::{Verdict, Window};

/// Length of a legacy key in bytes. One bit in eight is parity and ignored.
///
/// Source: "Defining profiles in the PTKTDATA class" (16 hexadecimal digits, parity mask).
pub const KEY_BYTES: usize = 8;

/// Bits of time in a legacy ticket.
const TIME_BITS: u32 = 32;

/// Output bit `o` is input bit `PERMUTATIONS[round][o]`; bit 1 is the leftmost of 16. Each is
/// its own inverse, so decoding uses the same tables.
#[rustfmt::skip]
const PERMUTATIONS: [[u8; 16]; 6] = [
    [10,  2, 12,  4, 14,  6, 16,  8,  9,  1, 11,  3, 13,  5, 15,  7],
    [ 1, 10,  3, 12, 13, 16,  7, 15,  9,  2, 11,  4,  5, 14,  8,  6],
    [ 3, 10,  1, 12, 13, 16,  9, 15,  7,  2, 14,  4,  5, 11,  8,  6],
    [10,  4, 12,  2, 14,  8, 16,  6,  9,  1, 13,  3, 11,  5, 15,  7],
    [ 4, 10, 12,  1,  8, 16, 14,  5,  9,  2, 13,  3, 11,  7, 15,  6],
    [ 1, 16, 15, 14, 13, 12, 11, 10,  9,  8,  7,  6,  5,  4,  3,  2],
];

/// The permutations as rotations: `MOVES[round][n]` masks the input bits that move `n` places to
/// the left. Cheaper than moving bit by bit, and no address depends on the bits.
#[expect(clippy::indexing_slicing, reason = "in a constant, a wrong index does not compile")]
const MOVES: [[u16; 16]; 6] = {
    let mut moves = [[0; 16]; 6];
    let mut round = 0;
    while round < 6 {
        let mut to = 0;
        while to < 16 {
            let from = PERMUTATIONS[round][to] as usize - 1;
            moves[round][(from + 16 - to) % 16] |= 0x8000 >> from;
            to += 1;
        }
        round += 1;
    }
    moves
};

fn permute(moves: &[u16; 16], bits: u16) -> u16 {
    (0..).zip(moves).fold(0, |out, (places, mask)| out | (bits & mask).rotate_left(places))
}

/// The part of a ticket that depends only on key, user and application.
///
/// Preparing it takes 2 calls to the key; every ticket after that takes 6. It holds no key, and
/// without the key it is worth nothing; it is wiped on drop all the same. Using it with another
/// key than it was prepared with gives tickets that nobody accepts.
///
/// ```
/// use ptkt::software::DesKey;
/// use ptkt::{Timestamp, Verdict, Window, legacy::Session};
///
/// let key = DesKey::new(&[0xE0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77])?;
/// let session = Session::prepare(&key, &"IBMUSER".parse()?, &"TSOR001".parse()?)?;
///
/// let ticket = session.generate(&key, Timestamp::from_secs(1_700_000_000))?;
/// assert_eq!(ticket.expose(), "ZVQLMCAN");
///
/// let now = Timestamp::from_secs(1_700_000_042);
/// let verdict = session.evaluate(&key, &ticket, now, Window::legacy())?;
/// assert_eq!(verdict, Verdict::Accepted { delta: 42 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Session {
    result3: u32,
    /// PAD1 and PAD2, for odd and even rounds.
    pads: [[u8; 6]; 2],
}

impl Session {
    /// Prepares for one user and application: 2 calls to the key (steps 1 to 3).
    ///
    /// # Errors
    ///
    /// The key's own.
    pub fn prepare<K>(key: &K, user: &UserId, application: &Applid) -> Result<Self, K::Error>
    where
        K: DesEncipher + ?Sized,
    {
        let mut blocks = Zeroizing::new([*user.ebcdic()]);
        key.encipher(blocks.as_mut_slice())?;
        let [result1] = &mut *blocks;
        for (byte, name) in result1.iter_mut().zip(application.ebcdic()) {
            *byte ^= name;
        }
        key.encipher(blocks.as_mut_slice())?;
        let [[a, b, c, d, ..]] = *blocks;
        Ok(Self { result3: u32::from_be_bytes([a, b, c, d]), pads: pads(user) })
    }

    /// The ticket of one second: 6 calls to the key. The same second gives the same ticket.
    ///
    /// # Errors
    ///
    /// [`GenerateError::Time`] from 2^32 on (2106-02-07 06:28:16 UTC), [`GenerateError::Key`]
    /// if the key fails.
    pub fn generate<K>(&self, key: &K, time: Timestamp) -> Result<Ticket, GenerateError<K::Error>>
    where
        K: DesEncipher + ?Sized,
    {
        let mut lane = [self.lane_for(time)?];
        encode(key, &mut lane, Zeroizing::new([[0; 8]]).as_mut_slice()).map_err(GenerateError::Key)?;
        Ok(translate(lane[0].bits()))
    }

    /// The second this ticket was made in, as the 32 bits it carries, if it is one of this
    /// session: 6 calls to the key. `None` if the text is not well formed: no call.
    ///
    /// A well-formed ticket of another key, user or application decodes too, to any second.
    ///
    /// # Errors
    ///
    /// The key's own.
    pub fn decode<K>(&self, key: &K, ticket: &Ticket) -> Result<Option<Timestamp>, K::Error>
    where
        K: DesEncipher + ?Sized,
    {
        let Some(result5) = untranslate(ticket) else {
            return Ok(None);
        };
        let mut lane = [Lane::new(self, result5)];
        decode(key, &mut lane, Zeroizing::new([[0; 8]]).as_mut_slice())?;
        Ok(Some(Timestamp::from_secs((lane[0].bits() ^ self.result3).into())))
    }

    /// Decodes a ticket and judges its time: 6 calls to the key whatever the window, none for a
    /// text that is not well formed.
    ///
    /// The difference is taken modulo 2^32 as signed, so tickets stay good across the wrap in
    /// 2106 (assumed, see [`ASSUMPTIONS`](crate::ASSUMPTIONS)).
    ///
    /// # Errors
    ///
    /// The key's own.
    pub fn evaluate<K>(&self, key: &K, ticket: &Ticket, now: Timestamp, window: Window) -> Result<Verdict, K::Error>
    where
        K: DesEncipher + ?Sized,
    {
        Ok(match self.decode(key, ticket)? {
            Some(time) => window.judge(now.delta(time, TIME_BITS)),
            None => Verdict::NotATicket,
        })
    }

    /// Step 4, for one ticket.
    fn lane_for(&self, time: Timestamp) -> Result<Lane<'_>, crate::Error> {
        let seconds = time.as_secs();
        match u32::try_from(seconds) {
            Ok(time4) => Ok(Lane::new(self, self.result3 ^ time4)),
            Err(_) => Err(Reason::Time { seconds, bits: TIME_BITS, field: "a legacy ticket" }.into()),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("legacy::Session(..)")
    }
}

/// Tickets of many sessions under **one** key, in the order of the requests: 6 calls to the key
/// in all, each with one block per ticket.
///
/// The tickets are those that [`Session::generate`] gives one by one. This is what makes a token
/// fast, for which the call costs far more than the blocks. About 32 bytes of memory per ticket.
///
/// # Errors
///
/// As [`Session::generate`]; one bad time fails the batch before the first call. No part of a
/// failed batch is returned.
pub fn generate_batch<K>(key: &K, requests: &[(&Session, Timestamp)]) -> Result<Vec<Ticket>, GenerateError<K::Error>>
where
    K: DesEncipher + ?Sized,
{
    let mut lanes = requests.iter().map(|(session, time)| session.lane_for(*time)).collect::<Result<Vec<_>, _>>()?;
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    encode(key, &mut lanes, &mut Zeroizing::new(vec![[0; 8]; requests.len()])).map_err(GenerateError::Key)?;
    Ok(lanes.iter().map(|lane| translate(lane.bits())).collect())
}

/// X'55' takes the place of the padding here, and only here: PAD1 and PAD2 are the user ID
/// without blanks, filled up to 12 bytes.
fn pads(user: &UserId) -> [[u8; 6]; 2] {
    const FILL: u8 = 0x55;
    let mut filled = *user.ebcdic();
    filled.iter_mut().skip(user.len()).for_each(|byte| *byte = FILL);
    let [a, b, c, d, e, f, g, h] = filled;
    [[a, b, c, d, e, f], [g, h, FILL, FILL, FILL, FILL]]
}

/// One ticket on its way through the rounds.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Lane<'session> {
    #[zeroize(skip)]
    session: &'session Session,
    left: u16,
    right: u16,
}

impl<'session> Lane<'session> {
    fn new(session: &'session Session, bits: u32) -> Self {
        let [a, b, c, d] = bits.to_be_bytes();
        let (left, right) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Self { session, left, right }
    }

    fn bits(&self) -> u32 {
        u32::from(self.left) << 16 | u32::from(self.right)
    }

    fn swap(&mut self) {
        std::mem::swap(&mut self.left, &mut self.right);
    }
}

/// Step 5, all lanes in lock step. There is no swap after the last round's own.
fn encode<K>(key: &K, lanes: &mut [Lane<'_>], blocks: &mut [[u8; 8]]) -> Result<(), K::Error>
where
    K: DesEncipher + ?Sized,
{
    for (round, moves) in (1..=6_u8).zip(&MOVES) {
        encipher_right(key, round, lanes, blocks)?;
        for (lane, block) in lanes.iter_mut().zip(&*blocks) {
            lane.left = permute(moves, lane.left ^ d(block));
            lane.swap();
        }
    }
    Ok(())
}

/// Step 5 undone: the same rounds in the opposite order, each one mirrored.
fn decode<K>(key: &K, lanes: &mut [Lane<'_>], blocks: &mut [[u8; 8]]) -> Result<(), K::Error>
where
    K: DesEncipher + ?Sized,
{
    for (round, moves) in (1..=6_u8).zip(&MOVES).rev() {
        lanes.iter_mut().for_each(Lane::swap);
        encipher_right(key, round, lanes, blocks)?;
        for (lane, block) in lanes.iter_mut().zip(&*blocks) {
            lane.left = permute(moves, lane.left) ^ d(block);
        }
    }
    Ok(())
}

/// E(right half, pad of the round), for every lane in one call.
fn encipher_right<K>(key: &K, round: u8, lanes: &[Lane<'_>], blocks: &mut [[u8; 8]]) -> Result<(), K::Error>
where
    K: DesEncipher + ?Sized,
{
    for (block, lane) in blocks.iter_mut().zip(lanes) {
        let [odd, even] = &lane.session.pads;
        let [a, b, c, d, e, f] = if round % 2 == 1 { *odd } else { *even };
        let [r, s] = lane.right.to_be_bytes();
        *block = [r, s, a, b, c, d, e, f];
    }
    key.encipher(blocks)
}

/// The leftmost 16 bits of an enciphered block, called d in the manual.
fn d(block: &[u8; 8]) -> u16 {
    let [a, b, ..] = *block;
    u16::from_be_bytes([a, b])
}
