//! Where a key data set is kept: the [`KdsStore`] trait and its contract.

use std::fmt::Debug;
use std::ops::ControlFlow;

use zeroize::Zeroizing;

use crate::codes::Code;
use crate::error::Error;
use crate::label::RecordKey;

/// Counts the changes committed to a store; a row carries the number of the change that wrote it.
pub type Generation = u64;

/// The three sets of rows in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// The records of the data set.
    Disk,
    /// What the in-storage copy still holds for records that were changed on disk only, until the next REFRESH:
    /// the record as it was, or nothing (no bytes) where there was none.
    Stale,
    /// Records re-enciphered under a new master key that is not set yet, each after the 8 bytes of the generation of
    /// the record it was made from.
    Staged,
}

impl Area {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Disk, Self::Stale, Self::Staged];
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The change that wrote it.
    pub generation: Generation,
    /// Its bytes; wiped, for a record may hold a clear key.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// What must hold for an operation to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Anything,
    /// There is no such row.
    Absent,
    /// The row is there, written by this change.
    Generation(Generation),
}

/// An operation on one row, or on an area.
#[derive(Debug, Clone)]
pub enum Op {
    /// Writes a row.
    Put(Area, RecordKey, Zeroizing<Vec<u8>>, Expect),
    /// Removes a row; that it is not there is no error unless something else is expected.
    Delete(Area, RecordKey, Expect),
    /// Removes all rows of an area.
    Clear(Area),
}

/// What [`KdsStore::scan`] hands a row to: the 72 bytes of its key as stored, its generation, its bytes.
pub type Visit<'a> = dyn FnMut(&[u8; 72], Generation, &[u8]) -> ControlFlow<()> + 'a;

/// A store of key-data-set rows.
///
/// # Contract
///
/// *Calls may overlap*, from threads and from processes.
///
/// *[`apply`](Self::apply) is all or nothing*: when it answers, every operation is durable and the generation has grown
/// by one; when it fails or the process dies, none is there. An unmet [`Expect`] is
/// [`Conflict`](StoreError::Conflict). Operations are carried out in order, each seeing the ones before.
///
/// *Rows come back as they were written*, in ascending order of their keys.
///
/// *Errors* do not last but for [`Invalid`](StoreError::Invalid): the same call may succeed later.
pub trait KdsStore: Send + Sync + Debug {
    /// The number of changes committed so far.
    ///
    /// # Errors
    /// [`StoreError`].
    fn generation(&self) -> Result<Generation, StoreError>;

    /// One row.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get(&self, area: Area, key: &RecordKey) -> Result<Option<Row>, StoreError>;

    /// All rows after the key `after`, or all rows, as they are at one instant, until `visit` breaks.
    ///
    /// # Errors
    /// [`StoreError`]; rows visited before were right.
    fn scan(&self, area: Area, after: Option<&[u8; 72]>, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// The keys of rows of [`Area::Disk`] and [`Area::Stale`] written or removed after `generation`, or `None` when that
    /// is so long ago that all must be read.
    ///
    /// # Errors
    /// [`StoreError`].
    fn changed_since(&self, generation: Generation) -> Result<Option<Vec<RecordKey>>, StoreError>;

    /// Carries out `ops`; answers the new generation.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed.
    fn apply(&self, ops: &[Op]) -> Result<Generation, StoreError>;
}

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The row of this key is not as expected.
    #[error("the record {0} was changed by somebody else")]
    Conflict(RecordKey),
    /// No space is left.
    #[error("no space is left for {place}")]
    Full {
        /// Where.
        place: String,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Reading or writing failed, or the store stayed busy.
    #[error("{place} could not be read or written: {source}")]
    Io {
        /// Where.
        place: String,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is not a key data set, is damaged as a whole, or must not be used where it is.
    #[error("{place} cannot be used as a key data set: {why}")]
    Invalid {
        /// Where.
        place: String,
        /// Why, and what to do.
        why: String,
    },
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let (code, remedy) = match &error {
            StoreError::Conflict(_) => (Code::KdsIoError, "try again"),
            StoreError::Full { .. } => (Code::KdsFull, "make room on the volume; nothing was changed"),
            StoreError::Io { .. } => (Code::KdsIoError, "check the volume and the permissions of the file"),
            StoreError::Invalid { .. } => (Code::KdsNotValid, "restore the key data set from a copy"),
        };
        Self::new(code, error.to_string()).with_remedy(remedy).with_source(error)
    }
}
