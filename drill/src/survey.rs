//! What a site looks like at one moment, and which of its key profiles can be used.

use std::ops::ControlFlow;

use icsf_core::KeyToken;
use icsf_core::engine::EngineState;
use icsf_core::kds::Found;
use icsf_core::token::Material;
use icsf_saf::model::{Class, LegacyKey, Profile};
use softicsf::{MasterKeyKind, System};

use crate::consumer::Failure;
use crate::error::Error;
use crate::file::{Offset, Skew};

/// A look at a site.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) site: String,
    pub(crate) at: Offset,
    /// The step it follows; none at the start.
    pub(crate) after: Option<String>,
    /// The state of the engine in a word, and whether it is used.
    pub(crate) engine: (String, bool),
    /// What a comparison of sites shows: name and value.
    pub(crate) properties: Vec<(&'static str, String)>,
    /// Seconds that its clock is ahead.
    pub(crate) ahead: i64,
    /// The labels of the CKDS.
    pub(crate) labels: Vec<String>,
    pub(crate) profiles: Vec<Surveyed>,
}

impl Survey {
    /// What a property was.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn smfid(&self) -> &str {
        self.property(SMF_ID).unwrap_or_default()
    }
}

/// The properties that something follows from.
pub(crate) const SMF_ID: &str = "SMF ID";
pub(crate) const CKDS_FORMAT: &str = "CKDS format";

/// A key profile, tried.
#[derive(Debug)]
pub(crate) struct Surveyed {
    pub(crate) profile: String,
    pub(crate) protection: Kept,
    /// Of the key tickets are made with.
    pub(crate) label: Option<String>,
    /// How far clocks may differ, in seconds.
    pub(crate) tolerance: u32,
    /// Whether a ticket may be used again.
    pub(crate) reuse: bool,
    /// Whether there is a masked key in it, used or not.
    pub(crate) masked: bool,
    /// Whether it was changed and waits for a REFRESH.
    pub(crate) stale: bool,
    /// Whether a ticket could be made; no ticket is. None where those get in who hold one, and nobody else.
    pub(crate) usable: Option<Result<(), Failure>>,
}

/// Where the key lies that tickets are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kept {
    /// In the security database, for legacy tickets.
    Masked,
    /// In the CKDS, for legacy tickets.
    Legacy,
    /// In a key token in the security database, for legacy tickets.
    KeyToken,
    /// In the CKDS, for enhanced tickets.
    Enhanced,
    /// The same, and not wrapped.
    EnhancedClear,
    /// That of a server of Kerberos, in the CKDS.
    Kerberos,
    /// The same, and in a keytab of the server.
    Keytab,
    /// Nowhere.
    NoKey,
}

impl Kept {
    /// What has the key.
    pub(crate) const fn what(self) -> &'static str {
        if self.is_kerberos() { "service" } else { "profile" }
    }

    /// Whether it is the key of a server of Kerberos.
    pub(crate) const fn is_kerberos(self) -> bool {
        matches!(self, Self::Kerberos | Self::Keytab)
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Masked => "legacy, masked in the security database",
            Self::Legacy => "legacy, in the CKDS",
            Self::KeyToken => "legacy, in a key token in the security database",
            Self::Enhanced => "enhanced, in the CKDS",
            Self::EnhancedClear => "enhanced, clear in the CKDS",
            Self::Kerberos => "Kerberos, in the CKDS",
            Self::Keytab => "Kerberos, in a keytab: new tickets need the KDC, those in hand do not",
            Self::NoKey => "no key",
        })
    }
}

/// Looks at a site, and tries every key profile: which applications could be reached now?
pub(crate) fn survey(
    system: &System,
    ahead: i64,
    site: &str,
    at: Offset,
    after: Option<&str>,
) -> Result<Survey, Error> {
    let view = system.saf().database().view().map_err(|e| Error::Missing(e.to_string()))?;
    let keys = system.saf().key_profiles().map_err(|e| Error::Missing(e.to_string()))?;
    let stale = |profile: &Profile| view.is_stale(Class::Ptktdata, &profile.name);
    let surveyed = keys.into_iter().map(|judged| {
        let stale = stale(&judged.profile);
        Surveyed { stale, ..tried(system, &judged.profile, judged.usable) }
    });
    let profiles = surveyed.collect();
    let named = |classes: &mut dyn Iterator<Item = &Class>| {
        let names: Vec<String> = classes.map(ToString::to_string).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(" ") }
    };
    let mut properties = vec![(SMF_ID, system.names().smfid.clone())];
    let engine = icsf(system, &mut properties);
    properties.push(("clock", Skew(ahead).to_string()));
    properties.push(("active classes", named(&mut view.options().active.iter())));
    properties.push(("RACLISTed classes", named(&mut view.options().raclisted.iter())));
    Ok(Survey {
        site: site.to_owned(),
        at,
        after: after.map(str::to_owned),
        engine,
        properties,
        ahead,
        labels: labels(system),
        profiles,
    })
}

/// What there is to say of ICSF; the state of the engine in a word, and whether it is used.
fn icsf(system: &System, properties: &mut Vec<(&'static str, String)>) -> (String, bool) {
    let view = match system.icsf().view() {
        Ok(view) => view,
        Err(error) => {
            properties.push(("ICSF", error.to_string()));
            return ("unknown".to_owned(), false);
        }
    };
    let pattern = |pattern: Option<String>| pattern.unwrap_or_else(|| "none".to_owned());
    let header = view.kds.header();
    properties.push(("ICSF", if view.control.started { "started" } else { "not started" }.to_owned()));
    properties.push(("engine", view.engine.state.word().to_owned()));
    for (kind, held, needed) in [
        (MasterKeyKind::Des, "DES-MK in the engine", "DES-MK of the CKDS"),
        (MasterKeyKind::Aes, "AES-MK in the engine", "AES-MK of the CKDS"),
    ] {
        properties.push((held, pattern(view.engine.master_keys.of(kind).current.map(|mkvp| mkvp.to_string()))));
        properties.push((needed, pattern(header.of(kind).map(|current| current.mkvp().to_string()))));
    }
    properties.push((CKDS_FORMAT, header.format.to_string()));
    properties.push(("records in storage", view.kds.len().to_string()));
    let word = match &view.engine.state {
        EngineState::Deconfigured => "not installed",
        state => state.word(),
    };
    (word.to_owned(), view.engine.state == EngineState::Online)
}

fn labels(system: &System) -> Vec<String> {
    let mut labels = Vec::new();
    let read = system.icsf().key_data_set().scan(None, &mut |key, _| {
        labels.push(key.label().to_string());
        ControlFlow::Continue(())
    });
    // A key data set that cannot be read shows in the properties.
    if read.is_err() {
        labels.clear();
    }
    labels
}

fn tried(system: &System, profile: &Profile, usable: icsf_saf::Result<icsf_saf::KeySource>) -> Surveyed {
    let ssignon = profile.ssignon.as_ref();
    let enhanced = ssignon.and_then(|ssignon| ssignon.enhanced);
    let legacy = ssignon.and_then(|ssignon| ssignon.legacy.as_ref());
    let (protection, label) = match (enhanced, legacy) {
        (Some(label), _) if is_clear(system, &label) => (Kept::EnhancedClear, Some(label)),
        (Some(label), _) => (Kept::Enhanced, Some(label)),
        (None, Some(LegacyKey::Label(label))) => (Kept::Legacy, Some(*label)),
        (None, Some(LegacyKey::Masked(_))) => (Kept::Masked, None),
        (None, Some(LegacyKey::Token(_))) => (Kept::KeyToken, None),
        // What an unload does not hold makes no ticket.
        (None, Some(LegacyKey::Imported(_)) | None) => (Kept::NoKey, None),
    };
    let (tolerance, reuse) = match (enhanced, ssignon) {
        (Some(_), Some(ssignon)) => (ssignon.timeout(), ssignon.replay()),
        _ => (LEGACY_WINDOW, profile.replay_bypassed()),
    };
    Surveyed {
        profile: profile.name.to_string(),
        protection,
        label: label.map(|label| label.to_string()),
        tolerance,
        reuse,
        masked: matches!(legacy, Some(LegacyKey::Masked(_))),
        stale: false,
        usable: Some(usable.map(drop).map_err(|error| Failure::of(&error))),
    }
}

/// Seconds around its own time in which a legacy ticket is good.
///
/// Source: RACF Security Administrator's Guide, validating a PassTicket: ten minutes.
const LEGACY_WINDOW: u32 = 600;

fn is_clear(system: &System, label: &icsf_core::KeyLabel) -> bool {
    let Ok(view) = system.icsf().view() else { return false };
    let Found::Here(found) = view.kds.find(label) else { return false };
    match found.parse().map(|record| record.token) {
        Ok(KeyToken::Variable(token)) => matches!(token.material(), Material::Clear(_)),
        _ => false,
    }
}
