//! Small numbers for (algorithm, application).
//!
//! A system has few applications and many users; a use keeps three bytes for the application instead of nine. A number
//! lives as long as a use refers to it: each application knows the latest second that does, and as seconds are forgotten
//! in order, the application goes with that second.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::TicketKind;
use crate::id::Applid;

/// There are so many numbers, from 0.
pub(super) const MOST: u32 = 0xFF_FFFF;

#[derive(Default)]
pub(super) struct Applications {
    /// By number. Free numbers keep the application they had.
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// The numbers in use, by hash of their application.
    index: HashTable<u32>,
    hasher: RandomState,
}

type Identity = (TicketKind, Applid);

struct Entry {
    identity: Identity,
    /// The latest second a use of this application is remembered for, on a ring of 2^64.
    latest: u64,
}

impl Applications {
    /// The number of an application a use of which is about to be remembered for `second`. `None` if all are taken.
    pub(super) fn number(&mut self, identity: Identity, second: u64) -> Option<u32> {
        let hash = self.hasher.hash_one(identity);
        let entries = &mut self.entries;
        if let Some(&number) = self.index.find(hash, |n| at(entries, *n).identity == identity) {
            let entry = at_mut(entries, number);
            if second.wrapping_sub(entry.latest).cast_signed() > 0 {
                entry.latest = second;
            }
            return Some(number);
        }

        let entry = Entry { identity, latest: second };
        let number = match self.free.pop() {
            Some(number) => {
                *at_mut(entries, number) = entry;
                number
            }
            None => {
                let number = u32::try_from(entries.len()).ok().filter(|number| *number < MOST)?;
                entries.push(entry);
                number
            }
        };
        let hasher = &self.hasher;
        self.index.insert_unique(hash, number, |n| hasher.hash_one(at(entries, *n).identity));
        Some(number)
    }

    /// The uses at `second`, of these applications, are forgotten. Seconds come in order.
    pub(super) fn forget(&mut self, uses: impl Iterator<Item = u32>, second: u64) {
        for number in uses {
            let entry = at(&self.entries, number);
            if entry.latest != second {
                continue;
            }
            // Not found: gone with the use before.
            let hash = self.hasher.hash_one(entry.identity);
            if let Ok(found) = self.index.find_entry(hash, |n| *n == number) {
                found.remove();
                self.free.push(number);
            }
        }
        if self.index.is_empty() {
            *self = Self::default();
        }
    }

    /// Applications with a number.
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
