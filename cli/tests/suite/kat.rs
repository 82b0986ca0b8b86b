//! Known-answer files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Place, Ran};

fn vectors(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("ptkt/vectors").join(name)
}

fn legacy() -> String {
    vectors("passticket-legacy.json").to_str().unwrap().to_owned()
}

fn enhanced() -> String {
    vectors("passticket-enhanced.json").to_str().unwrap().to_owned()
}

fn last(ran: &Ran) -> &str {
    ran.stdout.lines().last().unwrap()
}

#[cfg(feature = "enhanced")]
#[test]
fn all_cases_pass_through_the_algorithms_and_through_an_engine() {
    let place = Place::new();
    let (legacy, enhanced) = (legacy(), enhanced());
    let ran = place.run(&["kat", &legacy, &enhanced]).ok();
    assert_eq!(last(&ran), "734 passed, 0 failed");
    let ran = place.run(&["kat", &legacy, &enhanced, "--backend", "software"]).ok();
    assert_eq!(last(&ran), "734 passed, 0 failed");
}

#[cfg(not(feature = "enhanced"))]
#[test]
fn what_this_build_cannot_do_is_skipped_and_is_no_success() {
    let ran = Place::new().run(&["kat", &legacy(), &enhanced()]);
    assert_eq!((ran.status, last(&ran)), (1, "374 passed, 0 failed, 360 skipped"));
    assert!(ran.stderr.contains("built without enhanced"), "{ran:?}");
    assert_eq!(last(&Place::new().run(&["kat", &legacy()]).ok()), "374 passed, 0 failed");
}

/// Each case with one of its answers changed fails, and is told by its id; so nothing passes without being looked at.
#[test]
fn a_wrong_answer_is_told_by_its_id() {
    let place = Place::new();
    let file = |case: &str| {
        let path = place.join("cases.json");
        fs::write(&path, format!(r#"{{"algorithm": "legacy", "cases": [{case}]}}"#)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let names = r#""user": "IBMUSER", "appl": "TSOR001", "key": "E001193519561977""#;
    let cases = [
        r#"{"id": "X", "op": "translate", "result5": "07247F79", "ticket": "QHOAH1TW"}"#.to_owned(),
        format!(r#"{{"id": "X", "op": "generate", {names}, "time": 1700000000, "ticket": "AAAAAAAA", "decodes_to": 1}}"#),
        format!(r#"{{"id": "X", "op": "evaluate", {names}, "now": 1, "ticket": "AAAAAAAA", "accept": true, "delta": 0}}"#),
        format!(r#"{{"id": "X", "op": "evaluate", {names}, "now": 1, "ticket": "A", "accept": true, "delta": null}}"#),
        format!(r#"{{"id": "X", "op": "generate-error", "cat": "time-big", {names}, "time": 1700000000}}"#),
        r#"{"id": "X", "op": "generate-error", "cat": "key-short", "user": "TOOLONGUSER", "appl": "A", "key": "E001193519561977", "time": 1}"#.to_owned(),
        r#"{"id": "X", "op": "generate", "user": "IBMUSER", "appl": "TSOR001", "key": "E0", "time": 1, "ticket": "A"}"#.to_owned(),
    ];
    for case in cases {
        for backend in [vec![], vec!["--backend", "software"]] {
            let path = file(&case);
            let ran = place.run(&[&["kat", path.as_str()], backend.as_slice()].concat());
            assert_eq!((ran.status, last(&ran)), (1, "0 passed, 1 failed"), "{case}: {ran:?}");
            assert!(ran.stdout.starts_with("FAILED X: "), "{ran:?}");
        }
    }
}

#[test]
fn a_file_that_is_none_is_an_error_of_its_own() {
    let place = Place::new();
    for text in [
        "",
        "{}",
        r#"{"algorithm": "des", "cases": []}"#,
        r#"{"algorithm": "legacy", "cases": [{"id": "X", "op": "make"}]}"#,
    ] {
        fs::write(place.join("cases.json"), text).unwrap();
        let ran = place.run(&["kat", "cases.json"]);
        assert_eq!(ran.status, 2, "{text}: {ran:?}");
        assert!(ran.stdout.is_empty() && ran.stderr.contains("no known-answer file"), "{ran:?}");
    }
    assert_eq!(place.run(&["kat", "cases.json", "nowhere.json"]).status, 2);
}
