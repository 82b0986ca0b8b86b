//! A token that the command line names.

use std::path::PathBuf;

use clap::Args;
use icsf_backends::Pkcs11;
use icsf_core::backend::{Backend, EngineError, EngineInfo, MasterKeyKind, RegisterChange};
use softicsf::Pkcs11Token;
use tempfile::TempDir;

use crate::context::Context;
use crate::failure::Failure;

/// Which token, of the engine `pkcs11`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Token, for --backend pkcs11")]
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
        self.module.is_some() || self.token.is_some()
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

/// An engine on a token that belongs to no system. Its master keys are in the token until they are zeroized.
pub(crate) struct Throwaway {
    pub(crate) engine: Pkcs11,
    /// Where its register file is.
    _directory: TempDir,
}

impl Throwaway {
    pub(crate) fn new(token: &Pkcs11Token, context: &mut Context) -> Result<Self, Failure> {
        context.ask_pin()?;
        let pin = context.secrets()?.pin;
        let pin = pin.ok_or_else(|| Failure::usage("the PIN of the token is needed").next("--pin-file FILE"))?;
        let failed = |error: String| Failure::new(12, error);
        let directory = TempDir::new().map_err(|error| failed(error.to_string()))?;
        let engine = Pkcs11::create(directory.path().join("engine.token"), token.options(), pin)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { engine, _directory: directory })
    }

    /// What it can do, and what it does otherwise: how it guards a master key is seen in one.
    pub(crate) fn info(&self) -> Result<EngineInfo, Failure> {
        let change = |change| self.engine.change_register(MasterKeyKind::Aes, change);
        let info = change(RegisterChange::Generate).map(|()| self.engine.info());
        let removed = change(RegisterChange::Zeroize);
        let failed = |error: EngineError| Failure::new(12, error.to_string());
        let info = info.map_err(failed)?;
        removed.map_err(failed)?;
        Ok(info)
    }
}
