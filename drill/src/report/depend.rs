//! What each application depends on.

use super::model::{Dependency, Seconds};
use super::recovery::keys_of;
use crate::outcome::{Application, Run};
use crate::survey::{Kept, Survey, Surveyed};

/// A row for each application and key profile of it, as they are at the start.
pub(crate) fn dependencies(run: &Run) -> Vec<Dependency> {
    run.applications.iter().flat_map(|application| rows(run, application)).collect()
}

fn rows(run: &Run, application: &Application) -> Vec<Dependency> {
    let own: Vec<&Surveyed> = run.surveys.first().into_iter().flat_map(|survey| keys_of(survey, application)).collect();
    if own.is_empty() {
        return vec![row(run, application, None)];
    }
    own.into_iter().map(|surveyed| row(run, application, Some(surveyed))).collect()
}

fn row(run: &Run, application: &Application, surveyed: Option<&Surveyed>) -> Dependency {
    let protection = surveyed.map_or(Kept::NoKey, |surveyed| surveyed.protection);
    let wrapped = matches!(protection, Kept::Legacy | Kept::KeyToken | Kept::Enhanced | Kept::Kerberos);
    let smfid = run.surveys.first().map(Survey::smfid).unwrap_or_default();
    let applid = application.applid_at(smfid);
    Dependency {
        application: application.name.clone(),
        profile: surveyed.map(|surveyed| surveyed.profile.clone()),
        protection,
        label: surveyed.and_then(|surveyed| surveyed.label.clone()),
        needs_icsf: wrapped || protection == Kept::EnhancedClear,
        needs_engine: wrapped,
        same_master_key: wrapped,
        same_smfid: if applid == application.applid { in_name(run, &applid) } else { Some(smfid.to_owned()) },
        clock_tolerance: Seconds(surveyed.map_or(0, |surveyed| surveyed.tolerance.into())),
        reuse: surveyed.is_some_and(|surveyed| surveyed.reuse),
        applid,
    }
}

/// The SMF ID of a site that is in the application name of TSO or of batch.
///
/// Source: RACF Security Administrator's Guide, determining profile names: TSO and MVS, each followed by the SMF ID.
fn in_name(run: &Run, applid: &str) -> Option<String> {
    let rest = applid.strip_prefix("TSO").or_else(|| applid.strip_prefix("MVS"))?;
    run.surveys.iter().any(|survey| survey.smfid() == rest).then(|| rest.to_owned())
}
