//! `about backends`: what each engine can do here, found by trying.

use std::sync::Arc;

use clap::Args;
use icsf_backends::conformance::{self, Report};
use icsf_backends::{Absent, Software};
use icsf_core::backend::{Backend, Capabilities, Quirk};
use icsf_core::random::SystemRandom;
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::token::{Throwaway, TokenArgs};

/// Try each engine on this machine and tell what it can do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf about backends
  softicsf about backends --token 'card one' --pin-file pin \\
                          --module /usr/lib/softhsm/libsofthsm2.so

A throw-away engine is held against everything an engine must do; no system is
touched. Exit status 1 when one does something else. A token is logged in to and
tried with keys that are gone afterwards, one of them a master key;
docs/tokens.md tells of some.")]
pub(crate) struct Backends {
    #[command(flatten)]
    token: TokenArgs,
}

/// An engine that was tried.
struct Tried {
    name: &'static str,
    what: String,
    capabilities: Capabilities,
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
            capabilities: software().info().capabilities,
            quirks: Vec::new(),
            report: Some(conformance::run(&software)),
        },
        Tried {
            name: "none",
            what: "no engine: every call is answered as a machine without a crypto card answers".to_owned(),
            capabilities: Absent::default().info().capabilities,
            quirks: Vec::new(),
            report: None,
        },
    ]
}

impl Backends {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let mut tried = tried();
        if let Some(token) = self.token.token(self.token.is_named())? {
            let info = Throwaway::new(&token, context)?.info()?;
            let what = format!("the token {info} in {}", token.module.display());
            tried.push(Tried {
                name: "pkcs11",
                what,
                capabilities: info.capabilities,
                quirks: info.quirks,
                report: None,
            });
        }
        let failed = tried.iter().filter_map(Tried::tally).any(|(_, _, failed)| failed > 0);
        if context.out.is_json() {
            let engines: Vec<Value> = tried.iter().map(json_of).collect();
            context.out.json(&json!({ "backends": engines }))?;
            return Ok(u8::from(failed));
        }
        let out = &mut context.out;
        for engine in &tried {
            out.entry(&format!("{:<10}", engine.name), &engine.what)?;
            let can = engine.capabilities;
            for (word, can) in [
                ("DES (legacy PassTickets)", can.des),
                ("HMAC-SHA-512 (enhanced PassTickets)", can.hmac_sha512),
                ("check values of keys", can.key_check),
            ] {
                out.line(format!("{:10}{:<4}{word}", "", if can { "yes" } else { "no" }))?;
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
}

fn json_of(engine: &Tried) -> Value {
    let can = engine.capabilities;
    let cases = engine.report.as_ref().map(|report| {
        let (passed, skipped, failed) = report.tally();
        let failures: Vec<Value> = report.failures().map(|(case, why)| json!({ "case": case, "why": why })).collect();
        json!({ "passed": passed, "skipped": skipped, "failed": failed, "failures": failures })
    });
    json!({
        "name": engine.name,
        "capabilities": {
            "des": can.des,
            "hmac_sha512": can.hmac_sha512,
            "any_hmac_length": can.any_hmac_length,
            "key_check": can.key_check,
        },
        "quirks": engine.quirks.iter().map(|q| json!({ "text": q.text, "weak": q.weak })).collect::<Vec<_>>(),
        "cases": cases,
    })
}
