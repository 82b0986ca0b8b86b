//! Threads that calls to the module are made in, so that one that hangs can be given up.
//!
//! A thread that is inside a C function cannot be called back. So whoever must not hang does not go in: work is handed
//! to a *lane*, a thread of this engine with a session of its own, and waited for as long as the module makes progress.
//! Work that is done on a lane already stays on it: see `Backend::run`, by which a request with many calls pays for one
//! change of threads and not for many. A lane that was given up is not used again; it ends when its call returns.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use cryptoki::context::Function;

use super::codes::name_of;
use super::link;

/// How many calls can be in the module at once; more wait.
const MOST: usize = 64;
/// However much progress is made, work is given up after this many times the wait.
const PATIENCE: u32 = 4;
/// How long an engine that is dropped waits for its lanes to close their sessions.
const FAREWELL: Duration = Duration::from_secs(1);

type Work = Box<dyn FnOnce() + Send>;

/// The lanes of one engine.
pub(super) struct Lanes(Arc<Pool>);

struct Pool {
    number: u64,
    /// The process its threads are in: a child that was forked has none of them.
    process: u32,
    kept: Mutex<Kept>,
    changed: Condvar,
    stuck: AtomicUsize,
}

#[derive(Default)]
struct Kept {
    idle: Vec<Arc<Lane>>,
    /// Threads that live, without those that were given up.
    threads: usize,
    /// How many wait for a lane: who puts one back need not tell nobody.
    waiting: usize,
    closing: bool,
}

struct Lane {
    state: Mutex<State>,
    thread: OnceLock<Thread>,
    /// Told beside the state, so that whoever waits need not fight for the lock.
    done: AtomicBool,
    /// How many calls into the module it has begun for this work.
    calls: AtomicU64,
    /// The last of them: see [`ENTERED`].
    entered: AtomicUsize,
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
    Function::Encrypt,
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

/// What becomes of a lane when its work is done.
enum Then {
    /// This one waits.
    Report(Thread),
    /// Nobody does.
    Idle,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The module has not returned for so long; from which function, where that is known.
    Hung(Option<String>, Duration),
    /// All lanes are in the module.
    Busy(Duration),
    /// Our own code ended early.
    Panicked,
    /// The lanes are in this process, from which the caller's was forked.
    Forked(u32),
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hung(Some(function), wait) => write!(f, "{function} has not returned for {wait:?}"),
            Self::Hung(None, wait) => write!(f, "a call before this one has not returned for {wait:?}"),
            Self::Busy(wait) => write!(f, "{MOST} calls are in it, and none has returned for {wait:?}"),
            Self::Panicked => f.write_str("a call to it panicked"),
            Self::Forked(parent) => write!(f, "it was attached in process {parent}, from which this one was forked"),
        }
    }
}

thread_local! {
    /// The pool and the lane this thread is of.
    static HERE: RefCell<Option<(u64, Arc<Lane>)>> = const { RefCell::new(None) };
}

/// Notes that this thread is about to enter the module.
pub(super) fn entering(function: Function) {
    let note = |here: &RefCell<Option<(u64, Arc<Lane>)>>| {
        if let Some((_, lane)) = &*here.borrow() {
            lane.entered.store(function as usize, Ordering::Relaxed);
            lane.calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    // A thread that ends has nobody waiting for it.
    let _ = HERE.try_with(note);
}

/// Whether this thread is a lane of any engine.
pub(super) fn is_on_a_lane() -> bool {
    HERE.try_with(|here| here.borrow().is_some()).unwrap_or(false)
}

impl Lanes {
    pub(super) fn new() -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let pool = Pool {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            process: process::id(),
            kept: Mutex::default(),
            changed: Condvar::new(),
            stuck: AtomicUsize::new(0),
        };
        Self(Arc::new(pool))
    }

    /// Whether this thread is one of them, so that whoever waits for it can give it up.
    pub(super) fn is_here(&self) -> bool {
        self.0.is_here()
    }

    /// How many calls were given up and have not returned.
    pub(super) fn stuck(&self) -> usize {
        self.0.stuck.load(Ordering::SeqCst)
    }

    /// Does `work` on a lane, and waits for it while the module makes progress: `wait` for each call.
    pub(super) fn call<T: Send + 'static>(
        &self,
        wait: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Overdue> {
        if self.is_here() {
            return Ok(work());
        }
        let answer = Arc::new(Mutex::new(None));
        let place = Arc::clone(&answer);
        self.run(wait, Box::new(move || *lock(&place) = Some(work())))?;
        let answer = lock(&answer).take();
        answer.ok_or(Overdue::Panicked)
    }

    /// The same for work whose answer, if it has one, has a way of its own.
    pub(super) fn run(&self, wait: Duration, work: Work) -> Result<(), Overdue> {
        if self.is_here() {
            work();
            return Ok(());
        }
        if self.0.is_of_parent() {
            return Err(Overdue::Forked(self.0.process));
        }
        let lane = self.0.take(Some(wait)).ok_or(Overdue::Busy(wait))?;
        lane.give(work, Then::Report(thread::current()));
        let ended = self.0.wait(&lane, wait)?;
        self.0.put_back(lane);
        if ended { Ok(()) } else { Err(Overdue::Panicked) }
    }

    /// Does `work` on a lane, some time, unless all lanes are in the module.
    pub(super) fn post(&self, work: impl FnOnce() + Send + 'static) {
        if let Some(lane) = (!self.0.is_of_parent()).then(|| self.0.take(None)).flatten() {
            lane.give(Box::new(work), Then::Idle);
        }
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lanes({} threads, {} stuck)", lock(&self.0.kept).threads, self.stuck())
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        if self.0.is_of_parent() {
            return;
        }
        let here = usize::from(self.is_here());
        let mut kept = lock(&self.0.kept);
        kept.closing = true;
        for lane in kept.idle.drain(..) {
            *lock(&lane.state) = State::End;
            lane.wake();
        }
        // So that nobody is in the module when the next thing the owner does is to take it away.
        let began = Instant::now();
        while kept.threads > here && began.elapsed() < FAREWELL {
            kept = self.0.changed.wait_timeout(kept, FAREWELL).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Pool {
    fn is_here(&self) -> bool {
        HERE.with_borrow(|here| here.as_ref().is_some_and(|(pool, _)| *pool == self.number))
    }

    /// Whether this process was forked from the one with the threads.
    fn is_of_parent(&self) -> bool {
        self.process != process::id()
    }

    fn take(self: &Arc<Self>, wait: Option<Duration>) -> Option<Arc<Lane>> {
        let mut kept = lock(&self.kept);
        let mut began = None;
        loop {
            // The last one that came back: what it knows is still in the caches of the processor.
            if let Some(lane) = kept.idle.pop() {
                return Some(lane);
            }
            if kept.closing {
                return None;
            }
            if kept.threads < MOST {
                let lane = Arc::new(Lane::new());
                self.start(Arc::clone(&lane)).ok()?;
                kept.threads += 1;
                return Some(lane);
            }
            let left = wait?.checked_sub(began.get_or_insert_with(Instant::now).elapsed())?;
            kept.waiting += 1;
            kept = self.changed.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
            kept.waiting -= 1;
        }
    }

    fn start(self: &Arc<Self>, lane: Arc<Lane>) -> std::io::Result<()> {
        let (pool, thread_of) = (Arc::clone(self), Arc::clone(&lane));
        let run = move || {
            HERE.set(Some((pool.number, Arc::clone(&lane))));
            let given_up = lane.work(&pool);
            link::close_session_of_this_thread();
            if given_up {
                pool.stuck.fetch_sub(1, Ordering::SeqCst);
            } else {
                lock(&pool.kept).threads -= 1;
                pool.changed.notify_all();
            }
        };
        let handle = thread::Builder::new().name("pkcs11".to_owned()).spawn(run)?;
        // Set once for each lane, here.
        let _ = thread_of.thread.set(handle.thread().clone());
        Ok(())
    }

    fn put_back(&self, lane: Arc<Lane>) {
        let mut kept = lock(&self.kept);
        if kept.closing {
            *lock(&lane.state) = State::End;
            lane.wake();
        } else {
            kept.idle.push(lane);
            if kept.waiting > 0 {
                self.changed.notify_one();
            }
        }
    }

    /// Waits until the lane is done; says whether its work came to its end.
    fn wait(&self, lane: &Arc<Lane>, wait: Duration) -> Result<bool, Overdue> {
        let began = Instant::now();
        let calls = || lane.calls.load(Ordering::Relaxed);
        let (mut seen, mut round) = (calls(), began);
        loop {
            let mut left = Some(wait);
            while let Some(at_most) = left.filter(|_| !lane.done.load(Ordering::Acquire)) {
                thread::park_timeout(at_most);
                left = if lane.done.load(Ordering::Acquire) { None } else { wait.checked_sub(round.elapsed()) };
            }
            let mut state = lock(&lane.state);
            if let State::Done(ended) = *state {
                *state = State::Idle;
                return Ok(ended);
            }
            let now = calls();
            if now == seen || began.elapsed() > wait * PATIENCE {
                *state = State::GivenUp;
                self.stuck.fetch_add(1, Ordering::SeqCst);
                lock(&self.kept).threads -= 1;
                self.changed.notify_all();
                return Err(Overdue::Hung(lane.entered().map(name_of), began.elapsed()));
            }
            seen = now;
            round = Instant::now();
        }
    }
}

impl Lane {
    fn new() -> Self {
        Self {
            state: Mutex::new(State::Idle),
            thread: OnceLock::new(),
            done: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            entered: AtomicUsize::new(NONE),
        }
    }

    fn entered(&self) -> Option<Function> {
        let entered = self.entered.load(Ordering::Relaxed);
        ENTERED.iter().find(|function| **function as usize == entered).copied()
    }

    fn give(&self, work: Work, then: Then) {
        self.entered.store(NONE, Ordering::Relaxed);
        self.done.store(false, Ordering::Relaxed);
        *lock(&self.state) = State::Given(work, then);
        self.wake();
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Works until told to end, or given up, which is told.
    fn work(self: &Arc<Self>, pool: &Arc<Pool>) -> bool {
        loop {
            let mut state = lock(&self.state);
            let work = match std::mem::replace(&mut *state, State::Idle) {
                State::Given(work, then) => {
                    *state = State::Running(then);
                    work
                }
                State::End => return false,
                // Before it was begun.
                State::GivenUp => return true,
                other => {
                    *state = other;
                    drop(state);
                    thread::park();
                    continue;
                }
            };
            drop(state);
            link::begin_work_on_this_thread();
            let ended = catch_unwind(AssertUnwindSafe(work)).is_ok();
            if !ended {
                // The session may be in the middle of something.
                link::close_session_of_this_thread();
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
                    pool.put_back(Arc::clone(self));
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn work_that_hangs_is_given_up_and_counted_until_it_returns() {
        let lanes = Lanes::new();
        let (release, hanging) = mpsc::channel::<()>();
        let overdue = lanes.call(SHORT, move || {
            entering(Function::Sign);
            let _ = hanging.recv();
        });
        let Err(Overdue::Hung(Some(function), waited)) = overdue else { panic!("{overdue:?}") };
        assert_eq!(function, "C_Sign");
        assert!(waited >= SHORT);
        assert_eq!(lanes.stuck(), 1);
        assert_eq!(lanes.call(LONG, || 1), Ok(1));
        release.send(()).unwrap();
        while lanes.stuck() != 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn slow_progress_is_progress_up_to_a_limit() {
        let lanes = Lanes::new();
        let slow = |calls: u32| {
            move || {
                for _ in 0..calls {
                    entering(Function::Sign);
                    thread::sleep(SHORT / 2);
                }
            }
        };
        assert_eq!(lanes.call(SHORT * 10, slow(40)), Ok(()));
        assert!(lanes.call(SHORT, slow(1000)).is_err());
    }

    #[test]
    fn work_on_a_lane_stays_on_it_and_a_panic_ends_only_itself() {
        let lanes = Arc::new(Lanes::new());
        let inner = Arc::clone(&lanes);
        let nested = lanes.call(LONG, move || {
            let outer = thread::current().id();
            inner.call(LONG, move || thread::current().id() == outer)
        });
        assert_eq!(nested, Ok(Ok(true)));
        assert_eq!(lanes.call(LONG, || panic!("on purpose")), Err::<(), _>(Overdue::Panicked));
        assert_eq!(lanes.call(LONG, || 2), Ok(2));
        assert_eq!(lock(&lanes.0.kept).threads, 1);
    }

    #[test]
    fn when_all_lanes_are_taken_the_next_waits_and_gives_up() {
        let lanes = Arc::new(Lanes::new());
        let (release, hanging) = mpsc::channel::<()>();
        let hanging = Arc::new(Mutex::new(hanging));
        for _ in 0..MOST {
            let hanging = Arc::clone(&hanging);
            lanes.post(move || {
                let _ = lock(&hanging).recv();
            });
        }
        assert_eq!(lanes.call(SHORT, || ()), Err(Overdue::Busy(SHORT)));
        drop(release);
        assert_eq!(lanes.call(Duration::from_secs(10), || ()), Ok(()));
    }
}
