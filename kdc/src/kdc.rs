//! The KDC: a request in, a reply out. No socket, no clock, no store of its own.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use icsf_core::backend::Etype;
use icsf_core::codes::ReasonCodes;
use icsf_core::engine::EngineState;
use icsf_core::random::RandomSource;
use icsf_core::{Cause, Icsf};
use icsf_saf::Snapshot;
use icsf_saf::model::{Principal, Realm};
use rasn::types::GeneralString;
use rasn_kerberos as wire;

use crate::ap_req::Verifier;
use crate::cache::{LookAside, Replays};
use crate::codes::ErrorCode;
use crate::failures::{Failures, Lockout};
use crate::flags::KdcOptions;
use crate::keys::{self, CkdsKeys};
use crate::lifetime::Asked;
use crate::messages::{self, Exchange, KrbError, Request, asked_seconds};
use crate::outcome::{Issued, Outcome, Refusal, Result as Became};
use crate::{as_exchange, tgs_exchange};

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How far the clocks of clients may be away, in seconds.
    pub clock_skew: u32,
    /// What a client is answered when ICSF or its engine fails: [`ErrorCode::ServiceUnavailable`], for which clients show
    /// their own text, or [`ErrorCode::Generic`], for which they show ours where they show one.
    pub engine_error: EngineError,
}

/// The code for failures of ICSF and its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineError {
    /// 29, a service is not available.
    #[default]
    ServiceUnavailable,
    /// 60, with the reason in the text.
    Generic,
}

impl Default for Settings {
    /// Five minutes of skew, as every Kerberos has it; code 29.
    fn default() -> Self {
        Self { clock_skew: 300, engine_error: EngineError::default() }
    }
}

/// A KDC over the keys of an ICSF. It keeps the replies and authenticators of the last minutes, bounded, and nothing else;
/// calls may overlap.
#[derive(Debug)]
pub struct Kdc(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    icsf: Arc<Icsf>,
    random: Arc<dyn RandomSource>,
    lockout: Option<Arc<dyn Lockout>>,
    settings: Settings,
    look_aside: LookAside,
    replays: Replays,
    failures: Failures,
}

/// What a request came to.
#[derive(Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The bytes to send; none for what is no request.
    pub reply: Option<Arc<[u8]>>,
    /// What became of it.
    pub outcome: Outcome,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.reply.as_ref().map(|reply| reply.len());
        f.debug_struct("Answer").field("bytes", &bytes).field("outcome", &self.outcome).finish()
    }
}

/// How much a KDC remembers. Each number has a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remembered {
    /// Replies of the last two minutes: 4096 at most.
    pub replies: usize,
    /// The bytes of all replies: 4 MiB at most.
    pub reply_bytes: usize,
    /// Authenticators: 32,768 at most.
    pub authenticators: usize,
    /// Principals that failed to authenticate themselves: 4096 at most.
    pub failures: usize,
}

impl Kdc {
    /// A KDC whose session keys come from `random`.
    #[must_use]
    pub fn new(icsf: Arc<Icsf>, random: Arc<dyn RandomSource>, settings: Settings) -> Self {
        Self(Arc::new(Shared {
            icsf,
            random,
            lockout: None,
            settings,
            look_aside: LookAside::new(),
            replays: Replays::new(),
            failures: Failures::new(),
        }))
    }

    /// With somebody who revokes users that failed too often. Without, failures are not counted.
    #[must_use]
    pub fn with_lockout(self, lockout: Arc<dyn Lockout>) -> Self {
        let Shared { icsf, random, settings, .. } = &*self.0;
        Self(Arc::new(Shared {
            icsf: Arc::clone(icsf),
            random: Arc::clone(random),
            lockout: Some(lockout),
            settings: *settings,
            look_aside: LookAside::new(),
            replays: Replays::new(),
            failures: Failures::new(),
        }))
    }

    /// What can be set, as it is.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.0.settings
    }

    /// ICSF, where the keys are.
    #[must_use]
    pub fn icsf(&self) -> &Arc<Icsf> {
        &self.0.icsf
    }

    /// The authenticators it saw: the services on the keys of the KDC share them.
    #[must_use]
    pub fn replays(&self) -> &Replays {
        &self.0.replays
    }

    /// How much it remembers.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        let (replies, reply_bytes) = self.0.look_aside.kept();
        let (authenticators, failures) = (self.0.replays.kept(), self.0.failures.counted());
        Remembered { replies, reply_bytes, authenticators, failures }
    }

    /// Answers a request that came from `peer` at `now`, seconds since 1970 UTC, by what the security database holds.
    pub fn handle(&self, request: &[u8], peer: IpAddr, now: u64, registry: &Arc<Snapshot>) -> Answer {
        let shared = &self.0;
        let ended = |exchange, result| Outcome { exchange, peer, client: None, server: None, result };
        let remembered = shared.generation().map(|generation| {
            let mark = shared.look_aside.mark(&(request, peer));
            (mark, generation)
        });
        if let Some(reply) = remembered.and_then(|(mark, of)| shared.look_aside.get(mark, now, of)) {
            return Answer { reply: Some(reply), outcome: ended(None, Became::Repeated) };
        }
        let (request, wrong) = match Request::read(request) {
            Ok(read) => read,
            Err(malformed) => return Answer { reply: None, outcome: ended(None, Became::Malformed(malformed)) },
        };
        let request = Arc::new(request);
        let (known, result) = match wrong {
            Some(code) => (Known::default(), Err(Refusal::new(code, "version or type of the request is wrong"))),
            None => {
                let (shared, request, registry) = (Arc::clone(shared), Arc::clone(&request), Arc::clone(registry));
                let exchange = move || shared.exchange(&request, peer, now, &registry);
                // One lane inside the engine for all that the request asks of it.
                self.0
                    .icsf
                    .in_engine(exchange)
                    .unwrap_or_else(|error| (Known::default(), Err(Refusal::icsf(&error, self.0.icsf.reason_codes()))))
            }
        };
        let body = &request.body;
        let client = || body.cname.as_ref().map(|name| messages::shown(Some(name), &body.realm));
        let server = || messages::shown(body.sname.as_ref(), &body.realm);
        let outcome = |result| Outcome {
            exchange: Some(request.exchange),
            peer,
            client: known.client.or_else(client),
            server: Some(known.server.unwrap_or_else(server)),
            result,
        };
        match result {
            Ok((reply, issued)) => {
                let reply: Arc<[u8]> = reply.into();
                if let Some((mark, generation)) = remembered {
                    shared.look_aside.put(mark, now, generation, Arc::clone(&reply));
                }
                Answer { reply: Some(reply), outcome: outcome(Became::Issued(issued)) }
            }
            Err(refusal) => {
                let reply = shared.refuse(&request, &refusal, now, registry);
                Answer { reply: Some(reply.into()), outcome: outcome(Became::Refused(refusal)) }
            }
        }
    }

    /// A KRB-ERROR for what is no request: a length that is none, a reply too long for UDP.
    #[must_use]
    pub fn error(&self, code: ErrorCode, now: u64, registry: &Snapshot) -> Vec<u8> {
        let realm = realm_name(registry);
        KrbError { code, text: None, data: None, now, realm, client: None, server: None }.encode()
    }
}

/// Who is concerned, as far as the exchange found out.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) client: Option<String>,
    pub(crate) server: Option<String>,
}

type Exchanged = (Known, Result<(Vec<u8>, Issued), Refusal>);

impl Shared {
    /// The engine in use; none when there is none that can be used.
    fn generation(&self) -> Option<u64> {
        let view = self.icsf.view().ok()?;
        let usable = view.control.started && view.engine.state == EngineState::Online;
        usable.then_some(view.engine.generation)
    }

    fn exchange(&self, request: &Request, peer: IpAddr, now: u64, registry: &Snapshot) -> Exchanged {
        let mut known = Known::default();
        let realm = registry.local_realm().and_then(|profile| profile.kerb.as_ref());
        let Some(realm) = realm else {
            let cause =
                Cause::new("there is no local realm").with_remedy("RDEFINE REALM KERBDFLT KERB(KERBNAME(...) ...)");
            let refusal = Refusal::new(ErrorCode::ServiceUnavailable, "the KDC has no realm").because(cause);
            return (known, Err(refusal));
        };
        let ask = Ask { shared: self, request, peer, now, registry, realm };
        let result = match request.exchange {
            Exchange::As => as_exchange::exchange(&ask),
            Exchange::Tgs => tgs_exchange::exchange(&ask, &mut known),
        };
        (known, result)
    }

    fn refuse(&self, request: &Request, refusal: &Refusal, now: u64, registry: &Snapshot) -> Vec<u8> {
        let body = &request.body;
        let engine = match self.settings.engine_error {
            EngineError::ServiceUnavailable => ErrorCode::ServiceUnavailable,
            EngineError::Generic => ErrorCode::Generic,
        };
        let error = KrbError {
            code: refusal.code_with(engine),
            text: Some(Cow::Borrowed(refusal.reason())),
            data: refusal.data.clone(),
            now,
            realm: realm_name(registry),
            client: body.cname.as_ref().map(|name| (&body.realm, name)),
            server: body.sname.as_ref(),
        };
        error.encode()
    }
}

fn realm_name(registry: &Snapshot) -> &str {
    registry.local_realm().and_then(|profile| profile.kerb.as_ref()).map_or("", |realm| &realm.name)
}

/// A request, and all it is answered from.
pub(crate) struct Ask<'a> {
    shared: &'a Shared,
    pub(crate) request: &'a Request,
    pub(crate) peer: IpAddr,
    pub(crate) now: u64,
    pub(crate) registry: &'a Snapshot,
    pub(crate) realm: &'a Realm,
}

impl<'a> Ask<'a> {
    pub(crate) fn icsf(&self) -> &'a Icsf {
        &self.shared.icsf
    }

    pub(crate) fn random(&self) -> &'a dyn RandomSource {
        &*self.shared.random
    }

    pub(crate) fn numbering(&self) -> ReasonCodes {
        self.shared.icsf.reason_codes()
    }

    pub(crate) fn skew(&self) -> u32 {
        self.shared.settings.clock_skew
    }

    pub(crate) fn options(&self) -> KdcOptions {
        KdcOptions::from(&self.request.body.kdc_options)
    }

    /// The times the client asks for.
    pub(crate) fn asked(&self) -> Asked {
        let body = &self.request.body;
        Asked {
            from: body.from.as_ref().and_then(asked_seconds),
            till: asked_seconds(&body.till),
            renew_till: body.rtime.as_ref().and_then(asked_seconds),
        }
    }

    pub(crate) fn realm_name(&self) -> &'a str {
        &self.realm.name
    }

    pub(crate) fn is_local(&self, realm: &GeneralString) -> bool {
        realm.as_bytes() == self.realm.name.as_bytes()
    }

    /// The principal of this name and realm; `unknown` otherwise, with the cause where its row cannot be read.
    pub(crate) fn principal(
        &self,
        name: &wire::PrincipalName,
        realm: &GeneralString,
        unknown: Refusal,
    ) -> Result<&'a Principal, Refusal> {
        let Some(name) = messages::name(name).filter(|_| self.is_local(realm)) else { return Err(unknown) };
        self.registry.principal(&name).map(|principal| &**principal).ok_or_else(|| {
            match self.registry.damaged_principal(&name) {
                Some(why) => unknown.because(Cause::new(format!("principal {name} is damaged: {why}"))),
                None => unknown,
            }
        })
    }

    /// The first encryption type of the client that the server has a key of.
    pub(crate) fn session_etype(&self, server: &Principal) -> Result<Etype, Refusal> {
        let has = |etype: &Etype| server.newest_keys().any(|key| key.etype == *etype);
        self.request.etypes().find(has).ok_or_else(|| match server.key_version() {
            0 => keys::no_key(server),
            _ => Refusal::new(ErrorCode::EtypeUnsupported, "no encryption type in common with the server"),
        })
    }

    pub(crate) fn keys(&self) -> CkdsKeys<'a> {
        CkdsKeys { icsf: self.icsf(), registry: self.registry }
    }

    pub(crate) fn verifier<'k>(&self, keys: &'k CkdsKeys<'_>, usage: u32) -> Verifier<'k>
    where
        'a: 'k,
    {
        Verifier {
            realm: &self.realm.name,
            keys,
            replays: &self.shared.replays,
            numbering: self.numbering(),
            skew: self.skew(),
            now: self.now,
            peer: Some(self.peer),
            usage,
        }
    }

    /// Why the times asked for cannot be had.
    pub(crate) fn no_times(&self) -> impl Fn(ErrorCode) -> Refusal {
        |code| {
            let reason = match code {
                ErrorCode::CannotPostdate => "a start in the future, and no postdated ticket was asked for",
                ErrorCode::NeverValid => "the ticket would end before it starts, or soon after",
                ErrorCode::BadOption => "the ticket is not renewable",
                ErrorCode::TicketNotYetValid => "the ticket does not start yet",
                _ => "the ticket has expired",
            };
            Refusal::new(code, reason)
        }
    }

    /// Counts a failure of the client to authenticate itself.
    pub(crate) fn count_failure(&self, client: &Principal) {
        let (Some(lockout), Some(user)) = (&self.shared.lockout, &client.user) else { return };
        let Some(limit) = self.registry.options().revoke_after else { return };
        let failures = self.shared.failures.count(&client.name);
        // A write that failed is tried again at the next failure.
        if failures >= limit && lockout.revoke(user, failures).is_ok() {
            self.shared.failures.forget(&client.name);
        }
    }

    /// The client has authenticated itself.
    pub(crate) fn forget_failures(&self, client: &Principal) {
        self.shared.failures.forget(&client.name);
    }
}
