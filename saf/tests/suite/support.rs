//! What several tests need.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use icsf_backends::faulty::Plan;
use icsf_backends::{Faulty, Slot, Software};
use icsf_core::backend::{Backend, Etype, MasterKeyKind};
use icsf_core::clock::ManualClock;
use icsf_core::codes::ReasonCodes;
use icsf_core::control::{ControlStore, MemoryControl};
use icsf_core::epoch::Epoch;
use icsf_core::journal::MemoryJournal;
use icsf_core::kds::KdsFormat;
use icsf_core::random::SeededRandom;
use icsf_core::store::{MemoryStore, RowStore, SqliteStore, Volume};
use icsf_core::{Cause, ClearKey, Icsf, Parts};
use icsf_saf::codes::Code;
use icsf_saf::command::{CommandError, NoSecrets, Output, SecretSource};
use icsf_saf::kerberos::{Kerberos, KerberosClient, KerberosRefusal};
use icsf_saf::model::PrincipalName;
use icsf_saf::replay::FileRegister;
use icsf_saf::{Accepted, Caller, Database, Error, Request, Saf, Snapshot};
use ptkt::Ticket;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// 2025-11-14 09:00:00 UTC.
pub(crate) const NOW: u64 = 1_763_110_800;

/// A key of legacy tickets, and the CCA labels under which others lie.
pub(crate) const DES_KEY: &str = "E001193519561977";

/// Something that happens to a system.
pub(crate) type Change = fn(&Site);

/// The system of a test, whose parts it can reach, and of which it can open further instances.
pub(crate) struct Site {
    pub(crate) saf: Saf,
    pub(crate) slot: Arc<Slot>,
    pub(crate) faulty: Arc<Faulty>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) racf: Arc<dyn RowStore>,
    pub(crate) ckds: Arc<dyn RowStore>,
    pub(crate) directory: TempDir,
    pub(crate) journal: Arc<MemoryJournal>,
    epoch: Arc<Epoch>,
    control: Arc<dyn ControlStore>,
    on_files: bool,
}

impl Site {
    /// Master keys set, nothing in the security database; in memory but for the replay register.
    pub(crate) fn bare() -> Self {
        Self::on(
            Arc::new(MemoryStore::default()),
            Arc::new(MemoryStore::default()),
            tempfile::tempdir().unwrap(),
            false,
        )
    }

    /// The same in files.
    pub(crate) fn bare_on_files() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let create = |name: &str, volume| Arc::new(SqliteStore::create(&directory.path().join(name), volume).unwrap());
        let (ckds, racf) = (create("ckds.db", Volume::KeyDataSet), create("racf.db", Volume::SecurityDatabase));
        Self::on(ckds, racf, directory, true)
    }

    /// The same, around the file of a security database that is there already.
    pub(crate) fn with_racf(put: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("racf.db");
        put(&path);
        let racf = Arc::new(SqliteStore::open(&path, Volume::SecurityDatabase).unwrap());
        let ckds = SqliteStore::create(&directory.path().join("ckds.db"), Volume::KeyDataSet).unwrap();
        Self::on(Arc::new(ckds), racf, directory, true)
    }

    fn on(ckds: Arc<dyn RowStore>, racf: Arc<dyn RowStore>, directory: TempDir, on_files: bool) -> Self {
        let engine = Software::in_memory(Arc::new(SeededRandom::new(0x5eed)));
        let faulty = Arc::new(Faulty::new(Arc::new(engine), Plan::new()));
        let slot = Arc::new(Slot::with(Arc::clone(&faulty) as Arc<dyn Backend>));
        let clock = Arc::new(ManualClock::at(NOW));
        let epoch = Arc::new(if on_files {
            Epoch::create(&directory.path().join("epoch")).unwrap()
        } else {
            Epoch::in_memory()
        });
        let control: Arc<dyn ControlStore> = Arc::new(MemoryControl::default());
        let journal = Arc::new(MemoryJournal::default());
        let saf = assemble(&slot, [&ckds, &racf], &control, &epoch, &clock, &directory, &journal);
        let site = Self { saf, slot, faulty, clock, racf, ckds, directory, journal, epoch, control, on_files };
        site.icsf().key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
        for kind in MasterKeyKind::ALL {
            site.icsf().generate_master_key(kind).unwrap();
            site.icsf().set_master_key(kind).unwrap();
        }
        site
    }

    /// PTKTDATA active, RACLISTed and generic; everybody may generate and evaluate.
    pub(crate) fn new() -> Self {
        Self::bare().made_ready()
    }

    /// The same in files.
    pub(crate) fn on_files() -> Self {
        Self::bare_on_files().made_ready()
    }

    fn made_ready(self) -> Self {
        self.run(&[
            "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
        ]);
        self
    }

    pub(crate) fn icsf(&self) -> &Icsf {
        self.saf.icsf()
    }

    /// Another process on the same system: switches, engine and clock are the same, all else is opened anew.
    pub(crate) fn another(&self) -> Saf {
        if !self.on_files {
            let (stores, control, epoch) = ([&self.ckds, &self.racf], &self.control, &self.epoch);
            return assemble(&self.slot, stores, control, epoch, &self.clock, &self.directory, &self.journal);
        }
        let open = |name: &str, volume| -> Arc<dyn RowStore> {
            Arc::new(SqliteStore::open(&self.directory.path().join(name), volume).unwrap())
        };
        let (ckds, racf) = (open("ckds.db", Volume::KeyDataSet), open("racf.db", Volume::SecurityDatabase));
        let epoch = Arc::new(Epoch::open(&self.directory.path().join("epoch")).unwrap());
        let control = &self.control;
        assemble(&self.slot, [&ckds, &racf], control, &epoch, &self.clock, &self.directory, &self.journal)
    }

    /// Carries out commands, then REFRESH.
    pub(crate) fn run(&self, commands: &[&str]) {
        commands.iter().for_each(|command| drop(run(&self.saf, command)));
        run(&self.saf, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    }

    /// Lets everybody know of a row changed behind their back.
    pub(crate) fn tamper(&self, change: impl FnOnce(&dyn RowStore)) {
        self.epoch.change(|| change(&*self.racf)).unwrap();
    }
}

fn assemble(
    slot: &Arc<Slot>,
    [ckds, racf]: [&Arc<dyn RowStore>; 2],
    control: &Arc<dyn ControlStore>,
    epoch: &Arc<Epoch>,
    clock: &Arc<ManualClock>,
    directory: &TempDir,
    journal: &Arc<MemoryJournal>,
) -> Saf {
    let icsf = Icsf::new(Parts {
        backend: Arc::clone(slot) as Arc<dyn Backend>,
        store: Arc::clone(ckds),
        control: Arc::clone(control),
        epoch: Arc::clone(epoch),
        clock: Arc::clone(clock) as Arc<_>,
        random: Arc::new(SeededRandom::new(1)),
        reason_codes: ReasonCodes::Icsf,
    })
    .with_journal(Arc::clone(journal) as Arc<_>);
    let register = FileRegister::open(&directory.path().join("replay")).unwrap();
    let database = Database::new(Arc::clone(racf), Arc::clone(epoch));
    Saf::new(Arc::new(icsf), database, Arc::clone(clock) as Arc<_>, Arc::new(register), "PRD1")
        .with_kerberos(Arc::new(Plain))
}

/// As much of Kerberos as the tests here need; the real one is that of the KDC. A token is `client@REALM server`.
#[derive(Debug)]
struct Plain;

impl Kerberos for Plain {
    fn string_to_key(&self, etype: Etype, password: &[u8], salt: &[u8]) -> ClearKey {
        string_to_key(etype, password, salt)
    }

    fn accept(
        &self,
        token: &[u8],
        icsf: &Icsf,
        registry: &Snapshot,
        _now: u64,
    ) -> Result<KerberosClient, KerberosRefusal> {
        let words = str::from_utf8(token).ok().and_then(|text| text.split_once(' '));
        let (client, server) =
            words.ok_or_else(|| KerberosRefusal { number: 40, cause: Box::new(Cause::new("no token")) })?;
        let server: PrincipalName = server.parse().unwrap();
        if let Some(key) = registry.principal(&server).and_then(|row| row.keys.first()) {
            let gone = |error: icsf_core::Error| KerberosRefusal { number: 29, cause: Box::new(error.cause().clone()) };
            icsf.kerberos_key(&key.label).map_err(gone)?;
        }
        let (principal, realm) = PrincipalName::parse_with_realm(client).unwrap();
        Ok(KerberosClient { principal, realm: realm.unwrap(), server, reply: Some(b"reply".to_vec()) })
    }
}

fn string_to_key(etype: Etype, password: &[u8], salt: &[u8]) -> ClearKey {
    let number = etype.number().to_be_bytes();
    let hash = Sha256::new().chain_update(number).chain_update(password).chain_update(salt).finalize();
    ClearKey::from_slice(&hash[..etype.key_length()])
}

pub(crate) fn admin() -> Caller {
    caller("IBMUSER")
}

pub(crate) fn caller(user: &str) -> Caller {
    Caller::user(user.parse().unwrap())
}

pub(crate) fn request(user: &str, application: &str) -> Request {
    Request::new(user.parse().unwrap(), application.parse().unwrap())
}

pub(crate) fn run(saf: &Saf, command: &str) -> Output {
    saf.command(&admin(), command, &NoSecrets).unwrap_or_else(|e| panic!("{command}: {}", e.report()))
}

pub(crate) fn fails(saf: &Saf, command: &str) -> CommandError {
    match saf.command(&admin(), command, &NoSecrets) {
        Err(error) => error,
        Ok(output) => panic!("{command}: {output:?}"),
    }
}

/// The lines that a command lists.
pub(crate) fn listed(saf: &Saf, command: &str) -> Vec<String> {
    run(saf, command).lines
}

pub(crate) fn generate(saf: &Saf, request: &Request) -> Result<Ticket, Error> {
    saf.generate(&admin(), request)
}

pub(crate) fn evaluate(saf: &Saf, request: &Request, ticket: &Ticket) -> Result<Accepted, Error> {
    saf.evaluate(&admin(), request, ticket)
}

/// That a call was refused for this reason, and shows its caller this triple and no more.
pub(crate) fn refused<T>(result: Result<T, Error>, code: Code, triple: &str) -> Error {
    let Err(error) = result else { panic!("not refused: {code:?} {triple}") };
    assert_eq!((error.code(), error.triple().to_string().as_str()), (code, triple), "{error:?}");
    assert!(error.to_string().ends_with(&format!("(SAF {triple})")), "{error}");
    error
}

/// A copy; tickets have none of their own, as they are passwords.
pub(crate) fn copy(ticket: &Ticket) -> Ticket {
    ticket.expose().parse().unwrap()
}

/// Secrets by name and by file.
#[derive(Debug, Default)]
pub(crate) struct Secrets(pub(crate) BTreeMap<&'static str, &'static str>);

impl SecretSource for Secrets {
    fn named(&self, name: &str) -> Result<SecretString, String> {
        self.0.get(name).map(|secret| SecretString::from(*secret)).ok_or_else(|| format!("there is no secret {name:?}"))
    }

    fn file(&self, path: &str) -> Result<SecretString, String> {
        self.named(path).map_err(|_none| format!("the file {path:?} cannot be read"))
    }
}
