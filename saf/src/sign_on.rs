//! Signing on: first the password, then the PassTicket.

use std::fmt;

use icsf_core::Cause;
use icsf_core::journal::{Event, What};
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

impl fmt::Display for SignedOnBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password => f.write_str("password"),
            Self::Ticket(kind) => kind.fmt(f),
        }
    }
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
            let not_valid = |cause| Error::new(Code::SignOnNotValid, cause);
            // The password was tried, so that it is not the password belongs to every cause but that of a ticket.
            let nor = |cause: &Cause| {
                let why = format!("it is not the password, and {}", cause.why());
                not_valid(cause.remedies().iter().fold(Cause::new(why), Cause::with_remedy))
            };
            access::require_class(&view).map_err(|error| nor(error.cause()))?;
            let profiles = access::key_profiles(&view, &request.application, Some(&group), &request.user);
            if profiles.is_empty() {
                let names = access::key_profile_names(&request.application, Some(&group), &request.user);
                let damaged = access::damaged_key_profile(&view, &names);
                return Err(nor(&damaged.unwrap_or_else(|| access::no_key_profile(&view, &request.application))));
            }
            let ticket =
                typed.as_ticket(fold).ok_or_else(|| nor(&Cause::new("has not the 8 characters of a ticket")))?;
            let accepted = self.check(None, &request.with_group(group), &ticket).map_err(|error| {
                let mixed = profiles.iter().find(|profile| profile.makes_mixed_case_tickets());
                let cause = match mixed.filter(|_| error.code() == Code::EvaluationNotValid && typed.is_changed(fold)) {
                    Some(profile) => Cause::new(format!(
                        "it is not the password, and a ticket of TYPE(MIXED), as profile {} makes them, is spoilt: it was folded to upper case",
                        profile.name
                    ))
                    .with_remedy("SETROPTS PASSWORD(MIXEDCASE), where passwords may be in mixed case")
                    .with_remedy(format!(
                        "else RALTER PTKTDATA {} SSIGNON(TYPE(UPPER)), then SETROPTS RACLIST(PTKTDATA) REFRESH",
                        profile.name
                    )),
                    None => error.cause().clone(),
                };
                not_valid(cause).with_source(error)
            })?;
            Ok(SignedOnBy::Ticket(accepted.kind))
        };
        let done = run().map_err(|error: Error| {
            error.explained(|cause| cause.for_user(request.user.to_string(), request.application.to_string()))
        });
        self.told(What::SignOn, None, request, &done, |by, event| Event { by: Some(by.to_string()), ..event });
        done
    }
}
