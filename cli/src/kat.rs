//! `kat`: known-answer files, through the algorithms or through an engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueEnum};
use icsf_backends::Software;
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, EngineError, EngineErrorKind, KeyHandle, KeySpec, MasterKeyKind, RegisterChange};
use icsf_core::random::SystemRandom;
use ptkt::software::DesKey;
use ptkt::{Applid, DesEncipher, GenerateError, Ticket, Timestamp, UserId, Verdict, Window, legacy};
use serde::Deserialize;
use serde_json::json;
use softicsf::quiesce;

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::interrupt;
use crate::throwaway::Throwaway;
use crate::token::TokenArgs;

/// Run known-answer files of PassTickets
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf kat ptkt/vectors/*.json
  softicsf kat ptkt/vectors/*.json --backend software
  softicsf kat ptkt/vectors/*.json --backend pkcs11 --token 'card one' \\
               --module /usr/lib/softhsm/libsofthsm2.so --pin-file pin

A token is given master keys of its own for it, which are removed from it
afterwards, also when it is interrupted; what a run that was killed has left in
it is removed by the next one. What else is in the token is left alone.

The form of the files is that of ptkt/vectors in the sources of this program.
Every case that fails is told by its id. Exit status 0 when all passed; 1 when
some failed, or were skipped because this program or the engine cannot run
them; 2 for a file that cannot be read.")]
pub(crate) struct Kat {
    /// Files to run
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Wrap each key and use it in a fresh engine of this sort, instead of the
    /// algorithms alone
    #[arg(long, value_enum, value_name = "ENGINE")]
    backend: Option<EngineName>,
    #[command(flatten, next_help_heading = "Token, for --backend pkcs11")]
    token: TokenArgs,
}

/// Engines that can hold a key.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum EngineName {
    Software,
    Pkcs11,
}

#[derive(Deserialize)]
struct File {
    algorithm: Algorithm,
    cases: Vec<Case>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    Legacy,
    Enhanced,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Op {
    Translate,
    Generate,
    Evaluate,
    GenerateError,
}

/// One case; which fields it needs depends on `op`.
#[derive(Deserialize)]
struct Case {
    id: String,
    op: Op,
    #[serde(default)]
    cat: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    appl: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    time: i64,
    #[serde(default)]
    ticket: String,
    decodes_to: Option<u64>,
    #[serde(default)]
    now: u64,
    #[serde(default)]
    accept: bool,
    delta: Option<i64>,
    #[serde(default)]
    result5: String,
    #[cfg(feature = "enhanced")]
    #[serde(default)]
    r#type: String,
    #[cfg(feature = "enhanced")]
    timeout: Option<u32>,
}

/// What came of a case that did not pass.
enum Not {
    Passed(String),
    /// This build, or the engine, cannot run it.
    Run(String),
}

type Tried = Result<(), Not>;

/// What came of a file.
struct Tally {
    passed: usize,
    skipped: usize,
    /// Why cases were skipped.
    lacking: BTreeSet<String>,
    failures: Vec<(String, String)>,
}

impl Tally {
    fn line(&self) -> String {
        line(self.passed, self.failures.len(), self.skipped)
    }
}

fn line(passed: usize, failed: usize, skipped: usize) -> String {
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    format!("{passed} passed, {failed} failed{skipped}")
}

impl Kat {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let files = self.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        let token = self.token.token(matches!(self.backend, Some(EngineName::Pkcs11)))?;
        let mut ended = Ok(());
        let tallies: Vec<Tally> = match (self.backend, token) {
            (None, _) => files.iter().map(|file| run(file, None)).collect(),
            (_, Some(token)) => {
                let throwaway = Throwaway::new(&token, context)?;
                let tallies = through(&throwaway.engine(), &files);
                ended = throwaway.end();
                interrupt::settle();
                // Why nothing was run comes before what is left in the token.
                tallies?
            }
            (_, None) => {
                let engine: Arc<dyn Backend> = Arc::new(Software::in_memory(Arc::new(SystemRandom)));
                through(&engine, &files)?
            }
        };
        let tallies: Vec<_> = self.files.iter().zip(tallies).collect();
        for (path, tally) in &tallies {
            if !context.out.is_json() {
                for (id, why) in &tally.failures {
                    context.out.entry(&format!("FAILED {id}: "), why)?;
                }
                if files.len() > 1 {
                    context.out.line(format!("{}: {}", path.display(), tally.line()))?;
                }
            }
        }
        let sum = |of: fn(&Tally) -> usize| tallies.iter().map(|(_, tally)| of(tally)).sum::<usize>();
        let (passed, failed, skipped) = (sum(|t| t.passed), sum(|t| t.failures.len()), sum(|t| t.skipped));
        if context.out.is_json() {
            let files = tallies.iter().map(|(path, tally)| {
                let failures: Vec<_> = tally.failures.iter().map(|(id, why)| json!({ "id": id, "why": why })).collect();
                json!({
                    "file": path.display().to_string(),
                    "passed": tally.passed,
                    "failed": tally.failures.len(),
                    "skipped": tally.skipped,
                    "failures": failures,
                })
            });
            let files: Vec<_> = files.collect();
            context.out.json(&json!({ "files": files, "passed": passed, "failed": failed, "skipped": skipped }))?;
        } else {
            context.out.line(line(passed, failed, skipped))?;
        }
        for why in tallies.iter().flat_map(|(_, tally)| &tally.lacking).collect::<BTreeSet<_>>() {
            context.out.note(&format!("skipped: {why}"))?;
        }
        // The card may have been pulled: what was tried until then is told all the same.
        if let Err(failure) = ended {
            context.out.finish()?;
            context.tell("kat", &failure);
            return Ok(failure.exit());
        }
        Ok(u8::from(failed + skipped > 0))
    }
}

fn read(path: &Path) -> Result<Arc<File>, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    serde_json::from_str(&text).map(Arc::new).map_err(|error| {
        Failure::usage(format!("{shown}: this is no known-answer file: {error}"))
            .next("see ptkt/vectors/README.md in the sources of this program for its form")
    })
}

/// Runs the files through an engine without master keys.
fn through(engine: &Arc<dyn Backend>, files: &[Arc<File>]) -> Result<Vec<Tally>, Failure> {
    let set = MasterKeyKind::ALL.into_iter().try_for_each(|kind| {
        engine.change_register(kind, RegisterChange::Generate)?;
        let made = engine.master_keys()?.of(kind).new.pattern();
        made.map_or(Ok(()), |made| engine.change_register(kind, RegisterChange::Set(made)))
    });
    set.map_err(icsf_core::Error::from)?;
    Ok(files.iter().map(|file| run(file, Some(engine))).collect())
}

fn run(file: &Arc<File>, engine: Option<&Arc<dyn Backend>>) -> Tally {
    let mut tally = Tally { passed: 0, skipped: 0, lacking: BTreeSet::new(), failures: Vec::new() };
    for (at, case) in file.cases.iter().enumerate() {
        // Somebody waits for it to end, and what it has made in a token is to be removed first.
        if quiesce::is_begun() {
            break;
        }
        let tried = match engine {
            None => file.tried(at, None),
            Some(engine) => in_engine(file, at, engine),
        };
        match tried {
            Ok(()) => tally.passed += 1,
            Err(Not::Passed(why)) => tally.failures.push((case.id.clone(), why)),
            Err(Not::Run(why)) => {
                tally.skipped += 1;
                tally.lacking.insert(why);
            }
        }
    }
    tally
}

/// Tries a case in one piece of work of the engine, as a ticket is made.
fn in_engine(file: &Arc<File>, at: usize, engine: &Arc<dyn Backend>) -> Tried {
    let tried = Arc::new(Mutex::new(None));
    let (file, of, place) = (Arc::clone(file), Arc::clone(engine), Arc::clone(&tried));
    let work = move || *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(file.tried(at, Some(&*of)));
    engine.run(Box::new(work)).map_err(stopped)?;
    let tried = tried.lock().unwrap_or_else(PoisonError::into_inner).take();
    tried.unwrap_or_else(|| failed("the engine came back without an answer"))
}

impl File {
    fn tried(&self, at: usize, engine: Option<&dyn Backend>) -> Tried {
        match (self.cases.get(at), self.algorithm) {
            (Some(case), Algorithm::Legacy) => case.legacy(engine),
            (Some(case), Algorithm::Enhanced) => case.enhanced(engine),
            (None, _) => failed("there is no such case"),
        }
    }
}

fn failed<T>(why: impl Into<String>) -> Result<T, Not> {
    Err(Not::Passed(why.into()))
}

/// What stands in the way of a case that should go through.
fn stopped(error: impl ToString) -> Not {
    Not::Passed(error.to_string())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, got: &T) -> Tried {
    if expected == got { Ok(()) } else { failed(format!("{what}: expected {expected:?}, got {got:?}")) }
}

/// A key as the algorithm takes it: in this process, or open in an engine.
enum Key<C> {
    Clear(C),
    InEngine(Box<dyn KeyHandle>),
}

/// Wraps a key and opens it; `spec` is its algorithm and length, if there is such a key.
fn open(engine: &dyn Backend, spec: Option<KeySpec>, key: &ClearKey) -> Result<Box<dyn KeyHandle>, Not> {
    let spec = spec.filter(|spec| spec.length() == key.len());
    let spec = spec.ok_or_else(|| Not::Passed(format!("there is no key of {} bytes", key.len())))?;
    engine.wrap(spec, key).and_then(|wrapped| engine.open(&wrapped)).map_err(|error| match error.kind() {
        EngineErrorKind::Unsupported(_) => Not::Run(error.to_string()),
        _ => stopped(error),
    })
}

impl DesEncipher for Key<DesKey> {
    type Error = EngineError;

    fn encipher(&self, blocks: &mut [[u8; 8]]) -> Result<(), EngineError> {
        match self {
            Self::Clear(key) => {
                let Ok(()) = key.encipher(blocks);
                Ok(())
            }
            Self::InEngine(key) => key.encipher_blocks(blocks),
        }
    }
}

impl Key<DesKey> {
    fn new(engine: Option<&dyn Backend>, clear: &ClearKey) -> Result<Self, Not> {
        match engine {
            None => DesKey::new(clear.expose()).map(Self::Clear).map_err(stopped),
            Some(engine) => open(engine, Some(KeySpec::DES), clear).map(Self::InEngine),
        }
    }
}

/// The steps to a ticket, for a case in which one of them is to refuse.
#[derive(Default)]
struct Refused(Vec<&'static str>);

impl Refused {
    fn note<T, E>(&mut self, step: &'static str, result: Result<T, E>) -> Option<T> {
        if result.is_err() {
            self.0.push(step);
        }
        result.ok()
    }

    /// That the engine has no such keys at all says nothing of this one.
    fn key<C>(&mut self, key: Result<Key<C>, Not>) -> Result<Option<Key<C>>, Not> {
        match key {
            Err(Not::Run(why)) => Err(Not::Run(why)),
            key => Ok(self.note("key", key)),
        }
    }

    /// One at least has refused, and the one the category names, if it names one.
    fn judge(&self, category: &str) -> Tried {
        let named = category.split('-').next().unwrap_or_default();
        if ["user", "appl", "key", "type", "time"].contains(&named) && !self.0.contains(&named) {
            return failed(format!("the {named} is to be refused, refused were: {}", self.0.join(", ")));
        }
        if self.0.is_empty() { failed("it is to be refused, and a ticket was made") } else { Ok(()) }
    }
}

impl Case {
    fn clear_key(&self) -> Result<ClearKey, Not> {
        ClearKey::from_hex(&self.key).map_err(stopped)
    }

    fn names(&self) -> Result<(UserId, Applid), Not> {
        Ok((self.user.parse().map_err(stopped)?, self.appl.parse().map_err(stopped)?))
    }

    /// None for a time before 1970, which is no time of a ticket.
    fn time(&self) -> Result<Timestamp, &'static str> {
        u64::try_from(self.time).map(Timestamp::from_secs).or(Err("a time before 1970"))
    }

    fn generated(&self, ticket: Result<Ticket, GenerateError<EngineError>>) -> Result<Ticket, Not> {
        let ticket = ticket.map_err(stopped)?;
        same("ticket", &self.ticket.as_str(), &ticket.expose())?;
        Ok(ticket)
    }

    fn decoded(&self, time: Option<Timestamp>) -> Tried {
        same("time in the ticket", &self.decodes_to, &time.map(Timestamp::as_secs))
    }

    fn judged(&self, verdict: Option<Verdict>) -> Tried {
        same("accepted", &self.accept, &verdict.is_some_and(Verdict::is_accepted))?;
        same("delta", &self.delta, &verdict.and_then(Verdict::delta))
    }

    fn legacy(&self, engine: Option<&dyn Backend>) -> Tried {
        match self.op {
            Op::Translate => {
                let result5 = u32::from_str_radix(&self.result5, 16).map_err(stopped)?;
                same("ticket", &self.ticket.as_str(), &legacy::translate(result5).expose())?;
                let ticket: Ticket = self.ticket.parse().map_err(stopped)?;
                same("result", &Some(result5), &legacy::untranslate(&ticket))
            }
            Op::Generate => {
                let (key, session) = self.legacy_session(engine)?;
                let ticket = self.generated(session.generate(&key, self.time().map_err(stopped)?))?;
                self.decoded(session.decode(&key, &ticket).map_err(stopped)?)
            }
            Op::Evaluate => {
                let (key, session) = self.legacy_session(engine)?;
                let Ok(ticket) = self.ticket.parse::<Ticket>() else { return self.judged(None) };
                let verdict = session.evaluate(&key, &ticket, self.now.into(), Window::legacy()).map_err(stopped)?;
                self.judged(Some(verdict))
            }
            Op::GenerateError => {
                let mut refused = Refused::default();
                let user = refused.note("user", self.user.parse::<UserId>());
                let appl = refused.note("appl", self.appl.parse::<Applid>());
                let key = refused.key(self.clear_key().and_then(|key| Key::<DesKey>::new(engine, &key)))?;
                let time = refused.note("time", self.time());
                if let (Some(user), Some(appl), Some(key), Some(time)) = (user, appl, key, time) {
                    let session = legacy::Session::prepare(&key, &user, &appl).map_err(stopped)?;
                    refused.note("time", session.generate(&key, time));
                }
                refused.judge(&self.cat)
            }
        }
    }

    fn legacy_session(&self, engine: Option<&dyn Backend>) -> Result<(Key<DesKey>, legacy::Session), Not> {
        let (user, appl) = self.names()?;
        let key = Key::<DesKey>::new(engine, &self.clear_key()?)?;
        let session = legacy::Session::prepare(&key, &user, &appl).map_err(stopped)?;
        Ok((key, session))
    }

    #[cfg(not(feature = "enhanced"))]
    fn enhanced(&self, _engine: Option<&dyn Backend>) -> Tried {
        Err(Not::Run("this program was built without enhanced PassTickets (feature enhanced)".to_owned()))
    }
}

#[cfg(feature = "enhanced")]
mod enhanced {
    use icsf_core::backend::HashAlgorithm;
    use ptkt::HmacSha512;
    use ptkt::enhanced::{Session, TicketType};
    use ptkt::software::HmacKey;

    use super::*;

    impl HmacSha512 for Key<HmacKey> {
        type Error = EngineError;

        fn hmac(&self, messages: &[&[u8]], macs: &mut [[u8; 64]]) -> Result<(), EngineError> {
            match self {
                Self::Clear(key) => {
                    let Ok(()) = key.hmac(messages, macs);
                    Ok(())
                }
                Self::InEngine(key) => key.hmac(HashAlgorithm::Sha512, messages, macs),
            }
        }
    }

    impl Key<HmacKey> {
        fn new(engine: Option<&dyn Backend>, clear: &ClearKey) -> Result<Self, Not> {
            match engine {
                None => HmacKey::new(clear.expose()).map(Self::Clear).map_err(stopped),
                Some(engine) => open(engine, KeySpec::hmac(clear.len()), clear).map(Self::InEngine),
            }
        }
    }

    impl Case {
        pub(super) fn enhanced(&self, engine: Option<&dyn Backend>) -> Tried {
            match self.op {
                Op::Translate => failed("enhanced tickets have no translation step"),
                Op::Generate => {
                    let (key, session) = self.session(engine)?;
                    let ticket = self.generated(session.generate(&key, self.time().map_err(stopped)?))?;
                    self.decoded(session.decode(&key, &ticket).map_err(stopped)?)
                }
                Op::Evaluate => {
                    let (key, session) = self.session(engine)?;
                    let Ok(ticket) = self.ticket.parse::<Ticket>() else { return self.judged(None) };
                    let timeout = self.timeout.unwrap_or(Window::DEFAULT_TIMEOUT);
                    let window = Window::enhanced(timeout).map_err(stopped)?;
                    let verdict = session.evaluate(&key, &ticket, self.now.into(), window).map_err(stopped)?;
                    self.judged(Some(verdict))
                }
                Op::GenerateError => {
                    let mut refused = Refused::default();
                    let user = refused.note("user", self.user.parse::<UserId>());
                    let appl = refused.note("appl", self.appl.parse::<Applid>());
                    let key = refused.key(self.clear_key().and_then(|key| Key::<HmacKey>::new(engine, &key)))?;
                    let sort = refused.note("type", self.r#type.parse::<TicketType>());
                    let time = refused.note("time", self.time());
                    if let (Some(user), Some(appl), Some(key), Some(sort), Some(time)) = (user, appl, key, sort, time) {
                        let session = Session::prepare(&key, &user, &appl, sort).map_err(stopped)?;
                        refused.note("time", session.generate(&key, time));
                    }
                    refused.judge(&self.cat)
                }
            }
        }

        fn session(&self, engine: Option<&dyn Backend>) -> Result<(Key<HmacKey>, Session), Not> {
            let (user, appl) = self.names()?;
            let key = Key::<HmacKey>::new(engine, &self.clear_key()?)?;
            let sort: TicketType = self.r#type.parse().map_err(stopped)?;
            let session = Session::prepare(&key, &user, &appl, sort).map_err(stopped)?;
            Ok((key, session))
        }
    }
}
