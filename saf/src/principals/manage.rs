//! Principals and policies: what `principal`, `keytab` and kpasswd do to them.

use std::sync::Arc;

use icsf_core::ClearKey;
use icsf_core::backend::MasterKeyKind;
use icsf_core::label::LabelPattern;
use ptkt::UserId;
use secrecy::{ExposeSecret, SecretString};

use super::made::{KeyOrigin, Made, Wanted, with_master_key};
use super::{
    NewKeys, PrincipalError, PrincipalErrorKind, PrincipalSettings, existing, label, not_allowed, policy_of, realm,
    realm_name, types_of, user_of,
};
use crate::access::Caller;
use crate::database::{Edit, Snapshot};
use crate::model::{Credential, PasswordPolicy, Principal, PrincipalKey, PrincipalName, User};
use crate::server::Saf;

impl PrincipalSettings {
    fn apply(&self, view: &Snapshot, row: &mut Principal) -> Result<(), PrincipalError> {
        for (flag, on) in &self.flags {
            if *on {
                row.flags.insert(*flag);
            } else {
                row.flags.remove(flag);
            }
        }
        row.max_ticket_life = self.max_ticket_life.unwrap_or(row.max_ticket_life);
        row.max_renewable_life = self.max_renewable_life.unwrap_or(row.max_renewable_life);
        row.expires = self.expires.unwrap_or(row.expires);
        row.password_expires = self.password_expires.unwrap_or(row.password_expires);
        if let Some(policy) = &self.policy {
            if let Some(name) = policy.as_deref().filter(|name| view.policy(name).is_none()) {
                return Err(PrincipalError::new(PrincipalErrorKind::NotFound, format!("there is no policy {name}")));
            }
            row.policy.clone_from(policy);
        }
        Ok(())
    }
}

/// A password of a principal that is no user: those of users are RACF's, and shorter.
fn check_password(keys: NewKeys<'_>) -> Result<(), PrincipalError> {
    let NewKeys::Password(password) = keys else { return Ok(()) };
    match password.expose_secret().chars().count() {
        1..=128 => Ok(()),
        count => {
            let what = format!("a password has 1 to 128 characters, not {count}");
            Err(PrincipalError::new(PrincipalErrorKind::PasswordRefused, what))
        }
    }
}

/// What a change of a user's password is: its text as it is kept, and what is set in the row of the user.
struct UserPassword {
    credential: Credential,
    text: SecretString,
}

impl UserPassword {
    fn of(view: &Snapshot, user: Option<&User>, keys: NewKeys<'_>) -> Result<Option<Self>, PrincipalError> {
        let (Some(_), NewKeys::Password(password)) = (user, keys) else { return Ok(None) };
        let refused = |why| PrincipalError::new(PrincipalErrorKind::PasswordRefused, why);
        let credential = Credential::new(password.clone()).map_err(refused)?;
        let text = credential.text(!view.options().mixed_case);
        Ok(Some(Self { credential, text }))
    }
}

impl Saf {
    /// Adds a principal of the local realm.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::NotFound`] without a local realm or for a policy that is not there,
    /// [`PrincipalErrorKind::Exists`], [`PrincipalErrorKind::NotAllowed`] for a name the realm has of itself,
    /// [`PrincipalErrorKind::PasswordRefused`], [`PrincipalErrorKind::Icsf`], [`PrincipalErrorKind::Database`].
    pub fn add_principal(
        &self,
        issuer: &Caller,
        name: &PrincipalName,
        keys: NewKeys<'_>,
        settings: &PrincipalSettings,
    ) -> Result<(), PrincipalError> {
        let new = |view: &Snapshot| {
            let realm = realm_name(view)?;
            if view.principal_written_by(name).is_some() {
                let what = format!("there is a principal {name} already");
                return Err(
                    PrincipalError::new(PrincipalErrorKind::Exists, what).hint("softicsf principal alter or passwd")
                );
            }
            if realm::is_own(realm, name) {
                return Err(not_allowed(format!("principal {name} is made with the realm")));
            }
            let mut row = Principal::new(name.clone(), self.now());
            settings.apply(view, &mut row)?;
            Ok((realm.to_owned(), row))
        };
        let add = || {
            check_password(keys)?;
            let wanted = |view: &Snapshot| {
                let (realm, row) = new(view)?;
                let (types, policy) = (types_of(view, None), policy_of(view, &row));
                Ok(vec![Wanted { name: name.clone(), realm, origin: keys.into(), types, policy }])
            };
            self.change_principals(issuer, wanted, |view, made| {
                let (_, mut row) = new(view)?;
                made.give(view, &mut row, self.now());
                // What is asked for counts, and not what is so after a password change.
                settings.apply(view, &mut row)?;
                Ok::<_, PrincipalError>(vec![Edit::PutPrincipal(Box::new(row))])
            })
        };
        self.told_principal(issuer, &format!("principal add {name}"), add().map(drop))
    }

    /// Changes a principal, and with it what its user's KERB segment says of it.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::NotFound`], [`PrincipalErrorKind::NotAllowed`] for K/M, [`PrincipalErrorKind::Database`].
    pub fn alter_principal(
        &self,
        issuer: &Caller,
        name: &PrincipalName,
        settings: &PrincipalSettings,
    ) -> Result<(), PrincipalError> {
        let done = self.database().change(|view| {
            let mut row = existing(view, name)?;
            if name.is_master_key() || name.is_history() {
                return Err(not_allowed(format!("principal {name} gets no tickets, and nothing can be said of them")));
            }
            settings.apply(view, &mut row)?;
            let mut edits = Vec::new();
            if let Some(mut user) = user_of(view, &row)?
                && let (Some(kerb), Some(life)) = (&mut user.kerb, settings.max_ticket_life)
            {
                kerb.max_ticket_life = life;
                edits.push(Edit::PutUser(user));
            }
            edits.push(Edit::PutPrincipal(Box::new(row)));
            Ok(edits)
        });
        self.told_principal(issuer, &format!("principal alter {name}"), done)
    }

    /// Gives a principal new keys of the next version. The password of a user's principal is the user's, and is changed
    /// with it; random keys leave that as it is.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::NotFound`], [`PrincipalErrorKind::NotAllowed`] for K/M,
    /// [`PrincipalErrorKind::PasswordRefused`], [`PrincipalErrorKind::Icsf`], [`PrincipalErrorKind::Database`].
    pub fn change_principal_keys(
        &self,
        issuer: &Caller,
        name: &PrincipalName,
        keys: NewKeys<'_>,
    ) -> Result<(), PrincipalError> {
        let change = || {
            let NewKeys::Password(password) = keys else {
                return self.new_keys(issuer, name, KeyOrigin::Random, None);
            };
            let view = self.database().view()?;
            let user = user_of(&view, &existing(&view, name)?)?;
            match UserPassword::of(&view, user.as_ref(), keys)? {
                Some(of_user) => {
                    self.new_keys(issuer, name, KeyOrigin::Password(&of_user.text), Some(&of_user.credential))
                }
                None => {
                    check_password(keys)?;
                    self.new_keys(issuer, name, KeyOrigin::Password(password), None)
                }
            }
        };
        self.told_principal(issuer, &format!("principal passwd {name}"), change().map(drop))
    }

    /// Gives a principal new random keys of the next version, and gives them out, this once: they are in the CKDS as well,
    /// from where no engine gives a key back.
    ///
    /// # Errors
    /// As [`change_principal_keys`](Self::change_principal_keys).
    pub fn give_out_keys(
        &self,
        issuer: &Caller,
        name: &PrincipalName,
    ) -> Result<Vec<(PrincipalKey, ClearKey)>, PrincipalError> {
        let made = self.new_keys(issuer, name, KeyOrigin::GivenOut, None);
        let made = made.map(|made| made.given_out(name));
        self.told_principal(issuer, &format!("keytab export {name}"), made)
    }

    fn new_keys(
        &self,
        issuer: &Caller,
        name: &PrincipalName,
        origin: KeyOrigin<'_>,
        credential: Option<&Credential>,
    ) -> Result<Made, PrincipalError> {
        let wanted = |view: &Snapshot| {
            let row = existing(view, name)?;
            if name.is_master_key() {
                return Err(
                    not_allowed("the key of principal K/M is the AES master key").hint("softicsf mk change --kind aes")
                );
            }
            let user = user_of(view, &row)?;
            let (types, policy) = (types_of(view, user.as_ref()), policy_of(view, &row));
            let realm = realm_name(view)?.to_owned();
            Ok(vec![Wanted { name: name.clone(), realm, origin, types, policy }])
        };
        self.change_principals(issuer, wanted, |view, made| {
            let mut row = existing(view, name)?;
            made.give(view, &mut row, self.now());
            let mut edits = Vec::new();
            if let (Some(credential), Some(mut user)) = (credential, user_of(view, &row)?) {
                let cost = self.database().password_cost();
                user.set_password(credential, !view.options().mixed_case, cost).map_err(not_allowed)?;
                user.protected = false;
                edits.push(Edit::PutUser(user));
            }
            edits.push(Edit::PutPrincipal(Box::new(row)));
            Ok(edits)
        })
    }

    /// Deletes a principal and its keys.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::NotFound`], [`PrincipalErrorKind::NotAllowed`] for one that goes with its user or with the
    /// realm, [`PrincipalErrorKind::Database`].
    pub fn delete_principal(&self, issuer: &Caller, name: &PrincipalName) -> Result<(), PrincipalError> {
        let done = self.change_principals(
            issuer,
            |_| Ok(Vec::new()),
            |view, _| {
                // One that cannot be read can be deleted all the same: that is how it is got rid of.
                if view.damaged_principal(name).is_none() {
                    let row = existing(view, name)?;
                    if let Some(user) = row.user.filter(|user: &UserId| view.user(user).is_some()) {
                        let what = format!("principal {name} is that of user {user}");
                        return Err(not_allowed(what).hint(format!("ALTUSER {user} NOKERB")));
                    }
                }
                if realm_name(view).is_ok_and(|realm| realm::is_own(realm, name)) {
                    let what = format!("principal {name} goes with the realm");
                    return Err(not_allowed(what).hint("RDELETE REALM KERBDFLT"));
                }
                Ok::<_, PrincipalError>(vec![Edit::DeletePrincipal(name.clone())])
            },
        );
        self.told_principal(issuer, &format!("principal delete {name}"), done.map(drop))
    }

    /// A password as the keys of a principal are made from it: that of a user is folded, as RACF keeps it, unless
    /// SETROPTS PASSWORD(MIXEDCASE) is set.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::Database`].
    pub fn as_kept(&self, row: &Principal, password: &SecretString) -> Result<SecretString, PrincipalError> {
        let folded = row.user.is_some() && !self.database().view()?.options().mixed_case;
        Ok(if folded { password.expose_secret().to_ascii_uppercase().into() } else { password.clone() })
    }

    /// The principal as it is shown: K/M with the master key there is now, also where no key was made since it was changed.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::NotFound`], [`PrincipalErrorKind::NotAllowed`] when it is damaged,
    /// [`PrincipalErrorKind::Database`].
    pub fn principal(&self, name: &PrincipalName) -> Result<Principal, PrincipalError> {
        let mut row = existing(&*self.database().view()?, name)?;
        if name.is_master_key()
            && let Ok(view) = self.icsf().view()
            && let Some(aes) = view.kds.header().of(MasterKeyKind::Aes)
        {
            with_master_key(&mut row, aes.mkvp());
        }
        Ok(row)
    }

    /// Puts a policy, in the place of the one of its name.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::Database`].
    pub fn put_policy(&self, issuer: &Caller, policy: &PasswordPolicy) -> Result<(), PrincipalError> {
        let done = self.database().put_policy(policy).map_err(PrincipalError::from);
        self.told_principal(issuer, &format!("principal policy {}", policy.name), done)
    }

    /// Deletes a policy that no principal has.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::NotFound`], [`PrincipalErrorKind::NotAllowed`] while a principal has it,
    /// [`PrincipalErrorKind::Database`].
    pub fn delete_policy(&self, issuer: &Caller, name: &str) -> Result<(), PrincipalError> {
        let done = self.database().change(|view| {
            if view.policy_written_by(name).is_none() {
                return Err(PrincipalError::new(PrincipalErrorKind::NotFound, format!("there is no policy {name}")));
            }
            if let Some(row) = view.principals().find(|row| row.policy.as_deref() == Some(name)) {
                return Err(not_allowed(format!("principal {} has policy {name}", row.name))
                    .hint("softicsf principal alter NAME --policy none"));
            }
            Ok(vec![Edit::DeletePolicy(name.to_owned())])
        });
        self.told_principal(issuer, &format!("principal policy {name}"), done)
    }

    /// Labels of Kerberos keys in the CKDS that no principal names: left by a process that was killed between making a key
    /// and writing the row that names it, or by the import of another security database.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::Icsf`], [`PrincipalErrorKind::Database`].
    pub fn unused_kerberos_keys(&self) -> Result<Vec<icsf_core::KeyLabel>, PrincipalError> {
        let pattern: LabelPattern = format!("{}*", label::PREFIX)
            .parse()
            .map_err(|why: icsf_core::label::LabelError| not_allowed(why.to_string()))?;
        let rules = ["CKDS", "LABELS", "ALL"];
        let listed = self.icsf().csfkdsl(&rules, &pattern, usize::MAX, None);
        let (_, entries) = listed.map_err(|e| PrincipalError::icsf("the CKDS cannot be listed", e))?.value;
        // Read after the records: whoever makes a key now has not written its row yet.
        let view = self.database().view()?;
        let rows: Vec<Arc<Principal>> = view.principals().cloned().collect();
        let named: std::collections::BTreeSet<_> = rows.iter().flat_map(|row| &row.keys).map(|key| key.label).collect();
        Ok(entries.iter().map(|entry| entry.key.label()).filter(|label| !named.contains(label)).collect())
    }
}
