//! `about`: what this program rests on.

mod backends;
mod codes;
mod fidelity;
mod licences;

use clap::{Args, Subcommand};

use crate::context::{Context, Outcome};

/// What is documented and what assumed, the codes, the engines, the licences
#[derive(Debug, Args)]
#[command(after_help = "\
Example: what 8/16/28 and 0C/0000 mean
  softicsf about codes 8/16/28
  softicsf about codes 0C/0000")]
pub(crate) struct About {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Fidelity(fidelity::Fidelity),
    Codes(codes::Codes),
    Backends(backends::Backends),
    Licences(licences::Licences),
}

impl About {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match &self.what {
            What::Fidelity(verb) => verb.run(context),
            What::Codes(verb) => verb.run(context),
            What::Backends(verb) => verb.run(context),
            What::Licences(verb) => verb.run(context),
        }
    }
}
