//! For users of the cryptoki crate: a session without ceremony.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as CryptokiError, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;

use crate::card::Card;
use crate::error::{Context as _, Error, or_panic};
use crate::identity::Pin;
use crate::token::Token;

impl Token {
    /// The module, loaded and initialized.
    #[must_use]
    pub fn context(&self) -> Pkcs11 {
        self.library().context().clone()
    }

    /// A read-write session with the user logged in.
    ///
    /// # Panics
    ///
    /// While the module is finalized.
    #[must_use]
    #[track_caller]
    pub fn session(&self) -> Session {
        let slot = or_panic(self.find());
        or_panic(open(&self.context(), slot, self.user_pin()))
    }
}

impl Card {
    /// The module behind its shim, loaded, and initialized if it is not yet.
    ///
    /// # Panics
    ///
    /// If a fault in force forbids it.
    #[must_use]
    #[track_caller]
    pub fn context(&self) -> Pkcs11 {
        or_panic(self.load())
    }

    /// A read-write session with the user logged in. It is counted and meets the faults in force, as any caller does.
    ///
    /// # Panics
    ///
    /// While the card is pulled, or if a fault in force forbids it.
    #[must_use]
    #[track_caller]
    pub fn session(&self) -> Session {
        let context = self.context();
        let slot = or_panic(self.find());
        or_panic(open(&context, slot, self.user_pin()))
    }

    fn load(&self) -> Result<Pkcs11, Error> {
        let context = Pkcs11::new(self.module()).module("the shim cannot be loaded")?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(CryptokiError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(context),
            Err(error) => Err(error).module("the module refused C_Initialize"),
        }
    }
}

fn open(context: &Pkcs11, slot: Slot, pin: &Pin) -> Result<Session, Error> {
    let session = context.open_rw_session(slot).module("no session")?;
    match session.login(UserType::User, Some(&pin.for_cryptoki())) {
        // The login is the token's, not the session's, and another session made it.
        Ok(()) | Err(CryptokiError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(error) => Err(error).module("the user cannot log in"),
    }
}
