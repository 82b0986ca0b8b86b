//! PERMIT: access lists.

use ptkt::UserId;

use super::messages::Done;
use super::profiles::{existing, reminder};
use super::{CommandError, Keywords, Operand, Output, Session, parsed, positional};
use crate::access::everybody;
use crate::database::Edit;
use crate::model::{Access, Class, ProfileName};

pub(super) const KEYWORDS: [&str; 4] = ["CLASS", "ID", "ACCESS", "DELETE"];

pub(super) fn permit(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    let ([name_operand], rest) = positional(operands, ["a profile name"], session.end)?;
    let name: ProfileName = parsed(name_operand)?;
    let keywords = Keywords::read(rest, &KEYWORDS)?;
    let needed = |keyword: &str| {
        CommandError::at_span(format!("{keyword} is missing"), session.end..session.end).hint(format!("{keyword}(...)"))
    };
    let class: Class = parsed(keywords.value("CLASS")?.ok_or_else(|| needed("CLASS"))?)?;
    let ids = keywords.values("ID")?.ok_or_else(|| needed("ID"))?;
    let ids: Vec<UserId> = ids.iter().map(id).collect::<Result<_, _>>()?;
    keywords.exclusive(&["ACCESS", "DELETE"])?;
    let delete = keywords.has("DELETE")?;
    let access = keywords.value("ACCESS")?.map(parsed).transpose()?.unwrap_or(Access::Read);
    session.saf.database().change(|view| {
        let mut profile = existing(view, class, &name, name_operand)?.duplicate();
        for id in &ids {
            if delete {
                profile.access.remove(id);
            } else {
                profile.access.insert(*id, access);
            }
        }
        Ok::<_, CommandError>(vec![Edit::PutProfile(profile)])
    })?;
    Ok(reminder(session, class, Done::Permitted))
}

fn id(operand: &Operand) -> Result<UserId, CommandError> {
    match (operand.text.as_str(), everybody()) {
        ("*", Some(everybody)) => Ok(everybody),
        _ => parsed(operand),
    }
}
