//! What each application depends on.

use super::model::{Dependency, Seconds};
use super::recovery::is_for;
use crate::outcome::{Application, Run};
use crate::survey::{Kept, Surveyed};

/// A row for each application and key profile of it, as they are at the start.
pub(crate) fn dependencies(run: &Run) -> Vec<Dependency> {
    run.applications.iter().flat_map(|application| rows(run, application)).collect()
}

fn rows(run: &Run, application: &Application) -> Vec<Dependency> {
    let profiles = run.surveys.first().map(|survey| survey.profiles.as_slice()).unwrap_or_default();
    let own: Vec<&Surveyed> = profiles.iter().filter(|surveyed| is_for(surveyed, application)).collect();
    if own.is_empty() {
        return vec![row(run, application, None)];
    }
    own.into_iter().map(|surveyed| row(run, application, Some(surveyed))).collect()
}

fn row(run: &Run, application: &Application, surveyed: Option<&Surveyed>) -> Dependency {
    let protection = surveyed.map_or(Kept::NoKey, |surveyed| surveyed.protection);
    let wrapped = matches!(protection, Kept::Legacy | Kept::KeyToken | Kept::Enhanced);
    Dependency {
        application: application.name.clone(),
        applid: application.applid.clone(),
        profile: surveyed.map(|surveyed| surveyed.profile.clone()),
        protection,
        label: surveyed.and_then(|surveyed| surveyed.label.clone()),
        needs_icsf: wrapped || protection == Kept::EnhancedClear,
        needs_engine: wrapped,
        same_master_key: wrapped,
        same_smfid: smfid(run, &application.applid),
        clock_tolerance: Seconds(surveyed.map_or(0, |surveyed| surveyed.tolerance.into())),
        reuse: surveyed.is_some_and(|surveyed| surveyed.reuse),
    }
}

/// The SMF ID in the application name of TSO or of batch.
///
/// Source: RACF Security Administrator's Guide, determining profile names: TSO and MVS, each followed by the SMF ID.
fn smfid(run: &Run, applid: &str) -> Option<String> {
    let rest = applid.strip_prefix("TSO").or_else(|| applid.strip_prefix("MVS"))?;
    let properties = run.surveys.iter().flat_map(|survey| &survey.properties);
    let mut ids = properties.filter(|(name, _)| *name == "SMF ID").map(|(_, id)| id);
    ids.find(|id| *id == rest).cloned()
}
