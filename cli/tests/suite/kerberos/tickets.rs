//! What `klist` prints.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use regex::{Captures, Regex};

/// A ticket as `klist -f` shows it, MIT's or Heimdal's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) service: String,
    pub(super) flags: String,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) renew_till: Option<i64>,
}

const TIME: &str = r"(\d\d/\d\d/\d\d \d\d:\d\d:\d\d)";
const HEIMDAL_TIME: &str = r"(\w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})";

fn second(text: &str) -> i64 {
    let form = if text.contains('/') { "%m/%d/%y %H:%M:%S" } else { "%b %e %H:%M:%S %Y" };
    TimeZone::UTC.to_timestamp(DateTime::strptime(form, text).unwrap()).unwrap().as_second()
}

impl Ticket {
    fn pattern() -> Regex {
        let pattern = format!(r"(?m)^{TIME}  {TIME}  (\S+)\n\t(?:renew until {TIME}, )?Flags: (\S+)$");
        Regex::new(&pattern).unwrap()
    }

    fn heimdal_pattern() -> Regex {
        Regex::new(&format!(r"(?m)^{HEIMDAL_TIME}  {HEIMDAL_TIME}  (\S+) +(\S+) *$")).unwrap()
    }

    /// Heimdal's list does not tell how long a ticket can be renewed.
    fn of_heimdal(found: &Captures<'_>) -> Self {
        let (flags, service) = (found[3].to_owned(), found[4].to_owned());
        Self { service, flags, start: second(&found[1]), end: second(&found[2]), renew_till: None }
    }

    fn of(found: &Captures<'_>) -> Self {
        Self {
            service: found[3].to_owned(),
            flags: found[5].to_owned(),
            start: second(&found[1]),
            end: second(&found[2]),
            renew_till: found.get(4).map(|time| second(time.as_str())),
        }
    }

    /// The tickets in a text.
    pub(super) fn all(text: &str) -> Vec<Self> {
        Self::pattern().captures_iter(text).map(|found| Self::of(&found)).collect()
    }

    /// A text with a line for each ticket, and without the headings.
    pub(super) fn list(text: &str) -> String {
        let headings = r"(?m)^(Ticket cache: .*|Default principal: .*|Valid starting  .*|Credentials cache: .*| +Principal: .*|  Issued .*|)\n";
        let text = Regex::new(headings).unwrap().replace_all(text, "");
        let text = Self::pattern().replace_all(&text, |found: &Captures<'_>| Self::of(found).to_string());
        let heimdal = Self::heimdal_pattern();
        let text = heimdal.replace_all(&text, |found: &Captures<'_>| Self::of_heimdal(found).to_string());
        Regex::new(r"(?m) +$").unwrap().replace_all(&text, "").into_owned()
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.flags)?;
        write!(f, "{}", Life("", self.end - self.start))?;
        if let Some(till) = self.renew_till {
            write!(f, "{}", Life(" renewable", till - self.start))?;
        }
        Ok(())
    }
}

/// What it is the life of, and seconds.
struct Life(&'static str, i64);

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what, seconds) = self;
        let minutes = (seconds + 30) / 60;
        match () {
            () if minutes < 2 => write!(f, ",{what} briefly"),
            () if minutes % 1440 == 0 => write!(f, ",{what} {}d", minutes / 1440),
            () if minutes % 60 == 0 => write!(f, ",{what} {}h", minutes / 60),
            () => write!(f, ",{what} {minutes}m"),
        }
    }
}

/// A text without the prompts for passwords.
pub(super) fn without_prompts(text: &str) -> String {
    let prompt =
        Regex::new(r"(?m)^(\S+'s )?(Password|Enter new password|Enter it again|New password)( for [^:\n]*)?: *\n?");
    prompt.unwrap().replace_all(text, "").into_owned()
}
