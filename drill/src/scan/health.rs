//! The report of IBM's health check RACF_PTKTDATA_CLASS, with a column for recovery beside it.
//!
//! The check flags masked keys and is silent on all others; the column says what each key takes at a recovery site, which is
//! nothing for the flagged ones alone.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented};

use super::profile::{KeyProfile, LegacyProtection, Requirement};

/// What is said in IBM's stead by a scan, and where it comes from.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "RACF_PTKTDATA_CLASS",
        what: "heading, columns S, Profile Name (32) and Key Label (37), E at masked keys, *MASKED*, IRRH340I, IRRH339E, STATUS",
        provenance: Documented("z/OS 2.5 education deck RACF New Health Checks, sample of the output"),
    },
    Fact {
        topic: "RACF_PTKTDATA_CLASS",
        what: "profiles without a legacy key are not in the report; *KEYTOKEN* and *UNKNOWN* stand in column Key Label",
        provenance: Assumed("SIC4021", "the sample has labels and masked keys only"),
    },
    Fact {
        topic: "RACF_PTKTDATA_CLASS",
        what: "the column DR",
        provenance: Assumed("SIC4022", "it is ours: what the profile takes to generate tickets at a recovery site"),
    },
];

/// A row of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRow {
    /// The check has something to say of it: its key is masked.
    pub exception: bool,
    /// The profile.
    pub profile: String,
    /// The label of the legacy key, or what stands in its place.
    pub label: String,
    /// What it takes at a recovery site.
    pub needs: Requirement,
}

impl HealthRow {
    pub(super) fn of(profile: &KeyProfile) -> Option<Self> {
        let legacy = profile.legacy.as_ref()?;
        Some(Self {
            exception: *legacy == LegacyProtection::Masked,
            profile: profile.name.to_string(),
            label: legacy.text(),
            needs: profile.needs(),
        })
    }

    /// As it stands in the report: what is too long for its column is cut.
    fn line(&self) -> String {
        let status = if self.exception { 'E' } else { ' ' };
        let (profile, label, needs) = (&self.profile, &self.label, self.needs.word());
        format!("{status} {profile:<32.32} {label:<37.37} {needs}")
    }
}

/// The lines of the report, of at most `most` rows.
#[must_use]
pub fn health_check(rows: &[HealthRow], most: usize) -> Vec<String> {
    let dashes = |count: usize| "-".repeat(count);
    let mut lines = vec![
        "CHECK(IBMRACF,RACF_PTKTDATA_CLASS)".to_owned(),
        String::new(),
        format!("{:30}RACF PassTicket Report", ""),
        String::new(),
        format!("S {:<32} {:<37} DR", "Profile Name", "Key Label"),
        format!("- {} {} {}", dashes(32), dashes(37), dashes(7)),
    ];
    lines.extend(rows.iter().take(most).map(HealthRow::line));
    if rows.len() > most {
        lines.push(format!("  ... and {} more: --all", rows.len() - most));
    }
    lines.push(String::new());
    if rows.iter().any(|row| row.exception) {
        lines.extend(["* Medium Severity Exception *".to_owned(), String::new()]);
        lines.push("IRRH339E One or more PassTicket keys is stored masked in the RACF".to_owned());
        lines.push("database.".to_owned());
        lines.extend([String::new(), "STATUS: EXCEPTION-MED".to_owned()]);
    } else {
        lines.push("IRRH340I No masked keys were found in the profiles in the PTKTDATA".to_owned());
        lines.push("class.".to_owned());
        lines.extend([String::new(), "STATUS: SUCCESSFUL".to_owned()]);
    }
    lines
}
