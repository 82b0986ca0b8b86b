//! `about fidelity`: where every rule, text and code comes from.

use clap::Args;
use icsf_core::fidelity::{Fact, Provenance};
use serde_json::{Value, json};

use crate::context::{Context, Outcome};

/// Tell for everything this program says in IBM's stead where it comes from
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf about fidelity

documented: a manual says so; observed: a real system's output shows it;
reported: somebody who is not the vendor says so; assumed: no source decides,
so we did, under an id of our own (SICnnnn). The codes that are not assumed are
in `softicsf about codes`.")]
pub(crate) struct Fidelity {}

/// A fact, from any of the crates.
struct Known {
    topic: String,
    what: String,
    word: &'static str,
    id: Option<&'static str>,
    source: String,
}

impl Known {
    fn new(topic: impl Into<String>, what: impl Into<String>, provenance: &Provenance) -> Self {
        Self {
            topic: topic.into(),
            what: what.into(),
            word: provenance.word(),
            id: provenance.id(),
            source: provenance.source().to_owned(),
        }
    }
}

impl From<&Fact> for Known {
    fn from(fact: &Fact) -> Self {
        Self::new(fact.topic, fact.what, &fact.provenance)
    }
}

fn all() -> Vec<Known> {
    let facts = [
        icsf_core::fidelity::FACTS,
        icsf_saf::fidelity::FACTS,
        icsf_saf::unload::FACTS,
        icsf_saf::foreign::FACTS,
        icsf_saf::command::MESSAGES,
        icsf_saf::smf::FACTS,
        softicsf::CONSOLE_FACTS,
        icsf_drill::scan::FACTS,
    ];
    let facts = facts.into_iter().flatten().chain(icsf_drill::consumer::facts());
    let mut all: Vec<Known> = facts.map(Known::from).collect();
    let is_assumed = |provenance: &Provenance| matches!(provenance, Provenance::Assumed(..));
    let icsf = icsf_core::codes::TABLE.iter().filter(|row| is_assumed(&row.provenance));
    all.extend(icsf.map(|row| Known::new(format!("ICSF {}", row.code.pair()), row.text, &row.provenance)));
    let saf = icsf_saf::codes::TABLE.iter().filter(|row| is_assumed(&row.provenance));
    all.extend(saf.map(|row| Known::new(format!("SAF {}", row.triple), row.text, &row.provenance)));
    all.extend(ptkt::ASSUMPTIONS.iter().map(|assumption| Known {
        topic: format!("PassTickets: {}", assumption.topic),
        what: assumption.what.to_owned(),
        word: "assumed",
        id: Some(assumption.id),
        source: assumption.why.to_owned(),
    }));
    all
}

impl Fidelity {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let all = all();
        let out = &mut context.out;
        if out.is_json() {
            let facts: Vec<Value> = all.iter().map(json_of).collect();
            out.json(&json!({ "facts": facts }))?;
            return Ok(0);
        }
        for word in ["documented", "observed", "reported", "assumed"] {
            let of_sort: Vec<&Known> = all.iter().filter(|known| known.word == word).collect();
            out.line(format!("{} ({})", word.to_uppercase(), of_sort.len()))?;
            for known in of_sort {
                out.line("")?;
                out.entry("  ", &format!("{}: {}", known.topic, known.what))?;
                let label = known.id.map_or_else(|| "    ".to_owned(), |id| format!("    {id}: "));
                out.entry(&label, &known.source)?;
            }
            out.line("")?;
        }
        out.entry("", "No ticket of this program has been held against a running RACF.")?;
        Ok(0)
    }
}

fn json_of(known: &Known) -> Value {
    json!({
        "topic": known.topic,
        "what": known.what,
        "provenance": known.word,
        "id": known.id,
        "source": known.source,
    })
}
