//! The fault matrix: every cell is a sign-on that was tried, and came as the table says.
//!
//! The drill `everything` does each of the twenty faults to the real parts, and expects something of every way to keep a
//! key. Here the table of what is expected stands once more, by itself, and is held against what the drill says; and then
//! the drill is run, in software and on tokens.

use std::collections::BTreeMap;

use icsf_drill::CardKind;
use icsf_drill::fault::FAULTS;
use icsf_drill::gallery::GALLERY;
use toml::{Table, Value};

use crate::support::ran_on;

/// The columns: masked, legacy in the CKDS, enhanced wrapped, enhanced clear, masked and enhanced.
const COLUMNS: [&str; 5] = ["MASKED", "CKDS", "SECURE", "CLEAR", "BOTH"];

/// What callers see in a cell, and what ICSF answered; nothing where tickets work.
type Cell = Option<(&'static str, Option<&'static str>)>;

const WORKS: Cell = None;
const GONE: Cell = Some(("8/16/28", Some("0C/0000")));
const FOREIGN: Cell = Some(("8/16/28", Some("08/2714")));
const MISSING: Cell = Some(("8/16/28", Some("08/271C")));
const SERVICE: Cell = Some(("8/16/28", Some("08/3E80")));
const LABEL: Cell = Some(("8/16/28", Some("08/3E84")));
const NO_PROFILE: Cell = Some(("8/16/28", None));
const INACTIVE: Cell = Some(("8/8/16", None));
const REFUSED: Cell = Some(("8/16/32", None));
const REVOKED: Cell = Some(("8/8/28", None));
/// SAF was not asked.
const DIRTY: Cell = Some(("", None));

/// The table: the steps of a fault, and its row.
const TABLE: [(&str, &str, [Cell; 5]); 22] = [
    ("no-card", "no-card", [WORKS, GONE, GONE, WORKS, GONE]),
    ("icsf-stopped", "icsf-stopped", [WORKS, GONE, GONE, GONE, GONE]),
    ("wrong-master-key", "wrong-master-key", [WORKS, GONE, GONE, WORKS, GONE]),
    ("wrong-master-key", "foreign-record", [WORKS, FOREIGN, FOREIGN, WORKS, FOREIGN]),
    ("zeroised", "zeroised", [WORKS, GONE, GONE, WORKS, GONE]),
    ("smfid", "smfid", [NO_PROFILE; 5]),
    ("class-inactive", "class-inactive", [INACTIVE; 5]),
    ("stale-raclist", "stale-raclist", [REFUSED; 5]),
    ("ckds-empty", "ckds-empty", [WORKS, MISSING, MISSING, MISSING, MISSING]),
    ("ckds-older", "ckds-older", [WORKS, MISSING, MISSING, MISSING, MISSING]),
    ("ckds-fixed", "ckds-fixed", [WORKS, WORKS, MISSING, MISSING, MISSING]),
    ("clock-large", "clock-large", [REFUSED; 5]),
    ("clock-small", "clock-small", [WORKS, WORKS, REFUSED, REFUSED, REFUSED]),
    ("replay", "replay", [REFUSED; 5]),
    ("different-keys", "different-keys", [REFUSED; 5]),
    ("csf-refused", "csf-refused", [WORKS, SERVICE, SERVICE, SERVICE, SERVICE]),
    ("csf-refused", "label-refused", [WORKS, LABEL, LABEL, LABEL, LABEL]),
    ("retry-storm", "retry-storm-revoked", [REVOKED; 5]),
    ("dirty-environment", "dirty-environment", [WORKS, DIRTY, DIRTY, DIRTY, DIRTY]),
    ("kerberos-down", "kerberos-down", [WORKS; 5]),
    ("key-token", "key-token", [WORKS, FOREIGN, WORKS, WORKS, WORKS]),
    ("label-missing", "label-missing", [WORKS, MISSING, MISSING, MISSING, MISSING]),
];

/// Steps that look at something else than the cells of their fault.
const ASIDE: [&str; 6] = ["-mended", "-first", "-again", "-others", "-alone", "-elsewhere"];

fn everything() -> &'static str {
    GALLERY.iter().find(|drill| drill.name == "everything").unwrap().text
}

/// What the drill expects of each session in the steps of a fault.
fn cells(steps: &str) -> BTreeMap<String, (String, String, Option<String>)> {
    let file: Table = everything().parse().unwrap();
    let mut cells = BTreeMap::new();
    let names: Vec<&str> = TABLE.iter().map(|(_, steps, _)| *steps).collect();
    for step in file["step"].as_array().unwrap() {
        let id = step["id"].as_str().unwrap();
        // The longest name that fits, for some begin like others.
        let of = names.iter().filter(|name| id.starts_with(**name)).max_by_key(|name| name.len());
        if of != Some(&steps) || step["do"].as_str() != Some("logon") || ASIDE.iter().any(|aside| id.ends_with(aside)) {
            continue;
        }
        let text = |key: &str| step["expect"].get(key).and_then(Value::as_str).map(str::to_owned);
        for session in step["with"]["sessions"].as_array().unwrap() {
            let column = session.as_str().unwrap().split('/').nth(1).unwrap().to_owned();
            let cell = (text("outcome").unwrap(), text("saf").unwrap_or_default(), text("icsf"));
            assert!(cells.insert(column.clone(), cell).is_none(), "{id}: {column} is there twice");
        }
    }
    cells
}

#[test]
fn every_fault_has_a_row_and_every_cell_of_it_is_tried() {
    let rows: Vec<&str> = TABLE.iter().map(|(fault, ..)| *fault).collect();
    for fault in FAULTS {
        assert!(rows.contains(&fault.name), "{} is in no row", fault.name);
    }
    let mut tried = 0;
    for (fault, steps, row) in TABLE {
        assert!(FAULTS.iter().any(|known| known.name == fault), "{fault}");
        let cells = cells(steps);
        for (column, cell) in COLUMNS.iter().zip(row) {
            let expected = match cell {
                None => ("ok".to_owned(), String::new(), None),
                Some((saf, icsf)) => ("fail".to_owned(), saf.to_owned(), icsf.map(str::to_owned)),
            };
            assert_eq!(cells.get(*column), Some(&expected), "{steps}: {column}");
            tried += 1;
        }
    }
    assert_eq!(tried, 110);
}

#[test]
fn it_comes_as_the_table_says_in_software() {
    let (run, text) = ran_on(CardKind::Software, everything());
    assert_eq!(run.exit_status(), 0, "{text}");
}

#[test]
fn it_comes_as_the_table_says_on_tokens() {
    let (run, text) = ran_on(CardKind::Pkcs11, everything());
    assert_eq!(run.exit_status(), 0, "{text}");
}

/// Each page says of every way to keep a key what becomes of it, and shows the action.
#[test]
fn every_fault_has_its_page() {
    assert_eq!(FAULTS.len(), 20);
    for fault in FAULTS {
        let rows = fault.page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| key")).count();
        assert_eq!(rows, COLUMNS.len(), "{}", fault.name);
        assert!(fault.page.contains(&format!("\"{}\"", fault.action)), "{}: {}", fault.name, fault.action);
        assert!(icsf_drill::fault::Fault::named(&format!("fault:{}", fault.name)) == Some(fault));
        for line in fault.page.lines().filter(|line| !line.starts_with('|')) {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }
}

/// The page shows two steps: what zeroises the card, and what mends it. Both are what `check` takes, and do that.
#[test]
fn the_page_of_a_zeroised_card_mends_it() {
    let page = icsf_drill::fault::Fault::named("zeroised").unwrap().page;
    let mut steps: Vec<String> = vec![String::new()];
    for line in page.lines() {
        match line.strip_prefix("    ") {
            Some(line) => *steps.last_mut().unwrap() += &format!("{line}\n"),
            None if steps.last().is_some_and(|step| !step.is_empty()) => steps.push(String::new()),
            None => {}
        }
    }
    let mut text = String::new();
    for (n, step) in steps.iter().filter(|step| !step.is_empty()).enumerate() {
        let outcome = ["fail", "ok"][n];
        text += &format!(
            "\n[[step]]\nid = \"page-{n}\"\nat = \"+{n}m\"\n{step}\n[[step]]\nid = \"try-{n}\"\nat = \"+{n}m30s\"\n\
             site = \"A\"\ndo = \"logon\"\nwith = {{ users = [\"U1\"], sessions = [\"TSO\"] }}\n\
             expect = {{ outcome = \"{outcome}\" }}\n"
        );
    }
    let text = crate::support::with_steps(&text.replace("\"B\"", "\"A\""));
    let (run, text) = ran_on(CardKind::Software, &text);
    assert_eq!(run.exit_status(), 0, "{text}");
    assert!(text.contains("page-1"), "{text}");
}
