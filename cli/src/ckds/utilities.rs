//! What utilities do with a CKDS: REFRESH, check, re-encipher, export, import.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use serde_json::json;

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::files;
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

pub(super) fn export(context: &mut Context, file: &Path, force: bool) -> Outcome {
    if files::is_dash(file) {
        files::to_standard_output(context)?;
        let system = context.open()?;
        let count = system.icsf().export_ckds(&mut context.out)?;
        context.out.note(&format!("records exported: {count}"))?;
        return Ok(0);
    }
    let system = context.open()?;
    let count = files::write_whole(file, force, |out| Ok(system.icsf().export_ckds(out)?))?;
    if context.out.is_json() {
        context.out.json(&json!({ "file": file.display().to_string(), "records": count }))?;
    } else {
        context.out.note(&format!("records exported to {}: {count}", file.display()))?;
    }
    Ok(0)
}

pub(super) fn import(context: &mut Context, file: &Path) -> Outcome {
    let mut bytes = Vec::new();
    let shown = file.display();
    let failed = |error: io::Error| Failure::usage(format!("{shown}: {error}"));
    if files::is_dash(file) {
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
