//! What keeps a system from being made or opened.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use icsf_backends::pkcs11::TokenError;
use icsf_backends::software::{StateError, StateErrorKind};
use icsf_core::store::StoreError;

/// A system could not be made, opened or configured: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}", path = self.path.display(), what = self.what)]
pub struct Error {
    path: PathBuf,
    what: String,
    remedy: Option<String>,
    /// What is missing is the pass phrase or PIN.
    locked: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What to do where a system cannot be written.
const WRITABLE: &str = "a system is written also by who only looks at it (locks, the journal): copy its directory to a \
                        volume that can be written, as its owner, and use -C there";

/// What to do about an error of the file system, as far as it is known.
fn writable(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let kind = error.downcast_ref::<std::io::Error>()?.kind();
    let refused = [std::io::ErrorKind::ReadOnlyFilesystem, std::io::ErrorKind::PermissionDenied];
    refused.contains(&kind).then(|| WRITABLE.to_owned())
}

/// What making and opening a system answers.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(path: &Path, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), what: what.into(), remedy: None, locked: false, source: None }
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What opens an engine cannot be had.
    pub(crate) fn locked(path: &Path, what: impl Into<String>) -> Self {
        Self { locked: true, ..Self::new(path, what) }
    }

    pub(crate) const fn is_locked(&self) -> bool {
        self.locked
    }

    /// A closure that makes an error of another one.
    pub(crate) fn of<E: std::error::Error + Send + Sync + 'static>(path: &Path) -> impl Fn(E) -> Self + '_ {
        |error| {
            let mut out = Self::new(path, error.to_string());
            out.remedy = writable(&error);
            out.source = Some(Box::new(error));
            out
        }
    }

    /// The error of a file of the software engine, which names its path itself.
    pub(crate) fn of_engine(error: StateError) -> Self {
        let what = match error.source() {
            Some(source) => format!("{}: {source}", error.kind()),
            None => error.kind().to_string(),
        };
        let locked = *error.kind() == StateErrorKind::WrongPassPhrase;
        let out = Self::new(error.path(), what);
        Self { locked, source: Some(Box::new(error)), ..out }
    }

    /// The error of a store, which names its file itself.
    pub(crate) fn of_store(error: StoreError) -> Self {
        let (place, what, remedy) = match &error {
            StoreError::Full { place, .. } => (
                place,
                "no space is left on its volume".to_owned(),
                Some("make room on the volume; nothing was changed"),
            ),
            StoreError::Io { place, source } => {
                (place, format!("it cannot be read or written: {source}"), Some(WRITABLE))
            }
            StoreError::Invalid { place, why } => (place, why.clone(), None),
            other => return Self::new(Path::new("the store"), other.to_string()),
        };
        let out = Self::new(Path::new(place), what);
        Self { remedy: remedy.map(str::to_owned), source: Some(Box::new(error)), ..out }
    }

    /// The error of a token, its module or its register file, which names what it is about itself.
    pub(crate) fn of_token(error: &TokenError) -> Self {
        let (kind, place) = (error.kind(), Path::new(error.subject()));
        Self { locked: kind.wants_pin(), remedy: kind.remedy(), ..Self::new(place, kind.what()) }
    }

    /// The same about a directory that was on its way to another place.
    pub(crate) fn moved(mut self, from: &Path, to: &Path) -> Self {
        if let Ok(rest) = self.path.strip_prefix(from) {
            self.path = to.join(rest);
        }
        self.what = self.what.replace(&from.display().to_string(), &to.display().to_string());
        self
    }

    /// What somebody can do about it.
    #[must_use]
    pub fn what_to_do(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}
