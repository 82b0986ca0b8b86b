//! Rows of the security database as bytes.
//!
//! Key of a row: one letter for what it is (`S` options, `P` profile, `U` user, `G` group, `K` principal, `L` policy), then
//! for a profile its class in 8 characters and its name, for a user or a group its name as 8 bytes, for a principal or a
//! policy its name.
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | version: the highest of its fields' |
//! | 1 | .. | fields: number (1), length n (2, big-endian), n bytes; in any order, a list as one field an element |
//! | end-4 | 4 | CRC-32 of key and all before |
//!
//! What the fields are stands in `docs/formats.md` and at the functions that write them.
//!
//! Masked means exclusive OR with a value anybody can compute (SHA-256 of a constant and the row key): it keeps a key
//! from being read over a shoulder and from nothing else, as in the real database.

mod principal;
mod profile;
mod user;

use std::collections::BTreeSet;

pub(crate) use principal::{decode_policy, decode_principal, encode_policy, encode_principal};
pub(crate) use profile::{decode_profile, encode_profile};
use ptkt::{GroupId, UserId};
use sha2::{Digest, Sha256};
pub(crate) use user::{decode_group, decode_user, encode_group, encode_user};
use zeroize::Zeroizing;

use crate::model::{Access, Class, EncryptionType, Options, PasswordPolicy, PrincipalName, ProfileName};

/// The versions of rows that are read. Each adds fields to the one before; a row without them is written as that, so that
/// earlier releases read it.
const VERSIONS: std::ops::RangeInclusive<u8> = 1..=3;

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

pub(crate) fn group_key(id: &GroupId) -> Box<[u8]> {
    [b"G".as_slice(), id.ebcdic()].concat().into()
}

pub(crate) fn principal_key(name: &PrincipalName) -> Box<[u8]> {
    format!("K{name}").into_bytes().into()
}

pub(crate) fn policy_key(name: &str) -> Box<[u8]> {
    format!("L{name}").into_bytes().into()
}

/// What a row key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowKind {
    Options,
    Profile(Class, ProfileName),
    User(UserId),
    Group(GroupId),
    Principal(PrincipalName),
    Policy(String),
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
        (b'G', id) => identifier(id).map(RowKind::Group),
        (b'K', name) => std::str::from_utf8(name).ok()?.parse().ok().map(RowKind::Principal),
        (b'L', name) => PasswordPolicy::new(std::str::from_utf8(name).ok()?).ok().map(|new| RowKind::Policy(new.name)),
        _ => None,
    }
}

struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    fn new() -> Self {
        Self(Zeroizing::new(vec![*VERSIONS.start()]))
    }

    /// What follows is of version 2.
    fn version_2(&mut self) -> &mut Self {
        self.version(2)
    }

    /// What follows is of version 3.
    fn version_3(&mut self) -> &mut Self {
        self.version(3)
    }

    fn version(&mut self, least: u8) -> &mut Self {
        if let Some(version) = self.0.first_mut() {
            *version = least.max(*version);
        }
        self
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
    if !VERSIONS.contains(version) {
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
    if let Some(attempts) = options.revoke_after {
        row.version_2().field(5, &[attempts]);
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
            5 => options.revoke_after = Some(*field.first().ok_or(RowError::Field(number))?),
            _ => return Err(RowError::Field(number)),
        }
    }
    Ok(options)
}

fn masked(key: &[u8], clear: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(clear.len()));
    for (count, block) in (0u8..).zip(clear.chunks(32)) {
        let mut mask = Sha256::new().chain_update(b"softicsf KEYMASKED").chain_update(key);
        if count > 0 {
            mask.update([count]);
        }
        out.extend(block.iter().zip(mask.finalize()).map(|(byte, mask)| byte ^ mask));
    }
    out
}

fn level(access: Access) -> u8 {
    let at = Access::ALL.iter().position(|level| *level == access);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

fn access(byte: u8) -> Option<Access> {
    Access::ALL.get(usize::from(byte)).copied()
}

/// Types of Kerberos keys, one bit each from the right.
fn encryption(types: &BTreeSet<EncryptionType>) -> u8 {
    let bits = EncryptionType::ALL.iter().enumerate().filter(|(_, kind)| types.contains(kind));
    bits.fold(0, |sum, (bit, _)| sum | 1 << bit)
}

fn from_encryption(bits: u8) -> BTreeSet<EncryptionType> {
    let types = EncryptionType::ALL.into_iter().enumerate();
    types.filter(|(bit, _)| bits & 1 << bit != 0).map(|(_, kind)| kind).collect()
}

fn number<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use icsf_core::ClearKey;

    use super::*;
    use crate::model::{
        Attribute, Audit, Authority, Connect, Group, ImportedKey, Kerb, LegacyKey, Profile, Realm, Ssignon, TicketType,
        User,
    };

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

    fn later_profile() -> Profile {
        let mut profile = profile();
        profile.ssignon.as_mut().unwrap().legacy = Some(LegacyKey::Imported(ImportedKey::Token));
        (profile.level, profile.warning) = (99, true);
        profile.audit = Audit { success: Some(Access::Update), failures: None };
        profile.kerb = Some(Realm {
            name: "KER2000.ENDICOTT.IBM.COM".to_owned(),
            min_ticket_life: Some(15),
            default_ticket_life: Some(36_000),
            max_ticket_life: Some(86_400),
            max_renewable_life: None,
            encryption: [EncryptionType::Des3, EncryptionType::Aes256Sha2].into(),
            check_addresses: true,
            password: Some(ClearKey::from_slice(b"12345678")),
            key_version: 3,
        });
        profile
    }

    fn later_user() -> User {
        let mut user = User::new("U1".parse().unwrap(), "SYS1".parse().unwrap(), "IBMUSER".parse().unwrap());
        user.attributes = Attribute::ALL.into();
        user.data = "installation data".to_owned();
        user.created = Some(1_763_110_800);
        user.failed_attempts = 2;
        let connect =
            Connect { authority: Authority::Join, owner: user.owner, revoked: true, created: Some(1_763_110_800) };
        user.connects.insert("GRP".parse().unwrap(), connect);
        let encryption = [EncryptionType::Aes128].into();
        user.kerb = Some(Kerb { name: "Joe".to_owned(), encryption, max_ticket_life: Some(600) });
        user
    }

    #[test]
    fn rows_of_version_2_come_back() {
        let (profile, user) = (later_profile(), later_user());
        let row = encode_profile(&profile);
        assert_eq!(row[0], 2);
        let back = decode_profile(profile.class, &profile.name, &row).unwrap();
        assert_eq!(encode_profile(&back), row);
        assert_eq!(format!("{back:?}"), format!("{profile:?}"));
        assert_eq!(back.kerb.unwrap().password.unwrap().expose(), b"12345678");
        assert_eq!(decode_user(&user.id, &encode_user(&user)).unwrap(), user);
        let mut group = Group::new("GRP".parse().unwrap(), Some("SYS1".parse().unwrap()), user.owner);
        (group.data, group.created) = ("data".to_owned(), Some(1));
        assert_eq!(decode_group(&group.id, &encode_group(&group)).unwrap(), group);
        let options = Options { revoke_after: Some(3), ..Options::default() };
        assert_eq!(decode_options(&encode_options(&options)).unwrap(), options);
        assert!(!row.windows(8).any(|window| window == b"12345678"), "the password is masked");
    }

    /// The token of a wrapped key stands in the row as ICSF has it; one that is no token of a DES key is no field.
    #[test]
    fn a_key_token_in_a_profile_comes_back() {
        use icsf_core::backend::{KeySpec, Mkvp, WrappedKey};
        use icsf_core::token::DesToken;

        let mut profile = profile();
        let wrapped = WrappedKey::new(KeySpec::DES, Mkvp::new([7; 8]), (0..32).collect::<Vec<u8>>());
        let token = DesToken::new(wrapped).unwrap();
        let is_it = |profile: &Profile| {
            let legacy = profile.ssignon.as_ref().and_then(|ssignon| ssignon.legacy.as_ref());
            matches!(legacy, Some(LegacyKey::Token(back)) if *back == token)
        };
        profile.ssignon.as_mut().unwrap().legacy = Some(LegacyKey::Token(token.clone()));
        let row = encode_profile(&profile);
        assert!(row[0] == 2 && row.windows(64).any(|window| window == token.encode()));
        assert!(is_it(&decode_profile(profile.class, &profile.name, &row).unwrap()));
        let key = profile_key(profile.class, &profile.name);
        for bytes in [vec![0; 64], token.encode()[..63].to_vec(), [&token.encode()[..], &[0]].concat()] {
            let mut writer = Writer::new();
            writer.field(2, profile.owner.ebcdic()).version_2().field(18, &bytes);
            let read = decode_profile(profile.class, &profile.name, &writer.finish(&key));
            assert_eq!(read.unwrap_err(), RowError::Field(18), "{} bytes", bytes.len());
        }
    }

    #[test]
    fn what_is_masked_may_be_long() {
        let clear: Vec<u8> = (0..=127).collect();
        let row = masked(b"key", &clear);
        assert_eq!((masked(b"key", &row).as_slice(), row.len()), (clear.as_slice(), 128));
        let blocks: BTreeSet<Vec<u8>> = masked(b"key", &[0; 128]).chunks(32).map(<[u8]>::to_vec).collect();
        assert_eq!(blocks.len(), 4, "each block has a mask of its own");
    }

    #[test]
    fn a_row_without_what_version_2_adds_is_of_version_1() {
        assert_eq!((encode_profile(&profile())[0], encode_options(&Options::default())[0]), (1, 1));
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
        let id: GroupId = "SYS1".parse().unwrap();
        assert_eq!(kind_of(&group_key(&id)), Some(RowKind::Group(id)));
        let name: PrincipalName = r"host/a\/b".parse().unwrap();
        assert_eq!(kind_of(&principal_key(&name)), Some(RowKind::Principal(name)));
        assert_eq!(kind_of(&policy_key("strict")), Some(RowKind::Policy("strict".to_owned())));
        assert_eq!((kind_of(b"Ka@REALM"), kind_of(b"L a")), (None, None));
        assert_eq!(kind_of(OPTIONS), Some(RowKind::Options));
        assert_eq!(kind_of(b"X"), None);
    }
}
