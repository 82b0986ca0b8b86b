//! Rule arrays: keywords, each at most once of its group.

use std::ops::RangeInclusive;

use crate::codes::Code;
use crate::error::{Error, Result};

/// Reads a rule array. `groups` lists the keywords of each group; the answer has one place a group.
///
/// Source: ICSF Application Programmer's Guide, rule array parameters: 8-byte keywords, left-justified, in any order.
///
/// # Errors
/// [`Code::RuleCountNotValid`], [`Code::RuleKeywordNotValid`] for a word of no group, [`Code::RuleCombinationNotValid`] for
/// two of one group.
pub(super) fn read<const N: usize>(
    rules: &[&str],
    count: RangeInclusive<usize>,
    groups: [&'static [&'static str]; N],
) -> Result<[Option<&'static str>; N]> {
    if !count.contains(&rules.len()) {
        let (least, most) = (count.start(), count.end());
        let why = format!("the rule array has {} keywords, {least} to {most} are allowed", rules.len());
        return Err(Error::new(Code::RuleCountNotValid, why));
    }
    let mut chosen = [None; N];
    for rule in rules {
        let word = rule.trim_end_matches(' ');
        let found = groups
            .iter()
            .zip(chosen.iter_mut())
            .find_map(|(group, place)| group.iter().find(|known| **known == word).map(|known| (*known, place)));
        let Some((known, place)) = found else {
            let why = format!("{word:?} is no keyword of this service: {}", groups.concat().join(", "));
            return Err(Error::new(Code::RuleKeywordNotValid, why));
        };
        if let Some(other) = place.replace(known) {
            return Err(combination(&format!("{other} and {known} do not go together")));
        }
    }
    Ok(chosen)
}

/// A keyword of a group that must have one.
pub(super) fn required(chosen: Option<&'static str>, group: &[&str]) -> Result<&'static str> {
    chosen.ok_or_else(|| combination(&format!("one of {} is needed", group.join(", "))))
}

/// The error for keywords that do not go together, or are not enough.
pub(super) fn combination(why: &str) -> Error {
    Error::new(Code::RuleCombinationNotValid, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHES: &[&str] = &["SHA-256", "SHA-512"];
    const ORDER: &[&str] = &["FIRST", "ONLY"];

    #[test]
    fn any_order_padded_or_not_and_each_fault_has_its_code() {
        let read = |rules: &[&str]| read(rules, 1..=2, [HASHES, ORDER]);
        assert_eq!(read(&["ONLY    ", "SHA-512 "]).unwrap(), [Some("SHA-512"), Some("ONLY")]);
        assert_eq!(read(&["SHA-256"]).unwrap(), [Some("SHA-256"), None]);
        for (rules, code) in [
            (&["SHA246"][..], Code::RuleKeywordNotValid),
            (&["sha-256"], Code::RuleKeywordNotValid),
            (&["SHA-256", "SHA-512"], Code::RuleCombinationNotValid),
            (&[], Code::RuleCountNotValid),
            (&["SHA-256", "ONLY", "ONLY"], Code::RuleCountNotValid),
        ] {
            assert_eq!(read(rules).unwrap_err().code(), code, "{rules:?}");
        }
        assert_eq!(required(None, HASHES).unwrap_err().code(), Code::RuleCombinationNotValid);
    }
}
