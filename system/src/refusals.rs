//! The PINs that a token has refused, remembered from one process to the next.
//!
//! A token counts wrong PINs and locks after a few, three often; a wrong PIN file read by three commands would do. So what
//! was refused is noted beside the register file, and is not tried again by any process of this system until another PIN is
//! given, or the operator says so.
//!
//! What is noted must not give the PIN away, for a PIN that is wrong here may be right elsewhere, and PINs are short
//! enough to be guessed: it is the first bytes of a slow, salted hash. Two bytes know a PIN again, and fit so many others that
//! they do not single it out of the PINs of six digits and more. That another PIN is taken for a refused one happens once in
//! 65536 times, and is put right by the operator as well. (Age and size of a PIN file would say nothing of a PIN, but not
//! every PIN is in a file, and a file may be written anew with the same PIN.)
//!
//! The file, which is replaced whole, is a line each of `softicsf refused PINs 1`, the salt, and the bytes of each PIN, in
//! hexadecimal.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use icsf_core::ClearKey;
use icsf_core::random::{RandomSource, SystemRandom};
use zeroize::Zeroizing;

use crate::options::replace;

const FIRST_LINE: &str = "softicsf refused PINs 1";
const SUFFIX: &str = ".refused";
/// So many are remembered; a token locks before that.
const MOST: usize = 16;
/// KiB and passes: a fifth of a second for each guess.
const MEMORY: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// How long a login of another process may take; a module that hangs is given up before.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(2);

type Mark = [u8; 2];

/// Those of the token of one register file.
#[derive(Debug)]
pub(crate) struct Refusals {
    registers: PathBuf,
}

/// The version of the file, to see that it was changed; `None` is no file.
pub(crate) type Stamp = Option<(SystemTime, u64)>;

#[derive(Default)]
struct Noted {
    salt: [u8; 16],
    marks: Vec<Mark>,
}

impl Refusals {
    /// Of the token with these registers.
    pub(crate) fn of(registers: &Path) -> Self {
        Self { registers: registers.to_owned() }
    }

    fn path(&self) -> PathBuf {
        let mut name = self.registers.clone().into_os_string();
        name.push(SUFFIX);
        name.into()
    }

    /// What the file is like now.
    pub(crate) fn stamp(&self) -> Stamp {
        let metadata = fs::metadata(self.path()).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Whether this PIN was refused.
    pub(crate) fn know(&self, pin: &ClearKey) -> bool {
        self.read().is_some_and(|noted| mark(pin, &noted.salt).is_some_and(|mark| noted.marks.contains(&mark)))
    }

    /// Remembers that this PIN was refused.
    pub(crate) fn note(&self, pin: &ClearKey) -> io::Result<()> {
        let mut noted = match self.read() {
            Some(noted) => noted,
            None => {
                let mut noted = Noted::default();
                SystemRandom.fill(&mut noted.salt).map_err(io::Error::other)?;
                noted
            }
        };
        let mark = mark(pin, &noted.salt).ok_or_else(|| io::Error::other("the PIN cannot be hashed"))?;
        noted.marks.retain(|known| *known != mark);
        noted.marks.push(mark);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let oldest = noted.marks.len().saturating_sub(MOST);
        let mut text = format!("{FIRST_LINE}\n{}\n", hex(&noted.salt));
        noted.marks.iter().skip(oldest).for_each(|mark| text += &format!("{}\n", hex(mark)));
        replace(&self.path(), text.as_bytes())
    }

    /// Forgets them: the token has taken a PIN, and counts from the beginning, or the operator says so.
    pub(crate) fn forget(&self) -> io::Result<()> {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Forgets those of all tokens with registers in this directory.
    pub(crate) fn forget_all(directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            if let Some(registers) = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)) {
                Self::of(&directory.join(registers)).forget()?;
            }
        }
        Ok(())
    }

    /// One process at a time tries a PIN, or several would before the first has noted that it is refused. `None` when another
    /// one does not come to an end with it; a file that is not there yet is nobody else's.
    pub(crate) fn turn(&self) -> Option<Option<File>> {
        let Ok(file) = File::open(&self.registers) else { return Some(None) };
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Some(file)),
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return None,
                // A file system without locks.
                Err(TryLockError::Error(_)) => return Some(None),
            }
        }
    }

    /// A file that is none of ours knows nothing, and the next refusal takes its place.
    fn read(&self) -> Option<Noted> {
        let text = fs::read_to_string(self.path()).ok()?;
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return None;
        }
        let salt = bytes(lines.next()?)?;
        Some(Noted { salt, marks: lines.map(bytes).collect::<Option<_>>()? })
    }
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if hex.len() != 2 * N {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(out)
}

fn mark(pin: &ClearKey, salt: &[u8]) -> Option<Mark> {
    let params = Params::new(MEMORY, PASSES, 1, Some(32)).ok()?;
    let mut memory = Zeroizing::new(vec![Block::new(); params.block_count()]);
    let mut hash = Zeroizing::new([0; 32]);
    let slow = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    slow.hash_password_into_with_memory(pin.expose(), salt, &mut *hash, memory.as_mut_slice()).ok()?;
    hash.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;

    fn pin(text: &str) -> ClearKey {
        ClearKey::from_slice(text.as_bytes())
    }

    #[test]
    fn what_was_refused_is_known_until_it_is_forgotten_and_is_not_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let refusals = Refusals::of(&directory.path().join("engine.token"));
        assert!(!refusals.know(&pin("123456")));
        let before = refusals.stamp();
        refusals.note(&pin("123456")).unwrap();
        refusals.note(&pin("hunter2")).unwrap();
        refusals.note(&pin("123456")).unwrap();
        assert!(refusals.know(&pin("123456")) && refusals.know(&pin("hunter2")) && !refusals.know(&pin("123457")));
        assert_ne!(refusals.stamp(), before);
        let text = fs::read_to_string(refusals.path()).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(!text.contains("123456") && !text.contains("hunter2"));
        Refusals::forget_all(directory.path()).unwrap();
        assert!(!refusals.know(&pin("123456")));
        assert_eq!(refusals.stamp(), before);
    }

    #[test]
    fn a_file_of_another_sort_knows_nothing_and_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let refusals = Refusals::of(&directory.path().join("engine.token"));
        for text in
            ["", "softicsf refused PINs 2\n", "softicsf refused PINs 1\nzz\n", "softicsf refused PINs 1\n00\nff\n"]
        {
            fs::write(refusals.path(), text).unwrap();
            assert!(!refusals.know(&pin("1")), "{text:?}");
            refusals.note(&pin("1")).unwrap();
            assert!(refusals.know(&pin("1")));
        }
    }

    #[test]
    fn one_process_at_a_time_has_its_turn() {
        let directory = tempfile::tempdir().unwrap();
        let refusals = Refusals::of(&directory.path().join("engine.token"));
        assert!(matches!(refusals.turn(), Some(None)), "there is nothing yet to share");
        fs::write(directory.path().join("engine.token"), b"registers").unwrap();
        let turn = refusals.turn().unwrap().unwrap();
        let file = File::open(directory.path().join("engine.token")).unwrap();
        assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        drop(turn);
        file.try_lock().unwrap();
    }
}
