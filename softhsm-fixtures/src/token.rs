//! A token that is gone after the test.

use std::path::PathBuf;

use cryptoki::slot::Slot;

use crate::configuration::Configuration;
use crate::error::{Error, or_panic};
use crate::identity::{Identity, Pin};
use crate::library::Library;

/// A token with a label nobody else has and random PINs; it is gone when dropped, with all that is on it.
///
/// | | [`shared`](Self::shared) | [`isolated`](Self::isolated) |
/// |---|---|---|
/// | module | one copy in the process, for all | a copy of its own |
/// | sees | the tokens of other tests beside it | itself |
/// | `C_Finalize` | breaks the other tests | is nobody's matter |
/// | costs | the token | the token, and copying and loading the module |
///
/// Drop it after the sessions with it: dropping closes those that are open.
#[derive(Debug)]
pub struct Token {
    identity: Identity,
    library: Library,
}

impl Token {
    /// A token in the module that all callers of this function in the process share.
    ///
    /// # Panics
    ///
    /// Without SoftHSM, with the command that installs it; and when the token cannot be made.
    #[must_use]
    #[track_caller]
    pub fn shared() -> Self {
        or_panic(Self::try_shared())
    }

    /// As [`shared`](Self::shared).
    ///
    /// # Errors
    ///
    /// Without SoftHSM, with the command that installs it; and when the token cannot be made.
    pub fn try_shared() -> Result<Self, Error> {
        Library::shared()?.token()
    }

    /// A token in a copy of the module that has no other.
    ///
    /// # Panics
    ///
    /// Without SoftHSM, with the command that installs it; and when the token cannot be made.
    #[must_use]
    #[track_caller]
    pub fn isolated() -> Self {
        or_panic(Self::try_isolated())
    }

    /// As [`isolated`](Self::isolated).
    ///
    /// # Errors
    ///
    /// Without SoftHSM, with the command that installs it; and when the token cannot be made.
    pub fn try_isolated() -> Result<Self, Error> {
        Library::try_isolated(&Configuration::new())?.token()
    }

    pub(crate) const fn new(identity: Identity, library: Library) -> Self {
        Self { identity, library }
    }

    /// The file to load, see [`Library::module`].
    #[must_use]
    pub fn module(&self) -> PathBuf {
        self.library.module()
    }

    /// The label, at most 32 characters.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.identity.label
    }

    /// The serial number. In the shared module a later token may have it too, with another label.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.identity.serial
    }

    /// The PIN of the normal user.
    #[must_use]
    pub const fn user_pin(&self) -> &Pin {
        &self.identity.user_pin
    }

    /// The PIN of the security officer.
    #[must_use]
    pub const fn so_pin(&self) -> &Pin {
        &self.identity.so_pin
    }

    /// The number of the slot it is in now, looked up by label and serial number.
    ///
    /// Not to be kept over a finalize: SoftHSM numbers a new token one way and the same token differently when it finds
    /// it again.
    ///
    /// # Errors
    ///
    /// While the module is finalized, and when the token is in no slot.
    pub fn slot(&self) -> Result<u64, Error> {
        Ok(self.find()?.id())
    }

    pub(crate) fn find(&self) -> Result<Slot, Error> {
        self.library.find(Some(self.label()), self.serial())
    }

    /// The copy of the module it is in.
    #[must_use]
    pub const fn library(&self) -> &Library {
        &self.library
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.library.retire(&mut self.identity);
    }
}
