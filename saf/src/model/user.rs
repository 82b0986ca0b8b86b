//! Users, and what they sign on with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ptkt::{GroupId, UserId};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Connect, Kerb};

/// A user.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user ID.
    pub id: UserId,
    /// NAME.
    pub name: String,
    /// DFLTGRP.
    pub group: GroupId,
    /// OWNER.
    pub owner: UserId,
    /// PROTECTED: cannot sign on with anything that is typed.
    pub protected: bool,
    /// REVOKED: cannot sign on.
    pub revoked: bool,
    /// What the user may do in the whole system.
    pub attributes: BTreeSet<Attribute>,
    /// DATA: installation data.
    pub data: String,
    /// When the user was defined, in seconds since 1970 UTC, where that is known.
    pub created: Option<u64>,
    /// How many sign-ons in a row have failed.
    pub failed_attempts: u8,
    /// The groups the user is connected to, the default group among them.
    pub connects: BTreeMap<GroupId, Connect>,
    /// The KERB segment.
    pub kerb: Option<Kerb>,
    /// The hash of the password (Argon2id, PHC string); none, and no password is right.
    pub(crate) password: Option<String>,
}

impl User {
    /// A user without password, connected to the default group.
    #[must_use]
    pub fn new(id: UserId, group: GroupId, owner: UserId) -> Self {
        Self {
            id,
            name: String::new(),
            group,
            owner,
            protected: false,
            revoked: false,
            attributes: BTreeSet::new(),
            data: String::new(),
            created: None,
            failed_attempts: 0,
            connects: BTreeMap::from([(group, Connect::new(owner))]),
            kerb: None,
            password: None,
        }
    }

    /// Whether there is a password.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Sets the password; `fold` when passwords have no case.
    ///
    /// # Errors
    /// Says what a password is: 1 to 8 printable characters.
    pub fn set_password(&mut self, password: &Credential, fold: bool, cost: PasswordCost) -> Result<(), String> {
        let text = password.text(fold);
        let hash = cost.argon2()?.hash_password(text.expose_secret().as_bytes()).map_err(|e| e.to_string())?;
        self.password = Some(hash.to_string());
        Ok(())
    }

    /// Takes the password away.
    pub fn remove_password(&mut self) {
        self.password = None;
    }

    pub(crate) fn is_password(&self, offered: &Credential, fold: bool) -> bool {
        let Some(hash) = self.password.as_deref().and_then(|hash| PasswordHash::new(hash).ok()) else { return false };
        is_hash_of(&hash, offered.text(fold).expose_secret().as_bytes())
    }
}

/// What a user may do in the whole system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Attribute {
    /// Change every profile.
    Special,
    /// Use data sets and volumes.
    Operations,
    /// Set what is audited, and list every profile.
    Auditor,
    /// List every profile.
    Roaudit,
}

impl Attribute {
    /// All, in the order in which RACF lists them.
    pub const ALL: [Self; 4] = [Self::Special, Self::Operations, Self::Auditor, Self::Roaudit];

    /// As RACF writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Special => "SPECIAL",
            Self::Operations => "OPERATIONS",
            Self::Auditor => "AUDITOR",
            Self::Roaudit => "ROAUDIT",
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Attribute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|attribute| attribute.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("an attribute is {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// What it costs to try a password. Sign-on tries what was typed as the password before it tries it as a ticket, so every
/// ticket pays for it. A hash says by itself what it cost, so that each is tried as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum PasswordCost {
    /// Argon2id with 8 MiB and one pass: for hashes that somebody could carry away.
    #[default]
    Full,
    /// The least Argon2id can do, 8 KiB and one pass: for a database that lives in memory only, where who reads the hash
    /// reads the masked keys beside it.
    Least,
}

impl PasswordCost {
    fn argon2(self) -> Result<Argon2<'static>, String> {
        let memory = match self {
            Self::Full => 8 * 1024,
            Self::Least => Params::MIN_M_COST,
        };
        let params = Params::new(memory, 1, 1, None).map_err(|e| e.to_string())?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// Whether a password has this hash. The blocks it takes are kept from one time to the next: allocated each time, they
/// would scatter what is allocated between, and a server that signs on would grow by megabytes for each.
fn is_hash_of(hash: &PasswordHash, password: &[u8]) -> bool {
    static SPARE: Mutex<Vec<Block>> = Mutex::new(Vec::new());
    let spare = || SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let (Ok(params), Some(salt), Some(right)) = (Params::try_from(hash), &hash.salt, &hash.hash) else { return false };
    let mut blocks = std::mem::take(&mut *spare());
    let count = params.block_count();
    blocks.resize(count.max(blocks.len()), Block::default());
    let (used, _) = blocks.split_at_mut(count);
    let mut found = Zeroizing::new(vec![0; right.as_bytes().len()]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let done = argon2.hash_password_into_with_memory(password, salt, &mut found, &mut *used);
    used.iter_mut().for_each(|block| *block = Block::default());
    *spare() = blocks;
    done.is_ok() && bool::from(found.ct_eq(right.as_bytes()))
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("group", &self.group)
            .field("protected", &self.protected)
            .field("revoked", &self.revoked)
            .field("password", &if self.password.is_some() { "set" } else { "none" })
            .finish_non_exhaustive()
    }
}

/// What was typed into the password field: a password, or a PassTicket. 1 to 8 characters.
pub struct Credential(SecretString);

impl Credential {
    /// Takes the text as typed.
    ///
    /// # Errors
    /// Says what a password is; the text is not repeated.
    pub fn new(text: SecretString) -> Result<Self, String> {
        let (count, fine) = {
            let typed = text.expose_secret();
            (typed.chars().count(), typed.chars().all(|c| c.is_ascii_graphic()))
        };
        if !(1..=8).contains(&count) {
            return Err(format!("a password or PassTicket has 1 to 8 characters, not {count}"));
        }
        if !fine {
            return Err("a password or PassTicket has printable ASCII characters only".to_owned());
        }
        Ok(Self(text))
    }

    pub(crate) fn text(&self, fold: bool) -> SecretString {
        let text = self.0.expose_secret();
        if fold { SecretString::from(text.to_ascii_uppercase()) } else { self.0.clone() }
    }

    /// Whether folding changes it.
    pub(crate) fn is_changed(&self, fold: bool) -> bool {
        fold && self.0.expose_secret().bytes().any(|byte| byte.is_ascii_lowercase())
    }

    /// As a candidate for a PassTicket; `None` when it has not 8 characters.
    pub(crate) fn as_ticket(&self, fold: bool) -> Option<ptkt::Ticket> {
        self.text(fold).expose_secret().parse().ok()
    }
}

impl From<&ptkt::Ticket> for Credential {
    fn from(ticket: &ptkt::Ticket) -> Self {
        Self(SecretString::from(ticket.expose()))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}
