//! Rows of profiles.
//!
//! | field | version | content |
//! |---|---|---|
//! | 1 | 1 | generic: X'01' |
//! | 2 | 1 | owner, 8 bytes EBCDIC |
//! | 3 | 1 | UACC: 0 NONE to 5 ALTER |
//! | 4, 5 | 1 | APPLDATA, installation data |
//! | 6 | 1 | access list: user or group, 8 bytes EBCDIC, then the level |
//! | 7 | 2 | LEVEL |
//! | 8 | 2 | WARNING: X'01' |
//! | 9 | 2 | AUDIT, where it is not FAILURES(READ): levels of SUCCESS and FAILURES, X'FF' none |
//! | 10 | 1 | SSIGNON segment present: empty |
//! | 11 | 1 | KEYMASKED: 8 bytes, masked |
//! | 12 | 1 | label of the legacy key |
//! | 13 | 1 | EPTKEYLABEL |
//! | 14 | 1 | TYPE: 0 UPPER, 1 MIXED |
//! | 15 | 1 | TIMEOUT: 2 bytes |
//! | 16 | 1 | REPLAY: 0 no, 1 yes |
//! | 17 | 2 | a legacy key that was not imported: 0 masked, 1 key token, 2 unknown |
//! | 18 | 2 | the legacy key in a key token: 64 bytes, as ICSF has them |
//! | 30 | 2 | KERB segment present: encryption types, one bit each from the right, DES first; then 1 for CHECKADDRS; then the version of the keys |
//! | 31 | 2 | KERBNAME |
//! | 32, 33, 34 | 2 | MINTKTLF, DEFTKTLF, MAXTKTLF: 4 bytes each |
//! | 35 | 2 | PASSWORD, masked |
//! | 36 | 3 | how long a ticket can be renewed: 4 bytes |

use icsf_core::{ClearKey, KeyLabel, KeyToken};
use zeroize::Zeroizing;

use super::{
    RowError, Writer, access, encryption, fields, from_encryption, identifier, level, masked, profile_key, string,
};
use crate::model::{Access, Audit, Class, ImportedKey, LegacyKey, Profile, ProfileName, Realm, Ssignon, TicketType};

/// The level of what is never recorded.
const NEVER: u8 = 0xff;

pub(crate) fn encode_profile(profile: &Profile) -> Zeroizing<Vec<u8>> {
    let key = profile_key(profile.class, &profile.name);
    let mut row = Writer::new();
    if profile.generic {
        row.field(1, &[1]);
    }
    row.field(2, profile.owner.ebcdic()).field(3, &[level(profile.uacc)]);
    row.text(4, &profile.appldata).text(5, &profile.data);
    for (id, access) in &profile.access {
        row.field(6, &[id.ebcdic().as_slice(), &[level(*access)]].concat());
    }
    if profile.level != 0 {
        row.version_2().field(7, &[profile.level]);
    }
    if profile.warning {
        row.version_2().field(8, &[1]);
    }
    if profile.audit != Audit::default() {
        let from = |access: Option<Access>| access.map_or(NEVER, level);
        row.version_2().field(9, &[from(profile.audit.success), from(profile.audit.failures)]);
    }
    if let Some(ssignon) = &profile.ssignon {
        row.field(10, &[]);
        match &ssignon.legacy {
            Some(LegacyKey::Masked(clear)) => drop(row.field(11, &masked(&key, clear.expose()))),
            Some(LegacyKey::Label(label)) => drop(row.text(12, &label.to_string())),
            Some(LegacyKey::Token(token)) => drop(row.version_2().field(18, &token.encode())),
            Some(LegacyKey::Imported(how)) => {
                let code = match how {
                    ImportedKey::Masked => 0,
                    ImportedKey::Token => 1,
                    ImportedKey::Unknown => 2,
                };
                row.version_2().field(17, &[code]);
            }
            None => {}
        }
        if let Some(label) = &ssignon.enhanced {
            row.text(13, &label.to_string());
        }
        if let Some(ticket_type) = ssignon.ticket_type {
            row.field(14, &[u8::from(ticket_type == TicketType::Mixed)]);
        }
        if let Some(timeout) = ssignon.timeout.and_then(|seconds| u16::try_from(seconds).ok()) {
            row.field(15, &timeout.to_be_bytes());
        }
        if let Some(replay) = ssignon.replay {
            row.field(16, &[u8::from(replay)]);
        }
    }
    if let Some(kerb) = &profile.kerb {
        let checks = u8::from(kerb.check_addresses);
        row.version_2().field(30, &[encryption(&kerb.encryption), checks, kerb.key_version]).text(31, &kerb.name);
        for (number, life) in [(32, kerb.min_ticket_life), (33, kerb.default_ticket_life), (34, kerb.max_ticket_life)] {
            if let Some(seconds) = life {
                row.field(number, &seconds.to_be_bytes());
            }
        }
        if let Some(password) = &kerb.password {
            row.field(35, &masked(&key, password.expose()));
        }
        if let Some(seconds) = kerb.max_renewable_life {
            row.version_3().field(36, &seconds.to_be_bytes());
        }
    }
    row.finish(&key)
}

pub(crate) fn decode_profile(class: Class, name: &ProfileName, bytes: &[u8]) -> Result<Profile, RowError> {
    let key = profile_key(class, name);
    let fields = fields(&key, bytes)?;
    let owner = fields.iter().find(|(number, _)| *number == 2).and_then(|(_, field)| identifier(field));
    let mut profile = Profile::new(class, name.clone(), false, owner.ok_or(RowError::Field(2))?);
    let (mut ssignon, mut kerb) = (Ssignon::default(), Realm::default());
    let (mut has_ssignon, mut has_kerb) = (false, false);
    for (number, field) in fields {
        let wrong = RowError::Field(number);
        let label = || string(field).and_then(|label| label.parse::<KeyLabel>().ok()).ok_or(wrong.clone());
        let life = || super::number(field).map(u32::from_be_bytes).ok_or(wrong.clone());
        has_ssignon |= (10..=18).contains(&number);
        has_kerb |= (30..=36).contains(&number);
        match (number, field) {
            (1, [flag]) => profile.generic = *flag == 1,
            (2, _) => {}
            (3, [byte]) => profile.uacc = access(*byte).ok_or(wrong)?,
            (4, _) => profile.appldata = string(field).ok_or(wrong)?,
            (5, _) => profile.data = string(field).ok_or(wrong)?,
            (6, [id @ .., byte]) => {
                let entry = identifier(id).zip(access(*byte)).ok_or(wrong)?;
                profile.access.insert(entry.0, entry.1);
            }
            (7, [byte]) => profile.level = *byte,
            (8, [flag]) => profile.warning = *flag == 1,
            (9, [success, failures]) => {
                let from =
                    |byte: u8| if byte == NEVER { Ok(None) } else { access(byte).map(Some).ok_or(wrong.clone()) };
                profile.audit = Audit { success: from(*success)?, failures: from(*failures)? };
            }
            (10, []) => {}
            (11, [_, _, _, _, _, _, _, _]) => {
                ssignon.legacy = Some(LegacyKey::Masked(ClearKey::from_slice(&masked(&key, field))));
            }
            (12, _) => ssignon.legacy = Some(LegacyKey::Label(label()?)),
            (13, _) => ssignon.enhanced = Some(label()?),
            (14, [byte]) => {
                ssignon.ticket_type = Some(if *byte == 0 { TicketType::Upper } else { TicketType::Mixed });
            }
            (15, [high, low]) => ssignon.timeout = Some(u16::from_be_bytes([*high, *low]).into()),
            (16, [byte]) => ssignon.replay = Some(*byte == 1),
            (17, [0]) => ssignon.legacy = Some(LegacyKey::Imported(ImportedKey::Masked)),
            (17, [1]) => ssignon.legacy = Some(LegacyKey::Imported(ImportedKey::Token)),
            (17, [2]) => ssignon.legacy = Some(LegacyKey::Imported(ImportedKey::Unknown)),
            (18, _) => match KeyToken::parse(field) {
                Ok(KeyToken::Des(token)) if token.encode().as_slice() == field => {
                    ssignon.legacy = Some(LegacyKey::Token(token));
                }
                _ => return Err(wrong),
            },
            (30, [types, checks, version]) => {
                kerb.encryption = from_encryption(*types);
                (kerb.check_addresses, kerb.key_version) = (*checks == 1, *version);
            }
            (31, _) => kerb.name = string(field).ok_or(wrong)?,
            (32, _) => kerb.min_ticket_life = Some(life()?),
            (33, _) => kerb.default_ticket_life = Some(life()?),
            (34, _) => kerb.max_ticket_life = Some(life()?),
            (35, _) => kerb.password = Some(ClearKey::from_slice(&masked(&key, field))),
            (36, _) => kerb.max_renewable_life = Some(life()?),
            _ => return Err(wrong),
        }
    }
    profile.ssignon = has_ssignon.then_some(ssignon);
    profile.kerb = has_kerb.then_some(kerb);
    Ok(profile)
}
