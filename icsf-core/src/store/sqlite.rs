//! Rows in an SQLite file: what a command and a daemon write side by side.

use std::fs::{self, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use zeroize::Zeroizing;

use super::{Area, Expect, Generation, Op, Row, RowKey, RowStore, StoreError, Visit};

/// The oldest SQLite that may write a file which several processes share: before it, a write and a checkpoint at the
/// same time could lose the write-ahead log (the WAL-reset fault, SQLite 3.7.0 to 3.51.2).
pub const OLDEST_SQLITE: i32 = 3_051_003;

const FORMAT: i32 = 1;
/// How many changes are remembered by key, and how many rows one of them may touch to be remembered.
const REMEMBERED: i64 = 1024;
const REMEMBERED_ROWS: usize = 256;

/// What a file holds. Each has a mark in it, so that one is not taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volume {
    /// A key data set.
    KeyDataSet,
    /// A security database.
    SecurityDatabase,
}

impl Volume {
    /// SQLite's `application_id`: "SICK" and "SICR".
    const fn mark(self) -> i32 {
        match self {
            Self::KeyDataSet => 0x5349_434b,
            Self::SecurityDatabase => 0x5349_4352,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::KeyDataSet => "key data set",
            Self::SecurityDatabase => "security database",
        }
    }
}

/// A store in one SQLite file (with its `-wal` and `-shm` beside it).
///
/// Every change is one durable transaction (WAL, synchronous FULL). The file has mode 0600 from the start, and is
/// refused on a network file system, where the write-ahead log does not work.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl SqliteStore {
    /// Makes a new, empty store.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when there is something at `path`, on a network file system, or with an SQLite too old;
    /// [`StoreError::Io`].
    pub fn create(path: &Path, volume: Volume) -> Result<Self, StoreError> {
        let io = |source: io::Error| StoreError::Io { place: path.display().to_string(), source: Box::new(source) };
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        // What is half made is taken away; that it was not made is told in any case.
        Self::make(path, volume).inspect_err(|_| {
            for half_made in ["", "-wal", "-shm"] {
                let mut name = path.as_os_str().to_owned();
                name.push(half_made);
                let _ = fs::remove_file(name);
            }
        })
    }

    fn make(path: &Path, volume: Volume) -> Result<Self, StoreError> {
        let store = Self::connect(path)?;
        let made = store.lock().execute_batch(&format!(
            "BEGIN IMMEDIATE;
             CREATE TABLE disk   (key BLOB PRIMARY KEY, generation INTEGER NOT NULL, record BLOB NOT NULL) STRICT;
             CREATE TABLE stale  (key BLOB PRIMARY KEY, generation INTEGER NOT NULL, record BLOB NOT NULL) STRICT;
             CREATE TABLE staged (key BLOB PRIMARY KEY, generation INTEGER NOT NULL, record BLOB NOT NULL) STRICT;
             CREATE TABLE change (generation INTEGER NOT NULL, key BLOB NOT NULL) STRICT;
             CREATE INDEX change_generation ON change (generation);
             CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL,
                                   forgotten INTEGER NOT NULL) STRICT;
             INSERT INTO counter VALUES (1, 0, 0);
             PRAGMA application_id = {};
             PRAGMA user_version = {FORMAT};
             COMMIT;",
            volume.mark()
        ));
        made.map_err(|error| store.failed(error))?;
        Ok(store)
    }

    /// Opens a store made before.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the file is no such store of a release we know, can be read by others than its
    /// owner, lies on a network file system, or with an SQLite too old; [`StoreError::Io`] when it is not there.
    pub fn open(path: &Path, volume: Volume) -> Result<Self, StoreError> {
        let place = || path.display().to_string();
        let mode = fs::metadata(path)
            .map_err(|source| StoreError::Io { place: place(), source: Box::new(source) })?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            let why = format!("its mode is {:o}, others can read it: chmod 600 {}", mode & 0o777, place());
            return Err(StoreError::Invalid { place: place(), why });
        }
        let store = Self::connect(path)?;
        let pragma = |name| {
            let connection = store.lock();
            connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(|e| store.failed(e))
        };
        let (id, format) = (pragma("application_id")?, pragma("user_version")?);
        let why = match (id == volume.mark(), format) {
            (true, FORMAT) => return Ok(store),
            (true, newer) => format!("it has format {newer}, this release knows {FORMAT}"),
            (false, _) => format!("it is no {}", volume.name()),
        };
        Err(StoreError::Invalid { place: place(), why })
    }

    fn connect(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let version = rusqlite::version_number();
        if version < OLDEST_SQLITE {
            let why = format!("SQLite {} may lose what two processes write; 3.51.3 is needed", rusqlite::version());
            return Err(StoreError::Invalid { place, why });
        }
        // Whether it is of this host cannot be guessed: a write-ahead log elsewhere loses what was written.
        let kind =
            rustix::fs::statfs(path).map_err(|e| StoreError::Io { place: place.clone(), source: Box::new(e) })?;
        // Signed, and extended by some kernels.
        if let Some(kind) = network_file_system(u64::try_from(kind.f_type & 0xffff_ffff).unwrap_or_default()) {
            let why = format!("it lies on {kind}; a write-ahead log needs a file system of this host");
            return Err(StoreError::Invalid { place, why });
        }
        let failed = |e| failed(path, e);
        // Without the flag to create it: a file that has gone must not come back empty.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(60)).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        failed(&self.path, error)
    }

    fn carry_out(&self, tx: &Transaction<'_>, generation: i64, op: &Op) -> Result<usize, StoreError> {
        let failed = |e| self.failed(e);
        let (area, key) = match op {
            Op::Put(area, key, bytes, expect) => {
                self.expect(tx, *area, key, *expect)?;
                let sql = format!("INSERT OR REPLACE INTO {} VALUES (?1, ?2, ?3)", table(*area));
                let row = params![&key[..], generation, bytes.as_slice()];
                tx.prepare_cached(&sql).and_then(|mut put| put.execute(row)).map_err(failed)?;
                (*area, key)
            }
            Op::Delete(area, key, expect) => {
                self.expect(tx, *area, key, *expect)?;
                let sql = format!("DELETE FROM {} WHERE key = ?1", table(*area));
                tx.prepare_cached(&sql).and_then(|mut gone| gone.execute([&key[..]])).map_err(failed)?;
                (*area, key)
            }
            Op::Clear(area) => {
                let keys = format!("INSERT INTO change SELECT ?1, key FROM {}", table(*area));
                let rows = if *area == Area::Staged { 0 } else { tx.execute(&keys, [generation]).map_err(failed)? };
                tx.execute(&format!("DELETE FROM {}", table(*area)), []).map_err(failed)?;
                return Ok(rows);
            }
            Op::Check(area, key, expect) => return self.expect(tx, *area, key, *expect).map(|()| 0),
        };
        if area == Area::Staged {
            return Ok(0);
        }
        tx.prepare_cached("INSERT INTO change VALUES (?1, ?2)")
            .and_then(|mut note| note.execute(params![generation, &key[..]]))
            .map_err(failed)
    }

    fn expect(&self, tx: &Transaction<'_>, area: Area, key: &[u8], expect: Expect) -> Result<(), StoreError> {
        if expect == Expect::Anything {
            return Ok(());
        }
        let sql = format!("SELECT generation FROM {} WHERE key = ?1", table(area));
        let found: Option<Generation> = tx
            .prepare_cached(&sql)
            .and_then(|mut row| row.query_row([key], |row| row.get(0)).optional())
            .map_err(|e| self.failed(e))?;
        let met = match expect {
            Expect::Anything => true,
            Expect::Absent => found.is_none(),
            Expect::Generation(generation) => found == Some(generation),
        };
        if met { Ok(()) } else { Err(StoreError::Conflict(key.into())) }
    }
}

impl RowStore for SqliteStore {
    fn generation(&self) -> Result<Generation, StoreError> {
        let connection = self.lock();
        connection
            .prepare_cached("SELECT generation FROM counter")
            .and_then(|mut row| row.query_row([], |row| row.get(0)))
            .map_err(|e| self.failed(e))
    }

    fn get(&self, area: Area, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let connection = self.lock();
        let sql = format!("SELECT generation, record FROM {} WHERE key = ?1", table(area));
        connection
            .prepare_cached(&sql)
            .and_then(|mut row| {
                row.query_row([key], |row| Ok(Row { generation: row.get(0)?, bytes: Zeroizing::new(row.get(1)?) }))
                    .optional()
            })
            .map_err(|e| self.failed(e))
    }

    fn scan(&self, area: Area, after: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        // A connection of its own, so that `visit` may use this store and a long scan holds nobody up.
        let connection = Self::connect(&self.path)?;
        let connection = connection.lock();
        let failed = |e| self.failed(e);
        let sql = format!("SELECT key, generation, record FROM {} WHERE key > ?1 OR ?2 ORDER BY key", table(area));
        let mut statement = connection.prepare(&sql).map_err(failed)?;
        let from: &[u8] = after.unwrap_or_default();
        let mut rows = statement.query(params![from, after.is_none()]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let value = |at| row.get_ref(at).and_then(|value| Ok(value.as_blob()?));
            let (key, record) = (value(0).map_err(failed)?, value(2).map_err(failed)?);
            if let ControlFlow::Break(()) = visit(key, row.get(1).map_err(failed)?, record) {
                break;
            }
        }
        Ok(())
    }

    fn changed_since(&self, generation: Generation) -> Result<Option<Vec<RowKey>>, StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction().map_err(|e| self.failed(e))?;
        let read = || -> rusqlite::Result<Option<Vec<RowKey>>> {
            let forgotten: Generation = tx.query_row("SELECT forgotten FROM counter", [], |row| row.get(0))?;
            if generation < forgotten {
                return Ok(None);
            }
            let mut keys = tx.prepare_cached("SELECT DISTINCT key FROM change WHERE generation > ?1")?;
            let rows = keys.query_map([generation], |row| row.get::<_, Vec<u8>>(0).map(RowKey::from))?;
            rows.collect::<rusqlite::Result<_>>().map(Some)
        };
        read().map_err(|e| self.failed(e))
    }

    fn apply(&self, ops: &[Op]) -> Result<Generation, StoreError> {
        let mut connection = self.lock();
        let failed = |e| self.failed(e);
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let generation: i64 = tx
            .prepare_cached("UPDATE counter SET generation = generation + 1 RETURNING generation")
            .and_then(|mut next| next.query_row([], |row| row.get(0)))
            .map_err(failed)?;
        let mut rows = 0;
        for op in ops {
            rows += self.carry_out(&tx, generation, op)?;
        }
        // A large change is not worth remembering row by row: whoever is behind it reads everything.
        let keep = if rows > REMEMBERED_ROWS { generation } else { generation - REMEMBERED };
        tx.prepare_cached("DELETE FROM change WHERE generation <= ?1")
            .and_then(|mut old| old.execute([keep]))
            .and_then(|_| tx.prepare_cached("UPDATE counter SET forgotten = max(forgotten, ?1)"))
            .and_then(|mut forgotten| forgotten.execute([keep]))
            .map_err(failed)?;
        tx.commit().map_err(failed)?;
        Ok(generation.unsigned_abs())
    }
}

const fn table(area: Area) -> &'static str {
    match area {
        Area::Disk => "disk",
        Area::Stale => "stale",
        Area::Staged => "staged",
    }
}

fn failed(path: &Path, error: rusqlite::Error) -> StoreError {
    let place = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { place, source: Box::new(error) },
        // SQLite does not say so when it has no room for the files it keeps beside this one.
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if is_full(path) => {
            StoreError::Full { place, source: Box::new(error) }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Invalid { place, why: format!("the file is damaged ({error}); restore it from a copy") }
        }
        _ => StoreError::Io { place, source: Box::new(error) },
    }
}

/// Whether the volume has no room for the index of a write-ahead log.
fn is_full(path: &Path) -> bool {
    const NEEDED: u64 = 64 * 1024;
    rustix::fs::statvfs(path).is_ok_and(|volume| volume.f_bavail.saturating_mul(volume.f_frsize) < NEEDED)
}

/// The name of the network file system with this number, if it is one. FUSE counts as one: sshfs and gluster are, and it
/// does not say which it is.
fn network_file_system(number: u64) -> Option<&'static str> {
    // linux/magic.h
    const NETWORK: [(u64, &str); 10] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x0bd0_0bd0, "Lustre"),
        (0x5346_414f, "AFS"),
        (0x4750_4653, "GPFS"),
        (0x6573_5546, "FUSE, which may be of another host"),
    ];
    NETWORK.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_other_hosts_are_known_by_their_number() {
        for (number, network) in [(0x6969, true), (0x6573_5546, true), (0xff53_4d42, true), (0xef53, false), (0, false)]
        {
            assert_eq!(network_file_system(number).is_some(), network, "{number:x}");
        }
    }

    #[test]
    fn each_connection_writes_ahead_and_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ckds.db");
        let made = SqliteStore::create(&path, Volume::KeyDataSet).unwrap();
        let opened = SqliteStore::open(&path, Volume::KeyDataSet).unwrap();
        for store in [made, opened] {
            let connection = store.lock();
            let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            let synchronous: i32 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert_eq!((journal.as_str(), synchronous), ("wal", 2), "2 is FULL");
        }
    }
}
