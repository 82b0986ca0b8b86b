//! Keys for tests: one that counts its calls and fails at a chosen one.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;

use ptkt::DesEncipher;
#[cfg(feature = "enhanced")]
use ptkt::HmacSha512;

/// Passes calls on to a key that never fails, counts them, and fails the `fail_at`th itself,
/// leaving garbage behind.
#[derive(Debug)]
pub(crate) struct Engine<K> {
    key: K,
    calls: Cell<usize>,
    inputs: Cell<usize>,
    fail_at: Option<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pulled {
    pub(crate) call: usize,
}

impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the engine was pulled at call {}", self.call)
    }
}

impl std::error::Error for Pulled {}

impl<K> Engine<K> {
    pub(crate) fn counting(key: K) -> Self {
        Self { key, calls: Cell::new(0), inputs: Cell::new(0), fail_at: None }
    }

    pub(crate) fn failing_at(key: K, call: usize) -> Self {
        Self { fail_at: Some(call), ..Self::counting(key) }
    }

    /// Calls since the last time this was asked.
    pub(crate) fn calls(&self) -> usize {
        self.inputs.set(0);
        self.calls.take()
    }

    /// Blocks or messages of all calls since the calls were asked for.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs.get()
    }

    fn count(&self, inputs: usize) -> Result<(), Pulled> {
        let call = self.calls.get() + 1;
        self.calls.set(call);
        self.inputs.set(self.inputs.get() + inputs);
        if self.fail_at == Some(call) { Err(Pulled { call }) } else { Ok(()) }
    }
}

impl<K: DesEncipher<Error = Infallible>> DesEncipher for Engine<K> {
    type Error = Pulled;

    fn encipher(&self, blocks: &mut [[u8; 8]]) -> Result<(), Pulled> {
        if let Err(pulled) = self.count(blocks.len()) {
            blocks.fill([0xEE; 8]);
            return Err(pulled);
        }
        let Ok(()) = self.key.encipher(blocks);
        Ok(())
    }
}

#[cfg(feature = "enhanced")]
impl<K: HmacSha512<Error = Infallible>> HmacSha512 for Engine<K> {
    type Error = Pulled;

    fn hmac(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), Pulled> {
        assert_eq!(messages.len(), macs.len());
        if let Err(pulled) = self.count(messages.len()) {
            macs.fill([0xEE; 64]);
            return Err(pulled);
        }
        let Ok(()) = self.key.hmac(messages, macs);
        Ok(())
    }
}
