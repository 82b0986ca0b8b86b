//! The connections there are: no more than allowed, and all within reach of whoever stops the server.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    connections: BTreeMap<u64, Connection>,
    /// Counts whatever happens, so that the lowest number is what happened first.
    clock: u64,
    closed: bool,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// Since when its client is waited for; none while a request is answered.
    waiting: Option<u64>,
    /// It was told to end, and its place is given away.
    ended: bool,
}

/// A place for a connection.
pub(super) struct Place {
    pub(super) id: u64,
    /// Another connection had to end for it.
    pub(super) displaced: bool,
}

/// All connections are at work.
pub(super) struct Full;

impl State {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl Places {
    pub(super) const fn new(most: usize) -> Self {
        let state = State { connections: BTreeMap::new(), clock: 0, closed: false };
        Self { most, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection. If there is none left, the one whose client has been waited for the longest ends: who
    /// opens connections and sends nothing keeps nobody out.
    pub(super) fn take(&self, stream: &TcpStream) -> Result<Place, Full> {
        let mut state = self.lock();
        let stream = stream.try_clone().map_err(|_no_descriptor| Full)?;
        let mut displaced = false;
        if state.connections.values().filter(|one| !one.ended).count() >= self.most {
            let waiting = state.connections.values_mut().filter(|one| !one.ended && one.waiting.is_some());
            let longest = waiting.min_by_key(|one| one.waiting).ok_or(Full)?;
            longest.ended = true;
            let _gone = longest.stream.shutdown(Shutdown::Both);
            displaced = true;
        }
        if state.closed {
            let _gone = stream.shutdown(Shutdown::Read);
        }
        let id = state.tick();
        state.connections.insert(id, Connection { stream, waiting: Some(id), ended: false });
        Ok(Place { id, displaced })
    }

    /// Whether the server wants the connection to end.
    pub(super) fn ended(&self, id: u64) -> bool {
        let state = self.lock();
        state.closed || state.connections.get(&id).is_none_or(|one| one.ended)
    }

    /// A request has come whole and is answered now. False: the connection is to end.
    pub(super) fn begin(&self, id: u64) -> bool {
        let mut state = self.lock();
        let open = !state.closed;
        let connection = state.connections.get_mut(&id).filter(|one| open && !one.ended);
        connection.map(|one| one.waiting = None).is_some()
    }

    /// The reply was sent; the client is waited for again.
    pub(super) fn wait(&self, id: u64) {
        let mut state = self.lock();
        let now = state.tick();
        if let Some(connection) = state.connections.get_mut(&id) {
            connection.waiting = Some(now);
        }
    }

    /// The connection has ended.
    pub(super) fn leave(&self, id: u64) {
        self.lock().connections.remove(&id);
        self.changed.notify_all();
    }

    /// Lets every connection end after what it is at.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for connection in state.connections.values() {
            let _gone = connection.stream.shutdown(Shutdown::Read);
        }
    }

    /// Waits until none is left.
    pub(super) fn wait_empty(&self) {
        let mut state = self.lock();
        while !state.connections.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
