//! An engine on a token that belongs to no system, and its master keys, which nobody wants afterwards.
//!
//! Which objects in the token are its master keys stands in a register file before they are made. That file lies in the state
//! directory of the user, in a directory with a file that is locked as long as the process lives: so the next run tells what
//! one that was killed has left from what one that is alive works with, and removes that and nothing else.
//!
//! | file in `$XDG_STATE_HOME/softicsf` | what it is |
//! |---|---|
//! | `kat-XXXXXX/alive` | locked by the process that made it |
//! | `kat-XXXXXX/engine.token` | the register file |
//! | `.new-XXXXXX` | a directory on its way; there is no master key of it |

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icsf_backends::Pkcs11;
use icsf_backends::pkcs11::TokenErrorKind;
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, EngineError, EngineInfo, MasterKeyKind, RegisterChange};
use softicsf::Pkcs11Token;
use softicsf::quiesce::{self, Hold};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::count;

const NEW: &str = ".new-";
const MADE: &str = "kat-";
const ALIVE: &str = "alive";
const REGISTERS: &str = "engine.token";

/// See the module.
pub(crate) struct Throwaway {
    // In the order in which they go.
    engine: Arc<Pkcs11>,
    directory: PathBuf,
    _alive: File,
    /// To end within is to leave something.
    _hold: Hold,
}

impl Throwaway {
    /// With empty registers. What runs that were killed have left in this token is removed.
    pub(crate) fn new(token: &Pkcs11Token, context: &mut Context) -> Result<Self, Failure> {
        context.ask_pin()?;
        let pin = context.secrets()?.pin;
        let pin = pin.ok_or_else(|| Failure::usage("the PIN of the token is needed").next("--pin-file FILE"))?;
        if pin.is_empty() {
            return Err(Failure::usage("the PIN of the token is empty, and so not tried").next("--pin-file FILE"));
        }
        let hold = quiesce::hold();
        let state = state();
        let place = state.clone().unwrap_or_else(env::temp_dir);
        let (directory, alive) =
            made(&place).map_err(|error| Failure::new(12, format!("{}: {error}", place.display())))?;
        let copy = ClearKey::from_slice(pin.expose());
        let engine = Pkcs11::create(directory.join(REGISTERS), token.options(), copy).map_err(|error| {
            // There is no master key of it yet.
            let _ = fs::remove_dir_all(&directory);
            let failure = Failure::new(12, format!("{}: {}", error.subject(), error.kind().what()));
            error.kind().remedy().into_iter().fold(failure, Failure::next)
        })?;
        // Others can write where temporary files are, and could have us remove what is not ours.
        let removed = state.map_or(0, |place| leftovers(&place, token, &pin));
        if removed > 0 {
            context.out.note(&format!("removed from the token: the master keys of {}", killed(removed)))?;
        }
        Ok(Self { engine: Arc::new(engine), directory, _alive: alive, _hold: hold })
    }

    pub(crate) fn engine(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.engine) as Arc<dyn Backend>
    }

    /// What it can do, and what it does otherwise: how it guards a master key is seen in one.
    pub(crate) fn info(&self) -> Result<EngineInfo, Failure> {
        let made = self.engine.change_register(MasterKeyKind::Aes, RegisterChange::Generate);
        made.map(|()| self.engine.info()).map_err(|error| Failure::new(12, error.to_string()))
    }

    /// Removes its master keys from the token.
    pub(crate) fn end(self) -> Result<(), Failure> {
        let ended = emptied(&self.engine).map_err(|error| {
            Failure::from(icsf_core::Error::from(error))
                .next("its master keys may still be in the token: the next run with it removes them")
        });
        if ended.is_ok() {
            // Empty registers are of no use to anybody, wherever they lie.
            let _ = fs::remove_dir_all(&self.directory);
        }
        ended
    }
}

fn killed(runs: usize) -> String {
    format!("{} that {} killed", count(runs, "run"), if runs == 1 { "was" } else { "were" })
}

/// Where programs keep what is to last and is of no use elsewhere, by the rules of freedesktop.org.
fn state() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    let place = base.join("softicsf");
    DirBuilder::new().recursive(true).mode(0o700).create(&place).ok().map(|()| place)
}

/// A directory that is seen by others only when it is seen to be in use.
fn made(place: &Path) -> io::Result<(PathBuf, File)> {
    let beside = tempfile::Builder::new().prefix(NEW).tempdir_in(place)?;
    let alive = File::create(beside.path().join(ALIVE))?;
    alive.lock()?;
    let name = beside.path().file_name().unwrap_or_default().to_string_lossy().replacen(NEW, MADE, 1);
    let directory = place.join(name);
    fs::rename(beside.path(), &directory)?;
    // What it would remove has another name now.
    let _ = beside.keep();
    Ok((directory, alive))
}

/// Removes what runs that do not live any more have left in this token; of how many.
fn leftovers(place: &Path, token: &Pkcs11Token, pin: &ClearKey) -> usize {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let made = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(MADE)).map(|entry| entry.path());
    made.filter(|directory| removed(directory, token, pin)).count()
}

/// Whether it is of a run that does not live, in this token, and could be removed. What could not be stays for the next run.
fn removed(directory: &Path, token: &Pkcs11Token, pin: &ClearKey) -> bool {
    let Ok(alive) = File::open(directory.join(ALIVE)) else { return false };
    if alive.try_lock().is_err() {
        return false;
    }
    let emptied = match Pkcs11::open(directory.join(REGISTERS), token.options(), None) {
        // Registers of another token are found to be so before its PIN is tried.
        Ok(engine) => engine.unlock(ClearKey::from_slice(pin.expose())).is_ok() && emptied(&engine).is_ok(),
        // Killed before there was anything.
        Err(error) if *error.kind() == TokenErrorKind::Missing => fs::remove_dir_all(directory).is_err(),
        Err(_) => false,
    };
    emptied && fs::remove_dir_all(directory).is_ok()
}

fn emptied(engine: &Pkcs11) -> Result<(), EngineError> {
    MasterKeyKind::ALL.into_iter().try_for_each(|kind| engine.change_register(kind, RegisterChange::Zeroize))
}
