//! Planned keys: what is found once for a request, and used until the database changes.
//!
//! A plan holds where the keys lie, and what is fixed for each, the user and the application. What is never kept is the
//! key: each request asks ICSF for it anew, and so meets a lost engine at once.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use icsf_core::journal::Event;
use icsf_core::services::Encipherer;
use icsf_core::token::DesToken;
use icsf_core::{Cause, KeyLabel};
use lru::LruCache;
use ptkt::{
    Applid, DesEncipher, GenerateError, GroupId, Ticket, TicketKind, Timestamp, UserId, Verdict, Window, legacy,
};

use crate::access::Caller;
use crate::codes::Code;
use crate::database::Snapshot;
use crate::error::{Error, Result};
use crate::icsf_access::{Refusal, require_label, require_service};
use crate::model::{Access, ImportedKey, LegacyKey, Profile, ProfileName};
use crate::passticket::Request;
use crate::server::Saf;

/// How many plans are kept.
const PLANS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// What a plan depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PlanKey {
    /// Whose permission is checked; nobody's at sign-on, and of an authorized program.
    pub(crate) caller: Option<Caller>,
    /// UPDATE to generate, READ to evaluate.
    pub(crate) access: Access,
    pub(crate) user: UserId,
    pub(crate) application: Applid,
    pub(crate) group: Option<GroupId>,
}

/// The keys to be tried for a request, in turn: one at least.
pub(crate) struct Plan {
    pub(crate) generation: u64,
    pub(crate) first: PlannedKey,
    pub(crate) others: Vec<PlannedKey>,
    /// A key profile that cannot be read, which says more than a ticket that no other key fits.
    pub(crate) damaged: Option<Cause>,
}

/// A key, and what is fixed for it, the user and the application.
pub(crate) struct PlannedKey {
    profile: Arc<Profile>,
    source: Source,
    /// The service that ICSF refuses the caller, or with which it refuses it the key.
    refused: Option<(&'static str, Refusal)>,
}

enum Source {
    Masked(Box<ptkt::software::DesKey>, legacy::Session),
    Legacy(KeyLabel, Prepared<legacy::Session>),
    Token(DesToken),
    #[cfg(feature = "enhanced")]
    Enhanced(KeyLabel, Prepared<ptkt::enhanced::Session>),
    #[cfg(not(feature = "enhanced"))]
    Enhanced(KeyLabel),
    Imported(ImportedKey),
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

    pub(crate) fn get(&self, view: &Snapshot, key: PlanKey, make: impl FnOnce() -> Result<Plan>) -> Result<Arc<Plan>> {
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
pub(crate) enum Trouble {
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

    pub(crate) fn into_error(self, code: Code) -> Error {
        match self {
            Self::Icsf(error) => Error::from_icsf(code, error),
            Self::Other(cause) => Error::new(code, *cause),
        }
    }
}

impl PlannedKey {
    fn new(profile: &Arc<Profile>, source: Source) -> Self {
        Self { profile: Arc::clone(profile), source, refused: None }
    }

    /// The same for a caller whom ICSF may refuse the service, or the key.
    fn checked_for(mut self, view: &Snapshot, caller: &Caller) -> Self {
        let (service, name, label) = match &self.source {
            Source::Legacy(label, _) => ("CSNBENC", "CSFENC", Some(label)),
            Source::Token(_) => ("CSNBENC", "CSFENC", None),
            #[cfg(feature = "enhanced")]
            Source::Enhanced(label, _) => ("CSNBHMG", "CSFHMG", Some(label)),
            #[cfg(not(feature = "enhanced"))]
            Source::Enhanced(label) => ("CSNBHMG", "CSFHMG", Some(label)),
            Source::Masked(..) | Source::Imported(_) => return self,
        };
        let allowed = require_service(view, caller, name)
            .and_then(|()| label.map_or(Ok(()), |label| require_label(view, caller, label)));
        self.refused = allowed.err().map(|refusal| (service, refusal));
        self
    }

    /// That ICSF lets the caller use the key.
    fn allowed(&self, saf: &Saf) -> Result<(), icsf_core::Error> {
        match &self.refused {
            Some((service, refusal)) => Err(refusal.told_by(saf.icsf(), service)),
            None => Ok(()),
        }
    }

    /// The keys of a profile as `caller` may use them, if there is one: the one that generates first.
    pub(crate) fn all_for(
        view: &Snapshot,
        caller: Option<&Caller>,
        profile: &Arc<Profile>,
        key: &PlanKey,
    ) -> Vec<Self> {
        let keys = Self::all_of(profile, &key.user, &key.application);
        match caller {
            Some(caller) => keys.into_iter().map(|key| key.checked_for(view, caller)).collect(),
            None => keys,
        }
    }

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
            Some(LegacyKey::Token(token)) => keys.push(Self::new(profile, Source::Token(token.clone()))),
            Some(LegacyKey::Imported(how)) => keys.push(Self::new(profile, Source::Imported(*how))),
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
            Source::Token(_) => KeySource::Token,
            #[cfg(feature = "enhanced")]
            Source::Enhanced(label, _) => KeySource::Enhanced(*label),
            #[cfg(not(feature = "enhanced"))]
            Source::Enhanced(label) => KeySource::Enhanced(*label),
            Source::Imported(how) => KeySource::Imported(*how),
        }
    }

    /// Names the key in an event.
    pub(crate) fn named(&self, event: Event) -> Event {
        let (by, label) = match self.source_kind() {
            KeySource::Masked | KeySource::Token | KeySource::Imported(_) => (TicketKind::Legacy, None),
            KeySource::Legacy(label) => (TicketKind::Legacy, Some(label)),
            KeySource::Enhanced(label) => (TicketKind::Enhanced, Some(label)),
        };
        let label = label.map(|label| label.to_string());
        Event { profile: Some(self.profile.name.to_string()), label, by: Some(by.to_string()), ..event }
    }

    pub(crate) fn explain(&self, error: Error) -> Error {
        let error = error.explained(|cause| cause.by_profile(self.profile.name.to_string(), self.described()));
        match &self.source {
            Source::Token(_) => error.explained(|cause| in_a_token(cause, &self.profile.name)),
            _ => error,
        }
    }

    pub(crate) fn generate(&self, saf: &Saf, request: &Request, time: Timestamp) -> Result<Ticket, Trouble> {
        self.allowed(saf)?;
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
            Source::Token(token) => {
                let key = saf.icsf().csnbenc_token(token)?;
                let session = legacy::Session::prepare(&InCkds(&key), &request.user, &request.application)?;
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
            Source::Imported(how) => Err(not_imported(*how)),
        }
    }

    /// By which algorithm the key works, and what it finds.
    pub(crate) fn evaluate(
        &self,
        saf: &Saf,
        request: &Request,
        ticket: &Ticket,
        now: Timestamp,
    ) -> Result<(TicketKind, Verdict), Trouble> {
        self.allowed(saf)?;
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
            Source::Token(token) => {
                let key = saf.icsf().csnbenc_token(token)?;
                let session = legacy::Session::prepare(&InCkds(&key), &request.user, &request.application)?;
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
            Source::Imported(how) => Err(not_imported(*how)),
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
    pub(crate) fn replay_allowed(&self, kind: TicketKind) -> bool {
        match kind {
            TicketKind::Legacy => self.profile.replay_bypassed(),
            _ => self.profile.ssignon.as_ref().is_some_and(crate::model::Ssignon::replay),
        }
    }
}

#[cfg(not(feature = "enhanced"))]
pub(crate) fn without_enhanced() -> Trouble {
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
    /// In a key token in the database: legacy.
    Token,
    /// In the CKDS: enhanced.
    Enhanced(KeyLabel),
    /// Not here: legacy, in the database the profile was imported from.
    Imported(ImportedKey),
}

/// Why the key of an imported profile cannot be used.
pub(crate) fn not_imported(how: ImportedKey) -> Trouble {
    let why = format!("the key is {how} in the database the profile was imported from: an unload does not hold it");
    Trouble::other(Cause::new(why).with_remedy("give it the key: RALTER PTKTDATA ... SSIGNON(KEYMASKED(...))"))
}

/// What is to be done about a key token in a profile: only while its master key is there can it be moved.
pub(crate) fn in_a_token(cause: Cause, profile: &ProfileName) -> Cause {
    cause
        .with_remedy(format!(
            "where the master key of the key token is set: RALTER PTKTDATA {profile} SSIGNON(ENCRYPTKEY), then \
             SETROPTS RACLIST(PTKTDATA) REFRESH"
        ))
        .with_remedy(format!(
            "where nobody has that master key: RALTER PTKTDATA {profile} SSIGNON(KEYENCRYPTED(...)) with the key itself"
        ))
}

pub(crate) fn describe(source: &KeySource) -> String {
    match source {
        KeySource::Masked => "legacy, masked in the security database".to_owned(),
        KeySource::Legacy(label) => format!("legacy, in the CKDS under {label}"),
        KeySource::Token => "legacy, in a key token in the security database".to_owned(),
        KeySource::Enhanced(label) => format!("enhanced, in the CKDS under {label}"),
        KeySource::Imported(how) => format!("legacy, {how} in the database the profile was imported from"),
    }
}

#[cfg(test)]
mod tests {
    use icsf_backends::Absent;
    use icsf_core::clock::ManualClock;
    use icsf_core::codes::ReasonCodes;
    use icsf_core::control::MemoryControl;
    use icsf_core::epoch::Epoch;
    use icsf_core::random::SeededRandom;
    use icsf_core::store::MemoryStore;
    use icsf_core::{Icsf, Parts};

    use super::*;
    use crate::command::NoSecrets;
    use crate::database::{Database, Edit};
    use crate::model::{Class, Ssignon};

    fn saf() -> Saf {
        let (epoch, clock) = (Arc::new(Epoch::in_memory()), Arc::new(ManualClock::at(1_763_110_800)));
        let icsf = Icsf::new(Parts {
            backend: Arc::new(Absent::new("none")),
            store: Arc::new(MemoryStore::default()),
            control: Arc::new(MemoryControl::default()),
            epoch: Arc::clone(&epoch),
            clock: Arc::clone(&clock) as Arc<_>,
            random: Arc::new(SeededRandom::new(1)),
            reason_codes: ReasonCodes::Icsf,
        });
        let database = Database::new(Arc::new(MemoryStore::default()), epoch);
        Saf::new(Arc::new(icsf), database, clock, Arc::new(ptkt::MemoryRegister::new()), "SY1")
    }

    /// An unload says how a key is kept, and not what it is: such a profile makes no tickets, and says why.
    #[test]
    fn a_key_that_stayed_where_its_profile_was_imported_from_makes_no_tickets() {
        let (saf, admin) = (saf(), Caller::user("IBMUSER".parse().unwrap()));
        let run = |command: &str| saf.command(&admin, command, &NoSecrets);
        run("SETROPTS CLASSACT(PTKTDATA) GENERIC(PTKTDATA)").unwrap();
        run("RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)").unwrap();
        for (how, line) in [
            (ImportedKey::Masked, "Legacy   PassTicket: KEYMASKED DATA NOT DISPLAYABLE"),
            (ImportedKey::Token, "Legacy   PassTicket: KEYTOKEN DATA NOT DISPLAYABLE"),
            (ImportedKey::Unknown, "Legacy   PassTicket: *UNKNOWN*"),
        ] {
            saf.database()
                .change(|_| {
                    let name = "TSOPRD1".parse().unwrap();
                    let mut profile = Profile::new(Class::Ptktdata, name, false, *admin.id());
                    let legacy = Some(LegacyKey::Imported(how));
                    profile.ssignon = Some(Ssignon { legacy, ..Ssignon::default() });
                    Ok::<_, Error>(vec![Edit::PutProfile(profile)])
                })
                .unwrap();
            run("SETROPTS RACLIST(PTKTDATA)").unwrap();
            let request = Request::new("U1".parse().unwrap(), "TSOPRD1".parse().unwrap());
            let error = saf.generate(&admin, &request).unwrap_err();
            assert_eq!((error.code(), error.triple().to_string().as_str()), (Code::GenerationKey, "8/16/28"));
            assert!(error.cause().why().contains(how.name()) && error.cause().remedies()[0].contains("RALTER"));
            let error = saf.evaluate(&admin, &request, &"AAAAAAAA".parse().unwrap()).unwrap_err();
            assert_eq!(error.code(), Code::EvaluationKey);
            let explained = saf.explain(&admin, &request).unwrap();
            assert!(!explained.steps.last().unwrap().good, "{explained:?}");
            assert_eq!(run("RLIST PTKTDATA TSOPRD1 NORACF SSIGNON").unwrap().lines[2], line);
            let refused = run("RALTER PTKTDATA TSOPRD1 SSIGNON(ENCRYPTKEY)").unwrap_err();
            assert!(refused.what().contains("in the database it was imported from, and not here"), "{refused}");
            run("RALTER PTKTDATA TSOPRD1 SSIGNON(KEYMASKED(E001193519561977))").unwrap();
            run("SETROPTS RACLIST(PTKTDATA) REFRESH").unwrap();
            saf.generate(&admin, &request).unwrap();
            run("SETROPTS NORACLIST(PTKTDATA)").unwrap();
        }
    }
}
