//! What somebody should look after, for the minutes of the drill.

use super::model::{Action, Comparison, Dependency, Met, Property, Recovery, Severity};
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
        found.push((Severity::High, format!("the sites have different SMF IDs: {}", by_site(sites, row).join(", "))));
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

/// The values of a property, each with its site; a site that was seen twice may have had two.
fn by_site(sites: &Comparison, row: &Property) -> Vec<String> {
    let mut all: Vec<(&str, &str, String)> = Vec::new();
    for (column, value) in sites.columns.iter().zip(&row.values) {
        let (site, value) = (column.site.as_str(), value.as_deref().unwrap_or("none"));
        match all.last_mut() {
            Some((last, first, text)) if *last == site => {
                if *first != value {
                    text.push_str(&format!(" and at the end {value}"));
                }
            }
            _ => all.push((site, value, format!("{site} {value}"))),
        }
    }
    all.into_iter().map(|(_, _, text)| text).collect()
}
