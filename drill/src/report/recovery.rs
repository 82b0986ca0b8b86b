//! How long applications could not be reached: what is known of each, moment by moment, and what follows from it.

use icsf_saf::SignedOnBy;

use super::model::{Again, At, Met, Recovery, Seconds};
use crate::consumer::Failure;
use crate::outcome::{Application, Deed, Run, SignOn, StepResult};
use crate::survey::{Survey, Surveyed};

/// Something that tells whether an application can be reached.
pub(crate) struct Known<'a> {
    pub(crate) at: At,
    pub(crate) what: What<'a>,
    /// Where it was seen.
    site: &'a str,
    /// Where work is then, and how often it has moved there.
    work: (&'a str, usize),
}

pub(crate) enum What<'a> {
    /// Somebody signed on by this.
    SignedOn(SignedOnBy),
    /// Somebody could not.
    Refused(&'a Failure),
    /// The key was tried, and works.
    KeyUsable,
    KeyUnusable(&'a Failure),
}

impl What<'_> {
    const fn is_failure(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::KeyUnusable(_))
    }
}

/// What a survey found of the keys of an application: that of its Kerberos server, the profile of its name at that site,
/// and those qualified by group and user.
pub(crate) fn keys_of<'a>(survey: &'a Survey, application: &Application) -> impl Iterator<Item = &'a Surveyed> {
    let applid = application.applid_at(survey.smfid());
    let of_service = survey.profiles.iter().filter(|surveyed| surveyed.protection.is_kerberos());
    let of_service = of_service.filter(|surveyed| application.service.as_ref() == Some(&surveyed.profile));
    let profiles = survey.profiles.iter().filter(|surveyed| !surveyed.protection.is_kerberos());
    of_service.chain(profiles.filter(move |surveyed| {
        let rest = surveyed.profile.strip_prefix(&applid);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }))
}

/// The first of them; of an application that takes several, one that cannot be used before all others.
pub(crate) fn key_of<'a>(survey: &'a Survey, application: &Application) -> Option<&'a Surveyed> {
    let fails = |key: &&Surveyed| application.service.is_some() && !matches!(key.usable, Some(Ok(())));
    keys_of(survey, application).find(fails).or_else(|| keys_of(survey, application).next())
}

/// The surveys that follow a step; those of `None` come before the first.
pub(crate) fn surveys_after<'a>(run: &'a Run, step: Option<&'a str>) -> impl Iterator<Item = &'a Survey> {
    run.surveys.iter().filter(move |survey| survey.after.as_deref() == step)
}

/// Where work is after each step.
pub(crate) fn places(run: &Run) -> impl Iterator<Item = (&StepResult, &str)> {
    run.steps.iter().scan(run.primary.as_str(), |place, step| {
        if let Deed::Move { to } = &step.deed {
            *place = to;
        }
        Some((step, *place))
    })
}

/// Everything that is known of an application, in the order of time. A key counts where work is at that moment; a
/// sign-on wherever it was.
pub(crate) fn known<'a>(run: &'a Run, index: usize, application: &Application) -> Vec<Known<'a>> {
    let key = |survey: &'a Survey, work: (&'a str, usize)| {
        let what = match key_of(survey, application)?.usable.as_ref()? {
            Ok(()) => What::KeyUsable,
            Err(failure) => What::KeyUnusable(failure),
        };
        Some(Known { at: survey.at.into(), what, site: &survey.site, work })
    };
    let mut work = (run.primary.as_str(), 0);
    let mut all: Vec<Known<'a>> = surveys_after(run, None).filter_map(|survey| key(survey, work)).collect();
    for (step, place) in places(run) {
        work = (place, work.1 + usize::from(matches!(step.deed, Deed::Move { .. })));
        let mut here: Vec<Known<'a>> = Vec::new();
        for sign_on in step.sign_ons.iter().filter(|sign_on| sign_on.application == index) {
            let known = |at| Known { at, what: told(sign_on), site: &step.site, work };
            here.extend([known(sign_on.at.into()), known(sign_on.last.into())]);
        }
        here.extend(
            surveys_after(run, Some(&step.id))
                .filter(|survey| survey.site == place)
                .filter_map(|survey| key(survey, work)),
        );
        here.sort_by_key(|known| known.at);
        all.extend(here);
    }
    all
}

fn told(sign_on: &SignOn) -> What<'_> {
    match &sign_on.result {
        Ok(by) => What::SignedOn(*by),
        Err(failure) => What::Refused(failure),
    }
}

/// When things first went wrong: a fault, or a move of work.
pub(crate) fn disruption(run: &Run) -> Option<At> {
    disruptions(run).next()
}

fn disruptions(run: &Run) -> impl Iterator<Item = At> {
    let steps = run.steps.iter().filter(|step| matches!(step.deed, Deed::Fault | Deed::Move { .. }));
    steps.map(|step| step.at.into())
}

/// What broke an application: of what is known of it before its failure. That is the last fault or move; or, where it still
/// worked after that, the last change by an administrator since.
fn cause(run: &Run, known: &[Known<'_>], failed: At) -> At {
    let before = |at: &At| *at <= failed;
    let fault = disruptions(run).filter(before).last();
    let worked = known.iter().filter(|known| !known.what.is_failure() && known.at < failed).map(|known| known.at).max();
    let since = worked.filter(|worked| fault.is_none_or(|fault| *worked > fault));
    let mut changes =
        run.steps.iter().filter(|step| step.deed == Deed::Change).map(|step| At::from(step.at)).filter(before);
    let change = since.and_then(|worked| changes.rfind(|at| *at >= worked));
    change.or(fault).unwrap_or(failed)
}

/// A time in which an application could not be reached with a ticket.
struct Outage<'a> {
    first_failure: At,
    /// Where it was met, and how often work had moved by then.
    met: (&'a str, usize),
    workaround: Option<At>,
    /// When, and whether somebody signed on then; else its key was tried.
    restored: Option<(At, bool)>,
}

/// The outages of an application, one after the other.
///
/// What works at a site that work has left mends nothing: an outage ends where it was met, or where work has moved since.
fn outages<'a>(known: &[Known<'a>]) -> Vec<Outage<'a>> {
    let mut all = Vec::new();
    let mut open: Option<Outage<'a>> = None;
    for Known { at, what, site, work: (place, moves) } in known {
        let begun = || Outage { first_failure: *at, met: (site, *moves), workaround: None, restored: None };
        match (&mut open, what) {
            (None, what) if what.is_failure() => open = Some(begun()),
            (None, _) => {}
            (Some(Outage { met: (failed, before), .. }), what)
                if !what.is_failure() && site != failed && (site != place || moves == before) => {}
            // The key did its work, and does not any more: that was another outage.
            (Some(outage), What::KeyUnusable(_)) if outage.restored.is_some() => all.extend(open.replace(begun())),
            (Some(_), What::KeyUnusable(_)) => {}
            // Whether the key worked in between or not, users did not get in.
            (Some(outage), What::Refused(_)) => outage.restored = None,
            (Some(outage), What::KeyUsable) => outage.restored = outage.restored.or(Some((*at, false))),
            (Some(outage), What::SignedOn(SignedOnBy::Password)) => {
                outage.workaround = outage.workaround.or(Some(*at));
            }
            (Some(outage), What::SignedOn(_)) => {
                outage.restored = Some((*at, true));
                all.extend(open.take());
            }
        }
    }
    all.extend(open);
    all
}

/// A row for each application.
pub(crate) fn recoveries(run: &Run) -> Vec<Recovery> {
    run.applications.iter().enumerate().map(|(index, application)| recovery(run, index, application)).collect()
}

fn recovery(run: &Run, index: usize, application: &Application) -> Recovery {
    let target = run.rto.map(|rto| Seconds(rto.0));
    let known = known(run, index, application);
    let outages = outages(&known);
    let count = outages.len();
    let rows = outages.iter().map(|outage| row(application, target, cause(run, &known, outage.first_failure), outage));
    // One that does not end is longer than any that does.
    let length = |row: &Recovery| (row.restored_after.is_none(), row.restored_after, row.usable_after);
    let longest = rows.rev().max_by_key(length);
    let none = Recovery {
        application: application.name.clone(),
        target,
        outages: 0,
        first_failure: None,
        workaround: None,
        restored: None,
        usable_after: None,
        restored_after: None,
        met: Met::NeverFailed,
    };
    longest.map_or(none, |row| Recovery { outages: count, ..row })
}

fn row(application: &Application, target: Option<Seconds>, from: At, outage: &Outage<'_>) -> Recovery {
    let failed = outage.first_failure;
    let since = |at: At| Seconds(at.0.saturating_sub(from.0));
    let restored_after = outage.restored.map(|(at, _)| since(at));
    let workaround = outage.workaround.filter(|way| outage.restored.is_none_or(|(at, _)| *way < at));
    let usable_after = workaround.map(since).into_iter().chain(restored_after).min();
    let within = |after: Option<Seconds>| target.is_some_and(|target| after.is_some_and(|after| after <= target));
    let met = match target {
        None => Met::NoTarget,
        Some(_) if within(restored_after) => Met::Yes,
        Some(_) if within(usable_after) => Met::ByWorkaround,
        Some(_) => Met::No,
    };
    let again = |at, by: &str| Again { at, by: by.to_owned() };
    Recovery {
        application: application.name.clone(),
        target,
        outages: 1,
        first_failure: Some(failed),
        workaround: workaround.map(|at| again(at, "password")),
        restored: outage.restored.map(|(at, by_user)| again(at, if by_user { "sign-on" } else { "key" })),
        usable_after,
        restored_after,
        met,
    }
}
