//! The engine on a token: what it can do, and that it does what the software engine does.

use std::cell::Cell;
use std::sync::Arc;

use icsf_backends::conformance;
use icsf_backends::pkcs11::Pkcs11;
use icsf_core::backend::Backend;
use softhsm_fixtures::Token;
use tempfile::TempDir;

use crate::pkcs11_support::{options, pin};
use crate::support::in_memory;

/// Runs `test` with a maker of engines that share a token and have registers of their own.
fn with_engines(test: impl FnOnce(&dyn Fn() -> Arc<dyn Backend>)) {
    let token = Token::shared();
    let directory = TempDir::new().unwrap();
    let number = Cell::new(0);
    test(&|| {
        number.set(number.get() + 1);
        let path = directory.path().join(number.get().to_string());
        Arc::new(Pkcs11::create(path, options(&token), pin(token.user_pin())).unwrap())
    });
}

#[test]
fn softhsm_conforms() {
    with_engines(|fresh| {
        let report = conformance::run(fresh);
        report.assert();
        let skipped = "the check value of an HMAC key is as known or declined";
        let skips: Vec<_> = report.cases().filter(|(_, o)| matches!(o, conformance::Outcome::Skipped(_))).collect();
        assert!(skips.iter().all(|(case, _)| *case == skipped), "{report}");
    });
}

#[test]
fn softhsm_does_what_software_does() {
    with_engines(|fresh| {
        let report = conformance::compare(&|| in_memory(), fresh);
        report.assert();
    });
}
