//! What the security database says of a request: who gets tickets, for whom, and how long they live.

use icsf_core::Cause;
use icsf_saf::Snapshot;
use icsf_saf::model::{Principal, PrincipalFlag, Realm};

use crate::codes::ErrorCode;
use crate::lifetime::Limits;
use crate::outcome::Refusal;

/// The longest life of a ticket in a realm whose REALM profile has no MAXTKTLF. Source: the value MIT has for it.
const LONGEST: u32 = 24 * 60 * 60;
/// How long tickets can be renewed in a realm that does not say.
const RENEWABLE: u32 = 7 * 24 * 60 * 60;

/// How long a ticket may live: the smallest of what client, server and realm allow. The client counts in the AS exchange
/// alone: RFC 4120, section 3.3.3.
pub(crate) fn limits(realm: &Realm, client: Option<&Principal>, server: &Principal) -> Limits {
    let principals = || client.into_iter().chain([server]);
    let smallest =
        |of_realm: u32, of: fn(&Principal) -> Option<u32>| principals().filter_map(of).fold(of_realm, u32::min);
    let longest = smallest(realm.max_ticket_life.unwrap_or(LONGEST), |principal| principal.max_ticket_life);
    Limits {
        shortest: realm.min_ticket_life.unwrap_or(0),
        usual: realm.default_ticket_life.unwrap_or(longest),
        longest,
        renewable: smallest(realm.max_renewable_life.unwrap_or(RENEWABLE), |principal| principal.max_renewable_life),
    }
}

/// That a client may get tickets at all, at `now`.
///
/// # Errors
/// [`ErrorCode::ClientRevoked`], [`ErrorCode::ClientExpired`].
pub(crate) fn require_client(registry: &Snapshot, client: &Principal, now: u64) -> Result<(), Refusal> {
    let revoked = Refusal::new(ErrorCode::ClientRevoked, "the client is revoked");
    if client.has(PrincipalFlag::NoTickets) {
        let why = format!("principal {} has the flag {}", client.name, PrincipalFlag::NoTickets);
        return Err(revoked.because(Cause::new(why)));
    }
    if let Some(id) = client.user {
        match registry.user(&id) {
            Some(user) if user.revoked => {
                let cause = Cause::new(format!("user {id} is revoked")).with_remedy(format!("ALTUSER {id} RESUME"));
                return Err(revoked.because(cause));
            }
            Some(_) => {}
            None => return Err(revoked.because(Cause::new(format!("user {id} is not defined")))),
        }
    }
    if client.expires.is_some_and(|end| end <= now) {
        return Err(Refusal::new(ErrorCode::ClientExpired, "the client has expired"));
    }
    Ok(())
}

/// That the password of a client is good at `now`, or that it is about to be changed.
///
/// # Errors
/// [`ErrorCode::KeyExpired`].
pub(crate) fn require_password(client: &Principal, server: &Principal, now: u64) -> Result<(), Refusal> {
    let expired = client.password_expires.is_some_and(|end| end <= now);
    if (expired || client.has(PrincipalFlag::NeedsChange)) && !server.has(PrincipalFlag::PasswordChangeService) {
        return Err(Refusal::new(ErrorCode::KeyExpired, "the password has expired"));
    }
    Ok(())
}

/// That tickets are issued for a server, at `now`.
///
/// # Errors
/// [`ErrorCode::ServerUnknown`] for one of which nobody gets any; [`ErrorCode::ServerExpired`],
/// [`ErrorCode::MustUseUserToUser`], [`ErrorCode::Policy`].
pub(crate) fn require_server(server: &Principal, user_to_user: bool, now: u64) -> Result<(), Refusal> {
    if server.has(PrincipalFlag::NoTickets) {
        return Err(Refusal::new(ErrorCode::ServerUnknown, "no tickets are issued for the server"));
    }
    if server.expires.is_some_and(|end| end <= now) {
        return Err(Refusal::new(ErrorCode::ServerExpired, "the server has expired"));
    }
    if server.has(PrincipalFlag::NoServer) && !user_to_user {
        return Err(Refusal::new(ErrorCode::MustUseUserToUser, "the server takes user-to-user tickets only"));
    }
    if server.has(PrincipalFlag::NoUserToUser) && user_to_user {
        return Err(Refusal::new(ErrorCode::Policy, "the server takes no user-to-user tickets"));
    }
    Ok(())
}
