//! A system in a directory: made, opened, its engine chosen.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use icsf_backends::pkcs11::{TokenError, TokenErrorKind};
use icsf_backends::software::{Cost, Unlock};
use icsf_backends::{Absent, Pkcs11, Slot, Software};
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, BackendState, Capabilities, EngineInfo};
use icsf_core::clock::SystemClock;
use icsf_core::control::{Control, ControlStore};
use icsf_core::epoch::Epoch;
use icsf_core::kds::KdsFormat;
use icsf_core::random::SystemRandom;
use icsf_core::store::{SqliteStore, Volume};
use icsf_saf::replay::FileRegister;
use secrecy::ExposeSecret;

use crate::control::FileControl;
use crate::error::{Error, Result};
use crate::options::{self, Engine, EngineSecrets, Names, Pkcs11Token, UnlockBy};
use crate::secrets::read_secret;
use crate::system::{Assembly, System};

/// Where the parts of a system lie.
#[derive(Debug, Clone)]
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    fn options(&self) -> PathBuf {
        self.0.join("softicsf.toml")
    }

    fn control(&self) -> PathBuf {
        self.0.join("control.toml")
    }

    fn epoch(&self) -> PathBuf {
        self.0.join("epoch")
    }

    fn ckds(&self) -> PathBuf {
        self.0.join("ckds.db")
    }

    fn racf(&self) -> PathBuf {
        self.0.join("racf.db")
    }

    fn replay(&self) -> PathBuf {
        self.0.join("replay")
    }

    fn engine_state(&self) -> PathBuf {
        self.0.join("engine.state")
    }

    fn engine_token(&self) -> PathBuf {
        self.0.join("engine.token")
    }

    fn engine_key(&self) -> PathBuf {
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
        let chooser = Chooser { layout: layout.clone(), secrets, chosen: Mutex::new(None) };
        let slot = Slot::following(Box::new(move || chooser.choose()));
        let register = FileRegister::open(&layout.replay()).map_err(Error::of(&layout.replay()))?;
        Ok(Assembly {
            names,
            backend: Arc::new(slot),
            ckds: open(&layout.ckds(), Volume::KeyDataSet)?,
            racf: open(&layout.racf(), Volume::SecurityDatabase)?,
            control: Arc::new(FileControl::new(layout.control())),
            epoch,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            register: Arc::new(register),
            layout: Some(layout),
        }
        .build())
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
    options::write(&layout.options(), &setup.names, &setup.engine)?;
    let epoch = Arc::new(Epoch::create(&layout.epoch()).map_err(Error::of(&layout.epoch()))?);
    FileControl::new(layout.control()).save(&Control::default()).map_err(Error::of(&layout.control()))?;
    let ckds = SqliteStore::create(&layout.ckds(), Volume::KeyDataSet).map_err(Error::of_store)?;
    SqliteStore::create(&layout.racf(), Volume::SecurityDatabase).map_err(Error::of_store)?;
    let now = icsf_core::clock::Clock::now(&SystemClock);
    icsf_core::kds::KeyDataSet::new(Arc::new(ckds), epoch)
        .initialize(setup.format, now)
        .map_err(Error::of(&layout.ckds()))?;
    make_engine(layout, &setup.engine, &setup.secrets)
}

/// Makes the file of the engine, if the engine has one and it is not there yet.
fn make_engine(layout: &Layout, engine: &Engine, secrets: &EngineSecrets) -> Result<()> {
    match engine {
        Engine::None => Ok(()),
        Engine::Software { unlock } => make_software(layout, *unlock, secrets),
        Engine::Pkcs11(token) => make_registers(layout, token, secrets),
    }
}

fn make_software(layout: &Layout, unlock: UnlockBy, secrets: &EngineSecrets) -> Result<()> {
    let state = layout.engine_state();
    let unlock = unlock_by(layout, unlock, secrets);
    if state.exists() {
        // One made before must be the one that is asked for now.
        return Software::open(state, unlock).map(drop).map_err(Error::of_engine);
    }
    let unlock =
        unlock.ok_or_else(|| Error::new(&state, "a pass phrase is needed").remedy("--passphrase-file FILE"))?;
    Software::create(state, &unlock, Cost::DEFAULT).map_err(Error::of_engine)?;
    Ok(())
}

fn unlock_by(layout: &Layout, by: UnlockBy, secrets: &EngineSecrets) -> Option<Unlock> {
    match by {
        UnlockBy::KeyFile => Some(Unlock::KeyFile(layout.engine_key())),
        UnlockBy::PassPhrase => {
            secrets.pass_phrase.as_ref().map(|phrase| Unlock::PassPhrase(ClearKey::from_slice(phrase.expose())))
        }
    }
}

fn make_registers(layout: &Layout, token: &Pkcs11Token, secrets: &EngineSecrets) -> Result<()> {
    let path = layout.engine_token();
    let failed = |error: TokenError| Error::of_token(&error);
    let pin = pin(token, secrets)?;
    let pin =
        pin.ok_or_else(|| Error::new(&token.module, "the PIN of the token is needed").remedy("--pin-file FILE"))?;
    // The first free number is above all that are taken: one that was taken up leaves no gap.
    let aside = |number: usize| layout.0.join(format!("engine.token-{number}"));
    let free = (1..).find(|number| !aside(*number).exists()).unwrap_or_default();
    let put_aside =
        |place: &Path| if path.exists() { fs::rename(&path, place).map_err(Error::of(&path)) } else { Ok(()) };
    // Registers made before, here or while another token was the engine, are taken again.
    for registers in std::iter::once(path.clone()).chain((1..free).map(aside)).filter(|path| path.exists()) {
        let engine = Pkcs11::open(&registers, token.options(), None).map_err(failed)?;
        match engine.unlock(ClearKey::from_slice(pin.expose())) {
            Err(error) if matches!(error.kind(), TokenErrorKind::OtherRegisters(..)) => {}
            Err(error) => return Err(failed(error)),
            Ok(()) if registers == path => return Ok(()),
            Ok(()) => {
                // They change places, in three steps.
                put_aside(&aside(free))?;
                fs::rename(&registers, &path).map_err(Error::of(&path))?;
                return if aside(free).exists() {
                    fs::rename(aside(free), &registers).map_err(Error::of(&path))
                } else {
                    Ok(())
                };
            }
        }
    }
    put_aside(&aside(free))?;
    let made = Pkcs11::create(&path, token.options(), pin).map(drop).map_err(failed);
    if made.is_err() && aside(free).exists() {
        fs::rename(aside(free), &path).map_err(Error::of(&path))?;
    }
    made
}

/// The PIN: the one given, or that of the file that the options name.
fn pin(token: &Pkcs11Token, secrets: &EngineSecrets) -> Result<Option<ClearKey>> {
    match (&secrets.pin, &token.pin_file) {
        (Some(pin), _) => Ok(Some(ClearKey::from_slice(pin.expose()))),
        (None, Some(file)) => {
            let pin = read_secret(&file.display().to_string()).map_err(|why| Error::locked(file, why))?;
            Ok(Some(ClearKey::from_slice(pin.expose_secret().as_bytes())))
        }
        (None, None) => Ok(None),
    }
}

/// Finds the engine that the options name, again when they change.
struct Chooser {
    layout: Layout,
    secrets: EngineSecrets,
    chosen: Mutex<Option<Choice>>,
}

/// What the options say, and from when the PIN is: a PIN that is changed is read again.
#[derive(PartialEq, Eq)]
struct Choice {
    engine: Engine,
    pin_written: Option<SystemTime>,
}

impl Choice {
    fn new(engine: Engine) -> Self {
        let file = match &engine {
            Engine::Pkcs11(token) => token.pin_file.as_ref(),
            _ => None,
        };
        let pin_written = file.and_then(|file| fs::metadata(file).ok()?.modified().ok());
        Self { engine, pin_written }
    }
}

impl Chooser {
    /// The engine to put into the slot; `None` when the right one is in it.
    fn choose(&self) -> Option<Arc<dyn Backend>> {
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        match options::read(&self.layout.options()) {
            Ok((_, engine)) => {
                let choice = Choice::new(engine);
                if chosen.as_ref() == Some(&choice) {
                    return None;
                }
                match self.engine(&choice.engine) {
                    Ok(backend) => {
                        *chosen = Some(choice);
                        Some(backend)
                    }
                    Err(error) => unusable(&mut chosen, choice.engine.word(), &error),
                }
            }
            Err(error) => unusable(&mut chosen, "unknown", &error),
        }
    }

    fn engine(&self, engine: &Engine) -> Result<Arc<dyn Backend>> {
        match engine {
            Engine::None => Ok(Arc::new(Absent::default())),
            Engine::Software { unlock } => {
                let state = self.layout.engine_state();
                let unlock = unlock_by(&self.layout, *unlock, &self.secrets);
                Ok(Arc::new(Software::open(state, unlock).map_err(Error::of_engine)?))
            }
            Engine::Pkcs11(token) => {
                let pin = pin(token, &self.secrets)?;
                let engine = Pkcs11::open(self.layout.engine_token(), token.options(), pin);
                Ok(Arc::new(engine.map_err(|error| Error::of_token(&error))?))
            }
        }
    }
}

/// In the place of an engine that cannot be opened; it is tried anew each time.
fn unusable(chosen: &mut Option<Choice>, kind: &'static str, error: &Error) -> Option<Arc<dyn Backend>> {
    *chosen = None;
    let info = EngineInfo::new(kind, "engine", Capabilities::NONE);
    let reason = error.to_string();
    let state = if error.is_locked() { BackendState::Locked { reason } } else { BackendState::Offline { reason } };
    Some(Arc::new(Absent::unusable(info, state)))
}

impl System {
    /// Chooses another engine. Every process on the system uses it from its next call on.
    ///
    /// # Errors
    /// [`Error`] for a system in memory, and when the engine cannot be made or the options cannot be written.
    pub fn configure_engine(&self, engine: &Engine, secrets: &EngineSecrets) -> Result<()> {
        let Some(layout) = self.layout() else {
            return Err(Error::new(Path::new("system in memory"), "its engine is chosen when it is built"));
        };
        make_engine(layout, engine, secrets)?;
        let path = layout.options();
        let written = self.epoch().change(|| options::write(&path, self.names(), engine));
        written.map_err(Error::of(&layout.epoch()))?
    }
}
