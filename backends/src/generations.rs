//! Generation numbers for an engine that is seen through something that changes too.

use std::sync::{Mutex, PoisonError};

use icsf_core::backend::BackendState;

/// Gives a new number whenever the engine below or what is in front of it has moved on. Numbers are never given twice.
#[derive(Debug, Default)]
pub(crate) struct Generations(Mutex<Given>);

#[derive(Debug, Default)]
struct Given {
    number: u64,
    /// The epoch in front and the generation below that have this number.
    to: Option<(u64, u64)>,
}

impl Generations {
    /// `state` as it is to be shown; `epoch` counts the changes in front of the engine.
    pub(crate) fn shown(&self, epoch: u64, state: BackendState) -> BackendState {
        let BackendState::Online { generation } = state else { return state };
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if given.to != Some((epoch, generation)) {
            given.to = Some((epoch, generation));
            given.number += 1;
        }
        BackendState::Online { generation: given.number }
    }
}
