//! Why there is no token.

use std::error::Error as StdError;
use std::fmt;

/// A fixture could not be made or used. The text says what failed and, where something can be done, what to type.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What sort of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no SoftHSM on this machine, or not where `TEST_PKCS11_MODULE` says.
    ModuleMissing,
    /// The file is there and is no SoftHSM.
    ModuleUnusable,
    /// The module did not read the configuration that the fixture wrote, or found tokens the fixture did not make.
    WrongConfiguration,
    /// The shared module serves the whole process and is not finalized.
    Shared,
    /// A setting that the fixture makes itself, or that is not one line.
    Setting,
    /// The module refused a call.
    Module,
    /// A directory or file of the fixture could not be made.
    Scratch,
    /// A forked child did not come to its end.
    Child,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, text: text.into(), source: None }))
    }

    pub(crate) fn caused(
        kind: ErrorKind,
        text: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner { kind, text: text.into(), source: Some(source.into()) }))
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Itself and what is below, in one line.
    fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut below = self.source();
        while let Some(error) = below {
            text.push_str(": ");
            text.push_str(&error.to_string());
            below = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    /// As a failed `unwrap` shows it: the whole chain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.chain())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

/// A test without its token cannot go on, and must not pass quietly.
#[track_caller]
#[expect(clippy::panic, reason = "the one place where fixtures give up for the test")]
pub(crate) fn or_panic<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(made) => made,
        Err(error) => panic!("softhsm-fixtures: {}", error.chain()),
    }
}

/// Names what was being done when the module, or the file system, refused.
pub(crate) trait Context<T> {
    /// The module refused a call.
    fn module(self, doing: &str) -> Result<T, Error>;
    /// The file system refused.
    fn scratch(self, doing: &str) -> Result<T, Error>;
}

impl<T, E: StdError + Send + Sync + 'static> Context<T> for Result<T, E> {
    fn module(self, doing: &str) -> Result<T, Error> {
        self.map_err(|error| Error::caused(ErrorKind::Module, doing, error))
    }

    fn scratch(self, doing: &str) -> Result<T, Error> {
        self.map_err(|error| Error::caused(ErrorKind::Scratch, doing, error))
    }
}
