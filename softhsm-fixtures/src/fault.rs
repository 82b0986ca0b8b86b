//! What goes wrong, and when.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::ckr::Ckr;
use crate::control::{Control, Order, SEEN, action};
use crate::functions::Function;

/// Something that is to happen to calls of a card: to all, or to those of one function; from some call on; for ever or
/// a number of times. Calls are counted from 1, from the moment the fault is injected.
///
/// ```
/// # use softhsm_fixtures::{Ckr, Fault, Function};
/// // The third signature from now on, and only that, is made, but nobody hears of it.
/// let lost = Fault::answer(Ckr::DEVICE_ERROR).on(Function::Sign).from(3).times(1).late();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Fault {
    action: Action,
    function: Option<Function>,
    from: u64,
    times: u64,
    late: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Answer(Ckr),
    Delay(Duration),
    Hang,
    Remove,
}

impl Fault {
    const fn new(action: Action) -> Self {
        Self { action, function: None, from: 1, times: u64::MAX, late: false }
    }

    /// This is answered and the module is not asked. An answer of 0 says that all went well and leaves the
    /// output as it was.
    pub const fn answer(ckr: Ckr) -> Self {
        Self::new(Action::Answer(ckr))
    }

    /// The call takes longer.
    pub const fn delay(by: Duration) -> Self {
        Self::new(Action::Delay(by))
    }

    /// The call does not return until [`Card::release`](crate::Card::release), and then goes on.
    pub const fn hang() -> Self {
        Self::new(Action::Hang)
    }

    /// The card is pulled just before the call, and stays so until [`Card::put_back`](crate::Card::put_back).
    pub const fn removal() -> Self {
        Self::new(Action::Remove)
    }

    /// Only calls of this function are meant and counted.
    pub const fn on(mut self, function: Function) -> Self {
        self.function = Some(function);
        self
    }

    /// This is the first call it happens to; 1, the next call, if nothing is said.
    pub const fn from(mut self, call: u64) -> Self {
        self.from = call;
        self
    }

    /// It happens this often and then no more.
    pub const fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// The module does its work first, and only its answer is replaced: what the caller cannot tell from a call that
    /// was never made.
    pub const fn late(mut self) -> Self {
        self.late = true;
        self
    }
}

impl Control {
    /// Puts a fault in force under this number. False if there is no room.
    pub(crate) fn inject(&self, fault: &Fault, number: u32) -> bool {
        let Some(order) = self.orders.iter().find(|order| order.is_free()) else { return false };
        let (what, value) = match fault.action {
            Action::Answer(ckr) => (action::ANSWER, ckr.value()),
            Action::Delay(by) => (action::DELAY, nanoseconds(by)),
            Action::Hang => (action::HANG, 0),
            Action::Remove => (action::REMOVE, 0),
        };
        // No longer the old order, before it becomes the new one.
        order.ticket.swap(0, Ordering::AcqRel);
        order.function.store(fault.function.map_or(0, |function| function as u64 + 1), Ordering::Relaxed);
        order.from.store(fault.from, Ordering::Relaxed);
        order.times.store(fault.times, Ordering::Relaxed);
        order.action.store(what, Ordering::Relaxed);
        order.value.store(value, Ordering::Relaxed);
        order.late.store(fault.late.into(), Ordering::Relaxed);
        order.ticket.store(u64::from(number) << 32, Ordering::Release);
        true
    }

    /// Withdraws all orders and lets hanging calls go.
    pub(crate) fn heal(&self) {
        for order in &self.orders {
            order.ticket.swap(0, Ordering::AcqRel);
        }
        self.delay.store(0, Ordering::Release);
        self.readable.store(0, Ordering::Release);
        self.release();
    }

    /// Lets hanging calls go, and has no more of them hang.
    pub(crate) fn release(&self) {
        self.hang.store(0, Ordering::Release);
        for order in self.orders.iter().filter(|order| order.action.load(Ordering::Relaxed) == action::HANG) {
            order.ticket.swap(0, Ordering::AcqRel);
        }
        self.releases.fetch_add(1, Ordering::AcqRel);
    }
}

impl Order {
    /// Whether nothing was ordered, or what was ordered has happened.
    fn is_free(&self) -> bool {
        let ticket = self.ticket.load(Ordering::Acquire);
        let last = self.from.load(Ordering::Relaxed).max(1).saturating_add(self.times.load(Ordering::Relaxed)) - 1;
        ticket == 0 || ticket & SEEN >= last
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
