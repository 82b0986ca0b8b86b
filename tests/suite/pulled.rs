//! A card is pulled and put back 1,000 times while four threads make and check tickets with it: no ticket is wrong, what
//! fails fails for want of the engine, the next good ticket comes soon, and nothing is left behind that the module does
//! not leave behind itself.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::Session;
use icsf_backends::pkcs11::{Options, Pkcs11};
use icsf_core::codes::{Code as IcsfCode, ReasonCodes};
use icsf_core::{ClearKey, KeyIdentifier};
use icsf_saf::codes::Code;
use ptkt::enhanced::TicketType;
use ptkt::software::{DesKey, HmacKey};
use ptkt::{Ticket, TicketKind, Timestamp, enhanced, legacy};
use softhsm_fixtures::{Card, Function};
use softicsf::{MasterKeyKind, Request, System};

use crate::support::{admin, process, racf, request, told};

const PULLS: u64 = 1000;
/// Memory is compared from here on: lanes, caches and arenas are what they will be.
const SETTLED: u64 = 200;
const THREADS: u64 = 4;
const TIME: u64 = 1_700_000_000;
const DES_KEY: [u8; 8] = [0xe0, 0x01, 0x19, 0x35, 0x19, 0x56, 0x19, 0x77];
const HMAC_KEY: [u8; 64] = [0x5a; 64];
/// In what a process tells.
const TOLD: &str = "told";

/// A system with its master keys on the card, a legacy and an enhanced application.
fn system(card: &Card, place: &Path) -> System {
    let options = Options::new(card.module(), card.label());
    let pin = ClearKey::from_slice(card.user_pin().expose().as_bytes());
    let engine = Pkcs11::create(place.join("registers"), options, pin).unwrap();
    let system = System::in_memory().engine(Arc::new(engine)).build().unwrap();
    let icsf = system.icsf();
    for kind in MasterKeyKind::ALL {
        icsf.generate_master_key(kind).unwrap();
        icsf.set_master_key(kind).unwrap();
    }
    let empty = icsf.csnbktb2(&["INTERNAL", "HMAC", "MAC", "GENERATE"], None, None).unwrap().value;
    let mut key = KeyIdentifier::Token(empty);
    icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&ClearKey::from_slice(&HMAC_KEY)), &mut key).unwrap();
    icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut key).unwrap();
    let KeyIdentifier::Token(key) = key else { panic!("a label") };
    icsf.csnbkrc2(&"SOAK.HMAC".parse().unwrap(), key).unwrap();
    for command in [
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
        "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
        "RDEFINE PTKTDATA LEGACY APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYENCRYPTED(E001193519561977))",
        "RDEFINE PTKTDATA ENHANCED SSIGNON(EPTKEYLABEL(SOAK.HMAC) REPLAY(YES))",
        "SETROPTS RACLIST(PTKTDATA) REFRESH",
    ] {
        racf(&system, command);
    }
    system
}

/// What the algorithm alone makes.
fn right(who: &Request) -> (TicketKind, Ticket) {
    let time = Timestamp::from_secs(who.at.unwrap());
    if who.application.to_string() == "LEGACY" {
        let key = DesKey::new(&DES_KEY).unwrap();
        let Ok(session) = legacy::Session::prepare(&key, &who.user, &who.application);
        (TicketKind::Legacy, session.generate(&key, time).unwrap())
    } else {
        let key = HmacKey::new(&HMAC_KEY).unwrap();
        let Ok(session) = enhanced::Session::prepare(&key, &who.user, &who.application, TicketType::Mixed);
        (TicketKind::Enhanced, session.generate(&key, time).unwrap())
    }
}

/// The nth ticket, made or checked; whether it could be.
fn step(system: &System, n: u64) -> bool {
    let application = if n.is_multiple_of(2) { "LEGACY" } else { "ENHANCED" };
    let who = request(&format!("U{}", n % 7), application).at(TIME + n % 300);
    let (kind, right) = right(&who);
    let lost = |error: icsf_saf::Error| {
        assert!([Code::GenerationKey, Code::EvaluationKey].contains(&error.code()), "{error:?}");
        let icsf: &icsf_core::Error = std::error::Error::source(&error).unwrap().downcast_ref().unwrap();
        assert_eq!(icsf.code(), IcsfCode::EngineUnavailable, "{icsf:?}");
        assert_eq!((icsf.return_code(), icsf.reason_code(ReasonCodes::Icsf)), (12, 0));
        false
    };
    if n % 4 < 2 {
        system.generate(&admin(), &who).map_or_else(lost, |ticket| {
            assert!(ticket == right, "a wrong ticket");
            true
        })
    } else {
        system.evaluate(&admin(), &who, &right).map_or_else(lost, |accepted| {
            assert_eq!((accepted.kind, accepted.age), (kind, 0));
            true
        })
    }
}

/// Sessions open after the card was pulled, which ends all, and one ticket of each kind was made.
fn sessions(card: &Card, system: &System) -> u64 {
    card.pull();
    assert!(!step(system, 0));
    let before = card.calls();
    card.put_back();
    (0..4).for_each(|n| assert!(step(system, n)));
    let calls = card.calls().since(&before);
    calls.of(Function::OpenSession) - calls.of(Function::CloseSession)
}

/// Kilobytes of this process in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Ends the work of the others, also when a test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_card_is_pulled_a_thousand_times_under_load_and_nothing_is_wrong_or_lost() {
    let directory = tempfile::tempdir().unwrap();
    let run = |test: &str| {
        let ended = process(test, directory.path(), PULLS).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success() && out.contains("1 passed"), "{out}\n{err}");
        out.lines().filter(|line| line.starts_with("  ")).for_each(|line| println!("{line}"));
        fs::read_to_string(directory.path().join(TOLD)).unwrap().split(' ').map(|n| n.parse().unwrap()).collect()
    };
    let ours: Vec<u64> = run("pulled::soak");
    let bare: Vec<u64> = run("pulled::bare");
    // A twentieth of what the module itself keeps, and the noise of counting in pages.
    assert!(ours[0] <= bare[0] + bare[0] / 20 + 2048, "grown by {} KB, the module alone by {} KB", ours[0], bare[0]);
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn soak() {
    let (place, pulls) = told();
    let card = Card::new();
    let system = system(&card, &place);
    let open = sessions(&card, &system);
    let (ends, done, lost) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (mut back, mut settled) = (Vec::new(), None);
    std::thread::scope(|scope| {
        let ends = Ends(&ends);
        for thread in 0..THREADS {
            let (system, ends, done, lost) = (&system, ends.0, &done, &lost);
            scope.spawn(move || {
                let _all = Ends(ends);
                for n in (thread * 1000..).take_while(|_| !ends.load(Ordering::Relaxed)) {
                    let counted = if step(system, n) { done } else { lost };
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let wait = |what: &AtomicU64| {
            let (began, until) = (Instant::now(), what.load(Ordering::Relaxed) + THREADS);
            while what.load(Ordering::Relaxed) < until {
                let stuck = ends.0.load(Ordering::Relaxed) || began.elapsed() > Duration::from_secs(60);
                assert!(!stuck, "the others are stuck");
                std::thread::yield_now();
            }
        };
        for n in 0..pulls {
            if n == SETTLED {
                settled = Some((resident(), card.calls()));
            }
            wait(&done);
            card.pull();
            assert!(!step(&system, n), "the very next request sees it");
            wait(&lost);
            card.put_back();
            let began = Instant::now();
            while !step(&system, n) {}
            back.push(began.elapsed());
        }
    });
    let (before, calls) = settled.unwrap();
    let (grown, calls) = (resident().saturating_sub(before), card.calls().since(&calls));
    back.sort();
    let (median, longest) = (back[back.len() / 2], back[back.len() - 1]);
    println!("\n  {} tickets made or checked, {} refused", done.into_inner(), lost.into_inner());
    println!("  card back to first good ticket: median {median:.1?}, longest {longest:.1?}");
    println!("  {} threads; {} pulls: grown by {grown} KB; {calls}", threads(), pulls - SETTLED);
    assert!(median <= Duration::from_millis(100), "{median:?}");
    assert_eq!(sessions(&card, &system), open, "sessions");
    let counted = [Function::OpenSession, Function::CreateObject, Function::UnwrapKey].map(|f| calls.of(f).to_string());
    fs::write(place.join(TOLD), format!("{grown} {}", counted.join(" "))).unwrap();

    let before = card.calls();
    card.pull();
    card.put_back();
    assert!(step(&system, 0));
    drop(system);
    let calls = card.calls().since(&before);
    assert_eq!(calls.of(Function::OpenSession), calls.of(Function::CloseSession), "all are closed in the end");
}

/// As many sessions and keys, by the module alone.
#[test]
#[ignore = "run as a process of its own by another test"]
fn bare() {
    let (place, pulls) = told();
    let told: Vec<u64> = fs::read_to_string(place.join(TOLD)).unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
    let card = Card::new();
    let blob = wrapped(&card.session());
    let mut settled = 0;
    let each = |count: u64| count.div_ceil(pulls - SETTLED);
    for n in 0..pulls {
        if n == SETTLED {
            settled = resident();
        }
        let session = card.session();
        // Its number is another one each time.
        let wrapping = session.find_objects(&[Attribute::Token(true)]).unwrap()[0];
        let others: Vec<Session> = (1..each(told[1])).map(|_| card.session()).collect();
        for _ in 0..each(told[2]) {
            let mut template = template();
            template.push(Attribute::Value(vec![0x5d; 24]));
            session.create_object(&template).unwrap();
        }
        for _ in 0..each(told[3]) {
            session.unwrap_key(&Mechanism::AesKeyWrap, wrapping, &blob, &template()).unwrap();
        }
        card.pull();
        drop((session, others));
        card.put_back();
    }
    let grown = resident().saturating_sub(settled);
    println!("\n  the module alone: grown by {grown} KB");
    fs::write(place.join(TOLD), grown.to_string()).unwrap();
}

fn template() -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::DES3),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(true),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
    ]
}

/// A key wrapped by one that stays in the token.
fn wrapped(session: &Session) -> Vec<u8> {
    let wrapping = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Token(true),
        Attribute::ValueLen(32.into()),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
    ];
    let wrapping = session.generate_key(&Mechanism::AesKeyGen, &wrapping).unwrap();
    let mut template = template();
    template.push(Attribute::Value(vec![0x5d; 24]));
    let key = session.create_object(&template).unwrap();
    session.wrap_key(&Mechanism::AesKeyWrap, wrapping, key).unwrap()
}
