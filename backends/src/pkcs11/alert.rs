//! Looking for a moment before sleeping, where that pays.
//!
//! To wake a thread that sleeps takes 2 µs when the processor is busy with something else anyway, and 20 to 50 when one
//! of its cores has to be woken too: as long as a whole ticket takes. Who looks in vain, though, takes the time from
//! those who have something to do, maybe from the very thread it looks out for. So it is tried, done again as long as it
//! pays, and else tried ever more seldom. Yielding in place of looking is no help: on a busy machine others then run for
//! milliseconds each.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// How long a lane looks for its next work: longer than it takes to wake who has waited for the last.
pub(super) const FOR_WORK: Duration = Duration::from_micros(100);
/// How long work is looked at for its end: longer than that of one ticket takes.
pub(super) const FOR_END: Duration = Duration::from_micros(120);

/// Looks until it is `seen`; says whether it was.
pub(super) fn looked(at_most: Duration, seen: impl Fn() -> bool) -> bool {
    const LOOKS: usize = 32;
    let began = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if seen() {
                return true;
            }
            spin_loop();
        }
        if began.elapsed() >= at_most {
            return false;
        }
    }
}

/// Whether looking is worth a try.
#[derive(Debug, Default)]
pub(super) struct Habit {
    /// How often it was in vain since it last paid.
    in_vain: u32,
    /// How many occasions are still let pass.
    passed: u32,
}

impl Habit {
    /// At most this many doublings of the occasions that are let pass.
    const MOST: u32 = 8;

    /// Whether to look on this occasion.
    pub(super) const fn tries(&mut self) -> bool {
        let tries = self.passed == 0;
        self.passed = self.passed.saturating_sub(1);
        tries
    }

    pub(super) const fn learn(&mut self, paid: bool) {
        self.in_vain = match self.in_vain {
            _ if paid => 0,
            Self::MOST => Self::MOST,
            in_vain => in_vain + 1,
        };
        self.passed = (1 << self.in_vain) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_in_vain_is_tried_ever_more_seldom_and_again_when_it_paid() {
        let mut habit = Habit::default();
        let mut until_it_tries = || (0..).find(|_| habit.tries()).unwrap();
        assert_eq!(until_it_tries(), 0);
        assert_eq!(until_it_tries(), 0);
        let passed: Vec<i32> = (0..10)
            .map(|_| {
                habit.learn(false);
                (0..).find(|_| habit.tries()).unwrap()
            })
            .collect();
        assert_eq!(passed, [1, 3, 7, 15, 31, 63, 127, 255, 255, 255]);
        habit.learn(true);
        assert!(habit.tries() && habit.tries());
    }

    #[test]
    fn looking_ends() {
        assert!(looked(FOR_END, || true));
        assert!(!looked(FOR_WORK, || false));
    }
}
