//! Kerberos principals: the one place where they are made, changed and deleted, for RACF commands and for everybody else.
//!
//! A principal is a row of the security database that names its keys; the keys are records of the CKDS, made through
//! ICSF and wrapped under the AES master key of the engine. Without ICSF or engine no key is made, and the change fails
//! whole, with the cause.

mod error;
mod history;
mod label;
mod made;
mod manage;
pub(crate) mod realm;
pub(crate) mod users;

use std::collections::BTreeSet;

use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_core::journal::{Event, What};
use secrecy::{ExposeSecret, SecretString};

pub use self::error::{PrincipalError, PrincipalErrorKind};
pub(crate) use self::made::{Made, Wanted};
use crate::access::Caller;
use crate::database::Snapshot;
use crate::model::{PasswordPolicy, Principal, PrincipalFlag, PrincipalName, Realm, User};
use crate::server::Saf;

/// Where the keys of a principal come from.
#[derive(Debug, Clone, Copy)]
pub enum NewKeys<'a> {
    /// From a password.
    Password(&'a SecretString),
    /// From the engine, which alone knows them.
    Random,
}

/// What is set of a principal; what is not said stays as it is.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PrincipalSettings {
    /// Flags that are set, and flags that are taken away.
    pub flags: Vec<(PrincipalFlag, bool)>,
    /// The longest life of a ticket, in seconds.
    pub max_ticket_life: Option<Option<u32>>,
    /// How long a ticket can be renewed, in seconds.
    pub max_renewable_life: Option<Option<u32>>,
    /// From when on it gets no tickets, in seconds since 1970 UTC.
    pub expires: Option<Option<u64>>,
    /// From when on its password must be changed, in seconds since 1970 UTC.
    pub password_expires: Option<Option<u64>>,
    /// Its policy.
    pub policy: Option<Option<String>>,
}

/// What is set of the local realm; what is not said stays as it is.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RealmSettings {
    /// MINTKTLF, in seconds.
    pub min_ticket_life: Option<Option<u32>>,
    /// DEFTKTLF, in seconds.
    pub default_ticket_life: Option<Option<u32>>,
    /// MAXTKTLF, in seconds.
    pub max_ticket_life: Option<Option<u32>>,
    /// How long a ticket can be renewed, in seconds.
    pub max_renewable_life: Option<Option<u32>>,
    /// CHECKADDRS.
    pub check_addresses: Option<bool>,
}

impl RealmSettings {
    fn apply(&self, realm: &mut Realm) -> Result<(), PrincipalError> {
        realm.min_ticket_life = self.min_ticket_life.unwrap_or(realm.min_ticket_life);
        realm.default_ticket_life = self.default_ticket_life.unwrap_or(realm.default_ticket_life);
        realm.max_ticket_life = self.max_ticket_life.unwrap_or(realm.max_ticket_life);
        realm.max_renewable_life = self.max_renewable_life.unwrap_or(realm.max_renewable_life);
        realm.check_addresses = self.check_addresses.unwrap_or(realm.check_addresses);
        match realm.lives_out_of_order() {
            Some((less, more)) => Err(not_allowed(format!("{less} is more than {more}"))),
            None => Ok(()),
        }
    }
}

fn not_allowed(what: impl Into<String>) -> PrincipalError {
    PrincipalError::new(PrincipalErrorKind::NotAllowed, what)
}

/// The name of the local realm.
fn realm_name(view: &Snapshot) -> Result<&str, PrincipalError> {
    let realm = view.local_realm().and_then(|profile| profile.kerb.as_ref());
    realm.map(|realm| realm.name.as_str()).filter(|name| !name.is_empty()).ok_or_else(|| {
        PrincipalError::new(PrincipalErrorKind::NotFound, "there is no local realm")
            .hint("softicsf realm create NAME, or RDEFINE REALM KERBDFLT KERB(KERBNAME(...) PASSWORD(...))")
    })
}

/// The policy that counts for a principal.
fn policy_of(view: &Snapshot, principal: &Principal) -> Option<PasswordPolicy> {
    principal.policy.as_deref().and_then(|name| view.policy(name)).map(|policy| PasswordPolicy::clone(policy))
}

/// The principal of this name, to be changed.
fn existing(view: &Snapshot, name: &PrincipalName) -> Result<Principal, PrincipalError> {
    if let Some(why) = view.damaged_principal(name) {
        return Err(not_allowed(format!("principal {name} is damaged: {why}"))
            .hint("delete it and add it anew, or restore the database from a copy"));
    }
    let missing = || PrincipalError::new(PrincipalErrorKind::NotFound, format!("there is no principal {name}"));
    view.principal(name).map(|row| Principal::clone(row)).ok_or_else(missing)
}

/// The user a principal stands for, to be changed with it.
fn user_of(view: &Snapshot, principal: &Principal) -> Result<Option<User>, PrincipalError> {
    let Some(id) = principal.user else { return Ok(None) };
    let gone = || not_allowed(format!("user {id} of principal {} is not there or damaged", principal.name));
    view.user(&id).map(|user| Some(User::clone(user))).ok_or_else(gone)
}

/// The types of keys a principal gets.
fn types_of(view: &Snapshot, user: Option<&User>) -> BTreeSet<Etype> {
    match (user.and_then(|user| user.kerb.as_ref()), view.local_realm().and_then(|profile| profile.kerb.as_ref())) {
        (Some(kerb), _) => users::types(kerb),
        (None, Some(realm)) => realm::types(realm),
        (None, None) => BTreeSet::new(),
    }
}

impl Saf {
    /// The key that a password stands for.
    fn string_to_key(&self, etype: Etype, password: &SecretString, salt: &str) -> Result<ClearKey, PrincipalError> {
        let none = || not_allowed("this program makes no Kerberos keys from passwords");
        let kerberos = self.kerberos().ok_or_else(none)?;
        Ok(kerberos.string_to_key(etype, password.expose_secret().as_bytes(), salt.as_bytes()))
    }

    /// Tells the journal of a change, and how it ended.
    fn told_principal<T>(
        &self,
        issuer: &Caller,
        what: &str,
        done: Result<T, PrincipalError>,
    ) -> Result<T, PrincipalError> {
        self.icsf().tell(What::Command, |event| {
            let event = Event { caller: Some(issuer.id().to_string()), command: Some(what.to_owned()), ..event };
            match &done {
                Ok(_) => event,
                Err(error) => {
                    event.because(&error.cause().cloned().unwrap_or_else(|| icsf_core::Cause::new(error.to_string())))
                }
            }
        });
        done
    }
}
