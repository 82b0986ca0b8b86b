//! Rows by name, in a map of which a changed copy shares nearly all with the original.
//!
//! Rows are spread over parts by the hash of their name. A copy shares the parts; a change copies the one it is in. A
//! search goes through two pointers and then one hash table, and so costs the same for a hundred thousand rows as for a
//! few; persistent trees were four times slower when little of them was in a cache of the processor.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// How many parts; a change copies one, and the pointers to all.
const PARTS: usize = 512;

/// Some of the rows.
type Part<K, V> = Arc<HashTable<(K, V)>>;

/// Rows by name.
#[derive(Clone)]
pub(super) struct Rows<K, V> {
    hasher: RandomState,
    parts: Arc<Vec<Part<K, V>>>,
    count: usize,
}

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self { hasher: RandomState::default(), parts: Arc::new(vec![Arc::default(); PARTS]), count: 0 }
    }
}

impl<K, V> fmt::Debug for Rows<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({})", self.count)
    }
}

/// The part a hash belongs to; a table uses the bits at both ends.
const fn part(hash: u64) -> usize {
    (hash >> 32) as usize % PARTS
}

impl<K: Hash + Eq + Clone, V: Clone> Rows<K, V> {
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(name);
        let found = self.parts.get(part(hash))?.find(hash, |(key, _)| key.borrow() == name)?;
        Some(&found.1)
    }

    pub(super) fn contains_key<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(name).is_some()
    }

    /// The table a hash belongs to, to be changed.
    fn table(&mut self, hash: u64) -> Option<&mut HashTable<(K, V)>> {
        Arc::make_mut(&mut self.parts).get_mut(part(hash)).map(Arc::make_mut)
    }

    pub(super) fn insert(&mut self, name: K, row: V) {
        self.remove(&name);
        let hasher = self.hasher.clone();
        let hash = hasher.hash_one(&name);
        if let Some(table) = self.table(hash) {
            table.insert_unique(hash, (name, row), |(key, _)| hasher.hash_one(key));
            self.count += 1;
        }
    }

    pub(super) fn remove<Q: Hash + Eq + ?Sized>(&mut self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if !self.contains_key(name) {
            return None;
        }
        let hash = self.hasher.hash_one(name);
        let found = self.table(hash)?.find_entry(hash, |(key, _)| key.borrow() == name).ok()?;
        let ((_, row), _) = found.remove();
        self.count -= 1;
        Some(row)
    }

    /// All names and rows, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|table| table.iter()).map(|(name, row)| (name, row))
    }

    /// All rows, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, row)| row)
    }

    /// All names, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_its_copies_stay_as_they_were(
            changes in prop::collection::vec((0..50_u32, prop::option::of(any::<u8>())), 0..300),
            copied in 0..300_usize,
        ) {
            let (mut rows, mut plain) = (Rows::default(), BTreeMap::new());
            let mut copy = (rows.clone(), plain.clone());
            for (at, (name, row)) in changes.into_iter().enumerate() {
                match row {
                    Some(row) => {
                        rows.insert(name, row);
                        plain.insert(name, row);
                    }
                    None => prop_assert_eq!(rows.remove(&name), plain.remove(&name)),
                }
                if at == copied {
                    copy = (rows.clone(), plain.clone());
                }
            }
            for (rows, plain) in [(&rows, &plain), (&copy.0, &copy.1)] {
                prop_assert_eq!(rows.len(), plain.len());
                prop_assert_eq!(rows.is_empty(), plain.is_empty());
                prop_assert!((0..50).all(|name| rows.get(&name) == plain.get(&name)));
                let mut all: Vec<_> = rows.iter().collect();
                all.sort_unstable();
                prop_assert!(all.into_iter().eq(plain.iter()));
            }
        }
    }
}
