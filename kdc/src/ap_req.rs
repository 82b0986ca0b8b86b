//! The AP-REQ: a ticket, and proof that its sender has the session key. The TGS, the password service and application
//! servers verify it alike.
//!
//! Source: RFC 4120, section 3.2.3.

use std::fmt;
use std::net::IpAddr;

use icsf_core::ClearKey;
use icsf_core::backend::Etype;
use icsf_core::codes::ReasonCodes;
use icsf_saf::model::PrincipalName;
use rasn::types::Integer;
use rasn_kerberos as wire;
use zeroize::Zeroizing;

use crate::cache::Replays;
use crate::codes::ErrorCode;
use crate::crypto::{CryptoError, SessionKey, decrypt, encrypt};
use crate::flags::{ApOptions, TicketFlags};
use crate::keys::ServerKeys;
use crate::lifetime::Times;
use crate::messages::{self, VERSION, decode, encode, encode_secret, kind, seconds, usage};
use crate::outcome::Refusal;

/// A ticket that was decrypted.
#[derive(Debug)]
pub(crate) struct OpenTicket {
    pub(crate) flags: TicketFlags,
    pub(crate) session: SessionKey,
    pub(crate) client_realm: wire::Realm,
    pub(crate) client: wire::PrincipalName,
    pub(crate) auth_time: u64,
    pub(crate) times: Times,
    pub(crate) addresses: Option<wire::HostAddresses>,
    pub(crate) authorization_data: Option<wire::AuthorizationData>,
}

/// Decrypts a ticket of this realm.
pub(crate) fn open_ticket(ticket: &wire::Ticket, realm: &str, keys: &dyn ServerKeys) -> Result<OpenTicket, Refusal> {
    if ticket.tkt_vno != Integer::from(VERSION) {
        return Err(Refusal::new(ErrorCode::ApBadVersion, "the version of the ticket is not 5"));
    }
    let not_us = || Refusal::new(ErrorCode::NotUs, "the ticket is for another server");
    let server = messages::name(&ticket.sname).filter(|_| ticket.realm.as_bytes() == realm.as_bytes());
    let server = server.ok_or_else(not_us)?;
    let etype = Etype::from_number(ticket.enc_part.etype)
        .ok_or_else(|| Refusal::new(ErrorCode::NoKey, "the server has no key of the type of the ticket"))?;
    let plain = keys.decrypt_ticket(&server, etype, ticket.enc_part.kvno, &ticket.enc_part.cipher)?;
    read_ticket(&plain)
}

/// Reads what was decrypted of a ticket.
pub(crate) fn read_ticket(plain: &Zeroizing<Vec<u8>>) -> Result<OpenTicket, Refusal> {
    let part: wire::EncTicketPart = decode(plain)?;
    let start = part.start_time.as_ref().unwrap_or(&part.auth_time);
    let flags = TicketFlags::from(&part.flags);
    let times = Times {
        start: seconds(start),
        end: seconds(&part.end_time),
        renew_till: part.renew_till.as_ref().map(seconds).filter(|_| flags.has(TicketFlags::RENEWABLE)),
        postdated: flags.has(TicketFlags::INVALID),
    };
    Ok(OpenTicket {
        flags,
        session: session_key(part.key)?,
        client_realm: part.crealm,
        client: part.cname,
        auth_time: seconds(&part.auth_time),
        times,
        addresses: part.caddr,
        authorization_data: part.authorization_data,
    })
}

/// A key out of a message, whose bytes are wiped there.
pub(crate) fn session_key(key: wire::EncryptionKey) -> Result<SessionKey, Refusal> {
    let unsupported = || Refusal::new(ErrorCode::EtypeUnsupported, "a session key of another type");
    let number = key.r#type;
    let bytes = ClearKey::from_slice(&messages::taken(key.value));
    let etype = Etype::from_number(number).ok_or_else(unsupported)?;
    SessionKey::new(etype, &bytes)
        .map_err(|_length| Refusal::new(ErrorCode::BadIntegrity, "the length of a session key does not fit its type"))
}

/// What an AP-REQ holds, when ticket and authenticator fit each other, the clock and the sender.
pub(crate) struct Opened {
    pub(crate) options: ApOptions,
    pub(crate) server: wire::PrincipalName,
    pub(crate) ticket: OpenTicket,
    pub(crate) subkey: Option<SessionKey>,
    /// Its type and its bytes, in which GSS-API clients send the session keys of delegated tickets.
    pub(crate) checksum: Option<(i32, Zeroizing<Vec<u8>>)>,
    pub(crate) time: (wire::KerberosTime, Integer),
    pub(crate) sequence: Option<u32>,
    cipher: rasn::types::OctetString,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("options", &self.options)
            .field("ticket", &self.ticket)
            .field("subkey", &self.subkey)
            .finish_non_exhaustive()
    }
}

/// What an AP-REQ is verified against.
pub(crate) struct Verifier<'a> {
    pub(crate) realm: &'a str,
    pub(crate) keys: &'a dyn ServerKeys,
    pub(crate) replays: &'a Replays,
    pub(crate) numbering: ReasonCodes,
    pub(crate) skew: u32,
    pub(crate) now: u64,
    pub(crate) peer: Option<IpAddr>,
    /// The key usage of the authenticator: 7 for the TGS, else 11.
    pub(crate) usage: u32,
}

impl Verifier<'_> {
    /// Decrypts ticket and authenticator. When the ticket is valid is not looked at yet, nor whether it was used before:
    /// the TGS renews what others refuse.
    pub(crate) fn open(&self, request: wire::ApReq) -> Result<Opened, Refusal> {
        if request.pvno != Integer::from(VERSION) {
            return Err(Refusal::new(ErrorCode::ApBadVersion, "the version of the AP-REQ is not 5"));
        }
        if request.msg_type != Integer::from(kind::AP_REQ) {
            return Err(Refusal::new(ErrorCode::MessageType, "not an AP-REQ"));
        }
        let ticket = open_ticket(&request.ticket, self.realm, self.keys)?;
        let bad = Refusal::new(ErrorCode::BadIntegrity, "the authenticator was altered, or its key is another");
        let cipher = request.authenticator.cipher;
        let plain = decrypt(&ticket.session, self.usage, &cipher)
            .map_err(|error| Refusal::crypto(&error, self.numbering, bad))?;
        let authenticator: wire::Authenticator = decode(&plain)?;
        if authenticator.authenticator_vno != Integer::from(VERSION) {
            return Err(Refusal::new(ErrorCode::ApBadVersion, "the version of the authenticator is not 5"));
        }
        let same = messages::same_name(&authenticator.cname, &ticket.client);
        if !same || authenticator.crealm != ticket.client_realm {
            return Err(Refusal::new(ErrorCode::BadMatch, "ticket and authenticator name different clients"));
        }
        self.require_address(ticket.addresses.as_ref())?;
        let time = (authenticator.ctime, authenticator.cusec);
        if self.now.abs_diff(seconds(&time.0)) > self.skew.into() {
            return Err(Refusal::new(ErrorCode::ClockSkew, "the clock of the client is too far away"));
        }
        Ok(Opened {
            options: ApOptions::from(&request.ap_options),
            server: request.ticket.sname,
            subkey: authenticator.subkey.map(session_key).transpose()?,
            checksum: authenticator.cksum.map(|sum| (sum.r#type, messages::taken(sum.checksum))),
            sequence: authenticator.seq_number,
            ticket,
            time,
            cipher,
        })
    }

    /// That it may come from this address.
    pub(crate) fn require_address(&self, addresses: Option<&wire::HostAddresses>) -> Result<(), Refusal> {
        match (self.peer, addresses) {
            (Some(peer), Some(addresses)) if !may_come_from(addresses, peer) => {
                Err(Refusal::new(ErrorCode::BadAddress, "the ticket may not be used from this address"))
            }
            _ => Ok(()),
        }
    }

    /// That the ticket is valid now, give or take the skew.
    pub(crate) fn require_valid(&self, ticket: &OpenTicket) -> Result<(), Refusal> {
        let skew = u64::from(self.skew);
        if ticket.flags.has(TicketFlags::INVALID) || ticket.times.start > self.now.saturating_add(skew) {
            return Err(Refusal::new(ErrorCode::TicketNotYetValid, "the ticket is not valid yet"));
        }
        if ticket.times.end.saturating_add(skew) < self.now {
            return Err(Refusal::new(ErrorCode::TicketExpired, "the ticket has expired"));
        }
        Ok(())
    }

    /// That the authenticator was not seen before. The last of all checks: what is refused for another reason may come
    /// again.
    pub(crate) fn require_first(&self, opened: &Opened) -> Result<(), Refusal> {
        let until = seconds(&opened.time.0).saturating_add(self.skew.into());
        if self.replays.is_first(&opened.cipher, until, self.now) {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::Repeat, "the request is a replay"))
    }
}

/// Whether a ticket for these addresses may be used from `peer`. One that lists NetBIOS names alone, as clients on Windows
/// ask for, is not bound to an address.
pub(crate) fn may_come_from(addresses: &[wire::HostAddress], peer: IpAddr) -> bool {
    let (kind, peer) = match peer.to_canonical() {
        IpAddr::V4(peer) => (wire::HostAddress::IPV4, peer.octets().to_vec()),
        IpAddr::V6(peer) => (wire::HostAddress::IPV6, peer.octets().to_vec()),
    };
    addresses.iter().any(|address| address.addr_type == kind && *address.address == *peer)
        || addresses.iter().all(|address| address.addr_type == wire::HostAddress::NET_BIOS)
}

/// Verifies AP-REQs for a server.
#[derive(Debug, Clone, Copy)]
pub struct Acceptor<'a> {
    /// The realm of the server.
    pub realm: &'a str,
    /// Its keys.
    pub keys: &'a dyn ServerKeys,
    /// The authenticators it saw.
    pub replays: &'a Replays,
    /// The numbering of reason codes in which errors of ICSF are told.
    pub numbering: ReasonCodes,
    /// How far clocks may be apart, in seconds.
    pub skew: u32,
}

impl Acceptor<'_> {
    /// Verifies an AP-REQ that came from `peer`; without one, addresses are not checked.
    ///
    /// # Errors
    /// [`ErrorCode::BadIntegrity`], [`ErrorCode::TicketExpired`], [`ErrorCode::Repeat`] and the others of RFC 4120,
    /// section 3.2.3; those of [`ServerKeys::decrypt_ticket`].
    pub fn accept(&self, request: &[u8], peer: Option<IpAddr>, now: u64) -> Result<Accepted, Refusal> {
        let verifier = Verifier {
            realm: self.realm,
            keys: self.keys,
            replays: self.replays,
            numbering: self.numbering,
            skew: self.skew,
            now,
            peer,
            usage: usage::AP_REQ_AUTHENTICATOR,
        };
        let opened = verifier.open(decode(request)?)?;
        verifier.require_valid(&opened.ticket)?;
        verifier.require_first(&opened)?;
        let bad = || Refusal::new(ErrorCode::BadMatch, "the client has a name that no principal can have");
        Ok(Accepted {
            client: messages::name(&opened.ticket.client).ok_or_else(bad)?,
            client_realm: String::from_utf8_lossy(opened.ticket.client_realm.as_bytes()).into_owned(),
            server: messages::name(&opened.server).ok_or_else(bad)?,
            time: (seconds(&opened.time.0), u32::try_from(&opened.time.1).unwrap_or(0)),
            opened,
        })
    }
}

/// A client that was accepted.
#[derive(Debug)]
pub struct Accepted {
    client: PrincipalName,
    client_realm: String,
    server: PrincipalName,
    time: (u64, u32),
    opened: Opened,
}

impl Accepted {
    /// Who it is.
    #[must_use]
    pub const fn client(&self) -> &PrincipalName {
        &self.client
    }

    /// Its realm.
    #[must_use]
    pub fn client_realm(&self) -> &str {
        &self.client_realm
    }

    /// The server its ticket is for.
    #[must_use]
    pub const fn server(&self) -> &PrincipalName {
        &self.server
    }

    /// What the ticket is.
    #[must_use]
    pub const fn flags(&self) -> TicketFlags {
        self.opened.ticket.flags
    }

    /// When it is valid.
    #[must_use]
    pub const fn times(&self) -> Times {
        self.opened.ticket.times
    }

    /// The session key of the ticket.
    #[must_use]
    pub const fn session_key(&self) -> &SessionKey {
        &self.opened.ticket.session
    }

    /// The key the client chose instead.
    #[must_use]
    pub const fn subkey(&self) -> Option<&SessionKey> {
        self.opened.subkey.as_ref()
    }

    /// What the client asked of the server.
    #[must_use]
    pub const fn options(&self) -> ApOptions {
        self.opened.options
    }

    /// The client's time: seconds since 1970 UTC, and microseconds. An AP-REP repeats it.
    #[must_use]
    pub const fn time(&self) -> (u64, u32) {
        self.time
    }

    /// The sequence number of the client's messages.
    #[must_use]
    pub const fn sequence(&self) -> Option<u32> {
        self.opened.sequence
    }

    /// Type and bytes of the checksum in the authenticator. It is not verified here: what it is of, and whether at all,
    /// depends on the application.
    #[must_use]
    pub fn checksum(&self) -> Option<(i32, &[u8])> {
        self.opened.checksum.as_ref().map(|(kind, sum)| (*kind, &***sum))
    }

    /// The key that protects what both sides send from now on: the client's choice, or the session key.
    #[must_use]
    pub fn shared_key(&self) -> &SessionKey {
        self.subkey().unwrap_or_else(|| self.session_key())
    }

    /// The AP-REP: it proves to the client that the server has the key of the ticket. The server chooses no key of its own,
    /// and counts its messages from `sequence`.
    pub(crate) fn reply(&self, confounder: &[u8; 16], sequence: u32) -> Result<Vec<u8>, CryptoError> {
        let (time, microseconds) = self.time;
        let part = wire::EncApRepPart {
            ctime: messages::to_time(time),
            cusec: Integer::from(microseconds),
            subkey: None,
            seq_number: Some(sequence),
        };
        let key = self.session_key();
        let cipher = encrypt(key, usage::AP_REP, confounder, &encode_secret(&part))?;
        Ok(encode(&wire::ApRep {
            pvno: Integer::from(VERSION),
            msg_type: Integer::from(kind::AP_REP),
            enc_part: messages::encrypted(key.etype(), None, cipher),
        }))
    }
}
