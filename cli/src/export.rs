//! `export`: what leaves the security database.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use icsf_saf::unload::{self, Form, Written};
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::files;

/// Write the security database to a file
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf export unload racf.txt

The CKDS has an export of its own: softicsf ckds export.")]
pub(crate) struct Export {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Groups, users, profiles and permits as an IRRDBU00 unload
    #[command(after_help = "\
Examples:
  softicsf export unload racf.txt
  softicsf export unload --ebcdic - > racf.bin

No key and no password is in it. Records: 0100, 0102, 0200, 0203, 0205, 02D0,
0500, 0505, 0530, 0580. The same database gives the same bytes.")]
    Unload {
        /// File to write, mode 0600; - for standard output
        file: PathBuf,
        /// EBCDIC 1047, each record after its length word (RDW), instead of text
        #[arg(long)]
        ebcdic: bool,
        /// Replace the file if there is one
        #[arg(long)]
        force: bool,
    },
}

impl Export {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match &self.action {
            Action::Unload { file, ebcdic, force } => unload(context, file, *ebcdic, *force),
        }
    }
}

fn unload(context: &mut Context, file: &Path, ebcdic: bool, force: bool) -> Outcome {
    let form = if ebcdic { Form::EBCDIC } else { Form::TEXT };
    if files::is_dash(file) {
        files::to_standard_output(context)?;
    }
    let system = context.open()?;
    let view = system.saf().database().view().map_err(icsf_saf::Error::from)?;
    let failed = |error: io::Error| Failure::new(12, format!("{}: {error}", file.display()));
    let written = if files::is_dash(file) {
        unload::export(&view, form, &mut context.out).map_err(failed)?
    } else {
        files::write_whole(file, force, |out| {
            unload::export(&view, form, BufWriter::with_capacity(1 << 16, out)).map_err(failed)
        })?
    };
    let damaged: Vec<(String, String)> = view.damaged().map(|(name, why)| (name, why.to_string())).collect();
    let status = if damaged.is_empty() { 0 } else { 4 };
    let records: u64 = written.values().sum();
    if context.out.is_json() {
        context.out.json(&json!({
            "file": file.display().to_string(),
            "form": form.to_string(),
            "records": records,
            "types": types(&written),
            "left_out": damaged.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect::<Vec<_>>(),
        }))?;
        return Ok(status);
    }
    let to = if files::is_dash(file) { String::new() } else { format!(" to {}", file.display()) };
    context.out.note(&format!("records exported{to}: {records}"))?;
    for (name, why) in damaged {
        context.out.note(&format!("left out, for it cannot be read: {name}: {why}"))?;
    }
    Ok(status)
}

fn types(written: &Written) -> Vec<serde_json::Value> {
    written.iter().map(|(record, count)| json!({ "type": record, "records": count })).collect()
}
