//! Requests for a KDC, for its password service, and for a server that takes its tickets; and keytabs. All of it is always the same, so that seeds stay good.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use icsf_core::backend::Etype;
use icsf_core::codes::ReasonCodes;
use icsf_core::epoch::Epoch;
use icsf_core::random::SeededRandom;
use icsf_core::store::MemoryStore;
use icsf_core::{ClearKey, Icsf};
use icsf_kdc::crypto::{SessionKey, checksum, checksum_type, decrypt, encrypt};
use icsf_kdc::kpasswd::{PasswordRequest, PasswordService, ResultCode};
use icsf_kdc::outcome::Result as Became;
use icsf_kdc::{Acceptor, CkdsKeys, Kdc, Replays, Settings, keytab as keytabs};
use icsf_saf::command::NoSecrets;
use icsf_saf::model::{Principal, PrincipalFlag, PrincipalKey};
use icsf_saf::{Caller, Database, Saf, Snapshot};
use ptkt::MemoryRegister;
use rasn::types::{GeneralString, OctetString, UtcTime};
use rasn_kerberos as wire;

use crate::NOW;

const REALM: &str = "EXAMPLE.COM";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const KEY: [u8; 32] = [7; 32];
const ETYPE: Etype = Etype::Aes256Sha1;

struct World {
    icsf: Arc<Icsf>,
    view: Arc<Snapshot>,
    kdc: Kdc,
    granting: Held,
    host: Held,
    change_password: Held,
}

/// A ticket and its session key.
struct Held {
    ticket: wire::Ticket,
    session: SessionKey,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let icsf = Arc::new(crate::icsf());
        let database = Database::new(Arc::new(MemoryStore::default()), Arc::new(Epoch::in_memory()));
        let clock = Arc::new(icsf_core::clock::ManualClock::at(NOW));
        let saf = Saf::new(Arc::clone(&icsf), database, clock, Arc::new(MemoryRegister::new()), "PRD1");
        let realm = "RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM) DEFTKTLF(36000) MAXTKTLF(36000))";
        saf.command(&Caller::user("IBMUSER".parse().unwrap()), realm, &NoSecrets).unwrap();
        for name in ["alice", "krbtgt/EXAMPLE.COM", "host/boston", "kadmin/changepw"] {
            let mut principal = Principal::new(name.parse().unwrap(), NOW);
            let label = format!("KEY.OF.{}", name.replace('/', ".").to_ascii_uppercase()).parse().unwrap();
            icsf.add_kerberos_key(&label, ETYPE, Some(&ClearKey::from_slice(&KEY))).unwrap();
            let salt = principal.name.salt(REALM);
            principal.keys.push(PrincipalKey { version: 1, etype: ETYPE, label, salt, created: NOW });
            principal.flags.insert(PrincipalFlag::NoPreauth);
            saf.database().put_principal(&principal).unwrap();
        }
        let view = saf.database().view().unwrap();
        let kdc = Kdc::new(Arc::clone(&icsf), Arc::new(SeededRandom::new(3)), Settings::default());
        let servers = ["krbtgt/EXAMPLE.COM", "host/boston", "kadmin/changepw"];
        let [granting, host, change_password] = servers.map(|server| initial(&kdc, &view, server));
        World { icsf, view, kdc, granting, host, change_password }
    })
}

fn text(text: &str) -> GeneralString {
    GeneralString::from_bytes(text.as_bytes()).unwrap()
}

fn name(name: &str) -> wire::PrincipalName {
    wire::PrincipalName { r#type: 1, string: name.split('/').map(text).collect() }
}

fn time(seconds: u64) -> wire::KerberosTime {
    wire::KerberosTime(UtcTime::from_timestamp(seconds.cast_signed(), 0).unwrap().fixed_offset())
}

fn initial(kdc: &Kdc, view: &Arc<Snapshot>, server: &str) -> Held {
    // Forwardable, proxiable, may-postdate, renewable.
    let options = wire::KdcOptions(wire::KerberosFlags::from_slice(&[0x54, 0x80, 0, 0]));
    let body = wire::KdcReqBody {
        kdc_options: options,
        cname: Some(name("alice")),
        realm: text(REALM),
        sname: Some(name(server)),
        from: None,
        till: time(NOW + 36_000),
        rtime: Some(time(NOW + 72_000)),
        nonce: 1,
        etype: vec![ETYPE.number()],
        addresses: None,
        enc_authorization_data: None,
        additional_tickets: None,
    };
    let request = wire::AsReq(wire::KdcReq { pvno: 5.into(), msg_type: 10.into(), padata: None, req_body: body });
    let answer = kdc.handle(&rasn::der::encode(&request).unwrap(), HERE, NOW, view);
    let reply = rasn::der::decode::<wire::AsRep>(&answer.reply.unwrap()).unwrap().0;
    let key = SessionKey::new(ETYPE, &ClearKey::from_slice(&KEY)).unwrap();
    let plain = decrypt(&key, 3, &reply.enc_part.cipher).unwrap();
    let part = rasn::der::decode::<wire::EncAsRepPart>(&plain).unwrap().0;
    let session = SessionKey::new(ETYPE, &ClearKey::from_slice(&part.key.value)).unwrap();
    Held { ticket: reply.ticket, session }
}

/// An AP-REQ whose authenticator is this text, encrypted.
fn ap_request(held: &Held, usage: u32, authenticator: &[u8]) -> Vec<u8> {
    let request = wire::ApReq {
        pvno: 5.into(),
        msg_type: 14.into(),
        ap_options: wire::ApOptions(wire::KerberosFlags::from_slice(&[0; 4])),
        ticket: held.ticket.clone(),
        authenticator: wire::EncryptedData {
            etype: ETYPE.number(),
            kvno: None,
            cipher: encrypt(&held.session, usage, &[1; 16], authenticator).unwrap().into(),
        },
    };
    rasn::der::encode(&request).unwrap()
}

/// One element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}

/// Answers bytes; whatever they are, the reply is of its kind, and a ticket keeps within what the KDC may issue. Whether one
/// was issued, now or for the same bytes before.
fn is_issued(request: &[u8], reply: u8) -> bool {
    const ERROR: u8 = 0x7e;
    let World { kdc, view, .. } = world();
    let answer = kdc.handle(request, HERE, NOW, view);
    let first = answer.reply.as_ref().and_then(|reply| reply.first().copied());
    let _ = answer.outcome.to_string();
    match &answer.outcome.result {
        Became::Issued(issued) => {
            assert_eq!(first, Some(reply));
            let times = issued.times;
            assert!(NOW <= times.start && times.start < times.end, "{times:?}");
            assert!(times.end - times.start <= 36_000, "{times:?}");
        }
        Became::Refused(_) => assert_eq!(first, Some(ERROR)),
        Became::Repeated => assert_eq!(first, Some(reply)),
        _ => assert_eq!(first, None),
    }
    first == Some(reply)
}

/// The TGS-REQ with this body, sent as it should be.
fn with_body(body: &[u8]) -> Vec<u8> {
    let held = &world().granting;
    let sum = checksum(&held.session, 6, body).unwrap();
    let authenticator = wire::Authenticator {
        authenticator_vno: 5.into(),
        crealm: text(REALM),
        cname: name("alice"),
        cksum: Some(wire::Checksum { r#type: checksum_type(ETYPE), checksum: OctetString::from(sum) }),
        cusec: 0.into(),
        ctime: time(NOW),
        subkey: None,
        seq_number: None,
        authorization_data: None,
    };
    let ap_req = ap_request(held, 7, &rasn::der::encode(&authenticator).unwrap());
    let padata = vec![wire::PaData { r#type: 1, value: ap_req.into() }];
    let fields = [
        element(0xa1, &[2, 1, 5]),
        element(0xa2, &[2, 1, 12]),
        element(0xa3, &rasn::der::encode(&padata).unwrap()),
        element(0xa4, body),
    ];
    element(0x6c, &element(0x30, &fields.concat()))
}

const AS_REP: u8 = 0x6b;
const TGS_REP: u8 = 0x6d;

/// An AS-REQ.
pub fn as_req(data: &[u8]) {
    is_issued(data, AS_REP);
}

/// A TGS-REQ; and the body of one.
pub fn tgs_req(data: &[u8]) {
    is_issued(data, TGS_REP);
    is_issued(&with_body(data), TGS_REP);
}

/// An AP-REQ; and the authenticator of one, encrypted as it should be.
pub fn ap_req(data: &[u8]) {
    let World { icsf, view, host, .. } = world();
    let keys = CkdsKeys { icsf, registry: view };
    for request in [data, &ap_request(host, 11, data)] {
        let replays = Replays::new();
        let acceptor =
            Acceptor { realm: REALM, keys: &keys, replays: &replays, numbering: ReasonCodes::Icsf, skew: 300 };
        if let Ok(accepted) = acceptor.accept(request, Some(HERE), NOW) {
            assert_eq!(accepted.client().to_string(), "alice");
            assert!(accepted.time().0.abs_diff(NOW) <= 300);
            assert!(acceptor.accept(request, Some(HERE), NOW).is_err(), "a replay");
        }
    }
}

/// A request for the password service around this plain text of its KRB-PRIV.
fn password_request(version: u16, private: &[u8]) -> Vec<u8> {
    let held = &world().change_password;
    let authenticator = wire::Authenticator {
        authenticator_vno: 5.into(),
        crealm: text(REALM),
        cname: name("alice"),
        cksum: None,
        cusec: 0.into(),
        ctime: time(NOW),
        subkey: Some(wire::EncryptionKey { r#type: ETYPE.number(), value: KEY.to_vec().into() }),
        seq_number: None,
        authorization_data: None,
    };
    let ap_req = ap_request(held, 11, &rasn::der::encode(&authenticator).unwrap());
    let subkey = SessionKey::new(ETYPE, &ClearKey::from_slice(&KEY)).unwrap();
    let cipher = encrypt(&subkey, 13, &[2; 16], private).unwrap().into();
    let enc_part = wire::EncryptedData { etype: ETYPE.number(), kvno: None, cipher };
    let private = wire::KrbPriv { pvno: 5.into(), msg_type: 21.into(), enc_part };
    let private = rasn::der::encode(&private).unwrap();
    let [whole, ap] = [6 + ap_req.len() + private.len(), ap_req.len()]
        .map(|length| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    [&whole, &version.to_be_bytes(), &ap, &ap_req[..], &private].concat()
}

/// The plain text of a KRB-PRIV that carries this.
fn private_part(data: &[u8]) -> Vec<u8> {
    let part = wire::EncKrbPrivPart {
        user_data: data.to_vec().into(),
        timestamp: None,
        usec: None,
        seq_number: None,
        sender_address: wire::HostAddress { addr_type: 2, address: vec![127, 0, 0, 1].into() },
        recipient_address: None,
    };
    rasn::der::encode(&part).unwrap()
}

const CHANGE: u16 = 1;
const SET: u16 = 0xff80;

/// Answers bytes sent to the password service: what is answered is framed as it should be, and nobody but alice, who alone
/// has a ticket, sets a password, once. Whether it was set.
fn is_set(bytes: &[u8]) -> bool {
    let World { icsf, view, .. } = world();
    let (keys, replays) = (CkdsKeys { icsf, registry: view }, Replays::new());
    let acceptor = Acceptor { realm: REALM, keys: &keys, replays: &replays, numbering: ReasonCodes::Icsf, skew: 300 };
    let (service, random) = (PasswordService::new(), SeededRandom::new(4));
    let request = PasswordRequest { bytes, peer: HERE, local: HERE, now: NOW };
    let mut set = 0;
    let answer = service.handle(&acceptor, &random, &request, &mut |change| {
        assert_eq!(change.client.to_string(), "alice");
        set += 1;
        Ok(())
    });
    assert_eq!(answer.reply.is_some(), answer.result.is_some());
    if let Some(reply) = &answer.reply {
        assert_eq!(reply.get(..2), Some(&u16::try_from(reply.len()).unwrap().to_be_bytes()[..]));
    }
    let succeeded = answer.result.is_some_and(|(result, _)| result == ResultCode::Success);
    assert_eq!(set, i32::from(succeeded));
    succeeded
}

/// A request for the password service; the data of one in either version, encrypted as it should be; and the plain text of
/// its KRB-PRIV.
pub fn kpasswd(data: &[u8]) {
    is_set(data);
    for version in [CHANGE, SET] {
        is_set(&password_request(version, &private_part(data)));
    }
    is_set(&password_request(CHANGE, data));
}

/// A keytab: what is read can be written, and read again as it was.
pub fn keytab(data: &[u8]) {
    match keytabs::read(data) {
        Ok(entries) => {
            let _ = format!("{entries:?}");
            let written = keytabs::write(&entries).unwrap();
            let again = keytabs::read(&written).unwrap();
            assert_eq!(again.len(), entries.len());
            assert_eq!(keytabs::write(&again).unwrap(), written);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of the KDC, or of the world here, must not make them worthless.
    #[test]
    fn the_seeds_still_get_what_they_ask_for() {
        let seed = |path: &str| {
            let path = format!("{}/../fuzz/corpus/{path}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
        };
        for name in ["plain", "host", "everything", "no-end", "timestamp"] {
            assert!(is_issued(&seed(&format!("as-req/{name}")), AS_REP), "{name}");
        }
        for name in ["plain", "forwarded", "proxy", "postdated", "renewable", "renew"] {
            assert!(is_issued(&with_body(&seed(&format!("tgs-req/body-{name}"))), TGS_REP), "{name}");
        }
        let World { icsf, view, host, .. } = world();
        let (keys, replays) = (CkdsKeys { icsf, registry: view }, Replays::new());
        let acceptor =
            Acceptor { realm: REALM, keys: &keys, replays: &replays, numbering: ReasonCodes::Icsf, skew: 300 };
        for name in ["change", "change-other-text"] {
            assert!(is_set(&password_request(CHANGE, &private_part(&seed(&format!("kpasswd/{name}"))))), "{name}");
        }
        for name in ["set", "set-own", "set-target"] {
            assert!(is_set(&password_request(SET, &private_part(&seed(&format!("kpasswd/{name}"))))), "{name}");
        }
        assert!(is_set(&password_request(CHANGE, &seed("kpasswd/private"))));
        assert!(is_set(&seed("kpasswd/whole")));
        for (name, entries) in [("one", 1), ("services", 4), ("hole", 1), ("old-version", 1), ("long", 1)] {
            let read = keytabs::read(&seed(&format!("keytab/{name}"))).unwrap();
            assert_eq!(read.len(), entries, "{name}");
        }
        for name in ["plain", "subkey", "gss"] {
            let request = ap_request(host, 11, &seed(&format!("ap-req/authenticator-{name}")));
            acceptor.accept(&request, Some(HERE), NOW).unwrap();
        }
    }
}
