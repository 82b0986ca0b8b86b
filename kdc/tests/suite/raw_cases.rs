//! The raw cases of the reference transcripts: what a client can ask for, and what comes of it.
//!
//! Numbers are those of the transcripts of MIT 1.20.1 and Heimdal 7.8. Where these two and RFC 4120 differ, the RFC is
//! followed, or what is reasonable; rows that tell so say "recommended".
//!
//! What comes of a case is written `FLAGS start..end Rrenew-till @addresses`, times in seconds from the begin of the case,
//! or as the number of the error.

use icsf_kdc::flags::KdcOptions as O;

use crate::client::{Ask, Credentials, Flaw, Refused, ask, tgs};
use crate::support::{DAY, HOUR, MINUTE, NOW, Site};

const FORWARDED: O = O::FORWARDED;
const TGT: &str = "krbtgt/EXAMPLE.COM";
const ELSEWHERE: &[[u8; 4]] = &[[10, 9, 8, 7]];
const HOME: &[[u8; 4]] = &[[127, 0, 0, 1]];

fn shown(credentials: &Credentials) -> String {
    let offset = |time: u64| time as i64 - NOW as i64;
    let mut shown = format!("{} {}..{}", credentials.flags, offset(credentials.start), offset(credentials.end));
    if let Some(till) = credentials.renew_till {
        shown += &format!(" R{}", offset(till));
    }
    if credentials.addresses > 0 {
        shown += &format!(" @{}", credentials.addresses);
    }
    shown
}

fn result(result: &Result<Credentials, Refused>) -> String {
    result.as_ref().map_or_else(|refused| refused.code.to_string(), shown)
}

fn plain() -> Ask {
    ask()
}

fn with(options: O) -> Ask {
    ask().opt(options)
}

#[test]
fn as_cases() {
    let site = Site::new();
    let month = 30 * DAY;
    let cases: Vec<(&str, Ask, &str)> = vec![
        ("A01 no preauth", Ask { preauth: false, ..plain() }, "25"),
        ("A02 plain, 1 h", plain(), "IA 0..3600"),
        ("A03 till 0: as long as possible", Ask { till: None, ..plain() }, "IA 0..36000"),
        ("A04 30 d", plain().till(month), "IA 0..36000"),
        ("A05 30 d, RENEWABLE-OK", with(O::RENEWABLE_OK).till(month), "RIA 0..36000 R604800"),
        ("A06 1 h, RENEWABLE-OK not needed", with(O::RENEWABLE_OK), "IA 0..3600"),
        ("A07 RENEWABLE 2 d", with(O::RENEWABLE).rtime(2 * DAY), "RIA 0..3600 R172800"),
        ("A08 RENEWABLE 30 d", with(O::RENEWABLE).rtime(month), "RIA 0..3600 R604800"),
        ("A09 RENEWABLE, no rtime", with(O::RENEWABLE), "RIA 0..3600 R604800"),
        ("A10 rtime before till", with(O::RENEWABLE).rtime(30 * MINUTE), "RIA 0..3600 R1800"),
        ("A11 till in the past; recommended", Ask { till: Some(-3600), ..plain() }, "11"),
        ("A12 from +1 h, not POSTDATED; recommended", plain().from(3600).till(2 * HOUR), "10"),
        ("A13 from +10 s, inside the skew", plain().from(10).till(2 * HOUR), "IA 0..7200"),
        ("A14 POSTDATED, ALLOW-POSTDATE", postdated().from(3600).till(2 * HOUR), "DdiIA 3600..7200"),
        ("A15 POSTDATED alone", with(O::POSTDATED).from(3600).till(2 * HOUR), "diIA 3600..7200"),
        ("A16 POSTDATED, no from; recommended", postdated().till(2 * HOUR), "DIA 0..7200"),
        ("A17 POSTDATED, from in the past; recommended", postdated().from(-10).till(2 * HOUR), "DIA 0..7200"),
        ("A18 FORWARDED", with(FORWARDED), "13"),
        ("A19 PROXY", with(O::PROXY), "13"),
        ("A20 RENEW", with(O::RENEW), "13"),
        ("A21 VALIDATE", with(O::VALIDATE), "13"),
        ("A22 ENC-TKT-IN-SKEY", with(O::ENC_TKT_IN_SKEY), "13"),
        ("A23 clock -200 s", plain().skew(-200), "IA 0..3600"),
        ("A23 clock -299 s", plain().skew(-299), "IA 0..3600"),
        ("A23 clock -400 s", plain().skew(-400), "37"),
        ("A23 clock +400 s", plain().skew(400), "37"),
        ("A24 wrong key", Ask { wrong_key: true, ..plain() }, "24"),
        ("A25 des, rc4 only", plain().etypes(&[1, 3, 23]), "14"),
        ("A26 unknown client", plain().client("nobody"), "6"),
        ("A27 unknown server", plain().server("host/nowhere"), "7"),
        ("A28 other addresses, not checked by default; recommended", plain().addresses(ELSEWHERE), "IA 0..3600 @1"),
        ("A29 own address", with(O::FORWARDABLE | O::PROXIABLE).addresses(HOME), "FPIA 0..3600 @1"),
        ("A30 for K/M", plain().server("K/M"), "7"),
        ("A31 for itself", plain().server("alice"), "IA 0..3600"),
        ("A32 for kadmin/changepw: 5 min", plain().server("kadmin/changepw"), "IA 0..300"),
        ("anonymous, which is not offered", with(O::REQUEST_ANONYMOUS), "13"),
        ("another realm", Ask { realm: "OTHER.COM", ..plain() }, "6"),
        ("K/M as the client", plain().client("K/M"), "18"),
    ];
    for (case, ask, expected) in &cases {
        assert_eq!(result(&ask.initial(&site)), *expected, "{case}");
    }
    assert_eq!(cases.len(), 38);
}

fn postdated() -> Ask {
    with(O::POSTDATED | O::ALLOW_POSTDATE)
}

/// What is done in a case, one after the other; each ticket is got with the one before.
enum Step {
    Initial(Ask),
    With(Ask),
    Wait(u64),
}
use Step::{Initial, Wait, With};

fn run(site: &Site, steps: &[Step]) -> String {
    site.clock.set(NOW);
    let mut held: Option<Credentials> = None;
    let last = steps.len() - 1;
    for (at, step) in steps.iter().enumerate() {
        let got = match step {
            Wait(seconds) => {
                site.clock.advance(*seconds);
                continue;
            }
            Initial(ask) => ask.initial(site),
            With(ask) => ask.with(site, held.as_ref().expect("a ticket")),
        };
        if at == last {
            return result(&got);
        }
        held = Some(got.unwrap_or_else(|refused| panic!("step {at}: {refused:?}")));
    }
    panic!("a case ends with a request")
}

fn forwarded() -> Ask {
    tgs().server(TGT).opt(O::FORWARDABLE | FORWARDED)
}

fn early() -> Step {
    Initial(postdated().from(2).till(10 * MINUTE))
}

fn renewable() -> Step {
    Initial(with(O::RENEWABLE).rtime(2 * DAY))
}

#[test]
fn tgs_cases() {
    let site = Site::new();
    let first = || Initial(plain());
    let may_postdate = || Initial(with(O::ALLOW_POSTDATE).till(2 * HOUR));
    let opt = |options| With(tgs().opt(options));
    let tgt = |options| With(tgs().server(TGT).opt(options));
    let cases: Vec<(&str, Vec<Step>, &str)> = vec![
        ("B01 plain", vec![first(), With(tgs())], "AT 0..3600"),
        ("B02 RENEWABLE-OK, 30 d", vec![first(), With(tgs().opt(O::RENEWABLE_OK).till(30 * DAY))], "AT 0..3600"),
        ("B03 FORWARDED", vec![first(), tgt(FORWARDED)], "13"),
        ("B04 FORWARDABLE: left out; recommended", vec![first(), opt(O::FORWARDABLE)], "AT 0..3600"),
        ("B05 PROXIABLE: left out; recommended", vec![first(), opt(O::PROXIABLE)], "AT 0..3600"),
        ("B06 PROXY", vec![first(), opt(O::PROXY)], "13"),
        ("B07 RENEWABLE", vec![first(), With(tgs().opt(O::RENEWABLE).rtime(DAY))], "AT 0..3600"),
        ("B08 RENEW", vec![first(), tgt(O::RENEW)], "13"),
        ("B09 VALIDATE", vec![first(), tgt(O::VALIDATE)], "13"),
        ("B10 ALLOW-POSTDATE", vec![first(), opt(O::ALLOW_POSTDATE)], "13"),
        ("B11 POSTDATED", vec![first(), With(tgs().opt(O::POSTDATED).from(3600))], "13"),
        ("B12 FORWARDABLE", vec![Initial(with(O::FORWARDABLE))], "FIA 0..3600"),
        (
            "B13 forwarded",
            vec![Initial(with(O::FORWARDABLE)), With(forwarded().addresses(ELSEWHERE))],
            "FfAT 0..3600 @1",
        ),
        ("B14 FORWARDED only", vec![Initial(with(O::FORWARDABLE)), tgt(FORWARDED)], "fAT 0..3600"),
        ("B15 FORWARDED to a service; recommended", vec![Initial(with(O::FORWARDABLE)), opt(FORWARDED)], "fAT 0..3600"),
        (
            "B16 forwarded for another address, used from here",
            vec![Initial(with(O::FORWARDABLE)), With(forwarded().addresses(ELSEWHERE)), With(tgs())],
            "38",
        ),
        ("B17 forwarded, no address", vec![Initial(with(O::FORWARDABLE)), With(forwarded())], "FfAT 0..3600"),
        (
            "B18 a service with a forwarded one; recommended",
            vec![Initial(with(O::FORWARDABLE)), With(forwarded()), With(tgs())],
            "fAT 0..3600",
        ),
        (
            "B19 forwarded again",
            vec![Initial(with(O::FORWARDABLE)), With(forwarded()), With(forwarded())],
            "FfAT 0..3600",
        ),
        ("B20 PROXIABLE", vec![Initial(with(O::PROXIABLE))], "PIA 0..3600"),
        (
            "B21 PROXY for another address; recommended",
            vec![Initial(with(O::PROXIABLE)), With(tgs().opt(O::PROXY).addresses(ELSEWHERE))],
            "pAT 0..3600 @1",
        ),
        (
            "B22 PROXY, PROXIABLE; recommended",
            vec![Initial(with(O::PROXIABLE)), opt(O::PROXY | O::PROXIABLE)],
            "PpAT 0..3600",
        ),
        ("B23 PROXY for a TGT; recommended", vec![Initial(with(O::PROXIABLE)), tgt(O::PROXY)], "13"),
        ("B24 FORWARDED with a proxiable one", vec![Initial(with(O::PROXIABLE)), tgt(FORWARDED)], "13"),
        ("B25 bound to another address", vec![Initial(plain().addresses(ELSEWHERE)), With(tgs())], "38"),
        ("B26 bound to this address", vec![Initial(plain().addresses(HOME)), With(tgs())], "AT 0..3600 @1"),
        ("B27 renewed: stays renewable; recommended", vec![renewable(), tgt(O::RENEW)], "RIAT 0..3600 R172800"),
        (
            "B28 RENEWABLE, 30 d",
            vec![renewable(), With(tgs().opt(O::RENEWABLE).rtime(30 * DAY))],
            "RAT 0..3600 R172800",
        ),
        ("B29 10 d, no option", vec![renewable(), With(tgs().till(10 * DAY))], "AT 0..3600"),
        ("B30 RENEW for another server", vec![renewable(), opt(O::RENEW)], "26"),
        ("B31 ALLOW-POSTDATE", vec![may_postdate()], "DIA 0..7200"),
        (
            "B32 POSTDATED +1 h; recommended",
            vec![may_postdate(), With(tgs().opt(O::POSTDATED).from(3600))],
            "diAT 3600..7200",
        ),
        (
            "B33 POSTDATED after the end of the TGT; recommended",
            vec![may_postdate(), With(tgs().opt(O::POSTDATED).from(10_800))],
            "11",
        ),
        ("B33b from +1 h, not POSTDATED; recommended", vec![may_postdate(), With(tgs().from(3600))], "10"),
        ("B33c the same with a plain TGT; recommended", vec![first(), With(tgs().from(3600))], "10"),
        ("B34 POSTDATED +2 s", vec![early()], "DdiIA 2..600"),
        ("B35 invalid, used", vec![early(), With(tgs())], "33"),
        ("B36 validated too early", vec![early(), tgt(O::VALIDATE)], "33"),
        ("B37 invalid, renewed", vec![early(), tgt(O::RENEW)], "13"),
        ("B38 invalid, used after its start", vec![early(), Wait(3), With(tgs())], "33"),
        ("B39 validated; recommended", vec![early(), Wait(3), tgt(O::VALIDATE)], "DdIAT 3..600"),
        ("B40 validated again", vec![early(), Wait(3), tgt(O::VALIDATE), tgt(O::VALIDATE)], "13"),
        ("B41 the validated one used", vec![early(), Wait(3), tgt(O::VALIDATE), With(tgs())], "AT 3..600"),
        ("B42 2 s", vec![Initial(plain().till(2))], "IA 0..2"),
        ("B43 RENEWABLE, 2 s", vec![Initial(with(O::RENEWABLE).till(2).rtime(DAY))], "RIA 0..2 R86400"),
        ("B44 expired inside the skew; recommended", vec![Initial(plain().till(2)), Wait(3), With(tgs())], "32"),
        (
            "B45 the same, renewed",
            vec![Initial(with(O::RENEWABLE).till(2).rtime(DAY)), Wait(3), tgt(O::RENEW)],
            "RIAT 3..5 R86400",
        ),
        ("B46 unknown server", vec![first(), With(tgs().server("host/nowhere"))], "7"),
        ("B47 clock +400 s", vec![first(), With(tgs().skew(400))], "37"),
        ("B48 clock -400 s", vec![first(), With(tgs().skew(-400))], "37"),
        ("B49 another body; recommended", vec![first(), With(tgs().flaw(Flaw::Body))], "41"),
        ("B50 another client", vec![first(), With(tgs().flaw(Flaw::ClientName))], "36"),
        ("B52 another ticket", vec![first(), With(tgs().flaw(Flaw::Ticket))], "31"),
        ("B53 with a service ticket", vec![first(), With(tgs()), With(tgs().server("nfs/boston.example.com"))], "35"),
        ("B54 for a user", vec![first(), With(tgs().server("alice"))], "AT 0..3600"),
        ("B55 for kadmin/changepw", vec![first(), With(tgs().server("kadmin/changepw"))], "12"),
        ("B56 for K/M", vec![first(), With(tgs().server("K/M"))], "7"),
        ("B57 for another realm", vec![first(), With(tgs().server("krbtgt/OTHER.COM"))], "7"),
        ("B58 ENC-TKT-IN-SKEY, no further ticket", vec![first(), opt(O::ENC_TKT_IN_SKEY)], "13"),
        ("B59 PROXIABLE", vec![Initial(with(O::PROXIABLE)), opt(O::PROXIABLE)], "PAT 0..3600"),
        (
            "B60 its proxy for another address; recommended",
            vec![Initial(with(O::PROXIABLE)), opt(O::PROXIABLE), With(tgs().opt(O::PROXY).addresses(ELSEWHERE))],
            "pAT 0..3600 @1",
        ),
        (
            "B61 its proxy, proxiable; recommended",
            vec![Initial(with(O::PROXIABLE)), opt(O::PROXIABLE), opt(O::PROXY | O::PROXIABLE)],
            "PpAT 0..3600",
        ),
        ("B62 it, no option", vec![Initial(with(O::PROXIABLE)), opt(O::PROXIABLE), With(tgs())], "35"),
        ("B63 RENEW, RENEWABLE", vec![renewable(), Wait(6), tgt(O::RENEW | O::RENEWABLE)], "RIAT 6..3606 R172800"),
        (
            "B64 the same, 10 h",
            vec![renewable(), Wait(6), With(tgs().server(TGT).opt(O::RENEW | O::RENEWABLE).till(10 * HOUR))],
            "RIAT 6..3606 R172800",
        ),
        (
            "B65 a service ticket renewed; recommended",
            vec![renewable(), With(tgs().opt(O::RENEWABLE).rtime(DAY)), opt(O::RENEW)],
            "RAT 0..3600 R86400",
        ),
        ("B66 till in the past; recommended", vec![first(), With(Ask { till: Some(-3600), ..tgs() })], "11"),
        (
            "B67 ENC-TKT-IN-SKEY, its own TGT",
            vec![first(), With(Ask { second: true, ..tgs().server("alice").opt(O::ENC_TKT_IN_SKEY) })],
            "AT 0..3600",
        ),
        ("no checksum", vec![first(), With(tgs().flaw(Flaw::NoChecksum))], "50"),
        ("a checksum of another type", vec![first(), With(tgs().flaw(Flaw::ChecksumType))], "50"),
        ("another authenticator", vec![first(), With(tgs().flaw(Flaw::Authenticator))], "31"),
        ("a key version that there is not", vec![first(), With(tgs().flaw(Flaw::KeyVersion))], "44"),
        ("renewed and validated at once", vec![renewable(), tgt(O::RENEW | O::VALIDATE)], "13"),
        ("a service ticket renewed for another server", vec![first(), With(tgs()), tgt(O::RENEW)], "26"),
        ("expired, beyond the skew", vec![first(), Wait(3901), With(tgs())], "32"),
        ("renewed when its time is over", vec![renewable(), Wait(2 * DAY), tgt(O::RENEW)], "32"),
        ("another realm", vec![first(), With(Ask { realm: "OTHER.COM", ..tgs() })], "7"),
        ("nothing the KDC knows of", vec![first(), With(tgs().etypes(&[23]))], "14"),
        ("data mandatory for the KDC", vec![first(), With(Ask { authorization_data: vec![8], ..tgs() })], "12"),
    ];
    for (case, steps, expected) in &cases {
        assert_eq!(run(&site, steps), *expected, "{case}");
    }
    assert_eq!(cases.len(), 79);
}

/// G01, G02, and whatever else is no request: no reply, so that the shell can close and count.
#[test]
fn garbage_is_not_answered() {
    let site = Site::new();
    for garbage in [&b"garbage"[..], b"", &[0x6a, 0], &[0x6a, 0x80], &[0x6c, 2, 0x30, 0], &[0x7e, 0]] {
        assert!(site.handle(garbage).reply.is_none(), "{garbage:?}");
    }
    let whole = ask().as_req(NOW);
    assert!(site.handle(&[&whole[..], &[0]].concat()).reply.is_none(), "a byte too many");
}
