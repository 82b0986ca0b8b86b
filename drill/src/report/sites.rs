//! The sites, side by side.

use super::model::{Column, Comparison, MissingLabels, Property};
use crate::outcome::Run;
use crate::survey::Survey;

/// Each site as it was first seen, and as it was last seen where that differs.
pub(crate) fn comparison(run: &Run) -> Comparison {
    let seen = seen(run);
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in seen.iter().flat_map(|survey| &survey.properties) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let row = |name: &str| {
        let value =
            |survey: &&Survey| survey.properties.iter().find(|(other, _)| *other == name).map(|(_, v)| v.clone());
        let values: Vec<Option<String>> = seen.iter().map(value).collect();
        let same = values.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
        Property { property: name.to_owned(), values, same }
    };
    Comparison {
        columns: seen.iter().map(|survey| Column { site: survey.site.clone(), at: survey.at.into() }).collect(),
        rows: names.into_iter().map(row).collect(),
        missing_labels: missing(&seen),
    }
}

fn seen(run: &Run) -> Vec<&Survey> {
    let mut seen: Vec<&Survey> = Vec::new();
    let mut sites: Vec<&str> = Vec::new();
    for survey in &run.surveys {
        if sites.contains(&survey.site.as_str()) {
            continue;
        }
        sites.push(&survey.site);
        seen.push(survey);
        let last = run.surveys.iter().rfind(|last| last.site == survey.site);
        let differs = |last: &&Survey| last.properties != survey.properties || last.labels != survey.labels;
        seen.extend(last.filter(differs));
    }
    seen
}

/// What the first site has in its CKDS, and a site that was last seen has not.
fn missing(seen: &[&Survey]) -> Vec<MissingLabels> {
    let Some(first) = seen.first() else { return Vec::new() };
    let last =
        |(index, survey): &(usize, &&Survey)| !seen.iter().skip(index + 1).any(|later| later.site == survey.site);
    let missing = seen.iter().enumerate().filter(last).map(|(_, survey)| MissingLabels {
        site: survey.site.clone(),
        labels: first.labels.iter().filter(|label| !survey.labels.contains(label)).cloned().collect(),
    });
    missing.filter(|missing| !missing.labels.is_empty()).collect()
}
