//! ADDUSER, ALTUSER, DELUSER: users.

use ptkt::{GroupId, UserId};

use super::{CommandError, Keywords, Operand, Output, Session, distinct, parsed, positional};
use crate::database::{Edit, Snapshot};
use crate::model::{Credential, User};

pub(super) const ADDUSER: [&str; 5] = ["NAME", "DFLTGRP", "OWNER", "PASSWORD", "NOPASSWORD"];
pub(super) const ALTUSER: [&str; 7] = ["NAME", "DFLTGRP", "OWNER", "PASSWORD", "NOPASSWORD", "REVOKE", "RESUME"];
/// The group of users who are given none: the one every RACF database has.
const SYS1: &str = "SYS1";

fn ids(operand: &Operand) -> Result<Vec<(UserId, &Operand)>, CommandError> {
    distinct(operand)
}

fn set(
    session: &Session<'_>,
    operands: &[Operand],
    known: &[&'static str],
    find: impl Fn(&Snapshot, &UserId, &Operand) -> Result<User, CommandError>,
) -> Result<Output, CommandError> {
    let ([ids_operand], rest) = positional(operands, ["a user ID"], session.end)?;
    let ids = ids(ids_operand)?;
    let keywords = Keywords::read(rest, known)?;
    keywords.exclusive(&["PASSWORD", "NOPASSWORD"])?;
    keywords.exclusive(&["REVOKE", "RESUME"])?;
    let password = keywords
        .value("PASSWORD")?
        .map(|value| Credential::new(session.secret(value)?).map_err(|why| CommandError::at(why, value)))
        .transpose()?;
    session.saf.database().change(|view| {
        let mut edits = Vec::with_capacity(ids.len());
        for (id, operand) in &ids {
            let mut user = find(view, id, operand)?;
            if let Some(name) = keywords.value("NAME")? {
                if name.text.len() > 20 {
                    return Err(CommandError::at("NAME has at most 20 characters", name));
                }
                user.name.clone_from(&name.text);
            }
            if let Some(group) = keywords.value("DFLTGRP")? {
                user.group = parsed(group)?;
            }
            if let Some(owner) = keywords.value("OWNER")? {
                user.owner = parsed(owner)?;
            }
            if let Some(password) = &password {
                user.set_password(password, !view.options().mixed_case)
                    .map_err(|why| CommandError::at(why, operand))?;
                user.protected = false;
            }
            if keywords.has("NOPASSWORD")? {
                user.remove_password();
                user.protected = true;
            }
            user.revoked = (user.revoked || keywords.has("REVOKE")?) && !keywords.has("RESUME")?;
            edits.push(Edit::PutUser(user));
        }
        Ok(edits)
    })?;
    Ok(Output::default())
}

/// Source: RACF Command Language Reference, ADDUSER: a user added without password is protected.
pub(super) fn adduser(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    let group: GroupId = SYS1.parse().ok().ok_or_else(|| CommandError::new("SYS1 is no group"))?;
    set(session, operands, &ADDUSER, |view, id, operand| {
        refuse_damaged(view, id, operand)?;
        if view.user(id).is_some() {
            return Err(CommandError::at(format!("user {id} is defined already"), operand).hint("ALTUSER changes it"));
        }
        let mut user = User::new(*id, group, *session.issuer.id());
        user.protected = true;
        Ok(user)
    })
}

pub(super) fn altuser(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    set(session, operands, &ALTUSER, |view, id, operand| {
        refuse_damaged(view, id, operand)?;
        view.user(id).map(|user| User::clone(user)).ok_or_else(|| missing(id, operand))
    })
}

pub(super) fn deluser(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    let ([ids_operand], rest) = positional(operands, ["a user ID"], session.end)?;
    let ids = ids(ids_operand)?;
    Keywords::read(rest, &[])?;
    session.saf.database().change(|view| {
        let delete = |(id, operand): &(UserId, &Operand)| {
            let there = view.user(id).is_some() || view.damaged_user(id).is_some();
            if there { Ok(Edit::DeleteUser(*id)) } else { Err(missing(id, operand)) }
        };
        ids.iter().map(delete).collect::<Result<Vec<_>, CommandError>>()
    })?;
    Ok(Output::default())
}

fn refuse_damaged(view: &Snapshot, id: &UserId, operand: &Operand) -> Result<(), CommandError> {
    let Some(why) = view.damaged_user(id) else { return Ok(()) };
    Err(CommandError::at(format!("user {id} is damaged: {why}"), operand)
        .hint("DELUSER it and add it anew, or restore the database from a copy"))
}

fn missing(id: &UserId, operand: &Operand) -> CommandError {
    CommandError::at(format!("user {id} is not defined"), operand).hint("ADDUSER defines it")
}
