//! HMAC: keys of every length, messages of every length, many in one call.

use icsf_core::ClearKey;
use icsf_core::backend::{EngineErrorKind, HashAlgorithm, KeyAlgorithm, KeyHandle};

use super::Case;
use super::answers::{self, HMAC_LENGTHS, material};
use super::bench::{Bench, Stop, Verdict, ensure, hmac_spec, known, mac, may_decline, refused, unless_declined};

pub(super) const CASES: &[Case] = &[
    Case { name: "HMAC with SHA-512 is as known", run: sha512 },
    Case { name: "HMAC with the other hashes is as known or declined", run: others },
    Case { name: "many messages in one call come out as one by one", run: many },
    Case { name: "the check value of an HMAC key is as known or declined", run: check },
    Case { name: "an HMAC key enciphers and deciphers no blocks", run: wrong_use },
];

fn opened(bench: &Bench, what: &str, key: &[u8]) -> Result<Option<Box<dyn KeyHandle>>, Stop> {
    let may = may_decline(key.len());
    let spec = hmac_spec(key.len())?;
    let wrapped = bench.engine().wrap(spec, &ClearKey::from_slice(key));
    match unless_declined(what, may, wrapped)? {
        Some(wrapped) => unless_declined(what, may, bench.engine().open(&wrapped)),
        None => Ok(None),
    }
}

fn as_known(bench: &Bench, hashes: impl Iterator<Item = HashAlgorithm>) -> Verdict {
    bench.needs(KeyAlgorithm::Hmac)?;
    bench.set_both(1)?;
    for hash in hashes {
        for (number, answer) in answers::hmacs(hash).enumerate() {
            let [key, message, expected] = answer?;
            let what = format!(
                "{}, answer {number}, key of {} and message of {} bytes",
                answers::name(hash),
                key.len(),
                message.len()
            );
            let Some(handle) = opened(bench, &what, &key)? else { continue };
            let may = hash != HashAlgorithm::Sha512 || may_decline(key.len());
            if let Some(mac) = unless_declined(&what, may, mac(handle.as_ref(), hash, &message))? {
                known(what, mac, &expected)?;
            }
        }
    }
    Ok(())
}

fn sha512(bench: &Bench) -> Verdict {
    as_known(bench, [HashAlgorithm::Sha512].into_iter())
}

fn others(bench: &Bench) -> Verdict {
    as_known(bench, HashAlgorithm::ALL.into_iter().filter(|hash| *hash != HashAlgorithm::Sha512))
}

fn many(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Hmac)?;
    bench.set_both(1)?;
    let spec = hmac_spec(64)?;
    let handle = bench.engine().open(&bench.wrap(spec)?)?;
    let messages: Vec<_> = [0, 1, 16, 20, 128, 1000].iter().map(|length| material("message", *length)).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let mut together = vec![[0; 64]; messages.len()];
    handle.hmac(HashAlgorithm::Sha512, &messages, &mut together)?;
    for (message, mac_of_many) in messages.iter().zip(&together) {
        let singly = mac(handle.as_ref(), HashAlgorithm::Sha512, message)?;
        ensure!(singly == mac_of_many, "the MAC of {} bytes depends on its company", message.len());
    }
    handle.hmac(HashAlgorithm::Sha512, &[], &mut [])?;
    Ok(())
}

fn check(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Hmac)?;
    if !bench.can().key_check {
        return Err(Stop::Skipped("the engine cannot hash a key".to_owned()));
    }
    bench.set_both(1)?;
    for length in HMAC_LENGTHS {
        let what = format!("a key of {length} bytes");
        if let Some(handle) = opened(bench, &what, answers::key(hmac_spec(length)?).expose())? {
            known(&what, handle.key_check()?, &answers::check(length)?)?;
        }
    }
    Ok(())
}

fn wrong_use(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Hmac)?;
    bench.set_both(1)?;
    let spec = hmac_spec(64)?;
    let handle = bench.engine().open(&bench.wrap(spec)?)?;
    let unsupported = EngineErrorKind::Unsupported(spec);
    refused("enciphering", handle.encipher_blocks(&mut [[0; 8]]), &unsupported)?;
    refused("deciphering", handle.decipher_blocks(&mut [[0; 8]]), &unsupported)
}
