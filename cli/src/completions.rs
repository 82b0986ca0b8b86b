//! `completions`: what a shell needs to complete the command line.

use clap::Args;
use clap_complete::Shell;

use crate::args;
use crate::context::{Context, Outcome};

/// Write a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf completions bash > ~/.local/share/bash-completion/completions/softicsf
  softicsf completions zsh > ~/.zfunc/_softicsf
  softicsf completions fish > ~/.config/fish/completions/softicsf.fish")]
pub(crate) struct Completions {
    /// Shell that is to complete
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        clap_complete::generate(self.shell, &mut args::command(), "softicsf", &mut context.out);
        Ok(0)
    }
}
