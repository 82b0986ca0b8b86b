//! Rows on disk, shared by the processes of a system: the [`RowStore`] trait and its contract.
//!
//! A key data set is kept in one, and so is a security database. Both have the same two faces: what is on disk, and an
//! older state that those who use it still see until they are told to look again (REFRESH).

mod memory;
mod sqlite;

use std::fmt::Debug;
use std::ops::ControlFlow;

use zeroize::Zeroizing;

pub use memory::MemoryStore;
pub use sqlite::{OLDEST_SQLITE, SqliteStore, Volume};

use crate::codes::Code;
use crate::error::Error;

/// How often a change is tried when somebody else changes the same rows meanwhile. Each time somebody else's change was
/// made, so it is no standstill: a change that others overtake is tried for as long as they make progress. The limit is for
/// a store that says so and is wrong.
pub const ATTEMPTS: usize = 1000;

/// Counts the changes committed to a store; a row carries the number of the change that wrote it.
pub type Generation = u64;

/// The three sets of rows in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// What is on disk.
    Disk,
    /// What the in-storage copy still holds for rows that were changed on disk only, until the next REFRESH: the row as
    /// it was, or nothing (no bytes) where there was none.
    Stale,
    /// What is being prepared and used by nobody: records re-enciphered under a master key that is not set yet.
    Staged,
}

impl Area {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Disk, Self::Stale, Self::Staged];
}

/// The key of a row: any bytes.
pub type RowKey = Box<[u8]>;

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
    Put(Area, RowKey, Zeroizing<Vec<u8>>, Expect),
    /// Removes a row; that it is not there is no error unless something else is expected.
    Delete(Area, RowKey, Expect),
    /// Removes all rows of an area.
    Clear(Area),
    /// Changes nothing; what is expected of the row must hold for the operations beside it to be carried out.
    Check(Area, RowKey, Expect),
}

/// What [`RowStore::scan`] hands a row to: its key, its generation, its bytes.
pub type Visit<'a> = dyn FnMut(&[u8], Generation, &[u8]) -> ControlFlow<()> + 'a;

/// A store of rows.
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
pub trait RowStore: Send + Sync + Debug {
    /// The number of changes committed so far.
    ///
    /// # Errors
    /// [`StoreError`].
    fn generation(&self) -> Result<Generation, StoreError>;

    /// One row.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get(&self, area: Area, key: &[u8]) -> Result<Option<Row>, StoreError>;

    /// All rows after the key `after`, or all rows, as they are at one instant, until `visit` breaks.
    ///
    /// # Errors
    /// [`StoreError`]; rows visited before were right.
    fn scan(&self, area: Area, after: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// The keys of rows of [`Area::Disk`] and [`Area::Stale`] written or removed after `generation`, or `None` when that
    /// is so long ago that all must be read.
    ///
    /// # Errors
    /// [`StoreError`].
    fn changed_since(&self, generation: Generation) -> Result<Option<Vec<RowKey>>, StoreError>;

    /// Carries out `ops`; answers the new generation.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed.
    fn apply(&self, ops: &[Op]) -> Result<Generation, StoreError>;
}

/// Puts all rows of one store into another, which is empty, as one change: what a second site starts from.
///
/// # Errors
/// [`StoreError`]; the other store is then as it was.
pub fn copy(from: &dyn RowStore, to: &dyn RowStore) -> Result<(), StoreError> {
    let mut ops = Vec::new();
    for area in [Area::Disk, Area::Stale] {
        from.scan(area, None, &mut |key, _, bytes| {
            ops.push(Op::Put(area, key.into(), Zeroizing::new(bytes.to_vec()), Expect::Absent));
            ControlFlow::Continue(())
        })?;
    }
    to.apply(&ops).map(drop)
}

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The row of this key is not as expected.
    #[error("a row was changed by somebody else meanwhile")]
    Conflict(RowKey),
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
    /// It is not the store it should be, is damaged as a whole, or must not be used where it is.
    #[error("{place} cannot be used: {why}")]
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
            StoreError::Invalid { .. } => (Code::KdsNotValid, "restore the file from a copy"),
        };
        Self::new(code, error.to_string()).with_remedy(remedy).with_source(error)
    }
}
