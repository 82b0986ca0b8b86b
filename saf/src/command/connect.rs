//! CONNECT, REMOVE: users in groups.

use ptkt::GroupId;

use super::groups::{is_group, missing, of_issuer, refuse_damaged};
use super::users::{existing, ids};
use super::{CommandError, Given, Operand, Output, Session};
use crate::database::{Edit, Snapshot};
use crate::model::Connect;

/// The group of GROUP, or that of who asks; and where an error about it is told.
fn group<'a>(
    session: &Session<'_>,
    given: &Given<'a>,
    view: &Snapshot,
    users: &'a Operand,
) -> Result<(GroupId, &'a Operand), CommandError> {
    let named = given.keywords.value("GROUP");
    let group = match given.keywords.parsed("GROUP")? {
        Some(group) => group,
        None => of_issuer(session, view)?,
    };
    Ok((group, named.unwrap_or(users)))
}

pub(super) fn connect(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let [users] = given.names()?;
    let ids = ids(given)?;
    let keywords = &given.keywords;
    keywords.exclusive(&["REVOKE", "RESUME"])?;
    let authority = keywords.parsed("AUTHORITY")?;
    let owner = keywords.parsed("OWNER")?;
    session.saf.database().change(|view| {
        let (group, place) = group(session, given, view, users)?;
        refuse_damaged(view, &group, place)?;
        if !is_group(view, &group) {
            return Err(missing(&group, place));
        }
        let mut edits = Vec::with_capacity(ids.len());
        for (id, operand) in &ids {
            let mut user = existing(view, id, operand)?;
            let made = || Connect { created: Some(session.saf.now()), ..Connect::new(*session.issuer.id()) };
            let connect = user.connects.entry(group).or_insert_with(made);
            connect.authority = authority.unwrap_or(connect.authority);
            connect.owner = owner.unwrap_or(connect.owner);
            connect.revoked = keywords.switch("REVOKE", "RESUME").unwrap_or(connect.revoked);
            edits.push(Edit::PutUser(user));
        }
        Ok::<_, CommandError>(edits)
    })?;
    Ok(Output::default())
}

pub(super) fn remove(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let [users] = given.names()?;
    let ids = ids(given)?;
    session.saf.database().change(|view| {
        let (group, _) = group(session, given, view, users)?;
        let mut edits = Vec::with_capacity(ids.len());
        for (id, operand) in &ids {
            let mut user = existing(view, id, operand)?;
            if user.group == group {
                let what = format!("{group} is the default group of user {id}");
                return Err(CommandError::at(what, operand).hint("ALTUSER it to another one first"));
            }
            if user.connects.remove(&group).is_none() {
                let what = format!("user {id} is not connected to group {group}");
                return Err(CommandError::at(what, operand));
            }
            edits.push(Edit::PutUser(user));
        }
        Ok::<_, CommandError>(edits)
    })?;
    Ok(Output::default())
}
