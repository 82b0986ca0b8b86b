//! The contents of an unload, taken into a database: all at once, or nothing.

use std::collections::BTreeSet;

use icsf_core::ClearKey;
use icsf_core::journal::{Event, What};
use icsf_core::store::{ATTEMPTS, Area, Expect, Generation, Op, StoreError};
use zeroize::Zeroizing;

use super::{Database, Snapshot, changed};
use crate::codec;
use crate::error::{Error, Result};
use crate::model::{Class, ImportedKey, LegacyKey, Profile, User};
use crate::server::Saf;
use crate::unload::Contents;

/// How many rows that differ are named.
const NAMED: usize = 20;

/// What becomes of a row that is in the database already, and is another one in the unload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Existing {
    /// It stays as it is.
    Keep,
    /// The unload counts. What an unload never holds stays: passwords, masked keys and key tokens, passwords of realms.
    Replace,
}

/// What became of the groups, users or profiles of an unload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// They were not there.
    pub added: u64,
    /// They were there, and other ones.
    pub replaced: u64,
    /// They were there, and the same.
    pub same: u64,
    /// They were there, other ones, and stayed.
    pub kept: u64,
}

/// What became of the contents of an unload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Groups.
    pub groups: Counts,
    /// Users.
    pub users: Counts,
    /// Profiles.
    pub profiles: Counts,
    /// The first of those that were there and other ones.
    pub differing: Vec<String>,
    /// Classes of which the in-storage copy was made anew, as when a system starts.
    pub refreshed: BTreeSet<Class>,
}

impl Imported {
    /// How many rows were added or replaced.
    #[must_use]
    pub fn changed(&self) -> u64 {
        [&self.groups, &self.users, &self.profiles].map(|counts| counts.added + counts.replaced).iter().sum()
    }

    /// How many rows were there, other ones, and stayed.
    #[must_use]
    pub const fn kept(&self) -> u64 {
        self.groups.kept + self.users.kept + self.profiles.kept
    }
}

impl Saf {
    /// Takes in the contents of an unload, as one change: see [`Database::import`]. The journal is told.
    ///
    /// # Errors
    /// [`Code::InternalError`](crate::codes::Code::InternalError) with what the store says; the database is then as it was.
    pub fn import(&self, contents: &Contents, existing: Existing) -> Result<Imported> {
        let done = self.database().import(contents, existing).map_err(Error::from);
        self.icsf().tell(What::Command, |event| match &done {
            Ok(imported) => Event { records: usize::try_from(imported.changed()).ok(), ..event.action("import") },
            Err(error) => event.action("import").because(error.cause()),
        });
        done
    }
}

impl Database {
    /// Takes in the contents of an unload, as one change. Rows that the unload does not have stay.
    ///
    /// Classes that are RACLISTed have their in-storage copy made anew: what was imported is in use at once.
    ///
    /// # Errors
    /// What the store says; the database is then as it was.
    pub fn import(&self, contents: &Contents, existing: Existing) -> Result<Imported, StoreError> {
        let mut attempt = 0;
        loop {
            let (imported, ops) = plan(&*self.view()?, contents, existing);
            if ops.is_empty() {
                return Ok(imported);
            }
            attempt += 1;
            match self.epoch.change(|| self.store.apply(&ops)).map_err(changed)? {
                Err(StoreError::Conflict(_)) if attempt < ATTEMPTS => {}
                applied => return applied.map(|_| imported),
            }
        }
    }

    /// What [`import`](Self::import) would do.
    ///
    /// # Errors
    /// What the store says.
    pub fn import_would(&self, contents: &Contents, existing: Existing) -> Result<Imported, StoreError> {
        Ok(plan(&*self.view()?, contents, existing).0)
    }
}

fn plan(view: &Snapshot, contents: &Contents, existing: Existing) -> (Imported, Vec<Op>) {
    let mut plan = Plan { existing, ops: Vec::new(), differing: Vec::new() };
    let mut imported = Imported::default();
    for group in &contents.groups {
        let key = codec::group_key(&group.id);
        let kept = view.groups.get(&group.id);
        let row = Row { key, new: codec::encode_group(group), readable: kept.and_then(|kept| kept.generation) };
        let old = kept.map(|kept| codec::encode_group(&kept.row));
        plan.put(view, row, old, &mut imported.groups, || format!("group {}", group.id));
    }
    for user in &contents.users {
        let key = codec::user_key(&user.id);
        let kept = view.users.get(&user.id);
        let new =
            kept.map_or_else(|| codec::encode_user(user), |kept| codec::encode_user(&with_password(user, &kept.row)));
        let row = Row { key, new, readable: kept.and_then(|kept| kept.generation) };
        let old = kept.map(|kept| codec::encode_user(&kept.row));
        plan.put(view, row, old, &mut imported.users, || format!("user {}", user.id));
    }
    for profile in &contents.profiles {
        let key = codec::profile_key(profile.class, &profile.name);
        let kept = view.classes.get(&profile.class).and_then(|profiles| profiles.disk.get(&profile.name));
        let with_keys = kept.and_then(|kept| with_keys(profile, &kept.row));
        let new = codec::encode_profile(with_keys.as_ref().unwrap_or(profile));
        let row = Row { key, new, readable: kept.and_then(|kept| kept.generation) };
        let old = kept.map(|kept| codec::encode_profile(&kept.row));
        let name = || format!("profile {} of class {}", profile.name, profile.class);
        if plan.put(view, row, old, &mut imported.profiles, name) && view.options().raclisted.contains(&profile.class) {
            imported.refreshed.insert(profile.class);
        }
    }
    for class in &imported.refreshed {
        super::operations(view, &super::Edit::Refresh(*class), &mut plan.ops);
    }
    imported.differing = plan.differing;
    (imported, plan.ops)
}

struct Row {
    key: Box<[u8]>,
    new: Zeroizing<Vec<u8>>,
    /// The change that wrote the row that is there, if that can be read.
    readable: Option<Generation>,
}

struct Plan {
    existing: Existing,
    ops: Vec<Op>,
    differing: Vec<String>,
}

impl Plan {
    /// Writes a row unless it is there, or is to stay as it is; answers whether it does. A row that cannot be read is
    /// another one.
    fn put(
        &mut self,
        view: &Snapshot,
        row: Row,
        old: Option<Zeroizing<Vec<u8>>>,
        counts: &mut Counts,
        name: impl Fn() -> String,
    ) -> bool {
        if old.as_ref() == Some(&row.new) {
            counts.same += 1;
            return false;
        }
        let written_by = view.written_by(&row.key, row.readable);
        let expect = match written_by {
            None => {
                counts.added += 1;
                Expect::Absent
            }
            Some(written_by) => {
                if self.differing.len() < NAMED {
                    self.differing.push(name());
                }
                if self.existing == Existing::Keep {
                    counts.kept += 1;
                    return false;
                }
                counts.replaced += 1;
                Expect::Generation(written_by)
            }
        };
        self.ops.push(Op::Put(Area::Disk, row.key, row.new, expect));
        true
    }
}

/// The user of an unload, with the password that the database has.
fn with_password(user: &User, kept: &User) -> User {
    let mut user = user.clone();
    user.password.clone_from(&kept.password);
    user
}

/// The profile of an unload with the keys that the database has, if it has some that an unload does not tell.
fn with_keys(profile: &Profile, kept: &Profile) -> Option<Profile> {
    let mut with = profile.duplicate();
    let mut has = false;
    if let (Some(new), Some(old)) = (&mut with.ssignon, &kept.ssignon)
        && let (Some(LegacyKey::Imported(how)), Some(key)) = (&new.legacy, &old.legacy)
        && matches!((how, key), (ImportedKey::Masked, LegacyKey::Masked(_)) | (ImportedKey::Token, LegacyKey::Token(_)))
    {
        new.legacy = Some(key.duplicate());
        has = true;
    }
    if let (Some(new), Some(old)) = (&mut with.kerb, &kept.kerb)
        && let Some(password) = &old.password
    {
        new.password = Some(ClearKey::from_slice(password.expose()));
        has = true;
    }
    has.then_some(with)
}
