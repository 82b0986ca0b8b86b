//! Completion of a command that is being typed: verbs and keywords.

use super::{COMMANDS, permit, profiles, rlist, setropts, ssignon, users};

/// What may stand at the end of a command that is being typed: the byte at which its last word begins, and the verbs or
/// keywords it may become. Names, values and what is in apostrophes are nobody's to guess.
///
/// ```
/// use icsf_saf::command::complete;
/// assert_eq!(complete("RDEF"), (0, vec!["RDEFINE"]));
/// assert_eq!(complete("RALTER PTKTDATA A SSIGNON(KEYE"), (26, vec!["KEYENCRYPTED"]));
/// assert_eq!(complete("PERMIT A CLASS(").1, Vec::<&str>::new());
/// ```
#[must_use]
pub fn complete(before: &str) -> (usize, Vec<&'static str>) {
    let is_break = |c: char| c.is_whitespace() || "(),'".contains(c);
    let begins = before.char_indices().rev().find(|(_, c)| is_break(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    let (head, word) = before.split_at(begins);
    let word = word.to_ascii_uppercase();
    let verbs = COMMANDS.map(|verb| verb.name);
    let list = if head.trim().is_empty() { &verbs } else { keywords(head) };
    (begins, list.iter().copied().filter(|name| name.starts_with(&word)).collect())
}

/// The keywords that may stand at the end of this text.
fn keywords(head: &str) -> &'static [&'static str] {
    let (verb, rest) = head.trim_start().split_once(char::is_whitespace).unwrap_or((head, ""));
    let Some(verb) = COMMANDS.iter().find(|known| known.is(verb)) else { return &[] };
    let (mut open, mut word, mut quoted, mut names) = (Vec::new(), String::new(), false, 0);
    for c in rest.chars() {
        if c == '\'' {
            quoted = !quoted;
        } else if quoted || !(c.is_whitespace() || "(),".contains(c)) {
            word.push(c);
        } else {
            names += usize::from(open.is_empty() && !word.is_empty() || c == ')' && open.len() == 1);
            match c {
                '(' => open.push(word.to_ascii_uppercase()),
                ')' => drop(open.pop()),
                _ => {}
            }
            word.clear();
        }
    }
    match (open.as_slice(), verb.name) {
        _ if quoted => &[],
        ([ssignon], "RDEFINE" | "RALTER") if ssignon == "SSIGNON" => &ssignon::OPERANDS,
        ([_, ..], _) => &[],
        _ if names < verb.names => &[],
        (_, "RDEFINE") => &profiles::RDEFINE,
        (_, "RALTER") => &profiles::RALTER,
        (_, "RLIST") => &rlist::KEYWORDS,
        (_, "PERMIT") => &permit::KEYWORDS,
        (_, "SETROPTS") => &setropts::KEYWORDS,
        (_, "ADDUSER") => &users::ADDUSER,
        (_, "ALTUSER") => &users::ALTUSER,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::complete;

    #[test]
    fn what_may_stand_there_is_offered_and_nothing_else() {
        let offered = |text: &str| complete(text).1;
        assert!(offered("").contains(&"SETROPTS") && offered("  al") == ["ALTUSER"]);
        assert!(offered("RLIST ").is_empty() && offered("RLIST PTKTDATA ").is_empty());
        assert_eq!(offered("RL PTKTDATA A S"), ["SSIGNON"]);
        assert_eq!(offered("RDEFINE PTKTDATA (A B) OWN"), ["OWNER"]);
        assert_eq!(offered("RDEFINE PTKTDATA A APPLDATA('NO REP"), Vec::<&str>::new());
        assert_eq!(offered("RDEFINE PTKTDATA A APPLDATA('NO REPLAY (') UA"), ["UACC"]);
        assert_eq!(offered("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(X) T"), ["TYPE", "TIMEOUT"]);
        assert_eq!(offered("SETROPTS CLASSACT(PTKTDATA) REF"), ["REFRESH"]);
        assert!(offered("XYZZY A ").is_empty());
        assert_eq!(complete("RLIST PTKTDATA \u{c9} S").0, "RLIST PTKTDATA \u{c9} ".len());
    }
}
