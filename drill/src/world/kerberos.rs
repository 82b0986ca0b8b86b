//! Kerberos at a site: its KDC, its servers, and what users hold of tickets.
//!
//! The KDC is asked in bytes, as over a network, at the time the site believes in; users have the right time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use icsf_core::Cause;
use icsf_core::backend::Etype;
use icsf_core::random::RandomSource;
use icsf_saf::codes::Code as Situation;
use icsf_saf::model::{Principal, PrincipalKey, PrincipalName};
use icsf_saf::{SignedOnBy, Snapshot};
use secrecy::{ExposeSecret, SecretString};
use softicsf::icsf_kdc::KeytabKeys;
use softicsf::icsf_kdc::client::{Client, ClientError, Credentials};
use softicsf::icsf_kdc::crypto::encrypt;
use softicsf::icsf_kdc::keytab::Entry;
use softicsf::icsf_kdc::outcome::Result as Became;
use softicsf::icsf_kdc::{Acceptor, CkdsKeys, Kdc, Refusal, Replays, ServerKeys, Settings};
use softicsf::{System, UserId};
use zeroize::Zeroizing;

use crate::consumer::Failure;
use crate::survey::{Kept, Surveyed};

/// From where everybody asks.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What there is of Kerberos beside the sites: the servers with their keytabs, and the tickets of users. Servers move with
/// the work, and take their keytabs along; users keep their tickets.
pub(crate) struct Realm {
    pub(crate) name: String,
    pub(crate) users: BTreeMap<UserId, (PrincipalName, SecretString)>,
    /// Servers; those with a keytab with what is in it.
    pub(crate) servers: BTreeMap<PrincipalName, Option<Vec<Entry>>>,
    wallets: RefCell<BTreeMap<UserId, Wallet>>,
    /// Session keys and tickets there were, as somebody might print them.
    seen: RefCell<Vec<Zeroizing<String>>>,
    random: Arc<dyn RandomSource>,
}

/// The tickets of a user.
#[derive(Debug, Default)]
struct Wallet {
    granter: Option<Credentials>,
    servers: BTreeMap<PrincipalName, Credentials>,
}

/// The KDC of a site, and the authenticators its servers saw.
pub(crate) struct Desk {
    kdc: Kdc,
    replays: Replays,
}

impl Desk {
    pub(crate) fn new(system: &System, random: Arc<dyn RandomSource>) -> Self {
        Self { kdc: Kdc::new(Arc::clone(system.saf().icsf()), random, Settings::default()), replays: Replays::new() }
    }
}

impl Realm {
    pub(crate) fn new(name: String, random: Arc<dyn RandomSource>) -> Self {
        Self {
            name,
            users: BTreeMap::new(),
            servers: BTreeMap::new(),
            wallets: RefCell::default(),
            seen: RefCell::default(),
            random,
        }
    }

    /// All that must not come out: session keys, and the keys in keytabs.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        let keys = self.servers.values().flatten().flatten().flat_map(|entry| printed(entry.key.expose()));
        keys.chain(self.seen.borrow().iter().cloned()).collect()
    }
}

/// The ways in which bytes are usually printed.
fn printed(bytes: &[u8]) -> [Zeroizing<String>; 3] {
    use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
    [HEXUPPER, HEXLOWER, BASE64].map(|form| Zeroizing::new(form.encode(bytes)))
}

/// Kerberos at one site, at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Kerberos<'a> {
    pub(crate) realm: &'a Realm,
    pub(crate) desk: &'a Desk,
    pub(crate) system: &'a System,
    /// By the clocks of users.
    pub(crate) now: u64,
}

impl std::fmt::Debug for Kerberos<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kerberos({})", self.realm.name)
    }
}

impl Kerberos<'_> {
    /// Gets a user a ticket for the ticket granter, as kinit does; answers how long it lives from now on.
    pub(crate) fn init(&self, user: UserId) -> Result<u64, Failure> {
        let (principal, password) = self.user(user)?;
        let folded = self.registry()?.options().mixed_case;
        let password = password.expose_secret();
        // As RACF keeps it, and users learn to type it.
        let password = Zeroizing::new(if folded { password.to_owned() } else { password.to_ascii_uppercase() });
        let credentials = self.asked(|wire| self.client(principal).initial(&password, wire))?;
        let end = self.seen(&credentials);
        self.wallet(user, |wallet| *wallet = Wallet { granter: Some(credentials), ..Wallet::default() });
        Ok(end)
    }

    /// Gets a user a ticket for a server, as kvno does; answers how long it lives from now on.
    pub(crate) fn ticket(&self, user: UserId, server: &PrincipalName) -> Result<u64, Failure> {
        let (principal, _) = self.user(user)?;
        let granter = self.wallet(user, |wallet| wallet.granter.take());
        let Some(granter) = granter else {
            return Err(nothing_held(user, &format!("krbtgt/{}", self.realm.name), "krb.init"));
        };
        let got = self.asked(|wire| self.client(principal).for_server(&granter, server, wire));
        self.wallet(user, |wallet| wallet.granter = Some(granter));
        let credentials = got?;
        let end = self.seen(&credentials);
        self.wallet(user, |wallet| wallet.servers.insert(server.clone(), credentials));
        Ok(end)
    }

    /// Shows a server the ticket that a user holds for it; answers how long that one lives from now on.
    pub(crate) fn accept(&self, user: UserId, server: &PrincipalName) -> Result<u64, Failure> {
        let (principal, _) = self.user(user)?;
        let shown = self.wallet(user, |wallet| {
            let held = wallet.servers.get(server)?;
            Some((self.client(principal).ap_req(held), held.end))
        });
        let (request, end) = shown.ok_or_else(|| nothing_held(user, &server.to_string(), "krb.ticket"))?;
        let request = request.map_err(|error| Failure::because(Cause::new(error.to_string())))?;
        let registry = self.registry()?;
        let from_keytab;
        let from_ckds;
        let keys: &dyn ServerKeys = match self.realm.servers.get(server) {
            Some(Some(keytab)) => {
                from_keytab = KeytabKeys { realm: &self.realm.name, entries: keytab };
                &from_keytab
            }
            _ => {
                self.require_started()?;
                from_ckds = CkdsKeys { icsf: self.system.icsf(), registry: &registry };
                &from_ckds
            }
        };
        let acceptor = Acceptor {
            realm: &self.realm.name,
            keys,
            replays: &self.desk.replays,
            numbering: self.system.icsf().reason_codes(),
            skew: self.desk.kdc.settings().clock_skew,
        };
        let accepted =
            acceptor.accept(&request, Some(CLIENT), self.system.now()).map_err(|refusal| of_refusal(&refusal))?;
        let known = registry.principal(accepted.client()).and_then(|principal| principal.user);
        if known != Some(user) {
            let why = format!("{} is the principal of another user, or of none", accepted.client());
            return Err(Failure::because(Cause::new(why)));
        }
        Ok(end.saturating_sub(self.now))
    }

    /// Signs a user on to a server, with a ticket that is held while it lives, else with a new one.
    pub(crate) fn sign_on(&self, user: UserId, server: &PrincipalName) -> Result<SignedOnBy, Failure> {
        let lives = |credentials: &Credentials| credentials.end > self.now;
        if !self.wallet(user, |wallet| wallet.servers.get(server).is_some_and(lives)) {
            if !self.wallet(user, |wallet| wallet.granter.as_ref().is_some_and(lives)) {
                self.init(user)?;
            }
            self.ticket(user, server)?;
        }
        self.accept(user, server).map(|_lives| SignedOnBy::Kerberos)
    }

    /// The servers, each tried: whether somebody without ticket could get in now. Of one with a keytab that is not known
    /// while there are no new tickets: those who hold one get in.
    pub(crate) fn surveyed(&self) -> Vec<Surveyed> {
        let all = self.realm.servers.iter();
        let all = all.map(|(server, keytab)| {
            let label = self.registry().ok().and_then(|view| {
                let key = view.principal(server)?.newest_keys().next()?;
                Some(key.label.to_string())
            });
            let usable = self.can_issue(server);
            Surveyed {
                profile: server.to_string(),
                protection: if keytab.is_some() { Kept::Keytab } else { Kept::Kerberos },
                label,
                tolerance: self.desk.kdc.settings().clock_skew,
                reuse: false,
                masked: false,
                stale: false,
                usable: if keytab.is_some() { usable.ok().map(Ok) } else { Some(usable) },
            }
        });
        all.collect()
    }

    /// Whether the KDC could make a ticket for a server: it opens and uses the keys of both.
    fn can_issue(&self, server: &PrincipalName) -> Result<(), Failure> {
        self.require_started()?;
        let registry = self.registry()?;
        let granter = PrincipalName::new(["krbtgt".to_owned(), self.realm.name.clone()]);
        for principal in granter.iter().chain([server]).filter_map(|name| registry.principal(name)) {
            let Some(key) = best_key(principal) else { continue };
            let used = self.system.icsf().kerberos_key(&key.label);
            let used = used.map_err(|error| Failure::because(error.cause().clone()))?;
            encrypt(&used, USAGE, &[0; 16], &[]).map_err(|error| Failure::because(Cause::new(error.to_string())))?;
        }
        Ok(())
    }

    fn registry(&self) -> Result<Arc<Snapshot>, Failure> {
        self.system.saf().database().view().map_err(|error| Failure::because(Cause::new(error.to_string())))
    }

    fn user(&self, user: UserId) -> Result<(&PrincipalName, &SecretString), Failure> {
        let known = self.realm.users.get(&user).map(|(principal, password)| (principal, password));
        known.ok_or_else(|| {
            Failure::because(
                Cause::new(format!("user {user} has no principal")).with_remedy("ALTUSER ID KERB(KERBNAME(...))"),
            )
        })
    }

    fn client<'c>(&'c self, name: &'c PrincipalName) -> Client<'c> {
        Client { name, realm: &self.realm.name, now: self.now, random: &*self.realm.random }
    }

    fn wallet<T>(&self, user: UserId, work: impl FnOnce(&mut Wallet) -> T) -> T {
        work(self.realm.wallets.borrow_mut().entry(user).or_default())
    }

    /// Takes down what must not come out, and answers how long the ticket lives from now on.
    fn seen(&self, credentials: &Credentials) -> u64 {
        let mut seen = self.realm.seen.borrow_mut();
        seen.extend(printed(credentials.session.expose()));
        seen.extend(printed(&credentials.ticket.enc_part.cipher));
        credentials.end.saturating_sub(self.now)
    }

    fn require_started(&self) -> Result<(), Failure> {
        match self.system.icsf().view() {
            Ok(view) if view.control.kerberos_started => Ok(()),
            Ok(_) => Err(not_started()),
            Err(error) => Err(Failure::because(error.cause().clone())),
        }
    }

    /// Asks the KDC of the site. Why it refuses it tells nobody but the journal, and us.
    fn asked<T>(
        &self,
        ask: impl FnOnce(&mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<T, ClientError>,
    ) -> Result<T, Failure> {
        self.require_started()?;
        let registry = self.registry()?;
        let mut refusal = None;
        let got = ask(&mut |request| {
            let answer = self.desk.kdc.handle(request, CLIENT, self.system.now(), &registry);
            answer.outcome.tell(self.system.icsf());
            if let Became::Refused(why) = answer.outcome.result {
                refusal = Some(why);
            }
            answer.reply.map(|reply| reply.to_vec())
        });
        got.map_err(|error| match (error, &refusal) {
            (ClientError::Refused(told), Some(why)) => Failure { kerberos: Some(told.code), ..of_refusal(why) },
            (error, _) => Failure::because(Cause::new(error.to_string())),
        })
    }
}

/// A key usage of no message: RFC 4120 leaves those from 1024 on to applications.
const USAGE: u32 = 1024;

/// The key tickets are made with, where the engine can use it inside: that of type 18, else the first.
fn best_key(principal: &Principal) -> Option<&PrincipalKey> {
    let of_18 = principal.newest_keys().find(|key| key.etype == Etype::Aes256Sha1);
    of_18.or_else(|| principal.newest_keys().next())
}

/// What R_ticketserv and R_GenSec answer then; a client at a network hears nothing.
fn not_started() -> Failure {
    let situation = Situation::KerberosNotStarted;
    let cause = Cause::new(situation.text()).with_remedy("START SKRBKDC");
    Failure { saf: Some(situation.triple()), situation: Some(situation), ..Failure::because(cause) }
}

fn of_refusal(refusal: &Refusal) -> Failure {
    let cause = refusal.cause().cloned().unwrap_or_else(|| Cause::new(refusal.reason()));
    Failure { kerberos: Some(refusal.code().number()), ..Failure::because(cause) }
}

fn nothing_held(user: UserId, server: &str, step: &str) -> Failure {
    Failure::because(Cause::new(format!("{user} holds no ticket for {server}")).with_remedy(format!("{step} gets one")))
}
