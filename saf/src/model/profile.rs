//! A general resource profile, with its segments: SSIGNON of class PTKTDATA, KERB of class REALM.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use icsf_core::token::DesToken;
use icsf_core::{ClearKey, KeyLabel};
use ptkt::UserId;
use subtle::ConstantTimeEq;

use super::{Class, ProfileName, Realm};

/// A profile.
#[derive(Debug)]
pub struct Profile {
    /// Its class.
    pub class: Class,
    /// Its name.
    pub name: ProfileName,
    /// Whether it covers every resource its name matches, or the one of its name only.
    pub generic: bool,
    /// Who owns it.
    pub owner: UserId,
    /// What everybody may do.
    pub uacc: Access,
    /// APPLDATA.
    pub appldata: String,
    /// DATA: installation data.
    pub data: String,
    /// LEVEL: 0 to 99, for the installation.
    pub level: u8,
    /// WARNING: what would be refused is allowed, with a warning.
    pub warning: bool,
    /// AUDIT: which attempts are recorded.
    pub audit: Audit,
    /// The access list: user or group, and what it may do.
    pub access: BTreeMap<UserId, Access>,
    /// The SSIGNON segment.
    pub ssignon: Option<Ssignon>,
    /// The KERB segment.
    pub kerb: Option<Realm>,
}

impl Profile {
    /// A new one: nobody may do anything, no segment.
    #[must_use]
    pub fn new(class: Class, name: ProfileName, generic: bool, owner: UserId) -> Self {
        Self {
            class,
            name,
            generic,
            owner,
            uacc: Access::None,
            appldata: String::new(),
            data: String::new(),
            level: 0,
            warning: false,
            audit: Audit::default(),
            access: BTreeMap::new(),
            ssignon: None,
            kerb: None,
        }
    }

    /// A copy to be changed.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            class: self.class,
            name: self.name.clone(),
            generic: self.generic,
            owner: self.owner,
            uacc: self.uacc,
            appldata: self.appldata.clone(),
            data: self.data.clone(),
            level: self.level,
            warning: self.warning,
            audit: self.audit,
            access: self.access.clone(),
            ssignon: self.ssignon.as_ref().map(Ssignon::duplicate),
            kerb: self.kerb.as_ref().map(Realm::duplicate),
        }
    }

    /// Whether its tickets have small letters: there is an enhanced key, and TYPE is MIXED.
    #[must_use]
    pub fn makes_mixed_case_tickets(&self) -> bool {
        let mixed = |ssignon: &Ssignon| ssignon.enhanced.is_some() && ssignon.ticket_type() == TicketType::Mixed;
        self.ssignon.as_ref().is_some_and(mixed)
    }

    /// Whether legacy tickets may be used again: APPLDATA begins with `NO REPLAY PROTECTION`.
    ///
    /// Source: RACF Security Administrator's Guide for the text; that a suffix is allowed follows from IBM's own sample
    /// profiles, which have one.
    #[must_use]
    pub fn replay_bypassed(&self) -> bool {
        self.appldata.to_ascii_uppercase().starts_with("NO REPLAY PROTECTION")
    }
}

/// The SSIGNON segment: the keys of a PTKTDATA profile.
#[derive(Debug, Default)]
pub struct Ssignon {
    /// The key of legacy tickets.
    pub legacy: Option<LegacyKey>,
    /// EPTKEYLABEL: the label of the key of enhanced tickets.
    pub enhanced: Option<KeyLabel>,
    /// TYPE, where it was set.
    pub ticket_type: Option<TicketType>,
    /// TIMEOUT in seconds, where it was set.
    pub timeout: Option<u32>,
    /// REPLAY, where it was set.
    pub replay: Option<bool>,
}

impl Ssignon {
    /// TYPE, or its default.
    #[must_use]
    pub fn ticket_type(&self) -> TicketType {
        self.ticket_type.unwrap_or_default()
    }

    /// TIMEOUT, or its default: 60 seconds.
    #[must_use]
    pub fn timeout(&self) -> u32 {
        self.timeout.unwrap_or(ptkt::Window::DEFAULT_TIMEOUT)
    }

    /// REPLAY, or its default: no.
    #[must_use]
    pub fn replay(&self) -> bool {
        self.replay.unwrap_or(false)
    }

    fn duplicate(&self) -> Self {
        Self {
            legacy: self.legacy.as_ref().map(LegacyKey::duplicate),
            enhanced: self.enhanced,
            ticket_type: self.ticket_type,
            timeout: self.timeout,
            replay: self.replay,
        }
    }
}

/// Where the key of legacy tickets lies.
#[derive(Debug)]
pub enum LegacyKey {
    /// KEYMASKED: in the database itself, in a form that anybody can undo. No ICSF is needed.
    Masked(ClearKey),
    /// KEYENCRYPTED or KEYLABEL: in the CKDS, under this label. ICSF and an engine are needed.
    Label(KeyLabel),
    /// In the database itself, in a key token: wrapped under the DES-MK as in the CKDS, so that ICSF and an engine are
    /// needed. Nothing re-enciphers it when the master key is changed: once that is neither current nor old, the key is
    /// lost. RALTER SSIGNON(ENCRYPTKEY) moves it into the CKDS before.
    ///
    /// Source: z/OS 2.4 education deck on PassTickets: a KEYENCRYPTED that did not finish could leave one.
    Token(DesToken),
    /// In the database the profile was imported from. An unload tells how it is kept there, and not what it is.
    Imported(ImportedKey),
}

impl LegacyKey {
    pub(crate) fn duplicate(&self) -> Self {
        match self {
            Self::Masked(key) => Self::Masked(ClearKey::from_slice(key.expose())),
            Self::Label(label) => Self::Label(*label),
            Self::Token(token) => Self::Token(token.clone()),
            Self::Imported(how) => Self::Imported(*how),
        }
    }

    /// Whether the other one is the same key, kept alike.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Masked(one), Self::Masked(other)) => bool::from(one.expose().ct_eq(other.expose())),
            (Self::Label(one), Self::Label(other)) => one == other,
            (Self::Token(one), Self::Token(other)) => one == other,
            (Self::Imported(one), Self::Imported(other)) => one == other,
            _ => false,
        }
    }
}

/// How a legacy key is kept in the database a profile was imported from, where it is not a label.
///
/// Source: z/OS 2.4 education deck on PassTickets, values of unload record 0530.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ImportedKey {
    /// `*MASKED*`: KEYMASKED.
    Masked,
    /// `*KEYTOKEN*`: a key token in the profile, left there by a KEYENCRYPTED that did not finish. It needs the master key
    /// all the same.
    Token,
    /// `*UNKNOWN*`: in a form that could not be read.
    Unknown,
}

impl ImportedKey {
    /// All.
    pub const ALL: [Self; 3] = [Self::Masked, Self::Token, Self::Unknown];

    /// As unloads write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Masked => "*MASKED*",
            Self::Token => "*KEYTOKEN*",
            Self::Unknown => "*UNKNOWN*",
        }
    }
}

impl fmt::Display for ImportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// AUDIT: from which access level on successes and failures are recorded; none, and they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Audit {
    /// SUCCESS.
    pub success: Option<Access>,
    /// FAILURES.
    pub failures: Option<Access>,
}

impl Default for Audit {
    /// FAILURES(READ).
    fn default() -> Self {
        Self { success: None, failures: Some(Access::Read) }
    }
}

/// TYPE: the alphabet of enhanced tickets.
///
/// Source: z/OS 2.5 education deck on enhanced PassTickets; MIXED is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum TicketType {
    /// 36 characters.
    Upper,
    /// 64 characters; needs SETROPTS PASSWORD(MIXEDCASE).
    #[default]
    Mixed,
}

impl fmt::Display for TicketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Upper => "UPPER",
            Self::Mixed => "MIXED",
        })
    }
}

#[cfg(feature = "enhanced")]
impl From<TicketType> for ptkt::enhanced::TicketType {
    fn from(from: TicketType) -> Self {
        match from {
            TicketType::Upper => Self::Upper,
            TicketType::Mixed => Self::Mixed,
        }
    }
}

/// What somebody may do with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub enum Access {
    /// Nothing.
    #[default]
    None,
    /// Execute.
    Execute,
    /// Read: evaluate PassTickets.
    Read,
    /// Update: generate PassTickets.
    Update,
    /// Control.
    Control,
    /// Alter.
    Alter,
}

impl Access {
    /// All levels, lowest first.
    pub const ALL: [Self; 6] = [Self::None, Self::Execute, Self::Read, Self::Update, Self::Control, Self::Alter];
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "NONE",
            Self::Execute => "EXECUTE",
            Self::Read => "READ",
            Self::Update => "UPDATE",
            Self::Control => "CONTROL",
            Self::Alter => "ALTER",
        })
    }
}

impl FromStr for Access {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|level| level.to_string().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("an access level is {}", Self::ALL.map(|level| level.to_string()).join(", ")))
    }
}
