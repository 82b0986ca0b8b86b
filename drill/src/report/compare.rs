//! Two runs of one drill: what got better, and what got worse.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::model::{Cell, CellState, Met, Moment, Progress, Recovery, Report, Row, SCHEMA, StepVerdict};

/// Why an earlier report cannot be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotComparable {
    /// It is no report of a drill; why not.
    NoReport(String),
    /// It is of another version of the JSON form.
    Schema(u64),
    /// It is of another drill.
    OtherDrill {
        /// Which one it is of.
        was: String,
        /// And which one is run.
        is: String,
    },
}

impl fmt::Display for NotComparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReport(why) => {
                write!(f, "no report of a drill: {why}; wanted is a report.json of drill run --report")
            }
            Self::Schema(version) => {
                let age = if *version < u64::from(SCHEMA) { "an older" } else { "a newer" };
                write!(
                    f,
                    "a report of schema {version}, written by {age} release, and this one compares schema {SCHEMA}; run \
                     the drill again with one release for both"
                )
            }
            Self::OtherDrill { was, is } => write!(f, "a report of drill {was}, and this is drill {is}"),
        }
    }
}

impl std::error::Error for NotComparable {}

impl Report {
    /// Reads the JSON form of an earlier report of the drill `id`.
    ///
    /// # Errors
    /// [`NotComparable`]: it is no report, of another schema, or of another drill.
    pub fn earlier(json: &str, id: &str) -> Result<Self, NotComparable> {
        let value: Value = serde_json::from_str(json).map_err(|error| NotComparable::NoReport(error.to_string()))?;
        let schema = value.get("schema").and_then(Value::as_u64);
        let schema = schema.ok_or_else(|| NotComparable::NoReport("it has no field schema".to_owned()))?;
        if schema != u64::from(SCHEMA) {
            return Err(NotComparable::Schema(schema));
        }
        let report = Self::deserialize(value).map_err(|error| NotComparable::NoReport(error.to_string()))?;
        if report.header.id == id {
            Ok(report)
        } else {
            Err(NotComparable::OtherDrill { was: report.header.id, is: id.to_owned() })
        }
    }

    /// The report, with what changed since an [earlier](Self::earlier) one.
    #[must_use]
    pub fn since(mut self, old: &Self) -> Self {
        let mut progress = Progress {
            start: old.header.start.clone(),
            tool: old.header.tool.clone(),
            same_file: old.header.file_sha256 == self.header.file_sha256,
            same_inputs: old.header.inputs == self.header.inputs,
            better: Vec::new(),
            worse: Vec::new(),
            changed: Vec::new(),
        };
        progress.recoveries(&old.recovery, &self.recovery);
        progress.steps(&old.timeline, &self.timeline);
        progress.rows(&old.faults.rows, &self.faults.rows);
        self.progress = Some(progress);
        self
    }
}

impl Progress {
    fn add(&mut self, better: bool, what: String) {
        if better { self.better.push(what) } else { self.worse.push(what) }
    }

    fn recoveries(&mut self, old: &[Recovery], new: &[Recovery]) {
        for now in new {
            let name = &now.application;
            let Some(was) = old.iter().find(|was| was.application == *name) else {
                self.changed.push(format!("application {name} is new"));
                continue;
            };
            match (was.first_failure, now.first_failure) {
                (None, Some(at)) => self.add(false, format!("{name} fails at {at}, and never failed before")),
                (Some(_), None) => self.add(true, format!("{name} never fails any more")),
                (Some(_), Some(_)) => {
                    for (what, was, now) in [
                        ("usable", was.usable_after, now.usable_after),
                        ("restored", was.restored_after, now.restored_after),
                    ] {
                        match (was, now) {
                            (Some(was), Some(now)) if was != now => {
                                self.add(now < was, format!("{name} is {what} after {now}, before after {was}"));
                            }
                            (None, Some(now)) => self.add(true, format!("{name} is {what} after {now}, before never")),
                            (Some(was), None) => self.add(false, format!("{name} is never {what}, before after {was}")),
                            _ => {}
                        }
                    }
                    if met(was.met) != met(now.met) && was.target == now.target {
                        let better = met(now.met) > met(was.met);
                        let (now, was) = (now.met.words(), was.met.words());
                        self.add(better, format!("{name}: target met: {now}, before {was}"));
                    }
                }
                (None, None) => {}
            }
        }
        let gone = old.iter().filter(|was| !new.iter().any(|now| now.application == was.application));
        self.changed.extend(gone.map(|was| format!("application {} is gone", was.application)));
    }

    fn steps(&mut self, old: &[Moment], new: &[Moment]) {
        for now in new {
            let Some(was) = old.iter().find(|was| was.step == now.step) else {
                self.changed.push(format!("step {} is new", now.step));
                continue;
            };
            match (was.result, now.result) {
                (StepVerdict::AsExpected, StepVerdict::Deviated) => {
                    self.add(false, format!("step {} deviates, and went as expected before", now.step));
                }
                (StepVerdict::Deviated, StepVerdict::AsExpected) => {
                    self.add(true, format!("step {} goes as expected, and deviated before", now.step));
                }
                _ if was.got != now.got => {
                    self.changed.push(format!(
                        "step {}: {}, before {}",
                        now.step,
                        now.got.join("; "),
                        was.got.join("; ")
                    ));
                }
                _ => {}
            }
        }
        let gone = old.iter().filter(|was| !new.iter().any(|now| now.step == was.step));
        self.changed.extend(gone.map(|was| format!("step {} is gone", was.step)));
    }

    fn rows(&mut self, old: &[Row], new: &[Row]) {
        for now in new {
            let Some(was) = old.iter().find(|was| (&was.site, &was.step) == (&now.site, &now.step)) else { continue };
            for now_cell in &now.cells {
                let Some(was_cell) = was.cells.iter().find(|was| was.application == now_cell.application) else {
                    continue;
                };
                self.cell(now, was_cell, now_cell);
            }
        }
    }

    fn cell(&mut self, row: &Row, was: &Cell, now: &Cell) {
        let place = format!("{} at site {} {}", now.application, row.site, row.at);
        match (was.state, now.state) {
            (CellState::Works, CellState::Fails | CellState::Mixed) | (CellState::Mixed, CellState::Fails) => {
                self.add(false, format!("{place}: {}, before it {}", now.state.word(), was.state.word()));
            }
            (CellState::Fails | CellState::Mixed, CellState::Works) | (CellState::Fails, CellState::Mixed) => {
                self.add(true, format!("{place}: {}, before it {}", now.state.word(), was.state.word()));
            }
            _ if was.codes() != now.codes() && was.state == now.state => {
                self.changed.push(format!("{place}: {} {}, before {}", now.state.word(), now.codes(), was.codes()));
            }
            _ => {}
        }
    }
}

/// The worse, the less.
const fn met(met: Met) -> u8 {
    match met {
        Met::No => 0,
        Met::ByWorkaround => 1,
        Met::NoTarget | Met::Yes => 2,
        Met::NeverFailed => 3,
    }
}
