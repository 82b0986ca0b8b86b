//! Names: user IDs, application names, groups.
//!
//! A name is parsed once, at the rim, and is from then on what the algorithms need: eight
//! EBCDIC bytes, left-justified and padded with blanks (X'40'). The three types share one
//! inner [`Name`]; they differ only so that the compiler keeps them apart.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Reason, quoted};

const BLANK: u8 = 0x40;

/// 1 to 8 EBCDIC bytes, none of them X'40', padded with X'40' to 8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name([u8; 8]);

impl Name {
    fn from_text(what: &'static str, text: &str) -> Result<Self, Error> {
        let count = text.chars().count();
        if count == 0 {
            return Err(Reason::IdEmpty { what }.into());
        }
        if count > 8 {
            return Err(Reason::IdLong { what, text: quoted(text), count }.into());
        }
        let mut bytes = [BLANK; 8];
        for (index, (byte, found)) in bytes.iter_mut().zip(text.chars()).enumerate() {
            *byte = to_ebcdic(found).ok_or_else(|| Reason::IdCharacter {
                what,
                text: quoted(text),
                found,
                position: index + 1,
            })?;
        }
        Ok(Self(bytes))
    }

    fn from_ebcdic(what: &'static str, bytes: &[u8]) -> Result<Self, Error> {
        if let Some(index) = bytes.iter().position(|&byte| byte == BLANK) {
            return Err(Reason::IdBlank { what, position: index + 1 }.into());
        }
        let mut padded = [BLANK; 8];
        match padded.get_mut(..bytes.len()) {
            Some(head) if !head.is_empty() => head.copy_from_slice(bytes),
            _ => {
                return Err(Reason::IdBytes { what, count: bytes.len() }.into());
            }
        }
        Ok(Self(padded))
    }

    fn without_padding(&self) -> impl Iterator<Item = u8> {
        self.0.into_iter().take_while(|&byte| byte != BLANK)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(8);
        for byte in self.without_padding() {
            match to_ascii(byte) {
                Some(character) => text.push(character),
                None => text.push_str(&format!("\\x{byte:02X}")),
            }
        }
        f.pad(&text)
    }
}

/// The 39 legal characters have the same bytes in code pages 037, 500 and 1047, so no
/// code page has to be chosen. Only `a` to `z` fold; Unicode folding would let other
/// letters (the dotless i, the sharp s) turn into legal ones.
fn to_ebcdic(character: char) -> Option<u8> {
    let ascii = u8::try_from(character).ok()?.to_ascii_uppercase();
    Some(match ascii {
        b'A'..=b'I' => 0xC1 + (ascii - b'A'),
        b'J'..=b'R' => 0xD1 + (ascii - b'J'),
        b'S'..=b'Z' => 0xE2 + (ascii - b'S'),
        b'0'..=b'9' => 0xF0 + (ascii - b'0'),
        b'@' => 0x7C,
        b'#' => 0x7B,
        b'$' => 0x5B,
        _ => return None,
    })
}

fn to_ascii(ebcdic: u8) -> Option<char> {
    Some(char::from(match ebcdic {
        0xC1..=0xC9 => b'A' + (ebcdic - 0xC1),
        0xD1..=0xD9 => b'J' + (ebcdic - 0xD1),
        0xE2..=0xE9 => b'S' + (ebcdic - 0xE2),
        0xF0..=0xF9 => b'0' + (ebcdic - 0xF0),
        0x7C => b'@',
        0x7B => b'#',
        0x5B => b'$',
        _ => return None,
    }))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 8 of `A`-`Z`, `0`-`9`, `@`, `#`, `$`; `a`-`z` are folded to upper case, nothing
        /// else is. Ordered as the host orders it: by EBCDIC byte, national characters before
        /// letters before digits.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Name);

        impl $type {
            /// A name from its EBCDIC bytes, 1 to 8 of them, without padding: for a site whose
            /// code page has other national characters than `@`, `#`, `$` at X'7C', X'7B', X'5B'.
            /// Any byte but X'40' is taken as it is.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Identifier`](crate::ErrorKind::Identifier) if there are no bytes, more
            /// than 8, or an X'40' among them.
            pub fn from_ebcdic(bytes: &[u8]) -> Result<Self, Error> {
                Name::from_ebcdic($what, bytes).map(Self)
            }

            /// The 8 bytes the algorithms use: EBCDIC, padded on the right with X'40'.
            #[must_use]
            pub fn ebcdic(&self) -> &[u8; 8] {
                &self.0.0
            }

            /// Number of characters without the padding, 1 to 8.
            #[expect(clippy::len_without_is_empty, reason = "a name is never empty")]
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.without_padding().count()
            }
        }

        impl FromStr for $type {
            type Err = Error;

            /// Parses a name from text.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Identifier`](crate::ErrorKind::Identifier) if the text is empty, longer
            /// than 8 characters, or has a character outside the legal set (blanks included).
            fn from_str(text: &str) -> Result<Self, Error> {
                Name::from_text($what, text).map(Self)
            }
        }

        /// ASCII text; a byte outside the legal set is shown as `\xNN`, its EBCDIC code.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self.0)
            }
        }
    };
}

name_type! {
    /// A user ID.
    ///
    /// ```
    /// use ptkt::UserId;
    ///
    /// let user: UserId = "IbmUser".parse()?;
    /// assert_eq!(user.to_string(), "IBMUSER");
    /// assert_eq!(user.ebcdic(), b"\xC9\xC2\xD4\xE4\xE2\xC5\xD9\x40");
    /// # Ok::<(), ptkt::Error>(())
    /// ```
    ///
    /// Form and padding: z/OS 2.1, "Incorporating the PassTicket generator algorithm", item 1.
    UserId, "user id"
}

name_type! {
    /// The name a PassTicket is valid for.
    ///
    /// For APPC, CICS and IMS the applid; for TSO the letters `TSO` and the SMF system ID
    /// (`TSOR001`); for batch jobs `MVS` and the SMF system ID. A system started with another
    /// SMF ID therefore needs other tickets.
    ///
    /// Form and padding: z/OS 2.1, "Incorporating the PassTicket generator algorithm", item 3;
    /// the TSO name: RACF Security Administrator's Guide; the batch name is reported only.
    Applid, "application name"
}

name_type! {
    /// A group name, as it stands in qualified PTKTDATA profile names (`APPL.GROUP.USER`).
    ///
    /// The algorithms do not use it.
    GroupId, "group name"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_points_invert() {
        let mut seen = 0;
        for byte in 0..=u8::MAX {
            if let Some(character) = to_ascii(byte) {
                assert_eq!(to_ebcdic(character), Some(byte));
                seen += 1;
            }
        }
        assert_eq!(seen, 39);
    }
}
