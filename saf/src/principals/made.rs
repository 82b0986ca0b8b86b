//! Keys made for principals, and the one way in which rows of principals are changed.
//!
//! Records come first: a row never names one that is not there. If the row cannot be written, they are removed again;
//! if the process dies between, a record is left that no row names, and no later change takes it for its own, as it makes
//! its keys under labels that nobody has. Records that a row named and no longer names are removed last.

use std::collections::{BTreeMap, BTreeSet};

use icsf_core::backend::{Etype, MasterKeyKind, Mkvp};
use icsf_core::codes::Code;
use icsf_core::store::{ATTEMPTS, Generation, StoreError};
use icsf_core::{ClearKey, Icsf, KeyLabel};
use secrecy::{ExposeSecret, SecretString};

use super::error::{PrincipalErrorKind, is_conflict};
use super::{NewKeys, PrincipalError, history, label};
use crate::access::Caller;
use crate::codec;
use crate::database::{Edit, Snapshot};
use crate::icsf_access::require_service;
use crate::model::{
    MasterKeyVersion, PasswordPolicy, Principal, PrincipalFlag, PrincipalKey, PrincipalName, UsedPassword,
};
use crate::server::Saf;

/// How long a key is kept at least after a newer one was made, in seconds: tickets made with it are good as long. It is
/// kept longer where tickets may live longer.
const KEPT: u64 = 7 * 86_400;

/// How often a free label is looked for.
const LABELS: u32 = 9999;

/// Types of keys, the strongest first.
const STRONGEST_FIRST: [Etype; 4] = [Etype::Aes256Sha2, Etype::Aes256Sha1, Etype::Aes128Sha2, Etype::Aes128Sha1];

/// Where the keys of a principal come from.
#[derive(Clone, Copy)]
pub(crate) enum KeyOrigin<'a> {
    Password(&'a SecretString),
    /// Made inside the engine.
    Random,
    /// Random, made in this process to be given out once.
    GivenOut,
}

impl<'a> From<NewKeys<'a>> for KeyOrigin<'a> {
    fn from(keys: NewKeys<'a>) -> Self {
        match keys {
            NewKeys::Password(password) => Self::Password(password),
            NewKeys::Random => Self::Random,
        }
    }
}

/// Keys to be made.
pub(crate) struct Wanted<'a> {
    pub(crate) name: PrincipalName,
    pub(crate) realm: String,
    pub(crate) origin: KeyOrigin<'a>,
    pub(crate) types: BTreeSet<Etype>,
    /// The policy that counts.
    pub(crate) policy: Option<PasswordPolicy>,
}

/// Keys made, for rows that are not written yet.
#[derive(Default)]
pub(crate) struct Made {
    keys: BTreeMap<PrincipalName, MadeKeys>,
    /// All records.
    labels: Vec<KeyLabel>,
    /// kadmin/history, where it was needed for the first time.
    history: Option<PrincipalName>,
    /// The master key the keys are under.
    master_key: Option<Mkvp>,
}

struct MadeKeys {
    /// The change that wrote the row they were made for.
    seen: Option<Generation>,
    keys: Vec<PrincipalKey>,
    /// The keys themselves, where they are given out.
    clear: Vec<ClearKey>,
    used: Option<UsedPassword>,
    remembered: usize,
    max_life: Option<u32>,
}

impl Saf {
    /// Changes rows, those of principals among them: makes the keys that are `wanted`, then what `plan` asks for, all at
    /// once or nothing. Both run anew when somebody else changed the same rows meanwhile.
    pub(crate) fn change_principals<'w, E>(
        &self,
        issuer: &Caller,
        wanted: impl Fn(&Snapshot) -> Result<Vec<Wanted<'w>>, E>,
        mut plan: impl FnMut(&Snapshot, &Made) -> Result<Vec<Edit>, E>,
    ) -> Result<Made, E>
    where
        E: From<StoreError> + From<PrincipalError> + std::error::Error + 'static,
    {
        let mut attempt = 0;
        loop {
            let view = self.database().view()?;
            let made = Made::make(self, issuer, &view, &wanted(&view)?)?;
            let mut dropped = Vec::new();
            let written = self.database().change(|view| {
                made.still_fits(view)?;
                let mut edits = plan(view, &made)?;
                edits.extend(made.besides(view, self.now()));
                dropped = labels_dropped(view, &edits);
                Ok::<_, E>(edits)
            });
            attempt += 1;
            match written {
                Ok(()) => {
                    remove(self.icsf(), &dropped);
                    return Ok(made);
                }
                Err(error) => {
                    remove(self.icsf(), &made.labels);
                    if !is_conflict(&error) || attempt == ATTEMPTS {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// Removes records. If this fails, records that no row names are left over, which do no harm; what was to be done is done,
/// or has failed for a reason of its own.
fn remove(icsf: &Icsf, labels: &[KeyLabel]) {
    for label in labels {
        let _ = icsf.csnbkrd(&["LABEL-DL"], label);
    }
}

/// The records that rows name and will not name any more.
fn labels_dropped(view: &Snapshot, edits: &[Edit]) -> Vec<KeyLabel> {
    let named = |name: &PrincipalName| -> BTreeSet<KeyLabel> {
        view.principal(name).iter().flat_map(|row| &row.keys).map(|key| key.label).collect()
    };
    let mut dropped = BTreeSet::new();
    for edit in edits {
        match edit {
            Edit::DeletePrincipal(name) => dropped.extend(named(name)),
            Edit::PutPrincipal(principal) => {
                let kept: BTreeSet<KeyLabel> = principal.keys.iter().map(|key| key.label).collect();
                dropped.extend(named(&principal.name).difference(&kept));
            }
            _ => {}
        }
    }
    dropped.into_iter().collect()
}

fn failed(name: &PrincipalName, error: icsf_core::Error) -> PrincipalError {
    PrincipalError::icsf(&format!("the keys of principal {name} could not be made"), error)
}

impl Made {
    fn make(saf: &Saf, issuer: &Caller, view: &Snapshot, wanted: &[Wanted<'_>]) -> Result<Self, PrincipalError> {
        let mut made = Self::default();
        let add = |made: &mut Self| {
            wanted.iter().try_for_each(|wanted| made.add(saf, issuer, view, wanted))?;
            if !wanted.is_empty() {
                let view = saf.icsf().view().map_err(|e| PrincipalError::icsf("the CKDS cannot be read", e))?;
                made.master_key = view.kds.header().of(MasterKeyKind::Aes).map(icsf_core::kds::Authority::mkvp);
            }
            Ok(())
        };
        match add(&mut made) {
            Ok(()) => Ok(made),
            Err(error) => {
                remove(saf.icsf(), &made.labels);
                Err(error)
            }
        }
    }

    fn add(&mut self, saf: &Saf, issuer: &Caller, view: &Snapshot, wanted: &Wanted<'_>) -> Result<(), PrincipalError> {
        let name = &wanted.name;
        let realm = wanted.realm.as_str();
        let before = view.principal(name);
        let version = before.map_or(0, |row| row.key_version()).saturating_add(1);
        let (stem, salt) = (label::stem(name, realm), name.salt(realm));
        let count = usize::from(wanted.policy.as_ref().map_or(0, |policy| policy.history));
        if let KeyOrigin::Password(password) = &wanted.origin {
            require_service(view, issuer, "CSFOWH").map_err(|r| failed(name, r.told_by(saf.icsf(), "CSNBOWH")))?;
            let (earlier, history) = (before.map_or(&[][..], |row| &row.history), view.principal(&history_name()?));
            let keys = history.map_or(&[][..], |history| &history.keys);
            check(saf, wanted.policy.as_ref(), password, earlier.get(..count).unwrap_or(earlier), keys)
                .map_err(|why| why.of(name))?;
        }
        let (mut keys, mut clear, mut refused) = (Vec::new(), Vec::new(), None);
        for etype in STRONGEST_FIRST.into_iter().filter(|etype| wanted.types.contains(etype)) {
            let key = match &wanted.origin {
                KeyOrigin::Password(password) => Some(saf.string_to_key(etype, password, &salt)?),
                KeyOrigin::Random => None,
                KeyOrigin::GivenOut => {
                    let random = saf.icsf().csnbrngl(&["RANDOM"], etype.key_length()).map_err(|e| failed(name, e))?;
                    Some(ClearKey::new(random.value))
                }
            };
            match self.put(saf.icsf(), &stem, etype, version, key.as_ref()) {
                Ok(label) => {
                    keys.push(PrincipalKey { version, etype, label, salt: salt.clone(), created: saf.now() });
                    clear.extend(key);
                }
                // Another type may do.
                Err(error) if error.code() == Code::NotOnThisEngine => refused = Some(error),
                Err(error) => return Err(failed(name, error)),
            }
        }
        if keys.is_empty() {
            return Err(match refused {
                Some(error) => failed(name, error),
                None => PrincipalError::new(
                    PrincipalErrorKind::NotAllowed,
                    format!("ENCRYPT allows principal {name} no type of key that is made: AES only"),
                )
                .hint("ENCRYPT(AES256 AES256SHA2)"),
            });
        }
        let mut used = None;
        if let (true, KeyOrigin::Password(_), [key, ..], [first, ..]) = (count > 0, &wanted.origin, &*keys, &*clear) {
            let history = self.history_key(saf, issuer, view, wanted)?;
            used = Some(history::remembered(saf.icsf(), &history, key, first).map_err(|e| failed(name, e))?);
        }
        let is_password = matches!(wanted.origin, KeyOrigin::Password(_));
        let made = MadeKeys {
            seen: view.principal_written_by(name),
            keys,
            clear: if matches!(wanted.origin, KeyOrigin::GivenOut) { clear } else { Vec::new() },
            used,
            remembered: count,
            max_life: wanted.policy.as_ref().filter(|_| is_password).and_then(|policy| policy.max_life),
        };
        self.keys.insert(name.clone(), made);
        Ok(())
    }

    /// Puts a key into the CKDS under the next free label.
    fn put(
        &mut self,
        icsf: &Icsf,
        stem: &str,
        etype: Etype,
        version: u32,
        clear: Option<&ClearKey>,
    ) -> icsf_core::Result<KeyLabel> {
        let mut number = 1;
        loop {
            let label = label::label(stem, etype, version, number)?;
            match icsf.add_kerberos_key(&label, etype, clear) {
                Ok(_) => {
                    self.labels.push(label);
                    return Ok(label);
                }
                Err(error) if error.code() == Code::LabelExists && number < LABELS => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The key of kadmin/history, made now if there is none.
    fn history_key(
        &mut self,
        saf: &Saf,
        issuer: &Caller,
        view: &Snapshot,
        first: &Wanted<'_>,
    ) -> Result<PrincipalKey, PrincipalError> {
        let name = history_name()?;
        if let Some(key) = view.principal(&name).and_then(|row| row.keys.first()) {
            return Ok(key.clone());
        }
        if !self.keys.contains_key(&name) {
            let (realm, types) = (first.realm.clone(), first.types.clone());
            let wanted = Wanted { name: name.clone(), realm, origin: KeyOrigin::Random, types, policy: None };
            self.add(saf, issuer, view, &wanted)?;
            self.history = Some(name.clone());
        }
        let key = self.keys.get(&name).and_then(|made| made.keys.first());
        key.cloned().ok_or_else(|| PrincipalError::new(PrincipalErrorKind::NotFound, format!("{name} has no key")))
    }

    /// That the rows are those the keys were made for.
    fn still_fits(&self, view: &Snapshot) -> Result<(), StoreError> {
        let other = |(name, made): &(&PrincipalName, &MadeKeys)| view.principal_written_by(name) != made.seen;
        match self.keys.iter().find(other) {
            Some((name, _)) => Err(StoreError::Conflict(codec::principal_key(name))),
            None => Ok(()),
        }
    }

    /// Gives a principal the keys that were made for it.
    pub(crate) fn give(&self, view: &Snapshot, principal: &mut Principal, now: u64) {
        let Some(made) = self.keys.get(&principal.name) else { return };
        drop_outlived(view, principal, now);
        principal.keys.splice(0..0, made.keys.iter().cloned());
        principal.password_changed = Some(now);
        principal.password_expires = made.max_life.map(|life| now.saturating_add(life.into()));
        principal.flags.remove(&PrincipalFlag::NeedsChange);
        principal.history.splice(0..0, made.used.iter().cloned());
        principal.history.truncate(made.remembered);
    }

    /// Whether keys were made for it.
    pub(crate) fn has(&self, name: &PrincipalName) -> bool {
        self.keys.contains_key(name)
    }

    /// The keys made for a principal, with their values, where those are given out.
    pub(crate) fn given_out(mut self, name: &PrincipalName) -> Vec<(PrincipalKey, ClearKey)> {
        self.keys.remove(name).map(|made| made.keys.into_iter().zip(made.clear).collect()).unwrap_or_default()
    }

    /// What is written besides: kadmin/history when it was needed first, and the master key that K/M stands for.
    fn besides(&self, view: &Snapshot, now: u64) -> Vec<Edit> {
        let mut edits = Vec::new();
        if let Some(name) = &self.history {
            let mut principal = Principal::new(name.clone(), now);
            principal.flags.insert(PrincipalFlag::NoTickets);
            self.give(view, &mut principal, now);
            edits.push(Edit::PutPrincipal(Box::new(principal)));
        }
        let master = master_key_name().ok().and_then(|name| view.principal(&name));
        if let (Some(pattern), Some(row)) = (self.master_key, master) {
            let mut row = Principal::clone(row);
            if with_master_key(&mut row, pattern) {
                edits.push(Edit::PutPrincipal(Box::new(row)));
            }
        }
        edits
    }

    /// The master key the keys are under.
    pub(super) const fn master_key(&self) -> Option<Mkvp> {
        self.master_key
    }
}

/// Writes a master key into K/M; answers whether it is another one than before.
pub(super) fn with_master_key(row: &mut Principal, pattern: Mkvp) -> bool {
    let newest = row.master_keys.first().copied();
    if newest.is_some_and(|newest| newest.pattern == pattern) {
        return false;
    }
    let version = newest.map_or(0, |newest| newest.version).saturating_add(1);
    row.master_keys.insert(0, MasterKeyVersion { version, pattern });
    true
}

/// Drops keys that no ticket can be made with any more.
fn drop_outlived(view: &Snapshot, principal: &mut Principal, now: u64) {
    // What is remembered of passwords is under keys of any age.
    if principal.name.is_history() {
        return;
    }
    let realm = view.local_realm().and_then(|profile| profile.kerb.as_ref());
    let lives = [
        realm.and_then(|realm| realm.max_ticket_life),
        realm.and_then(|realm| realm.max_renewable_life),
        principal.max_ticket_life,
        principal.max_renewable_life,
    ];
    let kept = lives.into_iter().flatten().map(u64::from).fold(KEPT, u64::max);
    // A version was the newest until the one after it was made; keys stand in that order.
    let mut until = (u32::MAX, now);
    let mut newer = principal.keys.first().map_or((0, now), |key| (key.version, key.created));
    principal.keys.retain(|key| {
        if key.version != newer.0 {
            until = newer;
            newer = (key.version, key.created);
        }
        until.1.saturating_add(kept) > now
    });
}

/// Why a password is not taken.
enum NotTaken {
    ByPolicy(String),
    Other(PrincipalError),
    Icsf(icsf_core::Error),
}

impl NotTaken {
    fn of(self, name: &PrincipalName) -> PrincipalError {
        match self {
            Self::ByPolicy(why) => PrincipalError::new(PrincipalErrorKind::PasswordRefused, why),
            Self::Other(error) => error,
            Self::Icsf(error) => failed(name, error),
        }
    }
}

/// That a policy allows a password.
fn check(
    saf: &Saf,
    policy: Option<&PasswordPolicy>,
    password: &SecretString,
    earlier: &[UsedPassword],
    history: &[PrincipalKey],
) -> Result<(), NotTaken> {
    let Some(policy) = policy else { return Ok(()) };
    let least = usize::from(policy.min_length);
    if password.expose_secret().chars().count() < least {
        let why = format!("policy {} wants a password of {least} characters or more", policy.name);
        return Err(NotTaken::ByPolicy(why));
    }
    // Passwords were salted alike as a rule, and the derivation is what costs time.
    let mut derived: BTreeMap<(Etype, &str), ClearKey> = BTreeMap::new();
    for used in earlier {
        let clear = match derived.entry((used.etype, used.salt.as_str())) {
            std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::btree_map::Entry::Vacant(none) => {
                none.insert(saf.string_to_key(used.etype, password, &used.salt).map_err(NotTaken::Other)?)
            }
        };
        if history::is_remembered(saf.icsf(), history, used, clear).map_err(NotTaken::Icsf)? {
            let why = format!("policy {} wants a password that is none of the last {}", policy.name, policy.history);
            return Err(NotTaken::ByPolicy(why));
        }
    }
    Ok(())
}

fn fixed(components: [&str; 2]) -> Result<PrincipalName, PrincipalError> {
    PrincipalName::new(components.map(str::to_owned))
        .map_err(|why| PrincipalError::new(PrincipalErrorKind::NotFound, why.to_string()))
}

/// kadmin/history.
pub(super) fn history_name() -> Result<PrincipalName, PrincipalError> {
    fixed(["kadmin", "history"])
}

/// K/M.
pub(super) fn master_key_name() -> Result<PrincipalName, PrincipalError> {
    fixed(["K", "M"])
}

/// kadmin/admin and kadmin/changepw.
pub(super) fn kadmin(what: &str) -> Result<PrincipalName, PrincipalError> {
    fixed(["kadmin", what])
}
