//! Reads tables so that every mistake in them is found at once.
//!
//! A reader stops at the first thing it does not take. So what it did not take is taken for what was probably meant, or else
//! is taken away, and it reads again: until it has read the rest, or the rest lacks something.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeValue, ValueDeserializer};

use crate::error::{Mistake, Source};
use crate::tree;

/// More than anybody mends at once.
const MOST: usize = 50;

/// A mistake, before it is known in which file.
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) at: Option<Range<usize>>,
    pub(crate) hint: Option<String>,
}

/// What could be read, and what could not.
pub(crate) struct Found<T> {
    pub(crate) value: Option<T>,
    pub(crate) wrong: Vec<Wrong>,
}

/// Reads a whole file.
pub(crate) fn file<'a, T: Deserialize<'a>>(source: &Source<'a>) -> (Option<T>, Vec<Mistake>) {
    let mistake = |wrong: Wrong| {
        let mistake = Mistake::new(source, wrong.what, wrong.at);
        match wrong.hint {
            Some(hint) => mistake.hint(hint),
            None => mistake,
        }
    };
    let table = match tree::parse(source.text) {
        Ok(table) => table,
        Err(wrong) => return (None, vec![mistake(wrong)]),
    };
    let span = table.span();
    let found = all(Spanned::new(span, DeValue::Table(table.into_inner())));
    (found.value, found.wrong.into_iter().map(mistake).collect())
}

/// Reads a table, again and again. The value is there if nothing but single keys was wrong.
pub(crate) fn all<'a, T: Deserialize<'a>>(mut table: Spanned<DeValue<'a>>) -> Found<T> {
    let mut found = Found { value: None, wrong: Vec::new() };
    // What is missing because it was taken away is no mistake of its own.
    let mut taken: Vec<String> = Vec::new();
    let mut whole = true;
    while found.wrong.len() < MOST {
        let error = match T::deserialize(ValueDeserializer::from(table.clone())) {
            Ok(value) => {
                found.value = Some(value).filter(|_| whole);
                break;
            }
            Err(error) => error,
        };
        let what = error.message().to_owned();
        let missing = quoted(&what).filter(|_| what.starts_with("missing field"));
        if !missing.is_some_and(|name| taken.iter().any(|key| key == name)) {
            let wrong = Wrong { hint: meant(&what).map(|name| format!("{name}?")), what, at: error.span() };
            let again = found.wrong.iter().any(|old: &Wrong| old.what == wrong.what && old.at == wrong.at);
            if again {
                break;
            }
            found.wrong.push(wrong);
        }
        let (Some(at), is_missing) = (error.span(), error.message().starts_with("missing field")) else { break };
        if let Some(name) = meant(error.message())
            && take_for(&mut table, &at, &name)
        {
            continue;
        }
        whole &= !is_missing;
        match take_away(&mut table, &at) {
            Some(key) => taken.push(key),
            None => break,
        }
    }
    found
}

/// Takes a misspelt key, or a misspelt word that is a value, for the right one; whether that was possible.
fn take_for(value: &mut Spanned<DeValue<'_>>, at: &Range<usize>, name: &str) -> bool {
    let here = value.span() == *at;
    match value.get_mut() {
        DeValue::Table(table) => {
            if let Some(key) = table.keys().find(|key| key.span() == *at).cloned() {
                // Both are there: the misspelt one is one too many.
                return !table.contains_key(name)
                    && table.remove(key.get_ref().as_ref()).is_some_and(|value| {
                        table.insert(Spanned::new(key.span(), name.to_owned().into()), value);
                        true
                    });
            }
            table.iter_mut().any(|(_, value)| take_for(value, at, name))
        }
        DeValue::Array(values) => values.iter_mut().any(|value| take_for(value, at, name)),
        DeValue::String(text) if here => {
            *text = name.to_owned().into();
            true
        }
        _ => false,
    }
}

/// Takes away the key a mistake is at; or, where something is missing, what it is missing in. Answers what it was.
fn take_away(value: &mut Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<String> {
    let within = |outer: Range<usize>| outer.start <= at.start && at.end <= outer.end;
    match value.get_mut() {
        DeValue::Table(table) => {
            let place = table.iter().find(|(key, value)| within(key.span()) || holds(value, at));
            let name = place.map(|(key, _)| key.get_ref().to_string())?;
            let deeper =
                table.get_mut(name.as_str()).filter(|value| holds(value, at)).and_then(|value| take_away(value, at));
            deeper.or_else(|| table.remove(name.as_str()).map(|_| name))
        }
        DeValue::Array(values) => {
            let n = values.iter().position(|value| holds(value, at))?;
            let deeper = values.get_mut(n).and_then(|value| take_away(value, at));
            if deeper.is_some() || !matches!(values.get(n).map(Spanned::get_ref), Some(DeValue::Table(_))) {
                return deeper;
            }
            let rest = std::mem::replace(values, DeArray::new()).into_iter().enumerate().filter(|(at, _)| *at != n);
            rest.for_each(|(_, value)| values.push(value));
            Some(String::new())
        }
        _ => None,
    }
}

/// Whether a place lies in a value. The tables of `[[step]]` are written in parts, so what is in them counts.
fn holds(value: &Spanned<DeValue<'_>>, at: &Range<usize>) -> bool {
    let span = value.span();
    let inner = match value.get_ref() {
        DeValue::Table(table) => table.iter().any(|(key, value)| {
            let key = key.span();
            (key.start <= at.start && at.end <= key.end) || holds(value, at)
        }),
        DeValue::Array(values) => values.iter().any(|value| holds(value, at)),
        _ => false,
    };
    inner || (span.start <= at.start && at.end <= span.end)
}

/// The first word in backquotes.
fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// The word that was probably meant, of a message that says which there are.
fn meant(what: &str) -> Option<String> {
    let (wrong, expected) = what.split_once(", expected ")?;
    let wrong = quoted(wrong)?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    nearest(wrong, &known).map(str::to_owned)
}

/// The name that is nearest, if it is near.
pub(crate) fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let distance = |other: &&&str| strsim::osa_distance(&other.to_lowercase(), &name.to_lowercase());
    names.iter().min_by_key(distance).filter(|nearest| distance(nearest) <= 2).copied()
}

/// The name that was probably meant, or all there are.
pub(crate) fn near(name: &str, names: &[&str]) -> String {
    match nearest(name, names) {
        Some(nearest) => format!("{nearest}?"),
        None if names.is_empty() => "none is defined".to_owned(),
        None => format!("one of {}", names.join(", ")),
    }
}
