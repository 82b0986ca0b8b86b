//! RLIST: a profile as RACF lists it.

use std::sync::Arc;

use super::messages::not_found;
use super::profiles::{names, refuse_damaged};
use super::{CommandError, Keywords, Operand, Output, Session, each, parsed, positional};
use crate::access::access;
use crate::database::Snapshot;
use crate::model::{Class, LegacyKey, Profile, ProfileName, Ssignon};

pub(super) const KEYWORDS: [&str; 4] = ["ALL", "AUTHUSER", "NORACF", "SSIGNON"];

pub(super) fn rlist(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    let ([class, names_operand], rest) = positional(operands, ["a class", "a profile name"], session.end)?;
    let class: Class = parsed(class)?;
    let keywords = Keywords::read(rest, &KEYWORDS)?;
    let all = keywords.has("ALL")?;
    let show = Show {
        base: !keywords.has("NORACF")?,
        access_list: all || keywords.has("AUTHUSER")?,
        ssignon: keywords.has("SSIGNON")?,
    };
    let view = session.saf.database().view()?;
    let profiles: Vec<Arc<Profile>> = if each(names_operand).iter().any(|name| name.text == "*") {
        view.profiles(class).cloned().collect()
    } else {
        let find = |(name, operand)| found(&view, class, &name, operand);
        names(names_operand)?.into_iter().map(find).collect::<Result<_, _>>()?
    };
    let mut lines = Vec::new();
    for profile in &profiles {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        show.profile(session, &view, profile, &mut lines);
    }
    Ok(Output { lines, messages: Vec::new() })
}

/// The profile of this name, or the generic one that covers it.
fn found(view: &Snapshot, class: Class, name: &ProfileName, operand: &Operand) -> Result<Arc<Profile>, CommandError> {
    refuse_damaged(view, class, name, operand)?;
    let covering = || view.profiles(class).filter(|p| p.generic && p.name.covers(name.as_str()));
    view.profile(class, name)
        .or_else(|| covering().min_by(|a, b| a.name.specificity(&b.name)))
        .cloned()
        .ok_or_else(|| CommandError::at(not_found(name.as_str()), operand))
}

struct Show {
    base: bool,
    access_list: bool,
    ssignon: bool,
}

impl Show {
    fn profile(&self, session: &Session<'_>, view: &Snapshot, profile: &Profile, lines: &mut Vec<String>) {
        let mut add = |text: &str| lines.push(text.to_owned());
        if self.base {
            let mark = if profile.generic { " (G)" } else { "" };
            add("CLASS      NAME");
            add("-----      ----");
            add(&format!("{:<10} {}{mark}", profile.class, profile.name));
            add("");
            add("LEVEL  OWNER      UNIVERSAL ACCESS  YOUR ACCESS  WARNING");
            add("-----  --------   ----------------  -----------  -------");
            let yours = access(view, profile, session.issuer);
            add(&format!(" 00    {:<8}        {:<16}  {yours:<7}  NO", profile.owner.to_string(), profile.uacc));
            for (heading, text) in [("INSTALLATION DATA", &profile.data), ("APPLICATION DATA", &profile.appldata)] {
                add("");
                add(heading);
                add(&"-".repeat(heading.len()));
                add(if text.is_empty() { "NONE" } else { text });
            }
        }
        if self.access_list {
            add("");
            add("USER      ACCESS");
            add("----      ------");
            for (id, level) in &profile.access {
                let id = if Some(*id) == crate::access::everybody() { "*".to_owned() } else { id.to_string() };
                add(&format!("{id:<8}  {level}"));
            }
            if profile.access.is_empty() {
                add("NO USERS IN ACCESS LIST");
            }
        }
        if self.ssignon {
            if self.base || self.access_list {
                add("");
            }
            match &profile.ssignon {
                Some(segment) => ssignon(segment, &mut add),
                None => add("NO SSIGNON INFORMATION"),
            }
        }
    }
}

/// The SSIGNON segment as z/OS 2.5 lists it; where each line comes from is in [`crate::fidelity`].
fn ssignon(segment: &Ssignon, add: &mut dyn FnMut(&str)) {
    add("SSIGNON INFORMATION");
    add("-------------------");
    match &segment.legacy {
        Some(LegacyKey::Masked(_)) => add("Legacy   PassTicket: KEYMASKED DATA NOT DISPLAYABLE"),
        Some(LegacyKey::Label(label)) => add(&format!("Legacy   PassTicket: KEYENCRYPTED LABEL: {label}")),
        None => {}
    }
    if let Some(label) = &segment.enhanced {
        add(&format!("Enhanced PassTicket: Key label = {label}"));
        add(&format!("Enhanced PassTicket: Type = {}", segment.ticket_type()));
    }
    add(&format!("Enhanced PassTicket: Timeout = {:08}", segment.timeout()));
    add(&format!("Enhanced PassTicket: Replay allowed = {}", if segment.replay() { "YES" } else { "NO" }));
}
