//! What somebody should look after, for the minutes of the drill.

use super::model::{Action, Comparison, Dependency, Met, Recovery, Severity};
use crate::outcome::{Run, Verdict};

/// Findings, the worst first.
pub(crate) fn actions(
    run: &Run,
    recovery: &[Recovery],
    dependencies: &[Dependency],
    sites: &Comparison,
) -> Vec<Action> {
    let mut found: Vec<(Severity, String)> = Vec::new();
    for step in &run.steps {
        if let Verdict::Deviated(deviations) = &step.verdict {
            let first = deviations.first().map(String::as_str).unwrap_or_default();
            found.push((Severity::High, format!("step {} went otherwise than planned: {first}", step.id)));
        }
    }
    for row in recovery {
        let name = &row.application;
        match row.met {
            Met::No if row.usable_after.is_none() => {
                found.push((Severity::High, format!("{name} could not be reached any more")));
            }
            Met::No => found.push((Severity::High, format!("{name} came back later than the target allows"))),
            Met::ByWorkaround => {
                found.push((Severity::Medium, format!("{name} met the target only by a workaround")));
            }
            Met::NeverFailed | Met::Yes | Met::NoTarget => {}
        }
        if row.uncovered() {
            found.push((Severity::Medium, format!("{name} has no workaround in this drill")));
        }
        let fragile = dependencies.iter().find(|other| other.application == *name && other.needs_engine);
        if let Some(dependency) = fragile.filter(|_| row.first_failure.is_some()) {
            let kept = dependency.protection;
            found.push((Severity::Medium, format!("{name} depends on the crypto engine: its key is {kept}")));
        }
    }
    for row in sites.rows.iter().filter(|row| row.property == "SMF ID" && !row.same) {
        let values: Vec<&str> = row.values.iter().filter_map(Option::as_deref).collect();
        found.push((Severity::High, format!("the sites have different SMF IDs: {}", values.join(", "))));
    }
    for missing in &sites.missing_labels {
        let labels = missing.labels.join(", ");
        found.push((Severity::High, format!("the CKDS of site {} lacks {labels}", missing.site)));
    }
    found.sort_by_key(|(severity, _)| *severity);
    let action =
        |(severity, finding)| Action { finding, severity, owner: run.lead.clone(), due: None, retest: run.id.clone() };
    found.into_iter().map(action).collect()
}
