//! The engine file as one engine knows it: where it is, what opens it, and what was last read from it.

use std::fs;
use std::path::PathBuf;

use super::error::{StateError, StateErrorKind};
use super::registers::KeyRegisters;
use super::state_file::{READ_LIMIT, Sealed, seal};
use super::unlock::{Cost, SealKey, Unlock, make_key_file};
use crate::place::Place;

/// Calls that touch keys run in a scrubbed frame only.
#[derive(Debug)]
pub(super) struct Home {
    place: Place,
    key: Option<SealKey>,
    // The sealed bytes that the registers shown were read from or written to. Content and not time tells whether the
    // file changed: clocks go back, and two changes fit into one tick.
    seen: Option<Vec<u8>>,
}

impl Home {
    /// Writes a new file with empty registers.
    pub(super) fn create(path: PathBuf, unlock: &Unlock, cost: Cost) -> Result<Self, StateError> {
        let made = match unlock {
            Unlock::KeyFile(key_file) if make_key_file(key_file)? => Some(key_file.clone()),
            _ => None,
        };
        Self::create_sealed(path, unlock, cost).inspect_err(|_| {
            if let Some(made) = made {
                // Nothing is sealed with it. If it cannot be removed, the next attempt uses it.
                let _ = fs::remove_file(made);
            }
        })
    }

    fn create_sealed(path: PathBuf, unlock: &Unlock, cost: Cost) -> Result<Self, StateError> {
        let place = Place::new(path);
        let _lock = place.lock()?;
        if place.is_taken() {
            return Err(StateError::at(&place, StateErrorKind::Exists));
        }
        let key = SealKey::new(place.path(), unlock, cost)?;
        let mut home = Self { place, key: Some(key), seen: None };
        home.write(&KeyRegisters::default())?;
        Ok(home)
    }

    /// A file that is there; still locked. What to ask for comes with it.
    pub(super) fn find(path: PathBuf) -> Result<(Self, StateErrorKind), StateError> {
        let place = Place::new(path);
        let bytes = place.read(READ_LIMIT)?;
        let needs = Sealed::parse(&place, &bytes)?.derivation.needs();
        Ok((Self { place, key: None, seen: None }, needs))
    }

    /// Tries what opens the file. After an error it is as locked or unlocked as before.
    pub(super) fn unlock(&mut self, unlock: &Unlock) -> Result<KeyRegisters, StateError> {
        let bytes = self.place.read(READ_LIMIT)?;
        let sealed = Sealed::parse(&self.place, &bytes)?;
        let key = SealKey::open(self.place.path(), sealed.derivation, unlock)?;
        let registers = sealed.open(&self.place, &key)?;
        self.key = Some(key);
        self.seen = Some(bytes);
        Ok(registers)
    }

    /// What the file holds, if that changed since the last look; the next look after an error sees a change.
    pub(super) fn look(&mut self) -> Result<Option<KeyRegisters>, StateError> {
        let seen = self.seen.take();
        let Some(key) = &self.key else { return Err(StateError::at(&self.place, self.needs()?)) };
        let bytes = self.place.read(READ_LIMIT)?;
        if seen.as_ref() == Some(&bytes) {
            self.seen = seen;
            return Ok(None);
        }
        let sealed = Sealed::parse(&self.place, &bytes)?;
        if sealed.derivation != key.derivation {
            self.key = None;
            return Err(StateError::at(&self.place, StateErrorKind::MadeAnew));
        }
        let registers = sealed.open(&self.place, key)?;
        self.seen = Some(bytes);
        Ok(Some(registers))
    }

    /// Writes the registers. The caller holds the lock.
    pub(super) fn write(&mut self, registers: &KeyRegisters) -> Result<(), StateError> {
        self.seen = None;
        let Some(key) = &self.key else { return Err(StateError::at(&self.place, self.needs()?)) };
        let bytes = seal(&self.place, key, registers)?;
        self.place.replace(&bytes)?;
        self.seen = Some(bytes);
        Ok(())
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    fn needs(&self) -> Result<StateErrorKind, StateError> {
        Ok(Sealed::parse(&self.place, &self.place.read(READ_LIMIT)?)?.derivation.needs())
    }
}
