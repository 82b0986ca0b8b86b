//! Kerberos at the security server: whose token it is, which user that is, and signing on with it.

use std::fmt;

use icsf_core::backend::Etype;
use icsf_core::journal::{Event, What};
use icsf_core::{Cause, ClearKey, Icsf};
use ptkt::{Applid, UserId};

use crate::access::{Caller, access};
use crate::codes::Code;
use crate::database::Snapshot;
use crate::error::{Error, Result};
use crate::model::{Access, Class, PrincipalName};
use crate::passticket::Request;
use crate::principals::realm;
use crate::server::Saf;

/// Kerberos itself, as far as the security server needs it: what has it stands above this crate, and is handed in by who
/// puts a system together.
///
/// Contract: calls may overlap. No key, password or token is kept, but of each token accepted a mark, so that none is
/// accepted twice. Nothing but what is handed over is asked, so a call sees one state of the database.
pub trait Kerberos: Send + Sync + fmt::Debug {
    /// Makes the key that a password stands for, with this salt, in the way of its type.
    fn string_to_key(&self, etype: Etype, password: &[u8], salt: &[u8]) -> ClearKey;

    /// Verifies the first token of a client: an AP-REQ, or a token of GSS-API around one, for a server of the local realm
    /// of `registry` whose keys are in the CKDS.
    ///
    /// # Errors
    /// The number of the Kerberos error, and the cause: 29 when the engine or ICSF fails, with what they said.
    fn accept(
        &self,
        token: &[u8],
        icsf: &Icsf,
        registry: &Snapshot,
        now: u64,
    ) -> Result<KerberosClient, KerberosRefusal>;
}

/// Why a token is refused.
#[derive(Debug, Clone)]
pub struct KerberosRefusal {
    /// The number of the Kerberos error. Source: RFC 4120, section 7.5.9.
    pub number: u8,
    /// Why.
    pub cause: Box<Cause>,
}

/// A client whose token was accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct KerberosClient {
    /// Who it is.
    pub principal: PrincipalName,
    /// Its realm.
    pub realm: String,
    /// The server its ticket is for.
    pub server: PrincipalName,
    /// The token for the client, if it waits for one.
    pub reply: Option<Vec<u8>>,
}

/// Shows no token.
impl fmt::Debug for KerberosClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KerberosClient({}@{} at {})", self.principal, self.realm, self.server)
    }
}

impl KerberosClient {
    /// The name in the form in which R_usermap takes it: `/.../REALM/principal`.
    ///
    /// Source: SIC2046.
    #[must_use]
    pub fn global_name(&self) -> String {
        format!("/.../{}/{}", self.realm, self.principal)
    }
}

fn not_started(why: &str, remedy: &str) -> Error {
    Error::new(Code::KerberosNotStarted, Cause::new(why).with_remedy(remedy))
}

fn no_user(client: &KerberosClient) -> Error {
    let KerberosClient { principal, realm, .. } = client;
    let cause = Cause::new(format!("no user has the principal {principal}@{realm}"));
    Error::new(Code::SignOnUnknownUser, cause.with_remedy(format!("ALTUSER user KERB(KERBNAME('{principal}'))")))
}

impl Saf {
    /// Whose token it is: function 1 of R_ticketserv and R_GenSec. The caller needs READ to `IRR.RTICKETSERV` in class
    /// FACILITY. A token is good once.
    ///
    /// The ticket is for a service of the local realm, or for the principal of the caller; which one, the caller has to look
    /// at. Tickets for `krbtgt`, `kadmin` and for other users are refused: they are shown elsewhere, where somebody could
    /// pick them up.
    ///
    /// Source: RACF Callable Services, R_ticketserv; for whose ticket, SIC2047.
    ///
    /// # Errors
    /// [`Code::KerberosNotAuthorized`]; [`Code::KerberosNotStarted`] while the operator has stopped the Kerberos task, and
    /// without local realm; [`Code::KerberosRefused`] with the number of the Kerberos error, 29 without engine;
    /// [`Code::InternalError`].
    pub fn parse_token(&self, caller: &Caller, token: &[u8]) -> Result<KerberosClient> {
        self.may_use_kerberos(caller, "IRR.RTICKETSERV")?;
        self.accept_for(caller, token)
    }

    /// Accepts a context of GSS-API: function 2 of R_GenSec. As [`parse_token`](Self::parse_token), but for the profile:
    /// `IRR.GSSERV`.
    ///
    /// # Errors
    /// As [`parse_token`](Self::parse_token).
    pub fn accept_context(&self, caller: &Caller, token: &[u8]) -> Result<KerberosClient> {
        self.may_use_kerberos(caller, "IRR.GSSERV")?;
        self.accept_for(caller, token)
    }

    /// The user whose KERB segment names this client, as R_usermap finds it; none for a service, and for a client of
    /// another realm.
    ///
    /// # Errors
    /// [`Code::InternalError`].
    pub fn user_of_client(&self, client: &KerberosClient) -> Result<Option<UserId>> {
        let view = self.database().view()?;
        let local = view.local_realm().and_then(|profile| profile.kerb.as_ref());
        let row = local.filter(|local| local.name == client.realm).and_then(|_| view.principal(&client.principal));
        Ok(row.and_then(|principal| principal.user))
    }

    /// Signs on whom a token is of, to an application whose server is the principal `server`. No password is asked for, so a
    /// protected user can sign on so, too.
    ///
    /// Failures in a row are forgotten, as after a password, and none is counted: whose it would be is not known. In class
    /// APPL, if it is active, the user needs READ to the application.
    ///
    /// Source: for all but the codes, SIC2048.
    ///
    /// # Errors
    /// [`Code::KerberosNotStarted`], [`Code::KerberosRefused`], 35 for the ticket of another server; with
    /// [`Code::SignOnUnknownUser`] a principal that is no user's; [`Code::SignOnRevoked`], [`Code::SignOnApplication`],
    /// [`Code::InternalError`].
    pub fn sign_on_kerberos(
        &self,
        server: &PrincipalName,
        application: Applid,
        token: &[u8],
    ) -> Result<(UserId, KerberosClient)> {
        let mut user = None;
        let done = self.accept(token, |_, client| client.server == *server).and_then(|client| {
            user = Some(client.principal.to_string());
            let id = self.user_of_client(&client)?.ok_or_else(|| no_user(&client))?;
            user = Some(id.to_string());
            self.require_not_revoked(id)?;
            let request = Request::new(id, application);
            self.forget_failures(&request)?;
            self.require_application(&request)?;
            Ok((id, client))
        });
        let done = done.map_err(|error: Error| match &user {
            Some(user) => error.explained(|cause| cause.for_user(user.clone(), application.to_string())),
            None => error,
        });
        let by = done.as_ref().ok().map(|_| "kerberos".to_owned());
        self.told_of(What::SignOn, &done, |event| Event {
            user: user.clone(),
            application: Some(application.to_string()),
            by: by.clone(),
            ..event
        });
        done
    }

    fn require_not_revoked(&self, id: UserId) -> Result<()> {
        let view = self.database().view()?;
        let user = view.user(&id).ok_or_else(|| {
            let cause = Cause::new(format!("user {id} is not there or damaged"));
            Error::new(Code::SignOnUnknownUser, cause.with_remedy(format!("ADDUSER {id}")))
        })?;
        if !user.revoked {
            return Ok(());
        }
        let cause = Cause::new("the user is revoked").with_remedy(format!("ALTUSER {id} RESUME"));
        Err(Error::new(Code::SignOnRevoked, cause))
    }

    fn accept_for(&self, caller: &Caller, token: &[u8]) -> Result<KerberosClient> {
        self.accept(token, |view, client| {
            let realm = view.local_realm().and_then(|profile| profile.kerb.as_ref());
            let own = realm.is_none_or(|realm| realm::is_own(&realm.name, &client.server));
            let user = view.principal(&client.server).and_then(|principal| principal.user);
            !own && user.is_none_or(|user| user == *caller.id())
        })
    }

    /// Accepts a token for a server that `is_meant`.
    fn accept(
        &self,
        token: &[u8],
        is_meant: impl FnOnce(&Snapshot, &KerberosClient) -> bool,
    ) -> Result<KerberosClient> {
        /// KRB_AP_ERR_NOT_US.
        const NOT_US: u8 = 35;
        let kerberos = self.kerberos().ok_or_else(|| {
            not_started("this program has no Kerberos", "put the system together with Saf::with_kerberos")
        })?;
        let switches = self.icsf().view().map_err(|error| Error::from_icsf(Code::InternalError, error))?;
        if !switches.control.kerberos_started {
            let why = "the Kerberos task is not started: the operator has stopped it";
            return Err(not_started(why, "START SKRBKDC"));
        }
        let view = self.database().view()?;
        let realm = view.local_realm().and_then(|profile| profile.kerb.as_ref());
        if realm.is_none_or(|realm| realm.name.is_empty()) {
            return Err(not_started(
                "there is no local realm, so there is no Kerberos task",
                "RDEFINE REALM KERBDFLT KERB(KERBNAME(...) PASSWORD(...))",
            ));
        }
        let client = kerberos
            .accept(token, self.icsf(), &view, self.now())
            .map_err(|refusal| Error::kerberos(refusal.number, *refusal.cause))?;
        if is_meant(&view, &client) {
            return Ok(client);
        }
        let why = format!("the ticket is for {}, and not for a server of this caller", client.server);
        Err(Error::kerberos(NOT_US, Cause::new(why).with_remedy("get a ticket for the service that is to accept it")))
    }

    /// That a caller may use the Kerberos functions.
    ///
    /// Source: RACF Callable Services, R_ticketserv and R_GenSec, authorization: READ to this profile in class FACILITY.
    fn may_use_kerberos(&self, caller: &Caller, resource: &str) -> Result<()> {
        let view = self.database().view()?;
        let class = Class::Facility;
        let profile = view.protecting(class, resource).filter(|_| view.options().active.contains(&class));
        let given = profile.map_or(Access::None, |profile| access(&view, profile, caller));
        if given >= Access::Read || profile.is_some_and(|profile| profile.warning) {
            return Ok(());
        }
        let id = caller.id();
        let why = format!("caller {id} needs READ to {resource} in class {class}");
        Err(Error::new(
            Code::KerberosNotAuthorized,
            Cause::new(why)
                .with_remedy(format!("SETROPTS CLASSACT({class})"))
                .with_remedy(format!("RDEFINE {class} {resource} UACC(NONE)"))
                .with_remedy(format!("PERMIT {resource} CLASS({class}) ID({id}) ACCESS(READ)")),
        ))
    }
}
