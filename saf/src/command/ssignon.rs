//! The operands of SSIGNON: the keys of a PTKTDATA profile.
//!
//! Source: RACF Security Administrator's Guide and Command Language Reference; z/OS 2.4 and 2.5 education decks.

use icsf_core::services::Done;
use icsf_core::{ClearKey, KeyLabel};
use secrecy::ExposeSecret;

use super::{CommandError, Keywords, Operand, Session, parsed, quoted};
use crate::model::{LegacyKey, Ssignon, TicketType};

pub(super) const OPERANDS: [&str; 7] =
    ["KEYMASKED", "KEYENCRYPTED", "KEYLABEL", "EPTKEYLABEL", "TYPE", "TIMEOUT", "REPLAY"];
const LEGACY: [&str; 3] = ["KEYMASKED", "KEYENCRYPTED", "KEYLABEL"];

/// What SSIGNON(...) asks for, checked. A key to be encrypted is not in the CKDS yet.
pub(super) struct Asked<'a> {
    legacy: Option<Legacy<'a>>,
    enhanced: Option<KeyLabel>,
    ticket_type: Option<TicketType>,
    timeout: Option<u32>,
    replay: Option<bool>,
}

enum Legacy<'a> {
    Masked(ClearKey),
    Encrypted(ClearKey, &'a Operand),
    Label(KeyLabel),
}

impl<'a> Asked<'a> {
    pub(super) fn read(session: &Session<'_>, ssignon: &'a Operand) -> Result<Self, CommandError> {
        let operands = ssignon.inner.as_deref().unwrap_or_default();
        let keywords = Keywords::read(operands, &OPERANDS)?;
        keywords.exclusive(&LEGACY)?;
        let key = |value: &Operand| {
            let text = session.secret(value)?;
            let key = ClearKey::from_hex(text.expose_secret()).map_err(|e| {
                CommandError::at(e.to_string(), value).hint("16 hexadecimal digits, @file:PATH or @secret:NAME")
            })?;
            let digits = 2 * key.len();
            if key.len() == 8 {
                return Ok(key);
            }
            Err(CommandError::at(format!("the key has {digits} hexadecimal digits, 16 are needed"), value))
        };
        let legacy = if let Some(value) = keywords.value("KEYMASKED")? {
            Some(Legacy::Masked(key(value)?))
        } else if let Some(value) = keywords.value("KEYENCRYPTED")? {
            Some(Legacy::Encrypted(key(value)?, value))
        } else {
            keywords.value("KEYLABEL")?.map(parsed).transpose()?.map(Legacy::Label)
        };
        let enhanced = keywords.value("EPTKEYLABEL")?;
        let asked = Self {
            legacy,
            enhanced: enhanced.map(parsed).transpose()?,
            ticket_type: keywords.value("TYPE")?.map(ticket_type).transpose()?,
            timeout: keywords.value("TIMEOUT")?.map(timeout).transpose()?,
            replay: keywords.value("REPLAY")?.map(yes_or_no).transpose()?,
        };
        if let (Some(operand), false) = (enhanced, cfg!(feature = "enhanced")) {
            return Err(CommandError::at("this program was built without enhanced PassTickets", operand)
                .hint("build with feature enhanced"));
        }
        Ok(asked)
    }

    /// Puts a key to be encrypted into the CKDS. Whoever asked must give the label back by [`take_back`] if the profile
    /// cannot be written after all.
    pub(super) fn encrypt(&mut self, session: &Session<'_>) -> Result<Option<KeyLabel>, CommandError> {
        let Some(Legacy::Encrypted(key, operand)) = &self.legacy else { return Ok(None) };
        let failed = |error| CommandError::from_icsf("the key could not be put into the CKDS", operand, error);
        let icsf = session.saf.icsf();
        let Done { value: token, .. } = icsf.csnbcki(key).map_err(failed)?;
        let label = create_record(session).map_err(failed)?;
        if let Err(error) = icsf.csnbkrw(token, &label) {
            take_back(session, &label);
            return Err(failed(error));
        }
        self.legacy = Some(Legacy::Label(label));
        Ok(Some(label))
    }

    /// Writes what was asked for into a segment; what was not asked for stays.
    pub(super) fn apply(&self, segment: &mut Ssignon) {
        match &self.legacy {
            Some(Legacy::Masked(key)) => {
                segment.legacy = Some(LegacyKey::Masked(ClearKey::from_slice(key.expose())));
            }
            Some(Legacy::Label(label)) => segment.legacy = Some(LegacyKey::Label(*label)),
            Some(Legacy::Encrypted(..)) | None => {}
        }
        segment.enhanced = self.enhanced.or(segment.enhanced);
        segment.ticket_type = self.ticket_type.or(segment.ticket_type);
        segment.timeout = self.timeout.or(segment.timeout);
        segment.replay = self.replay.or(segment.replay);
    }
}

/// Makes an empty record under the next free label `IRR.SSIGNON.sysname.mmddyyyy.hhmmss.nnnnnn`.
fn create_record(session: &Session<'_>) -> icsf_core::Result<KeyLabel> {
    let (date, time) = date_and_time(session.saf.now());
    let mut number = 0;
    loop {
        number += 1;
        let text = format!("IRR.SSIGNON.{}.{date}.{time}.{number:06}", session.saf.sysname());
        let label = text.parse::<KeyLabel>().map_err(|e| {
            icsf_core::Error::new(icsf_core::codes::Code::LabelNotValid, format!("{text}: {e}")).with_source(e)
        })?;
        match session.saf.icsf().csnbkrc(&label) {
            Ok(_) => return Ok(label),
            Err(error) if error.code() == icsf_core::codes::Code::LabelExists && number < 999_999 => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes a record whose profile could not be written.
pub(super) fn take_back(session: &Session<'_>, label: &KeyLabel) {
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

fn timeout(value: &Operand) -> Result<u32, CommandError> {
    let wrong = || CommandError::at(format!("{} is no TIMEOUT", quoted(value)), value).hint("1 to 600 seconds");
    let digits = Some(value.text.as_str()).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = digits.and_then(|digits| digits.parse().ok());
    seconds.filter(|seconds| (1..=ptkt::Window::MAX_SECONDS).contains(seconds)).ok_or_else(wrong)
}

fn yes_or_no(value: &Operand) -> Result<bool, CommandError> {
    match value.text.to_ascii_uppercase().as_str() {
        "YES" => Ok(true),
        "NO" => Ok(false),
        _ => Err(CommandError::at(format!("{} is neither YES nor NO", quoted(value)), value).hint("YES or NO")),
    }
}
