//! Where secrets come from: a file, standard input, a prompt without echo; never the command line.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The longest secret read.
const MOST: u64 = 4096;

/// Where a secret is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-`; at a terminal it is a prompt.
    Stdin,
    /// `prompt`: asked for at the terminal, without echo.
    Prompt,
    /// The first line of a file of mode 0600.
    File(String),
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "-" => Self::Stdin,
            "prompt" => Self::Prompt,
            path => Self::File(path.to_owned()),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Prompt => f.write_str("the terminal"),
            Self::File(path) => f.write_str(path),
        }
    }
}

/// Asks at the terminal, without echo.
pub(crate) fn ask(prompt: &str) -> Result<SecretString, Failure> {
    rpassword::prompt_password(prompt).map(SecretString::from).map_err(|error| {
        Failure::usage(format!("there is no terminal to ask at: {error}")).next("name a file, or - for standard input")
    })
}

/// The first line of standard input.
pub(crate) fn from_stdin(what: &str) -> Result<SecretString, Failure> {
    let failed = |why: String| Failure::usage(format!("the {what} cannot be read from standard input: {why}"));
    // Reserved at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MOST).unwrap_or(4096)));
    io::stdin().lock().take(MOST).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| failed(error.to_string()))?;
    Ok(SecretString::from(text.lines().next().unwrap_or_default()))
}

/// Asks at the terminal for the word yes.
pub(crate) fn agreed(question: &str) -> Result<bool, Failure> {
    let failed = |error: io::Error| Failure::new(12, format!("the terminal cannot be used: {error}"));
    let mut talk = io::stderr();
    talk.write_all(question.as_bytes()).and_then(|()| talk.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(answer.trim() == "yes")
}
