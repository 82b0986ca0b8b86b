//! Work that comes in parts: FIRST, MIDDLE, LAST.
//!
//! What is unfinished stays inside ICSF; the chaining vector a caller hands from call to call says which it is. It is a
//! random number, so that nobody goes on with what is another's, and good for one call of the same service with the same
//! rules and key, so that nobody goes on with something else by mistake.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use sha2::{Digest, Sha256};

use super::rules;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::random::RandomSource;
use crate::token::KeyIdentifier;

pub(super) const SEQUENCE: &[&str] = &["FIRST", "MIDDLE", "LAST", "ONLY"];

/// The 128 bytes that the HMAC and hash services hand from one call to the next; callers leave them alone.
pub type ChainingArea = [u8; 128];

/// How much may be unfinished at once; the oldest goes first.
const UNFINISHED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

type Id = [u8; 16];

/// Service, rules and key of unfinished work, as a hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Purpose([u8; 32]);

impl Purpose {
    pub(super) fn of(service: &str, rule: &str, key: Option<&KeyIdentifier>) -> Self {
        let hash = Sha256::new().chain_update(format!("{service} {rule} "));
        let hash = match key {
            None => hash,
            Some(KeyIdentifier::Label(label)) => hash.chain_update(label.ebcdic()),
            Some(KeyIdentifier::Token(token)) => hash.chain_update(token.encode()),
        };
        Self(hash.finalize().into())
    }
}

/// Work between two parts.
pub(super) struct Work<T> {
    /// What it is; to be noted anew when the token of the key is replaced.
    pub(super) purpose: Purpose,
    pub(super) so_far: T,
}

pub(crate) struct MultiPart<T>(Mutex<LruCache<Id, Work<T>>>);

impl<T> MultiPart<T> {
    /// Does a part: goes on from something new for FIRST and ONLY, else from what the chaining vector names; keeps the
    /// work after FIRST and MIDDLE, and notes in the chaining vector which it is. A part that fails, and has left the
    /// work as it was, may be done again.
    pub(super) fn part<R>(
        &self,
        random: &dyn RandomSource,
        sequence: &str,
        area: &mut ChainingArea,
        new: Work<T>,
        run: impl FnOnce(&mut Work<T>) -> Result<R>,
    ) -> Result<R> {
        let before = match sequence {
            "FIRST" | "ONLY" => None,
            _ => Some(area.first_chunk().copied().unwrap_or_default()),
        };
        let mut next: Id = [0; 16];
        let goes_on = matches!(sequence, "FIRST" | "MIDDLE");
        if goes_on {
            random.fill(&mut next).map_err(|e| Error::new(Code::InternalFailure, e.to_string()).with_source(e))?;
        }
        let mut work = match before {
            None => new,
            Some(id) => self.resumed(&id, new.purpose)?,
        };
        let done = run(&mut work);
        match (&done, before) {
            (Ok(_), _) if goes_on => {
                self.unfinished().put(next, work);
                *area = [0; 128];
                area.iter_mut().zip(next).for_each(|(to, from)| *to = from);
            }
            (Err(_), Some(id)) => drop(self.unfinished().put(id, work)),
            _ => {}
        }
        done
    }

    fn resumed(&self, id: &Id, purpose: Purpose) -> Result<Work<T>> {
        let mut unfinished = self.unfinished();
        let same = unfinished.peek(id).is_some_and(|work| work.purpose == purpose);
        same.then(|| unfinished.pop(id)).flatten().ok_or_else(|| {
            rules::combination(
                "the chaining vector belongs to no FIRST of this service, hash and key in this process, was used before, \
                 or is too old",
            )
        })
    }

    fn unfinished(&self) -> MutexGuard<'_, LruCache<Id, Work<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for MultiPart<T> {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(UNFINISHED)))
    }
}

impl<T> fmt::Debug for MultiPart<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MultiPart({} unfinished)", self.unfinished().len())
    }
}
