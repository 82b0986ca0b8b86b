//! Signing on: first the password, then the PassTicket.

use icsf_core::Cause;
use ptkt::TicketKind;

use crate::access;
use crate::codes::Code;
use crate::error::{Error, Result};
use crate::model::Credential;
use crate::passticket::Request;
use crate::server::Saf;

/// What somebody signed on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedOnBy {
    /// The password.
    Password,
    /// A PassTicket of this kind.
    Ticket(TicketKind),
}

impl Saf {
    /// Signs a user on to an application.
    ///
    /// Source: RACF System Programmer's Guide, how RACF processes the password or PassTicket: what was typed is tried as
    /// the password; then, if the application has a key profile, as a ticket. Without SETROPTS PASSWORD(MIXEDCASE) it is
    /// folded to upper case first, which spoils tickets of TYPE(MIXED).
    ///
    /// # Errors
    /// [`Code::SignOnUnknownUser`], [`Code::SignOnRevoked`], [`Code::SignOnNotValid`] with the cause found in evaluating the
    /// ticket; [`Code::InternalError`].
    pub fn sign_on(&self, request: &Request, typed: &Credential) -> Result<SignedOnBy> {
        let run = || {
            let view = self.database().view()?;
            let fold = !view.options().mixed_case;
            let Some(user) = view.user(&request.user) else {
                let cause = match view.damaged_user(&request.user) {
                    Some(why) => Cause::new(format!("user {} is damaged: {why}", request.user))
                        .with_remedy(format!("DELUSER {0}, then ADDUSER {0}", request.user)),
                    None => Cause::new(format!("user {} is not defined", request.user))
                        .with_remedy(format!("ADDUSER {}", request.user)),
                };
                return Err(Error::new(Code::SignOnUnknownUser, cause));
            };
            if user.revoked {
                let cause = Cause::new("the user is revoked").with_remedy(format!("ALTUSER {} RESUME", request.user));
                return Err(Error::new(Code::SignOnRevoked, cause));
            }
            if user.protected {
                let cause = Cause::new("the user is protected: no password and no ticket signs it on");
                return Err(Error::new(Code::SignOnNotValid, cause));
            }
            if user.is_password(typed, fold) {
                return Ok(SignedOnBy::Password);
            }
            let group = request.group.unwrap_or(user.group);
            let has_profile = access::require_class(&view).is_ok()
                && !access::key_profiles(&view, &request.application, Some(&group), &request.user).is_empty();
            let not_valid = |cause| Error::new(Code::SignOnNotValid, cause);
            if !has_profile {
                let names = access::key_profile_names(&request.application, Some(&group), &request.user);
                let cause = access::damaged_key_profile(&view, &names)
                    .unwrap_or_else(|| access::no_key_profile(&view, &request.application));
                return Err(not_valid(Cause::new(format!("it is not the password, and {}", cause.why()))));
            }
            let ticket = typed.as_ticket(fold).ok_or_else(|| {
                not_valid(Cause::new("it is not the password, and has not the 8 characters of a ticket"))
            })?;
            let accepted = self.check(None, &request.with_group(group), &ticket).map_err(|error| {
                let cause = error.cause().clone();
                not_valid(cause).with_source(error)
            })?;
            Ok(SignedOnBy::Ticket(accepted.kind))
        };
        run().map_err(|error: Error| {
            error.explained(|cause| cause.for_user(request.user.to_string(), request.application.to_string()))
        })
    }
}
