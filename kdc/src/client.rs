//! The other end of the protocol: a client that gets tickets and shows them.
//!
//! It is small: for drills and tests in the process of the KDC. The KDC is trusted, and whatever carries the bytes.
//!
//! ```
//! use icsf_core::random::SystemRandom;
//! use icsf_kdc::client::{Client, ClientError};
//!
//! let client = Client { name: &"david".parse()?, realm: "EXAMPLE.COM", now: 1_795_159_756, random: &SystemRandom };
//! // Nobody at the other end of the wire.
//! let told = client.initial("DAVIDPW", &mut |_request| None);
//! assert!(matches!(told, Err(ClientError::NoAnswer)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: RFC 4120, sections 3.1.1, 3.1.5, 3.2.2, 3.3.1 and 3.3.4.

use std::fmt;
use std::num::NonZeroU32;

use icsf_core::backend::Etype;
use icsf_core::random::{NoRandom, RandomSource};
use icsf_saf::model::PrincipalName;
use rasn::types::{Integer, OctetString};
use rasn_kerberos as wire;

use crate::ap_req::session_key;
use crate::codes::ErrorCode;
use crate::crypto::{BaseKey, CryptoError, SessionKey, checksum, checksum_type, decrypt, encrypt, string_to_key};
use crate::flags::{ApOptions, KdcOptions, TicketFlags};
use crate::messages::{
    self, NotDer, VERSION, decode, encode, encrypted, kind, pa_data, padata, seconds, to_time, usage,
};

/// The encryption types a client asks for, in its order: 18 first, which engines can use inside.
const ETYPES: [Etype; 4] = [Etype::Aes256Sha1, Etype::Aes256Sha2, Etype::Aes128Sha2, Etype::Aes128Sha1];

/// What carries a request to the KDC, and its reply back; none where nobody answers.
pub type Wire<'a> = dyn FnMut(&[u8]) -> Option<Vec<u8>> + 'a;

/// A client: somebody's program for tickets.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// Who it is.
    pub name: &'a PrincipalName,
    /// Its realm, and that of the servers.
    pub realm: &'a str,
    /// Its clock, in seconds since 1970 UTC.
    pub now: u64,
    /// Where nonces and confounders come from.
    pub random: &'a dyn RandomSource,
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({}@{})", self.name, self.realm)
    }
}

impl Client<'_> {
    /// Gets a ticket for the ticket granter, with a password, for as long as the realm gives one: a request without
    /// pre-authentication, and one with the encrypted time, by what the KDC says of the key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn initial(&self, password: &str, kdc: &mut Wire<'_>) -> Result<Credentials, ClientError> {
        let granter = PrincipalName::new(["krbtgt".to_owned(), self.realm.to_owned()])
            .map_err(|_name| ClientError::NoReply("the realm has no name that a principal can have"))?;
        let first = self.body(&granter, Some(self.name))?;
        let told = match sent(kdc, &as_req(first, None)) {
            Err(ClientError::Refused(told)) if told.code == ErrorCode::PreauthRequired.number() => told,
            Err(error) => return Err(error),
            Ok(_) => return Err(ClientError::NoReply("a ticket for somebody who did not prove anything")),
        };
        let key = key_of(password, &told.data)?;
        let stamp = wire::PaEncTsEnc { patimestamp: to_time(self.now), pausec: Some(Integer::from(0)) };
        let sealed = self.sealed(&key, usage::PA_ENC_TIMESTAMP, &encode(&stamp))?;
        let body = self.body(&granter, Some(self.name))?;
        let nonce = body.nonce;
        let reply = sent(kdc, &as_req(body, Some(pa_data(padata::ENC_TIMESTAMP, encode(&sealed)))))?;
        Credentials::from_as_rep(&reply, &key)?.answering(nonce)
    }

    /// Gets a ticket for a server, with one for the ticket granter.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn for_server(
        &self,
        with: &Credentials,
        server: &PrincipalName,
        kdc: &mut Wire<'_>,
    ) -> Result<Credentials, ClientError> {
        let body = self.body(server, None)?;
        let nonce = body.nonce;
        let sum = checksum(&with.session, usage::TGS_REQ_CHECKSUM, &encode(&body))?;
        let sum = wire::Checksum { r#type: checksum_type(with.session.etype()), checksum: OctetString::from(sum) };
        let ap_req = self.ap_req_for(with, usage::TGS_REQ_AUTHENTICATOR, ApOptions::NONE, Some(sum))?;
        let request = wire::TgsReq(wire::KdcReq {
            pvno: Integer::from(VERSION),
            msg_type: Integer::from(kind::TGS_REQ),
            padata: Some(vec![pa_data(padata::TGS_REQ, ap_req)]),
            req_body: body,
        });
        let reply = sent(kdc, &encode(&request))?;
        Credentials::from_tgs_rep(&reply, &with.session, usage::TGS_REP_SESSION)?.answering(nonce)
    }

    /// What is shown to the server of a ticket: an AP-REQ, good for one use.
    ///
    /// # Errors
    /// [`ClientError::NoRandom`].
    pub fn ap_req(&self, with: &Credentials) -> Result<Vec<u8>, ClientError> {
        self.ap_req_for(with, usage::AP_REQ_AUTHENTICATOR, ApOptions::MUTUAL_REQUIRED, None)
    }

    fn ap_req_for(
        &self,
        with: &Credentials,
        usage: u32,
        options: ApOptions,
        cksum: Option<wire::Checksum>,
    ) -> Result<Vec<u8>, ClientError> {
        // Two of one second differ in their sequence number, and are no replay.
        let authenticator = wire::Authenticator {
            authenticator_vno: Integer::from(VERSION),
            crealm: messages::text(self.realm),
            cname: with.client.clone(),
            cksum,
            cusec: Integer::from(0),
            ctime: to_time(self.now),
            subkey: None,
            seq_number: Some(self.number()?),
            authorization_data: None,
        };
        Ok(encode(&wire::ApReq {
            pvno: Integer::from(VERSION),
            msg_type: Integer::from(kind::AP_REQ),
            ap_options: options.into(),
            ticket: with.ticket.clone(),
            authenticator: self.sealed(&with.session, usage, &encode(&authenticator))?,
        }))
    }

    fn body(&self, server: &PrincipalName, client: Option<&PrincipalName>) -> Result<wire::KdcReqBody, ClientError> {
        Ok(wire::KdcReqBody {
            kdc_options: KdcOptions::NONE.into(),
            cname: client.map(name),
            realm: messages::text(self.realm),
            sname: Some(name(server)),
            from: None,
            // None said: as long as the realm gives.
            till: to_time(0),
            rtime: None,
            nonce: self.number()?,
            etype: ETYPES.iter().map(|etype| etype.number()).collect(),
            addresses: None,
            enc_authorization_data: None,
            additional_tickets: None,
        })
    }

    /// A number that all implementations take for a positive one.
    fn number(&self) -> Result<u32, ClientError> {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes) >> 1)
    }

    fn sealed<K: BaseKey>(&self, key: &K, usage: u32, plain: &[u8]) -> Result<wire::EncryptedData, ClientError> {
        let mut confounder = [0; 16];
        self.random.fill(&mut confounder)?;
        Ok(encrypted(key.etype(), None, encrypt(key, usage, &confounder, plain)?))
    }
}

fn as_req(body: wire::KdcReqBody, proof: Option<wire::PaData>) -> Vec<u8> {
    encode(&wire::AsReq(wire::KdcReq {
        pvno: Integer::from(VERSION),
        msg_type: Integer::from(kind::AS_REQ),
        padata: proof.map(|proof| vec![proof]),
        req_body: body,
    }))
}

fn name(name: &PrincipalName) -> wire::PrincipalName {
    const PRINCIPAL: i32 = 1;
    wire::PrincipalName {
        r#type: PRINCIPAL,
        string: name.components().iter().map(|part| messages::text(part)).collect(),
    }
}

/// Sends a request; a KRB-ERROR is an error.
fn sent(kdc: &mut Wire<'_>, request: &[u8]) -> Result<Vec<u8>, ClientError> {
    let reply = kdc(request).ok_or(ClientError::NoAnswer)?;
    match Refused::read(&reply)? {
        Some(refused) => Err(ClientError::Refused(refused)),
        None => Ok(reply),
    }
}

/// The key a password stands for, by the first ETYPE-INFO2 of a client's type in METHOD-DATA.
fn key_of(password: &str, method_data: &[u8]) -> Result<SessionKey, ClientError> {
    let unsaid = || ClientError::NoReply("a wish for pre-authentication that does not say of what type the key is");
    let methods: wire::MethodData = decode(method_data)?;
    let info = methods.iter().find(|method| method.r#type == padata::ETYPE_INFO2).ok_or_else(unsaid)?;
    let all: wire::EtypeInfo2 = decode(&info.value)?;
    let known = |entry: &wire::EtypeInfo2Entry| Some((Etype::from_number(entry.etype)?, entry.clone()));
    let (etype, entry) = all.iter().find_map(known).ok_or_else(unsaid)?;
    let salt = entry.salt.as_ref().map(|salt| salt.as_bytes().to_vec()).unwrap_or_default();
    let iterations = entry.s2kparams.as_ref().and_then(|params| params.as_ref().try_into().ok());
    let iterations = iterations.and_then(|bytes| NonZeroU32::new(u32::from_be_bytes(bytes)));
    Ok(SessionKey::new(etype, &string_to_key(etype, password.as_bytes(), &salt, iterations))?)
}

/// A ticket, and what its client knows of it.
#[non_exhaustive]
pub struct Credentials {
    /// The ticket, which the client cannot read.
    pub ticket: wire::Ticket,
    /// Whose it is.
    pub client: wire::PrincipalName,
    /// Its session key.
    pub session: SessionKey,
    /// What it is.
    pub flags: TicketFlags,
    /// When the client was authenticated, in seconds since 1970 UTC; so are the other times.
    pub auth_time: u64,
    /// From when on it is valid.
    pub start: u64,
    /// Until when.
    pub end: u64,
    /// Until when it can be renewed.
    pub renew_till: Option<u64>,
    /// For how many addresses it is; none: for all.
    pub addresses: usize,
    /// When the key of the client expires.
    pub key_expiration: Option<u64>,
    /// The number of the encryption type of the reply.
    pub reply_etype: i32,
    /// The types of the pre-authentication data in the reply.
    pub padata: Vec<i32>,
    nonce: u32,
}

/// Shows neither ticket nor key.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [client, server] =
            [&self.client, &self.ticket.sname].map(|name| messages::shown(Some(name), &self.ticket.realm));
        write!(f, "Credentials({client} for {server}, flags {}, {} to {})", self.flags, self.start, self.end)
    }
}

impl Credentials {
    /// Reads an AS-REP with the key of the client.
    ///
    /// # Errors
    /// [`ClientError::NoReply`], [`ClientError::Crypto`].
    pub fn from_as_rep(reply: &[u8], key: &SessionKey) -> Result<Self, ClientError> {
        let reply = decode::<wire::AsRep>(reply)?.0;
        let plain = decrypt(key, usage::AS_REP, &reply.enc_part.cipher)?;
        // MIT's KDC tags it as the part of a TGS-REP, which RFC 4120, section 5.4.2, has clients take.
        let part = decode::<wire::EncAsRepPart>(&plain).map(|part| part.0);
        let part = part.or_else(|_| decode::<wire::EncTgsRepPart>(&plain).map(|part| part.0))?;
        Self::new(reply, part)
    }

    /// Reads a TGS-REP with the session key of the ticket it was asked with (key usage 8), or the subkey (9).
    ///
    /// # Errors
    /// [`ClientError::NoReply`], [`ClientError::Crypto`].
    pub fn from_tgs_rep(reply: &[u8], key: &SessionKey, usage: u32) -> Result<Self, ClientError> {
        let reply = decode::<wire::TgsRep>(reply)?.0;
        let part = decode::<wire::EncTgsRepPart>(&decrypt(key, usage, &reply.enc_part.cipher)?)?.0;
        Self::new(reply, part)
    }

    fn new(reply: wire::KdcRep, part: wire::EncKdcRepPart) -> Result<Self, ClientError> {
        if (&reply.ticket.sname, &reply.ticket.realm) != (&part.sname, &part.srealm) {
            return Err(ClientError::NoReply("the ticket is for another server than the KDC says"));
        }
        let session =
            session_key(part.key).map_err(|_refusal| ClientError::NoReply("a session key of no known type"))?;
        Ok(Self {
            ticket: reply.ticket,
            client: reply.cname,
            session,
            flags: TicketFlags::from(&part.flags),
            auth_time: seconds(&part.auth_time),
            start: seconds(part.start_time.as_ref().unwrap_or(&part.auth_time)),
            end: seconds(&part.end_time),
            renew_till: part.renew_till.as_ref().map(seconds),
            addresses: part.caddr.map_or(0, |addresses| addresses.len()),
            key_expiration: part.key_expiration.as_ref().map(seconds),
            reply_etype: reply.enc_part.etype,
            padata: reply.padata.unwrap_or_default().iter().map(|data| data.r#type).collect(),
            nonce: part.nonce,
        })
    }

    /// The same, if it answers the request of this number.
    fn answering(self, nonce: u32) -> Result<Self, ClientError> {
        if self.nonce == nonce { Ok(self) } else { Err(ClientError::NoReply("the answer to another request")) }
    }
}

/// A KRB-ERROR, as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The number.
    pub code: i32,
    /// The text that comes with it; the empty one for none.
    pub text: String,
    /// The data that comes with it.
    pub data: Vec<u8>,
}

impl Refused {
    /// Reads a KRB-ERROR; none for another message.
    ///
    /// # Errors
    /// [`ClientError::NoReply`] for one that is damaged.
    pub fn read(reply: &[u8]) -> Result<Option<Self>, ClientError> {
        // An application tag, constructed.
        const ERROR: u8 = 0x60 | kind::ERROR;
        if reply.first() != Some(&ERROR) {
            return Ok(None);
        }
        let error: wire::KrbError = decode(reply)?;
        let text = error.e_text.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
        let data = error.e_data.map(|data| data.to_vec()).unwrap_or_default();
        Ok(Some(Self { code: error.error_code, text: text.unwrap_or_default(), data }))
    }
}

/// Number, name where it has one, and text: `29 KDC_ERR_SVC_UNAVAILABLE, ...`.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ErrorCode::ALL.iter().find(|code| code.number() == self.code) {
            Some(code) => write!(f, "{code}")?,
            None => write!(f, "{}", self.code)?,
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, ", {}", self.text) }
    }
}

/// Why a client got no ticket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody is there.
    #[error("the KDC does not answer")]
    NoAnswer,
    /// The KDC refuses.
    #[error("the KDC refuses: {0}")]
    Refused(Refused),
    /// What came is no reply to what was sent.
    #[error("the KDC sent {0}")]
    NoReply(&'static str),
    /// A reply that was made with another key: of another password.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// There are no random bytes.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

impl From<NotDer> for ClientError {
    fn from(_: NotDer) -> Self {
        Self::NoReply("what is no message")
    }
}
