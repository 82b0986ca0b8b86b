//! Directories that are gone afterwards.
//!
//! All files of a process lie in one directory, readable by its user only. What belongs to one fixture goes when that
//! is dropped; the directory itself goes when the process ends. A process that is killed leaves it behind: then the
//! next process that uses fixtures removes it, knowing from a lock which only a living process holds that nobody is in
//! there.

#![allow(unsafe_code, reason = "registering a function for the end of the process is a call into C")]

use std::ffi::c_int;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::panic;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::error::{Context as _, Error};

const PREFIX: &str = "softhsm-fixtures-";
/// Named otherwise until its lock is held, or another process would take it for an abandoned one.
const UNBORN: &str = "softhsm-unborn-";
const ALIVE: &str = "alive";

struct Base {
    path: PathBuf,
    /// A forked child has this too, and must not clear away what its parent uses.
    process: u32,
    _alive: File,
}

static BASE: Mutex<Option<Base>> = Mutex::new(None);

/// A directory of one fixture, removed when dropped.
pub(crate) fn directory(prefix: &str) -> Result<TempDir, Error> {
    let base = base().scratch("no temporary directory for fixtures")?;
    tempfile::Builder::new().prefix(prefix).tempdir_in(base).scratch("no temporary directory for a fixture")
}

/// The directory of this process.
fn base() -> io::Result<PathBuf> {
    let mut slot = BASE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(base) = slot.as_ref().filter(|base| base.process == process::id()) {
        return Ok(base.path.clone());
    }
    let base = create()?;
    sweep(&base.path);
    let path = base.path.clone();
    // SAFETY: `at_exit` has the signature wanted, stays for the life of the program, and does not unwind.
    if unsafe { atexit(at_exit) } != 0 {
        return Err(io::Error::other("no place for a function at the end of the process"));
    }
    *slot = Some(base);
    Ok(path)
}

fn create() -> io::Result<Base> {
    let unborn = tempfile::Builder::new().prefix(UNBORN).permissions(Permissions::from_mode(0o700)).tempdir()?;
    let alive = File::create_new(unborn.path().join(ALIVE))?;
    alive.lock()?;
    let name = unborn.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let path = unborn.path().with_file_name(name.replacen(UNBORN, PREFIX, 1));
    fs::rename(unborn.path(), &path)?;
    // It has another name by now, so this removes nothing; but without it the drop would try.
    let _ = unborn.keep();
    Ok(Base { path: fs::canonicalize(path)?, process: process::id(), _alive: alive })
}

/// Removes what dead processes of this user have left. Whatever goes wrong here is no matter of the test that runs.
fn sweep(own: &Path) {
    let (Some(all), Ok(mine)) = (own.parent(), own.metadata()) else { return };
    let Ok(entries) = fs::read_dir(all) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && fs::symlink_metadata(&path).is_ok_and(|it| it.is_dir() && it.uid() == mine.uid());
        if ours && path != own && abandoned(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn abandoned(directory: &Path) -> bool {
    match File::open(directory.join(ALIVE)) {
        Ok(alive) => alive.try_lock().is_ok(),
        // The lock file goes with the rest, in no order: someone began to remove this.
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> c_int;
}

extern "C" fn at_exit() {
    let _ = panic::catch_unwind(|| {
        let Ok(mut slot) = BASE.try_lock() else { return };
        if let Some(base) = slot.take_if(|base| base.process == process::id()) {
            // Threads that still run may put something into it between listing and removing.
            for _ in 0..3 {
                match fs::remove_dir_all(&base.path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {}
                    _ => return,
                }
            }
        }
    });
}
