//! Covers keys and passwords in the text of a command, so that an error can show where it is.
//!
//! What is known to be no secret is shown: verbs, names, keywords, the values of keywords that take something else. What
//! stands where it should not may be a secret in the wrong place, and is covered.

use super::named::Named;
use super::syntax::{self, Command, Operand, Span};
use super::table::{Keyword, List, Takes, Verb, all, any, lookup};

/// Whether a word may be meant as a keyword for a secret: abbreviated, or mistyped. It is not when it is another keyword of
/// its list in full.
fn announces_secret(word: &str, list: List) -> bool {
    let word = word.to_ascii_uppercase();
    let other = |keyword: &Keyword| keyword.name() == word && !is_secret(keyword);
    let like =
        |keyword: &Keyword| keyword.name().starts_with(&word) || strsim::osa_distance(keyword.name(), &word) <= 2;
    !word.is_empty() && !all(list).any(other) && any(&|keyword| is_secret(keyword) && like(keyword))
}

const fn is_secret(keyword: &Keyword) -> bool {
    matches!(keyword.takes(), Takes::Secret(_))
}

/// Whether a word is a keyword, abbreviated or mistyped: what else stands there is no keyword.
fn is_keyword(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    let like =
        |keyword: &Keyword| keyword.name().starts_with(&word) || strsim::osa_distance(keyword.name(), &word) <= 2;
    word.bytes().all(|byte| byte.is_ascii_alphanumeric()) && any(&like)
}

/// Whether a text could be meant as a key: most of it hexadecimal digits, and of these nearly as many as a key has.
pub(super) fn is_like_a_key(text: &str) -> bool {
    let (all, digits) = (text.len(), text.bytes().filter(u8::is_ascii_hexdigit).count());
    digits >= 12 && 5 * digits >= 4 * all
}

/// Whether a value names a secret instead of showing it.
fn is_named(value: &Operand) -> bool {
    value.inner.is_none() && Named::of(&value.text).is_some()
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
    fn typed(operands: &[Operand], list: List) -> bool {
        operands.iter().any(|operand| {
            let inner = operand.inner.as_deref().unwrap_or_default();
            let keyword = lookup(&operand.text, list);
            let secret = keyword.map_or_else(|| announces_secret(&operand.text, list), is_secret);
            let shown = secret && inner.iter().any(|value| !is_named(value));
            shown || is_like_a_key(&operand.text) || typed(inner, keyword.map_or(&[], Keyword::list))
        })
    }
    match syntax::parse(command) {
        Ok(read) => typed(&read.operands, Verb::meant(&read.verb.text).map_or(&[], Verb::list)),
        Err(_) => {
            let folded = command.to_ascii_uppercase();
            any(&|keyword| is_secret(keyword) && folded.contains(keyword.name().split_at(4).0))
        }
    }
}

/// The text of a command, or of what is none, with what may be a key or a password in it covered: for errors, journals and
/// histories. It has as many bytes as before.
///
/// ```
/// use icsf_saf::command::covered;
/// assert_eq!(covered("ADDUSER U1 PASSWORD(hunter2) SPECIAL"), "ADDUSER U1 PASSWORD(*******) SPECIAL");
/// ```
#[must_use]
pub fn covered(text: &str) -> String {
    syntax::parse(text).map_or_else(|_| unread(text), |command| read(text, &command))
}

/// The text of a command that was read, with what may be secret in it covered.
fn read(text: &str, command: &Command) -> String {
    let verb = Verb::meant(&command.verb.text);
    let mut places = Vec::new();
    look(std::slice::from_ref(&command.verb), 1, &[], false, &mut places);
    let announced = verb.is_none() && announces_secret(&command.verb.text, &[]);
    let (names, list) = verb.map_or((0, [].as_slice()), |verb| (verb.names.len(), verb.list()));
    look(&command.operands, names, list, announced, &mut places);
    cover(text, places)
}

/// Adds the places to be covered, one after the other. `names`: how many operands at the front are names and not keywords of `list`; `announced`: that the first one may be a
/// secret.
fn look(operands: &[Operand], names: usize, list: List, mut announced: bool, places: &mut Vec<Span>) {
    for (number, operand) in operands.iter().enumerate() {
        let word = operand.text.as_str();
        let named = number < names;
        let keyword = if named { None } else { lookup(word, list) };
        let inner = operand.inner.as_deref().unwrap_or_default();
        let in_parentheses = operand.span.end..operand.whole.end;
        let by_name = matches!(inner, [one] if is_named(one));
        if is_like_a_key(word) || (announced && Named::of(word).is_none()) {
            places.push(operand.whole.clone());
        } else if named {
            // A list of names is one; a name with something in parentheses is none.
            if word.is_empty() {
                look(inner, inner.len(), &[], false, places);
            } else if !by_name {
                places.push(in_parentheses);
            }
        } else {
            match keyword.map(Keyword::takes) {
                Some(Takes::Keywords(list)) => look(inner, 0, list, false, places),
                Some(Takes::One(_) | Takes::Maybe(_) | Takes::Several(_)) => {
                    look(inner, inner.len(), &[], false, places);
                }
                Some(Takes::Secret(_) | Takes::Nothing) if by_name => {}
                Some(Takes::Secret(_) | Takes::Nothing) => places.push(in_parentheses),
                None if operand.inner.is_some() && !by_name => places.push(in_parentheses),
                None if !is_keyword(word) => places.push(operand.whole.clone()),
                None => {}
            }
        }
        // A keyword without parentheses: the secret may stand beside it.
        announced = operand.inner.is_none() && announces_secret(word, list);
    }
}

/// The text of what is no command, covered from where a secret may begin.
fn unread(text: &str) -> String {
    let word = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let mut in_word = false;
    let begins = text.char_indices().find_map(|(at, c)| {
        let begins_word = !std::mem::replace(&mut in_word, c.is_ascii_alphanumeric());
        if c == '(' || c == '\'' {
            return Some(at + 1);
        }
        let rest = text.get(at..).filter(|_| begins_word)?;
        let end = word(rest);
        let here = rest.get(..end).unwrap_or_default();
        if is_like_a_key(here) {
            return Some(at);
        }
        (here.len() > 2 && announces_secret(here, &[])).then_some(at + end)
    });
    cover(text, begins.map(|begins| begins..text.len()))
}

/// Covers places that come one after the other.
fn cover(text: &str, places: impl IntoIterator<Item = Span>) -> String {
    let mut places = places.into_iter().peekable();
    text.char_indices()
        .flat_map(|(at, c)| {
            while places.next_if(|place| place.end <= at).is_some() {}
            let covered = places.peek().is_some_and(|place| place.start <= at);
            let hidden = covered && !c.is_whitespace() && !"()".contains(c);
            // As many bytes as before, so that places still fit.
            let count = if hidden { c.len_utf8() } else { 1 };
            std::iter::repeat_n(if hidden { '*' } else { c }, count)
        })
        .collect()
}
