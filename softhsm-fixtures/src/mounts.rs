//! Why a library that is there cannot be loaded: its file system runs no programs.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The place at which a file system without programs is mounted, if this path is on one.
pub(crate) fn without_programs(path: &Path) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    find(&mounts, &fs::canonicalize(path).ok()?)
}

/// Of the lines of `/proc/self/mountinfo` (see proc(5)): field 5 is the place, field 6 the options. The deepest place is
/// the one that counts, and the last that was mounted there.
fn find(mounts: &str, path: &Path) -> Option<PathBuf> {
    let line = |line: &str| {
        let mut fields = line.split(' ').skip(4);
        Some((unescaped(fields.next()?), fields.next()?.split(',').any(|option| option == "noexec")))
    };
    let (place, noexec) = mounts
        .lines()
        .filter_map(line)
        .filter(|(place, _)| path.starts_with(place))
        .max_by_key(|(place, _)| place.components().count())?;
    noexec.then_some(place)
}

/// Blanks and the like are written as a backslash and three octal digits.
fn unescaped(field: &str) -> PathBuf {
    let mut parts = field.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.split_at_checked(3).and_then(|(octal, rest)| Some((u8::from_str_radix(octal, 8).ok()?, rest))) {
            Some((byte, rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            None => {
                bytes.push(b'\\');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:40 / /tmp rw,nosuid,noexec,relatime shared:1 - tmpfs tmpfs rw
41 40 0:41 / /tmp/a\\040b rw - tmpfs tmpfs rw
42 27 0:42 / /over rw,noexec - tmpfs tmpfs rw
43 42 0:43 / /over rw - tmpfs tmpfs rw
44 27 0:44 / /noexec rw - tmpfs noexec rw,noexec
";

    #[test]
    fn the_deepest_and_last_mount_says_whether_programs_run() {
        for (path, place) in [
            ("/home/x", None),
            ("/tmp/softhsm-fixtures-1/card", Some("/tmp")),
            ("/tmpfile", None),
            ("/tmp/a b/card", None),
            ("/tmp/a", Some("/tmp")),
            ("/over/card", None),
            ("/noexec/card", None),
        ] {
            assert_eq!(find(MOUNTS, Path::new(path)).as_deref(), place.map(Path::new), "{path}");
        }
        assert_eq!(find("garbled\n1 2\n", Path::new("/tmp")), None);
    }
}
