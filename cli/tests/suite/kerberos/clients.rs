//! MIT's clients: T01 to T25, T30 to T49, T60 to T63, T70.

use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::served::Served;
use super::tickets::Ticket;

#[test]
fn ticket_types() {
    Served::new(&[]).play("ticket-types.txt");
}

#[test]
fn postdated() {
    Served::new(&[]).play("postdated.txt");
}

#[test]
fn lives() {
    Served::new(&[]).play("lives.txt");
}

#[test]
fn refusals() {
    Served::new(&[]).play("refusals.txt");
}

#[test]
fn keys() {
    Served::new(&[]).play("keys.txt");
}

#[test]
fn passwords() {
    Served::new(&[]).play("passwords.txt");
}

#[test]
fn engine() {
    Served::new(&[]).play("engine.txt");
}

/// T60: a KDC that starts without its engine is there, and refuses; with the engine it issues.
#[test]
fn started_without_its_engine() {
    let place = Served::realm();
    place.prd1(&["engine", "offline"]).ok();
    let served = Served::serve(place, &[]);
    let kinit = "kinit alice < alice.pw";
    let (said, status) = served.run(kinit);
    assert_eq!(status, "1", "{said}");
    assert!(said.contains("A service is not available that is required to process the request"), "{said}");
    served.well("softicsf engine online");
    served.well(kinit);
}

/// T49.
#[test]
fn a_kdc_that_is_gone() {
    let mut served = Served::new(&[]);
    served.well("kinit alice < alice.pw");
    served.stop();
    let (said, status) = served.run("kinit -c other alice < alice.pw");
    let gone = "kinit: Cannot contact any KDC for realm 'EXAMPLE.COM' while getting initial credentials\n";
    assert_eq!((said.as_str(), status.as_str()), (gone, "1"));
}

/// The setting for error 60 has clients show what ICSF said: the second part of T70.
#[test]
fn engine_told() {
    Served::new(&["--engine-error", "60"]).play("engine-told.txt");
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

/// The one ticket in the cache.
fn ticket(served: &Served) -> Ticket {
    let mut all = Ticket::all(&served.well("klist -f"));
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// T13, T18: what is postdated lives from the start it was asked for.
#[test]
fn a_postdated_ticket_starts_when_it_was_asked_to() {
    let served = Served::new(&[]);
    let before = now();
    served.well("kinit -s 1h -l 2h -r 2d alice < alice.pw");
    let Ticket { flags, start, end, renew_till, .. } = ticket(&served);
    assert_eq!(flags, "DdiRIA");
    assert!((before + 3600..=now() + 3600).contains(&start), "{start}");
    assert_eq!((end - start, renew_till), (7200, Some(start + 172_800)));
}

/// T09, T44: a renewed ticket starts anew with the life it had, and ends when it can be renewed no more.
#[test]
fn a_ticket_is_renewed_until_its_renewable_life_ends() {
    let served = Served::new(&[]);
    served.well("kinit -l 4s -r 6s alice < alice.pw");
    let first = ticket(&served);
    let till = first.start + 6;
    assert_eq!((first.flags.as_str(), first.end, first.renew_till), ("RIA", first.start + 4, Some(till)));
    sleep(Duration::from_millis(1100));
    served.well("kinit -R");
    let second = ticket(&served);
    assert_eq!((second.flags.as_str(), second.renew_till), ("RIAT", Some(till)));
    assert!(second.start > first.start, "{second:?}");
    assert_eq!(second.end, till.min(second.start + 4));
    let left = u64::try_from(till + 1 - now()).unwrap_or_default();
    sleep(Duration::from_secs(left));
    let (said, status) = served.run("kinit -R");
    assert_eq!((said.as_str(), status.as_str()), ("kinit: Ticket expired while renewing credentials\n", "1"));
}
