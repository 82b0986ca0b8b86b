//! The replay register of a system directory: what one process accepted, another refuses, and after a restart too.
//!
//! A use is looked up and written under one lock, so of all processes one accepts a ticket. What a writer that was
//! killed, or a full disk, left of an entry is cut off by whoever writes next: its ticket was not accepted.
//!
//! Uses lie in files named after the tickets' time, 64 seconds each. What an entry that cannot be read was is not known,
//! so the tickets of its file are refused, and no others. So are those of a file that was removed: that happens when
//! nothing was written to it for an hour and the tickets' time is an hour ago, and the file `lock` keeps up to which
//! file it happened, for a clock that was wrong and goes back.
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 1 | version X'02' |
//! | 1 | 1 | 1 legacy, 2 enhanced |
//! | 2 | 2 | mark of the ticket |
//! | 4 | 8 | user ID, EBCDIC |
//! | 12 | 8 | application name, EBCDIC |
//! | 20 | 8 | time of the ticket, seconds since 1970 UTC |
//! | 28 | 4 | CRC-32 of all before |
//!
//! The source of the rule, but not of this form: RACF refuses a ticket that was used before on this computer system.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ptkt::{Applid, Error, ReplayRegister, TicketKind, TicketUse, Timestamp, Usage, UserId};

const ENTRY: usize = 32;
const VERSION: u8 = 2;
const SECONDS_PER_FILE: u64 = 64;
/// How many files are kept in memory: more than the windows of one clock need.
const FILES: usize = 32;
const KEPT: Duration = Duration::from_secs(3600);
/// What every process locks. Its content: 8 bytes, the number of the first file that was not removed.
const LOCK: &str = "lock";

/// A replay register in a directory, shared by all processes that use it.
#[derive(Debug)]
pub struct FileRegister {
    directory: PathBuf,
    files: Mutex<BTreeMap<u64, Seen>>,
}

/// A file as far as it has been read. It stays open so that another in its place has another inode.
#[derive(Debug)]
struct Seen {
    file: File,
    read: u64,
    uses: HashSet<TicketUse>,
}

impl FileRegister {
    /// Opens the register in `directory`, which is made (mode 0700) if it is not there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        Ok(Self { directory: directory.to_owned(), files: Mutex::default() })
    }

    /// Looks the use up in what all processes wrote, and writes it.
    fn use_now(&self, files: &mut BTreeMap<u64, Seen>, used: &TicketUse, now: u64) -> io::Result<Usage> {
        let number = used.time().as_secs() / SECONDS_PER_FILE;
        // Unlocked when it is closed.
        let lock = self.lock()?;
        let path = self.file(number);
        let file = match open(&path, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(&lock, number, now)?,
            opened => opened?,
        };
        let seen = match files.entry(number) {
            Entry::Vacant(place) => place.insert(Seen { file, read: 0, uses: HashSet::new() }),
            Entry::Occupied(seen) => seen.into_mut().in_place(file).map_err(at(&path))?,
        };
        let usage = seen.catch_up().and_then(|()| seen.take(used)).map_err(at(&path));
        while files.len() > FILES {
            let current = now / SECONDS_PER_FILE;
            let farthest = files.keys().copied().max_by_key(|number| number.abs_diff(current));
            farthest.and_then(|number| files.remove(&number));
        }
        usage
    }

    fn lock(&self) -> io::Result<File> {
        let path = self.directory.join(LOCK);
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = lock.map_err(at(&path))?;
        lock.lock().map_err(at(&path))?;
        Ok(lock)
    }

    fn file(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:010}"))
    }

    /// A new file, unless there was one once. Makes room for it.
    fn create(&self, lock: &File, number: u64, now: u64) -> io::Result<File> {
        // What hinders it hinders no ticket: the files stay, and the next one who makes a file tries again.
        let _ = self.remove_old(lock, now);
        let path = self.file(number);
        if number < first_kept(lock).map_err(at(&self.directory.join(LOCK)))? {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{} was removed", path.display())));
        }
        open(&path, true)
    }

    /// Removes files of long ago, by the clock of the caller and by that of the file system.
    fn remove_old(&self, lock: &File, now: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
            if let Some(number) = number {
                files.push((number, entry.metadata()?.modified()?, entry.path()));
            }
        }
        let Some(newest) = files.iter().map(|(_, modified, _)| *modified).max() else { return Ok(()) };
        let current = now.saturating_sub(KEPT.as_secs()) / SECONDS_PER_FILE;
        files.retain(|(number, modified, _)| {
            *number < current && newest.duration_since(*modified).is_ok_and(|age| age > KEPT)
        });
        let Some(last) = files.iter().map(|(number, ..)| *number).max() else { return Ok(()) };
        // First, so that a file that is gone is known to be.
        let first_kept = first_kept(lock)?.max(last + 1);
        lock.write_all_at(&first_kept.to_be_bytes(), 0)?;
        files.iter().try_for_each(|(.., path)| fs::remove_file(path))
    }
}

impl Seen {
    /// The file that has this name now; another one is read from its beginning, and what was seen stays seen.
    fn in_place(&mut self, file: File) -> io::Result<&mut Self> {
        let (known, found) = (self.file.metadata()?, file.metadata()?);
        if (known.dev(), known.ino()) != (found.dev(), found.ino()) || found.len() < self.read {
            (self.file, self.read) = (file, 0);
        }
        Ok(self)
    }

    /// Reads what others wrote; cuts off what is no whole entry.
    fn catch_up(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let torn = length % ENTRY as u64;
        if torn > 0 {
            self.file.set_len(length - torn)?;
        }
        let new = (length - torn).saturating_sub(self.read);
        let mut bytes = vec![0; usize::try_from(new).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, self.read)?;
        for entry in bytes.chunks_exact(ENTRY) {
            let used = decode(entry).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, format!("the entry at offset {} is damaged", self.read))
            })?;
            self.uses.insert(used);
            self.read += ENTRY as u64;
        }
        Ok(())
    }

    /// Writes a use that is not there yet.
    fn take(&mut self, used: &TicketUse) -> io::Result<Usage> {
        if self.uses.contains(used) {
            return Ok(Usage::Replay);
        }
        self.file.write_all(&encode(used))?;
        self.read += ENTRY as u64;
        self.uses.insert(*used);
        Ok(Usage::First)
    }
}

fn first_kept(lock: &File) -> io::Result<u64> {
    if lock.metadata()?.len() == 0 {
        return Ok(0);
    }
    let mut bytes = [0; 8];
    lock.read_exact_at(&mut bytes, 0)?;
    Ok(u64::from_be_bytes(bytes))
}

fn open(path: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(create).mode(0o600).open(path).map_err(at(path))
}

/// Names the file in an error.
fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl ReplayRegister for FileRegister {
    fn first_use(&self, used: &TicketUse, now: Timestamp) -> Result<Usage, Error> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let number = used.time().as_secs() / SECONDS_PER_FILE;
        if files.get(&number).is_some_and(|seen| seen.uses.contains(used)) {
            return Ok(Usage::Replay);
        }
        self.use_now(&mut files, used, now.as_secs()).map_err(Error::register)
    }
}

fn encode(used: &TicketUse) -> [u8; ENTRY] {
    let kind = match used.kind() {
        TicketKind::Legacy => 1,
        _ => 2,
    };
    let mut bytes = Vec::with_capacity(ENTRY);
    bytes.extend_from_slice(&[VERSION, kind]);
    bytes.extend_from_slice(&used.mark().to_be_bytes());
    bytes.extend_from_slice(used.user().ebcdic());
    bytes.extend_from_slice(used.application().ebcdic());
    bytes.extend_from_slice(&used.time().as_secs().to_be_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    let mut entry = [0; ENTRY];
    entry.copy_from_slice(&bytes);
    entry
}

fn decode(entry: &[u8]) -> Option<TicketUse> {
    let (body, crc) = entry.split_last_chunk()?;
    let [VERSION, kind, mark_high, mark_low, rest @ ..] = body else { return None };
    if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
        return None;
    }
    let (user, rest) = rest.split_first_chunk::<8>()?;
    let (application, time) = rest.split_first_chunk::<8>()?;
    let kind = if *kind == 1 { TicketKind::Legacy } else { TicketKind::Enhanced };
    let user = UserId::from_ebcdic(unpadded(user)).ok()?;
    let application = Applid::from_ebcdic(unpadded(application)).ok()?;
    let time = Timestamp::from_secs(u64::from_be_bytes(time.try_into().ok()?));
    Some(TicketUse::marked(kind, user, application, time, u16::from_be_bytes([*mark_high, *mark_low])))
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
        TicketUse::marked(TicketKind::Legacy, user.parse().unwrap(), application, Timestamp::from_secs(time), 7)
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
        let ahead = NOW + 1000;
        assert!(first(&one, &used("U1", ahead), ahead));
        assert!(first(&two, &used("U2", NOW), NOW));
        assert!(!first(&two, &used("U1", ahead), ahead));
    }

    #[test]
    fn a_damaged_entry_refuses_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        assert!(first(&FileRegister::open(dir.path()).unwrap(), &used("U1", NOW), NOW));
        let path = dir.path().join(format!("{:010}", NOW / SECONDS_PER_FILE));
        let mut bytes = fs::read(&path).unwrap();
        bytes[5] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = FileRegister::open(dir.path()).unwrap().first_use(&used("U1", NOW), Timestamp::from_secs(NOW));
        assert!(format!("{:?}", error.unwrap_err()).contains("damaged"));
    }

    /// The register was wiped, or restored from somewhere, under a running process.
    #[test]
    fn a_file_in_the_place_of_another_is_read_from_its_beginning_and_what_was_seen_stays_seen() {
        let dir = tempfile::tempdir().unwrap();
        let register = FileRegister::open(dir.path()).unwrap();
        assert!(first(&register, &used("U1", NOW), NOW));
        let path = dir.path().join(format!("{:010}", NOW / SECONDS_PER_FILE));
        fs::remove_file(&path).unwrap();
        for user in ["U2", "U3"] {
            assert!(first(&FileRegister::open(dir.path()).unwrap(), &used(user, NOW), NOW));
        }
        for user in ["U1", "U2", "U3"] {
            assert!(!first(&register, &used(user, NOW), NOW), "{user}");
        }
    }

    /// Far more files than are kept in memory, back and forth.
    #[test]
    fn what_is_not_in_memory_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let register = FileRegister::open(dir.path()).unwrap();
        for n in 0..100 {
            assert!(first(&register, &used("U1", NOW + 64 * n), NOW + 64 * n));
        }
        assert_eq!(register.files.lock().unwrap().len(), FILES);
        for n in 0..100 {
            assert!(!first(&register, &used("U1", NOW + 64 * n), NOW + 64 * n));
        }
    }

    /// An entry is accepted as whole only when it is: at each length of a torn one the ticket before it is known, and the
    /// torn one is good.
    #[test]
    fn wherever_an_entry_is_torn_the_ones_before_it_count() {
        let dir = tempfile::tempdir().unwrap();
        let register = FileRegister::open(dir.path()).unwrap();
        assert!(first(&register, &used("U1", NOW), NOW) && first(&register, &used("U2", NOW), NOW));
        let path = dir.path().join(format!("{:010}", NOW / SECONDS_PER_FILE));
        let whole = fs::read(&path).unwrap();
        for length in ENTRY..2 * ENTRY {
            fs::write(&path, &whole[..length]).unwrap();
            let restarted = FileRegister::open(dir.path()).unwrap();
            assert!(!first(&restarted, &used("U1", NOW), NOW));
            assert!(first(&restarted, &used("U2", NOW), NOW));
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }
}
