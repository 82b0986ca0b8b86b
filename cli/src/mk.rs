//! `mk`: the ceremony of the master keys.

use std::io::{self, IsTerminal};

use clap::{Args, Subcommand, ValueEnum};
use icsf_core::backend::{MASTER_KEY_LENGTH, MasterKeys, NewRegister, Part, Registers};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use softicsf::{MasterKeyKind, System};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::output::count;
use crate::secrets::{self, Source};

/// Master keys: fill the new register, set it, change the CKDS to it
#[derive(Debug, Args)]
#[command(after_help = "\
Example: the ceremony with two parts, each known to one person
  softicsf mk load --kind des --part first
  softicsf mk load --kind des --part final --from second-part.hex
  softicsf mk set --kind des

Each master key has three registers: new, current and old. The DES-MK wraps
the keys of legacy PassTickets, the AES-MK those of enhanced ones. What a
register holds is shown by its pattern, which tells master keys apart and gives
nothing away.")]
pub(crate) struct Mk {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Fill the new register with a random master key
    #[command(after_help = "Example:\n  softicsf mk generate --kind both")]
    Generate(Which),
    /// Enter a part of a master key into the new register
    #[command(after_help = "\
Examples:
  softicsf mk load --kind des --part first
  softicsf mk load --kind aes --part final --from part2.hex

A part is 32 bytes, written as 64 hexadecimal digits; the parts are combined by
exclusive OR.")]
    Load {
        #[command(flatten)]
        which: Which,
        /// Which part it is: first, into an empty register; middle, any number of
        /// them; final, and the register is full
        #[arg(long, value_enum)]
        part: PartName,
        /// File of mode 0600; - for standard input, prompt to be asked
        #[arg(long, value_name = "FILE", default_value = "prompt")]
        from: Source,
    },
    /// Make the new master key the current one: the first of a CKDS, or the one
    /// it is under already
    #[command(after_help = "Example:\n  softicsf mk set --kind both")]
    Set(Which),
    /// Show what the registers hold
    #[command(after_help = "Example:\n  softicsf mk show")]
    Show {
        /// Which master key
        #[arg(long, value_enum, default_value_t = Kind::Both)]
        kind: Kind,
    },
    /// Bring the CKDS under the new master key, and set it
    #[command(after_help = "\
Example:
  softicsf mk generate --kind aes
  softicsf mk change --kind aes

Services go on meanwhile. If it is stopped half-way, every key can still be
used; `softicsf ckds reencipher` finishes the work.")]
    Change(Which),
    /// Empty the new register
    #[command(after_help = "Example:\n  softicsf mk clear --kind des")]
    Clear(Which),
    /// Empty all three registers: for an engine that is given away
    #[command(after_help = "\
Examples:
  softicsf mk zeroize --kind both
  softicsf mk zeroize --kind aes --yes

The master keys are gone from the engine; from a token they are removed. What
the CKDS holds under them cannot be used until the same master keys are entered
again from their parts, here or in another engine; one that was generated has
no parts, and is gone for good. On a terminal it is asked first.

Master keys left in a token that is not the engine any more: make it the engine
again (engine configure), zeroize it, and go back.")]
    Zeroize {
        #[command(flatten)]
        which: Which,
        /// Do not ask; needed where there is no terminal
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// Which master key
    #[arg(long, value_enum)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Des,
    Aes,
    Both,
}

impl Kind {
    const fn each(self) -> &'static [MasterKeyKind] {
        match self {
            Self::Des => &[MasterKeyKind::Des],
            Self::Aes => &[MasterKeyKind::Aes],
            Self::Both => &MasterKeyKind::ALL,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Des => "des",
            Self::Aes => "aes",
            Self::Both => "both",
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartName {
    First,
    Middle,
    Final,
}

impl PartName {
    const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Middle => "middle",
            Self::Final => "final",
        }
    }
}

impl From<PartName> for Part {
    fn from(name: PartName) -> Self {
        match name {
            PartName::First => Self::First,
            PartName::Middle => Self::Middle,
            PartName::Final => Self::Final,
        }
    }
}

impl Mk {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        match &self.action {
            Action::Generate(Which { kind }) => {
                each_and_tell(context, *kind, |system, kind| Ok(system.icsf().generate_master_key(kind)?))?;
                show_new(context, *kind)
            }
            Action::Load { which: Which { kind }, part, from } => {
                let names: Vec<String> = kind.each().iter().map(MasterKeyKind::to_string).collect();
                let key = context.key(from, &format!("{} part of the {}", part.word(), names.join(" and ")))?;
                if key.len() != MASTER_KEY_LENGTH {
                    return Err(Failure::new(
                        8,
                        format!(
                            "the part has {} bytes, a part of a master key has {MASTER_KEY_LENGTH} ({} hexadecimal \
                             digits)",
                            key.len(),
                            2 * MASTER_KEY_LENGTH
                        ),
                    ));
                }
                let part = Part::from(*part);
                each_and_tell(context, *kind, |system, kind| {
                    Ok(system.icsf().load_master_key_part(kind, part, &key)?)
                })?;
                show_new(context, *kind)
            }
            Action::Set(Which { kind }) => {
                each_and_tell(context, *kind, |system, kind| Ok(system.icsf().set_master_key(kind)?))?;
                show(context, *kind)
            }
            Action::Show { kind } => show(context, *kind),
            Action::Change(Which { kind }) => change(context, *kind),
            Action::Zeroize { which: Which { kind }, yes } => zeroize(context, *kind, *yes),
            Action::Clear(Which { kind }) => {
                each(context, *kind, |system, kind| Ok(system.icsf().clear_new_master_key(kind)?))?;
                show_new(context, *kind)
            }
        }
    }
}

/// The same for what makes a master key, or puts it to use; tells what the engine does otherwise than it should since.
fn each_and_tell(
    context: &mut Context,
    kind: Kind,
    act: impl Fn(&System, MasterKeyKind) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let before = context.with_engine(|system| Ok(system.engine()?.info.quirks))?;
    each(context, kind, act)?;
    let now = context.with_engine(|system| Ok(system.engine()?.info))?;
    let since = now.quirks.iter().filter(|quirk| !before.contains(quirk));
    since.map(|quirk| format!("{now}: {quirk}")).try_for_each(|told| context.out.note(&told))
}

/// Does something with each of the master keys asked for.
fn each(
    context: &mut Context,
    kind: Kind,
    act: impl Fn(&System, MasterKeyKind) -> Result<(), Failure>,
) -> Result<(), Failure> {
    kind.each().iter().try_for_each(|kind| context.with_engine(|system| act(system, *kind)))
}

fn registers(context: &mut Context) -> Result<MasterKeys, Failure> {
    context.with_engine(|system| Ok(system.icsf().master_keys()?))
}

fn show(context: &mut Context, kind: Kind) -> Outcome {
    let held = registers(context)?;
    if context.out.is_json() {
        context.out.json(&json_of(&held, kind.each()))?;
    } else {
        for line in table(&held, kind.each()) {
            context.out.line(line)?;
        }
    }
    Ok(0)
}

/// Shows the new registers alone, and what comes next.
fn show_new(context: &mut Context, kind: Kind) -> Outcome {
    let held = registers(context)?;
    if context.out.is_json() {
        context.out.json(&json_of(&held, kind.each()))?;
        return Ok(0);
    }
    let system = context.open()?;
    let view = system.icsf().view()?;
    let (mut all_full, mut others) = (true, false);
    for kind in kind.each() {
        let state = match held.of(*kind).new {
            NewRegister::Full(pattern) => {
                others |= view.kds.header().of(*kind).is_some_and(|under| under.mkvp() != pattern);
                format!("full, pattern {pattern}")
            }
            new => {
                all_full = false;
                new_register(new).0.to_owned()
            }
        };
        context.out.line(format!("{kind} new register: {state}"))?;
    }
    if all_full {
        // A CKDS under another master key has to be brought along.
        let next = if others { "change" } else { "set" };
        context.out.note(&format!("next: softicsf mk {next} --kind {}", kind.word()))?;
    }
    Ok(0)
}

fn change(context: &mut Context, kind: Kind) -> Outcome {
    let mut counts = Vec::new();
    let (both, before) = (kind == Kind::Both, registers(context)?);
    for kind in kind.each() {
        let bar = progress(*kind);
        let changed = context.with_engine(|system| {
            let mut shown = |progress: icsf_core::master_key::Progress| {
                bar.set_length(u64::try_from(progress.of).unwrap_or(u64::MAX));
                bar.set_position(u64::try_from(progress.done).unwrap_or(u64::MAX));
            };
            Ok(system.icsf().change_master_key(*kind, &mut shown)?)
        });
        bar.finish_and_clear();
        match changed {
            Ok(changed) => counts.push((*kind, changed.done)),
            Err(failure) if both => return Err(half_way(context, &before, &counts, failure)),
            Err(failure) => return Err(failure),
        }
    }
    let held = registers(context)?;
    if context.out.is_json() {
        let mut answer = json_of(&held, kind.each());
        for (kind, count) in counts {
            if let Some(one) = answer.get_mut(name(kind)).and_then(Value::as_object_mut) {
                one.insert("reenciphered".to_owned(), json!(count));
            }
        }
        context.out.json(&answer)?;
        return Ok(0);
    }
    for (kind, count) in counts {
        context.out.line(format!("{kind}: records re-enciphered: {count}"))?;
    }
    show(context, kind)
}

/// Says of a change of both that stopped what it has changed and what not, and how it goes on.
fn half_way(context: &mut Context, before: &MasterKeys, done: &[(MasterKeyKind, usize)], failure: Failure) -> Failure {
    let full = |held: &MasterKeys, kind| matches!(held.of(kind).new, NewRegister::Full(_));
    let after = registers(context).ok();
    let (mut said, mut left) = (Vec::new(), Vec::new());
    for (at, kind) in MasterKeyKind::ALL.into_iter().enumerate() {
        said.push(match (done.get(at), after) {
            (Some((_, count)), _) => format!("the {kind} is changed (records re-enciphered: {count})"),
            // Only the first of the others was begun.
            (None, None) if at == done.len() && full(before, kind) => {
                left.push(kind);
                format!("whether the {kind} is set, softicsf mk show tells when the engine can be asked")
            }
            (None, Some(after)) if full(before, kind) && !full(&after, kind) => {
                format!("the {kind} is set, and not every record is under it yet")
            }
            (None, _) => {
                left.push(kind);
                format!("the {kind} is not changed")
            }
        });
    }
    let names = |kinds: &[MasterKeyKind]| kinds.iter().map(MasterKeyKind::to_string).collect::<Vec<_>>().join(", ");
    let changed: Vec<_> = done.iter().map(|(kind, _)| *kind).collect();
    let failure = failure.fact("changed", names(&changed)).fact("not changed", names(&left)).next(said.join("; "));
    match left.as_slice() {
        [] => failure,
        [kind] => failure.next(format!("then go on: softicsf mk change --kind {}", name(*kind))),
        _ => failure.next("then begin again: softicsf mk change --kind both"),
    }
}

fn zeroize(context: &mut Context, kind: Kind, yes: bool) -> Outcome {
    if !yes && !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask at whether the master keys are to go")
            .next(format!("softicsf mk zeroize --kind {} --yes", kind.word())));
    }
    let mut lost = Vec::new();
    for kind in kind.each() {
        lost.push((*kind, context.with_engine(|system| Ok(system.icsf().keys_under(*kind)?))?));
    }
    let engine = context.open()?.engine()?.info;
    let what: Vec<String> = lost.iter().map(|(kind, keys)| format!("the {kind}, which {} under", are(*keys))).collect();
    if !yes {
        context.out.note(&format!("{engine} loses {}", what.join(", and ")))?;
        if !secrets::agreed("zeroize it? yes or no: ")? {
            return Err(Failure::new(1, "not zeroized, as the answer was not yes"));
        }
    }
    each(context, kind, |system, kind| Ok(system.icsf().zeroize_master_key(kind)?))?;
    let held = registers(context)?;
    let sum: usize = lost.iter().map(|(_, keys)| keys).sum();
    if context.out.is_json() {
        let mut answer = json_of(&held, kind.each());
        for (kind, keys) in lost {
            if let Some(one) = answer.get_mut(name(kind)).and_then(Value::as_object_mut) {
                one.insert("lost".to_owned(), json!(keys));
            }
        }
        context.out.json(&answer)?;
        return Ok(0);
    }
    for line in table(&held, kind.each()) {
        context.out.line(line)?;
    }
    if sum > 0 {
        context.out.note(&format!(
            "{engine} has lost {}; to use what is under it, enter the same master key again, here or in another engine: \
             softicsf mk load, mk set",
            what.join(", and ")
        ))?;
    }
    Ok(0)
}

fn are(keys: usize) -> String {
    format!("{} of the CKDS {}", count(keys, "key"), if keys == 1 { "is" } else { "are" })
}

/// A bar on a terminal, and nothing elsewhere.
pub(crate) fn progress(what: impl ToString) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos} of {len} records");
    let bar = ProgressBar::new(0).with_message(what.to_string());
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}

/// The name of a master key in JSON.
pub(crate) const fn name(kind: MasterKeyKind) -> &'static str {
    match kind {
        MasterKeyKind::Des => "des",
        MasterKeyKind::Aes => "aes",
    }
}

/// State and pattern of a new register.
fn new_register(new: NewRegister) -> (&'static str, Option<String>) {
    match new {
        NewRegister::Empty => ("empty", None),
        NewRegister::Partial => ("partial", None),
        NewRegister::Full(pattern) => ("full", Some(pattern.to_string())),
    }
}

/// The registers as a table: a line a register, a column a master key.
pub(crate) fn table(held: &MasterKeys, kinds: &[MasterKeyKind]) -> Vec<String> {
    let row = |name: &str, cell: &dyn Fn(MasterKeyKind, &Registers) -> String| {
        let cells = kinds.iter().map(|kind| format!("  {:<16}", cell(*kind, held.of(*kind))));
        format!("{name:<8}{}", cells.collect::<String>()).trim_end().to_owned()
    };
    let pattern = |held: Option<icsf_core::backend::Mkvp>| held.map_or_else(|| "none".to_owned(), |p| p.to_string());
    vec![
        row("register", &|kind, _| kind.to_string()),
        row("new", &|_, held| {
            let (state, pattern) = new_register(held.new);
            pattern.unwrap_or_else(|| state.to_owned())
        }),
        row("current", &|_, held| pattern(held.current)),
        row("old", &|_, held| pattern(held.old)),
    ]
}

/// The registers for a machine.
pub(crate) fn json_of(held: &MasterKeys, kinds: &[MasterKeyKind]) -> Value {
    let one = |kind: &MasterKeyKind| {
        let registers = held.of(*kind);
        let (state, pattern) = new_register(registers.new);
        let value = json!({
            "new": { "state": state, "pattern": pattern },
            "current": registers.current.map(|pattern| pattern.to_string()),
            "old": registers.old.map(|pattern| pattern.to_string()),
        });
        (name(*kind).to_owned(), value)
    };
    Value::Object(kinds.iter().map(one).collect())
}
