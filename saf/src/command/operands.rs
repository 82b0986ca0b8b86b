//! What stands in a command: names, then keywords, abbreviated as far as they are unambiguous, each at most once, and with
//! the values that the table says.

use std::collections::{BTreeMap, BTreeSet};

use super::CommandError;
use super::syntax::{Command, Operand};
use super::table::{Keyword, List, Takes, Verb, all, lookup};

/// The names and keywords of a command.
pub(super) struct Given<'a> {
    names: &'a [Operand],
    pub(super) keywords: Keywords<'a>,
}

impl<'a> Given<'a> {
    /// Sorts the operands of a command.
    pub(super) fn read(verb: &Verb, command: &'a Command) -> Result<Self, CommandError> {
        let operands = command.operands.as_slice();
        let Some((names, rest)) = operands.split_at_checked(verb.names_among(operands)) else {
            let missing = verb.names.get(operands.len()).copied().unwrap_or_default();
            let end = command.end;
            return Err(CommandError::at_span(format!("{missing} is missing"), end..end).hint(missing));
        };
        Ok(Self { names, keywords: Keywords::read(rest, verb.list())? })
    }

    /// The names, of which the table of commands promises so many.
    pub(super) fn names<const N: usize>(&self) -> Result<[&'a Operand; N], CommandError> {
        let names: &[Operand; N] =
            self.names.try_into().map_err(|_other_count| CommandError::new("names are missing"))?;
        Ok(names.each_ref())
    }

    /// The name, where it may be left out.
    pub(super) fn name(&self) -> Option<&'a Operand> {
        self.names.first()
    }
}

/// The keywords of a command, found.
pub(super) struct Keywords<'a> {
    found: BTreeMap<&'static str, (&'static Keyword, &'a Operand)>,
}

impl<'a> Keywords<'a> {
    /// Sorts operands by the keywords of a list.
    fn read(operands: &'a [Operand], list: List) -> Result<Self, CommandError> {
        let mut found = BTreeMap::new();
        let mut recognized = Vec::with_capacity(operands.len());
        for operand in operands {
            let keyword = recognize(operand, list)?;
            if found.insert(keyword.name(), (keyword, operand)).is_some() {
                return Err(CommandError::at(format!("{} stands there twice", keyword.name()), operand));
            }
            recognized.push((keyword, operand));
        }
        recognized.into_iter().try_for_each(|(keyword, operand)| fits(keyword, operand))?;
        let keywords = Self { found };
        for name in keywords.found.keys() {
            if let Some(on) = name.strip_prefix("NO") {
                keywords.exclusive(&[on, name])?;
            }
        }
        Ok(keywords)
    }

    /// The operand of a keyword, if it is there.
    pub(super) fn get(&self, keyword: &str) -> Option<&'a Operand> {
        self.found.get(keyword).map(|(_, operand)| *operand)
    }

    /// Whether a keyword is there.
    pub(super) fn has(&self, keyword: &str) -> bool {
        self.found.contains_key(keyword)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The values of a keyword, if it is there.
    pub(super) fn values(&self, keyword: &str) -> Option<&'a [Operand]> {
        self.get(keyword).map(|operand| operand.inner.as_deref().unwrap_or_default())
    }

    /// The one value of a keyword, if it is there.
    pub(super) fn value(&self, keyword: &str) -> Option<&'a Operand> {
        self.values(keyword)?.first()
    }

    /// The one value of a keyword, if it is there, read as something.
    pub(super) fn parsed<T: std::str::FromStr<Err = E>, E: ToString>(
        &self,
        keyword: &str,
    ) -> Result<Option<T>, CommandError> {
        self.value(keyword).map(parsed).transpose()
    }

    /// The keywords within a keyword, if it is there.
    pub(super) fn within(&self, keyword: &str) -> Result<Option<Self>, CommandError> {
        let Some((keyword, operand)) = self.found.get(keyword) else { return Ok(None) };
        Self::read(operand.inner.as_deref().unwrap_or_default(), keyword.list()).map(Some)
    }

    /// What a keyword sets: `None` where neither it nor its opposite is there, `Some(None)` where the opposite is.
    pub(super) fn setting<T>(
        &self,
        keyword: &str,
        off: &str,
        read: impl FnOnce(&'a Operand) -> Result<T, CommandError>,
    ) -> Result<Option<Option<T>>, CommandError> {
        match self.value(keyword) {
            Some(value) => read(value).map(|value| Some(Some(value))),
            None => Ok(self.has(off).then_some(None)),
        }
    }

    /// Whether a keyword or its opposite is there: yes, no, or neither.
    pub(super) fn switch(&self, on: &str, off: &str) -> Option<bool> {
        if self.has(on) { Some(true) } else { self.has(off).then_some(false) }
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
fn recognize(operand: &Operand, list: List) -> Result<&'static Keyword, CommandError> {
    let word = operand.text.to_ascii_uppercase();
    if word.is_empty() {
        return Err(CommandError::at("a keyword that takes a value was expected before the parenthesis", operand));
    }
    if let Some(keyword) = lookup(&word, list) {
        return Ok(keyword);
    }
    let names = || all(list).map(Keyword::name);
    let fitting: Vec<&str> = names().filter(|name| name.starts_with(&word)).collect();
    if !fitting.is_empty() {
        let what = format!("{:?} can mean {}", operand.text, fitting.join(" or "));
        return Err(CommandError::at(what, operand).hint("write more of it"));
    }
    let near = names().filter(|name| strsim::osa_distance(name, &word) <= 2).min();
    let hint = match near {
        Some(near) => format!("{near}?"),
        None if list.is_empty() => "nothing more".to_owned(),
        None => format!("one of {}", names().collect::<Vec<_>>().join(", ")),
    };
    // Repeated only when it is nearly a keyword: it may be a key or password in the wrong place.
    let what = near.map_or("this", |_| operand.text.as_str());
    Err(CommandError::at(format!("{what} is no operand of this command"), operand).hint(hint))
}

/// That in the parentheses of an operand there is what its keyword takes.
fn fits(keyword: &Keyword, operand: &Operand) -> Result<(), CommandError> {
    let name = keyword.name();
    match (keyword.takes(), operand.inner.as_deref()) {
        (Takes::Nothing, Some(_)) => Err(CommandError::at(format!("{name} takes no value"), operand)),
        (Takes::One(_) | Takes::Secret(_), _) | (Takes::Maybe(_), Some(_)) => one(name, operand).map(drop),
        (Takes::Several(_), None | Some([])) => Err(needs_a_value(name, operand)),
        _ => Ok(()),
    }
}

/// The one value in the parentheses of an operand.
fn one<'a>(keyword: &str, operand: &'a Operand) -> Result<&'a Operand, CommandError> {
    match operand.inner.as_deref() {
        Some([value]) if value.inner.is_none() => Ok(value),
        Some([_, second, ..]) => Err(CommandError::at(format!("{keyword} takes one value"), second)),
        _ => Err(needs_a_value(keyword, operand)),
    }
}

fn needs_a_value(keyword: &str, operand: &Operand) -> CommandError {
    CommandError::at(format!("{keyword} needs a value"), operand).hint(format!("{keyword}(...)"))
}

/// The text of a value: installation data and the like.
pub(super) fn text_of(keyword: &str, value: &Operand) -> Result<String, CommandError> {
    if value.text.chars().count() > 255 {
        return Err(CommandError::at(format!("{keyword} has at most 255 characters"), value));
    }
    if value.text.chars().any(|c| c.is_control() || u32::from(c) > 0xff) {
        return Err(CommandError::at(format!("{keyword} has a character that is none of code page 1047"), value));
    }
    Ok(value.text.clone())
}

/// A number between two others.
pub(super) fn number(keyword: &str, value: &Operand, least: u32, most: u32) -> Result<u32, CommandError> {
    let digits = Some(value.text.as_str()).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok()).filter(|number| (least..=most).contains(number));
    let wrong =
        || CommandError::at(format!("{} is no {keyword}", quoted(value)), value).hint(format!("{least} to {most}"));
    number.ok_or_else(wrong)
}

pub(super) fn yes_or_no(value: &Operand) -> Result<bool, CommandError> {
    match value.text.to_ascii_uppercase().as_str() {
        "YES" => Ok(true),
        "NO" => Ok(false),
        _ => Err(CommandError::at(format!("{} is neither YES nor NO", quoted(value)), value).hint("YES or NO")),
    }
}

/// A value as it is repeated in an error, where one that is like a key is [covered](super::cover::without_keys).
pub(super) fn quoted(value: &Operand) -> String {
    format!("{:?}", value.text)
}

/// A value read as something.
pub(super) fn parsed<T: std::str::FromStr<Err = E>, E: ToString>(value: &Operand) -> Result<T, CommandError> {
    if value.inner.is_some() {
        return Err(CommandError::at("there is nothing to be said of this in parentheses", value));
    }
    value.text.parse().map_err(|error: E| CommandError::at(error.to_string(), value))
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
            return Err(CommandError::at(format!("{} stands there twice", value.text), value));
        }
        Ok((name, value))
    };
    let all: Vec<_> = each(operand).into_iter().map(read).collect::<Result<_, _>>()?;
    if all.is_empty() {
        return Err(CommandError::at("the list is empty", operand));
    }
    Ok(all)
}
