//! Small numbers for (algorithm, user, application).
//!
//! A user signs on again and again; the wheel keeps four bytes per use instead of seventeen. A
//! number lives as long as a use refers to it: each session knows the latest second that does,
//! and as seconds are forgotten in order, the session goes with that second.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::Identity;

#[derive(Default)]
pub(super) struct Sessions {
    /// By number. Free numbers keep the session they had.
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// The numbers in use, by hash of their identity.
    index: HashTable<u32>,
    hasher: RandomState,
}

struct Entry {
    identity: Identity,
    /// The latest second a use of this session is remembered for, on a ring of 2^64.
    latest: u64,
}

impl Sessions {
    /// The number of a session that is about to be remembered for `second`. `None` if all 2^32
    /// numbers are taken.
    pub(super) fn number(&mut self, identity: &Identity, second: u64) -> Option<u32> {
        let hash = self.hasher.hash_one(identity);
        let entries = &mut self.entries;
        if let Some(&number) = self.index.find(hash, |n| at(entries, *n).identity == *identity) {
            let entry = at_mut(entries, number);
            if second.wrapping_sub(entry.latest).cast_signed() > 0 {
                entry.latest = second;
            }
            return Some(number);
        }

        let entry = Entry { identity: *identity, latest: second };
        let number = match self.free.pop() {
            Some(number) => {
                *at_mut(entries, number) = entry;
                number
            }
            None => {
                let number = u32::try_from(entries.len()).ok()?;
                entries.push(entry);
                number
            }
        };
        let hasher = &self.hasher;
        self.index.insert_unique(hash, number, |n| hasher.hash_one(at(entries, *n).identity));
        Some(number)
    }

    /// A use at `second` is forgotten. Seconds come in order; where a session has several uses in
    /// one second, it goes with the first.
    pub(super) fn forget(&mut self, number: u32, second: u64) {
        let Some(entry) = self.entries.get(number as usize).filter(|entry| entry.latest == second) else {
            return;
        };
        let hash = self.hasher.hash_one(entry.identity);
        if let Ok(found) = self.index.find_entry(hash, |n| *n == number) {
            found.remove();
            self.free.push(number);
        }
        if self.index.is_empty() {
            *self = Self::default();
        }
    }

    /// Sessions with a number.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Memory on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.free.capacity() * size_of::<u32>()
            + self.index.allocation_size()
    }
}

#[expect(clippy::indexing_slicing, reason = "numbers are positions that were pushed")]
fn at(entries: &[Entry], number: u32) -> &Entry {
    &entries[number as usize]
}

#[expect(clippy::indexing_slicing, reason = "numbers are positions that were pushed")]
fn at_mut(entries: &mut [Entry], number: u32) -> &mut Entry {
    &mut entries[number as usize]
}
