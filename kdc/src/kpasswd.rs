//! The password service: a client with a ticket for kadmin/changepw sets a password.
//!
//! ```text
//! request:  length u16 | version u16 | length of the AP-REQ u16 | AP-REQ | KRB-PRIV
//! reply:    length u16 | 1       u16 | length of the AP-REP u16 | AP-REP | KRB-PRIV, which holds result u16 | text
//! refusal:  length u16 | 1       u16 | 0                    u16 | KRB-ERROR, whose e-data holds the same
//! ```
//! Version 1 carries the new password of the client; version X'FF80' also whose it is to be.
//!
//! Source: RFC 3244; for which key protects the reply, which it leaves open, MIT's client: the subkey of the request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use icsf_core::random::RandomSource;
use icsf_saf::model::PrincipalName;
use rasn::types::{Integer, OctetString};
use rasn::{AsnType, Decode, Decoder};
use rasn_kerberos as wire;
use zeroize::Zeroizing;

use crate::ap_req::{Accepted, Acceptor};
use crate::cache::LookAside;
use crate::codes::ErrorCode;
use crate::crypto::{CryptoError, decrypt, encrypt};
use crate::flags::TicketFlags;
use crate::messages::{self, KrbError, VERSION, decode, encode, encode_secret, kind, usage};
use crate::outcome::Refusal;

/// The port of the service.
pub const PORT: u16 = 464;

const CHANGE: u16 = 1;
const SET: u16 = 0xff80;
const SERVICE: [&str; 2] = ["kadmin", "changepw"];

/// What came of a request. Source: RFC 3244, section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResultCode {
    /// The password is set.
    Success,
    /// The request cannot be read.
    Malformed,
    /// The service failed.
    HardError,
    /// The client was not authenticated.
    AuthError,
    /// The password is not acceptable: the text says why.
    SoftError,
    /// The client may not set this password.
    AccessDenied,
    /// Neither of the two versions.
    BadVersion,
    /// The ticket was got with another ticket, and not with the password.
    InitialFlagNeeded,
}

impl ResultCode {
    /// The number in the reply.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Success => 0,
            Self::Malformed => 1,
            Self::HardError => 2,
            Self::AuthError => 3,
            Self::SoftError => 4,
            Self::AccessDenied => 5,
            Self::BadVersion => 6,
            Self::InitialFlagNeeded => 7,
        }
    }
}

/// A request as it came.
#[derive(Clone, Copy)]
pub struct PasswordRequest<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Where it came from.
    pub peer: IpAddr,
    /// The address of this machine that it came to, which clients compare with the one in the reply.
    pub local: IpAddr,
    /// Seconds since 1970 UTC.
    pub now: u64,
}

/// A ticket and a password are in it, encrypted: how long it is will do.
impl fmt::Debug for PasswordRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordRequest({} bytes from {} at {})", self.bytes.len(), self.peer, self.now)
    }
}

/// A password that an authenticated client wants to be set.
pub struct Change<'a> {
    /// The client.
    pub client: &'a PrincipalName,
    /// Whose password it is to be. For the client's own, its ticket was got with the old one.
    pub target: &'a PrincipalName,
    /// The new password.
    pub password: &'a str,
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change(password of {} by {})", self.target, self.client)
    }
}

/// Why a password was not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// [`SoftError`](ResultCode::SoftError) for a bad password, [`AccessDenied`](ResultCode::AccessDenied),
    /// [`HardError`](ResultCode::HardError) when ICSF or a store fails.
    pub result: ResultCode,
    /// For the client to read.
    pub text: String,
}

/// What became of a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PasswordAnswer {
    /// The bytes to send; none for what is no request.
    pub reply: Option<Arc<[u8]>>,
    /// The client, once it was authenticated.
    pub client: Option<PrincipalName>,
    /// Whose password it asked for.
    pub target: Option<PrincipalName>,
    /// The result in the reply, and its text; none for a request that came again.
    pub result: Option<(ResultCode, String)>,
    /// Why the client was not authenticated.
    pub refusal: Option<Refusal>,
}

impl PasswordAnswer {
    const fn none() -> Self {
        Self { reply: None, client: None, target: None, result: None, refusal: None }
    }
}

/// The password service. It keeps the replies of the last minutes, bounded, for clients that ask again; calls may overlap.
#[derive(Debug)]
pub struct PasswordService(LookAside);

impl Default for PasswordService {
    fn default() -> Self {
        Self::new()
    }
}

/// Why there is a KRB-ERROR instead of a result.
struct Failure {
    code: ErrorCode,
    result: ResultCode,
    text: String,
    refusal: Option<Refusal>,
}

impl Failure {
    fn new(code: ErrorCode, result: ResultCode, text: &str) -> Self {
        Self { code, result, text: text.to_owned(), refusal: None }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let ours = refusal.code() == ErrorCode::ServiceUnavailable;
        let result = if ours { ResultCode::HardError } else { ResultCode::AuthError };
        Self { code: refusal.code(), result, text: refusal.reason().to_owned(), refusal: Some(refusal) }
    }
}

/// An authenticated request.
struct Opened {
    accepted: Accepted,
    data: Zeroizing<Vec<u8>>,
    /// Drawn beforehand: once a password is set, the reply can be made.
    confounders: [[u8; 16]; 2],
    sequence: u32,
}

impl PasswordService {
    /// One that has answered nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(LookAside::new())
    }

    /// Answers a request: authenticates the client by `acceptor`, whose keys have that of kadmin/changepw, and lets `change`
    /// set the password, at most once. A client that sets its own shows a ticket got with its old one; whether it may set
    /// that of another principal is for `change` to say.
    pub fn handle(
        &self,
        acceptor: &Acceptor<'_>,
        random: &dyn RandomSource,
        request: &PasswordRequest<'_>,
        change: &mut dyn FnMut(&Change<'_>) -> Result<(), Rejected>,
    ) -> PasswordAnswer {
        // A reply says what was done, whatever became of the engine since.
        const ANY_ENGINE: u64 = 0;
        let mark = self.0.mark(&(request.bytes, request.peer));
        if let Some(reply) = self.0.get(mark, request.now, ANY_ENGINE) {
            return PasswordAnswer { reply: Some(reply), ..PasswordAnswer::none() };
        }
        let Some(parts) = Parts::of(request.bytes) else { return PasswordAnswer::none() };
        let mut answer = PasswordAnswer::none();
        let reply = open(acceptor, random, request, &parts).and_then(|opened| {
            let accepted = &opened.accepted;
            answer.client = Some(accepted.client().clone());
            let (result, text) = match read_change(acceptor, accepted, parts.version, &opened.data) {
                Ok((target, password)) => {
                    let asked = Change { client: accepted.client(), target: &target, password: &password };
                    let done = require_initial(&asked, accepted.flags()).and_then(|()| change(&asked));
                    answer.target = Some(target);
                    done.map_or_else(
                        |rejected| (rejected.result, rejected.text),
                        |()| (ResultCode::Success, "the password is changed".to_owned()),
                    )
                }
                Err(rejected) => (rejected.result, rejected.text),
            };
            let reply = seal(&opened, request.local, result, &text)?;
            answer.result = Some((result, text));
            Ok(reply)
        });
        let reply: Arc<[u8]> = match reply {
            Ok(reply) => reply.into(),
            Err(failure) => {
                let reply = refuse(acceptor.realm, request.now, &failure).into();
                answer.result = Some((failure.result, failure.text));
                answer.refusal = failure.refusal;
                reply
            }
        };
        if answer.client.is_some() {
            self.0.put(mark, request.now, ANY_ENGINE, Arc::clone(&reply));
        }
        answer.reply = Some(reply);
        answer
    }
}

/// The parts of a request.
struct Parts<'a> {
    version: u16,
    ap_req: &'a [u8],
    private: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (&[a, b, c, d, e, f], rest) = bytes.split_first_chunk()?;
        let (ap_req, private) = rest.split_at_checked(u16::from_be_bytes([e, f]).into())?;
        let whole = usize::from(u16::from_be_bytes([a, b])) == bytes.len();
        whole.then_some(Self { version: u16::from_be_bytes([c, d]), ap_req, private })
    }
}

/// Authenticates a request, and decrypts what it wants.
fn open(
    acceptor: &Acceptor<'_>,
    random: &dyn RandomSource,
    request: &PasswordRequest<'_>,
    parts: &Parts<'_>,
) -> Result<Opened, Failure> {
    if ![CHANGE, SET].contains(&parts.version) {
        let text = format!("version {:#06x} is neither 0x0001 nor 0xff80", parts.version);
        return Err(Failure::new(ErrorCode::BadVersion, ResultCode::BadVersion, &text));
    }
    let (mut confounders, mut sequence) = ([[0; 16]; 2], [0; 4]);
    for place in [confounders.as_flattened_mut(), &mut sequence] {
        random.fill(place).map_err(|_no_random| {
            Failure::new(ErrorCode::Generic, ResultCode::HardError, "the server has no random bytes")
        })?;
    }
    let accepted = acceptor.accept(parts.ap_req, Some(request.peer), request.now)?;
    if !accepted.server().components().iter().eq(SERVICE) {
        return Err(Failure::new(ErrorCode::NotUs, ResultCode::AuthError, "the ticket is not for kadmin/changepw"));
    }
    let data = open_private(&accepted, parts.private)?;
    // Some clients take sequence numbers with the highest bits set for negative ones.
    Ok(Opened { accepted, data, confounders, sequence: u32::from_be_bytes(sequence) >> 2 })
}

/// Decrypts a KRB-PRIV, and sees that it belongs to the AP-REQ, so that nobody can put together what was sent at different
/// times: the sequence number is the same, or the key is one that the client chose for this AP-REQ alone. MIT's client
/// sends such a key and no sequence number. The address of the sender is not compared, as it is another one behind NAT.
fn open_private(accepted: &Accepted, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let malformed = |_| Failure::new(ErrorCode::Generic, ResultCode::Malformed, "there is no KRB-PRIV in the request");
    let message: wire::KrbPriv = decode(bytes).map_err(malformed)?;
    if message.pvno != Integer::from(VERSION) || message.msg_type != Integer::from(kind::PRIV) {
        return Err(Failure::new(ErrorCode::MessageType, ResultCode::Malformed, "what follows is not a KRB-PRIV"));
    }
    let altered = || Failure::new(ErrorCode::BadIntegrity, ResultCode::AuthError, "the KRB-PRIV was altered");
    let plain =
        decrypt(accepted.shared_key(), usage::KRB_PRIV, &message.enc_part.cipher).map_err(|_integrity| altered())?;
    let part: wire::EncKrbPrivPart = decode(&plain).map_err(malformed)?;
    let data = messages::taken(part.user_data);
    let belongs = match (accepted.sequence(), part.seq_number) {
        (Some(expected), Some(number)) => expected == number,
        _ => accepted.subkey().is_some(),
    };
    if !belongs {
        let text = "the KRB-PRIV does not belong to the AP-REQ";
        return Err(Failure::new(ErrorCode::Modified, ResultCode::AuthError, text));
    }
    Ok(data)
}

/// What version X'FF80' carries.
#[derive(AsnType, Decode)]
struct ChangePasswdData {
    #[rasn(tag(explicit(0)))]
    newpasswd: OctetString,
    #[rasn(tag(explicit(1)))]
    targname: Option<wire::PrincipalName>,
    #[rasn(tag(explicit(2)))]
    targrealm: Option<wire::Realm>,
}

/// Whose password, and which.
fn read_change(
    acceptor: &Acceptor<'_>,
    accepted: &Accepted,
    version: u16,
    data: &Zeroizing<Vec<u8>>,
) -> Result<(PrincipalName, Zeroizing<String>), Rejected> {
    let rejected = |result, text: &str| Rejected { result, text: text.to_owned() };
    let malformed = |text| rejected(ResultCode::Malformed, text);
    let own = || accepted.client().clone();
    if accepted.client_realm() != acceptor.realm {
        return Err(rejected(ResultCode::AccessDenied, "the client is of another realm"));
    }
    let (target, password) = if version == SET {
        let data: ChangePasswdData = decode(data).map_err(|_why| malformed("the request is not DER"))?;
        let password = messages::taken(data.newpasswd);
        if data.targrealm.is_some_and(|realm| realm.as_bytes() != acceptor.realm.as_bytes()) {
            return Err(rejected(ResultCode::AccessDenied, "the principal is of another realm"));
        }
        let target = match data.targname {
            Some(name) => messages::name(&name).ok_or_else(|| malformed("no principal can have this name"))?,
            None => own(),
        };
        (target, password)
    } else {
        (own(), data.clone())
    };
    let text = str::from_utf8(&password).map_err(|_why| malformed("the password is not UTF-8"))?;
    Ok((target, Zeroizing::new(text.to_owned())))
}

/// Who sets its own password has just shown the old one: somebody who found a terminal unattended has not.
fn require_initial(change: &Change<'_>, ticket: TicketFlags) -> Result<(), Rejected> {
    if change.client != change.target || ticket.has(TicketFlags::INITIAL) {
        return Ok(());
    }
    let text = "the ticket was not got with the password".to_owned();
    Err(Rejected { result: ResultCode::InitialFlagNeeded, text })
}

/// The longest text of a result.
const MOST_TEXT: usize = 1024;

fn result_data(result: ResultCode, text: &str) -> Vec<u8> {
    let text = text.get(..text.floor_char_boundary(MOST_TEXT)).unwrap_or(text);
    [&result.number().to_be_bytes(), text.as_bytes()].concat()
}

fn message(ap_rep: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let whole = length(6 + ap_rep.len() + rest.len());
    [&whole, &CHANGE.to_be_bytes(), &length(ap_rep.len()), ap_rep, rest].concat()
}

/// The reply to an authenticated client.
fn seal(opened: &Opened, local: IpAddr, result: ResultCode, text: &str) -> Result<Vec<u8>, Failure> {
    let Opened { accepted, confounders: [first, second], sequence, .. } = opened;
    let failed = |_: CryptoError| Failure::new(ErrorCode::Generic, ResultCode::HardError, "no reply can be made");
    let ap_rep = accepted.reply(first, *sequence).map_err(failed)?;
    let (addr_type, address) = match local.to_canonical() {
        IpAddr::V4(ip) => (wire::HostAddress::IPV4, ip.octets().to_vec()),
        IpAddr::V6(ip) => (wire::HostAddress::IPV6, ip.octets().to_vec()),
    };
    let part = wire::EncKrbPrivPart {
        user_data: result_data(result, text).into(),
        timestamp: None,
        usec: None,
        seq_number: Some(*sequence),
        sender_address: wire::HostAddress { addr_type, address: address.into() },
        recipient_address: None,
    };
    let key = accepted.shared_key();
    let cipher = encrypt(key, usage::KRB_PRIV, second, &encode_secret(&part)).map_err(failed)?;
    let private = encode(&wire::KrbPriv {
        pvno: Integer::from(VERSION),
        msg_type: Integer::from(kind::PRIV),
        enc_part: messages::encrypted(key.etype(), None, cipher),
    });
    Ok(message(&ap_rep, &private))
}

/// The reply to a client that was not authenticated.
fn refuse(realm: &str, now: u64, failure: &Failure) -> Vec<u8> {
    const SERVICE_AND_INSTANCE: i32 = 2;
    let string = SERVICE.map(messages::text).to_vec();
    let error = KrbError {
        code: failure.code,
        text: Some(failure.text.as_str().into()),
        data: Some(result_data(failure.result, &failure.text)),
        now,
        realm,
        client: None,
        server: Some(&wire::PrincipalName { r#type: SERVICE_AND_INSTANCE, string }),
    };
    message(&[], &error.encode())
}
