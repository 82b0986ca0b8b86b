//! Why an engine file or a key file cannot be used, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use icsf_core::backend::EngineError;

use crate::place::{Place, PlaceError, Trouble};

/// A file of the software engine could not be used; nothing was changed in it.
///
/// The text says which file, what is wrong and what to do; it never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct StateError {
    path: PathBuf,
    kind: StateErrorKind,
    #[source]
    source: Option<io::Error>,
}

/// What is wrong with a file of the software engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateErrorKind {
    /// Nothing has this name.
    #[error("there is no engine file here; restore it from a backup, or create a new one")]
    Missing,
    /// It would have to be overwritten.
    #[error("there is a file here already, and it is left as it is; open it, or choose another path")]
    Exists,
    /// It does not begin as an engine file does.
    #[error("this is not an engine file; check the path, or restore the file from a backup")]
    Foreign,
    /// A later layout.
    #[error("the engine file has version {0} and this program reads version 1; use the program that wrote it")]
    Version(u16),
    /// It was altered or cut off; how that was noticed.
    #[error("the engine file is damaged: {0}; restore it from a backup")]
    Damaged(String),
    /// The file is as it was written, and this pass phrase does not open it.
    #[error("the pass phrase does not open this engine file; enter the one it was created with")]
    WrongPassPhrase,
    /// The file is as it was written, and this key file does not open it.
    #[error("the key file does not open this engine file; give the one made with it")]
    WrongKeyFile,
    /// No pass phrase was given.
    #[error("the engine file is locked; unlock it with its pass phrase")]
    NeedsPassPhrase,
    /// No key file was given.
    #[error("the engine file is locked; unlock it with its key file")]
    NeedsKeyFile,
    /// It was created again since it was unlocked.
    #[error("the engine file was made anew with another pass phrase or key file; unlock it again")]
    MadeAnew,
    /// An engine is created with it.
    #[error("an empty pass phrase protects nothing; enter another one")]
    EmptyPassPhrase,
    /// The path is that of a key file, which does not serve as one; why.
    #[error("the key file cannot be used: {0}")]
    KeyFile(String),
    /// Another process holds the lock file.
    #[error("the engine file is being changed elsewhere, and that does not end; see who holds its lock file")]
    Busy,
    /// The file system refused; what was tried.
    #[error("the engine file cannot be used: {0}")]
    Io(&'static str),
}

impl StateError {
    pub(super) fn new(path: &Path, kind: StateErrorKind) -> Self {
        Self { path: path.to_owned(), kind, source: None }
    }

    pub(super) fn io(path: &Path, tried: &'static str, source: io::Error) -> Self {
        Self { path: path.to_owned(), kind: StateErrorKind::Io(tried), source: Some(source) }
    }

    pub(super) fn at(place: &Place, kind: StateErrorKind) -> Self {
        Self::new(place.path(), kind)
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &StateErrorKind {
        &self.kind
    }

    /// Which file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Itself and the error below, in one line.
    pub(super) fn reason(&self) -> String {
        self.source.as_ref().map_or_else(|| self.to_string(), |source| format!("{self}: {source}"))
    }
}

impl From<PlaceError> for StateError {
    fn from(error: PlaceError) -> Self {
        match error.trouble {
            Trouble::Missing => Self::new(&error.path, StateErrorKind::Missing),
            Trouble::Busy => Self::new(&error.path, StateErrorKind::Busy),
            Trouble::Io(tried, source) => Self::io(&error.path, tried, source),
        }
    }
}

impl From<StateError> for EngineError {
    fn from(error: StateError) -> Self {
        let unavailable = Self::unavailable(error.to_string());
        match error.source {
            Some(source) => unavailable.with_source(source),
            None => unavailable,
        }
    }
}
