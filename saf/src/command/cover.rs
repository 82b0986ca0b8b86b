//! Covers keys and passwords in the text of a command, so that an error can show where it is.
//!
//! What is known to be no secret is shown: verbs, names, keywords, the values of keywords that take something else. What
//! stands where it should not may be a secret in the wrong place, and is covered.

use super::syntax::{self, Command, Operand, Span};

/// Keywords whose value is a key or a password.
const SECRET: [&str; 3] = ["KEYMASKED", "KEYENCRYPTED", "PASSWORD"];

/// Keywords whose values are shown. SSIGNON is none: what is in it is looked at keyword by keyword.
const SHOWN: [&str; 20] = [
    "OWNER",
    "UACC",
    "APPLDATA",
    "DATA",
    "KEYLABEL",
    "EPTKEYLABEL",
    "TYPE",
    "TIMEOUT",
    "REPLAY",
    "CLASS",
    "ID",
    "ACCESS",
    "NAME",
    "DFLTGRP",
    "CLASSACT",
    "NOCLASSACT",
    "RACLIST",
    "NORACLIST",
    "GENERIC",
    "NOGENERIC",
];

/// Keywords without value.
const BARE: [&str; 12] = [
    "ALL",
    "AUTHUSER",
    "NOAPPLDATA",
    "NODATA",
    "NOSSIGNON",
    "NOPASSWORD",
    "NORACF",
    "SSIGNON",
    "REVOKE",
    "RESUME",
    "DELETE",
    "REFRESH",
];

/// Whether a word may be meant as a keyword for a secret: abbreviated, or mistyped.
fn announces_secret(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    let exact = SHOWN.contains(&word.as_str()) || word == "NOPASSWORD";
    !word.is_empty()
        && !exact
        && SECRET.iter().any(|keyword| keyword.starts_with(&word) || strsim::osa_distance(keyword, &word) <= 2)
}

fn is_shown(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    !word.is_empty() && SHOWN.iter().any(|keyword| keyword.starts_with(&word)) && !announces_secret(&word)
}

/// Whether a word is a keyword, abbreviated or mistyped: what else stands there is no keyword.
fn is_keyword(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    let mut known = SHOWN.iter().chain(&SECRET).chain(&BARE);
    word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && known.any(|keyword| keyword.starts_with(&word) || strsim::osa_distance(keyword, &word) <= 2)
}

/// Whether a text could be meant as a key: most of it hexadecimal digits, and of these nearly as many as a key has.
pub(super) fn is_like_a_key(text: &str) -> bool {
    let (all, digits) = (text.len(), text.bytes().filter(u8::is_ascii_hexdigit).count());
    digits >= 12 && 5 * digits >= 4 * all
}

/// Whether a key or a password is typed in this command, rather than named: such a command must not be repeated where
/// others read.
///
/// ```
/// use icsf_saf::command::shows_secret;
/// assert!(shows_secret("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(E001193519561977))"));
/// assert!(!shows_secret("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(@file:a.key))"));
/// assert!(!shows_secret("SETROPTS PASSWORD(MIXEDCASE)"));
/// ```
#[must_use]
pub fn shows_secret(command: &str) -> bool {
    fn typed(operands: &[Operand]) -> bool {
        operands.iter().any(|operand| {
            let inner = operand.inner.as_deref().unwrap_or_default();
            let secret = announces_secret(&operand.text) && inner.iter().any(|value| !value.text.starts_with('@'));
            secret || is_like_a_key(&operand.text) || typed(inner)
        })
    }
    match syntax::parse(command) {
        Ok(read) => !sets_options(&read) && typed(&read.operands),
        Err(_) => {
            let folded = command.to_ascii_uppercase();
            SECRET.iter().any(|keyword| folded.contains(keyword.split_at(4).0))
        }
    }
}

/// In SETROPTS, PASSWORD is an option of the whole system and no secret.
fn sets_options(command: &Command) -> bool {
    ["SETROPTS", "SETR"].contains(&command.verb.text.to_ascii_uppercase().as_str())
}

/// The text of a command that was read, with what may be secret in it covered.
/// `names` of its operands stand before the keywords.
pub(super) fn read(text: &str, command: &Command, names: usize) -> String {
    let mut places = Vec::new();
    look(std::slice::from_ref(&command.verb), 1, false, &mut places);
    look(&command.operands, names, announces_secret(&command.verb.text), &mut places);
    cover(text, |at| places.iter().any(|place| place.contains(&at)))
}

/// `names`: how many operands at the front are names and not keywords; `announced`: that the first one may be a secret.
fn look(operands: &[Operand], names: usize, mut announced: bool, places: &mut Vec<Span>) {
    for (number, operand) in operands.iter().enumerate() {
        let word = operand.text.as_str();
        let named = number < names;
        let in_parentheses = operand.span.end..operand.whole.end;
        if is_like_a_key(word) || (announced && !word.starts_with('@')) {
            places.push(operand.whole.clone());
        } else if !named && !word.is_empty() && "SSIGNON".starts_with(&word.to_ascii_uppercase()) {
            look(operand.inner.as_deref().unwrap_or_default(), 0, false, places);
        } else if let Some(inner) = &operand.inner {
            let by_name = matches!(inner.as_slice(), [one] if one.text.starts_with('@') && one.inner.is_none());
            let list_of_names = named && word.is_empty();
            if list_of_names || (is_shown(word) && !named) {
                look(inner, inner.len(), false, places);
            } else if !by_name {
                places.push(in_parentheses);
            }
        } else if !named && !is_keyword(word) {
            places.push(operand.whole.clone());
        }
        // A keyword without parentheses: the secret may stand beside it.
        announced = operand.inner.is_none() && announces_secret(word);
    }
}

/// The text of what is no command, covered from where a secret may begin.
pub(super) fn unread(text: &str) -> String {
    let word = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let begins = text.char_indices().find_map(|(at, c)| {
        let rest = text.get(at..).unwrap_or_default();
        let begins_word = !text.get(..at).unwrap_or_default().ends_with(|c: char| c.is_ascii_alphanumeric());
        let end = word(rest);
        let here = rest.get(..end).unwrap_or_default();
        match c {
            '(' | '\'' => Some(at + 1),
            _ if begins_word && is_like_a_key(here) => Some(at),
            _ if begins_word && here.len() > 2 && announces_secret(here) => Some(at + end),
            _ => None,
        }
    });
    cover(text, |at| begins.is_some_and(|begins| at >= begins))
}

fn cover(text: &str, covered: impl Fn(usize) -> bool) -> String {
    text.char_indices()
        .flat_map(|(at, c)| {
            let hidden = covered(at) && !c.is_whitespace() && !"()".contains(c);
            // As many bytes as before, so that places still fit.
            let count = if hidden { c.len_utf8() } else { 1 };
            std::iter::repeat_n(if hidden { '*' } else { c }, count)
        })
        .collect()
}

/// The text of a command as it may be shown and kept: what is a key or a password, and what might be one in the wrong place,
/// is covered.
///
/// ```
/// use icsf_saf::command::covered;
/// assert_eq!(covered("ALTUSER U1 PASSWORD(SECRET)"), "ALTUSER U1 PASSWORD(******)");
/// assert_eq!(covered("ALTUSER U1 PASSWORD SECRET"), "ALTUSER U1 PASSWORD ******");
/// assert_eq!(covered("RLIST PTKTDATA *"), "RLIST PTKTDATA *");
/// ```
#[must_use]
pub fn covered(command: &str) -> String {
    match syntax::parse(command) {
        Ok(parsed) => {
            let names = super::Verb::meant(&parsed.verb.text).map_or(0, |verb| verb.names);
            read(command, &parsed, names)
        }
        Err(_) => unread(command),
    }
}
