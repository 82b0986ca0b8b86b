//! The ceremony of the master-key registers, and every refusal.

use std::collections::BTreeSet;

use icsf_core::ClearKey;
use icsf_core::backend::{
    EngineErrorKind, MASTER_KEY_LENGTH, MasterKeyKind, MasterKeys, NewRegister, Part, RegisterChange, Registers,
};

use super::Case;
use super::answers::{part, pattern};
use super::bench::{Bench, Stop, Verdict, ensure, refused};

pub(super) const CASES: &[Case] = &[
    Case { name: "a fresh engine is online and holds no master keys", run: fresh },
    Case { name: "three parts make the known master key, and setting it makes it current", run: ceremony },
    Case { name: "parts may be entered in any order", run: any_order },
    Case { name: "one value entered as both master keys has two patterns", run: two_patterns },
    Case { name: "the two master keys do not touch each other", run: independent },
    Case { name: "setting moves current to old, and forgets what was old", run: moves },
    Case { name: "what is out of turn is refused and changes nothing", run: out_of_turn },
    Case { name: "a part of another length is refused", run: lengths },
    Case { name: "the current and the old master key are not entered again", run: repeated },
    Case { name: "a refused final part leaves the parts before it", run: refused_final },
    Case { name: "the new register can be cleared at any time", run: cleared },
    Case { name: "a zeroized master key leaves nothing, and the other one alone", run: zeroized },
    Case { name: "a generated master key is one of its own", run: generated },
    Case { name: "each change has a generation of its own", run: generations },
];

fn fresh(bench: &Bench) -> Verdict {
    let held = bench.registers()?;
    ensure!(held == MasterKeys::default(), "the registers are not empty: {held:?}");
    let before = bench.generation()?;
    for _ in 0..2 {
        bench.engine().attach()?;
        ensure!(bench.generation()? == before, "attaching without a change changed the generation");
    }
    Ok(())
}

fn ceremony(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        let known = pattern(kind, 1)?;
        for (entered, name, expected) in [
            (Part::First, "first", NewRegister::Partial),
            (Part::Middle, "middle", NewRegister::Partial),
            (Part::Final, "final", NewRegister::Full(known)),
        ] {
            bench.load(kind, entered, &part(kind, 1, name))?;
            let new = bench.registers()?.of(kind).new;
            ensure!(new == expected, "{kind} after the {name} part: {new:?} and not {expected:?}");
        }
        let current = bench.registers()?.of(kind).current;
        ensure!(current.is_none(), "{kind} is current before it is set");
        bench.set(kind)?;
        let held = *bench.registers()?.of(kind);
        ensure!(
            held.new == NewRegister::Empty && held.current == Some(known) && held.old.is_none(),
            "{kind} after it was set: {held:?}"
        );
    }
    Ok(())
}

fn any_order(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        bench.load(kind, Part::First, &part(kind, 1, "final"))?;
        bench.load(kind, Part::Middle, &part(kind, 1, "first"))?;
        bench.load(kind, Part::Final, &part(kind, 1, "middle"))?;
        let new = bench.registers()?.of(kind).new;
        ensure!(new == NewRegister::Full(pattern(kind, 1)?), "{kind}: {new:?}");
    }
    Ok(())
}

fn two_patterns(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        bench.load(kind, Part::First, &ClearKey::new(vec![0x0f; MASTER_KEY_LENGTH]))?;
        bench.load(kind, Part::Final, &ClearKey::new(vec![0xf0; MASTER_KEY_LENGTH]))?;
    }
    let held = bench.registers()?;
    ensure!(held.des.new != held.aes.new, "the same pattern twice: {:?}", held.des.new);
    Ok(())
}

fn independent(bench: &Bench) -> Verdict {
    for (kind, other) in [(MasterKeyKind::Des, MasterKeyKind::Aes), (MasterKeyKind::Aes, MasterKeyKind::Des)] {
        let before = *bench.registers()?.of(other);
        bench.enter(kind, 1)?;
        ensure!(*bench.registers()?.of(other) == before, "entering the {kind} changed the {other}");
        bench.set(kind)?;
        bench.load(kind, Part::First, &part(kind, 2, "first"))?;
        bench.engine().change_register(kind, RegisterChange::ClearNew)?;
        ensure!(*bench.registers()?.of(other) == before, "setting the {kind} changed the {other}");
    }
    Ok(())
}

fn moves(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        for number in 1..=3 {
            bench.enter(kind, number)?;
            bench.set(kind)?;
            let held = *bench.registers()?.of(kind);
            let old = if number == 1 { None } else { Some(pattern(kind, number - 1)?) };
            ensure!(held.current == Some(pattern(kind, number)?), "{kind} {number}: current is {:?}", held.current);
            ensure!(held.old == old, "{kind} {number}: old is {:?}", held.old);
        }
    }
    Ok(())
}

/// Wants the change refused, and everything as before.
fn unchanged(bench: &Bench, kind: MasterKeyKind, what: &str, change: RegisterChange<'_>) -> Verdict {
    let before = (bench.registers()?, bench.generation()?);
    refused(format!("{kind}: {what}"), bench.engine().change_register(kind, change), &EngineErrorKind::Refused)?;
    let after = (bench.registers()?, bench.generation()?);
    ensure!(after == before, "{kind}: {what}: refused, yet {before:?} became {after:?}");
    Ok(())
}

fn out_of_turn(bench: &Bench) -> Verdict {
    let value = ClearKey::new(vec![0x5a; MASTER_KEY_LENGTH]);
    let load = |part| RegisterChange::Load(part, &value);
    for kind in MasterKeyKind::ALL {
        unchanged(bench, kind, "a middle part into an empty register", load(Part::Middle))?;
        unchanged(bench, kind, "a final part into an empty register", load(Part::Final))?;
        let (first, second) = (pattern(kind, 1)?, pattern(kind, 2)?);
        unchanged(bench, kind, "setting an empty register", RegisterChange::Set(first))?;
        bench.load(kind, Part::First, &part(kind, 1, "first"))?;
        unchanged(bench, kind, "a second first part", load(Part::First))?;
        unchanged(bench, kind, "generating into a partial register", RegisterChange::Generate)?;
        unchanged(bench, kind, "setting a partial register", RegisterChange::Set(first))?;
        let again = part(kind, 1, "first");
        unchanged(bench, kind, "the first part again, for a key of zeros", RegisterChange::Load(Part::Final, &again))?;
        bench.load(kind, Part::Middle, &part(kind, 1, "middle"))?;
        bench.load(kind, Part::Final, &part(kind, 1, "final"))?;
        unchanged(bench, kind, "a first part into a full register", load(Part::First))?;
        unchanged(bench, kind, "a middle part into a full register", load(Part::Middle))?;
        unchanged(bench, kind, "a final part into a full register", load(Part::Final))?;
        unchanged(bench, kind, "generating into a full register", RegisterChange::Generate)?;
        unchanged(bench, kind, "setting another key than the one that waits", RegisterChange::Set(second))?;
        bench.set(kind)?;
        unchanged(bench, kind, "setting twice", RegisterChange::Set(first))?;
    }
    Ok(())
}

fn lengths(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        for length in [0, 16, 31, 33, 64] {
            let value = ClearKey::new(vec![1; length]);
            let what = |part| format!("a {part} part of {length} bytes");
            unchanged(bench, kind, &what("first"), RegisterChange::Load(Part::First, &value))?;
            bench.load(kind, Part::First, &part(kind, 1, "first"))?;
            unchanged(bench, kind, &what("middle"), RegisterChange::Load(Part::Middle, &value))?;
            unchanged(bench, kind, &what("final"), RegisterChange::Load(Part::Final, &value))?;
            bench.engine().change_register(kind, RegisterChange::ClearNew)?;
        }
    }
    Ok(())
}

fn repeated(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        for number in 1..=2 {
            bench.enter(kind, number)?;
            bench.set(kind)?;
        }
        for (number, register) in [(2, "current"), (1, "old")] {
            bench.load(kind, Part::First, &part(kind, number, "first"))?;
            bench.load(kind, Part::Middle, &part(kind, number, "middle"))?;
            let last = part(kind, number, "final");
            unchanged(bench, kind, &format!("the {register} key again"), RegisterChange::Load(Part::Final, &last))?;
            bench.engine().change_register(kind, RegisterChange::ClearNew)?;
        }
        bench.enter(kind, 3)?;
        bench.set(kind)?;
        // What was old is forgotten now, and is a key like any other.
        bench.enter(kind, 1)?;
    }
    Ok(())
}

fn refused_final(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        bench.enter(kind, 1)?;
        bench.set(kind)?;
        bench.load(kind, Part::First, &part(kind, 1, "first"))?;
        bench.load(kind, Part::Middle, &part(kind, 1, "middle"))?;
        let last = part(kind, 1, "final");
        unchanged(bench, kind, "the current key again", RegisterChange::Load(Part::Final, &last))?;
        // The parts cancel out but for those of the second key.
        for entered in ["first", "middle"] {
            bench.load(kind, Part::Middle, &part(kind, 1, entered))?;
            bench.load(kind, Part::Middle, &part(kind, 2, entered))?;
        }
        bench.load(kind, Part::Final, &part(kind, 2, "final"))?;
        let new = bench.registers()?.of(kind).new;
        ensure!(new == NewRegister::Full(pattern(kind, 2)?), "{kind}: {new:?}");
    }
    Ok(())
}

fn cleared(bench: &Bench) -> Verdict {
    for kind in MasterKeyKind::ALL {
        bench.enter(kind, 1)?;
        bench.set(kind)?;
        let before = *bench.registers()?.of(kind);
        let clear = || bench.engine().change_register(kind, RegisterChange::ClearNew);
        clear()?;
        bench.load(kind, Part::First, &part(kind, 2, "first"))?;
        clear()?;
        ensure!(*bench.registers()?.of(kind) == before, "{kind}: clearing a part changed more");
        bench.enter(kind, 2)?;
        clear()?;
        ensure!(*bench.registers()?.of(kind) == before, "{kind}: clearing a whole key changed more");
        bench.enter(kind, 2)?;
        let new = bench.registers()?.of(kind).new;
        ensure!(new == NewRegister::Full(pattern(kind, 2)?), "{kind}: something was left: {new:?}");
    }
    Ok(())
}

fn zeroized(bench: &Bench) -> Verdict {
    for (kind, other) in [(MasterKeyKind::Des, MasterKeyKind::Aes), (MasterKeyKind::Aes, MasterKeyKind::Des)] {
        for number in 1..=2 {
            bench.enter(kind, number)?;
            bench.set(kind)?;
        }
        bench.load(kind, Part::First, &part(kind, 3, "first"))?;
        let before = *bench.registers()?.of(other);
        bench.engine().change_register(kind, RegisterChange::Zeroize)?;
        let after = *bench.registers()?.of(kind);
        ensure!(after == Registers::default(), "{kind}: something was left: {after:?}");
        ensure!(*bench.registers()?.of(other) == before, "zeroizing the {kind} changed the {other}");
        // The same key is no repeated one now.
        bench.enter(kind, 2)?;
        bench.set(kind)?;
    }
    Ok(())
}

fn generated(bench: &Bench) -> Verdict {
    let mut patterns = BTreeSet::new();
    for kind in MasterKeyKind::ALL {
        for _ in 0..3 {
            bench.engine().change_register(kind, RegisterChange::Generate)?;
            let NewRegister::Full(pattern) = bench.registers()?.of(kind).new else {
                return Err(Stop::Failed(format!("{kind}: the new register is not full")));
            };
            ensure!(patterns.insert(pattern), "{kind}: {pattern} twice");
            bench.set(kind)?;
            ensure!(bench.registers()?.of(kind).current == Some(pattern), "{kind}: another key was set");
        }
    }
    for spec in bench.specs()? {
        let key = bench.engine().generate(spec)?;
        bench.fingerprint(&key)?;
    }
    Ok(())
}

fn generations(bench: &Bench) -> Verdict {
    let mut seen = BTreeSet::from([bench.generation()?]);
    let mut another = |what: &str| {
        let now = bench.generation()?;
        ensure!(seen.insert(now), "{what}: generation {now} again");
        Ok(())
    };
    for kind in MasterKeyKind::ALL {
        for (entered, name) in [(Part::First, "first"), (Part::Middle, "middle"), (Part::Final, "final")] {
            bench.load(kind, entered, &part(kind, 1, name))?;
            another("entering a part")?;
        }
        bench.set(kind)?;
        another("setting")?;
        bench.engine().change_register(kind, RegisterChange::Generate)?;
        another("generating")?;
        bench.engine().change_register(kind, RegisterChange::ClearNew)?;
        another("clearing")?;
    }
    Ok(())
}
