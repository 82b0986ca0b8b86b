//! The inputs of a drill: an unload of a RACF database, and pasted listings.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use icsf_saf::Existing;
use icsf_saf::model::Class;
use icsf_saf::unload::{Contents, read};
use softicsf::System;
use toml::Spanned;

use crate::error::{Error, Mistake, Source};
use crate::file::Inputs;

/// What the inputs hold.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    unload: Option<Contents>,
}

impl Imported {
    /// Reads the files, and says which cannot be read.
    pub(crate) fn read(source: &Source<'_>, inputs: &Inputs) -> (Self, Vec<Mistake>) {
        let (mut imported, mut mistakes) = (Self::default(), Vec::new());
        if let Some(name) = &inputs.racf_unload {
            match open(source, name).and_then(|file| read(file, &mut |_| {}).map_err(|error| error.to_string())) {
                Ok(contents) => imported.unload = Some(contents),
                Err(why) => mistakes.push(unread(source, name, &why)),
            }
        }
        (imported, mistakes)
    }

    /// Whether there are inputs: names may then be defined there.
    pub(crate) const fn is_some(&self) -> bool {
        self.unload.is_some()
    }

    /// Whether this key profile is in the inputs.
    pub(crate) fn has_profile(&self, name: &str) -> bool {
        let unload = self.unload.iter().flat_map(Contents::profiles);
        let mut keys = unload.filter(|profile| profile.class == Class::Ptktdata);
        keys.any(|profile| profile.name.to_string().eq_ignore_ascii_case(name))
    }

    /// Whether this user is in the inputs.
    pub(crate) fn has_user(&self, id: &str) -> bool {
        self.unload.iter().flat_map(Contents::users).any(|user| user.id.to_string().eq_ignore_ascii_case(id))
    }

    /// Takes it all into the security database of a system.
    pub(crate) fn import(&self, system: &System) -> Result<(), Error> {
        let Some(contents) = &self.unload else { return Ok(()) };
        let done = system.saf().database().import(contents, Existing::Replace);
        done.map(drop).map_err(|error| Error::Missing(format!("the unload could not be imported: {error}")))
    }
}

fn open(source: &Source<'_>, name: &Spanned<String>) -> Result<BufReader<File>, String> {
    let beside = Path::new(source.path).parent().unwrap_or(Path::new("")).join(name.get_ref());
    File::open(&beside).map(BufReader::new).map_err(|error| format!("{}: {error}", beside.display()))
}

fn unread(source: &Source<'_>, name: &Spanned<String>, why: &str) -> Mistake {
    Mistake::new(source, why, Some(name.span())).hint("a path, from the folder of the drill file")
}
