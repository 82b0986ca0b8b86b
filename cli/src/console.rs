//! `console`: operator commands.

use std::ops::ControlFlow;

use clap::Args;
use icsf_saf::command::shows_secret;
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::prompt::{Language, Reader, ends};

/// Operator commands: displays of ICSF, its engine and SMF, SETICSF, START and
/// STOP CSF; without any, a prompt or standard input
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf console D ICSF,CARDS
  softicsf console D ICSF,MKVPS
  softicsf console SETICSF DEACTIVATE
  softicsf console SETICSF DISABLE,CKDS
  softicsf console STOP CSF
  softicsf console START CSF
  softicsf console F RSED,APPL=IVP PASSTICKET,IBMUSER
  softicsf console < commands.txt

D ICSF[,LIST] shows the system, CARDS the engine, KDS and MKVPS the CKDS and the
patterns of its master keys, MKS the registers, OPTIONS the options; D SMF,O the
SMF ID. SETICSF ACTIVATE and DEACTIVATE are the switch of the engine, as of
softicsf engine. With CKDS updates disabled, services that write the CKDS answer
12/4 until ENABLE,CKDS or STOP CSF.

A command that was to change something and was refused ends with status 8; STOP
or START CSF with 4 when it is so already. The first command that fails ends it; at the prompt END or Ctrl-D does. There,
Tab completes commands, and they are remembered in console.history in the
directory of the system.")]
pub(crate) struct Console {
    /// The command, in one argument or several
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
}

const LANGUAGE: Language = Language {
    verb: "console",
    ready: "CONSOLE",
    goes_on: |_| false,
    commands: |text| text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect(),
    completions: |system, typed| (typed.len() - typed.trim_start().len(), system.console_completions(typed)),
    // One for RACF may be typed here by mistake.
    may_be_shown: |command| !shows_secret(command),
    may_be_kept: |command| !shows_secret(command),
};

impl Console {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        if self.words.is_empty() {
            return several(context);
        }
        let reply = reply(context, &self.words.join(" "))?;
        if context.out.is_json() {
            context.out.json(&json!({ "lines": reply }))?;
        } else {
            reply.iter().try_for_each(|line| context.out.line(line))?;
        }
        Ok(0)
    }
}

/// Issues the commands of standard input, each as soon as it is there.
fn several(context: &mut Context) -> Outcome {
    let mut reader = Reader::open(&LANGUAGE, context)?;
    let (mut status, mut answers) = (0, Vec::new());
    'session: while let Some(commands) = reader.next()? {
        for command in commands? {
            if ends(&command) {
                break 'session;
            }
            let failed = issue(context, &command, &mut answers)?;
            if let (ControlFlow::Break(failed), false) = (failed, reader.is_prompt()) {
                status = failed;
                break 'session;
            }
        }
    }
    if context.out.is_json() {
        context.out.json(&json!({ "commands": answers }))?;
    }
    Ok(status)
}

/// Issues one command; breaks with the exit status when it failed.
fn issue(context: &mut Context, command: &str, answers: &mut Vec<Value>) -> Result<ControlFlow<u8>, Failure> {
    let done = match reply(context, command) {
        Ok(lines) if context.out.is_json() => {
            answers.push(json!({ "lines": lines }));
            ControlFlow::Continue(())
        }
        Ok(lines) => {
            lines.iter().try_for_each(|line| context.out.line(line))?;
            ControlFlow::Continue(())
        }
        Err(failure) => {
            answers.push(json!({ "error": failure.json(context.numbering()) }));
            context.out.finish()?;
            context.tell("console", &failure);
            ControlFlow::Break(failure.exit())
        }
    };
    context.out.finish()?;
    Ok(done)
}

fn reply(context: &mut Context, command: &str) -> Result<Vec<String>, Failure> {
    context.with_engine(|system| Ok(system.console(command)?))
}
