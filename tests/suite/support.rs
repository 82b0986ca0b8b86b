//! What several tests need.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use icsf_core::ClearKey;
use icsf_core::backend::Part;
use softicsf::{Caller, MasterKeyKind, NoSecrets, Request, Setup, System};

/// Tells a test that is run as a process of its own where it works, and as whom.
const PLACE: &str = "SOFTICSF_TEST_PLACE";
const NUMBER: &str = "SOFTICSF_TEST_NUMBER";

/// One ignored test of this program as a process of its own.
pub(crate) fn process(test: &str, place: &Path, number: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "--test-threads=1", test]);
    command.env(PLACE, place).env(NUMBER, number.to_string()).stdin(Stdio::null());
    command
}

/// What `process` told.
pub(crate) fn told() -> (PathBuf, u64) {
    let place = std::env::var_os(PLACE).expect("this is no test of its own: another one starts it");
    (place.into(), std::env::var(NUMBER).unwrap().parse().unwrap())
}

pub(crate) fn succeeds(mut child: Child) {
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}

/// Runs one ignored test alone, to its end.
pub(crate) fn alone(test: &str) {
    let directory = tempfile::tempdir().unwrap();
    let ended = process(test, directory.path(), 0).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{out}");
}

/// Numbers that are the same for the same seed (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // No seed may make the state zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A DES key that differs with `seed`.
pub(crate) fn des_key(seed: u64) -> [u8; 8] {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

/// What CSNBENC makes of eight zeros with that key, by an independent DES.
pub(crate) fn expected(seed: u64) -> [u8; 8] {
    let mut block = [0; 8];
    Des::new(&Array::from(des_key(seed))).encrypt_block(Array::cast_from_core_mut(&mut block));
    block
}

/// What CSNBENC makes of eight zeros with the key of a label.
pub(crate) fn computed(system: &System, label: &str) -> icsf_core::Result<[u8; 8]> {
    let mut block = [[0; 8]];
    system.icsf().csnbenc_key(&label.parse().unwrap())?.encipher(&mut block)?;
    Ok(block[0])
}

/// A system in `place`, both master keys set.
pub(crate) fn create(place: &Path) -> System {
    let system = System::create(place, &Setup::default()).unwrap();
    for kind in MasterKeyKind::ALL {
        system.icsf().generate_master_key(kind).unwrap();
        system.icsf().set_master_key(kind).unwrap();
    }
    system
}

/// Puts another DES-MK, made of `byte`s, into the new register, whatever was in it.
pub(crate) fn load_master_key(system: &System, byte: u8) -> icsf_core::Result<()> {
    let (icsf, kind) = (system.icsf(), MasterKeyKind::Des);
    icsf.clear_new_master_key(kind)?;
    icsf.load_master_key_part(kind, Part::First, &ClearKey::new(vec![byte; 32]))?;
    icsf.load_master_key_part(kind, Part::Final, &ClearKey::new(vec![0xf0; 32]))
}

pub(crate) fn admin() -> Caller {
    Caller::user("IBMUSER".parse().unwrap())
}

pub(crate) fn racf(system: &System, command: &str) {
    system.racf(&admin(), command, &NoSecrets).unwrap_or_else(|e| panic!("{command}: {}", e.report()));
}

/// PTKTDATA in use, everybody may generate and evaluate; TSOPRD1 with a key in the CKDS, MASKED with the same one masked.
pub(crate) fn define(system: &System) {
    for command in [
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
        "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
        "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYENCRYPTED(E001193519561977))",
        "RDEFINE PTKTDATA MASKED SSIGNON(KEYMASKED(E001193519561977))",
        "SETROPTS RACLIST(PTKTDATA) REFRESH",
    ] {
        racf(system, command);
    }
}

pub(crate) fn request(user: &str, application: &str) -> Request {
    Request::new(user.parse().unwrap(), application.parse().unwrap())
}
