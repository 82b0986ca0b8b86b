//! What the beginning of a RACF command can go on to: its words, and names that are there.

use icsf_saf::Snapshot;
use icsf_saf::command::complete;
use icsf_saf::model::Class;

use crate::system::System;

/// Keywords of which each value is a class.
const OF_CLASSES: [&str; 7] = ["CLASS", "CLASSACT", "NOCLASSACT", "RACLIST", "NORACLIST", "GENERIC", "NOGENERIC"];
/// Keywords of which each value is a user ID.
const OF_USERS: [&str; 2] = ["ID", "OWNER"];

impl System {
    /// What the last word of a RACF command that is being typed can become: the byte at which that word begins; verbs and
    /// keywords, or classes, profiles and user IDs that are there. Nothing in the place of a key or password.
    ///
    /// ```
    /// let system = softicsf::System::in_memory().build()?;
    /// assert_eq!(system.racf_completions("setropts classact(pt"), (18, vec!["PTKTDATA".to_owned()]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn racf_completions(&self, typed: &str) -> (usize, Vec<String>) {
        let (begins, words) = complete(typed);
        let mut found: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let (head, word) = typed.split_at(begins);
        // What cannot be read is not offered; the command that is typed is refused with the reason.
        if let (true, Ok(view)) = (found.is_empty(), self.saf().database().view()) {
            let word = word.to_ascii_uppercase();
            found = names(&view, &head.to_ascii_uppercase());
            found.retain(|name| name.starts_with(&word));
        }
        (begins, found)
    }
}

/// The names that may stand after this.
fn names(view: &Snapshot, head: &str) -> Vec<String> {
    let classes = || Class::ALL.map(|class| class.to_string()).to_vec();
    let users = || view.users().map(|user| user.id.to_string()).collect();
    let profiles = |class| view.profiles(class).map(|profile| profile.name.to_string());
    let open = open_parenthesis(head);
    match open {
        Some(keyword) if OF_CLASSES.contains(&keyword) => return classes(),
        Some(keyword) if OF_USERS.contains(&keyword) => return users(),
        Some("") | None => {}
        Some(_) => return Vec::new(),
    }
    let words: Vec<&str> =
        head.split(|c: char| c.is_whitespace() || "(,".contains(c)).filter(|word| !word.is_empty()).collect();
    // Names that are there stand before the one that is typed in a list of them only.
    match words.as_slice() {
        ["RDEFINE" | "RDEF" | "RALTER" | "RALT" | "RDELETE" | "RDEL" | "RLIST" | "RL"] => classes(),
        ["RALTER" | "RALT" | "RDELETE" | "RDEL" | "RLIST" | "RL", class, rest @ ..]
            if open.is_some() || rest.is_empty() =>
        {
            class.parse().map(|class| profiles(class).collect()).unwrap_or_default()
        }
        ["PERMIT" | "PE"] => Class::ALL.into_iter().flat_map(profiles).collect(),
        ["ALTUSER" | "ALU" | "DELUSER" | "DU", rest @ ..] if open.is_some() || rest.is_empty() => users(),
        _ => Vec::new(),
    }
}

/// The word before the parenthesis that is open here; no letters for that of a list of names.
fn open_parenthesis(head: &str) -> Option<&str> {
    let mut open = Vec::new();
    for (at, c) in head.char_indices() {
        match c {
            '(' => open.push(at),
            ')' => drop(open.pop()),
            _ => {}
        }
    }
    let before = head.get(..*open.last()?)?;
    before.rsplit(|c: char| c.is_whitespace() || "(),".contains(c)).next()
}
