//! The operands of SSIGNON: the keys of a PTKTDATA profile.
//!
//! Source: RACF Security Administrator's Guide and Command Language Reference; z/OS 2.4 and 2.5 education decks.

use std::collections::BTreeMap;

use icsf_core::token::DesToken;
use icsf_core::{ClearKey, KeyLabel, KeyToken};
use secrecy::ExposeSecret;

use super::messages::cannot_be_encrypted;
use super::operands::{Keywords, number, parsed, quoted, yes_or_no};
use super::{CommandError, Operand, Session};
use crate::database::Edit;
use crate::icsf_access::{require_label, require_service};
use crate::model::{LegacyKey, Profile, ProfileName, Ssignon, TicketType};

const LEGACY: [&str; 5] = ["KEYMASKED", "KEYENCRYPTED", "KEYLABEL", "ENCRYPTKEY", "NOLEGACYKEY"];

/// The services that put a key into the CKDS, and one to clean up: by their names in class CSFSERV, and as they are called.
const SERVICES: [(&str, &str); 4] =
    [("CSFCKI", "CSNBCKI"), ("CSFKRC", "CSNBKRC"), ("CSFKRW", "CSNBKRW"), ("CSFKRD", "CSNBKRD")];

/// What SSIGNON(...) asks for, checked. A key to be encrypted is not in the CKDS yet.
pub(super) struct Asked<'a> {
    legacy: Option<Legacy>,
    /// Where the key stands, or where the keyword does.
    place: &'a Operand,
    enhanced: Option<Option<KeyLabel>>,
    ticket_type: Option<Option<TicketType>>,
    timeout: Option<Option<u32>>,
    replay: Option<Option<bool>>,
}

enum Legacy {
    Masked(ClearKey),
    Encrypted(ClearKey),
    Label(KeyLabel),
    /// ENCRYPTKEY: the key there is, masked or in a key token, moved into the CKDS.
    Encrypt,
    /// NOLEGACYKEY.
    None,
}

/// A key to be put into the CKDS.
enum Key<'k> {
    Clear(&'k ClearKey),
    /// That of a key token left in the profile: it comes in as it is, and need not be known.
    Token(&'k DesToken),
}

/// Keys that were put into the CKDS for profiles: under which label, and what the profile had before.
#[derive(Default)]
pub(super) struct Made(BTreeMap<ProfileName, (KeyLabel, Option<LegacyKey>)>);

impl<'a> Asked<'a> {
    /// Reads the keywords of `ssignon`.
    pub(super) fn read(
        session: &Session<'_>,
        keywords: &Keywords<'a>,
        ssignon: &'a Operand,
    ) -> Result<Self, CommandError> {
        keywords.exclusive(&LEGACY)?;
        let legacy = if let Some(value) = keywords.value("KEYMASKED") {
            Some((Legacy::Masked(key(session, value)?), value))
        } else if let Some(value) = keywords.value("KEYENCRYPTED") {
            Some((Legacy::Encrypted(key(session, value)?), value))
        } else if let Some(value) = keywords.value("KEYLABEL") {
            Some((Legacy::Label(parsed(value)?), value))
        } else if let Some(operand) = keywords.get("ENCRYPTKEY") {
            Some((Legacy::Encrypt, operand))
        } else {
            keywords.get("NOLEGACYKEY").map(|operand| (Legacy::None, operand))
        };
        if let (Some(operand), false) = (keywords.value("EPTKEYLABEL"), cfg!(feature = "enhanced")) {
            return Err(CommandError::at("this program was built without enhanced PassTickets", operand)
                .hint("build with feature enhanced"));
        }
        let (legacy, place) = legacy.map_or((None, ssignon), |(legacy, place)| (Some(legacy), place));
        Ok(Self {
            legacy,
            place,
            enhanced: keywords.setting("EPTKEYLABEL", "NOEPTKEYLABEL", parsed)?,
            ticket_type: keywords.setting("TYPE", "NOTYPE", ticket_type)?,
            timeout: keywords.setting("TIMEOUT", "NOTIMEOUT", |value| {
                number("TIMEOUT", value, 1, ptkt::Window::MAX_SECONDS)
                    .map_err(|error| error.hint(format!("1 to {} seconds", ptkt::Window::MAX_SECONDS)))
            })?,
            replay: keywords.setting("REPLAY", "NOREPLAY", yes_or_no)?,
        })
    }

    /// Whether it names a record of the CKDS.
    pub(super) const fn names_a_label(&self) -> bool {
        matches!(self.legacy, Some(Legacy::Label(_))) || matches!(self.enhanced, Some(Some(_)))
    }

    /// Puts the keys to be encrypted into the CKDS, all or none, as the user who issued the command. Whoever asked must
    /// [take them back](Made::take_back) if the profiles cannot be written after all.
    ///
    /// Source: z/OS 2.4 education deck: CSNBCKI, CSNBKRC, CSNBKRW, and CSNBKRD to clean up.
    pub(super) fn encrypt(&self, session: &Session<'_>, planned: &[Edit]) -> Result<Made, CommandError> {
        let profiles = planned.iter().filter_map(|edit| match edit {
            Edit::PutProfile(profile) => Some(profile),
            _ => None,
        });
        // All are looked at before the first key is put anywhere.
        let keys: Vec<(&Profile, Option<Key<'_>>)> = profiles
            .map(|profile| Ok((profile, self.to_be_encrypted(profile)?)))
            .collect::<Result<_, CommandError>>()?;
        let mut made = Made::default();
        for (profile, key) in keys.into_iter().filter_map(|(profile, key)| Some((profile, key?))) {
            match self.put(session, key) {
                Ok(label) => {
                    let was = profile.ssignon.as_ref().and_then(|segment| segment.legacy.as_ref());
                    made.0.insert(profile.name.clone(), (label, was.map(LegacyKey::duplicate)));
                }
                Err(error) => {
                    made.take_back(session);
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    /// The key to be put into the CKDS for a profile, as it is before.
    fn to_be_encrypted<'k>(&'k self, profile: &'k Profile) -> Result<Option<Key<'k>>, CommandError> {
        let name = &profile.name;
        match (&self.legacy, profile.ssignon.as_ref().and_then(|segment| segment.legacy.as_ref())) {
            (Some(Legacy::Encrypted(key)), _) | (Some(Legacy::Encrypt), Some(LegacyKey::Masked(key))) => {
                Ok(Some(Key::Clear(key)))
            }
            (Some(Legacy::Encrypt), Some(LegacyKey::Token(token))) => Ok(Some(Key::Token(token))),
            (Some(Legacy::Encrypt), Some(LegacyKey::Label(_))) => {
                Err(CommandError::at(cannot_be_encrypted(name.as_str(), profile.class), self.place))
            }
            (Some(Legacy::Encrypt), Some(LegacyKey::Imported(how))) => Err(CommandError::at(
                format!("the key of profile {name} is {how} in the database it was imported from, and not here"),
                self.place,
            )
            .hint("KEYENCRYPTED(key)")),
            (Some(Legacy::Encrypt), None) => {
                let what = format!("profile {name} has no legacy key to be encrypted");
                Err(CommandError::at(what, self.place).hint("KEYENCRYPTED(key) gives it one"))
            }
            _ => Ok(None),
        }
    }

    fn put(&self, session: &Session<'_>, key: Key<'_>) -> Result<KeyLabel, CommandError> {
        let failed = |error| CommandError::from_icsf("the key could not be put into the CKDS", self.place, error);
        let icsf = session.saf.icsf();
        let view = session.saf.database().view()?;
        for (name, service) in SERVICES {
            require_service(&view, session.issuer, name).map_err(|refusal| failed(refusal.told_by(icsf, service)))?;
        }
        let token = match key {
            Key::Clear(key) => icsf.csnbcki(key).map_err(failed)?.value,
            Key::Token(token) => {
                // Looked at first: a record that nobody can use would hide what is wrong.
                icsf.csnbenc_token(token).map_err(failed)?;
                KeyToken::Des(token.clone())
            }
        };
        let label = create_record(session, &view).map_err(failed)?;
        if let Err(error) = icsf.csnbkrw(token, &label) {
            take_back(session, &label);
            return Err(failed(error));
        }
        Ok(label)
    }

    /// Writes what was asked for into the segment of a profile; what was not asked for stays.
    pub(super) fn apply(&self, made: &Made, name: &ProfileName, segment: &mut Ssignon) -> Result<(), CommandError> {
        match (&self.legacy, made.0.get(name)) {
            (Some(Legacy::Masked(key)), _) => segment.legacy = Some(LegacyKey::Masked(copy(key))),
            (Some(Legacy::Label(label)), _) => segment.legacy = Some(LegacyKey::Label(*label)),
            (Some(Legacy::None), _) => segment.legacy = None,
            (Some(Legacy::Encrypted(_)), Some((label, _))) => segment.legacy = Some(LegacyKey::Label(*label)),
            (Some(Legacy::Encrypt), Some((label, was))) => match (&segment.legacy, was) {
                (Some(now), Some(was)) if now.is_same(was) => segment.legacy = Some(LegacyKey::Label(*label)),
                _ => {
                    let what = format!("the key of profile {name} was changed meanwhile");
                    return Err(CommandError::at(what, self.place).hint("issue the command again"));
                }
            },
            (Some(Legacy::Encrypted(_) | Legacy::Encrypt) | None, _) => {}
        }
        segment.enhanced = self.enhanced.unwrap_or(segment.enhanced);
        segment.ticket_type = self.ticket_type.unwrap_or(segment.ticket_type);
        segment.timeout = self.timeout.unwrap_or(segment.timeout);
        segment.replay = self.replay.unwrap_or(segment.replay);
        Ok(())
    }
}

impl Made {
    /// Removes the records of profiles that could not be written.
    pub(super) fn take_back(&self, session: &Session<'_>) {
        self.0.values().for_each(|(label, _)| take_back(session, label));
    }
}

fn copy(key: &ClearKey) -> ClearKey {
    ClearKey::from_slice(key.expose())
}

fn key(session: &Session<'_>, value: &Operand) -> Result<ClearKey, CommandError> {
    let text = session.secret(value)?;
    let key = ClearKey::from_hex(text.expose_secret()).map_err(|e| {
        CommandError::at(e.to_string(), value).hint("16 hexadecimal digits, @file:PATH or @secret:NAME")
    })?;
    let digits = 2 * key.len();
    if key.len() == 8 {
        return Ok(key);
    }
    Err(CommandError::at(format!("the key has {digits} hexadecimal digits, 16 are needed"), value))
}

/// Makes an empty record under the next free label `IRR.SSIGNON.sysname.mmddyyyy.hhmmss.nnnnnn`.
fn create_record(session: &Session<'_>, view: &crate::Snapshot) -> icsf_core::Result<KeyLabel> {
    let (date, time) = date_and_time(session.saf.now());
    let mut number = 0;
    loop {
        number += 1;
        let text = format!("IRR.SSIGNON.{}.{date}.{time}.{number:06}", session.saf.sysname());
        let label = text.parse::<KeyLabel>().map_err(|e| {
            icsf_core::Error::new(icsf_core::codes::Code::LabelNotValid, format!("{text}: {e}")).with_source(e)
        })?;
        let icsf = session.saf.icsf();
        require_label(view, session.issuer, &label).map_err(|refusal| refusal.told_by(icsf, "CSNBKRC"))?;
        match icsf.csnbkrc(&label) {
            Ok(_) => return Ok(label),
            Err(error) if error.code() == icsf_core::codes::Code::LabelExists && number < 999_999 => {}
            Err(error) => return Err(error),
        }
    }
}

fn take_back(session: &Session<'_>, label: &KeyLabel) {
    // If this fails too, a record without profile is left over: it does no harm, and the first error is the one to tell.
    let _ = session.saf.icsf().csnbkrd(&["LABEL-DL"], label);
}

/// `mmddyyyy` and `hhmmss` in GMT.
fn date_and_time(seconds: u64) -> (String, String) {
    let at = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok()).unwrap_or_default();
    (at.strftime("%m%d%Y").to_string(), at.strftime("%H%M%S").to_string())
}

fn ticket_type(value: &Operand) -> Result<TicketType, CommandError> {
    match value.text.to_ascii_uppercase().as_str() {
        "UPPER" => Ok(TicketType::Upper),
        "MIXED" => Ok(TicketType::Mixed),
        _ => Err(CommandError::at(format!("{} is no TYPE", quoted(value)), value).hint("UPPER or MIXED")),
    }
}
