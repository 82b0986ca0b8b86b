//! Rows of the security database as bytes.
//!
//! Key of a row: one letter for what it is (`S` options, `P` profile, `U` user), then for a profile its class in 8
//! characters and its name, for a user the user ID as 8 bytes.
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | version X'01' |
//! | 1 | .. | fields: number (1), length n (2, big-endian), n bytes; in any order, a list as one field an element |
//! | end-4 | 4 | CRC-32 of key and all before |
//!
//! | row | field | content |
//! |---|---|---|
//! | options | 1, 2, 3 | a class that is active, RACLISTed, generic: its name |
//! | | 4 | passwords keep their case: X'01' |
//! | profile | 1 | generic: X'01' |
//! | | 2 | owner, 8 bytes EBCDIC |
//! | | 3 | UACC: 0 NONE to 5 ALTER |
//! | | 4, 5 | APPLDATA, installation data |
//! | | 6 | access list: user or group, 8 bytes EBCDIC, then the level |
//! | | 10 | SSIGNON segment present: empty |
//! | | 11 | KEYMASKED: 8 bytes, masked |
//! | | 12 | label of the legacy key |
//! | | 13 | EPTKEYLABEL |
//! | | 14 | TYPE: 0 UPPER, 1 MIXED |
//! | | 15 | TIMEOUT: 2 bytes |
//! | | 16 | REPLAY: 0 no, 1 yes |
//! | user | 1 | name |
//! | | 2, 3 | default group, owner: 8 bytes EBCDIC each |
//! | | 4 | 1 protected, 2 revoked, 3 both |
//! | | 5 | password hash, PHC string |
//!
//! Masked means exclusive OR with a value anybody can compute (SHA-256 of a constant and the row key): it keeps a key
//! from being read over a shoulder and from nothing else, as in the real database.

use std::collections::BTreeMap;

use icsf_core::{ClearKey, KeyLabel};
use ptkt::{GroupId, UserId};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::model::{Access, Class, LegacyKey, Options, Profile, ProfileName, Ssignon, TicketType, User};

const VERSION: u8 = 1;

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// Cut off, or changed.
    #[error("its checksum does not fit: it was changed")]
    Checksum,
    /// Written by a later release.
    #[error("it has version {0}, which this release does not know")]
    Version(u8),
    /// A field that cannot be.
    #[error("field {0} of it is not valid")]
    Field(u8),
}

/// The key of the options row.
pub(crate) const OPTIONS: &[u8] = b"S";

pub(crate) fn profile_key(class: Class, name: &ProfileName) -> Box<[u8]> {
    format!("P{class:<8}{name}").into_bytes().into()
}

pub(crate) fn user_key(id: &UserId) -> Box<[u8]> {
    [b"U".as_slice(), id.ebcdic()].concat().into()
}

/// What a row key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowKind {
    Options,
    Profile(Class, ProfileName),
    User(UserId),
}

pub(crate) fn kind_of(key: &[u8]) -> Option<RowKind> {
    match key.split_first()? {
        (b'S', []) => Some(RowKind::Options),
        (b'P', rest) => {
            let (class, name) = rest.split_at_checked(8)?;
            let class = std::str::from_utf8(class).ok()?.trim_end_matches(' ').parse().ok()?;
            Some(RowKind::Profile(class, std::str::from_utf8(name).ok()?.parse().ok()?))
        }
        (b'U', id) => identifier(id).map(RowKind::User),
        _ => None,
    }
}

struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    fn new() -> Self {
        Self(Zeroizing::new(vec![VERSION]))
    }

    fn field(&mut self, number: u8, bytes: &[u8]) -> &mut Self {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.0.push(number);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend(bytes.iter().take(usize::from(length)));
        self
    }

    fn text(&mut self, number: u8, text: &str) -> &mut Self {
        if text.is_empty() { self } else { self.field(number, text.as_bytes()) }
    }

    fn finish(mut self, key: &[u8]) -> Zeroizing<Vec<u8>> {
        let crc = checksum(key, &self.0);
        self.0.extend_from_slice(&crc.to_be_bytes());
        self.0
    }
}

fn checksum(key: &[u8], bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(bytes);
    crc.finalize()
}

/// The fields of a row, in order.
fn fields<'a>(key: &[u8], bytes: &'a [u8]) -> Result<Vec<(u8, &'a [u8])>, RowError> {
    let (body, crc) = bytes.split_last_chunk().ok_or(RowError::Checksum)?;
    if checksum(key, body) != u32::from_be_bytes(*crc) {
        return Err(RowError::Checksum);
    }
    let (version, mut rest) = body.split_first().ok_or(RowError::Checksum)?;
    if *version != VERSION {
        return Err(RowError::Version(*version));
    }
    let mut fields = Vec::new();
    while let [number, high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (field, tail) = tail.split_at_checked(length).ok_or(RowError::Field(*number))?;
        fields.push((*number, field));
        rest = tail;
    }
    if rest.is_empty() { Ok(fields) } else { Err(RowError::Field(0)) }
}

fn string(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

trait Identifier: Sized {
    fn from_padded(bytes: &[u8]) -> Option<Self>;
}

impl Identifier for UserId {
    fn from_padded(bytes: &[u8]) -> Option<Self> {
        Self::from_ebcdic(bytes).ok()
    }
}

impl Identifier for GroupId {
    fn from_padded(bytes: &[u8]) -> Option<Self> {
        Self::from_ebcdic(bytes).ok()
    }
}

fn identifier<T: Identifier>(bytes: &[u8]) -> Option<T> {
    let end = bytes.iter().rposition(|byte| *byte != 0x40)? + 1;
    T::from_padded(bytes.get(..end).filter(|_| bytes.len() == 8)?)
}

fn masked(key: &[u8], clear: &[u8]) -> Zeroizing<Vec<u8>> {
    let mask = Sha256::new().chain_update(b"softicsf KEYMASKED").chain_update(key).finalize();
    Zeroizing::new(clear.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect())
}

pub(crate) fn encode_options(options: &Options) -> Zeroizing<Vec<u8>> {
    let mut row = Writer::new();
    for (number, classes) in [(1, &options.active), (2, &options.raclisted), (3, &options.generic)] {
        for class in classes {
            row.text(number, &class.to_string());
        }
    }
    if options.mixed_case {
        row.field(4, &[1]);
    }
    row.finish(OPTIONS)
}

pub(crate) fn decode_options(bytes: &[u8]) -> Result<Options, RowError> {
    let mut options = Options::default();
    for (number, field) in fields(OPTIONS, bytes)? {
        let class = || string(field).and_then(|name| name.parse::<Class>().ok()).ok_or(RowError::Field(number));
        match number {
            1 => drop(options.active.insert(class()?)),
            2 => drop(options.raclisted.insert(class()?)),
            3 => drop(options.generic.insert(class()?)),
            4 => options.mixed_case = field == [1],
            _ => return Err(RowError::Field(number)),
        }
    }
    Ok(options)
}

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
    if let Some(ssignon) = &profile.ssignon {
        row.field(10, &[]);
        match &ssignon.legacy {
            Some(LegacyKey::Masked(clear)) => drop(row.field(11, &masked(&key, clear.expose()))),
            Some(LegacyKey::Label(label)) => drop(row.text(12, &label.to_string())),
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
    row.finish(&key)
}

pub(crate) fn decode_profile(class: Class, name: &ProfileName, bytes: &[u8]) -> Result<Profile, RowError> {
    let key = profile_key(class, name);
    let fields = fields(&key, bytes)?;
    let owner = fields.iter().find(|(number, _)| *number == 2).and_then(|(_, field)| identifier(field));
    let mut profile = Profile::new(class, name.clone(), false, owner.ok_or(RowError::Field(2))?);
    let mut ssignon = Ssignon::default();
    for (number, field) in fields {
        let wrong = RowError::Field(number);
        let label = || string(field).and_then(|label| label.parse::<KeyLabel>().ok()).ok_or(wrong.clone());
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
            _ => return Err(wrong),
        }
        if number >= 10 && profile.ssignon.is_none() {
            profile.ssignon = Some(Ssignon::default());
        }
    }
    if profile.ssignon.is_some() {
        profile.ssignon = Some(ssignon);
    }
    Ok(profile)
}

pub(crate) fn encode_user(user: &User) -> Zeroizing<Vec<u8>> {
    let mut row = Writer::new();
    row.text(1, &user.name).field(2, user.group.ebcdic()).field(3, user.owner.ebcdic());
    row.field(4, &[u8::from(user.protected) | u8::from(user.revoked) << 1]);
    if let Some(password) = &user.password {
        row.text(5, password);
    }
    row.finish(&user_key(&user.id))
}

pub(crate) fn decode_user(id: &UserId, bytes: &[u8]) -> Result<User, RowError> {
    let fields: BTreeMap<u8, &[u8]> = fields(&user_key(id), bytes)?.into_iter().collect();
    let get = |number: u8| fields.get(&number).copied();
    let group = get(2).and_then(identifier).ok_or(RowError::Field(2))?;
    let owner = get(3).and_then(identifier).ok_or(RowError::Field(3))?;
    let mut user = User::new(*id, group, owner);
    user.name = string(get(1).unwrap_or_default()).ok_or(RowError::Field(1))?;
    let flags = get(4).and_then(<[u8]>::first).ok_or(RowError::Field(4))?;
    user.protected = flags & 1 != 0;
    user.revoked = flags & 2 != 0;
    user.password = get(5).map(|hash| string(hash).ok_or(RowError::Field(5))).transpose()?;
    Ok(user)
}

fn level(access: Access) -> u8 {
    let at = Access::ALL.iter().position(|level| *level == access);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

fn access(byte: u8) -> Option<Access> {
    Access::ALL.get(usize::from(byte)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        let name = "TSOPRD1".parse().unwrap();
        let mut profile = Profile::new(Class::Ptktdata, name, false, "IBMUSER".parse().unwrap());
        profile.appldata = "NO REPLAY PROTECTION".to_owned();
        profile.access.insert("TPXSTC".parse().unwrap(), Access::Update);
        profile.ssignon = Some(Ssignon {
            legacy: Some(LegacyKey::Masked(ClearKey::from_hex("E001193519561977").unwrap())),
            enhanced: Some("PTKT.CICSP1.HMAC".parse().unwrap()),
            ticket_type: Some(TicketType::Upper),
            timeout: Some(600),
            replay: Some(true),
        });
        profile
    }

    #[test]
    fn rows_come_back_and_no_change_goes_unnoticed() {
        let (profile, mut user) =
            (profile(), User::new("U1".parse().unwrap(), "SYS1".parse().unwrap(), "IBMUSER".parse().unwrap()));
        user.name = "A USER".to_owned();
        user.revoked = true;
        user.password = Some("$argon2id$x".to_owned());
        let mut options = Options::default();
        options.active.insert(Class::Ptktdata);
        options.mixed_case = true;

        let rows = [encode_profile(&profile), encode_user(&user), encode_options(&options)];
        assert_eq!(encode_profile(&decode_profile(profile.class, &profile.name, &rows[0]).unwrap()), rows[0]);
        assert_eq!(decode_user(&user.id, &rows[1]).unwrap(), user);
        assert_eq!(decode_options(&rows[2]).unwrap(), options);
        for at in 0..rows[0].len() {
            let mut changed = rows[0].to_vec();
            changed[at] ^= 1;
            assert!(decode_profile(profile.class, &profile.name, &changed).is_err(), "byte {at}");
        }
        assert!(decode_profile(profile.class, &"OTHER".parse().unwrap(), &rows[0]).is_err(), "under another name");
    }

    #[test]
    fn a_masked_key_does_not_stand_in_the_row() {
        let clear = [0xe0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77];
        assert!(!encode_profile(&profile()).windows(8).any(|window| window == clear));
    }

    #[test]
    fn keys_tell_what_they_are_of() {
        let name: ProfileName = "IRRPTAUTH.*.*".parse().unwrap();
        let key = profile_key(Class::Ptktdata, &name);
        assert_eq!(kind_of(&key), Some(RowKind::Profile(Class::Ptktdata, name)));
        let id: UserId = "U1".parse().unwrap();
        assert_eq!(kind_of(&user_key(&id)), Some(RowKind::User(id)));
        assert_eq!(kind_of(OPTIONS), Some(RowKind::Options));
        assert_eq!(kind_of(b"X"), None);
    }
}
