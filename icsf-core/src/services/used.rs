//! What a request was doing inside the engine, for the error when that does not come back.
//!
//! A call that hangs is given up with all that was begun in it: which service with which key is known in the thread that
//! hangs alone. So the request lends that thread a note, and each service writes on it before it asks the engine.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use super::open_key::Origin;
use crate::error::Error;
use crate::icsf::View;

/// A service, and the key it works with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) service: &'static str,
    pub(crate) key: Origin,
}

impl Used {
    /// Writes it on the note of this thread, if a request lent it one.
    pub(crate) fn note(self) {
        NOTE.with_borrow(|note| {
            if let Some(note) = note {
                note.write(self);
            }
        });
    }

    /// An error of this use: with the engine, the key and the service.
    pub(crate) fn failed(self, view: &View, error: Error) -> Error {
        self.key.named(view.engine.named(error)).in_service(self.service, view.reason_codes)
    }
}

thread_local! {
    static NOTE: RefCell<Option<Note>> = const { RefCell::new(None) };
}

/// The last use of the engine by one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note(Arc<Mutex<Option<Used>>>);

impl Note {
    /// Does `work` in this thread with this as its note.
    pub(crate) fn during<T>(self, work: impl FnOnce() -> T) -> T {
        let before = NOTE.replace(Some(self));
        let done = work();
        NOTE.set(before);
        done
    }

    fn write(&self, used: Used) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(used);
    }

    /// What is written on it.
    pub(crate) fn read(&self) -> Option<Used> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
