//! Steps that change a site or a consumer, ask the ticket services, or let users try again and again.

use icsf_saf::{Caller, Request};
use softicsf::{Applid, Credential, Ticket, UserId};

use super::{Runner, tell};
use crate::consumer::Failure;
use crate::error::Error;
use crate::expect::{Shown, Tried, held_of_all};
use crate::file::Offset;
use crate::outcome::{Deed, StepResult};
use crate::plan::{Action, Evaluate, Generate, Kerberos, KerberosDeed, Step, Storm};
use crate::world::Changed;

/// A ticket for later steps.
pub(super) struct Kept {
    user: UserId,
    application: Applid,
    ticket: Ticket,
}

impl Runner<'_> {
    /// Carries out a step; answers what is not as expected.
    pub(super) fn other(
        &mut self,
        action: &Action,
        step: &Step,
        result: &mut StepResult,
    ) -> Result<Vec<String>, Error> {
        match action {
            Action::Change { site, change } => {
                result.site.clone_from(site);
                result.what = change.to_string();
                result.deed = if change.is_fault() { Deed::Fault } else { Deed::Remedy };
                let changed = self.world.change(site, change)?;
                self.survey(site, step.at, Some(&step.id))?;
                Ok(noted(changed, result))
            }
            Action::Racf { sites, commands } => {
                result.site = sites.join(" ");
                result.what = commands.join("; ");
                let mut deviations = Vec::new();
                for site in sites {
                    let mut changed = Changed::default();
                    self.world.racf(site, commands, &mut changed)?;
                    self.survey(site, step.at, Some(&step.id))?;
                    deviations.extend(noted(changed, result));
                }
                Ok(deviations)
            }
            Action::Generate(generate) => self.generate(generate, step, result),
            Action::Evaluate(evaluate) => self.evaluate(evaluate, step, result),
            Action::Storm(storm) => self.storm(storm, step, result),
            Action::Dirty { consumer } => {
                if let Some(managed) = self.consumers.get_mut(*consumer) {
                    managed.lose_program_control();
                    result.deed = Deed::Fault;
                    result.what = format!("{}: the library of ICSF is not program-controlled", managed.settings().name);
                }
                Ok(Vec::new())
            }
            Action::Restart { consumer } => {
                if let Some(managed) = self.consumers.get_mut(*consumer) {
                    managed.restart();
                    result.deed = Deed::Remedy;
                    result.what = format!("restart {}", managed.settings().name);
                }
                Ok(Vec::new())
            }
            Action::Kerberos(asked) => self.kerberos(asked, step, result),
            _ => Ok(Vec::new()),
        }
    }

    fn generate(&mut self, asked: &Generate, step: &Step, result: &mut StepResult) -> Result<Vec<String>, Error> {
        let Generate { site, user, application, runs_as, ticket: name } = asked;
        result.site.clone_from(site);
        result.deed = Deed::Probe;
        result.what = format!("{runs_as} has a ticket made for {user} at {application}");
        let system = &self.world.site(site)?.system;
        let application = application.on(system).map_err(Error::Missing)?;
        let made = system.generate(&Caller::user(*runs_as), &Request::new(*user, application));
        let failure = match made {
            Ok(ticket) => {
                self.tickets.push(zeroize::Zeroizing::new(ticket.expose().to_owned()));
                self.kept.insert(name.clone(), Kept { user: *user, application, ticket });
                result.lines.push(format!("ticket {name} is made"));
                None
            }
            Err(error) => Some(Failure::of(&error)),
        };
        let tried = tried(format!("{user} at {application}"), "generation", failure, result);
        Ok(held_in(step, &[tried], result))
    }

    fn evaluate(&mut self, asked: &Evaluate, step: &Step, result: &mut StepResult) -> Result<Vec<String>, Error> {
        let Evaluate { site, ticket: name, runs_as, times } = asked;
        result.site.clone_from(site);
        let by = runs_as.map_or_else(|| "the user signs on with it".to_owned(), |id| format!("{id} has it checked"));
        let often = if *times > 1 { format!(", {times} times") } else { String::new() };
        result.deed = Deed::Probe;
        result.what = format!("ticket {name}: {by}{often}");
        let Some(Kept { user, application, ticket }) = self.kept.get(name) else {
            return Ok(vec![format!("ticket {name} was not made, so there is nothing to check")]);
        };
        let system = &self.world.site(site)?.system;
        let request = Request::new(*user, *application);
        let mut all = Vec::new();
        for _ in 0..*times {
            let checked = match runs_as {
                Some(id) => system.evaluate(&Caller::user(*id), &request, ticket).map(drop),
                None => system.sign_on(&request, &Credential::from(ticket)).map(drop),
            };
            let failure = checked.err().map(|error| Failure::of(&error));
            if failure.is_none() {
                result.lines.push(format!("ticket {name} is accepted"));
            }
            all.push(tried(format!("ticket {name}"), "evaluation", failure, result));
        }
        Ok(held_in(step, &all, result))
    }

    /// Users get Kerberos tickets, or show those they hold.
    fn kerberos(&mut self, asked: &Kerberos, step: &Step, result: &mut StepResult) -> Result<Vec<String>, Error> {
        let Kerberos { site, users, deed } = asked;
        result.site.clone_from(site);
        result.deed = Deed::Probe;
        let names = users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        result.what = match deed {
            KerberosDeed::Init => format!("{names} asks the KDC for a ticket-granting ticket"),
            KerberosDeed::Ticket(server) => format!("{names} asks the KDC for a ticket for {server}"),
            KerberosDeed::Accept(server) => format!("{names} shows {server} the ticket held for it"),
        };
        self.world.site(site)?;
        let mut all = Vec::new();
        for user in users {
            let Some(kerberos) = self.world.kerberos_at(site) else { continue };
            let (what, done) = match deed {
                KerberosDeed::Init => ("ticket-granting ticket", kerberos.init(*user)),
                KerberosDeed::Ticket(server) => ("ticket", kerberos.ticket(*user, server)),
                KerberosDeed::Accept(server) => ("acceptance", kerberos.accept(*user, server)),
            };
            if let Ok(lives) = &done {
                let done = if *deed == KerberosDeed::Init { "is got" } else { "is good" };
                result.lines.push(format!("{user}: {what} {done}, the ticket lives {lives} s"));
            }
            all.push(tried(user.to_string(), what, done.err(), result));
        }
        Ok(held_in(step, &all, result))
    }

    /// Everybody tries until it works, or they are revoked, or have had enough. Answers what is not as expected.
    fn storm(&mut self, storm: &Storm, step: &Step, result: &mut StepResult) -> Result<Vec<String>, Error> {
        let Storm { site, users, sessions, tries, every } = storm;
        result.site.clone_from(site);
        result.deed = Deed::Fault;
        result.what =
            format!("{} users try up to {tries} times, {} s apart; {}", users.len(), every.0, self.named(sessions));
        let mut waiting: Vec<(UserId, (usize, usize))> =
            users.iter().flat_map(|user| sessions.iter().map(move |place| (*user, *place))).collect();
        let (mut at, mut failed, mut deviations) = (self.start + step.at.0, 0_u32, Vec::new());
        let codes = step.expect.as_ref().map(crate::expect::Expect::codes);
        for _ in 0..*tries {
            self.world.set_clock(at);
            at += every.0;
            let mut still = Vec::new();
            for (user, place) in waiting {
                let sign_on = self.logon(site, user, place, None)?;
                result.count(&sign_on, self.application(place), Offset(self.world.now() - self.start));
                if sign_on.result.is_err() {
                    failed += 1;
                    still.push((user, place));
                    if failed == 1 {
                        tell(&sign_on, &mut result.lines);
                        let wrong = codes.as_ref().map(|codes| held_of_all(codes, &[Tried::from(&sign_on)]));
                        deviations.extend(wrong.unwrap_or_default());
                    }
                }
                self.tickets.extend(sign_on.tickets);
            }
            waiting = still;
        }
        if failed == 0 && codes.as_ref().is_some_and(|codes| codes.keys().next().is_some()) {
            deviations.push("codes were expected of a failure, and no sign-on failed".to_owned());
        }
        let view = self.world.site(site)?.system.saf().database().view();
        let view = view.map_err(|error| Error::Missing(error.to_string()))?;
        let revoked: Vec<String> =
            users.iter().filter(|id| view.user(id).is_some_and(|user| user.revoked)).map(ToString::to_string).collect();
        result.lines.push(format!("{failed} sign-ons failed; {} users are revoked", revoked.len()));
        if !revoked.is_empty() {
            result.lines.push(format!("revoked: {}", revoked.join(", ")));
        }
        if let Some(count) = step.expect.as_ref().and_then(|expect| expect.count)
            && u32::try_from(revoked.len()) != Ok(count)
        {
            deviations.push(format!("{count} users were expected to be revoked, {} are", revoked.len()));
        }
        self.survey(site, step.end(), Some(&step.id))?;
        Ok(deviations)
    }

    /// An operator command for a consumer, if there is one of this name: else it is for the console.
    pub(super) fn modify(&mut self, site: &str, name: &str, command: &str) -> Result<Option<Shown>, Error> {
        let found = self.consumers.iter().position(|managed| managed.settings().name.eq_ignore_ascii_case(name));
        let Some(at) = found else { return Ok(None) };
        let here = self.drill.consumers.get(at).and_then(|planned| planned.runs_at.as_deref()).unwrap_or(site);
        let place = self.world.place(here, site)?;
        let answer = self.consumers.get_mut(at).and_then(|managed| managed.command(&place, command));
        Ok(Some(answer.ok_or_else(|| format!("{name} knows no command {command:?}"))))
    }
}

/// What a change showed; and what was refused, which is not as it was meant.
fn noted(changed: Changed, result: &mut StepResult) -> Vec<String> {
    result.lines.extend(changed.lines);
    result.lines.extend(changed.refused.iter().cloned());
    changed.refused.into_iter().map(|why| format!("it was refused: {why}")).collect()
}

/// Who asked for what, and what came of it; a failure shows its codes.
fn tried(who: String, what: &str, failure: Option<Failure>, result: &mut StepResult) -> (String, Option<Failure>) {
    if let Some(failure) = &failure {
        result.lines.push(format!("{who}: {what} failed, {}", failure.codes()));
        result.failures.push(failure.clone());
    }
    (who, failure)
}

fn held_in(step: &Step, tried: &[(String, Option<Failure>)], result: &StepResult) -> Vec<String> {
    let Some(expect) = &step.expect else { return Vec::new() };
    let tried: Vec<Tried<'_>> = tried
        .iter()
        .map(|(who, failure)| Tried { who: who.clone(), failure: failure.as_ref(), lines: &result.lines })
        .collect();
    held_of_all(expect, &tried)
}
