//! Key labels, key types, and the 72-byte key of a CKDS record.
//!
//! All three hold EBCDIC bytes, blank-padded, as the VSAM key of a CKDS does, so that records sort and list in the
//! order an administrator knows: letters before digits, national characters before both.

use std::fmt;
use std::str::FromStr;

/// Not a key label, a key type or a label pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Nothing there.
    #[error("a {what} has at least one character")]
    Empty {
        /// What was being read.
        what: &'static str,
    },
    /// Too long.
    #[error("{what} \"{text}\" has {count} characters, at most {most} are allowed")]
    Long {
        /// What was being read.
        what: &'static str,
        /// The text, as it came.
        text: String,
        /// How many characters it has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
    /// A character that may not stand where it does.
    #[error("{what} \"{text}\" has {character:?} at position {position}: {rule}")]
    Character {
        /// What was being read.
        what: &'static str,
        /// The text, as it came.
        text: String,
        /// The character.
        character: char,
        /// Where it stands, from 1.
        position: usize,
        /// What may stand there.
        rule: &'static str,
    },
}

const BLANK: u8 = 0x40;

/// The characters of labels and types, in the order of their EBCDIC codes; the codes are the same in code pages 037,
/// 500 and 1047.
const ALPHABET: [(u8, u8, u8); 9] = [
    // first ASCII, last ASCII, EBCDIC of the first
    (b' ', b' ', BLANK),
    (b'.', b'.', 0x4b),
    (b'$', b'$', 0x5b),
    (b'#', b'#', 0x7b),
    (b'@', b'@', 0x7c),
    (b'A', b'I', 0xc1),
    (b'J', b'R', 0xd1),
    (b'S', b'Z', 0xe2),
    (b'0', b'9', 0xf0),
];

fn to_ebcdic(ascii: u8) -> Option<u8> {
    ALPHABET
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&ascii))
        .map(|(first, _, code)| code + (ascii - first))
}

fn to_ascii(ebcdic: u8) -> Option<u8> {
    ALPHABET
        .iter()
        .find(|(first, last, code)| (*code..=code + (last - first)).contains(&ebcdic))
        .map(|(first, _, code)| first + (ebcdic - code))
}

/// Reads up to `N` characters into blank-padded EBCDIC, small letters folded (ASCII only).
fn read<const N: usize>(what: &'static str, text: &str, wildcard: bool) -> Result<[u8; N], LabelError> {
    const FIRST: &str = "the first character is a letter, @, # or $";
    const OTHERS: &str = "letters, digits, @, #, $ and periods are allowed";
    if text.is_empty() {
        return Err(LabelError::Empty { what });
    }
    let count = text.chars().count();
    if count > N {
        return Err(LabelError::Long { what, text: text.to_owned(), count, most: N });
    }
    let mut bytes = [BLANK; N];
    for ((position, character), byte) in text.chars().enumerate().zip(bytes.iter_mut()) {
        let folded = character.to_ascii_uppercase();
        let wrong =
            |rule| LabelError::Character { what, text: text.to_owned(), character, position: position + 1, rule };
        if wildcard && folded == '*' {
            *byte = b'*';
            continue;
        }
        if position == 0 && !wildcard && !(folded.is_ascii_uppercase() || "@#$".contains(folded)) {
            return Err(wrong(FIRST));
        }
        *byte = u8::try_from(folded).ok().filter(|b| *b != b' ').and_then(to_ebcdic).ok_or_else(|| wrong(OTHERS))?;
    }
    Ok(bytes)
}

fn show(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let end = bytes.iter().rposition(|b| *b != BLANK).map_or(0, |last| last + 1);
    let mut text = String::with_capacity(end);
    for byte in bytes.iter().take(end) {
        text.push(to_ascii(*byte).map_or('?', char::from));
    }
    f.pad(&text)
}

/// Checks bytes that came from a data set or a caller's parameter.
fn check<const N: usize>(what: &'static str, bytes: &[u8; N]) -> Result<(), LabelError> {
    let text: String = bytes.iter().map(|b| to_ascii(*b).map_or('?', char::from)).collect();
    read::<N>(what, text.trim_end_matches(' '), false).map(|_: [u8; N]| ())
}

/// The label of a key in a CKDS: 1 to 64 characters; the first a letter or national character (@ # $), the others
/// letters, digits, national characters or periods.
///
/// Source: ICSF Administrator's Guide, rules for key labels.
///
/// ```
/// # use icsf_core::KeyLabel;
/// let label: KeyLabel = "irr.ssignon.prd1.11142025.090000.000001".parse()?;
/// assert_eq!(label.to_string(), "IRR.SSIGNON.PRD1.11142025.090000.000001");
/// assert!("1ST.KEY".parse::<KeyLabel>().unwrap_err().to_string().contains("first character"));
/// # Ok::<(), icsf_core::label::LabelError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyLabel([u8; 64]);

impl KeyLabel {
    /// From 64 EBCDIC bytes, blank-padded, as a callable service takes them.
    ///
    /// # Errors
    /// [`LabelError`] when the characters are not those of a label.
    pub fn from_ebcdic(bytes: [u8; 64]) -> Result<Self, LabelError> {
        check("key label", &bytes)?;
        Ok(Self(bytes))
    }

    /// The 64 EBCDIC bytes.
    #[must_use]
    pub const fn ebcdic(&self) -> &[u8; 64] {
        &self.0
    }
}

impl FromStr for KeyLabel {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        read("key label", text, false).map(Self)
    }
}

impl fmt::Display for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

impl fmt::Debug for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLabel({self})")
    }
}

/// The type of a key as the CKDS names it: up to 8 characters, `DATA` and `MAC` among them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyType([u8; 8]);

impl KeyType {
    /// A DES key for CSNBENC and CSNBDEC; what a legacy PassTicket key must be.
    pub const DATA: Self = Self([0xc4, 0xc1, 0xe3, 0xc1, BLANK, BLANK, BLANK, BLANK]);
    /// A key that authenticates messages; what an HMAC key for enhanced PassTickets must be.
    pub const MAC: Self = Self([0xd4, 0xc1, 0xc3, BLANK, BLANK, BLANK, BLANK, BLANK]);
    /// A key of which others are derived; what the key of a Kerberos principal is here.
    pub const DKYGENKY: Self = Self([0xc4, 0xd2, 0xe8, 0xc7, 0xc5, 0xd5, 0xd2, 0xe8]);
    /// A record that holds no key yet.
    pub const NULL: Self = Self([0xd5, 0xe4, 0xd3, 0xd3, BLANK, BLANK, BLANK, BLANK]);

    /// The types a record can have here.
    pub const ALL: [Self; 4] = [Self::DATA, Self::MAC, Self::DKYGENKY, Self::NULL];

    /// The 8 EBCDIC bytes.
    #[must_use]
    pub const fn ebcdic(&self) -> &[u8; 8] {
        &self.0
    }
}

impl FromStr for KeyType {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        read("key type", text, false).map(Self)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

impl fmt::Debug for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyType({self})")
    }
}

/// The key of a CKDS record: 64 bytes of label, 8 bytes of key type.
///
/// Source: ICSF System Programmer's Guide, CKDS record formats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey([u8; 72]);

impl RecordKey {
    /// The header record: 72 bytes of X'00', which no label can be and which sorts before every label.
    pub const HEADER: Self = Self([0; 72]);

    /// The record of `label` with a key of type `key_type`.
    #[must_use]
    pub fn new(label: &KeyLabel, key_type: KeyType) -> Self {
        let mut bytes = [0; 72];
        let (left, right) = bytes.split_at_mut(64);
        left.copy_from_slice(&label.0);
        right.copy_from_slice(&key_type.0);
        Self(bytes)
    }

    /// From the 72 bytes of a data set.
    ///
    /// # Errors
    /// [`LabelError`] when they are neither the header's nor a label and a type.
    pub fn from_bytes(bytes: [u8; 72]) -> Result<Self, LabelError> {
        let key = Self(bytes);
        if key != Self::HEADER {
            check("key label", &key.label().0)?;
            check("key type", &key.key_type().0)?;
        }
        Ok(key)
    }

    /// From the key of a row in a store; `None` when it is no record key.
    pub(crate) fn from_row(key: &[u8]) -> Option<Self> {
        Self::from_bytes(<[u8; 72]>::try_from(key).ok()?).ok()
    }

    /// As the key of a row in a store.
    pub(crate) fn row(&self) -> Box<[u8]> {
        Box::new(self.0)
    }

    /// The 72 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 72] {
        &self.0
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> KeyLabel {
        let mut label = [0; 64];
        label.copy_from_slice(self.0.split_at(64).0);
        KeyLabel(label)
    }

    /// The key type.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        let mut key_type = [0; 8];
        key_type.copy_from_slice(self.0.split_at(64).1);
        KeyType(key_type)
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::HEADER { f.pad("CKDS header") } else { write!(f, "{} {}", self.label(), self.key_type()) }
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({self})")
    }
}

/// A label filter in which `*` stands for any number of characters, none included.
///
/// ```
/// # use icsf_core::label::LabelPattern;
/// let pattern: LabelPattern = "IRR.*.PRD1.*".parse()?;
/// assert!(pattern.matches(&"IRR.SSIGNON.PRD1.11142025.090000.000001".parse()?));
/// assert!(!pattern.matches(&"IRR.SSIGNON.PRD2.11142025.090000.000001".parse()?));
/// # Ok::<(), icsf_core::label::LabelError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelPattern([u8; 64]);

impl LabelPattern {
    /// Every label.
    #[must_use]
    pub fn any() -> Self {
        let mut bytes = [BLANK; 64];
        bytes[0] = b'*';
        Self(bytes)
    }

    /// Whether `label` fits.
    #[must_use]
    pub fn matches(&self, label: &KeyLabel) -> bool {
        let end = |bytes: &[u8; 64]| bytes.iter().position(|b| *b == BLANK).unwrap_or(64);
        let pattern = self.0.split_at(end(&self.0)).0;
        let text = label.0.split_at(end(&label.0)).0;
        let mut pieces = pattern.split(|b| *b == b'*');
        let Some(rest) = pieces.next().and_then(|head| text.strip_prefix(head)) else {
            return false;
        };
        let Some(tail) = pieces.next_back() else {
            return rest.is_empty();
        };
        let Some(mut rest) = rest.strip_suffix(tail) else {
            return false;
        };
        for piece in pieces.filter(|p| !p.is_empty()) {
            match rest.windows(piece.len()).position(|window| window == piece) {
                Some(at) => rest = rest.split_at(at + piece.len()).1,
                None => return false,
            }
        }
        true
    }
}

impl FromStr for LabelPattern {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        read("label pattern", text, true).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_fold_ascii_and_sort_as_ebcdic() {
        let label = |text: &str| text.parse::<KeyLabel>().unwrap();
        assert_eq!(label("a.b#1"), label("A.B#1"));
        assert!(label("$A") < label("#A") && label("#A") < label("@A") && label("@A") < label("A"));
        assert!(label("A") < label("A.B") && label("AZ") < label("A0"));
        assert_eq!(KeyLabel::from_ebcdic(*label("MY.KEY").ebcdic()).unwrap(), label("MY.KEY"));
    }

    #[test]
    fn what_is_no_label_says_where_and_why() {
        for (text, part) in [
            ("", "at least one"),
            (".A", "position 1"),
            ("9A", "first character"),
            ("A B", "position 2"),
            ("A-B", "'-' at position 2"),
            ("ß", "position 1"),
            ("Aı", "'ı' at position 2"),
            (&"A".repeat(65), "65 characters"),
        ] {
            let message = text.parse::<KeyLabel>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
        assert!(KeyLabel::from_ebcdic([0x40; 64]).is_err());
        let mut hole = *"AB".parse::<KeyLabel>().unwrap().ebcdic();
        hole[5] = 0xc1;
        assert!(KeyLabel::from_ebcdic(hole).is_err());
        assert!(RecordKey::from_bytes([0xff; 72]).is_err());
        assert!(RecordKey::from_bytes([0; 72]).is_ok());
    }

    #[test]
    fn types_are_the_words_they_spell() {
        let types = ["DATA", "MAC", "DKYGENKY", "NULL"];
        for (text, key_type) in types.into_iter().zip(KeyType::ALL) {
            assert_eq!(text.parse::<KeyType>().unwrap(), key_type);
            assert_eq!(key_type.to_string(), text);
        }
    }

    #[test]
    fn patterns() {
        let fits = |pattern: &str, label: &str| {
            pattern.parse::<LabelPattern>().unwrap().matches(&label.parse::<KeyLabel>().unwrap())
        };
        assert!(fits("*", "A") && fits("A*", "A") && fits("*A", "A") && fits("A", "A") && fits("**", "A"));
        assert!(fits("A*C*E", "ABCDE") && fits("*B*B*", "ABCB") && !fits("*B*B*", "ABC"));
        assert!(!fits("AB*BA", "ABA") && !fits("A", "AB") && !fits("B*", "AB"));
        assert!(LabelPattern::any().matches(&"X".parse().unwrap()));
    }
}
