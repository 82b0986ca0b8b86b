//! What a drill does not show, and which layouts in it no source decides.

use std::collections::BTreeSet;

use icsf_core::fidelity::{Fact, Provenance};

use super::model::{Assumption, Limits};
use crate::consumer::Failure;
use crate::outcome::Run;

/// The limits of a run, with the assumptions it rests on.
pub(crate) fn limits(run: &Run) -> Limits {
    let sentences = [
        "This is a simulation: what it shows follows from documented and observed behaviour, and is no proof for a real \
         adapter.",
        "Master-key verification patterns are this program's own, and are not to be compared with those of a real card.",
        "A key that works when it is tried says that a ticket could be made, not that somebody signed on.",
    ];
    let assumed = facts(run).into_iter().chain(codes(run)).chain(tickets()).collect::<Vec<_>>();
    Limits { sentences: sentences.map(str::to_owned).to_vec(), assumed: distinct(assumed) }
}

fn distinct(assumed: Vec<Assumption>) -> Vec<Assumption> {
    let mut seen = BTreeSet::new();
    assumed.into_iter().filter(|assumption| seen.insert((assumption.id.clone(), assumption.topic.clone()))).collect()
}

/// Rules and layouts that show in this run: by their id, or by what they are about.
fn facts(run: &Run) -> Vec<Assumption> {
    let facts = [
        icsf_core::fidelity::FACTS,
        icsf_saf::fidelity::FACTS,
        icsf_saf::command::MESSAGES,
        icsf_saf::smf::FACTS,
        softicsf::CONSOLE_FACTS,
    ];
    let facts = facts.into_iter().flatten().chain(crate::consumer::facts());
    let shown: Vec<&str> =
        run.steps.iter().flat_map(|step| step.lines.iter().chain([&step.what])).map(String::as_str).collect();
    let shows = |text: &str| shown.iter().any(|line| line.contains(text));
    let rests_on = |fact: &Fact| {
        let always = ["MKVP", "key tokens", "CKDS records", "IRRADU00"];
        let command = fact.what.split(':').next().unwrap_or_default();
        always.iter().any(|topic| fact.topic.starts_with(topic))
            || shows(fact.topic)
            || fact.provenance.id().is_some_and(shows)
            || (command.starts_with("D ICSF") && shows(command))
            || (fact.topic == "RLIST SSIGNON" && shows("RLIST") && shows("SSIGNON"))
    };
    let assumed = |fact: &Fact| assumption(fact.topic.to_owned(), fact.what, &fact.provenance);
    facts.filter(|fact| rests_on(fact)).filter_map(assumed).collect()
}

/// Codes that were answered in this run.
fn codes(run: &Run) -> Vec<Assumption> {
    let refused = run.steps.iter().flat_map(|step| &step.sign_ons).filter_map(|sign_on| sign_on.result.as_ref().err());
    let unusable = run
        .surveys
        .iter()
        .flat_map(|survey| &survey.profiles)
        .filter_map(|found| found.usable.as_ref()?.as_ref().err());
    let assumed = |failure: &Failure| {
        let row = failure.situation.map(|situation| situation.row());
        let saf = row.and_then(|row| assumption(format!("SAF {}", row.triple), row.text, &row.provenance));
        let icsf = failure.cause.code().map(icsf_core::codes::Code::row);
        let icsf = icsf.and_then(|row| assumption(format!("ICSF {}", row.code.pair()), row.text, &row.provenance));
        [saf, icsf].into_iter().flatten().collect::<Vec<_>>()
    };
    refused.chain(unusable).flat_map(assumed).collect()
}

/// What every sign-on with a ticket rests on: how old it may be, and when it is another one.
fn tickets() -> Vec<Assumption> {
    let rules = ["window boundary", "symmetric TIMEOUT", "replay identity"];
    let known = softicsf::ptkt::ASSUMPTIONS.iter().filter(|known| rules.contains(&known.topic));
    let own = known.map(|known| Assumption {
        id: known.id.to_owned(),
        topic: format!("PassTickets: {}", known.topic),
        what: known.what.to_owned(),
        why: known.why.to_owned(),
    });
    own.collect()
}

fn assumption(topic: String, what: &str, provenance: &Provenance) -> Option<Assumption> {
    let id = provenance.id()?;
    Some(Assumption { id: id.to_owned(), topic, what: what.to_owned(), why: provenance.source().to_owned() })
}
