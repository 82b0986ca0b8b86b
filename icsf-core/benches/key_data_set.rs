//! A key data set of a million records: look-up, memory, REFRESH, and the SQLite file.
//!
//! ```text
//! cargo bench -p icsf-core --bench key_data_set
//! ```
//!
//! | what | bar |
//! |---|---|
//! | look-up in the in-storage copy, cold | at most 200 ns |
//! | memory of the in-storage copy beyond keys and records | at most 12 bytes a record |
//! | REFRESH that reads everything | at most 2 s |
//! | import of all records into an SQLite file | at most 90 s |
//! | one durable put into it | at least 2,000 a second, on a quiet machine |
//!
//! Cold: each label is looked up once, in random order, so that no record is in a cache of the processor. Look-ups take
//! turns with single reads of as much memory in random order; puts take turns with a bare append and fdatasync of as many
//! bytes. Their ratios hold when the machine is busy.
//! The file lies in `TMPDIR`: on a tmpfs, where nothing is waited for, the puts show what they cost the processor.
//!
//! Times depend on the machine and on what else it does; the fastest round is the steadier figure.

#![expect(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that reports, and stops at the first surprise"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use icsf_backends::Software;
use icsf_core::backend::{Backend, HashAlgorithm, KeyHandle, MasterKeyKind};
use icsf_core::clock::ManualClock;
use icsf_core::codes::ReasonCodes;
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::kds::{Found, KdsFormat, Record};
use icsf_core::random::SeededRandom;
use icsf_core::store::{Area, Expect, MemoryStore, Op, RowStore, SqliteStore, Volume};
use icsf_core::{ClearKey, Icsf, KeyLabel, KeyToken, Parts, RecordKey};

const RECORDS: u64 = 1_000_000;
const NOW: u64 = 1_763_110_800;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let engine: Arc<dyn Backend> = Arc::new(Software::in_memory(Arc::new(SeededRandom::new(1))));

    println!("in memory");
    let memory: Arc<dyn RowStore> = Arc::new(MemoryStore::default());
    let icsf = assemble(&engine, &memory);
    icsf.generate_master_key(MasterKeyKind::Des).unwrap();
    icsf.set_master_key(MasterKeyKind::Des).unwrap();
    memory.apply(&records(&icsf)).unwrap();
    let mut export = Vec::new();
    icsf.export_ckds(&mut export).unwrap();
    refresh(&icsf);
    look_up(&icsf);
    drop((icsf, memory));

    println!("in an SQLite file");
    let path = directory.path().join("ckds");
    let sqlite: Arc<dyn RowStore> = Arc::new(SqliteStore::create(&path, Volume::KeyDataSet).unwrap());
    let icsf = assemble(&engine, &sqlite);
    let timer = Instant::now();
    assert_eq!(icsf.import_ckds(&mut export.as_slice()).unwrap() as u64, RECORDS);
    row("import of all records", timer.elapsed().as_secs_f64(), "s");
    row("size of the file", fs::metadata(&path).unwrap().len() as f64 / RECORDS as f64, "bytes a record");
    drop(export);
    refresh(&icsf);
    put(&icsf, &*sqlite, directory.path());
}

fn assemble(engine: &Arc<dyn Backend>, store: &Arc<dyn RowStore>) -> Icsf {
    let icsf = Icsf::new(Parts {
        backend: Arc::clone(engine),
        store: Arc::clone(store),
        control: Arc::new(MemoryControl::default()),
        epoch: Arc::new(Epoch::in_memory()),
        clock: Arc::new(ManualClock::at(NOW)),
        random: Arc::new(SeededRandom::new(2)),
        reason_codes: ReasonCodes::Icsf,
    });
    icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
    icsf
}

fn label(number: u64) -> KeyLabel {
    format!("PTKT.APPL{number:07}").parse().unwrap()
}

/// Authentic records, each of a key of its own, as CSNBCKI and CSNBKRC2 make them one by one.
fn records(icsf: &Icsf) -> Vec<Op> {
    let (header, _) = icsf.key_data_set().header().unwrap();
    let mac_key = icsf.backend().open(&header.of(MasterKeyKind::Des).unwrap().mac_key).unwrap();
    (0..RECORDS)
        .map(|number| {
            let record = record(icsf, &*mac_key, number);
            Op::Put(Area::Disk, record.key.bytes().as_slice().into(), record.encode(), Expect::Absent)
        })
        .collect()
}

fn record(icsf: &Icsf, mac_key: &dyn KeyHandle, number: u64) -> Record {
    let token = token(icsf, number);
    let key = RecordKey::new(&label(number), token.key_type());
    let mut record = Record { key, token, created: NOW, updated: 0, mac: None };
    let mut mac = [[0; 64]];
    mac_key.hmac(HashAlgorithm::Sha512, &[&record.authenticated()], &mut mac).unwrap();
    record.mac = mac.as_flattened().first_chunk().copied();
    record
}

fn token(icsf: &Icsf, number: u64) -> KeyToken {
    icsf.csnbcki(&ClearKey::from_slice(&number.to_be_bytes())).unwrap().value
}

/// What REFRESH costs when everything is to be read anew, and a process at its start.
fn refresh(icsf: &Icsf) {
    let kds = icsf.key_data_set();
    drop(icsf.view().unwrap());
    let seconds = Rounds::of(5, || {
        let timer = Instant::now();
        icsf.refresh_ckds().unwrap();
        let copy = kds.load().unwrap();
        let seconds = timer.elapsed().as_secs_f64();
        assert_eq!(copy.len() as u64, RECORDS);
        seconds
    });
    row("REFRESH, everything read: fastest", seconds.least(), "s");
    row("REFRESH, everything read: median", seconds.median(), "s");

    row("memory beyond keys and records", kds.load().unwrap().overhead() as f64 / RECORDS as f64, "bytes a record");
}

fn look_up(icsf: &Icsf) {
    const ROUNDS: usize = 25;
    let view = icsf.view().unwrap();
    let nanoseconds = |labels: &[KeyLabel], there: bool| {
        let timer = Instant::now();
        for label in labels {
            let found = matches!(black_box(view.kds.find(black_box(label))), Found::Here(_));
            assert_eq!(found, there);
        }
        timer.elapsed().as_nanos() as f64 / labels.len() as f64
    };

    let mut labels: Vec<KeyLabel> = (0..RECORDS).map(label).collect();
    shuffle(&mut labels);
    let mut parts = labels.chunks(labels.len() / ROUNDS);
    let mut walk = Walk::new();
    let (mut cold, mut read) = (Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        cold.add(nanoseconds(parts.next().unwrap(), true));
        read.add(walk.nanoseconds(RECORDS as usize / ROUNDS));
    }
    row("look-up, cold: fastest", cold.least(), "ns");
    row("look-up, cold: median", cold.median(), "ns");
    row("one read of memory, cold: fastest", read.least(), "ns");
    row("look-up over one read, cold: median ratio", cold.over(&read).median(), "times");

    let few: Vec<KeyLabel> = labels.iter().copied().take(1000).cycle().take(100_000).collect();
    let hot = Rounds::of(ROUNDS, || nanoseconds(&few, true));
    row("look-up, 1,000 labels again and again: median", hot.median(), "ns");

    let missing: Vec<KeyLabel> = (RECORDS..RECORDS + 100_000).map(label).collect();
    let miss = Rounds::of(ROUNDS, || nanoseconds(&missing, false));
    row("look-up of what is not there: median", miss.median(), "ns");
}

/// Reads of as much memory as the records take, in random order, each depending on the one before: what the machine takes
/// for one miss, now.
struct Walk {
    /// Where to go from here.
    next: Vec<[u32; 44]>,
    here: u32,
}

impl Walk {
    fn new() -> Self {
        let mut order: Vec<u32> = (0..RECORDS as u32).collect();
        shuffle(&mut order);
        let mut next = vec![[0; 44]; order.len()];
        for (from, to) in order.iter().zip(order.iter().cycle().skip(1)) {
            next.get_mut(*from as usize).unwrap()[0] = *to;
        }
        Self { next, here: 0 }
    }

    fn nanoseconds(&mut self, steps: usize) -> f64 {
        let timer = Instant::now();
        for _ in 0..steps {
            [self.here, ..] = *self.next.get(self.here as usize).unwrap();
        }
        black_box(self.here);
        timer.elapsed().as_nanos() as f64 / steps as f64
    }
}

/// New records one by one, each durable before the next: by the service, into the bare store, and as bytes appended to a
/// file, in turns.
fn put(icsf: &Icsf, store: &dyn RowStore, directory: &Path) {
    const ROUNDS: usize = 125;
    const PUTS: u64 = 20;
    let (header, _) = icsf.key_data_set().header().unwrap();
    let mac_key = icsf.backend().open(&header.of(MasterKeyKind::Des).unwrap().mac_key).unwrap();
    let mut numbers = RECORDS..;
    let mut file = File::create(directory.join("appended")).unwrap();
    let mut per_second = |put: &mut dyn FnMut(Record)| {
        let records: Vec<Record> = numbers.by_ref().take(PUTS as usize).map(|n| record(icsf, &*mac_key, n)).collect();
        let timer = Instant::now();
        records.into_iter().for_each(put);
        PUTS as f64 / timer.elapsed().as_secs_f64()
    };

    let (mut service, mut bare, mut append) = (Rounds::default(), Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        service.add(per_second(&mut |record| {
            icsf.csnbkrc2(&record.key.label(), record.token).unwrap();
        }));
        append.add(per_second(&mut |record| {
            file.write_all(record.key.bytes()).and_then(|()| file.write_all(&record.encode())).unwrap();
            file.sync_data().unwrap();
        }));
        bare.add(per_second(&mut |record| {
            let op = Op::Put(Area::Disk, record.key.bytes().as_slice().into(), record.encode(), Expect::Absent);
            store.apply(&[op]).unwrap();
        }));
    }
    for (what, rounds) in [("CSNBKRC2", &service), ("put into the store", &bare), ("append and fdatasync", &append)] {
        row(&format!("{what}: fastest"), rounds.most(), "a second");
        row(&format!("{what}: median"), rounds.median(), "a second");
    }
    row("append over CSNBKRC2: median ratio", append.over(&service).median(), "times");
    row("append over put into the store: median ratio", append.over(&bare).median(), "times");
}

/// One figure per round.
#[derive(Default)]
struct Rounds(Vec<f64>);

impl Rounds {
    fn of(count: usize, mut measure: impl FnMut() -> f64) -> Self {
        Self((0..count).map(|_| measure()).collect())
    }

    fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Round by round.
    fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one / other).collect())
    }

    fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn most(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap()
    }
}

/// The same order in every run.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x1234_5678_9ABC_DEF1_u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(last, ((u128::from(state) * (last as u128 + 1)) >> 64) as usize);
    }
}

fn row(what: &str, figure: f64, unit: &str) {
    println!("  {what:50} {figure:10.2} {unit}");
}
