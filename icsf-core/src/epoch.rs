//! One number that every process on a system watches, so that what one changes the others see on their next call.
//!
//! The number counts changes and is odd while one is being made. A reader who saw the same even number before knows
//! that nothing has changed since and goes on with what it holds in memory; in every other case it looks at the stores
//! again. A writer that is killed half-way leaves the number odd: readers then look each time, which is slower and
//! right, until the next writer makes it even.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counts the changes made to a system. See the module for how it is read.
#[derive(Debug)]
pub struct Epoch {
    counter: Counter,
    writer: Mutex<()>,
}

#[derive(Debug)]
enum Counter {
    Memory(AtomicU64),
    File(File),
}

impl Epoch {
    /// For a system that one process holds in memory.
    #[must_use]
    pub const fn in_memory() -> Self {
        Self { counter: Counter::Memory(AtomicU64::new(0)), writer: Mutex::new(()) }
    }

    /// For a new system directory: 8 bytes in a file of mode 0600, which is not there yet.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all_at(&[0; 8], 0)?;
        Ok(Self { counter: Counter::File(file), writer: Mutex::new(()) })
    }

    /// For a system directory that is there. A file that has gone is not made anew: processes that still hold the old one
    /// would learn of nothing any more.
    ///
    /// # Errors
    /// What the file system says; [`io::ErrorKind::NotFound`] with what to do.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => gone(error.kind(), "it is missing"),
            _ => error,
        })?;
        let opened = Self { counter: Counter::File(file), writer: Mutex::new(()) };
        opened.now()?;
        Ok(opened)
    }

    /// The number now. Even: no change is under way.
    ///
    /// # Errors
    /// When the file cannot be read, or was deleted or replaced since it was opened: what others change is then not seen
    /// any more, so the caller must not go on.
    pub fn now(&self) -> io::Result<u64> {
        match &self.counter {
            Counter::Memory(count) => Ok(count.load(Ordering::SeqCst)),
            Counter::File(file) => {
                if file.metadata()?.nlink() == 0 {
                    return Err(gone(io::ErrorKind::Other, "it was deleted or replaced"));
                }
                let mut bytes = [0; 8];
                file.read_exact_at(&mut bytes, 0)?;
                Ok(u64::from_be_bytes(bytes))
            }
        }
    }

    /// Runs `change` and lets every process know of it, whether it succeeded or not.
    /// One change at a time; they are not to be nested.
    ///
    /// # Errors
    /// When the number cannot be written; `change` has then not been run, or others learn of it only by the odd number.
    pub fn change<T>(&self, change: impl FnOnce() -> T) -> io::Result<T> {
        let _one = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _locked = self.lock()?;
        let odd = self.now()? | 1;
        self.set(odd)?;
        let result = change();
        self.set(odd.wrapping_add(1))?;
        Ok(result)
    }

    fn set(&self, number: u64) -> io::Result<()> {
        match &self.counter {
            Counter::Memory(count) => count.store(number, Ordering::SeqCst),
            Counter::File(file) => file.write_all_at(&number.to_be_bytes(), 0)?,
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<Option<Locked<'_>>> {
        match &self.counter {
            Counter::Memory(_) => Ok(None),
            Counter::File(file) => {
                file.lock()?;
                Ok(Some(Locked(file)))
            }
        }
    }
}

fn gone(kind: io::ErrorKind, what: &str) -> io::Error {
    let mend = "end all programs that use the system, then put 8 zero bytes there, mode 600";
    io::Error::new(kind, format!("the change counter: {what}; {mend}"))
}

struct Locked<'a>(&'a File);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // A lock that cannot be given back goes with the file, at the latest with the process.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two at once would both write the same numbers, and who looks on between would miss the second change.
    #[test]
    fn while_one_process_changes_something_another_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("epoch");
        // Two open files, as two processes have.
        let (one, two) = (Epoch::create(&path).unwrap(), Epoch::open(&path).unwrap());
        let before = one.now().unwrap();
        let second = one
            .change(|| {
                let second = std::thread::spawn(move || two.change(|| two.now().unwrap()).unwrap());
                // It cannot have begun: the number says so, however long one looks.
                for _ in 0..1000 {
                    assert_eq!(one.now().unwrap(), before + 1);
                    assert!(!second.is_finished());
                    std::thread::yield_now();
                }
                second
            })
            .unwrap();
        assert_eq!(second.join().unwrap(), before + 3, "it began when the first was done");
        assert_eq!(one.now().unwrap(), before + 4);
    }

    #[test]
    fn another_holder_of_the_file_sees_each_change_and_a_killed_writer_leaves_it_odd() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("epoch");
        let (one, two) = (Epoch::create(&path).unwrap(), Epoch::open(&path).unwrap());
        let seen = two.now().unwrap();
        one.change(|| assert_eq!(two.now().unwrap() % 2, 1)).unwrap();
        assert_eq!(two.now().unwrap(), seen + 2);

        one.set(seen + 3).unwrap(); // as a writer killed inside `change` leaves it
        assert_eq!(two.now().unwrap() % 2, 1);
        two.change(|| ()).unwrap();
        assert_eq!(one.now().unwrap(), seen + 4);
    }
}
