//! Keys of Kerberos principals: what is derived from them, and what that does.

use std::cell::Cell;

use icsf_core::ClearKey;
use icsf_core::backend::{
    Derivation, DerivedUse, EngineError, EngineErrorKind, Etype, HashAlgorithm, KeyHandle, KeyPlace, KeySpec,
};

use super::Case;
use super::answers::{self, broken, material};
use super::bench::{Bench, Stop, Verdict, derived, ensure, known, mac, refused};

pub(super) const CASES: &[Case] = &[
    Case { name: "what is derived from a Kerberos key works as known", run: as_known },
    Case { name: "AES-CBC of many blocks comes out as of one after the other", run: many },
    Case { name: "a derived key outlives the key it was derived from", run: outlives },
    Case { name: "a derived key works on through a change of the master key, or is void", run: through_a_change },
    Case { name: "a Kerberos key is good for nothing but derivation", run: base_alone },
    Case { name: "a derived key is good for what it was derived for", run: wrong_use },
    Case { name: "what no encryption type derives is not derived", run: wrong_derivation },
];

impl Bench {
    /// The encryption types the engine has a use of; a case without any is skipped.
    pub(super) fn etypes(&self) -> Result<Vec<Etype>, Stop> {
        let can = self.can();
        let etypes: Vec<_> = Etype::ALL.into_iter().filter(|etype| can.kerberos(*etype) != KeyPlace::None).collect();
        if etypes.is_empty() { Err(Stop::Skipped("the engine has no Kerberos".to_owned())) } else { Ok(etypes) }
    }
}

/// Runs `case` with a key of each encryption type.
fn of_each(bench: &Bench, case: impl Fn(Etype, &dyn KeyHandle) -> Verdict) -> Verdict {
    let etypes = bench.etypes()?;
    bench.set_both(1)?;
    etypes.into_iter().try_for_each(|etype| case(etype, &*opened(bench, etype)?))
}

fn opened(bench: &Bench, etype: Etype) -> Result<Box<dyn KeyHandle>, Stop> {
    Ok(bench.engine().open(&bench.wrap(KeySpec::kerberos(etype))?)?)
}

fn block(bytes: &[u8]) -> Result<[u8; 16], Stop> {
    bytes.try_into().map_err(|e| broken(&e))
}

fn as_known(bench: &Bench) -> Verdict {
    let etypes = bench.etypes()?;
    bench.set_both(1)?;
    for etype in etypes {
        let tried = Cell::new(0);
        for (use_, answers) in answers::kerberos(etype) {
            let [key, from, iv, text, made] = answers?;
            let what = format!("{etype}, {use_}, {} bytes", text.len());
            let base = bench.engine().wrap(KeySpec::kerberos(etype), &ClearKey::new(key))?;
            let base = bench.engine().open(&base)?;
            tried.set(tried.get() + 1);
            if use_ == "mac" {
                let handle = derived_of(etype, &*base, &from, DerivedUse::Mac(etype.mac_key_length()))?;
                known(what, mac(&*handle, etype.hash(), &text)?, &made)?;
                continue;
            }
            let handle = derived_of(etype, &*base, &from, DerivedUse::Cipher(etype.key_length()))?;
            let mut data = text.clone();
            handle.encipher_cbc(&block(&iv)?, &mut data)?;
            known(format!("{what}, enciphered"), &data, &made)?;
            handle.decipher_cbc(&block(&iv)?, &mut data)?;
            known(format!("{what}, deciphered again"), &data, &text)?;
        }
        ensure!(tried.get() > 0, "the suite itself is broken: no answer for {etype}");
    }
    Ok(())
}

/// As the etype derives.
fn derived_of(
    etype: Etype,
    base: &dyn KeyHandle,
    from: &[u8],
    into: DerivedUse,
) -> Result<Box<dyn KeyHandle>, EngineError> {
    match etype {
        Etype::Aes128Sha1 | Etype::Aes256Sha1 => base.derive(&Derivation::AesCbc(from), into),
        Etype::Aes128Sha2 | Etype::Aes256Sha2 => base.derive(&Derivation::Hmac(etype.hash(), from), into),
    }
}

fn many(bench: &Bench) -> Verdict {
    of_each(bench, |etype, base| {
        let key = derived(etype, base, DerivedUse::Cipher(etype.key_length()))?;
        for count in [0, 1, 2, 17, 1000] {
            let plain = material("blocks", count * 16);
            let mut together = plain.clone();
            key.encipher_cbc(&[3; 16], &mut together)?;
            let mut singly = plain.clone();
            let mut last = [3; 16];
            for block in singly.as_chunks_mut().0 {
                key.encipher_cbc(&last, block)?;
                last = *block;
            }
            ensure!(together == singly, "{etype}: {count} blocks are not enciphered as one after the other");
            key.decipher_cbc(&[3; 16], &mut together)?;
            ensure!(together == plain, "{etype}: {count} blocks do not come back");
        }
        Ok(())
    })
}

fn uses(etype: Etype) -> [DerivedUse; 2] {
    [DerivedUse::Cipher(etype.key_length()), DerivedUse::Mac(etype.mac_key_length())]
}

fn works(etype: Etype, into: DerivedUse, key: &dyn KeyHandle) -> Result<Vec<u8>, EngineError> {
    match into {
        DerivedUse::Cipher(_) => {
            let mut data = vec![0x77; 48];
            key.encipher_cbc(&[0; 16], &mut data).map(|()| data)
        }
        DerivedUse::Mac(_) => mac(key, etype.hash(), b"a message"),
    }
}

fn outlives(bench: &Bench) -> Verdict {
    let etypes = bench.etypes()?;
    bench.set_both(1)?;
    for etype in etypes {
        for into in uses(etype) {
            let base = opened(bench, etype)?;
            let (key, again) = (derived(etype, &*base, into)?, derived(etype, &*base, into)?);
            let before = works(etype, into, &*key)?;
            drop(base);
            ensure!(works(etype, into, &*key)? == before, "{etype}: a derived key went with its base");
            drop(key);
            ensure!(works(etype, into, &*again)? == before, "{etype}: a derived key went with its like");
        }
    }
    Ok(())
}

fn through_a_change(bench: &Bench) -> Verdict {
    let etypes = bench.etypes()?;
    bench.set_both(1)?;
    let mut keys = Vec::new();
    for etype in etypes {
        let base = opened(bench, etype)?;
        for into in uses(etype) {
            let key = derived(etype, &*base, into)?;
            keys.push((etype, into, works(etype, into, &*key)?, key));
        }
    }
    bench.set_both(2)?;
    bench.set_both(3)?;
    for (etype, into, before, key) in keys {
        match works(etype, into, &*key) {
            Ok(after) => ensure!(after == before, "{etype}: a derived key became another one"),
            Err(error) => {
                ensure!(*error.kind() == EngineErrorKind::Unavailable, "{etype}: {:?}: {error}", error.kind())
            }
        }
    }
    Ok(())
}

fn base_alone(bench: &Bench) -> Verdict {
    of_each(bench, |etype, base| {
        let unsupported = EngineErrorKind::Unsupported(KeySpec::kerberos(etype));
        refused("enciphering blocks", base.encipher_blocks(&mut [[0; 8]]), &unsupported)?;
        refused("deciphering blocks", base.decipher_blocks(&mut [[0; 8]]), &unsupported)?;
        refused("enciphering", base.encipher_cbc(&[0; 16], &mut [0; 16]), &unsupported)?;
        refused("deciphering", base.decipher_cbc(&[0; 16], &mut [0; 16]), &unsupported)?;
        for hash in HashAlgorithm::ALL {
            refused(
                format!("HMAC with {}", answers::name(hash)),
                base.hmac(hash, &[b""], &mut [[0; 64]]),
                &unsupported,
            )?;
        }
        refused("the check value", base.key_check(), &unsupported)
    })
}

fn wrong_use(bench: &Bench) -> Verdict {
    of_each(bench, |etype, base| {
        let unsupported = EngineErrorKind::Unsupported(KeySpec::kerberos(etype));
        let [cipher, mac_key] = uses(etype).map(|into| derived(etype, base, into));
        let (cipher, mac_key) = (cipher?, mac_key?);
        for (what, key) in [("a cipher", &cipher), ("a MAC key", &mac_key)] {
            let again = derived(etype, &**key, DerivedUse::Cipher(etype.key_length()));
            refused(format!("deriving from {what}"), again, &unsupported)?;
            refused(format!("blocks with {what}"), key.encipher_blocks(&mut [[0; 8]]), &unsupported)?;
            refused(format!("blocks with {what}"), key.decipher_blocks(&mut [[0; 8]]), &unsupported)?;
            refused(format!("the check value of {what}"), key.key_check(), &unsupported)?;
            for hash in HashAlgorithm::ALL {
                if what == "a cipher" || hash != etype.hash() {
                    let computed = key.hmac(hash, &[b""], &mut [[0; 64]]);
                    refused(format!("HMAC with {what} and {}", answers::name(hash)), computed, &unsupported)?;
                }
            }
        }
        refused("two MACs in one place", mac_key.hmac(etype.hash(), &[b"", b""], &mut [[0; 64]]), &unsupported)?;
        refused("enciphering with a MAC key", mac_key.encipher_cbc(&[0; 16], &mut [0; 16]), &unsupported)?;
        refused("deciphering with a MAC key", mac_key.decipher_cbc(&[0; 16], &mut [0; 16]), &unsupported)?;
        for length in [1, 15, 17, 47] {
            let mut data = vec![9; length];
            refused(format!("{length} bytes"), cipher.encipher_cbc(&[0; 16], &mut data), &unsupported)?;
            refused(format!("{length} bytes"), cipher.decipher_cbc(&[0; 16], &mut data), &unsupported)?;
        }
        Ok(())
    })
}

fn wrong_derivation(bench: &Bench) -> Verdict {
    of_each(bench, |etype, base| {
        let unsupported = EngineErrorKind::Unsupported(KeySpec::kerberos(etype));
        let no = |what: &str, how: Derivation<'_>, into| refused(what, base.derive(&how, into), &unsupported);
        let whole = DerivedUse::Cipher(etype.key_length());
        let from = [7; 32];
        match etype {
            Etype::Aes128Sha1 | Etype::Aes256Sha1 => {
                no("by HMAC", Derivation::Hmac(etype.hash(), &from), whole)?;
                no("from nothing", Derivation::AesCbc(&[]), whole)?;
                no("from broken blocks", Derivation::AesCbc(&[7; 33]), whole)?;
            }
            Etype::Aes128Sha2 | Etype::Aes256Sha2 => {
                no("by AES-CBC", Derivation::AesCbc(&from), whole)?;
                no("with another hash", Derivation::Hmac(HashAlgorithm::Sha512, &from), whole)?;
            }
        }
        let right = match etype {
            Etype::Aes128Sha1 | Etype::Aes256Sha1 => Derivation::AesCbc(&from),
            Etype::Aes128Sha2 | Etype::Aes256Sha2 => Derivation::Hmac(etype.hash(), &from),
        };
        for length in [0, 1, 24, 48, 64].into_iter().filter(|length| *length != etype.mac_key_length()) {
            no("a cipher of another length", right, DerivedUse::Cipher(length))?;
            no("a MAC key of another length", right, DerivedUse::Mac(length))?;
        }
        Ok(())
    })
}
