//! The engine of a system: chosen, locked, its file gone, its file damaged; seen by every process on its next call.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use softicsf::{Engine, EngineSecrets, MasterKeyKind, Setup, System, UnlockBy};

use crate::support::{Home, by_pass_phrase, lost, pass_phrase, text, ticket};

const BY_KEY_FILE: Engine = Engine::Software { unlock: UnlockBy::KeyFile };

#[test]
fn another_engine_is_used_by_everybody_from_the_next_call_on() {
    let home = Home::ready();
    let other = home.another();
    let right = ticket(&other, "TSOPRD1").unwrap();
    home.system.configure_engine(&Engine::None, &EngineSecrets::default()).unwrap();
    for system in [&home.system, &other, &home.another()] {
        assert!(lost(system).starts_with("CSNBENC 12/0: engine is deconfigured"), "{}", lost(system));
        let reply = system.console("D ICSF,CARDS").unwrap();
        assert!(reply.iter().any(|line| line.contains("NO CRYPTO ENGINE IS INSTALLED")), "{reply:?}");
    }
    other.configure_engine(&BY_KEY_FILE, &EngineSecrets::default()).unwrap();
    for system in [&home.system, &other, &home.another()] {
        assert_eq!(ticket(system, "TSOPRD1").unwrap(), right, "the same engine, with its master keys");
        assert!(system.console("D ICSF,CARDS").unwrap().iter().any(|line| line.contains("STATUS=Active")));
    }
}

#[test]
fn the_state_of_the_engine_is_never_half_known() {
    // Whoever keeps the generation notices each coming and going.
    let home = Home::ready();
    let other = home.another();
    let mut seen = vec![other.engine().unwrap().generation];
    let changes: [&dyn Fn(); 4] = [
        &|| home.system.icsf().engine_offline().unwrap(),
        &|| home.system.icsf().engine_online().unwrap(),
        &|| home.system.configure_engine(&Engine::None, &EngineSecrets::default()).unwrap(),
        &|| home.system.configure_engine(&BY_KEY_FILE, &EngineSecrets::default()).unwrap(),
    ];
    for change in changes {
        change();
        let generation = other.engine().unwrap().generation;
        assert!(!seen.contains(&generation), "{generation} again");
        assert_eq!(other.engine().unwrap().generation, generation, "nothing changed since");
        seen.push(generation);
    }
}

#[test]
fn an_engine_behind_a_pass_phrase_is_locked_without_it() {
    let home = Home::made(&by_pass_phrase());
    for kind in MasterKeyKind::ALL {
        home.system.icsf().generate_master_key(kind).unwrap();
        home.system.icsf().set_master_key(kind).unwrap();
    }
    let held = home.system.engine().unwrap().master_keys;
    let locked = home.another().engine().unwrap();
    assert_eq!(locked.state.word(), "locked");
    assert!(locked.state.to_string().contains("pass phrase"), "{}", locked.state);
    let unlocked = System::open_with(&home.path, pass_phrase("correct horse")).unwrap();
    assert_eq!(unlocked.engine().unwrap().master_keys, held);
    let wrong = System::open_with(&home.path, pass_phrase("battery staple")).unwrap().engine().unwrap();
    assert_eq!(wrong.state.word(), "locked");
    assert!(wrong.state.to_string().contains("pass phrase"), "{}", wrong.state);
    assert!(!format!("{wrong:?}").contains("battery"));
}

#[test]
fn an_engine_file_that_goes_away_is_missed_at_once_and_found_again() {
    let home = Home::ready();
    let other = home.another();
    let right = ticket(&other, "TSOPRD1").unwrap();
    let (state, away) = (home.file("engine.state"), home.file("engine.away"));
    fs::rename(&state, &away).unwrap();
    // Nothing in the system says so: it is seen when the engine is looked at the next time something changes.
    home.system.icsf().engine_offline().unwrap();
    home.system.icsf().engine_online().unwrap();
    for system in [&home.system, &other, &home.another()] {
        let cause = lost(system);
        assert!(cause.contains("engine.state"), "the file is named: {cause}");
        assert!(!cause.contains("no crypto engine is installed"), "there is one: {cause}");
    }
    fs::rename(&away, &state).unwrap();
    for system in [&home.system, &other, &home.another()] {
        assert_eq!(ticket(system, "TSOPRD1").unwrap(), right);
    }
}

#[test]
fn an_engine_file_cut_short_or_changed_is_told_for_what_it_is() {
    let home = Home::ready();
    let right = ticket(&home.system, "TSOPRD1").unwrap();
    let state = home.file("engine.state");
    let whole = fs::read(&state).unwrap();
    let put = |bytes: &[u8]| {
        fs::write(&state, bytes).unwrap();
        home.system.icsf().engine_online().unwrap();
    };
    let mut changed = whole.clone();
    changed[100] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &[], &changed, b"somebody's notes, and nothing else in here"] {
        put(damaged);
        for system in [&home.system, &home.another()] {
            let cause = lost(system);
            assert!(cause.contains("engine.state") && cause.contains("engine is offline"), "{cause}");
        }
    }
    put(&whole);
    for system in [&home.system, &home.another()] {
        assert_eq!(ticket(system, "TSOPRD1").unwrap(), right);
    }
    // The key file that opens it, too wide and cut short.
    let key = home.file("engine.key");
    let bytes = fs::read(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(lost(&home.another()).contains("engine.key"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, &bytes[..31]).unwrap();
    assert!(lost(&home.another()).contains("engine.key"));
    assert_eq!(ticket(&home.system, "TSOPRD1").unwrap(), right, "who had opened it before goes on");
}

#[test]
fn choosing_an_engine_anew_does_not_make_another_one() {
    let home = Home::ready();
    let state = fs::read(home.file("engine.state")).unwrap();
    home.system.configure_engine(&Engine::None, &EngineSecrets::default()).unwrap();
    home.system.configure_engine(&BY_KEY_FILE, &EngineSecrets::default()).unwrap();
    assert_eq!(fs::read(home.file("engine.state")).unwrap(), state);
    let without = Home::made(&Setup { engine: Engine::None, ..Setup::default() });
    let by_phrase = Engine::Software { unlock: UnlockBy::PassPhrase };
    let error = without.system.configure_engine(&by_phrase, &EngineSecrets::default()).unwrap_err();
    assert!(text(&error).contains("a pass phrase is needed"), "{error}");
    assert_eq!(without.system.engine().unwrap().state.word(), "deconfigured");
    without.system.configure_engine(&BY_KEY_FILE, &EngineSecrets::default()).unwrap();
    assert_eq!(without.system.engine().unwrap().state.word(), "online");
}
