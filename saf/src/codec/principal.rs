//! Rows of Kerberos principals and of password policies, all fields of version 3.
//!
//! | row | field | content |
//! |---|---|---|
//! | principal | 1 | user, 8 bytes EBCDIC |
//! | | 2 | key: version (4), type (1), made at (8), label (64, EBCDIC), salt; one field a key, newest version first |
//! | | 3 | flag: its place in the list of `docs/formats.md`, from 0; one field a flag |
//! | | 4, 5 | longest life, longest renewable life: 4 bytes each |
//! | | 6, 7 | when it expires, when its password does: 8 bytes each |
//! | | 8 | name of its policy |
//! | | 9 | earlier password: type (1), version of the key of kadmin/history (4), authentication code (16), salt |
//! | | 10, 11 | defined, keys made last: 8 bytes each |
//! | | 12 | of K/M: version (4), verification pattern of the master key (8) |
//! | policy | 1, 2 | fewest characters, passwords kept apart: 1 byte each |
//! | | 3 | how long a password is good: 4 bytes |

use icsf_core::KeyLabel;
use icsf_core::backend::{Etype, Mkvp};
use zeroize::Zeroizing;

use super::{RowError, Writer, fields, identifier, number, policy_key, principal_key, string};
use crate::model::{
    MasterKeyVersion, PasswordPolicy, Principal, PrincipalFlag, PrincipalKey, PrincipalName, UsedPassword,
};

pub(crate) fn encode_principal(principal: &Principal) -> Zeroizing<Vec<u8>> {
    let mut row = Writer::new();
    row.version_3();
    if let Some(user) = &principal.user {
        row.field(1, user.ebcdic());
    }
    for key in &principal.keys {
        let (version, etype, created) = (key.version.to_be_bytes(), [code(key.etype)], key.created.to_be_bytes());
        row.field(2, &[version.as_slice(), &etype, &created, key.label.ebcdic(), key.salt.as_bytes()].concat());
    }
    for (code, flag) in (0u8..).zip(PrincipalFlag::ALL) {
        if principal.has(flag) {
            row.field(3, &[code]);
        }
    }
    for (number, life) in [(4, principal.max_ticket_life), (5, principal.max_renewable_life)] {
        if let Some(seconds) = life {
            row.field(number, &seconds.to_be_bytes());
        }
    }
    for (number, time) in [
        (6, principal.expires),
        (7, principal.password_expires),
        (10, Some(principal.created)),
        (11, principal.password_changed),
    ] {
        if let Some(seconds) = time {
            row.field(number, &seconds.to_be_bytes());
        }
    }
    if let Some(policy) = &principal.policy {
        row.text(8, policy);
    }
    for used in &principal.history {
        let (etype, version) = ([code(used.etype)], used.version.to_be_bytes());
        row.field(9, &[etype.as_slice(), &version, &used.mac, used.salt.as_bytes()].concat());
    }
    for master in &principal.master_keys {
        row.field(12, &[master.version.to_be_bytes().as_slice(), master.pattern.bytes()].concat());
    }
    row.finish(&principal_key(&principal.name))
}

pub(crate) fn decode_principal(name: &PrincipalName, bytes: &[u8]) -> Result<Principal, RowError> {
    let all = fields(&principal_key(name), bytes)?;
    let mut principal = Principal::new(name.clone(), 0);
    for (field, bytes) in all {
        let wrong = RowError::Field(field);
        let life = || number(bytes).map(u32::from_be_bytes).ok_or(wrong.clone());
        let time = || number(bytes).map(u64::from_be_bytes).ok_or(wrong.clone());
        match (field, bytes) {
            (1, _) => principal.user = Some(identifier(bytes).ok_or(wrong)?),
            (2, _) => principal.keys.push(key(bytes).ok_or(wrong)?),
            (3, [code]) => {
                principal.flags.insert(*PrincipalFlag::ALL.get(usize::from(*code)).ok_or(wrong)?);
            }
            (4, _) => principal.max_ticket_life = Some(life()?),
            (5, _) => principal.max_renewable_life = Some(life()?),
            (6, _) => principal.expires = Some(time()?),
            (7, _) => principal.password_expires = Some(time()?),
            (8, _) => principal.policy = Some(string(bytes).ok_or(wrong)?),
            (9, _) => principal.history.push(used_password(bytes).ok_or(wrong)?),
            (10, _) => principal.created = time()?,
            (11, _) => principal.password_changed = Some(time()?),
            (12, _) => principal.master_keys.push(master_key(bytes).ok_or(wrong)?),
            _ => return Err(wrong),
        }
    }
    // Most have one key or two, and room for four.
    principal.keys.shrink_to_fit();
    Ok(principal)
}

/// The number of a type in messages, in one byte: 17 to 20.
fn code(etype: Etype) -> u8 {
    u8::try_from(etype.number()).unwrap_or(0)
}

fn key(bytes: &[u8]) -> Option<PrincipalKey> {
    let (version, rest) = bytes.split_first_chunk()?;
    let (etype, rest) = rest.split_first()?;
    let (created, rest) = rest.split_first_chunk()?;
    let (label, salt) = rest.split_first_chunk()?;
    Some(PrincipalKey {
        version: u32::from_be_bytes(*version),
        etype: Etype::from_number((*etype).into())?,
        label: KeyLabel::from_ebcdic(*label).ok()?,
        salt: string(salt)?,
        created: u64::from_be_bytes(*created),
    })
}

fn used_password(bytes: &[u8]) -> Option<UsedPassword> {
    let (etype, rest) = bytes.split_first()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (mac, salt) = rest.split_first_chunk()?;
    let etype = Etype::from_number((*etype).into())?;
    Some(UsedPassword { etype, version: u32::from_be_bytes(*version), mac: *mac, salt: string(salt)? })
}

fn master_key(bytes: &[u8]) -> Option<MasterKeyVersion> {
    let (version, pattern) = bytes.split_first_chunk()?;
    Some(MasterKeyVersion { version: u32::from_be_bytes(*version), pattern: Mkvp::new(number(pattern)?) })
}

pub(crate) fn encode_policy(policy: &PasswordPolicy) -> Zeroizing<Vec<u8>> {
    let mut row = Writer::new();
    row.version_3().field(1, &[policy.min_length]).field(2, &[policy.history]);
    if let Some(seconds) = policy.max_life {
        row.field(3, &seconds.to_be_bytes());
    }
    row.finish(&policy_key(&policy.name))
}

pub(crate) fn decode_policy(name: &str, bytes: &[u8]) -> Result<PasswordPolicy, RowError> {
    let mut policy = PasswordPolicy { name: name.to_owned(), min_length: 1, history: 0, max_life: None };
    for (field, bytes) in fields(&policy_key(name), bytes)? {
        match (field, bytes) {
            (1, [least]) => policy.min_length = *least,
            (2, [count]) => policy.history = *count,
            (3, _) => policy.max_life = Some(u32::from_be_bytes(number(bytes).ok_or(RowError::Field(3))?)),
            _ => return Err(RowError::Field(field)),
        }
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal() -> Principal {
        let mut principal = Principal::new(r"host/a\/b".parse().unwrap(), 1_763_110_800);
        principal.user = Some("U1".parse().unwrap());
        let made = |version, etype: Etype| PrincipalKey {
            version,
            etype,
            label: format!("SICKRB.X.E{}.V{version}", etype.number()).parse().unwrap(),
            salt: "EXAMPLE.COMhosta/b".to_owned(),
            created: 1_763_110_800,
        };
        principal.keys = vec![made(2, Etype::Aes256Sha2), made(2, Etype::Aes256Sha1), made(1, Etype::Aes128Sha1)];
        principal.flags = PrincipalFlag::ALL.into();
        (principal.max_ticket_life, principal.max_renewable_life) = (Some(36_000), Some(604_800));
        (principal.expires, principal.password_expires) = (Some(u64::MAX), Some(1));
        principal.policy = Some("strict".to_owned());
        let used = UsedPassword { etype: Etype::Aes256Sha1, version: 1, salt: String::new(), mac: [7; 16] };
        principal.history = vec![used.clone(), UsedPassword { version: 2, ..used }];
        principal.password_changed = Some(1_763_110_801);
        principal.master_keys = vec![MasterKeyVersion { version: 2, pattern: Mkvp::new([1; 8]) }];
        principal
    }

    #[test]
    fn rows_come_back_and_no_change_goes_unnoticed() {
        let principal = principal();
        let row = encode_principal(&principal);
        assert_eq!(row[0], 3);
        assert_eq!(decode_principal(&principal.name, &row).unwrap(), principal);
        for at in 0..row.len() {
            let mut changed = row.to_vec();
            changed[at] ^= 1;
            assert!(decode_principal(&principal.name, &changed).is_err(), "byte {at}");
        }
        assert!(decode_principal(&"other".parse().unwrap(), &row).is_err(), "under another name");
        let policy =
            PasswordPolicy { min_length: 8, history: 3, max_life: Some(1), ..PasswordPolicy::new("p").unwrap() };
        assert_eq!(decode_policy("p", &encode_policy(&policy)).unwrap(), policy);
    }

    /// Rows whose checksum fits and whose fields are cut off at any place.
    #[test]
    fn a_field_that_cannot_be_is_named() {
        let name: PrincipalName = "a".parse().unwrap();
        let whole = encode_principal(&Principal { name: name.clone(), ..principal() });
        let all = fields(&principal_key(&name), &whole).unwrap();
        let mut refused = 0;
        for (field, bytes) in all {
            for length in 0..bytes.len() {
                let mut row = Writer::new();
                row.version_3().field(field, &bytes[..length]);
                let read = decode_principal(&name, &row.finish(&principal_key(&name)));
                // What ends in text may be cut short in it.
                if !matches!((field, length), (2, 77..) | (8, _) | (9, 21..)) {
                    assert_eq!(read.unwrap_err(), RowError::Field(field), "{length} bytes of field {field}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 300, "{refused}");
        for (field, bytes) in [(3, [11].as_slice()), (13, &[]), (1, &[])] {
            let mut row = Writer::new();
            row.version_3().field(field, bytes);
            let row = row.finish(&principal_key(&name));
            assert_eq!(decode_principal(&name, &row).unwrap_err(), RowError::Field(field));
        }
    }
}
