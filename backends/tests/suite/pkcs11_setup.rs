//! What keeps a token from being used at all: each time an error that says what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use icsf_backends::pkcs11::{Options, Pkcs11, TokenError, TokenErrorKind};
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, BackendState, KeySpec, MasterKeyKind, Part, RegisterChange};
use softhsm_fixtures::{Card, Ckr, Fault, Function, Library, Token};
use tempfile::TempDir;

use crate::pkcs11_support::{card_options, options, pin, reason};
use crate::support::{enter, process, set_master_keys};

fn a_pin() -> ClearKey {
    ClearKey::from_slice(b"123456")
}

#[track_caller]
pub(crate) fn refused(options: Options, pin: ClearKey) -> TokenError {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("registers");
    let error = Pkcs11::create(&path, options, pin).unwrap_err();
    assert!(!path.exists());
    error
}

pub(crate) fn says(error: &TokenError, texts: &[&str]) {
    let text = error.to_string();
    for expected in texts {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_file_that_is_no_module_is_told_so() {
    let directory = TempDir::new().unwrap();
    let text = directory.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    for path in [Path::new("/nowhere/module.so"), &text, directory.path()] {
        let error = refused(Options::new(path, "card"), a_pin());
        assert!(matches!(error.kind(), TokenErrorKind::NoLibrary(_)), "{error}");
        says(&error, &[path.to_str().unwrap(), "check the path of the module"]);
    }
    let libc = fs::read_to_string("/proc/self/maps").unwrap();
    let libc: PathBuf =
        libc.lines().find_map(|line| line.split_whitespace().last().filter(|p| p.contains("/libc.so"))).unwrap().into();
    let error = refused(Options::new(libc, "card"), a_pin());
    assert!(matches!(error.kind(), TokenErrorKind::NoModule(_)), "{error}");
    says(&error, &["no PKCS#11 module", "C_GetFunctionList"]);
}

#[test]
fn a_missing_token_is_told_with_those_that_are_there() {
    let token = Token::isolated();
    let error = refused(Options::new(token.module(), "another"), a_pin());
    assert!(matches!(error.kind(), TokenErrorKind::OtherTokens(..)), "{error}");
    says(&error, &["another", token.label(), token.serial(), "check label and serial number"]);
    let error = refused(options(&token).with_serial("0000"), a_pin());
    says(&error, &["0000", token.serial()]);
}

#[test]
fn an_uninitialized_token_is_told_so() {
    let library = Library::isolated();
    let error = refused(Options::new(library.module(), "card"), a_pin());
    assert_eq!(*error.kind(), TokenErrorKind::NotInitialized);
    says(&error, &["initialize it", "softhsm2-util --init-token"]);
}

#[test]
fn a_token_without_a_user_pin_is_told_so() {
    let library = Library::isolated();
    let context = cryptoki::context::Pkcs11::new(library.module()).unwrap();
    let slot = context.get_all_slots().unwrap()[0];
    context.init_token(slot, &"12345678".to_owned().into(), "pinless").unwrap();
    let error = refused(Options::new(library.module(), "pinless"), a_pin());
    assert_eq!(*error.kind(), TokenErrorKind::NoPinSet);
}

#[test]
fn two_tokens_of_one_label_want_a_serial_number() {
    let library = Library::isolated();
    let tokens = [library.token().unwrap(), library.token().unwrap()];
    let context = cryptoki::context::Pkcs11::new(library.module()).unwrap();
    for token in &tokens {
        let slot = cryptoki::slot::Slot::try_from(token.slot().unwrap()).unwrap();
        context.init_token(slot, &token.so_pin().expose().to_owned().into(), "twin").unwrap();
    }
    let error = refused(Options::new(library.module(), "twin"), a_pin());
    assert!(matches!(error.kind(), TokenErrorKind::Ambiguous(_)), "{error}");
    says(&error, &["give the serial number", tokens[0].serial(), tokens[1].serial()]);
}

#[test]
fn a_wrong_pin_is_tried_once_and_not_shown() {
    let card = Card::new();
    let before = card.calls();
    let error = refused(card_options(&card), ClearKey::from_slice(b"87654321"));
    assert!(matches!(error.kind(), TokenErrorKind::PinRefused(_)), "{error}");
    says(&error, &["CKR_PIN_INCORRECT", "not tried again"]);
    assert!(!format!("{error} {error:?}").contains("87654321"));
    assert_eq!(card.calls().since(&before).of(Function::Login), 1);
    card.inject(Fault::answer(Ckr::PIN_LOCKED).on(Function::Login));
    assert_eq!(*refused(card_options(&card), a_pin()).kind(), TokenErrorKind::PinLocked);
}

#[test]
fn without_a_pin_an_engine_is_locked_and_tries_nothing() {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let path = directory.path().join("registers");
    drop(Pkcs11::create(&path, card_options(&card), pin(card.user_pin())).unwrap());
    let before = card.calls();
    let engine = Pkcs11::open(&path, card_options(&card), None).unwrap();
    assert!(engine.attach().is_err());
    assert!(matches!(engine.state(), BackendState::Locked { .. }));
    assert!(reason(&engine).contains("the PIN of the token is needed"));
    assert_eq!(card.calls().since(&before).of(Function::Login), 0);
    engine.unlock(pin(card.user_pin())).unwrap();
    assert!(matches!(engine.state(), BackendState::Online { .. }));
    let shown = format!("{engine:?} {:?}", engine.options());
    assert!(!shown.contains(card.user_pin().expose()), "{shown}");
}

#[test]
#[ignore = "run in a process of its own"]
fn child_with_a_configuration() {
    let error = refused(Options::new(std::env::var("FX_MODULE").unwrap(), "card"), a_pin());
    println!("it says: {error}");
}

#[test]
fn a_softhsm_configuration_that_is_missing_or_garbled_is_told() {
    let (token, directory) = (Token::isolated(), TempDir::new().unwrap());
    let said = |configuration: &Path| {
        let mut child = process("pkcs11_setup::child_with_a_configuration");
        let child = child.env("FX_MODULE", token.module()).env("SOFTHSM2_CONF", configuration).output().unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success(), "{said}");
        said
    };
    let missing = said(Path::new("/nowhere/softhsm2.conf"));
    assert!(missing.contains("does not start") && missing.contains("SOFTHSM2_CONF"), "{missing}");
    let no_tokens = directory.path().join("no-tokens.conf");
    fs::write(&no_tokens, "directories.tokendir = /nowhere/tokens\n").unwrap();
    let no_tokens = said(&no_tokens);
    assert!(no_tokens.contains("does not start") && no_tokens.contains("directory for tokens"), "{no_tokens}");
    // SoftHSM takes the tokens of the system then: ours is not among them, and that is what is said.
    let garbled = directory.path().join("garbled.conf");
    fs::write(&garbled, "}{ nonsense").unwrap();
    let garbled = said(&garbled);
    assert!(garbled.contains("check") && garbled.contains("SOFTHSM2_CONF"), "{garbled}");
}

#[test]
fn a_register_file_is_for_its_owner_and_its_token_only() {
    let (token, other, directory) = (Token::isolated(), Token::isolated(), TempDir::new().unwrap());
    let path = directory.path().join("registers");
    let engine = Pkcs11::create(&path, options(&token), pin(token.user_pin())).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    set_master_keys(&engine);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    let error = Pkcs11::create(&path, options(&token), pin(token.user_pin())).unwrap_err();
    assert_eq!(*error.kind(), TokenErrorKind::Exists);
    assert_eq!(fs::read(&path).unwrap(), before);
    let foreign = Pkcs11::open(&path, options(&other), Some(pin(other.user_pin()))).unwrap();
    assert!(reason(&foreign).contains("the register file belongs to the token"), "{}", reason(&foreign));
}

#[test]
fn a_register_file_that_is_none_is_refused() {
    let (token, directory) = (Token::shared(), TempDir::new().unwrap());
    let path = directory.path().join("registers");
    drop(Pkcs11::create(&path, options(&token), pin(token.user_pin())).unwrap());
    let whole = fs::read(&path).unwrap();
    let kind = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Pkcs11::open(&path, options(&token), None).unwrap_err().kind().clone()
    };
    assert_eq!(kind(b"something else"), TokenErrorKind::Foreign);
    assert_eq!(kind(&whole[..100]), TokenErrorKind::Damaged);
    assert_eq!(kind(b"SICSFTOK\x00\x02"), TokenErrorKind::Version(2));
    fs::remove_file(&path).unwrap();
    assert_eq!(*Pkcs11::open(&path, options(&token), None).unwrap_err().kind(), TokenErrorKind::Missing);
}

#[test]
fn registers_outlive_the_process_and_two_engines_share_them() {
    let (token, directory) = (Token::shared(), TempDir::new().unwrap());
    let path = directory.path().join("registers");
    let first = Pkcs11::create(&path, options(&token), pin(token.user_pin())).unwrap();
    let second = Pkcs11::open(&path, options(&token), Some(pin(token.user_pin()))).unwrap();
    enter(&first, MasterKeyKind::Des, 0x5a);
    first.change_register(MasterKeyKind::Aes, RegisterChange::Load(Part::First, &ClearKey::new(vec![1; 32]))).unwrap();
    second.attach().unwrap();
    assert_eq!(first.master_keys().unwrap(), second.master_keys().unwrap());
    second.change_register(MasterKeyKind::Aes, RegisterChange::Load(Part::Final, &ClearKey::new(vec![2; 32]))).unwrap();
    first.attach().unwrap();
    assert_eq!(first.master_keys().unwrap(), second.master_keys().unwrap());
    let key = first.generate(KeySpec::DES).unwrap();
    drop((first, second));
    let third = Pkcs11::open(&path, options(&token), Some(pin(token.user_pin()))).unwrap();
    third.open(&key).unwrap();
}

#[test]
fn two_systems_on_one_token_do_not_touch_each_other() {
    let (token, directory) = (Token::shared(), TempDir::new().unwrap());
    let engine =
        |name: &str| Pkcs11::create(directory.path().join(name), options(&token), pin(token.user_pin())).unwrap();
    let (one, two) = (engine("one"), engine("two"));
    set_master_keys(&one);
    let before = one.master_keys().unwrap();
    for _ in 0..3 {
        set_master_keys(&two);
    }
    one.attach().unwrap();
    assert_eq!(one.master_keys().unwrap(), before);
}

#[test]
fn a_change_that_fails_at_any_call_is_made_or_not_and_leaves_nothing_behind() {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let engine = Pkcs11::create(directory.path().join("registers"), card_options(&card), pin(card.user_pin())).unwrap();
    set_master_keys(&engine);
    for call in (1..=60).step_by(3) {
        for late in [false, true] {
            let before = engine.master_keys().unwrap();
            let fault = Fault::answer(Ckr::GENERAL_ERROR).from(call).times(2);
            card.inject(if late { fault.late() } else { fault });
            let changed = engine.change_register(MasterKeyKind::Aes, RegisterChange::Generate);
            card.heal();
            let _ = engine.attach();
            let after = engine.master_keys().unwrap();
            assert_eq!(changed.is_ok(), after != before, "call {call}: {changed:?}");
            if changed.is_ok() {
                engine.change_register(MasterKeyKind::Aes, RegisterChange::ClearNew).unwrap();
            }
            assert_eq!(engine.master_keys().unwrap(), before);
        }
    }
    engine.change_register(MasterKeyKind::Aes, RegisterChange::ClearNew).unwrap();
    let session = card.session();
    let template = [cryptoki::object::Attribute::Token(true)];
    assert_eq!(session.find_objects(&template).unwrap().len(), 2, "the two master keys and nothing else");
}

#[test]
fn master_keys_can_wrap_and_nothing_else() {
    use cryptoki::mechanism::Mechanism;
    use cryptoki::object::{Attribute, AttributeType};
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let engine = Pkcs11::create(directory.path().join("registers"), card_options(&card), pin(card.user_pin())).unwrap();
    enter(&engine, MasterKeyKind::Des, 0x5a);
    engine.change_register(MasterKeyKind::Aes, RegisterChange::Generate).unwrap();
    let session = card.session();
    let keys = session.find_objects(&[Attribute::Token(true)]).unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        assert!(session.get_attributes(key, &[AttributeType::Value]).unwrap().is_empty());
        assert!(session.update_attributes(key, &[Attribute::Encrypt(true)]).is_err());
        assert!(session.encrypt(&Mechanism::AesEcb, key, &[0; 16]).is_err());
        assert!(session.sign(&Mechanism::AesCMac, key, &[0; 16]).is_err());
        assert!(session.copy_object(key, &[Attribute::Encrypt(true)]).is_err());
        let wanted =
            [AttributeType::Sensitive, AttributeType::Extractable, AttributeType::Modifiable, AttributeType::Derive];
        let found = session.get_attributes(key, &wanted).unwrap();
        assert_eq!(
            found,
            [
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Modifiable(false),
                Attribute::Derive(false)
            ]
        );
        for other in session.find_objects(&[Attribute::Token(true)]).unwrap() {
            assert!(session.wrap_key(&Mechanism::AesKeyWrap, other, key).is_err());
        }
    }
}

#[test]
fn dropped_handles_leave_no_key_in_the_token() {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let engine = Pkcs11::create(directory.path().join("registers"), card_options(&card), pin(card.user_pin())).unwrap();
    set_master_keys(&engine);
    let key = engine.generate(KeySpec::DES).unwrap();
    let before = card.calls();
    for _ in 0..100 {
        drop(engine.open(&key).unwrap());
    }
    // What is left is destroyed with the next key that is opened.
    let _last = engine.open(&key).unwrap();
    let calls = card.calls().since(&before);
    assert_eq!(calls.of(Function::UnwrapKey), 101);
    assert_eq!(calls.of(Function::DestroyObject), 100);
}

/// A login is the process's: where somebody is logged in, a token takes any PIN, and only that can be told.
#[test]
fn a_pin_that_the_token_did_not_look_at_is_told_until_it_did() {
    let (card, directory) = (Card::new(), TempDir::new().unwrap());
    let wrong = || ClearKey::from_slice(b"00000000");
    let unchecked = |engine: &Pkcs11| {
        let quirks = engine.info().quirks;
        let told = quirks.iter().filter(|quirk| quirk.text.contains("the PIN was not checked")).count();
        assert!(told <= 1, "{quirks:?}");
        told == 1
    };
    let create = |name: &str, pin| Pkcs11::create(directory.path().join(name), card_options(&card), pin).unwrap();
    for (name, given, is_right) in [("wrong", wrong(), false), ("right", pin(card.user_pin()), true)] {
        let _stranger = card.session();
        let engine = create(name, given);
        set_master_keys(&engine);
        assert!(unchecked(&engine));
        // The next login is a real one.
        card.context().finalize().unwrap();
        assert_eq!(engine.attach().is_ok(), is_right);
        assert_eq!(matches!(engine.state(), BackendState::Locked { .. }), !is_right);
        engine.unlock(pin(card.user_pin())).unwrap();
        assert!(!unchecked(&engine));
        // What the token took from one engine is known to the next.
        assert!(!unchecked(&create(&format!("{name} again"), pin(card.user_pin()))));
        assert!(unchecked(&create(&format!("{name} and wrong"), wrong())));
        engine.unlock(wrong()).unwrap();
        assert!(unchecked(&engine));
        engine.unlock(pin(card.user_pin())).unwrap();
        assert!(!unchecked(&engine));
        card.context().finalize().unwrap();
    }
}
