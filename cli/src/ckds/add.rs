//! `ckds add`: a key, through the callable services an application would use.

use clap::{Args, ValueEnum};
use icsf_core::codes::Code;
use icsf_core::services::Done;
use icsf_core::{ClearKey, Icsf, KeyIdentifier, KeyLabel, KeyToken};

use super::listing::{find_one, json_of, key, protection};
use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::secrets::Source;

/// Length of a DES key, and of an HMAC key when none is asked for, in bytes.
const DES: usize = 8;
const HMAC: usize = 64;

const USAGE: &str = "\
softicsf ckds add [OPTIONS] <LABEL> --type <TYPE> --generate [<BYTES>]
       softicsf ckds add [OPTIONS] <LABEL> --type <TYPE> --from <FILE>";

/// Add a key
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = "\
Examples:
  softicsf ckds add PTKT.TSOPRD1.DES --type DES-DATA --generate
  softicsf ckds add PTKT.CICSP1.HMAC --type HMAC-MAC --from key.hex
  softicsf ckds add PTKT.CICSP1.HMAC --type HMAC-MAC --generate --clear")]
pub(super) struct Add {
    /// Label of the key
    label: KeyLabel,
    /// DES-DATA: DES key of 8 bytes, for legacy PassTickets; HMAC-MAC: HMAC key of
    /// 32 to 256 bytes, for enhanced ones
    #[arg(long = "type", value_enum, value_name = "TYPE", ignore_case = true)]
    sort: Sort,
    #[command(flatten)]
    value: Where,
    /// Keep the key clear: it works without an engine, and whoever can read the
    /// CKDS has it
    #[arg(long)]
    clear: bool,
    /// On disk alone, as a utility does; services see it after REFRESH
    #[arg(long)]
    disk_only: bool,
}

/// Where the value comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Where {
    /// Make a random key, of so many bytes [default: 8 for DES, 64 for HMAC]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    #[expect(clippy::option_option, reason = "clap's form of an option whose value may be left out")]
    generate: Option<Option<usize>>,
    /// Read the key in hexadecimal from a file of mode 0600; - for standard
    /// input, prompt to be asked
    #[arg(long, value_name = "FILE")]
    from: Option<Source>,
}

fn bytes(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().ok_or("this is no number of bytes; a label comes before --generate")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    #[value(name = "DES-DATA")]
    Des,
    #[value(name = "HMAC-MAC")]
    Hmac,
}

impl Add {
    pub(super) fn run(&self, context: &mut Context) -> Outcome {
        if self.sort == Sort::Des && self.clear {
            return Err(Failure::usage("--clear is for HMAC keys")
                .because("a DES key in the CKDS is always wrapped")
                .next("for a key that needs no engine, RDEFINE PTKTDATA ... SSIGNON(KEYMASKED(...))"));
        }
        let clear = self.value.from.as_ref().map(|from| context.key(from, "key")).transpose()?;
        self.check_length(clear.as_ref())?;
        let code = context.with_engine(|system| self.add(system.icsf(), clear.as_ref()))?;
        self.tell(context, code)
    }

    /// What the services would refuse less helpfully.
    fn check_length(&self, clear: Option<&ClearKey>) -> Result<(), Failure> {
        let wrong =
            |status, bytes: usize, allowed: &str| Failure::new(status, format!("the key has {bytes} bytes, {allowed}"));
        let (bytes, status) = match (clear, self.value.generate.flatten()) {
            (Some(key), _) => (key.len(), 8),
            (None, Some(bytes)) => (bytes, 2),
            (None, None) => return Ok(()),
        };
        match self.sort {
            Sort::Des if bytes != DES => Err(wrong(status, bytes, "a DES key has 8 (16 hexadecimal digits)")),
            Sort::Hmac if !(32..=256).contains(&bytes) => Err(wrong(status, bytes, "an HMAC key has 32 to 256")),
            _ => Ok(()),
        }
    }

    /// Makes the token and files it; answers the news there are.
    fn add(&self, icsf: &Icsf, clear: Option<&ClearKey>) -> Result<Code, Failure> {
        let Done { value: token, code } = match self.sort {
            Sort::Des => match clear {
                None => icsf.csnbkgn("OP", "SINGLE", "DATA")?,
                Some(key) => icsf.csnbcki(key)?,
            },
            Sort::Hmac if self.clear => self.clear_hmac(icsf, clear)?,
            Sort::Hmac => self.hmac(icsf, clear)?,
        };
        let filed = if self.disk_only {
            icsf.kgup_add(&self.label, token)?;
            Code::Success
        } else {
            icsf.csnbkrc2(&self.label, token)?.code
        };
        Ok(if code == Code::Success { filed } else { code })
    }

    fn hmac(&self, icsf: &Icsf, clear: Option<&ClearKey>) -> Result<Done<KeyToken>, Failure> {
        let skeleton = icsf.csnbktb2(&["INTERNAL", "HMAC", "NO-KEY", "MAC", "GENERATE"], None, None)?.value;
        let Some(key) = clear else {
            let bytes = self.value.generate.flatten().unwrap_or(HMAC);
            return Ok(icsf.csnbkgn2(&["HMAC", "OP"], 8 * bytes, skeleton)?);
        };
        let mut token = KeyIdentifier::from(skeleton);
        icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(key), &mut token)?;
        icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut token)?;
        match token {
            KeyIdentifier::Token(token) => Ok(Done::success(token)),
            KeyIdentifier::Label(_) => Err(Failure::new(16, "a token was made into a label")),
        }
    }

    fn clear_hmac(&self, icsf: &Icsf, clear: Option<&ClearKey>) -> Result<Done<KeyToken>, Failure> {
        const RULES: [&str; 5] = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
        if let Some(key) = clear {
            return Ok(icsf.csnbktb2(&RULES, Some(key), None)?);
        }
        let bytes = self.value.generate.flatten().unwrap_or(HMAC);
        let key = ClearKey::new(icsf.csnbrngl(&["RANDOM"], bytes)?.value);
        Ok(icsf.csnbktb2(&RULES, Some(&key), None)?)
    }

    fn tell(&self, context: &mut Context, code: Code) -> Outcome {
        let system = context.open()?;
        if let Some(entry) = find_one(system.icsf(), &self.label)? {
            if context.out.is_json() {
                context.out.json(&json_of(&entry))?;
            } else if let Ok(content) = &entry.content {
                let what = format!("{} added: {}, {}", self.label, key(content), protection(content));
                context.out.note(&what)?;
            }
        }
        if code != Code::Success {
            context.out.note(&format!("note: {}", code.text()))?;
        }
        if self.disk_only {
            context.out.note("services see it after: softicsf ckds refresh")?;
        }
        Ok(code.rc())
    }
}
