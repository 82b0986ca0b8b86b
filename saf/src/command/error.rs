//! What is wrong with a command, and where in it.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use icsf_core::Cause;
use icsf_core::store::StoreError;

use super::cover::{covered, without_keys};
use super::syntax::{Operand, Span};
use crate::principals::PrincipalError;

/// As many columns as a terminal has at least.
const COLUMNS: usize = 80;

/// A command that was not carried out. The database is as it was.
pub struct CommandError(Box<Inner>);

struct Inner {
    what: String,
    at: Option<Span>,
    hint: Option<String>,
    remedies: Vec<String>,
    /// The command, with what is secret in it covered.
    command: String,
    /// The line on which it stands, counted from 1.
    line: usize,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl CommandError {
    /// What is wrong, in a few words.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            what: what.into(),
            at: None,
            hint: None,
            remedies: Vec::new(),
            command: String::new(),
            line: 1,
            source: None,
        }))
    }

    /// The same, at this place of the command.
    pub(crate) fn at(what: impl Into<String>, operand: &Operand) -> Self {
        let mut error = Self::new(what);
        error.0.at = Some(operand.span.clone());
        error
    }

    pub(crate) fn at_span(what: impl Into<String>, span: Span) -> Self {
        let mut error = Self::new(what);
        error.0.at = Some(span);
        error
    }

    /// What to write there instead.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What ICSF said.
    pub(crate) fn from_icsf(what: &str, operand: &Operand, error: icsf_core::Error) -> Self {
        let mut out = Self::at(format!("{what}: {error}"), operand);
        out.0.remedies = error.cause().remedies().to_vec();
        out.0.source = Some(Box::new(error));
        out
    }

    /// What was said of a principal.
    pub(crate) fn from_principal(error: PrincipalError, operand: &Operand) -> Self {
        let mut out = Self::from(error);
        out.0.at = Some(operand.span.clone());
        out
    }

    /// Keeps the command the error is about. What is covered in it is not told in other words either.
    pub(crate) fn in_command(mut self, text: &str) -> Self {
        self.0.command = covered(text);
        self.0.what = without_keys(&self.0.what, text);
        self.0.hint = self.0.hint.map(|hint| without_keys(&hint, text));
        self
    }

    /// The same of a command that stands on this line of its input, counted from 1, where it has several.
    #[must_use]
    pub fn on_line(mut self, line: usize) -> Self {
        self.0.line = line;
        self
    }

    /// What was expected at the place, or may have been meant there.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// What is wrong, in a few words.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// Where in the command, in bytes.
    #[must_use]
    pub const fn span(&self) -> Option<&Span> {
        self.0.at.as_ref()
    }

    /// Where in the command, in characters counted from 1.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        let before = self.0.command.get(..self.0.at.as_ref()?.start);
        before.map(|before| before.chars().count() + 1)
    }

    /// The cause, where ICSF could not do its part.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.0.source.as_ref()?.downcast_ref::<icsf_core::Error>().map(icsf_core::Error::cause)
    }

    /// What somebody can do about it.
    #[must_use]
    pub fn remedies(&self) -> &[String] {
        &self.0.remedies
    }

    /// The whole of it in several lines: the command with a mark at the place, what is wrong, what was expected.
    #[must_use]
    pub fn report(&self) -> String {
        let mut title = Group::with_title(Level::ERROR.primary_title(self.0.what.as_str()));
        if let Some(span) = &self.0.at {
            let text = self.0.command.as_str();
            let end = text.len();
            let (start, stop) = (span.start.min(end), span.end.min(end).max(span.start.min(end)));
            let mark = AnnotationKind::Primary.span(start..stop).label(self.0.hint.as_deref());
            title = title.element(Snippet::source(text).line_start(self.0.line).annotation(mark));
        }
        if let (None, Some(hint)) = (&self.0.at, &self.0.hint) {
            title = title.element(Level::HELP.message(hint.as_str()));
        }
        for remedy in &self.0.remedies {
            title = title.element(Level::HELP.message(remedy.as_str()));
        }
        Renderer::plain().term_width(COLUMNS).render(&[title])
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        if let Some(at) = &self.0.at {
            write!(f, ", at position {}", at.start + 1)?;
        }
        Ok(())
    }
}

impl fmt::Debug for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandError")
            .field("what", &self.0.what)
            .field("at", &self.0.at)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for CommandError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<PrincipalError> for CommandError {
    fn from(error: PrincipalError) -> Self {
        let remedies = error.cause().map(|cause| cause.remedies().to_vec()).unwrap_or_default();
        let (what, hint, source) = error.into_parts();
        let mut out = Self::new(what);
        (out.0.hint, out.0.remedies, out.0.source) = (hint, remedies, source);
        out
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let mut out = Self::new(format!("the security database could not be changed: {error}"));
        out.0.source = Some(Box::new(error));
        out
    }
}
