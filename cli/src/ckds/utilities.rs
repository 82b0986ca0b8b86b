//! What utilities do with a CKDS: REFRESH, check, re-encipher, export, import.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use serde_json::json;
use softicsf::System;

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::mk;
use crate::status::named;

pub(super) fn refresh(context: &mut Context) -> Outcome {
    let system = context.open()?;
    let waiting = system.icsf().key_data_set().awaiting_refresh()?;
    system.icsf().refresh_ckds()?;
    if context.out.is_json() {
        context.out.json(&json!({ "refreshed": waiting }))?;
    } else {
        context.out.note(&format!("REFRESH done; records that had been waiting for it: {waiting}"))?;
    }
    Ok(0)
}

pub(super) fn verify(context: &mut Context) -> Outcome {
    let system = context.open()?;
    let found = system.icsf().verify_ckds()?;
    let status = match (found.bad.is_empty(), found.unchecked) {
        (false, _) => 8,
        (true, 0) => 0,
        (true, _) => 4,
    };
    if context.out.is_json() {
        context.out.json(&json!({
            "good": found.good,
            "unchecked": found.unchecked,
            "bad": named(&found.bad),
        }))?;
        return Ok(status);
    }
    let out = &mut context.out;
    for (name, why) in &found.bad {
        out.line(name)?;
        out.entry("  cannot be used: ", why)?;
    }
    out.line(format!("records good: {}, not usable: {}", found.good, found.bad.len()))?;
    if found.unchecked > 0 {
        let state = system.engine()?.state;
        out.entry(
            "",
            &format!(
                "of the good ones {} have a checksum that fits and were not tried: engine {state}",
                found.unchecked
            ),
        )?;
    }
    Ok(status)
}

pub(super) fn reencipher(context: &mut Context) -> Outcome {
    let bar = mk::progress("CKDS");
    let done = context.with_engine(|system| {
        let mut shown = |progress: icsf_core::master_key::Progress| {
            bar.set_length(u64::try_from(progress.of).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(progress.done).unwrap_or(u64::MAX));
        };
        Ok(system.icsf().reencipher(&mut shown)?)
    });
    bar.finish_and_clear();
    let done = done?;
    let status = if done.unusable.is_empty() { 0 } else { 8 };
    if context.out.is_json() {
        context.out.json(&json!({ "reenciphered": done.done, "unusable": named(&done.unusable) }))?;
        return Ok(status);
    }
    for (name, why) in &done.unusable {
        context.out.line(name)?;
        context.out.entry("  cannot be used: ", why)?;
    }
    context.out.line(format!("records re-enciphered: {}, not usable: {}", done.done, done.unusable.len()))?;
    Ok(status)
}

fn is_dash(file: &Path) -> bool {
    file.as_os_str() == "-"
}

pub(super) fn export(context: &mut Context, file: &Path, force: bool) -> Outcome {
    if is_dash(file) {
        if context.out.is_terminal() {
            return Err(
                Failure::usage("an export is no text for a terminal").next("name a file, or redirect standard output")
            );
        }
        if context.out.is_json() {
            return Err(Failure::usage("--json and the export cannot both go to standard output").next("name a file"));
        }
        let system = context.open()?;
        let count = system.icsf().export_ckds(&mut context.out)?;
        context.out.note(&format!("records exported: {count}"))?;
        return Ok(0);
    }
    let system = context.open()?;
    let count = write_file(file, force, &system)?;
    if context.out.is_json() {
        context.out.json(&json!({ "file": file.display().to_string(), "records": count }))?;
    } else {
        context.out.note(&format!("records exported to {}: {count}", file.display()))?;
    }
    Ok(0)
}

/// Writes the export beside `file`, and puts it in its place when it is whole.
fn write_file(file: &Path, force: bool, system: &System) -> Result<usize, Failure> {
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
    let count = system.icsf().export_ckds(&mut part)?;
    part.flush().and_then(|()| part.as_file().sync_all()).map_err(failed)?;
    let placed = if force { part.persist(file) } else { part.persist_noclobber(file) };
    placed.map_err(
        |error| {
            if error.error.kind() == io::ErrorKind::AlreadyExists { exists() } else { failed(error.error) }
        },
    )?;
    Ok(count)
}

pub(super) fn import(context: &mut Context, file: &Path) -> Outcome {
    let mut bytes = Vec::new();
    let shown = file.display();
    let failed = |error: io::Error| Failure::usage(format!("{shown}: {error}"));
    if is_dash(file) {
        if io::stdin().is_terminal() {
            return Err(Failure::usage("an export cannot be typed").next("name a file, or redirect standard input"));
        }
        context.take_stdin("export")?;
        io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
    } else {
        File::open(file).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(failed)?;
    }
    let count = context.with_engine(|system| Ok(system.icsf().import_ckds(&mut bytes.as_slice())?))?;
    if context.out.is_json() {
        context.out.json(&json!({ "records": count }))?;
    } else {
        context.out.note(&format!("records imported: {count}"))?;
    }
    Ok(0)
}
