//! The engine of a system in a directory: made, found again, and another one chosen.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use icsf_backends::pkcs11::TokenErrorKind;
use icsf_backends::software::{Cost, Unlock};
use icsf_backends::{Absent, Software};
use icsf_core::backend::{Backend, BackendState, Capabilities, EngineInfo};
use icsf_core::journal::{Event, What};
use icsf_core::{Cause, ClearKey};
use secrecy::ExposeSecret;

use crate::directory::Layout;
use crate::error::{Error, Result};
use crate::options::{self, Engine, EngineSecrets, HostKeys, Pkcs11Token, UnlockBy};
use crate::refusals::Refusals;
use crate::secrets::read_secret;
use crate::system::System;
use crate::token_engine::TokenEngine;

/// The engine as the options name it, its file made, if it has one and it is not there yet.
pub(crate) fn made(layout: &Layout, engine: &Engine, secrets: &EngineSecrets) -> Result<Engine> {
    match engine {
        Engine::None => {}
        Engine::Software { unlock } => make_software(layout, *unlock, secrets)?,
        Engine::Pkcs11(token) => return with_registers(layout, token, secrets).map(Engine::Pkcs11),
    }
    Ok(engine.clone())
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

/// The token with the name of its register file: one made before, here or while another token was the engine, or else a
/// new one. Which it is stands in the options, so that another engine is chosen in one step, when they are written.
fn with_registers(layout: &Layout, token: &Pkcs11Token, secrets: &EngineSecrets) -> Result<Pkcs11Token> {
    let pin = pin(token, secrets)?;
    let pin =
        pin.ok_or_else(|| Error::new(&token.module, "the PIN of the token is needed").remedy("--pin-file FILE"))?;
    let mut chosen = token.clone();
    for number in 1.. {
        chosen.registers =
            if number == 1 { options::registers() } else { format!("{}-{number}", options::registers()) };
        let path = layout.registers(&chosen.registers);
        // Whoever chooses a token gives its PIN anew, so one that was refused before is tried too.
        let found = if path.exists() {
            TokenEngine::open(&path, token.options(), None).and_then(|engine| engine.unlock(&pin))
        } else {
            TokenEngine::create(&path, token.options(), ClearKey::from_slice(pin.expose())).map(drop)
        };
        match found {
            Err(error) if matches!(error.kind(), TokenErrorKind::OtherRegisters(..)) => {}
            found => return found.map(|()| chosen).map_err(|error| Error::of_token(&error)),
        }
    }
    Err(Error::new(layout.root(), "there are too many register files"))
}

/// The PIN: the one given, or that of the file that the options name.
fn pin(token: &Pkcs11Token, secrets: &EngineSecrets) -> Result<Option<ClearKey>> {
    let (pin, from) = match (&secrets.pin, &token.pin_file) {
        (Some(pin), _) => (ClearKey::from_slice(pin.expose()), &token.module),
        (None, Some(file)) => {
            let path = file.display().to_string();
            // What is wrong with the file begins with its path, and so does the error.
            let told = |why: String| Error::locked(file, why.strip_prefix(&format!("{path}: ")).unwrap_or(&why));
            let pin = read_secret(&path).map_err(told)?;
            (ClearKey::from_slice(pin.expose_secret().as_bytes()), file)
        }
        (None, None) => return Ok(None),
    };
    // A token would count it as a wrong one.
    if pin.is_empty() {
        return Err(Error::locked(from, "the PIN of the token is empty, and so not tried: give the right one"));
    }
    Ok(Some(pin))
}

/// Finds the engine that the options name, again when they change.
pub(crate) struct Chooser {
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
    pub(crate) const fn new(layout: Layout, secrets: EngineSecrets) -> Self {
        Self { layout, secrets, chosen: Mutex::new(None) }
    }

    /// The engine to put into the slot; `None` when the right one is in it.
    pub(crate) fn choose(&self) -> Option<Arc<dyn Backend>> {
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
                let engine = TokenEngine::open(&self.layout.registers(&token.registers), token.options(), pin);
                Ok(Arc::new(engine.map_err(|error| Error::of_token(&error))?))
            }
        }
    }
}

/// In the place of an engine that cannot be opened; it is tried anew each time.
fn unusable(chosen: &mut Option<Choice>, kind: &'static str, error: &Error) -> Option<Arc<dyn Backend>> {
    *chosen = None;
    let info = EngineInfo::new(kind, "engine", Capabilities::NONE);
    let reason = match error.what_to_do() {
        Some(remedy) => format!("{error}; {remedy}"),
        None => error.to_string(),
    };
    let state = if error.is_locked() { BackendState::Locked { reason } } else { BackendState::Offline { reason } };
    Some(Arc::new(Absent::unusable(info, state)))
}

impl System {
    /// Lets PINs that a token has refused be tried once more, by every process on the system. Without that no process tries
    /// one again, for tokens lock after a few wrong ones.
    ///
    /// # Errors
    /// When what is noted of them cannot be removed.
    pub fn retry_refused_pins(&self) -> Result<()> {
        let Some(layout) = self.layout() else { return Ok(()) };
        Refusals::forget_all(layout.root()).map_err(Error::of(layout.root()))
    }

    /// Chooses another engine. Every process on the system uses it from its next call on.
    ///
    /// # Errors
    /// [`Error`] for a system in memory, and when the engine cannot be made or the options cannot be written.
    pub fn configure_engine(&self, engine: &Engine, secrets: &EngineSecrets) -> Result<()> {
        let Some(layout) = self.layout() else {
            return Err(Error::new(Path::new("system in memory"), "its engine is chosen when it is built"));
        };
        let done = made(layout, engine, secrets).and_then(|engine| self.write_engine(layout, &engine));
        self.tell_configured(engine, &done);
        done
    }

    /// Says what becomes of Kerberos keys that the token of the system cannot use itself. Every process on the system goes
    /// by it from its next call on.
    ///
    /// # Errors
    /// [`Error`] for a system in memory, one whose engine is no token, and when the options cannot be read or written.
    pub fn set_host_keys(&self, host_keys: HostKeys) -> Result<()> {
        let Some(layout) = self.layout() else {
            return Err(Error::new(Path::new("system in memory"), "its engine is chosen when it is built"));
        };
        let (_, engine) = options::read(&layout.options())?;
        let Engine::Pkcs11(token) = engine else {
            return Err(Error::new(
                &layout.options(),
                "the engine of the system is no token, which host keys are about",
            ));
        };
        let engine = Engine::Pkcs11(Pkcs11Token { host_keys, ..token });
        let done = self.write_engine(layout, &engine);
        self.tell_configured(&engine, &done);
        done
    }

    fn write_engine(&self, layout: &Layout, engine: &Engine) -> Result<()> {
        let path = layout.options();
        let written = self.epoch().change(|| options::write(&path, self.names(), engine));
        written.map_err(Error::of(&layout.epoch()))?
    }

    fn tell_configured(&self, engine: &Engine, done: &Result<()>) {
        self.icsf().tell(What::Engine, |event| match done {
            Ok(()) => Event { engine: Some(engine.word().to_owned()), ..event.action("configure") },
            Err(error) => event.action("configure").because(&Cause::new(error.to_string())),
        });
    }
}
