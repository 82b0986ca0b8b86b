//! `racf`: the RACF command language.

use std::ops::ControlFlow;

use clap::Args;
use icsf_saf::command::{Output, covered, goes_on, join, shows_secret, verbs};
use serde_json::{Value, json};
use softicsf::HostSecrets;

use crate::args::As;
use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::prompt::{Language, Reader, ends};

/// RACF commands, one for each argument; without any, a READY prompt or
/// standard input
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Racf {
    /// Commands, each one argument
    #[arg(value_name = "COMMAND")]
    commands: Vec<String>,
    #[command(flatten)]
    issuer: As,
    /// Go on after a command that failed
    #[arg(long)]
    keep_going: bool,
}

/// The commands are those of their table.
fn after_help() -> String {
    let mut names = String::from("Commands: ");
    let mut column = names.len();
    for (number, verb) in verbs().iter().enumerate() {
        let end = if number + 1 == verbs().len() { "." } else { ", " };
        if column + verb.name().len() + 1 > 79 {
            names = format!("{}\n", names.trim_end());
            column = 0;
        }
        names.push_str(verb.name());
        names.push_str(end);
        column += verb.name().len() + end.len();
    }
    format!(
        "\
Examples:
  softicsf racf 'SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA)'
  softicsf racf 'RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYENCRYPTED(@file:key))' \\
                'SETROPTS RACLIST(PTKTDATA) REFRESH'
  softicsf racf < setup.txt

{names}
A line that ends in - or + goes on in the next; /* */ is a comment.
docs/commands.md has the operands.

A key or password is named by @file:PATH (mode 0600) or @secret:NAME (the
environment variable SOFTICSF_SECRET_NAME), or typed in a command that comes
from standard input. Listings go to standard output, messages to standard
error. The first command that fails ends it, with exit status 8; at the READY
prompt END or Ctrl-D does. There, Tab completes verbs, keywords, classes and
names; commands are remembered in racf.history in the directory of the system,
but for those with a comment, or a key or password typed in them."
    )
}

const LANGUAGE: Language = Language {
    verb: "racf",
    ready: "READY",
    goes_on: |text| goes_on(text.rsplit('\n').next().unwrap_or_default()),
    commands: join,
    completions: |system, typed| system.racf_completions(typed),
    may_be_shown: |command| !shows_secret(command),
    // What is mistyped may be a secret in the wrong place.
    may_be_kept: |command| covered(command) == command,
};

impl Racf {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let mut session = Session { verb: self, prompt: false, status: 0, answers: Vec::new() };
        if self.commands.is_empty() {
            session.read(context)?;
        } else {
            if self.commands.iter().any(|command| shows_secret(command)) {
                return Err(Failure::usage("a key or password was typed on the command line")
                    .because("others can read it in the list of processes, and it stays in the history of the shell")
                    .next("name it by @file:PATH or @secret:NAME, or give the command on standard input"));
            }
            for (number, command) in self.commands.iter().enumerate() {
                if session.issue(context, command, number + 1)?.is_break() {
                    break;
                }
            }
        }
        if context.out.is_json() {
            context.out.json(&json!({ "commands": session.answers }))?;
        }
        Ok(session.status)
    }
}

/// Commands being issued.
struct Session<'a> {
    verb: &'a Racf,
    prompt: bool,
    status: u8,
    answers: Vec<Value>,
}

impl Session<'_> {
    /// Issues the command that begins on a line; breaks when it was the last.
    fn issue(&mut self, context: &mut Context, command: &str, line: usize) -> Result<ControlFlow<()>, Failure> {
        let issuer = self.verb.issuer.caller();
        let issued = context.with_engine(|system| {
            system.racf(&issuer, command, &HostSecrets).map_err(|error| Failure::from(error.on_line(line)))
        });
        match issued {
            Ok(output) if context.out.is_json() => {
                let answer = json!({ "line": line, "lines": output.lines, "messages": output.messages });
                self.answers.push(answer);
            }
            Ok(output) => show(context, &output)?,
            Err(failure) => return self.failed(context, &failure, line),
        }
        context.out.finish()?;
        Ok(ControlFlow::Continue(()))
    }

    /// Tells that a command failed; breaks when it was the last.
    fn failed(&mut self, context: &mut Context, failure: &Failure, line: usize) -> Result<ControlFlow<()>, Failure> {
        self.answers.push(json!({
            "line": line,
            "position": failure.position(),
            "hint": failure.hint(),
            "error": failure.json(context.numbering()),
        }));
        context.out.finish()?;
        context.tell("racf", failure);
        if self.prompt {
            return Ok(ControlFlow::Continue(()));
        }
        self.status = failure.exit();
        Ok(if self.verb.keep_going { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    /// Issues the commands of standard input, each as soon as it is there.
    fn read(&mut self, context: &mut Context) -> Result<(), Failure> {
        let mut reader = Reader::open(&LANGUAGE, context)?;
        self.prompt = reader.is_prompt();
        while let Some(read) = reader.next()? {
            let line = reader.line();
            let commands = match read {
                Ok(commands) => commands,
                Err(failure) if self.failed(context, &failure, line)?.is_break() => return Ok(()),
                Err(_told) => continue,
            };
            for command in commands {
                if ends(&command) || self.issue(context, &command, line)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn show(context: &mut Context, output: &Output) -> Result<(), Failure> {
    output.lines.iter().try_for_each(|line| context.out.line(line))?;
    output.messages.iter().try_for_each(|message| context.out.message(message))
}
