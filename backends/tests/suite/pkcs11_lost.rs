//! What keeps a token from being attached while a system is open on it: what a caller gets, what the status says, what it
//! takes to recover.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use icsf_backends::pkcs11::Options;
use icsf_core::ClearKey;
use icsf_core::backend::MasterKeyKind;
use icsf_core::codes::ReasonCodes;
use softhsm_fixtures::{Card, Ckr, Fault, Function, Token};
use tempfile::TempDir;

use crate::pkcs11_support::{NO_ENGINE, Rig, pin};
use crate::support::process;

/// A library of this process, and no module.
fn library() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .find_map(|line| line.split_whitespace().last().filter(|path| path.contains("/libgcc_s.so")))
        .unwrap()
        .into()
}

#[test]
fn a_module_that_is_gone_or_no_module_is_used_again_when_it_is_there() {
    let (token, directory) = (Token::isolated(), TempDir::new().unwrap());
    let options = |module: &Path| Options::new(module, token.label()).with_serial(token.serial());
    let mut rig = Rig::new(options(&token.module()), pin(token.user_pin()));
    let block = rig.works();
    let text = |path: &Path| fs::write(path, "not a library").unwrap();
    let copy = |path: &Path| assert!(fs::copy(library(), path).unwrap() > 0);
    type Broken<'a> = (&'a dyn Fn(&Path), &'a str);
    let breaks: [Broken<'_>; 4] = [
        (&|_| (), "the module cannot be loaded"),
        (&text, "the module cannot be loaded"),
        (&|path| fs::create_dir(path).unwrap(), "the module cannot be loaded"),
        (&copy, "no PKCS#11 module"),
    ];
    for (number, (breaks, says)) in breaks.into_iter().enumerate() {
        // A path that was loaded once stays known to the loader.
        let module = directory.path().join(format!("module-{number}.so"));
        breaks(&module);
        rig = rig.reopened(options(&module), pin(token.user_pin()));
        for _ in 0..2 {
            rig.fails_with(NO_ENGINE, &["offline", says, "check the path of the module"]);
        }
        let _ = fs::remove_file(&module).or_else(|_| fs::remove_dir(&module));
        symlink(token.module(), &module).unwrap();
        assert_eq!(rig.works(), block, "{says}");
    }
}

/// By what a module answers when it is connected anew.
#[test]
fn what_keeps_a_token_out_is_told_until_it_is_over() {
    const TOKEN_NOT_INITIALIZED: Ckr = Ckr::new(0x208);
    const USER_PIN_NOT_INITIALIZED: Ckr = Ckr::new(0x102);
    const PIN_EXPIRED: Ckr = Ckr::new(0xa3);
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    for (function, ckr, state, says) in [
        (Function::Initialize, Ckr::GENERAL_ERROR, "offline", "the module does not start"),
        (Function::OpenSession, Ckr::SLOT_ID_INVALID, "offline", "CKR_SLOT_ID_INVALID"),
        (Function::OpenSession, Ckr::TOKEN_NOT_RECOGNIZED, "offline", "restore them from a backup"),
        (Function::OpenSession, TOKEN_NOT_INITIALIZED, "offline", "restore them from a backup"),
        (Function::OpenSession, Ckr::SESSION_COUNT, "offline", "CKR_SESSION_COUNT"),
        (Function::Login, USER_PIN_NOT_INITIALIZED, "locked", "the token has no user PIN"),
        (Function::Login, Ckr::PIN_LOCKED, "locked", "the PIN is locked"),
        (Function::Login, PIN_EXPIRED, "locked", "CKR_PIN_EXPIRED"),
    ] {
        card.context().finalize().unwrap();
        card.inject(Fault::answer(ckr).on(function));
        for _ in 0..2 {
            rig.fails_with(NO_ENGINE, &[state, says]);
        }
        card.heal();
        // Where there is no PIN none was wrong.
        if state == "locked" && ckr != USER_PIN_NOT_INITIALIZED {
            // A PIN that was refused is not tried again by itself.
            rig.fails_with(NO_ENGINE, &[state, says]);
            rig.engine.unlock(pin(card.user_pin())).unwrap();
        }
        assert_eq!(rig.works(), block, "{ckr}");
    }
}

/// SoftHSM writes the file of its token in place, and shows what it finds in it at that moment.
#[test]
fn a_token_that_another_process_is_writing_is_looked_for_again() {
    let card = Card::new();
    let rig = Rig::on(&card);
    let block = rig.works();
    for (function, ckr) in [(Function::OpenSession, Ckr::new(0x208)), (Function::Login, Ckr::new(0x102))] {
        card.context().finalize().unwrap();
        card.inject(Fault::answer(ckr).on(function).times(3));
        assert_eq!(rig.encipher().unwrap(), block, "{ckr}");
        card.heal();
    }
}

/// A token that is full or may not be written is used all the same; only what would be written fails.
#[test]
fn a_token_that_takes_no_master_key_goes_on_with_those_it_has() {
    const SESSION_READ_ONLY: Ckr = Ckr::new(0xb5);
    const TOKEN_WRITE_PROTECTED: Ckr = Ckr::new(0xe2);
    let card = Card::new();
    let rig = Rig::on(&card);
    let (block, before) = (rig.works(), rig.icsf.master_keys().unwrap());
    for ckr in [SESSION_READ_ONLY, TOKEN_WRITE_PROTECTED, Ckr::DEVICE_MEMORY] {
        card.inject(Fault::answer(ckr).on(Function::GenerateKey));
        let error = rig.icsf.generate_master_key(MasterKeyKind::Aes).unwrap_err();
        assert_eq!((error.return_code(), error.reason_code(ReasonCodes::Icsf)), NO_ENGINE, "{error}");
        assert!(error.cause().why().contains("C_GenerateKey answered"), "{}", error.cause().why());
        assert_eq!(rig.works(), block);
        assert_eq!(rig.icsf.master_keys().unwrap(), before);
        card.heal();
        rig.icsf.generate_master_key(MasterKeyKind::Aes).unwrap();
        rig.icsf.clear_new_master_key(MasterKeyKind::Aes).unwrap();
    }
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// The module reads its configuration when it is started, so somebody has to start it: here a stranger, who finalizes.
#[test]
#[ignore = "run in a process of its own"]
fn child_whose_configuration_breaks() {
    let conf = PathBuf::from(env("SOFTHSM2_CONF"));
    let good = fs::read_to_string(&conf).unwrap();
    let options = || Options::new(env("FX_MODULE"), env("FX_LABEL")).with_proof_every(Duration::ZERO);
    let pin = || ClearKey::from_slice(env("FX_USER_PIN").as_bytes());
    let finalize = || cryptoki::context::Pkcs11::new(env("FX_MODULE")).unwrap().finalize();
    let mut rig = Rig::new(options(), pin());
    let block = rig.works();
    let breaks: [(&str, Option<&str>, &str); 4] = [
        ("missing", None, "SOFTHSM2_CONF"),
        ("without tokens", Some("directories.tokendir = /nowhere/tokens\n"), "the directory for tokens"),
        ("of another store", Some("objectstore.backend = db\n"), "does not start"),
        // SoftHSM starts with the tokens of the system, among which ours is not.
        ("garbled", Some("}{ nonsense"), "check"),
    ];
    for own in [false, true] {
        rig = rig.reopened(options().own_module(own), pin());
        assert_eq!(rig.works(), block);
        for (how, text, says) in breaks {
            fs::remove_file(&conf).unwrap();
            if let Some(text) = text {
                fs::write(&conf, text).unwrap();
            }
            finalize().unwrap();
            for _ in 0..2 {
                rig.fails_with(NO_ENGINE, &["offline", says]);
            }
            fs::write(&conf, &good).unwrap();
            if how == "garbled" && !own {
                rig.fails_with(NO_ENGINE, &["offline", says]);
                finalize().unwrap();
            }
            assert_eq!(rig.works(), block, "{how}");
        }
    }
}

#[test]
fn a_configuration_that_breaks_is_told_and_read_again_when_the_module_is_started() {
    let (token, directory) = (Token::isolated(), TempDir::new().unwrap());
    let conf = directory.path().join("softhsm2.conf");
    fs::copy(token.library().configuration(), &conf).unwrap();
    // A card of the parent is nobody's else: it is not in it meanwhile.
    let done = process("pkcs11_lost::child_whose_configuration_breaks")
        .env("SOFTHSM2_CONF", conf)
        .env("FX_MODULE", token.module())
        .env("FX_LABEL", token.label())
        .env("FX_USER_PIN", token.user_pin().expose())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}
