//! The card behind the shim: when the module is asked, and when it is not.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use crate::control::{Control, MAGIC, State};
use crate::files;
use crate::functions::{Function, Rv};
use crate::real::Real;
use crate::slots;

pub(crate) const OK: Rv = 0;
pub(crate) const GENERAL_ERROR: Rv = 0x05;
pub(crate) const ARGUMENTS_BAD: Rv = 0x07;
pub(crate) const DEVICE_REMOVED: Rv = 0x32;
pub(crate) const TOKEN_NOT_PRESENT: Rv = 0xe0;
pub(crate) const CRYPTOKI_NOT_INITIALIZED: Rv = 0x190;

/// What a call is about, and so what it answers while the card is away.
pub(crate) enum About {
    /// A slot: there is no token in it.
    Slot,
    /// A session: its device was removed.
    Session,
    /// Neither: it is answered all the same.
    Always,
}

/// The shim, as it is in this process.
pub(crate) struct Card {
    control: &'static Control,
    directory: PathBuf,
    /// The module. Calls go through as readers. Who ends sessions, initializes or finalizes is the writer: SoftHSM
    /// frees a session though another thread is working in it. Empty once the fixture was dropped.
    real: RwLock<Option<Real>>,
    /// The last removal after which sessions were ended here.
    seen: AtomicU64,
    initialized: AtomicBool,
}

static CARD: OnceLock<Option<Card>> = OnceLock::new();

impl Card {
    /// Loads the module that lies beside this library; tells on standard error why that cannot be.
    pub(crate) fn load(directory: impl FnOnce() -> Result<PathBuf, String>) -> Option<&'static Self> {
        let load = || {
            let directory = directory()?;
            let control = Control::map(&directory.join(files::CONTROL)).map_err(|error| error.to_string())?;
            if control.magic.load(Ordering::Acquire) != MAGIC {
                return Err("the control block is of another version".to_owned());
            }
            let real = RwLock::new(Some(Real::load(&directory.join(files::MODULE))?));
            let seen = AtomicU64::new(control.presence().removals);
            Ok(Self { control, directory, real, seen, initialized: AtomicBool::new(false) })
        };
        CARD.get_or_init(|| load().inspect_err(|error: &String| complain(error)).ok()).as_ref()
    }

    /// Answers a call: by order of the test, or by `work`.
    pub(crate) fn answer(function: Function, work: impl FnOnce(&Self) -> Rv) -> Rv {
        let Some(card) = CARD.get().and_then(Option::as_ref) else { return GENERAL_ERROR };
        match card.control.obey(function) {
            None => work(card),
            Some(answer) if answer.late => {
                work(card);
                answer.value
            }
            Some(answer) => answer.value,
        }
    }

    /// Lets the module answer, if the card is there.
    pub(crate) fn forward(&self, about: About, call: impl FnOnce(&Real) -> Rv) -> Rv {
        self.with(|real, pulled| match about {
            About::Always => call(real),
            _ if !pulled => call(real),
            _ if !self.is_initialized() => CRYPTOKI_NOT_INITIALIZED,
            About::Slot => TOKEN_NOT_PRESENT,
            About::Session => DEVICE_REMOVED,
        })
    }

    /// Whether unwrapped keys are to be readable, whatever their template says.
    pub(crate) fn leaves_keys_readable(&self) -> bool {
        self.control.readable.load(Ordering::Acquire) != 0
    }

    /// Works with the module, which no longer knows any session from before the card was last pulled. The work
    /// is told whether the card is away.
    pub(crate) fn with(&self, work: impl FnOnce(&Real, bool) -> Rv) -> Rv {
        loop {
            let real = self.real.read().unwrap_or_else(PoisonError::into_inner);
            let presence = self.control.presence();
            let (Some(module), State::Present | State::Pulled) = (real.as_ref(), presence.state) else {
                return DEVICE_REMOVED;
            };
            if presence.removals == self.seen.load(Ordering::Acquire) {
                return work(module, presence.state == State::Pulled);
            }
            drop(real);
            self.end_sessions();
        }
    }

    /// Whether the module is initialized through this shim.
    pub(crate) fn is_initialized(&self) -> bool {
        self.initialized.load(Ordering::Acquire)
    }

    /// Really ends the sessions, so that their handles, logins and session objects are gone when the card comes back.
    fn end_sessions(&self) {
        let real = self.real.write().unwrap_or_else(PoisonError::into_inner);
        let removals = self.control.presence().removals;
        if self.seen.swap(removals, Ordering::AcqRel) == removals {
            return;
        }
        if let Some(real) = real.as_ref().filter(|_| self.is_initialized()) {
            for slot in slots::all(real) {
                real.close_all_sessions(slot);
            }
        }
    }

    /// `C_Initialize`, with the configuration that belongs to this card, whatever the environment said.
    pub(crate) fn initialize(&self, call: impl FnOnce(&Real) -> Rv) -> Rv {
        let real = self.real.write().unwrap_or_else(PoisonError::into_inner);
        let (Some(real), State::Present | State::Pulled) = (real.as_ref(), self.control.presence().state) else {
            return DEVICE_REMOVED;
        };
        let lock = self.directory.with_file_name(files::LOCK);
        let configuration = self.directory.join(files::CONFIGURATION);
        let answer = match crate::environment::with_configuration(&lock, &configuration, || call(real)) {
            Ok(answer) => answer,
            Err(error) => {
                complain(&format!("no lock for C_Initialize: {error}"));
                return GENERAL_ERROR;
            }
        };
        if answer == OK && !slots::are_ours(real) {
            complain(&format!("SoftHSM did not read {}", configuration.display()));
            slots::finalize(real);
            return GENERAL_ERROR;
        }
        if answer == OK {
            self.seen.store(self.control.presence().removals, Ordering::Release);
            self.initialized.store(true, Ordering::Release);
        }
        answer
    }

    /// `C_Finalize`.
    pub(crate) fn finalize(&self, call: impl FnOnce(&Real) -> Rv) -> Rv {
        let real = self.real.write().unwrap_or_else(PoisonError::into_inner);
        let Some(real) = real.as_ref() else { return OK };
        let answer = call(real);
        if answer == OK {
            self.initialized.store(false, Ordering::Release);
        }
        answer
    }

    /// Lets go of the module for good, when the last call is out of it. The fixture has said that the card is gone.
    pub(crate) fn retire() {
        let Some(card) = CARD.get().and_then(Option::as_ref) else { return };
        let real = card.real.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(real) = real.filter(|_| card.initialized.swap(false, Ordering::AcqRel)) {
            slots::finalize(&real);
        }
    }
}

/// A library has nobody else to tell.
fn complain(what: &str) {
    eprintln!("softhsm-fixtures, shim: {what}");
}
