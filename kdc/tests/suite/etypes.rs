//! Which encryption type is used for what, and which version of a key.

use std::sync::Arc;

use icsf_core::ClearKey;
use icsf_core::backend::Etype::{self, Aes128Sha1, Aes128Sha2, Aes256Sha1, Aes256Sha2};
use icsf_core::backend::{
    Backend, BackendState, EngineError, EngineErrorKind, EngineInfo, KeyHandle, KeySpec, MasterKeyKind, MasterKeys,
    Register, RegisterChange, WrappedKey,
};
use icsf_saf::model::PrincipalFlag;
use rasn_kerberos as wire;

use crate::client::{Ask, ask, tgs};
use crate::support::Site;

const ALL: [Etype; 4] = [Aes256Sha2, Aes256Sha1, Aes128Sha2, Aes128Sha1];

/// A realm whose principals have keys of all types, the strongest first.
fn site() -> Site {
    let site = Site::new();
    site.add("alice", &ALL, &[]);
    site.add("krbtgt/EXAMPLE.COM", &ALL, &[]);
    site.add("host/boston.example.com", &ALL, &[]);
    site
}

fn hints(site: &Site, etypes: &[i32]) -> Vec<(i32, Option<String>)> {
    let refused = Ask { preauth: false, ..ask().etypes(etypes) }.initial(site).unwrap_err();
    assert_eq!(refused.code, 25);
    let methods: wire::MethodData = rasn::der::decode(&refused.data).unwrap();
    let kinds: Vec<i32> = methods.iter().map(|data| data.r#type).collect();
    assert_eq!(kinds, [19, 2], "A01");
    let info: wire::EtypeInfo2 = rasn::der::decode(&methods[0].value).unwrap();
    let salt = |salt: rasn::types::GeneralString| String::from_utf8(salt.into_vec()).unwrap();
    info.into_iter().map(|entry| (entry.etype, entry.salt.map(salt))).collect()
}

#[test]
fn hints_are_the_clients_types_in_its_order_with_salts() {
    let site = site();
    let salted = |etype: i32| (etype, Some("EXAMPLE.COMalice".to_owned()));
    assert_eq!(hints(&site, &[23, 18, 3]), [salted(18)]);
    assert_eq!(hints(&site, &[17, 20, 17, 18]), [salted(17), salted(20), salted(18)]);
    site.change("alice", |alice| alice.keys[1].salt = "EXAMPLE.COMbefore".to_owned());
    assert_eq!(hints(&site, &[18]), [(18, Some("EXAMPLE.COMbefore".to_owned()))]);
}

/// T01, T45, T46: the session key is of the client's first type that the server knows, the ticket of the server's strongest.
#[test]
fn ticket_session_and_reply_have_types_of_their_own() {
    let site = site();
    for first in ALL.map(Etype::number) {
        let tgt = ask().etypes(&[first, 18]).initial(&site).unwrap();
        let session = icsf_kdc::crypto::BaseKey::etype(&tgt.session).number();
        assert_eq!((tgt.reply_etype, session, tgt.ticket.enc_part.etype), (first, first, 20));
        assert_eq!(tgt.padata, [19], "the reply says which key it is");
        for second in ALL.map(Etype::number) {
            let host = tgs().etypes(&[second]).with(&site, &tgt).unwrap();
            let session = icsf_kdc::crypto::BaseKey::etype(&host.session).number();
            assert_eq!((session, host.ticket.enc_part.etype), (second, 20));
        }
    }
    site.add("host/boston.example.com", &[Aes128Sha1], &[]);
    let tgt = ask().initial(&site).unwrap();
    let host = tgs().etypes(&[18, 17]).with(&site, &tgt).unwrap();
    assert_eq!(icsf_kdc::crypto::BaseKey::etype(&host.session), Aes128Sha1, "the server knows no other");
    assert_eq!(tgs().etypes(&[18]).with(&site, &tgt).unwrap_err().code, 14);
}

#[test]
fn a_subkey_of_any_type_protects_the_reply() {
    let site = site();
    let tgt = ask().initial(&site).unwrap();
    for etype in ALL {
        Ask { subkey: Some(etype), ..tgs() }.with(&site, &tgt).unwrap();
    }
}

/// A client whose keys are not of the type it proves itself with.
#[test]
fn proof_by_a_key_that_there_is_not() {
    let site = Site::new();
    assert_eq!(ask().etypes(&[17]).initial(&site).unwrap_err().code, 14);
    assert_eq!(ask().etypes(&[17, 18]).initial(&site).unwrap_err().code, 14);
    site.flag("alice", PrincipalFlag::NoPreauth, true);
    let unproven = Ask { preauth: false, ..ask().etypes(&[17, 18]) }.initial(&site).unwrap();
    assert_eq!(unproven.reply_etype, 18);
    site.change("alice", |alice| alice.keys.clear());
    assert_eq!(ask().initial(&site).unwrap_err().code, 9, "defined, and no password set yet");
}

/// The key of krbtgt is changed: tickets under the old one are good as long as it is kept.
#[test]
fn tickets_name_the_version_of_their_key() {
    let site = Site::new();
    let name = "krbtgt/EXAMPLE.COM".parse().unwrap();
    let old = ask().initial(&site).unwrap();
    let new = site.key(&name, 2, Aes256Sha1, None);
    site.change("krbtgt/EXAMPLE.COM", |krbtgt| krbtgt.keys.insert(0, new));
    let newer = ask().initial(&site).unwrap();
    assert_eq!((old.ticket.enc_part.kvno, newer.ticket.enc_part.kvno), (Some(1), Some(2)));
    tgs().with(&site, &old).unwrap();
    tgs().with(&site, &newer).unwrap();
    // A ticket that does not name it is tried with each.
    let mut unnamed = old;
    unnamed.ticket.enc_part.kvno = None;
    tgs().with(&site, &unnamed).unwrap();
    unnamed.ticket.enc_part.kvno = Some(2);
    assert_eq!(tgs().with(&site, &unnamed).unwrap_err().code, 31);
    unnamed.ticket.enc_part.kvno = Some(1);
    site.change("krbtgt/EXAMPLE.COM", |krbtgt| drop(krbtgt.keys.pop()));
    assert_eq!(tgs().with(&site, &unnamed).unwrap_err().code, 44);
    unnamed.ticket.enc_part.etype = 17;
    unnamed.ticket.enc_part.kvno = Some(2);
    assert_eq!(tgs().with(&site, &unnamed).unwrap_err().code, 45);
}

/// An engine that does nothing with keys of one etype, as a token may.
#[derive(Debug)]
struct Without(Etype, Arc<dyn Backend>);

impl Backend for Without {
    fn open(&self, key: &WrappedKey) -> Result<Box<dyn KeyHandle>, EngineError> {
        if key.spec() == KeySpec::kerberos(self.0) {
            return Err(EngineError::new(EngineErrorKind::Unsupported(key.spec())));
        }
        self.1.open(key)
    }

    fn info(&self) -> EngineInfo {
        self.1.info()
    }

    fn state(&self) -> BackendState {
        self.1.state()
    }

    fn attach(&self) -> Result<(), EngineError> {
        self.1.attach()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.1.random(bytes)
    }

    fn master_keys(&self) -> Result<MasterKeys, EngineError> {
        self.1.master_keys()
    }

    fn change_register(&self, kind: MasterKeyKind, change: RegisterChange<'_>) -> Result<(), EngineError> {
        self.1.change_register(kind, change)
    }

    fn generate(&self, spec: KeySpec) -> Result<WrappedKey, EngineError> {
        self.1.generate(spec)
    }

    fn wrap(&self, spec: KeySpec, key: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.1.wrap(spec, key)
    }

    fn add_part(&self, key: &WrappedKey, part: &ClearKey) -> Result<WrappedKey, EngineError> {
        self.1.add_part(key, part)
    }

    fn rewrap(&self, key: &WrappedKey, to: Register) -> Result<WrappedKey, EngineError> {
        self.1.rewrap(key, to)
    }
}

/// Keys made where all types could be used, in an engine that cannot: the next type is taken.
#[test]
fn keys_that_the_engine_cannot_use_are_passed_over() {
    let site = site();
    site.add("nfs/boston.example.com", &[Aes256Sha2], &[]);
    site.replace(|engine| Arc::new(Without(Aes256Sha2, engine)));
    let salted = |etype: i32| (etype, Some("EXAMPLE.COMalice".to_owned()));
    assert_eq!(hints(&site, &[20, 18]), [salted(18)]);
    let tgt = ask().etypes(&[18, 20]).initial(&site).unwrap();
    assert_eq!((tgt.reply_etype, tgt.ticket.enc_part.etype), (18, 18));
    assert_eq!(tgs().with(&site, &tgt).unwrap().ticket.enc_part.etype, 18);
    assert_eq!(tgs().server("nfs/boston.example.com").etypes(&[20]).with(&site, &tgt).unwrap_err().code, 14);
    assert_eq!(Ask { preauth: false, ..ask().etypes(&[20]) }.initial(&site).unwrap_err().code, 14);
}
