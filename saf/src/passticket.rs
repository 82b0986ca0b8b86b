//! PassTickets: who may, which profile, which ticket.
//!
//! Each service plans a request once (permission, profile, where the key lies: see [`planned`](crate::planned)), lets the
//! planned key do its work, and says why it could not.

use std::sync::Arc;

use icsf_core::Cause;
use icsf_core::journal::{Event, What};
use ptkt::{Applid, GroupId, Ticket, TicketKind, Timestamp, UserId, Verdict};

use crate::access::{self, Caller};
use crate::codes::Code;
use crate::database::Snapshot;
use crate::error::{Error, Result};
use crate::model::{Access, Profile};
use crate::planned::{Plan, PlanKey, PlannedKey};
use crate::server::Saf;

/// Whom a ticket is for, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// The user who signs on.
    pub user: UserId,
    /// The application signed on to.
    pub application: Applid,
    /// The group signed on with. Generation uses the key of the application alone unless there is one; evaluation takes
    /// the user's default group where there is none.
    pub group: Option<GroupId>,
    /// The time, in seconds since 1970 UTC, where it is not now.
    pub at: Option<u64>,
}

impl Request {
    /// Now, without group.
    #[must_use]
    pub const fn new(user: UserId, application: Applid) -> Self {
        Self { user, application, group: None, at: None }
    }

    /// With a group.
    #[must_use]
    pub const fn with_group(self, group: GroupId) -> Self {
        Self { group: Some(group), ..self }
    }

    /// At another time than now. Times may come in any order for generation; a replay register, which forgets by time,
    /// refuses to evaluate a ticket from more than ten minutes before the latest it was asked about.
    #[must_use]
    pub const fn at(self, seconds: u64) -> Self {
        Self { at: Some(seconds), ..self }
    }
}

/// A ticket that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// By which algorithm it was made.
    pub kind: TicketKind,
    /// How many seconds ago; negative when the clock of its maker is ahead.
    pub age: i64,
}

/// A ticket that was accepted, and by which key.
pub(crate) struct Checked {
    pub(crate) accepted: Accepted,
    plan: Arc<Plan>,
    /// How many keys of the plan were tried before.
    others_before: usize,
}

impl Checked {
    fn told(&self, event: Event) -> Event {
        let others = self.others_before.checked_sub(1).and_then(|number| self.plan.others.get(number));
        let event = others.unwrap_or(&self.plan.first).named(event);
        Event { by: Some(self.accepted.kind.to_string()), age: Some(self.accepted.age), ..event }
    }
}

impl Saf {
    /// Makes a PassTicket.
    ///
    /// The caller needs UPDATE to `IRRPTAUTH.application.user`. The key is that of the profile of the application; with a
    /// group in the request, that of the first profile there is of `application.group.user`, `application.user`,
    /// `application.group`, `application`. A profile with both keys makes enhanced tickets.
    ///
    /// Source: RACF Callable Services, R_ticketserv and R_GenSec; RACF Macros and Interfaces for the name used by the
    /// generator service.
    ///
    /// # Errors
    /// [`Code::ClassInactive`], [`Code::NotAuthorized`], [`Code::GenerationNoProfile`], [`Code::GenerationNoKey`],
    /// [`Code::GenerationKey`] with what ICSF said, [`Code::InternalError`].
    pub fn generate(&self, caller: &Caller, request: &Request) -> Result<Ticket> {
        self.make(Some(caller), request)
    }

    /// The same, also without caller, as an authorized program does.
    pub(crate) fn make(&self, caller: Option<&Caller>, request: &Request) -> Result<Ticket> {
        let run = || {
            let view = self.database().view()?;
            let key = PlanKey {
                caller: caller.copied(),
                access: Access::Update,
                user: request.user,
                application: request.application,
                group: request.group,
            };
            let plan = self.plans().get(&view, key, || {
                let first = self.plan_generation(&view, caller, request, &key)?;
                Ok(Plan { generation: view.generation(), first, others: Vec::new(), damaged: None })
            })?;
            let time = Timestamp::from_secs(self.time(request));
            let key = &plan.first;
            let ticket = key.generate(self, request, time);
            let ticket = ticket.map_err(|trouble| key.explain(trouble.into_error(Code::GenerationKey)))?;
            Ok((ticket, plan))
        };
        let done = run().map_err(|error: Error| for_whom(error, request));
        self.told(What::Generate, caller, request, &done, |(_, plan), event| plan.first.named(event));
        done.map(|(ticket, _)| ticket)
    }

    fn plan_generation(
        &self,
        view: &Snapshot,
        caller: Option<&Caller>,
        request: &Request,
        key: &PlanKey,
    ) -> Result<PlannedKey> {
        access::require_class(view)?;
        if let Some(caller) = caller {
            access::require_authority(view, caller, &request.user, &request.application, Access::Update)?;
        }
        let profile = self.generation_profile(view, request)?;
        let keys = PlannedKey::all_for(view, self.checked_by_icsf(caller), &profile, key);
        keys.into_iter().next().ok_or_else(|| no_key(Code::GenerationNoKey, &profile))
    }

    /// The caller whom ICSF checks, if it checks any: sign-on has none, and without CHECKAUTH the PassTicket services are
    /// authorized programs.
    fn checked_by_icsf<'a>(&self, caller: Option<&'a Caller>) -> Option<&'a Caller> {
        caller.filter(|_| self.checkauth())
    }

    pub(crate) fn generation_profile(&self, view: &Snapshot, request: &Request) -> Result<Arc<Profile>> {
        let names = generation_names(request);
        for name in &names {
            if let Some(profile) = access::key_profile(view, name) {
                return Ok(profile);
            }
            if let Some(cause) = access::damaged_key_profile(view, std::slice::from_ref(name)) {
                return Err(Error::new(Code::GenerationNoProfile, cause));
            }
        }
        Err(Error::new(Code::GenerationNoProfile, access::no_key_profile(view, &request.application)))
    }

    /// Checks a PassTicket, and remembers its use. Nobody is signed on, and nobody is revoked.
    ///
    /// The caller needs READ to `IRRPTAUTH.application.user`. The first profile there is of `application.group.user`,
    /// `application.user`, `application.group` is tried, and then that of `application`; each with both its keys.
    ///
    /// Source: RACF Security Administrator's Guide, how RACF processes the password or PassTicket, and determining
    /// PTKTDATA profile names; RACF Callable Services.
    ///
    /// # Errors
    /// [`Code::ClassInactive`], [`Code::NotAuthorized`], [`Code::EvaluationNoProfile`], [`Code::EvaluationNoKey`],
    /// [`Code::EvaluationNotValid`], [`Code::EvaluationReplayed`], [`Code::EvaluationRegister`], [`Code::EvaluationKey`] with what
    /// ICSF said, [`Code::InternalError`].
    pub fn evaluate(&self, caller: &Caller, request: &Request, ticket: &Ticket) -> Result<Accepted> {
        let done = self.check(Some(caller), request, ticket);
        self.told(What::Evaluate, Some(caller), request, &done, Checked::told);
        done.map(|checked| checked.accepted)
    }

    /// The same, also without caller, as sign-on does.
    pub(crate) fn check(&self, caller: Option<&Caller>, request: &Request, ticket: &Ticket) -> Result<Checked> {
        let run = || {
            let view = self.database().view()?;
            let group = request.group.or_else(|| view.user(&request.user).map(|user| user.group));
            let key = PlanKey {
                caller: caller.copied(),
                access: Access::Read,
                user: request.user,
                application: request.application,
                group,
            };
            let plan = self.plans().get(&view, key, || {
                access::require_class(&view)?;
                if let Some(caller) = caller {
                    access::require_authority(&view, caller, &request.user, &request.application, Access::Read)?;
                }
                let profiles = access::key_profiles(&view, &request.application, group.as_ref(), &request.user);
                let names = access::key_profile_names(&request.application, group.as_ref(), &request.user);
                let damaged = access::damaged_key_profile(&view, &names);
                let Some(named) = profiles.first() else {
                    let cause = damaged.unwrap_or_else(|| access::no_key_profile(&view, &request.application));
                    return Err(Error::new(Code::EvaluationNoProfile, cause));
                };
                let asks = self.checked_by_icsf(caller);
                let mut keys = profiles.iter().flat_map(|profile| PlannedKey::all_for(&view, asks, profile, &key));
                let first = keys.next().ok_or_else(|| no_key(Code::EvaluationNoKey, named))?;
                Ok(Plan { generation: view.generation(), first, others: keys.collect(), damaged })
            })?;
            match self.try_keys(&plan, request, ticket) {
                Ok((accepted, others_before)) => Ok(Checked { accepted, plan, others_before }),
                Err(error) => Err(match &plan.damaged {
                    Some(cause) if error.code() == Code::EvaluationNotValid => Error::new(error.code(), cause.clone()),
                    _ => error,
                }),
            }
        };
        run().map_err(|error: Error| for_whom(error, request))
    }

    /// What is accepted, and how many keys were tried before.
    fn try_keys(&self, plan: &Plan, request: &Request, ticket: &Ticket) -> Result<(Accepted, usize)> {
        let now = Timestamp::from_secs(self.time(request));
        let mut answer = self.try_key(&plan.first, request, ticket, now).map(|accepted| (accepted, 0));
        for (number, key) in plan.others.iter().enumerate() {
            let next = [Code::EvaluationNotValid, Code::EvaluationKey];
            if !answer.as_ref().is_err_and(|error| next.contains(&error.code())) {
                break;
            }
            match self.try_key(key, request, ticket, now) {
                // A key that cannot be used says more than a ticket that another key does not fit.
                Err(error) if error.code() == Code::EvaluationNotValid => {}
                other => answer = other.map(|accepted| (accepted, number + 1)),
            }
        }
        answer
    }

    fn try_key(&self, key: &PlannedKey, request: &Request, ticket: &Ticket, now: Timestamp) -> Result<Accepted> {
        match key.evaluate(self, request, ticket, now) {
            Ok((kind, Verdict::Accepted { delta })) => {
                self.first_use(key, request, ticket, Accepted { kind, age: delta }, now)
            }
            Ok((_, verdict)) => Err(key.explain(Error::new(Code::EvaluationNotValid, not_valid(verdict)))),
            Err(trouble) => Err(key.explain(trouble.into_error(Code::EvaluationKey))),
        }
    }

    fn first_use(
        &self,
        key: &PlannedKey,
        request: &Request,
        ticket: &Ticket,
        accepted: Accepted,
        now: Timestamp,
    ) -> Result<Accepted> {
        let Accepted { kind, age } = accepted;
        if key.replay_allowed(kind) {
            return Ok(accepted);
        }
        let verdict = Verdict::Accepted { delta: age };
        let time = verdict.ticket_time(now).unwrap_or(now);
        let used = ptkt::TicketUse::new(kind, request.user, request.application, time, ticket);
        match self.register().first_use(&used, now) {
            Ok(ptkt::Usage::First) => Ok(accepted),
            Ok(ptkt::Usage::Replay) => {
                let remedy = match kind {
                    TicketKind::Legacy => {
                        "where tickets must be used again: RALTER PTKTDATA ... APPLDATA('NO REPLAY PROTECTION')"
                    }
                    _ => "where tickets must be used again: RALTER PTKTDATA ... SSIGNON(REPLAY(YES))",
                };
                let cause = Cause::new("the ticket was used before on this system").with_remedy(remedy);
                Err(key.explain(Error::new(Code::EvaluationReplayed, cause)))
            }
            Err(error) => {
                let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                let cause = Cause::new(format!("whether the ticket was used before is not known: {why}"))
                    .with_remedy("try a new ticket in a minute: it lies in another file of the replay register")
                    .with_remedy("check the directory of the replay register, its volume and its permissions");
                Err(key.explain(Error::new(Code::EvaluationRegister, cause).with_source(error)))
            }
        }
    }
}

/// The names under which the key that generates may stand, the most special first.
pub(crate) fn generation_names(request: &Request) -> Vec<String> {
    match &request.group {
        Some(group) => access::key_profile_names(&request.application, Some(group), &request.user),
        None => vec![request.application.to_string()],
    }
}

/// By what algorithm a ticket was accepted, and how old it was.
fn for_whom(error: Error, request: &Request) -> Error {
    error.explained(|cause| cause.for_user(request.user.to_string(), request.application.to_string()))
}

pub(crate) fn no_key(code: Code, profile: &Profile) -> Error {
    let name = &profile.name;
    let cause = Cause::new("the profile has no key in its SSIGNON segment")
        .with_remedy(format!("RALTER PTKTDATA {name} SSIGNON(...), then SETROPTS RACLIST(PTKTDATA) REFRESH"));
    Error::new(code, cause.by_profile(name.to_string(), "none"))
}

/// How far clocks are apart, in seconds, before another key is the likelier reason: a day.
const CLOCKS: u64 = 86_400;
/// How far they are ever: a year. Nothing in a ticket tells that it was made with another key: read with the wrong one
/// it has any time at all.
const CLOCKS_EVER: u64 = 366 * CLOCKS;

fn not_valid(verdict: Verdict) -> Cause {
    const NO_TICKET: &str = "it is no ticket made with this key for this user and application";
    let (away, when) = match verdict {
        Verdict::Expired { delta } => (delta.unsigned_abs(), "ago, too long"),
        Verdict::Future { delta } => (delta.unsigned_abs(), "ahead of this system's clock"),
        _ => (u64::MAX, ""),
    };
    if away <= CLOCKS {
        Cause::new(format!("the ticket was made {away} seconds {when}"))
            .with_remedy("compare the clocks of both systems, in GMT")
    } else if away <= CLOCKS_EVER {
        Cause::new(format!("{NO_TICKET}, or one of {} days {when}", away / CLOCKS)).with_remedy(
            "compare the keys of both systems, the user ID and the application name; then the clocks, in GMT",
        )
    } else {
        Cause::new(NO_TICKET).with_remedy("compare the keys of both systems, the user ID and the application name")
    }
}
