//! What the tests of the token engine need.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use icsf_backends::pkcs11::{Options, Pkcs11};
use icsf_core::backend::{Backend, BackendState, MasterKeyKind};
use icsf_core::clock::{Clock, ManualClock};
use icsf_core::codes::ReasonCodes;
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::kds::KdsFormat;
use icsf_core::random::SystemRandom;
use icsf_core::store::{MemoryStore, RowStore};
use icsf_core::{ClearKey, Icsf, KeyLabel, Parts};
use softhsm_fixtures::{Card, Pin, Token};
use tempfile::TempDir;

const NOW: u64 = 1_763_110_800;
/// No crypto engine.
pub(crate) const NO_ENGINE: (u8, u32) = (12, 0);
/// Long enough for a slow machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) fn pin(pin: &Pin) -> ClearKey {
    ClearKey::from_slice(pin.expose().as_bytes())
}

pub(crate) fn options(token: &Token) -> Options {
    Options::new(token.module(), token.label()).with_serial(token.serial()).with_wait(LONG)
}

pub(crate) fn card_options(card: &Card) -> Options {
    Options::new(card.module(), card.label()).with_serial(card.serial()).with_wait(LONG)
}

/// An ICSF on a token engine, both master keys set, with one DES key in the CKDS.
pub(crate) struct Rig {
    pub(crate) icsf: Icsf,
    pub(crate) engine: Arc<Pkcs11>,
    pub(crate) registers: PathBuf,
    store: Arc<MemoryStore>,
    directory: TempDir,
}

/// What a caller gets, what `engine status` says, and whether the engine may be used again.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) codes: (u8, u32),
    pub(crate) status: String,
    pub(crate) why: String,
}

impl Rig {
    pub(crate) fn new(options: Options, pin: ClearKey) -> Self {
        let directory = TempDir::new().unwrap();
        let registers = directory.path().join("registers");
        let engine = Arc::new(Pkcs11::create(&registers, options, pin).unwrap());
        let store = Arc::new(MemoryStore::default());
        let icsf = icsf(&engine, &store);
        icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
        for kind in MasterKeyKind::ALL {
            icsf.generate_master_key(kind).unwrap();
            icsf.set_master_key(kind).unwrap();
        }
        let token = icsf.csnbkgn("OP", "KEYLN8", "DATA").unwrap().value;
        icsf.csnbkrc2(&label(), token).unwrap();
        let rig = Self { icsf, engine, registers, store, directory };
        rig.works();
        rig
    }

    /// The same after a restart, with these options.
    pub(crate) fn reopened(self, options: Options, pin: ClearKey) -> Self {
        let Self { icsf: before, engine, registers, store, directory } = self;
        drop((before, engine));
        let engine = Arc::new(Pkcs11::open(&registers, options, Some(pin)).unwrap());
        Self { icsf: icsf(&engine, &store), engine, registers, store, directory }
    }

    /// On a card, with a proof of life at each use, so that no test has to wait for one.
    pub(crate) fn on(card: &Card) -> Self {
        Self::new(card_options(card).with_proof_every(Duration::ZERO), pin(card.user_pin()))
    }

    /// Drops the engine. What comes back keeps its register file.
    pub(crate) fn closed(self) -> TempDir {
        self.directory
    }

    /// Enciphers a block as a PassTicket does.
    pub(crate) fn encipher(&self) -> Result<[u8; 8], icsf_core::Error> {
        let mut blocks = [*b"a block "];
        self.icsf.csnbenc_key(&label())?.encipher(&mut blocks)?;
        let [block] = blocks;
        Ok(block)
    }

    #[track_caller]
    pub(crate) fn works(&self) -> [u8; 8] {
        let block = self.encipher().unwrap();
        assert_eq!(self.status(), "online");
        block
    }

    /// Wants a request to fail.
    #[track_caller]
    pub(crate) fn fails(&self) -> Seen {
        let error = self.encipher().unwrap_err();
        Seen {
            codes: (error.return_code(), error.reason_code(ReasonCodes::Icsf)),
            status: self.status(),
            why: error.cause().why().to_owned(),
        }
    }

    /// Wants a request to fail with these codes, and the status to hold each of these texts, or the cause where the engine
    /// itself is in order.
    #[track_caller]
    pub(crate) fn fails_with(&self, codes: (u8, u32), status: &[&str]) {
        let seen = self.fails();
        assert_eq!(seen.codes, codes, "{seen:?}");
        for text in status {
            assert!(seen.status.contains(text) || seen.why.contains(text), "{text}: {seen:?}");
        }
    }

    /// What `engine status` shows.
    pub(crate) fn status(&self) -> String {
        self.icsf.view().unwrap().engine.state.to_string()
    }
}

fn icsf(engine: &Arc<Pkcs11>, store: &Arc<MemoryStore>) -> Icsf {
    Icsf::new(Parts {
        backend: Arc::clone(engine) as Arc<dyn Backend>,
        store: Arc::clone(store) as Arc<dyn RowStore>,
        control: Arc::new(MemoryControl::default()),
        epoch: Arc::new(Epoch::in_memory()),
        clock: Arc::new(ManualClock::at(NOW)) as Arc<dyn Clock>,
        random: Arc::new(SystemRandom),
        reason_codes: ReasonCodes::Icsf,
    })
}

pub(crate) fn label() -> KeyLabel {
    "TEST.DES.KEY".parse().unwrap()
}

#[track_caller]
pub(crate) fn reason(engine: &dyn Backend) -> String {
    match engine.state() {
        BackendState::Offline { reason } | BackendState::Locked { reason } => reason,
        other => panic!("{other:?}"),
    }
}
