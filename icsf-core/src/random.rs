//! Random bytes outside an engine: the host's own generator, and a seeded one for drills that must repeat.

use std::fmt::Debug;
use std::sync::Mutex;

use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// A source of random bytes.
///
/// Contract: calls may overlap; after an error the buffer holds nothing to be used, and a later call may succeed.
pub trait RandomSource: Send + Sync + Debug {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`NoRandom`] when the source has none to give.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandom>;
}

/// The source of random bytes failed.
#[derive(Debug, thiserror::Error)]
#[error("no random bytes: {0}")]
pub struct NoRandom(String);

/// The operating system's generator, standing in for the processor's own (CPACF) where no engine is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandom> {
        getrandom::fill(bytes).map_err(|e| NoRandom(e.to_string()))
    }
}

/// The same bytes for the same seed: SHA-256 over seed and a counter. For drills and tests only; a drill that says
/// its seed gives the same report each time.
pub struct SeededRandom {
    state: Mutex<(u64, u64)>,
}

impl SeededRandom {
    /// Starts the sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new((seed, 0)) }
    }
}

impl Debug for SeededRandom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeededRandom")
    }
}

impl RandomSource for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandom> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for piece in bytes.chunks_mut(32) {
            let (seed, counter) = *state;
            let mut block = Sha256::digest([seed.to_be_bytes(), counter.to_be_bytes()].concat());
            for (byte, random) in piece.iter_mut().zip(block.iter()) {
                *byte = *random;
            }
            block.zeroize();
            state.1 += 1;
        }
        Ok(())
    }
}
