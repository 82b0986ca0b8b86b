//! A register in memory: a wheel with one slot per second.
//!
//! The second of a ticket picks the slot, so a slot holds only *who* used a ticket of that
//! second: a set of session numbers and marks. Fresh tickets hit the same few slots, and a slot whose
//! second is out of every window is dropped whole. Nothing is searched, timed or evicted by
//! count: what it holds is bounded by the rate of tickets and the width of the window.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use hashbrown::HashTable;

use super::sessions::Sessions;
use super::{ReplayRegister, TicketUse, Usage};
use crate::error::{Error, Reason};
use crate::time::Timestamp;
use crate::window::Window;

/// How long after its second a ticket is remembered, and how far ahead of now it may be.
const REACH: u64 = Window::MAX_SECONDS as u64;

/// A power of two above the `2 * REACH + 1` seconds that can be live at a time.
const SLOTS: usize = 2048;

/// A [`ReplayRegister`] in the memory of this process.
///
/// Exact: a use is a replay if and only if an equal one was remembered. It remembers a ticket
/// until 600 seconds after its second, whatever the TIMEOUT of its profile is or becomes. It
/// starts empty, so a ticket used shortly before a restart can be used once more after it.
///
/// If the clock goes back, all that is remembered stays remembered; a ticket so old that the
/// register had dropped its second already gets an error. After a clock that was wrong by more
/// than the window this is true of every ticket, until time catches up or a new register is
/// taken.
///
/// It needs about 10 to 20 bytes per remembered ticket and about 40 to 90 per session (algorithm,
/// user and application) with a remembered ticket. One mutex guards it all.
#[derive(Default)]
pub struct MemoryRegister {
    wheel: Mutex<Wheel>,
}

/// What a [`MemoryRegister`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Footprint {
    /// Remembered uses.
    pub tickets: usize,
    /// Algorithms, users and applications they belong to.
    pub sessions: usize,
    /// Memory taken, allocator overhead not counted.
    pub bytes: usize,
}

impl MemoryRegister {
    /// An empty register.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the register holds now; for metrics. Takes the lock for some microseconds.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        self.wheel.lock().unwrap_or_else(PoisonError::into_inner).footprint()
    }
}

impl ReplayRegister for MemoryRegister {
    fn first_use(&self, used: &TicketUse, now: Timestamp) -> Result<Usage, Error> {
        match self.wheel.lock() {
            Ok(mut wheel) => wheel.first_use(used, now.as_secs()),
            Err(_) => Err(Error::register("a thread panicked while it held the register")),
        }
    }
}

/// The counts of [`footprint`](MemoryRegister::footprint), no names.
impl fmt::Debug for MemoryRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryRegister").field(&self.footprint()).finish()
    }
}

/// Whose ticket of a slot's second was used, and which.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Used {
    session: u32,
    mark: u16,
}

/// All seconds are on a ring of 2^64, so that the few before 1970 are seconds like any other.
#[derive(Default)]
struct Wheel {
    /// The latest `now` of all calls; `None` before the first.
    clock: Option<u64>,
    /// By second modulo [`SLOTS`]; empty before the first call.
    slots: Vec<HashTable<Used>>,
    sessions: Sessions,
    tickets: usize,
}

impl Wheel {
    fn first_use(&mut self, used: &TicketUse, now: u64) -> Result<Usage, Error> {
        let second = used.time.as_secs();
        let first = self.advance(now).wrapping_sub(REACH);
        let last = now.wrapping_add(REACH);
        if is_before(second, first) || is_before(last, second) {
            return Err(Reason::Forgotten { second, first, last }.into());
        }
        let Some(session) = self.sessions.number(&used.session, second) else {
            return Err(Error::register("2^32 sessions have tickets"));
        };
        let used = Used { session, mark: used.mark };
        let slot = slot(&mut self.slots, second);
        if slot.find(hash(&used), |other| *other == used).is_some() {
            return Ok(Usage::Replay);
        }
        slot.insert_unique(hash(&used), used, hash);
        self.tickets += 1;
        Ok(Usage::First)
    }

    /// Moves the clock to `now`, unless it was later already, and drops what is out of reach
    /// then. Gives the time of the clock.
    fn advance(&mut self, now: u64) -> u64 {
        let Some(before) = self.clock else {
            self.slots.resize_with(SLOTS, HashTable::new);
            self.clock = Some(now);
            return now;
        };
        if !is_before(before, now) {
            return before;
        }
        // However far the clock jumps, no more seconds than these can hold anything.
        let passed = now.wrapping_sub(before).min(2 * REACH + 1);
        for step in 0..passed {
            let second = before.wrapping_sub(REACH).wrapping_add(step);
            let dropped = std::mem::take(slot(&mut self.slots, second));
            self.tickets -= dropped.len();
            for used in dropped {
                self.sessions.forget(used.session, second);
            }
        }
        self.clock = Some(now);
        now
    }

    fn footprint(&self) -> Footprint {
        let sets: usize = self.slots.iter().map(HashTable::allocation_size).sum();
        let slots = self.slots.capacity() * size_of::<HashTable<Used>>();
        Footprint {
            tickets: self.tickets,
            sessions: self.sessions.len(),
            bytes: sets + slots + self.sessions.bytes() + size_of::<MemoryRegister>(),
        }
    }
}

fn is_before(one: u64, other: u64) -> bool {
    other.wrapping_sub(one).cast_signed() > 0
}

#[expect(clippy::indexing_slicing, reason = "advance has made SLOTS of them")]
#[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
fn slot(slots: &mut [HashTable<Used>], second: u64) -> &mut HashTable<Used> {
    &mut slots[second as usize % SLOTS]
}

/// Session numbers are small and dense; the table wants bits at both ends.
fn hash(used: &Used) -> u64 {
    (u64::from(used.mark) << 32 | u64::from(used.session)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
