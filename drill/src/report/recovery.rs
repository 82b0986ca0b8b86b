//! How long applications could not be reached: what is known of each, moment by moment, and what follows from it.

use icsf_saf::SignedOnBy;

use super::model::{Again, At, Met, Recovery, Seconds};
use crate::consumer::Failure;
use crate::run::{Application, Deed, Run, SignOns, StepResult};
use crate::survey::{Survey, Surveyed};

/// Something that tells whether an application can be reached.
pub(crate) struct Known<'a> {
    pub(crate) at: At,
    pub(crate) what: What<'a>,
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

/// Whether a profile is the one for tickets to an application, or one qualified by group and user.
pub(crate) fn is_for(surveyed: &Surveyed, application: &Application) -> bool {
    let rest = surveyed.profile.strip_prefix(&application.applid);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What a survey found of the key of an application.
pub(crate) fn key_of<'a>(survey: &'a Survey, application: &Application) -> Option<&'a Surveyed> {
    survey.profiles.iter().find(|surveyed| is_for(surveyed, application))
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
    let key = |survey: &'a Survey| {
        let what = match &key_of(survey, application)?.usable {
            Ok(()) => What::KeyUsable,
            Err(failure) => What::KeyUnusable(failure),
        };
        Some(Known { at: survey.at.into(), what })
    };
    let mut all: Vec<Known<'a>> = surveys_after(run, None).filter_map(key).collect();
    for (step, place) in places(run) {
        let mut here: Vec<Known<'a>> = Vec::new();
        for sign_on in step.sign_ons.iter().filter(|sign_on| sign_on.application == index) {
            let known = |at| Known { at, what: told(sign_on) };
            here.extend([known(sign_on.at.into()), known(sign_on.last.into())]);
        }
        here.extend(surveys_after(run, Some(&step.id)).filter(|survey| survey.site == place).filter_map(key));
        here.sort_by_key(|known| known.at);
        all.extend(here);
    }
    all
}

fn told(sign_on: &SignOns) -> What<'_> {
    match &sign_on.result {
        Ok(by) => What::SignedOn(*by),
        Err(failure) => What::Refused(failure),
    }
}

/// When things went wrong: the first fault, or the first move of work.
pub(crate) fn disruption(run: &Run) -> Option<At> {
    let first = run.steps.iter().find(|step| matches!(step.deed, Deed::Fault | Deed::Move { .. }));
    first.map(|step| step.at.into())
}

/// A row for each application.
pub(crate) fn recoveries(run: &Run) -> Vec<Recovery> {
    run.applications.iter().enumerate().map(|(index, application)| recovery(run, index, application)).collect()
}

fn recovery(run: &Run, index: usize, application: &Application) -> Recovery {
    let target = run.rto.map(|rto| Seconds(rto.0));
    let known = known(run, index, application);
    let first = known.iter().position(|known| known.what.is_failure());
    let last = known.iter().rposition(|known| known.what.is_failure());
    let (Some(first), Some(last)) = (first, last) else {
        return Recovery {
            application: application.name.clone(),
            target,
            first_failure: None,
            workaround: None,
            restored: None,
            usable_after: None,
            restored_after: None,
            met: Met::NeverFailed,
        };
    };
    let first_failure = known.get(first).map(|known| known.at);
    let by_password = |known: &&Known<'_>| matches!(known.what, What::SignedOn(SignedOnBy::Password));
    let by_ticket = |known: &&Known<'_>| matches!(known.what, What::SignedOn(SignedOnBy::Ticket(_)));
    let again = |known: &Known<'_>, by: &str| Again { at: known.at, by: by.to_owned() };
    let mut after = known.iter().skip(last);
    let restored = after.clone().find(by_ticket).map(|known| again(known, "sign-on"));
    let usable = after.find(|known| matches!(known.what, What::KeyUsable)).map(|known| again(known, "key"));
    let restored = restored.or(usable);
    let workaround = known.iter().skip(first).find(by_password).map(|known| again(known, "password"));
    let workaround = workaround.filter(|way| restored.as_ref().is_none_or(|restored| way.at < restored.at));
    let from = disruption(run).into_iter().chain(first_failure).min().unwrap_or(At(0));
    let since = |again: &Again| Seconds(again.at.0.saturating_sub(from.0));
    let restored_after = restored.as_ref().map(since);
    let usable_after = workaround.as_ref().map(since).into_iter().chain(restored_after).min();
    let within = |after: Option<Seconds>| target.is_some_and(|target| after.is_some_and(|after| after <= target));
    let met = match target {
        None => Met::NoTarget,
        Some(_) if within(restored_after) => Met::Yes,
        Some(_) if within(usable_after) => Met::ByWorkaround,
        Some(_) => Met::No,
    };
    Recovery {
        application: application.name.clone(),
        target,
        first_failure,
        workaround,
        restored,
        usable_after,
        restored_after,
        met,
    }
}
