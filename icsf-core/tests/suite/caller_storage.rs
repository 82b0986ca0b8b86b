//! On return code 8 and above nothing a caller handed in has been changed: tokens, chaining vectors, unfinished texts.
//!
//! Source: ICSF Application Programmer's Guide, return codes: "parameters unchanged except return and reason code".

use icsf_backends::faulty::Plan;
use icsf_core::backend::{EngineErrorKind, MasterKeyKind};
use icsf_core::codes::Code;
use icsf_core::{ClearKey, Error, KeyIdentifier, KeyToken};

use crate::support::{
    Rig, authenticate, change_master_key, copy, des_token, encipher, hmac_key, hmac_token, skeleton, token_of,
};

/// Runs a call with the engine failing at its first call, then at its second, until it does not fail any more; answers
/// how often it failed.
fn at_each_engine_call(rig: &Rig, mut call: impl FnMut() -> Result<(), Error>) -> u64 {
    for at in 1..100 {
        rig.faulty.set_plan(Plan::new().fail_call(at, EngineErrorKind::Unavailable));
        match call() {
            Err(error) => assert_eq!(error.code(), Code::EngineUnavailable, "{error}"),
            Ok(()) => {
                assert!(rig.faulty.calls() < at, "the engine failed at call {at}, and nobody was told");
                rig.faulty.set_plan(Plan::new());
                return at - 1;
            }
        }
    }
    panic!("an engine that fails once is not used any more")
}

/// That a call leaves a token as it was when it fails.
fn kept(token: &KeyToken, call: impl FnOnce(&mut KeyIdentifier) -> Result<(), Error>) -> Result<KeyToken, Error> {
    let mut key = KeyIdentifier::Token(copy(token));
    let result = call(&mut key);
    let after = token_of(key);
    match result {
        Ok(()) => Ok(after),
        Err(error) => {
            assert_eq!(after.encode(), token.encode(), "changed, though the service failed: {error}");
            Err(error)
        }
    }
}

#[test]
fn a_key_part_that_is_refused_leaves_the_token_with_the_parts_before() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let part = |length: usize| ClearKey::new(vec![0x5a; length]);
    let enter = |token: &KeyToken, rules: &[&str], part: Option<ClearKey>| {
        kept(token, |key| icsf.csnbkpi2(rules, part.as_ref(), key).map(drop))
    };
    let empty = skeleton(icsf);
    let first = enter(&empty, &["HMAC", "FIRST"], Some(part(64))).unwrap();
    for (token, rules, part, code) in [
        (&empty, &["HMAC", "FIRST"][..], Some(part(31)), Code::LengthNotValid),
        (&empty, &["HMAC", "FIRST"], None, Code::LengthNotValid),
        (&empty, &["HMAC", "ADD-PART"], Some(part(64)), Code::WrongTokenClass),
        (&empty, &["HMAC", "COMPLETE"], None, Code::WrongTokenClass),
        (&first, &["HMAC", "FIRST"], Some(part(64)), Code::WrongTokenClass),
        (&first, &["HMAC", "ADD-PART"], Some(part(63)), Code::LengthNotValid),
        (&first, &["HMAC", "COMPLETE"], None, Code::KeyNotComplete),
        (&first, &["HMAC", "COMPLETE"], Some(part(64)), Code::LengthNotValid),
        (&first, &["HMAC", "COMPLETE", "MIN1PART"], None, Code::RuleCombinationNotValid),
        (&des_token(icsf, 1), &["HMAC", "FIRST"], Some(part(64)), Code::WrongTokenClass),
    ] {
        assert_eq!(enter(token, rules, part).unwrap_err().code(), code, "{rules:?}");
    }
    let second = enter(&first, &["HMAC", "ADD-PART"], Some(part(64))).unwrap();
    enter(&second, &["HMAC", "COMPLETE"], None).unwrap_err();

    let failed = at_each_engine_call(&rig, || enter(&second, &["HMAC", "ADD-PART"], Some(part(64))).map(drop));
    assert_eq!(failed, 1);
    icsf.engine_offline().unwrap();
    assert_eq!(enter(&first, &["HMAC", "ADD-PART"], Some(part(64))).unwrap_err().code(), Code::EngineUnavailable);
}

/// Two tokens of a system whose master keys have been changed since.
fn old_tokens(rig: &Rig) -> (KeyToken, KeyToken) {
    let tokens = (des_token(&rig.icsf, 1), hmac_token(&rig.icsf, 2));
    MasterKeyKind::ALL.into_iter().for_each(|kind| change_master_key(&rig.icsf, kind, 0x22));
    tokens
}

#[test]
fn a_token_under_the_old_master_key_is_replaced_only_by_a_service_that_ends_well() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let (des, hmac) = old_tokens(&rig);

    let wrong_type = kept(&hmac, |key| encipher(icsf, key).map(drop)).unwrap_err();
    assert_eq!(wrong_type.code(), Code::WrongKeyType);
    let not_its_use = kept(&des, |key| authenticate(icsf, key).map(drop)).unwrap_err();
    assert_eq!(not_its_use.code(), Code::KeyUsageViolation);
    let no_padding = kept(&des, |key| icsf.csnbdec(key, &["X9.23"], &[0; 8], &[0; 8], &mut [0; 18]).map(drop));
    assert_eq!(no_padding.unwrap_err().code(), Code::LengthNotValid);
    let wrong_pattern = kept(&hmac, |key| icsf.csnbkyt2(key, &["DES", "GENERATE"]).map(drop));
    assert_eq!(wrong_pattern.unwrap_err().code(), Code::WrongKeyType);
    let nothing_to_go_on =
        kept(&hmac, |key| icsf.csnbhmg(key, &["HMAC", "SHA-512", "LAST"], b"x", &mut [0; 128], 64).map(drop));
    assert_eq!(nothing_to_go_on.unwrap_err().code(), Code::RuleCombinationNotValid);

    // Opened, brought under the current master key, used: whichever fails.
    assert_eq!(at_each_engine_call(&rig, || kept(&des, |key| encipher(icsf, key).map(drop)).map(drop)), 3);
    assert_eq!(at_each_engine_call(&rig, || kept(&hmac, |key| authenticate(icsf, key).map(drop)).map(drop)), 3);

    let renewed = kept(&des, |key| {
        assert_eq!(encipher(icsf, key)?.1, Code::TokenUnderOldMasterKey);
        Ok(())
    });
    let mut renewed = KeyIdentifier::Token(renewed.unwrap());
    assert_eq!(encipher(icsf, &mut renewed).unwrap().1, Code::Success, "replaced once, it is a token like any other");
}

#[test]
fn the_first_part_of_a_text_tells_that_the_token_was_replaced() {
    let rig = Rig::new();
    let (_, hmac) = old_tokens(&rig);
    let mut key = KeyIdentifier::Token(copy(&hmac));
    let mut area = [0; 128];
    let first = rig.icsf.csnbhmg(&mut key, &["HMAC", "SHA-512", "FIRST"], b"PASS", &mut area, 0).unwrap();
    assert_eq!(first.code, Code::TokenUnderOldMasterKey);
    assert_ne!(token_of(key).encode(), hmac.encode());
}

#[test]
fn an_unfinished_text_outlives_a_part_that_failed() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let key = || KeyIdentifier::Token(hmac_token(icsf, 2));
    let whole = authenticate(icsf, &mut key()).unwrap().0;
    let mut area = [0; 128];
    icsf.csnbhmg(&mut key(), &["HMAC", "SHA-512", "FIRST"], b"PASS", &mut area, 0).unwrap();
    let before = area;
    let mut part = |order: &str, text: &[u8], key: &mut KeyIdentifier| {
        let part = icsf.csnbhmg(key, &["HMAC", "SHA-512", order], text, &mut area, 64);
        if part.is_err() {
            assert_eq!(area, before);
        }
        part
    };
    let mut last = key();
    let failed = at_each_engine_call(&rig, || part("LAST", b"never", &mut last).map(drop));
    // The text was used up by the call that ended well.
    assert_eq!(failed, 2);
    assert_eq!(part("LAST", b"TICK", &mut last).unwrap_err().code(), Code::RuleCombinationNotValid);

    let mut area = [0; 128];
    icsf.csnbhmg(&mut key(), &["HMAC", "SHA-512", "FIRST"], b"PASS", &mut area, 0).unwrap();
    let too_long = vec![0; 1 << 20];
    let refused = icsf.csnbhmg(&mut key(), &["HMAC", "SHA-512", "MIDDLE"], &too_long, &mut area, 0).unwrap_err();
    assert_eq!(refused.code(), Code::LengthNotValid);
    let mut last = key();
    rig.faulty.set_plan(Plan::new().fail_call(2, EngineErrorKind::Fault));
    icsf.csnbhmg(&mut last, &["HMAC", "SHA-512", "LAST"], b"TICK", &mut area, 64).unwrap_err();
    let again = icsf.csnbhmg(&mut last, &["HMAC", "SHA-512", "LAST"], b"TICK", &mut area, 64).unwrap();
    assert_eq!(again.value, whole);
}

#[test]
fn chaining_vectors_stay_when_a_cipher_call_fails() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let token = des_token(icsf, 1);
    let text = [7; 24];
    let failed = at_each_engine_call(&rig, || {
        let mut chaining = [9; 18];
        let done = icsf.csnbenc(
            &mut KeyIdentifier::Token(copy(&token)),
            &["CBC", "CONTINUE"],
            &text,
            &[0; 8],
            0,
            &mut chaining,
        );
        assert_eq!(chaining == [9; 18], done.is_err());
        done.map(drop)
    });
    assert_eq!(failed, 4, "the key is opened, and three blocks go through one after the other");
    for text in [&[0; 0][..], &[0; 7]] {
        let mut chaining = [9; 18];
        icsf.csnbdec(&mut KeyIdentifier::Token(copy(&token)), &["CBC"], text, &[0; 8], &mut chaining).unwrap_err();
        assert_eq!(chaining, [9; 18]);
    }
}

#[test]
fn a_key_part_into_a_record_is_written_whole_or_not_at_all() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let name = crate::support::label("PARTS");
    icsf.csnbkrc2(&name, skeleton(icsf)).unwrap();
    let mut key = KeyIdentifier::Label(name);
    let before = rig.rows();
    let part = ClearKey::new(hmac_key(1));
    let failed = at_each_engine_call(&rig, || {
        let done = icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&part), &mut key).map(drop);
        assert_eq!(rig.rows() == before, done.is_err());
        done
    });
    assert_eq!(failed, 3, "the part is wrapped, the key of the MACs opened and used");
}
