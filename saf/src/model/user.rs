//! Users, and what they sign on with.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use ptkt::{GroupId, UserId};
use secrecy::{ExposeSecret, SecretString};

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
    /// The hash of the password (Argon2id, PHC string); none, and no password is right.
    pub(crate) password: Option<String>,
}

impl User {
    /// A user without password.
    #[must_use]
    pub fn new(id: UserId, group: GroupId, owner: UserId) -> Self {
        Self { id, name: String::new(), group, owner, protected: false, revoked: false, password: None }
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
    pub fn set_password(&mut self, password: &Credential, fold: bool) -> Result<(), String> {
        let text = password.text(fold);
        let hash = argon2()?.hash_password(text.expose_secret().as_bytes()).map_err(|e| e.to_string())?;
        self.password = Some(hash.to_string());
        Ok(())
    }

    /// Takes the password away.
    pub fn remove_password(&mut self) {
        self.password = None;
    }

    pub(crate) fn is_password(&self, offered: &Credential, fold: bool) -> bool {
        let Some(hash) = self.password.as_deref().and_then(|hash| PasswordHash::new(hash).ok()) else { return false };
        Argon2::default().verify_password(offered.text(fold).expose_secret().as_bytes(), &hash).is_ok()
    }
}

/// Argon2id with 8 MiB and one pass: sign-on tries what was typed as the password before it tries it as a ticket, so
/// every ticket pays for it.
fn argon2() -> Result<Argon2<'static>, String> {
    let params = Params::new(8 * 1024, 1, 1, None).map_err(|e| e.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
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

    fn text(&self, fold: bool) -> SecretString {
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
