//! What is done to ICSF, CKDS, security database, name and clock of a site; tickets by themselves; and storms.

use std::ops::Range;

use icsf_core::KeyLabel;
use toml::Spanned;
use toml::de::DeValue;

use super::{ACTIONS, Check};
use crate::change::{Change, Restore};
use crate::consumer::AppName;
use crate::file::{Offset, StepEntry};
use crate::plan::{Action, Evaluate, Generate, Planned, Storm};
use crate::secret;
use crate::spelling::near;
use crate::with::{
    ClassWith, ConsumerWith, EvaluateWith, FormatWith, GenerateWith, KeyTokenWith, LabelsWith, Nothing, ProfileWith,
    RacfWith, RestoreWith, SkewWith, SmfidWith, StaleWith, StormWith,
};

impl Check<'_> {
    pub(super) fn change(
        &mut self,
        entry: &StepEntry,
        with: Option<Spanned<DeValue<'_>>>,
        consumers: &[Planned],
    ) -> Option<Action> {
        let change = match entry.action.get_ref().as_str() {
            "icsf.stop" => self.nothing(entry, with, Change::IcsfStop)?,
            "icsf.start" => self.nothing(entry, with, Change::IcsfStart)?,
            "krb.stop" => self.nothing(entry, with, Change::KerberosStop)?,
            "krb.start" => self.nothing(entry, with, Change::KerberosStart)?,
            "ckds.detach" => self.nothing(entry, with, Change::CkdsDetach)?,
            "smfid.set" => {
                let with: SmfidWith = self.with(entry, with)?;
                let name = softicsf::Names::new("SY1", with.smfid.get_ref(), icsf_core::codes::ReasonCodes::Icsf);
                match name {
                    Ok(names) => Change::Smfid(names.smfid),
                    Err(why) => {
                        self.mistake(why, Some(with.smfid.span()), None);
                        return None;
                    }
                }
            }
            "clock.skew" => {
                let with: SkewWith = self.with(entry, with)?;
                Change::Skew(with.by)
            }
            "class.deactivate" => Change::Deactivate(self.class(entry, with)?),
            "class.activate" => Change::Activate(self.class(entry, with)?),
            "profile.stale" => {
                let with: StaleWith = self.with(entry, with)?;
                for operand in &with.ssignon {
                    for (what, at, hint) in secret::wrong_operand(self.file, operand, self.reader.inline_keys()) {
                        self.mistake(what, Some(at), Some(hint.to_owned()));
                    }
                    let (before, after) = ("RALTER PTKTDATA NAME SSIGNON(", ")");
                    self.command_in(before, operand, after);
                }
                let operands = with.ssignon.into_iter().map(Spanned::into_inner).collect();
                Change::Stale { profile: self.profile(&with.profile)?, operands }
            }
            "profile.rekey" => {
                let with: ProfileWith = self.with(entry, with)?;
                Change::KeysDiffer { profile: self.profile(&with.profile)? }
            }
            "profile.keytoken" => {
                let with: KeyTokenWith = self.with(entry, with)?;
                let from = match &with.from {
                    Some(site) => Some(self.site_named(site)?),
                    None => None,
                };
                Change::KeyToken { profile: self.profile(&with.profile)?, from }
            }
            "ckds.drop_label" => {
                let with: LabelsWith = self.with(entry, with)?;
                Change::CkdsDropLabels(self.labels(&with.labels)?)
            }
            "ckds.set_format" => {
                let with: FormatWith = self.with(entry, with)?;
                Change::CkdsFormat(with.format)
            }
            "ckds.restore" => Change::CkdsRestore(self.restore(entry, with)?),
            _ => return self.no_change(entry, with, consumers),
        };
        Some(Action::Change { site: self.site_of(entry)?, change })
    }

    fn nothing(&mut self, entry: &StepEntry, with: Option<Spanned<DeValue<'_>>>, change: Change) -> Option<Change> {
        let Nothing {} = self.with(entry, with)?;
        Some(change)
    }

    fn class(&mut self, entry: &StepEntry, with: Option<Spanned<DeValue<'_>>>) -> Option<String> {
        let with: ClassWith = self.with(entry, with)?;
        let class = with.class.get_ref().parse::<icsf_saf::model::Class>();
        class.map_err(|why| self.mistake(why, Some(with.class.span()), None)).ok().map(|class| class.to_string())
    }

    fn restore(&mut self, entry: &StepEntry, with: Option<Spanned<DeValue<'_>>>) -> Option<Restore> {
        let with: RestoreWith = self.with(entry, with)?;
        let from = match &with.from {
            Some(site) => Some(self.site_named(site)?),
            None => None,
        };
        let as_of = match &with.as_of {
            Some(step) => Some(self.step(step)?),
            None => None,
        };
        Some(Restore { from, as_of, labels: self.labels(&with.labels)? })
    }

    fn labels(&mut self, names: &[Spanned<String>]) -> Option<Vec<KeyLabel>> {
        let labels: Vec<Option<KeyLabel>> = names.iter().map(|name| self.label(name)).collect();
        labels.into_iter().collect()
    }

    fn no_change(
        &mut self,
        entry: &StepEntry,
        with: Option<Spanned<DeValue<'_>>>,
        consumers: &[Planned],
    ) -> Option<Action> {
        match entry.action.get_ref().as_str() {
            "racf" => {
                let with: RacfWith = self.with(entry, with)?;
                let commands = with.commands.iter().map(|command| self.command(command)).collect();
                let sites =
                    if with.sites.is_empty() { vec![self.site_of(entry)?] } else { self.different(&with.sites)? };
                Some(Action::Racf { sites, commands })
            }
            "ptkt.generate" => {
                let with: GenerateWith = self.with(entry, with)?;
                let user = self.users(&vec![with.user])?.into_iter().next()?;
                let application = with.application.get_ref().parse::<AppName>();
                let application =
                    application.map_err(|what| self.mistake(what, Some(with.application.span()), None)).ok()?;
                let runs_as = self.user_id(&with.runs_as)?;
                let ticket = with.ticket.get_ref().clone();
                if self.tickets.contains(&ticket) {
                    self.mistake(format!("there is a ticket {ticket:?} already"), Some(with.ticket.span()), None);
                }
                self.tickets.push(ticket.clone());
                let site = self.site_of(entry)?;
                Some(Action::Generate(Generate { site, user, application, runs_as, ticket }))
            }
            "ptkt.evaluate" => {
                let with: EvaluateWith = self.with(entry, with)?;
                let ticket = with.ticket.get_ref().clone();
                if !self.tickets.contains(&ticket) && !self.unsure {
                    let known: Vec<&str> = self.tickets.iter().map(String::as_str).collect();
                    let hint = near(&ticket, &known);
                    self.mistake(
                        format!("no step above makes a ticket {ticket:?}"),
                        Some(with.ticket.span()),
                        Some(hint),
                    );
                }
                let runs_as = match &with.runs_as {
                    Some(text) => Some(self.user_id(text)?),
                    None => None,
                };
                let times = with.times.map_or(1, |times| self.times("times", &times));
                Some(Action::Evaluate(Evaluate { site: self.site_of(entry)?, ticket, runs_as, times }))
            }
            "storm" => {
                let with: StormWith = self.with(entry, with)?;
                let users = self.users(&with.users)?;
                let sessions = self.sessions(&with.sessions, consumers)?;
                let tries = self.times("tries", &with.tries);
                let every = with.every.as_ref().map_or(Offset(1), |every| *every.get_ref());
                if every.0 == 0 {
                    let at = with.every.as_ref().map(Spanned::span);
                    self.mistake(
                        "nobody tries twice at once",
                        at,
                        Some("a second at least: every = \"10s\"".to_owned()),
                    );
                }
                Some(Action::Storm(Storm { site: self.site_of(entry)?, users, sessions, tries, every }))
            }
            "krb.init" | "krb.ticket" | "krb.accept" => self.tickets(entry, with),
            "env.dirty" => {
                let with: ConsumerWith = self.with(entry, with)?;
                Some(Action::Dirty { consumer: self.consumer(&with.consumer, consumers)? })
            }
            "consumer.restart" => {
                let with: ConsumerWith = self.with(entry, with)?;
                Some(Action::Restart { consumer: self.consumer(&with.consumer, consumers)? })
            }
            other => {
                self.no_action(other, entry.action.span());
                None
            }
        }
    }

    fn no_action(&mut self, other: &str, at: Range<usize>) {
        let hint = near(other, &ACTIONS.map(|(name, _)| name));
        self.mistake(format!("{other:?} is no action of a step"), Some(at), Some(hint));
    }
}
