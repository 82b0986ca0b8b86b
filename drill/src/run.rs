//! Runs a drill: step after step on the real parts, each held against what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use icsf_core::clock::{Clock, ManualClock, SystemClock};
use icsf_saf::{Caller, SignedOnBy};
use sha2::{Digest, Sha256};
use softicsf::{TicketKind, UserId, quiesce};
use zeroize::Zeroizing;

use crate::card::{CardKind, Cards};
use crate::clock::DrillClock;
use crate::consumer::{Asked, Logon, Managed};
use crate::error::{Error, Mistake};
use crate::expect::{Expect, Shown, Tried, displayed, held, held_of_all};
use crate::file::{Offset, Role, SiteEntry};
use crate::outcome::{Application, CutShort, Deed, Run, StepResult, Verdict};
use crate::plan::{Action, Drill, Flap, Step, TypedBy};
use crate::report::Report;
use crate::survey::{Survey, survey};
use crate::with;
use crate::world::World;

mod steps;

/// Sets up the sites of a drill in memory, and runs nothing. Secrets that come from elsewhere are not looked at: others
/// stand in for them, and for cards the software engine.
///
/// # Errors
/// [`Error::File`]: everything that was refused; [`Error::Setup`] when a site cannot be made as the drill wants it.
pub fn check(drill: &Drill) -> Result<(), Error> {
    let mut world = scratch(drill)?;
    drill.file.site.iter().try_for_each(|site| world.site(site.name.get_ref()).map(drop))
}

/// What is refused of a drill that has other mistakes already.
pub(crate) fn refused(drill: &Drill) -> Vec<Mistake> {
    match scratch(drill) {
        Err(Error::File(mistakes)) => mistakes,
        // That a site cannot be made at all follows from the other mistakes.
        _ => Vec::new(),
    }
}

fn scratch(drill: &Drill) -> Result<World<'_>, Error> {
    let clock = Arc::new(DrillClock::Virtual(ManualClock::at(0)));
    World::new(drill, Cards::default().all(CardKind::Software), clock, true)
}

/// Runs a drill on the engines it says, of which only those in software can be had: see [`run_on`].
///
/// # Errors
/// As [`run_on`].
pub fn run(drill: &Drill) -> Result<Run, Error> {
    run_on(drill, &Cards::default())
}

/// Runs a drill on these cards.
///
/// # Errors
/// [`Error::File`] when the sites cannot be made as the drill wants them; [`Error::Engine`] when there is no card for
/// one, or it refuses its master keys; [`Error::Leak`] if a secret had come out. A card that cannot be had later ends the
/// run there: what came before is in it, and its status says so.
pub fn run_on(drill: &Drill, cards: &Cards<'_>) -> Result<Run, Error> {
    let header = &drill.file.drill;
    let (start, clock) = if cards.by_wall_clock() {
        (SystemClock.now(), DrillClock::Wall)
    } else {
        let start = header.clock.unwrap_or_else(|| SystemClock.now());
        (start, DrillClock::Virtual(ManualClock::at(start)))
    };
    let managed = drill.consumers.iter().map(|planned| Managed::new(&planned.factory, &planned.settings));
    let mut runner = Runner {
        world: World::new(drill, *cards, Arc::new(clock), false)?,
        drill,
        applications: applications(drill),
        consumers: managed.collect(),
        start,
        disrupted: None,
        surveys: Vec::new(),
        kept: BTreeMap::new(),
        tickets: Vec::new(),
    };
    let primary = drill.file.site.iter().find(|site| site.role == Role::Primary).or(drill.file.site.first());
    let primary = primary.map(|site| site.name.get_ref().clone()).unwrap_or_default();
    runner.survey(&primary, Offset(0), None)?;
    let mut steps = Vec::new();
    let mut not_started = false;
    let mut acted = false;
    let mut cut_short = None;
    for step in &drill.steps {
        acted |= step.expect.is_none();
        let (result, cut) = runner.step(step)?;
        let deviated = matches!(result.verdict, Verdict::Deviated(_));
        // One that was not begun says nothing of the plan.
        if cut != Some(CutShort::Interrupted) {
            steps.push(result);
        }
        if cut.is_some() {
            cut_short = cut;
            break;
        }
        if deviated && !acted {
            not_started = true;
            break;
        }
    }
    let wanted: BTreeSet<CardKind> = drill.kinds().collect();
    let kinds: BTreeSet<CardKind> = wanted.iter().map(|kind| cards.instead_of(*kind)).collect();
    let of_kerberos = runner.world.kerberos_secrets();
    let secrets = runner
        .world
        .secrets()
        .chain(of_kerberos.iter().map(|secret| secret.as_str()))
        .chain(runner.tickets.iter().map(|ticket| ticket.as_str()));
    let secrets: BTreeSet<&str> = secrets.collect();
    let run = Run {
        id: header.id.clone(),
        title: header.title.clone(),
        kind: header.kind,
        lead: header.lead.clone(),
        objective: header.objective.clone(),
        rto: header.rto,
        seed: header.seed,
        start,
        instead: kinds.first().copied().filter(|_| kinds != wanted),
        kinds,
        sites: drill.file.site.iter().map(|site| described(site, cards)).collect(),
        sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(drill.text.as_bytes())),
        inputs: drill.imported.files().to_vec(),
        primary,
        applications: runner.applications,
        steps,
        surveys: runner.surveys,
        not_started,
        cut_short,
        journal: runner.world.journal(),
        searched: secrets.len(),
    };
    if Report::of(&run).shows(&secrets) { Err(Error::Leak) } else { Ok(run) }
}

/// The sessions of all consumers, in their order.
fn applications(drill: &Drill) -> Vec<Application> {
    let all = || {
        drill
            .consumers
            .iter()
            .flat_map(|consumer| consumer.settings.sessions.iter().map(move |s| (&consumer.settings, s)))
    };
    let named = all().map(|(consumer, session)| {
        let alone = all().filter(|(_, other)| other.name == session.name).count() == 1;
        let name = if alone { session.name.clone() } else { format!("{}/{}", consumer.name, session.name) };
        let service = session.service.as_ref().map(ToString::to_string);
        Application { name, applid: session.application.to_string(), service }
    });
    named.collect()
}

fn described(site: &SiteEntry, cards: &Cards<'_>) -> String {
    let kind = site.engine.kind.card();
    let engine = kind.map_or_else(|| "no".to_owned(), |kind| cards.instead_of(kind).to_string()) + " engine";
    let engine = site.engine.token.as_ref().map_or(engine.clone(), |token| format!("{engine} {}", token.get_ref()));
    let copies =
        site.ckds.copy_of.as_ref().map_or_else(String::new, |from| format!(", copies of site {}", from.get_ref()));
    format!("{}: {}, SMF ID {}, {}{copies}", site.name.get_ref(), site.role, site.smfid.get_ref(), engine)
}

struct Runner<'a> {
    world: World<'a>,
    drill: &'a Drill,
    /// The sessions of all consumers, as reports name them.
    applications: Vec<Application>,
    consumers: Vec<Managed>,
    start: u64,
    /// When the first action began.
    disrupted: Option<u64>,
    surveys: Vec<Survey>,
    /// Tickets for later steps, by name.
    kept: BTreeMap<String, steps::Kept>,
    tickets: Vec<Zeroizing<String>>,
}

impl Runner<'_> {
    /// What came of a step, and whether the run ends with it.
    fn step(&mut self, step: &Step) -> Result<(StepResult, Option<CutShort>), Error> {
        self.world.set_clock(self.start + step.at.0);
        let expect = step.expect.as_ref();
        let mut result = StepResult {
            id: step.id.clone(),
            at: step.at,
            end: step.end(),
            site: String::new(),
            deed: Deed::Change,
            what: String::new(),
            expected: expect.map(Expect::words).unwrap_or_default(),
            lines: Vec::new(),
            sign_ons: Vec::new(),
            failures: Vec::new(),
            verdict: Verdict::Done,
        };
        let (deviations, cut) = if quiesce::is_begun() {
            result.what = "not begun".to_owned();
            (vec!["the run was interrupted before this step".to_owned()], Some(CutShort::Interrupted))
        } else {
            match self.carry_out(step, &mut result) {
                Ok(deviations) => (deviations, None),
                // What was seen up to here is worth a report.
                Err(Error::Engine(why)) => {
                    (vec![format!("it could not be carried out: {why}")], Some(CutShort::Aborted))
                }
                Err(other) => return Err(other),
            }
        };
        // What was refused deviates, also where nothing was expected.
        result.verdict = match (expect, deviations.is_empty()) {
            (Some(_), true) => Verdict::AsExpected,
            (None, true) => Verdict::Done,
            (_, false) => Verdict::Deviated(deviations),
        };
        Ok((result, cut))
    }

    /// Carries out a step; answers what is not as expected.
    fn carry_out(&mut self, step: &Step, result: &mut StepResult) -> Result<Vec<String>, Error> {
        let expect = step.expect.as_ref();
        let after = Some(step.id.as_str());
        let mut deviations = Vec::new();
        let now = self.world.now();
        if expect.is_none() {
            self.disrupted.get_or_insert(now);
        }
        if let Some((limit, since)) = expect.and_then(|expect| expect.within).zip(self.disrupted)
            && now.saturating_sub(since) > limit.0
        {
            let (took, limit) = (Offset(now.saturating_sub(since)), limit.to_string());
            deviations.push(format!("it comes {took} after the first action, {limit} was the limit"));
        }
        for (site, step) in self.drill.copies_wanted(&step.id) {
            self.world.copy_ckds(&site, &step)?;
        }
        match &step.action {
            Action::Logon { site, users, sessions, by } => {
                result.site.clone_from(site);
                result.deed = Deed::Probe;
                let mut names = Vec::new();
                let mut logons = Vec::new();
                for user in users {
                    for place in sessions {
                        let logon = self.logon(site, *user, *place, *by)?;
                        names.push(logon.session.clone());
                        tell(&logon, &mut result.lines);
                        result.count(&logon, self.application(*place), step.at);
                        logons.push(logon);
                    }
                }
                if let Some(expect) = expect {
                    let tried: Vec<Tried<'_>> = logons.iter().map(Tried::from).collect();
                    deviations.extend(held_of_all(expect, &tried));
                }
                self.tickets.extend(logons.into_iter().flat_map(|logon| logon.tickets));
                result.what = format!("logon {} to {}", list(users), names.join(", "));
            }
            Action::Failover { from, to } => {
                result.site = format!("{from}>{to}");
                result.deed = Deed::Move { to: to.clone() };
                result.what = format!("fail over from site {from} to site {to}");
                self.world.site(to)?;
                self.survey(to, step.at, after)?;
            }
            Action::Attach { site, kind, token, same_as } => {
                result.site.clone_from(site);
                result.deed = if kind.is_some() { Deed::Remedy } else { Deed::Fault };
                let keys = same_as.as_ref().map_or_else(String::new, |from| format!(", master keys as at {from}"));
                let engine = match kind.map(|kind| self.world.kind(kind)) {
                    None => "no engine",
                    Some(CardKind::Software) => "an engine",
                    Some(CardKind::Pkcs11) => "a pkcs11 engine",
                };
                let token = token.as_ref().map_or_else(String::new, |token| format!(" {token}"));
                result.what = format!("attach {engine}{token}{keys}");
                self.world.attach(site, *kind, same_as.as_deref())?;
                self.survey(site, step.at, after)?;
            }
            Action::PutBack { site } => {
                result.site.clone_from(site);
                result.deed = Deed::Remedy;
                result.what = "put the engine back that was pulled".to_owned();
                self.world.put_back(site)?;
                self.survey(site, step.at, after)?;
            }
            Action::Detach { site } => {
                result.site.clone_from(site);
                result.deed = Deed::Fault;
                result.what = "detach the engine".to_owned();
                self.world.pull(site)?;
                self.survey(site, step.at, after)?;
            }
            Action::Zeroise { site } => {
                result.site.clone_from(site);
                result.deed = Deed::Fault;
                result.what = "zeroise the engine: its master-key registers are empty".to_owned();
                self.world.zeroise(site)?;
                self.survey(site, step.at, after)?;
            }
            Action::WrongMasterKey { site } => {
                result.site.clone_from(site);
                result.deed = Deed::Fault;
                result.what = "give the engine other master keys than the CKDS is under".to_owned();
                self.world.wrong_master_key(site)?;
                self.survey(site, step.at, after)?;
            }
            Action::Flap(flap) => {
                result.site.clone_from(&flap.site);
                result.deed = Deed::Fault;
                result.what = format!(
                    "pull the engine and put it back, {} times, {every} s out and {every} s in; logon {} to {}",
                    flap.count,
                    list(&flap.users),
                    self.named(&flap.sessions),
                    every = flap.every.0,
                );
                deviations = self.flap(flap, step.at, result, expect)?;
                self.survey(&flap.site, step.end(), after)?;
            }
            Action::Display { command, sites } => {
                result.site = sites.join(" ");
                result.deed = Deed::Probe;
                result.what.clone_from(command);
                let mut shown = Vec::new();
                for site in sites {
                    shown.push((site.clone(), self.display(site, command)?));
                }
                result.lines = side_by_side(&shown);
                // One that is refused deviates, also where nothing was expected.
                deviations.extend(displayed(expect.unwrap_or(&Expect::default()), &shown));
            }
            Action::ConsumerSet { consumer, generate } => {
                if let Some(managed) = self.consumers.get_mut(*consumer) {
                    managed.tickets = *generate;
                    result.what =
                        format!("{}: PassTickets {}", managed.settings().name, if *generate { "on" } else { "off" });
                }
            }
            other => deviations.extend(self.other(other, step, result)?),
        }
        let shown = matches!(step.action, Action::Display { .. });
        if let Some(pattern) = expect.and_then(|expect| expect.matches.as_ref()).filter(|_| !shown)
            && !result.lines.iter().any(|line| pattern.is_match(line))
        {
            deviations.push(format!("a line like {pattern} was expected, and none of {} is", result.lines.len()));
        }
        Ok(deviations)
    }

    /// Pulls the card of a site and puts it back, again and again, with sign-ons while it is out and when it is back.
    /// Answers what is not as expected.
    fn flap(
        &mut self,
        flap: &Flap,
        start: Offset,
        result: &mut StepResult,
        expect: Option<&Expect>,
    ) -> Result<Vec<String>, Error> {
        let mut deviations = Vec::new();
        let mut counts = [Count::of("while out"), Count::of("when back")];
        let mut at = self.start + start.0;
        for _ in 0..flap.count {
            for (out, count) in [true, false].into_iter().zip(&mut counts) {
                self.world.set_clock(at);
                at += flap.every.0;
                if out {
                    self.world.pull(&flap.site)?
                } else {
                    self.world.put_back(&flap.site)?
                }
                for user in &flap.users {
                    for place in &flap.sessions {
                        let logon = self.logon(&flap.site, *user, *place, None)?;
                        count.tried += 1;
                        result.count(&logon, self.application(*place), Offset(self.world.now() - self.start));
                        if logon.result.is_err() {
                            count.failed += 1;
                            let codes = expect.map(Expect::codes);
                            let wrong = codes.map(|codes| held(&codes, &Tried::from(&logon))).unwrap_or_default();
                            let new = wrong.into_iter().filter(|what| !deviations.contains(what));
                            deviations.extend(new.collect::<Vec<_>>());
                        }
                        self.tickets.extend(logon.tickets);
                    }
                }
            }
        }
        let expected = expect.map(|expect| [expect.failed_out, expect.failed_back]).unwrap_or_default();
        for (Count { when, tried, failed }, expected) in counts.iter().zip(expected) {
            result.lines.push(format!("{when}: {failed} of {tried} sign-ons failed"));
            if let Some(expected) = expected.filter(|expected| expected != failed) {
                deviations.push(format!("{when}: {expected} failures were expected, {failed} came"));
            }
        }
        if counts.iter().all(|count| count.failed == 0) {
            let keys = expect.map(Expect::codes).unwrap_or_default();
            let keys: Vec<&str> = keys.keys().collect();
            if !keys.is_empty() {
                deviations.push(format!("{} was expected of a failure, and no sign-on failed", keys.join(", ")));
            }
        }
        Ok(deviations)
    }

    fn logon(
        &mut self,
        site: &str,
        user: UserId,
        (consumer, session): (usize, usize),
        by: Option<TypedBy>,
    ) -> Result<Logon, Error> {
        let gone = || Error::Missing("a session is gone".to_owned());
        let name = self.name((consumer, session)).ok_or_else(gone)?.to_owned();
        let password = self.world.password(&user);
        let here = self.drill.consumers.get(consumer).and_then(|planned| planned.runs_at.as_deref()).unwrap_or(site);
        let managed = self.consumers.get_mut(consumer).ok_or_else(gone)?;
        let session = managed.session(session).ok_or_else(gone)?;
        let tickets = by.map_or(managed.tickets, |by| by == TypedBy::Ticket);
        let place = self.world.place(here, site)?;
        let asked = Asked { user, session: &session, password: password.as_ref(), tickets };
        let mut logon = managed.sign_on(&place, &asked);
        // Where two consumers have a session of one name, it has to be told which one it was.
        logon.session = name;
        if let Err(failure) = &logon.result
            && !logon.lines.iter().any(|line| line.contains(&user.to_string()))
        {
            logon.lines.push(format!("{user} did not sign on to {}: {}", logon.session, failure.codes()));
        }
        Ok(logon)
    }

    /// The name of a session, with its consumer where another one has a session of that name.
    fn name(&self, place: (usize, usize)) -> Option<&str> {
        self.applications.get(self.application(place)).map(|application| application.name.as_str())
    }

    fn named(&self, sessions: &[(usize, usize)]) -> String {
        sessions.iter().filter_map(|place| self.name(*place)).collect::<Vec<_>>().join(", ")
    }

    fn display(&mut self, site: &str, command: &str) -> Result<Shown, Error> {
        if let Some((name, command)) = with::modified(command)
            && let Some(shown) = self.modify(site, name, command)?
        {
            return Ok(shown);
        }
        let system = &self.world.site(site)?.system;
        if !with::is_racf(command) {
            return Ok(system.console(command).map_err(|error| error.to_string()));
        }
        let issuer = "IBMUSER".parse().map(Caller::user).map_err(|e| Error::Missing(format!("IBMUSER: {e}")))?;
        let output = system.racf(&issuer, command, &softicsf::NoSecrets);
        Ok(output.map(|output| output.lines).map_err(|error| error.to_string()))
    }

    fn survey(&mut self, name: &str, at: Offset, after: Option<&str>) -> Result<(), Error> {
        let site = self.world.site(name)?;
        let mut survey = survey(&site.system, site.ahead(), name, at, after)?;
        survey.profiles.extend(self.world.kerberos_at(name).map(|kerberos| kerberos.surveyed()).unwrap_or_default());
        self.surveys.push(survey);
        Ok(())
    }

    /// Which of the applications of the run a session is.
    fn application(&self, (consumer, session): (usize, usize)) -> usize {
        let before: usize = self.consumers.iter().take(consumer).map(|managed| managed.settings().sessions.len()).sum();
        before + session
    }
}

/// How many sign-ons there were at one side of a flap, and how many failed.
struct Count {
    when: &'static str,
    tried: u32,
    failed: u32,
}

impl Count {
    const fn of(when: &'static str) -> Self {
        Self { when, tried: 0, failed: 0 }
    }
}

fn list(users: &[UserId]) -> String {
    users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What several sites showed: once, where it is the same.
fn side_by_side(shown: &[(String, Shown)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, (site, reply)) in shown.iter().enumerate() {
        let (before, rest) = shown.split_at(at);
        if before.iter().any(|(_, other)| other == reply) {
            continue;
        }
        let same = rest.iter().skip(1).filter(|(_, other)| other == reply).map(|(name, _)| name.as_str());
        let sites: Vec<&str> = std::iter::once(site.as_str()).chain(same).collect();
        lines.push(format!("{}:", sites.join(" and ")));
        match reply {
            Ok(shown) => lines.extend(shown.iter().cloned()),
            Err(why) => lines.push(why.clone()),
        }
    }
    lines
}

/// Writes down what a sign-on showed.
fn tell(sign_on: &Logon, lines: &mut Vec<String>) {
    lines.extend(sign_on.lines.iter().cloned());
    if let Ok(by) = &sign_on.result {
        let by = match by {
            SignedOnBy::Password => "the password",
            SignedOnBy::Ticket(TicketKind::Legacy) => "a legacy PassTicket",
            SignedOnBy::Ticket(_) => "an enhanced PassTicket",
            SignedOnBy::Kerberos => "a Kerberos ticket",
        };
        lines.push(format!("{} signed on to {} with {by}", sign_on.user, sign_on.session));
    }
}
