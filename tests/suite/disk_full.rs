//! No space left: whatever writes says so, what was there stays as it was, and works again after room is made.
//!
//! Mounts small file systems, in a process that has mounts of its own: feature `mounts`, Linux, and root or the right to
//! make user namespaces.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use icsf_core::ClearKey;
use icsf_core::codes::Code;
use icsf_core::store::{SqliteStore, Volume};
use icsf_saf::codes::Code as SafCode;
use softicsf::{MasterKeyKind, NoSecrets, Setup, System};
use tempfile::TempDir;

use crate::support::{admin, computed, create, define, des_key, expected, load_master_key, process, racf, request};

/// A file system of this size, gone with the value.
struct Small(TempDir);

impl Small {
    fn mount(size: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(directory.path())
            .output()
            .unwrap();
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = File::create(self.path("filler")).unwrap();
        for size in [65536, 4096, 1] {
            while file.write(&vec![0; size]).is_ok_and(|written| written == size) {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn with_no_space_left_all_fail_whole_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let tests = process("disk_full::", directory.path(), 0);
    // Root needs no user namespace, and may be where there is none.
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut unshare = Command::new("unshare");
    unshare.args(if root { &["--mount"][..] } else { &["--map-root-user", "--mount"] }).arg("--");
    unshare.arg(tests.get_program()).args(tests.get_args().filter(|arg| *arg != "--exact"));
    unshare.envs(tests.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = unshare.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    println!("{out}\n{err}");
    assert!(ended.status.success() && out.contains("9 passed"), "{}", ended.status);
}

/// A system on a small file system that is full, with twenty keys.
fn full() -> (Small, System) {
    let small = Small::mount("4m");
    let system = create(&small.path("sy1"));
    define(&system);
    for seed in 0..20 {
        let token = system.icsf().csnbcki(&ClearKey::from_slice(&des_key(seed))).unwrap().value;
        system.icsf().csnbkrc2(&format!("K{seed:02}").parse().unwrap(), token).unwrap();
    }
    small.fill();
    (small, system)
}

/// The keys that were there compute what they did, here and in a process that comes now.
fn as_it_was(small: &Small, system: &System) {
    for system in [system, &System::open(&small.path("sy1")).unwrap()] {
        for seed in 0..20 {
            assert_eq!(computed(system, &format!("K{seed:02}")).unwrap(), expected(seed));
        }
        let verified = system.icsf().verify_ckds().unwrap();
        assert_eq!((verified.good, verified.bad), (21, Vec::new()));
        system.generate(&admin(), &request("U1", "TSOPRD1")).unwrap();
        system.generate(&admin(), &request("U1", "MASKED")).unwrap();
    }
}

/// SQLite makes files beside its own when nobody else has it open.
#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn who_comes_when_it_is_full_is_told_so() {
    let (small, system) = full();
    exhaust(&system);
    drop(system);
    small.fill();
    let error = System::open(&small.path("sy1")).unwrap_err();
    assert!(error.to_string().contains("no space is left"), "{error}");
    assert_eq!(error.to_string().matches("/sy1/").count(), 1, "{error}");
    assert!(error.what_to_do().is_some_and(|next| next.contains("make room")), "{error:?}");
    small.make_room();
    as_it_was(&small, &System::open(&small.path("sy1")).unwrap());
}

/// That it was for want of space, or at least of a place to write.
#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn who_looks_at_what_cannot_be_written_is_told_what_to_do() {
    let small = Small::mount("64m");
    drop(create(&small.path("sy1")));
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(small.0.path()).status().unwrap();
    assert!(remount.success());
    let error = System::open(&small.path("sy1")).unwrap_err();
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    assert!(error.what_to_do().is_some_and(|next| next.contains("copy its directory")), "{error:?}");
}

fn no_space(error: &icsf_core::Error) {
    assert!([Code::KdsFull, Code::KdsIoError].contains(&error.code()), "{error}");
    assert_eq!(error.return_code(), 12);
    let text = error.to_string();
    assert!(text.contains("ckds.db") && (text.contains("no space") || text.contains("full")), "{text}");
    assert!(!error.cause().remedies().is_empty());
}

#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn a_record_that_does_not_fit_is_not_written_and_one_is_after_room_is_made() {
    let (small, system) = full();
    let icsf = system.icsf();
    // What is in memory of the log may take a few; then none.
    let token = |seed| icsf.csnbcki(&ClearKey::from_slice(&des_key(seed))).unwrap().value;
    let mut written = Vec::new();
    let error = loop {
        let seed = 100 + written.len() as u64;
        match icsf.csnbkrc2(&format!("NEW{seed}").parse().unwrap(), token(seed)) {
            Ok(_) => written.push(seed),
            Err(error) => break error,
        }
        assert!(written.len() < 10_000);
    };
    no_space(&error);
    let deleted = icsf.csnbkrd(&["LABEL-DL"], &"K00".parse().unwrap());
    no_space(&deleted.unwrap_err());
    no_space(&icsf.csnbkrw(token(1000), &"K00".parse().unwrap()).unwrap_err());
    for seed in &written {
        icsf.csnbkrr(&format!("NEW{seed}").parse().unwrap()).unwrap();
    }
    small.make_room();
    for seed in &written {
        icsf.csnbkrd(&["LABEL-DL"], &format!("NEW{seed}").parse().unwrap()).unwrap();
    }
    as_it_was(&small, &system);
    small.fill();
    as_it_was(&small, &system);
}

#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn refresh_and_utilities_fail_whole() {
    let (small, system) = full();
    small.make_room();
    let icsf = system.icsf();
    let token = icsf.csnbcki(&ClearKey::from_slice(&des_key(50))).unwrap().value;
    icsf.kgup_add(&"WAITS".parse().unwrap(), token).unwrap();
    icsf.kgup_delete(&"K00".parse().unwrap()).unwrap();
    small.fill();
    exhaust(&system);
    no_space(&icsf.refresh_ckds().unwrap_err());
    assert!(icsf.csnbkrr(&"WAITS".parse().unwrap()).is_err());
    assert_eq!(computed(&system, "K00").unwrap(), expected(0), "as it was before the refresh that failed");
    small.make_room();
    icsf.refresh_ckds().unwrap();
    assert_eq!(computed(&system, "WAITS").unwrap(), expected(50));
    assert!(computed(&system, "K00").is_err());
}

/// Writes until the room that the log still had is used up as well.
fn exhaust(system: &System) {
    let error = (0..10_000).find_map(|_| {
        system.icsf().csnbkrc(&"EXHAUST".parse().unwrap()).err().filter(|e| e.code() != Code::LabelExists).or_else(
            || {
                system
                    .icsf()
                    .csnbkrd(&["LABEL-DL"], &"EXHAUST".parse().unwrap())
                    .err()
                    .filter(|e| e.code() != Code::LabelNotFound)
            },
        )
    });
    no_space(&error.expect("the file system was never full"));
}

#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn a_change_of_the_master_key_fails_and_is_made_after_room_is_made() {
    let (small, system) = full();
    let icsf = system.icsf();
    small.make_room();
    load_master_key(&system, 0x33).unwrap();
    let before = icsf.master_keys().unwrap();
    small.fill();
    exhaust(&system);
    let error = icsf.change_master_key(MasterKeyKind::Des, &mut |_| {}).unwrap_err();
    no_space(&error);
    assert_eq!(icsf.master_keys().unwrap(), before);
    for seed in 0..20 {
        assert_eq!(computed(&system, &format!("K{seed:02}")).unwrap(), expected(seed));
    }
    small.make_room();
    let _ = icsf.csnbkrd(&["LABEL-DL"], &"EXHAUST".parse().unwrap());
    icsf.change_master_key(MasterKeyKind::Des, &mut |_| {}).unwrap();
    assert_eq!(icsf.master_keys().unwrap().des.old, before.des.current);
    as_it_was(&small, &system);
    // The registers themselves: the file of the engine is replaced whole or not at all.
    let registers = icsf.master_keys().unwrap();
    small.fill();
    let error = icsf.generate_master_key(MasterKeyKind::Aes).unwrap_err();
    assert!(error.to_string().contains("engine.state"), "{error}");
    assert_eq!(icsf.master_keys().unwrap(), registers);
    small.make_room();
    icsf.generate_master_key(MasterKeyKind::Aes).unwrap();
    as_it_was(&small, &system);
}

#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn commands_fail_whole_and_leave_neither_profile_nor_record() {
    let (small, system) = full();
    let run = |command: &str| system.racf(&admin(), command, &NoSecrets);
    let mut defined = 0;
    let error = loop {
        match run(&format!("RDEFINE PTKTDATA P{defined} SSIGNON(KEYMASKED(0123456789ABCDEF))")) {
            Ok(_) => defined += 1,
            Err(error) => break error,
        }
        assert!(defined < 10_000);
    };
    assert!(error.what().contains("racf.db") && error.what().contains("could not be changed"), "{}", error.report());
    let labels = || system.icsf().view().unwrap().kds.len();
    let before = labels();
    exhaust(&system);
    run("RDEFINE PTKTDATA ENCRYPTD SSIGNON(KEYENCRYPTED(0123456789ABCDEF))").unwrap_err();
    run("SETROPTS RACLIST(PTKTDATA) REFRESH").unwrap_err();
    run("ADDUSER NEWUSER").unwrap_err();
    assert!(labels() <= before + 1);
    small.make_room();
    let _ = system.icsf().csnbkrd(&["LABEL-DL"], &"EXHAUST".parse().unwrap());
    as_it_was(&small, &system);
    racf(&system, "RDEFINE PTKTDATA ENCRYPTD SSIGNON(KEYENCRYPTED(0123456789ABCDEF))");
    racf(&system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    system.generate(&admin(), &request("U1", "ENCRYPTD")).unwrap();
}

#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn a_ticket_whose_use_cannot_be_noted_is_refused_and_good_after_room_is_made() {
    let (small, system) = full();
    let mut accepted = Vec::new();
    let (who, ticket, error) = loop {
        // Each in a file of its own, so that each takes room.
        let who = request("U1", "MASKED").at(1_700_000_000 + 2000 * accepted.len() as u64);
        let ticket = system.generate(&admin(), &who).unwrap();
        match system.evaluate(&admin(), &who, &ticket) {
            Ok(_) => accepted.push((who, ticket)),
            Err(error) => break (who, ticket, error),
        }
        assert!(accepted.len() < 10_000);
    };
    assert_eq!(error.code(), SafCode::EvaluationRegister, "{error:?}");
    assert!(format!("{error:?}").contains("StorageFull"), "{error:?}");
    assert_eq!(system.evaluate(&admin(), &who, &ticket).unwrap_err().code(), SafCode::EvaluationRegister);
    small.make_room();
    system.evaluate(&admin(), &who, &ticket).unwrap();
    for (who, ticket) in accepted.iter().chain([&(who, ticket)]) {
        let again = System::open(&small.path("sy1")).unwrap().evaluate(&admin(), who, ticket);
        assert_eq!(again.unwrap_err().code(), SafCode::EvaluationReplayed);
    }
}

#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn switches_are_set_or_they_are_not() {
    let (small, system) = full();
    let error = system.icsf().engine_offline().unwrap_err();
    assert!(error.to_string().contains("switches"), "{error}");
    system.generate(&admin(), &request("U1", "TSOPRD1")).unwrap();
    let error = system.configure_engine(&softicsf::Engine::None, &softicsf::EngineSecrets::default()).unwrap_err();
    assert!(error.to_string().contains("softicsf.toml"), "{error}");
    system.generate(&admin(), &request("U1", "TSOPRD1")).unwrap();
    small.make_room();
    as_it_was(&small, &system);
    system.icsf().engine_offline().unwrap();
    system.generate(&admin(), &request("U1", "TSOPRD1")).unwrap_err();
}

#[test]
#[ignore = "run by another test, in a process with mounts of its own"]
fn a_system_that_does_not_fit_leaves_nothing() {
    for size in ["16k", "32k", "64k", "128k"] {
        let small = Small::mount(size);
        match System::create(&small.path("sy1"), &Setup::default()) {
            Ok(system) => drop(system.status().unwrap()),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert_eq!(fs::read_dir(small.0.path()).unwrap().count(), 0, "{size}: {error}");
            }
        }
    }
    let small = Small::mount("16k");
    small.fill();
    SqliteStore::create(&small.path("ckds.db"), Volume::KeyDataSet).unwrap_err();
    assert!(!small.path("ckds.db").exists());
}
