//! Tickets with tokens: what a token can do for a CKDS that was made elsewhere, and what it says of the rest.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use icsf_backends::Pkcs11;
use icsf_backends::pkcs11::Options;
use icsf_core::backend::Part;
use icsf_core::codes::Code as IcsfCode;
use icsf_core::random::SystemRandom;
use icsf_core::{ClearKey, KeyIdentifier};
use icsf_saf::codes::Code;
use softhsm_fixtures::{Configuration, Library, Token};
use softicsf::{Card, CardSlot, MasterKeyKind, NoSecrets, Request, System};

use crate::support::{admin, racf};

/// L-0016 and E-0002 of ptkt/vectors: the key, and the ticket.
const LEGACY: (&str, &str) = ("E001193519561977", "ZVQLMCAN");
const ENHANCED: &str = "9XD73UHQ";

fn legacy() -> Request {
    Request::new("IBMUSER".parse().unwrap(), "TSOR001".parse().unwrap()).at(1_700_000_000)
}

fn enhanced() -> Request {
    Request::new("TOM".parse().unwrap(), "CICSPROD".parse().unwrap()).at(1_000_000_000)
}

fn ticket(system: &System, request: &Request) -> Result<String, icsf_saf::Error> {
    system.generate(&admin(), request).map(|ticket| ticket.expose().to_owned())
}

/// The same master keys in each card.
fn set_master_keys(card: &Card) {
    for (kind, byte) in [(MasterKeyKind::Des, 0x11), (MasterKeyKind::Aes, 0x22)] {
        card.set_master_key(kind, &ClearKey::new(vec![byte; 32]), &ClearKey::new(vec![0x5a; 32])).unwrap();
    }
}

/// The bytes 0, 1, 2, ... as an HMAC key.
fn add_hmac(system: &System, label: &str, length: u8) {
    let hmac = ClearKey::new((0..length).collect());
    let mut token = KeyIdentifier::Token(
        system.icsf().csnbktb2(&["INTERNAL", "HMAC", "MAC", "GENERATE"], None, None).unwrap().value,
    );
    system.icsf().csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&hmac), &mut token).unwrap();
    system.icsf().csnbkpi2(&["HMAC", "COMPLETE"], None, &mut token).unwrap();
    let KeyIdentifier::Token(token) = token else { panic!("a label") };
    system.icsf().csnbkrc2(&label.parse().unwrap(), token).unwrap();
}

/// A system whose keys, two legacy ones and an enhanced one, were made in software, and the slot of its card.
fn made_in_software() -> (System, CardSlot) {
    let slot = CardSlot::empty();
    let card = Card::software(Arc::new(SystemRandom));
    set_master_keys(&card);
    slot.insert(&card);
    let system = System::in_memory().slot(&slot).build().unwrap();
    add_hmac(&system, "ENHANCED.KEY", 64);
    for command in [
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
        "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
        &format!("RDEFINE PTKTDATA TSOR001 SSIGNON(KEYENCRYPTED({}))", LEGACY.0),
        "RDEFINE PTKTDATA TSOR002 SSIGNON(KEYENCRYPTED(0123456789ABCDEF))",
        "RDEFINE PTKTDATA CICSPROD SSIGNON(EPTKEYLABEL(ENHANCED.KEY) TYPE(UPPER))",
        "SETROPTS RACLIST(PTKTDATA) REFRESH",
    ] {
        racf(&system, command);
    }
    (system, slot)
}

/// The same CKDS with this engine, which gets the same master keys.
fn moved_to(engine: Pkcs11) -> (System, Card) {
    let (system, slot) = made_in_software();
    let right = [ticket(&system, &legacy()).unwrap(), ticket(&system, &enhanced()).unwrap()];
    assert_eq!(right, [LEGACY.1, ENHANCED]);
    assert_eq!(system.unusable_keys().unwrap(), []);
    slot.remove();
    assert_eq!(system.unusable_keys().unwrap(), [], "what is not there lacks nothing");
    assert!(ticket(&system, &enhanced()).is_err());
    let card = Card::of(Arc::new(engine));
    set_master_keys(&card);
    slot.insert(&card);
    assert_eq!(system.engine().unwrap().state.word(), "online");
    (system, card)
}

/// Legacy and enhanced tickets, and new keys of both sorts.
fn makes_all_tickets(system: &System) {
    assert_eq!(system.unusable_keys().unwrap(), []);
    assert_eq!(ticket(system, &legacy()).unwrap(), LEGACY.1);
    assert_eq!(ticket(system, &enhanced()).unwrap(), ENHANCED);
    racf(system, "RDEFINE PTKTDATA NEW SSIGNON(KEYENCRYPTED(E001193519561977))");
    racf(system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let new = Request { application: "NEW".parse().unwrap(), ..legacy() };
    assert_eq!(ticket(system, &new).unwrap().len(), 8);
}

/// Enhanced tickets only: the legacy keys are named, and refused by their own code, and nothing else is touched.
fn makes_enhanced_tickets_only(system: &System) {
    let status = system.status().unwrap();
    let icsf = status.icsf.as_ref().unwrap();
    let labels: Vec<_> = icsf.unusable_keys.iter().map(|key| key.label.as_str()).collect();
    assert_eq!(labels.len(), 2);
    assert!(labels.iter().all(|label| label.starts_with("IRR.SSIGNON.")), "{labels:?}");
    assert!(icsf.unusable_keys.iter().all(|key| key.why == "the engine has no DES"));
    assert!(icsf.engine.info.quirks.iter().any(|quirk| quirk.text.starts_with("no DES")), "{status:?}");
    let usable = status.applications.iter().filter(|application| application.usable.is_ok());
    assert_eq!(usable.map(|application| application.profile.as_str()).collect::<Vec<_>>(), ["CICSPROD"]);

    assert_eq!(ticket(system, &enhanced()).unwrap(), ENHANCED);
    let error = ticket(system, &legacy()).unwrap_err();
    assert_eq!((error.code(), error.triple().to_string().as_str()), (Code::GenerationKey, "8/16/28"));
    assert_eq!(error.cause().code(), Some(IcsfCode::NotOnThisEngine));
    assert!(
        error.cause().to_string().starts_with("CSNBENC 12/8: the engine cannot use a DES key"),
        "{}",
        error.cause()
    );
    // Nor is a new one made.
    let command = "RDEFINE PTKTDATA NEW SSIGNON(KEYENCRYPTED(E001193519561977))";
    assert!(system.racf(&admin(), command, &NoSecrets).is_err());
    // The engine is not blamed for it.
    assert_eq!(system.engine().unwrap().state.word(), "online");
    assert_eq!(ticket(system, &enhanced()).unwrap(), ENHANCED);
}

fn softhsm(token: &Token) -> Pkcs11 {
    let registers = token.library().configuration().with_file_name("registers");
    let options = Options::new(token.module(), token.label()).with_serial(token.serial());
    Pkcs11::create(registers, options, ClearKey::from_slice(token.user_pin().expose().as_bytes())).unwrap()
}

#[test]
fn a_token_makes_the_tickets_of_a_system_that_was_made_in_software() {
    makes_all_tickets(&moved_to(softhsm(&Token::isolated())).0);
}

/// A card that has no DES any more: who moves to it wants to know which keys stay behind before a user does.
/// A token cannot cut an unwrapped key back to its true length, and with zeros at its end a key longer than a block makes
/// another MAC. So such a key is not used there, and who moves to a token is told which those are.
#[test]
fn long_hmac_keys_of_odd_lengths_are_named_on_a_token_and_the_others_work() {
    let (system, slot) = made_in_software();
    let lengths = [33, 127, 128, 129, 131, 136];
    let label = |length: u8| format!("HMAC.OF.B{length}");
    lengths.iter().for_each(|length| add_hmac(&system, &label(*length), *length));
    let mac = |length: u8| {
        let mut key = KeyIdentifier::Label(label(length).parse().unwrap());
        system.icsf().csnbhmg(&mut key, &["HMAC", "SHA-512", "ONLY"], b"message", &mut [0; 128], 64)
    };
    let right = lengths.map(|length| mac(length).unwrap().value);
    assert_eq!(system.unusable_keys().unwrap(), []);

    let token = Token::isolated();
    let card = Card::of(Arc::new(softhsm(&token)));
    set_master_keys(&card);
    slot.insert(&card);
    let unusable = system.unusable_keys().unwrap();
    let labels: Vec<_> = unusable.iter().map(|key| key.label.as_str()).collect();
    assert_eq!(labels, [label(129), label(131)]);
    assert!(unusable.iter().all(|key| key.why.contains("only if their length is a multiple of 8")), "{unusable:?}");
    for (length, right) in lengths.into_iter().zip(&right) {
        match mac(length) {
            Ok(made) => assert_eq!(made.value, *right),
            Err(error) => {
                assert!(labels.contains(&label(length).as_str()), "{length}");
                assert_eq!(error.code(), IcsfCode::NotOnThisEngine);
            }
        }
    }
    // Only its use is denied such a key, and not to come along.
    change_master_keys(&system);
    slot.insert(&changed_in_software());
    assert_eq!(lengths.map(|length| mac(length).unwrap().value), right);
}

/// Brings the CKDS under other master keys.
fn change_master_keys(system: &System) {
    for (kind, byte) in CHANGED {
        for (part, byte) in [(Part::First, byte), (Part::Final, 0x5a)] {
            system.icsf().load_master_key_part(kind, part, &ClearKey::new(vec![byte; 32])).unwrap();
        }
        let met = system.icsf().change_master_key(kind, &mut |_| {}).unwrap();
        assert!(met.done > 0 && met.unusable.is_empty(), "{kind}: {met:?}");
    }
}

const CHANGED: [(MasterKeyKind, u8); 2] = [(MasterKeyKind::Des, 0x33), (MasterKeyKind::Aes, 0x44)];

/// A card in software with the master keys of [`change_master_keys`].
fn changed_in_software() -> Card {
    let card = Card::software(Arc::new(SystemRandom));
    for (kind, byte) in CHANGED {
        card.set_master_key(kind, &ClearKey::new(vec![byte; 32]), &ClearKey::new(vec![0x5a; 32])).unwrap();
    }
    card
}

#[test]
fn a_token_without_des_names_the_legacy_keys_and_makes_enhanced_tickets() {
    let mechanisms = "CKM_AES_KEY_GEN,CKM_AES_KEY_WRAP,CKM_SHA512_HMAC,CKM_GENERIC_SECRET_KEY_GEN";
    let library = Library::try_isolated(&Configuration::new().set("slots.mechanisms", mechanisms)).unwrap();
    let token = library.token().unwrap();
    let (system, _card) = moved_to(softhsm(&token));
    makes_enhanced_tickets_only(&system);
    // The legacy keys come along all the same when the master keys are changed.
    change_master_keys(&system);
    makes_enhanced_tickets_only(&system);
}

/// The records of legacy keys are authenticated by an HMAC key too, and it is that one which cannot be used.
#[test]
fn a_token_without_hmac_says_which_key_it_is_that_it_cannot_use() {
    let mechanisms = "CKM_AES_KEY_GEN,CKM_AES_KEY_WRAP,CKM_DES3_ECB";
    let library = Library::try_isolated(&Configuration::new().set("slots.mechanisms", mechanisms)).unwrap();
    let token = library.token().unwrap();
    let (system, _card) = moved_to(softhsm(&token));
    let why = ticket(&system, &legacy()).unwrap_err().cause().to_string();
    let says = "the key that authenticates the records under the DES-MK cannot be used: the engine cannot use an HMAC key \
                of 64 bytes for this";
    assert!(why.contains(says), "{why}");
}

/// See `backends/tests/suite/tokens.rs`, of which this is the other half.
#[test]
fn nss_makes_the_tickets_and_each_status_says_that_it_is_weak() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tokens/nss");
    let mut command = Command::new(&script);
    command.arg(std::env::current_exe().unwrap()).args(["--ignored", "--nocapture", "tokens::given::"]);
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed; 0 failed"), "{}\n{text}", script.display());
}

/// The token that the environment names: see docs/tokens.md.
mod given {
    use std::env;
    use std::fs;

    use super::*;

    fn wanted(name: &str) -> String {
        env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see docs/tokens.md"))
    }

    #[test]
    #[ignore = "wants a token: see docs/tokens.md"]
    fn it_makes_the_tickets_it_can_and_says_what_it_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let pin = fs::read_to_string(wanted("SOFTICSF_TEST_PIN_FILE")).unwrap();
        let weakness = env::var("SOFTICSF_TEST_WEAK").ok();
        let options = Options::new(wanted("SOFTICSF_TEST_MODULE"), wanted("SOFTICSF_TEST_TOKEN"))
            .accept_weak_token(weakness.is_some());
        let pin = ClearKey::from_slice(pin.trim_end().as_bytes());
        let (system, card) = moved_to(Pkcs11::create(directory.path().join("registers"), options, pin).unwrap());
        if system.engine().unwrap().info.capabilities.des {
            makes_all_tickets(&system);
        } else {
            makes_enhanced_tickets_only(&system);
        }
        let console = system.console("D ICSF,CARDS").unwrap().join("\n");
        let says = weakness.is_some_and(|text| console.contains(&format!("SIC3004I WEAK: {}", text.to_uppercase())));
        assert_eq!(system.status().unwrap().icsf.unwrap().engine.info.is_weak(), says, "{console}");
        card.zeroize().unwrap();
    }
}
