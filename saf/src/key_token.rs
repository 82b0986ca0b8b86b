//! A key token left in a profile, as KEYENCRYPTED could leave one: what a drill needs to rehearse it.

use icsf_core::token::DesToken;

use crate::database::Edit;
use crate::error::{Error, Result};
use crate::model::{Class, LegacyKey, ProfileName, Ssignon};
use crate::server::Saf;

impl Saf {
    /// Leaves a key token in a profile of class PTKTDATA, in the place of its legacy key. No command does it: it stands
    /// for the defect of KEYENCRYPTED that left one there. As after any change, a RACLISTed class needs REFRESH.
    ///
    /// Answers whether there is such a profile.
    ///
    /// Source: z/OS 2.4 education deck on PassTickets.
    ///
    /// # Errors
    /// [`Code::InternalError`](crate::codes::Code::InternalError) with what the store says; the database is then as it was.
    pub fn leave_key_token(&self, name: &ProfileName, token: &DesToken) -> Result<bool> {
        let mut found = false;
        self.database().change(|view| {
            let profile = view.profile(Class::Ptktdata, name).map(|profile| profile.duplicate());
            found = profile.is_some();
            let left = profile.map(|mut profile| {
                profile.ssignon.get_or_insert_with(Ssignon::default).legacy = Some(LegacyKey::Token(token.clone()));
                Edit::PutProfile(profile)
            });
            Ok::<_, Error>(left.into_iter().collect())
        })?;
        Ok(found)
    }
}
