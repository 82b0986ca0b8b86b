//! The operator's switches, in a file.

use std::fs;
use std::io;
use std::path::PathBuf;

use icsf_core::control::{Control, ControlStore};
use serde::{Deserialize, Serialize};

use crate::options::replace;

/// The switches of a system directory.
#[derive(Debug)]
pub(crate) struct FileControl(PathBuf);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switches {
    icsf_started: bool,
    engine_online: bool,
    /// Not in the files of releases that did not have it.
    #[serde(default = "on")]
    ckds_updates: bool,
    #[serde(default = "on")]
    kerberos_started: bool,
}

const fn on() -> bool {
    true
}

impl FileControl {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl ControlStore for FileControl {
    fn load(&self) -> io::Result<Control> {
        let text = fs::read_to_string(&self.0)?;
        let damaged = |error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", self.0.display()));
        let switches: Switches = toml::from_str(&text).map_err(damaged)?;
        let mut control = Control::default();
        control.started = switches.icsf_started;
        control.engine_online = switches.engine_online;
        control.ckds_updates = switches.ckds_updates;
        control.kerberos_started = switches.kerberos_started;
        Ok(control)
    }

    fn save(&self, control: &Control) -> io::Result<()> {
        let switches = Switches {
            icsf_started: control.started,
            engine_online: control.engine_online,
            ckds_updates: control.ckds_updates,
            kerberos_started: control.kerberos_started,
        };
        let text = toml::to_string(&switches).map_err(io::Error::other)?;
        replace(&self.0, text.as_bytes())
    }
}
