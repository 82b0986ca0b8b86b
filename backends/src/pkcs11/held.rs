//! The master-key registers as they were found in the token.

use std::collections::BTreeMap;

use icsf_core::backend::{
    EngineError, EngineErrorKind, MasterKeyKind, MasterKeys, Mkvp, NewRegister, Register, Registers, WrappedKey,
};

use super::codes::Failure;
use super::error::{TokenError, TokenErrorKind};
use super::link::Link;
use super::module::Object;
use super::register_file::{Identity, NewMap, RegisterFile};

/// The registers.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    /// What was looked for.
    pub(super) file: RegisterFile,
    des: HeldKind,
    aes: HeldKind,
    pub(super) missing: Missing,
    /// Master keys that are guarded less than ours are: somebody else has made them.
    pub(super) lax: Vec<String>,
    /// What the token did not let us forbid, and which master keys.
    pub(super) allowed: BTreeMap<&'static str, Vec<String>>,
}

/// Master keys that are in the file and not in the token, and what they are called.
pub(super) type Missing = Vec<(MasterKeyKind, Register, String)>;

#[derive(Debug, Clone, Default, PartialEq)]
struct HeldKind {
    new: HeldNew,
    current: Option<HeldKey>,
    old: Option<HeldKey>,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum HeldNew {
    #[default]
    Empty,
    Partial(Object),
    Full(HeldKey),
}

/// A master key in the token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HeldKey {
    pub(super) object: Object,
    pub(super) mkvp: Mkvp,
}

/// Why the registers could not be read.
pub(super) enum NotHeld {
    Failure(Failure),
    Error(TokenError),
}

impl From<Failure> for NotHeld {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Held {
    /// Looks for what the file says.
    pub(super) fn look(link: &Link, file: RegisterFile) -> Result<Self, NotHeld> {
        let mut held = Self { file, ..Self::default() };
        for kind in MasterKeyKind::ALL {
            let map = *held.file.of(kind);
            let found = HeldKind {
                new: match map.new {
                    NewMap::Empty => HeldNew::Empty,
                    NewMap::Partial(identity) => {
                        held.object(link, kind, Register::New, &identity)?.map_or(HeldNew::Empty, HeldNew::Partial)
                    }
                    NewMap::Full(identity) => {
                        held.key(link, kind, Register::New, &identity)?.map_or(HeldNew::Empty, HeldNew::Full)
                    }
                },
                current: held.optional(link, kind, Register::Current, map.current)?,
                old: held.optional(link, kind, Register::Old, map.old)?,
            };
            match kind {
                MasterKeyKind::Des => held.des = found,
                MasterKeyKind::Aes => held.aes = found,
            }
        }
        Ok(held)
    }

    fn optional(
        &mut self,
        link: &Link,
        kind: MasterKeyKind,
        register: Register,
        identity: Option<Identity>,
    ) -> Result<Option<HeldKey>, NotHeld> {
        identity.map_or(Ok(None), |identity| self.key(link, kind, register, &identity))
    }

    fn key(
        &mut self,
        link: &Link,
        kind: MasterKeyKind,
        register: Register,
        identity: &Identity,
    ) -> Result<Option<HeldKey>, NotHeld> {
        let Some(object) = self.object(link, kind, register, identity)? else { return Ok(None) };
        let laxities = link.laxities(object)?;
        if !laxities.is_empty() {
            let what = laxities.into_iter().collect::<Vec<_>>().join(", ");
            self.lax.push(format!("{} {what}", name(kind, register, identity)));
        }
        for allowed in link.allowed(object)? {
            self.allowed.entry(allowed).or_default().push(format!("{register} {kind}"));
        }
        Ok(Some(HeldKey { object, mkvp: link.pattern(kind, object)? }))
    }

    fn object(
        &mut self,
        link: &Link,
        kind: MasterKeyKind,
        register: Register,
        identity: &Identity,
    ) -> Result<Option<Object>, NotHeld> {
        let named = || name(kind, register, identity);
        match link.find(identity)?.as_slice() {
            [] => {
                self.missing.push((kind, register, named()));
                Ok(None)
            }
            [object] => Ok(Some(*object)),
            _ => Err(NotHeld::Error(TokenError::new(&self.file.label, TokenErrorKind::Doubled(named())))),
        }
    }

    const fn of(&self, kind: MasterKeyKind) -> &HeldKind {
        match kind {
            MasterKeyKind::Des => &self.des,
            MasterKeyKind::Aes => &self.aes,
        }
    }

    /// Whether the same master keys are in the same registers, of the same connection.
    pub(super) fn same(&self, other: &Self) -> bool {
        let maps = |held: &Self| MasterKeyKind::ALL.map(|kind| *held.file.of(kind));
        maps(self) == maps(other) && self.des == other.des && self.aes == other.aes
    }

    /// Any master key there is.
    pub(super) fn any(&self) -> Option<(MasterKeyKind, HeldKey)> {
        MasterKeyKind::ALL.into_iter().find_map(|kind| Some((kind, self.of(kind).current?)))
    }

    /// What may be shown.
    pub(super) fn patterns(&self) -> MasterKeys {
        let mut shown = MasterKeys::default();
        for kind in MasterKeyKind::ALL {
            let held = self.of(kind);
            *shown.of_mut(kind) = Registers {
                new: match &held.new {
                    HeldNew::Empty => NewRegister::Empty,
                    HeldNew::Partial(_) => NewRegister::Partial,
                    HeldNew::Full(key) => NewRegister::Full(key.mkvp),
                },
                current: held.current.map(|key| key.mkvp),
                old: held.old.map(|key| key.mkvp),
            };
        }
        shown
    }

    /// The sum of the parts entered so far.
    pub(super) fn partial(&self, kind: MasterKeyKind) -> Option<Object> {
        match self.of(kind).new {
            HeldNew::Partial(object) => Some(object),
            _ => None,
        }
    }

    /// The master key that wraps.
    pub(super) fn wrapping(&self, kind: MasterKeyKind, register: Register) -> Result<HeldKey, EngineError> {
        let held = self.of(kind);
        let key = match (register, &held.new) {
            (Register::Current, _) => held.current,
            (Register::New, HeldNew::Full(key)) => Some(*key),
            (Register::New, _) => None,
            (Register::Old, _) => {
                return Err(EngineError::refused(format!("no key is wrapped under the old {kind} any more")));
            }
        };
        key.ok_or_else(|| {
            let error = EngineError::new(EngineErrorKind::MasterKeyNotSet(kind));
            let missing = self.missing.iter().find(|(k, r, _)| (*k, *r) == (kind, register));
            match (register, missing) {
                (_, Some((_, _, name))) => error.with_detail(not_shown(name)),
                _ => error,
            }
        })
    }

    /// The master key under which `key` is wrapped.
    pub(super) fn unwrapping(&self, key: &WrappedKey) -> Result<HeldKey, EngineError> {
        let kind = key.master_key();
        let current = self.wrapping(kind, Register::Current)?;
        [Some(current), self.of(kind).old]
            .into_iter()
            .flatten()
            .find(|held| held.mkvp == key.mkvp())
            .ok_or_else(|| EngineError::new(EngineErrorKind::MasterKeyMismatch(kind, key.mkvp())))
    }
}

/// It may have been deleted, or the token may show nothing at all: SoftHSM does so when its files were away.
pub(super) fn not_shown(name: &str) -> String {
    format!("the token does not show {name}, which the register file names")
}

fn name(kind: MasterKeyKind, register: Register, identity: &Identity) -> String {
    format!("the {register} {kind} (CKA_ID {})", data_encoding::HEXLOWER.encode(identity))
}
