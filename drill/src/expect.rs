//! What is expected of a step: how it is written, and whether it came.
//!
//! What would hold whatever comes is refused, and what never can: either is a mistake in the file and no deviation.

use std::fmt;

use regex::Regex;
use serde::de::{self, Deserialize, Deserializer};
use softicsf::icsf_kdc::codes::ErrorCode;

use crate::consumer::{Failure, Logon};
use crate::file::Offset;

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) outcome: Option<Outcome>,
    /// The error code of Kerberos.
    #[serde(default, deserialize_with = "code")]
    pub(crate) code: Option<i32>,
    #[serde(default, deserialize_with = "saf")]
    pub(crate) saf: Option<String>,
    #[serde(default, deserialize_with = "icsf")]
    pub(crate) icsf: Option<String>,
    #[serde(default, deserialize_with = "service")]
    pub(crate) service: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) message: Option<String>,
    #[serde(default, deserialize_with = "pattern")]
    pub(crate) matches: Option<Regex>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) same: Option<String>,
    pub(crate) failed_out: Option<u32>,
    pub(crate) failed_back: Option<u32>,
    /// How many are as expected; all of them where it is left out.
    pub(crate) count: Option<u32>,
    /// How long after the first action at most.
    pub(crate) within: Option<Offset>,
    /// That no secret comes out is always expected: whoever wants to may say so.
    pub(crate) no_secret_in_output: Option<bool>,
}

impl Expect {
    /// What is expected of the codes of a failure, and nothing else.
    pub(crate) fn codes(&self) -> Self {
        Self { saf: self.saf.clone(), icsf: self.icsf.clone(), service: self.service.clone(), ..Self::default() }
    }

    /// What is expected, in words.
    pub(crate) fn words(&self) -> Vec<String> {
        let text = |key: &str, value: Option<String>| value.map(|value| format!("{key} {value}"));
        let words = [
            text("outcome", self.outcome.map(|outcome| outcome.to_string())),
            text("Kerberos", self.code.map(|code| code.to_string())),
            text("SAF", self.saf.clone()),
            text("ICSF", self.icsf.clone()),
            text("service", self.service.clone()),
            text("message", self.message.clone()),
            text("a line like", self.matches.as_ref().map(ToString::to_string)),
            text("everywhere the same", self.same.clone()),
            text("failures while out", self.failed_out.map(|count| count.to_string())),
            text("failures when back", self.failed_back.map(|count| count.to_string())),
        ];
        words.into_iter().flatten().collect()
    }

    /// The keys that are there.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("outcome", self.outcome.is_some()),
            ("code", self.code.is_some()),
            ("saf", self.saf.is_some()),
            ("icsf", self.icsf.is_some()),
            ("service", self.service.is_some()),
            ("message", self.message.is_some()),
            ("matches", self.matches.is_some()),
            ("same", self.same.is_some()),
            ("failed_out", self.failed_out.is_some()),
            ("failed_back", self.failed_back.is_some()),
            ("count", self.count.is_some()),
            ("within", self.within.is_some()),
            ("no_secret_in_output", self.no_secret_in_output.is_some()),
        ];
        keys.into_iter().filter_map(|(key, there)| there.then_some(key))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Ok,
    Fail,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
        })
    }
}

/// A text, if it is one that can be expected.
fn text<'de, D: Deserializer<'de>>(
    deserializer: D,
    can_come: impl FnOnce(&str) -> bool,
    form: &str,
) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if can_come(&text) { Ok(Some(text)) } else { Err(de::Error::custom(format!("{text:?} {form}"))) }
}

fn saf<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let known = |text: &str| icsf_saf::codes::TABLE.iter().any(|row| row.triple.to_string() == text);
    text(deserializer, known, "is never answered by SAF: write the triple callers see, as in 8/16/28")
}

fn icsf<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let known = |text: &str| icsf_core::codes::TABLE.iter().any(|row| row.code.hex_pair() == text);
    text(deserializer, known, "is never answered by ICSF: write the pair in hexadecimal, as in 0C/0000")
}

/// The services tickets are made and looked at with.
pub(crate) const SERVICES: [&str; 3] = ["CSNBENC", "CSNBHMG", "CSNBDKG2"];

fn service<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let form = "is no service tickets need: CSNBENC for legacy PassTickets, CSNBHMG for enhanced ones, CSNBDKG2 for \
                Kerberos";
    text(deserializer, |text| SERVICES.contains(&text), form)
}

fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let code = i32::deserialize(deserializer)?;
    let known = ErrorCode::ALL.iter().any(|known| known.number() == code);
    let why =
        || de::Error::custom(format!("{code} is never answered: the numbers are those of RFC 4120, as 29 and 32"));
    if known { Ok(Some(code)) } else { Err(why()) }
}

fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(deserializer, |text| !text.trim().is_empty(), "is in every line")
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Regex>, D::Error> {
    let pattern = Regex::new(&String::deserialize(deserializer)?)
        .map_err(|error| de::Error::custom(format!("no regular expression: {error}")))?;
    if pattern.is_match("") {
        return Err(de::Error::custom(format!("{:?} fits a line with nothing in it", pattern.as_str())));
    }
    Ok(Some(pattern))
}

/// What somebody tried, and what came of it.
pub(crate) struct Tried<'a> {
    pub(crate) who: String,
    pub(crate) failure: Option<&'a Failure>,
    pub(crate) lines: &'a [String],
}

impl<'a> From<&'a Logon> for Tried<'a> {
    fn from(sign_on: &'a Logon) -> Self {
        let who = format!("{} to {}", sign_on.user, sign_on.session);
        Self { who, failure: sign_on.result.as_ref().err(), lines: &sign_on.lines }
    }
}

/// What is not as expected in one try.
pub(crate) fn held(expect: &Expect, tried: &Tried<'_>) -> Vec<String> {
    let Tried { who, failure, lines } = tried;
    let mut wrong = Vec::new();
    let mut hold = |what: &str, expected: Option<&str>, got: Option<String>| {
        let Some(expected) = expected else { return };
        let got = got.unwrap_or_else(|| "none".to_owned());
        if got != expected {
            wrong.push(format!("{who}: {what} {expected} was expected, {got} came"));
        }
    };
    let outcome = if failure.is_some() { Outcome::Fail } else { Outcome::Ok };
    hold("outcome", expect.outcome.map(|o| o.to_string()).as_deref(), Some(outcome.to_string()));
    let kerberos = failure.and_then(|failure| failure.kerberos);
    hold("Kerberos", expect.code.map(|code| code.to_string()).as_deref(), kerberos.map(|code| code.to_string()));
    hold("SAF", expect.saf.as_deref(), failure.map(Failure::saf));
    let code = |f: &Failure| f.cause.code().map(icsf_core::codes::Code::hex_pair);
    hold("ICSF", expect.icsf.as_deref(), failure.and_then(code));
    hold("service", expect.service.as_deref(), failure.and_then(|f| f.cause.service().map(str::to_owned)));
    if let Some(message) = expect.message.as_deref().filter(|m| !lines.iter().any(|line| line.contains(*m))) {
        wrong.push(format!("{who}: message {message} was expected, and did not come"));
    }
    wrong
}

/// What is not as expected of several tries: every one is to be as expected, or as many as the count says.
pub(crate) fn held_of_all(expect: &Expect, tried: &[Tried<'_>]) -> Vec<String> {
    let wrong: Vec<Vec<String>> = tried.iter().map(|tried| held(expect, tried)).collect();
    let Some(count) = expect.count else { return wrong.concat() };
    let right = wrong.iter().filter(|wrong| wrong.is_empty()).count();
    if u32::try_from(right) == Ok(count) {
        return Vec::new();
    }
    let what = format!("{count} of {} were expected to come so, {right} did", tried.len());
    std::iter::once(what).chain(wrong.concat()).collect()
}

/// What a site showed, or why it refused.
pub(crate) type Shown = Result<Vec<String>, String>;

/// What in a display is not as expected. A refusal shows nothing, whatever its text says.
pub(crate) fn displayed(expect: &Expect, shown: &[(String, Shown)]) -> Vec<String> {
    let refused = shown.iter().filter_map(|(site, shown)| Some((site, shown.as_ref().err()?)));
    let mut wrong: Vec<String> = refused.map(|(site, why)| format!("{site} refused it: {why}")).collect();
    let shown: Vec<(&String, &Vec<String>)> =
        shown.iter().filter_map(|(site, shown)| Some((site, shown.as_ref().ok()?))).collect();
    if let Some(word) = &expect.same {
        let of =
            |lines: &[String]| -> Vec<String> { lines.iter().filter(|line| line.contains(word)).cloned().collect() };
        let all: Vec<(&String, Vec<String>)> = shown.iter().map(|(site, lines)| (*site, of(lines))).collect();
        for ((one, first), (other, second)) in all.iter().zip(all.iter().skip(1)) {
            if first != second || first.is_empty() {
                let show = |lines: &[String]| if lines.is_empty() { "nothing".to_owned() } else { lines.join("; ") };
                wrong.push(format!("{word} differs: {one} shows {}, {other} shows {}", show(first), show(second)));
            }
        }
    }
    if let Some(pattern) = &expect.matches {
        for (site, lines) in shown.iter().filter(|(_, lines)| !lines.iter().any(|line| pattern.is_match(line))) {
            let what = format!("{site}: a line like {pattern} was expected, and none of {} is", lines.len());
            wrong.push(what);
        }
    }
    wrong
}
