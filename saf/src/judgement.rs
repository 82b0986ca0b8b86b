//! What there is to say of a key profile: the one judgement that commands, [`explain`](crate::explain), the state of a
//! system and drills share.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use icsf_core::backend::KeyAlgorithm;
use icsf_core::kds::Found;
use icsf_core::token::KeyToken;
use icsf_core::{Cause, KeyLabel, View};
use ptkt::{Applid, UserId};

use crate::access;
use crate::codes::Code;
use crate::database::Snapshot;
use crate::error::{Error, Result};
use crate::explain::{candidate, source};
use crate::model::{Class, LegacyKey, Options, Profile, ProfileName};
use crate::passticket::no_key;
use crate::planned::{KeySource, describe};
use crate::server::Saf;

/// A key profile, and what comes of it.
#[derive(Debug)]
pub struct Judged {
    /// The profile that counts: that of the in-storage copy, or where it is not there, as the database has it.
    pub profile: Arc<Profile>,
    /// Where the key lies that makes its tickets, or why none can be made with it right now.
    pub usable: Result<KeySource>,
    /// What else there is to know.
    pub remarks: Vec<Remark>,
}

/// Something to know of a key profile that no code tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// Its name is that of no application.
    NoApplication,
    /// It is generic.
    Generic,
    /// Its SSIGNON segment has no key.
    NoKey,
    /// The record of a key is missing, or another one: why.
    Record(String),
    /// Tickets that it makes are good for evaluation, and not for sign-on.
    NotBySignOn,
    /// The in-storage copy has it as it was; with `true`, it is deleted.
    Stale(bool),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoApplication => {
                "its key is not used: a key profile is named application, application.group, application.user or \
                 application.group.user, each of at most 8 characters"
            }
            Self::Generic => "its key is not used: a generic profile is no key profile",
            Self::NoKey => "it has no key, and makes no tickets",
            Self::Record(why) => return write!(f, "its tickets need a record of the CKDS, and {why}"),
            Self::NotBySignOn => {
                "its tickets are not good for sign-on: they are of TYPE(MIXED), and what is typed is folded to upper case; \
                 SETROPTS PASSWORD(MIXEDCASE), or SSIGNON(TYPE(UPPER))"
            }
            Self::Stale(false) => "it was changed since the last REFRESH; the copy in storage is used",
            Self::Stale(true) => "it was deleted since the last REFRESH; the copy in storage is used",
        })
    }
}

/// What is to be said of a profile as it is, where it is a key profile or meant as one.
pub(crate) fn remarks(profile: &Profile, options: &Options, icsf: Option<&View>) -> Vec<Remark> {
    let Some(ssignon) = profile.ssignon.as_ref().filter(|_| profile.class == Class::Ptktdata) else {
        return Vec::new();
    };
    if profile.generic {
        return vec![Remark::Generic];
    }
    if !is_of_an_application(&profile.name) {
        return vec![Remark::NoApplication];
    }
    let mut remarks = Vec::new();
    if ssignon.legacy.is_none() && ssignon.enhanced.is_none() {
        remarks.push(Remark::NoKey);
    }
    let legacy = match &ssignon.legacy {
        Some(LegacyKey::Label(label)) => Some((label, KeyAlgorithm::Des)),
        _ => None,
    };
    let enhanced = ssignon.enhanced.as_ref().map(|label| (label, KeyAlgorithm::Hmac));
    let labels = legacy.into_iter().chain(enhanced);
    remarks.extend(labels.filter_map(|(label, needed)| unfit(icsf?, label, needed)).map(Remark::Record));
    if profile.makes_mixed_case_tickets() && !options.mixed_case {
        remarks.push(Remark::NotBySignOn);
    }
    remarks
}

/// Whether a key profile of this name is ever looked for.
///
/// Source: RACF Security Administrator's Guide, determining PTKTDATA profile names.
fn is_of_an_application(name: &ProfileName) -> bool {
    let mut parts = name.as_str().split('.');
    let application = parts.next().is_some_and(|part| part.parse::<Applid>().is_ok());
    let others: Vec<&str> = parts.collect();
    application && others.len() <= 2 && others.iter().all(|part| part.parse::<UserId>().is_ok())
}

/// Why the record under a label does not hold a key that is needed, as far as that can be seen without an engine.
fn unfit(icsf: &View, label: &KeyLabel, needed: KeyAlgorithm) -> Option<String> {
    let record = match icsf.kds.find(label) {
        Found::Nothing => return Some(format!("there is none of {label}")),
        Found::Damaged(error) => return Some(format!("that of {label} is damaged: {error}")),
        Found::Here(found) => match found.parse() {
            Ok(record) => record,
            Err(error) => return Some(format!("that of {label} is damaged: {error}")),
        },
    };
    let held = match (&record.token, record.token.wrapped()) {
        (_, Some(wrapped)) => Some(wrapped.spec().algorithm()),
        (KeyToken::Variable(_), None) => Some(KeyAlgorithm::Hmac),
        _ => None,
    };
    match held {
        Some(held) if held == needed => None,
        Some(_) => {
            let needed = if needed == KeyAlgorithm::Des { "a DES" } else { "an HMAC" };
            Some(format!("that of {label} is not {needed} key"))
        }
        None => Some(format!("that of {label} holds no key yet")),
    }
}

impl Saf {
    /// All key profiles, by name: those of the in-storage copy, which make the tickets, and those that wait for a REFRESH.
    /// The key of each is opened and used once; no ticket is made.
    ///
    /// # Errors
    /// When the security database cannot be read.
    pub fn key_profiles(&self) -> Result<Vec<Judged>> {
        let view = self.database().view()?;
        let class = Class::Ptktdata;
        let names: BTreeSet<&ProfileName> = view.names(class).collect();
        let judged = names.into_iter().filter_map(|name| {
            let (on_disk, in_storage) = (view.profile(class, name), view.in_storage(class, name));
            let profile = in_storage.or(on_disk)?;
            let is_one = [on_disk, in_storage].into_iter().flatten().any(|profile| profile.ssignon.is_some());
            is_one.then(|| self.judge(&view, profile))
        });
        Ok(judged.collect())
    }

    /// The labels of keys in the CKDS that profiles name, in the database or its in-storage copy.
    ///
    /// # Errors
    /// When the security database cannot be read.
    pub fn labels_in_use(&self) -> Result<HashSet<KeyLabel>> {
        let view = self.database().view()?;
        let mut labels = HashSet::new();
        for class in Class::ALL.into_iter().filter(|class| class.has_ssignon()) {
            for name in view.names(class) {
                let both = [view.profile(class, name), view.in_storage(class, name)];
                for ssignon in both.into_iter().flatten().filter_map(|profile| profile.ssignon.as_ref()) {
                    labels.extend(ssignon.enhanced);
                    if let Some(LegacyKey::Label(label)) = ssignon.legacy {
                        labels.insert(label);
                    }
                }
            }
        }
        Ok(labels)
    }

    fn judge(&self, view: &Snapshot, profile: &Arc<Profile>) -> Judged {
        let usable = self.usable(view, &profile.name);
        // Why it cannot be used at all is told by the error.
        let mut remarks = Vec::new();
        if usable.is_ok() {
            remarks.extend(stale(view, profile));
            remarks.extend(self::remarks(profile, view.options(), None));
        }
        Judged { profile: Arc::clone(profile), usable, remarks }
    }

    /// Whether a key profile could be used right now: the class is active, the profile in storage, its key opened and
    /// used; and no ticket made.
    ///
    /// # Errors
    /// What [`generate`](Self::generate) would answer for want of them.
    pub fn probe(&self, profile: &Profile) -> Result<KeySource> {
        self.usable(&*self.database().view()?, &profile.name)
    }

    fn usable(&self, view: &Snapshot, name: &ProfileName) -> Result<KeySource> {
        access::require_class(view)?;
        let unusable =
            |why: String| Error::new(Code::GenerationNoProfile, Cause::new(format!("profile {name}: {why}")));
        let Some(profile) = view.discrete(Class::Ptktdata, name) else {
            return Err(unusable(candidate(view, name.as_str()).0));
        };
        if !is_of_an_application(name) {
            return Err(unusable(Remark::NoApplication.to_string()));
        }
        let source = source(profile).ok_or_else(|| no_key(Code::GenerationNoKey, profile))?;
        self.use_once(profile)
            .map(|()| source)
            .map_err(|error| error.explained(|cause| cause.by_profile(name.to_string(), describe(&source))))
    }
}

/// That a profile of the in-storage copy is not as the database has it.
pub(crate) fn stale(view: &Snapshot, profile: &Profile) -> Option<Remark> {
    let (class, name) = (profile.class, &profile.name);
    view.is_stale(class, name).then(|| Remark::Stale(view.profile(class, name).is_none()))
}
