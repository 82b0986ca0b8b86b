//! Generic profiles, found fast: not every one is compared with a resource, only those that could cover it.
//!
//! What stands in a generic name before its first and after its last generic character stands in every resource it
//! covers, too. Profiles are kept by these two texts, and a resource is looked up once for each pair of lengths in use,
//! the longest text before first: of two that cover a resource, the one whose first generic character comes later is the
//! more specific.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::rows::Rows;
use crate::model::{Profile, ProfileName};

/// Profiles whose names have generic characters. A copy shares what it has in common with the original.
#[derive(Debug, Clone, Default)]
pub(super) struct Generics {
    hasher: RandomState,
    /// By the hash of the two texts, the most specific first. That two pairs of texts have one hash does no harm: what is
    /// found is compared with the resource.
    profiles: Rows<u64, Vec<Arc<Profile>>>,
    /// How many profiles have texts of these lengths.
    shapes: BTreeMap<Shape, usize>,
}

/// Lengths of what is fixed in a name, in the order in which they are to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    /// Up to the first generic character.
    fixed: Reverse<usize>,
    before: usize,
    after: usize,
}

const GENERIC: [char; 2] = ['*', '%'];

/// How many characters stand before the first generic one.
fn fixed(name: &str) -> usize {
    name.find(GENERIC).unwrap_or(name.len())
}

impl Shape {
    fn of(name: &ProfileName) -> (Self, &str, &str) {
        let text = name.as_str();
        let before = text.split(GENERIC).next().unwrap_or_default();
        let after = text.rsplit(GENERIC).next().unwrap_or_default();
        let fixed = Reverse(fixed(text));
        // A qualifier ** may be no qualifier at all, and takes a period with it.
        let first = text.split('.').find(|qualifier| qualifier.contains(GENERIC));
        let last = text.rsplit('.').find(|qualifier| qualifier.contains(GENERIC));
        let before = if first == Some("**") { before.strip_suffix('.').unwrap_or(before) } else { before };
        let after = if last == Some("**") { after.strip_prefix('.').unwrap_or(after) } else { after };
        (Self { fixed, before: before.len(), after: after.len() }, before, after)
    }
}

impl Generics {
    fn key(&self, before: &str, after: &str) -> u64 {
        self.hasher.hash_one((before, after))
    }

    /// Puts `new` in the place of `old`.
    pub(super) fn replace(&mut self, old: Option<&Arc<Profile>>, new: Option<&Arc<Profile>>) {
        if let Some(old) = old {
            self.remove(&old.name);
        }
        if let Some(new) = new {
            self.insert(new);
        }
    }

    fn insert(&mut self, profile: &Arc<Profile>) {
        let (shape, before, after) = Shape::of(&profile.name);
        let key = self.key(before, after);
        *self.shapes.entry(shape).or_default() += 1;
        let mut alike = self.profiles.remove(&key).unwrap_or_default();
        let at = alike.partition_point(|other| other.name.specificity(&profile.name).is_lt());
        alike.insert(at, Arc::clone(profile));
        self.profiles.insert(key, alike);
    }

    fn remove(&mut self, name: &ProfileName) {
        let (shape, before, after) = Shape::of(name);
        let key = self.key(before, after);
        let Some(mut alike) = self.profiles.remove(&key) else { return };
        alike.retain(|other| other.name != *name);
        if !alike.is_empty() {
            self.profiles.insert(key, alike);
        }
        if let Some(count) = self.shapes.get_mut(&shape) {
            *count -= 1;
            if *count == 0 {
                self.shapes.remove(&shape);
            }
        }
    }

    /// The most specific one that covers a resource.
    pub(super) fn covering(&self, resource: &str) -> Option<&Arc<Profile>> {
        let mut found: Option<(usize, &Arc<Profile>)> = None;
        for shape in self.shapes.keys() {
            if found.is_some_and(|(fixed, _)| fixed > shape.fixed.0) {
                break;
            }
            let after = resource.len().checked_sub(shape.after).and_then(|at| resource.get(at..));
            let Some((before, after)) = resource.get(..shape.before).zip(after) else { continue };
            let alike = self.profiles.get(&self.key(before, after)).map(Vec::as_slice).unwrap_or_default();
            let Some(covering) = alike.iter().find(|profile| profile.name.covers(resource)) else { continue };
            if found.is_none_or(|(_, other)| covering.name.specificity(&other.name).is_lt()) {
                found = Some((fixed(covering.name.as_str()), covering));
            }
        }
        found.map(|(_, profile)| profile)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Class;

    fn profile(name: &str) -> Arc<Profile> {
        let name = name.parse().unwrap();
        Arc::new(Profile::new(Class::Ptktdata, name, true, "IBMUSER".parse().unwrap()))
    }

    /// What is meant: the first of all, in order, that covers the resource.
    fn plain(profiles: &[Arc<Profile>], resource: &str) -> Option<String> {
        let mut sorted: Vec<&Arc<Profile>> = profiles.iter().collect();
        sorted.sort_by(|a, b| a.name.specificity(&b.name));
        sorted.into_iter().find(|profile| profile.name.covers(resource)).map(|profile| profile.name.to_string())
    }

    fn names(characters: &'static str) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::collection::vec(prop::sample::select(characters.as_bytes()), 0..4), 1..5)
            .prop_map(|name| name.into_iter().map(|q| String::from_utf8(q).unwrap()).collect::<Vec<_>>().join("."))
            .prop_filter("a name", |name| !name.is_empty())
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_look_at_all_finds(
            generic in prop::collection::vec(names("AB*%*"), 0..40),
            resources in prop::collection::vec(names("AB"), 1..40),
            gone in prop::collection::vec(any::<bool>(), 40),
        ) {
            let mut profiles: Vec<Arc<Profile>> = Vec::new();
            for name in generic {
                let profile = profile(&name);
                if !profiles.iter().any(|other| other.name == profile.name) {
                    profiles.push(profile);
                }
            }
            let mut index = Generics::default();
            profiles.iter().for_each(|profile| index.replace(None, Some(profile)));
            let before = (index.clone(), profiles.clone());
            for (profile, _) in before.1.iter().zip(&gone).filter(|(_, gone)| **gone) {
                index.replace(Some(profile), None);
            }
            let mut gone = gone.into_iter();
            profiles.retain(|_| gone.next() == Some(false));
            for resource in resources {
                let found = |index: &Generics| index.covering(&resource).map(|profile| profile.name.to_string());
                prop_assert_eq!(found(&index), plain(&profiles, &resource), "{} after the removal", &resource);
                prop_assert_eq!(found(&before.0), plain(&before.1, &resource), "{} in the copy", &resource);
            }
        }
    }

    #[test]
    fn what_is_taken_out_leaves_nothing() {
        let all = ["IRRPTAUTH.*.*", "**.U1", "IRRPTAUTH.**", "IRRPTAUTH.%SO.*"].map(profile);
        let mut index = Generics::default();
        all.iter().for_each(|profile| index.replace(None, Some(profile)));
        assert_eq!(index.covering("IRRPTAUTH.TSO.U1").unwrap().name.as_str(), "IRRPTAUTH.%SO.*");
        assert_eq!(index.covering("U1").unwrap().name.as_str(), "**.U1");
        all.iter().for_each(|profile| index.replace(Some(profile), None));
        assert!(index.profiles.is_empty() && index.shapes.is_empty());
    }
}
