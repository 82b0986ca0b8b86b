//! Bytes that no honest client sends: whatever comes, there is an answer or none, and memory stays as it is.

use std::fmt::Write;

use icsf_kdc::flags::KdcOptions as O;
use proptest::prelude::*;
use rasn_kerberos as wire;

use crate::client::{Ask, Credentials, ask, replied, tgs};
use crate::support::{NOW, Site};

/// A site, an AS-REQ, and a TGS-REQ with everything in it.
fn requests() -> (Site, Credentials, Vec<u8>, Vec<u8>) {
    let site = Site::new();
    let options = O::FORWARDABLE | O::RENEWABLE | O::PROXIABLE;
    let tgt = ask().opt(options).rtime(7200).initial(&site).unwrap();
    let initial = ask().opt(options).rtime(7200).from(1).addresses(&[[127, 0, 0, 1]]).as_req(NOW);
    let all = Ask {
        authorization_data: vec![1],
        subkey: Some(icsf_core::backend::Etype::Aes256Sha1),
        ..tgs().server("alice").opt(options | O::ENC_TKT_IN_SKEY).addresses(&[[127, 0, 0, 1]])
    };
    let (further, _) = all.tgs_req(NOW, &tgt, Some(&tgt));
    (site, tgt, initial, further)
}

#[test]
fn cut_requests_are_not_answered() {
    let (site, _, initial, further) = requests();
    for request in [&initial, &further] {
        for length in 0..request.len() {
            assert!(site.handle(&request[..length]).reply.is_none(), "cut at {length}");
        }
    }
    replied(site.handle(&initial)).unwrap();
    replied(site.handle(&further)).unwrap();
}

/// Every bit of both requests flipped. What the authenticator covers gets no ticket any more; the rest is the wrapping.
#[test]
fn flipped_bits_upset_nothing() {
    let (site, _, initial, further) = requests();
    for request in [&initial, &further] {
        for bit in 0..request.len() * 8 {
            let mut flipped = request.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            if let Some(reply) = site.handle(&flipped).reply {
                assert!(matches!(reply.first(), Some(0x6b | 0x6d | 0x7e)), "bit {bit}");
            }
        }
    }
}

/// No bit of the body of a TGS-REQ can be changed on its way.
#[test]
fn a_changed_body_gets_no_ticket() {
    let (site, tgt, ..) = requests();
    let (request, _) = tgs().addresses(&[[127, 0, 0, 1]]).tgs_req(NOW, &tgt, None);
    let whole: wire::TgsReq = rasn::der::decode(&request).unwrap();
    let body = rasn::der::encode(&whole.0.req_body).unwrap();
    let start = request.windows(body.len()).position(|window| window == body).unwrap();
    for bit in start * 8..(start + body.len()) * 8 {
        let mut flipped = request.clone();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        let answer = site.handle(&flipped);
        if answer.reply.is_some() {
            let code = replied(answer).unwrap_err().code;
            assert!(matches!(code, 7 | 10 | 13 | 41), "bit {bit}: {code}");
        }
    }
    replied(site.handle(&request)).unwrap();
}

/// 20,000 requests, each another one: what is remembered is bounded.
#[test]
fn memory_is_bounded() {
    let site = Site::new();
    site.run("SETROPTS PASSWORD(REVOKE(3))");
    site.flag("alice", icsf_saf::model::PrincipalFlag::NoPreauth, true);
    let request: wire::AsReq = rasn::der::decode(&Ask { preauth: false, ..ask() }.as_req(NOW)).unwrap();
    let tgt = ask().initial(&site).unwrap();
    for nonce in 0..20_000_u32 {
        let mut request = request.clone();
        request.0.req_body.nonce = nonce;
        assert!(replied(site.handle(&rasn::der::encode(&request).unwrap())).is_ok());
        if nonce % 20 == 0 {
            tgs().with(&site, &tgt).unwrap();
        }
    }
    let remembered = site.kdc.remembered();
    assert_eq!((remembered.replies, remembered.authenticators), (4096, 1000));
    assert!(remembered.reply_bytes <= 4 << 20, "{remembered:?}");
    site.clock.advance(400);
    tgs().with(&site, &tgt).unwrap();
    assert_eq!(site.kdc.remembered().replies, 1, "the old ones go");
}

/// Lists as long as a message can be.
#[test]
fn long_lists_are_read() {
    let site = Site::new();
    let mut request: wire::AsReq = rasn::der::decode(&ask().as_req(NOW)).unwrap();
    request.0.req_body.etype = vec![18; 20_000];
    replied(site.handle(&rasn::der::encode(&request).unwrap())).unwrap();
    request.0.req_body.cname.as_mut().unwrap().string = vec![crate::client::text("x"); 20_000];
    let answer = site.handle(&rasn::der::encode(&request).unwrap());
    assert!(answer.outcome.to_string().len() < 300, "{}", answer.outcome);
    assert_eq!(replied(answer).unwrap_err().code, 6);
}

/// No key of the realm and no session key in anything that is shown.
#[test]
fn nothing_that_is_shown_has_a_key_in_it() {
    let (site, tgt, initial, further) = requests();
    let mut shown = String::new();
    for request in [&initial, &further] {
        let answer = site.handle(request);
        write!(shown, "{answer:?} {}", answer.outcome).unwrap();
    }
    write!(shown, "{:?} {:?} {:?}", site.kdc, tgt.session, site.journal.events()).unwrap();
    let shown = shown.to_ascii_uppercase();
    let alice = crate::support::key_of(&"alice".parse().unwrap(), icsf_core::backend::Etype::Aes256Sha1);
    for key in [alice.expose(), tgt.session.expose()] {
        assert!(!shown.contains(&data_encoding::HEXUPPER.encode(key)));
        assert!(!shown.contains(&format!("{key:?}")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0..3) {
        thread_local!(static SITE: Site = Site::new());
        let bytes = match kind {
            0 => bytes,
            // As long as it says, so that what is inside is looked at.
            1 => framed(0x6a, &framed(0x30, &bytes)),
            _ => framed(0x6c, &framed(0x30, &bytes)),
        };
        SITE.with(|site| drop(site.handle(&bytes)));
    }
}

fn framed(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, high, low], content].concat()
}

/// Requests overlap, and the engine goes and comes back meanwhile: each gets its ticket, or is refused for that reason.
#[test]
fn requests_overlap() {
    let site = Site::new();
    let tgt = ask().initial(&site).unwrap();
    let issued: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let fine = |ended: Result<Credentials, crate::client::Refused>| match ended {
                        Ok(_) => 1,
                        Err(refused) => {
                            assert_eq!(refused.code, 29, "{refused:?}");
                            0
                        }
                    };
                    (0..100).map(|_| fine(ask().initial(&site)) + fine(tgs().with(&site, &tgt))).sum::<usize>()
                })
            })
            .collect();
        for _ in 0..20 {
            site.pull();
            std::thread::yield_now();
            site.insert();
        }
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert!(issued > 0);
    tgs().with(&site, &tgt).unwrap();
}
