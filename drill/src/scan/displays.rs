//! A site as its operator sees it: what `D SMF,O`, `D ICSF,CARDS`, `D ICSF,KDS`, `D ICSF,MKVPS`, `D ICSF,MKS` and `D ICSF,LIST`
//! answer, pasted into one text, in any order.
//!
//! What a line is about is found by what stands in it, and not by where: a console puts times and job numbers before
//! its lines.

use std::sync::Arc;

use super::input::{FileRead, InputError, Origin, Seen, numbered};

/// A pattern of each kind of master key, as far as it is shown: DES, AES.
pub(super) type Patterns = [Option<Seen<Option<String>>>; 2];

/// What the displays say. A pattern is `None` where the register is empty.
#[derive(Debug)]
pub(super) struct Displays {
    file: Arc<str>,
    pub(super) smfid: Option<Seen<String>>,
    pub(super) sysnames: Vec<String>,
    /// Whether ICSF is started.
    pub(super) icsf: Option<Seen<bool>>,
    /// The line at which the display of the cards begins.
    cards_shown: Option<u64>,
    cards: Vec<Seen<Adapter>>,
    pub(super) format: Option<Seen<String>>,
    /// The patterns of the key data set, and of the registers that are in use.
    pub(super) kds: Patterns,
    pub(super) current: Patterns,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Adapter {
    status: String,
    /// It can hold master keys of keys in a CKDS: neither an accelerator nor in EP11 mode.
    holds_keys: bool,
}

/// Whether keys under a master key can be used at a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CardState {
    /// The text does not say.
    Unseen,
    /// ICSF is not started.
    IcsfStopped(Origin),
    /// There is no card.
    None(Origin),
    /// There is one, and it is not `Active`.
    Unusable(Origin, String),
    /// There is one.
    Active,
}

/// Columns of master keys, in the order of a heading.
type Columns = [usize; 2];

const KINDS: [&str; 2] = ["DES", "AES"];
const NEXT: &str = "paste what D SMF,O, D ICSF,CARDS, D ICSF,KDS and D ICSF,MKVPS show at the site";

impl Displays {
    pub(super) fn read(file: &Arc<str>, text: &str) -> Result<(Self, FileRead), InputError> {
        let mut site = Self {
            file: Arc::clone(file),
            smfid: None,
            sysnames: Vec::new(),
            icsf: None,
            cards_shown: None,
            cards: Vec::new(),
            format: None,
            kds: [None, None],
            current: [None, None],
        };
        let mut read = FileRead::new(file, "operator displays");
        let mut reader = Reader::default();
        for (number, line) in numbered(text) {
            let folded = line.to_ascii_uppercase();
            let words: Vec<&str> = folded.split_whitespace().collect();
            let understood = words.is_empty() || reader.line(&mut site, number, &folded, &words);
            read.line(number, understood);
        }
        let nothing = site.smfid.is_none()
            && site.icsf.is_none()
            && site.format.is_none()
            && site.sysnames.is_empty()
            && site.kds.iter().chain(&site.current).all(Option::is_none);
        if nothing {
            return Err(InputError::new(file, Some(1), "no display of an operator is in it", NEXT));
        }
        Ok((site, read))
    }

    pub(super) fn place<T>(&self, seen: &Seen<T>) -> Origin {
        self.at(seen.line)
    }

    fn at(&self, line: u64) -> Origin {
        Origin::new(&self.file, line, "operator display")
    }

    /// Whether keys under a master key can be used here.
    pub(super) fn card(&self) -> CardState {
        if let Some(stopped) = self.icsf.filter(|icsf| !icsf.value) {
            return CardState::IcsfStopped(self.place(&stopped));
        }
        let Some(shown) = self.cards_shown else { return CardState::Unseen };
        let holding = || self.cards.iter().filter(|card| card.value.holds_keys);
        match holding().next() {
            None => CardState::None(self.at(shown)),
            Some(_) if holding().any(|card| card.value.status == "ACTIVE") => CardState::Active,
            Some(first) => CardState::Unusable(self.place(first), first.value.status.clone()),
        }
    }
}

/// What the lines before say of those to come.
#[derive(Default)]
struct Reader {
    /// What card the next status is of.
    accelerates: bool,
    /// Below the heading of D ICSF,MKVPS, of D ICSF,MKS.
    patterns: Option<Columns>,
    registers: Option<Columns>,
    systems: bool,
}

impl Reader {
    fn line(&mut self, site: &mut Displays, number: u64, line: &str, words: &[&str]) -> bool {
        self.smf(site, number, line)
            || self.icsf(site, number, line, words)
            || self.cards(site, number, line, words)
            || self.key_data_set(site, number, line)
            || self.tables(site, number, words)
            || is_command(words)
    }

    fn smf(&self, site: &mut Displays, number: u64, line: &str) -> bool {
        if let Some(id) = within(line, "SID(") {
            site.smfid = Some(Seen::new(id.trim().to_owned(), number));
            return true;
        }
        // The other options of SMF.
        line.contains("IEE967I") || [" -- PARMLIB", " -- DEFAULT", " -- SYS"].iter().any(|from| line.contains(from))
    }

    fn icsf(&mut self, site: &mut Displays, number: u64, line: &str, words: &[&str]) -> bool {
        if words.windows(3).any(|three| three == ["CSF", "NOT", "ACTIVE"]) || line.contains("CSFM401I") {
            site.icsf = Some(Seen::new(false, number));
            return true;
        }
        let Some(at) = words.iter().position(|word| *word == "ICSF") else { return false };
        let Some(what) = words.get(at + 1).filter(|_| words.iter().any(|word| is_reply(word))) else { return false };
        // A text that was taken before ICSF stopped, and after: the last one counts.
        site.icsf = Some(Seen::new(true, number));
        if *what == "CARDS" {
            site.cards_shown = Some(number);
        }
        *self = Self::default();
        true
    }

    fn cards(&mut self, site: &mut Displays, number: u64, line: &str, words: &[&str]) -> bool {
        if let Some((_, status)) = line.split_once("STATUS=") {
            let status = status.split("  ").next().unwrap_or_default().split("SERIAL#").next().unwrap_or_default();
            let card = Adapter { status: status.trim().to_owned(), holds_keys: !self.accelerates };
            site.cards.push(Seen::new(card, number));
            site.cards_shown.get_or_insert(number);
            self.accelerates = false;
            return true;
        }
        if ["CRYPTO EXPRESS", "COPROCESSOR", "ACCELERATOR", "SIC3001I"].iter().any(|name| line.contains(name)) {
            self.accelerates = line.contains("ACCELERATOR") || line.contains("EP11");
            return true;
        }
        for (kind, current) in KINDS.iter().zip(&mut site.current) {
            if let Some((_, pattern)) = line.split_once(&format!("{kind}-MK MKVP=")) {
                *current = Some(Seen::new(pattern_of(pattern.trim()), number));
                return true;
            }
        }
        let known = ["ACTIVE DOMAIN", "REQUESTS ACTIVE", "NO CRYPTO ENGINE", "SIC3004I", "SIC3007I"];
        known.iter().any(|known| line.contains(known))
            || matches!(words, [.., "TKDS", "DEFINED", _, "NO", "EP11", _, _])
    }

    fn key_data_set(&self, site: &mut Displays, number: u64, line: &str) -> bool {
        if let Some((_, format)) = line.split_once("FORMAT=") {
            let format = format.split_whitespace().next().unwrap_or_default();
            site.format.get_or_insert_with(|| Seen::new(format.to_owned(), number));
            return true;
        }
        line.trim_start().starts_with("CKDS ") || line.contains(" MKVP DATE=")
    }

    fn tables(&mut self, site: &mut Displays, number: u64, words: &[&str]) -> bool {
        if let Some(columns) = columns(words, ["DES", "AES"]).filter(|_| words.first() == Some(&"ID")) {
            (self.patterns, self.systems) = (Some(columns), false);
            return true;
        }
        if let Some(columns) = columns(words, ["DES-MK", "AES-MK"]).filter(|_| words.contains(&"REGISTER")) {
            (self.registers, self.systems) = (Some(columns), false);
            return true;
        }
        if words.starts_with(&["SYSNAME", "RELEASE"]) {
            self.systems = true;
            return true;
        }
        let cells = |cells: &[&str], columns: Columns| {
            columns.map(|column| cells.get(column).map(|cell| Seen::new(pattern_of(cell), number)))
        };
        match (words, self.patterns, self.registers) {
            (["KDSMKVPS", rest @ ..], Some(columns), _) if rest.len() == 2 => site.kds = cells(rest, columns),
            ([name, card, rest @ ..], Some(columns), _) if rest.len() == 2 && card.len() <= 4 => {
                // What D ICSF,CARDS or MKS showed is longer.
                for (current, cell) in site.current.iter_mut().zip(cells(rest, columns)) {
                    if current.as_ref().is_none_or(|known| known.value.is_none()) {
                        *current = cell;
                    }
                }
                site.sysnames.push((*name).to_owned());
            }
            (["CURRENT", rest @ ..], _, Some(columns)) if rest.len() == 2 => site.current = cells(rest, columns),
            (["NEW" | "OLD", ..], _, Some(_)) => {}
            ([name, _, _, ..], _, _) if self.systems => site.sysnames.push((*name).to_owned()),
            _ => return words.starts_with(&["SYSTEMS", "SUPPORTING"]),
        }
        true
    }
}

/// A message ICSF answers a display with.
fn is_reply(word: &str) -> bool {
    ["CSFM", "SIC300"].iter().any(|prefix| word.starts_with(prefix)) && word.ends_with('I')
}

/// What was typed, with the prompt or the system before it.
fn is_command(words: &[&str]) -> bool {
    let typed = |word: &&str| ["D", "DISPLAY", "RO", "ROUTE"].contains(word) || word.ends_with("-D");
    words.iter().take(4).any(typed) && words.iter().any(|word| word.contains("ICSF") || word.contains("SMF"))
}

/// What stands in parentheses after a word.
fn within<'a>(line: &'a str, open: &str) -> Option<&'a str> {
    Some(line.split_once(open)?.1.split_once(')')?.0)
}

/// In which columns of patterns the two kinds stand, by the heading above them.
fn columns(words: &[&str], names: [&str; 2]) -> Option<Columns> {
    let [des, aes] = names.map(|name| words.iter().position(|word| *word == name));
    let first = des?.min(aes?);
    Some([des? - first, aes? - first])
}

fn pattern_of(cell: &str) -> Option<String> {
    let is_pattern = cell.len() >= 6 && cell.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_pattern.then(|| cell.to_owned())
}

/// Whether two patterns are the same, of which one may be shown only by its first six digits.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Displays, FileRead) {
        Displays::read(&"b.txt".into(), text).unwrap()
    }

    #[test]
    fn the_sample_of_the_manual_is_read() {
        let (site, read) = read(
            "\
D SMF,O
IEE967I 08.14.47 SMF PARAMETERS 581
        MEMBER = SMFPRM00
        SID(DR01) -- PARMLIB
        JWT(0030) -- PARMLIB
SY1  d icsf,cards
CSFM668I 13.04.52 ICSF CARDS 731
  ACTIVE DOMAIN = 003
  CRYPTO EXPRESS5 ACCELERATOR 5A01
    STATUS=Active  SERIAL#=99EA6060  LEVEL=5.0.45
    REQUESTS ACTIVE=0000
  CRYPTO EXPRESS5 COPROCESSOR 5C36
    STATUS=Master key incorrect  SERIAL#=99EA6059  LEVEL=5.0.45
    REQUESTS ACTIVE=0002
CSFM668I 13.05.00 ICSF MKVPS 732
 CKDS SYS1.CKDS
   AES MKVP Date=Unknown
 ID            AES    DES
 KDSMKVPS      2058C8 CA6B40
 SY1      6C02 111111 CA6B40
 No TKDS defined or no EP11 adapters online
",
        );
        assert_eq!(site.smfid, Some(Seen::new("DR01".into(), 4)));
        let CardState::Unusable(place, status) = site.card() else { panic!("{site:?}") };
        assert_eq!((place.line, &*status), (13, "MASTER KEY INCORRECT"));
        let [des, aes] = &site.current;
        assert_eq!(des.as_ref().unwrap().value.as_deref(), Some("CA6B40"));
        assert_eq!(aes.as_ref().unwrap().value.as_deref(), Some("111111"));
        assert_eq!(site.kds[1].as_ref().unwrap().value.as_deref(), Some("2058C8"));
        assert_eq!((site.sysnames, read.not_understood, read.first), (vec!["SY1".to_owned()], 1, vec![3]));
    }

    #[test]
    fn an_accelerator_holds_no_keys_and_a_stopped_icsf_serves_none() {
        let cards = "CSFM668I 13.04.52 ICSF CARDS 731\n  CRYPTO EXPRESS5 ACCELERATOR 5A01\n STATUS=Active  SERIAL#=1";
        assert!(matches!(read(cards).0.card(), CardState::None(_)));
        assert!(matches!(read("IEE341I CSF             NOT ACTIVE\nSID(A)").0.card(), CardState::IcsfStopped(_)));
        assert!(matches!(read("IEE341I CSF NOT ACTIVE").0.card(), CardState::IcsfStopped(_)));
        assert!(matches!(read("SID(A)").0.card(), CardState::Unseen));
        assert!(same("CA6B40", "CA6B40123456789A") && !same("CA6B41", "CA6B40123456789A"));
    }

    #[test]
    fn registers_are_read_in_full_and_of_the_cards_too() {
        let registers = "SIC3008I 09.00.00 ICSF MKS\n  00 SOFTWARE ENGINE\n    STATUS=Active\n    REGISTER  DES-MK            AES-MK\n    \
                         NEW       EMPTY             EMPTY\n    CURRENT   0123456789ABCDEF  NONE\n    OLD       NONE              NONE\n";
        let cards = "SIC3008I 09.00.00 ICSF CARDS 001\n    DES-MK MKVP=0123456789ABCDEF\n    AES-MK MKVP=NONE\n";
        for text in [registers, cards] {
            let (site, _) = read(text);
            let [des, aes] = site.current.map(|seen| seen.unwrap().value);
            assert_eq!((des.as_deref(), aes), (Some("0123456789ABCDEF"), None), "{text}");
        }
    }

    #[test]
    fn something_else_is_refused() {
        let error = Displays::read(&"b.txt".into(), "ACTIVE CLASSES = USER").unwrap_err();
        assert_eq!(error.to_string(), "b.txt, line 1: no display of an operator is in it");
        assert!(error.next().starts_with("paste what D SMF,O"));
    }
}
