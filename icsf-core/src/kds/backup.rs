//! The data set as a whole: copied below ICSF, restored, and allocated anew.
//!
//! What a storage administrator does knows nothing of keys: records come back as they lay on the volume, under whatever
//! master key they were. So nothing here is checked, and what does not fit is found where it is used.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::{KdsFormat, KeyDataSet};
use crate::error::Result;
use crate::label::{KeyLabel, RecordKey};
use crate::store::{Area, Expect, Op, RowKey};

/// A physical copy of a key data set, header and all.
pub struct Backup(Vec<(RowKey, Zeroizing<Vec<u8>>)>);

/// Shows no record: one may hold a clear key.
impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backup({} rows)", self.0.len())
    }
}

impl KeyDataSet {
    /// Copies what is on disk.
    ///
    /// # Errors
    /// What the store says.
    pub fn backup(&self) -> Result<Backup> {
        let mut rows = Vec::new();
        self.store().scan(Area::Disk, None, &mut |key, _, bytes| {
            rows.push((key.into(), Zeroizing::new(bytes.to_vec())));
            ControlFlow::Continue(())
        })?;
        Ok(Backup(rows))
    }

    /// Puts a copy in the place of what is there, as one change, and refreshes the in-storage copy.
    ///
    /// # Errors
    /// What the store says; nothing was changed.
    pub fn restore(&self, backup: &Backup) -> Result<()> {
        let kept: BTreeSet<&RowKey> = backup.0.iter().map(|(key, _)| key).collect();
        let mut ops = self.all_deleted(|key| kept.contains(key))?;
        let put = |(key, bytes): &(RowKey, Zeroizing<Vec<u8>>)| {
            Op::Put(Area::Disk, key.clone(), bytes.clone(), Expect::Anything)
        };
        ops.extend(backup.0.iter().map(put));
        self.apply(&ops).map(drop)
    }

    /// Puts the records of one label back as they are in a copy, and nothing else; how many there were. The copy may be of
    /// another data set: its records stay under the master keys they are under there.
    ///
    /// # Errors
    /// What the store says; nothing was changed.
    pub fn restore_label(&self, backup: &Backup, label: &KeyLabel) -> Result<usize> {
        let of_label = |key: &RowKey| RecordKey::from_row(key).is_some_and(|key| key.label() == *label);
        let records: Vec<_> = backup.0.iter().filter(|(key, _)| of_label(key)).collect();
        let mut ops: Vec<Op> = Vec::new();
        for (key, bytes) in &records {
            ops.push(Op::Put(Area::Disk, key.clone(), bytes.clone(), Expect::Anything));
            ops.push(Op::Delete(Area::Stale, key.clone(), Expect::Anything));
        }
        self.apply(&ops).map(|_| records.len())
    }

    /// Allocates the data set anew: empty, of this format, under no master key.
    ///
    /// # Errors
    /// What the store says.
    pub fn allocate(&self, format: KdsFormat, now: u64) -> Result<()> {
        let ops = self.all_deleted(|_| false)?;
        self.apply(&ops)?;
        self.initialize(format, now)
    }

    fn all_deleted(&self, but: impl Fn(&RowKey) -> bool) -> Result<Vec<Op>> {
        let mut ops = vec![Op::Clear(Area::Stale), Op::Clear(Area::Staged)];
        self.store().scan(Area::Disk, None, &mut |key, _, _| {
            let key: RowKey = key.into();
            if !but(&key) {
                ops.push(Op::Delete(Area::Disk, key, Expect::Anything));
            }
            ControlFlow::Continue(())
        })?;
        Ok(ops)
    }
}
