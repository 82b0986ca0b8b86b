//! Changes of the master-key registers: first what is new in the token, then the register file, then what is old.
//!
//! | step | a process that is killed here leaves |
//! |---|---|
//! | the file names the object to come among the leftovers | the registers as they were |
//! | the object is made | an object that the next change removes |
//! | the file is replaced: this is the change | all changed; what is forgotten is among the leftovers |
//! | what is forgotten is removed from the token | the same |

use std::fs::File;

use icsf_core::ClearKey;
use icsf_core::backend::{
    EngineError, MASTER_KEY_LENGTH, MasterKeyKind, Mkvp, NewRegister, Part, Register, RegisterChange,
};

use super::codes::Failure;
use super::engine::{Engine, Trouble};
use super::error::TokenError;
use super::held::Held;
use super::link::Link;
use super::register_file::{Identity, KindMap, NewMap, RegisterFile};
use crate::master_key::{another_key, pattern_of, refuse_zeros};
use crate::scrub::scrubbed;

/// A change that owns what it needs, to be made on a lane.
pub(super) enum Change {
    Load(Part, ClearKey),
    Generate,
    ClearNew,
    Set(Mkvp),
    Zeroize,
}

impl Change {
    pub(super) fn of(change: RegisterChange<'_>) -> Result<Self, EngineError> {
        Ok(match change {
            RegisterChange::Load(part, value) => Self::Load(part, ClearKey::from_slice(value.expose())),
            RegisterChange::Generate => Self::Generate,
            RegisterChange::ClearNew => Self::ClearNew,
            RegisterChange::Set(expected) => Self::Set(expected),
            RegisterChange::Zeroize => Self::Zeroize,
            _ => return Err(EngineError::refused("this engine does not know this change")),
        })
    }
}

/// What a change makes of the registers.
struct Next {
    file: RegisterFile,
    make: Option<Make>,
    forget: Vec<Identity>,
}

/// An object to be made.
struct Make {
    identity: Identity,
    what: Making,
}

enum Making {
    Part(ClearKey),
    MasterKey(Option<ClearKey>),
}

impl Engine {
    /// Changes a register. The caller holds the lock of the register file; on a lane only.
    pub(super) fn change(&self, kind: MasterKeyKind, change: &Change, _lock: &File) -> Result<(), EngineError> {
        self.attach_here()?;
        let Next { file: mut after, make, forget } =
            self.trying(None, |link, held| scrubbed(|| next(link, held, kind, change)))?;
        if let Some(make) = &make {
            let mut intent = self.read()?;
            intent.leftovers.push(make.identity);
            self.write(&intent)?;
            // A failure leaves nothing, or what the next change removes.
            self.trying(None, |link, _| scrubbed(|| made(link, kind, make)))?;
        }
        after.leftovers.extend(&forget);
        self.take_over(after)
    }

    /// Makes these the registers, and shows them. Nobody looks at the token and the file between.
    fn take_over(&self, mut file: RegisterFile) -> Result<(), EngineError> {
        let mut connecting = self.connecting();
        self.write(&file)?;
        let looked = self.online().ok().and_then(|(link, _)| {
            // What cannot be removed now is tried again with the next change.
            let left = removed(&link, &file);
            if left != file.leftovers {
                file.leftovers = left;
                let _ = self.write(&file);
            }
            Some((Held::look(&link, file.clone()).ok()?, link))
        });
        match looked {
            Some((held, link)) => {
                self.show_online(&link, held);
                Ok(())
            }
            // The change is made; what the token is like now is found out by looking again.
            None => self.attached(&mut connecting).or_else(|error| {
                self.show_error(&error);
                Ok(())
            }),
        }
    }

    /// Writes the register file. The caller holds its lock.
    pub(super) fn write(&self, file: &RegisterFile) -> Result<(), TokenError> {
        Ok(self.place.replace(&file.encode())?)
    }
}

fn made(link: &Link, kind: MasterKeyKind, make: &Make) -> Result<(), Trouble> {
    // An attempt before this one may have made it and not heard of it.
    forget(link, &make.identity)?;
    match &make.what {
        Making::Part(value) => {
            link.writing(|session| session.part(&format!("softicsf {kind} parts"), &make.identity, value))?;
            Ok(())
        }
        Making::MasterKey(value) => {
            let object = link.make_master_key(kind, &make.identity, value.as_ref())?;
            if let Some(value) = value {
                let right = scrubbed(|| pattern_of(kind, ClearKey::from_slice(value.expose())));
                if right != Some(link.pattern(kind, object)?) {
                    return Err(EngineError::fault("the token made another master key than it was given").into());
                }
            }
            Ok(())
        }
    }
}

/// Removes what the file lists and no register holds; what could not be removed comes back.
fn removed(link: &Link, file: &RegisterFile) -> Vec<Identity> {
    file.leftovers.iter().filter(|identity| !file.holds(identity) && forget(link, identity).is_err()).copied().collect()
}

fn forget(link: &Link, identity: &Identity) -> Result<(), Failure> {
    link.writing(|session| session.find(identity)?.into_iter().try_for_each(|object| session.destroy(object)))
}

fn next(link: &Link, held: &Held, kind: MasterKeyKind, change: &Change) -> Result<Next, Trouble> {
    let mut next = Next { file: held.file.clone(), make: None, forget: Vec::new() };
    let shown = *held.patterns().of(kind);
    let mut map = *held.file.of(kind);
    // What the token has lost holds nothing any more.
    if shown.new == NewRegister::Empty {
        next.forget.extend(map.new.identity());
        map.new = NewMap::Empty;
    }
    match change {
        Change::Load(part, value) => {
            if value.len() != MASTER_KEY_LENGTH {
                let why = format!("a part of the {kind} has {MASTER_KEY_LENGTH} bytes, and this one {}", value.len());
                return Err(EngineError::refused(why).into());
            }
            let sum = match (part, shown.new) {
                (Part::First, NewRegister::Empty) => ClearKey::from_slice(value.expose()),
                (Part::First, _) => return Err(not_empty(kind).into()),
                (_, NewRegister::Partial) => {
                    let before =
                        held.partial(kind).map(|object| link.value(object, MASTER_KEY_LENGTH)).transpose()?.flatten();
                    before.and_then(|before| before.xor(value)).ok_or_else(|| {
                        EngineError::fault(format!("the parts of the {kind} entered so far cannot be read"))
                    })?
                }
                (_, NewRegister::Empty) => {
                    let why = format!("the new {kind} register is empty: enter the first part first");
                    return Err(EngineError::refused(why).into());
                }
                (_, NewRegister::Full(_)) => {
                    let why = format!("the new {kind} register is full: set or clear it first");
                    return Err(EngineError::refused(why).into());
                }
            };
            let identity = fresh(link)?;
            next.forget.extend(map.new.identity());
            let what = if *part == Part::Final {
                refuse_zeros(kind, &sum)?;
                refuse_repeated(held, kind, &sum)?;
                map.new = NewMap::Full(identity);
                Making::MasterKey(Some(sum))
            } else {
                map.new = NewMap::Partial(identity);
                Making::Part(sum)
            };
            next.make = Some(Make { identity, what });
        }
        Change::Generate => {
            if shown.new != NewRegister::Empty {
                return Err(not_empty(kind).into());
            }
            let identity = fresh(link)?;
            map.new = NewMap::Full(identity);
            next.make = Some(Make { identity, what: Making::MasterKey(None) });
        }
        Change::ClearNew => {
            next.forget.extend(map.new.identity());
            map.new = NewMap::Empty;
        }
        Change::Set(expected) => {
            let (NewRegister::Full(waiting), NewMap::Full(identity)) = (shown.new, map.new) else {
                let why = format!("the new {kind} register is not full: enter the final part first");
                return Err(EngineError::refused(why).into());
            };
            if waiting != *expected {
                return Err(another_key(kind, waiting, *expected).into());
            }
            next.forget.extend(map.old);
            // A current key that the token has lost is no old one.
            let current = map.current.replace(identity);
            map.old = current.filter(|_| shown.current.is_some());
            next.forget.extend(current.filter(|_| shown.current.is_none()));
            map.new = NewMap::Empty;
        }
        Change::Zeroize => {
            next.forget.extend([map.new.identity(), map.current, map.old].into_iter().flatten());
            map = KindMap::default();
        }
    }
    *next.file.of_mut(kind) = map;
    Ok(next)
}

/// Source: ICSF Administrator's Guide: a new master key may not have the pattern of the current or the old one.
fn refuse_repeated(held: &Held, kind: MasterKeyKind, clear: &ClearKey) -> Result<(), EngineError> {
    let pattern = pattern_of(kind, ClearKey::from_slice(clear.expose()))
        .ok_or_else(|| EngineError::fault("a master key of another length"))?;
    let shown = held.patterns();
    let registers = shown.of(kind);
    for (pattern_held, register) in [(registers.current, Register::Current), (registers.old, Register::Old)] {
        if pattern_held == Some(pattern) {
            return Err(EngineError::refused(format!("this is the {register} {kind} again: enter another key")));
        }
    }
    Ok(())
}

fn not_empty(kind: MasterKeyKind) -> EngineError {
    EngineError::refused(format!("the new {kind} register is not empty: set or clear it first"))
}

fn fresh(link: &Link) -> Result<Identity, Trouble> {
    let mut identity = Identity::default();
    link.random(&mut identity)?;
    Ok(identity)
}
