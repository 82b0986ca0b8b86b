//! `keytab`: keys of principals in a file, for servers.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use icsf_kdc::keytab::{self, Entry};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::As;
use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::files::write_whole;
use crate::principal::local;
use crate::secrets::Source;

/// The longest keytab read.
const MOST: u64 = 16 << 20;

/// Keys of principals in a file, for servers
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf keytab export http.keytab HTTP/www.example.com")]
pub(crate) struct Keytab {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put keys of principals into a keytab
    #[command(after_help = "\
Examples:
  softicsf keytab export http.keytab HTTP/www.example.com
  softicsf keytab export david.keytab david --password-file pw

A key in the CKDS can never be read out of the engine. So each principal gets
new random keys, of the next version, as with ktadd of MIT: what it was used
with before no longer fits. With --password-file the keys stay: they are made
from the password once more, and compared with those in the CKDS.

The file has mode 0600, in the format of MIT's Kerberos; one that is there
already is added to. Whoever has the file is the server.")]
    Export {
        /// Keytab to write or to add to
        file: PathBuf,
        /// Whose keys
        #[arg(required = true, value_name = "PRINCIPAL")]
        principals: Vec<String>,
        /// The password the keys of the one principal were made from, in a file of
        /// mode 0600; - for standard input, prompt to be asked
        #[arg(long, value_name = "FILE")]
        password_file: Option<Source>,
        #[command(flatten)]
        issuer: As,
    },
}

impl Keytab {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let Action::Export { file, principals, password_file, issuer } = &self.action;
        let password = match (password_file, principals.as_slice()) {
            (Some(from), [_]) => Some(context.secret(from, "password of the principal")?),
            (Some(_), _) => return Err(Failure::usage("--password-file is for one principal")),
            (None, _) => None,
        };
        check(file)?;
        let mut told = Vec::new();
        for text in principals {
            let (name, entries) = context.with_engine(|system| {
                let name = local(system, text)?;
                let entries = match &password {
                    Some(password) => system.keytab_entries(&name, password)?,
                    None => system.new_keytab_entries(&issuer.caller(), &name)?,
                };
                Ok((name, entries))
            })?;
            let version = entries.first().map_or(0, |entry| entry.version);
            let types: Vec<&str> = entries.iter().filter_map(Entry::known_etype).map(|etype| etype.name()).collect();
            // After each: the keys are nowhere else to be had.
            if context.out.is_json() {
                told.push(json!({ "name": name.to_string(), "version": version, "types": types }));
                add(file, entries)?;
            } else {
                let what = format!("{}: {name}, key version {version}, {}", file.display(), types.join(", "));
                add(file, entries)?;
                context.out.note(&what)?;
            }
        }
        if context.out.is_json() {
            context.out.json(&json!({ "file": file.display().to_string(), "principals": told }))?;
        }
        Ok(0)
    }
}

fn failed(file: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    |error| Failure::new(12, format!("{}: {error}", file.display()))
}

/// The entries of a keytab; an empty file has none.
fn read(file: &Path, mut open: &File) -> Result<Vec<Entry>, Failure> {
    let length = open.metadata().map_err(failed(file))?.len();
    if length > MOST {
        return Err(Failure::usage(format!("{}: no keytab has {length} bytes", file.display())));
    }
    // Reserved at once: a buffer that grows leaves keys behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length + 1).unwrap_or(0)));
    open.read_to_end(&mut bytes).map_err(failed(file))?;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    keytab::read(&bytes).map_err(|why| Failure::usage(format!("{}: {why}", file.display())))
}

/// That keys can be added to the file, before there are any that would be lost otherwise.
fn check(file: &Path) -> Result<(), Failure> {
    match File::open(file) {
        Ok(open) => drop(read(file, &open)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(file)(error)),
    }
    let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::NamedTempFile::new_in(beside).map(drop).map_err(failed(file))
}

/// Adds entries to a keytab, or makes one. Of two programs that add at once, the second adds to what the first made.
fn add(file: &Path, entries: Vec<Entry>) -> Result<(), Failure> {
    let unfit = |why: keytab::KeytabError| Failure::new(8, format!("{}: {why}", file.display()));
    loop {
        let open = match File::open(file) {
            Ok(open) => open,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = keytab::write(&entries).map_err(unfit)?;
                match write_whole(file, false, |out| out.write_all(&bytes).map_err(failed(file))) {
                    Err(_) if file.exists() => continue,
                    made => return made,
                }
            }
            Err(error) => return Err(failed(file)(error)),
        };
        open.lock().map_err(failed(file))?;
        // Whoever had the lock before has put another file in its place.
        let same = |a: &std::fs::Metadata, b: &std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        let (held, there) = (open.metadata().map_err(failed(file))?, std::fs::metadata(file));
        if !there.is_ok_and(|there| same(&held, &there)) {
            continue;
        }
        let is_new = |old: &Entry| {
            let key = |entry: &Entry| (entry.realm.clone(), entry.components.clone(), entry.version, entry.etype);
            !entries.iter().any(|new| key(new) == key(old))
        };
        let mut all: Vec<Entry> = read(file, &open)?.into_iter().filter(is_new).collect();
        all.extend(entries);
        let bytes = keytab::write(&all).map_err(unfit)?;
        return write_whole(file, true, |out| out.write_all(&bytes).map_err(failed(file)));
    }
}
