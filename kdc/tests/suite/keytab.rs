//! Keytabs: what is written is read back, what MIT wrote is read, and MIT reads what is written here.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_kdc::crypto::string_to_key;
use icsf_kdc::keytab::{Entry, KeytabError, read, write};
use proptest::prelude::*;

fn entry(name: &str, version: u32, etype: Etype) -> Entry {
    Entry {
        realm: "EXAMPLE.COM".to_owned(),
        components: name.split('/').map(str::to_owned).collect(),
        name_type: 1,
        timestamp: 1_763_110_800,
        version,
        etype: u16::try_from(etype.number()).unwrap(),
        key: string_to_key(etype, b"swordfish", format!("EXAMPLE.COM{}", name.replace('/', "")).as_bytes(), None),
    }
}

/// All of an entry but that a key is not compared as text.
fn parts(entry: &Entry) -> (&str, &[String], u32, u32, u32, u16, &[u8]) {
    let Entry { realm, components, name_type, timestamp, version, etype, key } = entry;
    (realm, components, *name_type, *timestamp, *version, *etype, key.expose())
}

#[test]
fn the_layout_is_that_of_the_documentation() {
    let key = ClearKey::new((0..16).collect());
    let components = vec!["host".to_owned(), "a.b".to_owned()];
    let entry = Entry {
        realm: "R".to_owned(),
        components,
        name_type: 3,
        timestamp: 0x0102_0304,
        version: 0x0001_0005,
        etype: 17,
        key,
    };
    let layout = [
        "0502 00000031 0002 0001 52 0004 686f7374 0003 612e62 00000003 01020304 05 0011 0010",
        "000102030405060708090a0b0c0d0e0f 00010005",
    ];
    assert_eq!(HEXLOWER.encode(&write(&[entry]).unwrap()), layout.concat().replace(' ', ""));
}

#[test]
fn holes_eight_bit_versions_and_what_follows_an_entry_are_taken() {
    let file = write(&[entry("alice", 300, Etype::Aes128Sha1)]).unwrap();
    let content = &file[6..];
    let with = |content: &[u8]| {
        let length = i32::try_from(content.len()).unwrap().to_be_bytes();
        [&length[..], content].concat()
    };
    let old = &content[..content.len() - 4];
    let zero = [old, &[0; 4]].concat();
    let more = [content, b"later fields"].concat();
    let hole = [&(-7_i32).to_be_bytes()[..], b"deleted"].concat();
    let keytab = [&[5, 2][..], &hole, &with(old), &hole, &with(&zero), &with(&more), &hole].concat();
    let versions: Vec<u32> = read(&keytab).unwrap().iter().map(|entry| entry.version).collect();
    assert_eq!(versions, [300 % 256, 300 % 256, 300]);
    let ended = [&keytab[..], &[0; 4], b"not looked at"].concat();
    assert_eq!(read(&ended).unwrap().len(), 3);
    assert_eq!(read(&[5, 2]).unwrap().len(), 0);
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    assert_eq!(read(b"").unwrap_err(), KeytabError::NotAKeytab);
    assert_eq!(read(b"\x05").unwrap_err(), KeytabError::NotAKeytab);
    assert_eq!(read(b"-----BEGIN").unwrap_err(), KeytabError::NotAKeytab);
    assert_eq!(read(b"\x05\x01\x00\x00").unwrap_err(), KeytabError::Format(1));
    let first = write(&[entry("alice", 1, Etype::Aes128Sha1)]).unwrap();
    let second = first.len();
    let both = [&first[..], &first[2..]].concat();
    for cut in second + 1..both.len() {
        assert_eq!(read(&both[..cut]).unwrap_err(), KeytabError::CutOff { entry: second }, "{cut} bytes");
    }
    let damaged = |at: usize, value: u8| {
        let mut file = both.clone();
        file[second + at] = value;
        read(&file).unwrap_err().to_string()
    };
    let text = |what| format!("the entry at byte {second} of the keytab is damaged: {what}; write the keytab anew");
    assert_eq!(damaged(4 + 1, 0), text("a name without components"));
    assert_eq!(damaged(4 + 1, 9), text("a field ends beyond it"));
    assert_eq!(damaged(4 + 4, 0xff), text("a name that is not UTF-8"));
    assert_eq!(
        read(b"\x05\x02\x80\x00\x00\x00").unwrap_err().to_string(),
        "the keytab is cut off: the entry at byte 2 is longer than the file; copy it again"
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |change: &dyn Fn(&mut Entry)| {
        let mut second = entry("bob", 1, Etype::Aes128Sha1);
        change(&mut second);
        write(&[entry("alice", 1, Etype::Aes128Sha1), second]).unwrap_err().to_string()
    };
    let text = |what, limit| format!("{what} of entry 2 does not fit into a keytab, which takes {limit}");
    assert_eq!(refused(&|e| e.realm = "R".repeat(65_536)), text("the realm", "65535 bytes"));
    assert_eq!(refused(&|e| e.components[0] = "c".repeat(65_536)), text("a component of the name", "65535 bytes"));
    assert_eq!(refused(&|e| e.components.clear()), text("a name without components", "one at least"));
    assert_eq!(refused(&|e| e.components = vec![String::new(); 65_536]), text("the name", "65535 components"));
    assert_eq!(refused(&|e| e.key = ClearKey::new(vec![0; 65_536])), text("the key", "65535 bytes"));
}

proptest! {
    #[test]
    fn entries_come_back(
        realm in ".{0,20}", components in prop::collection::vec(".{0,12}", 1..5), name_type: u32, timestamp: u32,
        version: u32, etype: u16, key in prop::collection::vec(any::<u8>(), 0..70), count in 0..4,
    ) {
        let key = || ClearKey::from_slice(&key);
        let entry = || {
            let (realm, components) = (realm.clone(), components.clone());
            Entry { realm, components, name_type, timestamp, version, etype, key: key() }
        };
        let entries: Vec<Entry> = (0..count).map(|_| entry()).collect();
        let again = read(&write(&entries).unwrap()).unwrap();
        prop_assert!(again.iter().map(parts).eq(entries.iter().map(parts)));
    }

    #[test]
    fn no_bytes_make_it_panic(mut file in prop::collection::vec(any::<u8>(), 0..200)) {
        let _outcome = read(&file);
        file.splice(0..0, [5, 2, 0, 0, 0, 60, 0, 1]);
        let _outcome = read(&file);
    }
}

/// What a command of MIT's prints; `input` goes to its standard input.
fn mit(command: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(command)
        .args(arguments)
        .env("KRB5_CONFIG", "/dev/null")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command}: {error}; install krb5-user"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command} {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn mit_lists_the_keys_written_here() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keytab");
    let entries: Vec<Entry> = Etype::ALL
        .into_iter()
        .flat_map(|etype| [entry("host/www.example.com", 3, etype), entry("alice", 70_000, etype)])
        .collect();
    std::fs::write(&path, &*write(&entries).unwrap()).unwrap();
    let listed = mit("klist", &["-k", "-K", "-e", "-t", path.to_str().unwrap()], "");
    let lines: Vec<&str> = listed.lines().filter(|line| line.contains('@')).collect();
    assert_eq!(lines.len(), entries.len(), "{listed}");
    for (line, entry) in lines.into_iter().zip(&entries) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let version = entry.version.to_string();
        let name = format!("{}@EXAMPLE.COM", entry.components.join("/"));
        let etype = format!("({})", entry.known_etype().unwrap());
        let key = format!("(0x{})", HEXLOWER.encode(entry.key.expose()));
        assert_eq!([words[0], words[3], words[4], words[5]], [&version, &name, &etype, &key], "{line}");
        assert!(line.contains("11/14/25 09:00:00") || line.contains("2025-11-14"), "{line}");
    }
}

/// The same password by MIT's string-to-key: `ktutil` makes the key itself.
#[test]
fn the_keys_mit_wrote_are_read_and_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keytab");
    let add = |entry: &Entry| {
        let name = entry.components.join("/");
        format!(
            "addent -password -p {name}@EXAMPLE.COM -k {} -e {}\nswordfish\n",
            entry.version,
            entry.known_etype().unwrap()
        )
    };
    let entries: Vec<Entry> = Etype::ALL
        .into_iter()
        .flat_map(|etype| [entry("host/www.example.com", 7, etype), entry("alice", 258, etype)])
        .collect();
    let input: String = entries.iter().map(add).collect();
    mit("ktutil", &[], &format!("{input}wkt {}\nquit\n", path.display()));
    let written = read(&std::fs::read(Path::new(&path)).unwrap()).unwrap();
    let no_time = |entry: &Entry| {
        let (realm, components, name_type, _, version, etype, key) = parts(entry);
        (realm.to_owned(), components.to_vec(), name_type, version, etype, key.to_vec())
    };
    assert_eq!(written.iter().map(no_time).collect::<Vec<_>>(), entries.iter().map(no_time).collect::<Vec<_>>());
}

#[test]
fn an_entry_does_not_print_its_key() {
    let entry = entry("alice", 2, Etype::Aes128Sha1);
    assert_eq!(format!("{entry:?}"), "Entry(alice@EXAMPLE.COM version 2 etype 17)");
}
