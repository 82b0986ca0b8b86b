//! Work that comes in parts: FIRST, MIDDLE, LAST.
//!
//! What is unfinished stays inside ICSF; the chaining vector a caller hands from call to call says which it is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::rules;
use crate::error::Result;

pub(super) const SEQUENCE: &[&str] = &["FIRST", "MIDDLE", "LAST", "ONLY"];

/// The 128 bytes that the HMAC and hash services hand from one call to the next; callers leave them alone.
pub type ChainingArea = [u8; 128];

/// How much may be unfinished at once; the oldest goes first.
const UNFINISHED: usize = 256;

pub(crate) struct MultiPart<T>(Mutex<Unfinished<T>>);

struct Unfinished<T> {
    last: u64,
    work: BTreeMap<u64, T>,
}

impl<T> MultiPart<T> {
    /// Does a part: goes on from something new for FIRST and ONLY, else from what the chaining vector names; keeps the
    /// work after FIRST and MIDDLE, and notes in the chaining vector which it is. A part that fails, and has left the
    /// work as it was, may be done again.
    pub(super) fn part<R>(
        &self,
        sequence: &str,
        area: &mut ChainingArea,
        new: impl FnOnce() -> T,
        run: impl FnOnce(&mut T) -> Result<R>,
    ) -> Result<R> {
        let before = match sequence {
            "FIRST" | "ONLY" => None,
            _ => Some(area.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).unwrap_or_default()),
        };
        let mut work = match before {
            None => new(),
            Some(number) => self.unfinished().work.remove(&number).ok_or_else(|| {
                rules::combination("the chaining vector belongs to no FIRST call, or to one too long ago")
            })?,
        };
        let done = run(&mut work);
        match (&done, before) {
            (Ok(_), _) if matches!(sequence, "FIRST" | "MIDDLE") => self.suspend(work, area),
            (Err(_), Some(number)) => drop(self.unfinished().work.insert(number, work)),
            _ => {}
        }
        done
    }

    fn suspend(&self, work: T, area: &mut ChainingArea) {
        let mut unfinished = self.unfinished();
        if unfinished.work.len() >= UNFINISHED {
            unfinished.work.pop_first();
        }
        unfinished.last += 1;
        let number = unfinished.last;
        unfinished.work.insert(number, work);
        *area = [0; 128];
        area.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    }

    fn unfinished(&self) -> MutexGuard<'_, Unfinished<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for MultiPart<T> {
    fn default() -> Self {
        Self(Mutex::new(Unfinished { last: 0, work: BTreeMap::new() }))
    }
}

impl<T> fmt::Debug for MultiPart<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MultiPart({} unfinished)", self.unfinished().work.len())
    }
}
