//! Keytab files: the long-term keys of servers, in clear, in the format of MIT's Kerberos (0x0502, big-endian).
//!
//! ```text
//! 05 02, then for each entry:
//!   length            i32   bytes that follow; negative: a hole of so many bytes, which are skipped
//!   components        u16   how many, the realm not counted
//!   realm             u16 length, bytes
//!   component, ..     u16 length, bytes
//!   name type         u32
//!   timestamp         u32   seconds since 1970
//!   key version       u8    its lowest 8 bits
//!   encryption type   u16
//!   key               u16 length, bytes
//!   key version       u32   if at least 4 bytes are left; 0: the 8 bits count
//!   anything more is skipped
//! ```
//!
//! Source: MIT Kerberos documentation, "Keytab file format" (formats/keytab_file_format).

use std::fmt;

use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use zeroize::Zeroizing;

const VERSION: [u8; 2] = [5, 2];

/// One key of one principal.
pub struct Entry {
    /// The realm.
    pub realm: String,
    /// The components of the principal's name, one at least.
    pub components: Vec<String>,
    /// The name type (RFC 4120 section 6.2); 1 is a principal.
    pub name_type: u32,
    /// When the entry was made, in seconds since 1970.
    pub timestamp: u32,
    /// The version of the key.
    pub version: u32,
    /// The number of the encryption type, which may be one that is not [known here](Etype).
    pub etype: u16,
    /// The key.
    pub key: ClearKey,
}

impl Entry {
    /// The encryption type, if it is known here.
    #[must_use]
    pub fn known_etype(&self) -> Option<Etype> {
        Etype::from_number(self.etype.into())
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.components.join("/");
        write!(f, "Entry({name}@{} version {} etype {})", self.realm, self.version, self.etype)
    }
}

/// A keytab that cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeytabError {
    /// It does not begin with 05.
    #[error("this is not a keytab: it does not begin with 05 02; give a file that ktutil or kadmin wrote")]
    NotAKeytab,
    /// Another version of the format.
    #[error("this keytab is of format 05 {0:02X}, and only 05 02 is read; write it anew with ktutil (rkt, wkt)")]
    Format(u8),
    /// It ends within an entry.
    #[error("the keytab is cut off: the entry at byte {entry} is longer than the file; copy it again")]
    CutOff {
        /// Where the entry begins.
        entry: usize,
    },
    /// An entry contradicts itself.
    #[error("the entry at byte {entry} of the keytab is damaged: {what}; write the keytab anew")]
    Damaged {
        /// Where the entry begins.
        entry: usize,
        /// In what.
        what: &'static str,
    },
    /// An entry that the format has no place for.
    #[error("{what} of entry {entry} does not fit into a keytab, which takes {limit}")]
    TooLong {
        /// Which entry, counted from 1.
        entry: usize,
        /// What of it.
        what: &'static str,
        /// How much fits.
        limit: &'static str,
    },
}

/// The bytes of a keytab with these entries. They hold clear keys, so the file must be readable by its server alone.
///
/// # Errors
/// [`KeytabError::TooLong`] for a name, a number of components or a key that does not fit.
pub fn write(entries: &[Entry]) -> Result<Zeroizing<Vec<u8>>, KeytabError> {
    // Room for all of it: a buffer that grows leaves keys behind.
    let mut file = Zeroizing::new(Vec::with_capacity(2 + entries.iter().map(room).sum::<usize>()));
    file.extend(VERSION);
    for (number, entry) in (1..).zip(entries) {
        write_entry(&mut file, entry).map_err(|(what, limit)| KeytabError::TooLong { entry: number, what, limit })?;
    }
    Ok(file)
}

/// Bytes of an entry with its length field.
fn room(entry: &Entry) -> usize {
    let names: usize = entry.components.iter().map(|name| 2 + name.len()).sum();
    4 + 2 + 2 + entry.realm.len() + names + 4 + 4 + 1 + 2 + 2 + entry.key.len() + 4
}

type Unfit = (&'static str, &'static str);

fn write_entry(file: &mut Vec<u8>, entry: &Entry) -> Result<(), Unfit> {
    const BYTES: &str = "65535 bytes";
    let length = i32::try_from(room(entry) - 4).map_err(|_too_long| ("the name", "2147483647 bytes in all"))?;
    file.extend(length.to_be_bytes());
    if entry.components.is_empty() {
        return Err(("a name without components", "one at least"));
    }
    let components = u16::try_from(entry.components.len()).map_err(|_too_many| ("the name", "65535 components"))?;
    file.extend(components.to_be_bytes());
    counted(file, entry.realm.as_bytes()).ok_or(("the realm", BYTES))?;
    for component in &entry.components {
        counted(file, component.as_bytes()).ok_or(("a component of the name", BYTES))?;
    }
    file.extend(entry.name_type.to_be_bytes());
    file.extend(entry.timestamp.to_be_bytes());
    let [.., low] = entry.version.to_be_bytes();
    file.push(low);
    file.extend(entry.etype.to_be_bytes());
    counted(file, entry.key.expose()).ok_or(("the key", BYTES))?;
    file.extend(entry.version.to_be_bytes());
    Ok(())
}

fn counted(file: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    file.extend(u16::try_from(bytes.len()).ok()?.to_be_bytes());
    file.extend(bytes);
    Some(())
}

/// The entries of a keytab, in their order; holes are left out.
///
/// # Errors
/// [`KeytabError`] says which entry is wrong, and never what is in it.
pub fn read(file: &[u8]) -> Result<Vec<Entry>, KeytabError> {
    let mut rest = match file.split_first_chunk() {
        Some((&VERSION, rest)) => rest,
        Some((&[5, format], _)) => return Err(KeytabError::Format(format)),
        _ => return Err(KeytabError::NotAKeytab),
    };
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let entry = file.len() - rest.len();
        let cut_off = KeytabError::CutOff { entry };
        let (length, after) = rest.split_first_chunk().ok_or(cut_off)?;
        let length = i32::from_be_bytes(*length);
        // MIT's library takes a length of zero for the end.
        if length == 0 {
            break;
        }
        let bytes = usize::try_from(length.unsigned_abs()).map_err(|_too_long| cut_off)?;
        let (content, after) = after.split_at_checked(bytes).ok_or(cut_off)?;
        if length > 0 {
            entries.push(read_entry(content).map_err(|what| KeytabError::Damaged { entry, what })?);
        }
        rest = after;
    }
    Ok(entries)
}

fn read_entry(content: &[u8]) -> Result<Entry, &'static str> {
    const SHORT: &str = "a field ends beyond it";
    let mut fields = Fields(content);
    let count = fields.u16().ok_or(SHORT)?;
    if count == 0 {
        return Err("a name without components");
    }
    let realm = fields.text().ok_or(SHORT)??;
    let components = (0..count).map(|_| fields.text().ok_or(SHORT)?).collect::<Result<_, _>>()?;
    let name_type = fields.u32().ok_or(SHORT)?;
    let timestamp = fields.u32().ok_or(SHORT)?;
    let [low] = fields.take().ok_or(SHORT)?;
    let etype = fields.u16().ok_or(SHORT)?;
    let key = ClearKey::from_slice(fields.counted().ok_or(SHORT)?);
    let version = fields.u32().filter(|version| *version != 0).unwrap_or(low.into());
    Ok(Entry { realm, components, name_type, timestamp, version, etype, key })
}

/// What is left of an entry.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        let (taken, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<Result<String, &'static str>> {
        let text = self.counted()?.to_vec();
        Some(String::from_utf8(text).map_err(|_not_utf8| "a name that is not UTF-8"))
    }
}
