//! Completion of a command that is being typed, from the table of commands.

use super::table::{Keyword, List, Verb, all, verbs};

/// What may stand at the end of a command that is being typed: the byte at which its last word begins, and the words of the
/// table it may become. Names, values and what is in apostrophes are nobody's to guess.
///
/// ```
/// use icsf_saf::command::complete;
/// assert_eq!(complete("RDEF"), (0, vec!["RDEFINE"]));
/// assert_eq!(complete("RALTER PTKTDATA A SSIGNON(ENC"), (26, vec!["ENCRYPTKEY"]));
/// assert_eq!(complete("PERMIT A CLASS(").1, Vec::<&str>::new());
/// ```
#[must_use]
pub fn complete(before: &str) -> (usize, Vec<&'static str>) {
    let is_break = |c: char| c.is_whitespace() || "(),'".contains(c);
    let begins = before.char_indices().rev().find(|(_, c)| is_break(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    let (head, word) = before.split_at(begins);
    let word = word.to_ascii_uppercase();
    let fitting =
        |names: &mut dyn Iterator<Item = &'static str>| names.filter(|name| name.starts_with(&word)).collect();
    if head.trim().is_empty() {
        return (begins, fitting(&mut verbs().iter().map(Verb::name)));
    }
    let list = open_list(head);
    (begins, fitting(&mut all(list).map(Keyword::name)))
}

/// The keywords that may stand at the end of this text.
fn open_list(head: &str) -> List {
    let mut words = head.split_whitespace();
    let Some(verb) = words.next().and_then(|word| verbs().iter().find(|verb| verb.is(word))) else { return &[] };
    let rest = head.trim_start().get(verb_length(head)..).unwrap_or_default();
    let (mut open, mut word, mut quoted, mut names) = (vec![verb.list()], String::new(), false, 0);
    for c in rest.chars() {
        let ends = quoted || c.is_whitespace() || "(),'".contains(c);
        if !ends {
            word.push(c);
            continue;
        }
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => {
                let within =
                    open.last().and_then(|list| super::table::lookup(&word, list)).map_or(&[][..], Keyword::list);
                open.push(within);
            }
            ')' if !quoted && open.len() > 1 => drop(open.pop()),
            _ => {}
        }
        if open.len() == 1 && (!word.is_empty() || c == ')') {
            names += 1;
        }
        word.clear();
    }
    let wants_names = open.len() == 1 && names < verb.names.len() && !verb.optional;
    if quoted || wants_names { &[] } else { open.last().copied().unwrap_or_default() }
}

fn verb_length(head: &str) -> usize {
    let head = head.trim_start();
    head.find(char::is_whitespace).unwrap_or(head.len())
}

#[cfg(test)]
mod tests {
    use super::complete;

    #[test]
    fn what_may_stand_there_is_offered_and_nothing_else() {
        let offered = |text: &str| complete(text).1;
        assert!(offered("").contains(&"SETROPTS") && offered("  al") == ["ALTUSER"]);
        assert!(offered("RLIST ").is_empty() && offered("RLIST PTKTDATA ").is_empty());
        assert_eq!(offered("RLIST PTKTDATA A S"), ["SSIGNON"]);
        assert_eq!(offered("RDEFINE PTKTDATA (A B) OWN"), ["OWNER"]);
        assert_eq!(offered("RDEFINE PTKTDATA A APPLDATA('NO REP"), Vec::<&str>::new());
        assert_eq!(offered("RDEFINE PTKTDATA A APPLDATA('NO REPLAY (') UA"), ["UACC"]);
        assert_eq!(offered("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(X) T"), ["TYPE", "TIMEOUT"]);
        assert_eq!(offered("RDEFINE PTKTDATA A SSIGNON(TYPE(UPPER)) LE"), ["LEVEL"]);
        assert_eq!(offered("SETROPTS PASSWORD(MI"), ["MIXEDCASE"]);
        assert_eq!(offered("LU NO"), ["NORACF"]);
        assert!(offered("XYZZY A ").is_empty());
        assert_eq!(complete("RLIST PTKTDATA É S").0, "RLIST PTKTDATA É ".len());
    }
}
