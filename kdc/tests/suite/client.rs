//! A client for tests: it asks for anything, also for what no stock client asks for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use icsf_core::backend::Etype;
use icsf_core::clock::Clock;
use icsf_core::random::{RandomSource, SystemRandom};
use icsf_kdc::Answer;
pub(crate) use icsf_kdc::client::{Credentials, Refused};
use icsf_kdc::crypto::{SessionKey, checksum, checksum_type, encrypt};
use icsf_kdc::flags::{ApOptions, KdcOptions};
use rasn::types::{GeneralString, Integer, OctetString, UtcTime};
use rasn_kerberos as wire;

use crate::support::{HERE, HOUR, REALM, Site, client_key};

/// What is asked of the AS or the TGS. Times count from now.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) client: &'static str,
    pub(crate) server: Option<&'static str>,
    pub(crate) realm: &'static str,
    pub(crate) options: KdcOptions,
    pub(crate) from: Option<i64>,
    pub(crate) till: Option<i64>,
    pub(crate) rtime: Option<i64>,
    pub(crate) etypes: Vec<i32>,
    pub(crate) addresses: Option<Vec<[u8; 4]>>,
    /// Of the timestamp or authenticator.
    pub(crate) skew: i64,
    pub(crate) preauth: bool,
    pub(crate) wrong_key: bool,
    pub(crate) peer: IpAddr,
    pub(crate) second: bool,
    pub(crate) subkey: Option<Etype>,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) authorization_data: Vec<i32>,
}

/// What is wrong with a TGS-REQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Body,
    ClientName,
    Ticket,
    Authenticator,
    NoChecksum,
    ChecksumType,
    KeyVersion,
}

/// An AS-REQ of alice for a TGT of an hour.
pub(crate) fn ask() -> Ask {
    Ask {
        client: "alice",
        server: Some("krbtgt/EXAMPLE.COM"),
        realm: REALM,
        options: KdcOptions::NONE,
        from: None,
        till: Some(HOUR as i64),
        rtime: None,
        etypes: vec![18],
        addresses: None,
        skew: 0,
        preauth: true,
        wrong_key: false,
        peer: HERE,
        second: false,
        subkey: None,
        flaw: None,
        authorization_data: Vec::new(),
    }
}

/// A TGS-REQ for the host service, as long as possible.
pub(crate) fn tgs() -> Ask {
    Ask { server: Some("host/boston.example.com"), till: Some(10 * HOUR as i64), ..ask() }
}

impl Ask {
    pub(crate) fn client(self, client: &'static str) -> Self {
        Self { client, ..self }
    }

    pub(crate) fn server(self, server: &'static str) -> Self {
        Self { server: Some(server), ..self }
    }

    pub(crate) fn opt(self, options: KdcOptions) -> Self {
        Self { options: self.options | options, ..self }
    }

    pub(crate) fn from(self, from: i64) -> Self {
        Self { from: Some(from), ..self }
    }

    pub(crate) fn till(self, till: u64) -> Self {
        Self { till: Some(till as i64), ..self }
    }

    pub(crate) fn rtime(self, rtime: u64) -> Self {
        Self { rtime: Some(rtime as i64), ..self }
    }

    pub(crate) fn etypes(self, etypes: &[i32]) -> Self {
        Self { etypes: etypes.to_vec(), ..self }
    }

    pub(crate) fn addresses(self, addresses: &[[u8; 4]]) -> Self {
        Self { addresses: Some(addresses.to_vec()), ..self }
    }

    pub(crate) fn flaw(self, flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..self }
    }

    pub(crate) fn skew(self, skew: i64) -> Self {
        Self { skew, ..self }
    }

    fn body(&self, now: u64, second: Option<&Credentials>, session: Option<&SessionKey>) -> wire::KdcReqBody {
        let time = |offset: i64| time(now.checked_add_signed(offset).unwrap());
        let data: Vec<_> = self
            .authorization_data
            .iter()
            .map(|kind| wire::AuthorizationDataValue { r#type: *kind, data: OctetString::from(vec![7; 3]) })
            .collect();
        let (key, usage) = (session, if self.subkey.is_some() { 5 } else { 4 });
        let sealed = key.filter(|_| !data.is_empty()).map(|key| wire::EncryptedData {
            etype: key.etype().number(),
            kvno: None,
            cipher: encrypt(key, usage, &random(), &rasn::der::encode(&data).unwrap()).unwrap().into(),
        });
        wire::KdcReqBody {
            kdc_options: self.options.into(),
            cname: session.is_none().then(|| name(self.client)),
            realm: text(self.realm),
            sname: self.server.map(name),
            from: self.from.map(time),
            till: self.till.map_or_else(|| self::time(0), time),
            rtime: self.rtime.map(time),
            nonce: u32::from_be_bytes(random::<4>()) >> 1,
            etype: self.etypes.clone(),
            addresses: self.addresses.as_ref().map(|all| {
                let address = |address: &[u8; 4]| wire::HostAddress { addr_type: 2, address: address.to_vec().into() };
                all.iter().map(address).collect()
            }),
            enc_authorization_data: sealed,
            additional_tickets: second.map(|second| vec![second.ticket.clone()]),
        }
    }

    /// The AS-REQ.
    pub(crate) fn as_req(&self, now: u64) -> Vec<u8> {
        let body = self.body(now, None, None);
        let stamp = wire::PaEncTsEnc {
            patimestamp: time(now.checked_add_signed(self.skew).unwrap()),
            pausec: Some(Integer::from(1)),
        };
        let etype = self.etypes.iter().find_map(|etype| Etype::from_number(*etype)).unwrap_or(Etype::Aes256Sha1);
        let padata = self.preauth.then(|| {
            let plain = rasn::der::encode(&stamp).unwrap();
            let cipher = if self.wrong_key {
                encrypt(&SessionKey::random(etype, &SystemRandom).unwrap(), 1, &random(), &plain)
            } else {
                with_key_of(self.client, etype, |key| encrypt(key, 1, &random(), &plain))
            };
            let data = wire::EncryptedData { etype: etype.number(), kvno: None, cipher: cipher.unwrap().into() };
            vec![wire::PaData { r#type: 2, value: rasn::der::encode(&data).unwrap().into() }]
        });
        let request = wire::KdcReq { pvno: 5.into(), msg_type: 10.into(), padata, req_body: body };
        rasn::der::encode(&wire::AsReq(request)).unwrap()
    }

    /// The TGS-REQ, with the subkey it chose.
    pub(crate) fn tgs_req(
        &self,
        now: u64,
        with: &Credentials,
        second: Option<&Credentials>,
    ) -> (Vec<u8>, Option<SessionKey>) {
        let subkey = self.subkey.map(|etype| SessionKey::random(etype, &SystemRandom).unwrap());
        let mut body = self.body(now, second, Some(subkey.as_ref().unwrap_or(&with.session)));
        let raw = rasn::der::encode(&body).unwrap();
        if self.flaw == Some(Flaw::Body) {
            body.nonce ^= 1;
        }
        let sum = |data: &[u8]| checksum(&with.session, 6, data).unwrap();
        let kind = checksum_type(with.session.etype()) + i32::from(self.flaw == Some(Flaw::ChecksumType));
        let checksum = wire::Checksum { r#type: kind, checksum: sum(&raw).into() };
        let mut ticket = with.ticket.clone();
        match self.flaw {
            Some(Flaw::Ticket) => ticket.enc_part.cipher = flipped(&ticket.enc_part.cipher),
            Some(Flaw::KeyVersion) => ticket.enc_part.kvno = Some(77),
            _ => {}
        }
        let client = if self.flaw == Some(Flaw::ClientName) { name("bob") } else { with.client.clone() };
        let mut ap_req = ap_req(
            now.checked_add_signed(self.skew).unwrap(),
            with,
            ApRequest {
                ticket,
                client,
                checksum: Some(checksum).filter(|_| self.flaw != Some(Flaw::NoChecksum)),
                subkey: subkey.as_ref(),
                usage: 7,
            },
        );
        if self.flaw == Some(Flaw::Authenticator) {
            ap_req.authenticator.cipher = flipped(&ap_req.authenticator.cipher);
        }
        let padata = vec![wire::PaData { r#type: 1, value: rasn::der::encode(&ap_req).unwrap().into() }];
        let request = wire::KdcReq { pvno: 5.into(), msg_type: 12.into(), padata: Some(padata), req_body: body };
        (rasn::der::encode(&wire::TgsReq(request)).unwrap(), subkey)
    }

    /// Asks the AS.
    pub(crate) fn initial(&self, site: &Site) -> Result<Credentials, Refused> {
        let now = site.clock.now();
        let reply = replied(site.handle_from(&self.as_req(now), self.peer))?;
        Ok(self.read_as_rep(&reply))
    }

    /// What is in an AS-REP.
    pub(crate) fn read_as_rep(&self, reply: &[u8]) -> Credentials {
        let etype = Etype::from_number(rasn::der::decode::<wire::AsRep>(reply).unwrap().0.enc_part.etype).unwrap();
        with_key_of(self.client, etype, |key| Credentials::from_as_rep(reply, key)).unwrap()
    }

    /// Asks the TGS with a ticket.
    pub(crate) fn with(&self, site: &Site, with: &Credentials) -> Result<Credentials, Refused> {
        self.with_second(site, with, self.second.then_some(with))
    }

    pub(crate) fn with_second(
        &self,
        site: &Site,
        with: &Credentials,
        second: Option<&Credentials>,
    ) -> Result<Credentials, Refused> {
        let (request, subkey) = self.tgs_req(site.clock.now(), with, second);
        let reply = replied(site.handle_from(&request, self.peer))?;
        Ok(read_tgs_rep(&reply, with, subkey.as_ref()))
    }
}

pub(crate) fn read_tgs_rep(reply: &[u8], with: &Credentials, subkey: Option<&SessionKey>) -> Credentials {
    let (key, usage) = subkey.map_or((&with.session, 8), |subkey| (subkey, 9));
    Credentials::from_tgs_rep(reply, key, usage).unwrap()
}

/// What an AP-REQ is made of, besides credentials.
pub(crate) struct ApRequest<'a> {
    pub(crate) ticket: wire::Ticket,
    pub(crate) client: wire::PrincipalName,
    pub(crate) checksum: Option<wire::Checksum>,
    pub(crate) subkey: Option<&'a SessionKey>,
    pub(crate) usage: u32,
}

pub(crate) fn ap_req(now: u64, with: &Credentials, request: ApRequest<'_>) -> wire::ApReq {
    let authenticator = wire::Authenticator {
        authenticator_vno: 5.into(),
        crealm: text(REALM),
        cname: request.client,
        cksum: request.checksum,
        cusec: 0.into(),
        ctime: time(now),
        subkey: request
            .subkey
            .map(|key| wire::EncryptionKey { r#type: key.etype().number(), value: key.expose().to_vec().into() }),
        seq_number: Some(7),
        authorization_data: None,
    };
    let plain = rasn::der::encode(&authenticator).unwrap();
    // MIT's TGS takes it amiss to be asked who it is.
    let options = if request.usage == 7 { ApOptions::NONE } else { ApOptions::MUTUAL_REQUIRED };
    wire::ApReq {
        pvno: 5.into(),
        msg_type: 14.into(),
        ap_options: options.into(),
        ticket: request.ticket,
        authenticator: wire::EncryptedData {
            etype: with.session.etype().number(),
            kvno: None,
            cipher: encrypt(&with.session, request.usage, &random(), &plain).unwrap().into(),
        },
    }
}

/// The reply, or the KRB-ERROR.
pub(crate) fn replied(answer: Answer) -> Result<Vec<u8>, Refused> {
    let reply = answer.reply.expect("an answer").to_vec();
    match Refused::read(&reply).unwrap() {
        Some(refused) => Err(refused),
        None => Ok(reply),
    }
}

/// Keys from passwords are slow to make.
fn with_key_of<T>(client: &str, etype: Etype, work: impl FnOnce(&SessionKey) -> T) -> T {
    static MADE: Mutex<Option<HashMap<(String, Etype), SessionKey>>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap();
    let key =
        made.get_or_insert_default().entry((client.to_owned(), etype)).or_insert_with(|| client_key(client, etype));
    work(key)
}

fn flipped(bytes: &[u8]) -> OctetString {
    let mut bytes = bytes.to_vec();
    bytes[20] ^= 1;
    bytes.into()
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom.fill(&mut bytes).unwrap();
    bytes
}

pub(crate) fn text(text: &str) -> GeneralString {
    GeneralString::from_bytes(text.as_bytes()).unwrap()
}

pub(crate) fn name(name: &str) -> wire::PrincipalName {
    wire::PrincipalName { r#type: 1, string: name.split('/').map(text).collect() }
}

pub(crate) fn time(seconds: u64) -> wire::KerberosTime {
    wire::KerberosTime(UtcTime::from_timestamp(seconds as i64, 0).unwrap().fixed_offset())
}
