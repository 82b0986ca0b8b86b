//! The inputs of a drill: an unload of a RACF database, and pasted listings.

use std::fs::File;
use std::io::{self, BufReader, Read, read_to_string};

use data_encoding::HEXLOWER;
use icsf_saf::Existing;
use icsf_saf::model::{Access, Class};
use icsf_saf::pasted::{ListedKey, ListedProfile, rlist};
use icsf_saf::unload::{Contents, read};
use sha2::{Digest, Sha256};
use softicsf::System;
use toml::Spanned;

use crate::error::{Error, Mistake, Source};
use crate::file::Inputs;

/// What the inputs hold.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    unload: Option<Contents>,
    listed: Vec<ListedProfile>,
    /// The name of each file, and its SHA-256 in hexadecimal.
    files: Vec<(String, String)>,
}

/// Hashes what is read through it.
struct Hashed {
    inner: BufReader<File>,
    hash: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl Imported {
    /// Reads the files, and says which cannot be read.
    pub(crate) fn read(source: &Source<'_>, inputs: &Inputs) -> (Self, Vec<Mistake>) {
        let (mut imported, mut mistakes) = (Self::default(), Vec::new());
        if let Some(name) = &inputs.racf_unload {
            match imported.file(source, name, |file| read(file, &mut |_| {}).map_err(|error| error.to_string())) {
                Ok(contents) => imported.unload = Some(contents),
                Err(why) => mistakes.push(unread(source, name, &why)),
            }
        }
        if let Some(name) = &inputs.rlist {
            match imported.file(source, name, |file| read_to_string(file).map_err(|error| error.to_string())) {
                Ok(text) => imported.listed = rlist(&text).profiles,
                Err(why) => mistakes.push(unread(source, name, &why)),
            }
            if imported.listed.is_empty() && mistakes.is_empty() {
                mistakes.push(unread(source, name, "there is no profile of RLIST in this file"));
            }
        }
        (imported, mistakes)
    }

    /// Reads a file, and notes which one it was.
    fn file<T>(
        &mut self,
        source: &Source<'_>,
        name: &Spanned<String>,
        read: impl FnOnce(&mut Hashed) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut file = Hashed { inner: open(source, name)?, hash: Sha256::new() };
        let contents = read(&mut file)?;
        // To the end, also where the last of it was not looked at.
        io::copy(&mut file, &mut io::sink()).map_err(|error| error.to_string())?;
        self.files.push((name.get_ref().clone(), HEXLOWER.encode(&file.hash.finalize())));
        Ok(contents)
    }

    /// The name of each file, and its SHA-256.
    pub(crate) fn files(&self) -> &[(String, String)] {
        &self.files
    }

    /// Whether there are inputs: names may then be defined there.
    pub(crate) const fn is_some(&self) -> bool {
        self.unload.is_some() || !self.listed.is_empty()
    }

    /// Whether this key profile is in the inputs.
    pub(crate) fn has_profile(&self, name: &str) -> bool {
        self.has_profile_of(Class::Ptktdata.name(), name)
    }

    /// Whether this profile is in the inputs.
    pub(crate) fn has_profile_of(&self, class: &str, name: &str) -> bool {
        self.profiles().any(|(of, known)| of.eq_ignore_ascii_case(class) && known.eq_ignore_ascii_case(name))
    }

    /// Class and name of all profiles.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = (String, String)> {
        let unload = self.unload.iter().flat_map(Contents::profiles);
        let unload = unload.map(|profile| (profile.class.to_string(), profile.name.to_string()));
        let listed = self.listed.iter().filter_map(|profile| {
            let class = profile.class.as_deref().unwrap_or(Class::Ptktdata.name());
            Some((class.to_owned(), profile.name.clone()?))
        });
        unload.chain(listed)
    }

    /// Whether a profile lets everybody ask for tickets.
    pub(crate) fn permits_everybody(&self) -> bool {
        let unload = self.unload.iter().flat_map(Contents::profiles);
        let unload = unload.map(|profile| (profile.name.to_string(), profile.uacc));
        let listed = self.listed.iter().filter_map(|profile| Some((profile.name.clone()?, profile.uacc?)));
        unload.chain(listed).any(|(name, uacc)| name.starts_with("IRRPTAUTH") && uacc > Access::None)
    }

    /// Whether there is such a user or group, or somebody is permitted something by this name.
    pub(crate) fn knows(&self, id: &str) -> bool {
        let is_it = |other: String| other.eq_ignore_ascii_case(id);
        let groups = self.unload.iter().flat_map(Contents::groups).map(|group| group.id.to_string());
        let unload = self.unload.iter().flat_map(Contents::profiles).flat_map(|profile| profile.access.keys());
        let listed = self.listed.iter().flat_map(|profile| &profile.access).map(|(id, _)| id.to_string());
        self.has_user(id) || groups.chain(unload.map(ToString::to_string)).chain(listed).any(is_it)
    }

    /// Whether this user is in the inputs.
    pub(crate) fn has_user(&self, id: &str) -> bool {
        self.unload.iter().flat_map(Contents::users).any(|user| user.id.to_string().eq_ignore_ascii_case(id))
    }

    /// Takes it all into the security database of a system. What listings say counts where an unload says something else:
    /// they are pasted for what the unload does not tell.
    pub(crate) fn import(&self, system: &System) -> Result<(), Error> {
        let mut contents: Vec<Contents> = Vec::new();
        if !self.listed.is_empty() {
            let text: String = self.listed.iter().map(records).collect();
            contents.push(read(text.as_bytes(), &mut |_| {}).map_err(|error| Error::Missing(error.to_string()))?);
        }
        self.unload.iter().chain(&contents).try_for_each(|contents| {
            let done = system.saf().database().import(contents, Existing::Replace);
            done.map(drop).map_err(|error| Error::Missing(format!("the inputs could not be imported: {error}")))
        })
    }
}

fn open(source: &Source<'_>, name: &Spanned<String>) -> Result<BufReader<File>, String> {
    let beside = source.beside(name.get_ref());
    File::open(&beside).map(BufReader::new).map_err(|error| format!("{}: {error}", beside.display()))
}

fn unread(source: &Source<'_>, name: &Spanned<String>, why: &str) -> Mistake {
    Mistake::new(source, why, Some(name.span())).hint("a path, from the folder of the drill file")
}

/// A record of an unload: texts at their columns, counted from 1.
fn record(fields: &[(usize, &str)]) -> String {
    let mut line = String::new();
    for (column, text) in fields {
        line = format!("{line:<width$}{text}", width = column - 1);
    }
    line + "\n"
}

/// A listed profile as the records an unload has of it. The columns are those of [`icsf_saf::unload::LAYOUTS`].
fn records(profile: &ListedProfile) -> String {
    let Some(name) = &profile.name else { return String::new() };
    let class = profile.class.as_deref().unwrap_or("PTKTDATA");
    let generic = if profile.generic { "YES" } else { "NO" };
    let uacc = profile.uacc.unwrap_or_default().to_string();
    let owner = profile.owner.as_deref().unwrap_or("SYS1");
    let appldata = profile.appldata.as_deref().unwrap_or_default();
    let base = [(1, "0500"), (6, name), (253, class), (262, generic), (282, owner), (337, &uacc), (754, appldata)];
    let mut text = record(&base);
    for (id, access) in &profile.access {
        text += &record(&[(1, "0505"), (6, name), (253, class), (262, id), (271, &access.to_string())]);
    }
    let Some(keys) = &profile.ssignon else { return text };
    let legacy = match keys.legacy {
        Some(ListedKey::Masked) => "*MASKED*".to_owned(),
        Some(ListedKey::Label(label)) => label.to_string(),
        Some(ListedKey::Token) => "*KEYTOKEN*".to_owned(),
        // A level that does not show the label.
        Some(_) => "*UNKNOWN*".to_owned(),
        None => String::new(),
    };
    let enhanced = keys.enhanced.map(|label| label.to_string()).unwrap_or_default();
    let kind = keys.ticket_type.map(|kind| kind.to_string()).unwrap_or_default();
    let timeout = keys.timeout.map(|timeout| format!("{timeout:010}")).unwrap_or_default();
    let replay = keys.replay.map_or("", |replay| if replay { "YES" } else { "NO" });
    let segment = [(262, legacy.as_str()), (327, &enhanced), (392, &kind), (405, &timeout), (416, replay)];
    text + &record(&[&[(1, "0530"), (6, name.as_str()), (253, class)][..], &segment].concat())
}
