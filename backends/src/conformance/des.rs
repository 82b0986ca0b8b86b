//! DES: each block by itself, whatever the key.

use std::sync::{Arc, Mutex, PoisonError};

use icsf_core::ClearKey;
use icsf_core::backend::{EngineError, EngineErrorKind, HashAlgorithm, KeyAlgorithm, KeyHandle, KeySpec};

use super::Case;
use super::answers::{self, material};
use super::bench::{Bench, Stop, Verdict, ensure, known, refused};

pub(super) const CASES: &[Case] = &[
    Case { name: "DES enciphers as known, with weak keys too", run: as_known },
    Case { name: "DES ignores the parity of the key", run: parity },
    Case { name: "many blocks in one call come out as one by one", run: many },
    Case { name: "blocks that depend on each other come out of one piece of work as one by one", run: dependent },
    Case { name: "a DES key computes no HMAC and has no check value", run: wrong_use },
];

fn opened(bench: &Bench, key: &[u8]) -> Result<Box<dyn KeyHandle>, Stop> {
    let key = bench.engine().wrap(KeySpec::DES, &ClearKey::from_slice(key))?;
    Ok(bench.engine().open(&key)?)
}

fn block(bytes: &[u8]) -> Result<[u8; 8], Stop> {
    bytes.try_into().map_err(|e| answers::broken(&e))
}

fn as_known(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Des)?;
    bench.set_both(1)?;
    for answer in answers::des_blocks() {
        let [key, plain, cipher] = answer?;
        let what =
            format!("key {} block {}", data_encoding::HEXUPPER.encode(&key), data_encoding::HEXUPPER.encode(&plain));
        let handle = opened(bench, &key)?;
        let mut blocks = [block(&plain)?];
        handle.encipher_blocks(&mut blocks)?;
        known(format!("{what}, enciphered"), blocks.concat(), &cipher)?;
        handle.decipher_blocks(&mut blocks)?;
        known(format!("{what}, deciphered again"), blocks.concat(), &plain)?;
    }
    Ok(())
}

fn parity(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Des)?;
    bench.set_both(1)?;
    let key = answers::key(KeySpec::DES);
    let flipped: Vec<u8> = key.expose().iter().map(|byte| byte ^ 1).collect();
    let mut blocks = [[0x3c; 8]; 2];
    let [one, other] = &mut blocks;
    opened(bench, key.expose())?.encipher_blocks(std::slice::from_mut(one))?;
    opened(bench, &flipped)?.encipher_blocks(std::slice::from_mut(other))?;
    ensure!(one == other, "{one:02X?} and {other:02X?}");
    Ok(())
}

fn many(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Des)?;
    bench.set_both(1)?;
    let handle = opened(bench, answers::key(KeySpec::DES).expose())?;
    for count in [0, 1, 2, 3, 8, 17, 1000] {
        let bytes = material("blocks", count * 8);
        let (plain, _) = bytes.as_chunks::<8>();
        let mut together = plain.to_vec();
        handle.encipher_blocks(&mut together)?;
        let mut singly = plain.to_vec();
        for block in &mut singly {
            handle.encipher_blocks(std::slice::from_mut(block))?;
        }
        ensure!(together == singly, "{count} blocks are not enciphered as one by one");
        handle.decipher_blocks(&mut together)?;
        ensure!(together == plain, "{count} blocks do not come back");
    }
    Ok(())
}

/// As a ticket takes them: each is made of the one before, all in one piece of work of the engine, with another key between.
fn dependent(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Des)?;
    bench.set_both(1)?;
    let keys = [answers::key(KeySpec::DES), ClearKey::new(material("another key", 8))];
    let handles = || keys.each_ref().map(|key| opened(bench, key.expose()));
    let chain = |handles: &[Box<dyn KeyHandle>; 2]| {
        let mut block = [[0x5c; 8]];
        let mut seen = Vec::new();
        for at in 0..24 {
            let [one, other] = handles;
            // Several with one key, then one with the other.
            if at % 4 == 3 { other } else { one }.encipher_blocks(&mut block)?;
            seen.push(block);
            let [bytes] = &mut block;
            bytes.rotate_left(1);
        }
        Ok::<_, EngineError>(seen)
    };
    let [one, other] = handles();
    let expected = chain(&[one?, other?])?;
    let [one, other] = handles();
    let (lent, place) = ([one?, other?], Arc::new(Mutex::new(None)));
    let answer = Arc::clone(&place);
    let work = move || *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain(&lent));
    bench.engine().run(Box::new(work))?;
    let made = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let made = made.ok_or_else(|| Stop::Failed("the engine came back, and the work was not done".to_owned()))??;
    ensure!(made == expected, "the blocks of one piece of work differ from those of single calls");
    Ok(())
}

fn wrong_use(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Des)?;
    bench.set_both(1)?;
    let handle = opened(bench, answers::key(KeySpec::DES).expose())?;
    let unsupported = EngineErrorKind::Unsupported(KeySpec::DES);
    for hash in HashAlgorithm::ALL {
        let computed = handle.hmac(hash, &[b"message"], &mut [[0; 64]]);
        refused(format!("HMAC with {}", answers::name(hash)), computed, &unsupported)?;
    }
    refused("the check value", handle.key_check(), &unsupported)
}
