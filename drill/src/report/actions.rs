//! What somebody should look after, for the minutes of the drill.

use super::grouped::short;
use super::model::{Action, Comparison, Dependency, Met, Property, Recovery, Severity};
use super::verdict::FEW;
use crate::outcome::{Run, Verdict};
use crate::survey::Kept;

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
    let many = recovery.len() > FEW;
    let mut add = |severity, wanted: &dyn Fn(&Recovery) -> bool, one: &str, several: &str| {
        let names: Vec<&str> = recovery.iter().filter(|row| wanted(row)).map(|row| row.application.as_str()).collect();
        match names.as_slice() {
            [] => {}
            names if many => {
                found.push((severity, format!("{} {}", short(names), if names.len() > 1 { several } else { one })))
            }
            names => found.extend(names.iter().map(|name| (severity, format!("{name} {one}")))),
        }
    };
    let lost = |row: &Recovery| row.met == Met::No && row.usable_after.is_none();
    add(Severity::High, &lost, "could not be reached any more", "could not be reached any more");
    let late = "came back later than the target allows";
    add(Severity::High, &|row| row.met == Met::No && !lost(row), late, late);
    let around = "met the target only by a workaround";
    add(Severity::Medium, &|row| row.met == Met::ByWorkaround, around, around);
    add(Severity::Medium, &Recovery::uncovered, "has no workaround in this drill", "have no workaround in this drill");
    let fragile =
        |row: &Recovery| dependencies.iter().find(|other| other.application == row.application && other.needs_engine);
    for kept in [Kept::Legacy, Kept::Enhanced, Kept::Kerberos] {
        let is_kept = |row: &Recovery| {
            row.first_failure.is_some() && fragile(row).is_some_and(|dependency| dependency.protection == kept)
        };
        let one = format!("depends on the crypto engine: its key is {kept}");
        let several = format!("depend on the crypto engine: their keys are {kept}");
        add(Severity::Medium, &is_kept, &one, &several);
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
