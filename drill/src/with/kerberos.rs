//! What the actions need that ask for Kerberos tickets, or show them.

use serde::Deserialize;
use toml::Spanned;

use super::{Names, names};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InitWith {
    #[serde(deserialize_with = "names")]
    pub(crate) users: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketWith {
    #[serde(deserialize_with = "names")]
    pub(crate) users: Names,
    /// The principal of the server.
    pub(crate) service: Spanned<String>,
}
