//! The PINs that tokens took from the engines of this process.
//!
//! A login is the process's, not the caller's: where somebody is logged in already, a token looks at no PIN, and logging
//! him out to ask would take his keys away. So a PIN is known to be right only if the token took it, from this engine or
//! from another one that still has it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use icsf_core::ClearKey;
use subtle::ConstantTimeEq;

/// A PIN that was taken: the module, the serial number of the token, and the PIN as long as an engine has it.
type Taken = (PathBuf, String, Weak<ClearKey>);

static TAKEN: Mutex<Vec<Taken>> = Mutex::new(Vec::new());

/// Whether a PIN is known to be right; `now` tells that the token took it just now.
pub(super) fn is_known(module: &Path, serial: &str, pin: &Arc<ClearKey>, now: bool) -> bool {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    taken.retain(|(_, _, pin)| pin.strong_count() > 0);
    let same = |other: &ClearKey| bool::from(other.expose().ct_eq(pin.expose()));
    let known = now
        || taken.iter().any(|(m, s, other)| m == module && s == serial && other.upgrade().is_some_and(|o| same(&o)));
    if known && !taken.iter().any(|(_, _, other)| other.ptr_eq(&Arc::downgrade(pin))) {
        taken.push((module.to_owned(), serial.to_owned(), Arc::downgrade(pin)));
    }
    known
}
