//! The records of an unload, whatever a transfer has made of the file: lines of text, lines of EBCDIC, or records with
//! length words before them.
//!
//! Which it is, is found by looking at the first record and the beginning of the next. One record at a time is held.

use std::fmt;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use crate::ebcdic;

/// The longest record there can be: what a variable-length record of z/OS holds, and some more.
const LONGEST: usize = 65_535;

/// What is looked at to find the form: the longest record, its line end, and the beginning of the next.
const HEAD: u64 = 65_535 + 16;

/// The longest record that IRRDBU00 writes.
///
/// Source: RACF Security Administrator's Guide, running the database unload utility: LRECL=4096.
const LONGEST_WRITTEN: usize = 4096;

/// What editors put before UTF-8. No unload begins with it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// In which characters a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Characters {
    /// ASCII. What else there is, is UTF-8, or else ISO 8859-1.
    Ascii,
    /// EBCDIC, code page 1047.
    Ebcdic,
}

impl Characters {
    /// Whether a byte ends a line.
    const fn line_end(self) -> fn(&u8) -> bool {
        match self {
            Self::Ascii => |byte| *byte == b'\n',
            Self::Ebcdic => |byte| matches!(byte, 0x15 | 0x25),
        }
    }
}

/// How an unload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form {
    /// Its characters.
    pub characters: Characters,
    /// Whether each record has its length word before it (4 bytes, RDW); else it is a line.
    pub lengths: bool,
}

impl Form {
    /// Lines of ASCII.
    pub const TEXT: Self = Self { characters: Characters::Ascii, lengths: false };
    /// As z/OS has it, with the length words: what a binary transfer with RDW gives.
    pub const EBCDIC: Self = Self { characters: Characters::Ebcdic, lengths: true };
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = match self.characters {
            Characters::Ascii => "ASCII",
            Characters::Ebcdic => "EBCDIC 1047",
        };
        write!(f, "{characters}, {}", if self.lengths { "records with length words" } else { "lines" })
    }
}

/// Why a file cannot be read as an unload at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnloadError {
    /// It does not begin as one. What it begins with is not told: it may be a file of keys.
    #[error(
        "it is no IRRDBU00 unload: the first record does not begin with a record type and a blank, neither in ASCII nor in \
         EBCDIC, with or without a length word"
    )]
    NotAnUnload,
    /// Its records run into one another.
    #[error(
        "nothing in it tells where a record ends: in the first line another record begins; transfer it as text, or in \
         binary with the length words (FTP: quote site rdw)"
    )]
    RunsOn,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// A record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// Its number, counted from 1: the line, where records are lines.
    pub(super) line: u64,
    pub(super) text: &'a str,
    /// What is odd about it, and in which column.
    pub(super) odd: Option<(Option<usize>, &'static str)>,
}

/// Whether four characters are a record type: `0100`, `02D0`, `1210`.
fn is_type(text: &[u8]) -> bool {
    matches!(text, [b'0' | b'1', rest @ ..] if rest.iter().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()))
}

/// Reads records one after the other.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    form: Form,
    /// What stands before the record type of each line: a length word that a transfer as text has kept.
    before: usize,
    line: u64,
    bytes: Vec<u8>,
    text: String,
    cut_short: Option<String>,
    unended: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(mut input: R) -> Result<Self, UnloadError> {
        let mut head = Vec::new();
        input.by_ref().take(HEAD).read_to_end(&mut head)?;
        if head.starts_with(BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        let (form, before) = form_of(&head).ok_or(UnloadError::NotAnUnload)?;
        let input = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(input));
        Ok(Self {
            input,
            form,
            before,
            line: 0,
            bytes: Vec::new(),
            text: String::new(),
            cut_short: None,
            unended: false,
        })
    }

    pub(super) const fn form(&self) -> Form {
        self.form
    }

    /// Why what follows could not be read as records, when that happened.
    pub(super) fn cut_short(&self) -> Option<&str> {
        self.cut_short.as_deref()
    }

    /// Whether the last line has no end.
    pub(super) const fn unended(&self) -> bool {
        self.unended
    }

    /// The next record.
    pub(super) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        loop {
            self.bytes.clear();
            let odd = if self.form.lengths { self.with_length()? } else { self.line_without_end()? };
            let Some(odd) = odd else { return Ok(None) };
            self.line += 1;
            if self.form.characters == Characters::Ebcdic {
                ebcdic::to_latin_1(&mut self.bytes);
            }
            let other = decode(self.bytes.get(self.before..).unwrap_or_default(), self.form, &mut self.text);
            if !self.text.trim_ascii().is_empty() {
                return Ok(Some(Record { line: self.line, text: &self.text, odd: odd.or(other) }));
            }
        }
    }

    /// A record after its length word; nothing at the end.
    fn with_length(&mut self) -> io::Result<Option<Option<Odd>>> {
        let mut word = Vec::with_capacity(4);
        self.input.by_ref().take(4).read_to_end(&mut word)?;
        let [high, low, 0, 0] = *word.as_slice() else {
            if !word.is_empty() {
                self.broken("is no length word");
            }
            return Ok(None);
        };
        let Some(length) = u16::from_be_bytes([high, low]).checked_sub(4) else {
            self.broken("is no length word");
            return Ok(None);
        };
        let read = self.input.by_ref().take(u64::from(length)).read_to_end(&mut self.bytes)?;
        if read < usize::from(length) {
            // There may have been more after it.
            self.cut_short = Some(format!("the file ends within record {}", self.line + 1));
            return Ok(Some(Some((None, "the file ends within this record"))));
        }
        Ok(Some(None))
    }

    fn broken(&mut self, what: &str) {
        let next = self.line + 1;
        self.cut_short = Some(format!("what stands before record {next} {what}: it and all after it were not read"));
    }

    /// A line without its end; nothing at the end.
    fn line_without_end(&mut self) -> io::Result<Option<Option<Odd>>> {
        let ends = self.form.characters.line_end();
        // A length word may have a line end in it.
        let before = u64::try_from(self.before).unwrap_or_default();
        let mut some = self.input.by_ref().take(before).read_to_end(&mut self.bytes)? > 0;
        let mut odd = None;
        loop {
            let seen = self.input.fill_buf()?;
            if seen.is_empty() {
                self.unended |= some;
                break;
            }
            some = true;
            let end = seen.iter().position(ends);
            let part = seen.get(..end.unwrap_or(seen.len())).unwrap_or_default();
            let room = LONGEST.saturating_sub(self.bytes.len());
            if part.len() > room {
                odd = Some((None, "it is longer than a record can be: what is after column 65535 was not read"));
            }
            self.bytes.extend(part.iter().take(room));
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        // The same byte in ASCII and in EBCDIC.
        if self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
        }
        Ok(some.then_some(odd))
    }
}

type Odd = (Option<usize>, &'static str);

/// What the first bytes of a file say of its form, and how much stands before the record type of each line.
fn form_of(head: &[u8]) -> Option<(Form, usize)> {
    let characters_at = |at: usize| {
        let bytes = head.get(at..at + 5)?;
        let mut ascii = bytes.to_vec();
        ebcdic::to_latin_1(&mut ascii);
        let begins = |text: &[u8]| matches!(text, [record @ .., b' '] if is_type(record));
        match (begins(bytes), begins(&ascii)) {
            (true, _) => Some(Characters::Ascii),
            (_, true) => Some(Characters::Ebcdic),
            _ => None,
        }
    };
    if let Some(characters) = characters_at(0) {
        return Some((Form { characters, lengths: false }, 0));
    }
    let characters = characters_at(4)?;
    let lengths = match head {
        [high, low, 0, 0, ..] => {
            let next = usize::from(u16::from_be_bytes([*high, *low]));
            let record_at = |at: usize| head.len() <= at || characters_at(at + 4) == Some(characters);
            let fits = record_at(next) && head.get(next + 2..next + 4).is_none_or(|zeros| zeros == [0, 0]);
            let line = head.get(9..).and_then(|rest| rest.iter().position(characters.line_end())).map(|end| end + 10);
            // A transfer as text can leave the words before lines, or what has become of them.
            fits || !line.is_some_and(record_at)
        }
        _ => false,
    };
    Some((Form { characters, lengths }, if lengths { 0 } else { 4 }))
}

/// Whether another record begins within a line: nothing told the two apart. A record may be longer than what is known of
/// its type, as those of later releases are.
pub(super) fn runs_on(text: &str, width: usize, types: impl Fn(&str) -> bool) -> bool {
    let is_record = |at: usize| {
        let begins = |kind: &str| kind.ends_with(' ') && types(kind.trim_end());
        text.get(at..at + 5).is_some_and(begins) && text.as_bytes().get(at + 5).is_some_and(u8::is_ascii_graphic)
    };
    text.len() > LONGEST_WRITTEN || (width..text.len()).any(is_record)
}

/// Bytes as text of which each character is a column.
fn decode(bytes: &[u8], form: Form, text: &mut String) -> Option<Odd> {
    text.clear();
    if bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        text.push_str(std::str::from_utf8(bytes).unwrap_or_default());
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(utf_8) if form.characters == Characters::Ascii => text.push_str(utf_8),
        _ => text.extend(bytes.iter().map(|byte| char::from(*byte))),
    }
    // Code page 1047 has what is in ISO 8859-1.
    let is_text = form.characters == Characters::Ascii;
    let mut first = None;
    let kept = text.chars().enumerate().map(|(at, c)| {
        let (kept, odd) = match c {
            c if c.is_control() => (' ', "a control character, taken as a blank"),
            c if c > '\u{ff}' => ('?', "a character that code page 1047 does not have, taken as a question mark"),
            c if is_text && !c.is_ascii() => {
                (c, "a character that is not ASCII: columns are counted in characters, as UTF-8 or else ISO 8859-1")
            }
            c => return c,
        };
        first.get_or_insert((Some(at + 1), odd));
        kept
    });
    let kept: String = kept.collect();
    *text = kept;
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> (Form, Vec<(u64, String, bool)>, bool) {
        let mut records = Records::new(bytes).unwrap();
        let mut found = Vec::new();
        while let Some(record) = records.next().unwrap() {
            found.push((record.line, record.text.to_owned(), record.odd.is_some()));
        }
        (records.form(), found, records.cut_short().is_some())
    }

    fn ebcdic(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        ebcdic::from_latin_1(&mut bytes);
        bytes
    }

    fn with_length(record: &[u8]) -> Vec<u8> {
        let length = u16::try_from(record.len() + 4).unwrap().to_be_bytes();
        [&length, &[0, 0], record].concat()
    }

    const ONE: &str = "0100 SYS1     IBM";
    const TWO: &str = "0200 IBMUSER";

    #[test]
    fn each_form_gives_the_same_records() {
        let lengths = |a: &[u8], b: &[u8]| [with_length(a), with_length(b)].concat();
        let lines = |a: &[u8], b: &[u8], end: &[u8]| [a, end, b, end].concat();
        let (one, two) = (ebcdic(ONE), ebcdic(TWO));
        for (bytes, form) in [
            (lines(ONE.as_bytes(), TWO.as_bytes(), b"\n"), "ASCII, lines"),
            (lines(ONE.as_bytes(), TWO.as_bytes(), b"\r\n"), "ASCII, lines"),
            (format!("{ONE}\n{TWO}").into_bytes(), "ASCII, lines"),
            (format!("\u{feff}{ONE}\n{TWO}\n").into_bytes(), "ASCII, lines"),
            (format!("xx z{ONE}\nxx z{TWO}\n").into_bytes(), "ASCII, lines"),
            (lengths(ONE.as_bytes(), TWO.as_bytes()), "ASCII, records with length words"),
            (lines(&one, &two, &[0x15]), "EBCDIC 1047, lines"),
            (lines(&one, &two, &[0x0d, 0x25]), "EBCDIC 1047, lines"),
            (lengths(&one, &two), "EBCDIC 1047, records with length words"),
        ] {
            let (found, records, cut_short) = all(&bytes);
            assert_eq!(found.to_string(), form);
            assert_eq!(records, [(1, ONE.to_owned(), false), (2, TWO.to_owned(), false)], "{form}");
            assert!(!cut_short);
        }
    }

    #[test]
    fn what_is_no_unload_is_said() {
        for bytes in [&b""[..], b"0100", b"hello, world", b"\x89PNG\r\n\x1a\n", b"<html>", b"PK\x03\x04aaaaaa"] {
            assert!(matches!(Records::new(bytes), Err(UnloadError::NotAnUnload)), "{bytes:?}");
        }
    }

    #[test]
    fn broken_lengths_end_the_reading_and_are_told() {
        let mut bytes = [with_length(ONE.as_bytes()), with_length(TWO.as_bytes())].concat();
        bytes.extend_from_slice(b"\xff\xff\x01\x00rest");
        let (_, records, cut_short) = all(&bytes);
        assert_eq!((records.len(), cut_short), (2, true));
        let whole = [with_length(ONE.as_bytes()), with_length(TWO.as_bytes())].concat();
        let (_, records, cut_short) = all(&whole[..whole.len() - 3]);
        assert_eq!((records[1].2, cut_short), (true, true), "the last record is cut off");
    }

    #[test]
    fn odd_characters_are_told_and_keep_the_columns() {
        let (_, records, _) = all("0100 A\u{e4}B\n0100 C\tD\n".as_bytes());
        assert_eq!(records, [(1, "0100 A\u{e4}B".to_owned(), true), (2, "0100 C D".to_owned(), true)]);
        let (_, records, _) = all("0100 \u{7}\u{20ac}\u{e4}\n".as_bytes());
        assert_eq!(records, [(1, "0100  ?\u{e4}".to_owned(), true)]);
        let (_, records, _) = all(b"0100 A\xe4B\n");
        assert_eq!(records, [(1, "0100 A\u{e4}B".to_owned(), true)], "ISO 8859-1");
        let long = [b"0100 ".as_slice(), &[b'A'; 70_000], b"\n", ONE.as_bytes()].concat();
        let (_, records, _) = all(&long);
        assert_eq!((records[0].1.len(), records[0].2, &*records[1].1), (LONGEST, true, ONE));
    }
}
