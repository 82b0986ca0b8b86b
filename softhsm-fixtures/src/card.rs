//! A card that can be pulled.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::calls::Calls;
use crate::ckr::Ckr;
use crate::configuration::Configuration;
use crate::control::{Control, MAGIC, ORDERS, Presence, State};
use crate::error::{Context as _, Error, ErrorKind, or_panic};
use crate::fault::{Fault, nanoseconds};
use crate::files;
use crate::identity::Pin;
use crate::library::Library;
use crate::real::{Opened, Real};
use crate::token::Token;

/// The shim, as the build script made it.
const SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libsofthsm_shim.so"));

/// Its name in a card's directory.
const FILE: &str = "libcard.so";

/// A token in an isolated module, behind a shim that can take it away.
///
/// [`module`](Self::module) is a PKCS#11 module like any other, for this process and for children, and several cards in
/// one process know nothing of each other. Unlike that of a [`Token`] it is not initialized: that is the application's
/// to do, and it needs no environment variable for it.
///
/// Pulling a card ends its sessions, as the standard has it: logins, handles and session objects are gone for good,
/// what is stored on the token is there again when it is put back. While it is away
///
/// | call | answers |
/// |---|---|
/// | with a session | `CKR_DEVICE_REMOVED` |
/// | with a slot | `CKR_TOKEN_NOT_PRESENT` |
/// | `C_GetSlotList` for slots with a token | an empty list |
/// | `C_GetSlotInfo` | a slot without a token |
/// | `C_Initialize`, `C_Finalize`, `C_GetInfo` | as ever |
///
/// After it is put back a session from before is `CKR_SESSION_HANDLE_INVALID`.
///
/// When a card is dropped, calls that hang return, and all calls answer `CKR_DEVICE_REMOVED` from then on.
#[derive(Debug)]
pub struct Card {
    token: Token,
    shim: Shim,
    control: &'static Control,
    /// The number of the last fault; who injects one holds the lock.
    faults: Mutex<u32>,
}

/// The shim, loaded as long as the card lives, so that there is one to tell when it is gone.
struct Shim {
    _library: Opened,
    retire: extern "C" fn(),
}

impl Card {
    /// A card, present and in order.
    ///
    /// # Panics
    ///
    /// Without SoftHSM, with the command that installs it; and when the card cannot be made.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        or_panic(Self::try_new(&Configuration::new()))
    }

    /// A card whose module reads `configuration`.
    ///
    /// # Errors
    ///
    /// Without SoftHSM, with the command that installs it; and when the card cannot be made.
    pub fn try_new(configuration: &Configuration) -> Result<Self, Error> {
        let library = Library::create("card-", configuration, false)?;
        let token = library.token()?;
        // Made without the shim; from here on it is for the application to initialize the module, through the shim.
        library.finalize()?;
        let file = library.directory().join(FILE);
        fs::write(&file, SHIM).scratch("the shim could not be written")?;
        let control = Control::create(&library.directory().join(files::CONTROL)).scratch("no control block")?;
        let shim = Shim::load(&file)?;
        Ok(Self { token, shim, control, faults: Mutex::new(0) })
    }

    /// The file to load.
    #[must_use]
    pub fn module(&self) -> PathBuf {
        self.token.library().directory().join(FILE)
    }

    /// The token's label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.token.label()
    }

    /// The token's serial number.
    #[must_use]
    pub fn serial(&self) -> &str {
        self.token.serial()
    }

    /// The PIN of the normal user.
    #[must_use]
    pub const fn user_pin(&self) -> &Pin {
        self.token.user_pin()
    }

    /// The PIN of the security officer.
    #[must_use]
    pub const fn so_pin(&self) -> &Pin {
        self.token.so_pin()
    }

    /// The number of the token's slot, looked up past the shim: it is not counted, and works while the card is pulled.
    ///
    /// # Errors
    ///
    /// While the application has not initialized the module.
    pub fn slot(&self) -> Result<u64, Error> {
        self.token.slot()
    }

    #[cfg(feature = "sessions")]
    pub(crate) fn find(&self) -> Result<cryptoki::slot::Slot, Error> {
        self.token.find()
    }

    /// Takes the card out. The call that is in the module is still answered; the next one finds no card.
    pub fn pull(&self) {
        self.control.pull();
    }

    /// Puts the card back in.
    pub fn put_back(&self) {
        self.control.change(|presence| {
            (presence.state == State::Pulled).then_some(Presence { state: State::Present, ..presence })
        });
    }

    /// Whether the card is away.
    #[must_use]
    pub fn is_pulled(&self) -> bool {
        self.control.presence().state == State::Pulled
    }

    /// Closes all sessions with the card, as any other user of the module in this process can. It is a call like others:
    /// counted, and answered as the faults in force have it.
    ///
    /// # Errors
    ///
    /// When the module refuses, as it does before the application has initialized it.
    pub fn close_all_sessions(&self) -> Result<(), Error> {
        let slot = self.slot()?;
        let shim = Real::load(&self.module())
            .map_err(|error| Error::caused(ErrorKind::Module, "the shim cannot be loaded", error))?;
        match shim.close_all_sessions(slot) {
            0 => Ok(()),
            answer => {
                let text = format!("C_CloseAllSessions was refused: {}", Ckr::new(answer));
                Err(Error::new(ErrorKind::Module, text))
            }
        }
    }

    /// From this call on, counted from 1 from now, every call is answered so, until [`heal`](Self::heal).
    #[track_caller]
    pub fn fail_from(&self, call: u64, ckr: Ckr) {
        self.inject(Fault::answer(ckr).from(call));
    }

    /// The next calls are answered so.
    #[track_caller]
    pub fn fail_next(&self, calls: u64, ckr: Ckr) {
        self.inject(Fault::answer(ckr).times(calls));
    }

    /// At this call, counted from 1 from now, the card is pulled.
    #[track_caller]
    pub fn pull_at(&self, call: u64) {
        self.inject(Fault::removal().from(call).times(1));
    }

    /// Every call takes longer by this; none does with [`Duration::ZERO`].
    pub fn delay(&self, by: Duration) {
        self.control.delay.store(nanoseconds(by), Ordering::Release);
    }

    /// `C_UnwrapKey` makes keys that can be read and can leave the card, whatever their template says, as opencryptoki does.
    pub fn leave_keys_readable(&self) {
        self.control.readable.store(1, Ordering::Release);
    }

    /// Every call from now on does not return, until [`release`](Self::release).
    pub fn hang(&self) {
        self.control.hang.store(1, Ordering::Release);
    }

    /// Lets the calls that hang go on, and has no more of them hang.
    pub fn release(&self) {
        self.control.release();
    }

    /// How many calls hang.
    #[must_use]
    pub fn hanging(&self) -> u64 {
        self.control.hanging.load(Ordering::Acquire)
    }

    /// Waits until this many calls hang; false if that takes too long.
    #[must_use]
    pub fn wait_for_hanging(&self, calls: u64, at_most: Duration) -> bool {
        let begin = Instant::now();
        while self.hanging() < calls {
            if begin.elapsed() > at_most {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Puts any fault in force, beside those that are.
    ///
    /// # Panics
    ///
    /// If sixteen faults are in force and none of them is used up.
    #[track_caller]
    pub fn inject(&self, fault: Fault) {
        let mut number = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        *number = number.wrapping_add(1).max(1);
        if !self.control.inject(&fault, *number) {
            let text = format!("{ORDERS} faults are in force; heal the card first");
            or_panic(Err(Error::new(ErrorKind::Setting, text)))
        }
    }

    /// Ends all faults and delays, has unwrapped keys guarded again, and lets calls that hang go on. A card that was pulled stays so.
    pub fn heal(&self) {
        self.control.heal();
    }

    /// How often each function was called since the card was made.
    #[must_use]
    pub fn calls(&self) -> Calls {
        Calls::now(self.control)
    }
}

impl Default for Card {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        self.control.change(|presence| Some(Presence { state: State::Gone, ..presence }));
        (self.shim.retire)();
    }
}

impl Control {
    fn create(path: &Path) -> io::Result<&'static Self> {
        // Written out, so that a full disk is an error here and not a signal later.
        fs::write(path, [0; size_of::<Self>()])?;
        let control = Self::map(path)?;
        control.magic.store(MAGIC, Ordering::Release);
        Ok(control)
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("presence", &self.presence()).finish_non_exhaustive()
    }
}

impl Shim {
    #[allow(unsafe_code, reason = "a symbol has the type its library says it has")]
    fn load(file: &Path) -> Result<Self, Error> {
        let unusable = |error: String| Error::caused(ErrorKind::Module, "the shim cannot be loaded", error);
        let library = Opened::load(file).map_err(unusable)?;
        let retire = library.symbol(c"softhsm_shim_retire").map_err(unusable)?;
        // SAFETY: this name has this signature in the library, which was compiled together with this crate and stays
        // loaded as long as the pointer is kept.
        let retire = unsafe { std::mem::transmute::<std::ptr::NonNull<std::ffi::c_void>, extern "C" fn()>(retire) };
        Ok(Self { _library: library, retire })
    }
}

impl std::fmt::Debug for Shim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shim")
    }
}
