//! RDEFINE, RALTER, RDELETE: profiles.

use std::sync::Arc;

use super::kerb::AskedRealm;
use super::messages::{Done, needs_refresh, remark};
use super::operands::{distinct, number, parsed, quoted, text_of};
use super::ssignon::{Asked, Made};
use super::{CommandError, Given, Operand, Output, Session};
use crate::database::{Edit, Snapshot};
use crate::judgement::remarks;
use crate::model::{Access, Audit, Class, Profile, ProfileName, Realm, Ssignon};
use crate::principals::realm;
use crate::principals::{self, NewKeys, PrincipalError, Wanted};

/// The names a command is about.
pub(super) fn names(operand: &Operand) -> Result<Vec<(ProfileName, &Operand)>, CommandError> {
    distinct(operand)
}

/// Whether a profile of this name would be a generic one.
fn is_generic(view: &Snapshot, class: Class, name: &ProfileName) -> bool {
    name.has_generic_characters() && view.options().generic.contains(&class)
}

/// What RDEFINE and RALTER set, but for the key of SSIGNON.
struct Settings<'a> {
    given: &'a Given<'a>,
    realm: Option<(AskedRealm, &'a Operand)>,
}

impl<'a> Settings<'a> {
    fn read(session: &Session<'_>, class: Class, given: &'a Given<'a>) -> Result<Self, CommandError> {
        for (segment, has) in [("SSIGNON", class.has_ssignon()), ("KERB", class.has_kerb())] {
            if let (Some(operand), false) = (given.keywords.get(segment), has) {
                return Err(CommandError::at(format!("class {class} has no {segment} segment"), operand));
            }
        }
        let realm = given.keywords.within("KERB")?.map(|keywords| AskedRealm::read(session, &keywords)).transpose()?;
        Ok(Self { given, realm: realm.zip(given.keywords.get("KERB")) })
    }

    /// What becomes of the principals of the local realm. Its password is in its keys, and is not kept.
    fn local_realm(
        &self,
        session: &Session<'_>,
        view: &Snapshot,
        made: &principals::Made,
        profile: &mut Profile,
    ) -> Result<Vec<Edit>, PrincipalError> {
        let before = view.profile(profile.class, &profile.name).map(|row| &**row);
        let gone = self.realm.as_ref().is_some_and(|(realm, _)| realm.takes_password_away());
        match (&mut profile.kerb, before) {
            (None, Some(before)) => realm::deleted(view, before),
            (Some(_), Some(before)) if gone => realm::deleted(view, before),
            (Some(after), before) => {
                after.password = None;
                realm::edits(view, made, before, after, session.saf.now())
            }
            (None, None) => Ok(Vec::new()),
        }
    }

    fn apply(&self, profile: &mut Profile) -> Result<(), CommandError> {
        let keywords = &self.given.keywords;
        profile.owner = keywords.parsed("OWNER")?.unwrap_or(profile.owner);
        profile.uacc = keywords.parsed("UACC")?.unwrap_or(profile.uacc);
        if let Some(text) = keywords.setting("APPLDATA", "NOAPPLDATA", |value| text_of("APPLDATA", value))? {
            profile.appldata = text.unwrap_or_default();
        }
        if let Some(text) = keywords.setting("DATA", "NODATA", |value| text_of("DATA", value))? {
            profile.data = text.unwrap_or_default();
        }
        if let Some(value) = keywords.value("LEVEL") {
            profile.level = u8::try_from(number("LEVEL", value, 0, 99)?).unwrap_or(99);
        }
        if let Some(values) = keywords.values("AUDIT") {
            profile.audit = audit(values)?;
        }
        profile.warning = keywords.switch("WARNING", "NOWARNING").unwrap_or(profile.warning);
        if keywords.has("NOSSIGNON") {
            profile.ssignon = None;
        }
        if keywords.has("NOKERB") {
            profile.kerb = None;
        }
        match &self.realm {
            Some((realm, operand)) => realm.apply(profile.kerb.get_or_insert_with(Realm::default), operand),
            None => Ok(()),
        }
    }
}

/// AUDIT(NONE), AUDIT(ALL), AUDIT(SUCCESS(level) FAILURES(level)): READ where no level is given.
fn audit(values: &[Operand]) -> Result<Audit, CommandError> {
    let mut audit = Audit { success: None, failures: None };
    for value in values {
        let from: Access = match value.inner.as_deref() {
            None => Access::Read,
            Some([level]) => parsed(level)?,
            Some(_) => return Err(CommandError::at("one access level belongs here", value)),
        };
        match value.text.to_ascii_uppercase().as_str() {
            "NONE" if values.len() == 1 && value.inner.is_none() => {}
            "ALL" => audit = Audit { success: Some(from), failures: Some(from) },
            "SUCCESS" => audit.success = Some(from),
            "FAILURES" => audit.failures = Some(from),
            _ => {
                return Err(CommandError::at(format!("{} is nothing to be audited", quoted(value)), value)
                    .hint("ALL, SUCCESS or FAILURES, each with (access level); or NONE"));
            }
        }
    }
    Ok(audit)
}

/// Defines or alters profiles: `find` gives each as it is to be changed, or says why not.
fn set(
    session: &Session<'_>,
    given: &Given<'_>,
    done: Done,
    find: impl Fn(&Snapshot, Class, &ProfileName, &Operand) -> Result<Profile, CommandError>,
) -> Result<Output, CommandError> {
    let [class, names_operand] = given.names()?;
    let class: Class = parsed(class)?;
    let names = names(names_operand)?;
    let settings = Settings::read(session, class, given)?;
    let asked = match (given.keywords.within("SSIGNON")?, given.keywords.get("SSIGNON")) {
        (Some(keywords), Some(operand)) => Some(Asked::read(session, &keywords, operand)?),
        _ => None,
    };
    // Keys of the local realm: what they are made from, and what becomes of its principals.
    let password = settings.realm.as_ref().and_then(|(realm, _)| realm.password());
    let keys = |view: &Snapshot| -> Result<Vec<Wanted<'_>>, CommandError> {
        let local = names.iter().find(|(name, _)| realm::is_local(class, name.as_str()));
        let (Some(password), Some((name, operand))) = (&password, local) else { return Ok(Vec::new()) };
        let mut profile = find(view, class, name, operand)?;
        settings.apply(&mut profile)?;
        let Some(after) = profile.kerb.filter(|after| !after.name.is_empty()) else {
            return Err(CommandError::at("the local realm has no name, and keys are made for one that has", operand)
                .hint("KERB(KERBNAME(...) PASSWORD(...))"));
        };
        realm::wanted(view, &after, NewKeys::Password(password))
            .map_err(|error| CommandError::from_principal(error, operand))
    };
    let plan = |view: &Snapshot, made: &Made, keys: &principals::Made| -> Result<Vec<Edit>, CommandError> {
        let mut edits = Vec::with_capacity(names.len());
        for (name, operand) in &names {
            let mut profile = find(view, class, name, operand)?;
            settings.apply(&mut profile)?;
            if realm::is_local(class, name.as_str()) {
                let of_realm = settings.local_realm(session, view, keys, &mut profile);
                edits.extend(of_realm.map_err(|error| CommandError::from_principal(error, operand))?);
            }
            if let Some(asked) = &asked {
                asked.apply(made, name, profile.ssignon.get_or_insert_with(Ssignon::default))?;
            }
            edits.push(Edit::PutProfile(profile));
        }
        Ok(edits)
    };
    // Everything is checked before a key is put into the CKDS.
    let view = session.saf.database().view()?;
    let planned = plan(&view, &Made::default(), &principals::Made::default())?;
    let made = match &asked {
        Some(asked) => asked.encrypt(session, &planned)?,
        None => Made::default(),
    };
    let written = session.saf.change_principals(session.issuer, keys, |view, keys| plan(view, &made, keys));
    if written.is_err() {
        made.take_back(session);
    }
    written?;
    let mut output = reminder(session, class, done);
    if let Some(asked) = asked {
        let view = session.saf.database().view()?;
        // A record that was made for the command is there.
        let icsf = if asked.names_a_label() { session.saf.icsf().view().ok() } else { None };
        for profile in names.iter().filter_map(|(name, _)| view.profile(class, name)) {
            let remarks = remarks(profile, view.options(), icsf.as_deref());
            output.messages.extend(remarks.iter().filter_map(|said| remark(profile.name.as_str(), said)));
        }
    }
    Ok(output)
}

/// The message that the copy in storage is as it was, if there is one.
pub(super) fn reminder(session: &Session<'_>, class: Class, done: Done) -> Output {
    let raclisted = session.saf.database().view().is_ok_and(|view| view.options().raclisted.contains(&class));
    if raclisted { Output::message(needs_refresh(done, class)) } else { Output::default() }
}

pub(super) fn rdefine(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    set(session, given, Done::Added, |view, class, name, operand| {
        refuse_damaged(view, class, name, operand)?;
        if view.profile(class, name).is_some() {
            let what = format!("profile {name} of class {class} is defined already");
            return Err(CommandError::at(what, operand).hint("RALTER changes it"));
        }
        Ok(Profile::new(class, name.clone(), is_generic(view, class, name), *session.issuer.id()))
    })
}

pub(super) fn ralter(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    set(session, given, Done::Altered, |view, class, name, operand| {
        existing(view, class, name, operand).map(|profile| profile.duplicate())
    })
}

pub(super) fn rdelete(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let [class, names_operand] = given.names()?;
    let class: Class = parsed(class)?;
    let names = names(names_operand)?;
    let no_keys = |_: &Snapshot| Ok(Vec::new());
    session.saf.change_principals(session.issuer, no_keys, |view, _| {
        let mut edits = Vec::with_capacity(names.len());
        for (name, operand) in &names {
            // One that cannot be read can be deleted all the same: that is how it is got rid of.
            if view.damaged_profile(class, name).is_none() {
                let before = existing(view, class, name, operand)?;
                if realm::is_local(class, name.as_str()) {
                    edits.extend(realm::deleted(view, before)?);
                }
            }
            edits.push(Edit::DeleteProfile(class, name.clone()));
        }
        Ok::<_, CommandError>(edits)
    })?;
    Ok(reminder(session, class, Done::Deleted))
}

/// The profile that a command is about.
pub(super) fn existing<'a>(
    view: &'a Snapshot,
    class: Class,
    name: &ProfileName,
    operand: &Operand,
) -> Result<&'a Arc<Profile>, CommandError> {
    refuse_damaged(view, class, name, operand)?;
    let missing = || CommandError::at(format!("there is no profile {name} in class {class}"), operand);
    view.profile(class, name).ok_or_else(missing)
}

pub(super) fn refuse_damaged(
    view: &Snapshot,
    class: Class,
    name: &ProfileName,
    operand: &Operand,
) -> Result<(), CommandError> {
    let Some(why) = view.damaged_profile(class, name) else { return Ok(()) };
    Err(CommandError::at(format!("profile {name} of class {class} is damaged: {why}"), operand)
        .hint("RDELETE it and define it anew, or restore the database from a copy"))
}
