//! What a command is, and what a keyword: rows of the one table that reading, covering, completing and explaining use. The
//! rows themselves stand in [`rows`](super::rows).

use super::operands::Given;
use super::rows::COMMANDS;
use super::{CommandError, Operand, Output, Session};

/// A command.
#[derive(Debug)]
pub struct Verb {
    pub(super) name: &'static str,
    pub(super) short: &'static str,
    /// Whether it can change the database; else it lists only.
    pub(super) changes: bool,
    /// What stands before the keywords.
    pub(super) names: &'static [&'static str],
    /// Whether that may be left out.
    pub(super) optional: bool,
    pub(super) keywords: List,
    pub(super) what: &'static str,
    pub(super) carry_out: fn(&Session<'_>, &Given<'_>) -> Result<Output, CommandError>,
}

/// A keyword of a command.
#[derive(Debug)]
pub struct Keyword {
    name: &'static str,
    takes: Takes,
    what: &'static str,
}

/// What a keyword takes in parentheses.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Takes {
    /// Nothing: it has no parentheses.
    Nothing,
    /// One value of this sort.
    One(&'static str),
    /// One value of this sort, or no parentheses.
    Maybe(&'static str),
    /// One value of this sort at least.
    Several(&'static str),
    /// A key or a password: typed, or named by `@secret:NAME` or `@file:PATH`. It is shown nowhere.
    Secret(&'static str),
    /// Keywords of its own.
    Keywords(List),
}

/// Keywords, in parts that several lists have in common.
pub(super) type List = &'static [&'static [Keyword]];

impl Verb {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The short name RACF has for it.
    #[must_use]
    pub const fn short_name(&self) -> &'static str {
        self.short
    }

    /// What it does.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// Whether it can change the database.
    pub(super) const fn changes(&self) -> bool {
        self.changes
    }

    /// Its keywords.
    pub fn keywords(&self) -> impl Iterator<Item = &'static Keyword> {
        all(self.keywords)
    }

    pub(super) const fn list(&self) -> List {
        self.keywords
    }

    /// The command of this name, or the one that was probably meant.
    pub(super) fn meant(text: &str) -> Option<&'static Self> {
        let word = text.to_ascii_uppercase();
        let exact = COMMANDS.iter().find(|verb| verb.is(&word));
        exact.or_else(|| COMMANDS.iter().find(|verb| strsim::osa_distance(verb.name, &word) <= 2))
    }

    /// How many of the operands of this command are names, when all are there.
    pub(super) fn names_among(&self, operands: &[Operand]) -> usize {
        let left_out = || match operands.first() {
            Some(first) => all(self.keywords).any(|keyword| keyword.name.eq_ignore_ascii_case(&first.text)),
            None => true,
        };
        if self.optional && left_out() { 0 } else { self.names.len() }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.name.eq_ignore_ascii_case(text) || self.short.eq_ignore_ascii_case(text)
    }
}

impl Keyword {
    pub(super) const fn new(name: &'static str, takes: Takes, what: &'static str) -> Self {
        Self { name, takes, what }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it does.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// What it takes in parentheses.
    #[must_use]
    pub const fn takes(&self) -> Takes {
        self.takes
    }

    /// Its own keywords, if it takes some.
    pub fn keywords(&self) -> impl Iterator<Item = &'static Self> {
        all(self.list())
    }

    pub(super) const fn list(&self) -> List {
        match self.takes {
            Takes::Keywords(list) => list,
            _ => &[],
        }
    }
}

pub(super) fn all(list: List) -> impl Iterator<Item = &'static Keyword> {
    list.iter().flat_map(|part| part.iter())
}

/// Whether any keyword of any command, or of another keyword, is such a one.
pub(super) fn any(is: &dyn Fn(&Keyword) -> bool) -> bool {
    fn within(list: List, is: &dyn Fn(&Keyword) -> bool) -> bool {
        all(list).any(|keyword| is(keyword) || within(keyword.list(), is))
    }
    COMMANDS.iter().any(|verb| within(verb.keywords, is))
}

/// The keyword that a word stands for: in full, or abbreviated as far as it is unambiguous.
pub(super) fn lookup(word: &str, list: List) -> Option<&'static Keyword> {
    let word = word.to_ascii_uppercase();
    let mut fitting = all(list).filter(|keyword| !word.is_empty() && keyword.name.starts_with(&word));
    let exact = all(list).find(|keyword| keyword.name == word);
    exact.or_else(|| fitting.next().filter(|_| fitting.next().is_none()))
}

/// The commands, for completion and help.
///
/// ```
/// let permit = icsf_saf::command::verbs().iter().find(|verb| verb.name() == "PERMIT").unwrap();
/// assert!(permit.keywords().any(|keyword| keyword.name() == "ACCESS"));
/// ```
#[must_use]
pub const fn verbs() -> &'static [Verb] {
    COMMANDS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names, and the short names of commands, are words for one thing each.
    #[test]
    fn no_name_stands_twice() {
        fn check(list: List) {
            for keyword in all(list) {
                assert_eq!(all(list).filter(|other| other.name == keyword.name).count(), 1, "{}", keyword.name);
                check(keyword.list());
            }
        }
        for verb in COMMANDS {
            let same = |other: &&Verb| other.is(verb.name) || other.is(verb.short);
            assert_eq!(COMMANDS.iter().filter(same).count(), 1, "{}", verb.name);
            check(verb.keywords);
        }
    }

    #[test]
    fn a_word_stands_for_a_keyword_as_far_as_it_is_unambiguous() {
        let permit = Verb::meant("PE").unwrap();
        let found = |word| lookup(word, permit.list()).map(Keyword::name);
        assert_eq!((found("a"), found("CLASS"), found("")), (Some("ACCESS"), Some("CLASS"), None));
        let ssignon = lookup("SSIGNON", Verb::meant("RDEFINE").unwrap().list()).unwrap();
        let found = |word| lookup(word, ssignon.list()).map(Keyword::name);
        assert_eq!((found("K"), found("KEYM")), (None, Some("KEYMASKED")));
    }
}
