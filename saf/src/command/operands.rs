//! Keywords: abbreviated as far as they are unambiguous, each at most once.

use std::collections::{BTreeMap, BTreeSet};

use super::CommandError;
use super::cover::is_like_a_key;
use super::syntax::Operand;

/// The keywords of a command, found.
pub(super) struct Keywords<'a> {
    found: BTreeMap<&'static str, &'a Operand>,
}

impl<'a> Keywords<'a> {
    /// Sorts operands by the keywords a command knows.
    pub(super) fn read(operands: &'a [Operand], known: &[&'static str]) -> Result<Self, CommandError> {
        let mut found = BTreeMap::new();
        for operand in operands {
            let keyword = recognize(operand, known)?;
            if found.insert(keyword, operand).is_some() {
                return Err(CommandError::at(format!("{keyword} stands there twice"), operand));
            }
        }
        Ok(Self { found })
    }

    /// The operand of a keyword, if it is there.
    pub(super) fn get(&self, keyword: &str) -> Option<&'a Operand> {
        self.found.get(keyword).copied()
    }

    /// Whether a keyword without value is there.
    pub(super) fn has(&self, keyword: &str) -> Result<bool, CommandError> {
        match self.get(keyword) {
            None => Ok(false),
            Some(operand) if operand.inner.is_none() => Ok(true),
            Some(operand) => Err(CommandError::at(format!("{keyword} takes no value"), operand)),
        }
    }

    /// The one value of a keyword, if it is there.
    pub(super) fn value(&self, keyword: &'static str) -> Result<Option<&'a Operand>, CommandError> {
        self.get(keyword).map(|operand| one(keyword, operand)).transpose()
    }

    /// The values of a keyword, if it is there: one at least.
    pub(super) fn values(&self, keyword: &'static str) -> Result<Option<&'a [Operand]>, CommandError> {
        self.get(keyword)
            .map(|operand| match operand.inner.as_deref() {
                Some(values @ [_, ..]) => Ok(values),
                _ => Err(CommandError::at(format!("{keyword} needs a value"), operand).hint(format!("{keyword}(...)"))),
            })
            .transpose()
    }

    /// Refuses two keywords that exclude each other.
    pub(super) fn exclusive(&self, group: &[&str]) -> Result<(), CommandError> {
        let mut there: Vec<_> = group.iter().filter_map(|keyword| Some((keyword, self.get(keyword)?))).collect();
        there.sort_by_key(|(_, operand)| operand.span.start);
        match there.as_slice() {
            [(first, _), (second, operand), ..] => {
                Err(CommandError::at(format!("{first} and {second} exclude each other"), operand))
            }
            _ => Ok(()),
        }
    }
}

/// The keyword an operand means.
fn recognize(operand: &Operand, known: &[&'static str]) -> Result<&'static str, CommandError> {
    let word = operand.text.to_ascii_uppercase();
    if word.is_empty() {
        return Err(CommandError::at("a keyword was expected before the parenthesis", operand)
            .hint("no blank between a keyword and its parenthesis"));
    }
    if let Some(exact) = known.iter().find(|keyword| **keyword == word) {
        return Ok(exact);
    }
    let fitting: Vec<&'static str> = known.iter().copied().filter(|keyword| keyword.starts_with(&word)).collect();
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => {
            let near = known.iter().filter(|keyword| strsim::osa_distance(keyword, &word) <= 2).min();
            let hint = near.map_or_else(|| format!("one of {}", known.join(", ")), |near| format!("{near}?"));
            // Repeated only when it is nearly a keyword: it may be a key or password in the wrong place.
            let what = near.map_or("this", |_| operand.text.as_str());
            Err(CommandError::at(format!("{what} is no operand of this command"), operand).hint(hint))
        }
        several => {
            let what = format!("{:?} can mean {}", operand.text, several.join(" or "));
            Err(CommandError::at(what, operand).hint("write more of it"))
        }
    }
}

/// The one value in the parentheses of an operand.
pub(super) fn one<'a>(keyword: &str, operand: &'a Operand) -> Result<&'a Operand, CommandError> {
    match operand.inner.as_deref() {
        Some([value]) if value.inner.is_none() => Ok(value),
        Some([_, second, ..]) => Err(CommandError::at(format!("{keyword} takes one value"), second)),
        _ => Err(CommandError::at(format!("{keyword} needs a value"), operand).hint(format!("{keyword}(...)"))),
    }
}

/// The text of a value: installation data and the like.
pub(super) fn text_of(keyword: &str, value: &Operand) -> Result<String, CommandError> {
    if value.text.len() > 255 {
        return Err(CommandError::at(format!("{keyword} has at most 255 characters"), value));
    }
    Ok(value.text.clone())
}

/// A value as it may be repeated: not at all when it is a key in the wrong place.
pub(super) fn quoted(value: &Operand) -> String {
    if is_like_a_key(&value.text) { "this key".to_owned() } else { format!("{:?}", value.text) }
}

/// A value read as something.
pub(super) fn parsed<T: std::str::FromStr<Err = E>, E: ToString>(value: &Operand) -> Result<T, CommandError> {
    if value.inner.is_some() {
        return Err(CommandError::at("there is nothing to be said of this in parentheses", value));
    }
    value.text.parse().map_err(|error: E| {
        let what = if is_like_a_key(&value.text) {
            "this is a key, and none belongs here".to_owned()
        } else {
            error.to_string()
        };
        CommandError::at(what, value)
    })
}

/// Operands that stand before the keywords: this many, or what is missing.
pub(super) fn positional<'a, const N: usize>(
    operands: &'a [Operand],
    names: [&str; N],
    end: usize,
) -> Result<([&'a Operand; N], &'a [Operand]), CommandError> {
    let found = operands.split_first_chunk::<N>().map(|(first, rest)| (first.each_ref(), rest));
    found.ok_or_else(|| {
        let missing = names.get(operands.len()).copied().unwrap_or_default();
        CommandError::at_span(format!("{missing} is missing"), end..end).hint(missing)
    })
}

/// One word, or the words of a list.
pub(super) fn each(operand: &Operand) -> Vec<&Operand> {
    match (&operand.text, &operand.inner) {
        (text, Some(list)) if text.is_empty() => list.iter().collect(),
        _ => vec![operand],
    }
}

/// The same, read as something; none may stand there twice.
pub(super) fn distinct<T: std::str::FromStr<Err = E> + Ord + Clone, E: ToString>(
    operand: &Operand,
) -> Result<Vec<(T, &Operand)>, CommandError> {
    let mut seen = BTreeSet::new();
    let read = |value| {
        let name: T = parsed(value)?;
        if !seen.insert(name.clone()) {
            let what = if is_like_a_key(&value.text) { "this key" } else { value.text.as_str() };
            return Err(CommandError::at(format!("{what} stands there twice"), value));
        }
        Ok((name, value))
    };
    let all: Vec<_> = each(operand).into_iter().map(read).collect::<Result<_, _>>()?;
    if all.is_empty() {
        return Err(CommandError::at("the list is empty", operand));
    }
    Ok(all)
}
