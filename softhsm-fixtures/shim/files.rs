//! What lies beside a module's copy, in the directory made for it.

/// The real module.
pub(crate) const MODULE: &str = "libsofthsm2.so";
/// What it reads.
pub(crate) const CONFIGURATION: &str = "softhsm2.conf";
/// The control block of a shim.
pub(crate) const CONTROL: &str = "control";
/// In the directory above, as all copies that a process makes share it.
pub(crate) const LOCK: &str = "initialize.lock";
