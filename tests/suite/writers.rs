//! Two processes that write one CKDS at once.

use softicsf::System;

use crate::support::{computed, create, expected, process, succeeds, told};

use icsf_core::ClearKey;

const EACH: u64 = 2000;

#[test]
#[ignore = "run as a process of its own by another test"]
fn writer() {
    let (place, number) = told();
    let system = System::open(&place).unwrap();
    let icsf = system.icsf();
    for n in 0..EACH {
        let seed = number * EACH + n;
        let token = || icsf.csnbcki(&ClearKey::from_slice(&crate::support::des_key(seed))).unwrap().value;
        icsf.csnbkrc2(&format!("W{number}.K{n:04}").parse().unwrap(), token()).unwrap();
        // And now and then all write one record.
        if n % 20 == 0 {
            icsf.csnbkrw(token(), &"SHARED".parse().unwrap()).unwrap();
        }
    }
}

#[test]
fn of_what_two_processes_write_at_once_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("sy1");
    let system = create(&place);
    system.icsf().csnbkrc(&"SHARED".parse().unwrap()).unwrap();
    let children = [0, 1].map(|number| process("writers::writer", &place, number).spawn().unwrap());
    children.into_iter().for_each(succeeds);
    for system in [system, System::open(&place).unwrap()] {
        assert_eq!(system.icsf().view().unwrap().kds.len() as u64, 2 * EACH + 1);
        for number in 0..2 {
            for n in 0..EACH {
                let right = expected(number * EACH + n);
                assert_eq!(computed(&system, &format!("W{number}.K{n:04}")).unwrap(), right);
            }
        }
        let last = [0, 1].map(|number| expected(number * EACH + EACH - 20));
        assert!(last.contains(&computed(&system, "SHARED").unwrap()), "the last of one of them stays");
        assert_eq!(system.icsf().verify_ckds().unwrap().bad, []);
    }
}
