//! What the fuzzers run, and an ordinary test on the seeds in `fuzz/corpus`: each takes bytes from outside to where they
//! are read. None of them may panic, and what is read must hold what it promises.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a target that finds something panics"
)]

mod kerberos;

use std::fs;
use std::sync::{Arc, OnceLock};

pub use kerberos::{ap_req, as_req, keytab, kpasswd, tgs_req};

use icsf_backends::Software;
use icsf_core::backend::{Backend, MasterKeyKind, RegisterChange};
use icsf_core::clock::ManualClock;
use icsf_core::codes::{Code, ReasonCodes};
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::kds::{Header, KdsFormat, Record};
use icsf_core::random::SeededRandom;
use icsf_core::store::{MemoryStore, RowStore};
use icsf_core::{Icsf, KeyIdentifier, KeyToken, Parts, RecordKey};
use icsf_saf::command::NoSecrets;
use icsf_saf::replay::FileRegister;
use icsf_saf::{Caller, Database, Existing, Saf, foreign as lists, unload as unloads};
use ptkt::software::DesKey;
use ptkt::{MemoryRegister, ReplayRegister, Ticket, TicketKind, TicketUse, Timestamp, Usage, Window, legacy};

/// A target: its name, which is that of its folder of seeds, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 15] = [
    ("token", token),
    ("record", record),
    ("export", export),
    ("command", command),
    ("rlist", rlist),
    ("ticket", ticket),
    ("replay", replay),
    ("drill", drill),
    ("unload", unload),
    ("foreign", foreign),
    ("as-req", as_req),
    ("tgs-req", tgs_req),
    ("ap-req", ap_req),
    ("kpasswd", kpasswd),
    ("keytab", keytab),
];

const NOW: u64 = 1_763_110_800;

/// An ICSF in memory with both master keys, always the same ones.
fn icsf() -> Icsf {
    let engine = Software::in_memory(Arc::new(SeededRandom::new(1)));
    for kind in MasterKeyKind::ALL {
        engine.change_register(kind, RegisterChange::Generate).unwrap();
        let made = engine.master_keys().unwrap().of(kind).new.pattern().unwrap();
        engine.change_register(kind, RegisterChange::Set(made)).unwrap();
    }
    let icsf = Icsf::new(Parts {
        backend: Arc::new(engine),
        store: Arc::new(MemoryStore::default()),
        control: Arc::new(MemoryControl::default()),
        epoch: Arc::new(Epoch::in_memory()),
        clock: Arc::new(ManualClock::at(NOW)),
        random: Arc::new(SeededRandom::new(2)),
        reason_codes: ReasonCodes::Icsf,
    });
    icsf.key_data_set().initialize(KdsFormat::Kdsr, NOW).unwrap();
    icsf
}

/// A key token: what is read comes back as it was, and an engine takes it or says why not.
pub fn token(data: &[u8]) {
    static ICSF: OnceLock<Icsf> = OnceLock::new();
    if let Ok(token) = KeyToken::parse(data) {
        let bytes = token.encode();
        assert_eq!(KeyToken::parse(&bytes).unwrap().encode(), bytes);
        let icsf = ICSF.get_or_init(icsf);
        let mut key = KeyIdentifier::Token(token);
        let _ = icsf.csnbhmg(&mut key, &["HMAC", "SHA-512"], b"text", &mut [0; 128], 64);
        let _ = icsf.csnbenc(&mut key, &["CBC"], &[0; 8], &[0; 8], 0, &mut [0; 18]);
    }
    let _ = KeyIdentifier::parse(data);
}

/// A record of the CKDS, its 72-byte key before it, or a header: what is read comes back as it was.
pub fn record(data: &[u8]) {
    if let Some((key, bytes)) = data.split_first_chunk::<72>()
        && let Ok(key) = RecordKey::from_bytes(*key)
        && let Ok(record) = Record::parse(key, bytes)
    {
        let _ = format!("{record:?}");
        let again = record.encode();
        let record = Record::parse(key, &again).unwrap();
        assert_eq!(record.encode(), again);
    }
    if let Ok(header) = Header::parse(data) {
        assert_eq!(header.encode(), data, "a header has one form");
    }
}

/// An export of the CKDS: what is imported is exported as it came.
pub fn export(data: &[u8]) {
    let icsf = icsf();
    match icsf.import_ckds(&mut &*data) {
        Ok(count) => {
            let view = icsf.view().unwrap();
            assert_eq!(view.kds.len() + view.kds.damaged().len(), count);
            let mut again = Vec::new();
            assert_eq!(icsf.export_ckds(&mut again).unwrap(), count);
            assert_eq!(again, data);
        }
        Err(error) => {
            assert_eq!(error.code(), Code::KdsNotValid, "{error}");
            assert!(icsf.view().unwrap().kds.is_empty());
        }
    }
}

/// A RACF command, or several: each is carried out whole, or an error says where it is wrong.
pub fn command(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let epoch = Arc::new(Epoch::in_memory());
    let store: Arc<dyn RowStore> = Arc::new(MemoryStore::default());
    let database = Database::new(Arc::clone(&store), epoch);
    let clock = Arc::new(ManualClock::at(NOW));
    let saf = Saf::new(Arc::new(icsf()), database, clock, Arc::new(MemoryRegister::new()), "SY1");
    let issuer = Caller::user("IBMUSER".parse().unwrap());
    for command in icsf_saf::command::join(text) {
        let (word, _) = icsf_saf::command::complete(&command);
        assert!(command.is_char_boundary(word));
        // A password is stretched, which takes longer than all else; there is nothing to be found in that.
        if command.to_ascii_uppercase().contains("PASS") {
            continue;
        }
        let before = store.generation().unwrap();
        if let Err(error) = saf.command(&issuer, &command, &NoSecrets) {
            assert_eq!(store.generation().unwrap(), before, "it failed, and something was changed");
            assert!(error.span().is_none_or(|span| command.get(span.clone()).is_some()), "{error:?}");
            assert!(!error.report().is_empty());
        }
    }
    assert_eq!(saf.database().view().unwrap().damaged().count(), 0, "what was written is read again");
}

/// A pasted listing of profiles: no line is too strange, and none is lost twice.
pub fn rlist(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let pasted = icsf_saf::pasted::rlist(text);
    let lines = text.lines().count();
    let others = pasted.profiles.iter().map(|profile| profile.others.len()).sum::<usize>() + pasted.others.len();
    assert!(pasted.profiles.len() <= lines && others <= lines);
    let entries = pasted.profiles.iter().map(|profile| profile.access.len()).sum::<usize>();
    assert!(entries + others <= lines);
    assert!(!format!("{pasted:?}").is_empty());
}

/// A ticket as typed: it is one of this second, or it is none; generating and evaluating are each other's inverse.
pub fn ticket(data: &[u8]) {
    let key = DesKey::new(&[0xe0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77]).unwrap();
    let Ok(session) = legacy::Session::prepare(&key, &"IBMUSER".parse().unwrap(), &"TSOR001".parse().unwrap());
    if let Ok(ticket) = Ticket::try_from(data) {
        let Ok(decoded) = session.decode(&key, &ticket);
        if let Some(time) = decoded {
            assert_eq!(session.generate(&key, time).unwrap(), ticket);
        }
        let now = Timestamp::from_secs(NOW);
        let Ok(verdict) = session.evaluate(&key, &ticket, now, Window::legacy());
        assert_eq!(verdict.delta().is_some(), decoded.is_some());
        assert!(!verdict.is_accepted() || verdict.delta().unwrap().abs() <= 600);
        #[cfg(feature = "enhanced")]
        enhanced(&ticket, now);
    }
    if let Some((seconds, _)) = data.split_first_chunk().map(|(bytes, rest)| (u64::from_be_bytes(*bytes), rest))
        && let Ok(ticket) = session.generate(&key, Timestamp::from_secs(seconds))
    {
        let Ok(time) = session.decode(&key, &ticket);
        assert_eq!(time.map(Timestamp::as_secs), Some(seconds & u64::from(u32::MAX)));
    }
}

#[cfg(feature = "enhanced")]
fn enhanced(ticket: &Ticket, now: Timestamp) {
    use ptkt::enhanced::{Session, TicketType};
    let key = ptkt::software::HmacKey::new(&[0x5a; 64]).unwrap();
    for ticket_type in [TicketType::Upper, TicketType::Mixed] {
        let (user, application) = ("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap());
        let Ok(session) = Session::prepare(&key, &user, &application, ticket_type);
        let Ok(decoded) = session.decode(&key, ticket);
        if let Some(time) = decoded {
            assert_eq!(&session.generate(&key, time).unwrap(), ticket);
        }
        let Ok(verdict) = session.evaluate(&key, ticket, now, Window::enhanced(60).unwrap());
        assert!(!verdict.is_accepted() || verdict.delta().unwrap().abs() <= 60);
    }
}

/// A file of the replay register that somebody else wrote: it is read or refused, and a ticket is never good twice.
pub fn replay(data: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(format!("{:010}", NOW / 1024)), data).unwrap();
    let register = FileRegister::open(directory.path()).unwrap();
    let (user, application) = ("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap());
    let used = TicketUse::marked(TicketKind::Legacy, user, application, Timestamp::from_secs(NOW), 7);
    let now = Timestamp::from_secs(NOW);
    let first = register.first_use(&used, now);
    let second = register.first_use(&used, now);
    assert!(!matches!(second, Ok(Usage::First)), "{first:?}, then {second:?}");
    let _ = FileRegister::open(directory.path()).unwrap().first_use(&used, now);
}

/// A drill file: it is read, or every mistake says where it is, and shows the line.
pub fn drill(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match icsf_drill::Drill::read("drill.toml", text) {
        Ok(drill) => assert_eq!(drill.text(), text),
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.is_empty() && !format!("{error:?}").is_empty());
            let icsf_drill::Error::File(mistakes) = error else { panic!("{shown}") };
            for mistake in mistakes {
                let lines = text.lines().count() + 1;
                assert!(mistake.position().is_none_or(|(line, _)| line <= lines), "{shown}");
            }
        }
    }
}

fn database() -> Database {
    Database::new(Arc::new(MemoryStore::default()), Arc::new(Epoch::in_memory()))
}

/// An unload: what is not understood is told, and what is understood goes into a database, out of it and in again without
/// a change.
pub fn unload(data: &[u8]) {
    let mut told = 0;
    let Ok(contents) = unloads::read(data, &mut |finding| told += u64::from(!finding.what.is_empty())) else { return };
    assert_eq!(contents.summary.findings, told);
    let first = database();
    let imported = first.import(&contents, Existing::Keep).unwrap();
    assert_eq!(usize::try_from(imported.profiles.added).unwrap(), contents.profiles().len());
    let view = first.view().unwrap();
    assert_eq!(view.damaged().count(), 0, "what was written is read again");
    for form in [unloads::Form::TEXT, unloads::Form::EBCDIC] {
        let mut written = Vec::new();
        unloads::export(&view, form, &mut written).unwrap();
        if written.is_empty() {
            return;
        }
        let second = database();
        second.import(&unloads::read(written.as_slice(), &mut |_| {}).unwrap(), Existing::Keep).unwrap();
        let mut again = Vec::new();
        unloads::export(&second.view().unwrap(), form, &mut again).unwrap();
        assert_eq!(again, written);
    }
}

/// A command list of ACF2 or Top Secret: what becomes of it are commands that can be read, and no key is in them.
pub fn foreign(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for translate in [lists::acf2, lists::top_secret] {
        let translation = translate(text, &mut |_| {});
        for translated in translation.commands() {
            assert!(!icsf_saf::command::shows_secret(&translated.command), "{translated:?}");
        }
    }
}
