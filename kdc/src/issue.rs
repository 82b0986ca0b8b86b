//! A new ticket, and the reply it goes out in: the same for both exchanges.

use bytes::Bytes;
use icsf_core::Cause;
use icsf_core::backend::Etype;
use icsf_core::codes::ReasonCodes;
use icsf_core::random::{NoRandom, RandomSource};
use rasn::types::{Integer, OctetString};
use rasn_kerberos as wire;
use zeroize::Zeroizing;

use crate::codes::ErrorCode;
use crate::crypto::{BaseKey, CryptoError, SessionKey, encrypt};
use crate::flags::TicketFlags;
use crate::lifetime::Times;
use crate::messages::{self, Exchange, VERSION, encode, encode_secret, encrypted, kind, to_time, usage};
use crate::nonce;
use crate::outcome::{Issued, Refusal};

/// A ticket to be issued.
pub(crate) struct NewTicket<'a> {
    pub(crate) flags: TicketFlags,
    pub(crate) session: SessionKey,
    pub(crate) client_realm: &'a wire::Realm,
    pub(crate) client: &'a wire::PrincipalName,
    pub(crate) realm: &'a wire::Realm,
    pub(crate) server: &'a wire::PrincipalName,
    pub(crate) auth_time: u64,
    pub(crate) times: Times,
    pub(crate) addresses: Option<wire::HostAddresses>,
    pub(crate) authorization_data: Option<wire::AuthorizationData>,
}

/// What it is encrypted with: the key, and its version if it is one of a principal.
pub(crate) struct TicketKey<'a> {
    pub(crate) key: &'a dyn BaseKey,
    pub(crate) version: Option<u32>,
}

/// What the reply has beside the ticket.
pub(crate) struct Reply<'a> {
    pub(crate) exchange: Exchange,
    pub(crate) key: &'a dyn BaseKey,
    pub(crate) key_version: Option<u32>,
    pub(crate) usage: u32,
    pub(crate) nonce: i64,
    pub(crate) padata: Option<Vec<wire::PaData>>,
    pub(crate) key_expiration: Option<u64>,
}

/// Encrypts ticket and reply.
pub(crate) fn issue(
    ticket: NewTicket<'_>,
    with: &TicketKey<'_>,
    reply: Reply<'_>,
    random: &dyn RandomSource,
    numbering: ReasonCodes,
) -> Result<(Vec<u8>, Issued), Refusal> {
    let mut confounders = [[0; 16]; 2];
    random.fill(confounders.as_flattened_mut()).map_err(|error| no_random(&error))?;
    let [ticket_confounder, reply_confounder] = confounders;
    let failed = |error: CryptoError| {
        Refusal::crypto(&error, numbering, Refusal::new(ErrorCode::Generic, "the reply cannot be encrypted"))
    };

    let session_etype = ticket.session.etype();
    // The bytes of the key are wiped with the last of the two messages.
    let key = wire::EncryptionKey {
        r#type: session_etype.number(),
        value: Bytes::from_owner(Zeroizing::new(ticket.session.expose().to_vec())).into(),
    };
    let flags = wire::TicketFlags::from(ticket.flags);
    let renew_till = ticket.times.renew_till.map(to_time);
    let part = wire::EncTicketPart {
        flags: flags.clone(),
        key: key.clone(),
        crealm: ticket.client_realm.clone(),
        cname: ticket.client.clone(),
        transited: wire::TransitedEncoding { r#type: DOMAIN_X500_COMPRESS, contents: OctetString::default() },
        auth_time: to_time(ticket.auth_time),
        start_time: Some(to_time(ticket.times.start)),
        end_time: to_time(ticket.times.end),
        renew_till: renew_till.clone(),
        caddr: ticket.addresses.clone(),
        authorization_data: ticket.authorization_data,
    };
    let cipher = encrypt(with.key, usage::TICKET, &ticket_confounder, &encode_secret(&part)).map_err(failed)?;
    let ticket_etype = with.key.etype();
    let sealed = wire::Ticket {
        tkt_vno: Integer::from(VERSION),
        realm: ticket.realm.clone(),
        sname: ticket.server.clone(),
        enc_part: encrypted(ticket_etype, with.version, cipher),
    };

    let part = nonce::EncKdcRepPart {
        key,
        last_req: vec![wire::LastReqValue { r#type: 0, value: to_time(ticket.auth_time) }],
        nonce: reply.nonce,
        key_expiration: reply.key_expiration.map(to_time),
        flags,
        auth_time: to_time(ticket.auth_time),
        start_time: Some(to_time(ticket.times.start)),
        end_time: to_time(ticket.times.end),
        renew_till,
        srealm: ticket.realm.clone(),
        sname: ticket.server.clone(),
        caddr: ticket.addresses,
        encrypted_pa_data: None,
    };
    let plain = match reply.exchange {
        Exchange::As => encode_secret(&nonce::EncAsRepPart(part)),
        Exchange::Tgs => encode_secret(&nonce::EncTgsRepPart(part)),
    };
    let cipher = encrypt(reply.key, reply.usage, &reply_confounder, &plain).map_err(failed)?;
    let reply_etype = reply.key.etype();
    let message = |number| wire::KdcRep {
        pvno: Integer::from(VERSION),
        msg_type: Integer::from(number),
        padata: reply.padata,
        crealm: ticket.client_realm.clone(),
        cname: ticket.client.clone(),
        ticket: sealed,
        enc_part: encrypted(reply_etype, reply.key_version, cipher),
    };
    let bytes = match reply.exchange {
        Exchange::As => encode(&wire::AsRep(message(kind::AS_REP))),
        Exchange::Tgs => encode(&wire::TgsRep(message(kind::TGS_REP))),
    };
    let etypes = [reply_etype, ticket_etype, session_etype].map(Etype::number);
    Ok((bytes, Issued { flags: ticket.flags, auth_time: ticket.auth_time, times: ticket.times, etypes }))
}

/// Source: RFC 4120, section 3.3.3.2. Tickets of one realm have passed none.
const DOMAIN_X500_COMPRESS: i32 = 1;

/// A new session key.
pub(crate) fn new_session_key(etype: Etype, random: &dyn RandomSource) -> Result<SessionKey, Refusal> {
    SessionKey::random(etype, random).map_err(|error| no_random(&error))
}

fn no_random(error: &NoRandom) -> Refusal {
    Refusal::new(ErrorCode::ServiceUnavailable, "no random bytes").because(Cause::new(error.to_string()))
}

/// The hints for a client that has to authenticate itself: the encryption types of its keys, with their salts.
pub(crate) fn etype_info<'a>(keys: impl Iterator<Item = (Etype, &'a str)>) -> wire::PaData {
    let entry = |(etype, salt): (Etype, &str)| wire::EtypeInfo2Entry {
        etype: etype.number(),
        salt: Some(messages::text(salt)),
        // The iteration count is that of the type's RFC.
        s2kparams: None,
    };
    messages::pa_data(messages::padata::ETYPE_INFO2, encode(&keys.map(entry).collect::<wire::EtypeInfo2>()))
}
