//! The engine as a whole: randomness, many callers, and whether it tells the truth about itself.

use std::collections::BTreeSet;
use std::thread;

use icsf_core::backend::{EngineError, EngineErrorKind, Etype, KeyPlace, KeySpec, MasterKeyKind, NewRegister, Part};

use super::Case;
use super::answers;
use super::bench::{Bench, Stop, Verdict, ensure, fingerprint, hmac_spec, known, refused};

pub(super) const CASES: &[Case] = &[
    Case { name: "random bytes fill the buffer and differ", run: random },
    Case { name: "one open key serves four threads", run: shared },
    Case { name: "four threads open keys and wrap at once", run: at_once },
    Case { name: "parts entered by four threads at once all count", run: entered_at_once },
    Case { name: "dropping an open key leaves the others", run: dropped },
    Case { name: "the capabilities are true", run: capabilities },
];

fn random(bench: &Bench) -> Verdict {
    let mut seen = BTreeSet::new();
    for length in [0, 1, 7, 8, 16, 24, 32, 1000] {
        // A byte that stays zero eight times was not filled.
        let mut filled = vec![0; length];
        for _ in 0..8 {
            let mut bytes = vec![0; length];
            bench.engine().random(&mut bytes)?;
            filled.iter_mut().zip(&bytes).for_each(|(filled, byte)| *filled |= byte);
            ensure!(length < 16 || seen.insert(bytes), "the same {length} random bytes twice");
        }
        ensure!(!filled.contains(&0), "some of {length} random bytes are always zero");
    }
    Ok(())
}

fn four_times(run: impl Fn() -> Verdict + Sync) -> Verdict {
    let verdicts: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(&run)).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    for verdict in verdicts {
        verdict.map_err(|_panic| Stop::Failed("a thread panicked".to_owned()))??;
    }
    Ok(())
}

fn shared(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let handle = bench.engine().open(&bench.wrap(spec)?)?;
        let alone = fingerprint(spec, handle.as_ref())?;
        four_times(|| {
            for _ in 0..50 {
                ensure!(fingerprint(spec, handle.as_ref())? == alone, "a {spec} answers otherwise with company");
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn at_once(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    let specs = bench.specs()?;
    let mut alone = Vec::new();
    for spec in &specs {
        let key = bench.wrap(*spec)?;
        alone.push((bench.fingerprint(&key)?, key));
    }
    four_times(|| {
        for _ in 0..10 {
            for (expected, key) in &alone {
                let spec = key.spec();
                ensure!(bench.wrap(spec)? == *key, "a {spec} is wrapped otherwise with company");
                ensure!(bench.fingerprint(key)? == *expected, "a {spec} answers otherwise with company");
                bench.engine().generate(spec)?;
            }
        }
        Ok(())
    })
}

fn entered_at_once(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        bench.load(kind, Part::First, &answers::part(kind, 1, "first"))?;
        bench.load(kind, Part::Middle, &answers::part(kind, 1, "middle"))?;
        four_times(|| {
            // A part that is entered twice cancels out, if neither is lost.
            for number in 0..4 {
                bench.load(kind, Part::Middle, &answers::part(kind, number, "middle"))?;
                bench.load(kind, Part::Middle, &answers::part(kind, number, "middle"))?;
            }
            Ok(())
        })?;
        bench.load(kind, Part::Final, &answers::part(kind, 1, "final"))?;
        let (new, whole) = (bench.registers()?.of(kind).new, NewRegister::Full(answers::pattern(kind, 1)?));
        ensure!(new == whole, "the {kind} became {new:?} and not {whole:?}");
    }
    Ok(())
}

fn dropped(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    for spec in bench.specs()? {
        let key = bench.wrap(spec)?;
        let kept = bench.engine().open(&key)?;
        let before = fingerprint(spec, kept.as_ref())?;
        drop(bench.engine().open(&key)?);
        ensure!(fingerprint(spec, kept.as_ref())? == before, "a {spec} went with another handle");
    }
    Ok(())
}

fn capabilities(bench: &Bench) -> Verdict {
    bench.set_both(1)?;
    let can = bench.can();
    let kerberos = |etype| (can.kerberos(etype) != KeyPlace::None, KeySpec::kerberos(etype));
    let others = [
        (can.des, KeySpec::DES),
        (can.hmac_sha512, hmac_spec(64)?),
        (can.hmac_sha512 && can.any_hmac_length, hmac_spec(131)?),
    ];
    for (says, spec) in others.into_iter().chain(Etype::ALL.map(kerberos)) {
        let tried = tried(bench, spec);
        let unsupported = matches!(&tried, Err(error) if *error.kind() == EngineErrorKind::Unsupported(spec));
        match (says, tried) {
            (true, Ok(_)) => {}
            (true, Err(error)) => return Err(Stop::Failed(format!("it cannot use a {spec}: {error}"))),
            (false, Ok(_)) => return Err(Stop::Failed(format!("it can use a {spec}, and says it cannot"))),
            (false, Err(error)) => {
                ensure!(unsupported, "a {spec} is {:?} and not unsupported: {error}", error.kind());
            }
        }
    }
    if can.hmac_sha512 {
        let spec = hmac_spec(64)?;
        let check = bench.engine().open(&bench.wrap(spec)?)?.key_check();
        if can.key_check {
            known("the check value", check?, &answers::check(64)?)?;
        } else {
            refused("the check value", check, &EngineErrorKind::Unsupported(spec))?;
        }
    } else {
        ensure!(!can.key_check, "it says it can hash keys that it cannot use");
    }
    Ok(())
}

fn tried(bench: &Bench, spec: KeySpec) -> Result<Vec<u8>, EngineError> {
    let engine = bench.engine();
    let key = engine.wrap(spec, &answers::key(spec))?;
    fingerprint(spec, engine.open(&key)?.as_ref())
}
