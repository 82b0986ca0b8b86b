//! The tree of a drill file: TOML, or JSON of the same shape for machines.
//!
//! A file that begins with a brace is JSON; no TOML does. What JSON has no type for, the instant of `drill.clock`, is a
//! string there. Every value knows its place in the text either way, so that mistakes are shown where they stand.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::spelling::Wrong;

/// JSON as RFC 8259 has it, and nothing besides.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
};

/// Whether a drill file is JSON.
pub(crate) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Reads the tree of a file, or why it has none.
pub(crate) fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Wrong> {
    if !is_json(text) {
        return DeTable::parse(text).map_err(|error| Wrong {
            what: error.message().to_owned(),
            at: error.span(),
            hint: None,
        });
    }
    let wrong = |what: String, at: &dyn Ranged| Wrong { what, at: Some(at.start()..at.end()), hint: None };
    let tree = parse_to_ast(text, &CollectOptions::default(), &STRICT)
        .map_err(|error| wrong(format!("this is no JSON: {}", error.kind()), &error.range()))?;
    let Some(tree @ Value::Object(_)) = tree.value else {
        return Err(Wrong { what: "this is no JSON object".to_owned(), at: None, hint: None });
    };
    let at = tree.start()..tree.end();
    match value(tree, &[])?.into_inner() {
        DeValue::Table(table) => Ok(Spanned::new(at, table)),
        _ => Err(Wrong { what: "this is no JSON object".to_owned(), at: Some(at), hint: None }),
    }
}

/// A value of JSON; `path` has the names of those it is in.
fn value<'a>(from: Value<'a>, path: &[&str]) -> Result<Spanned<DeValue<'a>>, Wrong> {
    let at = from.start()..from.end();
    let wrong = |what: String| Err(Wrong { what, at: Some(at.clone()), hint: None });
    let value = match from {
        Value::StringLit(text) => match text.value.parse() {
            Ok(instant) if path == ["drill", "clock"] => DeValue::Datetime(instant),
            _ => DeValue::String(text.value),
        },
        Value::NumberLit(number) => match DeValue::parse(number.value) {
            Ok(number) => number.into_inner(),
            Err(error) => return wrong(format!("{} is no number: {}", number.value, error.message())),
        },
        Value::BooleanLit(flag) => DeValue::Boolean(flag.value),
        Value::NullKeyword(_) => return wrong("null stands for nothing here: leave the name out".to_owned()),
        Value::Array(array) => {
            let mut values = DeArray::new();
            for element in array.elements {
                values.push(value(element, path)?);
            }
            DeValue::Array(values)
        }
        Value::Object(object) => {
            let mut table = DeTable::new();
            for property in object.properties {
                let (name, place) = (property.name.as_str().to_owned(), property.name.start()..property.name.end());
                let inner = [path, &[name.as_str()]].concat();
                let value = value(property.value, &inner)?;
                if table.insert(Spanned::new(place.clone(), name.clone().into()), value).is_some() {
                    let what = format!("{name} is here twice");
                    return Err(Wrong { what, at: Some(place), hint: None });
                }
            }
            DeValue::Table(table)
        }
    };
    Ok(Spanned::new(at, value))
}
