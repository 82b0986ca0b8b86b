//! One lane: a thread that does the work it is given, and what is known of it from outside.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use cryptoki::context::Function;

use super::alert::{FOR_END, FOR_WORK, Habit, looked};
use super::engine::lock;
use super::link;

pub(super) type Work = Box<dyn FnOnce() + Send>;

/// See the [module](self).
pub(super) struct Lane {
    state: Mutex<State>,
    thread: OnceLock<Thread>,
    /// Told beside the state, so that whoever waits need not fight for the lock.
    given: AtomicBool,
    done: AtomicBool,
    /// It is awake and looks for work.
    looks: AtomicBool,
    /// Who gave it the last work has looked for the end in vain.
    in_vain: AtomicBool,
    /// How many calls into the module it has begun for this work.
    calls: AtomicU64,
    /// The last of them: see [`ENTERED`].
    entered: AtomicUsize,
    /// When that was, or when the work was given: see [`now`].
    since: AtomicU64,
}

/// The functions that are entered here, so that one can be noted as a number.
const ENTERED: &[Function] = &[
    Function::Initialize,
    Function::Finalize,
    Function::GetSlotList,
    Function::GetTokenInfo,
    Function::OpenSession,
    Function::CloseSession,
    Function::Login,
    Function::GenerateRandom,
    Function::FindObjects,
    Function::DestroyObject,
    Function::GenerateKey,
    Function::GetAttributeValue,
    Function::SetAttributeValue,
    Function::CreateObject,
    Function::WrapKey,
    Function::UnwrapKey,
    Function::DeriveKey,
    Function::Encrypt,
    Function::EncryptInit,
    Function::EncryptUpdate,
    Function::EncryptFinal,
    Function::Decrypt,
    Function::Sign,
];
/// None of them.
const NONE: usize = usize::MAX;

enum State {
    Idle,
    Given(Work, Then),
    Running(Then),
    /// Whether it came to its end.
    Done(bool),
    GivenUp,
    End,
}

/// What a lane is told.
enum Next {
    Work(Work),
    End,
    GivenUp,
}

/// What becomes of a lane when its work is done.
pub(super) enum Then {
    /// This one waits.
    Report(Thread),
    /// Nobody does.
    Idle,
}

thread_local! {
    /// The pool and the lane this thread is of.
    static HERE: RefCell<Option<(u64, Arc<Lane>)>> = const { RefCell::new(None) };
}

/// Notes that this thread is about to enter the module. The wait for a call begins anew.
pub(super) fn entering(function: Function) {
    note(|lane| {
        lane.noted(function as usize);
        lane.calls.fetch_add(1, Ordering::Relaxed);
    });
}

/// Notes that this thread is about to wait for another one, which is in the module.
pub(super) fn queueing() {
    note(|lane| lane.noted(NONE));
}

fn note(on: impl FnOnce(&Lane)) {
    // A thread that ends has nobody waiting for it.
    let _ = HERE.try_with(|here| {
        if let Some((_, lane)) = &*here.borrow() {
            on(lane);
        }
    });
}

/// The time, as a number.
fn now() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Whether this thread is a lane of any engine.
pub(super) fn is_on_a_lane() -> bool {
    HERE.try_with(|here| here.borrow().is_some()).unwrap_or(false)
}

/// The pool that this thread is a lane of.
pub(super) fn pool_of_this_thread() -> Option<u64> {
    HERE.with_borrow(|here| here.as_ref().map(|(pool, _)| *pool))
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::Idle),
            thread: OnceLock::new(),
            given: AtomicBool::new(false),
            done: AtomicBool::new(false),
            looks: AtomicBool::new(false),
            in_vain: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            entered: AtomicUsize::new(NONE),
            since: AtomicU64::new(0),
        }
    }

    fn noted(&self, entered: usize) {
        self.entered.store(entered, Ordering::Relaxed);
        self.since.store(now(), Ordering::Relaxed);
    }

    /// How long it has been where it is.
    pub(super) fn in_this_call(&self) -> Duration {
        Duration::from_nanos(now().saturating_sub(self.since.load(Ordering::Relaxed)))
    }

    /// The function it is in, where that is known.
    pub(super) fn entered(&self) -> Option<Function> {
        let entered = self.entered.load(Ordering::Relaxed);
        ENTERED.iter().find(|function| **function as usize == entered).copied()
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Whether the work came to its end; nothing when it is not done, and given up now.
    pub(super) fn ended_or_given_up(&self) -> Option<bool> {
        let mut state = lock(&self.state);
        if let State::Done(ended) = *state {
            *state = State::Idle;
            return Some(ended);
        }
        *state = State::GivenUp;
        None
    }

    /// Set once for each lane, when it is started.
    pub(super) fn is_of(&self, thread: &Thread) {
        let _ = self.thread.set(thread.clone());
    }

    /// Gives it work. If it was awake, it is worth looking for a moment whether it is done.
    pub(super) fn give(&self, work: Work, then: Then) {
        let looks_for_end = self.looks.load(Ordering::Relaxed) && matches!(then, Then::Report(_));
        self.noted(NONE);
        self.calls.store(0, Ordering::Relaxed);
        self.done.store(false, Ordering::Relaxed);
        self.in_vain.store(false, Ordering::Relaxed);
        self.tell(State::Given(work, then));
        if !(looks_for_end && looked(FOR_END, || self.is_done())) {
            self.in_vain.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn end(&self) {
        self.tell(State::End);
    }

    fn tell(&self, state: State) {
        *lock(&self.state) = state;
        self.given.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Makes this thread the lane, until told to end, or given up, which is told.
    pub(super) fn work(self: &Arc<Self>, pool: u64, put_back: impl Fn(Arc<Self>)) -> bool {
        HERE.set(Some((pool, Arc::clone(self))));
        let given_up = self.work_on(put_back);
        link::close_session_of_this_thread();
        given_up
    }

    fn work_on(self: &Arc<Self>, put_back: impl Fn(Arc<Self>)) -> bool {
        let mut habit = Habit::default();
        loop {
            let looks = habit.tries();
            let found = looks && self.looks_for_work();
            let work = match self.next() {
                Next::Work(work) => work,
                Next::End => return false,
                Next::GivenUp => return true,
            };
            link::begin_work_on_this_thread();
            let ended = catch_unwind(AssertUnwindSafe(work)).is_ok();
            if !ended {
                // The session may be in the middle of something.
                link::close_session_of_this_thread();
            }
            link::end_work_on_this_thread();
            if looks {
                habit.learn(found && !self.in_vain.load(Ordering::Relaxed));
            }
            let mut state = lock(&self.state);
            match std::mem::replace(&mut *state, State::Idle) {
                State::GivenUp => return true,
                State::Running(Then::Report(waiting)) => {
                    *state = State::Done(ended);
                    drop(state);
                    self.done.store(true, Ordering::Release);
                    waiting.unpark();
                }
                _ => {
                    drop(state);
                    put_back(Arc::clone(self));
                }
            }
        }
    }

    fn looks_for_work(&self) -> bool {
        self.looks.store(true, Ordering::Relaxed);
        let found = looked(FOR_WORK, || self.given.load(Ordering::Acquire));
        self.looks.store(false, Ordering::Relaxed);
        found
    }

    /// What it is told next; sleeps until then.
    fn next(&self) -> Next {
        loop {
            let mut state = lock(&self.state);
            match std::mem::replace(&mut *state, State::Idle) {
                State::Given(work, then) => {
                    *state = State::Running(then);
                    self.given.store(false, Ordering::Relaxed);
                    return Next::Work(work);
                }
                State::End => return Next::End,
                // Before it was begun.
                State::GivenUp => return Next::GivenUp,
                other => *state = other,
            }
            drop(state);
            thread::park();
        }
    }
}
