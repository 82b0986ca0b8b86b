//! Drill files: TOML, every table and key known, secrets by reference.

use std::collections::BTreeMap;
use std::fmt;

use icsf_core::kds::KdsFormat;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny};
use toml::Spanned;

use crate::card::CardKind;
use crate::expect::Expect;

mod consumer;
mod inputs;
mod realm;

pub(crate) use consumer::{ConsumerEntry, Fallback, SessionEntry};
pub use inputs::Format;
pub(crate) use inputs::{Inputs, ReportEntry, Rollback};
pub(crate) use realm::{KeyOf, RealmEntry, ServiceEntry};

/// A drill as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DrillFile {
    pub(crate) format: Spanned<u32>,
    pub(crate) drill: Header,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, Spanned<SecretFrom>>,
    #[serde(default)]
    pub(crate) inputs: Inputs,
    pub(crate) site: Vec<SiteEntry>,
    #[serde(default)]
    pub(crate) racf: Racf,
    #[serde(default)]
    pub(crate) key: Vec<KeyEntry>,
    #[serde(default)]
    pub(crate) profile: Vec<ProfileEntry>,
    #[serde(default)]
    pub(crate) permit: Vec<PermitEntry>,
    #[serde(default)]
    pub(crate) user: Vec<UserEntry>,
    pub(crate) realm: Option<RealmEntry>,
    #[serde(default)]
    pub(crate) service: Vec<ServiceEntry>,
    #[serde(default)]
    pub(crate) consumer: Vec<ConsumerEntry>,
    pub(crate) step: Vec<StepEntry>,
    #[serde(default)]
    pub(crate) rollback: Rollback,
    #[serde(default)]
    pub(crate) report: ReportEntry,
}

/// What a drill is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) id: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) kind: Kind,
    pub(crate) lead: Option<String>,
    pub(crate) objective: Option<String>,
    pub(crate) rto: Option<Offset>,
    /// Virtual start; the machine's clock at the start where it is left out.
    #[serde(default, deserialize_with = "date_time")]
    pub(crate) clock: Option<u64>,
    #[serde(default)]
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    #[default]
    Simulation,
    Tabletop,
    Functional,
    Failover,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Simulation => "simulation",
            Self::Tabletop => "tabletop",
            Self::Functional => "functional",
            Self::Failover => "failover",
        })
    }
}

/// Where a secret comes from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum SecretFrom {
    /// Made for this run, from the seed.
    Generate(Generated),
    /// From an environment variable.
    Env(String),
    /// From a file that only its owner can read.
    File(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Generated {
    /// 16 hexadecimal digits.
    Des,
    /// 128 hexadecimal digits.
    Hmac,
    /// 8 letters.
    Password,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteEntry {
    pub(crate) name: Spanned<String>,
    #[serde(default)]
    pub(crate) role: Role,
    pub(crate) smfid: Spanned<String>,
    #[serde(default)]
    pub(crate) icsf: IcsfState,
    #[serde(default)]
    pub(crate) ckds: CkdsEntry,
    pub(crate) engine: EngineEntry,
    /// How far its clock is off.
    #[serde(default)]
    pub(crate) clock: Skew,
    /// CHECKAUTH of its ICSF options.
    #[serde(default)]
    pub(crate) checkauth: bool,
    #[serde(default)]
    pub(crate) replay_scope: ReplayScope,
}

/// Which systems remember used tickets together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReplayScope {
    /// This one by itself.
    #[default]
    System,
    /// All that say so.
    Sysplex,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    #[default]
    Primary,
    Recovery,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Primary => "primary",
            Self::Recovery => "recovery",
        })
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum IcsfState {
    #[default]
    Active,
    Stopped,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CkdsEntry {
    #[serde(default, deserialize_with = "format")]
    pub(crate) format: Option<KdsFormat>,
    pub(crate) copy_of: Option<Spanned<String>>,
    /// What real systems have: no drill takes it, and the mistake says what to write.
    pub(crate) store: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineEntry {
    pub(crate) kind: EngineKind,
    /// What the card is called.
    pub(crate) token: Option<Spanned<String>>,
    /// `same-as:SITE`, or new ones where it is left out.
    pub(crate) master_key: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineKind {
    Software,
    Pkcs11,
    None,
}

impl EngineKind {
    /// The card that takes.
    pub(crate) const fn card(self) -> Option<CardKind> {
        match self {
            Self::Software => Some(CardKind::Software),
            Self::Pkcs11 => Some(CardKind::Pkcs11),
            Self::None => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Racf {
    #[serde(default, deserialize_with = "words")]
    pub(crate) classact: Vec<Spanned<String>>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) raclist: Vec<Spanned<String>>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) generic: Vec<Spanned<String>>,
    /// Whatever else is set up, command by command.
    #[serde(default)]
    pub(crate) commands: Vec<Spanned<String>>,
}

/// A key in the CKDS of the primary site.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyEntry {
    pub(crate) label: Spanned<String>,
    #[serde(rename = "type")]
    pub(crate) key_type: KeyKind,
    /// `@secret:NAME`; a random key where it is left out.
    pub(crate) value: Option<Spanned<String>>,
    /// Not wrapped: HMAC keys only.
    #[serde(default)]
    pub(crate) clear: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum KeyKind {
    #[serde(rename = "DES-DATA")]
    Des,
    #[serde(rename = "HMAC-MAC")]
    Hmac,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileEntry {
    #[serde(deserialize_with = "word")]
    pub(crate) class: Spanned<String>,
    #[serde(deserialize_with = "word")]
    pub(crate) name: Spanned<String>,
    /// Operands of SSIGNON as RACF spells them.
    #[serde(default)]
    pub(crate) ssignon: Vec<Spanned<String>>,
    pub(crate) appldata: Option<Spanned<String>>,
    pub(crate) uacc: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PermitEntry {
    #[serde(deserialize_with = "word")]
    pub(crate) profile: Spanned<String>,
    #[serde(default = "ptktdata", deserialize_with = "word")]
    pub(crate) class: Spanned<String>,
    #[serde(deserialize_with = "word")]
    pub(crate) id: Spanned<String>,
    #[serde(deserialize_with = "word")]
    pub(crate) access: Spanned<String>,
}

fn ptktdata() -> Spanned<String> {
    Spanned::new(0..0, "PTKTDATA".to_owned())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserEntry {
    #[serde(deserialize_with = "word")]
    pub(crate) id: Spanned<String>,
    pub(crate) name: Option<Spanned<String>>,
    /// `@secret:NAME`; a protected user where it is left out.
    pub(crate) password: Option<Spanned<String>>,
    /// KERBNAME: its principal of the realm.
    #[serde(default, deserialize_with = "principal")]
    pub(crate) principal: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepEntry {
    pub(crate) id: Spanned<String>,
    pub(crate) at: Spanned<WrittenOffset>,
    pub(crate) site: Option<Spanned<String>>,
    #[serde(rename = "do")]
    pub(crate) action: Spanned<String>,
    /// Read when it is known what the action needs: see [`tables`](crate::with::tables).
    #[serde(rename = "with")]
    _with: Option<IgnoredAny>,
    pub(crate) expect: Option<Spanned<Expect>>,
}

/// Seconds from the start, written `+5m`, `45m`, `+1h30m`, `+90s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offset(pub(crate) u64);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, seconds) = (self.0 / 60, self.0 % 60);
        f.pad(&if seconds == 0 { format!("+{minutes}m") } else { format!("+{minutes}m{seconds:02}s") })
    }
}

impl std::str::FromStr for Offset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let span: Option<jiff::SignedDuration> = digits.parse().ok();
        let seconds = span.and_then(|span| u64::try_from(span.as_secs()).ok());
        seconds.map(Self).ok_or_else(|| format!("{text:?} is no offset: write +5m, +1h30m or +90s"))
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An offset, or why what was written is none: so that one that cannot be read hides no other mistake.
#[derive(Debug)]
pub(crate) struct WrittenOffset(pub(crate) Result<Offset, String>);

impl<'de> Deserialize<'de> for WrittenOffset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.parse()))
    }
}

/// Seconds that a clock is ahead, or behind: `+90s`, `-11m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Skew(pub(crate) i64);

/// A clock that is off by more is a broken one: a year.
const MOST_SKEW: i64 = 366 * 86_400;

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:+} s", self.0))
    }
}

impl<'de> Deserialize<'de> for Skew {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span: Option<jiff::SignedDuration> = text.strip_prefix('+').unwrap_or(&text).parse().ok();
        let seconds = span.map(|span| span.as_secs()).filter(|seconds| seconds.abs() <= MOST_SKEW);
        let wrong = || de::Error::custom(format!("{text:?} is no skew of a clock: write +90s or -11m, a year at most"));
        seconds.map(Self).ok_or_else(wrong)
    }
}

fn date_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let date = toml::value::Datetime::deserialize(deserializer)?;
    let at: Timestamp = date.to_string().parse().ok().ok_or_else(|| {
        de::Error::custom(if date.offset.is_some() && date.time.is_some() {
            format!("{date} lies beyond the time this program can tell")
        } else {
            format!("{date} is no instant: write it with its zone, as in 2025-11-14T09:00:00Z")
        })
    })?;
    let seconds = u64::try_from(at.as_second()).ok();
    seconds.map(Some).ok_or_else(|| de::Error::custom(format!("{date} lies before 1970")))
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KdsFormat>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(de::Error::custom)
}

/// A word of a command: with a blank or a parenthesis in it, it would be more than one.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Spanned<String>, D::Error> {
    let word = Spanned::<String>::deserialize(deserializer)?;
    let ends = |c: char| c.is_whitespace() || c.is_control() || ",;()'\"".contains(c);
    if word.get_ref().is_empty() || word.get_ref().contains(ends) || word.get_ref().contains("/*") {
        return Err(de::Error::custom(format!("{:?} is no word of a command", word.get_ref())));
    }
    Ok(word)
}

fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Spanned<String>>, D::Error> {
    #[derive(Deserialize)]
    struct Word(#[serde(deserialize_with = "word")] Spanned<String>);

    Ok(Vec::<Word>::deserialize(deserializer)?.into_iter().map(|Word(word)| word).collect())
}

/// A name of a principal as it stands in the operand KERBNAME, in quotes.
fn principal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Spanned<String>>, D::Error> {
    let name = Spanned::<String>::deserialize(deserializer)?;
    match name.get_ref().parse::<icsf_saf::model::PrincipalName>() {
        Ok(_) => Ok(Some(name)),
        Err(why) => Err(de::Error::custom(format!("{:?} is no principal: {why}", name.get_ref()))),
    }
}
