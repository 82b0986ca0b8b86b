//! Names of general resource profiles, and what generic ones match.
//!
//! Source: RACF Command Language Reference, profile names for general resources.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::str::{FromStr, Split};
use std::sync::Arc;

/// The longest name.
const MOST: usize = 246;

/// What stands in a name beside letters and digits. Names of realms have `/`, names of RACFVARS `&`, names that sites
/// give `-`, `_`, `:` and `+`.
const MARKS: &str = "@#$./-_:+&*%";

/// The name of a profile: 1 to 246 letters, digits, `@ # $ . / - _ : + &`, and `* %` in generic ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(Arc<str>);

/// Not a profile name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing, or too much.
    #[error("a profile name has 1 to {MOST} characters, not {0}")]
    Length(usize),
    /// A character that no name has.
    #[error(
        "{0:?} cannot stand in a profile name: letters, digits, @ # $ . / - _ : + & and, for generic profiles, * %"
    )]
    Character(char),
}

impl ProfileName {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has generic characters.
    #[must_use]
    pub fn has_generic_characters(&self) -> bool {
        self.0.contains(['*', '%'])
    }

    /// Whether, as the name of a generic profile, it covers `resource`.
    ///
    /// `%` is one character. `**` as a qualifier is any number of qualifiers. `*` as a qualifier is one qualifier, and as
    /// the last one, one or more; at the end of a qualifier it is the rest of it, and at the end of the name the rest
    /// of the name.
    ///
    /// ```
    /// # use icsf_saf::model::ProfileName;
    /// let covers = |profile: &str, resource: &str| profile.parse::<ProfileName>().unwrap().covers(resource);
    /// assert!(covers("IRRPTAUTH.*.*", "IRRPTAUTH.TSOPRD1.U000001"));
    /// assert!(covers("IRRPTAUTH.TSO%.*", "IRRPTAUTH.TSO1.A") && !covers("IRRPTAUTH.TSO%.*", "IRRPTAUTH.TSO12.A"));
    /// assert!(covers("A*", "AB.C") && covers("A.**", "A") && !covers("A.*", "A"));
    /// ```
    #[must_use]
    pub fn covers(&self, resource: &str) -> bool {
        qualifiers(self.0.split('.'), resource.split('.'))
    }

    /// Which of two generic names is the more specific: compared character by character, one that is not generic comes
    /// before `%`, that before `*`, and that before `**`.
    #[must_use]
    pub fn specificity(&self, other: &Self) -> Ordering {
        let order = ranks(&self.0).zip(ranks(&other.0)).map(|(a, b)| a.cmp(&b)).find(|order| order.is_ne());
        // A longer name is the more specific of two that begin alike.
        order.unwrap_or_else(|| ranks(&other.0).count().cmp(&ranks(&self.0).count())).then_with(|| self.cmp(other))
    }
}

/// How generic each character of a name is; `**` is one character.
fn ranks(name: &str) -> impl Iterator<Item = u8> {
    let mut characters = name.chars().peekable();
    std::iter::from_fn(move || {
        Some(match characters.next()? {
            '%' => 1,
            '*' if characters.next_if_eq(&'*').is_some() => 3,
            '*' => 2,
            _ => 0,
        })
    })
}

fn qualifiers<'a>(mut profile: Split<'a, char>, mut resource: Split<'a, char>) -> bool {
    // What follows the last ** seen, and where it was compared last: when it does not fit there, it is compared one
    // qualifier further on. There is never a need to go back to a ** before.
    let mut again: Option<(Split<'a, char>, Split<'a, char>)> = None;
    loop {
        let at = resource.clone();
        let fits = match (profile.next(), resource.next()) {
            (Some("**"), _) => {
                resource = at;
                again = Some((profile.clone(), resource.clone()));
                true
            }
            (None, None) => return true,
            (Some(one), Some(text)) => {
                let fits = qualifier(one, text);
                if fits && one.ends_with('*') && profile.clone().next().is_none() {
                    return true;
                }
                fits
            }
            (Some(_), None) => return false,
            (None, Some(_)) => false,
        };
        if !fits {
            let Some((rest, from)) = &mut again else { return false };
            if from.next().is_none() {
                return false;
            }
            (profile, resource) = (rest.clone(), from.clone());
        }
    }
}

fn qualifier(profile: &str, text: &str) -> bool {
    let (fixed, open) = profile.strip_suffix('*').map_or((profile, false), |fixed| (fixed, true));
    let long_enough = if open { text.len() >= fixed.len() } else { text.len() == fixed.len() };
    long_enough && fixed.chars().zip(text.chars()).all(|(p, t)| p == t || p == '%')
}

impl FromStr for ProfileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let count = text.chars().count();
        if !(1..=MOST).contains(&count) {
            return Err(NameError::Length(count));
        }
        let folded = text.to_ascii_uppercase();
        match folded.chars().find(|c| !(c.is_ascii_alphanumeric() || MARKS.contains(*c))) {
            Some(wrong) => Err(NameError::Character(wrong)),
            None => Ok(Self(folded.into())),
        }
    }
}

/// So that rows are found by the text of a name.
impl Borrow<str> for ProfileName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProfileName({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_names_cover_what_the_manual_says() {
        let covers = |profile: &str, resource: &str| profile.parse::<ProfileName>().unwrap().covers(resource);
        for (profile, yes, no) in [
            ("AB.CD*", &["AB.CD", "AB.CDEF", "AB.CDEF.GH", "AB.CD.XY"][..], &["ABC.CD", "AB.C"][..]),
            ("AB.CD.*", &["AB.CD.EF", "AB.CD.EF.GH"], &["AB.CD", "AB.CDE.F"]),
            ("AB.CD.**", &["AB.CD", "AB.CD.EF", "AB.CD.EF.GH"], &["AB.CDE"]),
            ("AB.*.EF", &["AB.CD.EF"], &["AB.EF", "AB.C.D.EF"]),
            ("AB.**.EF", &["AB.EF", "AB.C.EF", "AB.C.D.EF"], &["AB.C"]),
            ("AB.C*.EF", &["AB.C.EF", "AB.CD.EF"], &["AB.CD.E.EF"]),
            ("**", &["A", "A.B.C"], &[]),
            ("*", &["A", "A.B"], &[]),
            ("A%.C", &["AB.C"], &["A.C", "ABB.C"]),
            ("AB", &["AB"], &["ABC", "AB.C"]),
        ] {
            for resource in yes {
                assert!(covers(profile, resource), "{profile} covers {resource}");
            }
            for resource in no {
                assert!(!covers(profile, resource), "{profile} does not cover {resource}");
            }
        }
    }

    /// What is meant: ** tried for each number of qualifiers.
    fn plain(profile: &[&str], resource: &[&str]) -> bool {
        match (profile, resource) {
            ([], []) => true,
            (["**", rest @ ..], _) => (0..=resource.len()).any(|n| plain(rest, resource.split_at(n).1)),
            ([last], [first, ..]) if last.ends_with('*') => qualifier(last, first),
            ([one, rest @ ..], [first, others @ ..]) => qualifier(one, first) && plain(rest, others),
            _ => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn a_name_covers_what_is_meant(profile in "[AB%*.]{1,12}", resource in "[AB.]{1,12}") {
            let parts = |name: &'static str| name.split('.').collect::<Vec<_>>();
            let (p, r): (&'static str, &'static str) = (profile.clone().leak(), resource.clone().leak());
            proptest::prop_assert_eq!(profile.parse::<ProfileName>().unwrap().covers(&resource), plain(&parts(p), &parts(r)));
        }
    }

    #[test]
    fn many_of_two_asterisks_take_no_time() {
        let profile: ProfileName = format!("{}B", "**.".repeat(60)).parse().unwrap();
        assert!(!profile.covers(&"A.".repeat(100)));
        assert!(profile.covers(&format!("{}B", "A.".repeat(100))));
    }

    #[test]
    fn the_more_specific_comes_first() {
        let mut names: Vec<ProfileName> =
            ["**", "IRRPTAUTH.**", "IRRPTAUTH.*.*", "IRRPTAUTH.TSO%.*", "IRRPTAUTH.TSO*.*", "IRRPTAUTH.TSO1.*"]
                .map(|name| name.parse().unwrap())
                .into();
        names.sort_by(ProfileName::specificity);
        let names: Vec<&str> = names.iter().map(ProfileName::as_str).collect();
        assert_eq!(
            names,
            ["IRRPTAUTH.TSO1.*", "IRRPTAUTH.TSO%.*", "IRRPTAUTH.TSO*.*", "IRRPTAUTH.*.*", "IRRPTAUTH.**", "**"]
        );
    }

    #[test]
    fn what_is_no_name_is_said() {
        assert_eq!("".parse::<ProfileName>().unwrap_err(), NameError::Length(0));
        assert_eq!("A B".parse::<ProfileName>().unwrap_err(), NameError::Character(' '));
        assert_eq!("A".repeat(247).parse::<ProfileName>().unwrap_err(), NameError::Length(247));
    }
}
