//! What a drill takes from elsewhere, how it ends, and how it is reported.

use serde::Deserialize;
use toml::Spanned;

/// Files, looked for beside the drill file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inputs {
    /// An unload of a RACF database (IRRDBU00): groups, users and profiles.
    pub(crate) racf_unload: Option<Spanned<String>>,
    /// Listings of RLIST, as they were pasted.
    pub(crate) rlist: Option<Spanned<String>>,
}

/// What is done at the end, at the site where the work is then.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    #[serde(default, rename = "do")]
    pub(crate) actions: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportEntry {
    #[serde(default)]
    pub(crate) formats: Vec<Format>,
    /// Said for whoever reads the file: nothing that is redacted can be shown.
    #[serde(default, rename = "redact")]
    _redact: Vec<Redacted>,
}

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// Text of 80 columns.
    Text,
    /// JSON.
    Json,
    /// JUnit.
    Junit,
    /// One page of HTML.
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Redacted {
    #[serde(rename = "@secret")]
    Secret,
    #[serde(rename = "tickets")]
    Tickets,
}
