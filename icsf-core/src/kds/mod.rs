//! The key data set (CKDS): records on disk, the in-storage copy services read, and the rules between the two.
//!
//! Dynamic updates (the key-record services) change both at once. Updates of the disk copy alone, as a utility makes
//! them, reach the services at REFRESH. Both copies are kept in the store, so that every process on a system sees the
//! same in-storage copy, and one that starts later too.
//!
//! Source: ICSF Administrator's Guide and Application Programmer's Guide, in-storage and disk copy of the CKDS.

mod backup;
mod in_storage;
mod record;

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use backup::Backup;
use in_storage::{Change, Loader};
pub use in_storage::{Found, InStorage, RecordRef};
pub use record::{Authority, Header, KdsFormat, Record, RecordError, RecordMac};

use crate::codes::Code;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::label::{KeyLabel, KeyType, RecordKey};
use crate::store::{ATTEMPTS, Area, Expect, Generation, Op, Row, RowKey, RowStore, StoreError};
use crate::token::KeyToken;

/// How an update reaches the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// At once, as by the dynamic key-record services.
    Dynamic,
    /// At the next REFRESH, as by a utility that writes the disk copy.
    DiskOnly,
}

/// The CKDS of one system.
#[derive(Debug)]
pub struct KeyDataSet {
    store: Arc<dyn RowStore>,
    epoch: Arc<Epoch>,
}

impl KeyDataSet {
    /// A CKDS in `store`, whose changes `epoch` tells of.
    #[must_use]
    pub fn new(store: Arc<dyn RowStore>, epoch: Arc<Epoch>) -> Self {
        Self { store, epoch }
    }

    /// Writes the header of a new CKDS.
    ///
    /// # Errors
    /// What the store says.
    pub fn initialize(&self, format: KdsFormat, now: u64) -> Result<()> {
        self.apply(&[put_header(&Header::new(format, now), Expect::Absent)]).map(drop)
    }

    /// The header on disk, and the change that wrote it.
    ///
    /// # Errors
    /// [`Code::KdsNotValid`] when there is none or it is damaged; what the store says.
    pub fn header(&self) -> Result<(Header, Generation)> {
        let row = self.store.get(Area::Disk, RecordKey::HEADER.bytes())?;
        let row = row.ok_or_else(|| Error::new(Code::KdsNotValid, "the CKDS has no header"))?;
        let header = Header::parse(&row.bytes).map_err(|e| {
            Error::new(Code::KdsNotValid, format!("the header of the CKDS is damaged: {e}")).with_source(e)
        })?;
        Ok((header, row.generation))
    }

    /// Replaces the header, unless somebody else has since `generation`.
    ///
    /// # Errors
    /// What the store says.
    pub fn put_header(&self, header: &Header, generation: Generation) -> Result<()> {
        self.apply(&[put_header(header, Expect::Generation(generation))]).map(drop)
    }

    /// Reads the whole in-storage copy.
    ///
    /// # Errors
    /// What the store says; [`Code::KdsNotValid`] above 4 GiB of records.
    pub fn load(&self) -> Result<InStorage> {
        let generation = self.store.generation()?;
        let (header, _) = self.header()?;
        let mut stale = std::collections::HashMap::new();
        self.store.scan(Area::Stale, None, &mut |key, _, bytes| {
            stale.insert(RowKey::from(key), Zeroizing::new(bytes.to_vec()));
            ControlFlow::Continue(())
        })?;
        let mut loader = Loader::default();
        self.store.scan(Area::Disk, None, &mut |key, _, bytes| {
            if !stale.contains_key(key) {
                loader.add(key, bytes);
            }
            if loader.too_large() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        for (key, bytes) in stale.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            loader.add(key, bytes);
        }
        if loader.too_large() {
            return Err(Error::new(Code::KdsNotValid, "the CKDS has more than 4 GiB of records"));
        }
        // A change made between the readings above is caught up with here.
        let loaded = loader.finish(generation, header);
        Ok(self.catch_up(&loaded)?.unwrap_or(loaded))
    }

    /// The in-storage copy after what has changed since `seen`; `None` when nothing has.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn catch_up(&self, seen: &InStorage) -> Result<Option<InStorage>> {
        let generation = self.store.generation()?;
        if generation == seen.generation() {
            return Ok(None);
        }
        let Some(keys) = self.store.changed_since(seen.generation())? else {
            return self.load().map(Some);
        };
        let mut changes: Vec<Change> = Vec::with_capacity(keys.len());
        for key in &keys {
            match RecordKey::from_row(key) {
                Some(key) => changes.push((key, self.in_storage_bytes(&key)?)),
                None => return self.load().map(Some),
            }
        }
        let (header, _) = self.header()?;
        Ok(Some(seen.with(generation, header, changes)))
    }

    fn in_storage_bytes(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let row = match self.store.get(Area::Stale, key.bytes())? {
            Some(stale) => Some(stale),
            None => self.store.get(Area::Disk, key.bytes())?,
        };
        Ok(row.map(|row| row.bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// The record of a label in the disk copy, and the change that wrote it.
    ///
    /// # Errors
    /// [`Code::RecordDamaged`]; what the store says.
    pub fn disk_record(&self, label: &KeyLabel) -> Result<Option<(Record, Generation)>> {
        let Some((key, row)) = self.disk_row(label)? else { return Ok(None) };
        let record = Record::parse(key, &row.bytes).map_err(|e| damaged(label, &e))?;
        Ok(Some((record, row.generation)))
    }

    fn disk_row(&self, label: &KeyLabel) -> Result<Option<(RecordKey, Row)>> {
        for key_type in KeyType::ALL {
            let key = RecordKey::new(label, key_type);
            if let Some(row) = self.store.get(Area::Disk, key.bytes())? {
                return Ok(Some((key, row)));
            }
        }
        Ok(None)
    }

    /// The error for a label that has no record where it was looked for; it tells one that waits on disk for a REFRESH
    /// from one that is nowhere.
    #[must_use]
    pub fn not_found(&self, label: &KeyLabel) -> Error {
        // Whoever cannot read the disk knows nothing better than that there is none.
        let (why, remedy) = match self.disk_row(label) {
            Ok(Some(_)) => (
                format!("key {label} is in the CKDS on disk and not in storage yet"),
                "softicsf ckds refresh".to_owned(),
            ),
            _ => (
                format!("there is no key {label} in the CKDS"),
                format!("make it: softicsf ckds add {label}; or bring the CKDS it is in: softicsf ckds export, import"),
            ),
        };
        Error::new(Code::LabelNotFound, why).for_label(label).with_remedy(remedy)
    }

    /// Writes a record: a new one when `replaces` is `None`, else in the place of the one that change wrote. One that holds
    /// a secure key is written only while the header is the one of the change `under`.
    ///
    /// A record is wrapped before it is written, and master keys may be changed in between; when that has happened twice,
    /// nothing unwraps it any more. Each change writes the header, so a record made under an earlier one is refused here.
    ///
    /// # Errors
    /// [`Code::LabelExists`] when a new record's label is taken, [`Code::LabelNotFound`] when the one to be replaced is not
    /// there any more; what the store says, a conflict over the header among it.
    pub fn put(
        &self,
        record: &Record,
        under: Option<Generation>,
        replaces: Option<Generation>,
        update: Update,
    ) -> Result<()> {
        let label = record.key.label();
        self.until_nobody_interferes(|| {
            let was = self.disk_row(&label)?;
            match (&was, replaces) {
                (Some(_), None) => return Err(exists(&label)),
                (None, Some(_)) => return Err(self.not_found(&label)),
                (Some((key, row)), Some(generation)) if row.generation != generation => {
                    return Err(StoreError::Conflict(key.row()).into());
                }
                _ => {}
            }
            let mut ops = Vec::with_capacity(9);
            if let Some(generation) = under {
                if self.header()?.1 != generation {
                    return Err(StoreError::Conflict(RecordKey::HEADER.row()).into());
                }
                ops.push(Op::Check(Area::Disk, RecordKey::HEADER.row(), Expect::Generation(generation)));
            }
            // One label, one record: a record of another type is another row, which goes, or must not be there.
            for key in KeyType::ALL.map(|key_type| RecordKey::new(&label, key_type)) {
                let row = was.as_ref().filter(|(was, _)| *was == key).map(|(_, row)| row);
                let expect = row.map_or(Expect::Absent, |row| Expect::Generation(row.generation));
                if key == record.key {
                    ops.push(Op::Put(Area::Disk, key.row(), record.encode(), expect));
                } else if row.is_some() {
                    ops.push(Op::Delete(Area::Disk, key.row(), expect));
                } else {
                    ops.push(Op::Check(Area::Disk, key.row(), expect));
                }
                self.keep_in_storage(&mut ops, &key, row, update, key == record.key || row.is_some())?;
            }
            Ok(ops)
        })
    }

    /// That no row of another type has the label of `key`.
    pub(crate) fn no_other_type(key: &RecordKey) -> impl Iterator<Item = Op> + use<> {
        let others = KeyType::ALL.map(|key_type| RecordKey::new(&key.label(), key_type));
        let key = *key;
        others
            .into_iter()
            .filter(move |other| *other != key)
            .map(|other| Op::Check(Area::Disk, other.row(), Expect::Absent))
    }

    /// Whether the disk copy holds any record.
    pub(crate) fn has_records(&self) -> Result<bool> {
        let mut any = false;
        self.store.scan(Area::Disk, Some(RecordKey::HEADER.bytes()), &mut |_, _, _| {
            any = true;
            ControlFlow::Break(())
        })?;
        Ok(any)
    }

    /// Removes the record of a label, damaged or not.
    ///
    /// # Errors
    /// [`Code::LabelNotFound`]; what the store says.
    pub fn delete(&self, label: &KeyLabel, update: Update) -> Result<()> {
        self.until_nobody_interferes(|| {
            let (key, row) = self.disk_row(label)?.ok_or_else(|| self.not_found(label))?;
            let mut ops = vec![Op::Delete(Area::Disk, key.row(), Expect::Generation(row.generation))];
            for other in KeyType::ALL.map(|key_type| RecordKey::new(label, key_type)) {
                self.keep_in_storage(&mut ops, &other, Some(&row).filter(|_| other == key), update, other == key)?;
            }
            Ok(ops)
        })
    }

    /// Carries out what `plan` finds to be done; plans anew when somebody else has changed one of the rows meanwhile.
    fn until_nobody_interferes(&self, mut plan: impl FnMut() -> Result<Vec<Op>>) -> Result<()> {
        for _ in 1..ATTEMPTS {
            if self.apply_or_conflict(&plan()?)?.is_ok() {
                return Ok(());
            }
        }
        self.apply(&plan()?).map(drop)
    }

    /// What must happen to the in-storage copy of `key`, besides the change on disk if it is `changed` there.
    fn keep_in_storage(
        &self,
        ops: &mut Vec<Op>,
        key: &RecordKey,
        was: Option<&Row>,
        update: Update,
        changed: bool,
    ) -> Result<()> {
        let stale = self.store.get(Area::Stale, key.bytes())?;
        match (update, stale) {
            // Whatever the label had in storage is no more.
            (Update::Dynamic, Some(_)) => ops.push(Op::Delete(Area::Stale, key.row(), Expect::Anything)),
            // What is stale already stays as it was at the last REFRESH.
            (Update::DiskOnly, Some(stale)) if changed => {
                ops.push(Op::Check(Area::Stale, key.row(), Expect::Generation(stale.generation)));
            }
            (Update::DiskOnly, None) if changed => {
                let bytes = was.map_or_else(|| Zeroizing::new(Vec::new()), |row| row.bytes.clone());
                ops.push(Op::Put(Area::Stale, key.row(), bytes, Expect::Absent));
            }
            _ => {}
        }
        Ok(())
    }

    /// Makes the in-storage copy what the disk copy is: REFRESH.
    ///
    /// # Errors
    /// What the store says.
    pub fn refresh(&self) -> Result<()> {
        self.apply(&[Op::Clear(Area::Stale)]).map(drop)
    }

    /// How many records wait on disk for a REFRESH.
    ///
    /// # Errors
    /// What the store says.
    pub fn awaiting_refresh(&self) -> Result<usize> {
        let mut count = 0;
        self.store.scan(Area::Stale, None, &mut |_, _, _| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// Visits the records of the disk copy after `after` in order, readable or not, until `visit` breaks. Rows whose key
    /// is not even a label are passed over; [`InStorage::damaged`] names them.
    ///
    /// # Errors
    /// What the store says.
    pub fn scan(
        &self,
        after: Option<&RecordKey>,
        visit: &mut dyn FnMut(RecordKey, std::result::Result<Record, RecordError>) -> ControlFlow<()>,
    ) -> Result<()> {
        let after = after.unwrap_or(&RecordKey::HEADER);
        self.store.scan(Area::Disk, Some(after.bytes()), &mut |key, _, bytes| match RecordKey::from_row(key) {
            Some(key) => visit(key, Record::parse(key, bytes)),
            None => ControlFlow::Continue(()),
        })?;
        Ok(())
    }

    /// The store, for those who move records in bulk.
    pub(crate) fn store(&self) -> &dyn RowStore {
        &*self.store
    }

    /// Carries out operations and lets every process know.
    pub(crate) fn apply(&self, ops: &[Op]) -> Result<Generation> {
        self.apply_or_conflict(ops)?.map_err(Error::from)
    }

    /// The same, with a conflict told apart from other failures.
    pub(crate) fn apply_or_conflict(&self, ops: &[Op]) -> Result<std::result::Result<Generation, StoreError>> {
        let applied = self.epoch.change(|| self.store.apply(ops)).map_err(|e| {
            Error::new(Code::KdsIoError, format!("the change counter of the system could not be written: {e}"))
                .with_source(e)
        })?;
        match applied {
            Err(conflict @ StoreError::Conflict(_)) => Ok(Err(conflict)),
            applied => Ok(Ok(applied?)),
        }
    }
}

fn put_header(header: &Header, expect: Expect) -> Op {
    Op::Put(Area::Disk, RecordKey::HEADER.row(), Zeroizing::new(header.encode()), expect)
}

/// That a CKDS of this format can hold this token.
pub(crate) fn fits_format(format: KdsFormat, token: &KeyToken) -> Result<()> {
    if format != KdsFormat::Fixed || !matches!(token, KeyToken::Variable(_)) {
        return Ok(());
    }
    let why = "a variable-length token cannot be kept in a CKDS of fixed-length records";
    Err(Error::new(Code::VariableTokenRefused, why).with_remedy(
        "make a system with softicsf init --ckds-format kdsr, and bring the keys: softicsf ckds export, import",
    ))
}

/// Whether a change failed because somebody else changed the record meanwhile.
pub(crate) fn is_conflict(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    matches!(source, Some(StoreError::Conflict(_)))
}

/// Whether that was a change of the header, as every change of a master key is.
pub(crate) fn is_header_conflict(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    matches!(source, Some(StoreError::Conflict(key)) if **key == *RecordKey::HEADER.bytes())
}

fn exists(label: &KeyLabel) -> Error {
    Error::new(Code::LabelExists, format!("there is a key {label} in the CKDS already")).for_label(label)
}

/// The error for a record that cannot be used.
pub(crate) fn damaged(label: &KeyLabel, error: &RecordError) -> Error {
    Error::new(Code::RecordDamaged, format!("the record of key {label} is damaged: {error}"))
        .for_label(label)
        .with_remedy("restore the record from a copy of the CKDS, or delete it and add the key again")
        .with_source(error.clone())
}
