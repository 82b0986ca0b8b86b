//! What each type of record says.

use std::collections::BTreeMap;

use icsf_core::KeyLabel;
use ptkt::{GroupId, UserId};

use super::contents::{Known, OtherClass, Row};
use super::fields::Fields;
use super::findings::shown;
use super::layout::{
    Column, access, connect, group, member, realm_kerb, resource, ssignon, user, user_group, user_kerb,
};
use crate::model::{
    Access, Attribute, Audit, Authority, Class, Connect, EncryptionType, Group, ImportedKey, Kerb, LegacyKey, Profile,
    ProfileName, Realm, Ssignon, TicketType, User,
};

/// Users that RACF itself has for certificates, in small letters; nobody signs on as them.
const INTERNAL: [&str; 3] = ["irrcerta", "irrmulti", "irrsitec"];

/// Who owns what says no owner that can be.
const NO_OWNER: &str = "IBMUSER";

/// Records of segments that only profiles of classes that are kept have.
const SEGMENTS: [&str; 2] = [ssignon::LAYOUT.record, realm_kerb::LAYOUT.record];

impl Known {
    pub(super) fn group(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(id) = fields.id::<GroupId>(&group::NAME) else { return };
        let superior = fields.text(&group::SUPERIOR);
        let superior = if superior.is_empty() { None } else { fields.id(&group::SUPERIOR) };
        let Some(owner) = owner(fields, &group::OWNER) else { return };
        let mut row = Group::new(id, superior, owner);
        row.created = fields.date(&group::CREATED);
        fields.text(&group::DATA).clone_into(&mut row.data);
        if self.groups.insert(id, row).is_some() {
            fields.odd(format!("group {id} is there twice; this one counts"));
        }
    }

    pub(super) fn user(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(id) = user_id(fields, &user::NAME) else { return };
        let Some(owner) = owner(fields, &user::OWNER) else { return };
        let top = || Group::TOP.parse().ok();
        let Some(default) = fields.id(&user::GROUP).or_else(top) else { return };
        let mut row = User::new(id, default, owner);
        fields.text(&user::PROGRAMMER).clone_into(&mut row.name);
        fields.text(&user::DATA).clone_into(&mut row.data);
        row.created = fields.date(&user::CREATED);
        row.revoked = fields.flag(&user::REVOKED).unwrap_or(false);
        row.failed_attempts = fields.number(&user::FAILED).unwrap_or(0);
        row.protected = match fields.text(&user::NO_PASSWORD) {
            "PRO" => true,
            "YES" | "NO" | "PHR" | "" => false,
            _ => {
                fields.wrong(&user::NO_PASSWORD, "it is neither YES, NO, PRO nor PHR");
                false
            }
        };
        for (column, attribute) in ATTRIBUTES {
            if fields.flag(&column) == Some(true) {
                row.attributes.insert(attribute);
            }
        }
        let known = self.users.entry(id).or_insert_with(|| Row::new(User::new(id, default, owner), fields.line()));
        if known.defined.is_some() {
            fields.odd(format!("user {id} is there twice; this one counts"));
        }
        row.kerb = known.row.kerb.take();
        (*known.row, known.defined) = (row, Some(fields.line()));
    }

    /// The connection of a user to a group, to be filled.
    fn connected(&mut self, user: UserId, group: GroupId, line: u64) -> Option<&mut Connect> {
        let owner = NO_OWNER.parse().ok()?;
        let known = self.connects.entry(user).or_insert_with(|| Row::new(BTreeMap::new(), line));
        Some(known.row.entry(group).or_insert_with(|| Connect::new(owner)))
    }

    pub(super) fn member(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(group) = fields.id(&member::GROUP) else { return };
        let Some(user) = user_id(fields, &member::USER) else { return };
        let authority = fields.parsed::<Authority>(&member::AUTHORITY);
        if let Some(connect) = self.connected(user, group, fields.line()) {
            connect.authority = authority.unwrap_or_default();
        }
    }

    pub(super) fn user_group(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(user) = user_id(fields, &user_group::USER) else { return };
        let Some(group) = fields.id(&user_group::GROUP) else { return };
        self.connected(user, group, fields.line());
    }

    pub(super) fn connect(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(user) = user_id(fields, &connect::USER) else { return };
        let Some(group) = fields.id(&connect::GROUP) else { return };
        let owner = owner(fields, &connect::OWNER);
        let created = fields.date(&connect::CREATED);
        let revoked = fields.flag(&connect::REVOKED).unwrap_or(false);
        let Some(connect) = self.connected(user, group, fields.line()) else { return };
        connect.owner = owner.unwrap_or(connect.owner);
        (connect.created, connect.revoked) = (created, revoked);
    }

    pub(super) fn user_kerb(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(id) = user_id(fields, &user_kerb::USER) else { return };
        let kerb = Kerb {
            name: fields.text(&user_kerb::PRINCIPAL).to_owned(),
            max_ticket_life: fields.number(&user_kerb::MAX_LIFE),
            encryption: USER_ENCRYPTION.iter().filter_map(|flag| enabled(fields, flag)).collect(),
        };
        let Some((group, owner)) = Group::TOP.parse().ok().zip(NO_OWNER.parse().ok()) else { return };
        let known = self.users.entry(id).or_insert_with(|| Row::new(User::new(id, group, owner), fields.line()));
        known.row.kerb = Some(kerb);
    }

    /// The class of a record about a profile; none when it is not kept, which is counted, and when it is no class at all.
    fn class(&mut self, fields: &mut Fields<'_, '_, '_>, column: &Column) -> Option<Class> {
        let name = fields.text(column);
        if name.is_empty() {
            fields.wrong(column, "it is blank");
            return None;
        }
        if let Ok(class) = name.parse() {
            return Some(class);
        }
        let letters = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"@#$".contains(&byte);
        if !name.bytes().all(letters) {
            fields.wrong(column, format_args!("{} is no class", shown(name)));
            return None;
        }
        OtherClass::count(&mut self.classes, name, fields, column);
        if SEGMENTS.contains(&fields.kind()) {
            fields.wrong(column, format_args!("{name} is no class of which the profiles have this segment"));
        }
        None
    }

    /// The profile a record is about; none when its class is not kept.
    fn profile(&mut self, fields: &mut Fields<'_, '_, '_>, name: &Column, class: &Column) -> Option<&mut Row<Profile>> {
        let class = self.class(fields, class)?;
        let name = fields.required::<ProfileName>(name)?;
        let owner = NO_OWNER.parse().ok()?;
        let line = fields.line();
        Some(
            self.profiles
                .entry((class, name))
                .or_insert_with_key(|(class, name)| Row::new(Profile::new(*class, name.clone(), false, owner), line)),
        )
    }

    pub(super) fn resource(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(known) = self.profile(fields, &resource::NAME, &resource::CLASS) else { return };
        let (profile, twice) = (&mut known.row, known.defined.is_some());
        known.defined = Some(fields.line());
        if twice {
            fields.odd(format!("profile {} of class {} is there twice; this one counts", profile.name, profile.class));
        }
        let looks = profile.name.has_generic_characters();
        profile.generic = fields.flag(&resource::GENERIC).unwrap_or(looks);
        profile.owner = owner(fields, &resource::OWNER).unwrap_or(profile.owner);
        profile.uacc = fields.parsed(&resource::UACC).unwrap_or_default();
        profile.level = fields.number(&resource::LEVEL).unwrap_or_default();
        if profile.level > 99 {
            fields.wrong(&resource::LEVEL, format_args!("{} is more than 99, taken as 0", profile.level));
            profile.level = 0;
        }
        profile.warning = fields.flag(&resource::WARNING).unwrap_or(false);
        profile.audit = audit(fields);
        fields.text(&resource::DATA).clone_into(&mut profile.data);
        fields.text(&resource::APPLDATA).clone_into(&mut profile.appldata);
    }

    pub(super) fn access(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(known) = self.profile(fields, &access::NAME, &access::CLASS) else { return };
        let Some(id) = fields.id(&access::ID) else { return };
        if let Some(level) = fields.required::<Access>(&access::ACCESS) {
            known.row.access.insert(id, level);
        }
    }

    pub(super) fn ssignon(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(known) = self.profile(fields, &ssignon::NAME, &ssignon::CLASS) else { return };
        if !known.row.class.has_ssignon() {
            fields.wrong(&ssignon::CLASS, format_args!("profiles of class {} have no SSIGNON", known.row.class));
            return;
        }
        known.ssignon = Some(fields.line());
        known.row.ssignon = Some(Ssignon {
            legacy: protection(fields),
            enhanced: fields.parsed(&ssignon::ENHANCED),
            ticket_type: ticket_type(fields),
            timeout: timeout(fields),
            replay: fields.flag(&ssignon::REPLAY),
        });
    }

    pub(super) fn realm_kerb(&mut self, fields: &mut Fields<'_, '_, '_>) {
        let Some(known) = self.profile(fields, &realm_kerb::NAME, &realm_kerb::CLASS) else { return };
        if !known.row.class.has_kerb() {
            fields.wrong(&realm_kerb::CLASS, format_args!("profiles of class {} have no KERB", known.row.class));
            return;
        }
        known.row.kerb = Some(Realm {
            name: fields.text(&realm_kerb::REALM).to_owned(),
            min_ticket_life: fields.number(&realm_kerb::MIN_LIFE),
            default_ticket_life: fields.number(&realm_kerb::DEFAULT_LIFE),
            max_ticket_life: fields.number(&realm_kerb::MAX_LIFE),
            max_renewable_life: None,
            encryption: REALM_ENCRYPTION.iter().filter_map(|flag| enabled(fields, flag)).collect(),
            check_addresses: fields.flag(&realm_kerb::CHECK_ADDRESSES).unwrap_or(false),
            password: None,
            key_version: fields.number(&realm_kerb::KEY_VERSION).unwrap_or(0),
        });
    }
}

/// Where the attributes of a user stand.
pub(super) const ATTRIBUTES: [(Column, Attribute); 4] = [
    (user::SPECIAL, Attribute::Special),
    (user::OPERATIONS, Attribute::Operations),
    (user::AUDITOR, Attribute::Auditor),
    (user::ROAUDIT, Attribute::Roaudit),
];

/// Where the encryption types of a user stand.
pub(super) const USER_ENCRYPTION: [(Column, EncryptionType); 7] = [
    (user_kerb::DES, EncryptionType::Des),
    (user_kerb::DES3, EncryptionType::Des3),
    (user_kerb::DESD, EncryptionType::Desd),
    (user_kerb::AES128, EncryptionType::Aes128),
    (user_kerb::AES256, EncryptionType::Aes256),
    (user_kerb::AES128_SHA2, EncryptionType::Aes128Sha2),
    (user_kerb::AES256_SHA2, EncryptionType::Aes256Sha2),
];

/// Where the encryption types of a realm stand.
pub(super) const REALM_ENCRYPTION: [(Column, EncryptionType); 7] = [
    (realm_kerb::DES, EncryptionType::Des),
    (realm_kerb::DES3, EncryptionType::Des3),
    (realm_kerb::DESD, EncryptionType::Desd),
    (realm_kerb::AES128, EncryptionType::Aes128),
    (realm_kerb::AES256, EncryptionType::Aes256),
    (realm_kerb::AES128_SHA2, EncryptionType::Aes128Sha2),
    (realm_kerb::AES256_SHA2, EncryptionType::Aes256Sha2),
];

fn enabled(fields: &mut Fields<'_, '_, '_>, (column, kind): &(Column, EncryptionType)) -> Option<EncryptionType> {
    fields.flag(column).filter(|on| *on).map(|_| *kind)
}

/// A user; none also for those that RACF itself has.
fn user_id(fields: &mut Fields<'_, '_, '_>, column: &Column) -> Option<UserId> {
    if INTERNAL.contains(&fields.text(column)) {
        return None;
    }
    fields.id(column)
}

fn owner(fields: &mut Fields<'_, '_, '_>, column: &Column) -> Option<UserId> {
    fields.id(column).or_else(|| NO_OWNER.parse().ok())
}

/// The legacy key, by the rule for GRSIGN_PROTECTION. What cannot be a label is a key nobody can use.
fn protection(fields: &mut Fields<'_, '_, '_>) -> Option<LegacyKey> {
    let text = fields.text(&ssignon::PROTECTION);
    if text.is_empty() {
        return None;
    }
    if let Some(how) = ImportedKey::ALL.into_iter().find(|how| how.name() == text) {
        return Some(LegacyKey::Imported(how));
    }
    let label = fields.parsed::<KeyLabel>(&ssignon::PROTECTION);
    Some(label.map_or(LegacyKey::Imported(ImportedKey::Unknown), LegacyKey::Label))
}

/// The seconds a ticket is good for, as RDEFINE takes them.
fn timeout(fields: &mut Fields<'_, '_, '_>) -> Option<u32> {
    let seconds = fields.number(&ssignon::TIMEOUT)?;
    let most = ptkt::Window::MAX_SECONDS;
    if (1..=most).contains(&seconds) {
        return Some(seconds);
    }
    fields.wrong(&ssignon::TIMEOUT, format_args!("{seconds} is not from 1 to {most}: the default is taken"));
    None
}

fn ticket_type(fields: &mut Fields<'_, '_, '_>) -> Option<TicketType> {
    let text = fields.text(&ssignon::TYPE);
    let found = [TicketType::Upper, TicketType::Mixed].into_iter().find(|kind| kind.to_string() == text);
    if found.is_none() && !text.is_empty() {
        fields.wrong(&ssignon::TYPE, format_args!("{} is neither UPPER nor MIXED", shown(text)));
    }
    found
}

/// AUDIT: which attempts are recorded, and from which level on.
fn audit(fields: &mut Fields<'_, '_, '_>) -> Audit {
    let (success, failures) = match fields.text(&resource::AUDIT) {
        "ALL" => (true, true),
        "SUCCESS" => (true, false),
        "FAIL" | "FAILURES" => (false, true),
        "NONE" => (false, false),
        "" => return Audit::default(),
        _ => {
            fields.wrong(&resource::AUDIT, "it is neither ALL, SUCCESS, FAIL nor NONE");
            return Audit::default();
        }
    };
    let mut from = |on: bool, column: &Column| on.then(|| fields.parsed(column).unwrap_or(Access::Read));
    Audit { success: from(success, &resource::AUDIT_SUCCESS), failures: from(failures, &resource::AUDIT_FAILURES) }
}
