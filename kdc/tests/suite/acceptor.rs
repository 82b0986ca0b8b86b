//! The AP-REQ at a server: kpasswd, R_ticketserv and GSS acceptors verify it in one way.

use std::net::{IpAddr, Ipv4Addr};

use icsf_core::backend::Etype;
use icsf_core::clock::Clock;
use icsf_core::codes::ReasonCodes;
use icsf_core::random::SystemRandom;
use icsf_kdc::codes::ErrorCode;
use icsf_kdc::crypto::SessionKey;
use icsf_kdc::flags::{ApOptions, KdcOptions as O, TicketFlags};
use icsf_kdc::{Accepted, Acceptor, CkdsKeys, Refusal, Replays};

use crate::client::{ApRequest, Credentials, ap_req, ask, name, tgs};
use crate::support::{HERE, NOW, REALM, Site};

fn request<'a>(site: &Site, with: &Credentials, change: impl FnOnce(&mut ApRequest<'a>)) -> Vec<u8> {
    let mut parts =
        ApRequest { ticket: with.ticket.clone(), client: with.client.clone(), checksum: None, subkey: None, usage: 11 };
    change(&mut parts);
    rasn::der::encode(&ap_req(site.clock.now(), with, parts)).unwrap()
}

fn accept(site: &Site, replays: &Replays, request: &[u8], peer: IpAddr) -> Result<Accepted, Refusal> {
    let view = site.saf.database().view().unwrap();
    let keys = CkdsKeys { icsf: &site.icsf, registry: &view };
    let acceptor = Acceptor { realm: REALM, keys: &keys, replays, numbering: ReasonCodes::Icsf, skew: 300 };
    acceptor.accept(request, Some(peer), site.clock.now())
}

#[test]
fn a_client_is_accepted_once() {
    let site = Site::new();
    let replays = Replays::new();
    let tgt = ask().initial(&site).unwrap();
    let ticket = tgs().with(&site, &tgt).unwrap();
    let subkey = SessionKey::random(Etype::Aes128Sha2, &SystemRandom).unwrap();
    let checksum = rasn_kerberos::Checksum { r#type: 0x8003, checksum: vec![1, 2].into() };
    let bytes = request(&site, &ticket, |parts| (parts.subkey, parts.checksum) = (Some(&subkey), Some(checksum)));
    let accepted = accept(&site, &replays, &bytes, HERE).unwrap();
    assert_eq!((accepted.client().to_string().as_str(), accepted.client_realm()), ("alice", REALM));
    assert_eq!(accepted.server().to_string(), "host/boston.example.com");
    assert_eq!(accepted.session_key().expose(), ticket.session.expose());
    assert_eq!(accepted.subkey().unwrap().expose(), subkey.expose());
    assert!(accepted.options().has(ApOptions::MUTUAL_REQUIRED));
    assert_eq!((accepted.time(), accepted.sequence()), ((NOW, 0), Some(7)));
    assert_eq!(accepted.checksum(), Some((0x8003, &[1, 2][..])));
    assert_eq!((accepted.flags().to_string().as_str(), accepted.times().end), ("AT", ticket.end));
    assert!(!accepted.flags().has(TicketFlags::INITIAL));
    assert_eq!(accept(&site, &replays, &bytes, HERE).unwrap_err().code(), ErrorCode::Repeat);
    assert!(accept(&site, &Replays::new(), &bytes, HERE).is_ok(), "another server knows nothing of it");
}

#[test]
fn what_does_not_fit_is_refused() {
    let site = Site::new();
    let code = |bytes: &[u8], peer| accept(&site, &Replays::new(), bytes, peer).unwrap_err().code();
    let tgt = ask().opt(O::ALLOW_POSTDATE).till(7200).initial(&site).unwrap();
    let ticket = tgs().with(&site, &tgt).unwrap();
    let elsewhere = IpAddr::V4(Ipv4Addr::new(10, 9, 8, 7));
    assert_eq!(code(b"no DER", HERE), ErrorCode::Generic);
    assert_eq!(code(&request(&site, &ticket, |parts| parts.client = name("bob")), HERE), ErrorCode::BadMatch);
    assert_eq!(code(&request(&site, &ticket, |parts| parts.usage = 7), HERE), ErrorCode::BadIntegrity);
    let other = |parts: &mut ApRequest<'_>| parts.ticket.sname = name("nfs/boston.example.com");
    assert_eq!(code(&request(&site, &ticket, other), HERE), ErrorCode::BadIntegrity);
    let nobody = |parts: &mut ApRequest<'_>| parts.ticket.sname = name("nfs/nowhere");
    assert_eq!(code(&request(&site, &ticket, nobody), HERE), ErrorCode::NotUs);
    let version = |parts: &mut ApRequest<'_>| parts.ticket.tkt_vno = 4.into();
    assert_eq!(code(&request(&site, &ticket, version), HERE), ErrorCode::ApBadVersion);

    let bound = ask().server("host/boston.example.com").addresses(&[[127, 0, 0, 1]]).initial(&site).unwrap();
    let bound = request(&site, &bound, |_| ());
    assert_eq!(code(&bound, elsewhere), ErrorCode::BadAddress);
    assert!(accept(&site, &Replays::new(), &bound, HERE).is_ok());

    let early = tgs().opt(O::POSTDATED).from(60).with(&site, &tgt).unwrap();
    assert_eq!(code(&request(&site, &early, |_| ()), HERE), ErrorCode::TicketNotYetValid);
    let old = request(&site, &ticket, |_| ());
    site.clock.advance(301);
    assert_eq!(code(&old, HERE), ErrorCode::ClockSkew);
    site.clock.set(ticket.end + 300);
    assert!(accept(&site, &Replays::new(), &request(&site, &ticket, |_| ()), HERE).is_ok(), "within the skew");
    site.clock.advance(1);
    assert_eq!(code(&request(&site, &ticket, |_| ()), HERE), ErrorCode::TicketExpired);
    site.pull();
    let refusal = accept(&site, &Replays::new(), &request(&site, &ticket, |_| ()), HERE).unwrap_err();
    assert_eq!(
        (refusal.code(), refusal.reason()),
        (ErrorCode::ServiceUnavailable, "ICSF CSNBDKG2 services failed 12/0")
    );
}
