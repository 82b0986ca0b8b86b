//! RACF commands: read, checked, and carried out in one transaction each.
//!
//! RDEFINE, RALTER, RDELETE, RLIST, PERMIT, SETROPTS, ADDUSER, ALTUSER, DELUSER. Keywords may be abbreviated as far as
//! they stay unambiguous. A key may be typed, as in the real command, and is covered in every error; better it is
//! named: `@secret:NAME`, or `@file:PATH`.

mod error;
mod messages;
mod operands;
mod permit;
mod profiles;
mod rlist;
mod setropts;
mod ssignon;
mod syntax;
mod users;

pub use error::CommandError;
pub use messages::MESSAGES;
use operands::{Keywords, each, one, parsed, positional};
use secrecy::SecretString;
use syntax::{Command, Operand};
pub use syntax::{Span, join};

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
}

/// What a command runs with.
struct Session<'a> {
    saf: &'a Saf,
    issuer: &'a Caller,
    secrets: &'a dyn SecretSource,
    /// Where the text of the command ends.
    end: usize,
}

type Carry = fn(&Session<'_>, &[Operand]) -> Result<Output, CommandError>;

/// The commands, with the short names RACF has for them.
const COMMANDS: [(&str, &str, Carry); 9] = [
    ("RDEFINE", "RDEF", profiles::rdefine),
    ("RALTER", "RALT", profiles::ralter),
    ("RDELETE", "RDEL", profiles::rdelete),
    ("RLIST", "RL", rlist::rlist),
    ("PERMIT", "PE", permit::permit),
    ("SETROPTS", "SETR", setropts::setropts),
    ("ADDUSER", "AU", users::adduser),
    ("ALTUSER", "ALU", users::altuser),
    ("DELUSER", "DU", users::deluser),
];

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
        let command = syntax::parse(text).map_err(|error| {
            CommandError::at_span(format!("{} was expected", error.expected), error.at..error.at)
                .in_command(cover(text, None))
        })?;
        let session = Session { saf: self, issuer, secrets, end: command.end };
        session.run(&command).map_err(|error| error.in_command(cover(text, Some(&secret_places(&command)))))
    }
}

impl Session<'_> {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let verb = &command.verb;
        if verb.inner.is_some() {
            return Err(CommandError::at("a command takes its operands without parentheses", verb));
        }
        let word = verb.text.to_ascii_uppercase();
        let known = COMMANDS.iter().find(|(name, short, _)| *name == word || *short == word);
        let (_, _, carry_out) = known.ok_or_else(|| {
            let near = COMMANDS.iter().map(|(name, ..)| name).find(|name| strsim::osa_distance(name, &word) <= 2);
            let all = COMMANDS.map(|(name, ..)| name).join(", ");
            let hint = near.map_or_else(|| format!("one of {all}"), |near| format!("{near}?"));
            CommandError::at(format!("{:?} is no command of this shell", verb.text), verb).hint(hint)
        })?;
        carry_out(self, &command.operands)
    }

    /// The text of a value, or the secret it names.
    fn secret(&self, value: &Operand) -> Result<SecretString, CommandError> {
        let found = match (value.text.strip_prefix("@secret:"), value.text.strip_prefix("@file:")) {
            (Some(name), _) => self.secrets.named(name),
            (_, Some(path)) => self.secrets.file(path),
            _ => Ok(SecretString::from(value.text.as_str())),
        };
        found.map_err(|why| CommandError::at(why, value))
    }
}

/// Whether a key or a password is typed in this command, rather than named: such a command must not be repeated where
/// others read.
///
/// ```
/// use icsf_saf::command::shows_secret;
/// assert!(shows_secret("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(E001193519561977))"));
/// assert!(!shows_secret("RDEFINE PTKTDATA A SSIGNON(KEYMASKED(@file:a.key))"));
/// assert!(!shows_secret("SETROPTS PASSWORD(MIXEDCASE)"));
/// ```
#[must_use]
pub fn shows_secret(command: &str) -> bool {
    match syntax::parse(command) {
        Ok(read) => !secret_places(&read).is_empty(),
        Err(_) => cover(command, None) != command,
    }
}

/// Keywords whose value is a key or a password.
const SECRET: [&str; 3] = ["KEYMASKED", "KEYENCRYPTED", "PASSWORD"];

/// Where secrets are typed in a command.
fn secret_places(command: &Command) -> Vec<Span> {
    fn look(operands: &[Operand], places: &mut Vec<Span>) {
        for operand in operands {
            let word = operand.text.to_ascii_uppercase();
            let Some(inner) = &operand.inner else { continue };
            if word.len() > 2 && SECRET.iter().any(|keyword| keyword.starts_with(&word)) {
                places
                    .extend(inner.iter().filter(|value| !value.text.starts_with('@')).map(|value| value.whole.clone()));
            } else {
                look(inner, places);
            }
        }
    }
    let mut places = Vec::new();
    let verb = command.verb.text.to_ascii_uppercase();
    // There PASSWORD is an option of the whole system.
    if !["SETROPTS", "SETR"].contains(&verb.as_str()) {
        look(&command.operands, &mut places);
    }
    places
}

/// The text with these places covered; a text that could not be read is covered from the first secret keyword on.
fn cover(text: &str, places: Option<&[Span]>) -> String {
    let folded = text.to_ascii_uppercase();
    let from = SECRET
        .iter()
        .filter_map(|keyword| folded.find(keyword.split_at(4).0))
        .min()
        .and_then(|at| text.get(at..).and_then(|rest| rest.find('(')).map(|open| at + open + 1));
    text.char_indices()
        .map(|(at, c)| {
            let covered = places
                .map_or(from.is_some_and(|from| at >= from), |places| places.iter().any(|place| place.contains(&at)));
            // As many bytes as before, so that places still fit.
            if covered && c.is_ascii() && !c.is_whitespace() {
                '*'
            } else if covered && !c.is_ascii() {
                '?'
            } else {
                c
            }
        })
        .collect()
}
