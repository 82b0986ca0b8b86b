//! Checks a drill: every name it refers to is there, and every step can be carried out. All mistakes are found at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Mistake, Source};
use crate::expect::Outcome;
use crate::file::{DrillFile, EngineKind, Offset, Role, SiteEntry, StepEntry};
use crate::import::Imported;
use crate::plan::{Planned, Reader, Step};
use crate::secret;
use crate::spelling::{self, near};
use crate::with::{controls, tables};

mod actions;
mod changes;
mod consumers;
mod kerberos;
mod names;
mod references;

/// What can be expected of whoever tries something.
const OF_TRIES: &[&str] = &["outcome", "saf", "icsf", "service", "message", "matches", "count"];

/// The same where Kerberos may be asked.
const OF_KERBEROS: &[&str] = &["outcome", "code", "saf", "icsf", "service", "message", "matches", "count"];

/// Each action, and what can be expected of it.
pub(crate) const ACTIONS: [(&str, &[&str]); 34] = [
    ("logon", OF_KERBEROS),
    ("ptkt.generate", OF_TRIES),
    ("ptkt.evaluate", OF_TRIES),
    ("storm", &["saf", "icsf", "service", "matches", "count"]),
    ("display", &["matches", "same"]),
    ("racf", &["matches"]),
    ("failover", &[]),
    ("failback", &[]),
    ("icsf.stop", &[]),
    ("icsf.start", &[]),
    ("engine.attach", &[]),
    ("engine.detach", &[]),
    ("engine.zeroise", &[]),
    ("engine.wrong_mk", &[]),
    ("engine.flap", &["failed_out", "failed_back", "saf", "icsf", "service"]),
    ("ckds.detach", &[]),
    ("ckds.drop_label", &[]),
    ("ckds.restore", &[]),
    ("ckds.set_format", &["matches"]),
    ("class.deactivate", &[]),
    ("class.activate", &[]),
    ("profile.stale", &[]),
    ("profile.rekey", &[]),
    ("profile.keytoken", &[]),
    ("smfid.set", &[]),
    ("clock.skew", &[]),
    ("consumer.set", &[]),
    ("consumer.restart", &[]),
    ("env.dirty", &[]),
    ("krb.init", OF_KERBEROS),
    ("krb.ticket", OF_KERBEROS),
    ("krb.accept", OF_KERBEROS),
    ("krb.stop", &[]),
    ("krb.start", &[]),
];

/// What only a sign-on that fails shows.
const OF_FAILURES: [&str; 5] = ["code", "saf", "icsf", "service", "message"];

/// A drill is to end.
const MOST_TIMES: u32 = 1000;

/// What the slot of a site holds at some step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Nothing, and no card lies beside it.
    Empty,
    Card,
    /// Nothing: its card was pulled.
    Pulled,
}

/// The consumers and steps of a drill, and what is wrong with it.
pub(crate) struct Checked {
    pub(crate) consumers: Vec<Planned>,
    pub(crate) steps: Vec<Step>,
    pub(crate) mistakes: Vec<Mistake>,
}

pub(crate) fn checked(source: Source<'_>, file: &DrillFile, imported: &Imported, reader: &Reader) -> Checked {
    let slots = file.site.iter().map(|site| {
        let slot = if site.engine.kind.card().is_some() { Slot::Card } else { Slot::Empty };
        (site.name.get_ref().clone(), slot)
    });
    let slots = slots.collect();
    let (steps, tickets) = (Vec::new(), Vec::new());
    let (above, mistakes) = (Vec::new(), Vec::new());
    let mut check =
        Check { source, file, imported, reader, slots, work: None, steps, above, tickets, unsure: false, mistakes };
    check.header();
    let consumers = check.consumers();
    check.references();
    check.sites();
    check.keys();
    check.kerberos();
    check.texts();
    check.steps(&consumers);
    check.rollback();
    Checked { consumers, steps: check.steps, mistakes: check.mistakes }
}

struct Check<'a> {
    source: Source<'a>,
    file: &'a DrillFile,
    imported: &'a Imported,
    reader: &'a Reader,
    slots: BTreeMap<String, Slot>,
    /// The site where the work is.
    work: Option<String>,
    /// Those so far that can be carried out.
    steps: Vec<Step>,
    /// The names of all so far.
    above: Vec<&'a str>,
    /// The names of the tickets that are kept so far.
    tickets: Vec<String>,
    /// A step above cannot be carried out as it is written, so that what is there after it is not known: what rests on
    /// that is no mistake of its own.
    unsure: bool,
    mistakes: Vec<Mistake>,
}

impl Check<'_> {
    fn mistake(&mut self, what: impl Into<String>, at: Option<std::ops::Range<usize>>, hint: Option<String>) {
        let mistake = Mistake::new(&self.source, what, at);
        self.mistakes.push(match hint {
            Some(hint) => mistake.hint(hint),
            None => mistake,
        });
    }

    fn header(&mut self) {
        let format = self.file.format.get_ref();
        if *format != 1 {
            let what = format!("format {format} is not known: this release reads format 1");
            self.mistake(what, Some(self.file.format.span()), None);
        }
        for (what, at, hint) in secret::wrong(self.file, self.reader.inline_keys()) {
            self.mistake(what, Some(at), Some(hint.to_owned()));
        }
    }

    fn sites(&mut self) {
        let mut primaries = self.file.site.iter().filter(|site| site.role == Role::Primary);
        self.work = primaries.next().map(|site| site.name.get_ref().clone());
        let hint = "one site is primary, the others role = \"recovery\"".to_owned();
        match (&self.work, self.file.site.first(), primaries.next()) {
            (Some(work), _, Some(second)) => {
                self.mistake(format!("site {work:?} is primary already"), Some(second.name.span()), Some(hint));
            }
            (None, Some(first), _) => self.mistake("no site is primary", Some(first.name.span()), Some(hint)),
            _ => {}
        }
        for (n, site) in self.file.site.iter().enumerate() {
            let name = site.name.get_ref();
            if self.file.site.iter().take(n).any(|other| other.name.get_ref() == name) {
                self.mistake(format!("site {name:?} is there twice"), Some(site.name.span()), None);
            }
            let smfid = site.smfid.get_ref();
            if let Err(why) = softicsf::Names::new(smfid, smfid, icsf_core::codes::ReasonCodes::Icsf) {
                self.mistake(why, Some(site.smfid.span()), None);
            }
            self.not_for_a_drill(site);
            match (&site.ckds.copy_of, &site.engine.master_key) {
                (Some(copy_of), _) if site.ckds.format.is_some() => {
                    let hint = "leave format out".to_owned();
                    self.mistake("a copy has the format of its original", Some(copy_of.span()), Some(hint));
                }
                (None, Some(master_key)) => {
                    let hint = "leave it out, or copy the CKDS too: ckds = { copy_of = \"...\" }".to_owned();
                    self.mistake("a CKDS of its own has master keys of its own", Some(master_key.span()), Some(hint));
                }
                _ => {}
            }
            for (name, span) in of_others(site) {
                if self.site_at(name, Some(span.clone())).is_some() && self.comes_from(name, site.name.get_ref()) {
                    let hint = "copies are made of a site that does not need them itself".to_owned();
                    self.mistake(format!("site {:?} comes from itself", site.name.get_ref()), Some(span), Some(hint));
                }
            }
        }
    }

    /// What a site of a real system has, and one of a drill has not.
    fn not_for_a_drill(&mut self, site: &SiteEntry) {
        if let Some(store) = &site.ckds.store {
            let what = "a drill makes its CKDS itself: the keys of another one are wrapped under master keys that no \
                        card of a drill has";
            let hint = "leave store out; [[key]] names the keys, and softicsf scan reads the listing of a real CKDS";
            self.mistake(what, Some(store.span()), Some(hint.to_owned()));
        }
        self.named_card(site.engine.kind, site.engine.token.as_ref());
    }

    /// That a card with a name is one.
    fn named_card(&mut self, kind: EngineKind, token: Option<&Spanned<String>>) {
        if let Some(token) = token.filter(|_| kind.card().is_none()) {
            let hint = "leave token out, or say kind = \"pkcs11\" or \"software\"".to_owned();
            self.mistake("there is no card here that could have a name", Some(token.span()), Some(hint));
        }
    }

    /// What would act on the terminal a report is shown on.
    fn texts(&mut self) {
        for at in controls(&self.source) {
            self.mistake("there are control characters in this text", Some(at), None);
        }
    }

    /// Whether the other site is needed to set this one up.
    fn comes_from(&self, name: &str, other: &str) -> bool {
        let (mut seen, mut next) = (vec![name], vec![name]);
        while let Some(name) = next.pop() {
            if name == other {
                return true;
            }
            let site = self.file.site.iter().find(|site| site.name.get_ref() == name);
            for (name, _) in site.into_iter().flat_map(of_others) {
                if !seen.contains(&name) {
                    seen.push(name);
                    next.push(name);
                }
            }
        }
        false
    }

    /// That there is such a site.
    fn site_at(&mut self, name: &str, at: Option<std::ops::Range<usize>>) -> Option<String> {
        let names: Vec<&str> = self.file.site.iter().map(|site| site.name.get_ref().as_str()).collect();
        if names.contains(&name) {
            return Some(name.to_owned());
        }
        let hint = near(name, &names);
        self.mistake(format!("there is no site {name:?}"), at, Some(hint));
        None
    }

    fn steps(&mut self, consumers: &[Planned]) {
        let mut with = tables(&self.source).into_iter();
        for entry in &self.file.step {
            let with = with.next().flatten();
            if self.file.step.iter().take_while(|other| !std::ptr::eq(*other, entry)).any(|other| other.id == entry.id)
            {
                self.mistake(format!("step {:?} is there twice", entry.id.get_ref()), Some(entry.id.span()), None);
            }
            let place = Some(entry.at.span());
            let at = match &entry.at.get_ref().0 {
                Ok(at) => *at,
                Err(why) => {
                    self.mistake(why.as_str(), place.clone(), None);
                    // It is somewhere after the one above it.
                    self.steps.last().map_or(Offset(0), Step::end)
                }
            };
            match self.steps.last() {
                Some(last) if last.at > at => {
                    let hint = "steps are written in the order of time".to_owned();
                    self.mistake("a step lies before the one above it", place, Some(hint));
                }
                Some(last) if last.end() > at => {
                    let hint = format!("it ends at {}", last.end());
                    self.mistake("a step lies before the end of the one above it", place, Some(hint));
                }
                _ => {}
            }
            self.expectation(entry);
            match self.action(entry, with, consumers) {
                Some(action) => {
                    let expect = entry.expect.as_ref().map(|expect| expect.get_ref().clone());
                    self.steps.push(Step { id: entry.id.get_ref().clone(), at, action, expect });
                }
                None => self.lost(entry.action.get_ref()),
            }
            self.above.push(entry.id.get_ref());
        }
    }

    /// Forgets what a step that cannot be carried out may have changed.
    fn lost(&mut self, action: &str) {
        let moves = ["failover", "failback", "ptkt.generate"].contains(&action) || action.starts_with("engine.");
        if moves || !ACTIONS.iter().any(|(known, _)| *known == action) {
            self.unsure = true;
            self.work = None;
            self.slots.clear();
        }
    }

    /// That what is expected of a step can be held against it: else it would seem to hold.
    fn expectation(&mut self, entry: &StepEntry) {
        let Some(expect) = &entry.expect else { return };
        let action = entry.action.get_ref().as_str();
        let Some((_, can)) = ACTIONS.iter().find(|(name, _)| *name == action) else { return };
        let hint = match can {
            [] => "leave it out, and look at what came of it in a step of its own: logon, or display".to_owned(),
            can => format!("what can be: {}", can.join(", ")),
        };
        if expect.get_ref().no_secret_in_output == Some(false) {
            self.mistake("no secret comes out, whatever is expected", Some(expect.span()), None);
        }
        // These hold for every step.
        let always = ["within", "no_secret_in_output"];
        let wrong: Vec<&str> =
            expect.get_ref().keys().filter(|key| !can.contains(key) && !always.contains(key)).collect();
        let of_failures: Vec<&str> = expect.get_ref().keys().filter(|key| OF_FAILURES.contains(key)).collect();
        let of_users = action == "logon" || action.starts_with("krb.");
        if of_users && expect.get_ref().outcome == Some(Outcome::Ok) && !of_failures.is_empty() {
            let what = format!("outcome is ok, and {} cannot come with it", of_failures.join(", "));
            self.mistake(what, Some(expect.span()), Some("only a sign-on that fails shows it".to_owned()));
        }
        let what = match wrong.as_slice() {
            [] if expect.get_ref().keys().next().is_none() => "this expects nothing".to_owned(),
            [] => return,
            wrong => format!("{} cannot be expected of {action}", wrong.join(", ")),
        };
        self.mistake(what, Some(expect.span()), Some(hint));
    }

    /// The table of a step, as its action needs it.
    fn with<'a, T: Deserialize<'a>>(&mut self, entry: &StepEntry, with: Option<Spanned<DeValue<'a>>>) -> Option<T> {
        let there = with.as_ref().map(Spanned::span);
        let with = with.unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
        let found = spelling::all(with);
        // What was taken away would be missed.
        let whole = found.wrong.is_empty();
        for wrong in found.wrong {
            let at = there.clone().and_then(|there| wrong.at.or(Some(there))).unwrap_or_else(|| entry.action.span());
            self.mistake(format!("{}: {}", entry.action.get_ref(), wrong.what), Some(at), wrong.hint);
        }
        found.value.filter(|_| whole)
    }

    fn site_of(&mut self, entry: &StepEntry) -> Option<String> {
        match &entry.site {
            Some(site) => self.site_at(site.get_ref(), Some(site.span())),
            None => {
                let what = format!("step {:?} says no site", entry.id.get_ref());
                self.mistake(what, Some(entry.id.span()), Some("site = \"...\"".to_owned()));
                None
            }
        }
    }
}

/// What a site has of others, and where that is written: copies, and master keys.
fn of_others(site: &SiteEntry) -> impl Iterator<Item = (&str, std::ops::Range<usize>)> {
    let copied = site.ckds.copy_of.as_ref().map(|from| (from.get_ref().as_str(), from.span()));
    let keys = site.engine.master_key.as_ref();
    let same = keys.map(|key| (key.get_ref().strip_prefix("same-as:").unwrap_or_default(), key.span()));
    copied.into_iter().chain(same)
}
