//! The error of this crate: the opaque triple a caller sees, and the whole cause beside it.

use std::fmt;

use icsf_core::Cause;
use icsf_core::codes::ReasonCodes;
use icsf_core::store::StoreError;

use crate::codes::{Code, Triple};

/// What a PassTicket or sign-on service answers when it fails.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    /// Whether the caller asked for a detailed reason.
    extended: bool,
    /// The number of the error of Kerberos, or 0.
    kerberos: u8,
    cause: Cause,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What services of this crate answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with this code and cause.
    #[must_use]
    pub fn new(code: Code, cause: Cause) -> Self {
        Self(Box::new(Inner { code, extended: false, kerberos: 0, cause, source: None }))
    }

    /// An error because ICSF could not do its part: its cause goes on with what is known here.
    #[must_use]
    pub fn from_icsf(code: Code, error: icsf_core::Error) -> Self {
        let cause = error.cause().clone();
        Self::new(code, cause).with_source(error)
    }

    /// An error because Kerberos refused a token, with the number of its error.
    #[must_use]
    pub fn kerberos(number: u8, cause: Cause) -> Self {
        let mut error = Self::new(Code::KerberosRefused, cause);
        error.0.kerberos = number;
        error
    }

    /// Adds the error below.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Adds to the cause what is known further out.
    #[must_use]
    pub fn explained(mut self, add: impl FnOnce(Cause) -> Cause) -> Self {
        self.0.cause = add(std::mem::take(&mut self.0.cause));
        self
    }

    /// The situation.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// What a caller sees; the number of a Kerberos error is in the reason. Of an extended function that is the detailed reason in the place of 28 or 32.
    #[must_use]
    pub fn triple(&self) -> Triple {
        let triple = self.0.code.triple();
        match (self.0.extended, self.detail()) {
            (true, Some(reason)) => Triple { reason, ..triple },
            _ => Triple { reason: triple.reason | u32::from(self.0.kerberos), ..triple },
        }
    }

    /// The detailed reason of a failed generation or evaluation: the return code of ICSF in one byte and its reason code in
    /// two, where it was ICSF, so X'0C0000' for an engine that is missing; else a small number.
    ///
    /// Source: RACF's own values are not published; see SIC2025.
    #[must_use]
    pub fn detail(&self) -> Option<u32> {
        let number = match self.0.code {
            Code::GenerationNoProfile | Code::EvaluationNoProfile => 1,
            Code::GenerationNoKey | Code::EvaluationNoKey => 2,
            Code::GenerationKey | Code::EvaluationKey => 3,
            Code::EvaluationNotValid => 4,
            Code::EvaluationReplayed => 5,
            Code::EvaluationRegister => 6,
            _ => return None,
        };
        let by_icsf = |code: icsf_core::codes::Code| u32::from(code.rc()) << 16 | code.reason(ReasonCodes::Icsf);
        Some(self.0.cause.code().map_or(number, by_icsf))
    }

    /// The same, for a caller who asked for a detailed reason.
    pub(crate) fn extended(mut self) -> Self {
        self.0.extended = true;
        self
    }

    /// The situation at the bottom: of a sign-on that failed, what was wrong with the ticket.
    pub(crate) fn root(&self) -> Code {
        let below = std::error::Error::source(self).and_then(|source| source.downcast_ref::<Self>());
        below.map_or(self.0.code, Self::root)
    }

    /// Whether it comes of a resource the caller may not use.
    pub(crate) fn is_refused_access(&self) -> bool {
        let by_icsf = [icsf_core::codes::Code::ServiceNotAuthorized, icsf_core::codes::Code::LabelNotAuthorized];
        [Code::NotAuthorized, Code::KerberosNotAuthorized, Code::SignOnApplication].contains(&self.root())
            || self.0.cause.code().is_some_and(|code| by_icsf.contains(&code))
    }

    /// Why.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.0.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(user), Some(application)) = (self.0.cause.user(), self.0.cause.application()) {
            write!(f, "{user} at {application}: ")?;
        }
        let general = self.0.code.text().split(": ").next().unwrap_or_default();
        write!(f, "{general} (SAF {})", self.triple())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.0.code)
            .field("cause", &self.0.cause)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let cause = Cause::new(format!("the security database: {error}"))
            .with_remedy("check the file of the security database, its volume and its permissions");
        Self::new(Code::InternalError, cause).with_source(error)
    }
}
