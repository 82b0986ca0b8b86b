//! `about backends`: what each engine can do here, found by trying.

use std::sync::Arc;

use clap::Args;
use icsf_backends::conformance::{self, Report};
use icsf_backends::{Absent, Software};
use icsf_core::backend::{Backend, Capabilities};
use icsf_core::random::SystemRandom;
use serde_json::{Value, json};

use crate::context::{Context, Outcome};

/// Try each engine on this machine and tell what it can do
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf about backends

A throw-away engine is held against everything an engine must do; no system is
touched. Exit status 1 when one does something else.")]
pub(crate) struct Backends {}

/// An engine that was tried.
struct Tried {
    name: &'static str,
    what: &'static str,
    capabilities: Capabilities,
    report: Option<Report>,
}

impl Tried {
    /// Passed, skipped, failed; of an engine that has to do something.
    fn tally(&self) -> Option<(usize, usize, usize)> {
        self.report.as_ref().map(Report::tally)
    }
}

fn tried() -> [Tried; 2] {
    let software = || -> Arc<dyn Backend> { Arc::new(Software::in_memory(Arc::new(SystemRandom))) };
    [
        Tried {
            name: "software",
            what: "in this machine, its master keys in a sealed file; no protection against who can read its memory",
            capabilities: software().info().capabilities,
            report: Some(conformance::run(&software)),
        },
        Tried {
            name: "none",
            what: "no engine: every call is answered as a machine without a crypto card answers",
            capabilities: Absent::default().info().capabilities,
            report: None,
        },
    ]
}

impl Backends {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let tried = tried();
        let failed = tried.iter().filter_map(Tried::tally).any(|(_, _, failed)| failed > 0);
        if context.out.is_json() {
            let engines: Vec<Value> = tried.iter().map(json_of).collect();
            context.out.json(&json!({ "backends": engines }))?;
            return Ok(u8::from(failed));
        }
        let out = &mut context.out;
        for engine in &tried {
            out.entry(&format!("{:<10}", engine.name), engine.what)?;
            let can = engine.capabilities;
            for (word, can) in [
                ("DES (legacy PassTickets)", can.des),
                ("HMAC-SHA-512 (enhanced PassTickets)", can.hmac_sha512),
                ("check values of keys", can.key_check),
            ] {
                out.line(format!("{:10}{:<4}{word}", "", if can { "yes" } else { "no" }))?;
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
        "capabilities": { "des": can.des, "hmac_sha512": can.hmac_sha512, "key_check": can.key_check },
        "cases": cases,
    })
}
