//! The enhanced PassTicket: HMAC-SHA-512, 48 bits of time, 8 of 36 or 64 characters.
//!
//! The same shape as the legacy one, a six-round Feistel network over the time, with an HMAC as
//! round function and halves of 24 bits. So evaluation is inversion here too, and a TIMEOUT of
//! 600 seconds costs no more than one of 1.
//!
//! ```text
//! ids     = user || application
//! result4 = time (48 bits) XOR leftmost 6 bytes of HMAC(ids)
//! rounds  : L, R = R, L XOR leftmost 3 bytes of HMAC(R || round || ids), six times;
//!           for UPPER the odd rounds clear the top 7 bits of the new R
//! ticket  = result5 as 8 digits to the base 36 (UPPER) or 64 (MIXED)
//! ```
//!
//! So an UPPER result has 41 bits and an UPPER ticket carries the time modulo 2^41; MIXED
//! carries all 48 bits.
//!
//! Sources: IBM's published Java sample of the generator, whose steps are those of the manual;
//! key length: z/OS 2.4, "Storing PassTicket keys encrypted in ICSF"; types: RACF education
//! material for z/OS 2.5.
//!
//! Two US patents, 11297054 and 11558371, are said to claim this scheme. The cargo feature
//! `enhanced` leaves it out. This is not legal advice.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{Error, Reason, quoted};
use crate::id::{Applid, UserId};
use crate::key::{GenerateError, HmacSha512};
use crate::ticket::Ticket;
use crate::time::Timestamp;
use crate::window::{Verdict, Window};

/// Lengths an enhanced key may have, in bytes; 64 and more are recommended.
///
/// Source: z/OS 2.4, "Storing PassTicket keys encrypted in ICSF".
pub const KEY_BYTES: RangeInclusive<usize> = 32..=256;

/// Checks the length of an enhanced key against [`KEY_BYTES`].
///
/// # Errors
///
/// [`ErrorKind::KeyLength`](crate::ErrorKind::KeyLength).
pub fn check_key_length(bytes: usize) -> Result<(), Error> {
    if KEY_BYTES.contains(&bytes) { Ok(()) } else { Err(Reason::HmacKeyLength { count: bytes }.into()) }
}

/// Which characters an enhanced ticket is made of: the TYPE of its profile.
///
/// Parsed from the operand's value, in any case.
///
/// Source: RACF education material for z/OS 2.5, SSIGNON operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TicketType {
    /// `0`-`9`, `A`-`Z`; carries 41 bits of time.
    Upper,
    /// `0`-`9`, `A`-`Z`, `a`-`z`, `-`, `_`; carries 48 bits of time. The default of a profile;
    /// it needs a sign-on path that does not fold passwords.
    #[default]
    Mixed,
}

impl TicketType {
    const fn base(self) -> u64 {
        match self {
            Self::Upper => 36,
            Self::Mixed => 64,
        }
    }

    /// Bits of a result, and of time, in a ticket.
    const fn bits(self) -> u32 {
        match self {
            Self::Upper => 41,
            Self::Mixed => 48,
        }
    }

    /// The bits of the new half that a round keeps.
    const fn round_mask(self, round: u8) -> u32 {
        match self {
            Self::Upper if round % 2 == 1 => 0x01_FFFF,
            _ => 0xFF_FFFF,
        }
    }
}

impl FromStr for TicketType {
    type Err = Error;

    /// # Errors
    ///
    /// [`ErrorKind::TicketType`](crate::ErrorKind::TicketType) for anything but `UPPER` and
    /// `MIXED`.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.eq_ignore_ascii_case("UPPER") {
            Ok(Self::Upper)
        } else if text.eq_ignore_ascii_case("MIXED") {
            Ok(Self::Mixed)
        } else {
            Err(Reason::TicketType { text: quoted(text) }.into())
        }
    }
}

/// `UPPER` or `MIXED`.
impl fmt::Display for TicketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Upper => "UPPER",
            Self::Mixed => "MIXED",
        })
    }
}

/// The part of a ticket that depends only on key, user, application and type.
///
/// Preparing it takes 1 call to the key; every ticket after that takes 6. It holds no key, and
/// without the key it is worth nothing; it is wiped on drop all the same. Using it with another
/// key than it was prepared with gives tickets that nobody accepts.
///
/// ```
/// use ptkt::enhanced::{Session, TicketType};
/// use ptkt::software::HmacKey;
/// use ptkt::{Timestamp, Verdict, Window};
///
/// let key = HmacKey::new(&std::array::from_fn::<u8, 64, _>(|i| i as u8))?;
/// let session =
///     Session::prepare(&key, &"IBMUSER".parse()?, &"TSOR001".parse()?, TicketType::Mixed)?;
///
/// let ticket = session.generate(&key, Timestamp::from_secs(1_700_000_000))?;
/// assert_eq!(ticket.expose(), "pqzissRU");
///
/// let now = Timestamp::from_secs(1_700_000_061);
/// let verdict = session.evaluate(&key, &ticket, now, Window::enhanced(60)?)?;
/// assert_eq!(verdict, Verdict::Expired { delta: 61 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Session {
    /// Leftmost 6 bytes of the HMAC of the names.
    h: u64,
    /// User and application, EBCDIC, 8 bytes each.
    ids: [u8; 16],
    #[zeroize(skip)]
    ticket_type: TicketType,
}

impl Session {
    /// Prepares for one user, application and type: 1 call to the key.
    ///
    /// # Errors
    ///
    /// The key's own.
    pub fn prepare<K>(key: &K, user: &UserId, application: &Applid, ticket_type: TicketType) -> Result<Self, K::Error>
    where
        K: HmacSha512 + ?Sized,
    {
        let mut ids = [0; 16];
        let names = user.ebcdic().iter().chain(application.ebcdic());
        ids.iter_mut().zip(names).for_each(|(id, name)| *id = *name);
        let mut macs = Zeroizing::new([[0; 64]]);
        key.hmac(&[&ids], macs.as_mut_slice())?;
        let [[a, b, c, d, e, f, ..]] = *macs;
        Ok(Self { h: u64::from_be_bytes([0, 0, a, b, c, d, e, f]), ids, ticket_type })
    }

    /// The ticket of one second: 6 calls to the key. The same second gives the same ticket.
    ///
    /// # Errors
    ///
    /// [`GenerateError::Time`] from 2^48 on, [`GenerateError::Key`] if the key fails.
    pub fn generate<K>(&self, key: &K, time: Timestamp) -> Result<Ticket, GenerateError<K::Error>>
    where
        K: HmacSha512 + ?Sized,
    {
        let mut lane = [self.lane_for(time)?];
        encode(key, &mut lane, Zeroizing::new([[0; 64]]).as_mut_slice()).map_err(GenerateError::Key)?;
        Ok(lane[0].ticket())
    }

    /// The second this ticket was made in, modulo 2^41 (UPPER) or 2^48 (MIXED), if it is one of
    /// this session: 6 calls to the key. `None` if the text is not well formed: no call.
    ///
    /// A well-formed ticket of another key, user or application decodes too, to any second.
    ///
    /// # Errors
    ///
    /// The key's own.
    pub fn decode<K>(&self, key: &K, ticket: &Ticket) -> Result<Option<Timestamp>, K::Error>
    where
        K: HmacSha512 + ?Sized,
    {
        let Some(result5) = from_text(self.ticket_type, ticket) else {
            return Ok(None);
        };
        let mut lane = [Lane::new(self, result5)];
        decode(key, &mut lane, Zeroizing::new([[0; 64]]).as_mut_slice())?;
        // For UPPER the first round has lost the top 7 bits of the time.
        let carried = (1 << self.ticket_type.bits()) - 1;
        Ok(Some(Timestamp::from_secs((lane[0].bits() ^ self.h) & carried)))
    }

    /// Decodes a ticket and judges its time: 6 calls to the key whatever the window, none for a
    /// text that is not well formed.
    ///
    /// # Errors
    ///
    /// The key's own.
    pub fn evaluate<K>(&self, key: &K, ticket: &Ticket, now: Timestamp, window: Window) -> Result<Verdict, K::Error>
    where
        K: HmacSha512 + ?Sized,
    {
        Ok(match self.decode(key, ticket)? {
            Some(time) => window.judge(now.delta(time, self.ticket_type.bits())),
            None => Verdict::NotATicket,
        })
    }

    fn lane_for(&self, time: Timestamp) -> Result<Lane<'_>, Error> {
        const TIME_BITS: u32 = 48;
        let seconds = time.as_secs();
        if seconds >> TIME_BITS == 0 {
            Ok(Lane::new(self, self.h ^ seconds))
        } else {
            Err(Reason::Time { seconds, bits: TIME_BITS, field: "an enhanced ticket" }.into())
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("enhanced::Session(..)")
    }
}

/// Tickets of many sessions under **one** key, in the order of the requests: 6 calls to the key
/// in all, each with one message per ticket. The sessions may differ in type.
///
/// The tickets are those that [`Session::generate`] gives one by one. About 130 bytes of memory
/// per ticket.
///
/// # Errors
///
/// As [`Session::generate`]; one bad time fails the batch before the first call. No part of a
/// failed batch is returned.
pub fn generate_batch<K>(key: &K, requests: &[(&Session, Timestamp)]) -> Result<Vec<Ticket>, GenerateError<K::Error>>
where
    K: HmacSha512 + ?Sized,
{
    let mut lanes = requests.iter().map(|(session, time)| session.lane_for(*time)).collect::<Result<Vec<_>, _>>()?;
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    encode(key, &mut lanes, &mut Zeroizing::new(vec![[0; 64]; requests.len()])).map_err(GenerateError::Key)?;
    Ok(lanes.iter().map(Lane::ticket).collect())
}

/// One ticket on its way through the rounds; the halves have 24 bits.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Lane<'session> {
    #[zeroize(skip)]
    session: &'session Session,
    left: u32,
    right: u32,
}

impl<'session> Lane<'session> {
    fn new(session: &'session Session, bits: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = bits.to_be_bytes();
        let (left, right) = (u32::from_be_bytes([0, a, b, c]), u32::from_be_bytes([0, d, e, f]));
        Self { session, left, right }
    }

    fn bits(&self) -> u64 {
        u64::from(self.left) << 24 | u64::from(self.right)
    }

    fn ticket(&self) -> Ticket {
        to_text(self.session.ticket_type, self.bits())
    }

    fn swap(&mut self) {
        std::mem::swap(&mut self.left, &mut self.right);
    }

    /// R || round || ids.
    fn message(&self, round: u8) -> [u8; 20] {
        let [_, a, b, c] = self.right.to_be_bytes();
        let mut message = [0; 20];
        let (half, ids) = message.split_at_mut(4);
        half.copy_from_slice(&[a, b, c, round]);
        ids.copy_from_slice(&self.session.ids);
        message
    }

    /// A round and its inverse differ only in when the halves are swapped.
    fn mix(&mut self, round: u8, mac: &[u8; 64]) {
        let [a, b, c, ..] = *mac;
        let x = u32::from_be_bytes([0, a, b, c]);
        self.left = (self.left ^ x) & self.session.ticket_type.round_mask(round);
    }
}

/// Step 5, all lanes in lock step.
fn encode<K>(key: &K, lanes: &mut [Lane<'_>], macs: &mut [[u8; 64]]) -> Result<(), K::Error>
where
    K: HmacSha512 + ?Sized,
{
    for round in 1..=6 {
        authenticate_right(key, round, lanes, macs)?;
        for (lane, mac) in lanes.iter_mut().zip(&*macs) {
            lane.mix(round, mac);
            lane.swap();
        }
    }
    Ok(())
}

/// Step 5 undone.
fn decode<K>(key: &K, lanes: &mut [Lane<'_>], macs: &mut [[u8; 64]]) -> Result<(), K::Error>
where
    K: HmacSha512 + ?Sized,
{
    for round in (1..=6).rev() {
        lanes.iter_mut().for_each(Lane::swap);
        authenticate_right(key, round, lanes, macs)?;
        for (lane, mac) in lanes.iter_mut().zip(&*macs) {
            lane.mix(round, mac);
        }
    }
    Ok(())
}

/// HMAC of every lane's message, in one call.
fn authenticate_right<K>(key: &K, round: u8, lanes: &[Lane<'_>], macs: &mut [[u8; 64]]) -> Result<(), K::Error>
where
    K: HmacSha512 + ?Sized,
{
    // A single ticket needs no memory from the heap.
    if let [lane] = lanes {
        return key.hmac(&[&lane.message(round)], macs);
    }
    let messages: Vec<_> = lanes.iter().map(|lane| lane.message(round)).collect();
    let messages: Vec<_> = messages.iter().map(<[u8; 20]>::as_slice).collect();
    key.hmac(&messages, macs)
}

/// Step 6: the result as a number of 8 digits.
fn to_text(ticket_type: TicketType, result5: u64) -> Ticket {
    let mut rest = result5;
    let mut characters = [0; 8];
    for character in characters.iter_mut().rev() {
        let [.., digit] = (rest % ticket_type.base()).to_be_bytes();
        *character = to_character(digit);
        rest /= ticket_type.base();
    }
    Ticket::from_characters(characters)
}

/// Step 6 undone; `None` for a character outside the type's alphabet or, for UPPER, a number of
/// 2^41 or more: 22 % of the texts of 36 characters.
fn from_text(ticket_type: TicketType, ticket: &Ticket) -> Option<u64> {
    let mut result5 = 0;
    for &character in ticket.characters() {
        let digit = u64::from(to_digit(character)?);
        if digit >= ticket_type.base() {
            return None;
        }
        result5 = result5 * ticket_type.base() + digit;
    }
    (result5 >> ticket_type.bits() == 0).then_some(result5)
}

fn to_character(digit: u8) -> u8 {
    match digit {
        0..=9 => b'0' + digit,
        10..=35 => b'A' + (digit - 10),
        36..=61 => b'a' + (digit - 36),
        62 => b'-',
        _ => b'_',
    }
}

fn to_digit(character: u8) -> Option<u8> {
    Some(match character {
        b'0'..=b'9' => character - b'0',
        b'A'..=b'Z' => character - b'A' + 10,
        b'a'..=b'z' => character - b'a' + 36,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    })
}
