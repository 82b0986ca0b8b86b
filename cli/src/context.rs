//! What every verb works with: where it writes, the system it acts on, and how that is unlocked.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icsf_core::ClearKey;
use icsf_core::codes::ReasonCodes;
use icsf_core::engine::EngineState;
use secrecy::{ExposeSecret, SecretString};
use softicsf::{EngineSecrets, System};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Output, count};
use crate::secrets::{self, Source};

/// What a verb answers: its exit status.
pub(crate) type Outcome = Result<u8, Failure>;

/// What every verb works with.
pub(crate) struct Context {
    pub(crate) out: Output,
    directory: PathBuf,
    /// It was named, and is not the current one.
    named: bool,
    pass_phrase: Opener,
    pin: Opener,
    /// For what standard input has been read.
    stdin: Option<String>,
    system: Option<Arc<System>>,
    numbering: ReasonCodes,
    verbose: bool,
}

/// What opens an engine.
struct Opener {
    what: &'static str,
    from: Option<Source>,
    secret: Option<SecretString>,
}

impl Opener {
    fn key(&self) -> Option<ClearKey> {
        self.secret.as_ref().map(|secret| ClearKey::from_slice(secret.expose_secret().as_bytes()))
    }
}

impl Context {
    pub(crate) fn new(globals: Globals) -> Self {
        let named = globals.system.is_some();
        let directory = globals.system.unwrap_or_else(|| PathBuf::from("."));
        Self {
            out: Output::new(globals.json),
            // As it is shown; one that is not there is named as it was typed.
            directory: directory.canonicalize().unwrap_or(directory),
            named,
            pass_phrase: Opener { what: "pass phrase of the engine", from: globals.passphrase_file, secret: None },
            pin: Opener {
                what: "PIN of the token",
                secret: match globals.pin_file {
                    Some(_) => None,
                    None => std::env::var("SOFTICSF_PIN").ok().map(SecretString::from),
                },
                from: globals.pin_file,
            },
            stdin: None,
            system: None,
            numbering: ReasonCodes::default(),
            verbose: globals.verbose,
        }
    }

    /// The directory of the system.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether there is a system, or one was named.
    pub(crate) fn has_system(&self) -> bool {
        self.named || self.directory.join("softicsf.toml").is_file()
    }

    /// The numbering of reason codes; that of the system, once it was open.
    pub(crate) const fn numbering(&self) -> ReasonCodes {
        self.numbering
    }

    /// Says on standard error what failed.
    pub(crate) fn tell(&self, verb: &str, failure: &Failure) {
        failure.tell(verb, self.numbering, self.verbose);
    }

    /// Says what could not be written to the journal.
    pub(crate) fn tell_lost(&mut self) {
        if let Some(lost) = self.system.as_ref().and_then(|system| system.journal()?.lost()) {
            let events = count(usize::try_from(lost.events).unwrap_or(usize::MAX), "event");
            // Nothing else can be done about it where this cannot be written either.
            let _ = self.out.note(&format!("{events} could not be written to the journal: {}", lost.why));
        }
    }

    /// The system, opened at the first call. A locked engine is none of its errors: see
    /// [`with_engine`](Self::with_engine).
    pub(crate) fn open(&mut self) -> Result<Arc<System>, Failure> {
        match &self.system {
            Some(system) => Ok(Arc::clone(system)),
            None => self.open_anew(),
        }
    }

    /// The system, opened again with what is now known to open its engine.
    pub(crate) fn open_anew(&mut self) -> Result<Arc<System>, Failure> {
        let secrets = self.secrets()?;
        let system = System::open_with(&self.directory, secrets).map_err(|error| Failure::from(error).status(12))?;
        self.numbering = system.names().reason_codes;
        let system = Arc::new(system);
        self.system = Some(Arc::clone(&system));
        Ok(system)
    }

    /// Does something that may need the engine of the system. When that turns out to be locked, and somebody sits at the
    /// terminal, its pass phrase or PIN is asked for and it is done again: `run` must not have changed anything by then.
    pub(crate) fn with_engine<T>(&mut self, run: impl Fn(&System) -> Result<T, Failure>) -> Result<T, Failure> {
        let system = self.open()?;
        match run(&system) {
            Err(failure) if failure.is_locked() && io::stdin().is_terminal() => {
                let by_pin = system.engine()?.info.kind == "pkcs11";
                if self.opener(by_pin).secret.is_some() {
                    return Err(failure);
                }
                self.opener(by_pin).secret = Some(secrets::ask(&format!("{}: ", self.opener(by_pin).what))?);
                let system = self.open_anew()?;
                if matches!(system.engine()?.state, EngineState::Offline { .. } | EngineState::Locked { .. }) {
                    // It was another one; at a prompt it is asked for again.
                    (self.opener(by_pin).secret, self.system) = (None, None);
                }
                run(&system)
            }
            other => other,
        }
    }

    const fn opener(&mut self, by_pin: bool) -> &mut Opener {
        if by_pin { &mut self.pin } else { &mut self.pass_phrase }
    }

    /// What opens the engine, as far as it was named or typed.
    pub(crate) fn secrets(&mut self) -> Result<EngineSecrets, Failure> {
        for by_pin in [false, true] {
            let Opener { what, from, secret } = self.opener(by_pin);
            if let (None, Some(from), what) = (&secret, from.clone(), *what) {
                self.opener(by_pin).secret = Some(self.secret(&from, what)?);
            }
        }
        Ok(EngineSecrets { pass_phrase: self.pass_phrase.key(), pin: self.pin.key() })
    }

    /// The same for an engine that is to be made: a pass phrase that is typed is asked for twice.
    pub(crate) fn new_secrets(&mut self) -> Result<EngineSecrets, Failure> {
        let typed = match self.pass_phrase.from {
            Some(Source::Prompt) => true,
            Some(Source::Stdin) => io::stdin().is_terminal(),
            _ => false,
        };
        let secrets = self.secrets()?;
        if let (true, Some(phrase)) = (typed, &secrets.pass_phrase) {
            let again = secrets::ask("the same once more: ")?;
            if again.expose_secret().as_bytes() != phrase.expose() {
                return Err(Failure::new(8, "the two pass phrases are not the same"));
            }
        }
        Ok(secrets)
    }

    /// The file that the PIN of a token is read from, if it is one that others can read it from again.
    pub(crate) fn pin_file(&self) -> Option<PathBuf> {
        match &self.pin.from {
            // As it was named: what a link points to may change. A descriptor is nobody else's.
            Some(Source::File(path)) => std::path::absolute(path)
                .ok()
                .filter(|path| path.is_file() && !path.starts_with("/dev") && !path.starts_with("/proc")),
            _ => None,
        }
    }

    /// The PIN of a token, which somebody at the terminal is asked for if it was not named.
    pub(crate) fn ask_pin(&mut self) -> Result<(), Failure> {
        if self.secrets()?.pin.is_none() && io::stdin().is_terminal() {
            self.pin.secret = Some(secrets::ask(&format!("{}: ", self.pin.what))?);
        }
        Ok(())
    }

    /// Takes standard input, which can be read for one thing only.
    pub(crate) fn take_stdin(&mut self, what: &str) -> Result<(), Failure> {
        match self.stdin.replace(what.to_owned()) {
            None => Ok(()),
            Some(before) => Err(Failure::usage(format!(
                "standard input cannot be read for the {what}: it was read for the {before}"
            ))
            .next("name a file for one of them")),
        }
    }

    /// A secret from where the command line says.
    pub(crate) fn secret(&mut self, from: &Source, what: &str) -> Result<SecretString, Failure> {
        match from {
            Source::Stdin if !io::stdin().is_terminal() => {
                self.take_stdin(what)?;
                secrets::from_stdin(what)
            }
            Source::Stdin | Source::Prompt => secrets::ask(&format!("{what}: ")),
            Source::File(path) => softicsf::read_secret(path).map_err(Failure::usage),
        }
    }

    /// A key in hexadecimal from where the command line says.
    pub(crate) fn key(&mut self, from: &Source, what: &str) -> Result<ClearKey, Failure> {
        let text = self.secret(from, what)?;
        ClearKey::from_hex(text.expose_secret())
            .map_err(|error| Failure::usage(format!("the {what} cannot be read from {from}: {error}")))
    }
}
