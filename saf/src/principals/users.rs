//! Principals of users: made with the KERB segment and gone with it.

use std::collections::BTreeSet;

use icsf_core::backend::Etype;
use ptkt::UserId;
use secrecy::SecretString;

use super::made::{KeyOrigin, Made, Wanted};
use super::{PrincipalError, PrincipalErrorKind};
use crate::database::{Edit, Snapshot};
use crate::model::{Kerb, Principal, PrincipalName, User};

/// The name of the principal of a KERB segment, when it has one.
pub(crate) fn principal_name(kerb: Option<&Kerb>) -> Result<Option<PrincipalName>, PrincipalError> {
    let Some(name) = kerb.map(|kerb| kerb.name.as_str()).filter(|name| !name.is_empty()) else { return Ok(None) };
    name.parse().map(Some).map_err(|why: crate::model::PrincipalNameError| {
        PrincipalError::new(PrincipalErrorKind::NotAllowed, format!("{name:?} is no KERBNAME: {why}"))
    })
}

/// The types of keys a user has.
pub(super) fn types(kerb: &Kerb) -> BTreeSet<Etype> {
    kerb.encryption.iter().filter_map(|kind| kind.etype()).collect()
}

/// The keys to be made when a user's password is set: none before the local realm has a name.
pub(crate) fn wanted<'a>(
    view: &Snapshot,
    kerb: Option<&Kerb>,
    password: &'a SecretString,
) -> Result<Option<Wanted<'a>>, PrincipalError> {
    let (Some(kerb), Some(name)) = (kerb, principal_name(kerb)?) else { return Ok(None) };
    let Ok(realm) = super::realm_name(view) else { return Ok(None) };
    let policy = view.principal(&name).and_then(|row| super::policy_of(view, row));
    Ok(Some(Wanted {
        name,
        realm: realm.to_owned(),
        origin: KeyOrigin::Password(password),
        types: types(kerb),
        policy,
    }))
}

/// What is written with a user: `before` as it was, if there was one, `after` as it is to be, if it is.
pub(crate) fn edits(
    view: &Snapshot,
    made: &Made,
    id: &UserId,
    before: Option<&User>,
    after: Option<&User>,
    now: u64,
) -> Result<Vec<Edit>, PrincipalError> {
    let mut edits = Vec::new();
    let kerb = after.and_then(|user| user.kerb.as_ref());
    let name = principal_name(kerb)?;
    let had = principal_name(before.and_then(|user| user.kerb.as_ref())).unwrap_or(None);
    // Of a user that cannot be read it is not known what it had.
    let had: Vec<PrincipalName> = match (before, had) {
        (Some(_), had) => had.into_iter().collect(),
        (None, _) => {
            view.principals().filter(|row| row.user.as_ref() == Some(id)).map(|row| row.name.clone()).collect()
        }
    };
    for had in had.into_iter().filter(|had| Some(had) != name.as_ref()) {
        if view.principal(&had).is_some_and(|row| row.user.as_ref() == Some(id)) {
            edits.push(Edit::DeletePrincipal(had));
        }
    }
    let (Some(name), Some(kerb)) = (name, kerb) else { return Ok(edits) };
    let mut row = match view.principal(&name) {
        Some(row) if row.user.as_ref() == Some(id) => Principal::clone(row),
        Some(row) => {
            let whose = row.user.map_or_else(String::new, |user| format!(", of user {user}"));
            let what = format!("there is a principal {name} already{whose}");
            return Err(PrincipalError::new(PrincipalErrorKind::Exists, what).hint("another KERBNAME"));
        }
        None => Principal { user: Some(*id), ..Principal::new(name, now) },
    };
    row.max_ticket_life = kerb.max_ticket_life;
    made.give(view, &mut row, now);
    if view.principal(&row.name).is_none_or(|there| **there != row) {
        edits.push(Edit::PutPrincipal(Box::new(row)));
    }
    Ok(edits)
}
