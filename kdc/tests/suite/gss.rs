//! Contexts of GSS-API: what clients of MIT's library and our own send, and what nobody should.

use std::net::IpAddr;

use icsf_core::backend::Etype;
use icsf_core::clock::Clock;
use icsf_core::codes::ReasonCodes;
use icsf_core::random::SystemRandom;
use icsf_kdc::codes::ErrorCode;
use icsf_kdc::crypto::{SessionKey, decrypt, encrypt};
use icsf_kdc::flags::KdcOptions as O;
use icsf_kdc::gss::{Context, ContextFlags};
use icsf_kdc::keytab::Entry;
use icsf_kdc::{Acceptor, CkdsKeys, KeytabKeys, Refusal, Replays, ServerKeys, gss};
use rasn_kerberos as wire;

use crate::client::{ApRequest, Credentials, ap_req, ask, random, tgs, time};
use crate::support::{HERE, HOUR, NOW, REALM, Site, key_of};

const KERBEROS: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
const SPNEGO: [u8; 8] = [6, 6, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
const MUTUAL: u32 = 2;

fn framed(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, high, low], content].concat()
}

/// The checksum of a client that wants these flags.
fn flags(flags: u32) -> Vec<u8> {
    [&16_u32.to_le_bytes()[..], &[0; 16], &flags.to_le_bytes()].concat()
}

/// An AP-REQ with this checksum.
fn bare(with: &Credentials, subkey: Option<&SessionKey>, sum: Option<(i32, Vec<u8>)>) -> Vec<u8> {
    let checksum = sum.map(|(kind, sum)| wire::Checksum { r#type: kind, checksum: sum.into() });
    let parts = ApRequest { ticket: with.ticket.clone(), client: with.client.clone(), checksum, subkey, usage: 11 };
    rasn::der::encode(&ap_req(NOW, with, parts)).unwrap()
}

fn kerberos(ap_req: &[u8]) -> Vec<u8> {
    framed(0x60, &[&KERBEROS[..], &[1, 0], ap_req].concat())
}

pub(crate) fn token(with: &Credentials, sum: Vec<u8>) -> Vec<u8> {
    kerberos(&bare(with, None, Some((0x8003, sum))))
}

fn spnego(mechanisms: &[u8], token: &[u8]) -> Vec<u8> {
    let fields =
        [framed(0xa0, &framed(0x30, mechanisms)), framed(0xa1, &[3, 2, 0, 0]), framed(0xa2, &framed(4, token))];
    framed(0x60, &[&SPNEGO[..], &framed(0xa0, &framed(0x30, &fields.concat()))].concat())
}

/// A server of the site, with its keys in the CKDS.
fn accept_from(site: &Site, token: &[u8], peer: Option<IpAddr>) -> Result<Context, Refusal> {
    let view = site.saf.database().view().unwrap();
    accept_with(site, &CkdsKeys { icsf: &site.icsf, registry: &view }, token, peer)
}

fn accept_with(site: &Site, keys: &dyn ServerKeys, token: &[u8], peer: Option<IpAddr>) -> Result<Context, Refusal> {
    let replays = Replays::new();
    let acceptor = Acceptor { realm: REALM, keys, replays: &replays, numbering: ReasonCodes::Icsf, skew: 300 };
    gss::accept(&acceptor, &SystemRandom, token, peer, site.clock.now())
}

pub(crate) fn accept(site: &Site, token: &[u8]) -> Result<Context, Refusal> {
    accept_from(site, token, Some(HERE))
}

pub(crate) fn ticket(site: &Site) -> Credentials {
    tgs().with(site, &ask().initial(site).unwrap()).unwrap()
}

/// That an AP-REP answers this client.
fn proves(with: &Credentials, ap_rep: &[u8]) {
    let reply: wire::ApRep = rasn::der::decode(ap_rep).unwrap();
    let plain = decrypt(&with.session, 12, &reply.enc_part.cipher).unwrap();
    let part: wire::EncApRepPart = rasn::der::decode(&plain).unwrap();
    assert_eq!((part.ctime, part.cusec, part.subkey), (time(NOW), 0.into(), None));
    assert!(part.seq_number.is_some());
}

#[test]
fn a_context_has_what_the_client_wanted() {
    let site = Site::new();
    let with = ticket(&site);
    let subkey = SessionKey::random(Etype::Aes256Sha1, &SystemRandom).unwrap();
    let sum = Some((0x8003, flags(MUTUAL | 16 | 32)));
    let context = accept(&site, &kerberos(&bare(&with, Some(&subkey), sum))).unwrap();
    assert_eq!(context.accepted().client().to_string(), "alice");
    assert_eq!(context.accepted().server().to_string(), "host/boston.example.com");
    assert_eq!((context.flags().bits(), context.delegated().len()), (50, 0));
    assert!(context.flags().has(ContextFlags::CONFIDENTIALITY) && !context.flags().has(ContextFlags::DELEGATION));
    assert_eq!(context.key().expose(), subkey.expose());
    let reply = context.reply().unwrap();
    let start = reply.windows(11).position(|bytes| bytes == KERBEROS).unwrap() + 11;
    assert_eq!((reply[0], &reply[start..start + 2]), (0x60, &[2, 0][..]));
    proves(&with, &reply[start + 2..]);

    let context = accept(&site, &token(&with, flags(0))).unwrap();
    assert!(context.reply().is_none(), "the client waits for nothing");
    assert_eq!(context.key().expose(), with.session.expose());
}

#[test]
fn a_bare_ap_req_is_answered_as_it_came() {
    let site = Site::new();
    let with = ticket(&site);
    let context = accept(&site, &bare(&with, None, None)).unwrap();
    assert_eq!(context.flags(), ContextFlags::MUTUAL);
    proves(&with, context.reply().unwrap());
}

#[test]
fn spnego_is_taken_off_and_put_on() {
    let site = Site::new();
    let with = ticket(&site);
    let windows = [6, 9, 0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02];
    for oid in [KERBEROS, windows] {
        let context = accept(&site, &spnego(&[oid, KERBEROS].concat(), &token(&with, flags(MUTUAL)))).unwrap();
        let reply = context.reply().unwrap();
        assert_eq!((reply[0], reply.windows(5).any(|bytes| bytes == [0xa0, 3, 10, 1, 0])), (0xa1, true));
        assert!(reply.windows(11).any(|bytes| bytes == oid));
        let context = accept(&site, &spnego(&oid, &token(&with, flags(0)))).unwrap();
        assert!(context.reply().unwrap().len() < 30, "the state and no token");
    }
    let ntlm = [6, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];
    let refused = accept(&site, &spnego(&[&ntlm[..], &KERBEROS].concat(), &token(&with, flags(0)))).unwrap_err();
    assert_eq!(
        (refused.code(), refused.reason()),
        (ErrorCode::MessageType, "the mechanism the client likes best is not Kerberos")
    );
}

/// A KRB-CRED of a forwarded ticket, encrypted with `key` or not at all.
pub(crate) fn krb_cred(site: &Site, key: Option<&SessionKey>) -> (Vec<u8>, Credentials) {
    let tgt = ask().opt(O::FORWARDABLE).initial(site).unwrap();
    let handed = tgs().server("krbtgt/EXAMPLE.COM").opt(O::FORWARDABLE | O::FORWARDED).with(site, &tgt).unwrap();
    let info = wire::KrbCredInfo {
        key: wire::EncryptionKey { r#type: 18, value: handed.session.expose().to_vec().into() },
        prealm: None,
        pname: Some(handed.client.clone()),
        flags: Some(handed.flags.into()),
        auth_time: None,
        start_time: None,
        end_time: Some(time(handed.end)),
        renew_till: None,
        srealm: None,
        sname: None,
        caddr: None,
    };
    let part = wire::EncKrbCredPart {
        ticket_info: vec![info],
        nonce: None,
        timestamp: None,
        usec: None,
        sender_address: None,
        recipient_address: None,
    };
    let plain = rasn::der::encode(&part).unwrap();
    let (etype, cipher) = match key {
        Some(key) => (key.etype().number(), encrypt(key, 14, &random(), &plain).unwrap()),
        None => (0, plain),
    };
    let enc_part = wire::EncryptedData { etype, kvno: None, cipher: cipher.into() };
    let message = wire::KrbCred { pvno: 5.into(), msg_type: 22.into(), tickets: vec![handed.ticket.clone()], enc_part };
    (rasn::der::encode(&message).unwrap(), handed)
}

pub(crate) fn delegating(cred: &[u8]) -> Vec<u8> {
    let length = u16::try_from(cred.len()).unwrap().to_le_bytes();
    [&flags(1)[..], &[1, 0], &length, cred].concat()
}

#[test]
fn delegated_tickets_are_read_and_not_shown() {
    let site = Site::new();
    let with = ticket(&site);
    let subkey = SessionKey::random(Etype::Aes256Sha1, &SystemRandom).unwrap();
    let other = SessionKey::random(Etype::Aes256Sha1, &SystemRandom).unwrap();
    for key in [None, Some(&subkey), Some(&with.session)] {
        let (cred, handed) = krb_cred(&site, key);
        let context = accept(&site, &kerberos(&bare(&with, Some(&subkey), Some((0x8003, delegating(&cred)))))).unwrap();
        let [delegated] = context.delegated() else { panic!("{context:?}") };
        assert_eq!(delegated.client.as_ref().unwrap().to_string(), "alice");
        assert_eq!(delegated.server.as_ref().unwrap().to_string(), "krbtgt/EXAMPLE.COM");
        assert_eq!((delegated.flags, delegated.end), (handed.flags, Some(NOW + HOUR)));
        assert_eq!(delegated.flags.to_string(), "FfAT");
        assert_eq!(delegated.session.expose(), handed.session.expose());
        let shown = format!("{context:?} {delegated:?}");
        assert!(!shown.contains(&format!("{:?}", &handed.session.expose()[..6])[1..20]), "{shown}");
        assert!(!shown.contains(&format!("{:?}", &delegated.ticket[..9])[1..20]), "{shown}");
    }
    let (cred, _) = krb_cred(&site, Some(&other));
    let refused = accept(&site, &token(&with, delegating(&cred))).unwrap_err();
    assert_eq!((refused.code(), refused.reason()), (ErrorCode::BadIntegrity, "the delegated tickets cannot be read"));
}

#[test]
fn what_is_no_token_of_a_client_is_refused() {
    use ErrorCode::{BadAddress, Generic, InappropriateChecksum, MessageType};
    let site = Site::new();
    let with = ticket(&site);
    let refused = |token: &[u8]| accept(&site, token).unwrap_err().code();
    let sound = bare(&with, None, Some((0x8003, flags(0))));
    let other_oid = framed(0x60, &[&[6, 1, 42][..], &[1, 0], &sound].concat());
    let ap_rep = framed(0x60, &[&KERBEROS[..], &[2, 0], &sound].concat());
    for token in [b"".as_slice(), b"GET / HTTP/1.1", &other_oid, &ap_rep, &[0x60, 0]] {
        assert_eq!(refused(token), MessageType);
    }
    assert_eq!(refused(&[&kerberos(&sound)[..], &[0]].concat()), MessageType, "something behind it");
    assert_eq!(refused(&kerberos(&bare(&with, None, None))), InappropriateChecksum);
    assert_eq!(refused(&kerberos(&bare(&with, None, Some((16, vec![0; 24]))))), InappropriateChecksum);
    assert_eq!(refused(&token(&with, flags(0)[..23].to_vec())), InappropriateChecksum);
    assert_eq!(refused(&token(&with, [&[17][..], &flags(0)[1..]].concat())), InappropriateChecksum);
    assert_eq!(refused(&token(&with, [&flags(1)[..], &[2, 0, 0, 0]].concat())), InappropriateChecksum);
    assert_eq!(refused(&token(&with, [&flags(1)[..], &[1, 0, 9, 0, 1]].concat())), InappropriateChecksum);
    assert_eq!(refused(&token(&with, [&flags(1)[..], &[1, 0, 1, 0, 1]].concat())), Generic);
    assert_eq!(refused(&token(&with, flags(0x1000))), Generic);

    let bound = ask().server("host/boston.example.com").addresses(&[[10, 9, 8, 7]]).initial(&site).unwrap();
    assert_eq!(refused(&token(&bound, flags(0))), BadAddress);
    assert!(accept_from(&site, &token(&bound, flags(0)), None).is_ok(), "not asked for");
    site.pull();
    assert_eq!(refused(&token(&with, flags(0))), ErrorCode::ServiceUnavailable);
}

#[test]
fn cuts_and_flips_are_refused() {
    let site = Site::new();
    let with = ticket(&site);
    let (cred, _) = krb_cred(&site, Some(&with.session));
    let sound = [
        bare(&with, None, Some((0x8003, flags(MUTUAL)))),
        token(&with, delegating(&cred)),
        spnego(&KERBEROS, &token(&with, flags(MUTUAL))),
    ];
    for token in sound {
        accept(&site, &token).unwrap();
        for length in 0..token.len() {
            accept(&site, &token[..length]).unwrap_err();
        }
        for bit in 0..token.len() * 8 {
            let mut flipped = token.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            // What neither ticket nor authenticator covers may be another: options, flags of SPNEGO, the kind of a name.
            if let Ok(context) = accept(&site, &flipped) {
                assert_eq!(context.accepted().client().to_string(), "alice", "bit {bit}");
            }
        }
    }
    // The delegated part, which a client may fill with anything.
    for length in 0..cred.len() {
        accept(&site, &token(&with, delegating(&cred[..length]))).unwrap_err();
    }
    for bit in 0..cred.len() * 8 {
        let mut flipped = cred.clone();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        let _either = accept(&site, &token(&with, delegating(&flipped)));
    }
}

#[test]
fn a_keytab_serves_without_the_engine() {
    let site = Site::new();
    let with = ask().server("bob").opt(O::NONE).initial(&site).unwrap();
    let token = token(&with, flags(0));
    let entry = |name: &str, version, etype: u16| Entry {
        realm: REALM.to_owned(),
        components: vec![name.to_owned()],
        name_type: 1,
        timestamp: 0,
        version,
        etype,
        key: key_of(&"bob".parse().unwrap(), Etype::Aes256Sha1),
    };
    let code = |entries: &[Entry], realm: &str| {
        let keys = KeytabKeys { realm, entries };
        accept_with(&site, &keys, &token, None).map(|_| ()).map_err(|refusal| refusal.code())
    };
    site.pull();
    assert_eq!(accept(&site, &token).unwrap_err().code(), ErrorCode::ServiceUnavailable);
    assert_eq!(code(&[entry("bob", 2, 18), entry("bob", 1, 18)], REALM), Ok(()));
    assert_eq!(code(&[], REALM), Err(ErrorCode::NotUs));
    assert_eq!(code(&[entry("alice", 1, 18)], REALM), Err(ErrorCode::NotUs));
    assert_eq!(code(&[entry("bob", 1, 18)], "OTHER.COM"), Err(ErrorCode::NotUs));
    assert_eq!(code(&[entry("bob", 2, 18)], REALM), Err(ErrorCode::BadKeyVersion));
    assert_eq!(code(&[entry("bob", 1, 17)], REALM), Err(ErrorCode::NoKey));
    let wrong = Entry { key: key_of(&"alice".parse().unwrap(), Etype::Aes256Sha1), ..entry("bob", 1, 18) };
    assert_eq!(code(&[wrong], REALM), Err(ErrorCode::BadIntegrity));
}
