//! SEARCH: names of profiles, users and groups.

use super::messages::nothing_found;
use super::operands::parsed;
use super::{CommandError, Given, Operand, Output, Session};
use crate::model::{Class, ProfileName};

/// Which names are listed.
enum Which {
    All,
    Filter(ProfileName),
    /// How they begin, and what else is in them.
    Mask(String, String),
}

impl Which {
    fn read(given: &Given<'_>) -> Result<Self, CommandError> {
        given.keywords.exclusive(&["FILTER", "MASK"])?;
        given.keywords.exclusive(&["FILTER", "NOMASK"])?;
        if let Some(filter) = given.keywords.value("FILTER") {
            return Ok(Self::Filter(parsed(filter)?));
        }
        let folded = |operand: &Operand| operand.text.to_ascii_uppercase();
        match given.keywords.values("MASK") {
            None => Ok(Self::All),
            Some([begin]) => Ok(Self::Mask(folded(begin), String::new())),
            Some([begin, rest]) => Ok(Self::Mask(folded(begin), folded(rest))),
            Some(more) => {
                let third = more.get(2).ok_or_else(|| CommandError::new("MASK needs a value"))?;
                Err(CommandError::at("MASK takes one value or two", third))
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Filter(filter) => filter.covers(name),
            Self::Mask(begin, rest) => {
                let begin = if begin == "*" { "" } else { begin };
                name.strip_prefix(begin).is_some_and(|tail| tail.contains(rest.as_str()))
            }
        }
    }
}

pub(super) fn search(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let keywords = &given.keywords;
    let class = keywords.value("CLASS").ok_or_else(|| {
        CommandError::at_span("CLASS is missing", session.end..session.end)
            .hint("CLASS(...): data sets, where it may be left out, are not kept here")
    })?;
    keywords.exclusive(&["ALL", "GENERIC", "NOGENERIC"])?;
    let which = Which::read(given)?;
    let view = session.saf.database().view()?;
    let lines: Vec<String> = match class.text.to_ascii_uppercase().as_str() {
        "USER" => view.users().map(|user| user.id.to_string()).filter(|id| which.has(id)).collect(),
        "GROUP" => view.groups().map(|group| group.id.to_string()).filter(|id| which.has(id)).collect(),
        _ => {
            let generic = keywords.switch("GENERIC", "NOGENERIC");
            let class: Class = parsed(class)?;
            let fitting = view
                .profiles(class)
                .filter(|profile| which.has(profile.name.as_str()) && generic.is_none_or(|is| is == profile.generic));
            fitting
                .map(|profile| if profile.generic { format!("{} (G)", profile.name) } else { profile.name.to_string() })
                .collect()
        }
    };
    if lines.is_empty() {
        return Ok(Output::message(nothing_found()));
    }
    Ok(Output::lines(lines))
}
