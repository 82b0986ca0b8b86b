//! The error of this crate: a code for the caller, a cause for whoever has to find out why.

use std::fmt;

use crate::backend::{EngineError, EngineErrorKind, MasterKeyKind, Mkvp};
use crate::codes::{Code, ReasonCodes};
use crate::engine::{EngineState, FIND};
use crate::label::KeyLabel;

/// What a service answers with return code 8 or above. No output has been written.
///
/// The code is what a caller on z/OS sees; the [`Cause`] is what it does not see.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    cause: Cause,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What services of this crate answer.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with this code, and why in a few words: lower case, no full stop, no secret.
    pub fn new(code: Code, why: impl Into<String>) -> Self {
        let cause = Cause { why: why.into(), code: Some(code), ..Cause::default() };
        Self(Box::new(Inner { code, cause, source: None }))
    }

    /// Adds the error below.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Adds what somebody can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.cause.remedies.push(remedy.into());
        self
    }

    /// Names the service on the way out, and the numbering its caller gets, in which the texts then give the codes. The
    /// innermost one stays.
    #[must_use]
    pub fn in_service(mut self, service: &'static str, numbering: ReasonCodes) -> Self {
        if self.0.cause.service.is_none() {
            self.0.cause.service = Some(service);
            self.0.cause.numbering = numbering;
        }
        self
    }

    /// Names the key.
    #[must_use]
    pub fn for_label(mut self, label: &KeyLabel) -> Self {
        self.0.cause.label.get_or_insert(*label);
        self
    }

    /// Names the master key the key is wrapped under.
    #[must_use]
    pub fn under(mut self, kind: MasterKeyKind, mkvp: Mkvp) -> Self {
        self.0.cause.master_key.get_or_insert((kind, mkvp));
        self
    }

    /// Names the engine and the state it is in.
    #[must_use]
    pub fn at_engine(mut self, engine: impl Into<String>, state: impl Into<String>) -> Self {
        self.0.cause.engine.get_or_insert_with(|| (engine.into(), state.into()));
        self
    }

    /// Says before why what could not be done for it.
    pub(crate) fn because(mut self, what: &str) -> Self {
        self.0.cause.why.insert_str(0, &format!("{what}: "));
        self
    }

    /// Says before why what has become of the engine.
    pub(crate) fn because_engine_is(mut self, state: &str) -> Self {
        self.0.cause.why.insert_str(0, &format!("engine is {state}: "));
        self
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// The return code: 8, 12 or 16.
    #[must_use]
    pub const fn return_code(&self) -> u8 {
        self.0.code.rc()
    }

    /// The reason code in the numbering asked for.
    #[must_use]
    pub const fn reason_code(&self, numbering: ReasonCodes) -> u32 {
        self.0.code.reason(numbering)
    }

    /// Why.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.0.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(service) = self.0.cause.service {
            write!(f, "{service} ")?;
        }
        write!(f, "{}: {}", self.0.code.pair_in(self.0.cause.numbering), self.0.cause.why)
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

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        let code = match error.kind() {
            EngineErrorKind::Unavailable => Code::EngineUnavailable,
            EngineErrorKind::MasterKeyNotSet(_) => Code::MasterKeyNotSet,
            EngineErrorKind::MasterKeyMismatch(..) => Code::MasterKeyMismatch,
            EngineErrorKind::Damaged => Code::TokenDamaged,
            EngineErrorKind::Unsupported(_) => Code::NotOnThisEngine,
            EngineErrorKind::Refused => Code::RegisterRefused,
            EngineErrorKind::Fault => Code::EngineUnavailable,
        };
        let out = Self::new(code, error.to_string());
        let out = match error.kind() {
            EngineErrorKind::MasterKeyMismatch(kind, mkvp) => out.under(*kind, *mkvp).with_remedy(format!(
                "load the {kind} with pattern {mkvp} into the engine, or restore the key under the present one"
            )),
            // An engine that tells more knows that it was set.
            EngineErrorKind::MasterKeyNotSet(_) if error.has_detail() => out.with_remedy(FIND),
            EngineErrorKind::MasterKeyNotSet(kind) => {
                out.with_remedy(format!("load and set the {kind}: softicsf mk load, mk set"))
            }
            EngineErrorKind::Damaged => out.with_remedy("restore the record from a copy of the key data set"),
            _ => out,
        };
        let out = error.remedy().into_iter().fold(out, Self::with_remedy);
        out.with_source(error)
    }
}

/// The true cause of a failure, which the codes hide: who, what, where, and what to do.
///
/// Each layer adds what it knows on the way out: the engine its state, the key store label and master key, the
/// security database user, application and profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cause {
    why: String,
    code: Option<Code>,
    service: Option<&'static str>,
    numbering: ReasonCodes,
    user: Option<String>,
    application: Option<String>,
    profile: Option<String>,
    key_source: Option<String>,
    label: Option<KeyLabel>,
    master_key: Option<(MasterKeyKind, Mkvp)>,
    engine: Option<(String, String)>,
    remedies: Vec<String>,
}

impl Cause {
    /// A cause outside ICSF, in a few words.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), ..Self::default() }
    }

    /// Adds who signs on to what.
    #[must_use]
    pub fn for_user(mut self, user: impl Into<String>, application: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self.application = Some(application.into());
        self
    }

    /// Adds the profile used and where its key lies.
    #[must_use]
    pub fn by_profile(mut self, profile: impl Into<String>, key_source: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self.key_source = Some(key_source.into());
        self
    }

    /// Adds what somebody can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    /// Why, in a few words.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The ICSF code, when ICSF was asked.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        self.code
    }

    /// The callable service that failed, when ICSF was asked.
    #[must_use]
    pub const fn service(&self) -> Option<&'static str> {
        self.service
    }

    /// The user concerned.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The application concerned.
    #[must_use]
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// The key profile used.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// Where the key of the profile lies: masked in the database, or under a label in the CKDS.
    #[must_use]
    pub fn key_source(&self) -> Option<&str> {
        self.key_source.as_deref()
    }

    /// The label of the key.
    #[must_use]
    pub const fn label(&self) -> Option<&KeyLabel> {
        self.label.as_ref()
    }

    /// The master key the key is wrapped under.
    #[must_use]
    pub const fn master_key(&self) -> Option<(MasterKeyKind, Mkvp)> {
        self.master_key
    }

    /// The engine, and the state it is in.
    #[must_use]
    pub fn engine(&self) -> Option<(&str, &str)> {
        self.engine.as_ref().map(|(name, state)| (name.as_str(), state.as_str()))
    }

    /// What somebody can do about it.
    #[must_use]
    pub fn remedies(&self) -> &[String] {
        &self.remedies
    }

    /// Name and value of everything known, in the order in which a reader asks.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        add("user", self.user.clone());
        add("application", self.application.clone());
        add("profile", self.profile.clone());
        add("key source", self.key_source.clone());
        add("label", self.label.map(|label| label.to_string()));
        add("master key", self.master_key.map(|(kind, mkvp)| format!("{kind} {mkvp}")));
        add("engine", self.engine.as_ref().map(|(name, state)| format!("{name}: {state}")));
        add("service", self.service.map(str::to_owned));
        add(
            "codes",
            self.code.map(|code| {
                let (icsf, tss) = (code.reason(ReasonCodes::Icsf), code.reason(ReasonCodes::Tss));
                format!("{}/{icsf} (TSS {}/{tss})", code.rc(), code.rc())
            }),
        );
        facts
    }
}

/// One sentence: service and codes, why, then the key and where it is held.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(service), Some(code)) = (self.service, self.code) {
            write!(f, "{service} {}: ", code.pair_in(self.numbering))?;
        }
        f.write_str(&self.why)?;
        match (&self.label, &self.profile, self.master_key) {
            (Some(label), _, Some((kind, mkvp))) => write!(f, "; key {label} is wrapped under {kind} {mkvp}")?,
            (Some(label), _, None) => write!(f, "; key {label}")?,
            // What is wrapped under it is in the reason.
            (None, Some(profile), _) => write!(f, "; profile {profile}")?,
            (None, None, _) => {}
        }
        match &self.engine {
            Some((engine, state)) if state != EngineState::Deconfigured.word() => write!(f, "; {engine}")?,
            _ => {}
        }
        Ok(())
    }
}
