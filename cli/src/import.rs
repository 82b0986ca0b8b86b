//! `import`: what comes into the security database from elsewhere.

mod lists;
mod unload;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::args::As;
use crate::context::{Context, Outcome};

/// Take unloads and command lists of real systems into the security database
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf import unload racf.txt --dry-run
  softicsf import unload racf.txt")]
pub(crate) struct Import {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// An IRRDBU00 unload: all that is in it, as one change, or nothing
    #[command(after_help = "\
Examples:
  softicsf import unload racf.txt --dry-run
  softicsf import unload racf.txt --log racf.log
  gunzip < racf.gz | softicsf import unload -

ASCII or EBCDIC 1047, lines or records with length words (RDW): found by
looking. Kept are groups, users, connections, and the profiles of classes this
system has, with permits, SSIGNON and KERB; all else is counted.

An unload holds no key: a profile whose key is masked is there afterwards, and
makes no ticket until it is given the key (RALTER ... SSIGNON(KEYMASKED(...))).
Passwords and keys that are here already stay. Nothing is removed. Classes that
are RACLISTed use what was imported at once, as after an IPL.

Exit status 4 when something in the file was not understood, or stayed as it
was here.")]
    Unload {
        /// File to read; - for standard input
        file: PathBuf,
        /// What is here and differs becomes what the file says
        #[arg(long)]
        replace: bool,
        /// Say what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// File for everything that was not understood, one line each
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
    },
    /// A list of ACF2 commands for PassTickets
    #[command(after_help = "\
Example:
  softicsf import acf2 site.acf --dry-run

Known: SSIGNON records of PTKTDATA with SSKEY and MULT-USE, rules IRRPTAUTH of
type PTK, REBUILD(PTK). Each becomes RACF commands; the rest is told and left
out. Keys are shown nowhere; a file that has some must be of mode 0600.

Exit status 4 when something was not understood, 8 when a command failed.")]
    Acf2(List),
    /// A list of Top Secret commands for PassTickets
    #[command(after_help = "\
Example:
  softicsf import top-secret site.tss --dry-run

Known: ADDTO, REPLACE and REMOVE of PSTKAPPL with SESSKEY and SIGNMULTI in the
NDT, PERMIT of PTKTDATA(IRRPTAUTH...), REFRESH. Each becomes RACF commands; the
rest is told and left out. Keys are shown nowhere; a file that has some must be
of mode 0600.

Exit status 4 when something was not understood, 8 when a command failed.")]
    TopSecret(List),
}

/// A list of commands of another security server.
#[derive(Debug, Args)]
struct List {
    /// File to read; - for standard input
    file: PathBuf,
    /// Say which RACF commands it makes, and issue none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    issuer: As,
}

impl Import {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match &self.action {
            Action::Unload { file, replace, dry_run, log } => {
                unload::import(context, file, *replace, *dry_run, log.as_deref())
            }
            Action::Acf2(list) => lists::import(context, list, icsf_saf::foreign::acf2),
            Action::TopSecret(list) => lists::import(context, list, icsf_saf::foreign::top_secret),
        }
    }
}
