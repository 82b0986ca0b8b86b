//! Consumers, as they are written.

use serde::Deserialize;
use toml::Spanned;

use crate::consumer::{By, Evaluates, Reuse};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsumerEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) kind: Spanned<String>,
    pub(crate) runs_as: Spanned<String>,
    /// The site it runs at, where that is not the site of the step.
    pub(crate) runs_at: Option<Spanned<String>>,
    pub(crate) session: Vec<SessionEntry>,
    /// What is tried when there is no ticket.
    pub(crate) fallback: Option<Fallback>,
    pub(crate) actions: Option<Spanned<u32>>,
    pub(crate) rate: Option<Spanned<u32>>,
    #[serde(default)]
    pub(crate) reuse: Reuse,
    #[serde(default)]
    pub(crate) evaluates: Evaluates,
    /// What users show.
    pub(crate) credential: Option<Spanned<By>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fallback {
    Password,
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) applid: Spanned<String>,
    /// The ACT field of this name: the application name of the ticket; the applid where it is left out.
    pub(crate) ptkt_profile: Option<Spanned<String>>,
    /// The application name the application checks for; that of the ticket where it is left out.
    pub(crate) evaluated_as: Option<Spanned<String>>,
    /// ACT: Generate Pass Ticket, without qualifier.
    pub(crate) generate: Option<bool>,
    /// ACT: Gen Qualified Pass Ticket.
    pub(crate) qualified: Option<bool>,
    pub(crate) acl_user: Option<Spanned<String>>,
    /// The principal of the server: where users show Kerberos tickets.
    pub(crate) service: Option<Spanned<String>>,
}
