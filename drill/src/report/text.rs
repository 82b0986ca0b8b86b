//! The report as text, 80 columns wide: what a terminal shows, and a change ticket takes.

use super::model::{At, CellState, Judgement, Moment, Progress, Report, Row, Rto, Status, StepVerdict};
use super::verdict::{few, missed};

const WIDTH: usize = 80;
/// How much of a line is left for applications beside a site, a moment and an engine.
const APPLICATIONS: usize = 42;

impl Report {
    /// The report as text. The same run gives the same bytes.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = Page(String::new());
        out.header(self);
        out.verdict(self);
        if let Some(progress) = &self.progress {
            out.progress(progress);
        }
        out.matrix(self);
        out.recovery(self);
        out.dependencies(self);
        out.heading("Timeline");
        self.timeline.iter().for_each(|moment| out.moment(moment));
        out.sites(self);
        out.remedies(self);
        out.actions(self);
        out.evidence(self);
        out.limits(self);
        out.0
    }
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.line("");
        self.line(text);
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

    /// Rows under a heading, in columns as wide as they need to be; a row that does not fit is folded in its last one.
    fn table(&mut self, heading: &[&str], rows: &[Vec<String>]) {
        let mut widths: Vec<usize> = heading.iter().map(|cell| cell.chars().count()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
        for row in std::iter::once(&heading).chain(rows) {
            let Some((last, others)) = row.split_last() else { continue };
            let head = others
                .iter()
                .zip(&widths)
                .fold("  ".to_owned(), |line, (cell, width)| format!("{line}{cell:<width$}  ", width = *width));
            self.wrapped(&head, last);
        }
    }

    fn header(&mut self, report: &Report) {
        let header = &report.header;
        self.line(&format!("Drill {}", header.id));
        self.line(&"=".repeat(WIDTH));
        self.wrapped("", &header.title);
        self.line("");
        let mut fact = |name: &str, text: &str| self.wrapped(&format!("  {name:<10} "), text);
        let start = header.start.replace('T', " ").replace('Z', " UTC");
        fact("kind", &format!("{}, started {start}, seed {}", header.kind, header.seed));
        for (name, text) in [("lead", &header.lead), ("objective", &header.objective)] {
            if let Some(text) = text {
                fact(name, text);
            }
        }
        if let Some(rto) = header.rto {
            fact("RTO", &rto.to_string());
        }
        fact("tool", &header.tool);
        fact("SHA-256", &header.file_sha256);
        for input in &header.inputs {
            fact("input", &format!("{}, SHA-256 {}", input.name, input.sha256));
        }
        if let Some(kind) = &header.engine_instead {
            fact("engine", &format!("{kind}, in the place of what the file says"));
        }
        for (n, site) in header.sites.iter().enumerate() {
            fact(if n == 0 { "sites" } else { "" }, site);
        }
    }

    fn verdict(&mut self, report: &Report) {
        let verdict = &report.verdict;
        let (held, all) = (verdict.held, verdict.expectations);
        self.line("");
        let judgement = match (verdict.status, verdict.verdict) {
            (Status::NotStarted, _) => "NOT STARTED: the baseline failed, so nothing was tried.".to_owned(),
            (Status::Aborted, _) => "ABORTED: a step could not be carried out, so no later one was tried.".to_owned(),
            (Status::Interrupted, _) => "INTERRUPTED: no later step was tried.".to_owned(),
            (_, Judgement::AsExpected) => format!("AS EXPECTED: {held} of {all} expectations held."),
            (_, Judgement::Deviated) => format!("DEVIATED: {} of {all} expectations did not hold.", all - held),
        };
        self.wrapped("", &judgement);
        match verdict.rto {
            Rto::Missed => self.wrapped("", &format!("RTO MISSED by {}.", few(&missed(report)))),
            Rto::ByWorkaround => self.wrapped("", "RTO met only by a workaround."),
            Rto::Met | Rto::None => {}
        }
        self.wrapped("", &verdict.sentence);
        for detail in &verdict.details {
            self.wrapped("- ", detail);
        }
    }

    fn progress(&mut self, progress: &Progress) {
        let file = progress.files();
        self.heading("Since the earlier run");
        self.wrapped("  ", &format!("compared with the run of {} by {}, {file}", progress.start, progress.tool));
        for (what, all) in [("better", &progress.better), ("WORSE", &progress.worse), ("other", &progress.changed)] {
            if all.is_empty() {
                self.line(&format!("  {what:<8} nothing"));
            }
            for one in all {
                self.wrapped(&format!("  {what:<8} "), one);
            }
        }
    }

    /// Which applications work, state by state of the sites.
    fn matrix(&mut self, report: &Report) {
        let (applications, rows) = (&report.faults.applications, &report.faults.rows);
        let ticket = report.tickets().trim_end_matches('s');
        self.heading(&format!("What survives: can users sign on with a {ticket}?"));
        let mut rest = applications.as_slice();
        let mut start = 0;
        while !rest.is_empty() {
            // As many applications side by side as fit.
            let mut width = 0;
            let fits = |name: &&String| {
                width += name.chars().count().max(4) + 2;
                width <= APPLICATIONS
            };
            let (abreast, later) = rest.split_at(rest.iter().take_while(fits).count().clamp(1, rest.len()));
            let mut heading = vec!["site", "at", "engine"];
            heading.extend(abreast.iter().map(String::as_str));
            let cells = |row: &Row| {
                let mut cells = vec![row.site.clone(), row.at.to_string(), row.engine.clone()];
                let states = row.cells.iter().skip(start).take(abreast.len()).map(|cell| match cell.state {
                    CellState::Works => "yes".to_owned(),
                    CellState::Fails => "NO".to_owned(),
                    CellState::Mixed => "SOME".to_owned(),
                    CellState::Unknown => "-".to_owned(),
                });
                cells.extend(states);
                cells
            };
            self.table(&heading, &rows.iter().map(cells).collect::<Vec<_>>());
            start += abreast.len();
            rest = later;
        }
        for row in rows {
            for cell in row.cells.iter().filter(|cell| cell.saf.is_some()) {
                let service = cell.service.as_ref().map_or_else(String::new, |service| format!(" of {service}"));
                let icsf = cell.icsf.as_ref().map_or_else(String::new, |icsf| format!(", ICSF {icsf}{service}"));
                let saf = cell.saf.as_deref().unwrap_or_default();
                let head = format!("  {} {}: ", row.site, row.at);
                let fails = if cell.state == CellState::Mixed { "sometimes fails" } else { "fails" };
                self.wrapped(&head, &format!("{} {fails} with SAF {saf}{icsf}", cell.application));
            }
        }
    }

    fn recovery(&mut self, report: &Report) {
        if report.recovery.is_empty() {
            return;
        }
        let at = |at: Option<At>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let rows = report.recovery.iter().map(|row| {
            let after =
                |after: Option<_>| after.map_or_else(|| "-".to_owned(), |after: super::Seconds| after.to_string());
            vec![
                row.application.clone(),
                after(row.target),
                row.outages.to_string(),
                at(row.first_failure),
                at(row.workaround.as_ref().map(|way| way.at)),
                at(row.restored.as_ref().map(|again| again.at)),
                after(row.restored_after),
                row.met.words().to_owned(),
            ]
        });
        self.heading("Recovery, of the longest outage of each application");
        let heading = ["application", "target", "outages", "failed", "workaround", "restored", "after", "met"];
        self.table(&heading, &rows.collect::<Vec<_>>());
    }

    fn dependencies(&mut self, report: &Report) {
        if report.dependencies.is_empty() {
            return;
        }
        self.heading("Who depends on what");
        for row in &report.dependencies {
            let yes = |yes: bool| if yes { "yes" } else { "no" };
            let profile = row.profile.as_deref().unwrap_or("none");
            let what = row.protection.what();
            self.wrapped("  ", &format!("{}: {what} {profile}, {}", row.application, row.protection));
            if let Some(label) = &row.label {
                self.wrapped("      label ", label);
            }
            let smfid = row.same_smfid.as_deref().unwrap_or("no");
            self.wrapped(
                "      ",
                &format!(
                    "ICSF: {}; engine: {}; same master key: {}; same SMF ID: {smfid}; clocks within {}; a ticket again: {}",
                    yes(row.needs_icsf),
                    yes(row.needs_engine),
                    yes(row.same_master_key),
                    row.clock_tolerance,
                    yes(row.reuse),
                ),
            );
        }
    }

    fn moment(&mut self, step: &Moment) {
        let result = match step.result {
            StepVerdict::Done => "done",
            StepVerdict::AsExpected => "as expected",
            StepVerdict::Deviated => "DEVIATED",
        };
        self.line("");
        let head = format!("{:>6}  {:<4} {}", step.at.to_string(), step.site, step.step);
        self.line(&format!("{head:<width$}{result}", width = WIDTH - 12));
        self.wrapped("        ", &step.what);
        for line in &step.lines {
            self.shown(line);
        }
        for cause in &step.causes {
            self.wrapped("   cause: ", &cause.cause);
            let icsf = cause.icsf.as_ref().map_or_else(String::new, |code| format!(", ICSF {code}"));
            let profile = cause.profile.as_ref().map_or_else(String::new, |name| format!(", profile {name}"));
            self.wrapped("   codes: ", &format!("SAF {}{icsf}{profile}", cause.saf));
        }
        for deviation in &step.deviations {
            self.wrapped("   DEVIATED: ", deviation);
        }
    }

    fn sites(&mut self, report: &Report) {
        if report.sites.columns.len() < 2 {
            return;
        }
        self.heading("The sites side by side");
        let columns: Vec<String> =
            report.sites.columns.iter().map(|column| format!("{} {}", column.site, column.at)).collect();
        let mut heading = vec!["", ""];
        heading.extend(columns.iter().map(String::as_str));
        let rows = report.sites.rows.iter().map(|row| {
            let mut cells = vec![if row.same { "" } else { "*" }.to_owned(), row.property.clone()];
            cells.extend(row.values.iter().map(|value| value.clone().unwrap_or_else(|| "-".to_owned())));
            cells
        });
        self.table(&heading, &rows.collect::<Vec<_>>());
        for missing in &report.sites.missing_labels {
            self.wrapped("  * ", &format!("the CKDS of {} lacks {}", missing.site, missing.labels.join(", ")));
        }
    }

    fn remedies(&mut self, report: &Report) {
        if report.remedies.is_empty() {
            return;
        }
        self.heading("What mends it");
        for remedy in &report.remedies {
            let names: Vec<&str> = remedy.applications.iter().map(String::as_str).collect();
            self.wrapped("  - ", &format!("{} ({}): {}", few(&names), remedy.against, remedy.way));
            for (name, text) in [("cost", &remedy.cost), ("weakens", &remedy.weakens)] {
                if let Some(text) = text {
                    self.wrapped(&format!("      {name}: "), text);
                }
            }
            remedy.commands.iter().for_each(|command| self.wrapped("      > ", command));
        }
    }

    fn actions(&mut self, report: &Report) {
        if report.actions.is_empty() {
            return;
        }
        self.heading("What to look after");
        for action in &report.actions {
            self.wrapped(&format!("  {:<7} ", action.severity.word()), &action.finding);
        }
        let owner = report.header.lead.as_deref().unwrap_or("nobody named");
        self.wrapped("  ", &format!("Owner: {owner}. Retest: drill {}.", report.header.id));
    }

    fn evidence(&mut self, report: &Report) {
        let evidence = &report.evidence;
        self.heading("Evidence");
        let (events, rows) = (evidence.journal.len(), evidence.irradu00.len());
        self.wrapped(
            "  ",
            &format!("{events} events of the sites' journals, {rows} of them as rows of IRRADU00: in report.json."),
        );
        let searched = evidence.searched;
        self.wrapped(
            "  ",
            &format!("This report was searched for {searched} keys, passwords, PINs and tickets: none is in it."),
        );
    }

    fn limits(&mut self, report: &Report) {
        self.heading("Limits");
        for sentence in &report.limits.sentences {
            self.wrapped("  ", sentence);
        }
        if !report.limits.assumed.is_empty() {
            let ids: Vec<&str> = report.limits.assumed.iter().map(|assumed| assumed.id.as_str()).collect();
            let ids = ids.join(", ");
            self.wrapped("  ", &format!("Assumed, as softicsf about fidelity tells of each: {ids}."));
        }
    }
}
