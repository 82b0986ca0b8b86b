//! Consumers and their sessions; keys, and the labels that profiles name.

use softicsf::UserId;
use toml::Spanned;

use super::Check;
use crate::consumer::{AppName, Qualifier, Session, Settings};
use crate::file::{ConsumerEntry, Fallback, SessionEntry};
use crate::plan::Planned;
use crate::spelling::near;

/// What a connection of a workbench does beside signing on: a job list, and a job.
const ACTIONS: u32 = 2;

impl Check<'_> {
    pub(super) fn consumers(&mut self) -> Vec<Planned> {
        let file = self.file;
        let mut consumers: Vec<Planned> = Vec::new();
        for entry in &file.consumer {
            let name = entry.name.get_ref();
            if consumers.iter().any(|other| other.settings.name == *name) {
                self.mistake(format!("consumer {name:?} is there twice"), Some(entry.name.span()), None);
            }
            consumers.extend(self.planned(entry));
        }
        consumers
    }

    fn planned(&mut self, entry: &ConsumerEntry) -> Option<Planned> {
        let factory = match self.reader.kind(entry.kind.get_ref()) {
            Ok(factory) => Some(factory.clone()),
            Err(known) => {
                let hint = near(entry.kind.get_ref(), &known);
                let what = format!("there is no kind of consumer {:?}", entry.kind.get_ref());
                self.mistake(what, Some(entry.kind.span()), Some(hint));
                None
            }
        };
        let runs_as = self.user_id(&entry.runs_as);
        let runs_at = match &entry.runs_at {
            Some(site) => Some(self.site_named(site)?),
            None => None,
        };
        for (n, session) in entry.session.iter().enumerate() {
            let name = session.name.get_ref();
            if entry.session.iter().take(n).any(|other| other.name.get_ref() == name) {
                self.mistake(format!("session {name:?} is there twice"), Some(session.name.span()), None);
            }
        }
        let sessions: Vec<Session> = entry.session.iter().filter_map(|session| self.session(session)).collect();
        let credential = self.credential(entry);
        let rate = entry.rate.as_ref().map_or(1, |rate| self.times("rate", rate));
        let actions = entry.actions.as_ref().map_or(ACTIONS, |actions| self.times("actions", actions));
        let settings = Settings {
            name: entry.name.get_ref().clone(),
            runs_as: runs_as?,
            sessions,
            password_fallback: entry.fallback == Some(Fallback::Password),
            actions,
            rate,
            reuse: entry.reuse,
            evaluates: entry.evaluates,
            credential,
        };
        Some(Planned { settings, factory: factory?, runs_at })
    }

    fn session(&mut self, entry: &SessionEntry) -> Option<Session> {
        let applid = self.applid(&entry.applid);
        let application = entry.ptkt_profile.as_ref().map_or(applid.clone(), |name| self.applid(name));
        let evaluated_as = entry.evaluated_as.as_ref().map_or(application.clone(), |name| self.applid(name));
        let acl_user: Option<UserId> = match &entry.acl_user {
            Some(user) => Some(self.user_id(user)?),
            None => None,
        };
        let qualifier = match (entry.qualified.unwrap_or(false), entry.generate.unwrap_or(true)) {
            (true, true) => Qualifier::Preferred,
            (true, false) => Qualifier::Required,
            (false, true) => Qualifier::None,
            (false, false) => {
                let hint = "switch the consumer off instead: consumer.set, generate_passticket = false".to_owned();
                let what = "a session that makes no ticket of either sort";
                self.mistake(what, Some(entry.name.span()), Some(hint));
                Qualifier::None
            }
        };
        let service = match &entry.service {
            Some(service) => Some(self.server(service)?),
            None => None,
        };
        applid?;
        Some(Session {
            name: entry.name.get_ref().clone(),
            applid: entry.applid.get_ref().clone(),
            application: application?,
            evaluated_as: evaluated_as?,
            qualifier,
            acl_user,
            service,
        })
    }

    fn applid(&mut self, text: &Spanned<String>) -> Option<AppName> {
        text.get_ref().parse::<AppName>().map_err(|what| self.mistake(what, Some(text.span()), None)).ok()
    }

    /// That profiles name keys there are, and that no label is there twice.
    pub(super) fn keys(&mut self) {
        let file = self.file;
        for (n, key) in file.key.iter().enumerate() {
            if file.key.iter().take(n).any(|other| other.label.get_ref().eq_ignore_ascii_case(key.label.get_ref())) {
                self.mistake(format!("key {:?} is there twice", key.label.get_ref()), Some(key.label.span()), None);
            }
        }
        for operand in file.profile.iter().flat_map(|profile| &profile.ssignon) {
            let text = operand.get_ref();
            let inner =
                text.split_once('(').and_then(|(word, rest)| Some((word.trim(), rest.strip_suffix(')')?.trim())));
            if let Some((word, label)) = inner
                && ["KEYLABEL", "EPTKEYLABEL"].iter().any(|known| word.eq_ignore_ascii_case(known))
            {
                self.label(&Spanned::new(operand.span(), label.to_owned()));
            }
        }
        for command in &file.racf.commands {
            self.command(command);
        }
    }
}
