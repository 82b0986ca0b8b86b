//! The first request that finds the module hanging is told as much as every later one: the work it gave up knew which
//! service it was in, and with which key.

use std::sync::Arc;
use std::time::Duration;

use icsf_backends::pkcs11::{Options, Pkcs11};
use icsf_core::ClearKey;
use softhsm_fixtures::{Card, Fault, Function};
use softicsf::{MasterKeyKind, System};

use crate::support::{admin, racf, request};

#[test]
fn the_first_failure_names_service_key_and_engine() {
    let (card, directory) = (Card::new(), tempfile::tempdir().unwrap());
    let options = Options::new(card.module(), card.label()).with_wait(Duration::from_millis(300));
    let pin = ClearKey::from_slice(card.user_pin().expose().as_bytes());
    let engine = Pkcs11::create(directory.path().join("registers"), options, pin).unwrap();
    let system = System::in_memory().engine(Arc::new(engine)).build().unwrap();
    system.icsf().generate_master_key(MasterKeyKind::Des).unwrap();
    system.icsf().set_master_key(MasterKeyKind::Des).unwrap();
    for command in [
        "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA) GENERIC(PTKTDATA)",
        "RDEFINE PTKTDATA IRRPTAUTH.** UACC(UPDATE)",
        "RDEFINE PTKTDATA TSOPRD1 SSIGNON(KEYENCRYPTED(E001193519561977))",
        "SETROPTS RACLIST(PTKTDATA) REFRESH",
    ] {
        racf(&system, command);
    }
    let who = request("IBMUSER", "TSOPRD1");
    system.generate(&admin(), &who).unwrap();

    card.inject(Fault::hang().on(Function::EncryptUpdate).times(1));
    let first = system.generate(&admin(), &who).unwrap_err();
    card.heal();
    let cause = first.cause().to_string();
    assert!(cause.starts_with("CSNBENC 12/0: engine is offline: "), "{cause}");
    assert!(cause.contains("C_EncryptUpdate has not returned"), "{cause}");
    assert!(cause.contains("; key IRR.SSIGNON.") && cause.contains(" is wrapped under DES-MK "), "{cause}");
    assert!(cause.ends_with(&format!("; pkcs11 {} ({})", card.label(), card.serial())), "{cause}");
    assert!(!first.cause().remedies().is_empty(), "{first:?}");
}
