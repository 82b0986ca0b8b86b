//! What several tests need.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;

use icsf_backends::faulty::Plan;
use icsf_backends::metered::Meter;
use icsf_backends::{Faulty, Metered, Slot, Software};
use icsf_core::backend::{
    Backend, BackendState, Derivation, DerivedUse, EngineError, EngineInfo, Etype, KeyHandle, KeySpec, MasterKeyKind,
    MasterKeys, Part, Register, RegisterChange, WrappedKey,
};
use icsf_core::clock::ManualClock;
use icsf_core::codes::{Code, ReasonCodes};
use icsf_core::control::{ControlStore, MemoryControl};
use icsf_core::epoch::Epoch;
use icsf_core::kds::KdsFormat;
use icsf_core::random::{RandomSource, SeededRandom};
use icsf_core::store::{Area, Generation, MemoryStore, Op, RowKey, RowStore, SqliteStore, Volume};
use icsf_core::{ClearKey, Error, Icsf, KeyIdentifier, KeyLabel, KeyToken, Parts};
use tempfile::TempDir;

/// 2025-11-14 09:00:00 UTC.
pub(crate) const NOW: u64 = 1_763_110_800;

/// The rules of an HMAC key for enhanced PassTickets.
pub(crate) const SKELETON: [&str; 5] = ["INTERNAL", "HMAC", "NO-KEY", "MAC", "GENERATE"];

/// An ICSF whose parts a test can reach: a card in a slot that fails by plan and is counted, store, clock, switches.
pub(crate) struct Rig {
    pub(crate) icsf: Icsf,
    pub(crate) slot: Arc<Slot>,
    pub(crate) card: Arc<dyn Backend>,
    pub(crate) faulty: Arc<Faulty>,
    pub(crate) meter: Meter,
    pub(crate) store: Arc<dyn RowStore>,
    pub(crate) clock: Arc<ManualClock>,
    epoch: Arc<Epoch>,
    control: Arc<dyn ControlStore>,
}

impl Rig {
    /// Both master keys set, common record format, in memory.
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryStore::default()))
    }

    /// The same on a store of the test's.
    pub(crate) fn on(store: Arc<dyn RowStore>) -> Self {
        let rig = Self::bare(store, KdsFormat::Kdsr);
        MasterKeyKind::ALL.into_iter().for_each(|kind| set_master_key(&rig.icsf, kind, 0x11));
        rig
    }

    /// No master key yet.
    pub(crate) fn bare(store: Arc<dyn RowStore>, format: KdsFormat) -> Self {
        let rig = Self::opened(store);
        rig.icsf.key_data_set().initialize(format, NOW).unwrap();
        rig
    }

    /// On a store that holds a CKDS already.
    pub(crate) fn opened(store: Arc<dyn RowStore>) -> Self {
        let faulty = Arc::new(Faulty::new(Arc::new(software()), Plan::new()));
        let metered = Metered::new(Arc::clone(&faulty) as Arc<dyn Backend>);
        let meter = metered.meter();
        let card: Arc<dyn Backend> = Arc::new(metered);
        let slot = Arc::new(Slot::with(Arc::clone(&card)));
        let (clock, epoch) = (Arc::new(ManualClock::at(NOW)), Arc::new(Epoch::in_memory()));
        let control: Arc<dyn ControlStore> = Arc::new(MemoryControl::default());
        let icsf = assemble(&slot, &store, &control, &epoch, &clock, ReasonCodes::Icsf);
        Self { icsf, slot, card, faulty, meter, store, clock, epoch, control }
    }

    /// Another ICSF of the same system: store, switches, engine and change counter are shared, nothing else.
    pub(crate) fn another(&self) -> Icsf {
        self.another_for(ReasonCodes::Icsf)
    }

    /// The same, with callers who get the codes in this numbering.
    pub(crate) fn another_for(&self, numbering: ReasonCodes) -> Icsf {
        assemble(&self.slot, &self.store, &self.control, &self.epoch, &self.clock, numbering)
    }

    /// Everything in the store.
    pub(crate) fn rows(&self) -> Rows {
        rows(&*self.store)
    }

    /// Writes a row behind everybody's back, and lets them know.
    pub(crate) fn tamper(&self, op: Op) {
        self.epoch.change(|| self.store.apply(&[op])).unwrap().unwrap();
    }
}

fn assemble(
    slot: &Arc<Slot>,
    store: &Arc<dyn RowStore>,
    control: &Arc<dyn ControlStore>,
    epoch: &Arc<Epoch>,
    clock: &Arc<ManualClock>,
    reason_codes: ReasonCodes,
) -> Icsf {
    Icsf::new(Parts {
        backend: Arc::clone(slot) as Arc<dyn Backend>,
        store: Arc::clone(store),
        control: Arc::clone(control),
        epoch: Arc::clone(epoch),
        clock: Arc::clone(clock) as Arc<_>,
        random: random(),
        reason_codes,
    })
}

/// The same bytes in every run.
pub(crate) fn random() -> Arc<dyn RandomSource> {
    Arc::new(SeededRandom::new(0x5eed))
}

pub(crate) fn software() -> Software {
    Software::in_memory(random())
}

/// Enters a master key of equal bytes in two parts.
pub(crate) fn load_master_key(icsf: &Icsf, kind: MasterKeyKind, byte: u8) {
    for (part, value) in [(Part::First, byte ^ 0xf0), (Part::Final, 0xf0)] {
        icsf.load_master_key_part(kind, part, &ClearKey::new(vec![value; 32])).unwrap();
    }
}

pub(crate) fn set_master_key(icsf: &Icsf, kind: MasterKeyKind, byte: u8) {
    load_master_key(icsf, kind, byte);
    icsf.set_master_key(kind).unwrap();
}

pub(crate) fn change_master_key(icsf: &Icsf, kind: MasterKeyKind, byte: u8) {
    load_master_key(icsf, kind, byte);
    icsf.change_master_key(kind, &mut |_| {}).unwrap();
}

pub(crate) fn label(text: &str) -> KeyLabel {
    text.parse().unwrap()
}

pub(crate) fn id(text: &str) -> KeyIdentifier {
    KeyIdentifier::Label(label(text))
}

/// A DES key that differs with `seed`, odd parity.
pub(crate) fn des_key(seed: u8) -> [u8; 8] {
    [1, 2, 3, 4, 5, 6, 7, 8].map(|n: u8| {
        let byte = n.wrapping_mul(29).wrapping_add(seed.wrapping_mul(37));
        if byte.count_ones().is_multiple_of(2) { byte ^ 1 } else { byte }
    })
}

/// An HMAC key of 64 bytes that differs with `seed`.
pub(crate) fn hmac_key(seed: u8) -> Vec<u8> {
    (0..64).map(|n: u8| n.wrapping_mul(7) ^ seed).collect()
}

pub(crate) fn des_token(icsf: &Icsf, seed: u8) -> KeyToken {
    icsf.csnbcki(&ClearKey::from_slice(&des_key(seed))).unwrap().value
}

pub(crate) fn skeleton(icsf: &Icsf) -> KeyToken {
    icsf.csnbktb2(&SKELETON, None, None).unwrap().value
}

pub(crate) fn hmac_token(icsf: &Icsf, seed: u8) -> KeyToken {
    let mut key = KeyIdentifier::Token(skeleton(icsf));
    icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&ClearKey::new(hmac_key(seed))), &mut key).unwrap();
    icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut key).unwrap();
    token_of(key)
}

pub(crate) fn clear_hmac_token(icsf: &Icsf, seed: u8) -> KeyToken {
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    icsf.csnbktb2(&rules, Some(&ClearKey::new(hmac_key(seed))), None).unwrap().value
}

pub(crate) fn token_of(key: KeyIdentifier) -> KeyToken {
    match key {
        KeyIdentifier::Token(token) => token,
        KeyIdentifier::Label(label) => panic!("the label {label}"),
    }
}

pub(crate) fn copy(token: &KeyToken) -> KeyToken {
    KeyToken::parse(&token.encode()).unwrap()
}

/// Adds a DES key, an HMAC key, a clear HMAC key and a record without key: `A.DES`, `B.HMAC`, `C.CLEAR`, `D.NULL`.
pub(crate) fn add_one_of_each(icsf: &Icsf) {
    icsf.csnbkrc2(&label("A.DES"), des_token(icsf, 1)).unwrap();
    icsf.csnbkrc2(&label("B.HMAC"), hmac_token(icsf, 2)).unwrap();
    icsf.csnbkrc2(&label("C.CLEAR"), clear_hmac_token(icsf, 3)).unwrap();
    icsf.csnbkrc(&label("D.NULL")).unwrap();
}

/// CSNBENC of eight bytes.
pub(crate) fn encipher(icsf: &Icsf, key: &mut KeyIdentifier) -> Result<(Vec<u8>, Code), Error> {
    let done = icsf.csnbenc(key, &["CBC"], b"PASSTICK", &[0; 8], 0, &mut [0; 18])?;
    Ok((done.value, done.code))
}

/// CSNBHMG of eight bytes.
pub(crate) fn authenticate(icsf: &Icsf, key: &mut KeyIdentifier) -> Result<(Vec<u8>, Code), Error> {
    let done = icsf.csnbhmg(key, &["HMAC", "SHA-512"], b"PASSTICK", &mut [0; 128], 64)?;
    Ok((done.value, done.code))
}

/// What a key of `add_one_of_each` computes.
pub(crate) fn compute(icsf: &Icsf, name: &str) -> Result<Vec<u8>, Error> {
    if name.ends_with("KRB") {
        return ticket(icsf, name);
    }
    let computed =
        if name.ends_with("DES") { encipher(icsf, &mut id(name)) } else { authenticate(icsf, &mut id(name)) };
    computed.map(|(bytes, _)| bytes)
}

/// What a Kerberos ticket takes: two keys derived from that of a principal, a text enciphered and authenticated.
pub(crate) fn ticket(icsf: &Icsf, name: &str) -> Result<Vec<u8>, Error> {
    let key = icsf.kerberos_key(&label(name))?;
    let etype = key.etype();
    let mut text = *b"the text of a ticket is of whole blocks, here it is of four.....";
    key.derive(&how(etype), DerivedUse::Cipher(etype.key_length()))?.encipher_cbc(&[7; 16], &mut text)?;
    let mut mac = [0; 64];
    key.derive(&how(etype), DerivedUse::Mac(etype.mac_key_length()))?.hmac(etype.hash(), &text, &mut mac)?;
    Ok([text, mac].concat())
}

/// A derivation in the way of the etype.
pub(crate) fn how(etype: Etype) -> Derivation<'static> {
    match etype {
        Etype::Aes128Sha1 => Derivation::AesCbc(&[0x6b; 16]),
        Etype::Aes256Sha1 => Derivation::AesCbc(&[0x6b; 32]),
        _ => Derivation::Hmac(etype.hash(), b"a label and so on"),
    }
}

/// That a call was refused for this reason, and has the numbers of its row: return code, ICSF reason, TSS reason.
pub(crate) fn refused<T: Debug>(result: Result<T, Error>, code: Code, numbers: (u8, u32, u32)) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    let (icsf, tss) = (error.reason_code(ReasonCodes::Icsf), error.reason_code(ReasonCodes::Tss));
    assert_eq!((error.return_code(), icsf, tss), numbers, "{error}");
    error
}

pub(crate) type Rows = BTreeMap<(Area, RowKey), (Generation, Vec<u8>)>;

pub(crate) fn rows(store: &dyn RowStore) -> Rows {
    let mut all = BTreeMap::new();
    for area in Area::ALL {
        store
            .scan(area, None, &mut |key, generation, bytes| {
                all.insert((area, key.into()), (generation, bytes.to_vec()));
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    all
}

/// A CKDS file that is gone with the directory.
pub(crate) fn sqlite() -> (TempDir, Arc<SqliteStore>) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(&directory.path().join("ckds.db"), Volume::KeyDataSet).unwrap();
    (directory, Arc::new(store))
}

/// Runs a test on each kind of store.
pub(crate) fn on_each_store(test: impl Fn(Arc<dyn RowStore>)) {
    test(Arc::new(MemoryStore::default()));
    let (_directory, store) = sqlite();
    test(store);
}

/// A card during whose every opening of a key something else happens.
pub(crate) struct Meanwhile<F> {
    card: Arc<dyn Backend>,
    happens: F,
}

impl<F: Fn() + Send + Sync> Meanwhile<F> {
    pub(crate) fn new(card: Arc<dyn Backend>, happens: F) -> Self {
        Self { card, happens }
    }
}

impl<F> Debug for Meanwhile<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl<F: Fn() + Send + Sync> Backend for Meanwhile<F> {
    fn info(&self) -> EngineInfo {
        self.card.info()
    }

    fn state(&self) -> BackendState {
        self.card.state()
    }

    fn attach(&self) -> Result<(), EngineError> {
        self.card.attach()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.card.random(bytes)
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        self.card.master_keys()
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        self.card.change_register(kind, change)
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        self.card.generate(spec)
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.card.wrap(spec, key)
    }

    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.card.add_part(key, part)
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        self.card.rewrap(key, to)
    }

    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        (self.happens)();
        self.card.open(key)
    }
}
