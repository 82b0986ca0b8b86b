//! Who may do what: class state, IRRPTAUTH permissions, and which key profile an application has.

use std::sync::Arc;

use icsf_core::Cause;
use ptkt::{Applid, GroupId, UserId};

use crate::codes::Code;
use crate::database::Snapshot;
use crate::error::{Error, Result};
use crate::model::{Access, Class, Profile, ProfileName};

/// Who asks. Every request carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    user: UserId,
}

impl Caller {
    /// A server or person signed on as this user.
    #[must_use]
    pub const fn user(user: UserId) -> Self {
        Self { user }
    }

    /// The user ID.
    #[must_use]
    pub const fn id(&self) -> &UserId {
        &self.user
    }
}

/// That PassTickets can be used at all: class PTKTDATA is active, and its profiles are in storage.
///
/// Source: RACF Security Administrator's Guide, preventing errors with PassTickets; R_ticketserv return codes for an
/// inactive class.
pub(crate) fn require_class(view: &Snapshot) -> Result<()> {
    let class = Class::Ptktdata;
    if let Some(why) = view.damaged_options() {
        let cause = Cause::new(format!("the options of the security database are damaged ({why}), no class is active"))
            .with_remedy("SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA) sets them anew");
        return Err(Error::new(Code::ClassInactive, cause));
    }
    let (missing, command) = if !view.options().active.contains(&class) {
        ("not active", "SETROPTS CLASSACT(PTKTDATA)")
    } else if !view.options().raclisted.contains(&class) {
        ("not RACLISTed", "SETROPTS RACLIST(PTKTDATA)")
    } else {
        return Ok(());
    };
    Err(Error::new(Code::ClassInactive, Cause::new(format!("class PTKTDATA is {missing}")).with_remedy(command)))
}

/// That `caller` may generate (UPDATE) or evaluate (READ) tickets of this user for this application.
///
/// Source: RACF Callable Services, R_ticketserv and R_GenSec, authorization: IRRPTAUTH.application.user in class
/// PTKTDATA; no profile, no access.
pub(crate) fn require_authority(
    view: &Snapshot,
    caller: &Caller,
    user: &UserId,
    application: &Applid,
    needed: Access,
) -> Result<()> {
    let resource = format!("IRRPTAUTH.{application}.{user}");
    let asked = matchable(&resource);
    let class = Class::Ptktdata;
    let profile = view.protecting(class, &asked);
    let refused = |why: String| {
        let caller = &caller.user;
        Cause::new(format!("caller {caller} needs {needed} to {resource}: {why}"))
    };
    let permit = |name: &str| {
        let caller = &caller.user;
        format!("PERMIT {name} CLASS({class}) ID({caller}) ACCESS({needed}), then {REFRESH}")
    };
    // Who was kept out by a profile must not come in because it cannot be read.
    let damaged = view.damaged_protecting(class, &asked, profile.map(|profile| &**profile));
    let cause = match (damaged, profile) {
        (Some(name), _) => refused(format!("profile {name} is damaged and gives nobody anything"))
            .with_remedy(format!("RDELETE {class} {name} and define it anew, or restore the database from a copy")),
        (None, Some(profile)) => {
            let given = access(view, profile, caller);
            if given >= needed || profile.warning {
                return Ok(());
            }
            refused(format!("profile {} gives it {given}", profile.name)).with_remedy(permit(profile.name.as_str()))
        }
        (None, None) => match uncovering(view, &asked) {
            Some((why, remedy)) => refused(format!("no profile covers it, {why}")).with_remedy(remedy),
            None => refused(format!("no profile covers {resource}"))
                .with_remedy(format!("RDEFINE {class} {resource} UACC(NONE)"))
                .with_remedy(permit(&resource)),
        },
    };
    Err(Error::new(Code::NotAuthorized, cause))
}

const REFRESH: &str = "SETROPTS RACLIST(PTKTDATA) REFRESH";

/// A resource as profiles are compared with it. What is no character of a profile name, and stands as `\xNN` in a name of
/// raw EBCDIC, is one character that generic ones alone match.
fn matchable(resource: &str) -> String {
    let mut parts = resource.split("\\x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "?" + part.get(2..).unwrap_or_default())
}

/// A profile that looks as if it covered a resource, why it does not, and what to do.
fn uncovering(view: &Snapshot, resource: &str) -> Option<(String, String)> {
    let class = Class::Ptktdata;
    let profile = view.looks_protecting(class, resource)?;
    let name = &profile.name;
    Some(if name.has_generic_characters() && !profile.generic {
        let why = format!("as {name} was defined without SETROPTS GENERIC({class}), which makes it a discrete profile");
        (
            why,
            format!(
                "SETROPTS GENERIC({class}), then RDELETE {class} {name}, then RDEFINE {class} {name} ..., then {REFRESH}"
            ),
        )
    } else if profile.generic && !view.options().generic.contains(&class) {
        let why = format!("as {name} is generic, and generic profiles of {class} are off");
        (why, format!("SETROPTS GENERIC({class})"))
    } else {
        (format!("as {name} is defined, and not in storage yet"), REFRESH.to_owned())
    })
}

/// The `*` of an access list: every defined user.
pub(crate) fn everybody() -> Option<UserId> {
    const ASTERISK: u8 = 0x5c;
    UserId::from_ebcdic(&[ASTERISK]).ok()
}

/// What a profile lets somebody do: by user, else the most any group of the user may, else by `*`, else by UACC.
///
/// Source: RACF Security Administrator's Guide, authorization checking, with SETROPTS GRPLIST; a connection that is revoked
/// is none.
pub(crate) fn access(view: &Snapshot, profile: &Profile, caller: &Caller) -> Access {
    let listed = |id: UserId| profile.access.get(&id).copied();
    let by_group_or_all = || {
        let user = view.user(&caller.user)?;
        let groups = user.connects.iter().filter(|(_, connect)| !connect.revoked).map(|(group, _)| group);
        let by_group = groups.filter_map(|group| listed(UserId::from_ebcdic(group_bytes(group)).ok()?)).max();
        by_group.or_else(|| everybody().and_then(listed))
    };
    listed(caller.user).or_else(by_group_or_all).unwrap_or(profile.uacc)
}

/// The name of a group without padding.
fn group_bytes(group: &GroupId) -> &[u8] {
    let name = group.ebcdic();
    name.get(..group.len()).unwrap_or(name)
}

/// The names under which the key of an application may stand, the most special first.
///
/// Source: RACF Security Administrator's Guide, determining PTKTDATA profile names.
#[must_use]
pub fn key_profile_names(application: &Applid, group: Option<&GroupId>, user: &UserId) -> Vec<String> {
    let mut names = Vec::with_capacity(4);
    names.extend(group.map(|group| format!("{application}.{group}.{user}")));
    names.push(format!("{application}.{user}"));
    names.extend(group.map(|group| format!("{application}.{group}")));
    names.push(application.to_string());
    names
}

/// The discrete key profiles to be tried in turn: the first qualified one there is, then the plain one. A generic
/// profile is no key profile.
pub(crate) fn key_profiles(
    view: &Snapshot,
    application: &Applid,
    group: Option<&GroupId>,
    user: &UserId,
) -> Vec<Arc<Profile>> {
    let names = key_profile_names(application, group, user);
    let Some((plain, qualified)) = names.split_last() else { return Vec::new() };
    // One that cannot be read is the first there is all the same; it makes and validates nothing.
    let first = qualified.iter().find(|name| key_profile(view, name).is_some() || is_damaged(view, name));
    first.and_then(|name| key_profile(view, name)).into_iter().chain(key_profile(view, plain)).collect()
}

fn is_damaged(view: &Snapshot, name: &str) -> bool {
    name.parse().is_ok_and(|name| view.damaged_profile(Class::Ptktdata, &name).is_some())
}

/// The discrete profile of this name in the in-storage copy.
pub(crate) fn key_profile(view: &Snapshot, name: &str) -> Option<Arc<Profile>> {
    view.discrete_named(Class::Ptktdata, name).cloned()
}

/// Which of the profiles under these names is damaged, and what to do.
pub(crate) fn damaged_key_profile(view: &Snapshot, names: &[String]) -> Option<Cause> {
    names.iter().find_map(|name| {
        let why = view.damaged_profile(Class::Ptktdata, &name.parse().ok()?)?;
        let remedy = format!("RDELETE PTKTDATA {name} and define it anew, or restore the database from a copy");
        Some(Cause::new(format!("profile {name} is damaged: {why}")).with_remedy(remedy))
    })
}

/// Why an application has no key profile, and what to do.
pub(crate) fn no_key_profile(view: &Snapshot, application: &Applid) -> Cause {
    let on_disk = application.to_string().parse::<ProfileName>().ok();
    let on_disk = on_disk.and_then(|name| view.profile(Class::Ptktdata, &name));
    match on_disk {
        Some(profile) if profile.generic => {
            Cause::new(format!("profile {application} is generic, and generic profiles hold no keys"))
                .with_remedy(format!("RDEFINE PTKTDATA {application} SSIGNON(...) as a discrete profile"))
        }
        Some(_) => Cause::new(format!("profile {application} is defined, and not in storage yet"))
            .with_remedy("SETROPTS RACLIST(PTKTDATA) REFRESH"),
        None => {
            let cause = Cause::new(format!("there is no profile {application} in class PTKTDATA")).with_remedy(
                format!("RDEFINE PTKTDATA {application} SSIGNON(...), then SETROPTS RACLIST(PTKTDATA) REFRESH"),
            );
            let text = application.to_string();
            if text.starts_with("TSO") || text.starts_with("MVS") {
                cause.with_remedy("names of TSO and batch end in the SMF ID: compare D SMF,O of both systems")
            } else {
                cause
            }
        }
    }
}
