//! No text that any public type makes holds a key, a master key, a password, a PIN or a ticket.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use icsf_backends::faulty::Plan;
use icsf_backends::pkcs11::{Options, Pkcs11};
use icsf_backends::software::{Cost, Unlock};
use icsf_backends::{Absent, Faulty, Metered, Software};
use icsf_core::backend::{
    Backend, Derivation, DerivedUse, EngineErrorKind, Etype, HashAlgorithm, KeyAlgorithm, KeySpec, MasterKeyKind, Part,
    RegisterChange, StoredForm,
};
use icsf_core::clock::ManualClock;
use icsf_core::codes::ReasonCodes;
use icsf_core::control::MemoryControl;
use icsf_core::epoch::Epoch;
use icsf_core::journal::{Journal, MemoryJournal, What};
use icsf_core::random::SystemRandom;
use icsf_core::store::{Area, MemoryStore, RowStore, Volume};
use icsf_core::token::Material;
use icsf_core::{ClearKey, Icsf, KeyIdentifier, KeyToken, Parts};
use icsf_drill::consumer::{Asked, By, Consumer, Failure, Logon, Place, Settings};
use icsf_saf::kerberos::KerberosRefusal;
use icsf_saf::model::{Class, Connect, Credential, Realm};
use ptkt::software::DesKey;
use ptkt::{MemoryRegister, ReplayRegister, TicketKind, TicketUse, Timestamp, Window, legacy};
use secrecy::SecretString;
use softhsm_fixtures::{Pin, Token};
use softicsf::{
    Card, CardSlot, EngineSecrets, Entry, KerberosOptions, NewKeys, NoSecrets, Pkcs11Token, PrincipalName,
    PrincipalSettings, Setup, System,
};

use crate::public_types::{with_secrets, words};
use crate::support::{admin, define, request};

/// Collects texts, in all the ways in which a value is printed.
#[derive(Debug, Default)]
struct Texts(Vec<String>, BTreeSet<String>);

impl Texts {
    fn debug<T: Debug + ?Sized>(&mut self, value: &T) {
        self.1.extend(words(std::any::type_name::<T>()).map(str::to_owned));
        self.0.push(format!("{value:?}"));
        self.0.push(format!("{value:#?}"));
    }

    /// An error with all that is below it.
    fn error<E: std::error::Error + 'static>(&mut self, error: &E) {
        self.debug(error);
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = next {
            self.0.push(format!("{error} {error:#}"));
            next = error.source();
        }
    }

    /// What a panic with this value would print.
    fn panic<T, E: Debug>(&mut self, result: Result<T, E>) {
        let payload = catch_unwind(AssertUnwindSafe(|| drop(result.unwrap()))).unwrap_err();
        self.0.push(payload.downcast_ref::<String>().unwrap().clone());
    }
}

/// The ways in which bytes are usually printed.
fn prints(secret: &[u8]) -> Vec<String> {
    let list = format!("{secret:?}");
    vec![
        HEXUPPER.encode(secret),
        HEXLOWER.encode(secret),
        BASE64.encode(secret),
        list.trim_matches(['[', ']']).to_owned(),
        String::from_utf8_lossy(secret).into_owned(),
    ]
}

const DES: [u8; 8] = [0xe0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77];
const PHRASE: &[u8] = b"correct horse battery";
const PASSWORD: &str = "hunTer2X";

const CRATES: [&str; 6] = ["icsf-core", "backends", "ptkt", "saf", "system", "drill"];

fn hmac_key() -> Vec<u8> {
    (0..64).map(|n: u8| n.wrapping_mul(5).wrapping_add(0x9d)).collect()
}

fn master_key_part() -> Vec<u8> {
    (0..32).map(|n: u8| n.wrapping_mul(11).wrapping_add(0x47)).collect()
}

/// Keys and tickets as the algorithms use them.
fn tickets(texts: &mut Texts) {
    let des = DesKey::new(&DES).unwrap();
    texts.debug(&des);
    texts.error(&DesKey::new(&hmac_key()).unwrap_err());
    let who = request("U1", "MASKED");
    let Ok(session) = legacy::Session::prepare(&des, &who.user, &who.application);
    texts.debug(&session);
    let now = Timestamp::from_secs(1_700_000_000);
    let ticket = session.generate(&des, now).unwrap();
    let Ok(verdict) = session.evaluate(&des, &ticket, now, Window::legacy());
    texts.debug(&verdict);
    let never = session.generate(&des, Timestamp::from_secs(u64::MAX)).unwrap_err();
    texts.error(&never);
    texts.debug(&"A B".parse::<ptkt::Applid>().unwrap_err().kind());
    let used = TicketUse::new(TicketKind::Legacy, who.user, who.application, now, &ticket);
    texts.debug(&used);
    texts.debug(&used.kind());
    let register = MemoryRegister::new();
    assert_eq!(register.first_use(&used, now).unwrap(), ptkt::Usage::First);
    texts.debug(&register);
    #[cfg(feature = "enhanced")]
    {
        use ptkt::enhanced::{Session, TicketType};
        use ptkt::software::HmacKey;
        let hmac = HmacKey::new(&hmac_key()).unwrap();
        texts.debug(&hmac);
        texts.error(&HmacKey::new(&DES).unwrap_err());
        let Ok(session) = Session::prepare(&hmac, &who.user, &who.application, TicketType::Upper);
        texts.debug(&session);
    }
}

/// Everything that stands before an engine which has a key open.
fn engines(texts: &mut Texts, engine: &Arc<dyn Backend>) {
    for kind in MasterKeyKind::ALL {
        let part = ClearKey::new(master_key_part());
        engine.change_register(kind, RegisterChange::Load(Part::First, &part)).unwrap();
        texts.error(&engine.change_register(kind, RegisterChange::Load(Part::First, &part)).unwrap_err());
        engine.change_register(kind, RegisterChange::Load(Part::Final, &ClearKey::new(vec![0; 32]))).unwrap();
        let made = engine.master_keys().unwrap().of(kind).new.pattern().unwrap();
        engine.change_register(kind, RegisterChange::Set(made)).unwrap();
    }
    let plan = Plan::default();
    texts.debug(&plan);
    let slot = CardSlot::empty();
    let card = Card::of(Arc::clone(engine));
    slot.insert(&card);
    texts.debug(&card);
    texts.debug(&slot);
    let metered = Metered::new(Arc::clone(engine));
    texts.debug(&metered.meter());
    let engines: [Arc<dyn Backend>; 4] = [
        Arc::clone(engine),
        Arc::new(metered),
        Arc::new(Faulty::new(Arc::clone(engine), plan)),
        Arc::new(Absent::new("pulled")),
    ];
    for engine in engines {
        texts.debug(&engine);
        match engine.wrap(KeySpec::DES, &ClearKey::from_slice(&DES)) {
            Ok(wrapped) => {
                texts.debug(&wrapped);
                texts.debug(&engine.open(&wrapped).unwrap());
            }
            Err(error) => texts.error(&error),
        }
        let parts = Parts {
            backend: engine,
            store: Arc::new(MemoryStore::default()),
            control: Arc::new(MemoryControl::default()),
            epoch: Arc::new(Epoch::in_memory()),
            clock: Arc::new(ManualClock::at(0)),
            random: Arc::new(SystemRandom),
            reason_codes: ReasonCodes::Icsf,
        };
        texts.debug(&parts);
        texts.debug(&Icsf::new(parts));
    }
    texts.debug(&Faulty::new(Arc::clone(engine), Plan::default()));
    texts.debug(&Metered::new(Arc::clone(engine)));
    texts.debug(&System::in_memory().engine(Arc::clone(engine)));
}

/// A token, opened with its PIN and with wrong ones, as an engine and as that of a system.
fn tokens(texts: &mut Texts, directory: &Path, token: &Token) {
    let pin = |pin: &Pin| ClearKey::from_slice(pin.expose().as_bytes());
    let right = || pin(token.user_pin());
    let options = || Options::new(token.module(), token.label()).with_serial(token.serial());
    texts.debug(&options());
    texts.error(&Pkcs11::create(directory.join("wrong.token"), options(), pin(token.so_pin())).unwrap_err());
    texts.panic(Pkcs11::create(directory.join("wrong.token"), options(), pin(token.so_pin())));
    let path = directory.join("engine.token");
    let engine = Pkcs11::create(&path, options(), right()).unwrap();
    texts.debug(&engine);
    // A process that is logged in to a token is so with all its sessions.
    drop(engine);
    let locked = Pkcs11::open(&path, options(), None).unwrap();
    texts.debug(&locked.state());
    texts.error(&locked.attach().unwrap_err());
    texts.error(&locked.unlock(pin(token.so_pin())).unwrap_err());
    texts.debug(&locked);
    locked.unlock(right()).unwrap();
    let engine: Arc<dyn Backend> = Arc::new(locked);
    for kind in MasterKeyKind::ALL {
        let part = ClearKey::new(master_key_part());
        engine.change_register(kind, RegisterChange::Load(Part::First, &part)).unwrap();
        texts.error(&engine.change_register(kind, RegisterChange::Load(Part::First, &part)).unwrap_err());
        engine.change_register(kind, RegisterChange::Load(Part::Final, &ClearKey::new(vec![0; 32]))).unwrap();
        let made = engine.master_keys().unwrap().of(kind).new.pattern().unwrap();
        engine.change_register(kind, RegisterChange::Set(made)).unwrap();
    }
    let wrapped = engine.wrap(KeySpec::DES, &ClearKey::from_slice(&DES)).unwrap();
    texts.debug(&engine.open(&wrapped).unwrap());
    texts.debug(&engine);
    drop(engine);
    let chosen = || softicsf::Engine::Pkcs11(Pkcs11Token::new(token.module(), token.label()));
    texts.debug(&chosen());
    let setup = |pin| Setup {
        engine: chosen(),
        secrets: EngineSecrets { pass_phrase: None, pin: Some(pin) },
        ..Setup::default()
    };
    texts.debug(&setup(right()));
    texts.debug(&setup(right()).secrets);
    texts.error(&System::create(&directory.join("wrong"), &setup(pin(token.so_pin()))).unwrap_err());
    let system = System::create(&directory.join("tokens"), &setup(right())).unwrap();
    texts.debug(&system);
    texts.debug(&system.status().unwrap());
    drop(system);
    let secrets = EngineSecrets { pass_phrase: None, pin: Some(pin(token.so_pin())) };
    match System::open_with(&directory.join("tokens"), secrets) {
        Ok(system) => {
            texts.debug(&system.engine().unwrap());
            texts.error(&system.icsf().csnbcki(&ClearKey::from_slice(&DES)).unwrap_err());
        }
        Err(error) => texts.error(&error),
    }
}

/// The drill of the gallery, with the keys and the password of here.
fn drills(texts: &mut Texts, directory: &Path) {
    let mut text = icsf_drill::gallery::GALLERY[0].text.to_owned();
    for (name, secret) in [("tso-key", HEXUPPER.encode(&DES)), ("cics-key", HEXUPPER.encode(&hmac_key()))] {
        text = with_file(&text, name, &secret, directory);
    }
    text = with_file(&text, "password", PASSWORD, directory);
    let drill = icsf_drill::Drill::read("here", &text).unwrap();
    texts.debug(&drill);
    texts.debug(&icsf_drill::Cards::default().all(icsf_drill::CardKind::Software));
    texts.debug(&icsf_drill::CardKind::Software);
    ran(texts, &drill);
    // Keys and passwords that stand in the file itself.
    let key = HEXUPPER.encode(&DES);
    for (right, wrong) in [
        ("KEYMASKED(@secret:ims-key)", format!("KEYMASKED({key})")),
        ("KEYMASKED(@secret:ims-key)", format!("KEYMASKD({key})")),
        ("\"@secret:cics-key\"", format!("\"{key}\"")),
        ("\"@secret:password\"", format!("\"{PASSWORD}\"")),
        ("{ generate = \"des\" }", format!("\"{key}\"")),
        ("{ generate = \"des\" }", format!("{{ value = \"{key}\" }}")),
        ("{ generate = \"des\" }", format!("{{ generate = \"{key}\" }}")),
        ("RLIST PTKTDATA TSOPRD1 NORACF SSIGNON", format!("RALTER PTKTDATA TSOPRD1 SSIGNON(KEYMASKED({key}))")),
    ] {
        let wrong = text.replace(right, &wrong);
        if cfg!(not(feature = "enhanced")) && !text.contains(right) {
            continue; // the drill without enhanced keys
        }
        assert_ne!(wrong, text, "{right}");
        match icsf_drill::Drill::read("here", &wrong) {
            Ok(drill) => {
                texts.debug(&drill);
                ran(texts, &drill);
            }
            Err(error) => texts.error(&error),
        }
    }
}

/// A drill whose keys stand in the file itself, where that is allowed.
fn drills_with_keys_inside(texts: &mut Texts) {
    let reader = icsf_drill::Reader::default().allow_inline_keys();
    texts.debug(&reader);
    let text = icsf_drill::gallery::GALLERY[0].text;
    let inside = text
        .replace("KEYMASKED(@secret:ims-key)", &format!("KEYMASKED({})", HEXUPPER.encode(&DES)))
        .replace("\"@secret:password\"", &format!("\"{PASSWORD}\""));
    assert_ne!(inside, text);
    let drill = reader.read("here", &inside).unwrap();
    texts.debug(&drill);
    ran(texts, &drill);
}

/// What a consumer of drills is given, and leaves.
#[derive(Debug, Default, Clone)]
struct Watching(Arc<Mutex<Vec<Texts>>>);

impl Consumer for Watching {
    fn sign_on(&mut self, place: &Place<'_>, asked: &Asked<'_>) -> Logon {
        let mut texts = Texts::default();
        let mut logon = Logon::begun(asked);
        logon.keep(&"E0011935".parse().unwrap());
        let failure = Failure::because(icsf_core::Cause::new("nobody signs on here"));
        texts.debug(place);
        texts.debug(asked);
        texts.debug(&failure);
        let logon = logon.failed(failure);
        texts.debug(&logon);
        assert!(!texts.0.iter().any(|text| text.contains("E0011935")));
        self.0.lock().unwrap().push(texts);
        logon
    }
}

fn consumers(texts: &mut Texts) {
    let watching = Watching::default();
    let other = watching.clone();
    let factory = move |settings: &Settings| -> Box<dyn Consumer> {
        let mut texts = Texts::default();
        texts.debug(settings);
        texts.debug(&settings.evaluates);
        other.0.lock().unwrap().push(texts);
        Box::new(other.clone())
    };
    let text = icsf_drill::gallery::GALLERY[0].text.replace("kind    = \"tpx\"", "kind    = \"watching\"");
    let reader = icsf_drill::Reader::default().consumer("watching", Arc::new(factory));
    let run = icsf_drill::run(&reader.read("here", &text).unwrap()).unwrap();
    assert_eq!(run.exit_status(), 3, "the baseline fails");
    for seen in watching.0.lock().unwrap().drain(..) {
        texts.0.extend(seen.0);
        texts.1.extend(seen.1);
    }
    texts.debug(&icsf_backends::Slot::empty());
}

/// Runs a drill; without enhanced PassTickets it may not be possible, which is told.
fn ran(texts: &mut Texts, drill: &icsf_drill::Drill) {
    match icsf_drill::run(drill) {
        Ok(run) => {
            texts.debug(&run);
            let report = icsf_drill::Report::of(&run);
            texts.debug(&report);
            texts.0.extend(report.files().map(|(_, text)| text));
        }
        Err(error) => texts.error(&error),
    }
}

/// A drill whose secret of this name is read from a file.
fn with_file(drill: &str, name: &str, secret: &str, directory: &Path) -> String {
    let path = directory.join(name);
    std::fs::write(&path, secret).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let with = |line: &str| {
        if line.starts_with(name) && line.contains("generate") {
            format!("{name} = {{ file = {path:?} }}\n")
        } else {
            format!("{line}\n")
        }
    };
    let with = drill.lines().map(with).collect();
    assert_ne!(with, drill, "{name} is no secret of the drill");
    with
}

/// What the journal was told, and its files as they are.
fn journal(texts: &mut Texts, system: &System) {
    let journal = system.journal().unwrap();
    texts.debug(journal);
    let in_memory = MemoryJournal::default();
    let mut commands = 0;
    let mut each = |entry: Result<Entry, _>| {
        let entry = entry.unwrap();
        commands += usize::from(entry.event.event == What::Command);
        in_memory.record(&entry.event);
        texts.debug(&entry);
        texts.debug(&entry.event);
        texts.debug(&entry.event.event);
        texts.0.extend(icsf_saf::smf::irradu00(&entry.event, &entry.smfid));
        ControlFlow::Continue(())
    };
    journal.read(&mut each).unwrap();
    assert!(commands > 3);
    texts.debug(&in_memory);
    for file in std::fs::read_dir(journal.directory()).unwrap() {
        texts.0.push(std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
}

/// Kerberos principals: their passwords, and the keys made from them.
fn principals(texts: &mut Texts, system: &System) {
    let (me, password) = (admin(), SecretString::from(PASSWORD));
    let keys = NewKeys::Password(&password);
    texts.debug(&keys);
    crate::support::racf(system, &format!("RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM) PASSWORD({PASSWORD}))"));
    let name: PrincipalName = "host/a".parse().unwrap();
    let saf = system.saf();
    saf.add_principal(&me, &name, keys, &PrincipalSettings::default()).unwrap();
    texts.debug(&*saf.database().view().unwrap());
    texts.debug(&saf.principal(&name).unwrap());
    texts.debug(&system.keytab_entries(&name, &password).unwrap());
    texts.error(&PASSWORD.repeat(40).parse::<PrincipalName>().unwrap_err());
    let error = system.keytab_entries(&name, &SecretString::from("another")).unwrap_err();
    texts.error(&error);
    system.icsf().engine_offline().unwrap();
    let error = saf.change_principal_keys(&me, &name, keys).unwrap_err();
    texts.debug(&error.kind());
    texts.error(&error);
    texts.panic(saf.change_principal_keys(&me, &name, keys));
    system.icsf().engine_online().unwrap();
}

/// What comes from other systems.
fn elsewhere(texts: &mut Texts, system: &System) {
    let list = "SET PROFILE(PTKTDATA) DIV(SSIGNON)\nINSERT A SSKEY(E001193519561977)\nINSERT E001193519561977 SSKEY";
    let told = &mut |finding: &icsf_saf::unload::Finding| texts.0.push(finding.to_string());
    let translation = icsf_saf::foreign::acf2(list, told);
    texts.debug(&translation);
    texts.0.extend(translation.commands().map(|translated| translated.command.clone()));
    let database = system.saf().database();
    let mut unload = Vec::new();
    icsf_saf::unload::export(&database.view().unwrap(), icsf_saf::unload::Form::TEXT, &mut unload).unwrap();
    texts.0.push(String::from_utf8(unload.clone()).unwrap());
    let contents = icsf_saf::unload::read(unload.as_slice(), &mut |_| {}).unwrap();
    texts.debug(&contents);
    texts.debug(&database.import_would(&contents, icsf_saf::Existing::Replace).unwrap());
    texts.error(&icsf_saf::unload::read(b"E001193519561977".as_slice(), &mut |_| {}).unwrap_err());
}

#[test]
fn no_text_holds_a_secret() {
    let mut texts = Texts::default();
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("sy1");
    let setup = Setup {
        engine: softicsf::Engine::Software { unlock: softicsf::UnlockBy::PassPhrase },
        secrets: EngineSecrets { pass_phrase: Some(ClearKey::from_slice(PHRASE)), pin: None },
        ..Setup::default()
    };
    texts.debug(&setup);
    texts.debug(&(&setup.engine, &setup.names));
    let system = System::create(&place, &setup).unwrap();
    let icsf = system.icsf();
    for kind in MasterKeyKind::ALL {
        let part = ClearKey::new(master_key_part());
        texts.debug(&RegisterChange::Load(Part::First, &part));
        icsf.load_master_key_part(kind, Part::First, &part).unwrap();
        texts.debug(&system);
        texts.error(&icsf.load_master_key_part(kind, Part::First, &part).unwrap_err());
        icsf.load_master_key_part(kind, Part::Final, &ClearKey::new(vec![0; 32])).unwrap();
        icsf.set_master_key(kind).unwrap();
    }
    texts.debug(&icsf.master_keys().unwrap());
    define(&system);

    // Keys, tokens, records, handles.
    let des = ClearKey::from_slice(&DES);
    texts.debug(&des);
    texts.debug(&StoredForm::of(KeySpec::DES, &des).unwrap());
    texts.error(&ClearKey::from_hex("E00119351956197G").unwrap_err());
    texts.error(&icsf.csnbcki(&ClearKey::from_slice(&[&DES[..], &DES].concat())).unwrap_err());
    let des = icsf.csnbcki(&des).unwrap();
    texts.debug(&des);
    let clear = ClearKey::new(hmac_key());
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    let clear = icsf.csnbktb2(&rules, Some(&clear), None).unwrap();
    texts.debug(&clear);
    let KeyToken::Variable(token) = &clear.value else { panic!("not variable") };
    texts.debug(token);
    texts.debug(token.material());
    texts.debug(&Material::Clear(ClearKey::new(hmac_key())));
    icsf.csnbkrc2(&"A.DES".parse().unwrap(), des.value).unwrap();
    icsf.csnbkrc2(&"CLEAR.HMAC".parse().unwrap(), clear.value).unwrap();
    texts.debug(&icsf.csnbkrr2(&"CLEAR.HMAC".parse().unwrap()).unwrap());
    texts.debug(&KeyIdentifier::Token(icsf.csnbkrr2(&"CLEAR.HMAC".parse().unwrap()).unwrap().value));
    texts.debug(&icsf.csnbenc_key(&"A.DES".parse().unwrap()).unwrap());
    let token = KeyToken::parse(&icsf.csnbkrr(&"A.DES".parse().unwrap()).unwrap().value).unwrap();
    let KeyToken::Des(token) = token else { panic!("{token:?}") };
    texts.debug(&token);
    let header = icsf.view().unwrap().kds.header().clone();
    texts.debug(&(&header, header.des.as_ref()));
    texts.debug(&(KeySpec::DES, KeyAlgorithm::Des, EngineErrorKind::Unavailable));
    let listed = icsf.csfkdsl(&["CKDS", "DETAILED", "ALL"], &"*".parse().unwrap(), 10, None).unwrap().value.1;
    listed.into_iter().for_each(|entry| texts.debug(&entry.content.unwrap()));
    texts.debug(&icsf.csnbhmg_key(&"CLEAR.HMAC".parse().unwrap(), HashAlgorithm::Sha512).unwrap());
    let principal = ClearKey::new(master_key_part());
    let label = "A.KERBEROS".parse().unwrap();
    texts.error(&icsf.add_kerberos_key(&label, Etype::Aes128Sha1, Some(&principal)).unwrap_err());
    icsf.add_kerberos_key(&label, Etype::Aes256Sha1, Some(&principal)).unwrap();
    let principal = icsf.kerberos_key(&label).unwrap();
    texts.debug(&principal);
    let how = Derivation::AesCbc(&[1; 32]);
    let derived = principal.derive(&how, DerivedUse::Cipher(32)).unwrap();
    texts.debug(&derived);
    texts.error(&derived.hmac(HashAlgorithm::Sha1, b"", &mut [0; 64]).unwrap_err());
    texts.error(&principal.derive(&how, DerivedUse::Mac(16)).unwrap_err());
    let view = icsf.view().unwrap();
    texts.debug(&view.kds);
    texts.debug(&icsf.key_data_set().backup().unwrap());
    texts.debug(&view);
    texts.debug(&view.kds.find(&"CLEAR.HMAC".parse().unwrap()));
    let list = icsf.csfkdsl(&["CKDS", "DETAILED", "ALL"], &"*".parse().unwrap(), 99, None).unwrap();
    texts.debug(&list);
    icsf.key_data_set()
        .scan(None, &mut |_, record| {
            texts.debug(&record);
            ControlFlow::Continue(())
        })
        .unwrap();
    texts.debug(icsf.key_data_set());
    texts.debug(icsf);
    let store = MemoryStore::default();
    let row = icsf_core::store::Op::Put(
        Area::Disk,
        b"K".as_slice().into(),
        hmac_key().into(),
        icsf_core::store::Expect::Absent,
    );
    texts.debug(&row);
    store.apply(std::slice::from_ref(&row)).unwrap();
    texts.debug(&store);
    texts.debug(&store.get(Area::Disk, b"K").unwrap());
    texts.error(&store.apply(&[row]).unwrap_err());

    // The security database, users, commands.
    texts.debug(system.saf());
    texts.debug(system.saf().database());
    let view = system.saf().database().view().unwrap();
    texts.debug(&view);
    for profile in view.profiles(Class::Ptktdata) {
        texts.debug(profile);
        texts.debug(&profile.ssignon);
        texts.debug(&profile.ssignon.as_ref().and_then(|ssignon| ssignon.legacy.as_ref()));
    }
    texts.debug(&Realm { password: Some(ClearKey::from_slice(PASSWORD.as_bytes())), ..Realm::default() });
    crate::support::racf(&system, &format!("ADDUSER U1 PASSWORD({PASSWORD})"));
    principals(&mut texts, &system);
    texts.debug(system.saf().database().view().unwrap().user(&"U1".parse().unwrap()).unwrap());
    for command in [
        "RDEFINE PTKTDATA MASKED SSIGNON(KEYMASKED(E001193519561977))",
        "RDEFINE PTKTDATA A SSIGNON(KEYMASKD(E001193519561977))",
        "ADDUSER U1 PASSWORD(hunTer2X)",
    ] {
        let error = system.racf(&admin(), command, &NoSecrets).unwrap_err();
        texts.0.push(error.report());
        texts.error(&error);
        texts.panic(system.racf(&admin(), command, &NoSecrets));
    }
    elsewhere(&mut texts, &system);
    let typed = || Credential::new(SecretString::from(PASSWORD)).unwrap();
    texts.debug(&typed());
    let who = request("U1", "MASKED");
    texts.debug(&system.sign_on(&who, &typed()).unwrap());
    texts.error(&system.sign_on(&request("NOBODY", "MASKED"), &typed()).unwrap_err());
    texts.panic(system.sign_on(&request("NOBODY", "MASKED"), &typed()));

    // Tickets.
    let ticket = system.generate(&admin(), &who).unwrap();
    texts.debug(&ticket);
    texts.debug(&Credential::from(&ticket));
    texts.debug(&system.evaluate(&admin(), &who, &ticket).unwrap());
    let replayed = system.evaluate(&admin(), &who, &ticket).unwrap_err();
    texts.0.push(format!("{} {:?}", replayed.cause(), replayed.cause().facts()));
    texts.debug(replayed.cause());
    texts.error(&replayed);
    texts.panic(system.evaluate(&admin(), &who, &ticket));
    texts.error(&format!("{}X", ticket.expose()).parse::<ptkt::Ticket>().unwrap_err());
    texts.error(&format!("{}\u{7f}", &ticket.expose()[..7]).parse::<ptkt::Ticket>().unwrap_err());
    texts.debug(&system.saf().rcvtptgn(&who.user, &who.application));
    icsf_saf::command::verbs().iter().for_each(|verb| texts.debug(verb));
    tickets(&mut texts);
    let explained = system.explain(&admin(), &who).unwrap();
    texts.debug(&explained);
    texts.debug(&explained.steps);
    let status = system.status().unwrap();
    texts.debug(&status);
    texts.debug(&status.applications);
    texts.debug(&(&status.classes, Class::Ptktdata));
    texts.debug(status.icsf.as_ref().unwrap());
    for application in &status.applications {
        texts.debug(&application.usable);
    }
    texts.debug(&system.engine().unwrap());
    let unverified = system.console("F RSED,APPL=IVP PASSTICKET,U1").unwrap_err();
    texts.debug(unverified.cause().unwrap());
    texts.error(&unverified);

    // The engine and what opens it.
    let phrase = || Unlock::PassPhrase(ClearKey::from_slice(PHRASE));
    texts.debug(&phrase());
    let engine = Software::create(directory.path().join("engine"), &phrase(), Cost::new(8, 1, 1).unwrap()).unwrap();
    texts.debug(&engine);
    let wrong = Unlock::PassPhrase(ClearKey::from_slice(&[PHRASE, b"!"].concat()));
    texts.error(&Software::open(directory.path().join("engine"), Some(wrong)).unwrap_err());
    let memory: Arc<dyn Backend> = Arc::new(Software::in_memory(Arc::new(SystemRandom)));
    texts.debug(&memory);
    engines(&mut texts, &memory);
    drills_with_keys_inside(&mut texts);
    consumers(&mut texts);
    drills(&mut texts, directory.path());
    let token = Token::shared();
    tokens(&mut texts, directory.path(), &token);
    let in_memory = System::in_memory().engine(memory).clock(Arc::new(ManualClock::at(0))).build().unwrap();
    texts.debug(&in_memory);
    journal(&mut texts, &system);

    // Plain words that have a name in common with others.
    texts.debug(&(ReasonCodes::Icsf, Volume::KeyDataSet, ptkt::Usage::First, By::Kerberos));
    texts.debug(&Connect::new("U1".parse().unwrap()));
    texts.debug(&KerberosOptions::at(([127, 0, 0, 1], 88).into()));
    texts.debug(&KerberosRefusal { number: 29, cause: Box::new(replayed.cause().clone()) });
    for judged in system.saf().key_profiles().unwrap() {
        texts.debug(&judged);
        texts.debug(&judged.remarks);
    }
    let mut missing = with_secrets(&CRATES);
    missing.retain(|name| !texts.1.contains(name));
    if cfg!(not(feature = "enhanced")) {
        // There is no such key then, and the drill of the gallery cannot be run.
        missing.retain(|name| !["HmacKey", "Report", "Run"].contains(&name.as_str()));
    }
    assert!(missing.is_empty(), "{missing:?}: public types that may hold a secret and were not formatted here");

    let hmac = hmac_key();
    let secrets: [&[u8]; 8] = [
        &DES,
        &hmac[..16],
        &master_key_part()[..16],
        PHRASE,
        PASSWORD.as_bytes(),
        ticket.expose().as_bytes(),
        token.user_pin().expose().as_bytes(),
        token.so_pin().expose().as_bytes(),
    ];
    assert!(texts.0.len() > 100, "{}", texts.0.len());
    let prints: Vec<_> = secrets.iter().flat_map(|secret| prints(secret)).collect();
    let shown = |text: &&String| prints.iter().any(|print| text.contains(print)) || text.contains("HUNTER2X");
    let shown: Vec<_> = texts.0.iter().filter(shown).collect();
    assert!(shown.is_empty(), "{} texts hold a secret:\n{}", shown.len(), shown[0]);
}
