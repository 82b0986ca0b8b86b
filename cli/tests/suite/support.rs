//! A directory to work in, and the program.

#![cfg_attr(not(feature = "enhanced"), allow(dead_code, reason = "most tests are left out then"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A key whose text must never be seen in any output.
pub(crate) const KEY: &str = "E001193519561977";

/// The program.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_softicsf"))
}

/// The program, run in `directory`, with nothing of the environment that it looks at.
pub(crate) fn softicsf(directory: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(directory).stdin(Stdio::null()).env("XDG_STATE_HOME", directory.join(".state"));
    clean(&mut command);
    command
}

pub(crate) fn clean(command: &mut Command) {
    for name in [
        "SOFTICSF_SYSTEM",
        "SOFTICSF_PASSPHRASE_FILE",
        "SOFTICSF_PIN",
        "SOFTICSF_PIN_FILE",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "CLICOLOR",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(name);
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// That it went well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// A directory to work in, removed with this.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        // The length of its name is always the same, and with it where lines are folded.
        Self(tempfile::Builder::new().prefix("sic").rand_bytes(6).tempdir_in("/tmp").unwrap())
    }

    /// With a system PRD1 in it, whose master keys are set and whose classes are active.
    pub(crate) fn with_system() -> Self {
        let place = Self::new();
        place.run(&["init", "prd1", "--sysname", "PRD1", "--generate-master-keys"]).ok();
        let commands = [
            "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
            "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
            "RDEFINE PTKTDATA CICSP1 SSIGNON(EPTKEYLABEL(PTKT.CICSP1.HMAC) TYPE(UPPER))",
            "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYLABEL(PTKT.TSOPRD1.DES))",
            "SETROPTS RACLIST(PTKTDATA) REFRESH",
        ];
        place.prd1(&[&["racf"], commands.as_slice()].concat()).ok();
        place.prd1(&["ckds", "add", "PTKT.CICSP1.HMAC", "--type", "HMAC-MAC", "--generate"]).ok();
        place.prd1(&["ckds", "add", "PTKT.TSOPRD1.DES", "--type", "DES-DATA", "--generate"]).ok();
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A file that only its owner can read; its path.
    pub(crate) fn secret(&self, name: &str, text: &str) -> String {
        let path = self.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        softicsf(self.path()).args(arguments).output().unwrap().into()
    }

    /// On the system of [`with_system`](Self::with_system).
    pub(crate) fn prd1(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["-C", "prd1"], arguments].concat())
    }

    /// The same, reading `input`.
    pub(crate) fn prd1_reading(&self, arguments: &[&str], input: &(impl AsRef<[u8]> + ?Sized)) -> Ran {
        use std::io::Write;
        let mut command = softicsf(self.path());
        command.args(["-C", "prd1"]).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that has read enough may have gone.
        let _ = child.stdin.take().unwrap().write_all(input.as_ref());
        child.wait_with_output().unwrap().into()
    }
}

/// The verbs, each as the words to type, those with verbs below them too: as help shows them.
pub(crate) fn verbs() -> Vec<Vec<String>> {
    fn below(words: &[String], found: &mut Vec<Vec<String>>) {
        let words_and_help: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = Place::new().run(&words_and_help).ok().stdout;
        let names = help
            .lines()
            .skip_while(|line| !["Verbs:", "Commands:"].contains(line))
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help");
        for name in names {
            let verb: Vec<String> = words.iter().cloned().chain([name.to_owned()]).collect();
            found.push(verb.clone());
            below(&verb, found);
        }
    }
    let mut found = Vec::new();
    below(&[], &mut found);
    found
}
