//! Where a file of an engine lies: reading it, replacing it whole, and keeping other processes from doing so meanwhile.
//!
//! | file | what it is |
//! |---|---|
//! | `NAME` | the file, always whole |
//! | `NAME.new` | the next one while it is written; what a killed process left is removed by the next change |
//! | `NAME.lock` | empty; locked by the process that changes registers, and never removed |

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long somebody else's change may take; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// The path of such a file.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
}

/// What keeps it from being used.
#[derive(Debug)]
pub(crate) struct PlaceError {
    pub(crate) path: PathBuf,
    pub(crate) trouble: Trouble,
}

#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nothing has this name.
    Missing,
    /// Another process holds the lock file.
    Busy,
    /// The file system refused; what was tried.
    Io(&'static str, io::Error),
}

impl Place {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, trouble: Trouble) -> PlaceError {
        PlaceError { path: self.path.clone(), trouble }
    }

    /// Whether anything has this name.
    pub(crate) fn is_taken(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// The content, and no more than `limit` bytes of it.
    pub(crate) fn read(&self, limit: u64) -> Result<Vec<u8>, PlaceError> {
        let mut bytes = Vec::new();
        match File::open(&self.path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
            Ok(_) => Ok(bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(self.error(Trouble::Missing)),
            Err(e) => Err(self.error(Trouble::Io("reading it", e))),
        }
    }

    /// Keeps others from changing the file until what is returned is dropped.
    pub(crate) fn lock(&self) -> Result<File, PlaceError> {
        let failed = |e| self.error(Trouble::Io("locking it", e));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.beside(".lock"))
            .map_err(failed)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(self.error(Trouble::Busy)),
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            }
        }
    }

    /// Puts `bytes` in the place of the file, wholly or not at all. The caller holds the lock.
    pub(crate) fn replace(&self, bytes: &[u8]) -> Result<(), PlaceError> {
        let next = self.beside(".new");
        let written = remove_if_there(&next)
            .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next))
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&next, &self.path));
        if let Err(e) = written {
            // The next change removes it, if this does not.
            let _ = fs::remove_file(&next);
            return Err(self.error(Trouble::Io("writing it", e)));
        }
        sync_directory_of(&self.path).map_err(|e| self.error(Trouble::Io("writing its directory", e)))
    }

    fn beside(&self, suffix: impl AsRef<OsStr>) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes a new name last.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
