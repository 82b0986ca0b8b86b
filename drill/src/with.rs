//! What the actions of steps need: one table each, read with the places of what it says.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use toml::Spanned;
use toml::de::DeValue;

use crate::error::Source;
use crate::file::{EngineKind, Offset};
use crate::plan::TypedBy;
use crate::tree;

mod changes;
mod kerberos;

pub(crate) use changes::{
    ClassWith, ConsumerWith, EvaluateWith, FormatWith, GenerateWith, KeyTokenWith, LabelsWith, ProfileWith, RacfWith,
    RestoreWith, SkewWith, SmfidWith, StaleWith, StormWith,
};

pub(crate) use kerberos::{InitWith, TicketWith};

/// A list of names with something in it: an empty one would make an expectation hold whatever comes.
pub(crate) type Names = Vec<Spanned<String>>;

/// Sessions by name, or `all`.
pub(crate) enum Sessions {
    Word(String),
    List(Names),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogonWith {
    #[serde(deserialize_with = "names")]
    pub(crate) users: Names,
    pub(crate) sessions: Spanned<Sessions>,
    pub(crate) credential: Option<TypedBy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailoverWith {
    pub(crate) from: Spanned<String>,
    pub(crate) to: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachWith {
    /// The card that was pulled, where it is left out.
    pub(crate) kind: Option<EngineKind>,
    /// What it is called.
    pub(crate) token: Option<Spanned<String>>,
    pub(crate) master_key: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlapWith {
    pub(crate) count: Spanned<u32>,
    pub(crate) every: Option<Spanned<Offset>>,
    #[serde(deserialize_with = "names")]
    pub(crate) users: Names,
    pub(crate) sessions: Spanned<Sessions>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisplayWith {
    pub(crate) command: Spanned<String>,
    #[serde(deserialize_with = "names")]
    pub(crate) sites: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsumerSetWith {
    pub(crate) consumer: Spanned<String>,
    pub(crate) generate_passticket: bool,
}

/// Whether a display is of RACF, and not of the console.
pub(crate) fn is_racf(command: &str) -> bool {
    command.split_whitespace().next().is_some_and(|verb| verb.to_ascii_uppercase().starts_with("RL"))
}

/// The consumer an operator command is for, and the command: `F RSED,APPL=IVP PASSTICKET,U1`.
pub(crate) fn modified(command: &str) -> Option<(&str, &str)> {
    let (verb, rest) = command.trim().split_once(char::is_whitespace)?;
    let is_modify = ["F", "MODIFY"].iter().any(|known| verb.eq_ignore_ascii_case(known));
    rest.trim().split_once(',').filter(|_| is_modify)
}

/// The table of each step, where it has one.
pub(crate) fn tables<'a>(source: &Source<'a>) -> Vec<Option<Spanned<DeValue<'a>>>> {
    let Ok(file) = tree::parse(source.text) else { return Vec::new() };
    let steps = file.get_ref().get("step").and_then(|steps| steps.get_ref().as_array());
    let of = |step: &Spanned<DeValue<'a>>| step.get_ref().get("with").cloned();
    steps.map(|steps| steps.iter().map(of).collect()).unwrap_or_default()
}

/// Where there are texts with control characters.
pub(crate) fn controls(source: &Source<'_>) -> Vec<Range<usize>> {
    fn look(value: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
        match value.get_ref() {
            DeValue::String(text) if text.chars().any(char::is_control) => found.push(value.span()),
            DeValue::Array(values) => values.iter().for_each(|value| look(value, found)),
            DeValue::Table(table) => table.values().for_each(|value| look(value, found)),
            _ => {}
        }
    }

    let mut found = Vec::new();
    if let Ok(file) = tree::parse(source.text) {
        file.get_ref().values().for_each(|value| look(value, &mut found));
    }
    found
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
    let names = Names::deserialize(deserializer)?;
    if names.is_empty() { Err(de::Error::custom("there is nothing in this list")) } else { Ok(names) }
}

impl<'de> Deserialize<'de> for Sessions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Sessions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sessions, or \"all\"")
            }

            fn visit_str<E>(self, word: &str) -> Result<Sessions, E> {
                Ok(Sessions::Word(word.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Sessions, A::Error> {
                names(de::value::SeqAccessDeserializer::new(list)).map(Sessions::List)
            }
        }

        deserializer.deserialize_any(Either)
    }
}
