//! The twenty faults, and what becomes of an application under each.
//!
//! Names and outcomes are those of the drills; the answers a caller sees are SAF return code, RACF return code and
//! reason.

use super::profile::{Enhanced, KeyProfile, LegacyProtection, Requirement};

/// What becomes of the tickets of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fate {
    /// They work.
    Works,
    /// It depends on what the exports do not tell.
    Depends,
    /// No sign-on with a ticket succeeds.
    Dies,
}

/// A fault at the recovery site.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Its name, as in drills.
    pub name: &'static str,
    /// What who generates a ticket sees.
    pub generate: &'static str,
    /// What who evaluates one sees.
    pub evaluate: &'static str,
    /// What ICSF answers RACF, which callers do not see, in hexadecimal; empty where it has no part in it.
    pub icsf: &'static str,
    fate: fn(&KeyProfile) -> Option<Fate>,
}

impl Fault {
    /// What it is, in a few words: as in drills.
    #[must_use]
    pub fn title(&self) -> &'static str {
        crate::fault::Fault::named(self.name).map_or(self.name, |fault| fault.title)
    }

    /// What becomes of an application; nothing where the fault is not about tickets.
    #[must_use]
    pub fn fate(&self, profile: &KeyProfile) -> Option<Fate> {
        (self.fate)(profile)
    }

    /// Whether it may break an application.
    pub(super) fn breaks(&self, profile: &KeyProfile) -> bool {
        self.fate(profile).is_some_and(|fate| fate > Fate::Works)
    }

    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FAULTS.iter().find(|fault| fault.name == name)
    }
}

/// By how many seconds the clock is off under `clock-small`.
const SMALL: u32 = 90;

const OK: &str = "ok";
const NOT_MADE: &str = "8/16/28";
const NOT_VALID: &str = "8/16/32";

macro_rules! faults {
    ($($name:literal $generate:expr, $evaluate:expr, $icsf:literal, $fate:expr;)*) => {
        /// All of them, in the order of the drills.
        pub const FAULTS: &[Fault] = &[$(Fault {
            name: $name, generate: $generate, evaluate: $evaluate, icsf: $icsf, fate: $fate,
        },)*];
    };
}

faults! {
    "no-card" NOT_MADE, NOT_VALID, "0C/0000", |p| Some(card(p));
    "icsf-stopped" NOT_MADE, NOT_VALID, "0C/0000", |p| Some(icsf(p));
    "wrong-master-key" NOT_MADE, NOT_VALID, "08/2714, 0C/0000", |p| Some(card(p));
    "zeroised" NOT_MADE, NOT_VALID, "08/2714, 0C/0000", |p| Some(card(p));
    "smfid" NOT_MADE, NOT_VALID, "", |p| Some(if p.smfid().is_some() { Fate::Dies } else { Fate::Works });
    "class-inactive" "8/8/16", "8/8/16", "", |_| Some(Fate::Dies);
    "stale-raclist" OK, NOT_VALID, "", |_| Some(Fate::Depends);
    "ckds-empty" NOT_MADE, NOT_VALID, "08/271C", |p| Some(ckds(p, Fate::Dies));
    "ckds-older" NOT_MADE, NOT_VALID, "08/271C", |p| Some(ckds(p, Fate::Depends));
    "ckds-fixed" NOT_MADE, NOT_VALID, "08/271C",
        |p| Some(if p.enhanced.is_some() { Fate::Dies } else { Fate::Works });
    "clock-large" OK, NOT_VALID, "", |_| Some(Fate::Dies);
    "clock-small" OK, NOT_VALID, "",
        |p| Some(if p.window() < SMALL { Fate::Dies } else { Fate::Works });
    "replay" OK, NOT_VALID, "",
        |p| Some(if p.may_be_reused() { Fate::Works } else { Fate::Dies });
    "different-keys" OK, NOT_VALID, "", |_| Some(Fate::Dies);
    "csf-refused" NOT_MADE, NOT_VALID, "08/3E80, 08/3E84", |p| Some(icsf(p));
    "retry-storm" "-", "revoked", "", |_| None;
    "dirty-environment" "-", "-", "",
        |p| Some(icsf(p).min(Fate::Depends));
    "kerberos-down" "8/12/16", "8/12/16", "", |_| None;
    "key-token" NOT_MADE, NOT_VALID, "08/2714",
        |p| Some(if p.legacy == Some(LegacyProtection::Token) && p.enhanced.is_none() { Fate::Dies } else { Fate::Works });
    "label-missing" NOT_MADE, NOT_VALID, "08/271C", |p| Some(ckds(p, Fate::Dies));
}

/// Where the card, or its master keys, are not there.
fn card(profile: &KeyProfile) -> Fate {
    match profile.needs() {
        Requirement::Nothing | Requirement::IcsfOnly => Fate::Works,
        Requirement::CardWithKey => Fate::Dies,
        Requirement::CardUnlessClear | Requirement::Unknown => Fate::Depends,
    }
}

/// Where ICSF serves nobody.
fn icsf(profile: &KeyProfile) -> Fate {
    match profile.needs() {
        Requirement::Nothing => Fate::Works,
        Requirement::Unknown => Fate::Depends,
        Requirement::IcsfOnly | Requirement::CardUnlessClear | Requirement::CardWithKey => Fate::Dies,
    }
}

/// Where a record of the CKDS is missing.
fn ckds(profile: &KeyProfile, missing: Fate) -> Fate {
    match (&profile.enhanced, &profile.legacy) {
        (Some(Enhanced { .. }), _) | (None, Some(LegacyProtection::Label(_) | LegacyProtection::Encrypted)) => missing,
        (None, Some(LegacyProtection::Masked)) => Fate::Works,
        // A token is no record of the CKDS, and whether ICSF comes up without is not told.
        (None, Some(LegacyProtection::Token | LegacyProtection::Unknown) | None) => Fate::Depends,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_faults_of_drills_in_the_same_order() {
        let names = |faults: &[Fault]| faults.iter().map(|fault| fault.name).collect::<Vec<_>>();
        assert_eq!(names(FAULTS), crate::fault::FAULTS.iter().map(|fault| fault.name).collect::<Vec<_>>());
    }
}
