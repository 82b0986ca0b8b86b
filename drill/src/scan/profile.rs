//! Key profiles of class PTKTDATA as a scan sees them: where each key lies, and what that depends on.

use std::fmt;

use icsf_core::KeyLabel;
use icsf_saf::model::{ImportedKey, LegacyKey, Profile, ProfileName, TicketType};
use icsf_saf::pasted::{ListedKey, ListedProfile};
use softicsf::ptkt::Window;

use super::input::Origin;

/// A profile that may hold keys: any of class PTKTDATA that is not a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProfile {
    /// Its name: the application, alone or with group and user.
    pub name: ProfileName,
    /// It is generic, and so RACF looks for no key in it.
    pub generic: bool,
    /// It has an SSIGNON segment.
    pub segment: bool,
    /// Where the legacy key is.
    pub legacy: Option<LegacyProtection>,
    /// The enhanced key.
    pub enhanced: Option<Enhanced>,
    /// Legacy tickets may be used again: APPLDATA.
    pub replay_bypassed: bool,
    /// The records it was read from.
    pub records: Vec<Origin>,
}

/// Where a legacy key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LegacyProtection {
    /// KEYMASKED: in the security database.
    Masked,
    /// In the CKDS, under this label.
    Label(KeyLabel),
    /// In the CKDS; levels before 2.4 do not list the label.
    Encrypted,
    /// A key token in the profile.
    Token,
    /// Not to be told.
    Unknown,
}

/// An enhanced key and what its tickets are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enhanced {
    /// EPTKEYLABEL.
    pub label: KeyLabel,
    /// TYPE.
    pub ticket_type: TicketType,
    /// TIMEOUT, in seconds.
    pub timeout: u32,
    /// REPLAY.
    pub replay: bool,
    /// Whether its key is clear, as far as listings of the CKDS tell.
    pub key: HmacProtection,
}

/// How an HMAC key is kept in the CKDS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HmacProtection {
    /// No listing tells.
    Unseen,
    /// Under the AES master key: it takes a card.
    Secure,
    /// As it is: it takes ICSF, and no card.
    Clear,
}

/// What the tickets that are generated take at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Requirement {
    /// Neither ICSF nor a card.
    Nothing,
    /// ICSF.
    IcsfOnly,
    /// ICSF, and a card unless the HMAC key is clear.
    CardUnlessClear,
    /// ICSF and a card with the master key.
    CardWithKey,
    /// It cannot be told.
    Unknown,
}

impl Requirement {
    /// In a word of at most seven letters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::IcsfOnly => "ICSF",
            Self::CardUnlessClear => "card?",
            Self::CardWithKey => "card",
            Self::Unknown => "?",
        }
    }
}

impl LegacyProtection {
    /// As unloads write it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Masked => ImportedKey::Masked.to_string(),
            Self::Label(label) => label.to_string(),
            // The label is not in the listing, and the words for that are ours.
            Self::Encrypted => "(label not shown)".to_owned(),
            Self::Token => ImportedKey::Token.to_string(),
            Self::Unknown => ImportedKey::Unknown.to_string(),
        }
    }

    const fn needs(&self) -> Requirement {
        match self {
            Self::Masked => Requirement::Nothing,
            Self::Label(_) | Self::Encrypted | Self::Token => Requirement::CardWithKey,
            Self::Unknown => Requirement::Unknown,
        }
    }
}

impl fmt::Display for LegacyProtection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Masked => "KEYMASKED",
            Self::Label(_) | Self::Encrypted => "key in the CKDS",
            Self::Token => "key token",
            Self::Unknown => "unknown key",
        })
    }
}

impl KeyProfile {
    pub(super) fn of_unload(profile: &Profile, records: Vec<Origin>) -> Self {
        let ssignon = profile.ssignon.as_ref();
        let legacy = |key: &LegacyKey| match key {
            LegacyKey::Masked(_) | LegacyKey::Imported(ImportedKey::Masked) => LegacyProtection::Masked,
            LegacyKey::Label(label) => LegacyProtection::Label(*label),
            LegacyKey::Token(_) | LegacyKey::Imported(ImportedKey::Token) => LegacyProtection::Token,
            LegacyKey::Imported(_) => LegacyProtection::Unknown,
        };
        Self {
            name: profile.name.clone(),
            generic: profile.generic,
            segment: ssignon.is_some(),
            legacy: ssignon.and_then(|ssignon| ssignon.legacy.as_ref().map(legacy)),
            enhanced: ssignon.and_then(|ssignon| {
                Some(Enhanced {
                    label: ssignon.enhanced?,
                    ticket_type: ssignon.ticket_type(),
                    timeout: ssignon.timeout(),
                    replay: ssignon.replay(),
                    key: HmacProtection::Unseen,
                })
            }),
            replay_bypassed: profile.replay_bypassed(),
            records,
        }
    }

    /// As RLIST lists it; nothing where the listing is of something else.
    pub(super) fn of_listing(listed: &ListedProfile, record: Origin) -> Option<Self> {
        if listed.class.as_deref().is_some_and(|class| class != "PTKTDATA") {
            return None;
        }
        let name: ProfileName = listed.name.as_deref()?.parse().ok()?;
        if is_permission(name.as_str()) {
            return None;
        }
        let ssignon = listed.ssignon.as_ref();
        let legacy = |key: ListedKey| match key {
            ListedKey::Masked => LegacyProtection::Masked,
            ListedKey::Label(label) => LegacyProtection::Label(label),
            ListedKey::Encrypted => LegacyProtection::Encrypted,
            ListedKey::Token => LegacyProtection::Token,
            _ => LegacyProtection::Unknown,
        };
        let appldata = listed.appldata.as_deref().unwrap_or_default().to_ascii_uppercase();
        Some(Self {
            name,
            generic: listed.generic,
            segment: ssignon.is_some(),
            legacy: ssignon.and_then(|ssignon| ssignon.legacy).map(legacy),
            enhanced: ssignon.and_then(|ssignon| {
                Some(Enhanced {
                    label: ssignon.enhanced?,
                    ticket_type: ssignon.ticket_type.unwrap_or_default(),
                    timeout: ssignon.timeout.unwrap_or(Window::DEFAULT_TIMEOUT),
                    replay: ssignon.replay.unwrap_or(false),
                    key: HmacProtection::Unseen,
                })
            }),
            replay_bypassed: appldata.starts_with("NO REPLAY PROTECTION"),
            records: vec![record],
        })
    }

    /// Whether RACF makes and checks tickets with it.
    #[must_use]
    pub const fn is_used(&self) -> bool {
        !self.generic && (self.legacy.is_some() || self.enhanced.is_some())
    }

    /// What generating a ticket takes: an enhanced key goes before a legacy one.
    #[must_use]
    pub fn needs(&self) -> Requirement {
        match (&self.enhanced, &self.legacy) {
            (Some(enhanced), _) => match enhanced.key {
                HmacProtection::Clear => Requirement::IcsfOnly,
                HmacProtection::Secure => Requirement::CardWithKey,
                HmacProtection::Unseen => Requirement::CardUnlessClear,
            },
            (None, Some(legacy)) => legacy.needs(),
            (None, None) => Requirement::Unknown,
        }
    }

    /// Under which master keys it has keys: DES, AES. An HMAC key that may be clear counts as one that is not.
    pub(super) fn under(&self) -> [bool; 2] {
        let legacy = !matches!(self.legacy, None | Some(LegacyProtection::Masked));
        [legacy, self.enhanced.is_some_and(|enhanced| enhanced.key != HmacProtection::Clear)]
    }

    /// How far a clock may be off, in seconds, for the tickets that are generated.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.enhanced.map_or(Window::MAX_SECONDS, |enhanced| enhanced.timeout)
    }

    /// Whether a ticket that is generated may be used twice.
    #[must_use]
    pub fn may_be_reused(&self) -> bool {
        self.enhanced.map_or(self.replay_bypassed, |enhanced| enhanced.replay)
    }

    /// The SMF ID in the name of an application of a system: TSO or MVS, and one to four characters.
    ///
    /// A VTAM generic resource name may look the same.
    #[must_use]
    pub fn smfid(&self) -> Option<(&'static str, &str)> {
        ["TSO", "MVS"].into_iter().find_map(|prefix| {
            let id = self.name.as_str().strip_prefix(prefix)?;
            ((1..=4).contains(&id.len()) && !id.contains('.')).then_some((prefix, id))
        })
    }

    /// The labels of its keys, each with the type its record has.
    pub(super) fn labels(&self) -> impl Iterator<Item = (KeyLabel, &'static str)> {
        let legacy = match self.legacy {
            Some(LegacyProtection::Label(label)) => Some((label, "DATA")),
            _ => None,
        };
        legacy.into_iter().chain(self.enhanced.map(|enhanced| (enhanced.label, "MAC")))
    }

    /// Whether it says the same of its keys as another.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let legacy = match (self.legacy, other.legacy) {
            (Some(LegacyProtection::Encrypted), Some(LegacyProtection::Label(_)))
            | (Some(LegacyProtection::Label(_)), Some(LegacyProtection::Encrypted)) => true,
            (one, another) => one == another,
        };
        legacy && self.enhanced == other.enhanced
    }
}

/// Whether a profile of PTKTDATA says who may do what, and holds no key.
pub(super) fn is_permission(name: &str) -> bool {
    name.starts_with("IRRPTAUTH")
}
