//! `console`: operator commands.

use clap::Args;
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::failure::Failure;

/// Operator commands: displays of the engine and of SMF, start and stop ICSF
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf console D ICSF,CARDS
  softicsf console D SMF,O
  softicsf console STOP CSF
  softicsf console START CSF")]
pub(crate) struct Console {
    /// The command, in one argument or several
    #[arg(value_name = "COMMAND", required = true)]
    words: Vec<String>,
}

impl Console {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let system = context.open()?;
        let reply = system
            .console(&self.words.join(" "))
            .map_err(|error| Failure::new(error.return_code(), error.to_string()))?;
        if context.out.is_json() {
            context.out.json(&json!({ "lines": reply }))?;
        } else {
            reply.iter().try_for_each(|line| context.out.line(line))?;
        }
        Ok(0)
    }
}
