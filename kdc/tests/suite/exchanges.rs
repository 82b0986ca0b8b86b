//! What the tables of raw cases do not show: replays, addresses, user to user, authorization data, and what is in a ticket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use icsf_core::backend::Etype;
use icsf_kdc::crypto::decrypt;
use icsf_kdc::flags::{KdcOptions as O, TicketFlags};
use icsf_kdc::outcome::Result as Became;
use icsf_saf::model::PrincipalFlag;
use rasn_kerberos as wire;

use crate::client::{Ask, Credentials, ask, name, read_tgs_rep, replied, tgs};
use crate::support::{HOUR, MINUTE, NOW, Site, client_key};

fn opened(credentials: &Credentials, server: &str) -> wire::EncTicketPart {
    let plain = decrypt(&client_key(server, Etype::Aes256Sha1), 2, &credentials.ticket.enc_part.cipher).unwrap();
    rasn::der::decode(&plain).unwrap()
}

#[test]
fn ticket_and_reply_say_the_same() {
    let site = Site::new();
    let asked = ask().opt(O::FORWARDABLE | O::RENEWABLE).rtime(HOUR * 2).addresses(&[[127, 0, 0, 1]]);
    let tgt = asked.initial(&site).unwrap();
    site.clock.advance(5);
    let got = tgs().server("bob").opt(O::FORWARDABLE | O::RENEWABLE).with(&site, &tgt).unwrap();
    let part = opened(&got, "bob");
    assert_eq!(TicketFlags::from(&part.flags), got.flags);
    assert_eq!(&*part.key.value, got.session.expose());
    assert_eq!((part.crealm.as_bytes(), &part.cname), (&b"EXAMPLE.COM"[..], &name("alice")));
    assert_eq!((got.auth_time, part.auth_time.0.timestamp() as u64), (NOW, NOW), "when the password was given");
    assert_eq!((got.start, part.start_time.unwrap().0.timestamp() as u64), (NOW + 5, NOW + 5));
    assert_eq!((got.end, part.end_time.0.timestamp() as u64), (tgt.end, tgt.end));
    assert_eq!(got.renew_till, Some(part.renew_till.unwrap().0.timestamp() as u64));
    assert_eq!(part.caddr.unwrap().len(), 1);
    assert_eq!((part.transited.r#type, part.transited.contents.len()), (1, 0));
    assert_ne!(got.session.expose(), tgt.session.expose());
    assert!(part.authorization_data.is_none());
}

/// B51: the same bytes get the same reply; later, when that is forgotten, the authenticator is a replay.
#[test]
fn a_request_that_comes_again() {
    let site = Site::new();
    let tgt = ask().initial(&site).unwrap();
    let (request, _) = tgs().tgs_req(NOW, &tgt, None);
    let first = replied(site.handle(&request)).unwrap();
    let again = site.handle(&request);
    assert!(matches!(again.outcome.result, Became::Repeated), "{again:?}");
    assert_eq!(replied(again).unwrap(), first);
    read_tgs_rep(&first, &tgt, None);
    let elsewhere = site.handle_from(&request, IpAddr::V4(Ipv4Addr::new(10, 9, 8, 7)));
    assert_eq!(replied(elsewhere).unwrap_err().code, 34, "of another sender it is a replay");
    site.clock.advance(121);
    assert_eq!(replied(site.handle(&request)).unwrap_err().code, 34);
    site.clock.advance(180);
    assert_eq!(replied(site.handle(&request)).unwrap_err().code, 37, "and then too old");
}

/// The authenticator of one request in another.
#[test]
fn an_authenticator_serves_one_request() {
    let site = Site::new();
    let tgt = ask().initial(&site).unwrap();
    let (request, _) = tgs().tgs_req(NOW, &tgt, None);
    let mut other = rasn::der::decode::<wire::TgsReq>(&request).unwrap();
    other.0.padata.as_mut().unwrap().push(wire::PaData { r#type: 149, value: vec![1].into() });
    let other = rasn::der::encode(&other).unwrap();
    replied(site.handle(&other)).unwrap();
    assert_eq!(replied(site.handle(&request)).unwrap_err().code, 34);
}

/// A refusal is not kept: the reason may be gone.
#[test]
fn a_refusal_is_not_repeated() {
    let site = Site::new();
    let tgt = ask().initial(&site).unwrap();
    site.flag("host/boston.example.com", PrincipalFlag::NoTickets, true);
    let request = ask().server("host/boston.example.com").as_req(NOW);
    assert_eq!(replied(site.handle(&request)).unwrap_err().code, 7);
    site.flag("host/boston.example.com", PrincipalFlag::NoTickets, false);
    replied(site.handle(&request)).unwrap();
    tgs().with(&site, &tgt).unwrap();
}

#[test]
fn addresses_are_compared_in_every_form() {
    let site = Site::new();
    let of = |kind: i32, address: &[u8]| vec![wire::HostAddress { addr_type: kind, address: address.to_vec().into() }];
    let request = |addresses: Vec<wire::HostAddress>| {
        let mut request = rasn::der::decode::<wire::AsReq>(&ask().as_req(NOW)).unwrap();
        request.0.req_body.addresses = Some(addresses);
        rasn::der::encode(&request).unwrap()
    };
    let v4 = Ipv4Addr::new(10, 9, 8, 7);
    let v6 = Ipv6Addr::LOCALHOST;
    let cases: [(Vec<wire::HostAddress>, IpAddr, bool); 7] = [
        (of(2, &v4.octets()), v4.into(), true),
        (of(2, &v4.octets()), v4.to_ipv6_mapped().into(), true),
        (of(2, &v4.octets()), v6.into(), false),
        (of(24, &v6.octets()), v6.into(), true),
        (of(24, &v6.octets()), v4.into(), false),
        (of(20, b"WORKSTATION     "), v4.into(), true),
        ([of(20, b"WORKSTATION     "), of(24, &v6.octets())].concat(), v4.into(), false),
    ];
    for checked in [false, true] {
        for (addresses, peer, fits) in &cases {
            let answer = replied(site.handle_from(&request(addresses.clone()), *peer)).map_err(|refused| refused.code);
            let expected = if *fits || !checked { None } else { Some(38) };
            assert_eq!(answer.err(), expected, "{addresses:?} from {peer}, CHECKADDRS {checked}");
        }
        site.run("RALTER REALM KERBDFLT KERB(CHECKADDRS(YES))");
    }
}

#[test]
fn user_to_user() {
    let site = Site::new();
    site.flag("bob", PrincipalFlag::NoServer, true);
    let alice = ask().initial(&site).unwrap();
    let bob = ask().client("bob").initial(&site).unwrap();
    assert_eq!(tgs().server("bob").with(&site, &alice).unwrap_err().code, 27, "T40");
    let to_bob = tgs().server("bob").opt(O::ENC_TKT_IN_SKEY);
    let code = |ask: &Ask, second: &Credentials| ask.with_second(&site, &alice, Some(second)).unwrap_err().code;
    for ask in [to_bob.clone(), Ask { server: None, ..to_bob.clone() }] {
        let got = ask.with_second(&site, &alice, Some(&bob)).unwrap();
        assert_eq!(got.ticket.enc_part.kvno, None);
        let plain = decrypt(&bob.session, 2, &got.ticket.enc_part.cipher).unwrap();
        let part: wire::EncTicketPart = rasn::der::decode(&plain).unwrap();
        assert_eq!((part.cname, got.ticket.sname.string.len()), (name("alice"), 1));
    }
    assert_eq!(code(&to_bob, &alice), 26, "a ticket of somebody else");
    let service = tgs().with(&site, &bob).unwrap();
    assert_eq!(code(&to_bob, &service), 12, "a ticket that grants none");
    site.flag("bob", PrincipalFlag::NoUserToUser, true);
    assert_eq!(code(&to_bob, &bob), 12);
    site.flag("bob", PrincipalFlag::NoUserToUser, false);
    let early = ask().client("bob").opt(O::POSTDATED).from(60).initial(&site).unwrap();
    assert_eq!(code(&to_bob, &early), 33);
    let mut altered = ask().client("bob").initial(&site).unwrap();
    altered.ticket.enc_part.cipher = vec![7; 100].into();
    assert_eq!(code(&to_bob, &altered), 31);
    let short = ask().client("bob").till(MINUTE).initial(&site).unwrap();
    site.clock.advance(MINUTE + 301);
    assert_eq!(code(&to_bob, &short), 32);
}

/// Restrictions that a client adds stay, in this ticket and in those got with it.
#[test]
fn authorization_data_are_added_and_kept() {
    let site = Site::new();
    let tgt = ask().opt(O::FORWARDABLE).initial(&site).unwrap();
    for subkey in [None, Some(Etype::Aes256Sha1)] {
        let restricted = Ask { authorization_data: vec![1], subkey, ..tgs().server("krbtgt/EXAMPLE.COM") };
        let restricted = restricted.with(&site, &tgt).unwrap();
        let further = Ask { authorization_data: vec![142], ..tgs().server("bob") }.with(&site, &restricted).unwrap();
        let data = opened(&further, "bob").authorization_data.unwrap();
        assert_eq!(data.iter().map(|data| (data.r#type, data.data.len())).collect::<Vec<_>>(), [(1, 3), (142, 3)]);
    }
}

/// A forwarded ticket keeps its mark when it is renewed, and names the addresses it was forwarded to.
#[test]
fn a_forwarded_ticket_is_renewed_as_it_is() {
    let site = Site::new();
    let tgt = ask().opt(O::FORWARDABLE | O::RENEWABLE).rtime(HOUR * 5).initial(&site).unwrap();
    let there = IpAddr::V4(Ipv4Addr::new(10, 9, 8, 7));
    let forwarded = tgs()
        .server("krbtgt/EXAMPLE.COM")
        .opt(O::FORWARDABLE | O::FORWARDED | O::RENEWABLE)
        .addresses(&[[10, 9, 8, 7]])
        .with(&site, &tgt)
        .unwrap();
    assert_eq!(forwarded.flags.to_string(), "FfRAT");
    let renew = Ask { peer: there, ..tgs().server("krbtgt/EXAMPLE.COM").opt(O::RENEW) };
    site.clock.advance(60);
    let renewed = renew.with(&site, &forwarded).unwrap();
    assert_eq!((renewed.flags.to_string().as_str(), renewed.addresses), ("FfRAT", 1));
    let service = Ask { peer: there, ..tgs() }.with(&site, &renewed).unwrap();
    assert_eq!(service.flags.to_string(), "fAT");
}

/// The line of the log and the event of the journal.
#[test]
fn what_was_issued_is_told() {
    let site = Site::new();
    let answer = site.handle(&ask().opt(O::FORWARDABLE).as_req(NOW));
    let end = NOW + HOUR;
    assert_eq!(
        answer.outcome.to_string(),
        format!(
            "AS 127.0.0.1: issued alice@EXAMPLE.COM for krbtgt/EXAMPLE.COM@EXAMPLE.COM, flags FIA, authtime {NOW}, \
             start {NOW}, end {end}, etypes reply 18 ticket 18 session 18"
        )
    );
    let tgt = ask().initial(&site).unwrap();
    assert_eq!(tgs().server("host/nowhere").with(&site, &tgt).unwrap_err().code, 7);
    Ask { preauth: false, ..ask() }.initial(&site).unwrap_err();
    let told: Vec<_> = site
        .journal
        .events()
        .into_iter()
        .filter(|event| event.user.is_some())
        .map(|event| (event.event, event.application.unwrap(), event.action, event.situation))
        .collect();
    use icsf_core::journal::What;
    let own = str::to_owned;
    let granter = || own("krbtgt/EXAMPLE.COM@EXAMPLE.COM");
    assert_eq!(
        told,
        [
            (What::As, granter(), Some(own("FIA")), None),
            (What::As, granter(), Some(own("IA")), None),
            (What::Tgs, own("host/nowhere@EXAMPLE.COM"), None, Some(own("7 KDC_ERR_S_PRINCIPAL_UNKNOWN"))),
        ],
        "that a proof was asked for is not told"
    );
}

/// Control characters of a name do not reach the log.
#[test]
fn names_are_shown_without_control_characters() {
    let site = Site::new();
    let mut request = rasn::der::decode::<wire::AsReq>(&ask().as_req(NOW)).unwrap();
    request.0.req_body.cname = Some(name("a\u{1b}[2Jb\n"));
    let answer = site.handle(&rasn::der::encode(&request).unwrap());
    let line = answer.outcome.to_string();
    assert!(line.contains(r"a\u{1b}[2Jb\n@EXAMPLE.COM"), "{line}");
    assert_eq!(replied(answer).unwrap_err().code, 6);
}

#[test]
fn version_and_type_have_to_fit() {
    let site = Site::new();
    let tgt = ask().initial(&site).unwrap();
    let change = |bytes: &[u8], change: fn(&mut wire::KdcReq)| {
        let mut request = rasn::der::decode::<wire::AsReq>(bytes).unwrap();
        change(&mut request.0);
        replied(site.handle(&rasn::der::encode(&request).unwrap())).unwrap_err().code
    };
    let good = ask().as_req(NOW);
    assert_eq!(change(&good, |request| request.pvno = 4.into()), 3);
    assert_eq!(change(&good, |request| request.msg_type = 12.into()), 40);
    assert_eq!(change(&good, |request| request.req_body.cname = None), 6);
    assert_eq!(change(&good, |request| request.req_body.sname = None), 7);
    let mut request = rasn::der::decode::<wire::TgsReq>(&tgs().tgs_req(NOW, &tgt, None).0).unwrap();
    request.0.padata = None;
    assert_eq!(replied(site.handle(&rasn::der::encode(&request).unwrap())).unwrap_err().code, 16);
}
