//! Listings of RLIST as they are pasted from a real system: several profiles, in any order, any case, with whatever stands
//! between them.
//!
//! Nothing here fails: what is not understood is kept, so that whoever reads a listing can tell what was left out.
//!
//! Source: z/OS 2.4 education deck and Broadcom article 415349 for the lines of SSIGNON at each level; pyracf's recorded
//! output for the rest. No line of a listing shows a key; a command that does is not kept.

use std::collections::{BTreeMap, VecDeque};

use icsf_core::KeyLabel;

use crate::command::shows_secret;
use crate::model::{Access, TicketType};

/// What a pasted text lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pasted {
    /// The profiles, in the order in which they stand there.
    pub profiles: Vec<ListedProfile>,
    /// Lines that belong to no profile and were not understood.
    pub others: Vec<String>,
}

/// A profile as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedProfile {
    /// The line at which it begins, counted from 1.
    pub line: usize,
    /// Its class; none where neither listing nor command says it.
    pub class: Option<String>,
    /// Its name; none likewise.
    pub name: Option<String>,
    /// Whether it is marked (G).
    pub generic: bool,
    /// LEVEL.
    pub level: Option<u8>,
    /// OWNER.
    pub owner: Option<String>,
    /// UNIVERSAL ACCESS.
    pub uacc: Option<Access>,
    /// WARNING.
    pub warning: Option<bool>,
    /// INSTALLATION DATA; empty for NONE.
    pub data: Option<String>,
    /// APPLICATION DATA; empty for NONE.
    pub appldata: Option<String>,
    /// The standard access list.
    pub access: BTreeMap<String, Access>,
    /// The SSIGNON segment, where it is listed.
    pub ssignon: Option<ListedSsignon>,
    /// Lines that were not understood.
    pub others: Vec<String>,
}

/// An SSIGNON segment as it is listed. That there are lines about the enhanced PassTicket does not mean that there is a key
/// for it: only [`enhanced`](Self::enhanced) does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedSsignon {
    /// The legacy key.
    pub legacy: Option<ListedKey>,
    /// The label of the enhanced key.
    pub enhanced: Option<KeyLabel>,
    /// TYPE.
    pub ticket_type: Option<TicketType>,
    /// TIMEOUT, in seconds.
    pub timeout: Option<u32>,
    /// REPLAY.
    pub replay: Option<bool>,
}

/// A legacy key as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListedKey {
    /// KEYMASKED: in the security database.
    Masked,
    /// In the CKDS under this label.
    Label(KeyLabel),
    /// In the CKDS; levels before 2.4 do not show the label.
    Encrypted,
    /// A key token in the profile.
    Token,
}

/// Reads a pasted text.
///
/// ```
/// let pasted = icsf_saf::pasted::rlist("\
/// CLASS      NAME
/// -----      ----
/// PTKTDATA   TSOPRD1
///
/// SSIGNON INFORMATION
/// -------------------
/// Legacy   PassTicket: KEYMASKED DATA NOT DISPLAYABLE
/// Enhanced PassTicket: Timeout = 00000060
/// ");
/// let ssignon = pasted.profiles[0].ssignon.as_ref().unwrap();
/// assert_eq!(ssignon.legacy, Some(icsf_saf::pasted::ListedKey::Masked));
/// assert_eq!((ssignon.enhanced, ssignon.timeout), (None, Some(60)));
/// ```
#[must_use]
pub fn rlist(text: &str) -> Pasted {
    let mut reader = Reader::default();
    text.lines().for_each(|line| reader.line(line));
    reader.end();
    reader.pasted
}

/// What the next lines are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Section {
    /// Nothing that is known.
    #[default]
    Other,
    Name,
    Level,
    Data,
    Appldata,
    AccessList,
    Ssignon,
    /// A label that stands in the line after the words that announce it.
    Label,
}

#[derive(Default)]
struct Reader {
    pasted: Pasted,
    /// The line being read, counted from 1.
    number: usize,
    current: Option<ListedProfile>,
    section: Section,
    /// Class and names of the command that was pasted with its listing, for segments that are listed without.
    asked: Option<(String, VecDeque<String>)>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        self.number += 1;
        let line = line.trim();
        let folded = line.to_ascii_uppercase();
        let words: Vec<&str> = folded.split_whitespace().collect();
        if words.is_empty() {
            // A blank line ends a list and a text.
            if matches!(self.section, Section::AccessList | Section::Data | Section::Appldata) {
                self.section = Section::Other;
            }
            return;
        }
        let ruler = folded.bytes().all(|byte| byte == b'-' || byte == b' ');
        if ruler || self.heading(&words) || self.ssignon(&folded) || self.content(line, &words) {
            return;
        }
        let others = self.current.as_mut().map_or(&mut self.pasted.others, |profile| &mut profile.others);
        // A whole session may have been pasted, with the commands that set keys.
        others.push(if shows_secret(line) { "a command with a key or a password" } else { line }.to_owned());
    }

    fn end(&mut self) {
        self.pasted.profiles.extend(self.current.take());
    }

    /// The profile that lines are of; one of the command where its listing has no names.
    fn profile(&mut self) -> &mut ListedProfile {
        let (asked, line) = (&mut self.asked, self.number);
        self.current.get_or_insert_with(|| match asked {
            Some((class, names)) => {
                ListedProfile { line, class: Some(class.clone()), name: names.pop_front(), ..ListedProfile::default() }
            }
            None => ListedProfile { line, ..ListedProfile::default() },
        })
    }

    /// A line that says what the next are about.
    fn heading(&mut self, words: &[&str]) -> bool {
        self.section = match words {
            ["CLASS", "NAME"] => Section::Name,
            ["LEVEL", "OWNER", "UNIVERSAL", "ACCESS", ..] => Section::Level,
            ["INSTALLATION", "DATA"] => Section::Data,
            ["APPLICATION", "DATA"] => Section::Appldata,
            ["USER", "ACCESS"] | ["USER", "ACCESS", "ACCESS", "COUNT"] => Section::AccessList,
            ["SSIGNON", "INFORMATION"] => {
                // A second segment, and no name before it: another profile of the same command.
                if self.current.as_ref().is_some_and(|profile| profile.ssignon.is_some()) {
                    self.end();
                }
                self.profile().ssignon = Some(ListedSsignon::default());
                Section::Ssignon
            }
            ["NO", "SSIGNON", "INFORMATION"] => {
                self.profile();
                Section::Other
            }
            ["NO", "USERS", "IN", "ACCESS", "LIST"] => Section::Other,
            [_, "INFORMATION"] | ["AUDITING" | "NOTIFY" | "GLOBALAUDIT"] => {
                self.section = Section::Other;
                return false;
            }
            ["READY"] => {
                self.end();
                self.asked = None;
                Section::Other
            }
            ["RLIST" | "RL", class, rest @ ..] => {
                self.end();
                self.asked = Some(((*class).to_owned(), names(&rest.join(" "))));
                Section::Other
            }
            _ => return false,
        };
        true
    }

    /// A line of an SSIGNON segment, of any level.
    fn ssignon(&mut self, folded: &str) -> bool {
        let (kind, said) = match folded.split_once("PASSTICKET:") {
            Some((kind, said)) => (kind.trim(), said.trim()),
            None => ("", folded),
        };
        if let Some((name, value)) = said.split_once('=').filter(|_| kind == "ENHANCED") {
            let (name, value) = (name.trim(), value.trim());
            let segment = self.profile().ssignon.get_or_insert_default();
            if name.contains("LABEL") {
                return value.parse().map(|label| segment.enhanced = Some(label)).is_ok();
            }
            match (name, value) {
                ("TYPE", "UPPER") => segment.ticket_type = Some(TicketType::Upper),
                ("TYPE", "MIXED") => segment.ticket_type = Some(TicketType::Mixed),
                ("TIMEOUT", seconds) => match seconds.parse() {
                    Ok(seconds) => segment.timeout = Some(seconds),
                    Err(_) => return false,
                },
                ("REPLAY ALLOWED", "NO") => segment.replay = Some(false),
                // The field has two positions in the listing that was seen.
                ("REPLAY ALLOWED", "YES" | "YE") => segment.replay = Some(true),
                _ => return false,
            }
            return true;
        }
        if !(kind == "LEGACY" || (kind.is_empty() && self.section == Section::Ssignon)) {
            return false;
        }
        let words: Vec<&str> = said.split_whitespace().collect();
        let key = match words.as_slice() {
            ["KEYMASKED", "DATA", "NOT", "DISPLAYABLE"] => ListedKey::Masked,
            ["KEYENCRYPTED", "DATA", "NOT", "DISPLAYABLE"] => ListedKey::Encrypted,
            ["KEYTOKEN", "DATA", "NOT", "DISPLAYABLE"] => ListedKey::Token,
            ["KEYENCRYPTED", "LABEL:"] => {
                self.section = Section::Label;
                ListedKey::Encrypted
            }
            ["KEYENCRYPTED", "LABEL:", label] => match label.parse() {
                Ok(label) => ListedKey::Label(label),
                Err(_) => return false,
            },
            _ => return false,
        };
        self.profile().ssignon.get_or_insert_default().legacy = Some(key);
        true
    }

    /// A line below a heading.
    fn content(&mut self, line: &str, words: &[&str]) -> bool {
        match (self.section, words) {
            (Section::Name, [class, name, rest @ ..]) => {
                self.end();
                self.current = Some(ListedProfile {
                    line: self.number,
                    class: Some((*class).to_owned()),
                    name: Some((*name).to_owned()),
                    generic: rest == ["(G)"],
                    ..ListedProfile::default()
                });
                self.section = Section::Other;
            }
            (Section::Level, [level, owner, uacc, .., warning]) => {
                let profile = self.profile();
                profile.level = level.parse().ok();
                profile.owner = Some((*owner).to_owned());
                profile.uacc = uacc.parse().ok();
                profile.warning = match *warning {
                    "YES" => Some(true),
                    "NO" => Some(false),
                    _ => None,
                };
                self.section = Section::Other;
            }
            (Section::Data | Section::Appldata, _) => {
                let section = self.section;
                let profile = self.profile();
                let text = if section == Section::Data { &mut profile.data } else { &mut profile.appldata };
                match text {
                    // A long text goes on in the next line.
                    Some(text) => text.push_str(line),
                    None => *text = Some(if words == ["NONE"] { String::new() } else { line.to_owned() }),
                }
            }
            (Section::AccessList, [id, access, ..]) => {
                let Ok(access) = access.parse() else { return false };
                self.profile().access.insert((*id).to_owned(), access);
            }
            (Section::Label, [label]) => {
                let Ok(label) = label.parse() else { return false };
                self.profile().ssignon.get_or_insert_default().legacy = Some(ListedKey::Label(label));
                self.section = Section::Ssignon;
            }
            _ => return false,
        }
        true
    }
}

/// The names in the text of a command after its class: one, or a list in parentheses.
fn names(rest: &str) -> VecDeque<String> {
    let rest = rest.trim();
    let list = match rest.strip_prefix('(').and_then(|list| list.split_once(')')) {
        Some((list, _)) => list,
        None => rest.split_whitespace().next().unwrap_or_default(),
    };
    // A name with generic characters may list any profile.
    list.split([' ', ',']).filter(|name| !name.is_empty() && *name != "*").map(str::to_owned).collect()
}
