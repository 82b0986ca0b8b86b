//! Why a verb did not do what it was asked to: one form for all verbs, for people and for machines.
//!
//! The first line says what failed, with the codes a caller on z/OS sees; then come the cause, which the codes hide, and
//! what to do. `-v` adds everything else that is known.

use std::error::Error as StdError;

use icsf_core::Cause;
use icsf_core::codes::{Code, ReasonCodes};
use icsf_saf::codes::Triple;
use serde_json::{Value, json};
use softicsf::PrincipalErrorKind;

use crate::output::{fold_hanging, talk};

/// A verb that failed.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug, Default)]
struct Inner {
    status: u8,
    what: String,
    icsf: Option<Code>,
    /// The codes are those of ICSF and not behind those of SAF.
    shows_icsf: bool,
    saf: Option<Triple>,
    cause: Option<String>,
    next: Vec<String>,
    facts: Vec<(&'static str, String)>,
    chain: Vec<String>,
    /// Several lines that say it all, in the place of the first.
    report: Option<String>,
    /// Where in a command, counted in characters from 1, and what was expected there.
    position: Option<usize>,
    hint: Option<String>,
    locked: bool,
}

impl Failure {
    /// With this exit status, and what failed: lower case, no full stop.
    pub(crate) fn new(status: u8, what: impl Into<String>) -> Self {
        Self(Box::new(Inner { status, what: what.into(), ..Inner::default() }))
    }

    /// The command line is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(2, what)
    }

    /// With several lines that say it all, in the place of the first.
    pub(crate) fn report(status: u8, what: impl Into<String>, report: impl Into<String>) -> Self {
        let mut failure = Self::new(status, what);
        failure.0.report = Some(report.into());
        failure
    }

    /// Adds why.
    pub(crate) fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds what to do.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next.push(next.into());
        self
    }

    /// Adds something that is known, for a machine and for who asks for all of it.
    pub(crate) fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.facts.push((name, value.into()));
        self
    }

    /// Adds where to find out more, to what there is to do.
    pub(crate) fn see(mut self, command: &str) -> Self {
        match self.0.next.last_mut() {
            Some(last) => *last += &format!(", or see `{command}`"),
            None => self.0.next.push(format!("see `{command}`")),
        }
        self
    }

    /// The same with another exit status.
    pub(crate) fn status(mut self, status: u8) -> Self {
        self.0.status = status;
        self
    }

    /// Where in a command it is, in characters from 1.
    pub(crate) const fn position(&self) -> Option<usize> {
        self.0.position
    }

    /// What was expected there.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The exit status.
    pub(crate) const fn exit(&self) -> u8 {
        self.0.status
    }

    /// Whether the engine waits for its pass phrase, and that is all.
    pub(crate) const fn is_locked(&self) -> bool {
        self.0.locked
    }

    fn caused_by(mut self, cause: &Cause) -> Self {
        self.0.cause = Some(cause.to_string());
        self.0.next = cause.remedies().to_vec();
        self.0.facts = cause.facts();
        self.0.icsf = cause.code();
        self.0.locked = cause.engine().is_some_and(|(_, state)| state == "locked");
        self
    }

    fn chained(mut self, error: &dyn StdError) -> Self {
        let mut below = error.source();
        while let Some(error) = below {
            self.0.chain.push(error.to_string());
            below = error.source();
        }
        self
    }

    /// The codes as they are shown.
    fn codes(&self, numbering: ReasonCodes) -> Option<String> {
        let code = self.0.icsf.filter(|_| self.0.shows_icsf)?;
        Some(format!("{numbering} {}/{}", code.rc(), code.reason(numbering)))
    }

    /// Says it all on standard error.
    pub(crate) fn tell(&self, verb: &str, numbering: ReasonCodes, verbose: bool) {
        let inner = &*self.0;
        let under = |name: &str, text: &str| {
            fold_hanging(&format!("  {:<7}", format!("{name}:")), "         ", text).iter().for_each(|l| talk(l));
        };
        match &inner.report {
            Some(report) => talk(report),
            None => {
                let codes = self.codes(numbering).map_or_else(String::new, |codes| format!(" ({codes})"));
                let first = format!("softicsf: {verb}: {}{codes}", inner.what);
                fold_hanging("", "  ", &first).iter().for_each(|l| talk(l));
                inner.cause.iter().for_each(|cause| under("cause", cause));
                inner.next.iter().for_each(|next| under("next", next));
            }
        }
        if verbose {
            for (name, value) in &inner.facts {
                fold_hanging(&format!("  {name:<12} "), &" ".repeat(15), value).iter().for_each(|l| talk(l));
            }
            inner.chain.iter().for_each(|below| under("below", below));
        }
    }

    /// For a machine.
    pub(crate) fn json(&self, numbering: ReasonCodes) -> Value {
        let inner = &*self.0;
        let facts: serde_json::Map<String, Value> =
            inner.facts.iter().map(|(name, value)| (name.replace(' ', "_"), json!(value))).collect();
        json!({
            "status": inner.status,
            "message": inner.what,
            "saf": inner.saf.map(|t| json!({ "saf": t.saf, "racf": t.racf, "reason": t.reason })),
            "icsf": inner.icsf.map(|code| json!({
                "return_code": code.rc(),
                "reason_code": code.reason(numbering),
                "numbering": numbering.to_string(),
                "name": format!("{code:?}"),
            })),
            "cause": inner.cause,
            "facts": facts,
            "next": inner.next,
            "chain": inner.chain,
        })
    }
}

impl From<icsf_core::Error> for Failure {
    fn from(error: icsf_core::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&icsf_core::Error> for Failure {
    fn from(error: &icsf_core::Error) -> Self {
        let mut failure = Self::new(error.return_code(), error.code().text()).caused_by(error.cause()).chained(error);
        failure.0.shows_icsf = true;
        failure
    }
}

impl From<icsf_saf::Error> for Failure {
    fn from(error: icsf_saf::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&icsf_saf::Error> for Failure {
    fn from(error: &icsf_saf::Error) -> Self {
        let triple = error.triple();
        let status = u8::try_from(triple.saf).unwrap_or(16);
        let mut failure = Self::new(status, error.to_string()).caused_by(error.cause()).chained(error);
        failure.0.saf = Some(triple);
        failure
    }
}

impl From<icsf_saf::command::CommandError> for Failure {
    fn from(error: icsf_saf::command::CommandError) -> Self {
        let mut failure = Self::report(8, error.what(), error.report()).chained(&error);
        failure.0.position = error.position();
        failure.0.hint = error.hint_text().map(str::to_owned);
        match error.cause() {
            Some(cause) => failure.caused_by(cause),
            None => failure,
        }
    }
}

impl From<softicsf::PrincipalError> for Failure {
    fn from(error: softicsf::PrincipalError) -> Self {
        let failure = match error.icsf_error() {
            Some(icsf) => {
                let mut failure = Self::new(icsf.return_code(), error.what()).caused_by(icsf.cause()).chained(&error);
                failure.0.shows_icsf = true;
                failure
            }
            None if error.kind() == PrincipalErrorKind::Database => Self::new(12, error.what()).chained(&error),
            None => Self::new(8, error.what()),
        };
        error.hint_text().into_iter().fold(failure, Self::next)
    }
}

impl From<softicsf::ConsoleError> for Failure {
    fn from(error: softicsf::ConsoleError) -> Self {
        let failure = Self::new(error.return_code(), error.to_string());
        match error.cause() {
            Some(cause) => failure.caused_by(cause),
            None => failure,
        }
    }
}

/// What kept a system from being made or opened: the environment, if it lies deeper, else the caller.
impl From<softicsf::Error> for Failure {
    fn from(error: softicsf::Error) -> Self {
        let status = if error.source().is_some() { 12 } else { 8 };
        let failure = Self::new(status, error.to_string()).chained(&error);
        match error.what_to_do() {
            Some(remedy) => failure.next(remedy),
            None => failure,
        }
    }
}
