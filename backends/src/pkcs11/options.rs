//! Which token, and how it is dealt with.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which token an engine uses, and how.
///
/// ```
/// # use icsf_backends::pkcs11::Options;
/// let options = Options::new("/usr/lib/softhsm/libsofthsm2.so", "card one").with_serial("78a3c1d2e5f60718");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub(super) module: PathBuf,
    pub(super) label: String,
    pub(super) serial: Option<String>,
    pub(super) wait: Duration,
    pub(super) proof: Duration,
    pub(super) accept_weak_token: bool,
    pub(super) own_module: bool,
    pub(super) host_keys: HostKeys,
}

/// What becomes of Kerberos keys that the token wraps and cannot use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostKeys {
    /// They cannot be used at all.
    #[default]
    Forbid,
    /// The token lets them out, and they are used in this process.
    Allow,
}

impl Options {
    /// The token with this label, in a slot of this module. Slot numbers change, so none is asked for.
    #[must_use]
    pub fn new(module: impl Into<PathBuf>, label: impl Into<String>) -> Self {
        Self {
            module: module.into(),
            label: label.into(),
            serial: None,
            wait: Duration::from_secs(10),
            proof: Duration::from_secs(1),
            accept_weak_token: false,
            own_module: false,
            host_keys: HostKeys::Forbid,
        }
    }

    /// Wants this serial number too: labels need not be unique, and a module that read the wrong configuration may offer
    /// another token of the same label.
    #[must_use]
    pub fn with_serial(self, serial: impl Into<String>) -> Self {
        Self { serial: Some(serial.into()), ..self }
    }

    /// How long a call of the module may take before it counts as hanging: 10 seconds. A request, or another piece of
    /// work, whose calls all return in time may take four times as long, and is given up as too slow then.
    #[must_use]
    pub const fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How old the proof may be that the master keys still are in the token: 1 second. Some tokens go on using open keys
    /// when they are gone themselves.
    #[must_use]
    pub const fn with_proof_every(mut self, every: Duration) -> Self {
        self.proof = every;
        self
    }

    /// Uses a token that does not protect its keys. Every display of its status then says so.
    #[must_use]
    pub const fn accept_weak_token(mut self, accept: bool) -> Self {
        self.accept_weak_token = accept;
        self
    }

    /// Nobody else in this process uses the module, so that it may be finalized and initialized again where nothing else
    /// brings the token back: SoftHSM does not see a token directory that returns.
    #[must_use]
    pub const fn own_module(mut self, own: bool) -> Self {
        self.own_module = own;
        self
    }

    /// Lets the token give out the keys of Kerberos principals of those encryption types that it cannot use itself, so that
    /// they are used in this process. The capabilities say which: [`KeyPlace::Host`](icsf_core::backend::KeyPlace::Host).
    #[must_use]
    pub const fn host_keys(mut self, host_keys: HostKeys) -> Self {
        self.host_keys = host_keys;
        self
    }

    /// The module file.
    #[must_use]
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// The label of the token.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The serial number wanted, if one is.
    #[must_use]
    pub fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }

    /// The token, for people.
    pub(super) fn wanted(&self) -> String {
        match &self.serial {
            Some(serial) => format!("{:?} ({serial})", self.label),
            None => format!("{:?}", self.label),
        }
    }
}
