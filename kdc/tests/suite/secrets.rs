//! No text that a public type of this crate makes holds a key, a password or a ticket; and no type is forgotten.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use data_encoding::{HEXLOWER, HEXUPPER};
use icsf_core::ClearKey;
use icsf_core::backend::{Derivation, DerivedUse, Etype};
use icsf_core::clock::Clock;
use icsf_core::random::{SeededRandom, SystemRandom};
use icsf_kdc::client::Client;
use icsf_kdc::codes::ErrorCode;
use icsf_kdc::crypto::{BaseKey, CryptoError, SessionKey, string_to_key};
use icsf_kdc::keytab::{Entry, write};
use icsf_kdc::kpasswd::{Change, PasswordRequest, PasswordService};
use icsf_kdc::lifetime::Asked;
use icsf_kdc::server::{Limits, Origin, Server, Service, Transport, loopback};
use icsf_kdc::{Acceptor, CkdsKeys, Kdc, KeytabKeys};

use crate::client::{ApRequest, ap_req, ask};
use crate::gss;
use crate::public_types::{with_secrets, words};
use crate::support::{HERE, PASSWORD, REALM, Site, key_of};

/// Texts, in both ways in which a value is printed, and the words in the names of their types.
#[derive(Default)]
struct Texts(Vec<String>, BTreeSet<String>);

impl Texts {
    fn debug<T: Debug + ?Sized>(&mut self, value: &T) {
        self.1.extend(words(std::any::type_name::<T>()).map(str::to_owned));
        self.0.extend([format!("{value:?}"), format!("{value:#?}")]);
    }

    /// Whether 6 bytes in a row can be read: as characters, in hexadecimal, or as a list of numbers.
    fn reveal(&self, secret: &[u8]) -> bool {
        let flat = |text: &String| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let texts: Vec<String> = self.0.iter().map(flat).collect();
        secret.windows(6).any(|bytes| {
            let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
            let mut prints = vec![HEXLOWER.encode(bytes), HEXUPPER.encode(bytes), list];
            prints.extend(str::from_utf8(bytes).map(str::to_owned));
            texts.iter().any(|text| prints.iter().any(|print| text.contains(print)))
        })
    }
}

#[test]
fn no_text_holds_a_secret() {
    let mut texts = Texts::default();
    let site = Site::new();
    let credentials = ask().server("kadmin/changepw").initial(&site).unwrap();
    texts.debug(&(&site.kdc, site.kdc.settings()));
    for request in [ask().as_req(site.clock.now()), ask().client("nobody").as_req(site.clock.now()), vec![0x6a]] {
        let answer = site.handle(&request);
        texts.debug(&answer.outcome);
        texts.debug(&answer.outcome.result);
        texts.debug(&answer);
    }
    struct Silent;
    impl Service for Silent {
        fn answer(&self, _request: &[u8], _origin: &Origin) -> Option<Vec<u8>> {
            None
        }

        fn refuse(&self, _code: ErrorCode) -> Vec<u8> {
            Vec::new()
        }
    }
    texts.debug(&Server::start(loopback(0), Arc::new(Silent), Limits::default()).unwrap());
    texts.debug(&Origin { peer: loopback(1), local: loopback(88), transport: Transport::Udp });
    texts.debug(&Asked::default());

    let session = &credentials.session;
    texts.debug(session);
    let into = DerivedUse::Cipher(32);
    texts.debug(&BaseKey::derive(session, &Derivation::AesCbc(&[0; 32]), into).unwrap());
    let derived = || BaseKey::derive(session, &Derivation::AesCbc(&[0; 32]), into).unwrap();
    if let icsf_kdc::crypto::Derived::InProcess(key) = derived() {
        texts.debug(&key);
    }
    let short = SessionKey::new(Etype::Aes128Sha1, &key_of(&"alice".parse().unwrap(), Etype::Aes256Sha1));
    texts.debug::<CryptoError>(&short.unwrap_err());
    let registry = site.saf.database().view().unwrap();
    let alice = registry.principal(&"alice".parse().unwrap()).unwrap();
    let held = site.icsf.kerberos_key(&alice.keys[0].label).unwrap();
    texts.debug(&held);
    texts.debug(&BaseKey::derive(&held, &Derivation::AesCbc(&[0; 32]), into).unwrap());

    let keys = CkdsKeys { icsf: &site.icsf, registry: &registry };
    texts.debug(&keys);
    let numbering = site.icsf.reason_codes();
    let acceptor = Acceptor { realm: REALM, keys: &keys, replays: site.kdc.replays(), numbering, skew: 300 };
    texts.debug(&acceptor);
    let subkey = SessionKey::new(Etype::Aes256Sha1, &ClearKey::new((100..132).collect())).unwrap();
    let request = ap_req(
        site.clock.now(),
        &credentials,
        ApRequest {
            ticket: credentials.ticket.clone(),
            client: credentials.client.clone(),
            checksum: None,
            subkey: Some(&subkey),
            usage: 11,
        },
    );
    let request = rasn::der::encode(&request).unwrap();
    texts.debug(&acceptor.accept(&request, Some(HERE), site.clock.now()).unwrap());
    texts.debug(&acceptor.accept(&request, Some(HERE), site.clock.now()).unwrap_err());
    let bytes = [b"\0\0\0\x01\0\0", PASSWORD.as_bytes(), &request].concat();
    let asked = PasswordRequest { bytes: &bytes, peer: HERE, local: HERE, now: site.clock.now() };
    texts.debug(&asked);
    let service = PasswordService::new();
    texts.debug(&service);
    let unused = &mut |_: &Change<'_>| Ok(());
    texts.debug(&service.handle(&acceptor, &SeededRandom::new(8), &asked, unused));
    texts.debug(&Change { client: &alice.name, target: &alice.name, password: PASSWORD });

    let key = || key_of(&alice.name, Etype::Aes256Sha1);
    let entry = |key: ClearKey| Entry {
        realm: REALM.to_owned(),
        components: vec!["alice".to_owned()],
        name_type: 1,
        timestamp: 0,
        version: 1,
        etype: 18,
        key,
    };
    texts.debug(&entry(key()));
    texts.debug(&credentials);
    let client = Client { name: &alice.name, realm: REALM, now: site.clock.now(), random: &SystemRandom };
    texts.debug(&client);
    let mut kdc = |request: &[u8]| site.handle(request).reply.map(|reply| reply.to_vec());
    texts.debug(&client.initial(PASSWORD, &mut kdc).unwrap());
    texts.debug(&client.initial("alicpw", &mut kdc).unwrap_err());
    texts.debug(&write(&[entry(ClearKey::new(vec![0; 70_000]))]).unwrap_err());

    texts.debug(&KeytabKeys { realm: REALM, entries: &[entry(key())] });

    let (cred, handed) = gss::krb_cred(&site, None);
    let context = gss::accept(&site, &gss::token(&gss::ticket(&site), gss::delegating(&cred))).unwrap();
    texts.debug(&context);
    texts.debug(&context.delegated()[0]);

    // A part of what is secret is enough to tell.
    let ticket = &credentials.ticket.enc_part.cipher[..64];
    let other = string_to_key(Etype::Aes128Sha2, PASSWORD.as_bytes(), alice.name.salt(REALM).as_bytes(), None);
    let own = key();
    let delegated = [handed.session.expose(), context.delegated()[0].ticket.last_chunk::<64>().unwrap()];
    let secrets = [session.expose(), subkey.expose(), own.expose(), other.expose(), PASSWORD.as_bytes(), ticket];
    for secret in secrets.into_iter().chain(delegated) {
        assert!(!texts.reveal(secret));
        let shown = Texts(vec![format!("{secret:?}")], BTreeSet::new());
        assert!(shown.reveal(secret), "the search finds what is there");
    }
    let below: BTreeSet<String> = with_secrets(&["icsf-core", "backends", "ptkt", "saf"]);
    let mut missing = with_secrets(&["icsf-core", "backends", "ptkt", "saf", "kdc"]);
    missing.retain(|name| !below.contains(name) && !texts.1.contains(name));
    // These are of other crates, and have a word in common with types here.
    missing.retain(|name| !["Explanation", "InStorage", "Report", "Request"].contains(&name.as_str()));
    assert!(missing.is_empty(), "{missing:?}: public types that may hold a secret and were not formatted here");
    assert!(texts.1.contains(words(std::any::type_name::<Kdc>()).last().unwrap()));
}
