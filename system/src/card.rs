//! Crypto cards outside a system, and the slot they are put into: for drills and tests that pull a card.

use std::path::Path;
use std::sync::Arc;

use icsf_backends::{Slot, Software};
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, EngineError, MasterKeyKind, Part, RegisterChange};
use icsf_core::random::RandomSource;

use crate::error::{Error, Result as SystemResult};
use crate::options::Pkcs11Token;
use crate::token_engine::TokenEngine;

/// A crypto card.
#[derive(Debug, Clone)]
pub struct Card(Arc<dyn Backend>);

impl Card {
    /// A card in software, its registers empty.
    #[must_use]
    pub fn software(random: Arc<dyn RandomSource>) -> Self {
        Self(Arc::new(Software::in_memory(random)))
    }

    /// A PKCS#11 token as a card, with empty registers of its own: which key in the token is which is noted in a new file
    /// at `registers`.
    ///
    /// # Errors
    /// Why the token, its module, the PIN or the file cannot be used.
    pub fn token(registers: &Path, token: &Pkcs11Token, pin: ClearKey) -> SystemResult<Self> {
        let engine = TokenEngine::create(registers, token.options(), pin).map_err(|e| Error::of_token(&e))?;
        Ok(Self(Arc::new(engine)))
    }

    /// Any other engine as a card.
    #[must_use]
    pub fn of(backend: Arc<dyn Backend>) -> Self {
        Self(backend)
    }

    /// Enters a master key in two parts of 32 bytes, and sets it.
    ///
    /// # Errors
    /// What the card says.
    pub fn set_master_key(&self, kind: MasterKeyKind, first: &ClearKey, last: &ClearKey) -> Result<(), EngineError> {
        self.0.change_register(kind, RegisterChange::Load(Part::First, first))?;
        self.0.change_register(kind, RegisterChange::Load(Part::Final, last))?;
        match self.0.master_keys()?.of(kind).new.pattern() {
            Some(entered) => self.0.change_register(kind, RegisterChange::Set(entered)),
            None => Err(EngineError::fault(format!("the new {kind} register is empty again"))),
        }
    }

    /// Empties all its registers, as a card does that is tampered with.
    ///
    /// # Errors
    /// What the card says.
    pub fn zeroize(&self) -> Result<(), EngineError> {
        MasterKeyKind::ALL.into_iter().try_for_each(|kind| self.0.change_register(kind, RegisterChange::Zeroize))
    }
}

/// The slot of a system: see [`InMemory::slot`](crate::InMemory::slot). Clones are the same slot.
///
/// ```
/// use softicsf::{Card, CardSlot, System};
/// use icsf_core::{engine::EngineState, random::SystemRandom};
///
/// let slot = CardSlot::empty();
/// let system = System::in_memory().slot(&slot).build()?;
/// assert_eq!(system.engine()?.state, EngineState::Deconfigured);
/// slot.insert(&Card::software(std::sync::Arc::new(SystemRandom)));
/// assert_eq!(system.engine()?.state, EngineState::Online);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct CardSlot(Arc<Slot>);

impl CardSlot {
    /// A slot without card.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Puts a card in; one that was in it is pulled.
    pub fn insert(&self, card: &Card) {
        self.0.insert(Arc::clone(&card.0));
    }

    /// Pulls the card, if there is one.
    pub fn remove(&self) {
        self.0.remove();
    }

    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        self.0.clone()
    }
}
