//! The command line: help, manual pages and completions all come from this definition.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, Parser, Subcommand};
use icsf_saf::Caller;
use ptkt::UserId;

use crate::context::{Context, Outcome};
use crate::secrets::Source;
use crate::{
    about, ckds, completions, console, drill, engine, export, import, init, journal, kat, kdc, keytab, man, mk,
    principal, ptkt as ptkt_verb, racf, realm, scan, status,
};

const AFTER: &str = "\
Example:
  softicsf init prd1 --sysname PRD1 --generate-master-keys
  cd prd1
  softicsf racf 'SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA)'
  softicsf status

A system is a directory: one simulated z/OS image with its options, its CKDS,
its security database and the state of its engine. Several processes may use
it; what one changes the others see on their next call.

Exit status: 0 done; 1 looked, and the answer is no; 2 the command line or an
input file is wrong; otherwise the return code of the service that failed:
8 what was asked for cannot be done, 12 ICSF, the engine or the environment is
not there for it, 16 a fault of this program. 4 is done, with a warning. A
reader that goes away (a broken pipe) is no error.

Secrets (keys, pass phrases, PINs, tickets) are read from a file of mode 0600,
from standard input (-) or at a prompt, and never from the command line.

Environment: SOFTICSF_SYSTEM for -C, SOFTICSF_PASSPHRASE_FILE for
--passphrase-file, SOFTICSF_PIN_FILE for --pin-file, SOFTICSF_PIN for the PIN
itself, SOFTICSF_SECRET_NAME for @secret:NAME in RACF commands, NO_COLOR.";

/// A software ICSF: PassTickets, their keys, and what happens without a crypto
/// card
#[derive(Debug, Parser)]
#[command(name = "softicsf", version, term_width = 80, arg_required_else_help = true, after_help = AFTER)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Print version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Options that may stand anywhere.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every verb")]
pub(crate) struct Globals {
    /// Directory of the system [default: the current directory]
    #[arg(short = 'C', id = "system", value_name = "DIR", env = "SOFTICSF_SYSTEM", hide_env = true, global = true)]
    pub(crate) system: Option<PathBuf>,
    /// Pass phrase of the engine; - for standard input, prompt to be asked
    #[arg(
        long,
        id = "passphrase-file",
        value_name = "FILE",
        env = "SOFTICSF_PASSPHRASE_FILE",
        hide_env = true,
        global = true
    )]
    pub(crate) passphrase_file: Option<Source>,
    /// PIN of the token; - for standard input, prompt to be asked
    #[arg(long, id = "pin-file", value_name = "FILE", env = "SOFTICSF_PIN_FILE", hide_env = true, global = true)]
    pub(crate) pin_file: Option<Source>,
    /// Answer in JSON (docs/json.md)
    #[arg(long, id = "json", global = true)]
    pub(crate) json: bool,
    /// Tell everything that is known of an error
    #[arg(short, long, id = "verbose", global = true)]
    pub(crate) verbose: bool,
    /// Print help
    #[arg(short, long, id = "help", action = ArgAction::HelpShort, global = true)]
    pub(crate) help: Option<bool>,
}

/// Verbs to which an option of every verb means nothing, and which.
const OUT_OF_PLACE: [(&str, &[&str]); 8] = [
    ("init", &["system"]),
    ("kat", &["system", "passphrase-file"]),
    ("drill", &["system", "passphrase-file", "pin-file"]),
    ("scan", &["system", "passphrase-file", "pin-file"]),
    ("about", &["system", "passphrase-file"]),
    ("about backends", &[]),
    ("completions", &["system", "passphrase-file", "pin-file", "json"]),
    ("man", &["system", "passphrase-file", "pin-file", "json"]),
];

/// Of a verb, or of the one it is below, unless it has an entry of its own.
fn out_of_place(verb: &str) -> &'static [&'static str] {
    let entry = |verb: &str| OUT_OF_PLACE.iter().find(|(name, _)| *name == verb);
    let above = || entry(verb.split(' ').next().unwrap_or_default());
    entry(verb).or_else(above).map_or(&[], |(_, options)| options)
}

/// The command line: help, manual pages and completions come from it.
pub(crate) fn command() -> Command {
    let command = Cli::command();
    let globals: Vec<Arg> = command.get_arguments().cloned().collect();
    command.mut_subcommands(|verb| {
        // What a verb has itself is not handed down to it, and this is hidden there.
        let options = out_of_place(verb.get_name());
        let hidden: Vec<&Arg> = globals.iter().filter(|arg| options.contains(&arg.get_id().as_str())).collect();
        let name = verb.get_name().to_owned();
        let verb = verb.mut_subcommands(|below| {
            // One for which less is out of place than for those beside it.
            let options = out_of_place(&format!("{name} {}", below.get_name()));
            let shown = hidden.iter().filter(|arg| !options.contains(&arg.get_id().as_str()));
            below.args(shown.map(|arg| (*arg).clone()))
        });
        verb.args(hidden.into_iter().map(|arg| arg.clone().hide(true)))
    })
}

/// What was typed: its verb, and an option that means nothing to it.
pub(crate) struct Typed {
    pub(crate) verb: String,
    pub(crate) out_of_place: Option<String>,
}

impl Typed {
    pub(crate) fn new(mut matches: &ArgMatches) -> Self {
        let mut words = Vec::new();
        while let Some((word, below)) = matches.subcommand() {
            words.push(word);
            matches = below;
        }
        let options = out_of_place(&words.join(" "));
        let typed = |option: &&&str| matches.value_source(option) == Some(ValueSource::CommandLine);
        let shown = |option: &&str| if *option == "system" { "-C".to_owned() } else { format!("--{option}") };
        Self { verb: words.join(" "), out_of_place: options.iter().find(typed).map(shown) }
    }
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(init::Init),
    Status(status::Status),
    Mk(mk::Mk),
    Engine(engine::Engine),
    Ckds(ckds::Ckds),
    Racf(racf::Racf),
    Import(import::Import),
    Export(export::Export),
    Console(console::Console),
    Ptkt(ptkt_verb::Ptkt),
    Realm(realm::RealmVerb),
    Principal(principal::PrincipalVerb),
    Keytab(keytab::Keytab),
    Kdc(kdc::KdcVerb),
    Journal(journal::Journal),
    Kat(kat::Kat),
    Drill(drill::Drill),
    Scan(scan::ScanVerb),
    About(about::About),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Verb {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match self {
            Self::Init(verb) => verb.run(context),
            Self::Status(verb) => verb.run(context),
            Self::Mk(verb) => verb.run(context),
            Self::Engine(verb) => verb.run(context),
            Self::Ckds(verb) => verb.run(context),
            Self::Racf(verb) => verb.run(context),
            Self::Import(verb) => verb.run(context),
            Self::Export(verb) => verb.run(context),
            Self::Console(verb) => verb.run(context),
            Self::Ptkt(verb) => verb.run(context),
            Self::Realm(verb) => verb.run(context),
            Self::Principal(verb) => verb.run(context),
            Self::Keytab(verb) => verb.run(context),
            Self::Kdc(verb) => verb.run(context),
            Self::Journal(verb) => verb.run(context),
            Self::Kat(verb) => verb.run(context),
            Self::Drill(verb) => verb.run(context),
            Self::Scan(verb) => verb.run(context),
            Self::About(verb) => verb.run(context),
            Self::Completions(verb) => verb.run(context),
            Self::Man(verb) => verb.run(context),
        }
    }
}

/// Who issues a command or calls a service.
#[derive(Debug, Clone, Args)]
pub(crate) struct As {
    /// User ID it is done as
    #[arg(long = "as", value_name = "USER", default_value = "IBMUSER")]
    caller: UserId,
}

impl As {
    pub(crate) const fn caller(&self) -> Caller {
        Caller::user(self.caller)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_sound() {
        super::command().debug_assert();
    }
}
