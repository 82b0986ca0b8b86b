//! The operands of KERB: Kerberos principals, and realms.
//!
//! Source: RACF Command Language Reference; z/OS 2.4 education deck on Network Authentication Service.

use std::collections::BTreeSet;

use icsf_core::ClearKey;
use secrecy::{ExposeSecret, SecretString};

use super::operands::{Keywords, number, quoted, yes_or_no};
use super::{CommandError, Operand, Session};
use crate::model::{EncryptionType, Kerb, PrincipalName, Realm};

/// What is set where it is there, and what is taken away.
type Setting<T> = Option<Option<T>>;

/// The longest life of a ticket RACF takes, in seconds.
const LONGEST: u32 = 2_147_483_647;

/// What KERB(...) of a user asks for.
pub(super) struct AskedUser {
    name: Setting<String>,
    encryption: Encryption,
    max_ticket_life: Setting<u32>,
}

impl AskedUser {
    pub(super) fn read(keywords: &Keywords<'_>) -> Result<Self, CommandError> {
        Ok(Self {
            name: keywords.setting("KERBNAME", "NOKERBNAME", principal)?,
            encryption: Encryption::read(keywords)?,
            max_ticket_life: life(keywords, "MAXTKTLF", "NOMAXTKTLF")?,
        })
    }

    pub(super) fn apply(&self, kerb: &mut Kerb) {
        set(&mut kerb.name, &self.name);
        self.encryption.apply(&mut kerb.encryption);
        set(&mut kerb.max_ticket_life, &self.max_ticket_life.map(Some));
    }
}

/// What KERB(...) of a REALM profile asks for.
pub(super) struct AskedRealm {
    name: Setting<String>,
    min: Setting<u32>,
    default: Setting<u32>,
    max: Setting<u32>,
    encryption: Encryption,
    check_addresses: Option<bool>,
    password: Setting<ClearKey>,
}

impl AskedRealm {
    pub(super) fn read(session: &Session<'_>, keywords: &Keywords<'_>) -> Result<Self, CommandError> {
        let check = keywords.setting("CHECKADDRS", "NOCHECKADDRS", yes_or_no)?;
        Ok(Self {
            name: keywords.setting("KERBNAME", "NOKERBNAME", name)?,
            min: life(keywords, "MINTKTLF", "NOMINTKTLF")?,
            default: life(keywords, "DEFTKTLF", "NODEFTKTLF")?,
            max: life(keywords, "MAXTKTLF", "NOMAXTKTLF")?,
            encryption: Encryption::read(keywords)?,
            check_addresses: check.map(Option::unwrap_or_default),
            password: keywords.setting("PASSWORD", "NOPASSWORD", |value| {
                let secret = session.secret(value)?;
                let text = secret.expose_secret();
                if !(1..=128).contains(&text.chars().count()) || text.chars().any(char::is_control) {
                    return Err(CommandError::at("a password of a realm has 1 to 128 printable characters", value));
                }
                Ok(ClearKey::from_slice(text.as_bytes()))
            })?,
        })
    }

    /// The password, where one is set.
    pub(super) fn password(&self) -> Option<SecretString> {
        let password = self.password.as_ref()?.as_ref()?;
        std::str::from_utf8(password.expose()).ok().map(SecretString::from)
    }

    /// NOPASSWORD.
    pub(super) fn takes_password_away(&self) -> bool {
        matches!(self.password, Some(None))
    }

    /// Writes it into a segment; `operand` is where KERB stands.
    pub(super) fn apply(&self, realm: &mut Realm, operand: &Operand) -> Result<(), CommandError> {
        set(&mut realm.name, &self.name);
        set(&mut realm.min_ticket_life, &self.min.map(Some));
        set(&mut realm.default_ticket_life, &self.default.map(Some));
        set(&mut realm.max_ticket_life, &self.max.map(Some));
        self.encryption.apply(&mut realm.encryption);
        realm.check_addresses = self.check_addresses.unwrap_or(realm.check_addresses);
        if let Some(password) = &self.password {
            realm.password = password.as_ref().map(|password| ClearKey::from_slice(password.expose()));
            // Versions go round from 255 to 1: 0 is none.
            realm.key_version = if password.is_some() { realm.key_version.checked_add(1).unwrap_or(1) } else { 0 };
        }
        match realm.lives_out_of_order() {
            Some((less, more)) => Err(CommandError::at(format!("{less} is more than {more}"), operand)),
            None => Ok(()),
        }
    }
}

fn set<T: Clone + Default>(field: &mut T, setting: &Setting<T>) {
    if let Some(value) = setting {
        *field = value.clone().unwrap_or_default();
    }
}

fn name(value: &Operand) -> Result<String, CommandError> {
    let fits = (1..=240).contains(&value.text.len()) && value.text.chars().all(|c| c.is_ascii_graphic());
    if fits {
        Ok(value.text.clone())
    } else {
        Err(CommandError::at("KERBNAME has 1 to 240 printable ASCII characters", value))
    }
}

/// The name of a user's principal, without realm.
fn principal(value: &Operand) -> Result<String, CommandError> {
    let name = name(value)?;
    let read = name.parse::<PrincipalName>().map(|name| name.to_string());
    read.map_err(|why| CommandError::at(why.to_string(), value).hint("the name without its realm"))
}

fn life(keywords: &Keywords<'_>, on: &str, off: &str) -> Result<Setting<u32>, CommandError> {
    keywords.setting(on, off, |value| number(on, value, 1, LONGEST))
}

/// ENCRYPT: types that are switched on and off, or all on.
struct Encryption(Vec<(EncryptionType, bool)>);

impl Encryption {
    fn read(keywords: &Keywords<'_>) -> Result<Self, CommandError> {
        if keywords.has("NOENCRYPT") {
            return Ok(Self(EncryptionType::ALL.map(|kind| (kind, true)).into()));
        }
        let one = |value: &Operand| -> Result<(EncryptionType, bool), CommandError> {
            let word = value.text.to_ascii_uppercase();
            let (name, on) = word.strip_prefix("NO").map_or((word.as_str(), true), |name| (name, false));
            let kind = name.parse().ok().filter(|_| value.inner.is_none());
            kind.map(|kind| (kind, on)).ok_or_else(|| {
                let all = EncryptionType::ALL.map(EncryptionType::name).join(", ");
                CommandError::at(format!("{} is no type of Kerberos key", quoted(value)), value)
                    .hint(format!("{all}, or one with NO before it"))
            })
        };
        keywords.values("ENCRYPT").unwrap_or_default().iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    fn apply(&self, types: &mut BTreeSet<EncryptionType>) {
        for (kind, on) in &self.0 {
            if *on {
                types.insert(*kind);
            } else {
                types.remove(kind);
            }
        }
    }
}
