//! Secrets that commands name: from the environment, and from files nobody else can read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use icsf_saf::command::SecretSource;
use secrecy::SecretString;

/// The longest secret read from a file.
const MOST: u64 = 4096;

/// `@secret:NAME` from the environment variable `SOFTICSF_SECRET_NAME` (letters upper case, everything else `_`),
/// `@file:PATH` from a file of mode 0600 or 0400.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostSecrets;

impl SecretSource for HostSecrets {
    fn named(&self, name: &str) -> Result<SecretString, String> {
        let variable: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let variable = format!("SOFTICSF_SECRET_{variable}");
        std::env::var(&variable).ok().map(SecretString::from).ok_or_else(|| {
            format!("there is no secret {name:?}: set the environment variable {variable}, or use @file:PATH")
        })
    }

    fn file(&self, path: &str) -> Result<SecretString, String> {
        read_secret(path)
    }
}

/// The first line of a file that only its owner can read.
///
/// # Errors
/// Says what is wrong with the file; never what is in it.
pub fn read_secret(path: &str) -> Result<SecretString, String> {
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode();
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(format!("{path}: its mode is {:o}, others can read it: chmod 600 {path}", mode & 0o777));
    }
    // Reserved at once: a string that grows leaves copies behind.
    let mut text = String::with_capacity(usize::try_from(MOST).unwrap_or(4096));
    file.take(MOST).read_to_string(&mut text).map_err(failed)?;
    let line = text.lines().next().unwrap_or_default();
    let secret = SecretString::from(line);
    zeroize_string(text);
    Ok(secret)
}

fn zeroize_string(text: String) {
    // `SecretString` wipes what it holds when it is dropped.
    drop(SecretString::from(text));
}
