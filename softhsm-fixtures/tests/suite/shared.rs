//! Tokens in the module that the process shares.

use std::collections::HashSet;
use std::thread;

use softhsm_fixtures::{ErrorKind, Token};

use crate::support::{application, find_key, hmac_key, log_in, sign, slots};

#[test]
fn sixty_four_tokens_from_sixteen_threads_are_all_different_and_all_work() {
    let tokens: Vec<Token> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    (0..4)
                        .map(|_| {
                            let token = Token::shared();
                            let context = application(token.module());
                            let found = slots(&context, token.label(), token.serial());
                            assert_eq!(found.len(), 1);
                            assert_eq!(found[0].id(), token.slot().unwrap());
                            let session = log_in(&context, found[0], token.user_pin()).unwrap();
                            let key = hmac_key(&session, "key", true).unwrap();
                            assert_eq!(sign(&session, key).unwrap().len(), 64);
                            assert_eq!(find_key(&session, "key").unwrap(), key, "a key of another token is seen");
                            token
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(tokens.len(), 64);
    let distinct = |of: fn(&Token) -> &str| tokens.iter().map(of).collect::<HashSet<_>>().len();
    assert_eq!(distinct(Token::label), 64);
    assert_eq!(distinct(Token::serial), 64);
    assert_eq!(distinct(|token| token.user_pin().expose()), 64);
    assert_eq!(distinct(|token| token.so_pin().expose()), 64);
}

#[test]
fn a_dropped_token_is_gone_though_its_sessions_were_open() {
    let token = Token::shared();
    let context = application(token.module());
    let (label, serial) = (token.label().to_owned(), token.serial().to_owned());
    let session = log_in(&context, slots(&context, &label, &serial)[0], token.user_pin()).unwrap();
    let key = hmac_key(&session, "key", true).unwrap();
    drop(token);
    assert!(sign(&session, key).is_err());
    assert!(slots(&context, &label, &serial).is_empty());
}

#[test]
fn the_shared_module_is_not_finalized() {
    let token = Token::shared();
    assert_eq!(token.library().finalize().unwrap_err().kind(), ErrorKind::Shared);
    token.library().initialize().unwrap();
    assert!(token.slot().is_ok());
}

#[test]
fn the_same_module_serves_all() {
    assert_eq!(Token::shared().module(), Token::shared().module());
}

#[test]
fn pins_do_not_show() {
    let token = Token::shared();
    let shown = format!("{token:?} {:?} {:?}", token.so_pin(), token.user_pin());
    assert!(!shown.contains(token.so_pin().expose()) && !shown.contains(token.user_pin().expose()), "{shown}");
    assert!(shown.contains(token.label()), "{shown}");
    for pin in [token.so_pin().expose(), token.user_pin().expose()] {
        assert_eq!(pin.len(), 12);
        assert!(pin.bytes().all(|digit| digit.is_ascii_digit()));
    }
}

#[cfg(feature = "sessions")]
#[test]
fn a_session_without_ceremony() {
    let token = Token::shared();
    let first = token.session();
    let second = token.session();
    let key = hmac_key(&first, "key", false).unwrap();
    assert_eq!(sign(&first, key).unwrap(), sign(&second, key).unwrap());
}
