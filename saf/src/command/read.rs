//! Reads a command: its syntax, and then, by the table of commands, which parentheses are whose.

use super::syntax::{self, Command, Operand, SyntaxError};
use super::table::{List, Takes, Verb, lookup};

/// Reads one command. Continuation marks must have been taken out: see [`join`](super::join).
///
/// A keyword that takes a value may have blanks before its parenthesis. That it is one, only the table tells: of
/// `RDELETE PTKTDATA (A B)`, the list is the second name.
///
/// Source: z/OS TSO/E Programming Services, subfields associated with keyword operands.
pub(super) fn read(text: &str) -> Result<Command, SyntaxError> {
    let mut command = syntax::parse(text)?;
    if let Some(verb) = Verb::meant(&command.verb.text) {
        let names = verb.names_among(&command.operands).min(command.operands.len());
        let keywords = command.operands.split_off(names);
        command.operands.extend(attached(keywords, Words::Keywords(verb.list())));
    }
    Ok(command)
}

/// What words in parentheses are.
#[derive(Clone, Copy)]
enum Words {
    /// Keywords of a list.
    Keywords(List),
    /// Values, each of which may have something in parentheses: `SUCCESS (READ)`.
    Values,
    /// Something else.
    Others,
}

impl Words {
    /// What stands in the parentheses of a word; nothing where it has none.
    fn within(self, word: &str) -> Option<Self> {
        match self {
            Self::Keywords(list) => match lookup(word, list)?.takes() {
                Takes::Nothing => None,
                Takes::Keywords(list) => Some(Self::Keywords(list)),
                Takes::Several(_) => Some(Self::Values),
                Takes::One(_) | Takes::Maybe(_) | Takes::Secret(_) => Some(Self::Others),
            },
            Self::Values if !word.is_empty() => Some(Self::Others),
            Self::Values | Self::Others => None,
        }
    }
}

/// The operands, with each list that stands alone in the parentheses of the word before it, where that takes some.
fn attached(operands: Vec<Operand>, words: Words) -> Vec<Operand> {
    let mut out: Vec<Operand> = Vec::with_capacity(operands.len());
    for operand in operands {
        let is_list = operand.text.is_empty() && operand.inner.is_some();
        match out.last_mut() {
            Some(last) if is_list && last.inner.is_none() && words.within(&last.text).is_some() => {
                (last.inner, last.whole.end) = (operand.inner, operand.whole.end);
            }
            _ => out.push(operand),
        }
    }
    for operand in &mut out {
        if let (Some(inner), Some(within)) = (&mut operand.inner, words.within(&operand.text)) {
            *inner = attached(std::mem::take(inner), within);
        }
    }
    out
}
