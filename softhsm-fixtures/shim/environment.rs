//! The environment variable that tells SoftHSM which configuration to read.
//!
//! The variable belongs to the process, SoftHSM reads it only inside `C_Initialize`, and each copy of the module wants
//! another value. So setting it and initializing are one step, done under one lock by everything that initializes a
//! copy: the fixtures, and each shim. These are separately loaded libraries and have no mutex in common; what they
//! share is a file.

#![allow(unsafe_code, reason = "changing the environment is unsafe; this is the one place that does")]

use std::env;
use std::fs::File;
use std::io;
use std::path::Path;

/// The variable.
pub(crate) const VARIABLE: &str = "SOFTHSM2_CONF";

/// Runs `initialize` with the variable naming `configuration`.
///
/// Afterwards the variable stays as it is. Without it SoftHSM would fall back on the tokens of the system, so a stale
/// value, with which it fails, is the better one to leave.
pub(crate) fn with_configuration<T>(
    lock: &Path,
    configuration: &Path,
    initialize: impl FnOnce() -> T,
) -> io::Result<T> {
    // `flock` stands between two openings of a file though both are in one process, so this is the mutex as well.
    let locked = File::options().create(true).append(true).open(lock)?;
    locked.lock()?;
    if env::var_os(VARIABLE).as_deref() != Some(configuration.as_os_str()) {
        // SAFETY: the danger is a thread that reads the environment through C meanwhile. SoftHSM, the one reader we
        // bring, does so in C_Initialize only, and every C_Initialize of a fixture or a shim is under this lock. For
        // readers elsewhere: glibc never frees a value or the array it first came in, so while the process adds no
        // other variable a reader finds the old text or the new. README.md says what that leaves to the user.
        unsafe { env::set_var(VARIABLE, configuration) };
    }
    let initialized = initialize();
    drop(locked);
    Ok(initialized)
}
