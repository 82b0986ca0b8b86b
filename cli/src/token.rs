//! A token that the command line names.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use softicsf::{HostKeys, Pkcs11Token};

use crate::failure::Failure;

/// Which token; the heading in help is of who takes them.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// PKCS#11 module, as /usr/lib/softhsm/libsofthsm2.so
    #[arg(long, value_name = "PATH")]
    module: Option<PathBuf>,
    /// Label of the token
    #[arg(long, value_name = "LABEL")]
    token: Option<String>,
    /// Serial number of the token, where several have the label
    #[arg(long, value_name = "NUMBER")]
    serial: Option<String>,
    /// Use a token that does not protect its keys
    #[arg(long)]
    accept_weak_token: bool,
    /// Whether Kerberos keys that the token cannot use may leave it, to be used in
    /// the process that needs them [default: forbid]
    #[arg(long, value_enum, value_name = "allow|forbid", hide_possible_values = true)]
    host_keys: Option<HostKeysArg>,
}

/// See [`HostKeys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HostKeysArg {
    Forbid,
    Allow,
}

impl TokenArgs {
    /// Whether one is named at all.
    pub(crate) const fn is_named(&self) -> bool {
        self.module.is_some() || self.token.is_some() || self.serial.is_some() || self.accept_weak_token
    }

    /// What is to become of keys that the token cannot use, if that is said.
    pub(crate) fn host_keys(&self) -> Option<HostKeys> {
        self.host_keys.map(|arg| match arg {
            HostKeysArg::Forbid => HostKeys::Forbid,
            HostKeysArg::Allow => HostKeys::Allow,
        })
    }

    /// The token, if one is wanted.
    pub(crate) fn token(&self, wanted: bool) -> Result<Option<Pkcs11Token>, Failure> {
        match (&self.module, &self.token, wanted) {
            (Some(module), Some(label), true) => {
                let mut token = Pkcs11Token::new(std::path::absolute(module).unwrap_or_else(|_| module.clone()), label);
                token.serial.clone_from(&self.serial);
                token.accept_weak_token = self.accept_weak_token;
                token.host_keys = self.host_keys().unwrap_or_default();
                Ok(Some(token))
            }
            (_, _, true) => Err(Failure::usage("a token is named by --module PATH and --token LABEL")
                .next("pkcs11-tool --module PATH --list-token-slots shows the labels of a module")),
            (None, None, false) if self.serial.is_none() && !self.accept_weak_token && self.host_keys.is_none() => {
                Ok(None)
            }
            _ => Err(Failure::usage(
                "--module, --token, --serial, --accept-weak-token and --host-keys go with --backend pkcs11",
            )),
        }
    }
}
