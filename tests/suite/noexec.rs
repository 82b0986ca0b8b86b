//! A directory for temporary files in which no library can be loaded. Mounts it, as the tests of full disks do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use softhsm_fixtures::{Card, ErrorKind, Token};

use crate::support::process;

#[test]
fn fixtures_say_what_is_wrong_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let test = process("noexec::child_without_programs", directory.path(), 0);
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut unshare = Command::new("unshare");
    unshare.args(if root { &["--mount"][..] } else { &["--map-root-user", "--mount"] });
    unshare.args(["sh", "-c", "mount -t tmpfs -o noexec,mode=0700 tmpfs \"$TMPDIR\" && exec \"$@\"", "sh"]);
    unshare.arg(test.get_program()).args(test.get_args());
    unshare.envs(test.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TMPDIR", directory.path());
    let ended = unshare.output().unwrap();
    let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn child_without_programs() {
    let place = std::env::temp_dir();
    for error in [Token::try_isolated().unwrap_err(), Card::try_new(&Default::default()).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Scratch, "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("{} is mounted noexec: set TMPDIR", place.display())), "{text}");
    }
}
