//! Lines of a command list, and their words: `NAME` or `NAME(value)`.

use zeroize::Zeroizing;

/// A line, its continuations joined, without comments.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The first line of the file it comes from, counted from 1.
    pub(super) number: u64,
    pub(super) words: Vec<Word<'a>>,
}

/// A word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    /// Where it begins in its line, counted from 1.
    pub(super) column: usize,
    pub(super) name: &'a str,
    /// What stands in parentheses after it.
    pub(super) value: Option<&'a str>,
}

impl Word<'_> {
    pub(super) fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }

    /// Whether it is one of these names with this value.
    pub(super) fn is_with(&self, names: &[&str], value: &str) -> bool {
        self.is(names) && self.value.is_some_and(|found| found.trim().eq_ignore_ascii_case(value))
    }
}

/// The lines of a list, each with where it begins. A line goes on in the next while a parenthesis is open, or when it ends
/// in a blank and a `-` or `+`.
pub(super) fn joined(text: &str) -> Vec<(u64, Zeroizing<String>)> {
    let mut joined = Vec::new();
    let mut parts: Vec<&str> = Vec::new();
    let mut open = 0_usize;
    let mut lines = (1..).zip(text.lines()).peekable();
    while let Some((number, line)) = lines.next() {
        let line = line.trim_end();
        let (line, goes_on) = match line.strip_suffix(['-', '+']) {
            Some(rest) if rest.ends_with(' ') => (rest, true),
            _ => (line, false),
        };
        let count = |c| line.matches(c).count();
        open = (open + count('(')).saturating_sub(count(')'));
        parts.push(line);
        if !(goes_on || open > 0) || lines.peek().is_none() {
            // Wiped when it is dropped, and of its size from the start: a list has keys, and what grows leaves copies.
            let size = parts.iter().map(|part| part.len() + 1).sum();
            let mut whole = Zeroizing::new(String::with_capacity(size));
            for part in &parts {
                whole.push_str(part);
                whole.push(' ');
            }
            joined.push((number + 1 - count_of(&parts), whole));
            parts.clear();
            open = 0;
        }
    }
    joined
}

fn count_of(parts: &[&str]) -> u64 {
    u64::try_from(parts.len()).unwrap_or(u64::MAX)
}

/// The words of a line; comments are left out.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(comment) = rest.strip_prefix("/*") {
            at = comment.find("*/").map_or(text.len(), |end| at + end + 4);
            continue;
        }
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() || first == ',' || first == ')' {
            at += first.len_utf8();
            continue;
        }
        let name = rest.split([' ', '\t', ',', '(', ')']).next().unwrap_or_default();
        let after = rest.get(name.len()..).unwrap_or_default();
        let value = after.strip_prefix('(').map(|inner| inner.get(..closing(inner)).unwrap_or_default());
        words.push(Word { column: text.get(..at).unwrap_or_default().chars().count() + 1, name, value });
        at += name.len() + value.map_or(0, |value| value.len() + 2);
    }
    words
}

/// Where the parenthesis that is open before a text is closed.
fn closing(text: &str) -> usize {
    let mut open = 1_usize;
    let end = text.char_indices().find(|(_, c)| {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        open == 0
    });
    end.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_values_and_places() {
        let found = words("RECKEY IRRPTAUTH ADD(A.- UID(X)) /* note (1 */ LAST(");
        let found: Vec<_> = found.iter().map(|word| (word.column, word.name, word.value)).collect();
        let expected =
            [(1, "RECKEY", None), (8, "IRRPTAUTH", None), (18, "ADD", Some("A.- UID(X)")), (48, "LAST", Some(""))];
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_joined() {
        let found: Vec<_> =
            joined("A -\nB\nC(D\nE)\nF.-\nG").into_iter().map(|(n, text)| (n, text.to_string())).collect();
        let expected = [(1, "A  B "), (3, "C(D E) "), (5, "F.- "), (6, "G ")].map(|(n, text)| (n, text.to_owned()));
        assert_eq!(found, expected);
    }
}
