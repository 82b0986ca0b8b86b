//! `engine`: the switch of the crypto card.

use clap::{Args, Subcommand};
use icsf_core::backend::{Capabilities, Etype, KeyPlace};
use icsf_core::engine::{EngineState, EngineView};
use serde_json::{Value, json};
use softicsf::{System, UnusableKey};

use crate::context::{Context, Outcome};
use crate::init::BackendName;
use crate::output::{BAD, GOOD, Output, count};
use crate::token::TokenArgs;
use crate::{failure::Failure, mk};

/// The crypto engine: its state, and the operator's switch
#[derive(Debug, Args)]
#[command(after_help = "\
Example: what happens when the crypto card is gone
  softicsf engine offline
  softicsf ptkt generate --user IBMUSER --appl TSOPRD1
  softicsf engine online

An engine sealed with a pass phrase is locked in every new process: give
--passphrase-file FILE, set SOFTICSF_PASSPHRASE_FILE, or type it when asked. So
is a token whose PIN is in no file: --pin-file FILE, SOFTICSF_PIN_FILE,
SOFTICSF_PIN.")]
pub(crate) struct Engine {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show which engine there is, and whether it can be used
    #[command(after_help = "Example:\n  softicsf engine status")]
    Status,
    /// Take the engine away: it stays offline until it is put online again
    #[command(after_help = "Example:\n  softicsf engine offline")]
    Offline,
    /// Let the engine be used again
    #[command(after_help = "\
Example:
  softicsf engine online

A PIN that the token has refused is not tried again by any command, as tokens
lock after a few wrong ones; after this it is tried once more.")]
    Online,
    /// Choose another engine
    #[command(after_help = "\
Examples:
  softicsf engine configure --backend none
  softicsf engine configure --host-keys allow
  softicsf engine configure --backend pkcs11 --pin-file /etc/softicsf/pin \\
                --module /usr/lib/softhsm/libsofthsm2.so --token 'card one'

The file of a software engine stays where it is, and is used again with
--backend software. A new one is sealed with the pass phrase of
--passphrase-file, or opened by a key file without. So does the list of the
master keys that are ours in a token. The CKDS stays usable when the engine
holds the master keys it is under: load the same parts (mk load, mk set).

--host-keys without --backend leaves the token as it is, and says what becomes
of Kerberos keys that it cannot use itself: see docs/tokens.md.")]
    Configure {
        /// Engine to use from now on
        #[arg(long, value_enum, value_name = "ENGINE", required_unless_present = "host_keys")]
        backend: Option<BackendName>,
        #[command(flatten, next_help_heading = "Token, for --backend pkcs11")]
        token: TokenArgs,
    },
}

impl Engine {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let mut system = context.open()?;
        match &self.action {
            Action::Status => {}
            Action::Offline => system.icsf().engine_offline()?,
            Action::Online => {
                system.retry_refused_pins()?;
                system.icsf().engine_online()?;
            }
            Action::Configure { backend, token } => {
                match (backend, token.host_keys()) {
                    (None, Some(host_keys)) if !token.is_named() => system.set_host_keys(host_keys)?,
                    (None, _) => return Err(Failure::usage("another token is chosen by --backend pkcs11")),
                    (Some(backend), _) => {
                        let (engine, secrets) = backend.engine(token, context)?;
                        system.configure_engine(&engine, &secrets)?;
                    }
                }
                system = context.open_anew()?;
            }
        }
        tell(context, &system)?;
        // The switch is where it was to be put; whether that helps is another question.
        let wanted = matches!(self.action, Action::Online);
        Ok(if wanted && system.engine()?.state != EngineState::Online { 4 } else { 0 })
    }
}

fn tell(context: &mut Context, system: &System) -> Result<(), Failure> {
    let view = system.engine()?;
    let unusable = system.unusable_keys()?;
    if context.out.is_json() {
        context.out.json(&json_of(&view, &unusable))
    } else {
        lines(&mut context.out, &view, &unusable, "engine  ")
    }
}

/// Which engine, its state, what it can do, the keys it cannot use, its registers.
pub(crate) fn lines(out: &mut Output, view: &EngineView, unusable: &[UnusableKey], label: &str) -> Result<(), Failure> {
    let indent = " ".repeat(label.len());
    let online = view.state == EngineState::Online;
    let state = view.state.to_string();
    let state = if online { out.paint(GOOD, &state) } else { out.paint(BAD, &state) };
    out.entry(label, &format!("{}: {state}", view.info))?;
    for quirk in &view.info.quirks {
        let text = quirk.to_string();
        out.entry(&indent, &if quirk.weak { out.paint(BAD, &text) } else { text })?;
    }
    for (kind, needed) in view.missing() {
        out.entry(&indent, &out.paint(BAD, &format!("the CKDS needs {kind} {needed}, the engine holds none")))?;
    }
    if let Some(what) = abilities(view) {
        out.entry(&indent, &what)?;
        for keys in unusable.chunk_by(|one, next| one.why == next.why) {
            out.entry(&indent, &out.paint(BAD, &listed(keys)))?;
        }
        for line in mk::table(&view.master_keys, &softicsf::MasterKeyKind::ALL) {
            out.line(format!("{indent}{line}"))?;
        }
    }
    Ok(())
}

/// What an engine that can be asked can do.
fn abilities(view: &EngineView) -> Option<String> {
    let can = &view.info.capabilities;
    let words = [
        (can.des, "DES (legacy PassTickets)"),
        (can.hmac_sha512, "HMAC-SHA-512 (enhanced ones)"),
        (can.key_check, "check values of keys"),
    ];
    let places = kerberos(can).into_iter().filter(|(place, _)| *place != KeyPlace::None);
    let words = words.into_iter().filter(|(can, _)| *can).map(|(_, word)| word.to_owned());
    let words: Vec<String> = words.chain(places.map(|(place, which)| format!("{which} {}", seat(place)))).collect();
    let askable = matches!(view.state, EngineState::Online | EngineState::WrongMasterKey { .. });
    (askable && !words.is_empty()).then(|| words.join(", "))
}

/// Where keys of Kerberos are used, and of which etypes.
pub(crate) fn kerberos(can: &Capabilities) -> Vec<(KeyPlace, String)> {
    let of = |place| {
        let numbers: Vec<String> = Etype::ALL
            .into_iter()
            .filter(|etype| can.kerberos(*etype) == place)
            .map(|etype| etype.number().to_string())
            .collect();
        (!numbers.is_empty()).then(|| (place, format!("Kerberos {}", numbers.join(" "))))
    };
    [KeyPlace::Inside, KeyPlace::Host, KeyPlace::None].into_iter().filter_map(of).collect()
}

/// Where that is.
pub(crate) const fn seat(place: KeyPlace) -> &'static str {
    match place {
        KeyPlace::Inside => "in the engine",
        KeyPlace::Host => "in this process",
        KeyPlace::None => "not at all",
    }
}

/// For a machine.
pub(crate) fn capabilities(can: &Capabilities) -> Value {
    let kerberos = Etype::ALL
        .map(|etype| json!({ "etype": etype.number(), "name": etype.name(), "place": can.kerberos(etype).word() }));
    json!({
        "des": can.des,
        "hmac_sha512": can.hmac_sha512,
        "any_hmac_length": can.any_hmac_length,
        "key_check": can.key_check,
        "kerberos": kerberos,
    })
}

/// So many labels are shown; a machine gets them all.
const SHOWN: usize = 20;

/// Keys that cannot be used for one reason.
fn listed(keys: &[UnusableKey]) -> String {
    let why = keys.first().map_or("", |key| key.why);
    let labels: Vec<&str> = keys.iter().take(SHOWN).map(|key| key.label.as_str()).collect();
    let more = keys.len() - labels.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more, which --json lists") };
    format!("{why}, and cannot use {}: {}{more}", count(keys.len(), "key"), labels.join(", "))
}

/// For a machine.
pub(crate) fn json_of(view: &EngineView, unusable: &[UnusableKey]) -> Value {
    json!({
        "kind": view.info.kind,
        "name": view.info.name,
        "serial": view.info.serial,
        "state": view.state.word(),
        "detail": view.state.to_string(),
        "usable": view.state == EngineState::Online,
        "capabilities": capabilities(&view.info.capabilities),
        "quirks": view.info.quirks.iter().map(|q| json!({ "text": q.text, "weak": q.weak })).collect::<Vec<_>>(),
        "unusable_keys": unusable.iter().map(|key| json!({ "name": key.label, "why": key.why })).collect::<Vec<_>>(),
        "master_keys": mk::json_of(&view.master_keys, &softicsf::MasterKeyKind::ALL),
    })
}
