//! Messages: what is read of a request, and what replies are built of. The types are those of rasn-kerberos; its flags are
//! not used, see [`flags`](crate::flags).

use std::borrow::Cow;

use bytes::Bytes;
use icsf_core::backend::Etype;
use icsf_saf::model::PrincipalName;
use rasn::types::{GeneralString, Integer, OctetString, UtcTime};
use rasn_kerberos as wire;
use zeroize::{Zeroize, Zeroizing};

use crate::codes::ErrorCode;
use crate::{der, nonce};

/// The version of the protocol.
pub(crate) const VERSION: u8 = 5;

/// Numbers of messages. Source: RFC 4120, section 7.5.7.
pub(crate) mod kind {
    pub(crate) const AS_REQ: u8 = 10;
    pub(crate) const AS_REP: u8 = 11;
    pub(crate) const TGS_REQ: u8 = 12;
    pub(crate) const TGS_REP: u8 = 13;
    pub(crate) const AP_REQ: u8 = 14;
    pub(crate) const AP_REP: u8 = 15;
    pub(crate) const PRIV: u8 = 21;
    pub(crate) const CRED: u8 = 22;
    pub(crate) const ERROR: u8 = 30;
}

/// Numbers of pre-authentication data. Source: RFC 4120, section 7.5.2.
pub(crate) mod padata {
    pub(crate) const TGS_REQ: i32 = 1;
    pub(crate) const ENC_TIMESTAMP: i32 = 2;
    pub(crate) const ETYPE_INFO2: i32 = 19;
}

/// Key usages. Source: RFC 4120, section 7.5.1.
pub(crate) mod usage {
    pub(crate) const PA_ENC_TIMESTAMP: u32 = 1;
    pub(crate) const TICKET: u32 = 2;
    pub(crate) const AS_REP: u32 = 3;
    pub(crate) const TGS_REQ_AUTH_DATA_SESSION: u32 = 4;
    pub(crate) const TGS_REQ_AUTH_DATA_SUBKEY: u32 = 5;
    pub(crate) const TGS_REQ_CHECKSUM: u32 = 6;
    pub(crate) const TGS_REQ_AUTHENTICATOR: u32 = 7;
    pub(crate) const TGS_REP_SESSION: u32 = 8;
    pub(crate) const TGS_REP_SUBKEY: u32 = 9;
    pub(crate) const AP_REQ_AUTHENTICATOR: u32 = 11;
    pub(crate) const AP_REP: u32 = 12;
    pub(crate) const KRB_PRIV: u32 = 13;
    pub(crate) const KRB_CRED: u32 = 14;
}

/// Which exchange a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// The AS exchange: an initial ticket, got with the client's key.
    As,
    /// The TGS exchange: a ticket got with another.
    Tgs,
}

/// A request as it was read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) exchange: Exchange,
    pub(crate) padata: Vec<wire::PaData>,
    pub(crate) body: nonce::KdcReqBody,
    /// The body as it was sent.
    pub(crate) raw_body: Vec<u8>,
}

/// What is wrong with bytes that are no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Neither of the two requests a KDC takes.
    #[error("neither AS-REQ nor TGS-REQ")]
    Kind,
    /// Not DER, or not of the structure it says it is.
    #[error("not the DER of a request")]
    Structure,
}

impl Request {
    /// Reads it; the version and the type in it may be wrong, which a KRB-ERROR tells.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, Option<ErrorCode>), Malformed> {
        // Application tags, constructed.
        const AS: u8 = 0x60 | kind::AS_REQ;
        const TGS: u8 = 0x60 | kind::TGS_REQ;
        let broken = |_| Malformed::Structure;
        let (exchange, number, request) = match bytes.first() {
            Some(&AS) => (Exchange::As, kind::AS_REQ, decode::<nonce::AsReq>(bytes).map_err(broken)?.0),
            Some(&TGS) => (Exchange::Tgs, kind::TGS_REQ, decode::<nonce::TgsReq>(bytes).map_err(broken)?.0),
            _ => return Err(Malformed::Kind),
        };
        let wrong = if request.pvno != Integer::from(VERSION) {
            Some(ErrorCode::BadVersion)
        } else {
            (request.msg_type != Integer::from(number)).then_some(ErrorCode::MessageType)
        };
        let raw_body = der::request_body(bytes).ok_or(Malformed::Structure)?.to_vec();
        let padata = request.padata.unwrap_or_default();
        Ok((Self { exchange, padata, body: request.req_body, raw_body }, wrong))
    }

    /// The first pre-authentication data of this type.
    pub(crate) fn padata(&self, kind: i32) -> Option<&[u8]> {
        self.padata.iter().find(|data| data.r#type == kind).map(|data| &*data.value)
    }

    /// The encryption types of the client that this KDC has, in its order.
    pub(crate) fn etypes(&self) -> impl Iterator<Item = Etype> {
        self.body.etype.iter().filter_map(|number| Etype::from_number(*number))
    }
}

/// Decodes one message and nothing behind it. Why it is none is not told: the sender knows what it sent.
pub(crate) fn decode<T: rasn::Decode>(bytes: &[u8]) -> Result<T, NotDer> {
    if !der::is_whole(bytes) {
        return Err(NotDer);
    }
    rasn::der::decode(bytes).map_err(|_why| NotDer)
}

#[derive(Debug)]
pub(crate) struct NotDer;

/// Encodes. What is built here always can be; nothing comes out otherwise, and no client takes that for a message.
pub(crate) fn encode(message: &impl rasn::Encode) -> Vec<u8> {
    rasn::der::encode(message).unwrap_or_default()
}

/// The same for what has a session key in it.
pub(crate) fn encode_secret(message: &impl rasn::Encode) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(encode(message))
}

/// The bytes of a string of a message, which are wiped there.
pub(crate) fn taken(octets: OctetString) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(octets.to_vec());
    if let Ok(mut own) = Bytes::from(octets).try_into_mut() {
        own.zeroize();
    }
    bytes
}

/// A time of a message in seconds since 1970 UTC; before that is 0.
pub(crate) fn seconds(time: &wire::KerberosTime) -> u64 {
    u64::try_from(time.0.timestamp()).unwrap_or(0)
}

/// A time that, at 0, means that none was asked for.
pub(crate) fn asked_seconds(time: &wire::KerberosTime) -> Option<u64> {
    Some(seconds(time)).filter(|seconds| *seconds != 0)
}

/// A time for a message; the latest one is at the end of the year 9999.
pub(crate) fn to_time(seconds: u64) -> wire::KerberosTime {
    const LAST: i64 = 253_402_300_799;
    let seconds = i64::try_from(seconds).unwrap_or(LAST).min(LAST);
    wire::KerberosTime(UtcTime::from_timestamp(seconds, 0).unwrap_or_default().fixed_offset())
}

/// A name of a message; `None` for one that no principal here can have.
pub(crate) fn name(name: &wire::PrincipalName) -> Option<PrincipalName> {
    let part = |part: &GeneralString| String::from_utf8(part.as_bytes().to_vec()).ok();
    let parts: Option<Vec<String>> = name.string.iter().map(part).collect();
    PrincipalName::new(parts?).ok()
}

/// Whether two names are the same; their types are hints.
pub(crate) fn same_name(one: &wire::PrincipalName, other: &wire::PrincipalName) -> bool {
    one.string == other.string
}

/// The name of the service that grants tickets of this realm.
pub(crate) fn is_ticket_granter(name: &wire::PrincipalName, realm: &str) -> bool {
    matches!(&*name.string, [first, second] if first.as_bytes() == b"krbtgt" && second.as_bytes() == realm.as_bytes())
}

/// A text for a message. Characters that a KerberosString cannot have become `?`.
pub(crate) fn text(text: &str) -> GeneralString {
    GeneralString::from_bytes(text.as_bytes()).unwrap_or_else(|_| {
        let plain: Vec<u8> = text.bytes().map(|byte| if byte.is_ascii() { byte } else { b'?' }).collect();
        GeneralString::from_bytes(&plain).unwrap_or_default()
    })
}

/// A principal for a line of the log: what a client sent is shown with its control characters escaped.
pub(crate) fn shown(name: Option<&wire::PrincipalName>, realm: &GeneralString) -> String {
    let mut shown = String::new();
    let mut add = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        for c in text.chars().take(MOST_SHOWN) {
            if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
        }
    };
    for (at, part) in name.iter().flat_map(|name| &name.string).take(8).enumerate() {
        if at > 0 {
            add(b"/");
        }
        add(part.as_bytes());
    }
    add(b"@");
    add(realm.as_bytes());
    shown
}

/// How much of a name in a request is shown.
const MOST_SHOWN: usize = 128;

/// Why a request is refused, for the client.
#[derive(Debug, Clone)]
pub(crate) struct KrbError<'a> {
    pub(crate) code: ErrorCode,
    pub(crate) text: Option<Cow<'a, str>>,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) now: u64,
    pub(crate) realm: &'a str,
    pub(crate) client: Option<(&'a GeneralString, &'a wire::PrincipalName)>,
    pub(crate) server: Option<&'a wire::PrincipalName>,
}

impl KrbError<'_> {
    /// The KRB-ERROR.
    pub(crate) fn encode(self) -> Vec<u8> {
        let server = self.server.cloned().unwrap_or_else(|| ticket_granter(self.realm));
        encode(&wire::KrbError {
            pvno: Integer::from(VERSION),
            msg_type: Integer::from(kind::ERROR),
            ctime: None,
            cusec: None,
            stime: to_time(self.now),
            susec: Integer::from(0),
            error_code: self.code.number(),
            crealm: self.client.map(|(realm, _)| realm.clone()),
            cname: self.client.map(|(_, name)| name.clone()),
            realm: text(self.realm),
            sname: server,
            e_text: self.text.as_deref().map(text),
            e_data: self.data.map(OctetString::from),
        })
    }
}

fn ticket_granter(realm: &str) -> wire::PrincipalName {
    const SERVICE_AND_INSTANCE: i32 = 2;
    wire::PrincipalName { r#type: SERVICE_AND_INSTANCE, string: vec![text("krbtgt"), text(realm)] }
}

/// Pre-authentication data for a message.
pub(crate) fn pa_data(kind: i32, value: Vec<u8>) -> wire::PaData {
    wire::PaData { r#type: kind, value: OctetString::from(value) }
}

/// Something encrypted, for a message.
pub(crate) fn encrypted(etype: Etype, version: Option<u32>, cipher: Vec<u8>) -> wire::EncryptedData {
    wire::EncryptedData { etype: etype.number(), kvno: version, cipher: OctetString::from(cipher) }
}
