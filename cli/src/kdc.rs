//! `kdc`: the Kerberos task.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::json;
use softicsf::icsf_kdc::EngineError;
use softicsf::{KerberosOptions, KerberosTask};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::output::talk;

/// The Kerberos task: the KDC, and the password service
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  softicsf kdc serve --listen 127.0.0.1:8888 --kpasswd 127.0.0.1:8464")]
pub(crate) struct KdcVerb {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Serve the realm until it is interrupted
    #[command(after_help = "\
Examples:
  softicsf kdc serve
  softicsf kdc serve --listen 127.0.0.1:8888 --kpasswd 127.0.0.1:8464
  softicsf kdc serve --listen 0.0.0.0:88 --engine-error 60 --quiet

UDP and TCP are served on one port; 0 takes any that is free. What is printed
first is what clients need in the [realms] of their krb5.conf. Then there is a
line on standard error for each request, and an event in the journal.

What other commands change counts at once: softicsf engine offline has the next
request refused with code 29, console STOP SKRBKDC answers nobody any more.")]
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// Where the KDC listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:88")]
    listen: SocketAddr,
    /// Where the password service listens; without it there is none
    #[arg(long, value_name = "ADDRESS:PORT")]
    kpasswd: Option<SocketAddr>,
    /// How far the clocks of clients may be off, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    clock_skew: u32,
    /// The code for failures of ICSF and its engine: 29, for which clients have
    /// a text of their own, or 60, for which kvno shows what ICSF said
    #[arg(long, value_name = "CODE", default_value = "29")]
    engine_error: Code,
    /// No line for each request
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Code {
    #[value(name = "29")]
    ServiceUnavailable,
    #[value(name = "60")]
    Generic,
}

impl KdcVerb {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let Action::Serve(serve) = &self.action;
        serve.run(context)
    }
}

impl Serve {
    fn run(&self, context: &mut Context) -> Outcome {
        let system = context.open()?;
        let Some(realm) = system.realm()? else {
            return Err(Failure::new(8, "there is no local realm").next("softicsf realm create NAME"));
        };
        let mut options = KerberosOptions::at(self.listen);
        options.kpasswd = self.kpasswd;
        options.settings.clock_skew = self.clock_skew;
        options.settings.engine_error = match self.engine_error {
            Code::ServiceUnavailable => EngineError::ServiceUnavailable,
            Code::Generic => EngineError::Generic,
        };
        if !self.quiet {
            options.log = Some(Arc::new(|line| talk(&format!("{} {line}", Timestamp::now().strftime("%FT%TZ")))));
        }
        let task = KerberosTask::start(&system, options).map_err(|error| {
            let taken = Failure::new(12, format!("cannot listen: {error}"));
            taken.next("choose another address or port: --listen 127.0.0.1:8888, --kpasswd 127.0.0.1:8464")
        })?;
        let kdc = task.kdc().address();
        let kpasswd = task.kpasswd().map(|server| server.address());
        if context.out.is_json() {
            context.out.json(&json!({
                "realm": realm,
                "kdc": kdc.to_string(),
                "kpasswd": kpasswd.map(|address| address.to_string()),
            }))?;
        } else {
            context.out.line(format!("{realm} = {{"))?;
            context.out.line(format!("    kdc = {kdc}"))?;
            if let Some(address) = kpasswd {
                context.out.line(format!("    kpasswd_server = {address}"))?;
            }
            context.out.line("}")?;
        }
        context.out.finish()?;
        loop {
            thread::park();
        }
    }
}
