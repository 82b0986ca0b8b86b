//! Ending a process between the calls into a token, and not within one.
//!
//! SoftHSM writes the file of its token anew at each login, in place: a process that ends in those milliseconds leaves an
//! empty file, and the master keys are gone. So whoever ends a process when a signal tells it to, asks here first: [`begin`]
//! lets no further call begin, and [`wait`] says when those that have begun are over. No call lasts for ever: one that
//! hangs is given up, and the process need not wait for it.
//!
//! ```
//! use std::time::Duration;
//! use softicsf::quiesce;
//!
//! // In the thread that takes the signals:
//! quiesce::begin();
//! if !quiesce::wait(Duration::from_secs(10)) {
//!     eprintln!("the token is still at work; its files may be damaged");
//! }
//! // and now the process ends.
//! ```

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Signals are sent to a process, so there is one for the process.
static GATE: Gate = Gate { state: Mutex::new(State { inside: 0, quiescing: false }), changed: Condvar::new() };

struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Threads that hold.
    inside: usize,
    quiescing: bool,
}

thread_local! {
    /// How many holds this thread has, or works under.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Work that the process must not end in, until this is dropped, in the thread that asked for it.
#[derive(Debug)]
#[must_use]
pub struct Hold {
    _thread: PhantomData<*const ()>,
}

/// Begins work that the process must not end in. Calls into a token of a [`System`](crate::System) do so themselves; this is
/// for several that belong together. When the process is ending already it does not come back, except within another hold.
pub fn hold() -> Hold {
    if DEPTH.get() == 0 {
        let mut state = state();
        while state.quiescing {
            state = GATE.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.inside += 1;
    }
    DEPTH.set(DEPTH.get() + 1);
    Hold { _thread: PhantomData }
}

impl Drop for Hold {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        if DEPTH.get() == 0 {
            state().inside -= 1;
            GATE.changed.notify_all();
        }
    }
}

/// From here on no work begins, for the process is about to end.
pub fn begin() {
    state().quiescing = true;
}

/// Whether the process is about to end: work that holds for long stops early then.
#[must_use]
pub fn is_begun() -> bool {
    state().quiescing
}

/// Waits until the work that has begun is over; whether it is.
#[must_use]
pub fn wait(at_most: Duration) -> bool {
    let began = Instant::now();
    let mut state = state();
    while state.inside > 0 {
        let Some(left) = at_most.checked_sub(began.elapsed()) else { return false };
        state = GATE.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    true
}

/// `work` for another thread, on behalf of one that holds: it does not hold itself, so that nobody waits for it when it is
/// given up.
pub(crate) fn on_behalf(work: Box<dyn FnOnce() + Send>) -> Box<dyn FnOnce() + Send> {
    Box::new(move || {
        let before = DEPTH.replace(DEPTH.get() + 1);
        work();
        DEPTH.set(before);
    })
}

fn state() -> MutexGuard<'static, State> {
    GATE.state.lock().unwrap_or_else(PoisonError::into_inner)
}
