//! What the shim does before a call reaches the module.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::control::{Control, Order, SEEN, State, action};
use crate::functions::{Function, Rv};

/// What a test wants answered.
pub(crate) struct Answer {
    pub(crate) value: Rv,
    /// The module does the work, and its answer is lost.
    pub(crate) late: bool,
}

impl Control {
    /// Counts the call and does with it what was ordered; an answer if it is not for the module to answer.
    pub(crate) fn obey(&self, function: Function) -> Option<Answer> {
        if let Some(count) = self.calls.get(function as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        pause(self.delay.load(Ordering::Acquire));
        let releases = self.releases.load(Ordering::Acquire);
        if self.hang.load(Ordering::Acquire) != 0 {
            self.hang_until_released(releases);
        }
        for order in &self.orders {
            let Some(due) = order.due(function) else { continue };
            match due.action {
                action::ANSWER => return Some(Answer { value: due.value as Rv, late: due.late }),
                action::DELAY => pause(due.value),
                action::HANG => self.hang_until_released(self.releases.load(Ordering::Acquire)),
                action::REMOVE => self.pull(),
                _ => {}
            }
        }
        None
    }

    /// Stays here until calls are let go once more than `releases` times, or for good if the test never does.
    fn hang_until_released(&self, releases: u64) {
        self.hanging.fetch_add(1, Ordering::AcqRel);
        while self.releases.load(Ordering::Acquire) == releases && self.presence().state != State::Gone {
            // Waiting for a word in memory shared between processes; nothing here depends on how long this takes.
            thread::sleep(Duration::from_millis(1));
        }
        self.hanging.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Due {
    action: u64,
    value: u64,
    late: bool,
}

impl Order {
    /// What this order does to the call, which counts for it if it is for this function.
    fn due(&self, function: Function) -> Option<Due> {
        let number = self.ticket.load(Ordering::Acquire) >> 32;
        let wanted = self.function.load(Ordering::Relaxed);
        if number == 0 || (wanted != 0 && wanted != function as u64 + 1) {
            return None;
        }
        let (from, times) = (self.from.load(Ordering::Relaxed), self.times.load(Ordering::Relaxed));
        let due = Due {
            action: self.action.load(Ordering::Relaxed),
            value: self.value.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed) != 0,
        };
        let count = |ticket: u64| (ticket >> 32 == number).then(|| ticket + u64::from(ticket & SEEN != SEEN));
        let before = self.ticket.fetch_update(Ordering::AcqRel, Ordering::Acquire, count).ok()?;
        let past = (before & SEEN).checked_sub(from.saturating_sub(1))?;
        (past < times).then_some(due)
    }
}

fn pause(nanoseconds: u64) {
    if nanoseconds > 0 {
        thread::sleep(Duration::from_nanos(nanoseconds));
    }
}
