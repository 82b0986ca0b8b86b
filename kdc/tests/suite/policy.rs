//! Flags and dates of principals, users who are revoked, lives: what kadmin can set, and what comes of it (transcripts T30
//! to T43).

use icsf_kdc::flags::{KdcOptions as O, TicketFlags};
use icsf_saf::model::{Principal, PrincipalFlag as P};

use crate::client::{Ask, ask, replied, tgs};
use crate::support::{DAY, HOUR, MINUTE, NOW, Site};

fn life(site: &Site, ask: &Ask) -> (u64, Option<u64>) {
    let got = ask.initial(site).unwrap();
    (got.end - got.start, got.renew_till.map(|till| till - got.start))
}

const KRBTGT: &str = "krbtgt/EXAMPLE.COM";

fn set(site: &Site, name: &str, life: u64, renewable: u64) {
    site.change(name, |principal: &mut Principal| {
        (principal.max_ticket_life, principal.max_renewable_life) = (life.try_into().ok(), renewable.try_into().ok());
    });
}

/// T30, T32: each of the four values is the smallest in turn.
#[test]
fn the_life_is_the_smallest_of_four() {
    let site = Site::new();
    let week = 7 * DAY;
    let long = |hours: u64| ask().client("min4").opt(O::RENEWABLE_OK).till(hours * HOUR);
    set(&site, "min4", 3 * HOUR, week);
    assert_eq!(life(&site, &long(8)), (3 * HOUR, Some(8 * HOUR)), "the client's");
    set(&site, "min4", 9 * HOUR, week);
    set(&site, KRBTGT, 2 * HOUR, week);
    assert_eq!(life(&site, &long(8)), (2 * HOUR, Some(8 * HOUR)), "the server's");
    set(&site, KRBTGT, 10 * HOUR, week);
    assert_eq!(life(&site, &long(1)), (HOUR, None), "what is asked for");
    set(&site, "min4", 20 * HOUR, week);
    set(&site, KRBTGT, 20 * HOUR, week);
    assert_eq!(life(&site, &long(18)), (10 * HOUR, Some(18 * HOUR)), "the realm's");

    let renewable = |days: u64| ask().client("min4").opt(O::RENEWABLE).rtime(days * DAY);
    set(&site, "min4", 20 * HOUR, DAY);
    assert_eq!(life(&site, &renewable(5)), (HOUR, Some(DAY)), "the client's");
    set(&site, "min4", 20 * HOUR, 20 * DAY);
    set(&site, KRBTGT, 20 * HOUR, 20 * DAY);
    assert_eq!(life(&site, &renewable(20)), (HOUR, Some(week)), "the realm's");
    set(&site, KRBTGT, 20 * HOUR, 2 * DAY);
    assert_eq!(life(&site, &renewable(20)), (HOUR, Some(2 * DAY)), "the server's");
    assert_eq!(life(&site, &renewable(1)), (HOUR, Some(DAY)), "what is asked for");
    set(&site, "min4", 20 * HOUR, 0);
    assert_eq!(life(&site, &renewable(5)), (HOUR, None), "none at all: no flag, where MIT sets it");
}

/// T31, and the same with a TGT that has been used for a while.
#[test]
fn a_service_shortens_its_tickets() {
    let site = Site::new();
    set(&site, "nfs/boston.example.com", 30 * MINUTE, DAY);
    let tgt = ask().till(8 * HOUR).initial(&site).unwrap();
    let nfs = tgs().server("nfs/boston.example.com");
    assert_eq!(nfs.with(&site, &tgt).unwrap().end, NOW + 30 * MINUTE);
    site.clock.advance(2 * HOUR);
    assert_eq!(nfs.with(&site, &tgt).unwrap().end, NOW + 2 * HOUR + 30 * MINUTE);
}

/// MINTKTLF, DEFTKTLF and MAXTKTLF of the REALM profile.
#[test]
fn the_realm_has_a_shortest_and_a_usual_life() {
    let site = Site::new();
    site.run("RALTER REALM KERBDFLT KERB(MINTKTLF(60) DEFTKTLF(7200) MAXTKTLF(36000))");
    assert_eq!(ask().till(59).initial(&site).unwrap_err().code, 11);
    assert_eq!(life(&site, &ask().till(60)), (60, None));
    assert_eq!(life(&site, &Ask { till: None, ..ask() }), (7200, None));
    let tgt = ask().till(61).initial(&site).unwrap();
    site.clock.advance(30);
    assert_eq!(tgs().with(&site, &tgt).unwrap().end, tgt.end, "what is left of a TGT may be shorter");
}

/// T33 to T41.
#[test]
fn flags_of_a_client_count() {
    let site = Site::new();
    let min4 = || ask().client("min4");
    let code = |ask: Ask| ask.initial(&site).unwrap_err().code;
    let with_flag = |flag: P, then: &dyn Fn()| {
        site.flag("min4", flag, true);
        then();
        site.flag("min4", flag, false);
    };
    let all = O::FORWARDABLE | O::PROXIABLE | O::RENEWABLE | O::ALLOW_POSTDATE;
    let flags = || min4().opt(all).initial(&site).unwrap().flags.to_string();
    assert_eq!(flags(), "FPDRIA");
    with_flag(P::NoForwardable, &|| assert_eq!(flags(), "PDRIA"));
    with_flag(P::NoProxiable, &|| assert_eq!(flags(), "FDRIA"));
    with_flag(P::NoRenewable, &|| assert_eq!(flags(), "FPDIA"));
    let postdated = || min4().opt(O::POSTDATED | O::ALLOW_POSTDATE).from(10);
    with_flag(P::NoPostdated, &|| assert_eq!(code(postdated()), 10));
    with_flag(P::NoTickets, &|| assert_eq!(code(min4()), 18));
    with_flag(P::NeedsChange, &|| {
        assert_eq!(code(min4()), 23);
        assert_eq!(min4().server("kadmin/changepw").initial(&site).unwrap().flags.to_string(), "IA");
    });
    with_flag(P::NoPreauth, &|| {
        let unproven = Ask { preauth: false, ..min4() }.initial(&site).unwrap();
        assert_eq!(unproven.flags.to_string(), "I");
        let refused = tgs().with(&site, &unproven).unwrap_err();
        assert_eq!((refused.code, refused.text.as_str()), (60, "NO PREAUTH"));
        site.flag("nfs/boston.example.com", P::NoPreauth, true);
        tgs().server("nfs/boston.example.com").with(&site, &unproven).unwrap();
        assert_eq!(min4().initial(&site).unwrap().flags.to_string(), "IA", "who proves it, has it");
    });
}

#[test]
fn flags_of_a_server_count() {
    let site = Site::new();
    let all = O::FORWARDABLE | O::PROXIABLE | O::RENEWABLE | O::ALLOW_POSTDATE;
    let tgt = ask().opt(all).initial(&site).unwrap();
    let flags = || tgs().opt(all).rtime(DAY).with(&site, &tgt).map(|got| got.flags.to_string()).map_err(|e| e.code);
    let with_flag = |flag: P, expected: Result<&str, i32>| {
        site.flag("host/boston.example.com", flag, true);
        assert_eq!(flags(), expected.map(str::to_owned), "{flag}");
        site.flag("host/boston.example.com", flag, false);
    };
    assert_eq!(flags().unwrap(), "FPDRAT");
    with_flag(P::NoForwardable, Ok("PDRAT"));
    with_flag(P::NoProxiable, Ok("FDRAT"));
    with_flag(P::NoRenewable, Ok("FPDAT"));
    with_flag(P::NoPostdated, Err(10));
    with_flag(P::NoTickets, Err(7));
    with_flag(P::NoServer, Err(27));
    with_flag(P::NoTgsRequest, Err(12));
    site.change("host/boston.example.com", |host| host.expires = Some(NOW));
    assert_eq!(flags(), Err(2));
    assert_eq!(ask().server("host/boston.example.com").initial(&site).unwrap_err().code, 2);
}

/// T38, T39: dates are the first second at which it is over.
#[test]
fn principals_and_passwords_expire() {
    let site = Site::new();
    let code =
        |server: &'static str| ask().client("min4").server(server).initial(&site).map_err(|refused| refused.code);
    site.change("min4", |min4| min4.password_expires = Some(NOW + 10));
    assert_eq!(code(KRBTGT).unwrap().key_expiration, Some(NOW + 10), "the client is told beforehand");
    site.clock.advance(10);
    assert_eq!(code(KRBTGT).unwrap_err(), 23);
    assert!(code("kadmin/changepw").is_ok());
    site.change("min4", |min4| (min4.password_expires, min4.expires) = (None, Some(NOW + 20)));
    let tgt = code(KRBTGT).unwrap();
    site.clock.advance(10);
    assert_eq!(code(KRBTGT).unwrap_err(), 1);
    assert_eq!(tgs().with(&site, &tgt).unwrap_err().code, 1, "nor a further ticket");
}

#[test]
fn a_user_who_is_revoked_gets_no_ticket() {
    let site = Site::new();
    let david = ask().client("david");
    let tgt = david.initial(&site).unwrap();
    site.run("ALTUSER DAVID REVOKE");
    assert_eq!(david.initial(&site).unwrap_err().code, 18);
    assert_eq!(tgs().with(&site, &tgt).unwrap_err().code, 18);
    site.run("ALTUSER DAVID RESUME");
    tgs().with(&site, &tgt).unwrap();
    site.saf.database().delete_principal(&"david".parse().unwrap()).unwrap();
    assert_eq!(tgs().with(&site, &tgt).unwrap_err().code, 6);
}

#[test]
fn failures_are_counted_and_told_once_there_are_too_many() {
    let site = Site::new();
    let revoked = || site.revoked.0.lock().unwrap().clone();
    let wrong = || assert_eq!(Ask { wrong_key: true, ..ask().client("david") }.initial(&site).unwrap_err().code, 24);
    (0..5).for_each(|_| wrong());
    assert_eq!(revoked(), [], "SETROPTS PASSWORD(REVOKE) is not set");
    site.run("SETROPTS PASSWORD(REVOKE(3))");
    (0..2).for_each(|_| wrong());
    ask().client("david").initial(&site).unwrap();
    assert_eq!(site.kdc.remembered().failures, 0, "a good one forgets them");
    (0..2).for_each(|_| wrong());
    assert_eq!(revoked(), []);
    wrong();
    assert_eq!(revoked(), [("DAVID".parse().unwrap(), 3)]);
    (0..3).for_each(|_| assert_eq!(Ask { wrong_key: true, ..ask() }.initial(&site).unwrap_err().code, 24));
    assert_eq!(revoked().len(), 1, "alice is no user");
}

/// The tickets of a service that renews them itself: kadmin/changepw takes initial ones only, and they can be renewed.
#[test]
fn an_initial_service_ticket_can_be_renewed() {
    let site = Site::new();
    let ticket = ask().server("kadmin/changepw").opt(O::RENEWABLE).rtime(DAY).initial(&site).unwrap();
    site.clock.advance(60);
    let renewed = tgs().server("kadmin/changepw").opt(O::RENEW).with(&site, &ticket).unwrap();
    assert!(renewed.flags.has(TicketFlags::INITIAL));
    assert_eq!((renewed.start, renewed.end), (NOW + 60, NOW + 360));
}

#[test]
fn without_realm_nobody_is_answered() {
    let site = Site::new();
    site.run("RDELETE REALM KERBDFLT");
    assert_eq!(ask().initial(&site).unwrap_err().code, 29);
}

/// A row that cannot be read is none, and the log says why.
#[test]
fn a_damaged_principal_is_told_of() {
    let site = Site::new();
    site.damage("min4");
    let answer = site.handle(&ask().client("min4").as_req(NOW));
    let line = answer.outcome.to_string();
    assert!(
        line.contains("6 KDC_ERR_C_PRINCIPAL_UNKNOWN, the client is not defined: principal min4 is damaged: "),
        "{line}"
    );
    assert_eq!(replied(answer).unwrap_err().code, 6);
}
