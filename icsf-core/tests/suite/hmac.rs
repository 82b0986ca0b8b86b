//! CSNBHMG, CSNBHMV and CSNBOWH: known answers, texts in parts, and what a key may not be used for.

use data_encoding::HEXLOWER;
use icsf_core::backend::HashAlgorithm;
use icsf_core::codes::Code;
use icsf_core::services::ChainingArea;
use icsf_core::{ClearKey, Error, Icsf, KeyIdentifier, KeyToken};
use proptest::prelude::*;

use crate::support::{
    Rig, add_one_of_each, clear_hmac_token, compute, copy, des_token, hmac_key, hmac_token, id, label, refused,
    skeleton, token_of,
};

const USAGE: (Code, (u8, u32, u32)) = (Code::KeyUsageViolation, (8, 39, 39));
const LENGTH: (Code, (u8, u32, u32)) = (Code::LengthNotValid, (8, 72, 72));

/// RFC 4231, case 6; SHA-1, which it does not have, by Python's hmac.
const TEXT: &[u8] = b"Test Using Larger Than Block-Size Key - Hash Key First";
const KNOWN: [(&str, &str); 5] = [
    ("SHA-1", "90d0dace1c1bdc957339307803160335bde6df2b"),
    ("SHA-224", "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e"),
    ("SHA-256", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ("SHA-384", "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"),
    (
        "SHA-512",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
    ),
];

/// The key of these answers, under the AES-MK and clear.
fn known_keys(icsf: &Icsf) -> [KeyToken; 2] {
    let clear = ClearKey::new(vec![0xaa; 131]);
    let mut secure = KeyIdentifier::Token(skeleton(icsf));
    icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&clear), &mut secure).unwrap();
    icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut secure).unwrap();
    let rules = ["INTERNAL", "HMAC", "KEY-CLR", "MAC", "GENERATE"];
    [token_of(secure), icsf.csnbktb2(&rules, Some(&clear), None).unwrap().value]
}

fn token(token: &KeyToken) -> KeyIdentifier {
    KeyIdentifier::Token(copy(token))
}

fn hmg(icsf: &Icsf, key: &KeyToken, hash: &str, text: &[u8], length: usize) -> Result<Vec<u8>, Error> {
    icsf.csnbhmg(&mut token(key), &["HMAC", hash], text, &mut [0; 128], length).map(|done| done.value)
}

fn hmv(icsf: &Icsf, key: &KeyToken, hash: &str, text: &[u8], mac: &[u8]) -> Result<Code, Error> {
    icsf.csnbhmv(&mut token(key), &["HMAC", hash], text, &mut [0; 128], mac).map(|done| done.code)
}

#[test]
fn known_answers_with_keys_in_the_engine_and_clear_ones() {
    let rig = Rig::new();
    for key in known_keys(&rig.icsf) {
        for (hash, answer) in KNOWN {
            let right = HEXLOWER.decode(answer.as_bytes()).unwrap();
            assert_eq!(hmg(&rig.icsf, &key, hash, TEXT, right.len()).unwrap(), right, "{hash}");
            assert_eq!(hmv(&rig.icsf, &key, hash, TEXT, &right).unwrap(), Code::Success, "{hash}");
        }
    }
}

#[test]
fn a_mac_may_be_cut_to_four_bytes_and_not_beyond_what_the_hash_has() {
    let rig = Rig::new();
    for key in known_keys(&rig.icsf) {
        for (hash, answer) in KNOWN {
            let right = HEXLOWER.decode(answer.as_bytes()).unwrap();
            for length in 4..=right.len() {
                assert_eq!(hmg(&rig.icsf, &key, hash, TEXT, length).unwrap(), right[..length]);
                assert_eq!(hmv(&rig.icsf, &key, hash, TEXT, &right[..length]).unwrap(), Code::Success);
            }
            for length in [0, 3, right.len() + 1, 1000] {
                refused(hmg(&rig.icsf, &key, hash, TEXT, length), LENGTH.0, LENGTH.1);
                refused(hmv(&rig.icsf, &key, hash, TEXT, &vec![0; length]), LENGTH.0, LENGTH.1);
            }
        }
    }
}

#[test]
fn a_mac_that_does_not_fit_is_return_code_4_in_both_numberings() {
    let rig = Rig::new();
    for key in known_keys(&rig.icsf) {
        for (hash, answer) in KNOWN {
            let right = HEXLOWER.decode(answer.as_bytes()).unwrap();
            for at in 0..right.len() {
                let mut wrong = right.clone();
                wrong[at] ^= 1;
                let code = hmv(&rig.icsf, &key, hash, TEXT, &wrong).unwrap();
                assert_eq!(code, Code::MacNotVerified);
                assert_eq!((code.rc(), code.row().icsf, code.row().tss), (4, Some(8004), Some(429)));
            }
            assert_eq!(hmv(&rig.icsf, &key, hash, b"another text", &right).unwrap(), Code::MacNotVerified);
        }
    }
}

/// A text in parts: FIRST, any number of MIDDLE, LAST.
fn in_parts<T>(text: &[u8], cuts: &[usize], mut part: impl FnMut(&str, &[u8], &mut ChainingArea) -> T) -> T {
    let mut area = [0; 128];
    let mut begin = 0;
    for (n, end) in cuts.iter().enumerate() {
        part(if n == 0 { "FIRST" } else { "MIDDLE" }, &text[begin..*end], &mut area);
        begin = *end;
    }
    part("LAST", &text[begin..], &mut area)
}

fn cuts(text: &[u8], cuts: &[prop::sample::Index]) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_in_parts_is_the_text(
        text in prop::collection::vec(any::<u8>(), 0..300),
        at in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let rig = Rig::new();
        let icsf = &rig.icsf;
        let at = cuts(&text, &at);
        for key in known_keys(icsf) {
            for (hash, answer) in KNOWN {
                let whole = hmg(icsf, &key, hash, &text, answer.len() / 2).unwrap();
                let mac = in_parts(&text, &at, |order, part, area| {
                    let done = icsf.csnbhmg(&mut token(&key), &["HMAC", hash, order], part, area, whole.len()).unwrap();
                    assert_eq!(done.value.is_empty(), order != "LAST");
                    done.value
                });
                prop_assert_eq!(&mac, &whole);
                let verified = in_parts(&text, &at, |order, part, area| {
                    icsf.csnbhmv(&mut token(&key), &["HMAC", hash, order], part, area, &whole).unwrap().code
                });
                prop_assert_eq!(verified, Code::Success);
            }
        }
        for hash in ["MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "RPMD-160"] {
            let whole = icsf.csnbowh(&[hash], &text, &mut [0; 128]).unwrap().value;
            let parts = in_parts(&text, &at, |order, part, area| icsf.csnbowh(&[hash, order], part, area).unwrap().value);
            prop_assert_eq!(parts, whole);
        }
    }
}

#[test]
fn hashes_of_abc() {
    let rig = Rig::new();
    // RFC 1321, FIPS 180, and the paper of RIPEMD-160.
    for (hash, answer) in [
        ("MD5", "900150983cd24fb0d6963f7d28e17f72"),
        ("SHA-1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("SHA-224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        ("SHA-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("SHA-384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
        (
            "SHA-512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        ("RPMD-160", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
    ] {
        let done = rig.icsf.csnbowh(&[hash], b"abc", &mut [0; 128]).unwrap();
        assert_eq!(HEXLOWER.encode(&done.value), answer, "{hash}");
    }
}

#[test]
fn texts_of_several_callers_do_not_mix_and_the_oldest_unfinished_one_is_given_up() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let [key, _] = known_keys(icsf);
    let part = |order: &str, text: &[u8], area: &mut ChainingArea| {
        icsf.csnbhmg(&mut token(&key), &["HMAC", "SHA-256", order], text, area, 32).map(|done| done.value)
    };
    let begin = |text: &[u8]| {
        let mut area = [0; 128];
        part("FIRST", text, &mut area).unwrap();
        area
    };
    let mut areas: Vec<ChainingArea> = (0..=255_u8).map(|n| begin(&[n])).collect();
    let mut one_more = begin(b"more");
    let gone = part("LAST", b"", &mut areas[0]).unwrap_err();
    assert_eq!(gone.code(), Code::RuleCombinationNotValid);
    for (n, area) in areas.iter_mut().enumerate().skip(1) {
        let n = u8::try_from(n).unwrap();
        assert_eq!(part("LAST", b"x", area).unwrap(), hmg(icsf, &key, "SHA-256", &[n, b'x'], 32).unwrap());
    }
    assert_eq!(part("LAST", b"", &mut one_more).unwrap(), hmg(icsf, &key, "SHA-256", b"more", 32).unwrap());
    // A chaining vector is good once, and one of another service is none.
    part("LAST", b"", &mut one_more).unwrap_err();
    let mut hashing = [0; 128];
    icsf.csnbowh(&["SHA-1", "FIRST"], b"x", &mut hashing).unwrap();
    part("LAST", b"", &mut hashing).unwrap_err();
}

/// FIRST with one hash or key and LAST with another is a mistake, and not half of each; a number that was guessed gets at
/// nobody's text.
#[test]
fn a_part_goes_on_only_with_the_service_hash_and_key_it_began_with() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    add_one_of_each(icsf);
    let mut area = [0; 128];
    icsf.csnbowh(&["SHA-256", "FIRST"], b"ab", &mut area).unwrap();
    let other_hash = icsf.csnbowh(&["SHA-512", "LAST"], b"c", &mut area);
    refused(other_hash, Code::RuleCombinationNotValid, (8, 34, 34));
    let whole = icsf.csnbowh(&["SHA-256"], b"abc", &mut [0; 128]).unwrap();
    assert_eq!(icsf.csnbowh(&["SHA-256", "LAST"], b"c", &mut area).unwrap(), whole, "the mistake did no harm");

    let mut area = [0; 128];
    icsf.csnbhmg(&mut id("B.HMAC"), &["HMAC", "SHA-512", "FIRST"], b"PASS", &mut area, 0).unwrap();
    let mut last = |name: &str, hash: &str, verify: bool| {
        let (mut key, rules) = (id(name), ["HMAC", hash, "LAST"]);
        match verify {
            false => icsf.csnbhmg(&mut key, &rules, b"TICK", &mut area, 20).map(|done| done.value),
            true => icsf.csnbhmv(&mut key, &rules, b"TICK", &mut area, &[0; 20]).map(|_| Vec::new()),
        }
    };
    for (name, hash, verify) in [("C.CLEAR", "SHA-512", false), ("B.HMAC", "SHA-1", false)] {
        refused(last(name, hash, verify), Code::RuleCombinationNotValid, (8, 34, 34));
    }
    last("B.HMAC", "SHA-512", true).unwrap_err();
    let whole = icsf.csnbhmg(&mut id("B.HMAC"), &["HMAC", "SHA-512"], b"PASSTICK", &mut [0; 128], 20).unwrap().value;
    assert_eq!(last("B.HMAC", "SHA-512", false).unwrap(), whole);

    icsf.csnbhmg(&mut id("B.HMAC"), &["HMAC", "SHA-512", "FIRST"], b"secret", &mut [0; 128], 0).unwrap();
    for guess in 0..1000_u64 {
        let mut area = [0; 128];
        area[..8].copy_from_slice(&guess.to_be_bytes());
        icsf.csnbhmg(&mut id("B.HMAC"), &["HMAC", "SHA-512", "LAST"], b"", &mut area, 64).unwrap_err();
    }
}

#[test]
fn the_usage_fields_of_a_key_are_kept() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let clear = ClearKey::new(hmac_key(1));
    let make = |usage: &str, hashes: &[&str]| {
        let rules = [&["INTERNAL", "HMAC", "NO-KEY", "MAC", usage], hashes].concat();
        let mut secure = KeyIdentifier::Token(icsf.csnbktb2(&rules, None, None).unwrap().value);
        icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&clear), &mut secure).unwrap();
        icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut secure).unwrap();
        let rules = [&["INTERNAL", "HMAC", "KEY-CLR", "MAC", usage], hashes].concat();
        [token_of(secure), icsf.csnbktb2(&rules, Some(&clear), None).unwrap().value]
    };
    for key in make("VERIFY", &[]) {
        refused(hmg(icsf, &key, "SHA-512", TEXT, 64), USAGE.0, USAGE.1);
        hmv(icsf, &key, "SHA-512", TEXT, &[0; 64]).unwrap();
    }
    for key in make("GENERATE", &["SHA-512", "SHA-1"]) {
        for (hash, allowed) in [("SHA-512", true), ("SHA-1", true), ("SHA-256", false), ("SHA-384", false)] {
            if allowed {
                hmg(icsf, &key, hash, TEXT, 20).unwrap();
                hmv(icsf, &key, hash, TEXT, &[0; 20]).unwrap();
            } else {
                refused(hmg(icsf, &key, hash, TEXT, 20), USAGE.0, USAGE.1);
                refused(hmv(icsf, &key, hash, TEXT, &[0; 20]), USAGE.0, USAGE.1);
            }
        }
    }
    icsf.csnbkrc2(&label("SHA1.ONLY"), copy(&make("GENERATE", &["SHA-1"])[0])).unwrap();
    refused(icsf.csnbhmg_key(&label("SHA1.ONLY"), HashAlgorithm::Sha512), USAGE.0, USAGE.1);
    icsf.csnbhmg_key(&label("SHA1.ONLY"), HashAlgorithm::Sha1).unwrap();
}

#[test]
fn keys_of_another_kind_incomplete_ones_and_none_at_all_are_refused() {
    let rig = Rig::new();
    let icsf = &rig.icsf;
    let call = |key: &KeyToken| hmg(icsf, key, "SHA-512", TEXT, 64);
    let told = |error: Error| assert!(!error.cause().remedies().is_empty(), "no remedy: {error}");
    told(refused(call(&des_token(icsf, 1)), USAGE.0, USAGE.1));
    let enciphered = icsf.csnbenc(&mut token(&hmac_token(icsf, 1)), &["CBC"], &[0; 8], &[0; 8], 0, &mut [0; 18]);
    told(refused(enciphered, Code::WrongKeyType, (8, 2154, 39)));
    let mut partial = KeyIdentifier::Token(skeleton(icsf));
    icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&ClearKey::new(hmac_key(1))), &mut partial).unwrap();
    told(refused(call(&token_of(partial)), Code::KeyNotComplete, (8, 2154, 39)));
    refused(call(&skeleton(icsf)), Code::WrongTokenClass, (8, 2040, 2040));
    refused(call(&KeyToken::Null), Code::WrongTokenClass, (8, 2040, 2040));
    let missing = icsf.csnbhmg(&mut id("NO.SUCH"), &["HMAC", "SHA-1"], TEXT, &mut [0; 128], 20);
    refused(missing, Code::LabelNotFound, (8, 10012, 30));
    refused(icsf.csnbhmg_key(&label("NO.SUCH"), HashAlgorithm::Sha512), Code::LabelNotFound, (8, 10012, 30));
}

#[test]
fn a_key_opened_for_several_messages_makes_what_csnbhmg_does() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    for (name, key) in [("B.HMAC", hmac_token(&rig.icsf, 2)), ("C.CLEAR", clear_hmac_token(&rig.icsf, 3))] {
        let opened = rig.icsf.csnbhmg_key(&label(name), HashAlgorithm::Sha512).unwrap();
        let mut macs = [[0; 64]; 3];
        opened.hmac(&[b"one", b"", TEXT], &mut macs).unwrap();
        for (mac, text) in macs.iter().zip([b"one".as_slice(), b"", TEXT]) {
            assert_eq!(mac.as_slice(), hmg(&rig.icsf, &key, "SHA-512", text, 64).unwrap());
        }
        assert_eq!(compute(&rig.icsf, name).unwrap(), hmg(&rig.icsf, &key, "SHA-512", b"PASSTICK", 64).unwrap());
        assert_eq!(opened.id(), rig.icsf.csnbhmg_key(&label(name), HashAlgorithm::Sha512).unwrap().id());
    }
}
