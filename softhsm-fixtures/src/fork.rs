//! A child that was forked and runs no other program: what a test cannot make without unsafe code.

#![allow(unsafe_code, reason = "fork is a call into C")]

use std::ffi::{c_int, c_uint};
use std::io::{self, Read as _, Write as _};
use std::panic::{self, AssertUnwindSafe};

use crate::error::{Context as _, Error, ErrorKind};

/// A child that takes longer is killed.
const SECONDS: c_uint = 60;

unsafe extern "C" {
    fn fork() -> c_int;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn alarm(seconds: c_uint) -> c_uint;
    fn _exit(status: c_int) -> !;
}

/// What `work` says in a child that is forked from this process.
///
/// So a test learns what becomes of sessions and handles in servers that fork. The child has the memory of the parent and
/// only the thread that forked; a lock that another thread held at that moment is held for ever. So call it in a process
/// of its own, as a test under nextest has, and let `work` make no fixtures. The child ends without destructors.
///
/// ```
/// let here = std::process::id();
/// let there = softhsm_fixtures::forked(|| std::process::id().to_string())?;
/// assert_ne!(there, here.to_string());
/// # Ok::<(), softhsm_fixtures::Error>(())
/// ```
///
/// # Errors
///
/// [`Child`](ErrorKind::Child) if `work` panics, takes longer than a minute, or crashes.
pub fn forked(work: impl FnOnce() -> String) -> Result<String, Error> {
    let (mut from, mut to) = io::pipe().scratch("no pipe to a forked child")?;
    // SAFETY: no arguments. glibc keeps its allocator usable in the child; for the rest the caller was told.
    let child = unsafe { fork() };
    if child == 0 {
        drop(from);
        // SAFETY: a plain number; nothing here handles the signal, so it ends the child.
        unsafe { alarm(SECONDS) };
        let said = panic::catch_unwind(AssertUnwindSafe(work));
        let status = said.is_ok_and(|said| to.write_all(said.as_bytes()).is_ok());
        // SAFETY: a plain number. What is registered for the end of the process is the parent's.
        unsafe { _exit(c_int::from(!status)) }
    }
    if child < 0 {
        return Err(io::Error::last_os_error()).scratch("no child could be forked");
    }
    drop(to);
    let mut said = String::new();
    let read = from.read_to_string(&mut said);
    let mut status = 0;
    loop {
        // SAFETY: our own child, and the address of a number.
        let ended = unsafe { waitpid(child, &raw mut status, 0) };
        if ended == child {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error).scratch("the forked child is lost");
        }
    }
    read.scratch("what the forked child said cannot be read")?;
    match status {
        0 => Ok(said),
        status => Err(Error::new(ErrorKind::Child, format!("the forked child ended with status {status:#x}"))),
    }
}
