//! What is wrong with a drill file, and where in it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::cover::cover;

/// A drill could not be read or run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read, or there is no such drill.
    Missing(String),
    /// The file says something that cannot be: every mistake found.
    File(Vec<Mistake>),
    /// The sites could not be set up as the file wants them.
    Setup(Mistake),
    /// A site has no engine, or one that does not do what was wanted: which, why, and what to do.
    Engine(String),
    /// A secret or a ticket was about to come out in the report, which is a fault of this program.
    Leak,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) | Self::Engine(what) => f.write_str(what),
            Self::File(mistakes) => {
                for (n, mistake) in mistakes.iter().enumerate() {
                    if n > 0 {
                        f.write_str("\n\n")?;
                    }
                    mistake.fmt(f)?;
                }
                Ok(())
            }
            Self::Setup(mistake) => mistake.fmt(f),
            Self::Leak => f.write_str(
                "a secret was about to come out in the report, which has been withheld; a short one that is there by \
                 chance cannot be told from it: take a longer one",
            ),
        }
    }
}

impl std::error::Error for Error {}

/// A mistake in a drill file: what, where, and what was expected. Keys and passwords in the file are covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    what: String,
    hint: Option<String>,
    span: Option<Range<usize>>,
    path: String,
    source: String,
}

impl Mistake {
    pub(crate) fn new(file: &Source<'_>, what: impl Into<String>, span: Option<Range<usize>>) -> Self {
        let (source, secrets) = cover(file.text);
        let what = secrets.iter().fold(what.into(), |what, secret| what.replace(secret, "***"));
        Self { what, hint: None, span, path: file.path.to_owned(), source }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the place of the other one lies within the place of this one.
    pub(crate) fn surrounds(&self, other: &Self) -> bool {
        let places = self.span.as_ref().zip(other.span.as_ref());
        places.is_some_and(|(outer, inner)| outer.start <= inner.start && inner.end <= outer.end)
    }

    /// What is wrong, in a few words.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Line and column, from 1, where the place is known.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        let before = self.source.get(..self.span.as_ref()?.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        Some((line, column))
    }
}

/// The text a mistake is in.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// A file that the drill names: from the folder of the drill file.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        Path::new(self.path).parent().unwrap_or(Path::new("")).join(name)
    }

    /// Where in the file a place of a string is; the whole string, where it is not written as it reads.
    pub(crate) fn inside(&self, string: &Range<usize>, text: &str, at: &Range<usize>) -> Range<usize> {
        let start = string.start + 1;
        let plain = self.text.get(start..start + text.len()) == Some(text) && string.len() == text.len() + 2;
        if plain && at.start < text.len() { start + at.start..start + at.end.max(at.start + 1) } else { string.clone() }
    }
}

/// The file, line and column, the line itself with a mark under the place, and what was expected.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = Level::ERROR.primary_title(self.what.as_str());
        let group = match &self.span {
            Some(span) => {
                let end = self.source.len();
                let mark =
                    AnnotationKind::Primary.span(span.start.min(end)..span.end.min(end)).label(self.hint.as_deref());
                title.element(Snippet::source(self.source.as_str()).path(self.path.as_str()).annotation(mark))
            }
            None => title.element(Level::NOTE.message(self.hint.clone().unwrap_or_else(|| self.path.clone()))),
        };
        f.write_str(&Renderer::plain().render(&[group]))
    }
}
