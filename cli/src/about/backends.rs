//! `about backends`: what each engine can do here, found by trying.

use std::sync::Arc;

use clap::Args;
use icsf_backends::conformance::{self, Report};
use icsf_backends::{Absent, Software};
use icsf_core::backend::{Backend, Capabilities, EngineInfo, KeyPlace, Quirk};
use icsf_core::engine::EngineState;
use icsf_core::random::SystemRandom;
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::engine::{capabilities, kerberos, seat};
use crate::failure::Failure;
use crate::throwaway::Throwaway;
use crate::token::TokenArgs;

/// Try each engine on this machine and tell what it can do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf about backends
  softicsf -C prd1 about backends
  softicsf about backends --token 'card one' --pin-file pin \\
                          --module /usr/lib/softhsm/libsofthsm2.so

A throw-away software engine is held against everything an engine must do; exit
status 1 when it does something else. The token that is tried is the one named,
or else that of the system; it is logged in to and tried with keys that are gone
afterwards, one of them a master key. Nothing of a system is changed. docs/tokens.md tells of some tokens.")]
pub(crate) struct Backends {
    #[command(flatten, next_help_heading = "Token to try")]
    token: TokenArgs,
}

/// An engine that was tried.
struct Tried {
    name: &'static str,
    what: String,
    /// `None` of one that could not be asked.
    capabilities: Option<Capabilities>,
    quirks: Vec<Quirk>,
    report: Option<Report>,
}

impl Tried {
    /// Passed, skipped, failed; of an engine that has to do something.
    fn tally(&self) -> Option<(usize, usize, usize)> {
        self.report.as_ref().map(Report::tally)
    }
}

fn tried() -> Vec<Tried> {
    let software = || -> Arc<dyn Backend> { Arc::new(Software::in_memory(Arc::new(SystemRandom))) };
    vec![
        Tried {
            name: "software",
            what: "in this machine, its master keys in a sealed file; no protection against who can read its memory"
                .to_owned(),
            capabilities: Some(software().info().capabilities),
            quirks: Vec::new(),
            report: Some(conformance::run(&software)),
        },
        Tried {
            name: "none",
            what: "no engine: every call is answered as a machine without a crypto card answers".to_owned(),
            capabilities: Some(Absent::default().info().capabilities),
            quirks: Vec::new(),
            report: None,
        },
    ]
}

impl Backends {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let mut tried = tried();
        tried.push(self.token(context)?);
        let failed = tried.iter().filter_map(Tried::tally).any(|(_, _, failed)| failed > 0);
        if context.out.is_json() {
            let engines: Vec<Value> = tried.iter().map(json_of).collect();
            context.out.json(&json!({ "backends": engines }))?;
            return Ok(u8::from(failed));
        }
        let out = &mut context.out;
        for engine in &tried {
            out.entry(&format!("{:<10}", engine.name), &engine.what)?;
            for (word, can) in engine.capabilities.iter().flat_map(|can| {
                [
                    ("DES (legacy PassTickets)", can.des),
                    ("HMAC-SHA-512 (enhanced PassTickets)", can.hmac_sha512),
                    ("check values of keys", can.key_check),
                ]
            }) {
                out.line(format!("{:10}{:<4}{word}", "", if can { "yes" } else { "no" }))?;
            }
            for (place, which) in engine.capabilities.iter().flat_map(kerberos) {
                let can = if place == KeyPlace::None { "no" } else { "yes" };
                out.line(format!("{:10}{can:<4}{which} {}", "", seat(place)))?;
            }
            for quirk in &engine.quirks {
                out.entry(&format!("{:10}    ", ""), &quirk.to_string())?;
            }
            if let (Some((passed, skipped, failed)), Some(report)) = (engine.tally(), &engine.report) {
                out.line(format!("{:10}{passed} cases passed, {skipped} skipped, {failed} failed", ""))?;
                for (case, why) in report.failures() {
                    out.entry(&format!("{:10}FAILED ", ""), &format!("{case}: {why}"))?;
                }
            }
        }
        Ok(u8::from(failed))
    }

    /// The token that is named, or that of the system, or what it takes to try one.
    fn token(&self, context: &mut Context) -> Result<Tried, Failure> {
        let tried = |info: EngineInfo, what, can| Tried {
            name: "pkcs11",
            what,
            capabilities: Some(info.capabilities).filter(|_| can),
            quirks: info.quirks,
            report: None,
        };
        if let Some(token) = self.token.token(self.token.is_named())? {
            let throwaway = Throwaway::new(&token, context)?;
            let info = throwaway.info();
            throwaway.end()?;
            let info = info?;
            let what = format!("the token {info} in {}", token.module.display());
            return Ok(tried(info, what, true));
        }
        if context.has_system() {
            let view = context.open()?.engine()?;
            if view.info.kind == "pkcs11" {
                let online = matches!(view.state, EngineState::Online | EngineState::WrongMasterKey { .. });
                let what = format!("the token {} of the system: {}", view.info, view.state);
                return Ok(tried(view.info, what, online));
            }
        }
        Ok(Tried {
            name: "pkcs11",
            what: "a PKCS#11 token that keeps the master keys: SoftHSM, or a card. None was tried: name one with --module, \
                   --token and --pin-file, or a system on one with -C. SoftHSM makes one without a card (apt-get install \
                   softhsm2; docs/tokens.md)"
                .to_owned(),
            capabilities: None,
            quirks: Vec::new(),
            report: None,
        })
    }
}

fn json_of(engine: &Tried) -> Value {
    let cases = engine.report.as_ref().map(|report| {
        let (passed, skipped, failed) = report.tally();
        let failures: Vec<Value> = report.failures().map(|(case, why)| json!({ "case": case, "why": why })).collect();
        json!({ "passed": passed, "skipped": skipped, "failed": failed, "failures": failures })
    });
    json!({
        "name": engine.name,
        "what": engine.what,
        "capabilities": engine.capabilities.as_ref().map(capabilities),
        "quirks": engine.quirks.iter().map(|q| json!({ "text": q.text, "weak": q.weak })).collect::<Vec<_>>(),
        "cases": cases,
    })
}
