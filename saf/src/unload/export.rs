//! A security database written as an unload.
//!
//! The same database gives the same bytes, and an unload that was written and read again is written the same. What a field
//! has no room for is cut, as IRRDBU00 does; control characters become blanks.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ptkt::{GroupId, UserId};

use super::fields::{date_text, name_text};
use super::layout::{
    Column, Layout, access, connect, group, member, realm_kerb, resource, ssignon, user, user_group, user_kerb,
};
use super::lines::{Characters, Form};
use super::records::{ATTRIBUTES, REALM_ENCRYPTION, USER_ENCRYPTION};
use crate::database::Snapshot;
use crate::ebcdic;
use crate::model::{Access, Authority, Class, EncryptionType, Group, ImportedKey, LegacyKey, Profile, User};

/// How many records were written, by type.
pub type Written = BTreeMap<&'static str, u64>;

/// Writes the groups, users and profiles of a database as an unload; keys and passwords are not in it.
///
/// # Errors
/// What `out` says.
pub fn export(view: &Snapshot, form: Form, out: impl Write) -> io::Result<Written> {
    let mut writer = Writer { out, form, written: Written::new(), record: String::new(), bytes: Vec::new() };
    writer.groups(view)?;
    view.users().try_for_each(|user| writer.user(user))?;
    let mut classes = Class::ALL;
    classes.sort_unstable_by_key(|class| class.name());
    for class in classes {
        view.profiles(class).try_for_each(|profile| writer.profile(profile))?;
    }
    writer.out.flush()?;
    Ok(writer.written)
}

struct Writer<W> {
    out: W,
    form: Form,
    written: Written,
    record: String,
    bytes: Vec<u8>,
}

/// A field and its text.
type Field<'a> = (Column, &'a str);

const fn yes_no(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

fn digits(number: Option<u32>, column: &Column) -> String {
    number.map_or_else(String::new, |number| format!("{number:0width$}", width = column.width()))
}

fn date(seconds: Option<u64>) -> String {
    seconds.and_then(date_text).unwrap_or_default()
}

impl<W: Write> Writer<W> {
    fn groups(&mut self, view: &Snapshot) -> io::Result<()> {
        let mut members: BTreeMap<GroupId, Vec<(UserId, Authority)>> = BTreeMap::new();
        for user in view.users() {
            for (group, connect) in &user.connects {
                members.entry(*group).or_default().push((user.id, connect.authority));
            }
        }
        for group in view.groups() {
            self.group(group)?;
            self.members(group.id, &members.remove(&group.id).unwrap_or_default())?;
        }
        // Groups that are in use and not defined.
        members.iter().try_for_each(|(group, members)| self.members(*group, members))
    }

    fn group(&mut self, row: &Group) -> io::Result<()> {
        self.write(
            &group::LAYOUT,
            &[
                (group::NAME, &name_text(row.id.ebcdic())),
                (group::SUPERIOR, &row.superior.map_or_else(String::new, |superior| name_text(superior.ebcdic()))),
                (group::CREATED, &date(row.created)),
                (group::OWNER, &name_text(row.owner.ebcdic())),
                (group::DATA, &row.data),
            ],
        )
    }

    fn members(&mut self, group: GroupId, members: &[(UserId, Authority)]) -> io::Result<()> {
        members.iter().try_for_each(|(user, authority)| {
            self.write(
                &member::LAYOUT,
                &[
                    (member::GROUP, &name_text(group.ebcdic())),
                    (member::USER, &name_text(user.ebcdic())),
                    (member::AUTHORITY, authority.name()),
                ],
            )
        })
    }

    fn user(&mut self, row: &User) -> io::Result<()> {
        let id = name_text(row.id.ebcdic());
        let (created, owner, group) = (date(row.created), name_text(row.owner.ebcdic()), name_text(row.group.ebcdic()));
        let failed = digits(Some(row.failed_attempts.into()), &user::FAILED);
        let mut fields = vec![
            (user::NAME, id.as_str()),
            (user::CREATED, &created),
            (user::OWNER, &owner),
            (user::REVOKED, yes_no(row.revoked)),
            (user::PROGRAMMER, &row.name),
            (user::GROUP, &group),
            (user::DATA, &row.data),
            (user::NO_PASSWORD, if row.protected { "PRO" } else { "NO" }),
            (user::FAILED, &failed),
        ];
        fields.extend(ATTRIBUTES.map(|(column, attribute)| (column, yes_no(row.attributes.contains(&attribute)))));
        self.write(&user::LAYOUT, &fields)?;
        for group in row.connects.keys() {
            self.write(
                &user_group::LAYOUT,
                &[(user_group::USER, &id), (user_group::GROUP, &name_text(group.ebcdic()))],
            )?;
        }
        for (group, how) in &row.connects {
            self.write(
                &connect::LAYOUT,
                &[
                    (connect::USER, &id),
                    (connect::GROUP, &name_text(group.ebcdic())),
                    (connect::CREATED, &date(how.created)),
                    (connect::OWNER, &name_text(how.owner.ebcdic())),
                    (connect::REVOKED, yes_no(how.revoked)),
                ],
            )?;
        }
        let Some(kerb) = &row.kerb else { return Ok(()) };
        let life = digits(kerb.max_ticket_life, &user_kerb::MAX_LIFE);
        let mut fields =
            vec![(user_kerb::USER, id.as_str()), (user_kerb::PRINCIPAL, &kerb.name), (user_kerb::MAX_LIFE, &life)];
        fields.extend(USER_ENCRYPTION.map(|(column, kind)| (column, yes_no(kerb.encryption.contains(&kind)))));
        self.write(&user_kerb::LAYOUT, &fields)
    }

    fn profile(&mut self, row: &Profile) -> io::Result<()> {
        let (name, class) = (row.name.as_str(), row.class.name());
        let audit = match (row.audit.success, row.audit.failures) {
            (Some(_), Some(_)) => "ALL",
            (Some(_), None) => "SUCCESS",
            (None, Some(_)) => "FAIL",
            (None, None) => "NONE",
        };
        let level = |access: Option<Access>| access.map_or_else(String::new, |access| access.to_string());
        self.write(
            &resource::LAYOUT,
            &[
                (resource::NAME, name),
                (resource::CLASS, class),
                (resource::GENERIC, yes_no(row.generic)),
                (resource::OWNER, &name_text(row.owner.ebcdic())),
                (resource::UACC, &row.uacc.to_string()),
                (resource::AUDIT, audit),
                (resource::LEVEL, &digits(Some(row.level.into()), &resource::LEVEL)),
                (resource::DATA, &row.data),
                (resource::AUDIT_SUCCESS, &level(row.audit.success)),
                (resource::AUDIT_FAILURES, &level(row.audit.failures)),
                (resource::WARNING, yes_no(row.warning)),
                (resource::APPLDATA, &row.appldata),
            ],
        )?;
        for (id, level) in &row.access {
            self.write(
                &access::LAYOUT,
                &[
                    (access::NAME, name),
                    (access::CLASS, class),
                    (access::ID, &name_text(id.ebcdic())),
                    (access::ACCESS, &level.to_string()),
                ],
            )?;
        }
        self.ssignon(row)?;
        self.realm(row)
    }

    fn ssignon(&mut self, row: &Profile) -> io::Result<()> {
        let Some(keys) = &row.ssignon else { return Ok(()) };
        let protection = match &keys.legacy {
            Some(LegacyKey::Masked(_)) => ImportedKey::Masked.name().to_owned(),
            Some(LegacyKey::Token(_)) => ImportedKey::Token.name().to_owned(),
            Some(LegacyKey::Imported(how)) => how.name().to_owned(),
            Some(LegacyKey::Label(label)) => label.to_string(),
            None => String::new(),
        };
        self.write(
            &ssignon::LAYOUT,
            &[
                (ssignon::NAME, row.name.as_str()),
                (ssignon::CLASS, row.class.name()),
                (ssignon::PROTECTION, &protection),
                (ssignon::ENHANCED, &keys.enhanced.map_or_else(String::new, |label| label.to_string())),
                (ssignon::TYPE, &keys.ticket_type.map_or_else(String::new, |kind| kind.to_string())),
                (ssignon::TIMEOUT, &digits(keys.timeout, &ssignon::TIMEOUT)),
                (ssignon::REPLAY, keys.replay.map_or("", yes_no)),
            ],
        )
    }

    fn realm(&mut self, row: &Profile) -> io::Result<()> {
        let Some(realm) = &row.kerb else { return Ok(()) };
        let lives = [
            (realm_kerb::MIN_LIFE, realm.min_ticket_life),
            (realm_kerb::MAX_LIFE, realm.max_ticket_life),
            (realm_kerb::DEFAULT_LIFE, realm.default_ticket_life),
            (realm_kerb::KEY_VERSION, Some(realm.key_version.into())),
        ]
        .map(|(column, number)| (column, digits(number, &column)));
        let mut fields = vec![
            (realm_kerb::NAME, row.name.as_str()),
            (realm_kerb::CLASS, row.class.name()),
            (realm_kerb::REALM, &realm.name),
        ];
        fields.extend(lives.iter().map(|(column, text)| (*column, text.as_str())));
        let enabled = |kind: &EncryptionType| yes_no(realm.encryption.contains(kind));
        fields.extend(REALM_ENCRYPTION.map(|(column, kind)| (column, enabled(&kind))));
        fields.push((realm_kerb::CHECK_ADDRESSES, yes_no(realm.check_addresses)));
        self.write(&realm_kerb::LAYOUT, &fields)
    }

    /// Writes a record; its fields are in the order of their columns.
    fn write(&mut self, layout: &Layout, fields: &[Field<'_>]) -> io::Result<()> {
        *self.written.entry(layout.record).or_default() += 1;
        self.record.clear();
        self.record.push_str(layout.record);
        let mut at = layout.record.len();
        let mut fields: Vec<&Field<'_>> = fields.iter().collect();
        fields.sort_unstable_by_key(|(column, _)| column.first);
        for (column, text) in fields {
            self.record.extend(std::iter::repeat_n(' ', column.first - 1 - at));
            at = column.first - 1;
            for character in text.chars().take(column.width()) {
                self.record.push(if character.is_control() { ' ' } else { character });
                at += 1;
            }
        }
        self.record.extend(std::iter::repeat_n(' ', layout.width - at));
        self.bytes.clear();
        match self.form.characters {
            Characters::Ascii => self.bytes.extend_from_slice(self.record.as_bytes()),
            Characters::Ebcdic => {
                self.bytes.extend(self.record.chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
                ebcdic::from_latin_1(&mut self.bytes);
            }
        }
        if self.form.lengths {
            let length = u16::try_from(self.bytes.len() + 4).unwrap_or(u16::MAX);
            self.out.write_all(&length.to_be_bytes())?;
            self.out.write_all(&[0, 0])?;
            return self.out.write_all(&self.bytes);
        }
        self.bytes.push(match self.form.characters {
            Characters::Ascii => b'\n',
            Characters::Ebcdic => 0x15,
        });
        self.out.write_all(&self.bytes)
    }
}
