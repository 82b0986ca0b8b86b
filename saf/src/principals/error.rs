//! Why something was not done to a principal.

use std::fmt;

use icsf_core::Cause;
use icsf_core::store::StoreError;

/// A change of principals that was not made. Database and CKDS are as they were.
pub struct PrincipalError(Box<Inner>);

struct Inner {
    kind: PrincipalErrorKind,
    what: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What sort of reason it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrincipalErrorKind {
    /// There is no such principal or policy, or no local realm.
    NotFound,
    /// There is one already.
    Exists,
    /// A rule of the policy forbids the password.
    PasswordRefused,
    /// It cannot be done to this principal.
    NotAllowed,
    /// ICSF could not do its part.
    Icsf,
    /// The security database could not be read or changed.
    Database,
}

impl PrincipalError {
    /// For this reason.
    #[must_use]
    pub fn new(kind: PrincipalErrorKind, what: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, what: what.into(), hint: None, source: None }))
    }

    /// What to do instead.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Because ICSF could not do its part: `what` is what it was asked for.
    #[must_use]
    pub fn icsf(what: &str, error: icsf_core::Error) -> Self {
        let mut out = Self::new(PrincipalErrorKind::Icsf, what);
        out.0.source = Some(Box::new(error));
        out
    }

    /// What sort of reason it was.
    #[must_use]
    pub const fn kind(&self) -> PrincipalErrorKind {
        self.0.kind
    }

    /// What is wrong, in a few words; what ICSF said of it is [apart](Self::icsf_error).
    #[must_use]
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// What to do instead, where that is known.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// What ICSF said, where it could not do its part.
    #[must_use]
    pub fn icsf_error(&self) -> Option<&icsf_core::Error> {
        self.0.source.as_ref()?.downcast_ref()
    }

    /// The cause, where ICSF could not do its part.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.icsf_error().map(icsf_core::Error::cause)
    }

    /// The same in parts, to be told in another form.
    pub(crate) fn into_parts(self) -> (String, Option<String>, Option<Box<dyn std::error::Error + Send + Sync>>) {
        (self.to_string(), self.0.hint, self.0.source)
    }
}

impl fmt::Display for PrincipalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        self.icsf_error().map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}

impl fmt::Debug for PrincipalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        let mut debug = f.debug_struct("PrincipalError");
        debug.field("kind", &inner.kind).field("what", &inner.what).field("source", &inner.source).finish()
    }
}

impl std::error::Error for PrincipalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for PrincipalError {
    fn from(error: StoreError) -> Self {
        let what = format!("the security database could not be changed: {error}");
        let mut out = Self::new(PrincipalErrorKind::Database, what);
        out.0.source = Some(Box::new(error));
        out
    }
}

/// Whether a change was not made only because somebody else changed the same rows meanwhile.
pub(super) fn is_conflict(error: &(dyn std::error::Error + 'static)) -> bool {
    error.source().and_then(|source| source.downcast_ref()).is_some_and(|e| matches!(e, StoreError::Conflict(_)))
}
