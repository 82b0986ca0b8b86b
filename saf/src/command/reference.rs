//! The table of commands as a page.

use super::table::Takes::{Keywords, Maybe, Nothing, One, Secret, Several};
use super::table::{List, all, verbs};

/// The table as a page of Markdown: `docs/commands.md`.
#[must_use]
pub fn reference() -> String {
    fn rows(out: &mut String, list: List, inside: &str) {
        for keyword in all(list) {
            let (takes, note) = match keyword.takes() {
                Nothing => (String::new(), ""),
                One(what) => (format!("({what})"), ""),
                Maybe(what) => (format!("({what})"), "; also without value"),
                Several(what) => (format!("({what} ...)"), ""),
                Secret(what) => (format!("({what})"), "; shown nowhere, `@secret:NAME` and `@file:PATH` name it"),
                Keywords(_) => ("(...)".to_owned(), ""),
            };
            out.push_str(&format!("| `{inside}{}{takes}` | {}{note} |\n", keyword.name(), keyword.what()));
            rows(out, keyword.list(), &format!("{inside}{} ", keyword.name()));
        }
    }
    let mut out = String::new();
    for verb in verbs() {
        let names: Vec<&str> =
            verb.names.iter().map(|name| name.split_once(' ').map_or(*name, |(_, rest)| rest)).collect();
        let names = match (names.is_empty(), verb.optional) {
            (true, _) => String::new(),
            (false, true) => format!(" [{}]", names.join(" ")),
            (false, false) => format!(" {}", names.join(" ")),
        };
        out.push_str(&format!("\n## {} ({}){names}\n\n{}.\n", verb.name(), verb.short_name(), capital(verb.what())));
        if !verb.list().is_empty() {
            out.push_str("\n| operand | what it does |\n|---|---|\n");
            rows(&mut out, verb.list(), "");
        }
    }
    out
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}
