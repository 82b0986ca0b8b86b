//! Tokens that have a module to themselves.

use std::fs;

use cryptoki::context::Function;
use cryptoki::error::RvError;
use cryptoki::mechanism::MechanismType;
use cryptoki::session::UserType;
use softhsm_fixtures::{Configuration, ErrorKind, Library, Token};

use crate::support::{application, find_key, hmac_key, log_in, process, refusal, said, sign, slots};

#[test]
fn three_modules_in_one_process_and_finalizing_one_leaves_the_others() {
    let tokens = [Token::isolated(), Token::isolated(), Token::isolated()];
    let contexts = tokens.each_ref().map(|token| application(token.module()));
    for (mine, context) in contexts.iter().enumerate() {
        for (theirs, token) in tokens.iter().enumerate() {
            assert_eq!(slots(context, token.label(), token.serial()).len(), usize::from(mine == theirs));
        }
    }
    let sessions = [0, 1, 2].map(|at| {
        let slot = slots(&contexts[at], tokens[at].label(), tokens[at].serial())[0];
        let session = log_in(&contexts[at], slot, tokens[at].user_pin()).unwrap();
        let key = hmac_key(&session, "key", true).unwrap();
        (session, key)
    });

    tokens[0].library().finalize().unwrap();

    let gone = refusal(sign(&sessions[0].0, sessions[0].1));
    assert!(matches!(gone, Some((RvError::CryptokiNotInitialized, Function::SignInit))), "{gone:?}");
    assert_eq!(tokens[0].slot().unwrap_err().kind(), ErrorKind::Module);
    for (session, key) in &sessions[1..] {
        assert_eq!(sign(session, *key).unwrap().len(), 64);
    }

    tokens[0].library().initialize().unwrap();
    let slot = slots(&contexts[0], tokens[0].label(), tokens[0].serial())[0];
    assert_eq!(slot.id(), tokens[0].slot().unwrap());
    let session = log_in(&contexts[0], slot, tokens[0].user_pin()).unwrap();
    assert!(sign(&session, find_key(&session, "key").unwrap()).is_ok(), "what was on the token is there again");
}

#[test]
fn an_application_may_finalize_an_isolated_module_itself() {
    let token = Token::isolated();
    application(token.module()).finalize().unwrap();
    assert!(token.library().finalize().is_err());
    token.library().initialize().unwrap();
    assert!(token.slot().is_ok());
}

#[test]
#[ignore = "run in a process of its own"]
fn child_that_uses_a_token() {
    let [module, label, serial, pin] = ["MODULE", "LABEL", "SERIAL", "PIN"].map(|name| std::env::var(name).unwrap());
    let context = application(module);
    let session = context.open_rw_session(slots(&context, &label, &serial)[0]).unwrap();
    session.login(UserType::User, Some(&pin.into())).unwrap();
    hmac_key(&session, "made by the child", true).unwrap();
}

#[test]
fn a_child_process_uses_a_token() {
    for token in [Token::isolated(), Token::shared()] {
        let scratch = tempfile::tempdir().unwrap();
        let (variable, configuration) = token.library().environment();
        let output = process("isolated::child_that_uses_a_token", scratch.path())
            .env(variable, configuration)
            .env("MODULE", token.module())
            .env("LABEL", token.label())
            .env("SERIAL", token.serial())
            .env("PIN", token.user_pin().expose())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let context = application(token.module());
        let slot = slots(&context, token.label(), token.serial())[0];
        let session = log_in(&context, slot, token.user_pin()).unwrap();
        assert!(find_key(&session, "made by the child").is_ok());
    }
}

#[test]
fn a_library_has_as_many_tokens_as_wanted_and_no_more_slots_than_it_needs() {
    let library = Library::isolated();
    let context = application(library.module());
    assert_eq!(context.get_all_slots().unwrap().len(), 1);
    let kept = library.token().unwrap();
    for _ in 0..20 {
        let passing = library.token().unwrap();
        let slot = slots(&context, passing.label(), passing.serial())[0];
        let session = log_in(&context, slot, passing.user_pin()).unwrap();
        assert!(session.find_objects(&[]).unwrap().is_empty(), "something is left of the last token");
        hmac_key(&session, "key", true).unwrap();
    }
    assert_eq!(context.get_all_slots().unwrap().len(), 3, "one kept, one for the passing ones, one blank");
    assert_eq!(slots(&context, kept.label(), kept.serial()).len(), 1);
    library.finalize().unwrap();
    library.initialize().unwrap();
    assert!(kept.slot().is_ok());
}

#[test]
fn a_garbled_configuration_is_noticed_and_the_tokens_of_the_system_are_left_alone() {
    let token = Token::isolated();
    let library = token.library();
    let good = fs::read_to_string(library.configuration()).unwrap();
    let cut = &good[..good.rfind("slots.").unwrap()];
    for garbled in ["", "}{ not a configuration\n\u{1}\n", "directories.tokendir\n", cut] {
        library.finalize().unwrap();
        fs::write(library.configuration(), garbled).unwrap();
        let error = library.initialize().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongConfiguration, "{garbled:?}: {error}");
        assert!(error.to_string().contains("softhsm2.conf"), "{error}");
        let context = cryptoki::context::Pkcs11::new(library.module()).unwrap();
        let refused = refusal(context.get_all_slots());
        assert!(matches!(refused, Some((RvError::CryptokiNotInitialized, _))), "left initialized: {refused:?}");
        fs::write(library.configuration(), &good).unwrap();
        library.initialize().unwrap();
        assert!(token.slot().is_ok());
    }
}

#[test]
fn the_tokens_of_another_directory_are_noticed() {
    let (mine, theirs) = (Token::isolated(), Token::isolated());
    mine.library().finalize().unwrap();
    fs::copy(theirs.library().configuration(), mine.library().configuration()).unwrap();
    let error = mine.library().initialize().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongConfiguration, "{error}");
}

#[test]
fn a_missing_configuration_is_an_error() {
    let token = Token::isolated();
    token.library().finalize().unwrap();
    fs::remove_file(token.library().configuration()).unwrap();
    assert_eq!(token.library().initialize().unwrap_err().kind(), ErrorKind::Module);
}

#[test]
fn a_module_can_lack_a_mechanism() {
    let poor = Configuration::new().set("slots.mechanisms", "CKM_GENERIC_SECRET_KEY_GEN,CKM_SHA256_HMAC");
    let library = Library::try_isolated(&poor).unwrap();
    let token = library.token().unwrap();
    let context = application(library.module());
    let slot = slots(&context, token.label(), token.serial())[0];
    let offered = context.get_mechanism_list(slot).unwrap();
    assert!(offered.contains(&MechanismType::SHA256_HMAC) && !offered.contains(&MechanismType::SHA512_HMAC));
    let session = log_in(&context, slot, token.user_pin()).unwrap();
    let key = hmac_key(&session, "key", false).unwrap();
    assert!(matches!(refusal(sign(&session, key)), Some((RvError::MechanismInvalid, Function::SignInit))));
}

#[test]
fn settings_that_would_undo_the_isolation_are_refused() {
    for (name, value) in
        [("directories.tokendir", "/"), ("slots.removable", "false"), ("log.level", "INFO\nx = y"), ("", "x")]
    {
        let error = Library::try_isolated(&Configuration::new().set(name, value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting, "{name}");
    }
}
