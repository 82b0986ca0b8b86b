//! ADDUSER, ALTUSER, DELUSER: users.

use ptkt::{GroupId, UserId};

use super::groups::top;
use super::kerb::AskedUser;
use super::operands::{distinct, text_of};
use super::{CommandError, Given, Operand, Output, Session};
use crate::database::{Edit, Snapshot};
use crate::model::{Attribute, Connect, Credential, Kerb, PrincipalName, User};
use crate::principals;

/// The user IDs a command is about.
pub(super) fn ids<'a>(given: &Given<'a>) -> Result<Vec<(UserId, &'a Operand)>, CommandError> {
    let [ids] = given.names()?;
    distinct(ids)
}

fn set(
    session: &Session<'_>,
    given: &Given<'_>,
    find: impl Fn(&Snapshot, &UserId, &Operand) -> Result<User, CommandError>,
) -> Result<Output, CommandError> {
    let ids = ids(given)?;
    let keywords = &given.keywords;
    keywords.exclusive(&["REVOKE", "RESUME"])?;
    let password = keywords
        .value("PASSWORD")
        .map(|value| Credential::new(session.secret(value)?).map_err(|why| CommandError::at(why, value)))
        .transpose()?;
    let name = keywords.value("NAME").map(name).transpose()?;
    let group: Option<GroupId> = keywords.parsed("DFLTGRP")?;
    let owner = keywords.parsed("OWNER")?;
    let data = keywords.setting("DATA", "NODATA", |value| text_of("DATA", value))?;
    let authority = keywords.parsed("AUTHORITY")?;
    let kerb = keywords.within("KERB")?.map(|keywords| AskedUser::read(&keywords)).transpose()?;
    let with_kerb = |user: &mut User| {
        if keywords.has("NOKERB") {
            user.kerb = None;
        }
        if let Some(kerb) = &kerb {
            kerb.apply(user.kerb.get_or_insert_with(Kerb::default));
        }
    };
    // As it is kept: folded, or not.
    let texts = password.as_ref().map(|password| [password.text(true), password.text(false)]);
    let keys = |view: &Snapshot| {
        let Some([folded, typed]) = &texts else { return Ok(Vec::new()) };
        let text = if view.options().mixed_case { typed } else { folded };
        let mut wanted = Vec::new();
        for (id, operand) in &ids {
            let mut user = find(view, id, operand)?;
            with_kerb(&mut user);
            let of_user = principals::users::wanted(view, user.kerb.as_ref(), text);
            wanted.extend(of_user.map_err(|error| CommandError::from_principal(error, operand))?);
        }
        Ok(wanted)
    };
    session.saf.change_principals(session.issuer, keys, |view, with_keys| {
        let mut edits = Vec::with_capacity(ids.len());
        for (id, operand) in &ids {
            let mut user = find(view, id, operand)?;
            if let Some(name) = &name {
                user.name.clone_from(name);
            }
            user.owner = owner.unwrap_or(user.owner);
            if let Some(group) = group {
                user.group = group;
            }
            let made = || Connect { created: Some(session.saf.now()), ..Connect::new(user.owner) };
            let connect = user.connects.entry(user.group).or_insert_with(made);
            connect.authority = authority.unwrap_or(connect.authority);
            if let Some(data) = &data {
                user.data = data.clone().unwrap_or_default();
            }
            if let Some(password) = &password {
                user.set_password(password, !view.options().mixed_case, session.saf.database().password_cost())
                    .map_err(|why| CommandError::at(why, operand))?;
                user.protected = false;
            }
            if keywords.has("NOPASSWORD") {
                user.remove_password();
                user.protected = true;
            }
            for attribute in Attribute::ALL {
                match keywords.switch(attribute.name(), &format!("NO{attribute}")) {
                    Some(true) => drop(user.attributes.insert(attribute)),
                    Some(false) => drop(user.attributes.remove(&attribute)),
                    None => {}
                }
            }
            if let Some(revoked) = keywords.switch("REVOKE", "RESUME") {
                user.revoked = revoked;
                user.failed_attempts = 0;
            }
            with_kerb(&mut user);
            let before = view.user(id).map(|user| &**user);
            let now = session.saf.now();
            let of_principal = principals::users::edits(view, with_keys, id, before, Some(&user), now)
                .map_err(|error| CommandError::from_principal(error, operand))?;
            if of_principal.iter().filter_map(put).any(|name| edits.iter().filter_map(put).any(|there| there == name)) {
                return Err(CommandError::at("two users cannot have one KERBNAME", operand));
            }
            edits.extend(of_principal);
            edits.push(Edit::PutUser(user));
        }
        Ok::<_, CommandError>(edits)
    })?;
    Ok(Output::default())
}

/// The principal whose row a change writes.
fn put(edit: &Edit) -> Option<&PrincipalName> {
    match edit {
        Edit::PutPrincipal(row) => Some(&row.name),
        _ => None,
    }
}

fn name(value: &Operand) -> Result<String, CommandError> {
    if value.text.chars().count() > 20 {
        return Err(CommandError::at("NAME has at most 20 characters", value));
    }
    text_of("NAME", value)
}

/// Source: RACF Command Language Reference, ADDUSER: a user added without password is protected.
pub(super) fn adduser(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let group = match given.keywords.parsed("DFLTGRP")? {
        Some(group) => group,
        None => top()?,
    };
    let owner = given.keywords.parsed("OWNER")?.unwrap_or(*session.issuer.id());
    set(session, given, |view, id, operand| {
        refuse_damaged(view, id, operand)?;
        if view.user(id).is_some() {
            return Err(CommandError::at(format!("user {id} is defined already"), operand).hint("ALTUSER changes it"));
        }
        let mut user = User::new(*id, group, owner);
        let now = Some(session.saf.now());
        user.created = now;
        user.connects.values_mut().for_each(|connect| connect.created = now);
        user.protected = true;
        Ok(user)
    })
}

pub(super) fn altuser(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    set(session, given, existing)
}

/// The user that a command is about, to be changed.
pub(super) fn existing(view: &Snapshot, id: &UserId, operand: &Operand) -> Result<User, CommandError> {
    refuse_damaged(view, id, operand)?;
    view.user(id).map(|user| User::clone(user)).ok_or_else(|| missing(id, operand))
}

pub(super) fn deluser(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let ids = ids(given)?;
    let no_keys = |_: &Snapshot| Ok(Vec::new());
    session.saf.change_principals(session.issuer, no_keys, |view, made| {
        let mut edits = Vec::with_capacity(ids.len());
        for (id, operand) in &ids {
            let before = view.user(id).map(|user| &**user);
            if before.is_none() && view.damaged_user(id).is_none() {
                return Err(missing(id, operand));
            }
            edits.push(Edit::DeleteUser(*id));
            edits.extend(principals::users::edits(view, made, id, before, None, session.saf.now())?);
        }
        Ok::<_, CommandError>(edits)
    })?;
    Ok(Output::default())
}

pub(super) fn refuse_damaged(view: &Snapshot, id: &UserId, operand: &Operand) -> Result<(), CommandError> {
    let Some(why) = view.damaged_user(id) else { return Ok(()) };
    Err(CommandError::at(format!("user {id} is damaged: {why}"), operand)
        .hint("DELUSER it and add it anew, or restore the database from a copy"))
}

fn missing(id: &UserId, operand: &Operand) -> CommandError {
    CommandError::at(format!("user {id} is not defined"), operand).hint("ADDUSER defines it")
}
