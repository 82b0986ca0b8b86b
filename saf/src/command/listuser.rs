//! LISTUSER: users as RACF lists them.

use std::sync::Arc;

use ptkt::UserId;

use super::messages::user_not_found;
use super::operands::{distinct, each};
use super::users::refuse_damaged;
use super::{CommandError, Given, Operand, Output, Session};
use crate::database::Snapshot;
use crate::model::{EncryptionType, Kerb, User};

pub(super) fn listuser(session: &Session<'_>, given: &Given<'_>) -> Result<Output, CommandError> {
    let view = session.saf.database().view()?;
    let users: Vec<Arc<User>> = match given.name() {
        Some(names) if each(names).iter().any(|name| name.text == "*") => view.users().cloned().collect(),
        Some(names) => {
            let ids: Vec<(UserId, &Operand)> = distinct(names)?;
            ids.into_iter().map(|(id, operand)| found(&view, &id, operand)).collect::<Result<_, _>>()?
        }
        None => {
            let id = session.issuer.id();
            vec![view.user(id).cloned().ok_or_else(|| CommandError::new(user_not_found(id)))?]
        }
    };
    let mut lines = Vec::new();
    for user in users {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        if given.keywords.has("NORACF") {
            lines.push(format!("USER={}", user.id));
        } else {
            base(&user, &mut lines);
        }
        if given.keywords.has("KERB") {
            lines.push(String::new());
            match &user.kerb {
                Some(segment) => kerb(&view, &user.id, segment, &mut lines),
                None => lines.push("NO KERB INFORMATION".to_owned()),
            }
        }
    }
    Ok(Output::lines(lines))
}

fn found(view: &Snapshot, id: &UserId, operand: &Operand) -> Result<Arc<User>, CommandError> {
    refuse_damaged(view, id, operand)?;
    view.user(id).cloned().ok_or_else(|| CommandError::at(user_not_found(id), operand))
}

/// Year and day of the year, as RACF writes dates; zeros where it is not known.
pub(super) fn day(seconds: Option<u64>) -> String {
    let at = seconds.and_then(|seconds| jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
    at.map_or_else(|| "00.000".to_owned(), |at| at.strftime("%y.%j").to_string())
}

fn base(user: &User, lines: &mut Vec<String>) {
    let name = if user.name.is_empty() { "UNKNOWN" } else { &user.name };
    let mut attributes: Vec<&str> = user.attributes.iter().map(|attribute| attribute.name()).collect();
    attributes.extend(user.protected.then_some("PROTECTED"));
    attributes.extend(user.revoked.then_some("REVOKED"));
    let attributes = if attributes.is_empty() { "NONE".to_owned() } else { attributes.join(" ") };
    lines.extend([
        format!("USER={:<8}  NAME={name:<20}  OWNER={:<8}  CREATED={}", user.id, user.owner, day(user.created)),
        format!(" DEFAULT-GROUP={:<8} PASSDATE=N/A    PASS-INTERVAL=N/A PHRASEDATE=N/A", user.group),
        format!(" ATTRIBUTES={attributes}"),
        " REVOKE DATE=NONE   RESUME DATE=NONE".to_owned(),
        " LAST-ACCESS=UNKNOWN".to_owned(),
        " CLASS AUTHORIZATIONS=NONE".to_owned(),
        if user.data.is_empty() {
            " NO-INSTALLATION-DATA".to_owned()
        } else {
            format!(" INSTALLATION-DATA={}", user.data)
        },
        " NO-MODEL-NAME".to_owned(),
        " LOGON ALLOWED   (DAYS)          (TIME)".to_owned(),
        " ---------------------------------------------".to_owned(),
        " ANYDAY                          ANYTIME".to_owned(),
    ]);
    for (group, connect) in &user.connects {
        let attributes = if connect.revoked { "REVOKED" } else { "NONE" };
        lines.extend([
            format!(
                "  GROUP={group:<8}  AUTH={:<8} CONNECT-OWNER={:<8}  CONNECT-DATE={}",
                connect.authority,
                connect.owner,
                day(connect.created)
            ),
            "    CONNECTS=    00  UACC=NONE     LAST-CONNECT=UNKNOWN".to_owned(),
            format!("    CONNECT ATTRIBUTES={attributes}"),
            "    REVOKE DATE=NONE   RESUME DATE=NONE".to_owned(),
        ]);
    }
    lines.extend(
        ["SECURITY-LEVEL=NONE SPECIFIED", "CATEGORY-AUTHORIZATION", " NONE SPECIFIED", "SECURITY-LABEL=NONE SPECIFIED"]
            .map(str::to_owned),
    );
}

fn kerb(view: &Snapshot, id: &UserId, segment: &Kerb, lines: &mut Vec<String>) {
    lines.extend(["KERB INFORMATION", "----------------"].map(str::to_owned));
    if !segment.name.is_empty() {
        lines.push(format!("KERBNAME= {}", segment.name));
    }
    lines.extend(segment.max_ticket_life.map(|seconds| format!("MAXTKTLF= {seconds:010}")));
    let row = segment.name.parse().ok().and_then(|name| view.principal(&name));
    let version = row.filter(|row| row.user.as_ref() == Some(id)).map_or(0, |row| row.key_version());
    lines.extend(key_version(version));
    lines.push(encryption(&segment.encryption));
}

/// The line of the version of Kerberos keys, here and in REALM profiles; none without keys.
pub(super) fn key_version(version: u32) -> Option<String> {
    (version > 0).then(|| format!("KEY VERSION= {version:03}"))
}

/// The line of the types of Kerberos keys, here and in REALM profiles.
pub(super) fn encryption(types: &std::collections::BTreeSet<EncryptionType>) -> String {
    let names: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
    format!("KEY ENCRYPTION TYPE= {}", names.join(" "))
}
