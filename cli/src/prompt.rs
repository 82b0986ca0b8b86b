//! Where commands come from: a person at a terminal, with history and completion, or the lines of standard input.
//!
//! The history of a system is kept in its directory, so that it goes where the system goes and no other place has to be
//! known: `racf.history`, `console.history`, mode 0600. What may hold a key or password is not in it.

use std::io::{self, BufRead, ErrorKind, IsTerminal, StdinLock};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{FileHistory, History, MemHistory};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Editor, Helper};
use softicsf::System;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::talk;

/// So many commands are remembered.
const REMEMBERED: usize = 1000;

/// What is typed at a prompt.
pub(crate) struct Language {
    /// The verb.
    pub(crate) verb: &'static str,
    /// Shown on a line of its own before each command.
    pub(crate) ready: &'static str,
    /// Whether more lines belong to a command that ends like this.
    pub(crate) goes_on: fn(&str) -> bool,
    /// The commands of a text.
    pub(crate) commands: fn(&str) -> Vec<String>,
    /// Where the word begins that is being typed, and what it can become.
    pub(crate) completions: fn(&System, &str) -> (usize, Vec<String>),
    /// Whether a command may be shown again to who typed it.
    pub(crate) may_be_shown: fn(&str) -> bool,
    /// Whether it may be kept for others, who come later.
    pub(crate) may_be_kept: fn(&str) -> bool,
}

/// Whether a command ends the session.
pub(crate) fn ends(command: &str) -> bool {
    ["END", "LOGOFF"].iter().any(|word| word.eq_ignore_ascii_case(command.trim()))
}

/// Reads commands.
pub(crate) struct Reader {
    language: &'static Language,
    from: From,
    /// The line on which the last commands began, and how many lines they have.
    line: usize,
    lines: usize,
}

enum From {
    Person(Box<Person>),
    /// The lines of standard input, and whether somebody types them.
    Lines(StdinLock<'static>, bool),
}

/// Somebody at a terminal.
struct Person {
    editor: Editor<Typing, MemHistory>,
    kept: Option<(FileHistory, PathBuf)>,
}

impl Reader {
    pub(crate) fn open(language: &'static Language, context: &mut Context) -> Result<Self, Failure> {
        context.take_stdin("commands")?;
        let system = context.open()?;
        let typed = io::stdin().is_terminal() && !context.out.is_json();
        let from = if typed && context.out.is_terminal() {
            From::Person(Box::new(Person::new(language, system, context.directory())?))
        } else {
            From::Lines(io::stdin().lock(), typed)
        };
        Ok(Self { language, from, line: 1, lines: 0 })
    }

    /// Whether somebody types the commands, and sees what is wrong with one before the next.
    pub(crate) const fn is_prompt(&self) -> bool {
        matches!(self.from, From::Person(_) | From::Lines(_, true))
    }

    /// The line of standard input on which the last commands began, counted from 1; 1 for what is typed.
    pub(crate) const fn line(&self) -> usize {
        self.line
    }

    /// The next commands, as soon as they are there; `None` at the end. Lines that are no text can be passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Result<Vec<String>, Failure>>, Failure> {
        if self.is_prompt() {
            talk(self.language.ready);
        }
        match &mut self.from {
            From::Person(person) => Ok(person.next(self.language)?.map(Ok)),
            From::Lines(lines, _) => {
                self.line += std::mem::take(&mut self.lines);
                let mut bytes = Vec::new();
                loop {
                    let begins = bytes.len();
                    let some = lines.read_until(b'\n', &mut bytes).map_err(unreadable)? > 0;
                    self.lines += usize::from(some);
                    let text = String::from_utf8_lossy(bytes.get(begins..).unwrap_or_default());
                    let goes_on = (self.language.goes_on)(text.strip_suffix('\n').unwrap_or(&text));
                    if !some && bytes.is_empty() {
                        return Ok(None);
                    }
                    if !some || !goes_on {
                        break;
                    }
                }
                Ok(Some(match String::from_utf8(bytes) {
                    Ok(text) => Ok((self.language.commands)(&text)),
                    Err(error) => {
                        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                        let line = self.line + good.iter().filter(|byte| **byte == b'\n').count();
                        Err(Failure::new(8, format!("line {line} of standard input is no UTF-8"))
                            .next("write the file as UTF-8; nothing of this command was carried out"))
                    }
                }))
            }
        }
    }
}

impl Person {
    fn new(language: &'static Language, system: Arc<System>, directory: &Path) -> Result<Self, Failure> {
        let config = Config::builder().completion_type(CompletionType::List).max_history_size(REMEMBERED);
        let config = config.map_err(unreadable)?.build();
        let mut editor = Editor::with_history(config.clone(), MemHistory::with_config(&config)).map_err(unreadable)?;
        editor.set_helper(Some(Typing { language, system }));
        let path = directory.join(format!("{}.history", language.verb));
        let mut kept = FileHistory::with_config(&config);
        let kept = match kept.load(&path) {
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::NotFound => Some((kept, path)),
            Err(error) => {
                not_kept(language, &path, &error);
                None
            }
            Ok(()) => Some((kept, path)),
        };
        for command in kept.iter().flat_map(|(kept, _)| kept.iter()) {
            editor.add_history_entry(command).map_err(unreadable)?;
        }
        Ok(Self { editor, kept })
    }

    fn next(&mut self, language: &Language) -> Result<Option<Vec<String>>, Failure> {
        loop {
            match self.editor.readline("") {
                Ok(text) => {
                    let commands = (language.commands)(&text);
                    commands.iter().for_each(|command| self.remember(language, command.trim()));
                    return Ok(Some(commands));
                }
                // What was typed so far is given up.
                Err(ReadlineError::Interrupted) => talk(language.ready),
                Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                    talk(&format!("softicsf: {}: what was typed is no UTF-8, and is given up", language.verb));
                    talk(language.ready);
                }
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(unreadable(error)),
            }
        }
    }

    fn remember(&mut self, language: &Language, command: &str) {
        if ends(command) || !(language.may_be_shown)(command) {
            return;
        }
        // It is in memory only, and cannot fail.
        let _ = self.editor.add_history_entry(command);
        if let Some((kept, path)) = self.kept.as_mut().filter(|_| (language.may_be_kept)(command))
            && let Err(error) = kept.add(command).and_then(|_| kept.append(path))
        {
            not_kept(language, path, &error);
            self.kept = None;
        }
    }
}

fn not_kept(language: &Language, path: &Path, error: &ReadlineError) {
    talk(&format!("softicsf: {}: the history is not kept: {}: {error}", language.verb, path.display()));
}

fn unreadable(error: impl Into<ReadlineError>) -> Failure {
    Failure::new(8, format!("standard input cannot be read: {}", error.into()))
}

/// What the line editor asks while a command is typed.
struct Typing {
    language: &'static Language,
    system: Arc<System>,
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((self.language.completions)(&self.system, line.get(..at).unwrap_or_default()))
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let goes_on = (self.language.goes_on)(context.input());
        Ok(if goes_on { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Hinter for Typing {
    type Hint = String;
}
impl Highlighter for Typing {}
impl Helper for Typing {}
