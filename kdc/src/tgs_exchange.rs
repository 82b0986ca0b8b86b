//! The TGS exchange: a ticket for who has another: for a further server, forwarded, a proxy, postdated, renewed,
//! validated, or user to user.
//!
//! Source: RFC 4120, section 3.3.

use icsf_saf::model::{Principal, PrincipalFlag};
use rasn_kerberos as wire;

use crate::ap_req::{OpenTicket, Opened, Verifier, open_ticket};
use crate::codes::ErrorCode;
use crate::crypto::{CryptoError, SessionKey, checksum_type, decrypt, verify_checksum};
use crate::flags::{KdcOptions, TicketFlags};
use crate::issue::{self, NewTicket, Reply, TicketKey};
use crate::kdc::{Ask, Known};
use crate::keys;
use crate::lifetime::{self, Times};
use crate::messages::{self, Exchange, decode, is_ticket_granter, padata, same_name, usage};
use crate::outcome::{Issued, Refusal};
use crate::policy;

/// What can be asked of a ticket that grants none, for the same server.
const OF_THE_SAME: KdcOptions = KdcOptions::RENEW.or(KdcOptions::VALIDATE).or(KdcOptions::PROXY);
const RENEW_OR_VALIDATE: KdcOptions = KdcOptions::RENEW.or(KdcOptions::VALIDATE);
const POSTDATING: KdcOptions = KdcOptions::ALLOW_POSTDATE.or(KdcOptions::POSTDATED);
const UNSUPPORTED: KdcOptions = KdcOptions::CNAME_IN_ADDL_TKT.or(KdcOptions::REQUEST_ANONYMOUS);

pub(crate) fn exchange(ask: &Ask<'_>, known: &mut Known) -> Result<(Vec<u8>, Issued), Refusal> {
    let body = &ask.request.body;
    let options = ask.options();
    let ckds = ask.keys();
    let verifier = ask.verifier(&ckds, usage::TGS_REQ_AUTHENTICATOR);
    let opened = open(ask, &verifier)?;
    let ticket = &opened.ticket;
    known.client = Some(messages::shown(Some(&ticket.client), &ticket.client_realm));
    // Renewed and validated at once it cannot be.
    if options.has_any(UNSUPPORTED) || options.has(RENEW_OR_VALIDATE) {
        return Err(Refusal::new(ErrorCode::BadOption, "an option that is not granted"));
    }

    let second = second_ticket(ask, &verifier)?;
    let server_unknown = || Refusal::new(ErrorCode::ServerUnknown, "the server is not defined");
    let server_name =
        body.sname.as_ref().or(second.as_ref().map(|second| &second.client)).ok_or_else(server_unknown)?;
    known.server = Some(messages::shown(Some(server_name), &body.realm));
    require_fitting_server(ask, &opened, server_name)?;
    require_allowed(ask, &verifier, &opened, server_name)?;
    let server = ask.principal(server_name, &body.realm, server_unknown())?;
    require_server(ask, &opened, server, server_name)?;
    require_local_client(ask, ticket)?;
    if second.as_ref().is_some_and(|second| !same_name(&second.client, server_name)) {
        return Err(Refusal::new(ErrorCode::ServerNoMatch, "the further ticket is not one of the server"));
    }

    let times = times(ask, ticket, server)?;
    let session_etype = match &second {
        // What the server has besides is not known to be of use to it: it may be a workstation without keys.
        Some(second) if ask.request.etypes().any(|etype| etype == second.session.etype()) => second.session.etype(),
        _ => ask.session_etype(server)?,
    };
    let ours;
    let with = match &second {
        Some(second) => TicketKey { key: &second.session, version: None },
        None => {
            let (key, version) = keys::of_server(ask.icsf(), server)?;
            ours = key;
            TicketKey { key: &ours, version: Some(version) }
        }
    };
    let readdressed = options.has_any(KdcOptions::FORWARDED | KdcOptions::PROXY);
    let new = NewTicket {
        flags: flags(options, ticket.flags, &times, server),
        session: issue::new_session_key(session_etype, ask.random())?,
        client_realm: &ticket.client_realm,
        client: &ticket.client,
        realm: &body.realm,
        server: server_name,
        auth_time: ticket.auth_time,
        times,
        addresses: if readdressed { body.addresses.clone() } else { ticket.addresses.clone() },
        authorization_data: authorization_data(ask, &opened)?,
    };
    let (key, usage): (&SessionKey, u32) = match &opened.subkey {
        Some(subkey) => (subkey, usage::TGS_REP_SUBKEY),
        None => (&ticket.session, usage::TGS_REP_SESSION),
    };
    let reply = Reply {
        exchange: Exchange::Tgs,
        key,
        key_version: None,
        usage,
        nonce: body.nonce,
        padata: None,
        key_expiration: None,
    };
    issue::issue(new, &with, reply, ask.random(), ask.numbering())
}

/// The ticket of the request, its authenticator, and that the body is the one the client sent.
fn open(ask: &Ask<'_>, verifier: &Verifier<'_>) -> Result<Opened, Refusal> {
    let sent = ask.request.padata(padata::TGS_REQ);
    let sent = sent.ok_or_else(|| Refusal::new(ErrorCode::PadataUnsupported, "a TGS-REQ without a ticket"))?;
    let opened = verifier.open(decode(sent)?)?;
    let session = &opened.ticket.session;
    let inappropriate = |why| Refusal::new(ErrorCode::InappropriateChecksum, why);
    let (kind, sum) = opened.checksum.as_ref().ok_or_else(|| inappropriate("the authenticator has no checksum"))?;
    if *kind != checksum_type(session.etype()) {
        return Err(inappropriate("the checksum is not of the type of the session key"));
    }
    let modified = Refusal::new(ErrorCode::Modified, "the request was changed on its way");
    verify_checksum(session, usage::TGS_REQ_CHECKSUM, &ask.request.raw_body, sum)
        .map_err(|error| Refusal::crypto(&error, ask.numbering(), modified))?;
    verifier.require_first(&opened)?;
    Ok(opened)
}

/// The further ticket of ENC-TKT-IN-SKEY: one of the server, that grants tickets, and is valid.
fn second_ticket(ask: &Ask<'_>, verifier: &Verifier<'_>) -> Result<Option<OpenTicket>, Refusal> {
    if !ask.options().has(KdcOptions::ENC_TKT_IN_SKEY) {
        return Ok(None);
    }
    let sent = ask.request.body.additional_tickets.as_ref().and_then(|tickets| tickets.first());
    let sent = sent.ok_or_else(|| Refusal::new(ErrorCode::BadOption, "user to user needs a further ticket"))?;
    if !is_ticket_granter(&sent.sname, ask.realm_name()) {
        return Err(Refusal::new(ErrorCode::Policy, "the further ticket does not grant tickets"));
    }
    let second = open_ticket(sent, ask.realm_name(), verifier.keys)?;
    verifier.require_valid(&second)?;
    Ok(Some(second))
}

/// That what is asked for can be asked with this ticket: one that grants tickets serves for every server; another one for
/// its own, to be renewed, validated, or made a proxy.
fn require_fitting_server(ask: &Ask<'_>, opened: &Opened, server: &wire::PrincipalName) -> Result<(), Refusal> {
    let options = ask.options();
    let same = same_name(&opened.server, server);
    let no_match = || Refusal::new(ErrorCode::ServerNoMatch, "the server is not that of the ticket");
    if !is_ticket_granter(&opened.server, ask.realm_name()) {
        if !options.has_any(OF_THE_SAME) {
            return Err(Refusal::new(ErrorCode::NotUs, "the ticket does not grant tickets"));
        }
        return if same { Ok(()) } else { Err(no_match()) };
    }
    if options.has_any(RENEW_OR_VALIDATE) && !same { Err(no_match()) } else { Ok(()) }
}

/// That the ticket allows the options, and is valid for them.
fn require_allowed(
    ask: &Ask<'_>,
    verifier: &Verifier<'_>,
    opened: &Opened,
    server: &wire::PrincipalName,
) -> Result<(), Refusal> {
    let (options, ticket) = (ask.options(), &opened.ticket);
    let bad = |why| Err(Refusal::new(ErrorCode::BadOption, why));
    if options.has(KdcOptions::VALIDATE) {
        // The rest is a matter of time.
        return if ticket.flags.has(TicketFlags::INVALID) { Ok(()) } else { bad("the ticket is valid already") };
    }
    if options.has(KdcOptions::RENEW) && !ticket.flags.has(TicketFlags::RENEWABLE) {
        return bad("the ticket is not renewable");
    }
    verifier.require_valid(ticket)?;
    if options.has(KdcOptions::RENEW) {
        return Ok(());
    }
    if ticket.times.end <= ask.now {
        // Within the skew, but nothing would be left for a new one.
        return Err(Refusal::new(ErrorCode::TicketExpired, "the ticket has expired"));
    }
    if options.has(KdcOptions::FORWARDED) && !ticket.flags.has(TicketFlags::FORWARDABLE) {
        return bad("the ticket is not forwardable");
    }
    if options.has(KdcOptions::PROXY) && !ticket.flags.has(TicketFlags::PROXIABLE) {
        return bad("the ticket is not proxiable");
    }
    if options.has(KdcOptions::PROXY) && server.string.first().is_some_and(|first| first.as_bytes() == b"krbtgt") {
        return bad("a proxy grants no tickets");
    }
    if options.has_any(POSTDATING) && !ticket.flags.has(TicketFlags::MAY_POSTDATE) {
        return bad("the ticket is not postdatable");
    }
    Ok(())
}

/// That the server takes tickets from this exchange, and this one.
fn require_server(
    ask: &Ask<'_>,
    opened: &Opened,
    server: &Principal,
    name: &wire::PrincipalName,
) -> Result<(), Refusal> {
    let options = ask.options();
    policy::require_server(server, options.has(KdcOptions::ENC_TKT_IN_SKEY), ask.now)?;
    let granting = is_ticket_granter(&opened.server, ask.realm_name());
    if server.has(PrincipalFlag::NoTgsRequest) && granting {
        return Err(Refusal::new(ErrorCode::Policy, "tickets for the server are initial ones only"));
    }
    if options.has_any(POSTDATING) && server.has(PrincipalFlag::NoPostdated) {
        return Err(Refusal::new(ErrorCode::CannotPostdate, "tickets of the server are not postdated"));
    }
    let proven = opened.ticket.flags.has(TicketFlags::PRE_AUTHENT);
    if !proven && !server.has(PrincipalFlag::NoPreauth) && !is_ticket_granter(name, ask.realm_name()) {
        // What MIT's KDC answers, and its clients show.
        return Err(Refusal::new(ErrorCode::Generic, "NO PREAUTH"));
    }
    Ok(())
}

/// That a client of this realm may still get tickets: who was revoked meanwhile gets no more.
fn require_local_client(ask: &Ask<'_>, ticket: &OpenTicket) -> Result<(), Refusal> {
    if !ask.is_local(&ticket.client_realm) {
        return Ok(());
    }
    let unknown = Refusal::new(ErrorCode::ClientUnknown, "the client is not defined any more");
    let client = ask.principal(&ticket.client, &ticket.client_realm, unknown)?;
    policy::require_client(ask.registry, client, ask.now)
}

fn times(ask: &Ask<'_>, ticket: &OpenTicket, server: &Principal) -> Result<Times, Refusal> {
    let options = ask.options();
    let times = if options.has(KdcOptions::VALIDATE) {
        lifetime::validated(&ticket.times, ask.now)
    } else if options.has(KdcOptions::RENEW) {
        lifetime::renewed(&ticket.times, ask.now)
    } else {
        let no_renewal = server.has(PrincipalFlag::NoRenewable);
        let options = options.without((KdcOptions::RENEWABLE | KdcOptions::RENEWABLE_OK).when(no_renewal));
        let limits = policy::limits(ask.realm, None, server);
        lifetime::based_on(&ticket.times, ask.now, ask.skew(), options, ask.asked(), limits)
    };
    times.map_err(ask.no_times())
}

/// A renewed or validated ticket is what it was. Another one is what is asked for and the ticket it is based on allows:
/// clients ask for what their configuration says, so more than that is left out and not refused.
fn flags(options: KdcOptions, old: TicketFlags, times: &Times, server: &Principal) -> TicketFlags {
    if options.has_any(RENEW_OR_VALIDATE) {
        return old.without(TicketFlags::INVALID) | TicketFlags::TRANSITED_POLICY_CHECKED;
    }
    let granted =
        |option, flag, refused| TicketFlags::when(flag, options.has(option) && old.has(flag) && !server.has(refused));
    TicketFlags::TRANSITED_POLICY_CHECKED
        | granted(KdcOptions::FORWARDABLE, TicketFlags::FORWARDABLE, PrincipalFlag::NoForwardable)
        | granted(KdcOptions::PROXIABLE, TicketFlags::PROXIABLE, PrincipalFlag::NoProxiable)
        | granted(KdcOptions::ALLOW_POSTDATE, TicketFlags::MAY_POSTDATE, PrincipalFlag::NoPostdated)
        | TicketFlags::FORWARDED.when(options.has(KdcOptions::FORWARDED) || old.has(TicketFlags::FORWARDED))
        | TicketFlags::PROXY.when(options.has(KdcOptions::PROXY) || old.has(TicketFlags::PROXY))
        | (TicketFlags::POSTDATED | TicketFlags::INVALID).when(times.postdated)
        | TicketFlags::RENEWABLE.when(times.renew_till.is_some())
        | TicketFlags::PRE_AUTHENT.when(old.has(TicketFlags::PRE_AUTHENT))
        | TicketFlags::HW_AUTHENT.when(old.has(TicketFlags::HW_AUTHENT))
}

/// The restrictions of the ticket, and those the client adds.
///
/// Source: RFC 4120, sections 3.3.3 and 5.2.6.4: what is mandatory for the KDC and unknown to it is refused, and all is
/// unknown to this one.
fn authorization_data(ask: &Ask<'_>, opened: &Opened) -> Result<Option<wire::AuthorizationData>, Refusal> {
    let mut all = opened.ticket.authorization_data.clone().unwrap_or_default();
    if let Some(sent) = &ask.request.body.enc_authorization_data {
        let (key, usage): (&SessionKey, u32) = match &opened.subkey {
            Some(subkey) => (subkey, usage::TGS_REQ_AUTH_DATA_SUBKEY),
            None => (&opened.ticket.session, usage::TGS_REQ_AUTH_DATA_SESSION),
        };
        let bad = || Refusal::new(ErrorCode::BadIntegrity, "the authorization data were altered");
        let plain = decrypt(key, usage, &sent.cipher)
            .map_err(|error: CryptoError| Refusal::crypto(&error, ask.numbering(), bad()))?;
        all.extend(decode::<wire::AuthorizationData>(&plain)?);
    }
    if all.iter().any(|data| data.r#type == wire::AuthorizationDataValue::MANDATORY_FOR_KDC) {
        return Err(Refusal::new(ErrorCode::Policy, "authorization data that are mandatory for the KDC"));
    }
    Ok(Some(all).filter(|all| !all.is_empty()))
}
