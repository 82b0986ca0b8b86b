//! The clock of a drill, and those of its sites, which may be off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use icsf_core::clock::{Clock, ManualClock, SystemClock};
use softicsf::quiesce;

/// How long it takes at most until a clock that waits sees that the process is told to end.
const PAUSE: Duration = Duration::from_millis(100);

/// What time it is in a drill.
#[derive(Debug)]
pub(crate) enum DrillClock {
    /// Stands until the next step: a day takes no longer than its steps.
    Virtual(ManualClock),
    /// That of the machine: each step waits for its time.
    Wall,
}

impl DrillClock {
    /// Goes on to this moment, if it has not come yet.
    pub(crate) fn reach(&self, moment: u64) {
        match self {
            Self::Virtual(clock) => clock.set(moment),
            Self::Wall => {
                // Not at one go: who is told to end ends.
                while SystemClock.now() < moment && !quiesce::is_begun() {
                    sleep(PAUSE);
                }
            }
        }
    }
}

impl Clock for DrillClock {
    fn now(&self) -> u64 {
        match self {
            Self::Virtual(clock) => clock.now(),
            Self::Wall => SystemClock.now(),
        }
    }
}

/// The clock of a site.
#[derive(Debug)]
pub(crate) struct SiteClock {
    right: Arc<DrillClock>,
    /// Seconds that it is ahead.
    ahead: AtomicI64,
}

impl SiteClock {
    pub(crate) const fn new(right: Arc<DrillClock>, ahead: i64) -> Self {
        Self { right, ahead: AtomicI64::new(ahead) }
    }

    pub(crate) fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::SeqCst);
    }
}

impl Clock for SiteClock {
    fn now(&self) -> u64 {
        self.right.now().saturating_add_signed(self.ahead())
    }
}
