//! What SoftHSM is told.

use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Settings for an isolated module, beyond those the fixtures make: a module that lacks a mechanism, for one.
///
/// ```
/// # use softhsm_fixtures::Configuration;
/// let poor = Configuration::new().set("slots.mechanisms", "CKM_AES_KEY_GEN,CKM_AES_KEY_WRAP");
/// ```
///
/// SoftHSM also takes a list of mechanisms to leave out, but version 2.6.1 passes over the first name in it.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Configuration {
    settings: Vec<(String, String)>,
}

/// Made by the fixtures, and checked.
const TOKENS: &str = "directories.tokendir";
const REMOVABLE: &str = "slots.removable";

impl Configuration {
    /// SoftHSM as it is.
    pub const fn new() -> Self {
        Self { settings: Vec::new() }
    }

    /// One more line of the configuration file.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The file, for tokens in this directory.
    pub(crate) fn text(&self, tokens: &Path) -> Result<String, Error> {
        let mut text = format!("{TOKENS} = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        for (name, value) in &self.settings {
            let reserved = name == TOKENS || name == REMOVABLE;
            if reserved || name.is_empty() || [name, value].iter().any(|part| part.contains(['\n', '\r', '\0'])) {
                let text = format!("the setting {name:?} cannot be made here");
                return Err(Error::new(ErrorKind::Setting, text));
            }
            text.push_str(&format!("{name} = {value}\n"));
        }
        // The last line is the one whose effect is looked for, so that a file cut short is noticed.
        text.push_str(&format!("{REMOVABLE} = true\n"));
        Ok(text)
    }
}
