//! Where the cards of a drill come from, and how they are pulled.
//!
//! The idea: a drill does with cards what an operator does, and tells nobody. A card in software is taken out of its slot;
//! a token is taken away below its module, and the engine under test finds out by itself. So who makes the cards also
//! says how one is pulled, and the drill need not know what they are.

use std::fmt;
use std::sync::Arc;

use icsf_core::random::RandomSource;
use secrecy::SecretString;
use softicsf::{Card, CardSlot};

/// The kinds of engine a drill can be run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CardKind {
    /// In this process.
    Software,
    /// A PKCS#11 token.
    Pkcs11,
}

impl fmt::Display for CardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Software => "software",
            Self::Pkcs11 => "pkcs11",
        })
    }
}

/// Makes cards.
///
/// # Contract
/// Each call makes a card of its own, in order, its registers empty: what is done to one shows on no other, and nothing of
/// it is left when it is dropped. After an error nothing is left either, and a later call may succeed.
pub trait CardSource: fmt::Debug {
    /// A card.
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    fn card(&self) -> Result<Box<dyn PullableCard>, NoCard>;
}

/// A card that is put into a slot once, and from then on pulled and put back.
///
/// # Contract
/// Calls do not overlap. A request that the card is working on may still be answered; none that comes after
/// [`pull`](Self::pull) is. To pull a card that is out, or to put back one that is in, does nothing.
pub trait PullableCard: fmt::Debug {
    /// The card as a slot takes it.
    fn card(&self) -> &Card;

    /// Pulls it out of the slot it was put into.
    fn pull(&self, slot: &CardSlot);

    /// Puts it back into that slot: the same card, its registers as they were.
    fn put_back(&self, slot: &CardSlot);

    /// What opens it, and must never be seen in a report.
    fn secrets(&self) -> Vec<SecretString>;
}

/// There is no card to be had: why, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoCard(String);

impl NoCard {
    /// For this reason.
    #[must_use]
    pub fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Which cards a drill is run on, and by which clock.
///
/// ```
/// use icsf_drill::{CardKind, Cards, gallery, run_on};
/// # if cfg!(not(feature = "enhanced")) { return Ok(()) }
///
/// let cards = Cards::default().all(CardKind::Software);
/// assert_eq!(run_on(&gallery::find("no-crypto-card")?, &cards)?.exit_status(), 0);
/// # Ok::<(), icsf_drill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Cards<'a> {
    all: Option<CardKind>,
    tokens: Option<&'a dyn CardSource>,
    wall_clock: bool,
}

impl<'a> Cards<'a> {
    /// Has cards of this kind wherever the drill wants an engine, of whichever kind.
    #[must_use]
    pub const fn all(self, kind: CardKind) -> Self {
        Self { all: Some(kind), ..self }
    }

    /// Takes the cards of kind [`Pkcs11`](CardKind::Pkcs11) from here. Without it there are none.
    #[must_use]
    pub const fn tokens(self, source: &'a dyn CardSource) -> Self {
        Self { tokens: Some(source), ..self }
    }

    /// Has the steps wait for their time by the clock of the machine, instead of a clock that stands between them.
    #[must_use]
    pub const fn wall_clock(self) -> Self {
        Self { wall_clock: true, ..self }
    }

    pub(crate) const fn by_wall_clock(&self) -> bool {
        self.wall_clock
    }

    /// What there is in the place of a card of this kind.
    pub(crate) fn instead_of(&self, kind: CardKind) -> CardKind {
        self.all.unwrap_or(kind)
    }

    pub(crate) fn make(
        &self,
        kind: CardKind,
        random: impl FnOnce() -> Arc<dyn RandomSource>,
    ) -> Result<Box<dyn PullableCard>, NoCard> {
        match (kind, self.tokens) {
            (CardKind::Software, _) => Ok(Box::new(InSoftware(Card::software(random())))),
            (CardKind::Pkcs11, Some(source)) => source.card(),
            (CardKind::Pkcs11, None) => {
                Err(NoCard::because("the drill wants PKCS#11 tokens, and it was not said where they come from"))
            }
        }
    }
}

/// A card in software. It has nothing below itself that could be pulled, so it goes out of the slot.
#[derive(Debug)]
struct InSoftware(Card);

impl PullableCard for InSoftware {
    fn card(&self) -> &Card {
        &self.0
    }

    fn pull(&self, slot: &CardSlot) {
        slot.remove();
    }

    fn put_back(&self, slot: &CardSlot) {
        slot.insert(&self.0);
    }

    fn secrets(&self) -> Vec<SecretString> {
        Vec::new()
    }
}
