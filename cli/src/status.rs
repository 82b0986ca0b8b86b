//! `status`: the state of a system on one page.

use clap::Args;
use icsf_saf::KeySource;
use serde_json::{Value, json};
use softicsf::{Application, MasterKeyKind, System};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::output::{BAD, GOOD, Output, count};
use crate::{engine, mk};

/// The state of the system on one page
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf status
  softicsf -C prd1 status --json

The last lines tell for each application whether a PassTicket could be made for
it right now, by the profile of the copy in storage. No ticket is made for it.
Records of the CKDS that were made for profiles and that none names are named.")]
pub(crate) struct Status {}

impl Status {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let system = context.open()?;
        let status = system.status()?;
        let done = status.icsf.as_ref().map_or_else(icsf_core::Error::return_code, |_| 0);
        if context.out.is_json() {
            let answer = json_of(context, &system, &status);
            context.out.json(&answer)?;
        } else {
            let directory = context.directory().display().to_string();
            page(&mut context.out, &directory, &system, &status)?;
        }
        Ok(done)
    }
}

fn page(out: &mut Output, directory: &str, system: &System, status: &softicsf::Status) -> Result<(), Failure> {
    let names = system.names();
    out.entry("system  ", &format!("{} (SMF ID {}) in {directory}", names.sysname, names.smfid))?;
    match &status.icsf {
        Ok(icsf) => {
            let word = if icsf.started { out.paint(GOOD, "started") } else { out.paint(BAD, "not started") };
            out.line(format!("icsf    {word}; reason codes {}", names.reason_codes))?;
            engine::lines(out, &icsf.engine, &icsf.unusable_keys, "engine  ")?;
            key_data_set(out, &icsf.ckds)?;
            if !icsf.ckds_updates {
                out.entry("        ", &out.paint(BAD, "services cannot update it: SETICSF DISABLE,CKDS"))?;
            }
        }
        Err(error) => {
            let word = out.paint(BAD, "cannot be used");
            out.entry("icsf    ", &format!("{word}: {error}"))?;
            error.cause().remedies().iter().try_for_each(|next| out.entry("        next: ", next))?;
        }
    }
    for label in &status.unreferenced {
        let delete = format!("no profile names {label}: softicsf ckds delete {label}");
        out.entry("        ", &delete)?;
    }
    let mut label = "classes ";
    for class in &status.classes {
        let mut words = vec![if class.active { "active" } else { "not active" }.to_owned()];
        words.push(if class.raclisted { "RACLISTed" } else { "not RACLISTed" }.to_owned());
        if class.awaiting_refresh > 0 {
            words.push(format!("awaiting SETROPTS RACLIST REFRESH: {}", class.awaiting_refresh));
        }
        out.entry(&format!("{label}{:<8}  ", class.class.to_string()), &words.join(", "))?;
        label = "        ";
    }
    damaged(out, &status.damaged_rows)?;
    label = "tickets ";
    for application in &status.applications {
        let left = format!("{label}{:<8}  ", application.profile);
        match &application.usable {
            Ok(source) => {
                let yes = out.paint(GOOD, "yes");
                out.entry(&left, &format!("{yes}: {}", where_it_lies(source)))?;
                for remark in &application.remarks {
                    out.entry(&" ".repeat(left.chars().count()), &remark.to_string())?;
                }
            }
            Err(error) => {
                let no = out.paint(BAD, "no");
                out.entry(&left, &format!("{no}, SAF {}: {}", error.triple(), error.cause()))?;
            }
        }
        label = "        ";
    }
    if status.applications.is_empty() {
        out.line("tickets no application has a key profile yet")?;
    }
    Ok(())
}

fn key_data_set(out: &mut Output, ckds: &softicsf::Ckds) -> Result<(), Failure> {
    let under: Vec<String> = ckds.master_keys.iter().map(|(kind, pattern)| format!("{kind} {pattern}")).collect();
    let under = if under.is_empty() { "no master key yet".to_owned() } else { under.join(", ") };
    out.entry("ckds    ", &format!("{}, {}, under {under}", ckds.format, count(ckds.records, "record")))?;
    if ckds.awaiting_refresh > 0 {
        out.entry("        ", &format!("records that differ on disk and await REFRESH: {}", ckds.awaiting_refresh))?;
    }
    if let Some(trouble) = &ckds.trouble {
        out.entry("        ", &format!("the copy in storage is old: {trouble}"))?;
    }
    damaged(out, &ckds.damaged)
}

fn damaged(out: &mut Output, rows: &[(String, String)]) -> Result<(), Failure> {
    let word = out.paint(BAD, "damaged");
    rows.iter().try_for_each(|(name, why)| out.entry("        ", &format!("{word}: {name}: {why}")))
}

fn where_it_lies(source: &KeySource) -> String {
    match source {
        KeySource::Masked => "legacy, key masked in the profile".to_owned(),
        KeySource::Token => "legacy, key token in the profile".to_owned(),
        KeySource::Legacy(label) => format!("legacy, {label}"),
        KeySource::Enhanced(label) => format!("enhanced, {label}"),
        _ => "a key of a new sort".to_owned(),
    }
}

fn json_of(context: &Context, system: &System, status: &softicsf::Status) -> Value {
    let names = system.names();
    let icsf = status.icsf.as_ref().ok();
    let classes = status.classes.iter().map(|class| {
        json!({
            "class": class.class.to_string(),
            "active": class.active,
            "raclisted": class.raclisted,
            "awaiting_refresh": class.awaiting_refresh,
        })
    });
    json!({
        "directory": context.directory().display().to_string(),
        "sysname": names.sysname,
        "smfid": names.smfid,
        "reason_codes": names.reason_codes.to_string(),
        "icsf_started": icsf.map(|icsf| icsf.started),
        "ckds_updates": icsf.map(|icsf| icsf.ckds_updates),
        "icsf_error": status.icsf.as_ref().err().map(|error| Failure::from(error).json(context.numbering())),
        "engine": icsf.map(|icsf| engine::json_of(&icsf.engine, &icsf.unusable_keys)),
        "ckds": icsf.map(|icsf| ckds_json(&icsf.ckds)),
        "classes": classes.collect::<Vec<_>>(),
        "unreferenced": status.unreferenced.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "damaged_rows": named(&status.damaged_rows),
        "applications": status.applications.iter().map(|a| application(context, a)).collect::<Vec<_>>(),
    })
}

fn ckds_json(ckds: &softicsf::Ckds) -> Value {
    let pattern = |kind| {
        let found = ckds.master_keys.iter().find(|(of, _)| *of == kind);
        found.map(|(_, pattern)| pattern.to_string())
    };
    json!({
        "format": ckds.format.to_string(),
        "records": ckds.records,
        "awaiting_refresh": ckds.awaiting_refresh,
        "damaged": named(&ckds.damaged),
        "trouble": ckds.trouble,
        "master_keys": {
            mk::name(MasterKeyKind::Des): pattern(MasterKeyKind::Des),
            mk::name(MasterKeyKind::Aes): pattern(MasterKeyKind::Aes),
        },
    })
}

fn application(context: &Context, application: &Application) -> Value {
    let (source, label) = match &application.usable {
        Ok(KeySource::Masked) => (Some("masked"), None),
        Ok(KeySource::Token) => (Some("key-token"), None),
        Ok(KeySource::Legacy(label)) => (Some("legacy"), Some(label.to_string())),
        Ok(KeySource::Enhanced(label)) => (Some("enhanced"), Some(label.to_string())),
        _ => (None, None),
    };
    let error = application.usable.as_ref().err().map(|error| Failure::from(error).json(context.numbering()));
    json!({
        "profile": application.profile,
        "usable": application.usable.is_ok(),
        "key": source,
        "label": label,
        "error": error,
        "remarks": application.remarks.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Records, with what is wrong with them, for a machine.
pub(crate) fn named(bad: &[(String, String)]) -> Vec<Value> {
    bad.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect()
}
