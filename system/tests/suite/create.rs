//! Making a system: whole or not at all, and its owner's alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use icsf_core::clock::ManualClock;
use icsf_core::codes::ReasonCodes;
use icsf_core::kds::KdsFormat;
use softicsf::{Engine, EngineSecrets, MasterKeyKind, Names, Setup, System, UnlockBy};

use crate::support::{Home, admin, by_pass_phrase, listed, lost, racf, request, text, ticket};

fn modes(directory: &Path, all: &mut Vec<(String, u32)>) {
    for path in listed(directory) {
        let metadata = fs::metadata(&path).unwrap();
        all.push((path.display().to_string(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            modes(&path, all);
        }
    }
}

#[test]
fn every_file_of_a_system_is_its_owners_alone() {
    let home = Home::ready();
    ticket(&home.system, "TSOPRD1").unwrap();
    home.system.evaluate(&admin(), &request("MASKED"), &ticket(&home.system, "MASKED").unwrap()).unwrap();
    racf(&home.system, "RALTER PTKTDATA MASKED NOAPPLDATA");
    racf(&home.system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    home.system.evaluate(&admin(), &request("MASKED"), &ticket(&home.system, "MASKED").unwrap()).unwrap();
    home.system.icsf().engine_offline().unwrap();
    let mut all = Vec::new();
    modes(&home.path, &mut all);
    assert!(all.len() >= 12, "{all:?}");
    assert_eq!(fs::metadata(&home.path).unwrap().permissions().mode() & 0o777, 0o700);
    for (name, mode) in all {
        let expected = if Path::new(&name).is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{name}: {mode:o}");
    }
}

#[test]
fn what_was_made_is_what_is_opened() {
    let names = Names::new("drs2", "sy$2", ReasonCodes::Tss).unwrap();
    let home =
        Home::made(&Setup { names, format: KdsFormat::Fixed, engine: Engine::None, secrets: EngineSecrets::default() });
    for system in [&home.system, &home.another()] {
        let names = system.names();
        assert_eq!(
            (names.sysname.as_str(), names.smfid.as_str(), names.reason_codes),
            ("DRS2", "SY$2", ReasonCodes::Tss)
        );
        let status = system.status().unwrap().icsf.unwrap();
        assert_eq!((status.ckds.format, status.ckds.records, status.started), (KdsFormat::Fixed, 0, true));
        assert_eq!(system.engine().unwrap().state.word(), "deconfigured");
        assert_eq!(system.directory(), Some(home.path.as_path()));
    }
    assert!(!home.file("engine.state").exists());
    assert_eq!(home.beside(), std::slice::from_ref(&home.path), "nothing is left of the making");
}

#[test]
fn an_empty_directory_may_become_a_system_and_any_other_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let empty = parent.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let shell = fs::File::open(&empty).unwrap();
    System::create(&empty, &Setup::default()).unwrap();
    let inode = |metadata: fs::Metadata| metadata.ino();
    assert_eq!(inode(shell.metadata().unwrap()), inode(fs::metadata(&empty).unwrap()), "who is in it still is");
    assert_eq!(fs::metadata(&empty).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(listed(parent.path()).len(), 1);
    let before = listed(&empty);
    let error = System::create(&empty, &Setup::default()).unwrap_err();
    assert!(text(&error).contains("the directory is not empty"), "{error}");
    assert_eq!(listed(&empty), before, "the system that is there is left alone");

    let with_notes = parent.path().join("notes");
    fs::create_dir(&with_notes).unwrap();
    fs::write(with_notes.join("notes.txt"), "mine").unwrap();
    System::create(&with_notes, &Setup::default()).unwrap_err();
    assert_eq!(listed(&with_notes).len(), 1);
    let file = parent.path().join("file");
    fs::write(&file, "mine").unwrap();
    System::create(&file, &Setup::default()).unwrap_err();
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    System::create(Path::new("/"), &Setup::default()).unwrap_err();
    assert_eq!(listed(parent.path()).len(), 3, "nothing half made lies beside: {:?}", listed(parent.path()));
}

#[test]
fn a_system_that_cannot_be_made_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("prd1");
    let no_phrase = Setup { secrets: EngineSecrets::default(), ..by_pass_phrase() };
    let error = System::create(&path, &no_phrase).unwrap_err();
    assert!(text(&error).contains("a pass phrase is needed"), "{error}");
    assert_eq!(listed(parent.path()), [""; 0].map(std::path::PathBuf::from));
    System::create(&path, &by_pass_phrase()).unwrap();
}

#[test]
fn names_are_checked_and_folded() {
    for (sysname, smfid, fits) in [
        ("SY1", "SY1", true),
        ("@#$45678", "1234", true),
        ("NINELONGG", "SY1", false),
        ("", "SY1", false),
        ("1SYS", "SY1", false),
        ("SY.1", "SY1", false),
        ("SY1", "", false),
        ("SY1", "FIVES", false),
        ("SY1", "S-1", false),
        ("SYß", "SY1", false),
    ] {
        let names = Names::new(sysname, smfid, ReasonCodes::Icsf);
        assert_eq!(names.is_ok(), fits, "{sysname} {smfid}: {names:?}");
        assert_eq!(System::in_memory().names(sysname, smfid).build().is_ok(), fits);
    }
}

#[test]
fn a_system_in_memory_may_be_a_copy_and_then_goes_its_own_way() {
    let clock = Arc::new(ManualClock::at(1_700_000_000));
    let here = System::in_memory().clock(Arc::clone(&clock) as Arc<_>).build().unwrap();
    here.icsf().generate_master_key(MasterKeyKind::Des).unwrap();
    here.icsf().set_master_key(MasterKeyKind::Des).unwrap();
    for command in [
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
        "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
        "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYENCRYPTED(0123456789ABCDEF))",
        "RDEFINE PTKTDATA MASKED SSIGNON(KEYMASKED(0123456789ABCDEF))",
        "SETROPTS RACLIST(PTKTDATA) REFRESH",
    ] {
        racf(&here, command);
    }
    let there = System::in_memory().clock(clock).copy_of(&here).build().unwrap();
    assert_eq!(ticket(&there, "MASKED").unwrap(), ticket(&here, "MASKED").unwrap());
    assert!(lost(&there).contains("the DES-MK is not set: the CKDS needs"), "its engine holds none");
    racf(&there, "RDELETE PTKTDATA MASKED");
    racf(&there, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    ticket(&there, "MASKED").unwrap_err();
    ticket(&here, "MASKED").unwrap();
    let chosen =
        there.configure_engine(&Engine::Software { unlock: UnlockBy::KeyFile }, &EngineSecrets::default()).unwrap_err();
    assert!(text(&chosen).contains("its engine is chosen when it is built"));
    assert_eq!(there.directory(), None);
}
