//! Rule arrays of every service: a word it does not know, too many or too few, words that do not go together.

use icsf_core::codes::Code;
use icsf_core::label::LabelPattern;
use icsf_core::{ClearKey, Error, Icsf};

use crate::support::{Rig, add_one_of_each, copy, des_token, hmac_key, id, label, refused, skeleton};

const COUNT: Answer = (Code::RuleCountNotValid, (8, 2012, 35));
const KEYWORD: Answer = (Code::RuleKeywordNotValid, (8, 2016, 33));
const COMBINATION: Answer = (Code::RuleCombinationNotValid, (8, 34, 34));
const NOT_HERE: Answer = (Code::NotOnThisEngine, (12, 8, 8));

type Call = fn(&Icsf, &[&str]) -> Result<(), Error>;
type Answer = (Code, (u8, u32, u32));
/// A service, a call of it, rule arrays, and what they are answered.
type Case = (&'static str, Call, &'static [&'static [&'static str]], Answer);

fn enc(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbenc(&mut id("A.DES"), rules, &[0; 8], &[0; 8], 0, &mut [0; 18]).map(drop)
}

fn dec(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbdec(&mut id("A.DES"), rules, &[0; 8], &[0; 8], &mut [0; 18]).map(drop)
}

fn hmg(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbhmg(&mut id("B.HMAC"), rules, b"text", &mut [0; 128], 20).map(drop)
}

fn hmv(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbhmv(&mut id("B.HMAC"), rules, b"text", &mut [0; 128], &[0; 20]).map(drop)
}

fn owh(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbowh(rules, b"text", &mut [0; 128]).map(drop)
}

fn rngl(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbrngl(rules, 8).map(drop)
}

fn krd(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbkrd(rules, &label("A.DES")).map(drop)
}

fn kdsl(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csfkdsl(rules, &LabelPattern::any(), 9, None).map(drop)
}

fn ktb2(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbktb2(rules, None, None).map(drop)
}

fn kpi2(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    let mut token = skeleton(icsf).into();
    icsf.csnbkpi2(rules, Some(&ClearKey::new(hmac_key(1))), &mut token).map(drop)
}

fn kgn2(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbkgn2(rules, 512, skeleton(icsf)).map(drop)
}

fn kyt2(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbkyt2(&mut id("B.HMAC"), rules).map(drop)
}

fn kyt2_verify(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbkyt2_verify(&mut id("A.DES"), rules, &[0; 4]).map(drop)
}

fn ktc2(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csnbktc2(rules, copy(&des_token(icsf, 1))).map(drop)
}

fn iqf(icsf: &Icsf, rules: &[&str]) -> Result<(), Error> {
    icsf.csfiqf(rules).map(drop)
}

#[test]
fn each_fault_of_a_rule_array_has_its_code_and_nothing_is_done() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    let before = rig.rows();
    let cases: &[Case] = &[
        ("CSNBENC", enc, &[&[], &["CBC", "INITIAL", "CBC"]], COUNT),
        ("CSNBENC", enc, &[&["ECB"], &["cbc"], &["CBC", ""], &["CBC", "ONLY"], &["CBCINITIAL"]], KEYWORD),
        ("CSNBENC", enc, &[&["INITIAL"], &["CBC", "X9.23"], &["CBC", "CBC"], &["INITIAL", "CONTINUE"]], COMBINATION),
        ("CSNBENC", enc, &[&["CUSP"], &["IPS", "CONTINUE"]], NOT_HERE),
        ("CSNBDEC", dec, &[&[], &["CBC", "INITIAL", "CBC"]], COUNT),
        ("CSNBDEC", dec, &[&["X923"], &["CBC", "FIRST"]], KEYWORD),
        ("CSNBDEC", dec, &[&["CONTINUE"], &["CBC", "4700-PAD"]], COMBINATION),
        ("CSNBDEC", dec, &[&["CUSP"], &["IPS"]], NOT_HERE),
        ("CSNBHMG", hmg, &[&["HMAC"], &["HMAC", "SHA-1", "ONLY", "ONLY"]], COUNT),
        ("CSNBHMG", hmg, &[&["HMAC", "SHA246"], &["HMAC", "MD5"], &["MAC", "SHA-1"]], KEYWORD),
        ("CSNBHMG", hmg, &[&["HMAC", "ONLY"], &["SHA-1", "ONLY"], &["HMAC", "SHA-1", "SHA-256"]], COMBINATION),
        ("CSNBHMG", hmg, &[&["HMAC", "SHA-1", "MIDDLE"], &["HMAC", "SHA-1", "LAST"]], COMBINATION),
        ("CSNBHMV", hmv, &[&["HMAC"], &["HMAC", "SHA-1", "ONLY", "ONLY"]], COUNT),
        ("CSNBHMV", hmv, &[&["HMAC", "SHA246"]], KEYWORD),
        ("CSNBHMV", hmv, &[&["HMAC", "ONLY"], &["HMAC", "SHA-1", "LAST"]], COMBINATION),
        ("CSNBOWH", owh, &[&[], &["MD5", "ONLY", "MD5"]], COUNT),
        // What a real program passes by mistake.
        ("CSNBOWH", owh, &[&["SHA246"], &["SHA-256", "CONTINUE"]], KEYWORD),
        ("CSNBOWH", owh, &[&["ONLY"], &["MD5", "SHA-1"], &["MD5", "LAST"], &["MD5", "MIDDLE"]], COMBINATION),
        ("CSNBRNGL", rngl, &[&[], &["RANDOM", "ODD"]], COUNT),
        ("CSNBRNGL", rngl, &[&["ANY"]], KEYWORD),
        ("CSNBKRD", krd, &[&[], &["LABEL-DL", "TOKEN-DL"]], COUNT),
        ("CSNBKRD", krd, &[&["LABEL"]], KEYWORD),
        ("CSFKDSL", kdsl, &[&[], &["CKDS", "COUNT"], &["CKDS", "COUNT", "ALL", "ALL"]], COUNT),
        ("CSFKDSL", kdsl, &[&["CKDS", "NUMBER", "ALL"]], KEYWORD),
        ("CSFKDSL", kdsl, &[&["CKDS", "COUNT", "LABELS"], &["CKDS", "ALL", "ACTIVE"]], COMBINATION),
        ("CSFKDSL", kdsl, &[&["PKDS", "COUNT", "ALL"], &["CKDS", "COUNT", "ARCHIVED"]], NOT_HERE),
        ("CSNBKTB2", ktb2, &[&[], &["INTERNAL", "HMAC", "MAC"]], COUNT),
        (
            "CSNBKTB2",
            ktb2,
            &[&["INTERNAL", "HMAC", "MAC", "VERIFONLY"], &["EXTERNAL", "HMAC", "MAC", "GENERATE"]],
            KEYWORD,
        ),
        ("CSNBKTB2", ktb2, &[&["INTERNAL", "HMAC", "NO-KEY", "GENERATE"]], COMBINATION),
        ("CSNBKTB2", ktb2, &[&["INTERNAL", "HMAC", "MAC", "GENERATE", "VERIFY"]], COMBINATION),
        ("CSNBKPI2", kpi2, &[&["HMAC"], &["HMAC", "FIRST", "MIN1PART", "MIN1PART"]], COUNT),
        ("CSNBKPI2", kpi2, &[&["HMAC", "LAST"]], KEYWORD),
        (
            "CSNBKPI2",
            kpi2,
            &[&["FIRST", "MIN1PART"], &["HMAC", "MIN1PART"], &["HMAC", "ADD-PART", "MIN1PART"]],
            COMBINATION,
        ),
        ("CSNBKPI2", kpi2, &[&["AES", "FIRST"]], NOT_HERE),
        ("CSNBKGN2", kgn2, &[&["HMAC"], &["HMAC", "OP", "OP"]], COUNT),
        ("CSNBKGN2", kgn2, &[&["HMAC", "OPERATIONAL"]], KEYWORD),
        ("CSNBKGN2", kgn2, &[&["HMAC", "AES"], &["OP", "EX"]], COMBINATION),
        ("CSNBKGN2", kgn2, &[&["AES", "OP"], &["HMAC", "OPOP"]], NOT_HERE),
        ("CSNBKYT2", kyt2, &[&["HMAC"], &["HMAC", "GENERATE", "SHA-256", "SHA-256"]], COUNT),
        ("CSNBKYT2", kyt2, &[&["HMAC", "GENERATE", "SHA-512"]], KEYWORD),
        (
            "CSNBKYT2",
            kyt2,
            &[&["GENERATE", "SHA-256"], &["HMAC", "GENERATE", "ENC-ZERO"], &["HMAC", "VERIFY"]],
            COMBINATION,
        ),
        ("CSNBKYT2", kyt2, &[&["AES", "GENERATE"], &["HMAC", "GENERATE", "SHAVP1"]], NOT_HERE),
        ("CSNBKTC2", ktc2, &[&["RTCMK"], &["RTCMK", "DES", "HMAC"]], COUNT),
        ("CSNBKTC2", ktc2, &[&["RTOMK", "DES"]], KEYWORD),
        ("CSNBKTC2", ktc2, &[&["RTCMK", "RTNMK"], &["DES", "HMAC"]], COMBINATION),
        ("CSNBKYT2 VERIFY", kyt2_verify, &[&["DES", "GENERATE"], &["DES", "VERIFY", "SHA-256"]], COMBINATION),
        ("CSFIQF", iqf, &[&[], &["COPROC00", "ICSFSTAT", "STATAES", "COPROC01"]], COUNT),
        ("CSFIQF", iqf, &[&["ICSFSTATUS"], &["COPROC64", "STATAES"], &["COPROC0", "STATAES"]], KEYWORD),
        ("CSFIQF", iqf, &[&["ICSFSTAT", "STATAES"], &["COPROC00"]], COMBINATION),
        ("CSFIQF", iqf, &[&["ICSFST2"], &["STATDIAG"], &["COPROC01", "STATAES"]], NOT_HERE),
    ];
    for (service, call, arrays, (code, numbers)) in cases {
        for rules in *arrays {
            let error = refused(call(&rig.icsf, rules), *code, *numbers);
            assert!(service.starts_with(error.cause().service().unwrap()), "{rules:?}");
            // A mistake in the rules is the same mistake with the engine away.
            rig.icsf.engine_offline().unwrap();
            // The token for this one is made by the engine.
            if *service != "CSNBKTC2" {
                refused(call(&rig.icsf, rules), *code, *numbers);
            }
            rig.icsf.engine_online().unwrap();
        }
    }
    rig.icsf.csfiqf(&["COPROC00", "ICSFSTAT"]).unwrap();
    assert_eq!(rig.rows(), before);
}

#[test]
fn words_may_be_padded_and_stand_in_any_order() {
    let rig = Rig::new();
    add_one_of_each(&rig.icsf);
    let icsf = &rig.icsf;
    enc(icsf, &["INITIAL ", "CBC     "]).unwrap();
    dec(icsf, &["INITIAL ", "CBC     "]).unwrap();
    hmg(icsf, &["ONLY    ", "SHA-1   ", "HMAC    "]).unwrap();
    owh(icsf, &["ONLY", "RPMD-160"]).unwrap();
    kdsl(icsf, &["ALL", "COUNT", "CKDS"]).unwrap();
    ktb2(icsf, &["GENERATE", "MAC     ", "NO-KEY", "HMAC", "INTERNAL"]).unwrap();
    kpi2(icsf, &["MIN1PART", "FIRST   ", "HMAC    "]).unwrap();
    kgn2(icsf, &["OP      ", "HMAC    "]).unwrap();
    ktc2(icsf, &["DES     ", "RTCMK   "]).unwrap();
}
