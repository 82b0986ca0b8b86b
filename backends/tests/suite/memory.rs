//! Key material is gone from the memory of the process when its handle is.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use icsf_backends::software::{Software, Unlock};
use icsf_core::ClearKey;
use icsf_core::backend::{
    Backend, Derivation, DerivedUse, Etype, HashAlgorithm, KeyAlgorithm, KeyHandle, KeySpec, MasterKeyKind, Part,
    Register, RegisterChange, WrappedKey,
};

use crate::support::{cheap, in_memory, phrase, process, set, set_master_keys};

/// Bytes to be found, kept so that keeping them is not finding them.
struct Needle([u8; LENGTH]);

const MASK: u8 = 0xa7;
/// A piece of this length is enough to find a key by.
const LENGTH: usize = 8;
const PAGE: usize = 4096;
const EMPTY: [u8; PAGE] = [0; PAGE];

impl Needle {
    fn matches(&self, window: &[u8]) -> bool {
        window.iter().zip(&self.0).all(|(byte, masked)| byte ^ MASK == *masked)
    }
}

/// First and last pieces of a key in the forms in which ciphers and hashes hold them: as they are, with the pads of HMAC, and as
/// words of 8 or 4 bytes, which a hash reads the other way round.
fn needles(key: impl Iterator<Item = u8>) -> Vec<Needle> {
    let masked: Vec<u8> = key.map(|byte| byte ^ MASK).collect();
    let mut needles = Vec::new();
    let pieces = masked.chunks_exact(LENGTH);
    for piece in pieces.clone().take(2).chain(pieces.rev().take(1)) {
        for pad in [0, 0x36, 0x5c] {
            let piece = <[u8; LENGTH]>::try_from(piece).unwrap().map(|byte| byte ^ pad);
            let [a, b, c, d, e, f, g, h] = piece;
            needles.extend([piece, [h, g, f, e, d, c, b, a], [d, c, b, a, h, g, f, e]].map(Needle));
        }
    }
    needles
}

/// How often any of the needles is in the writable memory of this process.
fn found(needles: &[Needle]) -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut begins = [false; 256];
    needles.iter().for_each(|needle| begins[usize::from(needle.0[0] ^ MASK)] = true);
    let mut count = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // What another thread has unmapped since cannot be read, and holds nothing.
        let read = memory.read_at(&mut bytes, start).unwrap_or(0);
        for page in (0..read).step_by(PAGE) {
            // Most of the memory is empty, and comparing whole pages is quick.
            if bytes[page..read.min(page + PAGE)] != EMPTY[..PAGE.min(read - page)] {
                let windows = bytes[page..read.min(page + PAGE + LENGTH - 1)].windows(LENGTH);
                let near = windows.filter(|window| begins[usize::from(window[0])]);
                count += near.filter(|window| needles.iter().any(|needle| needle.matches(window))).count();
            }
        }
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
    count
}

/// A key that nobody else has, made byte by byte so that nothing else holds it.
fn bytes(length: usize, seed: u8) -> impl Iterator<Item = u8> + Clone {
    (1..=u32::MAX).take(length).map(move |at| {
        let mixed = at.wrapping_mul(0x9e37_79b1).wrapping_add(u32::from(seed).wrapping_mul(0x85eb_ca6b));
        // Odd parity, so that a DES key and its stored form are the same bytes.
        let byte = (mixed ^ (mixed >> 15)).to_be_bytes()[2];
        if byte.count_ones() % 2 == 0 { byte ^ 1 } else { byte }
    })
}

fn clear(length: usize, seed: u8) -> ClearKey {
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(self::bytes(length, seed));
    ClearKey::new(bytes)
}

fn use_des(handle: &dyn KeyHandle) {
    let mut blocks = [[1; 8]; 100];
    handle.encipher_blocks(&mut blocks).unwrap();
    handle.decipher_blocks(&mut blocks).unwrap();
}

fn use_hmac(handle: &dyn KeyHandle) {
    for hash in HashAlgorithm::ALL {
        handle.hmac(hash, &[b"message"], &mut [[0; 64]]).unwrap();
    }
    handle.key_check().unwrap();
}

fn use_kerberos(etype: Etype, handle: &dyn KeyHandle) {
    let how = match etype {
        Etype::Aes128Sha1 => Derivation::AesCbc(&[1; 16]),
        Etype::Aes256Sha1 => Derivation::AesCbc(&[1; 32]),
        _ => Derivation::Hmac(etype.hash(), b"label"),
    };
    let cipher = handle.derive(&how, DerivedUse::Cipher(etype.key_length())).unwrap();
    cipher.encipher_cbc(&[0; 16], &mut [1; 160]).unwrap();
    cipher.decipher_cbc(&[0; 16], &mut [1; 160]).unwrap();
    let mac = handle.derive(&how, DerivedUse::Mac(etype.mac_key_length())).unwrap();
    mac.hmac(etype.hash(), &[b"message"], &mut [[0; 64]]).unwrap();
}

/// Wraps, opens, uses, drops; `open` sees the handle while it is there.
fn life(engine: &dyn Backend, spec: KeySpec, seed: u8, open: impl FnOnce(&[Needle])) -> Vec<Needle> {
    let needles = needles(bytes(spec.length(), seed));
    let part = || ClearKey::new(vec![0; spec.length()]);
    let wrapped: WrappedKey = engine.wrap(spec, &clear(spec.length(), seed)).unwrap();
    let wrapped = engine.add_part(&wrapped, &part()).unwrap();
    let wrapped = engine.rewrap(&wrapped, Register::Current).unwrap();
    let handle = engine.open(&wrapped).unwrap();
    match spec.algorithm() {
        KeyAlgorithm::Des => use_des(handle.as_ref()),
        KeyAlgorithm::Kerberos(etype) => use_kerberos(etype, handle.as_ref()),
        _ => use_hmac(handle.as_ref()),
    }
    open(&needles);
    drop(handle);
    needles
}

/// Alone, because a search copies the memory of every other test, keys included.
fn alone(test: &str) {
    let ended = process(test).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("1 passed"));
}

#[test]
fn a_key_is_gone_from_memory_with_its_handle() {
    alone("memory::key");
}

#[test]
fn master_keys_and_pass_phrases_are_gone_from_memory_with_the_engine() {
    alone("memory::master_keys");
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn key() {
    let engine = in_memory();
    set_master_keys(engine.as_ref());
    // The search finds what is there.
    let needles = life(engine.as_ref(), KeySpec::hmac(64).unwrap(), 1, |needles| assert_ne!(found(needles), 0));
    assert_eq!(found(&needles), 0);
    for (seed, spec) in
        [(2, Some(KeySpec::DES)), (3, KeySpec::hmac(32)), (4, KeySpec::hmac(131)), (5, KeySpec::hmac(256))]
    {
        let needles = life(engine.as_ref(), spec.unwrap(), seed, |_| ());
        assert_eq!(found(&needles), 0, "{}", spec.unwrap());
    }
    for (seed, etype) in (6..).zip(Etype::ALL) {
        let spec = KeySpec::kerberos(etype);
        let needles = life(engine.as_ref(), spec, seed, |needles| assert_ne!(found(needles), 0));
        assert_eq!(found(&needles), 0, "{spec}");
    }
}

#[test]
#[ignore = "run as a process of its own by another test"]
fn master_keys() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("engine");
    let pass_phrase = || Unlock::PassPhrase(clear(24, 10));
    let enter = |engine: &Software, seed| {
        let kind = MasterKeyKind::Aes;
        let load = |part, value: &ClearKey| engine.change_register(kind, RegisterChange::Load(part, value)).unwrap();
        load(Part::First, &clear(32, seed));
        load(Part::Final, &ClearKey::new(vec![0; 32]));
        set(engine, kind);
    };
    let (phrase_needles, mut needles_of_keys) = (needles(bytes(24, 10)), needles(bytes(32, 11)));
    needles_of_keys.extend(needles(bytes(32, 12)));
    let engine = Software::create(&path, &pass_phrase(), cheap()).unwrap();
    enter(&engine, 11);
    enter(&engine, 12);
    let again = Software::open(&path, Some(pass_phrase())).unwrap();
    again.unlock(phrase("wrong")).unwrap_err();
    assert_eq!(found(&phrase_needles), 0, "the pass phrase is not kept");
    assert_ne!(found(&needles_of_keys), 0);
    drop(engine);
    drop(again);
    assert_eq!(found(&needles_of_keys), 0);
}
