//! Command lists of the other two security servers, ACF2 and Top Secret, turned into RACF commands.
//!
//! What is known of them is how PassTicket keys are defined and who may make and check tickets; all else is told and left
//! out. A key goes from the list into a secret of the translation, and the commands only name it: no command, no message
//! and no error has it.

mod acf2;
mod top_secret;
mod words;

use std::collections::BTreeSet;
use std::fmt;

use icsf_core::ClearKey;
use icsf_core::fidelity::{Fact, Provenance};
use ptkt::UserId;
use secrecy::SecretString;

pub use self::acf2::acf2;
pub use self::top_secret::top_secret;
use self::words::{Line, Word};
use crate::command::SecretSource;
use crate::model::{Access, ProfileName};
use crate::unload::Finding;
use crate::unload::findings::Findings;

/// A RACF command made of a line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// The line it comes from, counted from 1.
    pub line: u64,
    /// The command; keys are named in it, and not shown.
    pub command: String,
}

/// RACF commands made of a list, and the keys they name.
///
/// ```
/// use icsf_saf::foreign::top_secret;
/// let list = "TSS ADDTO(NDT) PSTKAPPL(CICSP1) SESSKEY(E001193519561977) SIGNMULTI";
/// let translation = top_secret(list, &mut |_| {});
/// assert!(translation.commands().any(|translated| translated.command
///     == "RDEFINE PTKTDATA CICSP1 UACC(NONE) SSIGNON(KEYMASKED(@secret:KEY1)) APPLDATA('NO REPLAY PROTECTION')"));
/// ```
pub struct Translation {
    commands: Vec<Translated>,
    keys: Vec<SecretString>,
    findings: u64,
}

impl Translation {
    /// The commands, in order.
    pub fn commands(&self) -> impl ExactSizeIterator<Item = &Translated> {
        self.commands.iter()
    }

    /// How many keys the list had.
    #[must_use]
    pub const fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How much of the list was not understood.
    #[must_use]
    pub const fn findings(&self) -> u64 {
        self.findings
    }
}

impl fmt::Debug for Translation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Translation")
            .field("commands", &self.commands)
            .field("keys", &self.keys.len())
            .field("findings", &self.findings)
            .finish()
    }
}

/// The keys its commands name.
impl SecretSource for Translation {
    fn named(&self, name: &str) -> Result<SecretString, String> {
        let number = name.to_ascii_uppercase().strip_prefix("KEY").and_then(|number| number.parse::<usize>().ok());
        let key = number.and_then(|number| self.keys.get(number.checked_sub(1)?));
        key.cloned().ok_or_else(|| format!("the list has no key {name:?}"))
    }

    fn file(&self, path: &str) -> Result<SecretString, String> {
        Err(format!("the file {path:?} is not read for a list of commands"))
    }
}

/// A translation being made.
struct Making<'t> {
    findings: Findings<'t>,
    commands: Vec<Translated>,
    keys: Vec<SecretString>,
    /// Profiles for permissions that are defined already.
    defined: BTreeSet<String>,
    refreshed: bool,
}

const REFRESH: &str = "SETROPTS RACLIST(PTKTDATA) REFRESH";

impl<'t> Making<'t> {
    fn new(tell: &'t mut dyn FnMut(&Finding)) -> Self {
        Self {
            findings: Findings::new(tell),
            commands: Vec::new(),
            keys: Vec::new(),
            defined: BTreeSet::new(),
            refreshed: false,
        }
    }

    fn command(&mut self, line: &Line<'_>, command: String) {
        self.refreshed = command == REFRESH;
        self.commands.push(Translated { line: line.number, command });
    }

    /// Something in a line that is not understood. What it says is not repeated: it may be a key.
    fn wrong(&mut self, line: &Line<'_>, word: Option<&Word<'_>>, what: impl Into<String>) {
        self.findings.add(line.number, word.map(|word| word.column), what);
    }

    /// The operand for a key, which becomes a secret of the translation.
    fn key(&mut self, line: &Line<'_>, word: &Word<'_>) -> Option<String> {
        let text = word.value.unwrap_or_default().trim();
        if text.len() != 16 || ClearKey::from_hex(text).is_err() {
            self.wrong(line, Some(word), "a key has 16 hexadecimal digits: the line is left out");
            return None;
        }
        self.keys.push(SecretString::from(text));
        Some(format!("SSIGNON(KEYMASKED(@secret:KEY{}))", self.keys.len()))
    }

    /// The name of a key profile. What looks like a key is none.
    fn profile(&mut self, line: &Line<'_>, word: &Word<'_>, text: &str) -> Option<ProfileName> {
        let name = text.parse::<ProfileName>().ok().filter(|name| {
            let short = name.as_str().split('.').all(|qualifier| (1..=8).contains(&qualifier.len()));
            short && !name.has_generic_characters()
        });
        if name.is_none() {
            self.wrong(line, Some(word), "this is no name of an application: the line is left out");
        }
        name
    }

    /// Who is permitted.
    fn user(&mut self, line: &Line<'_>, word: &Word<'_>, everybody: &str) -> Option<String> {
        let text = word.value.unwrap_or_default().trim();
        if text.eq_ignore_ascii_case(everybody) {
            return Some("*".to_owned());
        }
        let user = text.parse::<UserId>().ok();
        if user.is_none() {
            self.wrong(line, Some(word), "this is no user ID: the line is left out");
        }
        user.map(|user| user.to_string())
    }

    fn permit(&mut self, line: &Line<'_>, profile: &str, user: &str, access: Access) {
        if self.defined.insert(profile.to_owned()) {
            self.command(line, format!("RDEFINE PTKTDATA {profile} UACC(NONE)"));
        }
        self.command(line, format!("PERMIT {profile} CLASS(PTKTDATA) ID({user}) ACCESS({access})"));
    }

    fn finish(mut self) -> Translation {
        if let Some((first, last)) = self.commands.first().zip(self.commands.last()) {
            let (first, last) = (first.line, last.line);
            // Both servers have no classes to activate; here nothing of it would be in use.
            let on = "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)".to_owned();
            self.commands.insert(0, Translated { line: first, command: on });
            if !self.refreshed {
                self.commands.push(Translated { line: last, command: REFRESH.to_owned() });
            }
        }
        Translation { commands: self.commands, keys: self.keys, findings: self.findings.into_parts().0 }
    }
}

/// APPLDATA of a profile whose tickets may be used again, or may not.
const fn appldata(again: bool) -> &'static str {
    if again { " APPLDATA('NO REPLAY PROTECTION')" } else { "" }
}

/// The level that a list of levels comes to: who may make tickets may check them.
fn level(list: &str) -> Option<Access> {
    let levels = list.split([',', ' ']).filter(|level| !level.is_empty());
    let levels: Option<Vec<Access>> = levels
        .map(|level| match level.to_ascii_uppercase().as_str() {
            "READ" => Some(Access::Read),
            "UPDATE" | "ALL" => Some(Access::Update),
            "NONE" => Some(Access::None),
            _ => None,
        })
        .collect();
    levels?.into_iter().max()
}

/// Where the translations come from.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "ACF2",
        what: "INSERT of SSIGNON records of PTKTDATA with SSKEY and MULT-USE; RECKEY IRRPTAUTH in type PTK; REBUILD(PTK)",
        provenance: Provenance::Documented(
            "Broadcom article 32160, CA ACF2 for z/VM Administrator Guide, Zowe documentation",
        ),
    },
    Fact {
        topic: "ACF2",
        what: "UID(x) with one to eight characters is taken as the user ID x; PTKTGEN is taken as IRRPTAUTH with UPDATE",
        provenance: Provenance::Assumed("SIC2510", "a UID string is a site's own; samples name user IDs in its place"),
    },
    Fact {
        topic: "ACF2",
        what: "ENCRYPT is taken as KEYMASKED",
        provenance: Provenance::Assumed("SIC2511", "where ACF2 keeps the key then was not found"),
    },
    Fact {
        topic: "Top Secret",
        what: "PSTKAPPL, SESSKEY and SIGNMULTI of the NDT; PERMIT of PTKTDATA(IRRPTAUTH...); REFRESH",
        provenance: Provenance::Documented("CA Top Secret for z/VM guide on PassTickets, Zowe documentation"),
    },
    Fact {
        topic: "Top Secret",
        what: "PTKTDATA(IRRPTAUTH.appl) is IRRPTAUTH.appl.*, and with a user ID it is for this one alone",
        provenance: Provenance::Assumed(
            "SIC2512",
            "Top Secret compares beginnings; whole names are meant in the samples",
        ),
    },
];
