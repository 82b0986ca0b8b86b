//! Wrapping, opening, and the life of a wrapped key through changes of the master key.

use std::collections::BTreeSet;

use icsf_core::ClearKey;
use icsf_core::backend::{
    EngineErrorKind, KeyAlgorithm, KeySpec, MasterKeyKind, Part, Register, RegisterChange, StoredForm, WrappedKey,
};

use super::Case;
use super::answers::{self, HMAC_LENGTHS, broken, material, part};
use super::bench::{Bench, FOREIGN, Stop, Verdict, ensure, hmac_spec, known, may_decline, refused, unless_declined};

pub(super) const CASES: &[Case] = &[
    Case { name: "a DES key is wrapped as known", run: wrapped_des },
    Case { name: "HMAC keys are wrapped as known", run: wrapped_hmac },
    Case { name: "Kerberos keys are wrapped as known", run: wrapped_kerberos },
    Case { name: "the parity of a DES key does not count", run: parity },
    Case { name: "a key of another length than it is said to have is not wrapped", run: lengths },
    Case { name: "without a master key there is nothing to wrap with", run: not_set },
    Case { name: "one master key does not stand in for the other", run: other_not_set },
    Case { name: "a key under a master key that is in no register is told so", run: mismatch },
    Case { name: "a new master key wraps before it is set and opens afterwards", run: ahead },
    Case { name: "a wrapped key can be used through one change of the master key and not two", run: life },
    Case { name: "nothing is wrapped anew under a register that is not full", run: rewrap_not_full },
    Case { name: "nothing is wrapped anew under the old master key", run: rewrap_old },
    Case { name: "parts of a key are combined by exclusive or, or declined", run: parts },
    Case { name: "generated keys have their length and differ", run: generated },
];

fn wrapped_as_known(bench: &Bench, specs: &[(KeySpec, bool)]) -> Verdict {
    bench.set_both(1)?;
    for kind in MasterKeyKind::ALL {
        bench.enter(kind, 2)?;
    }
    for number in 1..=2 {
        for (spec, may) in specs {
            let what = format!("{spec} under master key {number}");
            let wrapped = bench.engine().wrap(*spec, &answers::key(*spec));
            let Some(key) = unless_declined(&what, *may, wrapped)? else { continue };
            ensure!(key.spec() == *spec, "{what}: became a {}", key.spec());
            let pattern = answers::pattern(key.master_key(), number)?;
            ensure!(key.mkvp() == pattern, "{what}: says it is under {} and not {pattern}", key.mkvp());
            known(&what, key.blob(), &answers::wrapped(*spec, number)?)?;
            if number == 1 {
                let next = bench.engine().rewrap(&key, Register::New)?;
                known(format!("{what}, wrapped anew"), next.blob(), &answers::wrapped(*spec, 2)?)?;
            }
        }
        if number == 1 {
            MasterKeyKind::ALL.into_iter().try_for_each(|kind| bench.set(kind))?;
        }
    }
    Ok(())
}

fn wrapped_des(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Des)?;
    wrapped_as_known(bench, &[(KeySpec::DES, false)])
}

fn wrapped_hmac(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Hmac)?;
    let specs = HMAC_LENGTHS.into_iter().map(|length| Ok((hmac_spec(length)?, may_decline(length))));
    wrapped_as_known(bench, &specs.collect::<Result<Vec<_>, Stop>>()?)
}

fn wrapped_kerberos(bench: &Bench) -> Verdict {
    let specs = bench.etypes()?.into_iter().map(|etype| (KeySpec::kerberos(etype), false));
    wrapped_as_known(bench, &specs.collect::<Vec<_>>())
}

fn parity(bench: &Bench) -> Verdict {
    bench.needs(KeyAlgorithm::Des)?;
    bench.set_both(1)?;
    let flipped = answers::key(KeySpec::DES).expose().iter().map(|byte| byte ^ 1).collect();
    let key = bench.engine().wrap(KeySpec::DES, &ClearKey::new(flipped))?;
    known("a DES key of the other parity", key.blob(), &answers::wrapped(KeySpec::DES, 1)?)
}

fn lengths(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        for length in [0, spec.length() - 1, spec.length() + 1, 24] {
            if length == spec.length() {
                continue;
            }
            let other = ClearKey::new(vec![1; length]);
            ensure!(bench.engine().wrap(spec, &other).is_err(), "{length} bytes were wrapped as a {spec}");
            ensure!(bench.engine().add_part(&key, &other).is_err(), "{length} bytes were added to a {spec}");
        }
    }
    Ok(())
}

/// Wants each use of the master key of `spec` refused because it is not set.
fn all_not_set(bench: &Bench, spec: KeySpec) -> Verdict {
    let kind = spec.master_key();
    let not_set = EngineErrorKind::MasterKeyNotSet(kind);
    let clear = answers::key(spec);
    let key = WrappedKey::new(spec, FOREIGN, answers::wrapped(spec, 1)?);
    let engine = bench.engine();
    refused(format!("wrapping a {spec}"), engine.wrap(spec, &clear), &not_set)?;
    refused(format!("generating a {spec}"), engine.generate(spec), &not_set)?;
    refused(format!("opening a {spec}"), engine.open(&key), &not_set)?;
    bench.adding_refused(format!("adding to a {spec}"), &key, &not_set)?;
    refused(format!("wrapping a {spec} anew"), engine.rewrap(&key, Register::Current), &not_set)
}

fn not_set(bench: &Bench) -> Verdict {
    let specs = bench.specs()?;
    for spec in &specs {
        all_not_set(bench, *spec)?;
    }
    // A master key that is being entered is not set either.
    for kind in MasterKeyKind::ALL {
        bench.load(kind, Part::First, &part(kind, 1, "first"))?;
        bench.load(kind, Part::Final, &part(kind, 1, "final"))?;
    }
    for spec in specs {
        all_not_set(bench, spec)?;
    }
    Ok(())
}

fn other_not_set(bench: &Bench) -> Verdict {
    let specs = bench.specs()?;
    bench.enter(MasterKeyKind::Des, 1)?;
    bench.set(MasterKeyKind::Des)?;
    for spec in &specs {
        if spec.master_key() == MasterKeyKind::Aes {
            all_not_set(bench, *spec)?;
        } else {
            bench.wrap(*spec)?;
        }
    }
    Ok(())
}

fn mismatch(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let kind = spec.master_key();
        let whole = WrappedKey::new(spec, FOREIGN, bench.wrap(spec)?.blob());
        let damaged = WrappedKey::new(spec, FOREIGN, []);
        let expected = EngineErrorKind::MasterKeyMismatch(kind, FOREIGN);
        for (name, key) in [("a", whole), ("a damaged", damaged)] {
            let what = |doing| format!("{doing} {name} {spec} under a foreign master key");
            refused(what("opening"), bench.engine().open(&key), &expected)?;
            bench.adding_refused(what("adding to"), &key, &expected)?;
            refused(what("wrapping anew"), bench.engine().rewrap(&key, Register::Current), &expected)?;
        }
    }
    Ok(())
}

fn ahead(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for kind in MasterKeyKind::ALL {
        bench.enter(kind, 2)?;
    }
    let mut ahead = Vec::new();
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        let next = bench.engine().rewrap(&key, Register::New)?;
        let expected = EngineErrorKind::MasterKeyMismatch(key.master_key(), next.mkvp());
        refused(format!("a {spec} under the new master key"), bench.engine().open(&next), &expected)?;
        ahead.push((bench.fingerprint(&key)?, next));
    }
    for kind in MasterKeyKind::ALL {
        bench.set(kind)?;
    }
    for (fingerprint, key) in ahead {
        ensure!(bench.fingerprint(&key)? == fingerprint, "a {} became another key", key.spec());
    }
    Ok(())
}

fn life(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    let mut keys = Vec::new();
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        keys.push((bench.fingerprint(&key)?, key));
    }
    bench.set_both(2)?;
    let mut renewed = Vec::new();
    for (fingerprint, key) in &keys {
        let spec = key.spec();
        ensure!(bench.fingerprint(key)? == *fingerprint, "a {spec} became another key under the old master key");
        let next = bench.engine().rewrap(key, Register::Current)?;
        known(format!("a {spec} wrapped anew"), next.blob(), &answers::wrapped(spec, 2)?)?;
        let zero = ClearKey::new(vec![0; spec.length()]);
        let added = bench.engine().add_part(key, &zero);
        if let Some(added) = unless_declined(format!("adding to an old {spec}"), true, added)? {
            ensure!(added == next, "the sum of parts of a {spec} was not wrapped under the current master key");
        }
        ensure!(bench.wrap(spec)? == next, "a {spec} was not wrapped under the current master key");
        renewed.push((fingerprint, next));
    }
    bench.set_both(3)?;
    for (_, key) in &keys {
        let expected = EngineErrorKind::MasterKeyMismatch(key.master_key(), key.mkvp());
        refused(format!("a {} after two changes", key.spec()), bench.engine().open(key), &expected)?;
    }
    for (fingerprint, key) in renewed {
        ensure!(bench.fingerprint(&key)? == *fingerprint, "a {} became another key", key.spec());
    }
    Ok(())
}

fn rewrap_not_full(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        let kind = key.master_key();
        let not_set = EngineErrorKind::MasterKeyNotSet(kind);
        let rewrap = || bench.engine().rewrap(&key, Register::New);
        refused(format!("a {spec}, the new register empty"), rewrap(), &not_set)?;
        bench.load(kind, Part::First, &part(kind, 2, "first"))?;
        refused(format!("a {spec}, the new register partial"), rewrap(), &not_set)?;
        bench.engine().change_register(kind, RegisterChange::ClearNew)?;
    }
    Ok(())
}

fn rewrap_old(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    bench.set_both(2)?;
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        ensure!(bench.engine().rewrap(&key, Register::Old).is_err(), "a {spec} was wrapped under the old master key");
    }
    Ok(())
}

fn parts(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let first = ClearKey::new(material("first part", spec.length()));
        let second = ClearKey::new(material("second part", spec.length()));
        let sum = first.xor(&second).ok_or_else(|| broken(&spec))?;
        let added = bench.engine().add_part(&bench.engine().wrap(spec, &first)?, &second);
        let Some(added) = unless_declined(spec, true, added)? else { continue };
        ensure!(added == bench.engine().wrap(spec, &sum)?, "two parts of a {spec} do not make their sum");
    }
    Ok(())
}

fn generated(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let (mut blobs, mut fingerprints) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..5 {
            let key = bench.engine().generate(spec)?;
            ensure!(key.spec() == spec, "a {spec} became a {}", key.spec());
            let length = key.blob().len();
            ensure!(length == StoredForm::length(spec) + 8, "the blob of a {spec} has {length} bytes");
            ensure!(blobs.insert(key.blob().to_vec()), "the same {spec} twice");
            ensure!(fingerprints.insert(bench.fingerprint(&key)?), "the same {spec} twice, wrapped otherwise");
        }
    }
    Ok(())
}
