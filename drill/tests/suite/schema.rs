//! The JSON Schema of drill files: current, true of every drill there is, and as strict as the reader.

use std::fs;
use std::path::Path;

use icsf_drill::gallery::GALLERY;
use icsf_drill::{Drill, Error, schema};
use jsonschema::Validator;
use serde_json::Value;

use crate::support::SMALL;

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

/// `SOFTICSF_SCHEMA=write` writes it.
#[test]
fn the_schema_in_the_docs_is_the_schema_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/drill.schema.json");
    let is = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("SOFTICSF_SCHEMA").is_some() {
        fs::write(&path, &is).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), is, "SOFTICSF_SCHEMA=write writes it anew");
}

#[test]
fn every_drill_of_the_gallery_fits() {
    let validator = validator();
    for (name, text) in GALLERY.iter().map(|drill| (drill.name, drill.text)).chain([("small", SMALL)]) {
        let drill = json(text);
        let wrong: Vec<String> =
            validator.iter_errors(&drill).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

/// What the reader refuses for its form, the schema refuses.
#[test]
fn what_has_not_the_form_of_a_drill_does_not_fit() {
    let validator = validator();
    for (was, is) in [
        ("format = 1", "format = 2"),
        ("role   = \"recovery\"", "rol = \"recovery\""),
        ("kind = \"none\"", "kind = \"nonne\""),
        ("smfid  = \"PRD1\"", "smfid  = \"PRD1X\""),
        ("do     = \"logon\"", "do     = \"login\""),
        ("sessions = \"all\" }", "sesions = \"all\" }"),
        ("sessions = \"all\" }", "sessions = 1 }"),
        ("outcome = \"ok\"", "outcome = \"good\""),
        ("outcome = \"ok\"", "same = \"X\""),
        ("access  = \"UPDATE\"", "acess  = \"UPDATE\""),
        ("generate = \"des\"", "generate = \"aes\""),
        ("classact = [\"PTKTDATA\"]", "classact = \"PTKTDATA\""),
    ] {
        let text = SMALL.replacen(was, is, 1);
        assert_ne!(text, SMALL, "{was}");
        assert!(!validator.is_valid(&json(&text)), "{is}");
        let read =
            Drill::read("test.toml", &text).map_err(drop).and_then(|drill| icsf_drill::check(&drill).map_err(drop));
        assert!(read.is_err(), "{is}");
    }
}

/// The keys the reader knows are those of the schema, table by table: the reader says which it knows when it meets another.
#[test]
fn the_schema_has_the_keys_the_reader_has() {
    let schema = schema();
    let tables = [
        ("", "/properties"),
        ("[drill]", "/properties/drill/properties"),
        ("[inputs]", "/properties/inputs/properties"),
        ("[[site]]", "/properties/site/items/properties"),
        ("[racf]", "/properties/racf/properties"),
        ("[[key]]", "/properties/key/items/properties"),
        ("[[profile]]", "/properties/profile/items/properties"),
        ("[[permit]]", "/properties/permit/items/properties"),
        ("[[user]]", "/properties/user/items/properties"),
        ("[[consumer]]", "/properties/consumer/items/properties"),
        ("[[step]]", "/properties/step/items/properties"),
    ];
    for (heading, pointer) in tables {
        let text = format!("{heading}\nxyzzyxyzzy = 1\n");
        let Err(Error::File(mistakes)) = Drill::read("test.toml", &text) else { panic!("{heading} was read") };
        let what = mistakes.iter().map(icsf_drill::Mistake::what).find(|what| what.contains("xyzzyxyzzy")).unwrap();
        let mut known: Vec<&str> = what.split_once(", expected ").unwrap().1.split('`').skip(1).step_by(2).collect();
        let mut has: Vec<&str> =
            schema.pointer(pointer).unwrap().as_object().unwrap().keys().map(String::as_str).collect();
        known.sort_unstable();
        has.sort_unstable();
        assert_eq!(has, known, "{heading}");
    }
}
