//! How keys are made: CSNBKTB2, CSNBKPI2, CSNBCKI, CSNBKGN, CSNBKGN2; how they are compared and moved: CSNBKYT2, CSNBKTC2;
//! and what tokens are refused.

use data_encoding::HEXUPPER;
use icsf_core::backend::MasterKeyKind;
use icsf_core::codes::Code;
use icsf_core::token::{Completeness, Material};
use icsf_core::{ClearKey, Error, Icsf, KeyIdentifier, KeyToken};

use crate::support::{
    Rig, SKELETON, authenticate, change_master_key, clear_hmac_token, copy, des_key, des_token, encipher, hmac_key,
    hmac_token, label, load_master_key, refused, skeleton, token_of,
};

const LENGTH: (Code, (u8, u32, u32)) = (Code::LengthNotValid, (8, 72, 72));

fn clear(length: usize, byte: u8) -> ClearKey {
    ClearKey::new(vec![byte; length])
}

fn enter(icsf: &Icsf, key: &mut KeyIdentifier, rules: &[&str], part: Option<ClearKey>) -> Result<(), Error> {
    icsf.csnbkpi2(&[&["HMAC"], rules].concat(), part.as_ref(), key).map(drop)
}

#[test]
fn a_skeleton_has_the_bytes_of_the_manual() {
    let rig = Rig::new();
    // 56 bytes: two usage fields (generate; all hashes), three management fields (export allowed), no key.
    let expected = [
        "0100003805000000", // internal, length 56, version 5
        "0000000000000000", // no key material, no pattern
        "0000000000000000",
        "0000000000000100", // associated data, version 1
        "001A000000000000", // 26 bytes of it; no name, no data, no payload
        "000300020280",     // HMAC, MAC, two usage fields: generate
        "00F800",           // all hashes
        "03F00000000000",   // three management fields
    ]
    .concat();
    assert_eq!(HEXUPPER.encode(&skeleton(&rig.icsf).encode()), expected);
    let build = |rules: &[&str]| rig.icsf.csnbktb2(rules, None, None).unwrap().value.encode();
    assert_eq!(build(&["INTERNAL", "HMAC", "MAC", "VERIFY", "SHA-256"])[45..49], [0x40, 0, 0x20, 0]);
    let locked = build(&["INTERNAL", "HMAC", "MAC", "GENERATE", "NOEX-SYM", "NOEX-RAW", "NOEX-DES", "NOEX-RSA"]);
    assert_eq!(locked[50..52], [0x60, 0x88]);
    let all = ["NOEX-SYM", "NOEXUASY", "NOEXAASY", "NOEX-RAW", "NOEX-DES", "NOEX-AES", "NOEX-RSA"];
    assert_eq!(build(&[&SKELETON[..], &all].concat())[50..52], [0x00, 0xc8]);
    let named = rig.icsf.csnbktb2(&SKELETON, None, Some(&label("MY.KEY"))).unwrap().value.encode();
    assert_eq!((named.len(), named[34], &named[56..]), (120, 64, &label("MY.KEY").ebcdic()[..]));
}

#[test]
fn a_clear_key_in_a_token_has_32_to_256_bytes() {
    let rig = Rig::new();
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    for length in [32, 33, 64, 256] {
        let token = rig.icsf.csnbktb2(&rules, Some(&clear(length, 1)), None).unwrap().value;
        let KeyToken::Variable(token) = token else { panic!("not variable") };
        assert!(matches!(token.material(), Material::Clear(key) if key.len() == length));
    }
    for length in [0, 31, 257] {
        refused(rig.icsf.csnbktb2(&rules, Some(&clear(length, 1)), None), LENGTH.0, LENGTH.1);
    }
    refused(rig.icsf.csnbktb2(&rules, None, None), LENGTH.0, LENGTH.1);
    let both = rig.icsf.csnbktb2(&SKELETON, Some(&clear(64, 1)), None);
    refused(both, Code::RuleCombinationNotValid, (8, 34, 34));
}

#[test]
fn parts_make_the_key_that_is_their_exclusive_or_and_as_many_are_needed_as_were_asked_for() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let right = authenticate(icsf, &mut KeyIdentifier::Token(hmac_token(icsf, 0))).unwrap().0;
    for (least, missing, parts) in [
        ("MIN1PART", Completeness::MayBeCompleted, 1),
        ("MIN2PART", Completeness::OneMissing, 2),
        ("MIN3PART", Completeness::TwoMissing, 3),
    ] {
        let mut key = KeyIdentifier::Token(skeleton(icsf));
        enter(icsf, &mut key, &["FIRST", least], Some(ClearKey::new(hmac_key(0)))).unwrap();
        let KeyIdentifier::Token(KeyToken::Variable(token)) = &key else { panic!("not variable") };
        assert_eq!(token.completeness(), missing);
        for part in 1..parts {
            let early = enter(icsf, &mut key, &["COMPLETE"], None);
            refused(early, Code::KeyNotComplete, (8, 2154, 39));
            enter(icsf, &mut key, &["ADD-PART"], Some(clear(64, part))).unwrap();
        }
        enter(icsf, &mut key, &["COMPLETE"], None).unwrap();
        let sum = (1..parts).fold(0, |sum, part| sum ^ part);
        let same = hmac_token(icsf, sum);
        assert_eq!(authenticate(icsf, &mut key).unwrap().0, authenticate(icsf, &mut same.into()).unwrap().0);
        // More may be added while it is not complete, and nothing afterwards.
        let late = enter(icsf, &mut key, &["ADD-PART"], Some(clear(64, 1)));
        refused(late, Code::WrongTokenClass, (8, 2040, 2040));
    }
    // Without a number three are needed.
    let mut key = KeyIdentifier::Token(skeleton(icsf));
    enter(icsf, &mut key, &["FIRST"], Some(ClearKey::new(hmac_key(1)))).unwrap();
    enter(icsf, &mut key, &["ADD-PART"], Some(clear(64, 1))).unwrap();
    refused(enter(icsf, &mut key, &["COMPLETE"], None), Code::KeyNotComplete, (8, 2154, 39));
    enter(icsf, &mut key, &["ADD-PART"], Some(clear(64, 0))).unwrap();
    enter(icsf, &mut key, &["COMPLETE"], None).unwrap();
    assert_eq!(authenticate(icsf, &mut key).unwrap().0, right);
}

#[test]
fn parts_can_be_entered_into_a_record() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let name = label("PARTS.HMAC");
    let mut key = KeyIdentifier::Label(name);
    refused(enter(icsf, &mut key, &["FIRST"], Some(clear(64, 1))), Code::LabelNotFound, (8, 10012, 30));
    icsf.csnbkrc(&name).unwrap();
    let no_skeleton = enter(icsf, &mut key, &["FIRST"], Some(clear(64, 1)));
    refused(no_skeleton, Code::WrongTokenClass, (8, 2040, 2040));
    icsf.csnbkrw2(&name, skeleton(icsf)).unwrap();
    enter(icsf, &mut key, &["FIRST", "MIN2PART"], Some(clear(64, 0x0f))).unwrap();
    refused(authenticate(icsf, &mut key), Code::KeyNotComplete, (8, 2154, 39));
    enter(icsf, &mut key, &["ADD-PART"], Some(clear(64, 0xf0))).unwrap();
    enter(icsf, &mut key, &["COMPLETE"], None).unwrap();
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    let whole = icsf.csnbktb2(&rules, Some(&clear(64, 0xff)), None).unwrap().value;
    assert_eq!(authenticate(icsf, &mut key).unwrap(), authenticate(icsf, &mut whole.into()).unwrap());
    assert_eq!(icsf.verify_ckds().unwrap().bad, []);
}

#[test]
fn a_clear_des_key_is_imported_and_its_parity_is_news() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let odd = des_key(1);
    let even = odd.map(|byte| byte ^ 1);
    let import = |key: &[u8]| icsf.csnbcki(&ClearKey::from_slice(key));
    let (right, wrong) = (import(&odd).unwrap(), import(&even).unwrap());
    assert_eq!((right.code, wrong.code), (Code::Success, Code::KeyParityNotOdd));
    assert_eq!((wrong.code.rc(), wrong.code.row().icsf, wrong.code.row().tss), (0, Some(4), Some(2)));
    let mut keys = [right.value, wrong.value].map(KeyIdentifier::Token);
    let [right, wrong] = keys.each_mut().map(|key| encipher(icsf, key).unwrap());
    assert_eq!(right, wrong, "parity bits do not count");
    for length in [0, 7, 9, 16] {
        refused(import(&vec![1; length]), LENGTH.0, LENGTH.1);
    }
}

#[test]
fn generated_keys_differ_and_work() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let des = || encipher(icsf, &mut icsf.csnbkgn("OP  ", "KEYLN8  ", "DATA    ").unwrap().value.into()).unwrap().0;
    assert_ne!(des(), des());
    let hmac = |bits| {
        let token = icsf.csnbkgn2(&["HMAC", "OP"], bits, skeleton(icsf)).unwrap().value;
        authenticate(icsf, &mut token.into()).unwrap().0
    };
    assert_ne!(hmac(512), hmac(512));
    hmac(256);
    hmac(2048);
    for bits in [0, 248, 257, 2056] {
        refused(icsf.csnbkgn2(&["HMAC", "OP"], bits, skeleton(icsf)), LENGTH.0, LENGTH.1);
    }
    for unfit in [KeyToken::Null, des_token(icsf, 1), hmac_token(icsf, 1), clear_hmac_token(icsf, 1)] {
        refused(icsf.csnbkgn2(&["HMAC", "OP"], 512, unfit), Code::GeneratedKeyNotValid, (8, 155, 155));
    }
    for (form, length, key_type, code, numbers) in [
        ("ON", "SINGLE", "DATA", Code::KeyFormNotValid, (8, 41, 41)),
        ("OP", "SINGEL", "DATA", Code::KeyLengthWordNotValid, (8, 43, 43)),
        ("OP", "SINGLE", "DATUM", Code::KeyTypeNotValid, (8, 10048, 61)),
        ("EXEX", "SINGLE", "DATA", Code::NotOnThisEngine, (12, 8, 8)),
        ("OP", "KEYLN16", "DATA", Code::NotOnThisEngine, (12, 8, 8)),
    ] {
        refused(icsf.csnbkgn(form, length, key_type), code, numbers);
    }
}

#[test]
fn patterns_tell_whether_two_sites_hold_the_same_key() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let pattern = |key: KeyToken, rules: &[&str]| icsf.csnbkyt2(&mut key.into(), rules).unwrap().value;
    // ENC-ZERO of the textbook key 0123456789ABCDEF, and SHA-256 over X'01' and 131 bytes X'AA'.
    let des = || icsf.csnbcki(&ClearKey::from_hex("0123456789ABCDEF").unwrap()).unwrap().value;
    assert_eq!(HEXUPPER.encode(&pattern(des(), &["DES", "GENERATE"])), "D5D44FF7");
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    let clear_token = icsf.csnbktb2(&rules, Some(&clear(131, 0xaa)), None).unwrap().value;
    assert_eq!(HEXUPPER.encode(&pattern(clear_token, &["HMAC", "GENERATE"])), "3B9303D18EA9793C");
    assert_eq!(
        pattern(hmac_token(icsf, 1), &["HMAC", "GENERATE", "SHA-256"]),
        pattern(clear_hmac_token(icsf, 1), &["HMAC", "GENERATE"]),
        "alike for a key in the engine and a clear one"
    );
    assert_ne!(
        pattern(hmac_token(icsf, 1), &["HMAC", "GENERATE"]),
        pattern(hmac_token(icsf, 2), &["HMAC", "GENERATE"])
    );

    let verify = |key: KeyToken, pattern: &[u8]| {
        icsf.csnbkyt2_verify(&mut key.into(), &["VERIFY", "DES"], pattern).unwrap().code
    };
    let right = pattern(des(), &["DES", "GENERATE", "ENC-ZERO"]);
    assert_eq!(verify(des(), &right), Code::Success);
    for wrong in [&right[..3], &[0; 4], &[right.as_slice(), &[0]].concat(), &[]] {
        let code = verify(des(), wrong);
        assert_eq!((code, code.rc(), code.row().tss), (Code::VerificationFailed, 4, Some(1)));
    }
}

#[test]
fn a_token_is_brought_under_the_current_or_the_new_master_key() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let right = encipher(icsf, &mut des_token(icsf, 1).into()).unwrap().0;
    refused(icsf.csnbktc2(&["RTNMK", "DES"], des_token(icsf, 1)), Code::MasterKeyNotSet, (12, 0, 764));
    load_master_key(icsf, MasterKeyKind::Des, 0x22);
    let ahead = icsf.csnbktc2(&["RTNMK", "DES"], des_token(icsf, 1)).unwrap().value;
    refused(encipher(icsf, &mut copy(&ahead).into()), Code::MasterKeyMismatch, (8, 10004, 24));
    icsf.change_master_key(MasterKeyKind::Des, &mut |_| {}).unwrap();
    assert_eq!(encipher(icsf, &mut ahead.into()).unwrap(), (right, Code::Success));

    refused(icsf.csnbktc2(&["RTCMK", "HMAC"], des_token(icsf, 1)), Code::KeyUsageViolation, (8, 39, 39));
    for unfit in [KeyToken::Null, skeleton(icsf), clear_hmac_token(icsf, 1)] {
        refused(icsf.csnbktc2(&["RTCMK", "HMAC"], unfit), Code::WrongTokenClass, (8, 2040, 2040));
    }
    change_master_key(icsf, MasterKeyKind::Aes, 0x22);
    icsf.csnbktc2(&["RTCMK", "HMAC"], hmac_token(icsf, 1)).unwrap();
}

#[test]
fn what_is_no_token_or_label_is_refused_by_what_is_wrong_with_it() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let des = des_token(icsf, 1).encode().to_vec();
    let hmac = hmac_token(icsf, 1).encode().to_vec();
    let with = |bytes: &[u8], at: usize, byte: u8| {
        let mut changed = bytes.to_vec();
        changed[at] = byte;
        changed
    };
    let parse = |bytes: &[u8]| KeyIdentifier::parse(bytes);
    for (bytes, code, numbers) in [
        (with(&des, 20, !des[20]), Code::TokenDamaged, (8, 12, 29)),
        (with(&des, 63, !des[63]), Code::TokenDamaged, (8, 12, 29)),
        (des[..63].to_vec(), Code::TokenDamaged, (8, 12, 29)),
        (hmac[..hmac.len() - 1].to_vec(), Code::TokenDamaged, (8, 12, 29)),
        (vec![1], Code::TokenDamaged, (8, 12, 29)),
        (Vec::new(), Code::TokenDamaged, (8, 12, 29)),
        // CCA's own versions: fixed-length ones of another wrapping.
        (with(&des, 4, 0), Code::TokenVersionNotValid, (8, 10040, 49)),
        (with(&des, 4, 4), Code::TokenVersionNotValid, (8, 10040, 49)),
        (with(&des, 0, 2), Code::WrongTokenClass, (8, 2040, 2040)),
        (with(&hmac, 0, 2), Code::WrongTokenClass, (8, 2040, 2040)),
        (with(&hmac, 41, 2), Code::TokenSectionNotValid, (8, 2095, 2095)),
        (with(&hmac, 43, 1), Code::TokenSectionNotValid, (8, 2095, 2095)),
        (with(&hmac, 26, 2), Code::TokenSectionNotValid, (8, 2095, 2095)),
        (vec![0xc1; 63], Code::LabelNotValid, (8, 16032, 32)),
        (vec![0xc1; 65], Code::LabelNotValid, (8, 16032, 32)),
        (vec![b'A'; 64], Code::LabelNotValid, (8, 16032, 32)),
        (with(&[0x40; 64], 5, 0xc1), Code::LabelNotValid, (8, 16032, 32)),
        (with(&[0xc1; 64], 0, 0xf1), Code::LabelNotValid, (8, 16032, 32)),
    ] {
        refused(parse(&bytes), code, numbers);
    }
    let Ok(KeyIdentifier::Label(found)) = parse(label("A.LABEL").ebcdic()) else { panic!("no label") };
    assert_eq!(found, label("A.LABEL"));
    assert!(matches!(parse(&[0; 64]), Ok(KeyIdentifier::Token(KeyToken::Null))));
    assert_eq!(
        encipher(icsf, &mut parse(&des).unwrap()).unwrap(),
        encipher(icsf, &mut des_token(icsf, 1).into()).unwrap()
    );
    // What unwraps to nothing: bytes of the wrapped key changed, and the sum over them mended.
    let mut forged = with(&des, 20, !des[20]);
    let sum = forged[..60].chunks(4).fold(0_u32, |sum, w| sum.wrapping_add(u32::from_be_bytes(w.try_into().unwrap())));
    forged[60..].copy_from_slice(&sum.to_be_bytes());
    refused(encipher(icsf, &mut parse(&forged).unwrap()), Code::TokenDamaged, (8, 12, 29));
    let mut forged = hmac;
    let last = forged.len() - 1;
    forged[last] ^= 1;
    refused(authenticate(icsf, &mut parse(&forged).unwrap()), Code::TokenDamaged, (8, 12, 29));
    let token = token_of(parse(&forged).unwrap());
    refused(icsf.csnbktc2(&["RTCMK", "HMAC"], token), Code::TokenDamaged, (8, 12, 29));
}
