//! What the actions need that change a site, ask the ticket services, or let users try again and again.

use icsf_core::kds::KdsFormat;
use serde::Deserialize;
use serde::de::{self, Deserializer};
use toml::Spanned;

use super::{Names, Sessions, names};
use crate::file::{Offset, Skew};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SmfidWith {
    pub(crate) smfid: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkewWith {
    pub(crate) by: Skew,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassWith {
    pub(crate) class: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StaleWith {
    pub(crate) profile: Spanned<String>,
    #[serde(deserialize_with = "names")]
    pub(crate) ssignon: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileWith {
    pub(crate) profile: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyTokenWith {
    pub(crate) profile: Spanned<String>,
    /// The site where the token was made; the site of the step where it is left out.
    pub(crate) from: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelsWith {
    #[serde(deserialize_with = "names")]
    pub(crate) labels: Names,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreWith {
    pub(crate) from: Option<Spanned<String>>,
    pub(crate) as_of: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) labels: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormatWith {
    #[serde(deserialize_with = "format")]
    pub(crate) format: KdsFormat,
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KdsFormat, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RacfWith {
    #[serde(deserialize_with = "names")]
    pub(crate) commands: Names,
    /// The site of the step where it is left out.
    #[serde(default)]
    pub(crate) sites: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateWith {
    pub(crate) user: Spanned<String>,
    pub(crate) application: Spanned<String>,
    pub(crate) runs_as: Spanned<String>,
    /// What later steps call the ticket.
    pub(crate) ticket: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvaluateWith {
    pub(crate) ticket: Spanned<String>,
    /// The user signs on with it where it is left out.
    pub(crate) runs_as: Option<Spanned<String>>,
    pub(crate) times: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StormWith {
    #[serde(deserialize_with = "names")]
    pub(crate) users: Names,
    pub(crate) sessions: Spanned<Sessions>,
    pub(crate) tries: Spanned<u32>,
    pub(crate) every: Option<Spanned<Offset>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsumerWith {
    pub(crate) consumer: Spanned<String>,
}
