//! ADDGROUP, DELGROUP: groups.

use ptkt::GroupId;

use super::operands::{distinct, text_of};
use super::{CommandError, Given, Operand, Output, Session};
use crate::database::{Edit, Snapshot};
use crate::model::Group;

fn ids<'a>(given: &Given<'a>) -> Result<Vec<(GroupId, &'a Operand)>, CommandError> {
    let [ids] = given.names()?;
    distinct(ids)
}

/// Whether there is a group of this name: the topmost one always is.
pub(super) fn is_group(view: &Snapshot, id: &GroupId) -> bool {
    view.group(id).is_some() || id.to_string() == Group::TOP
}

pub(super) fn addgroup(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let ids = ids(given)?;
    let keywords = &given.keywords;
    let superior = keywords.value("SUPGROUP");
    let above = match keywords.parsed("SUPGROUP")? {
        Some(above) => above,
        None => top()?,
    };
    let owner = keywords.parsed("OWNER")?.unwrap_or(*session.issuer.id());
    let data = keywords.value("DATA").map(|value| text_of("DATA", value)).transpose()?.unwrap_or_default();
    session.saf.database().change(|view| {
        if let (Some(operand), false) = (superior, is_group(view, &above)) {
            return Err(missing(&above, operand));
        }
        let mut edits = Vec::with_capacity(ids.len());
        for (id, operand) in &ids {
            refuse_damaged(view, id, operand)?;
            if is_group(view, id) {
                return Err(CommandError::at(format!("group {id} is defined already"), operand));
            }
            let mut group = Group::new(*id, Some(above), owner);
            group.data.clone_from(&data);
            group.created = Some(session.saf.now());
            edits.push(Edit::PutGroup(group));
        }
        Ok(edits)
    })?;
    Ok(Output::default())
}

/// Source: RACF Command Language Reference, DELGROUP: a group with users or groups below it stays.
pub(super) fn delgroup(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let ids = ids(given)?;
    session.saf.database().change(|view| {
        let delete = |(id, operand): &(GroupId, &Operand)| {
            if view.damaged_group(id).is_some() {
                return Ok(Edit::DeleteGroup(*id));
            }
            if id.to_string() == Group::TOP {
                return Err(CommandError::at(format!("group {id} is the topmost one, which stays"), operand));
            }
            view.group(id).ok_or_else(|| missing(id, operand))?;
            if let Some(below) = view.groups().find(|group| group.superior == Some(*id)) {
                let what = format!("group {} is below group {id}", below.id);
                return Err(CommandError::at(what, operand).hint("DELGROUP that one first"));
            }
            if let Some(user) = view.users().find(|user| user.connects.contains_key(id)) {
                let what = format!("user {} is connected to group {id}", user.id);
                return Err(CommandError::at(what, operand).hint("REMOVE or DELUSER it first"));
            }
            Ok(Edit::DeleteGroup(*id))
        };
        ids.iter().map(delete).collect()
    })?;
    Ok(Output::default())
}

/// The group of those who are given none.
pub(super) fn top() -> Result<GroupId, CommandError> {
    Group::TOP.parse().map_err(|error: ptkt::Error| CommandError::new(error.to_string()))
}

pub(super) fn refuse_damaged(view: &Snapshot, id: &GroupId, operand: &Operand) -> Result<(), CommandError> {
    let Some(why) = view.damaged_group(id) else { return Ok(()) };
    Err(CommandError::at(format!("group {id} is damaged: {why}"), operand)
        .hint("DELGROUP it and add it anew, or restore the database from a copy"))
}

/// The group of who issues a command: where a command names none.
pub(super) fn of_issuer(session: &Session<'_>, view: &Snapshot) -> Result<GroupId, CommandError> {
    view.user(session.issuer.id()).map_or_else(top, |user| Ok(user.group))
}

pub(super) fn missing(id: &GroupId, operand: &Operand) -> CommandError {
    CommandError::at(format!("group {id} is not defined"), operand).hint("ADDGROUP defines it")
}
