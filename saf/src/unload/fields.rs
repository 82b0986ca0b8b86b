//! The fields of one record, read by column; what cannot be is a finding, with its line and column.

use std::fmt::Display;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use ptkt::{GroupId, UserId};

use super::findings::{Findings, shown};
use super::layout::Column;
use super::lines::Record;
use crate::ebcdic;

/// The fields of a record.
pub(super) struct Fields<'a, 'f, 't> {
    record: Record<'a>,
    is_ascii: bool,
    findings: &'f mut Findings<'t>,
}

impl<'a, 'f, 't> Fields<'a, 'f, 't> {
    pub(super) fn new(record: Record<'a>, findings: &'f mut Findings<'t>) -> Self {
        if let Some((column, what)) = record.odd {
            findings.add(record.line, column, what);
        }
        Self { record, is_ascii: record.text.is_ascii(), findings }
    }

    pub(super) const fn line(&self) -> u64 {
        self.record.line
    }

    /// Its type.
    pub(super) fn kind(&self) -> &'a str {
        self.record.text.get(..4).unwrap_or_default()
    }

    /// Something wrong with a field.
    pub(super) fn wrong(&mut self, column: &Column, what: impl Display) {
        self.findings.add(self.record.line, Some(column.first), format!("{}: {what}", column.name));
    }

    /// Something wrong with the record.
    pub(super) fn odd(&mut self, what: impl Into<String>) {
        self.findings.add(self.record.line, None, what);
    }

    fn columns(&self, first: usize, last: usize) -> &'a str {
        let text = self.record.text;
        let at = |column: usize| {
            if self.is_ascii {
                column.min(text.len())
            } else {
                text.char_indices().nth(column).map_or(text.len(), |(at, _)| at)
            }
        };
        text.get(at(first - 1)..at(last)).unwrap_or_default()
    }

    /// A text, without the blanks after it; none where the record ends before it.
    pub(super) fn text(&mut self, column: &Column) -> &'a str {
        let after = self.columns(column.last + 1, column.last + 1);
        if !after.is_empty() && after != " " {
            self.wrong(column, format_args!("it is followed by {after:?} instead of a blank; is it too long?"));
        }
        self.columns(column.first, column.last).trim_end_matches(' ')
    }

    /// YES or NO; neither where it is blank, and where it is something else.
    pub(super) fn flag(&mut self, column: &Column) -> Option<bool> {
        match self.text(column) {
            "YES" => Some(true),
            "NO" => Some(false),
            "" => None,
            other => {
                self.wrong(column, format_args!("{} is neither YES nor NO", shown(other)));
                None
            }
        }
    }

    /// A number of digits; none where it is blank, and where it is no number or one too large.
    pub(super) fn number<T: FromStr>(&mut self, column: &Column) -> Option<T> {
        let text = self.text(column);
        let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        if number.is_none() && !text.is_empty() {
            self.wrong(column, format_args!("{} is no number that can stand here", shown(text)));
        }
        number
    }

    /// Something that has a form; none where it is blank, and where it does not have it.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, column: &Column) -> Option<T> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        text.parse().map_err(|error: T::Err| self.wrong(column, error)).ok()
    }

    /// The same for what cannot be blank.
    pub(super) fn required<T: FromStr<Err: Display>>(&mut self, column: &Column) -> Option<T> {
        if self.text(column).is_empty() {
            self.wrong(column, "it is blank");
            return None;
        }
        self.parsed(column)
    }

    /// A user or group.
    pub(super) fn id<T: Name>(&mut self, column: &Column) -> Option<T> {
        let text = self.text(column);
        if text.is_empty() {
            self.wrong(column, "it is blank");
            return None;
        }
        let found = name(text);
        if found.is_none() {
            self.wrong(column, format_args!("{} is no user or group", shown(text)));
        }
        found
    }

    /// A date, as seconds since 1970 UTC; none where it is blank, or no date.
    pub(super) fn date(&mut self, column: &Column) -> Option<u64> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        let midnight = text.parse::<Date>().ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok());
        let seconds = midnight.and_then(|date| u64::try_from(date.timestamp().as_second()).ok());
        if seconds.is_none() {
            self.wrong(column, format_args!("{} is no date since 1970", shown(text)));
        }
        seconds
    }
}

/// A user ID or group name.
pub(super) trait Name: FromStr {
    fn of_ebcdic(bytes: &[u8]) -> Option<Self>;
}

impl Name for UserId {
    fn of_ebcdic(bytes: &[u8]) -> Option<Self> {
        Self::from_ebcdic(bytes).ok()
    }
}

impl Name for GroupId {
    fn of_ebcdic(bytes: &[u8]) -> Option<Self> {
        Self::from_ebcdic(bytes).ok()
    }
}

/// A name as it stands in a file; also `*`, and national characters of other code pages.
fn name<T: Name>(text: &str) -> Option<T> {
    if let Ok(name) = text.parse() {
        return Some(name);
    }
    let national = |c: char| c.is_ascii_alphanumeric() || "@#$".contains(c) || c > '\u{a0}';
    if text != "*" && !text.chars().all(national) {
        return None;
    }
    let mut bytes = text.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>().ok()?;
    ebcdic::from_latin_1(&mut bytes);
    T::of_ebcdic(&bytes)
}

/// The same the other way.
pub(super) fn name_text(ebcdic: &[u8; 8]) -> String {
    let mut bytes = *ebcdic;
    ebcdic::to_latin_1(&mut bytes);
    bytes.iter().map(|byte| char::from(*byte)).collect::<String>().trim_end_matches(' ').to_owned()
}

/// A date, as it stands in a file.
pub(super) fn date_text(seconds: u64) -> Option<String> {
    let seconds = i64::try_from(seconds).ok()?;
    let date = jiff::Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).date();
    Some(date.to_string())
}
