//! A system in a directory: made and opened.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icsf_backends::Slot;
use icsf_core::clock::SystemClock;
use icsf_core::control::{Control, ControlStore};
use icsf_core::epoch::Epoch;
use icsf_core::journal::Journal;
use icsf_core::kds::KdsFormat;
use icsf_core::random::SystemRandom;
use icsf_core::store::{SqliteStore, Volume};
use icsf_saf::replay::FileRegister;

use crate::control::FileControl;
use crate::engine::{self, Chooser};
use crate::error::{Error, Result};
use crate::journal::FileJournal;
use crate::options::{self, Engine, EngineSecrets, Names, UnlockBy};
use crate::system::{Assembly, System};

/// Where the parts of a system lie.
#[derive(Debug, Clone)]
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn options(&self) -> PathBuf {
        self.0.join("softicsf.toml")
    }

    fn control(&self) -> PathBuf {
        self.0.join("control.toml")
    }

    pub(crate) fn epoch(&self) -> PathBuf {
        self.0.join("epoch")
    }

    pub(crate) fn ckds(&self) -> PathBuf {
        self.0.join("ckds.db")
    }

    fn racf(&self) -> PathBuf {
        self.0.join("racf.db")
    }

    fn replay(&self) -> PathBuf {
        self.0.join("replay")
    }

    fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    pub(crate) fn engine_state(&self) -> PathBuf {
        self.0.join("engine.state")
    }

    pub(crate) fn registers(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn engine_key(&self) -> PathBuf {
        self.0.join("engine.key")
    }
}

/// What a new system shall be.
#[derive(Debug)]
pub struct Setup {
    /// Its names.
    pub names: Names,
    /// The record format of its CKDS.
    pub format: KdsFormat,
    /// Its engine.
    pub engine: Engine,
    /// What opens its engine, unless a file does.
    pub secrets: EngineSecrets,
}

impl Default for Setup {
    /// System SY1, a CKDS in common record format, a software engine with a key file.
    fn default() -> Self {
        Self {
            names: Names::default(),
            format: KdsFormat::Kdsr,
            engine: Engine::Software { unlock: UnlockBy::KeyFile },
            secrets: EngineSecrets::default(),
        }
    }
}

impl System {
    /// Makes a system in `directory`, which must not exist or be empty, and opens it.
    ///
    /// # Errors
    /// [`Error`]; nothing is left behind.
    pub fn create(directory: &Path, setup: &Setup) -> Result<Self> {
        if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::new(directory, "the directory is not empty")
                .remedy("give a directory that does not exist yet, or an empty one"));
        }
        // A path that ends in .. or . names a directory that is there.
        let named = directory.canonicalize();
        let directory = named.as_deref().unwrap_or(directory);
        let name = directory.file_name().ok_or_else(|| Error::new(directory, "this is no name of a directory"))?;
        let mut beside = name.to_owned();
        beside.push(format!(".new-{}", std::process::id()));
        let beside = Layout(directory.with_file_name(beside));
        let made = make(&beside, setup)
            .map_err(|error| error.moved(&beside.0, directory))
            .and_then(|()| put(&beside, directory).map_err(Error::of(directory)));
        if made.is_err() {
            // What is half made is taken away; the error is told in any case.
            let _ = fs::remove_dir_all(&beside.0);
        }
        made?;
        Self::open_with(directory, setup.secrets.copy())
    }

    /// Opens the system in `directory`.
    ///
    /// # Errors
    /// [`Error`]: what part of it cannot be used, and why. A missing or locked engine is none: it is a state of the system.
    pub fn open(directory: &Path) -> Result<Self> {
        Self::open_with(directory, EngineSecrets::default())
    }

    /// Opens the system in `directory`, with what opens its engine.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(directory: &Path, secrets: EngineSecrets) -> Result<Self> {
        let layout = Layout(directory.to_owned());
        if !layout.options().is_file() {
            return Err(Error::new(directory, "there is no system here: softicsf.toml is missing")
                .remedy("softicsf init DIR makes one; -C DIR or SOFTICSF_SYSTEM says where it is"));
        }
        let (names, _) = options::read(&layout.options())?;
        let epoch = Arc::new(Epoch::open(&layout.epoch()).map_err(Error::of(&layout.epoch()))?);
        let open = |path: &Path, volume| SqliteStore::open(path, volume).map(Arc::new).map_err(Error::of_store);
        let chooser = Chooser::new(layout.clone(), secrets);
        let slot = Slot::following(Box::new(move || chooser.choose()));
        let register = FileRegister::open(&layout.replay()).map_err(Error::of(&layout.replay()))?;
        let journal = Arc::new(FileJournal::new(layout.journal(), names.clone()));
        let system = Assembly {
            names,
            backend: Arc::new(slot),
            ckds: open(&layout.ckds(), Volume::KeyDataSet)?,
            racf: open(&layout.racf(), Volume::SecurityDatabase)?,
            control: Arc::new(FileControl::new(layout.control())),
            epoch,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            register: Arc::new(register),
            journal: Some(Arc::clone(&journal) as Arc<dyn Journal>),
            layout: Some(layout),
        };
        Ok(system.build().keeping(journal))
    }
}

/// Puts a system that is made in its place. A directory that is there stays the same one: somebody may be in it.
fn put(made: &Layout, directory: &Path) -> io::Result<()> {
    if !directory.exists() {
        return fs::rename(&made.0, directory);
    }
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    let options = made.options();
    let mut parts = fs::read_dir(&made.0)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    // A directory with options is a system, so they come last.
    parts.sort_by_key(|part| *part == options);
    let moved =
        parts.iter().try_for_each(|part| fs::rename(part, directory.join(part.file_name().unwrap_or_default())));
    if moved.is_err() {
        for part in &parts {
            let part = directory.join(part.file_name().unwrap_or_default());
            // What is half made is taken away; the error is told in any case.
            let _ = fs::remove_file(&part).or_else(|_| fs::remove_dir_all(&part));
        }
    }
    moved?;
    fs::remove_dir(&made.0)
}

fn make(layout: &Layout, setup: &Setup) -> Result<()> {
    let directory =
        |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::of(path));
    directory(&layout.0)?;
    let epoch = Arc::new(Epoch::create(&layout.epoch()).map_err(Error::of(&layout.epoch()))?);
    FileControl::new(layout.control()).save(&Control::default()).map_err(Error::of(&layout.control()))?;
    let ckds = SqliteStore::create(&layout.ckds(), Volume::KeyDataSet).map_err(Error::of_store)?;
    SqliteStore::create(&layout.racf(), Volume::SecurityDatabase).map_err(Error::of_store)?;
    let now = icsf_core::clock::Clock::now(&SystemClock);
    icsf_core::kds::KeyDataSet::new(Arc::new(ckds), epoch)
        .initialize(setup.format, now)
        .map_err(Error::of(&layout.ckds()))?;
    let engine = engine::made(layout, &setup.engine, &setup.secrets)?;
    options::write(&layout.options(), &setup.names, &engine)
}
