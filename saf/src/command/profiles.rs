//! RDEFINE, RALTER, RDELETE: profiles.

use std::sync::Arc;

use super::messages::{Done, needs_refresh};
use super::ssignon::{Asked, take_back};
use super::{CommandError, Keywords, Operand, Output, Session, distinct, parsed, positional};
use crate::database::{Edit, Snapshot};
use crate::model::{Class, Profile, ProfileName, Ssignon};

pub(super) const RDEFINE: [&str; 5] = ["OWNER", "UACC", "APPLDATA", "DATA", "SSIGNON"];
pub(super) const RALTER: [&str; 8] =
    ["OWNER", "UACC", "APPLDATA", "NOAPPLDATA", "DATA", "NODATA", "SSIGNON", "NOSSIGNON"];

/// The names a command is about.
pub(super) fn names(operand: &Operand) -> Result<Vec<(ProfileName, &Operand)>, CommandError> {
    distinct(operand)
}

/// Whether a profile of this name would be a generic one.
fn is_generic(view: &Snapshot, class: Class, name: &ProfileName) -> bool {
    name.has_generic_characters() && view.options().generic.contains(&class)
}

/// What RDEFINE and RALTER set, but for the key.
struct Settings<'a> {
    keywords: Keywords<'a>,
}

impl Settings<'_> {
    fn apply(&self, profile: &mut Profile) -> Result<(), CommandError> {
        if let Some(owner) = self.keywords.value("OWNER")? {
            profile.owner = parsed(owner)?;
        }
        if let Some(uacc) = self.keywords.value("UACC")? {
            profile.uacc = parsed(uacc)?;
        }
        for (keyword, off) in [("APPLDATA", "NOAPPLDATA"), ("DATA", "NODATA")] {
            self.keywords.exclusive(&[keyword, off])?;
            let text = match self.keywords.value(keyword)? {
                Some(value) if value.text.len() > 255 => {
                    return Err(CommandError::at(format!("{keyword} has at most 255 characters"), value));
                }
                Some(value) => value.text.clone(),
                None if self.keywords.has(off)? => String::new(),
                None => continue,
            };
            if keyword == "APPLDATA" {
                profile.appldata = text;
            } else {
                profile.data = text;
            }
        }
        self.keywords.exclusive(&["SSIGNON", "NOSSIGNON"])?;
        if self.keywords.has("NOSSIGNON")? {
            profile.ssignon = None;
        }
        Ok(())
    }
}

/// Defines or alters profiles: `find` gives each as it is to be changed, or says why not.
fn set(
    session: &Session<'_>,
    operands: &[Operand],
    known: &[&'static str],
    done: Done,
    find: impl Fn(&Snapshot, Class, &ProfileName, &Operand) -> Result<Profile, CommandError>,
) -> Result<Output, CommandError> {
    let ([class, names_operand], rest) = positional(operands, ["a class", "a profile name"], session.end)?;
    let class: Class = parsed(class)?;
    let names = names(names_operand)?;
    let settings = Settings { keywords: Keywords::read(rest, known)? };
    let ssignon = settings.keywords.get("SSIGNON");
    if let (Some(operand), true) = (ssignon, class != Class::Ptktdata) {
        return Err(CommandError::at(format!("class {class} has no SSIGNON segment"), operand));
    }
    let mut asked = ssignon.map(|operand| Asked::read(session, operand)).transpose()?;

    let plan = |view: &Snapshot, asked: Option<&Asked<'_>>| -> Result<Vec<Edit>, CommandError> {
        let mut edits = Vec::with_capacity(names.len());
        for (name, operand) in &names {
            let mut profile = find(view, class, name, operand)?;
            settings.apply(&mut profile)?;
            if let Some(asked) = asked {
                asked.apply(profile.ssignon.get_or_insert_with(Ssignon::default));
            }
            edits.push(Edit::PutProfile(profile));
        }
        Ok(edits)
    };
    // Everything is checked before a key is put into the CKDS.
    let view = session.saf.database().view()?;
    plan(&view, asked.as_ref())?;
    let made = asked.as_mut().map(|asked| asked.encrypt(session)).transpose()?.flatten();
    let written = session.saf.database().change(|view| plan(view, asked.as_ref()));
    if let (Err(_), Some(label)) = (&written, &made) {
        take_back(session, label);
    }
    written?;
    Ok(reminder(session, class, done))
}

/// The message that the copy in storage is as it was, if there is one.
pub(super) fn reminder(session: &Session<'_>, class: Class, done: Done) -> Output {
    let raclisted = session.saf.database().view().is_ok_and(|view| view.options().raclisted.contains(&class));
    if raclisted { Output::message(needs_refresh(done, class)) } else { Output::default() }
}

pub(super) fn rdefine(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    set(session, operands, &RDEFINE, Done::Added, |view, class, name, operand| {
        refuse_damaged(view, class, name, operand)?;
        if view.profile(class, name).is_some() {
            let what = format!("profile {name} of class {class} is defined already");
            return Err(CommandError::at(what, operand).hint("RALTER changes it"));
        }
        Ok(Profile::new(class, name.clone(), is_generic(view, class, name), *session.issuer.id()))
    })
}

pub(super) fn ralter(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    set(session, operands, &RALTER, Done::Altered, |view, class, name, operand| {
        existing(view, class, name, operand).map(|profile| profile.duplicate())
    })
}

pub(super) fn rdelete(session: &Session<'_>, operands: &[Operand]) -> Result<Output, CommandError> {
    let ([class, names_operand], rest) = positional(operands, ["a class", "a profile name"], session.end)?;
    let class: Class = parsed(class)?;
    let names = names(names_operand)?;
    Keywords::read(rest, &[])?;
    session.saf.database().change(|view| {
        // One that cannot be read can be deleted all the same: that is how it is got rid of.
        let delete = |(name, operand): &(ProfileName, &Operand)| match view.damaged_profile(class, name) {
            Some(_) => Ok(Edit::DeleteProfile(class, name.clone())),
            None => existing(view, class, name, operand).map(|_| Edit::DeleteProfile(class, name.clone())),
        };
        names.iter().map(delete).collect()
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
