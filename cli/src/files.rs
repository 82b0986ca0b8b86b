//! Files that verbs read and write: `-` for the standard streams, and whole or not at all.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use crate::context::Context;
use crate::failure::Failure;

pub(crate) fn is_dash(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// That an export can go to standard output.
pub(crate) fn to_standard_output(context: &Context) -> Result<(), Failure> {
    if context.out.is_terminal() {
        return Err(
            Failure::usage("an export is no text for a terminal").next("name a file, or redirect standard output")
        );
    }
    if context.out.is_json() {
        return Err(Failure::usage("--json and the export cannot both go to standard output").next("name a file"));
    }
    Ok(())
}

/// Writes what `write` does beside `file`, mode 0600, and puts it in its place when it is whole.
pub(crate) fn write_whole<T>(
    file: &Path,
    force: bool,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let shown = file.display();
    let failed = |error: io::Error| Failure::new(12, format!("{shown}: {error}"));
    let exists = || {
        Failure::new(8, format!("{shown}: there is a file already")).next("choose another name, or replace it: --force")
    };
    if !force && file.exists() {
        return Err(exists());
    }
    let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Mode 0600 is what it makes.
    let mut part = tempfile::NamedTempFile::new_in(beside).map_err(failed)?;
    let written = write(&mut part)?;
    part.flush().and_then(|()| part.as_file().sync_all()).map_err(failed)?;
    let placed = if force { part.persist(file) } else { part.persist_noclobber(file) };
    placed.map_err(
        |error| {
            if error.error.kind() == io::ErrorKind::AlreadyExists { exists() } else { failed(error.error) }
        },
    )?;
    Ok(written)
}

/// Opens a file, or standard input for `-`; `what` says what is read from there.
pub(crate) fn open(context: &mut Context, file: &Path, what: &str) -> Result<Box<dyn Read>, Failure> {
    if !is_dash(file) {
        let opened = File::open(file).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        return Ok(Box::new(opened));
    }
    if io::stdin().is_terminal() {
        return Err(
            Failure::usage(format!("the {what} cannot be typed")).next("name a file, or redirect standard input")
        );
    }
    context.take_stdin(what)?;
    Ok(Box::new(io::stdin().lock()))
}
