//! Records that somebody has changed: they are shown, and never used.

use rusqlite::Connection;

use crate::support::Place;

/// Changes a byte in the record of `label`, past the services.
fn damage(place: &Place, label: &str) {
    let store = Connection::open(place.join("prd1/ckds.db")).unwrap();
    let read = "SELECT key, record FROM disk ORDER BY key";
    let rows: Vec<(Vec<u8>, Vec<u8>)> = store
        .prepare(read)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    // Keys of rows begin with the label, in EBCDIC.
    let (key, mut record) = rows.into_iter().find(|(key, _)| key.starts_with(&ebcdic(label))).unwrap();
    record[30] ^= 1;
    store.execute("UPDATE disk SET record = ?1 WHERE key = ?2", (record, key)).unwrap();
}

fn ebcdic(label: &str) -> Vec<u8> {
    let letter = |c: u8| match c {
        b'A'..=b'I' => 0xc1 + (c - b'A'),
        b'J'..=b'R' => 0xd1 + (c - b'J'),
        b'S'..=b'Z' => 0xe2 + (c - b'S'),
        b'0'..=b'9' => 0xf0 + (c - b'0'),
        _ => 0x4b,
    };
    label.bytes().map(letter).collect()
}

#[test]
fn a_damaged_record_is_shown_everywhere_and_used_nowhere() {
    let place = Place::with_system();
    damage(&place, "PTKT.TSOPRD1.DES");

    let listed = place.prd1(&["ckds", "list"]).ok().stdout;
    assert!(listed.contains("PTKT.TSOPRD1.DES  DATA  -         DAMAGED: its checksum does not fit"), "{listed}");
    let shown = place.prd1(&["ckds", "show", "PTKT.TSOPRD1.DES"]).ok().stdout;
    assert!(shown.contains("damaged      its checksum does not fit"), "{shown}");
    let status = place.prd1(&["status"]).ok().stdout;
    assert!(status.contains("damaged: PTKT.TSOPRD1.DES DATA: its checksum"), "{status}");
    assert!(status.contains("TSOPRD1   no, SAF 8/16/28: CSNBENC 8/12: "), "{status}");
    assert!(status.contains("CICSP1    yes"), "the others go on: {status}");

    let ran = place.prd1(&["ptkt", "generate", "--user", "IBMUSER", "--appl", "TSOPRD1"]);
    assert_eq!(ran.status, 8);
    assert!(ran.stderr.contains("restore the record from a copy of the CKDS"), "{ran:?}");

    let verified = place.prd1(&["ckds", "verify"]);
    assert_eq!(verified.status, 8);
    assert!(verified.stdout.ends_with("records good: 1, not usable: 1\n"), "{verified:?}");
    let verified = place.prd1(&["ckds", "verify", "--json"]).json();
    assert_eq!(verified["bad"][0]["name"], "PTKT.TSOPRD1.DES DATA");

    // A change of the master key does not lose it silently.
    place.prd1(&["mk", "generate", "--kind", "des"]).ok();
    let refused = place.prd1(&["mk", "change", "--kind", "des"]);
    assert_eq!(refused.status, 8);
    assert!(refused.stderr.contains("next:  restore or delete: PTKT.TSOPRD1.DES DATA"), "{refused:?}");
    place.prd1(&["ckds", "delete", "PTKT.TSOPRD1.DES"]).ok();
    place.prd1(&["mk", "change", "--kind", "des"]).ok();
}

#[test]
fn a_damaged_system_is_not_opened() {
    let place = Place::with_system();
    for (file, text) in [("softicsf.toml", "format = 9"), ("racf.db", "x"), ("ckds.db", "x")] {
        let path = place.join("prd1").join(file);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        let ran = place.prd1(&["status"]);
        assert_eq!(ran.status, 12, "{file}: {ran:?}");
        assert!(ran.stderr.starts_with("softicsf: status: ") && ran.stderr.contains(file), "{ran:?}");
        std::fs::write(&path, before).unwrap();
        place.prd1(&["status"]).ok();
    }
}
