//! `ckds`: the key store.

mod add;
mod listing;
mod utilities;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use icsf_core::KeyLabel;
use icsf_core::label::LabelPattern;
use serde_json::json;

use crate::context::{Context, Outcome};

/// The key store (CKDS): its records, and what utilities do with it
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf ckds add PTKT.CICSP1.HMAC --type HMAC-MAC --generate
  softicsf ckds list 'PTKT.*'")]
pub(crate) struct Ckds {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the records of the disk copy
    #[command(after_help = "\
Examples:
  softicsf ckds list
  softicsf ckds list 'IRR.SSIGNON.*'

KEY tells algorithm and length in bytes; PROTECTION the master key the key is
wrapped under and its pattern, CLEAR for one that anybody can read who can read
the CKDS, or none for a record that holds no key yet.")]
    List {
        /// Labels to list; * stands for any characters
        #[arg(value_name = "PATTERN", default_value = "*", hide_default_value = true)]
        pattern: LabelPattern,
    },
    /// Show one record
    #[command(after_help = "\
Example:
  softicsf ckds show PTKT.CICSP1.HMAC

The check value tells whether two sites hold the same key; it takes the engine.")]
    Show {
        /// Label of the key
        label: KeyLabel,
    },
    Add(add::Add),
    /// Delete a record
    #[command(after_help = "Example:\n  softicsf ckds delete PTKT.OLD.DES")]
    Delete {
        /// Label of the key
        label: KeyLabel,
        /// On disk alone, as a utility does; services keep it until REFRESH
        #[arg(long)]
        disk_only: bool,
    },
    /// REFRESH: services use from now on what is on disk
    #[command(after_help = "Example:\n  softicsf ckds refresh")]
    Refresh,
    /// Check every record: checksum, and with the engine also MAC and key
    #[command(after_help = "\
Example:
  softicsf ckds verify

Exit status 4 when some could not be checked for want of an engine, 8 when
records cannot be used.")]
    Verify,
    /// Bring records that are under an old master key under the current one
    #[command(after_help = "Example:\n  softicsf ckds reencipher")]
    Reencipher,
    /// Write all records to a file, keys still wrapped
    #[command(after_help = "\
Examples:
  softicsf ckds export prod.ckds
  softicsf ckds export - | gzip > prod.ckds.gz")]
    Export {
        /// File to write, mode 0600; - for standard output
        file: PathBuf,
        /// Replace the file if there is one
        #[arg(long)]
        force: bool,
    },
    /// Add all records of an export, or none
    #[command(after_help = "\
Example:
  softicsf -C dr ckds import prod.ckds

An empty CKDS takes over the master keys the export is under, and needs no
engine for it; otherwise the records are checked with the engine.")]
    Import {
        /// File to read; - for standard input
        file: PathBuf,
    },
}

impl Ckds {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match &self.action {
            Action::List { pattern } => listing::list(context, pattern),
            Action::Show { label } => listing::show(context, label),
            Action::Add(add) => add.run(context),
            Action::Delete { label, disk_only } => delete(context, label, *disk_only),
            Action::Refresh => utilities::refresh(context),
            Action::Verify => utilities::verify(context),
            Action::Reencipher => utilities::reencipher(context),
            Action::Export { file, force } => utilities::export(context, file, *force),
            Action::Import { file } => utilities::import(context, file),
        }
    }
}

fn delete(context: &mut Context, label: &KeyLabel, disk_only: bool) -> Outcome {
    let system = context.open()?;
    if disk_only {
        system.icsf().kgup_delete(label)?;
    } else {
        system.icsf().csnbkrd(&["LABEL-DL"], label)?;
    }
    if context.out.is_json() {
        context.out.json(&json!({ "label": label.to_string(), "deleted": true, "disk_only": disk_only }))?;
        return Ok(0);
    }
    context.out.note(&format!("{label} deleted"))?;
    if disk_only {
        context.out.note("services keep it until: softicsf ckds refresh")?;
    }
    Ok(0)
}
