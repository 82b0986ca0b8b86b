//! A process that writes the CKDS is killed, again and again, at whatever moment: what it was told is done is done, what it
//! had begun is done or not, and every key computes what it should.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::str::FromStr;
use std::time::{Duration, Instant};

use icsf_core::ClearKey;
use icsf_core::codes::Code;
use icsf_core::label::LabelPattern;
use softicsf::{MasterKeyKind, System};

use crate::support::{Random, computed, create, des_key, expected, load_master_key, process, told};

const ROUNDS: u64 = 200;
const LABELS: u64 = 24;

/// What the process does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The key of this seed, under a new label or in the place of another key.
    Put {
        label: u64,
        seed: u64,
    },
    Delete {
        label: u64,
    },
    Change {
        master_key: u8,
    },
}

impl Step {
    /// A change of the master key is begun often enough to be killed in.
    fn random(random: &mut Random) -> Self {
        let label = random.below(LABELS);
        match random.below(10) {
            0..2 => Self::Change { master_key: random.below(256) as u8 },
            2..4 => Self::Delete { label },
            _ => Self::Put { label, seed: random.below(1 << 40) },
        }
    }

    fn take(self, system: &System) -> icsf_core::Result<()> {
        let icsf = system.icsf();
        match self {
            Self::Put { label, seed } => {
                let token = || Ok::<_, icsf_core::Error>(icsf.csnbcki(&ClearKey::from_slice(&des_key(seed)))?.value);
                match icsf.csnbkrw(token()?, &name(label).parse().unwrap()) {
                    Err(error) if error.code() == Code::LabelNotFound => {
                        icsf.csnbkrc2(&name(label).parse().unwrap(), token()?).map(drop)
                    }
                    written => written.map(drop),
                }
            }
            Self::Delete { label } => match icsf.csnbkrd(&["LABEL-DL"], &name(label).parse().unwrap()) {
                Err(error) if error.code() == Code::LabelNotFound => Ok(()),
                deleted => deleted.map(drop),
            },
            Self::Change { master_key } => match load_master_key(system, master_key) {
                // The key in use, or the one before, again.
                Err(error) if error.code() == Code::RegisterRefused => Ok(()),
                loaded => loaded.and_then(|()| icsf.change_master_key(MasterKeyKind::Des, &mut |_| {}).map(drop)),
            },
        }
    }

    /// What the CKDS holds afterwards.
    fn note(self, held: &mut BTreeMap<u64, u64>) {
        match self {
            Self::Put { label, seed } => drop(held.insert(label, seed)),
            Self::Delete { label } => drop(held.remove(&label)),
            Self::Change { .. } => {}
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { label, seed } => write!(f, "put {label} {seed}"),
            Self::Delete { label } => write!(f, "delete {label} 0"),
            Self::Change { master_key } => write!(f, "change {master_key} 0"),
        }
    }
}

impl FromStr for Step {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(());
        let (what, first, second) = (word()?, word()?.parse().map_err(drop)?, word()?.parse().map_err(drop)?);
        match what {
            "put" => Ok(Self::Put { label: first, seed: second }),
            "delete" => Ok(Self::Delete { label: first }),
            "change" => Ok(Self::Change { master_key: first as u8 }),
            _ => Err(()),
        }
    }
}

fn name(label: u64) -> String {
    format!("KILLED.K{label:02}")
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn writer() {
    let (place, seed) = told();
    let system = System::open(&place).unwrap();
    let mut random = Random::new(seed);
    let mut out = std::io::stdout();
    loop {
        let step = Step::random(&mut random);
        writeln!(out, "begin {step}").unwrap();
        out.flush().unwrap();
        step.take(&system).unwrap();
        writeln!(out, "done").unwrap();
        out.flush().unwrap();
    }
}

/// Lets a process write until so many lines have come from it, and kills it a moment after that; answers the steps it was told are done, and
/// the one it had begun.
fn write_and_kill(place: &Path, seed: u64, lines: u64, after: Duration) -> (Vec<Step>, Option<Step>) {
    let mut child = process("killed::writer", place, seed).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (mut done, mut begun, mut count) = (Vec::new(), None, 0);
    for line in out.lines() {
        let Ok(line) = line else { break };
        // The first line of the test runner has no end of its own.
        if let Some((_, step)) = line.split_once("begin ") {
            begun = step.parse().ok();
        } else if line == "done" {
            done.extend(begun.take());
        }
        count += 1;
        if count == lines {
            // So far into whatever it does now; what it still writes is read to the end.
            let moment = Instant::now() + after;
            while Instant::now() < moment {}
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "it ended by itself: {status}");
    (done, begun)
}

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost_and_every_key_computes_what_it_should() {
    // SOFTICSF_SEED repeats the run of another seed; when exactly a process is killed no seed can say.
    let seed = std::env::var("SOFTICSF_SEED")
        .map_or_else(|_unset| u64::from(std::process::id()), |seed| seed.parse().unwrap());
    println!("seed {seed}");
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("sy1");
    drop(create(&place));
    let mut random = Random::new(seed);
    let mut held: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut steps, mut in_change) = (0, 0);
    for round in 0..ROUNDS {
        let (lines, after) = (3 + random.below(40), Duration::from_micros(random.below(20_000)));
        let (done, begun) = write_and_kill(&place, random.below(1 << 40), lines, after);
        steps += done.len();
        done.iter().for_each(|step| step.note(&mut held));
        in_change += u64::from(matches!(begun, Some(Step::Change { .. })));

        let system = System::open(&place).unwrap();
        let context = format!("seed {seed}, round {round}, while {begun:?}");
        let mut finished = held.clone();
        begun.iter().for_each(|step| step.note(&mut finished));
        // The step that was under way is done or is not: what is there decides, and stays so.
        let label = match begun {
            Some(Step::Put { label, .. } | Step::Delete { label }) => Some(label),
            _ => None,
        };
        if let Some(label) = label {
            let there = computed(&system, &name(label)).ok();
            let [before, after] = [&held, &finished].map(|held| held.get(&label).map(|seed| expected(*seed)));
            assert!(there == before || there == after, "{context}: {there:?} is neither {before:?} nor {after:?}");
            if there == after {
                held = finished;
            }
        }
        let list = system.icsf().csfkdsl(&["CKDS", "LABELS", "ALL"], &LabelPattern::any(), 100, None).unwrap().value.1;
        let labels: Vec<String> = list.iter().map(|entry| entry.key.label().to_string()).collect();
        assert_eq!(labels, held.keys().map(|label| name(*label)).collect::<Vec<_>>(), "{context}");
        for (label, seed) in &held {
            let key = computed(&system, &name(*label)).unwrap_or_else(|e| panic!("{context}: {}: {e}", name(*label)));
            assert_eq!(key, expected(*seed), "{context}: {}", name(*label));
        }
        let verified = system.icsf().verify_ckds().unwrap();
        assert_eq!((verified.good, verified.unchecked, verified.bad), (held.len(), 0, Vec::new()), "{context}");
        // A change that was killed is finished here, or by the next one.
        if random.below(2) == 0 {
            assert_eq!(system.icsf().reencipher(&mut |_| {}).unwrap().unusable, [], "{context}");
        }
    }
    println!("{steps} steps acknowledged, killed in {in_change} changes of the master key");
    assert!(steps > 500 && in_change > 0, "{steps} steps, {in_change} changes");
}
