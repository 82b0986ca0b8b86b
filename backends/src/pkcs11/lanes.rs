//! Threads that calls to the module are made in, so that one that hangs can be given up.
//!
//! A thread that is inside a C function cannot be called back. So whoever must not hang does not go in: work is handed
//! to a *lane*, a thread of this engine with a session of its own, and waited for as long as its calls return in time.
//! Work that is done on a lane already stays on it: see `Backend::run`, by which a request with many calls pays for one
//! change of threads and not for many. A lane that was given up is not used again; it ends when its call returns.

use std::fmt;
use std::process;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::codes::name_of;
use super::engine::lock;
use super::lane::{Lane, Then, Work, pool_of_this_thread};

/// How many calls can be in the module at once; more wait.
const MOST: usize = 64;
/// Work whose calls all return in time is given up after this many times the wait for one of them.
const PATIENCE: u32 = 4;
/// How long an engine that is dropped waits for its lanes to close their sessions.
const FAREWELL: Duration = Duration::from_secs(1);

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

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The module has not returned for so long; from which function, where that is known.
    Hung(Option<String>, Duration),
    /// Its calls return, but the work does not come to an end: so many calls in this time.
    Slow(u64, Duration),
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
            Self::Hung(Some(function), wait) => write!(f, "{function} has not returned for {wait:.1?}"),
            Self::Hung(None, wait) => write!(f, "a call before this one has not returned for {wait:.1?}"),
            Self::Slow(calls, took) => write!(f, "{calls} calls took {took:.1?}, and more were to come"),
            Self::Busy(wait) => write!(f, "{MOST} calls are in it, and none has returned for {wait:?}"),
            Self::Panicked => f.write_str("a call to it panicked"),
            Self::Forked(parent) => write!(f, "it was attached in process {parent}, from which this one was forked"),
        }
    }
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

    /// Does `work` on a lane, and waits for it: `wait` for each call, and [`PATIENCE`] times that for all of them.
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
            lane.end();
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
        pool_of_this_thread() == Some(self.number)
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
        let (pool, started) = (Arc::clone(self), Arc::clone(&lane));
        let run = move || {
            let given_up = lane.work(pool.number, |lane| pool.put_back(lane));
            if given_up {
                pool.stuck.fetch_sub(1, Ordering::SeqCst);
            } else {
                lock(&pool.kept).threads -= 1;
                pool.changed.notify_all();
            }
        };
        let handle = thread::Builder::new().name("pkcs11".to_owned()).spawn(run)?;
        started.is_of(handle.thread());
        Ok(())
    }

    fn put_back(&self, lane: Arc<Lane>) {
        let mut kept = lock(&self.kept);
        if kept.closing {
            lane.end();
        } else {
            kept.idle.push(lane);
            if kept.waiting > 0 {
                self.changed.notify_one();
            }
        }
    }

    /// Waits until the lane is done; says whether its work came to its end.
    fn wait(&self, lane: &Lane, wait: Duration) -> Result<bool, Overdue> {
        let began = Instant::now();
        loop {
            let (call, all) = (lane.in_this_call(), began.elapsed());
            let left = wait.saturating_sub(call).min((wait * PATIENCE).saturating_sub(all));
            if !lane.is_done() && !left.is_zero() {
                thread::park_timeout(left);
                continue;
            }
            if let Some(ended) = lane.ended_or_given_up() {
                return Ok(ended);
            }
            self.stuck.fetch_add(1, Ordering::SeqCst);
            lock(&self.kept).threads -= 1;
            self.changed.notify_all();
            return Err(if call < wait {
                Overdue::Slow(lane.calls(), all)
            } else {
                Overdue::Hung(lane.entered().map(name_of), call)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use cryptoki::context::Function;

    use super::super::lane::{entering, queueing};
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
        let overdue = lanes.call(SHORT * 10, slow(1000));
        let Err(Overdue::Slow(calls, took)) = overdue else { panic!("{overdue:?}") };
        assert!(calls > 1 && took >= SHORT * 40, "{overdue:?}");
    }

    #[test]
    fn the_wait_begins_anew_with_each_call_and_not_with_each_look() {
        let lanes = Lanes::new();
        let (release, hanging) = mpsc::channel::<()>();
        let (wait, began) = (SHORT * 25, Instant::now());
        let overdue = lanes.call(wait, move || {
            entering(Function::Encrypt);
            thread::sleep(SHORT);
            entering(Function::Sign);
            let _ = hanging.recv();
        });
        let took = began.elapsed();
        drop(release);
        let Err(Overdue::Hung(Some(function), waited)) = overdue else { panic!("{overdue:?}") };
        assert_eq!(function, "C_Sign");
        assert!(waited >= wait && took < wait * 2, "{waited:?} of {took:?}");
    }

    #[test]
    fn who_waits_for_a_call_of_another_does_not_blame_its_own() {
        let lanes = Lanes::new();
        let (release, hanging) = mpsc::channel::<()>();
        let overdue = lanes.call(SHORT, move || {
            entering(Function::Sign);
            queueing();
            let _ = hanging.recv();
        });
        drop(release);
        assert!(matches!(overdue, Err(Overdue::Hung(None, _))), "{overdue:?}");
    }

    #[test]
    fn work_given_again_and_again_to_a_lane_that_looks_for_it_is_all_done() {
        let lanes = Lanes::new();
        for given in 0..20_000 {
            assert_eq!(lanes.call(LONG, move || given), Ok(given));
        }
        assert_eq!(lock(&lanes.0.kept).threads, 1);
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
