//! The master-key registers with the keys in them, and what may be done to them.
//!
//! A change makes new registers beside the old ones, so that they can be written to the state file before anybody sees
//! them; the master keys themselves are shared and not copied.

use std::sync::Arc;

use icsf_core::ClearKey;
use icsf_core::backend::{
    EngineError, EngineErrorKind, MASTER_KEY_LENGTH, MasterKeyKind, MasterKeys, NewRegister, Part, Register,
    RegisterChange, Registers, WrappedKey,
};
use icsf_core::random::RandomSource;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::master_key::{MasterKey, another_key, refuse_zeros};

/// Bytes of the written form: both kinds.
pub(super) const ENCODED: usize = 2 * ENCODED_KIND;
/// Bytes of one kind: new, current, old.
const ENCODED_KIND: usize = 3 * ENCODED_REGISTER;
/// Bytes of one register: what it holds, and the value.
const ENCODED_REGISTER: usize = 1 + MASTER_KEY_LENGTH;

const EMPTY: u8 = 0;
const PARTIAL: u8 = 1;
const FULL: u8 = 2;

/// The registers of both master keys.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyRegisters {
    des: KindRegisters,
    aes: KindRegisters,
}

#[derive(Debug, Clone, Default)]
struct KindRegisters {
    new: New,
    current: Option<Arc<MasterKey>>,
    old: Option<Arc<MasterKey>>,
}

#[derive(Debug, Clone, Default)]
enum New {
    #[default]
    Empty,
    Partial(Arc<ClearKey>),
    Full(Arc<MasterKey>),
}

impl KeyRegisters {
    const fn of(&self, kind: MasterKeyKind) -> &KindRegisters {
        match kind {
            MasterKeyKind::Des => &self.des,
            MasterKeyKind::Aes => &self.aes,
        }
    }

    const fn of_mut(&mut self, kind: MasterKeyKind) -> &mut KindRegisters {
        match kind {
            MasterKeyKind::Des => &mut self.des,
            MasterKeyKind::Aes => &mut self.aes,
        }
    }

    /// What may be shown of them.
    pub(super) fn patterns(&self) -> MasterKeys {
        let mut shown = MasterKeys::default();
        for kind in MasterKeyKind::ALL {
            *shown.of_mut(kind) = self.of(kind).patterns();
        }
        shown
    }

    /// The key that wraps.
    pub(super) fn wrapping(&self, kind: MasterKeyKind, register: Register) -> Result<&MasterKey, EngineError> {
        let registers = self.of(kind);
        let held = match (register, &registers.new) {
            (Register::Current, _) => registers.current.as_deref(),
            (Register::New, New::Full(key)) => Some(key.as_ref()),
            (Register::New, _) => None,
            (Register::Old, _) => {
                return Err(EngineError::refused(format!("no key is wrapped under the old {kind} any more")));
            }
        };
        held.ok_or_else(|| {
            let error = EngineError::new(EngineErrorKind::MasterKeyNotSet(kind));
            if register == Register::New { error.with_detail("the new register is not full") } else { error }
        })
    }

    /// The key under which `key` is wrapped.
    pub(super) fn unwrapping(&self, key: &WrappedKey) -> Result<&MasterKey, EngineError> {
        let kind = key.master_key();
        let current = self.wrapping(kind, Register::Current)?;
        [Some(current), self.of(kind).old.as_deref()]
            .into_iter()
            .flatten()
            .find(|held| held.mkvp() == key.mkvp())
            .ok_or_else(|| EngineError::new(EngineErrorKind::MasterKeyMismatch(kind, key.mkvp())))
    }

    /// The registers after `change`.
    pub(super) fn changed(
        &self,
        kind: MasterKeyKind,
        change: RegisterChange<'_>,
        random: &dyn RandomSource,
    ) -> Result<Self, EngineError> {
        let mut next = self.clone();
        let registers = next.of_mut(kind);
        match change {
            RegisterChange::Load(part, value) => registers.new = registers.loaded(kind, part, value)?,
            RegisterChange::Generate => {
                let New::Empty = registers.new else { return Err(not_empty(kind)) };
                let mut bytes = Zeroizing::new(vec![0; MASTER_KEY_LENGTH]);
                random.fill(&mut bytes).map_err(super::no_random)?;
                registers.new = registers.full(kind, ClearKey::from_slice(&bytes))?;
            }
            RegisterChange::ClearNew => registers.new = New::Empty,
            RegisterChange::Set(expected) => {
                let New::Full(key) = std::mem::take(&mut registers.new) else {
                    return Err(EngineError::refused(format!(
                        "the new {kind} register is not full: enter the final part first"
                    )));
                };
                if key.mkvp() != expected {
                    return Err(another_key(kind, key.mkvp(), expected));
                }
                registers.refuse_repeated(kind, &key)?;
                registers.old = registers.current.replace(key);
            }
            RegisterChange::Zeroize => *registers = KindRegisters::default(),
            _ => return Err(EngineError::refused("the software engine does not know this change")),
        }
        Ok(next)
    }

    /// The written form; the layout is told with the state file.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(ENCODED));
        for kind in MasterKeyKind::ALL {
            let registers = self.of(kind);
            let (state, new) = match &registers.new {
                New::Empty => (EMPTY, None),
                New::Partial(sum) => (PARTIAL, Some(sum.as_ref())),
                New::Full(key) => (FULL, Some(key.clear())),
            };
            push(&mut bytes, state, new);
            for held in [&registers.current, &registers.old] {
                push(&mut bytes, if held.is_some() { FULL } else { EMPTY }, held.as_ref().map(|key| key.clear()));
            }
        }
        bytes
    }

    /// Reads the written form; `None` when it is none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (des, aes) = bytes.split_at_checked(ENCODED_KIND)?;
        Some(Self {
            des: KindRegisters::decode(MasterKeyKind::Des, des)?,
            aes: KindRegisters::decode(MasterKeyKind::Aes, aes)?,
        })
    }

    /// Whether they hold the same keys; also parts, which no pattern tells apart.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.encode().ct_eq(&other.encode()).into()
    }
}

impl KindRegisters {
    fn patterns(&self) -> Registers {
        Registers {
            new: match &self.new {
                New::Empty => NewRegister::Empty,
                New::Partial(_) => NewRegister::Partial,
                New::Full(key) => NewRegister::Full(key.mkvp()),
            },
            current: self.current.as_ref().map(|key| key.mkvp()),
            old: self.old.as_ref().map(|key| key.mkvp()),
        }
    }

    /// What the new register holds after a part is entered.
    fn loaded(&self, kind: MasterKeyKind, part: Part, value: &ClearKey) -> Result<New, EngineError> {
        if value.len() != MASTER_KEY_LENGTH {
            return Err(EngineError::refused(format!(
                "a part of the {kind} has {MASTER_KEY_LENGTH} bytes, and this one {}",
                value.len()
            )));
        }
        match (part, &self.new) {
            (Part::First, New::Empty) => Ok(New::Partial(Arc::new(ClearKey::from_slice(value.expose())))),
            (Part::First, _) => Err(not_empty(kind)),
            (Part::Middle, New::Partial(sum)) => Ok(New::Partial(Arc::new(combined(kind, sum, value)?))),
            (Part::Final, New::Partial(sum)) => self.full(kind, combined(kind, sum, value)?),
            (_, New::Empty) => {
                Err(EngineError::refused(format!("the new {kind} register is empty: enter the first part first")))
            }
            (_, New::Full(_)) => {
                Err(EngineError::refused(format!("the new {kind} register is full: set or clear it first")))
            }
        }
    }

    fn full(&self, kind: MasterKeyKind, clear: ClearKey) -> Result<New, EngineError> {
        refuse_zeros(kind, &clear)?;
        let key = MasterKey::new(kind, clear).ok_or_else(|| EngineError::fault("a master key of another length"))?;
        self.refuse_repeated(kind, &key)?;
        Ok(New::Full(Arc::new(key)))
    }

    /// Source: ICSF Administrator's Guide: a new master key may not have the pattern of the current or the old one.
    fn refuse_repeated(&self, kind: MasterKeyKind, key: &MasterKey) -> Result<(), EngineError> {
        for (held, register) in [(&self.current, Register::Current), (&self.old, Register::Old)] {
            if held.as_ref().is_some_and(|held| held.mkvp() == key.mkvp()) {
                return Err(EngineError::refused(format!("this is the {register} {kind} again: enter another key")));
            }
        }
        Ok(())
    }

    fn decode(kind: MasterKeyKind, bytes: &[u8]) -> Option<Self> {
        let (new, bytes) = bytes.split_at_checked(ENCODED_REGISTER)?;
        let (current, old) = bytes.split_at_checked(ENCODED_REGISTER)?;
        let full = |bytes: &[u8]| match bytes.split_first() {
            Some((&FULL, value)) => Some(Some(Arc::new(MasterKey::new(kind, ClearKey::from_slice(value))?))),
            Some((&EMPTY, _)) => Some(None),
            _ => None,
        };
        let new = match new.split_first() {
            Some((&PARTIAL, value)) => New::Partial(Arc::new(ClearKey::from_slice(value))),
            _ => full(new)?.map_or(New::Empty, New::Full),
        };
        Some(Self { new, current: full(current)?, old: full(old)? })
    }
}

fn not_empty(kind: MasterKeyKind) -> EngineError {
    EngineError::refused(format!("the new {kind} register is not empty: set or clear it first"))
}

fn combined(kind: MasterKeyKind, sum: &ClearKey, part: &ClearKey) -> Result<ClearKey, EngineError> {
    sum.xor(part).ok_or_else(|| EngineError::fault(format!("the parts of the {kind} have two lengths")))
}

fn push(bytes: &mut Vec<u8>, state: u8, value: Option<&ClearKey>) {
    bytes.push(state);
    bytes.extend_from_slice(value.map_or(&[0; MASTER_KEY_LENGTH], ClearKey::expose));
}
