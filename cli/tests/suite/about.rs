//! What the program tells of itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use crate::support::Place;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn facts() -> Vec<Value> {
    let answer = Place::new().run(&["about", "fidelity", "--json"]).ok().json();
    answer["facts"].as_array().unwrap().clone()
}

#[test]
fn each_assumption_has_an_id_of_its_own() {
    let form = Regex::new(r"^SIC\d{4}$").unwrap();
    let mut seen = BTreeSet::new();
    for fact in facts() {
        let Some(id) = fact["id"].as_str() else { continue };
        assert!(form.is_match(id), "{fact}");
        assert!(seen.insert(id.to_owned()), "{id} is used twice: {fact}");
    }
    assert!(seen.len() > 20, "{seen:?}");
}

/// Every crate adds its own.
#[test]
fn the_facts_of_every_crate_are_there() {
    let topics: BTreeSet<String> = facts().iter().map(|fact| fact["topic"].as_str().unwrap().to_owned()).collect();
    for topic in ["MKVP", "RLIST", "ICH10006I", "CSFM668I", "TPX", "ICSF 8/12", "PassTickets: window boundary"] {
        assert!(topics.contains(topic), "{topic}: {topics:?}");
    }
}

#[test]
fn facts_are_grouped_by_where_they_come_from() {
    let page = Place::new().run(&["about", "fidelity"]).ok().stdout;
    let places = ["DOCUMENTED (", "OBSERVED (", "REPORTED (", "ASSUMED ("].map(|word| page.find(word).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    for fact in facts() {
        assert!(["documented", "observed", "reported", "assumed"].contains(&fact["provenance"].as_str().unwrap()));
        assert!(!fact["source"].as_str().unwrap().is_empty() && !fact["what"].as_str().unwrap().is_empty(), "{fact}");
    }
}

#[test]
fn the_page_of_codes_is_what_the_program_prints() {
    let printed = Place::new().run(&["about", "codes", "--markdown"]).ok().stdout;
    let page = fs::read_to_string(root().join("docs/codes.md")).unwrap();
    assert!(page == printed, "docs/codes.md is old: softicsf about codes --markdown > docs/codes.md");
}

#[test]
fn one_pair_of_codes_shows_all_it_stands_for() {
    let place = Place::new();
    let rows = |codes: &str| place.run(&["about", "codes", codes, "--json"]).ok().json();
    assert_eq!(rows("12/0")["icsf"].as_array().unwrap().len(), 4);
    assert_eq!(rows("0C/0000"), rows("12/0"));
    assert_eq!(rows("08/271C")["icsf"][0]["name"], "LabelNotFound");
    assert_eq!(rows("8/16/28")["saf"].as_array().unwrap().len(), 3);
    let page = place.run(&["about", "codes", "8/2154"]).ok().stdout;
    assert!(page.contains("assumed SIC0002"), "{page}");
    assert!(page.lines().all(|line| line.len() <= 80), "{page}");
}

#[test]
fn each_engine_is_tried() {
    let answer = Place::new().run(&["about", "backends", "--json"]).ok().json();
    let engines = answer["backends"].as_array().unwrap();
    let software = engines.iter().find(|engine| engine["name"] == "software").unwrap();
    assert_eq!((&software["cases"]["failed"], &software["cases"]["skipped"]), (&0.into(), &0.into()));
    assert!(software["cases"]["passed"].as_u64().unwrap() > 40);
    let none = engines.iter().find(|engine| engine["name"] == "none").unwrap();
    assert_eq!(none["capabilities"]["des"], false);
    let page = Place::new().run(&["about", "backends"]).ok().stdout;
    assert!(page.contains("cases passed, 0 skipped, 0 failed"), "{page}");
}

#[test]
fn every_package_that_is_linked_has_its_licence_told() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "-p", "softicsf-cli", "-e", "normal,no-proc-macro"])
        .args(["--prefix", "none", "-f", "{p}|{l}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let answer = Place::new().run(&["about", "licences", "--json"]).ok().json();
    let told: BTreeSet<(String, String, String)> = answer["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let field = |name: &str| package[name].as_str().unwrap().to_owned();
            (field("name"), field("version"), field("licence"))
        })
        .collect();
    let mut linked = BTreeSet::new();
    // Ours are told by where they lie.
    for line in String::from_utf8(tree.stdout).unwrap().lines().filter(|line| !line.contains("(/") && !line.is_empty())
    {
        let (package, licence) = line.split_once('|').unwrap();
        let (name, version) = package.split_once(" v").unwrap();
        linked.insert((name.to_owned(), version.to_owned(), licence.trim_end_matches(" (*)").to_owned()));
    }
    assert!(linked.len() > 50, "{linked:?}");
    let missing: Vec<_> = linked.difference(&told).collect();
    assert!(missing.is_empty(), "cli/licences.txt is old, run cli/licences.py: {missing:?}");
    assert!(Place::new().run(&["about", "licences"]).ok().stdout.contains("Apache License"));
}
