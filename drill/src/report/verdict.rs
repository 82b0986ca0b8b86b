//! The verdict, in plain words.

use super::model::{
    Cell, CellState, Dependency, Judgement, Known, Matrix, Met, Recovery, Remedy, Report, Rto, Status, Verdict,
};
use super::remedies::NO_ENGINE;
use crate::outcome::{CutShort, Run, StepResult, Verdict as Went};
use crate::survey::Kept;

/// Whether it went as planned, and what came of it.
pub(crate) fn verdict(
    run: &Run,
    recovery: &[Recovery],
    dependencies: &[Dependency],
    faults: &Matrix,
    remedies: &[Remedy],
) -> Verdict {
    let held = run.steps.iter().filter(|step| step.verdict == Went::AsExpected).count();
    let deviated: Vec<&StepResult> =
        run.steps.iter().filter(|step| matches!(step.verdict, Went::Deviated(_))).collect();
    let mut details = Vec::new();
    let sentence = if run.not_started {
        let at = deviated.first().map(|step| format!(" at step {}", step.id)).unwrap_or_default();
        format!("Nothing was tried: the baseline failed{at}, so what follows would prove nothing.")
    } else {
        details.extend(because(recovery, dependencies, faults, remedies));
        outcome(run, recovery)
    };
    if !run.not_started && !deviated.is_empty() {
        let steps: Vec<&str> = deviated.iter().map(|step| step.id.as_str()).collect();
        let what = if let [_] = *steps { "Step" } else { "Steps" };
        details.insert(0, format!("{what} {} went otherwise than the plan says.", few(&steps)));
    }
    Verdict {
        status: match run.cut_short {
            Some(CutShort::Aborted) => Status::Aborted,
            Some(CutShort::Interrupted) => Status::Interrupted,
            None if run.not_started => Status::NotStarted,
            None => Status::Completed,
        },
        verdict: if deviated.is_empty() { Judgement::AsExpected } else { Judgement::Deviated },
        exit_status: run.exit_status(),
        rto: rto(run, recovery),
        held,
        expectations: held + deviated.len(),
        sentence,
        details,
    }
}

fn rto(run: &Run, recovery: &[Recovery]) -> Rto {
    let any = |met| recovery.iter().any(|row| row.met == met);
    match run.rto {
        None => Rto::None,
        Some(_) if run.not_started => Rto::None,
        Some(_) if any(Met::No) => Rto::Missed,
        Some(_) if any(Met::ByWorkaround) => Rto::ByWorkaround,
        Some(_) => Rto::Met,
    }
}

/// How many applications were hit, for how long, and whether that was short enough.
fn outcome(run: &Run, recovery: &[Recovery]) -> String {
    let all = recovery.len();
    let failed: Vec<&Recovery> = recovery.iter().filter(|row| row.first_failure.is_some()).collect();
    if failed.is_empty() {
        return format!("No application lost its {}.", run.tickets());
    }
    let head = format!("{} of {all} applications lost their {}", failed.len(), run.tickets());
    let lost: Vec<&str> =
        failed.iter().filter(|row| row.restored.is_none()).map(|row| row.application.as_str()).collect();
    if !lost.is_empty() {
        let way = if failed.iter().all(|row| row.usable_after.is_some()) { "; users got in another way" } else { "" };
        let have = if let [_] = *lost { "has" } else { "have" };
        return format!("{head}, and {} still {have} none at the end{way}.", few(&lost));
    }
    let worst = failed.iter().filter_map(|row| row.restored_after).max();
    let back = if let [_] = *failed { "it had them back after" } else { "all had them back, the last after" };
    let worst = worst.map(|worst| format!("; {back} {worst}")).unwrap_or_default();
    let target = run.rto.map(|rto| super::model::Seconds(rto.0));
    let met = match target {
        None => String::new(),
        Some(target) if failed.iter().all(|row| row.met == Met::Yes) => format!(", within the {target} allowed"),
        Some(target) if failed.iter().any(|row| row.met == Met::No) => format!(", later than the {target} allowed"),
        Some(target) => format!(", within the {target} allowed only by a workaround"),
    };
    format!("{head}{worst}{met}.")
}

/// Who depends on the engine that failed, what else broke somebody, who went on and why, and who had no other way in.
fn because(recovery: &[Recovery], dependencies: &[Dependency], faults: &Matrix, remedies: &[Remedy]) -> Vec<String> {
    let mut details = Vec::new();
    let names = |wanted: &dyn Fn(&Recovery) -> bool| -> Vec<&str> {
        recovery.iter().filter(|row| wanted(row)).map(|row| row.application.as_str()).collect()
    };
    let of = |name: &str, wanted: &dyn Fn(&Dependency) -> bool| {
        dependencies.iter().any(|dependency| dependency.application == name && wanted(dependency))
    };
    let broken = |name: &str, by_engine: bool| {
        let about = remedies.iter().filter(|remedy| remedy.applications.iter().any(|other| other == name));
        about.filter(|remedy| (remedy.against == NO_ENGINE) == by_engine).map(|remedy| remedy.against.as_str()).next()
    };
    let needy = names(&|row| {
        let failed = row.first_failure.is_some() && of(&row.application, &|d| d.needs_engine);
        failed && broken(&row.application, true).is_some()
    });
    if !needy.is_empty() {
        let (need, key) = match *needy {
            [_] => ("needs", "the key of its tickets is"),
            _ => ("need", "the keys of their tickets are"),
        };
        details.push(format!(
            "{} {need} a crypto engine with the same master keys: {key} wrapped in the CKDS.",
            few(&needy)
        ));
    }
    let others = recovery.iter().filter(|row| row.first_failure.is_some() && broken(&row.application, true).is_none());
    let mut causes: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, cause) in others.filter_map(|row| Some((row.application.as_str(), broken(&row.application, false)?))) {
        match causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, names)) => names.push(name),
            None => causes.push((cause, vec![name])),
        }
    }
    details.extend(causes.iter().map(|(cause, names)| format!("What broke {}: {cause}.", few(names))));
    let masked = names(&|row| {
        row.first_failure.is_none()
            && of(&row.application, &|d| d.protection == Kept::Masked)
            && went_on_without_icsf(faults, &row.application)
    });
    if !masked.is_empty() {
        details.push(format!("{} never failed: masked in the security database, a key needs no ICSF.", few(&masked)));
    }
    let uncovered = names(&Recovery::uncovered);
    if !uncovered.is_empty() {
        details.push(format!("No other way in to {} was tried in this drill.", few(&uncovered)));
    }
    details
}

/// Whether somebody signed on to it with a ticket while ICSF failed another application.
fn went_on_without_icsf(faults: &Matrix, application: &str) -> bool {
    faults.rows.iter().any(|row| {
        let signed_on =
            |cell: &Cell| cell.application == application && (cell.state, cell.by) == (CellState::Works, Known::SignOn);
        row.cells.iter().any(signed_on) && row.cells.iter().any(|cell| cell.icsf.is_some())
    })
}

/// The applications that were not back in time.
pub(crate) fn missed(report: &Report) -> Vec<&str> {
    report.recovery.iter().filter(|row| row.met == Met::No).map(|row| row.application.as_str()).collect()
}

/// How many names a sentence takes.
pub(crate) const FEW: usize = 8;

/// The names, or the first of them and how many more there are.
pub(crate) fn few(names: &[&str]) -> String {
    match names.get(..FEW - 2) {
        Some(first) if names.len() > FEW => format!("{} and {} more", first.join(", "), names.len() - first.len()),
        _ => list(names),
    }
}

/// `A`, `A and B`, `A, B and C`.
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Where a step was: `site A`, `sites A and B`, `site A to B`, or nothing.
pub(crate) fn place(site: &str) -> String {
    let several: Vec<&str> = site.split_whitespace().collect();
    match *several {
        [] => String::new(),
        [one] => format!("site {}", one.replace('>', " to ")),
        _ => format!("sites {}", list(&several)),
    }
}
