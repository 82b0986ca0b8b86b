//! What opens an engine file: a pass phrase or a key file, and the key that is made of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use icsf_core::ClearKey;
use icsf_core::random::{RandomSource, SystemRandom};
use sha2::Sha512;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::{StateError, StateErrorKind};
use crate::place::sync_directory_of;

/// Bytes of a key file.
const KEY_FILE: usize = 32;
/// Bytes that seal.
pub(super) const SEAL_KEY: usize = 32;
/// Bytes of a salt.
pub(super) const SALT: usize = 16;
/// Bytes of the key-check value, which tells a wrong pass phrase from an altered file.
pub(super) const CHECK: usize = 16;

/// What opens an engine file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unlock {
    /// A pass phrase, any bytes; stretched with Argon2id.
    PassPhrase(ClearKey),
    /// A file of 32 random bytes that nobody but its owner may read; [`create`](super::Software::create) makes it when
    /// it is not there.
    KeyFile(PathBuf),
}

/// What one guess of a pass phrase costs: the parameters of Argon2id.
///
/// The bounds hold for what is read from a file, too, so that nobody can make this program take all memory by writing
/// into a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// 19 MiB, 2 passes, 1 lane: what OWASP recommends as the least.
    pub const DEFAULT: Self = Self { memory: 19 * 1024, passes: 2, lanes: 1 };
    /// The greatest memory, in KiB.
    pub const MAX_MEMORY: u32 = 256 * 1024;
    /// The greatest number of passes over the memory.
    pub const MAX_PASSES: u32 = 16;
    /// The greatest number of lanes.
    pub const MAX_LANES: u32 = 16;

    /// `memory` in KiB, at least 8 for each lane; `None` when one of them is 0 or beyond its bound.
    #[must_use]
    pub fn new(memory: u32, passes: u32, lanes: u32) -> Option<Self> {
        let fits = (1..=Self::MAX_LANES).contains(&lanes)
            && (8 * lanes..=Self::MAX_MEMORY).contains(&memory)
            && (1..=Self::MAX_PASSES).contains(&passes);
        fits.then_some(Self { memory, passes, lanes })
    }

    /// Memory in KiB, passes, lanes.
    #[must_use]
    pub const fn parameters(&self) -> (u32, u32, u32) {
        (self.memory, self.passes, self.lanes)
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The public part of what seals a file: how the key is made, and how to see that it is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Derivation {
    pub(super) method: Method,
    pub(super) salt: [u8; SALT],
    pub(super) check: [u8; CHECK],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    PassPhrase(Cost),
    KeyFile,
}

impl Derivation {
    /// What to ask for.
    pub(super) const fn needs(&self) -> StateErrorKind {
        match self.method {
            Method::PassPhrase(_) => StateErrorKind::NeedsPassPhrase,
            Method::KeyFile => StateErrorKind::NeedsKeyFile,
        }
    }
}

/// The key that seals a file, and how it is made.
#[derive(Debug)]
pub(super) struct SealKey {
    pub(super) derivation: Derivation,
    pub(super) key: ClearKey,
}

impl SealKey {
    /// A new key with a new salt for the file at `path`.
    pub(super) fn new(path: &Path, unlock: &Unlock, cost: Cost) -> Result<Self, StateError> {
        let method = match unlock {
            Unlock::PassPhrase(phrase) if phrase.is_empty() => {
                return Err(StateError::new(path, StateErrorKind::EmptyPassPhrase));
            }
            Unlock::PassPhrase(_) => Method::PassPhrase(cost),
            Unlock::KeyFile(_) => Method::KeyFile,
        };
        let mut derivation = Derivation { method, salt: [0; SALT], check: [0; CHECK] };
        fill(path, &mut derivation.salt)?;
        let derived = derive(path, &derivation, unlock)?;
        let (key, check) = derived.split_at(SEAL_KEY);
        derivation.check.copy_from_slice(check);
        Ok(Self { derivation, key: ClearKey::from_slice(key) })
    }

    /// The key that is made like this.
    pub(super) fn open(path: &Path, derivation: Derivation, unlock: &Unlock) -> Result<Self, StateError> {
        let derived = derive(path, &derivation, unlock)?;
        let (key, check) = derived.split_at(SEAL_KEY);
        if !bool::from(check.ct_eq(&derivation.check)) {
            return Err(StateError::new(
                path,
                match derivation.method {
                    Method::PassPhrase(_) => StateErrorKind::WrongPassPhrase,
                    Method::KeyFile => StateErrorKind::WrongKeyFile,
                },
            ));
        }
        Ok(Self { derivation, key: ClearKey::from_slice(key) })
    }
}

/// Seal key and check value, one after the other.
fn derive(path: &Path, derivation: &Derivation, unlock: &Unlock) -> Result<Zeroizing<Vec<u8>>, StateError> {
    match (derivation.method, unlock) {
        (Method::PassPhrase(cost), Unlock::PassPhrase(phrase)) => stretch(phrase, &derivation.salt, cost)
            .map_err(|e| StateError::io(path, "its key cannot be derived", io::Error::other(e.to_string()))),
        (Method::KeyFile, Unlock::KeyFile(key_file)) => {
            let key = read_key_file(key_file)?;
            let mac = Hmac::<Sha512>::new_from_slice(key.expose())
                .map_err(|e| StateError::io(path, "its key cannot be derived", io::Error::other(e)))?
                .chain_update(b"softicsf engine file")
                .chain_update(derivation.salt)
                .finalize();
            let derived = mac.into_bytes();
            Ok(Zeroizing::new(derived.iter().copied().take(SEAL_KEY + CHECK).collect()))
        }
        _ => Err(StateError::new(path, derivation.needs())),
    }
}

fn stretch(phrase: &ClearKey, salt: &[u8; SALT], cost: Cost) -> Result<Zeroizing<Vec<u8>>, argon2::Error> {
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(SEAL_KEY + CHECK))?;
    let mut memory = Zeroizing::new(vec![Block::new(); params.block_count()]);
    let mut derived = Zeroizing::new(vec![0; SEAL_KEY + CHECK]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        phrase.expose(),
        salt,
        &mut derived,
        memory.as_mut_slice(),
    )?;
    Ok(derived)
}

/// Random bytes that are never a drill's: what seals a file must not repeat, though a seed does.
pub(super) fn fill(path: &Path, bytes: &mut [u8]) -> Result<(), StateError> {
    SystemRandom.fill(bytes).map_err(|e| StateError::io(path, "no random bytes", io::Error::other(e)))
}

fn read_key_file(path: &Path) -> Result<ClearKey, StateError> {
    let unfit = |what: String| StateError::new(path, StateErrorKind::KeyFile(what));
    let file = File::open(path).map_err(|e| StateError::io(path, "reading the key file", e))?;
    // Asked of the open file and not of the name, so that nothing can be put in its place between.
    let mode = file.metadata().map_err(|e| StateError::io(path, "reading the key file", e))?.mode();
    if mode & 0o077 != 0 {
        let mode = mode & 0o777;
        return Err(unfit(format!("others than its owner may use it (mode {mode:03o}); set its mode to 600")));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_FILE + 1));
    file.take(KEY_FILE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| StateError::io(path, "reading the key file", e))?;
    if bytes.len() != KEY_FILE {
        let length = if bytes.len() > KEY_FILE { "more than 32".to_owned() } else { bytes.len().to_string() };
        return Err(unfit(format!("it has {length} bytes and not 32; restore it from a backup")));
    }
    Ok(ClearKey::from_slice(&bytes))
}

/// Makes a key file if there is none; whether it made one.
pub(super) fn make_key_file(path: &Path) -> Result<bool, StateError> {
    let failed = |e| StateError::io(path, "making the key file", e);
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(e) => return Err(failed(e)),
    };
    let mut bytes = Zeroizing::new(vec![0; KEY_FILE]);
    fill(path, &mut bytes)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| sync_directory_of(path)).map_err(failed)?;
    Ok(true)
}
