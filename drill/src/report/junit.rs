//! The report as JUnit XML, for CI: a suite for each site, a case for each probe. A failure that was expected is a pass. Where
//! the drill has an RTO there is a suite of that name, with a case for each application.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::model::{Met, Moment, Recovery, Report, Seconds, Status, StepVerdict};
use super::verdict::place;

impl Report {
    /// The report as JUnit XML. Nothing in it tells when it was made.
    #[must_use]
    pub fn junit(&self) -> String {
        let mut xml = Xml::new(self.header.id.as_str());
        let probes = || self.timeline.iter().filter(|moment| moment.result != StepVerdict::Done);
        let mut sites: Vec<&str> = Vec::new();
        for probe in probes() {
            if !sites.contains(&probe.site.as_str()) {
                sites.push(&probe.site);
            }
        }
        for site in sites {
            let mut suite = TestSuite::new(place(site));
            suite.add_test_cases(probes().filter(|probe| probe.site == site).map(|probe| self.case(probe)));
            xml.add_test_suite(suite);
        }
        let allowed =
            self.recovery.iter().filter(|row| row.target.is_some() && self.verdict.status == Status::Completed);
        let back: Vec<TestCase> = allowed.map(|row| self.back(row)).collect();
        if !back.is_empty() {
            let mut suite = TestSuite::new("RTO");
            suite.add_test_cases(back);
            xml.add_test_suite(suite);
        }
        // Names and texts without control characters, which XML cannot say: there is nothing to fail.
        xml.to_string().unwrap_or_default()
    }

    /// Whether an application was back in the time allowed, which no step of the drill says.
    fn back(&self, row: &Recovery) -> TestCase {
        let words = |after: Option<Seconds>| after.map_or_else(|| "never".to_owned(), |after| format!("after {after}"));
        let target = row.target.map(|target| target.to_string()).unwrap_or_default();
        let said = match row.first_failure {
            None => "never failed".to_owned(),
            Some(_) => {
                let tickets = self.tickets();
                let (usable, restored) = (words(row.usable_after), words(row.restored_after));
                format!("users got in {usable}, with {tickets} {restored}; {target} is allowed")
            }
        };
        let mut status = TestCaseStatus::success();
        if row.met == Met::No {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("RTO missed: {said}"));
        }
        let mut case = TestCase::new(row.application.as_str(), status);
        case.set_classname(self.header.id.as_str());
        case.set_time(Duration::ZERO);
        case.set_system_out(XmlString::new(said));
        case
    }

    fn case(&self, probe: &Moment) -> TestCase {
        let status = if probe.result == StepVerdict::Deviated {
            let kind = match self.verdict.status {
                // What comes before the drill itself is no finding of the drill.
                Status::NotStarted => NonSuccessKind::Error,
                // Nor is what kept it from going on: that is the last step there is.
                Status::Aborted | Status::Interrupted if self.timeline.last() == Some(probe) => NonSuccessKind::Error,
                _ => NonSuccessKind::Failure,
            };
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(probe.deviations.join("; "));
            status.set_description(format!("expected: {}\ngot: {}", probe.expected.join(", "), probe.got.join("; ")));
            status
        } else {
            TestCaseStatus::success()
        };
        let mut case = TestCase::new(probe.step.as_str(), status);
        case.set_classname(self.header.id.as_str());
        case.set_time(Duration::ZERO);
        let mut said = vec![format!("{} {}: {}", probe.at, place(&probe.site), probe.what)];
        said.extend(probe.got.iter().cloned());
        said.extend(probe.lines.iter().cloned());
        said.extend(probe.causes.iter().map(|cause| format!("cause: {}", cause.cause)));
        case.set_system_out(XmlString::new(said.join("\n")));
        case
    }
}
