//! The public types that may hold a secret, read from the sources: those whose definitions name a type that holds one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Where secrets are, and what stands before an engine or a store that has them.
const ROOTS: [&str; 10] = [
    "ClearKey",
    "SecretString",
    "SecretSlice",
    "Zeroizing",
    "Backend",
    "KeyHandle",
    "RowStore",
    "Ticket",
    "DesKey",
    "HmacKey",
];

#[derive(Default)]
struct Definition {
    public: bool,
    words: BTreeSet<String>,
}

/// The words of Rust text: names, keywords and numbers.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Notes what a file defines. Definitions of one name in several places are one: rather too many types than too few.
fn note(source: &str, types: &mut BTreeMap<String, Definition>) {
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).map(|l| format!("{l}\n")).collect();
    let code = code.split("#[cfg(test)]\nmod").next().unwrap();
    for (at, _) in code.match_indices("struct ").chain(code.match_indices("enum ")) {
        let before = code[..at].lines().last().unwrap_or_default().trim();
        if !(before.is_empty() || before.starts_with("pub")) || !(at == 0 || code[..at].ends_with(['\n', ' '])) {
            continue;
        }
        let rest = code[at..].split_once(' ').unwrap().1;
        let mut depth = 0_usize;
        let end = rest.char_indices().find(|(_, c)| {
            match c {
                '{' | '(' => depth += 1,
                '}' | ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && matches!(c, '}' | ';')
        });
        let rest = &rest[..end.map_or(rest.len(), |(at, _)| at)];
        let mut all = words(rest).map(str::to_owned);
        let Some(name) = all.next() else { continue };
        let definition = types.entry(name).or_default();
        definition.public |= before == "pub";
        definition.words.extend(all);
    }
}

fn read(directory: &Path, types: &mut BTreeMap<String, Definition>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, types);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            note(&fs::read_to_string(&path).unwrap(), types);
        }
    }
}

/// The names of all public types of these crates that may hold a secret.
pub(crate) fn with_secrets(crates: &[&str]) -> BTreeSet<String> {
    let mut types = BTreeMap::new();
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in crates {
        read(&house.join(name).join("src"), &mut types);
    }
    let mut holding: BTreeSet<String> = ROOTS.iter().map(|root| (*root).to_owned()).collect();
    loop {
        let more: Vec<String> = types
            .iter()
            .filter(|(name, definition)| !holding.contains(*name) && !definition.words.is_disjoint(&holding))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        holding.extend(more);
    }
    holding.retain(|name| types.get(name).is_some_and(|definition| definition.public));
    holding
}
