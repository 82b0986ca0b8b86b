//! What a report says: the same for every form it is written in.
//!
//! Times are seconds from the start of the drill. The names of the fields are those of the JSON form, which
//! `docs/drill-report.schema.json` describes: whoever changes them changes [`SCHEMA`].

use std::fmt;

use serde::{Deserialize, Serialize};
use softicsf::Entry;

use crate::file::Offset;
use crate::survey::Kept;

/// The version of the JSON form.
pub(crate) const SCHEMA: u32 = 2;

/// Everything there is to say of a run, to be written in several forms.
///
/// ```
/// # if cfg!(not(feature = "enhanced")) { return Ok(()) }
/// let run = icsf_drill::run(&icsf_drill::gallery::find("no-crypto-card")?)?;
/// let report = icsf_drill::Report::of(&run);
/// assert!(report.text().contains("2 of 3 applications lost their PassTickets"));
/// let names = report.files().map(|(name, _)| name);
/// assert_eq!(names, ["report.txt", "report.json", "junit.xml", "report.html"]);
/// # Ok::<(), icsf_drill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub(crate) schema: u32,
    pub(crate) header: Header,
    pub(crate) verdict: Verdict,
    pub(crate) recovery: Vec<Recovery>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) faults: Matrix,
    pub(crate) timeline: Vec<Moment>,
    pub(crate) strips: Strips,
    pub(crate) sites: Comparison,
    pub(crate) remedies: Vec<Remedy>,
    pub(crate) actions: Vec<Action>,
    pub(crate) evidence: Evidence,
    pub(crate) limits: Limits,
    pub(crate) progress: Option<Progress>,
}

/// A moment, in seconds from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct At(pub(crate) u64);

impl From<Offset> for At {
    fn from(offset: Offset) -> Self {
        Self(offset.0)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Offset(self.0).fmt(f)
    }
}

/// How long something took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Seconds(pub(crate) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, seconds) = (self.0 / 60, self.0 % 60);
        f.pad(&match (minutes, seconds) {
            (0, seconds) => format!("{seconds} s"),
            (minutes, 0) => format!("{minutes} min"),
            (minutes, seconds) => format!("{minutes} min {seconds} s"),
        })
    }
}

/// Which drill it was, when, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) kind: String,
    pub(crate) lead: Option<String>,
    pub(crate) objective: Option<String>,
    pub(crate) rto: Option<Seconds>,
    pub(crate) tool: String,
    /// RFC 3339.
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) seed: u64,
    /// SHA-256 of the drill file.
    pub(crate) file_sha256: String,
    /// The files it takes things from.
    pub(crate) inputs: Vec<Input>,
    pub(crate) engines: Vec<String>,
    /// The kind of engine that took the place of what the file says.
    pub(crate) engine_instead: Option<String>,
    pub(crate) sites: Vec<String>,
}

/// A file of the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) sha256: String,
}

/// Whether it went as planned, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) verdict: Judgement,
    pub(crate) exit_status: u8,
    /// Whether every application was back within the time allowed: another thing than whether expectations held.
    pub(crate) rto: Rto,
    /// Expectations that held, and all that were looked at.
    pub(crate) held: usize,
    pub(crate) expectations: usize,
    /// For whoever reads nothing else.
    pub(crate) sentence: String,
    pub(crate) details: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    Completed,
    NotStarted,
    Aborted,
    Interrupted,
}

/// The worst of all applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rto {
    /// The drill has none, or was not started.
    None,
    Met,
    /// In time only for users who got in another way.
    ByWorkaround,
    Missed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Judgement {
    AsExpected,
    Deviated,
}

/// How long an application could not be reached as usual: of its longest outage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    pub(crate) application: String,
    pub(crate) target: Option<Seconds>,
    /// How many there were.
    pub(crate) outages: usize,
    pub(crate) first_failure: Option<At>,
    /// When users got in another way, and by what.
    pub(crate) workaround: Option<Again>,
    /// When PassTickets worked again, and how that is known.
    pub(crate) restored: Option<Again>,
    /// Counted from the fault or move before: until users got in at all, and until all was as before.
    pub(crate) usable_after: Option<Seconds>,
    pub(crate) restored_after: Option<Seconds>,
    pub(crate) met: Met,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Again {
    pub(crate) at: At,
    pub(crate) by: String,
}

/// Whether the target was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Met {
    NeverFailed,
    Yes,
    /// Users got in another way within the target, and tickets came later or not at all.
    ByWorkaround,
    No,
    NoTarget,
}

impl Met {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::NeverFailed => "never failed",
            Self::Yes => "yes",
            Self::ByWorkaround => "by workaround",
            Self::No => "NO",
            Self::NoTarget => "no target",
        }
    }
}

impl Progress {
    /// What was compared, as far as files go.
    pub(crate) const fn files(&self) -> &'static str {
        match (self.same_file, self.same_inputs) {
            (true, true) => "the same drill file",
            (true, false) => "the same drill file with other inputs",
            (false, true) => "another version of the drill file",
            (false, false) => "another version of the drill file, with other inputs",
        }
    }
}

impl Recovery {
    /// It failed, and the drill has no other way in.
    pub(crate) const fn uncovered(&self) -> bool {
        self.first_failure.is_some() && self.workaround.is_none()
    }
}

/// What a ticket for an application takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) application: String,
    /// The application name of its tickets.
    pub(crate) applid: String,
    /// None: there is no key profile.
    pub(crate) profile: Option<String>,
    pub(crate) protection: Kept,
    pub(crate) label: Option<String>,
    pub(crate) needs_icsf: bool,
    pub(crate) needs_engine: bool,
    /// The same as where the key was made.
    pub(crate) same_master_key: bool,
    /// The SMF ID its name is made of.
    pub(crate) same_smfid: Option<String>,
    /// How far clocks may differ.
    pub(crate) clock_tolerance: Seconds,
    /// Whether a ticket may be used again.
    pub(crate) reuse: bool,
}

/// What was done to the sites, and which applications worked then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matrix {
    pub(crate) applications: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) site: String,
    pub(crate) at: At,
    /// The step; none at the start.
    pub(crate) step: Option<String>,
    pub(crate) deed: Deed,
    pub(crate) what: String,
    /// The state of the engine.
    pub(crate) engine: String,
    /// How often just this was done and found.
    pub(crate) times: u32,
    pub(crate) cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Deed {
    Start,
    Probe,
    Fault,
    Move,
    Remedy,
    Change,
}

impl Deed {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Probe => "probe",
            Self::Fault => "fault",
            Self::Move => "move",
            Self::Remedy => "remedy",
            Self::Change => "change",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) application: String,
    pub(crate) state: CellState,
    /// How it is known.
    pub(crate) by: Known,
    pub(crate) saf: Option<String>,
    pub(crate) icsf: Option<String>,
    pub(crate) service: Option<String>,
}

impl Cell {
    /// The codes, as far as there are any.
    pub(crate) fn codes(&self) -> String {
        let codes: Vec<&str> = [&self.saf, &self.icsf].into_iter().filter_map(|code| code.as_deref()).collect();
        codes.join(" · ")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CellState {
    Works,
    Fails,
    /// Some sign-ons worked, and some failed.
    Mixed,
    Unknown,
}

impl CellState {
    /// The worst first.
    pub(crate) const fn order(self) -> u8 {
        match self {
            Self::Fails => 0,
            Self::Mixed => 1,
            Self::Works => 2,
            Self::Unknown => 3,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Fails => "fails",
            Self::Mixed => "some fail",
            Self::Unknown => "not tried",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Known {
    /// Users signed on, or tried to.
    SignOn,
    /// The key was opened and used, and no ticket made.
    Key,
    Nothing,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) at: At,
    pub(crate) end: At,
    pub(crate) site: String,
    pub(crate) step: String,
    pub(crate) deed: Deed,
    pub(crate) what: String,
    pub(crate) expected: Vec<String>,
    pub(crate) got: Vec<String>,
    pub(crate) lines: Vec<String>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) result: StepVerdict,
    pub(crate) deviations: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StepVerdict {
    Done,
    AsExpected,
    Deviated,
}

/// Why a sign-on failed: what its caller was told, and what no caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cause {
    pub(crate) application: String,
    pub(crate) saf: String,
    pub(crate) icsf: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) cause: String,
    /// Everything else that is known: name and value.
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) next: Vec<String>,
}

/// What was in which state, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Strips {
    pub(crate) end: At,
    pub(crate) disruption: Option<At>,
    pub(crate) work: Strip,
    pub(crate) engines: Vec<Strip>,
    pub(crate) applications: Vec<Strip>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Strip {
    pub(crate) name: String,
    pub(crate) segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) from: At,
    pub(crate) to: At,
    pub(crate) state: SegmentState,
    pub(crate) label: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SegmentState {
    Works,
    Fails,
    /// Users get in another way.
    Workaround,
    /// The key works again; nobody has signed on since.
    Usable,
    /// Comes and goes.
    Flaps,
}

/// The sites, side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Property>,
    /// Labels that the first site has, and another has not.
    pub(crate) missing_labels: Vec<MissingLabels>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) site: String,
    pub(crate) at: At,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Property {
    pub(crate) property: String,
    pub(crate) values: Vec<Option<String>>,
    pub(crate) same: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MissingLabels {
    pub(crate) site: String,
    pub(crate) labels: Vec<String>,
}

/// A way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remedy {
    pub(crate) applications: Vec<String>,
    /// What it helps against.
    pub(crate) against: String,
    pub(crate) way: String,
    pub(crate) cost: Option<String>,
    pub(crate) weakens: Option<String>,
    pub(crate) commands: Vec<String>,
}

/// What somebody should look after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Action {
    pub(crate) finding: String,
    pub(crate) severity: Severity,
    pub(crate) owner: Option<String>,
    /// Until when: for people to fill in.
    pub(crate) due: Option<String>,
    /// The drill to run again.
    pub(crate) retest: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    High,
    Medium,
    Low,
}

impl Severity {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What the sites themselves tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) journal: Vec<Told>,
    /// The same in the columns of the unload of SMF, where it has a record there.
    pub(crate) irradu00: Vec<String>,
    /// How many keys, passwords, PINs and tickets this report was searched for.
    pub(crate) searched: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) site: String,
    #[serde(flatten)]
    pub(crate) entry: Entry,
}

/// What it does not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) sentences: Vec<String>,
    pub(crate) assumed: Vec<Assumption>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assumption {
    pub(crate) id: String,
    pub(crate) topic: String,
    pub(crate) what: String,
    pub(crate) why: String,
}

/// What changed since an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) start: String,
    pub(crate) tool: String,
    pub(crate) same_file: bool,
    pub(crate) same_inputs: bool,
    pub(crate) better: Vec<String>,
    pub(crate) worse: Vec<String>,
    pub(crate) changed: Vec<String>,
}
