//! A token that the command line names.

use std::path::PathBuf;

use clap::Args;
use softicsf::Pkcs11Token;

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
}

impl TokenArgs {
    /// Whether one is named at all.
    pub(crate) const fn is_named(&self) -> bool {
        self.module.is_some() || self.token.is_some() || self.serial.is_some() || self.accept_weak_token
    }

    /// The token, if one is wanted.
    pub(crate) fn token(&self, wanted: bool) -> Result<Option<Pkcs11Token>, Failure> {
        match (&self.module, &self.token, wanted) {
            (Some(module), Some(label), true) => {
                let mut token = Pkcs11Token::new(std::path::absolute(module).unwrap_or_else(|_| module.clone()), label);
                token.serial.clone_from(&self.serial);
                token.accept_weak_token = self.accept_weak_token;
                Ok(Some(token))
            }
            (_, _, true) => Err(Failure::usage("a token is named by --module PATH and --token LABEL")
                .next("pkcs11-tool --module PATH --list-token-slots shows the labels of a module")),
            (None, None, false) if self.serial.is_none() && !self.accept_weak_token => Ok(None),
            _ => Err(Failure::usage("--module, --token, --serial and --accept-weak-token go with --backend pkcs11")),
        }
    }
}
