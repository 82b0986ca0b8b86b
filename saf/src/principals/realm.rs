//! The local realm: the principals it has of itself, made with it and gone with it.
//!
//! Source: their names, SEAM guide, table of principal names; their flags and lives, MIT's kadmin.

use std::collections::BTreeSet;

use icsf_core::backend::Etype;

use super::made::{KeyOrigin, Made, Wanted, history_name, kadmin, master_key_name, with_master_key};
use super::{NewKeys, PrincipalError, PrincipalErrorKind, RealmSettings, not_allowed};
use crate::access::Caller;
use crate::database::{Edit, LOCAL_REALM, Snapshot};
use crate::model::{Class, Principal, PrincipalFlag, PrincipalName, Profile, ProfileName, Realm};
use crate::server::Saf;

/// Lives of tickets for kadmin/admin and kadmin/changepw, in seconds.
const ADMIN_LIFE: u32 = 3 * 3600;
const CHANGE_LIFE: u32 = 300;

/// Whether a profile is that of the local realm.
pub(crate) fn is_local(class: Class, name: &str) -> bool {
    class == Class::Realm && name == LOCAL_REALM
}

/// The types of keys a realm has.
pub(super) fn types(realm: &Realm) -> BTreeSet<Etype> {
    realm.encryption.iter().filter_map(|kind| kind.etype()).collect()
}

/// krbtgt/REALM of a realm that has a name.
pub(super) fn granter(realm: &Realm) -> Result<Option<PrincipalName>, PrincipalError> {
    if realm.name.is_empty() {
        return Ok(None);
    }
    PrincipalName::ticket_granter(&realm.name).map(Some).map_err(|why| {
        PrincipalError::new(PrincipalErrorKind::NotAllowed, format!("{:?} is no name of a realm: {why}", realm.name))
    })
}

/// The keys to be made for a realm as it is to be.
pub(crate) fn wanted<'a>(view: &Snapshot, after: &Realm, keys: NewKeys<'a>) -> Result<Vec<Wanted<'a>>, PrincipalError> {
    let (Some(granter), types) = (granter(after)?, types(after)) else { return Ok(Vec::new()) };
    let mut wanted = vec![Wanted {
        name: granter,
        realm: after.name.clone(),
        origin: keys.into(),
        types: types.clone(),
        policy: None,
    }];
    for what in ["admin", "changepw"] {
        let name = kadmin(what)?;
        if view.principal(&name).is_none_or(|row| row.keys.is_empty()) {
            let (realm, types) = (after.name.clone(), types.clone());
            wanted.push(Wanted { name, realm, origin: KeyOrigin::Random, types, policy: None });
        }
    }
    Ok(wanted)
}

/// What is written with the profile of the local realm: `before` as it was, if there was one, `after` as it is to be.
pub(crate) fn edits(
    view: &Snapshot,
    made: &Made,
    before: Option<&Profile>,
    after: &Realm,
    now: u64,
) -> Result<Vec<Edit>, PrincipalError> {
    let mut edits = Vec::new();
    let had = before.and_then(|profile| profile.kerb.as_ref());
    if let Some(had) = had.filter(|had| had.name != after.name)
        && granter(had)?.is_some_and(|name| view.principal(&name).is_some())
    {
        let what = format!("realm {} has keys, and cannot be given another name", had.name);
        return Err(PrincipalError::new(PrincipalErrorKind::NotAllowed, what)
            .hint("RDELETE REALM KERBDFLT, and define it anew"));
    }
    let Some(granter) = granter(after)?.filter(|name| made.has(name)) else { return Ok(edits) };
    let named = [
        (granter, BTreeSet::new(), None),
        (kadmin("admin")?, [PrincipalFlag::NoTgsRequest].into(), Some(ADMIN_LIFE)),
        (
            kadmin("changepw")?,
            [PrincipalFlag::NoTgsRequest, PrincipalFlag::PasswordChangeService].into(),
            Some(CHANGE_LIFE),
        ),
    ];
    for (name, flags, life) in named {
        if !made.has(&name) {
            continue;
        }
        let mut row = match view.principal(&name) {
            Some(row) => Principal::clone(row),
            None => Principal { flags, max_ticket_life: life, ..Principal::new(name, now) },
        };
        made.give(view, &mut row, now);
        edits.push(Edit::PutPrincipal(Box::new(row)));
    }
    let name = master_key_name()?;
    if let (None, Some(pattern)) = (view.principal(&name), made.master_key()) {
        let mut row = Principal::new(name, now);
        row.flags.insert(PrincipalFlag::NoTickets);
        with_master_key(&mut row, pattern);
        edits.push(Edit::PutPrincipal(Box::new(row)));
    }
    Ok(edits)
}

/// Takes away what a realm has of itself: its profile, or its name, is to go.
pub(crate) fn deleted(view: &Snapshot, before: &Profile) -> Result<Vec<Edit>, PrincipalError> {
    let Some(realm) = before.kerb.as_ref() else { return Ok(Vec::new()) };
    let own = [granter(realm)?, Some(kadmin("admin")?), Some(kadmin("changepw")?), Some(history_name()?)];
    let own = own.into_iter().flatten().chain([master_key_name()?]);
    Ok(own.filter(|name| view.principal_written_by(name).is_some()).map(Edit::DeletePrincipal).collect())
}

/// Whether a principal is one the realm has of itself.
pub(crate) fn is_own(realm: &str, name: &PrincipalName) -> bool {
    let parts: Vec<&str> = name.components().iter().map(String::as_str).collect();
    matches!(*parts, ["K", "M"] | ["kadmin", "admin" | "changepw" | "history"]) || *parts == ["krbtgt", realm]
}

/// Whether a text can be the name of a realm: its place is behind `@`, and as an instance of krbtgt.
fn check_name(name: &str) -> Result<(), PrincipalError> {
    let fits = |c: char| c.is_ascii_graphic() && !"/@\\".contains(c);
    if (1..=200).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(not_allowed(format!("{name:?} is no name of a realm"))
        .hint("1 to 200 printable characters without /, @ and \\; by custom a domain in capital letters"))
}

fn local() -> Result<ProfileName, PrincipalError> {
    LOCAL_REALM.parse().map_err(|why: crate::model::NameError| not_allowed(why.to_string()))
}

impl Saf {
    /// Makes the local realm: profile KERBDFLT of class REALM, with krbtgt, kadmin/admin, kadmin/changepw and K/M. The key
    /// of krbtgt is random, or made from a password.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::Exists`], [`PrincipalErrorKind::NotAllowed`] for what is no name of a realm and for lives out
    /// of order, [`PrincipalErrorKind::Icsf`], [`PrincipalErrorKind::Database`].
    pub fn create_realm(
        &self,
        issuer: &Caller,
        name: &str,
        settings: &RealmSettings,
        keys: NewKeys<'_>,
    ) -> Result<(), PrincipalError> {
        let create = || {
            check_name(name)?;
            let mut realm = Realm { name: name.to_owned(), key_version: 1, ..Realm::default() };
            settings.apply(&mut realm)?;
            let mut profile = Profile::new(Class::Realm, local()?, false, *issuer.id());
            profile.kerb = Some(realm);
            let after = profile.kerb.as_ref().ok_or_else(|| not_allowed("there is no KERB segment"))?;
            let free = |view: &Snapshot| {
                let there = view.profile(Class::Realm, &profile.name).is_some()
                    || view.damaged_profile(Class::Realm, &profile.name).is_some();
                if !there {
                    return Ok(());
                }
                let what = "profile KERBDFLT of class REALM is defined already";
                Err(PrincipalError::new(PrincipalErrorKind::Exists, what)
                    .hint("softicsf realm alter changes it, RDELETE REALM KERBDFLT deletes it"))
            };
            let wanted = |view: &Snapshot| free(view).and_then(|()| wanted(view, after, keys));
            self.change_principals(issuer, wanted, |view, made| {
                free(view)?;
                let mut edits = edits(view, made, None, after, self.now())?;
                edits.push(Edit::PutProfile(profile.duplicate()));
                Ok(edits)
            })
        };
        self.told_principal(issuer, &format!("realm create {name}"), create().map(drop))
    }

    /// Changes the local realm.
    ///
    /// # Errors
    /// [`PrincipalErrorKind::NotFound`] when there is none, [`PrincipalErrorKind::NotAllowed`] for lives out of order,
    /// [`PrincipalErrorKind::Database`].
    pub fn alter_realm(&self, issuer: &Caller, settings: &RealmSettings) -> Result<(), PrincipalError> {
        let done = self.database().change(|view| {
            super::realm_name(view)?;
            let mut profile =
                view.local_realm().map(|row| row.duplicate()).ok_or_else(|| not_allowed("no local realm"))?;
            settings.apply(profile.kerb.get_or_insert_with(Realm::default))?;
            Ok(vec![Edit::PutProfile(profile)])
        });
        self.told_principal(issuer, "realm alter", done)
    }
}
