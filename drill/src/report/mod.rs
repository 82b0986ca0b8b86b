//! Reports: what came of a drill, for the manager, the planner, the operator and the auditor.
//!
//! The idea: there is one [`Report`], made from the [`Run`] by a function without clock or file, and every form is
//! written from it alone. So all forms say the same, and the same drill with the same seed gives the same bytes.

mod actions;
mod compare;
mod depend;
mod grouped;
mod html;
mod junit;
mod limits;
mod matrix;
mod model;
mod recovery;
mod remedies;
mod sites;
mod strips;
mod text;
mod timeline;
mod verdict;
mod ways;

use std::collections::{BTreeSet, HashSet};

use icsf_saf::smf;
use jiff::Timestamp;
use serde_json::Value;

pub use compare::NotComparable;
pub use model::Report;

use crate::outcome::Run;
use model::{Evidence, Header, Input, SCHEMA, Seconds, Told};

/// The report as text, 80 columns wide.
#[must_use]
pub fn text(run: &Run) -> String {
    Report::of(run).text()
}

impl Report {
    /// What applications take, in a word: PassTickets, or Kerberos tickets too.
    fn tickets(&self) -> &'static str {
        let kerberos = self.dependencies.iter().any(|row| row.protection.is_kerberos());
        if kerberos { "tickets" } else { "PassTickets" }
    }

    /// The report of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let dependencies = depend::dependencies(run);
        let recovery = recovery::recoveries(run);
        let faults = matrix::matrix(run);
        let sites = sites::comparison(run);
        let remedies = remedies::remedies(run);
        let verdict = verdict::verdict(run, &recovery, &dependencies, &faults, &remedies);
        Self {
            schema: SCHEMA,
            header: header(run),
            actions: actions::actions(run, &recovery, &dependencies, &sites),
            remedies,
            timeline: timeline::timeline(run),
            strips: strips::strips(run),
            limits: limits::limits(run),
            evidence: evidence(run),
            verdict,
            recovery,
            dependencies,
            faults,
            sites,
            progress: None,
        }
    }

    /// The report as JSON, as `docs/drill-report.schema.json` describes it.
    #[must_use]
    pub fn json(&self) -> String {
        // Of names, numbers and lists: there is nothing in it that JSON cannot say.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The same, to be put into something larger.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The files of a report: name and text.
    #[must_use]
    pub fn files(&self) -> [(&'static str, String); 4] {
        [
            ("report.txt", self.text()),
            ("report.json", self.json()),
            ("junit.xml", self.junit()),
            ("report.html", self.html()),
        ]
    }

    /// Whether one of these is anywhere in it.
    pub(crate) fn shows(&self, secrets: &BTreeSet<&str>) -> bool {
        fn within(value: &Value, shown: &dyn Fn(&str) -> bool) -> bool {
            match value {
                Value::String(text) => shown(text),
                Value::Array(values) => values.iter().any(|value| within(value, shown)),
                Value::Object(values) => values.values().any(|value| within(value, shown)),
                _ => false,
            }
        }

        // A day has thousands of tickets, all of one length: every piece of that length is looked up once.
        let bytes: HashSet<&[u8]> = secrets.iter().filter(|secret| !secret.is_empty()).map(|s| s.as_bytes()).collect();
        let lengths: BTreeSet<usize> = bytes.iter().map(|secret| secret.len()).collect();
        let shown = |text: &str| {
            lengths.iter().any(|length| text.as_bytes().windows(*length).any(|piece| bytes.contains(piece)))
        };
        within(&self.value(), &shown)
    }
}

fn header(run: &Run) -> Header {
    let last = run.steps.iter().map(|step| step.end.0).max().unwrap_or_default();
    Header {
        id: run.id.clone(),
        title: run.title.clone(),
        kind: run.kind.to_string(),
        lead: run.lead.clone(),
        objective: run.objective.clone(),
        rto: run.rto.map(|rto| Seconds(rto.0)),
        tool: concat!("softicsf ", env!("CARGO_PKG_VERSION")).to_owned(),
        start: instant(run.start),
        end: instant(run.start.saturating_add(last)),
        seed: run.seed,
        file_sha256: run.sha256.clone(),
        inputs: run.inputs.iter().map(|(name, hash)| Input { name: name.clone(), sha256: hash.clone() }).collect(),
        engines: run.engines().map(|kind| kind.to_string()).collect(),
        engine_instead: run.instead.map(|kind| kind.to_string()),
        sites: run.sites.clone(),
    }
}

fn instant(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or_default();
    at.to_string()
}

fn evidence(run: &Run) -> Evidence {
    let told = |(site, entry): &(String, _)| Told { site: site.clone(), entry: Clone::clone(entry) };
    let rows = run.journal.iter().filter_map(|(_, entry)| smf::irradu00(&entry.event, &entry.smfid));
    Evidence {
        journal: run.journal.iter().map(told).collect(),
        irradu00: rows.map(|row| row.trim_end().to_owned()).collect(),
        searched: run.searched,
    }
}
