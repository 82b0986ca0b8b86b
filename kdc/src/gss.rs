//! GSS-API: the side of a server. A client's first token is parsed and verified, and answered; the context is then there,
//! as Kerberos needs one token each way.
//!
//! ```text
//! token:      60 length | 06 09 OID of Kerberos | 01 00 | AP-REQ        answer: the same with 02 00 | AP-REP
//! SPNEGO:     60 length | 06 06 OID of SPNEGO   | NegTokenInit          answer: NegTokenResp, around the above
//! bare:       AP-REQ                                                    answer: AP-REP
//! checksum of the authenticator, type 8003, little-endian:
//!   16 u32 | 16 bytes of channel bindings | flags u32 | with DELEG: 1 u16 | length u16 | KRB-CRED
//! ```
//! Channel bindings are not compared: there is no channel here. Nor are messages protected: who wants to do that has the
//! [key](Context::key).
//!
//! Source: RFC 2743, section 3.1; RFC 4121, section 4.1; RFC 4178, section 4.2.

use std::fmt;
use std::net::IpAddr;

use icsf_core::random::RandomSource;
use icsf_saf::model::PrincipalName;
use rasn::types::Integer;
use rasn_kerberos as wire;

use crate::ap_req::{Accepted, Acceptor, session_key};
use crate::codes::ErrorCode;
use crate::crypto::{SessionKey, decrypt};
use crate::der;
use crate::flags::{ApOptions, TicketFlags};
use crate::messages::{self, VERSION, decode, kind, seconds, usage};
use crate::outcome::Refusal;

/// 1.2.840.113554.1.2.2, as it stands in a message.
const KERBEROS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
/// 1.2.840.48018.1.2.2: the same with a bit lost, which Windows put first for long.
const KERBEROS_OF_WINDOWS: [u8; 9] = [0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02];
/// 1.3.6.1.5.5.2.
const SPNEGO: [u8; 6] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];

const AP_REQ: [u8; 2] = [1, 0];
const AP_REP: [u8; 2] = [2, 0];

/// Tags of DER.
mod tag {
    pub(super) const OCTETS: u8 = 0x04;
    pub(super) const OID: u8 = 0x06;
    pub(super) const ENUMERATED: u8 = 0x0a;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const TOKEN: u8 = 0x60;
    pub(super) const FIELDS: [u8; 3] = [0xa0, 0xa1, 0xa2];
}

/// What a client wants of the context. Source: RFC 4121, section 4.1.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ContextFlags(u32);

impl ContextFlags {
    /// The client's tickets are delegated to the server.
    pub const DELEGATION: Self = Self(1);
    /// The server is to prove itself.
    pub const MUTUAL: Self = Self(2);
    /// Messages that come again are to be found.
    pub const REPLAY: Self = Self(4);
    /// So are messages out of order.
    pub const SEQUENCE: Self = Self(8);
    /// Messages can be encrypted.
    pub const CONFIDENTIALITY: Self = Self(16);
    /// Messages can be authenticated.
    pub const INTEGRITY: Self = Self(32);
    /// A third token, and no frames: the way of DCE.
    const DCE_STYLE: Self = Self(0x1000);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// A ticket that the client hands on, for the server to act in its name.
#[non_exhaustive]
pub struct Delegated {
    /// Whose it is.
    pub client: Option<PrincipalName>,
    /// What it is for; as a rule the service that grants tickets.
    pub server: Option<PrincipalName>,
    /// What it is.
    pub flags: TicketFlags,
    /// When it ends, in seconds since 1970 UTC.
    pub end: Option<u64>,
    /// Its session key.
    pub session: SessionKey,
    /// The ticket, in DER.
    pub ticket: Vec<u8>,
}

impl fmt::Debug for Delegated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegated")
            .field("client", &self.client)
            .field("server", &self.server)
            .field("flags", &self.flags)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// A context that was accepted.
pub struct Context {
    accepted: Accepted,
    flags: ContextFlags,
    delegated: Vec<Delegated>,
    reply: Option<Vec<u8>>,
}

/// The reply is a message of somebody's logon: that there is one will do.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("accepted", &self.accepted)
            .field("flags", &self.flags)
            .field("delegated", &self.delegated)
            .field("reply", &self.reply.is_some())
            .finish()
    }
}

impl Context {
    /// Client, server and ticket.
    #[must_use]
    pub const fn accepted(&self) -> &Accepted {
        &self.accepted
    }

    /// What the client wanted. A bare AP-REQ says mutual authentication or nothing.
    #[must_use]
    pub const fn flags(&self) -> ContextFlags {
        self.flags
    }

    /// The key of the context: it protects the messages of both sides.
    #[must_use]
    pub fn key(&self) -> &SessionKey {
        self.accepted.shared_key()
    }

    /// The tickets that the client delegated.
    #[must_use]
    pub fn delegated(&self) -> &[Delegated] {
        &self.delegated
    }

    /// The token for the client; none when it waits for none.
    #[must_use]
    pub fn reply(&self) -> Option<&[u8]> {
        self.reply.as_deref()
    }
}

/// What is around an AP-REQ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Bare,
    Kerberos,
    /// With the OID by which the client chose Kerberos.
    Spnego([u8; 9]),
}

fn defective(reason: &'static str) -> Refusal {
    Refusal::new(ErrorCode::MessageType, reason)
}

/// Accepts the context of the token that came from `peer`; without one, addresses are not checked.
///
/// ```
/// # use icsf_core::{codes::ReasonCodes, random::SystemRandom};
/// # use icsf_kdc::{Acceptor, KeytabKeys, Replays, codes::ErrorCode, gss, keytab};
/// # let (file, token, now) = ([5, 2], *b"hello", 1_795_159_756);
/// let entries = keytab::read(&file)?;
/// let keys = KeytabKeys { realm: "EXAMPLE.COM", entries: &entries };
/// let replays = Replays::new(); // one for the life of the server
/// let acceptor =
///     Acceptor { realm: "EXAMPLE.COM", keys: &keys, replays: &replays, numbering: ReasonCodes::Icsf, skew: 300 };
/// match gss::accept(&acceptor, &SystemRandom, &token, None, now) {
///     Ok(context) => println!("{} is there", context.accepted().client()),
///     Err(refusal) => assert_eq!(refusal.code(), ErrorCode::MessageType),
/// }
/// # Ok::<(), keytab::KeytabError>(())
/// ```
///
/// # Errors
/// [`ErrorCode::MessageType`] for what is no token of Kerberos; [`ErrorCode::InappropriateChecksum`] for a GSS-API token
/// without the checksum of RFC 4121; [`ErrorCode::BadIntegrity`] for delegated tickets that cannot be read; those of
/// [`Acceptor::accept`].
pub fn accept(
    acceptor: &Acceptor<'_>,
    random: &dyn RandomSource,
    token: &[u8],
    peer: Option<IpAddr>,
    now: u64,
) -> Result<Context, Refusal> {
    let (frame, ap_req) = unframed(token)?;
    // Drawn beforehand: once the authenticator counts as seen, the reply can be made.
    let (mut confounder, mut sequence) = ([0; 16], [0; 4]);
    for place in [&mut confounder[..], &mut sequence] {
        random.fill(place).map_err(|_no_random| Refusal::new(ErrorCode::Generic, "the server has no random bytes"))?;
    }
    let accepted = acceptor.accept(ap_req, peer, now)?;
    let (flags, delegated) = match frame {
        Frame::Bare => (ContextFlags(0), Vec::new()),
        Frame::Kerberos | Frame::Spnego(_) => read_checksum(&accepted)?,
    };
    let asked = accepted.options().has(ApOptions::MUTUAL_REQUIRED);
    let flags = match frame {
        Frame::Bare if asked => ContextFlags::MUTUAL,
        _ => flags,
    };
    let ap_rep = if flags.has(ContextFlags::MUTUAL) {
        // Some clients take sequence numbers with the highest bits set for negative ones.
        let sequence = u32::from_be_bytes(sequence) >> 2;
        let failed = |_| Refusal::new(ErrorCode::Generic, "no reply can be made");
        Some(accepted.reply(&confounder, sequence).map_err(failed)?)
    } else {
        None
    };
    Ok(Context { reply: reply(frame, ap_rep), accepted, flags, delegated })
}

/// Finds the AP-REQ in a token.
fn unframed(token: &[u8]) -> Result<(Frame, &[u8]), Refusal> {
    const BARE: u8 = 0x60 | kind::AP_REQ;
    if token.first() == Some(&BARE) {
        return Ok((Frame::Bare, token));
    }
    let not_one = || defective("neither an AP-REQ nor a GSS-API token");
    let content = der::only(token, tag::TOKEN).ok_or_else(not_one)?;
    let (oid, inner) = der::element(content, tag::OID).ok_or_else(not_one)?;
    if oid == KERBEROS {
        let ap_req =
            inner.strip_prefix(&AP_REQ).ok_or_else(|| defective("not the first token of a Kerberos client"))?;
        return Ok((Frame::Kerberos, ap_req));
    }
    if oid != SPNEGO {
        return Err(defective("a GSS-API token of another mechanism than Kerberos"));
    }
    let broken = || defective("not the DER of a NegTokenInit");
    let (chosen, first) = negotiation(inner).ok_or_else(broken)?;
    let chosen = <[u8; 9]>::try_from(chosen).ok().filter(|oid| [KERBEROS, KERBEROS_OF_WINDOWS].contains(oid));
    let chosen = chosen.ok_or_else(|| defective("the mechanism the client likes best is not Kerberos"))?;
    let first = first.ok_or_else(|| defective("a SPNEGO token without one of Kerberos in it"))?;
    match unframed_kerberos(first) {
        Some(ap_req) => Ok((Frame::Spnego(chosen), ap_req)),
        None => Err(defective("the token in the SPNEGO token is not of Kerberos")),
    }
}

fn unframed_kerberos(token: &[u8]) -> Option<&[u8]> {
    let (oid, inner) = der::element(der::only(token, tag::TOKEN)?, tag::OID)?;
    inner.strip_prefix(&AP_REQ).filter(|_| oid == KERBEROS)
}

/// The mechanism a client likes best, and its first token for that.
fn negotiation(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let [mechanisms, _, token] = tag::FIELDS;
    let fields = der::elements(der::only(der::only(bytes, tag::FIELDS[0])?, tag::SEQUENCE)?)?;
    let field = |wanted: u8| fields.iter().find(|(tag, _)| *tag == wanted).map(|(_, content)| *content);
    let list = der::only(field(mechanisms)?, tag::SEQUENCE)?;
    let (first, _) = der::element(list, tag::OID)?;
    match field(token) {
        Some(content) => Some((first, Some(der::only(content, tag::OCTETS)?))),
        None => Some((first, None)),
    }
}

/// The token for the client.
fn reply(frame: Frame, ap_rep: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let kerberos = |ap_rep: Vec<u8>| {
        let content = [&*der::framed(tag::OID, &KERBEROS), &AP_REP, &ap_rep].concat();
        der::framed(tag::TOKEN, &content)
    };
    let chosen = match frame {
        Frame::Bare => return ap_rep,
        Frame::Kerberos => return ap_rep.map(kerberos),
        Frame::Spnego(chosen) => chosen,
    };
    const COMPLETED: [u8; 1] = [0];
    let [state, mechanism, token] = tag::FIELDS;
    let token = ap_rep.map(|ap_rep| der::framed(token, &der::framed(tag::OCTETS, &kerberos(ap_rep))));
    let fields = [
        der::framed(state, &der::framed(tag::ENUMERATED, &COMPLETED)),
        der::framed(mechanism, &der::framed(tag::OID, &chosen)),
        token.unwrap_or_default(),
    ];
    Some(der::framed(tag::FIELDS[1], &der::framed(tag::SEQUENCE, &fields.concat())))
}

/// What stands in the checksum of a GSS-API client.
fn read_checksum(accepted: &Accepted) -> Result<(ContextFlags, Vec<Delegated>), Refusal> {
    const TYPE: i32 = 0x8003;
    let inappropriate = |reason| Refusal::new(ErrorCode::InappropriateChecksum, reason);
    let bytes = match accepted.checksum() {
        Some((TYPE, bytes)) => bytes,
        _ => return Err(inappropriate("the authenticator has not the checksum of a GSS-API client")),
    };
    let short = || inappropriate("the checksum of a GSS-API client is cut off");
    let (fixed, rest) = bytes.split_first_chunk::<24>().ok_or_else(short)?;
    let ([length, _, _, _, _, flags], _) = fixed.as_chunks::<4>() else { return Err(short()) };
    if u32::from_le_bytes(*length) != 16 {
        return Err(inappropriate("the channel bindings of a GSS-API client have not 16 bytes"));
    }
    let flags = ContextFlags(u32::from_le_bytes(*flags));
    if flags.has(ContextFlags::DCE_STYLE) {
        return Err(Refusal::new(ErrorCode::Generic, "contexts in the style of DCE are not accepted"));
    }
    if !flags.has(ContextFlags::DELEGATION) {
        return Ok((flags, Vec::new()));
    }
    let (&[one, other, low, high], rest) = rest.split_first_chunk().ok_or_else(short)?;
    let credentials = rest.get(..u16::from_le_bytes([low, high]).into()).ok_or_else(short)?;
    if u16::from_le_bytes([one, other]) != 1 {
        return Err(inappropriate("what is delegated is of no known kind"));
    }
    Ok((flags, read_delegated(accepted, credentials)?))
}

/// Reads a KRB-CRED. MIT's clients do not encrypt it by itself, since it stands within the authenticator; others do, with
/// the subkey or the session key.
fn read_delegated(accepted: &Accepted, bytes: &[u8]) -> Result<Vec<Delegated>, Refusal> {
    const NOT_ENCRYPTED: i32 = 0;
    let bad = || Refusal::new(ErrorCode::BadIntegrity, "the delegated tickets cannot be read");
    let message: wire::KrbCred = decode(bytes)?;
    if message.pvno != Integer::from(VERSION) || message.msg_type != Integer::from(kind::CRED) {
        return Err(Refusal::new(ErrorCode::MessageType, "what is delegated is no KRB-CRED"));
    }
    let wire::EncryptedData { etype, cipher, .. } = message.enc_part;
    let plain = if etype == NOT_ENCRYPTED {
        messages::taken(cipher)
    } else {
        let open = |key: &SessionKey| decrypt(key, usage::KRB_CRED, &cipher).ok();
        let keys = [accepted.subkey(), Some(accepted.session_key())];
        keys.into_iter().flatten().find_map(open).ok_or_else(bad)?
    };
    let part: wire::EncKrbCredPart = decode(&plain)?;
    if part.ticket_info.len() != message.tickets.len() {
        return Err(bad());
    }
    let read = |(info, ticket): (wire::KrbCredInfo, wire::Ticket)| {
        Ok(Delegated {
            client: info.pname.as_ref().and_then(messages::name),
            server: messages::name(&ticket.sname),
            flags: info.flags.as_ref().map_or(TicketFlags::NONE, TicketFlags::from),
            end: info.end_time.as_ref().map(seconds),
            session: session_key(info.key)?,
            ticket: messages::encode(&ticket),
        })
    };
    part.ticket_info.into_iter().zip(message.tickets).map(read).collect()
}
