//! The security database: what is on disk, the in-storage copies of RACLISTed classes, and changes of both.
//!
//! Everything is read into memory once and kept current by what other processes change. A change of a profile in a
//! RACLISTed class goes to disk, and the in-storage copy keeps the profile as it was until REFRESH; both are kept in
//! the store, so that every process sees the same.
//!
//! A [`Snapshot`] never changes. The next one shares with it all that a change did not touch, so that a change costs the
//! same in a database of three profiles and of a hundred thousand.

mod generics;
mod import;
mod principals;
mod profiles;
mod rows;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use icsf_core::epoch::Epoch;
use icsf_core::store::{ATTEMPTS, Area, Expect, Generation, Op, RowStore, StoreError};
use ptkt::{GroupId, UserId};
use zeroize::Zeroizing;

pub use self::import::{Counts, Existing, Imported};
use self::profiles::Profiles;
use self::rows::Rows;
use crate::codec::{self, RowError, RowKind};
use crate::model::{
    Class, Group, Options, PasswordCost, PasswordPolicy, Principal, PrincipalName, Profile, ProfileName, User,
};

/// The security database of one system.
#[derive(Debug)]
pub struct Database {
    store: Arc<dyn RowStore>,
    epoch: Arc<Epoch>,
    view: ArcSwapOption<Snapshot>,
    renewing: Mutex<()>,
    password_cost: PasswordCost,
}

/// What the database holds at one instant.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    epoch: u64,
    generation: Generation,
    options: Kept<Options>,
    users: Rows<UserId, Kept<Arc<User>>>,
    groups: Rows<GroupId, Kept<Arc<Group>>>,
    principals: Rows<PrincipalName, Kept<Arc<Principal>>>,
    policies: BTreeMap<String, Kept<Arc<PasswordPolicy>>>,
    classes: BTreeMap<Class, Profiles>,
    damaged: BTreeMap<Box<[u8]>, Damaged>,
}

/// Why a row cannot be read, and the change that wrote it.
#[derive(Debug, Clone)]
struct Damaged {
    why: RowError,
    generation: Option<Generation>,
}

/// A row, and the change that wrote it; none, and it is not there yet.
#[derive(Debug, Clone, Default)]
struct Kept<T> {
    row: T,
    generation: Option<Generation>,
}

/// Rows in the order of their names.
fn sorted<'a, T: 'a, K: Ord>(
    rows: impl Iterator<Item = &'a Kept<Arc<T>>>,
    name: impl Fn(&T) -> &K,
) -> impl Iterator<Item = &'a Arc<T>> {
    let mut rows: Vec<&Arc<T>> = rows.map(|kept| &kept.row).collect();
    rows.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    rows.into_iter()
}

impl Snapshot {
    /// Counts the changes of the database.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// What SETROPTS has set.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options.row
    }

    /// A user.
    #[must_use]
    pub fn user(&self, id: &UserId) -> Option<&Arc<User>> {
        self.users.get(id).map(|kept| &kept.row)
    }

    /// All users, by user ID.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        sorted(self.users.values(), |user| &user.id)
    }

    /// A group.
    #[must_use]
    pub fn group(&self, id: &GroupId) -> Option<&Arc<Group>> {
        self.groups.get(id).map(|kept| &kept.row)
    }

    /// All groups, by name.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        sorted(self.groups.values(), |group| &group.id)
    }

    /// A Kerberos principal of the local realm.
    #[must_use]
    pub fn principal(&self, name: &PrincipalName) -> Option<&Arc<Principal>> {
        self.principals.get(name).map(|kept| &kept.row)
    }

    /// All principals, by name.
    pub fn principals(&self) -> impl Iterator<Item = &Arc<Principal>> {
        sorted(self.principals.values(), |principal| &principal.name)
    }

    /// The change that wrote a principal: another one, and the row is another one.
    pub(crate) fn principal_written_by(&self, name: &PrincipalName) -> Option<Generation> {
        self.written_by(&codec::principal_key(name), self.principals.get(name).and_then(|kept| kept.generation))
    }

    /// A policy for passwords of principals.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&Arc<PasswordPolicy>> {
        self.policies.get(name).map(|kept| &kept.row)
    }

    pub(crate) fn policy_written_by(&self, name: &str) -> Option<Generation> {
        self.written_by(&codec::policy_key(name), self.policies.get(name).and_then(|kept| kept.generation))
    }

    /// All policies, by name.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<PasswordPolicy>> {
        self.policies.values().map(|kept| &kept.row)
    }

    /// The profile of the local realm: KERBDFLT of class REALM, as the database has it, when it has a KERB segment.
    ///
    /// Source: z/OS Network Authentication Service, defining the local realm.
    #[must_use]
    pub fn local_realm(&self) -> Option<&Arc<Profile>> {
        let realm = &self.classes.get(&Class::Realm)?.disk.get(LOCAL_REALM)?.row;
        realm.kerb.as_ref().map(|_| realm)
    }

    /// A profile as the database has it.
    #[must_use]
    pub fn profile(&self, class: Class, name: &ProfileName) -> Option<&Arc<Profile>> {
        Some(&self.classes.get(&class)?.disk.get(name)?.row)
    }

    /// All profiles of a class as the database has them, by name.
    pub fn profiles(&self, class: Class) -> impl Iterator<Item = &Arc<Profile>> {
        let profiles = self.classes.get(&class).into_iter();
        sorted(profiles.flat_map(|profiles| profiles.disk.values()), |profile| &profile.name)
    }

    /// The profile as the database has it that looks as if it protected a resource: that of its name, or the most specific
    /// one whose name covers it.
    pub(crate) fn looks_protecting(&self, class: Class, resource: &str) -> Option<&Arc<Profile>> {
        let profiles = self.classes.get(&class)?;
        let named = profiles.disk.get(resource).map(|kept| &kept.row);
        named.or_else(|| profiles.looking_generic.covering(resource))
    }

    /// The names of all profiles of a class that the database has, or its in-storage copy.
    pub(crate) fn names(&self, class: Class) -> impl Iterator<Item = &ProfileName> {
        let profiles = self.classes.get(&class).into_iter();
        profiles.flat_map(|profiles| profiles.disk.keys().chain(profiles.stale.keys()))
    }

    /// The profile of this name in the in-storage copy.
    pub(crate) fn in_storage(&self, class: Class, name: &ProfileName) -> Option<&Arc<Profile>> {
        self.classes.get(&class)?.in_storage(name.as_str())
    }

    /// The discrete profile of this name in the in-storage copy.
    #[must_use]
    pub fn discrete(&self, class: Class, name: &ProfileName) -> Option<&Arc<Profile>> {
        self.discrete_named(class, name.as_str())
    }

    /// The same by its text, in capital letters.
    pub(crate) fn discrete_named(&self, class: Class, name: &str) -> Option<&Arc<Profile>> {
        self.classes.get(&class)?.in_storage(name).filter(|profile| !profile.generic)
    }

    /// The profile in the in-storage copy that protects a resource: the discrete one, or the most specific generic one.
    #[must_use]
    pub fn protecting(&self, class: Class, resource: &str) -> Option<&Arc<Profile>> {
        let profiles = self.classes.get(&class)?;
        let name: Cow<'_, str> = if resource.bytes().any(|byte| byte.is_ascii_lowercase()) {
            resource.to_ascii_uppercase().into()
        } else {
            resource.into()
        };
        let discrete = profiles.in_storage(&name).filter(|profile| !profile.generic);
        discrete.or_else(|| {
            let on = self.options().generic.contains(&class);
            if on { profiles.generic.covering(resource) } else { None }
        })
    }

    /// Whether a profile of a RACLISTed class waits for a REFRESH.
    #[must_use]
    pub fn is_stale(&self, class: Class, name: &ProfileName) -> bool {
        self.classes.get(&class).is_some_and(|profiles| profiles.stale.contains_key(name))
    }

    /// How many profiles of a class wait for a REFRESH.
    #[must_use]
    pub fn stale(&self, class: Class) -> usize {
        self.classes.get(&class).map_or(0, |profiles| profiles.stale.len())
    }

    /// Rows that cannot be read: which, and why.
    pub fn damaged(&self) -> impl Iterator<Item = (String, &RowError)> {
        self.damaged.iter().map(|(key, error)| {
            let name = match codec::kind_of(key) {
                Some(RowKind::Options) => "the options".to_owned(),
                Some(RowKind::Profile(class, name)) => format!("profile {name} of class {class}"),
                Some(RowKind::User(id)) => format!("user {id}"),
                Some(RowKind::Group(id)) => format!("group {id}"),
                Some(RowKind::Principal(name)) => format!("principal {name}"),
                Some(RowKind::Policy(name)) => format!("policy {name}"),
                None => format!("row {}", String::from_utf8_lossy(key)),
            };
            (name, &error.why)
        })
    }

    /// Why the row of a profile cannot be read, when it is there and cannot.
    #[must_use]
    pub fn damaged_profile(&self, class: Class, name: &ProfileName) -> Option<&RowError> {
        self.damaged.get(&codec::profile_key(class, name)).map(|damaged| &damaged.why)
    }

    /// Why the row of a user cannot be read, when it is there and cannot.
    #[must_use]
    pub fn damaged_user(&self, id: &UserId) -> Option<&RowError> {
        self.damaged.get(&codec::user_key(id)).map(|damaged| &damaged.why)
    }

    /// Why the row of a group cannot be read, when it is there and cannot.
    #[must_use]
    pub fn damaged_group(&self, id: &GroupId) -> Option<&RowError> {
        self.damaged.get(&codec::group_key(id)).map(|damaged| &damaged.why)
    }

    /// Why the row of a principal cannot be read, when it is there and cannot.
    #[must_use]
    pub fn damaged_principal(&self, name: &PrincipalName) -> Option<&RowError> {
        self.damaged.get(&codec::principal_key(name)).map(|damaged| &damaged.why)
    }

    /// Why the options cannot be read, when they cannot; every class counts as inactive then.
    #[must_use]
    pub fn damaged_options(&self) -> Option<&RowError> {
        self.damaged.get(codec::OPTIONS).map(|damaged| &damaged.why)
    }

    /// A profile that cannot be read and might protect a resource more specifically than `found`.
    #[must_use]
    pub fn damaged_protecting(&self, class: Class, resource: &str, found: Option<&Profile>) -> Option<ProfileName> {
        let might = |name: &ProfileName| {
            let is_it = name.as_str() == resource;
            let covers = is_it || (name.has_generic_characters() && name.covers(resource));
            let beaten = |found: &Profile| !found.generic || found.name.specificity(name).is_lt();
            covers && (is_it || !found.is_some_and(beaten))
        };
        self.damaged.keys().find_map(|key| match codec::kind_of(key) {
            Some(RowKind::Profile(of, name)) if of == class && might(&name) => Some(name),
            _ => None,
        })
    }

    /// Takes in a row as it is now: on disk, and what the in-storage copy has instead.
    fn take(&mut self, key: &[u8], disk: Option<(Generation, &[u8])>, stale: Option<&[u8]>) {
        self.damaged.remove(key);
        let taken = match codec::kind_of(key) {
            Some(RowKind::Options) => self.take_options(disk),
            Some(RowKind::User(id)) => self.take_user(id, disk),
            Some(RowKind::Group(id)) => self.take_group(id, disk),
            Some(RowKind::Principal(name)) => self.take_principal(name, disk),
            Some(RowKind::Policy(name)) => self.take_policy(name, disk),
            Some(RowKind::Profile(class, name)) => {
                self.classes.entry(class).or_default().take(class, &name, disk, stale)
            }
            None => Err(RowError::Field(0)),
        };
        if let Err(why) = taken {
            let generation = disk.map(|(generation, _)| generation);
            self.damaged.insert(key.into(), Damaged { why, generation });
        }
    }

    /// The change that wrote a row that is to be replaced or removed, though it may not be readable.
    fn written_by(&self, key: &[u8], readable: Option<Generation>) -> Option<Generation> {
        readable.or_else(|| self.damaged.get(key)?.generation)
    }

    fn take_options(&mut self, disk: Option<(Generation, &[u8])>) -> Result<(), RowError> {
        self.options = Kept::default();
        if let Some((generation, bytes)) = disk {
            self.options = Kept { row: codec::decode_options(bytes)?, generation: Some(generation) };
        }
        Ok(())
    }

    fn take_user(&mut self, id: UserId, disk: Option<(Generation, &[u8])>) -> Result<(), RowError> {
        self.users.remove(&id);
        if let Some((generation, bytes)) = disk {
            let row = Arc::new(codec::decode_user(&id, bytes)?);
            self.users.insert(id, Kept { row, generation: Some(generation) });
        }
        Ok(())
    }

    fn take_group(&mut self, id: GroupId, disk: Option<(Generation, &[u8])>) -> Result<(), RowError> {
        self.groups.remove(&id);
        if let Some((generation, bytes)) = disk {
            let row = Arc::new(codec::decode_group(&id, bytes)?);
            self.groups.insert(id, Kept { row, generation: Some(generation) });
        }
        Ok(())
    }

    fn take_principal(&mut self, name: PrincipalName, disk: Option<(Generation, &[u8])>) -> Result<(), RowError> {
        self.principals.remove(&name);
        if let Some((generation, bytes)) = disk {
            let row = Arc::new(codec::decode_principal(&name, bytes)?);
            self.principals.insert(name, Kept { row, generation: Some(generation) });
        }
        Ok(())
    }

    fn take_policy(&mut self, name: String, disk: Option<(Generation, &[u8])>) -> Result<(), RowError> {
        self.policies.remove(&name);
        if let Some((generation, bytes)) = disk {
            let row = Arc::new(codec::decode_policy(&name, bytes)?);
            self.policies.insert(name, Kept { row, generation: Some(generation) });
        }
        Ok(())
    }
}

/// The name of the profile of the local realm.
pub(crate) const LOCAL_REALM: &str = "KERBDFLT";

/// One change of the database. A command makes all of its changes at once or none.
#[derive(Debug)]
pub(crate) enum Edit {
    PutProfile(Profile),
    DeleteProfile(Class, ProfileName),
    PutUser(User),
    DeleteUser(UserId),
    PutGroup(Group),
    DeleteGroup(GroupId),
    PutPrincipal(Box<Principal>),
    DeletePrincipal(PrincipalName),
    PutPolicy(PasswordPolicy),
    DeletePolicy(String),
    PutOptions(Options),
    /// Makes the in-storage copy of a class what the database has.
    Refresh(Class),
}

impl Database {
    /// A database in `store`, whose changes `epoch` tells of.
    #[must_use]
    pub fn new(store: Arc<dyn RowStore>, epoch: Arc<Epoch>) -> Self {
        let (view, renewing) = (ArcSwapOption::empty(), Mutex::new(()));
        Self { store, epoch, view, renewing, password_cost: PasswordCost::default() }
    }

    /// The same, where passwords that are set from now on cost this much to try.
    #[must_use]
    pub fn with_password_cost(self, password_cost: PasswordCost) -> Self {
        Self { password_cost, ..self }
    }

    pub(crate) const fn password_cost(&self) -> PasswordCost {
        self.password_cost
    }

    /// What the database holds now. In the usual case, nothing changed, this reads one number.
    ///
    /// # Errors
    /// What the store says.
    pub fn view(&self) -> Result<Arc<Snapshot>, StoreError> {
        let seen = self.view.load();
        match &*seen {
            Some(view) if self.is_current(view) => Ok(Arc::clone(view)),
            _ => self.renew(),
        }
    }

    fn is_current(&self, view: &Snapshot) -> bool {
        self.epoch.now().is_ok_and(|now| now == view.epoch && now.is_multiple_of(2))
    }

    fn renew(&self) -> Result<Arc<Snapshot>, StoreError> {
        let _one = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.view.load_full();
        if let Some(view) = seen.as_ref().filter(|view| self.is_current(view)) {
            return Ok(Arc::clone(view));
        }
        // An epoch that cannot be read is none we have seen: the next call looks again.
        let epoch = self.epoch.now().unwrap_or(1);
        let mut next = match seen.as_deref() {
            Some(seen) => self.catch_up(seen.clone())?,
            None => self.load()?,
        };
        next.epoch = epoch;
        let next = Arc::new(next);
        self.view.store(Some(Arc::clone(&next)));
        Ok(next)
    }

    fn load(&self) -> Result<Snapshot, StoreError> {
        let mut next = Snapshot { generation: self.store.generation()?, ..Snapshot::default() };
        let mut stale = BTreeMap::new();
        self.store.scan(Area::Stale, None, &mut |key, _, bytes| {
            stale.insert(Box::<[u8]>::from(key), Zeroizing::new(bytes.to_vec()));
            ControlFlow::Continue(())
        })?;
        self.store.scan(Area::Disk, None, &mut |key, generation, bytes| {
            next.take(key, Some((generation, bytes)), stale.remove(key).as_ref().map(|bytes| bytes.as_slice()));
            ControlFlow::Continue(())
        })?;
        for (key, bytes) in stale {
            next.take(&key, None, Some(&bytes));
        }
        // A change made between the readings above is caught up with here.
        self.catch_up(next)
    }

    fn catch_up(&self, mut view: Snapshot) -> Result<Snapshot, StoreError> {
        let generation = self.store.generation()?;
        if generation == view.generation {
            return Ok(view);
        }
        let Some(keys) = self.store.changed_since(view.generation)? else { return self.load() };
        for key in &keys {
            let disk = self.store.get(Area::Disk, key)?;
            let stale = self.store.get(Area::Stale, key)?;
            let disk = disk.as_ref().map(|row| (row.generation, row.bytes.as_slice()));
            view.take(key, disk, stale.as_ref().map(|row| row.bytes.as_slice()));
        }
        view.generation = generation;
        Ok(view)
    }

    /// Makes the changes `plan` asks for, seeing the database as it is: all at once, or none. `plan` runs anew when
    /// somebody else changed the same rows meanwhile.
    pub(crate) fn change<E: From<StoreError>>(
        &self,
        mut plan: impl FnMut(&Snapshot) -> Result<Vec<Edit>, E>,
    ) -> Result<(), E> {
        let mut attempt = 0;
        loop {
            let view = self.view()?;
            let edits = plan(&view)?;
            let mut ops = Vec::new();
            for edit in &edits {
                operations(&view, edit, &mut ops);
            }
            let applied = self.epoch.change(|| self.store.apply(&ops)).map_err(changed)?;
            attempt += 1;
            match applied {
                Err(StoreError::Conflict(_)) if attempt < ATTEMPTS => {}
                applied => return applied.map(drop).map_err(E::from),
            }
        }
    }
}

/// The change counter could not be advanced.
fn changed(error: std::io::Error) -> StoreError {
    StoreError::Io { place: "the change counter of the system".to_owned(), source: Box::new(error) }
}

fn operations(view: &Snapshot, edit: &Edit, ops: &mut Vec<Op>) {
    let expect = |generation: Option<Generation>| generation.map_or(Expect::Absent, Expect::Generation);
    match edit {
        Edit::PutProfile(profile) => {
            let key = codec::profile_key(profile.class, &profile.name);
            let was = keep_in_storage(view, profile.class, &profile.name, ops);
            ops.push(Op::Put(Area::Disk, key, codec::encode_profile(profile), expect(was)));
        }
        Edit::DeleteProfile(class, name) => {
            let key = codec::profile_key(*class, name);
            let was = view.written_by(&key, keep_in_storage(view, *class, name, ops));
            ops.push(Op::Delete(Area::Disk, key, expect(was)));
        }
        Edit::PutUser(user) => {
            let was = view.users.get(&user.id).and_then(|kept| kept.generation);
            ops.push(Op::Put(Area::Disk, codec::user_key(&user.id), codec::encode_user(user), expect(was)));
        }
        Edit::DeleteUser(id) => {
            let key = codec::user_key(id);
            let was = view.written_by(&key, view.users.get(id).and_then(|kept| kept.generation));
            ops.push(Op::Delete(Area::Disk, key, expect(was)));
        }
        Edit::PutGroup(group) => {
            let was = view.groups.get(&group.id).and_then(|kept| kept.generation);
            ops.push(Op::Put(Area::Disk, codec::group_key(&group.id), codec::encode_group(group), expect(was)));
        }
        Edit::DeleteGroup(id) => {
            let key = codec::group_key(id);
            let was = view.written_by(&key, view.groups.get(id).and_then(|kept| kept.generation));
            ops.push(Op::Delete(Area::Disk, key, expect(was)));
        }
        Edit::PutPrincipal(principal) => {
            let was = view.principals.get(&principal.name).and_then(|kept| kept.generation);
            let key = codec::principal_key(&principal.name);
            ops.push(Op::Put(Area::Disk, key, codec::encode_principal(principal), expect(was)));
        }
        Edit::DeletePrincipal(name) => {
            ops.push(Op::Delete(Area::Disk, codec::principal_key(name), expect(view.principal_written_by(name))));
        }
        Edit::PutPolicy(policy) => {
            let was = view.policies.get(&policy.name).and_then(|kept| kept.generation);
            let key = codec::policy_key(&policy.name);
            ops.push(Op::Put(Area::Disk, key, codec::encode_policy(policy), expect(was)));
        }
        Edit::DeletePolicy(name) => {
            ops.push(Op::Delete(Area::Disk, codec::policy_key(name), expect(view.policy_written_by(name))));
        }
        Edit::PutOptions(options) => {
            let row = codec::encode_options(options);
            let was = view.written_by(codec::OPTIONS, view.options.generation);
            ops.push(Op::Put(Area::Disk, codec::OPTIONS.into(), row, expect(was)));
        }
        Edit::Refresh(class) => {
            let stale = view.classes.get(class).into_iter().flat_map(|profiles| profiles.stale.keys());
            ops.extend(stale.map(|name| Op::Delete(Area::Stale, codec::profile_key(*class, name), Expect::Anything)));
        }
    }
}

/// Leaves the profile as it is in the in-storage copy of a RACLISTed class; answers the change that wrote it.
fn keep_in_storage(view: &Snapshot, class: Class, name: &ProfileName, ops: &mut Vec<Op>) -> Option<Generation> {
    let profiles = view.classes.get(&class);
    let was = profiles.and_then(|profiles| profiles.disk.get(name));
    let already = profiles.is_some_and(|profiles| profiles.stale.contains_key(name));
    if view.options().raclisted.contains(&class) && !already {
        let bytes = was.map_or_else(|| Zeroizing::new(Vec::new()), |kept| codec::encode_profile(&kept.row));
        ops.push(Op::Put(Area::Stale, codec::profile_key(class, name), bytes, Expect::Absent));
    }
    was.and_then(|kept| kept.generation)
}
