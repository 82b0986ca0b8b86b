//! A realm in memory, and the KDC over it.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use icsf_backends::{Slot, Software};
use icsf_core::backend::{Backend, Etype, MasterKeyKind};
use icsf_core::clock::{Clock, ManualClock};
use icsf_core::codes::ReasonCodes;
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::journal::MemoryJournal;
use icsf_core::kds::KdsFormat;
use icsf_core::random::SeededRandom;
use icsf_core::store::{Area, Expect, MemoryStore, Op, RowStore};
use icsf_core::{ClearKey, Icsf, KeyLabel, Parts};
use icsf_kdc::crypto::{SessionKey, string_to_key};
use icsf_kdc::{Answer, Kdc, Lockout, Settings};
use icsf_saf::command::NoSecrets;
use icsf_saf::model::{Principal, PrincipalFlag, PrincipalKey, PrincipalName};
use icsf_saf::{Caller, Database, Saf};
use ptkt::{MemoryRegister, UserId};
use zeroize::Zeroizing;

/// 2026-11-20 07:29:16 UTC, when the reference KDCs were asked.
pub(crate) const NOW: u64 = 1_795_159_756;
pub(crate) const MINUTE: u64 = 60;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
pub(crate) const REALM: &str = "EXAMPLE.COM";
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const PASSWORD: &str = "alicepw";

/// The realm EXAMPLE.COM of the reference KDCs: lives of 10 hours, renewable for 7 days. Keys are of etype 18 but where a
/// test says otherwise.
pub(crate) struct Site {
    pub(crate) saf: Saf,
    pub(crate) icsf: Arc<Icsf>,
    pub(crate) kdc: Kdc,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) revoked: Arc<Revoked>,
    engine: Arc<Software>,
    racf: Arc<MemoryStore>,
    epoch: Arc<Epoch>,
}

/// Who was revoked, at which count.
#[derive(Debug, Default)]
pub(crate) struct Revoked(pub(crate) Mutex<Vec<(UserId, u8)>>);

impl Lockout for Revoked {
    fn revoke(&self, user: &UserId, failures: u8) -> Result<(), String> {
        self.0.lock().unwrap().push((*user, failures));
        Ok(())
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let engine = Arc::new(Software::in_memory(Arc::new(SeededRandom::new(0x5eed))));
        let slot = Arc::new(Slot::with(Arc::clone(&engine) as Arc<dyn Backend>));
        let clock = Arc::new(ManualClock::at(NOW));
        let epoch = Arc::new(Epoch::in_memory());
        let journal = Arc::new(MemoryJournal::default());
        let icsf = Arc::new(
            Icsf::new(Parts {
                backend: Arc::clone(&slot) as Arc<dyn Backend>,
                store: Arc::new(MemoryStore::default()),
                control: Arc::new(MemoryControl::default()),
                epoch: Arc::clone(&epoch),
                clock: Arc::clone(&clock) as Arc<_>,
                random: Arc::new(SeededRandom::new(1)),
                reason_codes: ReasonCodes::Icsf,
            })
            .with_journal(Arc::clone(&journal) as Arc<_>),
        );
        icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
        for kind in MasterKeyKind::ALL {
            icsf.generate_master_key(kind).unwrap();
            icsf.set_master_key(kind).unwrap();
        }
        let racf = Arc::new(MemoryStore::default());
        let database = Database::new(Arc::clone(&racf) as Arc<_>, Arc::clone(&epoch));
        let register = Arc::new(MemoryRegister::new());
        let saf = Saf::new(Arc::clone(&icsf), database, Arc::clone(&clock) as Arc<_>, register, "PRD1");
        let revoked = Arc::new(Revoked::default());
        let kdc = Kdc::new(Arc::clone(&icsf), Arc::new(SeededRandom::new(2)), settings)
            .with_lockout(Arc::clone(&revoked) as Arc<_>);
        let site = Self { saf, icsf, kdc, clock, slot, journal, revoked, engine, racf, epoch };
        site.run("RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM) DEFTKTLF(36000) MAXTKTLF(36000))");
        site.run("ADDUSER DAVID NAME('DAVID')");
        site.populate();
        site
    }

    /// Another engine with the same keys takes the place of the one there is.
    pub(crate) fn replace(&self, engine: impl FnOnce(Arc<dyn Backend>) -> Arc<dyn Backend>) {
        self.slot.insert(engine(Arc::clone(&self.engine) as Arc<dyn Backend>));
    }

    fn populate(&self) {
        use PrincipalFlag::{NoPreauth, NoTgsRequest, NoTickets, PasswordChangeService};
        for user in ["alice", "bob", "min4", "david"] {
            self.add(user, &[Etype::Aes256Sha1], &[]);
        }
        self.change("david", |david| david.user = Some("DAVID".parse().unwrap()));
        self.add("nopre", &[Etype::Aes256Sha1], &[NoPreauth]);
        for service in ["krbtgt/EXAMPLE.COM", "host/boston.example.com", "nfs/boston.example.com", "HTTP/localhost"] {
            self.add(service, &[Etype::Aes256Sha1], &[]);
        }
        self.add("kadmin/admin", &[Etype::Aes256Sha1], &[NoTgsRequest]);
        self.add("kadmin/changepw", &[Etype::Aes256Sha1], &[NoTgsRequest, PasswordChangeService]);
        self.change("kadmin/changepw", |service| service.max_ticket_life = Some(300));
        self.add("K/M", &[Etype::Aes256Sha1], &[NoTickets]);
    }

    /// Adds a principal with keys of version 1: of a user from [`PASSWORD`], of a service random ones.
    pub(crate) fn add(&self, name: &str, etypes: &[Etype], flags: &[PrincipalFlag]) {
        let mut principal = Principal::new(name.parse().unwrap(), NOW);
        principal.flags.extend(flags);
        let clear = |etype| (!name.contains('/')).then(|| key_of(&principal.name, etype));
        principal.keys = etypes.iter().map(|etype| self.key(&principal.name, 1, *etype, clear(*etype))).collect();
        self.saf.database().put_principal(&principal).unwrap();
    }

    /// Makes a key.
    pub(crate) fn key(
        &self,
        name: &PrincipalName,
        version: u32,
        etype: Etype,
        clear: Option<ClearKey>,
    ) -> PrincipalKey {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let label: KeyLabel = format!("TEST.KEY{}", MADE.fetch_add(1, Ordering::Relaxed)).parse().unwrap();
        self.icsf.add_kerberos_key(&label, etype, clear.as_ref()).unwrap();
        PrincipalKey { version, etype, label, salt: name.salt(REALM), created: NOW }
    }

    /// Changes a principal.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Principal)) {
        let view = self.saf.database().view().unwrap();
        let mut principal = Principal::clone(view.principal(&name.parse().unwrap()).unwrap());
        change(&mut principal);
        self.saf.database().put_principal(&principal).unwrap();
    }

    pub(crate) fn flag(&self, name: &str, flag: PrincipalFlag, set: bool) {
        self.change(name, |principal| {
            if set {
                principal.flags.insert(flag)
            } else {
                principal.flags.remove(&flag)
            };
        });
    }

    pub(crate) fn run(&self, command: &str) {
        let admin = Caller::user("IBMUSER".parse().unwrap());
        self.saf.command(&admin, command, &NoSecrets).unwrap_or_else(|e| panic!("{command}: {}", e.report()));
    }

    /// Overwrites the row of a principal with what is none.
    pub(crate) fn damage(&self, name: &str) {
        let mut rows = Vec::new();
        let name = name.as_bytes();
        self.racf
            .scan(Area::Disk, None, &mut |key, _, _| {
                rows.extend(key.windows(name.len()).any(|part| part == name).then(|| Box::<[u8]>::from(key)));
                ControlFlow::Continue(())
            })
            .unwrap();
        let spoil = |key| Op::Put(Area::Disk, key, Zeroizing::new(vec![0xff; 9]), Expect::Anything);
        let spoilt: Vec<Op> = rows.into_iter().map(spoil).collect();
        assert_eq!(spoilt.len(), 1);
        self.epoch.change(|| self.racf.apply(&spoilt)).unwrap().unwrap();
    }

    /// Sends bytes to the KDC from [`HERE`].
    pub(crate) fn handle(&self, request: &[u8]) -> Answer {
        self.handle_from(request, HERE)
    }

    pub(crate) fn handle_from(&self, request: &[u8], peer: IpAddr) -> Answer {
        let answer = self.kdc.handle(request, peer, self.clock.now(), &self.saf.database().view().unwrap());
        answer.outcome.tell(&self.icsf);
        answer
    }

    /// Pulls the engine out.
    pub(crate) fn pull(&self) {
        self.slot.remove();
    }

    /// Puts it back.
    pub(crate) fn insert(&self) {
        self.slot.insert(Arc::clone(&self.engine) as Arc<dyn Backend>);
    }
}

/// The key a client makes from [`PASSWORD`].
pub(crate) fn key_of(name: &PrincipalName, etype: Etype) -> ClearKey {
    string_to_key(etype, PASSWORD.as_bytes(), name.salt(REALM).as_bytes(), None)
}

/// The same, to be used.
pub(crate) fn client_key(name: &str, etype: Etype) -> SessionKey {
    SessionKey::new(etype, &key_of(&name.parse().unwrap(), etype)).unwrap()
}
