//! The in-storage copy of a CKDS: what services read.
//!
//! One block of memory holds all records end to end, an index of four bytes a record finds them by label, and a small
//! map on top holds what has changed since. The whole is immutable: a change makes a new one that shares the block, so
//! that a reader goes on undisturbed with the one it has.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::ops::Bound;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use zeroize::{Zeroize, Zeroizing};

use super::record::{self, Header, Record, RecordError};
use crate::label::{KeyLabel, RecordKey};
use crate::store::Generation;

const KEY: usize = 72;
/// How many changes lie on top before a new block is made of everything.
const OVERLAY: usize = 1024;

/// A CKDS as services see it.
#[derive(Debug, Clone)]
pub struct InStorage {
    generation: Generation,
    header: Arc<Header>,
    block: Arc<Block>,
    overlay: Arc<HashMap<KeyLabel, Entry>>,
}

/// A record in memory, or that there is none any more.
#[derive(Debug, Clone)]
enum Entry {
    Gone,
    Here(RecordKey, Arc<Zeroizing<Vec<u8>>>),
    Damaged(RecordKey, RecordError),
}

/// What is found under a label.
#[derive(Debug)]
pub enum Found<'a> {
    /// A record whose checksum fits.
    Here(RecordRef<'a>),
    /// A record that cannot be used.
    Damaged(RecordError),
    /// Nothing.
    Nothing,
}

/// A record in the in-storage copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    key: &'a [u8; KEY],
    bytes: &'a [u8],
}

impl RecordRef<'_> {
    /// The record as stored, without its key.
    pub(crate) const fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn parse(&self) -> Result<Record, RecordError> {
        let key = RecordKey::from_bytes(*self.key).ok().ok_or(RecordError::Field)?;
        Record::parse(key, self.bytes)
    }
}

/// Label and type; the record itself may hold a clear key.
impl std::fmt::Debug for RecordRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = RecordKey::from_row(self.key);
        write!(f, "RecordRef({})", key.map_or_else(String::new, |key| key.to_string()))
    }
}

struct Block {
    /// Record key and record, end to end.
    bytes: Vec<u8>,
    index: HashTable<u32>,
    damaged: Damaged,
}

/// The rows that cannot be used, by key, and why.
type Damaged = BTreeMap<Box<[u8]>, RecordError>;

/// Whether a row is that of a label.
fn is_of(key: &[u8], label: &KeyLabel) -> bool {
    key.get(..64) == Some(label.ebcdic())
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} bytes, {} records)", self.bytes.len(), self.index.len())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.bytes.zeroize(); // records may hold clear keys
    }
}

impl Block {
    fn entry(&self, offset: u32) -> Option<RecordRef<'_>> {
        let rest = self.bytes.get(usize::try_from(offset).ok()?..)?;
        let (key, rest) = rest.split_first_chunk::<KEY>()?;
        let bytes = rest.get(..record::length(rest)?)?;
        Some(RecordRef { key, bytes })
    }

    fn label_at(&self, offset: u32) -> &[u8] {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        self.bytes.get(from..).and_then(|rest| rest.get(..64)).unwrap_or_default()
    }

    fn find(&self, label: &KeyLabel) -> Option<RecordRef<'_>> {
        let label = label.ebcdic().as_slice();
        self.index.find(hash(label), |offset| self.label_at(*offset) == label).and_then(|offset| self.entry(*offset))
    }

    fn damage(&self, label: &KeyLabel) -> Option<&RecordError> {
        let (key, error) =
            self.damaged.range::<[u8], _>((Bound::Included(label.ebcdic().as_slice()), Bound::Unbounded)).next()?;
        is_of(key, label).then_some(error)
    }
}

fn hash(label: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(label)
}

/// Collects records, checked, into an in-storage copy.
#[derive(Debug, Default)]
pub(super) struct Loader {
    bytes: Vec<u8>,
    count: usize,
    damaged: Damaged,
}

impl Loader {
    /// Adds a row; one that is damaged is remembered as such, and named when it is asked for.
    pub(super) fn add(&mut self, key: &[u8], bytes: &[u8]) {
        if key == RecordKey::HEADER.bytes() {
            return;
        }
        let sized = <&[u8; KEY]>::try_from(key).ok().ok_or(RecordError::Field);
        match sized.and_then(|key| record::check(key, bytes)) {
            Ok(()) => {
                self.bytes.extend_from_slice(key);
                self.bytes.extend_from_slice(bytes);
                self.count += 1;
            }
            Err(error) => {
                self.damaged.insert(key.into(), error);
            }
        }
    }

    /// How many bytes there are; offsets have 32 bits.
    pub(super) fn too_large(&self) -> bool {
        u32::try_from(self.bytes.len()).is_err()
    }

    pub(super) fn finish(mut self, generation: Generation, header: Header) -> InStorage {
        self.bytes.shrink_to_fit();
        let mut block = Block { bytes: self.bytes, index: HashTable::with_capacity(self.count), damaged: self.damaged };
        let mut offset = 0;
        while let Some(entry) = block.entry(offset) {
            let length = KEY + entry.bytes.len();
            let hashed = hash(entry.key.split_at(64).0);
            let bytes = &block.bytes;
            block.index.insert_unique(hashed, offset, |other| {
                let from = usize::try_from(*other).unwrap_or(usize::MAX);
                hash(bytes.get(from..).and_then(|rest| rest.get(..64)).unwrap_or_default())
            });
            offset = offset.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        }
        InStorage { generation, header: Arc::new(header), block: Arc::new(block), overlay: Arc::default() }
    }
}

/// What a record has become.
pub(super) type Change = (RecordKey, Option<Zeroizing<Vec<u8>>>);

impl InStorage {
    /// The change of the store it shows.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Finds the record of a label.
    #[must_use]
    pub fn find(&self, label: &KeyLabel) -> Found<'_> {
        match self.overlay.get(label) {
            Some(Entry::Here(key, bytes)) => return Found::Here(RecordRef { key: key.bytes(), bytes }),
            Some(Entry::Gone) => return Found::Nothing,
            Some(Entry::Damaged(_, error)) => return Found::Damaged(error.clone()),
            None => {}
        }
        match self.block.find(label) {
            Some(found) => Found::Here(found),
            None => self.block.damage(label).map_or(Found::Nothing, |error| Found::Damaged(error.clone())),
        }
    }

    /// How many records it holds, damaged ones not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        let on_top = self.overlay.iter().map(|(label, entry)| {
            let below = self.block.find(label).is_some();
            i64::from(matches!(entry, Entry::Here(..))) - i64::from(below)
        });
        usize::try_from(i64::try_from(self.block.index.len()).unwrap_or(i64::MAX) + on_top.sum::<i64>()).unwrap_or(0)
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The records that cannot be used, by key as stored, and why.
    #[must_use]
    pub fn damaged(&self) -> Vec<(String, RecordError)> {
        let name = |key: &[u8]| {
            RecordKey::from_row(key).map_or_else(|| data_encoding::HEXUPPER.encode(key), |key| key.to_string())
        };
        let mended = |key: &[u8]| self.overlay.keys().any(|label| is_of(key, label));
        let below = self.block.damaged.iter().filter(|(key, _)| !mended(key));
        let below = below.map(|(key, error)| (name(key), error.clone()));
        let on_top = self.overlay.values().filter_map(|entry| match entry {
            Entry::Damaged(key, error) => Some((key.to_string(), error.clone())),
            _ => None,
        });
        let mut all: Vec<_> = below.chain(on_top).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Bytes of memory beyond those of keys and records: the index, and spare room.
    #[must_use]
    pub fn overhead(&self) -> usize {
        self.block.index.allocation_size() + self.block.bytes.capacity() - self.block.bytes.len()
    }

    /// The copy after these changes.
    pub(super) fn with(&self, generation: Generation, header: Header, changes: Vec<Change>) -> Self {
        let mut overlay = HashMap::clone(&self.overlay);
        for (key, bytes) in changes.into_iter().filter(|(key, _)| *key != RecordKey::HEADER) {
            let entry = match bytes {
                None => Entry::Gone,
                Some(bytes) => match record::check(key.bytes(), &bytes) {
                    Ok(()) => Entry::Here(key, Arc::new(bytes)),
                    Err(error) => Entry::Damaged(key, error),
                },
            };
            // One label, two types: what is there wins over what is gone, whatever the order of the changes.
            let label = key.label();
            let other = match overlay.get(&label) {
                Some(Entry::Here(other, _) | Entry::Damaged(other, _)) => Some(*other),
                _ => None,
            };
            if matches!(entry, Entry::Gone) && other.is_some_and(|other| other != key) {
                continue;
            }
            overlay.insert(label, entry);
        }
        let next =
            Self { generation, header: Arc::new(header), block: Arc::clone(&self.block), overlay: Arc::new(overlay) };
        if next.overlay.len() > OVERLAY { next.flattened() } else { next }
    }

    fn flattened(&self) -> Self {
        let mut loader = Loader { damaged: self.block.damaged.clone(), ..Loader::default() };
        loader.bytes.reserve(self.block.bytes.len());
        let mut offset = 0;
        while let Some(entry) = self.block.entry(offset) {
            let on_top = RecordKey::from_bytes(*entry.key).is_ok_and(|key| self.overlay.contains_key(&key.label()));
            if !on_top {
                loader.add(entry.key, entry.bytes);
            }
            offset = offset.saturating_add(u32::try_from(KEY + entry.bytes.len()).unwrap_or(u32::MAX));
        }
        for (label, entry) in self.overlay.iter() {
            loader.damaged.retain(|key, _| !is_of(key, label));
            match entry {
                Entry::Gone => {}
                Entry::Here(key, bytes) => loader.add(key.bytes(), bytes),
                Entry::Damaged(key, error) => drop(loader.damaged.insert(key.row(), error.clone())),
            }
        }
        loader.finish(self.generation, Header::clone(&self.header))
    }
}
