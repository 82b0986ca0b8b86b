//! A security database of a hundred thousand profiles: import of an unload, memory, searches, and small changes.
//!
//! ```text
//! cargo bench -p icsf-saf --bench unload
//! ```
//!
//! | what | bar |
//! |---|---|
//! | import into an SQLite file | at most 3 s |
//! | memory of a process that does that, at most | 200 MB |
//! | what a generate searches: key profiles, and the generic profile that protects it | at most 2 µs |
//! | a small change, and seeing it | as in a small database |
//!
//! Searches are for users and applications in random order, so that little is in a cache of the processor, and are measured
//! in time on the processor. A small change
//! is the ALTER of one profile, and then the look at the database that sees it; it takes turns with the same in a database
//! of three profiles. The files lie in `TMPDIR`; on a tmpfs nothing is waited for.
//!
//! Times depend on the machine and on what else it does; the fastest round is the steadier figure.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that reports, and stops at the first surprise"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use icsf_backends::Software;
use icsf_core::clock::ManualClock;
use icsf_core::codes::ReasonCodes;
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::random::SeededRandom;
use icsf_core::store::{MemoryStore, SqliteStore, Volume};
use icsf_core::{Icsf, Parts};
use icsf_saf::command::NoSecrets;
use icsf_saf::model::{Class, ProfileName};
use icsf_saf::{Caller, Database, Existing, Saf, Snapshot, unload};
use ptkt::MemoryRegister;

#[path = "../tests/suite/synthetic.rs"]
mod synthetic;

use synthetic::{Names, Size};

const NOW: u64 = 1_763_110_800;
const ROUNDS: u32 = 5;
const SEARCHES: u32 = 100_000;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("unload");
    synthetic::write(Size::LARGE, &mut BufWriter::new(File::create(&file).unwrap())).unwrap();
    row("the unload", bytes(&file) / 1e6, "MB");

    let large = system(&directory.path().join("large"));
    let mut rounds = vec![import(large.database(), &file)];
    row("memory of a process that imports it, at most", peak(), "MB");
    row("size of the file of the database", bytes(&directory.path().join("large")) / 1e6, "MB");
    for round in 1..ROUNDS {
        rounds.push(import(system(&directory.path().join(round.to_string())).database(), &file));
    }
    report("import", rounds, "s");

    command(&large, "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)");
    report("start: everything read", (0..ROUNDS).map(|_| load(&directory.path().join("large"))).collect(), "s");
    let view = large.database().view().unwrap();
    report("search of a generate", (0..ROUNDS).map(|round| search(&view, round)).collect(), "µs");
    row("memory of a process that does all this, at most", peak(), "MB");

    let small = system(&directory.path().join("small"));
    command(&small, "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)");
    command(&small, &format!("RDEFINE PTKTDATA {}", Names::application(0)));
    let (mut in_large, mut in_small) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        in_large.push(change(&large, round));
        in_small.push(change(&small, round));
    }
    report("a small change, seen", in_large, "µs");
    report("the same in a small database", in_small, "µs");
}

fn system(path: &Path) -> Saf {
    let epoch = Arc::new(Epoch::in_memory());
    let clock = Arc::new(ManualClock::at(NOW));
    let icsf = Icsf::new(Parts {
        backend: Arc::new(Software::in_memory(Arc::new(SeededRandom::new(1)))),
        store: Arc::new(MemoryStore::default()),
        control: Arc::new(MemoryControl::default()),
        epoch: Arc::clone(&epoch),
        clock: Arc::clone(&clock) as Arc<_>,
        random: Arc::new(SeededRandom::new(2)),
        reason_codes: ReasonCodes::Icsf,
    });
    let store = SqliteStore::create(path, Volume::SecurityDatabase).unwrap();
    let database = Database::new(Arc::new(store), epoch);
    Saf::new(Arc::new(icsf), database, clock, Arc::new(MemoryRegister::new()), "PRD1")
}

fn command(saf: &Saf, command: &str) {
    saf.command(&Caller::user("IBMUSER".parse().unwrap()), command, &NoSecrets).unwrap();
}

fn import(database: &Database, file: &Path) -> f64 {
    let timer = Instant::now();
    let contents = unload::read(File::open(file).unwrap(), &mut |_| {}).unwrap();
    let imported = database.import(&contents, Existing::Keep).unwrap();
    let seconds = timer.elapsed().as_secs_f64();
    assert_eq!(imported.profiles.added, u64::from(Size::LARGE.profiles));
    seconds
}

fn load(path: &Path) -> f64 {
    let store = SqliteStore::open(path, Volume::SecurityDatabase).unwrap();
    let database = Database::new(Arc::new(store), Arc::new(Epoch::in_memory()));
    let timer = Instant::now();
    let view = database.view().unwrap();
    let seconds = timer.elapsed().as_secs_f64();
    assert_eq!(view.users().count(), Size::LARGE.users.try_into().unwrap());
    seconds
}

/// What is searched for a generate: the key profiles of the application and the user, and of the application; and what
/// protects the right to it. As there, the names are put together first.
fn search(view: &Snapshot, round: u32) -> f64 {
    let mut at = round;
    let mut random = |below: u32| {
        at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (at >> 8) % below
    };
    let applications = Size::LARGE.profiles / 10 * 3;
    let class = Class::Ptktdata;
    let mut found = 0;
    let before = on_cpu();
    for _ in 0..SEARCHES {
        let (application, user) = (Names::application(random(applications)), Names::user(random(Size::LARGE.users)));
        for name in [format!("{application}.{user}"), application.clone()] {
            let name: ProfileName = black_box(name).parse().unwrap();
            found += u32::from(view.discrete(class, &name).is_some());
        }
        let authority = format!("IRRPTAUTH.{application}.{user}");
        found += u32::from(view.protecting(class, black_box(&authority)).is_some());
    }
    let micros = (on_cpu() - before) / 1e3 / f64::from(SEARCHES);
    assert!(found >= SEARCHES * 19 / 10, "each application has a key, and nearly each a generic profile: {found}");
    micros
}

/// For how many nanoseconds this thread has had a processor; what others do on it does not count.
fn on_cpu() -> f64 {
    let numbers = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    numbers.split(' ').next().unwrap().parse().unwrap()
}

fn change(saf: &Saf, round: u32) -> f64 {
    const CHANGES: u32 = 200;
    let timer = Instant::now();
    for number in 0..CHANGES {
        command(saf, &format!("RALTER PTKTDATA {} DATA('{round} {number}')", Names::application(0)));
        black_box(saf.database().view().unwrap());
    }
    timer.elapsed().as_secs_f64() * 1e6 / f64::from(CHANGES)
}

fn report(what: &str, mut rounds: Vec<f64>, unit: &str) {
    rounds.sort_unstable_by(f64::total_cmp);
    row(&format!("{what}: fastest"), rounds[0], unit);
    row(&format!("{what}: median"), rounds[rounds.len() / 2], unit);
}

fn row(what: &str, figure: f64, unit: &str) {
    println!("  {what:50} {figure:10.2} {unit}");
}

fn bytes(path: &Path) -> f64 {
    u32::try_from(fs::metadata(path).unwrap().len()).unwrap().into()
}

/// The most memory this process ever had.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1e3
}
