//! Checks a drill: every name it refers to is there, and every step can be carried out. All mistakes are found at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use softicsf::{Applid, UserId};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::error::{Mistake, Source};
use crate::expect::Outcome;
use crate::file::{ConsumerKind, DrillFile, EngineKind, Offset, Role, SiteEntry, StepEntry};
use crate::plan::{Action, Consumer, Flap, Session, Step};
use crate::secret;
use crate::with::{
    AttachWith, ConsumerSetWith, DisplayWith, FailoverWith, FlapWith, LogonWith, Names, Nothing, Sessions, controls,
    tables,
};

/// Each action, and what can be expected of it.
const ACTIONS: [(&str, &[&str]); 9] = [
    ("logon", &["outcome", "saf", "icsf", "service", "message"]),
    ("failover", &[]),
    ("engine.attach", &[]),
    ("engine.detach", &[]),
    ("engine.zeroise", &[]),
    ("engine.wrong_mk", &[]),
    ("engine.flap", &["failed_out", "failed_back", "saf", "icsf", "service"]),
    ("display", &["matches", "same"]),
    ("consumer.set", &[]),
];

/// What only a sign-on that fails shows.
const OF_FAILURES: [&str; 4] = ["saf", "icsf", "service", "message"];

/// A drill is to end.
const MOST_FLAPS: u32 = 1000;

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
pub(crate) fn checked(source: Source<'_>, file: &DrillFile) -> (Vec<Consumer>, Vec<Step>, Vec<Mistake>) {
    let slots = file.site.iter().map(|site| {
        let slot = if site.engine.kind.card().is_some() { Slot::Card } else { Slot::Empty };
        (site.name.get_ref().clone(), slot)
    });
    let mut check = Check { source, file, slots: slots.collect(), work: None, mistakes: Vec::new() };
    check.header();
    let consumers = check.consumers();
    check.sites();
    check.texts();
    let steps = check.steps(&consumers);
    (consumers, steps, check.mistakes)
}

struct Check<'a> {
    source: Source<'a>,
    file: &'a DrillFile,
    slots: BTreeMap<String, Slot>,
    /// The site where the work is.
    work: Option<String>,
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
        for (what, at, hint) in secret::wrong(self.file) {
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
        for site in &self.file.site {
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

    fn consumers(&mut self) -> Vec<Consumer> {
        let mut consumers = Vec::new();
        for entry in &self.file.consumer {
            let Ok(runs_as) = entry.runs_as.parse() else {
                self.mistake(format!("{:?} is no user ID", entry.runs_as), Some(entry.name.span()), None);
                continue;
            };
            let mut sessions = Vec::new();
            for session in &entry.session {
                let applid = self.applid(&session.applid);
                let application = session.ptkt_profile.as_ref().map_or(applid, |name| self.applid(name));
                if let (Some(_), Some(application)) = (applid, application) {
                    let (name, applid) = (session.name.get_ref().clone(), session.applid.get_ref().clone());
                    sessions.push(Session { name, applid, application });
                }
            }
            let ConsumerKind::Tpx = entry.kind;
            consumers.push(Consumer { name: entry.name.get_ref().clone(), runs_as, sessions });
        }
        consumers
    }

    fn applid(&mut self, text: &Spanned<String>) -> Option<Applid> {
        let applid = text.get_ref().parse::<Applid>().map_err(|error| error.to_string());
        applid.map_err(|what| self.mistake(what, Some(text.span()), None)).ok()
    }

    fn steps(&mut self, consumers: &[Consumer]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut with = tables(&self.source).into_iter();
        for entry in &self.file.step {
            let with = with.next().flatten();
            if steps.iter().any(|step| step.id == *entry.id.get_ref()) {
                self.mistake(format!("step {:?} is there twice", entry.id.get_ref()), Some(entry.id.span()), None);
            }
            let (at, place) = (*entry.at.get_ref(), Some(entry.at.span()));
            match steps.last() {
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
            if let Some(action) = self.action(entry, with, consumers) {
                let expect = entry.expect.as_ref().map(|expect| expect.get_ref().clone());
                steps.push(Step { id: entry.id.get_ref().clone(), at: *entry.at.get_ref(), action, expect });
            }
        }
        steps
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
        let wrong: Vec<&str> = expect.get_ref().keys().filter(|key| !can.contains(key)).collect();
        let of_failures: Vec<&str> = expect.get_ref().keys().filter(|key| OF_FAILURES.contains(key)).collect();
        if action == "logon" && expect.get_ref().outcome == Some(Outcome::Ok) && !of_failures.is_empty() {
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

    fn action(
        &mut self,
        entry: &StepEntry,
        with: Option<Spanned<DeValue<'_>>>,
        consumers: &[Consumer],
    ) -> Option<Action> {
        match entry.action.get_ref().as_str() {
            "logon" => {
                let with: LogonWith = self.with(entry, with)?;
                let site = self.site_of(entry)?;
                let users = self.users(&with.users)?;
                let sessions = self.sessions(&with.sessions, consumers)?;
                Some(Action::Logon { site, users, sessions, by: with.credential })
            }
            "failover" => {
                let with: FailoverWith = self.with(entry, with)?;
                let from = self.site_named(&with.from);
                let (from, to) = (from?, self.site_named(&with.to)?);
                if let Some(work) = self.work.replace(to.clone()).filter(|work| *work != from) {
                    let what = format!("the work is not at site {from:?}");
                    self.mistake(what, Some(with.from.span()), Some(format!("it is at {work:?}")));
                }
                if from == to {
                    self.mistake("the work stays where it is", Some(with.to.span()), None);
                }
                Some(Action::Failover { from, to })
            }
            "engine.attach" => {
                let with: AttachWith = self.with(entry, with)?;
                let site = self.site_of(entry)?;
                let at = with.master_key.as_ref().map(Spanned::span);
                let same_as = match with.master_key.as_ref().map(|key| key.get_ref().as_str()) {
                    None => None,
                    Some(text) => Some(self.site_at(text.strip_prefix("same-as:").unwrap_or(text), at.clone())?),
                };
                let before = self.slots.get(&site).copied();
                let Some(kind) = with.kind.map(EngineKind::card) else {
                    if same_as.is_some() {
                        let hint =
                            "kind = \"software\" or \"pkcs11\": a fresh card, to be given master keys".to_owned();
                        self.mistake("a card that is put back has the master keys it had", at, Some(hint));
                        return None;
                    }
                    if before != Some(Slot::Pulled) {
                        let hint = "with = { kind = \"software\" } attaches a fresh one".to_owned();
                        let what = format!("no card was pulled at site {site:?} that could be put back");
                        self.mistake(what, Some(entry.action.span()), Some(hint));
                        return None;
                    }
                    self.slots.insert(site.clone(), Slot::Card);
                    return Some(Action::PutBack { site });
                };
                self.slots.insert(site.clone(), if kind.is_some() { Slot::Card } else { Slot::Empty });
                Some(Action::Attach { site, kind, same_as })
            }
            "engine.detach" => {
                let Nothing {} = self.with(entry, with)?;
                let site = self.site_of(entry)?;
                if self.slots.get(&site) == Some(&Slot::Card) {
                    self.slots.insert(site.clone(), Slot::Pulled);
                }
                Some(Action::Detach { site })
            }
            "engine.zeroise" => {
                let Nothing {} = self.with(entry, with)?;
                Some(Action::Zeroise { site: self.card_of(entry)? })
            }
            "engine.wrong_mk" => {
                let Nothing {} = self.with(entry, with)?;
                Some(Action::WrongMasterKey { site: self.card_of(entry)? })
            }
            "engine.flap" => {
                let with: FlapWith = self.with(entry, with)?;
                let site = self.card_of(entry)?;
                let count = *with.count.get_ref();
                if count == 0 || count > MOST_FLAPS {
                    let hint = format!("from 1 to {MOST_FLAPS}");
                    let what = format!("count = {count}: a card cannot flap so often");
                    self.mistake(what, Some(with.count.span()), Some(hint));
                }
                let every = with.every.as_ref().map_or(Offset(1), |every| *every.get_ref());
                if every.0 == 0 {
                    // Tickets of the same second are the same, and the second use of one is refused.
                    let hint = "a second at least: every = \"10s\"".to_owned();
                    let at = with.every.as_ref().map(Spanned::span);
                    self.mistake("a card cannot be pulled and put back at once", at, Some(hint));
                }
                let users = self.users(&with.users)?;
                let sessions = self.sessions(&with.sessions, consumers)?;
                Some(Action::Flap(Flap { site, count, every, users, sessions }))
            }
            "display" => {
                let with: DisplayWith = self.with(entry, with)?;
                self.display(&with.command);
                let sites = self.different(&with.sites)?;
                if entry.expect.as_ref().is_some_and(|expect| expect.get_ref().same.is_some())
                    && let [only] = with.sites.as_slice()
                {
                    let hint = "two sites at least".to_owned();
                    self.mistake("one site shows the same as itself", Some(only.span()), Some(hint));
                }
                Some(Action::Display { command: with.command.into_inner(), sites })
            }
            "consumer.set" => {
                let with: ConsumerSetWith = self.with(entry, with)?;
                let names: Vec<&str> = consumers.iter().map(|consumer| consumer.name.as_str()).collect();
                let found = names.iter().position(|name| name == with.consumer.get_ref());
                if found.is_none() {
                    let hint = near(with.consumer.get_ref(), &names);
                    let what = format!("there is no consumer {:?}", with.consumer.get_ref());
                    self.mistake(what, Some(with.consumer.span()), Some(hint));
                }
                Some(Action::ConsumerSet { consumer: found?, generate: with.generate_passticket })
            }
            other => {
                let hint = near(other, &ACTIONS.map(|(name, _)| name));
                self.mistake(format!("{other:?} is no action of a step"), Some(entry.action.span()), Some(hint));
                None
            }
        }
    }

    /// The table of a step, as its action needs it.
    fn with<'a, T: Deserialize<'a>>(&mut self, entry: &StepEntry, with: Option<Spanned<DeValue<'a>>>) -> Option<T> {
        let there = with.as_ref().map(Spanned::span);
        let with = with.unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
        T::deserialize(ValueDeserializer::from(with))
            .map_err(|error| {
                let at = there.and_then(|there| error.span().or(Some(there))).unwrap_or_else(|| entry.action.span());
                self.mistake(format!("{}: {}", entry.action.get_ref(), error.message()), Some(at), None);
            })
            .ok()
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

    /// That a display is one, and changes nothing.
    fn display(&mut self, command: &Spanned<String>) {
        let verb = command.get_ref().split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let what = if secret::typed(command.get_ref()) {
            "a key is not written in a drill file".to_owned()
        } else if !["D", "DISPLAY", "RL", "RLIST"].contains(&verb.as_str()) {
            format!("{:?} is no display", command.get_ref())
        } else {
            return;
        };
        let hint = "RLIST CLASS PROFILE, D SMF,O or D ICSF,CARDS".to_owned();
        self.mistake(what, Some(command.span()), Some(hint));
    }

    /// The site of a step that needs a card in the slot there.
    fn card_of(&mut self, entry: &StepEntry) -> Option<String> {
        let site = self.site_of(entry)?;
        let (why, hint) = match self.slots.get(&site) {
            Some(Slot::Card) | None => return Some(site),
            Some(Slot::Pulled) => ("it was pulled", "put it back first: engine.attach"),
            Some(Slot::Empty) => ("it has none", "attach one first: engine.attach, with = { kind = \"software\" }"),
        };
        let what = format!("{} needs a card at site {site:?}, and {why}", entry.action.get_ref());
        self.mistake(what, Some(entry.action.span()), Some(hint.to_owned()));
        None
    }

    fn users(&mut self, names: &Names) -> Option<Vec<UserId>> {
        let defined: Vec<&str> = self.file.user.iter().map(|user| user.id.get_ref().as_str()).collect();
        let mut users = Vec::new();
        for name in names {
            let text = name.get_ref().as_str();
            match text.parse() {
                Ok(id) if defined.contains(&text) => users.push(id),
                _ => {
                    let hint = near(text, &defined);
                    self.mistake(format!("there is no user {text:?}"), Some(name.span()), Some(hint));
                }
            }
        }
        (users.len() == names.len()).then_some(users)
    }

    fn site_named(&mut self, name: &Spanned<String>) -> Option<String> {
        self.site_at(name.get_ref(), Some(name.span()))
    }

    /// Sites, each named once.
    fn different(&mut self, names: &Names) -> Option<Vec<String>> {
        let mut sites = Vec::new();
        for name in names {
            let site = self.site_named(name)?;
            if sites.contains(&site) {
                self.mistake(format!("site {site:?} is there twice"), Some(name.span()), None);
                return None;
            }
            sites.push(site);
        }
        Some(sites)
    }

    /// Sessions by name, `SESSION` or `CONSUMER/SESSION`; `all` of them.
    fn sessions(&mut self, asked: &Spanned<Sessions>, consumers: &[Consumer]) -> Option<Vec<(usize, usize)>> {
        let all: Vec<(String, (usize, usize))> = consumers
            .iter()
            .enumerate()
            .flat_map(|(c, consumer)| {
                consumer
                    .sessions
                    .iter()
                    .enumerate()
                    .map(move |(s, session)| (format!("{}/{}", consumer.name, session.name), (c, s)))
            })
            .collect();
        let names = match asked.get_ref() {
            Sessions::Word(word) if word == "all" && !all.is_empty() => {
                return Some(all.into_iter().map(|(_, place)| place).collect());
            }
            Sessions::Word(word) => &vec![Spanned::new(asked.span(), word.clone())],
            Sessions::List(list) => list,
        };
        let known: Vec<&str> = all.iter().map(|(full, _)| full.as_str()).collect();
        let mut found = Vec::new();
        for name in names {
            let text = name.get_ref();
            match all.iter().find(|(full, _)| full == text || full.split('/').nth(1) == Some(text)) {
                Some((_, place)) => found.push(*place),
                None => {
                    let hint = near(text, &known);
                    self.mistake(format!("there is no session {text:?}"), Some(name.span()), Some(hint));
                }
            }
        }
        (found.len() == names.len()).then_some(found)
    }
}

/// What a site has of others, and where that is written: copies, and master keys.
fn of_others(site: &SiteEntry) -> impl Iterator<Item = (&str, std::ops::Range<usize>)> {
    let copied = site.ckds.copy_of.as_ref().map(|from| (from.get_ref().as_str(), from.span()));
    let keys = site.engine.master_key.as_ref();
    let same = keys.map(|key| (key.get_ref().strip_prefix("same-as:").unwrap_or_default(), key.span()));
    copied.into_iter().chain(same)
}

/// The name that was probably meant, or all there are.
fn near(name: &str, names: &[&str]) -> String {
    let distance = |other: &&&str| strsim::osa_distance(&other.to_lowercase(), &name.to_lowercase());
    match names.iter().min_by_key(distance) {
        Some(nearest) if distance(&nearest) <= 2 => format!("{nearest}?"),
        Some(_) => format!("one of {}", names.join(", ")),
        None => "none is defined".to_owned(),
    }
}
