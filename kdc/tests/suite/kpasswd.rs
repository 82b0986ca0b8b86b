//! The password service, asked by a client that does as it should, and by some that do not.

use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_core::clock::Clock;
use icsf_core::random::SeededRandom;
use icsf_kdc::codes::ErrorCode;
use icsf_kdc::crypto::{SessionKey, decrypt, encrypt};
use icsf_kdc::kpasswd::{Change, PasswordAnswer, PasswordRequest, PasswordService, Rejected, ResultCode};
use icsf_kdc::{Acceptor, CkdsKeys};
use icsf_saf::model::PrincipalFlag;
use rasn::types::{Integer, OctetString};
use rasn::{AsnType, Encode, Encoder};
use rasn_kerberos as wire;

use crate::client::{ApRequest, Credentials, ap_req, ask, name, random, text};
use crate::support::{HERE, REALM, Site};

const CHANGE: u16 = 1;
const SET: u16 = 0xff80;
const NEW: &[u8] = b"correct horse";

/// What version X'FF80' carries.
#[derive(AsnType, Encode)]
struct ChangePasswdData {
    #[rasn(tag(explicit(0)))]
    newpasswd: OctetString,
    #[rasn(tag(explicit(1)))]
    targname: Option<wire::PrincipalName>,
    #[rasn(tag(explicit(2)))]
    targrealm: Option<wire::Realm>,
}

fn set(target: Option<&str>, realm: Option<&str>) -> Vec<u8> {
    let newpasswd = NEW.to_vec().into();
    let (targname, targrealm) = (target.map(name), realm.map(text));
    rasn::der::encode(&ChangePasswdData { newpasswd, targname, targrealm }).unwrap()
}

/// A client with a ticket for kadmin/changepw, and what its request is made of.
struct Client {
    credentials: Credentials,
    subkey: Option<SessionKey>,
    version: u16,
    data: Vec<u8>,
    sequence: Option<u32>,
    /// Another key for the KRB-PRIV.
    key: Option<SessionKey>,
}

impl Client {
    fn new(site: &Site) -> Self {
        Self {
            credentials: ask().server("kadmin/changepw").initial(site).unwrap(),
            subkey: Some(SessionKey::random(Etype::Aes256Sha1, &SeededRandom::new(5)).unwrap()),
            version: CHANGE,
            data: NEW.to_vec(),
            sequence: Some(7),
            key: None,
        }
    }

    fn shared(&self) -> &SessionKey {
        self.subkey.as_ref().unwrap_or(&self.credentials.session)
    }

    fn request(&self, site: &Site) -> Vec<u8> {
        let now = site.clock.now();
        let ap_req = ap_req(
            now,
            &self.credentials,
            ApRequest {
                ticket: self.credentials.ticket.clone(),
                client: self.credentials.client.clone(),
                checksum: None,
                subkey: self.subkey.as_ref(),
                usage: 11,
            },
        );
        let part = wire::EncKrbPrivPart {
            user_data: self.data.clone().into(),
            timestamp: None,
            usec: None,
            seq_number: self.sequence,
            sender_address: wire::HostAddress { addr_type: 2, address: vec![10, 1, 2, 3].into() },
            recipient_address: None,
        };
        let key = self.key.as_ref().unwrap_or_else(|| self.shared());
        let cipher = encrypt(key, 13, &random(), &rasn::der::encode(&part).unwrap()).unwrap();
        let enc_part = wire::EncryptedData { etype: key.etype().number(), kvno: None, cipher: cipher.into() };
        let private = wire::KrbPriv { pvno: 5.into(), msg_type: 21.into(), enc_part };
        framed(self.version, &rasn::der::encode(&ap_req).unwrap(), &rasn::der::encode(&private).unwrap())
    }

    /// The result in a reply, of which everything is checked that a client checks.
    fn read(&self, reply: &[u8]) -> (u16, String) {
        let (ap_rep, private) = unframed(reply);
        let ap_rep: wire::ApRep = rasn::der::decode(ap_rep).unwrap();
        let plain = decrypt(&self.credentials.session, 12, &ap_rep.enc_part.cipher).unwrap();
        let ap_rep: wire::EncApRepPart = rasn::der::decode(&plain).unwrap();
        assert_eq!((ap_rep.cusec, ap_rep.subkey), (Integer::from(0), None));
        let private: wire::KrbPriv = rasn::der::decode(private).unwrap();
        let plain = decrypt(self.shared(), 13, &private.enc_part.cipher).unwrap();
        let part: wire::EncKrbPrivPart = rasn::der::decode(&plain).unwrap();
        assert_eq!(part.seq_number, ap_rep.seq_number);
        assert_eq!((part.sender_address.addr_type, &*part.sender_address.address), (2, &[127, 0, 0, 1][..]));
        result(&part.user_data)
    }
}

fn framed(version: u16, ap_req: &[u8], private: &[u8]) -> Vec<u8> {
    let u16 = |number: usize| u16::try_from(number).unwrap().to_be_bytes();
    let whole = u16(6 + ap_req.len() + private.len());
    [&whole[..], &version.to_be_bytes(), &u16(ap_req.len()), ap_req, private].concat()
}

fn unframed(reply: &[u8]) -> (&[u8], &[u8]) {
    let u16 = |at: usize| usize::from(u16::from_be_bytes([reply[at], reply[at + 1]]));
    assert_eq!((u16(0), u16(2)), (reply.len(), 1));
    reply[6..].split_at(u16(4))
}

fn result(data: &[u8]) -> (u16, String) {
    let (code, text) = data.split_first_chunk().unwrap();
    (u16::from_be_bytes(*code), String::from_utf8(text.to_vec()).unwrap())
}

/// The KRB-ERROR in a reply: its code, and the result in it.
fn refused(answer: &PasswordAnswer) -> (i32, u16, String) {
    let (ap_rep, error) = unframed(answer.reply.as_ref().unwrap());
    assert!(ap_rep.is_empty());
    let error: wire::KrbError = rasn::der::decode(error).unwrap();
    assert_eq!(error.sname, wire::PrincipalName { r#type: 2, ..name("kadmin/changepw") });
    let (code, text) = result(&error.e_data.unwrap());
    (error.error_code, code, text)
}

/// The service over a site, and who let what be set.
struct Service {
    site: Site,
    service: PasswordService,
    set: Vec<(String, String, String)>,
    reject: Option<Rejected>,
}

impl Service {
    fn new() -> Self {
        Self { site: Site::new(), service: PasswordService::new(), set: Vec::new(), reject: None }
    }

    fn handle(&mut self, bytes: &[u8]) -> PasswordAnswer {
        let (icsf, registry) = (&self.site.icsf, self.site.saf.database().view().unwrap());
        let keys = CkdsKeys { icsf, registry: &registry };
        let acceptor = Acceptor {
            realm: REALM,
            keys: &keys,
            replays: self.site.kdc.replays(),
            numbering: icsf.reason_codes(),
            skew: 300,
        };
        let request = PasswordRequest { bytes, peer: HERE, local: HERE, now: self.site.clock.now() };
        let (set, reject) = (&mut self.set, &self.reject);
        let mut change = |change: &Change<'_>| {
            set.push((change.client.to_string(), change.target.to_string(), change.password.to_owned()));
            reject.clone().map_or(Ok(()), Err)
        };
        self.service.handle(&acceptor, &SeededRandom::new(3), &request, &mut change)
    }

    /// The result for a request of this client.
    fn ask(&mut self, client: &Client) -> (u16, String) {
        let answer = self.handle(&client.request(&self.site));
        client.read(&answer.reply.unwrap())
    }
}

fn own() -> (String, String, String) {
    ("alice".to_owned(), "alice".to_owned(), "correct horse".to_owned())
}

#[test]
fn a_client_sets_its_own_password_in_both_versions() {
    let mut service = Service::new();
    let success = (0, "the password is changed".to_owned());
    let client = Client::new(&service.site);
    let answer = service.handle(&client.request(&service.site));
    assert_eq!(client.read(answer.reply.as_ref().unwrap()), success);
    assert_eq!((answer.client, answer.target), (Some("alice".parse().unwrap()), Some("alice".parse().unwrap())));
    assert_eq!(answer.result.unwrap().0, ResultCode::Success);
    let without_subkey = Client { subkey: None, ..Client::new(&service.site) };
    assert_eq!(service.ask(&without_subkey), success);
    for data in [set(None, None), set(Some("alice"), None), set(Some("alice"), Some(REALM))] {
        let client = Client { version: SET, data, ..Client::new(&service.site) };
        assert_eq!(service.ask(&client), success);
    }
    assert_eq!(service.set, vec![own(); 5]);
}

#[test]
fn whether_a_client_sets_the_password_of_another_is_for_the_caller_to_say() {
    let mut service = Service::new();
    service.site.flag("kadmin/changepw", PrincipalFlag::NoTgsRequest, false);
    service.site.add("kadmin/operator", &[Etype::Aes256Sha1], &[]);
    let client = Client { version: SET, data: set(Some("kadmin/operator"), None), ..Client::new(&service.site) };
    service.reject = Some(Rejected { result: ResultCode::AccessDenied, text: "ask an administrator".to_owned() });
    assert_eq!(service.ask(&client), (5, "ask an administrator".to_owned()));
    service.reject = None;
    // The initial flag is about the own password alone.
    let tgt = ask().initial(&service.site).unwrap();
    let credentials = || ask().server("kadmin/changepw").with(&service.site, &tgt).unwrap();
    let (other, own) = (credentials(), credentials());
    let client = Client { credentials: other, version: SET, data: set(Some("bob"), Some(REALM)), ..client };
    assert_eq!(service.ask(&client).0, 0);
    let client = Client { credentials: own, version: CHANGE, data: NEW.to_vec(), ..client };
    assert_eq!(service.ask(&client), (7, "the ticket was not got with the password".to_owned()));
    let targets: Vec<&str> = service.set.iter().map(|(_, target, _)| target.as_str()).collect();
    assert_eq!(targets, ["kadmin/operator", "bob"]);
}

#[test]
fn what_the_caller_rejects_is_told_with_its_text() {
    let mut service = Service::new();
    for (result, number) in [(ResultCode::SoftError, 4), (ResultCode::AccessDenied, 5), (ResultCode::HardError, 2)] {
        let long = "é".repeat(2000);
        service.reject = Some(Rejected { result, text: long.clone() });
        let client = Client::new(&service.site);
        let (code, text) = service.ask(&client);
        assert_eq!(code, number);
        assert!(long.starts_with(&text) && (1000..=1024).contains(&text.len()), "{}", text.len());
    }
}

#[test]
fn data_that_cannot_be_read_changes_nothing() {
    let mut service = Service::new();
    for (version, data, code, text) in [
        (CHANGE, b"\xff\xfe".to_vec(), 1, "the password is not UTF-8"),
        (SET, NEW.to_vec(), 1, "the request is not DER"),
        (SET, set(Some("bob"), Some("OTHER.COM")), 5, "the principal is of another realm"),
    ] {
        let client = Client { version, data, ..Client::new(&service.site) };
        assert_eq!(service.ask(&client), (code, text.to_owned()));
    }
    assert_eq!(service.set, []);
}

#[test]
fn who_is_not_authenticated_gets_a_krb_error_with_the_result() {
    let mut service = Service::new();
    let client = Client::new(&service.site);
    let other = || SessionKey::new(Etype::Aes256Sha1, &ClearKey::new(vec![9; 32])).unwrap();
    let version = Client { version: 2, ..Client::new(&service.site) }.request(&service.site);
    let host = ask().server("host/boston.example.com").initial(&service.site).unwrap();
    let another = Client { credentials: host, ..Client::new(&service.site) }.request(&service.site);
    let forged = Client { key: Some(other()), ..Client::new(&service.site) }.request(&service.site);
    let spliced = Client { sequence: Some(8), ..Client::new(&service.site) }.request(&service.site);
    let no_private = {
        let request = client.request(&service.site);
        let ap_req = usize::from(u16::from_be_bytes([request[4], request[5]]));
        framed(CHANGE, &request[6..6 + ap_req], b"nothing of the kind")
    };
    let unbound = Client { sequence: None, subkey: None, ..Client::new(&service.site) }.request(&service.site);
    for (request, code, result, text) in [
        (&version, 3, 6, "version 0x0002 is neither 0x0001 nor 0xff80"),
        (&another, 35, 3, "the ticket is not for kadmin/changepw"),
        (&forged, 31, 3, "the KRB-PRIV was altered"),
        (&spliced, 41, 3, "the KRB-PRIV does not belong to the AP-REQ"),
        (&unbound, 41, 3, "the KRB-PRIV does not belong to the AP-REQ"),
        (&no_private, 60, 1, "there is no KRB-PRIV in the request"),
        (&framed(CHANGE, b"", b""), 60, 3, "a part of the request is not DER"),
    ] {
        assert_eq!(refused(&service.handle(request)), (code, result, text.to_owned()));
    }
    assert_eq!(service.set, []);
    let by_key = Client { sequence: None, ..Client::new(&service.site) };
    assert_eq!(service.ask(&by_key).0, 0, "the subkey is of this AP-REQ alone");
}

#[test]
fn the_same_request_again_has_the_same_reply_and_sets_nothing_again() {
    let mut service = Service::new();
    let client = Client::new(&service.site);
    let request = client.request(&service.site);
    let reply = service.handle(&request).reply.unwrap();
    let again = service.handle(&request);
    assert_eq!((again.reply.unwrap(), again.result), (reply, None));
    assert_eq!(service.set.len(), 1);
    // The same AP-REQ with another password is no repetition.
    let ap_req = usize::from(u16::from_be_bytes([request[4], request[5]]));
    let other = Client { data: b"other".to_vec(), ..Client::new(&service.site) }.request(&service.site);
    let from = 6 + usize::from(u16::from_be_bytes([other[4], other[5]]));
    let answer = service.handle(&framed(CHANGE, &request[6..6 + ap_req], &other[from..]));
    assert_eq!((refused(&answer).0, service.set.len()), (ErrorCode::Repeat.number(), 1));
}

#[test]
fn without_the_engine_the_failure_is_the_servers() {
    let mut service = Service::new();
    let client = Client::new(&service.site);
    service.site.pull();
    let answer = service.handle(&client.request(&service.site));
    let (code, result, text) = refused(&answer);
    assert_eq!((code, result), (29, 2));
    assert!(text.starts_with("ICSF CSN"), "{text}");
    assert!(answer.refusal.unwrap().cause().is_some());
    service.site.insert();
    assert_eq!(service.ask(&client).0, 0);
}

#[test]
fn bytes_that_are_no_request_have_no_reply() {
    let mut service = Service::new();
    let client = Client::new(&service.site);
    let request = client.request(&service.site);
    for length in 0..request.len() {
        assert!(service.handle(&request[..length]).reply.is_none(), "{length} bytes");
    }
    assert!(service.handle(&[&request[..], b"\0"].concat()).reply.is_none());
    let mut beyond = request.clone();
    beyond[4] = 0xff;
    assert!(service.handle(&beyond).reply.is_none());
    assert_eq!(service.set, []);
}

/// Some bits are protected by nothing, such as options and hints; what the others say nobody else can change.
#[test]
fn a_request_with_a_byte_changed_sets_nothing_else() {
    let mut service = Service::new();
    let client = Client::new(&service.site);
    let mut passed = 0;
    for at in 6..client.request(&service.site).len() {
        let mut changed = client.request(&service.site);
        changed[at] ^= 0x55;
        let answer = service.handle(&changed);
        if answer.result.as_ref().unwrap().0 == ResultCode::Success {
            assert_eq!((service.set.pop(), service.set.len()), (Some(own()), 0), "byte {at}");
            passed += 1;
        } else {
            assert_ne!(refused(&answer).1, 0, "byte {at}");
        }
    }
    assert!(passed < 20, "{passed}");
    assert_eq!(service.set, []);
}

#[test]
fn a_change_does_not_print_its_password() {
    let alice = "alice".parse().unwrap();
    let change = Change { client: &alice, target: &alice, password: "correct horse" };
    assert_eq!(format!("{change:?}"), "Change(password of alice by alice)");
}
