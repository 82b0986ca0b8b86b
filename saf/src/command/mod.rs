//! RACF commands: read, checked, and carried out in one transaction each.
//!
//! What there is stands in one table, [`verbs`]. Keywords may be abbreviated as far as they stay unambiguous. A key may be
//! typed, as in the real command, and is covered in every error; better it is named: `@secret:NAME`, or `@file:PATH`.

mod check;
mod complete;
mod connect;
mod cover;
mod error;
mod groups;
mod kerb;
mod listgrp;
mod listuser;
mod messages;
mod named;
mod operands;
mod permit;
mod profiles;
mod read;
mod reference;
mod rlist;
mod rows;
mod search;
mod setropts;
mod ssignon;
mod syntax;
mod table;
mod users;

pub use check::check;
pub use complete::complete;
use cover::without_keys;
pub use cover::{covered, shows_secret};
pub use error::CommandError;
use icsf_core::Cause;
use icsf_core::journal::{Event, What};
pub use messages::MESSAGES;
use named::Named;
use operands::Given;
pub use reference::reference;
use secrecy::SecretString;
use syntax::{Command, Operand};
pub use syntax::{Span, goes_on, join};
pub use table::{Keyword, Takes, Verb, verbs};

use crate::access::Caller;
use crate::server::Saf;

/// Finds secrets that a command names instead of showing them.
pub trait SecretSource {
    /// The secret of `@secret:NAME`.
    ///
    /// # Errors
    /// Says why there is none; never what it is.
    fn named(&self, name: &str) -> Result<SecretString, String>;

    /// The secret in the file of `@file:PATH`, without the line end.
    ///
    /// # Errors
    /// Says why it cannot be read; never what is in it.
    fn file(&self, path: &str) -> Result<SecretString, String>;
}

/// No secrets: commands show theirs.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl SecretSource for NoSecrets {
    fn named(&self, name: &str) -> Result<SecretString, String> {
        Err(format!("there is no secret {name:?} here"))
    }

    fn file(&self, path: &str) -> Result<SecretString, String> {
        Err(format!("the file {path:?} is not read here"))
    }
}

/// What a command gives back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// What was listed.
    pub lines: Vec<String>,
    /// Messages beside it.
    pub messages: Vec<String>,
}

impl Output {
    fn message(message: String) -> Self {
        Self { lines: Vec::new(), messages: vec![message] }
    }

    fn lines(lines: Vec<String>) -> Self {
        Self { lines, messages: Vec::new() }
    }
}

/// What a command runs with.
struct Session<'a> {
    saf: &'a Saf,
    issuer: &'a Caller,
    secrets: &'a dyn SecretSource,
    /// Where the text of the command ends.
    end: usize,
}

impl Saf {
    /// Carries out one RACF command, in one transaction.
    ///
    /// ```no_run
    /// # fn example(saf: &icsf_saf::Saf) -> Result<(), icsf_saf::command::CommandError> {
    /// use icsf_saf::{Caller, command::NoSecrets};
    /// let issuer = Caller::user("IBMUSER".parse().unwrap());
    /// saf.command(&issuer, "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA)", &NoSecrets)?;
    /// saf.command(&issuer, "RDEFINE PTKTDATA CICSP1 SSIGNON(KEYLABEL(PTKT.CICSP1.DES))", &NoSecrets)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CommandError`]: what is wrong, where, and what was expected. Nothing has been changed.
    pub fn command(&self, issuer: &Caller, text: &str, secrets: &dyn SecretSource) -> Result<Output, CommandError> {
        let command = check::read(text).map_err(|error| error.in_command(text))?;
        let session = Session { saf: self, issuer, secrets, end: command.end };
        let mut done = session.run(&command).map_err(|error| error.in_command(text));
        if let Ok(output) = &mut done {
            output.messages.iter_mut().for_each(|message| *message = without_keys(message, text));
        }
        let changes = Verb::meant(&command.verb.text).is_some_and(Verb::changes);
        if changes && !done.as_ref().is_ok_and(|output| !output.lines.is_empty()) {
            self.told_command(issuer, text, &done);
        }
        done
    }

    /// Tells the journal of a command that changed the database, or was to.
    fn told_command(&self, issuer: &Caller, text: &str, done: &Result<Output, CommandError>) {
        self.icsf().tell(What::Command, |event| {
            let command = Some(shortened(covered(text)));
            let event = Event { caller: Some(issuer.id().to_string()), command, ..event };
            match done {
                Ok(_) => event,
                Err(error) => event.because(&error.cause().cloned().unwrap_or_else(|| Cause::new(error.to_string()))),
            }
        });
    }
}

/// As much of a covered command as a journal keeps: every good one fits.
fn shortened(mut command: String) -> String {
    const MOST: usize = 4096;
    if command.len() > MOST {
        command.truncate(command.floor_char_boundary(MOST));
        command.push_str(" ...");
    }
    command
}

impl Session<'_> {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let verb = check::meant(command)?;
        (verb.carry_out)(self, &Given::read(verb, command)?)
    }

    /// The text of a value, or the secret it names.
    fn secret(&self, value: &Operand) -> Result<SecretString, CommandError> {
        if Named::is_a_key(&value.text) {
            return Err(CommandError::at("what is named here looks like a key", value)
                .hint("the name of a secret or file, which is none"));
        }
        let found = match Named::of(&value.text) {
            Some(Named::Secret(name)) => self.secrets.named(name),
            Some(Named::File(path)) => self.secrets.file(path),
            None => Ok(SecretString::from(value.text.as_str())),
        };
        found.map_err(|why| CommandError::at(why, value))
    }
}
