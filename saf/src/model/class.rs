//! General resource classes, and what SETROPTS says of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A general resource class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Class {
    /// PassTicket keys, and who may make and check tickets.
    Ptktdata,
    /// Applications.
    Appl,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 2] = [Self::Ptktdata, Self::Appl];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ptktdata => "PTKTDATA",
            Self::Appl => "APPL",
        })
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|class| class.to_string().eq_ignore_ascii_case(text)).ok_or_else(|| {
            format!("{text:?} is no class of this database: {}", Self::ALL.map(|class| class.to_string()).join(", "))
        })
    }
}

/// What SETROPTS has set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Classes that are active.
    pub active: BTreeSet<Class>,
    /// Classes whose profiles are used from the in-storage copy made at RACLIST, and renewed at REFRESH.
    pub raclisted: BTreeSet<Class>,
    /// Classes in which generic profiles can be defined and are used.
    pub generic: BTreeSet<Class>,
    /// Passwords keep their case: PASSWORD(MIXEDCASE).
    pub mixed_case: bool,
}
