//! What a scan reads: texts as they come from a site, and where in them something stands.

use std::fmt;
use std::sync::Arc;

/// How many lines that were not understood are named.
const NAMED: usize = 5;

/// A file cannot be what it is said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", self.place())]
pub struct InputError {
    file: Arc<str>,
    line: Option<u64>,
    what: String,
    next: &'static str,
}

impl InputError {
    pub(super) fn new(file: &Arc<str>, line: Option<u64>, what: impl Into<String>, next: &'static str) -> Self {
        Self { file: Arc::clone(file), line, what: what.into(), next }
    }

    fn place(&self) -> String {
        self.line.map_or_else(|| self.file.to_string(), |line| format!("{}, line {line}", self.file))
    }

    /// What to do about it.
    #[must_use]
    pub const fn next(&self) -> &'static str {
        self.next
    }
}

/// A record, or a line, that something was read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// The line, counted from 1; the record, where an unload has length words.
    pub line: u64,
    /// The type of the record, or what the text is.
    pub what: &'static str,
}

impl Origin {
    pub(super) fn new(file: &Arc<str>, line: u64, what: &'static str) -> Self {
        Self { file: Arc::clone(file), line, what }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.file, self.line, self.what)
    }
}

/// A file that was read, and how much of it was not understood. What stood there is not kept: it may be a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// What it was read as.
    pub what: &'static str,
    /// Its lines or records.
    pub lines: u64,
    /// How many of them were not understood.
    pub not_understood: u64,
    /// The first of those.
    pub first: Vec<u64>,
}

impl FileRead {
    pub(super) fn new(file: &Arc<str>, what: &'static str) -> Self {
        Self { file: Arc::clone(file), what, lines: 0, not_understood: 0, first: Vec::new() }
    }

    /// Counts a line, and whether it was understood.
    pub(super) fn line(&mut self, number: u64, understood: bool) {
        self.lines = number;
        if !understood {
            self.not_understood += 1;
            if self.first.len() < NAMED {
                self.first.push(number);
            }
        }
    }
}

/// The lines of a text with their numbers, counted from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines())
}

/// Something that was read, and its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen<T> {
    pub(super) value: T,
    pub(super) line: u64,
}

impl<T> Seen<T> {
    pub(super) const fn new(value: T, line: u64) -> Self {
        Self { value, line }
    }
}
