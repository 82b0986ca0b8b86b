//! The Kerberos realm, as it is written.

use serde::Deserialize;
use toml::Spanned;

use super::Offset;

/// The local realm of the primary site; sites that are copies have it, too.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RealmEntry {
    pub(crate) name: Spanned<String>,
    /// The key of the ticket granter is made from it: `@secret:NAME`; a random one where it is left out.
    pub(crate) password: Option<Spanned<String>>,
    /// MINTKTLF, DEFTKTLF and MAXTKTLF.
    pub(crate) min_life: Option<Offset>,
    pub(crate) default_life: Option<Offset>,
    pub(crate) max_life: Option<Offset>,
}

/// A server that knows its clients by Kerberos tickets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceEntry {
    pub(crate) principal: Spanned<String>,
    pub(crate) key: KeyOf,
}

/// Where a server has its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyOf {
    /// In the CKDS: it asks ICSF, through SKRBKDC.
    Ckds,
    /// In a keytab, exported when the sites were set up: it asks nobody.
    Keytab,
}
