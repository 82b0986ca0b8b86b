//! The profiles of a class: what is on disk, and what the in-storage copy has instead.

use std::sync::Arc;

use icsf_core::store::Generation;

use super::Kept;
use super::generics::Generics;
use super::rows::Rows;
use crate::codec::{self, RowError};
use crate::model::{Class, Profile, ProfileName};

/// The profiles of a class.
#[derive(Debug, Clone, Default)]
pub(super) struct Profiles {
    pub(super) disk: Rows<ProfileName, Kept<Arc<Profile>>>,
    /// Where the in-storage copy differs from disk: the profile as it was, or none.
    pub(super) stale: Rows<ProfileName, Option<Arc<Profile>>>,
    /// Generic profiles of the in-storage copy.
    pub(super) generic: Generics,
    /// Profiles on disk that look generic, whether they are or not.
    pub(super) looking_generic: Generics,
}

impl Profiles {
    pub(super) fn in_storage(&self, name: &str) -> Option<&Arc<Profile>> {
        // Hashing a name is half of the work, and as a rule nothing waits for REFRESH.
        let stale = if self.stale.is_empty() { None } else { self.stale.get(name) };
        match stale {
            Some(stale) => stale.as_ref(),
            None => self.disk.get(name).map(|kept| &kept.row),
        }
    }

    /// Takes in the row of a profile as it is now: on disk, and what the in-storage copy has instead.
    pub(super) fn take(
        &mut self,
        class: Class,
        name: &ProfileName,
        disk: Option<(Generation, &[u8])>,
        stale: Option<&[u8]>,
    ) -> Result<(), RowError> {
        let generic = |profile: &&Arc<Profile>| profile.generic;
        let before = self.in_storage(name.as_str()).filter(generic).cloned();
        let was = self.disk.remove(name);
        self.stale.remove(name);
        let taken = self.read(class, name, disk, stale);
        let now = self.in_storage(name.as_str()).filter(generic).cloned();
        self.generic.replace(before.as_ref(), now.as_ref());
        if name.has_generic_characters() {
            let is = self.disk.get(name).map(|kept| Arc::clone(&kept.row));
            self.looking_generic.replace(was.map(|kept| kept.row).as_ref(), is.as_ref());
        }
        taken
    }

    fn read(
        &mut self,
        class: Class,
        name: &ProfileName,
        disk: Option<(Generation, &[u8])>,
        stale: Option<&[u8]>,
    ) -> Result<(), RowError> {
        if let Some(bytes) = stale {
            let was = if bytes.is_empty() { None } else { Some(Arc::new(codec::decode_profile(class, name, bytes)?)) };
            self.stale.insert(name.clone(), was);
        }
        if let Some((generation, bytes)) = disk {
            let row = Arc::new(codec::decode_profile(class, name, bytes)?);
            self.disk.insert(name.clone(), Kept { row, generation: Some(generation) });
        }
        Ok(())
    }
}
