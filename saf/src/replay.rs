//! The replay register of a system directory: what one process accepted, another refuses, and after a restart too.
//!
//! Each accepted ticket is an entry of 64 bytes appended to a file; the order of appending is the order of use. Who has
//! appended reads what others appended before: if the same ticket is among it, theirs was first. No lock is needed, and
//! a ticket this process has seen is refused from memory.
//!
//! Files are named after the tickets' time, 1024 seconds each, and removed an hour after the last entry was written.
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | version X'01' |
//! | 1 | 1 | 1 legacy, 2 enhanced |
//! | 4 | 8 | user ID, EBCDIC |
//! | 12 | 8 | application name, EBCDIC |
//! | 20 | 8 | time of the ticket, seconds since 1970 UTC |
//! | 28 | 16 | who wrote it: a random number of the process, and a count |
//! | 60 | 4 | CRC-32 of all before |
//!
//! The source of the rule, but not of this form: RACF refuses a ticket that was used before on this computer system.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use icsf_core::random::{RandomSource, SystemRandom};
use ptkt::{Applid, Error, MemoryRegister, ReplayRegister, TicketKind, TicketUse, Timestamp, Usage, UserId, Window};

const ENTRY: usize = 64;
const VERSION: u8 = 1;
const SECONDS_PER_FILE: u64 = 1024;
/// How many files stay open: more than any clock needs that is not set.
const OPEN_FILES: usize = 8;
/// How many uses that could not be written are remembered as such.
const UNWRITTEN: usize = 4096;
const KEPT: Duration = Duration::from_secs(3600);

/// A replay register in a directory, shared by all processes that use it.
#[derive(Debug)]
pub struct FileRegister {
    directory: PathBuf,
    process: [u8; 8],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: MemoryRegister,
    /// Uses others wrote that are too far ahead of our clock for memory.
    ahead: BTreeSet<TicketUse>,
    /// Uses that memory has and that could not be written: of these it is not known whether they are the first.
    unwritten: BTreeSet<TicketUse>,
    files: BTreeMap<u64, Open>,
    written: u64,
}

/// A file, and how far it has been read.
#[derive(Debug)]
struct Open {
    file: File,
    read: u64,
}

impl FileRegister {
    /// Opens the register in `directory`, which is made (mode 0700) if it is not there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut process = [0; 8];
        SystemRandom.fill(&mut process).map_err(io::Error::other)?;
        Ok(Self { directory: directory.to_owned(), process, state: Mutex::default() })
    }

    /// The answer of memory; where that cannot tell, because the clock went back further than it reaches, memory is
    /// made anew from the files.
    fn remembered(&self, state: &mut State, used: &TicketUse, now: Timestamp) -> Result<Usage, Error> {
        match state.memory.first_use(used, now) {
            Ok(usage) => Ok(usage),
            Err(_) => {
                state.memory = MemoryRegister::new();
                for open in state.files.values_mut() {
                    open.read = 0;
                }
                state.memory.first_use(used, now)
            }
        }
    }

    /// Appends the use and reads what others wrote; answers whether one of them was first.
    fn shared(&self, state: &mut State, used: &TicketUse, now: Timestamp) -> io::Result<Usage> {
        let number = used.time().as_secs() / SECONDS_PER_FILE;
        let State { files, written, .. } = state;
        if !files.contains_key(&number) {
            self.remove_old()?;
            while files.len() >= OPEN_FILES {
                files.pop_first();
            }
        }
        let Open { file, read } = match files.entry(number) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => place.insert(self.open_file(number)?),
        };
        *written += 1;
        let mine = encode(used, &self.process, *written);
        if file.write(&mine)? != ENTRY {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "an entry could not be written whole"));
        }
        state.unwritten.remove(used);
        let mut usage = Usage::First;
        let mut before_mine = true;
        let mut others = Vec::new();
        let end = file.metadata()?.len();
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(*read)).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, *read)?;
        for entry in bytes.chunks_exact(ENTRY) {
            if entry == mine {
                before_mine = false;
            } else if let Some(other) = decode(entry)? {
                if before_mine && other == *used {
                    usage = Usage::Replay;
                }
                others.push(other);
            }
            *read += ENTRY as u64;
        }
        for other in others {
            remember(state, other, now);
        }
        Ok(usage)
    }

    fn open_file(&self, number: u64) -> io::Result<Open> {
        let path = self.directory.join(format!("{number:010}"));
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        Ok(Open { file, read: 0 })
    }

    /// Removes files that were written last an hour before the newest: their tickets are long out of any window.
    fn remove_old(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            match entry.metadata().and_then(|metadata| metadata.modified()) {
                Ok(modified) => files.push((modified, entry.path())),
                // Another process is clearing up, too.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let Some(newest) = files.iter().map(|(modified, _)| *modified).max() else { return Ok(()) };
        for (modified, path) in files {
            if newest.duration_since(modified).is_ok_and(|age| age > KEPT) {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Takes in a use that another process wrote: if our clock does not reach it yet, for later.
fn remember(state: &mut State, other: TicketUse, now: Timestamp) {
    let (time, now_seconds) = (other.time().as_secs(), now.as_secs());
    let reach = u64::from(Window::MAX_SECONDS);
    if time > now_seconds + reach {
        state.ahead.insert(other);
    } else if time + reach >= now_seconds {
        // Whether it was the first is the business of who wrote it.
        let _ = state.memory.first_use(&other, now);
    }
}

impl ReplayRegister for FileRegister {
    fn first_use(&self, used: &TicketUse, now: Timestamp) -> Result<Usage, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let due: Vec<TicketUse> = state
            .ahead
            .iter()
            .filter(|u| u.time().as_secs() <= now.as_secs() + u64::from(Window::MAX_SECONDS))
            .copied()
            .collect();
        for other in due {
            state.ahead.remove(&other);
            remember(state, other, now);
        }
        match self.remembered(state, used, now)? {
            Usage::Replay if !state.unwritten.contains(used) => Ok(Usage::Replay),
            _ => {
                // Until it is written nobody else knows of it, and it has not been accepted. Where too many cannot be
                // written to be remembered, the rest counts as used.
                if state.unwritten.len() < UNWRITTEN {
                    state.unwritten.insert(*used);
                }
                self.shared(state, used, now).map_err(Error::register)
            }
        }
    }
}

fn encode(used: &TicketUse, process: &[u8; 8], count: u64) -> [u8; ENTRY] {
    let kind = match used.kind() {
        TicketKind::Legacy => 1,
        _ => 2,
    };
    let mut bytes = Vec::with_capacity(ENTRY);
    bytes.extend_from_slice(&[VERSION, kind, 0, 0]);
    bytes.extend_from_slice(used.user().ebcdic());
    bytes.extend_from_slice(used.application().ebcdic());
    bytes.extend_from_slice(&used.time().as_secs().to_be_bytes());
    bytes.extend_from_slice(process);
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.resize(ENTRY - 4, 0);
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    let mut entry = [0; ENTRY];
    entry.copy_from_slice(&bytes);
    entry
}

/// Reads an entry; `None` for one of zeros, which a lost power may leave at the end of a file.
fn decode(entry: &[u8]) -> io::Result<Option<TicketUse>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "an entry of the replay register is damaged");
    if entry.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let (body, crc) = entry.split_last_chunk().ok_or_else(damaged)?;
    let [VERSION, kind, _, _, rest @ ..] = body else { return Err(damaged()) };
    if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
        return Err(damaged());
    }
    let (user, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (application, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let time = rest.first_chunk().map(|time| u64::from_be_bytes(*time)).ok_or_else(damaged)?;
    let kind = if *kind == 1 { TicketKind::Legacy } else { TicketKind::Enhanced };
    let user = UserId::from_ebcdic(unpadded(user)).ok().ok_or_else(damaged)?;
    let application = Applid::from_ebcdic(unpadded(application)).ok().ok_or_else(damaged)?;
    Ok(Some(TicketUse::new(kind, user, application, Timestamp::from_secs(time))))
}

fn unpadded(bytes: &[u8; 8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0x40).map_or(0, |last| last + 1);
    bytes.split_at(end).0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_763_110_800;

    fn used(user: &str, time: u64) -> TicketUse {
        let application = "TSOPRD1".parse().unwrap();
        TicketUse::new(TicketKind::Legacy, user.parse().unwrap(), application, Timestamp::from_secs(time))
    }

    fn first(register: &FileRegister, ticket: &TicketUse, now: u64) -> bool {
        register.first_use(ticket, Timestamp::from_secs(now)).unwrap() == Usage::First
    }

    #[test]
    fn what_one_process_accepted_another_refuses_and_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (FileRegister::open(dir.path()).unwrap(), FileRegister::open(dir.path()).unwrap());
        assert!(first(&one, &used("U1", NOW), NOW));
        assert!(!first(&one, &used("U1", NOW), NOW));
        assert!(!first(&two, &used("U1", NOW), NOW + 5));
        assert!(first(&two, &used("U1", NOW + 1), NOW + 5));
        assert!(first(&one, &used("U2", NOW), NOW));
        let restarted = FileRegister::open(dir.path()).unwrap();
        for ticket in [used("U1", NOW), used("U1", NOW + 1), used("U2", NOW)] {
            assert!(!first(&restarted, &ticket, NOW + 9));
        }
    }

    #[test]
    fn of_many_at_once_one_is_first() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let ticket = used("RACER", NOW + round);
            let firsts: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            let register = FileRegister::open(dir.path()).unwrap();
                            usize::from(first(&register, &ticket, NOW + round))
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(firsts, 1, "round {round}");
        }
    }

    #[test]
    fn a_clock_that_goes_forward_and_back_forgets_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let register = FileRegister::open(dir.path()).unwrap();
        assert!(first(&register, &used("U1", NOW), NOW));
        assert!(first(&register, &used("U1", NOW + 90_000), NOW + 90_000));
        assert!(!first(&register, &used("U1", NOW), NOW));
        assert!(first(&register, &used("U2", NOW), NOW));
        assert!(!first(&register, &used("U1", NOW + 90_000), NOW + 90_000));
    }

    #[test]
    fn a_use_far_ahead_written_by_another_is_known_when_its_time_comes() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (FileRegister::open(dir.path()).unwrap(), FileRegister::open(dir.path()).unwrap());
        let ahead = NOW - NOW % SECONDS_PER_FILE + 1000;
        assert!(first(&one, &used("U1", ahead), ahead));
        assert!(first(&two, &used("U2", ahead - 990), ahead - 990));
        assert!(!first(&two, &used("U1", ahead), ahead));
    }

    #[test]
    fn a_damaged_entry_refuses_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        assert!(first(&FileRegister::open(dir.path()).unwrap(), &used("U1", NOW), NOW));
        let path = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[5] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = FileRegister::open(dir.path()).unwrap().first_use(&used("U1", NOW), Timestamp::from_secs(NOW));
        assert!(format!("{:?}", error.unwrap_err()).contains("damaged"));
    }
}
