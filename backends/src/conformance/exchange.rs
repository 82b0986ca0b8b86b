//! Two engines with the same master keys: a key data set moves between them.

use icsf_core::ClearKey;
use icsf_core::backend::{
    HashAlgorithm, KeyAlgorithm, KeyHandle, KeySpec, MasterKeyKind, Part, Register, RegisterChange,
};

use super::PairCase;
use super::answers::material;
use super::bench::{Bench, Verdict, ensure, fingerprint, hmac_spec, mac, may_decline, unless_declined};

pub(super) const CASES: &[PairCase] = &[
    PairCase { name: "both wrap DES keys to the same bytes, and use them alike", run: des },
    PairCase { name: "both wrap HMAC keys of each length to the same bytes, and use them alike", run: hmac },
    PairCase { name: "both wrap Kerberos keys to the same bytes, and use them alike", run: kerberos },
    PairCase { name: "each opens what the other generated", run: generated },
    PairCase { name: "what one wraps under the new master key the other opens after the change", run: changed },
    PairCase { name: "any parts make the same master key in both", run: parts },
];

fn both(first: &Bench, second: &Bench, algorithm: KeyAlgorithm) -> Verdict {
    for bench in [first, second] {
        bench.needs(algorithm)?;
        bench.set_both(1)?;
    }
    Ok(())
}

/// Wants the same wrapped key and the same use of it, unless one of them may decline it and does.
fn alike(first: &Bench, second: &Bench, spec: KeySpec, label: &str) -> Verdict {
    let may = spec.algorithm() == KeyAlgorithm::Hmac && may_decline(spec.length());
    let mut made = Vec::new();
    for bench in [first, second] {
        let wrapped = bench.engine().wrap(spec, &ClearKey::new(material(label, spec.length())));
        let Some(key) = unless_declined(spec, may, wrapped)? else { return Ok(()) };
        let Some(handle) = unless_declined(spec, may, bench.engine().open(&key))? else { return Ok(()) };
        made.push((key, handle));
    }
    let [(our_key, ours), (their_key, theirs)] = made.as_slice() else { return Ok(()) };
    ensure!(our_key == their_key, "a {spec} is wrapped in two ways: {our_key:?} and {their_key:?}");
    match spec.algorithm() {
        KeyAlgorithm::Des => same_blocks(spec, ours.as_ref(), theirs.as_ref()),
        KeyAlgorithm::Kerberos(_) => {
            let same = fingerprint(spec, ours.as_ref())? == fingerprint(spec, theirs.as_ref())?;
            ensure!(same, "what is derived from a {spec} works in two ways");
            Ok(())
        }
        _ => same_macs(spec, ours.as_ref(), theirs.as_ref()),
    }
}

fn same_blocks(spec: KeySpec, ours: &dyn KeyHandle, theirs: &dyn KeyHandle) -> Verdict {
    let bytes = material("blocks", 64 * 8);
    let (blocks, _) = bytes.as_chunks();
    let (mut our_blocks, mut their_blocks) = (blocks.to_vec(), blocks.to_vec());
    ours.encipher_blocks(&mut our_blocks)?;
    theirs.encipher_blocks(&mut their_blocks)?;
    ensure!(our_blocks == their_blocks, "a {spec} enciphers in two ways");
    ours.decipher_blocks(&mut our_blocks)?;
    theirs.decipher_blocks(&mut their_blocks)?;
    ensure!(our_blocks == their_blocks, "a {spec} deciphers in two ways");
    Ok(())
}

fn same_macs(spec: KeySpec, ours: &dyn KeyHandle, theirs: &dyn KeyHandle) -> Verdict {
    for hash in HashAlgorithm::ALL {
        let may = hash != HashAlgorithm::Sha512 || may_decline(spec.length());
        for length in [0, 20, 300] {
            let message = material("message", length);
            let our_mac = unless_declined(spec, may, mac(ours, hash, &message))?;
            let their_mac = unless_declined(spec, may, mac(theirs, hash, &message))?;
            if let (Some(our_mac), Some(their_mac)) = (our_mac, their_mac) {
                ensure!(our_mac == their_mac, "a {spec} makes two MACs with {hash:?} of {length} bytes");
            }
        }
    }
    Ok(())
}

fn des(first: &Bench, second: &Bench) -> Verdict {
    both(first, second, KeyAlgorithm::Des)?;
    (0..64).try_for_each(|number| alike(first, second, KeySpec::DES, &format!("DES key {number}")))
}

fn hmac(first: &Bench, second: &Bench) -> Verdict {
    both(first, second, KeyAlgorithm::Hmac)?;
    (32..=256).try_for_each(|length| alike(first, second, hmac_spec(length)?, "HMAC key"))
}

fn kerberos(first: &Bench, second: &Bench) -> Verdict {
    let theirs = second.etypes()?;
    let etypes: Vec<_> = first.etypes()?.into_iter().filter(|etype| theirs.contains(etype)).collect();
    for bench in [first, second] {
        bench.set_both(1)?;
    }
    for etype in etypes {
        for number in 0..16 {
            alike(first, second, KeySpec::kerberos(etype), &format!("Kerberos key {number}"))?;
        }
    }
    Ok(())
}

fn generated(first: &Bench, second: &Bench) -> Verdict {
    first.set_both(1)?;
    second.set_both(1)?;
    let can = second.specs()?;
    for spec in first.specs()?.into_iter().filter(|spec| can.contains(spec)) {
        for (maker, user) in [(first, second), (second, first)] {
            let key = maker.engine().generate(spec)?;
            let (made, used) = (maker.fingerprint(&key)?, user.fingerprint(&key)?);
            ensure!(made == used, "a generated {spec} is another key in the other engine");
        }
    }
    Ok(())
}

fn changed(first: &Bench, second: &Bench) -> Verdict {
    for bench in [first, second] {
        bench.set_both(1)?;
        for kind in MasterKeyKind::ALL {
            bench.enter(kind, 2)?;
        }
    }
    let can = second.specs()?;
    let mut keys = Vec::new();
    for spec in first.specs()?.into_iter().filter(|spec| can.contains(spec)) {
        let key = first.engine().generate(spec)?;
        keys.push((first.fingerprint(&key)?, first.engine().rewrap(&key, Register::New)?));
    }
    for kind in MasterKeyKind::ALL {
        second.set(kind)?;
    }
    for (fingerprint, key) in keys {
        ensure!(second.fingerprint(&key)? == fingerprint, "a {} became another key", key.spec());
    }
    Ok(())
}

fn parts(first: &Bench, second: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        for number in 0..16 {
            for bench in [first, second] {
                for (part, name) in [(Part::First, "one"), (Part::Final, "two")] {
                    bench.load(kind, part, &ClearKey::new(material(&format!("{name} {number}"), 32)))?;
                }
            }
            let (ours, theirs) = (first.registers()?, second.registers()?);
            ensure!(ours.of(kind) == theirs.of(kind), "{kind}: {:?} and {:?}", ours.of(kind), theirs.of(kind));
            for bench in [first, second] {
                bench.engine().change_register(kind, RegisterChange::ClearNew)?;
            }
        }
    }
    Ok(())
}
