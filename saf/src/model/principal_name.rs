//! Names of Kerberos principals.
//!
//! Source: names and their instances, SEAM guide, table of principal names; the escapes, its manual page on principal
//! names: `\` before `/`, `@` and itself, and `\n`, `\t`, `\b`, `\0`.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

/// The most characters a name has: as many as KERBNAME.
const MOST: usize = 240;

/// The name of a principal, without its realm: one component (`david`), or a primary and instances
/// (`host/boston.example.com`). Letters have a case. Copies share the text.
///
/// ```
/// # use icsf_saf::model::PrincipalName;
/// let name: PrincipalName = "host/boston.example.com".parse()?;
/// assert_eq!(name.components(), ["host", "boston.example.com"]);
/// assert_eq!(r"a\/b\@c".parse::<PrincipalName>()?.components(), ["a/b@c"]);
/// # Ok::<(), icsf_saf::model::PrincipalNameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalName(Arc<[String]>);

/// Not the name of a principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrincipalNameError {
    /// Too much.
    #[error("the name of a principal has at most {MOST} characters, not {0}")]
    Length(usize),
    /// A component, or the realm, with nothing in it.
    #[error("a part of the name of a principal is empty")]
    Empty,
    /// A control character that has no escape.
    #[error("{0:?} cannot stand in the name of a principal")]
    Character(char),
    /// A backslash, and what follows is none of `/ @ \ n t b 0`.
    #[error("\\ stands before /, @, \\, n, t, b or 0 in the name of a principal")]
    Escape,
    /// More than one `@`, or one where a name has no realm.
    #[error("@ stands before the realm, and within a name as \\@")]
    Realm,
}

/// What stands in a name as `\` and a letter.
const ESCAPES: [(char, char); 7] =
    [('/', '/'), ('@', '@'), ('\\', '\\'), ('\n', 'n'), ('\t', 't'), ('\u{8}', 'b'), ('\0', '0')];

impl PrincipalName {
    /// The name of these components, as they are: without escapes.
    ///
    /// # Errors
    /// [`PrincipalNameError`]: nothing in a component, too much in all, or a control character.
    pub fn new(components: impl IntoIterator<Item = String>) -> Result<Self, PrincipalNameError> {
        let exact = |component: String| component.into_boxed_str().into_string();
        let name = Self(components.into_iter().map(exact).collect());
        if name.0.is_empty() || name.0.iter().any(String::is_empty) {
            return Err(PrincipalNameError::Empty);
        }
        let known = |c: &char| !c.is_control() || ESCAPES.iter().any(|(plain, _)| plain == c);
        if let Some(c) = name.0.iter().flat_map(|part| part.chars()).find(|c| !known(c)) {
            return Err(PrincipalNameError::Character(c));
        }
        match name.to_string().chars().count() {
            count if count > MOST => Err(PrincipalNameError::Length(count)),
            _ => Ok(name),
        }
    }

    /// Reads `name` or `name@REALM`.
    ///
    /// # Errors
    /// [`PrincipalNameError`].
    pub fn parse_with_realm(text: &str) -> Result<(Self, Option<String>), PrincipalNameError> {
        let mut components = vec![String::new()];
        let mut realm: Option<String> = None;
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            let plain = match c {
                '\\' => {
                    let letter = characters.next();
                    let known = ESCAPES.iter().find(|(_, escaped)| Some(*escaped) == letter);
                    known.ok_or(PrincipalNameError::Escape)?.0
                }
                '@' if realm.is_some() => return Err(PrincipalNameError::Realm),
                '@' => {
                    realm = Some(String::new());
                    continue;
                }
                '/' if realm.is_none() => {
                    components.push(String::new());
                    continue;
                }
                plain => plain,
            };
            match (&mut realm, components.last_mut()) {
                (Some(realm), _) => realm.push(plain),
                (None, Some(component)) => component.push(plain),
                (None, None) => {}
            }
        }
        if realm.as_ref().is_some_and(String::is_empty) {
            return Err(PrincipalNameError::Empty);
        }
        Ok((Self::new(components)?, realm))
    }

    /// `krbtgt/REALM`: who grants tickets.
    ///
    /// # Errors
    /// [`PrincipalNameError`] for what is no realm.
    pub fn ticket_granter(realm: &str) -> Result<Self, PrincipalNameError> {
        Self::new(["krbtgt".to_owned(), realm.to_owned()])
    }

    /// Its components, without escapes: one at least.
    #[must_use]
    pub fn components(&self) -> &[String] {
        &self.0
    }

    /// What its keys are salted with where nothing else is said: the realm, and its components, one after the other.
    ///
    /// Source: RFC 4120, section 4.
    #[must_use]
    pub fn salt(&self, realm: &str) -> String {
        std::iter::once(realm).chain(self.0.iter().map(String::as_str)).collect()
    }

    fn is(&self, components: [&str; 2]) -> bool {
        *self.0 == components
    }

    /// K/M, which stands for the master key.
    #[must_use]
    pub fn is_master_key(&self) -> bool {
        self.is(["K", "M"])
    }

    /// kadmin/history, whose key old passwords are known again by.
    #[must_use]
    pub fn is_history(&self) -> bool {
        self.is(["kadmin", "history"])
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (at, component) in self.0.iter().enumerate() {
            if at > 0 {
                text.push('/');
            }
            for c in component.chars() {
                match ESCAPES.iter().find(|(plain, _)| *plain == c) {
                    Some((_, escaped)) => write!(text, "\\{escaped}")?,
                    None => text.push(c),
                }
            }
        }
        f.pad(&text)
    }
}

impl fmt::Debug for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrincipalName({self})")
    }
}

impl FromStr for PrincipalName {
    type Err = PrincipalNameError;

    fn from_str(text: &str) -> Result<Self, PrincipalNameError> {
        match Self::parse_with_realm(text)? {
            (name, None) => Ok(name),
            (_, Some(_)) => Err(PrincipalNameError::Realm),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The names of the SEAM guide's table.
    #[test]
    fn the_names_of_the_seam_guide_are_read() {
        let table = [
            ("root/boston.example.com@EXAMPLE.COM", 2),
            ("host/boston.example.com@EXAMPLE.COM", 2),
            ("username@EXAMPLE.COM", 1),
            ("username/admin@EXAMPLE.COM", 2),
            ("nfs/boston.example.com@EXAMPLE.COM", 2),
            ("ftp/boston.example.com@EXAMPLE.COM", 2),
            ("K/M@EXAMPLE.COM", 2),
            ("kadmin/history@EXAMPLE.COM", 2),
            ("kadmin/kdc1.example.com@EXAMPLE.COM", 2),
            ("changepw/kdc1.example.com@EXAMPLE.COM", 2),
            ("krbtgt/EXAMPLE.COM@EXAMPLE.COM", 2),
        ];
        for (text, components) in table {
            let (name, realm) = PrincipalName::parse_with_realm(text).unwrap();
            assert_eq!((name.components().len(), realm.as_deref()), (components, Some("EXAMPLE.COM")), "{text}");
            assert_eq!(format!("{name}@EXAMPLE.COM"), text);
        }
    }

    #[test]
    fn escapes_are_read_and_written() {
        let text = r"a\/b\@c\\d\ne\tf\bg\0/x";
        let name: PrincipalName = text.parse().unwrap();
        assert_eq!(name.components(), ["a/b@c\\d\ne\tf\u{8}g\0", "x"]);
        assert_eq!(name.to_string(), text);
        let (name, realm) = PrincipalName::parse_with_realm(r"u@A\@B/C").unwrap();
        assert_eq!((name.to_string().as_str(), realm.as_deref()), ("u", Some("A@B/C")), "a realm may have a slash");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        use PrincipalNameError::{Character, Empty, Escape, Length, Realm};
        let cases = [
            ("", Empty),
            ("/a", Empty),
            ("a/", Empty),
            ("a//b", Empty),
            ("@R", Empty),
            ("a\\", Escape),
            ("a\\q", Escape),
            ("a@R", Realm),
            ("a@R@S", Realm),
            ("a\u{1b}[2J", Character('\u{1b}')),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<PrincipalName>().unwrap_err(), error, "{text:?}");
        }
        assert_eq!("x".repeat(241).parse::<PrincipalName>().unwrap_err(), Length(241));
        assert_eq!("/".repeat(120).parse::<PrincipalName>().unwrap_err(), Empty);
        assert_eq!(PrincipalName::parse_with_realm("a@").unwrap_err(), Empty);
        assert!("x".repeat(240).parse::<PrincipalName>().is_ok());
    }

    #[test]
    fn the_salt_has_no_escapes_and_no_slashes() {
        let name: PrincipalName = r"host/a\/b".parse().unwrap();
        assert_eq!(name.salt("EXAMPLE.COM"), "EXAMPLE.COMhosta/b");
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_it_was_written(components in prop::collection::vec(".{1,20}", 1..4)) {
            if let Ok(name) = PrincipalName::new(components) {
                prop_assert_eq!(name.to_string().parse::<PrincipalName>().unwrap(), name);
            }
        }

        #[test]
        fn no_text_upsets_the_reader(text in ".*") {
            let _ = PrincipalName::parse_with_realm(&text);
        }
    }
}
