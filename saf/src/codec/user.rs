//! Rows of users and groups.
//!
//! | row | field | version | content |
//! |---|---|---|---|
//! | user | 1 | 1 | name |
//! | | 2, 3 | 1 | default group, owner: 8 bytes EBCDIC each |
//! | | 4 | 1 | sum of 1 protected, 2 revoked |
//! | | 5 | 1 | password hash, PHC string |
//! | | 6 | 2 | attribute: 0 SPECIAL, 1 OPERATIONS, 2 AUDITOR, 3 ROAUDIT |
//! | | 7 | 2 | installation data |
//! | | 8 | 2 | defined, seconds since 1970 UTC: 8 bytes |
//! | | 9 | 2 | failed sign-ons |
//! | | 10 | 2 | connection: group, owner, 8 bytes EBCDIC each; authority 0 USE to 3 JOIN; 1 revoked; made, 8 bytes, 0 not known |
//! | | 30 | 2 | KERB segment present: encryption types, one bit each from the right, DES first |
//! | | 31 | 2 | KERBNAME |
//! | | 34 | 2 | MAXTKTLF: 4 bytes |
//! | group | 1 | 2 | superior group, 8 bytes EBCDIC |
//! | | 2 | 2 | owner, 8 bytes EBCDIC |
//! | | 3 | 2 | installation data |
//! | | 4 | 2 | defined, seconds since 1970 UTC: 8 bytes |
//!
//! A user of version 1 has no connections written; it is connected to the default group.

use std::collections::BTreeMap;

use ptkt::{GroupId, UserId};
use zeroize::Zeroizing;

use super::{RowError, Writer, encryption, fields, from_encryption, group_key, identifier, number, string, user_key};
use crate::model::{Attribute, Authority, Connect, Group, Kerb, User};

pub(crate) fn encode_user(user: &User) -> Zeroizing<Vec<u8>> {
    let mut row = Writer::new();
    row.text(1, &user.name).field(2, user.group.ebcdic()).field(3, user.owner.ebcdic());
    row.field(4, &[u8::from(user.protected) | u8::from(user.revoked) << 1]);
    if let Some(password) = &user.password {
        row.text(5, password);
    }
    row.version_2();
    for (code, attribute) in (0u8..).zip(Attribute::ALL) {
        if user.attributes.contains(&attribute) {
            row.field(6, &[code]);
        }
    }
    row.text(7, &user.data);
    if let Some(created) = user.created {
        row.field(8, &created.to_be_bytes());
    }
    if user.failed_attempts > 0 {
        row.field(9, &[user.failed_attempts]);
    }
    for (group, connect) in &user.connects {
        let authority = (0u8..).zip(Authority::ALL).find(|(_, authority)| *authority == connect.authority);
        let flags = [authority.map_or(0, |(code, _)| code), u8::from(connect.revoked)];
        let created = connect.created.unwrap_or(0).to_be_bytes();
        row.field(10, &[group.ebcdic().as_slice(), connect.owner.ebcdic(), &flags, &created].concat());
    }
    if let Some(kerb) = &user.kerb {
        row.field(30, &[encryption(&kerb.encryption)]).text(31, &kerb.name);
        if let Some(seconds) = kerb.max_ticket_life {
            row.field(34, &seconds.to_be_bytes());
        }
    }
    row.finish(&user_key(&user.id))
}

pub(crate) fn decode_user(id: &UserId, bytes: &[u8]) -> Result<User, RowError> {
    let all = fields(&user_key(id), bytes)?;
    let once: BTreeMap<u8, &[u8]> = all.iter().copied().collect();
    let get = |number: u8| once.get(&number).copied();
    let group = get(2).and_then(identifier).ok_or(RowError::Field(2))?;
    let owner = get(3).and_then(identifier).ok_or(RowError::Field(3))?;
    let mut user = User::new(*id, group, owner);
    if once.contains_key(&10) {
        user.connects.clear();
    }
    let mut kerb = Kerb::default();
    for (field, bytes) in all {
        let wrong = RowError::Field(field);
        match (field, bytes) {
            (1, _) => user.name = string(bytes).ok_or(wrong)?,
            (2 | 3, _) => {}
            (4, [flags]) => (user.protected, user.revoked) = (flags & 1 != 0, flags & 2 != 0),
            (5, _) => user.password = Some(string(bytes).ok_or(wrong)?),
            (6, [code]) => {
                user.attributes.insert(*Attribute::ALL.get(usize::from(*code)).ok_or(wrong)?);
            }
            (7, _) => user.data = string(bytes).ok_or(wrong)?,
            (8, _) => user.created = Some(u64::from_be_bytes(number(bytes).ok_or(wrong)?)),
            (9, [attempts]) => user.failed_attempts = *attempts,
            (10, _) => {
                let (group, connect) = connection(bytes).ok_or(wrong)?;
                user.connects.insert(group, connect);
            }
            (30, [types]) => kerb.encryption = from_encryption(*types),
            (31, _) => kerb.name = string(bytes).ok_or(wrong)?,
            (34, _) => kerb.max_ticket_life = Some(u32::from_be_bytes(number(bytes).ok_or(wrong)?)),
            _ => return Err(wrong),
        }
    }
    user.kerb = once.contains_key(&30).then_some(kerb);
    Ok(user)
}

fn connection(bytes: &[u8]) -> Option<(GroupId, Connect)> {
    let (group, rest) = bytes.split_at_checked(8)?;
    let (owner, rest) = rest.split_at_checked(8)?;
    let [authority, revoked, created @ ..] = rest else { return None };
    let created = Some(u64::from_be_bytes(number(created)?)).filter(|seconds| *seconds > 0);
    let authority = *Authority::ALL.get(usize::from(*authority))?;
    Some((identifier(group)?, Connect { authority, owner: identifier(owner)?, revoked: *revoked == 1, created }))
}

pub(crate) fn encode_group(group: &Group) -> Zeroizing<Vec<u8>> {
    let mut row = Writer::new();
    row.version_2();
    if let Some(superior) = &group.superior {
        row.field(1, superior.ebcdic());
    }
    row.field(2, group.owner.ebcdic()).text(3, &group.data);
    if let Some(created) = group.created {
        row.field(4, &created.to_be_bytes());
    }
    row.finish(&group_key(&group.id))
}

pub(crate) fn decode_group(id: &GroupId, bytes: &[u8]) -> Result<Group, RowError> {
    let all = fields(&group_key(id), bytes)?;
    let owner = all.iter().find(|(field, _)| *field == 2).and_then(|(_, bytes)| identifier(bytes));
    let mut group = Group::new(*id, None, owner.ok_or(RowError::Field(2))?);
    for (field, bytes) in all {
        let wrong = RowError::Field(field);
        match field {
            1 => group.superior = Some(identifier(bytes).ok_or(wrong)?),
            2 => {}
            3 => group.data = string(bytes).ok_or(wrong)?,
            4 => group.created = Some(u64::from_be_bytes(number(bytes).ok_or(wrong)?)),
            _ => return Err(wrong),
        }
    }
    Ok(group)
}
