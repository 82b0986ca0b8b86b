//! Data on standard output, talk on standard error, folded at 80 columns.
//!
//! A reader that goes away (`softicsf ... | head`) is no error: what nobody reads is not written, and the verb goes on
//! with its work.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};
use serde_json::Value;

use crate::failure::Failure;

const WIDTH: usize = 80;

/// What is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Where a verb writes.
pub(crate) struct Output {
    data: BufWriter<Stdout>,
    broken: bool,
    json: bool,
    colour: bool,
    /// The exit status where nothing can be written.
    unwritten: u8,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let colour = AutoStream::choice(&stdout) != ColorChoice::Never;
        Self { data: BufWriter::new(stdout), broken: false, json, colour, unwritten: 12 }
    }

    /// Whether a machine reads.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether data goes to a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// `text` in a style, where data is shown in colour.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// A line of data.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        writeln!(self, "{}", text.as_ref()).map_err(|error| self.not_written(&error))
    }

    /// A paragraph of data: `label` at the left, the text folded beside it.
    pub(crate) fn entry(&mut self, label: &str, text: &str) -> Result<(), Failure> {
        self.marked("", label, text)
    }

    /// The same with a mark of two characters, perhaps in colour, before the label.
    pub(crate) fn marked(&mut self, mark: &str, label: &str, text: &str) -> Result<(), Failure> {
        let indent = label.chars().count() + if mark.is_empty() { 0 } else { 2 };
        let lines = fold(&" ".repeat(indent), text);
        lines.iter().enumerate().try_for_each(|(number, line)| match number {
            0 => self.line(format!("{mark}{label}{}", line.trim_start())),
            _ => self.line(line),
        })
    }

    /// The answer for a machine.
    pub(crate) fn json(&mut self, value: &Value) -> Result<(), Failure> {
        self.line(format!("{value:#}"))
    }

    /// Talk: a remark on standard error, after the data so far.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), Failure> {
        self.finish()?;
        for line in fold_hanging("", "  ", text) {
            talk(&line);
        }
        Ok(())
    }

    /// A message of the system on standard error, after the data so far: as it stands, but for our own, which are folded.
    pub(crate) fn message(&mut self, text: &str) -> Result<(), Failure> {
        self.finish()?;
        if text.starts_with("SIC") {
            fold_hanging("", "  ", text).iter().for_each(|line| talk(line));
        } else {
            talk(text);
        }
        Ok(())
    }

    /// Writes what is still held back.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.flush().map_err(|error| self.not_written(&error))
    }

    /// Verbs that have exit statuses of their own say which one it is when nothing can be written.
    pub(crate) const fn unwritten(&mut self, status: u8) {
        self.unwritten = status;
    }

    fn not_written(&self, error: &io::Error) -> Failure {
        Failure::new(self.unwritten, format!("standard output cannot be written: {error}"))
    }

    fn unless_broken<T>(
        &mut self,
        nothing: T,
        write: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.broken {
            return Ok(nothing);
        }
        match write(&mut self.data) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.broken = true;
                Ok(nothing)
            }
            other => other,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_broken(bytes.len(), |data| data.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_broken((), Write::flush)
    }
}

/// A line on standard error. If nobody can read it, nobody can be told.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// `text` folded, each line after `indent`.
pub(crate) fn fold(indent: &str, text: &str) -> Vec<String> {
    fold_hanging(indent, indent, text)
}

/// `text` folded, the first line after `first`, the others after `others`. Words are never broken, for they may be
/// labels; nor are codes in parentheses and commands in backticks, which are searched for and copied.
pub(crate) fn fold_hanging(first: &str, others: &str, text: &str) -> Vec<String> {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(others)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let unglued = |line: &str| line.replace(GLUE, " ").trim_end().to_owned();
    textwrap::wrap(&glue(text), options).iter().map(|line| unglued(line)).collect()
}

/// Stands for a blank at which no line ends.
const GLUE: char = '\u{a0}';
/// The longest text kept on one line.
const GLUED: usize = 64;

/// Puts glue into what is to stay on one line.
fn glue(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['`', '(']) {
        let (before, from) = rest.split_at(start);
        let (open, tail) = from.split_at(1);
        out.push_str(before);
        out.push_str(open);
        let (closing, most) = if open == "`" { ('`', GLUED) } else { (')', 20) };
        rest = tail;
        if let Some((inside, after)) = tail.split_once(closing).filter(|(inside, _)| inside.len() <= most) {
            out.push_str(&inside.replace(' ', "\u{a0}"));
            out.push(closing);
            rest = after;
        }
    }
    out + rest
}

/// A command in lines as TSO reads them: what does not fit one goes on in the next after a hyphen. Quoted text stays whole.
pub(crate) fn continued(indent: &str, command: &str) -> Vec<String> {
    let mut quoted = false;
    let words = command.split(|c: char| {
        quoted ^= c == '\'';
        c == ' ' && !quoted
    });
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            // Room for the hyphen, too.
            Some(line) if line.len() + word.len() < WIDTH - 2 => *line += &format!(" {word}"),
            last => {
                if let Some(line) = last {
                    line.push_str(" -");
                }
                let more = if lines.is_empty() { "" } else { "  " };
                lines.push(format!("{indent}{more}{word}"));
            }
        }
    }
    lines
}

/// How many there are of something.
pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_goes_on_after_a_hyphen_and_is_read_as_it_was() {
        let command = "RDEFINE PTKTDATA TSOPRD2 UACC(NONE) SSIGNON(KEYMASKED(@secret:KEY1)) \
                       APPLDATA('IT''S A VERY LONG TEXT - WITH A HYPHEN AND BLANKS - 1234567890')";
        let lines = continued("  ", command);
        assert!(lines.len() == 2 && lines.iter().all(|line| line.len() <= WIDTH), "{lines:?}");
        let joined = icsf_saf::command::join(&lines.join("\n"));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(joined.iter().map(|text| words(text)).collect::<Vec<_>>(), [words(command)]);
    }

    #[test]
    fn codes_and_commands_stay_on_one_line() {
        let text = "IBMUSER at CICSP1: a PassTicket could not be generated for some reason (SAF 8/16/28), \
                    see `softicsf ptkt explain --user IBMUSER --appl CICSP1` and ( this";
        assert_eq!(
            fold_hanging("", "  ", text),
            [
                "IBMUSER at CICSP1: a PassTicket could not be generated for some reason",
                "  (SAF 8/16/28), see `softicsf ptkt explain --user IBMUSER --appl CICSP1` and (",
                "  this",
            ]
        );
    }
}
