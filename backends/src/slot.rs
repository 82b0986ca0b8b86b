//! The place a card sits in: cards are inserted and pulled while callers go on calling.

use std::sync::{Arc, PoisonError, RwLock};

use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, BackendState, Capabilities, Derivation, DerivedUse, EngineError, EngineInfo, HashAlgorithm, KeyHandle,
    KeySpec, MasterKeyKind, MasterKeys, Register, RegisterChange, WrappedKey,
};

use crate::generations::Generations;

/// An engine whose card can be changed at any time. With a card it answers what the card answers; without one it is
/// [`Deconfigured`](BackendState::Deconfigured) and everything is
/// [`Unavailable`](icsf_core::backend::EngineErrorKind::Unavailable).
///
/// A key opened through the slot is void from the moment its card is pulled, though the same card comes back, and though
/// the card itself would go on working: some do, and then a rehearsal of their loss would not show it.
///
/// ```
/// # use std::sync::Arc;
/// # use icsf_backends::{Slot, Software};
/// # use icsf_core::backend::{Backend, BackendState};
/// # use icsf_core::random::SystemRandom;
/// let slot = Slot::empty();
/// assert_eq!(slot.state(), BackendState::Deconfigured);
/// slot.insert(Arc::new(Software::in_memory(Arc::new(SystemRandom))));
/// assert!(matches!(slot.state(), BackendState::Online { .. }));
/// ```
#[derive(Default)]
pub struct Slot {
    place: Arc<RwLock<Place>>,
    generations: Generations,
    choose: Option<Choose>,
}

/// Says which card is to be inserted; `None` when the right one is in the slot.
pub type Choose = Box<dyn Fn() -> Option<Arc<dyn Backend>> + Send + Sync>;

#[derive(Debug, Default)]
struct Place {
    /// Counts what was inserted and pulled.
    changes: u64,
    card: Option<Arc<dyn Backend>>,
}

impl Slot {
    /// A slot without a card.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A slot with a card.
    #[must_use]
    pub fn with(card: Arc<dyn Backend>) -> Self {
        let slot = Self::empty();
        slot.insert(card);
        slot
    }

    /// A slot that asks which card it is to hold, each time it is attached.
    #[must_use]
    pub fn following(choose: Choose) -> Self {
        Self { choose: Some(choose), ..Self::default() }
    }

    /// Puts a card in, and gives back the one that was pulled for it.
    pub fn insert(&self, card: Arc<dyn Backend>) -> Option<Arc<dyn Backend>> {
        self.change(Some(card))
    }

    /// Pulls the card, if there is one. A call that the card is working on is still answered.
    pub fn remove(&self) -> Option<Arc<dyn Backend>> {
        self.change(None)
    }

    fn change(&self, card: Option<Arc<dyn Backend>>) -> Option<Arc<dyn Backend>> {
        let mut place = self.place.write().unwrap_or_else(PoisonError::into_inner);
        place.changes += 1;
        std::mem::replace(&mut place.card, card)
    }

    /// The card, and the count under which it sits here.
    fn inserted(&self) -> (u64, Option<Arc<dyn Backend>>) {
        let place = self.place.read().unwrap_or_else(PoisonError::into_inner);
        (place.changes, place.card.clone())
    }

    fn card(&self) -> Result<Arc<dyn Backend>, EngineError> {
        self.inserted().1.ok_or_else(|| EngineError::unavailable(EMPTY))
    }
}

const EMPTY: &str = "there is no card in the slot";

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("card", &self.inserted().1).finish_non_exhaustive()
    }
}

impl Backend for Slot {
    fn info(&self) -> EngineInfo {
        let empty = || EngineInfo::new("none", "empty slot", Capabilities::NONE);
        self.inserted().1.map_or_else(empty, |card| card.info())
    }

    fn state(&self) -> BackendState {
        match self.inserted() {
            (changes, Some(card)) => self.generations.shown(changes, card.state()),
            (_, None) => BackendState::Deconfigured,
        }
    }

    fn attach(&self) -> Result<(), EngineError> {
        if let Some(card) = self.choose.as_ref().and_then(|choose| choose()) {
            self.insert(card);
        }
        self.card()?.attach()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.card()?.random(bytes)
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        self.card()?.master_keys()
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        self.card()?.change_register(kind, change)
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        self.card()?.generate(spec)
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.card()?.wrap(spec, key)
    }

    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.card()?.add_part(key, part)
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        self.card()?.rewrap(key, to)
    }

    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        let (changes, card) = self.inserted();
        let inner = card.ok_or_else(|| EngineError::unavailable(EMPTY))?.open(key)?;
        Ok(Box::new(SlotKey { inner, place: Arc::clone(&self.place), changes }))
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Result<(), EngineError> {
        match self.inserted().1 {
            Some(card) => card.run(work),
            None => {
                work();
                Ok(())
            }
        }
    }
}

/// A key in a card, as long as the card stays.
#[derive(Debug)]
struct SlotKey {
    inner: Box<dyn KeyHandle>,
    place: Arc<RwLock<Place>>,
    changes: u64,
}

impl SlotKey {
    fn key(&self) -> Result<&dyn KeyHandle, EngineError> {
        if self.place.read().unwrap_or_else(PoisonError::into_inner).changes == self.changes {
            Ok(self.inner.as_ref())
        } else {
            Err(EngineError::unavailable("the card that held the key was pulled"))
        }
    }
}

impl KeyHandle for SlotKey {
    fn encipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.key()?.encipher_blocks(blocks)
    }

    fn decipher_blocks(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        self.key()?.decipher_blocks(blocks)
    }

    fn hmac(&self, hash: HashAlgorithm, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
        self.key()?.hmac(hash, messages, macs)
    }

    fn derive(&self, how: &Derivation<'_>, into: DerivedUse) -> Result<Box<dyn KeyHandle>, EngineError> {
        let inner = self.key()?.derive(how, into)?;
        Ok(Box::new(Self { inner, place: Arc::clone(&self.place), changes: self.changes }))
    }

    fn encipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.key()?.encipher_cbc(iv, data)
    }

    fn decipher_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), EngineError> {
        self.key()?.decipher_cbc(iv, data)
    }

    fn key_check(&self) -> Result<[u8; 8], EngineError> {
        self.key()?.key_check()
    }
}
