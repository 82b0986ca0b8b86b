//! Covers keys and passwords in the text of a command: the one place that says what of it may be shown, be it in an error, a
//! journal or a history.
//!
//! What is known to be no secret is shown: verbs, names, keywords, the values of keywords that take something else. What
//! stands where it should not may be a secret in the wrong place, and is covered with all that follows it; so is what is
//! like a key wherever it stands, and what is said in comments.

use super::named::Named;
use super::read::read;
use super::syntax::{Command, Operand, Span, comments};
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

/// Whether a value names a secret instead of showing it; a list, if all in it do.
fn is_named(value: &Operand) -> bool {
    match value.inner.as_deref() {
        None => Named::of(&value.text).is_some(),
        Some(list) => value.text.is_empty() && !list.is_empty() && list.iter().all(is_named),
    }
}

/// Whether a key or a password is typed in this command, rather than named: such a command must not be repeated where
/// others read.
///
/// ```
/// use icsf_saf::command::shows_secret;
/// assert!(shows_secret("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(E001193519561977))"));
/// assert!(shows_secret("/* PASSWORD(hunter2) */ LISTUSER U1"));
/// assert!(!shows_secret("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(@file:a.key))"));
/// assert!(!shows_secret("SETROPTS PASSWORD(MIXEDCASE)"));
/// ```
#[must_use]
pub fn shows_secret(command: &str) -> bool {
    match read(command) {
        Ok(read) => {
            let in_comment = |comment: Span| command.get(comment).is_some_and(tells_secret);
            places(&read).iter().any(|place| place.secret) || comments(command).into_iter().any(in_comment)
        }
        Err(_) => {
            let folded = command.to_ascii_uppercase();
            let named = |keyword: &Keyword| is_secret(keyword) && folded.contains(keyword.name().split_at(4).0);
            any(&named) || tells_secret(command)
        }
    }
}

/// Whether prose has a key in it, or a keyword for a secret with something in parentheses.
fn tells_secret(prose: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric();
    prose.split_inclusive(|c| !word(c)).any(|part| {
        let (name, end) = part.split_at(part.trim_end_matches(|c| !word(c)).len());
        is_like_a_key(name) || (end == "(" && announces_secret(name, &[]))
    })
}

/// The text of a command, or of what is none, with what may be a key or a password in it covered: for errors, journals and
/// histories. It has as many bytes as before.
///
/// ```
/// use icsf_saf::command::covered;
/// assert_eq!(covered("ADDUSER U1 PASSWORD(hunter2) SPECIAL"), "ADDUSER U1 PASSWORD(*******) SPECIAL");
/// assert_eq!(covered("LISTUSER U1 /* was hunter2 */"), "LISTUSER U1 /* *** ******* */");
/// ```
#[must_use]
pub fn covered(text: &str) -> String {
    let in_command = read(text).map_or_else(
        |_| unread(text).into_iter().collect(),
        |command| places(&command).into_iter().map(|place| place.span).collect::<Vec<_>>(),
    );
    // What stands between the marks of a comment; of one that is not closed, all that follows.
    let in_comments = comments(text).into_iter().map(|Span { start, end }| {
        let is_closed = text.get(start + 2..end).is_some_and(|said| said.ends_with("*/"));
        start + 2..if is_closed { end - 2 } else { end }
    });
    cover(text, in_command.into_iter().chain(in_comments).collect())
}

/// What is said of a command, where what is like a key in it is covered as it is [in the command](covered).
pub(super) fn without_keys(said: &str, command: &str) -> String {
    let command = command.to_ascii_uppercase();
    let mut out = String::with_capacity(said.len());
    for part in said.split_inclusive(|c: char| c.is_whitespace() || "\"'(),:;".contains(c)) {
        let (word, end) = match part.char_indices().next_back() {
            Some((at, c)) if c.is_whitespace() || "\"'(),:;".contains(c) => part.split_at(at),
            _ => (part, ""),
        };
        if is_like_a_key(word) && command.contains(&word.to_ascii_uppercase()) {
            out.extend(word.chars().map(|_| '*'));
        } else {
            out.push_str(word);
        }
        out.push_str(end);
    }
    out
}

/// What is to be covered.
struct Place {
    span: Span,
    /// Because it is a key or a password, as far as one can tell; else because it is not known what it is.
    secret: bool,
}

/// The places of a command to be covered, comments aside.
fn places(command: &Command) -> Vec<Place> {
    let verb = Verb::meant(&command.verb.text);
    let mut places = Vec::new();
    look(std::slice::from_ref(&command.verb), 1, &[], false, &mut places);
    match verb {
        Some(verb) => {
            let names = verb.names_among(&command.operands);
            look(&command.operands, names, verb.list(), false, &mut places);
        }
        None => {
            let word = command.verb.text.as_str();
            let announced = word.len() > 2 && announces_secret(word, &[]);
            nothing_known(&command.operands, announced, &mut places);
        }
    }
    places
}

/// Adds the places to be covered. `names`: how many operands at the front are names and not keywords of `list`;
/// `announced`: that the first one may be a secret.
fn look(operands: &[Operand], names: usize, list: List, mut announced: bool, places: &mut Vec<Place>) {
    for (number, operand) in operands.iter().enumerate() {
        let word = operand.text.as_str();
        let named = number < names;
        let keyword = if named { None } else { lookup(word, list) };
        let inner = operand.inner.as_deref().unwrap_or_default();
        let by_name = matches!(inner, [one] if is_named(one));
        let mut in_parentheses = |secret: bool| {
            let secret = secret || hides_secret(inner);
            places.push(Place { span: operand.span.end..operand.whole.end, secret });
        };
        let told = announced && !is_named(operand);
        if is_like_a_key(word) || told {
            places.push(Place { span: operand.whole.clone(), secret: true });
        } else if named {
            // A list of names is one; a name with something in parentheses is none.
            if word.is_empty() {
                look(inner, inner.len(), &[], false, places);
            } else if operand.inner.is_some() && !by_name {
                in_parentheses(announces_secret(word, &[]));
            }
        } else {
            match keyword.map(Keyword::takes) {
                Some(Takes::Keywords(list)) => look(inner, 0, list, false, places),
                Some(Takes::One(_) | Takes::Maybe(_) | Takes::Several(_)) => {
                    look(inner, inner.len(), &[], false, places);
                }
                Some(Takes::Secret(_)) if !inner.is_empty() && !by_name => in_parentheses(true),
                Some(Takes::Nothing) if operand.inner.is_some() && !by_name => in_parentheses(false),
                Some(Takes::Secret(_) | Takes::Nothing) => {}
                None if operand.inner.is_some() && !by_name => in_parentheses(announces_secret(word, list)),
                None if is_keyword(word) => {}
                None => return nothing_known(operands.get(number..).unwrap_or_default(), false, places),
            }
        }
        // A keyword without parentheses: the secret may stand beside it.
        announced = !named && operand.inner.is_none() && announces_secret(word, list);
    }
}

/// Covers all operands, where nothing is known of what they are.
fn nothing_known(operands: &[Operand], mut announced: bool, places: &mut Vec<Place>) {
    for operand in operands {
        // A word after such a one may be prose.
        let in_parentheses = announced && operand.text.is_empty() && !is_named(operand);
        let secret = in_parentheses || hides_secret(std::slice::from_ref(operand));
        places.push(Place { span: operand.whole.clone(), secret });
        announced = operand.inner.is_none() && announces_secret(&operand.text, &[]);
    }
}

/// Whether in these operands, of which nothing is known, one is like a key, or a keyword for a secret that has one.
fn hides_secret(operands: &[Operand]) -> bool {
    operands.iter().any(|operand| {
        let inner = operand.inner.as_deref().unwrap_or_default();
        let shown = announces_secret(&operand.text, &[]) && inner.iter().any(|value| !is_named(value));
        shown || is_like_a_key(&operand.text) || hides_secret(inner)
    })
}

/// From where on the text of what is no command is covered: from where a secret may begin.
fn unread(text: &str) -> Option<Span> {
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
    begins.map(|begins| begins..text.len())
}

/// Covers places of a text.
fn cover(text: &str, mut places: Vec<Span>) -> String {
    places.sort_unstable_by_key(|place| place.start);
    let mut places = places.into_iter().peekable();
    let mut end = 0;
    text.char_indices()
        .flat_map(|(at, c)| {
            while let Some(place) = places.next_if(|place| place.start <= at) {
                end = end.max(place.end);
            }
            let hidden = at < end && !c.is_whitespace() && !"()".contains(c);
            // As many bytes as before, so that places still fit.
            let count = if hidden { c.len_utf8() } else { 1 };
            std::iter::repeat_n(if hidden { '*' } else { c }, count)
        })
        .collect()
}
