//! `drill`: disaster-recovery drills.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use icsf_drill::fault::{FAULTS, Fault};
use icsf_drill::gallery::{GALLERY, read};
use icsf_drill::{CardKind, Cards, Error, Reader, Report};
use serde_json::{Value, json};
use tempfile::{Builder, NamedTempFile};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::softhsm::SoftHsm;

/// Disaster-recovery drills: what dies without the crypto card, and why
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf drill run no-crypto-card

A drill describes sites, keys, profiles and session managers, and steps: what
happens, and what should come of it (docs/drills.md). It is gone through in
memory, on a virtual clock; no system is touched.")]
pub(crate) struct Drill {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the drills that come with the program, and the faults
    #[command(after_help = "Example:\n  softicsf drill list")]
    List,
    /// Show the file of a drill that comes with the program, or the page of a fault
    #[command(after_help = "\
Examples:
  softicsf drill show no-crypto-card > mine.toml
  softicsf drill show fault:no-card")]
    Show {
        /// Name of the drill, or fault:NAME
        name: String,
    },
    /// Check a drill file, and run nothing
    #[command(after_help = "\
Example:
  softicsf drill check mine.toml

Exit status 2 when there are mistakes in it: all of them are told.")]
    Check {
        /// File to check
        file: String,
        /// Let keys and passwords stand in the file itself
        #[arg(long)]
        allow_inline_keys: bool,
    },
    /// Run a drill, and report what died, what survived, why, and what mends it
    #[command(after_help = "\
Examples:
  softicsf drill run no-crypto-card
  softicsf drill run no-crypto-card --engine pkcs11
  softicsf drill run mine.toml --report reports
  softicsf drill run mine.toml --compare reports/report.json

With --report the report is written into a directory too, which is made where it
is not there: report.txt, report.json (its schema is in
docs/drill-report.schema.json), junit.xml for CI, and report.html, one file to
be mailed, printed and kept. All of them are written, or none.

With --compare the report says what got better and what got worse since an
earlier run of the same drill; the exit status is that of this run.

Engines of kind pkcs11 are SoftHSM tokens, a new one for each site and each card
that is attached, and gone afterwards. They are pulled for real; they want Linux
and SoftHSM 2 (apt-get install softhsm2; TEST_PKCS11_MODULE names its module if
it is in no usual place).

Exit status 0 when everything came as expected, 1 when something did not, 2 for
a mistake in the file or an OLD.json that cannot be compared with, 3 when the
baseline failed and nothing was tried, 4 when it could not be run or its report
not be written: no SoftHSM, a full disk, a fault of this program.")]
    Run {
        /// Name of a drill, or file
        #[arg(value_name = "NAME-OR-FILE")]
        drill: String,
        /// Kind of engine wherever the drill wants one [default: what it says]
        #[arg(long, value_name = "KIND")]
        engine: Option<EngineKind>,
        /// Let keys and passwords stand in the file itself
        #[arg(long)]
        allow_inline_keys: bool,
        /// Let each step wait for its time by the clock of the machine
        #[arg(long)]
        wall_clock: bool,
        /// Write the report into this directory too, in four forms
        #[arg(long, value_name = "DIR")]
        report: Option<PathBuf>,
        /// Tell what changed since the run whose report.json this is
        #[arg(long, value_name = "OLD.json")]
        compare: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EngineKind {
    Software,
    Pkcs11,
}

impl From<EngineKind> for CardKind {
    fn from(kind: EngineKind) -> Self {
        match kind {
            EngineKind::Software => Self::Software,
            EngineKind::Pkcs11 => Self::Pkcs11,
        }
    }
}

impl Drill {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        context.out.unwritten(4);
        match &self.action {
            Action::List => list(context),
            Action::Show { name } => show(context, name),
            Action::Check { file, allow_inline_keys } => check(context, file, &reader(*allow_inline_keys)),
            Action::Run { drill, engine, allow_inline_keys, wall_clock, report, compare } => {
                let cards = Cards::default().tokens(&SoftHsm);
                let cards = engine.map_or(cards, |kind| cards.all(kind.into()));
                let cards = if *wall_clock { cards.wall_clock() } else { cards };
                run(context, drill, &reader(*allow_inline_keys), &cards, report.as_deref(), compare.as_deref())
            }
        }
    }
}

fn reader(allow_inline_keys: bool) -> Reader {
    let reader = Reader::default();
    if allow_inline_keys { reader.allow_inline_keys() } else { reader }
}

fn list(context: &mut Context) -> Outcome {
    let out = &mut context.out;
    if out.is_json() {
        let drills: Vec<Value> =
            GALLERY.iter().map(|drill| json!({ "name": drill.name, "teaches": drill.teaches })).collect();
        let faults: Vec<Value> = FAULTS
            .iter()
            .map(|fault| json!({ "name": fault.name, "title": fault.title, "action": fault.action }))
            .collect();
        out.json(&json!({ "drills": drills, "faults": faults }))?;
        return Ok(0);
    }
    let named = |fault: &Fault| format!("fault:{}", fault.name);
    let lengths = GALLERY.iter().map(|drill| drill.name.len());
    let widest = lengths.chain(FAULTS.iter().map(|fault| named(fault).len())).max().unwrap_or_default();
    for drill in GALLERY {
        out.entry(&format!("{:<widest$}  ", drill.name), drill.teaches)?;
    }
    out.line("")?;
    for fault in FAULTS {
        out.entry(&format!("{:<widest$}  ", named(fault)), &format!("{} ({})", fault.title, fault.action))?;
    }
    Ok(0)
}

fn show(context: &mut Context, name: &str) -> Outcome {
    if let Some(fault) = Fault::named(name).filter(|_| name.starts_with("fault:")) {
        if context.out.is_json() {
            context.out.json(&json!({ "name": name, "teaches": fault.title, "text": fault.page }))?;
        } else {
            fault.page.lines().try_for_each(|line| context.out.line(line))?;
        }
        return Ok(0);
    }
    let Some(drill) = GALLERY.iter().find(|drill| drill.name == name) else {
        return Err(Failure::usage(format!("{name}: no drill or fault of this name comes with the program"))
            .next("softicsf drill list tells which there are"));
    };
    if context.out.is_json() {
        context.out.json(&json!({ "name": drill.name, "teaches": drill.teaches, "text": drill.text }))?;
    } else {
        drill.text.lines().try_for_each(|line| context.out.line(line))?;
    }
    Ok(0)
}

fn check(context: &mut Context, file: &str, reader: &Reader) -> Outcome {
    let drill = read(file, reader)?;
    icsf_drill::check(&drill)?;
    if context.out.is_json() {
        context.out.json(&json!({ "id": drill.id(), "title": drill.title() }))?;
    } else {
        context.out.note(&format!("{file}: no mistake was found: {}, {}", drill.id(), drill.title()))?;
    }
    Ok(0)
}

fn run(
    context: &mut Context,
    name_or_file: &str,
    reader: &Reader,
    cards: &Cards<'_>,
    directory: Option<&Path>,
    compare: Option<&Path>,
) -> Outcome {
    let drill = read(name_or_file, reader)?;
    // Before the drill, so that nobody waits for a mistake.
    let earlier = compare.map(|path| earlier(path, drill.id())).transpose()?;
    // Who interrupts it gets the report of what was done by then.
    let _hold = softicsf::quiesce::hold();
    let run = icsf_drill::run_on(&drill, cards)?;
    let report = Report::of(&run);
    let report = match &earlier {
        Some(earlier) => report.since(earlier),
        None => report,
    };
    let files = directory.map(|directory| write(directory, &report.files())).transpose()?.unwrap_or_default();
    if context.out.is_json() {
        context.out.json(&json!({
            "id": drill.id(),
            "title": drill.title(),
            "engines": run.engines().map(|kind| kind.to_string()).collect::<Vec<_>>(),
            "status": run.exit_status(),
            "as_expected": run.is_as_expected(),
            "report": report.text(),
            "data": report.value(),
            "files": files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        }))?;
    } else {
        report.text().lines().try_for_each(|line| context.out.line(line))?;
        files.iter().try_for_each(|file| context.out.note(&format!("{} is written", file.display())))?;
    }
    Ok(run.exit_status())
}

/// The report to compare with.
fn earlier(path: &Path, id: &str) -> Result<Report, Failure> {
    let wrong = |why: String| Failure::usage(format!("--compare {}: {why}", path.display()));
    let json = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    Report::earlier(&json, id).map_err(|error| wrong(error.to_string()))
}

/// Writes the files of a report into a directory: each takes the place of an older one as a whole, and none does before all
/// are on disk.
fn write(directory: &Path, files: &[(&str, String)]) -> Result<Vec<PathBuf>, Failure> {
    let failed = |path: &Path, error: &io::Error| {
        Failure::new(4, format!("--report {}: {error}", path.display())).next("give a directory that can be written to")
    };
    fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    let mut ready = Vec::new();
    for (name, text) in files {
        let path = directory.join(name);
        if path.is_dir() {
            return Err(failed(&path, &io::ErrorKind::IsADirectory.into()));
        }
        let written = || -> io::Result<NamedTempFile> {
            let mut file = Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(directory)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        ready.push((written().map_err(|error| failed(&path, &error))?, path));
    }
    let placed = ready.into_iter().map(|(file, path)| {
        file.persist(&path).map_err(|error| failed(&path, &error.error))?;
        Ok(path)
    });
    placed.collect()
}

/// A mistake in a drill file is told with the lines it is in.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::File(mistakes) => {
                let all: Vec<&str> = mistakes.iter().map(icsf_drill::Mistake::what).collect();
                Self::report(2, all.join("; "), error.to_string())
            }
            Error::Setup(mistake) => Self::report(2, mistake.what(), error.to_string()),
            Error::Engine(_) | Error::Leak => Self::new(4, error.to_string()),
            _ => Self::usage(error.to_string()),
        }
    }
}
