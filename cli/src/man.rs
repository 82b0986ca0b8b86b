//! `man`: manual pages.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::args;
use crate::context::{Context, Outcome};
use crate::failure::Failure;

/// Write the manual pages, one for each verb, into a directory
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf man ~/.local/share/man/man1 && man softicsf-ptkt-generate")]
pub(crate) struct Man {
    /// Directory to write into; it is made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Man {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let shown = self.directory.display();
        fs::create_dir_all(&self.directory)
            .and_then(|()| clap_mangen::generate_to(args::command(), &self.directory))
            .map_err(|error| Failure::new(12, format!("{shown}: {error}")))?;
        context.out.note(&format!("manual pages written to {shown}"))?;
        Ok(0)
    }
}
