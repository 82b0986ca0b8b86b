//! Records as lists and pages show them.

use icsf_core::backend::{Etype, KeyAlgorithm};
use icsf_core::kds::Found;
use icsf_core::label::LabelPattern;
use icsf_core::services::{Content, ListEntry, Protection};
use icsf_core::{Icsf, KeyIdentifier, KeyLabel};
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::{mk, time};

/// The records of the disk copy whose labels fit.
fn find(icsf: &Icsf, pattern: &LabelPattern) -> Result<Vec<ListEntry>, Failure> {
    let (_, entries) = icsf.csfkdsl(&["CKDS", "DETAILED", "ALL"], pattern, usize::MAX, None)?.value;
    Ok(entries)
}

/// The record of a label.
pub(super) fn find_one(icsf: &Icsf, label: &KeyLabel) -> Result<Option<ListEntry>, Failure> {
    // Every label is a pattern too, which fits itself alone.
    let exactly = label.to_string().parse::<LabelPattern>().map_err(|error| Failure::new(16, error.to_string()))?;
    Ok(find(icsf, &exactly)?.into_iter().next())
}

pub(super) fn list(context: &mut Context, pattern: &LabelPattern) -> Outcome {
    let system = context.open()?;
    let entries = find(system.icsf(), pattern)?;
    let out = &mut context.out;
    if out.is_json() {
        let records: Vec<Value> = entries.iter().map(json_of).collect();
        out.json(&json!({ "records": records }))?;
        return Ok(0);
    }
    if entries.is_empty() {
        out.note("no record has such a label")?;
        return Ok(0);
    }
    let widest = entries.iter().map(|entry| entry.key.label().to_string().len()).max().unwrap_or_default().clamp(5, 39);
    let types = entries.iter().map(|entry| entry.key.key_type().to_string().len()).max().unwrap_or_default().max(4);
    out.line(format!("{:<widest$}  {:<types$}  {:<8}  PROTECTION", "LABEL", "TYPE", "KEY"))?;
    for entry in &entries {
        let label = entry.key.label().to_string();
        let (key, protection) = match &entry.content {
            Ok(content) => (key(content), protection(content)),
            Err(why) => ("-".to_owned(), format!("DAMAGED: {why}")),
        };
        let left = if label.len() > widest {
            out.line(&label)?;
            String::new()
        } else {
            label
        };
        out.entry(&format!("{left:<widest$}  {:<types$}  {key:<8}  ", entry.key.key_type().to_string()), &protection)?;
    }
    let waiting = system.icsf().key_data_set().awaiting_refresh()?;
    if waiting > 0 {
        out.note(&format!("records that differ from what services use: {waiting}; softicsf ckds refresh"))?;
    }
    Ok(0)
}

pub(super) fn key(content: &Content) -> String {
    content.key.map_or_else(|| "-".to_owned(), |(algorithm, bytes)| format!("{algorithm} {bytes}"))
}

pub(super) fn protection(content: &Content) -> String {
    match content.protection {
        Protection::Wrapped(kind, pattern) => format!("{kind} {pattern}"),
        Protection::Clear => "CLEAR".to_owned(),
        _ => "none".to_owned(),
    }
}

pub(super) fn json_of(entry: &ListEntry) -> Value {
    let (label, key_type) = (entry.key.label().to_string(), entry.key.key_type().to_string());
    match &entry.content {
        Err(why) => json!({ "label": label, "type": key_type, "damaged": why.to_string() }),
        Ok(content) => {
            let (protection, kind, pattern) = match content.protection {
                Protection::Wrapped(kind, pattern) => ("wrapped", Some(mk::name(kind)), Some(pattern.to_string())),
                Protection::Clear => ("clear", None, None),
                _ => ("none", None, None),
            };
            json!({
                "label": label,
                "type": key_type,
                "damaged": null,
                "algorithm": content.key.map(|(algorithm, _)| algorithm.to_string()),
                "bytes": content.key.map(|(_, bytes)| bytes),
                "etype": etype(content).map(Etype::number),
                "protection": protection,
                "master_key": kind,
                "pattern": pattern,
                "created": time::shown(content.created),
                "updated": (content.updated > 0).then(|| time::shown(content.updated)),
            })
        }
    }
}

pub(super) fn show(context: &mut Context, label: &KeyLabel) -> Outcome {
    let system = context.open()?;
    let on_disk = find_one(system.icsf(), label)?;
    let view = system.icsf().view()?;
    let in_storage = !matches!(view.kds.find(label), Found::Nothing);
    let Some(entry) = on_disk else {
        // Either it is nowhere, and this says so; or it waits for a REFRESH to be gone.
        system.icsf().csnbkrr2(label)?;
        return Err(Failure::new(8, format!("{label} was deleted on disk"))
            .because("services keep it until REFRESH")
            .next("softicsf ckds refresh"));
    };
    let check = entry.content.as_ref().ok().and_then(|content| check_value(system.icsf(), label, content));
    if context.out.is_json() {
        let mut record = json_of(&entry);
        if let Some(fields) = record.as_object_mut() {
            fields.insert("in_storage".to_owned(), json!(in_storage));
            fields.insert("check_value".to_owned(), json!(check.as_ref().and_then(|check| check.as_ref().ok())));
        }
        context.out.json(&record)?;
        return Ok(0);
    }
    let out = &mut context.out;
    out.line(format!("label        {}", entry.key.label()))?;
    out.line(format!("type         {}", entry.key.key_type()))?;
    match &entry.content {
        Err(why) => out.entry("damaged      ", &why.to_string())?,
        Ok(content) => {
            let of = etype(content).map_or_else(String::new, |etype| format!(", of Kerberos: {etype}"));
            let key = content.key.map(|(algorithm, bytes)| format!("{algorithm}, {bytes} bytes{of}"));
            out.line(format!("key          {}", key.as_deref().unwrap_or("none yet")))?;
            out.line(format!("protection   {}", protection(content)))?;
            out.line(format!("created      {}", time::shown(content.created)))?;
            if content.updated > 0 {
                out.line(format!("updated      {}", time::shown(content.updated)))?;
            }
            match check {
                Some(Ok(value)) => out.line(format!("check value  {value}"))?,
                Some(Err(why)) => out.entry("check value  ", &format!("not now: {why}"))?,
                None => {}
            }
        }
    }
    if !in_storage {
        out.entry("services     ", "do not see it yet: softicsf ckds refresh")?;
    }
    Ok(0)
}

/// The encryption type of a Kerberos key.
fn etype(content: &Content) -> Option<Etype> {
    match content.key {
        Some((KeyAlgorithm::Kerberos(etype), _)) => Some(etype),
        _ => None,
    }
}

/// The verification pattern of a key, or why it cannot be had; nothing where there is no key, or one of Kerberos, for which
/// no service makes one.
fn check_value(icsf: &Icsf, label: &KeyLabel, content: &Content) -> Option<Result<String, String>> {
    let (algorithm, _) = content.key.filter(|_| etype(content).is_none())?;
    let value = icsf.csnbkyt2(&mut KeyIdentifier::from(*label), &[&algorithm.to_string(), "GENERATE"]);
    Some(match value {
        Ok(done) => Ok(data_encoding::HEXUPPER.encode(&done.value)),
        Err(error) => Err(error.cause().why().to_owned()),
    })
}
