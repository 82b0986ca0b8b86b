//! What goes wrong in an engine, in the few kinds every engine shares.

use std::fmt;

use super::{KeySpec, MasterKeyKind, Mkvp};

/// An engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.describe())]
pub struct EngineError {
    kind: EngineErrorKind,
    detail: Option<String>,
    remedy: Option<&'static str>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of engine errors; two engines in the same situation give the same kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// There is no working engine: absent, lost, locked, hung. May pass.
    Unavailable,
    /// The register of this master key is empty.
    MasterKeyNotSet(MasterKeyKind),
    /// The key is wrapped under a master key that is neither current nor old.
    MasterKeyMismatch(MasterKeyKind, Mkvp),
    /// The wrapped key does not unwrap: its bytes were changed.
    Damaged,
    /// The engine cannot use such a key, or not for this.
    Unsupported(KeySpec),
    /// The registers do not allow this change.
    Refused,
    /// The engine broke, or answered what it must not.
    Fault,
}

impl EngineErrorKind {
    /// Whether the same call would fail again until somebody acts on the key or the registers.
    /// What does not last is the engine's condition, and may pass by itself.
    #[must_use]
    pub const fn lasts(&self) -> bool {
        !matches!(self, Self::Unavailable | Self::Fault)
    }
}

impl fmt::Display for EngineErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("no crypto engine is available"),
            Self::MasterKeyNotSet(kind) => write!(f, "the {kind} is not set"),
            Self::MasterKeyMismatch(kind, mkvp) => {
                write!(f, "the key is wrapped under {kind} {mkvp}, which is neither the current nor the old one")
            }
            Self::Damaged => f.write_str("the wrapped key was changed and does not unwrap"),
            Self::Unsupported(spec) => write!(f, "the engine cannot use {} {spec} for this", spec.article()),
            Self::Refused => f.write_str("the master-key registers do not allow this"),
            Self::Fault => f.write_str("the crypto engine failed"),
        }
    }
}

impl EngineError {
    /// An error of this kind.
    #[must_use]
    pub const fn new(kind: EngineErrorKind) -> Self {
        Self { kind, detail: None, remedy: None, source: None }
    }

    /// [`Unavailable`](EngineErrorKind::Unavailable), and why.
    #[must_use]
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Unavailable).with_detail(why)
    }

    /// [`Refused`](EngineErrorKind::Refused), and why.
    #[must_use]
    pub fn refused(why: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Refused).with_detail(why)
    }

    /// [`Fault`](EngineErrorKind::Fault), and what happened.
    #[must_use]
    pub fn fault(what: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Fault).with_detail(what)
    }

    /// Adds what this engine knows beyond the kind. No secret may be in it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what somebody can do about it.
    #[must_use]
    pub const fn with_remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = Some(remedy);
        self
    }

    /// Adds the error below.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> &EngineErrorKind {
        &self.kind
    }

    /// What somebody can do about it, where the engine knows.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        self.remedy
    }

    /// Whether the engine has told more than the kind.
    pub(crate) const fn has_detail(&self) -> bool {
        self.detail.is_some()
    }

    fn describe(&self) -> String {
        match (&self.kind, &self.detail) {
            // The general sentence adds nothing to the particular one.
            (
                EngineErrorKind::Unavailable | EngineErrorKind::Refused | EngineErrorKind::MasterKeyNotSet(_),
                Some(detail),
            ) => detail.clone(),
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (kind, None) => kind.to_string(),
        }
    }
}
