//! PERMIT: access lists.

use ptkt::UserId;

use super::messages::Done;
use super::operands::parsed;
use super::profiles::{existing, reminder};
use super::{CommandError, Given, Operand, Output, Session};
use crate::access::everybody;
use crate::database::Edit;
use crate::model::{Access, Class, ProfileName};

pub(super) fn permit(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let [name_operand] = given.names()?;
    let name: ProfileName = parsed(name_operand)?;
    let keywords = &given.keywords;
    let needed = |keyword: &str| {
        CommandError::at_span(format!("{keyword} is missing"), session.end..session.end).hint(format!("{keyword}(...)"))
    };
    let class: Class = keywords.parsed("CLASS")?.ok_or_else(|| needed("CLASS"))?;
    let reset = reset(given)?;
    let ids: Vec<UserId> = match keywords.values("ID") {
        Some(ids) => ids.iter().map(id).collect::<Result<_, _>>()?,
        None if reset && !keywords.has("ACCESS") && !keywords.has("DELETE") => Vec::new(),
        None => return Err(needed("ID")),
    };
    keywords.exclusive(&["ACCESS", "DELETE"])?;
    keywords.exclusive(&["DELETE", "RESET"])?;
    let access = keywords.parsed("ACCESS")?.unwrap_or(Access::Read);
    session.saf.database().change(|view| {
        let mut profile = existing(view, class, &name, name_operand)?.duplicate();
        if reset {
            profile.access.clear();
        }
        for id in &ids {
            if keywords.has("DELETE") {
                profile.access.remove(id);
            } else {
                profile.access.insert(*id, access);
            }
        }
        Ok::<_, CommandError>(vec![Edit::PutProfile(profile)])
    })?;
    Ok(reminder(session, class, Done::Permitted))
}

/// RESET, for which ALL and STANDARD are the same where there are no conditional access lists.
fn reset(given: &Given<'_>) -> Result<bool, CommandError> {
    let what = given.keywords.value("RESET");
    match what.map(|what| what.text.to_ascii_uppercase()).as_deref() {
        None | Some("ALL" | "STANDARD") => Ok(given.keywords.has("RESET")),
        Some(_) => {
            let error = |what| CommandError::at("there is only the standard access list here", what);
            Err(what.map_or_else(|| CommandError::new("RESET"), error).hint("ALL or STANDARD"))
        }
    }
}

fn id(operand: &Operand) -> Result<UserId, CommandError> {
    match (operand.text.as_str(), everybody()) {
        ("*", Some(everybody)) => Ok(everybody),
        _ => parsed(operand),
    }
}
