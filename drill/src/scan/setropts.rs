//! `SETROPTS LIST`, pasted: which classes are active, RACLISTed and generic, and whether passwords keep their case.
//!
//! Lines may come in any order. A list of classes goes on in the lines below it that are indented further, and, where the
//! blanks before lines were lost, in those that hold nothing but names of classes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::input::{FileRead, InputError, Origin, Seen, numbered};

/// Classes that are listed after a heading, and the line of that.
type Classes = Seen<BTreeSet<String>>;

/// What the listing says.
#[derive(Debug)]
pub(super) struct Setropts {
    file: Arc<str>,
    pub(super) active: Option<Classes>,
    pub(super) raclisted: Option<Classes>,
    pub(super) generic: Option<Classes>,
    pub(super) mixed_case: Option<Seen<bool>>,
}

/// The list a line begins, as it is named in the listing.
#[derive(Clone, Copy)]
enum List {
    Active,
    Raclisted,
    Generic,
    Other,
}

impl List {
    const ALL: [(&'static str, Self); 3] = [
        ("ACTIVE CLASSES", Self::Active),
        ("SETR RACLIST CLASSES", Self::Raclisted),
        ("GENERIC PROFILE CLASSES", Self::Generic),
    ];
}

impl Setropts {
    pub(super) fn read(file: &Arc<str>, text: &str) -> Result<(Self, FileRead), InputError> {
        let mut all = Self { file: Arc::clone(file), active: None, raclisted: None, generic: None, mixed_case: None };
        let mut read = FileRead::new(file, "SETROPTS LIST");
        let mut list: Option<(List, usize)> = None;
        for (number, line) in numbered(text) {
            let folded = line.trim().to_ascii_uppercase();
            let indent = line.len() - line.trim_start().len();
            let understood = if let Some((heading, classes)) = folded.split_once('=') {
                let heading = heading.trim();
                let found = List::ALL.iter().find(|(name, _)| *name == heading).map_or(List::Other, |(_, list)| *list);
                list = Some((found, indent));
                all.add(found, number, classes);
                !matches!(found, List::Other)
            } else if let Some((list, _)) = list.filter(|(_, above)| goes_on(&folded, indent > *above)) {
                all.add(list, number, &folded);
                !matches!(list, List::Other)
            } else {
                list = None;
                all.option(&folded, number) || says_nothing(&folded)
            };
            read.line(number, understood);
        }
        if all.active.is_none() && all.raclisted.is_none() && all.generic.is_none() && all.mixed_case.is_none() {
            let what = "nothing of SETROPTS LIST is in it: no ACTIVE CLASSES, no SETR RACLIST CLASSES";
            return Err(InputError::new(file, Some(1), what, "paste what SETROPTS LIST shows"));
        }
        Ok((all, read))
    }

    fn add(&mut self, list: List, number: u64, names: &str) {
        let classes = match list {
            List::Active => &mut self.active,
            List::Raclisted => &mut self.raclisted,
            List::Generic => &mut self.generic,
            List::Other => return,
        };
        let names = names.split_whitespace().filter(|name| *name != "NONE").map(str::to_owned);
        classes.get_or_insert_with(|| Seen::new(BTreeSet::new(), number)).value.extend(names);
    }

    /// A line that says something else.
    fn option(&mut self, line: &str, number: u64) -> bool {
        let Some((_, said)) = line.split_once("MIXED CASE PASSWORD SUPPORT IS ") else { return false };
        self.mixed_case = Some(Seen::new(!said.starts_with("NOT "), number));
        true
    }

    /// Which of the lists that are needed it lacks.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let there = [self.active.is_some(), self.raclisted.is_some(), self.generic.is_some()];
        let lists = List::ALL.iter().zip(there).filter(|(_, there)| !there).map(|((name, _), _)| *name);
        let case = self.mixed_case.is_none().then_some("MIXED CASE PASSWORD SUPPORT");
        lists.chain(case).collect()
    }

    pub(super) fn place<T>(&self, seen: &Seen<T>) -> Origin {
        Origin::new(&self.file, seen.line, "SETROPTS LIST")
    }
}

/// Whether a line is understood, and says nothing of PassTickets.
fn says_nothing(line: &str) -> bool {
    let known = [
        "LIST OF GROUPS ACCESS CHECKING IS ",
        "PASSWORD PROCESSING OPTIONS:",
        "USERIDS NOT BEING AUTOMATICALLY REVOKED",
        "A USERID WILL BE REVOKED",
    ];
    let revoked = line.starts_with("AFTER ") && line.contains(" CONSECUTIVE UNSUCCESSFUL PASSWORD ATTEMPTS");
    line.is_empty() || line == "READY" || revoked || known.iter().any(|known| line.starts_with(known))
}

/// Whether a line is more of the list above it.
fn goes_on(line: &str, indented: bool) -> bool {
    let class = |word: &str| {
        (1..=8).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"@#$".contains(&b))
    };
    let prose = |word: &str| ["IS", "NOT", "NO", "IN", "OF", "ARE", "BEING", "READY"].contains(&word);
    let mut words = line.split_whitespace().peekable();
    words.peek().is_some() && words.all(|word| class(word) && (indented || !prose(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Setropts, FileRead) {
        Setropts::read(&"setropts.txt".into(), text).unwrap()
    }

    #[test]
    fn lists_go_on_in_the_lines_below_in_any_order() {
        let (all, read) = read(
            "\
SETR RACLIST CLASSES = APPL FACILITY
                       PTKTDATA STARTED
GLOBAL=YES RACLIST ONLY = NONE
LIST OF GROUPS ACCESS CHECKING IS ACTIVE.
ATTRIBUTES = INITSTATS WHEN(PROGRAM -- BASIC)
STATISTICS = NONE
ACTIVE CLASSES = DATASET USER
PTKTDATA TSOPROC
GENERIC PROFILE CLASSES = NONE
PASSWORD PROCESSING OPTIONS:
  MIXED CASE PASSWORD SUPPORT IS NOT IN EFFECT
",
        );
        let has = |classes: &Option<Classes>| classes.as_ref().unwrap().value.contains("PTKTDATA");
        assert!(has(&all.active) && has(&all.raclisted) && !has(&all.generic));
        assert!(!all.raclisted.as_ref().unwrap().value.contains("LIST"));
        assert_eq!(all.mixed_case, Some(Seen::new(false, 11)));
        assert_eq!((all.active.as_ref().unwrap().line, all.missing()), (7, vec![]));
        assert_eq!((read.lines, read.not_understood, read.first), (11, 3, vec![3, 5, 6]));
    }

    #[test]
    fn what_is_missing_is_said_and_something_else_is_refused() {
        let (all, _) = read("ACTIVE CLASSES = USER GROUP");
        assert_eq!(all.missing(), ["SETR RACLIST CLASSES", "GENERIC PROFILE CLASSES", "MIXED CASE PASSWORD SUPPORT"]);
        let error = Setropts::read(&"x".into(), "SID(PRD1)").unwrap_err();
        assert!(error.to_string().starts_with("x, line 1: nothing of SETROPTS LIST"), "{error}");
    }
}
