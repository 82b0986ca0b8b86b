//! A key that went through ICSF or the security server into the CKDS is gone from the memory of the process when the
//! engine has closed its handles.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use des::Des;
use des::cipher::{Array, KeyInit};
use icsf_core::ClearKey;
use secrecy::SecretString;
use softicsf::{MasterKeyKind, SecretSource, System};
use zeroize::Zeroize;

use crate::support::{admin, alone, define, racf, request};

/// Bytes are looked for as their complement, so that looking for them is not having them.
type Hidden = Vec<u8>;

fn key(seed: u8) -> impl Iterator<Item = u8> {
    (1..=8_u32).map(move |n| {
        let mixed = n.wrapping_mul(0x9e37_79b1) ^ u32::from(seed).wrapping_mul(0x85eb_ca6b);
        let byte = (mixed ^ (mixed >> 13)).to_be_bytes()[1];
        if byte.count_ones().is_multiple_of(2) { byte ^ 1 } else { byte }
    })
}

fn hidden(seed: u8) -> Hidden {
    key(seed).map(|byte| !byte).collect()
}

/// The key as hexadecimal digits.
fn digits(seed: u8) -> impl Iterator<Item = char> {
    key(seed).flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from_digit(digit.into(), 16).unwrap())
}

fn hidden_digits(seed: u8) -> [Hidden; 2] {
    let hide = |change: fn(char) -> char| digits(seed).map(|digit| !(change(digit) as u8)).collect();
    [hide(|digit| digit), hide(|digit| digit.to_ascii_uppercase())]
}

/// Round keys of the key schedule, from which the key can be had: what a handle holds while it is open. They are read
/// where they are, as there is no other way to them; not the first ones, which are overwritten when memory is freed.
fn hidden_schedule(seed: u8) -> Hidden {
    let mut bytes = Array::from([0; 8]);
    bytes.iter_mut().zip(key(seed)).for_each(|(to, byte)| *to = byte);
    let schedule = Box::new(Des::new(&bytes));
    bytes.zeroize();
    let mut hidden = vec![0; size_of::<Des>() / 4];
    let place = u64::try_from(std::ptr::from_ref(&*schedule).addr() + size_of::<Des>() / 2).unwrap();
    File::open("/proc/self/mem").unwrap().read_exact_at(&mut hidden, place).unwrap();
    hidden.iter_mut().for_each(|byte| *byte = !*byte);
    drop(schedule);
    wipe_stack();
    hidden
}

/// Writes over what the functions called before have left below.
#[inline(never)]
fn wipe_stack() {
    std::hint::black_box(&mut [0_u64; 8192]);
}

fn clear(seed: u8) -> ClearKey {
    let mut bytes = Vec::with_capacity(8);
    bytes.extend(key(seed));
    ClearKey::new(bytes)
}

/// How often the key is in the writable memory of this process.
fn found(key: &[u8]) -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut count = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // What is not mapped any more cannot be read, and holds nothing.
        let read = memory.read_at(&mut bytes, start).unwrap_or(0);
        let hits = bytes[..read]
            .windows(key.len())
            .filter(|window| window[0] == !key[0] && window.iter().zip(key).all(|(a, b)| *a == !*b));
        count += hits.count();
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
    count
}

fn system() -> System {
    let system = System::in_memory().build().unwrap();
    for kind in MasterKeyKind::ALL {
        system.icsf().generate_master_key(kind).unwrap();
        system.icsf().set_master_key(kind).unwrap();
    }
    define(&system);
    system
}

#[test]
fn a_key_is_gone_with_its_handles() {
    alone("memory::through_icsf");
    alone("memory::through_the_security_server");
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn through_icsf() {
    let system = system();
    let icsf = system.icsf();
    let kept = clear(1);
    assert_ne!(found(&hidden(1)), 0, "the search finds what is there");
    drop(kept);
    assert_eq!(found(&hidden(1)), 0, "a clear key is wiped");
    let schedule = hidden_schedule(1);
    assert_eq!(found(&schedule), 0);
    let token = icsf.csnbcki(&clear(1)).unwrap().value;
    icsf.csnbkrc2(&"A.DES".parse().unwrap(), token).unwrap();
    let mut chaining = [0; 18];
    for _ in 0..3 {
        let mut key = icsf_core::KeyIdentifier::Label("A.DES".parse().unwrap());
        icsf.csnbenc(&mut key, &["CBC"], &[0; 64], &[0; 8], 0, &mut chaining).unwrap();
        icsf.csnbdec(&mut key, &["CBC"], &[0; 64], &[0; 8], &mut chaining).unwrap();
    }
    icsf.generate_master_key(MasterKeyKind::Des).unwrap();
    icsf.change_master_key(MasterKeyKind::Des, &mut |_| {}).unwrap();
    icsf.csnbenc_key(&"A.DES".parse().unwrap()).unwrap().encipher(&mut [[0; 8]]).unwrap();
    assert_ne!(found(&schedule), 0, "the search finds an open handle");
    assert_eq!(found(&hidden(1)), 0, "and an open handle has the schedule alone");
    icsf.engine_offline().unwrap();
    assert_eq!(system.engine().unwrap().state.word(), "offline");
    assert_eq!(found(&hidden(1)), 0);
    assert_eq!(found(&schedule), 0);
}

/// Gives the key in hexadecimal digits, as a file or the environment would.
struct Named;

impl SecretSource for Named {
    fn named(&self, _: &str) -> Result<SecretString, String> {
        let mut text = String::with_capacity(16);
        text.extend(digits(2));
        Ok(SecretString::from(text))
    }

    fn file(&self, path: &str) -> Result<SecretString, String> {
        self.named(path)
    }
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn through_the_security_server() {
    let system = system();
    let command = "RDEFINE PTKTDATA APPL APPLDATA('NO REPLAY PROTECTION') SSIGNON(KEYENCRYPTED(@secret:KEY))";
    system.racf(&admin(), command, &Named).unwrap();
    racf(&system, "SETROPTS RACLIST(PTKTDATA) REFRESH");
    let who = request("IBMUSER", "APPL");
    for _ in 0..3 {
        let ticket = system.generate(&admin(), &who).unwrap();
        system.evaluate(&admin(), &who, &ticket).unwrap();
    }
    let schedule = hidden_schedule(2);
    assert_ne!(found(&schedule), 0, "the search finds an open handle");
    system.icsf().engine_offline().unwrap();
    system.generate(&admin(), &who).unwrap_err();
    assert_eq!(found(&hidden(2)), 0);
    assert_eq!(found(&schedule), 0);
    assert_eq!(hidden_digits(2).map(|digits| found(&digits)), [0, 0]);
}
