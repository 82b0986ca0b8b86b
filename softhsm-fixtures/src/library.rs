//! A private copy of the module: configuration, tokens, and nobody else's.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as CryptokiError, RvError};
use cryptoki::session::UserType;
use cryptoki::slot::{Slot, TokenInfo};
use tempfile::TempDir;

use crate::configuration::Configuration;
use crate::environment;
use crate::error::{Context as _, Error, ErrorKind, or_panic};
use crate::identity::{Identity, Pin, unique_label};
use crate::real::Real;
use crate::token::Token;
use crate::{files, module, mounts, scratch};

const TOKENS: &str = "tokens";
/// A copy of the SoftHSM module with a configuration and a token directory of its own, initialized.
///
/// A loaded library knows one `C_Initialize` and one set of tokens; another file is another library, though the bytes
/// are the same. So each copy is a card reader of its own: what one test finalizes, breaks or fills leaves the others
/// alone.
///
/// The copy is finalized and its directory removed when the last clone and the last [`Token`] of it are gone. By then
/// no thread may be inside the module any more.
#[derive(Debug, Clone)]
pub struct Library(Arc<Inner>);

struct Inner {
    context: Pkcs11,
    /// The same library, for what cryptoki does not offer.
    real: Real,
    directory: PathBuf,
    tokens: Mutex<Tokens>,
    /// None for the shared one, which goes with the directory of the process.
    own: Option<TempDir>,
}

/// What is in the slots. Whoever changes the slots holds the lock: PKCS#11 offers one blank slot at a time, and those
/// who race for it lose.
#[derive(Debug, Default)]
struct Tokens {
    /// The serial numbers of all tokens ever made here, so that a stranger's is noticed.
    made: BTreeSet<String>,
    /// Tokens nobody uses any more. SoftHSM cannot remove one, so the next takes its place.
    retired: Vec<Retired>,
}

#[derive(Debug)]
struct Retired {
    serial: String,
    so_pin: Pin,
}

impl Library {
    /// A copy of its own, without tokens.
    ///
    /// # Panics
    ///
    /// Without SoftHSM, and when it cannot be set up.
    #[must_use]
    #[track_caller]
    pub fn isolated() -> Self {
        or_panic(Self::try_isolated(&Configuration::new()))
    }

    /// A copy of its own, without tokens, that reads `configuration`.
    ///
    /// # Errors
    ///
    /// Without SoftHSM, and when it cannot be set up.
    pub fn try_isolated(configuration: &Configuration) -> Result<Self, Error> {
        Self::create("isolated-", configuration, false)
    }

    /// The one all callers in the process share; never finalized.
    pub(crate) fn shared() -> Result<Self, Error> {
        static SHARED: Mutex<Option<Library>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = shared.as_ref() {
            return Ok(library.clone());
        }
        let library = Self::create("shared-", &Configuration::new(), true)?;
        Ok(shared.insert(library).clone())
    }

    pub(crate) fn create(prefix: &str, configuration: &Configuration, shared: bool) -> Result<Self, Error> {
        let found = module::find()?;
        let directory = scratch::directory(prefix)?;
        let tokens = directory.path().join(TOKENS);
        let copy = directory.path().join(files::MODULE);
        let text = configuration.text(&tokens)?;
        fs::create_dir(&tokens).scratch("no directory for tokens")?;
        fs::copy(&found, &copy).scratch("the module could not be copied")?;
        fs::write(directory.path().join(files::CONFIGURATION), text)
            .scratch("the configuration could not be written")?;

        let context = Pkcs11::new(&copy).map_err(|error| unusable(&found, &copy, error))?;
        let real = Real::load(&copy).map_err(|error| unusable(&found, &copy, error))?;
        let (directory, own) =
            if shared { (directory.keep(), None) } else { (directory.path().to_owned(), Some(directory)) };
        let library = Self(Arc::new(Inner { context, real, directory, tokens: Mutex::default(), own }));
        library.initialize()?;
        Ok(library)
    }

    /// The file to load. It is initialized: a further `C_Initialize` answers `CKR_CRYPTOKI_ALREADY_INITIALIZED`, which
    /// means that all is well.
    #[must_use]
    pub fn module(&self) -> PathBuf {
        self.0.directory.join(files::MODULE)
    }

    /// The configuration file. The module reads it in `C_Initialize` only.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.0.directory.join(files::CONFIGURATION)
    }

    /// Name and value of the environment variable a child process needs to initialize this module.
    #[must_use]
    pub fn environment(&self) -> (&'static str, PathBuf) {
        (environment::VARIABLE, self.configuration())
    }

    /// Calls `C_Initialize` with this configuration, and makes sure that the module took it.
    ///
    /// After [`finalize`](Self::finalize), or a `C_Finalize` of one's own, this is the way back. Calling `C_Initialize`
    /// oneself is not: it may find that another fixture has changed the environment meanwhile.
    ///
    /// # Errors
    ///
    /// [`WrongConfiguration`](ErrorKind::WrongConfiguration) if the module reads anything else: where SoftHSM cannot
    /// read its configuration it silently takes the tokens of the system. It is finalized again then.
    pub fn initialize(&self) -> Result<(), Error> {
        let tokens = self.lock();
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        let lock = self.0.directory.with_file_name(files::LOCK);
        let answer =
            environment::with_configuration(&lock, &self.configuration(), || self.0.context.initialize(arguments));
        match answer.scratch("no lock for C_Initialize")? {
            Ok(()) | Err(CryptokiError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(error).module("the module refused C_Initialize"),
        }
        self.check(&tokens).inspect_err(|_| {
            let _ = self.0.context.clone().finalize();
        })
    }

    /// Calls `C_Finalize`. All sessions end; tokens and what is stored on them stay.
    ///
    /// # Errors
    ///
    /// [`Shared`](ErrorKind::Shared) for a shared token's library, which others use.
    pub fn finalize(&self) -> Result<(), Error> {
        if self.0.own.is_none() {
            return Err(Error::new(
                ErrorKind::Shared,
                "this module serves the whole process and is not finalized; use an isolated one",
            ));
        }
        let _tokens = self.lock();
        self.0.context.clone().finalize().module("the module refused C_Finalize")
    }

    /// A new token in this library.
    ///
    /// # Errors
    ///
    /// When the module refuses, as it does while it is finalized.
    pub fn token(&self) -> Result<Token, Error> {
        let mut tokens = self.lock();
        let label = unique_label()?;
        let user_pin = Pin::random()?;
        let retired = tokens.retired.pop();
        let slot = match &retired {
            Some(retired) => self.find(None, &retired.serial)?,
            None => self.blank()?,
        };
        let so_pin = retired.map_or_else(Pin::random, |retired| Ok(retired.so_pin))?;
        self.0.context.init_token(slot, &so_pin.for_cryptoki(), &label).module("C_InitToken was refused")?;
        // Found by its label, as the slot's number need not be what it was.
        let (slot, serial) = self
            .tokens()?
            .into_iter()
            .find(|(_, info)| info.label() == label)
            .map(|(slot, info)| (slot, info.serial_number().to_owned()))
            .ok_or_else(|| Error::new(ErrorKind::Module, "the new token is in no slot"))?;
        tokens.made.insert(serial.clone());
        self.set_user_pin(slot, &so_pin, &user_pin)?;
        self.on_our_disk(tokens.made.len())?;
        Ok(Token::new(Identity { label, serial, so_pin, user_pin }, self.clone()))
    }

    fn set_user_pin(&self, slot: Slot, so_pin: &Pin, user_pin: &Pin) -> Result<(), Error> {
        let session = self.0.context.open_rw_session(slot).module("no session for the security officer")?;
        session.login(UserType::So, Some(&so_pin.for_cryptoki())).module("the security officer cannot log in")?;
        session.init_pin(&user_pin.for_cryptoki()).module("C_InitPIN was refused")
    }

    /// Takes back what a token had: its sessions, its objects, its name. Its slot is for the next.
    pub(crate) fn retire(&self, identity: &mut Identity) {
        // Nothing to tidy up for: with the last user the whole directory goes.
        if self.0.own.is_some() && Arc::strong_count(&self.0) == 1 {
            return;
        }
        let mut tokens = self.lock();
        let Ok(slot) = self.find(None, &identity.serial) else { return };
        let _ = self.0.real.close_all_sessions(slot.into());
        let label = format!("retired-{}", identity.serial);
        if self.0.context.init_token(slot, &identity.so_pin.for_cryptoki(), &label).is_ok() {
            let serial = std::mem::take(&mut identity.serial);
            tokens.retired.push(Retired { serial, so_pin: identity.so_pin.take() });
        }
    }

    /// The slot of a token, by what does not change.
    pub(crate) fn find(&self, label: Option<&str>, serial: &str) -> Result<Slot, Error> {
        let same = |info: &TokenInfo| info.serial_number() == serial && label.is_none_or(|label| info.label() == label);
        self.tokens()?.into_iter().find(|(_, info)| same(info)).map(|(slot, _)| slot).ok_or_else(|| {
            Error::new(ErrorKind::Module, format!("the token with serial number {serial} is in no slot"))
        })
    }

    /// All slots with an initialized token.
    fn tokens(&self) -> Result<Vec<(Slot, TokenInfo)>, Error> {
        let mut tokens = self.slots()?;
        tokens.retain(|(_, info)| info.token_initialized());
        Ok(tokens)
    }

    fn blank(&self) -> Result<Slot, Error> {
        self.slots()?
            .into_iter()
            .find(|(_, info)| !info.token_initialized())
            .map(|(slot, _)| slot)
            .ok_or_else(|| Error::new(ErrorKind::Module, "there is no blank slot"))
    }

    fn slots(&self) -> Result<Vec<(Slot, TokenInfo)>, Error> {
        let slots = self.0.context.get_all_slots().module("no slot list")?;
        let info = |slot| self.0.context.get_token_info(slot).module("no token information");
        slots.into_iter().map(|slot| info(slot).map(|info| (slot, info))).collect()
    }

    /// That the module has read our configuration, and has our tokens.
    ///
    /// An empty list proves nothing, as the system's token directory is empty on most machines. So the
    /// configuration asks for slots that say they are removable, which they say for no other reason.
    fn check(&self, tokens: &Tokens) -> Result<(), Error> {
        let info = self.0.context.get_library_info().module("no library information")?;
        if !info.manufacturer_id().starts_with("SoftHSM") {
            let text = format!("{} is not SoftHSM but of {}", self.module().display(), info.manufacturer_id());
            return Err(Error::new(ErrorKind::ModuleUnusable, text));
        }
        let wrong = |what: &str| {
            let text = format!("SoftHSM did not read {}: {what}", self.configuration().display());
            Error::new(ErrorKind::WrongConfiguration, text)
        };
        for slot in self.0.context.get_all_slots().module("no slot list")? {
            if !self.0.context.get_slot_info(slot).module("no slot information")?.removable_device() {
                return Err(wrong("its slots are not removable"));
            }
        }
        let there: BTreeSet<_> = self.tokens()?.into_iter().map(|(_, info)| info.serial_number().to_owned()).collect();
        if there == tokens.made { Ok(()) } else { Err(wrong("its tokens are not those made here")) }
    }

    /// That the tokens are where they go when the test ends.
    fn on_our_disk(&self, made: usize) -> Result<(), Error> {
        let directory = self.0.directory.join(TOKENS);
        let found = fs::read_dir(&directory).scratch("the token directory cannot be read")?.count();
        if found == made {
            return Ok(());
        }
        let text = format!("SoftHSM keeps {found} tokens in {} and made {made}", directory.display());
        Err(Error::new(ErrorKind::WrongConfiguration, text))
    }

    fn lock(&self) -> MutexGuard<'_, Tokens> {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory, with the module and all that belongs to it.
    pub(crate) fn directory(&self) -> &Path {
        &self.0.directory
    }

    #[cfg(feature = "sessions")]
    pub(crate) fn context(&self) -> &Pkcs11 {
        &self.0.context
    }
}

/// Why the copy of the module does not load.
fn unusable(module: &Path, copy: &Path, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    match mounts::without_programs(copy) {
        Some(place) => {
            let text = format!(
                "{}, copied to {}, cannot be loaded there, as {} is mounted noexec: set TMPDIR to a directory of \
                 another file system",
                module.display(),
                copy.display(),
                place.display()
            );
            Error::caused(ErrorKind::Scratch, text, error)
        }
        None => {
            let text = format!("{}, copied to {}, does not load as a PKCS#11 module", module.display(), copy.display());
            Error::caused(ErrorKind::ModuleUnusable, text, error)
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.own.is_some() {
            let _ = self.context.clone().finalize();
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("directory", &self.directory).finish_non_exhaustive()
    }
}
