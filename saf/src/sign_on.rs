//! Signing on: first the password, then the PassTicket.

use std::fmt;

use icsf_core::Cause;
use icsf_core::journal::{Event, What};
use ptkt::{TicketKind, UserId};

use crate::access::{self, Caller};
use crate::codes::Code;
use crate::database::{Edit, Snapshot};
use crate::error::{Error, Result};
use crate::model::{Access, Class, Credential, User};
use crate::passticket::Request;
use crate::server::Saf;

/// What somebody signed on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedOnBy {
    /// The password.
    Password,
    /// A PassTicket of this kind.
    Ticket(TicketKind),
    /// A Kerberos ticket, which a server accepted without asking here.
    Kerberos,
}

impl fmt::Display for SignedOnBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password => f.write_str("password"),
            Self::Ticket(kind) => kind.fmt(f),
            Self::Kerberos => f.write_str("Kerberos"),
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
    /// With SETROPTS PASSWORD(REVOKE(n)) the user is revoked at the n-th failure in a row, whatever was typed and whyever it
    /// was not valid. In class APPL, if it is active, the user needs READ to the application.
    ///
    /// # Errors
    /// [`Code::SignOnUnknownUser`], [`Code::SignOnRevoked`], [`Code::SignOnNotValid`] with the cause found in evaluating the
    /// ticket, [`Code::SignOnApplication`]; [`Code::InternalError`].
    pub fn sign_on(&self, request: &Request, typed: &Credential) -> Result<SignedOnBy> {
        let signed_on = self.sign_on_uncounted(request, typed);
        let counted = match &signed_on {
            Ok(_) => self.count(request, false),
            Err(error) if error.code() == Code::SignOnNotValid => self.count(request, true),
            Err(_) => Ok(None),
        };
        let answer = match (signed_on, counted) {
            (Ok(by), Ok(_)) => self.require_application(request).map(|()| by),
            (Ok(_), Err(error)) | (Err(_), Err(error)) => Err(error),
            (Err(error), Ok(note)) => Err(error.explained(|cause| note.into_iter().fold(cause, Cause::with_remedy))),
        };
        let answer = answer.map_err(|error: Error| {
            error.explained(|cause| cause.for_user(request.user.to_string(), request.application.to_string()))
        });
        self.told(What::SignOn, None, request, &answer, |by, event| Event { by: Some(by.to_string()), ..event });
        answer
    }

    /// Forgets the failures of a user who has signed on.
    pub(crate) fn forget_failures(&self, request: &Request) -> Result<()> {
        self.count(request, false).map(drop)
    }

    /// Counts a failure, or forgets those there were; answers what is to be said of it.
    ///
    /// Source: RACF Command Language Reference, SETROPTS PASSWORD(REVOKE); a protected user is not revoked by failures.
    fn count(&self, request: &Request, failed: bool) -> Result<Option<String>> {
        let id = &request.user;
        let to_be_written = |view: &Snapshot| {
            let user = view.user(id).filter(|user| !user.protected)?;
            let limit = view.options().revoke_after;
            let attempts = match (failed, limit) {
                (true, Some(_)) => user.failed_attempts.saturating_add(1),
                (true, None) => user.failed_attempts,
                (false, _) => 0,
            };
            let revoked = user.revoked || (failed && limit.is_some_and(|limit| attempts >= limit));
            (attempts != user.failed_attempts || revoked != user.revoked).then(|| User {
                failed_attempts: attempts,
                revoked,
                ..User::clone(user)
            })
        };
        // Most sign-ons change nothing.
        if to_be_written(&*self.database().view()?).is_none() {
            return Ok(None);
        }
        let mut note = None;
        self.database().change(|view| {
            let user = to_be_written(view);
            note = user.as_ref().filter(|user| user.revoked).map(|user| {
                format!("after {} failures the user is revoked: ALTUSER {id} RESUME", user.failed_attempts)
            });
            Ok::<_, Error>(user.into_iter().map(Edit::PutUser).collect())
        })?;
        Ok(note)
    }

    /// Revokes a user who failed to authenticate himself to Kerberos as often in a row as SETROPTS PASSWORD(REVOKE(n)) says;
    /// who counts is the KDC. A protected user is not revoked by failures.
    ///
    /// # Errors
    /// [`Code::InternalError`] when the database cannot be changed.
    pub fn revoke_after_failures(&self, id: &UserId, failures: u8) -> Result<()> {
        self.database().change(|view| {
            let user = view.user(id).filter(|user| !user.protected && !user.revoked);
            let limit = view.options().revoke_after.filter(|limit| failures >= *limit);
            let revoked =
                user.zip(limit).map(|(user, _)| User { failed_attempts: failures, revoked: true, ..User::clone(user) });
            Ok::<_, Error>(revoked.into_iter().map(Edit::PutUser).collect())
        })?;
        Ok(())
    }

    /// That the user may use the application, as far as class APPL says so.
    ///
    /// Source: RACF Security Administrator's Guide, protecting applications: what no profile covers is not protected.
    pub(crate) fn require_application(&self, request: &Request) -> Result<()> {
        let view = self.database().view()?;
        let class = Class::Appl;
        let name = request.application.to_string();
        let Some(profile) = view.protecting(class, &name).filter(|_| view.options().active.contains(&class)) else {
            return Ok(());
        };
        let given = access::access(&view, profile, &Caller::user(request.user));
        if given >= Access::Read || profile.warning {
            return Ok(());
        }
        let (user, profile) = (&request.user, &profile.name);
        let why = format!("user {user} needs READ to {name} in class APPL: profile {profile} gives it {given}");
        Err(Error::new(
            Code::SignOnApplication,
            Cause::new(why).with_remedy(format!("PERMIT {profile} CLASS(APPL) ID({user}) ACCESS(READ)")),
        ))
    }

    fn sign_on_uncounted(&self, request: &Request, typed: &Credential) -> Result<SignedOnBy> {
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
        let ticket = typed.as_ticket(fold).ok_or_else(|| nor(&Cause::new("has not the 8 characters of a ticket")))?;
        let checked = self.check(None, &request.with_group(group), &ticket).map_err(|error| {
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
        Ok(SignedOnBy::Ticket(checked.accepted.kind))
    }
}
