//! Every callable service, each in a call that works, with what it takes to work.

use icsf_core::backend::Etype;
use icsf_core::{ClearKey, Error, Icsf, KeyIdentifier, KeyToken};

use crate::support::{
    Rig, SKELETON, add_one_of_each, authenticate, clear_hmac_token, copy, des_key, des_token, encipher, hmac_key,
    hmac_token, id, label, skeleton, ticket,
};

/// What a service takes besides ICSF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// An engine with the DES-MK.
    DesMasterKey,
    /// An engine with the AES-MK.
    AesMasterKey,
    /// An engine, whatever master keys it holds.
    Registers,
    /// An engine that holds the master keys of the CKDS.
    Engine,
}

/// A system with one record of each kind, and tokens outside it.
pub(crate) struct Ready {
    pub(crate) rig: Rig,
    des: KeyToken,
    hmac: KeyToken,
    clear: KeyToken,
    skeleton: KeyToken,
    partial: KeyToken,
}

impl Ready {
    pub(crate) fn new() -> Self {
        let rig = Rig::new();
        add_one_of_each(&rig.icsf);
        rig.icsf.add_kerberos_key(&label("E.KRB"), Etype::Aes256Sha1, None).unwrap();
        let icsf = &rig.icsf;
        let mut partial = KeyIdentifier::Token(skeleton(icsf));
        icsf.csnbkpi2(&["HMAC", "FIRST", "MIN2PART"], Some(&ClearKey::new(hmac_key(9))), &mut partial).unwrap();
        let (des, hmac, clear) = (des_token(icsf, 7), hmac_token(icsf, 8), clear_hmac_token(icsf, 9));
        let (skeleton, partial) = (skeleton(icsf), crate::support::token_of(partial));
        Self { rig, des, hmac, clear, skeleton, partial }
    }
}

type Call = fn(&Icsf, &Ready) -> Result<(), Error>;

fn token(token: &KeyToken) -> KeyIdentifier {
    KeyIdentifier::Token(copy(token))
}

/// Name, what it needs, the call. None of them writes what another reads.
pub(crate) const ALL: &[(&str, Needs, Call)] = &[
    ("CSNBENC by label", Needs::DesMasterKey, |icsf, _| encipher(icsf, &mut id("A.DES")).map(drop)),
    ("CSNBENC by token", Needs::DesMasterKey, |icsf, ready| encipher(icsf, &mut token(&ready.des)).map(drop)),
    ("CSNBENC opened", Needs::DesMasterKey, |icsf, _| icsf.csnbenc_key(&label("A.DES"))?.encipher(&mut [[0; 8]; 3])),
    ("CSNBDEC", Needs::DesMasterKey, |icsf, _| {
        icsf.csnbdec(&mut id("A.DES"), &["CBC"], &[0; 16], &[0; 8], &mut [0; 18]).map(drop)
    }),
    ("CSNBHMG by label", Needs::AesMasterKey, |icsf, _| authenticate(icsf, &mut id("B.HMAC")).map(drop)),
    ("CSNBHMG by token", Needs::AesMasterKey, |icsf, ready| authenticate(icsf, &mut token(&ready.hmac)).map(drop)),
    ("CSNBHMG opened", Needs::AesMasterKey, |icsf, _| {
        let key = icsf.csnbhmg_key(&label("B.HMAC"), icsf_core::backend::HashAlgorithm::Sha512)?;
        key.hmac(&[b"one", b"two"], &mut [[0; 64]; 2])
    }),
    ("CSNBHMG with a clear key", Needs::Nothing, |icsf, _| authenticate(icsf, &mut id("C.CLEAR")).map(drop)),
    ("CSNBHMV", Needs::AesMasterKey, |icsf, ready| {
        icsf.csnbhmv(&mut token(&ready.hmac), &["HMAC", "SHA-1"], b"text", &mut [0; 128], &[0; 20]).map(drop)
    }),
    ("CSNBDKG2 of a principal", Needs::AesMasterKey, |icsf, _| ticket(icsf, "E.KRB").map(drop)),
    ("CSNBKGN", Needs::DesMasterKey, |icsf, _| icsf.csnbkgn("OP", "SINGLE", "DATA").map(drop)),
    ("CSNBKGN2", Needs::AesMasterKey, |icsf, ready| {
        icsf.csnbkgn2(&["HMAC", "OP"], 512, copy(&ready.skeleton)).map(drop)
    }),
    ("CSNBCKI", Needs::DesMasterKey, |icsf, _| icsf.csnbcki(&ClearKey::from_slice(&des_key(1))).map(drop)),
    ("CSNBKPI2 FIRST", Needs::AesMasterKey, |icsf, ready| {
        let part = ClearKey::new(hmac_key(1));
        icsf.csnbkpi2(&["HMAC", "FIRST"], Some(&part), &mut token(&ready.skeleton)).map(drop)
    }),
    ("CSNBKPI2 ADD-PART", Needs::AesMasterKey, |icsf, ready| {
        let part = ClearKey::new(hmac_key(1));
        icsf.csnbkpi2(&["HMAC", "ADD-PART"], Some(&part), &mut token(&ready.partial)).map(drop)
    }),
    ("CSNBKYT2 DES", Needs::DesMasterKey, |icsf, _| icsf.csnbkyt2(&mut id("A.DES"), &["DES", "GENERATE"]).map(drop)),
    ("CSNBKYT2 HMAC", Needs::AesMasterKey, |icsf, _| icsf.csnbkyt2(&mut id("B.HMAC"), &["HMAC", "GENERATE"]).map(drop)),
    ("CSNBKYT2 VERIFY", Needs::DesMasterKey, |icsf, _| {
        icsf.csnbkyt2_verify(&mut id("A.DES"), &["DES", "VERIFY"], &[0; 4]).map(drop)
    }),
    ("CSNBKTC2 DES", Needs::DesMasterKey, |icsf, ready| icsf.csnbktc2(&["RTCMK", "DES"], copy(&ready.des)).map(drop)),
    ("CSNBKTC2 HMAC", Needs::AesMasterKey, |icsf, ready| {
        icsf.csnbktc2(&["RTCMK", "HMAC"], copy(&ready.hmac)).map(drop)
    }),
    ("CSNBKRC2 of a DES key", Needs::DesMasterKey, |icsf, ready| {
        icsf.csnbkrc2(&label("NEW.DES"), copy(&ready.des)).map(drop)
    }),
    ("CSNBKRC2 of an HMAC key", Needs::AesMasterKey, |icsf, ready| {
        icsf.csnbkrc2(&label("NEW.HMAC"), copy(&ready.hmac)).map(drop)
    }),
    ("CSNBKRC2 of a clear key", Needs::Nothing, |icsf, ready| {
        icsf.csnbkrc2(&label("NEW.CLEAR"), copy(&ready.clear)).map(drop)
    }),
    ("CSNBKRC2 of a skeleton", Needs::Nothing, |icsf, ready| {
        icsf.csnbkrc2(&label("NEW.SKELETON"), copy(&ready.skeleton)).map(drop)
    }),
    ("CSNBKRC2 of no key", Needs::Nothing, |icsf, _| icsf.csnbkrc2(&label("NEW.NULL"), KeyToken::Null).map(drop)),
    ("CSNBKRC", Needs::Nothing, |icsf, _| icsf.csnbkrc(&label("NEW.RECORD")).map(drop)),
    ("CSNBKRW", Needs::DesMasterKey, |icsf, ready| icsf.csnbkrw(copy(&ready.des), &label("A.DES")).map(drop)),
    ("CSNBKRW2", Needs::AesMasterKey, |icsf, ready| icsf.csnbkrw2(&label("B.HMAC"), copy(&ready.hmac)).map(drop)),
    ("CSNBKRW2 of a clear key", Needs::Nothing, |icsf, ready| {
        icsf.csnbkrw2(&label("C.CLEAR"), copy(&ready.clear)).map(drop)
    }),
    ("CSNBKRR", Needs::Nothing, |icsf, _| icsf.csnbkrr(&label("A.DES")).map(drop)),
    ("CSNBKRR2", Needs::Nothing, |icsf, _| icsf.csnbkrr2(&label("B.HMAC")).map(drop)),
    ("CSNBKRD of the token", Needs::Nothing, |icsf, _| icsf.csnbkrd(&["TOKEN-DL"], &label("D.NULL")).map(drop)),
    ("CSNBKRD of the record", Needs::Nothing, |icsf, _| icsf.csnbkrd(&["LABEL-DL"], &label("D.NULL")).map(drop)),
    ("CSFKDSL", Needs::Nothing, |icsf, _| {
        icsf.csfkdsl(&["CKDS", "LABELS", "ALL"], &icsf_core::label::LabelPattern::any(), 9, None).map(drop)
    }),
    ("CSNBKTB2", Needs::Nothing, |icsf, _| icsf.csnbktb2(&SKELETON, None, None).map(drop)),
    ("CSNBOWH", Needs::Nothing, |icsf, _| icsf.csnbowh(&["SHA-512"], b"text", &mut [0; 128]).map(drop)),
    ("CSNBRNGL", Needs::Nothing, |icsf, _| icsf.csnbrngl(&["RANDOM"], 32).map(drop)),
    ("CSFIQF ICSFSTAT", Needs::Nothing, |icsf, _| icsf.csfiqf(&["ICSFSTAT"]).map(drop)),
    ("CSFIQF STATAES", Needs::Registers, |icsf, _| icsf.csfiqf(&["STATAES"]).map(drop)),
    ("KGUP ADD of a DES key", Needs::DesMasterKey, |icsf, ready| icsf.kgup_add(&label("KGUP.DES"), copy(&ready.des))),
    ("KGUP ADD of a clear key", Needs::Nothing, |icsf, ready| icsf.kgup_add(&label("KGUP.CLEAR"), copy(&ready.clear))),
    ("KGUP DELETE", Needs::Nothing, |icsf, _| icsf.kgup_delete(&label("B.HMAC"))),
    ("REFRESH", Needs::Nothing, |icsf, _| icsf.refresh_ckds()),
    ("REENCIPHER", Needs::Engine, |icsf, _| icsf.reencipher(&mut |_| {}).map(drop)),
];
