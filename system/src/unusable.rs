//! The keys of a CKDS that no service can use with the engine there is: it lacks what they are for.

use std::ops::ControlFlow;

use icsf_core::backend::{Capabilities, Etype, HashAlgorithm, KeyAlgorithm, KeyPlace, KeySpec};
use icsf_core::engine::{EngineState, EngineView};
use icsf_core::kds::Record;

use crate::system::System;

/// A key that the engine cannot use, whatever its master keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableKey {
    /// Its label.
    pub label: String,
    /// What the engine lacks.
    pub why: &'static str,
}

impl System {
    /// The keys on disk that the engine cannot use for want of an algorithm, in order: a token without DES leaves all
    /// keys of legacy PassTickets unused. Each service that needs one ends with
    /// [`NotOnThisEngine`](icsf_core::codes::Code::NotOnThisEngine), and the others work. None are known while the engine
    /// cannot be asked.
    ///
    /// # Errors
    /// When the files of the system cannot be read.
    pub fn unusable_keys(&self) -> icsf_core::Result<Vec<UnusableKey>> {
        self.unusable_with(&self.engine()?)
    }

    pub(crate) fn unusable_with(&self, engine: &EngineView) -> icsf_core::Result<Vec<UnusableKey>> {
        let can = engine.info.capabilities;
        let asked = matches!(engine.state, EngineState::Online | EngineState::WrongMasterKey { .. });
        let mut found = Vec::new();
        let kerberos = Etype::ALL.into_iter().all(|etype| can.kerberos(etype) != KeyPlace::None);
        if !asked || (can.des && can.hmac_sha512 && can.any_hmac_length && kerberos) {
            return Ok(found);
        }
        self.icsf().key_data_set().scan(None, &mut |key, record| {
            if let Some(why) = record.ok().and_then(|record| lacking(&can, spec(&record)?)) {
                found.push(UnusableKey { label: key.label().to_string(), why });
            }
            ControlFlow::Continue(())
        })?;
        found.sort_by_key(|key| key.why);
        Ok(found)
    }
}

/// Of the key in a record that is wrapped.
fn spec(record: &Record) -> Option<KeySpec> {
    record.token.wrapped().map(|key| key.spec())
}

/// Of SHA-512: longer keys are hashed, with the zeros they are filled with.
const BLOCK: usize = HashAlgorithm::Sha512.block();

fn lacking(can: &Capabilities, spec: KeySpec) -> Option<&'static str> {
    match spec.algorithm() {
        KeyAlgorithm::Des if !can.des => Some("the engine has no DES"),
        KeyAlgorithm::Hmac if !can.hmac_sha512 => Some("the engine has no HMAC with SHA-512"),
        KeyAlgorithm::Hmac if !can.any_hmac_length && spec.length() > BLOCK && !spec.length().is_multiple_of(8) => {
            Some("the engine uses HMAC keys over 128 bytes only if their length is a multiple of 8")
        }
        KeyAlgorithm::Kerberos(etype) if can.kerberos(etype) == KeyPlace::None => {
            Some("the engine has no use of Kerberos keys of this encryption type, and host_keys = forbid")
        }
        _ => None,
    }
}
