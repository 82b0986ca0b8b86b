//! SETROPTS: options of the whole system.

use super::messages::setropts_complete;
use super::{CommandError, Keywords, Operand, Output, Session, one, parsed};
use crate::database::Edit;
use crate::model::{Class, Options};

pub(super) const KEYWORDS: [&str; 8] =
    ["CLASSACT", "NOCLASSACT", "RACLIST", "NORACLIST", "GENERIC", "NOGENERIC", "REFRESH", "PASSWORD"];

pub(super) fn setropts(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    let keywords = Keywords::read(operands, &KEYWORDS)?;
    if operands.is_empty() {
        let hint = format!("one of {}", KEYWORDS.join(", "));
        return Err(CommandError::at_span("SETROPTS needs an operand", session.end..session.end).hint(hint));
    }
    for (on, off) in [("CLASSACT", "NOCLASSACT"), ("RACLIST", "NORACLIST"), ("GENERIC", "NOGENERIC")] {
        keywords.exclusive(&[on, off])?;
    }
    let classes = |keyword| keywords.values(keyword).and_then(|values| values.map(classes).transpose());
    let (active, inactive) = (classes("CLASSACT")?, classes("NOCLASSACT")?);
    let (raclist, noraclist) = (classes("RACLIST")?, classes("NORACLIST")?);
    let (generic, nogeneric) = (classes("GENERIC")?, classes("NOGENERIC")?);
    let refresh = keywords.has("REFRESH")?;
    if let (true, Some(operand)) = (refresh && raclist.is_none() && generic.is_none(), keywords.get("REFRESH")) {
        return Err(CommandError::at("REFRESH needs the classes", operand).hint("RACLIST(PTKTDATA) REFRESH"));
    }
    let mixed_case = keywords.get("PASSWORD").map(mixed_case).transpose()?;

    session.saf.database().change(|view| {
        let mut options: Options = view.options().clone();
        let mut edits = Vec::new();
        options.active.extend(active.iter().flatten());
        options.active.retain(|class| !inactive.iter().flatten().any(|off| off == class));
        options.generic.extend(generic.iter().flatten());
        options.generic.retain(|class| !nogeneric.iter().flatten().any(|off| off == class));
        for class in raclist.iter().flatten() {
            // A class that is RACLISTed for the first time is read from the database; later that takes REFRESH.
            let first = options.raclisted.insert(*class);
            if first || refresh {
                edits.push(Edit::Refresh(*class));
            }
        }
        for class in noraclist.iter().flatten() {
            options.raclisted.remove(class);
            edits.push(Edit::Refresh(*class));
        }
        options.mixed_case = mixed_case.unwrap_or(options.mixed_case);
        if options != *view.options() {
            edits.push(Edit::PutOptions(options));
        }
        Ok::<_, CommandError>(edits)
    })?;
    Ok(Output::message(setropts_complete()))
}

fn classes(values: &[Operand]) -> Result<Vec<Class>, CommandError> {
    match values {
        [all] if all.text == "*" => Ok(Class::ALL.into()),
        _ => values.iter().map(parsed).collect(),
    }
}

fn mixed_case(operand: &Operand) -> Result<bool, CommandError> {
    let value = one("PASSWORD", operand)?;
    match value.text.to_ascii_uppercase().as_str() {
        "MIXEDCASE" | "MIXED" => Ok(true),
        "NOMIXEDCASE" | "NOMIXED" => Ok(false),
        _ => Err(CommandError::at("this is no password option here", value).hint("MIXEDCASE or NOMIXEDCASE")),
    }
}
