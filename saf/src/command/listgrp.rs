//! LISTGRP: groups as RACF lists them.

use std::sync::Arc;

use ptkt::GroupId;

use super::groups::{of_issuer, refuse_damaged};
use super::listuser::day;
use super::messages::group_not_found;
use super::operands::{distinct, each};
use super::{CommandError, Given, Operand, Output, Session};
use crate::database::Snapshot;
use crate::model::Group;

pub(super) fn listgrp(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let view = session.saf.database().view()?;
    let groups: Vec<Arc<Group>> = match given.name() {
        Some(names) if each(names).iter().any(|name| name.text == "*") => view.groups().cloned().collect(),
        Some(names) => {
            let ids: Vec<(GroupId, &Operand)> = distinct(names)?;
            let find = |(id, operand): (GroupId, &Operand)| {
                refuse_damaged(&view, &id, operand)?;
                group(&view, &id).ok_or_else(|| CommandError::at(group_not_found(), operand))
            };
            ids.into_iter().map(find).collect::<Result<_, _>>()?
        }
        None => {
            let id = of_issuer(session, &view)?;
            vec![group(&view, &id).ok_or_else(|| CommandError::new(group_not_found()))?]
        }
    };
    let mut lines = Vec::new();
    groups.iter().for_each(|group| list(&view, group, &mut lines));
    Ok(Output::lines(lines))
}

/// A group; the topmost one is there without having been defined.
fn group(view: &Snapshot, id: &GroupId) -> Option<Arc<Group>> {
    let top = || {
        let owner = "IBMUSER".parse().ok().filter(|_| id.to_string() == Group::TOP)?;
        Some(Arc::new(Group::new(*id, None, owner)))
    };
    view.group(id).cloned().or_else(top)
}

fn list(view: &Snapshot, group: &Group, lines: &mut Vec<String>) {
    let superior = group.superior.map_or_else(|| "NONE".to_owned(), |superior| superior.to_string());
    lines.extend([
        format!("INFORMATION FOR GROUP {}", group.id),
        format!("    SUPERIOR GROUP={superior:<8}     OWNER={:<8}    CREATED={}", group.owner, day(group.created)),
        if group.data.is_empty() {
            "    NO INSTALLATION DATA".to_owned()
        } else {
            format!("    INSTALLATION DATA={}", group.data)
        },
        "    NO MODEL DATA SET".to_owned(),
        "    TERMUACC".to_owned(),
    ]);
    let below: Vec<String> = view
        .groups()
        .filter(|below| below.superior == Some(group.id))
        .map(|below| format!("{:<8}", below.id))
        .collect();
    match below.chunks(6).collect::<Vec<_>>().as_slice() {
        [] => lines.push("    NO SUBGROUPS".to_owned()),
        [first, rest @ ..] => {
            lines.push(format!("    SUBGROUP(S)= {}", first.join(" ")).trim_end().to_owned());
            lines.extend(rest.iter().map(|names| format!("{:17}{}", "", names.join(" ")).trim_end().to_owned()));
        }
    }
    let mut users = view.users().filter_map(|user| Some((user, user.connects.get(&group.id)?))).peekable();
    if users.peek().is_none() {
        lines.push("    NO USERS".to_owned());
        return;
    }
    lines.push("    USER(S)=      ACCESS=      ACCESS COUNT=      UNIVERSAL ACCESS=".to_owned());
    for (user, connect) in users {
        let attributes = if connect.revoked { "REVOKED" } else { "NONE" };
        lines.extend([
            format!("      {:<8}      {:<8}      000000               NONE", user.id, connect.authority),
            format!("         CONNECT ATTRIBUTES={attributes}"),
            "         REVOKE DATE=NONE                 RESUME DATE=NONE".to_owned(),
        ]);
    }
}
