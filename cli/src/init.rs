//! `init`: make a system.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use icsf_core::codes::ReasonCodes;
use icsf_core::kds::KdsFormat;
use serde_json::json;
use softicsf::{Engine, EngineSecrets, MasterKeyKind, Names, Setup, System, UnlockBy};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::token::TokenArgs;

/// Make a system: a directory with its options, key store, security database
/// and engine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf init prd1 --sysname PRD1 --smfid PRD1 --generate-master-keys
  softicsf init prd1 --passphrase-file phrase.txt
  softicsf init dr --sysname PRD1 --backend none
  softicsf init prd1 --backend pkcs11 --pin-file /etc/softicsf/pin \\
                --module /usr/lib/softhsm/libsofthsm2.so --token 'card one'

Without --passphrase-file the engine is opened by a key file that lies beside
it: nobody has to type anything, and whoever can read the directory can use its
keys. The file named by --pin-file is read again by every process; with - or
prompt the PIN is asked for each time.")]
pub(crate) struct Init {
    /// Directory to make; it must not exist yet, or be empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// System name, 1 to 8 characters
    #[arg(long, value_name = "NAME", default_value = "SY1")]
    sysname: String,
    /// SMF ID, 1 to 4 characters; TSO and batch applications are named after it
    /// [default: the first 4 characters of the system name]
    #[arg(long, value_name = "ID")]
    smfid: Option<String>,
    /// Engine that holds the master keys: software, in this machine, with its
    /// master keys in a sealed file; pkcs11, a token; or none
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = BackendName::Software)]
    backend: BackendName,
    #[command(flatten, next_help_heading = "Token, for --backend pkcs11")]
    token: TokenArgs,
    /// Record format of the CKDS; a fixed one takes no HMAC keys
    #[arg(long, value_name = "FORMAT", default_value = "kdsr", value_parser = formats(), ignore_case = true)]
    ckds_format: KdsFormat,
    /// Numbering of the reason codes that callers get
    #[arg(long, value_name = "FAMILY", default_value = "ICSF", value_parser = families(), ignore_case = true)]
    reason_codes: ReasonCodes,
    /// Fill and set both master keys with random values
    #[arg(long)]
    generate_master_keys: bool,
}

fn formats() -> impl TypedValueParser<Value = KdsFormat> {
    PossibleValuesParser::new(["fixed", "variable", "kdsr"]).try_map(|text| text.parse::<KdsFormat>())
}

fn families() -> impl TypedValueParser<Value = ReasonCodes> {
    PossibleValuesParser::new(["ICSF", "TSS"]).try_map(|text| text.parse::<ReasonCodes>())
}

/// The engines of this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    Software,
    Pkcs11,
    None,
}

impl BackendName {
    /// The engine of that name, and what opens it.
    pub(crate) fn engine(self, token: &TokenArgs, context: &mut Context) -> Result<(Engine, EngineSecrets), Failure> {
        let token = token.token(self == Self::Pkcs11)?;
        Ok(match (self, token) {
            (Self::Software, _) => {
                let secrets = context.new_secrets()?;
                let unlock = if secrets.pass_phrase.is_some() { UnlockBy::PassPhrase } else { UnlockBy::KeyFile };
                (Engine::Software { unlock }, secrets)
            }
            (_, Some(mut token)) => {
                context.ask_pin()?;
                token.pin_file = context.pin_file();
                (Engine::Pkcs11(token), context.secrets()?)
            }
            (_, None) => (Engine::None, EngineSecrets::default()),
        })
    }
}

impl Init {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let smfid = self.smfid.clone().unwrap_or_else(|| self.sysname.chars().take(4).collect());
        let names = Names::new(&self.sysname, &smfid, self.reason_codes).map_err(Failure::usage)?;
        if self.backend == BackendName::None && self.generate_master_keys {
            return Err(Failure::usage("--generate-master-keys needs an engine to hold them")
                .next("leave it out, or choose --backend software or pkcs11"));
        }
        let (engine, secrets) = self.backend.engine(&self.token, context)?;
        let unlock = match &engine {
            Engine::Software { unlock: UnlockBy::KeyFile } => Some("key-file"),
            Engine::Software { .. } => Some("pass-phrase"),
            Engine::Pkcs11(token) if token.pin_file.is_some() => Some("pin-file"),
            Engine::Pkcs11(_) => Some("pin"),
            _ => None,
        };
        let setup = Setup { names, format: self.ckds_format, engine, secrets };
        let system = System::create(&self.directory, &setup)?;
        if self.generate_master_keys {
            for kind in MasterKeyKind::ALL {
                let set = system.icsf().generate_master_key(kind).and_then(|()| system.icsf().set_master_key(kind));
                set.map_err(|error| {
                    let place = self.directory.display();
                    Failure::from(error).next(format!(
                        "the system is made, without its {kind}: softicsf -C {place} mk generate, then mk set"
                    ))
                })?;
            }
        }
        self.tell(context, &system, unlock)
    }

    fn tell(&self, context: &mut Context, system: &System, unlock: Option<&str>) -> Outcome {
        let names = system.names();
        let place = self.directory.display().to_string();
        let view = system.engine()?;
        let pattern = |kind| view.master_keys.of(kind).current.map(|mkvp| mkvp.to_string());
        if context.out.is_json() {
            context.out.json(&json!({
                "directory": place,
                "sysname": names.sysname,
                "smfid": names.smfid,
                "reason_codes": names.reason_codes.to_string(),
                "ckds_format": self.ckds_format.to_string(),
                "engine": view.info.kind,
                "unlock": unlock,
                "master_keys": { "des": pattern(MasterKeyKind::Des), "aes": pattern(MasterKeyKind::Aes) },
            }))?;
            return Ok(0);
        }
        let out = &mut context.out;
        out.note(&format!("system {} (SMF ID {}) made in {place}", names.sysname, names.smfid))?;
        if unlock == Some("key-file") {
            out.note(
                "its engine is opened by the key file engine.key in it: whoever can read the directory can use \
                 its keys; with --passphrase-file it is sealed with a pass phrase instead",
            )?;
        }
        if unlock == Some("pin-file") {
            out.note(
                "the PIN of its token is read from the file of --pin-file by every process that opens the system: \
                 whoever can read that can use its keys",
            )?;
        }
        for quirk in view.info.quirks.iter().filter(|quirk| quirk.weak) {
            out.note(&format!("{}: {quirk}", view.info))?;
        }
        for kind in MasterKeyKind::ALL {
            if let Some(pattern) = pattern(kind) {
                out.note(&format!("{kind} set, pattern {pattern}"))?;
            }
        }
        if self.backend != BackendName::None && !self.generate_master_keys {
            out.note(&format!("next: softicsf -C {place} mk generate --kind both"))?;
        }
        Ok(0)
    }
}
