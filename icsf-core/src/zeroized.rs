//! Emptying the registers of a master key for good, and what that costs.

use std::ops::ControlFlow;

use crate::backend::{MasterKeyKind, RegisterChange, WrappedKey};
use crate::error::Result;
use crate::icsf::Icsf;

impl Icsf {
    /// How many records of the disk copy hold a key that the engine can open by its current or old master key of this kind:
    /// those that cannot be used any more when it is [zeroized](Self::zeroize_master_key).
    ///
    /// # Errors
    /// [`Code::IcsfStopped`](crate::codes::Code::IcsfStopped), [`Code::EngineUnavailable`](crate::codes::Code::EngineUnavailable);
    /// what the store says.
    pub fn keys_under(&self, kind: MasterKeyKind) -> Result<usize> {
        let view = self.ceremony()?;
        let registers = view.engine.master_keys.of(kind);
        let mut count = 0;
        self.kds.scan(None, &mut |_, record| {
            let record = record.ok();
            let wrapped = record.as_ref().and_then(|record| record.token.wrapped());
            let held = |key: &&WrappedKey| key.master_key() == kind && registers.holding(key.mkvp()).is_some();
            count += usize::from(wrapped.filter(held).is_some());
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// Empties all three registers of a master key. What is wrapped under them can be used again when the engine, or another
    /// one, is given the same master key.
    ///
    /// # Errors
    /// As [`load_master_key_part`](Self::load_master_key_part).
    pub fn zeroize_master_key(&self, kind: MasterKeyKind) -> Result<()> {
        self.told(kind, "zeroize", None, self.register(kind, RegisterChange::Zeroize))
    }
}
