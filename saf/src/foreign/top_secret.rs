//! Top Secret: applications of the NDT, and permits of PTKTDATA.

use super::words::{Line, Word, joined, words};
use super::{Making, REFRESH, Translation, appldata, level};
use crate::unload::Finding;

/// Turns a list of TSS commands into RACF commands; what is not understood is told.
#[must_use]
pub fn top_secret(text: &str, tell: &mut dyn FnMut(&Finding)) -> Translation {
    let mut making = Making::new(tell);
    for (number, text) in joined(text) {
        let line = Line { number, words: words(&text) };
        let words = match line.words.split_first() {
            Some((tss, rest)) if tss.is(&["TSS"]) && tss.value.is_none() => rest,
            _ => line.words.as_slice(),
        };
        command(&mut making, &line, words);
    }
    making.finish()
}

fn command(making: &mut Making<'_>, line: &Line<'_>, words: &[Word<'_>]) {
    let Some((verb, operands)) = words.split_first() else { return };
    let of = |names: &[&str]| operands.iter().find(|word| word.is(names));
    let is_ndt = verb.value.is_some_and(|value| value.trim().eq_ignore_ascii_case("NDT"));
    if verb.is(&["REFRESH"]) {
        making.command(line, REFRESH.to_owned());
    } else if let (true, Some(application)) = (is_ndt, of(&["PSTKAPPL"])) {
        node(making, line, verb, operands, application);
    } else if let (true, Some(resource)) = (verb.is(&["PERMIT", "PER"]), of(&["PTKTDATA"])) {
        permit(making, line, verb, operands, resource);
    } else if verb.is(&["ADDTO", "ADD"]) && is_ownership(verb, operands) {
        // Ownership, and the class itself: here both are there.
    } else {
        making.wrong(line, Some(verb), "a command that is not understood here: it is left out");
    }
}

fn is_ownership(verb: &Word<'_>, operands: &[Word<'_>]) -> bool {
    let class = verb.is_with(&["ADDTO", "ADD"], "RDT") && operands.iter().any(|o| o.is_with(&["RESCLASS"], "PTKTDATA"));
    let owns = |value: &str| value.trim().to_ascii_uppercase().starts_with("IRRPTAU");
    class || operands.iter().any(|operand| operand.is(&["PTKTDATA"]) && operand.value.is_some_and(owns))
}

/// ADDTO, REPLACE or REMOVE of an application in the NDT.
fn node(making: &mut Making<'_>, line: &Line<'_>, verb: &Word<'_>, operands: &[Word<'_>], application: &Word<'_>) {
    let name = application.value.unwrap_or_default().trim();
    let Some(name) = making.profile(line, application, name) else { return };
    if verb.is(&["REMOVE", "REM"]) {
        return making.command(line, format!("RDELETE PTKTDATA {name}"));
    }
    let (mut key, mut again) = (String::new(), false);
    for operand in operands.iter().filter(|operand| !operand.is(&["PSTKAPPL"])) {
        if operand.is(&["SESSKEY"]) {
            let Some(found) = making.key(line, operand) else { return };
            key = format!(" {found}");
        } else if operand.is(&["SIGNMULTI"]) {
            again = true;
        } else {
            making.wrong(line, Some(operand), "an operand that is not understood: it is left out");
        }
    }
    if verb.is(&["ADDTO", "ADD"]) {
        making.command(line, format!("RDEFINE PTKTDATA {name} UACC(NONE){key}{}", appldata(again)));
    } else if verb.is(&["REPLACE", "REP"]) {
        making.command(line, format!("RALTER PTKTDATA {name}{key}{}", appldata(again)));
    } else {
        making.wrong(line, Some(verb), "a command for the NDT that is not understood: it is left out");
    }
}

/// PERMIT(user) PTKTDATA(IRRPTAUTH.application.user) ACCESS(levels).
fn permit(making: &mut Making<'_>, line: &Line<'_>, verb: &Word<'_>, operands: &[Word<'_>], resource: &Word<'_>) {
    let Some(profile) = profile(resource.value.unwrap_or_default().trim()) else {
        return making.wrong(line, Some(resource), "this is no resource of an application: the line is left out");
    };
    let Some(user) = making.user(line, verb, "ALL") else { return };
    let access = operands.iter().find(|operand| operand.is(&["ACCESS", "ACC"])).and_then(|operand| operand.value);
    match access.and_then(level) {
        Some(access) => making.permit(line, &profile, &user, access),
        None => making.wrong(line, None, "a permit has ACCESS(READ), ACCESS(UPDATE) or both: it is left out"),
    }
}

/// The profile for a resource: IRRPTAUTH alone, with an application, with a user.
fn profile(resource: &str) -> Option<String> {
    let resource = resource.to_ascii_uppercase();
    let rest = resource.trim_end_matches(['*', '.']).strip_prefix("IRRPTAUTH")?;
    let name = |text: &str| text.parse::<ptkt::Applid>().is_ok();
    let mut qualifiers = rest.split('.').skip(1);
    match (rest, qualifiers.next(), qualifiers.next(), qualifiers.next()) {
        ("", None, None, None) => Some("IRRPTAUTH.**".to_owned()),
        (_, Some(application), None, None) if name(application) => Some(format!("IRRPTAUTH.{application}.*")),
        (_, Some(application), Some(user), None) if name(application) && name(user) => {
            Some(format!("IRRPTAUTH.{application}.{user}"))
        }
        _ => None,
    }
}
