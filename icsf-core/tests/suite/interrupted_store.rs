//! A store that is interrupted at a planned operation: it fails, or somebody else gets in between.

use std::fmt;
use std::sync::{Arc, Mutex};

use icsf_core::store::{Area, Generation, Op, Row, RowKey, RowStore, StoreError, Visit};

/// What happens at an operation, and at which, counted from 1.
#[derive(Clone)]
pub(crate) enum Plan {
    /// It fails, and that passes.
    Fail(u64),
    /// It fails, and so does every other from then on, as after a crash.
    Crash(u64),
    /// Something else is done first; a writing operation is passed over, for others wait while one writes.
    Before(u64, Arc<dyn Fn() + Send + Sync>),
}

/// See the module.
pub(crate) struct InterruptedStore {
    inner: Arc<dyn RowStore>,
    state: Mutex<(u64, Option<Plan>)>,
}

impl InterruptedStore {
    pub(crate) fn new(inner: Arc<dyn RowStore>) -> Self {
        Self { inner, state: Mutex::new((0, None)) }
    }

    /// Counts from 1 again; answers how many operations there were.
    pub(crate) fn plan(&self, plan: Option<Plan>) -> u64 {
        std::mem::replace(&mut *self.state.lock().unwrap(), (0, plan)).0
    }

    fn operation(&self, writes: bool) -> Result<&dyn RowStore, StoreError> {
        let first = {
            let mut state = self.state.lock().unwrap();
            state.0 += 1;
            match &state.1 {
                Some(Plan::Fail(at)) if state.0 == *at => return Err(planned()),
                Some(Plan::Crash(at)) if state.0 >= *at => return Err(planned()),
                Some(Plan::Before(at, what)) if state.0 == *at && !writes => Some(Arc::clone(what)),
                _ => None,
            }
        };
        if let Some(what) = first {
            what();
        }
        Ok(&*self.inner)
    }
}

fn planned() -> StoreError {
    StoreError::Io { place: "the store".to_owned(), source: std::io::Error::other("fails as planned").into() }
}

impl fmt::Debug for InterruptedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InterruptedStore").field(&self.inner).finish()
    }
}

impl RowStore for InterruptedStore {
    fn generation(&self) -> Result<Generation, StoreError> {
        self.operation(false)?.generation()
    }

    fn get(&self, area: Area, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.operation(false)?.get(area, key)
    }

    fn scan(&self, area: Area, after: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.operation(false)?.scan(area, after, visit)
    }

    fn changed_since(&self, generation: Generation) -> Result<Option<Vec<RowKey>>, StoreError> {
        self.operation(false)?.changed_since(generation)
    }

    fn apply(&self, ops: &[Op]) -> Result<Generation, StoreError> {
        self.operation(true)?.apply(ops)
    }
}
