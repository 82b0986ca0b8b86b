//! SETROPTS: options of the whole system.

use super::messages::{no_effect, remark, setropts_complete};
use super::operands::{Keywords, number, parsed};
use super::{CommandError, Given, Operand, Output, Session};
use crate::database::Edit;
use crate::judgement::{Remark, remarks};
use crate::model::{Class, Options};

pub(super) fn setropts(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let keywords = &given.keywords;
    if keywords.is_empty() {
        return Err(
            CommandError::at_span("SETROPTS needs an operand", session.end..session.end).hint("LIST lists the options")
        );
    }
    let (active, inactive) = (classes(keywords, "CLASSACT")?, classes(keywords, "NOCLASSACT")?);
    let (raclist, noraclist) = (classes(keywords, "RACLIST")?, classes(keywords, "NORACLIST")?);
    let (generic, nogeneric) = (classes(keywords, "GENERIC")?, classes(keywords, "NOGENERIC")?);
    let refresh = keywords.has("REFRESH");
    if let (true, Some(operand)) = (raclist.is_empty() && generic.is_empty(), keywords.get("REFRESH")) {
        return Err(CommandError::at("REFRESH needs the classes", operand).hint("RACLIST(PTKTDATA) REFRESH"));
    }
    let password = keywords.get("PASSWORD").map(|operand| Password::read(keywords, operand)).transpose()?;

    let mut without_effect = Vec::new();
    session.saf.database().change(|view| {
        without_effect.clear();
        let mut options: Options = view.options().clone();
        let mut edits = Vec::new();
        options.active.extend(&active);
        options.active.retain(|class| !inactive.contains(class));
        options.generic.extend(&generic);
        options.generic.retain(|class| !nogeneric.contains(class));
        for class in &raclist {
            // REFRESH renews what is in storage, and puts nothing there.
            let in_storage = options.raclisted.contains(class) && options.active.contains(class);
            if refresh && !in_storage {
                without_effect.push(*class);
            } else if refresh || options.raclisted.insert(*class) {
                // A class that is RACLISTed for the first time is read from the database; later that takes REFRESH.
                edits.push(Edit::Refresh(*class));
            }
        }
        for class in &noraclist {
            options.raclisted.remove(class);
            edits.push(Edit::Refresh(*class));
        }
        if let Some(password) = &password {
            options.mixed_case = password.mixed_case.unwrap_or(options.mixed_case);
            options.revoke_after = password.revoke_after.unwrap_or(options.revoke_after);
        }
        if options != *view.options() {
            edits.push(Edit::PutOptions(options));
        }
        Ok::<_, CommandError>(edits)
    })?;
    let mut output = Output { messages: without_effect.into_iter().map(no_effect).collect(), ..Output::default() };
    if keywords.has("LIST") {
        list(session.saf.database().view()?.options(), &mut output.lines);
    }
    if ["CLASSACT", "NOCLASSACT", "RACLIST", "NORACLIST", "GENERIC", "NOGENERIC", "PASSWORD"]
        .into_iter()
        .any(|keyword| keywords.has(keyword))
    {
        output.messages.push(setropts_complete());
    }
    if password.is_some_and(|password| password.mixed_case == Some(false)) {
        let view = session.saf.database().view()?;
        let spoilt = view
            .profiles(Class::Ptktdata)
            .filter(|profile| remarks(profile, view.options(), None).contains(&Remark::NotBySignOn));
        output.messages.extend(spoilt.filter_map(|profile| remark(profile.name.as_str(), &Remark::NotBySignOn)));
    }
    Ok(output)
}

fn classes(keywords: &Keywords<'_>, keyword: &str) -> Result<Vec<Class>, CommandError> {
    match keywords.values(keyword) {
        None => Ok(Vec::new()),
        Some([all]) if all.text == "*" => Ok(Class::ALL.into()),
        Some(values) => values.iter().map(parsed).collect(),
    }
}

/// What PASSWORD(...) sets.
struct Password {
    mixed_case: Option<bool>,
    revoke_after: Option<Option<u8>>,
}

impl Password {
    fn read(keywords: &Keywords<'_>, operand: &Operand) -> Result<Self, CommandError> {
        let within = keywords.within("PASSWORD")?.filter(|within| !within.is_empty());
        let within =
            within.ok_or_else(|| CommandError::at("PASSWORD needs a value", operand).hint("PASSWORD(MIXEDCASE)"))?;
        Ok(Self {
            mixed_case: within.switch("MIXEDCASE", "NOMIXEDCASE"),
            revoke_after: within.setting("REVOKE", "NOREVOKE", |value| {
                number("REVOKE", value, 1, 254).map(|most| u8::try_from(most).unwrap_or(u8::MAX))
            })?,
        })
    }
}

/// Those lines of the listing that say what is kept here.
fn list(options: &Options, lines: &mut Vec<String>) {
    // Users and groups are always protected.
    let active: Vec<&str> =
        ["USER", "GROUP"].into_iter().chain(options.active.iter().map(|class| class.name())).collect();
    lines.push(format!("ACTIVE CLASSES = {}", active.join(" ")));
    for (heading, classes) in
        [("GENERIC PROFILE CLASSES", &options.generic), ("SETR RACLIST CLASSES", &options.raclisted)]
    {
        let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
        let names = if names.is_empty() { "NONE".to_owned() } else { names.join(" ") };
        lines.push(format!("{heading} =  {names}"));
    }
    lines.push("LIST OF GROUPS ACCESS CHECKING IS ACTIVE.".to_owned());
    lines.push("PASSWORD PROCESSING OPTIONS:".to_owned());
    let not = if options.mixed_case { "" } else { "NOT " };
    lines.push(format!("  MIXED CASE PASSWORD SUPPORT IS {not}IN EFFECT"));
    match options.revoke_after {
        None => lines.push("  USERIDS NOT BEING AUTOMATICALLY REVOKED.".to_owned()),
        Some(attempts) => {
            lines.push(format!("  AFTER {attempts:>3} CONSECUTIVE UNSUCCESSFUL PASSWORD ATTEMPTS,"));
            lines.push("      A USERID WILL BE REVOKED.".to_owned());
        }
    }
}
