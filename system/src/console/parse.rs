//! The syntax of operator commands: a verb, blanks, and operands with commas and no blanks between them. Small letters
//! are as good as capitals.
//!
//! Source: z/OS MVS System Commands, system command formats; ICSF System Programmer's Guide, ICSF operator commands.

use ptkt::UserId;

use super::ConsoleError;
use super::complete::COMMANDS;

/// A command, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `DISPLAY ICSF`
    Display(Display),
    /// `DISPLAY SMF,O`
    SmfOptions,
    /// `START CSF`
    Start,
    /// `STOP CSF`
    Stop,
    /// `START SKRBKDC` and `STOP SKRBKDC`
    Kerberos {
        /// Whether it is started.
        started: bool,
    },
    /// `SETICSF ACTIVATE` and `DEACTIVATE`
    Switch {
        /// Whether it is activated.
        on: bool,
        /// Which device; none named, the one there is.
        device: Option<Device>,
    },
    /// `SETICSF ENABLE,CKDS` and `DISABLE,CKDS`
    Updates {
        /// Whether they are enabled.
        allowed: bool,
    },
    /// `MODIFY RSED,APPL=IVP PASSTICKET,userid`
    VerifyPassTicket(UserId),
}

/// What `DISPLAY ICSF` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Display {
    Cards,
    Kds,
    List,
    MasterKeys,
    Patterns,
    Options,
}

/// How a device is named.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Device {
    /// `SN=`
    Serial(String),
    /// `INDEX=`
    Index(String),
}

/// Operands of `DISPLAY ICSF`, what must be typed of each in capitals.
const DISPLAYS: [(&str, Display); 6] = [
    ("CARDS", Display::Cards),
    ("KDS", Display::Kds),
    ("LIST", Display::List),
    ("MKS", Display::MasterKeys),
    ("MKVPS", Display::Patterns),
    ("OPTions", Display::Options),
];

/// Reads a command.
pub(super) fn parse(text: &str) -> Result<Command, ConsoleError> {
    let folded = text.trim().to_ascii_uppercase();
    let (verb, field) = folded.split_once(char::is_whitespace).unwrap_or((&folded, ""));
    let field = field.trim_start();
    match verb {
        "D" | "DISPLAY" => display(&operands("D", field)?),
        "S" | "START" => start(&operands("START", field)?),
        "P" | "STOP" => match operands("STOP", field)?.as_slice() {
            ["CSF"] => Ok(Command::Stop),
            ["SKRBKDC"] => Ok(Command::Kerberos { started: false }),
            [task @ ("CSF" | "SKRBKDC"), more, ..] => Err(expected(&format!("STOP {task}"), "no operand", more)),
            other => Err(expected("STOP", "CSF or SKRBKDC", first(other))),
        },
        // What is said to a job is the job's: it has a blank where it likes one.
        "F" | "MODIFY" => modify(field),
        "SETICSF" => seticsf(&operands("SETICSF", field)?),
        "" => Err(ConsoleError::new(format!("a command was expected: {}", COMMANDS.join("; ")))),
        _ => {
            let all = COMMANDS.join("; ");
            Err(ConsoleError::new(format!("{verb:?} is no command of this console; there are {all}")))
        }
    }
}

/// The operands; a blank ends them, and nothing may follow.
fn operands<'a>(verb: &str, field: &'a str) -> Result<Vec<&'a str>, ConsoleError> {
    if let Some((_, rest)) = field.split_once(char::is_whitespace) {
        let rest = rest.trim_start();
        return Err(ConsoleError::new(format!(
            "{verb}: a blank ends the operands, and {rest:?} follows it; commas separate operands, without blanks"
        )));
    }
    Ok(if field.is_empty() { Vec::new() } else { field.split(',').collect() })
}

fn first<'a>(operands: &[&'a str]) -> &'a str {
    operands.first().copied().unwrap_or_default()
}

/// What was expected after `place`, and what stands there.
fn expected(place: &str, wanted: &str, there: &str) -> ConsoleError {
    let there = if there.is_empty() { "and nothing stands there".to_owned() } else { format!("not {there:?}") };
    ConsoleError::new(format!("{place}: {wanted} was expected, {there}"))
}

/// Whether a word stands for an operand whose capitals must be typed, and of which more may be.
fn means(word: &str, operand: &str) -> bool {
    let least = operand.bytes().filter(u8::is_ascii_uppercase).count();
    word.len() >= least && operand.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}

fn display(operands: &[&str]) -> Result<Command, ConsoleError> {
    match operands {
        ["ICSF"] => Ok(Command::Display(Display::List)),
        ["ICSF", what, scope @ ..] => {
            let found = DISPLAYS.iter().find(|(operand, _)| means(what, operand));
            let (_, what) = found.ok_or_else(|| expected("D ICSF", "CARDS, KDS, LIST, MKS, MKVPS or OPTIONS", what))?;
            match scope {
                // This is the only system there is.
                [] | ["SYSPLEX=Y" | "SYSPLEX=YES" | "SYSPLEX=N" | "SYSPLEX=NO"] => Ok(Command::Display(*what)),
                [known, more, ..] if known.starts_with("SYSPLEX=") => {
                    Err(expected("D ICSF", "no operand after SYSPLEX", more))
                }
                [other, ..] => Err(expected("D ICSF", "SYSPLEX=YES or SYSPLEX=NO", other)),
            }
        }
        ["SMF", "O"] => Ok(Command::SmfOptions),
        ["SMF", "O", more, ..] => Err(expected("D SMF,O", "no operand", more)),
        ["SMF", other @ ..] => Err(expected("D SMF", "O", first(other))),
        other => Err(expected("D", "ICSF or SMF", first(other))),
    }
}

fn start(operands: &[&str]) -> Result<Command, ConsoleError> {
    let how = match operands {
        ["CSF", how @ ..] => how,
        ["SKRBKDC"] => return Ok(Command::Kerberos { started: true }),
        ["SKRBKDC", more, ..] => return Err(expected("START SKRBKDC", "no operand", more)),
        other => return Err(expected("START", "CSF or SKRBKDC", first(other))),
    };
    let known = ["SUB=MSTR", "REUSASID=YES", "REUSASID=NO"];
    match how.iter().find(|operand| !known.contains(operand)) {
        None => Ok(Command::Start),
        Some(other) => Err(expected("START CSF", "SUB=MSTR or REUSASID=YES", other)),
    }
}

fn seticsf(operands: &[&str]) -> Result<Command, ConsoleError> {
    let wanted = "ACTIVATE, DEACTIVATE, ENABLE or DISABLE";
    let [what, rest @ ..] = operands else { return Err(expected("SETICSF", wanted, "")) };
    let is = |operand| means(what, operand);
    let (activate, enable) = (is("ACTivate"), is("ENable"));
    if activate || is("DEACTivate") {
        let device = match rest {
            [] => None,
            [name] => Some(device(what, name)?),
            [_, more, ..] => return Err(expected(&format!("SETICSF {what}"), "one device", more)),
        };
        return Ok(Command::Switch { on: activate, device });
    }
    if enable || is("DISable") {
        return match rest {
            ["CKDS"] => Ok(Command::Updates { allowed: enable }),
            ["CKDS", more, ..] => Err(expected(&format!("SETICSF {what},CKDS"), "no operand", more)),
            other => Err(expected(&format!("SETICSF {what}"), "CKDS", first(other))),
        };
    }
    Err(expected("SETICSF", wanted, what))
}

fn device(verb: &str, name: &str) -> Result<Device, ConsoleError> {
    match name.split_once('=') {
        Some(("SN", serial)) if !serial.is_empty() => Ok(Device::Serial(serial.to_owned())),
        Some(("INDEX", index)) if !index.is_empty() => Ok(Device::Index(index.to_owned())),
        _ => Err(expected(&format!("SETICSF {verb}"), "SN=serial number or INDEX=index", name)),
    }
}

/// `MODIFY job,text`
fn modify(field: &str) -> Result<Command, ConsoleError> {
    let (job, text) = field.split_once(',').unwrap_or((field, ""));
    if job != "RSED" {
        return Err(expected("F", "RSED", job));
    }
    let (application, text) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if application != "APPL=IVP" {
        return Err(expected("F RSED", "APPL=IVP", application));
    }
    let place = "F RSED,APPL=IVP";
    match text.trim().split_once(',') {
        Some(("PASSTICKET", user)) => user
            .parse()
            .map(Command::VerifyPassTicket)
            .map_err(|why| ConsoleError::new(format!("{place} PASSTICKET: a user ID was expected: {why}"))),
        _ => Err(expected(place, "PASSTICKET,userid", text.trim())),
    }
}
