//! `journal`: what happened on the system.

use std::ops::ControlFlow;

use clap::Args;
use icsf_core::journal::{Outcome as Ended, What};
use icsf_saf::smf;
use serde_json::{Value, json};
use softicsf::{Entry, Unreadable};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::output::{BAD, GOOD, count, fold_hanging};
use crate::time::At;

/// Show what happened: tickets, sign-ons, refused access, commands, master keys,
/// the engine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf journal --since -10m
  softicsf journal --event generate --event evaluate --failed
  softicsf journal --irradu00 > smf.unload

The journal is a file of JSON lines for each day, in the directory `journal` of
the system (docs/journal.md). With --irradu00 the events that RACF writes to SMF
are shown in the columns of its unload: PTCREATE, PTEVAL and JOBINIT.")]
pub(crate) struct Journal {
    /// Only events from this time on: RFC 3339, or -10m from now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<At>,
    /// Only these events; may be given several times
    #[arg(long, value_name = "EVENT", value_parser = event)]
    event: Vec<What>,
    /// Only what failed
    #[arg(long)]
    failed: bool,
    /// In the columns of IRRADU00
    #[arg(long, conflicts_with = "json")]
    irradu00: bool,
}

fn event(text: &str) -> Result<What, String> {
    serde_json::from_value(Value::from(text)).map_err(|_unknown| {
        let names: Vec<String> = What::ALL.into_iter().map(name).collect();
        format!("one of {}", names.join(", "))
    })
}

fn name(what: What) -> String {
    serde_json::to_value(what).ok().and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default()
}

impl Journal {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let system = context.open()?;
        let Some(journal) = system.journal() else { return Ok(0) };
        let since = self.since.map(|since| since.seconds(system.now())).transpose()?;
        let (mut entries, mut unreadable, mut trouble) = (Vec::new(), Vec::new(), None);
        let mut each = |entry: Result<Entry, Unreadable>| {
            let shown = match entry {
                Ok(entry) if !self.selects(&entry, since) => Ok(()),
                Ok(entry) if context.out.is_json() => {
                    entries.push(json!(entry));
                    Ok(())
                }
                Ok(entry) if self.irradu00 => {
                    smf::irradu00(&entry.event, &entry.smfid).map_or(Ok(()), |row| context.out.line(row))
                }
                Ok(entry) => show(context, &entry),
                Err(line) => {
                    unreadable.push(line);
                    Ok(())
                }
            };
            match shown {
                Ok(()) => ControlFlow::Continue(()),
                Err(failure) => {
                    trouble = Some(failure);
                    ControlFlow::Break(())
                }
            }
        };
        let read = journal.read(&mut each);
        read.map_err(|error| {
            Failure::new(12, format!("the journal cannot be read: {error}")).next("check the file and its permissions")
        })?;
        trouble.map_or(Ok(()), Err)?;
        if context.out.is_json() {
            let unreadable: Vec<Value> =
                unreadable.iter().map(|at| json!({ "file": at.file.display().to_string(), "line": at.line })).collect();
            context.out.json(&json!({ "entries": entries, "unreadable": unreadable }))?;
        } else {
            for line in &unreadable {
                context.out.note(&format!(
                    "line {} of {} is no event: a process was stopped while it wrote it",
                    line.line,
                    line.file.display()
                ))?;
            }
        }
        Ok(0)
    }

    fn selects(&self, entry: &Entry, since: Option<u64>) -> bool {
        let event = &entry.event;
        since.is_none_or(|since| event.at >= since)
            && (self.event.is_empty() || self.event.contains(&event.event))
            && (!self.failed || event.outcome == Ended::Failed)
    }
}

/// When, how it ended, what, who, by what, with which codes, and why; folded.
fn show(context: &mut Context, entry: &Entry) -> Result<(), Failure> {
    let event = &entry.event;
    let (style, word) = if event.outcome == Ended::Ok { (GOOD, "ok    ") } else { (BAD, "failed") };
    let who = match (&event.user, &event.application) {
        (Some(user), Some(application)) => Some(format!("{user} at {application}")),
        (user, _) => user.clone(),
    };
    let said = [
        event.action.clone(),
        who,
        event.caller.as_ref().map(|caller| format!("by {caller}")),
        event.by.as_ref().map(|by| format!("({by})")),
        event.age.map(|age| format!("{age} s old")),
        event.command.clone(),
        event.master_key.clone().filter(|_| event.event == What::MasterKey),
        event.records.map(|records| count(records, "record")),
        event.engine.clone().filter(|_| event.event == What::Engine),
        event.saf.as_ref().map(|saf| format!("SAF {saf}")),
        event.situation.clone().filter(|_| matches!(event.event, What::As | What::Tgs)),
        event.cause.clone(),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    let text = format!("{word} {:10} {}", name(event.event), said.join(" "));
    let time = entry.time.strftime("%F %T ").to_string();
    let others = " ".repeat(time.len());
    fold_hanging(&time, &others, &text).iter().enumerate().try_for_each(|(number, line)| {
        let rest = line.get(time.len() + word.len()..).filter(|_| number == 0);
        match rest {
            Some(rest) => context.out.line(format!("{time}{}{rest}", context.out.paint(style, word))),
            None => context.out.line(line),
        }
    })
}
