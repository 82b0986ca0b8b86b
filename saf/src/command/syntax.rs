//! The syntax of RACF commands, as TSO reads them: a verb, then operands, each a word, a quoted string, or a keyword with
//! operands in parentheses. Blanks, commas and comments separate; parentheses that are open at the end are closed there.
//! Meaning is not looked at here.
//!
//! Source: z/OS TSO/E Programming Services, defining command operand syntax.

use std::ops::Range;

use winnow::ascii::multispace1;
use winnow::combinator::{alt, cut_err, delimited, eof, not, opt, preceded, repeat, terminated};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::stream::{LocatingSlice, Location, Stateful};
use winnow::token::{one_of, take_till, take_until};
use winnow::{ModalResult, Parser};

/// Where something stands in the text of a command: byte offsets.
pub type Span = Range<usize>;

/// A command, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) verb: Operand,
    pub(crate) operands: Vec<Operand>,
    /// Where the text ends.
    pub(crate) end: usize,
}

/// A word or string, with the operands in parentheses that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operand {
    /// As written, without quotes; empty for parentheses that follow no word.
    pub(crate) text: String,
    pub(crate) span: Span,
    /// What stands in the parentheses, when there are any.
    pub(crate) inner: Option<Vec<Self>>,
    /// Where word and parentheses stand.
    pub(crate) whole: Span,
}

/// Why a text is no command: where, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) at: usize,
    pub(crate) expected: String,
}

/// How deep parentheses may stand in one another; no command needs more than three.
const DEEPEST: usize = 16;

/// The text, and how many parentheses are open.
type Input<'a> = Stateful<LocatingSlice<&'a str>, usize>;

/// Reads one command, without a look at what its words mean: see [`read`](super::read::read).
pub(crate) fn parse(text: &str) -> Result<Command, SyntaxError> {
    command.parse(Stateful { input: LocatingSlice::new(text), state: 0 }).map_err(|error| {
        let expected: Vec<String> = error
            .inner()
            .context()
            .filter_map(|context| match context {
                StrContext::Expected(StrContextValue::Description(what)) => Some((*what).to_owned()),
                _ => None,
            })
            .collect();
        let expected = if expected.is_empty() { "an operand".to_owned() } else { expected.join(" or ") };
        SyntaxError { at: error.offset(), expected }
    })
}

fn command(input: &mut Input<'_>) -> ModalResult<Command> {
    let verb = preceded(gap0, word.context(expected("a command"))).parse_next(input)?;
    let operands = operands(input)?;
    let end = input.current_token_start();
    opt(eof).parse_next(input)?;
    if !input.is_empty() {
        return Err(ErrMode::Cut(ContextError::new()).add_expected("an operand, with its parentheses closed"));
    }
    Ok(Command { verb, operands, end })
}

trait AddExpected {
    fn add_expected(self, what: &'static str) -> Self;
}

impl AddExpected for ErrMode<ContextError> {
    fn add_expected(self, what: &'static str) -> Self {
        self.map(|mut error| {
            error.push(expected(what));
            error
        })
    }
}

fn operands(input: &mut Input<'_>) -> ModalResult<Vec<Operand>> {
    preceded(gap0, repeat(0.., terminated(operand, gap0))).parse_next(input)
}

fn operand(input: &mut Input<'_>) -> ModalResult<Operand> {
    let mut operand = alt((quoted, word, bare)).parse_next(input)?;
    let open = opt('(').parse_next(input)?;
    if open.is_some() {
        input.state += 1;
        if input.state > DEEPEST {
            return Err(ErrMode::Cut(ContextError::new()).add_expected("fewer parentheses in one another"));
        }
        let inner = operands(input)?;
        cut_err(alt((')'.void(), eof.void()))).context(expected("a closing parenthesis")).parse_next(input)?;
        input.state -= 1;
        operand.inner = Some(inner);
        operand.whole.end = input.previous_token_end();
    }
    Ok(operand)
}

fn word(input: &mut Input<'_>) -> ModalResult<Operand> {
    let character = |c: char| !(c.is_whitespace() || c.is_control() || ",()'".contains(c));
    repeat::<_, _, (), _, _>(1.., (not("/*"), one_of(character)))
        .take()
        .with_span()
        .map(|(text, span): (&str, Span)| Operand { text: text.to_owned(), whole: span.clone(), span, inner: None })
        .parse_next(input)
}

/// Parentheses that follow no word: a list.
fn bare(input: &mut Input<'_>) -> ModalResult<Operand> {
    let start = input.current_token_start();
    winnow::combinator::peek('(').parse_next(input)?;
    Ok(Operand { text: String::new(), span: start..start + 1, inner: None, whole: start..start + 1 })
}

/// A string between apostrophes, two of which stand for one.
fn quoted(input: &mut Input<'_>) -> ModalResult<Operand> {
    let piece = alt((take_till(1.., '\''), "''".value("'")));
    let text = repeat(0.., piece).fold(String::new, |mut text, piece: &str| {
        text.push_str(piece);
        text
    });
    let end = cut_err('\'').context(expected("a closing apostrophe"));
    delimited('\'', text, end)
        .with_span()
        .map(|(text, span)| Operand { text, whole: span.clone(), span, inner: None })
        .parse_next(input)
}

/// Blanks, commas, comments.
fn gap0(input: &mut Input<'_>) -> ModalResult<()> {
    let comment = ("/*", cut_err((take_until(0.., "*/"), "*/")).context(expected("the end of the comment: */")));
    repeat(0.., alt((multispace1.void(), ','.void(), comment.void()))).parse_next(input)
}

const fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// Where the comments of a text are, be it a command or not; one that is not closed goes on to the end.
pub(crate) fn comments(text: &str) -> Vec<Span> {
    let mut comments = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find(['\'', '/'])).map(|next| at + next) {
        let rest = text.get(next..).unwrap_or_default();
        let closed_by = if rest.starts_with("/*") { "*/" } else { "'" };
        let begins = next + closed_by.len();
        let end = || text.get(begins..).and_then(|rest| rest.find(closed_by)).map_or(text.len(), |end| begins + end);
        at = match rest.as_bytes() {
            [b'/', b'*', ..] => {
                let end = (end() + closed_by.len()).min(text.len());
                comments.push(next..end);
                end
            }
            [b'\'', ..] => end() + 1,
            _ => next + 1,
        };
    }
    comments
}

/// What a line says when its command goes on in the next, and whether that begins at its first word.
fn continued(line: &str) -> Option<(&str, bool)> {
    // A comment may stand behind the mark, which would be a word of its own there, and means nothing as such.
    let line = comments(line).into_iter().rev().fold(line.trim_end(), |line, comment| {
        let before = line.get(..comment.start).filter(|_| comment.end == line.len());
        before.map_or(line, str::trim_end)
    });
    line.strip_suffix('-').map(|part| (part, false)).or_else(|| line.strip_suffix('+').map(|part| (part, true)))
}

/// Whether a command goes on in the line after this one: see [`join`].
#[must_use]
pub fn goes_on(line: &str) -> bool {
    continued(line).is_some()
}

/// Joins the lines of a command: one that ends in `-` goes on in the next, one that ends in `+` goes on with the next
/// line's leading blanks left out; blanks and comments may stand behind the mark. Answers the commands of a text; blanks
/// and comments alone are none.
///
/// Source: z/OS TSO/E Command Reference, continuing a line of a command.
///
/// ```
/// let commands = icsf_saf::command::join("/* one */\nSETROPTS -\n  CLASSACT(PTKTDATA)\n\nRLIST PTKTDATA *");
/// assert_eq!(commands, ["SETROPTS   CLASSACT(PTKTDATA)", "RLIST PTKTDATA *"]);
/// ```
#[must_use]
pub fn join(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut current: Option<String> = None;
    let mut cut_leading = false;
    for line in text.lines() {
        let line = line.trim_end();
        let line = if cut_leading { line.trim_start() } else { line };
        let (part, goes_on, cut) = continued(line).map_or((line, false, false), |(part, cut)| (part, true, cut));
        cut_leading = cut;
        let whole = current.take().unwrap_or_default() + part;
        if goes_on {
            current = Some(whole);
        } else if !says_nothing(&whole) {
            commands.push(whole);
        }
    }
    commands.extend(current.filter(|rest| !says_nothing(rest)));
    commands
}

/// Whether there are but blanks and comments.
fn says_nothing(text: &str) -> bool {
    gap0.parse(Stateful { input: LocatingSlice::new(text), state: 0 }).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(operand: &Operand) -> String {
        let inner = operand.inner.as_ref().map(|inner| inner.iter().map(shape).collect::<Vec<_>>().join(" "));
        operand.text.clone() + &inner.map_or_else(String::new, |inner| format!("({inner})"))
    }

    fn shapes(text: &str) -> String {
        let command = parse(text).unwrap();
        let all: Vec<String> = std::iter::once(&command.verb).chain(&command.operands).map(shape).collect();
        all.join(" | ")
    }

    #[test]
    fn words_lists_strings_and_comments() {
        assert_eq!(
            shapes(
                " RDEFINE PTKTDATA TSOPRD1 /* one */ SSIGNON(KEYMASKED(E001193519561977) TYPE(UPPER)), APPLDATA('NO ''X''')"
            ),
            "RDEFINE | PTKTDATA | TSOPRD1 | SSIGNON(KEYMASKED(E001193519561977) TYPE(UPPER)) | APPLDATA(NO 'X')"
        );
        assert_eq!(shapes("RDELETE PTKTDATA (A,B C)"), "RDELETE | PTKTDATA | (A B C)");
        assert_eq!(shapes("SETROPTS RACLIST( PTKTDATA )REFRESH"), "SETROPTS | RACLIST(PTKTDATA) | REFRESH");
        assert_eq!(shapes("X A()"), "X | A()");
        assert_eq!(shapes("X A(B(C) D('E') "), "X | A(B(C) D(E))", "the end closes what is open");
    }

    #[test]
    fn spans_point_at_what_was_written() {
        let text = "PERMIT  IRRPTAUTH.*.* ID( TPXSTC )";
        let command = parse(text).unwrap();
        assert_eq!(&text[command.operands[0].span.clone()], "IRRPTAUTH.*.*");
        assert_eq!(&text[command.operands[1].whole.clone()], "ID( TPXSTC )");
        assert_eq!(&text[command.operands[1].inner.as_ref().unwrap()[0].span.clone()], "TPXSTC");
    }

    #[test]
    fn comments_are_found_where_commands_have_them() {
        for (text, found) in [
            ("A /* B */ 'C /* D */' E/F/*G*/", ["/* B */", "/*G*/"].as_slice()),
            ("'it''s /*' /* X", &["/* X"]),
            ("/*/ */ 'X", &["/*/ */"]),
            ("/*", &["/*"]),
            ("/* \u{e4}", &["/* \u{e4}"]),
            ("A / * '", &[]),
        ] {
            let comments: Vec<&str> = comments(text).into_iter().map(|at| &text[at]).collect();
            assert_eq!(comments, found, "{text}");
        }
    }

    #[test]
    fn what_is_no_command_says_where_and_what_was_expected() {
        for (text, at, expected) in [
            ("", 0, "a command"),
            ("RLIST A)", 7, "an operand"),
            ("X APPLDATA('NO", 14, "a closing apostrophe"),
            ("X /* Y", 4, "the end of the comment"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.expected.contains(expected), "{text}: {error:?}");
            assert_eq!(error.at, at, "{text}: {error:?}");
        }
    }
}
