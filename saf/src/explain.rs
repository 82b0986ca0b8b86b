//! Why a ticket would be made or not: the whole chain, step by step.

use std::fmt;

use icsf_core::kds::Found;
use icsf_core::token::{KeyToken, Material};
use icsf_core::{Cause, KeyLabel, View};

use crate::access::{self, Caller};
use crate::codes::Code;
use crate::database::Snapshot;
use crate::error::Result;
use crate::icsf_access::{require_label, require_service};
use crate::judgement::{self, Remark};
use crate::model::{Access, Class, LegacyKey, Profile, ProfileName};
use crate::passticket::{Request, generation_names};
use crate::planned::{KeySource, Trouble, describe, in_a_token};
use crate::server::Saf;

/// Why a ticket would be made or not.
#[derive(Debug)]
pub struct Explanation {
    /// The chain, in the order in which it is gone through.
    pub steps: Vec<Step>,
    /// What the caller would get. The ticket itself has been thrown away.
    pub outcome: Result<()>,
}

/// A line for each link of the chain, and one for what the caller would see.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Step { what, found, good } in &self.steps {
            writeln!(f, "{} {what}: {found}", if *good { "ok" } else { "NO" })?;
        }
        match &self.outcome {
            Ok(()) => f.write_str("caller sees a ticket"),
            Err(error) => write!(f, "caller sees {error}\ncause: {}", error.cause()),
        }
    }
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was looked at.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// Whether that stands in the way.
    pub good: bool,
}

impl Saf {
    /// Goes the way of [`generate`](Self::generate), and tells each step.
    ///
    /// # Errors
    /// When the security database cannot be read; what generation would meet is in the answer.
    pub fn explain(&self, caller: &Caller, request: &Request) -> Result<Explanation> {
        let view = self.database().view()?;
        let mut steps = Vec::new();
        let mut step = |what, found: String, good| steps.push(Step { what, found, good });

        match access::require_class(&view) {
            Ok(()) => step("class", "PTKTDATA is active and RACLISTed".to_owned(), true),
            Err(error) => step("class", error.cause().why().to_owned(), false),
        }
        let authority = access::require_authority(&view, caller, &request.user, &request.application, Access::Update);
        let resource = format!("IRRPTAUTH.{}.{}", request.application, request.user);
        match authority {
            Ok(()) => step("permission", format!("{} has UPDATE to {resource}", caller.id()), true),
            Err(error) => step("permission", error.cause().why().to_owned(), false),
        }
        for name in generation_names(request) {
            let (found, good) = candidate(&view, &name);
            step("key profile", format!("{name}: {found}"), good);
        }
        if let Ok(profile) = self.generation_profile(&view, request) {
            if let Some(stale) = judgement::stale(&view, &profile) {
                step("key profile", format!("{}: {stale}", profile.name), true);
            }
            match source(&profile) {
                Some(source) => {
                    step("key", describe(&source), true);
                    match &source {
                        KeySource::Legacy(label) | KeySource::Enhanced(label) => {
                            if self.checkauth() {
                                let (found, good) = icsf_permission(&view, caller, &source, label);
                                step("CSFSERV, CSFKEYS", found, good);
                            }
                            self.explain_icsf(&profile, label, &mut step);
                        }
                        KeySource::Imported(_) => {
                            let used = self.use_once(&profile).map_err(|error| told(error.cause()));
                            step("key use", used.map_or_else(|why| why, |()| String::new()), false);
                        }
                        KeySource::Token => {
                            if self.checkauth() {
                                let refused = require_service(&view, caller, "CSFENC").err();
                                let found = refused
                                    .as_ref()
                                    .map_or_else(|| format!("{} may use CSFENC", caller.id()), ToString::to_string);
                                step("CSFSERV, CSFKEYS", found, refused.is_none());
                            }
                            let used = self.use_once(&profile).map_err(|error| told(error.cause()));
                            let good = used.is_ok();
                            step("key use", used.map_or_else(|why| why, |()| "the key does its work".to_owned()), good);
                        }
                        KeySource::Masked => {}
                    }
                }
                None => step("key", "the profile has no key in its SSIGNON segment".to_owned(), false),
            }
            let remarks = judgement::remarks(&profile, view.options(), None);
            if let Some(remark) = remarks.into_iter().find(|remark| *remark == Remark::NotBySignOn) {
                step("sign-on", format!("{}: {remark}", profile.name), false);
            }
        }
        let outcome = self.generate(caller, request).map(drop);
        Ok(Explanation { steps, outcome })
    }

    fn explain_icsf(&self, profile: &Profile, label: &KeyLabel, step: &mut dyn FnMut(&'static str, String, bool)) {
        let view = match self.icsf().view() {
            Ok(view) => view,
            Err(error) => return step("ICSF", error.to_string(), false),
        };
        let started = view.control.started;
        step("ICSF", if started { "started" } else { "not started" }.to_owned(), started);
        let used = self.use_once(profile).map_err(|error| told(error.cause()));
        let (found, needs_engine) = match (record(&view, label), &used) {
            (Ok(found), _) => found,
            // ICSF knows more of what is missing.
            (Err(_), Err(why)) if started => return step("record", why.clone(), false),
            (Err(why), _) => return step("record", why, false),
        };
        step("record", found, true);
        let online = view.engine.state == icsf_core::engine::EngineState::Online;
        if needs_engine {
            step("engine", format!("{}: {}", view.engine.info, view.engine.state), online);
        }
        // What is said above is not said again.
        if started && (online || !needs_engine) {
            let good = used.is_ok();
            step("key use", used.map_or_else(|why| why, |()| "the key does its work".to_owned()), good);
        }
    }

    /// Opens the key of a profile and uses it once, as generation would; the outcome is thrown away.
    pub(crate) fn use_once(&self, profile: &Profile) -> Result<()> {
        let icsf = self.icsf();
        let run = || -> Result<(), Trouble> {
            let Some(ssignon) = &profile.ssignon else { return Ok(()) };
            match (&ssignon.enhanced, &ssignon.legacy) {
                (None, Some(LegacyKey::Masked(_)) | None) => {}
                (None, Some(LegacyKey::Imported(how))) => return Err(crate::planned::not_imported(*how)),
                (None, Some(LegacyKey::Label(label))) => {
                    let key = icsf.csnbenc_key(label)?;
                    icsf.in_engine(move || key.encipher(&mut [[0; 8]]))??;
                }
                (None, Some(LegacyKey::Token(token))) => {
                    let key = icsf.csnbenc_token(token)?;
                    icsf.in_engine(move || key.encipher(&mut [[0; 8]]))??;
                }
                #[cfg(not(feature = "enhanced"))]
                (Some(_), _) => return Err(crate::planned::without_enhanced()),
                #[cfg(feature = "enhanced")]
                (Some(label), _) => {
                    let key = icsf.csnbhmg_key(label, icsf_core::backend::HashAlgorithm::Sha512)?;
                    icsf.in_engine(move || key.hmac(&[&[]], &mut [[0; 64]]))??;
                }
            }
            Ok(())
        };
        run().map_err(|trouble| {
            let error = trouble.into_error(Code::GenerationKey);
            match source(profile) {
                Some(KeySource::Token) => error.explained(|cause| in_a_token(cause, &profile.name)),
                _ => error,
            }
        })
    }
}

/// Whether ICSF lets somebody use a key, where it asks.
fn icsf_permission(view: &Snapshot, caller: &Caller, source: &KeySource, label: &KeyLabel) -> (String, bool) {
    let service = if matches!(source, KeySource::Enhanced(_)) { "CSFHMG" } else { "CSFENC" };
    match require_service(view, caller, service).and_then(|()| require_label(view, caller, label)) {
        Ok(()) => (format!("{} may use {service} and {label}", caller.id()), true),
        Err(refusal) => (refusal.to_string(), false),
    }
}

pub(crate) fn candidate(view: &Snapshot, name: &str) -> (String, bool) {
    let Ok(name) = name.parse::<ProfileName>() else { return ("no profile name".to_owned(), false) };
    if let Some(why) = view.damaged_profile(Class::Ptktdata, &name) {
        return (format!("damaged: {why}"), false);
    }
    match (view.discrete(Class::Ptktdata, &name), view.profile(Class::Ptktdata, &name)) {
        (Some(_), _) => ("found".to_owned(), true),
        (None, Some(profile)) if profile.generic => ("generic, which is no key profile".to_owned(), false),
        (None, Some(_)) => ("defined, and not in storage: SETROPTS RACLIST(PTKTDATA) REFRESH".to_owned(), false),
        (None, None) => ("not defined".to_owned(), false),
    }
}

/// The key a profile generates with.
pub(crate) fn source(profile: &Profile) -> Option<KeySource> {
    let ssignon = profile.ssignon.as_ref()?;
    match (&ssignon.enhanced, &ssignon.legacy) {
        (Some(label), _) => Some(KeySource::Enhanced(*label)),
        (None, Some(LegacyKey::Label(label))) => Some(KeySource::Legacy(*label)),
        (None, Some(LegacyKey::Masked(_))) => Some(KeySource::Masked),
        (None, Some(LegacyKey::Token(_))) => Some(KeySource::Token),
        (None, Some(LegacyKey::Imported(how))) => Some(KeySource::Imported(*how)),
        (None, None) => None,
    }
}

/// Why, and what can be done about it.
fn told(cause: &Cause) -> String {
    let parts: Vec<&str> = std::iter::once(cause.why()).chain(cause.remedies().iter().map(String::as_str)).collect();
    parts.join("; ")
}

/// What the CKDS holds under a label, and whether it needs an engine.
fn record(view: &View, label: &KeyLabel) -> Result<(String, bool), String> {
    let record = match view.kds.find(label) {
        Found::Nothing => return Err(format!("{label} is not in the CKDS")),
        Found::Damaged(error) => return Err(format!("{label} is damaged: {error}")),
        Found::Here(found) => found.parse().map_err(|error| format!("{label} is damaged: {error}"))?,
    };
    match (&record.token, record.token.wrapped()) {
        (_, Some(wrapped)) => {
            let (kind, mkvp) = (wrapped.master_key(), wrapped.mkvp());
            Ok((format!("{label}: {}, wrapped under {kind} {mkvp}", wrapped.spec()), true))
        }
        (KeyToken::Variable(token), None) if matches!(token.material(), Material::Clear(_)) => {
            Ok((format!("{label}: a clear HMAC key, which needs no engine"), false))
        }
        _ => Err(format!("{label} holds no key yet")),
    }
}
