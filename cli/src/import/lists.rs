//! Command lists of ACF2 and Top Secret.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use icsf_saf::foreign::Translation;
use icsf_saf::unload::Finding;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::List;
use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::files;
use crate::output::continued;

/// The longest list.
const MOST: u64 = 16 << 20;

type Translate = fn(&str, &mut dyn FnMut(&Finding)) -> Translation;

pub(super) fn import(context: &mut Context, list: &List, translate: Translate) -> Outcome {
    let text = read(context, &list.file)?;
    let mut told = Vec::new();
    let translation = translate(&text, &mut |finding| told.push(finding.clone()));
    if translation.keys() > 0 {
        only_the_owner_reads(&list.file)?;
    }
    let mut status = if told.is_empty() { 0 } else { 4 };
    let mut answers: Vec<Value> = Vec::new();
    let issuer = list.issuer.caller();
    for one in translation.commands() {
        let mut error = Value::Null;
        if !context.out.is_json() {
            continued("", &one.command).iter().try_for_each(|line| context.out.line(line))?;
        }
        if !list.dry_run {
            match context.with_engine(|system| Ok(system.racf(&issuer, &one.command, &translation)?)) {
                Ok(output) if !context.out.is_json() => {
                    output.messages.iter().try_for_each(|message| context.out.message(message))?;
                }
                Ok(_) => {}
                Err(failure) => {
                    context.out.finish()?;
                    context.tell("import", &failure);
                    error = failure.json(context.numbering());
                    status = 8;
                }
            }
        }
        answers.push(json!({ "line": one.line, "command": one.command, "error": error }));
    }
    if context.out.is_json() {
        context.out.json(&json!({
            "dry_run": list.dry_run,
            "commands": answers,
            "keys": translation.keys(),
            "findings": told.iter().map(super::unload::finding).collect::<Vec<_>>(),
        }))?;
        return Ok(status);
    }
    for finding in &told {
        context.out.note(&format!("not understood: {finding}"))?;
    }
    let done = if list.dry_run { "would be issued" } else { "issued" };
    context.out.note(&format!(
        "RACF commands {done}: {}, keys in them: {}, not understood: {}",
        translation.commands().len(),
        translation.keys(),
        told.len()
    ))?;
    Ok(status)
}

/// The text of a list; wiped when it is dropped.
fn read(context: &mut Context, file: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = file.display();
    let size =
        if files::is_dash(file) { 1 << 20 } else { File::open(file).and_then(|f| f.metadata()).map_or(0, |m| m.len()) };
    // Reserved at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size.min(MOST) + 1).unwrap_or(0)));
    let input = files::open(context, file, "list of commands")?;
    input.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    if bytes.len() > usize::try_from(MOST).unwrap_or(usize::MAX) {
        return Err(Failure::usage(format!("{shown}: a list of commands has 16 MB at most")));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::usage(format!("{shown}: it is no text")).next("transfer the list as text")),
    }
}

fn only_the_owner_reads(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    match std::fs::metadata(file) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o077 != 0 => {
            let mode = found.permissions().mode() & 0o777;
            Err(Failure::usage(format!("{shown}: it has keys in it, and its mode is {mode:o}: others can read it"))
                .next(format!("chmod 600 {shown}")))
        }
        _ => Ok(()),
    }
}
