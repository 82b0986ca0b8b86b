//! The files of a system, missing or garbled: the error names the file, the place in it, and what is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use softicsf::{Credential, Request, Setup, System, read_secret};

use crate::support::{Home, lost, racf, text, ticket};

/// What opening says; it must say something.
fn refused(directory: &Path) -> String {
    text(&System::open(directory).unwrap_err())
}

#[test]
fn a_directory_without_system_says_how_to_make_one() {
    let parent = tempfile::tempdir().unwrap();
    for path in [parent.path().to_owned(), parent.path().join("missing")] {
        let why = refused(&path);
        assert!(why.contains(&path.display().to_string()) && why.contains("softicsf init"), "{why}");
    }
}

#[test]
fn a_garbled_options_file_is_told_by_file_line_and_what_is_wrong() {
    let home = Home::ready();
    let options = home.file("softicsf.toml");
    let good = fs::read_to_string(&options).unwrap();
    let right = ticket(&home.system, "TSOPRD1").unwrap();
    for (garbled, line, what) in [
        (good.replace("smfid", "smf-id"), Some(3), "smf-id"),
        (good.replace("format = 1", "format = one"), Some(1), ""),
        (good.replace("format = 1", "format = 2"), None, "the system has format 2, this release knows 1"),
        (good.replace("\"SY1\"", "\"SYSTEM-ONE\""), None, "SYSTEM-ONE"),
        (good.replace("\"ICSF\"", "\"CCA\""), None, "REASONCODES is ICSF or TSS"),
        (good.replace("\"software\"", "\"hardware\""), Some(7), "hardware"),
        (good.replace("key-file", "key"), Some(6), "key"),
        (format!("{good}\nmore = 1\n"), None, "more"),
        (good[..good.len() / 2].to_owned(), None, ""),
        (String::new(), None, "format"),
        ("\u{1f511}".to_owned(), Some(1), ""),
    ] {
        assert_ne!(garbled, good);
        fs::write(&options, &garbled).unwrap();
        let why = refused(&home.path);
        assert!(why.contains("softicsf.toml") && why.contains(what), "{garbled}\n{why}");
        if let Some(line) = line {
            assert!(why.contains(&format!("line {line}")), "{garbled}\n{why}");
        }
        // Who has the system open does not use an engine it cannot be sure of, and says why.
        home.system.icsf().engine_online().unwrap();
        let cause = lost(&home.system);
        assert!(cause.contains("softicsf.toml") && cause.contains(what), "{cause}");
    }
    fs::write(&options, &good).unwrap();
    assert_eq!(ticket(&home.system, "TSOPRD1").unwrap(), right);
    System::open(&home.path).unwrap();
}

#[test]
fn checkauth_of_the_options_file_has_icsf_look_at_its_classes_and_stays_there() {
    let home = Home::ready();
    for command in ["SETROPTS CLASSACT(CSFSERV)", "RDEFINE CSFSERV CSFENC UACC(NONE)"] {
        racf(&home.system, command);
    }
    ticket(&home.system, "TSOPRD1").unwrap();
    let options = home.file("softicsf.toml");
    let good = fs::read_to_string(&options).unwrap();
    assert!(!good.contains("checkauth"), "it is written only where it is set");
    fs::write(&options, good.replace("[engine]", "checkauth = true\n\n[engine]")).unwrap();
    let system = home.another();
    assert!(system.names().checkauth);
    let error = ticket(&system, "TSOPRD1").unwrap_err();
    assert_eq!(error.triple().to_string(), "8/16/28");
    assert!(error.cause().to_string().starts_with("CSNBENC 8/16000: "), "{}", error.cause());
    ticket(&system, "MASKED").unwrap();
    drop(system);
    fs::write(&options, good.replace("[engine]", "checkauth = maybe\n\n[engine]")).unwrap();
    assert!(refused(&home.path).contains("maybe"));
}

#[test]
fn stores_that_are_missing_exchanged_or_readable_by_others_are_named() {
    let home = Home::ready();
    let path = home.path.clone();
    drop(home.system);
    let (ckds, racf, away) = (path.join("ckds.db"), path.join("racf.db"), path.join("away"));
    for (store, what) in [(&ckds, "key data set"), (&racf, "security database")] {
        fs::rename(store, &away).unwrap();
        let name = store.file_name().unwrap().to_str().unwrap();
        assert!(refused(&path).contains(name));
        assert!(!store.exists(), "{name} does not come back empty");
        fs::copy(if store == &ckds { &racf } else { &ckds }, store).unwrap();
        let why = refused(&path);
        assert!(why.contains(name) && why.contains(&format!("it is no {what}")), "{why}");
        fs::rename(&away, store).unwrap();
        fs::set_permissions(store, fs::Permissions::from_mode(0o644)).unwrap();
        let why = refused(&path);
        assert!(why.contains(name) && why.contains("chmod 600"), "{why}");
        fs::set_permissions(store, fs::Permissions::from_mode(0o600)).unwrap();
    }
    System::open(&path).unwrap();
}

#[test]
fn a_garbled_file_of_switches_stops_icsf_and_is_named() {
    let home = Home::ready();
    let control = home.file("control.toml");
    let good = fs::read_to_string(&control).unwrap();
    for garbled in ["icsf_started = perhaps", "", "icsf_started = true\nengine_online = true\nextra = 1"] {
        fs::write(&control, garbled).unwrap();
        let error = ticket(&home.another(), "TSOPRD1").unwrap_err();
        let cause = error.cause().to_string();
        assert!(cause.contains("control.toml") && cause.contains("16/4"), "{cause}");
        ticket(&home.another(), "MASKED").unwrap();
    }
    fs::write(&control, good).unwrap();
    ticket(&home.another(), "TSOPRD1").unwrap();
}

#[test]
fn without_its_change_counter_a_system_is_not_opened() {
    // Made anew in silence, it would leave those who have the old one open deaf to every change.
    let home = Home::ready();
    fs::remove_file(home.file("epoch")).unwrap();
    let error = System::open(&home.path).unwrap_err();
    assert!(text(&error).contains("change counter: it is missing"), "{error}");
    assert!(!home.file("epoch").exists());
}

#[test]
fn a_secret_is_the_first_line_of_a_file_that_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    let path = file.to_str().unwrap();
    assert!(read_secret(path).unwrap_err().contains(path));
    for (content, secret) in
        [("hunter2", "hunter2"), ("hunter2\nmore\n", "hunter2"), ("hunter2\r\n", "hunter2"), ("", "")]
    {
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_secret(path).unwrap().expose_secret(), secret);
    }
    fs::write(&file, "hunter2").unwrap();
    for lax in [0o640, 0o604, 0o666] {
        fs::set_permissions(&file, fs::Permissions::from_mode(lax)).unwrap();
        let why = read_secret(path).unwrap_err();
        assert!(why.contains(&format!("its mode is {lax:o}")) && !why.contains("hunter2"), "{why}");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    read_secret(path).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, [0xff, 0xfe]).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    read_secret(path).unwrap_err();
}

/// A sign-on tries what was typed as the password first, and every ticket pays for that: little in memory, where no hash can
/// be carried away, and as much as a hash in a file wants in a directory.
#[test]
fn passwords_are_hashed_cheaply_in_memory_only() {
    let home = Home::made(&Setup::default());
    let memory = System::in_memory().build().unwrap();
    let request = Request::new("U1".parse().unwrap(), "NOAPPL".parse().unwrap());
    let typed = |text: &str| Credential::new(SecretString::from(text)).unwrap();
    for system in [&home.system, &memory] {
        racf(system, "ADDUSER U1 PASSWORD(SESAME)");
        system.sign_on(&request, &typed("SESAME")).unwrap();
    }
    // In turns, so that whoever else is at work is in the way of both.
    let mut took = [Duration::ZERO; 2];
    for _ in 0..20 {
        for (system, took) in [&home.system, &memory].into_iter().zip(&mut took) {
            let began = Instant::now();
            system.sign_on(&request, &typed("WRONG")).unwrap_err();
            *took += began.elapsed();
        }
    }
    assert!(took[0] > took[1] * 4, "{took:?}");
}
