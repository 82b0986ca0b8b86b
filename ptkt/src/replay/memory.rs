//! A register in memory: a wheel with one slot per second.
//!
//! The second of a ticket picks the slot, so a slot holds only *who* used a ticket of that
//! second. Fresh tickets hit the same few slots, and a slot whose second is out of every window
//! is dropped whole. Nothing is searched, timed or evicted by count: what it holds is bounded by
//! the rate of tickets and the width of the window.

use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::applications::Applications;
use super::users::Users;
use super::{ReplayRegister, TicketUse, Usage};
use crate::error::{Error, Reason};
use crate::time::Timestamp;
use crate::window::Window;

/// How long after its second a ticket is remembered, and how far ahead of now it may be.
const REACH: u64 = Window::MAX_SECONDS as u64;

/// Within so many seconds most tickets are used.
const FRESH: u64 = 30;

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
/// It needs 15 to 16 bytes per remembered ticket, whosever they are, up to 63 in the first half
/// minute; about 40 to 90 per application with a remembered ticket; and 50,000 in any case. One
/// mutex guards it all.
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
    /// Algorithms and applications they belong to.
    pub applications: usize,
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

/// All seconds are on a ring of 2^64, so that the few before 1970 are seconds like any other.
#[derive(Default)]
struct Wheel {
    /// The latest `now` of all calls; `None` before the first.
    clock: Option<u64>,
    /// By second modulo [`SLOTS`]; empty before the first call.
    slots: Vec<Users>,
    applications: Applications,
    tickets: usize,
    /// So that nobody can choose names that are hard on the slots.
    seed: u64,
}

impl Wheel {
    fn first_use(&mut self, used: &TicketUse, now: u64) -> Result<Usage, Error> {
        let second = used.time.as_secs();
        let clock = self.advance(now);
        let first = clock.wrapping_sub(REACH);
        let last = now.wrapping_add(REACH);
        if is_before(second, first) || is_before(last, second) {
            return Err(Reason::Forgotten { second, first, last }.into());
        }
        let Some(application) = self.applications.number((used.kind(), used.application()), second) else {
            return Err(Error::register("2^24 applications have tickets"));
        };
        let fresh = !is_before(second, clock.wrapping_sub(FRESH));
        if !slot(&mut self.slots, second).insert(&used.user(), application, used.mark(), fresh, self.seed) {
            return Ok(Usage::Replay);
        }
        self.tickets += 1;
        Ok(Usage::First)
    }

    /// Moves the clock to `now`, unless it was later already, drops what is out of reach then,
    /// and trims what is no longer fresh. Gives the time of the clock.
    fn advance(&mut self, now: u64) -> u64 {
        let Some(before) = self.clock else {
            self.slots.resize_with(SLOTS, Users::default);
            self.seed = RandomState::default().hash_one(now);
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
            slot(&mut self.slots, second.wrapping_add(REACH - FRESH)).shrink();
            let dropped = std::mem::take(slot(&mut self.slots, second));
            self.tickets -= dropped.len();
            self.applications.forget(dropped.applications(), second);
        }
        self.clock = Some(now);
        now
    }

    fn footprint(&self) -> Footprint {
        let users: usize = self.slots.iter().map(Users::bytes).sum();
        let slots = self.slots.capacity() * size_of::<Users>();
        Footprint {
            tickets: self.tickets,
            applications: self.applications.len(),
            bytes: users + slots + self.applications.bytes() + size_of::<MemoryRegister>(),
        }
    }
}

fn is_before(one: u64, other: u64) -> bool {
    other.wrapping_sub(one).cast_signed() > 0
}

#[expect(clippy::indexing_slicing, reason = "advance has made SLOTS of them")]
#[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
fn slot(slots: &mut [Users], second: u64) -> &mut Users {
    &mut slots[second as usize % SLOTS]
}
