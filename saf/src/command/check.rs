//! Whether a command is one, as far as its text tells.

use super::CommandError;
use super::operands::{Given, Keywords};
use super::read;
use super::syntax::Command;
use super::table::{List, Verb, all, verbs};

/// Reads a command as [`Saf::command`](crate::Saf::command) does, and carries nothing out: its verb, how many names it has,
/// its keywords and those within them, and whether each has the values it takes. What the values are, and whether what they
/// name is there, shows when it is carried out.
///
/// ```
/// use icsf_saf::command::check;
/// assert!(check("RALTER PTKTDATA CICSP1 SSIGNON(TIMEOUT(60))").is_ok());
/// let error = check("RALTR PTKTDATA CICSP1").unwrap_err();
/// assert_eq!((error.what(), error.hint_text()), ("RALTR is no command of this shell", Some("RALTER?")));
/// ```
///
/// # Errors
/// [`CommandError`]: what is wrong, where, and what was expected.
pub fn check(text: &str) -> Result<(), CommandError> {
    let read = || {
        let command = read(text)?;
        let verb = meant(&command)?;
        let given = Given::read(verb, &command)?;
        within(&given.keywords, verb.list())
    };
    read().map_err(|error: CommandError| error.in_command(text))
}

fn within(keywords: &Keywords<'_>, list: List) -> Result<(), CommandError> {
    for keyword in all(list).filter(|keyword| !keyword.list().is_empty()) {
        if let Some(inner) = keywords.within(keyword.name())? {
            within(&inner, keyword.list())?;
        }
    }
    Ok(())
}

/// The words of a command.
pub(super) fn read(text: &str) -> Result<Command, CommandError> {
    read::read(text)
        .map_err(|error| CommandError::at_span(format!("{} was expected", error.expected), error.at..error.at))
}

/// The verb of a command, if it is one.
pub(super) fn meant(command: &Command) -> Result<&'static Verb, CommandError> {
    let word = &command.verb;
    match Verb::meant(&word.text) {
        Some(verb) if verb.is(&word.text) => Ok(verb),
        Some(near) => Err(CommandError::at(format!("{} is no command of this shell", word.text), word)
            .hint(format!("{}?", near.name()))),
        None => {
            let names: Vec<&str> = verbs().iter().map(Verb::name).collect();
            Err(CommandError::at("this is no command of this shell", word).hint(format!("one of {}", names.join(", "))))
        }
    }
}
