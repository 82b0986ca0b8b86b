//! What came of the cases.

use std::fmt;

/// What came of all cases. Its text lists them, the failed ones with what is wrong.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Report {
    cases: Vec<(&'static str, Outcome)>,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The engine does it.
    Passed,
    /// The engine says it cannot, and need not; what is missing.
    Skipped(String),
    /// The engine does something else; what.
    Failed(String),
}

impl Report {
    pub(super) fn add(&mut self, case: &'static str, outcome: Outcome) {
        self.cases.push((case, outcome));
    }

    /// Each case, a sentence, with what came of it.
    pub fn cases(&self) -> impl Iterator<Item = (&'static str, &Outcome)> {
        self.cases.iter().map(|(case, outcome)| (*case, outcome))
    }

    /// Passed, skipped, failed: how many of each. A test does well to assert how many are skipped.
    #[must_use]
    pub fn tally(&self) -> (usize, usize, usize) {
        self.cases().fold((0, 0, 0), |(passed, skipped, failed), (_, outcome)| match outcome {
            Outcome::Passed => (passed + 1, skipped, failed),
            Outcome::Skipped(_) => (passed, skipped + 1, failed),
            Outcome::Failed(_) => (passed, skipped, failed + 1),
        })
    }

    /// The failed cases, with what is wrong.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.cases().filter_map(|(case, outcome)| match outcome {
            Outcome::Failed(why) => Some((case, why.as_str())),
            _ => None,
        })
    }

    /// Ends a test.
    ///
    /// # Panics
    /// With the whole report, when a case failed or none was passed.
    #[track_caller]
    #[expect(clippy::panic, reason = "a failed test panics")]
    pub fn assert(&self) {
        let (passed, _, failed) = self.tally();
        if passed == 0 || failed != 0 {
            panic!("the engine does not conform\n{self}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, outcome) in self.cases() {
            match outcome {
                Outcome::Passed => writeln!(f, "passed   {case}")?,
                Outcome::Skipped(why) => writeln!(f, "skipped  {case}: {why}")?,
                Outcome::Failed(why) => writeln!(f, "FAILED   {case}: {why}")?,
            }
        }
        let (passed, skipped, failed) = self.tally();
        write!(f, "{passed} passed, {skipped} skipped, {failed} failed")
    }
}
