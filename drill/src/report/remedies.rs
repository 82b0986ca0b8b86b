//! The ways out of each failure: what they cost, what they weaken, and what to type.
//!
//! The idea: what a caller is told is not enough to mend it. A ticket that is not valid may be one of another key, of another
//! time, or one made by a profile that waits for a REFRESH; so a failure is looked at beside the sites as they were then.

use icsf_core::codes::Code;
use icsf_saf::codes::Code as Situation;
use softicsf::icsf_kdc::codes::ErrorCode;

use super::model::Remedy;
use super::recovery::{key_of, keys_of};
use super::ways::{Keys, REFRESH, WAYS, Way};
use crate::consumer::Failure;
use crate::outcome::{Application, Run};
use crate::survey::{CKDS_FORMAT, Kept, Survey, Surveyed};

/// What was wrong, as far as ways out differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    Engine,
    Icsf,
    Label,
    /// A label that is missing because the CKDS takes no HMAC keys.
    FixedCkds,
    /// To a service of ICSF or a key in it.
    IcsfAccess,
    Access,
    Class,
    Profile,
    /// The profile holds no key that can be used.
    KeyItself,
    Stale,
    /// Clocks that are further apart than any ticket lives.
    Clocks,
    NearClocks,
    Keys,
    Replay,
    Revoked,
    Dirty,
    /// SKRBKDC is stopped.
    KerberosTask,
    Other,
}

/// What was wrong where the engine was.
pub(crate) const NO_ENGINE: &str = "no engine with the right master keys";

/// The longest that a ticket lives, in seconds: TIMEOUT, and legacy tickets.
const LONGEST: u64 = 600;

impl Against {
    fn of(case: &Case<'_>) -> Self {
        match (case.failure.cause.code(), case.failure.situation) {
            (Some(Code::EngineUnavailable | Code::MasterKeyMismatch | Code::MasterKeyNotSet), _) => Self::Engine,
            (Some(Code::IcsfStopped), _) => Self::Icsf,
            (Some(Code::LabelNotFound), _) if case.left_out() => Self::FixedCkds,
            (Some(Code::LabelNotFound), _) => Self::Label,
            (Some(Code::ServiceNotAuthorized | Code::LabelNotAuthorized), _) => Self::IcsfAccess,
            (None, Some(Situation::NotAuthorized)) => Self::Access,
            (None, Some(Situation::ClassInactive)) => Self::Class,
            (None, Some(Situation::GenerationNoProfile | Situation::EvaluationNoProfile)) => Self::Profile,
            (
                None,
                Some(
                    Situation::GenerationNoKey
                    | Situation::GenerationKey
                    | Situation::EvaluationNoKey
                    | Situation::EvaluationKey,
                ),
            ) => Self::KeyItself,
            (None, Some(Situation::EvaluationNotValid | Situation::SignOnNotValid)) => case.not_valid(),
            (None, Some(Situation::EvaluationReplayed)) => Self::Replay,
            (None, Some(Situation::KerberosNotStarted)) => Self::KerberosTask,
            (None, None) if case.failure.kerberos == Some(ErrorCode::ClockSkew.number()) => Self::Clocks,
            (None, Some(Situation::SignOnRevoked)) => Self::Revoked,
            (None, None) if case.failure.cause.why().contains("not program-controlled") => Self::Dirty,
            _ => Self::Other,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Engine => NO_ENGINE,
            Self::Icsf => "ICSF not started",
            Self::Label => "key label missing",
            Self::FixedCkds => "a fixed-length CKDS takes no HMAC key",
            Self::IcsfAccess => "ICSF refuses the caller",
            Self::Access => "access refused",
            Self::Class => "class PTKTDATA not in use",
            Self::Profile => "no key profile",
            Self::KeyItself => "a key that cannot be used",
            Self::Stale => "a changed profile that is not in storage",
            Self::Clocks | Self::NearClocks => "clocks that are apart",
            Self::Keys => "ticket not valid",
            Self::Replay => "ticket used before",
            Self::Revoked => "users revoked",
            Self::Dirty => "a dirty address space",
            Self::KerberosTask => "SKRBKDC not started",
            Self::Other => "another failure",
        }
    }

    /// What mends it where the failing part itself says what to type: way, cost, and what it weakens.
    const fn told(self) -> (&'static str, &'static str, Option<&'static str>) {
        match self {
            Self::IcsfAccess => (
                "give the server the access to ICSF that it has at the primary site",
                "a look at who else the profile lets in; profiles of CSFSERV and CSFKEYS are to be copied with the CKDS",
                None,
            ),
            Self::Access => (
                "give the server the access that it has at the primary site",
                "a look at who else the profile lets in",
                None,
            ),
            Self::Revoked => (
                "resume the users, when what made their sign-ons fail is mended",
                "a look at each: one whose password was guessed at is revoked just so",
                None,
            ),
            Self::Dirty => (
                "make the load library of ICSF program-controlled, and restart the server",
                "a restart, and whoever works in the server is thrown out; the library may have another name",
                None,
            ),
            _ => {
                ("what the failing part itself says", "not known here: try it in a drill first", Some("not known here"))
            }
        }
    }
}

/// A failure, and the sites as they were then.
struct Case<'a> {
    application: &'a Application,
    failure: &'a Failure,
    /// The site it was met at.
    site: Option<&'a Survey>,
    /// Every site.
    sites: Vec<&'a Survey>,
    /// Its key; where the site has none, as it was at the start.
    key: Option<&'a Surveyed>,
}

impl Case<'_> {
    /// Whether the CKDS has no room for the key.
    fn left_out(&self) -> bool {
        let fixed = self.site.and_then(|site| site.property(CKDS_FORMAT)) == Some("fixed");
        fixed && Keys::AnyEnhanced.have(self.key)
    }

    /// Why a ticket was not valid: a profile that is another one in storage, clocks, or else keys.
    fn not_valid(&self) -> Against {
        let mut keys = self.sites.iter().flat_map(|site| keys_of(site, self.application));
        if keys.any(|key| key.stale) {
            return Against::Stale;
        }
        let lives = self.key.map_or(LONGEST, |key| key.tolerance.into());
        match self.apart() {
            apart if apart > LONGEST => Against::Clocks,
            apart if apart > lives => Against::NearClocks,
            _ => Against::Keys,
        }
    }

    /// How far the clocks of the sites are apart, in seconds.
    fn apart(&self) -> u64 {
        let ahead = || self.sites.iter().map(|site| site.ahead);
        ahead().max().zip(ahead().min()).map_or(0, |(most, least)| most.abs_diff(least))
    }

    /// What is typed, with everything filled in.
    fn command(&self, command: &str) -> String {
        let own = self.application.applid_at(self.site.map(Survey::smfid).unwrap_or_default());
        let profile = self.key.map_or(own.as_str(), |key| key.profile.as_str());
        let label = self.key.and_then(|key| key.label.as_deref()).unwrap_or_default();
        let key = match self.key.map(|key| key.protection) {
            Some(Kept::Legacy) => format!("KEYLABEL({label})"),
            Some(Kept::Enhanced | Kept::EnhancedClear) => format!("EPTKEYLABEL({label})"),
            Some(Kept::Masked | Kept::KeyToken | Kept::NoKey | Kept::Kerberos | Kept::Keytab) | None => {
                "KEYMASKED(kkkkkkkkkkkkkkkk)".to_owned()
            }
        };
        // The next full minute.
        let timeout = ((self.apart() / 60 + 1) * 60).min(LONGEST).to_string();
        let values =
            [("{profile}", profile), ("{label}", label), ("{name}", &own), ("{key}", &key), ("{timeout}", &timeout)];
        values.into_iter().fold(command.to_owned(), |command, (name, value)| command.replace(name, value))
    }
}

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
    for case in failures(run) {
        let against = Against::of(&case);
        let fits = |way: &&Way| way.against.contains(&against) && way.keys.have(case.key);
        let mut ways = WAYS.iter().filter(fits).peekable();
        if ways.peek().is_none() || against == Against::Dirty {
            add(told(&case, against));
        }
        ways.for_each(|way| add(filled(&case, against, way)));
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
fn failures(run: &Run) -> Vec<Case<'_>> {
    let mut all = Vec::new();
    // The sites as they were last seen, step after step.
    let mut sites: Vec<&Survey> = Vec::new();
    let mut look = |after: Option<&str>, all: &mut Vec<_>| {
        for survey in run.surveys.iter().filter(|survey| survey.after.as_deref() == after) {
            sites.retain(|site| site.site != survey.site);
            sites.push(survey);
            for application in &run.applications {
                let unusable = keys_of(survey, application).filter_map(|key| key.usable.as_ref()?.as_ref().err());
                all.extend(unusable.map(|failure| case(run, application, failure, &survey.site, &sites)));
            }
        }
        sites.clone()
    };
    look(None, &mut all);
    for step in &run.steps {
        let sites = look(Some(&step.id), &mut all);
        for sign_on in &step.sign_ons {
            if let (Some(application), Err(failure)) = (run.applications.get(sign_on.application), &sign_on.result) {
                all.push(case(run, application, failure, &step.site, &sites));
            }
        }
    }
    all
}

fn case<'a>(
    run: &'a Run,
    application: &'a Application,
    failure: &'a Failure,
    site: &str,
    sites: &[&'a Survey],
) -> Case<'a> {
    let site = sites.iter().copied().find(|known| known.site == site);
    let here = site.and_then(|site| key_of(site, application));
    let key = here.or_else(|| run.surveys.iter().find_map(|survey| key_of(survey, application)));
    Case { application, failure, site, sites: sites.to_vec(), key }
}

fn filled(case: &Case<'_>, against: Against, way: &Way) -> Remedy {
    Remedy {
        applications: vec![case.application.name.clone()],
        against: against.words().to_owned(),
        way: way.way.to_owned(),
        cost: Some(way.cost.to_owned()),
        weakens: way.weakens.map(str::to_owned),
        commands: way.commands.iter().map(|command| case.command(command)).collect(),
    }
}

/// What the failing part itself says: its commands where it is one of those that say some, else its words.
fn told(case: &Case<'_>, against: Against) -> Remedy {
    let (way, cost, weakens) = against.told();
    let said = case.failure.cause.remedies();
    let (way, commands) = match against {
        Against::Other if !said.is_empty() => (said.join("; or "), Vec::new()),
        Against::Dirty => (way.to_owned(), PROGRAM_CONTROL.iter().map(|command| (*command).to_owned()).collect()),
        _ => (way.to_owned(), said.iter().flat_map(|said| said.split(", then ")).map(str::to_owned).collect()),
    };
    Remedy {
        applications: vec![case.application.name.clone()],
        against: against.words().to_owned(),
        way,
        cost: Some(cost.to_owned()),
        weakens: weakens.map(str::to_owned),
        commands,
    }
}

/// Source: z/OS UNIX System Services Planning, defining modules to program control.
const PROGRAM_CONTROL: [&str; 2] =
    ["RALTER PROGRAM ** ADDMEM('CSF.SCSFMOD0'//NOPADCHK)", "SETROPTS WHEN(PROGRAM) REFRESH"];
