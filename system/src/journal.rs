//! The journal of a system directory: what happened, one line of JSON for each event, a file for each day.
//!
//! An event is handed to the operating system before the request it tells of is answered, and not forced to disk. One
//! that cannot be written fails nothing, as on z/OS, and is counted: see [`System::journal`](crate::System::journal).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use icsf_core::journal::{Event, Journal};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::options::Names;

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, to the second, UTC.
    pub time: Timestamp,
    /// The name of the system.
    pub system: String,
    /// Its SMF ID.
    pub smfid: String,
    /// What happened. [`Event::at`] is not part of the line; `time` is.
    #[serde(flatten)]
    pub event: Event,
}

/// The journal of a system in a directory.
#[derive(Debug)]
pub struct FileJournal {
    directory: PathBuf,
    names: Names,
    writing: Mutex<Writing>,
}

#[derive(Debug, Default)]
struct Writing {
    open: Option<(Date, File)>,
    lost: u64,
    why: Option<String>,
}

/// Events that this process could not write to its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// How many.
    pub events: u64,
    /// Why the last of them.
    pub why: String,
}

/// A line of a journal that cannot be read, as a process leaves one that is killed while it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

impl FileJournal {
    /// The journal in `directory`, which is made when there is something to write.
    #[must_use]
    pub fn new(directory: PathBuf, names: Names) -> Self {
        Self { directory, names, writing: Mutex::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What this process could not write.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.why.as_ref().map(|why| Lost { events: writing.lost, why: why.clone() })
    }

    /// Shows the events of all days to `each`, the oldest first, until it breaks.
    ///
    /// # Errors
    /// What the file system says; the path is in it.
    pub fn read(&self, each: &mut dyn FnMut(Result<Entry, Unreadable>) -> ControlFlow<()>) -> io::Result<()> {
        let mut files = match fs::read_dir(&self.directory) {
            Ok(files) => files.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
        .map_err(at(&self.directory))?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl") && file.is_file());
        // Days are named so that the order of the names is theirs.
        files.sort();
        for file in files {
            let lines = BufReader::new(File::open(&file).map_err(at(&file))?).split(b'\n');
            for (number, line) in lines.enumerate() {
                let line = line.map_err(at(&file))?;
                if line.is_empty() {
                    continue;
                }
                let entry = serde_json::from_slice(&line).map(dated);
                let entry = entry.map_err(|_unread| Unreadable { file: file.clone(), line: number + 1 });
                if each(entry).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn write(&self, writing: &mut Writing, event: &Event) -> io::Result<()> {
        let time = Timestamp::from_second(event.at.try_into().unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX);
        let day = time.to_zoned(TimeZone::UTC).date();
        let Names { sysname, smfid, .. } = &self.names;
        let entry = Entry { time, system: sysname.clone(), smfid: smfid.clone(), event: event.clone() };
        let mut line = Vec::new();
        let mut file = match writing.open.take().filter(|(of, _)| *of == day) {
            Some((_, file)) => file,
            None => {
                let file = self.open(day)?;
                if is_ragged(&file)? {
                    line.push(b'\n');
                }
                file
            }
        };
        serde_json::to_writer(&mut line, &entry)?;
        line.push(b'\n');
        // In one piece, so that lines of several processes do not mix. After a failure the file is looked at anew.
        file.write_all(&line)?;
        writing.open = Some((day, file));
        Ok(())
    }

    fn open(&self, day: Date) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let path = self.directory.join(format!("{day}.jsonl"));
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
    }
}

/// Whether the last line was written in part, by a process that was killed or had no room.
fn is_ragged(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last != [b'\n'])
}

fn dated(mut entry: Entry) -> Entry {
    entry.event.at = entry.time.as_second().try_into().unwrap_or_default();
    entry
}

fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
}

impl Journal for FileJournal {
    fn record(&self, event: &Event) {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.write(&mut writing, event) {
            writing.lost += 1;
            writing.why = Some(format!("{}: {error}", self.directory.display()));
        }
    }
}
