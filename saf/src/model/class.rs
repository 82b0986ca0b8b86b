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
    /// Functions of products, among them the Kerberos functions of R_ticketserv and R_GenSec.
    Facility,
    /// Services of ICSF.
    Csfserv,
    /// Labels of keys in the CKDS.
    Csfkeys,
    /// Kerberos realms and the trust between them.
    Realm,
    /// Keys of LDAP and DCE, which have an SSIGNON segment like those of PassTickets.
    Keysmstr,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 7] =
        [Self::Ptktdata, Self::Appl, Self::Facility, Self::Csfserv, Self::Csfkeys, Self::Realm, Self::Keysmstr];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ptktdata => "PTKTDATA",
            Self::Appl => "APPL",
            Self::Facility => "FACILITY",
            Self::Csfserv => "CSFSERV",
            Self::Csfkeys => "CSFKEYS",
            Self::Realm => "REALM",
            Self::Keysmstr => "KEYSMSTR",
        }
    }

    /// Whether its profiles can have an SSIGNON segment.
    #[must_use]
    pub const fn has_ssignon(self) -> bool {
        matches!(self, Self::Ptktdata | Self::Keysmstr)
    }

    /// Whether its profiles can have a KERB segment.
    #[must_use]
    pub const fn has_kerb(self) -> bool {
        matches!(self, Self::Realm)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|class| class.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("{text:?} is no class of this database: {}", Self::ALL.map(Self::name).join(", ")))
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
    /// PASSWORD(REVOKE(n)): at how many failed sign-ons in a row a user is revoked; none, and failures are not counted.
    pub revoke_after: Option<u8>,
}
