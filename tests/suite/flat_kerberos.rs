//! A million requests for Kerberos tickets leave memory as it was.

use std::net::UdpSocket;
use std::sync::Arc;

use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_core::clock::ManualClock;
use icsf_kdc::crypto::{SessionKey, checksum, checksum_type, decrypt, encrypt, string_to_key};
use icsf_kdc::server::loopback;
use rasn::types::{GeneralString, Integer, UtcTime};
use rasn_kerberos as wire;
use secrecy::SecretString;
use softicsf::{KerberosOptions, KerberosTask, MasterKeyKind, NewKeys, PrincipalSettings, System};

use crate::flat::resident;
use crate::support::{admin, alone, racf};

const REALM: &str = "EXAMPLE.COM";
const PASSWORD: &str = "correct horse";
const ETYPE: Etype = Etype::Aes256Sha1;
const A_SECOND: u64 = 20;
/// What is kept of requests comes and goes, of clients as well, and does not lie where it lay before.
const ALLOWED_KIB: u64 = 512;

const AS_REP: u8 = 0x6b;
const TGS_REP: u8 = 0x6d;
const KRB_ERROR: u8 = 0x7e;

#[test]
fn a_hundred_thousand_requests_leave_memory_flat() {
    alone("flat_kerberos::hundred_thousand");
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn hundred_thousand() {
    let grown = serve(100_000);
    println!("\n{grown} KiB more than at half time");
}

#[test]
#[ignore = "takes minutes"]
fn million() {
    let grown = serve(1_000_000);
    println!("\n{grown} KiB more than at half time");
}

/// Serves so many; by how many KiB memory has grown since half of them.
fn serve(requests: u64) -> u64 {
    const START: u64 = 1_795_159_756;
    let clock = Arc::new(ManualClock::at(START));
    let system = Arc::new(System::in_memory().clock(Arc::clone(&clock) as Arc<_>).build().unwrap());
    for kind in MasterKeyKind::ALL {
        system.icsf().generate_master_key(kind).unwrap();
        system.icsf().set_master_key(kind).unwrap();
    }
    racf(&system, "RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM) PASSWORD(GRANTING) MAXTKTLF(36000))");
    let password = SecretString::from(PASSWORD);
    for (name, keys) in [("alice", NewKeys::Password(&password)), ("host/boston", NewKeys::Random)] {
        let settings = PrincipalSettings::default();
        system.saf().add_principal(&admin(), &name.parse().unwrap(), keys, &settings).unwrap();
    }
    let task = KerberosTask::start(&system, KerberosOptions::at(loopback(0))).unwrap();
    let mut client = Client::of(&task);
    let (seconds, mut settled) = (requests / A_SECOND, 0);
    for second in 0..seconds {
        client.now = START + second;
        clock.set(client.now);
        if second % 1000 == 0 {
            client.log_on();
        }
        for n in 0..A_SECOND {
            match n % 4 {
                0 => client.initial(),
                1 => client.refused(),
                _ => client.further(),
            }
        }
        // By then the authenticators of all the time that one is good for are there, and as many replies as are kept.
        if second == seconds / 2 {
            settled = resident();
        }
    }
    let counts = task.kdc().counts();
    assert_eq!(counts.udp_answered, requests + seconds.div_ceil(1000), "{counts:?}");
    let grown = resident().saturating_sub(settled);
    assert!(grown < ALLOWED_KIB, "{grown} KiB more than at half time, when it was {settled} KiB");
    grown
}

/// A client of the KDC, each of whose requests is another one.
struct Client {
    socket: UdpSocket,
    key: SessionKey,
    now: u64,
    nonce: u32,
    granting: Option<(wire::Ticket, SessionKey)>,
}

impl Client {
    fn of(task: &KerberosTask) -> Self {
        let socket = UdpSocket::bind(loopback(0)).unwrap();
        socket.connect(task.kdc().address()).unwrap();
        let clear = string_to_key(ETYPE, PASSWORD.as_bytes(), b"EXAMPLE.COMalice", None);
        let key = SessionKey::new(ETYPE, &clear).unwrap();
        Self { socket, key, now: 0, nonce: 0, granting: None }
    }

    /// Sends a request, whose reply is of this kind.
    fn ask(&self, request: &[u8], kind: u8) -> Vec<u8> {
        let mut reply = vec![0; 4096];
        self.socket.send(request).unwrap();
        let length = self.socket.recv(&mut reply).unwrap();
        reply.truncate(length);
        assert_eq!(reply.first(), Some(&kind));
        reply
    }

    fn log_on(&mut self) {
        let reply = rasn::der::decode::<wire::AsRep>(&self.ask_initial()).unwrap().0;
        let plain = decrypt(&self.key, 3, &reply.enc_part.cipher).unwrap();
        let part = rasn::der::decode::<wire::EncAsRepPart>(&plain).unwrap().0;
        let session = SessionKey::new(ETYPE, &ClearKey::from_slice(&part.key.value)).unwrap();
        self.granting = Some((reply.ticket, session));
    }

    fn initial(&mut self) {
        self.ask_initial();
    }

    fn ask_initial(&mut self) -> Vec<u8> {
        let stamp = wire::PaEncTsEnc { patimestamp: time(self.now), pausec: Some(Integer::from(0)) };
        let body = self.body("krbtgt/EXAMPLE.COM", Some("alice"));
        let cipher = self.encrypted(&self.key, 1, &rasn::der::encode(&stamp).unwrap());
        let padata = vec![wire::PaData { r#type: 2, value: rasn::der::encode(&cipher).unwrap().into() }];
        self.ask(&as_req(Some(padata), body), AS_REP)
    }

    /// Asks without pre-authentication.
    fn refused(&mut self) {
        let body = self.body("krbtgt/EXAMPLE.COM", Some("alice"));
        self.ask(&as_req(None, body), KRB_ERROR);
    }

    fn further(&mut self) {
        let body = self.body("host/boston", None);
        let (ticket, session) = self.granting.as_ref().unwrap();
        let sum = checksum(session, 6, &rasn::der::encode(&body).unwrap()).unwrap();
        let authenticator = wire::Authenticator {
            authenticator_vno: 5.into(),
            crealm: text(REALM),
            cname: name("alice"),
            cksum: Some(wire::Checksum { r#type: checksum_type(ETYPE), checksum: sum.into() }),
            cusec: 0.into(),
            ctime: time(self.now),
            subkey: None,
            seq_number: None,
            authorization_data: None,
        };
        let ap_req = wire::ApReq {
            pvno: 5.into(),
            msg_type: 14.into(),
            ap_options: wire::ApOptions(wire::KerberosFlags::from_slice(&[0; 4])),
            ticket: ticket.clone(),
            authenticator: self.encrypted(session, 7, &rasn::der::encode(&authenticator).unwrap()),
        };
        let padata = vec![wire::PaData { r#type: 1, value: rasn::der::encode(&ap_req).unwrap().into() }];
        let request = wire::KdcReq { pvno: 5.into(), msg_type: 12.into(), padata: Some(padata), req_body: body };
        self.ask(&rasn::der::encode(&wire::TgsReq(request)).unwrap(), TGS_REP);
    }

    fn body(&mut self, server: &str, client: Option<&str>) -> wire::KdcReqBody {
        self.nonce += 1;
        wire::KdcReqBody {
            kdc_options: wire::KdcOptions(wire::KerberosFlags::from_slice(&[0; 4])),
            cname: client.map(name),
            realm: text(REALM),
            sname: Some(name(server)),
            from: None,
            till: time(self.now + 7200),
            rtime: None,
            nonce: self.nonce,
            etype: vec![ETYPE.number()],
            addresses: None,
            enc_authorization_data: None,
            additional_tickets: None,
        }
    }

    /// Encrypted behind the number of the request, so that it differs from all others.
    fn encrypted(&self, key: &SessionKey, usage: u32, plain: &[u8]) -> wire::EncryptedData {
        let cipher = encrypt(key, usage, &u128::from(self.nonce).to_be_bytes(), plain).unwrap();
        wire::EncryptedData { etype: ETYPE.number(), kvno: None, cipher: cipher.into() }
    }
}

fn as_req(padata: Option<Vec<wire::PaData>>, req_body: wire::KdcReqBody) -> Vec<u8> {
    rasn::der::encode(&wire::AsReq(wire::KdcReq { pvno: 5.into(), msg_type: 10.into(), padata, req_body })).unwrap()
}

fn text(text: &str) -> GeneralString {
    GeneralString::from_bytes(text.as_bytes()).unwrap()
}

fn name(name: &str) -> wire::PrincipalName {
    wire::PrincipalName { r#type: 1, string: name.split('/').map(text).collect() }
}

fn time(seconds: u64) -> wire::KerberosTime {
    wire::KerberosTime(UtcTime::from_timestamp(seconds as i64, 0).unwrap().fixed_offset())
}
