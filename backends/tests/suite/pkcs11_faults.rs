//! What goes wrong with a token while it is used: what a caller gets, what the status says, what it takes to recover.

use std::time::{Duration, Instant};

use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::{Session, UserType};
use icsf_backends::pkcs11::{Options, Pkcs11, TokenErrorKind};
use icsf_core::ClearKey;
use icsf_core::backend::{Backend, BackendState, EngineErrorKind, KeySpec, MasterKeyKind, Part, WrappedKey};
use icsf_core::codes::ReasonCodes;
use softhsm_fixtures::{Card, Ckr, Fault, Function, Token};

use crate::pkcs11_support::{LONG, NO_ENGINE, Rig, card_options, label, options, pin, reason};
use crate::support::process;

#[test]
fn a_card_that_is_pulled_is_missed_and_used_again_when_it_is_back() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    for _ in 0..3 {
        card.pull();
        rig.fails_with(NO_ENGINE, &["offline", card.label(), "no token is there"]);
        rig.fails_with(NO_ENGINE, &["offline", card.label(), "no token is there"]);
        card.put_back();
        assert_eq!(rig.works(), block);
    }
}

#[test]
fn a_card_pulled_at_any_call_fails_one_request_and_no_more() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    for call in 1..=30 {
        card.pull_at(call);
        // The request either met it or was over before.
        let met = rig.encipher().is_err();
        assert_eq!(met, card.is_pulled(), "call {call}");
        if met {
            rig.fails_with(NO_ENGINE, &["offline"]);
        }
        card.heal();
        card.put_back();
        assert_eq!(rig.works(), block, "call {call}");
    }
}

#[test]
fn a_single_failure_is_not_noticed_at_any_call() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    for ckr in [Ckr::GENERAL_ERROR, Ckr::DEVICE_ERROR, Ckr::FUNCTION_FAILED, Ckr::SESSION_HANDLE_INVALID] {
        for call in 1..=8 {
            card.inject(Fault::answer(ckr).from(call).times(1));
            assert_eq!(rig.encipher().unwrap(), block, "{ckr} at call {call}");
            card.heal();
        }
    }
}

#[test]
fn a_card_that_breaks_is_offline_until_it_is_repaired() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    for ckr in [Ckr::GENERAL_ERROR, Ckr::DEVICE_ERROR, Ckr::HOST_MEMORY, Ckr::SESSION_HANDLE_INVALID] {
        card.fail_from(1, ckr);
        rig.fails_with(NO_ENGINE, &["offline", &ckr.to_string()]);
        card.heal();
        assert_eq!(rig.works(), block, "{ckr}");
    }
}

#[test]
fn a_damaged_record_is_no_broken_card() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let key = rig.engine.generate(KeySpec::DES).unwrap();
    let changed = || {
        let mut blob = key.blob().to_vec();
        blob[0] ^= 1;
        blob
    };
    // Kryoptic makes a key of nothing.
    for blob in [changed(), key.blob()[..31].to_vec(), key.blob()[..15].to_vec(), Vec::new()] {
        let damaged = WrappedKey::new(key.spec(), key.mkvp(), blob);
        assert_eq!(*rig.engine.open(&damaged).unwrap_err().kind(), EngineErrorKind::Damaged);
        rig.works();
    }
    // The same answer to a good record, and a card that fails at what is known too.
    card.inject(Fault::answer(Ckr::GENERAL_ERROR).on(Function::UnwrapKey));
    card.inject(Fault::answer(Ckr::GENERAL_ERROR).on(Function::WrapKey));
    assert_eq!(*rig.engine.open(&key).unwrap_err().kind(), EngineErrorKind::Unavailable);
    assert!(matches!(rig.engine.state(), BackendState::Offline { .. }));
    card.heal();
    rig.works();
}

/// All keys of ours in the token.
fn master_keys(session: &Session) -> Vec<cryptoki::object::ObjectHandle> {
    session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true)]).unwrap()
}

/// Enters both master keys by their parts.
fn enter_parts(rig: &Rig, and_then: impl Fn(MasterKeyKind) -> icsf_core::Result<()>) {
    for kind in MasterKeyKind::ALL {
        for (part, byte) in [(Part::First, 1), (Part::Middle, 4), (Part::Final, 2)] {
            rig.icsf.load_master_key_part(kind, part, &ClearKey::new(vec![byte; 32])).unwrap();
        }
        and_then(kind).unwrap();
    }
}

#[test]
fn a_master_key_that_is_deleted_is_missed_and_can_be_loaded_again() {
    let card = Card::new();
    let rig = Rig::on(&card);
    enter_parts(&rig, |kind| rig.icsf.change_master_key(kind, &mut |_| {}).map(drop));
    let block = rig.works();
    let session = card.session();
    for key in master_keys(&session) {
        session.destroy_object(key).unwrap();
    }
    // First it is the key that cannot be opened again, then it is seen what the engine lacks.
    for _ in 0..2 {
        let seen = rig.fails();
        assert_eq!(seen.codes, NO_ENGINE);
        assert!(seen.why.starts_with("the token does not show the current DES-MK (CKA_ID "), "{seen:?}");
        assert!(seen.why.contains("which the register file names") && !seen.why.contains("not set"), "{seen:?}");
    }
    let quirks = rig.engine.info().quirks;
    assert!(
        quirks.iter().any(|q| q.text.contains("the current DES-MK") && q.text.contains("the token does not show")),
        "{quirks:?}"
    );
    enter_parts(&rig, |kind| rig.icsf.set_master_key(kind));
    assert_eq!(rig.works(), block);
}

/// Puts other master keys in the place of ours, with these attributes besides.
fn replace(card: &Card, attributes: &[Attribute]) {
    let session = card.session();
    for key in master_keys(&session) {
        let found = session.get_attributes(key, &[cryptoki::object::AttributeType::Id]).unwrap();
        session.destroy_object(key).unwrap();
        let mut template = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(true),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
            Attribute::Value(vec![7; 32]),
        ];
        template.extend(found);
        template.extend_from_slice(attributes);
        session.create_object(&template).unwrap();
    }
}

const GUARDED: [Attribute; 8] = [
    Attribute::Private(true),
    Attribute::Modifiable(false),
    Attribute::Sensitive(true),
    Attribute::Extractable(false),
    Attribute::Encrypt(false),
    Attribute::Decrypt(false),
    Attribute::Sign(false),
    Attribute::Derive(false),
];

#[test]
fn a_master_key_that_is_guarded_less_than_ours_is_refused() {
    for (attribute, says) in [
        (Attribute::Extractable(true), "can leave the token"),
        (Attribute::Sensitive(false), "can be read"),
        (Attribute::Encrypt(true), "enciphers"),
        (Attribute::Sign(true), "makes MACs or keys"),
        (Attribute::Private(false), "can be used without the PIN"),
        (Attribute::Modifiable(true), "can be changed"),
    ] {
        let card = Card::new();
        let rig = Rig::on(&card);
        let is_other = |other: &Attribute| std::mem::discriminant(other) != std::mem::discriminant(&attribute);
        let mut attributes: Vec<Attribute> = GUARDED.into_iter().filter(is_other).collect();
        attributes.push(attribute);
        replace(&card, &attributes);
        let why = rig.engine.attach().unwrap_err().to_string();
        assert!(why.contains("does not protect its keys") && why.contains(says), "{why}");
        rig.fails_with(NO_ENGINE, &["offline", says]);
    }
}

/// A key that was born in the token and could leave it for a moment may be anywhere.
#[test]
fn a_master_key_that_could_leave_the_token_once_is_refused_and_one_that_was_entered_is_not() {
    let card = Card::new();
    let rig = Rig::on(&card);
    enter_parts(&rig, |kind| rig.icsf.change_master_key(kind, &mut |_| {}).map(drop));
    rig.works();
    assert!(!rig.engine.info().is_weak(), "{:?}", rig.engine.info().quirks);
    let session = card.session();
    for key in master_keys(&session) {
        let found = session.get_attributes(key, &[cryptoki::object::AttributeType::Id]).unwrap();
        session.destroy_object(key).unwrap();
        let mut template = vec![
            Attribute::ValueLen(32.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
            Attribute::Sign(false),
            Attribute::Derive(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
        ];
        template.extend(found);
        let key = session.generate_key(&cryptoki::mechanism::Mechanism::AesKeyGen, &template).unwrap();
        session.update_attributes(key, &[Attribute::Sensitive(true)]).unwrap();
        session.update_attributes(key, &[Attribute::Extractable(false)]).unwrap();
    }
    let why = rig.engine.attach().unwrap_err().to_string();
    assert!(why.contains("could leave the token once") && why.contains("could be read once"), "{why}");
}

#[test]
fn a_master_key_that_is_replaced_is_noticed() {
    let card = Card::new();
    let rig = Rig::on(&card);
    replace(&card, &GUARDED);
    // First it is the key that is under another master key, then it is seen that the engine is.
    rig.fails_with((8, 10004), &["wrong master key", "the engine holds"]);
    rig.fails_with(NO_ENGINE, &["wrong master key", "the engine holds"]);
}

#[test]
fn a_master_key_that_is_there_twice_is_refused() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let session = card.session();
    let mut template =
        session.get_attributes(master_keys(&session)[0], &[cryptoki::object::AttributeType::Id]).unwrap();
    template.extend([
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(true),
        Attribute::Value(vec![7; 32]),
    ]);
    session.create_object(&template).unwrap();
    let why = rig.engine.attach().unwrap_err().to_string();
    assert!(why.contains("twice"), "{why}");
    rig.fails_with(NO_ENGINE, &["offline", "twice"]);
}

#[test]
fn a_pin_that_is_changed_matters_at_the_next_login_and_is_tried_once() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    card.session().set_pin(&card.user_pin().expose().to_owned().into(), &"98765432".to_owned().into()).unwrap();
    assert_eq!(rig.works(), block);
    card.context().finalize().unwrap();
    let before = card.calls();
    for _ in 0..5 {
        rig.fails_with(NO_ENGINE, &["locked", "CKR_PIN_INCORRECT"]);
    }
    assert_eq!(card.calls().since(&before).of(Function::Login), 1);
    let wrong = rig.engine.unlock(ClearKey::from_slice(b"11111111")).unwrap_err();
    assert!(matches!(wrong.kind(), TokenErrorKind::PinRefused(_)), "{wrong}");
    rig.engine.unlock(ClearKey::from_slice(b"98765432")).unwrap();
    assert_eq!(rig.works(), block);
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_initializes_a_token_anew() {
    let env = |name: &str| std::env::var(name).unwrap();
    let context = cryptoki::context::Pkcs11::new(env("FX_MODULE")).unwrap();
    let arguments = cryptoki::context::CInitializeArgs::new(cryptoki::context::CInitializeFlags::OS_LOCKING_OK);
    context.initialize(arguments).unwrap();
    let label = env("FX_LABEL");
    let ours = |slot: &cryptoki::slot::Slot| context.get_token_info(*slot).unwrap().label() == label;
    let slot = context.get_slots_with_initialized_token().unwrap().into_iter().find(ours).unwrap();
    context.init_token(slot, &env("FX_SO_PIN").into(), &label).unwrap();
    let session = context.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&env("FX_SO_PIN").into())).unwrap();
    session.init_pin(&env("FX_USER_PIN").into()).unwrap();
}

fn in_child(token: &Token, test: &str) {
    let (name, value) = token.library().environment();
    let done = process(&format!("pkcs11_faults::{test}"))
        .env(name, value)
        .env("FX_MODULE", token.module())
        .env("FX_LABEL", token.label())
        .env("FX_SO_PIN", token.so_pin().expose())
        .env("FX_USER_PIN", token.user_pin().expose())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn a_token_that_is_initialized_anew_holds_no_master_keys() {
    let token = Token::isolated();
    let rig = Rig::new(options(&token).with_proof_every(Duration::ZERO), pin(token.user_pin()));
    enter_parts(&rig, |kind| rig.icsf.change_master_key(kind, &mut |_| {}).map(drop));
    let block = rig.works();
    in_child(&token, "child_that_initializes_a_token_anew");
    let seen = rig.fails();
    assert_eq!(seen.codes, NO_ENGINE, "{seen:?}");
    rig.fails_with(NO_ENGINE, &["the token does not show the current DES-MK"]);
    // Its owner has the parts.
    enter_parts(&rig, |kind| rig.icsf.set_master_key(kind));
    assert_eq!(rig.works(), block);
}

#[test]
fn a_token_directory_that_goes_is_missed_though_open_keys_go_on_working() {
    let token = Token::isolated();
    let quick = options(&token).with_proof_every(Duration::ZERO);
    let rig = Rig::new(quick, pin(token.user_pin()));
    let block = rig.works();
    let directory = token.module().parent().unwrap().join("tokens");
    let away = directory.with_extension("away");
    std::fs::rename(&directory, &away).unwrap();
    assert_eq!(rig.fails().codes, NO_ENGINE);
    rig.fails_with(NO_ENGINE, &["the token does not show the current DES-MK"]);
    std::fs::rename(&away, &directory).unwrap();
    // SoftHSM does not see it come back; whoever owns the module has to start it again, and is told so.
    let error = rig.encipher().unwrap_err();
    assert!(error.cause().why().starts_with("the token does not show the current DES-MK"), "{error:?}");
    let remedies = error.cause().remedies().join(" ");
    assert!(remedies.contains("restart what has the token open"), "{remedies}");
    token.library().finalize().unwrap();
    token.library().initialize().unwrap();
    assert_eq!(rig.works(), block);
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_owns_its_module() {
    let env = |name: &str| std::env::var(name).unwrap();
    let options = Options::new(env("FX_MODULE"), env("FX_LABEL")).with_proof_every(Duration::ZERO);
    let rig = Rig::new(options.own_module(true), ClearKey::from_slice(env("FX_USER_PIN").as_bytes()));
    let block = rig.works();
    let directory = std::path::Path::new(&env("FX_MODULE")).with_file_name("tokens");
    let away = directory.with_extension("away");
    for _ in 0..3 {
        std::fs::rename(&directory, &away).unwrap();
        assert_eq!(rig.fails().codes, NO_ENGINE);
        rig.fails_with(NO_ENGINE, &["offline"]);
        std::fs::rename(&away, &directory).unwrap();
        assert_eq!(rig.works(), block);
    }
    // Another process writes the file of the token when the module is started: it is not initialized for it.
    let token = std::fs::read_dir(&directory).unwrap().next().unwrap().unwrap().path().join("token.object");
    let whole = std::fs::read(&token).unwrap();
    for _ in 0..3 {
        cryptoki::context::Pkcs11::new(env("FX_MODULE")).unwrap().finalize().unwrap();
        std::fs::write(&token, "").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                std::fs::write(&token, &whole).unwrap();
            });
            assert_eq!(rig.encipher().unwrap(), block);
        });
    }
}

#[test]
fn an_engine_that_owns_its_module_sees_a_token_directory_come_back() {
    in_child(&Token::isolated(), "child_that_owns_its_module");
}

#[test]
fn a_call_that_hangs_is_given_up_and_the_engine_goes_offline_until_it_returns() {
    let card = Card::new();
    let wait = Duration::from_millis(300);
    let rig = Rig::new(card_options(&card).with_wait(wait), pin(card.user_pin()));
    let block = rig.works();
    for round in 0..2 {
        card.hang();
        let began = Instant::now();
        rig.fails_with(NO_ENGINE, &["offline", "hangs", "has not returned"]);
        assert!(began.elapsed() < wait * 8, "{:?}", began.elapsed());
        // Whoever comes now is not kept waiting.
        let began = Instant::now();
        rig.fails_with(NO_ENGINE, &["offline", "hangs"]);
        assert!(began.elapsed() < wait * 2, "{:?}", began.elapsed());
        card.release();
        assert!(card.wait_for_hanging(0, LONG));
        let began = Instant::now();
        while rig.encipher().is_err() {
            assert!(began.elapsed() < LONG, "round {round}: {}", reason(rig.engine.as_ref()));
            std::thread::yield_now();
        }
        assert_eq!(rig.works(), block);
    }
}

#[test]
fn a_hang_at_any_call_of_a_request_ends_in_time() {
    let card = Card::new();
    let wait = Duration::from_millis(600);
    let rig = Rig::new(card_options(&card).with_wait(wait).with_proof_every(Duration::ZERO), pin(card.user_pin()));
    let block = rig.works();
    for call in 1..=5 {
        card.inject(Fault::hang().from(call));
        let began = Instant::now();
        assert_eq!(rig.fails().codes, NO_ENGINE, "call {call}");
        // One wait, whatever was done before the call that hangs.
        assert!((wait..wait * 2).contains(&began.elapsed()), "call {call}: {:?}", began.elapsed());
        card.heal();
        let began = Instant::now();
        while rig.encipher().is_err() {
            assert!(began.elapsed() < LONG);
            std::thread::yield_now();
        }
        assert_eq!(rig.works(), block);
    }
}

#[test]
fn opening_and_dropping_an_engine_end_though_the_card_hangs() {
    let card = Card::new();
    let wait = Duration::from_millis(200);
    let rig = Rig::new(card_options(&card).with_wait(wait), pin(card.user_pin()));
    card.hang();
    let began = Instant::now();
    let engine = Pkcs11::open(&rig.registers, card_options(&card).with_wait(wait), Some(pin(card.user_pin()))).unwrap();
    assert!(reason(&engine).contains("hangs"), "{}", reason(&engine));
    drop(engine);
    drop(rig);
    assert!(began.elapsed() < LONG);
}

#[test]
fn dropping_a_key_does_not_wait_for_a_card_that_hangs() {
    let card = Card::new();
    let wait = Duration::from_millis(200);
    let rig = Rig::new(card_options(&card).with_wait(wait), pin(card.user_pin()));
    let key = rig.engine.generate(KeySpec::DES).unwrap();
    let keys: Vec<_> = (0..20).map(|_| rig.engine.open(&key).unwrap()).collect();
    // Each drop asks for the key to be destroyed, and the first of that hangs.
    card.inject(Fault::hang().on(Function::DestroyObject));
    let began = Instant::now();
    drop(keys);
    assert!(began.elapsed() < wait, "{:?}", began.elapsed());
    assert!(card.wait_for_hanging(1, LONG));
    drop(rig);
    assert!(began.elapsed() < LONG);
}

#[test]
fn work_that_makes_progress_and_does_not_end_is_given_up_as_too_slow() {
    let card = Card::new();
    let wait = Duration::from_secs(1);
    let rig = Rig::new(card_options(&card).with_wait(wait), pin(card.user_pin()));
    let block = rig.works();
    card.delay(Duration::from_millis(50));
    let key = rig.icsf.csnbenc_key(&label()).unwrap();
    let began = Instant::now();
    let work = move || while key.encipher(&mut [[0; 8]]).is_ok() && began.elapsed() < LONG {};
    let error = rig.icsf.in_engine(work).unwrap_err();
    let why = error.cause().why();
    assert!(began.elapsed() >= wait * 4, "{:?}: {why}", began.elapsed());
    assert!(why.contains("too slow") && why.contains("calls took ") && !why.contains("hang"), "{why}");
    assert_eq!((error.return_code(), error.reason_code(ReasonCodes::Icsf)), NO_ENGINE);
    rig.fails_with(NO_ENGINE, &["offline"]);
    card.heal();
    let began = Instant::now();
    while rig.encipher().is_err() {
        assert!(began.elapsed() < LONG, "{}", reason(rig.engine.as_ref()));
        std::thread::yield_now();
    }
    assert_eq!(rig.works(), block);
}

#[test]
fn a_slow_card_is_not_a_hanging_one() {
    let card = Card::new();
    let rig = Rig::new(card_options(&card).with_wait(Duration::from_secs(2)), pin(card.user_pin()));
    card.delay(Duration::from_millis(30));
    rig.works();
}
