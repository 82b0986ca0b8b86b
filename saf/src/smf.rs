//! Events in the columns of IRRADU00, the unload of SMF type 80, so that a site's own reports run on them.
//!
//! Source: RACF Macros and Interfaces, format of the unloaded SMF data and of its JOBINIT record; the columns of PTCREATE as
//! a public report on real output reads them. What is not known is left blank, as the unload does with what a record
//! lacks; what was assumed is in [`FACTS`]. Times are UTC.

use icsf_core::fidelity::Fact;
use icsf_core::fidelity::Provenance::{Assumed, Documented, Reported};
use icsf_core::journal::{Event, Outcome, What};
use jiff::Timestamp;

/// Where the columns come from.
pub const FACTS: &[Fact] = &[
    Fact {
        topic: "IRRADU00",
        what: "event 1-8, qualifier 10-17, time 19-26, date 28-37, SMF ID 39-42",
        provenance: Documented("RACF Macros and Interfaces, format of the unloaded SMF data"),
    },
    Fact {
        topic: "IRRADU00 PTCREATE",
        what: "user 59-66, application 282-289, user of the ticket 291-298",
        provenance: Reported("a public report on the unload of a real system"),
    },
    Fact {
        topic: "IRRADU00 PTCREATE, PTEVAL",
        what: "the qualifiers SUCCESS and FAILURE",
        provenance: Assumed("SIC2101", "the names of the qualifiers were not seen"),
    },
    Fact {
        topic: "IRRADU00 PTEVAL",
        what: "the name of the event, and the columns of PTCREATE",
        provenance: Assumed("SIC2102", "the event has code 81; its name and columns were not seen"),
    },
    Fact {
        topic: "IRRADU00 JOBINIT",
        what: "application 282-289",
        provenance: Documented("RACF Macros and Interfaces, record extension of JOBINIT"),
    },
    Fact {
        topic: "IRRADU00 JOBINIT",
        what: "evaluated as a PassTicket 4600-4603, with success 4605-4608",
        provenance: Reported("a public report on the unload of a real system"),
    },
    Fact {
        topic: "IRRADU00 JOBINIT",
        what: "the qualifier as the number of event 1: 0, 1, 5, 6, 9, 32, 33",
        provenance: Assumed("SIC2103", "the numbers are documented, most of the names in the unload were not seen"),
    },
];

/// The event in the columns of the unload; none where it has no record there.
#[must_use]
pub fn irradu00(event: &Event, smfid: &str) -> Option<String> {
    let good = event.outcome == Outcome::Ok;
    let word = if good { "SUCCESS" } else { "FAILURE" };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut row = match event.event {
        What::Generate => Row::new("PTCREATE", word, event, smfid),
        What::Evaluate => Row::new("PTEVAL", word, event, smfid),
        What::SignOn => Row::new("JOBINIT", &initiation(event).to_string(), event, smfid),
        _ => return None,
    };
    let signs_on = event.event == What::SignOn;
    row.put(59, 8, &text(if signs_on { &event.user } else { &event.caller }));
    row.put(282, 8, &text(&event.application));
    if signs_on {
        let yes = |yes| if yes { "YES" } else { "NO" };
        let by_ticket = !matches!(event.by.as_deref(), Some("password" | "kerberos"));
        row.put(4600, 4, yes(tried_as_ticket(event)));
        row.put(4605, 4, yes(good && by_ticket));
    } else {
        row.put(291, 8, &text(&event.user));
    }
    Some(row.0)
}

/// Whether what was typed was tried as a PassTicket.
fn tried_as_ticket(event: &Event) -> bool {
    match event.outcome {
        Outcome::Ok => !matches!(event.by.as_deref(), Some("password" | "kerberos")),
        Outcome::Failed => event.situation.as_deref().is_some_and(|situation| situation.starts_with("Evaluation")),
    }
}

/// The qualifier of event 1.
///
/// Source: RACF Macros and Interfaces, event codes and event code qualifiers.
fn initiation(event: &Event) -> u8 {
    match (event.outcome, event.by.as_deref(), event.situation.as_deref()) {
        (Outcome::Ok, Some("password" | "kerberos"), _) => 0,
        (Outcome::Ok, ..) => 32,
        (Outcome::Failed, _, Some("EvaluationReplayed")) => 33,
        (Outcome::Failed, _, Some("SignOnRevoked")) => 6,
        (Outcome::Failed, _, Some("SignOnApplication")) => 5,
        (Outcome::Failed, _, Some("SignOnUnknownUser")) => 9,
        (Outcome::Failed, ..) => 1,
    }
}

/// A record that grows to the right.
struct Row(String);

impl Row {
    fn new(name: &str, qualifier: &str, event: &Event, smfid: &str) -> Self {
        let time = i64::try_from(event.at).ok().and_then(|at| Timestamp::from_second(at).ok()).unwrap_or_default();
        let mut row = Self(String::new());
        row.put(1, 8, name);
        row.put(10, 8, qualifier);
        row.put(19, 8, &time.strftime("%H:%M:%S").to_string());
        row.put(28, 10, &time.strftime("%Y-%m-%d").to_string());
        row.put(39, 4, smfid);
        row
    }

    /// Writes `text` from column `start`, counted from 1, `width` wide; later fields stand further right. Characters are
    /// columns: names have none that takes several.
    fn put(&mut self, start: usize, width: usize, text: &str) {
        let blanks = (start - 1).saturating_sub(self.0.chars().count());
        self.0.extend(std::iter::repeat_n(' ', blanks));
        self.0.push_str(&format!("{text:width$.width$}"));
    }
}
