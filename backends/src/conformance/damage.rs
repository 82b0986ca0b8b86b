//! Wrapped keys whose bytes were changed: each is noticed, none is answered with a key.

use icsf_core::ClearKey;
use icsf_core::backend::{EngineErrorKind, KeyAlgorithm, KeySpec, MasterKeyKind, Part, Register, WrappedKey};

use super::Case;
use super::bench::{Bench, Verdict, hmac_spec, refused};

pub(super) const CASES: &[Case] = &[
    Case { name: "each flipped bit of a wrapped key is noticed", run: flipped },
    Case { name: "a damaged key is neither wrapped anew nor added to", run: elsewhere },
    Case { name: "a wrapped key cut off anywhere is noticed", run: cut_off },
    Case { name: "a wrapped key with something behind it is noticed", run: longer },
    Case { name: "a wrapped key of one algorithm is not opened as the other", run: other_algorithm },
    Case { name: "a wrapped key is not opened in a length with another stored form", run: other_length },
];

fn open(bench: &Bench, what: &str, whole: &WrappedKey, blob: &[u8]) -> Verdict {
    let key = WrappedKey::new(whole.spec(), whole.mkvp(), blob);
    refused(format!("a {}: {what}", whole.spec()), bench.engine().open(&key), &EngineErrorKind::Damaged)
}

fn with_flipped(blob: &[u8], bit: usize) -> Vec<u8> {
    let mut blob = blob.to_vec();
    if let Some(byte) = blob.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
    blob
}

fn flipped(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        for bit in 0..key.blob().len() * 8 {
            open(bench, &format!("bit {bit} flipped"), &key, &with_flipped(key.blob(), bit))?;
        }
    }
    Ok(())
}

fn elsewhere(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let whole = bench.wrap(spec)?;
        let last = whole.blob().len() * 8 - 1;
        for blob in [with_flipped(whole.blob(), 0), with_flipped(whole.blob(), last), Vec::new()] {
            let key = WrappedKey::new(spec, whole.mkvp(), blob);
            let rewrapped = bench.engine().rewrap(&key, Register::Current);
            refused(format!("a damaged {spec}, wrapped anew"), rewrapped, &EngineErrorKind::Damaged)?;
            bench.adding_refused(format!("a damaged {spec}, added to"), &key, &EngineErrorKind::Damaged)?;
        }
    }
    Ok(())
}

fn cut_off(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        for length in 0..key.blob().len() {
            let (blob, _) = key.blob().split_at(length);
            open(bench, &format!("cut off after {length}"), &key, blob)?;
        }
    }
    Ok(())
}

fn longer(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        for length in [1, 8, 64] {
            open(bench, &format!("{length} bytes behind it"), &key, &[key.blob(), &vec![0; length]].concat())?;
        }
        open(bench, "twice", &key, &[key.blob(), key.blob()].concat())?;
    }
    Ok(())
}

fn other_algorithm(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Des)?;
    bench.needs(KeyAlgorithm::Hmac)?;
    bench.set_both(1)?;
    let hmac = hmac_spec(32)?;
    let (des_key, hmac_key) = (bench.wrap(KeySpec::DES)?, bench.wrap(hmac)?);
    open(bench, "the blob of an HMAC key", &des_key, hmac_key.blob())?;
    open(bench, "the blob of a DES key", &hmac_key, des_key.blob())?;
    // One value as both master keys, so that only the form of the blob tells them apart.
    for kind in MasterKeyKind::ALL {
        bench.load(kind, Part::First, &ClearKey::new(vec![0x3c; 32]))?;
        bench.load(kind, Part::Final, &ClearKey::new(vec![0x99; 32]))?;
        bench.set(kind)?;
    }
    let (des_key, hmac_key) = (bench.wrap(KeySpec::DES)?, bench.wrap(hmac)?);
    open(bench, "the blob of an HMAC key under the same value", &des_key, hmac_key.blob())?;
    open(bench, "the blob of a DES key under the same value", &hmac_key, des_key.blob())
}

fn other_length(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Hmac)?;
    bench.set_both(1)?;
    for (length, offered) in [(64, 72), (72, 64), (64, 256), (256, 32)] {
        let key = bench.wrap(hmac_spec(length)?)?;
        let offered = WrappedKey::new(hmac_spec(offered)?, key.mkvp(), []);
        open(bench, &format!("the blob of {length} bytes"), &offered, key.blob())?;
    }
    Ok(())
}
