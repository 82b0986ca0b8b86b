//! A system whose master keys are in a token: the card is pulled and put back, and takes the place of the software engine.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use icsf_core::backend::{MASTER_KEY_LENGTH, Part};
use softhsm_fixtures::{Card, Function};
use softicsf::{ClearKey, Engine, EngineSecrets, MasterKeyKind, Pkcs11Token, Request, Setup, System};

use crate::support::{Home, admin, lost, text, ticket};

fn token(card: &Card) -> Pkcs11Token {
    let mut token = Pkcs11Token::new(card.module(), card.label());
    token.serial = Some(card.serial().to_owned());
    token
}

fn pin(card: &Card) -> EngineSecrets {
    EngineSecrets { pin: Some(ClearKey::from_slice(card.user_pin().expose().as_bytes())), ..EngineSecrets::default() }
}

fn on(card: &Card) -> Setup {
    Setup { engine: Engine::Pkcs11(token(card)), secrets: pin(card), ..Setup::default() }
}

/// The parts of both master keys, as the officers keep them.
fn enter(system: &System) {
    for (number, kind) in (1..).zip(MasterKeyKind::ALL) {
        for (part, byte) in [(Part::First, number), (Part::Middle, 16 * number), (Part::Final, 5)] {
            let value = ClearKey::new(vec![byte; MASTER_KEY_LENGTH]);
            system.icsf().load_master_key_part(kind, part, &value).unwrap();
        }
        system.icsf().set_master_key(kind).unwrap();
    }
}

#[test]
fn a_card_is_pulled_and_put_back_while_two_processes_use_the_system() {
    let card = Card::new();
    let home = Home::made(&on(&card));
    enter(&home.system);
    home.applications();
    let other = System::open_with(&home.path, pin(&card)).unwrap();
    let right = ticket(&other, "TSOPRD1").unwrap();

    card.pull();
    for system in [&home.system, &other] {
        let error = lost(system);
        assert!(error.starts_with("CSNBENC 12/0: ") && error.contains("no token is there"), "{error}");
        assert_eq!(system.engine().unwrap().state.word(), "offline");
        let status = system.status().unwrap();
        let usable: Vec<_> = status.applications.iter().map(|a| (a.profile.as_str(), a.usable.is_ok())).collect();
        assert_eq!(usable, [("MASKED", true), ("TSOPRD1", false)]);
    }
    card.put_back();
    for system in [&home.system, &other] {
        assert_eq!(ticket(system, "TSOPRD1").unwrap(), right);
        assert_eq!(system.engine().unwrap().state.word(), "online");
    }
}

/// What a server that does nothing but watch the engine sees, and an operator at his console.
#[test]
fn whoever_asks_for_the_state_of_the_engine_is_told_of_a_pulled_card_without_any_request() {
    let card = Card::new();
    let home = Home::made(&on(&card));
    enter(&home.system);
    home.applications();
    let shown = |command: &str| home.system.console(command).unwrap().join(" ");
    let asked: [(&str, &dyn Fn() -> String); 7] = [
        ("engine", &|| home.system.engine().unwrap().state.word().to_owned()),
        ("status", &|| home.system.status().unwrap().icsf.unwrap().engine.state.word().to_owned()),
        ("tickets", &|| {
            let tickets = home.system.status().unwrap().applications;
            let made = tickets.iter().any(|a| a.profile == "TSOPRD1" && a.usable.is_ok());
            if made { "online" } else { "offline" }.to_owned()
        }),
        ("CARDS", &|| shown("D ICSF,CARDS")),
        ("MKS", &|| shown("D ICSF,MKS")),
        ("registers", &|| home.system.icsf().master_keys().map_or_else(|_| "offline", |_| "online").to_owned()),
        ("explain", &|| {
            let request = Request::new("IBMUSER".parse().unwrap(), "TSOPRD1".parse().unwrap());
            let steps = home.system.explain(&admin(), &request).unwrap().steps;
            let engine = steps.iter().find(|step| step.what == "engine").unwrap();
            if engine.good { "online" } else { "offline" }.to_owned()
        }),
    ];
    let there = |text: &str| text.contains("online") || text.contains("STATUS=Active");
    let gone = |text: &str| text.contains("offline") || text.contains("STATUS=Offline");
    for (what, ask) in asked {
        let before = home.system.engine().unwrap().generation;
        assert!(there(&ask()), "{what}: {}", ask());
        assert_eq!(home.system.engine().unwrap().generation, before, "{what}: nothing has changed");
        card.pull();
        let seen = ask();
        assert!(gone(&seen), "{what}: {seen}");
        let without = home.system.engine().unwrap().generation;
        assert_ne!(without, before, "{what}");
        card.put_back();
        let seen = ask();
        assert!(there(&seen), "{what}: {seen}");
        assert_ne!(home.system.engine().unwrap().generation, without, "{what}");
    }
}

#[test]
fn a_system_moves_to_a_token_and_back_by_the_same_key_parts() {
    let card = Card::new();
    let home = Home::made(&Setup::default());
    enter(&home.system);
    home.applications();
    let patterns = home.system.engine().unwrap().master_keys;
    let right = ticket(&home.system, "TSOPRD1").unwrap();

    home.system.configure_engine(&Engine::Pkcs11(token(&card)), &pin(&card)).unwrap();
    let on_token = System::open_with(&home.path, pin(&card)).unwrap();
    let missing = lost(&on_token);
    assert!(missing.starts_with("CSNBENC 12/0: the DES-MK is not set"), "{missing}");
    enter(&on_token);
    assert_eq!(on_token.engine().unwrap().master_keys, patterns);
    assert_eq!(ticket(&on_token, "TSOPRD1").unwrap(), right);
    // The one who chose it has no PIN, so for him it is locked.
    assert_eq!(home.system.engine().unwrap().state.word(), "locked");

    // The change of a master key is made in the token.
    on_token.icsf().generate_master_key(MasterKeyKind::Des).unwrap();
    on_token.icsf().change_master_key(MasterKeyKind::Des, &mut |_| {}).unwrap();
    assert_eq!(ticket(&on_token, "TSOPRD1").unwrap(), right);

    // Back: the file of the software engine is still there, and holds what the CKDS is under no more.
    let by_key_file = Engine::Software { unlock: softicsf::UnlockBy::KeyFile };
    on_token.configure_engine(&by_key_file, &EngineSecrets::default()).unwrap();
    assert_eq!(home.system.engine().unwrap().state.word(), "wrong master key");
}

#[test]
fn a_pin_file_opens_it_unattended_and_must_be_for_its_owner_alone() {
    let card = Card::new();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pin");
    fs::write(&file, format!("{}\n", card.user_pin().expose())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut by_file = token(&card);
    by_file.pin_file = Some(file.clone());
    let home = Home::made(&Setup { engine: Engine::Pkcs11(by_file), ..Setup::default() });
    enter(&home.system);
    home.applications();
    ticket(&home.another(), "TSOPRD1").unwrap();

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let locked = home.another().engine().unwrap();
    assert_eq!(locked.state.word(), "locked");
    let state = locked.state.to_string();
    assert!(state.starts_with(&format!("locked: {}: its mode is 644", file.display())), "{state}");
    assert!(state.contains("chmod 600"), "{state}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();

    let shown = format!("{:?} {locked:?}", home.system);
    assert!(!shown.contains(card.user_pin().expose()), "{shown}");
}

#[test]
fn a_pin_that_is_written_anew_is_read_without_restart() {
    let card = Card::new();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pin");
    let write = |pin: &str, seconds| {
        fs::write(&file, format!("{pin}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let written = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        fs::File::open(&file).unwrap().set_modified(written).unwrap();
    };
    write(card.user_pin().expose(), 1_700_000_000);
    let mut by_file = token(&card);
    by_file.pin_file = Some(file.clone());
    let path = directory.path().join("prd1");
    // Whoever is logged in is so for the whole process, so he has to go.
    drop(System::create(&path, &Setup { engine: Engine::Pkcs11(by_file), ..Setup::default() }).unwrap());
    write("not the PIN", 1_700_000_001);
    let system = System::open(&path).unwrap();
    assert_eq!(system.engine().unwrap().state.word(), "locked");
    write(card.user_pin().expose(), 1_700_000_002);
    assert_eq!(system.engine().unwrap().state.word(), "online");
}

#[test]
fn a_system_moves_from_one_token_to_another_and_back() {
    let cards = [Card::new(), Card::new()];
    let home = Home::made(&on(&cards[0]));
    enter(&home.system);
    home.applications();
    let right = ticket(&home.system, "TSOPRD1").unwrap();
    let move_to = |card: &Card| {
        home.system.configure_engine(&Engine::Pkcs11(token(card)), &pin(card)).unwrap();
        System::open_with(&home.path, pin(card)).unwrap()
    };
    // What cannot be chosen leaves the engine there is.
    let wrong = EngineSecrets { pin: Some(ClearKey::from_slice(b"000000")), ..EngineSecrets::default() };
    let options = fs::read(home.file("softicsf.toml")).unwrap();
    home.system.configure_engine(&Engine::Pkcs11(token(&cards[1])), &wrong).unwrap_err();
    assert_eq!(fs::read(home.file("softicsf.toml")).unwrap(), options);
    assert_eq!(ticket(&home.system, "TSOPRD1").unwrap(), right);

    let there = move_to(&cards[1]);
    assert!(lost(&there).contains("is not set"), "a new token has no master keys");
    enter(&there);
    assert_eq!(ticket(&there, "TSOPRD1").unwrap(), right);
    // The registers on the first one were kept.
    for card in [&cards[0], &cards[1], &cards[0]] {
        assert_eq!(ticket(&move_to(card), "TSOPRD1").unwrap(), right);
    }
}

#[test]
fn a_token_that_is_not_there_makes_no_system() {
    let card = Card::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prd1");
    let wrong: [(Setup, &str); 5] = [
        (Setup { engine: Engine::Pkcs11(Pkcs11Token::new(card.module(), "no such")), ..on(&card) }, card.label()),
        (Setup { engine: Engine::Pkcs11(Pkcs11Token::new("/no/module.so", "card")), ..on(&card) }, "cannot be loaded"),
        (Setup { secrets: EngineSecrets::default(), ..on(&card) }, "PIN of the token is needed"),
        (
            Setup {
                secrets: EngineSecrets { pin: Some(ClearKey::from_slice(b"000000")), ..EngineSecrets::default() },
                ..on(&card)
            },
            "does not take the PIN",
        ),
        (
            Setup {
                engine: Engine::Pkcs11({
                    let mut other = token(&card);
                    other.serial = Some("0000000000000000".to_owned());
                    other
                }),
                ..on(&card)
            },
            card.serial(),
        ),
    ];
    for (setup, says) in wrong {
        let error = System::create(&path, &setup).unwrap_err();
        assert!(text(&error).contains(says), "{error}");
        assert!(!path.exists());
    }
    card.pull();
    assert!(text(&System::create(&path, &on(&card)).unwrap_err()).contains("no token is there"));
    card.put_back();
    System::create(&path, &on(&card)).unwrap();
}

#[test]
fn a_refused_pin_is_tried_again_by_a_running_process_when_the_operator_says_so_and_not_before() {
    let card = Card::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prd1");
    drop(System::create(&path, &on(&card)).unwrap());
    let logins = || card.calls().of(Function::Login);
    let wrong = EngineSecrets { pin: Some(ClearKey::from_slice(b"000000")), ..EngineSecrets::default() };
    let before = logins();
    let system = System::open_with(&path, wrong).unwrap();
    for _ in 0..3 {
        let engine = system.engine().unwrap();
        assert_eq!(engine.state.word(), "locked");
        assert!(engine.state.to_string().contains("softicsf engine online"), "{}", engine.state);
        assert_eq!(logins() - before, 1);
    }
    let operator = System::open(&path).unwrap();
    for times in 2..4 {
        operator.retry_refused_pins().unwrap();
        assert_eq!(system.engine().unwrap().state.word(), "locked");
        assert_eq!(logins() - before, times);
    }
    // Somebody with the right one is not kept out, and the count begins anew.
    let right = System::open_with(&path, pin(&card)).unwrap();
    assert_eq!(right.engine().unwrap().state.word(), "online");
    assert!(!path.join("engine.token.refused").exists());
    let empty = EngineSecrets { pin: Some(ClearKey::from_slice(b"")), ..EngineSecrets::default() };
    let (none, before) = (System::open_with(&path, empty).unwrap().engine().unwrap(), logins());
    assert_eq!((none.state.word(), logins() - before), ("locked", 0));
    assert!(none.state.to_string().contains("is empty"), "{}", none.state);
}
