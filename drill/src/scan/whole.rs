//! What there is to find in what belongs together: names, permissions, classes, the recovery site.

use std::collections::{BTreeMap, BTreeSet};

use icsf_saf::model::ProfileName;

use super::Permit;
use super::displays::{Displays, Patterns, same};
use super::findings::{KEY, REFRESH, Search};
use super::input::Seen;
use super::profile::{KeyProfile, LegacyProtection};
use super::rule::{self, Severity};

impl Search<'_> {
    /// Names that hold an SMF ID, and qualified ones.
    pub(super) fn names(&mut self) {
        let names: BTreeSet<&str> =
            self.profiles.iter().filter(|profile| profile.is_used()).map(|profile| profile.name.as_str()).collect();
        for profile in self.profiles.iter().filter(|profile| profile.is_used()) {
            let name = profile.name.as_str();
            if let Some((plain, _)) = name.split_once('.').filter(|(plain, _)| names.contains(plain)) {
                let what = format!("evaluated before {plain}");
                let commands = vec![format!("RDELETE PTKTDATA {name}"), REFRESH.to_owned()];
                self.of(profile, rule::SHADOWS, Severity::Low, what, None, commands);
            }
            let Some(target) = &self.inputs.target else { continue };
            let (Some((prefix, id)), Some(smfid)) = (profile.smfid(), &target.smfid) else { continue };
            let wanted = format!("{prefix}{}", in_a_name(&smfid.value));
            if name == wanted || names.contains(&*wanted) {
                continue;
            }
            // Of several systems in one database, only that of the source is known by name.
            let source = self.inputs.source.as_ref().and_then(|site| site.smfid.as_ref());
            let severity = match source {
                Some(source) if in_a_name(&source.value) != id => Severity::Medium,
                _ => Severity::High,
            };
            let what = format!("named after SMF ID {id}; the recovery site is {}", smfid.value);
            let mut commands = vec![format!("RDEFINE PTKTDATA {wanted} UACC(NONE) SSIGNON({})", operands(profile))];
            if profile.replay_bypassed {
                commands.push(format!("RALTER PTKTDATA {wanted} APPLDATA('NO REPLAY PROTECTION')"));
            }
            commands.push(REFRESH.to_owned());
            self.of(profile, rule::OTHER_SMFID, severity, what, Some(target.place(smfid)), commands);
        }
    }

    /// Keys without permissions, and permissions without keys.
    pub(super) fn permissions(&mut self) {
        let plain = |name: &ProfileName| name.as_str().split('.').next().unwrap_or_default().to_owned();
        let keys: BTreeSet<String> =
            self.profiles.iter().filter(|profile| profile.is_used()).map(|profile| plain(&profile.name)).collect();
        let of = |permit: &Permit| application(permit.name.as_str(), permit.generic);
        let covered = Permissions::of(self.inputs.permits.iter().map(of));
        let mut without: BTreeMap<ProfileName, bool> = BTreeMap::new();
        for permit in &self.inputs.permits {
            let alone = match of(permit) {
                Covers::Nobody | Covers::Every => false,
                Covers::One(name) => !keys.contains(&name),
                // Many permissions have one pattern.
                Covers::Some(pattern) => {
                    *without.entry(pattern).or_insert_with_key(|pattern| !keys.iter().any(|key| pattern.covers(key)))
                }
            };
            if alone {
                let appl = permit.name.as_str().split('.').nth(1).unwrap_or_default();
                let commands = vec![
                    format!("RDEFINE PTKTDATA {appl} UACC(NONE) SSIGNON(KEYMASKED({KEY}))"),
                    format!("RDELETE PTKTDATA {}", permit.name),
                    REFRESH.to_owned(),
                ];
                let what = format!("no key profile {appl}");
                let records = vec![permit.record.clone()];
                self.add(rule::PERMIT_ALONE, Severity::Medium, permit.name.as_str(), what, records, commands);
            }
        }
        let mut told = BTreeSet::new();
        for profile in self.profiles.iter().filter(|profile| profile.is_used()) {
            let appl = plain(&profile.name);
            if covered.covers(&appl) || !told.insert(appl.clone()) {
                continue;
            }
            let commands = vec![
                format!("RDEFINE PTKTDATA IRRPTAUTH.{appl}.* UACC(NONE)"),
                format!("PERMIT IRRPTAUTH.{appl}.* CLASS(PTKTDATA) ID(<server>) ACCESS(UPDATE)"),
                REFRESH.to_owned(),
            ];
            self.of(
                profile,
                rule::KEY_ALONE,
                Severity::Medium,
                format!("nothing covers IRRPTAUTH.{appl}"),
                None,
                commands,
            );
        }
    }

    /// What SETROPTS LIST says of the class.
    pub(super) fn classes(&mut self) {
        let Some(setropts) = &self.inputs.setropts else { return };
        let lacks = |classes: &Option<Seen<BTreeSet<String>>>| {
            let classes = classes.as_ref().filter(|classes| !classes.value.contains("PTKTDATA"))?;
            Some(setropts.place(classes))
        };
        let anything = self.profiles.iter().any(KeyProfile::is_used) || !self.inputs.permits.is_empty();
        let generic = self.inputs.permits.iter().any(|permit| permit.generic);
        let checks = [
            (rule::CLASS_INACTIVE, anything, &setropts.active, "not active", "CLASSACT(PTKTDATA)"),
            (rule::CLASS_INACTIVE, anything, &setropts.raclisted, "not RACLISTed", "RACLIST(PTKTDATA)"),
            (rule::GENERIC_OFF, generic, &setropts.generic, "not among the generic classes", "GENERIC(PTKTDATA)"),
        ];
        for (rule, concerned, classes, what, operand) in checks {
            if let Some(place) = lacks(classes).filter(|_| concerned) {
                let mut commands = vec![format!("SETROPTS {operand}")];
                if rule == rule::GENERIC_OFF {
                    commands.push(REFRESH.to_owned());
                }
                self.add(rule, Severity::High, "class PTKTDATA", what, vec![place], commands);
            }
        }
    }

    /// Master keys, and the format of the CKDS.
    pub(super) fn recovery_site(&mut self) {
        let Some(target) = &self.inputs.target else { return };
        let enhanced = self.profiles.iter().filter(|profile| profile.is_used() && profile.enhanced.is_some());
        if let Some(format) = target.format.as_ref().filter(|format| format.value == "FIXED") {
            let count = enhanced.count();
            if count > 0 {
                let what = format!("FORMAT=FIXED, and applications with enhanced keys: {count}");
                self.add(
                    rule::CKDS_FIXED,
                    Severity::High,
                    "CKDS",
                    what,
                    vec![target.place(format)],
                    vec!["D ICSF,KDS".to_owned()],
                );
            }
        }
        for (number, kind) in ["DES-MK", "AES-MK"].into_iter().enumerate() {
            let under = |profile: &KeyProfile| profile.under().get(number).is_some_and(|under| *under);
            let needed = self.profiles.iter().any(|profile| profile.is_used() && under(profile));
            let pattern = |site: &Displays, patterns: &Patterns| {
                let seen = patterns.get(number)?.as_ref()?;
                Some((seen.value.clone(), site.place(seen)))
            };
            let known = |site: &Displays, patterns: &Patterns| {
                pattern(site, patterns).and_then(|(value, place)| Some((value?, place)))
            };
            let (Some((held, at)), true) = (pattern(target, &target.current), needed) else { continue };
            // The keys to be recovered are under what the other site has; the CKDS that is there now may be one for tests.
            let source = self.inputs.source.as_ref();
            let source = source.and_then(|site| known(site, &site.kds).or_else(|| known(site, &site.current)));
            let mut told: Option<String> = None;
            for (whose, wanted) in [("", known(target, &target.kds)), (" of the site to be recovered", source)] {
                let Some((wanted, from)) = wanted else { continue };
                let is_held = held.as_ref().is_some_and(|held| same(held, &wanted));
                if is_held || told.as_ref().is_some_and(|told| same(told, &wanted)) {
                    continue;
                }
                let what =
                    format!("keys{whose} are under {wanted}, and the card has {}", held.as_deref().unwrap_or("none"));
                let commands = vec!["D ICSF,MKVPS".to_owned()];
                self.add(rule::MASTER_KEY, Severity::High, kind, what, vec![from, at.clone()], commands);
                told = Some(wanted);
            }
        }
    }

    /// Labels made by RACF on another system; where listings of the CKDS are there, those tell more.
    pub(super) fn other_systems(&mut self) {
        if !self.inputs.ckds.is_empty() {
            return;
        }
        let made_on = |profile: &KeyProfile| match profile.legacy {
            Some(LegacyProtection::Label(label)) if profile.is_used() => {
                label.to_string().strip_prefix("IRR.SSIGNON.")?.split_once('.').map(|(system, _)| system.to_owned())
            }
            _ => None,
        };
        let mut systems: BTreeMap<String, usize> = BTreeMap::new();
        for system in self.profiles.iter().filter_map(made_on) {
            *systems.entry(system).or_default() += 1;
        }
        let source = self.inputs.source.as_ref().map_or(&[][..], |site| &site.sysnames);
        // Where it is not told which system this is, it is the one that most labels name.
        let most = systems.iter().max_by_key(|(_, count)| **count).map(|(system, _)| system.clone());
        let home: Vec<String> = if source.is_empty() { most.into_iter().collect() } else { source.to_vec() };
        for profile in self.profiles {
            let Some(system) = made_on(profile).filter(|system| !home.contains(system)) else { continue };
            let what = format!("the label names {system}, not {}", home.join(", "));
            self.of(profile, rule::OTHER_SYSTEM, Severity::Medium, what, None, vec!["D ICSF,KDS".to_owned()]);
        }
    }

    pub(super) fn listing(&mut self) {
        for (listed, unloaded) in &self.inputs.differing {
            let what = match unloaded {
                Some(_) => "other keys in RLIST than in the unload",
                None => "in RLIST, and not in the unload",
            };
            let records = listed.records.iter().chain(unloaded.iter().flat_map(|p| &p.records)).cloned().collect();
            let commands = vec![format!("RLIST PTKTDATA {} ALL SSIGNON", listed.name)];
            self.add(rule::LISTING_DIFFERS, Severity::Medium, listed.name.as_str(), what, records, commands);
        }
    }

    pub(super) fn factors(&mut self) {
        if self.inputs.factors.is_empty() || !self.profiles.iter().any(KeyProfile::is_used) {
            return;
        }
        let what = format!("records of factors: {}", self.inputs.factor_count);
        let commands =
            vec!["RDEFINE MFADEF FACTOR.AZFPTKT1".to_owned(), "ALTUSER <user> MFA(FACTOR(AZFPTKT1) ACTIVE)".to_owned()];
        self.add(rule::MFA, Severity::Low, "users", what, self.inputs.factors.clone(), commands);
    }
}

/// The SSIGNON operands that give another profile the same keys.
fn operands(profile: &KeyProfile) -> String {
    let legacy = match profile.legacy {
        Some(LegacyProtection::Masked) => Some(format!("KEYMASKED(<key of {}>)", profile.name)),
        Some(LegacyProtection::Label(label)) => Some(format!("KEYLABEL({label})")),
        Some(_) => Some(format!("KEYENCRYPTED(<key of {}>)", profile.name)),
        None => None,
    };
    let enhanced = profile.enhanced.map(|enhanced| {
        let replay = if enhanced.replay { "YES" } else { "NO" };
        let (label, kind, timeout) = (enhanced.label, enhanced.ticket_type, enhanced.timeout);
        format!("EPTKEYLABEL({label}) TYPE({kind}) TIMEOUT({timeout}) REPLAY({replay})")
    });
    legacy.into_iter().chain(enhanced).collect::<Vec<_>>().join(" ")
}

/// An SMF ID as it is in the name of an application: what no name can have is dropped.
fn in_a_name(smfid: &str) -> String {
    smfid.chars().filter(|c| c.is_ascii_alphanumeric() || "@#$".contains(*c)).collect()
}

/// For which applications a permission is.
enum Covers {
    /// One that looks generic, and is not: it covers nothing.
    Nobody,
    Every,
    One(String),
    Some(ProfileName),
}

fn application(name: &str, generic: bool) -> Covers {
    let Some(rest) = name.strip_prefix("IRRPTAUTH.") else { return Covers::Every };
    let first = rest.split('.').next().unwrap_or_default();
    if !generic && name.contains(['*', '%']) {
        return Covers::Nobody;
    }
    if !first.contains(['*', '%']) {
        return Covers::One(first.to_owned());
    }
    match first.parse() {
        Ok(pattern) if first != "*" && first != "**" => Covers::Some(pattern),
        _ => Covers::Every,
    }
}

/// The applications that some permission is for.
#[derive(Default)]
struct Permissions {
    every: bool,
    names: BTreeSet<String>,
    patterns: BTreeSet<ProfileName>,
}

impl Permissions {
    fn of(applications: impl Iterator<Item = Covers>) -> Self {
        let mut covered = Self::default();
        for application in applications {
            match application {
                Covers::Nobody => {}
                Covers::Every => covered.every = true,
                Covers::One(name) => drop(covered.names.insert(name)),
                Covers::Some(pattern) => drop(covered.patterns.insert(pattern)),
            }
        }
        covered
    }

    fn covers(&self, application: &str) -> bool {
        self.every || self.names.contains(application) || self.patterns.iter().any(|p| p.covers(application))
    }
}
