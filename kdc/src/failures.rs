//! Failures of pre-authentication in a row, counted in memory: a KDC that writes at each logon is slow for nothing.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use icsf_saf::model::PrincipalName;
use lru::LruCache;
use ptkt::UserId;

/// Of how many principals failures are counted; beyond that those of long ago are forgotten.
const COUNTED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Who is told that a user has failed too often. It is asked off the hot path: once, when the count is reached.
///
/// Contract: calls may overlap; what cannot be written fails no request.
pub trait Lockout: Send + Sync + fmt::Debug {
    /// Revokes the user: `failures` in a row were as many as SETROPTS PASSWORD(REVOKE) says.
    ///
    /// # Errors
    /// Says why it was not.
    fn revoke(&self, user: &UserId, failures: u8) -> Result<(), String>;
}

pub(crate) struct Failures(Mutex<LruCache<PrincipalName, u8>>);

impl Failures {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::unbounded()))
    }

    /// One more; answers how many in a row.
    pub(crate) fn count(&self, name: &PrincipalName) -> u8 {
        let mut counted = self.lock();
        let count = counted.get(name).map_or(1, |count| count.saturating_add(1));
        counted.put(name.clone(), count);
        if counted.len() > COUNTED.get() {
            counted.pop_lru();
        }
        count
    }

    pub(crate) fn forget(&self, name: &PrincipalName) {
        let mut counted = self.lock();
        // Most have none, and most KDCs know of nobody who has.
        if !counted.is_empty() {
            counted.pop(name);
        }
    }

    /// Of how many principals there are some.
    pub(crate) fn counted(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<PrincipalName, u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failures(of {} principals)", self.counted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_for_a_bounded_number_of_names() {
        let failures = Failures::new();
        let name = |number: usize| PrincipalName::new([format!("u{number}")]).unwrap();
        assert_eq!((failures.count(&name(0)), failures.count(&name(0))), (1, 2));
        failures.forget(&name(0));
        assert_eq!(failures.count(&name(0)), 1);
        (1..10_000).for_each(|number| assert_eq!(failures.count(&name(number)), 1));
        assert_eq!(failures.counted(), COUNTED.get());
        assert_eq!(failures.count(&name(0)), 1, "forgotten");
    }
}
