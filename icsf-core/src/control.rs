//! What operators switch, kept where every process on the system sees it.

use std::fmt::Debug;
use std::io;
use std::sync::{Mutex, PoisonError};

/// The switches of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Control {
    /// Whether the ICSF address space is started.
    pub started: bool,
    /// Whether the operator lets the engine be used. Off is sticky: nothing but the operator switches it on again.
    pub engine_online: bool,
    /// Whether services may update the CKDS. Off until the operator allows it again or stops ICSF.
    pub ckds_updates: bool,
    /// Whether the Kerberos task, SKRBKDC, is started.
    pub kerberos_started: bool,
}

impl Default for Control {
    /// Everything started, with the engine online and updates of the CKDS allowed.
    fn default() -> Self {
        Self { started: true, engine_online: true, ckds_updates: true, kerberos_started: true }
    }
}

/// Keeps the switches.
///
/// # Contract
/// Calls may overlap. [`save`](Self::save) is called by one process at a time (under the system's
/// [`Epoch`](crate::epoch::Epoch)) and is all or nothing, also when the process dies meanwhile.
pub trait ControlStore: Send + Sync + Debug {
    /// The switches now.
    ///
    /// # Errors
    /// When they cannot be read; ICSF then answers nothing rather than guess.
    fn load(&self) -> io::Result<Control>;

    /// Sets them.
    ///
    /// # Errors
    /// When they cannot be written; they are as before.
    fn save(&self, control: &Control) -> io::Result<()>;
}

/// Switches in memory: for a system that one process holds.
#[derive(Debug, Default)]
pub struct MemoryControl(Mutex<Control>);

impl ControlStore for MemoryControl {
    fn load(&self) -> io::Result<Control> {
        Ok(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn save(&self, control: &Control) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = *control;
        Ok(())
    }
}
