//! Rows in memory: for tests, drills, and as the plain reading of the contract.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Area, Expect, Generation, Op, Row, RowKey, RowStore, StoreError, Visit};

/// How many changes are remembered by key.
const REMEMBERED: usize = 4096;

/// Rows in memory; gone with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    generation: Generation,
    /// Shared with scans under way; a change made meanwhile is made in a copy.
    areas: Arc<BTreeMap<(Area, RowKey), Row>>,
    changes: VecDeque<(Generation, RowKey)>,
    forgotten: Generation,
}

impl MemoryStore {
    fn rows(&self) -> std::sync::MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Carries out one operation and notes in `undo` what was there before.
    fn carry_out(&mut self, op: &Op, undo: &mut Vec<Before>) -> Result<(), StoreError> {
        match op {
            Op::Put(area, key, bytes, expect) => {
                self.expect(*area, key, *expect)?;
                let row = Row { generation: self.generation, bytes: bytes.clone() };
                self.set(*area, key.clone(), Some(row), undo);
            }
            Op::Delete(area, key, expect) => {
                self.expect(*area, key, *expect)?;
                self.set(*area, key.clone(), None, undo);
            }
            Op::Clear(area) => {
                let gone: Vec<RowKey> =
                    self.areas.keys().filter(|(a, _)| a == area).map(|(_, key)| key.clone()).collect();
                for key in gone {
                    self.set(*area, key, None, undo);
                }
            }
            Op::Check(area, key, expect) => self.expect(*area, key, *expect)?,
        }
        Ok(())
    }

    fn expect(&self, area: Area, key: &[u8], expect: Expect) -> Result<(), StoreError> {
        let found = self.areas.get(&(area, key.into())).map(|row| row.generation);
        let met = match expect {
            Expect::Anything => true,
            Expect::Absent => found.is_none(),
            Expect::Generation(generation) => found == Some(generation),
        };
        if met { Ok(()) } else { Err(StoreError::Conflict(key.into())) }
    }

    fn set(&mut self, area: Area, key: RowKey, row: Option<Row>, undo: &mut Vec<Before>) {
        let place = (area, key);
        let areas = Arc::make_mut(&mut self.areas);
        let before = match row {
            Some(row) => areas.insert(place.clone(), row),
            None => areas.remove(&place),
        };
        undo.push((place, before));
    }

    fn remember(&mut self, changed: impl Iterator<Item = RowKey>) {
        let generation = self.generation;
        self.changes.extend(changed.map(|key| (generation, key)));
        while self.changes.len() > REMEMBERED {
            self.forgotten = self.changes.pop_front().map_or(self.forgotten, |(generation, _)| generation);
        }
    }
}

/// A place, and what was there.
type Before = ((Area, RowKey), Option<Row>);

impl RowStore for MemoryStore {
    fn generation(&self) -> Result<Generation, StoreError> {
        Ok(self.rows().generation)
    }

    fn get(&self, area: Area, key: &[u8]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows().areas.get(&(area, key.into())).cloned())
    }

    fn scan(&self, area: Area, after: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let areas = Arc::clone(&self.rows().areas); // not under the lock, so that `visit` may use the store
        let from = match after {
            Some(after) => Bound::Excluded((area, after.into())),
            None => Bound::Included((area, RowKey::default())),
        };
        for ((_, key), row) in areas.range((from, Bound::Unbounded)).take_while(|((a, _), _)| *a == area) {
            if let ControlFlow::Break(()) = visit(key, row.generation, &row.bytes) {
                break;
            }
        }
        Ok(())
    }

    fn changed_since(&self, generation: Generation) -> Result<Option<Vec<RowKey>>, StoreError> {
        let rows = self.rows();
        let keys = || rows.changes.iter().filter(|(g, _)| *g > generation).map(|(_, key)| key.clone()).collect();
        Ok((generation >= rows.forgotten).then(keys))
    }

    fn apply(&self, ops: &[Op]) -> Result<Generation, StoreError> {
        let mut rows = self.rows();
        let mut undo = Vec::with_capacity(ops.len());
        rows.generation += 1;
        if let Err(error) = ops.iter().try_for_each(|op| rows.carry_out(op, &mut undo)) {
            rows.generation -= 1;
            let areas = Arc::make_mut(&mut rows.areas);
            for (place, before) in undo.into_iter().rev() {
                match before {
                    Some(row) => areas.insert(place, row),
                    None => areas.remove(&place),
                };
            }
            return Err(error);
        }
        rows.remember(
            undo.into_iter().map(|(place, _)| place).filter(|(area, _)| *area != Area::Staged).map(|(_, key)| key),
        );
        Ok(rows.generation)
    }
}
