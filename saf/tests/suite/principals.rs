//! Kerberos principals: what of them goes wrong when the engine goes away, when two write at once, when a process dies; and
//! the ordinary life of realm, users and services.

use std::collections::BTreeSet;
use std::sync::Arc;

use icsf_backends::faulty::Plan;
use icsf_core::backend::{EngineErrorKind, Etype, KeySpec, MasterKeyKind};
use icsf_core::codes::Code;
use icsf_core::{ClearKey, KeyLabel};
use icsf_saf::Saf;
use icsf_saf::model::{PasswordPolicy, Principal, PrincipalFlag, PrincipalName};
use icsf_saf::principals::{NewKeys, PrincipalErrorKind, PrincipalSettings, RealmSettings};
use secrecy::SecretString;

use crate::support::{Change, NOW, Site, admin, caller, fails, listed, run};

const REALM: &str = "RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM) PASSWORD(secret) MAXTKTLF(86400))";

fn realm_site() -> Site {
    let site = Site::new();
    run(&site.saf, "RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM) PASSWORD('a realm password, and a long one'))");
    site
}

fn name(text: &str) -> PrincipalName {
    text.parse().unwrap()
}

fn row(site: &Site, text: &str) -> Arc<Principal> {
    Arc::clone(site.saf.database().view().unwrap().principal(&name(text)).unwrap())
}

fn names(site: &Site) -> Vec<String> {
    site.saf.database().view().unwrap().principals().map(|row| row.name.to_string()).collect()
}

fn add(saf: &Saf, text: &str) -> Result<(), icsf_saf::principals::PrincipalError> {
    saf.add_principal(&admin(), &name(text), NewKeys::Random, &PrincipalSettings::default())
}

fn passwd(site: &Site, text: &str, password: &str) -> Result<(), icsf_saf::principals::PrincipalError> {
    site.saf.change_principal_keys(&admin(), &name(text), NewKeys::Password(&SecretString::from(password)))
}

/// How many records the CKDS has.
fn records(site: &Site) -> usize {
    site.icsf().view().unwrap().kds.len()
}

/// Records and rows belong together: no row without record, no record without row.
fn consistent(site: &Site) {
    let view = site.saf.database().view().unwrap();
    for key in view.principals().flat_map(|row| &row.keys) {
        assert_eq!(site.icsf().kerberos_key(&key.label).unwrap().etype(), key.etype);
    }
    assert_eq!(site.saf.unused_kerberos_keys().unwrap(), []);
}

#[test]
fn a_realm_brings_its_own_principals_and_takes_them_with_it() {
    let site = realm_site();
    assert_eq!(names(&site), ["K/M", "kadmin/admin", "kadmin/changepw", "krbtgt/EXAMPLE.COM"]);
    let granter = row(&site, "krbtgt/EXAMPLE.COM");
    let types: Vec<i32> = granter.keys.iter().map(|key| key.etype.number()).collect();
    assert_eq!((types, granter.key_version()), (vec![20, 18, 19, 17], 1), "no key is of DES");
    assert!(granter.keys.iter().all(|key| key.salt == "EXAMPLE.COMkrbtgtEXAMPLE.COM"));
    let changepw = row(&site, "kadmin/changepw");
    assert!(changepw.has(PrincipalFlag::PasswordChangeService) && changepw.has(PrincipalFlag::NoTgsRequest));
    assert_eq!(changepw.max_ticket_life, Some(300));
    let master = row(&site, "K/M");
    assert!(master.keys.is_empty() && master.has(PrincipalFlag::NoTickets));
    let view = site.icsf().view().unwrap();
    assert_eq!(master.master_keys[0].pattern, view.kds.header().of(MasterKeyKind::Aes).unwrap().mkvp());
    consistent(&site);
    let lines = listed(&site.saf, "RLIST REALM KERBDFLT NORACF KERB");
    assert!(lines.contains(&"KERBNAME= EXAMPLE.COM".to_owned()) && lines.contains(&"KEY VERSION= 001".to_owned()));

    // Its password is in its keys, and nowhere else.
    let view = site.saf.database().view().unwrap();
    assert!(view.local_realm().unwrap().kerb.as_ref().unwrap().password.is_none());
    run(&site.saf, "RALTER REALM KERBDFLT KERB(PASSWORD(another))");
    assert_eq!((row(&site, "krbtgt/EXAMPLE.COM").key_version(), row(&site, "kadmin/admin").key_version()), (2, 1));
    assert_eq!(row(&site, "krbtgt/EXAMPLE.COM").keys.len(), 8, "tickets made before are still read");
    let error = fails(&site.saf, "RALTER REALM KERBDFLT KERB(KERBNAME(OTHER.COM))");
    assert_eq!(error.what(), "realm EXAMPLE.COM has keys, and cannot be given another name");
    run(&site.saf, "RDELETE REALM KERBDFLT");
    assert!(names(&site).is_empty() && records(&site) == 0);
    let error = fails(&site.saf, "RDEFINE REALM KERBDFLT KERB(PASSWORD(x))");
    assert_eq!(error.what(), "the local realm has no name, and keys are made for one that has");
}

/// The engine fails at each of its calls in turn, at a realm, at a user's password and at a service.
#[test]
fn whatever_call_the_engine_fails_at_nothing_is_left() {
    type Attempt = fn(&Saf) -> bool;
    let attempts: [(&str, Attempt); 3] = [
        ("realm", |saf| saf.command(&admin(), REALM, &icsf_saf::command::NoSecrets).is_ok()),
        ("password", |saf| saf.command(&admin(), "ALTUSER U1 PASSWORD(SECRET)", &icsf_saf::command::NoSecrets).is_ok()),
        ("service", |saf| add(saf, "host/a").is_ok()),
    ];
    for (what, attempt) in attempts {
        let site = Site::new();
        if what != "realm" {
            run(&site.saf, REALM);
        }
        run(&site.saf, "ADDUSER U1 KERB(KERBNAME(david)) PASSWORD(BEFORE)");
        let state = || (names(&site), records(&site), site.saf.database().view().unwrap().generation());
        let (before, mut call) = (state(), 0);
        loop {
            call += 1;
            assert!(call < 100, "{what} always fails");
            // A program that has not used the engine before.
            let saf = site.another();
            site.faulty.set_plan(Plan::new().fail_call(call, EngineErrorKind::Fault));
            let done = attempt(&saf);
            let reached = site.faulty.calls() >= call;
            site.faulty.set_plan(Plan::new());
            assert!(done || reached, "{what}, call {call}");
            if done {
                // The engine was not needed any more.
                break;
            }
            assert_eq!(state(), before, "{what}, call {call}");
        }
        assert!(call > 4, "{what}: {call}");
        consistent(&site);
    }
}

#[test]
fn without_icsf_or_engine_a_command_fails_with_the_cause_and_the_password_stays_as_it_was() {
    let lose: [(Change, Code); 3] = [
        (|site| drop(site.slot.remove()), Code::EngineUnavailable),
        (|site| site.icsf().engine_offline().unwrap(), Code::EngineUnavailable),
        (|site| site.icsf().stop().unwrap(), Code::IcsfStopped),
    ];
    for (lose, code) in lose {
        let site = realm_site();
        run(&site.saf, "ADDUSER U1 KERB(KERBNAME(david)) PASSWORD(BEFORE)");
        let before = (row(&site, "david"), records(&site));
        lose(&site);
        let error = fails(&site.saf, "ALTUSER U1 NAME('ANOTHER') PASSWORD(AFTER)");
        assert_eq!(error.cause().unwrap().code(), Some(code));
        assert!(error.what().starts_with("the keys of principal david could not be made: "), "{}", error.what());
        assert!(!error.remedies().is_empty() && !error.report().contains("AFTER"), "{}", error.report());
        assert_eq!((row(&site, "david"), records(&site)), before);
        let view = site.saf.database().view().unwrap();
        assert_eq!(view.user(&"U1".parse().unwrap()).unwrap().name, "", "nothing of the command is done");
        // What needs no key is done: a revoked user gets no tickets though the engine is away.
        run(&site.saf, "ALTUSER U1 REVOKE");
        assert!(add(&site.saf, "host/a").unwrap_err().cause().is_some());
    }
}

/// Which keys a password change makes, and what becomes of those before.
#[test]
fn a_user_has_no_keys_until_the_password_is_changed() {
    let site = realm_site();
    run(&site.saf, "ADDUSER U1 KERB(KERBNAME(david) MAXTKTLF(600))");
    let david = row(&site, "david");
    assert_eq!((david.key_version(), david.user.map(|id| id.to_string()).as_deref()), (0, Some("U1")));
    assert_eq!(david.max_ticket_life, Some(600));
    assert!(!listed(&site.saf, "LISTUSER U1 NORACF KERB").iter().any(|line| line.starts_with("KEY VERSION")));
    run(&site.saf, "ALTUSER U1 PASSWORD(SECRET)");
    assert_eq!(row(&site, "david").keys[0].salt, "EXAMPLE.COMdavid");
    assert!(listed(&site.saf, "LISTUSER U1 NORACF KERB").contains(&"KEY VERSION= 001".to_owned()));
    // ENCRYPT counts at the next change.
    run(&site.saf, "ALTUSER U1 KERB(ENCRYPT(NOAES128 NOAES256SHA2 NOAES128SHA2))");
    assert_eq!(row(&site, "david").keys.len(), 4);
    site.clock.advance(100);
    run(&site.saf, "ALTUSER U1 PASSWORD(SECRET2)");
    let david = row(&site, "david");
    let newest: Vec<(u32, Etype)> = david.newest_keys().map(|key| (key.version, key.etype)).collect();
    assert_eq!((newest, david.keys.len()), (vec![(2, Etype::Aes256Sha1)], 5));
    assert_eq!(david.password_changed, Some(NOW + 100));
    // Keys of the first version have been superseded so long that no ticket made with one lives.
    site.clock.advance(8 * 86_400);
    run(&site.saf, "ALTUSER U1 PASSWORD(SECRET3)");
    let versions: Vec<u32> = row(&site, "david").keys.iter().map(|key| key.version).collect();
    assert_eq!(versions, [3, 2]);
    consistent(&site);
    let error = fails(&site.saf, "ALTUSER U1 KERB(ENCRYPT(NOAES256)) PASSWORD(SECRET4)");
    assert!(error.what().contains("no type of key that is made"), "{}", error.what());
    // Another name is another principal: the salt has the name in it.
    run(&site.saf, "ALTUSER U1 KERB(KERBNAME(dave))");
    assert!(row(&site, "dave").keys.is_empty() && !names(&site).contains(&"david".to_owned()));
    run(&site.saf, "ALTUSER U1 KERB(NOENCRYPT) PASSWORD(SECRET5)");
    consistent(&site);
    run(&site.saf, "ALTUSER U1 NOKERB");
    assert_eq!(names(&site).len(), 4);
    consistent(&site);
    run(&site.saf, "ADDUSER U2 KERB(KERBNAME(jennifer)) PASSWORD(X)");
    run(&site.saf, "DELUSER U2");
    assert_eq!(names(&site).len(), 4);
    consistent(&site);
}

#[test]
fn one_name_is_one_principal() {
    let site = realm_site();
    run(&site.saf, "ADDUSER (U1 U2)");
    run(&site.saf, "ALTUSER U1 KERB(KERBNAME(david))");
    for (command, what) in [
        ("ALTUSER U2 KERB(KERBNAME(david))", "there is a principal david already, of user U1"),
        ("ALTUSER U2 KERB(KERBNAME(K/M))", "there is a principal K/M already"),
        ("ALTUSER (U1 U2) KERB(KERBNAME(both))", "two users cannot have one KERBNAME"),
        ("ALTUSER U2 KERB(KERBNAME(david@EXAMPLE.COM))", "@ stands before the realm, and within a name as \\@"),
        ("ALTUSER U2 KERB(KERBNAME(/a))", "a part of the name of a principal is empty"),
    ] {
        assert_eq!(fails(&site.saf, command).what(), what, "{command}");
    }
    assert_eq!(add(&site.saf, "david").unwrap_err().kind(), PrincipalErrorKind::Exists);
    assert_eq!(add(&site.saf, "kadmin/history").unwrap_err().kind(), PrincipalErrorKind::NotAllowed);
    let delete = |text: &str| site.saf.delete_principal(&admin(), &name(text)).unwrap_err();
    assert_eq!(delete("david").hint_text(), Some("ALTUSER U1 NOKERB"));
    assert_eq!(delete("krbtgt/EXAMPLE.COM").hint_text(), Some("RDELETE REALM KERBDFLT"));
    assert_eq!(delete("none").kind(), PrincipalErrorKind::NotFound);
    assert_eq!(passwd(&site, "K/M", "x").unwrap_err().hint_text(), Some("softicsf mk change --kind aes"));
}

#[test]
fn a_service_lives_and_is_deleted_with_its_keys() {
    let site = realm_site();
    let settings = |flags: &[(PrincipalFlag, bool)]| {
        let mut settings = PrincipalSettings::default();
        settings.flags = flags.to_vec();
        settings.max_ticket_life = Some(Some(3600));
        settings
    };
    let host = name("host/boston.example.com");
    let before = records(&site);
    site.saf
        .add_principal(&admin(), &host, NewKeys::Random, &settings(&[(PrincipalFlag::NoForwardable, true)]))
        .unwrap();
    let made = row(&site, "host/boston.example.com");
    assert_eq!((made.key_version(), made.max_ticket_life, made.created), (1, Some(3600), NOW));
    assert!(made.has(PrincipalFlag::NoForwardable));
    site.saf.alter_principal(&admin(), &host, &settings(&[(PrincipalFlag::NoForwardable, false)])).unwrap();
    assert!(row(&site, "host/boston.example.com").flags.is_empty());
    // Given out once: the keys in the CKDS are those, and of the next version.
    let given = site.saf.give_out_keys(&admin(), &host).unwrap();
    let made = row(&site, "host/boston.example.com");
    assert!(made.newest_keys().eq(given.iter().map(|(key, _)| key)) && made.key_version() == 2);
    assert_eq!(given.iter().map(|(_, clear)| clear.len()).collect::<Vec<_>>(), [32, 32, 16, 16]);
    let values: BTreeSet<&[u8]> = given.iter().map(|(_, clear)| clear.expose()).collect();
    assert_eq!(values.len(), 4);
    consistent(&site);
    site.saf.delete_principal(&admin(), &host).unwrap();
    assert_eq!(records(&site), before);
    assert_eq!(passwd(&site, "host/boston.example.com", "x").unwrap_err().kind(), PrincipalErrorKind::NotFound);
}

/// kadmin/history is there when a password is first to be known again, and a password is refused that is known.
#[test]
fn a_policy_refuses_short_passwords_and_those_used_before() {
    let site = realm_site();
    let policy =
        PasswordPolicy { min_length: 4, history: 2, max_life: Some(1000), ..PasswordPolicy::new("strict").unwrap() };
    site.saf.put_policy(&admin(), &policy).unwrap();
    let mut settings = PrincipalSettings::default();
    settings.policy = Some(Some("strict".to_owned()));
    run(&site.saf, "ADDUSER U1 KERB(KERBNAME(david))");
    site.saf.alter_principal(&admin(), &name("david"), &settings).unwrap();
    assert!(!names(&site).contains(&"kadmin/history".to_owned()));
    let refused = |password: &str| {
        let error = passwd(&site, "david", password).unwrap_err();
        assert_eq!(error.kind(), PrincipalErrorKind::PasswordRefused, "{error:?}");
        error.to_string()
    };
    assert_eq!(refused("abc"), "policy strict wants a password of 4 characters or more");
    assert_eq!(refused("a password too long"), "a password or PassTicket has 1 to 8 characters, not 19");
    passwd(&site, "david", "first").unwrap();
    assert!(row(&site, "kadmin/history").has(PrincipalFlag::NoTickets));
    assert_eq!(row(&site, "david").password_expires, Some(NOW + 1000));
    assert_eq!(refused("first"), "policy strict wants a password that is none of the last 2");
    assert_eq!(refused("FIRST").len(), refused("first").len(), "passwords have no case here");
    passwd(&site, "david", "second").unwrap();
    refused("first");
    // Nothing is known without the engine, and so no password is taken.
    drop(site.slot.remove());
    let error = passwd(&site, "david", "third").unwrap_err();
    assert_eq!(error.icsf_error().unwrap().code(), Code::EngineUnavailable);
    site.slot.insert(Arc::clone(&site.faulty) as Arc<_>);
    site.icsf().engine_online().unwrap();
    run(&site.saf, "ALTUSER U1 PASSWORD(THIRD)");
    passwd(&site, "david", "first").unwrap();
    assert_eq!(row(&site, "david").history.len(), 2);
    let error = site.saf.delete_policy(&admin(), "strict").unwrap_err();
    assert_eq!((error.kind(), error.what()), (PrincipalErrorKind::NotAllowed, "principal david has policy strict"));
    assert_eq!(site.saf.delete_policy(&admin(), "none").unwrap_err().kind(), PrincipalErrorKind::NotFound);
    consistent(&site);
}

/// A process that was killed after it made a key, and before it wrote the row: its record is nobody's, and the next change
/// neither fails at its label nor uses it.
#[test]
fn a_record_left_by_a_killed_process_is_not_taken_for_ones_own() {
    let site = realm_site();
    run(&site.saf, "ADDUSER U1 KERB(KERBNAME(david)) PASSWORD(BEFORE)");
    let next: Vec<KeyLabel> = row(&site, "david")
        .keys
        .iter()
        .map(|key| key.label.to_string().replace(".V1", ".V2").parse().unwrap())
        .collect();
    let evil = ClearKey::from_slice(&[7; 32]);
    site.icsf().add_kerberos_key(&next[0], Etype::Aes256Sha2, Some(&evil)).unwrap();
    run(&site.saf, "ALTUSER U1 PASSWORD(AFTER)");
    let labels: Vec<String> = row(&site, "david").newest_keys().map(|key| key.label.to_string()).collect();
    assert!(labels[0].ends_with(".E20.V2.2") && labels[1].ends_with(".E18.V2"), "{labels:?}");
    assert_eq!(site.saf.unused_kerberos_keys().unwrap(), [next[0]]);
}

/// Two processes change the same principal at once, often: every change counts, and each row names the keys made for it.
#[test]
fn two_writers_of_one_principal_do_not_mix_their_keys() {
    let site = Site::on_files();
    run(&site.saf, "RDEFINE REALM KERBDFLT KERB(KERBNAME(EXAMPLE.COM) PASSWORD(x))");
    add(&site.saf, "host/a").unwrap();
    let (one, other) = (site.another(), site.another());
    const EACH: u32 = 6;
    std::thread::scope(|scope| {
        for saf in [&one, &other] {
            scope.spawn(move || {
                for _ in 0..EACH {
                    saf.change_principal_keys(&admin(), &name("host/a"), NewKeys::Random).unwrap();
                }
            });
        }
    });
    assert_eq!(row(&site, "host/a").key_version(), 1 + 2 * EACH);
    consistent(&site);
    // And of two who add the same, one does.
    let added = std::thread::scope(|scope| {
        let adds = [&one, &other].map(|saf| scope.spawn(move || add(saf, "host/b")));
        adds.map(|done| done.join().unwrap())
    });
    assert_eq!(added.iter().filter(|done| done.is_ok()).count(), 1);
    let lost = added.into_iter().find_map(Result::err).unwrap();
    assert_eq!(lost.kind(), PrincipalErrorKind::Exists);
    consistent(&site);
}

/// An engine that cannot use one type of key: the others are made, and a change fails only when there are none.
#[test]
fn keys_are_made_of_the_types_that_the_engine_can_use() {
    let unsupported = || EngineErrorKind::Unsupported(KeySpec::kerberos(Etype::Aes256Sha2));
    let mut without = 0;
    for call in 1..20 {
        let site = realm_site();
        site.faulty.set_plan(Plan::new().fail_call(call, unsupported()));
        let done = add(&site.saf, "host/a");
        let reached = site.faulty.calls() >= call;
        site.faulty.set_plan(Plan::new());
        if done.is_ok() && reached {
            let types: Vec<i32> = row(&site, "host/a").keys.iter().map(|key| key.etype.number()).collect();
            without += usize::from(types == [18, 19, 17]);
        }
        consistent(&site);
    }
    assert!(without > 0);
    let site = realm_site();
    site.faulty.set_plan(Plan::new().fail_all(unsupported()));
    let error = add(&site.saf, "host/a").unwrap_err();
    site.faulty.set_plan(Plan::new());
    assert_eq!(error.kind(), PrincipalErrorKind::Icsf);
    consistent(&site);
}

#[test]
fn a_realm_can_be_made_and_altered_without_racf_commands() {
    let site = Site::new();
    let mut settings = RealmSettings::default();
    settings.max_ticket_life = Some(Some(36_000));
    settings.max_renewable_life = Some(Some(604_800));
    let create = |name: &str, settings: &RealmSettings| {
        site.saf.create_realm(&admin(), name, settings, NewKeys::Random).map_err(|error| error.kind())
    };
    assert_eq!(add(&site.saf, "host/a").unwrap_err().kind(), PrincipalErrorKind::NotFound);
    for wrong in ["", "A/B", "A B", "A@B"] {
        assert_eq!(create(wrong, &settings), Err(PrincipalErrorKind::NotAllowed), "{wrong:?}");
    }
    let mut upside_down = RealmSettings::default();
    (upside_down.min_ticket_life, upside_down.max_ticket_life) = (Some(Some(2)), Some(Some(1)));
    assert_eq!(create("EXAMPLE.COM", &upside_down), Err(PrincipalErrorKind::NotAllowed));
    create("EXAMPLE.COM", &settings).unwrap();
    assert_eq!(create("EXAMPLE.COM", &settings), Err(PrincipalErrorKind::Exists));
    let realm = |look: fn(&icsf_saf::model::Realm) -> Option<u32>| {
        look(site.saf.database().view().unwrap().local_realm().unwrap().kerb.as_ref().unwrap())
    };
    assert_eq!((realm(|r| r.max_ticket_life), realm(|r| r.max_renewable_life)), (Some(36_000), Some(604_800)));
    settings.max_renewable_life = Some(None);
    site.saf.alter_realm(&admin(), &settings).unwrap();
    assert_eq!(realm(|r| r.max_renewable_life), None);
    consistent(&site);
}

/// K/M stands for the AES master key: another master key is another version of it, and every principal's keys go on.
#[test]
fn a_change_of_the_master_key_is_a_new_version_of_k_m() {
    let site = realm_site();
    let before = site.saf.principal(&name("K/M")).unwrap().master_keys;
    site.icsf().generate_master_key(MasterKeyKind::Aes).unwrap();
    site.icsf().change_master_key(MasterKeyKind::Aes, &mut |_| {}).unwrap();
    let after = site.saf.principal(&name("K/M")).unwrap().master_keys;
    assert_eq!((after.len(), after[0].version, after[1]), (2, 2, before[0]));
    assert_ne!(after[0].pattern, before[0].pattern);
    consistent(&site);
    add(&site.saf, "host/a").unwrap();
    assert_eq!(row(&site, "K/M").master_keys, after, "it is written with the next key");
}

/// Source: z/OS Network Authentication Service, defining the local realm: CSFOWH may have to be permitted.
#[test]
fn who_makes_keys_from_a_password_needs_csfowh_where_it_is_protected() {
    let site = realm_site();
    run(&site.saf, "ADDUSER U1 KERB(KERBNAME(david))");
    run(&site.saf, "RDEFINE CSFSERV CSFOWH");
    run(&site.saf, "SETROPTS CLASSACT(CSFSERV)");
    let password = SecretString::from("x");
    let change = |keys| site.saf.change_principal_keys(&caller("HELPDESK"), &name("david"), keys);
    let error = change(NewKeys::Password(&password)).unwrap_err();
    assert_eq!(error.icsf_error().unwrap().code(), Code::ServiceNotAuthorized);
    change(NewKeys::Random).unwrap();
    run(&site.saf, "PERMIT CSFOWH CLASS(CSFSERV) ID(HELPDESK) ACCESS(READ)");
    change(NewKeys::Password(&password)).unwrap();
}
