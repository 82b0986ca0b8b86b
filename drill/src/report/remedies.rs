//! The ways out of each failure: what they cost, what they weaken, and what to type.
//!
//! Sources: Broadcom article 415349 for the engine, the SMF ID and switching tickets off; RACF Security Administrator's
//! Guide for KEYMASKED and `NO REPLAY PROTECTION`; ICSF Administrator's Guide for master keys.

use icsf_core::codes::Code;
use icsf_saf::codes::Code as Situation;

use super::model::Remedy;
use super::recovery::{is_for, key_of};
use crate::consumer::Failure;
use crate::outcome::{Application, Run};
use crate::survey::{Kept, Surveyed};

/// What was wrong, as far as ways out differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    Engine,
    Icsf,
    Label,
    Permission,
    Class,
    Profile,
    NotValid,
    Replay,
    Other,
}

impl Against {
    fn of(failure: &Failure) -> Self {
        match (failure.cause.code(), failure.situation) {
            (Some(Code::EngineUnavailable | Code::MasterKeyMismatch | Code::MasterKeyNotSet), _) => Self::Engine,
            (Some(Code::IcsfStopped), _) => Self::Icsf,
            (Some(Code::LabelNotFound), _) => Self::Label,
            (Some(Code::ServiceNotAuthorized | Code::LabelNotAuthorized), _)
            | (None, Some(Situation::NotAuthorized)) => Self::Permission,
            (None, Some(Situation::ClassInactive)) => Self::Class,
            (None, Some(Situation::GenerationNoProfile | Situation::EvaluationNoProfile)) => Self::Profile,
            (None, Some(Situation::EvaluationNotValid)) => Self::NotValid,
            (None, Some(Situation::EvaluationReplayed)) => Self::Replay,
            _ => Self::Other,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Engine => "no engine with the right master keys",
            Self::Icsf => "ICSF not started",
            Self::Label => "key label missing",
            Self::Permission => "access refused",
            Self::Class => "class PTKTDATA not in use",
            Self::Profile => "no key profile",
            Self::NotValid => "ticket not valid",
            Self::Replay => "ticket used before",
            Self::Other => "another failure",
        }
    }
}

/// A way out, `{profile}` and `{label}` still to be filled in.
struct Way {
    against: &'static [Against],
    /// Of keys kept like this; all, where it is empty.
    protection: &'static [Kept],
    way: &'static str,
    cost: &'static str,
    weakens: Option<&'static str>,
    commands: &'static [&'static str],
}

const REFRESH: &str = "SETROPTS RACLIST(PTKTDATA) REFRESH";
const NEEDY: &[Against] = &[Against::Engine, Against::Icsf, Against::Label];

const WAYS: &[Way] = &[
    Way {
        against: &[Against::Engine],
        protection: &[],
        way: "a card with the same master keys at the recovery site",
        cost: "a card, and a key ceremony rehearsed beforehand; its patterns are compared first",
        weakens: None,
        commands: &["D ICSF,CARDS", "D ICSF,MKS"],
    },
    Way {
        against: &[Against::Icsf],
        protection: &[],
        way: "start ICSF before the applications",
        cost: "its place in the start-up of the recovery site; CSF stands for the name of your procedure",
        weakens: None,
        commands: &["START CSF", "D ICSF,KDS"],
    },
    Way {
        against: &[Against::Label],
        protection: &[],
        way: "bring the CKDS of the recovery site up to the security database, and refresh it",
        cost: "both have to be copied at one moment from then on",
        weakens: None,
        commands: &["D ICSF,KDS"],
    },
    Way {
        against: NEEDY,
        protection: &[Kept::Legacy],
        way: "mask the key in the security database",
        cost: "the key has to be typed at every site; it is written as k here",
        weakens: Some("whoever reads the security database can undo the masking and make tickets"),
        commands: &["RALTER PTKTDATA {profile} SSIGNON(KEYMASKED(kkkkkkkkkkkkkkkk))", REFRESH],
    },
    Way {
        against: NEEDY,
        protection: &[Kept::Enhanced],
        way: "go back to legacy tickets with a masked key",
        cost: "the key has to be typed at every site; it is written as k here. Not where enhanced tickets are compulsory",
        weakens: Some("whoever reads the security database can make tickets; legacy tickets are made with DES"),
        commands: &[
            "RALTER PTKTDATA {profile} NOSSIGNON",
            "RALTER PTKTDATA {profile} SSIGNON(KEYMASKED(kkkkkkkkkkkkkkkk))",
            REFRESH,
        ],
    },
    Way {
        against: &[Against::Engine],
        protection: &[Kept::Enhanced],
        way: "keep the HMAC key clear in the CKDS: it needs ICSF and no card",
        cost: "not tried on a real system; ask IBM before you rely on it",
        weakens: Some("whoever reads the CKDS can make tickets"),
        commands: &[
            "softicsf ckds delete {label}",
            "softicsf ckds add {label} --type HMAC-MAC --clear --from hmac.key",
        ],
    },
    Way {
        against: &[Against::Engine, Against::Icsf, Against::Label, Against::Profile, Against::NotValid],
        protection: &[],
        way: "switch PassTickets off in the session manager: users type their passwords",
        cost: "every user needs a password that is valid and known",
        weakens: Some("passwords go over the network, and into the session manager"),
        commands: &[],
    },
    Way {
        against: &[Against::Class],
        protection: &[],
        way: "activate the class and bring its profiles into storage",
        cost: "none",
        weakens: None,
        commands: &["SETROPTS CLASSACT(PTKTDATA)", "SETROPTS RACLIST(PTKTDATA)"],
    },
    Way {
        against: &[Against::Profile],
        protection: &[],
        way: "give the recovery site the SMF ID its profiles are named after, or define profiles for its own",
        cost: "a look at the application names: TSO and batch are named after the SMF ID",
        weakens: None,
        commands: &["D SMF,O", "RLIST PTKTDATA * SSIGNON"],
    },
    Way {
        against: &[Against::NotValid],
        protection: &[],
        way: "set the clocks alike, and compare the keys of both sites",
        cost: "none",
        weakens: None,
        commands: &["RLIST PTKTDATA {profile} SSIGNON"],
    },
    Way {
        against: &[Against::Replay],
        protection: &[Kept::Enhanced, Kept::EnhancedClear],
        way: "allow tickets to be used again",
        cost: "none",
        weakens: Some("whoever sees a ticket can use it until it is out of date"),
        commands: &["RALTER PTKTDATA {profile} SSIGNON(REPLAY(YES))", REFRESH],
    },
    Way {
        against: &[Against::Replay],
        protection: &[Kept::Legacy, Kept::Masked],
        way: "allow tickets to be used again",
        cost: "none",
        weakens: Some("whoever sees a ticket can use it for ten minutes"),
        commands: &["RALTER PTKTDATA {profile} APPLDATA('NO REPLAY PROTECTION')", REFRESH],
    },
];

/// The ways out of every failure that was met, each once, with all applications it helps.
pub(crate) fn remedies(run: &Run) -> Vec<Remedy> {
    let mut remedies: Vec<Remedy> = Vec::new();
    let mut add = |new: Remedy| {
        let same = |old: &&mut Remedy| old.way == new.way && old.against == new.against;
        match remedies.iter_mut().find(same) {
            None => remedies.push(new),
            Some(old) => {
                merge(&mut old.applications, new.applications);
                // What brings them all into storage is typed once, at the end.
                old.commands.retain(|command| command != REFRESH);
                merge(&mut old.commands, new.commands);
            }
        }
    };
    for (application, failure) in failures(run) {
        let key = run.surveys.iter().find_map(|survey| key_of(survey, application));
        let against = Against::of(failure);
        let fits = |way: &&Way| {
            way.against.contains(&against)
                && (way.protection.is_empty() || key.is_some_and(|key| way.protection.contains(&key.protection)))
        };
        let mut ways = WAYS.iter().filter(fits).peekable();
        if ways.peek().is_none() {
            failure.cause.remedies().iter().for_each(|way| add(told(application, against, way)));
        }
        ways.for_each(|way| add(filled(application, against, way, key)));
    }
    remedies
}

fn merge(all: &mut Vec<String>, more: Vec<String>) {
    for new in more {
        if !all.contains(&new) {
            all.push(new);
        }
    }
}

/// Every failure of a sign-on, and of a key that was tried where it would have been used.
fn failures(run: &Run) -> impl Iterator<Item = (&Application, &Failure)> {
    let refused = run
        .steps
        .iter()
        .flat_map(|step| &step.sign_ons)
        .filter_map(|sign_on| Some((run.applications.get(sign_on.application)?, sign_on.result.as_ref().err()?)));
    let unusable = run.surveys.iter().flat_map(|survey| &survey.profiles).flat_map(move |surveyed| {
        let own = run.applications.iter().filter(move |application| is_for(surveyed, application));
        own.filter_map(move |application| Some((application, surveyed.usable.as_ref().err()?)))
    });
    refused.chain(unusable)
}

fn filled(application: &Application, against: Against, way: &Way, key: Option<&Surveyed>) -> Remedy {
    let profile = key.map_or(application.applid.as_str(), |key| key.profile.as_str());
    let label = key.and_then(|key| key.label.as_deref()).unwrap_or_default();
    let command = |command: &&str| command.replace("{profile}", profile).replace("{label}", label);
    Remedy {
        applications: vec![application.name.clone()],
        against: against.words().to_owned(),
        way: way.way.to_owned(),
        cost: Some(way.cost.to_owned()),
        weakens: way.weakens.map(str::to_owned),
        commands: way.commands.iter().map(command).collect(),
    }
}

/// What the failing part itself says.
fn told(application: &Application, against: Against, way: &str) -> Remedy {
    Remedy {
        applications: vec![application.name.clone()],
        against: against.words().to_owned(),
        way: way.to_owned(),
        cost: None,
        weakens: None,
        commands: Vec::new(),
    }
}
