//! The options of a system: what it is called, and which engine it has. Kept in `softicsf.toml`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use icsf_backends::pkcs11;
use icsf_core::ClearKey;
use icsf_core::codes::ReasonCodes;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::modules;

const FORMAT: u32 = 1;

/// What a system is called, and how it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// The system name: 1 to 8 letters, digits, `@ # $`.
    pub sysname: String,
    /// The SMF ID: 1 to 4 of the same. TSO and batch applications are named after it.
    pub smfid: String,
    /// The numbering of reason codes.
    pub reason_codes: ReasonCodes,
    /// CHECKAUTH: whether ICSF looks at classes CSFSERV and CSFKEYS for those who ask for PassTickets.
    pub checkauth: bool,
}

impl Default for Names {
    fn default() -> Self {
        Self { sysname: "SY1".to_owned(), smfid: "SY1".to_owned(), reason_codes: ReasonCodes::Icsf, checkauth: false }
    }
}

impl Names {
    /// Checked and folded to upper case.
    ///
    /// # Errors
    /// Says which name is wrong, and what is allowed.
    pub fn new(sysname: &str, smfid: &str, reason_codes: ReasonCodes) -> std::result::Result<Self, String> {
        let name = |what: &str, text: &str, most: usize| {
            let folded = text.to_ascii_uppercase();
            let fits = (1..=most).contains(&folded.len())
                && folded.chars().all(|c| c.is_ascii_alphanumeric() || "@#$".contains(c));
            if fits {
                Ok(folded)
            } else {
                Err(format!("{what} {text:?}: 1 to {most} letters, digits, @, # and $ are allowed"))
            }
        };
        let sysname = name("the system name", sysname, 8)?;
        if sysname.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("the system name {sysname:?} begins with a digit"));
        }
        Ok(Self { sysname, smfid: name("the SMF ID", smfid, 4)?, reason_codes, checkauth: false })
    }
}

/// Which engine a system has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "backend", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Engine {
    /// None.
    None,
    /// The software engine, its master keys in a sealed file.
    Software {
        /// What opens the file.
        unlock: UnlockBy,
    },
    /// A PKCS#11 token, which its master keys never leave.
    Pkcs11(Pkcs11Token),
}

impl Engine {
    /// The word for it in options and displays.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Software { .. } => "software",
            Self::Pkcs11(_) => "pkcs11",
        }
    }
}

/// Which token, in which module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pkcs11Token {
    /// The file of the module, a full path.
    pub module: PathBuf,
    /// The label of the token.
    pub token: String,
    /// Its serial number, where labels are not unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// A file, mode 0600, with the PIN: for unattended use. Without it the PIN is given to each process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_file: Option<PathBuf>,
    /// Uses a token that does not protect its keys.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_weak_token: bool,
    /// What becomes of Kerberos keys that the token wraps and cannot use.
    #[serde(default, skip_serializing_if = "HostKeys::is_forbid")]
    pub host_keys: HostKeys,
    /// The file in the directory of the system that says which objects of the token are the registers.
    #[serde(default = "registers")]
    pub(crate) registers: String,
}

/// What becomes of the keys of Kerberos principals that a token wraps and cannot use itself: which these are say the
/// [capabilities](icsf_core::backend::Capabilities::kerberos) of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeys {
    /// They cannot be used.
    #[default]
    Forbid,
    /// The token gives them out, and they are used in the process that needs them.
    Allow,
}

impl HostKeys {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks in this way")]
    const fn is_forbid(&self) -> bool {
        matches!(self, Self::Forbid)
    }
}

/// The register file of the first token a system has.
pub(crate) fn registers() -> String {
    "engine.token".to_owned()
}

impl Pkcs11Token {
    /// The token with this label in the slots of this module.
    #[must_use]
    pub fn new(module: impl Into<PathBuf>, label: impl Into<String>) -> Self {
        Self {
            module: module.into(),
            token: label.into(),
            serial: None,
            pin_file: None,
            accept_weak_token: false,
            host_keys: HostKeys::Forbid,
            registers: registers(),
        }
    }

    /// The same as the engine is told, with whether its module is ours: see [`own_modules`](crate::own_modules).
    #[must_use]
    pub fn options(&self) -> pkcs11::Options {
        let options = pkcs11::Options::new(&self.module, &self.token)
            .accept_weak_token(self.accept_weak_token)
            .own_module(modules::are_owned())
            .host_keys(match self.host_keys {
                HostKeys::Forbid => pkcs11::HostKeys::Forbid,
                HostKeys::Allow => pkcs11::HostKeys::Allow,
            });
        self.serial.iter().fold(options, |options, serial| options.with_serial(serial))
    }
}

/// What opens an engine, given by who opens the system. Each is used for the sort of engine it belongs to.
#[derive(Debug, Default)]
pub struct EngineSecrets {
    /// The pass phrase of a software engine.
    pub pass_phrase: Option<ClearKey>,
    /// The PIN of a token.
    pub pin: Option<ClearKey>,
}

impl EngineSecrets {
    pub(crate) fn copy(&self) -> Self {
        let copy = |secret: &Option<ClearKey>| secret.as_ref().map(|secret| ClearKey::from_slice(secret.expose()));
        Self { pass_phrase: copy(&self.pass_phrase), pin: copy(&self.pin) }
    }
}

/// What opens the sealed file of the software engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnlockBy {
    /// A key file beside it, mode 0600: for unattended use.
    KeyFile,
    /// A pass phrase, given each time.
    PassPhrase,
}

/// The file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionsFile {
    format: u32,
    sysname: String,
    smfid: String,
    reason_codes: String,
    /// Written only where it is set, so that earlier releases read the file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    checkauth: bool,
    engine: Engine,
}

/// Reads the options of a system.
pub(crate) fn read(path: &Path) -> Result<(Names, Engine)> {
    let text = fs::read_to_string(path).map_err(Error::of(path))?;
    let file: OptionsFile = toml::from_str(&text).map_err(Error::of(path))?;
    if file.format != FORMAT {
        return Err(Error::new(path, format!("the system has format {}, this release knows {FORMAT}", file.format)));
    }
    let reason_codes = file.reason_codes.parse().map_err(|why: String| Error::new(path, why))?;
    let names = Names::new(&file.sysname, &file.smfid, reason_codes).map_err(|why| Error::new(path, why))?;
    Ok((Names { checkauth: file.checkauth, ..names }, file.engine))
}

/// Writes the options of a system, wholly or not at all.
pub(crate) fn write(path: &Path, names: &Names, engine: &Engine) -> Result<()> {
    let file = OptionsFile {
        format: FORMAT,
        sysname: names.sysname.clone(),
        smfid: names.smfid.clone(),
        reason_codes: names.reason_codes.to_string(),
        checkauth: names.checkauth,
        engine: engine.clone(),
    };
    let text = toml::to_string(&file).map_err(Error::of(path))?;
    replace(path, text.as_bytes()).map_err(Error::of(path))
}

/// Puts `bytes` in the place of a file in one step, durably.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
    let replaced = written.and_then(|()| fs::rename(&beside, path));
    if replaced.is_err() {
        // What is half written is taken away; the error is told in any case.
        let _ = fs::remove_file(&beside);
    }
    replaced?;
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}
