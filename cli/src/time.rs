//! Times as people write them: RFC 3339, or so long from now.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::failure::Failure;

const FORMS: &str = "2025-11-14T09:00:00Z, or so long from now: +90s, -10m, +1h30m";

/// A time on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Seconds since 1970 UTC.
    Second(u64),
    /// Seconds from now.
    FromNow(i64),
}

impl At {
    /// In seconds since 1970 UTC.
    pub(crate) fn seconds(self, now: u64) -> Result<u64, Failure> {
        match self {
            Self::Second(second) => Ok(second),
            Self::FromNow(offset) => {
                now.checked_add_signed(offset).ok_or_else(|| Failure::usage("--at lies before 1970"))
            }
        }
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| format!("write {FORMS}");
        if text.starts_with(['+', '-']) {
            let offset: SignedDuration = text.parse().map_err(wrong)?;
            return Ok(Self::FromNow(offset.as_secs()));
        }
        let time: Timestamp = text.parse().map_err(wrong)?;
        u64::try_from(time.as_second()).ok().map(Self::Second).ok_or_else(|| "it lies before 1970".to_owned())
    }
}

/// How long something lives, on the command line; none for `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life(pub(crate) Option<u32>);

impl FromStr for Life {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let days = || text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()?.checked_mul(86_400));
        let duration = || text.parse::<SignedDuration>().ok().map(|duration| duration.as_secs());
        let seconds = text.parse().ok().or_else(days).or_else(duration);
        let fits = |seconds: i64| {
            u32::try_from(seconds).ok().filter(|seconds| (1..=i32::MAX.cast_unsigned()).contains(seconds))
        };
        let wrong = || "write seconds, or 10h, 90m, 7d; at most 2147483647 seconds; none for no limit".to_owned();
        seconds.and_then(fits).map(|seconds| Self(Some(seconds))).ok_or_else(wrong)
    }
}

/// A life as people read it: in the largest units that leave nothing over.
pub(crate) fn life(seconds: u32) -> String {
    match seconds {
        days if days >= 172_800 && days.is_multiple_of(86_400) => format!("{}d", days / 86_400),
        hours if hours >= 3600 && hours.is_multiple_of(3600) => format!("{}h", hours / 3600),
        minutes if minutes >= 60 && minutes.is_multiple_of(60) => format!("{}m", minutes / 60),
        seconds => format!("{seconds}s"),
    }
}

/// RFC 3339, in UTC.
pub(crate) fn shown(seconds: u64) -> String {
    i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_from_now() {
        assert_eq!("2025-11-14T09:00:00Z".parse(), Ok(At::Second(1_763_110_800)));
        assert_eq!("2025-11-14T10:00:00+01:00".parse(), Ok(At::Second(1_763_110_800)));
        for (text, offset) in [("+90s", 90), ("-10m", -600), ("+1h30m", 5400)] {
            assert_eq!(text.parse(), Ok(At::FromNow(offset)), "{text}");
        }
        assert_eq!(shown(1_763_110_800), "2025-11-14T09:00:00Z");
    }

    #[test]
    fn what_is_no_time_shows_the_forms() {
        for text in ["", "now", "90s", "2025-11-14", "2025-11-14T09:00:00", "+", "+9x", "1969-12-31T23:59:59Z"] {
            let error = text.parse::<At>().unwrap_err();
            assert!(error.contains("+90s") || error.contains("1970"), "{text}: {error}");
        }
        assert_eq!(At::FromNow(-10).seconds(5).unwrap_err().exit(), 2);
    }
}
