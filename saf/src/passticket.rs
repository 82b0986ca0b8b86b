//! PassTickets: who may, which profile, which key, which ticket.
//!
//! A request is planned once (permission, profile, where the key lies) and the plan kept with what is fixed for its
//! key, user and application, until the database changes. What is never kept is the key: each request asks ICSF for it
//! anew, and so meets a lost engine at once.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use icsf_core::services::Encipherer;
use icsf_core::{Cause, KeyLabel};
use lru::LruCache;
use ptkt::{
    Applid, DesEncipher, GenerateError, GroupId, Ticket, TicketKind, Timestamp, UserId, Verdict, Window, legacy,
};

use crate::access::{self, Caller};
use crate::codes::Code;
use crate::database::Snapshot;
use crate::error::{Error, Result};
use crate::model::{Access, LegacyKey, Profile};
use crate::server::Saf;

/// How many plans are kept.
const PLANS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

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

/// What a plan depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PlanKey {
    /// Whose permission is checked, and which; nobody's at sign-on.
    authority: Option<(Caller, Access)>,
    user: UserId,
    application: Applid,
    group: Option<GroupId>,
}

/// The keys to be tried for a request, in turn: one at least.
pub(crate) struct Plan {
    generation: u64,
    first: PlannedKey,
    others: Vec<PlannedKey>,
    /// A key profile that cannot be read, which says more than a ticket that no other key fits.
    damaged: Option<Cause>,
}

/// A key, and what is fixed for it, the user and the application.
struct PlannedKey {
    profile: Arc<Profile>,
    source: Source,
}

enum Source {
    Masked(Box<ptkt::software::DesKey>, legacy::Session),
    Legacy(KeyLabel, Prepared<legacy::Session>),
    #[cfg(feature = "enhanced")]
    Enhanced(KeyLabel, Prepared<ptkt::enhanced::Session>),
    #[cfg(not(feature = "enhanced"))]
    Enhanced(KeyLabel),
}

/// A session, and the number of the open key it was prepared with.
type Prepared<S> = Mutex<Option<(u64, Arc<S>)>>;

/// Plans, kept.
pub(crate) struct Plans(Mutex<LruCache<PlanKey, Arc<Plan>>>);

impl Default for Plans {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(PLANS)))
    }
}

impl std::fmt::Debug for Plans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plans({})", self.kept().len())
    }
}

impl Plans {
    fn kept(&self) -> MutexGuard<'_, LruCache<PlanKey, Arc<Plan>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, view: &Snapshot, key: PlanKey, make: impl FnOnce() -> Result<Plan>) -> Result<Arc<Plan>> {
        if let Some(plan) = self.kept().get(&key).filter(|plan| plan.generation == view.generation()) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(make()?);
        self.kept().put(key, Arc::clone(&plan));
        Ok(plan)
    }
}

/// A DES key in the CKDS, for the time of one request.
struct InCkds<'a>(&'a Encipherer);

impl DesEncipher for InCkds<'_> {
    type Error = icsf_core::Error;

    fn encipher(&self, blocks: &mut [[u8; 8]]) -> Result<(), icsf_core::Error> {
        self.0.encipher(blocks)
    }
}

#[cfg(feature = "enhanced")]
struct HmacInCkds<'a>(&'a icsf_core::services::Authenticator);

#[cfg(feature = "enhanced")]
impl ptkt::HmacSha512 for HmacInCkds<'_> {
    type Error = icsf_core::Error;

    fn hmac(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), icsf_core::Error> {
        self.0.hmac(messages, macs)
    }
}

/// The session prepared with the open key `id`, made by `prepare` if there is none.
fn prepared<S>(
    kept: &Prepared<S>,
    id: u64,
    prepare: impl FnOnce() -> Result<S, icsf_core::Error>,
) -> Result<Arc<S>, icsf_core::Error> {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    match &*kept {
        Some((with, session)) if *with == id => Ok(Arc::clone(session)),
        _ => {
            let session = Arc::new(prepare()?);
            *kept = Some((id, Arc::clone(&session)));
            Ok(session)
        }
    }
}

/// The ticket, for work that may be left to itself.
fn owned(ticket: &Ticket) -> Result<Ticket, Trouble> {
    ticket.expose().parse().map_err(|error: ptkt::Error| Trouble::other(Cause::new(error.to_string())))
}

/// Why a key did not yield a ticket or a verdict.
enum Trouble {
    Icsf(icsf_core::Error),
    Other(Box<Cause>),
}

impl From<icsf_core::Error> for Trouble {
    fn from(error: icsf_core::Error) -> Self {
        Self::Icsf(error)
    }
}

impl From<GenerateError<icsf_core::Error>> for Trouble {
    fn from(error: GenerateError<icsf_core::Error>) -> Self {
        match error {
            GenerateError::Key(error) => Self::Icsf(error),
            other => Self::other(Cause::new(other.to_string())),
        }
    }
}

impl Trouble {
    fn other(cause: Cause) -> Self {
        Self::Other(Box::new(cause))
    }

    fn into_error(self, code: Code) -> Error {
        match self {
            Self::Icsf(error) => Error::from_icsf(code, error),
            Self::Other(cause) => Error::new(code, *cause),
        }
    }
}

impl PlannedKey {
    fn new(profile: &Arc<Profile>, source: Source) -> Self {
        Self { profile: Arc::clone(profile), source }
    }

    /// The keys of a profile, the one that generates first.
    fn all_of(profile: &Arc<Profile>, user: &UserId, application: &Applid) -> Vec<Self> {
        let Some(ssignon) = &profile.ssignon else { return Vec::new() };
        let mut keys = Vec::with_capacity(2);
        if let Some(label) = ssignon.enhanced {
            #[cfg(feature = "enhanced")]
            keys.push(Self::new(profile, Source::Enhanced(label, Mutex::default())));
            #[cfg(not(feature = "enhanced"))]
            keys.push(Self::new(profile, Source::Enhanced(label)));
        }
        match &ssignon.legacy {
            Some(LegacyKey::Label(label)) => keys.push(Self::new(profile, Source::Legacy(*label, Mutex::default()))),
            Some(LegacyKey::Masked(clear)) => {
                if let Ok(key) = ptkt::software::DesKey::new(clear.expose()) {
                    let Ok(session) = legacy::Session::prepare(&key, user, application);
                    keys.push(Self::new(profile, Source::Masked(Box::new(key), session)));
                }
            }
            None => {}
        }
        keys
    }

    /// Where the key lies, as causes and explanations say it.
    fn described(&self) -> String {
        describe(&self.source_kind())
    }

    fn source_kind(&self) -> KeySource {
        match &self.source {
            Source::Masked(..) => KeySource::Masked,
            Source::Legacy(label, _) => KeySource::Legacy(*label),
            #[cfg(feature = "enhanced")]
            Source::Enhanced(label, _) => KeySource::Enhanced(*label),
            #[cfg(not(feature = "enhanced"))]
            Source::Enhanced(label) => KeySource::Enhanced(*label),
        }
    }

    fn explain(&self, error: Error) -> Error {
        error.explained(|cause| cause.by_profile(self.profile.name.to_string(), self.described()))
    }

    fn generate(&self, saf: &Saf, request: &Request, time: Timestamp) -> Result<Ticket, Trouble> {
        match &self.source {
            Source::Masked(key, session) => {
                session.generate(&**key, time).map_err(|error| Trouble::other(Cause::new(error.to_string())))
            }
            Source::Legacy(label, kept) => {
                let key = saf.icsf().csnbenc_key(label)?;
                let prepare = || legacy::Session::prepare(&InCkds(&key), &request.user, &request.application);
                let session = prepared(kept, key.id(), prepare)?;
                Ok(saf.icsf().in_engine(move || session.generate(&InCkds(&key), time))??)
            }
            #[cfg(feature = "enhanced")]
            Source::Enhanced(label, kept) => {
                let key = saf.icsf().csnbhmg_key(label, icsf_core::backend::HashAlgorithm::Sha512)?;
                let session = prepared(kept, key.id(), || self.prepare_enhanced(&HmacInCkds(&key), request))?;
                Ok(saf.icsf().in_engine(move || session.generate(&HmacInCkds(&key), time))??)
            }
            #[cfg(not(feature = "enhanced"))]
            Source::Enhanced(_) => Err(without_enhanced()),
        }
    }

    /// By which algorithm the key works, and what it finds.
    fn evaluate(
        &self,
        saf: &Saf,
        request: &Request,
        ticket: &Ticket,
        now: Timestamp,
    ) -> Result<(TicketKind, Verdict), Trouble> {
        match &self.source {
            Source::Masked(key, session) => {
                let Ok(verdict) = session.evaluate(&**key, ticket, now, Window::legacy());
                Ok((TicketKind::Legacy, verdict))
            }
            Source::Legacy(label, kept) => {
                let key = saf.icsf().csnbenc_key(label)?;
                let prepare = || legacy::Session::prepare(&InCkds(&key), &request.user, &request.application);
                let session = prepared(kept, key.id(), prepare)?;
                let ticket = owned(ticket)?;
                let evaluate = move || session.evaluate(&InCkds(&key), &ticket, now, Window::legacy());
                Ok((TicketKind::Legacy, saf.icsf().in_engine(evaluate)??))
            }
            #[cfg(feature = "enhanced")]
            Source::Enhanced(label, kept) => {
                let key = saf.icsf().csnbhmg_key(label, icsf_core::backend::HashAlgorithm::Sha512)?;
                let session = prepared(kept, key.id(), || self.prepare_enhanced(&HmacInCkds(&key), request))?;
                let timeout =
                    self.profile.ssignon.as_ref().map_or(Window::DEFAULT_TIMEOUT, crate::model::Ssignon::timeout);
                let window = Window::enhanced(timeout).map_err(|e| Trouble::other(Cause::new(e.to_string())))?;
                let ticket = owned(ticket)?;
                let evaluate = move || session.evaluate(&HmacInCkds(&key), &ticket, now, window);
                Ok((TicketKind::Enhanced, saf.icsf().in_engine(evaluate)??))
            }
            #[cfg(not(feature = "enhanced"))]
            Source::Enhanced(_) => Err(without_enhanced()),
        }
    }

    #[cfg(feature = "enhanced")]
    fn prepare_enhanced(
        &self,
        key: &HmacInCkds<'_>,
        request: &Request,
    ) -> Result<ptkt::enhanced::Session, icsf_core::Error> {
        let ticket_type = self.profile.ssignon.as_ref().map(crate::model::Ssignon::ticket_type).unwrap_or_default();
        ptkt::enhanced::Session::prepare(key, &request.user, &request.application, ticket_type.into())
    }

    /// Whether a ticket of this kind may be used again.
    fn replay_allowed(&self, kind: TicketKind) -> bool {
        match kind {
            TicketKind::Legacy => self.profile.replay_bypassed(),
            _ => self.profile.ssignon.as_ref().is_some_and(crate::model::Ssignon::replay),
        }
    }
}

#[cfg(not(feature = "enhanced"))]
fn without_enhanced() -> Trouble {
    Trouble::other(
        Cause::new("this program was built without enhanced PassTickets").with_remedy("build with feature enhanced"),
    )
}

/// Where the key of a profile lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// In the database, masked: legacy, no ICSF.
    Masked,
    /// In the CKDS: legacy.
    Legacy(KeyLabel),
    /// In the CKDS: enhanced.
    Enhanced(KeyLabel),
}

pub(crate) fn describe(source: &KeySource) -> String {
    match source {
        KeySource::Masked => "legacy, masked in the security database".to_owned(),
        KeySource::Legacy(label) => format!("legacy, in the CKDS under {label}"),
        KeySource::Enhanced(label) => format!("enhanced, in the CKDS under {label}"),
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
        let run = || {
            let view = self.database().view()?;
            let key = PlanKey {
                authority: Some((*caller, Access::Update)),
                user: request.user,
                application: request.application,
                group: request.group,
            };
            let plan = self.plans().get(&view, key, || {
                let first = self.plan_generation(&view, caller, request)?;
                Ok(Plan { generation: view.generation(), first, others: Vec::new(), damaged: None })
            })?;
            let time = Timestamp::from_secs(self.time(request));
            let key = &plan.first;
            key.generate(self, request, time).map_err(|trouble| key.explain(trouble.into_error(Code::GenerationKey)))
        };
        run().map_err(|error: Error| for_whom(error, request))
    }

    fn plan_generation(&self, view: &Snapshot, caller: &Caller, request: &Request) -> Result<PlannedKey> {
        access::require_class(view)?;
        access::require_authority(view, caller, &request.user, &request.application, Access::Update)?;
        let profile = self.generation_profile(view, request)?;
        let keys = PlannedKey::all_of(&profile, &request.user, &request.application);
        keys.into_iter().next().ok_or_else(|| no_key(Code::GenerationNoKey, &profile))
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
        self.check(Some(caller), request, ticket)
    }

    /// The same, also without caller, as sign-on does.
    pub(crate) fn check(&self, caller: Option<&Caller>, request: &Request, ticket: &Ticket) -> Result<Accepted> {
        let run = || {
            let view = self.database().view()?;
            let group = request.group.or_else(|| view.user(&request.user).map(|user| user.group));
            let authority = caller.map(|caller| (*caller, Access::Read));
            let key = PlanKey { authority, user: request.user, application: request.application, group };
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
                let mut keys = profiles
                    .iter()
                    .flat_map(|profile| PlannedKey::all_of(profile, &request.user, &request.application));
                let first = keys.next().ok_or_else(|| no_key(Code::EvaluationNoKey, named))?;
                Ok(Plan { generation: view.generation(), first, others: keys.collect(), damaged })
            })?;
            self.try_keys(&plan, request, ticket).map_err(|error| match &plan.damaged {
                Some(cause) if error.code() == Code::EvaluationNotValid => Error::new(error.code(), cause.clone()),
                _ => error,
            })
        };
        run().map_err(|error: Error| for_whom(error, request))
    }

    fn try_keys(&self, plan: &Plan, request: &Request, ticket: &Ticket) -> Result<Accepted> {
        let now = Timestamp::from_secs(self.time(request));
        let mut answer = self.try_key(&plan.first, request, ticket, now);
        for key in &plan.others {
            let next = [Code::EvaluationNotValid, Code::EvaluationKey];
            if !answer.as_ref().is_err_and(|error| next.contains(&error.code())) {
                break;
            }
            match self.try_key(key, request, ticket, now) {
                // A key that cannot be used says more than a ticket that another key does not fit.
                Err(error) if error.code() == Code::EvaluationNotValid => {}
                other => answer = other,
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
