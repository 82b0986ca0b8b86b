//! The AS exchange: an initial ticket, for who knows the password of the client.
//!
//! Source: RFC 4120, section 3.1.

use icsf_core::services::KerberosKey;
use icsf_saf::model::{Principal, PrincipalFlag, PrincipalKey};
use rasn_kerberos as wire;

use crate::ap_req::may_come_from;
use crate::codes::ErrorCode;
use crate::crypto::{CryptoError, decrypt};
use crate::flags::{KdcOptions, TicketFlags};
use crate::issue::{self, NewTicket, Reply, TicketKey};
use crate::kdc::Ask;
use crate::keys;
use crate::lifetime;
use crate::messages::{self, Exchange, decode, encode, padata, seconds, usage};
use crate::outcome::{Issued, Refusal};
use crate::policy;

/// What is asked of a ticket that there already is.
const OF_A_TICKET: KdcOptions = KdcOptions::FORWARDED
    .or(KdcOptions::PROXY)
    .or(KdcOptions::RENEW)
    .or(KdcOptions::VALIDATE)
    .or(KdcOptions::ENC_TKT_IN_SKEY)
    .or(KdcOptions::CNAME_IN_ADDL_TKT)
    .or(KdcOptions::REQUEST_ANONYMOUS);

pub(crate) fn exchange(ask: &Ask<'_>) -> Result<(Vec<u8>, Issued), Refusal> {
    let body = &ask.request.body;
    let options = ask.options();
    if options.has_any(OF_A_TICKET) {
        return Err(Refusal::new(ErrorCode::BadOption, "an option that an initial ticket cannot have"));
    }
    let client_unknown = || Refusal::new(ErrorCode::ClientUnknown, "the client is not defined");
    let client_name = body.cname.as_ref().ok_or_else(client_unknown)?;
    let client = ask.principal(client_name, &body.realm, client_unknown())?;
    let server_unknown = || Refusal::new(ErrorCode::ServerUnknown, "the server is not defined");
    let server_name = body.sname.as_ref().ok_or_else(server_unknown)?;
    let server = ask.principal(server_name, &body.realm, server_unknown())?;
    policy::require_client(ask.registry, client, ask.now)?;
    policy::require_server(server, false, ask.now)?;
    policy::require_password(client, server, ask.now)?;
    let either = |flag| client.has(flag) || server.has(flag);
    if options.has_any(KdcOptions::ALLOW_POSTDATE | KdcOptions::POSTDATED) && either(PrincipalFlag::NoPostdated) {
        return Err(Refusal::new(ErrorCode::CannotPostdate, "tickets of the client or the server are not postdated"));
    }
    if ask.realm.check_addresses && body.addresses.as_ref().is_some_and(|listed| !may_come_from(listed, ask.peer)) {
        return Err(Refusal::new(ErrorCode::BadAddress, "a ticket for addresses that are not the sender's"));
    }
    let session_etype = ask.session_etype(server)?;

    let proven = authenticate(ask, client)?;
    let options = options.without(
        KdcOptions::FORWARDABLE.when(either(PrincipalFlag::NoForwardable))
            | KdcOptions::PROXIABLE.when(either(PrincipalFlag::NoProxiable))
            | (KdcOptions::RENEWABLE | KdcOptions::RENEWABLE_OK).when(either(PrincipalFlag::NoRenewable)),
    );
    let limits = policy::limits(ask.realm, Some(client), server);
    let times = lifetime::initial(ask.now, ask.skew(), options, ask.asked(), limits).map_err(ask.no_times())?;
    let (server_key, version) = keys::of_server(ask.icsf(), server)?;
    let flags = TicketFlags::INITIAL
        | TicketFlags::PRE_AUTHENT.when(proven.by_timestamp)
        | TicketFlags::FORWARDABLE.when(options.has(KdcOptions::FORWARDABLE))
        | TicketFlags::PROXIABLE.when(options.has(KdcOptions::PROXIABLE))
        | TicketFlags::MAY_POSTDATE.when(options.has(KdcOptions::ALLOW_POSTDATE))
        | (TicketFlags::POSTDATED | TicketFlags::INVALID).when(times.postdated)
        | TicketFlags::RENEWABLE.when(times.renew_till.is_some());
    let ticket = NewTicket {
        flags,
        session: issue::new_session_key(session_etype, ask.random())?,
        client_realm: &body.realm,
        client: client_name,
        realm: &body.realm,
        server: server_name,
        auth_time: ask.now,
        times,
        addresses: body.addresses.clone(),
        authorization_data: None,
    };
    let info = issue::etype_info(std::iter::once((proven.key.etype, &*proven.key.salt)));
    let reply = Reply {
        exchange: Exchange::As,
        key: &proven.open,
        key_version: Some(proven.key.version),
        usage: usage::AS_REP,
        nonce: body.nonce,
        padata: Some(vec![info]),
        key_expiration: client.password_expires,
    };
    issue::issue(ticket, &TicketKey { key: &server_key, version: Some(version) }, reply, ask.random(), ask.numbering())
}

/// The key of the client that the reply is encrypted in.
struct Proven<'a> {
    key: &'a PrincipalKey,
    open: KerberosKey,
    by_timestamp: bool,
}

/// Checks that the client has its key, if it must show that.
fn authenticate<'a>(ask: &Ask<'_>, client: &'a Principal) -> Result<Proven<'a>, Refusal> {
    if client.keys.is_empty() {
        return Err(keys::no_key(client));
    }
    let offered = offered(ask, client);
    if offered.is_empty() {
        let why = "no encryption type in common with the client's keys";
        return Err(Refusal::new(ErrorCode::EtypeUnsupported, why));
    }
    if let Some(timestamp) = ask.request.padata(padata::ENC_TIMESTAMP) {
        return by_timestamp(ask, client, &offered, timestamp);
    }
    // Opened before the client is sent away for its password: without engine that is in vain.
    let mut usable = Vec::with_capacity(offered.len());
    for key in offered {
        usable.extend(keys::open_if_possible(ask.icsf(), key)?.map(|open| (key, open)));
    }
    if usable.is_empty() {
        return Err(keys::no_key(client));
    }
    if !client.has(PrincipalFlag::NoPreauth) {
        let hints = hints(usable.iter().map(|(key, _)| *key));
        let required = Refusal::new(ErrorCode::PreauthRequired, "pre-authentication is required");
        return Err(required.with_data(hints));
    }
    let (key, open) = usable.into_iter().next().ok_or_else(|| keys::no_key(client))?;
    Ok(Proven { key, open, by_timestamp: false })
}

/// The newest keys of the client of types it can use, in the order of its request.
fn offered<'a>(ask: &Ask<'_>, client: &'a Principal) -> Vec<&'a PrincipalKey> {
    let mut offered: Vec<&PrincipalKey> = Vec::with_capacity(4);
    for etype in ask.request.etypes() {
        if offered.iter().all(|key| key.etype != etype) {
            offered.extend(client.newest_keys().find(|key| key.etype == etype));
        }
    }
    offered
}

/// METHOD-DATA: what the client can authenticate itself with.
fn hints<'a>(keys: impl Iterator<Item = &'a PrincipalKey>) -> Vec<u8> {
    let info = issue::etype_info(keys.map(|key| (key.etype, &*key.salt)));
    encode(&vec![info, messages::pa_data(padata::ENC_TIMESTAMP, Vec::new())])
}

/// PA-ENC-TIMESTAMP: RFC 4120, section 5.2.7.2.
fn by_timestamp<'a>(
    ask: &Ask<'_>,
    client: &'a Principal,
    offered: &[&'a PrincipalKey],
    timestamp: &[u8],
) -> Result<Proven<'a>, Refusal> {
    let failed = || {
        let refusal = Refusal::new(ErrorCode::PreauthFailed, "pre-authentication failed");
        refusal.with_data(hints(offered.iter().copied()))
    };
    let sent: wire::EncryptedData = decode(timestamp)?;
    let key = offered.iter().find(|key| key.etype.number() == sent.etype).ok_or_else(|| {
        Refusal::new(ErrorCode::EtypeUnsupported, "the client has no key of the type of its pre-authentication")
    })?;
    let open = keys::open(ask.icsf(), key)?;
    let plain = match decrypt(&open, usage::PA_ENC_TIMESTAMP, &sent.cipher) {
        Ok(plain) => plain,
        Err(CryptoError::Engine(error)) => return Err(Refusal::icsf(&error, ask.numbering())),
        Err(_) => {
            ask.count_failure(client);
            return Err(failed());
        }
    };
    let time: wire::PaEncTsEnc = decode(&plain).map_err(|_not_der| failed())?;
    if ask.now.abs_diff(seconds(&time.patimestamp)) > ask.skew().into() {
        return Err(Refusal::new(ErrorCode::ClockSkew, "the clock of the client is too far away"));
    }
    ask.forget_failures(client);
    Ok(Proven { key, open, by_timestamp: true })
}
