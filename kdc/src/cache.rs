//! What the KDC remembers of requests: the replies it gave, the authenticators it saw. Both bounded, so that memory stays
//! flat whatever is sent.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// How long a reply is kept for a client that did not get it: longer than clients go on asking.
const KEPT: u64 = 120;
/// How many replies are kept, and how many bytes in all.
const REPLIES: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
const REPLY_BYTES: usize = 4 << 20;
/// How many authenticators are kept: some 30 bytes each.
const AUTHENTICATORS: usize = 32_768;

/// Bytes known again without being kept: 128 bits of a keyed hash, whose key no sender knows.
#[derive(Debug, Default)]
struct Marks([RandomState; 2]);

impl Marks {
    fn of(&self, bytes: &impl std::hash::Hash) -> u128 {
        let [high, low] = &self.0;
        u128::from(high.hash_one(bytes)) << 64 | u128::from(low.hash_one(bytes))
    }
}

/// Replies by request: a request that comes again, since its reply was lost or late, is answered with the same bytes.
///
/// Source: RFC 4120, section 3.3.2: a KDC that has no such cache has to refuse an honest client.
pub(crate) struct LookAside {
    marks: Marks,
    kept: Mutex<Replies>,
}

struct Replies {
    by_mark: LruCache<u128, Reply>,
    bytes: usize,
}

struct Reply {
    at: u64,
    generation: u64,
    bytes: Arc<[u8]>,
}

/// Which request it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(u128);

impl LookAside {
    pub(crate) fn new() -> Self {
        Self { marks: Marks::default(), kept: Mutex::new(Replies { by_mark: LruCache::unbounded(), bytes: 0 }) }
    }

    pub(crate) fn mark(&self, request: &impl std::hash::Hash) -> Mark {
        Mark(self.marks.of(request))
    }

    /// The reply, if it was given not long ago and the engine is still the one it was made with: a KDC that lost its
    /// engine answers nothing any more.
    pub(crate) fn get(&self, mark: Mark, now: u64, generation: u64) -> Option<Arc<[u8]>> {
        let kept = lock(&self.kept);
        let reply = kept.by_mark.peek(&mark.0)?;
        let fresh = now.abs_diff(reply.at) < KEPT && reply.generation == generation;
        fresh.then(|| Arc::clone(&reply.bytes))
    }

    pub(crate) fn put(&self, mark: Mark, now: u64, generation: u64, bytes: Arc<[u8]>) {
        let mut kept = lock(&self.kept);
        kept.bytes += bytes.len();
        if let Some(before) = kept.by_mark.put(mark.0, Reply { at: now, generation, bytes }) {
            kept.bytes -= before.bytes.len();
        }
        // None is ever moved to the front again, so the oldest go first.
        while kept.by_mark.len() > REPLIES.get() || kept.bytes > REPLY_BYTES {
            let Some((_, oldest)) = kept.by_mark.pop_lru() else { break };
            kept.bytes -= oldest.bytes.len();
        }
        while kept.by_mark.peek_lru().is_some_and(|(_, oldest)| now.abs_diff(oldest.at) >= KEPT) {
            if let Some((_, oldest)) = kept.by_mark.pop_lru() {
                kept.bytes -= oldest.bytes.len();
            }
        }
    }

    /// How many, and how many bytes in all.
    pub(crate) fn kept(&self) -> (usize, usize) {
        let kept = lock(&self.kept);
        (kept.by_mark.len(), kept.bytes)
    }
}

impl fmt::Debug for LookAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookAside({} replies)", self.kept().0)
    }
}

/// Authenticators that were accepted: one that comes again, in whatever request, is refused.
///
/// They are told apart by their encrypted bytes. RFC 4120, section 3.2.3, compares client, server and time to the
/// microsecond, which refuses honest clients whose clocks are coarse; and nobody without the session key can make other
/// bytes of the same authenticator.
///
/// When more arrive within the clock skew than are kept, the oldest are forgotten.
pub struct Replays {
    marks: RandomState,
    seen: Mutex<Seen>,
}

/// Authenticators in the order in which they came, each with the time until which it is good.
#[derive(Default)]
struct Seen {
    marks: HashSet<u64>,
    order: VecDeque<(u64, u64)>,
}

impl Replays {
    /// None seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self { marks: RandomState::new(), seen: Mutex::default() }
    }

    /// Takes note of an authenticator that is good until `until`; `false` when it was seen before.
    #[must_use]
    pub(crate) fn is_first(&self, authenticator: &[u8], until: u64, now: u64) -> bool {
        let mark = self.marks.hash_one(authenticator);
        let mut seen = lock(&self.seen);
        if !seen.marks.insert(mark) {
            return false;
        }
        seen.order.push_back((mark, until));
        // Two for one: what is over goes, however many came at once.
        for _ in 0..2 {
            let full = seen.order.len() > AUTHENTICATORS;
            let Some((mark, _)) = seen.order.pop_front_if(|(_, until)| full || *until < now) else { break };
            seen.marks.remove(&mark);
        }
        true
    }

    /// How many are kept: 32,768 at most.
    #[must_use]
    pub fn kept(&self) -> usize {
        lock(&self.seen).order.len()
    }
}

impl Default for Replays {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replays({} seen)", self.kept())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_kept_for_two_minutes_of_one_engine() {
        let cache = LookAside::new();
        let mark = cache.mark(&b"request".as_slice());
        cache.put(mark, 100, 1, Arc::from(*b"reply"));
        assert_eq!(cache.get(mark, 219, 1).as_deref(), Some(&b"reply"[..]));
        assert!(cache.get(mark, 220, 1).is_none());
        assert!(cache.get(mark, 101, 2).is_none(), "another engine");
        assert!(cache.get(cache.mark(&b"other".as_slice()), 101, 1).is_none());
    }

    #[test]
    fn replies_are_bounded_by_number_and_by_bytes() {
        let cache = LookAside::new();
        for number in 0..10_000_u32 {
            cache.put(cache.mark(&number), 100, 1, Arc::from([0; 100]));
        }
        assert_eq!(cache.kept().0, REPLIES.get());
        for number in 0..10_000_u32 {
            cache.put(cache.mark(&number), 100, 1, Arc::from([0; 50_000]));
        }
        assert!(cache.kept().1 <= REPLY_BYTES, "{:?}", cache.kept());
        cache.put(cache.mark(&0), 1000, 1, Arc::from([0; 1]));
        assert_eq!(cache.kept(), (1, 1), "the old ones went");
    }

    #[test]
    fn an_authenticator_is_new_once() {
        let replays = Replays::new();
        assert!(replays.is_first(b"one", 400, 100));
        assert!(!replays.is_first(b"one", 400, 400));
        assert!(replays.is_first(b"two", 400, 100));
        assert_eq!(replays.kept(), 2);
        assert!(replays.is_first(b"three", 800, 401), "the others are over, and too old to be looked for here");
        assert_eq!(replays.kept(), 1);
        for number in 0..100_000_u32 {
            assert!(replays.is_first(&number.to_be_bytes(), 800, 500));
        }
        assert_eq!(replays.kept(), AUTHENTICATORS);
        assert_eq!(lock(&replays.seen).marks.len(), AUTHENTICATORS);
    }
}
