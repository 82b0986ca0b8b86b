//! The states of engines and applications over time.

use icsf_saf::SignedOnBy;

use super::model::{At, Segment, SegmentState, Strip, Strips};
use super::recovery::{What, disruption, known, places};
use crate::consumer::Failure;
use crate::outcome::{Application, Deed, Run, StepResult};

/// Where work was, and in which state engines and applications.
pub(crate) fn strips(run: &Run) -> Strips {
    let last = run.steps.iter().map(|step| step.end.0).max().unwrap_or_default();
    // What comes at the very end is to be seen too.
    let end = At(last + (last / 16).max(30));
    Strips {
        end,
        disruption: disruption(run),
        work: Strip { name: "work".to_owned(), segments: work(run, end) },
        engines: engines(run, end),
        applications: run.applications.iter().enumerate().map(|(n, app)| application(run, n, app, end)).collect(),
    }
}

/// Segments of which each ends where the next one begins. One that lasts no time is not seen, and left out.
fn joined(starts: Vec<(At, SegmentState, String)>, end: At) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for (from, state, label) in starts {
        if let Some(before) = segments.last_mut() {
            if before.state == state && before.label == label {
                continue;
            }
            before.to = from;
        }
        segments.push(Segment { from, to: end, state, label });
    }
    segments.retain(|segment| segment.from < segment.to);
    segments
}

fn work(run: &Run, end: At) -> Vec<Segment> {
    let at = |place: &str| format!("at {place}");
    let mut starts = vec![(At(0), SegmentState::Works, at(&run.primary))];
    starts.extend(places(run).map(|(step, place)| (step.at.into(), SegmentState::Works, at(place))));
    joined(starts, end)
}

fn engines(run: &Run, end: At) -> Vec<Strip> {
    let mut names: Vec<&str> = Vec::new();
    for survey in &run.surveys {
        if !names.contains(&survey.site.as_str()) {
            names.push(&survey.site);
        }
    }
    let strip = |site: &str| {
        let mut starts = Vec::new();
        for survey in run.surveys.iter().filter(|survey| survey.site == site) {
            let step = run.steps.iter().find(|step| survey.after.as_deref() == Some(&step.id));
            if let Some(step) = step.filter(|step| step.deed == Deed::Fault && step.at < step.end) {
                starts.push((step.at.into(), SegmentState::Flaps, "comes and goes".to_owned()));
            }
            let (word, used) = &survey.engine;
            let state = if *used { SegmentState::Works } else { SegmentState::Fails };
            starts.push((survey.at.into(), state, word.clone()));
        }
        Strip { name: format!("engine at {site}"), segments: joined(starts, end) }
    };
    names.into_iter().map(strip).collect()
}

fn application(run: &Run, index: usize, application: &Application, end: At) -> Strip {
    let mut starts: Vec<(At, SegmentState, String)> = Vec::new();
    let flaps = flaps(run, index);
    let passticket = || (SegmentState::Works, "PassTicket".to_owned());
    let kerberos = || (SegmentState::Works, "Kerberos".to_owned());
    // Whether the last sign-on of a flap went through.
    let mut came_back = false;
    for known in known(run, index, application) {
        let before = starts.last().map(|(_, state, _)| *state);
        if let Some((from, _)) = flaps.iter().find(|(from, to)| (*from..*to).contains(&known.at)) {
            came_back = matches!(known.what, What::SignedOn(_));
            starts.push((*from, SegmentState::Flaps, "comes and goes".to_owned()));
            continue;
        }
        let failing = matches!(before, Some(SegmentState::Fails));
        let (state, label) = match known.what {
            What::SignedOn(SignedOnBy::Password) if failing => (SegmentState::Workaround, "password".to_owned()),
            // A key that does or does not work changes nothing for those who come in another way.
            What::SignedOn(SignedOnBy::Password) | What::KeyUsable | What::KeyUnusable(_)
                if before == Some(SegmentState::Workaround) =>
            {
                continue;
            }
            What::SignedOn(SignedOnBy::Password) => (SegmentState::Works, "password".to_owned()),
            What::SignedOn(SignedOnBy::Kerberos) => kerberos(),
            What::SignedOn(SignedOnBy::Ticket(_)) => passticket(),
            What::Refused(failure) | What::KeyUnusable(failure) => (SegmentState::Fails, codes(failure)),
            What::KeyUsable if before == Some(SegmentState::Flaps) && came_back => passticket(),
            What::KeyUsable if failing || before == Some(SegmentState::Flaps) => {
                (SegmentState::Usable, "key works, nobody tried".to_owned())
            }
            What::KeyUsable if before.is_some() => continue,
            What::KeyUsable if application.service.is_some() => kerberos(),
            What::KeyUsable => passticket(),
        };
        starts.push((known.at, state, label));
    }
    Strip { name: application.name.clone(), segments: joined(starts, end) }
}

/// When sign-ons to an application failed and went through in turn.
fn flaps(run: &Run, index: usize) -> Vec<(At, At)> {
    let both = |step: &&StepResult| {
        let mut own = step.sign_ons.iter().filter(|sign_on| sign_on.application == index);
        step.at < step.end && own.clone().any(|own| own.result.is_ok()) && own.any(|own| own.result.is_err())
    };
    run.steps.iter().filter(both).map(|step| (step.at.into(), step.end.into())).collect()
}

fn codes(failure: &Failure) -> String {
    let mut codes = failure.saf();
    if let Some(service) = failure.cause.service() {
        codes = format!("{codes} · {service}");
    }
    if let Some(code) = failure.kerberos {
        codes = format!("{codes} · Kerberos {code}");
    }
    match failure.cause.code() {
        Some(code) => format!("{codes} {}", code.hex_pair()),
        None => codes,
    }
}
