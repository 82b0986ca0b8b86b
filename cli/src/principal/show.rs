//! How principals are shown.

use icsf_saf::model::Principal;
use serde_json::{Value, json};
use softicsf::PrincipalName;

use crate::context::{Context, Outcome};
use crate::time;

/// Whether a name fits a pattern in which `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            let mut starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            starts.any(|at| rest.get(at..).is_some_and(|rest| fits(tail, rest)))
        }),
    }
}

pub(super) fn list(context: &mut Context, pattern: &str) -> Outcome {
    let system = context.open()?;
    let view = system.saf().database().view().map_err(icsf_saf::Error::from)?;
    let rows: Vec<_> = view.principals().filter(|row| fits(pattern, &row.name.to_string())).collect();
    if context.out.is_json() {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name.to_string(),
                    "user": row.user.map(|user| user.to_string()),
                    "key_version": row.key_version(),
                })
            })
            .collect();
        context.out.json(&json!({ "realm": system.realm()?, "principals": rows }))?;
        return Ok(0);
    }
    if rows.is_empty() {
        context.out.note("no principal has such a name")?;
        return Ok(0);
    }
    let width = rows.iter().map(|row| row.name.to_string().chars().count()).max().unwrap_or(0).clamp(4, 48);
    context.out.line(format!("{:<width$}  KEYS  USER", "NAME"))?;
    for row in rows {
        let user = row.user.map(|user| user.to_string()).unwrap_or_default();
        let line = format!("{:<width$}  {:<4}  {user}", row.name.to_string(), row.key_version());
        context.out.line(line.trim_end())?;
    }
    Ok(0)
}

pub(super) fn show(context: &mut Context, name: &PrincipalName) -> Outcome {
    let system = context.open()?;
    let row = system.saf().principal(name)?;
    let realm = system.realm()?;
    if context.out.is_json() {
        context.out.json(&json_of(&row, realm.as_deref()))?;
        return Ok(0);
    }
    let realm = realm.map_or_else(String::new, |realm| format!("@{realm}"));
    let mut field = |label: &str, text: &str| context.out.entry(&format!("{label:<18}"), text);
    field("principal", &format!("{name}{realm}"))?;
    if let Some(user) = row.user {
        field("user", &user.to_string())?;
    }
    field("created", &time::shown(row.created))?;
    for (label, at) in
        [("expires", row.expires), ("keys made", row.password_changed), ("password expires", row.password_expires)]
    {
        if let Some(at) = at {
            field(label, &time::shown(at))?;
        }
    }
    for (label, seconds) in [("longest life", row.max_ticket_life), ("renewable life", row.max_renewable_life)] {
        if let Some(seconds) = seconds {
            field(label, &time::life(seconds))?;
        }
    }
    if let Some(policy) = &row.policy {
        field("policy", policy)?;
    }
    if !row.flags.is_empty() {
        let flags: Vec<&str> = row.flags.iter().map(|flag| flag.name()).collect();
        field("flags", &flags.join(", "))?;
    }
    for master in &row.master_keys {
        field(&format!("version {}", master.version), &format!("AES-MK {}", master.pattern))?;
    }
    for key in &row.keys {
        field(&format!("key version {}", key.version), &format!("{}, {}", key.etype, key.label))?;
    }
    if row.keys.is_empty() && row.master_keys.is_empty() {
        context.out.note("it has no keys until its password is changed")?;
    }
    Ok(0)
}

fn json_of(row: &Principal, realm: Option<&str>) -> Value {
    let at = |seconds: Option<u64>| seconds.map(time::shown);
    json!({
        "name": row.name.to_string(),
        "realm": realm,
        "user": row.user.map(|user| user.to_string()),
        "key_version": row.key_version(),
        "keys": row.keys.iter().map(|key| json!({
            "version": key.version,
            "etype": key.etype.number(),
            "type": key.etype.name(),
            "label": key.label.to_string(),
            "created": time::shown(key.created),
        })).collect::<Vec<_>>(),
        "master_keys": row.master_keys.iter().map(|master| json!({
            "version": master.version,
            "pattern": master.pattern.to_string(),
        })).collect::<Vec<_>>(),
        "flags": row.flags.iter().map(|flag| flag.name()).collect::<Vec<_>>(),
        "max_ticket_life": row.max_ticket_life,
        "max_renewable_life": row.max_renewable_life,
        "created": time::shown(row.created),
        "expires": at(row.expires),
        "password_changed": at(row.password_changed),
        "password_expires": at(row.password_expires),
        "policy": row.policy,
    })
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, is) in [
            ("*", "a/b", true),
            ("host/*", "host/a.b", true),
            ("host/*", "http/a", false),
            ("*.com", "host/a.com", true),
            ("h*/*m", "host/a.com", true),
            ("h*/x*m", "host/a.com", false),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), is, "{pattern} {name}");
        }
    }
}
