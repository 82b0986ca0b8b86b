//! The fault matrix: what was done to the sites, and which applications worked then.

use super::model::{Cell, CellState, Deed, Known, Matrix, Row};
use super::recovery::key_of;
use crate::consumer::Failure;
use crate::outcome::{Application, Deed as Done, Run, SignOn, StepResult};
use crate::survey::Survey;

/// A row for each state a site was brought into.
pub(crate) fn matrix(run: &Run) -> Matrix {
    let mut rows: Vec<Row> = Vec::new();
    for (index, survey) in run.surveys.iter().enumerate() {
        let row = row(run, index, survey);
        let same = |other: &&mut Row| {
            (&other.site, &other.what, &other.engine, &other.cells) == (&row.site, &row.what, &row.engine, &row.cells)
        };
        match rows.iter_mut().find(same) {
            Some(other) => other.times += 1,
            None => rows.push(row),
        }
    }
    Matrix { applications: run.applications.iter().map(|application| application.name.clone()).collect(), rows }
}

fn row(run: &Run, index: usize, survey: &Survey) -> Row {
    let step = survey.after.as_ref().and_then(|id| run.steps.iter().find(|step| step.id == *id));
    let sign_ons = sign_ons_in(run, index, survey);
    let cell = |(number, application): (usize, &Application)| {
        let own: Vec<&SignOn> = sign_ons.iter().copied().filter(|sign_on| sign_on.application == number).collect();
        cell(application, survey, &own)
    };
    Row {
        site: survey.site.clone(),
        at: survey.at.into(),
        step: survey.after.clone(),
        deed: step.map_or(Deed::Start, deed),
        what: step.map_or_else(|| "as it was at the start".to_owned(), |step| step.what.clone()),
        engine: survey.engine.0.clone(),
        times: 1,
        cells: run.applications.iter().enumerate().map(cell).collect(),
    }
}

pub(crate) fn deed(step: &StepResult) -> Deed {
    match step.deed {
        Done::Probe => Deed::Probe,
        Done::Fault => Deed::Fault,
        Done::Move { .. } => Deed::Move,
        Done::Remedy => Deed::Remedy,
        Done::Change => Deed::Change,
    }
}

/// The sign-ons with tickets while a site was as a survey found it: those of the step that brought it there, and of those
/// that follow, until it changes again.
fn sign_ons_in<'a>(run: &'a Run, index: usize, survey: &Survey) -> Vec<&'a SignOn> {
    let position = |id: &Option<String>| run.steps.iter().position(|step| Some(&step.id) == id.as_ref());
    let first = position(&survey.after).unwrap_or_default();
    let next = run.surveys.iter().skip(index + 1).find(|next| next.site == survey.site);
    let end = next.and_then(|next| position(&next.after)).unwrap_or(run.steps.len());
    let steps = run.steps.iter().take(end).skip(first);
    let here = steps.filter(|step| step.site.split(' ').any(|site| site == survey.site));
    here.flat_map(|step| &step.sign_ons).filter(|sign_on| sign_on.with_ticket).collect()
}

fn cell(application: &Application, survey: &Survey, sign_ons: &[&SignOn]) -> Cell {
    let failed = sign_ons.iter().find_map(|sign_on| sign_on.result.as_ref().err());
    let worked = sign_ons.iter().any(|sign_on| sign_on.result.is_ok());
    let key = key_of(survey, application).and_then(|surveyed| surveyed.usable.as_ref());
    let (state, by, failure) = match (failed, worked, key) {
        (Some(failure), true, _) => (CellState::Mixed, Known::SignOn, Some(failure)),
        (Some(failure), false, _) => (CellState::Fails, Known::SignOn, Some(failure)),
        (None, true, _) => (CellState::Works, Known::SignOn, None),
        (None, false, Some(Ok(()))) => (CellState::Works, Known::Key, None),
        (None, false, Some(Err(failure))) => (CellState::Fails, Known::Key, Some(failure)),
        (None, false, None) => (CellState::Unknown, Known::Nothing, None),
    };
    let code = |failure: &Failure| failure.cause.code().map(icsf_core::codes::Code::hex_pair);
    Cell {
        application: application.name.clone(),
        state,
        by,
        saf: failure.and_then(|failure| failure.saf).map(|saf| saf.to_string()),
        icsf: failure.and_then(code),
        service: failure.and_then(|failure| failure.cause.service().map(str::to_owned)),
    }
}
