//! Where a drill file says secrets: by reference, and nowhere itself.

use std::ops::Range;

use icsf_saf::command::shows_secret;
use toml::Spanned;

use crate::file::DrillFile;

/// What is wrong, where, and what to write.
pub(crate) type Wrong = (String, Range<usize>, &'static str);

/// Keys and passwords that are written down, references to secrets there are none of, and operands that are more than one.
/// `inline`: they may be written down.
pub(crate) fn wrong(file: &DrillFile, inline: bool) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let values = file.key.iter().filter_map(|key| key.value.as_ref());
    let values = values.chain(file.realm.iter().filter_map(|realm| realm.password.as_ref()));
    for reference in values.chain(file.user.iter().filter_map(|user| user.password.as_ref())) {
        if !inline || reference.get_ref().starts_with('@') {
            wrong.extend(referred(file, reference.get_ref(), reference.span()));
        }
    }
    for operand in file.profile.iter().flat_map(|profile| &profile.ssignon) {
        wrong.extend(wrong_operand(file, operand, inline));
    }
    wrong
}

/// What is wrong with an operand of SSIGNON.
pub(crate) fn wrong_operand(file: &DrillFile, operand: &Spanned<String>, inline: bool) -> Vec<Wrong> {
    let (text, at) = (operand.get_ref(), operand.span());
    let mut wrong = Vec::new();
    if !inline && (typed(text) || typed(&format!("RDEFINE A B SSIGNON({text})"))) {
        let hint = "write KEYMASKED(@secret:NAME), and NAME in [secrets]";
        wrong.push(("a key is not written in a drill file".to_owned(), at, hint));
    } else if let Some(inner) = inner(text) {
        if inner.starts_with('@') {
            wrong.extend(referred(file, inner, at));
        }
    } else {
        let hint = "each by itself, as in [\"KEYMASKED(@secret:NAME)\", \"TYPE(UPPER)\"]";
        wrong.push((format!("{text:?} is no operand of SSIGNON"), at, hint));
    }
    wrong
}

/// Whether a command has a key or password in it.
pub(crate) fn typed(command: &str) -> bool {
    shows_secret(command)
}

/// What stands in the parentheses of an operand; nothing where it has none. `None` where it is not one operand.
fn inner(operand: &str) -> Option<&str> {
    let (word, rest) = operand.split_once('(').map_or((operand, None), |(word, rest)| (word, Some(rest)));
    let inner = rest.map_or(Some(""), |rest| rest.strip_suffix(')'))?.trim();
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_word && !inner.contains(['(', ')', '\''])).then_some(inner)
}

fn referred(file: &DrillFile, reference: &str, at: Range<usize>) -> Option<Wrong> {
    match reference.strip_prefix("@secret:") {
        Some(name) if file.secrets.contains_key(name) => None,
        Some(_) => Some((format!("there is no secret {reference:?}"), at, "name it in [secrets]")),
        None => {
            let hint = "write @secret:NAME, and NAME in [secrets]";
            Some(("a secret is not written in a drill file".to_owned(), at, hint))
        }
    }
}
