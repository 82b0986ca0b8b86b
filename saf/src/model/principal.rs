//! Kerberos principals, their keys, and rules for their passwords.
//!
//! A row tells where keys lie: the keys themselves are records of the CKDS.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use icsf_core::KeyLabel;
use icsf_core::backend::{Etype, Mkvp};
use ptkt::UserId;

use super::PrincipalName;

/// A Kerberos principal of the local realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its name.
    pub name: PrincipalName,
    /// The user whose KERB segment it stands for; none, and it is a service or stands alone.
    pub user: Option<UserId>,
    /// Its keys, the newest version first, of one version the strongest type first. None: the definition is incomplete
    /// until the next password change.
    pub keys: Vec<PrincipalKey>,
    /// What it may not do, or must.
    pub flags: BTreeSet<PrincipalFlag>,
    /// The longest life of a ticket, in seconds; none, and the realm's counts alone.
    pub max_ticket_life: Option<u32>,
    /// How long a ticket can be renewed, in seconds; none, and the realm's counts alone.
    pub max_renewable_life: Option<u32>,
    /// From when on it gets no tickets, in seconds since 1970 UTC.
    pub expires: Option<u64>,
    /// From when on its password must be changed, in seconds since 1970 UTC.
    pub password_expires: Option<u64>,
    /// The name of its policy.
    pub policy: Option<String>,
    /// What its earlier passwords are known again by, the newest first.
    pub history: Vec<UsedPassword>,
    /// When it was defined, in seconds since 1970 UTC.
    pub created: u64,
    /// When its keys were made last, in seconds since 1970 UTC.
    pub password_changed: Option<u64>,
    /// Of K/M: the master keys there have been, by their verification patterns, the newest first.
    pub master_keys: Vec<MasterKeyVersion>,
}

impl Principal {
    /// One without keys.
    #[must_use]
    pub const fn new(name: PrincipalName, created: u64) -> Self {
        Self {
            name,
            user: None,
            keys: Vec::new(),
            flags: BTreeSet::new(),
            max_ticket_life: None,
            max_renewable_life: None,
            expires: None,
            password_expires: None,
            policy: None,
            history: Vec::new(),
            created,
            password_changed: None,
            master_keys: Vec::new(),
        }
    }

    /// The version of its newest keys; 0 when it has none.
    #[must_use]
    pub fn key_version(&self) -> u32 {
        self.keys.first().map_or(0, |key| key.version)
    }

    /// Its newest keys.
    pub fn newest_keys(&self) -> impl Iterator<Item = &PrincipalKey> {
        let newest = self.key_version();
        self.keys.iter().take_while(move |key| key.version == newest)
    }

    /// Whether a flag is set.
    #[must_use]
    pub fn has(&self, flag: PrincipalFlag) -> bool {
        self.flags.contains(&flag)
    }
}

/// A key of a principal: a record of the CKDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalKey {
    /// Its version (kvno), from 1.
    pub version: u32,
    /// Its type.
    pub etype: Etype,
    /// The label of its record.
    pub label: KeyLabel,
    /// What the password was salted with.
    pub salt: String,
    /// When it was made, in seconds since 1970 UTC.
    pub created: u64,
}

/// An earlier password of a principal: a message authentication code of the key made from it, under the key of
/// kadmin/history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedPassword {
    /// The type of the key made from it.
    pub etype: Etype,
    /// The version of the key of kadmin/history.
    pub version: u32,
    /// What it was salted with.
    pub salt: String,
    /// The leftmost bytes of the authentication code.
    pub mac: [u8; 16],
}

/// A master key that K/M has stood for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterKeyVersion {
    /// Counted from 1.
    pub version: u32,
    /// The verification pattern of the AES master key.
    pub pattern: Mkvp,
}

/// What a principal may not do, or must; the words are those of MIT's kadmin, negated where it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PrincipalFlag {
    /// No tickets are issued to it or for it: `-allow_tix`.
    NoTickets,
    /// No tickets are issued for it: `-allow_svr`.
    NoServer,
    /// Its tickets are not forwardable: `-allow_forwardable`.
    NoForwardable,
    /// Its tickets are not proxiable: `-allow_proxiable`.
    NoProxiable,
    /// Its tickets are not renewable: `-allow_renewable`.
    NoRenewable,
    /// Its tickets are not postdatable: `-allow_postdated`.
    NoPostdated,
    /// Pre-authentication is not required: `-requires_preauth`.
    NoPreauth,
    /// It must change its password first: `+needchange`.
    NeedsChange,
    /// It is the service that changes passwords: `+password_changing_service`.
    PasswordChangeService,
    /// Tickets for it come from the AS exchange alone: `-allow_tgs_req`.
    NoTgsRequest,
    /// No user-to-user tickets are issued for it: `-allow_dup_skey`.
    NoUserToUser,
}

impl PrincipalFlag {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::NoTickets,
        Self::NoServer,
        Self::NoForwardable,
        Self::NoProxiable,
        Self::NoRenewable,
        Self::NoPostdated,
        Self::NoPreauth,
        Self::NeedsChange,
        Self::PasswordChangeService,
        Self::NoTgsRequest,
        Self::NoUserToUser,
    ];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoTickets => "no-tickets",
            Self::NoServer => "no-server",
            Self::NoForwardable => "no-forwardable",
            Self::NoProxiable => "no-proxiable",
            Self::NoRenewable => "no-renewable",
            Self::NoPostdated => "no-postdated",
            Self::NoPreauth => "no-preauth",
            Self::NeedsChange => "needs-change",
            Self::PasswordChangeService => "password-change-service",
            Self::NoTgsRequest => "no-tgs-request",
            Self::NoUserToUser => "no-user-to-user",
        }
    }
}

impl fmt::Display for PrincipalFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PrincipalFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|flag| flag.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("a flag of a principal is {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Rules for the passwords of principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Its name.
    pub name: String,
    /// The fewest characters of a password.
    pub min_length: u8,
    /// How many passwords, the present one among them, a new one must differ from.
    pub history: u8,
    /// How long a password is good, in seconds.
    pub max_life: Option<u32>,
}

impl PasswordPolicy {
    /// One that asks for nothing.
    ///
    /// # Errors
    /// Says what a name is: 1 to 64 letters, digits, `-`, `_` and `.`.
    pub fn new(name: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if (1..=64).contains(&name.len()) && name.chars().all(fits) {
            Ok(Self { name: name.to_owned(), min_length: 1, history: 0, max_life: None })
        } else {
            Err("the name of a policy has 1 to 64 letters, digits, -, _ and .".to_owned())
        }
    }
}
