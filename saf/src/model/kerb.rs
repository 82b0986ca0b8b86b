//! KERB segments: of users, who are Kerberos principals, and of REALM profiles, which are realms or the trust between two.
//!
//! Source: z/OS 2.4 education deck on Network Authentication Service; RACF Command Language Reference.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use icsf_core::ClearKey;
use icsf_core::backend::Etype;

/// A type of Kerberos key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EncryptionType {
    /// DES.
    Des,
    /// Triple DES.
    Des3,
    /// DES with derivation.
    Desd,
    /// AES, 128 bits.
    Aes128,
    /// AES, 256 bits.
    Aes256,
    /// AES, 128 bits, with SHA-2.
    Aes128Sha2,
    /// AES, 256 bits, with SHA-2.
    Aes256Sha2,
}

impl EncryptionType {
    /// All, in the order in which RACF lists them.
    pub const ALL: [Self; 7] =
        [Self::Des, Self::Des3, Self::Desd, Self::Aes128, Self::Aes256, Self::Aes128Sha2, Self::Aes256Sha2];

    /// The type of keys it stands for; none for those with DES, of which none are made.
    ///
    /// Source: RFC 6649 and RFC 8429, which retire them.
    #[must_use]
    pub const fn etype(self) -> Option<Etype> {
        match self {
            Self::Des | Self::Des3 | Self::Desd => None,
            Self::Aes128 => Some(Etype::Aes128Sha1),
            Self::Aes256 => Some(Etype::Aes256Sha1),
            Self::Aes128Sha2 => Some(Etype::Aes128Sha2),
            Self::Aes256Sha2 => Some(Etype::Aes256Sha2),
        }
    }

    /// As RACF writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Des => "DES",
            Self::Des3 => "DES3",
            Self::Desd => "DESD",
            Self::Aes128 => "AES128",
            Self::Aes256 => "AES256",
            Self::Aes128Sha2 => "AES128SHA2",
            Self::Aes256Sha2 => "AES256SHA2",
        }
    }
}

impl fmt::Display for EncryptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for EncryptionType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("a Kerberos encryption type is {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// The KERB segment of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kerb {
    /// KERBNAME: the principal, without realm.
    pub name: String,
    /// ENCRYPT: the types keys may have.
    pub encryption: BTreeSet<EncryptionType>,
    /// MAXTKTLF: the longest life of a ticket, in seconds.
    pub max_ticket_life: Option<u32>,
}

impl Default for Kerb {
    fn default() -> Self {
        Self { name: String::new(), encryption: EncryptionType::ALL.into(), max_ticket_life: None }
    }
}

/// The KERB segment of a REALM profile.
#[derive(Debug)]
pub struct Realm {
    /// KERBNAME: the name of the realm, where the profile is the local one.
    pub name: String,
    /// MINTKTLF, in seconds.
    pub min_ticket_life: Option<u32>,
    /// DEFTKTLF, in seconds.
    pub default_ticket_life: Option<u32>,
    /// MAXTKTLF, in seconds.
    pub max_ticket_life: Option<u32>,
    /// How long a ticket can be renewed, in seconds. RACF has no such field.
    pub max_renewable_life: Option<u32>,
    /// ENCRYPT: the types keys may have.
    pub encryption: BTreeSet<EncryptionType>,
    /// CHECKADDRS.
    pub check_addresses: bool,
    /// PASSWORD: what the keys of the realm are made from; masked in the database like a key of KEYMASKED.
    pub password: Option<ClearKey>,
    /// How often the password was set: the version of the keys.
    pub key_version: u8,
}

impl Default for Realm {
    fn default() -> Self {
        Self {
            name: String::new(),
            min_ticket_life: None,
            default_ticket_life: None,
            max_ticket_life: None,
            max_renewable_life: None,
            encryption: EncryptionType::ALL.into(),
            check_addresses: false,
            password: None,
            key_version: 0,
        }
    }
}

impl Realm {
    /// Of MINTKTLF, DEFTKTLF and MAXTKTLF, the two that are not in this order.
    #[must_use]
    pub fn lives_out_of_order(&self) -> Option<(&'static str, &'static str)> {
        let lives = [
            ("MINTKTLF", self.min_ticket_life),
            ("DEFTKTLF", self.default_ticket_life),
            ("MAXTKTLF", self.max_ticket_life),
        ];
        let known: Vec<(&str, u32)> = lives.into_iter().filter_map(|(name, life)| Some((name, life?))).collect();
        known.windows(2).find_map(|pair| match pair {
            [(less, a), (more, b)] if a > b => Some((*less, *more)),
            _ => None,
        })
    }

    pub(super) fn duplicate(&self) -> Self {
        Self {
            name: self.name.clone(),
            encryption: self.encryption.clone(),
            password: self.password.as_ref().map(|password| ClearKey::from_slice(password.expose())),
            ..*self
        }
    }
}
