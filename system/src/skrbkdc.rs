//! The Kerberos task of a system, SKRBKDC on z/OS: the KDC and the password service at work on a network.
//!
//! The KDC is a function of the request and of what the system holds when it comes; so what another process changes, the
//! engine's switch among it, counts for the very next request.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use icsf_core::Cause;
use icsf_core::journal::{Event, Outcome as Ended, What};
use icsf_core::random::{RandomSource, SystemRandom};
use icsf_kdc::codes::ErrorCode;
use icsf_kdc::kpasswd::{Change, PasswordAnswer, PasswordRequest, PasswordService, Rejected, ResultCode};
use icsf_kdc::server::{Limits, Origin, Server, Service};
use icsf_kdc::{Acceptor, CkdsKeys, Kdc, Lockout, Settings};
use icsf_saf::model::PrincipalName;
use icsf_saf::principals::{NewKeys, PrincipalErrorKind};
use icsf_saf::{Caller, Snapshot};
use ptkt::UserId;
use secrecy::SecretString;

use crate::system::System;

/// How the Kerberos task is to serve.
#[derive(Clone)]
#[non_exhaustive]
pub struct KerberosOptions {
    /// Where the KDC listens.
    pub kdc: SocketAddr,
    /// Where the password service listens, if it is to be there.
    pub kpasswd: Option<SocketAddr>,
    /// What the KDC allows.
    pub settings: Settings,
    /// What clients may cost.
    pub limits: Limits,
    /// Takes a line for each request: who asked for what, and what came of it. No key, ticket or password is in it.
    pub log: Option<Log>,
}

/// Takes lines. Calls overlap.
pub type Log = Arc<dyn Fn(&dyn fmt::Display) + Send + Sync>;

impl KerberosOptions {
    /// The KDC at this address and nothing else.
    #[must_use]
    pub fn at(kdc: SocketAddr) -> Self {
        Self { kdc, kpasswd: None, settings: Settings::default(), limits: Limits::default(), log: None }
    }
}

impl fmt::Debug for KerberosOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KerberosOptions")
            .field("kdc", &self.kdc)
            .field("kpasswd", &self.kpasswd)
            .field("settings", &self.settings)
            .field("limits", &self.limits)
            .field("log", &self.log.is_some())
            .finish()
    }
}

/// The Kerberos task at work, until it is dropped.
#[derive(Debug)]
pub struct KerberosTask {
    kdc: Server,
    kpasswd: Option<Server>,
}

impl KerberosTask {
    /// Serves the local realm of a system. While the operator has stopped the task (`STOP SKRBKDC`), nobody gets an answer.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use icsf_kdc::server::loopback;
    /// use softicsf::{KerberosOptions, KerberosTask, System, icsf_kdc};
    ///
    /// let system = Arc::new(System::in_memory().build()?);
    /// let task = KerberosTask::start(&system, KerberosOptions::at(loopback(0)))?;
    /// println!("clients find the KDC at {}", task.kdc().address());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the machine says of a port that cannot be had.
    pub fn start(system: &Arc<System>, options: KerberosOptions) -> io::Result<Self> {
        let random: Arc<dyn RandomSource> = Arc::new(SystemRandom);
        let kdc = Kdc::new(Arc::clone(system.saf().icsf()), Arc::clone(&random), options.settings)
            .with_lockout(Arc::new(Revoker(Arc::clone(system))));
        let desk = Arc::new(Desk { system: Arc::clone(system), kdc, random, log: options.log });
        let kpasswd = options.kpasswd.map(|address| {
            let service = Passwords { desk: Arc::clone(&desk), service: PasswordService::new() };
            Server::start(address, Arc::new(service), options.limits)
        });
        let kpasswd = kpasswd.transpose()?;
        Ok(Self { kdc: Server::start(options.kdc, Arc::new(Tickets(desk)), options.limits)?, kpasswd })
    }

    /// The server of the KDC: its address, and what it has counted.
    #[must_use]
    pub const fn kdc(&self) -> &Server {
        &self.kdc
    }

    /// The server of the password service.
    #[must_use]
    pub const fn kpasswd(&self) -> Option<&Server> {
        self.kpasswd.as_ref()
    }
}

/// What both services work with.
struct Desk {
    system: Arc<System>,
    kdc: Kdc,
    random: Arc<dyn RandomSource>,
    log: Option<Log>,
}

impl Desk {
    fn log(&self, line: &dyn fmt::Display) {
        if let Some(log) = &self.log {
            log(line);
        }
    }

    /// The security database, while the operator lets the task run.
    fn registry(&self) -> Option<Arc<Snapshot>> {
        let started = self.system.saf().icsf().view().map(|view| view.control.kerberos_started);
        match started.map_err(|error| error.to_string()).and_then(|started| {
            let view = self.system.saf().database().view().map_err(|error| error.to_string())?;
            Ok(started.then_some(view))
        }) {
            Ok(view) => view,
            Err(why) => {
                self.log(&format_args!("not answered: {why}"));
                None
            }
        }
    }

    fn refuse(&self, code: ErrorCode) -> Vec<u8> {
        let registry = self.registry().unwrap_or_default();
        self.kdc.error(code, self.system.now(), &registry)
    }
}

/// The KDC as a service of a network.
struct Tickets(Arc<Desk>);

impl Service for Tickets {
    fn answer(&self, request: &[u8], origin: &Origin) -> Option<Vec<u8>> {
        let desk = &self.0;
        let registry = desk.registry()?;
        let answer = desk.kdc.handle(request, origin.peer.ip(), desk.system.now(), &registry);
        answer.outcome.tell(desk.system.saf().icsf());
        desk.log(&answer.outcome);
        answer.reply.map(|reply| reply.to_vec())
    }

    fn refuse(&self, code: ErrorCode) -> Vec<u8> {
        self.0.refuse(code)
    }
}

/// The password service as a service of a network.
struct Passwords {
    desk: Arc<Desk>,
    service: PasswordService,
}

impl Service for Passwords {
    fn answer(&self, request: &[u8], origin: &Origin) -> Option<Vec<u8>> {
        let (desk, icsf) = (&self.desk, self.desk.system.saf().icsf());
        let registry = desk.registry()?;
        let realm = registry.local_realm().and_then(|profile| profile.kerb.as_ref());
        let keys = CkdsKeys { icsf, registry: &registry };
        let acceptor = Acceptor {
            realm: realm.map_or("", |realm| realm.name.as_str()),
            keys: &keys,
            replays: desk.kdc.replays(),
            numbering: icsf.reason_codes(),
            skew: desk.kdc.settings().clock_skew,
        };
        let request = PasswordRequest {
            bytes: request,
            peer: origin.peer.ip(),
            local: local_address(origin),
            now: desk.system.now(),
        };
        let mut failed = None;
        let answer = self.service.handle(&acceptor, &*desk.random, &request, &mut |change| {
            set_password(&desk.system, &registry, change).map_err(|(rejected, cause)| {
                failed = cause;
                rejected
            })
        });
        self.tell(&answer, failed.as_deref());
        desk.log(&Told { answer: &answer, origin });
        answer.reply.map(|reply| reply.to_vec())
    }

    fn refuse(&self, code: ErrorCode) -> Vec<u8> {
        self.desk.refuse(code)
    }
}

impl Passwords {
    /// Tells the journal what came of a request; one that came again was told before.
    fn tell(&self, answer: &PasswordAnswer, cause: Option<&Cause>) {
        let Some((result, text)) = &answer.result else { return };
        self.desk.system.saf().icsf().tell(What::Kpasswd, |event| {
            let shown = |name: &Option<PrincipalName>| name.as_ref().map(ToString::to_string);
            let event = Event { caller: shown(&answer.client), user: shown(&answer.target), ..event };
            match cause.or_else(|| answer.refusal.as_ref()?.cause()) {
                _ if *result == ResultCode::Success => event,
                Some(cause) => event.because(cause),
                None => Event { outcome: Ended::Failed, cause: Some(text.clone()), ..event },
            }
        });
    }
}

/// A line of the log.
struct Told<'a> {
    answer: &'a PasswordAnswer,
    origin: &'a Origin,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.answer;
        write!(f, "kpasswd {}: ", self.origin.peer.ip())?;
        match &answer.result {
            None if answer.reply.is_some() => return f.write_str("repeated"),
            None => return f.write_str("not answered, it is no request"),
            Some((ResultCode::Success, _)) => f.write_str("changed")?,
            Some((result, text)) => write!(f, "refused with {}, {text}", result.number())?,
        }
        let name = |name: &Option<PrincipalName>| name.as_ref().map_or_else(|| "(unknown)".into(), ToString::to_string);
        write!(f, ", {} by {}", name(&answer.target), name(&answer.client))
    }
}

/// The address of this machine that a request came to: of a datagram to a server of all addresses, the one that is used for
/// replies to its client.
fn local_address(origin: &Origin) -> IpAddr {
    let known = origin.local.ip();
    if !known.is_unspecified() {
        return known;
    }
    let found = UdpSocket::bind((known, 0)).and_then(|socket| {
        socket.connect(origin.peer)?;
        socket.local_addr()
    });
    found.map_or(known, |address| address.ip())
}

/// Sets a password: everybody their own, and kadmin/admin everybody's.
fn set_password(
    system: &System,
    registry: &Snapshot,
    change: &Change<'_>,
) -> Result<(), (Rejected, Option<Box<Cause>>)> {
    let rejected = |result, text: String| Rejected { result, text };
    let administers = change.client.components().iter().eq(["kadmin", "admin"]);
    if change.client != change.target && !administers {
        let text = format!("{} may set no password but its own", change.client);
        return Err((rejected(ResultCode::AccessDenied, text), None));
    }
    let user = registry.principal(change.client).and_then(|principal| principal.user);
    // Who is no user changes it through the task, in whose name the change is told.
    let caller = user.or_else(|| "SKRBKDC".parse().ok()).map(Caller::user);
    let Some(caller) = caller else { return Err((rejected(ResultCode::HardError, "no caller".to_owned()), None)) };
    let password = SecretString::from(change.password);
    system.saf().change_principal_keys(&caller, change.target, NewKeys::Password(&password)).map_err(|error| {
        let result = match error.kind() {
            PrincipalErrorKind::PasswordRefused => ResultCode::SoftError,
            PrincipalErrorKind::Icsf | PrincipalErrorKind::Database => ResultCode::HardError,
            _ => ResultCode::AccessDenied,
        };
        (rejected(result, error.to_string()), error.cause().cloned().map(Box::new))
    })
}

/// Revokes users in the security database.
struct Revoker(Arc<System>);

impl Lockout for Revoker {
    fn revoke(&self, user: &UserId, failures: u8) -> Result<(), String> {
        self.0.saf().revoke_after_failures(user, failures).map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Revoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revoker")
    }
}
