//! What several tests need.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use icsf_core::ClearKey;
use icsf_core::backend::Part;
use icsf_saf::services::{Gensec, Registers, StringBlock, Ticketserv};
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

/// A ticket as the generator of authorized programs makes it, and the areas of calls that evaluate it.
pub(crate) struct TicketCall {
    ticket: [u8; 10],
    user: Vec<u8>,
    application: Vec<u8>,
}

impl TicketCall {
    pub(crate) fn new(system: &System, who: &Request) -> Self {
        Self::made(system, who).unwrap_or_else(|registers| panic!("{:?}", registers.error()))
    }

    fn made(system: &System, who: &Request) -> Result<Self, Registers> {
        let registers = system.saf().rcvtptgn(&who.user, &who.application);
        if registers.r15 != 0 {
            return Err(registers);
        }
        let mut ticket = [0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        ticket[2..6].copy_from_slice(&registers.r0().to_be_bytes());
        ticket[6..].copy_from_slice(&registers.r1().to_be_bytes());
        let prefixed = |name: &[u8; 8]| [&[0, 8], name.as_slice()].concat();
        Ok(Self { ticket, user: prefixed(who.user.ebcdic()), application: prefixed(who.application.ebcdic()) })
    }

    pub(crate) fn r_ticketserv(&mut self, system: &System) -> Result<(), icsf_saf::Error> {
        let mut call = Ticketserv {
            function_code: 3,
            option_word: 0,
            ticket: &mut self.ticket,
            ticket_options: 2,
            identity: &mut self.user,
            application: &self.application,
            high_order_bit: true,
        };
        system.saf().r_ticketserv(&admin(), &mut call)
    }

    pub(crate) fn r_gensec(&mut self, system: &System) -> Result<(), icsf_saf::Error> {
        let mut call = Gensec {
            option_word: 0,
            function_code: 3,
            parameter_count: 4,
            subfunction: 2,
            ticket: StringBlock { length: 8, bytes: &mut self.ticket[2..] },
            user: StringBlock { length: 8, bytes: &mut self.user[2..] },
            application: StringBlock { length: 8, bytes: &mut self.application[2..] },
        };
        system.saf().r_gensec(&admin(), &mut call)
    }
}

/// Makes a ticket for an authorized program, and checks it by both services.
pub(crate) fn made_and_checked(system: &System, who: &Request) -> Result<(), icsf_saf::Error> {
    let mut call = match TicketCall::made(system, who) {
        Ok(call) => call,
        Err(registers) => {
            let error = registers.error().unwrap();
            return Err(icsf_saf::Error::new(error.code(), error.cause().clone()));
        }
    };
    call.r_ticketserv(system)?;
    call.r_gensec(system)
}
