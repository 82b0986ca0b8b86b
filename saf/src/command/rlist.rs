//! RLIST: a profile as RACF lists it.

use std::sync::Arc;

use super::listuser::{encryption, key_version};
use super::messages::{not_found, nothing_to_list};
use super::operands::{each, parsed};
use super::profiles::{names, refuse_damaged};
use super::{CommandError, Given, Operand, Output, Session};
use crate::access::access;
use crate::database::Snapshot;
use crate::model::{Access, Class, ImportedKey, LegacyKey, PrincipalName, Profile, ProfileName, Realm, Ssignon};
use crate::principals::realm::is_local;

pub(super) fn rlist(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let [class, names_operand] = given.names()?;
    let class: Class = parsed(class)?;
    let keywords = &given.keywords;
    let all = each(names_operand).iter().any(|name| name.text == "*");
    let mut show = Show {
        named: true,
        base: !keywords.has("NORACF"),
        access_list: keywords.has("ALL") || keywords.has("AUTHUSER"),
        ssignon: keywords.has("SSIGNON"),
        kerb: keywords.has("KERB"),
    };
    let view = session.saf.database().view()?;
    let profiles: Vec<Arc<Profile>> = if all {
        let profiles: Vec<_> = view.profiles(class).cloned().collect();
        if profiles.is_empty() {
            return Ok(Output::message(nothing_to_list()));
        }
        profiles
    } else {
        let find = |(name, operand)| found(&view, class, &name, operand);
        names(names_operand)?.into_iter().map(find).collect::<Result<_, _>>()?
    };
    // A segment alone does not say whose it is.
    show.named = show.base || all || profiles.len() > 1;
    let mut lines = Vec::new();
    for profile in &profiles {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        show.profile(session, &view, profile, &mut lines);
    }
    Ok(Output::lines(lines))
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
    named: bool,
    base: bool,
    access_list: bool,
    ssignon: bool,
    kerb: bool,
}

impl Show {
    fn profile(&self, session: &Session<'_>, view: &Snapshot, profile: &Profile, lines: &mut Vec<String>) {
        let mut add = |text: &str| lines.push(text.to_owned());
        if self.named {
            let mark = if profile.generic { " (G)" } else { "" };
            add("CLASS      NAME");
            add("-----      ----");
            add(&format!("{:<10} {}{mark}", profile.class, profile.name));
        }
        if self.base {
            add("");
            add("LEVEL  OWNER      UNIVERSAL ACCESS  YOUR ACCESS  WARNING");
            add("-----  --------   ----------------  -----------  -------");
            let yours = access(view, profile, session.issuer);
            let warning = if profile.warning { "YES" } else { "NO" };
            let (owner, uacc) = (profile.owner.to_string(), profile.uacc);
            add(&format!(" {:02}    {owner:<8}        {uacc:<16}  {yours:<7}  {warning}", profile.level));
            for (heading, text) in [("INSTALLATION DATA", &profile.data), ("APPLICATION DATA", &profile.appldata)] {
                add("");
                add(heading);
                add(&"-".repeat(heading.len()));
                add(if text.is_empty() { "NONE" } else { text });
            }
            for (heading, text) in [("AUDITING", auditing(profile).as_str()), ("NOTIFY", "NO USER TO BE NOTIFIED")] {
                add("");
                add(heading);
                add(&"-".repeat(heading.len()));
                add(text);
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
        let first = !self.named && !self.access_list;
        if self.ssignon {
            if !first {
                add("");
            }
            match &profile.ssignon {
                Some(segment) => ssignon(segment, &mut add),
                None => add("NO SSIGNON INFORMATION"),
            }
        }
        if self.kerb {
            if !first || self.ssignon {
                add("");
            }
            match &profile.kerb {
                Some(segment) => {
                    let local = is_local(profile.class, profile.name.as_str());
                    kerb(segment, if local { version(view, segment) } else { segment.key_version.into() }, &mut add);
                }
                None => add("NO KERB INFORMATION"),
            }
        }
    }
}

fn auditing(profile: &Profile) -> String {
    let said = |word: &str, from: Option<Access>| from.map(|from| format!("{word}({from})"));
    let audit = profile.audit;
    match (audit.success, audit.failures) {
        (Some(success), Some(failures)) if success == failures => format!("ALL({success})"),
        (success, failures) => {
            let parts: Vec<String> =
                [said("SUCCESS", success), said("FAILURES", failures)].into_iter().flatten().collect();
            if parts.is_empty() { "NONE".to_owned() } else { parts.join(",") }
        }
    }
}

/// The version of the keys of the local realm: those of who grants tickets.
fn version(view: &Snapshot, segment: &Realm) -> u32 {
    let granter = PrincipalName::ticket_granter(&segment.name).ok();
    granter.and_then(|name| view.principal(&name)).map_or(0, |row| row.key_version())
}

/// The KERB segment of a realm.
fn kerb(segment: &Realm, version: u32, add: &mut dyn FnMut(&str)) {
    add("KERB INFORMATION");
    add("----------------");
    if !segment.name.is_empty() {
        add(&format!("KERBNAME= {}", segment.name));
    }
    let lives = [
        ("MINTKTLF", segment.min_ticket_life),
        ("MAXTKTLF", segment.max_ticket_life),
        ("DEFTKTLF", segment.default_ticket_life),
    ];
    for (name, life) in lives {
        if let Some(seconds) = life {
            add(&format!("{name}= {seconds:010}"));
        }
    }
    key_version(version).iter().for_each(|line| add(line));
    add(&encryption(&segment.encryption));
    add(&format!("CHECK ADDRESSES= {}", if segment.check_addresses { "YES" } else { "NO" }));
}

/// The SSIGNON segment as z/OS 2.5 lists it; where each line comes from is in [`crate::fidelity`].
fn ssignon(segment: &Ssignon, add: &mut dyn FnMut(&str)) {
    add("SSIGNON INFORMATION");
    add("-------------------");
    match &segment.legacy {
        Some(LegacyKey::Masked(_)) => add("Legacy   PassTicket: KEYMASKED DATA NOT DISPLAYABLE"),
        Some(LegacyKey::Label(label)) => add(&format!("Legacy   PassTicket: KEYENCRYPTED LABEL: {label}")),
        Some(LegacyKey::Imported(ImportedKey::Masked)) => add("Legacy   PassTicket: KEYMASKED DATA NOT DISPLAYABLE"),
        Some(LegacyKey::Token(_) | LegacyKey::Imported(ImportedKey::Token)) => {
            add("Legacy   PassTicket: KEYTOKEN DATA NOT DISPLAYABLE")
        }
        Some(LegacyKey::Imported(how)) => add(&format!("Legacy   PassTicket: {how}")),
        None => {}
    }
    if let Some(label) = &segment.enhanced {
        add(&format!("Enhanced PassTicket: Key label = {label}"));
        add(&format!("Enhanced PassTicket: Type = {}", segment.ticket_type()));
    }
    add(&format!("Enhanced PassTicket: Timeout = {:08}", segment.timeout()));
    add(&format!("Enhanced PassTicket: Replay allowed = {}", if segment.replay() { "YES" } else { "NO" }));
}
