//! ACF2: SSIGNON profile records, and resource rules of type PTK.

use super::words::{Line, Word, joined, words};
use super::{Making, REFRESH, Translation, appldata, level};
use crate::model::Access;
use crate::unload::Finding;

/// What a SET command has set: what the commands after it are about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Setting {
    /// SSIGNON records of PTKTDATA.
    Keys,
    /// Rules of type PTK.
    Rules,
    /// Something else, or nothing.
    Other,
}

/// Turns a list of ACF2 commands into RACF commands; what is not understood is told.
#[must_use]
pub fn acf2(text: &str, tell: &mut dyn FnMut(&Finding)) -> Translation {
    let mut making = Making::new(tell);
    let mut reading = Reading { setting: Setting::Other, rule: None };
    for (number, text) in joined(text) {
        let line = Line { number, words: words(&text) };
        // A line that begins with an asterisk is a remark.
        if !text.trim_start().starts_with('*') {
            reading.line(&mut making, &line, &line.words);
        }
    }
    making.finish()
}

/// The rules of a rule set that are known here.
const RULE_SETS: [&str; 2] = ["IRRPTAUTH", "PTKTGEN"];

struct Reading {
    setting: Setting,
    /// The rule set whose lines follow.
    rule: Option<&'static str>,
}

impl Reading {
    fn line(&mut self, making: &mut Making<'_>, line: &Line<'_>, words: &[Word<'_>]) {
        let Some((verb, rest)) = words.split_first() else { return };
        if verb.is(&["ACF", "END", "QUIT", "COMPILE", "STORE", "."]) {
            self.rule = None;
        } else if verb.is(&["SET"]) {
            self.set(making, line, rest);
        } else if verb.is(&["INSERT", "CHANGE"]) && self.setting == Setting::Keys {
            record(making, line, rest, verb.is(&["INSERT"]));
        } else if verb.is(&["DELETE"]) && self.setting == Setting::Keys {
            let name = rest.first().and_then(|word| making.profile(line, word, word.name));
            if let Some(name) = name {
                making.command(line, format!("RDELETE PTKTDATA {name}"));
            }
        } else if verb.is(&["RECKEY"]) && self.setting == Setting::Rules {
            reckey(making, line, rest);
        } else if verb.is(&["$KEY"]) {
            self.rule = verb.value.and_then(rule_set);
            if self.rule.is_none() {
                making.wrong(line, Some(verb), "a rule set that is not known here: it is left out");
            }
        } else if verb.is(&["F", "MODIFY"]) && rest.iter().any(|word| word.is_with(&["REBUILD"], "PTK")) {
            // An operator command ends the rule set before it.
            self.rule = None;
            making.command(line, REFRESH.to_owned());
        } else if let (Some(rule), false) = (self.rule, verb.name.starts_with('$')) {
            entry(making, line, rule, words);
        } else {
            making.wrong(line, Some(verb), "a command that is not understood here: it is left out");
        }
    }

    /// SET, and what may stand on the same line after it.
    fn set(&mut self, making: &mut Making<'_>, line: &Line<'_>, words: &[Word<'_>]) {
        self.rule = None;
        let is = |names: &[&str], value: &str| words.iter().any(|word| word.is_with(names, value));
        self.setting = if is(&["PROFILE"], "PTKTDATA") && is(&["DIVISION", "DIV"], "SSIGNON") {
            Setting::Keys
        } else if is(&["RESOURCE"], "PTK") {
            Setting::Rules
        } else {
            making.wrong(line, words.first(), "what is set here is not known: what follows it is left out");
            Setting::Other
        };
        let verb = words.iter().position(|word| word.is(&["INSERT", "CHANGE", "DELETE", "RECKEY"]));
        if let Some(rest) = verb.and_then(|at| words.get(at..)) {
            self.line(making, line, rest);
        }
    }
}

fn rule_set(name: &str) -> Option<&'static str> {
    RULE_SETS.into_iter().find(|rule| rule.eq_ignore_ascii_case(name.trim()))
}

/// INSERT or CHANGE of the record of an application.
fn record(making: &mut Making<'_>, line: &Line<'_>, words: &[Word<'_>], insert: bool) {
    let Some((name, fields)) = words.split_first() else {
        return making.wrong(line, None, "the name of the application is missing");
    };
    let Some(name) = making.profile(line, name, name.name) else { return };
    let (mut key, mut again) = (String::new(), None);
    for field in fields {
        if field.is(&["SSKEY"]) {
            let Some(operand) = making.key(line, field) else { return };
            key = format!(" {operand}");
        } else if field.is(&["MULT-USE"]) {
            again = Some(true);
        } else if field.is(&["NOMULT-USE"]) {
            again = Some(false);
        } else if field.is(&["ENCRYPT"]) {
            making.wrong(line, Some(field), "ENCRYPT is not known here: the key is kept as KEYMASKED");
        } else if !field.is(&["NOENCRYPT"]) {
            making.wrong(line, Some(field), "a field that is not understood: it is left out");
        }
    }
    let command = match (insert, again) {
        (true, again) => format!("RDEFINE PTKTDATA {name} UACC(NONE){key}{}", appldata(again == Some(true))),
        (false, Some(false)) => format!("RALTER PTKTDATA {name}{key} NOAPPLDATA"),
        (false, again) => format!("RALTER PTKTDATA {name}{key}{}", appldata(again == Some(true))),
    };
    making.command(line, command);
}

/// RECKEY set ADD(entry).
fn reckey(making: &mut Making<'_>, line: &Line<'_>, line_words: &[Word<'_>]) {
    let rule = line_words.first().and_then(|word| rule_set(word.name));
    let added = line_words.iter().find(|word| word.is(&["ADD"])).and_then(|word| word.value);
    match (rule, added) {
        (Some(rule), Some(added)) => entry(making, line, rule, &words(added)),
        _ => making.wrong(line, line_words.first(), "a rule that is not known here: it is left out"),
    }
}

/// An entry of a rule set: `appl.user UID(user) SERVICE(levels) ALLOW`.
fn entry(making: &mut Making<'_>, line: &Line<'_>, rule: &str, words: &[Word<'_>]) {
    let Some((resource, fields)) = words.split_first() else { return };
    let Some(profile) = profile(resource.name) else {
        return making.wrong(line, None, "this is no resource of an application and a user: it is left out");
    };
    let Some(uid) = fields.iter().find(|field| field.is(&["UID", "USER"])) else {
        return making.wrong(line, None, "an entry names a UID: it is left out");
    };
    let Some(user) = making.user(line, uid, "*") else { return };
    let service = fields.iter().find(|field| field.is(&["SERVICE"])).and_then(|field| field.value);
    let access = if fields.iter().any(|field| field.is(&["PREVENT"])) {
        Some(Access::None)
    } else if !fields.iter().any(|field| field.is(&["ALLOW"])) {
        None
    } else if rule == "PTKTGEN" {
        Some(Access::Update)
    } else {
        service.and_then(level)
    };
    match access {
        Some(access) => making.permit(line, &profile, &user, access),
        None => making.wrong(line, None, "an entry has SERVICE(READ or UPDATE) and ALLOW, or PREVENT: it is left out"),
    }
}

/// The profile for a resource: `appl.user`, `appl.-`, or `-`.
fn profile(resource: &str) -> Option<String> {
    let name = |text: &str| (1..=8).contains(&text.len()) && text.parse::<ptkt::Applid>().is_ok();
    match resource.split_once('.') {
        None if resource == "-" => Some("IRRPTAUTH.**".to_owned()),
        Some((application, "-")) if name(application) => {
            Some(format!("IRRPTAUTH.{}.*", application.to_ascii_uppercase()))
        }
        Some((application, user)) if name(application) && name(user) => {
            Some(format!("IRRPTAUTH.{application}.{user}").to_ascii_uppercase())
        }
        _ => None,
    }
}
