//! What the way through ICSF and the token engine adds to the calls of the module: tickets, batches, a change of the
//! master key, a card that comes back.
//!
//! ```text
//! cargo bench -p icsf-backends --bench token
//! TMPDIR=/dev/shm cargo bench -p icsf-backends --bench token -- card
//! ```
//!
//! | what | bar |
//! |---|---|
//! | legacy ticket, warm | at most 6 calls that encipher, at most 1.15 times six calls of `C_Encrypt` bare |
//! | enhanced ticket, warm | at most 6 calls that sign, at most 1.15 times these bare |
//! | Kerberos, derived keys open: 320 bytes enciphered and authenticated | none: told over one `C_Encrypt` and one `C_Sign` bare |
//! | Kerberos, derived anew | none: told over two times `C_DeriveKey` and `C_DestroyObject` bare |
//! | 256 legacy tickets of one key at once | at least 15 times the rate of single ones |
//! | master key of 10,000 keys changed | at most 1.3 times bare unwrapping and wrapping |
//! | card pulled: seen by | the very next call |
//! | card back: first good ticket after | at most 100 ms |
//!
//! What is bare is what a plain program would do for the same: `C_EncryptInit` and `C_Encrypt`, or `C_SignInit` and
//! `C_Sign`, six times, with the same keys through the same module (SoftHSM behind the shim that pulls the card), made by
//! the same crate, with no change of threads. The engine leaves out five of the six `C_EncryptInit` of a legacy ticket, so
//! it is quicker than that; what it adds to the calls it makes itself is told beside, and the rate of a batch is told
//! over both. It takes turns with what it is compared with; a figure is the median of the turns, and a ratio that of the
//! ratios of each turn. A call that has an output is made twice by that crate, here and there: first to ask how long it
//! will be.
//!
//! The two changes of threads of a ticket cost little when a core is free and 4 to 7 µs when none is, so the ratio of
//! enhanced tickets depends on what else the machine does: its load is told first.
//!
//! A word at the end of the command selects what has it in its name: `legacy`, `enhanced`, `kerberos`, `master key`, `card`. What four
//! threads see of a card that is pulled 1,000 times is a test: see `docs/speed.md`.

#![expect(
    clippy::print_stdout,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program that reports, and stops at the first surprise"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use icsf_backends::pkcs11::{Options, Pkcs11};
use icsf_core::backend::{Backend, Derivation, DerivedUse, Etype, HashAlgorithm, MasterKeyKind};
use icsf_core::clock::ManualClock;
use icsf_core::codes::ReasonCodes;
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::kds::{KdsFormat, Record};
use icsf_core::random::SystemRandom;
use icsf_core::services::{Authenticator, Encipherer};
use icsf_core::store::{Area, MemoryStore, RowStore, SqliteStore, Volume};
use icsf_core::token::{HashSet, KeyToken, VariableToken};
use icsf_core::{ClearKey, Icsf, KeyLabel, Parts, RecordKey};
use ptkt::{DesEncipher, HmacSha512, Ticket, Timestamp, enhanced, legacy};
use softhsm_fixtures::{Calls, Card, Function};
use tempfile::TempDir;

/// Dependent calls of a ticket.
const ROUNDS: usize = 6;
const TURNS: usize = 60;
const BATCH: usize = 256;
const KEYS: u64 = 10_000;
const NOW: u64 = 1_763_110_800;

fn main() {
    let chosen = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load {}, {} cores", load.trim(), thread::available_parallelism().unwrap());
    println!("{:58} {:>14}  value", "what", "bar");
    let all: [(&str, fn()); 6] = [
        ("legacy ticket, warm", legacy_tickets),
        ("enhanced ticket, warm", enhanced_tickets),
        ("kerberos", kerberos),
        ("master key changed, in memory", || change_of_master_key(None)),
        ("master key changed, in an SQLite file", || change_of_master_key(Some(TempDir::new().unwrap()))),
        ("card pulled and put back", card),
    ];
    for (_, measure) in all.iter().filter(|(name, _)| name.contains(&chosen)) {
        measure();
    }
}

/// An ICSF on a card, both master keys set.
struct Rig {
    icsf: Arc<Icsf>,
    engine: Arc<Pkcs11>,
    card: Card,
    directory: TempDir,
}

impl Rig {
    fn new(store: Arc<dyn RowStore>) -> Self {
        let (card, directory) = (Card::new(), TempDir::new().unwrap());
        let options = Options::new(card.module(), card.label());
        let pin = ClearKey::from_slice(card.user_pin().expose().as_bytes());
        let engine = Arc::new(Pkcs11::create(directory.path().join("registers"), options, pin).unwrap());
        let icsf = Self::icsf(&engine, store);
        icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
        Self { icsf, engine, card, directory }
    }

    fn icsf(engine: &Arc<Pkcs11>, store: Arc<dyn RowStore>) -> Arc<Icsf> {
        Arc::new(Icsf::new(Parts {
            backend: Arc::clone(engine) as Arc<dyn Backend>,
            store,
            control: Arc::new(MemoryControl::default()),
            epoch: Arc::new(Epoch::in_memory()),
            clock: Arc::new(ManualClock::at(NOW)),
            random: Arc::new(SystemRandom),
            reason_codes: ReasonCodes::Icsf,
        }))
    }

    fn set_master_key(&self, kind: MasterKeyKind) {
        self.icsf.generate_master_key(kind).unwrap();
        self.icsf.set_master_key(kind).unwrap();
    }

    /// With a key of each kind.
    fn with_keys() -> Self {
        let rig = Self::new(Arc::new(MemoryStore::default()));
        MasterKeyKind::ALL.into_iter().for_each(|kind| rig.set_master_key(kind));
        let des = rig.icsf.csnbcki(&ClearKey::from_slice(&[0x5d; 8])).unwrap().value;
        rig.icsf.csnbkrc2(&label("DES"), des).unwrap();
        let empty = KeyToken::Variable(VariableToken::skeleton(true, true, HashSet::ALL));
        let hmac = rig.icsf.csnbkgn2(&["HMAC", "OP"], 512, empty).unwrap().value;
        rig.icsf.csnbkrc2(&label("HMAC"), hmac).unwrap();
        rig
    }

    /// A ticket, as the security server asks for it.
    fn legacy(&self, session: &Arc<legacy::Session>) -> icsf_core::Result<Ticket> {
        let (key, session) = (Des(self.icsf.csnbenc_key(&label("DES"))?), Arc::clone(session));
        self.icsf.in_engine(move || session.generate(&key, Timestamp::from_secs(NOW)).map_err(key_error))?
    }

    fn enhanced(&self, session: &Arc<enhanced::Session>) -> icsf_core::Result<Ticket> {
        let key = Hmac(self.icsf.csnbhmg_key(&label("HMAC"), HashAlgorithm::Sha512)?);
        let session = Arc::clone(session);
        self.icsf.in_engine(move || session.generate(&key, Timestamp::from_secs(NOW)).map_err(key_error))?
    }

    fn legacy_session(&self) -> Arc<legacy::Session> {
        let key = Des(self.icsf.csnbenc_key(&label("DES")).unwrap());
        Arc::new(legacy::Session::prepare(&key, &"IBMUSER".parse().unwrap(), &"TSOR001".parse().unwrap()).unwrap())
    }

    /// The calls that `work` makes, without those that see now and then that the master keys are still there.
    fn calls(&self, mut work: impl FnMut()) -> Calls {
        (0..20)
            .find_map(|_| {
                let before = self.card.calls();
                work();
                Some(self.card.calls().since(&before)).filter(|calls| calls.of(Function::WrapKey) == 0)
            })
            .expect("the master keys are looked at all the time")
    }
}

struct Des(Encipherer);

impl DesEncipher for Des {
    type Error = icsf_core::Error;

    fn encipher(&self, blocks: &mut [[u8; 8]]) -> icsf_core::Result<()> {
        self.0.encipher(blocks)
    }
}

struct Hmac(Authenticator);

impl HmacSha512 for Hmac {
    type Error = icsf_core::Error;

    fn hmac(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> icsf_core::Result<()> {
        self.0.hmac(messages, macs)
    }
}

fn key_error(error: ptkt::GenerateError<icsf_core::Error>) -> icsf_core::Error {
    match error {
        ptkt::GenerateError::Key(error) => error,
        other => panic!("{other}"),
    }
}

fn label(name: &str) -> KeyLabel {
    format!("PTKT.{name}").parse().unwrap()
}

/// The key of the tickets, which is open in the token: the bare loop uses the very same.
fn open_key(session: &Session, kind: Attribute) -> ObjectHandle {
    let template = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(false), kind];
    session.find_objects(&template).unwrap().last().copied().unwrap()
}

fn legacy_tickets() {
    let rig = Rig::with_keys();
    let (bare, session) = (rig.card.session(), rig.legacy_session());
    let key = open_key(&bare, Attribute::KeyType(KeyType::DES3));
    let bare_blocks = |blocks: &[u8]| {
        (0..ROUNDS).for_each(|_| drop(black_box(bare.encrypt(&Mechanism::Des3Ecb, key, blocks).unwrap())));
    };
    let bare_operation = || {
        bare.encrypt_init(&Mechanism::Des3Ecb, key).unwrap();
        (0..ROUNDS).for_each(|_| drop(black_box(bare.encrypt_update(&[7; 8]).unwrap())));
        bare.encrypt_final().unwrap();
    };
    let ours = || drop(black_box(rig.legacy(&session).unwrap()));
    ours();
    let calls = rig.calls(ours);
    row("legacy ticket, warm: calls that encipher", "6", calls.of(Function::EncryptUpdate) / 2);
    row("legacy ticket, warm: all calls", "", &calls);
    let one = Pair::of(100, || bare_blocks(&[7; 8]), ours).rows("legacy ticket, warm", "six calls of C_Encrypt");
    row("legacy ticket, warm: over six calls of C_Encrypt bare", "1.15", one.ratio);
    let same = Pair::of(100, bare_operation, ours).rows("legacy ticket, warm", "its own calls");
    row("legacy ticket, warm: over its own calls bare", "", same.ratio);

    let requests: Arc<Vec<_>> = Arc::new((0..BATCH).map(|_| Arc::clone(&session)).collect());
    let batch = || {
        let (key, requests) = (Des(rig.icsf.csnbenc_key(&label("DES")).unwrap()), Arc::clone(&requests));
        let made = rig.icsf.in_engine(move || {
            let requests: Vec<_> = requests.iter().map(|one| (&**one, Timestamp::from_secs(NOW))).collect();
            legacy::generate_batch(&key, &requests).map_err(key_error)
        });
        assert_eq!(black_box(made.unwrap().unwrap()).len(), BATCH);
    };
    let many = Pair::of(20, || bare_blocks(&[7; 8 * BATCH]), batch).rows("256 legacy tickets at once", "six calls");
    row("256 legacy tickets at once: over six calls bare", "", many.ratio);
    let faster = |than: Duration| format!("{:.1}", than.as_secs_f64() * BATCH as f64 / many.ours.as_secs_f64());
    row("256 legacy tickets at once: rate over single ones", "at least 15", faster(one.ours));
    row("256 legacy tickets at once: rate over six calls bare", "", faster(one.bare));
}

fn enhanced_tickets() {
    let rig = Rig::with_keys();
    let bare = rig.card.session();
    let hmac = Hmac(rig.icsf.csnbhmg_key(&label("HMAC"), HashAlgorithm::Sha512).unwrap());
    let (user, application) = ("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap());
    let session = enhanced::Session::prepare(&hmac, &user, &application, enhanced::TicketType::Mixed).unwrap();
    let session = Arc::new(session);
    let key = open_key(&bare, Attribute::KeyType(KeyType::GENERIC_SECRET));
    let bare = || (0..ROUNDS).for_each(|_| drop(black_box(bare.sign(&Mechanism::Sha512Hmac, key, &[7; 24]).unwrap())));
    let ours = || drop(black_box(rig.enhanced(&session).unwrap()));
    ours();
    let calls = rig.calls(ours);
    row("enhanced ticket, warm: calls of C_SignInit", "6", calls.of(Function::SignInit));
    row("enhanced ticket, warm: all calls", "", &calls);
    let found = Pair::of(100, bare, ours).rows("enhanced ticket, warm", "its calls");
    row("enhanced ticket, warm: over its calls bare", "1.15", found.ratio);
}

/// Encryption type 18: what a ticket takes of the engine.
fn kerberos() {
    const TEXT: [u8; 320] = [7; 320];
    const CONSTANT: [u8; 32] = [3; 32];
    let rig = Rig::with_keys();
    let etype = Etype::Aes256Sha1;
    rig.icsf.add_kerberos_key(&label("KRB"), etype, None).unwrap();
    let ticket = |constant: [u8; 32], used: bool| {
        let icsf = Arc::clone(&rig.icsf);
        let made = rig.icsf.in_engine(move || {
            let key = icsf.kerberos_key(&label("KRB"))?;
            let how = Derivation::AesCbc(&constant);
            let cipher = key.derive(&how, DerivedUse::Cipher(32))?;
            let mac_key = key.derive(&how, DerivedUse::Mac(32))?;
            let (mut text, mut mac) = (TEXT, [0; 64]);
            if used {
                cipher.encipher_cbc(&[0; 16], &mut text)?;
                mac_key.hmac(HashAlgorithm::Sha1, &TEXT, &mut mac)?;
            }
            Ok::<_, icsf_core::Error>((text, mac))
        });
        black_box(made.unwrap().unwrap());
    };
    let warm = || ticket(CONSTANT, true);
    warm();
    let bare = rig.card.session();
    let cipher = open_key(&bare, Attribute::KeyType(KeyType::AES));
    let mac_key = open_key(&bare, Attribute::KeyType(KeyType::GENERIC_SECRET));
    let same = || {
        drop(black_box(bare.encrypt(&Mechanism::AesCbc([0; 16]), cipher, &TEXT).unwrap()));
        drop(black_box(bare.sign(&Mechanism::Sha1Hmac, mac_key, &TEXT).unwrap()));
    };
    row("Kerberos, derived keys open: all calls", "", rig.calls(warm));
    let found = Pair::of(100, same, warm).rows("Kerberos, derived keys open", "C_Encrypt and C_Sign");
    row("Kerberos, derived keys open: over these bare", "", found.ratio);

    let number = Cell::new(0_u64);
    let cold = || {
        number.set(number.get() + 1);
        let mut constant = CONSTANT;
        constant.iter_mut().zip(number.get().to_be_bytes()).for_each(|(to, from)| *to ^= from);
        ticket(constant, false);
    };
    // The base key is the only one of its type that derives.
    let template = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(false), Attribute::Derive(true)];
    let base = bare.find_objects(&template).unwrap().last().copied().unwrap();
    let derive = || {
        let mechanism = Mechanism::AesCbcEncryptData(AesCbcDeriveParams::new([0; 16], &CONSTANT));
        for key_type in [KeyType::AES, KeyType::GENERIC_SECRET] {
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(key_type),
                Attribute::Token(false),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::ValueLen(32.into()),
            ];
            let key = bare.derive_key(&mechanism, base, &template).unwrap();
            bare.destroy_object(key).unwrap();
        }
    };
    // As many are open as may be, so that each new one closes an old one.
    (0..600).for_each(|_| cold());
    row("Kerberos, derived anew: all calls", "", rig.calls(cold));
    let found = Pair::of(20, derive, cold).rows("Kerberos, derived anew", "deriving and destroying two");
    row("Kerberos, derived anew: over that bare", "", found.ratio);
}

/// Bare and ours, in turns.
struct Pair {
    bare: Vec<Duration>,
    ours: Vec<Duration>,
}

/// What came of it.
struct Found {
    ratio: String,
    bare: Duration,
    ours: Duration,
}

impl Pair {
    fn of(times: usize, mut bare: impl FnMut(), mut ours: impl FnMut()) -> Self {
        let mut pair = Self { bare: Vec::new(), ours: Vec::new() };
        for _ in 0..TURNS {
            pair.bare.push(median(times, &mut bare));
            pair.ours.push(median(times, &mut ours));
        }
        pair
    }

    fn rows(&self, what: &str, calls: &str) -> Found {
        let [bare, ours] = [&self.bare, &self.ours].map(|times| middle(times.clone()));
        row(&format!("{what}: time, and of {calls} bare"), "", format!("{ours:.1?}, {bare:.1?}"));
        let ratios = self.ours.iter().zip(&self.bare).map(|(ours, bare)| ours.as_secs_f64() / bare.as_secs_f64());
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios.get(ratios.len() * part / 4).copied().unwrap();
        Found { ratio: format!("{:.2} (quartiles {:.2} to {:.2})", at(2), at(1), at(3)), bare, ours }
    }
}

fn median(times: usize, work: &mut impl FnMut()) -> Duration {
    let taken = (0..times).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed()
    });
    middle(taken.collect())
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap()
}

/// The DES-MK of 10,000 DES keys is changed; of each 500, the same is done bare when they have been told to be done.
fn change_of_master_key(file: Option<TempDir>) {
    let where_ = if file.is_some() { "in an SQLite file" } else { "in memory" };
    let memory: Arc<dyn RowStore> = Arc::new(MemoryStore::default());
    let mut rig = Rig::new(Arc::clone(&memory));
    let mut session = rig.card.session();
    rig.set_master_key(MasterKeyKind::Des);
    for number in 0..KEYS {
        let token = rig.icsf.csnbcki(&ClearKey::from_slice(&number.to_be_bytes())).unwrap().value;
        rig.icsf.csnbkrc2(&label(&format!("K{number}")), token).unwrap();
    }
    let mut store = memory;
    if let Some(directory) = &file {
        let mut export = Vec::new();
        rig.icsf.export_ckds(&mut export).unwrap();
        let path = directory.path().join("ckds");
        store = Arc::new(SqliteStore::create(&path, Volume::KeyDataSet).unwrap());
        rig.icsf = Rig::icsf(&rig.engine, Arc::clone(&store));
        rig.icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
        rig.icsf.import_ckds(&mut export.as_slice()).unwrap();
    }
    for turn in 0..3 {
        let before = master_keys(&session);
        rig.icsf.generate_master_key(MasterKeyKind::Des).unwrap();
        let new = master_keys(&session).into_iter().find(|key| !before.contains(key)).unwrap();
        let blobs = blobs(&*store);
        assert_eq!(blobs.len() as u64, KEYS);
        let opens =
            |key: &&ObjectHandle| blobs.first().is_some_and(|blob| rewrap(&session, **key, new, blob).is_some());
        let current = *before.iter().find(opens).unwrap();
        let (mut bare, mut between, mut seen) = (Duration::ZERO, Duration::ZERO, 0);
        // In a thread of its own, as the engine is: memory that the CKDS has made ragged would slow it down.
        let ((ask, asked), (tell, told)) = (mpsc::channel::<Range<usize>>(), mpsc::channel());
        let bare_thread = thread::spawn(move || {
            for range in asked {
                let timer = Instant::now();
                for blob in blobs.get(range).unwrap() {
                    black_box(rewrap(&session, current, new, blob).unwrap());
                }
                tell.send(timer.elapsed()).unwrap();
            }
            session
        });
        let (began, counted) = (Instant::now(), rig.card.calls());
        let changed = rig.icsf.change_master_key(MasterKeyKind::Des, &mut |progress| {
            let timer = Instant::now();
            ask.send(seen..progress.done).unwrap();
            bare += told.recv().unwrap();
            seen = progress.done;
            between += timer.elapsed();
        });
        let ours = began.elapsed() - between;
        drop(ask);
        session = bare_thread.join().unwrap();
        assert_eq!(changed.unwrap().done as u64, KEYS);
        assert_eq!(seen as u64, KEYS);
        if turn == 0 {
            row(
                &format!("master key of 10,000 keys, {where_}: calls, bare ones too"),
                "",
                rig.card.calls().since(&counted),
            );
        }
        let what = format!("master key of 10,000 keys, {where_}");
        row(&format!("{what}: time, and bare"), "", format!("{ours:.1?}, {bare:.1?}"));
        let bar = if file.is_some() { "" } else { "1.3" };
        row(&format!("{what}: over bare"), bar, format!("{:.2}", ours.as_secs_f64() / bare.as_secs_f64()));
    }
    drop(rig.directory);
}

/// All there is in the token.
fn master_keys(session: &Session) -> Vec<ObjectHandle> {
    let template =
        [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true), Attribute::KeyType(KeyType::AES)];
    session.find_objects(&template).unwrap()
}

fn blobs(store: &dyn RowStore) -> Vec<Vec<u8>> {
    let mut blobs = Vec::new();
    store
        .scan(Area::Disk, None, &mut |key, _, bytes| {
            let key = key.first_chunk().and_then(|key| RecordKey::from_bytes(*key).ok());
            let record = key.and_then(|key| Record::parse(key, bytes).ok());
            blobs.extend(record.and_then(|record| Some(record.token.wrapped()?.blob().to_vec())));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    blobs
}

/// Unwraps and wraps, bare.
fn rewrap(session: &Session, from: ObjectHandle, to: ObjectHandle, blob: &[u8]) -> Option<Vec<u8>> {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::DES3),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(true),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
    ];
    let key = session.unwrap_key(&Mechanism::AesKeyWrap, from, blob, &template).ok()?;
    let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, to, key).unwrap();
    session.destroy_object(key).unwrap();
    Some(wrapped)
}

fn card() {
    const TIMES: usize = 200;
    let rig = Rig::with_keys();
    let session = rig.legacy_session();
    let right = rig.legacy(&session).unwrap();
    let (mut late, mut back) = (0, Vec::new());
    for _ in 0..TIMES {
        rig.card.pull();
        late += usize::from(rig.legacy(&session).is_ok());
        rig.card.put_back();
        let began = Instant::now();
        while !rig.legacy(&session).is_ok_and(|ticket| ticket == right) {}
        back.push(began.elapsed());
    }
    row("card pulled: calls that went on", "0", late);
    back.sort();
    let longest = back.last().copied().unwrap();
    row("card back: first good ticket after, median", "100 ms", format!("{:.1?}", middle(back)));
    row("card back: first good ticket after, longest of 200", "100 ms", format!("{longest:.1?}"));
}

fn row(what: &str, bar: &str, value: impl std::fmt::Display) {
    println!("{what:58} {bar:>14}  {value}");
}
