//! Checks a drill: every name it refers to is there, and every step can be carried out. All mistakes are found at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use softicsf::{Applid, UserId};
use toml::Spanned;

use crate::error::{Mistake, Source};
use crate::file::{ConsumerKind, DrillFile, EngineKind, Offset, SiteEntry, StepEntry};
use crate::plan::{Action, Consumer, Flap, Session, Step, TypedBy};

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

/// A drill is to end.
const MOST_FLAPS: u32 = 1000;

#[derive(Deserialize)]
#[serde(untagged)]
enum Sessions {
    Word(String),
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogonWith {
    users: Vec<String>,
    sessions: Sessions,
    credential: Option<TypedBy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailoverWith {
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachWith {
    /// The card that was pulled, where it is left out.
    kind: Option<EngineKind>,
    master_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlapWith {
    count: u32,
    #[serde(default = "a_second")]
    every: Offset,
    users: Vec<String>,
    sessions: Sessions,
}

const fn a_second() -> Offset {
    Offset(1)
}

/// What the slot of a site holds at some step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Nothing, and no card lies beside it.
    Empty,
    Card,
    /// Nothing: its card was pulled.
    Pulled,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisplayWith {
    command: String,
    sites: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsumerSetWith {
    consumer: String,
    generate_passticket: bool,
}

/// The consumers and steps of a drill, and what is wrong with it.
pub(crate) fn checked(source: Source<'_>, file: &DrillFile) -> (Vec<Consumer>, Vec<Step>, Vec<Mistake>) {
    let slots = file.site.iter().map(|site| {
        let slot = if site.engine.kind.card().is_some() { Slot::Card } else { Slot::Empty };
        (site.name.get_ref().clone(), slot)
    });
    let mut check = Check { source, file, slots: slots.collect(), mistakes: Vec::new() };
    check.header();
    let consumers = check.consumers();
    check.sites();
    let steps = check.steps(&consumers);
    (consumers, steps, check.mistakes)
}

struct Check<'a> {
    source: Source<'a>,
    file: &'a DrillFile,
    slots: BTreeMap<String, Slot>,
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
        if self.file.format != 1 {
            self.mistake(format!("format {} is not known: this release reads format 1", self.file.format), None, None);
        }
        let secrets: Vec<&String> = self.file.secrets.keys().collect();
        let named = self.file.key.iter().filter_map(|key| key.value.as_ref());
        for reference in named.chain(self.file.user.iter().filter_map(|user| user.password.as_ref())) {
            let found = reference.get_ref().strip_prefix("@secret:").map(|name| secrets.iter().any(|s| *s == name));
            match found {
                Some(true) => {}
                Some(false) => self.mistake(
                    format!("there is no secret {:?}", reference.get_ref()),
                    Some(reference.span()),
                    Some("name it in [secrets]".to_owned()),
                ),
                None => self.mistake(
                    "a secret is not written in a drill file",
                    Some(reference.span()),
                    Some("write @secret:NAME, and NAME in [secrets]".to_owned()),
                ),
            }
        }
    }

    fn sites(&mut self) {
        for site in &self.file.site {
            for (name, span) in of_others(site) {
                if self.site_at(name, Some(span.clone())).is_some() && self.comes_from(name, site.name.get_ref()) {
                    let hint = "copies are made of a site that does not need them itself".to_owned();
                    self.mistake(format!("site {:?} comes from itself", site.name.get_ref()), Some(span), Some(hint));
                }
            }
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
                let application = session.ptkt_profile.as_ref().unwrap_or(&session.applid);
                match application.parse::<Applid>() {
                    Ok(application) => sessions.push(Session {
                        name: session.name.get_ref().clone(),
                        applid: session.applid.clone(),
                        application,
                    }),
                    Err(error) => {
                        self.mistake(error.to_string(), Some(session.name.span()), None);
                    }
                }
            }
            let ConsumerKind::Tpx = entry.kind;
            consumers.push(Consumer { name: entry.name.get_ref().clone(), runs_as, sessions });
        }
        consumers
    }

    fn steps(&mut self, consumers: &[Consumer]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for entry in &self.file.step {
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
            if let Some(matches) = entry.expect.as_ref().and_then(|expect| expect.get_ref().matches.as_ref())
                && let Err(error) = regex::Regex::new(matches.get_ref())
            {
                self.mistake(format!("no regular expression: {error}"), Some(matches.span()), None);
            }
            if let Some(action) = self.action(entry, consumers) {
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
        let what = match wrong.as_slice() {
            [] if expect.get_ref().keys().next().is_none() => "this expects nothing".to_owned(),
            [] => return,
            wrong => format!("{} cannot be expected of {action}", wrong.join(", ")),
        };
        self.mistake(what, Some(expect.span()), Some(hint));
    }

    fn action(&mut self, entry: &StepEntry, consumers: &[Consumer]) -> Option<Action> {
        match entry.action.get_ref().as_str() {
            "logon" => {
                let with: LogonWith = self.with(entry)?;
                let at = entry.with.as_ref().map(Spanned::span);
                let site = self.site_of(entry)?;
                let users = with.users.iter().map(|user| self.user(user, at.clone())).collect::<Option<_>>()?;
                let sessions = self.sessions(&with.sessions, consumers, at)?;
                Some(Action::Logon { site, users, sessions, by: with.credential })
            }
            "failover" => {
                let with: FailoverWith = self.with(entry)?;
                let at = entry.with.as_ref().map(Spanned::span);
                let from = self.site_at(&with.from, at.clone());
                Some(Action::Failover { from: from?, to: self.site_at(&with.to, at)? })
            }
            "engine.attach" => {
                let with: AttachWith = self.with(entry)?;
                let at = entry.with.as_ref().map(Spanned::span);
                let site = self.site_of(entry)?;
                let same_as = match with.master_key.as_deref() {
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
                let Nothing {} = self.with(entry)?;
                let site = self.site_of(entry)?;
                if self.slots.get(&site) == Some(&Slot::Card) {
                    self.slots.insert(site.clone(), Slot::Pulled);
                }
                Some(Action::Detach { site })
            }
            "engine.zeroise" => {
                let Nothing {} = self.with(entry)?;
                Some(Action::Zeroise { site: self.card_of(entry)? })
            }
            "engine.wrong_mk" => {
                let Nothing {} = self.with(entry)?;
                Some(Action::WrongMasterKey { site: self.card_of(entry)? })
            }
            "engine.flap" => {
                let with: FlapWith = self.with(entry)?;
                let at = entry.with.as_ref().map(Spanned::span);
                let site = self.card_of(entry)?;
                let FlapWith { count, every, .. } = with;
                if count == 0 || count > MOST_FLAPS {
                    let hint = format!("from 1 to {MOST_FLAPS}");
                    self.mistake(format!("count = {count}: a card cannot flap so often"), at.clone(), Some(hint));
                }
                if every.0 == 0 {
                    // Tickets of the same second are the same, and the second use of one is refused.
                    let hint = "a second at least: every = \"10s\"".to_owned();
                    self.mistake("a card cannot be pulled and put back at once", at.clone(), Some(hint));
                }
                let users = with.users.iter().map(|user| self.user(user, at.clone())).collect::<Option<_>>()?;
                let sessions = self.sessions(&with.sessions, consumers, at)?;
                Some(Action::Flap(Flap { site, count, every, users, sessions }))
            }
            "display" => {
                let with: DisplayWith = self.with(entry)?;
                let at = entry.with.as_ref().map(Spanned::span);
                let sites = with.sites.iter().map(|site| self.site_at(site, at.clone())).collect::<Option<_>>()?;
                Some(Action::Display { command: with.command, sites })
            }
            "consumer.set" => {
                let with: ConsumerSetWith = self.with(entry)?;
                let names: Vec<&str> = consumers.iter().map(|consumer| consumer.name.as_str()).collect();
                let found = names.iter().position(|name| *name == with.consumer);
                if found.is_none() {
                    let hint = near(&with.consumer, &names);
                    let at = entry.with.as_ref().map(Spanned::span);
                    self.mistake(format!("there is no consumer {:?}", with.consumer), at, Some(hint));
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

    fn with<T: for<'de> Deserialize<'de>>(&mut self, entry: &StepEntry) -> Option<T> {
        let table = entry.with.as_ref().map(|with| with.get_ref().clone()).unwrap_or_default();
        table
            .try_into()
            .map_err(|error: toml::de::Error| {
                let at = entry.with.as_ref().map_or_else(|| entry.action.span(), Spanned::span);
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

    fn user(&mut self, text: &str, at: Option<std::ops::Range<usize>>) -> Option<UserId> {
        let defined: Vec<&str> = self.file.user.iter().map(|user| user.id.get_ref().as_str()).collect();
        match text.parse() {
            Ok(id) if defined.contains(&text) => Some(id),
            _ => {
                let hint = near(text, &defined);
                self.mistake(format!("there is no user {text:?}"), at, Some(hint));
                None
            }
        }
    }

    /// Sessions by name, `SESSION` or `CONSUMER/SESSION`; `all` of them.
    fn sessions(
        &mut self,
        asked: &Sessions,
        consumers: &[Consumer],
        at: Option<std::ops::Range<usize>>,
    ) -> Option<Vec<(usize, usize)>> {
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
        let asked = match asked {
            Sessions::Word(word) if word == "all" => return Some(all.into_iter().map(|(_, place)| place).collect()),
            Sessions::Word(word) => std::slice::from_ref(word),
            Sessions::List(list) => list,
        };
        let mut found = Vec::new();
        for name in asked {
            let place = all.iter().find(|(full, _)| full == name || full.split('/').nth(1) == Some(name));
            match place {
                Some((_, place)) => found.push(*place),
                None => {
                    let names: Vec<&str> = all.iter().map(|(full, _)| full.as_str()).collect();
                    let hint = near(name, &names);
                    self.mistake(format!("there is no session {name:?}"), at.clone(), Some(hint));
                    return None;
                }
            }
        }
        Some(found)
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
