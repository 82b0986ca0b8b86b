//! `about licences`: the licences of everything that is linked in.

use clap::Args;
use serde_json::{Value, json};

use crate::context::{Context, Outcome};

/// Made by `cli/licences.py`; a test sees that nothing is missing in it.
const LICENCES: &str = include_str!("../../licences.txt");

/// Show the licences of everything linked into this program
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  softicsf about licences | less")]
pub(crate) struct Licences {}

impl Licences {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        if context.out.is_json() {
            let packages: Vec<Value> = packages()
                .map(|(name, version, licence)| json!({ "name": name, "version": version, "licence": licence }))
                .collect();
            context.out.json(&json!({ "packages": packages }))?;
        } else {
            LICENCES.lines().try_for_each(|line| context.out.line(line))?;
        }
        Ok(0)
    }
}

/// The table of the file: a line of three columns each, up to the first line of dashes.
fn packages() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let table = LICENCES.lines().take_while(|line| !line.starts_with("---"));
    table.filter_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        let (version, licence) = rest.trim_start().split_once(' ')?;
        version.starts_with(|c: char| c.is_ascii_digit()).then_some((name, version, licence.trim_start()))
    })
}
