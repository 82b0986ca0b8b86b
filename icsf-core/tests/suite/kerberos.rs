//! Keys of Kerberos principals: how they are made, used, listed and refused, and when they are dropped.

use data_encoding::HEXUPPER;
use icsf_backends::faulty::Plan;
use icsf_core::backend::{Derivation, DerivedUse, EngineErrorKind, Etype, KeyAlgorithm, MasterKeyKind};
use icsf_core::codes::Code;
use icsf_core::kds::KdsFormat;
use icsf_core::services::Protection;
use icsf_core::store::MemoryStore;
use icsf_core::{ClearKey, Error, Icsf, KeyToken, KeyType};

use crate::support::{
    Rig, add_one_of_each, authenticate, change_master_key, copy, encipher, how, id, label, load_master_key, refused,
    set_master_key, ticket,
};

const ETYPE: Etype = Etype::Aes256Sha1;

/// The key of a principal, with a value that is known.
fn rig() -> Rig {
    let rig = Rig::new();
    rig.icsf.add_kerberos_key(&label("A.KRB"), ETYPE, Some(&clear(32))).unwrap();
    rig
}

fn clear(length: usize) -> ClearKey {
    ClearKey::new((0..length).map(|n| u8::try_from(n).unwrap().wrapping_mul(7) ^ 0x3c).collect())
}

/// RFC 3962, appendix B, the first string-to-key: what PBKDF2 gives, derived with the constant "kerberos". The derived key
/// is seen by what it enciphers, which is Python's answer.
#[test]
fn keys_are_derived_as_rfc_3962_has_it() {
    let rig = Rig::new();
    let pbkdf2 = "CDEDB5281BB2F801565A1122B25635150AD1F7A04BB9F3A333ECC0E2E1F70837";
    let constant = *b"kerberos{\x9b[+\x93\x13+\x93\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for (etype, length, expected) in [
        (Etype::Aes128Sha1, 16, "4005C775EC64FED9C5D9B873758A5C7C"),
        (Etype::Aes256Sha1, 32, "167F442E80C83B2B47086CDA9B1909EF"),
    ] {
        let name = label(&format!("RFC.E{}", etype.number()));
        let base = ClearKey::from_slice(&HEXUPPER.decode(pbkdf2.as_bytes()).unwrap()[..length]);
        rig.icsf.add_kerberos_key(&name, etype, Some(&base)).unwrap();
        let key = rig.icsf.kerberos_key(&name).unwrap();
        let key = key.derive(&Derivation::AesCbc(&constant[..length]), DerivedUse::Cipher(length)).unwrap();
        let mut block = [0; 16];
        key.encipher_cbc(&[0; 16], &mut block).unwrap();
        assert_eq!(HEXUPPER.encode(&block), expected);
        key.decipher_cbc(&[0; 16], &mut block).unwrap();
        assert_eq!(block, [0; 16]);
    }
}

#[test]
fn a_token_has_the_bytes_that_are_documented() {
    let rig = rig();
    let bytes = rig.icsf.csnbkrr2(&label("A.KRB")).unwrap().value.encode();
    assert_eq!((bytes.len(), bytes[3]), (98, 98));
    // Wrapped under the AES-MK by RFC 3394; 26 bytes of associated data; 336 bits of payload.
    assert_eq!((bytes[8], bytes[9], bytes[26], bytes[33], &bytes[38..40]), (3, 1, 0xf1, 26, &[1, 0x50][..]));
    // AES, DKYGENKY, two usage fields: of Kerberos, etype 18; three management fields: no export, complete, no history.
    assert_eq!(HEXUPPER.encode(&bytes[41..56]), "02000902F112000003000000000000");
    // 256 bits, and 40 bytes of wrapped key.
    assert_eq!(bytes[56..58], [1, 0]);
    let KeyToken::Variable(token) = KeyToken::parse(&bytes).unwrap() else { panic!("not variable") };
    assert_eq!((token.etype(), token.key_type(), token.encode()), (Some(ETYPE), KeyType::DKYGENKY, bytes));
}

#[test]
fn what_is_no_kerberos_token_is_refused() {
    let rig = rig();
    let bytes = rig.icsf.csnbkrr2(&label("A.KRB")).unwrap().value.encode();
    for (at, byte) in
        [(41, 1), (41, 3), (42, 1), (43, 1), (43, 2), (44, 1), (45, 0), (45, 0xf0), (46, 0), (46, 17), (46, 21)]
    {
        let mut changed = bytes.to_vec();
        changed[at] = byte;
        let parsed = KeyToken::parse(&changed);
        assert!(parsed.is_err(), "X'{byte:02X}' at {at}: {parsed:?}");
    }
    // A key of another etype of the same length is told from it by the MAC of its record alone; a clear one by the layout.
    let mut clear = bytes.to_vec();
    (clear[8], clear[9], clear[26]) = (1, 0, 0);
    assert!(KeyToken::parse(&clear).is_err());
}

#[test]
fn every_etype_is_made_at_random_and_from_a_key() {
    let rig = Rig::new();
    for etype in Etype::ALL {
        let name = |how| format!("{how}{}.KRB", etype.number());
        for how in ["ONE", "TWO"] {
            rig.icsf.add_kerberos_key(&label(&name(how)), etype, None).unwrap();
        }
        let key = clear(etype.key_length());
        for how in ["CLEAR", "SAME"] {
            rig.icsf.add_kerberos_key(&label(&name(how)), etype, Some(&key)).unwrap();
        }
        let made = ["ONE", "TWO", "CLEAR", "SAME"].map(|how| ticket(&rig.icsf, &name(how)).unwrap());
        assert_ne!(made[0], made[1]);
        assert_ne!(made[0], made[2]);
        assert_eq!(made[2], made[3]);
        assert_eq!(rig.icsf.kerberos_key(&label(&name("ONE"))).unwrap().etype(), etype);
        for length in [0, 8, 15, 17, 24, 31, 33, 48 - etype.key_length()] {
            let result = rig.icsf.add_kerberos_key(&label("NEW"), etype, Some(&clear(length)));
            let error = refused(result, Code::LengthNotValid, (8, 72, 72));
            assert!(error.cause().why().contains(etype.name()), "{error}");
        }
    }
    let result = rig.icsf.add_kerberos_key(&label("ONE18.KRB"), ETYPE, None);
    assert_eq!(
        (result.as_ref().unwrap_err().code(), result.unwrap_err().cause().service()),
        (Code::LabelExists, Some("CSNBKRC2"))
    );
}

#[test]
fn a_key_is_added_whole_or_not_at_all() {
    let rig = Rig::new();
    let before = rig.rows();
    let mut failed = 0;
    for call in 1..=8 {
        rig.faulty.set_plan(Plan::new().fail_call(call, EngineErrorKind::Unavailable));
        let name = label(&format!("K{call}.KRB"));
        let clear = (call % 2 == 0).then(|| clear(32));
        match rig.icsf.add_kerberos_key(&name, ETYPE, clear.as_ref()) {
            Ok(_) => {
                rig.faulty.set_plan(Plan::new());
                rig.icsf.csnbkrd(&["LABEL-DL"], &name).unwrap();
            }
            Err(error) => {
                failed += 1;
                assert_eq!(error.code(), Code::EngineUnavailable, "{error}");
                let rows: Vec<_> = rig.rows().into_keys().collect();
                assert_eq!(rows, before.keys().cloned().collect::<Vec<_>>(), "call {call}");
            }
        }
    }
    assert!(failed >= 2, "{failed}");
    let fixed = Rig::bare(std::sync::Arc::new(MemoryStore::default()), KdsFormat::Fixed);
    set_master_key(&fixed.icsf, MasterKeyKind::Aes, 1);
    refused(fixed.icsf.add_kerberos_key(&label("A.KRB"), ETYPE, None), Code::VariableTokenRefused, (12, 0, 0));
}

#[test]
fn each_service_refuses_keys_that_are_not_for_it() {
    let rig = rig();
    let icsf = &rig.icsf;
    add_one_of_each(icsf);
    for name in ["A.DES", "B.HMAC", "C.CLEAR"] {
        let error = icsf.kerberos_key(&label(name)).map(drop).unwrap_err();
        assert_eq!((error.code(), error.cause().service()), (Code::WrongKeyType, Some("CSNBDKG2")), "{error}");
    }
    let error = |result: Result<_, Error>| result.map(drop).unwrap_err();
    assert_eq!(error(encipher(icsf, &mut id("A.KRB"))).code(), Code::WrongKeyType);
    let no_hmac = authenticate(icsf, &mut id("A.KRB")).unwrap_err();
    assert_eq!(no_hmac.code(), Code::KeyUsageViolation);
    assert!(no_hmac.cause().why().contains("the key of a Kerberos principal"), "{no_hmac}");
    for (rules, code) in [
        (["DES", "GENERATE"], Code::WrongKeyType),
        (["HMAC", "GENERATE"], Code::RuleCombinationNotValid),
        (["AES", "GENERATE"], Code::NotOnThisEngine),
    ] {
        assert_eq!(icsf.csnbkyt2(&mut id("A.KRB"), &rules).unwrap_err().code(), code, "{rules:?}");
    }
    // Its skeleton is none for keys that CSNBKGN2 and CSNBKPI2 make.
    let token = icsf.csnbkrr2(&label("A.KRB")).unwrap().value;
    let mut bytes = token.encode()[..56].to_vec();
    (bytes[3], bytes[8], bytes[9], bytes[26]) = (56, 0, 0, 0);
    bytes[10..18].fill(0);
    bytes[38..40].fill(0);
    let skeleton = || KeyToken::parse(&bytes).unwrap();
    assert_eq!(icsf.csnbkgn2(&["HMAC", "OP"], 256, skeleton()).unwrap_err().code(), Code::GeneratedKeyNotValid);
    let part = ClearKey::new(vec![1; 32]);
    let entered = icsf.csnbkpi2(&["HMAC", "FIRST"], Some(&part), &mut skeleton().into());
    assert_eq!(entered.unwrap_err().code(), Code::WrongTokenClass);
    // CSNBKTC2 brings it under another master key as any token.
    icsf.csnbktc2(&["RTCMK", "AES"], copy(&token)).unwrap();
    assert_eq!(icsf.csnbktc2(&["RTCMK", "HMAC"], token).unwrap_err().code(), Code::KeyUsageViolation);
}

#[test]
fn what_an_etype_does_not_derive_is_a_violation_of_use() {
    let rig = rig();
    let key = rig.icsf.kerberos_key(&label("A.KRB")).unwrap();
    for (how, into) in [
        (Derivation::Hmac(ETYPE.hash(), b"label"), DerivedUse::Cipher(32)),
        (Derivation::AesCbc(&[1; 16]), DerivedUse::Cipher(32)),
        (Derivation::AesCbc(&[1; 32]), DerivedUse::Mac(20)),
    ] {
        let error = key.derive(&how, into).map(drop).unwrap_err();
        assert_eq!((error.code(), error.cause().service()), (Code::KeyUsageViolation, Some("CSNBDKG2")), "{error}");
        assert_eq!(error.cause().label(), Some(&label("A.KRB")));
    }
    let cipher = key.derive(&how(ETYPE), DerivedUse::Cipher(32)).unwrap();
    let error = cipher.hmac(ETYPE.hash(), b"", &mut [0; 64]).unwrap_err();
    assert_eq!((error.code(), error.cause().service()), (Code::NotOnThisEngine, Some("CSNBHMG")), "{error}");
    let error = cipher.decipher_cbc(&[0; 16], &mut [0; 15]).unwrap_err();
    assert_eq!((error.code(), error.cause().service()), (Code::NotOnThisEngine, Some("CSNBSYD")), "{error}");
}

#[test]
fn records_are_listed_verified_exported_and_imported() {
    let rig = rig();
    let entries = rig.icsf.csfkdsl(&["CKDS", "LABELS", "ALL"], &"*".parse().unwrap(), 9, None).unwrap().value.1;
    let content = entries[0].content.as_ref().unwrap();
    assert_eq!(
        (entries[0].key.key_type(), content.key),
        (KeyType::DKYGENKY, Some((KeyAlgorithm::Kerberos(ETYPE), 32)))
    );
    assert!(matches!(content.protection, Protection::Wrapped(MasterKeyKind::Aes, _)));
    assert_eq!(KeyAlgorithm::Kerberos(ETYPE).to_string(), "AES");
    let verified = rig.icsf.verify_ckds().unwrap();
    assert_eq!((verified.good, verified.unchecked, verified.bad.len()), (1, 0, 0));
    let mut export = Vec::new();
    rig.icsf.export_ckds(&mut export).unwrap();
    let right = ticket(&rig.icsf, "A.KRB").unwrap();
    // Into an empty CKDS, and into one that has keys of its own.
    for own in [false, true] {
        let other = Rig::bare(std::sync::Arc::new(MemoryStore::default()), KdsFormat::Kdsr);
        set_master_key(&other.icsf, MasterKeyKind::Aes, 0x11);
        if own {
            other.icsf.add_kerberos_key(&label("B.KRB"), Etype::Aes128Sha2, None).unwrap();
        }
        other.icsf.import_ckds(&mut export.as_slice()).unwrap();
        assert_eq!(ticket(&other.icsf, "A.KRB").unwrap(), right);
    }
}

fn derivations(rig: &Rig, icsf: &Icsf) -> u64 {
    rig.meter.take();
    ticket(icsf, "A.KRB").unwrap();
    rig.meter.counts().derivations
}

#[test]
fn derived_keys_stay_open_with_the_key_and_go_with_it() {
    let rig = rig();
    let icsf = &rig.icsf;
    let right = ticket(icsf, "A.KRB").unwrap();
    assert_eq!(derivations(&rig, icsf), 0);
    let id = icsf.kerberos_key(&label("A.KRB")).unwrap().id();
    assert_eq!(icsf.kerberos_key(&label("A.KRB")).unwrap().id(), id);

    // The engine goes: the very next request fails, and nothing is open any more.
    let card = rig.slot.remove().unwrap();
    refused(ticket(icsf, "A.KRB"), Code::EngineUnavailable, (12, 0, 338));
    assert_eq!(rig.meter.counts().handles_open, 0);
    rig.slot.insert(card);
    assert_eq!(derivations(&rig, icsf), 2);
    assert_ne!(icsf.kerberos_key(&label("A.KRB")).unwrap().id(), id);

    // The operator takes it away.
    icsf.engine_offline().unwrap();
    refused(ticket(icsf, "A.KRB"), Code::EngineUnavailable, (12, 0, 338));
    assert_eq!(rig.meter.counts().handles_open, 0);
    icsf.engine_online().unwrap();
    assert_eq!(derivations(&rig, icsf), 2);

    // The master key is changed; so it is for whoever has looked on.
    let another = rig.another();
    assert_eq!(ticket(&another, "A.KRB").unwrap(), right);
    change_master_key(icsf, MasterKeyKind::Aes, 0x22);
    assert_eq!(derivations(&rig, icsf), 2);
    assert_eq!(derivations(&rig, &another), 2);
    assert_eq!(ticket(icsf, "A.KRB").unwrap(), right);

    // Another key under the same label.
    icsf.csnbkrd(&["LABEL-DL"], &label("A.KRB")).unwrap();
    icsf.add_kerberos_key(&label("A.KRB"), ETYPE, None).unwrap();
    assert_eq!(derivations(&rig, icsf), 2);
    assert_ne!(ticket(icsf, "A.KRB").unwrap(), right);
}

#[test]
fn tickets_are_made_while_the_master_key_is_changed() {
    let rig = rig();
    let right = ticket(&rig.icsf, "A.KRB").unwrap();
    for n in 0..40 {
        rig.icsf.add_kerberos_key(&label(&format!("K{n}.KRB")), ETYPE, None).unwrap();
    }
    load_master_key(&rig.icsf, MasterKeyKind::Aes, 0x33);
    let mut seen = 0;
    let other = rig.another();
    rig.icsf
        .change_master_key(MasterKeyKind::Aes, &mut |_| {
            seen += 1;
            assert_eq!(ticket(&other, "A.KRB").unwrap(), right);
        })
        .unwrap();
    assert!(seen > 0);
    assert_eq!(ticket(&rig.icsf, "A.KRB").unwrap(), right);
}

#[test]
fn derived_keys_that_stay_open_are_bounded() {
    let rig = rig();
    let key = rig.icsf.kerberos_key(&label("A.KRB")).unwrap();
    for n in 0..1500_u32 {
        let mut blocks = [0; 32];
        blocks[..4].copy_from_slice(&n.to_be_bytes());
        key.derive(&Derivation::AesCbc(&blocks), DerivedUse::Mac(32)).unwrap();
    }
    // With the key itself, and the one that authenticates records.
    assert_eq!(rig.meter.counts().handles_open, 1024 + 2);
}

#[test]
fn a_request_that_fails_midway_names_what_it_did() {
    let rig = rig();
    let key = rig.icsf.kerberos_key(&label("A.KRB")).unwrap();
    let derived = key.derive(&how(ETYPE), DerivedUse::Cipher(32)).unwrap();
    rig.faulty.set_plan(Plan::new().fail_all(EngineErrorKind::Unavailable));
    for (result, service) in [
        (key.derive(&how(ETYPE), DerivedUse::Mac(32)).map(drop), "CSNBDKG2"),
        (derived.encipher_cbc(&[0; 16], &mut [0; 16]), "CSNBSYE"),
        (derived.decipher_cbc(&[0; 16], &mut [0; 16]), "CSNBSYD"),
    ] {
        let error = refused(result, Code::EngineUnavailable, (12, 0, 338));
        assert_eq!((error.cause().service(), error.cause().label()), (Some(service), Some(&label("A.KRB"))), "{error}");
        assert!(error.cause().engine().is_some(), "{error:?}");
    }
}
