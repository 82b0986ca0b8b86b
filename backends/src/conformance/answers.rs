//! Known answers, made by another implementation.
//!
//! They come from `answers.py`, which uses none of this project's code. In its output, `answers.txt`, each line is one
//! answer; bytes are hexadecimal, and `-` is no bytes at all:
//!
//! | line | meaning |
//! |---|---|
//! | `pattern` kind number pattern | the pattern of that master key |
//! | `wrapped` algorithm length number blob | the key of that length, wrapped under that master key |
//! | `check` length value | the check value of the HMAC key of that length |
//! | `hmac` hash key message MAC | an HMAC, not cut |
//! | `des` key plain cipher | one block enciphered |
//! | `kerberos` etype use key from iv text result | what a key derived from that key makes of a text: `cipher` by AES-CBC, `mac` by HMAC |

use std::fmt::Display;

use icsf_core::ClearKey;
use icsf_core::backend::{Etype, HashAlgorithm, KeyAlgorithm, KeySpec, MASTER_KEY_LENGTH, MasterKeyKind, Mkvp};
use sha2::{Digest, Sha256};

use super::bench::Stop;

/// The lengths of HMAC keys that have answers: around the sizes of blocks and hashes, and the least and the greatest.
pub(super) const HMAC_LENGTHS: [usize; 10] = [32, 33, 63, 64, 65, 127, 128, 129, 131, 256];

/// Bytes that are made of a label, so that anybody can make them again: SHA-256 over the label and a 4-byte number that
/// counts from 0, as often as needed, cut to `length`.
pub(super) fn material(label: &str, length: usize) -> Vec<u8> {
    let block = |number: u32| Sha256::new().chain_update(label).chain_update(number.to_be_bytes()).finalize();
    (0..).flat_map(block).take(length).collect()
}

/// The key of this sort that has an answer.
pub(super) fn key(spec: KeySpec) -> ClearKey {
    ClearKey::new(match spec.algorithm() {
        KeyAlgorithm::Des => material("DES key", spec.length()),
        KeyAlgorithm::Kerberos(etype) => material(&format!("Kerberos key of {}", etype.number()), spec.length()),
        _ => material(&format!("HMAC key of {}", spec.length()), spec.length()),
    })
}

/// A part of master key `number`: `first`, `middle`, `final`.
pub(super) fn part(kind: MasterKeyKind, number: u8, part: &str) -> ClearKey {
    ClearKey::new(material(&format!("{kind} {number} {part}"), MASTER_KEY_LENGTH))
}

/// The name of a hash in the answers.
pub(super) const fn name(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha1 => "SHA-1",
        HashAlgorithm::Sha224 => "SHA-224",
        HashAlgorithm::Sha256 => "SHA-256",
        HashAlgorithm::Sha384 => "SHA-384",
        HashAlgorithm::Sha512 => "SHA-512",
        _ => "another hash",
    }
}

/// The pattern of a master key.
pub(super) fn pattern(kind: MasterKeyKind, number: u8) -> Result<Mkvp, Stop> {
    let bytes = one(format!("pattern {kind} {number} "))?;
    bytes.first_chunk().map(|bytes| Mkvp::new(*bytes)).ok_or_else(|| broken(&kind))
}

/// [`key`] of this sort, wrapped under master key `number`.
pub(super) fn wrapped(spec: KeySpec, number: u8) -> Result<Vec<u8>, Stop> {
    // The keys that authenticate records are HMAC keys, and those of DES records lie under the DES-MK.
    let under_des = spec.algorithm() == KeyAlgorithm::Hmac && spec.master_key() == MasterKeyKind::Des;
    let place = if under_des { "-under-DES-MK" } else { "" };
    if let KeyAlgorithm::Kerberos(etype) = spec.algorithm() {
        return one(format!("wrapped Kerberos {} {number} ", etype.number()));
    }
    one(format!("wrapped {}{place} {} {number} ", spec.algorithm(), spec.length()))
}

/// The check value of the HMAC [`key`] of this length.
pub(super) fn check(length: usize) -> Result<Vec<u8>, Stop> {
    one(format!("check {length} "))
}

/// Key, message and MAC of each answer for this hash.
pub(super) fn hmacs(hash: HashAlgorithm) -> impl Iterator<Item = Result<[Vec<u8>; 3], Stop>> {
    all(format!("hmac {} ", name(hash)))
}

/// Key, plain and enciphered block of each answer.
pub(super) fn des_blocks() -> impl Iterator<Item = Result<[Vec<u8>; 3], Stop>> {
    all("des ".to_owned())
}

fn lines(prefix: String) -> impl Iterator<Item = &'static str> {
    include_str!("answers.txt").lines().filter_map(move |line| line.strip_prefix(&prefix))
}

fn one(prefix: String) -> Result<Vec<u8>, Stop> {
    decoded(lines(prefix).next().unwrap_or("no answer"))
}

/// Use; and key, what is derived from, initialization vector, text and result of each answer for this encryption type.
pub(super) fn kerberos(etype: Etype) -> impl Iterator<Item = (&'static str, Result<[Vec<u8>; 5], Stop>)> {
    ["cipher", "mac"]
        .into_iter()
        .flat_map(move |use_| all(format!("kerberos {} {use_} ", etype.number())).map(move |answer| (use_, answer)))
}

fn all<const N: usize>(prefix: String) -> impl Iterator<Item = Result<[Vec<u8>; N], Stop>> {
    lines(prefix).map(|line| {
        let words = line.split(' ').map(decoded).collect::<Result<Vec<_>, _>>()?;
        words.try_into().map_err(|_words| broken(&line))
    })
}

fn decoded(word: &str) -> Result<Vec<u8>, Stop> {
    if word == "-" {
        return Ok(Vec::new());
    }
    data_encoding::HEXLOWER.decode(word.as_bytes()).map_err(|e| broken(&e))
}

/// An answer is not there, or not what it should be.
pub(super) fn broken(what: &dyn Display) -> Stop {
    Stop::Failed(format!("the suite itself is broken: {what}"))
}
