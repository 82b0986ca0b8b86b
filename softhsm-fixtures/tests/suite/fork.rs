//! What a forked child of the tests can do.

use cryptoki::error::RvError;
use softhsm_fixtures::{Card, Configuration, ErrorKind, forked};

use crate::support::{application, log_in, process, refusal, said, slot};

#[test]
#[ignore = "run in a process of its own"]
fn child_that_forks() {
    for (reset, expected) in [("false", None), ("true", Some(RvError::CryptokiNotInitialized))] {
        let card = Card::try_new(&Configuration::new().set("library.reset_on_fork", reset)).unwrap();
        let context = application(card.module());
        let session = log_in(&context, slot(&card), card.user_pin()).unwrap();
        let answer = |answer| format!("{:?}", refusal(answer).map(|(value, _)| value));
        let there = forked(|| answer(session.generate_random_vec(8))).unwrap();
        assert_eq!(there, format!("{expected:?}"), "an inherited session, reset_on_fork = {reset}");
        // Other faults of the child stay with it.
        assert_eq!(forked(|| panic!("on purpose")).unwrap_err().kind(), ErrorKind::Child);
        assert_eq!(session.generate_random_vec(8).unwrap().len(), 8);
        assert_eq!(forked(|| card.is_pulled().to_string()).unwrap(), "false");
    }
}

#[test]
fn a_forked_child_has_what_its_parent_had() {
    let scratch = tempfile::tempdir().unwrap();
    let output = process("fork::child_that_forks", scratch.path()).output().unwrap();
    assert!(output.status.success() && said(&output).contains("1 passed"), "{}", said(&output));
}
