//! The names that steps refer to: sites, users, sessions, labels, profiles, steps.

use icsf_core::KeyLabel;
use softicsf::{System, UserId};
use toml::Spanned;

use super::{Check, Slot};
use crate::consumer::Session;
use crate::file::StepEntry;
use crate::plan::Planned;
use crate::secret;
use crate::spelling::near;
use crate::with::{Names, Sessions, is_racf, modified};

impl Check<'_> {
    /// That a display is one, and changes nothing.
    pub(super) fn display(&mut self, command: &Spanned<String>) {
        let verb = command.get_ref().split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let what = if secret::typed(command.get_ref()) {
            "a key is not written in a drill file".to_owned()
        } else if !["D", "DISPLAY", "RL", "RLIST", "F", "MODIFY"].contains(&verb.as_str()) {
            format!("{:?} is no display", command.get_ref())
        } else {
            return self.readable(command);
        };
        let hint = "RLIST CLASS PROFILE, D SMF,O, D ICSF,CARDS, or F CONSUMER,COMMAND".to_owned();
        self.mistake(what, Some(command.span()), Some(hint));
    }

    /// That a display is understood where it is sent to. What a consumer understands shows only when it runs.
    fn readable(&mut self, command: &Spanned<String>) {
        let text = command.get_ref();
        if is_racf(text) {
            self.command_in("", command, "");
            return;
        }
        let to_consumer = modified(text).is_some_and(|(name, _)| {
            self.file.consumer.iter().any(|consumer| consumer.name.get_ref().eq_ignore_ascii_case(name))
        });
        if to_consumer {
            return;
        }
        // A console of a system that nothing comes of.
        let Ok(console) = System::in_memory().build() else { return };
        if let Err(error) = console.console(text)
            && error.cause().is_none()
        {
            let names: Vec<&str> = self.file.consumer.iter().map(|consumer| consumer.name.get_ref().as_str()).collect();
            let hint = modified(text).map(|(name, _)| near(name, &names));
            self.mistake(error.to_string(), Some(command.span()), hint);
        }
    }

    /// The site of a step that needs a card in the slot there.
    pub(super) fn card_of(&mut self, entry: &StepEntry) -> Option<String> {
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

    pub(super) fn users(&mut self, names: &Names) -> Option<Vec<UserId>> {
        let defined: Vec<&str> = self.file.user.iter().map(|user| user.id.get_ref().as_str()).collect();
        let mut users = Vec::new();
        for name in names {
            let text = name.get_ref().as_str();
            match text.parse() {
                Ok(id) if defined.contains(&text) || self.imported.has_user(text) => users.push(id),
                // What is wrong with it shows where it is defined.
                Err(_) if defined.contains(&text) => {}
                _ => {
                    let hint = near(text, &defined);
                    self.mistake(format!("there is no user {text:?}"), Some(name.span()), Some(hint));
                }
            }
        }
        (users.len() == names.len()).then_some(users)
    }

    pub(super) fn site_named(&mut self, name: &Spanned<String>) -> Option<String> {
        self.site_at(name.get_ref(), Some(name.span()))
    }

    /// Sites, each named once.
    pub(super) fn different(&mut self, names: &Names) -> Option<Vec<String>> {
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
    pub(super) fn sessions(&mut self, asked: &Spanned<Sessions>, consumers: &[Planned]) -> Option<Vec<(usize, usize)>> {
        let all: Vec<(String, (usize, usize))> = consumers
            .iter()
            .enumerate()
            .flat_map(|(c, consumer)| {
                let settings = &consumer.settings;
                let named =
                    move |(s, session): (usize, &Session)| (format!("{}/{}", settings.name, session.name), (c, s));
                settings.sessions.iter().enumerate().map(named)
            })
            .collect();
        let names = match asked.get_ref() {
            Sessions::Word(word) if word == "all" && !all.is_empty() => {
                return Some(all.into_iter().map(|(_, place)| place).collect());
            }
            // Those there are have mistakes of their own.
            Sessions::Word(word) if word == "all" && self.file.consumer.iter().any(|c| !c.session.is_empty()) => {
                return None;
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
                None if self.is_written(text) => {}
                None => {
                    let hint = near(text, &known);
                    self.mistake(format!("there is no session {text:?}"), Some(name.span()), Some(hint));
                }
            }
        }
        (found.len() == names.len()).then_some(found)
    }

    /// Whether the file has a session of this name, right or wrong.
    fn is_written(&self, name: &str) -> bool {
        self.file.consumer.iter().any(|consumer| {
            let mut sessions = consumer.session.iter().map(|session| session.name.get_ref());
            sessions.any(|session| session == name || format!("{}/{session}", consumer.name.get_ref()) == name)
        })
    }

    /// A user that need not be defined: one that a consumer runs as.
    pub(super) fn user_id(&mut self, text: &Spanned<String>) -> Option<UserId> {
        let id = text.get_ref().parse::<UserId>().map_err(|error| error.to_string());
        id.map_err(|what| self.mistake(what, Some(text.span()), None)).ok()
    }

    /// A consumer of the drill.
    pub(super) fn consumer(&mut self, name: &Spanned<String>, consumers: &[Planned]) -> Option<usize> {
        let names: Vec<&str> = consumers.iter().map(|consumer| consumer.settings.name.as_str()).collect();
        let found = names.iter().position(|known| known == name.get_ref());
        if found.is_none() && !self.file.consumer.iter().any(|consumer| consumer.name.get_ref() == name.get_ref()) {
            let hint = near(name.get_ref(), &names);
            self.mistake(format!("there is no consumer {:?}", name.get_ref()), Some(name.span()), Some(hint));
        }
        found
    }

    /// A label of a key that the drill defines; where commands or inputs may have made others, any label.
    pub(super) fn label(&mut self, text: &Spanned<String>) -> Option<KeyLabel> {
        let label: KeyLabel = match text.get_ref().parse() {
            Ok(label) => label,
            Err(error) => {
                self.mistake(format!("{error}"), Some(text.span()), None);
                return None;
            }
        };
        let labels: Vec<&str> = self.file.key.iter().map(|key| key.label.get_ref().as_str()).collect();
        if !labels.iter().any(|known| known.parse() == Ok(label)) && !self.imported.is_some() {
            let hint = near(text.get_ref(), &labels);
            self.mistake(format!("there is no key {:?}", text.get_ref()), Some(text.span()), Some(hint));
        }
        Some(label)
    }

    /// A key profile of the drill, or of its inputs.
    pub(super) fn profile(&mut self, text: &Spanned<String>) -> Option<String> {
        let name = text.get_ref();
        let names: Vec<&str> =
            self.file.profile.iter().filter(|p| !p.ssignon.is_empty()).map(|p| p.name.get_ref().as_str()).collect();
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) || self.imported.has_profile(name) {
            return Some(name.clone());
        }
        let hint = near(name, &names);
        self.mistake(format!("there is no key profile {name:?}"), Some(text.span()), Some(hint));
        None
    }

    /// A step above this one.
    pub(super) fn step(&mut self, text: &Spanned<String>) -> Option<String> {
        let name = text.get_ref();
        if self.above.contains(&name.as_str()) {
            return Some(name.clone());
        }
        let hint = near(name, &self.above);
        self.mistake(format!("there is no step {name:?} before this one"), Some(text.span()), Some(hint));
        None
    }

    /// A number of times, from 1 on.
    pub(super) fn times(&mut self, what: &str, times: &Spanned<u32>) -> u32 {
        let count = *times.get_ref();
        if count == 0 || count > super::MOST_TIMES {
            let hint = format!("from 1 to {}", super::MOST_TIMES);
            self.mistake(format!("{what} = {count}: it cannot be done so often"), Some(times.span()), Some(hint));
        }
        count
    }

    /// A command of an administrator, without secrets.
    pub(super) fn command(&mut self, text: &Spanned<String>) -> String {
        if !self.reader.inline_keys() && secret::typed(text.get_ref()) {
            let hint = "write @secret:NAME in its place, and NAME in [secrets]".to_owned();
            self.mistake("a key or password is not written in a drill file", Some(text.span()), Some(hint));
        }
        self.command_in("", text, "");
        let names = text.get_ref().split("@secret:").skip(1);
        let names = names.filter_map(|rest| rest.split(|c: char| c.is_whitespace() || "(),'".contains(c)).next());
        for name in names.filter(|name| !self.file.secrets.contains_key(*name)) {
            let known: Vec<&str> = self.file.secrets.keys().map(String::as_str).collect();
            let what = format!("there is no secret \"@secret:{name}\"");
            self.mistake(what, Some(text.span()), Some(near(name, &known)));
        }
        text.get_ref().clone()
    }

    /// That what is written here is a command, between these parts of one.
    pub(super) fn command_in(&mut self, before: &str, text: &Spanned<String>, after: &str) {
        let command = format!("{before}{}{after}", text.get_ref());
        if let Err(error) = icsf_saf::command::check(&command) {
            let at = error.span().and_then(|at| Some(at.start.checked_sub(before.len())?..at.end - before.len()));
            let at = at.map_or(text.span(), |at| self.source.inside(&text.span(), text.get_ref(), &at));
            self.mistake(error.what(), Some(at), error.hint_text().map(str::to_owned));
        }
    }
}
