//! What is done to cards, where the work is, and who signs on.

use toml::Spanned;
use toml::de::DeValue;

use super::{Check, Slot};
use crate::change::{Change, Restore};
use crate::file::{EngineKind, Offset, Role, StepEntry};
use crate::plan::{Action, Flap, Planned, Step};
use crate::spelling::near;
use crate::with::{AttachWith, ConsumerSetWith, DisplayWith, FailoverWith, FlapWith, LogonWith, Nothing};

impl Check<'_> {
    pub(super) fn action(
        &mut self,
        entry: &StepEntry,
        with: Option<Spanned<DeValue<'_>>>,
        consumers: &[Planned],
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
                    if matches!(before, Some(Slot::Empty | Slot::Card)) {
                        let hint = "with = { kind = \"software\" } attaches a fresh one".to_owned();
                        let what = format!("no card was pulled at site {site:?} that could be put back");
                        self.mistake(what, Some(entry.action.span()), Some(hint));
                        return None;
                    }
                    if let Some(token) = &with.token {
                        let hint = "leave token out".to_owned();
                        self.mistake("a card that is put back has the name it had", Some(token.span()), Some(hint));
                    }
                    self.slots.insert(site.clone(), Slot::Card);
                    return Some(Action::PutBack { site });
                };
                if let Some(kind) = with.kind {
                    self.named_card(kind, with.token.as_ref());
                }
                self.slots.insert(site.clone(), if kind.is_some() { Slot::Card } else { Slot::Empty });
                Some(Action::Attach { site, kind, token: with.token.map(Spanned::into_inner), same_as })
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
                let count = self.times("count", &with.count);
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
                let consumer = self.consumer(&with.consumer, consumers)?;
                Some(Action::ConsumerSet { consumer, generate: with.generate_passticket })
            }
            "failback" => {
                let Nothing {} = self.with(entry, with)?;
                self.failback(entry.action.span())
            }
            _ => self.change(entry, with, consumers),
        }
    }

    /// Back to the primary site.
    pub(super) fn failback(&mut self, at: std::ops::Range<usize>) -> Option<Action> {
        let primary = self.file.site.iter().find(|site| site.role == Role::Primary)?.name.get_ref().clone();
        let from = self.work.replace(primary.clone())?;
        if from == primary {
            self.mistake(format!("the work is at site {primary:?} already"), Some(at), None);
        }
        Some(Action::Failover { from, to: primary })
    }

    /// What is done at the end, at the site where the work is, a second after the last step ends, one after the other.
    pub(super) fn rollback(&mut self) {
        for (n, action) in self.file.rollback.actions.iter().enumerate() {
            let Some(site) = self.work.clone() else { return };
            let slot = self.slots.get(&site).copied();
            let planned = match action.get_ref().as_str() {
                "failback" => self.failback(action.span()),
                "engine.detach" => Some(Action::Detach { site }),
                "engine.attach" if !matches!(slot, Some(Slot::Empty | Slot::Card)) => Some(Action::PutBack { site }),
                "icsf.start" => Some(Action::Change { site, change: Change::IcsfStart }),
                "icsf.stop" => Some(Action::Change { site, change: Change::IcsfStop }),
                "ckds.restore" => {
                    let restore = Restore { from: None, as_of: None, labels: Vec::new() };
                    Some(Action::Change { site, change: Change::CkdsRestore(restore) })
                }
                other => {
                    let known =
                        ["failback", "engine.detach", "engine.attach", "icsf.start", "icsf.stop", "ckds.restore"];
                    let what = format!("{other:?} cannot be done at the end, at site {site:?}");
                    self.mistake(what, Some(action.span()), Some(near(other, &known)));
                    None
                }
            };
            let at = Offset(self.steps.last().map_or(0, |last| last.end().0.saturating_add(1)));
            let id = format!("rollback-{}", n + 1);
            self.steps.extend(planned.map(|action| Step { id, at, action, expect: None }));
        }
    }
}
