//! The report of a drill as text, 80 columns wide.

use std::fmt::Write;

use jiff::Timestamp;

use crate::run::{Run, StepResult, Survey, Verdict};

const WIDTH: usize = 80;

/// The report. The same run gives the same bytes.
#[must_use]
pub fn text(run: &Run) -> String {
    let mut out = Page(String::new());
    out.header(run);
    out.verdict(run);
    out.surveys(&run.surveys);
    out.line("");
    out.line("Timeline");
    for step in &run.steps {
        out.step(step);
    }
    out.remedies(run);
    out.line("");
    out.wrapped(
        "",
        "This is a simulation: what it shows follows from documented and observed behaviour, and is no proof for a real \
         adapter. What is assumed is listed by: softicsf about fidelity",
    );
    out.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    /// Text folded at blanks, its further lines indented like the first.
    fn wrapped(&mut self, head: &str, text: &str) {
        let indent = head.chars().count();
        let mut line = head.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                line = " ".repeat(indent);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.line(&line);
    }

    /// A line as it was shown; what does not fit goes on in the next.
    fn shown(&mut self, line: &str) {
        let (mut rest, mut mark) = (line, " | ");
        while mark.len() + rest.chars().count() > WIDTH {
            let end = rest.char_indices().nth(WIDTH - mark.len()).map_or(rest.len(), |(at, _)| at);
            let cut = rest.split_at(end).0.rfind(' ').filter(|at| *at > 0).unwrap_or(end);
            let (head, tail) = rest.split_at(cut);
            self.line(&format!("{mark}{head}"));
            (rest, mark) = (tail.trim_start(), " :         ");
        }
        self.line(&format!("{mark}{rest}"));
    }

    fn header(&mut self, run: &Run) {
        self.line(&format!("Drill {}", run.id));
        self.line(&"=".repeat(WIDTH));
        self.wrapped("", &run.title);
        self.line("");
        let start = instant(run.start, "%Y-%m-%d %H:%M:%S UTC");
        self.line(&format!("  kind       {}, started {start}, seed {}", run.kind, run.seed));
        for (name, text) in [("lead", &run.lead), ("objective", &run.objective)] {
            if let Some(text) = text {
                self.wrapped(&format!("  {name:<10} "), text);
            }
        }
        if let Some(rto) = run.rto {
            self.line(&format!("  {:<10} {}", "RTO", rto.to_string().trim_start_matches('+')));
        }
        if let Some(kind) = run.instead {
            self.wrapped("  engine     ", &format!("{kind}, in the place of what the file says"));
        }
        for (n, site) in run.sites.iter().enumerate() {
            self.wrapped(&format!("  {:<10} ", if n == 0 { "sites" } else { "" }), site);
        }
    }

    fn verdict(&mut self, run: &Run) {
        let held = run.steps.iter().filter(|step| step.verdict == Verdict::AsExpected).count();
        let deviated = run.steps.iter().filter(|step| matches!(step.verdict, Verdict::Deviated(_))).count();
        self.line("");
        let sentence = if run.not_started {
            "NOT STARTED: the baseline failed, so nothing was tried.".to_owned()
        } else if deviated == 0 {
            format!("AS EXPECTED: {held} of {held} expectations held.")
        } else {
            format!("DEVIATED: {deviated} of {} expectations did not hold.", held + deviated)
        };
        self.wrapped("", &sentence);
    }

    /// Which applications survive, moment by moment.
    fn surveys(&mut self, surveys: &[Survey]) {
        let Some(first) = surveys.first() else { return };
        self.line("");
        self.line("What survives: can a PassTicket be made?");
        let heading = |surveys: &[Survey]| {
            surveys.iter().fold(format!("  {:<9} {:<40}", "profile", "key"), |mut row, survey| {
                let _ = write!(row, " {:<9}", format!("{} {}", survey.site, survey.at));
                row
            })
        };
        let mut rest = surveys;
        while !rest.is_empty() {
            // As many side by side as fit.
            let fits = |n: &usize| heading(rest.split_at(*n).0).trim_end().chars().count() <= WIDTH;
            let (abreast, later) = rest.split_at((1..=rest.len()).rev().find(fits).unwrap_or(1));
            rest = later;
            self.line(&heading(abreast));
            for (profile, source, _) in &first.profiles {
                let mut row = format!("  {profile:<9} {source:<40}");
                for survey in abreast {
                    let found = survey.profiles.iter().find(|(name, ..)| name == profile);
                    let cell = match found {
                        Some((_, _, Ok(()))) => "yes",
                        Some((_, _, Err(_))) => "NO",
                        None => "-",
                    };
                    let _ = write!(row, " {cell:<9}");
                }
                self.line(&row);
            }
        }
        let failed = surveys.iter().flat_map(|survey| {
            survey.profiles.iter().filter_map(move |(name, _, usable)| Some((survey, name, usable.as_ref().err()?)))
        });
        for (survey, name, codes) in failed {
            self.line(&format!("  {} {}: {name} fails with SAF {codes}", survey.site, survey.at));
        }
    }

    fn step(&mut self, step: &StepResult) {
        let verdict = match &step.verdict {
            Verdict::Done => "done",
            Verdict::AsExpected => "as expected",
            Verdict::Deviated(_) => "DEVIATED",
        };
        self.line("");
        let head = format!("{:>6}  {:<4} {}", step.at.to_string(), step.site, step.id);
        self.line(&format!("{head:<width$}{verdict}", width = WIDTH - 12));
        self.wrapped("        ", &step.what);
        for line in &step.lines {
            self.shown(line);
        }
        for failure in &step.failures {
            self.wrapped("   cause: ", &failure.cause.to_string());
            let icsf = failure.cause.code().map_or_else(String::new, |code| format!(", ICSF {}", code.hex_pair()));
            let profile = failure.cause.profile().map_or_else(String::new, |name| format!(", profile {name}"));
            self.wrapped("   codes: ", &format!("SAF {}{icsf}{profile}", failure.saf()));
        }
        if let Verdict::Deviated(deviations) = &step.verdict {
            for deviation in deviations {
                self.wrapped("   DEVIATED: ", deviation);
            }
        }
    }

    fn remedies(&mut self, run: &Run) {
        let mut remedies: Vec<&String> = Vec::new();
        for remedy in run.steps.iter().flat_map(|step| &step.failures).flat_map(|failure| failure.cause.remedies()) {
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        if remedies.is_empty() {
            return;
        }
        self.line("");
        self.line("What mends it");
        for remedy in remedies {
            self.wrapped("  - ", remedy);
        }
    }
}

fn instant(seconds: u64, format: &str) -> String {
    let at = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or_default();
    at.strftime(format).to_string()
}
