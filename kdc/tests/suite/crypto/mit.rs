//! The same inputs through MIT's library, which `tests/mit/crypto.py` asks: texts go both ways, keys and checksums are equal.

use std::io::Write;
use std::num::NonZeroU32;
use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use icsf_core::backend::Etype;
use icsf_kdc::crypto::{checksum, checksum_type, decrypt, encrypt, string_to_key};

use super::{bytes, session_key};

const LENGTHS: [usize; 16] = [0, 1, 2, 14, 15, 16, 17, 18, 31, 32, 33, 47, 48, 49, 200, 3000];

/// What MIT's library answers to each of these requests.
fn mit(requests: &[String]) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mit/crypto.py");
    let mut python = Command::new("python3");
    let mut child = python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is needed");
    let (mut stdin, text) = (child.stdin.take().unwrap(), requests.join("\n"));
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "crypto.py needs MIT's libk5crypto (krb5-user)");
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), requests.len());
    answers
}

fn base(etype: Etype) -> Vec<u8> {
    (0..=255_u8).map(|n| n.wrapping_mul(91)).take(etype.key_length()).collect()
}

fn plain(length: usize) -> Vec<u8> {
    (0..=255_u8).cycle().take(length).collect()
}

fn hex(bytes: &[u8]) -> String {
    format!(":{}", HEXLOWER.encode(bytes))
}

/// Every encryption type, length, and a key usage for it.
fn cases() -> impl Iterator<Item = (Etype, u32, usize)> {
    let usages = [1, 2, 3, 7, 8, 11, 13, 1024];
    let lengths = move || LENGTHS.into_iter().zip(usages.into_iter().cycle());
    Etype::ALL.into_iter().flat_map(move |etype| lengths().map(move |(length, usage)| (etype, usage, length)))
}

#[test]
fn mit_decrypts_what_is_encrypted_here() {
    let requests: Vec<String> = cases()
        .map(|(etype, usage, length)| {
            let key = base(etype);
            let cipher = encrypt(&session_key(etype, &key), usage, &[0xc5; 16], &plain(length)).unwrap();
            format!("decrypt {} {usage} {} {}", etype.number(), hex(&key), hex(&cipher))
        })
        .collect();
    for ((etype, _, length), answer) in cases().zip(mit(&requests)) {
        assert_eq!(format!(":{answer}"), hex(&plain(length)), "{etype}, {length} bytes");
    }
}

#[test]
fn what_mit_encrypts_is_decrypted_here() {
    let requests: Vec<String> = cases()
        .map(|(etype, usage, length)| {
            format!("encrypt {} {usage} {} {}", etype.number(), hex(&base(etype)), hex(&plain(length)))
        })
        .collect();
    for ((etype, usage, length), answer) in cases().zip(mit(&requests)) {
        let text = decrypt(&session_key(etype, &base(etype)), usage, &bytes(&answer)).unwrap();
        assert_eq!(*text, plain(length), "{etype}, {length} bytes");
    }
}

#[test]
fn checksums_are_those_of_mit() {
    let requests: Vec<String> = cases()
        .map(|(etype, usage, length)| {
            let types = format!("{}:{}", checksum_type(etype), etype.number());
            format!("checksum {types} {usage} {} {}", hex(&base(etype)), hex(&plain(length)))
        })
        .collect();
    for ((etype, usage, length), answer) in cases().zip(mit(&requests)) {
        let sum = checksum(&session_key(etype, &base(etype)), usage, &plain(length)).unwrap();
        assert_eq!(HEXLOWER.encode(&sum), answer, "{etype}, {length} bytes");
    }
}

/// MIT's library takes no fewer iterations than the default of an encryption type.
#[test]
fn passwords_become_the_keys_of_mit() {
    let long = "p".repeat(300);
    let texts = [("", ""), ("password", "EXAMPLE.COMalice"), ("Grüße", "EXAMPLE.COMküche"), (&long, "EXAMPLE.COMbob")];
    let defaults = [4096, 4096, 32_768, 32_768].map(NonZeroU32::new);
    let cases = || {
        let counts = Etype::ALL.into_iter().zip(defaults);
        counts.flat_map(|(etype, count)| texts.map(|(password, salt)| (etype, count, password, salt)))
    };
    let requests: Vec<String> = cases()
        .map(|(etype, count, password, salt)| {
            let (password, salt) = (hex(password.as_bytes()), hex(salt.as_bytes()));
            format!("key {} {} {password} {salt}", etype.number(), count.unwrap())
        })
        .collect();
    for ((etype, _, password, salt), answer) in cases().zip(mit(&requests)) {
        let key = string_to_key(etype, password.as_bytes(), salt.as_bytes(), None);
        assert_eq!(HEXLOWER.encode(key.expose()), answer, "{etype}, {password:?}");
    }
}
