//! Why a token cannot be used, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use icsf_core::backend::EngineError;

use super::codes::Failure;
use super::lanes::Overdue;
use crate::place::{PlaceError, Trouble};

/// A token, its module or its register file could not be used.
///
/// The text says which, what is wrong and what to do; it never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {kind}")]
pub struct TokenError {
    subject: String,
    kind: TokenErrorKind,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What is wrong with a token, its module or its register file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The module file does not load; what the system says.
    #[error("the module cannot be loaded ({0}); check the path of the module, and whether its package is installed")]
    NoLibrary(String),
    /// The module file is a library of another kind.
    #[error("this is a library, but no PKCS#11 module ({0}); check the path of the module")]
    NoModule(String),
    /// The module does not start; what it answered.
    #[error(
        "the module does not start ({0}); check its configuration (for SoftHSM the file that SOFTHSM2_CONF names, and \
         the directory for tokens in it) and who may read it"
    )]
    NotStarted(String),
    /// No slot has a token; what is wanted.
    #[error("no token is there; {0} is wanted: put it in, or check the configuration of the module")]
    NoToken(String),
    /// Other tokens are there; what is wanted, and which they are.
    #[error(
        "the token {0} is not there, but {1}; check label and serial number, and that the module reads the configuration \
         it should"
    )]
    OtherTokens(String, String),
    /// Several tokens have this label.
    #[error("several tokens have this label: {0}; give the serial number too")]
    Ambiguous(String),
    /// There is a token that was never initialized, and no other.
    #[error(
        "no token of this name is there, only one that is not initialized; check that the module reads the configuration it \
         should (for SoftHSM the file that SOFTHSM2_CONF names), or initialize it (softhsm2-util --init-token)"
    )]
    NotInitialized,
    /// The same, and there was one with our registers; which.
    #[error(
        "the token {0}, which holds the registers, is not there, only one that is not initialized; check that the module \
         reads the configuration it should (for SoftHSM the file that SOFTHSM2_CONF names); if its files are lost, restore \
         them from a backup"
    )]
    Gone(String),
    /// The token was initialized anew, or is another one, since the register file was written.
    #[error("the register file belongs to the token {0}, and this is {1}; use that one, or make new registers here")]
    OtherRegisters(String, String),
    /// There is no PIN.
    #[error("the PIN of the token is needed")]
    NeedsPin,
    /// The token does not take it; what it answered.
    #[error("the token does not take the PIN ({0}); it is not tried again until the PIN is given anew")]
    PinRefused(String),
    /// Too many wrong PINs.
    #[error("the PIN is locked; the security officer of the token has to set a new one")]
    PinLocked,
    /// The token has no PIN for its user.
    #[error("the token has no user PIN; the security officer of the token has to set one")]
    NoPinSet,
    /// In this process somebody else than its user is logged in.
    #[error("the security officer is logged in to the token in this process, and nobody else can be; log him out")]
    OfficerLoggedIn,
    /// It lacks what nothing works without; what.
    #[error("the token cannot be used: {0}")]
    Incapable(String),
    /// It does not protect its keys; how that was seen.
    #[error("the token does not protect its keys: {0}; accept_weak_token = true uses it all the same")]
    Weak(String),
    /// It answered one of the questions it is asked when it is attached in a way that says neither yes nor no: what was to
    /// be found out, and the answer.
    #[error("it cannot be told {0} ({1}); that is tried again with each attempt to attach it")]
    Undecided(&'static str, String),
    /// Two objects in the token have the identity of one master key; which.
    #[error("the token holds {0} twice; remove the one that is not ours")]
    Doubled(String),
    /// A call did not return; what is known of it.
    #[error("the token hangs: {0}; see to the device, or restart what uses it")]
    Hangs(String),
    /// Every call returned in time, and all of them together did not; how many there were, and how long they took.
    #[error("the token is too slow: {0}; see to the device, and to what else uses it")]
    Slow(String),
    /// This process was forked from the one that attached it; which that was.
    #[error("{0}; open the engine anew in this process, or fork before it is opened")]
    Forked(String),
    /// A call failed in a way that says no more.
    #[error("the token fails: {0}")]
    Fails(String),
    /// There is no register file.
    #[error("there is no register file here; restore it from a backup, or make new registers")]
    Missing,
    /// It would have to be overwritten.
    #[error("there is a file here already, and it is left as it is; open it, or choose another path")]
    Exists,
    /// It does not begin as a register file does.
    #[error("this is not a register file; check the path, or restore the file from a backup")]
    Foreign,
    /// A later layout.
    #[error("the register file has version {0} and this program reads version 1; use the program that wrote it")]
    Version(u16),
    /// It was altered or cut off.
    #[error("the register file is damaged; restore it from a backup")]
    Damaged,
    /// Another process holds the lock file.
    #[error("the registers are being changed elsewhere, and that does not end; see who holds the lock file")]
    Busy,
    /// The file system refused; what was tried.
    #[error("the register file cannot be used: {0}")]
    Io(&'static str),
}

/// What comes before it in a text is what is wrong, and what comes after is what to do.
const TO_DO: &str = "; ";

impl TokenErrorKind {
    /// What is wrong, without what to do.
    #[must_use]
    pub fn what(&self) -> String {
        let text = self.to_string();
        text.split_once(TO_DO).map_or_else(|| text.clone(), |(what, _)| what.to_owned())
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        self.to_string().split_once(TO_DO).map(|(_, remedy)| remedy.to_owned())
    }

    /// Whether a PIN is what it takes.
    #[must_use]
    pub const fn wants_pin(&self) -> bool {
        matches!(self, Self::NeedsPin | Self::PinRefused(_) | Self::PinLocked | Self::NoPinSet)
    }
}

impl TokenError {
    pub(super) fn new(subject: impl Into<String>, kind: TokenErrorKind) -> Self {
        Self { subject: subject.into(), kind, source: None }
    }

    pub(super) fn of_file(path: &Path, kind: TokenErrorKind) -> Self {
        Self::new(path.display().to_string(), kind)
    }

    pub(super) fn failed(subject: impl Into<String>, failure: Failure) -> Self {
        let kind = TokenErrorKind::Fails(failure.to_string());
        Self { subject: subject.into(), kind, source: Some(Box::new(failure)) }
    }

    pub(super) fn overdue(subject: impl Into<String>, overdue: &Overdue) -> Self {
        let kind = match overdue {
            Overdue::Hung(..) | Overdue::Busy(_) => TokenErrorKind::Hangs,
            Overdue::Slow(..) => TokenErrorKind::Slow,
            Overdue::Forked(_) => TokenErrorKind::Forked,
            Overdue::Panicked => TokenErrorKind::Fails,
        };
        Self::new(subject, kind(overdue.to_string()))
    }

    /// The token, module or file that it is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &TokenErrorKind {
        &self.kind
    }

    /// Itself and the error of the file system below, in one line.
    pub(super) fn reason(&self) -> String {
        let below = self.source.as_ref().filter(|source| source.is::<io::Error>());
        below.map_or_else(|| self.to_string(), |source| format!("{self}: {source}"))
    }
}

impl From<PlaceError> for TokenError {
    fn from(error: PlaceError) -> Self {
        let path: PathBuf = error.path;
        match error.trouble {
            Trouble::Missing => Self::of_file(&path, TokenErrorKind::Missing),
            Trouble::Busy => Self::of_file(&path, TokenErrorKind::Busy),
            Trouble::Io(tried, source) => {
                Self { source: Some(Box::new(source)), ..Self::of_file(&path, TokenErrorKind::Io(tried)) }
            }
        }
    }
}

impl From<TokenError> for EngineError {
    fn from(error: TokenError) -> Self {
        Self::unavailable(error.reason())
    }
}
