//! The report as one HTML file that asks for nothing outside itself: it can be mailed, kept for years and printed.
//!
//! What may run and be shown in it is nailed down by the hashes of its own style and script, so that no text of a drill
//! can become either, even past the escaping.

use askama::Template;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::grouped::{self, Group};
use super::model::{
    At, Cause, Cell, CellState, Column, Deed, Dependency, Judgement, Met, Moment, Property, Recovery, Remedy, Report,
    Row, Rto, Segment, SegmentState, Severity, Status, StepVerdict, Strip, Told,
};
use super::verdict::{few, place};

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

/// Events shown; a thousand sign-ons are read by machines.
const MOST_EVENTS: usize = 400;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    style: &'static str,
    script: &'static str,
}

impl Report {
    /// The report as one HTML file.
    #[must_use]
    pub fn html(&self) -> String {
        // Into memory: nothing can fail.
        Page { report: self, style: STYLE, script: SCRIPT }.render().unwrap_or_default()
    }
}

/// A drill of more steps is one that nobody reads from beginning to end: what is said of each of them is folded away.
const MANY_STEPS: usize = 60;

/// What a mark looks like: a shape and a word, so that nobody needs to tell colours apart.
struct Mark {
    class: &'static str,
    sign: &'static str,
    word: &'static str,
}

const fn mark(class: &'static str, sign: &'static str, word: &'static str) -> Mark {
    Mark { class, sign, word }
}

impl Page<'_> {
    /// What the browser may use, by hash.
    fn policy(&self) -> String {
        let hash = |text: &str| BASE64.encode(&Sha256::digest(text.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            hash(self.style),
            hash(self.script)
        )
    }

    fn judgement(&self) -> Mark {
        let verdict = &self.report.verdict;
        match (verdict.status, verdict.verdict) {
            (Status::NotStarted, _) => mark("fails", "■", "Not started"),
            (Status::Aborted, _) => mark("fails", "■", "Aborted"),
            (Status::Interrupted, _) => mark("fails", "■", "Interrupted"),
            (_, Judgement::AsExpected) => mark("works", "✓", "As expected"),
            (_, Judgement::Deviated) => mark("fails", "✕", "Deviated"),
        }
    }

    /// Whether the RTO was met, where that is to be said beside the judgement.
    fn rto(&self) -> Option<Mark> {
        match self.report.verdict.rto {
            Rto::Missed => Some(mark("fails", "✕", "RTO missed")),
            Rto::ByWorkaround => Some(mark("around", "▲", "RTO met by workaround")),
            Rto::Met => Some(mark("works", "✓", "RTO met")),
            Rto::None => None,
        }
    }

    /// Whether applications that fared alike stand together.
    fn many(&self) -> bool {
        grouped::are_many(&self.report.faults.applications)
    }

    /// Whether what is said of each step is folded away, and stays so on paper.
    fn long(&self) -> bool {
        self.report.timeline.len() > MANY_STEPS
    }

    fn cells<'a>(&self, row: &'a Row) -> Vec<Group<'a, Cell>> {
        grouped::cells(row)
    }

    fn recoveries(&self) -> Vec<Group<'_, Recovery>> {
        grouped::recoveries(&self.report.recovery, self.many())
    }

    fn ways(&self) -> Vec<Remedy> {
        grouped::ways(&self.report.remedies, self.many())
    }

    fn dependencies(&self) -> Vec<Group<'_, Dependency>> {
        grouped::dependencies(&self.report.dependencies, self.many())
    }

    /// The worse of both.
    fn edge(&self) -> &'static str {
        match self.report.verdict.rto {
            Rto::Missed => "fails",
            _ => self.judgement().class,
        }
    }

    fn late(&self) -> bool {
        self.report.verdict.rto == Rto::Missed
    }

    fn met(&self, met: &Met) -> Mark {
        match met {
            Met::NeverFailed => mark("works", "✓", "never failed"),
            Met::Yes => mark("works", "✓", "yes"),
            Met::ByWorkaround => mark("around", "▲", "by workaround"),
            Met::No => mark("fails", "✕", "no"),
            Met::NoTarget => mark("none", "–", "no target"),
        }
    }

    fn cell(&self, cell: &Cell) -> Mark {
        match cell.state {
            CellState::Works => mark("works", "✓", "works"),
            CellState::Fails => mark("fails", "✕", "fails"),
            CellState::Mixed => mark("around", "◐", "some fail"),
            CellState::Unknown => mark("none", "–", "not tried"),
        }
    }

    fn step(&self, result: &StepVerdict) -> Mark {
        match result {
            StepVerdict::Done => mark("none", "•", "done"),
            StepVerdict::AsExpected => mark("works", "✓", "as expected"),
            StepVerdict::Deviated => mark("fails", "✕", "deviated"),
        }
    }

    fn severity(&self, severity: &Severity) -> Mark {
        match severity {
            Severity::High => mark("fails", "▲", severity.word()),
            Severity::Medium => mark("around", "◆", severity.word()),
            Severity::Low => mark("none", "▽", severity.word()),
        }
    }

    fn deed(&self, deed: &Deed) -> Mark {
        match deed {
            Deed::Start => mark("none", "○", deed.word()),
            Deed::Probe => mark("none", "?", deed.word()),
            Deed::Fault => mark("fails", "⚡", deed.word()),
            Deed::Move => mark("usable", "→", deed.word()),
            Deed::Remedy => mark("works", "+", deed.word()),
            Deed::Change => mark("none", "~", deed.word()),
        }
    }

    fn segment(&self, state: &SegmentState) -> Mark {
        match state {
            SegmentState::Works => mark("works", "✓", "works"),
            SegmentState::Fails => mark("fails", "✕", "fails"),
            SegmentState::Workaround => mark("around", "▲", "workaround"),
            SegmentState::Usable => mark("usable", "◇", "key works again"),
            SegmentState::Flaps => mark("fails", "⇅", "flaps"),
        }
    }

    /// A need: yes is what can break.
    fn need(&self, needed: &bool) -> Mark {
        if *needed { mark("fails", "●", "yes") } else { mark("works", "○", "no") }
    }

    fn mark(&self, class: &'static str, sign: &'static str, word: &'static str) -> Mark {
        mark(class, sign, word)
    }

    /// A property of the sites, with the column each value stands in.
    fn beside<'a>(&'a self, row: &'a Property) -> Vec<(&'a Column, &'a str)> {
        let values = row.values.iter().map(|value| value.as_deref().unwrap_or("–"));
        self.report.sites.columns.iter().zip(values).collect()
    }

    fn place(&self, site: &str) -> String {
        place(site)
    }

    fn names(&self, names: &[String]) -> String {
        few(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Everything that runs beside the clock.
    fn strips(&self) -> Vec<&Strip> {
        let strips = &self.report.strips;
        std::iter::once(&strips.work).chain(&strips.engines).chain(&strips.applications).collect()
    }

    /// Where a moment lies from left to right, in per cent.
    fn x(&self, at: &At) -> String {
        percent(at.0, self.report.strips.end.0)
    }

    fn width(&self, segment: &Segment) -> String {
        percent(segment.to.0.saturating_sub(segment.from.0), self.report.strips.end.0)
    }

    /// Whether there is room for words.
    fn is_wide(&self, segment: &Segment) -> bool {
        segment.to.0.saturating_sub(segment.from.0).saturating_mul(14) >= self.report.strips.end.0
    }

    /// Start and end, the day said once.
    fn when(&self) -> String {
        let (start, end) = (&self.report.header.start, &self.report.header.end);
        let parts = |time: &str| {
            let (day, clock) = time.trim_end_matches('Z').split_once('T')?;
            Some((day.to_owned(), clock.to_owned()))
        };
        match (parts(start), parts(end)) {
            (Some((day, from)), Some((same, to))) if day == same => format!("{day} {from} to {to} UTC"),
            _ => format!("{start} to {end}"),
        }
    }

    /// The first cause of a step that failed, and how many there are beside.
    fn first(&self, moment: &Moment) -> String {
        let mut causes: Vec<&str> = Vec::new();
        for cause in &moment.causes {
            if !causes.contains(&cause.cause.as_str()) {
                causes.push(&cause.cause);
            }
        }
        let first = causes.first().copied().unwrap_or_default();
        if causes.len() > 1 { format!("{first}; and {} more", causes.len() - 1) } else { first.to_owned() }
    }

    /// What is known of a failure and not said before.
    fn facts<'a>(&self, cause: &'a Cause) -> Vec<&'a (String, String)> {
        let labelled = cause.facts.iter().any(|(name, _)| name == "label");
        cause.facts.iter().filter(|(name, _)| !(labelled && name == "key source")).collect()
    }

    /// What a strip shows, for those who hear it.
    fn spoken(&self, strip: &Strip) -> String {
        let said = strip.segments.iter().map(|segment| {
            let word = self.segment(&segment.state).word;
            format!("{} to {}: {word}, {}", segment.from, segment.to, segment.label)
        });
        format!("{}. {}", strip.name, said.collect::<Vec<_>>().join(". "))
    }

    /// Round moments for a scale, at most eight.
    fn ticks(&self) -> Vec<At> {
        const STEPS: [u64; 14] = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
        let end = self.report.strips.end.0;
        let step = STEPS.into_iter().find(|step| end / step < 8).unwrap_or(end.div_ceil(7).max(1));
        (0..=end / step).map(|n| At(n * step)).collect()
    }

    fn hit(&self) -> usize {
        self.report.recovery.iter().filter(|row| row.first_failure.is_some()).count()
    }

    fn uncovered(&self) -> usize {
        self.report.recovery.iter().filter(|row| row.uncovered()).count()
    }

    /// The longest recovery.
    fn worst(&self) -> String {
        let failed = self.report.recovery.iter().filter(|row| row.first_failure.is_some());
        let all: Option<Vec<_>> = failed.map(|row| row.restored_after).collect();
        match all.map(|all| all.into_iter().max()) {
            None => "never".to_owned(),
            Some(None) => "none".to_owned(),
            Some(Some(worst)) => worst.to_string(),
        }
    }

    fn events(&self) -> &[Told] {
        let journal = &self.report.evidence.journal;
        journal.get(..MOST_EVENTS).unwrap_or(journal)
    }

    fn more_events(&self) -> usize {
        self.report.evidence.journal.len().saturating_sub(MOST_EVENTS)
    }

    /// What an event tells in a line, after time, place and outcome.
    fn told(&self, told: &Told) -> String {
        let event = &told.entry.event;
        let who = match (&event.user, &event.application) {
            (Some(user), Some(application)) => Some(format!("{user} at {application}")),
            (user, _) => user.clone(),
        };
        let parts = [
            event.action.clone(),
            who,
            event.caller.as_ref().map(|caller| format!("by {caller}")),
            event.by.as_ref().map(|by| format!("({by})")),
            event.command.clone(),
            event.master_key.clone(),
            event.saf.as_ref().map(|saf| format!("SAF {saf}")),
            event.cause.clone(),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The name an event has in the journal.
    fn event(&self, told: &Told) -> String {
        let name = serde_json::to_value(told.entry.event.event).unwrap_or_default();
        name.as_str().unwrap_or_default().to_owned()
    }

    fn failed(&self, told: &Told) -> bool {
        told.entry.event.outcome == icsf_core::journal::Outcome::Failed
    }
}

fn percent(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(100_000).checked_div(whole).unwrap_or_default();
    format!("{}.{:03}%", thousandths / 1000, thousandths % 1000)
}
