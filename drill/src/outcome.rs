//! What came of a drill: what happened, and nothing yet of what to think of it.

use std::collections::BTreeSet;

use icsf_saf::SignedOnBy;
use softicsf::Entry;

use crate::card::CardKind;
use crate::consumer::{Failure, Logon, SMFID};
use crate::file::{Kind, Offset};
use crate::survey::Survey;

/// What came of a drill.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) lead: Option<String>,
    pub(crate) objective: Option<String>,
    pub(crate) rto: Option<Offset>,
    pub(crate) seed: u64,
    pub(crate) start: u64,
    /// The kind of card that stood in for all others.
    pub(crate) instead: Option<CardKind>,
    pub(crate) kinds: BTreeSet<CardKind>,
    /// Each site in a few words.
    pub(crate) sites: Vec<String>,
    /// SHA-256 of the drill file, in hexadecimal.
    pub(crate) sha256: String,
    /// The files of its inputs, and their SHA-256.
    pub(crate) inputs: Vec<(String, String)>,
    /// Where work is at first.
    pub(crate) primary: String,
    pub(crate) applications: Vec<Application>,
    pub(crate) steps: Vec<StepResult>,
    pub(crate) surveys: Vec<Survey>,
    /// Whether the steps before the first action failed, so that nothing more was done.
    pub(crate) not_started: bool,
    /// Whether the last of the steps is one that could not be carried out, so that no other was tried.
    pub(crate) cut_short: Option<CutShort>,
    /// What happened at the sites, as they themselves tell it.
    pub(crate) journal: Vec<(String, Entry)>,
    /// How many keys, passwords, PINs and tickets the report was searched for.
    pub(crate) searched: usize,
}

/// Why a run ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutShort {
    /// A card could not be had, or did not do what it was told.
    Aborted,
    /// The process was told to end.
    Interrupted,
}

/// A session of a consumer: what users call an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Application {
    /// The session, with its consumer where another one has a session of that name.
    pub(crate) name: String,
    /// The application name of its tickets; `&SMFID` at its end stands for the SMF ID of the system.
    pub(crate) applid: String,
    /// The principal of its server, where users show Kerberos tickets.
    pub(crate) service: Option<String>,
}

impl Application {
    /// The application name of its tickets on a system of this SMF ID.
    pub(crate) fn applid_at(&self, smfid: &str) -> String {
        self.applid.strip_suffix(SMFID).map_or_else(|| self.applid.clone(), |prefix| format!("{prefix}{smfid}"))
    }
}

/// What came of a step.
#[derive(Debug)]
pub(crate) struct StepResult {
    pub(crate) id: String,
    pub(crate) at: Offset,
    pub(crate) end: Offset,
    pub(crate) site: String,
    pub(crate) deed: Deed,
    pub(crate) what: String,
    /// What was expected, in words.
    pub(crate) expected: Vec<String>,
    /// What consoles, logs and users showed.
    pub(crate) lines: Vec<String>,
    pub(crate) sign_ons: Vec<SignOn>,
    /// Why services failed that were asked without session.
    pub(crate) failures: Vec<Failure>,
    pub(crate) verdict: Verdict,
}

/// What sort of step it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Looks, and changes nothing.
    Probe,
    /// Something breaks.
    Fault,
    /// Work moves.
    Move { to: String },
    /// Something is mended.
    Remedy,
    /// Anything else that is changed.
    Change,
}

/// Sign-ons to one application that ended alike.
#[derive(Debug)]
pub(crate) struct SignOn {
    /// Which of the applications of the run.
    pub(crate) application: usize,
    pub(crate) users: Vec<String>,
    pub(crate) with_ticket: bool,
    /// The first, and the last.
    pub(crate) at: Offset,
    pub(crate) last: Offset,
    pub(crate) count: u32,
    /// By what; or why not, as the first of them was told.
    pub(crate) result: Result<SignedOnBy, Failure>,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done; nothing was expected.
    Done,
    /// As expected.
    AsExpected,
    /// Otherwise: what was expected, and what came.
    Deviated(Vec<String>),
}

impl Run {
    /// The kinds of engine it was run on.
    pub fn engines(&self) -> impl Iterator<Item = CardKind> {
        self.kinds.iter().copied()
    }

    /// Whether everything came as expected.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step.verdict, Verdict::Deviated(_)))
    }

    /// What its applications take: PassTickets, or Kerberos tickets too.
    pub(crate) fn tickets(&self) -> &'static str {
        if self.applications.iter().any(|application| application.service.is_some()) {
            "tickets"
        } else {
            "PassTickets"
        }
    }

    /// 0 as expected, 1 deviated, 3 not started because the baseline failed, 4 aborted or interrupted.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        if self.cut_short.is_some() {
            return 4;
        }
        match (self.not_started, self.is_as_expected()) {
            (true, _) => 3,
            (false, false) => 1,
            (false, true) => 0,
        }
    }
}

impl StepResult {
    /// Adds a sign-on to those that ended alike.
    pub(crate) fn count(&mut self, logon: &Logon, application: usize, at: Offset) {
        let user = logon.user.to_string();
        let alike = |other: &&mut SignOn| {
            let result = match (&other.result, &logon.result) {
                (Ok(one), Ok(other)) => one == other,
                (Err(one), Err(other)) => one.is_like(other),
                _ => false,
            };
            result && other.application == application && other.with_ticket == logon.with_ticket
        };
        if let Some(same) = self.sign_ons.iter_mut().find(alike) {
            same.count += 1;
            same.last = at;
            if !same.users.contains(&user) {
                same.users.push(user);
            }
        } else {
            let (users, with_ticket, result) = (vec![user], logon.with_ticket, logon.result.clone());
            self.sign_ons.push(SignOn { application, users, with_ticket, at, last: at, count: 1, result });
        }
    }
}
