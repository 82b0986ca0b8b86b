//! `ptkt`: PassTickets made, checked and explained.

use std::io::{self, IsTerminal};

use clap::{Args, Subcommand};
use icsf_saf::codes::Code;
use icsf_saf::explain::Explanation;
use ptkt::{Applid, GroupId, Ticket, UserId};
use secrecy::ExposeSecret;
use serde_json::json;
use softicsf::{Request, System};

use crate::args::As;
use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::output::{BAD, GOOD};
use crate::secrets::Source;
use crate::time::{self, At};

/// PassTickets: make one, check one, or tell why that fails
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf ptkt generate --user IBMUSER --appl TSOPRD1 |
    softicsf ptkt evaluate --user IBMUSER --appl TSOPRD1 --ticket -")]
pub(crate) struct Ptkt {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a PassTicket: it is all that goes to standard output
    #[command(after_help = "\
Example:
  softicsf ptkt generate --user IBMUSER --appl TSOPRD1

A ticket is a password for some minutes: keep it out of files that others can
read. Exit status 8 when there is none.")]
    Generate(Whom),
    /// Check a PassTicket, and remember its use
    #[command(after_help = "\
Examples:
  softicsf ptkt evaluate --user IBMUSER --appl TSOPRD1
  softicsf ptkt evaluate --user IBMUSER --appl TSOPRD1 --ticket ticket.txt

Without --ticket it is asked for. Exit status 0 when it is valid, 1 when it was
checked and is not, 8 when it could not be checked.")]
    Evaluate {
        #[command(flatten)]
        whom: Whom,
        /// File of mode 0600 with the ticket; - for standard input
        #[arg(long, value_name = "FILE")]
        ticket: Option<Source>,
    },
    /// Tell why a ticket would be made or not: profile, key, record, engine
    #[command(after_help = "\
Example:
  softicsf ptkt explain --user IBMUSER --appl TSOPRD1

No ticket is made for anybody. Exit status 0 whether there would be one or not.")]
    Explain(Whom),
}

/// Whom a ticket is for, and who asks.
#[derive(Debug, Args)]
struct Whom {
    /// User who signs on
    #[arg(long, value_name = "USER")]
    user: UserId,
    /// Application signed on to
    #[arg(long, value_name = "APPL")]
    appl: Applid,
    /// Group signed on with
    #[arg(long, value_name = "GROUP")]
    group: Option<GroupId>,
    /// Another time than now: 2025-11-14T09:00:00Z, or +90s, -10m from now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<At>,
    #[command(flatten)]
    caller: As,
}

impl Whom {
    fn request(&self, system: &System) -> Result<Request, Failure> {
        let at = self.at.map(|at| at.seconds(system.now())).transpose()?;
        Ok(Request { group: self.group, at, ..Request::new(self.user, self.appl) })
    }

    /// The command that tells more.
    fn explain(&self) -> String {
        let mut command = format!("softicsf ptkt explain --user {} --appl {}", self.user, self.appl);
        if let Some(group) = self.group {
            command += &format!(" --group {group}");
        }
        let caller = *self.caller.caller().id();
        if "IBMUSER".parse().is_ok_and(|default: UserId| default != caller) {
            command += &format!(" --as {caller}");
        }
        command
    }
}

impl Ptkt {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match &self.action {
            Action::Generate(whom) => generate(context, whom),
            Action::Evaluate { whom, ticket } => evaluate(context, whom, ticket.as_ref()),
            Action::Explain(whom) => explain(context, whom),
        }
    }
}

fn generate(context: &mut Context, whom: &Whom) -> Outcome {
    let (ticket, request) = context.with_engine(|system| {
        let request = whom.request(system)?;
        let ticket = system.generate(&whom.caller.caller(), &request);
        Ok((ticket.map_err(|error| Failure::from(error).see(&whom.explain()))?, request))
    })?;
    if context.out.is_json() {
        context.out.json(&json!({
            "user": whom.user.to_string(),
            "application": whom.appl.to_string(),
            "time": request.at.map(time::shown),
            "ticket": ticket.expose(),
        }))?;
    } else {
        context.out.line(ticket.expose())?;
    }
    Ok(0)
}

fn evaluate(context: &mut Context, whom: &Whom, from: Option<&Source>) -> Outcome {
    let from = match from {
        Some(from) => from.clone(),
        None if io::stdin().is_terminal() => Source::Prompt,
        None => {
            return Err(Failure::usage("there is no ticket, and no terminal to ask for it at")
                .next("name its file by --ticket FILE, or give it on standard input: --ticket -"));
        }
    };
    // What is wrong with the system is told before anybody types a ticket.
    context.open()?;
    if let Source::File(name) = &from
        && name.parse::<Ticket>().is_ok()
        && !std::path::Path::new(name).exists()
    {
        // Not repeated: somebody may have typed the ticket itself.
        return Err(Failure::usage("--ticket names a file, and there is none of that name")
            .next("a ticket is never typed on the command line: --ticket - reads it from standard input"));
    }
    let text = context.secret(&from, "ticket")?;
    let ticket: Ticket = text
        .expose_secret()
        .trim_ascii()
        .parse()
        .map_err(|error: ptkt::Error| Failure::new(1, format!("this is no PassTicket: {error}")))?;
    let accepted = context.with_engine(|system| {
        let accepted = system.evaluate(&whom.caller.caller(), &whom.request(system)?, &ticket);
        accepted.map_err(|error| match error.code() {
            Code::EvaluationNotValid | Code::EvaluationReplayed => Failure::from(error).status(1),
            _ => Failure::from(error).see(&whom.explain()),
        })
    })?;
    let kind = accepted.kind.to_string();
    if context.out.is_json() {
        context.out.json(&json!({
            "user": whom.user.to_string(),
            "application": whom.appl.to_string(),
            "valid": true,
            "kind": kind,
            "age_seconds": accepted.age,
        }))?;
    } else {
        let age = match accepted.age {
            ahead @ ..0 => format!("of a clock that is {} s ahead", -ahead),
            age => format!("made {age} s ago"),
        };
        context.out.line(format!("valid: {kind} ticket, {age}"))?;
    }
    Ok(0)
}

fn explain(context: &mut Context, whom: &Whom) -> Outcome {
    let system = context.open()?;
    let request = whom.request(&system)?;
    let Explanation { steps, outcome } = system.explain(&whom.caller.caller(), &request)?;
    // Looked, and the answer is no.
    let status = u8::from(outcome.is_err());
    if context.out.is_json() {
        let steps: Vec<_> =
            steps.iter().map(|step| json!({ "what": step.what, "found": step.found, "good": step.good })).collect();
        let error = outcome.err().map(|error| Failure::from(error).json(context.numbering()));
        context.out.json(&json!({
            "user": whom.user.to_string(),
            "application": whom.appl.to_string(),
            "group": whom.group.map(|group| group.to_string()),
            "caller": whom.caller.caller().id().to_string(),
            "time": time::shown(request.at.unwrap_or_else(|| system.now())),
            "steps": steps,
            "generated": error.is_none(),
            "error": error,
        }))?;
        return Ok(status);
    }
    let out = &mut context.out;
    let group = whom.group.map_or_else(String::new, |group| format!(", group {group}"));
    let caller = whom.caller.caller();
    out.line(format!("A PassTicket for {} at {}{group}, asked for by {}:", whom.user, whom.appl, caller.id()))?;
    out.line("")?;
    for step in &steps {
        let mark = if step.good { out.paint(GOOD, "ok") } else { out.paint(BAD, "NO") };
        // The mark may be longer than it looks.
        let label = format!("  {:<11}  ", step.what);
        out.marked(&mark, &label, &step.found)?;
    }
    out.line("")?;
    match outcome {
        Ok(()) => out.entry("caller sees  ", "a ticket")?,
        Err(error) => {
            out.entry("caller sees  ", &error.to_string())?;
            out.entry("cause        ", &error.cause().to_string())?;
            error.cause().remedies().iter().try_for_each(|remedy| out.entry("next         ", remedy))?;
        }
    }
    Ok(status)
}
