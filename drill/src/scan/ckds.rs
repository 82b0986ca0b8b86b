//! A listing of a CKDS: what `softicsf ckds list` answers, as text or in JSON, or plain labels, one in a line, with the
//! type after each where it is known.

use std::collections::HashMap;
use std::sync::Arc;

use icsf_core::{KeyLabel, KeyType};
use serde_json::Value;

use super::input::{FileRead, InputError, Origin, numbered};

const NEXT: &str = "give what `softicsf ckds list` answers, or a text with one label in each line";

/// The records of a CKDS.
#[derive(Debug)]
pub(super) struct CkdsListing {
    pub(super) file: Arc<str>,
    entries: HashMap<KeyLabel, Vec<Listed>>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    line: u64,
    pub(super) key_type: Option<String>,
    pub(super) protection: Protection,
}

/// How the key of a record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// The listing does not say.
    Unseen,
    /// Under a master key.
    Wrapped,
    /// As it is.
    Clear,
    /// It cannot be used.
    Damaged,
}

impl CkdsListing {
    pub(super) fn read(file: &Arc<str>, text: &str) -> Result<(Self, FileRead), InputError> {
        let mut ckds = Self { file: Arc::clone(file), entries: HashMap::new() };
        let mut read = FileRead::new(file, "CKDS listing");
        if text.trim_start().starts_with(['{', '[']) {
            ckds.json(text, &mut read)?;
        } else {
            ckds.text(text, &mut read);
        }
        if ckds.entries.is_empty() && read.not_understood > 0 {
            return Err(InputError::new(file, read.first.first().copied(), "no line of it is a label", NEXT));
        }
        // Most words can be labels.
        let is_one = |(label, listed): (&KeyLabel, &Vec<Listed>)| {
            label.to_string().contains('.') || listed.iter().any(|entry| entry.key_type.is_some())
        };
        if !ckds.entries.is_empty() && !ckds.entries.iter().any(is_one) {
            let what = "nothing in it shows that it lists a CKDS: no label has a period, and none a type after it";
            return Err(InputError::new(file, Some(1), what, NEXT));
        }
        Ok((ckds, read))
    }

    fn json(&mut self, text: &str, read: &mut FileRead) -> Result<(), InputError> {
        let wrong = |line: Option<u64>, what: String| InputError::new(&self.file, line, what, NEXT);
        let value: Value = serde_json::from_str(text).map_err(|error| {
            wrong(u64::try_from(error.line()).ok(), format!("it begins as JSON and is none: {error}"))
        })?;
        let records = value.get("records").unwrap_or(&value).as_array();
        let records = records.ok_or_else(|| wrong(Some(1), "it has no list of `records`".to_owned()))?;
        for (number, record) in (1..).zip(records) {
            let of = |name: &str| record.get(name).and_then(Value::as_str);
            let label = of("label").and_then(|label| label.parse().ok());
            let protection = match of("protection") {
                _ if of("damaged").is_some() => Protection::Damaged,
                Some("clear") => Protection::Clear,
                Some("wrapped") => Protection::Wrapped,
                _ => Protection::Unseen,
            };
            read.line(number, label.is_some());
            if let Some(label) = label {
                self.add(label, number, of("type").map(str::to_ascii_uppercase), protection);
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str, read: &mut FileRead) {
        let mut table = false;
        // A label that is too long for its column stands in a line of its own.
        let mut alone: Option<KeyLabel> = None;
        for (number, line) in numbered(text) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let protection = protection(&words);
            let is_type = |word: &&str| KeyType::ALL.iter().any(|known| known.to_string() == **word);
            let understood = match words.as_slice() {
                [] => true,
                [first, ..] if first.starts_with(['#', '*']) => true,
                ["LABEL", "TYPE", ..] => {
                    table = true;
                    true
                }
                [key_type, ..] if table && line.starts_with(' ') => {
                    if let Some(label) = alone.take().filter(|_| is_type(key_type)) {
                        self.add(label, number, Some((*key_type).to_owned()), protection);
                    }
                    true
                }
                [label, rest @ ..] => {
                    let known = match rest {
                        [] => true,
                        [one] => one.len() <= 8,
                        [one, ..] => is_type(one),
                    };
                    match label.parse().ok().filter(|_| known) {
                        Some(label) if table && rest.is_empty() => alone = Some(label),
                        Some(label) => {
                            self.add(label, number, rest.first().map(|word| word.to_ascii_uppercase()), protection);
                        }
                        None => {}
                    }
                    known && label.parse::<KeyLabel>().is_ok()
                }
            };
            read.line(number, understood);
        }
    }

    fn add(&mut self, label: KeyLabel, line: u64, key_type: Option<String>, protection: Protection) {
        self.entries.entry(label).or_default().push(Listed { line, key_type, protection });
    }

    /// The records of a label; it may have several, of different types.
    pub(super) fn of(&self, label: &KeyLabel) -> &[Listed] {
        self.entries.get(label).map_or(&[], Vec::as_slice)
    }

    /// Whether a key may be used as one of this type: where no type is listed, any may.
    pub(super) fn serves(&self, label: &KeyLabel, key_type: &str) -> bool {
        let fits = |entry: &Listed| entry.key_type.as_deref().is_none_or(|listed| listed == key_type);
        self.of(label).iter().any(|entry| entry.protection != Protection::Damaged && fits(entry))
    }

    pub(super) fn place(&self, entry: &Listed) -> Origin {
        Origin::new(&self.file, entry.line, "CKDS listing")
    }
}

fn protection(words: &[&str]) -> Protection {
    match words {
        [.., "CLEAR"] => Protection::Clear,
        words if words.contains(&"DAMAGED:") => Protection::Damaged,
        [.., kind, _] if ["DES-MK", "AES-MK"].contains(kind) => Protection::Wrapped,
        _ => Protection::Unseen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (CkdsListing, FileRead) {
        CkdsListing::read(&"ckds.txt".into(), text).unwrap()
    }

    fn only(ckds: &CkdsListing, label: &str) -> Listed {
        let [entry] = ckds.of(&label.parse().unwrap()) else { panic!("{label}: {ckds:?}") };
        entry.clone()
    }

    #[test]
    fn a_word_is_no_listing() {
        for text in ["junk", "junk\n\nmore\n"] {
            let error = CkdsListing::read(&"ckds.txt".into(), text).unwrap_err();
            assert!(error.to_string().contains("nothing in it shows that it lists a CKDS"), "{error}");
        }
        assert!(read("MYKEY DATA").0.of(&"MYKEY".parse().unwrap()).len() == 1 && read("").1.lines == 0);
    }

    #[test]
    fn a_table_is_read_with_labels_that_stand_alone() {
        let long = "A".repeat(64);
        let (ckds, read) = read(&format!(
            "LABEL        TYPE  KEY       PROTECTION\n\
             PTKT.A.HMAC  MAC   HMAC 64   AES-MK 0123456789ABCDEF\n\
             PTKT.B.HMAC  MAC   HMAC 64   CLEAR\n\
             {long}\n\
             \x20            DATA  DES 8     DES-MK 0123456789ABCDEF\n\
             PTKT.D       DATA  -         DAMAGED: the checksum does not fit the record, as it was\n\
             \x20                            changed\n"
        ));
        assert_eq!(only(&ckds, "PTKT.A.HMAC").protection, Protection::Wrapped);
        assert_eq!(only(&ckds, "PTKT.B.HMAC").protection, Protection::Clear);
        assert_eq!(
            only(&ckds, &long),
            Listed { line: 5, key_type: Some("DATA".into()), protection: Protection::Wrapped }
        );
        assert!(!ckds.serves(&"PTKT.D".parse().unwrap(), "DATA"), "damaged");
        assert_eq!((read.lines, read.not_understood), (7, 0));
    }

    #[test]
    fn plain_labels_and_json_are_read() {
        let (ckds, read) = read("# of PRD1\nPTKT.A\n PTKT.B DATA\n\nwhat is this ?\n");
        assert_eq!(only(&ckds, "PTKT.A").key_type, None);
        assert_eq!(only(&ckds, "PTKT.B").key_type.as_deref(), Some("DATA"));
        assert!(ckds.serves(&"PTKT.A".parse().unwrap(), "MAC") && !ckds.serves(&"PTKT.B".parse().unwrap(), "MAC"));
        assert_eq!((read.not_understood, read.first), (1, vec![5]));
        let json = r#"{"records": [{"label": "PTKT.C", "type": "MAC", "damaged": null, "protection": "clear"}]}"#;
        assert_eq!(only(&CkdsListing::read(&"c".into(), json).unwrap().0, "PTKT.C").protection, Protection::Clear);
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        let error = |text: &str| CkdsListing::read(&"c".into(), text).unwrap_err().to_string();
        assert!(error("{\n\"records\": [}").starts_with("c, line 2: it begins as JSON and is none"));
        assert!(error("{}").starts_with("c, line 1: it has no list of `records`"));
        assert_eq!(error("\n1 2 3\n"), "c, line 2: no line of it is a label");
        assert!(CkdsListing::read(&"c".into(), "").is_ok(), "an empty CKDS");
    }
}
