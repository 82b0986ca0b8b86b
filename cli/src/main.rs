//! The command line of softicsf.
//!
//! The idea: every verb is a file; it reads what the command line says, calls the system, and says what came of it,
//! once for people and once for machines. What failed, why and what to do is put into words in one place
//! ([`failure`]), and everything is written in one place ([`output`]).

mod about;
mod args;
mod ckds;
mod completions;
mod console;
mod context;
mod drill;
mod engine;
mod export;
mod failure;
mod files;
mod import;
mod init;
mod interrupt;
mod journal;
mod kat;
mod kdc;
mod keytab;
mod man;
mod mk;
mod output;
mod principal;
mod prompt;
mod ptkt;
mod racf;
mod realm;
mod scan;
mod secrets;
mod softhsm;
mod status;
mod throwaway;
mod time;
mod token;

use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use serde_json::json;

use crate::args::{Cli, Typed};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{fold_hanging, talk};

fn main() -> ExitCode {
    interrupt::handle();
    softicsf::own_modules();
    let status = command();
    interrupt::settle();
    status
}

fn command() -> ExitCode {
    let matches = args::command().try_get_matches();
    match matches.and_then(|matches| Ok((Typed::new(&matches), Cli::from_arg_matches(&matches)?))) {
        Ok((typed, cli)) => ExitCode::from(run(cli, &typed)),
        Err(error) => usage(&error),
    }
}

fn run(cli: Cli, typed: &Typed) -> u8 {
    let mut context = Context::new(cli.globals);
    let done = match &typed.out_of_place {
        Some(option) => Err(Failure::usage(format!("{option} means nothing to this verb"))),
        None => cli.verb.run(&mut context),
    };
    context.tell_lost();
    let done = done.or_else(|failure| {
        if context.out.is_json() {
            context.out.json(&json!({ "error": failure.json(context.numbering()) }))?;
        }
        Err(failure)
    });
    // What is still held back comes before the error.
    let done = context.out.finish().and(done);
    done.unwrap_or_else(|failure| {
        context.tell(&typed.verb, &failure);
        failure.exit()
    })
}

/// Help that was asked for, or what is wrong with the command line.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A reader that goes away has read enough.
        let _ = error.print();
    } else {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").map_or_else(|| text.clone(), |rest| format!("softicsf: {rest}"));
        for line in text.lines() {
            let indent = " ".repeat(line.len() - line.trim_start().len());
            fold_hanging(&indent, &format!("{indent}  "), line.trim_start()).iter().for_each(|line| talk(line));
        }
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
