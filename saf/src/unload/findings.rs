//! What was not understood in a file: each told once, all counted, the first ones kept.

use std::fmt;

/// How many are kept.
const KEPT: usize = 20;

/// Something in a file that was not understood, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line, or the record, counted from 1.
    pub line: u64,
    /// The first column of the field it is about, counted from 1.
    pub column: Option<usize>,
    /// What is wrong, and what was done about it.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "line {}, column {column}: {}", self.line, self.what),
            None => write!(f, "line {}: {}", self.line, self.what),
        }
    }
}

/// Findings, told as they come.
pub(crate) struct Findings<'a> {
    tell: &'a mut dyn FnMut(&Finding),
    total: u64,
    first: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(tell: &'a mut dyn FnMut(&Finding)) -> Self {
        Self { tell, total: 0, first: Vec::new() }
    }

    pub(crate) fn add(&mut self, line: u64, column: Option<usize>, what: impl Into<String>) {
        let finding = Finding { line, column, what: what.into() };
        (self.tell)(&finding);
        self.total += 1;
        if self.first.len() < KEPT {
            self.first.push(finding);
        }
    }

    /// How many there were, and the first ones.
    pub(crate) fn into_parts(self) -> (u64, Vec<Finding>) {
        (self.total, self.first)
    }
}

/// Text from a file as it is shown: no more of it than a line has room for, and nothing that would act on a terminal.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
